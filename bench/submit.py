"""How long a POST of prompts takes, beside a bare DRF view that inserts the same rows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import requests

from bench.figures import Figure
from bench.processes import running
from tests.product import Product
from tests.waiting import unused_port, wait_until

# Prompts in a POST, and how many POSTs are sent to each side in turn.
SIZES = ((3, 60), (100, 30), (1000, 12))
MOST = 1.5
WARM_UP = 5


def measure(repeat: int) -> list[Figure]:
    # Paused, so that no worker takes time from either side.
    with Product(STOP_SECONDS=1, WORKER_PROCESSES=1, SWEEP_SECONDS=60) as product, _bare_site(product) as bare:
        product.manage("pause")
        return [_posts(product.url, bare, size, posts * repeat // 5 or 1) for size, posts in SIZES]


def _posts(ours: str, bare: str, size: int, posts: int) -> Figure:
    body = {"text": [f"a kite of number {number}" for number in range(size)]}
    sides: dict[str, list[float]] = {ours: [], bare: []}
    with requests.Session() as client:
        for turn in range(WARM_UP + posts):
            for url, seconds in sides.items():
                taken = _post(client, url, body)
                if turn >= WARM_UP:
                    seconds.append(taken)
                # What is done after the answer is over before the next one is asked for.
                time.sleep(size / 5000)
    mine, theirs = median(sides[ours]), median(sides[bare])
    name = f"POST of {size} prompts over a bare DRF view that inserts the same rows, median of {posts}"
    return Figure(
        name, mine / theirs, None if size == 100 else MOST, beside=f"{mine * 1000:.1f} ms; bare {theirs * 1000:.1f} ms"
    )


def _post(client: requests.Session, url: str, body: dict[str, list[str]]) -> float:
    begun = time.perf_counter()
    answer = client.post(f"{url}/generate-images", json=body, timeout=30)
    assert answer.status_code == 202, answer.text
    return time.perf_counter() - begun


@contextmanager
def _bare_site(product: Product) -> Iterator[str]:
    port = unused_port()
    words = ["django.core.asgi:get_asgi_application", "--factory", "--log-level", "warning", "--port", str(port)]
    environment = {**product.environment, "DJANGO_SETTINGS_MODULE": "bench.bare_site"}
    with running("uvicorn", *words, environment=environment):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url), seconds=30, what="the bare site")
        yield url


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/generate-images", timeout=1).status_code == 405
    except requests.ConnectionError:
        return False
