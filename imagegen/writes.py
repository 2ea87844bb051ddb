"""Write transactions that come through under load: nobody starves, and nobody waits in a circle."""

import contextlib
import fcntl
import functools
import os
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from imagegen import events
from imagegen.models import Job


class _Mine(threading.local):
    """Whether this thread has the turn."""

    is_it = False


_turn, _mine = threading.Lock(), _Mine()


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Run one write transaction; on SQLite all who write take turns."""
    with turn(), transaction.atomic():
        yield


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Wait until no other thread and no other process writes to SQLite; PostgreSQL lets all write at once.

    SQLite's own lock is unfair: of sixty threads that wait for it some starve until their time is up. And who waits for it
    asks again after ever longer naps, up to 0.1 s, while a write takes a hundredth of that: with two processes most of the
    time nobody would write. A file's lock wakes the next one at once. Who has the turn may ask for it again.
    """
    if connection.vendor != "sqlite" or _mine.is_it:
        yield
        return
    with _turn:
        file = _door(str(connection.settings_dict["NAME"]))
        fcntl.flock(file, fcntl.LOCK_EX)
        _mine.is_it = True
        try:
            yield
        finally:
            _mine.is_it = False
            fcntl.flock(file, fcntl.LOCK_UN)


def give_back_connection() -> None:
    """Let others have this thread's connection: a server has few, and whoever waits for others with it may wait forever.

    SQLite's are as many as one likes, and a new one costs three times what one asks it.
    """
    if connection.vendor != "sqlite" and not connection.in_atomic_block:
        connection.close()


def locked(rows: QuerySet[Job]) -> list[UUID]:
    """Lock these rows, always in the same order so that nobody waits in a circle, and return their ids."""
    return list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))


def update(rows: QuerySet[Job], job: UUID, **columns: Any) -> bool:
    """Make one guarded change, and tell open pages once it is committed; False where the guard refused it."""
    changed = bool(rows.update(changed=Now(), **columns))
    if changed:
        tell([job])
    return changed


def tell(jobs: list[UUID]) -> None:
    """Tell open pages once the change is committed."""
    transaction.on_commit(partial(events.send, jobs))


@functools.cache
def _door(database: str) -> int:
    return os.open(f"{database}.turn", os.O_CREAT | os.O_RDWR)
