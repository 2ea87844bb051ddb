"""This worker process: who it is, what it works on, and the heartbeat that says so."""

import contextlib
import functools
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.models.functions import Now

from imagegen import claims, conf, files
from imagegen.claims import Claim
from imagegen.models import Worker

log = logging.getLogger(__name__)
FORGOTTEN = timedelta(days=1)

# A new one for every process: what a dead process held is nobody's.
ID = uuid.uuid4()

_ending = threading.Event()
_claims: set[Claim] = set()
_queues: set[str] = set()
_lock = threading.Lock()


@functools.cache
def machine() -> UUID:
    """Return the id of this machine, kept in DATA_DIR: its spool is reachable from here alone."""
    path = conf.data_dir() / "machine_id"
    files.write_once(path, str(uuid.uuid4()).encode())
    return UUID(path.read_text(encoding="ascii").strip())


@contextlib.contextmanager
def executing(held: Claim) -> Iterator[None]:
    """Renew the lease of this claim for as long as the block runs."""
    with _lock:
        _claims.add(held)
    try:
        yield
    finally:
        with _lock:
            _claims.discard(held)


def is_executing(job: UUID) -> bool:
    """Whether this process works on the job, however old its lease may look."""
    with _lock:
        return any(held.job == job for held in _claims)


def stop() -> None:
    """Let this process end with the calls that it makes now."""
    _ending.set()


def is_stopping() -> bool:
    return _ending.is_set()


def listen_to(queues: Sequence[str]) -> None:
    """Note which queues this process listens to; one that never says so does whatever it is asked to."""
    _queues.update(queues)


def serves(kind: str) -> bool:
    """Whether this process is of the kind that a provider needs (Provider.queue)."""
    return not _queues or conf.queue_name(kind) in _queues


def calls_in_flight() -> int:
    """Return how many jobs this process works on."""
    return len(_claims)


def calls_by_provider() -> Counter[str]:
    """Return how many jobs of each provider this process works on."""
    with _lock:
        return Counter(held.provider for held in _claims)


def may_take_over() -> bool:
    """Whether this process may judge others: not while its own heart is late, nor for a lease after it was.

    A process that was stopped for a while wakes up to leases that all look old, its own and those of others stopped with it.
    """
    now = time.monotonic()
    return _Pulse.last is not None and now - _Pulse.last <= 2 * conf.heartbeat_seconds() and now >= _Pulse.doubtful_until


class _Pulse:
    """When this process last wrote its heartbeat, and until when it doubts its own judgement."""

    last: float | None = None
    doubtful_until = 0.0


class Heart(threading.Thread):
    """Beats three times in a lease, on a database connection of its own, until it is told to stop."""

    def __init__(self, threads: int) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._threads = threads
        self._stopped = threading.Event()

    def run(self) -> None:
        while True:
            try:
                self._beat()
            except DatabaseError:
                log.exception("the heartbeat could not be written; the next one may")
                connection.close()
            if self._stopped.wait(conf.heartbeat_seconds()):
                break
        connection.close()

    def stop(self) -> None:
        """Take the process off the list of those that live."""
        self._stopped.set()
        self.join()
        Worker.objects.filter(pk=ID).delete()
        connection.close()

    def _beat(self) -> None:
        facts = {"machine": machine(), "threads": self._threads, "queues": ",".join(sorted(_queues)), "heartbeat": Now()}
        Worker.objects.update_or_create(pk=ID, defaults=facts)
        with _lock:
            held = list(_claims)
        claims.renew(held, worker=ID)
        now = time.monotonic()
        if _Pulse.last is not None and now - _Pulse.last > 2 * conf.heartbeat_seconds():
            _Pulse.doubtful_until = now + conf.lease().total_seconds()
        _Pulse.last = now
