"""The queue: which jobs could run now, in whose turn, and of which of them workers should hear.

A lane is what belongs to one owner, or one batch that belongs to nobody. Each lane has its turn, so that one person's
thousand never hold up another's three: a job's turn is its number in its lane, and a lane that comes anew begins with the
turn that is on now (start-time fair queueing). So the next jobs are the first of an index, however many wait.
"""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Max, Min, Q, QuerySet
from django.db.models.functions import Now

from imagegen import errors, ledger, pauses
from imagegen.models import Job
from imagegen.providers import registry
from imagegen.states import State
from imagegen.together import Together
from imagegen.writes import give_back_connection, locked, writing

# For how long it is not asked again who waits: whoever comes meanwhile has a hint of its own.
MOMENT_SECONDS = 0.1
TURNS = ("turn", "created", "position")


class Hint(NamedTuple):
    """A job that workers of a kind (Provider.queue) should hear of, and how many of its lane come before it."""

    job: UUID
    place: int
    queue: str = ""


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
        return Q(owner=self.owner) if self.owner is not None else Q(batch=self.batch)


def runnable(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Return those of these jobs that wait for nothing of their own."""
    return jobs.filter(Q(not_before=None) | Q(not_before__lte=Now()), state=State.QUEUED, is_held=False)


def provider_of_due(job: UUID) -> str | None:
    """Look, without taking anything: return the provider of a job that is due and may be called now, else None."""
    return _look(job)


def _look_at(jobs: Sequence[UUID]) -> list[str | None]:
    found = dict(runnable(Job.objects.filter(pk__in=jobs)).values_list("pk", "provider"))
    may_be_called = {provider for provider in set(found.values()) if pauses.allowance(provider)}
    providers = (found.get(job) for job in jobs)
    return [provider if provider in may_be_called else None for provider in providers]


_look = Together(_look_at, before_waiting=give_back_connection)


def waiting_providers() -> Iterator[str]:
    """Yield the providers for which some job waits."""
    waiting = Job.objects.filter(state=State.QUEUED).order_by("provider").values_list("provider", flat=True)
    # One step in the index for each; DISTINCT would read every job that waits.
    provider = waiting.first()
    while provider is not None:
        yield provider
        provider = waiting.filter(provider__gt=provider).first()


def providers_to_call() -> Sequence[str]:
    """Return the providers for which some job waits and that may be called now, as it was a moment ago at most."""
    if time.monotonic() > _seen.until:
        _seen.providers = _to_call(None)
        _seen.until = time.monotonic() + MOMENT_SECONDS
    return _seen.providers


class _Seen:
    """What this process saw last."""

    providers: Sequence[str] = ()
    until = 0.0


_seen = _Seen()


def _to_call_for_all(threads: Sequence[None]) -> list[list[str]]:
    found = [provider for provider in waiting_providers() if pauses.allowance(provider)]
    return [found] * len(threads)


_to_call = Together(_to_call_for_all, before_waiting=give_back_connection)


def take_turns(jobs: QuerySet[Job], limit: int) -> list[Job]:
    """Return those of a provider's jobs whose turn it is, in order, and lock them; what others have locked is theirs."""
    return list(runnable(jobs).order_by(*TURNS).select_for_update(skip_locked=True)[:limit])


def due(provider: str, limit: int, *, told_before: timedelta) -> list[Hint]:
    """Return jobs of a provider that could run now and of which no worker was told within `told_before`.

    First the first job of every lane, then the second, the oldest first. Of a provider that has rested, one job.
    """
    room = int(max(min(limit, pauses.allowance(provider)), 0))
    if not room or (ledger.left_today() == 0 and provider not in registry.free()):
        return []
    silent = Q(hinted_at=None) | Q(hinted_at__lt=Now() - told_before)
    waiting = runnable(Job.objects.filter(silent, provider=provider))
    found = list(waiting.order_by(*TURNS).values_list("pk", "turn")[:room])
    return [Hint(job, turn - found[0][1], registry.queue(provider)) for job, turn in found]


def queue(jobs: Iterable[Job], lane: Lane | None) -> list[Hint]:
    """Give these unsaved jobs their turns, behind those of their lane that wait, and return what workers should hear.

    None is a lane that begins with them.
    """
    turns: dict[str, _Turns] = {}
    hints = []
    for job in jobs:
        if job.provider not in turns:
            turns[job.provider] = _Turns(job.provider, lane)
        job.turn = next(turns[job.provider].free)
        hints.append(Hint(job.pk, job.turn - turns[job.provider].now, registry.queue(job.provider)))
    return hints


def hints_of(jobs: Sequence[UUID]) -> list[Hint]:
    """Return what workers should hear of jobs that wait again, in this order."""
    providers = dict(Job.objects.filter(pk__in=jobs).values_list("pk", "provider"))
    return [Hint(job, place, registry.queue(providers.get(job, ""))) for place, job in enumerate(jobs)]


def turn_in(provider: str, lane: Lane) -> int:
    """Return the turn of a job that joins a lane of this provider now."""
    return next(_Turns(provider, lane).free)


def queue_again(jobs: Sequence[UUID]) -> None:
    """Move these jobs, which wait again, behind those of their lane that wait, in the order that they had."""
    rows = Job.objects.filter(pk__in=jobs)
    for provider, owner, batch, first in rows.order_by().values_list("provider", "owner", "batch").annotate(Min("turn")):
        free = next(_Turns(provider, Lane.of(owner, batch), besides=jobs).free)
        rows.filter(provider=provider, batch=batch).update(turn=F("turn") + (free - first))


def wait_no_longer(provider: str) -> None:
    """Let the jobs of a provider that were to wait, because it had too many calls, be tried now."""
    waiting = Job.objects.filter(provider=provider, state=State.QUEUED, error_code=errors.RateLimited.code)
    with writing():
        Job.objects.filter(pk__in=locked(waiting)).update(not_before=None, hinted_at=None)


def hinted(jobs: Sequence[UUID]) -> None:
    """Note that workers were told about these jobs."""
    with writing():
        Job.objects.filter(pk__in=locked(Job.objects.filter(pk__in=jobs))).update(hinted_at=Now())


class _Turns:
    """Whose turn it is now among the jobs that wait for a provider, and the turns that are free in a lane, in order."""

    def __init__(self, provider: str, lane: Lane | None, *, besides: Sequence[UUID] = ()) -> None:
        jobs = Job.objects.filter(provider=provider)
        if besides:
            jobs = jobs.exclude(pk__in=besides)
        self.now = next(iter(runnable(jobs).order_by("turn").values_list("turn", flat=True)[:1]), 0)
        last = jobs.filter(lane.rows, state=State.QUEUED).aggregate(last=Max("turn"))["last"] if lane else None
        self.free = itertools.count(self.now if last is None else max(self.now, last + 1))
