"""A paused batch: nothing of it is called for until its owner lets it go on, and what is in flight is kept."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client

from imagegen import decisions, errors, generation, lanes, lifecycle, queries, recovery
from imagegen.ledger import Receipt
from imagegen.models import Attempt, Batch, Job
from imagegen.states import Decision, State, Visibility
from tests.rows import claim, claimed, make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = AnonymousUser()


@pytest.fixture
def batch() -> Batch:
    return make_batch()


def pause(batch: Batch, viewer: Any = NOBODY) -> int | None:
    return decisions.on_batch(Decision.PAUSE, batch.pk, viewer=viewer)


def go_on(batch: Batch) -> int | None:
    return decisions.on_batch(Decision.RESUME, batch.pk, viewer=NOBODY)


def test_no_call_begins_for_a_paused_job(batch: Batch) -> None:
    job, other = make_job(batch=batch), make_job()
    assert pause(batch) == 1
    generation.run(job.pk)
    assert claim(job) is None
    assert (Job.objects.get(pk=job.pk).state, Attempt.objects.count()) == (State.QUEUED, 0)
    assert claim(other) is not None


def test_workers_are_not_told_of_it_until_it_goes_on(batch: Batch) -> None:
    job = make_job(batch=batch)
    pause(batch)
    assert (lanes.provider_of_due(job.pk), recovery.forgotten({"": 0})) == (None, [])
    assert go_on(batch) == 1
    assert lanes.provider_of_due(job.pk) == "demo"


def test_it_is_drawn_when_it_goes_on(batch: Batch) -> None:
    job = make_job(batch=batch, size="64x64")
    pause(batch), go_on(batch)
    generation.run(job.pk)
    assert Job.objects.get(pk=job.pk).state == State.SUCCEEDED


def test_a_call_in_flight_goes_on_and_another_try_of_it_waits(batch: Batch) -> None:
    job = make_job(batch=batch)
    held = claimed(job)
    assert pause(batch) == 1
    assert lifecycle.settle(held, errors.RateLimited("Busy.", retry_after=0), Receipt())
    assert (Job.objects.get(pk=job.pk).state, claim(job)) == (State.QUEUED, None)
    go_on(batch)
    assert claim(job) is not None


def test_pausing_twice_changes_nothing_more(batch: Batch) -> None:
    make_job(batch=batch), make_job(batch=batch, state=State.FAILED)
    assert [pause(batch), pause(batch), go_on(batch), go_on(batch)] == [1, 0, 1, 0]


def test_a_paused_job_is_canceled_as_any_other(batch: Batch) -> None:
    make_job(batch=batch)
    pause(batch)
    assert decisions.on_batch(Decision.CANCEL, batch.pk, viewer=NOBODY) == 1
    assert go_on(batch) == 0


def test_what_is_asked_for_again_is_not_paused_any_more(batch: Batch) -> None:
    job = make_job(batch=batch)
    pause(batch)
    Job.objects.update(state=State.FAILED)
    decisions.on_batch(Decision.RETRY, batch.pk, viewer=NOBODY)
    assert claim(job) is not None


def test_only_its_owner_pauses_it() -> None:
    ada = User.objects.create_user("ada")
    batch = make_batch(owner=ada, visibility=Visibility.PUBLIC)
    make_job(batch=batch)
    assert (pause(batch, NOBODY), pause(batch, ada)) == (None, 1)


def test_paused_jobs_of_others_stand_in_nobody_s_way(batch: Batch) -> None:
    for _ in range(3):
        make_job(batch=batch)
    mine = make_job()
    pause(batch)
    assert queries.waits([mine.pk])[mine.pk] == "No worker is listening."


class TestPage:
    def test_it_says_how_many_are_paused_and_why_each_waits(self, client: Client, batch: Batch) -> None:
        make_job(batch=batch)
        client.post(f"/batches/{batch.pk}/pause")
        page = client.get(f"/batches/{batch.pk}").content.decode()
        assert ", 1 paused" in page
        assert "Paused until it is told to go on." in page
        assert ("Go on</button>" in page, "Pause all</button>" in page) == (True, False)

    @pytest.mark.parametrize(
        ("wish", "said", "offered"),
        [
            ("pause", "0 of 2 done</strong>, 1 paused, 1 still being drawn", {"Go on", "Cancel all"}),
            ("cancel", "1 of 2 done</strong>, 0 with a picture, 1 canceled, 1 being canceled", set()),
        ],
    )
    def test_what_is_being_drawn_is_said_to_go_on(
        self, client: Client, batch: Batch, wish: str, said: str, offered: set[str]
    ) -> None:
        make_job(batch=batch), claimed(make_job(batch=batch))
        client.post(f"/batches/{batch.pk}/{wish}")
        page = client.get(f"/batches/{batch.pk}").content.decode()
        assert said in page
        assert {name for name in ("Go on", "Pause all", "Cancel all") if f"{name}</button>" in page} == offered

    def test_the_api_does_the_same(self, client: Client, batch: Batch) -> None:
        make_job(batch=batch)
        assert client.post(f"/api/batches/{batch.pk}/pause").json()["changed"] == 1
        assert client.post(f"/api/batches/{batch.pk}/resume").json()["changed"] == 1

    def test_its_owner_is_told_what_it_has_cost_so_far(self, client: Client, batch: Batch) -> None:
        make_job(batch=batch)
        assert "Cost so far: nothing" in client.get(f"/batches/{batch.pk}").content.decode()

    def test_a_call_in_flight_has_cost_nothing_yet(self, client: Client, batch: Batch) -> None:
        claimed(make_job(batch=batch))
        assert "Cost so far: nothing" in client.get(f"/batches/{batch.pk}").content.decode()

    def test_a_call_whose_outcome_nobody_knows_was_perhaps_paid(self, client: Client, batch: Batch) -> None:
        lifecycle.settle(claimed(make_job(batch=batch)), errors.OutcomeUnknown("Gone."), Receipt())
        assert "Cost so far: 1 perhaps paid" in client.get(f"/batches/{batch.pk}").content.decode()

    def test_others_are_not_told_what_it_cost(self, client: Client, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        batch = make_batch(owner=User.objects.create_user("ada"), visibility=Visibility.PUBLIC)
        make_job(batch=batch)
        assert "Cost so far" not in client.get(f"/batches/{batch.pk}").content.decode()
