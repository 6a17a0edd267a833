#!/usr/bin/env python3
"""Loads XML documents into the tables of a database, as a contract says: `run_pipeline.py --help`."""

import sys

from pipeline.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
