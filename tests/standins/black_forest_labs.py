"""A stand-in for the asynchronous API of Black Forest Labs, with a bill of its own.

    with BlackForestLabsStandIn() as bfl:
        bfl.when("a fox", rate_limited(), success())
        bfl.on_poll(faults.html(503), faults.hang_up())
        ...  # point the product at bfl.url
        assert bfl.bill == 3

A script is taken when the call is paid: faults of the wire hit that answer, damaged pictures are found at the download. The
rules are those of its OpenAPI document for drawing from text; webhooks and pictures to begin with are not offered.
"""

import asyncio
import json
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .black_forest_labs_rules import MAX_SEED, MODELS, Rules, fault, faults, size
from .deliveries import Reply
from .faults import Answer, success, told
from .http_server import Request
from .orders import Objection, Order, whole_reply
from .standin import StandIn


@dataclass(frozen=True)
class TaskOrder(Order):
    """A request that keeps every rule; its answer says where to ask for the picture."""

    accept: Callable[["TaskOrder", str, bytes], Reply]

    def reply(self, picture: bytes) -> Reply:
        return self.accept(self, "Ready", picture)


@dataclass(frozen=True)
class Question(Order):
    """A question that costs nothing, and how to tell the truth about it."""

    tell: Callable[[], Reply]

    def reply(self, picture: bytes) -> Reply:
        return self.tell()


@dataclass
class Task:
    """What was accepted and what becomes of it."""

    order: TaskOrder
    status: str
    picture: bytes
    polls: int = 0


class BlackForestLabsStandIn(StandIn):
    """Every task is ready at its first poll, unless `pending` polls come before that, or `finishing` is not set."""

    provider = "black-forest-labs"
    variable = "BFL_API_HOST"
    # What the account has left, in credits.
    balance = 1000.0
    # How often each task is still being drawn when somebody asks.
    pending = 0
    # Where it tells clients to ask for tasks and pictures, where that is not its own address.
    public_url = ""

    def __init__(self, key: str = "sk-test", delay: float = 0.0, picture_bytes: int | None = None, *, port: int = 0) -> None:
        super().__init__(key, delay, picture_bytes, port=port)
        self.finishing = threading.Event()
        self.finishing.set()
        self._tasks: dict[str, Task] = {}
        self._poll_script: deque[Answer] = deque()
        self._download_script: deque[Answer] = deque()
        # The headers of each question so far.
        self.polls: list[Mapping[str, str]] = []
        self.downloads: list[Mapping[str, str]] = []

    def on_poll(self, *script: Answer) -> None:
        """Let the next polls, of whatever task, take these answers in turn."""
        self._poll_script.extend(script)

    def on_download(self, *script: Answer) -> None:
        """Let the next downloads, of whatever picture, take these answers in turn."""
        self._download_script.extend(script)

    def order(self, request: Request) -> TaskOrder:
        rules = MODELS.get(request.path.removeprefix("/v1/"))
        if rules is None:
            raise Objection(detailed(404, "Not Found"))
        if request.method != "POST":
            raise Objection(detailed(405, "Method Not Allowed"))
        if request.headers.get("x-key") != self.key:
            raise Objection(detailed(403, "Not authenticated"))
        fields = _fields(request)
        if wrong := list(faults(rules, fields)):
            raise Objection(detailed(422, wrong), prompt=str(fields.get("prompt", "")), fields=fields)
        return self._order(request.path, rules, fields)

    def aside(self, request: Request) -> Reply | None:
        if request.path != "/v1/credits":
            return None
        if request.headers.get("x-key") != self.key:
            return detailed(403, "Not authenticated")
        return _json_reply(200, {"credits": self.balance})

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        if request.path.startswith("/v1/get_result?"):
            self.polls.append(request.headers)
            return await self._tell(self._poll_script, lambda: self._state(request), writer)
        if request.path.startswith("/delivery/"):
            self.downloads.append(request.headers)
            return await self._tell(self._download_script, lambda: self._sample(request), writer)
        return await super()._answer(request, writer)

    async def _tell(self, script: deque[Answer], truth: Callable[[], Reply], writer: asyncio.StreamWriter) -> bool:
        answer = script.popleft() if script else success()
        question = Question("", {}, "", 0, (1, 1), "png", 0, truth)
        return await answer.deliver(writer, answer.reply(question, self._painter))

    def _state(self, request: Request) -> Reply:
        """Answer a poll: what has become of the task."""
        [name] = parse_qs(urlsplit(request.path).query).get("id", [""])
        task = self._tasks.get(name)
        if request.headers.get("x-key") != self.key:
            return detailed(403, "Not authenticated")
        if task is None or task.status == "Task not found":
            return _json_reply(404, {"id": name, "status": "Task not found", "result": None})
        task.polls += 1
        if task.polls <= self.pending or not self.finishing.is_set():
            return _json_reply(200, {"id": name, "status": "Pending", "result": None, "progress": 0.5})
        return _json_reply(200, {"id": name, "status": task.status, "result": self._result(name, task)})

    def _result(self, name: str, task: Task) -> dict[str, Any] | None:
        if task.status != "Ready":
            return None
        sample = f"{self.public_url or self.url}/delivery/{name}/sample.{task.order.output_format}?sig=a%2Bb%3D"
        now = time.time()
        times = {"start_time": now - 1, "end_time": now, "duration": 1.0}
        return {"sample": sample, "prompt": task.order.prompt, "seed": task.order.seed, **times}

    def _sample(self, request: Request) -> Reply:
        """Answer a download, which needs no key: whoever knows the address may have the picture."""
        task = self._tasks.get(request.path.split("/")[2])
        if task is None:
            return whole_reply(404, {"content-type": "application/xml"}, b"<Error><Code>BlobNotFound</Code></Error>")
        return whole_reply(200, {"content-type": f"image/{task.order.output_format}"}, task.picture)

    def _order(self, path: str, rules: Rules, fields: Mapping[str, Any]) -> TaskOrder:
        seed = fields.get("seed")
        return TaskOrder(
            path=path,
            fields=fields,
            prompt=str(fields.get("prompt", "")),
            seed=random.randint(0, MAX_SEED - 1) if seed is None else seed,
            size=size(rules, fields),
            output_format=fields.get("output_format", "jpeg"),
            credits=rules.credits,
            accept=self._accept,
        )

    def _accept(self, order: TaskOrder, status: str, picture: bytes) -> Reply:
        name = str(uuid.uuid4())
        self._tasks[name] = Task(order, status, picture)
        polling_url = f"{self.public_url or self.url}/v1/get_result?id={name}"
        return _json_reply(200, {"id": name, "polling_url": polling_url, "cost": order.credits, "input_mp": 0.0})


def request_moderated() -> Answer:
    """Take the call, then say that the prompt is refused. Not billed: its help page says so."""
    return _ending("request_moderated", "Request Moderated", billed=False)


def content_moderated() -> Answer:
    """Take the call, then withhold the picture. Not billed: its help page says so."""
    return _ending("content_moderated", "Content Moderated", billed=False)


def failed() -> Answer:
    """Take the call, then fail. Billed: nothing says that this is free, and a client must fear that it is not."""
    return _ending("failed", "Error", billed=True)


def lost() -> Answer:
    """Take the call, then know nothing of it. Billed: where it went nobody can say."""
    return _ending("lost", "Task not found", billed=True)


def invalid() -> Answer:
    """Object to a field, 422. Not billed: nothing was begun."""
    return told("invalid", detailed(422, [fault("width", "Input should be a multiple of 32")]))


def bad_request() -> Answer:
    """Answer 400. Not billed: nothing was begun."""
    return told("bad_request", detailed(400, "Malformed request"))


def not_found() -> Answer:
    """Answer 404. Not billed: nothing was begun."""
    return told("not_found", detailed(404, "Not Found"))


def unauthorized() -> Answer:
    """Reject the key, 403. Not billed: there is no account to bill."""
    return told("unauthorized", detailed(403, "Not authenticated"))


def out_of_credit() -> Answer:
    """Answer 402. Not billed: there is nothing left to bill."""
    return told("out_of_credit", detailed(402, "Insufficient credits"))


def rate_limited() -> Answer:
    """Answer 429: too many tasks are active. Not billed: nothing was begun."""
    return told("rate_limited", detailed(429, "Too many active tasks"))


def internal_error() -> Answer:
    """Answer 500 in its own shape. Billed: it is documented, and not that it is free."""
    return told("internal_error", detailed(500, "Internal Server Error"), billed=True)


def said(body: object, status: int = 200) -> Answer:
    """Answer anything in JSON."""
    return told("said", _json_reply(status, body))


def detailed(status: int, detail: object) -> Reply:
    """Build an error in the shape of the framework that the provider uses."""
    return _json_reply(status, {"detail": detail})


def _ending(name: str, status: str, *, billed: bool) -> Answer:
    def reply(order: Order, _painter: object) -> Reply:
        assert isinstance(order, TaskOrder)
        return order.accept(order, status, b"")

    return Answer(name, reply, billed=billed)


def _json_reply(status: int, body: object) -> Reply:
    return whole_reply(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(request.body)
    except ValueError:
        fields = None
    if not request.headers.get("content-type", "").startswith("application/json") or not isinstance(fields, dict):
        raise Objection(detailed(422, [fault("body", "Input should be a valid dictionary")]))
    return fields
