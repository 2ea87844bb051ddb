"""Telling workers about jobs, off the request: a slow or absent Redis never holds up whoever asked for them.

One thread tells them in slices, and those that fewer of their own lane come before go first: whoever asks for three
pictures does not wait until a thousand of somebody else's have been told.
"""

import itertools
import logging
import queue
import threading
from collections.abc import Sequence

from django.db import transaction

from imagegen import tasks
from imagegen.lanes import Hint

log = logging.getLogger(__name__)
SLICE = 100


def after_commit(hints: Sequence[Hint]) -> None:
    """Tell workers about these jobs once they are committed, from a thread of its own."""
    transaction.on_commit(lambda: _announcer.add(hints))


def wait_until_idle() -> None:
    """Return when everything that was to be told has been told, or given up."""
    _announcer.wait_until_idle()


class _Announcer:
    """The thread, which begins with the first job, and what it has to tell."""

    def __init__(self) -> None:
        # By the place of the first hint; the number keeps the order of equals, and hints from being compared.
        self._slices: queue.PriorityQueue[tuple[int, int, Sequence[Hint]]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, hints: Sequence[Hint]) -> None:
        for first in range(0, len(hints), SLICE):
            some = hints[first : first + SLICE]
            self._slices.put((some[0].place, next(self._numbers), some))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="announce", daemon=True)
                self._thread.start()

    def wait_until_idle(self) -> None:
        self._slices.join()

    def _run(self) -> None:
        while True:
            *_, hints = self._slices.get()
            _announce(hints)
            self._slices.task_done()


_announcer = _Announcer()


def _announce(hints: Sequence[Hint]) -> None:
    try:
        tasks.publish(hints)
    except tasks.Unreachable as error:
        log.warning("the workers were not told about %d jobs (%s); the sweep will", len(hints), error)
    except Exception:
        log.exception("the workers were not told about %d jobs; the sweep will", len(hints))
