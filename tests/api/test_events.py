"""GET /api/events: one's own jobs as they change, and what was missed meanwhile."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient

from imagegen import events
from imagegen.api import events as door
from imagegen.models import Job
from imagegen.states import State
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/events"
SECONDS = 20.0
Told = list[tuple[str, dict[str, Any]]]


def earlier_job(prompt: str = "A kite", **fields: Any) -> Job:
    """Return a job that nothing has happened to of late: what just has is told once more to whoever comes."""
    return make_job(prompt, changed=datetime(2026, 1, 1, tzinfo=UTC), **fields)


def change(state: State, *, tell: bool = True, **which: Any) -> None:
    jobs = Job.objects.filter(**which)
    jobs.update(state=state, changed=datetime.now(UTC))
    if tell:
        events.send(jobs.values_list("pk", flat=True))
    # The thread that does this lives on.
    connection.close()


def read(text: str) -> Told:
    """Return version and job of each event that is whole."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if "event: job" in block
    ]
    return [(block["id"], json.loads(block["data"])) for block in blocks]


def told(
    client: AsyncClient, meanwhile: Callable[[], Awaitable[object]], until: Callable[[Told], bool], **headers: str
) -> Told:
    """Open the stream, do something, and return what was told when that was enough."""

    async def listen() -> Told:
        answer: Any = await client.get(URL, headers={name.replace("_", "-"): value for name, value in headers.items()})
        text, stream = "", aiter(answer.streaming_content)
        text += (await anext(stream)).decode()
        doing = asyncio.ensure_future(meanwhile())
        while not until(read(text)):
            text += (await anext(stream)).decode()
        await doing
        await stream.aclose()
        return read(text)

    return asyncio.run(asyncio.wait_for(listen(), SECONDS))


async def nothing() -> None:
    """Only listen."""


def test_a_change_is_told_as_it_happens() -> None:
    job = earlier_job()

    async def draw() -> None:
        await asyncio.sleep(0.5)
        await sync_to_async(change)(State.RUNNING, pk=job.pk)

    [(_, event)] = told(AsyncClient(), draw, lambda found: bool(found))
    assert (event["id"], event["state"], event["prompt"]) == (str(job.pk), "running", "A kite")


def test_a_change_whose_event_was_lost_comes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "CATCH_UP_SECONDS", 0.2)
    job = earlier_job()

    async def draw() -> None:
        await sync_to_async(change)(State.FAILED, tell=False, pk=job.pk)

    [(_, event)] = told(AsyncClient(), draw, lambda found: bool(found))
    assert event["state"] == "failed"


def test_who_comes_back_is_told_what_was_missed_and_nothing_twice() -> None:
    _, second, third = (earlier_job(prompt) for prompt in ("one", "two", "three"))
    change(State.RUNNING, tell=False, pk=second.pk)
    change(State.RUNNING, tell=False, pk=third.pk)
    found = told(AsyncClient(), nothing, lambda found: len(found) == 2, Last_Event_ID="2026-01-01T00:01:00+00:00")
    assert [event["prompt"] for _, event in found] == ["two", "three"]
    assert [version for version, _ in found] == sorted(version for version, _ in found)


def test_of_many_that_changed_at_one_moment_none_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "AT_ONCE", 2)
    prompts = {make_job(str(number), changed=datetime(2026, 1, 1, 1, tzinfo=UTC)).prompt for number in range(7)}
    found = told(AsyncClient(), nothing, lambda found: len(found) == 7, Last_Event_ID="2026-01-01T00:59:00+00:00")
    assert {event["prompt"] for _, event in found} == prompts


@pytest.mark.parametrize("nonsense", ["x", "9999-99-99", "0"])
def test_an_id_of_no_event_begins_now(nonsense: str) -> None:
    job = earlier_job()

    async def draw() -> None:
        await asyncio.sleep(0.5)
        await sync_to_async(change)(State.RUNNING, pk=job.pk)

    assert len(told(AsyncClient(), draw, lambda found: bool(found), Last_Event_ID=nonsense)) == 1


def test_nobody_hears_of_what_is_somebody_else_s() -> None:
    ann, bob = (User.objects.create_user(name) for name in ("ann", "bob"))
    for owner in (bob, None, ann):
        earlier_job(f"of {owner}", batch=make_batch(owner=owner))
    client = AsyncClient()
    client.force_login(ann)

    async def draw() -> None:
        await asyncio.sleep(0.5)
        await sync_to_async(change)(State.RUNNING)

    assert [event["prompt"] for _, event in told(client, draw, lambda found: bool(found))] == ["of ann"]


def test_where_one_has_to_sign_in_nothing_is_told_before(settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "closed"
    answer = asyncio.run(AsyncClient().get(URL))
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
