"""A stand-in for Stability AI's REST v2beta text-to-image service, with a bill of its own.

    with StabilityStandIn() as stability:
        stability.when("a fox", rate_limited(), success())
        ...  # point the product at stability.url
        assert stability.bill == 3

It checks every request against stability_v2beta.json and answers the documented error where one is broken.
By hand: python -m tests.standins.stability --port 9000 --delay 2 --picture-bytes 1470000
"""

import argparse
import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self

from . import stability_delivery as delivery
from . import stability_limits as limits
from .http_server import Request, ServerThread, read_request
from .stability_answers import (
    Answer,
    bad_crc,
    bad_request,
    bomb,
    drip,
    drip_headers,
    empty,
    endless,
    error,
    error_reply,
    filtered,
    hang_up,
    html,
    huge,
    internal_error,
    invalid_language,
    lying_length,
    missing_iend,
    not_found,
    out_of_credit,
    public_figure,
    rate_limited,
    refused,
    reset_before_headers,
    reset_in_body,
    reset_in_headers,
    silence,
    success,
    too_large,
    truncated,
    unauthorized,
    wrong_type,
)
from .stability_pictures import Painter

__all__ = [
    "Answer",
    "Call",
    "StabilityStandIn",
    "bad_crc",
    "bad_request",
    "bomb",
    "drip",
    "drip_headers",
    "empty",
    "endless",
    "error",
    "filtered",
    "hang_up",
    "html",
    "huge",
    "internal_error",
    "invalid_language",
    "lying_length",
    "missing_iend",
    "not_found",
    "out_of_credit",
    "public_figure",
    "rate_limited",
    "refused",
    "reset_before_headers",
    "reset_in_body",
    "reset_in_headers",
    "silence",
    "success",
    "too_large",
    "truncated",
    "unauthorized",
    "wrong_type",
]

ATTEMPT_HEADER = "x-chaotix-attempt"


@dataclass(frozen=True)
class Call:
    """One line of the bill."""

    attempt: str | None
    """The caller's name for this call, from its x-chaotix-attempt header; None where it sent none."""
    path: str
    prompt: str
    fields: Mapping[str, str]
    """The form as sent; a file is written as its size."""
    status: int | None
    """None where the client never saw a status line."""
    credits: float
    at: float
    """When the request had arrived, on the monotonic clock."""


class StabilityStandIn:
    """Serves while its context is open; a test scripts it and then reads its bill.

    `delay` is how many seconds a picture takes, `picture_bytes` about how large each PNG is.
    """

    # For the audit of bills after each test.
    opened: ClassVar[list["StabilityStandIn"]] = []

    def __init__(self, key: str = "sk-test", delay: float = 0.0, picture_bytes: int | None = None, *, port: int = 0) -> None:
        self.key = key
        self.delay = delay
        self._painter = Painter(picture_bytes)
        self._script: deque[tuple[str, deque[Answer]]] = deque()
        self._standing: deque[tuple[str, Answer]] = deque()
        self._calls: list[Call] = []
        self._in_flight = 0
        self._changed = threading.Condition()
        self._port = port
        self.closed = False

    def __enter__(self) -> Self:
        self._server = ServerThread(self._converse, port=self._port).start()
        self.url = self._server.url
        self.opened.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop()
        self.closed = True

    def when(self, containing: str, *script: Answer) -> None:
        """Let calls whose prompt contains the text take these answers in turn; after the last comes success.

        An empty text is in every prompt. Where several scripts fit, the one given first is used up first.
        """
        with self._changed:
            self._script.append((containing, deque(script)))

    def always(self, containing: str, answer: Answer) -> None:
        """Answer every such call alike once no script fits it; of several, the one given last counts."""
        with self._changed:
            self._standing.appendleft((containing, answer))

    @property
    def calls(self) -> list[Call]:
        """Every request so far, in the order in which pictures were made or errors given."""
        with self._changed:
            return list(self._calls)

    @property
    def bill(self) -> float:
        return sum(call.credits for call in self.calls)

    @property
    def in_flight(self) -> int:
        """How many requests have arrived whose line is not on the bill yet."""
        with self._changed:
            return self._in_flight

    def wait_until_idle(self, timeout: float = 10.0) -> bool:
        """Wait until every request is on the bill, even if its client left; False means the time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, timeout)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader, writer, largest_body=limits.LARGEST_BODY):
            reusable = await self._answer(request, writer)
            if request.wants_close or not reusable:
                return

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer one request and say whether the connection can carry another."""
        at = time.monotonic()
        with self._changed:
            self._in_flight += 1
        try:
            order = limits.order(request, key=self.key)
        except limits.Violation as violation:
            return await self._object(request, violation, at, writer)
        return await self._fill(request, order, at, writer)

    async def _object(self, request: Request, violation: limits.Violation, at: float, writer: asyncio.StreamWriter) -> bool:
        reply = error_reply(violation.name, *violation.errors)
        attempt = request.headers.get(ATTEMPT_HEADER)
        prompt, fields = violation.prompt, violation.fields
        self._enter(Call(attempt, request.path, prompt, fields, reply.status, 0.0, at))
        return await delivery.whole(writer, reply)

    async def _fill(self, request: Request, order: limits.Order, at: float, writer: asyncio.StreamWriter) -> bool:
        """Enter the call before a byte is sent: work done is billed, whoever is left to receive it."""
        answer = self._next_answer(order.prompt)
        await asyncio.sleep(self.delay if answer.delay is None else answer.delay)
        reply = answer.reply(order, self._painter)
        status = reply.status if answer.shows_status else None
        price = order.credits if answer.billed else 0.0
        attempt = request.headers.get(ATTEMPT_HEADER)
        self._enter(Call(attempt, order.path, order.prompt, order.fields, status, price, at))
        return await answer.deliver(writer, reply)

    def _enter(self, call: Call) -> None:
        with self._changed:
            self._calls.append(call)
            self._in_flight -= 1
            self._changed.notify_all()

    def _next_answer(self, prompt: str) -> Answer:
        with self._changed:
            for containing, script in self._script:
                if script and containing in prompt:
                    return script.popleft()
            standing = (answer for containing, answer in self._standing if containing in prompt)
            return next(standing, success())


def main() -> None:
    """Serve until Ctrl-C, then print the bill."""
    parser = argparse.ArgumentParser(description="A local stand-in for Stability AI's REST v2beta.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default="sk-test", help="the key it accepts")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds each picture takes")
    parser.add_argument("--picture-bytes", type=int, help="about how large each PNG is")
    options = parser.parse_args()
    with StabilityStandIn(options.key, options.delay, options.picture_bytes, port=options.port) as stability:
        print(stability.url, flush=True)
        _wait_for_interrupt()
        print(f"{len(stability.calls)} calls, {stability.bill} credits")


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
