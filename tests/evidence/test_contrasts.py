"""Comparisons of arms against scipy and the definitions, and the ladder of verdicts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from analysis.evidence import contrasts as ct
from analysis.evidence.statistics import equivalence, paired_difference
from analysis.evidence.verdicts import VERDICTS, by_answers, by_margin


@pytest.fixture
def wide() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    base = rng.normal(size=30)
    arms = {"gray": base, "same": base + rng.normal(0, 1e-3, 30), "good": base + 1, "bad": base - 1}
    table = pd.DataFrame(arms) + rng.normal(0, 0.1, (30, 4)) * [0, 0, 1, 1]
    table.loc[0, "good"] = np.nan
    return table


PAIRS = [("same", "gray"), ("good", "gray"), ("bad", "gray")]


def test_a_contrast_is_the_paired_difference_and_its_tests(wide: pd.DataFrame) -> None:
    row = ct.contrast(wide.bad, wide.gray, seed=1, margin=0.5)
    interval = paired_difference(wide.bad, wide.gray, seed=1)
    assert (row["difference"], row["low"], row["high"]) == (
        interval.estimate,
        interval.low,
        interval.high,
    )
    assert row["p"] == pytest.approx(stats.ttest_rel(wide.bad, wide.gray).pvalue)
    assert row["difference"] == pytest.approx(row["score"] - row["reference"])
    assert row["equal_p"] == equivalence(wide.bad, wide.gray, 0.5, seed=1).pvalue


def test_a_family_is_decided_after_correction(wide: pd.DataFrame) -> None:
    table = ct.corrected(ct.contrasts(wide, PAIRS, seed=0, margin=0.05)).set_index("a")
    assert table.decided.to_dict() == {"same": 0, "good": 1, "bad": -1}
    assert table.equivalent.to_dict() == {"same": True, "good": False, "bad": False}
    assert table.pairs.to_dict() == {"same": 30, "good": 29, "bad": 30}  # a missing score goes
    assert by_margin(table, 0.05) == ["no", "yes", "no"]


def test_neither_a_small_p_nor_an_interval_decides_alone() -> None:
    rows = {
        "difference": [1.0, 1.0, np.nan],
        "low": [-0.1, 0.1, np.nan],
        "high": [2.0, 2.0, np.nan],
    }
    table = pd.DataFrame(rows | {"holm": [0.01, 0.06, np.nan]})
    assert ct.decided(table).tolist() == [0, 0, 0]


def test_rows_without_a_p_value_do_not_count_in_the_family() -> None:
    row = {"difference": 1.0, "low": 0.5, "high": 2.0}
    table = pd.DataFrame([row | {"p": 0.03}, row | {"p": np.nan}])
    corrected = ct.corrected(table)
    assert corrected.holm[0] == 0.03 and np.isnan(corrected.holm[1])
    assert corrected.decided.tolist() == [1, 0]


@given(some.lists(some.sampled_from(["yes", "no", "-"]), max_size=9))
def test_the_ladder(answers: list[str]) -> None:
    ayes, noes, count = answers.count("yes"), answers.count("no"), len(answers)
    verdict = by_answers(answers)
    assert verdict in VERDICTS
    assert verdict == by_answers(reversed(answers))  # order does not matter
    if ayes and noes:
        assert verdict == "holds with limits"
    elif count and ayes == count:
        assert verdict == "holds"
    elif ayes > count / 2:
        assert verdict == "holds with limits"
    else:
        assert verdict == ("fails" if noes > count / 2 else "undecided")
