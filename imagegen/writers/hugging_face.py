"""Hugging Face: a chat model behind its router, or text generation on an endpoint of one's own, such as GPT-2.

Facts from Hugging Face's documentation and huggingface_hub's source, November 2026: hf-inference serves no text generation,
and GPT-2 not at all; the router speaks OpenAI's language, and text-generation-inference takes `inputs` and `parameters`.
"""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from imagegen import errors, http, hugging_face_language
from imagegen.reading import json_value, key_fault, sentence
from imagegen.states import Charged
from imagegen.writers.base import PromptWriter, Writing, check, check_lines, nothing_written
from imagegen.writers.chat import TOTAL_SECONDS, ChatWriter
from imagegen.writers.continuing import begun, ended

ROUTER = "https://router.huggingface.co"
DEFAULT_MODEL = "openai/gpt-oss-120b"
# Requests to an endpoint at the same time, and the longest continuation in tokens.
AT_ONCE = 8
MAX_TOKENS = 60


class HuggingFaceChat(ChatWriter):
    """Any chat model of the router."""

    def __init__(
        self,
        *,
        key: str,
        model: str = DEFAULT_MODEL,
        router: str = ROUTER,
        key_name: str = "HF_TOKEN",
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        super().__init__(
            key=key, host=f"{router.rstrip('/')}/v1", model=model, key_name=key_name, total_seconds=total_seconds
        )

    def _failure(self, status: int, headers: Mapping[str, str], body: bytes) -> errors.ProviderError:
        return hugging_face_language.failure(status, headers, body, key_name=self._key_name)


class HuggingFaceText(PromptWriter):
    """Text generation on an endpoint of one's own: it continues lines, and is asked once for each."""

    is_free = True
    most = 50

    def __init__(self, *, url: str, key: str = "", key_name: str = "HF_TOKEN", total_seconds: float = TOTAL_SECONDS) -> None:
        self._url, self._key, self._key_name = url, key, key_name
        self._client = http.Client(url, total_seconds=total_seconds, connections=AT_ONCE)

    def not_configured(self) -> str | None:
        """A key is for the endpoint to ask for: one's own may need none."""
        return key_fault(self._key, self._key_name) if self._key else None

    def write(self, count: int, theme: str = "", seed: int | None = None) -> Writing:
        check(count, theme, self.most)
        dice = random.Random(seed)
        writing = self._continued(begun(count, theme, dice), dice)
        return replace(writing, prompts=list(dict.fromkeys(writing.prompts)))

    def carry_on(self, lines: Sequence[str], seed: int | None = None) -> Writing:
        check_lines(lines)
        return self._continued(lines, random.Random(seed))

    def _continued(self, lines: Sequence[str], dice: random.Random) -> Writing:
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}. Nothing was sent.")
        seeds = [dice.randrange(2**31) for _ in lines]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prompts") as pool:
            return Writing(list(pool.map(self._one, lines, seeds)))

    def _one(self, line: str, seed: int) -> str:
        parameters = {"max_new_tokens": MAX_TOKENS, "do_sample": True, "return_full_text": True, "seed": seed}
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        with self._client.post_json(
            http.own_path(self._url), headers=headers, content={"inputs": line, "parameters": parameters}
        ) as answer:
            body = b"".join(answer.blocks())
        if answer.status != 200:
            raise hugging_face_language.failure(answer.status, answer.headers, body, key_name=self._key_name)
        return ended(line, _generated(json_value(body)))


def _generated(found: Any) -> str:
    match found:
        case [{"generated_text": str(text)}, *_] | {"generated_text": str(text)}:
            return text
        case {"error": str(said)}:
            raise errors.BadAnswer(f"The endpoint answered with an error ({sentence(said)}).", charged=Charged.NO)
    raise nothing_written(Charged.UNKNOWN)
