"""What owners do with pictures that are there: publish, take back, throw away, bring back; it holds from then on.

Each is the owner's alone, as in decisions.py. What is thrown away lies in the trash until retention.py deletes it.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from imagegen import accounts, listings
from imagegen.accounts import Viewer
from imagegen.models import Batch, Job
from imagegen.states import UNFINISHED, Visibility, Wish
from imagegen.writes import locked, writing

# What each wish changes, and which jobs it fits.
_CHANGES: dict[Wish, dict[str, object]] = {
    Wish.PUBLISH: {"visibility": Visibility.PUBLIC},
    Wish.TAKE_BACK: {"visibility": Visibility.PRIVATE},
    Wish.DELETE: {"deleted_at": Now()},
    Wish.RESTORE: {"deleted_at": None},
}
_FITS = {
    Wish.PUBLISH: Q(deleted_at=None, visibility=Visibility.PRIVATE),
    Wish.TAKE_BACK: Q(deleted_at=None, visibility=Visibility.PUBLIC),
    Wish.DELETE: Q(deleted_at=None) & ~Q(state__in=UNFINISHED),
    Wish.RESTORE: Q(deleted_at__isnull=False),
}


def on_jobs(wish: Wish, jobs: Iterable[UUID], *, viewer: Viewer) -> int:
    """Do this with those of these jobs that are this person's and that it fits; return how many. Raises NotAllowed."""
    accounts.check_may_submit(viewer)
    return _do(wish, Job.objects.filter(accounts.may_change(viewer), pk__in=list(jobs)))


def on_batch(wish: Wish, batch_id: UUID, *, viewer: Viewer) -> int | None:
    """Do this with every job of a batch that it fits; return how many, None for an unknown batch. Raises NotAllowed.

    A batch that is published is public itself, and so are those of its pictures that are still to come.
    """
    accounts.check_may_submit(viewer)
    batch = Batch.objects.filter(accounts.may_change(viewer), pk=batch_id)
    if not batch.exists():
        return None
    if "visibility" in _CHANGES[wish]:
        batch.update(**_CHANGES[wish])
    return _do(wish, Job.objects.filter(batch=batch_id))


def has(job: UUID, viewer: Viewer) -> bool:
    """Whether this is a job about which this person may decide, in the trash or not."""
    return Job.objects.filter(accounts.may_change(viewer), pk=job).exists()


def trash(viewer: Viewer) -> QuerySet[Job]:
    """Return what this person threw away, the last first."""
    return Job.objects.filter(accounts.is_theirs(viewer), deleted_at__isnull=False).order_by("-deleted_at", "-pk")


def _do(wish: Wish, jobs: QuerySet[Job]) -> int:
    with writing():
        fitting = locked(jobs.filter(_FITS[wish]))
        if wish is Wish.DELETE:
            listings.forget(fitting)
        elif "visibility" in _CHANGES[wish]:
            listings.show_to(Visibility(str(_CHANGES[wish]["visibility"])), fitting)
        return Job.objects.filter(pk__in=fitting).update(changed=Now(), **_CHANGES[wish])
