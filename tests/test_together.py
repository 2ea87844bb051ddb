"""What threads do together: nobody is forgotten, and nobody pays for another's fault."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from imagegen import together
from imagegen.together import Together
from tests.waiting import wait_until


class Ground:
    """A function that is told wishes, and keeps the first group waiting until it is let go."""

    def __init__(self, result: Callable[[int], int] = lambda wish: wish * 10, *, most: int = together.MOST) -> None:
        self.groups: list[list[int]] = []
        self.together = Together(self._serve, most=most)
        self._result = result
        self._go = threading.Event()

    def _serve(self, wishes: Sequence[int]) -> list[int]:
        self.groups.append(list(wishes))
        self._go.wait(10)
        return [self._result(wish) for wish in wishes]

    def ask(self, wishes: Sequence[int]) -> list[int | str]:
        """Let the first one be served, all others come while it is, and return everybody's result, or error."""
        with ThreadPoolExecutor(len(wishes)) as threads:
            first = threads.submit(self._ask, wishes[0])
            wait_until(lambda: bool(self.groups), seconds=10, what="the first group")
            others = [threads.submit(self._ask, wish) for wish in wishes[1:]]
            wait_until(lambda: len(self.together._waiting) == len(others), seconds=10, what="the others")
            self._go.set()
            return [asked.result(10) for asked in (first, *others)]

    def _ask(self, wish: int) -> int | str:
        try:
            return self.together(wish)
        except ValueError as error:
            return str(error)


def _nothing_for_three(wish: int) -> int:
    if wish == 3:
        raise ValueError("not three")
    return wish


def test_those_who_wait_are_served_at_once() -> None:
    ground = Ground()
    assert ground.ask([1, 2, 3, 4]) == [10, 20, 30, 40]
    assert [sorted(group) for group in ground.groups] == [[1], [2, 3, 4]]


def test_one_mans_fault_is_his_alone() -> None:
    assert Ground(_nothing_for_three).ask([1, 2, 3, 4]) == [1, 2, "not three", 4]


def test_a_group_has_an_end() -> None:
    ground = Ground(most=2)
    assert ground.ask([1, 2, 3, 4, 5, 6]) == [10, 20, 30, 40, 50, 60]
    assert [len(group) for group in ground.groups] == [1, 2, 2, 1]


def test_a_crowd_gets_everybody_his_own() -> None:
    double = Together[int, int](lambda wishes: [2 * wish for wish in wishes])
    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(double, range(5000))) == [2 * wish for wish in range(5000)]


def test_whoever_comes_while_one_waits_for_the_turn_is_served_with_him() -> None:
    groups: list[list[int]] = []
    turn = threading.Lock()

    @contextmanager
    def take_turn() -> Iterator[None]:
        with turn:
            yield

    def serve(wishes: Sequence[int]) -> list[int]:
        groups.append(list(wishes))
        return list(wishes)

    asked = Together(serve, turn=take_turn)
    with ThreadPoolExecutor(3) as threads:
        with turn:
            served = [threads.submit(asked, wish) for wish in range(3)]
            wait_until(lambda: len(asked._waiting) == 3, seconds=10, what="all three")
        assert [each.result(10) for each in served] == [0, 1, 2]
    assert [sorted(group) for group in groups] == [[0, 1, 2]]
