"""A chapter's page: question, picture and answers first; parameters and imports last."""

from __future__ import annotations

import re
import shlex

import pytest
from docutils import nodes
from docutils.utils import new_document

from analysis.building.book import Book, parse_parameters
from analysis.publishing.execution import default_parameters, read_notebook
from analysis.site import openings
from analysis.site.pages import Page
from tests.conftest import ROOT

BOOK = Book(ROOT)


def cell(code: str, *shown: nodes.Node, tag: str = "hide-input") -> nodes.container:
    """A code cell as MyST-NB gives it."""
    output = [nodes.container("", *shown, nb_element="cell_code_output")] if shown else []
    return nodes.container(
        "", nodes.literal_block(code, code), *output, nb_element="cell_code", classes=[f"tag_{tag}"]
    )


def figure(name: str) -> nodes.figure:
    return nodes.figure("", nodes.caption("", name), ids=[name])


def test_a_page_opens_with_question_picture_and_answers_and_ends_with_its_parameters() -> None:
    page, section = new_document(""), nodes.section()
    page += section
    inner = nodes.section("", cell("draw(1)", figure("fig-a")), cell("draw(2)", figure("fig-b")))
    section += [
        nodes.title("", "T"),
        cell("seed = 0  # of all", tag="parameters"),
        cell("import x"),
        cell("from y import z; show()", nodes.paragraph("", "a table")),
        nodes.paragraph("", "Why?"),
        nodes.paragraph("", "More."),
        inner,
    ]
    openings.arrange(page, Page("one", claims={"A5": "holds"}), "<h2>again</h2>")
    texts = [re.sub(r"\s+", " ", part.astext()) for part in section]
    assert texts[:4] == ["T", "from y import z; show() a table", "Why?", "fig-a"]
    assert texts[4:6] == [
        "What the thread claims, and what this chapter finds:",
        f"{openings.CLAIMS['A5'].text} holds",
    ]
    assert texts[6:] == ["More.", "draw(1) draw(2) fig-b", "<h2>again</h2> import x"]
    assert inner[0]["drawn"] == ["fig-a"]  # its toggle still says so


@pytest.mark.parametrize("name", BOOK.chapters)
def test_the_command_at_a_chapters_end_gives_its_parameters(name: str) -> None:
    notebook = read_notebook(BOOK.source(name))
    code = next(c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    defaults = default_parameters(notebook)
    assert list(openings.meanings(code)) == list(defaults)  # each is explained
    _, _, chapter, given = shlex.split(openings.command(name, defaults))
    assert chapter == f"NAME={name}"
    pairs = dict(pair.split("=") for pair in given.removeprefix("PARAMS=").split())
    typed = parse_parameters(BOOK, name, pairs)
    assert typed == {key: value for key, value in defaults.items() if value != ""}
