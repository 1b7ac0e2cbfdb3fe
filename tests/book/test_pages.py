"""Every page of the built book, opened in Chromium with the network closed."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser

from analysis.building.book import Book
from analysis.colour import colormaps
from analysis.publishing.figures import NARROW
from analysis.site.site import read_book
from tests.book.conftest import HTML, Watched, set_theme
from tests.conftest import ROOT, sampled

BOOK = Book(ROOT)
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

#: Ends what moves by the clock. What follows the scroll position has no end: ended, it stays there.
_ENDED = """document.getAnimations().filter(a => a.timeline === document.timeline)
    .filter(a => a.effect.getComputedTiming().endTime < Infinity).forEach(a => a.finish());"""

#: The focused element's text, and whether it lies in the window with an outline or a shadow.
_FOCUS = f"""() => {{
  const element = document.activeElement;
  {_ENDED}  // the skip link slides in
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const marked = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return [element.innerText || element.getAttribute('aria-label') || element.tagName,
          marked && inside && box.width > 0];
}}"""

#: Where a chapter's first figure begins on its page, in pixels; on other pages, at the top.
_FIRST_FIGURE = """() => {
  const figure = document.querySelector('.bd-article figure');
  const chapter = figure && document.querySelector('.run-again');
  return chapter ? Math.round(figure.getBoundingClientRect().top + scrollY) : 0;
}"""

#: Formulas, tables, code and figures that their place cuts: in a box that hides, or that scrolls
#: and either may not (`wide`) or does not say so, by a fading edge or a figure's words.
_CUT = """wide => {
  const told = box => parseFloat(getComputedStyle(box).getPropertyValue('--after')) > 0
    || getComputedStyle(box.querySelector('figcaption') || box, '::before').content !== 'none';
  const places = ['mjx-math', 'table', 'pre', 'figure img.book-figure'];
  const shown = document.querySelectorAll(places.map(place => `.bd-article ${place}`).join());
  return [...shown].filter(part => {
    if (!part.checkVisibility() || part.closest('.explorer, mjx-assistive-mml')) return false;
    let box = part;
    while (getComputedStyle(box).overflowX === 'visible') box = box.parentElement;
    const width = Math.max(part.scrollWidth, part.getBoundingClientRect().width);
    if (width <= box.clientWidth + 2) return false;
    return wide || getComputedStyle(box).overflowX === 'hidden' || !told(box);
  }).map(part => `${part.tagName} ${part.textContent.slice(0, 60)}`);
}"""

#: What each figure with a narrow version shows, and by how much it is wider than its place.
_PICTURES = """async () => {
  const images = [...document.querySelectorAll('figure > picture > img.book-figure')];
  images.forEach(image => { image.loading = 'eager'; });
  await Promise.all(images.map(image => image.decode()));
  return images.map(image => {
    const box = image.closest('figure');
    return [image.currentSrc.split('/').pop(), box.scrollWidth - box.clientWidth];
  });
}"""

#: Lets a page that has another size or theme stand still.
_SETTLED = f"""async () => {{
  const frame = () => new Promise(done => requestAnimationFrame(done));
  await new Promise(done => setTimeout(done, 100));
  for (let drawn = 0; drawn < 3; drawn++) await frame();
  {_ENDED}
}}"""


def resize(watched: Watched, width: int, height: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": height})
    watched.page.evaluate(_SETTLED)


def requests_and_messages(watched: Watched) -> list[str]:
    return watched.remote + watched.problems


def maths(watched: Watched) -> list[str]:
    broken = "mjx-merror, [data-mjx-error], .problematic, .system-message"
    return watched.page.locator(broken).all_inner_texts() + watched.page.evaluate(_UNSET_MATHS)


def images(watched: Watched) -> list[str]:
    """Images without a text alternative, broken, or with filtered colours."""
    return watched.page.evaluate(
        """async () => {
          const images = [...document.querySelectorAll('.bd-article img')];
          images.forEach(image => { image.loading = 'eager'; });
          await Promise.all(images.map(image => image.decode().catch(() => {})));
          return images.filter(image => !image.alt.trim() || !image.naturalWidth
            || getComputedStyle(image).filter !== 'none').map(image => image.src);
        }"""
    )


def accessibility(watched: Watched) -> list[str]:
    """What axe-core calls serious or critical; formulas inherit their colours, and are many."""
    options = {"resultTypes": ["violations"], "preload": False}
    context = {"exclude": [["mjx-container"]]}
    found = Axe().run(watched.page, context=context, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def files_of_figures(watched: Watched) -> list[str]:
    """Figures without all their files."""
    page = watched.page
    rows = page.locator("p.figure-links").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('a')].map(a => a.href))"
    )
    suffixes = ["svg", "png", "pdf", "csv", "bib"]
    kinds = [list(dict.fromkeys(path.rpartition(".")[2] for path in row)) for row in rows]
    wrong = [str(row) for row, own in zip(rows, kinds, strict=True) if own != suffixes]
    wrong += [str(row) for row in rows if ".columns.csv" not in row[-2]]
    if len(rows) < page.locator('figure[id^="fig-"]').count():
        wrong.append("a figure has no links")
    files = [HTML / href.removeprefix(f"{watched.address}/") for row in rows for href in row]
    return wrong + [str(path) for path in files if not path.is_file() or not path.stat().st_size]


def keyboard(watched: Watched) -> list[str]:
    """The first stop skips to the text, and every stop on the way is visible."""
    page, wrong = watched.page, []
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    for stop in range(12):
        page.keyboard.press("Tab")
        text, seen = page.evaluate(_FOCUS)
        if stop == 0 and "main content" not in text:
            wrong.append(f"the first stop is {text!r}")
        if not seen:
            wrong.append(f"stop {stop} is not seen: {text!r}")
    return wrong


def cut(watched: Watched) -> list[str]:
    """What a wide screen does not show whole, and what a phone cuts without a cue."""
    found = []
    for width in (1400, 360):
        resize(watched, width, 800)
        found += watched.page.evaluate(_CUT, width > 1000)
    return found


def opening(watched: Watched) -> list[str]:
    """A chapter whose first figure begins below the first screen of a small laptop or a phone."""
    found = []
    for width, height in ((1280, 800), (360, 740)):
        resize(watched, width, height)
        top = watched.page.evaluate(_FIRST_FIGURE)
        found += [f"begins at {top} of {height} pixels"] if top > height else []
    return found


def narrow_versions(watched: Watched) -> list[str]:
    """Figures that do not show their narrow version on a phone, whole, and their wide one else."""
    found = []
    for width, narrow in ((1400, False), (360, True)):
        resize(watched, width, 800)
        shown = watched.page.evaluate(_PICTURES)
        found += [name for name, over in shown if name.endswith(NARROW) != narrow or over > 0]
    return found


def telephone(watched: Watched) -> list[str]:
    """What makes the page wider than 360 pixels."""
    resize(watched, 360, 800)
    width = watched.page.evaluate("document.documentElement.scrollWidth")
    return [f"{width} pixels wide"] if width > 361 else []


#: What holds for a page, in the order of looking; the last ones leave the page changed.
LIGHT = (requests_and_messages, maths, images, accessibility, files_of_figures)
DARK = (images, accessibility, requests_and_messages)
CHANGING = (keyboard, opening, cut, narrow_versions, telephone)


@pytest.mark.parametrize("name", sampled(PAGES, "intro"))
def test_a_page_in_both_themes(watched: Watched, name: str) -> None:
    """One visit, many checks: to load a page costs more than to look at it."""
    watched.open(f"book/{name}.html")
    found = {}
    for theme, checks in (("light", LIGHT), ("dark", DARK), ("light", CHANGING)):
        turn = "theme => Object.assign(document.documentElement.dataset, {theme, mode: theme})"
        watched.page.evaluate(turn, theme)
        watched.page.evaluate(_SETTLED)
        found |= {f"{check.__name__}, {theme}": check(watched) for check in checks}
    assert {check: findings for check, findings in found.items() if findings} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_starts_in_the_theme_that_was_chosen(watched: Watched, theme: str) -> None:
    watched.open("book/intro.html")
    assert watched.page.evaluate("document.documentElement.dataset.theme") == theme


def test_the_source_of_what_a_cell_calls_is_one_click_away(watched: Watched) -> None:
    watched.open("book/single-pixel.html")
    toggle = watched.page.locator("details:has(p.calls) summary").first
    toggle.click()
    watched.page.evaluate(_SETTLED)  # what opens fades in
    assert accessibility(watched) == []
    link = watched.page.locator("p.calls a").first
    name = link.inner_text()
    link.click()
    watched.page.wait_for_url(f"**/_modules/analysis/**#analysis.{name}")
    watched.page.wait_for_load_state("networkidle")
    watched.open(watched.page.url.partition("#")[0].removeprefix(f"{watched.address}/"))
    checks = (requests_and_messages, accessibility, keyboard, telephone)
    assert {check.__name__: check(watched) for check in checks} == {c.__name__: [] for c in checks}


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


def pixels(
    browser: Browser, address: str, theme: str, path: str, selector: str, style: str = ""
) -> np.ndarray:
    """Screenshot of an element as the reader sees it."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    set_theme(context, theme)
    watched = Watched(context.new_page(), address)
    watched.open(path)
    element = watched.page.locator(selector).first
    element.evaluate("image => image.decode()")
    place = "position: fixed; top: 0; left: 0; z-index: 9999; width: 640px; height: 302px"
    element.evaluate("(image, place) => image.style.cssText = place", f"{place}; {style}")
    shot = element.screenshot()
    context.close()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def test_no_theme_touches_the_colours_of_a_figure(browser: Browser, address: str) -> None:
    """A figure that shows viridis itself: the same pixels in both themes, and viridis' own.

    The paper behind it is another in the dark, where white would glare; so it is compared on white.
    """
    arguments = ("book/single-pixel.html", 'img[src*="fig-high-or-low"]')
    white = "background: #ffffff !important"
    light, dark = (
        pixels(browser, address, theme, *arguments, white) for theme in ("light", "dark")
    )
    inner = (slice(12, -12), slice(12, -12))  # less the rounded corners, where the page shows
    np.testing.assert_array_equal(light[inner], dark[inner])
    papers = [pixels(browser, address, theme, *arguments)[12, 12] for theme in ("light", "dark")]
    assert papers[0].tolist() == 3 * [255] and 200 < papers[1].min() == papers[1].max() < 230
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


def test_most_figures_have_a_narrow_version() -> None:
    names = {path.name for path in (HTML / "figures").glob("*.svg")}
    narrow = {name for name in names if name.endswith(NARROW)}
    assert len(narrow) > 0.85 * len(names - narrow)


HABITS = ("mono_to_color", "specshow", "in_chans=1", "power_to_db")
WORDS = ("grayscale", "greyscale", "does colour help", "viridis", "VC dimension", "hop", *HABITS)


@pytest.mark.parametrize("word", sampled(WORDS, "greyscale", "specshow"))
def test_search_finds_the_words_of_the_subject(watched: Watched, word: str) -> None:
    watched.open(f"search.html?{urlencode({'q': word})}")
    watched.page.wait_for_selector("ul.search li", timeout=10_000)
    found = watched.page.locator("ul.search li a").evaluate_all("all => all.map(a => a.href)")
    assert word not in HABITS or any("intro.html" in address for address in found)
    assert watched.remote == []


def test_the_downloads_are_the_executed_notebooks(address: str) -> None:
    with urlopen(f"{address}/_sources/book/single-pixel.ipynb") as answer:
        text = answer.read().decode("utf-8")
    assert '"execution_count": 1' in text
    assert "fig-high-or-low" in text


def test_a_word_of_the_glossary_shows_its_definition(watched: Watched) -> None:
    watched.open("book/compression.html")
    word = watched.page.locator("a[data-definition]").first
    shown = "word => getComputedStyle(word, '::after').content"
    assert word.evaluate(shown) == "none"
    word.hover()
    assert word.evaluate(shown).strip('"') == word.get_attribute("data-definition")
    watched.page.mouse.move(0, 0)
    assert word.evaluate(shown) == "none"
    while not word.evaluate("word => word === document.activeElement"):
        watched.page.keyboard.press("Tab")  # from the keyboard too
    assert word.evaluate(shown) != "none"
    watched.page.keyboard.press("Enter")
    watched.page.wait_for_url("**/glossary.html#term-*")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_cited_and_found(name: str) -> None:
    """Its addresses are the site's own, absolute where git or the settings know where it is."""
    html = (HTML / "book" / f"{name}.html").read_text("utf-8")
    base = read_book(BOOK.root).address
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.S)
    article = json.loads(text)
    assert article["@type"] == "ScholarlyArticle"
    assert article["headline"] and len(article["description"]) > 20
    own = f"{base}book/{name}.html" if base else ""
    assert article.get("url", "") == own

    def here(address: str) -> Path:
        inside = HTML / address.removeprefix(base) if base else HTML / "book" / address
        return inside.resolve()

    for part in article.get("hasPart", []):
        assert part["@id"].startswith(f"{own}#")
        assert f'id="{part["@id"].removeprefix(f"{own}#")}"' in html
        for copy in part["distribution"]:
            assert here(copy["contentUrl"]).is_file()
    (image,) = re.findall(r'<meta property="og:image" content="([^"]+)"', html)
    assert here(image).is_file()
    assert re.findall(r'<link rel="canonical" href="([^"]+)"', html) == [own] * bool(base)
    assert 'id="about-this-page"' in html
    for fact in ("<dt>Computed</dt>", 'id="run-again"') if name in CHAPTERS else ():
        assert fact in html
