"""The places where a process may die: lines of the product, and the moments after something has changed outside of it."""

import io
import os
import socket
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

PROJECT = Path(__file__).parent.parent.parent
PRODUCT = f"{PROJECT / 'imagegen'}{os.sep}"
DIED = 9
# What a process leaves when it dies is what these have done, and nothing else: files, rows, bytes on the wire. What is
# received, looked up or failed changes nothing outside.
_FUNCTIONS = frozenset(
    {io.open, os.fsync, os.link, os.mkdir, os.remove, os.rename, os.replace, os.unlink, os.utime, os.write}
)
_METHODS: tuple[tuple[type, frozenset[str]], ...] = (
    (sqlite3.Connection, frozenset({"commit", "rollback"})),
    (sqlite3.Cursor, frozenset({"execute", "executemany"})),
    (io.BufferedWriter, frozenset({"write", "flush", "close", "__exit__"})),
    (socket.socket, frozenset({"connect", "send", "sendall"})),
)
_NAMES = frozenset({called.__name__ for called in _FUNCTIONS}.union(*(names for _, names in _METHODS)))
# Events may be lost: what goes to Redis is no change of state.
_LOSSY = f"{PRODUCT}events.py"
_AFTER = " after "


@dataclass(frozen=True)
class Step:
    """One place on a road: a line about to run, or the moment after an effect.

    `functions` are those of the product that are under way, the innermost first.
    """

    name: str
    effect: str
    functions: list[str]


class Trace:
    """Notes the steps of this thread, or of the threads that start from now on; ends the process at the one named `end`."""

    def __init__(self, end: str = "") -> None:
        self.steps: list[Step] = []
        self._end = end
        self._seen: Counter[str] = Counter()
        # Looking costs more than what is looked at: for a death after an effect nobody looks at lines.
        self._look_at_lines = None if _AFTER in end else self._on_call

    def __enter__(self) -> Self:
        sys.settrace(self._look_at_lines)
        sys.setprofile(self._on_effect)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        sys.setprofile(None)
        sys.settrace(None)

    def watch_threads(self) -> None:
        threading.settrace(self._look_at_lines)
        threading.setprofile(self._on_effect)

    def _on_call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._on_line if frame.f_code.co_filename.startswith(PRODUCT) else None

    def _on_line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self._note(_place(frame), frame, "")
        return self._on_line

    def _on_effect(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_return" and _is_effect(frame, argument):
            inner = next(_product_frames(frame), None)
            if inner is not None and inner.f_code.co_filename != _LOSSY:
                self._note(_place(inner) + _AFTER + argument.__name__, inner, argument.__name__)

    def _note(self, place: str, frame: FrameType, effect: str) -> None:
        self._seen[place] += 1
        name = f"{place} #{self._seen[place]}"
        if name == self._end:
            os._exit(DIED)
        if not self._end:
            self.steps.append(Step(name, effect, [inner.f_code.co_name for inner in _product_frames(frame)]))


def thinned(trail: list[Step]) -> list[Step]:
    """Return where to die: at the first line, and after each effect, which is before the next one.

    Nothing outside changes on the lines from one effect to the next, so whoever dies on any of them leaves the same behind.
    """
    return [*trail[:1], *(step for step in trail[1:] if step.effect)]


def _is_effect(frame: FrameType, called: Any) -> bool:
    if called.__name__ not in _NAMES:
        return False
    owner = getattr(called, "__self__", None)
    is_known = any(isinstance(owner, kind) and called.__name__ in names for kind, names in _METHODS)
    return (is_known or called in _FUNCTIONS) and not _only_looks(frame)


def _only_looks(frame: FrameType) -> bool:
    """Whether a statement or an opened file changes nothing; Django and pathlib have what they ask for in these names."""
    query, mode = str(frame.f_locals.get("query", "")), frame.f_locals.get("mode", "")
    return query.startswith(("BEGIN", "SELECT")) or mode in ("r", "rb")


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename.removeprefix(f'{PROJECT}{os.sep}')}:{frame.f_lineno}"


def _product_frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the product's functions that are under way, the innermost first."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(PRODUCT):
            yield frame
        frame = frame.f_back
