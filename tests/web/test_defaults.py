"""What new forms begin with, as somebody says on the page of their account."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen.models import DefaultChoices, Job
from tests.standins.stability import StabilityStandIn
from tests.web.test_restored import shown

pytestmark = pytest.mark.django_db
FORM = {"prompts": "A kite", "maker": "demo/demo", "n": "1"}
OWN = {"maker": "demo/demo", "size": "16:9", "style": "ocean", "n": "2"}


@pytest.fixture
def ann(client: Client) -> User:
    ann = User.objects.create_user("ann")
    client.force_login(ann)
    return ann


def choose(client: Client, **fields: str) -> Any:
    return client.post("/account", {**OWN, **fields, "choices": "keep"}, follow=True)


def begun(client: Client) -> dict[str, str]:
    """Return what a new form begins with, of the fields that people choose."""
    form = shown(client.get("/"))
    return {name: form[name] for name in OWN}


def is_published(client: Client) -> bool:
    """Whether a new form begins with pictures that everybody sees."""
    return bool(client.get("/").context["form"]["publish"].value())


class TestOwnChoices:
    def test_new_forms_begin_with_them(self, client: Client, ann: User) -> None:
        assert "New forms begin with these choices." in choose(client).content.decode()
        assert begun(client) == OWN

    def test_whatever_was_chosen_last(self, client: Client, ann: User) -> None:
        choose(client)
        client.post("/", {**FORM, "size": "64x64", "style": "anime"})
        assert begun(client) == OWN

    def test_in_every_browser(self, client: Client, ann: User) -> None:
        choose(client)
        other = Client()
        other.force_login(ann)
        assert begun(other) == OWN

    def test_they_are_nobody_elses(self, client: Client, ann: User) -> None:
        choose(client)
        assert begun(Client())["style"] == ""

    def test_without_them_forms_begin_with_what_was_chosen_last(self, client: Client, ann: User) -> None:
        client.post("/", {**FORM, "style": "anime"})
        assert begun(client)["style"] == "anime"

    def test_they_are_taken_back(self, client: Client, ann: User) -> None:
        choose(client)
        answer = client.post("/account", {"choices": "forget"}, follow=True)
        assert "New forms begin with what you chose last." in answer.content.decode()
        assert begun(client)["style"] == ""
        assert not DefaultChoices.objects.exists()

    def test_the_usual_can_be_chosen_too(self, client: Client, ann: User) -> None:
        client.post("/", {**FORM, "style": "anime", "n": "3"})
        choose(client, size="", style="", n="1")
        assert (begun(client)["style"], begun(client)["n"]) == ("", "1")

    def test_the_form_says_whose_choices_they_are(self, client: Client, ann: User) -> None:
        assert "your own choices" not in client.get("/").content.decode()
        choose(client)
        assert "your own choices" in client.get("/").content.decode()

    def test_pictures_are_published_by_choice_and_kept_by_another(self, client: Client, ann: User) -> None:
        choose(client, publish="on")
        assert is_published(client)
        client.post("/", FORM)
        assert Job.objects.get().visibility == "private"

    def test_nothing_is_published_without_a_choice(self, client: Client, ann: User) -> None:
        choose(client)
        assert not is_published(client)

    def test_a_provider_that_is_gone_leaves_the_usual_one(self, client: Client, ann: User) -> None:
        DefaultChoices.objects.create(user=ann, provider="gone", model="gone-1", style="ocean")
        assert (begun(client)["maker"], begun(client)["style"]) == ("demo/demo", "ocean")


class TestImpossibleChoices:
    @pytest.mark.parametrize(
        "fields",
        [{"size": "large"}, {"size": "x" * 30}, {"n": "0"}, {"n": "1001"}, {"maker": "gone/gone-1"}, {"style": "cubist-9"}],
        ids=str,
    )
    def test_what_no_picture_could_be_made_with_is_refused(self, client: Client, ann: User, fields: dict[str, str]) -> None:
        answer = choose(client, **fields)
        assert (answer.status_code, 'class="errorlist"' in answer.content.decode()) == (400, True)
        assert not DefaultChoices.objects.exists()

    def test_what_this_provider_cannot_do_is_said(
        self, client: Client, ann: User, stability_provider: StabilityStandIn
    ) -> None:
        page = choose(client, maker="stability/core", size="7:3").content.decode()
        assert "Nothing was changed." in page
        assert '<a href="#id_size">' in page

    def test_nobody_else_chooses(self, client: Client) -> None:
        assert client.post("/account", {**OWN, "choices": "keep"}).status_code == 302
        assert not DefaultChoices.objects.exists()
