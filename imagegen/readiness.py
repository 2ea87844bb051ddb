"""Can pictures be made here? Database, broker, and a worker that listens."""

import logging
from collections import Counter
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from imagegen import conf, redis
from imagegen.models import Attempt, Job, Worker

log = logging.getLogger(__name__)


def faults() -> dict[str, str | None]:
    """Return for each part that pictures need what is wrong with it, or None."""
    return {"database": _database_fault(), "broker": _broker_fault(), "worker": _worker_fault()}


def live_threads() -> int:
    """Return how many calls the worker processes that live could make at once."""
    return sum(alive().values_list("threads", flat=True))


def threads_by_queue() -> Counter[str]:
    """Return how many calls they could make for each queue (conf.queue_name); one that listens to two counts for both."""
    found: Counter[str] = Counter()
    for threads, queues in alive().values_list("threads", "queues"):
        found.update(dict.fromkeys((queues or conf.queue_name()).split(","), threads))
    return found


def alive() -> QuerySet[Worker]:
    return Worker.objects.filter(lives())


def lives() -> Q:
    """Return the condition on rows of workers that the process was heard of lately."""
    return Q(heartbeat__gt=Now() - 3 * timedelta(seconds=conf.heartbeat_seconds()))


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
