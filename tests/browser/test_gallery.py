"""Looking through many pictures: the older ones come by themselves, and several are decided about at once."""

import zipfile

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visitor, has_stayed, stay
from tests.browser.conftest import Visit
from tests.product import Product

PICTURES, ON_A_PAGE = 60, 48
ADDRESS = "/history?q=teapot"


@pytest.fixture(scope="module", autouse=True)
def teapots(product: Product) -> None:
    product.finished(product.generate(*(f"A teapot of glass {number}" for number in range(PICTURES)), size="64x64"))


def cards(page: Page) -> list[str]:
    return [str(text) for text in page.locator("li.card p.prompt").all_text_contents()]


def test_older_pictures_come_where_the_page_ends(visitor: Visitor) -> None:
    page = visitor.open(ADDRESS)
    stay(page)
    expect(page.locator("li.card")).to_have_count(ON_A_PAGE)
    page.mouse.wheel(0, 100_000)
    expect(page.locator("li.card")).to_have_count(PICTURES)
    assert len({*cards(page)}) == PICTURES
    expect(page.get_by_role("link", name="Older pictures")).to_have_count(0)
    expect(page.locator(".intro [role=status]")).to_have_text(f"{PICTURES - ON_A_PAGE} older pictures")
    assert has_stayed(page)


def test_without_script_a_link_leads_to_them(visit: Visit) -> None:
    page = visit(java_script_enabled=False).open(ADDRESS)
    newest = cards(page)
    page.get_by_role("link", name="Older pictures").click()
    older = cards(page)
    assert (len(newest), len(older), {*newest} & {*older}) == (ON_A_PAGE, PICTURES - ON_A_PAGE, set())


def test_what_is_narrowed_down_stays_so(visitor: Visitor) -> None:
    page = visitor.open(ADDRESS)
    page.locator("summary", has_text="Narrow it down").click()
    page.get_by_label("State").select_option("succeeded")
    page.get_by_label("Until").fill("2020-01-01")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".nothing")).to_contain_text("Nothing fits all of this.")
    expect(page.get_by_label("State")).to_have_value("succeeded")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("li.card").first).to_be_visible()


def test_what_is_ticked_is_saved_thrown_away_and_brought_back(visitor: Visitor) -> None:
    page = visitor.open("/history?q=teapot+17")
    page.get_by_label("Tick A teapot of glass 17").check()
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(begun.value.path()) as archive:
        assert [name.partition("glass")[2][:3] for name in archive.namelist()] == ["-17", ""]
    page.get_by_role("button", name="Throw away").click()
    page.wait_for_url("**/history?q=teapot+17")
    page.get_by_role("status").get_by_role("link", name="trash").click()
    page.get_by_label("Tick A teapot of glass 17").check()
    page.get_by_role("button", name="Bring back").click()
    page.get_by_role("status").get_by_role("link", name="history").click()
    expect(page.get_by_label("Tick A teapot of glass 17")).to_be_visible()


def test_what_is_decided_leads_back_to_what_was_typed(visitor: Visitor) -> None:
    page = visitor.open(ADDRESS)
    page.get_by_label("Words in the prompt").fill("teapot 23")
    expect(page.locator("li.card")).to_have_count(1)
    page.get_by_label("Tick A teapot of glass 23").check()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("1 picture is shown in the gallery now.")).to_be_visible()
    assert page.url.endswith("/history?q=teapot+23")
    page.get_by_label("Tick A teapot of glass 23").check()
    page.get_by_role("button", name="Take back").click()


def test_a_tag_that_is_missing_costs_no_tick(visitor: Visitor) -> None:
    page = visitor.open("/history?q=teapot+29")
    stay(page)
    tick = page.get_by_label("Tick A teapot of glass 29")
    tick.check()
    page.get_by_role("button", name="Tag", exact=True).click()
    expect(page.get_by_role("textbox", name="Tags")).to_be_focused()
    assert has_stayed(page)
    expect(tick).to_be_checked()
    with page.expect_download():
        page.get_by_role("button", name="Download").click()


def test_enter_beside_tags_tags(visitor: Visitor) -> None:
    page = visitor.open("/history?q=teapot+23")
    page.get_by_label("Tick A teapot of glass 23").check()
    page.get_by_label("Tags, with commas between them").fill("kitchen")
    page.get_by_label("Tags, with commas between them").press("Enter")
    expect(page.get_by_text("1 picture is tagged kitchen now.")).to_be_visible()
