"""What each page tells of itself, with and without a public address."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis.publishing.figures import Record
from analysis.site import openings, pages
from analysis.site.pages import Book, Page

PRIVATE = Book("The <Book>", "Its authors", "1.2", "2026-11-22")
PUBLIC = Book(
    "The <Book>",
    "Its authors",
    "1.2",
    "2026-11-22",
    "https://github.com/owner/name",
    "main",
    "https://owner.example/name/",
)
RECORD = Record(
    "fig-a", "A *curve*, 80 % of it. More.", "It </script> rises.", "one", {}, 0, "abc", "1.2", {}
)
RUN = {
    "parameters": {"profile": "edition", "seed": 3, "rate": 0.5},
    "commit": "abc+",
    "seconds": 61.6,
    "peak_bytes": 333_062_144,
    "versions": {"numpy": "2.4.6"},
}
CHAPTER = Page("one", "One & all", "What it is about.", "abc123+", "2026-11-21", RUN, [RECORD])
PLAIN = Page("intro", "Intro", "Why.")


class Balance(HTMLParser):
    """Links of a piece of HTML, and whether its elements are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_without_an_address_no_link_needs_one() -> None:
    html = pages.page_end(PRIVATE, CHAPTER)
    outside = [link for link in Balance(html).links if "://" in link]
    assert all("creativecommons.org" in link or "opensource.org" in link for link in outside)
    assert pages.launch_links(PRIVATE, CHAPTER) == {}
    assert "url" not in pages.linked_data(PRIVATE, CHAPTER)
    assert "og:url" not in pages.open_graph(PRIVATE, CHAPTER)


def test_with_an_address_history_and_launch_links_appear() -> None:
    links = Balance(pages.page_end(PUBLIC, CHAPTER)).links
    assert "https://github.com/owner/name/commit/abc123" in links  # less the +
    assert "https://github.com/owner/name/commits/main/book/one.md" in links
    binder, colab = pages.launch_links(PUBLIC, CHAPTER).values()
    again = Balance(openings.rerun(PUBLIC, CHAPTER, "")).links
    assert again == ["../_sources/book/one.ipynb", binder, colab]
    assert binder.startswith("https://mybinder.org/v2/gh/owner/name/main?")
    assert binder.endswith("book/one.md")
    assert colab.endswith("/owner/name/blob/gh-pages/_sources/book/one.ipynb")
    assert pages.linked_data(PUBLIC, CHAPTER)["url"] == "https://owner.example/name/book/one.html"
    assert "https://owner.example/name/figures/fig-a.png" in pages.open_graph(PUBLIC, CHAPTER)


def test_gitlab_names_its_pages_in_its_own_way() -> None:
    book = replace(PUBLIC, repository="https://gitlab.com/group/part/name", branch="a/b")
    assert pages.source_links(book, CHAPTER) == {
        "commit": "https://gitlab.com/group/part/name/-/commit/abc123",
        "history": "https://gitlab.com/group/part/name/-/commits/a/b/book/one.md",
    }
    (binder,) = pages.launch_links(book, CHAPTER).values()  # Colab opens GitHub's files only
    assert binder.startswith("https://mybinder.org/v2/gl/group%2Fpart%2Fname/a%2Fb?")
    assert binder.endswith("urlpath=lab/tree/book/one.md")
    own = replace(book, repository="https://gitlab.institute.example/group/name")
    assert pages.launch_links(own, CHAPTER) == {}  # Binder knows the public ones
    assert "/-/commits/" in pages.source_links(own, CHAPTER)["history"]


def test_a_page_that_is_no_notebook_has_nothing_to_run() -> None:
    html = pages.page_end(PUBLIC, PLAIN)
    assert "Computed" not in html and "Last change" not in html
    assert pages.launch_links(PUBLIC, PLAIN) == {}


def test_a_chapter_tells_how_it_was_computed() -> None:
    text = re.sub(r"<[^>]+>|\s+", " ", pages.page_end(PRIVATE, CHAPTER))
    text = " ".join(text.split())
    assert "In 62 s, with at most 333 MB of memory, at commit abc+" in text
    assert "numpy 2.4.6" in text
    html = openings.rerun(PRIVATE, CHAPTER, "seed = 0  # of a & b\nprofile = 'x'  # which\n")
    Balance(html)
    text = " ".join(unescape(re.sub(r"<[^>]+>|\s+", " ", html)).split())
    assert "seed 3 of a & b" in text and 'profile "edition" which' in text
    assert 'NAME=one PARAMS="seed=3 profile=edition"' in text


def test_a_page_is_cited_as_text_and_as_bibtex() -> None:
    html = pages.page_end(PUBLIC, CHAPTER)
    assert "(2026). “One &amp; all”. In: The &lt;Book&gt;, version 1.2, commit abc123+." in html
    assert r"title = {{One \&amp; all}}" in html
    assert "url = {https://owner.example/name/book/one.html}" in html


def test_the_front_page_is_cited_as_the_book() -> None:
    text, bibtex = pages.citation(PUBLIC, Page("intro", PUBLIC.title))
    assert text.startswith("Its authors (2026). The <Book>, version 1.2.")
    assert bibtex.startswith("@book{coloured-spectrogram:intro,") and "booktitle" not in bibtex


@pytest.mark.parametrize("book", [PRIVATE, PUBLIC])
def test_linked_data_is_an_article_with_a_data_set_for_each_figure(book: Book) -> None:
    data = json.loads(json.dumps(pages.linked_data(book, CHAPTER)))
    assert (data["@context"], data["@type"]) == ("https://schema.org", "ScholarlyArticle")
    (part,) = data["hasPart"]
    assert part["@type"] == "Dataset"
    assert part["name"] == "A curve, 80 % of it"
    assert part["@id"].endswith("#fig-a")
    assert part["distribution"][0]["encodingFormat"] == "text/csv"
    assert all(d["contentUrl"].partition("figures/fig-a.")[2] for d in part["distribution"])


def test_a_card_has_the_first_figure_and_its_text_is_escaped() -> None:
    card = pages.open_graph(PRIVATE, CHAPTER)
    assert 'property="og:image" content="../figures/fig-a.png"' in card
    assert "It &lt;/script&gt; rises." in card
    assert "readme-figure.png" in pages.open_graph(PRIVATE, PLAIN)


def test_small_screens_get_the_narrow_version_where_there_is_one(tmp_path: Path) -> None:
    def image(id: str) -> str:
        return f'<img alt="a &lt; b" class="book-figure" src="../_images/{id}.svg" />'

    for name, size in (("fig-a", (540, 270)), ("fig-a-narrow", (270, 450)), ("fig-b", (540, 270))):
        (tmp_path / f"{name}.svg").write_text('<svg width="{}pt" height="{}pt">'.format(*size))
    body = pages.with_narrow(f"<p>{image('fig-a')}</p>{image('fig-b')}", tmp_path)
    assert body == (
        '<p><picture class="stacked"><source media="screen and (max-width: 600px)" '
        'srcset="../figures/fig-a-narrow.svg" width="360" height="600"/>'
        '<img alt="a &lt; b" class="book-figure" src="../_images/fig-a.svg" width="720" '
        'height="360"/></picture></p><img alt="a &lt; b" class="book-figure" '
        'src="../_images/fig-b.svg" width="720" height="360"/>'
    )
    (tmp_path / "fig-a-narrow.svg").write_text('<svg width="270pt" height="200pt">')
    assert "<picture><source" in pages.with_narrow(image("fig-a"), tmp_path)


def test_numbers_in_tables_have_a_true_minus_and_names_keep_their_hyphens() -> None:
    table = (
        '<table class="dataframe"><td style="margin: -3px">-0.6 [-5.3, +4.0]</td><td>gray-3</td>'
    )
    body = f"<p>-1</p>{table}</table>"
    expected = body.replace(">-0.6 [-5.3", ">−0.6 [−5.3")
    assert pages._mended(body) == expected
