"""One job from a hint to a picture."""

import contextlib
import logging
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from imagegen import claims, errors, finishing, lanes, lifecycle, limits, logs, redis, spool, workers
from imagegen.calls import Call
from imagegen.claims import Claim
from imagegen.ledger import Receipt
from imagegen.limits import Place
from imagegen.providers import registry
from imagegen.writes import give_back_connection

log = logging.getLogger(__name__)


def work(job_id: UUID) -> None:
    """Make the picture of a job that is due, and go on with those whose turn comes next until none is left."""
    run(job_id)
    while not workers.is_stopping() and any(map(_run_next, _nearest(lanes.providers_to_call()))):
        pass


def run(job_id: UUID) -> None:
    """Make the picture of a job; do nothing where it is not due, or its provider cannot be called now."""
    with logs.about(job_id=job_id):
        provider = lanes.provider_of_due(job_id) if _has_room() else None
        # A hint that came before its provider had workers of its own is not for this one; the sweep will tell them.
        if provider and _is_served(provider) and (place := _place(provider)):
            _use(place, claims.claim(job_id, worker=workers.ID, machine=workers.machine()))


def _run_next(provider: str) -> bool:
    """Make the picture of the job of a provider whose turn it is; False where none may be called for now."""
    if not _has_room() or (place := _place(provider)) is None:
        return False
    return _use(place, claims.claim_next(provider, worker=workers.ID, machine=workers.machine()))


def _nearest(providers: Iterable[str]) -> list[str]:
    """Return those for which this process works, the one that it calls least at the moment the first.

    So a provider's thousand never hold up another's three, however many threads the thousand have.
    """
    calls = workers.calls_by_provider()
    return sorted(filter(_is_served, providers), key=lambda provider: calls[provider])


def _is_served(provider: str) -> bool:
    return workers.serves(registry.queue(provider))


def _has_room() -> bool:
    try:
        spool.check_room(workers.calls_in_flight())
    except errors.NoRoom as error:
        log.error("jobs stay in the queue: %s", error)
        return False
    return True


def _use(place: Place, held: Claim | None) -> bool:
    """Make the call that was claimed; False where none was, and another call may have its place."""
    if held is None:
        limits.give_back(place)
        return False
    with logs.about(job_id=held.job):
        _make(held, place)
    return True


def _make(held: Claim, place: Place) -> None:
    """Make the call and see to its picture, unless its provider has had too many calls while this job was claimed."""
    # A call takes seconds to minutes: a hundred of them must not hold a hundred database connections. Nor must those that
    # wait until they may make one: whoever is to let them needs a connection, too.
    give_back_connection()
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


def _place(provider: str) -> Place | None:
    """Return the right to make a call now; None where that takes too long, or nobody can tell."""
    try:
        # Waiting can take seconds, and a hundred threads that wait must not hold a hundred connections.
        return limits.take_place(provider) or limits.wait_for_place(provider, before=give_back_connection)
    except limits.Crowded:
        # The next of those who wait goes on with what this one leaves.
        return None
    except redis.Error as error:
        log.warning("nobody can tell how often %s was called (%s); its jobs wait", provider, error)
        return None
