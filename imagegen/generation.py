"""One job from a hint to a picture."""

import logging
from uuid import UUID

from django.db import connection

from imagegen import errors, lifecycle, limits, redis, spool, workers
from imagegen.calls import Call
from imagegen.limits import Place

log = logging.getLogger(__name__)


def run(job_id: UUID) -> None:
    """Make the picture of a job that is due; do nothing where it is not, or another worker has it."""
    try:
        spool.check_room(workers.calls_in_flight())
    except errors.NoRoom as error:
        log.error("job %s stays in the queue: %s", job_id, error)
        return
    provider = lifecycle.provider_of_due(job_id)
    if provider is None or (place := _place(provider)) is None:
        return
    held = lifecycle.claim(job_id, worker=workers.ID, machine=workers.machine())
    if held is None:
        limits.give_back(place)
        return
    with workers.executing(held):
        Call(held).make()


def _place(provider: str) -> Place | None:
    """Return the right to make a call now; None where that takes too long, and the sweep will tell a worker again."""
    # Waiting can take seconds, and a hundred threads that wait must not hold a hundred connections.
    connection.close()
    try:
        return limits.wait_for_place(provider)
    except redis.Error as error:
        log.warning("nobody can tell how often %s was called (%s); its jobs wait", provider, error)
        return None
