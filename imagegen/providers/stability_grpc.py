"""Stability AI over gRPC, with the messages of its stability-sdk 0.8.6: Stable Diffusion XL 1.0.

What can be said and answered is read in that package, since Stability documents no more of it. Its own client is not used:
it knows no deadline, waits for ever for a host that is not there, and leaves the key out where it does not encrypt.

The package installs on Python 3.12 or older alone, so it is imported when it is first needed. That takes 0.06 s and 10 MB
(Python 3.11, November 2026), which nobody pays who does not use it.
"""

import functools
import importlib
import importlib.util
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from imagegen import errors, http
from imagegen.providers.base import (
    MAX_SEED,
    Answer,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Provider,
)
from imagegen.providers.stability_common import KEY_NAME, SDXL, SDXL_SIZES, STYLES, TIMED_OUT_SECONDS, blurred
from imagegen.reading import key_fault, no_picture, sentence
from imagegen.states import Charged

HOST = "grpc.stability.ai:443"
GENERATE = "/gooseai.GenerationService/Generate"
# How strictly the picture follows the prompt: what the SDK sends unless it is told otherwise.
CFG_SCALE = 7.0
CHECK_SECONDS = 20.0
# How gRPC frames each message of a stream: whether it is packed, and its length. Answers are kept in these frames.
FRAME = struct.Struct(">BI")
# What the library would do behind our back, each retry and proxy of which may buy twice or show the key to others. The rest
# are its sizes and times in milliseconds: it forgets an idle connection before the server does, and tries a host that is
# not there again every second, not ever more seldom.
OPTIONS = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", http.MAX_BYTES),
    ("grpc.client_idle_timeout_ms", int(http.MAX_IDLE_SECONDS * 1000)),
    ("grpc.min_reconnect_backoff_ms", int(http.CONNECT_SECONDS * 1000)),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
# The HTTP statuses that stand for gRPC's words, by Google's table; whatever is missing here is a 500.
STATUSES = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
# How gRPC begins to say that it found nobody to send a call to. Channels could be watched for that instead, but the thread
# that grpcio 1.63 does it with may keep a process from ending.
UNSENT = ("failed to connect to all addresses", "DNS resolution failed")
NO_PEER = "received from peer  {"
NO_CREDIT = 402
TOO_LARGE = 502


class StabilityGrpc(Provider):
    """SDXL 1.0 by one call that streams its answer.

    `host` is HOST:PORT. Whether it is encrypted says `secure`, or else the SDK's own rule: a port that ends in 443 is.
    """

    models = (Model(SDXL),)
    aspect_ratios = tuple(SDXL_SIZES)
    styles = STYLES
    seed = True
    negative_prompt = True
    max_prompt = 2000

    def __init__(
        self,
        *,
        key: str,
        host: str = HOST,
        secure: bool | None = None,
        key_name: str = KEY_NAME,
        total_seconds: float = http.TOTAL_SECONDS,
    ) -> None:
        self._key, self._key_name, self._host = key, key_name, host
        self._secure = host.endswith("443") if secure is None else secure
        self._total_seconds = total_seconds

    def not_configured(self) -> str | None:
        if fault := key_fault(self._key, self._key_name):
            return fault
        if "://" in self._host:
            return f"the gRPC host of Stability is written HOST:PORT, not {self._host}"
        if not self._secure and not http.is_here(self._host.rpartition(":")[0]):
            return f"the key is not sent to {self._host} in the clear: use a port that ends in 443, or the option secure"
        return _missing_package()

    def send(self, request: ImageRequest, keep: Keep) -> Answer:
        """Make the call and keep whatever came of it, the answers of the stream as they came."""
        sdk = _sdk_of(self)
        # Bytes, for an answer that the SDK cannot parse is one all the same.
        generate = self._channel.unary_stream(GENERATE, request_serializer=sdk.generation.Request.SerializeToString)
        message = _message(request, SDXL_SIZES[self.ratio_of(request) or self.aspect_ratios[0]])
        metadata = (*self._metadata(), ("x-chaotix-attempt", str(request.attempt)))
        came = _come(generate(message, timeout=self._total_seconds, metadata=metadata, wait_for_ready=False))
        headers = {"content-type": "application/grpc+proto", "grpc-status": came.code, "grpc-message": came.details}
        return keep(_status(came), headers, came.frames)

    def read(self, answer: Answer) -> ImageResult:
        """Take the picture, however the stream ended after it."""
        words = _sdk().generation
        artifacts = [artifact for message in _messages(answer.body) for artifact in message.artifacts]
        if any(_is_filtered(artifact, words) for artifact in artifacts):
            raise blurred()
        image = next((artifact for artifact in artifacts if artifact.type == words.ARTIFACT_IMAGE), None)
        if image is None:
            raise no_picture() if answer.status == 200 else _failure(answer, self._key_name)
        if image.finish_reason == words.ERROR:
            said = "Stability ended with an error instead of a picture. It may have been paid."
            raise errors.BadAnswer(said, charged=Charged.UNKNOWN)
        return ImageResult(image.binary, image.seed if 0 < image.seed <= MAX_SEED else None)

    def check(self) -> str:
        """Ask whose key it is, and what the account has left."""
        sdk, seconds = _sdk_of(self), min(self._total_seconds, CHECK_SECONDS)
        stub = sdk.dashboard_grpc.DashboardServiceStub(self._channel)
        options = {"timeout": seconds, "metadata": self._metadata(), "wait_for_ready": False}
        try:
            me = stub.GetMe(sdk.dashboard.EmptyRequest(), **options)
            if not me.organizations:
                return "the key is accepted"
            organization = sdk.dashboard.GetOrganizationRequest(id=me.organizations[0].organization.id)
            balance = stub.GetOrganization(organization, **options).payment_info.balance
        except sdk.grpc.RpcError as error:
            raise self._unasked(error) from error
        # It is told in dollars, as the SDK has it: a hundredth of one is a credit.
        return f"the key is accepted; {balance * 100:g} credits are left"

    def _unasked(self, error: Any) -> errors.ProviderError:
        if error.code().name == "UNAUTHENTICATED":
            return errors.NotConfigured(f"Stability does not accept the key in {self._key_name}.")
        return errors.Unavailable(f"Stability answered {error.code().name} when asked for the balance.")

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._key}"),)

    @functools.cached_property
    def _channel(self) -> Any:
        """The connection that all threads share, made with the first call."""
        grpc = _sdk().grpc
        if self._secure:
            return grpc.secure_channel(self._host, grpc.ssl_channel_credentials(), options=OPTIONS)
        return grpc.insecure_channel(self._host, options=OPTIONS)


@dataclass(frozen=True)
class _Sdk:
    """The modules that are imported late."""

    grpc: Any
    struct: Any
    decode_error: type[Exception]
    generation: Any
    dashboard: Any
    dashboard_grpc: Any


def _sdk_of(provider: StabilityGrpc) -> _Sdk:
    if missing := provider.not_configured():
        raise errors.NotConfigured(f"{missing[0].upper()}{missing[1:]}. Nothing was sent.")
    return _sdk()


@functools.cache
def _sdk() -> _Sdk:
    """Import what speaks and reads gRPC. Without it a kept answer cannot be read, whoever made the call.

    stability_sdk appends four folders of its own to sys.path: its modules import each other by bare names.
    """
    interfaces = "stability_sdk.interfaces.gooseai"
    try:
        return _Sdk(
            importlib.import_module("grpc"),
            importlib.import_module("google.protobuf.struct_pb2"),
            importlib.import_module("google.protobuf.message").DecodeError,
            importlib.import_module(f"{interfaces}.generation.generation_pb2"),
            importlib.import_module(f"{interfaces}.dashboard.dashboard_pb2"),
            importlib.import_module(f"{interfaces}.dashboard.dashboard_pb2_grpc"),
        )
    except ImportError as error:
        raise errors.OutcomeUnknown("The answer cannot be read without stability-sdk. It may have been paid.") from error


@functools.cache
def _missing_package() -> str | None:
    if importlib.util.find_spec("stability_sdk"):
        return None
    if sys.version_info >= (3, 13):
        return "stability-sdk cannot be installed on this Python: it needs 3.12 or older"
    return "the package stability-sdk is not installed"


def _message(request: ImageRequest, size: tuple[int, int]) -> Any:
    """Return the message that the SDK would make of it; what not to draw is a prompt of negative weight."""
    sdk = _sdk()
    words = sdk.generation
    texts = [(request.prompt, 1), *([(request.negative_prompt, -1)] if request.negative_prompt else [])]
    extras = sdk.struct.Struct()
    if request.style:
        extras.update({"$IPC": {"preset": request.style}})
    return words.Request(
        engine_id=request.model,
        request_id=str(request.attempt),
        prompt=[words.Prompt(text=text, parameters=words.PromptParameters(weight=weight)) for text, weight in texts],
        image=words.ImageParameters(
            width=size[0],
            height=size[1],
            samples=1,
            seed=[] if request.seed is None else [request.seed],
            parameters=[words.StepParameter(scaled_step=0, sampler=words.SamplerParameters(cfg_scale=CFG_SCALE))],
        ),
        extras=extras if request.style else None,
    )


class _Came(NamedTuple):
    """What came of a call: its answers in frames, and by which word it ended."""

    frames: list[bytes]
    code: str
    details: str


def _come(call: Any) -> _Came:
    """Wait for the end of a call. Raises Unavailable where it was never sent, BadAnswer where too much comes back."""
    frames: list[bytes] = []
    size = 0
    try:
        for message in call:
            if (size := size + FRAME.size + len(message)) > http.MAX_BYTES:
                raise _too_large()
            frames.append(FRAME.pack(0, len(message)) + message)
    except _sdk().grpc.RpcError as error:
        end: Any = error
        if _was_never_sent(end):
            raise errors.Unavailable("The provider could not be reached; nothing was sent. Nothing was charged.") from error
        return _Came(frames, end.code().name, end.details() or "")
    finally:
        call.cancel()
    return _Came(frames, "OK", "")


def _was_never_sent(end: Any) -> bool:
    """Whether gRPC had no connection to send a call on.

    A server could say the same of somebody behind it; but of the end that it tells, gRPC names the peer it comes from.
    """
    return (end.details() or "").startswith(UNSENT) and NO_PEER in (end.debug_error_string() or "")


def _status(came: _Came) -> int:
    """Return the HTTP status that stands for an end, as the product reads statuses: 401, 402 and 429 stop a provider."""
    if came.code == "RESOURCE_EXHAUSTED" and "balance" in came.details.lower():
        return NO_CREDIT
    if came.code == "RESOURCE_EXHAUSTED" and "larger than max" in came.details.lower():
        return TOO_LARGE
    return STATUSES.get(came.code, 500)


def _messages(body: bytes) -> Iterator[Any]:
    """Yield the answers of a kept body, as far as it holds any."""
    sdk, start = _sdk(), 0
    while start + FRAME.size <= len(body):
        _, length = FRAME.unpack_from(body, start)
        start += FRAME.size
        if start + length > len(body):
            return
        try:
            yield sdk.generation.Answer.FromString(body[start : start + length])
        except sdk.decode_error:
            return
        start += length


def _is_filtered(artifact: Any, words: Any) -> bool:
    """Whether moderation says by a picture, or by what it sends beside it, that the picture was made unrecognisable."""
    classified = artifact.type == words.ARTIFACT_CLASSIFICATIONS
    hidden = classified and artifact.classifier.realized_action == words.ACTION_OBFUSCATE
    return hidden or bool(artifact.finish_reason == words.FILTER)


def _failure(answer: Answer, key_name: str) -> errors.ProviderError:
    """Name what the end of a call without a picture means."""
    code = answer.headers.get("grpc-status", "no word")
    details = sentence(answer.headers.get("grpc-message", ""))
    said = f"{code}: {details}" if details else code
    match answer.status:
        case 400 if any(word in details.lower() for word in ("invalid prompts", "filter", "moderation")):
            return errors.Refused("Stability's moderation denied the prompt. Nothing was charged.")
        case 400 | 404:
            return errors.Invalid(f"Stability does not accept this request ({said}). Nothing was charged.")
        case 401:
            return errors.NotConfigured(f"Stability does not accept the key in {key_name}.")
        case 403:
            return errors.NotConfigured(f"Stability does not let this key do that ({said}). Nothing was charged.")
        case 402:
            return errors.OutOfCredit("The account at Stability has no credit left. Nothing was charged.")
        case 429:
            return errors.RateLimited("Stability takes no more calls for the moment.", retry_after=TIMED_OUT_SECONDS)
        case 502:
            return _too_large()
    return errors.OutcomeUnknown(f"The call ended with {said}. It may have been paid.")


def _too_large() -> errors.BadAnswer:
    said = f"The provider's answer is larger than {http.MAX_BYTES // 1024**2} MB. It may have been paid."
    return errors.BadAnswer(said, charged=Charged.UNKNOWN)
