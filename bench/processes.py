"""Processes as the operating system sees them: memory and CPU."""

from collections.abc import Iterable

import psutil

from tests.product import Product

WORKER = "celery"


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def workers(product: Product) -> list[psutil.Process]:
    return [psutil.Process(pid) for words, pid in product.parts() if WORKER in words]


def megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return what processes used so far, in user and system time."""
    return float(sum(used.user + used.system for used in (process.cpu_times() for process in processes)))
