"""A TCP proxy that makes a near database a far one: each byte passes after half the round trip, in either direction.

    python -m benchmarks.delay 55432 85 /tmp/.s.PGSQL.5432

Listens on 127.0.0.1 and prints a line when it is ready. Bandwidth is not bounded: only the way is long.
"""

from __future__ import annotations

import asyncio
import sys

_MOST = 1 << 16
_AHEAD = 1 << 14
"""Pieces under way; so many that the delay never becomes a bound of bandwidth."""


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_AHEAD)

    async def deliver() -> None:
        while True:
            due, data = await under_way.get()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            if not data:
                sink.close()
                return
            sink.write(data)
            await sink.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await source.read(_MOST):
            await under_way.put((loop.time() + seconds, data))
    except OSError:
        pass
    await under_way.put((loop.time() + seconds, b""))
    await asyncio.gather(delivery, return_exceptions=True)


async def serve(port: int, round_trip_ms: float, server: str) -> None:
    """Pass on what comes to ``port`` to the Unix socket ``server``, and back."""
    each_way = round_trip_ms / 2000

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(server)
        await asyncio.gather(_pass_on(reader, back, each_way), _pass_on(there, writer, each_way))

    async with await asyncio.start_server(connected, "127.0.0.1", port) as listening:
        print("ready", flush=True)
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
