"""What owners may decide: theirs alone, about what is not past it, and workers hear of what waits again."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from imagegen import announcements, decisions, errors, redis
from imagegen.models import Job
from imagegen.states import Decision, State, Visibility
from tests.rows import make_batch, make_job

NOBODY = AnonymousUser()
pytestmark = pytest.mark.django_db


def test_a_job_is_canceled() -> None:
    job = make_job()
    assert decisions.on_job(Decision.CANCEL, job.pk, viewer=NOBODY)
    assert Job.objects.get().state == State.CANCELED


def test_an_unknown_job_is_not_there() -> None:
    assert not decisions.on_job(Decision.CANCEL, uuid4(), viewer=NOBODY)
    assert decisions.on_batch(Decision.CANCEL, uuid4(), viewer=NOBODY) is None


@pytest.mark.parametrize("visibility", Visibility)
def test_another_persons_job_is_not_there(visibility: Visibility) -> None:
    owner, other = (User.objects.create(username=name) for name in ("ada", "grace"))
    job = make_job(batch=make_batch(owner=owner, visibility=visibility))
    for viewer in (other, NOBODY):
        assert not decisions.on_job(Decision.CANCEL, job.pk, viewer=viewer)
        assert decisions.on_batch(Decision.CANCEL, job.batch_id, viewer=viewer) is None
    assert decisions.on_job(Decision.CANCEL, job.pk, viewer=owner)


def test_staff_decide_for_everybody() -> None:
    staff = User.objects.create(username="grace", is_staff=True)
    batch = make_batch(owner=User.objects.create(username="ada"))
    failed, waiting = make_job(batch=batch, state=State.FAILED), make_job(batch=batch)
    assert decisions.on_job(Decision.RETRY, failed.pk, viewer=staff)
    assert decisions.on_batch(Decision.CANCEL, batch.pk, viewer=staff) == 2
    assert not Job.objects.filter(pk__in=[failed.pk, waiting.pk]).exclude(state=State.CANCELED).exists()


@pytest.mark.parametrize("access", ["read", "closed"])
def test_nobody_decides_who_may_not_make_pictures(settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    job = make_job()
    with pytest.raises(errors.NotAllowed):
        decisions.on_job(Decision.CANCEL, job.pk, viewer=NOBODY)


@pytest.mark.parametrize(
    ("decision", "state"),
    [(Decision.CANCEL, State.SUCCEEDED), (Decision.RETRY, State.UNKNOWN), (Decision.BUY_AGAIN, State.FAILED)],
)
def test_a_decision_that_does_not_fit_says_why(decision: Decision, state: State) -> None:
    job = make_job(state=state)
    with pytest.raises(errors.Conflict, match=f"this job is {state} by now"):
        decisions.on_job(decision, job.pk, viewer=NOBODY)


def test_a_decision_about_an_earlier_call_is_a_conflict() -> None:
    job = make_job(state=State.UNKNOWN, fence=2)
    with pytest.raises(errors.Conflict):
        decisions.on_job(Decision.BUY_AGAIN, job.pk, viewer=NOBODY, fence=1)
    assert decisions.on_job(Decision.BUY_AGAIN, job.pk, viewer=NOBODY, fence=2)


def test_a_batch_is_canceled_as_far_as_it_still_can_be() -> None:
    batch = make_batch()
    jobs = [make_job(batch=batch, state=state) for state in (State.QUEUED, State.SUCCEEDED, State.UNKNOWN, State.RUNNING)]
    assert decisions.on_batch(Decision.CANCEL, batch.pk, viewer=NOBODY) == 2
    states = [Job.objects.get(pk=job.pk).state for job in jobs]
    assert states == [State.CANCELED, State.SUCCEEDED, State.UNKNOWN, State.RUNNING]


def test_only_the_failed_ones_of_a_batch_are_tried_again() -> None:
    batch = make_batch()
    jobs = [make_job(batch=batch, state=state) for state in (State.FAILED, State.UNKNOWN, State.REFUSED, State.CANCELED)]
    elsewhere = make_job(state=State.FAILED)
    assert decisions.on_batch(Decision.RETRY, batch.pk, viewer=NOBODY) == 1
    assert Job.objects.get(pk=jobs[0].pk).state == State.QUEUED
    assert Job.objects.get(pk=elsewhere.pk).state == State.FAILED


def test_of_many_jobs_those_are_tried_again_that_failed_and_of_the_others_it_is_said_why() -> None:
    jobs = [make_job(state=state) for state in (State.FAILED, State.SUCCEEDED, State.UNKNOWN)]
    thrown_away = make_job(state=State.FAILED, deleted_at=timezone.now())
    seen = {job.pk: job.fence for job in (*jobs, thrown_away)}
    decided = decisions.on_jobs(Decision.RETRY, seen, viewer=NOBODY)
    assert decided.changed == [jobs[0].pk]
    assert decided.left == {"succeeded by now": 1, "unknown by now": 1, "in the trash": 1}


def test_of_many_jobs_none_is_bought_twice() -> None:
    once, since = make_job(state=State.UNKNOWN, fence=1), make_job(state=State.UNKNOWN, fence=2)
    decided = decisions.on_jobs(Decision.BUY_AGAIN, {once.pk: 1, since.pk: 1}, viewer=NOBODY)
    assert decided.changed == [once.pk]
    assert decided.left == {"called once more since then": 1}


def test_of_many_jobs_other_peoples_are_not_there() -> None:
    job = make_job(batch=make_batch(owner=User.objects.create(username="ada")), state=State.FAILED)
    decided = decisions.on_jobs(Decision.RETRY, {job.pk: job.fence}, viewer=User.objects.create(username="grace"))
    assert decided == ([], {})


def test_more_jobs_than_go_into_one_transaction_are_all_decided_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "AT_ONCE", 2)
    jobs = [make_job(state=State.FAILED) for _ in range(5)]
    decided = decisions.on_jobs(Decision.RETRY, {job.pk: job.fence for job in jobs}, viewer=NOBODY)
    assert {*decided.changed} == {job.pk for job in jobs}


@pytest.mark.django_db(transaction=True)
def test_workers_hear_of_a_job_that_waits_again() -> None:
    job = make_job(state=State.FAILED)
    decisions.on_job(Decision.RETRY, job.pk, viewer=NOBODY)
    announcements.wait_until_idle()
    assert redis.client().llen(redis.key("hints")) == 1
