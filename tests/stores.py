"""Where tests keep things: on what a laptop has, or, with TEST_STORES=servers, on what a team has.

The servers are a PostgreSQL, a Redis with a password and a bucket, real ones, started once for each process of a run. Every
product that a test starts is an installation of its own on them.
"""

import atexit
import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg

from tests.bucket import BucketServer
from tests.postgresql import PostgresServer
from tests.valkey import ValkeyServer

Names = dict[str, str]


class Stores:
    """The three servers, shared by installations that know nothing of each other."""

    def __init__(self) -> None:
        with ExitStack() as started:
            self._postgresql = started.enter_context(PostgresServer())
            self._redis = started.enter_context(ValkeyServer())
            self._bucket = started.enter_context(BucketServer())
            atexit.register(started.pop_all().close)
        self._numbers: Iterator[int] = itertools.count()

    def installation(self) -> Names:
        """Return the settings of a new installation: an empty database, and names that nobody else uses."""
        name = f"installation_{next(self._numbers)}"
        with psycopg.connect(self._postgresql.url, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}".encode())
        return {
            "DATABASE_URL": self._postgresql.address(name),
            "REDIS_URL": self._redis.url,
            "REDIS_PREFIX": name,
            "S3_FOLDER": name,
            **self._bucket.settings,
        }


def _asked_for() -> Stores | None:
    match os.environ.get("TEST_STORES", ""):
        case "" | "laptop":
            return None
        case "servers":
            return Stores()
        case other:
            raise ValueError(f"TEST_STORES={other} is neither laptop nor servers")


SERVERS = _asked_for()


def installation() -> Names:
    """Return the settings of an installation of its own; none where it keeps everything in its own folder."""
    return SERVERS.installation() if SERVERS else {}
