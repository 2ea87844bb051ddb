"""Threads that ask for the same thing at the same time are served at once: one transaction where each had its own.

A hundred calls that end together would otherwise wait in line a hundred times, for the database's lock and for Python's.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

Wish = TypeVar("Wish")
Result = TypeVar("Result")

# Unless it is said, nobody's wish waits for more than so many others.
MOST = 50


class Together(Generic[Wish, Result]):
    """Calls a function with the wishes of all threads that wait at that moment, in the thread of one of them.

    The function returns a result for each wish, in order. What it raises for several it is asked again for each alone, so
    that one thread's fault stays its own; it must therefore leave nothing behind when it raises. `before_waiting` gives back
    what a thread holds and whoever serves it may need. At most `most` are served at once. `turn` is what the function has to
    wait for: whoever comes meanwhile is served with the others.
    """

    def __init__(
        self,
        serve: Callable[[Sequence[Wish]], Sequence[Result]],
        *,
        before_waiting: Callable[[], None] = lambda: None,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        most: int = MOST,
    ) -> None:
        self._serve = serve
        self._before_waiting = before_waiting
        self._turn = turn
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Asked[Wish, Result]] = []
        self._is_led = False

    def __call__(self, wish: Wish) -> Result:
        """Return the result for this wish, or raise what was raised for it."""
        asked = _Asked[Wish, Result](wish)
        with self._lock:
            self._waiting.append(asked)
            leads, self._is_led = not self._is_led, True
        if not leads:
            self._before_waiting()
            asked.woken.wait()
        if not asked.is_served:
            self._lead()
        return asked.result()

    def _lead(self) -> None:
        """Serve whoever waits, oneself among them, and let the next one lead."""
        with self._turn():
            with self._lock:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._serve_all(group)
        with self._lock:
            self._is_led = bool(self._waiting)
            following = self._waiting[0] if self._waiting else None
        if following:
            following.woken.set()

    def _serve_all(self, group: "Sequence[_Asked[Wish, Result]]") -> None:
        try:
            results = self._serve([asked.wish for asked in group])
        except BaseException as error:
            if len(group) == 1:
                group[0].fail(error)
            else:
                for asked in group:
                    self._serve_all([asked])
        else:
            for asked, result in zip(group, results, strict=True):
                asked.succeed(result)


class _Asked(Generic[Wish, Result]):
    """One thread's wish, and what became of it."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.woken = threading.Event()
        self.is_served = False
        self._results: list[Result] = []
        self._error: BaseException | None = None

    def succeed(self, result: Result) -> None:
        self._results = [result]
        self._wake()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._wake()

    def result(self) -> Result:
        if self._error:
            raise self._error
        return self._results[0]

    def _wake(self) -> None:
        self.is_served = True
        self.woken.set()
