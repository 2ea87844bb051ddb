"""Can pictures be made here? Database, broker, and a worker that listens."""

import logging
from datetime import timedelta

from django.db import DatabaseError
from django.db.models.functions import Now

from imagegen import conf, redis
from imagegen.models import Attempt, Job, Worker

log = logging.getLogger(__name__)


def faults() -> dict[str, str | None]:
    """Return for each part that pictures need what is wrong with it, or None."""
    return {"database": _database_fault(), "broker": _broker_fault(), "worker": _worker_fault()}


def live_threads(kind: str | None = None) -> int:
    """Return how many calls the worker processes that live could make at once; of one kind of them, or of all."""
    alive = Worker.objects.filter(heartbeat__gt=Now() - 3 * timedelta(seconds=conf.heartbeat_seconds()))
    wanted = None if kind is None else conf.queue_name(kind)
    found = alive.values_list("threads", "queues")
    return sum(threads for threads, queues in found if wanted is None or wanted in (queues or conf.queue_name()).split(","))


def calls_in_flight() -> int:
    return Attempt.objects.filter(ended_at=None).count()


def _database_fault() -> str | None:
    try:
        Job.objects.exists()
    except DatabaseError:
        log.exception("the database does not answer")
        return "The database does not answer."
    return None


def _broker_fault() -> str | None:
    try:
        redis.client().ping()
    except redis.Error as error:
        log.warning("the broker does not answer: %s", error)
        return "The broker does not answer."
    return None


def _worker_fault() -> str | None:
    try:
        return None if live_threads() else "No worker is listening."
    except DatabaseError:
        return "Unknown while the database is away."
