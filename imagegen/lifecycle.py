"""The one place where a job changes state and a paid call is written down.

Each change is one guarded UPDATE, and its row count is the answer: 1, it happened; 0, somebody else was first. Writes to a
running job carry the fence of their claim. Closing an attempt needs only its id: a paid fact is never refused.
"""

import contextlib
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from imagegen import conf, errors, events
from imagegen.models import Attempt, Job, ProviderPause, Worker
from imagegen.pictures import Picture
from imagegen.providers.base import ImageRequest, Price
from imagegen.states import Charged, PauseReason, State

# Retries of calls that were surely not charged: full jitter, so that a provider that comes back is not hit by all at once.
MAX_FREE_RETRIES = 4
RETRY_BASE_SECONDS = 1.0
RETRY_CAP_SECONDS = 60.0
# A machine that was silent for so long is gone, and nobody will find what is in its spool.
MACHINE_GONE = timedelta(seconds=60)
# How long a provider rests that has no credit or does not accept the key.
PAUSE_SECONDS = 60.0


_turn = threading.Lock()


@dataclass(frozen=True)
class Claim:
    """A job that this process works on, and the open attempt that was committed with it."""

    job: UUID
    fence: int
    provider: str
    request: ImageRequest

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
class Receipt:
    """What is known of a finished call besides its outcome; absent facts are None or empty."""

    http_status: int | None = None
    request_id: str = ""
    bytes: int | None = None
    sha256: str = ""
    price: Price | None = None


@dataclass(frozen=True)
class Stored:
    """A picture where pictures are kept: its name there, and what the stored file is."""

    name: str
    sha256: str
    bytes: int
    picture: Picture


def claim(job_id: UUID, *, worker: UUID, machine: UUID) -> Claim | None:
    """Take a queued job and open its attempt in one transaction; None where there is nothing to do now.

    Committed before the first byte is sent: a call that nobody wrote down cannot happen.
    """
    with _writing():
        job = _due(Job.objects.filter(pk=job_id)).first()
        if job is None or is_paused(job.provider) or paid_attempts(job.pk) >= job.may_pay:
            return None
        # Plain conditions on the row itself: two workers that looked at once are told apart by the fence.
        taken = _update(
            Job.objects.filter(pk=job.pk, state=State.QUEUED, fence=job.fence), job.pk,
            state=State.RUNNING, fence=F("fence") + 1, worker=worker, lease_until=Now() + conf.lease(), started_at=Now(),
            not_before=None, error_code="", error_sentence="",
        )  # fmt: skip
        if not taken:
            return None
        attempt = Attempt.objects.create(
            job=job, provider=job.provider, model=job.model, fence=job.fence + 1, worker=worker, machine=machine
        )
    return Claim(job.pk, attempt.fence, job.provider, _request(job, attempt.pk))


def due(limit: int, *, told_before: timedelta) -> list[UUID]:
    """Return the oldest jobs that could run now and of which no worker was told within `told_before`."""
    silent = Q(hinted_at=None) | Q(hinted_at__lt=Now() - told_before)
    waiting = _due(Job.objects.filter(silent)).exclude(
        provider__in=ProviderPause.objects.filter(until__gt=Now()).values("pk")
    )
    return list(waiting.order_by("created", "position").values_list("pk", flat=True)[: max(limit, 0)])


def hinted(jobs: list[UUID]) -> None:
    """Note that workers were told about these jobs."""
    Job.objects.filter(pk__in=jobs).update(hinted_at=Now())


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
    """Hold an `unknown` job again whose answer was found after all, and open its attempt anew."""
    unknown = Job.objects.filter(pk=orphan.job, state=State.UNKNOWN, fence=orphan.fence)
    with _writing():
        held = _take(unknown, orphan, worker)
        if held:
            Attempt.objects.filter(pk=orphan.attempt).update(ended_at=None)
    return held


def unknown_job_of(attempt: UUID) -> Orphan | None:
    """Return the `unknown` job of a closed attempt; None where its job is anything else."""
    row = (
        Attempt.objects.filter(pk=attempt, job__state=State.UNKNOWN).values_list("job", "job__fence", "pk", "handle").first()
    )
    return Orphan(*row) if row else None


def is_settled(attempt: UUID) -> bool:
    """Whether nothing more can come of this attempt's answer: its job has ended for good, or is no more."""
    return not Attempt.objects.filter(pk=attempt, job__state__in=(State.RUNNING, State.UNKNOWN)).exists()


def renew(claims: list[Claim], *, worker: UUID) -> None:
    """Hold on to the jobs of these claims for another lease.

    One statement for all of them: under load a write waits for others up to a second, and one for each claim would outlast
    the lease. A job that was taken over has another worker, and is not renewed.
    """
    jobs = [held.job for held in claims]
    with _writing():
        Job.objects.filter(pk__in=jobs, worker=worker, state=State.RUNNING).update(lease_until=Now() + conf.lease())


def accepted(held: Claim, handle: str) -> None:
    """Write down that the provider took the call and will have the picture later."""
    Attempt.objects.filter(pk=held.attempt).update(handle=handle)


def succeed(held: Claim, stored: Stored, *, seed: int | None, receipt: Receipt) -> bool:
    """Finish a job whose picture is stored; False where the job is no longer ours, and the picture not its own."""
    with _writing():
        _close(held, "succeeded", Charged.YES, receipt)
        return _update(
            _mine(held), held.job,
            state=State.SUCCEEDED, ended_at=Now(), lease_until=None, picture=stored.name, sha256=stored.sha256,
            bytes=stored.bytes, content_type=stored.picture.content_type, width=stored.picture.width,
            height=stored.picture.height, actual_seed=seed,
        )  # fmt: skip


def settle(held: Claim, error: errors.ProviderError, receipt: Receipt) -> None:
    """Close the attempt with what the error says about money, and move the job to where that error leads."""
    with _writing():
        _close(held, error.code, error.charged, receipt)
        if isinstance(error, errors.OutOfCredit | errors.NotConfigured):
            _pause(held.provider, error)
        change = _change(held, error)
        _update(_mine(held), held.job, lease_until=None, error_code=error.code, error_sentence=str(error), **change)


def set_aside(held: Claim, code: str, sentence: str, *, charged: Charged, receipt: Receipt) -> None:
    """Make a job `unknown` for a reason that is ours, not the provider's: a bug, or a bought picture that has no place."""
    with _writing():
        _close(held, code, charged, receipt)
        end = _ended(State.UNKNOWN)
        _update(_mine(held), held.job, lease_until=None, error_code=code, error_sentence=sentence, **end)


def decoded(job: UUID, picture: str, *, thumbnail: str = "", defect: str = "") -> bool:
    """Note the thumbnail of a picture, or that it cannot be decoded; False where the job has another picture by now."""
    rows = Job.objects.filter(pk=job, picture=picture, thumbnail="", defect="")
    with _writing():
        return _update(rows, job, thumbnail=thumbnail, defect=defect)


def is_paused(provider: str) -> bool:
    return ProviderPause.objects.filter(pk=provider, until__gt=Now()).exists()


def paid_attempts(job: UUID) -> int:
    """Count the calls for a job that cost money, or may have."""
    return Attempt.objects.filter(job=job).exclude(charged=Charged.NO).count()


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


def _due(jobs: QuerySet[Job]) -> QuerySet[Job]:
    return jobs.filter(Q(not_before=None) | Q(not_before__lte=Now()), state=State.QUEUED)


def _mine(held: Claim) -> QuerySet[Job]:
    return Job.objects.filter(pk=held.job, state=State.RUNNING, fence=held.fence)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Run one write transaction; on SQLite the threads of a process take turns.

    SQLite's own lock is unfair: of sixty threads that wait for it some starve until their time is up.
    """
    turn = _turn if connection.vendor == "sqlite" else contextlib.nullcontext()
    with turn, transaction.atomic():
        yield


def _update(rows: QuerySet[Job], job: UUID, **columns: Any) -> bool:
    """Make one guarded change, and tell open pages once it is committed; False where the guard refused it."""
    changed = bool(rows.update(changed=Now(), **columns))
    if changed:
        transaction.on_commit(partial(events.send, [job]))
    return changed


def _close(held: Claim, outcome: str, charged: Charged, receipt: Receipt) -> None:
    cost = receipt.price if charged == Charged.YES else None
    # Recovery may have closed it as unknown while its own worker was only slow: what is known takes the place of that.
    open_or_unknown = Attempt.objects.filter(Q(ended_at=None) | Q(charged=Charged.UNKNOWN), pk=held.attempt)
    open_or_unknown.update(
        ended_at=Now(), outcome=outcome, charged=charged, http_status=receipt.http_status, request_id=receipt.request_id,
        bytes=receipt.bytes, sha256=receipt.sha256, amount=cost.amount if cost else None, unit=cost.unit if cost else "",
    )  # fmt: skip


def _change(held: Claim, error: errors.ProviderError) -> dict[str, Any]:
    """Return the columns that say where this error leads."""
    match error:
        case errors.Refused():
            return _ended(State.REFUSED)
        case errors.RateLimited(retry_after=seconds):
            return _again(seconds)
        case errors.OutOfCredit() | errors.NotConfigured():
            return _again(0)
        case errors.Unavailable() if _free_failures(held.job) <= MAX_FREE_RETRIES:
            return _again(_backoff(_free_failures(held.job)))
    paid = paid_attempts(held.job)
    if error.charged == Charged.UNKNOWN and conf.retry_unknown() and paid < conf.max_paid_attempts():
        return {**_again(0), "may_pay": paid + 1}
    return _ended(State.UNKNOWN if _may_be_paid(held.job) else State.FAILED)


def _ended(state: State) -> dict[str, Any]:
    return {"state": state, "ended_at": Now()}


def _again(seconds: float) -> dict[str, Any]:
    """Queue once more, not before so many seconds, and let the sweep tell a worker then."""
    return {"state": State.QUEUED, "worker": None, "not_before": Now() + timedelta(seconds=seconds), "hinted_at": None}


def _backoff(failures: int) -> float:
    return random.uniform(0, min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2 ** (failures - 1)))


def _free_failures(job: UUID) -> int:
    return Attempt.objects.filter(job=job, outcome=errors.Unavailable.code).count()


def _may_be_paid(job: UUID) -> bool:
    """Whether some call of this job, this one included, has an outcome that nobody knows."""
    return Attempt.objects.filter(job=job, charged=Charged.UNKNOWN).exists()


def _pause(provider: str, error: errors.ProviderError) -> None:
    reason = PauseReason.NO_CREDIT if isinstance(error, errors.OutOfCredit) else PauseReason.BAD_KEY
    ProviderPause.objects.update_or_create(
        provider=provider,
        defaults={
            "reason": reason,
            "sentence": str(error),
            "since": Now(),
            "until": Now() + timedelta(seconds=PAUSE_SECONDS),
        },
    )


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
