"""One paid call: asked, answered, checked, stored, settled. Generation makes it; recovery finishes what a crash left."""

import contextlib
import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from django.db import DatabaseError

from imagegen import (
    claims,
    conf,
    errors,
    ledger,
    lifecycle,
    limits,
    logs,
    metadata,
    pictures,
    spool,
    storage,
    workers,
)
from imagegen.claims import Claim
from imagegen.ledger import Receipt
from imagegen.lifecycle import Stored
from imagegen.metadata import Story
from imagegen.providers import registry
from imagegen.providers.base import Answer, Cost, Handle, ImageResult, Keep, Pending, Provider, StepwiseProvider, is_success
from imagegen.states import Charged
from imagegen.writes import give_back_connection

log = logging.getLogger(__name__)
STORE_TRIES = 3
# How long an asynchronous provider may take from the accepted call to the picture.
POLL_SECONDS = 600.0
# How soon a provider is asked again that could not be asked.
ASK_AGAIN_SECONDS = 2.0
# How seldom it is noted how far a picture is: a write each, for people who look.
NOTE_STEPS_SECONDS = 0.5
# How long it may take at worst until everybody sees the row that pauses a provider: its transaction waits for others.
UNTIL_PAUSED_SECONDS = 3.0
# What a provider says that nobody should call now, wherever he works: a bad key, no credit, too many calls. How long that is
# to last the answer itself will say, but by the time it is read and kept others would have called.
STOP = (401, 402, 429)


class Call:
    """One paid call of a claimed job, and what becomes of it."""

    def __init__(self, held: Claim) -> None:
        self._held = held
        self._answer: Answer | None = None
        self._is_waiting = False
        self._refused = False
        self._doubts = contextlib.ExitStack()

    def make(self) -> bool:
        """Make the call; True where it brought a picture, which `finish` may store later, else the job has its end."""
        with self._doubts:
            self._guarded(self._ask)
        return self._is_waiting

    def finish(self) -> None:
        """Store the picture that the call brought, and take the job to an end."""
        self._guarded(self._keep_picture)

    def resume(self, handle: str) -> None:
        """Wait for the picture of a call that the provider has accepted, and take the job to an end."""
        keep = spool.keep(self._held.attempt, self._held.provider)
        self._guarded(lambda: self._conclude(self._poll(Handle(handle), keep)))

    def conclude(self, answer: Answer) -> None:
        """Take the job to an end with an answer that was kept."""
        self._guarded(lambda: self._conclude(answer))

    def _guarded(self, step: Callable[[], None]) -> None:
        """The one place that catches everything, because a bug must not hide a paid call."""
        try:
            self._settled(step)
        except errors.StorageUnavailable as error:
            sentence = f"{error} It was bought, is kept on the machine that made it, and will be stored from there."
            self._set_aside(lifecycle.NOT_STORED, sentence, Charged.YES)
        except DatabaseError:
            # The answer is in the spool and the lease will run out: recovery finishes this without a second call.
            log.warning("job %s could not be written down; recovery will", self._held.job)
            raise
        except Exception:
            sentence = "Something went wrong here while the picture was made; the log has it. It may have been paid."
            self._set_aside("bug", sentence, Charged.UNKNOWN)
            raise
        else:
            # The answer for a job that was taken over stays in the spool: recovery decides what it is good for.
            if not self._refused and not self._is_waiting:
                spool.discard(self._held.attempt)

    def _settled(self, step: Callable[[], None]) -> None:
        self._is_waiting = False
        try:
            self._provider = _provider(self._held.provider)
            step()
        except errors.ProviderError as error:
            # First of all: until the others know, they go on calling.
            if seconds := _rest(error):
                limits.pause(self._held.provider, seconds, str(error))
            self._refused = not lifecycle.settle(self._held, error, self._receipt())
            self._say(error.code)

    def _ask(self) -> None:
        """Make the paid call and wait for its answer, which is in the spool when this returns."""
        self._answer = self._send()
        # What is no picture is settled at once: others may have to stop calling for it.
        if is_success(self._answer.status):
            self._is_waiting = True
        else:
            self._keep_picture()

    def _conclude(self, answer: Answer) -> None:
        self._answer = answer
        self._keep_picture()

    def _send(self) -> Answer:
        keep = self._doubting(spool.keep(self._held.attempt, self._held.provider))
        answer = self._made(keep)
        if isinstance(answer, Answer):
            return answer
        claims.accepted(self._held, answer.value)
        give_back_connection()
        return self._poll(answer, keep)

    def _made(self, keep: Keep) -> Answer | Handle:
        if isinstance(self._provider, StepwiseProvider):
            return self._provider.draw(self._held.request, keep, _Steps(self._held))
        return self._provider.send(self._held.request, keep)

    def _doubting(self, keep: Keep) -> Keep:
        """Hold up other calls as soon as an answer begins that is no picture, until it is settled."""

        def keep_answer(status: int, headers: Mapping[str, str], blocks: Iterable[bytes]) -> Answer:
            if not is_success(status):
                self._doubts.enter_context(limits.doubt(self._held.provider))
            if status in STOP:
                limits.pause(self._held.provider, UNTIL_PAUSED_SECONDS, f"It answered {status}.")
            return keep(status, headers, blocks)

        return keep_answer

    def _poll(self, handle: Handle, keep: Keep) -> Answer:
        deadline = time.monotonic() + POLL_SECONDS
        while isinstance(answer := self._asked_again(handle, keep), Pending):
            if time.monotonic() > deadline:
                raise errors.OutcomeUnknown("The provider took the call and has no picture yet. It may have been paid.")
            time.sleep(answer.after)
        return answer

    def _asked_again(self, handle: Handle, keep: Keep) -> Answer | Pending:
        """Ask for the picture of a call that was accepted: that it cannot be asked for says nothing about the call."""
        try:
            return self._provider.poll(handle, keep)
        except errors.ProviderError as error:
            log.info("call %s: the provider could not be asked for its picture: %s", self._held.attempt, error)
            return Pending(ASK_AGAIN_SECONDS)

    def _keep_picture(self) -> None:
        """Store the picture, and only then say that it is there."""
        assert self._answer is not None
        stored, result = self._stored(self._answer)
        # The sum of what came is left to the thumbnailer, which reads the picture anyway, unless it is that of the file.
        receipt = self._receipt(result, stored.sha256 if stored.bytes == len(result.body) else "")
        storage.delete_earlier(self._held.job, self._held.fence, stored.picture.suffix)
        if not lifecycle.succeed(self._held, stored, seed=result.seed, receipt=receipt):
            log.warning("job %s was taken over meanwhile; its late picture waits in the spool", self._held.job)
            storage.delete(stored.name)
            self._refused = True
        else:
            self._say("succeeded")

    def _stored(self, answer: Answer) -> tuple[Stored, ImageResult]:
        """Check the picture and store it with its story; return what is stored, and what the provider says about it."""
        result = self._provider.read(answer)
        picture = pictures.check(result.body)
        file = metadata.tell(result.body, picture, self._story(result.seed))
        name = self._store(picture.suffix, file)
        stored = Stored(name, hashlib.sha256(file).hexdigest(), len(file), picture)
        return stored, result

    def _story(self, seed: int | None) -> Story:
        request = self._held.request
        return Story(
            task_id=str(self._held.job),
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            provider=self._held.provider,
            model=request.model,
            size=request.size,
            aspect_ratio=request.aspect_ratio,
            style=request.style,
            quality=request.quality,
            seed=request.seed if seed is None else seed,
            origin=self._provider.origin,
            digital_source=self._provider.digital_source,
        )

    def _store(self, suffix: str, body: bytes) -> str:
        for pause in range(1, STORE_TRIES):
            try:
                return storage.save(self._held.job, self._held.fence, suffix, body)
            except errors.StorageUnavailable:
                log.warning("job %s: the picture could not be stored; trying again in %d s", self._held.job, pause)
                time.sleep(pause)
        return storage.save(self._held.job, self._held.fence, suffix, body)

    def _set_aside(self, code: str, sentence: str, charged: Charged) -> None:
        lifecycle.set_aside(self._held, code, sentence, charged=charged, receipt=self._receipt())

    def _say(self, outcome: str) -> None:
        words = {"provider": self._held.provider, "attempt_id": str(self._held.attempt), "outcome": outcome}
        sentence = "job %(job)s: call %(attempt_id)s to %(provider)s ended: %(outcome)s"
        if conf.log_prompts():
            words["prompt"], sentence = self._held.request.prompt, f"{sentence}; it asked for %(prompt)r"
        log.info(sentence, {**words, "job": self._held.job}, extra=logs.facts(**words))

    def _receipt(self, result: ImageResult | None = None, sha256: str | None = None) -> Receipt:
        """Return what is known of the call; `result` where its answer held a picture, `sha256` where that is seen to."""
        if self._answer is None:
            return Receipt()
        request = self._held.request
        price = self._provider.price(request.model, request.size, request.quality)
        return _receipt(self._answer, result, price, sha256)


class _Steps:
    """Notes how far a picture is, a few times a second at most, and hears whether to go on with it."""

    def __init__(self, held: Claim) -> None:
        self._held = held
        self._noted = -math.inf

    def __call__(self, step: int, steps: int) -> bool:
        if workers.is_stopping():
            return False
        if time.monotonic() - self._noted < NOTE_STEPS_SECONDS:
            return True
        self._noted = time.monotonic()
        try:
            return lifecycle.note_step(self._held, step, steps)
        except DatabaseError:
            log.warning("job %s: nobody could be told that step %d is done", self._held.job, step)
            return True
        finally:
            give_back_connection()


def is_picture(attempt: UUID) -> bool:
    """Whether the answer that was kept for this call is a picture."""
    call = _kept(attempt)
    return call is not None and _fault(*call) is None


def learn(attempt: UUID) -> None:
    """Write down what a kept answer says about money, where nobody knew; it came too late for its job."""
    if not ledger.undecided(attempt) or (call := _kept(attempt)) is None:
        return
    outcome, charged, result = "came_too_late", Charged.YES, None
    try:
        result = _read(*call)
    except errors.ProviderError as fault:
        outcome, charged = fault.code, fault.charged
    ledger.close(attempt, outcome, charged, _receipt(call[1], result, ledger.price_of(attempt)))


def _rest(error: errors.ProviderError) -> float:
    """Return for how many seconds nobody should call a provider that said this."""
    match error:
        case errors.RateLimited(retry_after=seconds):
            return seconds
        case errors.OutOfCredit() | errors.NotConfigured():
            return UNTIL_PAUSED_SECONDS
    return 0


def _kept(attempt: UUID) -> tuple[Provider, Answer] | None:
    """Return a kept answer and who can read it; None where either is gone, as another process may have been quicker."""
    try:
        return registry.get(spool.provider(attempt)), spool.read(attempt)
    except (KeyError, FileNotFoundError):
        return None


def _fault(provider: Provider, answer: Answer) -> errors.ProviderError | None:
    try:
        _read(provider, answer)
    except errors.ProviderError as error:
        return error
    return None


def _read(provider: Provider, answer: Answer) -> ImageResult:
    """Return the picture of an answer. Raises a ProviderError where it has none that is whole."""
    result = provider.read(answer)
    pictures.check(result.body)
    return result


def _receipt(answer: Answer, result: ImageResult | None, price: Cost | None, sha256: str | None = None) -> Receipt:
    """Return what is known of a call; what the provider itself says it cost comes before its price list."""
    received = result.body if result else answer.body
    return Receipt(
        http_status=answer.status,
        request_id=answer.headers.get("x-request-id", "")[:200],
        bytes=len(received),
        sha256=hashlib.sha256(received).hexdigest() if sha256 is None else sha256,
        cost=(result.cost if result else None) or price,
        usage=result.usage if result else {},
    )


def _provider(name: str) -> Provider:
    try:
        return registry.get(name)
    except KeyError as error:
        raise errors.NotConfigured(f"Provider {name} is no longer in the settings. Nothing was sent.") from error
