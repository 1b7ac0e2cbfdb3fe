"""Notes with known partials and their detectors, held to scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from analysis.sound import partials

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def random_levels(seed: int, shape: tuple[int, ...] = (24, 17)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def random_counts(seed: int, most: int = 9) -> np.ndarray:
    counts = np.random.default_rng(seed).integers(0, most, (2, 256))
    counts[:, 7] += 1
    return counts


@few
@given(seeds)
def test_average_precision_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, score = random_counts(seed), rng.integers(0, 40, 256).astype(float)
    levels = np.tile(np.arange(256), 2).repeat(counts.ravel())
    truth = np.repeat([0, 1], counts.sum(1))
    assert np.isclose(
        partials.average_precision(counts, score), average_precision_score(truth, score[levels])
    )
    precision, recall = partials.precision_recall(counts, score)
    expected = precision_recall_curve(truth, score[levels])
    np.testing.assert_allclose(precision, expected[0][-2::-1])
    np.testing.assert_allclose(recall, expected[1][-2::-1])


@few
@given(seeds)
def test_every_increasing_score_is_the_plain_threshold(seed: int) -> None:
    rising = np.cumsum(np.random.default_rng(seed).uniform(0.1, 1, 256))
    counts = random_counts(seed)
    assert partials.average_precision(counts, rising) == partials.average_precision(
        counts, np.arange(256)
    )


@few
@given(seeds)
def test_no_score_beats_the_likelihood_ratio(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = random_counts(seed)
    ratio = counts[1] / np.maximum(counts.sum(0), 1e-9)
    best = partials.average_precision(counts, ratio)
    rivals = (rng.normal(size=256), np.arange(256), ratio + rng.normal(0, 0.1, 256))
    for rival in rivals:
        assert partials.average_precision(counts, rival) <= best + 1e-12


def test_best_pointwise_finds_the_true_ratio() -> None:
    levels = np.arange(256)
    chance = 0.5 + 0.4 * np.sin(levels / 40)
    counts = np.stack([1e5 * (1 - chance), 1e5 * chance]).astype(np.int64)
    np.testing.assert_allclose(partials.best_pointwise(counts)[10:-10], chance[10:-10], atol=0.01)


def test_level_counts_needs_one_shape() -> None:
    with pytest.raises(ValueError, match="one shape"):
        partials.level_counts(np.zeros(3, np.uint8), np.zeros(4, bool))


@few
@given(st.floats(60, 900), st.floats(0, 0.02))
def test_partial_mask_is_what_it_says(f0: float, ratio: float) -> None:
    bins = np.arange(0, 4000, 7.8125)
    mask = partials.partial_mask(f0, bins, tolerance_ratio=ratio)
    order = np.arange(1, int(bins[-1] / f0) + 1)
    reach = np.maximum(7.8125, np.minimum(ratio * order * f0, f0 / 4))
    for frequency, on in zip(bins, mask, strict=True):
        assert on == (np.abs(order * f0 - frequency) <= reach + 1e-9).any()


def test_local_contrast_is_the_rise_above_the_median() -> None:
    levels = random_levels(1, (30, 4))
    rise = partials.local_contrast(levels, reach=3)
    for row, column in ((10, 0), (15, 2), (20, 3)):
        median = np.median(levels[row - 3 : row + 4, column])
        assert rise[row, column] == max(levels[row, column] - median, 0)


def test_synthetic_notes_are_determined_by_the_seed() -> None:
    one, same, other = (partials.synthetic_notes(3, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.levels, same.levels)
    assert (one.levels != other.levels).any()
    assert len(one) == 3
    for levels, truth in zip(one.levels, one.truth, strict=True):
        assert levels[truth].mean() > levels[~truth].mean() + 30


def test_rendered_notes_have_their_power_on_the_partials() -> None:
    notes = partials.rendered_notes(5, seed=3)
    assert notes.kind == "rendered"
    assert len(notes) == 5
    for levels, truth in zip(notes.levels, notes.truth, strict=True):
        assert truth.any()
        assert truth[np.unravel_index(levels.argmax(), levels.shape)]
