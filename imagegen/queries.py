"""What people see: jobs as cards, and why they wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse

from imagegen import accounts
from imagegen.accounts import Viewer
from imagegen.models import Batch, Job
from imagegen.providers import registry
from imagegen.states import UNFINISHED, Decision, State, Visibility
from imagegen.waiting import Outlook

LABELS = {
    State.QUEUED: "Waiting",
    State.RUNNING: "Drawing",
    State.SUCCEEDED: "Done",
    State.FAILED: "Failed",
    State.REFUSED: "Refused",
    State.CANCELED: "Canceled",
    State.UNKNOWN: "Outcome unknown",
}
# What the owner of a job is offered, and how the button says it.
OFFERS = {
    State.QUEUED: ((Decision.CANCEL, "Cancel"),),
    State.RUNNING: ((Decision.CANCEL, "Cancel"),),
    State.FAILED: ((Decision.RETRY, "Try again"),),
    State.UNKNOWN: ((Decision.BUY_AGAIN, "Buy again"), (Decision.CANCEL, "Give up")),
}
CANCELING = "Canceling"
MISSING = "missing"
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
    # Who was asked first, where this provider took over from that one.
    moved_from: str = ""
    # When it last changed, as text that sorts: a page replaces a card by a newer one only.
    version: str = ""
    created: datetime | None = None
    # What its owner may decide, and the claim that the decision is about.
    offers: tuple[tuple[str, str], ...] = ()
    fence: int = 0
    # How far it is drawn, where that is known: so many of so many steps; of 0 where it is not.
    step: int = 0
    steps: int = 0
    is_public: bool = False
    # Whether its owner lets it wait; one that is being drawn would wait only if it has to be drawn again.
    is_held: bool = False
    # Whether it is being drawn although nobody wants it any more.
    is_canceling: bool = False
    # Whether whoever looks at it has it among their favourites; None where the page does not ask.
    is_favourite: bool | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is a job, and nothing more will come of it by itself."""
        return self.state not in (*UNFINISHED, MISSING)

    @property
    def has_picture(self) -> bool:
        return self.image_url is not None


class Glance(NamedTuple):
    """As much of a job as an open page must keep in mind."""

    version: str
    state: str
    created: datetime
    has_picture: bool
    is_held: bool
    is_canceling: bool


@dataclass(frozen=True)
class StoredPicture:
    """What /media needs to answer: the name in the storage, its type, and what tells it from any other."""

    name: str
    content_type: str
    etag: str


def cards(task_ids: Sequence[str], viewer: Viewer, *, base_url: str = "") -> list[Card]:
    """Return one card per id, in the order asked; an id that this person does not know gives a card that says so."""
    ids = {text: _uuid(text) for text in task_ids}
    known = visible_jobs(viewer).in_bulk([uuid for uuid in ids.values() if uuid])
    maker = _CardMaker(known.values(), base_url)
    return [maker.card(known[uuid]) if (uuid := ids[text]) in known else _missing(text) for text in task_ids]


def batch_cards(batch_id: UUID, viewer: Viewer, *, base_url: str = "") -> list[Card] | None:
    """Return the cards of a batch in order; None where this person knows no such batch."""
    if not may_see_batch(batch_id, viewer):
        return None
    return cards_of_jobs(visible_jobs(viewer).filter(batch=batch_id).order_by("position"), base_url=base_url)


def cards_of(jobs: Sequence[UUID]) -> dict[UUID, Card]:
    """Return cards for somebody who may see them, which was asked before."""
    if not jobs:
        return {}
    found = list(Job.objects.filter(pk__in=jobs))
    return dict(zip([job.pk for job in found], cards_of_jobs(found), strict=True))


def cards_of_jobs(jobs: Iterable[Job], *, base_url: str = "") -> list[Card]:
    """Return a card for each of these rows, which somebody may see who was asked before."""
    rows = list(jobs)
    maker = _CardMaker(rows, base_url)
    return [maker.card(job) for job in rows]


def waits(jobs: Sequence[UUID]) -> dict[UUID, str]:
    """Return why each of these jobs waits that still does."""
    queued = list(Job.objects.filter(pk__in=jobs, state=State.QUEUED))
    outlook = Outlook(queued)
    return {job.pk: outlook.wait(job).why for job in queued}


def visible_glances(viewer: Viewer, *, batch: str, task_ids: Iterable[str]) -> dict[UUID, Glance]:
    """Return what there is of a batch or of these tasks that this person may see."""
    accounts.check_may_read(viewer)
    asked = Q(batch=_uuid(batch)) if batch else Q(pk__in=list(filter(None, map(_uuid, task_ids))))
    return _glances(visible_jobs(viewer).filter(asked))


def own(viewer: Viewer, jobs: Iterable[UUID]) -> list[UUID]:
    """Return those of these jobs that are this person's."""
    return list(_own_jobs(viewer).filter(pk__in=list(jobs)).values_list("pk", flat=True))


def own_since(viewer: Viewer, since: str) -> dict[UUID, Glance]:
    """Return what there is of this person's jobs that changed at the version `since` or later."""
    return _glances(_own_jobs(viewer).filter(changed__gte=datetime.fromisoformat(since)))


def now() -> str:
    """Return the version of a change that happens now."""
    return _version(datetime.now(UTC))


def glances(jobs: Sequence[UUID], *, since: str = "") -> dict[UUID, Glance]:
    """Return what there is of these jobs; with the version `since`, of those alone that changed then or later."""
    rows = Job.objects.filter(pk__in=jobs)
    return _glances(rows.filter(changed__gte=datetime.fromisoformat(since)) if since else rows)


def glance(card: Card, created: datetime) -> Glance:
    """Return as much of a card as an open page keeps in mind; of a job that was asked for then."""
    return Glance(card.version, card.state, created, card.has_picture, card.is_held, card.is_canceling)


def earlier(version: str, seconds: float) -> str:
    """Return the version that a change had so many seconds before this one; the empty string for anything unreadable."""
    try:
        return _version(datetime.fromisoformat(version) - timedelta(seconds=seconds))
    except (ValueError, OverflowError):
        return ""


def picture(job_id: UUID, suffix: str, viewer: Viewer) -> StoredPicture | None:
    """Return the stored picture of a job, or its thumbnail; None where there is none that this person may see."""
    # What lies in the trash is shown there.
    kept = Q(deleted_at=None) | accounts.may_change(viewer)
    job = Job.objects.filter(accounts.may_see(viewer), kept, pk=job_id).first()
    if job is None:
        return None
    if suffix == "thumb.webp":
        return StoredPicture(job.thumbnail, "image/webp", f'"{job.sha256}-thumb"') if job.thumbnail else None
    return StoredPicture(job.picture, job.content_type, f'"{job.sha256}"') if job.picture.endswith(f".{suffix}") else None


class _CardMaker:
    """Makes the cards of one page: what they share is asked once."""

    def __init__(self, jobs: Iterable[Job], base_url: str = "") -> None:
        self._base_url = base_url
        self._outlook = Outlook(jobs)

    def card(self, job: Job) -> Card:
        return Card(
            task_id=str(job.pk),
            state=job.state,
            label=CANCELING if _is_canceling(job) else LABELS[State(job.state)],
            prompt=job.prompt,
            why=self._why(job),
            image_url=self._url(job, job.picture.rpartition(".")[2]) if job.picture else None,
            thumbnail_url=self._url(job, "thumb.webp") if job.thumbnail else None,
            width=job.width,
            height=job.height,
            alt=job.prompt[:MAX_ALT],
            origin_label=_origin(job.provider),
            seed=job.seed_used,
            provider=job.provider,
            moved_from=job.moved_from,
            version=_version(job.changed),
            created=job.created,
            offers=() if _is_canceling(job) else OFFERS.get(State(job.state), ()),
            fence=job.fence,
            step=job.step if job.state == State.RUNNING else 0,
            steps=job.steps if job.state == State.RUNNING else 0,
            is_public=job.visibility == Visibility.PUBLIC,
            is_held=job.is_held,
            is_canceling=_is_canceling(job),
        )

    def _url(self, job: Job, suffix: str) -> str:
        return self._base_url + reverse("picture", args=[job.pk, suffix])

    def _why(self, job: Job) -> str | None:
        """Say why a job waits, why it has no picture, or what is wrong with the one it has."""
        if _is_canceling(job) and registry.is_repeatable(job.provider):
            return "It stops after the step that is being drawn. Nothing is paid."
        if _is_canceling(job) and registry.is_free(job.provider):
            return "It is being drawn already, and its picture is kept."
        if _is_canceling(job):
            return "The call in flight may be paid, so its picture is still kept."
        if job.state == State.QUEUED:
            return self._outlook.wait(job).why
        return job.error_sentence or job.defect or None


def visible_job(task_id: str, viewer: Viewer) -> Job | None:
    """Return the row of a job that this person may see; None where there is none."""
    accounts.check_may_read(viewer)
    job_id = _uuid(task_id)
    return visible_jobs(viewer).filter(pk=job_id).first() if job_id else None


def are_mine(task_ids: Iterable[str], viewer: Viewer) -> bool:
    """Whether this person may decide about every one of these jobs."""
    if not accounts.may_submit(viewer):
        return False
    ids = list(filter(None, map(_uuid, task_ids)))
    return not Job.objects.filter(pk__in=ids).exclude(accounts.may_change(viewer)).exists()


def may_see_batch(batch_id: UUID, viewer: Viewer) -> bool:
    """Whether this person may see this batch: one picture of it may be public alone."""
    return Batch.objects.filter(accounts.may_see(viewer), pk=batch_id).exists()


def is_mine(batch_id: UUID, viewer: Viewer) -> bool:
    """Whether this person may decide about this batch."""
    return accounts.may_submit(viewer) and Batch.objects.filter(accounts.may_change(viewer), pk=batch_id).exists()


def is_told_cost(batch_id: UUID, viewer: Viewer) -> bool:
    """Whether this person may know what a batch cost: whose it is, and who oversees what is spent here."""
    return is_mine(batch_id, viewer) or accounts.may_oversee(viewer)


def is_public(batch_id: UUID) -> bool:
    """Whether everybody may see this batch."""
    return Batch.objects.filter(pk=batch_id, visibility=Visibility.PUBLIC).exists()


def _is_canceling(job: Job) -> bool:
    return job.cancel_requested and job.state == State.RUNNING


def _own_jobs(viewer: Viewer) -> QuerySet[Job]:
    return Job.objects.filter(accounts.is_theirs(viewer), deleted_at=None)


def visible_jobs(viewer: Viewer) -> QuerySet[Job]:
    """Return what this person may see and nobody threw away."""
    return Job.objects.filter(accounts.may_see(viewer), deleted_at=None)


def _glances(jobs: QuerySet[Job]) -> dict[UUID, Glance]:
    rows = jobs.values_list("pk", "changed", "state", "created", "picture", "is_held", "cancel_requested")
    return {
        job: Glance(_version(changed), state, created, bool(picture), held, unwanted and state == State.RUNNING)
        for job, changed, state, created, picture, held, unwanted in rows
    }


def _version(changed: datetime) -> str:
    return changed.astimezone(UTC).isoformat(timespec="microseconds")


def _missing(text: str) -> Card:
    return Card(task_id=text, state=MISSING, label="No such task", why="No task has this id, or it is not yours.")


def _origin(provider: str) -> str:
    found = registry.find(provider)
    return found.origin if found else "AI-generated"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
