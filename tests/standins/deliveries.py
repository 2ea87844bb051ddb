"""Ways an answer travels: as it should, or cut, slow, endless or not at all.

A delivery sends one reply and returns whether the connection can carry another request.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

TICK = 0.05
"""Seconds between two pieces of a slow answer, and the time that sent bytes get to arrive before a reset."""
LINGER_ZERO = struct.pack("ii", 1, 0)
ENDLESS_PIECE = bytes(1 << 18)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


Delivery = Callable[[asyncio.StreamWriter, Reply], Awaitable[bool]]


async def whole(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    writer.write(_head(reply))
    writer.write(reply.body)
    await writer.drain()
    return True


async def cut_short(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Declare the whole body, send half of it, close in good order."""
    writer.write(_head(reply) + reply.body[: len(reply.body) // 2])
    await writer.drain()
    return False


async def understated(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Declare half of the body, send all of it."""
    writer.write(_head(reply, {"content-length": str(len(reply.body) // 2)}) + reply.body)
    await writer.drain()
    return False


async def hung_up(_writer: asyncio.StreamWriter, _reply: Reply) -> bool:
    """Close in good order without a word."""
    return False


async def reset_before_headers(writer: asyncio.StreamWriter, _reply: Reply) -> bool:
    return await _reset(writer, b"")


async def reset_in_headers(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    head = _head(reply)
    return await _reset(writer, head[: len(head) // 2])


async def reset_in_body(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    return await _reset(writer, _head(reply) + reply.body[: len(reply.body) // 2])


def silent(seconds: float) -> Delivery:
    async def deliver(_writer: asyncio.StreamWriter, _reply: Reply) -> bool:
        await asyncio.sleep(seconds)
        return False

    return deliver


def dripped(bytes_per_second: float) -> Delivery:
    """Send the headers at once and the body slowly."""

    async def deliver(writer: asyncio.StreamWriter, reply: Reply) -> bool:
        writer.write(_head(reply))
        await _drip(writer, reply.body, bytes_per_second)
        return True

    return deliver


def dripped_headers(bytes_per_second: float) -> Delivery:
    """Send the headers slowly and then the body at once."""

    async def deliver(writer: asyncio.StreamWriter, reply: Reply) -> bool:
        await _drip(writer, _head(reply), bytes_per_second)
        writer.write(reply.body)
        await writer.drain()
        return True

    return deliver


def endless(declared_length: int | None) -> Delivery:
    """Follow the body with zeros until the client goes, whatever length was declared, if any."""

    async def deliver(writer: asyncio.StreamWriter, reply: Reply) -> bool:
        length = {} if declared_length is None else {"content-length": str(declared_length)}
        headers = {name: value for name, value in reply.headers.items() if name != "content-length"}
        writer.write(_head(Reply(reply.status, headers | length, b""), {"connection": "close"}) + reply.body)
        while not writer.is_closing():
            writer.write(ENDLESS_PIECE)
            await writer.drain()
            await asyncio.sleep(0.001)  # drain() alone lets other calls starve while the client keeps up
        return False

    return deliver


def _head(reply: Reply, changes: Mapping[str, str] | None = None) -> bytes:
    reason = HTTPStatus(reply.status).phrase
    headers = {**reply.headers, **(changes or {})}
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _drip(writer: asyncio.StreamWriter, content: bytes, bytes_per_second: float) -> None:
    step = max(1, int(bytes_per_second * TICK))
    for start in range(0, len(content), step):
        writer.write(content[start : start + step])
        await writer.drain()
        await asyncio.sleep(step / bytes_per_second)


async def _reset(writer: asyncio.StreamWriter, sent_before: bytes) -> bool:
    """Send a few bytes, then RST: lingering for zero seconds is what turns a close into one."""
    writer.write(sent_before)
    await writer.drain()
    await asyncio.sleep(TICK)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    writer.transport.abort()
    return False
