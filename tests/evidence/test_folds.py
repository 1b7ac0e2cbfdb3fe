from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.evidence.folds import deal_groups, hold_out_groups, stratified_folds


def test_groups_are_never_divided_and_classes_are_spread() -> None:
    groups = np.repeat([f"g{i:02d}" for i in range(36)], 3)
    labels = np.repeat(np.arange(36) % 3, 3)
    fold = deal_groups(groups, labels, folds=4, seed=0)
    table = pd.DataFrame({"group": groups, "fold": fold, "label": labels})
    assert table.groupby("group").fold.nunique().max() == 1
    assert (table.groupby("fold").label.nunique() == 3).all()
    assert set(fold) == {-1, 0, 1, 2, 3}
    assert (fold == -1).mean() == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="take fewer folds"):
        deal_groups(groups, labels, folds=40, seed=0)


@given(st.integers(2, 6), st.integers(0, 100), st.booleans())
@settings(max_examples=30, deadline=None)
def test_folds_hold_every_class_and_cut_no_group(count: int, seed: int, grouped: bool) -> None:
    labels, groups = np.arange(60) % 2, np.arange(60) // 5
    folds = stratified_folds(labels, groups if grouped else None, count, seed)
    assert set(folds) == set(range(count))
    for fold in range(count):
        assert set(labels[folds != fold]) == {0, 1}
        assert not grouped or not set(groups[folds == fold]) & set(groups[folds != fold])


def test_small_classes_get_fewer_folds() -> None:
    labels = np.repeat([0, 1], [17, 3])
    assert stratified_folds(labels, None, 5, 0).max() == 2
    assert stratified_folds(labels, np.arange(20), 5, 0).max() == 2


@pytest.mark.parametrize("nested", [True, False])
def test_held_out_groups_are_balanced_and_disjoint(nested: bool) -> None:
    labels = np.repeat([0, 1, 2], 80)
    groups = np.tile(np.repeat(list("abcdefgh"), 10), 3)
    if nested:
        groups = np.array([f"{label}{group}" for label, group in zip(labels, groups, strict=True)])
    one, two = hold_out_groups(labels, groups, 15, 10, seed=1)
    assert not set(groups[one]) & set(groups[two])
    assert np.bincount(labels[one]).tolist() == [15] * 3
    assert np.bincount(labels[two]).tolist() == [10] * 3
    again = hold_out_groups(labels, groups, 15, 10, seed=2)
    assert set(groups[two]) != set(groups[again[1]])
