"""Storms over worker processes: killed, frozen and stopped while calls are in flight, and, as a control, left in peace."""

from collections.abc import Callable
from dataclasses import replace
from signal import SIGKILL, SIGQUIT, SIGTERM, Signals
from typing import Any

from tests.chaos.reckoning import attempts_of
from tests.chaos.report import Options, Report, Storms
from tests.chaos.scene import Scene, Storm, blowing, ground
from tests.product import Product
from tests.standins.stability import StabilityStandIn

# A worker is silent for so many leases, and comes back.
FROZEN_LEASES = 1.6
REFUSED = "was taken over meanwhile"


def kills(storm: Storm, product: Product, standin: StabilityStandIn) -> Report:
    """Kill one worker after the other with SIGKILL; others finish its calls, or say that nobody knows how they ended."""
    with blowing(storm, product, standin) as scene:
        _strike(scene, SIGKILL, storm.strikes)
    deaths = scene.deaths()
    figures = {
        "kills": len(scene.crew.strikes),
        "kills_amid_calls": deaths.amid_calls,
        "calls_cut_off": len(deaths.cut),
        "of_them_with_a_sure_end": deaths.saved,
        "slowest_recovery_seconds": deaths.slowest_recovery,
        "last_recovery_seconds": deaths.last_recovery,
        "promised_seconds": storm.promise,
    }
    broken = {
        "fewer than half of the kills cut off a call": deaths.amid_calls < storm.strikes / 2,
        "a call ended unknown, and nobody had killed its worker": bool(deaths.unexplained()),
        "a job was bought again after a call with a sure end": bool(deaths.needless()),
        "the last recovery took longer than promised": deaths.last_recovery > storm.promise,
    }
    return scene.report(figures, broken)


def zombies(storm: Storm, product: Product, standin: StabilityStandIn) -> Report:
    """Freeze workers for longer than a lease; what they know when they wake is used, and buys nothing again."""
    with blowing(storm, product, standin) as scene:
        _freeze(scene)
        refused = scene.crew.log().count(REFUSED)
    freezes = len(scene.crew.strikes) // 2
    figures = {"freezes": freezes, "jobs_taken_over": scene.taken_over(), "late_writes_refused": refused}
    broken = {"no late write was refused, so nothing was tried": refused == 0}
    if storm.paid_calls == 1:
        broken["a picture was bought and not used"] = set(scene.states()) != {"succeeded"}
    return scene.report(figures, broken)


def stops(storm: Storm, product: Product, standin: StabilityStandIn) -> Report:
    """Stop workers with SIGTERM, and then as many with SIGQUIT: either gives as much time as their calls need."""
    with blowing(storm, product, standin) as scene:
        _strike(scene, SIGTERM, storm.strikes // 2)
        _strike(scene, SIGQUIT, storm.strikes // 2)
        states = {*scene.states()}
    deaths = scene.deaths()
    figures = {"stops": len(scene.crew.strikes), "stops_amid_calls": deaths.amid_calls}
    broken = {
        "fewer than half of the stops came amid calls": deaths.amid_calls < storm.strikes / 2,
        "a worker stopped before its calls had ended": states != {"succeeded"},
        "a call ended unknown, and nobody had stopped its worker": bool(deaths.unexplained()),
    }
    return scene.report(figures, broken)


def control(storm: Storm, product: Product, standin: StabilityStandIn) -> Report:
    """Let calls last so long that every hint is given out again meanwhile, to threads that are free."""
    before = _deliveries(product)
    with blowing(storm, product, standin, DJANGO_SETTINGS_MODULE="tests.chaos.impatient_settings") as scene:
        scene.ask(storm.jobs)
        scene.wait_for_ends()
    again = _deliveries(product) - before - storm.jobs
    broken = {
        "a job had more than one attempt": len(attempts_of(product, scene.ids)) != storm.jobs,
        "a job was taken from a worker that lived": scene.taken_over() > 0,
        "no hint was given out again, so nothing was tried": again < storm.jobs / 2,
    }
    return scene.report({"hints_given_out_again": again}, broken)


def _strike(scene: Scene, number: Signals, times: int) -> None:
    for _ in range(times):
        scene.wave()
        scene.crew.strike(number)
    scene.wait_for_ends()


def _freeze(scene: Scene) -> None:
    """Freeze as often as is asked; more often only while nobody takes over, as when the whole machine is late."""
    times = scene.storm.strikes
    for number in range(1, 3 * times + 1):
        scene.wave()
        scene.crew.freeze(FROZEN_LEASES * scene.storm.lease)
        if number >= times:
            scene.wait_for_pictures()
            if REFUSED in scene.crew.log():
                return


def _deliveries(product: Product) -> int:
    """Return how many hints workers were given since the broker began; kombu notes each in a sorted set."""
    with product.redis() as broker:
        statistics = broker.info("commandstats")
    return int(statistics.get("cmdstat_zadd", {"calls": 0})["calls"])


def _at_full_size(blow: Callable[[Storm, Product, StabilityStandIn], Report], **size: Any) -> Callable[[Options], Report]:
    """Return what blows this storm over a product of its own."""

    def blow_alone(options: Options) -> Report:
        with ground() as (product, standin):
            return blow(_sized(Storm(seed=options.seed, **size), options), product, standin)

    return blow_alone


def _sized(storm: Storm, options: Options) -> Storm:
    """Return the storm with as many jobs and strikes as were asked for, or its own share of strikes."""
    jobs = options.jobs or storm.jobs
    return replace(storm, jobs=jobs, strikes=options.kills or max(storm.strikes * jobs // storm.jobs, 1))


STORMS: Storms = {
    "kills": _at_full_size(kills),
    "kills-retry": _at_full_size(kills, on_unknown="retry"),
    "zombies": _at_full_size(zombies, jobs=500, strikes=10),
    "stops": _at_full_size(stops, jobs=1600, strikes=40, concurrency=8),
    "control": _at_full_size(control, jobs=100, strikes=1, concurrency=50, call_seconds=5.0),
}
