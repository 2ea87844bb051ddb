"""No page makes noise: nothing in the console, no request that fails or goes elsewhere, nothing that the policy stops."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import LONG_PROMPT, Visitor, results, send

UNKNOWN_BATCH = "/batches/00000000-0000-4000-8000-000000000000"


def policies(visitor: Visitor) -> list[str]:
    return [answer.header_value("content-security-policy") or "" for answer in visitor.answers]


def try_to_break_the_rules(page: Page) -> None:
    """Do what a page of ours never does: inline script and style, and a picture from elsewhere."""
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.broken = true";
        const style = document.createElement("div");
        style.setAttribute("style", "color: red");
        const picture = document.createElement("img");
        picture.src = "http://elsewhere.invalid/picture.png";
        document.body.append(script, style, picture);
    }""")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/spending",
        "/gallery",
        "/history",
        "/library",
        "/library/style",
        "/nowhere",
        UNKNOWN_BATCH,
        results(["nonsense"]),
        "/show-images",
    ],
)
def test_a_page_without_pictures_is_quiet(visitor: Visitor, path: str) -> None:
    page = visitor.open(path)
    page.wait_for_load_state("networkidle")
    assert visitor.complaints() == []


def test_a_page_of_tasks_that_have_ended_is_quiet(visitor: Visitor, ended: list[str]) -> None:
    page = visitor.open(results(ended))
    page.wait_for_load_state("networkidle")
    assert visitor.complaints() == []


def test_an_icon_is_there_where_a_page_names_none(visitor: Visitor) -> None:
    expect(visitor.new_page().request.get("/favicon.ico")).to_be_ok()


def test_a_page_that_listens_is_quiet(visitor: Visitor, unending: list[str]) -> None:
    page = visitor.new_page()
    with page.expect_response("**/events?*") as heard:
        page.goto(results(unending))
    assert heard.value.status == 200
    assert visitor.complaints() == []


def test_a_form_with_faults_is_quiet(visitor: Visitor) -> None:
    page = visitor.open("/")
    send(page, LONG_PROMPT * 100)
    expect(page.get_by_role("alert")).to_be_visible()
    assert visitor.complaints() == []


def test_a_form_that_cannot_be_checked_says_so_quietly(visitor: Visitor) -> None:
    page = visitor.open("/")
    visitor.lose_cookies()
    send(page, "A red flying dog")
    expect(page.get_by_role("heading", level=1)).to_have_text("The form could not be checked")
    assert visitor.complaints() == []


def test_the_policy_makes_no_exceptions(visitor: Visitor, ended: list[str], unending: list[str]) -> None:
    for path in ("/", results(ended), results(unending), results(["nonsense"]), UNKNOWN_BATCH, "/nowhere"):
        visitor.open(path)
    assert len(policies(visitor)) == 6
    for policy in policies(visitor):
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_a_visitor_would_notice_noise(visitor: Visitor) -> None:
    page = visitor.open("/")
    try_to_break_the_rules(page)
    troubles = ("policy: script-src", "policy: style-src", "policy: img-src", "another host: http://elsewhere.invalid")
    for _ in range(200):
        noise = "\n".join(visitor.complaints())
        if all(trouble in noise for trouble in troubles):
            break
        page.wait_for_timeout(100)
    visitor.forgive("")
    assert [trouble for trouble in troubles if trouble not in noise] == []
    assert not page.evaluate("window.broken")
