"""Waiting for pictures without holding a thread: for doors that answer when they are there."""

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from imagegen.asking import Askers, hold_no_thread
from imagegen.models import Job
from imagegen.states import UNFINISHED

# Of all requests that wait together.
database = Askers("awaited", 2)
# How often a request that waits looks, at first and later, in seconds.
FIRST_LOOK, LAST_LOOK = 0.2, 1.0


async def until_ended(jobs: Sequence[UUID], *, seconds: float = float("inf")) -> None:
    """Return once none of these jobs waits or runs, or after so many seconds."""
    await hold_no_thread()
    pause, deadline = FIRST_LOOK, time.monotonic() + seconds
    while await database.ask(lambda: Job.objects.filter(pk__in=jobs, state__in=UNFINISHED).exists()):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_LOOK)
