"""What a reference leads to is shown beside it; a word of the glossary answers a tap."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.book.conftest import Watched
from tests.conftest import sampled

pytestmark = pytest.mark.browser

#: A page, a link on it, and what its preview holds.
LINKS = {
    "figure of another page": ("intro", 'p a[href*="#fig-capacity-atlas"]', "figcaption"),
    "formula": ("relu-colormap", 'p a[href="#equation-relu-sum"]', "mjx-container"),
    "theorem": ("relu-colormap", 'p a[href="#relu-hinges"]', ".admonition-title"),
    "work of another page": ("relu-colormap", 'p a[href^="bibliography.html#"]', "p"),
}


@pytest.mark.parametrize("kind", sampled(LINKS, "figure of another page", "formula"))
def test_a_reference_shows_what_it_leads_to(watched: Watched, kind: str) -> None:
    name, link, inside = LINKS[kind]
    page = watched.page
    watched.open(f"book/{name}.html")
    reference, preview = page.locator(link).first, page.locator("#preview")
    reference.evaluate("link => link.scrollIntoView({block: 'center', behavior: 'instant'})")
    reference.hover()
    expect(preview).to_be_visible()
    expect(preview.locator(inside).first).to_be_visible()
    box = preview.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 1280
    preview.hover()  # it stays while the pointer is on it
    page.wait_for_timeout(400)
    expect(preview).to_be_visible()
    page.keyboard.press("Escape")
    expect(preview).to_be_hidden()
    assert page.locator("#preview [id], #preview a").count() == 0
    assert watched.problems == [] and watched.remote == []


def test_a_preview_follows_the_keyboard(watched: Watched) -> None:
    watched.open("book/relu-colormap.html")
    link, preview = (
        watched.page.locator(LINKS["theorem"][1]).first,
        watched.page.locator("#preview"),
    )
    while not link.evaluate("link => link === document.activeElement"):
        watched.page.keyboard.press("Tab")
    expect(preview).to_be_visible()
    assert link.get_attribute("aria-describedby") == "preview"
    watched.page.keyboard.press("Tab")
    expect(preview).to_be_hidden()
    assert link.get_attribute("aria-describedby") is None


def test_a_tap_on_a_word_shows_its_definition_in_place(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    watched = Watched(context.new_page(), address)
    watched.open("book/compression.html")
    word = watched.page.locator("a[data-definition]").first
    word.tap()
    shown = word.evaluate("word => getComputedStyle(word, '::after').content")
    assert shown.strip('"') == word.get_attribute("data-definition")
    assert watched.page.url.endswith("/compression.html")
    word.tap()
    watched.page.wait_for_url("**/glossary.html#term-*")
    context.close()
