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


def test_a_tally_counts_what_is_sure() -> None:
    rows = pd.DataFrame({"decided": [1, 1, -1, 0, 0]})
    assert tally(rows) == "surely better in 2 of 5, surely worse in 1"
    assert tally(rows[:2]) == "surely better in 2 of 2, surely worse in none"
    assert tally(rows[3:]) == "surely better in none of 2, surely worse in none"
