"""/metrics, as Prometheus's own parser reads it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from imagegen import errors, ledger, lifecycle, limits, pauses
from imagegen.ledger import Receipt
from imagegen.models import Attempt
from imagegen.states import Charged, State
from tests.rows import claimed, make_job

pytestmark = pytest.mark.django_db


def figures(client: Client, name: str) -> dict[str, float]:
    """Return what a metric says, by the values of its labels in the order of their names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    samples = (sample for family in text_string_to_metric_families(answer.content.decode()) for sample in family.samples)
    return {
        " ".join(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in samples
        if sample.name == name
    }


def test_jobs_are_counted_by_provider_and_state(client: Client) -> None:
    make_job(), make_job(), make_job(state=State.FAILED), make_job(provider="stability")
    assert figures(client, "chaotix_jobs") == {"demo queued": 2, "demo failed": 1, "stability queued": 1}


def test_it_says_what_jobs_wait_for(client: Client) -> None:
    make_job()
    make_job(not_before=timezone.now() + timedelta(minutes=1))
    assert figures(client, "chaotix_jobs_waiting") == {"demo retry": 1, "demo no_worker": 1}
    pauses.stop_everything("a test")
    assert figures(client, "chaotix_jobs_waiting") == {"demo retry": 1, "demo by_hand": 1}
    assert figures(client, "chaotix_provider_paused") == {"* by_hand": 1}


def test_it_says_how_long_the_oldest_has_waited(client: Client) -> None:
    make_job(created=timezone.now() - timedelta(minutes=5)), make_job()
    assert 299 < figures(client, "chaotix_oldest_waiting_seconds")["demo"] < 400


def test_calls_are_counted_by_outcome_and_charge(client: Client) -> None:
    claimed(make_job())
    lifecycle.settle(claimed(make_job()), errors.Unavailable("down"), Receipt())
    assert figures(client, "chaotix_attempts_total") == {"no unavailable demo": 1}
    assert figures(client, "chaotix_calls_in_flight") == {"": 1}


def test_calls_are_sorted_by_their_length(client: Client) -> None:
    for seconds in (1, 3, 400):
        held = claimed(make_job())
        Attempt.objects.filter(pk=held.attempt).update(ended_at=timezone.now())
        ledger.close(held.attempt, "succeeded", Charged.YES, Receipt())
        ended = Attempt.objects.get(pk=held.attempt).sent_at + timedelta(seconds=seconds)
        Attempt.objects.filter(pk=held.attempt).update(ended_at=ended)
    found = figures(client, "chaotix_call_seconds_bucket")
    assert (found["1.0 demo"], found["5.0 demo"], found["180.0 demo"], found["+Inf demo"]) == (1, 2, 2, 3)
    assert figures(client, "chaotix_call_seconds_sum")["demo"] == pytest.approx(404)


def test_a_provider_that_rests_is_named(client: Client) -> None:
    limits.pause("stability", 60, "too many")
    assert figures(client, "chaotix_provider_rest_seconds")["stability"] > 50


def test_a_token_is_wanted_where_there_is_one(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "a-token"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer a-token"}).status_code == 200


@pytest.mark.parametrize("access", ["read", "closed"])
def test_without_a_token_only_where_everything_is_open(client: Client, settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    assert client.get("/metrics").status_code == 401
