"""Servers that speak the API of Automatic1111's web UI: that one, Forge, SD.Next, on one's own machine or on a rented one.

Facts from AUTOMATIC1111/stable-diffusion-webui, modules/api/{api,models}.py. Nobody bills a call, but somebody may rent the
machine, so what a picture costs is unknown. The server draws one picture at a time and lets the other calls wait.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from imagegen import errors, http
from imagegen.providers.base import (
    MAX_SEED,
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
from imagegen.reading import json_object, no_picture, picture, sentence, wrong_fields

# A picture may take minutes on a machine without a graphics card, and each call waits for those before it.
TOTAL_SECONDS = 600.0
# What is drawn where no model was named: whatever the server has loaded.
LOADED = "loaded"
_API = "/sdapi/v1"


class Automatic1111(Provider):
    """Stable Diffusion on a server of one's own."""

    aspect_ratios = ("1:1", "21:9", "16:9", "3:2", "5:4", "4:5", "2:3", "9:16", "9:21")
    sizes = SizeRange(64, 2048, multiple=8)
    seed = True
    negative_prompt = True

    def __init__(
        self,
        *,
        host: str,
        user: str = "",
        password: str = "",
        models: Sequence[str] = (),
        steps: int | None = None,
        sampler: str = "",
        side: int = 1024,
        host_name: str = "AUTOMATIC1111_URL",
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """`side` is the one of a square that the models were made for: 512 for Stable Diffusion 1.5, 1024 for SDXL."""
        self.models = tuple(Model(name) for name in models) or (Model(LOADED),)
        self._named = tuple(models)
        self._steps, self._sampler, self._side = steps, sampler, side
        self._host, self._host_name = host, host_name
        self._login = _basic(user, password) if user else {}
        self._client = http.Client(host, total_seconds=total_seconds)

    def not_configured(self) -> str | None:
        return None if self._host else f"{self._host_name} is not set"

    def send(self, request: ImageRequest, keep: Keep) -> Answer:
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}. Nothing was sent.")
        headers = {**self._login, "x-chaotix-attempt": str(request.attempt)}
        with self._client.post_json(f"{_API}/txt2img", headers=headers, content=self._content(request)) as response:
            return keep(response.status, response.headers, response.blocks())

    def read(self, answer: Answer) -> ImageResult:
        found = json_object(answer.body)
        if answer.status != 200:
            raise self._failure(answer.status, found)
        match found.get("images"):
            # Scripts of the server may add others, such as the outlines that a picture was drawn along.
            case [str(first), *_]:
                return ImageResult(picture(first), _seed(found.get("info")))
        raise no_picture()

    def check(self) -> str:
        """Ask for the checkpoints: a name that none of them has would be passed over without a word."""
        status, body = self._client.ask(f"{_API}/sd-models", headers=self._login)
        # A list is no object, and so becomes the field of one.
        checkpoints = json_object(b'{"all":%s}' % body).get("all")
        if status != 200 or not isinstance(checkpoints, list):
            fault = self._failure(status, json_object(body))
            told = f"The server at {self._host_name} answered {status} when asked for its checkpoints."
            raise fault if isinstance(fault, errors.NotConfigured) else errors.Unavailable(told)
        known = {name for checkpoint in checkpoints for name in _names(checkpoint)}
        if absent := [name for name in self._named if name not in known]:
            raise errors.Invalid(f"The server at {self._host_name} has no checkpoint {', '.join(absent)}.")
        return f"the server answers; it has {len(checkpoints)} checkpoints"

    def _content(self, request: ImageRequest) -> dict[str, Any]:
        """Return the fields; those that are absent keep the server's own default."""
        width, height = pixels(request.size or self._size(request.aspect_ratio or self.aspect_ratios[0]))
        chosen = {
            "negative_prompt": request.negative_prompt or None,
            "seed": request.seed,
            "steps": self._steps,
            "sampler_name": self._sampler or None,
            "override_settings": {"sd_model_checkpoint": request.model} if self._named else None,
        }
        given = {name: value for name, value in chosen.items() if value is not None}
        return {"prompt": request.prompt, "width": width, "height": height, **given}

    def _size(self, ratio: str) -> str:
        """Return a size that the models were made for: SDXL's are steps of 64 around 1024x1024, others in proportion."""
        return size_near(ratio, multiple=max(self._side // 128 * 8, 8), area=self._side**2)

    def _failure(self, status: int, found: Mapping[str, Any]) -> errors.ProviderError:
        """Name what a status other than 200 means, where it comes in the shape of the server and not of one before it.

        A generation that raised made no picture and is on nobody's bill, so it may be tried again.
        """
        told = _described(found)
        match status:
            case 401:
                return errors.NotConfigured(
                    f"The server at {self._host_name} does not accept the user and the password. Nothing was charged."
                )
            case 404 if found == {"detail": "Not Found"}:
                return errors.NotConfigured(
                    f"The server at {self._host_name} has no API; it has to be started with --api. Nothing was charged."
                )
            case 400 | 404 | 405 | 413 | 422 if told:
                return errors.Invalid(f"The server does not accept this request ({told}). Nothing was charged.")
            case 500 if told and "error" in found:
                return errors.Unavailable(f"The server failed to draw the picture ({told}). Nothing was charged.")
        return errors.OutcomeUnknown(f"The server answered with the undocumented status {status}. It may have been paid.")


def _basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def _seed(info: object) -> int | None:
    """Return the seed out of what the server tells of a picture, which is JSON within JSON."""
    seed = json_object(info.encode(errors="replace")).get("seed") if isinstance(info, str) else None
    return seed if type(seed) is int and 0 <= seed <= MAX_SEED else None


def _names(checkpoint: object) -> list[str]:
    """Return what a checkpoint may be called: its title with and without the hash, its name, its hashes."""
    if not isinstance(checkpoint, dict):
        return []
    title = str(checkpoint.get("title", ""))
    others = [checkpoint.get(name) for name in ("model_name", "hash", "sha256")]
    return [title, title.partition(" [")[0], *(str(name) for name in others if name)]


def _described(found: Mapping[str, Any]) -> str:
    """Return what an error says: the exception's name and words, or the fields of the request that are wrong."""
    detail, words = found.get("detail"), found.get("errors")
    if isinstance(detail, list):
        return wrong_fields(detail)
    said = [str(part) for part in (found.get("error"), detail, words) if part and isinstance(part, str)]
    return sentence(": ".join(said))
