"""Every page in every look: axe finds nothing in anybody's way, and nothing sticks out."""

import itertools

import pytest
from playwright.sync_api import Page

from tests import needs
from tests.browser import THOROUGH
from tests.browser.views import FIRST_VIEWS, NARROWEST, SCHEMES, VIEWS, WIDTHS, Scene, Scheme, View, look_at

# A page looks the same wherever rows and pictures are kept.
pytestmark = pytest.mark.laptop
AXE_LOOKS: list[tuple[int, Scheme]] = (
    [*itertools.product(WIDTHS, SCHEMES)] if THOROUGH else [(WIDTHS[0], "light"), (WIDTHS[-1], "dark")]
)
# What nobody has scrolled to yet has a size that is only a guess, so that axe sees things lie over each other.
LAY_OUT_ALL = "() => document.styleSheets[0].insertRule('.card { content-visibility: visible !important }')"
# The size of targets is a rule of WCAG 2.2 that axe leaves off by default.
RUN_AXE = "() => axe.run({rules: {'target-size': {enabled: true}}})"
# What waits to be swiped in is out there on purpose, and hidden from everybody.
FIND_WHAT_STICKS_OUT = """() => [...document.querySelectorAll("body *")]
    .filter((element) => !element.closest(".pswp__item[aria-hidden=true]"))
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 || element.getBoundingClientRect().left < -1)
    .map((element) => element.outerHTML.slice(0, 80))"""
SCROLLS_SIDEWAYS = "() => document.scrollingElement.scrollWidth > innerWidth"


def obstacles(page: Page) -> list[str]:
    """Return what axe says is in somebody's way, with the elements that are."""
    found = page.evaluate(RUN_AXE)["violations"]
    return [f"{fault['id']}: {', '.join(str(node['target']) for node in fault['nodes'])}" for fault in found]


@pytest.mark.parametrize("view", [*VIEWS, *FIRST_VIEWS])
def test_nothing_is_in_anybodys_way_and_nothing_sticks_out(view: View, tab: Page, scene: Scene) -> None:
    view(tab, scene)
    tab.evaluate(LAY_OUT_ALL)
    tab.evaluate(needs.axe().read_text(encoding="utf-8"))
    for width, scheme in AXE_LOOKS:
        look_at(tab, width, scheme)
        assert obstacles(tab) == [], f"{width} pixels wide, {scheme}"
    for width in (NARROWEST, *WIDTHS):
        look_at(tab, width)
        assert tab.evaluate(FIND_WHAT_STICKS_OUT) == [], f"{width} pixels wide"
        assert not tab.evaluate(SCROLLS_SIDEWAYS), f"{width} pixels wide"
