"""What servers that speak OpenAI's language accept: its fields, and those that diffusion models have besides.

The rules of vLLM-Omni 0.30.0 and SGLang 0.5.23 where they agree, and the wider one where not.
"""

import base64
import json
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .deliveries import Reply
from .http_server import Request
from .openai_answers import JSON, detail_reply, error_reply
from .openai_rules import FIELDS, GENERATE, LARGEST_SEED, json_fields, small, type_problems
from .orders import Objection, Order, whole_reply

# Least and most of the numbers that OpenAI does not have.
NUMBERS: Mapping[str, tuple[float, float]] = {
    "seed": (0, 2**64 - 1),
    "num_inference_steps": (1, 200),
    "guidance_scale": (0.0, 20.0),
}
OWN_FIELDS = (*NUMBERS, "negative_prompt")
LEAST_SIDE, LONGEST_SIDE, STEP = 64, 2048, 8
CREDITS = 1.0


@dataclass(frozen=True)
class PlainOrder(Order):
    """A body of JSON that keeps every rule of these servers; without `response_format` they answer with an address."""

    wants_base64: bool

    def reply(self, picture: bytes) -> Reply:
        encoded = base64.b64encode(picture).decode()
        made = {"b64_json": encoded} if self.wants_base64 else {"url": f"data:image/png;base64,{encoded}"}
        return whole_reply(200, JSON, json.dumps({"created": int(time.time()), "data": [made]}).encode())


def order(request: Request, *, key: str, models: tuple[str, ...]) -> PlainOrder:
    """Return what is asked for; raise Objection where these servers say no."""
    fields = json_fields(request, path=GENERATE, key=key)
    prompt = str(fields.get("prompt", ""))
    if faults := [{"loc": ["body", name], "msg": text, "type": "value_error"} for name, text in _problems(fields)]:
        raise Objection(detail_reply(422, faults), prompt=prompt, fields=fields)
    if fields.get("model") not in models:
        reply = error_reply(404, f"The model {fields.get('model')!r} is not served.", kind="NotFoundError", code=404)
        raise Objection(reply, prompt=prompt, fields=fields)
    size = fields.get("size") or "1024x1024"
    if not _is_size(size):
        raise Objection(detail_reply(400, f"Invalid size {size!r}."), prompt=prompt, fields=fields)
    return _order(fields, size)


def _problems(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from type_problems({name: fields[name] for name in fields if name not in OWN_FIELDS}, FIELDS)
    if not fields.get("prompt"):
        yield "prompt", "Field required"
    if fields.get("n", 1) != 1:
        yield "n", "Input should be 1"
    if not isinstance(fields.get("negative_prompt", ""), str):
        yield "negative_prompt", "Input should be a valid string"
    for name, (least, most) in NUMBERS.items():
        given = fields.get(name, least)
        if type(given) not in (int, type(most)) or not least <= given <= most:
            yield name, f"Input should be a number from {least} to {most}"


def _is_size(text: str) -> bool:
    if not re.fullmatch("[0-9]{1,4}x[0-9]{1,4}", text):
        return False
    return all(LEAST_SIDE <= side <= LONGEST_SIDE and side % STEP == 0 for side in map(int, text.split("x")))


def _order(fields: dict[str, Any], size: str) -> PlainOrder:
    seed = fields["seed"] if "seed" in fields else random.randrange(LARGEST_SEED)
    return PlainOrder(
        path=GENERATE,
        fields=fields,
        prompt=fields["prompt"],
        seed=seed,
        size=small(size),
        output_format="png",
        credits=CREDITS,
        wants_base64=fields.get("response_format") == "b64_json",
    )
