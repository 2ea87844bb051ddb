"""Finishing beside the calls: while a picture is checked and stored, the next call is on its way already."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from imagegen.writes import give_back_connection

log = logging.getLogger(__name__)
# How many pictures a process has in memory at once. A hundred that come together would need hundreds of megabytes, and be no
# quicker: until it is a picture's turn, it waits on disk.
THREADS = 8


class Finishers:
    """The threads that finish, and how many pictures may wait for them: who brings one more waits, and calls no more."""

    def __init__(self, backlog: int) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="finish")
        self._room = threading.BoundedSemaphore(backlog)

    def add(self, finish: Callable[[], None]) -> None:
        self._room.acquire()
        self._pool.submit(self._run, finish)

    def end(self) -> None:
        """Return when everything is finished."""
        self._pool.shutdown()

    def _run(self, finish: Callable[[], None]) -> None:
        try:
            finish()
        except Exception:
            log.exception("a picture could not be finished")
            # Whatever it was, the next picture begins with a connection that nothing went wrong on.
            connection.close()
        finally:
            give_back_connection()
            self._room.release()


class _Life:
    """What a worker process has; any other process finishes at once."""

    finishers: Finishers | None = None


def begin(backlog: int) -> None:
    """Finish beside the calls from now on; at most so many pictures wait for it."""
    _Life.finishers = Finishers(backlog)


def soon(finish: Callable[[], None]) -> None:
    """Do this soon, in a thread that finishes; at once where there is none."""
    if _Life.finishers:
        _Life.finishers.add(finish)
    else:
        finish()


def end() -> None:
    """Return when everything is finished."""
    if _Life.finishers:
        _Life.finishers.end()
        _Life.finishers = None
