"""What a picture was made with, from its row or from its file: enough to ask for it again."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from sd_parsers import Eagerness, ParserManager
from sd_parsers.data import PromptInfo

from imagegen import texts
from imagegen.errors import BadSubmission, Problem
from imagegen.items import Item
from imagegen.metadata import OURS
from imagegen.models import Job
from imagegen.providers import registry
from imagegen.providers.base import MAX_SEED

# Of a variation, so many are asked for at once: enough to choose from.
VARIATIONS = 4
# Of what has no place in a request, people are told so much.
MAX_OTHERS, MAX_VALUE = 20, 100
# In characters, how long texts of other programs may be, by their names, and all others. ComfyUI writes graphs of nodes; the
# texts of InvokeAI's first version and of NovelAI are short, and their parsers the slowest.
MAX_TEXTS = {"prompt": 200_000, "workflow": 200_000, "Dream": 4_000, "Source": 1_000}
MAX_TEXT = 16_000
# What is not for parsers: our own words, and those for programs that read XMP.
_UNREAD = frozenset({OURS, "XML:com.adobe.xmp", "xmp"})


@dataclass(frozen=True)
class Settings:
    """What was asked for, as far as it is known. `others` is what a file says besides, by name."""

    prompt: str
    negative_prompt: str = ""
    provider: str = ""
    model: str = ""
    size: str = ""
    aspect_ratio: str = ""
    style: str = ""
    quality: str = ""
    seed: int | None = None
    others: Mapping[str, str] = field(default_factory=dict)


_TEXTS = ("prompt", "negative_prompt", "provider", "model", "size", "aspect_ratio", "style", "quality")


def of_job(job: Job) -> Settings:
    """Return what a picture here was made with; its seed is the one that was used."""
    return Settings(**{name: getattr(job, name) for name in _TEXTS}, seed=job.seed_used)


def item(job: Job, *, varied: bool = False) -> Item:
    """Return the request for the same picture again, or for others like it, which differ in their seeds alone."""
    settings = of_job(job)
    provider = registry.find(job.provider)
    takes_seed = provider is not None and provider.seed and not varied
    asked = {name: getattr(settings, name) for name in _TEXTS}
    # A size that was drawn by its ratio is kept beside it, and only one of them may be asked for.
    return Item(
        **{**asked, "aspect_ratio": "" if settings.size else settings.aspect_ratio},
        name=job.name,
        seed=settings.seed if takes_seed else None,
        n=VARIATIONS if varied else None,
    )


def of_file(body: bytes) -> Settings:
    """Return what a PNG says of itself, in our words or in those of other programs. Raises BadSubmission.

    The file may break off behind its texts. Of other programs, sd_parsers reads Automatic1111 and its kin, ComfyUI, Fooocus,
    InvokeAI and NovelAI.
    """
    try:
        with Image.open(io.BytesIO(body), formats=["PNG"]) as image:
            found = _ours(image.info.get(OURS)) or (_theirs(image) if _is_short(image.info) else None)
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable("this is no PNG that can be read") from error
    if found is None:
        raise _unreadable("this picture does not say how it was made")
    return found


def _ours(text: object) -> Settings | None:
    """Read our own story; None where it is none, or was tampered with."""
    try:
        story = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(story, dict) or not _line(story.get("prompt")):
        return None
    given: dict[str, Any] = {name: _line(story.get(name)) for name in _TEXTS}
    return Settings(**given, seed=_seed(story.get("seed")))


def _is_short(told: Mapping[Any, Any]) -> bool:
    """Whether the parsers of others are through with this soon: for some, twice as much text takes four times as long."""
    read = {str(name): text for name, text in told.items() if isinstance(text, str) and name not in _UNREAD}
    return all(len(text) <= MAX_TEXTS.get(name, MAX_TEXT) for name, text in read.items())


def _theirs(image: Image.Image) -> Settings | None:
    try:
        # In haste, no pixel is decoded.
        found = ParserManager(eagerness=Eagerness.FAST).parse(image)
        return _translated(found) if found and _line(found.full_prompt) else None
    # The parsers trust what they read, some of it only when they are asked for it, and strangers' files say anything.
    except Exception:
        return None


def _translated(found: PromptInfo) -> Settings:
    sampler = found.samplers[0]
    said: dict[str, Any] = {**found.metadata, "sampler": sampler.name, **sampler.parameters}
    model = next((name for each in found.models if (name := _line(each.name))), "")
    size = _line(said.pop("Size", ""))
    # A seed that is too large for everybody here stays among the others, where people see it.
    seed = _seed(said.get("seed"))
    others = _others({name: value for name, value in said.items() if name != "seed" or seed is None})
    prompt, avoided = _line(found.full_prompt), _line(found.full_negative_prompt)
    return Settings(prompt, avoided, model=model, size=size, seed=seed, others=others)


def _others(said: Mapping[str, Any]) -> dict[str, str]:
    short = {str(name).replace("_", " "): str(value) for name, value in said.items() if isinstance(value, str | int | float)}
    told = [
        (name, value) for name, value in short.items() if _line(name) and _line(value) and len(name + value) <= MAX_VALUE
    ]
    return dict([each for each in told if each[1] != "unknown" and not each[0].startswith("full ")][:MAX_OTHERS])


def _line(value: object) -> str:
    """Return a text that can be kept, or nothing for anything else."""
    return value if isinstance(value, str) and not texts.fault(value) else ""


def _seed(value: object) -> int | None:
    """Return a seed that somebody here can take; other programs know larger ones, and -1."""
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
    return number if 1 <= number <= MAX_SEED else None


def _unreadable(message: str) -> BadSubmission:
    return BadSubmission([Problem("file", message)])
