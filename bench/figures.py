"""What a measurement says: a figure, and the most or least that it should be."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table; `target` is the most that is good, or the least where `more_is_better`; None is no target."""

    name: str
    value: float
    target: float | None = None
    more_is_better: bool = False
    unit: str = "×"
    beside: str = ""
    """What was measured in the same run, in words."""

    @property
    def is_met(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.more_is_better else self.value <= self.target


def median_seconds(act: Callable[[], object], times: int, *, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return what one of so many runs takes by this clock; one more run before them, unmeasured, warms up."""
    act()
    taken = []
    for _ in range(times):
        begun = clock()
        act()
        taken.append(clock() - begun)
    return statistics.median(taken)


def spread(values: Iterable[float]) -> str:
    """Return the lowest and the highest of several, for people."""
    found = sorted(values)
    return f"{found[0]:.2f} to {found[-1]:.2f}"
