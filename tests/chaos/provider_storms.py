"""Storms that come from providers: limits, a 429, an empty account, a slow neighbour, one person with a thousand prompts."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import requests

from tests.chaos.reckoning import moment, plain, reckon
from tests.chaos.report import Options, Report, Storms
from tests.product import Product
from tests.standins import stability as answers
from tests.standins.stability import Call, StabilityStandIn
from tests.waiting import wait_until

KEY = "sk-storm"
SETTINGS = "tests.chaos.limited_settings"
# What Stability documents, what the product asks for at most, and in how many seconds.
DOCUMENTED, ASKED, WINDOW = 150, 135, 10.0
SMALL = "64x64"


@dataclass(frozen=True)
class Storm:
    """How hard it blows."""

    seed: int = 0
    jobs: int = 1000
    processes: int = 4
    concurrency: int = 32
    call_seconds: float = 0.5
    patience: float = 1.0


@contextmanager
def ground(storm: Storm, **names: object) -> Iterator[tuple[Product, StabilityStandIn]]:
    """A product with so many workers, and the stand-in that it buys from."""
    own = {
        "WORKER_PROCESSES": storm.processes,
        "WORKER_CONCURRENCY": storm.concurrency,
        "STABILITY_API_KEY": KEY,
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "STOP_SECONDS": 1,
    }
    with (
        StabilityStandIn(key=KEY) as standin,
        Product(**{**own, "STABILITY_API_HOST": standin.url, **names}) as product,
    ):
        yield product, standin


def full_push(storm: Storm) -> Report:
    """Let every thread of four processes of a product of its own call as often as it may."""
    with ground(storm, STABILITY_RATE_LIMIT=ASKED) as (product, standin):
        standin.delay = storm.call_seconds
        ids = product.generate(*_texts(storm.jobs))
        product.finished(ids, seconds=300)
        times = sorted(call.at for call in standin.calls)
        figures = {
            "most_calls_in_ten_seconds": float(most_within(times, WINDOW)),
            "documented": float(DOCUMENTED),
            "share_of_the_rate_left_unused": 1 - _share(times),
            "allowed": 0.05 * storm.patience,
        }
        broken = _above(figures, "most_calls_in_ten_seconds", "documented")
        broken += _above(figures, "share_of_the_rate_left_unused", "allowed")
        return Report(storm.seed, reckon(product, standin, ids), figures, broken)


def too_many_calls(storm: Storm, product: Product, standin: StabilityStandIn, *, rest: int = 4) -> Report:
    """Answer one call in the middle with 429: nobody calls until the rest is over."""
    ids = _begin(storm, product, standin)
    standin.when("", answers.rate_limited(retry_after=rest).after(0))
    product.finished(ids, seconds=300)
    [refused] = [call for call in standin.calls if call.status == 429]
    late = _begun(standin.calls, refused.at, refused.at + rest)
    figures = {"calls_after_the_429": float(late), "allowed": _until_heard(storm)}
    return Report(storm.seed, reckon(product, standin, ids), figures, _above(figures, "calls_after_the_429", "allowed"))


def empty_account(storm: Storm, product: Product, standin: StabilityStandIn) -> Report:
    """Let the balance end in the middle, and come back after a while; nobody lifts a hand."""
    ids = _begin(storm, product, standin)
    standin.always("", answers.out_of_credit().after(0))
    wait_until(lambda: bool(_unpaid(standin)), seconds=30, what="the first call without credit")
    time.sleep(5)
    waiting = [image["why"] for image in product.images(ids) if image["state"] == "queued"]
    standin.always("", answers.success(storm.call_seconds))
    product.finished(ids, seconds=300)
    first = _unpaid(standin)[0].at
    figures = {
        "calls_without_credit_at_once": float(_begun(_unpaid(standin), first - 1, first + 1.5)),
        "allowed": _until_heard(storm),
        "jobs_that_waited": float(len(waiting)),
    }
    broken = _above(figures, "calls_without_credit_at_once", "allowed")
    broken += [] if all("has no credit left" in why for why in waiting) else ["not every job that waits says why"]
    return Report(storm.seed, reckon(product, standin, ids), figures, broken)


def slow_neighbour(storm: Storm, product: Product, standin: StabilityStandIn) -> Report:
    """Ask for pictures of a provider without a limit, alone and then behind many of one that takes five a minute."""
    alone = _makespan(product, storm, "fast")
    slow = product.generate(*_texts(storm.jobs), provider="slow", size=SMALL)
    beside = _makespan(product, storm, "fast")
    figures = {"makespan_beside_alone": beside / alone, "allowed": 1 + 0.1 * storm.patience}
    states = {image["state"] for image in product.images(slow)}
    broken = _above(figures, "makespan_beside_alone", "allowed") + ([] if "queued" in states else ["nothing was slow"])
    _cancel(product, slow[0])
    return Report(storm.seed, reckon(product, standin, []), figures, broken)


def two_people(storm: Storm, product: Product, standin: StabilityStandIn, *, few: int = 3) -> Report:
    """Ask for three pictures, alone and then behind a thousand of somebody else."""
    alone = _seconds(product, product.generate(*_few(few), provider="fast", size=SMALL))
    many = product.generate(*_uneven(storm), provider="fast", size=SMALL)
    beside = _seconds(product, product.generate(*_few(few), provider="fast", size=SMALL))
    still = sum(image["state"] == "queued" for image in product.images(many))
    product.finished(many, seconds=300)
    figures = {
        "time_beside_alone": beside / alone,
        "allowed": 1 + 0.5 * storm.patience,
        "others_still_waiting": float(still),
    }
    broken = _above(figures, "time_beside_alone", "allowed") + ([] if still else ["nobody was ahead of them"])
    return Report(storm.seed, reckon(product, standin, []), figures, broken)


def _begin(storm: Storm, product: Product, standin: StabilityStandIn) -> list[str]:
    """Ask for every picture of the storm, and return their tasks once a quarter of the calls is made."""
    standin.delay = storm.call_seconds
    before = len(standin.calls)
    ids = product.generate(*_texts(storm.jobs))
    wait_until(lambda: len(standin.calls) - before > storm.jobs / 4, seconds=120, what="a quarter of the calls")
    return ids


def _cancel(product: Product, task: str) -> None:
    """Cancel the batch of a task, which would keep a thread from the next storm now and then."""
    batch = product.get(f"/api/jobs/{task}")["batch"]
    requests.post(f"{product.url}/api/batches/{batch}/cancel", timeout=30).raise_for_status()


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return how many of these moments, in order, at most lie within any so many seconds."""
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _share(times: Sequence[float]) -> float:
    """Return the share of the rate that was used: as many calls as there were, in the windows that they need at least."""
    windows = (len(times) - 1) // ASKED
    return windows * WINDOW / (times[windows * ASKED] - times[0]) if windows else 1.0


def _until_heard(storm: Storm) -> float:
    """Return how many calls may begin before everybody has heard what one was answered: one for each process.

    As many go out as the time of one answer holds. That is longer where other tests run beside (10 were seen of the hundreds
    that there would be if nobody listened), but even then no thread makes two.
    """
    return float(storm.processes * (1 if storm.patience == 1 else storm.concurrency))


def _begun(calls: Sequence[Call], after: float, before: float) -> int:
    return sum(after < call.at < before for call in calls)


def _unpaid(standin: StabilityStandIn) -> list[Call]:
    return [call for call in standin.calls if call.status == 402]


def _makespan(product: Product, storm: Storm, provider: str) -> float:
    texts = _texts(storm.jobs, wish=f"slow {storm.call_seconds}")
    return _seconds(product, product.generate(*texts, provider=provider, size=SMALL))


def _seconds(product: Product, ids: list[str]) -> float:
    """Return the seconds from the first of these jobs being asked for to the last one's end, by the product's own clock."""
    product.finished(ids, seconds=300)
    wanted = {plain(job) for job in ids}
    rows = product.rows("SELECT id, created, ended_at FROM imagegen_job")
    spans = [(moment(created), moment(ended)) for job, created, ended in rows if plain(job) in wanted]
    return max(ended for _, ended in spans) - min(created for created, _ in spans)


def _text(place: int, wish: str) -> str:
    return f"picture number {place}" + (f" [demo: {wish}]" if wish else "")


def _texts(number: int, *, wish: str = "") -> list[str]:
    return [_text(place, wish) for place in range(number)]


def _uneven(storm: Storm) -> list[str]:
    """Return prompts whose calls end at different times, as a provider's do: otherwise threads are free in waves."""
    return [_text(place, f"slow {storm.call_seconds * (0.5 + place % 11 / 10):.2f}") for place in range(storm.jobs)]


def _few(number: int) -> list[str]:
    return _texts(number, wish="slow 2")


def _above(figures: dict[str, float], name: str, allowed: str) -> list[str]:
    value, most = figures[name], figures[allowed]
    return [f"{name.replace('_', ' ')}: {value:.2f}, more than {most:.2f}"] if value > most else []


def _storm(options: Options) -> Storm:
    return Storm(options.seed, jobs=options.jobs or 1000)


def _alone(blow: Callable[[Storm, Product, StabilityStandIn], Report], storm: Storm) -> Report:
    """Blow a storm over a product of its own."""
    with ground(storm) as (product, standin):
        return blow(storm, product, standin)


STORMS: Storms = {
    "full-push": lambda options: full_push(_storm(options)),
    "too-many-calls": lambda options: _alone(too_many_calls, _storm(options)),
    "empty-account": lambda options: _alone(empty_account, Storm(options.seed, jobs=options.jobs or 500)),
    # Calls and threads that leave the machine time to spare: what is measured is who waits for whom.
    "slow-neighbour": lambda options: _alone(slow_neighbour, replace(_storm(options), processes=2, call_seconds=2.0)),
    "two-people": lambda options: _alone(two_people, replace(_storm(options), processes=2, call_seconds=2.0)),
}
