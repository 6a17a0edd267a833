"""``python -m beamshred`` is the command ``beamshred``."""

import sys

from beamshred.cli import run

if __name__ == "__main__":
    sys.exit(run())
