"""OpenAI's image API, and servers that speak the same: LocalAI, SGLang, vLLM-Omni, Ollama.

Facts from OpenAI's own document (openai/openai-openapi, August 2026), its guide to images and the types of its Python SDK
3.52.0. A picture comes as base64 in JSON. Nothing there says whether a call that fails is charged: what was turned away
before work began is taken for free, and a picture that moderation withholds once it is made is not.
"""

import abc
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, ClassVar

from imagegen import errors, http, openai_language
from imagegen.providers.base import (
    Answer,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Price,
    Provider,
    SizeRange,
    TokenPrices,
    size_near,
)
from imagegen.reading import counts, json_object, key_fault, no_picture, picture
from imagegen.states import Charged

HOST = "https://api.openai.com/v1"
# The answer does not name the model, and what its tokens cost depends on it.
MODEL_HEADER = "x-chaotix-model"


class _Images(Provider, abc.ABC):
    """What OpenAI and everybody who speaks its language have in common: the call, and how its answer reads."""

    # How sentences call who answers.
    who: ClassVar[str]

    def __init__(self, *, key: str, host: str, key_name: str, total_seconds: float) -> None:
        self._key, self._key_name = key, key_name
        self._client = http.Client(host, total_seconds=total_seconds)

    def send(self, request: ImageRequest, keep: Keep) -> Answer:
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}. Nothing was sent.")
        headers = {**self._headers(), "x-chaotix-attempt": str(request.attempt)}
        with self._client.post_json("/images/generations", headers=headers, content=self._content(request)) as response:
            return keep(response.status, {**response.headers, MODEL_HEADER: request.model}, response.blocks())

    def read(self, answer: Answer) -> ImageResult:
        if answer.status != 200:
            raise openai_language.failure(answer.status, answer.headers, answer.body, who=self.who, key_name=self._key_name)
        content = json_object(answer.body)
        usage = _usage(content.get("usage"))
        tokens = self.model(answer.headers.get(MODEL_HEADER, "")).tokens
        return ImageResult(_picture(content.get("data")), usage=usage, cost=tokens.cost(usage) if tokens else None)

    def check(self) -> str:
        """Ask for the list of models, which costs nothing."""
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}.")
        status, body = self._client.ask("/models", headers=self._headers())
        if status == 401:
            raise errors.NotConfigured(f"{self.who} does not accept the key in {self._key_name}.")
        listed = json_object(body).get("data")
        if status != 200 or not isinstance(listed, list):
            raise errors.Unavailable(f"{self.who} answered {status} when asked for its models.")
        first = self.models[0].name
        is_there = any(isinstance(model, dict) and model.get("id") == first for model in listed)
        accepted = "the key is accepted" if self._key else "it answers"
        return f"{accepted}; {first} is {'' if is_there else 'not '}among its models"

    @abc.abstractmethod
    def _content(self, request: ImageRequest) -> dict[str, Any]:
        """Return the fields to send."""

    def _headers(self) -> dict[str, str]:
        authorization = {"authorization": f"Bearer {self._key}"} if self._key else {}
        return {"accept": "application/json", **authorization}


# The pictures that every GPT image model makes.
SIZES = {"1:1": "1024x1024", "3:2": "1536x1024", "2:3": "1024x1536"}
# https://developers.openai.com/api/docs/guides/image-generation, with two differences: no side can be shorter than the ratio
# and the pixels allow, and a picture must fit into an answer, which a PNG of noise in base64 does with 4 bytes a pixel. For
# OpenAI's own limit of 3840x2160, 33 MB are needed.
ANY_SIZE = SizeRange(
    480, 3840, multiple=16, longest=3, least_pixels=655_360, most_pixels=min(3840 * 2160, http.MAX_BYTES // 4)
)
QUALITIES = ("low", "medium", "high")
# As litellm 1.106.2 quotes that page; those of the 2.6 models are not known.
DAY = date(2026, 11, 21)
TOKENS = TokenPrices(5, 8, 30, "https://developers.openai.com/api/docs/pricing", DAY)
# About what the guide says that comes to, the words of the prompt not counted.
ABOUT = tuple(
    Price(amount, "USD", "https://developers.openai.com/api/docs/guides/image-generation", DAY, "1024x1024", quality)
    for quality, amount in (("low", 0.006), ("medium", 0.053), ("high", 0.211))
)


class OpenAIImages(_Images):
    """OpenAI itself. It is paid by tokens, so what a picture costs is known once it is made."""

    who = "OpenAI"
    # That 2.5 takes any size and two more qualities is told by the SDK's types; of 2.6 they tell neither.
    models = (
        Model("gpt-image-2", ABOUT, ANY_SIZE, QUALITIES, TOKENS),
        Model("gpt-image-2.5-sunburst", (), ANY_SIZE, (*QUALITIES, "xhigh", "max"), TOKENS),
        Model("gpt-image-2.5-flare", (), ANY_SIZE, (*QUALITIES, "xhigh", "max"), TOKENS),
        Model("gpt-image-2.6-sunburst", qualities=QUALITIES),
        Model("gpt-image-2.6-flare", qualities=QUALITIES),
    )
    aspect_ratios = tuple(SIZES)
    negative_prompt = True
    folded = ("negative_prompt",)
    max_prompt = 32_000

    def __init__(
        self,
        *,
        key: str,
        host: str = HOST,
        key_name: str = "OPENAI_API_KEY",
        total_seconds: float = http.TOTAL_SECONDS,
    ) -> None:
        super().__init__(key=key, host=host, key_name=key_name, total_seconds=total_seconds)

    def not_configured(self) -> str | None:
        return key_fault(self._key, self._key_name)

    def refusals(self, request: ImageRequest) -> Iterator[tuple[str, str]]:
        """Also yield what fits alone and not together: OpenAI counts the characters of the one text that it gets."""
        yield from super().refusals(request)
        together = len(_folded(request))
        if together > self.max_prompt >= max(len(request.prompt), len(request.negative_prompt)):
            told = f"has {together} characters together with the prompt that it is told in"
            yield "negative_prompt", f"{told}; at most {self.max_prompt} are allowed"

    def _content(self, request: ImageRequest) -> dict[str, Any]:
        """Return the fields; never response_format, which OpenAI refuses for these models."""
        fields = {
            "model": request.model,
            "prompt": _folded(request),
            "n": 1,
            "size": self._size(request),
            "output_format": "png",
        }
        return fields | ({"quality": request.quality} if request.quality else {})

    def _size(self, request: ImageRequest) -> str:
        if request.size and self.sizes_of(request.model):
            return request.size
        return SIZES[self.ratio_of(request) or self.aspect_ratios[0]]


class OpenAICompatible(_Images):
    """A server of somebody else that speaks OpenAI's language, with models of its own.

    `seed` and `negative_prompt` say whether it heeds these two fields, which OpenAI does not have. What a picture costs is
    not known.
    """

    who = "The server"
    # Each comes within 3 % of a size whose sides are multiples of 64, which every diffusion model draws.
    aspect_ratios = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21")
    sizes = SizeRange(64, 2048, multiple=8)

    def __init__(
        self,
        *,
        host: str,
        models: Sequence[str],
        key: str = "",
        key_name: str = "OPENAI_COMPATIBLE_KEY",
        seed: bool = True,
        negative_prompt: bool = True,
        total_seconds: float = http.TOTAL_SECONDS,
    ) -> None:
        super().__init__(key=key, host=host, key_name=key_name, total_seconds=total_seconds)
        self._host = host
        # What other providers declare for all of their kind is here known of each server alone.
        self.models = tuple(Model(name) for name in models)
        self.seed = seed
        self.negative_prompt = negative_prompt

    def not_configured(self) -> str | None:
        """A key is for the server to ask for: most of these have none."""
        if not self._host:
            return "OPENAI_COMPATIBLE_URL (or the option host) names no server"
        if not self.models:
            return "OPENAI_COMPATIBLE_MODELS (or the option models) names no model"
        return key_fault(self._key, self._key_name) if self._key else None

    def _content(self, request: ImageRequest) -> dict[str, Any]:
        fields = {
            "model": request.model,
            "prompt": request.prompt,
            "n": 1,
            "size": request.size or size_near(request.aspect_ratio or self.aspect_ratios[0], multiple=64),
            # Without it some answer with an address of their own.
            "response_format": "b64_json",
            "seed": request.seed if self.seed else None,
            "negative_prompt": request.negative_prompt or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


def _folded(request: ImageRequest) -> str:
    """Return the prompt with what it should avoid: there is no field for that."""
    return f"{request.prompt}\nAvoid: {request.negative_prompt}." if request.negative_prompt else request.prompt


def _picture(listed: object) -> bytes:
    match listed:
        case [{"b64_json": str(encoded)}, *_] if encoded:
            return picture(encoded)
        case [{"url": str(address)}, *_] if address.startswith("data:"):
            return picture(address)
        case [{"url": str(address)}, *_] if address:
            told = "The provider answered with an address instead of a picture. It may have been paid."
            raise errors.BadAnswer(told, charged=Charged.UNKNOWN)
    raise no_picture()


def _usage(told: object) -> dict[str, int]:
    """Return what a call used up, in tokens; text and pictures are those of the input."""
    details = told.get("input_tokens_details") if isinstance(told, dict) else None
    return {
        **counts(told, "input_tokens", "output_tokens", "total_tokens"),
        **counts(details, "text_tokens", "image_tokens"),
    }
