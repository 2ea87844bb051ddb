"""The one place where a job changes state and a paid call is written down.

Each change is one guarded UPDATE, and its row count is the answer: 1, it happened; 0, somebody else was first. Writes to a
running job carry the fence of their claim. Where the owner asked to cancel a running job, the write that records its call
cancels it, whatever else that write would have made of it.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Now

from imagegen import conf, errors, events, lanes, ledger, pauses
from imagegen.ledger import Receipt
from imagegen.models import Attempt, Job, Worker
from imagegen.pauses import Admission
from imagegen.pictures import Picture
from imagegen.providers import registry
from imagegen.providers.base import ImageRequest
from imagegen.states import Charged, State
from imagegen.together import Together
from imagegen.writes import give_back_connection, locked, writing

# Retries of calls that were surely not charged: full jitter, so that a provider that comes back is not hit by all at once.
MAX_FREE_RETRIES = 4
RETRY_BASE_SECONDS = 1.0
RETRY_CAP_SECONDS = 60.0
# A machine that was silent for so long is gone, and nobody will find what is in its spool.
MACHINE_GONE = timedelta(seconds=60)
# Bought, and without a place to put it: the answer waits in the spool of its machine.
NOT_STORED = "not_stored"
# Where a picture that was bought after all is still wanted.
SERVED = (State.UNKNOWN, State.QUEUED, State.FAILED)
# Where the owner may still say that nobody needs the picture any more.
CANCELABLE = (State.QUEUED, State.RUNNING, State.FAILED, State.UNKNOWN)


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


@dataclass(frozen=True)
class Stored:
    """A picture where pictures are kept: its name there, and what the stored file is."""

    name: str
    sha256: str
    bytes: int
    picture: Picture


class _Taker(NamedTuple):
    """Who wants to work on which job."""

    job: UUID
    worker: UUID
    machine: UUID


def claim(job: UUID, *, worker: UUID, machine: UUID) -> Claim | None:
    """Take a queued job and open its attempt in one transaction; None where there is nothing to do now.

    Committed before the first byte is sent: a call that nobody wrote down cannot happen. Threads that come at the same time
    share the transaction.
    """
    return _claim(_Taker(job, worker, machine))


def _claim_all(takers: Sequence[_Taker]) -> list[Claim | None]:
    # Of two that want the same job, the first gets it.
    wanted = {taker.job: taker for taker in reversed(takers)}
    with writing():
        # Locked, so that two workers that look at once do not see the same job.
        due = lanes.runnable(Job.objects.filter(pk__in=wanted)).order_by("pk").select_for_update()
        admitted = _admitted(due)
        calls = [ledger.Call(job, job.fence + 1, *wanted[job.pk][1:]) for job in due if job.pk in admitted]
        _run(calls)
        attempts = ledger.write_down(calls)
    claims = {
        call.job.pk: Claim(
            call.job.pk, call.fence, call.job.provider, _request(call.job, attempt), admitted[call.job.pk] == Admission.TRIAL
        )
        for call, attempt in zip(calls, attempts, strict=True)
    }
    return [claims.get(taker.job) if taker is wanted[taker.job] else None for taker in takers]


_claim = Together(_claim_all, before_waiting=give_back_connection)


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


def renew(claims: list[Claim], *, worker: UUID) -> None:
    """Hold on to the jobs of these claims for another lease.

    One statement for all of them: under load a write waits for others up to a second, and one for each claim would outlast
    the lease. A job that was taken over has another worker, and is not renewed.
    """
    jobs = [held.job for held in claims]
    mine = Job.objects.filter(pk__in=jobs, worker=worker, state=State.RUNNING)
    with writing():
        Job.objects.filter(pk__in=locked(mine)).update(lease_until=Now() + conf.lease())


def accepted(held: Claim, handle: str) -> None:
    """Write down that the provider took the call and will have the picture later."""
    Attempt.objects.filter(pk=held.attempt).update(handle=handle)


class _Success(NamedTuple):
    """A call that brought a picture."""

    held: Claim
    stored: Stored
    seed: int | None
    receipt: Receipt


def succeed(held: Claim, stored: Stored, *, seed: int | None, receipt: Receipt) -> bool:
    """Finish a job whose picture is stored; False where the job is no longer ours, and the picture not its own.

    Threads that come at the same time share the transaction.
    """
    return _succeed(_Success(held, stored, seed, receipt))


def _succeed_all(ends: Sequence[_Success]) -> list[bool]:
    with writing():
        # In the order in which everybody locks rows, so that nobody waits in a circle.
        ours = {end.held: _finish(end) for end in sorted(ends, key=lambda end: end.held.job)}
        _tell([held.job for held, is_ours in ours.items() if is_ours])
    return [ours[end.held] for end in ends]


_succeed = Together(_succeed_all, before_waiting=give_back_connection)


def _finish(end: _Success) -> bool:
    held, stored = end.held, end.stored
    kept = "Canceled while it was drawn: the call was paid, so its picture is kept."
    is_ours = bool(
        _mine(held).update(
            changed=Now(), lease_until=None, picture=stored.name, sha256=stored.sha256, bytes=stored.bytes,
            content_type=stored.picture.content_type, width=stored.picture.width, height=stored.picture.height,
            actual_seed=end.seed, error_code="", **_unless_canceled(_ended(State.SUCCEEDED), "", canceled=kept),
        )
    )  # fmt: skip
    _write_end(held, "succeeded", Charged.YES, end.receipt, is_ours=is_ours)
    if is_ours and held.may_be_trial:
        pauses.after_success(held.provider, held.job)
    return is_ours


def settle(held: Claim, error: errors.ProviderError, receipt: Receipt) -> bool:
    """Close the attempt with what the error says about money, and move the job to where that error leads.

    False where the job is no longer ours; what the call cost is noted all the same.
    """
    with writing():
        if not _close(held, error.code, error.charged, receipt):
            return False
        pauses.after_error(held.provider, held.job, error)
        change = _unless_canceled(_change(held, error), str(error), canceled=f"Canceled. {error}")
        return _update(_mine(held), held.job, lease_until=None, error_code=error.code, **change)


def set_aside(held: Claim, code: str, sentence: str, *, charged: Charged, receipt: Receipt) -> None:
    """Make a job `unknown` for a reason that is ours, not the provider's: a bug, or a bought picture that has no place."""
    with writing():
        if _close(held, code, charged, receipt):
            end = _ended(State.UNKNOWN)
            _update(_mine(held), held.job, lease_until=None, error_code=code, error_sentence=sentence, **end)


def cancel(jobs: QuerySet[Job]) -> list[UUID]:
    """Cancel these jobs and return those that were not too late.

    At once where no call is in flight; otherwise the write that records the call does it, and keeps what was bought.
    """
    running = Q(state=State.RUNNING)
    with writing():
        found = locked(jobs.filter(state__in=CANCELABLE))
        Job.objects.filter(pk__in=found).update(
            changed=Now(),
            state=Case(When(running, then=F("state")), default=Value(State.CANCELED.value)),
            ended_at=Case(When(running, then=F("ended_at")), default=Now()),
            error_sentence=Case(
                When(state=State.QUEUED, then=_text("Canceled before it was drawn.")), default=F("error_sentence")
            ),
            cancel_requested=True,
        )
        _tell(found)
    return found


def ask_again(jobs: QuerySet[Job], state: State, *, fence: int | None = None) -> list[UUID]:
    """Queue those of these jobs again that are `failed` (or `unknown`), allow each one more paid call, and return them.

    `fence` is the one that the person saw: a job that had another call since is left alone, and nothing is bought twice.
    """
    if fence is not None:
        jobs = jobs.filter(fence=fence)
    with writing():
        found = locked(jobs.filter(state=state))
        Job.objects.filter(pk__in=found).update(
            changed=Now(), state=State.QUEUED, ended_at=None, not_before=None, hinted_at=Now(), error_code="",
            error_sentence="", cancel_requested=False, tries_from=F("fence"), may_pay=ledger.paid_calls_of_row() + 1,
        )  # fmt: skip
        lanes.queue_again(found)
        _tell(found)
    return found


def decoded(job: UUID, picture: str, *, thumbnail: str = "", defect: str = "") -> bool:
    """Note the thumbnail of a picture, or that it cannot be decoded; False where the job has another picture by now."""
    rows = Job.objects.filter(pk=job, picture=picture, thumbnail="", defect="")
    with writing():
        return _update(rows, job, thumbnail=thumbnail, defect=defect)


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
            started_at=Now(), not_before=None, error_code="", error_sentence="",
        )  # fmt: skip
    _tell([call.job.pk for call in calls])


def _take(rows: QuerySet[Job], orphan: Orphan, worker: UUID) -> Claim | None:
    taken = _update(
        rows, orphan.job, state=State.RUNNING, fence=F("fence") + 1, worker=worker, lease_until=Now() + conf.lease()
    )
    if not taken:
        return None
    job = Job.objects.get(pk=orphan.job)
    return Claim(job.pk, orphan.fence + 1, job.provider, _request(job, orphan.attempt))


def _living() -> QuerySet[Worker, UUID]:
    return Worker.objects.filter(heartbeat__gt=Now() - MACHINE_GONE).values_list("machine", flat=True)


def _close(held: Claim, outcome: str, charged: Charged, receipt: Receipt) -> bool:
    """Write the end of a call into the ledger; False where its job is no longer ours."""
    is_ours = bool(locked(_mine(held)))
    _write_end(held, outcome, charged, receipt, is_ours=is_ours)
    return is_ours


def _write_end(held: Claim, outcome: str, charged: Charged, receipt: Receipt, *, is_ours: bool) -> None:
    """Write the end of a call into the ledger, and leave it open where somebody else has its job by now.

    A running job without an open call would be nobody's if he died, too.
    """
    write = ledger.close if is_ours else ledger.note
    write(held.attempt, outcome, charged, receipt)


def _mine(held: Claim) -> QuerySet[Job]:
    return Job.objects.filter(pk=held.job, state=State.RUNNING, fence=held.fence)


def _update(rows: QuerySet[Job], job: UUID, **columns: Any) -> bool:
    """Make one guarded change, and tell open pages once it is committed; False where the guard refused it."""
    changed = bool(rows.update(changed=Now(), **columns))
    if changed:
        _tell([job])
    return changed


def _tell(jobs: list[UUID]) -> None:
    """Tell open pages once the change is committed."""
    transaction.on_commit(partial(events.send, jobs))


def _change(held: Claim, error: errors.ProviderError) -> dict[str, Any]:
    """Return the columns that say where this error leads."""
    match error:
        case errors.Refused():
            return _ended(State.REFUSED)
        case errors.RateLimited(retry_after=seconds):
            return _again(seconds)
        case errors.OutOfCredit() | errors.NotConfigured():
            return _again(0)
        case errors.Unavailable() if (failures := ledger.free_failures(held.job)) <= MAX_FREE_RETRIES:
            return _again(_backoff(failures))
    paid = ledger.paid_calls([held.job]).get(held.job, 0)
    if error.charged == Charged.UNKNOWN and conf.retry_unknown() and paid < conf.max_paid_attempts():
        return {**_again(0), "may_pay": paid + 1}
    # Not known here, even where a worker that was only slow has meanwhile noted what it cost: it may have kept the picture.
    is_unknown = error.charged == Charged.UNKNOWN or ledger.may_be_paid(held.job)
    return _ended(State.UNKNOWN if is_unknown else State.FAILED)


def _ended(state: State) -> dict[str, Any]:
    return {"state": state, "ended_at": Now()}


def _again(seconds: float) -> dict[str, Any]:
    """Queue once more, not before so many seconds, and let the sweep tell a worker then."""
    not_before = Now() + timedelta(seconds=seconds) if seconds else None
    return {"state": State.QUEUED, "worker": None, "not_before": not_before, "hinted_at": None}


def _unless_canceled(change: dict[str, Any], sentence: str, *, canceled: str) -> dict[str, Any]:
    """Return a change of a running job that cancels it instead, with that sentence, where its owner asked for it."""
    asked = Q(cancel_requested=True)
    ended_at = change.get("ended_at", Value(None, output_field=DateTimeField()))
    return {
        **change,
        "state": Case(When(asked, then=Value(State.CANCELED.value)), default=Value(change["state"].value)),
        "ended_at": Case(When(asked, then=Now()), default=ended_at),
        "error_sentence": Case(When(asked, then=_text(canceled)), default=_text(sentence)),
    }


def _text(sentence: str) -> Value:
    return Value(sentence, output_field=TextField())


def _backoff(failures: int) -> float:
    return random.uniform(0, min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2 ** (failures - 1)))


def _request(job: Job, attempt: UUID) -> ImageRequest:
    return ImageRequest(
        attempt=attempt,
        prompt=job.prompt,
        model=job.model,
        negative_prompt=job.negative_prompt,
        size=job.size,
        aspect_ratio=job.aspect_ratio,
        style=job.style,
        seed=job.seed,
    )
