"""The ledger: numbers, verdicts, the table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.evidence.claims import CLAIMS
from analysis.evidence.statistics import Interval
from analysis.publishing import ledger
from analysis.publishing.provenance import RUN_FILE, Run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run = Run("single-pixel", str(tmp_path / "results"))
    run.save(tmp_path / "run.json")
    monkeypatch.setenv(RUN_FILE, str(tmp_path / "run.json"))
    return run


def record(claim: str = "A5", **changes: str) -> None:
    arguments = {
        "verdict": "holds",
        "strength": "proved",
        "summary": "It does.",
        "figure": "fig-x",
        "section": "single-pixel",
    }
    ledger.record(claim, **(arguments | changes))  # type: ignore[arg-type]


def test_numbers_are_stored_with_their_text(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.number("a-count", np.int64(12345), "{:,}") == "12,345"
    assert ledger.number("an-interval", np.array([0.25, 0.5]), "{:.1f}…{:.1f}") == "0.2…0.5"
    gain = Interval(1.5, -0.5, 3.0)
    assert ledger.number("a-gain", gain, "{:+.1f} [{:+.1f}, {:+.1f}]") == "+1.5 [−0.5, +3.0]"
    text = ledger.number("a-loss", -1.5, "{:.1f} [-2, +0] on level-band")
    assert text == "−1.5 [−2, +0] on level-band"
    stored = json.loads((run.path / "numbers.json").read_text("utf-8"))
    assert stored["a-loss"]["value"] == -1.5
    assert stored["a-count"] == {"text": "12,345", "value": 12345}
    assert stored["an-interval"]["value"] == [0.25, 0.5]
    assert stored["a-gain"]["value"] == [*gain] == [1.5, -0.5, 3.0]


def test_a_name_is_given_once(run: Run) -> None:
    ledger.number("a-count", 1)
    with pytest.raises(ValueError, match="a-count: the chapter has a number of this name"):
        ledger.number("a-count", 1)


def test_many_numbers_are_stored_as_one_by_one(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gain = {"seeds": np.int64(5), "best_map": "viridis", "range": ([1.5, -2], "{:.1f} to {:.1f}")}
    ledger.number("gain-seeds", np.int64(5))
    ledger.number("gain-best-map", "viridis")
    ledger.number("gain-range", [1.5, -2], "{:.1f} to {:.1f}")
    stored, shown = (run.path / "numbers.json").read_bytes(), capsys.readouterr().out
    again = Run("single-pixel", str(tmp_path / "again"))
    again.save(tmp_path / "run.json")
    ledger.numbers("gain", gain)
    assert (again.path / "numbers.json").read_bytes() == stored
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("kind", [dict, pd.Series, lambda values: SimpleNamespace(**values)])
def test_formats_say_which_numbers_of_a_result(run: Run, kind: Callable[..., object]) -> None:
    ledger.numbers("", kind({"estimate": 0.25, "low": 0.125, "high": 1.0}), {"low": "{:.3f}"})
    assert json.loads((run.path / "numbers.json").read_text("utf-8")) == {
        "low": {"text": "0.125", "value": 0.125}
    }


def test_numbers_glue_each_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    glued = {}
    monkeypatch.setattr(
        ledger,
        "display",
        lambda data, raw, metadata: glued.update({metadata["scrapbook"]["name"]: data}),
    )
    ledger.numbers("a", {"b": 1.0, "c": 2}, "{:.2f}")
    kind = "application/papermill.record/text/plain"
    assert glued == {"a-b": {kind: "'1.00'"}, "a-c": {kind: "'2.00'"}}


def test_none_of_several_numbers_is_stored_if_one_is_refused(run: Run) -> None:
    ledger.number("a-count", 1)
    with pytest.raises(ValueError, match="a-count: the chapter has a number of this name"):
        ledger.numbers("a", {"sum": 3, "count": 2})
    with pytest.raises(ValueError, match="lowercase words"):
        ledger.numbers("a", {"sum": 3, "Count": 2})
    assert list(json.loads((run.path / "numbers.json").read_text("utf-8"))) == ["a-count"]


def test_a_summary_has_a_minus(run: Run) -> None:
    record(summary="It costs -2.5 points.")
    assert ledger.read_entries([run.path])[0].summary == "It costs −2.5 points."


def test_verdicts_are_read_back_in_order(run: Run) -> None:
    record("A5", part="second")
    record("A5", part="first")
    record("Q1")
    entries = ledger.read_entries([run.path, run.path / "absent"])
    assert [(entry.claim, entry.part) for entry in entries] == [
        ("A5", "first"),
        ("A5", "second"),
        ("Q1", ""),
    ]
    assert {entry.chapter for entry in entries} == {"single-pixel"}


@pytest.mark.parametrize(
    ("claim", "changes", "message"),
    [
        ("A55", {}, "unknown claim 'A55'"),
        ("A5", {"verdict": "true"}, "holds with limits"),
        ("A5", {"strength": "strong"}, "measured"),
    ],
)
def test_unknown_words_are_refused(
    run: Run, claim: str, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        record(claim, **changes)


def rows(table: str) -> dict[str, str]:
    """The ledger's rows by claim."""
    return {
        found.group(1): found.group(0)
        for found in re.finditer(r"^:::\{dropdown\} <b>(\w+)</b>.*?^:::$", table, re.M | re.S)
    }


def test_every_claim_has_one_row_and_open_ones_say_so(run: Run) -> None:
    record("A5")
    found = rows(ledger.scoreboard(ledger.read_entries([run.path])))
    assert list(found) == list(CLAIMS) and len(CLAIMS) == 27
    assert [name for name, row in found.items() if "Not yet answered." not in row] == ["A5"]
    assert "{numref}`fig-x`" in found["A5"] and "is-holds is-proved" in found["A5"]


def test_a_part_scopes_the_verdict_and_does_not_change_it(run: Run) -> None:
    record("A6", part="one pixel", verdict="holds")
    record("A6", part="nets", verdict="fails", strength="measured")
    line, *rest = rows(ledger.scoreboard(ledger.read_entries([run.path])))["A6"].splitlines()
    assert '<span class="verdict verdict-holds">holds</span>' in line
    assert 'class="chip verdict-fails">nets<' in line
    assert any(text.startswith("- *nets*") for text in rest)


def test_an_undecided_row_says_what_would_decide_it(run: Run) -> None:
    record("Q6", part="proof on one pixel", verdict="undecided", would_decide="forty seeds")
    record("A5", verdict="holds", would_decide="forty seeds")
    found = rows(ledger.scoreboard(ledger.read_entries([run.path])))
    assert "What would decide: forty seeds." in found["Q6"]
    assert "What would decide:" not in found["A5"]


def test_the_ledger_is_data_too(run: Run) -> None:
    """Every claim is in it; the primary evidence comes first; editions are compared by verdicts."""
    place = CLAIMS["A5"]
    entries = [
        ledger.Entry("A5", "fails", "measured", "No.", "fig-y", "s", "elsewhere", "nets"),
        ledger.Entry("A5", "holds", "proved", "Yes.", "fig-x", "s", place.chapter, place.part),
    ]
    found = ledger.document(entries, "2026.1", {"elsewhere": "abc"})
    assert json.loads(json.dumps(found)) == found
    assert (found["schema"], found["edition"], set(found["claims"])) == (1, "2026.1", set(CLAIMS))
    claim = found["claims"]["A5"]
    assert (claim["verdict"], claim["estimand"]) == ("holds", place.estimand)
    assert [one["primary"] for one in claim["evidence"]] == [True, False]
    assert [one["code"] for one in claim["evidence"]] == ["", "abc"]
    other = ledger.document(entries[:1], "2026.2")
    assert ledger.changes(found, other) == [("A5", "holds", "open")]
    assert ledger.changes(found, found) == []


def test_a_rehearsal_gives_no_measured_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for profile, claims in (("rehearsal", {"A5"}), ("edition", {"A5", "A4"})):
        run = Run("single-pixel", str(tmp_path / profile), {"profile": profile})
        run.save(tmp_path / "run.json")
        monkeypatch.setenv(RUN_FILE, str(tmp_path / "run.json"))
        record("A5")
        record("A4", strength="measured")
        assert {entry.claim for entry in ledger.read_entries([run.path])} == claims
