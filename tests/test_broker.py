"""What is mended of Celery's way to Redis, each seen by itself; the storms see it whole."""

import pytest
from kombu.utils import functional

from chaotix.broker import LONGEST_WAIT_SECONDS
from chaotix.celery import app

NOBODY_LISTENS = "redis://127.0.0.1:1/0"
KNOCKS = 10


class EnoughError(Exception):
    """Ends the knocking."""


def test_a_worker_knocks_again_every_few_seconds_however_long_redis_has_been_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "sleep", lambda _: None)
    waits: list[float] = []

    def note(_: Exception, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == KNOCKS:
            raise EnoughError

    with pytest.raises(EnoughError):
        app.connection_for_read(NOBODY_LISTENS).ensure_connection(note)
    assert max(waits) == LONGEST_WAIT_SECONDS
