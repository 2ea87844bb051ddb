"""The link that makes the first administrator: once, and only while nobody has an account."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from imagegen import first_run, redis

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
FORM = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def secret() -> str:
    offered = first_run.offer()
    assert offered is not None
    return offered


def test_who_opens_the_link_becomes_the_administrator_and_is_signed_in(client: Client, secret: str) -> None:
    assert "The first account" in client.get(f"/first-run/{secret}").content.decode()
    assert client.post(f"/first-run/{secret}", FORM).headers["Location"] == "/account"
    assert "You are the administrator" in client.get("/account").content.decode()
    assert User.objects.get(username="ada", is_staff=True, is_superuser=True).check_password(PASSWORD)


def test_it_works_where_nobody_may_sign_up(client: Client, secret: str, settings: Any) -> None:
    settings.SIGN_UP, settings.ANONYMOUS_ACCESS = "closed", "closed"
    client.post(f"/first-run/{secret}", FORM)
    assert User.objects.get().is_superuser


def test_it_works_once(client: Client, secret: str) -> None:
    client.post(f"/first-run/{secret}", FORM)
    answer = Client().post(f"/first-run/{secret}", {**FORM, "username": "eve"})
    assert (answer.status_code, "This link does not work" in answer.content.decode()) == (404, True)
    assert User.objects.count() == 1


@pytest.mark.parametrize("wrong", ["x", "%00", "é", "x" * 500])
def test_another_secret_opens_nothing(client: Client, secret: str, wrong: str) -> None:
    assert client.post(f"/first-run/{wrong}", FORM).status_code == 404
    assert not User.objects.exists()


def test_once_somebody_has_an_account_it_is_closed(client: Client, secret: str) -> None:
    User.objects.create_user("bob")
    answer = client.get(f"/first-run/{secret}")
    assert (answer.status_code, first_run.offer()) == (404, None)
    page = answer.content.decode()
    assert ("manage.py add_user NAME --admin" in page, "manage.py first_run" in page) == (True, False)


def test_while_nobody_has_one_it_says_where_a_new_link_comes_from(client: Client, secret: str) -> None:
    page = client.get("/first-run/old").content.decode()
    assert ("manage.py add_user" in page, "manage.py first_run" in page) == (False, True)


def test_of_two_links_the_newer_counts(client: Client, secret: str) -> None:
    newer = first_run.offer()
    assert client.get(f"/first-run/{secret}").status_code == 404
    assert client.get(f"/first-run/{newer}").status_code == 200


def test_of_many_who_come_at_once_one_takes_it(secret: str, transactional_db: None) -> None:
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: first_run.take(secret), range(8)))
    assert taken.count(True) == 1


def test_a_form_that_is_wrong_leaves_the_link(client: Client, secret: str) -> None:
    assert client.post(f"/first-run/{secret}", {**FORM, "password2": "other"}).status_code == 400
    assert client.post(f"/first-run/{secret}", FORM).status_code == 302


def test_nobody_keeps_the_page_and_redis_has_no_secret(client: Client, secret: str) -> None:
    assert "no-store" in client.get(f"/first-run/{secret}").headers["Cache-Control"]
    assert secret.encode() not in redis.client().get(redis.key(first_run.NAME))  # type: ignore[operator]


def test_an_operator_asks_for_a_link_in_the_terminal(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL, said = "https://pictures.example.org", io.StringIO()
    call_command("first_run", stdout=said)
    link = said.getvalue().strip()
    assert link.startswith("https://pictures.example.org/first-run/")
    assert client.get(link.removeprefix("https://pictures.example.org")).status_code == 200


def test_later_an_operator_makes_administrators_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("bob")
    with pytest.raises(CommandError, match="add_user NAME --admin"):
        call_command("first_run")
    monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
    call_command("add_user", "ada", "--admin", stdout=io.StringIO())
    assert User.objects.filter(username="ada", is_staff=True, is_superuser=True).exists()


@pytest.mark.parametrize(
    ("asked", "said", "is_superuser"), [("--admin", "an administrator", True), ("--staff", "staff", False)]
)
def test_who_has_an_account_is_promoted(monkeypatch: pytest.MonkeyPatch, asked: str, said: str, is_superuser: bool) -> None:
    User.objects.create_user("bob", password=PASSWORD)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    written = io.StringIO()
    call_command("add_user", "bob", asked, stdout=written)
    assert f"bob is {said} now." in written.getvalue()
    assert User.objects.get(is_staff=True, is_superuser=is_superuser).check_password(PASSWORD)


def test_an_administrator_who_is_to_be_staff_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_superuser("ada")
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    call_command("add_user", "ada", "--staff", stdout=io.StringIO())
    assert User.objects.get().is_superuser


@pytest.mark.parametrize("typed", ["", PASSWORD, None], ids=["nothing", "a-password", "nobody-there"])
def test_nobody_is_promoted_by_a_name_alone(monkeypatch: pytest.MonkeyPatch, typed: str | None) -> None:
    User.objects.create_user("bob")
    monkeypatch.setattr("sys.stdin", io.StringIO("" if typed is None else f"{typed}\n"))
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("add_user", "bob", "--admin", stdout=io.StringIO())
    assert not User.objects.get().is_staff
