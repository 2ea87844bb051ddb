"""Write transactions that come through under load: nobody starves, and nobody waits in a circle."""

import contextlib
import threading
from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from imagegen.models import Job

_turn = threading.Lock()


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Run one write transaction; on SQLite the threads of a process take turns.

    SQLite's own lock is unfair: of sixty threads that wait for it some starve until their time is up.
    """
    turn = _turn if connection.vendor == "sqlite" else contextlib.nullcontext()
    with turn, transaction.atomic():
        yield


def locked(rows: QuerySet[Job]) -> list[UUID]:
    """Lock these rows, always in the same order so that nobody waits in a circle, and return their ids."""
    return list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
