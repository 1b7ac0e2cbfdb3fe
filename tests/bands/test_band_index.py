"""The index against its truth on drawn levels, scikit-learn's isotonic fit, and invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some
from sklearn.isotonic import IsotonicRegression

from analysis.bands.band_index import band_index, monotone
from tests.conftest import sampled

LEVEL = np.arange(256)
THRESHOLD = np.where(LEVEL >= 128, 1.0, -1.0)
BAND = np.where((LEVEL >= 64) & (LEVEL < 192), 1.0, -1.0)


@how(max_examples=40, deadline=None)
@given(some.integers(0, 10_000), some.integers(1, 12))
def test_monotone_is_the_better_isotonic_regression(seed, size):
    rng = np.random.default_rng(seed)
    y, w = rng.normal(size=size), rng.uniform(0.1, 2, size)
    fits = [
        IsotonicRegression(increasing=up).fit_transform(LEVEL[:size], y, sample_weight=w)
        for up in (True, False)
    ]
    errors = [(w * (y - fit) ** 2).sum() for fit in fits]
    assert (w * (y - monotone(y, w)) ** 2).sum() == pytest.approx(min(errors), abs=1e-12)
    assert monotone(np.stack([y, y]), w)[1] == pytest.approx(monotone(y, w))


def drawn(pattern, count, seed, contrast=0.4, pixels=16):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    levels = np.empty((count, 1, pixels), np.int64)
    for label in (0, 1):
        often = 1 + (2 * label - 1) * contrast * pattern
        mine = labels == label
        levels[mine] = rng.choice(256, (mine.sum(), 1, pixels), p=often / often.sum())
    return levels, labels


def truth(pattern):
    g = pattern - pattern.mean()
    return 1 - (monotone(g, np.ones(256)) ** 2).sum() / (g**2).sum()


@pytest.mark.parametrize("mixture", sampled([0.0, 0.5, 1.0], 0.5))
def test_estimates_are_near_the_truth_and_intervals_cover_it(mixture):
    pattern = (1 - mixture) * THRESHOLD + mixture * BAND
    found = [band_index(*drawn(pattern, 400, seed)).index for seed in range(10)]
    assert np.mean([f.estimate for f in found]) == pytest.approx(truth(pattern), abs=0.04)
    assert (
        sum(f.low <= truth(pattern) + 0.02 and truth(pattern) - 0.02 <= f.high for f in found) > 7
    )


def test_information_is_the_explained_share():
    levels, labels = drawn(THRESHOLD, 2000, 0, contrast=0.5)
    found = band_index(levels, labels)
    assert found.information.estimate == pytest.approx(0.25, abs=0.02)  # contrast squared
    assert found.known
    nothing = band_index(levels, np.random.default_rng(0).permutation(labels))
    assert not nothing.known


@how(max_examples=10, deadline=None)
@given(some.integers(0, 1000), some.floats(0.3, 4))
def test_a_rising_relabelling_changes_nothing(seed, power):
    levels, labels = drawn(0.5 * THRESHOLD + 0.5 * BAND, 64, seed)
    first = band_index(levels, labels)
    again = band_index((levels / 255.0) ** power * 7 - 80, 5 - 3 * labels)
    assert again.index.estimate == pytest.approx(first.index.estimate)
    assert again.information.low == pytest.approx(first.information.low)


def test_a_monotone_task_stays_at_0_when_turned_over_and_a_band_stays_a_band():
    for pattern, low, high in ((THRESHOLD, -0.1, 0.1), (BAND, 0.55, 0.8)):
        levels, labels = drawn(pattern, 600, 3)
        for values in (levels, 255 - levels, np.sqrt(levels)):
            assert low < band_index(values, labels).index.estimate < high


def test_given_the_row_two_monotone_rows_make_no_band():
    """Loud at the one, soft at the other: monotone in each row, not in both together."""
    levels, labels = drawn(THRESHOLD, 600, 1)
    both = np.concatenate([levels, np.clip(levels // 2 * -1 + 255, 0, 255)], axis=1)
    assert band_index(both, labels).index.estimate < 0.1
    assert band_index(both, labels, by_row=False).index.estimate > 0.2


def test_pictures_of_a_group_are_not_counted_as_many():
    levels, labels = drawn(BAND, 64, 5, contrast=0.3)
    many, alike = np.repeat(levels, 8, 0), np.repeat(labels, 8)
    wide = band_index(many, alike, np.repeat(np.arange(64), 8).astype(str))
    once = band_index(levels, labels)
    assert wide.information.low == pytest.approx(once.information.low, abs=0.03)
    assert wide.information.high - wide.information.low > 0.01


@pytest.mark.parametrize(
    ("labels", "groups"), [([0, 0, 0, 0, 0], None), ([0, 1, 0, 1, 0], ["a", "b", "c", "a", "b"])]
)
def test_too_few_are_refused(labels, groups):
    with pytest.raises(ValueError, match="need 4 groups and 2 classes"):
        band_index(np.zeros((5, 1, 2)), labels, groups)
