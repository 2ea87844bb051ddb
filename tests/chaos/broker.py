"""The product's own Valkey, in the hands of a storm."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import redis

from tests.product import Product
from tests.waiting import wait_until

# One list for each priority.
QUEUES = ("hints", *(f"hints\x06\x16{step}" for step in (3, 6, 9)))
WATCH_SECONDS = 0.05


class Broker:
    """What can be done to the Valkey that a running product started."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._client: Any = product.redis()

    def kill(self, *, away: float = 0.0) -> None:
        """Kill it, and return when the one answers that the supervisor starts instead, after so many seconds at least."""
        with _stopped(self._product.process.pid):
            os.kill(self._pid(), signal.SIGKILL)
            wait_until(lambda: not self._answers(), seconds=10, what="the end of Valkey")
            time.sleep(away)
        wait_until(self._answers, seconds=60, what="another Valkey")

    def pause(self, seconds: float) -> None:
        """Let it stand still: connections stay open, and nobody answers."""
        with _stopped(self._pid()):
            time.sleep(seconds)

    def empty(self) -> None:
        self._client.flushall()

    def hints(self) -> int:
        """Return how many hints wait; 0 while nobody can tell."""
        try:
            return sum(int(self._client.llen(self._product.key(name))) for name in QUEUES)
        except redis.RedisError:
            return 0

    def wait_until_no_hints_come(self) -> None:
        """Return when the number of waiting hints has not risen for a second."""
        waiting, since = self.hints(), time.monotonic()
        while time.monotonic() < since + 1:
            time.sleep(WATCH_SECONDS)
            before, waiting = waiting, self.hints()
            since = time.monotonic() if waiting > before else since

    def _pid(self) -> int:
        return next(pid for words, pid in self._product.parts() if "valkey-server" in words)

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except redis.RedisError:
            return False


class QueueWatch:
    """Counts the hints that wait, twenty times a second; use it as a context manager."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._counts: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def fullest(self, begin: float, end: float) -> int:
        """Return the most hints that waited at once between these moments of the monotonic clock."""
        return max((count for at, count in self._counts if begin < at < end), default=0)

    def _count(self) -> None:
        while not self._over.wait(WATCH_SECONDS):
            at = time.monotonic()
            self._counts.append((at, self._broker.hints()))


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """Let a process stand still: a supervisor that does revives nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
