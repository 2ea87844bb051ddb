"""How jobs end: what a call made of them, and what their owners decide; how they begin to run is for `claims` to say.

Each change is one guarded UPDATE, and its row count is the answer: 1, it happened; 0, somebody else was first. Writes to a
running job carry the fence of their claim. Where the owner asked to cancel a running job, the write that records its call
cancels it, whatever else that write would have made of it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from imagegen import conf, errors, fallback, lanes, ledger, pauses
from imagegen.claims import Claim, mine
from imagegen.ledger import Receipt
from imagegen.models import Job, ProviderPause
from imagegen.pictures import Picture
from imagegen.providers import registry
from imagegen.states import UNFINISHED, Charged, State
from imagegen.together import Together
from imagegen.writes import give_back_connection, locked, tell, turn, update, writing

# Retries of calls that were surely not charged: full jitter, so that a provider that comes back is not hit by all at once.
MAX_FREE_RETRIES = 4
RETRY_BASE_SECONDS = 1.0
RETRY_CAP_SECONDS = 60.0
# Jobs of one provider in one transaction, so that others need not wait long for their turn to write.
HANDED_ON_AT_ONCE = 100
# Bought, and without a place to put it: the answer waits in the spool of its machine.
NOT_STORED = "not_stored"
# Where the owner may still say that nobody needs the picture any more.
CANCELABLE = (State.QUEUED, State.RUNNING, State.FAILED, State.UNKNOWN)


@dataclass(frozen=True)
class Stored:
    """A picture where pictures are kept: its name there, and what the stored file is."""

    name: str
    sha256: str
    bytes: int
    picture: Picture


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
        tell([held.job for held, is_ours in ours.items() if is_ours])
    return [ours[end.held] for end in ends]


_succeed = Together(_succeed_all, before_waiting=give_back_connection, turn=turn)


def _finish(end: _Success) -> bool:
    held, stored = end.held, end.stored
    because = "" if registry.is_free(held.provider) else "the call was paid, so "
    kept = f"Canceled while it was drawn: {because}its picture is kept."
    facts = {
        "picture": stored.name, "sha256": stored.sha256, "bytes": stored.bytes, "actual_seed": end.seed, "error_code": "",
        "content_type": stored.picture.content_type, "width": stored.picture.width, "height": stored.picture.height,
    }  # fmt: skip
    is_ours = _change_unless_canceled(held, {**_ended(State.SUCCEEDED), **facts}, "", canceled=kept)
    _write_end(held, "succeeded", Charged.YES, end.receipt, is_ours=is_ours)
    if is_ours and held.may_be_trial:
        pauses.after_success(held.provider, held.job)
    return is_ours


def note_step(held: Claim, step: int, steps: int) -> bool:
    """Note how far a picture is; False where nobody wants it any more, or the job is no longer ours."""
    with writing():
        is_ours = update(mine(held), held.job, step=step, steps=steps)
    return is_ours and not Job.objects.filter(pk=held.job, cancel_requested=True).exists()


def settle(held: Claim, error: errors.ProviderError, receipt: Receipt) -> bool:
    """Close the attempt with what the error says about money, and move the job to where that error leads.

    False where the job is no longer ours; what the call cost is noted all the same.
    """
    with writing():
        if not _close(held, error.code, error.charged, receipt):
            return False
        pauses.after_error(held.provider, held.job, error)
        change = _change(held, error)
        if _may_be_handed_on(error, change) and (next_one := fallback.successor(_row(held.job))):
            change = {**_again(0), **next_one}
        change["error_code"] = error.code
        tell([held.job])
        return _change_unless_canceled(held, change, str(error), canceled=f"Canceled. {error}")


def hand_on() -> int:
    """Give jobs that wait for a provider that rests to those who take over; return how many.

    Where it is time to try that provider again, its next job is left to it.
    """
    return sum(_hand_on(pause) for pause in list(fallback.ailing()))


def _hand_on(pause: ProviderPause) -> int:
    waiting = Job.objects.filter(provider=pause.provider, state=State.QUEUED).order_by("turn", "created", "position")
    left = 1 if pause.until and pause.until <= timezone.now() else 0
    found = waiting.values_list("pk", flat=True)[left : left + HANDED_ON_AT_ONCE]
    with writing():
        still = waiting.filter(pk__in=locked(Job.objects.filter(pk__in=list(found))))
        # One after the other, because each takes its turn behind the one before.
        return sum(_hand_one_on(job) for job in still.select_related("batch"))


def _hand_one_on(job: Job) -> bool:
    next_one = fallback.successor(job)
    return next_one is not None and update(Job.objects.filter(pk=job.pk), job.pk, **{**_again(0), **next_one})


def set_aside(held: Claim, code: str, sentence: str, *, charged: Charged, receipt: Receipt) -> None:
    """Make a job `unknown` for a reason that is ours, not the provider's: a bug, or a bought picture that has no place."""
    with writing():
        if _close(held, code, charged, receipt):
            end = _ended(State.UNKNOWN)
            update(mine(held), held.job, lease_until=None, error_code=code, error_sentence=sentence, **end)


def cancel(jobs: QuerySet[Job]) -> list[UUID]:
    """Cancel these jobs and return those that were not too late.

    At once where no call is in flight; otherwise the write that records the call does it, and keeps what was bought.
    """
    running = Q(state=State.RUNNING)
    before = Value("Canceled before it was drawn.", output_field=TextField())
    with writing():
        found = locked(jobs.filter(state__in=CANCELABLE))
        Job.objects.filter(pk__in=found).update(
            changed=Now(),
            state=Case(When(running, then=F("state")), default=Value(State.CANCELED.value)),
            ended_at=Case(When(running, then=F("ended_at")), default=Now()),
            error_sentence=Case(When(state=State.QUEUED, then=before), default=F("error_sentence")),
            cancel_requested=True,
        )
        tell(found)
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
            error_sentence="", cancel_requested=False, is_held=False, tries_from=F("fence"),
            may_pay=ledger.paid_calls_of_row() + 1,
        )  # fmt: skip
        lanes.queue_again(found)
        tell(found)
    return found


def hold(jobs: QuerySet[Job]) -> list[UUID]:
    """Begin no call for those of these jobs that have not ended, and return them; a call in flight goes on."""
    return _let_wait(jobs, is_held=True)


def release(jobs: QuerySet[Job]) -> list[UUID]:
    """Let those of these jobs go on that were held, behind those of their lane that wait, and return them."""
    with writing():
        found = _let_wait(jobs, is_held=False)
        Job.objects.filter(pk__in=found).update(hinted_at=Now())
        lanes.queue_again(found)
    return found


def decoded(job: UUID, picture: str, *, thumbnail: str = "", defect: str = "", received: str = "") -> bool:
    """Note the thumbnail of a picture, or that it cannot be decoded; False where the job has another picture by now.

    `received` is the sha256 of what its call brought, for the ledger.
    """
    rows = Job.objects.filter(pk=job, picture=picture, thumbnail="", defect="")
    with writing():
        ledger.note_sum(job, received)
        return update(rows, job, thumbnail=thumbnail, defect=defect)


def _let_wait(jobs: QuerySet[Job], *, is_held: bool) -> list[UUID]:
    with writing():
        found = locked(jobs.filter(state__in=UNFINISHED, is_held=not is_held))
        Job.objects.filter(pk__in=found).update(changed=Now(), is_held=is_held)
        tell(found)
    return found


def _close(held: Claim, outcome: str, charged: Charged, receipt: Receipt) -> bool:
    """Write the end of a call into the ledger; False where its job is no longer ours."""
    is_ours = bool(locked(mine(held)))
    _write_end(held, outcome, charged, receipt, is_ours=is_ours)
    return is_ours


def _write_end(held: Claim, outcome: str, charged: Charged, receipt: Receipt, *, is_ours: bool) -> None:
    """Write the end of a call into the ledger, and leave it open where somebody else has its job by now.

    A running job without an open call would be nobody's if he died, too.
    """
    write = ledger.close if is_ours else ledger.note
    write(held.attempt, outcome, charged, receipt)


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


def _may_be_handed_on(error: errors.ProviderError, change: dict[str, Any]) -> bool:
    """Whether this surely cost nothing, and waiting for the same provider would not help soon."""
    match error:
        case errors.OutOfCredit() | errors.NotConfigured():
            return True
        case errors.Unavailable():
            return bool(change["state"] == State.FAILED)
    return False


def _row(job: UUID) -> Job:
    return Job.objects.select_related("batch").get(pk=job)


def _ended(state: State) -> dict[str, Any]:
    return {"state": state, "ended_at": Now()}


def _again(seconds: float) -> dict[str, Any]:
    """Queue once more, not before so many seconds, and let the sweep tell a worker then."""
    not_before = Now() + timedelta(seconds=seconds) if seconds else None
    return {"state": State.QUEUED, "worker": None, "not_before": not_before, "hinted_at": None}


def _change_unless_canceled(held: Claim, change: dict[str, Any], sentence: str, *, canceled: str) -> bool:
    """Change a running job, or cancel it instead, with that sentence, where its owner asked for it; False if it is not ours.

    What nobody asked to cancel, which is nearly all, takes one simple statement: CASE over each column costs twice as much.
    """
    columns = {**change, "changed": Now(), "lease_until": None}
    if mine(held).filter(cancel_requested=False).update(**columns, error_sentence=sentence):
        return True
    return bool(mine(held).update(**{**columns, **_ended(State.CANCELED), "error_sentence": canceled}))


def _backoff(failures: int) -> float:
    return random.uniform(0, min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2 ** (failures - 1)))
