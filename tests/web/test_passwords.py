"""A forgotten password: a link by mail, a link of whoever runs the site, and what is said where no mail is sent."""

import io
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

pytestmark = pytest.mark.django_db
PASSWORD, NEW = "correct horse battery", "another horse battery"
RESET = "/accounts/password/reset/"


@pytest.fixture
def ann() -> User:
    ann = User.objects.create_user("ann", "ann@example.org", PASSWORD)
    EmailAddress.objects.create(user=ann, email=ann.email, primary=True, verified=True)
    return ann


@pytest.fixture
def mails(settings: Any) -> None:
    """Name a mail server; pytest-django keeps what is given to it."""
    settings.CAN_SEND_MAIL, settings.ACCOUNT_EMAIL_VERIFICATION = True, "optional"
    settings.ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]


def path_in(text: str) -> str:
    """Return the path of the one link in a text."""
    [path] = re.findall(r"http://[^/\s]+(/\S+)", text)
    return str(path)


def follow(client: Client, path: str) -> Any:
    """Open a link and choose a new password."""
    page = client.get(path, follow=True)
    form = page.redirect_chain[-1][0] if page.redirect_chain else path
    return client.post(form, {"password1": NEW, "password2": NEW}, follow=True)


def link_for(name: str, *options: str) -> str:
    said = io.StringIO()
    call_command("reset_link", name, *options, stdout=said)
    return said.getvalue()


class TestByMail:
    pytestmark = pytest.mark.usefixtures("mails")

    def test_a_link_goes_to_ones_address_and_works(self, client: Client, ann: User) -> None:
        assert "Look into your mail" in client.post(RESET, {"email": ann.email}, follow=True).content.decode()
        [sent] = mail.outbox
        assert (sent.to, sent.subject) == ([ann.email], "[Chaotix] Password Reset Email")
        follow(client, path_in(str(sent.body)))
        ann.refresh_from_db()
        assert ann.check_password(NEW)

    def test_a_stranger_learns_nothing(self, client: Client, ann: User) -> None:
        answers = [client.post(RESET, {"email": email}, follow=True) for email in (ann.email, "bob@example.org")]
        assert answers[0].content == answers[1].content

    def test_the_address_is_asked_for_and_confirmed(self, client: Client) -> None:
        form = {"username": "bob", "email": "bob@example.org", "password1": PASSWORD, "password2": PASSWORD}
        client.post("/accounts/signup/", form)
        [sent] = mail.outbox
        path = path_in(str(sent.body).replace("http://testserver\n", ""))
        assert "Is this your address?" in client.get(path).content.decode()
        client.post(path)
        assert EmailAddress.objects.get(email="bob@example.org").verified

    def test_a_mail_that_cannot_be_sent_is_said_and_nothing_breaks(self, client: Client, ann: User, settings: Any) -> None:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
        settings.EMAIL_PORT = 1
        answer = client.post(RESET, {"email": ann.email}, follow=True)
        assert "The mail could not be sent just now." in answer.content.decode()

    def test_an_address_is_changed_by_who_gives_the_password(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        assert "/accounts/reauthenticate/" in client.get("/accounts/email/").headers["Location"]
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        client.post("/accounts/email/", {"email": "new@example.org", "action_add": ""})
        assert [sent.to for sent in mail.outbox] == [["new@example.org"]]
        assert "new@example.org waits" in client.get("/accounts/email/").content.decode()


class TestWithoutMail:
    def test_the_page_says_so_and_who_can_help(self, client: Client, ann: User) -> None:
        for answer in (client.get(RESET), client.post(RESET, {"email": ann.email})):
            assert "This site sends no mail." in answer.content.decode()
            assert "manage.py reset_link" in answer.content.decode()
        assert mail.outbox == []

    def test_nobody_is_asked_for_an_address(self, client: Client, ann: User) -> None:
        assert "email" not in client.get("/accounts/signup/").context["form"].fields
        client.force_login(ann)
        assert "/accounts/email/" not in client.get("/account").content.decode()

    def test_the_page_to_sign_in_leads_there(self, client: Client) -> None:
        assert f'<a href="{RESET}">' in client.get("/accounts/login/").content.decode()


class TestByWhoRunsTheSite:
    def test_a_link_works_once(self, client: Client, ann: User) -> None:
        path = path_in(link_for("ann"))
        follow(client, path)
        ann.refresh_from_db()
        assert ann.check_password(NEW)
        assert "This link does not work" in client.get(path, follow=True).content.decode()

    def test_it_begins_with_the_address_that_people_use(self, settings: Any, ann: User) -> None:
        settings.PUBLIC_URL = "https://pictures.example.org"
        assert link_for("ann").startswith("https://pictures.example.org/accounts/password/reset/key/")

    def test_it_does_not_get_around_a_second_factor(self, client: Client, ann: User) -> None:
        Authenticator.objects.create(user=ann, type="totp", data={"secret": "x"})
        follow(client, path_in(link_for("ann")))
        answer = client.post("/accounts/login/", {"login": "ann", "password": NEW})
        assert answer.headers["Location"] == "/accounts/two-factor/authenticate/"

    def test_who_lost_the_phone_is_let_in_without(self, ann: User) -> None:
        Authenticator.objects.create(user=ann, type="totp", data={"secret": "x"})
        assert "ann signs in without a code from now on." in link_for("ann", "--without-two-factor")
        assert not Authenticator.objects.exists()

    def test_there_is_none_for_nobody(self, ann: User) -> None:
        User.objects.update(is_active=False)
        for name in ("ann", "nobody"):
            with pytest.raises(CommandError, match="can sign in here"):
                link_for(name)
