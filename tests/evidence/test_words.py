from __future__ import annotations

import pandas as pd
import pytest

from analysis.evidence.words import interval, points, tally


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "+12.3"), (-0.05, "−5.0"), (0.0, "+0.0"), (-0.0004, "+0.0")]
)
def test_points_have_a_true_minus_and_no_negative_nought(value: float, text: str) -> None:
    assert points(value) == text
    assert interval(value, value, value) == f"{text} [{text}, {text}]"


def test_a_tally_counts_every_comparison_once() -> None:
    rows = pd.DataFrame({"decided": [1, 1, -1, 0, 0], "high": [0.2, 0.005, -0.1, 0.005, 0.3]})
    assert tally(rows, 0.01) == "2 better, 1 worse, 1 surely not 1 point better, 1 undecided"
    assert tally(rows[:2], 0.01) == "2 better, 0 worse"
