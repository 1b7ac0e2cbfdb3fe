"""Information about the class, held to scikit-learn; its jackknife covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from analysis.bands.information import class_information


def test_information_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 5).astype(str)
    labels = np.repeat(np.arange(12) % 3, 5)
    symbols = (rng.integers(0, 8, (60, 4, 7)) + labels[:, None, None]).astype(np.int64)
    ours = class_information(symbols, labels, groups)
    whole = [_row_information(symbols, labels, row) for row in range(4)]
    assert ours.plugin == pytest.approx(np.mean(whole))
    without = np.array(
        [
            np.mean([_row_information(symbols[k], labels[k], row) for row in range(4)])
            for k in (groups != name for name in np.unique(groups))
        ]
    )
    np.testing.assert_allclose(ours.pseudovalues, 12 * ours.plugin - 11 * without)


def _row_information(symbols: np.ndarray, labels: np.ndarray, row: int) -> float:
    pixel = symbols[:, row].ravel()
    score = mutual_info_score(np.repeat(labels, symbols.shape[2]), pixel)
    return float(score / np.log(2))


def test_jackknife_takes_the_bias_away_and_covers() -> None:
    """Where class and pixel are independent, the information is 0, and the plug-in is not."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 4).astype(str)
    labels = np.repeat(np.arange(30) % 3, 4)
    plugin, corrected, covered = [], [], 0
    for _ in range(40):
        symbols = rng.integers(0, 16, (120, 1, 2))
        value = class_information(symbols, labels, groups)
        plugin.append(value.plugin)
        corrected.append(value.interval.estimate)
        covered += not value.interval.excludes(0)
    assert np.mean(plugin) > 0.05
    assert abs(np.mean(corrected)) < np.mean(plugin) / 4
    assert covered >= 32


@given(st.integers(0, 2**31), st.integers(2, 40))
def test_recoding_never_adds_information(seed: int, symbols: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, symbols, (12, 2, 5))
    labels, groups = np.repeat([0, 1, 2], 4), np.arange(12).astype(str)
    recoded = rng.integers(0, symbols, symbols)[levels]
    shuffled = rng.permutation(symbols)[levels]
    before, after, same = (
        class_information(code, labels, groups).plugin for code in (levels, recoded, shuffled)
    )
    assert after <= before + 1e-9
    assert same == pytest.approx(before)


def test_a_group_of_two_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="one class"):
        class_information(np.zeros((2, 1, 1), int), np.array([0, 1]), np.array(["a", "a"]))
