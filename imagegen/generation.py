"""One job from a hint to a picture."""

import logging
from uuid import UUID

from imagegen import errors, lifecycle, spool, workers
from imagegen.calls import Call

log = logging.getLogger(__name__)


def run(job_id: UUID) -> None:
    """Make the picture of a job that is due; do nothing where it is not, or another worker has it."""
    try:
        spool.check_room(workers.calls_in_flight())
    except errors.NoRoom as error:
        log.error("job %s stays in the queue: %s", job_id, error)
        return
    held = lifecycle.claim(job_id, worker=workers.ID, machine=workers.machine())
    if held is not None:
        with workers.executing(held):
            Call(held).make()
