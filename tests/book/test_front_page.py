"""The front page's five answers are sentences; these rules hold them to the built results."""

from __future__ import annotations

import re
from typing import Any

from analysis.building.book import Book
from analysis.comparisons.arms import COLOURS
from analysis.comparisons.studies import SAMPLE
from analysis.evidence.claims import verdict_of
from analysis.evidence.measurements import EDITION
from analysis.publishing import ledger
from tests.conftest import ROOT

BOOK = Book(ROOT)
RESULTS = BOOK.build / "executed" / "edition"


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
    assert max(numbers["saved-lost-viridis"]) < 1  # thousandths of a bit: next to nothing


def test_a_net_too_small_for_its_task_can_do_more_with_it(numbers: dict[str, Any]) -> None:
    assert verdict("A5") == "holds" and "holds" in verdict("A9")
    assert numbers["pixel-viridis-patterns"] > numbers["pixel-level-patterns"]


def test_colour_pays_for_bands_and_not_on_recordings(numbers: dict[str, Any]) -> None:
    gains = parts(numbers["trained-limited-gain"])  # estimate, low, high of each colormap
    assert len(gains) == 3 * len(COLOURS)
    assert min(gains[::3]) > 10  # "gains"; that each is sure is another matter, and told so
    assert sum(low > 0 for low in gains[1::3]) >= 3
    better, worse = re.findall(
        r"surely (?:better|worse) in (\d+|none)", numbers["trained-real-tally"]
    )
    assert int(better.replace("none", "0")) <= 1 and int(worse) >= 5  # "and not on recordings"


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


def test_the_guide_s_other_rows_have_their_reasons(numbers: dict[str, Any]) -> None:
    logarithm, colours = (
        [triple.split(" ")[-3:] for triple in numbers[f"step-scratch-{step}"].split("; ")]
        for step in ("log", "colormap")
    )
    shares = [
        (parts(" ".join(a)), parts(" ".join(b))) for a, b in zip(logarithm, colours, strict=True)
    ]
    assert any(  # the logarithm surely matters, and more than the colours do
        low * high > 0 and abs(log) > abs(colour) for (log, low, high), (colour, *_) in shares
    )
    assert numbers["trained-deviation"][1] > 2  # the seed scatters by more than a point or two
    short = re.search(r"in (\d+) it falls short", numbers["trained-grown-reached"])
    assert short and int(short[1]) > 0  # a larger net may not catch up
    by_maximum, by_dropping = (
        float(numbers[f"compression-event-{way}"].split()[0])
        for way in ("maximum", "subsample-1000")
    )
    assert by_maximum > by_dropping
    assert max(numbers["jpeg-back-mine"]) < min(numbers["jpeg-back-nearest"])
    assert numbers["relu-gray-kept"] < 256 and numbers["saved-specshow-waste"] > 0


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
