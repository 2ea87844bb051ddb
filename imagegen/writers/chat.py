"""Chat completions in OpenAI's language: one structured answer with all prompts in it."""

import abc
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from imagegen import errors, http, texts
from imagegen.reading import counts, json_object, key_fault, sentence
from imagegen.states import Charged
from imagegen.writers.base import PromptWriter, Writing, check, check_lines, nothing_written

# How long a list of prompts may take, in seconds: a person waits for it.
TOTAL_SECONDS = 60.0
# The longest prompt that is taken from an answer, in characters.
MAX_PROMPT = 2_000
INSTRUCTIONS = (
    "You write prompts for text-to-image models. Each prompt is one line of plain text that shows one picture: its subject, "
    "what that does, the place, the light, and a style or medium. Prompts differ from each other in subject and style. "
    'Write no numbers before them and no quotation marks around them. Answer with JSON alone: {"prompts": ["...", "..."]}'
)
ANSWER = {
    "type": "json_schema",
    "json_schema": {
        "name": "prompts",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"prompts": {"type": "array", "items": {"type": "string"}}},
            "required": ["prompts"],
            "additionalProperties": False,
        },
    },
}
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$")


class ChatWriter(PromptWriter, abc.ABC):
    """Whoever answers chat completions. Subclasses name the failures."""

    def __init__(self, *, key: str, host: str, model: str, key_name: str, total_seconds: float) -> None:
        self._key, self._key_name, self.model = key, key_name, model
        self._client = http.Client(host, total_seconds=total_seconds, connections=10)

    def not_configured(self) -> str | None:
        return key_fault(self._key, self._key_name)

    def write(self, count: int, theme: str = "", seed: int | None = None) -> Writing:
        check(count, theme, self.most)
        about = f" They are all about this theme: {theme.strip()}" if theme.strip() else ""
        writing = self._ask(f"Write {count} different prompts.{about}", seed)
        return replace(writing, prompts=list(dict.fromkeys(writing.prompts))[:count])

    def carry_on(self, lines: Sequence[str], seed: int | None = None) -> Writing:
        check_lines(lines)
        asked = json.dumps(list(lines), ensure_ascii=False)
        wish = f"Write a fuller prompt for each of these lines, in their order. Each begins with its line as it is. {asked}"
        writing = self._ask(wish, seed)
        if len(writing.prompts) != len(lines):
            told = f"The writer answered with {len(writing.prompts)} prompts for {len(lines)} lines."
            raise _of(errors.BadAnswer(told, charged=Charged.YES), 200, writing.request_id, writing.usage)
        return writing

    @abc.abstractmethod
    def _failure(self, status: int, headers: Mapping[str, str], body: bytes) -> errors.ProviderError:
        """Name what a status other than 200 means."""

    def _ask(self, wish: str, seed: int | None) -> Writing:
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}. Nothing was sent.")
        with self._client.post_json(
            "/chat/completions", headers=self._headers(), content=self._content(wish, seed)
        ) as answer:
            body = b"".join(answer.blocks())
        request_id, found = answer.headers.get("x-request-id", ""), json_object(body)
        usage = counts(found.get("usage"), "prompt_tokens", "completion_tokens", "total_tokens")
        try:
            if answer.status != 200:
                raise self._failure(answer.status, answer.headers, body)
            return Writing(_prompts(_text(found)), usage, request_id)
        except errors.ProviderError as error:
            raise _of(error, answer.status, request_id, usage) from error.__cause__

    def _headers(self) -> dict[str, str]:
        return {"accept": "application/json", **({"authorization": f"Bearer {self._key}"} if self._key else {})}

    def _content(self, wish: str, seed: int | None) -> dict[str, Any]:
        messages = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": wish}]
        content = {"model": self.model, "messages": messages, "response_format": ANSWER, "seed": seed}
        return {name: value for name, value in content.items() if value is not None}


def _of(error: errors.ProviderError, status: int, request_id: str, usage: Mapping[str, int]) -> errors.ProviderError:
    """Return an error with what the answer says about the call: it may cost as much as one that went well."""
    error.http_status, error.request_id, error.usage = status, request_id, usage
    return error


def _text(found: Mapping[str, Any]) -> str:
    """Return what the model says. Raises Refused where it does not want to, BadAnswer where there is nothing."""
    match found.get("choices"):
        case [{"message": {"refusal": str(said)}}, *_] if said:
            raise errors.Refused(f"The writer refused ({sentence(said)}). The call is paid.", charged=Charged.YES)
        case [{"finish_reason": "content_filter"}, *_]:
            raise errors.Refused("The writer's moderation withheld what it wrote. The call is paid.", charged=Charged.YES)
        case [{"finish_reason": "length"}, *_]:
            raise errors.BadAnswer("The writer's answer was cut off. Ask for fewer prompts.", charged=Charged.YES)
        case [{"message": {"content": str(text)}}, *_] if text.strip():
            return text
    # A page of something on the way, perhaps, which no model has written.
    raise nothing_written(Charged.YES if "choices" in found else Charged.UNKNOWN)


def _prompts(text: str) -> list[str]:
    """Return the prompts of an answer, also where they are fenced as code. Raises BadAnswer where there are none."""
    found = json_object(_FENCE.sub("", text).encode(errors="replace")).get("prompts")
    folded = (" ".join(each.split()) for each in (found if isinstance(found, list) else []) if isinstance(each, str))
    prompts = [prompt for prompt in folded if prompt and len(prompt) <= MAX_PROMPT and not texts.fault(prompt)]
    if not prompts:
        raise nothing_written(Charged.YES)
    return prompts
