"""Stand-ins for chat completions: OpenAI's, and those of Hugging Face's router, each with a bill of its own, in dollars.

    with ChatStandIn() as chat:
        chat.when("the sea", cut_off(), success())
        ...  # point the product at chat.url, which ends in /v1 like every base address of this API

Every request is checked against the types of the `openai` package. The model behind it reads how many prompts are wanted, or
the lines that somebody began, and keeps to the schema that it is given; without one it chats.
"""

import json
import random
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_type_hints

from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError

from . import hugging_face
from .deliveries import Reply
from .faults import Answer
from .http_server import Request
from .openai_answers import JSON, error_reply, no_model
from .openai_rules import json_fields
from .orders import Objection, Order, whole_reply
from .painter import Painter
from .standin import StandIn

PATH = "/v1/chat/completions"
TYPES: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
# Pydantic looks at what is only iterable later, when nobody asks any more.
MESSAGE: TypeAdapter[Any] = TypeAdapter(ChatCompletionMessageParam)
FIELDS = tuple(get_type_hints(CompletionCreateParamsNonStreaming))
# Dollars a token, made up: of this only more than nothing counts.
PROMPT_PRICE, COMPLETION_PRICE = 1e-6, 5e-6
WHO = ("fox", "owl", "whale", "lantern", "train", "piano", "gardener", "dragon", "kite", "lighthouse")
WHERE = ("in the rain", "at dawn", "under the ice", "on the moon", "behind the waterfall", "in an empty theatre")
HOW = ("oil painting", "woodcut", "watercolour", "film photograph", "pixel art", "charcoal sketch")


@dataclass(frozen=True)
class ChatOrder(Order):
    """A body that keeps every rule."""

    @property
    def says(self) -> str:
        """What the model answers: one text for one seed."""
        prompts = self.prompts
        name = _list_of_texts(self.fields.get("response_format"))
        return json.dumps({name: prompts}) if name else "Here you are:\n" + "\n".join(prompts)

    @property
    def prompts(self) -> list[str]:
        dice = random.Random(f"{self.seed}\n{self.prompt}")
        count, lines = _wish(self.prompt)
        chosen = dice.sample(range(len(WHO) * len(WHERE) * len(HOW)), count)
        ends = [f"{_of(WHERE, number // 10)}, {_of(HOW, number // 60)}" for number in chosen]
        begun = lines or [f"A {_of(WHO, number)}" for number in chosen]
        return [f"{line} {end}" for line, end in zip(begun, ends, strict=True)]

    def reply(self, picture: bytes) -> Reply:
        return self.completion(self.says)

    def completion(self, content: str | None, *, finish_reason: str = "stop", refusal: str | None = None) -> Reply:
        """Build the answer around what the model says."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": refusal, "annotations": []},
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        body = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.fields["model"],
            "choices": [choice],
            "usage": self.usage,
        }
        return whole_reply(200, JSON, json.dumps(body).encode())

    @property
    def usage(self) -> dict[str, int]:
        """Count a token for four characters."""
        read, written = _tokens(str(self.fields["messages"])), _tokens(self.says)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


class Silent(Painter):
    """Draws nothing: who writes has no picture."""

    def draw(self, order: Order) -> bytes:
        return b""


class ChatStandIn(StandIn):
    """POST /v1/chat/completions as OpenAI has it. With an empty key it is open, like a server of one's own."""

    provider = "writer:openai"
    variable = "OPENAI_TEXT_URL"
    models: ClassVar[tuple[str, ...]] = ("gpt-5.4-mini", "gpt-5.4")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._painter = Silent()
        # Every request, as it came.
        self.seen: list[Request] = []

    def order(self, request: Request) -> ChatOrder:
        self.seen.append(request)
        fields = json_fields(request, path=PATH, key=self.key)
        prompt = _last_said(fields)
        for param, message in _problems(fields):
            raise Objection(error_reply(400, message, param=param, code="invalid_value"), prompt=prompt, fields=fields)
        if fields["model"] not in self.models:
            raise Objection(no_model(fields["model"]), prompt=prompt, fields=fields)
        seed = fields.get("seed")
        order = ChatOrder(PATH, fields, prompt, random.randrange(2**32) if seed is None else seed, (1, 1), "json", 0.0)
        used = order.usage
        dollars = used["prompt_tokens"] * PROMPT_PRICE + used["completion_tokens"] * COMPLETION_PRICE
        return ChatOrder(PATH, fields, prompt, order.seed, (1, 1), "json", dollars)

    def _serve(self) -> str:
        return f"{super()._serve()}/v1"


class RouterChatStandIn(ChatStandIn):
    """The same of Hugging Face's router, whose address does not end in /v1 and whose errors are its own."""

    provider = "writer:huggingface"
    variable = "HF_ROUTER_URL"
    models: ClassVar[tuple[str, ...]] = ("openai/gpt-oss-120b", "openai/gpt-oss-120b:cheapest")

    def order(self, request: Request) -> ChatOrder:
        if request.headers.get("authorization") != f"Bearer {self.key}" or not self.key:
            raise Objection(_always(hugging_face.unauthorized()))
        return super().order(request)

    def _serve(self) -> str:
        return super()._serve().removesuffix("/v1")


def says(content: str | None, *, name: str = "says", finish_reason: str = "stop") -> Answer:
    """Answer with this text. Billed: it was written."""
    return _completed(name, lambda order: order.completion(content, finish_reason=finish_reason))


def prompts(*texts: object, name: str = "prompts") -> Answer:
    """Answer with a list of exactly these prompts. Billed: they were written."""
    return says(json.dumps({"prompts": texts}), name=name)


def few(count: int) -> Answer:
    """Write only so many prompts, however many are wanted. Billed: they were written."""
    return _completed("few", lambda order: order.completion(json.dumps({"prompts": order.prompts[:count]})))


def fenced() -> Answer:
    """Fence the list as code, as models like to. Billed: it was written."""
    return _completed("fenced", lambda order: order.completion(f"```json\n{order.says}\n```"))


def cut_off() -> Answer:
    """Run out of tokens in mid-list. Billed: they were written."""
    return _completed("cut_off", lambda order: order.completion(order.says[:-9], finish_reason="length"))


def refusal(words: str = "I'm sorry, but I can't assist with that request.") -> Answer:
    """Have the model itself refuse. Billed: it read the request, and wrote that."""
    return _completed("refusal", lambda order: order.completion(None, refusal=words))


def filtered() -> Answer:
    """Withhold what was written. Billed: it was written."""
    return says("", name="filtered", finish_reason="content_filter")


def body(content: object, *, name: str = "body", billed: bool = True) -> Answer:
    """Answer 200 with any body; what is not bytes becomes JSON. Billed unless told otherwise."""
    sent = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(name, lambda _order, _painter: whole_reply(200, JSON, sent), billed=billed)


def _completed(name: str, reply: Any) -> Answer:
    return Answer(name, lambda order, _painter: reply(order), billed=True)


def _always(answer: Answer) -> Reply:
    """Return the reply of an answer that depends on nothing that is asked."""
    nothing = ChatOrder(PATH, {}, "", 0, (1, 1), "json", 0.0)
    return answer.reply(nothing, Silent())


def _problems(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield field and sentence for whatever breaks a rule; the first is answered, so each may build on those before."""
    yield from ((name, f"Unknown parameter: '{name}'.") for name in fields if name not in FIELDS)
    yield from _faults(TYPES, fields)
    if not fields["messages"]:
        yield "messages", "There must be at least one message."
    for message in fields["messages"]:
        yield from _faults(MESSAGE, message, "messages")
    if fields.get("stream"):
        yield "stream", "This stand-in does not stream."
    yield from _schema_problems(fields.get("response_format"))


def _faults(types: TypeAdapter[Any], value: object, field: str = "") -> Iterator[tuple[str, str]]:
    try:
        types.validate_python(value)
    except ValidationError as error:
        for fault in error.errors():
            yield field or str(fault["loc"][0]), f"Invalid value: {fault['msg']}."


def _schema_problems(asked: Any) -> Iterator[tuple[str, str]]:
    """Yield what a strict schema may not leave out: each object names all of its properties, and has no others."""
    if not isinstance(asked, dict) or asked.get("type") != "json_schema" or not asked["json_schema"].get("strict"):
        return
    for schema in _objects(asked["json_schema"].get("schema")):
        if schema.get("additionalProperties") is not False or {*schema.get("required", ())} != {*schema["properties"]}:
            yield "response_format", "In a strict schema every property is required, and there are no others."


def _objects(schema: Any) -> Iterable[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from _objects(inner)


def _list_of_texts(asked: Any) -> str:
    """Return the name under which a schema wants a list of texts; empty where it wants something else."""
    match asked:
        case {"type": "json_schema", "json_schema": {"schema": {"properties": {**properties}}}}:
            return next((str(name) for name, schema in properties.items() if _is_list_of_texts(schema)), "")
    return ""


def _is_list_of_texts(schema: object) -> bool:
    match schema:
        case {"type": "array", "items": {"type": "string"}}:
            return True
    return False


def _last_said(fields: Mapping[str, Any]) -> str:
    match fields.get("messages"):
        case [*_, {"content": str(text)}]:
            return text
    return ""


def _wish(text: str) -> tuple[int, list[str]]:
    """Return how many prompts are wanted, and the lines that they begin with, if there are any."""
    found = re.search(r"\[.*\]$", text, re.DOTALL)
    try:
        lines = json.loads(found[0]) if found else []
    except ValueError:
        lines = []
    number = re.search(r"\d+", text)
    return (len(lines), lines) if lines else (min(int(number[0]), 360) if number else 1, [])


def _of(words: tuple[str, ...], number: int) -> str:
    return words[number % len(words)]


def _tokens(text: str) -> int:
    return len(text) // 4 + 1
