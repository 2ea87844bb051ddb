"""What a storm says when it is over."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from tests.chaos.reckoning import Reckoning


@dataclass(frozen=True)
class Options:
    """What a person may choose; None leaves it to the storm."""

    seed: int
    jobs: int | None = None
    kills: int | None = None


class Outcome(Protocol):
    """What every storm returns; as a string it is a short table."""

    def faults(self) -> list[str]: ...


@dataclass(frozen=True)
class Report:
    """The reckoning of a storm, what else was measured, and what its own promises say, in sentences."""

    seed: int
    reckoning: Reckoning
    figures: Mapping[str, float]
    broken: list[str]

    def faults(self) -> list[str]:
        """Return each broken promise as a sentence; none after a storm that the product survived."""
        return self.reckoning.faults() + self.broken

    def __str__(self) -> str:
        counts = {name: count for name, count in asdict(self.reckoning).items() if isinstance(count, int)}
        states = {f"jobs {state}": number for state, number in self.reckoning.jobs.items()}
        table = {"seed": self.seed, **states, **counts, **self.figures}
        rows = [f"  {name.replace('_', ' '):<44}{round(value, 3):>12}" for name, value in table.items()]
        return "\n".join([*rows, *(f"  FAULT: {fault}" for fault in self.faults())])


# What `python -m tests.chaos` runs, by name; each module of storms has such a dictionary.
Storms = dict[str, Callable[[Options], Outcome]]
