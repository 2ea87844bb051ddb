"""A stand-in for text generation on an endpoint of one's own, as text-generation-inference has it.

    with TextGenerationStandIn() as endpoint:
        endpoint.when("A fox", rate_limited(), success())
        ...  # point the product at endpoint.url, or at endpoint.url + "/generate"

It is rented by the hour: no call is on its bill. The names and types of its parameters are those of huggingface_hub.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from huggingface_hub import TextGenerationInputGenerateParameters
from pydantic import ConfigDict, TypeAdapter, ValidationError

from .chat import Silent
from .deliveries import Reply
from .faults import Answer, told
from .http_server import Request
from .orders import Objection, Order, whole_reply
from .standin import StandIn

# The first wraps its answer in a list, for clients of an older API.
PATHS = ("/", "/generate")
FIELDS = ("inputs", "parameters", "stream")
TYPES: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(kind, config=ConfigDict(strict=True))
    for name, kind in get_type_hints(TextGenerationInputGenerateParameters).items()
    if name not in ("grammar",)
}
WORDS = ("walks", "and", "the", "rain", "slowly", "over", "a", "red", "roof", "while", "somebody", "sings", "below")
USUAL_TOKENS, MOST_TOKENS = 20, 512


@dataclass(frozen=True)
class TextOrder(Order):
    """A line to carry on."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.fields.get("parameters") or {}
        return found

    @property
    def generated(self) -> str:
        """The same for one line and one seed; it never stops by itself, and soon speaks of something else."""
        dice = random.Random(f"{self.seed}\n{self.prompt}")
        words = [dice.choice(WORDS) for _ in range(self.parameters.get("max_new_tokens") or USUAL_TOKENS)]
        words[3::4] = [f"{word}." for word in words[3::4]]
        words[12:13] = [f"\n\n{word}" for word in words[12:13]]
        return " " + " ".join(words)

    def reply(self, picture: bytes) -> Reply:
        return self.told(self.generated)

    def told(self, generated: str) -> Reply:
        """Build the answer around a continuation."""
        text = self.prompt + generated if self.parameters.get("return_full_text") else generated
        answer: dict[str, Any] = {"generated_text": text}
        if self.parameters.get("details"):
            count = len(generated.split())
            answer["details"] = {
                "finish_reason": "length", "generated_tokens": count, "seed": self.seed, "prefill": [], "tokens": [],
            }  # fmt: skip
        return _json_reply(200, [answer] if self.path == "/" else answer)


class TextGenerationStandIn(StandIn):
    """POST / and POST /generate. With an empty key the endpoint is open."""

    provider = "writer:huggingface"
    variable = "HF_TEXT_URL"

    def __init__(self, key: str = "", *args: Any, **options: Any) -> None:
        super().__init__(key, *args, **options)
        self._painter = Silent()

    def order(self, request: Request) -> TextOrder:
        fields = self._fields(request)
        inputs = fields.get("inputs")
        prompt = inputs if isinstance(inputs, str) else ""
        for problem in _problems(fields):
            raise Objection(_error_reply(422, problem, "validation"), prompt=prompt, fields=fields)
        parameters = fields.get("parameters") or {}
        drawn = random.randrange(2**63) if parameters.get("do_sample") else 0
        seed = drawn if parameters.get("seed") is None else parameters["seed"]
        return TextOrder(request.path, fields, prompt, seed, (1, 1), "json", 0.0)

    def aside(self, request: Request) -> Reply | None:
        is_health = request.method == "GET" and request.path in ("/", "/health")
        return whole_reply(200, {"content-type": "text/plain"}, b"") if is_health else None

    def _fields(self, request: Request) -> dict[str, Any]:
        if request.path not in PATHS:
            raise Objection(whole_reply(404, {}, b""))
        if request.method != "POST":
            raise Objection(whole_reply(405, {}, b""))
        if request.headers.get("authorization") != (f"Bearer {self.key}" if self.key else None):
            raise Objection(_json_reply(401, {"error": "Invalid credentials in Authorization header"}))
        try:
            fields = json.loads(request.body)
        except ValueError:
            fields = None
        if request.headers.get("content-type") != "application/json" or not isinstance(fields, dict):
            raise Objection(_error_reply(422, "Failed to parse the request body as JSON", "validation"))
        return fields


def generates(text: str) -> Answer:
    """Carry on with exactly this text."""

    def reply(order: Any, _painter: object) -> Reply:
        told: Reply = order.told(text)
        return told

    return Answer("generates", reply, billed=False)


def body(content: object, *, name: str = "body") -> Answer:
    """Answer 200 with any body; what is not bytes becomes JSON."""
    sent = content if isinstance(content, bytes) else json.dumps(content).encode()
    return told(name, whole_reply(200, {"content-type": "application/json"}, sent))


def invalid(words: str = "Input validation error: `inputs` must have less than 1024 tokens") -> Answer:
    """Object to what is asked, 422."""
    return told("invalid", _error_reply(422, words, "validation"))


def overloaded() -> Answer:
    """Have no room in the queue, 429."""
    return told("overloaded", _error_reply(429, "Model is overloaded", "overloaded"))


def generation_failed() -> Answer:
    """Break down over the request, 424."""
    return told("generation_failed", _error_reply(424, "Request failed during generation: out of memory", "generation"))


def _problems(fields: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"unknown field `{name}`" for name in fields if name not in FIELDS)
    if not isinstance(fields.get("inputs"), str) or not fields["inputs"]:
        yield "Input validation error: `inputs` cannot be empty"
    if fields.get("stream"):
        yield "This stand-in does not stream"
    parameters = fields.get("parameters", {})
    if not isinstance(parameters, dict):
        yield "`parameters` must be an object"
        return
    for name, value in parameters.items():
        yield from _parameter_problems(name, value)


def _parameter_problems(name: str, value: object) -> Iterator[str]:
    if name not in TYPES:
        yield f"unknown field `{name}`"
        return
    try:
        TYPES[name].validate_python(value)
    except ValidationError as error:
        yield f"`{name}`: {error.errors()[0]['msg']}"
        return
    if name == "max_new_tokens" and isinstance(value, int) and not 0 < value <= MOST_TOKENS:
        yield f"Input validation error: `max_new_tokens` must be from 1 to {MOST_TOKENS}"
    if name == "seed" and isinstance(value, int) and not 0 <= value < 2**64:
        yield "`seed` must fit in 64 bits"


def _error_reply(status: int, words: str, kind: str) -> Reply:
    return _json_reply(status, {"error": words, "error_type": kind})


def _json_reply(status: int, content: object) -> Reply:
    return whole_reply(status, {"content-type": "application/json"}, json.dumps(content).encode())
