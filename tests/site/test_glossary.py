"""Words of the glossary: read from its page, linked where a page first uses them."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx import addnodes

from analysis.site.glossary import _linked, read_definitions
from tests.conftest import ROOT


def test_definitions_are_read_from_the_page(tmp_path: Path) -> None:
    page = tmp_path / "glossary.md"
    page.write_text(
        "# G\n\n```{glossary}\nhop\n    Samples between\n    frames.\n\nReLU\n    Max.\n```\n"
    )
    assert read_definitions(page) == {"hop": "Samples between frames.", "ReLU": "Max."}
    assert read_definitions(tmp_path / "absent.md") == {}


def test_the_books_definitions_are_sorted_and_end_with_a_full_stop() -> None:
    found = read_definitions(ROOT / "book" / "glossary.md")
    assert len(found) > 20
    assert list(found) == sorted(found, key=str.lower)
    assert [term for term, text in found.items() if not text.endswith(".")] == []


def test_only_the_first_use_is_linked_and_the_text_stays_the_same() -> None:
    terms = {"hop": "hop", "relu": "ReLU", "relu colormap": "ReLU colormap"}
    text = "Hops, a ReLU colormap, hop-size, hope, another hop and a ReLU."
    parts = _linked(text, terms, "book/x")
    assert "".join(part.astext() for part in parts) == text
    links = [part for part in parts if isinstance(part, addnodes.pending_xref)]
    assert [(link["reftarget"], link.astext()) for link in links] == [
        ("hop", "Hops"),
        ("ReLU colormap", "ReLU colormap"),
        ("ReLU", "ReLU"),
    ]
    assert terms == {}
    assert [type(part) for part in _linked("Another hop.", terms, "book/x")] == [nodes.Text]
