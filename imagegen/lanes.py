"""The queue: which jobs could run now, in whose turn, and of which of them workers should hear.

A lane is what belongs to one owner, or one batch that belongs to nobody. Each lane has its turn, so that one person's
thousand never hold up another's three.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, When, Window
from django.db.models.functions import Now, RowNumber

from imagegen import errors, ledger, pauses
from imagegen.models import Batch, Job
from imagegen.providers import registry
from imagegen.states import State
from imagegen.writes import locked, writing


class Hint(NamedTuple):
    """A job that workers should hear of, and how many of its lane come before it."""

    job: UUID
    place: int


class Lane(NamedTuple):
    """An owner, or a batch that belongs to nobody; the other is None."""

    owner: int | None
    batch: UUID | None

    @classmethod
    def of(cls, owner: int | None, batch: UUID) -> "Lane":
        """Return the lane of a batch that belongs to this owner, or to nobody."""
        return cls(owner, None) if owner is not None else cls(None, batch)

    @property
    def rows(self) -> Q:
        """Return the condition on rows of jobs that they are in this lane."""
        return Q(batch__owner=self.owner) if self.owner is not None else Q(batch=self.batch)


def runnable(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Return those of these jobs that wait for nothing of their own."""
    return jobs.filter(Q(not_before=None) | Q(not_before__lte=Now()), state=State.QUEUED)


def provider_of_due(job_id: UUID) -> str | None:
    """Look, without taking anything: return the provider of a job that is due and may be called now, else None."""
    provider = runnable(Job.objects.filter(pk=job_id)).values_list("provider", flat=True).first()
    return provider if provider and pauses.allowance(provider) else None


def waiting_providers() -> list[str]:
    """Return the providers for which some job waits."""
    return list(Job.objects.filter(state=State.QUEUED).order_by().values_list("provider", flat=True).distinct())


def due(provider: str, limit: int, *, told_before: timedelta) -> list[Hint]:
    """Return jobs of a provider that could run now and of which no worker was told within `told_before`.

    First the first job of every lane, then the second, the oldest first. Of a provider that has rested, one job.
    """
    room = int(max(min(limit, pauses.allowance(provider)), 0))
    if not room or (ledger.left_today() == 0 and provider not in registry.free()):
        return []
    silent = Q(hinted_at=None) | Q(hinted_at__lt=Now() - told_before)
    waiting = runnable(Job.objects.filter(provider=provider)).annotate(place=_place_in_lane()).filter(silent)
    found = waiting.order_by("place", "created", "position").values_list("pk", "place")[:room]
    return [Hint(job, place - 1) for job, place in found]


def places_taken(batch: Batch) -> int:
    """Return how many jobs wait in the lane of this batch's owner."""
    return Job.objects.filter(Lane.of(batch.owner_id, batch.pk).rows, state=State.QUEUED).count()


def wait_no_longer(provider: str) -> None:
    """Let the jobs of a provider that were to wait, because it had too many calls, be tried now."""
    waiting = Job.objects.filter(provider=provider, state=State.QUEUED, error_code=errors.RateLimited.code)
    with writing():
        Job.objects.filter(pk__in=locked(waiting)).update(not_before=None, hinted_at=None)


def hinted(jobs: Sequence[UUID]) -> None:
    """Note that workers were told about these jobs."""
    with writing():
        Job.objects.filter(pk__in=locked(Job.objects.filter(pk__in=jobs))).update(hinted_at=Now())


def _place_in_lane() -> Window:
    return Window(RowNumber(), partition_by=["batch__owner", _nobodys_batch()], order_by=["created", "position"])


def _nobodys_batch() -> Case:
    return Case(When(batch__owner=None, then=F("batch")), default=None)
