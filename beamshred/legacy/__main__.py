"""python -m beamshred.legacy legacy.json > contract.yaml"""

import sys

from beamshred.legacy import run_import

if __name__ == "__main__":
    sys.exit(run_import(sys.argv[1:]))
