"""Django Text_to_Image's clients: prompts to /api/generate_image/, pictures back as base64, a page with a form."""

import base64
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import generation, storage
from imagegen.models import Batch, Job
from tests.rows import make_batch, make_job
from tests.test_submission import nothing_was_made

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/generate_image/"
PROMPTS = ["A red flying dog", "A husky ninja", "A footballer kid", "A wizard on Mars", "Baby Dragon"]


def ask(client: Client, body: object, **headers: str) -> Any:
    return client.post(PATH, body, content_type="application/json", headers=headers)


def drawn(client: Client, *prompts: str) -> dict[str, Any]:
    """Ask for pictures and draw them; return the answer."""
    answer: dict[str, Any] = ask(client, {"text_prompts": [*prompts], "image_size": "64x64"}).json()
    for job in answer["task_ids"]:
        generation.run(Job.objects.get(pk=job).pk)
    return answer


def listed(client: Client, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{PATH}{query}")
    assert answer.status_code == 200
    pictures: list[dict[str, Any]] = answer.json()
    return pictures


@pytest.mark.parametrize("path", [PATH, PATH.rstrip("/")])
def test_the_request_as_the_readme_has_it_says_its_id_and_its_tasks(client: Client, path: str) -> None:
    body = {"text_prompts": PROMPTS, "image_size": "1024x1024"}
    answer = client.post(path, body, content_type="application/json")
    told = answer.json()
    assert (answer.status_code, set(told)) == (202, {"message", "request_id", "task_ids"})
    assert "submitted" in told["message"]
    jobs = Job.objects.filter(batch=told["request_id"]).order_by("position")
    assert [(str(job.pk), job.prompt, job.size) for job in jobs] == [
        (task, prompt, "1024x1024") for task, prompt in zip(told["task_ids"], PROMPTS, strict=True)
    ]


def test_pictures_come_as_base64_the_newest_first(client: Client) -> None:
    drawn(client, "first")
    drawn(client, "second")
    pictures = listed(client)
    assert [picture["text_prompt"] for picture in pictures] == ["second", "first"]
    assert {"id", "text_prompt", "image_data", "created_at"} <= set(pictures[0])
    assert base64.b64decode(pictures[0]["image_data"]).startswith(b"\x89PNG")


def test_a_picture_that_is_not_there_yet_is_not_on_the_list(client: Client) -> None:
    ask(client, {"text_prompts": ["A kite"]})
    assert listed(client) == []


def test_those_of_one_request_can_be_asked_for(client: Client) -> None:
    first = drawn(client, "one", "two")
    drawn(client, "three")
    pictures = listed(client, f"?request_id={first['request_id']}")
    assert [picture["text_prompt"] for picture in pictures] == ["two", "one"]


def test_a_list_is_as_long_as_asked(client: Client) -> None:
    drawn(client, "one", "two", "three")
    assert len(listed(client, "?limit=2")) == 2


@pytest.mark.parametrize("query", ["?limit=0", "?limit=51", "?limit=x", "?limit=1e3", "?request_id=nonsense"])
def test_a_question_that_makes_no_sense_is_a_400(client: Client, query: str) -> None:
    answer = client.get(f"{PATH}{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_people_see_their_own_pictures_alone(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))
    mine = drawn(client, "mine")
    client.force_login(User.objects.create_user("bob"))
    assert listed(client) == []
    assert listed(client, f"?request_id={mine['request_id']}") == []


def test_nobody_s_pictures_of_other_doors_stay_with_those_who_know_their_ids(client: Client) -> None:
    job = make_job(batch=make_batch(), size="64x64")
    generation.run(job.pk)
    assert listed(client) == []
    assert len(listed(client, f"?request_id={job.batch_id}")) == 1


@pytest.mark.parametrize("access", ["read", "closed"])
def test_where_not_everybody_may_do_everything_nobody_lists_what_is_nobody_s(
    client: Client, settings: Any, access: str
) -> None:
    drawn(client, "A kite")
    settings.ANONYMOUS_ACCESS = access
    answer = client.get(PATH)
    assert (answer.status_code, answer.json()) == (200, []) if access == "read" else answer.status_code == 401


def test_a_file_that_is_gone_does_not_take_the_others_with_it(client: Client) -> None:
    drawn(client, "one", "two")
    storage.delete(Job.objects.get(prompt="one").picture)
    assert [picture["text_prompt"] for picture in listed(client)] == ["two"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text_prompts"),
        ({"text_prompts": "A kite"}, "text_prompts"),
        ({"text_prompts": []}, "text_prompts"),
        ({"text_prompts": ["A kite", 5]}, "text_prompts"),
        ({"text_prompts": ["A kite"], "image_size": "huge"}, "image_size"),
        ({"text_prompts": ["A kite"], "steps": 30}, "steps"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(client: Client, body: object, field: str) -> None:
    answer = ask(client, body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert nothing_was_made()


def test_the_same_key_is_the_same_request(client: Client) -> None:
    answers = [ask(client, {"text_prompts": ["A kite"]}, **{"Idempotency-Key": "once"}).json() for _ in range(2)]
    assert answers[0]["request_id"] == answers[1]["request_id"]
    assert Batch.objects.count() == 1


def test_a_browser_gets_a_page_with_a_form_that_begins_with_examples(client: Client) -> None:
    page = client.get(PATH, headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")
    assert "&quot;A red flying dog&quot;" in page.content.decode()
    assert "'unsafe-inline'" in page["Content-Security-Policy"].split("style-src")[1].split(";")[0]
    assert "'unsafe-inline'" not in page["Content-Security-Policy"].partition("style-src")[0]
