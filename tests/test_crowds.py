"""Crowds: fifty submissions with one idempotency key, workers that want the same jobs; each thing is made once."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from uuid import UUID, uuid4

import pytest
import requests
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from imagegen import claims, lanes, lifecycle, submission
from imagegen.claims import Claim
from imagegen.errors import Conflict
from imagegen.items import Item
from imagegen.models import Attempt, Batch, Job
from imagegen.states import State
from imagegen.submission import Submission
from tests.product import Product
from tests.rows import MACHINE, WORKER, claimed, make_batch, make_job

CROWD = 50
# As many as the pool of a process has.
MOST_CONNECTIONS = 10
Result = TypeVar("Result")


def at_once(*actions: Callable[[], Result]) -> list[Result]:
    """Begin all of these at the same moment, each in a thread of its own; return their results in order."""
    start = threading.Barrier(len(actions))

    def begin(action: Callable[[], Result]) -> Result:
        start.wait(timeout=60)
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(begin, actions))


def submit(text: str) -> Submission | Conflict:
    try:
        return submission.submit([Item(text, n=2)], viewer=AnonymousUser(), source="test", key="one key")
    except Conflict as conflict:
        return conflict


def made_and_refused(results: list[Submission | Conflict]) -> tuple[list[Submission], list[Conflict]]:
    made = [each for each in results if isinstance(each, Submission)]
    return made, [each for each in results if isinstance(each, Conflict)]


@pytest.mark.django_db(transaction=True)
class TestOneKey:
    def test_fifty_equal_submissions_are_one_batch_and_49_replays(self) -> None:
        made, refused = made_and_refused(at_once(*[partial(submit, "a dog")] * CROWD))
        assert not refused
        assert sorted(each.replayed for each in made) == [False] + [True] * (CROWD - 1)
        assert {(each.batch, *each.jobs) for each in made} == {(Batch.objects.get().pk, *made[0].jobs)}
        assert Job.objects.count() == 2

    def test_of_two_bodies_the_first_has_the_key_and_all_of_the_other_are_conflicts(self) -> None:
        dogs, cats = [partial(submit, "a dog")] * 25, [partial(submit, "a cat")] * 25
        made, refused = made_and_refused(at_once(*dogs, *cats))
        assert (len(made), len(refused)) == (25, 25)
        assert [each.replayed for each in made].count(False) == 1
        assert Job.objects.count() == 2
        assert Batch.objects.count() == 1


def claim_all(jobs: list[UUID]) -> list[Claim]:
    held = [claims.claim(job, worker=WORKER, machine=MACHINE) for job in jobs]
    return [each for each in held if each]


@pytest.mark.django_db(transaction=True)
class TestOneQueue:
    def test_whoever_holds_a_connection_and_waits_for_others_leaves_it_to_them(self) -> None:
        """As many threads as there are connections have one; another one, which has none, is to claim for all of them."""
        jobs = [make_job().pk for _ in range(MOST_CONNECTIONS + 1)]
        have_one, leads = threading.Barrier(MOST_CONNECTIONS + 1), threading.Event()

        def hold_and_claim(job: UUID) -> list[Claim]:
            Job.objects.count()
            have_one.wait(60)
            assert leads.wait(60)
            return claim_all([job])

        def lead(job: UUID) -> list[Claim]:
            have_one.wait(60)
            threading.Timer(0.5, leads.set).start()
            return claim_all([job])

        connection.close()
        held = at_once(partial(lead, jobs[0]), *[partial(hold_and_claim, job) for job in jobs[1:]])
        assert sorted(claim.job for claims in held for claim in claims) == sorted(jobs)

    def test_claims_hints_renewals_and_cancellations_at_once_end_without_a_deadlock(self) -> None:
        batch = make_batch()
        jobs = [make_job(batch=batch).pk for _ in range(60)]
        held = [claimed(Job.objects.get(pk=job)) for job in jobs[:20]]
        renew = partial(claims.renew, held[::-1], worker=WORKER)
        cancel = partial(lifecycle.cancel, Job.objects.filter(batch=batch))
        at_once(*[partial(claim_all, jobs[20:])] * 8, *[partial(lanes.hinted, jobs[::-1])] * 4, *[renew] * 4, cancel)
        states = Counter(Job.objects.values_list("state", flat=True))
        assert states[State.RUNNING] + states[State.CANCELED] == 60
        assert Attempt.objects.count() == states[State.RUNNING] >= 20


class Crowd:
    """Fifty equal POSTs with one key, sent at the same moment to the running product."""

    texts = ("a kite", "a drum", "a fox")

    def __init__(self, product: Product) -> None:
        self.product = product
        self.key = str(uuid4())
        self.answers = at_once(*[partial(self.post, *self.texts)] * CROWD)
        self.ids: list[str] = self.answers[0].json()["task_ids"]

    def post(self, *texts: str) -> requests.Response:
        body, headers = {"text": texts, "size": "64x64"}, {"Idempotency-Key": self.key}
        return requests.post(f"{self.product.url}/generate-images", json=body, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with Product(WORKER_PROCESSES=2, DATABASE_URL=os.environ["DATABASE_URL"]) as product:
        yield Crowd(product)


class TestOneKeyOverHTTP:
    def test_everybody_is_answered_with_the_same_ids(self, crowd: Crowd) -> None:
        assert {answer.status_code for answer in crowd.answers} == {202}
        assert {answer.text for answer in crowd.answers} == {crowd.answers[0].text}

    def test_there_is_one_batch(self, crowd: Crowd) -> None:
        query = f"SELECT COUNT(*) FROM imagegen_batch WHERE key = 'key:{crowd.key}'"
        assert crowd.product.rows(query) == [(1,)]

    def test_each_picture_is_made_once(self, crowd: Crowd) -> None:
        assert {image["state"] for image in crowd.product.finished(crowd.ids)} == {"succeeded"}
        rows = crowd.product.rows("SELECT job_id FROM imagegen_attempt")
        made = Counter(str(UUID(str(job))) for (job,) in rows)
        assert [made[task] for task in crowd.ids] == [1, 1, 1]

    def test_another_body_is_a_conflict_for_everybody(self, crowd: Crowd) -> None:
        answers = at_once(*[partial(crowd.post, "a cat")] * CROWD)
        assert {answer.status_code for answer in answers} == {409}
