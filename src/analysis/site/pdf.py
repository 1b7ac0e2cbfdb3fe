"""Prints the whole book to one PDF, from the site's own pages, by headless Chromium.

Sphinx's ``singlehtml`` joins the pages into one; Chromium prints it. LaTeX would need gigabytes,
and a second way of setting tables, theorems and folded code. Printed, figures stay vectors,
formulas text, links work, headings become bookmarks, and the file is tagged for screen readers.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from analysis.site.pages import Book
from analysis.site.serving import server

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

_FOOTER = """<div style="width: 100%; font-size: 8px; text-align: center">
<span class="pageNumber"></span></div>"""

#: Width between the margins of A4 in the page's pixels, and what they are printed at.
_SCALE = 0.8
_WIDTH = round((210 - 2 * 18) / 25.4 * 96 / _SCALE)

#: What the printed page gets: a style of its own, and a function that prepares it.
_TEMPLATES = Path(__file__).parent / "templates"


def browser_path() -> str | None:
    """Path of the browser: what ``CHROMIUM`` names, else Chromium or Chrome; None if absent."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("google-chrome")


def print_pdf(folder: Path, target: Path, book: Book) -> None:
    """Print a book that Sphinx's ``singlehtml`` builder wrote into `folder`.

    Raises
    ------
    ClickException
        If there is no browser, or the page asks for something that is not in `folder`.
    """
    path = browser_path()
    if path is None:
        raise click.ClickException("no Chromium here: install `chromium`, or name it in CHROMIUM")
    joined = folder / "book.html"  # its addresses are those of a page in the root, but it is not
    shutil.copyfile(folder / "book" / "intro.html", joined)
    # in a thread of its own: Playwright refuses one that has an event loop, as Jupyter does
    with server(folder, 0, quiet=True) as serving, ThreadPoolExecutor(1) as thread:
        Thread(target=serving.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{serving.server_port}/{joined.name}"
        try:
            missing = thread.submit(_print, path, address, target, _cover(book)).result()
        finally:
            serving.shutdown()
    _mend_bookmarks(target)
    if missing:
        listed = "\n".join(dict.fromkeys(missing))
        raise click.ClickException(f"the printed page misses\n{listed}")


def _print(browser_file: str, address: str, target: Path, cover: str) -> list[str]:
    """Print a page to a file; give what it asked for in vain."""
    from playwright.sync_api import sync_playwright

    missing: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_file, args=list(_OPTIONS))
        size: ViewportSize = {"width": _WIDTH, "height": 1000}
        page = browser.new_page(color_scheme="light", viewport=size)
        page.on("requestfailed", lambda request: missing.append(request.url))
        page.on("response", lambda r: missing.extend([r.url] if r.status >= 400 else []))
        page.route("**/searchindex.js", lambda route: route.fulfill(body=""))  # not on paper
        page.emulate_media(media="print")
        page.goto(address, wait_until="load")
        page.add_style_tag(path=_TEMPLATES / "print.css")
        missing += page.evaluate((_TEMPLATES / "print.js").read_text("utf-8"), cover)
        page.pdf(
            path=target,
            format="A4",
            scale=_SCALE,
            margin={"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=_FOOTER,
            print_background=True,
            outline=True,
            tagged=True,
        )
        browser.close()
    return missing


def _mend_bookmarks(path: Path) -> None:
    """Say each heading once: Chromium repeats, in its bookmark, one that it moved to a new page."""
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # Chromium understates its objects' number
    writer = PdfWriter(clone_from=path)
    for item in _bookmarks(writer.root_object["/Outlines"]):
        title = re.sub(r"^((?:\d+\.)* ?)\1(.+)\2$", r"\1\2", str(item["/Title"]))
        item[NameObject("/Title")] = TextStringObject(" ".join(title.split()))
    writer.write(path)


def _bookmarks(parent: Any) -> Iterator[DictionaryObject]:
    """Bookmarks below another, in order."""
    child = parent.get_object().get("/First")
    while child is not None:
        item = child.get_object()
        yield item
        yield from _bookmarks(item)
        child = item.get("/Next")


def _cover(book: Book) -> str:
    """HTML of the title page."""
    lines = [
        f"<p>{escape(book.author)}</p>",
        f"<p>Version {escape(book.version)}{', ' * bool(book.released)}{book.released}</p>",
        "<p>Text and figures: CC BY 4.0. Code: BSD-3-Clause. Folded code is in the notebooks.</p>",
    ]
    if book.address:
        lines.append(f'<p><a href="{escape(book.address)}">{escape(book.address)}</a></p>')
    return f'<div class="cover">{"".join(lines)}</div>'
