"""A relay in front of a gRPC server, because the server's library cannot be made to break a connection.

It carries bytes both ways, and can cut one connection after so many more bytes of the server's.
"""

import asyncio
import contextlib
import socket

from tests.waiting import PORTS, chance, is_free, unused_port

from .deliveries import LINGER_ZERO, TICK
from .http_server import ServerThread

PIECE = 1 << 20
ENCRYPTED_PORTS = [port for port in PORTS if port % 1000 == 443]


class Wire:
    """What the server sends on one connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._left: int | None = None
        self._resets = False

    def cut(self, after: int, *, resets: bool) -> None:
        """Let so many more bytes through, and then end the connection: by a reset, or in good order."""
        self._resets = resets
        self._left = after

    async def carry(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(PIECE):
            if self._left is not None:
                piece, self._left = piece[: self._left], self._left - len(piece)
            self._writer.write(piece)
            await self._writer.drain()
            if self._left is not None and self._left <= 0:
                return await self._end()

    async def _end(self) -> None:
        if self._resets:
            await asyncio.sleep(TICK)
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            self._writer.transport.abort()


class Relay:
    """Listen for the server on `port` of 127.0.0.1 at another one: at a given one, or else at any that fits.

    By a port that ends in 443 the SDK tells that it has to encrypt.
    """

    def __init__(self, port: int, *, at: int, encrypted: bool) -> None:
        self._port = port
        # By the port that the server sees its client on.
        self._wires: dict[int, Wire] = {}
        self._server = ServerThread(self._carry, port=at or _free_port(encrypted))
        self.address = self._server.url.removeprefix("http://")

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def wire(self, peer: str) -> Wire:
        """Return the connection that the server knows by this name, as "ipv4:127.0.0.1:40000"."""
        return self._wires[int(peer.rpartition(":")[2])]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port, limit=PIECE)
        port = to_server.get_extra_info("sockname")[1]
        wire = self._wires[port] = Wire(writer)
        upwards = asyncio.create_task(_copy(reader, to_server))
        try:
            await wire.carry(from_server)
        finally:
            upwards.cancel()
            to_server.close()
            del self._wires[port]


def _free_port(encrypted: bool) -> int:
    if not encrypted:
        return next(port for port in iter(unused_port, 0) if port % 1000 != 443)
    return next(port for port in chance.sample(ENCRYPTED_PORTS, len(ENCRYPTED_PORTS)) if is_free(port))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
