"""Storms of the disk: no room for answers, for the database, or for pictures, and later there is room again."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from imagegen.lifecycle import NOT_STORED
from imagegen.states import State
from tests.chaos.disk import MEGABYTE, Disk
from tests.chaos.reckoning import Reckoning, answers_in_spool, plain, reckon
from tests.chaos.report import Options, Report, Storms
from tests.product import Product
from tests.standins.stability import StabilityStandIn
from tests.waiting import wait_until

KEY = "sk-storm"
PROCESSES = 2
LEASE_SECONDS = 3
# Too little for one answer, which may have 25 MB, and enough for the database.
TOO_LITTLE = 15 * MEGABYTE
# A storm in which nothing has changed for so long is over, and what has not ended by then is lost.
STANDSTILL_SECONDS = 60.0
ASK_SECONDS = 0.5


@dataclass(frozen=True)
class Storm:
    """How hard it blows, in jobs, and in seconds that a disk is full."""

    jobs: int = 20
    concurrency: int = 4
    call_seconds: float = 1.0
    picture_bytes: int = 200_000
    full_seconds: float = 3.0
    seed: int = 0


@dataclass
class Ground:
    """A product whose data and whose pictures lie on small disks, and the stand-in that it buys from."""

    product: Product
    standin: StabilityStandIn
    data: Disk
    media: Disk


@dataclass
class Scene:
    """A storm while it lasts."""

    storm: Storm
    ground: Ground
    ids: list[str] = field(default_factory=list)
    refused: int = 0

    def ask(self, pictures: int) -> None:
        first = len(self.ids)
        self.ids += self.ground.product.generate(*(f"picture number {first + number}" for number in range(pictures)))

    def keep_asking(self) -> None:
        """Ask for one more picture again and again for as long as the disk is full."""
        end = time.monotonic() + self.storm.full_seconds
        while time.monotonic() < end:
            url = f"{self.ground.product.url}/generate-images"
            answer = requests.post(url, json={"text": ["asked without room"]}, timeout=60)
            self.ids += answer.json()["task_ids"] if answer.status_code == 202 else []
            self.refused += answer.status_code != 202
            time.sleep(ASK_SECONDS)

    def codes(self) -> list[tuple[str, str]]:
        """Return state and error code of each job that was asked for."""
        asked = {plain(job) for job in self.ids}
        rows = self.ground.product.rows("SELECT id, state, error_code FROM imagegen_job")
        return [(state, code) for job, state, code in rows if plain(job) in asked]

    def not_stored(self) -> int:
        return sum(code == NOT_STORED for _, code in self.codes())

    def wait_for_ends(self) -> float:
        """Wait until all has ended and no answer waits, or nothing more changes; return how long until calls were made."""
        begun = seen_at = time.monotonic()
        seen = self._seen()
        while not self._is_over() and time.monotonic() < seen_at + STANDSTILL_SECONDS:
            time.sleep(0.1)
            if (now := self._seen()) != seen:
                seen, seen_at = now, time.monotonic()
        later = [call.at - begun for call in self.ground.standin.calls if call.at > begun]
        return min(later, default=0.0)

    def reckon(self) -> Reckoning:
        return reckon(self.ground.product, self.ground.standin, self.ids)

    def _seen(self) -> tuple[int, int]:
        """Return what grows while work is done."""
        return len(self.ground.standin.calls), sum(state == State.SUCCEEDED for state, _ in self.codes())

    def _is_over(self) -> bool:
        working = {State.QUEUED, State.RUNNING} & {State(state) for state, _ in self.codes()}
        return not working and not answers_in_spool(self.ground.product)


def no_room_for_answers(storm: Storm, ground: Ground) -> Report:
    """Fill the disk of DATA_DIR before calls begin: everything waits, and nothing is bought that could not be kept."""
    scene = _begin(storm, ground)
    before = len(ground.standin.calls)
    with ground.data.full(leaving=TOO_LITTLE):
        scene.ask(storm.jobs)
        scene.keep_asking()
        calls, queued = len(ground.standin.calls) - before, [state for state, _ in scene.codes()].count(State.QUEUED)
    figures = {"calls_without_room": calls, "jobs_that_waited": queued, "seconds_until_work_went_on": scene.wait_for_ends()}
    broken = {
        "a call was made whose answer had no room": calls > 0,
        "a job did not wait in the queue": queued < len(scene.ids),
    }
    return _report(scene, figures, {**broken, **_all_drawn(scene)})


def full_amid_calls(storm: Storm, ground: Ground) -> Report:
    """Fill the disk of DATA_DIR to the last byte while calls are in flight: neither answers nor rows can be written."""
    scene = _begin(storm, ground)
    # Longer than it takes to fill the disk, however slow the machine is, and shorter than it stays full.
    ground.standin.delay = storm.full_seconds / 2
    scene.ask(storm.jobs)
    threads = PROCESSES * storm.concurrency
    wait_until(lambda: ground.standin.in_flight >= threads // 2, seconds=60, what="calls in flight")
    with ground.data.full():
        caught = ground.standin.in_flight
        ground.standin.delay = storm.call_seconds
        scene.keep_asking()
    figures = {"calls_caught_in_flight": caught, "seconds_until_work_went_on": scene.wait_for_ends()}
    unknown = [state for state, _ in scene.codes()].count(State.UNKNOWN)
    broken = {
        "no call was in flight, so nothing was tried": caught == 0,
        "more calls are unknown than could be in flight": unknown > threads,
        "a job ended neither drawn nor unknown": bool(
            {state for state, _ in scene.codes()} - {State.SUCCEEDED, State.UNKNOWN}
        ),
    }
    return _report(scene, figures, broken)


def no_room_for_pictures(storm: Storm, ground: Ground) -> Report:
    """Fill the disk of MEDIA_ROOT alone: what was bought waits in the spool, and is stored from there."""
    scene = _begin(storm, ground)
    with ground.media.full():
        scene.ask(storm.jobs)
        wait_until(lambda: scene.not_stored() > 0, seconds=60, what="a picture without a place")
        scene.keep_asking()
        waiting = scene.not_stored()
    figures = {"pictures_without_a_place": waiting, "seconds_until_work_went_on": scene.wait_for_ends()}
    return _report(scene, figures, _all_drawn(scene))


@contextmanager
def small_disks(storm: Storm) -> Iterator[Ground]:
    """A product on disks that are large enough for this storm. Raises OSError where none can be mounted."""
    # An answer for each thread of each process and one more, of 25 MB, and half as much again.
    megabytes = 25 * (storm.concurrency + 1) * PROCESSES * 3 // 2
    names = {
        "STABILITY_API_KEY": KEY,
        "WORKER_PROCESSES": PROCESSES,
        "WORKER_CONCURRENCY": storm.concurrency,
        "LEASE_SECONDS": LEASE_SECONDS,
        "SWEEP_SECONDS": 0.5,
    }
    standin = StabilityStandIn(key=KEY, delay=storm.call_seconds, picture_bytes=storm.picture_bytes)
    with Disk(megabytes) as data, Disk(megabytes) as media, standin:
        product = Product(**names, STABILITY_API_HOST=standin.url)
        (product.folder / "var").symlink_to(data.folder)
        (product.folder / "media").symlink_to(media.folder)
        with product:
            yield Ground(product, standin, data, media)


def _begin(storm: Storm, ground: Ground) -> Scene:
    """Let a storm begin once the product has recovered from the one before."""
    wait_until(lambda: _is_ready(ground.product), seconds=60, what="a product that is ready")
    return Scene(storm, ground)


def _is_ready(product: Product) -> bool:
    return requests.get(f"{product.url}/readyz", timeout=60).status_code == 200


def _all_drawn(scene: Scene) -> dict[str, bool]:
    return {"a job has no picture": {state for state, _ in scene.codes()} != {State.SUCCEEDED}}


def _report(scene: Scene, figures: Mapping[str, float], broken: Mapping[str, bool]) -> Report:
    reckoning = scene.reckon()
    broken = {**broken, "a job did not have exactly one attempt": reckoning.attempts != len(scene.ids)}
    figures = {**figures, "posts_refused_meanwhile": scene.refused}
    return Report(scene.storm.seed, reckoning, figures, [sentence for sentence, is_so in broken.items() if is_so])


def _at_full_size(blow: Callable[[Storm, Ground], Report], **size: Any) -> Callable[[Options], Report]:
    """Return what blows this storm over a product of its own."""
    storm = Storm(**{"jobs": 300, "concurrency": 8, "full_seconds": 30.0, "picture_bytes": 1_500_000, **size})

    def blow_alone(options: Options) -> Report:
        sized = replace(storm, jobs=options.jobs or storm.jobs, seed=options.seed)
        with small_disks(sized) as ground:
            return blow(sized, ground)

    return blow_alone


STORMS: Storms = {
    "disk-no-room": _at_full_size(no_room_for_answers),
    "disk-amid-calls": _at_full_size(full_amid_calls),
    "disk-pictures": _at_full_size(no_room_for_pictures),
}
