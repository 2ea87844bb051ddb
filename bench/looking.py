"""`python -m bench.looking COUNT REPEAT DATABASE`: make so many pictures, look at every page, and print what its SQL took.

A process of its own, which knows nothing of the tests: their settings would choose another database.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.crowd import COMMON, RARE

Query = tuple[str, Any]
# Who looks, and at what; `{edge}` is a picture in the middle.
PAGES = {
    "gallery": ("", "/gallery"),
    "gallery, from the middle on": ("", "/gallery?after={edge}"),
    "gallery, a word of every second prompt": ("", f"/gallery?q={COMMON}"),
    "gallery, a word of one prompt": ("", f"/gallery?q={RARE}"),
    "gallery, words that begin with a letter": ("", "/gallery?q=a"),
    "gallery, a common word and a provider without pictures": ("", f"/gallery?q={COMMON}&provider=none"),
    "gallery, a style": ("", "/gallery?style=anime"),
    "gallery, a provider without pictures": ("", "/gallery?provider=none"),
    "gallery, a day": ("", "/gallery?since=2026-01-01&until=2026-01-01"),
    "history": ("ada", "/history"),
    "history, a common word, a style and a size": ("ada", f"/history?q={COMMON}&style=anime&size=512x512"),
    "history, a common word and a style that no picture has": ("ada", f"/history?q={COMMON}&style=none"),
    "history, what failed": ("ada", "/history?state=failed"),
    "history, favourites": ("ada", "/history?favourite=on"),
    "history, five stars and a word": ("ada", f"/history?rating=5&q={COMMON}"),
    "history, a tag": ("ada", "/history?tag=tag+3"),
    "trash": ("ada", "/trash"),
    "GET /api/images": ("ada", "/api/images"),
    "GET /api/images, a provider without pictures": ("ada", "/api/images?provider=none"),
    "GET /api/images, a word that nobody used": ("ada", "/api/images?q=zyzzyva"),
    "GET /api/images, a word that nobody used, for staff": ("staff", "/api/images?q=zyzzyva"),
    "GET /api/batches": ("ada", "/api/batches"),
}


def _look(repeat: int) -> dict[str, tuple[float, int]]:
    """Return the milliseconds that the queries of each page took, of the best of several, and how many there were."""
    from django.test import Client

    edge = _edge()
    clients = {name: Client() for name in ("", "ada", "staff")}
    for name, client in clients.items():
        if name:
            client.force_login(_user(name))
    found = {}
    for page, (who, address) in PAGES.items():
        with _noted() as queries:
            answer = clients[who].get(address.format(edge=edge))
        assert answer.status_code == 200, (address, answer.status_code)
        found[page] = sum(_milliseconds(*query, repeat) for query in queries), len(queries)
    return found


def _user(name: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.get_or_create(username=name, defaults={"is_staff": name == "staff"})[0]


def _edge() -> object:
    from imagegen.models import Job

    return Job.objects.order_by("created")[Job.objects.count() // 2].pk


@contextmanager
def _noted() -> Iterator[list[Query]]:
    """Note every query that is sent meanwhile."""
    from django.db import connection

    queries: list[Query] = []

    def note(execute: Callable[..., object], sql: str, parameters: Any, many: bool, context: Any) -> object:
        queries.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield queries


def _milliseconds(sql: str, parameters: Any, repeat: int) -> float:
    """Return what a query takes with all of its rows, the best of several: what else the machine does is no matter."""
    from django.db import connection

    taken = []
    for _ in range(repeat):
        begun = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            if cursor.description:
                cursor.fetchall()
        taken.append(time.perf_counter() - begun)
    return min(taken) * 1000


def main() -> None:
    count, repeat, database = sys.argv[1:]
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from bench.crowd import fill

    settings.ALLOWED_HOSTS = ["testserver"]
    assert connection.vendor == database, connection.vendor
    call_command("migrate", verbosity=0)
    fill(int(count))
    if database == "postgresql":
        # As it does by itself, within a minute.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    print(json.dumps(_look(int(repeat))))


if __name__ == "__main__":
    main()
