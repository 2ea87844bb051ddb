"""From a template to its pictures, with help that never overwrites what somebody wrote."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visitor, expect_pictures, has_stayed, stay
from tests.browser.conftest import Visit

MINE = "A {red|blue|green} kite\nA photo of __animals__"


@pytest.fixture
def page(visitor: Visitor) -> Page:
    page = visitor.open("/")
    stay(page)
    page.get_by_label("Prompts", exact=True).fill(MINE)
    return page


def preview(page: Page) -> list[str]:
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview h2")).to_be_focused()
    return [str(text).strip() for text in page.locator("#preview li").all_inner_texts()]


def ask_for_ideas(page: Page, button: str) -> list[str]:
    if not page.get_by_role("button", name="Surprise me").is_visible():
        page.locator("summary", has_text="Ideas").click()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("button", name="Add all")).to_be_visible()
    return [str(text) for text in page.locator("#ideas .rows li > span").all_inner_texts()]


def test_what_was_seen_in_the_preview_is_what_is_drawn(page: Page) -> None:
    seen = preview(page)
    expect(page.locator("#preview h2")).to_have_text("2 pictures, free")
    assert has_stayed(page)
    page.get_by_role("button", name="Make these 2 pictures").click()
    expect_pictures(page, 2)
    assert page.locator("li.card .prompt").all_text_contents() == seen


@pytest.mark.parametrize("label", ["Prompts", "Not in the picture"])
def test_what_is_changed_after_the_preview_has_to_be_seen_again(page: Page, label: str) -> None:
    preview(page)
    page.locator("summary", has_text="Options").click()
    page.get_by_label(label, exact=True).press_sequentially(" and more")
    expect(page.get_by_role("button", name="Make these 2 pictures")).to_have_count(0)
    preview(page)


def test_a_ratio_that_is_pressed_after_the_preview_has_to_be_seen_again(page: Page) -> None:
    preview(page)
    page.locator("summary", has_text="Options").click()
    page.get_by_role("button", name="2:3").click()
    expect(page.get_by_role("button", name="Make these 2 pictures")).to_have_count(0)


def test_somebody_who_comes_back_sees_the_price_again(page: Page) -> None:
    button = page.locator("button[type=submit]").first
    page.goto("/gallery")
    page.go_back()
    expect(page.get_by_label("Prompts", exact=True)).to_have_value(MINE)
    expect(button).to_have_text("Make pictures: 2, free")


def test_others_can_be_drawn_before_anything_is_paid_for(page: Page) -> None:
    seen = preview(page)
    for _ in range(20):
        page.get_by_role("button", name="Draw others").click()
        expect(page.locator("form[aria-busy]")).to_have_count(0)
        if page.locator("#preview li").all_inner_texts() != seen:
            return
    raise AssertionError("twenty drawings were all the same")


def test_every_combination_is_counted_before_it_is_paid_for(page: Page) -> None:
    page.get_by_label("Prompts", exact=True).fill("{A|One} {red|blue|green} kite")
    page.locator("summary", has_text="Options").click()
    page.get_by_label("Templates", exact=True).select_option("all")
    assert len(preview(page)) == 6


def test_a_table_fills_in_its_rows(page: Page) -> None:
    page.get_by_label("Prompts", exact=True).fill("{{animal}} in {{place}}")
    page.locator("summary", has_text="Options").click()
    page.get_by_label("Table").fill('animal,place\nA fox,"a library, at night"\nTwo owls,the moon')
    assert preview(page) == ["A fox in a library, at night", "Two owls in the moon"]


def test_an_unknown_list_is_named_at_once(page: Page) -> None:
    page.get_by_label("Prompts", exact=True).fill("A kite\nA __nosuchlist__")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Prompts", exact=True)).to_have_value("A kite\nA __nosuchlist__")


def test_suggestions_stand_beside_the_text_until_they_are_added(page: Page) -> None:
    suggestions = ask_for_ideas(page, "Write prompts")
    prompts = page.get_by_label("Prompts", exact=True)
    expect(prompts).to_have_value(MINE)
    page.get_by_role("button", name=re.compile("^Add ")).first.click()
    expect(prompts).to_have_value(f"{MINE}\n{suggestions[0]}")
    assert has_stayed(page)


def test_a_surprise_is_one_prompt(page: Page) -> None:
    assert len(ask_for_ideas(page, "Surprise me")) == 1


def test_improved_lines_stand_beside_their_own(page: Page) -> None:
    page.get_by_label("Prompts", exact=True).fill("A kite above a field")
    [fuller] = ask_for_ideas(page, "Improve mine")
    assert fuller.startswith("A kite above a field")
    expect(page.get_by_label("Prompts", exact=True)).to_have_value("A kite above a field")
    page.get_by_role("button", name="Use these instead of mine").click()
    expect(page.get_by_label("Prompts", exact=True)).to_have_value(fuller)


def test_enter_in_a_field_never_pays(page: Page) -> None:
    page.locator("summary", has_text="Ideas").click()
    page.get_by_label("About").fill("the sea")
    page.get_by_label("About").press("Enter")
    expect(page.get_by_role("button", name="Add all")).to_be_visible()
    page.locator("summary", has_text="Options").click()
    page.get_by_label("Size or ratio").press("Enter")
    expect(page.locator("#preview h2")).to_be_visible()
    assert has_stayed(page)


def test_a_random_picture_is_in_the_gallery_and_in_the_history(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.get_by_role("button", name="Generate Random Image").click()
    expect_pictures(page, 1)
    prompt = page.locator("li.card p.prompt").text_content() or ""
    for place in ("Gallery", "History"):
        page.get_by_role("link", name=place).click()
        expect(page.locator("li.card p.prompt").filter(has_text=prompt).first).to_be_visible()


def test_without_script_the_same_form_does_the_same(visit: Visit) -> None:
    page = visit(java_script_enabled=False).open("/")
    page.get_by_label("Prompts", exact=True).fill("A {red|red} kite")
    page.locator("summary", has_text="Ideas").click()
    page.get_by_role("button", name="Surprise me").click()
    page.get_by_role("button", name="Add all").click()
    assert page.get_by_label("Prompts", exact=True).input_value().startswith("A {red|red} kite\n")
    page.get_by_role("button", name="Preview").last.click()
    expect(page.locator("#preview h2")).to_have_text("2 pictures, free")


def test_a_list_of_ones_own_is_written_used_and_brought_back(visitor: Visitor) -> None:
    page = visitor.open("/library/list")
    page.get_by_label("Name").fill("hats")
    page.get_by_label("Lines").fill("a bowler hat")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit hats").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    page.goto("/")
    page.get_by_label("Prompts", exact=True).fill("A fox in __hats__")
    assert preview(page) == ["A fox in a bowler hat"]


class TestOptions:
    @pytest.fixture
    def opened(self, page: Page) -> Page:
        page.locator("summary", has_text="Options").click()
        return page

    def test_only_what_the_chosen_model_takes_is_shown_and_sent(self, opened: Page) -> None:
        opened.get_by_label("Seed", exact=True).fill("12")
        opened.get_by_label("Made by").select_option("plain/bare")
        expect(opened.get_by_label("Seed", exact=True)).to_be_hidden()
        expect(opened.get_by_label("Not in the picture")).to_be_hidden()
        # A seed that nobody sees would be refused.
        assert len(preview(opened)) == 2
        opened.get_by_label("Made by").select_option("demo/demo")
        expect(opened.get_by_label("Seed", exact=True)).to_have_value("12")

    def test_a_ratio_is_pressed_and_taken_back(self, opened: Page) -> None:
        wide = opened.get_by_role("button", name="16:9")
        wide.click()
        expect(opened.get_by_label("Size or ratio")).to_have_value("16:9")
        expect(wide).to_have_attribute("aria-pressed", "true")
        wide.click()
        expect(opened.get_by_label("Size or ratio")).to_have_value("")

    def test_the_button_says_how_many_and_at_what_price(self, opened: Page) -> None:
        button = opened.locator("button[type=submit]").first
        expect(button).to_have_text("Make pictures: 2, free")
        opened.get_by_label("Pictures per prompt").fill("3")
        expect(button).to_have_text("Make pictures: 6, free")
        opened.get_by_label("Made by").select_option("plain/bare")
        expect(button).to_have_text("Make pictures: 6, 6 at an unknown price")
        opened.get_by_label("Prompts", exact=True).fill("A __nosuchlist__")
        expect(button).to_have_text("Make pictures")

    def test_what_was_chosen_last_is_chosen_again(self, opened: Page) -> None:
        opened.get_by_role("button", name="2:3").click()
        opened.get_by_label("Pictures per prompt").fill("2")
        opened.get_by_role("button", name="Make pictures").click()
        expect_pictures(opened, 4)
        opened.get_by_role("link", name="Compose").click()
        expect(opened.get_by_label("Size or ratio")).to_have_value("2:3")
        expect(opened.get_by_label("Pictures per prompt")).to_have_value("2")
        expect(opened.get_by_role("button", name="2:3")).to_have_attribute("aria-pressed", "true")


class TestFiles:
    def test_a_file_that_is_dropped_adds_its_prompts(self, page: Page) -> None:
        undo = page.get_by_role("button", name="Undo")
        page.locator("summary", has_text="From a file").click()
        expect(undo).to_be_hidden()
        drop(page, "more.txt", b"A piano\n\nA ninja\n")
        expect(page.get_by_label("Prompts", exact=True)).to_have_value(f"{MINE}\nA piano\nA ninja")
        expect(page.get_by_text("The form is filled in from more.txt.")).to_be_visible()
        assert has_stayed(page)
        undo.click()
        expect(page.get_by_label("Prompts", exact=True)).to_have_value(MINE)

    def test_a_file_that_is_none_is_refused_and_nothing_is_lost(self, page: Page) -> None:
        drop(page, "holiday.mov", b"\x00\x01")
        expect(page.get_by_role("alert")).to_contain_text("neither a file of prompts")
        expect(page.get_by_label("Prompts", exact=True)).to_have_value(MINE)

    def test_without_script_a_file_is_chosen_and_taken_over(self, visit: Visit) -> None:
        page = visit(java_script_enabled=False).open("/")
        page.locator("summary", has_text="From a file").click()
        choose(page, "more.txt", b"A piano\nA ninja")
        page.get_by_role("button", name="Take over").click()
        expect(page.get_by_label("Prompts", exact=True)).to_have_value("A piano\nA ninja")


def choose(page: Page, name: str, body: bytes) -> None:
    page.get_by_label("File of prompts").set_input_files({"name": name, "mimeType": "", "buffer": body})


def drop(page: Page, name: str, body: bytes) -> None:
    """Drop a file onto the form, as a person does from their desktop."""
    made = """([name, bytes]) => {
        const held = new DataTransfer();
        held.items.add(new File([Uint8Array.from(bytes)], name));
        return held;
    }"""
    held = page.evaluate_handle(made, [name, list(body)])
    for kind in ("dragover", "drop"):
        page.dispatch_event("#compose", kind, {"dataTransfer": held})
