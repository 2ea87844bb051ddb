"""Stability AI, REST v2beta: Stable Image Core, Ultra and Stable Diffusion 3.5.

Facts from Stability's own OpenAPI document for v2beta, read in November 2026. One picture a call; a failed generation is
documented as not charged, and so is a prompt that moderation denies. A picture that moderation blurs is a 200, and nothing
says that it is free.
"""

from datetime import date

from imagegen import errors, http
from imagegen.providers.base import (
    Answer,
    ImageRequest,
    ImageResult,
    Keep,
    Model,
    Price,
    Provider,
    Rate,
)
from imagegen.providers.stability_common import HOST, KEY_NAME, STYLES, TIMED_OUT_SECONDS, balance, read_picture
from imagegen.reading import json_object, key_fault, wait_seconds

SOURCE = "https://platform.stability.ai/docs/api-reference"
DAY = date(2026, 11, 21)
PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp")


def _credits(amount: float) -> tuple[Price, ...]:
    return (Price(amount, "credits", SOURCE, DAY),)


class StabilityV2Beta(Provider):
    """`core`, `ultra` and the `sd3.5` family, each at its own endpoint."""

    models = (
        Model("core", _credits(3)),
        Model("ultra", _credits(8)),
        Model("sd3.5-large", _credits(6.5)),
        Model("sd3.5-large-turbo", _credits(4)),
        Model("sd3.5-medium", _credits(3.5)),
        Model("sd3.5-flash", _credits(2.5)),
    )
    aspect_ratios = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21")
    styles = STYLES
    seed = True
    negative_prompt = True
    rate = Rate(150, 10)

    def __init__(
        self, *, key: str, host: str = HOST, key_name: str = KEY_NAME, total_seconds: float = http.TOTAL_SECONDS
    ) -> None:
        self._key, self._key_name = key, key_name
        self._client = http.Client(host, total_seconds=total_seconds)

    def not_configured(self) -> str | None:
        return key_fault(self._key, self._key_name)

    def send(self, request: ImageRequest, keep: Keep) -> Answer:
        """Post one form; the picture itself is asked for (`image/*`), which costs a third of the CPU of JSON with base64."""
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}. Nothing was sent.")
        headers = {
            "authorization": f"Bearer {self._key}",
            "accept": "image/*",
            "x-chaotix-attempt": str(request.attempt),
        }
        with self._client.post_form(_path(request.model), headers=headers, fields=self._form(request)) as response:
            return keep(response.status, response.headers, response.blocks())

    def read(self, answer: Answer) -> ImageResult:
        if answer.status != 200:
            raise _failure(answer, self._key_name)
        return read_picture(answer, PICTURE_TYPES)

    def check(self) -> str:
        return balance(self._client, {"authorization": f"Bearer {self._key}"}, self._key_name)

    def _form(self, request: ImageRequest) -> dict[str, str]:
        """Return the form's fields; those that are absent keep Stability's own default."""
        fields = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "aspect_ratio": self.ratio_of(request),
            "style_preset": request.style,
            "seed": "" if request.seed is None else str(request.seed),
            "output_format": "png",
            "model": "" if request.model in ("core", "ultra") else request.model,
        }
        return {name: value for name, value in fields.items() if value}


def _path(model: str) -> str:
    return f"/v2beta/stable-image/generate/{model if model in ('core', 'ultra') else 'sd3'}"


def _failure(answer: Answer, key_name: str) -> errors.ProviderError:
    """Name what a status other than 200 means, by the table in Stability's document.

    A page of some gateway between here and there is not in that table, whatever its status.
    """
    described = _described(answer.body)
    said = described or f"status {answer.status}"
    match answer.status:
        case 401:
            return errors.NotConfigured(f"Stability does not accept the key in {key_name}.")
        case 402:
            return errors.OutOfCredit("The account at Stability has no credit left. Nothing was charged.")
        case 403 if "content_moderation" in said:
            return errors.Refused("Stability's moderation denied the prompt. Nothing was charged.")
        case 403 if described:
            return errors.NotConfigured(f"Stability does not let this key do that ({said}).")
        case 422 if "public_figure" in said:
            return errors.Refused("Stability does not draw public figures. Nothing was charged.")
        case 429:
            wait = wait_seconds(answer.headers, TIMED_OUT_SECONDS)
            return errors.RateLimited("Stability takes no more calls for the moment.", retry_after=wait)
        case 400 | 404 | 413 | 422 if described:
            return errors.Invalid(f"Stability does not accept this request ({said}). Nothing was charged.")
        case 500 if described:
            return errors.Unavailable(f"Stability failed to make the picture ({said}). Nothing was charged.")
    return errors.OutcomeUnknown(f"Stability answered with the undocumented status {answer.status}. It may have been paid.")


def _described(body: bytes) -> str:
    """Return "name: error; error" of an error in Stability's own shape, else the empty string."""
    error = json_object(body)
    name, reasons = error.get("name"), error.get("errors")
    if not isinstance(name, str) or not isinstance(reasons, list):
        return ""
    return f"{name}: {'; '.join(str(reason) for reason in reasons)}"[:500]
