"""Information in recoded levels, held to scikit-learn, SciPy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from analysis.colour import colormaps, information
from analysis.pictures import encodings

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def random_levels(seed: int, shape: tuple[int, ...] = (24, 17)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_neighbourhoods_by_brute_force() -> None:
    levels = random_levels(4, (5, 4))
    centre, around = information.neighbourhoods(levels)
    assert around.shape == (6, 8)
    for index, (i, j) in enumerate((i, j) for i in (1, 2, 3) for j in (1, 2)):
        patch = levels[i - 1 : i + 2, j - 1 : j + 2].ravel()
        assert centre[index] == patch[4]
        assert around[index].tolist() == [*patch[:4], *patch[5:]]


def test_information_is_that_of_scikit_learn_plus_the_correction() -> None:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 6, 4000)
    second = (first + rng.integers(0, 3, 4000)) % 6
    counts = np.zeros((256, 256))
    np.add.at(counts, (first, second), 1)
    cells = (counts > 0).sum()
    correction = (6 - 1 + 6 - 1 - (cells - 1)) / (2 * 4000)
    expected = (mutual_info_score(first, second) + correction) / np.log(2)
    assert np.isclose(information.neighbour_information(counts, np.arange(256)), expected)


@few
@given(seeds)
def test_renaming_levels_loses_no_information_and_merging_gains_none(seed: int) -> None:
    counts = information.neighbour_counts(
        np.sort(random_levels(seed % 1000, (60, 80)), axis=0) // 16
    )
    rng = np.random.default_rng(seed)
    whole = information.neighbour_information(counts, np.arange(256))
    assert np.isclose(information.neighbour_information(counts, rng.permutation(256)), whole)
    assert information.neighbour_information(counts, rng.integers(0, 3, 256)) <= whole + 1e-3


def test_symbols_merge_equal_colours_only() -> None:
    assert len(set(information.colour_numbers(encodings.table("viridis")))) == 256
    red = colormaps.lut8_rounded("jet")[:, 0]
    symbols = information.colour_numbers(red)
    assert ((symbols[:, None] == symbols) == (red[:, None] == red)).all()


def test_neighbour_counts_count_each_pair_once() -> None:
    assert information.neighbour_counts(random_levels(6, (7, 9))).sum() == 6 * 9 + 7 * 8


@given(hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 9)))
def test_entropy_is_scipys_plus_millers_correction(symbols: np.ndarray) -> None:
    counts = np.unique(symbols, return_counts=True)[1]
    correction = (len(counts) - 1) / (2 * len(symbols) * np.log(2))
    expected = entropy(counts, base=2) + correction
    assert information.entropy_bits(symbols) == pytest.approx(expected)


def test_audit_is_brute_force() -> None:
    table = information.audit_colormaps(["gray", "viridis", "magma", "tab10", "flag"]).set_index(
        "colormap"
    )
    assert table.loc["gray", ["distinct", "distinct_rounded"]].tolist() == [232, 256]
    assert bool(table.loc["magma", "invertible"])
    for name in table.index:
        colours = [tuple(colour) for colour in colormaps.lut8(name)]
        shared = [[i for i in range(256) if colours[i] == c] for c in set(colours)]
        best = max(min(max(abs(i - guess) for i in s) for guess in range(256)) for s in shared)
        assert table.loc[name, "worst_error"] == best
        assert table.loc[name, "distinct"] == len(shared)
        side_by_side = all(max(s) - min(s) == len(s) - 1 for s in shared)
        assert table.loc[name, "same_as_neighbour"] == side_by_side


def test_audit_has_every_colormap() -> None:
    assert information.audit_colormaps()["colormap"].tolist() == list(colormaps.names())
