"""Classical learners: splits, tables, and what trees do not see."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from analysis.nets import classical
from analysis.pictures import encodings

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def toy_draw(seed: int, train: int = 60, pixels: int = 16) -> classical.Draw:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 2 * train)
    centres = rng.integers(40, 215, (3, pixels))
    levels = np.clip(centres[labels] + rng.normal(0, 35, (2 * train, pixels)), 0, 255)
    coded = np.rint(levels).astype(np.uint8)
    return classical.Draw(coded[:train], coded[train:], labels[:train], labels[train:])


def test_task_names_its_choices() -> None:
    with pytest.raises(ValueError, match="unknown task 'birds'"):
        classical.picture_task("birds", 4)
    with pytest.raises(ValueError, match="unknown learner 'oracle'"):
        classical.learner("oracle", 1, 1, 0)


def test_draw_uses_the_training_range() -> None:
    job = classical.PictureTask(
        "toy",
        np.arange(40, dtype=np.float32).reshape(10, 2, 2),
        np.zeros(10, np.int64),
        np.array(list("aaaabbbbcc")),
    )
    data = classical.draw(job, 4, 4, seed=0)
    assert (data.train.min(), data.train.max()) == (0, 255)


def test_scaled_tables_have_mean_zero_and_energy_one() -> None:
    data = toy_draw(0)
    rows = classical.colours_in_rows(
        data.train, classical.equal_energy(encodings.table("turbo"), data.train)
    )
    assert rows.shape == (60, 48)
    channels = rows.reshape(60, 3, 16)
    np.testing.assert_allclose(channels.mean(axis=(0, 2)), 0, atol=1e-5)
    assert np.isclose((rows**2).mean(), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["nearest neighbours", "support vectors", "linear"])
def test_a_copy_is_gray_for_learners_of_distances(name: str) -> None:
    data = toy_draw(1)
    answers = []
    for code in ("gray8", "gray3"):
        table = classical.equal_energy(encodings.table(code), data.train)
        model = classical.learner(name, 5, 16 * table.shape[1], 0)
        model.fit(classical.colours_in_rows(data.train, table), data.train_labels)
        answers.append(model.predict(classical.colours_in_rows(data.test, table)))
    assert (answers[0] == answers[1]).mean() > 0.98


@few
@given(seeds)
def test_trees_do_not_see_a_monotone_recoding(seed: int) -> None:
    rising = np.cumsum(np.random.default_rng(seed).uniform(0.01, 1, 256))
    found = classical.recode_tree(toy_draw(seed % 97), rising, seed=0)
    assert found["same_splits"] == found["train"] == 1


def test_trees_do_see_a_fold() -> None:
    fold = np.abs(np.arange(256) - 128.3)
    assert classical.recode_tree(toy_draw(2), fold, seed=0)["same_splits"] == 0


@pytest.mark.parametrize(("pixels", "copies", "drawn"), [(10, 3, 5), (144, 3, 20), (7, 2, 14)])
def test_distinct_pixels_by_counting(pixels: int, copies: int, drawn: int) -> None:
    total = pixels * copies
    expected = pixels * (1 - comb(total - copies, drawn) / comb(total, drawn))
    if drawn < total:
        assert np.isclose(classical.distinct_pixels(pixels, copies, drawn), expected)
    rng = np.random.default_rng(0)
    seen = [len(set(rng.permutation(total)[:drawn] % pixels)) for _ in range(2000)]
    assert abs(np.mean(seen) - expected) < 0.1


def test_the_default_forest_looks_at_the_root_of_its_features() -> None:
    data = toy_draw(3)
    rows = classical.colours_in_rows(data.train, encodings.table("gray3"))
    forest = RandomForestClassifier(2, random_state=0).fit(rows, data.train_labels)
    assert forest.estimators_[0].max_features_ == int(np.sqrt(3 * 16))
