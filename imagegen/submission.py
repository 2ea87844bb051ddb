"""Prompts in, jobs made and told to the workers: the one function behind every door.

Doors hand over what came, unchecked. Either everything is right and one transaction makes the batch and its jobs, or
BadSubmission says what is wrong with which item and nothing is made.
"""

import hashlib
import json
import logging
import random
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from imagegen import accounts, conf, tasks
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, Conflict, Problem
from imagegen.models import Batch, Job
from imagegen.providers import registry
from imagegen.providers.base import MAX_SEED, ImageRequest, Provider

log = logging.getLogger(__name__)
# A list of a thousand wrong prompts does not need a thousand sentences.
MAX_PROBLEMS = 20
MAX_KEY = 255
# What clients write where they mean that they do not care.
ABSENT = frozenset({"", "auto", "standard"})
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})", re.ASCII)

# One thread tells the workers, after the answer: a slow or absent Redis never holds up a POST.
_announcer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="announce")


@dataclass(frozen=True)
class Item:
    """One prompt with its options as they came, of any type; None is absent. `n` pictures take seeds s, s+1, …"""

    prompt: object
    provider: object = None
    model: object = None
    negative_prompt: object = None
    size: object = None
    aspect_ratio: object = None
    style: object = None
    seed: object = None
    n: object = None


@dataclass(frozen=True)
class Submission:
    """What became of it: the batch and its jobs in order; `replayed` when the idempotency key had made them before."""

    batch: UUID
    jobs: list[UUID]
    replayed: bool = False


def submit(items: Sequence[Item], *, viewer: Viewer, source: str, key: str = "") -> Submission:
    """Make one batch of these items and let the workers know.

    `source` names the door; `key` is the client's idempotency key, or empty. Raises NotAllowed, BadSubmission, or Conflict
    where the key stands for another body.
    """
    accounts.check_may_submit(viewer)
    _check_key(key)
    batch = _batch(viewer, source, key, items)
    if first := _first(batch):
        return _replay(first, batch)
    jobs = _jobs(items)
    try:
        with transaction.atomic():
            batch.save(force_insert=True)
            for job in jobs:
                job.batch = batch
            Job.objects.bulk_create(jobs)
    except IntegrityError:
        if first := _first(batch):
            return _replay(first, batch)
        raise
    made = [job.pk for job in jobs]
    transaction.on_commit(lambda: _announcer.submit(_announce, made))
    return Submission(batch.pk, made)


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY or not key.isprintable():
        raise BadSubmission([Problem("Idempotency-Key", f"must be printable and have at most {MAX_KEY} characters")])


def _batch(viewer: Viewer, source: str, key: str, items: Sequence[Item]) -> Batch:
    """Return an unsaved batch with the digest of everything that came."""
    came = json.dumps([source, *map(asdict, items)], sort_keys=True, default=str)
    batch = Batch(source=source, scope=accounts.scope(viewer), digest=hashlib.sha256(came.encode()).hexdigest())
    batch.owner_id = viewer.pk if viewer.is_authenticated else None
    batch.key = f"key:{key}" if key else str(batch.pk)
    return batch


def _first(batch: Batch) -> Batch | None:
    """Return the batch that the same key made before."""
    return Batch.objects.filter(scope=batch.scope, key=batch.key).first()


def _replay(first: Batch, again: Batch) -> Submission:
    """Answer as the first time, whatever settings or providers say by now."""
    if first.digest != again.digest:
        raise Conflict("This Idempotency-Key was used before, for a different submission.")
    return Submission(first.pk, list(first.jobs.order_by("position").values_list("pk", flat=True)), replayed=True)


def _announce(jobs: list[UUID]) -> None:
    try:
        tasks.publish(jobs)
    except OperationalError as error:
        log.warning("the workers were not told about %d jobs (%s); the sweep will", len(jobs), error)
    except Exception:
        log.exception("the workers were not told about %d jobs; the sweep will", len(jobs))


def _jobs(items: Sequence[Item]) -> list[Job]:
    """Return the rows to make, in order. Raises BadSubmission."""
    problems: list[Problem] = []
    if not items:
        problems.append(Problem("prompt", "the list is empty: at least one prompt is needed"))
    jobs = list(_checked(items, problems))
    if problems:
        raise BadSubmission(problems[:MAX_PROBLEMS])
    now = timezone.now()
    for position, job in enumerate(jobs):
        job.position, job.hinted_at = position, now
    return jobs


def _checked(items: Sequence[Item], problems: list[Problem]) -> Iterator[Job]:
    made, limit = 0, conf.max_prompts()
    if len(items) > limit:
        problems.append(Problem("prompt", f"{len(items)} prompts were sent; at most {limit} are allowed at once"))
        return
    for position, item in enumerate(items):
        reader = _Reader(item, position, problems)
        count, row = reader.integer("n", least=1, most=limit) or 1, reader.row()
        made += count
        if made > limit:
            problems.append(
                Problem("n", f"these prompts ask for more than {limit} pictures, the most allowed at once", position)
            )
            return
        if row is not None:
            yield from _copies(row, count, problems, position)


def _copies(row: dict[str, Any], count: int, problems: list[Problem], position: int) -> Iterator[Job]:
    """Yield `count` jobs that differ in their seeds alone."""
    seed = row.pop("seed")
    if seed is not None and seed + count - 1 > MAX_SEED:
        problems.append(Problem("seed", f"with n={count} the seeds go past {MAX_SEED}", position))
        return
    for step in range(count):
        yield Job(**row, seed=None if seed is None else seed + step)


class _Reader:
    """Reads one item, and collects a problem for each thing wrong with it."""

    def __init__(self, item: Item, position: int, problems: list[Problem]) -> None:
        self._item = item
        self._position = position
        self._problems = problems

    def row(self) -> dict[str, Any] | None:
        """Return the columns of the job to make, or None where something is wrong."""
        before = len(self._problems)
        provider_name = self.text("provider") or registry.default()
        provider = self._provider(provider_name)
        asked = self._asked()
        if asked.size and asked.aspect_ratio:
            self._wrong("aspect_ratio", "give either size or aspect_ratio, not both")
        if provider is None or len(self._problems) > before:
            return None
        asked = replace(asked, model=asked.model or provider.models[0].name)
        for field, sentence in provider.refusals(asked):
            self._wrong(field, sentence)
        return self._columns(provider_name, provider, asked) if len(self._problems) == before else None

    def text(self, field: str, *, absent: frozenset[str] = ABSENT) -> str:
        """Return a trimmed string, empty where it is absent."""
        value = getattr(self._item, field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._wrong(field, f"must be text, not {_kind(value)}")
            return ""
        if fault := _text_fault(value):
            self._wrong(field, fault)
            return ""
        return "" if value.strip().lower() in absent else value.strip()

    def integer(self, field: str, *, least: int, most: int) -> int | None:
        """Return a whole number; None where it is absent, or wrong and noted."""
        value = getattr(self._item, field)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong(field, f"must be a whole number, not {_kind(value)}")
        elif not least <= value <= most:
            self._wrong(field, f"{value} is out of range: {least} to {most}")
        else:
            return value
        return None

    def _asked(self) -> ImageRequest:
        return ImageRequest(
            attempt=uuid4(),
            prompt=self._prompt(),
            model=self.text("model"),
            negative_prompt=self.text("negative_prompt", absent=frozenset()),
            size=self._size(),
            aspect_ratio=self.text("aspect_ratio"),
            style=self.text("style"),
            seed=self._seed(),
        )

    def _prompt(self) -> str:
        if self._item.prompt is None:
            self._wrong("prompt", "must be text, not nothing")
            return ""
        prompt = self.text("prompt", absent=frozenset())
        if not prompt and isinstance(self._item.prompt, str) and not _text_fault(self._item.prompt):
            self._wrong("prompt", "is empty")
        return prompt

    def _size(self) -> str:
        size = self.text("size").lower()
        if size and not _SIZE.fullmatch(size):
            self._wrong("size", f"size {size[:40]!r} is not WIDTHxHEIGHT in pixels, like 1024x1024")
            return ""
        return size

    def _seed(self) -> int | None:
        """Return the seed asked for; 0 and -1 ask for a draw, as absence does."""
        seed = self.integer("seed", least=-1, most=MAX_SEED)
        return seed if seed and seed > 0 else None

    def _provider(self, name: str) -> Provider | None:
        try:
            provider = registry.get(name)
        except KeyError:
            self._wrong("provider", f"provider {name[:60]!r} is not one of {', '.join(registry.names())}")
            return None
        if missing := provider.not_configured():
            self._wrong("provider", f"provider {name!r} cannot be used yet: {missing}")
            return None
        return provider

    def _columns(self, name: str, provider: Provider, asked: ImageRequest) -> dict[str, Any]:
        ratio = provider.ratio_for(asked.size) if asked.size and provider.sizes is None else asked.aspect_ratio
        return {
            "prompt": asked.prompt,
            "negative_prompt": asked.negative_prompt,
            "provider": name,
            "model": asked.model,
            "size": asked.size,
            "aspect_ratio": ratio,
            "style": asked.style,
            "seed": self._draw(provider) if asked.seed is None else asked.seed,
        }

    def _draw(self, provider: Provider) -> int | None:
        """Draw a seed that leaves room for the pictures that count on from it."""
        return random.randint(1, MAX_SEED - conf.max_prompts()) if provider.seed else None

    def _wrong(self, field: str, message: str) -> None:
        self._problems.append(Problem(field, message, self._position))


def _text_fault(value: str) -> str:
    if "\x00" in value:
        return "holds a NUL character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no text"
    return ""


def _kind(value: Any) -> str:
    """Name a JSON value's type in words."""
    words = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "text"}
    return words.get(type(value), "nothing")
