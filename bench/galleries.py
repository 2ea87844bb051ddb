"""What lists, searches and facets read from the database where there are a hundred thousand pictures, on both databases."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from tests.postgresql import PostgresServer
from tests.product import PROJECT

COUNT = 100_000
MOST_MILLISECONDS = 100.0


def measure(repeat: int) -> list[Figure]:
    with PostgresServer() as server:
        return [*_figures("SQLite", "", repeat), *_figures("PostgreSQL", server.url, repeat)]


def _figures(database: str, url: str, repeat: int) -> Iterator[Figure]:
    for name, (milliseconds, queries) in _looked(database, url, repeat).items():
        beside = f"in {queries} queries, {COUNT} pictures"
        yield Figure(f"SQL of {name}, {database}", milliseconds, MOST_MILLISECONDS, unit=" ms", beside=beside)


def _looked(database: str, url: str, repeat: int) -> dict[str, tuple[float, int]]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "chaotix.settings",
            "DATA_DIR": folder,
            "MEDIA_ROOT": str(Path(folder, "media")),
            **({"DATABASE_URL": url} if url else {}),
        }
        words = [sys.executable, "-m", "bench.looking", str(COUNT), str(repeat), database.lower()]
        told = subprocess.run(words, cwd=PROJECT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, tuple[float, int]] = json.loads(told.splitlines()[-1])
    return found
