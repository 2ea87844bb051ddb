"""Work in processes of their own: some may die there, one lives through all of it."""

import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from tests.crash_points.steps import DIED

Result = TypeVar("Result")


def in_a_process(work: Callable[..., Result], *given: object) -> Result | None:
    """Return what the work returns; None where it died at the step it was to die at. Call it from a single thread."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _work(work, given, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, DIED):
        raise ChildProcessError(f"a process that was to work ended with {status}")
    result: Result | None = pickle.loads(said) if status == 0 else None
    return result


def _work(work: Callable[..., Any], given: tuple[object, ...], writing: int) -> NoReturn:
    """Leave by the shortest way: what the parent wants done at its own end is not done here."""
    try:
        with open(writing, "wb") as pipe:
            pickle.dump(work(*given), pipe)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


class Companion:
    """A process that does what it is asked, in turn, for as long as the context is open."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("fork")
        self._wire, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self._wire), daemon=True)
        self._process.start()
        other.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wire.close()
        self._process.join(10)
        self._process.kill()

    def ask(self, work: Callable[..., Result], *given: object) -> Result:
        self._wire.send((work, given))
        result: Result = self._wire.recv()
        return result


def _serve(wire: "Connection[Any, Any]", asker: "Connection[Any, Any]") -> None:
    # The fork has given this process the other end as well; open here, it would never seem to be closed.
    asker.close()
    while True:
        try:
            work, given = wire.recv()
        except EOFError:
            return
        wire.send(work(*given))
