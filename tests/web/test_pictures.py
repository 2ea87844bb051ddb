"""The gallery and the history."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen.models import Job
from imagegen.states import State, Visibility
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def shown(answer: Any) -> list[str]:
    return re.findall(r'id="card-([0-9a-f-]{36})"', text(answer))


def make_picture(**fields: Any) -> Job:
    return make_job(state=State.SUCCEEDED, picture="2026/picture.png", content_type="image/png", **fields)


def publish(job: Job) -> str:
    Job.objects.filter(pk=job.pk).update(visibility=Visibility.PUBLIC)
    return str(job.pk)


def test_an_empty_gallery_says_so(client: Client) -> None:
    assert "Nobody has published a picture yet." in text(client.get("/gallery"))


def test_only_published_pictures_are_in_the_gallery(client: Client) -> None:
    make_picture()
    published = publish(make_picture())
    assert shown(client.get("/gallery")) == [published]


def test_what_has_no_picture_is_not_in_the_gallery(client: Client) -> None:
    publish(make_job(state=State.FAILED))
    assert shown(client.get("/gallery")) == []


def test_the_history_is_ones_own_whatever_became_of_it(client: Client) -> None:
    ada = User.objects.create_user("ada")
    mine = make_job(batch=make_batch(owner=ada), state=State.FAILED)
    make_picture(batch=make_batch(owner=User.objects.create_user("bob"), visibility=Visibility.PUBLIC))
    client.force_login(ada)
    assert shown(client.get("/history")) == [str(mine.pk)]


def test_who_has_no_account_signs_in_for_a_history(client: Client, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "read"
    assert client.get("/history")["Location"] == "/accounts/login/?next=/history"


def test_words_are_looked_for_in_prompts(client: Client) -> None:
    red = publish(make_picture(prompt="A red kite"))
    publish(make_picture(prompt="A blue kite"))
    assert shown(client.get("/gallery?q=kite+RED")) == [red]
    assert "No picture has all of these words" in text(client.get("/gallery?q=piano"))


def test_older_pictures_follow_without_a_gap(client: Client) -> None:
    batch = make_batch(visibility=Visibility.PUBLIC)
    made = [str(make_picture(batch=batch, position=position).pk) for position in range(50)]
    first = client.get("/gallery")
    [more] = re.findall(r'href="\?(after=[^"]*)"', text(first))
    second = client.get(f"/gallery?{more}")
    assert (len(shown(first)), sorted(shown(first) + shown(second))) == (48, sorted(made))
    assert "Older pictures" not in text(second)


@pytest.mark.parametrize("after", ["nonsense", "00000000-0000-4000-8000-000000000000", ""])
def test_a_place_that_is_none_is_the_beginning(client: Client, after: str) -> None:
    published = publish(make_picture())
    assert shown(client.get("/gallery", {"after": after, "q": "\x00"})) == [published]
