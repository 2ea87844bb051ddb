"""News of jobs, for pages that are open: one Redis stream per installation.

An event says "job X has changed" and nothing else; whoever hears it looks at the database. Events may be lost: pages
catch up from the database all the same, so a Redis that is away costs nobody more than a few seconds.
"""

import logging
import time
from collections.abc import AsyncGenerator, Iterable
from typing import Any
from uuid import UUID

from imagegen import redis

log = logging.getLogger(__name__)
# About as many as 1 000 jobs make in their life: enough for a reader that stumbles, little for Redis.
KEPT = 5000
# redis-py gives up on a socket after five seconds.
BLOCK_MILLISECONDS = 3000
# After a failure nothing is sent for this long: a Redis that hangs must not slow down the workers.
QUIET_SECONDS = 5.0

_quiet_until = 0.0


def send(jobs: Iterable[UUID]) -> None:
    """Say that these jobs have changed; never raises and never waits long."""
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        with redis.impatient_client().pipeline(transaction=False) as pipeline:
            for job in jobs:
                pipeline.xadd(_stream(), {"job": job.bytes}, maxlen=KEPT, approximate=True)
            pipeline.execute()
    except redis.Error as error:
        _quiet_until = time.monotonic() + QUIET_SECONDS
        log.warning("open pages hear of news later: %s", error)


async def listen() -> AsyncGenerator[set[UUID], None]:
    """Yield the jobs that changed, from now on, for ever; an empty set where a few seconds brought nothing.

    Raises redis.Error when Redis goes away.
    """
    client = redis.async_client()
    try:
        newest: Any = await client.xrevrange(_stream(), count=1)
        last = newest[0][0] if newest else b"0-0"
        while True:
            found: Any = await client.xread({_stream(): last}, count=500, block=BLOCK_MILLISECONDS)
            entries = found[0][1] if found else []
            last = entries[-1][0] if entries else last
            yield {UUID(bytes=fields[b"job"]) for _, fields in entries}
    finally:
        await client.aclose()


def wait(seconds: float) -> None:
    """Return soon after the next event, or after so many seconds at the latest."""
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            if redis.client().xread({_stream(): "$"}, count=1, block=min(int(left * 1000) + 1, BLOCK_MILLISECONDS)):
                return
    except redis.Error:
        time.sleep(max(deadline - time.monotonic(), 0))


def _stream() -> str:
    return redis.key("events")
