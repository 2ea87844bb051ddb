"""Chat models of OpenAI, and of servers that speak its language: Ollama, vLLM, LocalAI.

Facts from OpenAI's own document (openai/openai-openapi, August 2026) and the types of its Python SDK 3.52.0. What a call
costs goes by tokens, whose price is not told; they are noted.
"""

from collections.abc import Mapping

from imagegen import errors, http, openai_language
from imagegen.reading import key_fault
from imagegen.writers.chat import TOTAL_SECONDS, ChatWriter

HOST = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-5.4-mini"


class OpenAIChat(ChatWriter):
    """A chat model behind OpenAI's API, or behind another server that speaks it, which may need no key."""

    def __init__(
        self,
        *,
        key: str = "",
        host: str = HOST,
        model: str = DEFAULT_MODEL,
        key_name: str = "OPENAI_API_KEY",
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        super().__init__(key=key, host=host, model=model, key_name=key_name, total_seconds=total_seconds)
        self._needs_key = host == HOST
        # Nobody charges for calls to one's own machine.
        self.is_free = http.is_here(host)

    def not_configured(self) -> str | None:
        return key_fault(self._key, self._key_name) if self._needs_key or self._key else None

    def _failure(self, status: int, headers: Mapping[str, str], body: bytes) -> errors.ProviderError:
        return openai_language.failure(status, headers, body, who="The writer", key_name=self._key_name, work="text")
