"""One product and one browser for all of these tests, and visitors who must find nothing to complain about."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import needs
from tests.browser import EXAMPLES, LONG_PROMPT, THOROUGH, Visitor, waiting
from tests.browser.views import FIRST_VIEWS, PASSWORD, Scene
from tests.postbox import PostBox
from tests.product import Product

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Visit = Callable[..., Visitor]
Look = dict[str, Any]
HAND = {"has_touch": True, "is_mobile": True}
LOOKS: dict[str, Look] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", **HAND},
    "tablet": {"viewport": {"width": 820, "height": 1180}, "color_scheme": "dark", **HAND},
    "desktop": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Do what a test does on one of the looks, and where servers are on another one."""
    if "look" not in metafunc.fixturenames or "view" in metafunc.fixturenames:
        return
    turn = crc32(metafunc.definition.nodeid.encode()) + (os.environ.get("TEST_STORES") == "servers")
    names = [*LOOKS] if THOROUGH else [[*LOOKS][turn % len(LOOKS)]]
    metafunc.parametrize("look", [LOOKS[name] for name in names], ids=names)


@pytest.fixture
def look() -> Look:
    """How big and how bright it is for visitors who choose nothing themselves; views are looked at in all ways anyhow."""
    return {}


@pytest.fixture(scope="package")
def postbox() -> Iterator[PostBox]:
    with PostBox() as box:
        yield box


@pytest.fixture(scope="package")
def product(postbox: PostBox) -> Iterator[Product]:
    # Some jobs never end, and a stop should not wait long for them.
    with Product(STOP_SECONDS=2, EMAIL_URL=postbox.url, DJANGO_SETTINGS_MODULE="tests.crowded_settings") as running:
        yield running


@pytest.fixture(scope="package")
def fresh() -> Iterator[Product]:
    """A product that has just been started for the first time, and that stays so: nobody makes an account there."""
    with Product(STOP_SECONDS=1) as running:
        yield running


# Ends with this package: as long as Playwright's event loop runs, no other test can use the ORM.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs.chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, product: Product, look: Look) -> Iterator[Visit]:
    """Send visitors with these options of the browser; afterwards none of them may have a complaint."""
    visitors: list[Visitor] = []

    def sent(to: Product = product, **options: object) -> Visitor:
        visitors.append(Visitor(chromium, to.url, **{**look, **options}))
        return visitors[-1]

    yield sent
    for visitor in visitors:
        visitor.leave()
    assert [complaint for visitor in visitors for complaint in visitor.complaints()] == []


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    return visit()


# Asked for before anybody needs them, because a task that is tried in vain takes its time.
@pytest.fixture(scope="package", autouse=True)
def asked_early(product: Product) -> list[str]:
    wishes = [f"{prompt} [demo: {wish}]" for prompt, wish in zip(EXAMPLES, ("refuse", "blur", "unknown"), strict=True)]
    return product.generate(*EXAMPLES, *wishes, "A hopeless case [demo: fail]", LONG_PROMPT)


@pytest.fixture(scope="package")
def ended(product: Product, asked_early: list[str]) -> list[str]:
    """Tasks that have ended in every way, and an id that no task has."""
    product.finished(asked_early)
    return [*asked_early, "nonsense"]


@pytest.fixture(scope="package")
def unending(product: Product) -> list[str]:
    """Tasks of which one waits and one is drawn for longer than any test takes, and an id that no task has."""
    dog, ninja, thief = product.generate("A red flying dog", "A piano ninja [demo: later 600]", "A thief [demo: refuse]")
    return [dog, ninja, *waiting(product, "A footballer kid"), thief, "nonsense"]


@pytest.fixture(scope="package")
def operator(product: Product) -> str:
    """Name somebody of the staff."""
    make = f"User.objects.create_user('grace', password='{PASSWORD}', is_staff=True)"
    product.manage("shell", "-c", f"from django.contrib.auth.models import User; {make}")
    return "grace"


@pytest.fixture(scope="package")
def scene(ended: list[str], unending: list[str], product: Product, postbox: PostBox, operator: str, fresh: Product) -> Scene:
    one = product.generate("../../a path <b>&amp; " + "verylongword" * 20 + LONG_PROMPT)
    product.finished(one)
    return Scene(ended, unending, ended[:3], one, postbox, operator, first_link(fresh))


def first_link(product: Product) -> str:
    """Return what is printed where nobody has an account yet; as a path."""
    [path] = [line.partition(product.url)[2] for line in product.lines if "/first-run/" in line]
    return path


@pytest.fixture
def tab(visit: Visit, request: pytest.FixtureRequest, product: Product, fresh: Product) -> Page:
    """Open a page for a view, of the product that it is a view of."""
    to = fresh if request.getfixturevalue("view") in FIRST_VIEWS else product
    return visit(to, reduced_motion="reduce").new_page()
