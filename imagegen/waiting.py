"""What jobs wait for and about how long: asked once for all jobs of a page, said in one sentence for each."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet

from imagegen import conf, ledger, limits, pauses, readiness
from imagegen.lanes import Lane
from imagegen.models import Attempt, Job
from imagegen.providers import registry
from imagegen.states import State

# The pace of a provider is that of its calls of the last minute.
PACE_WINDOW = timedelta(seconds=60)


class Wait(NamedTuple):
    """Why a job waits, and about how many seconds more; None where nobody can tell."""

    why: str
    seconds: int | None = None


class Outlook:
    """What the queued ones among some jobs wait for."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._queued = [job for job in jobs if job.state == State.QUEUED]
        self._now = datetime.now(UTC)
        if self._queued:
            self._look()

    def wait(self, job: Job) -> Wait:
        """Say what a queued job waits for: the first thing that would have to change."""
        return (
            self._owner(job)
            or self._pause(job)
            or self._money(job)
            or self._workers(job)
            or self._time(job)
            or self._turn(job)
        )

    def _look(self) -> None:
        names = {job.provider for job in self._queued}
        self._pauses = pauses.current()
        self._is_spent = ledger.left_today() == 0
        threads = readiness.threads_by_queue()
        self._idle = {name for name in names if not threads[conf.queue_name(registry.queue(name))]}
        self._rests = limits.rests(names)
        self._paces = {name: _pace(name, self._now) for name in names}
        self._ahead = {job: ahead for name in names for job, ahead in _places(name, self._queued).items()}

    def _owner(self, job: Job) -> Wait | None:
        return Wait("Paused until it is told to go on.") if job.is_held else None

    def _pause(self, job: Job) -> Wait | None:
        pause = self._pauses.get(pauses.EVERYTHING) or self._pauses.get(job.provider)
        if pause is None:
            return None
        if pause.until is None:
            return Wait(pause.sentence)
        sentence = f"{pause.sentence} One waiting job tries it again at {pause.until:%H:%M:%S} UTC."
        return Wait(sentence, self._until(pause.until))

    def _money(self, job: Job) -> Wait | None:
        if not self._is_spent or job.provider in registry.free():
            return None
        midnight = (self._now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        limit = conf.max_paid_calls_per_day()
        sentence = f"Today's limit of {limit} paid calls is reached. It starts anew at 00:00 UTC."
        return Wait(sentence, self._until(midnight))

    def _workers(self, job: Job) -> Wait | None:
        if job.provider not in self._idle:
            return None
        kind = registry.queue(job.provider)
        return Wait(f"No worker{f' of the kind {kind!r}' if kind else ''} is listening.")

    def _time(self, job: Job) -> Wait | None:
        if job.not_before and job.not_before > self._now:
            sentence = f"Trying again at {job.not_before:%H:%M:%S} UTC. {job.error_sentence}".strip()
            return Wait(sentence, self._until(job.not_before))
        if rest := math.ceil(self._rests[job.provider]):
            return Wait(f"{job.provider} takes no more calls for another {duration(rest)}.", rest)
        return None

    def _turn(self, job: Job) -> Wait:
        ahead, pace = self._ahead.get(job.pk, 0), self._paces[job.provider]
        if not ahead:
            return Wait("Waiting for its turn.")
        others = "1 other" if ahead == 1 else f"{ahead} others"
        if not pace:
            return Wait(f"Waiting behind {others}.")
        seconds = math.ceil(ahead / pace)
        return Wait(f"Waiting behind {others}, about {duration(seconds)}.", seconds)

    def _until(self, moment: datetime) -> int:
        return max(math.ceil((moment - self._now).total_seconds()), 0)


def duration(seconds: int) -> str:
    """Say a time in seconds or, from a minute and a half on, in minutes."""
    return f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _pace(provider: str, now: datetime) -> float:
    """Return how many calls a provider ends in a second; 0 where there is nothing to tell it from."""
    recent = Attempt.objects.filter(provider=provider, ended_at__gt=now - PACE_WINDOW)
    found = recent.aggregate(calls=Count("pk"), begun=Min("sent_at"))
    return found["calls"] / max((now - found["begun"]).total_seconds(), 1.0) if found["calls"] else 0.0


def _places(provider: str, queued: Iterable[Job]) -> Mapping[UUID, int]:
    """Return how many jobs come before each: each lane has its turn, so another lane counts up to one's own place."""
    waiting = Job.objects.filter(provider=provider, state=State.QUEUED, is_held=False)
    rows = waiting.order_by().values_list("owner", "batch").annotate(jobs=Count("pk"))
    lanes: defaultdict[Lane, int] = defaultdict(int)
    owners: dict[UUID, int | None] = {}
    for owner, batch, jobs in rows:
        lanes[Lane.of(owner, batch)] += jobs
        owners[batch] = owner
    return {
        job.pk: sum(min(jobs, place + (lane != own)) for lane, jobs in lanes.items())
        for own, mine in _by_lane(provider, queued, owners).items()
        for place, job in enumerate(mine, start=_before(waiting, own, mine[0]))
    }


def _by_lane(provider: str, queued: Iterable[Job], owners: Mapping[UUID, int | None]) -> dict[Lane, list[Job]]:
    found: defaultdict[Lane, list[Job]] = defaultdict(list)
    for job in sorted(queued, key=lambda job: (job.created, job.position)):
        if job.provider == provider:
            found[Lane.of(owners.get(job.batch_id), job.batch_id)].append(job)
    return found


def _before(waiting: QuerySet[Job], lane: Lane, first: Job) -> int:
    """Count the jobs of a lane that were asked for before the first one shown."""
    earlier = Q(created__lt=first.created) | Q(created=first.created, position__lt=first.position)
    return waiting.filter(lane.rows & earlier).count()
