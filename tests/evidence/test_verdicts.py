"""The ladder from answers to a verdict, rung by rung: each side's bound is tried on either side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.evidence.statistics import Interval
from analysis.evidence.verdicts import VERDICTS, by_answers, by_margin, graded, surely_above


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([], "undecided"),
        (["yes", "yes", "yes"], "holds"),
        (["no", "no", "no"], "fails"),
        (["yes", "no"], "holds with limits"),
        (["yes", "yes", "-"], "holds with limits"),  # more than half
        (["yes", "yes", "-", "-", "-"], "undecided"),  # two fifths
        (["yes", "-"], "undecided"),  # half is no majority
        (["no", "no", "-"], "fails"),
        (["no", "-"], "undecided"),
        (["no", "no", "-", "-", "-"], "undecided"),
    ],
)
def test_answers_give_a_verdict(answers: list[str], verdict: str) -> None:
    assert by_answers(answers) == verdict
    assert verdict in VERDICTS


def test_an_answer_is_no_where_worse_or_surely_less_than_the_margin() -> None:
    table = pd.DataFrame(
        {"decided": [1, 1, -1, -1, 0, 0, 0], "high": [9.0, 0.5, 0.5, 2.0, 0.5, 1.0, 2.0]}
    )
    assert by_margin(table, 1.0) == ["yes", "yes", "no", "no", "no", "-", "-"]


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([], "undecided"),
        ([True, True], "holds"),
        ([True, False], "holds with limits"),
        ([True, None], "holds with limits"),
        ([False, False], "fails"),
        ([False, None], "undecided"),
        ([None], "undecided"),
    ],
)
def test_parts_of_a_claim_give_a_verdict(parts: list[bool | None], verdict: str) -> None:
    assert graded(parts) == verdict


@pytest.mark.parametrize(
    ("above", "answer"), [(0.5, True), (1.0, None), (2.0, None), (3.0, None), (3.5, False)]
)
def test_an_interval_that_touches_a_value_decides_nothing(above: float, answer: bool) -> None:
    assert surely_above(Interval(2.0, 1.0, 3.0), above) is answer


def test_an_end_of_an_interval_is_inside_it_and_a_margin_is_outside() -> None:
    interval = Interval(0.0, -1.0, 2.0, level=0.9)
    assert not interval.excludes(-1.0) and not interval.excludes(2.0)
    assert interval.excludes(np.nextafter(-1.0, -2)) and interval.excludes(np.nextafter(2.0, 3))
    assert not Interval(0.0, -1.0, 0.5).within(1.0)
    assert not Interval(0.0, -0.5, 1.0).within(1.0)
    assert Interval(0.0, -0.5, 0.5).within(1.0)
    assert interval.scaled(-2) == Interval(-0.0, -4.0, 2.0, level=0.9)
    assert Interval(1.0, 0.5, 2.0).excludes() and not interval.excludes()
