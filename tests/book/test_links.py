"""Links inside the built book lead somewhere, and every row of the ledger to its evidence."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from analysis.building.book import PROFILES, Book
from analysis.evidence.claims import CLAIMS
from analysis.publishing.ledger import read_entries
from analysis.site.site import read_records
from tests.book.conftest import HTML
from tests.conftest import ROOT

BOOK = Book(ROOT)


class _Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@cache
def read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    return page


@pytest.fixture(autouse=True)
def _built() -> None:
    if not (HTML / "index.html").exists():
        pytest.skip("the book is not built: run `make book` first")


@pytest.mark.parametrize("name", BOOK.pages)
def test_links_lead_to_files_and_anchors_that_exist(name: str) -> None:
    path = HTML / "book" / f"{name}.html"
    broken = []
    for link in dict.fromkeys(read(path).links):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        target = target / "index.html" if target.is_dir() else target
        missing = not target.is_file() or not target.is_relative_to(HTML)
        anchor = unquote(parts.fragment)
        if not missing and anchor and target.suffix == ".html":
            missing = anchor not in read(target).anchors
        if missing:
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", BOOK.pages)
def test_no_citation_is_left_open(name: str) -> None:
    text = (HTML / "book" / f"{name}.html").read_text("utf-8")
    assert not re.findall(r"\[\?+\]|\?\?\?", re.sub("<script.*?</script>", "", text, flags=re.S))


@pytest.mark.parametrize("name", BOOK.chapters)
def test_every_row_of_the_ledger_has_its_evidence(name: str) -> None:
    results = next(
        (path for path in (BOOK.results(name, p) for p in PROFILES) if path.exists()), None
    )
    if results is None:
        pytest.skip(f"{name} is not executed")
    published = {record.id for record in read_records(results)}
    text = BOOK.source(name).read_text("utf-8")
    for entry in read_entries([results]):
        assert entry.claim in CLAIMS
        assert entry.chapter == name
        assert entry.figure in published, f"{entry.claim}: no figure {entry.figure}"
        assert f"({entry.section})=" in text, f"{entry.claim}: no section {entry.section}"
