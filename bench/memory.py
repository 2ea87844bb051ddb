"""What one worker process needs with 100 calls in flight and after them, beside a plain Celery task's worker."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from celery import Celery

from bench.figures import Figure
from bench.ground import UNFINISHED, ground
from bench.processes import megabytes, parts, running
from bench.provider import Provider
from tests.product import Product

AT_ONCE = 100
CALLS = 300
CALL_SECONDS = 2.0
MOST = 1.3
LOOK_SECONDS = 0.1


def measure(repeat: int) -> list[Figure]:
    provider = Provider(delay=CALL_SECONDS)
    with ground(provider, processes=1, at_once=AT_ONCE) as product, _plain(product, provider) as plain:
        [worker] = parts(product, "celery")
        ours, theirs = [], []
        for _ in range(repeat):
            ours.append(_most(worker, lambda: _ask(product), lambda: product.rows(UNFINISHED) == [(0,)]))
            theirs.append(_most(plain.process, plain.ask, plain.is_over))
    mine, other = median(ours), median(theirs)
    name = f"most memory of one worker process over {CALLS} calls, {AT_ONCE} at once, over a plain Celery task's"
    return [Figure(name, mine / other, MOST, beside=f"{mine:.0f} MB; plain {other:.0f} MB")]


def _most(process: psutil.Process, ask: Callable[[], None], is_over: Callable[[], bool]) -> float:
    """Return the most megabytes that a process has while it does what is asked."""
    ask()
    time.sleep(CALL_SECONDS / 2)
    most = megabytes(process)
    while not is_over():
        time.sleep(LOOK_SECONDS)
        most = max(most, megabytes(process))
    return most


def _ask(product: Product) -> None:
    product.generate(*(f"kite {number}" for number in range(CALLS)))


class _Plain:
    """A worker of the plain task, and whoever sends it work."""

    def __init__(self, process: psutil.Process, broker: str, folder: Path) -> None:
        self.process = process
        self._app = Celery("asker", broker=broker)
        self._folder = folder
        self._asked = 0

    def ask(self) -> None:
        for number in range(CALLS):
            self._app.send_task("plain.draw", (f"kite {number}",), queue="plain")
        self._asked += CALLS

    def is_over(self) -> bool:
        return len(os.listdir(self._folder)) >= self._asked


@contextmanager
def _plain(product: Product, provider: Provider) -> Iterator[_Plain]:
    broker = f"redis+socket://{product.folder / 'var' / 'broker' / 'valkey.sock'}"
    with tempfile.TemporaryDirectory() as folder:
        own = {"BENCH_BROKER": broker, "BENCH_PROVIDER": provider.url, "BENCH_FOLDER": folder}
        environment = {**product.environment, **own, "DJANGO_SETTINGS_MODULE": "chaotix.settings"}
        words = [
            "-A",
            "bench.plain_celery",
            "--quiet",
            "worker",
            "--pool",
            "threads",
            "-c",
            str(AT_ONCE),
            "--loglevel",
            "ERROR",
        ]
        with running("celery", *words, environment=environment) as pid:
            yield _Plain(psutil.Process(pid), broker, Path(folder))
