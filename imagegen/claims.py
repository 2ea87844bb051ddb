"""Who holds a job: the claim that opens a paid call, its lease, and what becomes of both when a worker is gone.

A claim raises the job's fence, and everything that is written for it carries that fence: who lost the job writes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from imagegen import conf, lanes, ledger, pauses
from imagegen.models import Attempt, Job, Worker
from imagegen.pauses import Admission
from imagegen.providers import registry
from imagegen.providers.base import ImageRequest
from imagegen.states import State
from imagegen.together import Together
from imagegen.writes import give_back_connection, locked, tell, turn, update, writing

# A machine that was silent for so long is gone, and nobody will find what is in its spool.
MACHINE_GONE = timedelta(seconds=60)
# Where a picture that was bought after all is still wanted.
SERVED = (State.UNKNOWN, State.QUEUED, State.FAILED)
# What a claim reads of a job: a row has four times as many columns.
_NEEDED = (
    "fence", "may_pay", "provider", "model", "prompt", "negative_prompt", "size", "aspect_ratio", "style", "quality", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A job that this process works on, and the open attempt that was committed with it."""

    job: UUID
    fence: int
    provider: str
    request: ImageRequest
    may_be_trial: bool = True
    """Whether the call may be one that tries a provider that rested; one that was taken over may."""

    @property
    def attempt(self) -> UUID:
        return self.request.attempt


class Orphan(NamedTuple):
    """A job that nobody works on, as it was seen, and the attempt that may have an answer."""

    job: UUID
    fence: int
    attempt: UUID
    handle: str


class _Hands(NamedTuple):
    """Who makes a call."""

    worker: UUID
    machine: UUID


class _Taker(NamedTuple):
    """Who wants to work on which job."""

    job: UUID
    hands: _Hands


class _Free(NamedTuple):
    """Who could work on any job of a provider."""

    provider: str
    hands: _Hands


def claim(job: UUID, *, worker: UUID, machine: UUID) -> Claim | None:
    """Take a queued job and open its attempt in one transaction; None where there is nothing to do now.

    Committed before the first byte is sent: a call that nobody wrote down cannot happen. Threads that come at the same time
    share the transaction.
    """
    return _claim(_Taker(job, _Hands(worker, machine)))


def claim_next(provider: str, *, worker: UUID, machine: UUID) -> Claim | None:
    """Take the job of a provider whose turn it is, in the same way; None where none may be called for now."""
    return _claim_next(_Free(provider, _Hands(worker, machine)))


def _claim_all(takers: Sequence[_Taker]) -> list[Claim | None]:
    # Of two that want the same job, the first gets it.
    wanted = {taker.job: taker for taker in reversed(takers)}
    with writing():
        # Locked, so that two workers that look at once do not see the same job.
        due = lanes.runnable(_jobs().filter(pk__in=wanted)).order_by("pk").select_for_update()
        opened = _open(due, {job: taker.hands for job, taker in wanted.items()})
    return [opened.get(taker.job) if taker is wanted[taker.job] else None for taker in takers]


def _claim_next_all(free: Sequence[_Free]) -> list[Claim | None]:
    counts = Counter(each.provider for each in free)
    with writing():
        due = {
            provider: iter(lanes.take_turns(_jobs().filter(provider=provider), count)) for provider, count in counts.items()
        }
        jobs = [next(due[each.provider], None) for each in free]
        hands = {job.pk: each.hands for job, each in zip(jobs, free, strict=True) if job}
        opened = _open([job for job in jobs if job], hands)
    return [opened.get(job.pk) if job else None for job in jobs]


_claim = Together(_claim_all, before_waiting=give_back_connection, turn=turn)
_claim_next = Together(_claim_next_all, before_waiting=give_back_connection, turn=turn)


def _jobs() -> QuerySet[Job]:
    return Job.objects.only(*_NEEDED)


def _open(due: Iterable[Job], hands: Mapping[UUID, _Hands]) -> dict[UUID, Claim]:
    """Let those of these jobs run on which money may be spent, and write their calls down."""
    admitted = _admitted(due)
    calls = [ledger.Call(job, job.fence + 1, *hands[job.pk]) for job in due if job.pk in admitted]
    _run(calls)
    attempts = ledger.write_down(calls)
    return {
        call.job.pk: Claim(
            call.job.pk, call.fence, call.job.provider, _request(call.job, attempt), admitted[call.job.pk] == Admission.TRIAL
        )
        for call, attempt in zip(calls, attempts, strict=True)
    }


def orphans(machine: UUID) -> list[Orphan]:
    """Return jobs whose worker has not been heard of for a lease, and that a process on this machine may finish.

    A call's answer may lie in the spool of the machine that made it, so others keep away while that machine lives.
    """
    lost = Job.objects.filter(state=State.RUNNING, lease_until__lt=Now())
    open_calls = Attempt.objects.filter(job__in=lost, ended_at=None).exclude(Q(machine__in=_living()) & ~Q(machine=machine))
    return [Orphan(*row) for row in open_calls.values_list("job", "job__fence", "pk", "handle")]


def take_over(orphan: Orphan, *, worker: UUID) -> Claim | None:
    """Hold a job that nobody holds any more, with its open attempt; None where somebody does, or was first."""
    lost = Job.objects.filter(pk=orphan.job, state=State.RUNNING, fence=orphan.fence, lease_until__lt=Now())
    return _take(lost, orphan, worker)


def adopt(orphan: Orphan, *, worker: UUID) -> Claim | None:
    """Hold a job again whose answer was found after all, and open its attempt anew; None where it has moved on."""
    waiting = Job.objects.filter(pk=orphan.job, state__in=SERVED, fence=orphan.fence)
    with writing():
        held = _take(waiting, orphan, worker)
        if held:
            Attempt.objects.filter(pk=orphan.attempt).update(ended_at=None)
    return held


def served_by(attempt: UUID, *, picture: bool) -> Orphan | None:
    """Return the job that the kept answer of this closed attempt would bring further; None where there is none.

    A picture serves a job that is `unknown`, queued again or failed, whichever of its calls made it. Any other answer only
    explains an `unknown` job, and only if its last call got it.
    """
    rows = Attempt.objects.filter(pk=attempt, job__state__in=SERVED)
    if not picture:
        later = Attempt.objects.filter(job=OuterRef("job"), fence__gt=OuterRef("fence"))
        rows = rows.filter(~Exists(later), job__state=State.UNKNOWN)
    row = rows.values_list("job", "job__fence", "pk", "handle").first()
    return Orphan(*row) if row else None


def may_need(attempt: UUID, *, picture: bool) -> bool:
    """Whether some job may still be brought further by this answer: one that somebody works on, or has just taken on."""
    states = (State.RUNNING, *SERVED) if picture else (State.RUNNING,)
    return Attempt.objects.filter(pk=attempt, job__state__in=states).exists()


def renew(held: list[Claim], *, worker: UUID) -> None:
    """Hold on to the jobs of these claims for another lease.

    One statement for all of them: under load a write waits for others up to a second, and one for each claim would outlast
    the lease. A job that was taken over has another worker, and is not renewed.
    """
    jobs = [each.job for each in held]
    ours = Job.objects.filter(pk__in=jobs, worker=worker, state=State.RUNNING)
    with writing():
        Job.objects.filter(pk__in=locked(ours)).update(lease_until=Now() + conf.lease())


def accepted(held: Claim, handle: str) -> None:
    """Write down that the provider took the call and will have the picture later."""
    Attempt.objects.filter(pk=held.attempt).update(handle=handle)


def mine(held: Claim) -> QuerySet[Job]:
    """Return the row of the job while this claim holds it; none once somebody else does."""
    return Job.objects.filter(pk=held.job, state=State.RUNNING, fence=held.fence)


def _admitted(jobs: Iterable[Job]) -> dict[UUID, Admission]:
    """Return those of these jobs on which money may be spent now, and how."""
    admitted: dict[UUID, Admission] = {}
    # A job with the first fence has never been called for.
    paid = ledger.paid_calls([job.pk for job in jobs if job.fence])
    left = ledger.left_for({job.provider for job in jobs})
    free, paused = registry.free(), pauses.current()
    for job in jobs:
        costs = job.provider not in free
        if paid.get(job.pk, 0) >= job.may_pay or (costs and left <= 0):
            continue
        # Last, because it may write down that this job tries a provider that rested.
        admission = pauses.admit(job.provider, job.pk, paused)
        if admission != Admission.REFUSED:
            admitted[job.pk] = admission
            left -= costs
    return admitted


def _run(calls: Sequence[ledger.Call]) -> None:
    """Let these jobs run, each in the hands of whoever makes its call."""
    for worker in {call.worker for call in calls}:
        jobs = [call.job.pk for call in calls if call.worker == worker]
        Job.objects.filter(pk__in=jobs).update(
            changed=Now(), state=State.RUNNING, fence=F("fence") + 1, worker=worker, lease_until=Now() + conf.lease(),
            started_at=Now(), not_before=None, error_code="", error_sentence="", step=0, steps=0,
        )  # fmt: skip
    tell([call.job.pk for call in calls])


def _take(rows: QuerySet[Job], orphan: Orphan, worker: UUID) -> Claim | None:
    taken = update(
        rows, orphan.job, state=State.RUNNING, fence=F("fence") + 1, worker=worker, lease_until=Now() + conf.lease()
    )
    if not taken:
        return None
    job = Job.objects.get(pk=orphan.job)
    return Claim(job.pk, orphan.fence + 1, job.provider, _request(job, orphan.attempt))


def _living() -> QuerySet[Worker, UUID]:
    return Worker.objects.filter(heartbeat__gt=Now() - MACHINE_GONE).values_list("machine", flat=True)


def _request(job: Job, attempt: UUID) -> ImageRequest:
    return ImageRequest(
        attempt=attempt,
        prompt=job.prompt,
        model=job.model,
        negative_prompt=job.negative_prompt,
        size=job.size,
        aspect_ratio=job.aspect_ratio,
        style=job.style,
        quality=job.quality,
        seed=job.seed,
    )
