"""Whether more costs more than its share: jobs from 1 000 to 10 000, jobs that wait, and worker processes from 1 to 4."""

import json
import subprocess
import sys
import time

import psutil
import requests

from bench.figures import Figure, median_seconds
from bench.ground import draw, ground
from bench.processes import core_share, cpu_seconds, tree
from bench.provider import Provider
from tests.product import PROJECT, Product

WARM_UP, FEW, MANY = 100, 1000, 10_000
AT_ONCE = 32
SMALL = {"provider": "demo", "size": "64x64"}
WITHIN = 1.1
KEPT = 1.2
IDLE_SECONDS = 30.0
MOST_IDLE = 0.01
THREADS = 25
SCALED_SECONDS, SCALED_JITTER, ROUNDS = 2.0, 0.4, 8
LEAST_LINEAR = 0.95


def measure(repeat: int) -> list[Figure]:
    return [*_jobs(), *_waiting(repeat), _idle(), *_processes()]


def _jobs() -> list[Figure]:
    """Draw small pictures, first few at a time and then very many, and compare what one costs in CPU."""
    with Product(STOP_SECONDS=1, WORKER_PROCESSES=1, WORKER_CONCURRENCY=AT_ONCE) as product:
        draw(product, WARM_UP, **SMALL)
        few = _cost(product, FEW)
        many = _cost(product, MANY)
    name = f"CPU of all processes per job, {MANY} jobs over {FEW}"
    return [Figure(name, many / few, WITHIN, beside=f"{many * 1000:.1f} ms and {few * 1000:.1f} ms, thumbnails included")]


def _cost(product: Product, jobs: int) -> float:
    before = cpu_seconds(tree(product.process.pid))
    draw(product, jobs, **SMALL)
    while product.rows("SELECT COUNT(*) FROM imagegen_job WHERE state = 'succeeded' AND thumbnail = ''") != [(0,)]:
        time.sleep(0.5)
    return (cpu_seconds(tree(product.process.pid)) - before) / jobs


def _waiting(repeat: int) -> list[Figure]:
    """Look, sweep and claim with a thousand jobs that wait and with ten thousand more."""
    with Product(STOP_SECONDS=1, WORKER_PROCESSES=0) as product:
        ids = product.generate(*(f"kite {number}" for number in range(1000)))
        few = _speeds(product, ids, repeat)
        for _ in range(MANY // 1000):
            product.generate(*(f"kite {number}" for number in range(1000)))
        many = _speeds(product, ids, repeat)
    return [
        Figure(
            f"{what}, {MANY} more jobs waiting over 1000", many[what] / seconds, KEPT, beside=f"{many[what] * 1000:.1f} ms"
        )
        for what, seconds in few.items()
    ]


def _speeds(product: Product, ids: list[str], repeat: int) -> dict[str, float]:
    words = [sys.executable, "-m", "bench.waiting", str(repeat * 4)]
    environment = {**product.environment, "DJANGO_SETTINGS_MODULE": "chaotix.settings"}
    told = subprocess.run(words, cwd=PROJECT, env=environment, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told)
    found["/show-images of 1000 ids"] = median_seconds(lambda: _look(product, ids), repeat)
    return found


def _look(product: Product, ids: list[str]) -> None:
    answer = requests.get(f"{product.url}/show-images", json={"task_ids": ids}, timeout=60)
    assert answer.status_code == 200


def _idle() -> Figure:
    with Product(STOP_SECONDS=1, WORKER_PROCESSES=2, SWEEP_SECONDS=5) as product:
        draw(product, 3, **SMALL)
        time.sleep(3)
        everybody = tree(product.process.pid)
        share = core_share(everybody, IDLE_SECONDS)
    return Figure(
        f"share of a core that all {len(everybody)} processes use while nothing happens", share, MOST_IDLE, unit=""
    )


def _processes() -> list[Figure]:
    """Draw with one, two and four worker processes, by a provider whose calls do not all end at the same moment."""
    rates, idle = {}, {}
    for processes in (1, 2, 4):
        at_once = processes * THREADS
        provider = Provider(delay=SCALED_SECONDS, jitter=SCALED_JITTER)
        with ground(provider, processes=processes, at_once=at_once) as product:
            draw(product, at_once)
            psutil.cpu_percent()
            rates[processes] = ROUNDS * at_once / draw(product, ROUNDS * at_once)
            idle[processes] = 100 - psutil.cpu_percent()
    return [
        Figure(
            f"pictures a second, {processes} worker processes of {THREADS} threads over {processes} times one's",
            rates[processes] / processes / rates[1], LEAST_LINEAR, more_is_better=True,
            beside=f"{rates[processes]:.1f} a second, cores {idle[processes]:.0f} % idle; one's {rates[1]:.1f}",
        )
        for processes in (2, 4)
    ]  # fmt: skip
