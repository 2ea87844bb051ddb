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
from tests.browser import expect_pictures, results, send
from tests.postbox import PostBox

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")
# As wide as WCAG 2.2 wants a page to work without sideways scrolling, as a phone, as a tablet, and as a desktop.
NARROWEST, *WIDTHS = 320, 390, 820, 1440
HEIGHT = 900
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Scene:
    """What pages are opened with: ids of tasks, everybody's mail, and names."""

    ended: list[str]
    unending: list[str]
    few: list[str]
    one: list[str]
    postbox: PostBox
    # Somebody of the staff, whose password is the usual one.
    operator: str
    # The link that a product nobody has an account of prints.
    first_link: str


View = Callable[[Page, Scene], None]


def compose(page: Page, scene: Scene) -> None:
    page.goto("/")


def options(page: Page, scene: Scene) -> None:
    page.goto("/")
    page.locator("summary", has_text="Options").click()
    page.mouse.move(0, 0)


def faults(page: Page, scene: Scene) -> None:
    options(page, scene)
    page.get_by_label("Prompts", exact=True).fill("A red flying dog")
    page.get_by_label("Seed", exact=True).fill("-9")
    page.get_by_role("button", name="Make pictures").click()
    expect(page.get_by_role("alert")).to_be_visible()


def unending(page: Page, scene: Scene) -> None:
    page.goto(results(scene.unending))
    expect(page.locator("li.card[data-state=queued] .why")).to_contain_text(re.compile("Trying again|takes no more calls"))


def ended(page: Page, scene: Scene) -> None:
    page.goto(results(scene.ended))
    page.locator("li.card summary").first.click()
    page.mouse.move(0, 0)


def few(page: Page, scene: Scene) -> None:
    page.goto(results(scene.few))


def one(page: Page, scene: Scene) -> None:
    page.goto(results(scene.one))


def image(page: Page, scene: Scene) -> None:
    page.goto(f"/images/{scene.few[0]}")
    expect(page.get_by_role("button", name="Make again (free)")).to_be_visible()


def in_full(page: Page, scene: Scene) -> None:
    page.goto(results(scene.few))
    page.locator("li.card a.frame").first.click()
    expect(page.locator(".pswp--ui-visible")).to_be_visible()


def narrowed(page: Page, scene: Scene) -> None:
    page.goto("/history?provider=demo")
    expect(page.get_by_label("My tag")).to_be_visible()


def image_failed(page: Page, scene: Scene) -> None:
    page.goto(f"/images/{scene.ended[3]}")


def settings_of_another(page: Page, scene: Scene) -> None:
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


def preview(page: Page, scene: Scene) -> None:
    page.goto("/")
    page.get_by_label("Prompts", exact=True).fill("A {red|blue} kite, __outdoors__\n50% off {")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="2 pictures, free")).to_be_visible()


def ideas(page: Page, scene: Scene) -> None:
    page.goto("/")
    page.locator("summary", has_text="Ideas").click()
    page.get_by_label("How many").fill("3")
    page.get_by_role("button", name="Write prompts").click()
    expect(page.get_by_role("button", name="Add all")).to_be_visible()


def gallery(page: Page, scene: Scene) -> None:
    page.goto("/")
    page.get_by_role("button", name="Generate Random Image").click()
    expect(page.locator("li.card[data-state=succeeded]")).to_have_count(1)
    page.goto("/gallery")


def no_match(page: Page, scene: Scene) -> None:
    page.goto("/gallery?q=nothinglikethis&style=anime")


def history(page: Page, scene: Scene) -> None:
    page.goto("/history")


def ticked(page: Page, scene: Scene) -> None:
    page.goto("/history")
    page.locator("li.card[data-state=succeeded]:not(:has(.public)) .pick input").first.check()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("1 picture is shown in the gallery now.")).to_be_visible()
    page.locator("li.card .pick input").first.check()


def trash(page: Page, scene: Scene) -> None:
    page.goto("/")
    # One that no other view shows.
    send(page, "A kite to throw away")
    expect_pictures(page, 1)
    page.goto("/history?q=throw+away")
    page.locator("li.card .pick input").first.check()
    page.get_by_role("button", name="Throw away").click()
    page.get_by_role("status").get_by_role("link", name="trash").click()
    expect(page.get_by_role("heading", name="Trash")).to_be_visible()


def empty_trash(page: Page, scene: Scene) -> None:
    page.goto("/trash")
    while page.locator(".pick input").count():
        for tick in page.locator(".pick input").all():
            tick.check()
        page.get_by_role("button", name="Bring back").click()
        page.goto("/trash")
    expect(page.get_by_text("The trash is empty.")).to_be_visible()


def library(page: Page, scene: Scene) -> None:
    library_form(page, scene)
    page.get_by_label("Lines").fill("a kite\na piano")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit", exact=False).first.click()
    page.get_by_role("button", name="Delete").click()
    page.locator("summary", has_text="Styles").click()
    page.mouse.move(0, 0)


def library_form(page: Page, scene: Scene) -> None:
    page.goto("/library/list")
    page.get_by_label("Name").fill(f"things {uuid4().hex}")
    page.get_by_role("button", name="Save").click()


def spending(page: Page, scene: Scene) -> None:
    page.goto("/spending")


def sign_up(page: Page, scene: Scene) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_label("Password (again)").fill("short")
    page.get_by_role("button", name="Make an account").click()
    expect(page.get_by_text("This password is too short")).to_be_visible()


def new_person() -> str:
    return f"ann-{uuid4().hex}"


def address_of(name: str) -> str:
    return f"{name}@example.org"


def sign_up_as(page: Page, name: str) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Email").fill(address_of(name))
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password (again)").fill(PASSWORD)
    page.get_by_role("button", name="Make an account").click()
    expect(page.get_by_role("link", name="Account")).to_be_visible()


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the form of sign-in on an open page, or else on its own."""
    if not page.get_by_label("Username").count():
        page.goto("/accounts/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()


def say_who(page: Page) -> None:
    """Give the password once more, where a page asks for it."""
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


def turn_on_two_factor(page: Page) -> str:
    """Turn it on with an app, and return the key that the app keeps."""
    two_factor(page)
    key = page.locator(".key").inner_text()
    page.get_by_label("Authenticator code").fill(code(key))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return key


def account(page: Page, scene: Scene) -> None:
    sign_up_as(page, new_person())
    page.get_by_role("link", name="Account").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("Your new token.")).to_be_visible()


def own_choices(page: Page, scene: Scene) -> None:
    sign_up_as(page, new_person())
    page.goto("/account")
    page.get_by_label("Size or ratio").fill("huge")
    page.get_by_role("button", name="Save choices").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed.")


def two_factor(page: Page, scene: Scene | None = None) -> None:
    if scene:
        sign_up_as(page, new_person())
    page.goto("/account")
    page.get_by_role("link", name="Turn on two-factor sign-in").click()
    say_who(page)
    expect(page.get_by_role("img", name="QR code")).to_be_visible()


def recovery_codes(page: Page, scene: Scene) -> None:
    sign_up_as(page, new_person())
    turn_on_two_factor(page)


def one_more_code(page: Page, scene: Scene) -> None:
    sign_up_as(page, name := new_person())
    turn_on_two_factor(page)
    sign_out(page)
    sign_in(page, name)
    expect(page.get_by_role("heading", name="One more code")).to_be_visible()


def forgotten(page: Page, scene: Scene) -> None:
    page.goto("/accounts/password/reset/")


def forgotten_without_mail(page: Page, scene: Scene) -> None:
    forgotten(page, scene)
    expect(page.get_by_text("reset_link")).to_be_visible()


def ask_for_reset(page: Page, name: str) -> None:
    page.goto("/accounts/password/reset/")
    page.get_by_label("Email").fill(address_of(name))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()


def mail_sent(page: Page, scene: Scene) -> None:
    ask_for_reset(page, "nobody")


def new_password(page: Page, scene: Scene) -> None:
    sign_up_as(page, name := new_person())
    sign_out(page)
    ask_for_reset(page, name)
    page.goto(scene.postbox.link(address_of(name), "Password Reset"))
    expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()


def old_link(page: Page, scene: Scene) -> None:
    page.goto("/accounts/password/reset/key/1-nonsense/")
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()


def confirm_address(page: Page, scene: Scene) -> None:
    sign_up_as(page, name := new_person())
    page.goto(scene.postbox.link(address_of(name), "Confirm"))
    expect(page.get_by_role("heading", name="Is this your address?")).to_be_visible()


def change_address(page: Page, scene: Scene) -> None:
    sign_up_as(page, new_person())
    page.goto("/accounts/email/")
    say_who(page)
    page.get_by_label("Email").fill(address_of(new_person()))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Send it again")).to_be_visible()


def change_password(page: Page, scene: Scene) -> None:
    sign_up_as(page, new_person())
    page.goto("/accounts/password/change/")
    for label in ("Current Password", "New Password", "New Password (again)"):
        page.get_by_label(label, exact=True).fill("of somebody else")
    page.get_by_role("button", name="Change your password").click()
    expect(page.get_by_text("Please type your current password.")).to_be_visible()


def leave(page: Page, scene: Scene) -> None:
    sign_up_as(page, new_person())
    page.goto("/accounts/logout/")
    expect(page.get_by_role("heading", name="Sign out")).to_be_visible()


def first_run(page: Page, scene: Scene) -> None:
    page.goto(scene.first_link)
    expect(page.get_by_role("heading", name="The first account")).to_be_visible()


def first_run_closed(page: Page, scene: Scene) -> None:
    page.goto("/first-run/nonsense")


def unchecked(page: Page, scene: Scene) -> None:
    page.goto("/")
    page.get_by_label("Prompts", exact=True).fill("A red flying dog")
    page.context.clear_cookies()
    page.get_by_role("button", name="Make pictures").click()
    expect(page.get_by_role("heading", name="The form could not be checked")).to_be_visible()


def operate(page: Page, scene: Scene) -> None:
    page.goto("/admin/")
    sign_in(page, scene.operator)
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()


def operate_jobs(page: Page, scene: Scene) -> None:
    operate(page, scene)
    page.goto("/admin/imagegen/job/")


def operate_job(page: Page, scene: Scene) -> None:
    operate(page, scene)
    page.goto(f"/admin/imagegen/job/{scene.few[0]}/change/")


def operate_providers(page: Page, scene: Scene) -> None:
    operate(page, scene)
    page.goto("/admin/imagegen/providerpause/")


def nothing(page: Page, scene: Scene) -> None:
    page.goto("/nowhere")


def look_at(page: Page, width: int, scheme: Scheme = "light") -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=scheme)


VIEWS: list[View] = [compose, options, faults, preview, ideas, unending, ended, few, one, gallery, no_match, history]
VIEWS += [image, image_failed, settings_of_another, ticked, trash, empty_trash]
VIEWS += [library, library_form, spending, sign_up, account, nothing, unchecked]
VIEWS += [in_full, narrowed, own_choices, two_factor, recovery_codes, one_more_code]
VIEWS += [forgotten, mail_sent, new_password, old_link, confirm_address, change_address, change_password, leave]
# On a product that nobody has an account of, and that sends no mail.
FIRST_VIEWS: list[View] = [first_run, first_run_closed, forgotten_without_mail]
# The operators' pages keep Django's own look.
STAFF_VIEWS: list[View] = [operate, operate_jobs, operate_job, operate_providers]
