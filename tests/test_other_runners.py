"""One submission to another runner: Beam's portable one, with its job service in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.jobs import Folder, order, orders

PORTABLE = ("--runner", "PortableRunner", "--job_endpoint", "embed", "--environment_type", "LOOPBACK")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    # Beam's servers would listen on all interfaces.
    server = grpc.server

    def local_server(*arguments: Any, **options: Any) -> grpc.Server:
        made = server(*arguments, **options)
        listen = made.add_insecure_port
        made.add_insecure_port = lambda address: listen(address.replace("[::]", "127.0.0.1"))
        return made

    monkeypatch.setattr(grpc, "server", local_server)
    return Folder(tmp_path)


def test_job_on_a_portable_runner(folder: Folder) -> None:
    folder.write("a.xml", orders([order(1), order(2, amount="x"), *(order(number) for number in range(3, 40))]))
    assert folder.run(*PORTABLE) == 3
    assert folder.report["records"] == {"read": 39, "loaded": 38, "skipped": 0, "replaced": 0, "rejected": 1}
    assert folder.report["reconciled"] is True
    assert folder.rows("SELECT count(*) FROM orders") == [(38,)]
    assert [reject["key"] for reject in folder.rejects] == ["2"]
    assert folder.run(*PORTABLE) == 3
    assert folder.report["records"]["skipped"] == 38


def test_runner_that_cannot_be_reached_is_a_failure_in_words(folder: Folder) -> None:
    folder.write("a.xml", orders([order(1)]))
    unreachable = ("--runner", "PortableRunner", "--job_endpoint", "127.0.0.1:1", "--job_server_timeout", "1")
    assert folder.run(*unreachable) == 1
    assert folder.report["state"] == "failed"
    assert "Traceback" not in folder.report["error"]
