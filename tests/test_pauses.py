"""A pause holds back purchases, one provider's or everybody's, and ends by itself or by hand."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagegen import errors, lifecycle, pauses
from imagegen.models import ProviderPause
from tests.rows import MACHINE, WORKER, make_job

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def is_claimed(provider: str = "demo") -> bool:
    return lifecycle.claim(make_job(provider=provider).pk, worker=WORKER, machine=MACHINE) is not None


def test_everything_waits_while_it_is_stopped_by_hand() -> None:
    pauses.stop_everything("a test")
    assert not is_claimed()
    assert not is_claimed(provider="another")


def test_workers_are_not_told_about_jobs_while_everything_is_stopped() -> None:
    make_job()
    pauses.stop_everything("a test")
    assert lifecycle.due(10, told_before=timedelta()) == []


def test_work_goes_on_once_it_is_resumed() -> None:
    pauses.stop_everything("a test")
    assert pauses.resume_everything()
    assert is_claimed()


def test_there_is_nothing_to_resume_where_nothing_was_stopped() -> None:
    assert not pauses.resume_everything()


def test_stopping_twice_keeps_who_was_first() -> None:
    pauses.stop_everything("ada")
    pauses.stop_everything("grace")
    assert "ada" in pauses.current()[pauses.EVERYTHING]


def test_resuming_leaves_a_providers_own_pause() -> None:
    pauses.rest("demo", errors.OutOfCredit("The account is empty."))
    pauses.stop_everything("a test")
    pauses.resume_everything()
    assert not is_claimed()
    assert is_claimed(provider="another")


def test_a_pause_that_is_over_is_no_pause() -> None:
    pauses.rest("demo", errors.OutOfCredit("The account is empty."))
    ProviderPause.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert pauses.current() == {}
    assert is_claimed()
