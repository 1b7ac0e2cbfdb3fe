"""Shapley values against their definition, and their table."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from analysis.evidence import attribution
from analysis.evidence.attribution import shapley


def _shapley_by_orders(values: np.ndarray, k: int) -> np.ndarray:
    """Mean gain of each step over all orders, straight from the definition."""
    shares = np.zeros(k)
    orders = list(permutations(range(k)))
    for order in orders:
        taken = 0
        for step in order:
            shares[step] += values[taken | 1 << step] - values[taken]
            taken |= 1 << step
    return shares / len(orders)


@given(some.integers(1, 4), some.integers(0, 2**32 - 1))
def test_shapley_is_the_mean_over_all_orders(k: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2**k, 2))
    found = shapley(values)
    for column in range(2):
        np.testing.assert_allclose(found[:, column], _shapley_by_orders(values[:, column], k))
    np.testing.assert_allclose(found.sum(0), values[-1] - values[0])


def test_shapley_gives_nothing_to_a_step_without_effect() -> None:
    values = np.array([0.0, 1.0, 0.0, 1.0])  # only step 0 matters
    np.testing.assert_array_equal(shapley(values), [1.0, 0.0])


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0], [1.0, np.nan]])
def test_shapley_refuses(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"subsets|finite"):
        shapley(values)


def test_the_table_sums_to_the_whole_and_corrects_over_the_steps() -> None:
    scores = np.random.default_rng(0).normal(size=(8, 12)) + np.arange(8)[:, None]
    table = attribution.attributions(scores, ["a", "b", "c"], seed=0)
    assert table.difference.sum() == pytest.approx((scores[-1] - scores[0]).mean())
    assert ((table.low <= table.difference) & (table.difference <= table.high)).all()
    share = shapley(scores)
    np.testing.assert_allclose(table.p, [stats.ttest_1samp(x, 0).pvalue for x in share])
    assert (table.holm >= table.p).all() and table.holm.min() == pytest.approx(3 * table.p.min())
