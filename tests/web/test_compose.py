"""What the compose page does besides taking prompts: previews, ideas, a table, and a picture by chance."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagegen import pauses
from imagegen.models import Attempt, Batch, Job
from imagegen.states import Visibility
from imagegen.writers.openai import OpenAIChat

pytestmark = pytest.mark.django_db
FORM = {"maker": "demo/demo", "n": "1", "theme": "", "count": "3", "writer": "words"}


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def seen(answer: Any) -> list[str]:
    """Return the prompts of a preview."""
    found = re.search(r'id="preview".*?</ol>', text(answer), re.DOTALL)
    return [" ".join(prompt.split()) for prompt in re.findall(r"<li[^>]*>(.*?)</li>", found[0] if found else "", re.DOTALL)]


def suggested(answer: Any) -> list[str]:
    return re.findall(r'name="suggestion" value="([^"]*)"', text(answer))


def written(answer: Any) -> str:
    found = re.search(r"<textarea name=\"prompts\"[^>]*>\n?(.*?)</textarea>", text(answer), re.DOTALL)
    return found[1] if found else ""


def held(answer: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text(answer))
    return found[1] if found else ""


class TestPreview:
    def test_nothing_is_queued(self, client: Client) -> None:
        assert seen(client.post("/", {**FORM, "prompts": "A kite\nA {b|b} c", "preview": "1"})) == ["A kite", "A b c"]
        assert not Batch.objects.exists()

    def test_what_was_seen_is_what_is_made(self, client: Client) -> None:
        template = " ".join(["{a|b|c|d|e|f|g}"] * 8)
        preview = client.post("/", {**FORM, "prompts": template, "preview": "1"})
        client.post("/", {**FORM, "prompts": template, "template_seed": held(preview, "template_seed")})
        assert [Job.objects.get().prompt] == seen(preview)

    def test_a_seed_is_kept_until_others_are_asked_for(self, client: Client) -> None:
        form = {**FORM, "prompts": "{a|b}", "template_seed": "7"}
        assert held(client.post("/", {**form, "preview": "1"}), "template_seed") == "7"
        assert held(client.post("/", {**form, "preview": "again"}), "template_seed") != "7"

    def test_text_alone_needs_no_seed(self, client: Client) -> None:
        assert held(client.post("/", {**FORM, "prompts": "A kite", "preview": "1"}), "template_seed") == ""

    def test_of_many_the_first_are_shown_and_all_are_counted(self, client: Client) -> None:
        page = client.post("/", {**FORM, "prompts": "A kite", "n": "150", "preview": "1"})
        assert len(seen(page)) == 100
        assert "150 pictures, free" in text(page)
        assert "And 50 more" in text(page)

    def test_a_saved_style_is_visible_in_it(self, client: Client) -> None:
        page = client.post("/", {**FORM, "prompts": "A kite", "style": "woodcut", "preview": "1"})
        assert seen(page)[0].startswith("A kite, woodcut print")

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"prompts": "A __nowhere__"}, "Prompt 1: there is no list 'nowhere'."),
            ({"prompts": "A {{beast}}"}, "Prompt 1: there is no column 'beast'"),
            ({"prompts": "{{a}}", "table": "a,b\n1,2"}, "no line names the column 'b', as {{b}}"),
            ({"prompts": "{{a}}", "table": "a\n1,2"}, "line 2: has 2 cells"),
            ({"prompts": " ".join(["{a|b}"] * 11), "templates": "all"}, "more than 1000 prompts"),
            ({"prompts": "{a|b}", "template_count": "1001"}, "1 to 1000"),
            ({"prompts": "{a|b}", "template_seed": "0"}, "greater than or equal to 1"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_lost(self, client: Client, fields: dict[str, str], said: str) -> None:
        page = client.post("/", {**FORM, **fields, "preview": "1"})
        assert said in text(page)
        assert written(page) == fields["prompts"]


def test_the_library_is_found_where_its_lists_are_named(client: Client) -> None:
    page = client.get("/").content.decode()
    assert '{red|blue} becomes one of two, __animals__ a line of a list in the <a href="/library">library</a>.</div>' in page


class TestTable:
    def test_a_line_becomes_a_prompt_for_each_row(self, client: Client) -> None:
        client.post("/", {**FORM, "prompts": "{{who}} in {{where}}\nA kite", "table": "who,where\nA fox,a wood\nTwo owls,"})
        assert [*Job.objects.order_by("position").values_list("prompt", flat=True)] == [
            "A fox in a wood",
            "Two owls in",
            "A kite",
        ]

    def test_a_cell_is_text_whatever_signs_it_has(self, client: Client) -> None:
        client.post("/", {**FORM, "prompts": "A {{what}}", "table": 'what\n"{red|blue} __kite__"'})
        assert Job.objects.get().prompt == "A {red|blue} __kite__"


class TestIdeas:
    def ask(self, client: Client, wish: str, **fields: str) -> Any:
        return client.post("/", {**FORM, "prompts": "A kite", "help": wish, **fields})

    def test_a_list_about_a_theme_stands_beside_the_text(self, client: Client) -> None:
        page = self.ask(client, "write", theme="robots")
        assert len(suggested(page)) == 3
        assert all("robots" in prompt for prompt in suggested(page))
        assert written(page) == "A kite"

    def test_each_line_is_improved(self, client: Client) -> None:
        found = suggested(self.ask(client, "improve", prompts="A kite\n\nA piano"))
        assert [prompt.split()[1].strip(",") for prompt in found] == ["kite", "piano"]

    def test_without_a_line_there_is_nothing_to_improve(self, client: Client) -> None:
        assert "Write a line first." in text(self.ask(client, "improve", prompts=" \n"))

    def test_one_suggestion_is_added_below_and_the_others_stay(self, client: Client) -> None:
        page = client.post("/", {**FORM, "prompts": "A kite\n", "suggestion": ["One", "Two", "Three"], "add": "1"})
        assert written(page) == "A kite\nTwo"
        assert suggested(page) == ["One", "Three"]

    def test_all_are_added_to_an_empty_text(self, client: Client) -> None:
        page = client.post("/", {**FORM, "prompts": "", "suggestion": ["One", "Two"], "add": "all"})
        assert written(page) == "One\nTwo"

    def test_all_of_them_change_places_with_what_somebody_wrote(self, client: Client) -> None:
        improved = {"suggestion": ["A big kite", "A long piano"], "add": "instead"}
        page = client.post("/", {**FORM, "prompts": "A kite\r\nA piano\r\n", **improved})
        assert written(page) == "A big kite\nA long piano"
        assert suggested(page) == ["A kite", "A piano"]

    def test_a_writer_that_cannot_be_reached_says_so_and_another_is_offered(
        self, client: Client, silent_writer: str
    ) -> None:
        page = self.ask(client, "write", writer=silent_writer)
        assert "The writer 'silent' wrote nothing." in text(page)
        assert "The writer words can do it for nothing" in text(page)
        assert suggested(page) == []

    def test_people_without_an_account_get_none_where_they_may_not_make_pictures(
        self, client: Client, settings: Any
    ) -> None:
        settings.ANONYMOUS_ACCESS = "read"
        assert self.ask(client, "surprise").status_code == 403


@pytest.fixture
def silent_writer(settings: Any) -> str:
    """A writer at an address where nobody listens."""
    settings.PROMPT_WRITERS = {
        "words": settings.PROMPT_WRITERS["words"],
        "silent": {"BACKEND": f"{OpenAIChat.__module__}.OpenAIChat", "OPTIONS": {"host": "http://127.0.0.1:9/v1"}},
    }
    return "silent"


class TestByChance:
    def test_the_picture_is_everybodys_to_see(self, client: Client) -> None:
        answer = client.post("/random", {"once": str(uuid4())})
        batch = Batch.objects.get()
        assert answer["Location"] == f"/batches/{batch.pk}"
        assert (batch.visibility, batch.source) == (Visibility.PUBLIC, "random")

    def test_a_double_click_is_one_picture(self, client: Client) -> None:
        once = str(uuid4())
        places = {client.post("/random", {"once": once})["Location"] for _ in range(2)}
        assert (len(places), Job.objects.count()) == (1, 1)

    def test_it_is_in_the_history_of_whoever_asked(self, client: Client) -> None:
        client.force_login(User.objects.create_user("ada"))
        client.post("/random")
        assert Job.objects.get().prompt in text(client.get("/history"))

    def test_a_writer_that_fails_is_not_replaced_without_asking(
        self, client: Client, settings: Any, silent_writer: str
    ) -> None:
        settings.DEFAULT_WRITER = silent_writer
        page = client.post("/random")
        assert page.status_code == 502
        assert "wrote nothing" in text(page)
        assert not Batch.objects.exists()
        assert 'name="writer" value="words"' in text(page)

    @pytest.mark.parametrize("asked", [{"writer": "<b>Homer</b>"}, {}])
    def test_what_cannot_be_done_is_said(self, client: Client, settings: Any, asked: dict[str, str]) -> None:
        settings.DEFAULT_PROVIDER = "stability"
        page = client.post("/random", asked)
        assert page.status_code == 400
        assert ("is not one of" if asked else "cannot be used yet") in text(page)
        assert "<b>" not in page.content.decode()

    def test_the_brake_holds_it_back(self, client: Client) -> None:
        pauses.stop_everything("ada")
        client.post("/random")
        assert not Attempt.objects.exists()
