#!/usr/bin/env python3
"""Loads XML documents into the tables of a database, as a contract says: `run_pipeline.py --help`."""

import sys


def run() -> int:
    try:
        # Imported here: that takes a second, in which Ctrl-C must not show a traceback.
        from pipeline.command import main

        return main(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
