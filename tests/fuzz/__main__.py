"""The long form: `make fuzz`, or `python -m tests.fuzz --help`."""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
import traceback

from tests.fuzz import TARGETS, check


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="in all, default %(default)s")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**9), help="the first one; each case has the next"
    )
    parser.add_argument("--only", choices=TARGETS)
    parser.add_argument("--most", type=int, default=5, help="stop after so many failures, default %(default)s")
    options = parser.parse_args()
    names = [options.only] if options.only else list(TARGETS)
    print(f"first seed {options.seed}", flush=True)
    end = time.monotonic() + options.seconds
    failures = number = 0
    for number in itertools.count():
        if time.monotonic() > end or failures >= options.most:
            break
        name, seed = names[number % len(names)], options.seed + number
        try:
            check(name, seed)
        except Exception:
            failures += 1
            print(
                f"python -m tests.fuzz --only {name} --seed {seed} --most 1 fails:\n{traceback.format_exc()}",
                flush=True,
            )
    print(f"{number} cases, {failures} failures")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
