"""No page asks much of a slow line: style and script together stay small, come compressed, and come from here."""

import pytest
from playwright.sync_api import Page, Response

from tests.browser import Visitor, results
from tests.browser.conftest import Visit

# What may go over the line, with every header.
MOST_BYTES = 100_000
KINDS = ("script", "stylesheet")
PAGES = ["/", "/gallery", "/history", "/trash", "/library", "/library/style", "/spending", "/nowhere"]
PAGES += ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]


def style_and_script(page: Page, path: str) -> list[Response]:
    """Open a page whose browser knows nothing of this site yet, and return what it was given to dress and drive it."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(path)
    return [answer for answer in answers if answer.request.resource_type in KINDS]


def bytes_sent(answer: Response) -> int:
    sizes = answer.request.sizes()
    return sizes["responseHeadersSize"] + sizes["responseBodySize"]


def expect_little(answers: list[Response]) -> None:
    weights = {answer.url: bytes_sent(answer) for answer in answers}
    assert 0 < sum(weights.values()) < MOST_BYTES, weights
    assert [answer.url for answer in answers if not answer.header_value("content-encoding")] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light(visitor: Visitor, path: str) -> None:
    expect_little(style_and_script(visitor.new_page(), path))


def test_a_live_page_is_light(visitor: Visitor, unending: list[str]) -> None:
    expect_little(style_and_script(visitor.new_page(), results(unending)))


def test_a_page_of_pictures_is_light(visitor: Visitor, ended: list[str]) -> None:
    expect_little(style_and_script(visitor.new_page(), results(ended)))


def test_the_page_of_a_picture_is_light(visitor: Visitor, ended: list[str]) -> None:
    expect_little(style_and_script(visitor.new_page(), f"/images/{ended[0]}"))


def test_the_page_of_an_account_is_light(visit: Visit) -> None:
    page = visit().open("/accounts/signup/")
    page.get_by_label("Username").fill("an abstemious person")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_label("Password (again)").fill("correct horse battery")
    page.get_by_role("button", name="Make an account").click()
    page.wait_for_url("**/")
    # The same person, with a browser that knows nothing.
    visitor = visit(storage_state=page.context.storage_state())
    expect_little(style_and_script(visitor.new_page(), "/account"))


def test_what_is_weighed_is_what_came(visitor: Visitor) -> None:
    for answer in style_and_script(visitor.new_page(), "/"):
        assert 0 < bytes_sent(answer) < len(answer.body())
