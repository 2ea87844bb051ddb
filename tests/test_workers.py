"""A worker process says that it lives, and holds on to what it works on."""

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from imagegen import readiness, workers
from imagegen.models import Job, Worker
from tests.rows import claimed, make_job
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_beating_process_is_listening_and_a_stopped_one_is_not() -> None:
    heart = workers.Heart(threads=5)
    heart.start()
    wait_until(lambda: readiness.live_threads() == 5, seconds=10, what="the first beat")
    heart.stop()
    assert readiness.live_threads() == 0


def test_a_process_that_stopped_beating_is_not_listening() -> None:
    old = timezone.now() - 4 * timedelta(seconds=django_settings.LEASE_SECONDS / 3)
    Worker.objects.create(machine=workers.machine(), threads=5, heartbeat=old)
    assert readiness.live_threads() == 0


def test_a_beat_renews_the_lease_of_what_is_being_executed() -> None:
    held, other = claimed(make_job()), claimed(make_job())
    Job.objects.update(lease_until=None, worker=workers.ID)
    with workers.executing(held):
        workers.Heart(threads=1)._beat()
    assert Job.objects.get(pk=held.job).lease_until is not None
    assert Job.objects.get(pk=other.job).lease_until is None


def test_the_machine_keeps_its_id() -> None:
    first = workers.machine()
    workers.machine.cache_clear()
    assert workers.machine() == first
