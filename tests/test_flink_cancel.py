"""Cancelling on Flink itself, by a REST interface that answers as Flink's does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline import flink


class Flink(ThreadingHTTPServer):
    """Jobs by id, as (name, state); ``appears`` says after how many looks there are any; one that cancels ends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.jobs = {"1": ("other", "RUNNING"), "2": ("mine", "RUNNING")}
        self.appears = 0
        self.ends = True

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Flink

    def do_GET(self) -> None:
        jobs = [{"jid": jid, "name": name, "state": state} for jid, (name, state) in self.server.jobs.items()]
        if self.path == "/jobs/overview":
            self.server.appears -= 1
            self._say({"jobs": jobs if self.server.appears < 0 else []})
        else:
            self._say(next(job for job in jobs if self.path == f"/jobs/{job['jid']}"))

    def do_PATCH(self) -> None:
        jid = self.path.partition("?")[0].rpartition("/")[2]
        assert self.path == f"/jobs/{jid}?mode=cancel"
        self.server.jobs[jid] = self.server.jobs[jid][0], "CANCELED" if self.server.ends else "CANCELLING"
        self._say({})

    def _say(self, answer: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flink]:
    monkeypatch.setattr(flink, "_POLL_SECONDS", 0.01)
    with Flink() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def test_the_job_of_this_name_is_cancelled_and_no_other(server: Flink) -> None:
    assert flink.cancel(server.address, "mine") == "CANCELED"
    assert server.jobs == {"1": ("other", "RUNNING"), "2": ("mine", "CANCELED")}


def test_job_that_is_not_there_yet(server: Flink) -> None:
    server.appears = 3
    assert flink.cancel(f"http://{server.address}", "mine") == "CANCELED"


def test_job_that_has_ended_stays_as_it_is(server: Flink) -> None:
    server.jobs["2"] = ("mine", "FAILED")
    assert flink.cancel(server.address, "mine") == "FAILED"


def test_job_that_was_never_submitted(server: Flink) -> None:
    assert flink.cancel(server.address, "none", appears_within=0.05) is None


def test_job_that_does_not_end(server: Flink) -> None:
    server.ends = False
    with pytest.raises(TimeoutError, match="has not ended the job mine after 0 s; it is CANCELLING"):
        flink.cancel(server.address, "mine", ends_within=0.05)


def test_flink_that_is_not_there() -> None:
    with pytest.raises(OSError, match="refused"):
        flink.cancel("127.0.0.1:1", "mine")
