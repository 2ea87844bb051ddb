"""Every page in every state that people meet, for those who look at them: tests, and `make screenshots`."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, expect

from tests.authenticator import code
from tests.browser import results

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")
# As wide as WCAG 2.2 wants a page to work without sideways scrolling, as a phone, as a tablet, and as a desktop.
NARROWEST, *WIDTHS = 320, 390, 820, 1440
HEIGHT = 900
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Ids:
    """Task ids for the pages that show some."""

    ended: list[str]
    unending: list[str]
    few: list[str]
    one: list[str]


View = Callable[[Page, Ids], None]


def compose(page: Page, ids: Ids) -> None:
    page.goto("/")


def options(page: Page, ids: Ids) -> None:
    page.goto("/")
    page.locator("summary", has_text="Options").click()
    page.mouse.move(0, 0)


def faults(page: Page, ids: Ids) -> None:
    options(page, ids)
    page.get_by_label("Prompts", exact=True).fill("A red flying dog")
    page.get_by_label("Seed", exact=True).fill("-9")
    page.get_by_role("button", name="Make pictures").click()
    expect(page.get_by_role("alert")).to_be_visible()


def unending(page: Page, ids: Ids) -> None:
    page.goto(results(ids.unending))
    expect(page.locator("li.card[data-state=queued] .why")).to_contain_text(re.compile("Trying again|takes no more calls"))


def ended(page: Page, ids: Ids) -> None:
    page.goto(results(ids.ended))
    page.locator("li.card summary").first.click()
    page.mouse.move(0, 0)


def few(page: Page, ids: Ids) -> None:
    page.goto(results(ids.few))


def one(page: Page, ids: Ids) -> None:
    page.goto(results(ids.one))


def image(page: Page, ids: Ids) -> None:
    page.goto(f"/images/{ids.few[0]}")
    expect(page.get_by_role("button", name="Make again (free)")).to_be_visible()


def in_full(page: Page, ids: Ids) -> None:
    page.goto(results(ids.few))
    page.locator("li.card a.frame").first.click()
    expect(page.locator(".pswp--ui-visible")).to_be_visible()


def narrowed(page: Page, ids: Ids) -> None:
    page.goto("/history?provider=demo")
    expect(page.get_by_label("My tag")).to_be_visible()


def image_failed(page: Page, ids: Ids) -> None:
    page.goto(f"/images/{ids.ended[3]}")


def settings_of_another(page: Page, ids: Ids) -> None:
    page.goto("/")
    text = PngInfo()
    text.add_text("parameters", "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Model: dreamy")
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=text)
    page.locator("summary", has_text="From a file").click()
    page.get_by_label("File of prompts").set_input_files(
        {"name": "fox.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    expect(page.get_by_text("cfg scale")).to_be_visible()


def preview(page: Page, ids: Ids) -> None:
    page.goto("/")
    page.get_by_label("Prompts", exact=True).fill("A {red|blue} kite, __outdoors__\n50% off {")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="2 pictures, free")).to_be_visible()


def ideas(page: Page, ids: Ids) -> None:
    page.goto("/")
    page.locator("summary", has_text="Ideas").click()
    page.get_by_label("How many").fill("3")
    page.get_by_role("button", name="Write prompts").click()
    expect(page.get_by_role("button", name="Add all")).to_be_visible()


def gallery(page: Page, ids: Ids) -> None:
    page.goto("/")
    page.get_by_role("button", name="Generate Random Image").click()
    expect(page.locator("li.card[data-state=succeeded]")).to_have_count(1)
    page.goto("/gallery")


def no_match(page: Page, ids: Ids) -> None:
    page.goto("/gallery?q=nothinglikethis&style=anime")


def history(page: Page, ids: Ids) -> None:
    page.goto("/history")


def ticked(page: Page, ids: Ids) -> None:
    page.goto("/history")
    page.locator("li.card[data-state=succeeded]:not(:has(.public)) .pick input").first.check()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("1 picture is shown in the gallery now.")).to_be_visible()
    page.locator("li.card .pick input").first.check()


def trash(page: Page, ids: Ids) -> None:
    page.goto("/history")
    page.locator("li.card[data-state=succeeded] .pick input").last.check()
    page.get_by_role("button", name="Throw away").click()
    expect(page.get_by_text("in the trash now")).to_be_visible()


def empty_trash(page: Page, ids: Ids) -> None:
    page.goto("/trash")
    while page.locator(".pick input").count():
        for tick in page.locator(".pick input").all():
            tick.check()
        page.get_by_role("button", name="Bring back").click()
        page.goto("/trash")
    expect(page.get_by_text("The trash is empty.")).to_be_visible()


def library(page: Page, ids: Ids) -> None:
    library_form(page, ids)
    page.get_by_label("Lines").fill("a kite\na piano")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit", exact=False).first.click()
    page.get_by_role("button", name="Delete").click()
    page.locator("summary", has_text="Styles").click()
    page.mouse.move(0, 0)


def library_form(page: Page, ids: Ids) -> None:
    page.goto("/library/list")
    page.get_by_label("Name").fill(f"things {uuid4().hex}")
    page.get_by_role("button", name="Save").click()


def spending(page: Page, ids: Ids) -> None:
    page.goto("/spending")


def sign_up(page: Page, ids: Ids) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_label("Password (again)").fill("short")
    page.get_by_role("button", name="Make an account").click()
    expect(page.get_by_text("This password is too short")).to_be_visible()


def sign_up_as(page: Page, name: str) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Make an account").click()
    expect(page.get_by_role("link", name="Account")).to_be_visible()


def turn_on_two_factor(page: Page) -> str:
    """Turn it on with an app, and return the key that the app keeps."""
    two_factor(page)
    key = page.locator(".key").inner_text()
    page.get_by_label("Authenticator code").fill(code(key))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return key


def account(page: Page, ids: Ids) -> None:
    sign_up_as(page, f"ann-{uuid4().hex}")
    page.get_by_role("link", name="Account").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("Your new token.")).to_be_visible()


def own_choices(page: Page, ids: Ids) -> None:
    sign_up_as(page, f"ann-{uuid4().hex}")
    page.goto("/account")
    page.get_by_label("Size or ratio").fill("huge")
    page.get_by_role("button", name="Save choices").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed.")


def two_factor(page: Page, ids: Ids | None = None) -> None:
    if ids:
        sign_up_as(page, f"ann-{uuid4().hex}")
    page.goto("/account")
    page.get_by_role("link", name="Turn on two-factor sign-in").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()


def recovery_codes(page: Page, ids: Ids) -> None:
    sign_up_as(page, f"ann-{uuid4().hex}")
    turn_on_two_factor(page)


def one_more_code(page: Page, ids: Ids) -> None:
    sign_up_as(page, name := f"ann-{uuid4().hex}")
    turn_on_two_factor(page)
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="One more code")).to_be_visible()


def forgotten(page: Page, ids: Ids) -> None:
    page.goto("/accounts/password/reset/")


def nothing(page: Page, ids: Ids) -> None:
    page.goto("/nowhere")


def look_at(page: Page, width: int, scheme: Scheme = "light") -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=scheme)


VIEWS: list[View] = [compose, options, faults, preview, ideas, unending, ended, few, one, gallery, no_match, history]
VIEWS += [image, image_failed, settings_of_another, ticked, trash, empty_trash]
VIEWS += [library, library_form, spending, sign_up, account, nothing]
VIEWS += [in_full, narrowed, own_choices, two_factor, recovery_codes, one_more_code, forgotten]
