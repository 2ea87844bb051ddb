"""/api/jobs and /api/batches: a job with all its calls, and what its owner decides."""

import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import errors, ledger, lifecycle
from imagegen.ledger import Receipt
from imagegen.models import Attempt, Job
from imagegen.states import Charged, State, Visibility
from tests.rows import claimed, make_batch, make_job

pytestmark = pytest.mark.django_db


def read(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.json()


def post(client: Client, path: str, body: object = None) -> Any:
    return client.post(path, json.dumps(body) if body is not None else "", content_type="application/json")


def unknown_job() -> Job:
    lifecycle.settle(claimed(make_job()), errors.OutcomeUnknown("The connection broke."), Receipt(http_status=None))
    return Job.objects.get()


class TestReading:
    def test_a_job_tells_each_call_and_whether_it_was_charged(self, client: Client) -> None:
        job = unknown_job()
        found = read(client, f"/api/jobs/{job.pk}")
        assert (found["state"], found["why"], found["may"]) == ("unknown", "The connection broke.", ["buy-again", "cancel"])
        [call] = found["attempts"]
        assert (call["outcome"], call["charged"], call["amount"]) == ("outcome_unknown", "unknown", None)

    def test_a_call_in_flight_has_no_outcome(self, client: Client) -> None:
        held = claimed(make_job())
        [call] = read(client, f"/api/jobs/{held.job}")["attempts"]
        assert (call["id"], call["outcome"], call["ended_at"]) == (str(held.attempt), None, None)

    def test_a_batch_adds_up_its_jobs_and_their_cost(self, client: Client) -> None:
        batch = make_batch()
        held = claimed(make_job(batch=batch))
        ledger.close(held.attempt, "succeeded", Charged.YES, Receipt())
        Attempt.objects.update(amount=Decimal("6.5"), unit="credits")
        waiting = make_job(batch=batch)
        found = read(client, f"/api/batches/{batch.pk}/")
        assert found["states"] == {"running": 1, "queued": 1}
        assert found["cost"] == {"paid": 1, "perhaps_paid": 0, "unpriced": 0, "amounts": {"credits": 6.5}}
        assert found["jobs"] == [str(held.job), str(waiting.pk)]

    @pytest.mark.parametrize("path", ["/api/jobs/{}", "/api/batches/{}", "/api/jobs/nonsense"])
    def test_what_nobody_knows_is_a_404(self, client: Client, path: str) -> None:
        assert client.get(path.format(uuid4())).status_code == 404

    def test_what_is_not_yours_is_a_404(self, client: Client) -> None:
        job = make_job(batch=make_batch(owner=User.objects.create(username="ada")))
        for path in (f"/api/jobs/{job.pk}", f"/api/batches/{job.batch_id}"):
            assert client.get(path).status_code == 404
            assert post(client, f"{path}/cancel").status_code == 404

    def test_a_closed_installation_tells_nothing(self, client: Client, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "closed"
        assert client.get(f"/api/jobs/{make_job().pk}").status_code == 401


class TestDeciding:
    def test_a_job_is_canceled(self, client: Client) -> None:
        answer = post(client, f"/api/jobs/{make_job().pk}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "canceled")

    def test_a_failed_job_is_tried_again(self, client: Client) -> None:
        answer = post(client, f"/api/jobs/{make_job(state=State.FAILED).pk}/retry/")
        assert (answer.status_code, answer.json()["state"]) == (200, "queued")

    def test_an_unknown_job_is_bought_again_once(self, client: Client) -> None:
        job = unknown_job()
        answers = [post(client, f"/api/jobs/{job.pk}/buy-again", {"fence": job.fence}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 409]
        assert Job.objects.get().may_pay == 2

    def test_buying_again_what_had_another_call_since_is_a_conflict(self, client: Client) -> None:
        job = unknown_job()
        answer = post(client, f"/api/jobs/{job.pk}/buy-again", {"fence": job.fence - 1})
        assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")

    @pytest.mark.parametrize("fence", ["1", True, 1.5, []])
    def test_a_fence_that_is_no_number_is_named(self, client: Client, fence: object) -> None:
        answer = post(client, f"/api/jobs/{unknown_job().pk}/buy-again", {"fence": fence})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "fence")

    def test_a_decision_that_does_not_fit_is_a_conflict_that_says_why(self, client: Client) -> None:
        answer = post(client, f"/api/jobs/{make_job(state=State.SUCCEEDED).pk}/cancel")
        assert answer.status_code == 409
        assert "this job is succeeded by now" in answer.json()["detail"]

    def test_a_batch_tells_how_many_were_changed(self, client: Client) -> None:
        batch = make_batch()
        for state in (State.FAILED, State.FAILED, State.SUCCEEDED):
            make_job(batch=batch, state=state)
        assert post(client, f"/api/batches/{batch.pk}/retry").json()["changed"] == 2
        assert post(client, f"/api/batches/{batch.pk}/cancel").json()["states"] == {"canceled": 2, "succeeded": 1}

    def test_a_public_batch_is_read_and_not_decided_about(self, client: Client) -> None:
        owner = User.objects.create(username="ada")
        job = make_job(batch=make_batch(owner=owner, visibility=Visibility.PUBLIC))
        assert client.get(f"/api/jobs/{job.pk}").status_code == 200
        assert post(client, f"/api/jobs/{job.pk}/cancel").status_code == 404
