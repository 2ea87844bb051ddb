"""Storms of the broker: Redis is killed, paused or emptied while jobs run and people ask for more."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.chaos import traffic
from tests.chaos.broker import Broker, QueueWatch
from tests.chaos.reckoning import answers_in_spool, attempts_of, plain, reckon
from tests.chaos.report import Options, Report, Storms
from tests.chaos.traffic import Traffic, Visit
from tests.product import Product
from tests.standins.stability import StabilityStandIn, success
from tests.waiting import wait_until

KEY = "sk-storm"
SUBMISSION = 1000
# The promises, in seconds: work goes on so soon after Redis is back, and a POST never waits for it.
RESUME_SECONDS = 15.0
POST_SECONDS = 1.0
# So long after its return Redis counts as just back.
JUST_BACK_SECONDS = 5.0
# What recovery calls a few seconds of work.
HINTS_PER_THREAD = 10
# A storm in which no call was made for so long is over, and what has not ended by then is lost.
STANDSTILL_SECONDS = 60.0
MUSTER = "muster"
MUSTER_SECONDS = 30.0
NEVER = float("inf")


@dataclass(frozen=True)
class Storm:
    """How hard it blows, in jobs, processes and seconds; the strikes are spread evenly over the work."""

    strikes: tuple[str, ...]
    jobs: int = 1000
    processes: int = 2
    concurrency: int = 16
    call_seconds: float = 0.5
    away_seconds: float = 10.0
    lease: float = 3.0
    sweep: float = 0.5
    # How many times its promise whatever has a clock may take.
    patience: float = 1.0

    @property
    def threads(self) -> int:
        return self.processes * self.concurrency


@dataclass(frozen=True)
class Strike:
    """What was done to Redis, from when to when on the monotonic clock."""

    what: str
    down: float
    back: float


@dataclass
class Scene:
    """A storm while it lasts."""

    storm: Storm
    product: Product
    standin: StabilityStandIn
    ids: list[str] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.broker = Broker(self.product)

    def ask(self) -> None:
        """Ask for every picture of the storm, in as few submissions as are allowed."""
        texts = [f"storm picture {number}" for number in range(self.storm.jobs)]
        for first in range(0, len(texts), SUBMISSION):
            self.ids += self.product.generate(*texts[first : first + SUBMISSION])
        # Workers are told after the answer, and what is told after a strike would count as given again.
        self.broker.wait_until_no_hints_come()

    def strike(self, what: str) -> None:
        """Strike when as much of the work is done as falls to the strikes before."""
        share = self.storm.jobs // len(self.storm.strikes)
        due = share * len(self.strikes) + self.storm.threads
        wait_until(lambda: len(self.standin.calls) >= due, seconds=STANDSTILL_SECONDS + share, what=f"call {due}")
        down = time.monotonic()
        self._ways()[what]()
        self.strikes.append(Strike(what, down, time.monotonic()))

    def wait_for_ends(self) -> None:
        """Wait until every job has ended and no answer waits, or no call was made for long: the reckoning says the rest."""
        calls, since = -1, time.monotonic()
        while not self._is_over() and time.monotonic() < since + STANDSTILL_SECONDS:
            if len(self.standin.calls) != calls:
                calls, since = len(self.standin.calls), time.monotonic()
            time.sleep(0.1)

    def resumed(self, strike: Strike) -> float:
        """Return how long after a strike the last worker process made a call again; NEVER where one did not."""
        workers = {attempt.id: attempt.worker for attempt in attempts_of(self.product, self.ids)}
        first = dict.fromkeys(workers.values(), NEVER)
        for call in self.standin.calls:
            if call.at > strike.back and (worker := workers.get(plain(call.attempt))):
                first[worker] = min(first[worker], call.at - strike.back)
        return max(first.values(), default=NEVER)

    def idle_threads(self) -> int:
        """Return how many threads of the workers do not work when there is a call for each of them."""
        self.standin.always(MUSTER, success().after(3))
        self.product.generate(*[f"{MUSTER} {number}" for number in range(self.storm.threads)])
        most, deadline = 0, time.monotonic() + MUSTER_SECONDS
        while most < self.storm.threads and time.monotonic() < deadline:
            most = max(most, self.standin.in_flight)
            time.sleep(0.02)
        return self.storm.threads - most

    def _ways(self) -> dict[str, Callable[[], None]]:
        return {
            "killed": self.broker.kill,
            "emptied": self.broker.empty,
            "paused": lambda: self.broker.pause(self.storm.away_seconds),
            "away": lambda: self.broker.kill(away=self.storm.away_seconds),
        }

    def _is_over(self) -> bool:
        query = "SELECT COUNT(*) FROM imagegen_job WHERE state IN ('queued', 'running')"
        return self.product.rows(query) == [(0,)] and not answers_in_spool(self.product)


def blow(storm: Storm, seed: int = 0) -> Report:
    """Run a product of its own through a storm, and say what that left."""
    with _scene(storm) as scene, QueueWatch(scene.broker) as watch:
        scene.ask()
        with Traffic(scene.product, scene.ids[:20]) as people:
            for what in storm.strikes:
                scene.strike(what)
            time.sleep(JUST_BACK_SECONDS)
        scene.ids += people.ids
        scene.wait_for_ends()
        reckoning = reckon(scene.product, scene.standin, scene.ids)
        figures = {**_felt(scene, people), **_fullest_queue(scene, watch), "idle_threads_at_the_end": scene.idle_threads()}
        # A flush takes the sweep's lock too, so each process may fill the queue once; who asks tells the workers at once.
        figures["hints_allowed"] = storm.processes * storm.threads * HINTS_PER_THREAD + len(people.ids)
        figures["attempts_too_many"] = reckoning.attempts - len(scene.ids)
    return Report(seed, reckoning, figures, _broken(storm, figures))


@contextmanager
def _scene(storm: Storm) -> Iterator[Scene]:
    names = {
        "STABILITY_API_KEY": KEY,
        "WORKER_PROCESSES": storm.processes,
        "WORKER_CONCURRENCY": storm.concurrency,
        "LEASE_SECONDS": storm.lease,
        "SWEEP_SECONDS": storm.sweep,
    }
    standin = StabilityStandIn(key=KEY, delay=storm.call_seconds)
    with standin, Product(**names, STABILITY_API_HOST=standin.url, REDIS_URL="") as product:
        yield Scene(storm, product, standin)


def _felt(scene: Scene, people: Traffic) -> dict[str, float]:
    """Return what each kind of strike cost; of several of a kind, the worst."""
    figures: dict[str, float] = {}
    for strike in scene.strikes:
        costs = {"until_every_worker_called_again": scene.resumed(strike), **_visits(strike, people.posts, people.looks)}
        for name, cost in costs.items():
            name = f"{strike.what}_{name}"
            figures[name] = max(figures.get(name, 0.0), cost)
    return figures


def _visits(strike: Strike, posts: Sequence[Visit], looks: Sequence[Visit]) -> dict[str, float]:
    """Return how people fared while Redis was away or just back."""
    posts, looks = ([*traffic.between(visits, strike.down, strike.back + JUST_BACK_SECONDS)] for visits in (posts, looks))
    longest, second = traffic.longest_waits(posts)
    return {
        "posts_sent_meanwhile": sum(strike.down < post.at < strike.back for post in posts),
        "longest_post": longest,
        # What is judged: a machine that does other things too holds up one POST in a hundred.
        "second_longest_post": second,
        "longest_look": traffic.longest_waits(looks)[0],
        "visits_without_their_answer": sum(post.status != 202 for post in posts) + sum(look.status != 200 for look in looks),
    }


def _fullest_queue(scene: Scene, watch: QueueWatch) -> dict[str, float]:
    """Return the most hints that waited at once between the first flush and the strike after it."""
    emptied = [number for number, strike in enumerate(scene.strikes) if strike.what == "emptied"]
    if not emptied:
        return {}
    ends = [strike.down for strike in scene.strikes[emptied[0] + 1 :]] + [NEVER]
    return {"most_hints_after_a_flush": watch.fullest(scene.strikes[emptied[0]].back, ends[0])}


def _broken(storm: Storm, figures: Mapping[str, float]) -> list[str]:
    """Name what is broken of the promises that the reckoning does not know."""
    broken = {}
    for what in set(storm.strikes):
        cost = {name.removeprefix(f"{what}_"): figure for name, figure in figures.items() if name.startswith(f"{what}_")}
        resumed = cost["until_every_worker_called_again"]
        broken[f"{what}: work went on after {resumed:.1f} s"] = resumed > RESUME_SECONDS * storm.patience
        post = cost["second_longest_post"]
        broken[f"{what}: POSTs took {post:.2f} s"] = post > POST_SECONDS * storm.patience
        broken[f"{what}: visits were not answered as usual"] = cost["visits_without_their_answer"] > 0
    broken["the queue held more than a few seconds of work"] = (
        figures.get("most_hints_after_a_flush", 0) > figures["hints_allowed"]
    )
    broken["threads of the workers never worked again"] = figures["idle_threads_at_the_end"] > 0
    broken["a job did not have exactly one attempt"] = figures["attempts_too_many"] != 0
    return [sentence for sentence, is_so in broken.items() if is_so]


def _at_full_size(**size: Any) -> Callable[[Options], Report]:
    """Return what blows this storm, as large as the options say."""
    storm = Storm(**size)

    def begin(options: Options) -> Report:
        strikes = storm.strikes[:1] * options.kills if options.kills else storm.strikes
        return blow(replace(storm, jobs=options.jobs or storm.jobs, strikes=strikes), options.seed)

    return begin


STORMS: Storms = {
    "redis-killed": _at_full_size(strikes=("killed",) * 5),
    "redis-emptied": _at_full_size(strikes=("emptied",) * 5),
    "redis-paused": _at_full_size(strikes=("paused",) * 3),
    "redis-away": _at_full_size(strikes=("away",), away_seconds=90.0),
    "redis-crowd": _at_full_size(strikes=("emptied",), jobs=10_000, concurrency=32, call_seconds=0.2),
}
