"""The front page's five answers are sentences; these rules hold them to the built results."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from analysis.building.book import Book
from analysis.comparisons.arms import COLOURS
from analysis.comparisons.studies import SAMPLE
from analysis.evidence.claims import verdict_of
from analysis.evidence.measurements import EDITION
from analysis.publishing import ledger
from tests.conftest import ROOT

BOOK = Book(ROOT)
RESULTS = BOOK.build / "executed" / "edition"


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    """Values of all numbers that the chapters glued."""
    paths = [RESULTS / name / "numbers.json" for name in BOOK.chapters]
    if not all(path.exists() for path in paths):
        pytest.skip("the book is not built: run `make book` first")
    found = [json.loads(path.read_text("utf-8")).items() for path in paths]
    return {name: entry["value"] for items in found for name, entry in items}


def verdict(claim: str) -> str:
    entries = ledger.read_entries(RESULTS / name for name in BOOK.chapters)
    mine = {(entry.chapter, entry.part): entry.verdict for entry in entries if entry.claim == claim}
    return verdict_of(claim, mine)


def parts(text: str) -> list[float]:
    """All numbers with a sign in a text, as values."""
    return [float(found.replace("−", "-")) for found in re.findall(r"[+−-]\d+(?:\.\d+)?", text)]


def test_the_picture_knows_nothing_that_the_array_does_not(numbers: dict[str, Any]) -> None:
    assert verdict("Q1") == "holds"
    assert 0 < numbers["saved-maps-invertible"] <= numbers["saved-maps"]


def test_a_net_too_small_for_its_task_can_do_more_with_it(numbers: dict[str, Any]) -> None:
    assert verdict("A5") == "holds" and "holds" in verdict("A9")
    assert numbers["pixel-viridis-patterns"] > numbers["pixel-level-patterns"]


def test_colour_pays_for_bands_and_not_on_sound_as_such(numbers: dict[str, Any]) -> None:
    gains = parts(numbers["trained-limited-gain"])  # estimate, low, high of each colormap
    assert len(gains) == 3 * len(COLOURS) and min(gains) > 0
    assert numbers["trained-real-tally"].startswith("surely better in none")


def test_what_the_picture_is_credited_with_is_done_by_other_steps(
    numbers: dict[str, Any],
) -> None:
    rank, count = numbers["step-colormap-rank"]
    assert 2 * rank > count  # in the smaller half
    (largest, *_), (colours, *_) = (
        parts(numbers[f"step-{name}-effect"]) for name in ("largest", "colormap")
    )
    assert abs(largest) > 2 * abs(colours)


def test_parts_of_it_harm_and_one_run_cannot_tell(numbers: dict[str, Any]) -> None:
    assert max(numbers["saved-scaling-loudness"]) < 0
    assert min(numbers["jpeg-worse-viridis"]) > 1
    assert numbers["trained-noise-one"] > 0.05


def test_the_guide_gives_the_advice_that_the_numbers_give(numbers: dict[str, Any]) -> None:
    assert min(numbers["saved-scaling-shifted"]) > 0  # each image its own range, where gains differ
    assert min(numbers["jpeg-dearer-best"]) > 1
    if numbers["trained-phase-task"].startswith("spoken"):  # without recordings: textures, by name
        assert max(parts(numbers["trained-phase-scarce"])) < 1  # colour does not stand in for data
    assert numbers["transfer-short-unit"].startswith("better: chirps in noise;")  # and nowhere else
    assert "better: " not in numbers["transfer-short-place"].replace("no better: ", "")
    assert re.match(
        r"surely better in \d+ of \d+, surely worse in none", numbers["contrast-place-tally"]
    )
    assert re.match(
        r"surely better in \d+ of \d+, surely worse in none", numbers["contrast-contrast-tally"]
    )


def test_the_page_tells_edition_cost_and_sample(numbers: dict[str, Any]) -> None:
    told = numbers["trained-source"]
    found = re.match(
        r"edition (\S+), measured on \d{4}-\d\d-\d\d in [\d,]+ min of one core; "
        r"(\d+) of ([\d,]+) nets trained again here: ",
        told,
    )
    assert found, told
    assert found[1] == EDITION and int(found[2]) == SAMPLE
    assert found[3] == f"{numbers['trained-nets']:,}"
