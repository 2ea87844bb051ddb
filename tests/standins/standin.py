"""What every stand-in does: it serves, follows the script of its test, and keeps a bill of its own."""

import abc
import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from . import deliveries as delivery
from .deliveries import Reply
from .faults import Answer, success
from .http_server import Request, ServerThread, read_request
from .orders import Objection, Order
from .painter import Painter

ATTEMPT_HEADER = "x-chaotix-attempt"
LARGEST_BODY = 10 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One line of the bill."""

    attempt: str | None
    """The caller's name for this call, from its x-chaotix-attempt header; None where it sent none."""
    path: str
    prompt: str
    fields: Mapping[str, Any]
    """What was sent; a file of a form is written as its size."""
    status: int | None
    """None where the client never saw a status line."""
    credits: float
    at: float
    """When the request had arrived, on the monotonic clock."""


class Seller(abc.ABC):
    """Somebody who sells pictures by any protocol: a test scripts it and then reads its bill.

    `delay` is how many seconds a picture takes, `picture_bytes` about how large each PNG is.
    """

    # For the audit of bills after each test: all of them, the name in IMAGE_PROVIDERS of the plug that calls this one, and
    # the environment's name for its address.
    opened: ClassVar[list["Seller"]] = []
    provider: ClassVar[str]
    variable: ClassVar[str]
    url: str

    def __init__(self, key: str = "sk-test", delay: float = 0.0, picture_bytes: int | None = None) -> None:
        self.key = key
        self.delay = delay
        self._painter = Painter(picture_bytes)
        self._script: deque[tuple[str, deque[Answer]]] = deque()
        self._standing: deque[tuple[str, Answer]] = deque()
        self._calls: list[Call] = []
        self._in_flight = 0
        self._changed = threading.Condition()
        self.closed = False

    def __enter__(self) -> Self:
        self.url = self._serve()
        self.opened.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()
        self.closed = True

    @abc.abstractmethod
    def _serve(self) -> str:
        """Begin to serve, and return the address."""

    @abc.abstractmethod
    def _stop(self) -> None:
        """Serve no more."""

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

    def _begin(self) -> float:
        """Note that a request has arrived, and return when."""
        with self._changed:
            self._in_flight += 1
        return time.monotonic()

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


class StandIn(Seller):
    """One that speaks HTTP: a subclass says what a request asks for, and what it answers that is never charged."""

    # Of a request's body, in bytes.
    largest_body: ClassVar[int] = LARGEST_BODY

    def __init__(self, key: str = "sk-test", delay: float = 0.0, picture_bytes: int | None = None, *, port: int = 0) -> None:
        super().__init__(key, delay, picture_bytes)
        self._port = port

    @abc.abstractmethod
    def order(self, request: Request) -> Order:
        """Return what is asked for; raise Objection where the protocol says no."""

    def aside(self, request: Request) -> Reply | None:
        """Answer what is no paid call, such as the question how much credit is left; None for a paid call."""
        return None

    def _serve(self) -> str:
        self._server = ServerThread(self._converse, port=self._port).start()
        return self._server.url

    def _stop(self) -> None:
        self._server.stop()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader, writer, largest_body=self.largest_body):
            free = self.aside(request)
            reusable = await (delivery.whole(writer, free) if free else self._answer(request, writer))
            if request.wants_close or not reusable:
                return

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer one request and say whether the connection can carry another."""
        at = self._begin()
        try:
            order = self.order(request)
        except Objection as objection:
            return await self._object(request, objection, at, writer)
        return await self._fill(request, order, at, writer)

    async def _object(self, request: Request, objection: Objection, at: float, writer: asyncio.StreamWriter) -> bool:
        attempt, reply = request.headers.get(ATTEMPT_HEADER), objection.reply
        self._enter(Call(attempt, request.path, objection.prompt, objection.fields, reply.status, 0.0, at))
        return await delivery.whole(writer, reply)

    async def _fill(self, request: Request, order: Order, at: float, writer: asyncio.StreamWriter) -> bool:
        """Enter the call before a byte is sent: work done is billed, whoever is left to receive it."""
        answer = self._next_answer(order.prompt)
        await asyncio.sleep(self.delay if answer.delay is None else answer.delay)
        reply = answer.reply(order, self._painter)
        status = reply.status if answer.shows_status else None
        price = order.credits if answer.billed else 0.0
        attempt = request.headers.get(ATTEMPT_HEADER)
        self._enter(Call(attempt, order.path, order.prompt, order.fields, status, price, at))
        return await answer.deliver(writer, reply)
