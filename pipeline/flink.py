"""Cancelling a job on Flink itself: Beam's job server says that a job is cancelled, and does not tell Flink."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

_ANSWER_SECONDS = 10
_POLL_SECONDS = 0.5
_ENDED = ("FINISHED", "CANCELED", "FAILED", "SUSPENDED")


def cancel(master: str, name: str, appears_within: float = 20.0, ends_within: float = 60.0) -> str | None:
    """Cancel the job of this name by Flink's REST interface at ``master``; give the state that it comes to.

    A job that is being submitted may not be there yet; ``None``: it has not appeared. Raises ``OSError`` where Flink
    cannot be reached, and ``TimeoutError``, which is one, where the job does not end. All are seconds.
    """
    url = master if "://" in master else f"http://{master}"
    end = time.monotonic() + appears_within
    while (job := _find(url, name)) is None:
        if time.monotonic() > end:
            return None
        time.sleep(_POLL_SECONDS)
    if job["state"] not in _ENDED:
        request = urllib.request.Request(f"{url}/jobs/{job['jid']}?mode=cancel", method="PATCH")
        urllib.request.urlopen(request, timeout=_ANSWER_SECONDS).close()
    end = time.monotonic() + ends_within
    while (state := _get(f"{url}/jobs/{job['jid']}")["state"]) not in _ENDED:
        if time.monotonic() > end:
            raise TimeoutError(f"{url} has not ended the job {name} after {ends_within:.0f} s; it is {state}")
        time.sleep(_POLL_SECONDS)
    return str(state)


def _find(url: str, name: str) -> dict[str, Any] | None:
    return next((job for job in _get(f"{url}/jobs/overview")["jobs"] if job["name"] == name), None)


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:
        return json.load(answer)
