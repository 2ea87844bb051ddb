"""What people decide about pictures they asked for: cancel, try again, buy again.

Each decision is the owner's alone: who else names the same id learns nothing, not even that it exists.
"""

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
}


def on_job(decision: Decision, job_id: UUID, *, viewer: Viewer, fence: int | None = None) -> bool:
    """Carry out a decision about one job; False where this person has no such job.

    `fence` is the one that the person saw, if known. Raises NotAllowed, or Conflict where the job is past that.
    """
    accounts.check_may_submit(viewer)
    job = Job.objects.filter(accounts.may_change(viewer), deleted_at=None, pk=job_id)
    if not job.exists():
        return False
    if not _carry_out(decision, job, fence=fence):
        state = job.values_list("state", flat=True).get()
        raise Conflict(f"Nothing was changed: this job is {state} by now, and {_FITS[decision]}.")
    return True


def on_batch(decision: Decision, batch_id: UUID, *, viewer: Viewer) -> int | None:
    """Carry out a decision about every job of a batch that it fits; return how many, or None for an unknown batch.

    Only what has not ended is canceled: giving up an `unknown` one is a decision about that one. Raises NotAllowed.
    """
    accounts.check_may_submit(viewer)
    if not Batch.objects.filter(accounts.may_change(viewer), pk=batch_id).exists():
        return None
    jobs = Job.objects.filter(batch=batch_id, deleted_at=None)
    return len(_carry_out(decision, jobs.filter(state__in=UNFINISHED) if decision is Decision.CANCEL else jobs))


def _carry_out(decision: Decision, jobs: QuerySet[Job], *, fence: int | None = None) -> list[UUID]:
    if decision is Decision.CANCEL:
        return lifecycle.cancel(jobs)
    state = State.FAILED if decision is Decision.RETRY else State.UNKNOWN
    queued = lifecycle.ask_again(jobs, state, fence=fence)
    announcements.after_commit(lanes.hints_of(queued))
    return queued
