"""Words that follow from the numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.audit import words
from analysis.audit.crossvalidation import Outcome
from analysis.audit.cues import cues, twins
from analysis.audit.differences import Difference, differences
from analysis.audit.words import headline, recommendation
from analysis.evidence.statistics import Interval
from analysis.pictures.steps import STEPS
from analysis.publishing import report
from analysis.publishing.provenance import Run
from analysis.reading.untrusted import NO_DATA
from analysis.recordings.items import LeftOut


def difference(name: str, network: str, estimate: float, verdict: str) -> Difference:
    interval = Interval(estimate, estimate - 0.01, estimate + 0.01)
    return Difference(name, network, interval, 0.5, False, 0.03, verdict)


def told(
    outcome: Outcome, small: str = "not resolved", limited: str = "not resolved", **steps: str
) -> tuple[str, str]:
    found = [
        difference("viridis", "small", 0.02, small),
        difference("viridis", "limited", 0.05, limited),
        difference("gray3", "small", 0.0, "not resolved"),
        *(
            difference(name, "steps", 0.08 if steps.get(name) == "helps" else -0.032, verdict)
            for name in STEPS
            for verdict in [steps.get(name, "not resolved")]
        ),
    ]
    return headline(outcome, found), recommendation(outcome, found)


def test_what_was_left_out_is_told_first(outcome: Outcome) -> None:
    few = tuple(LeftOut(f"{i}.mp3", f"damaged: ends after {i} s") for i in range(len(outcome.data)))
    lost = replace(outcome, data=replace(outcome.data, left_out=few))
    assert told(lost)[0].startswith(f"Of {2 * len(few)} files {len(few)} (50 %) were left out")
    notes = tuple(LeftOut(f"{i}.txt", NO_DATA) for i in range(len(few)))
    noted = replace(outcome, data=replace(outcome.data, left_out=(few[0], *notes)))
    assert told(noted)[0].startswith("On your data")


def test_the_headline_says_what_the_numbers_say(outcome: Outcome) -> None:
    text, advice = told(outcome, small="no difference worth having", log="helps", scaling="hurts")
    assert text.startswith(
        "On your data, viridis − raw = +2.0 points (95 % interval +1.0 … +3.0): "
        "no difference worth having."
    )
    assert "What helps is log-compression (+8.0)." in text
    assert text.endswith("Per-image scaling costs you 3.2.")
    assert "three times as large for nothing" in advice and "one range" in advice
    assert "only 3.0 points or more would have been seen" in told(outcome)[0]
    assert "could not tell viridis from raw" in told(outcome)[1]
    assert "colour helps" in told(outcome, small="helps")[0]
    found = differences(outcome)
    assert headline(outcome, found, ["Beware: x."]).startswith("Beware: x. On your data")
    assert told(outcome, small="helps")[1].startswith("Use viridis")
    assert "makes the small net worse" in told(outcome, small="hurts")[1]
    text, advice = told(outcome, small="no difference worth having", limited="helps")
    assert "limited to one filter a class: +5.0" in text and "a layer more" in advice


def test_a_set_that_is_too_easy_or_too_hard_is_told(outcome: Outcome) -> None:
    assert "may have learned nothing" in recommendation(outcome, differences(outcome))
    sure = {
        part: np.where(p == -2, p, outcome.data.labels) for part, p in outcome.predicted.items()
    }
    right = replace(outcome, predicted=sure)
    assert recommendation(right, differences(right)).endswith("too easy to tell encodings apart.")


def test_every_section_of_a_report_is_written(outcome: Outcome, tmp_path: Path) -> None:
    found = differences(outcome)
    sections = words.sections(outcome, found, cues(outcome.data, 2), twins(outcome.data))
    figures = [id for section in sections for id in section.get("figures", ())]
    (tmp_path / "figures").mkdir()
    for id in figures:
        (tmp_path / "figures" / f"{id}.svg").write_text("<svg/>")
        (tmp_path / "figures" / f"{id}.json").write_text('{"alt": "a", "caption": "c"}')
    parts = [report.Section(**section) for section in sections]
    report.write(tmp_path / "r.html", Run("c", str(tmp_path)), "title", ["first"], parts)
    text = (tmp_path / "r.html").read_text("utf-8")
    assert text.count("data:image/svg+xml") == len(figures) == 6
    assert "Left out: 1 file<" in text and "x.wav" in text
