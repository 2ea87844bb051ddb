"""Refuse bodies that are too large while they arrive: Django would first write all of them to disk."""

import asyncio
import contextlib
import json
from typing import Any

from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

from imagegen import conf

DRAIN_SECONDS = 5.0


class BodyLimit:
    """ASGI middleware that answers 413 to a body over MAX_BODY_BYTES, announced or not."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        limit = conf.max_body_bytes()
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif _announced(scope) > limit:
            await _refuse(receive, send, limit)
        else:
            await self._application(scope, _Counted(receive, send, limit), send)


class _Counted:
    """Hands on what comes; past the limit it answers itself, and Django sees a client that has gone."""

    def __init__(self, receive: Any, send: Any, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._size = 0

    async def __call__(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size <= self._limit:
            return message
        await _refuse(self._receive, self._send, self._limit)
        return {"type": "http.disconnect"}


class ChunkedLength(MiddlewareMixin):
    """Django middleware that tells views how long a chunked body is: DRF takes a body without a length for none."""

    def process_request(self, request: HttpRequest) -> None:
        if "chunked" in request.headers.get("Transfer-Encoding", ""):
            request.META["CONTENT_LENGTH"] = str(len(request.body))


def _announced(scope: dict[str, Any]) -> int:
    """Return the length that the client announces, 0 where it says none."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _refuse(receive: Any, send: Any, limit: int) -> None:
    """Answer 413, then read on for a while: a client that is cut off while it sends never sees the answer."""
    detail = f"The body is larger than {limit // 1024**2} MB, the most allowed."
    body = json.dumps({"type": "about:blank", "title": "Content Too Large", "status": 413, "detail": detail}).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await _drain(receive, 5 * limit)
    await send({"type": "http.response.body", "body": b""})


async def _drain(receive: Any, most: int) -> None:
    while most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        if not message.get("more_body"):
            return
