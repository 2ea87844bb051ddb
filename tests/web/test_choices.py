"""What a browser remembers of the compose form, and what the form's button says it would make."""

import json
from http.cookies import Morsel
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imagegen import library
from imagegen.library import StyleWords
from imagegen.models import Batch, Job
from imagegen.web import choices
from tests.standins.stability import StabilityStandIn
from tests.test_metadata import told
from tests.web.test_restored import shown, text

pytestmark = pytest.mark.django_db
FORM = {"prompts": "A kite", "maker": "demo/demo", "n": "1"}
CHOSEN = {"size": "64x64", "style": "ocean", "n": "3"}


def cookie(client: Client) -> "Morsel[str]":
    return client.cookies[choices.COOKIE]


def kept(client: Client) -> dict[str, Any]:
    """Return what the browser keeps."""
    values: dict[str, Any] = json.loads(cookie(client).value)
    return values


def remember(client: Client, value: str) -> None:
    client.cookies[choices.COOKIE] = value


def count(client: Client, **fields: str) -> str:
    """Return what the button says of a form."""
    answer = client.post("/", {**FORM, **fields, "estimate": "1"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    said = answer.json()
    assert [*said] == ["estimate"]
    return str(said["estimate"])


class TestRemembering:
    def test_what_was_chosen_stands_in_the_next_form(self, client: Client) -> None:
        client.post("/", {**FORM, **CHOSEN})
        form = shown(client.get("/"))
        assert {name: form[name] for name in CHOSEN} == CHOSEN

    def test_what_was_written_is_not_kept(self, client: Client) -> None:
        client.post("/", {**FORM, "prompts": "A secret kite", "negative_prompt": "a secret", "seed": "12", "table": ""})
        form = shown(client.get("/"))
        assert (form["prompts"], form["negative_prompt"], form["seed"]) == ("", "", "")
        assert "secret" not in cookie(client).value

    def test_each_form_is_a_purchase_of_its_own(self, client: Client) -> None:
        client.post("/", {**FORM, **CHOSEN})
        first, second = (shown(client.get("/"))["once"] for _ in range(2))
        assert first
        assert first != second

    def test_what_is_usual_is_not_kept(self, client: Client) -> None:
        client.post("/", {**FORM, "style": "ocean"})
        assert kept(client) == {"style": "ocean"}

    def test_going_back_to_the_usual_is_remembered_too(self, client: Client) -> None:
        client.post("/", {**FORM, **CHOSEN})
        client.post("/", FORM)
        assert kept(client) == {}
        assert shown(client.get("/"))["n"] == "1"

    def test_another_provider_is_remembered(self, client: Client, stability_provider: StabilityStandIn) -> None:
        client.post("/", FORM)
        assert shown(client.get("/"))["maker"] == "demo/demo"

    def test_options_are_open_where_something_was_chosen(self, client: Client) -> None:
        assert '<details class="options" open>' not in text(client.get("/"))
        client.post("/", {**FORM, **CHOSEN})
        assert '<details class="options" open>' in text(client.get("/"))

    @pytest.mark.parametrize(
        "fields", [{"preview": "1"}, {"estimate": "1"}, {"help": "surprise"}, {"seed": "no number"}], ids=str
    )
    def test_only_who_makes_pictures_has_chosen(self, client: Client, fields: dict[str, str]) -> None:
        client.post("/", {**FORM, **CHOSEN, **fields})
        assert choices.COOKIE not in client.cookies

    def test_a_file_chooses_nothing(self, client: Client) -> None:
        client.post("/", {**FORM, **CHOSEN, "file": SimpleUploadedFile("a.png", told(style="ocean"))})
        assert choices.COOKIE not in client.cookies

    def test_no_script_and_no_other_site_reads_it(self, client: Client) -> None:
        client.post("/", {**FORM, **CHOSEN})
        assert cookie(client)["httponly"]
        assert cookie(client)["samesite"] == "Lax"
        assert int(cookie(client)["max-age"]) > 24 * 3600


BROKEN = {
    "empty": "",
    "no JSON": "{",
    "words": "maker=demo",
    "a list": '["demo/demo"]',
    "a number": "7",
    "not a number": "NaN",
    "nothing": "null",
    "nested lists": "[" * 3000,
    "nested objects": '{"maker":' * 2000,
    "a number of many digits": '{"n": ' + "9" * 10_000 + "}",
    "numbers": '{"maker": 1, "size": 2.5, "style": true, "n": 3}',
    "objects": '{"maker": {"a": 1}, "size": ["64x64"], "style": {}, "n": null}',
    "too long": json.dumps({"size": "x" * 201, "maker": "y" * 3000}),
    "fields that are not kept": '{"prompts": "A planted kite", "seed": "5", "once": "planted", "table": "a"}',
    "no numbers": '{"n": "many", "size": "large"}',
    "control signs": '{"size": "\\u0000\\u0007\\n", "n": "\\u0000"}',
    "half of a surrogate pair": '{"size": "\\ud800"}',
    "half of a surrogate pair for a number": '{"n": "\\udfff"}',
    "an unknown maker": '{"maker": "gone/gone-1"}',
    "an unknown style": '{"style": "cubist-9", "quality": "cubist-9"}',
}


class TestBrokenCookies:
    @pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
    def test_the_form_is_there_and_can_be_sent(self, client: Client, value: str) -> None:
        remember(client, value)
        page = client.get("/")
        assert page.status_code == 200
        answer = client.post("/", {**shown(page), "prompts": "A kite", "n": "1", "size": ""})
        assert answer.status_code == 302
        assert Job.objects.get().prompt == "A kite"

    @pytest.mark.parametrize("name", ["numbers", "objects", "too long", "fields that are not kept", "nothing", "a list"])
    def test_what_cannot_be_meant_is_not_shown(self, client: Client, name: str) -> None:
        usual = {**shown(client.get("/")), "once": ""}
        remember(client, BROKEN[name])
        assert {**shown(client.get("/")), "once": ""} == usual

    def test_a_maker_that_is_gone_leaves_the_usual_one(self, client: Client) -> None:
        remember(client, '{"maker": "gone/gone-1", "n": "2"}')
        form = shown(client.get("/"))
        assert (form["maker"], form["n"]) == ("demo/demo", "2")

    def test_markup_in_it_is_text(self, client: Client) -> None:
        script = '"><script>alert(1)</script>'
        remember(client, json.dumps({"size": script, "n": script, "style": script}))
        page = client.get("/")
        assert "<script>alert" not in page.content.decode()
        assert shown(page)["size"] == script

    def test_a_value_of_the_longest_is_shown(self, client: Client) -> None:
        remember(client, json.dumps({"size": "x" * choices.MAX_LENGTH}))
        assert shown(client.get("/"))["size"] == "x" * choices.MAX_LENGTH


class TestCount:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({}, "1, free"),
            ({"prompts": "A kite\n\nA piano\r\n"}, "2, free"),
            ({"n": "3"}, "3, free"),
            ({"n": ""}, "1, free"),
            ({"prompts": "A kite\nA piano", "n": "4"}, "8, free"),
            ({"prompts": "A {red|blue} kite"}, "1, free"),
            ({"prompts": "A {red|blue} kite", "template_count": "5"}, "5, free"),
            ({"prompts": "A {red|blue} kite\nA fox", "templates": "all"}, "3, free"),
            ({"prompts": "A {red|blue} kite", "templates": "all", "n": "2"}, "4, free"),
            ({"prompts": "A {red|blue} kite", "templates": "off"}, "1, free"),
            ({"prompts": "A {{what}}\nA fox", "table": "what\nkite\npiano\n"}, "3, free"),
            ({"prompts": "A kite", "n": "1000"}, "1000, free"),
        ],
        ids=str,
    )
    def test_it_says_how_many_and_what_they_cost(self, client: Client, fields: dict[str, str], said: str) -> None:
        assert count(client, **fields) == said

    def test_what_costs_something_says_so(self, client: Client, stability_provider: StabilityStandIn) -> None:
        assert count(client, maker="stability/core", n="2") == "2, 6 credits"

    @pytest.mark.parametrize(
        "fields",
        [
            {"prompts": ""},
            {"prompts": " \r\n\t"},
            {"n": "0"},
            {"n": "-1"},
            {"n": "many"},
            {"n": "1001"},
            {"n": "9" * 30},
            {"seed": "x"},
            {"seed": "9" * 30},
            {"size": "large"},
            {"size": "0:0"},
            {"style": "cubist-9"},
            {"maker": "gone/gone-1"},
            {"maker": "demo"},
            {"templates": "sometimes"},
            {"template_count": "0"},
            {"template_count": "9" * 30},
            {"prompts": "A __nowhere__ kite"},
            {"prompts": "A {{what}}"},
            {"table": "a,a\n1,2"},
            {"table": "a\n1"},
            {"prompts": " ".join(["{a|b}"] * 11), "templates": "all"},
            {"prompts": "A \0 kite"},
            {"once": "x" * 100},
        ],
        ids=str,
    )
    def test_of_a_form_that_cannot_be_sent_it_says_nothing(self, client: Client, fields: dict[str, str]) -> None:
        assert count(client, **fields) == ""

    @pytest.mark.parametrize("access", ["read", "closed"])
    def test_to_who_may_make_none_it_says_nothing(self, client: Client, settings: Any, access: str) -> None:
        settings.ANONYMOUS_ACCESS = access
        assert count(client) == ""
        client.force_login(User.objects.create_user("ada"))
        assert count(client) == "1, free"

    def test_a_style_of_ones_own_counts(self, client: Client) -> None:
        ada = User.objects.create_user("ada")
        library.save_style(ada, StyleWords("my-style", suffix="in my style"))
        assert count(client, style="my-style") == ""
        client.force_login(ada)
        assert count(client, style="my-style") == "1, free"

    def test_nothing_is_made_by_counting(self, client: Client) -> None:
        count(client, n="3")
        assert not Batch.objects.exists()

    def test_what_is_counted_is_what_is_made(self, client: Client) -> None:
        fields = {"prompts": "A {red|blue|green} kite\nA fox", "templates": "all", "n": "2"}
        said = count(client, **fields)
        client.post("/", {**FORM, **fields})
        assert said == f"{Job.objects.count()}, free"

    def test_the_page_has_a_place_for_it(self, client: Client) -> None:
        assert 'id="estimate"' in text(client.get("/"))
