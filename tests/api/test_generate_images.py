"""POST /generate-images: texts in, task ids out in their order, and every bad input refused before anything is queued."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from imagegen.models import Batch, Job
from tests.test_submission import messages, nothing_was_made

# What the test client answers with has more than its declared type says.
Post = Callable[..., Any]
TEXTS = ["A red flying dog", "A piano ninja", "A footballer kid"]


@pytest.fixture
def post(db: None, client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Post:
    """POST a body, made JSON unless it is bytes; what happens on commit happens."""

    def send(body: object, *, path: str = "/generate-images", kind: str = "application/json", **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        with django_capture_on_commit_callbacks(execute=True):
            return client.generic("POST", path, raw, content_type=kind, headers=names)

    return send


def is_problem(answer: Any, status: int) -> bool:
    """Whether this is an error in the shape that every error has."""
    body = answer.json()
    named = {"type", "title", "status", "detail"} <= set(body) and body["status"] == status
    return answer.status_code == status and answer["Content-Type"] == "application/problem+json" and named


# --- What is accepted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/generate-images", "/generate-images/"])
def test_three_texts_are_202_with_three_task_ids_in_the_order_given(post: Post, path: str) -> None:
    answer = post({"text": TEXTS}, path=path)
    assert (answer.status_code, answer["Content-Type"], list(answer.json())) == (202, "application/json", ["task_ids"])
    assert [Job.objects.get(pk=task).prompt for task in answer.json()["task_ids"]] == TEXTS


def test_the_task_ids_are_those_that_workers_are_told(post: Post) -> None:
    answer = post({"text": TEXTS})
    assert [UUID(task) for task in answer.json()["task_ids"]] == messages()


def test_options_beside_the_texts_hold_for_each_of_them(post: Post) -> None:
    options = {
        "provider": "demo",
        "model": "demo",
        "negative_prompt": "fog",
        "size": "640x480",
        "style": "forest",
        "seed": 7,
    }
    post({"text": TEXTS, **options})
    assert list(Job.objects.order_by("position").values("prompt", *options)) == [
        {"prompt": text, **options} for text in TEXTS
    ]


def test_n_pictures_of_each_text_stand_side_by_side(post: Post) -> None:
    ids = post({"text": ["a dog", "a cat"], "n": 2, "seed": 7}).json()["task_ids"]
    jobs = [Job.objects.get(pk=task) for task in ids]
    assert [(job.prompt, job.seed) for job in jobs] == [("a dog", 7), ("a dog", 8), ("a cat", 7), ("a cat", 8)]


def test_an_option_that_is_null_is_absent(post: Post) -> None:
    options = ["provider", "model", "negative_prompt", "size", "aspect_ratio", "style", "seed", "n"]
    assert post({"text": TEXTS, **dict.fromkeys(options)}).status_code == 202


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_text_outside_ascii_arrives_as_it_was_sent(post: Post, kind: str) -> None:
    answer = post('{"text": ["Ein Hündchen 🐕 \\ud83d\\udc15"]}'.encode(), kind=kind)
    assert Job.objects.get(pk=answer.json()["task_ids"][0]).prompt == "Ein Hündchen 🐕 🐕"


def test_of_a_key_that_stands_twice_the_last_one_counts(post: Post) -> None:
    post(b'{"text": ["a dog", "a cat"], "text": ["an ox"]}')
    assert [job.prompt for job in Job.objects.all()] == ["an ox"]


# --- What is refused ----------------------------------------------------------------------------------------------

BAD_BODIES: list[tuple[dict[str, Any], str, int | None, str]] = [
    ({}, "text", None, "list"),
    ({"text": []}, "text", None, "empty"),
    ({"text": None}, "text", None, "list"),
    ({"text": "a dog"}, "text", None, "list"),
    ({"text": 5}, "text", None, "list"),
    ({"text": {"0": "a dog"}}, "text", None, "list"),
    ({"text": ["a dog", 5]}, "text", 1, "not a number"),
    ({"text": ["a dog", None]}, "text", 1, "text"),
    ({"text": ["a dog", ["a cat"]]}, "text", 1, "not a list"),
    ({"text": ["a dog", {"prompt": "a cat"}]}, "text", 1, "not an object"),
    ({"text": ["a dog", ""]}, "text", 1, "empty"),
    ({"text": ["a dog", "  \n\t"]}, "text", 1, "empty"),
    ({"text": ["a dog", "a\x00cat"]}, "text", 1, "NUL"),
    ({"text": ["a dog", "\ud800"]}, "text", 1, "surrogate"),
    ({"text": ["a dog", "x" * 10_001]}, "text", 1, "10000"),
    ({"text": ["a dog"] * 1001}, "text", None, "1000"),
    ({"text": ["a dog"] * 501, "n": 2}, "n", 500, "1000"),
    ({"text": ["a dog"], "n": 0}, "n", 0, "1 to 1000"),
    ({"text": ["a dog"], "n": 10**30}, "n", 0, "1 to 1000"),
    ({"text": ["a dog"], "n": True}, "n", 0, "true or false"),
    ({"text": ["a dog"], "seed": True}, "seed", 0, "true or false"),
    ({"text": ["a dog"], "seed": 1.5}, "seed", 0, "whole number"),
    ({"text": ["a dog"], "seed": 10**4000}, "seed", 0, "4294967294"),
    ({"text": ["a dog"], "seed": -2}, "seed", 0, "-1"),
    ({"text": ["a dog"], "seed": "7"}, "seed", 0, "whole number"),
    ({"text": ["a dog"], "provider": "dall-e"}, "provider", 0, "demo"),
    ({"text": ["a dog"], "provider": "stability"}, "provider", 0, "STABILITY_API_KEY"),
    ({"text": ["a dog"], "model": "core"}, "model", 0, "demo"),
    ({"text": ["a dog"], "style": "noir"}, "style", 0, "forest"),
    ({"text": ["a dog"], "size": "big"}, "size", 0, "WIDTHxHEIGHT"),
    ({"text": ["a dog"], "size": [1024, 1024]}, "size", 0, "text"),
    ({"text": ["a dog"], "aspect_ratio": "7:3"}, "aspect_ratio", 0, "16:9"),
    ({"text": ["a dog"], "size": "640x640", "aspect_ratio": "1:1"}, "aspect_ratio", 0, "not both"),
    ({"text": ["a dog"], "negative_prompt": {}}, "negative_prompt", 0, "text"),
    ({"text": ["a dog"], "prompt": "a cat"}, "prompt", None, "negative_prompt"),
    ({"text": ["a dog"], "Seed": 7}, "Seed", None, "seed"),
    ({"text": ["a dog"], "\ud800<b>": 7}, "\ud800<b>", None, "seed"),
]


@pytest.mark.parametrize(("body", "field", "position", "said"), BAD_BODIES)
def test_bad_input_is_a_400_that_names_field_and_position_and_nothing_is_queued(
    post: Post, body: dict[str, Any], field: str, position: int | None, said: str
) -> None:
    answer = post(body)
    assert is_problem(answer, 400)
    [error] = answer.json()["errors"]
    assert (error["field"], error.get("position")) == (field, position)
    assert said in error["message"]
    assert nothing_was_made()


def test_several_faults_are_all_named(post: Post) -> None:
    errors = post({"text": ["", "a dog", 5]}).json()["errors"]
    assert [(error["field"], error["position"]) for error in errors] == [("text", 0), ("text", 2)]


def test_the_detail_is_a_sentence_that_names_field_and_position(post: Post) -> None:
    assert "text[1]: is empty" in post({"text": ["a dog", ""]}).json()["detail"]


NOT_JSON_OBJECTS: list[bytes] = [
    b"",
    b" ",
    b"a red flying dog",
    b'{"text": ["a dog"]',
    b'{"text": ["a dog"],}',
    b"{'text': ['a dog']}",
    b'{"text": ["a dog"]} {"text": ["a cat"]}',
    b'["a dog"]',
    b'"a dog"',
    b"null",
    b"5",
    b"[" * 100_000,
    b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"text": ["a dog"], "seed": NaN}',
    b'{"text": ["a dog"], "seed": Infinity}',
    b'{"text": ["a dog"], "n": -Infinity}',
    b'{"text": ["a dog"], "n": 1e999}',
    b'{"text": ["a dog"], "seed": 1' + b"0" * 100_000 + b"}",
    b'{"text": ["a \xff dog"]}',
    b'{"text": ["a\x00dog"]}',
    b"\xef\xbb\xbf\xef\xbb\xbf{}",
    '{"text": ["a dog"]}'.encode("utf-16"),
    b'{"text": ["a dog"]}\x00',
]


@pytest.mark.parametrize("raw", NOT_JSON_OBJECTS, ids=lambda raw: repr(raw[:30]))
def test_a_body_that_is_no_json_object_is_a_400_and_nothing_is_queued(post: Post, raw: bytes) -> None:
    assert is_problem(post(raw), 400)
    assert nothing_was_made()


MEDIA_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/octet-stream",
    "nonsense",
]


@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_another_media_type_is_a_415_and_nothing_is_queued(post: Post, kind: str) -> None:
    assert is_problem(post({"text": TEXTS}, kind=kind), 415)
    assert nothing_was_made()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/generate-images", "/generate-images/"])
@pytest.mark.django_db
def test_another_method_is_a_405_that_says_which_is_allowed(client: Client, method: str, path: str) -> None:
    answer = client.generic(method, path)
    assert answer.status_code == 405
    assert "POST" in answer["Allow"]
    assert answer["Content-Type"] == "application/problem+json"


# --- Idempotency --------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_get_the_first_answer_again(post: Post) -> None:
    first, second = (post({"text": TEXTS}, Idempotency_Key="one") for _ in range(2))
    assert (second.status_code, second.json()) == (202, first.json())
    assert Batch.objects.count() == 1


def test_the_same_body_in_another_spelling_is_the_same_body(post: Post) -> None:
    first = post(b'{"text": ["a dog"], "seed": 7}', Idempotency_Key="one")
    second = post(b'{ "seed": 7,\n "text": ["a d\\u006fg"] }', path="/generate-images/", Idempotency_Key="one")
    assert second.json() == first.json()


def test_the_same_key_with_another_body_is_a_409_and_nothing_more_is_queued(post: Post) -> None:
    post({"text": ["a dog"]}, Idempotency_Key="one")
    assert is_problem(post({"text": ["a cat"]}, Idempotency_Key="one"), 409)
    assert len(messages()) == 1


def test_without_a_key_the_same_body_is_bought_again(post: Post) -> None:
    assert post({"text": TEXTS}).json() != post({"text": TEXTS}).json()


def test_a_key_that_is_too_long_is_a_400_that_names_the_header(post: Post) -> None:
    answer = post({"text": TEXTS}, Idempotency_Key="k" * 256)
    assert is_problem(answer, 400)
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert nothing_was_made()


# --- Who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", ["read", "closed"])
def test_somebody_without_a_name_is_refused_where_that_is_not_open(post: Post, settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    assert is_problem(post({"text": TEXTS}), 401)
    assert nothing_was_made()


@pytest.mark.parametrize("access", ["open", "read", "closed"])
def test_somebody_who_signed_in_may_always_and_owns_the_batch(
    post: Post, client: Client, settings: Any, access: str
) -> None:
    settings.ANONYMOUS_ACCESS = access
    ada = User.objects.create_user("ada")
    client.force_login(ada)
    assert post({"text": TEXTS}).status_code == 202
    assert Batch.objects.get().owner == ada


def test_somebody_without_a_name_owns_nothing(post: Post) -> None:
    post({"text": TEXTS})
    assert Batch.objects.get().owner is None


@pytest.mark.django_db
def test_another_site_cannot_spend_with_the_session_of_somebody_signed_in() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_user("ada"))
    answer = browser.post("/generate-images", {"text": TEXTS}, content_type="application/json")
    assert is_problem(answer, 403)
    assert nothing_was_made()
