"""The buttons that publish, take back, throw away and bring back."""

import html
import io
import re
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import generation
from imagegen.models import Batch, Job
from imagegen.states import Visibility
from tests.rows import NOBODYS, make_batch, make_job

pytestmark = pytest.mark.django_db(transaction=True)


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def shown(answer: Any) -> list[str]:
    return re.findall(r'id="card-([0-9a-f-]{36})"', text(answer))


@pytest.fixture
def ada(client: Client) -> User:
    person = User.objects.create_user("ada")
    client.force_login(person)
    return person


@pytest.fixture
def jobs(ada: User) -> list[Job]:
    batch = make_batch(owner=ada)
    made = [make_job(f"Kite {number}", batch=batch, size="64x64") for number in range(3)]
    for job in made:
        generation.run(job.pk)
    return made


def ticked(client: Client, wish: str, *jobs: Job, **fields: str) -> Any:
    form = {"wish": wish, "job": [str(job.pk) for job in jobs], **fields}
    return client.post("/history/selection", form, follow=True)


def test_a_picture_is_published_and_taken_back_on_its_page(client: Client, jobs: list[Job]) -> None:
    page = text(client.post(f"/images/{jobs[0].pk}/publish", follow=True))
    assert "1 picture is shown in the gallery now." in page
    assert "Take back from the gallery" in page
    assert shown(Client().get("/gallery")) == [str(jobs[0].pk)]
    assert "Publish in the gallery" in text(client.post(f"/images/{jobs[0].pk}/take-back", follow=True))
    assert shown(Client().get("/gallery")) == []


def test_what_is_thrown_away_is_in_the_trash_and_comes_back(client: Client, jobs: list[Job]) -> None:
    answer = client.post(f"/images/{jobs[0].pk}/delete", follow=True)
    assert '1 picture is in the <a href="/trash">trash</a> now, for 30 days.' in text(answer)
    assert shown(answer) == [str(jobs[0].pk)]
    assert shown(client.get("/history")) == [str(job.pk) for job in (jobs[2], jobs[1])]
    brought_back = ticked(client, "restore", jobs[0])
    assert '1 picture is back in your <a href="/history">history</a>.' in text(brought_back)
    assert len(shown(brought_back)) == 3
    assert "The trash is empty." in text(client.get("/trash"))


def test_many_are_decided_about_at_once(client: Client, jobs: list[Job]) -> None:
    assert "2 pictures are shown in the gallery now." in text(ticked(client, "publish", *jobs[:2]))
    assert len(shown(Client().get("/gallery"))) == 2
    assert "3 pictures are in the " in text(ticked(client, "delete", *jobs))
    assert shown(Client().get("/gallery")) == []


def test_many_are_saved_in_one_file(client: Client, jobs: list[Job]) -> None:
    other = make_job("not hers", batch=make_batch(owner=User.objects.create_user("bob")))
    answer = ticked(client, "download", *jobs[:2], other)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert [name[:11] for name in archive.namelist()] == ["0001-kite-1", "0002-kite-0", "manifest.js"]


def test_nothing_ticked_is_said(client: Client, jobs: list[Job]) -> None:
    assert "Tick some pictures first." in text(ticked(client, "delete"))
    assert "Tick some pictures first." in text(ticked(client, "download"))


@pytest.mark.parametrize("wish", ["publish", "take-back", "delete", "tag"])
def test_one_gets_back_to_what_one_looked_for(client: Client, jobs: list[Job], wish: str) -> None:
    page = "/history?q=kite&state=succeeded"
    assert f'name="next" value="{page}"' in text(client.get(page)).partition('id="selection"')[2]
    for some in (jobs[:1], []):
        assert ticked(client, wish, *some, next=page).redirect_chain == [(page, 302)]


@pytest.mark.parametrize("some", [[0], []])
def test_one_stays_in_the_trash(client: Client, jobs: list[Job], some: list[int]) -> None:
    ticked(client, "delete", *jobs)
    assert 'name="next" value="/trash"' in text(client.get("/trash"))
    answer = ticked(client, "restore", *(jobs[place] for place in some), next="/trash")
    assert answer.redirect_chain == [("/trash", 302)]


@pytest.mark.parametrize("page", ["https://example.org/", "//example.org", "nonsense", ""])
def test_nobody_is_led_to_another_site(client: Client, jobs: list[Job], page: str) -> None:
    assert ticked(client, "publish", jobs[0], next=page).redirect_chain == [("/history", 302)]


@pytest.mark.parametrize(("wish", "job"), [("buy", NOBODYS), ("", NOBODYS), ("delete", "nonsense")])
def test_what_nobody_offers_is_not_there(client: Client, ada: User, wish: str, job: object) -> None:
    assert client.post("/history/selection", {"wish": wish, "job": [str(job)]}).status_code == 404


@pytest.mark.parametrize("wish", ["publish", "take-back", "delete", "restore"])
def test_a_picture_of_nobody_is_not_there(client: Client, ada: User, wish: str) -> None:
    assert client.post(f"/images/{NOBODYS}/{wish}").status_code == 404


def test_a_whole_batch_is_published_and_taken_back(client: Client, jobs: list[Job]) -> None:
    batch = jobs[0].batch_id
    page = text(client.post(f"/batches/{batch}/publish", follow=True))
    assert "3 pictures are shown in the gallery now." in page
    assert "Take all back from the gallery" in page
    assert Client().get(f"/batches/{batch}").status_code == 200
    client.post(f"/batches/{batch}/take-back")
    assert Client().get(f"/batches/{batch}").status_code == 404


def test_a_form_says_whether_its_pictures_are_for_everybody(client: Client, ada: User) -> None:
    client.post("/", {"prompts": "A kite", "publish": "on"})
    client.post("/", {"prompts": "A secret"})
    found = {job.prompt: job.visibility for job in Job.objects.all()}
    assert found == {"A kite": Visibility.PUBLIC, "A secret": Visibility.PRIVATE}
    assert {batch.visibility for batch in Batch.objects.all()} == {Visibility.PUBLIC, Visibility.PRIVATE}


def test_markup_in_a_prompt_is_text_in_the_trash(client: Client, ada: User) -> None:
    job = make_job("<script>alert(1)</script>", batch=make_batch(owner=ada), state="failed")
    client.post(f"/images/{job.pk}/delete")
    assert b"<script>alert" not in client.get("/trash").content


def test_cards_of_others_offer_nothing_to_tick(client: Client, jobs: list[Job]) -> None:
    ticked(client, "publish", *jobs)
    assert 'name="job"' not in text(Client().get("/gallery"))
