"""An account in a browser: made, given a second factor, left and entered again."""

from collections.abc import Callable
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.authenticator import code
from tests.browser import Visitor
from tests.browser.views import PASSWORD, sign_up_as, turn_on_two_factor


def sign_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_who_turned_it_on_signs_in_with_a_code_of_the_app_and_later_with_a_recovery_code(visitor: Visitor) -> None:
    page, name = visitor.new_page(), f"ann-{uuid4().hex}"
    sign_up_as(page, name)
    secret = turn_on_two_factor(page)
    spare = page.locator(".codes li").first.inner_text()
    # A code is for half a minute, and read off the app when it is asked for.
    read: tuple[Callable[[], str], ...] = (lambda: code(secret), lambda: spare)
    for given in read:
        page.goto("/account")
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, name)
        expect(page.get_by_role("heading", name="One more code")).to_be_visible()
        page.get_by_label("Code").fill(given())
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("link", name="Account")).to_be_visible()
    page.goto("/account")
    expect(page.get_by_text("You have 9 recovery codes left.")).to_be_visible()


def test_recovery_codes_are_downloaded_as_they_are_shown(visitor: Visitor) -> None:
    page = visitor.new_page()
    sign_up_as(page, f"ann-{uuid4().hex}")
    turn_on_two_factor(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().split() == page.locator(".codes li").all_inner_texts()


def test_own_choices_stand_in_the_next_form(visitor: Visitor) -> None:
    page = visitor.new_page()
    sign_up_as(page, f"ann-{uuid4().hex}")
    page.goto("/account")
    page.get_by_label("Style").select_option("ocean")
    page.get_by_role("button", name="Save choices").click()
    page.goto("/")
    expect(page.get_by_label("Style")).to_have_value("ocean")
