"""Each page as plain Markdown, and ``llms.txt``, which lists them: for programs that read the book.

The convention is https://llmstxt.org: a title, a summary, and links to text without navigation. The
numbers stand where the page shows them; cells that only draw are replaced by their figures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from analysis.publishing.figures import Record

_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$\n?", re.M | re.S)


def page_text(source: str, numbers: Mapping[str, str], records: Sequence[Record] = ()) -> str:
    """Text of a page as Markdown.

    Parameters
    ----------
    source : str
        A MyST page or notebook.
    numbers : mapping
        Name to text of the numbers that chapters glued.
    records : sequence of Record
        The page's figures: each stands, as picture and caption, for the cell that draws it.
    """
    figures = {
        record.id: f"![{record.alt}](../figures/{record.id}.svg)\n\n{record.caption}\n"
        for record in records
    }
    text = re.sub(r"\A---\n.*?\n---\n", "", source, flags=re.S)
    text = _CELL.sub(lambda cell: _cell(cell[1], figures), text)
    text = re.sub(r"\{(?:glue:text|number)\}`([^`]*)`", lambda m: numbers.get(m[1], m[1]), text)
    text = re.sub(r"\{numref\}`(?:[^`<]*<)?([^`>]*)>?`", r"[\1](../figures/\1.svg)", text)
    text = re.sub(r"\{(?:ref|prf:ref|eq|term)\}`([^`<]*?)\s*(?:<[^`]*>)?`", r"\1", text)
    text = re.sub(r"\{cite:[pt]\}`([^`]*)`", r"[\1]", text)
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.M)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _cell(code: str, figures: Mapping[str, str]) -> str:
    """Keep a cell that readers see as code, with the figures that it publishes."""
    options = re.match(r"(?::[^\n]*\n)*", code)
    tags = options[0] if options else ""
    body = code[len(tags) :].strip()
    shown = "" if re.search("hide-input|parameters|remove", tags) else f"```python\n{body}\n```\n"
    published = body.partition("figures.publish(")[2]
    drawn = [text for name, text in figures.items() if f'"{name}"' in published]
    return "\n".join([shown, *drawn])


def title_of(text: str) -> str:
    """Heading of a Markdown text."""
    found = re.search(r"^# (.+)$", text, re.M)
    return found[1] if found else ""


def index(title: str, texts: Mapping[str, str]) -> str:
    r"""Write ``llms.txt`` from the pages' Markdown, the first of which says what the book is.

    Examples
    --------
    >>> print(index("A book", {"intro": "# A book\n\nIt asks.\n", "one": "# One\n\nWhy?\n"}))
    # A book
    <BLANKLINE>
    > It asks.
    <BLANKLINE>
    ## Pages
    <BLANKLINE>
    - [A book](book/intro.md): It asks.
    - [One](book/one.md): Why?
    <BLANKLINE>
    """
    first = {name: _first_paragraph(text) for name, text in texts.items()}
    lines = [f"# {title}", "", f"> {next(iter(first.values()))}", "", "## Pages", ""]
    for name, text in texts.items():
        lines.append(f"- [{title_of(text)}](book/{name}.md): {first[name]}")
    return "\n".join(lines) + "\n"


def _first_paragraph(text: str) -> str:
    """First paragraph of prose, on one line."""
    for block in text.split("\n\n"):
        if block.strip() and not re.match(r"#|```|:::|!\[|\||- |\(", block.strip()):
            return " ".join(block.split())
    return ""
