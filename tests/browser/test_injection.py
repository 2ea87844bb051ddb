"""Texts of strangers go through every page, file and feed of the product, and stay text."""

import io
import json
import re
import unicodedata
import urllib.parse
import zipfile
from collections.abc import Iterator
from uuid import uuid4
from xml.etree import ElementTree

import pytest
import requests
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo
from playwright.sync_api import Browser, Page, expect
from prometheus_client.parser import text_string_to_metric_families

from tests.browser import Visitor, paused, results
from tests.browser.injections import (
    LINES,
    LONG,
    MARK,
    PROMPTS,
    Attacked,
    Stranger,
    attack,
    cards,
    on_a_page,
    planted,
    planted_in,
    some,
)
from tests.browser.views import PASSWORD, sign_in
from tests.product import Product

# What becomes markup does so wherever rows and pictures are kept.
pytestmark = pytest.mark.laptop
SEARCHED = ("q", "provider", "model", "style", "size", "since", "until", "state", "rating", "tag", "favourite", "after")
COMPOSED = (
    *("prompts", "negative_prompt", "maker", "size", "style", "quality", "seed", "n", "templates", "table", "suggestion"),
    *("template_seed", "template_count", "once", "writer", "count", "theme"),
)
GETS = [
    *("/nowhere/{}", "/output/{}", "/library/list/{}", "/library/style/{}", "/media/{}", "/images/{}", "/batches/{}"),
    *("/show-images?task_ids={}", "/?from={}", "/accounts/login/?next={}", "/admin/login/?next={}", "/first-run/{}"),
    *("/api/jobs/{}", "/api/generate_image/?request_id={0}&limit={0}", "/v1/jobs/{}", "/apis/nowhere/{}"),
    *(f"{path}?{'&'.join(f'{name}={{0}}' for name in SEARCHED)}" for path in ("/gallery", "/history", "/api/images")),
]
POSTS: dict[str, tuple[str, ...]] = {
    "/": COMPOSED,
    "/?preview": (*COMPOSED, "preview"),
    "/?add": (*COMPOSED, "add"),
    "/?help": (*COMPOSED, "help"),
    "/random": ("writer", "once"),
    "/library/list": ("name", "text"),
    "/library/style": ("name", "suffix", "negative_prompt", "preset"),
    # Without a password, because looking at one takes its time.
    "/accounts/login/": ("login", "next"),
    "/accounts/signup/": ("username", "email", "password1", "next"),
    "/history/selection": ("wish", "job", "tags"),
    "/spending": ("resume",),
}
HEADERS = ("User-Agent", "Referer", "Accept-Language", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id", "Cookie")


@pytest.fixture(scope="module")
def attacked() -> Iterator[Attacked]:
    """A product of its own, because other tests count pictures. Nobody signs in too often there, however many try."""
    with Product(STOP_SECONDS=2, DJANGO_SETTINGS_MODULE="tests.crowded_settings") as product:
        found = attack(product)
        product.finished(found.ids)
        yield found


@pytest.fixture
def visitor(attacked: Attacked, chromium: Browser) -> Iterator[Visitor]:
    visitor = Visitor(chromium, attacked.product.url)
    yield visitor
    visitor.leave()
    assert visitor.complaints() == []


@pytest.fixture
def stranger(attacked: Attacked) -> Stranger:
    return Stranger(attacked.product)


def expect_all(page: Page, attacked: Attacked) -> None:
    """Find every text as it was written, and nothing that came with it."""
    expect(page.locator("li.card")).to_have_count(len(PROMPTS))
    assert cards(page) == {task: on_a_page(prompt) for task, prompt in attacked.prompts.items()}
    assert planted(page) == []


def png(prompt: str, *, is_ours: bool) -> bytes:
    """Return a picture that says of itself, in our words or in those of another program, nothing but this."""
    names = ("prompt", "negative_prompt", "provider", "model", "size", "aspect_ratio", "style", "quality")
    told, file = PngInfo(), io.BytesIO()
    if is_ours:
        told.add_itxt("chaotix", json.dumps({"version": 1, **dict.fromkeys(names, prompt)}))
    else:
        word = json.dumps(prompt)
        told.add_itxt(
            "parameters", f"{prompt}\nNegative prompt: {prompt}\nSteps: 20, Sampler: {word}, Model: {word}, Size: {word}"
        )
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=told)
    return file.getvalue()


def enter(page: Page, product: Product) -> None:
    """Sign in as somebody who may do everything."""
    name = f"grace-{uuid4().hex}"
    make = f"User.objects.create_superuser('{name}', password='{PASSWORD}')"
    product.manage("shell", "-c", f"from django.contrib.auth.models import User; {make}")
    page.goto("/accounts/login/?next=/account")
    sign_in(page, name)
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def token(page: Page, name: str) -> str:
    """Make a token as the form on this page does, and return its secret."""
    key = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    answer = page.request.post("/account", form={"csrfmiddlewaretoken": key, "name": name, "days": "9"}).text()
    [secret, *_] = re.findall(r"chaotix_\w{9,}", answer)
    return str(secret)


def test_there_are_enough_of_them() -> None:
    assert len({*LINES}) >= 60


def test_they_are_noticed_where_they_come_through(visitor: Visitor) -> None:
    page = visitor.open("/library")
    texts = ["<b zapped>x</b>", "<b onclick='alert(1)'>x</b>", "<template><i zapped></i></template>", "<zapped>x</zapped>"]
    page.evaluate("(text) => document.querySelector('main').insertAdjacentHTML('beforeend', text)", "".join(texts))
    assert len(planted(page)) == len(planted_in(page, texts)) == 4
    page.evaluate("alert(1)")
    assert "dialog: 1" in visitor.complaints()
    visitor.forgive("")


class TestPages:
    def test_results_show_them_as_they_were_written(self, attacked: Attacked, visitor: Visitor) -> None:
        expect_all(visitor.open(results(attacked.ids)), attacked)

    def test_the_page_of_a_batch_shows_them(self, attacked: Attacked, visitor: Visitor) -> None:
        expect_all(visitor.open(f"/batches/{attacked.batch}"), attacked)

    def test_the_live_stream_brings_them(self, chromium: Browser) -> None:
        with Product(STOP_SECONDS=2) as product:
            with paused(product):
                live = attack(product)
                watcher = Visitor(chromium, product.url)
                page = watcher.open(results(live.ids))
            product.finished(live.ids)
            expect(page.locator("li.card[data-state=succeeded]")).to_have_count(len(PROMPTS))
            expect_all(page, live)
            watcher.leave()
            assert watcher.complaints() == []

    @pytest.mark.parametrize("path", ["/gallery", "/history"])
    def test_galleries_show_them_page_after_page(self, attacked: Attacked, visitor: Visitor, path: str) -> None:
        page = visitor.open(path)
        while page.locator(".more a").count():
            count = page.locator("li.card").count()
            page.locator(".more").scroll_into_view_if_needed()
            expect(page.locator("li.card")).not_to_have_count(count)
        assert {*attacked.ids} <= {*cards(page)}
        assert {on_a_page(prompt) for prompt in PROMPTS} <= {*cards(page).values()}
        assert planted(page) == []

    def test_pictures_are_found_by_them(self, visitor: Visitor) -> None:
        page = visitor.open("/gallery")
        for prompt in some(LINES, "search"):
            with page.expect_response(lambda answer: "/gallery?" in answer.url):
                page.get_by_role("searchbox").fill(prompt[:200])
            assert planted(page) == []

    def test_the_page_of_each_picture_shows_it(self, attacked: Attacked, visitor: Visitor) -> None:
        page = visitor.new_page()
        for task in some(attacked.ids, "images"):
            page.goto(f"/images/{task}")
            assert planted(page) == []
            prompt = attacked.prompts[task]
            shown = unicodedata.normalize("NFC", on_a_page(prompt))
            assert prompt in LONG or page.locator("h1").text_content() == shown

    def test_the_trash_shows_them(self, attacked: Attacked, visitor: Visitor, stranger: Stranger) -> None:
        for half in (attacked.ids[:40], attacked.ids[40:]):
            stranger.post("/history/selection", {"wish": "delete", "job": half})
            page = visitor.open("/trash")
            assert cards(page) == {task: on_a_page(attacked.prompts[task]) for task in half}
            assert planted(page) == []
            stranger.post("/history/selection", {"wish": "restore", "job": half})
            stranger.post("/history/selection", {"wish": "publish", "job": half})

    def test_operators_see_them_as_text(self, attacked: Attacked, visitor: Visitor) -> None:
        page = visitor.new_page()
        enter(page, attacked.product)
        lists = [f"/admin/imagegen/{rows}/" for rows in ("job", "job/?all=", "batch", "attempt")]
        shown = [f"/admin/imagegen/job/{task}/change/" for task in some(attacked.ids, "admin")]
        for path in ["/admin/", *lists, *shown, f"/admin/imagegen/batch/{attacked.batch}/change/"]:
            page.goto(path)
            assert planted(page) == [], path

    def test_a_browser_shows_what_programs_read_as_text(self, attacked: Attacked, visitor: Visitor) -> None:
        page = visitor.new_page()
        paths = ["/api/images?limit=100", "/api/batches", f"/api/batches/{attacked.batch}", "/metrics", "/api/providers"]
        paths += [f"/api/jobs/{task}" for task in some(attacked.ids, "jobs")]
        for path in [*paths, f"/api/generate_image/?request_id={attacked.batch}&limit=50"]:
            page.goto(path)
            assert planted(page) == [], path


class TestForms:
    def test_a_preview_shows_them(self, visitor: Visitor) -> None:
        page = visitor.open("/")
        page.locator("summary", has_text="Options").click()
        page.get_by_label("Templates", exact=True).select_option("off")
        page.get_by_label("Prompts", exact=True).fill("\n".join(LINES))
        page.get_by_role("button", name="Preview", exact=True).last.click()
        expect(page.locator("#preview li")).to_have_count(len(LINES))
        shown = page.locator("#preview li").all_text_contents()
        assert [text.strip() for text in shown] == LINES
        assert planted(page) == []

    def test_ideas_carry_them_on(self, visitor: Visitor) -> None:
        page = visitor.open("/")
        page.get_by_label("Prompts", exact=True).fill("\n".join(LINES[:50]))
        page.locator("summary", has_text="Ideas").click()
        page.get_by_role("button", name="Improve mine").click()
        expect(page.get_by_role("button", name="Add all")).to_be_visible()
        assert planted(page) == []

    def test_a_form_is_filled_in_with_them(self, attacked: Attacked, visitor: Visitor, stranger: Stranger) -> None:
        page = visitor.open("/library")
        assert planted_in(page, [stranger.get(f"/?from={task}") for task in attacked.ids]) == []
        for task in some(attacked.ids, "from"):
            page.goto(f"/?from={task}")
            prompt = attacked.prompts[task]
            assert page.get_by_label("Prompts", exact=True).input_value() == " ".join(re.split(r"\s*[\r\n]+\s*", prompt))

    @pytest.mark.parametrize("is_ours", [True, False])
    def test_pictures_that_say_them_are_taken_over(self, visitor: Visitor, is_ours: bool) -> None:
        page = visitor.open("/")
        for prompt in some(PROMPTS, f"file {is_ours}"):
            # No file system has longer names.
            name, body = f"{prompt[:100]}.png", png(prompt, is_ours=is_ours)
            with page.expect_response("**/"):
                page.locator("#id_file").set_input_files({"name": name, "mimeType": "image/png", "buffer": body})
            expect(page.locator("#compose[aria-busy]")).to_have_count(0)
            assert planted(page) == []

    def test_lists_and_styles_show_them(self, visitor: Visitor, stranger: Stranger) -> None:
        stranger.post("/library/list", {"name": "lines", "text": "\n".join(LINES)})
        for number, prompt in enumerate(some(LINES, "styles")):
            stranger.post("/library/style", {"name": f"style {number}", "suffix": prompt, "negative_prompt": prompt})
        page = visitor.open("/library/list/lines")
        assert page.get_by_label("Lines").input_value() == "\n".join(LINES)
        page.goto("/library")
        shown = page.locator("ul[aria-labelledby=styles]").text_content() or ""
        assert [prompt for prompt in some(LINES, "styles") if prompt not in shown] == []
        assert planted(page) == []

    def test_tokens_show_their_names(self, attacked: Attacked, visitor: Visitor) -> None:
        page = visitor.new_page()
        enter(page, attacked.product)
        names = [prompt for prompt in PROMPTS if len(prompt) <= 100 and prompt.isprintable()]
        for name in some(names, "tokens"):
            assert token(page, name)
        page.goto("/account")
        assert {*some(names, "tokens")} == {*page.locator(".tokens strong").all_text_contents()}
        assert planted(page) == []

    def test_tags_are_shown(self, attacked: Attacked, visitor: Visitor, stranger: Stranger) -> None:
        tags = [prompt for prompt in PROMPTS if len(prompt) <= 40 and prompt.isprintable() and "," not in prompt]
        # A page lists no more of them.
        given = some(tags, "tags")[:20]
        for tag in given:
            stranger.post("/history/selection", {"wish": "tag", "job": attacked.ids[0], "tags": tag})
        page = visitor.open("/history")
        assert page.get_by_label("My tag").locator("option").count() > len(given)
        assert planted(page) == []
        page.goto(f"/images/{attacked.ids[0]}")
        assert planted(page) == []


@pytest.mark.parametrize("path", GETS)
def test_an_address_is_no_markup(visitor: Visitor, stranger: Stranger, path: str) -> None:
    answers = [stranger.get(path.format(urllib.parse.quote(prompt, safe=""))) for prompt in some(PROMPTS, path)]
    assert planted_in(visitor.open("/library"), answers) == []


@pytest.mark.parametrize("path", POSTS)
def test_what_a_form_sends_is_no_markup(visitor: Visitor, stranger: Stranger, path: str) -> None:
    answers = [stranger.post(path, dict.fromkeys(POSTS[path], prompt)) for prompt in some(PROMPTS, path)]
    assert planted_in(visitor.open("/library"), answers) == []


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_no_markup(visitor: Visitor, stranger: Stranger, name: str) -> None:
    values = [prompt for prompt in LINES if prompt.isascii() and prompt.isprintable()]
    answers = [
        stranger.get("/", **{name: f"options={value}" if name == "Cookie" else value}) for value in some(values, name)
    ]
    assert planted_in(visitor.open("/library"), answers) == []


class TestFiles:
    def test_a_zip_has_plain_names_and_whole_texts(self, attacked: Attacked) -> None:
        archive = zipfile.ZipFile(io.BytesIO(attacked.get(f"/api/batches/{attacked.batch}/zip").content))
        assert [name for name in archive.namelist() if not re.fullmatch(r"[a-z0-9-]+\.(png|json)", name)] == []
        manifest = json.loads(archive.read("manifest.json"))
        assert [task["prompt"] for task in manifest["tasks"]] == [*PROMPTS]

    def test_a_download_has_a_plain_name_and_tells_the_whole_text(self, attacked: Attacked) -> None:
        for task in some(attacked.ids, "file"):
            answer = attacked.get(f"/images/{task}/file")
            assert re.fullmatch(r'attachment; filename="[a-z0-9-]+\.png"', answer.headers["Content-Disposition"])
            picture = Image.open(io.BytesIO(answer.content))
            assert isinstance(picture, PngImageFile)
            assert json.loads(picture.text["chaotix"])["prompt"] == attacked.prompts[task]
            assert MARK not in {*picture.text}
            told = ElementTree.fromstring(picture.text["XML:com.adobe.xmp"])
            assert [each.tag for each in told.iter() if MARK in each.tag] == []

    def test_names_at_output_are_plain(self, attacked: Attacked) -> None:
        styles = [prompt for prompt in PROMPTS if len(prompt) <= 40 and prompt.isprintable()]
        asked = [{"prompt": prompt, "style_id": prompt} for prompt in some(styles, "output")]
        door = f"{attacked.product.url}/v1/generate"
        jobs = [requests.post(door, json=each, timeout=30).json()["job_id"] for each in asked]
        attacked.product.finished(jobs)
        for job in jobs:
            [address] = attacked.get(f"/v1/jobs/{job}").json()["result_urls"]
            assert re.fullmatch(rf"/output/[\w-]+_\d+_{job}\.png", address, re.ASCII)
            assert attacked.get(address).headers["Content-Type"] == "image/png"


class TestFeeds:
    @pytest.mark.parametrize("path", ["/api/images?batch={}&limit=50", "/api/generate_image/?request_id={}&limit=50"])
    def test_lists_tell_them_as_json(self, attacked: Attacked, path: str) -> None:
        answer = attacked.get(path.format(attacked.batch))
        assert answer.headers["Content-Type"].startswith("application/json")
        found = answer.json()
        rows = found if isinstance(found, list) else found["results"]
        told = {row.get("prompt", row.get("text_prompt")) for row in rows}
        assert len(told) == 50
        assert told <= {*PROMPTS}

    def test_each_task_tells_its_own(self, attacked: Attacked) -> None:
        assert [image["prompt"] for image in attacked.product.images(attacked.ids)] == [*PROMPTS]

    def test_events_tell_them(self, attacked: Attacked, visitor: Visitor) -> None:
        page = visitor.new_page()
        enter(page, attacked.product)
        holder = {"Authorization": f"Bearer {token(page, 'a program')}"}
        attack(attacked.product, **holder)
        told: set[str] = set()
        with requests.get(f"{attacked.product.url}/api/events", headers=holder, stream=True, timeout=60) as events:
            for line in events.iter_lines(delimiter=b"\n"):
                name, _, text = line.decode().partition(": ")
                assert name in {"", "retry", "id", "event", "data"}
                told |= {json.loads(text)["prompt"]} if name == "data" else set()
                if len(told) == len(PROMPTS):
                    break
        assert told == {*PROMPTS}

    def test_metrics_name_none(self, attacked: Attacked) -> None:
        told = [*text_string_to_metric_families(attacked.get("/metrics").text)]
        labels = [value for family in told for sample in family.samples for value in sample.labels.values()]
        assert [each for each in [*labels, *(family.name for family in told)] if MARK in each] == []
