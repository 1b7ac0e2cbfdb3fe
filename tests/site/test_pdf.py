"""The printed book: pages, bookmarks, title page; and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import pypdfium2
import pytest
from click.testing import CliRunner

from analysis.building.book import Book as Files
from analysis.building.command import main
from analysis.site.pages import Book
from analysis.site.pdf import browser_path, print_pdf
from tests.conftest import ROOT

BOOK = Book("A Book", "An & author", "1.2", "2026-11-22")

_PAGE = """<!doctype html><html lang="en"><head><title>A Book</title></head><body>
<div id="jb-print-docs-body"><h1>A Book</h1></div>
<article class="bd-article"><h1>Front</h1><img alt="a square" src="square.svg">
<h2 style="break-after: avoid">1. Long heading</h2><div style="height: 25cm">text</div></article>
</body></html>"""

_SQUARE = """<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">
<rect width="100" height="100" fill="#440154"/></svg>"""


@pytest.fixture
def joined(tmp_path: Path) -> Path:
    """What Sphinx's singlehtml builder leaves, in small."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "intro.html").write_text(_PAGE, "utf-8")
    (tmp_path / "square.svg").write_text(_SQUARE, "utf-8")
    return tmp_path


@pytest.mark.skipif(browser_path() is None, reason="no Chromium here")
def test_the_pdf_has_a_title_page_bookmarks_and_vectors(joined: Path) -> None:
    print_pdf(joined, joined / "book.pdf", BOOK)
    document = pypdfium2.PdfDocument(joined / "book.pdf")
    text = document[0].get_textpage().get_text_range()
    assert "An & author" in text and "Version 1.2, 2026-11-22" in text
    titles = [mark.get_title() for mark in document.get_toc()]
    assert titles == ["A Book", "Front", "1. Long heading"]  # each once, though one was moved
    kinds = {item.type for page in document for item in page.get_objects()}
    assert pypdfium2.raw.FPDF_PAGEOBJ_IMAGE not in kinds
    document.close()


@pytest.mark.skipif(browser_path() is None, reason="no Chromium here")
@pytest.mark.slow
def test_a_wide_table_does_not_shrink_the_book(joined: Path) -> None:
    cells = "".join(f"<td>number_{n}</td>" for n in range(40))
    wide = f"<table><tr>{cells}</tr></table></article>"
    page = joined / "book" / "intro.html"
    sizes = []
    for text in (_PAGE, _PAGE.replace("</article>", wide)):
        page.write_text(text, "utf-8")
        print_pdf(joined, joined / "book.pdf", BOOK)
        document = pypdfium2.PdfDocument(joined / "book.pdf")
        items = [item for sheet in document for item in sheet.get_objects()]
        text_kind = pypdfium2.raw.FPDF_PAGEOBJ_TEXT
        sizes.append([item.get_bounds() for item in items if item.type != text_kind])
        document.close()
    assert sizes[0] and sizes[0] == sizes[1]


@pytest.mark.skipif(browser_path() is None, reason="no Chromium here")
def test_a_missing_picture_is_named(joined: Path) -> None:
    (joined / "square.svg").unlink()
    with pytest.raises(click.ClickException, match=r"misses\n.*square\.svg"):
        print_pdf(joined, joined / "book.pdf", BOOK)


def test_no_browser_is_told(joined: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(click.ClickException, match="install `chromium`"):
        print_pdf(joined, joined / "book.pdf", BOOK)


@pytest.mark.slow
@pytest.mark.skipif(browser_path() is None, reason="no Chromium here")
def test_the_commands_write_the_figures_and_the_printed_book(tiny: Files) -> None:
    scripts = Path("book", "_static")  # named by _config.yml, which it shares
    shutil.copytree(ROOT / scripts, tiny.root / scripts, dirs_exist_ok=True)
    options = ["--root", str(tiny.root), "--package", "tinybook"]
    run = CliRunner().invoke(main, [*options, "figures"])
    assert run.exit_code == 0, run.output
    names = {path.name for path in (tiny.build / "figures").iterdir()}
    assert {"fig-one-line.svg", "fig-two-line.csv", "LICENCE.txt"} <= names
    assert not (tiny.build / "html").exists()
    run = CliRunner().invoke(main, [*options, "pdf"])
    assert run.exit_code == 0, run.output
    document = pypdfium2.PdfDocument(tiny.build / "the-coloured-spectrogram.pdf")
    text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "There are 12 things at rate 0.50: see Figure 1.1" in " ".join(text.split())
    titles = [mark.get_title() for mark in document.get_toc()]
    assert "1. Chapter one" in titles and len(titles) == len(set(titles))
    document.close()
