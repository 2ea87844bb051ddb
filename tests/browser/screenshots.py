"""`make screenshots`: every page in every state, on a phone, a tablet and a desktop, light and dark, for people."""

import itertools
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.views import FIRST_VIEWS, SCHEMES, STAFF_VIEWS, VIEWS, WIDTHS, Scene, View, look_at

FOLDER = Path(os.environ["SCREENSHOTS"])


@pytest.mark.parametrize("view", [*VIEWS, *FIRST_VIEWS, *STAFF_VIEWS])
def test_it_has_its_picture_taken(view: View, tab: Page, scene: Scene) -> None:
    view(tab, scene)
    tab.evaluate("document.querySelectorAll('img').forEach((picture) => { picture.loading = 'eager' })")
    tab.wait_for_function("() => [...document.images].every((picture) => picture.naturalWidth > 0)")
    for width, scheme in itertools.product(WIDTHS, SCHEMES):
        look_at(tab, width, scheme)
        tab.screenshot(path=FOLDER / f"{view.__name__}-{width}-{scheme}.png", full_page=True)
