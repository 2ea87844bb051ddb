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
    assert page.locator("li.card .prompt").all_inner_texts() == seen


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
    prompt = page.locator("li.card p.prompt").inner_text()
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
