"""A proxy that counts how often a client of PostgreSQL waits for an answer: what a far database makes dear.

A round trip is counted where the client sends after the server has spoken, however many messages that are: statements
that are sent at once (a pipeline) are one. Connecting is one, too, without a password.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

import sqlalchemy as sa

_ON_ITS_WAY = 0.02


@dataclass
class Connection:
    """One connection: its round trips, and what was said first in each, by the letter of the message and its text."""

    trips: list[bytes] = field(default_factory=list)
    is_open: bool = True


class CountingProxy:
    """Passes on what comes to a port of its own to the Unix socket of ``url``."""

    def __init__(self, url: sa.URL) -> None:
        self.connections: list[Connection] = []
        self.most_open = 0
        self._path = f"{url.query['host']}/.s.PGSQL.{url.port or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        query = {name: value for name, value in url.query.items() if name != "host"}
        # Asking for encryption would be a round trip of its own.
        query |= {"sslmode": "disable", "gssencmode": "disable"}
        there = url.set(host="127.0.0.1", port=self._listener.getsockname()[1], query=query)
        self.target = there.render_as_string(hide_password=False)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def trips(self) -> int:
        """Those of all connections."""
        return sum(len(connection.trips) for connection in self.connections)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._path)
                connection = Connection()
                with self._lock:
                    self.connections.append(connection)
                    self.most_open = max(self.most_open, sum(one.is_open for one in self.connections))
                answered = threading.Event()
                answered.set()
                for way in (self._ask, self._answer):
                    threading.Thread(target=way, args=(connection, client, server, answered), daemon=True).start()

    def _ask(
        self, connection: Connection, client: socket.socket, server: socket.socket, answered: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                if data[:1] == b"X":  # nobody waits for the answer to a goodbye
                    connection.is_open = False
                elif answered.is_set():
                    answered.clear()
                    connection.trips.append(data[:1000])
                server.sendall(data)
        connection.is_open = False
        _end(client, server)

    def _answer(
        self, connection: Connection, client: socket.socket, server: socket.socket, answered: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                time.sleep(_ON_ITS_WAY)  # what is sent without waiting for it is sent by now
                answered.set()
                client.sendall(data)
        _end(client, server)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
