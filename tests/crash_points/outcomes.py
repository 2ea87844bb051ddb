"""What became of a job over which processes died, as the survivors found it; told from one process to the next by pickle."""

from dataclasses import dataclass

from tests.crash_points.roads import Road
from tests.crash_points.steps import Step


@dataclass(frozen=True)
class Attempt:
    """One call, as the ledger has it."""

    id: str
    outcome: str
    charged: str
    is_open: bool


@dataclass(frozen=True)
class Rest:
    """What there is: the job's row, its attempts, and every file, of pictures with the sum of their bytes."""

    state: str
    fence: int
    may_pay: int
    picture: str
    sha256: str
    attempts: list[Attempt]
    pictures: dict[str, str]
    spool: list[str]
    # Files that somebody had begun to write.
    drafts: list[str]


@dataclass(frozen=True)
class Outcome:
    """One job: the steps at which processes died over it, in turn, and what became of it."""

    road: Road
    prompt: str
    deaths: list[str]
    # Whether each of them died there, and nowhere else.
    was_as_planned: bool
    # Whether one of them left an answer in the spool, or the provider's handle in its row.
    is_answered: bool
    rest: Rest
    # The same after everybody has looked at the job once more.
    later: Rest

    def __str__(self) -> str:
        calls = ", ".join(f"{call.outcome or 'open'} ({call.charged})" for call in self.later.attempts)
        files = [*self.later.pictures, *self.later.spool, *self.later.drafts]
        return f"{self.road}: dead at {' and '.join(self.deaths) or 'no step'}: {self.later.state}; {calls}; {files}"


@dataclass(frozen=True)
class Report:
    """Everything that one policy led to, with the steps of each road."""

    trails: dict[Road, list[Step]]
    outcomes: list[Outcome]
