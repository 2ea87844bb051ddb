"""What waits and is not on anybody's list: jobs whose hint was lost, dropped, or not due yet."""

from datetime import timedelta
from uuid import UUID

from imagegen import conf, lifecycle, readiness

# How many hints may wait in the queue per thread that could use one: a few seconds of work for fast providers, no more.
HINTS_PER_THREAD = 10


def forgotten(waiting_hints: int) -> list[UUID]:
    """Return the oldest jobs that workers should be told about now, given how many hints the queue holds already."""
    room = readiness.live_threads() * HINTS_PER_THREAD - waiting_hints
    if room <= 0:
        return []
    jobs = lifecycle.due(room, told_before=timedelta(seconds=2 * conf.sweep_seconds()))
    lifecycle.hinted(jobs)
    return jobs
