"""The yardstick: a thread pool with urllib3 that downloads pictures, hashes them and writes them, and does nothing else."""

import hashlib
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3

FORM = {"prompt": "a kite", "output_format": "png"}


def seconds(url: str, *, calls: int, at_once: int) -> float:
    """Return how long so many calls take, so many of them at once."""
    pool = urllib3.PoolManager(maxsize=at_once, retries=False)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(at_once) as threads:
        # The threads are there when the clock starts, as a worker's are.
        list(threads.map(time.sleep, [0.05] * at_once))
        begun = time.monotonic()
        list(threads.map(lambda number: _download(pool, url, Path(folder) / f"{number}.png"), range(calls)))
        return time.monotonic() - begun


def _download(pool: urllib3.PoolManager, url: str, path: Path) -> str:
    answer = pool.request("POST", f"{url}/v2beta/stable-image/generate/core", fields=FORM, preload_content=False)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for block in answer.stream(1 << 18):
            digest.update(block)
            file.write(block)
    answer.release_conn()
    return digest.hexdigest()
