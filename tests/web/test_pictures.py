"""The gallery and the history."""

import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagegen import listings, marks
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


SHARED = "Everybody without an account shares this page."


@pytest.mark.parametrize("sign_up", ["open", "closed"])
def test_who_has_no_account_reads_that_they_share_their_history(client: Client, settings: Any, sign_up: str) -> None:
    settings.SIGN_UP = sign_up
    page = text(client.get("/history"))
    assert (SHARED in page, 'href="/accounts/signup/"' in page) == (True, sign_up == "open")
    assert SHARED not in text(client.get("/gallery"))


@pytest.mark.parametrize("access", ["open", "read"])
def test_an_empty_history_says_where_pictures_of_before_are(client: Client, settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    client.force_login(User.objects.create_user("ada"))
    page = text(client.get("/history"))
    assert SHARED not in page
    assert "You have not asked for a picture yet." in page
    assert ("sign out to see them" in page) == (access == "open")


def test_hearts_and_stars_are_ones_own_with_an_account_alone(client: Client) -> None:
    picture = f"/images/{publish(make_picture())}"
    page = text(client.get(picture))
    assert ("For me alone" in page, "Everybody without an account shares these." in page) == (False, True)
    client.force_login(User.objects.create_user("ada"))
    page = text(client.get(picture))
    assert ("For me alone" in page, "without an account" in page) == (True, False)


def test_words_are_looked_for_in_prompts(client: Client) -> None:
    red = publish(make_picture(prompt="A red kite"))
    publish(make_picture(prompt="A blue kite"))
    assert shown(client.get("/gallery?q=kite+RED")) == [red]
    assert "Nothing fits all of this" in text(client.get("/gallery?q=piano"))


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


class TestNarrowing:
    @pytest.fixture
    def fox(self) -> str:
        publish(make_picture(provider="crowded", prompt="A kite"))
        return publish(make_picture(style="anime", prompt="A fox", created=datetime(2026, 3, 5, 23, 59, tzinfo=UTC)))

    @pytest.mark.parametrize(
        "asked",
        ["style=anime", "provider=demo&q=fox", "until=2026-03-05", "since=2026-03-05&until=2026-03-05", "until=2026-03-06"],
    )
    def test_what_does_not_fit_is_left_out(self, client: Client, fox: str, asked: str) -> None:
        assert shown(client.get(f"/gallery?{asked}")) == [fox]

    @pytest.mark.parametrize(
        "asked", ["until=2026-03-04", "style=comic-book", "provider=demo&style=anime&q=kite", "provider=nobody"]
    )
    def test_nothing_that_fits_is_said(self, client: Client, fox: str, asked: str) -> None:
        answer = client.get(f"/gallery?{asked}")
        assert shown(answer) == []
        assert "Nothing fits all of this." in text(answer)

    @pytest.mark.parametrize(
        "asked", ["since=yesterday", "style=%00", "size=huge", "until=9999-12-31", "state=failed", "rating=7", "q=%00"]
    )
    def test_what_nobody_understands_is_no_matter(self, client: Client, fox: str, asked: str) -> None:
        assert len(shown(client.get(f"/gallery?{asked}"))) == 2

    def test_a_history_is_narrowed_by_what_became_of_it(self, client: Client) -> None:
        make_picture()
        failed = make_job(state=State.FAILED)
        assert shown(client.get("/history?state=failed")) == [str(failed.pk)]

    def test_older_ones_fit_as_well(self, client: Client) -> None:
        batch = make_batch(visibility=Visibility.PUBLIC)
        for position in range(50):
            make_picture(batch=batch, position=position, style="anime" if position % 25 else "")
        assert "after=" not in text(client.get("/gallery?style=anime"))
        make_picture(batch=batch, style="anime")
        [more] = re.findall(r'href="\?([^"]*after=[^"]*)"', text(client.get("/gallery?style=anime")))
        assert more.startswith("style=anime&after=")
        assert len(shown(client.get(f"/gallery?{more}"))) == 1


@pytest.mark.parametrize(
    "address",
    ["/gallery", "/history", "/history?q=kite&style=anime&rating=1", "/trash", "/api/images?q=kite", "/api/batches"],
)
def test_many_pictures_need_no_more_queries_than_few(client: Client, address: str) -> None:
    asked = []
    for count in (3, 12):
        batch = make_batch(visibility=Visibility.PUBLIC)
        for position in range(count):
            job = make_picture(batch=batch, position=position, style="anime", prompt="A kite")
            marks.rate(job.pk, AnonymousUser(), 3)
        make_picture(deleted_at=timezone.now())
        listings.list_new()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        asked.append(len(captured))
    assert asked[0] == asked[1] < 16
