"""Pictures in full: by mouse, by keyboard alone, and by swipes; and hearts that fill in where one looks."""

from uuid import uuid4

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser import has_stayed, results, stay
from tests.browser.conftest import Visit
from tests.product import Product

ADDRESS = "/history?q=samovar"
# While a picture opens with a movement, keys and fingers mean nothing yet.
STILL = {"reduced_motion": "reduce"}
PHONE = {**STILL, "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module", autouse=True)
def samovars(product: Product) -> None:
    product.finished(product.generate(*(f"A samovar of brass {number}" for number in range(3)), size="64x64"))


@pytest.fixture
def page(visit: Visit) -> Page:
    page = visit(**STILL).open(ADDRESS)
    stay(page)
    return page


def expect_shown(page: Page, number: int) -> None:
    expect(page.get_by_role("dialog", name="Pictures in full").locator(".pswp__told p").first).to_have_text(
        f"A samovar of brass {number}"
    )


def swipe(page: Page, session: CDPSession, *, from_x: int, to_x: int) -> None:
    """Draw a finger over the middle of the screen, as slowly as the page draws."""
    for kind, x in (
        ("touchStart", from_x),
        *(("touchMove", from_x + (to_x - from_x) * step // 8) for step in range(1, 9)),
        ("touchEnd", None),
    ):
        points = [] if x is None else [{"x": x, "y": 400}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.evaluate("() => new Promise(requestAnimationFrame)")


def test_a_picture_opens_in_full_and_leads_to_its_page(page: Page) -> None:
    page.locator("li.card a.frame").nth(1).click()
    expect_shown(page, 1)
    expect(page.get_by_role("dialog").locator("img").first).to_be_visible()
    assert has_stayed(page)
    page.get_by_role("link", name="Details").click()
    expect(page.get_by_role("heading", name="A samovar of brass 1")).to_be_visible()


def test_arrow_keys_go_through_all_and_escape_leads_back(page: Page) -> None:
    first = page.locator("li.card a.frame").first
    first.focus()
    page.keyboard.press("Enter")
    expect_shown(page, 2)
    for key, number in (("ArrowRight", 1), ("ArrowRight", 0), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        expect_shown(page, number)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert has_stayed(page)


def test_a_finger_swipes_to_the_next(visit: Visit) -> None:
    page = visit(**PHONE).open(ADDRESS)
    page.locator("li.card a.frame").first.tap()
    expect_shown(page, 2)
    swipe(page, page.context.new_cdp_session(page), from_x=330, to_x=60)
    expect_shown(page, 1)


def test_back_closes_the_picture_and_then_leaves_the_page(visit: Visit) -> None:
    page = visit(**STILL).open("/")
    page.goto(ADDRESS)
    stay(page)
    address = page.url
    for close in (lambda: page.keyboard.press("Escape"), page.go_back):
        page.locator("li.card a.frame").first.click()
        expect_shown(page, 2)
        close()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.wait_for_function("!history.state")
        assert (page.url, has_stayed(page)) == (address, True)
    page.go_back()
    page.wait_for_url("**/")


def test_back_closes_a_picture_that_still_opens(visit: Visit) -> None:
    page = visit().open(ADDRESS)
    stay(page)
    page.locator("li.card a.frame").first.evaluate("(link) => { link.click(); setTimeout(() => history.back()); }")
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert has_stayed(page)


def test_back_from_the_page_of_a_picture_leads_to_the_list(visit: Visit) -> None:
    page = visit(**STILL).open("/")
    page.goto(ADDRESS)
    page.locator("li.card a.frame").nth(1).click()
    page.get_by_role("link", name="Details").click()
    page.wait_for_url("**/images/*")
    page.go_back()
    page.wait_for_url(f"**{ADDRESS}")
    page.wait_for_function("!history.state")
    page.go_back()
    page.wait_for_url("**/")


def test_words_are_looked_for_while_somebody_types(page: Page) -> None:
    page.get_by_label("Words in the prompt").fill("samovar 2")
    expect(page.locator("li.card")).to_have_count(1)
    expect(page.locator(".intro [role=status]")).to_have_text("1 picture")
    page.get_by_label("Words in the prompt").fill("no such words")
    expect(page.locator(".nothing")).to_contain_text("Nothing fits all of this.")
    assert page.url.endswith("/history?q=no+such+words")
    assert has_stayed(page)


def test_values_are_counted_as_they_are_chosen(page: Page) -> None:
    page.locator("summary", has_text="Narrow it down").click()
    size = page.get_by_label("Size")
    expect(size.locator("option")).to_have_text(["any", "64x64 (3)"])
    page.get_by_label("Words in the prompt").fill("samovar 2")
    expect(size.locator("option")).to_have_text(["any", "64x64 (1)"])
    size.select_option("64x64")
    expect(page.locator("li.card")).to_have_count(1)
    page.wait_for_url("**/history?q=samovar+2&size=64x64")


def test_a_heart_fills_in_where_one_looks_and_stays(page: Page) -> None:
    heart = page.get_by_role("button", name="Favourite").nth(1)
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    assert has_stayed(page)
    page.goto("/history?favourite=on&q=samovar")
    expect(page.locator("li.card p.prompt")).to_have_text(["A samovar of brass 1"])
    page.get_by_role("button", name="Favourite").click()


def test_stars_fill_in_where_one_looks_and_leave_what_is_typed(visit: Visit, product: Product) -> None:
    [task] = product.generate(f"A teaspoon {uuid4().hex}", size="64x64")
    product.finished([task])
    page = visit(**PHONE).open(f"/images/{task}")
    stay(page)
    tags = page.get_by_label("Tags, with commas between them")
    tags.fill("Tea,brass")
    for name in ("Favourite", "4 of 5"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    expect(tags).to_have_value("Tea,brass")
    tags.press("Enter")
    expect(tags).to_have_value("brass, tea")
    tags.fill("x" * 41)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Tags must have at most 40 characters each.")
    expect(tags).to_have_value("x" * 41)
    assert has_stayed(page)


def test_stars_and_tags_are_given_without_script(visit: Visit, product: Product) -> None:
    [task] = product.generate(prompt := f"A teacup {uuid4().hex}", size="64x64")
    product.finished([task])
    page = visit(java_script_enabled=False).open(results([task]))
    page.locator("li.card a.frame").first.click()
    page.get_by_role("button", name="4 of 5").click()
    page.get_by_label("Tags, with commas between them").fill("Tea, brass")
    page.get_by_role("button", name="Save").click()
    page.goto("/history?tag=tea&rating=4")
    expect(page.locator("li.card p.prompt").first).to_have_text(prompt)
