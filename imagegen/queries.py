"""What people see: jobs as cards, why they wait, and whether this installation can make pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import DatabaseError
from django.db.models import QuerySet, Sum
from django.db.models.functions import Now
from django.urls import reverse

from imagegen import accounts, conf, redis
from imagegen.accounts import Viewer
from imagegen.models import Attempt, Batch, Job, ProviderPause, Worker
from imagegen.providers import registry
from imagegen.states import UNFINISHED, State

LABELS = {
    State.QUEUED: "Waiting",
    State.RUNNING: "Drawing",
    State.SUCCEEDED: "Done",
    State.FAILED: "Failed",
    State.REFUSED: "Refused",
    State.CANCELED: "Canceled",
    State.UNKNOWN: "Outcome unknown",
}
MISSING = "missing"
REFRESH_SECONDS = 3
# A screen reader reads it whole; the caption has the rest.
MAX_ALT = 200


@dataclass(frozen=True)
class Card:
    """One job as a person sees it. Addresses are as complete as the asker's `base_url`; `seed` is the one used, if known."""

    task_id: str
    state: str
    label: str
    prompt: str | None = None
    why: str | None = None
    image_url: str | None = None
    thumbnail_url: str | None = None
    width: int | None = None
    height: int | None = None
    alt: str = ""
    origin_label: str = ""
    seed: int | None = None
    provider: str = ""


class Progress(NamedTuple):
    """How far a list of cards has come."""

    total: int
    done: int
    succeeded: int
    unfinished: int

    @property
    def refresh_seconds(self) -> int | None:
        """How soon a page that cannot listen should ask again; None once everything has ended."""
        return REFRESH_SECONDS if self.unfinished else None


@dataclass(frozen=True)
class StoredPicture:
    """What /media needs to answer: the name in the storage, its type and its sha256."""

    name: str
    content_type: str
    sha256: str


def cards(task_ids: Sequence[str], viewer: Viewer, *, base_url: str = "") -> list[Card]:
    """Return one card per id, in the order asked; an id that this person does not know gives a card that says so."""
    ids = {text: _uuid(text) for text in task_ids}
    known = _visible_jobs(viewer).in_bulk([uuid for uuid in ids.values() if uuid])
    maker = _CardMaker(base_url)
    return [maker.card(known[uuid]) if (uuid := ids[text]) in known else _missing(text) for text in task_ids]


def batch_cards(batch_id: UUID, viewer: Viewer, *, base_url: str = "") -> list[Card] | None:
    """Return the cards of a batch in order; None where this person knows no such batch."""
    if not Batch.objects.filter(accounts.may_see(viewer), pk=batch_id).exists():
        return None
    maker = _CardMaker(base_url)
    return [maker.card(job) for job in Job.objects.filter(batch=batch_id).order_by("position")]


def progress(shown: Sequence[Card]) -> Progress:
    unfinished = sum(card.state in UNFINISHED for card in shown)
    succeeded = sum(card.state == State.SUCCEEDED for card in shown)
    return Progress(len(shown), len(shown) - unfinished, succeeded, unfinished)


def picture(job_id: UUID, viewer: Viewer) -> StoredPicture | None:
    """Return the stored picture of a job; None where there is none that this person may see."""
    job = _visible_jobs(viewer).filter(pk=job_id).exclude(picture="").first()
    return StoredPicture(job.picture, job.content_type, job.sha256) if job else None


def readiness() -> dict[str, str | None]:
    """Return for each part that pictures need what is wrong with it, or None."""
    return {"database": _database_fault(), "broker": _broker_fault(), "worker": _worker_fault()}


def live_threads() -> int:
    """Return how many calls the worker processes that live could make at once."""
    alive = Worker.objects.filter(heartbeat__gt=Now() - 3 * timedelta(seconds=conf.heartbeat_seconds()))
    return alive.aggregate(total=Sum("threads"))["total"] or 0


def calls_in_flight() -> int:
    return Attempt.objects.filter(ended_at=None).count()


class _CardMaker:
    """Makes the cards of one page: what they share is asked once."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._now = datetime.now(UTC)
        self._paused = {pause.provider: pause.sentence for pause in ProviderPause.objects.filter(until__gt=self._now)}
        self._has_workers = live_threads() > 0

    def card(self, job: Job) -> Card:
        return Card(
            task_id=str(job.pk),
            state=job.state,
            label=LABELS[State(job.state)],
            prompt=job.prompt,
            why=self._why(job),
            image_url=self._image_url(job) if job.picture else None,
            width=job.width,
            height=job.height,
            alt=job.prompt[:MAX_ALT],
            origin_label=_origin(job.provider),
            seed=job.seed if job.actual_seed is None else job.actual_seed,
            provider=job.provider,
        )

    def _image_url(self, job: Job) -> str:
        return self._base_url + reverse("picture", args=[job.pk, job.picture.rpartition(".")[2]])

    def _why(self, job: Job) -> str | None:
        """Say why a job waits, or why it has no picture."""
        if job.state != State.QUEUED:
            return job.error_sentence or None
        if job.provider in self._paused:
            return f"Waiting: {self._paused[job.provider]}"
        if not self._has_workers:
            return "Waiting: no worker is listening."
        if job.not_before and job.not_before > self._now:
            return f"Trying again at {job.not_before:%H:%M:%S} UTC. {job.error_sentence}".strip()
        return "Waiting for its turn."


def _visible_jobs(viewer: Viewer) -> QuerySet[Job]:
    return Job.objects.filter(accounts.may_see(viewer, batch="batch__"))


def _missing(text: str) -> Card:
    return Card(task_id=text, state=MISSING, label="No such task", why="No task has this id, or it is not yours.")


def _origin(provider: str) -> str:
    try:
        return registry.get(provider).origin
    except KeyError:
        return "AI-generated"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _database_fault() -> str | None:
    try:
        Job.objects.exists()
    except DatabaseError as error:
        return f"The database does not answer: {error}"
    return None


def _broker_fault() -> str | None:
    try:
        redis.client().ping()
    except redis.Error as error:
        return f"The broker does not answer: {error}"
    return None


def _worker_fault() -> str | None:
    try:
        return None if live_threads() else "No worker is listening."
    except DatabaseError:
        return "Unknown while the database is away."
