"""One product and one browser for all of these tests, and visitors who must find nothing to complain about."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import needs
from tests.browser import EXAMPLES, LONG_PROMPT, Visitor, waiting
from tests.browser.views import Ids
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


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    # Some jobs never end, and a stop should not wait long for them.
    with Product(STOP_SECONDS=2, DJANGO_SETTINGS_MODULE="tests.crowded_settings") as running:
        yield running


# Ends with this package: as long as Playwright's event loop runs, no other test can use the ORM.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs.chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, product: Product) -> Iterator[Visit]:
    """Send visitors with these options of the browser; afterwards none of them may have a complaint."""
    visitors: list[Visitor] = []

    def sent(**options: object) -> Visitor:
        visitors.append(Visitor(chromium, product.url, **options))
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
def ids(ended: list[str], unending: list[str], product: Product) -> Ids:
    one = product.generate("../../a path <b>&amp; " + "verylongword" * 20 + LONG_PROMPT)
    product.finished(one)
    return Ids(ended, unending, ended[:3], one)


@pytest.fixture
def tab(visit: Visit) -> Page:
    return visit(reduced_motion="reduce").new_page()
