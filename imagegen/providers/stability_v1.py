"""Stability AI, REST v1: Stable Diffusion XL 1.0, the one engine of this version that still answers.

Facts from Stability's specification of v1 and the part "Version 1" of its newer document, read in November 2026; the sizes
are those of a copy of its schema at stabilityai.apidog.io, the rate that of a copy of its v1 pages at apifox.com. What a
picture costs stands in none of them. Only v2beta says that failed generations are free, so here a failure may be paid.
"""

from typing import Any

from imagegen import errors, http
from imagegen.providers.base import (
    Answer,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Provider,
    Rate,
)
from imagegen.providers.stability_common import (
    HOST,
    KEY_NAME,
    SDXL,
    SDXL_SIZES,
    STYLES,
    TIMED_OUT_SECONDS,
    balance,
    read_picture,
)
from imagegen.reading import json_object, key_fault, sentence, wait_seconds


class StabilityV1(Provider):
    """SDXL 1.0 by JSON. `organization` is the one that pays, where an account belongs to several."""

    models = (Model(SDXL),)
    aspect_ratios = tuple(SDXL_SIZES)
    styles = STYLES
    seed = True
    negative_prompt = True
    max_prompt = 2000
    rate = Rate(150, 10)

    def __init__(
        self,
        *,
        key: str,
        host: str = HOST,
        organization: str = "",
        key_name: str = KEY_NAME,
        total_seconds: float = http.TOTAL_SECONDS,
    ) -> None:
        self._key, self._key_name, self._organization = key, key_name, organization
        self._client = http.Client(host, total_seconds=total_seconds)

    def not_configured(self) -> str | None:
        if self._organization and key_fault(self._organization, ""):
            return "the organization at Stability holds characters that no header can carry"
        return key_fault(self._key, self._key_name)

    def send(self, request: ImageRequest, keep: Keep) -> Answer:
        """Post JSON; the picture itself is asked for (`image/png`), which costs a third of the CPU of JSON with base64."""
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing[0].upper()}{missing[1:]}. Nothing was sent.")
        path = f"/v1/generation/{request.model}/text-to-image"
        headers = {**self._headers(), "accept": "image/png", "x-chaotix-attempt": str(request.attempt)}
        with self._client.post_json(path, headers=headers, content=self._content(request)) as response:
            return keep(response.status, response.headers, response.blocks())

    def read(self, answer: Answer) -> ImageResult:
        if answer.status != 200:
            raise _failure(answer, self._key_name)
        return read_picture(answer, ("image/png",))

    def check(self) -> str:
        return balance(self._client, self._headers(), self._key_name)

    def _headers(self) -> dict[str, str]:
        payer = {"organization": self._organization} if self._organization else {}
        return {"authorization": f"Bearer {self._key}", **payer}

    def _content(self, request: ImageRequest) -> dict[str, Any]:
        """Return the fields; what not to draw is a prompt of negative weight, and those that are absent have a default."""
        width, height = SDXL_SIZES[self.ratio_of(request) or self.aspect_ratios[0]]
        prompts = [{"text": request.prompt, "weight": 1}]
        if request.negative_prompt:
            prompts.append({"text": request.negative_prompt, "weight": -1})
        content: dict[str, Any] = {"text_prompts": prompts, "width": width, "height": height, "samples": 1}
        if request.seed is not None:
            content["seed"] = request.seed
        if request.style:
            content["style_preset"] = request.style
        return content


def _failure(answer: Answer, key_name: str) -> errors.ProviderError:
    """Name what a status other than 200 means; an answer that is not in v1's own shape came from somebody else."""
    name, message = _described(answer.body)
    said = f"{name}: {message}"
    # Seen under other statuses than 402, and then it is no matter of waiting or of the request.
    if answer.status == 402 or (answer.status in (400, 403, 429) and "balance" in said):
        return errors.OutOfCredit("The account at Stability has no credit left. Nothing was charged.")
    match answer.status:
        case 401:
            return errors.NotConfigured(f"Stability does not accept the key in {key_name}.")
        case 403 if name:
            return errors.NotConfigured(f"Stability does not let this key do that ({said}). Nothing was charged.")
        case 400 if name == "invalid_prompts":
            # Turned down by its words, before anything is drawn.
            return errors.Refused("Stability's moderation denied the prompt. Nothing was charged.")
        case 400 | 404 | 413 if name:
            return errors.Invalid(f"Stability does not accept this request ({said}). Nothing was charged.")
        case 429:
            wait = wait_seconds(answer.headers, TIMED_OUT_SECONDS)
            return errors.RateLimited("Stability takes no more calls for the moment.", retry_after=wait)
        case 500 if name:
            return errors.OutcomeUnknown(f"Stability failed to make the picture ({said}). It may have been paid.")
    return errors.OutcomeUnknown(f"Stability answered with the undocumented status {answer.status}. It may have been paid.")


def _described(body: bytes) -> tuple[str, str]:
    """Return name and message of an error in v1's shape, else two empty strings."""
    error = json_object(body)
    name, message = error.get("name"), error.get("message")
    if not isinstance(name, str) or not isinstance(message, str):
        return "", ""
    return sentence(name), sentence(message)
