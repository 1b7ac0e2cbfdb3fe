"""Figures and displayed equations are numbered, and the text refers to each."""

from __future__ import annotations

import re

import pytest

from analysis.building.book import Book
from tests.conftest import ROOT

BOOK = Book(ROOT)
TEXTS = {name: BOOK.source(name).read_text("utf-8") for name in BOOK.pages}


def referred(role: str) -> set[str]:
    """Targets of a role, with or without a text of its own, on all pages."""
    found = re.findall(rf"\{{{role}\}}`(?:[^`<]*<)?([a-z0-9-]+)>?`", "".join(TEXTS.values()))
    return set(found)


@pytest.mark.parametrize("name", BOOK.chapters)
def test_the_text_refers_to_every_figure(name: str) -> None:
    published = re.findall(r"figures\.publish\(\s*[\w.]+,\s*\"(fig-[a-z0-9-]+)\"", TEXTS[name])
    assert TEXTS[name].count("figures.publish(") == len(published), "a figure's id is a literal"
    assert set(published) - referred("numref") == set()


@pytest.mark.parametrize("name", BOOK.pages)
def test_every_displayed_equation_has_a_number_and_is_referred_to(name: str) -> None:
    prose = re.sub(r"^```\{code-cell\}.*?^```", "", TEXTS[name], flags=re.S | re.M)
    displayed = re.findall(r"\$\$.*?\$\$[ ]*(?:\(([a-z0-9-]+)\))?", prose, flags=re.S)
    directives = re.findall(r"^`{3,}\{math\}\n(?::label: ([a-z0-9-]+))?", prose, flags=re.M)
    labels = displayed + directives
    assert "" not in labels, "a displayed equation without a label: write `$$ (label)`"
    assert set(labels) - referred("eq") == set()
