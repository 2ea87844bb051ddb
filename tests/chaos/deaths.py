"""Recorded ends of workers, against the attempts in the ledger that they cut off."""

from collections import defaultdict
from collections.abc import Sequence

from imagegen.states import Charged
from tests.chaos.crew import Strike
from tests.chaos.reckoning import Attempt


class Deaths:
    """Each strike is the end of one worker; `attempts` are in the order in which they were made."""

    def __init__(self, strikes: Sequence[Strike], attempts: Sequence[Attempt]) -> None:
        self._died = {strike.worker: strike.at for strike in strikes}
        self._attempts = attempts
        self.cut = [attempt for attempt in attempts if self._cut(attempt)]

    @property
    def amid_calls(self) -> int:
        """Count the strikes that cut off a call."""
        return len({attempt.worker for attempt in self.cut})

    @property
    def saved(self) -> int:
        """Count the calls that were cut off and have a picture or another sure end all the same."""
        return sum(attempt.charged != Charged.UNKNOWN for attempt in self.cut)

    @property
    def slowest_recovery(self) -> float:
        """Return the longest time from a worker's end to that of one of its calls; whoever finished it may have died too."""
        return max((_end(attempt) - self._died[attempt.worker] for attempt in self.cut), default=0.0)

    @property
    def last_recovery(self) -> float:
        """Return how long after the last strike the last such call came to its end."""
        ends = [_end(attempt) for attempt in self.cut]
        return max(max(ends) - max(self._died.values()), 0.0) if ends else 0.0

    def unexplained(self) -> list[Attempt]:
        """Return attempts that ended unknown although nobody had struck their worker."""
        return [attempt for attempt in self._attempts if attempt.charged == Charged.UNKNOWN and not self._cut(attempt)]

    def needless(self) -> list[Attempt]:
        """Return attempts that were followed by another one of their job, and did not end unknown."""
        by_job: defaultdict[str, list[Attempt]] = defaultdict(list)
        for attempt in self._attempts:
            by_job[attempt.job].append(attempt)
        followed = (attempt for attempts in by_job.values() for attempt in attempts[:-1])
        return [attempt for attempt in followed if attempt.charged != Charged.UNKNOWN]

    def _cut(self, attempt: Attempt) -> bool:
        at = self._died.get(attempt.worker)
        return at is not None and attempt.sent_at <= at < _end(attempt)


def _end(attempt: Attempt) -> float:
    return float("inf") if attempt.ended_at is None else attempt.ended_at
