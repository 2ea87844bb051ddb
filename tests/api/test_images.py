"""GET /api/images: pictures by what was asked for; GET /api/batches/ID/zip: all of a batch in one file."""

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import generation, listings, storage
from imagegen.models import Attempt, Batch, Job
from imagegen.states import State, Visibility
from tests.rows import make_batch, make_job

# A call gives its connection back.
pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/images"


def drawn(prompt: str = "A kite", **fields: Any) -> Job:
    """Return a job with its picture."""
    job = make_job(prompt, size="64x64", **fields)
    generation.run(job.pk)
    return Job.objects.get(pk=job.pk)


def found(client: Client, **asked: str) -> list[str]:
    answer = client.get(URL, asked)
    assert answer.status_code == 200, answer.content
    return [entry["prompt"] for entry in answer.json()["results"]]


class TestSearch:
    def test_whatever_has_a_picture_is_found_the_newest_first(self, client: Client) -> None:
        drawn("A kite"), drawn("A dog"), make_job("A queue")
        assert found(client) == ["A dog", "A kite"]

    @pytest.mark.parametrize(
        ("asked", "prompts"),
        [
            ({"q": "red KITE"}, ["A kite, red"]),
            ({"provider": "other"}, ["A dog"]),
            ({"model": "big"}, ["A dog"]),
            ({"style": "anime"}, ["A dog"]),
            ({"size": "640x480"}, ["A dog"]),
            ({"state": "failed"}, ["A queue"]),
            ({"state": "any"}, ["A queue", "A dog", "A kite, red"]),
            ({"since": "2026-03-01"}, ["A dog"]),
            ({"until": "2026-03-01T00:00:00Z"}, ["A kite, red"]),
            ({"q": "dog", "state": "failed"}, []),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("is_listed", [True, False])
    def test_everything_that_is_asked_for_must_fit(
        self, client: Client, asked: dict[str, str], prompts: list[str], is_listed: bool
    ) -> None:
        january, april = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 4))
        make_job("A kite, red", picture="a.png", created=january, state=State.SUCCEEDED)
        other: dict[str, Any] = {"provider": "other", "model": "big", "style": "anime", "width": 640, "height": 480}
        make_job("A dog", picture="b.png", created=april, state=State.SUCCEEDED, **other)
        asked = {**asked, "since": f"{asked['since']}T00:00:00Z"} if "since" in asked else asked
        make_job("A queue", state=State.FAILED, created=january if "since" in asked else datetime(2026, 5, 1, tzinfo=UTC))
        if is_listed:
            listings.list_new()
        assert found(client, **asked) == prompts

    def test_pages_lead_on_and_back(self, client: Client) -> None:
        for number in range(5):
            make_job(f"Kite {number}", picture="a.png", state=State.SUCCEEDED)
        listings.list_new()
        first = client.get(URL, {"q": "kite", "limit": "2"}).json()
        second = client.get(first["next"]).json()
        last = client.get(second["next"]).json()
        assert [[each["prompt"] for each in page["results"]] for page in (first, second, last)] == [
            ["Kite 4", "Kite 3"], ["Kite 2", "Kite 1"], ["Kite 0"]
        ]  # fmt: skip
        assert (first["previous"], last["next"]) == (None, None)
        back = client.get(last["previous"]).json()
        assert back["results"] == second["results"]
        assert client.get(back["previous"]).json()["results"] == first["results"]

    @pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "b24geCB5", "b24gMjAyNi0wMS0wMSAw"])
    def test_a_cursor_of_nowhere_is_refused(self, client: Client, cursor: str) -> None:
        assert client.get(URL, {"cursor": cursor}).status_code == 404

    def test_a_picture_tells_what_it_takes_to_make_it_again_and_what_it_cost(self, client: Client) -> None:
        job = drawn(name="Kite", negative_prompt="rain")
        Attempt.objects.update(amount=Decimal("1.5"))
        [entry] = client.get(URL).json()["results"]
        assert (entry["prompt"], entry["name"], entry["negative_prompt"], entry["seed"]) == ("A kite", "Kite", "rain", 7)
        assert (entry["width"], entry["sha256"], entry["cost"]["amounts"]) == (64, job.sha256, {"credits": 1.5})
        assert client.get(entry["image_url"]).content == storage.read(job.picture)

    @pytest.mark.parametrize("name", ["batch", "size", "state", "since", "limit", "q"])
    def test_what_cannot_be_looked_for_is_refused_by_its_name(self, client: Client, name: str) -> None:
        answer = client.get(URL, {name: "?" * 201})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


class TestWhose:
    @pytest.fixture
    def ann(self) -> User:
        ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
        for prompt, batch in {
            "mine": make_batch(owner=ann),
            "public": make_batch(owner=bob, visibility=Visibility.PUBLIC),
            "private": make_batch(owner=bob),
            "nobody's": make_batch(),
        }.items():
            make_job(prompt, batch=batch, picture="a.png")
        return ann

    def test_a_person_finds_their_own_and_what_is_public(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        assert found(client) == ["public", "mine"]
        assert found(client, owner="bob") == ["public"]

    def test_people_without_a_name_find_nobody_s_where_they_may_do_everything(self, client: Client, ann: User) -> None:
        assert found(client) == ["nobody's", "public"]

    def test_otherwise_they_find_what_is_public_and_what_they_know_the_batch_of(
        self, client: Client, ann: User, settings: Any
    ) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        assert found(client) == ["public"]
        assert found(client, batch=str(Batch.objects.get(owner=None).pk)) == ["nobody's"]
        assert found(client, batch=str(Job.objects.get(prompt="private").batch_id)) == []

    def test_staff_find_everything(self, client: Client, ann: User) -> None:
        User.objects.update(is_staff=True)
        client.force_login(ann)
        assert len(found(client)) == 4


class TestZip:
    def unzipped(self, client: Client, batch: Batch) -> zipfile.ZipFile:
        answer = client.get(f"/api/batches/{batch.pk}/zip")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="chaotix-{batch.pk}.zip"'
        return zipfile.ZipFile(io.BytesIO(answer.getvalue()))

    def test_it_holds_every_picture_and_a_manifest_of_all(self, client: Client) -> None:
        batch = make_batch()
        jobs = [drawn("A red flying dog", batch=batch), drawn("../etc/passwd", batch=batch), make_job(batch=batch)]
        archive = self.unzipped(client, batch)
        assert archive.namelist() == ["0001-a-red-flying-dog-7.png", "0002-etc-passwd-7.png", "manifest.json"]
        assert archive.testzip() is None
        tasks = json.loads(archive.read("manifest.json"))["tasks"]
        assert [task["task_id"] for task in tasks] == [str(job.pk) for job in jobs]
        assert [hashlib.sha256(archive.read(task["file"])).hexdigest() for task in tasks[:2]] == [
            task["sha256"] for task in tasks[:2]
        ]

    def test_two_of_the_same_name_have_files_of_their_own(self, client: Client) -> None:
        batch = make_batch()
        drawn(batch=batch), drawn(batch=batch)
        assert self.unzipped(client, batch).namelist()[:2] == ["0001-a-kite-7.png", "0002-a-kite-7.png"]

    def test_a_picture_whose_file_is_gone_is_told_in_the_manifest(self, client: Client) -> None:
        batch = make_batch()
        storage.delete(drawn(batch=batch).picture)
        archive = self.unzipped(client, batch)
        assert archive.namelist() == ["manifest.json"]
        [task] = json.loads(archive.read("manifest.json"))["tasks"]
        assert "could not be read" in task["why"]

    def test_somebody_else_s_batch_is_not_found(self, client: Client) -> None:
        batch = make_batch(owner=User.objects.create(username="ann"))
        assert client.get(f"/api/batches/{batch.pk}/zip").status_code == 404
