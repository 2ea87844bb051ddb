"""An account in a browser: made, given a second factor, left and entered again; and the first one of all."""

from collections.abc import Callable

import requests
from playwright.sync_api import expect

from tests.authenticator import code
from tests.browser import Visitor, expect_pictures, send
from tests.browser.conftest import Visit, first_link
from tests.browser.views import (
    PASSWORD,
    address_of,
    ask_for_reset,
    new_person,
    say_who,
    sign_in,
    sign_out,
    sign_up_as,
    turn_on_two_factor,
)
from tests.postbox import PostBox
from tests.product import Product

NEW_PASSWORD = "another horse battery"


def test_who_turned_it_on_signs_in_with_a_code_of_the_app_and_later_with_a_recovery_code(visitor: Visitor) -> None:
    page, name = visitor.new_page(), new_person()
    sign_up_as(page, name)
    secret = turn_on_two_factor(page)
    spare = page.locator(".codes li").first.inner_text()
    # A code is for half a minute, and read off the app when it is asked for.
    read: tuple[Callable[[], str], ...] = (lambda: code(secret), lambda: spare)
    for given in read:
        sign_out(page)
        sign_in(page, name)
        expect(page.get_by_role("heading", name="One more code")).to_be_visible()
        page.get_by_label("Code").fill(given())
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("link", name="Account")).to_be_visible()
    page.goto("/account")
    expect(page.get_by_text("You have 9 recovery codes left.")).to_be_visible()


def test_recovery_codes_are_downloaded_as_they_are_shown(visitor: Visitor) -> None:
    page = visitor.new_page()
    sign_up_as(page, new_person())
    turn_on_two_factor(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().split() == page.locator(".codes li").all_inner_texts()


def test_own_choices_stand_in_the_next_form(visitor: Visitor) -> None:
    page = visitor.new_page()
    sign_up_as(page, new_person())
    page.goto("/account")
    page.get_by_label("Style").select_option("ocean")
    page.get_by_role("button", name="Save choices").click()
    page.goto("/")
    expect(page.get_by_label("Style")).to_have_value("ocean")


def test_what_one_makes_is_seen_by_nobody_else_until_it_is_published(visit: Visit) -> None:
    page, stranger = visit().new_page(), visit()
    sign_up_as(page, name := new_person())
    send(page, f"A hat of {name}")
    expect_pictures(page, 1)
    address = f"/gallery?q={name}"
    expect(stranger.open(address).locator(".nothing")).to_be_visible()
    page.goto("/history")
    page.get_by_label(f"Tick A hat of {name}").check()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("1 picture is shown in the gallery now.")).to_be_visible()
    expect(stranger.open(address).locator("li.card")).to_have_count(1)
    page.get_by_label(f"Tick A hat of {name}").check()
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("1 picture is no longer shown to anybody else.")).to_be_visible()
    expect(stranger.open(address).locator(".nothing")).to_be_visible()


def test_an_address_is_confirmed_and_a_forgotten_password_replaced(visitor: Visitor, postbox: PostBox) -> None:
    page, name = visitor.new_page(), new_person()
    sign_up_as(page, name)
    page.goto(postbox.link(address_of(name), "Confirm"))
    page.get_by_role("button", name="Yes, it is mine").click()
    sign_out(page)
    ask_for_reset(page, name)
    page.goto(postbox.link(address_of(name), "Password Reset"))
    page.get_by_label("New Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New Password (again)").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Choose this password").click()
    sign_in(page, name, NEW_PASSWORD)
    expect(page.get_by_role("link", name="Account")).to_be_visible()


def test_a_new_address_counts_once_its_mail_was_answered(visitor: Visitor, postbox: PostBox) -> None:
    page, other = visitor.new_page(), address_of(new_person())
    sign_up_as(page, new_person())
    page.goto("/accounts/email/")
    say_who(page)
    page.get_by_label("Email").fill(other)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"{other} waits until you open the link")).to_be_visible()
    page.goto(postbox.link(other, "Confirm"))
    page.get_by_role("button", name="Yes, it is mine").click()
    page.goto("/accounts/email/")
    expect(page.get_by_text(f"It is {other}.")).to_be_visible()


def test_a_password_is_changed(visitor: Visitor) -> None:
    page = visitor.new_page()
    sign_up_as(page, name := new_person())
    page.goto("/accounts/password/change/")
    page.get_by_label("Current Password").fill(PASSWORD)
    page.get_by_label("New Password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New Password (again)").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change your password").click()
    sign_out(page)
    sign_in(page, name, NEW_PASSWORD)
    expect(page.get_by_role("link", name="Account")).to_be_visible()


def test_a_token_of_the_account_works_until_it_is_revoked(visitor: Visitor, product: Product) -> None:
    page = visitor.new_page()
    sign_up_as(page, new_person())
    page.goto("/account")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Make a token").click()
    headers = {"Authorization": f"Bearer {page.locator('.secret code').inner_text()}"}
    asked = [requests.get(f"{product.url}/api/batches", headers=headers, timeout=30).status_code]
    page.get_by_role("button", name="Revoke laptop").click()
    expect(page.get_by_role("button", name="Revoke laptop")).to_have_count(0)
    asked.append(requests.get(f"{product.url}/api/batches", headers=headers, timeout=30).status_code)
    assert asked == [200, 401]


def test_the_link_of_the_first_start_makes_an_administrator_once(visit: Visit) -> None:
    with Product(STOP_SECONDS=1) as product:
        visitor, link = visit(product), first_link(product)
        page = visitor.open(link)
        for label, text in (("Username", "root"), ("Password", PASSWORD), ("Password (again)", PASSWORD)):
            page.get_by_label(label, exact=True).fill(text)
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_text("You are the administrator of this site.")).to_be_visible()
        page.get_by_role("link", name="Operate").click()
        expect(page.get_by_role("heading", name="Operations")).to_be_visible()
        page.goto(link)
        expect(page.get_by_role("button", name="Make the account")).to_have_count(0)
        visitor.leave()
