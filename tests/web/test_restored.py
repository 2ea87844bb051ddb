"""The compose form filled in from a picture, or from a file: nothing is lost on the way, and nothing is paid."""

import html
import io
import json
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from imagegen import metadata, remaking, storage
from imagegen.models import Batch, Job
from imagegen.states import Visibility
from imagegen.web.forms import ComposeForm
from tests.rows import NOBODYS, make_batch, make_job
from tests.test_metadata import told
from tests.test_pictures import encoded
from tests.test_remaking import AUTOMATIC1111, add_seedless, drawn, ours, picture

pytestmark = pytest.mark.django_db(transaction=True)
BUTTONS = {"preview": "1", "estimate": "1", "take": "1", "help": "write", "add": "all"}
FIELDS = [*ComposeForm.base_fields]
# What somebody was about to ask for when they chose a file.
LEFT = {
    "prompts": "A red kite\nA blue kite",
    "maker": "demo/demo",
    "size": "64x64",
    "style": "ocean",
    "negative_prompt": "rain",
    "seed": "12",
    "n": "3",
    "templates": "all",
    "template_count": "2",
    "template_seed": "7",
    "table": "",
    "publish": "",
    "once": "once-upon-a-time",
}


class Form(HTMLParser):
    """What a browser without scripts would send of the compose form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._in_form, self._select, self._textarea = False, "", ""
        self.feed(page)
        # A browser takes no notice of a line break at the beginning.
        self.values = {name: value.removeprefix("\n") for name, value in self.values.items()}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._in_form = given.get("id") == "compose"
        elif not self._in_form:
            return
        elif tag == "input" and given.get("type") != "file":
            self.values[name] = given.get("value", "")
        elif tag == "textarea":
            self._textarea, self.values[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and (self._select not in self.values or "selected" in given):
            self.values[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea] += data


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def shown(answer: Any) -> dict[str, str]:
    """Return what stands in the fields of the form; not what stands among the ideas beside it."""
    return {name: value for name, value in Form(answer.content.decode()).values.items() if name in FIELDS}


def notes(answer: Any) -> str:
    return text(answer).partition('<div class="notes" role="status">')[2].partition("</div>")[0]


def fault(answer: Any) -> str:
    found = text(answer).partition('id="take-help"')[2].partition('<p class="errorlist"')[2]
    return found.partition(">")[2].partition("</p>")[0]


def take(client: Client, name: str, body: bytes | str, **fields: str) -> Any:
    """Choose a file and press "Take over"."""
    content = body.encode() if isinstance(body, str) else body
    return client.post("/", {**LEFT, "take": "1", **fields, "file": SimpleUploadedFile(name, content)})


def send(client: Client, page: Any, **changes: str) -> list[str]:
    """Press "Make pictures" on a page; return the prompts that are drawn."""
    answer = client.post("/", {**shown(page), **changes})
    assert answer.status_code == 302, text(answer)
    made = Job.objects.filter(batch__pk=answer["Location"].rpartition("/")[2]).order_by("position")
    return [*made.values_list("prompt", flat=True)]


def newest() -> Job:
    return Job.objects.order_by("-batch__created")[0]


class TestFromAPicture:
    def test_the_form_is_filled_in_with_what_it_was_made_with(self, client: Client) -> None:
        job = make_job("A kite", negative_prompt="rain", size="64x64", style="ocean", seed=12, actual_seed=77)
        form = shown(client.get(f"/?from={job.pk}"))
        expected = {"prompts": "A kite", "negative_prompt": "rain", "maker": "demo/demo", "size": "64x64", "seed": "77"}
        assert {name: form[name] for name in expected} == expected
        assert (form["style"], form["n"], form["templates"]) == ("ocean", "1", "random")

    def test_a_ratio_stands_where_a_size_would(self, client: Client) -> None:
        assert shown(client.get(f"/?from={make_job(aspect_ratio='16:9').pk}"))["size"] == "16:9"

    def test_what_is_sent_makes_the_same_picture(self, client: Client) -> None:
        job = drawn("A kite & a <fox>", negative_prompt="rain", style="ocean", seed=12)
        send(client, client.get(f"/?from={job.pk}"))
        again = newest()
        assert again.pk != job.pk
        for column in ("prompt", "negative_prompt", "provider", "model", "size", "aspect_ratio", "style", "seed"):
            assert getattr(again, column) == getattr(job, column), column

    def test_nothing_is_made_by_looking(self, client: Client) -> None:
        client.get(f"/?from={make_job().pk}")
        assert Job.objects.count() == 1

    def test_line_breaks_become_spaces_and_that_is_said(self, client: Client) -> None:
        job = make_job("A kite\r\n\n  over a hill\rat noon")
        page = client.get(f"/?from={job.pk}")
        assert shown(page)["prompts"] == "A kite over a hill at noon"
        assert "Its line breaks became spaces" in notes(page)

    def test_where_everything_fits_there_is_nothing_to_say(self, client: Client) -> None:
        assert notes(client.get(f"/?from={make_job().pk}")) == ""

    @pytest.mark.parametrize(
        "prompt",
        ["A {red|blue} kite", "A __colors__ kite", "A {{color}} kite", "{2$$a|b|c}", r"A \{red\} kite", r"\__colors\__"],
    )
    def test_signs_of_templates_are_drawn_as_they_were(self, client: Client, prompt: str) -> None:
        page = client.get(f"/?from={make_job(prompt).pk}")
        assert send(client, page) == [prompt]

    @pytest.mark.parametrize("prompt", ["A kite", "50% off {", "a | b", "A {kite}"])
    def test_text_without_signs_leaves_templates_as_they_usually_are(self, client: Client, prompt: str) -> None:
        assert shown(client.get(f"/?from={make_job(prompt).pk}"))["templates"] == "random"

    def test_a_double_click_is_one_purchase(self, client: Client) -> None:
        page = client.get(f"/?from={make_job().pk}")
        for _ in range(2):
            send(client, page)
        assert Job.objects.count() == 2

    def test_markup_in_a_prompt_is_text(self, client: Client) -> None:
        page = client.get(f"/?from={make_job('</textarea><script>alert(1)</script>').pk}")
        assert "<script>alert" not in page.content.decode()
        assert shown(page)["prompts"] == "</textarea><script>alert(1)</script>"

    def test_what_was_chosen_last_does_not_mix_with_it(self, client: Client) -> None:
        client.cookies["choices"] = json.dumps({"size": "128x128", "n": "9", "style": "forest"})
        form = shown(client.get(f"/?from={make_job(size='64x64').pk}"))
        assert (form["size"], form["n"], form["style"]) == ("64x64", "1", "")


class TestWhoMayFillIn:
    @pytest.fixture
    def private(self) -> Job:
        return make_job(batch=make_batch(owner=User.objects.create_user("ada")))

    def test_another_persons_picture_is_not_there(self, client: Client, private: Job) -> None:
        assert client.get(f"/?from={private.pk}").status_code == 404
        client.force_login(User.objects.create_user("eve"))
        assert client.get(f"/?from={private.pk}").status_code == 404

    def test_its_owner_may(self, client: Client, private: Job) -> None:
        client.force_login(User.objects.get(username="ada"))
        assert shown(client.get(f"/?from={private.pk}"))["prompts"] == private.prompt

    def test_everybody_may_once_it_is_public(self, client: Client, private: Job) -> None:
        Job.objects.update(visibility=Visibility.PUBLIC)
        assert shown(client.get(f"/?from={private.pk}"))["prompts"] == private.prompt

    def test_where_people_without_an_account_see_nothing_they_fill_in_nothing(self, client: Client, settings: Any) -> None:
        job = make_job("A secret kite")
        settings.ANONYMOUS_ACCESS = "closed"
        answer = client.get(f"/?from={job.pk}")
        assert answer.status_code == 403
        assert "A secret kite" not in text(answer)

    @pytest.mark.parametrize("asked", [str(NOBODYS), "7", "nonsense", "%00", "../", "a" * 500])
    def test_what_nobody_knows_is_not_there(self, client: Client, asked: str) -> None:
        assert client.get(f"/?from={asked}").status_code == 404

    def test_an_empty_id_asks_for_an_empty_form(self, client: Client) -> None:
        answer = client.get("/?from=")
        assert (answer.status_code, shown(answer)["prompts"]) == (200, "")


class TestWhatIsNotHere:
    def test_a_model_of_nobody_leads_to_the_usual_one(self, client: Client) -> None:
        page = client.get(f"/?from={make_job(provider='gone', model='gone-1').pk}")
        assert "It was made by gone gone-1, which is not ready here: the usual provider is chosen." in notes(page)
        assert shown(page)["maker"] == "demo/demo"
        assert send(client, page) == ["A piano ninja"]

    def test_a_model_of_that_name_elsewhere_draws_it(self, client: Client) -> None:
        page = client.get(f"/?from={make_job(provider='gone', model='demo').pk}")
        assert (shown(page)["maker"], notes(page)) == ("demo/demo", "")

    def test_a_seed_that_the_provider_does_not_take_is_only_told(self, client: Client, settings: Any) -> None:
        add_seedless(settings)
        page = client.get(f"/?from={make_job(provider='seedless', model='gpt-image-2', seed=12).pk}")
        assert shown(page)["maker"] == "seedless/gpt-image-2"
        assert shown(page)["seed"] == ""
        assert "Its seed was 12; this provider takes none." in notes(page)

    def test_a_seed_that_the_usual_provider_does_not_take_is_only_told(self, client: Client, settings: Any) -> None:
        add_seedless(settings)
        settings.DEFAULT_PROVIDER = "seedless"
        page = client.get(f"/?from={make_job(provider='gone', model='gone-1', seed=12).pk}")
        assert shown(page)["seed"] == ""
        assert "Its seed was 12" in notes(page)

    @pytest.mark.parametrize("name", ["style", "quality"])
    def test_a_word_that_nobody_here_knows_is_only_told(self, client: Client, name: str) -> None:
        fields: dict[str, Any] = {name: "cubist-9"}
        page = client.get(f"/?from={make_job(**fields).pk}")
        assert f"Its {name} 'cubist-9' has no place here." in notes(page)
        assert send(client, page) == ["A piano ninja"]


class TestAPictureFile:
    def test_our_own_file_fills_in_the_form(self, client: Client) -> None:
        job = drawn("A kite", negative_prompt="rain", style="forest", seed=99)
        form = shown(take(client, "kite.png", storage.read(job.picture)))
        asked = {name: form[name] for name in ("prompts", "negative_prompt", "maker", "size", "style", "seed", "n")}
        assert asked == {
            "prompts": "A kite",
            "negative_prompt": "rain",
            "maker": "demo/demo",
            "size": "64x64",
            "style": "forest",
            "seed": "99",
            "n": "1",
        }

    def test_what_is_sent_then_makes_the_same_picture(self, client: Client) -> None:
        job = drawn("A {red|blue} kite", negative_prompt="rain", seed=99)
        assert send(client, take(client, "kite.png", storage.read(job.picture))) == [job.prompt]
        assert remaking.of_job(newest()) == remaking.of_job(job)

    def test_a_file_of_automatic1111_brings_what_has_a_place_and_tells_the_rest(self, client: Client) -> None:
        page = take(client, "00001-1234.PNG", picture(parameters=AUTOMATIC1111))
        form = shown(page)
        assert form["prompts"] == "a red kite, (flying:1.2) over a hill"
        assert (form["negative_prompt"], form["size"], form["seed"]) == ("rain, blurry", "512x768", "1234")
        assert form["maker"] == "demo/demo"
        assert "It was made by dreamshaper_8, which is not ready here" in notes(page)
        assert "sampler Euler a, cfg scale 7.5, steps 20" in notes(page)

    def test_a_form_filled_in_by_it_can_be_sent(self, client: Client) -> None:
        page = take(client, "a.png", picture(parameters=AUTOMATIC1111))
        assert send(client, page) == ["a red kite, (flying:1.2) over a hill"]

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "this is no PNG that can be read"),
            (encoded("JPEG"), "this is no PNG that can be read"),
            (encoded("PNG"), "this picture does not say how it was made"),
            (metadata.plain(told()), "this picture does not say how it was made"),
        ],
        ids=["empty", "a JPEG", "a picture without texts", "our own without its texts"],
    )
    def test_what_says_nothing_changes_nothing(self, client: Client, body: bytes, said: str) -> None:
        answer = take(client, "a.png", body)
        assert answer.status_code == 200
        assert f"Nothing was taken over: {said}." in fault(answer)
        assert shown(answer) == LEFT

    @pytest.mark.parametrize("name", ["prompt", "negative_prompt", "size"])
    def test_half_of_a_surrogate_pair_does_not_break_the_page(self, client: Client, name: str) -> None:
        assert take(client, "a.png", ours(**{name: "a \ud800 kite"})).status_code in (200, 400)

    def test_a_strangers_file_of_wrong_types_does_not_break_the_page(self, client: Client) -> None:
        said = {"scheduler": "x", "seed": 5, "positive_prompt": "a kite", "full_prompt": 5, "full_negative_prompt": [1]}
        assert take(client, "a.png", picture(invokeai_metadata=json.dumps(said))).status_code in (200, 400)

    def test_markup_in_what_a_file_says_is_text(self, client: Client) -> None:
        script = "<script>alert(1)</script>"
        body = ours(prompt=script, provider=script, model=script, style=script, quality=script)
        assert "<script>alert" not in take(client, "a.png", body).content.decode()

    def test_a_seed_beyond_all_here_is_no_obstacle(self, client: Client) -> None:
        page = take(client, "a.png", ours(seed=2**64))
        assert shown(page)["seed"] == ""
        assert send(client, page) == ["a kite"]

    def test_a_large_picture_is_not_decoded(self, client: Client) -> None:
        file = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(file, "PNG")
        body = file.getvalue()
        text_chunk = picture(parameters=AUTOMATIC1111)
        start, end = text_chunk.index(b"tEXt") - 4, text_chunk.index(b"IDAT") - 4
        assert shown(take(client, "a.png", body[:33] + text_chunk[start:end] + body[33:]))["seed"] == "1234"

    def test_a_prompt_of_blanks_four_times_as_long_does_not_take_sixteen_times_as_long(self, client: Client) -> None:
        def seconds(count: int) -> float:
            body = ours(prompt=f"a{' ' * count}kite")
            before = time.process_time()
            take(client, "a.png", body)
            return time.process_time() - before

        short, long = seconds(2000), seconds(8000)
        assert long < 6 * max(short, 0.05)


class TestLinesOfText:
    def test_prompts_are_added_below_what_was_written(self, client: Client) -> None:
        page = take(client, "more.txt", "A fox\n\n  Two owls  \r\n")
        assert shown(page)["prompts"] == "A red kite\nA blue kite\nA fox\nTwo owls"

    def test_everything_else_stays_as_it_was(self, client: Client) -> None:
        form = shown(take(client, "more.txt", "A fox", table="a\n1"))
        assert {**form, "prompts": ""} == {**LEFT, "prompts": "", "table": "a\n1"}

    def test_an_empty_form_has_the_prompts_alone(self, client: Client) -> None:
        page = take(client, "MORE.TXT", "\ufeffA fox\nTwo owls", prompts="")
        assert shown(page)["prompts"] == "A fox\nTwo owls"
        assert send(client, page, n="1", templates="random") == ["A fox", "Two owls"]

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "the file is empty"),
            (b" \n\r\n\t", "the file is empty"),
            (b"A fox\nTwo \xff owls", "line 2: the file is not UTF-8 text"),
            ("A fox".encode("utf-16"), "line 1: the file is not UTF-8 text"),
            (encoded("PNG"), "line 1: the file is not UTF-8 text"),
        ],
        ids=["empty", "blank", "not UTF-8", "UTF-16", "a picture"],
    )
    def test_what_cannot_be_read_changes_nothing(self, client: Client, body: bytes, said: str) -> None:
        answer = take(client, "more.txt", body)
        assert answer.status_code == 200
        assert f"Nothing was taken over: {said}." in fault(answer)
        assert shown(answer) == LEFT

    def test_suggestions_stay_beside_it(self, client: Client) -> None:
        file = SimpleUploadedFile("more.txt", b"A fox")
        page = client.post("/", {**LEFT, "take": "1", "suggestion": ["One kite", "Two kites"], "file": file})
        assert 'name="suggestion" value="One kite"' in text(page)
        assert 'name="suggestion" value="Two kites"' in text(page)


class TestTables:
    def test_its_prompts_are_drawn_row_by_row(self, client: Client) -> None:
        page = take(client, "a.csv", 'prompt\nA fox\n"A {red|blue} kite"\n', prompts="", n="1", template_count="1")
        assert shown(page)["prompts"] == "{{prompt}}"
        assert send(client, page) == ["A fox", "A {red|blue} kite"]

    def test_without_prompts_its_columns_are_named_to_write_a_line_with(self, client: Client) -> None:
        page = take(
            client, "a.csv", "animal,place\nA fox,a wood\nTwo owls,the moon\n", prompts="", n="1", template_count="1"
        )
        assert shown(page)["prompts"] == ""
        assert "Write a line that names its columns: {{animal}}, {{place}}." in notes(page)
        assert send(client, page, prompts="{{animal}} in {{place}}") == ["A fox in a wood", "Two owls in the moon"]

    def test_lines_that_were_written_stay(self, client: Client) -> None:
        page = take(client, "a.csv", "prompt,animal\nx,A fox\n", prompts="{{animal}} in a wood")
        assert shown(page)["prompts"] == "{{animal}} in a wood"

    def test_templates_that_were_off_are_on_for_its_columns(self, client: Client) -> None:
        page = take(client, "a.csv", "prompt\nA fox\n", prompts="", templates="off", n="1", template_count="1")
        assert send(client, page) == ["A fox"]

    def test_everything_else_stays_as_it_was(self, client: Client) -> None:
        form = shown(take(client, "a.csv", "animal\nA fox\n"))
        assert {**form, "table": ""} == LEFT

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("", "the file has no rows below its first line"),
            ("animal,place\n", "the file has no rows below its first line"),
            ("a,a\n1,2\n", "line 1: there are two columns 'a'"),
            ("a\n1\n2,3\n", "line 3: has 2 cells, and there are 1 columns"),
            ('a\n"b', "this is not CSV"),
            (b"a\n\xff\n", "line 2: the file is not UTF-8 text"),
        ],
    )
    def test_what_cannot_be_read_changes_nothing(self, client: Client, body: bytes | str, said: str) -> None:
        answer = take(client, "a.csv", body)
        assert answer.status_code == 200
        assert said in fault(answer)
        assert shown(answer) == LEFT


class TestJsonLines:
    def test_texts_and_objects_are_added_below_what_was_written(self, client: Client) -> None:
        page = take(client, "a.jsonl", '"A fox"\n\n{"prompt": "Two owls\\nat noon"}\n')
        assert shown(page)["prompts"] == "A red kite\nA blue kite\nA fox\nTwo owls at noon"

    def test_options_of_their_own_are_named_and_nothing_is_lost(self, client: Client) -> None:
        body = '"A fox"\n{"prompt": "Two owls", "seed": 5, "n": 2}\n'
        answer = take(client, "a.jsonl", body, table="a\n1")
        assert answer.status_code == 200
        said = "line 2 has options of its own (seed, n), which the API takes: POST /api/batches."
        assert f"Nothing was taken over: {said}" in fault(answer)
        assert shown(answer) == {**LEFT, "table": "a\n1"}

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("", "the file is empty"),
            ('"A fox"\n7\n', "line 2 is no prompt"),
            ('{"prompt": 7}', "line 1 is no prompt"),
            ('{"text": "A fox"}', "line 1 is no prompt"),
            ("null", "line 1 is no prompt"),
            ('"A fox"\n\n{"prompt": ', "line 3: this is not JSON"),
            ("[" * 100_000, "line 1: this is not JSON"),
            ("NaN", "line 1 is no prompt"),
            (b'"\xff"', "line 1: the file is not UTF-8 text"),
        ],
        ids=["empty", "a number", "a prompt that is a number", "no prompt", "null", "cut", "deep", "NaN", "not UTF-8"],
    )
    def test_what_is_no_prompt_is_named_by_its_line(self, client: Client, body: bytes | str, said: str) -> None:
        answer = take(client, "a.jsonl", body)
        assert answer.status_code == 200
        assert said in fault(answer)
        assert shown(answer) == LEFT

    @pytest.mark.parametrize("body", [r'"a \ud800 kite"', r'{"prompt": "a kite", "\ud800": 1}'])
    def test_half_of_a_surrogate_pair_does_not_break_the_page(self, client: Client, body: str) -> None:
        assert take(client, "a.jsonl", body).status_code in (200, 400)


class TestOtherKinds:
    @pytest.mark.parametrize("name", ["a.pdf", "a.jpg", "a.json", "prompts", "a.png.exe", ".gitignore"])
    def test_they_are_refused_with_what_would_do(self, client: Client, name: str) -> None:
        answer = take(client, name, "A fox")
        assert answer.status_code == 200
        assert "this is neither a file of prompts (.txt, .csv, .jsonl) nor a picture (.png)" in fault(answer)
        assert shown(answer) == LEFT


FILES = {
    "a.png": told(),
    "b.png": b"",
    "c.txt": b"A fox",
    "d.txt": b"",
    "e.csv": b"prompt\nA fox\n",
    "f.jsonl": b'"A fox"',
    "g.exe": b"MZ",
}


class TestNothingIsPaid:
    def test_who_wanted_pictures_and_gets_none_is_told_so_by_the_status(self, client: Client) -> None:
        answer = client.post("/", {**LEFT, "file": SimpleUploadedFile("a.exe", b"MZ")})
        assert answer.status_code == 400
        assert "Nothing was taken over" in fault(answer)
        assert shown(answer) == LEFT

    @pytest.mark.parametrize("button", ["", *BUTTONS])
    @pytest.mark.parametrize("name", FILES)
    def test_a_file_never_makes_a_picture_whatever_is_pressed(self, client: Client, name: str, button: str) -> None:
        fields: dict[str, Any] = {**LEFT, "templates": "random", "file": SimpleUploadedFile(name, FILES[name])}
        answer = client.post("/", {**fields, **({button: BUTTONS[button]} if button else {})})
        assert answer.status_code in (200, 400)
        assert not Batch.objects.exists()

    def test_a_file_in_a_field_of_another_name_makes_none_either(self, client: Client) -> None:
        client.post("/", {**LEFT, "elsewhere": SimpleUploadedFile("a.txt", b"A fox")})
        assert not Batch.objects.exists()

    def test_taking_over_without_a_file_makes_none_and_loses_nothing(self, client: Client) -> None:
        answer = client.post("/", {**LEFT, "take": "1"})
        assert not Batch.objects.exists()
        assert shown(answer) == LEFT

    def test_a_form_without_a_file_is_sent_as_browsers_send_it(self, client: Client) -> None:
        """An input for files in which nothing was chosen is a part without a name."""
        fields = {**LEFT, "templates": "random", "n": "1"}
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
        ]
        parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n')
        body = "".join([*parts, "Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"])
        answer = client.generic("POST", "/", body.encode(), content_type="multipart/form-data; boundary=x")
        assert answer.status_code == 302
        assert Job.objects.count() == 2

    def test_every_button_of_the_page_still_does_what_it_says(self, client: Client) -> None:
        """With all fields of the page, those of the ideas too."""
        fields = {**Form(client.get("/").content.decode()).values, "prompts": "A kite"}
        preview = client.post("/", {**fields, "preview": "1"})
        assert 'id="preview"' in text(preview)
        assert client.post("/", fields).status_code == 302
        assert Job.objects.get().prompt == "A kite"


def test_who_may_not_make_pictures_may_still_read_their_files(client: Client, settings: Any) -> None:
    settings.ANONYMOUS_ACCESS = "read"
    assert shown(take(client, "a.png", told(prompt="A kite")))["prompts"] == "A kite"
