"""What each page tells of itself: a Sphinx extension, fed by ``_generated/pages.json`` (`site`).

At the end of a page: how to cite it, its licence, its last change, and for a chapter how it was
computed and where to run it. In its head: a description for search engines (JSON-LD) and for links
that are shared (OpenGraph). What needs a public address appears where `forge` finds one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

from docutils import nodes
from jinja2 import Environment, PackageLoader

from analysis.publishing.citing import bibtex_entry
from analysis.publishing.figures import LICENCE_URL, NARROW, Record, first_sentence, plain
from analysis.publishing.provenance import with_minus
from analysis.site import listings

#: File of the stage, relative to its root, that holds the book's and the pages' facts.
FACTS = "book/_generated/pages.json"

_BINDER = "https://mybinder.org/v2"
_COLAB = "https://colab.research.google.com/github"

#: Screens that show the narrow versions of figures; paper has room.
_SMALL = "screen and (max-width: 600px)"

#: Pieces of HTML, by file name.
TEMPLATES = Environment(
    loader=PackageLoader("analysis.site"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Book:
    """The book, as its pages refer to it; what is unknown is empty.

    `released` is the date of the version (ISO 8601), `repository` the address of the sources
    without a slash at its end, `address` where the site is published, with one, `edition` the
    number that ``_config.yml`` gives to its measurements.
    """

    title: str
    author: str
    version: str
    released: str = ""
    repository: str = ""
    branch: str = "main"
    address: str = ""
    edition: str = ""


@dataclass(frozen=True)
class Page:
    """One page.

    `title` and `description` are plain text: its heading, and the beginning of its first paragraph;
    `commit` and `changed` its file's last commit and that commit's date. Of a chapter, `run` has
    ``parameters``, ``commit``, ``seconds``, ``peak_bytes`` and ``versions``, `records` its figures,
    `claims` the verdict of each claim that it decides.
    """

    name: str
    title: str = ""
    description: str = ""
    commit: str = ""
    changed: str = ""
    run: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    claims: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Address of the page within the site."""
        return f"book/{self.name}.html"


def launch_links(book: Book, page: Page) -> dict[str, str]:
    """Where a chapter can be run without installing anything: service to address.

    Binder opens the chapter's text from GitHub or GitLab; Colab opens the executed notebook, which
    the deployment publishes with the site on GitHub's branch ``gh-pages``.

    Examples
    --------
    >>> book = Book("B", "A", "1", repository="https://github.com/a/b")
    >>> launch_links(book, Page("x", run={"seconds": 1}))["Colab"]
    'https://colab.research.google.com/github/a/b/blob/gh-pages/_sources/book/x.ipynb'
    """
    match = re.fullmatch(r"https://(github|gitlab)\.com/(.+)", book.repository)
    if not match or not page.run:
        return {}
    host, name = match.groups()
    kind, place = ("gh", name) if host == "github" else ("gl", quote(name, safe=""))
    opened = f"{quote(book.branch, safe='')}?urlpath=lab/tree/book/{page.name}.md"
    links = {"Binder": f"{_BINDER}/{kind}/{place}/{opened}"}
    if host == "github":  # the only one that Colab opens
        links["Colab"] = f"{_COLAB}/{name}/blob/gh-pages/_sources/book/{page.name}.ipynb"
    return links


def source_links(book: Book, page: Page) -> dict[str, str]:
    """Addresses of the page's last ``commit`` and of its ``history``; empty if unknown.

    Examples
    --------
    >>> book = Book("B", "A", "1", repository="https://gitlab.com/a/b")
    >>> source_links(book, Page("x", commit="abc"))["history"]
    'https://gitlab.com/a/b/-/commits/main/book/x.md'
    """
    if not book.repository or not page.commit:
        return {}
    gitlab = urlsplit(book.repository).netloc.startswith("gitlab.")
    base = f"{book.repository}/-" if gitlab else book.repository
    return {
        "commit": f"{base}/commit/{page.commit.removesuffix('+')}",
        "history": f"{base}/commits/{quote(book.branch)}/book/{page.name}.md",
    }


def citation(book: Book, page: Page) -> tuple[str, str]:
    """Text and BibTeX that cite a page."""
    commit = f"commit {page.commit}" if page.commit else ""
    url = book.address + page.path if book.address else book.repository
    year = book.released[:4]
    issue = f"edition {book.edition}" if book.edition else f"version {book.version}"
    details = ", ".join(part for part in (issue, commit) if part)
    whole = page.title == book.title  # the front page is cited as the book
    inside = "" if whole else f"“{page.title}”. In: "
    text = f"{book.author} ({year or 'n.d.'}). {inside}{book.title}, {details}."
    fields = {
        "title": page.title,
        "author": book.author,
        "booktitle": "" if whole else book.title,
        "year": year,
        "edition": book.edition,
        "version": "" if book.edition else book.version,
        "note": commit,
        "url": url,
    }
    kind = "book" if whole else "incollection"
    return f"{text} {url}".strip(), bibtex_entry(kind, page.name, fields)


def page_end(book: Book, page: Page, sources: Mapping[str, str] = MappingProxyType({})) -> str:
    """HTML of the end of a page; `sources` are the addresses of the modules that it calls."""
    text, bibtex = citation(book, page)
    return TEMPLATES.get_template("page-end.html").render(
        book=book,
        page=page,
        text=text,
        bibtex=bibtex,
        source=source_links(book, page),
        modules=sources,
    )


def linked_data(book: Book, page: Page) -> dict[str, Any]:
    """JSON-LD of a page: a ``ScholarlyArticle``, with one ``Dataset`` for each figure."""
    author = {"@type": "Organization", "name": book.author}
    article = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "headline": page.title,
        "description": page.description,
        "inLanguage": "en-GB",
        "author": author,
        "version": book.version,
        "datePublished": book.released,
        "dateModified": page.changed,
        "license": LICENCE_URL,
        "isPartOf": {"@type": "Book", "name": book.title}
        | ({"bookEdition": book.edition} if book.edition else {}),
        "url": book.address + page.path if book.address else "",
        "hasPart": [_dataset(book, page, record, author) for record in page.records],
    }
    return {key: value for key, value in article.items() if value}


def _dataset(book: Book, page: Page, record: Record, author: dict[str, str]) -> dict[str, Any]:
    base = f"{book.address or '../'}figures/{record.id}"
    kinds = {"csv": "text/csv", "svg": "image/svg+xml", "png": "image/png"}
    return {
        "@type": "Dataset",
        "@id": (book.address + page.path if book.address else "") + f"#{record.id}",
        "identifier": record.id,
        "name": first_sentence(record.caption),
        "description": f"{plain(record.caption)} {record.alt}",
        "creator": author,
        "license": LICENCE_URL,
        "version": record.version,
        "image": f"{base}.png",
        "distribution": [
            {"@type": "DataDownload", "encodingFormat": kind, "contentUrl": f"{base}.{suffix}"}
            for suffix, kind in kinds.items()
        ],
    }


_META = TEMPLATES.from_string(
    '{% for name, value in named.items() %}<meta name="{{ name }}" content="{{ value }}"/>\n'
    '{% endfor %}{% for name, value in graph.items() %}<meta property="{{ name }}" '
    'content="{{ value }}"/>\n{% endfor %}'
)


def open_graph(book: Book, page: Page) -> str:
    """``<meta>`` elements by which a shared link becomes a card: title, text, first figure."""
    base = book.address or "../"
    image = f"figures/{page.records[0].id}.png" if page.records else "_static/readme-figure.png"
    graph = {
        "og:type": "article",
        "og:site_name": book.title,
        "og:title": page.title,
        "og:description": page.description,
        "og:image": base + image,
        "og:image:alt": page.records[0].alt if page.records else book.title,
        "og:url": book.address + page.path if book.address else "",
    }
    graph = {name: value for name, value in graph.items() if value}
    named = {"description": page.description, "twitter:card": "summary_large_image"}
    return _META.render(named=named, graph=graph)


@lru_cache
def read_facts(path: Path) -> tuple[Book, dict[str, Page]]:
    """Read what `site` staged of the book and of each page, by name."""
    facts = json.loads(path.read_text("utf-8"))
    pages = {
        name: Page(name, **{**values, "records": [Record(**r) for r in values["records"]]})
        for name, values in facts["pages"].items()
    }
    return Book(**facts["book"]), pages


def _described(page: Page, doctree: nodes.document, book: Book) -> Page:
    """Add title and description, which only the parsed page has."""
    heading = next(iter(doctree.findall(nodes.title)), None)
    title = heading.astext() if heading else page.name
    texts = (p.astext() for p in doctree.findall(nodes.paragraph) if _is_prose(p))
    description = " ".join(next(texts, f"{title}: a page of {book.title}.").split())
    if len(description) > 200:
        description = description[:200].rpartition(" ")[0] + " …"
    return replace(page, title=title, description=description)


def _is_prose(paragraph: nodes.paragraph) -> bool:
    return isinstance(paragraph.parent, nodes.section) and len(paragraph.astext()) > 40


def _add_to_page(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Complete a page's head, header and end before it is written."""
    del templatename
    if doctree is None or app.builder.name != "html":
        return
    book, pages = read_facts(Path(app.srcdir) / FACTS)
    page = pages.get(Path(pagename).name)
    if page is None:
        return
    page = _described(page, doctree, book)
    data = json.dumps(linked_data(book, page), ensure_ascii=False).replace("</", "<\\/")
    script = f'<script type="application/ld+json">{data}</script>\n'
    context["metatags"] = context.get("metatags", "") + open_graph(book, page) + script
    sources = {name: listings.address(app, pagename, name) for name in listings.modules(doctree)}
    body = with_narrow(_mended(context["body"]), Path(app.srcdir) / "extra" / "figures")
    context["body"] = body + page_end(book, page, sources)
    _add_launch_buttons(context, launch_links(book, page))


def _mended(body: str) -> str:
    """Let toggles be named by what they hold, and drop the roles of a bibliography.

    ``doc-biblioentry`` is deprecated, and a list's children must be list items. Numbers in tables
    get a true minus.
    """
    body = re.sub(r"(?s)<table[^>]*dataframe.*?</table>", _with_minuses, body)
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    titles = r'(?<=admonition-title">)[^<]*'
    body = re.sub(titles, lambda m: re.sub("`([^`]*)`", r"<code>\1</code>", m[0]), body)
    body = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    return body.replace(' role="doc-biblioentry"', "")


def _with_minuses(table: re.Match[str]) -> str:
    return re.sub(r"(?<=>)[^<]+", lambda text: with_minus(text[0]), table[0])


def with_narrow(body: str, folder: Path) -> str:
    """Let small screens show the narrow versions of figures, of those that `folder` holds.

    The sizes are given, so that nothing moves when a picture arrives. What is much taller than the
    wide version is of class ``stacked``: its panels stand one below the other.
    """

    def picture(match: re.Match[str]) -> str:
        wide, narrow = (folder / f"{match['id']}{end}" for end in (".svg", NARROW))
        shown = f"{match['image']} {_attributes(wide)}/>"
        if not narrow.exists():
            return shown
        stacked = ' class="stacked"' * (_size(narrow)[1] > 1.5 * _size(wide)[1])
        source = f'media="{_SMALL}" srcset="../figures/{narrow.name}" {_attributes(narrow)}'
        return f"<picture{stacked}><source {source}/>{shown}</picture>"

    address = r'src="\.\./_images/(?P<id>fig-[a-z0-9-]+)\.svg"'
    return re.sub(rf'(?P<image><img [^>]*class="book-figure" {address}) ?/>', picture, body)


def _attributes(svg: Path) -> str:
    return 'width="{:.0f}" height="{:.0f}"'.format(*_size(svg))


def _size(svg: Path) -> list[float]:
    """Width and height of a picture in a page's pixels."""
    with svg.open(encoding="utf-8") as text:
        return [float(length) * 4 / 3 for length in re.findall(r'"([\d.]+)pt"', text.read(1000))]


def _add_launch_buttons(context: dict[str, Any], links: dict[str, str]) -> None:
    """Put Binder and Colab behind a rocket in the page's header, as the theme would."""
    if not links:
        return
    icons = {"Binder": "fas fa-cube", "Colab": "fas fa-cloud"}
    buttons = [
        {"type": "link", "text": name, "tooltip": f"Run on {name}", "icon": icons[name], "url": url}
        for name, url in links.items()
    ]
    group = {"type": "group", "tooltip": "Run this page", "icon": "fas fa-rocket"}
    context.setdefault("header_buttons", []).append(
        group | {"buttons": buttons, "label": "launch-buttons"}
    )


def _set_address(app: Any, config: Any) -> None:
    """Tell Sphinx the address that the site has, for each page's canonical link."""
    path = Path(app.srcdir) / FACTS
    if path.exists():
        config.html_baseurl = read_facts(path)[0].address


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", _set_address)
    app.connect("doctree-resolved", listings.label_toggles)
    app.connect("html-page-context", _add_to_page, priority=900)
    app.connect("html-collect-pages", listings.module_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
