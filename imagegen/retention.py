"""What is too old: pictures that have lain in the trash for DAYS are deleted with their files.

What was paid for them stays in the ledger, as a call of whoever owned them.
"""

import logging
from datetime import timedelta

from django.db.models.functions import Now

from imagegen import storage
from imagegen.models import Attempt, Job
from imagegen.writes import writing

log = logging.getLogger(__name__)

DAYS = 30
# So many are deleted in one go, so that nothing else waits long.
AT_ONCE = 100


def empty_old_trash() -> int:
    """Delete for good what was thrown away too long ago, a part of it at a time; return how many."""
    old = list(Job.objects.filter(deleted_at__lt=Now() - timedelta(days=DAYS))[:AT_ONCE])
    for job in old:
        _delete(job)
    if old:
        log.info("%d pictures were deleted for good, %d days after they were thrown away", len(old), DAYS)
    return len(old)


def _delete(job: Job) -> None:
    # The file first: a row without a file is found here again, a file without a row never.
    for name in filter(None, (job.picture, job.thumbnail)):
        storage.delete(name)
    with writing():
        Attempt.objects.filter(job=job, asked_by=None).update(asked_by=job.owner_id)
        job.delete()
