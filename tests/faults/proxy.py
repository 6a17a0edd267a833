"""A proxy before a PostgreSQL server that cuts connections at the worst moments: around COMMIT.

    client ──> proxy on 127.0.0.1 ──> server's socket

It reads the messages of PostgreSQL's protocol, which are a letter, a length and a body, just enough to see a COMMIT
that ends a transaction with rows in it, and its answer:

========== ================================================================================
``before``  the COMMIT never reaches the server
``half``    half of the message does
``sent``    all of it does, and nobody waits for the answer
``after``   the server has committed and answered, but the client never hears of it
``rows``    the connection is cut among the rows, before the COMMIT
========== ================================================================================
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections import Counter

MODES = ("before", "half", "sent", "after", "rows")
_COPY_DATA, _QUERY, _READY = b"d", b"Q", b"Z"


class Proxy:
    """Cuts every transaction with rows by ``rate`` (0 to 1), until ``most`` were cut; ``cuts`` counts them by mode."""

    def __init__(self, socket_path: str, chance: random.Random, rate: float, most: int, modes: tuple[str, ...] = MODES):
        self.cuts: Counter[str] = Counter()
        self._socket_path = socket_path
        self._chance, self._rate, self._most = chance, rate, most
        self._modes = chance.sample(modes, len(modes))
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def choose(self) -> str | None:
        """How the next transaction is cut, if it is."""
        with self._lock:
            if self.cuts.total() >= self._most or self._chance.random() >= self._rate:
                return None
            # All modes in turn: so each occurs, however few cuts there are.
            mode = self._modes[self.cuts.total() % len(self._modes)]
            self.cuts[mode] += 1
            return mode

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._socket_path)
            except OSError:
                client.close()
                continue
            _Link(self, client, server).start()


class _Cut(Exception):
    pass


class _Link:
    """One connection: a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket):
        self._proxy, self._client, self._server = proxy, client, server
        self._mode: str | None = None
        self._has_rows = False
        self._swallowing = threading.Event()

    def start(self) -> None:
        for target in (self._to_server, self._to_client):
            threading.Thread(target=target, daemon=True).start()

    def _to_server(self) -> None:
        with contextlib.suppress(OSError, EOFError, _Cut):
            head = _exactly(self._client, 4)  # the start-up message has no letter
            self._server.sendall(head + _exactly(self._client, int.from_bytes(head, "big") - 4))
            while True:
                self._message(_exactly(self._client, 1))
        self._end()

    def _message(self, kind: bytes) -> None:
        head = _exactly(self._client, 4)
        body = _exactly(self._client, int.from_bytes(head, "big") - 4)
        message = kind + head + body
        if kind == _COPY_DATA and not self._has_rows:
            self._has_rows = True
            self._mode = self._proxy.choose()
            if self._mode == "rows":
                self._server.sendall(message[: len(message) // 2])
                raise _Cut
        if self._has_rows and kind == _QUERY and body.rstrip(b"\0").upper() == b"COMMIT":
            self._has_rows = False
            if self._mode == "before":
                raise _Cut
            if self._mode == "half":
                self._server.sendall(message[: len(message) // 2])
                raise _Cut
            if self._mode == "sent":
                self._server.sendall(message)
                raise _Cut
            if self._mode == "after":
                self._swallowing.set()
        self._server.sendall(message)

    def _to_client(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                if not self._swallowing.is_set():
                    data = self._server.recv(1 << 16)
                    if not data:
                        break
                if self._swallowing.is_set():
                    # Its answer ends with ReadyForQuery, whose body is one byte.
                    while data[-6:-5] != _READY:
                        more = self._server.recv(1 << 16)
                        if not more:
                            break
                        data += more
                    break
                self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
