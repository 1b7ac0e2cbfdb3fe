"""A browser on the built site, with every other host closed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from analysis.building.book import Book
from analysis.site.pdf import browser_path
from analysis.site.serving import server
from tests.conftest import ROOT

HTML = ROOT / "_build" / "html"
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@pytest.fixture(scope="session")
def numbers() -> dict[str, Any]:
    """Values of all numbers that the chapters glued."""
    book = Book(ROOT)
    paths = [book.build / "executed" / "edition" / name / "numbers.json" for name in book.chapters]
    if not all(path.exists() for path in paths):
        pytest.skip("the book is not built: run `make book` first")
    found = [json.loads(path.read_text("utf-8")).items() for path in paths]
    return {name: entry["value"] for items in found for name, entry in items}


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the built site is served."""
    if not (HTML / "index.html").exists():
        pytest.skip("the book is not built: run `make book` first")
    site = server(HTML, 0, quiet=True)  # with its policy: what violates it is a console error
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    site.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names."""
    path = browser_path()
    if path is None:
        reason = "no Chromium here: install `chromium`, or name it in CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
        yield browser
        browser.close()


class Watched:
    """A page and what went wrong on it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.remote: list[str] = []
        self.problems: list[str] = []
        page.route("**/*", self._route)
        page.on("console", lambda m: m.type == "error" and self.problems.append(m.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on(
            "response", lambda r: r.status >= 400 and self.problems.append(f"{r.status} {r.url}")
        )

    def _route(self, route: Route) -> None:
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.remote.append(route.request.url)
            route.abort()

    def open(self, path: str) -> None:
        """Open a page of the site and wait until its maths is set."""
        self.page.goto(f"{self.address}/{path}", wait_until="load")
        self.page.evaluate("window.MathJax?.startup?.promise")
        self.page.wait_for_load_state("networkidle")


def set_theme(context: BrowserContext, theme: str) -> None:
    """Let a context start in a theme, as a reader's last choice would."""
    context.add_init_script(
        f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
    )


@pytest.fixture
def watched(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page with a theme (``light`` unless the test's parameter ``theme`` says otherwise)."""
    call = getattr(request.node, "callspec", None)
    theme = call.params.get("theme", "light") if call else "light"
    width = call.params.get("width", 1280) if call else 1280
    context = browser.new_context(viewport={"width": width, "height": 900})
    set_theme(context, theme)
    yield Watched(context.new_page(), address)
    context.close()
