"""Storms over what a team has: PostgreSQL restarted, the bucket away, and a whole machine of workers gone."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

from imagegen.lifecycle import NOT_STORED
from imagegen.states import Charged, State
from tests.bucket import BucketServer
from tests.chaos.crew import Crew
from tests.chaos.reckoning import attempts_of, plain
from tests.chaos.report import Options, Report, Storms
from tests.chaos.scene import Scene, Storm, blowing, ground
from tests.postgresql import Mode, PostgresServer
from tests.product import Product
from tests.standins.stability import StabilityStandIn
from tests.valkey import ValkeyServer
from tests.waiting import wait_until

RESTARTS: tuple[Mode, ...] = ("fast", "immediate")
AWAY_SECONDS = 20.0


@dataclass(frozen=True)
class Team:
    """A product whose every store is a server, and the servers that a storm may take away."""

    product: Product
    standin: StabilityStandIn
    database: PostgresServer
    bucket: BucketServer


@contextmanager
def team() -> Iterator[Team]:
    with PostgresServer() as database, ValkeyServer() as broker, BucketServer() as bucket:
        names = {"DATABASE_URL": database.url, "REDIS_URL": broker.url, **bucket.settings}
        with ground(**names) as (product, standin):
            yield Team(product, standin, database, bucket)


def restarts(storm: Storm, team: Team) -> Report:
    """Restart PostgreSQL again and again amid calls, in turn with and without warning."""
    with blowing(storm, team.product, team.standin) as scene:
        for number in range(storm.strikes):
            scene.wave()
            team.database.restart(RESTARTS[number % len(RESTARTS)])
        scene.wait_for_ends()
    return scene.report({"restarts": storm.strikes}, {"nearly nothing was drawn": _drawn(scene) < storm.jobs / 2})


def bucket_away(storm: Storm, team: Team, seconds: float = AWAY_SECONDS) -> Report:
    """Take the S3 server away amid calls: what was bought meanwhile waits, and every job gets its picture in the end."""
    with blowing(storm, team.product, team.standin) as scene:
        scene.ask(storm.jobs)
        wait_until(lambda: _drawn(scene) > 0, seconds=60, what="a picture")
        team.bucket.stop()
        time.sleep(seconds)
        # On a slow machine three tries to store a picture take longer.
        wait_until(lambda: _not_stored(scene) > 0, seconds=60, what="a picture without a place")
        waiting = _not_stored(scene)
        team.bucket.start()
        scene.wait_for_pictures()
    broken = {
        "a job has no picture": set(scene.states()) != {State.SUCCEEDED},
        "a job did not have exactly one attempt": len(attempts_of(team.product, scene.ids)) != storm.jobs,
    }
    return scene.report({"pictures_without_a_place": waiting}, broken)


def machine_gone(storm: Storm, team: Team, *, hurry: bool = False) -> Report:
    """Kill one of two machines that share no disk; the other does the rest, and what it had bought comes back with it."""
    elsewhere = team.product.folder / "elsewhere"
    with blowing(storm, team.product, team.standin) as scene, storm.crew(team.product, DATA_DIR=elsewhere) as there:
        scene.ask(storm.jobs)
        wait_until(lambda: _drawn(scene) > storm.jobs / 4, seconds=120, what="a quarter of the pictures")
        left = _kill_with_answers(there, elsewhere)
        if hurry:
            _let_a_minute_pass(team.product, there)
        scene.wait_for_ends()
        unknown = scene.states().count(State.UNKNOWN)
        there.start_all()
        wait_until(lambda: not _answers(elsewhere), seconds=60, what="the end of every answer that was left behind")
        scene.wait_for_ends()
    attempts = {attempt.id: attempt for attempt in attempts_of(team.product, scene.ids)}
    figures = {"answers_left_on_it": len(left), "jobs_unknown_until_it_came_back": unknown}
    broken = {
        "a picture that lay on the machine was not found": any(attempts[answer].charged != Charged.YES for answer in left),
        # One in flight for each thread, and as many pictures that waited to be stored.
        "more calls are unknown than it can have had": unknown > 2 * storm.processes * storm.concurrency,
        "a job had more than one attempt": len(attempts) != storm.jobs,
    }
    return scene.report(figures, broken)


def _kill_with_answers(there: Crew, folder: Path) -> set[str]:
    """Kill a machine at a moment when answers lie in its spool; return for which attempts."""
    while True:
        there.all_at_once(SIGSTOP)
        if left := _answers(folder):
            there.all_at_once(SIGKILL)
            return left
        there.all_at_once(SIGCONT)
        time.sleep(0.05)


def _let_a_minute_pass(product: Product, crew: Crew) -> None:
    """Make its workers look as if nobody had heard of them for as long as others wait for a machine."""
    workers = ", ".join(f"'{strike.worker}'" for strike in crew.strikes)
    product.change(f"UPDATE imagegen_worker SET heartbeat = heartbeat - INTERVAL '1 minute' WHERE id IN ({workers})")


def _answers(folder: Path) -> set[str]:
    return {plain(path.stem) for path in folder.glob("spool/*.answer")}


def _drawn(scene: Scene) -> int:
    return scene.states().count(State.SUCCEEDED)


def _not_stored(scene: Scene) -> int:
    asked = {plain(job) for job in scene.ids}
    rows = scene.product.rows(f"SELECT id FROM imagegen_job WHERE error_code = '{NOT_STORED}'")
    return len(asked & {plain(job) for (job,) in rows})


def _at_full_size(blow: Callable[[Storm, Team], Report], **size: Any) -> Callable[[Options], Report]:
    """Return what blows this storm over a team of its own."""

    def blow_alone(options: Options) -> Report:
        storm = Storm(seed=options.seed, **size)
        with team() as all_of_it:
            return blow(replace(storm, jobs=options.jobs or storm.jobs, strikes=options.kills or storm.strikes), all_of_it)

    return blow_alone


STORMS: Storms = {
    "postgresql-restarts": _at_full_size(restarts, jobs=500, strikes=5, every=4.0),
    "bucket-away": _at_full_size(bucket_away, jobs=500),
    "machine-gone": _at_full_size(machine_gone, jobs=500, processes=2),
}
