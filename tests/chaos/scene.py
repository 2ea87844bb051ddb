"""Where a storm over workers takes place: how hard it blows, who is there, and what was asked for so far."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from imagegen.states import UNFINISHED, State
from tests.chaos.crew import Crew
from tests.chaos.deaths import Deaths
from tests.chaos.reckoning import answers_in_spool, attempts_of, plain, reckon
from tests.chaos.report import Report
from tests.product import Product
from tests.standins.stability import StabilityStandIn
from tests.waiting import wait_until

KEY = "sk-storm"
# A storm in which nothing has changed for so long is over, and what has not ended by then is lost.
STANDSTILL_SECONDS = 90.0
MAX_PAID_ATTEMPTS = 2
# As many as one POST may ask for.
SUBMISSION = 1000


@dataclass(frozen=True)
class Storm:
    """How hard it blows, in jobs, strikes, processes and seconds; its seed says who is struck, and when."""

    seed: int
    jobs: int = 1000
    strikes: int = 20
    every: float = 2.0
    processes: int = 4
    concurrency: int = 16
    call_seconds: float = 3.0
    lease: float = 5.0
    sweep: float = 0.5
    on_unknown: str = "hold"
    # How many times its promise a recovery may take.
    patience: float = 1.0

    @property
    def promise(self) -> float:
        """Within how many seconds of its worker's end a call is brought to an end."""
        return (self.lease + self.sweep + 1) * self.patience

    @property
    def paid_calls(self) -> int:
        return MAX_PAID_ATTEMPTS if self.on_unknown == "retry" else 1

    def crew(self, product: Product, **names: object) -> Crew:
        """Return the workers that this storm blows over."""
        own = {
            "WORKER_CONCURRENCY": self.concurrency,
            "LEASE_SECONDS": self.lease,
            "SWEEP_SECONDS": self.sweep,
            "ON_UNKNOWN": self.on_unknown,
            "MAX_PAID_ATTEMPTS": MAX_PAID_ATTEMPTS,
        }
        return Crew(product, processes=self.processes, seed=self.seed, **{**own, **names})


@dataclass
class Scene:
    """A storm while it lasts."""

    storm: Storm
    product: Product
    standin: StabilityStandIn
    crew: Crew
    ids: list[str] = field(default_factory=list)

    def wave(self) -> None:
        """Ask for the pictures that fall to one strike, and let them begin, so that it comes amid work.

        Who has to be there for the strike is waited for first: the pictures would be drawn meanwhile.
        """
        self.crew.wait_for_two()
        self.ask(max(self.storm.jobs // self.storm.strikes, 1))
        wait_until(lambda: self.standin.in_flight > 0, seconds=STANDSTILL_SECONDS, what="a call")
        time.sleep(self.storm.every * self.crew.random.uniform(0.6, 1.4))

    def ask(self, pictures: int) -> None:
        texts = [f"picture number {len(self.ids) + number}" for number in range(pictures)]
        for first in range(0, pictures, SUBMISSION):
            self.ids += self.product.generate(*texts[first : first + SUBMISSION])

    def states(self) -> list[str]:
        """Return the states of the jobs that were asked for."""
        asked = {plain(job) for job in self.ids}
        return [state for job, state in self.product.rows("SELECT id, state FROM imagegen_job") if plain(job) in asked]

    def wait_for_ends(self) -> None:
        """Wait until every job has ended and no answer waits; whatever does not come is for the reckoning to say."""
        wait_while_it_moves(self.states, lambda states: not UNFINISHED & set(states))
        wait_while_it_moves(lambda: answers_in_spool(self.product), lambda waiting: not waiting)

    def wait_for_pictures(self) -> None:
        """Wait until every job has its picture, as far as pictures still come."""
        self.wait_for_ends()
        seconds = 4 * self.storm.lease
        wait_while_it_moves(self.states, lambda states: set(states) == {State.SUCCEEDED}, standstill=seconds)

    def taken_over(self) -> int:
        """Count the jobs that were held more often than calls were made for them."""
        calls = Counter(attempt.job for attempt in attempts_of(self.product, self.ids))
        fences = {plain(job): fence for job, fence in self.product.rows("SELECT id, fence FROM imagegen_job")}
        return sum(fences[job] > number for job, number in calls.items())

    def deaths(self) -> Deaths:
        return Deaths(self.crew.strikes, attempts_of(self.product, self.ids))

    def report(self, figures: Mapping[str, float], broken: Mapping[str, bool]) -> Report:
        """Count everything, and name what is broken of the promises that this storm alone asks about."""
        reckoning = reckon(self.product, self.standin, self.ids, paid_calls=self.storm.paid_calls)
        return Report(self.storm.seed, reckoning, figures, [sentence for sentence, is_so in broken.items() if is_so])


@contextmanager
def ground(**names: object) -> Iterator[tuple[Product, StabilityStandIn]]:
    """A product without workers, and the stand-in that it buys from."""
    with StabilityStandIn(key=KEY) as standin:
        own = {"WORKER_PROCESSES": 0, "STABILITY_API_KEY": KEY, "STABILITY_API_HOST": standin.url}
        with Product(**{**own, **names}) as product:
            yield product, standin


@contextmanager
def blowing(storm: Storm, product: Product, standin: StabilityStandIn, **names: object) -> Iterator[Scene]:
    """Let a storm blow over a crew of its own."""
    standin.delay = storm.call_seconds
    with storm.crew(product, **names) as crew:
        yield Scene(storm, product, standin, crew)


def wait_while_it_moves(
    look: Callable[[], list[str]], holds: Callable[[list[str]], bool], *, standstill: float = STANDSTILL_SECONDS
) -> None:
    """Wait until something holds, or nothing has changed for a long time."""
    seen, since = look(), time.monotonic()
    while not holds(seen) and time.monotonic() < since + standstill:
        time.sleep(0.2)
        if (now := look()) != seen:
            seen, since = now, time.monotonic()
