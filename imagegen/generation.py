"""One job from a hint to a picture."""

import contextlib
import logging
from collections import defaultdict, deque
from functools import partial
from uuid import UUID

from django.db import connection

from imagegen import claims, conf, errors, finishing, lanes, lifecycle, limits, logs, redis, spool, workers
from imagegen.calls import Call
from imagegen.claims import Claim
from imagegen.ledger import Receipt
from imagegen.limits import Place
from imagegen.providers import registry

log = logging.getLogger(__name__)


def run(job_id: UUID) -> None:
    """Make the picture of a job that is due, and then those of jobs that were put off; do nothing where it is not due."""
    job: UUID | None = job_id
    while job is not None:
        with logs.about(job_id=job):
            job = _run(job)


def _run(job_id: UUID) -> UUID | None:
    """Make one picture; return a job of the same provider that was put off and whose turn it is now, if there is one."""
    try:
        spool.check_room(workers.calls_in_flight())
    except errors.NoRoom as error:
        log.error("job %s stays in the queue: %s", job_id, error)
        return None
    provider = lanes.provider_of_due(job_id)
    # A hint that came before its provider had workers of its own is not for this one; the sweep will tell them.
    if provider is None or not workers.serves(registry.queue(provider)) or (place := _place(provider, job_id)) is None:
        return None
    held = claims.claim(job_id, worker=workers.ID, machine=workers.machine())
    if held is None:
        limits.give_back(place)
    else:
        _make(held, place)
    return None if workers.is_stopping() else _put_off.next(provider)


def _make(held: Claim, place: Place) -> None:
    """Make the call and see to its picture, unless its provider has had too many calls while this job was claimed."""
    # A call takes seconds to minutes: a hundred of them must not hold a hundred database connections. Nor must those that
    # wait until they may make one: whoever is to let them needs a connection, too.
    connection.close()
    with contextlib.ExitStack() as holding:
        holding.enter_context(workers.executing(held))
        try:
            limits.use(place)
        except errors.RateLimited as error:
            lifecycle.settle(held, error, Receipt())
        else:
            call = Call(held)
            if call.make():
                finishing.soon(partial(_finish, held, call, holding.pop_all()))


def _finish(held: Claim, call: Call, holding: contextlib.ExitStack) -> None:
    with holding, logs.about(job_id=held.job):
        call.finish()


def _place(provider: str, job_id: UUID) -> Place | None:
    """Return the right to make a call now; None where that takes too long, and the job is put off or told of again."""
    try:
        # Waiting can take seconds, and a hundred threads that wait must not hold a hundred connections.
        return limits.take_place(provider) or limits.wait_for_place(provider, before=connection.close)
    except limits.Crowded:
        _put_off.note(provider, job_id)
    except redis.Error as error:
        log.warning("nobody can tell how often %s was called (%s); its jobs wait", provider, error)
    return None


class _PutOff:
    """Jobs whose hints came while enough threads of this process waited for their provider.

    The next of these threads takes them, long before the sweep would tell a worker again; it will if the process ends.
    """

    def __init__(self) -> None:
        self._jobs: defaultdict[str, deque[UUID]] = defaultdict(lambda: deque(maxlen=conf.worker_concurrency()))

    def note(self, provider: str, job: UUID) -> None:
        if job not in self._jobs[provider]:
            self._jobs[provider].append(job)

    def next(self, provider: str) -> UUID | None:
        try:
            return self._jobs[provider].popleft()
        except IndexError:
            return None


_put_off = _PutOff()
