"""Links the first use of each glossary word on a page, and shows its definition there.

A Sphinx extension. The definition is put into the link when the page is written, and shown by a
style rule on pointing or focusing: no script, no other host, and it works from the keyboard.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

_SOURCE = "book/glossary.md"


@lru_cache
def read_definitions(path: Path) -> dict[str, str]:
    """Read a MyST page's glossary: term to definition; empty if there is no such page."""
    if not path.exists():
        return {}
    body = re.search(r"^```\{glossary\}\n(.*?)^```", path.read_text("utf-8"), re.S | re.M)
    entries = re.findall(r"^(\S[^\n]*)\n((?:[ ]{4}[^\n]*\n)+)", body[1] if body else "", re.M)
    return {term: " ".join(text.split()) for term, text in entries}


def _link_first_uses(app: Any, doctree: nodes.document) -> None:
    """Make a reference of the first use of each term in a page's paragraphs."""
    page = app.env.docname
    if not page.startswith("book/") or page == _SOURCE.removesuffix(".md"):
        return
    terms = {term.lower(): term for term in read_definitions(Path(app.srcdir) / _SOURCE)}
    for paragraph in list(doctree.findall(nodes.paragraph)):
        for text in [child for child in paragraph.children if isinstance(child, nodes.Text)]:
            paragraph.replace(text, _linked(str(text), terms, page))


def _linked(text: str, terms: dict[str, str], page: str) -> list[nodes.Node]:
    """Split a text at the terms that it is the first to use; these are taken out of `terms`."""
    parts: list[nodes.Node] = []
    while terms:
        words = "|".join(sorted(map(re.escape, terms), key=len, reverse=True))
        found = re.search(rf"(?<![\w-])({words})s?(?![\w-])", text, re.IGNORECASE)
        if not found:
            break
        term = terms.pop(found[1].lower())
        parts += [nodes.Text(text[: found.start()]), _reference(found[0], term, page)]
        text = text[found.end() :]
    return [*parts, nodes.Text(text)]


def _reference(shown: str, term: str, page: str) -> addnodes.pending_xref:
    inside = nodes.inline(shown, shown, classes=["xref", "std", "std-term"])
    options = {"refdomain": "std", "reftype": "term", "reftarget": term, "refdoc": page}
    return addnodes.pending_xref(shown, inside, refexplicit=True, refwarn=True, **options)


def _show_definitions(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give each link to a term its definition."""
    del pagename, templatename
    if doctree is None or app.builder.name != "html":
        return
    found = read_definitions(Path(app.srcdir) / _SOURCE)
    objects = app.env.get_domain("std").objects
    by_id = {objects["term", term][1]: text for term, text in found.items()}

    def add(match: re.Match[str]) -> str:
        return f'{match[0]} data-definition="{escape(by_id[match[1]])}"'

    context["body"] = re.sub(
        r'<a class="reference internal" href="[^"]*#(term-[^"]+)"', add, context["body"]
    )


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", _link_first_uses)
    app.connect("html-page-context", _show_definitions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
