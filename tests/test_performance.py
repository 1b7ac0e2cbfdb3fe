from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks import colormaps, jpeg, patterns
from benchmarks.harness import SMOKE, Effort
from hypothesis import given
from hypothesis import strategies as st

from analysis import performance
from analysis.planes.patterns import count_patterns
from analysis.timing import scaling, timings
from analysis.timing.scaling import CostModel
from analysis.timing.timings import OURS, Row, Stored, Suite


def row(name: str, role: str, ratio: float, **details: float | str) -> Row:
    return Row("case", name, role, 0.5, 10, "things", ratio, ratio, ratio, 3, details)  # type: ignore[arg-type]


def suite(*rows: Row) -> Suite:
    machine: dict[str, str | int | float] = {
        "processor": "some",
        "cores": 2,
        "memory_gb": 8,
        "load": 0.1,
    }
    return Suite("title", "make bench", "abc", "2026-01-02", machine, {}, [], list(rows))


OWN = row(OURS, "ours", 1.0, _interpreter=0.2, _top="sort", _top_share=0.7)


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), "utf-8")
    return path


def test_stored_rows_come_back(tmp_path: Path) -> None:
    kept = suite(OWN, row("peer", "peer", 2.0))
    path = write(tmp_path / "b.json", {"schema": 1, "benchmarks": {"one": asdict(kept)}})
    stored = timings.load(path)
    assert stored["one"] == kept
    assert stored["one"].row("case").rate == 20
    assert stored.provenance.loc["title", "machine"] == "some, 2 cores, 8 GB"
    with pytest.raises(KeyError, match="make bench ONLY=two"):
        stored["two"]
    with pytest.raises(KeyError, match="have this book, peer"):
        kept.row("case", "other")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"role": "judge"}, "unknown role"),
        ({"seconds": 0.0}, "must be positive"),
        ({"ratio": float("nan")}, "must be positive"),
        ({"low": 1.5}, "outside the quartiles"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_damaged_file_is_named_with_the_remedy(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    value = asdict(suite(OWN))
    value["rows"][0] |= change
    path = write(tmp_path / "b.json", {"schema": 1, "benchmarks": {"one": value}})
    with pytest.raises(ValueError, match=rf"b\.json cannot be used .*{told}.* run `make bench`"):
        timings.load(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="version is 0, not 1"):
        timings.load(write(tmp_path / "b.json", {"schema": 0, "benchmarks": {}}))


def test_what_was_measured_here_comes_before_what_was_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = suite(OWN), replace(suite(OWN), date="2026-02-03")
    both = {"schema": 1, "benchmarks": {"one": asdict(old), "two": asdict(old)}}
    monkeypatch.setattr(timings, "COMMITTED", write(tmp_path / "committed.json", both))
    monkeypatch.setattr(timings, "MEASURED", tmp_path / "measured.json")
    assert timings.load()["one"] == old
    before = timings.state()
    assert set(before) == {"committed"}
    write(tmp_path / "measured.json", {"schema": 1, "benchmarks": {"one": asdict(new)}})
    assert timings.load()["one"] == new
    assert timings.load()["two"] == old
    assert set(timings.state()) == {"committed", "measured"}
    assert timings.state()["committed"] == before["committed"]


def test_the_committed_file_is_sound_and_names_no_machine() -> None:
    stored = timings.load(timings.COMMITTED)
    for name in ("jpeg", "colormaps", "training", "patterns", "knots", "front_end"):
        assert stored[name].rows
    for name, case in performance.HEADLINES:
        assert stored[name].case(case), case
        assert performance.fastest_peer(stored[name], case).ratio > 0
    assert len(performance.bounds(stored)) == len(performance.HEADLINES)
    assert set(stored.provenance) == {"commit", "date", "machine", "load", "made by"}


def test_what_the_page_says_of_stacks_and_of_levels_read_back_is_so() -> None:
    stored = timings.load(timings.COMMITTED)
    stacks = performance.stacks(stored["training"])
    best = stacks.loc[stacks.groupby("network").peer.idxmax()].set_index("network")
    assert best.peer.min() > 1
    assert best.peer.idxmin() == best.limit.idxmax()  # gains least, and is nearest to the limit
    assert best.peer.idxmax() == best.limit.idxmin()  # gains most where layers are smallest
    read = performance.back(stored["uncolouring"])
    mean = read["mean error (levels)"].unstack("way")
    assert (read.time.unstack("way")[OURS] >= read.time.unstack("way").max(axis=1)).all()
    assert (mean.drop(columns=OURS).min(axis=1) / mean[OURS]).max() > 1.2


def test_a_slice_of_the_committed_results_is_computed_again() -> None:
    """Counts and exactness, which do not depend on the machine."""
    stored = timings.load(timings.COMMITTED)
    counted = performance.counts(stored["patterns"])
    for found in counted[counted.n <= 64].itertuples():
        assert count_patterns(patterns.points(int(found.n))) == found.patterns
    own = [one for one in stored["jpeg"].rows if one.name in (OURS, "this book, floats")]
    for field in jpeg.fields(Effort(1, small=True), "RGB"):
        for contender in field:
            if contender.name.startswith(OURS):
                assert all(one.details | dict(contender.details) == one.details for one in own)
    largest = "largest difference (share of the range)"
    again = [one for one in colormaps.measure(SMOKE) if one.name == OURS]
    assert [one.details[largest] for one in again] == [0, 0]
    kept = [one for one in stored["colormaps"].rows if one.name == OURS]
    assert [one.details[largest] for one in kept] == [0, 0]


def test_limits() -> None:
    at_limit = suite(OWN, row("copy", "limit", 0.1), row("sum", "limit", 0.6))
    assert scaling.bound(at_limit, "case").verdict == "sum"
    compiled = suite(OWN, row("copy", "limit", 0.1))
    assert scaling.bound(compiled, "case").verdict == "sort, on one core"
    slow = replace(OWN, details=OWN.details | {"_interpreter": 0.6})
    found = scaling.bound(suite(slow, row("copy", "limit", 0.1)), "case")
    assert found.verdict == "Python's overhead"
    with pytest.raises(KeyError, match="no limit"):
        scaling.bound(suite(OWN), "case")


@given(
    st.floats(0.5, 4), st.floats(1e-9, 10), st.lists(st.integers(1, 5000), min_size=3, unique=True)
)
def test_growth_finds_a_power_law(exponent: float, factor: float, sizes: list[int]) -> None:
    found = scaling.growth(sizes, factor * np.array(sizes, float) ** exponent)
    assert found.exponent == pytest.approx(exponent, abs=1e-6)
    assert found.factor == pytest.approx(factor, rel=1e-4)
    assert found.low <= found.exponent <= found.high


def test_growth_wants_three_positive_sizes() -> None:
    with pytest.raises(ValueError, match="three positive"):
        scaling.growth([1, 2], [1, 2])
    with pytest.raises(ValueError, match="three positive"):
        scaling.growth([1, 2, 3], [1, 0, 2])


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_a_cluster_is_never_slower_for_a_machine_more(units: int, machines: int) -> None:
    model = CostModel(0.1, 0.9, 0.001, 2.0, units=16)
    few, many = model.time(units, machines), model.time(units, machines + 1)
    assert many <= few
    assert few >= model.start + units * model.seconds / (machines * model.cores)
    assert few >= model.start + model.task * np.ceil(units / 16)


def test_the_scheduler_limits_a_large_cluster() -> None:
    model = CostModel(0.1, 1.0, 0.01, 0.0, units=1)
    table = model.table(1000, (1, 10, 100))
    assert table.seconds.tolist() == pytest.approx([50, 10, 10])
    assert table["speed-up"].tolist() == pytest.approx([1, 5, 5])


def test_verdicts_come_from_the_quartiles() -> None:
    peer = row("peer", "peer", 2.0)
    assert performance.verdict_ahead(peer) == "ahead"
    assert performance.verdict_ahead(replace(peer, low=0.9)) == "level"
    assert performance.verdict_ahead(replace(peer, low=0.2, ratio=0.3, high=0.9)) == "behind"
    fastest = performance.fastest_peer(suite(OWN, peer, row("other", "peer", 0.5)), "case")
    assert fastest.name == "other"


def test_a_table_shows_the_fastest_first_and_hides_what_is_internal() -> None:
    table = performance.ratios(suite(OWN, row("peer", "peer", 0.5, error=3.0)), "case")
    assert list(table.index) == ["peer", OURS]
    assert table.loc["peer", "error"] == "3"
    assert not [name for name in table.columns if name.startswith("_")]


def test_the_overview_holds_peers_and_limits_only() -> None:
    frame = performance.overview(timings.load(timings.COMMITTED))
    assert set(frame.role) == {"peer", "limit"}
    stored = Stored(Path("x"), {})
    assert performance.overview(stored).empty


def test_what_a_build_takes_is_read_off_its_rows() -> None:
    def built(case: str, name: str, seconds: float, **details: float | str) -> Row:
        return Row(case, name, "variant", seconds, 1, "builds", 1, 1, 1, 1, details)

    alone = "this book, one chapter at a time"
    book = suite(
        built("from nothing", OURS, 100, jobs=2.0),
        built("from nothing", alone, 180, **{"results files": 9, "that differ": 1}),
        built("again", "after an edit of one chapter", 12),
        built("again", "with nothing changed", 3),
        built("chapter by chapter", OURS, 100),
        built("chapter by chapter", "one", 90, **{"peak memory (GiB)": 0.5}),
        built("chapter by chapter", "two", 70, **{"peak memory (GiB)": 1.5}),
    )
    found = performance.building(book)
    assert (found.cold, found.serial, found.edited, found.warm) == (100, 180, 12, 3)
    assert found.busy == (90 + 70) / (2 * 100)
    assert (found.files, found.differing) == (9, 1)
    assert found.chapters.chapter.tolist() == ["one", "two"]
    with pytest.raises(KeyError, match="no 'with nothing changed'"):
        performance.building(replace(book, rows=book.rows[:3]))
