"""One job from claim to picture: the road that every paid call takes."""

import hashlib
import logging
import time
from uuid import UUID

from django.db import connection

from imagegen import errors, lifecycle, pictures, spool, storage, workers
from imagegen.lifecycle import Claim, Receipt
from imagegen.providers import registry
from imagegen.providers.base import Answer, Handle, Keep, Pending, Provider
from imagegen.states import Charged

log = logging.getLogger(__name__)
STORE_TRIES = 3
# How long an asynchronous provider may take from the accepted call to the picture.
POLL_SECONDS = 600.0


def run(job_id: UUID) -> None:
    """Make the picture of a job that is due; do nothing where it is not, or another worker has it."""
    try:
        spool.check_room(workers.calls_in_flight())
    except errors.NoRoom as error:
        log.error("job %s stays in the queue: %s", job_id, error)
        return
    held = lifecycle.claim(job_id, worker=workers.ID, machine=workers.machine())
    if held is not None:
        with workers.executing(held):
            _finish(held)


def _finish(held: Claim) -> None:
    """Take a claimed job to an end; the one place that catches everything, because a bug must not hide a paid call."""
    answer: Answer | None = None
    provider = registry.get(held.provider)
    try:
        answer = _ask(provider, held)
        _keep_picture(provider, held, answer)
    except errors.ProviderError as error:
        lifecycle.settle(held, error, _receipt(provider, held, answer))
    except errors.StorageUnavailable as error:
        sentence = f"{error} It was bought, and is kept on the machine that made it."
        lifecycle.set_aside(held, "not_stored", sentence, charged=Charged.YES, receipt=_receipt(provider, held, answer))
        return
    except Exception:
        sentence = "Something went wrong here while the picture was made; the log has it. It may have been paid."
        lifecycle.set_aside(held, "bug", sentence, charged=Charged.UNKNOWN, receipt=_receipt(provider, held, answer))
        raise
    spool.discard(held.attempt)


def _ask(provider: Provider, held: Claim) -> Answer:
    """Make the paid call and wait for its answer, which is in the spool when this returns."""
    keep = spool.keep(held.attempt, held.provider)
    # A call takes seconds to minutes: a hundred of them must not hold a hundred database connections.
    connection.close()
    answer = provider.send(held.request, keep)
    if isinstance(answer, Answer):
        return answer
    lifecycle.accepted(held, answer.value)
    connection.close()
    return _poll(provider, answer, keep)


def _poll(provider: Provider, handle: Handle, keep: Keep) -> Answer:
    deadline = time.monotonic() + POLL_SECONDS
    while isinstance(answer := provider.poll(handle, keep), Pending):
        if time.monotonic() > deadline:
            raise errors.OutcomeUnknown("The provider took the call and has no picture yet. It may be paid.")
        time.sleep(answer.after)
    return answer


def _keep_picture(provider: Provider, held: Claim, answer: Answer) -> None:
    """Check the picture, store it, and only then say that it is there."""
    result = provider.read(answer)
    picture = pictures.check(result.body)
    name = _store(held, picture.suffix, result.body)
    receipt = _receipt(provider, held, answer, result.body, result.request_id)
    if not lifecycle.succeed(held, picture, name=name, seed=result.seed, receipt=receipt):
        log.warning("job %s was taken over meanwhile; the late picture is dropped", held.job)
        storage.delete(name)


def _store(held: Claim, suffix: str, body: bytes) -> str:
    for pause in range(1, STORE_TRIES):
        try:
            return storage.save(held.job, held.fence, suffix, body)
        except errors.StorageUnavailable:
            log.warning("job %s: the picture could not be stored; trying again in %d s", held.job, pause)
            time.sleep(pause)
    return storage.save(held.job, held.fence, suffix, body)


def _receipt(
    provider: Provider, held: Claim, answer: Answer | None, body: bytes | None = None, request_id: str = ""
) -> Receipt:
    if answer is None:
        return Receipt()
    received = answer.body if body is None else body
    return Receipt(
        http_status=answer.status,
        request_id=request_id,
        bytes=len(received),
        sha256=hashlib.sha256(received).hexdigest(),
        price=provider.price(held.request.model),
    )
