"""The only module that knows Celery: a task is a door that takes a job's id and calls one function.

A message is a hint that a job may be runnable. Losing one, or getting it twice, changes nothing.
"""

import functools
import logging
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from celery import current_app, shared_task
from celery.apps import worker as celery_worker
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from imagegen import (
    conf,
    desk,
    finishing,
    generation,
    ledger,
    lifecycle,
    listings,
    memory,
    recovery,
    redis,
    retention,
    storage,
    workers,
)
from imagegen.lanes import Hint
from imagegen.providers import registry
from imagegen.writers import registry as writers

log = logging.getLogger(__name__)
# What `publish` raises while the broker is away.
Unreachable = OperationalError
BATCH = 500
# How often somebody looks for what is too old.
RETENTION_SECONDS = 600
# More than any worker draws meanwhile.
LISTINGS_A_SWEEP = 2000
# How kombu spells them for Redis: a list for each, the first without a suffix.
PRIORITIES = (0, 3, 6, 9)
PRIORITY_SEPARATOR = "\x06\x16"
THREAD_POOLS = ("threads", "solo")


@shared_task(name="imagegen.generate", ignore_result=True)
def generate(job_id: str) -> None:
    generation.work(UUID(job_id))


def publish(hints: Sequence[Hint]) -> None:
    """Tell workers about these jobs in few round trips. Raises Unreachable while the broker is away."""
    # The stubs are of kombu 5.6, which could not send several messages at once.
    with current_app.producer_pool.acquire(block=True) as producer, producer.batch(max_size=BATCH):  # type: ignore[attr-defined]
        for hint in hints:
            job, priority = str(hint.job), _priority(hint.place)
            queue = conf.queue_name(hint.queue)
            generate.apply_async(args=(job,), task_id=job, producer=producer, retry=False, priority=priority, queue=queue)


def queue_names(kind: str = "") -> list[str]:
    """Return Redis's lists of hints for a kind of worker, the one that is read first the first."""
    return [redis.key(conf.queue_name(kind)) + (f"{PRIORITY_SEPARATOR}{step}" if step else "") for step in PRIORITIES]


def queue_length(kind: str = "") -> int:
    """Return how many hints wait for a kind of worker, whatever their priority. Raises redis.Error."""
    return sum(int(redis.client().llen(name)) for name in queue_names(kind))


def _priority(place: int) -> int:
    """Return the priority of a hint, 0 the first: the more of a lane come before it, the longer it waits for others'."""
    return next((step for step, places in zip(PRIORITIES, (10, 100, 1000), strict=False) if place < places), PRIORITIES[-1])


class Sweeper(threading.Thread):
    """Finishes what a crash left, and tells workers again about jobs that wait.

    Recovery is guarded row by row, so every process does it, and it needs no Redis; hints are given by one at a time.
    """

    def __init__(self) -> None:
        super().__init__(name="sweep", daemon=True)
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(conf.sweep_seconds()):
            try:
                self._sweep()
            except (DatabaseError, redis.Error, Unreachable) as error:
                log.warning("the sweep is put off: %s", error)
            except Exception:
                # A sweep that has died is missed by nobody until jobs are; whatever this was, the next one may succeed.
                log.exception("the sweep failed")
            finally:
                connection.close()

    def stop(self) -> None:
        self._stopped.set()

    def _sweep(self) -> None:
        if workers.may_take_over():
            recovery.recover()
        is_mine = redis.client().set(redis.key("sweep"), str(workers.ID), nx=True, px=int(conf.sweep_seconds() * 900))
        if not is_mine:
            return
        lifecycle.hand_on()
        ledger.close_forgotten_writings()
        if hints := recovery.forgotten({kind: queue_length(kind) for kind in registry.queues()}):
            publish(hints)
        _list_new_pictures()
        if redis.client().set(redis.key("retention"), str(workers.ID), nx=True, ex=RETENTION_SECONDS):
            retention.empty_old_trash()


def _list_new_pictures() -> None:
    """Let searches find what came, and after an update or a storm some of the rest: this goes on with the next sweep."""
    for _ in range(LISTINGS_A_SWEEP // listings.AT_ONCE):
        if listings.list_new() < listings.AT_ONCE:
            return


class _Life:
    """The threads that a worker process has besides those that make pictures."""

    heart: workers.Heart | None = None
    sweeper: Sweeper | None = None
    clerks: Sequence[desk.Clerk] = ()


@worker_init.connect
def _refuse_other_pools(sender: Any, **_: Any) -> None:
    """Stop a worker whose pool would break promises: prefork needs 28 MB a call, gevent loses acknowledgements."""
    pool = str(sender.pool_cls if isinstance(sender.pool_cls, str) else sender.pool_cls.__module__).rpartition(".")[2]
    if pool not in ("thread", *THREAD_POOLS):
        raise SystemExit(f"chaotix: workers run with --pool threads or solo, not {pool}.")


@worker_init.connect
def _end_calls_on_any_signal(**_: Any) -> None:
    """Let SIGQUIT, and Ctrl-C twice, do what SIGTERM does: a thread cannot be stopped amid its call.

    Celery would wait for the pool within the signal's handler. Where that came amid a hand-over to the pool, it waits for
    ever for the lock that the interrupted line holds.
    """
    # The stubs leave out what Celery defines under a condition.
    as_for_sigterm = functools.partial(celery_worker.install_worker_term_handler, sig="SIGQUIT")  # type: ignore[attr-defined]
    celery_worker.install_worker_term_hard_handler = as_for_sigterm  # type: ignore[attr-defined]


@worker_ready.connect
def _begin(sender: Any, **_: Any) -> None:
    memory.keep_freed()
    memory.stop_searching_what_stays()
    storage.make_ready()
    finishing.begin(backlog=sender.controller.concurrency)
    queues = sorted(sender.app.amqp.queues.consume_from)
    workers.listen_to(queues)
    _Life.heart = workers.Heart(threads=sender.controller.concurrency)
    _Life.clerks = [desk.Clerk(kind) for kind in writers.queues() if conf.queue_name(kind) in queues]
    _Life.sweeper = Sweeper()
    for thread in (_Life.heart, _Life.sweeper, *_Life.clerks):
        thread.start()


@worker_shutting_down.connect
def _stop_sweeping(**_: Any) -> None:
    workers.stop()
    if _Life.sweeper is not None:
        _Life.sweeper.stop()
    for clerk in _Life.clerks:
        clerk.stop()


@worker_shutdown.connect
def _end(**_: Any) -> None:
    finishing.end()
    if _Life.heart is not None:
        _Life.heart.stop()
