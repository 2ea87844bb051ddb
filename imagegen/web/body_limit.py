"""Refuse bodies that are too large while they arrive: Django would first write all of them to disk."""

import json
from typing import Any

from imagegen import conf

TOO_LARGE = 413


class _TooLarge(Exception):
    """More has come than is allowed."""


class BodyLimit:
    """ASGI middleware that answers 413 to a body over MAX_BODY_BYTES, announced or not."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        limit, started = conf.max_body_bytes(), False
        left = limit

        async def receive_counted() -> dict[str, Any]:
            nonlocal left
            message: dict[str, Any] = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _TooLarge
            return message

        async def send_noted(message: dict[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        if _announced(scope) > limit:
            await _refuse(send, limit)
            return
        try:
            await self._application(scope, receive_counted, send_noted)
        except _TooLarge:
            if not started:
                await _refuse(send, limit)


def _announced(scope: dict[str, Any]) -> int:
    """Return the length that the client announces, 0 where it says none."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _refuse(send: Any, limit: int) -> None:
    detail = f"The body is larger than {limit // 1024**2} MB, the most allowed."
    body = json.dumps({"type": "about:blank", "title": "Too large", "status": TOO_LARGE, "detail": detail}).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": TOO_LARGE, "headers": headers})
    await send({"type": "http.response.body", "body": body})
