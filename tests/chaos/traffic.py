"""What people do while a storm blows: they ask for pictures and look at them, and it is noted how long they wait."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import requests

from tests.product import Product

# Two who ask: where one is held up, the other shows whether that was chance.
ASKERS = 2
PAUSE_SECONDS = 0.5
# Far more than anybody should wait; it only ends a visit that would hang.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Visit:
    """One request: when it was sent on the monotonic clock, how long the answer took, its status (0 for none)."""

    at: float
    seconds: float
    status: int
    ids: tuple[str, ...] = ()
    """The tasks that a POST was answered with."""


class Traffic:
    """People who ask for a picture again and again, and one who looks; use it as a context manager."""

    def __init__(self, product: Product, shown: Sequence[str]) -> None:
        self.posts: list[Visit] = []
        self.looks: list[Visit] = []
        self._url = product.url
        self._shown = ",".join(shown)
        self._over = threading.Event()
        people = [*[(self._ask, self.posts)] * ASKERS, (self._look, self.looks)]
        self._threads = [threading.Thread(target=self._come_again, args=person) for person in people]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def ids(self) -> list[str]:
        """Return every task that was asked for."""
        return [task for post in self.posts for task in post.ids]

    def _come_again(self, visit: Callable[[], requests.Response], visits: list[Visit]) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            at = time.monotonic()
            status, ids = _answer(visit)
            visits.append(Visit(at, time.monotonic() - at, status, ids))

    def _ask(self) -> requests.Response:
        body = {"text": [f"asked in the storm, number {len(self.posts)}"]}
        return requests.post(f"{self._url}/generate-images", json=body, timeout=PATIENCE_SECONDS)

    def _look(self) -> requests.Response:
        return requests.get(f"{self._url}/show-images", params={"task_ids": self._shown}, timeout=PATIENCE_SECONDS)


def between(visits: Iterable[Visit], begin: float, end: float) -> list[Visit]:
    """Return those visits that were under way in this time."""
    return [visit for visit in visits if visit.at < end and visit.at + visit.seconds > begin]


def longest_waits(visits: Iterable[Visit]) -> tuple[float, float]:
    """Return the two longest waits in seconds, the longest first."""
    waits = sorted((visit.seconds for visit in visits), reverse=True)
    longest, second, *_ = [*waits, 0.0, 0.0]
    return longest, second


def _answer(visit: Callable[[], requests.Response]) -> tuple[int, tuple[str, ...]]:
    """Return the status, 0 where nothing came, and the tasks of an accepted POST."""
    try:
        answer = visit()
    except requests.RequestException:
        return 0, ()
    return answer.status_code, tuple(answer.json()["task_ids"]) if answer.status_code == 202 else ()
