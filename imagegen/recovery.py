"""What is on nobody's list: jobs whose hint was lost or not due yet, and calls whose worker is gone."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from django.db import connection

from imagegen import calls, claims, conf, errors, http, lanes, lifecycle, limits, logs, readiness, spool, storage, workers
from imagegen.calls import Call
from imagegen.claims import Claim, Orphan
from imagegen.lanes import Hint
from imagegen.ledger import Receipt
from imagegen.providers import registry

log = logging.getLogger(__name__)
# How many hints may wait in the queue per thread that could use one: a few seconds of work for fast providers, no more.
HINTS_PER_THREAD = 10
# Polling for a handle can take minutes, so it must not hold up the sweep.
_rescuers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="rescue")
_in_hand: set[UUID] = set()
_lock = threading.Lock()


def forgotten(waiting_hints: Mapping[str, int]) -> list[Hint]:
    """Return the jobs that workers should be told about now, given how many hints wait for each kind of worker already.

    Of each provider no more than may be called until the sweep after the next: any other would only be put off. Raises
    redis.Error.
    """
    threads = readiness.threads_by_queue()
    rooms = {kind: threads[conf.queue_name(kind)] * HINTS_PER_THREAD - hints for kind, hints in waiting_hints.items()}
    hints: list[Hint] = []
    for provider in lanes.waiting_providers():
        room = rooms.get(registry.queue(provider), 0)
        if room <= 0:
            continue
        useful = limits.room(provider, 2 * conf.sweep_seconds())
        hints += lanes.due(provider, min(room, useful), told_before=timedelta(seconds=2 * conf.sweep_seconds()))
    if hints:
        lanes.hinted([hint.job for hint in hints])
    return hints


def recover() -> None:
    """Begin to finish every call whose worker is gone, and every answer that was found after all; returns at once."""
    for orphan in claims.orphans(workers.machine()):
        if not workers.is_executing(orphan.job):
            _rescue(orphan, claims.take_over)
    for attempt in spool.left_behind(conf.lease().total_seconds()):
        _use(attempt)
    spool.discard_drafts(http.TOTAL_SECONDS + conf.lease().total_seconds())


def wait_until_idle() -> None:
    """Return when everything that `recover` began has ended."""
    _rescuers.submit(lambda: None).result()
    while _in_hand:
        threading.Event().wait(0.01)


def _use(attempt: UUID) -> None:
    """Bring a job further with an answer that was found after all, or else learn from it whether its call was paid."""
    picture = calls.is_picture(attempt)
    if served := claims.served_by(attempt, picture=picture):
        _rescue(served, claims.adopt)
    elif not claims.may_need(attempt, picture=picture):
        calls.learn(attempt)
        spool.discard(attempt)


def _rescue(orphan: Orphan, hold: Callable[..., Claim | None]) -> None:
    with _lock:
        if orphan.attempt in _in_hand:
            return
        _in_hand.add(orphan.attempt)
    _rescuers.submit(_finish, orphan, hold)


def _finish(orphan: Orphan, hold: Callable[..., Claim | None]) -> None:
    try:
        with logs.about(job_id=orphan.job):
            _try_to_finish(orphan, hold)
    finally:
        connection.close()
        with _lock:
            _in_hand.discard(orphan.attempt)


def _try_to_finish(orphan: Orphan, hold: Callable[..., Claim | None]) -> None:
    try:
        if held := hold(orphan, worker=workers.ID):
            log.warning("job %s lost its worker; finishing what is left of its call", orphan.job)
            with workers.executing(held):
                _conclude(held, orphan.handle)
    except Exception:
        log.exception("job %s could not be recovered; the next sweep tries again", orphan.job)


def _conclude(held: Claim, handle: str) -> None:
    """Finish with the answer that was kept, or by its handle; a call that left neither has an outcome nobody knows."""
    spool.touch(held.attempt)
    storage.discard_drafts(held.job, conf.lease().total_seconds())
    try:
        Call(held).conclude(spool.read(held.attempt))
    except FileNotFoundError:
        if handle:
            Call(held).resume(handle)
        else:
            lifecycle.settle(held, _gone(held.provider), Receipt())


def _gone(provider: str) -> errors.ProviderError:
    """Return what became of a call whose worker is gone, and its answer with it."""
    if registry.is_repeatable(provider):
        return errors.Unavailable("The worker that drew this is gone. Nothing was paid, so it is drawn again.")
    return errors.WorkerGone("The worker that made this call is gone, and its answer with it. It may have been paid.")
