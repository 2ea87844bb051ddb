"""/healthz says that it is alive; /readyz says whether pictures can be made, and what is missing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from imagegen import redis
from imagegen.models import Worker

pytestmark = pytest.mark.django_db


def worker(*, silent_seconds: float = 0) -> None:
    Worker.objects.create(machine=uuid4(), threads=4, heartbeat=timezone.now() - timedelta(seconds=silent_seconds))


@pytest.fixture
def _no_broker(settings: Any) -> Iterator[None]:
    settings.REDIS_URL = f"unix://{settings.DATA_DIR}/nobody-listens-here.sock?db=0"
    redis.client.cache_clear()
    yield
    redis.client.cache_clear()


@pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
def test_it_is_alive(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_it_is_ready_when_a_worker_lives(client: Client, path: str) -> None:
    worker()
    answer = client.get(path)
    assert (answer.status_code, answer.json()["status"], answer.json()["worker"]) == (200, "ready", "ok")


def test_it_is_not_ready_without_a_worker_and_says_so(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert answer.json()["worker"] == "No worker is listening."
    assert answer.json()["database"] == answer.json()["broker"] == "ok"


def test_a_worker_that_was_silent_for_a_whole_lease_counts_as_gone(client: Client, settings: Any) -> None:
    worker(silent_seconds=settings.LEASE_SECONDS + 1)
    assert client.get("/readyz").status_code == 503


def test_one_living_worker_among_dead_ones_is_enough(client: Client) -> None:
    worker(silent_seconds=3600)
    worker()
    assert client.get("/readyz").status_code == 200


@pytest.mark.usefixtures("_no_broker")
def test_it_is_not_ready_without_a_broker_and_says_so(client: Client) -> None:
    worker()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["worker"]) == (503, "ok")
    assert "The broker does not answer" in answer.json()["broker"]


@pytest.mark.usefixtures("_no_broker")
def test_it_is_alive_without_a_broker(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_may_be_asked_for_by_head_and_changed_by_nobody(client: Client, path: str) -> None:
    worker()
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nobody_keeps_an_old_answer(client: Client, path: str) -> None:
    assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_answered_where_people_without_a_name_are_kept_out(client: Client, settings: Any, path: str) -> None:
    settings.ANONYMOUS_ACCESS = "closed"
    worker()
    assert client.get(path).status_code == 200
