"""Hugging Face: Inference Providers behind its router, and an endpoint of one's own that speaks the same language.

Facts from huggingface_hub's source, from Hugging Face's server for endpoints (huggingface-inference-toolkit) and from the
pages of nscale and Together, read in November 2026. huggingface_hub itself is not used: it would post on a session of its
own, where nobody can tell whether the call went out and nothing ends it by wall clock, and it encodes the picture anew. The
tests compare what goes out here with what it sends.

Only inference providers that answer one call with one picture are supported; the names of their models are their own ids,
which huggingface_hub would look up at the Hub. Nobody documents bounds of sizes: these keep a slip from becoming a call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagegen import errors, http, hugging_face_language
from imagegen.providers.base import (
    Answer,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Provider,
    SizeRange,
    pixels,
    size_near,
)
from imagegen.reading import json_object, key_fault, no_picture, picture, sentence

ROUTER = "https://router.huggingface.co"
HUB = "https://huggingface.co"
HF_INFERENCE = "hf-inference"
# The one example of text-to-image in Hugging Face's own documentation of hf-inference.
DEFAULT_MODEL = "stabilityai/stable-diffusion-3-medium-diffusers"
# What the only model of an endpoint is called here; the endpoint itself never hears it.
ENDPOINT = "endpoint"
PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp")


@dataclass(frozen=True)
class Partner:
    """An inference provider that answers with the picture in base64, as OpenAI does; `model` is its own example."""

    response_format: str
    has_size: bool
    seed: bool
    negative_prompt: bool
    model: str = "black-forest-labs/FLUX.1-schnell"
    route: str = "/v1/images/generations"


# https://docs.nscale.com/api-reference/inferencing/create-image, https://github.com/togethercomputer/openapi
PARTNERS = {
    "nscale": Partner("b64_json", has_size=True, seed=False, negative_prompt=False),
    "together": Partner("base64", has_size=False, seed=True, negative_prompt=True),
}


class HuggingFace(Provider):
    """One inference provider behind the router, or the endpoint at `url`."""

    aspect_ratios = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21")
    # Stable Diffusion 3 takes no other steps.
    sizes = SizeRange(64, 2048, multiple=16)

    def __init__(
        self,
        *,
        key: str = "",
        models: Sequence[str] = (),
        url: str = "",
        through: str = HF_INFERENCE,
        bill_to: str = "",
        router: str = ROUTER,
        hub: str = HUB,
        key_name: str = "HF_TOKEN",
        total_seconds: float = http.TOTAL_SECONDS,
    ) -> None:
        if fault := _fault(url, through, bill_to, models):
            raise ValueError(fault)
        self._key, self._key_name, self._url, self._through, self._bill_to = key, key_name, url, through, bill_to
        self._partner = PARTNERS.get(through)
        self._client = http.Client(url or router, total_seconds=total_seconds)
        self._hub = http.Client(hub, total_seconds=total_seconds)
        default = ENDPOINT if url else self._partner.model if self._partner else DEFAULT_MODEL
        self.models = tuple(Model(name) for name in models or (default,))
        self.seed = self._partner is None or self._partner.seed
        self.negative_prompt = self._partner is None or self._partner.negative_prompt

    def not_configured(self) -> str | None:
        """Ask for a key, except where an endpoint of one's own may be open to everybody who reaches it."""
        return None if self._url and not self._key else key_fault(self._key, self._key_name)

    def send(self, request: ImageRequest, keep: Keep) -> Answer:
        """Post one JSON object. Partners are asked for image/png as well, as huggingface_hub does."""
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}. Nothing was sent.")
        headers = {**self._headers(), "accept": "image/png", "x-chaotix-attempt": str(request.attempt)}
        with self._client.post_json(self._path(request), headers=headers, content=self._content(request)) as response:
            return keep(response.status, response.headers, response.blocks())

    def read(self, answer: Answer) -> ImageResult:
        """Take a picture as it came, or out of base64: by the answer alone, whoever the settings name by now."""
        if answer.status != 200:
            raise hugging_face_language.failure(answer.status, answer.headers, answer.body, key_name=self._key_name)
        if answer.headers.get("content-type", "").lower().startswith(PICTURE_TYPES):
            return ImageResult(answer.body)
        match json_object(answer.body):
            case {"data": [{"b64_json": str(encoded)}, *_]}:
                return ImageResult(picture(encoded))
        raise no_picture()

    def check(self) -> str:
        """Ask the Hub whose the key is; an endpoint is asked how it is, which may wake one that sleeps."""
        if self._url:
            return self._check_endpoint()
        status, body = self._hub.ask("/api/whoami-v2", headers=self._headers())
        if status in (401, 403):
            raise errors.NotConfigured(f"Hugging Face does not accept the key in {self._key_name}.")
        name = sentence(json_object(body).get("name"))
        if status != 200 or not name:
            raise errors.Unavailable(f"Hugging Face answered {status} when asked whose the key is.")
        return f"the key is accepted; it belongs to {name}"

    def _check_endpoint(self) -> str:
        status, _ = self._client.ask("/health", headers=self._headers())
        if status in (401, 403):
            raise errors.NotConfigured(f"The endpoint does not accept the key in {self._key_name}.")
        if status >= 500:
            raise errors.Unavailable(f"The endpoint answered {status} when asked how it is.")
        return "the endpoint is ready" if status == 200 else "the endpoint answers, but has no /health to ask"

    def _headers(self) -> dict[str, str]:
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        return {**headers, "x-hf-bill-to": self._bill_to} if self._bill_to else headers

    def _path(self, request: ImageRequest) -> str:
        if self._url:
            return http.own_path(self._url)
        return f"/{self._through}" + (self._partner.route if self._partner else f"/models/{request.model}")

    def _content(self, request: ImageRequest) -> dict[str, Any]:
        options = _options(request)
        if self._partner is None:
            return {"inputs": request.prompt, "parameters": options}
        if self._partner.has_size and "width" in options:
            options["size"] = f"{options.pop('width')}x{options.pop('height')}"
        named = {"model": request.model, "response_format": self._partner.response_format}
        return {"prompt": request.prompt, **named, **options}


def _fault(url: str, through: str, bill_to: str, models: Sequence[str]) -> str:
    """Say what is wrong with the settings, loudly and at once; the empty string where nothing is."""
    known = (HF_INFERENCE, *PARTNERS)
    if through not in known:
        return f"through={through!r} is not one of {', '.join(known)}; others answer with a queue or an address"
    if url and through != HF_INFERENCE:
        return f"an endpoint of one's own is not reached through {through}: give either url or through"
    if not (bill_to.isascii() and bill_to.isprintable()):
        return f"bill_to={bill_to!r} is not the name of an organization"
    return "an endpoint has one model: give one name at most" if url and len(models) > 1 else ""


def _options(request: ImageRequest) -> dict[str, Any]:
    """Return the fields beside the prompt; those that are absent keep the model's own default."""
    size = request.size or (size_near(request.aspect_ratio, multiple=64) if request.aspect_ratio else "")
    options: dict[str, Any] = dict(zip(("width", "height"), pixels(size), strict=True)) if size else {}
    if request.negative_prompt:
        options["negative_prompt"] = request.negative_prompt
    if request.seed is not None:
        options["seed"] = request.seed
    return options
