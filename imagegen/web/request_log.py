"""A name for each request, which its answer and its lines in the log carry; and a line about how it went."""

import logging
import re
import time
from typing import Any
from uuid import uuid4

from imagegen import logs

log = logging.getLogger(__name__)
HEADER = b"x-request-id"
# What a proxy in front may have named it; anything else could be made to look like something in a log.
NAME = re.compile(rb"[\w.-]{1,100}", re.ASCII)
# Machines ask for these every few seconds.
QUIET = ("/healthz", "/readyz", "/metrics")


class RequestLog:
    """ASGI middleware. What is logged of an address is its path: in its query a prompt may stand."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        name, began, status = _name(scope), time.monotonic(), 0

        async def send_named(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (HEADER, name.encode())]}
            await send(message)

        with logs.about(request_id=name):
            try:
                await self._application(scope, receive, send_named)
            finally:
                _say(scope, status, time.monotonic() - began)


def _name(scope: dict[str, Any]) -> str:
    """Return what the client or a proxy calls this request, or else a new name."""
    given = dict(scope["headers"]).get(HEADER, b"")
    return given.decode() if NAME.fullmatch(given) else uuid4().hex


def _say(scope: dict[str, Any], status: int, seconds: float) -> None:
    level = logging.DEBUG if scope["path"] in QUIET else logging.INFO
    words = {"method": scope["method"], "path": scope["path"], "status": status, "seconds": round(seconds, 4)}
    log.log(level, "%(method)s %(path)s was answered %(status)d in %(seconds).3f s", words, extra=logs.facts(**words))
