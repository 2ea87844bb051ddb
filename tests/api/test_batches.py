"""Batches of our own API: prompts in every form, what they would cost, and where they are."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imagegen.models import Batch, Job
from imagegen.states import State
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/batches"
CSV = b'prompt,name,seed,n\r\n"A red, flying dog",dog,7,2\r\n\r\nA piano ninja,,,\r\n'


def post(client: Client, body: object, url: str = URL, **headers: str) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json", headers=headers)


def post_file(client: Client, body: bytes, media_type: str, url: str = URL) -> Any:
    return client.post(url, body, content_type=media_type)


def prompts() -> list[tuple[str, str, int | None]]:
    return list(Job.objects.order_by("position").values_list("prompt", "name", "seed"))


class TestMake:
    def test_texts_and_objects_become_jobs_in_the_order_sent(self, client: Client) -> None:
        answer = post(client, {"prompts": ["A kite", {"prompt": "A dog", "name": "Rex", "seed": 7}]})
        assert answer.status_code == 202
        assert answer.json()["jobs"] == [str(job.pk) for job in Job.objects.order_by("position")]
        assert prompts()[1] == ("A dog", "Rex", 7)

    def test_what_a_prompt_says_itself_comes_before_what_is_said_for_all(self, client: Client) -> None:
        own = {"prompt": "A dog", "seed": 7}
        post(client, {"prompts": ["A kite", own], "defaults": {"seed": 5}}, url=f"{URL}?seed=3&size=64x64")
        assert [(job.seed, job.size) for job in Job.objects.order_by("position")] == [(5, "64x64"), (7, "64x64")]

    def test_the_answer_says_what_it_will_cost_and_where_to_look(self, client: Client) -> None:
        made = post(client, {"prompts": ["A kite"] * 3}).json()
        assert made["estimate"] == {"pictures": 3, "amounts": {"credits": 0.0}, "unpriced": 0}
        assert {client.get(link).status_code for link in made["links"].values()} == {200}

    def test_a_batch_has_the_name_and_the_visibility_it_was_given(self, client: Client) -> None:
        post(client, {"prompts": ["A kite"], "name": " Kites ", "visibility": "public"})
        assert Batch.objects.values_list("name", "visibility", "source").get() == ("Kites", "public", "api")

    def test_a_key_stands_for_one_batch(self, client: Client) -> None:
        first, second = (post(client, {"prompts": ["A kite"]}, **{"Idempotency-Key": "one"}).json() for _ in range(2))
        assert first == second
        assert Job.objects.count() == 1

    @pytest.mark.parametrize("other", [{"prompts": ["B"]}, {"prompts": ["A"], "visibility": "public"}], ids=["text", "who"])
    def test_a_key_stands_for_no_other_batch(self, client: Client, other: dict[str, Any]) -> None:
        post(client, {"prompts": ["A"]}, **{"Idempotency-Key": "one"})
        assert post(client, other, **{"Idempotency-Key": "one"}).status_code == 409
        assert Job.objects.count() == 1


class TestFiles:
    def test_each_line_of_a_text_is_a_prompt(self, client: Client) -> None:
        post_file(client, "\ufeffA kite\r\n\r\n  Ein Hündchen 🐕 \n".encode(), "text/plain; charset=utf-8")
        assert [prompt for prompt, _, _ in prompts()] == ["A kite", "Ein Hündchen 🐕"]

    def test_a_table_has_columns_for_options(self, client: Client) -> None:
        post_file(client, CSV, "text/csv", url=f"{URL}?seed=3")
        assert prompts() == [("A red, flying dog", "dog", 7), ("A red, flying dog", "dog", 8), ("A piano ninja", "", 3)]

    @pytest.mark.parametrize("media_type", ["application/jsonl", "application/x-ndjson"])
    def test_each_line_of_json_is_a_prompt_or_an_object(self, client: Client, media_type: str) -> None:
        post_file(client, b'"A kite"\n\n{"prompt": "A dog", "seed": 7}\n', media_type, url=f"{URL}?seed=3")
        assert prompts() == [("A kite", "", 3), ("A dog", "", 7)]

    @pytest.mark.parametrize("name", ["p.csv", "P.CSV"])
    def test_a_form_sends_a_file_and_options_beside_it(self, client: Client, name: str) -> None:
        answer = client.post(URL, {"file": SimpleUploadedFile(name, CSV), "name": "Dogs", "size": "64x64"})
        assert answer.status_code == 202, answer.content
        assert Batch.objects.get().name == "Dogs"
        assert {job.size for job in Job.objects.all()} == {"64x64"}

    @pytest.mark.parametrize(
        ("body", "media_type", "said"),
        [
            (b"A kite\nnot \xff text\n", "text/plain", "line 2: the file is not UTF-8"),
            (b" \n\n", "text/plain", "holds no prompt"),
            (b"A kite\n" + b"x" * 10_001, "text/plain", "line 2: has 10001 characters"),
            (b"text,seed\nA kite,7\n", "text/csv", "one of them must be prompt"),
            (b"prompt,prompt\nA kite,7\n", "text/csv", "there are two columns 'prompt'"),
            (b"prompt,speed\nA kite,7\n", "text/csv", "line 2: is not known here"),
            (b"prompt\nA kite,7\n", "text/csv", "line 2: has 2 cells"),
            (b'prompt\n"A kite\n', "text/csv", "this is not CSV"),
            (b"prompt,seed\nA kite,7\n\nA dog,x\n", "text/csv", "line 4: must be a whole number, not text"),
            (b'"A kite"\n{"prompt"}\n', "application/jsonl", "line 2: this is not JSON"),
            (b"7\n", "application/jsonl", "line 1: must be text, not a number"),
            (b"[" * 100_000, "application/jsonl", "line 1: this is not JSON"),
        ],
        ids=["bytes", "empty", "long", "columns", "twice", "unknown", "cells", "quote", "number", "json", "type", "deep"],
    )
    def test_what_is_wrong_with_a_file_is_said_with_its_line(
        self, client: Client, body: bytes, media_type: str, said: str
    ) -> None:
        answer = post_file(client, body, media_type)
        assert (answer.status_code, said in answer.json()["detail"]) == (400, True), answer.json()
        assert not Job.objects.exists()

    @pytest.mark.parametrize("form", [{"name": "Dogs"}, {"file": "A kite"}], ids=["nothing", "a text"])
    def test_a_form_without_a_file_is_told_so(self, client: Client, form: dict[str, str]) -> None:
        assert "needs a file" in client.post(URL, form).json()["detail"]

    def test_a_file_of_another_kind_is_refused_by_its_name(self, client: Client) -> None:
        answer = client.post(URL, {"file": SimpleUploadedFile("p.xlsx", b"PK", content_type="application/zip")})
        assert "'p.xlsx' is neither .txt, .csv nor .jsonl" in answer.json()["detail"]


class TestDryRun:
    def test_it_says_what_would_be_made_and_makes_nothing(self, client: Client) -> None:
        body = {"prompts": [{"prompt": "A kite", "seed": 7, "n": 2}]}
        answer = post(client, body, url=f"{URL}?dry_run=1")
        assert (answer.status_code, answer.json()["estimate"]["pictures"]) == (200, 2)
        assert [each["seed"] for each in answer.json()["prompts"]] == [7, 8]
        assert not Batch.objects.exists()

    def test_it_finds_the_same_faults(self, client: Client) -> None:
        answer = post(client, {"prompts": ["A kite", ""]}, url=f"{URL}?dry_run=true")
        assert answer.json()["errors"] == [{"field": "prompt", "message": "is empty", "position": 1}]

    def test_an_answer_that_is_neither_yes_nor_no_is_refused(self, client: Client) -> None:
        assert post(client, {"prompts": ["A"]}, url=f"{URL}?dry_run=perhaps").status_code == 400
        assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompts"),
        ({"prompts": "A kite"}, "prompts"),
        ({"prompts": []}, "prompt"),
        ({"prompts": ["A"], "speed": 1}, "speed"),
        ({"prompts": ["A"], "defaults": []}, "defaults"),
        ({"prompts": ["A"], "defaults": {"prompt": "B"}}, "defaults.prompt"),
        ({"prompts": ["A"], "name": "x" * 201}, "name"),
        ({"prompts": ["A"], "name": "\ud800"}, "name"),
        ({"prompts": ["A"], "visibility": "friends"}, "visibility"),
        ({"prompts": ["A"], "visibility": ["public"]}, "visibility"),
        ({"prompts": [{"prompt": "A", "name": "x" * 201}]}, "name"),
        ({"prompts": [{"seed": 7}]}, "prompt"),
        ({"prompts": [None]}, "prompt"),
        ({"prompts": ["A"], "defaults": {"n": 1001}}, "n"),
    ],
    ids=str,
)
def test_a_body_that_cannot_be_meant_is_refused_by_its_field(client: Client, body: object, field: str) -> None:
    answer = post(client, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert not Batch.objects.exists()


class TestRead:
    def test_a_batch_tells_its_states_and_its_jobs_in_order(self, client: Client) -> None:
        batch = make_batch()
        jobs = [make_job(batch=batch, position=place, state=state) for place, state in enumerate(("failed", "queued"))]
        found = client.get(f"{URL}/{batch.pk}").json()
        assert found["states"] == {"failed": 1, "queued": 1}
        assert found["jobs"] == [str(job.pk) for job in jobs]

    def test_a_list_has_the_newest_first_and_goes_on_where_it_ended(self, client: Client) -> None:
        batches = [str(make_batch().pk) for _ in range(5)][::-1]
        first = client.get(f"{URL}?limit=2").json()
        make_batch()
        second = client.get(first["next"]).json()
        assert [each["id"] for each in first["results"] + second["results"]] == batches[:4]

    @pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "cD0yMDI2LTEzLTAx", "bz05OTk5OTk="])
    def test_a_cursor_of_nowhere_is_refused(self, client: Client, cursor: str) -> None:
        make_batch()
        assert client.get(URL, {"cursor": cursor}).status_code in (200, 404)

    @pytest.mark.parametrize("limit", ["0", "101", "x"])
    def test_a_limit_out_of_range_is_refused(self, client: Client, limit: str) -> None:
        assert client.get(URL, {"limit": limit}).json()["errors"][0]["field"] == "limit"

    def test_a_person_finds_their_own_and_what_is_public(self, client: Client) -> None:
        ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
        mine = make_batch(owner=ann)
        public = make_batch(owner=bob, visibility="public")
        make_batch(owner=bob), make_batch()
        client.force_login(ann)
        assert {each["id"] for each in client.get(URL).json()["results"]} == {str(mine.pk), str(public.pk)}

    def test_where_not_everybody_may_do_everything_nobody_s_batches_are_not_listed(
        self, client: Client, settings: Any
    ) -> None:
        make_batch()
        settings.ANONYMOUS_ACCESS = "read"
        assert client.get(URL).json()["results"] == []

    def test_what_is_not_there_is_not_found(self, client: Client) -> None:
        assert client.get(f"{URL}/{uuid4()}").status_code == 404
        assert client.get(f"{URL}/{uuid4()}/zip").status_code == 404


def test_a_list_asks_as_many_questions_for_twenty_batches_as_for_one(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        make_job(batch=make_batch(), state=State.FAILED)
    with django_assert_max_num_queries(5):
        assert len(client.get(URL).json()["results"]) == 20


@pytest.mark.parametrize("media_type", ["text/plain", "text/csv"])
def test_a_page_of_another_site_cannot_send_a_file(client: Client, media_type: str) -> None:
    answer = client.post(URL, "prompt\nA kite", content_type=media_type, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert not Batch.objects.exists()
