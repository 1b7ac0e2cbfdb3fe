"""The claims: each at a glance, each with one primary estimand that a chapter records."""

from __future__ import annotations

import ast

import pytest

from analysis.building.book import Book
from analysis.evidence.claims import CLAIMS, SAID_BY, verdict_of
from analysis.publishing.execution import read_notebook
from tests.conftest import ROOT

BOOK = Book(ROOT)


def recorded(chapter: str) -> set[tuple[str, str]]:
    """(claim, part) of a chapter's calls of `ledger.record`; "*" for a part that is computed."""
    calls = set()
    for cell in read_notebook(BOOK.source(chapter)).cells:
        if cell.cell_type != "code" or "ledger.record" not in cell.source:
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ledger.record":
                named = {key.arg: key.value for key in node.keywords}
                part = named.get("part", ast.Constant(""))
                claim = ast.literal_eval(node.args[0])
                calls.add((claim, part.value if isinstance(part, ast.Constant) else "*"))
    return calls


@pytest.mark.parametrize("name", CLAIMS)
def test_the_primary_verdict_is_one_that_its_chapter_records(name: str) -> None:
    claim = CLAIMS[name]
    assert claim.chapter in BOOK.chapters
    assert {(name, claim.part), (name, "*")} & recorded(claim.chapter)


def test_a_claim_is_read_at_a_glance() -> None:
    assert {
        name: claim.text for name, claim in CLAIMS.items() if len(claim.text.split()) > 12
    } == {}
    assert {name[0] for name in CLAIMS} == set(SAID_BY)
    assert len({claim.estimand for claim in CLAIMS.values()}) == len(CLAIMS)


def test_parts_do_not_decide() -> None:
    primary = (CLAIMS["A6"].chapter, CLAIMS["A6"].part)
    others = {("trained-comparisons", "x"): "fails", ("intensity-kernel", "y"): "undecided"}
    assert verdict_of("A6", others) == "open"
    assert verdict_of("A6", others | {primary: "holds"}) == "holds"
