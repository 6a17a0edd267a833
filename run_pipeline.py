#!/usr/bin/env python3
"""Loads XML documents into the tables of a database, as a contract says: `run_pipeline.py --help`."""

import logging
import sys

# Beam warns, when it is imported, of packages that only Google's cloud needs.
logging.basicConfig(level=logging.ERROR)

from pipeline.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
