"""Messages are hints: real ones, in a real broker."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from imagegen import conf, limits, recovery, redis, retention, tasks, workers
from imagegen.lanes import Hint
from imagegen.models import Job, Worker
from imagegen.states import State
from tests.product import PROJECT, clean_environment
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)


def waiting() -> int:
    return int(redis.client().llen(redis.key(conf.queue_name())))


@pytest.fixture
def one_thread() -> None:
    Worker.objects.create(machine=workers.machine(), threads=1, heartbeat=timezone.now())


def test_each_published_job_is_one_message_with_the_jobs_id_as_task_id() -> None:
    jobs = [make_job().pk for _ in range(3)]
    tasks.publish([Hint(job, 0) for job in jobs])
    messages = redis.client().lrange(redis.key(conf.queue_name()), 0, -1)
    assert len(messages) == 3
    assert all(any(str(job).encode() in message for message in messages) for job in jobs)


def test_a_message_carries_the_id_and_nothing_of_the_prompt() -> None:
    tasks.publish([Hint(make_job("a secret prompt").pk, 0)])
    [message] = redis.client().lrange(redis.key(conf.queue_name()), 0, -1)
    assert b"secret" not in message


def test_the_sweep_tells_workers_about_a_job_whose_hint_was_lost(one_thread: None) -> None:
    make_job()
    tasks.Sweeper()._sweep()
    assert waiting() == 1


def test_only_one_process_sweeps_at_a_time(one_thread: None) -> None:
    tasks.Sweeper()._sweep()
    make_job()
    tasks.Sweeper()._sweep()
    assert waiting() == 0


def test_the_sweep_does_not_repeat_a_hint_that_was_just_given(one_thread: None) -> None:
    make_job()
    assert len(recovery.forgotten({"": 0})) == 1
    assert recovery.forgotten({"": 0}) == []


def test_a_retry_is_hinted_when_it_is_due(one_thread: None) -> None:
    job = make_job(not_before=timezone.now() + timedelta(minutes=1))
    assert recovery.forgotten({"": 0}) == []
    Job.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert [hint.job for hint in recovery.forgotten({"": 0})] == [job.pk]


def test_the_queue_holds_no_more_than_a_few_seconds_of_work(one_thread: None) -> None:
    batch = make_batch()
    Job.objects.bulk_create(
        Job(batch=batch, position=place, prompt="x", provider="demo", model="demo", seed=1) for place in range(30)
    )
    assert len(recovery.forgotten({"": 0})) == recovery.HINTS_PER_THREAD
    assert recovery.forgotten({"": recovery.HINTS_PER_THREAD}) == []


def test_a_limited_provider_gets_no_more_hints_than_calls(one_thread: None, settings: Any) -> None:
    entry = {"BACKEND": "imagegen.providers.demo.Demo", "RATE_LIMIT": (3, 60)}
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "limited": entry}
    for _ in range(5):
        make_job(provider="limited")
    limits.take_place("limited")
    assert len(recovery.forgotten({"": 0})) == 2
    limits.take_place("limited"), limits.take_place("limited")
    assert recovery.forgotten({"": 0}) == []


def test_hints_of_many_jobs_of_one_lane_wait_for_those_of_others() -> None:
    tasks.publish([Hint(make_job().pk, place) for place in (0, 9, 10, 99, 100, 1000)])
    names = map(redis.key, ("hints", *(f"hints\x06\x16{step}" for step in (3, 6, 9))))
    assert [redis.client().llen(name) for name in names] == [2, 2, 1, 1]
    assert tasks.queue_length() == 6


def test_without_a_worker_nothing_is_hinted() -> None:
    make_job()
    assert recovery.forgotten({"": 0}) == []


def test_a_task_runs_the_job_that_its_message_names() -> None:
    job = make_job("A kite")
    tasks.generate(str(job.pk))
    assert Job.objects.get(pk=job.pk).state == State.SUCCEEDED


def test_a_worker_with_a_pool_that_would_break_promises_refuses_to_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "celery", "-A", "chaotix", "worker", "--pool", "processes"]
    environment = clean_environment(DATA_DIR=tmp_path)
    worker = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)
    assert "chaotix: workers run with --pool threads or solo, not prefork" in worker.stderr
    assert worker.returncode == 1


def test_the_sweep_deletes_what_has_lain_in_the_trash_for_too_long(one_thread: None) -> None:
    long_ago = timezone.now() - timedelta(days=retention.DAYS + 1)
    make_job(state=State.FAILED, deleted_at=long_ago)
    kept = make_job(state=State.FAILED)
    tasks.Sweeper()._sweep()
    assert list(Job.objects.all()) == [kept]
