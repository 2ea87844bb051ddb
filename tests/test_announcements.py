"""Who is told first: of many hints that wait to be told, those with few of their lane before them."""

import threading
from collections.abc import Sequence
from uuid import UUID

import pytest
from django.db import transaction

from imagegen import announcements, tasks
from imagegen.lanes import Hint
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)


def test_three_jobs_are_told_before_the_rest_of_many_that_were_asked_for_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[UUID] = []
    go_on, publish = threading.Event(), tasks.publish

    def slowly(hints: Sequence[Hint]) -> None:
        go_on.wait(10)
        publish(hints)
        told.extend(hint.job for hint in hints)

    monkeypatch.setattr(tasks, "publish", slowly)
    batch = make_batch()
    many = [make_job(batch=batch).pk for _ in range(3 * announcements.SLICE)]
    few = [make_job().pk for _ in range(3)]
    with transaction.atomic():
        announcements.after_commit([Hint(job, place) for place, job in enumerate(many)])
        announcements.after_commit([Hint(job, place) for place, job in enumerate(few)])
    go_on.set()
    announcements.wait_until_idle()
    assert {*told} == {*many, *few}
    assert told.index(few[0]) == announcements.SLICE
    assert [job for job in told if job in {*many}] == many
