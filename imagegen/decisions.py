"""What people decide about pictures they asked for: cancel, try again, buy again, pause, go on.

Each decision is the owner's, and staff's who act for everybody: who else names the same id learns nothing, not even that it
exists.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from imagegen import accounts, announcements, lanes, lifecycle
from imagegen.accounts import Viewer
from imagegen.errors import Conflict
from imagegen.models import Batch, Job
from imagegen.states import UNFINISHED, Decision, State

# Which jobs each decision is about, in words.
_FITS = {
    Decision.CANCEL: "only one that waits, runs, failed or is unknown can be canceled",
    Decision.RETRY: "only a failed one can be tried again",
    Decision.BUY_AGAIN: "only one whose outcome is unknown can be bought again",
    Decision.PAUSE: "only one that has not ended can be paused",
    Decision.RESUME: "only a paused one can go on",
}
# In which states a decision about many is about them: giving up an `unknown` one is a decision about that one.
_FIT_MANY = {
    Decision.CANCEL: UNFINISHED,
    Decision.RETRY: frozenset({State.FAILED}),
    Decision.BUY_AGAIN: frozenset({State.UNKNOWN}),
    Decision.PAUSE: UNFINISHED,
    Decision.RESUME: UNFINISHED,
}
# What takes no look at how often a job was called for.
_PLAIN = {
    Decision.CANCEL: lifecycle.cancel,
    Decision.PAUSE: lifecycle.hold,
    Decision.RESUME: lifecycle.release,
}
# Jobs in one transaction, so that others need not wait long for their turn to write.
AT_ONCE = 25


class Decided(NamedTuple):
    """What became of a decision about many jobs: which it changed, and how many it left as they are, by why."""

    changed: list[UUID]
    left: Counter[str]


def on_job(decision: Decision, job_id: UUID, *, viewer: Viewer, fence: int | None = None) -> bool:
    """Carry out a decision about one job; False where this person has no such job.

    `fence` is the one that the person saw, if known. Raises NotAllowed, or Conflict where the job is past that.
    """
    accounts.check_may_submit(viewer)
    job = Job.objects.filter(accounts.may_decide(viewer), deleted_at=None, pk=job_id)
    if not job.exists():
        return False
    if not _carry_out(decision, job, fence=fence):
        state = job.values_list("state", flat=True).get()
        raise Conflict(f"Nothing was changed: this job is {state} by now, and {_FITS[decision]}.")
    return True


def on_batch(decision: Decision, batch_id: UUID, *, viewer: Viewer) -> int | None:
    """Carry out a decision about every job of a batch that it fits; return how many, or None for an unknown batch.

    Only what has not ended is canceled. Raises NotAllowed.
    """
    accounts.check_may_submit(viewer)
    if not Batch.objects.filter(accounts.may_decide(viewer), pk=batch_id).exists():
        return None
    return len(_carry_out(decision, fitting(decision, Job.objects.filter(batch=batch_id))))


def on_jobs(decision: Decision, seen: Mapping[UUID, int], *, viewer: Viewer) -> Decided:
    """Carry out a decision about each of these jobs that it fits and that had no other call since it was seen.

    `seen` gives each job's fence then. Of jobs that this person may not decide about nothing is said. Raises NotAllowed.
    """
    accounts.check_may_submit(viewer)
    theirs = Job.objects.filter(accounts.may_decide(viewer))
    changed: list[UUID] = []
    for fence, jobs in _slices(seen):
        changed += _change(decision, fitting(decision, theirs.filter(pk__in=jobs)), fence=fence)
    _tell(decision, changed)
    return Decided(changed, _left(theirs, decision, seen.keys() - set(changed)))


def fitting(decision: Decision, jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Return those of these jobs that a decision about many is about."""
    return jobs.filter(deleted_at=None, state__in=_FIT_MANY[decision])


def fits_many(decision: Decision, state: State) -> bool:
    """Whether a decision about many is about jobs in this state."""
    return state in _FIT_MANY[decision]


def rule(decision: Decision) -> str:
    """Say which jobs a decision is about, as the end of a sentence."""
    return _FITS[decision]


def _carry_out(decision: Decision, jobs: QuerySet[Job], *, fence: int | None = None) -> list[UUID]:
    changed = _change(decision, jobs, fence=fence)
    _tell(decision, changed)
    return changed


def _change(decision: Decision, jobs: QuerySet[Job], *, fence: int | None) -> list[UUID]:
    if decision in _PLAIN:
        return _PLAIN[decision](jobs)
    return lifecycle.ask_again(jobs, State.FAILED if decision is Decision.RETRY else State.UNKNOWN, fence=fence)


def _tell(decision: Decision, changed: list[UUID]) -> None:
    """Tell workers what waits again: all at once, because the first of many are heard of before the others."""
    if decision not in (Decision.CANCEL, Decision.PAUSE):
        announcements.after_commit(lanes.hints_of(changed))


def _slices(seen: Mapping[UUID, int]) -> Iterator[tuple[int, list[UUID]]]:
    """Yield as many jobs of one fence as go into one transaction."""
    found: defaultdict[int, list[UUID]] = defaultdict(list)
    for job, fence in seen.items():
        found[fence].append(job)
    for fence, jobs in found.items():
        yield from ((fence, jobs[first : first + AT_ONCE]) for first in range(0, len(jobs), AT_ONCE))


def _left(theirs: QuerySet[Job], decision: Decision, jobs: Collection[UUID]) -> Counter[str]:
    """Count the jobs that stay as they are by why."""
    rows = theirs.filter(pk__in=jobs).values_list("state", "deleted_at")
    return Counter(_why_left(decision, State(state), is_in_trash=deleted_at is not None) for state, deleted_at in rows)


def _why_left(decision: Decision, state: State, *, is_in_trash: bool) -> str:
    if is_in_trash:
        return "in the trash"
    return "called once more since then" if fits_many(decision, state) else f"{state} by now"
