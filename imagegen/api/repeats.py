"""Requests that a client sends again by itself, and that must not buy anything twice.

OpenAI's SDKs say that they repeat a request. Of others it is taken to be the same where the first got no picture a moment
ago, or was not waited for: Vercel's AI SDK, for one, asks again after every error of a server, and after five minutes
without an answer.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from uuid import UUID

from imagegen import accounts, redis, submission
from imagegen.accounts import Viewer
from imagegen.items import Item
from imagegen.states import State

# So long after the end of a request, one that an SDK says it repeats is the same one.
JOIN = timedelta(minutes=10)
# And one of a client that says nothing about it, where the first got no picture: seconds lie between such tries.
JOIN_UNSAID = timedelta(minutes=1)
NO_PICTURE = (State.FAILED, State.UNKNOWN, State.CANCELED)


def asked_before(item: Item, viewer: Viewer, *, source: str, is_repeated: bool | None) -> list[UUID] | None:
    """Return the jobs of the request that this one repeats, or None where it is a new one.

    `is_repeated` is what its client says, and None from one that never says.
    """
    before = partial(submission.made_before, [item], viewer=viewer, source=source)
    if is_repeated is not None:
        return before(within=JOIN) if is_repeated else None
    return _left(item, viewer) or before(within=JOIN_UNSAID, states=NO_PICTURE)


def leave(item: Item, viewer: Viewer, jobs: Sequence[UUID], *, is_repeated: bool | None) -> None:
    """Note jobs whose client went away, where it may come back without saying so."""
    if is_repeated is not None:
        return
    with contextlib.suppress(redis.Error):
        redis.impatient_client().rpush(_place(item, viewer), json.dumps(jobs, default=str))
        redis.impatient_client().expire(_place(item, viewer), JOIN_UNSAID)


def _left(item: Item, viewer: Viewer) -> list[UUID] | None:
    """Take jobs of the same that a client went away from; no other request is given them. None where there are none."""
    with contextlib.suppress(redis.Error):
        left = redis.impatient_client().lpop(_place(item, viewer))
        return [UUID(job) for job in json.loads(left)] if isinstance(left, bytes) else None
    return None


def _place(item: Item, viewer: Viewer) -> str:
    same = json.dumps([accounts.scope(viewer), asdict(item)], sort_keys=True, default=str)
    return redis.key(f"left:{hashlib.sha256(same.encode()).hexdigest()}")
