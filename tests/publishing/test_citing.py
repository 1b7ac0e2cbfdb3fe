"""BibTeX entries: ASCII, read back by pybtex, and set by LaTeX."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pybtex.database import BibliographyData, parse_string

from analysis.publishing.citing import bibtex_entry, latex, short_title
from analysis.publishing.figures import Record, bibtex, first_sentence
from tests.conftest import ROOT

#: What captions hold, and what they may come to hold.
TEXTS = (
    "−3 dB, 2×2, 1–2 — “a” ‘b’ … 40 °C, ±1 µs, 10⁻³, x², x₁, CO₂, ½",
    "αβγδεζηθικλμνξοπρστυφχψω ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
    "≤ ≥ ≈ ≠ ∞ → ← ⌊x⌋ ⌈x⌉ √ ∑ · ∈ ⊂ ′ ″ ¬ ∂ ∫",
    "naïve café Øresund Łódź Ștefan ą Đ ß æ œ « »",
    r"\ { } $ % & # _ ^ ~ < > | -- --- @ \"",
    "中文, a lone $ and 100 %",
    "$x_1 × y$, $\\frac{1}{2}$",
)


def entry_of(title: str) -> str:
    return bibtex_entry("misc", "x", {"title": title, "shorttitle": short_title(title)})


@given(st.text(max_size=60) | st.text("ab {}$%&#_^~\\-−×²ₙα'\"@,=\n", max_size=30))
@example("".join(TEXTS))
def test_any_title_is_ascii_with_braces_in_pairs_and_read_back(title: str) -> None:
    text = entry_of(title)
    assert text.isascii()
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    read: BibliographyData = parse_string(text, "bibtex")
    fields = dict(read.entries["coloured-spectrogram:x"].fields)
    if title.strip():
        assert fields["title"] == f"{{{latex(title)}}}"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$")))
def test_ascii_texts_are_said_in_full(text: str) -> None:
    """Nothing is lost: undoing the names of characters gives the text."""
    named = {"backslash": "\\", "asciicircum": "^", "asciitilde": "~", "less": "<"}
    named |= {"greater": ">", "bar": "|", "braceleft": "{", "braceright": "}"}
    said = latex(text).replace("-{}", "-")
    for name, character in named.items():
        said = said.replace(f"{{\\text{name}}}", chr(ord(character) + 0xE000))
    said = "".join(chr(ord(c) - 0xE000) if ord(c) >= 0xE000 else c for c in _bare(said))
    assert said == " ".join(text.split())


def _bare(text: str) -> str:
    for character in "%&#_":
        text = text.replace(f"\\{character}", character)
    return text


@given(st.text(max_size=200))
def test_a_short_title_begins_the_title_and_is_short(title: str) -> None:
    short = short_title(title)
    assert short in title
    assert len(short) <= 60 or " " not in short[:61] or "$" in short


def test_formulas_stay_formulas() -> None:
    assert latex("of $x_1 \\le y$, 5 %") == r"of $x_1 \le y$, 5 \%"
    assert latex("costs $5") == r"costs \$5"
    assert latex("$a{$") == r"\$a{\textbraceleft}\$"
    assert latex("$a × b$") == r"$a \times  b$"


def test_addresses_are_kept_and_made_harmless() -> None:
    text = bibtex_entry("misc", "x", {"url": "https://a.example/b_c?d=%20&e#f"})
    assert "url = {https://a.example/b_c?d=%20&e#f}" in text
    assert bibtex_entry("misc", "x", {"url": "https://a.example/{é}"}).isascii()


def _document(folder: Path, entries: list[str]) -> subprocess.CompletedProcess[str]:
    """Set a bibliography by pdflatex, biber, pdflatex; return the last run."""
    (folder / "all.bib").write_text("\n".join(entries), "ascii")
    (folder / "all.tex").write_text(
        r"\documentclass{article}\usepackage[backend=biber]{biblatex}\addbibresource{all.bib}"
        r"\begin{document}\nocite{*}\printbibliography\end{document}",
        "ascii",
    )
    commands = (
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all"],
        ["biber", "--nolog", "all"],
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all"],
    )
    for command in commands:
        run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        told = (run.stdout + run.stderr).decode("utf-8", "replace")
        assert run.returncode == 0, told[-3000:]
        assert command[0] != "biber" or ("WARN" not in told and "ERROR" not in told), told
    return subprocess.CompletedProcess(command, 0, told, "")


@pytest.mark.slow
def test_latex_sets_every_caption_of_the_built_book(tmp_path: Path) -> None:
    missing = [name for name in ("pdflatex", "biber", "kpsewhich") if shutil.which(name) is None]
    style = missing or subprocess.run(["kpsewhich", "biblatex.sty"], capture_output=True).stdout
    if missing or not style:
        pytest.skip(f"no LaTeX here: {', '.join(missing) or 'biblatex'}")
    texts = list(TEXTS)
    for path in sorted((ROOT / "_build" / "executed").rglob("figures/fig-*.json")):
        texts.append(json.loads(path.read_text("utf-8"))["caption"])
    entries = []
    for place, text in enumerate(texts):
        record = Record(f"fig-{place}", text, "", "c", {}, None, "abc+", "1", {})
        entries.append(bibtex(record, "2026", "https://a.example/figures/x_y.svg", "2026.1"))
        whole = {"title": text, "note": first_sentence(text), "author": "Zoë & others"}
        entries.append(bibtex_entry("misc", f"whole-{place}", whole))
    _document(tmp_path, entries)
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
    listed = (tmp_path / "all.bbl").read_text("utf-8").count(r"\entry{")
    assert listed == len(entries)
