"""The only module that knows Celery: a task is a door that takes a job's id and calls one function.

A message is a hint that a job may be runnable. Losing one, or getting it twice, changes nothing.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from celery import current_app, shared_task
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from imagegen import conf, generation, recovery, redis, workers

log = logging.getLogger(__name__)
# What `publish` raises while the broker is away.
Unreachable = OperationalError
BATCH = 500
THREAD_POOLS = ("threads", "solo")
SWEEP_LOCK = "chaotix:sweep"


@shared_task(name="imagegen.generate", ignore_result=True)
def generate(job_id: str) -> None:
    generation.run(UUID(job_id))


def publish(jobs: Sequence[UUID]) -> None:
    """Tell workers about these jobs in few round trips. Raises Unreachable while the broker is away."""
    # The stubs are of kombu 5.6, which could not send several messages at once.
    with current_app.producer_pool.acquire(block=True) as producer, producer.batch(max_size=BATCH):  # type: ignore[attr-defined]
        for job in jobs:
            generate.apply_async(args=(str(job),), task_id=str(job), producer=producer, retry=False)


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
        broker = redis.client()
        if broker.set(SWEEP_LOCK, str(workers.ID), nx=True, px=int(conf.sweep_seconds() * 900)):
            publish(recovery.forgotten(int(broker.llen(conf.queue_name()))))


class _Life:
    """The two threads that a worker process has besides those that make pictures."""

    heart: workers.Heart | None = None
    sweeper: Sweeper | None = None


@worker_init.connect
def _refuse_other_pools(sender: Any, **_: Any) -> None:
    """Stop a worker whose pool would break promises: prefork needs 28 MB a call, gevent loses acknowledgements."""
    pool = str(sender.pool_cls if isinstance(sender.pool_cls, str) else sender.pool_cls.__module__).rpartition(".")[2]
    if pool not in ("thread", *THREAD_POOLS):
        raise SystemExit(f"chaotix: workers run with --pool threads or solo, not {pool}.")


@worker_ready.connect
def _begin(sender: Any, **_: Any) -> None:
    _Life.heart = workers.Heart(threads=sender.controller.concurrency)
    _Life.sweeper = Sweeper()
    _Life.heart.start()
    _Life.sweeper.start()


@worker_shutting_down.connect
def _stop_sweeping(**_: Any) -> None:
    if _Life.sweeper is not None:
        _Life.sweeper.stop()


@worker_shutdown.connect
def _end(**_: Any) -> None:
    if _Life.heart is not None:
        _Life.heart.stop()
