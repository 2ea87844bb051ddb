"""Whose turn it is: what could run now, each lane in its turn."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from imagegen import lanes, lifecycle
from imagegen.lanes import Lane
from imagegen.models import Job, ProviderPause
from imagegen.states import State
from tests.rows import claimed, make_batch, make_job


def due(limit: int, *, provider: str = "demo") -> list[UUID]:
    return [hint.job for hint in lanes.due(provider, limit, told_before=timedelta(seconds=10))]


@pytest.mark.django_db
class TestDue:
    def test_the_oldest_come_first_and_the_limit_holds(self) -> None:
        jobs = [make_job() for _ in range(3)]
        assert due(2) == [job.pk for job in jobs[:2]]

    def test_a_job_that_workers_were_just_told_about_is_left_out(self) -> None:
        job = make_job()
        lanes.hinted([job.pk])
        assert due(9) == []
        Job.objects.update(hinted_at=timezone.now() - timedelta(seconds=11))
        assert due(9) == [job.pk]

    def test_jobs_that_cannot_run_are_left_out(self) -> None:
        now = timezone.now()
        ProviderPause.objects.create(provider="rests", reason="no_credit", since=now, until=now + timedelta(minutes=1))
        make_job(provider="rests")
        make_job(not_before=now + timedelta(minutes=1))
        make_job(state=State.FAILED)
        assert due(9) == due(9, provider="rests") == []

    def test_each_lane_has_its_turn(self) -> None:
        ada, grace = (make_batch(owner=User.objects.create(username=name)) for name in ("ada", "grace"))
        many = [make_job(batch=ada) for _ in range(5)]
        few = [make_job(batch=grace) for _ in range(2)]
        assert due(6) == [job.pk for job in (many[0], few[0], many[1], few[1], many[2], many[3])]

    def test_the_batches_of_one_owner_are_one_lane(self) -> None:
        ada, grace = (User.objects.create(username=name) for name in ("ada", "grace"))
        first, second = (make_job(batch=make_batch(owner=ada)) for _ in range(2))
        other = make_job(batch=make_batch(owner=grace))
        assert due(9) == [first.pk, other.pk, second.pk]

    def test_who_comes_anew_has_the_turn_that_is_on_now(self) -> None:
        """Not the turns that an old lane had long ago: that one would wait until they were caught up with."""
        old = make_batch()
        jobs = [make_job(batch=old) for _ in range(5)]
        for job in jobs[:3]:
            claimed(job)
        new = make_batch()
        others = [make_job(batch=new) for _ in range(2)]
        assert due(9) == [jobs[3].pk, others[0].pk, jobs[4].pk, others[1].pk]

    def test_jobs_that_wait_again_come_behind_those_of_their_lane(self) -> None:
        batch = make_batch()
        failed = [make_job(batch=batch, state=State.FAILED) for _ in range(2)]
        waiting = [make_job(batch=batch) for _ in range(2)]
        other = make_job()
        lifecycle.ask_again(Job.objects.filter(batch=batch), State.FAILED)
        Job.objects.update(hinted_at=None)
        assert due(9) == [waiting[0].pk, other.pk, waiting[1].pk, *(job.pk for job in failed)]

    def test_a_provider_has_turns_of_its_own(self) -> None:
        batch = make_batch()
        jobs = [make_job(batch=batch, provider=provider) for provider in ("demo", "other", "demo")]
        assert due(9) == [jobs[0].pk, jobs[2].pk]
        assert [job.turn for job in jobs] == [0, 0, 1]

    def test_batches_that_are_nobodys_are_lanes_of_their_own(self) -> None:
        first, second = make_batch(), make_batch()
        jobs = [make_job(batch=batch) for batch in (first, first, second)]
        assert due(9) == [jobs[0].pk, jobs[2].pk, jobs[1].pk]


@pytest.mark.django_db
class TestHints:
    def test_a_hint_says_how_many_turns_come_before(self) -> None:
        batch = make_batch()
        lane = Lane.of(None, batch.pk)
        waiting = [make_job(batch=batch) for _ in range(3)]
        claimed(waiting[0])
        new = [Job(batch=batch, provider="demo") for _ in range(2)]
        assert [hint.place for hint in lanes.queue(new, lane)] == [2, 3]

    def test_providers_that_jobs_wait_for_are_named_once(self) -> None:
        for provider in ("b", "a", "b", "c"):
            make_job(provider=provider)
        make_job(provider="d", state=State.FAILED)
        assert list(lanes.waiting_providers()) == ["a", "b", "c"]
