"""The shared statistics against scipy, brute force and their own definitions."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from scipy import stats

from analysis.evidence import statistics as st

PROBABILITIES = arrays(float, some.integers(1, 6), elements=some.floats(0, 1))


def test_interval_formats_its_three_numbers_alike():
    interval = st.Interval(1.0, 0.5, 2.0)
    assert f"{interval:.2f}" == "1.00 [0.50, 2.00]"
    assert str(interval) == "1 [0.5, 2]"


def test_interval_answers_questions():
    interval = st.Interval(1.0, 0.5, 2.0)
    assert interval.excludes(0)
    assert not interval.excludes(2.0)
    assert interval.within(2.1)
    assert not interval.within(2.0)
    assert interval.scaled(-100) == st.Interval(-100.0, -200.0, -50.0)


def test_bootstrap_mean_is_close_to_the_t_interval_of_normal_data():
    x = np.random.default_rng(1).normal(3, 2, 400)
    interval = st.mean_interval(x, seed=0)
    low, high = stats.t.interval(0.95, len(x) - 1, x.mean(), stats.sem(x))
    assert interval.estimate == pytest.approx(x.mean())
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.02)


def test_bootstrap_mean_covers_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    hits = sum(
        not st.mean_interval(rng.normal(size=25), seed=k, level=0.8).excludes(0) for k in range(150)
    )
    assert stats.binomtest(hits, 150, 0.8).pvalue > 1e-3


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7e12])
def test_equal_values_give_an_interval_without_width(value):
    interval = st.mean_interval([value] * 7, seed=0)
    assert interval.low == interval.high == interval.estimate == pytest.approx(value)


def test_same_seed_same_interval_and_other_seed_another():
    x = np.random.default_rng(3).exponential(size=30)
    assert st.mean_interval(x, seed=5) == st.mean_interval(x, seed=5)
    assert st.mean_interval(x, seed=5) != st.mean_interval(x, seed=6)


def test_paired_difference_ignores_what_the_pairs_share():
    rng = np.random.default_rng(4)
    shared, noise = rng.normal(0, 100, 30), rng.normal(0, 1, 30)
    assert st.paired_difference(shared + noise, shared, seed=0).high == pytest.approx(
        st.mean_interval(noise, seed=0).high
    )


def test_paired_difference_changes_sign_with_the_order():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 20))
    there, back = st.paired_difference(a, b, seed=0), st.paired_difference(b, a, seed=0)
    assert there.estimate == pytest.approx(-back.estimate)
    assert there.low == pytest.approx(-back.high, abs=0.05)


def test_pairs_that_differ_by_one_constant_but_for_rounding():
    a = np.array([0.3, 0.7, 0.1, 0.9])
    interval = st.paired_difference(a, a - 0.1, seed=0)
    assert interval.low == interval.high == pytest.approx(0.1)


def test_equivalence_agrees_with_the_textbook_interval():
    rng = np.random.default_rng(6)
    for shift in (0.0, 0.4, 0.9, 1.5):
        a = rng.normal(shift, 1, 60)
        result = st.equivalence(a, np.zeros(60), margin=1.0, seed=0)
        low, high = stats.t.interval(0.9, 59, a.mean(), stats.sem(a))
        assert (result.pvalue < 0.05) == (low > -1 and high < 1)  # TOST and 90 % interval are dual


@pytest.mark.parametrize("shift", [-1.2, -0.3, 0.0, 0.5, 0.95])
def test_equivalence_is_the_worse_of_two_one_sided_tests(shift):
    a, b = np.random.default_rng(9).normal(size=(2, 30))
    a += shift
    result = st.equivalence(a, b, margin=1.0, seed=0)
    low = stats.ttest_1samp(a - b + 1, 0, alternative="greater").pvalue
    high = stats.ttest_1samp(a - b - 1, 0, alternative="less").pvalue
    assert result.pvalue == pytest.approx(max(low, high))
    assert result.margin == 1.0
    assert result.difference == st.paired_difference(a, b, seed=0, level=0.9)
    assert result.equivalent == (result.pvalue < 0.05 and result.difference.within(1.0))


@pytest.mark.parametrize(("noise", "half"), [(0.1, 2.0), (10.0, 0.5)])
def test_equivalence_needs_the_test_and_the_interval(noise, half, monkeypatch):
    """Either alone, as few pairs or a skewed difference would give it, is not enough."""
    a = np.random.default_rng(10).normal(0, noise, 20)
    monkeypatch.setattr(st, "paired_difference", lambda *_, **__: st.Interval(0, -half, half, 0.9))
    result = st.equivalence(a, np.zeros(20), margin=1.0, seed=0)
    assert (result.pvalue < 0.05) != result.difference.within(1.0)
    assert result.equivalent is False


def test_equivalence_needs_evidence():
    noisy = np.random.default_rng(7).normal(0, 10, 5)
    assert not st.equivalence(noisy, np.zeros(5), margin=0.1, seed=0).equivalent


@pytest.mark.parametrize(("shift", "equivalent"), [(0.0, True), (0.009, True), (0.02, False)])
def test_equivalence_without_variation(shift, equivalent):
    a = np.array([0.5, 0.6, 0.7])
    result = st.equivalence(a + shift, a, margin=0.01, seed=0)
    assert result.equivalent is equivalent
    assert result.pvalue == float(not equivalent)


@given(PROBABILITIES)
def test_holm_is_the_closed_bonferroni_test(p):
    """Hypothesis i is rejected if every set of hypotheses that holds it is, each by Bonferroni."""
    n = len(p)
    expected = [
        max(
            min(1.0, len(chosen) * p[list(chosen)].min())
            for size in range(1, n + 1)
            for chosen in combinations(range(n), size)
            if i in chosen
        )
        for i in range(n)
    ]
    assert st.holm(p) == pytest.approx(expected)


def test_holm_of_nothing_is_nothing():
    assert st.holm([]).shape == (0,)


@settings(max_examples=20, deadline=None)
@given(some.integers(0, 1000), some.booleans())
def test_spearman_estimate_is_scipys(seed, ties):
    x, y = np.random.default_rng(seed).normal(size=(2, 15)).round(1 if ties else 8)
    interval = st.spearman(x, y, seed=0)
    assert interval.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
    assert -1 <= interval.low <= interval.high <= 1


def test_spearman_interval_is_the_percentiles_of_resampled_pairs():
    x, y = np.random.default_rng(11).normal(size=(2, 25))
    rng, found = np.random.default_rng(12), []
    for _ in range(3000):
        rows = rng.integers(0, 25, 25)
        found.append(stats.spearmanr(x[rows], (x + y)[rows]).statistic)
    interval = st.spearman(x, x + y, seed=0, level=0.8)
    assert (interval.low, interval.high) == pytest.approx(np.quantile(found, [0.1, 0.9]), abs=0.02)
    assert interval.level == 0.8


def test_an_interval_is_of_the_level_that_was_asked_for():
    a, b = np.random.default_rng(13).normal(size=(2, 12))
    for level in (0.8, 0.9):
        found = st.paired_difference(a, b, seed=0, level=level)
        assert found == st.mean_interval(a - b, seed=0, level=level) and found.level == level
        assert st.mean_interval([1.0, 1.0], seed=0, level=level).level == level
        assert st.spearman(range(6), range(6), seed=0, level=level).level == level


def test_spearman_is_unmoved_by_monotone_transforms():
    x, y = np.random.default_rng(8).normal(size=(2, 30))
    assert st.spearman(x, y, seed=1) == st.spearman(np.exp(x), y**3, seed=1)


def test_spearman_of_a_falling_relation():
    assert st.spearman(range(6), range(6, 0, -1), seed=0) == st.Interval(-1.0, -1.0, -1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: st.mean_interval([1.0], seed=0), "at least 2"),
        (lambda: st.mean_interval([[1.0, 2.0]], seed=0), "vector"),
        (lambda: st.mean_interval([1.0, np.nan], seed=0), "not finite"),
        (lambda: st.mean_interval([1.0, 2.0], seed=0, level=95), "between 0 and 1"),
        (lambda: st.paired_difference([1.0, 2.0], [1.0, 2.0, 3.0], seed=0), "equal lengths"),
        (lambda: st.equivalence([1.0, 2.0], [1.0, 2.0], margin=0, seed=0), "positive"),
        (lambda: st.holm([0.5, 1.2]), r"\[0, 1\]"),
        (lambda: st.spearman([1, 1, 1, 1], [1, 2, 3, 4], seed=0), "constant"),
    ],
)
def test_what_is_malformed_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@given(arrays(float, some.integers(2, 8), elements=some.floats(-1, 1)))
def test_effect_pvalue_is_the_t_test_or_the_plain_answer(differences: np.ndarray) -> None:
    found = st.effect_pvalue(differences)
    if np.ptp(differences) > 1e-6:
        assert found == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    constant = np.full(3, differences[0])
    assert st.effect_pvalue(constant) == float(abs(differences[0]) <= 1e-12)
