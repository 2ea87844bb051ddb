"""A small HTTP/1.1 server in a thread, low enough to break the protocol on purpose.

It reads requests properly and leaves every byte of the answer to the stand-in that uses it.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Self

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
READ_SIZE = 1 << 18


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    too_large: bool
    """The body passed the limit, so it was read to its end and thrown away."""

    @property
    def wants_close(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


class ServerThread:
    """Serve on 127.0.0.1 from a daemon thread, one conversation per connection."""

    def __init__(self, conversation: Conversation, *, port: int = 0) -> None:
        self._conversation = conversation
        self._socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)
        self._ready = threading.Event()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Cut every open connection and wait until the thread is gone."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        server = await asyncio.start_server(self._converse, sock=self._socket, limit=READ_SIZE)
        self._ready.set()
        await self._closing.wait()
        server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio sets it on sockets of its own making alone, and without it an answer waits 40 ms for an acknowledgement.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._conversation(reader, writer)
        except ConnectionError:
            pass  # the client left: it is free to
        except asyncio.CancelledError:
            # The server stops. Not raised on: asyncio would log each one. Not only closed: that would wait
            # for a client that has stopped reading.
            writer.transport.abort()
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, largest_body: int) -> Request | None:
    """Read one request; None means the client has no more, or does not speak HTTP."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, headers = _parse_head(head)
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, too_large = await _read_body(reader, headers, largest_body)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None
    return Request(method=method, path=path, headers=headers, body=body, too_large=too_large)


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _version = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return method, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str], largest: int) -> tuple[bytes, bool]:
    """Read to the end whatever the size, so that the client is still there to see the answer."""
    pieces, length = [], 0
    async with contextlib.aclosing(_body_pieces(reader, headers)) as arriving:
        async for piece in arriving:
            length += len(piece)
            if length <= largest:
                pieces.append(piece)
    return (b"", True) if length > largest else (b"".join(pieces), False)


async def _body_pieces(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncGenerator[bytes]:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        async for piece in _pieces(reader, int(headers.get("content-length", "0"))):
            yield piece
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        async for piece in _pieces(reader, size):
            yield piece
        await reader.readexactly(2)
    while (await reader.readuntil(b"\r\n")) != b"\r\n":
        pass


async def _pieces(reader: asyncio.StreamReader, length: int) -> AsyncGenerator[bytes]:
    while length > 0:
        piece = await reader.read(min(length, READ_SIZE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(piece)
        yield piece
