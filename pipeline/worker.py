"""The entry of a local worker process: Beam's own, shielded from the terminal's signals.

Ctrl-C reaches every process of the terminal's group. A worker that died of it would take its half-done
transactions and the slice with it; the parent alone decides what happens (:mod:`pipeline.signals`).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time


def _end_with_parent() -> None:
    """End this process when its parent is gone; a worker without one would wait for ever."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_with_parent()
    # Beam forwards the log to the parent; without a handler here, it would print all of it twice.
    logging.getLogger().addHandler(logging.NullHandler())
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
