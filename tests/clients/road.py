"""A road to a server that breaks under the first who travels on it, as where the patience of something between them ends."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

from tests.standins.http_server import READ_SIZE, ServerThread


class BreakingRoad:
    """Carries bytes both ways between its `url` and a port of this machine; use it as a context manager.

    The first connection ends as soon as `breaks_when` says so, the others hold.
    """

    def __init__(self, port: int, *, breaks_when: Callable[[], bool]) -> None:
        self._port = port
        self._breaks_when = breaks_when
        self._is_whole = True
        self._server = ServerThread(self._carry)
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        breaks, self._is_whole = self._is_whole, False
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        ways = [asyncio.create_task(_copy(reader, to_server)), asyncio.create_task(_copy(from_server, writer))]
        try:
            await (self._break() if breaks else asyncio.wait(ways))
        finally:
            for way in ways:
                way.cancel()
            to_server.close()

    async def _break(self) -> None:
        while not await asyncio.to_thread(self._breaks_when):
            await asyncio.sleep(0.05)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(READ_SIZE):
            writer.write(piece)
            await writer.drain()
    writer.close()
