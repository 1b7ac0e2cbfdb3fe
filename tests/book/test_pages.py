"""Every page of the built book, opened in Chromium with the network closed."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.request import urlopen

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from analysis import colormaps
from analysis.build import Book
from tests.book.conftest import HTML, Watched, set_theme

BOOK = Book(Path(__file__).resolve().parents[2])
PAGES, CHAPTERS = BOOK.pages, BOOK.chapters

pytestmark = pytest.mark.browser

#: Paragraphs whose text, less code and formulas, still holds a dollar or a TeX command.
_UNSET_MATHS = """() => {
  const places = '.bd-article p, .bd-article li, .bd-article td, figcaption';
  const texts = [...document.querySelectorAll(places)].map(place => {
    const copy = place.cloneNode(true);
    copy.querySelectorAll('code, pre, mjx-container, .math').forEach(node => node.remove());
    return copy.textContent;
  });
  return texts.filter(text => /[$]|\\\\[a-z]{2}/.test(text));
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_offline(watched: Watched, name: str, theme: str) -> None:
    watched.open(f"book/{name}.html")
    assert watched.remote == []
    assert watched.problems == []
    page = watched.page
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert page.locator(".problematic, .system-message").count() == 0
    assert page.evaluate(_UNSET_MATHS) == []
    images = page.locator(".bd-article img")
    for index in range(images.count()):
        image = images.nth(index)
        assert (image.get_attribute("alt") or "").strip(), image.get_attribute("src")
        image.scroll_into_view_if_needed()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        assert image.evaluate("image => getComputedStyle(image).filter") == "none"


def test_a_first_visit_has_no_complaint(browser: Browser, address: str) -> None:
    """Nothing stored yet: the theme follows the reader's system."""
    context = browser.new_context(color_scheme="dark")
    watched = Watched(context.new_page(), address)
    watched.page.goto(f"{address}/index.html", wait_until="commit")
    watched.page.wait_for_url("**/book/intro.html")
    watched.page.wait_for_load_state("networkidle")
    assert watched.problems == []
    assert watched.page.evaluate("document.documentElement.dataset.theme") == "dark"
    context.close()


@pytest.mark.parametrize("width", [360])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_telephone(watched: Watched, name: str, width: int) -> None:
    watched.open(f"book/{name}.html")
    widths = watched.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1] + 1


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_has_its_five_files(address: str, watched: Watched, name: str) -> None:
    watched.open(f"book/{name}.html")
    figures = watched.page.locator("figure.book-figure, .book-figure")
    links = watched.page.locator("p.figure-links")
    assert name == "figure-index" or links.count() >= figures.count() // 2
    for index in range(links.count()):
        targets = links.nth(index).locator("a").evaluate_all("as => as.map(a => a.href)")
        suffixes = [target.rpartition(".")[2] for target in targets]
        assert suffixes == ["svg", "png", "pdf", "csv", "bib"]
        for target in targets:
            with urlopen(target) as answer:
                assert answer.status == 200
                assert answer.read(1)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_shows_no_warning_and_no_stray_output(name: str) -> None:
    """What a reader sees under a cell is a figure, a table or a note; never a log."""
    notebook = nbformat.read(HTML / "_sources" / "book" / f"{name}.ipynb", as_version=4)
    stray = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                stray.append(output.text)
            elif output.output_type == "execute_result" and set(output.data) == {"text/plain"}:
                stray.append(output.data["text/plain"])
    assert stray == []


def pixels(browser: Browser, address: str, theme: str, path: str, selector: str) -> np.ndarray:
    """Screenshot of an element as the reader sees it."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    set_theme(context, theme)
    watched = Watched(context.new_page(), address)
    watched.open(path)
    element = watched.page.locator(selector).first
    element.evaluate("image => image.decode()")
    place = "position: fixed; top: 0; left: 0; z-index: 9999; width: 640px; height: 302px"
    element.evaluate("(image, place) => image.style.cssText = place", place)
    shot = element.screenshot()
    context.close()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def test_no_theme_touches_the_colours_of_a_figure(browser: Browser, address: str) -> None:
    """A figure that shows viridis itself: the same pixels in both themes, and viridis' own."""
    arguments = ("book/single-pixel.html", 'img[src*="fig-high-or-low"]')
    light = pixels(browser, address, "light", *arguments)
    dark = pixels(browser, address, "dark", *arguments)
    inner = (slice(12, -12), slice(12, -12))  # less the rounded corners, where the page shows
    np.testing.assert_array_equal(light[inner], dark[inner])
    drawn = {tuple(colour) for colour in light.reshape(-1, 3).tolist()}
    viridis = {tuple(colour) for colour in colormaps.lut8_rounded("viridis").tolist()}
    assert len(drawn & viridis) > 20


def test_the_address_of_a_figure_is_its_identifier() -> None:
    names = sorted(path.stem for path in (HTML / "figures").glob("*.json"))
    assert names
    index = (HTML / "book" / "figure-index.html").read_text("utf-8")
    for name in names:
        assert f'href="../figures/{name}.svg"' in index
        assert f"{name}</span>" in index or name in index


def test_search_finds_the_words_of_the_subject(watched: Watched) -> None:
    for word in ("viridis", "VC dimension"):
        watched.open(f"search.html?q={word.replace(' ', '+')}")
        watched.page.wait_for_selector("ul.search li", timeout=10_000)
    assert watched.remote == []


def test_the_downloads_are_the_executed_notebooks(address: str) -> None:
    with urlopen(f"{address}/_sources/book/single-pixel.ipynb") as answer:
        text = answer.read().decode("utf-8")
    assert '"execution_count": 1' in text
    assert "fig-high-or-low" in text
