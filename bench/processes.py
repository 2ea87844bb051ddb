"""Processes as the operating system sees them: what runs beside the product, memory and CPU."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psutil

from tests.product import PROJECT, Product


@contextmanager
def running(module: str, *words: str, environment: Mapping[str, str]) -> Iterator[int]:
    """Run a Python module in a process of its own, and yield its id."""
    process = subprocess.Popen([sys.executable, "-m", module, *words], cwd=PROJECT, env=environment)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def parts(product: Product, name: str) -> list[psutil.Process]:
    """Return the processes of a product whose command line has this in it."""
    return [psutil.Process(pid) for words, pid in product.parts() if name in words]


def megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Return what processes used so far, in user and system time."""
    return float(sum(used.user + used.system for used in (process.cpu_times() for process in processes)))


def core_share(processes: Sequence[psutil.Process], seconds: float) -> float:
    """Return the share of one core that processes use in the next seconds, all together."""
    before, begun = cpu_seconds(processes), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(processes) - before) / (time.monotonic() - begun)
