"""A stand-in for Stability AI's gRPC service, on the SDK's own generated messages and services, with a bill of its own.

It checks every request as strictly as the SDK's messages allow and aborts with the word that is known for each fault. Of the
faults of faults.py it gives those that gRPC can have, by their names; the bytes go through a relay that can cut them.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from stability_sdk.interfaces.gooseai.dashboard import dashboard_pb2, dashboard_pb2_grpc
from stability_sdk.interfaces.gooseai.generation import generation_pb2, generation_pb2_grpc

from . import stability_grpc_limits as limits
from .deliveries import Reply
from .faults import Answer, told
from .orders import Objection, Order
from .painter import Painter
from .stability_grpc_limits import ENGINE, GrpcOrder, error_reply
from .stability_grpc_relay import Relay, Wire
from .standin import ATTEMPT_HEADER, Call, Seller

THREADS = 256
GENERATE = "/gooseai.GenerationService/Generate"
TICK = 0.02
# Faults of faults.py that are about the text of HTTP/1.1.
HTTP_ONLY = ("lying_length", "drip", "drip_headers", "reset_in_headers")
HUGE = 26 * 1024 * 1024
# What gRPC makes of the status of a page that some gateway answers; anything else is UNKNOWN.
# https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
GATEWAYS = {
    400: "INTERNAL", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "UNIMPLEMENTED", 429: "UNAVAILABLE",
    502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "UNAVAILABLE",
}  # fmt: skip


class StabilityGrpcStandIn(Seller):
    """The generation of pictures, and the dashboard that tells the balance.

    An empty key lets everybody in, as the SDK sends none where it does not encrypt. `credentials` make it speak TLS; its
    address then ends in 443, else never, for that is how the SDK tells.
    """

    provider = "stability-grpc"
    variable = "STABILITY_GRPC_HOST"
    # What the account has left, in credits.
    balance = 1000.0

    def __init__(
        self,
        key: str = "sk-test",
        delay: float = 0.0,
        picture_bytes: int | None = None,
        *,
        port: int = 0,
        credentials: Any = None,
    ) -> None:
        super().__init__(key, delay, picture_bytes)
        self._port = port
        self._credentials = credentials
        self._closing = threading.Event()

    def _serve(self) -> str:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stability-grpc")
        self._grpc = grpc.server(self._threads)
        generation_pb2_grpc.add_GenerationServiceServicer_to_server(_Generation(self._generate), self._grpc)
        dashboard_pb2_grpc.add_DashboardServiceServicer_to_server(_Dashboard(self), self._grpc)
        if self._credentials:
            port = self._grpc.add_secure_port("127.0.0.1:0", self._credentials)
        else:
            port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self._relay = Relay(port, at=self._port, encrypted=bool(self._credentials))
        self._relay.start()
        return self._relay.address

    def _stop(self) -> None:
        self._relay.stop()
        self._closing.set()
        self._grpc.stop(None).wait()
        self._threads.shutdown()

    def knows(self, context: Any) -> bool:
        """Whether a caller has the key."""
        return not self.key or _metadata(context).get("authorization") == f"Bearer {self.key}"

    def _generate(self, request: Any, context: Any) -> Iterator[Any]:
        at, attempt = self._begin(), _metadata(context).get(ATTEMPT_HEADER)
        try:
            order = limits.order(request, knows_key=self.knows(context))
        except Objection as objection:
            reply = objection.reply
            self._enter(Call(attempt, GENERATE, objection.prompt, objection.fields, reply.status, 0.0, at))
            _abort(context, reply)
            return
        answer = self._next_answer(order.prompt)
        if self._closing.wait(self.delay if answer.delay is None else answer.delay):
            context.abort(grpc.StatusCode.UNAVAILABLE, "closed")
        reply = answer.reply(order, self._painter)
        status = reply.status if answer.shows_status else None
        price = order.credits if answer.billed else 0.0
        self._enter(Call(attempt, GENERATE, order.prompt, order.fields, status, price, at))
        yield from self._told(answer, reply, context)

    def _told(self, answer: Answer, reply: Reply, context: Any) -> Iterator[Any]:
        """Yield the messages of an answer; how it travels is told by its name."""
        # Before a picture a server says now and then that it is still there.
        yield generation_pb2.Answer(answer_id=uuid.uuid4().hex)
        assert answer.name not in HTTP_ONLY, f"gRPC has no {answer.name}"
        if answer.name in WIRES:
            WIRES[answer.name](self._relay.wire(context.peer()), len(reply.body))
        if answer.name in ("silence", "keepalives"):
            return (yield from self._still_there(context, every=TICK if answer.name == "keepalives" else None))
        if reply.status != 200 or "grpc-status" not in reply.headers:
            return _abort(context, reply)
        yield _large(HUGE) if answer.name == "huge" else generation_pb2.Answer.FromString(reply.body)
        while answer.name == "endless" and context.is_active():
            yield _large(1 << 22)

    def _still_there(self, context: Any, *, every: float | None) -> Iterator[Any]:
        """Go on until the caller is gone, in silence or with signs of life."""
        while context.is_active() and not self._closing.wait(every or TICK):
            if every:
                yield generation_pb2.Answer(answer_id=uuid.uuid4().hex)


class _Generation:
    """What the SDK's generated code wants of a service."""

    def __init__(self, generate: Callable[[Any, Any], Iterator[Any]]) -> None:
        self.Generate = generate

    def ChainGenerate(self, request: Any, context: Any) -> Iterator[Any]:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this stand-in makes one picture a call")
        yield


class _Dashboard(dashboard_pb2_grpc.DashboardServiceServicer):  # type: ignore[misc]
    """Who has this key, and what is left in the account."""

    def __init__(self, standin: StabilityGrpcStandIn) -> None:
        self._standin = standin

    def GetMe(self, request: Any, context: Any) -> Any:
        self._check(context)
        member = dashboard_pb2.OrganizationMember(organization=dashboard_pb2.Organization(id="org-123"), is_default=True)
        return dashboard_pb2.User(id="user-1", email="a@example.com", organizations=[member])

    def GetOrganization(self, request: Any, context: Any) -> Any:
        self._check(context)
        if request.id != "org-123":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such organization")
        payment = dashboard_pb2.OrganizationPaymentInfo(balance=self._standin.balance / 100)
        return dashboard_pb2.Organization(id=request.id, payment_info=payment)

    def _check(self, context: Any) -> None:
        if not self._standin.knows(context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "missing authentication header")


def _cut_at_once(wire: Wire, _length: int) -> None:
    wire.cut(0, resets=False)


def _reset_at_once(wire: Wire, _length: int) -> None:
    wire.cut(0, resets=True)


def _cut_half(wire: Wire, length: int) -> None:
    wire.cut(length // 2, resets=False)


def _reset_half(wire: Wire, length: int) -> None:
    wire.cut(length // 2, resets=True)


# What happens to the connection, by the name of the fault.
WIRES: dict[str, Callable[[Wire, int], None]] = {
    "hang_up": _cut_at_once,
    "reset_before_headers": _reset_at_once,
    "truncated": _cut_half,
    "reset_in_body": _reset_half,
}


def refused() -> Answer:
    """Turn the prompt down for its words. Not billed: before any picture."""
    return error("INVALID_ARGUMENT", "Invalid prompts detected")


def bad_request(text: str = "cfg_scale: must be between 0 and 35") -> Answer:
    """Object to a field. Not billed: nothing was begun."""
    return error("INVALID_ARGUMENT", text)


def unauthorized() -> Answer:
    """Reject the key. Not billed: there is no account to bill."""
    return error("UNAUTHENTICATED", "missing authentication header")


def permission_denied() -> Answer:
    """Let this key not do that. Not billed: nothing was begun."""
    return error("PERMISSION_DENIED", "you lack the necessary permissions")


def out_of_credit() -> Answer:
    """Say that too little is left. Not billed: there is nothing left to bill."""
    return error("RESOURCE_EXHAUSTED", "Your organization does not have enough balance to request this action")


def rate_limited() -> Answer:
    """Take no more calls. Not billed: nothing was begun."""
    return error("RESOURCE_EXHAUSTED", "too many requests")


def not_found() -> Answer:
    """Know no such engine. Not billed: nothing was begun."""
    return error("NOT_FOUND", f"The specified engine (ID {ENGINE}) was not found.")


def failure(word: str) -> Answer:
    """End with UNAVAILABLE, INTERNAL and the like. Billed: nothing says that it is free, and a client must fear it."""
    return error(word, "please try again", billed=True)


def error(word: str, details: str, *, billed: bool = False) -> Answer:
    """End with a word of gRPC's, at once."""
    return told(word, error_reply(word, details), billed=billed)


def filtered() -> Answer:
    """Send a blurred picture that says so. Billed: it was made."""
    return Answer("filtered", lambda order, painter: _made(order, painter.blur(order), generation_pb2.FILTER), billed=True)


def classified() -> Answer:
    """Say beside the picture that moderation has hidden it. Billed: it was made."""
    return Answer("classified", _classified_reply, billed=True)


def failed() -> Answer:
    """Send a picture that says that there was an error. Billed: nothing says that it is free."""
    return Answer("failed", lambda order, painter: _made(order, painter.draw(order), generation_pb2.ERROR), billed=True)


def no_picture() -> Answer:
    """End well without a picture. Billed: a client must fear that one was made."""
    return Answer("no_picture", lambda _order, _painter: limits.answer_reply(), billed=True)


def keepalives() -> Answer:
    """Say for ever that it is still there. Billed: a client that gives up cannot know that no picture was made."""
    return Answer("keepalives", lambda order, painter: order.reply(painter.draw(order)), billed=True, shows_status=False)


def _made(order: Order, picture: bytes, finish_reason: int) -> Reply:
    assert isinstance(order, GrpcOrder)
    return order.generated(picture, finish_reason)


def _classified_reply(order: Order, painter: Painter) -> Reply:
    assert isinstance(order, GrpcOrder)
    classifier = generation_pb2.ClassifierParameters(realized_action=generation_pb2.ACTION_OBFUSCATE)
    hidden = generation_pb2.Artifact(type=generation_pb2.ARTIFACT_CLASSIFICATIONS, classifier=classifier)
    return limits.answer_reply(order.image(painter.blur(order), generation_pb2.STOP), hidden)


def _large(size: int) -> Any:
    return generation_pb2.Answer(artifacts=[generation_pb2.Artifact(binary=bytes(size))])


def _metadata(context: Any) -> dict[str, str]:
    return dict(context.invocation_metadata())


def _abort(context: Any, reply: Reply) -> None:
    """End a call with the word of a reply, or with the one that gRPC has for a gateway's status."""
    word = reply.headers.get("grpc-status") or GATEWAYS.get(reply.status, "UNKNOWN")
    is_page = "grpc-status" not in reply.headers
    details = f"Received http2 header with status: {reply.status}" if is_page else reply.body.decode()
    context.abort(grpc.StatusCode[word], details)
