"""Prompt writers that work in a worker of their own: whoever wants prompts leaves a note, and waits for the reply.

A model on this machine belongs where the other models are loaded, not into each web process. Notes and replies go through
Redis; a note that nobody takes in time is nobody's, and nothing is lost with it but the wait.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any, cast

from imagegen import errors, redis
from imagegen.writers import registry
from imagegen.writers.base import Writing

log = logging.getLogger(__name__)
# How long a person waits: a model that is loaded first takes most of it.
PATIENCE_SECONDS = 120.0
# How long one look into a list may take: redis-py gives up after five.
LOOK_SECONDS = 2
# What a reply may say went wrong, besides that it is not known.
WORDS = {word.code: word for word in (errors.NotConfigured, errors.Unavailable, errors.Invalid, errors.BadAnswer)}


def ask(kind: str, writer: str, method: str, arguments: Sequence[object]) -> Writing:
    """Have a writer write in a worker of this kind. Raises the error that it says, or Unavailable where none answers."""
    reply = str(uuid.uuid4())
    note = {"reply": reply, "until": time.time() + PATIENCE_SECONDS, "writer": writer, "method": method, "with": arguments}
    try:
        redis.client().rpush(_notes(kind), json.dumps(note))
        answer = _wait(reply, time.monotonic() + PATIENCE_SECONDS)
    except redis.Error as error:
        raise errors.Unavailable("The broker does not answer, so nobody could be asked.") from error
    if answer is None:
        raise errors.Unavailable(f"No worker of the kind {kind!r} has answered in {PATIENCE_SECONDS:.0f} seconds.")
    if "prompts" in answer:
        return Writing(answer["prompts"])
    raise WORDS.get(answer["code"], errors.Unavailable)(answer["says"])


class Clerk(threading.Thread):
    """Takes the notes for one kind of worker, one after the other, until it is told to stop."""

    def __init__(self, kind: str) -> None:
        super().__init__(name="prompts", daemon=True)
        self._kind = kind
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                if found := redis.client().blpop([_notes(self._kind)], timeout=LOOK_SECONDS):
                    self._serve(json.loads(cast(list[bytes], found)[1]))
            except redis.Error as error:
                log.warning("notes for writers cannot be read: %s", error)
                self._stopped.wait(LOOK_SECONDS)
            except Exception:
                # Whoever wrote the note is told that nobody answered; the next one may go well.
                log.exception("a note could not be served")

    def stop(self) -> None:
        self._stopped.set()

    def _serve(self, note: dict[str, Any]) -> None:
        if note["until"] < time.time():
            return
        try:
            author = registry.get(note["writer"])
            answer: dict[str, Any] = {"prompts": getattr(author, note["method"])(*note["with"]).prompts}
        except errors.ProviderError as error:
            answer = {"code": error.code, "says": str(error)}
        with redis.client().pipeline() as both:
            both.rpush(redis.key(f"reply:{note['reply']}"), json.dumps(answer))
            both.expire(redis.key(f"reply:{note['reply']}"), int(PATIENCE_SECONDS))
            both.execute()


def _wait(reply: str, deadline: float) -> dict[str, Any] | None:
    while time.monotonic() < deadline:
        if found := redis.client().blpop([redis.key(f"reply:{reply}")], timeout=LOOK_SECONDS):
            return cast(dict[str, Any], json.loads(cast(list[bytes], found)[1]))
    return None


def _notes(kind: str) -> str:
    return redis.key(f"notes:{kind}")
