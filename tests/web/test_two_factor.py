"""Signing in with a second factor: turned on, asked for, used once, turned off."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client

from tests.authenticator import code
from tests.waiting import unused_port

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
ACTIVATE, DEACTIVATE = "/accounts/two-factor/activate/", "/accounts/two-factor/deactivate/"
AUTHENTICATE, CODES = "/accounts/two-factor/authenticate/", "/accounts/two-factor/codes/"


def sign_in(client: Client) -> Any:
    return client.post("/accounts/login/", {"login": "ann", "password": PASSWORD})


def give_password_again(client: Client, path: str) -> Any:
    return client.post(f"/accounts/reauthenticate/?next={path}", {"password": PASSWORD, "next": path})


def turn_on(client: Client) -> str:
    """Turn it on as somebody who has signed in does, and return the secret that their app keeps."""
    give_password_again(client, ACTIVATE)
    secret = str(client.get(ACTIVATE).context["form"].secret)
    assert client.post(ACTIVATE, {"code": code(secret)}).headers["Location"] == CODES
    return secret


def recovery_codes(client: Client) -> list[str]:
    return list(client.get(CODES).context["unused_codes"])


def is_signed_in(client: Client) -> bool:
    return client.get("/account").status_code == 200


@pytest.fixture
def ann(client: Client) -> User:
    ann = User.objects.create_user("ann", password=PASSWORD)
    sign_in(client)
    return ann


@pytest.fixture
def secret(client: Client, ann: User) -> str:
    return turn_on(client)


class TestTurningOn:
    def test_the_password_is_asked_for_again_first(self, client: Client, ann: User) -> None:
        assert client.get(ACTIVATE).headers["Location"] == f"/accounts/reauthenticate/?next={ACTIVATE.replace('/', '%2F')}"
        assert give_password_again(client, ACTIVATE).headers["Location"] == ACTIVATE

    def test_the_page_draws_the_code_itself_and_nobody_keeps_it(self, client: Client, ann: User) -> None:
        give_password_again(client, ACTIVATE)
        page = client.get(ACTIVATE)
        assert "<svg " in page.content.decode()
        assert "data:" not in page.content.decode() + page.headers["Content-Security-Policy"]
        assert "no-store" in page.headers["Cache-Control"]

    def test_a_wrong_code_turns_nothing_on(self, client: Client, ann: User) -> None:
        give_password_again(client, ACTIVATE)
        client.get(ACTIVATE)
        assert "Incorrect code" in client.post(ACTIVATE, {"code": "000000"}).content.decode()
        assert not Authenticator.objects.exists()

    def test_the_account_says_since_when_and_how_many_codes_are_left(self, client: Client, secret: str) -> None:
        page = client.get("/account").content.decode()
        assert "Signing in asks for a code of your app" in page
        assert "You have 10 recovery codes left." in page

    def test_recovery_codes_are_shown_and_downloaded(self, client: Client, secret: str) -> None:
        shown = recovery_codes(client)
        answer = client.get(f"{CODES}file/")
        assert answer.content.decode().split() == shown
        assert answer.headers["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'

    def test_new_recovery_codes_replace_the_old(self, client: Client, secret: str) -> None:
        old = recovery_codes(client)
        client.post(f"{CODES}new/")
        assert not {*old} & {*recovery_codes(client)}


class TestSigningIn:
    @pytest.fixture(autouse=True)
    def signed_out(self, client: Client, secret: str) -> None:
        self.codes = recovery_codes(client)
        client.post("/accounts/logout/")

    def test_the_password_alone_opens_nothing(self, client: Client) -> None:
        assert sign_in(client).headers["Location"] == AUTHENTICATE
        assert not is_signed_in(client)
        assert client.post("/api/tokens", {"name": "x"}, content_type="application/json").status_code == 401

    def test_a_code_of_the_app_does(self, client: Client, secret: str) -> None:
        sign_in(client)
        client.post(AUTHENTICATE, {"code": code(secret)})
        assert is_signed_in(client)

    def test_one_goes_on_where_one_was(self, client: Client, secret: str) -> None:
        client.post("/accounts/login/", {"login": "ann", "password": PASSWORD, "next": "/history"})
        assert client.post(AUTHENTICATE, {"code": code(secret)}).headers["Location"] == "/history"

    def test_a_code_counts_once(self, client: Client, secret: str) -> None:
        used = code(secret)
        for visitor in (client, Client()):
            sign_in(visitor)
            visitor.post(AUTHENTICATE, {"code": used})
        assert is_signed_in(client)
        assert not is_signed_in(visitor)

    def test_a_recovery_code_counts_once(self, client: Client) -> None:
        for visitor in (client, Client()):
            sign_in(visitor)
            visitor.post(AUTHENTICATE, {"code": self.codes[0]})
        assert is_signed_in(client)
        assert not is_signed_in(visitor)

    def test_a_code_of_a_while_ago_opens_nothing(self, client: Client, secret: str) -> None:
        sign_in(client)
        client.post(AUTHENTICATE, {"code": code(secret, steps_ago=2)})
        assert not is_signed_in(client)

    def test_who_guesses_is_stopped_even_with_the_right_code(self, client: Client, secret: str) -> None:
        sign_in(client)
        for number in range(5):
            client.post(AUTHENTICATE, {"code": f"{number:06}"})
        assert "Too many failed login attempts" in client.post(AUTHENTICATE, {"code": code(secret)}).content.decode()
        assert not is_signed_in(client)

    def test_one_may_be_somebody_else_instead(self, client: Client) -> None:
        sign_in(client)
        assert client.post("/accounts/logout/", {"next": "/accounts/login/"}).headers["Location"] == "/accounts/login/"
        assert client.get(AUTHENTICATE).headers["Location"] == "/accounts/login/"


class TestTurningOff:
    def test_it_is_asked_again_who_one_is(self, client: Client, secret: str) -> None:
        client.post("/accounts/logout/")
        sign_in(client)
        client.post(AUTHENTICATE, {"code": code(secret)})
        assert "/accounts/reauthenticate/" in client.post(DEACTIVATE).headers["Location"]
        assert Authenticator.objects.exists()

    def test_then_the_password_is_enough(self, client: Client, secret: str) -> None:
        assert "Turn off two-factor sign-in?" in client.get(DEACTIVATE).content.decode()
        assert "Two-factor sign-in is off." in client.post(DEACTIVATE, follow=True).content.decode()
        assert not Authenticator.objects.exists()
        client.post("/accounts/logout/")
        sign_in(client)
        assert is_signed_in(client)


class TestGuessing:
    def test_who_guesses_a_password_is_stopped_even_with_the_right_one(self, client: Client) -> None:
        User.objects.create_user("ann", password=PASSWORD)
        for number in range(5):
            client.post("/accounts/login/", {"login": "ann", "password": f"wrong {number}"})
        assert "Too many failed login attempts" in sign_in(client).content.decode()
        assert not is_signed_in(client)

    def test_too_many_requests_get_a_page(self, client: Client, settings: Any) -> None:
        settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
        sign_in(client)
        answer = sign_in(client)
        assert (answer.status_code, "Too many tries" in answer.content.decode()) == (429, True)

    def test_nobody_is_let_in_while_nobody_counts(self, client: Client, settings: Any) -> None:
        User.objects.create_user("ann", password=PASSWORD)
        cache = settings.CACHES["default"]
        settings.CACHES = {"default": {**cache, "LOCATION": f"redis://127.0.0.1:{unused_port()}/0"}}
        answer = sign_in(client)
        assert (answer.status_code, "Please try again in a moment" in answer.content.decode()) == (503, True)
