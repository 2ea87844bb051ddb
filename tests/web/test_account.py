"""Accounts: making one, signing in and out, what is one's own, and tokens on the page."""

import io
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from imagegen import tokens
from imagegen.models import ApiToken, Attempt, Batch
from tests.rows import make_batch, make_job

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def sign_up(client: Client, name: str = "ann", password: str = PASSWORD) -> Any:
    form = {"username": name, "password1": password, "password2": password}
    return client.post("/accounts/signup/", form)


@pytest.fixture
def ann(client: Client) -> User:
    ann = User.objects.create_user("ann", password=PASSWORD)
    client.force_login(ann)
    return ann


class TestSigningIn:
    def test_who_makes_an_account_is_signed_in_and_what_they_ask_for_is_theirs(self, client: Client) -> None:
        assert sign_up(client).status_code == 302
        client.post("/", {"prompts": "A kite", "n": 1})
        assert Batch.objects.get().owner == User.objects.get(username="ann")

    @pytest.mark.parametrize("access", ["open", "read", "closed"])
    def test_what_was_made_without_an_account_is_not_promised(self, client: Client, settings: Any, access: str) -> None:
        settings.ANONYMOUS_ACCESS, settings.SIGN_UP = access, "open"
        page = client.get("/accounts/signup/").content.decode()
        assert ("Pictures asked for without an account stay" in page) == (access == "open")

    def test_one_signs_in_goes_on_where_one_was_and_out_again(self, client: Client) -> None:
        User.objects.create_user("ann", password=PASSWORD)
        form = {"login": "ann", "password": PASSWORD, "next": "/spending"}
        assert client.post("/accounts/login/", form).headers["Location"] == "/spending"
        assert client.post("/accounts/logout/").headers["Location"] == "/"
        assert client.get("/account").status_code == 302

    def test_nobody_is_sent_to_another_site(self, client: Client) -> None:
        User.objects.create_user("ann", password=PASSWORD)
        form = {"login": "ann", "password": PASSWORD, "next": "https://elsewhere.example/"}
        assert client.post("/accounts/login/", form).headers["Location"] == "/"

    @pytest.mark.parametrize("password", ["wrong", ""])
    def test_a_wrong_password_opens_nothing(self, client: Client, password: str) -> None:
        User.objects.create_user("ann", password=PASSWORD)
        answer = client.post("/accounts/login/", {"login": "ann", "password": password})
        assert answer.status_code == 200
        assert client.get("/account").status_code == 302

    def test_the_rules_for_a_password_are_what_its_field_is_described_by(self, client: Client) -> None:
        page = client.get("/accounts/signup/").content.decode()
        assert 'aria-describedby="id_password1_helptext"' in page
        assert re.search(r'<div class="help" id="id_password1_helptext"><ul>.*</ul></div>', page)

    @pytest.mark.parametrize("password", ["12345678", "short", "ann-ann-ann"])
    def test_a_weak_password_makes_no_account(self, client: Client, password: str) -> None:
        assert 'class="errorlist"' in sign_up(client, "ann-ann-ann", password).content.decode()
        assert not User.objects.exists()

    def test_a_password_is_changed(self, client: Client, ann: User) -> None:
        new = {"oldpassword": PASSWORD, "password1": "another horse battery", "password2": "another horse battery"}
        assert client.post("/accounts/password/change/", new).status_code == 302
        ann.refresh_from_db()
        assert ann.check_password("another horse battery")


def test_the_library_is_found_from_the_account(client: Client, ann: User) -> None:
    assert 'href="/library"' in client.get("/account").content.decode()


class TestClosed:
    @pytest.fixture(autouse=True)
    def closed(self, settings: Any) -> None:
        settings.SIGN_UP, settings.ANONYMOUS_ACCESS = "closed", "closed"

    def test_nobody_makes_an_account_themselves(self, client: Client) -> None:
        assert "No new accounts" in sign_up(client).content.decode()
        assert not User.objects.exists()

    def test_the_page_to_sign_in_says_so(self, client: Client) -> None:
        assert "Accounts are made by whoever runs this site" in client.get("/accounts/login/").content.decode()

    def test_who_may_not_see_a_page_is_asked_to_sign_in_and_comes_back_to_it(self, client: Client) -> None:
        path = f"/batches/{make_batch().pk}"
        answer = client.get(path)
        assert answer.status_code == 403
        assert f'href="/accounts/login/?next={path}"' in answer.content.decode().replace("%2F", "/")

    @pytest.mark.parametrize("staff", [True, False])
    def test_an_operator_makes_accounts(self, monkeypatch: pytest.MonkeyPatch, staff: bool) -> None:
        monkeypatch.setattr("getpass.getpass", lambda _: PASSWORD)
        said = io.StringIO()
        call_command("add_user", "ann", *(["--staff"] if staff else []), stdout=said)
        assert said.getvalue() == "ann can sign in now.\n"
        assert User.objects.get(username="ann", is_staff=staff).check_password(PASSWORD)

    @pytest.mark.parametrize(
        ("name", "password"), [("bob", PASSWORD), ("a b", PASSWORD), ("ann", "short")], ids=["taken", "spaces", "short"]
    )
    def test_an_account_that_cannot_be_is_not_made(self, monkeypatch: pytest.MonkeyPatch, name: str, password: str) -> None:
        User.objects.create(username="bob")
        monkeypatch.setattr("getpass.getpass", lambda _: password)
        with pytest.raises(CommandError):
            call_command("add_user", name)
        assert User.objects.count() == 1


class TestTokens:
    def test_a_token_is_shown_once_and_works(self, client: Client, ann: User, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "closed"
        page = client.post("/account", {"name": "laptop", "days": 7}).content.decode()
        [secret] = re.findall(r"<code>(chaotix_\w{20,})</code>", page)
        assert Client().get("/api/batches", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert secret not in client.get("/account").content.decode()

    def test_a_token_makes_no_other_and_opens_no_account(self, client: Client, ann: User) -> None:
        _, secret = tokens.make(ann, "laptop")
        program = Client(headers={"Authorization": f"Bearer {secret}"})
        assert program.post("/account", {"name": "another", "days": 7}).status_code == 403
        assert program.get("/accounts/two-factor/activate/").status_code == 403
        assert ApiToken.objects.count() == 1

    def test_a_token_is_revoked_with_a_click(self, client: Client, ann: User) -> None:
        client.post("/account", {"name": "laptop", "days": 7})
        answer = client.post("/account", {"revoke": ApiToken.objects.get().token_key}, follow=True)
        assert "The token is revoked" in answer.content.decode()
        assert not ApiToken.objects.exists()

    @pytest.mark.parametrize(
        "form",
        [{"name": "", "days": 7}, {"name": "x" * 101, "days": 7}, {"name": "x", "days": 0}, {"name": "a\u0007b", "days": 7}],
    )
    def test_a_form_that_is_wrong_makes_none_and_is_shown_again(
        self, client: Client, ann: User, form: dict[str, Any]
    ) -> None:
        assert client.post("/account", form).status_code == 400
        assert not ApiToken.objects.exists()

    def test_nobody_keeps_the_page(self, client: Client, ann: User) -> None:
        assert "no-store" in client.get("/account").headers["Cache-Control"]


def spend(person: User, amount: str | None, unit: str, **fields: Any) -> Attempt:
    """Write a paid call for a picture of this person into the ledger."""
    batch = make_batch(owner=person)
    values = {"job": make_job(batch=batch), "provider": "demo", "model": "demo", "fence": 1, "charged": "yes", **fields}
    ids = {"worker": uuid4(), "machine": uuid4()}
    return Attempt.objects.create(amount=amount and Decimal(amount), unit=unit, ended_at=timezone.now(), **ids, **values)


def lines(client: Client) -> list[tuple[str, ...]]:
    """Return what the page says of somebody's spending: of what, this month, and in all."""
    page = client.get("/account").content.decode()
    found = re.findall(r'<tr><th scope="row">(.+?)</th><td>(.+?)</td><td>(.+?)</td></tr>', page)
    return [tuple(line) for line in found]


class TestSpending:
    def test_who_made_nothing_spent_nothing(self, client: Client, ann: User) -> None:
        assert "You have not made a picture yet." in client.get("/account").content.decode()

    def test_each_unit_is_added_up_for_this_month_and_in_all(self, client: Client, ann: User) -> None:
        old = spend(ann, "40", "credits")
        Attempt.objects.filter(pk=old.pk).update(sent_at=timezone.now() - timedelta(days=40))
        for amount, unit in (("3", "credits"), ("6.5", "credits"), ("0.0004", "USD")):
            spend(ann, amount, unit)
        assert lines(client) == [("USD", "0.0004", "0.0004"), ("credits", "9.5", "49.5")]

    def test_an_unknown_price_is_said_and_is_not_nothing(self, client: Client, ann: User) -> None:
        spend(ann, None, "")
        assert lines(client) == [("calls at an unknown price", "1", "1")]

    def test_what_may_have_been_paid_is_said(self, client: Client, ann: User) -> None:
        spend(ann, None, "", charged="unknown")
        assert lines(client) == [("calls that may have been paid", "1", "1")]

    def test_what_was_not_charged_costs_nothing(self, client: Client, ann: User) -> None:
        spend(ann, None, "", charged="no")
        assert lines(client) == []

    def test_prompts_that_one_asked_for_count_too(self, client: Client, ann: User) -> None:
        spend(ann, "0.01", "USD", job=None, asked_by=ann, purpose="prompts")
        spend(ann, "0.02", "USD")
        assert lines(client) == [("USD", "0.03", "0.03")]

    def test_what_others_spent_is_not_shown(self, client: Client, ann: User) -> None:
        spend(User.objects.create_user("bob"), "3", "credits")
        assert lines(client) == []
