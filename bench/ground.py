"""The product and the quick provider, as every measurement has them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bench.provider import Provider
from tests.product import Product

UNFINISHED = "SELECT COUNT(*) FROM imagegen_job WHERE state IN ('queued', 'running')"
IN_VAIN = "SELECT COUNT(*) FROM imagegen_job WHERE state NOT IN ('queued', 'running', 'succeeded', 'canceled')"
LAST_END = "SELECT MAX(ended_at) FROM imagegen_job"
LOOK_SECONDS = 0.2


@contextmanager
def ground(provider: Provider, *, processes: int, at_once: int, **names: object) -> Iterator[Product]:
    """Run the product with so many calls at once, spread over so many worker processes, and the provider without a limit."""
    with provider:
        own = {
            "WORKER_PROCESSES": processes,
            "WORKER_CONCURRENCY": at_once // processes,
            "STABILITY_API_KEY": "sk-bench",
            "STABILITY_API_HOST": provider.url,
            "STABILITY_RATE_LIMIT": 0,
            "STOP_SECONDS": 1,
            "SWEEP_SECONDS": 5,
        }
        with Product(**{**own, **names}) as product:
            yield product


def draw(product: Product, calls: int, **options: object) -> float:
    """Ask for pictures and return the seconds from the POST to the moment at which the last one is there.

    The database is looked at seldom, because whoever asks takes time from those who draw.
    """
    begun = time.time()
    for first in range(0, calls, 1000):
        product.generate(*(f"kite {number}" for number in range(first, min(first + 1000, calls))), **options)
    while product.rows(UNFINISHED) != [(0,)]:
        time.sleep(LOOK_SECONDS)
    assert product.rows(IN_VAIN) == [(0,)], "pictures were drawn in vain"
    [(last,)] = product.rows(LAST_END)
    at = last if isinstance(last, datetime) else datetime.fromisoformat(last).replace(tzinfo=UTC)
    return at.timestamp() - begun
