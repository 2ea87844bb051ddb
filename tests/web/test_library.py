"""The page of word lists and styles."""

import html
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen.library import SHARED
from imagegen.models import Style, WordList

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def ada(client: Client) -> User:
    ada = User.objects.create_user("ada")
    client.force_login(ada)
    return ada


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("sam", is_staff=True))
    return client


def test_an_empty_library_says_so_and_shows_what_is_always_there(client: Client) -> None:
    page = text(client.get("/library"))
    assert "There is no list of yours yet." in page
    assert "__animals__" in page
    assert "watercolor" in page


def test_a_list_is_made_found_and_changed(client: Client, ada: User) -> None:
    client.post("/library/list", {"name": "Hats", "text": "a cap"})
    assert "__hats__" in text(client.get("/library"))
    client.post("/library/list/hats", {"name": "hats", "text": "a bowler"})
    assert [*WordList.objects.values_list("scope", "name", "text")] == [(f"user:{ada.pk}", "hats", "a bowler")]


def test_a_list_gets_another_name(client: Client, ada: User) -> None:
    client.post("/library/list", {"name": "hats", "text": "a cap"})
    client.post("/library/list/hats", {"name": "caps", "text": "a cap"})
    assert [*WordList.objects.values_list("name", flat=True)] == ["caps"]


def test_a_style_is_made_and_offered(client: Client, ada: User) -> None:
    client.post("/library/style", {"name": "dusk", "suffix": "late light"})
    assert Style.objects.get().suffix == "late light"
    assert '<option value="dusk">' in text(client.get("/"))


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("/library/list", {"name": "a_b__c", "text": "x"}, "is no name"),
        ("/library/list", {"name": "hats", "text": "# nothing"}, "has 0 lines"),
        ("/library/list", {"name": "", "text": "x"}, "This field is required"),
        ("/library/style", {"name": "dusk"}, "a style needs words"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(client: Client, path: str, fields: dict[str, str], said: str) -> None:
    answer = client.post(path, fields)
    assert answer.status_code == 400
    assert said in text(answer)
    assert "Nothing was saved." in text(answer)
    assert not WordList.objects.exists()


def test_a_deleted_list_comes_back_with_undo(client: Client, ada: User) -> None:
    client.post("/library/list", {"name": "hats", "text": "a cap\r\na bowler"})
    page = client.post("/library/list/hats", {"delete": "1"})
    assert "The list hats is deleted." in text(page)
    assert not WordList.objects.exists()
    client.post("/library/list", {"name": "hats", "text": "a cap\na bowler"})
    assert WordList.objects.get().name == "hats"


def test_nobody_else_sees_or_changes_it(client: Client, ada: User, staff: Client) -> None:
    client.post("/library/list", {"name": "hats", "text": "a cap"})
    assert "__hats__" not in text(staff.get("/library"))
    assert staff.post("/library/list/hats", {"delete": "1"}).status_code == 404
    assert WordList.objects.exists()


def test_what_staff_share_everybody_may_use_and_only_staff_change(client: Client, ada: User, staff: Client) -> None:
    staff.post("/library/style", {"name": "dusk", "suffix": "late light", "shared": "on"})
    assert Style.objects.get().scope == SHARED
    assert "dusk" in text(client.get("/library"))
    assert client.post("/library/style/dusk?of=shared", {"delete": "1"}).status_code == 404
    assert client.post("/library/style", {"name": "x", "suffix": "y", "shared": "on"}).status_code == 403
    staff.post("/library/style/dusk?of=shared", {"delete": "1"})
    assert not Style.objects.exists()
