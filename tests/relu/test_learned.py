"""Maps trained side by side, and distances of knots."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.relu.learned import (
    _random_edges,
    bands,
    chance_as_near,
    knot_distance,
    learn_knots,
    train,
    vertices,
)
from analysis.relu.piecewise import ReLUColormap


def test_distance_of_knots() -> None:
    assert knot_distance([[300, -20]], [0, 255]).tolist() == [0.0]
    assert knot_distance([100, 10], [20, 100]) == 5
    # one uniform knot lies within 25.5 levels of the middle in a fifth of all draws
    assert chance_as_near([102.0], [127.5], seed=0) == pytest.approx(0.2, abs=0.01)


def test_runs_side_by_side_do_not_meet() -> None:
    start = ReLUColormap((80.0, 160.0), np.linspace(0, 1, 12).reshape(4, 3), 0.0)
    places, colours = vertices(start, 2, 2, np.random.default_rng(0))
    args = (
        places,
        colours,
        np.ones((2, 3, 3)),
        bands(np.array([[60.0, 120], [90, 200]])),
    )
    flags = (np.ones(2, bool), np.ones(2, bool))
    both = train(*args, *flags, 30, 0.01)
    alone = train(*(a[1:] for a in args), *(f[1:] for f in flags), 30, 0.01)
    assert both[2][1] == pytest.approx(alone[2][0], rel=1e-4)


def test_three_random_bands_are_wide_enough() -> None:
    edges = _random_edges(500, np.random.default_rng(0))
    widths = np.diff(np.c_[np.zeros(500), edges, np.full(500, 256)], axis=1)
    assert widths.min() >= 26
    assert (bands(edges).sum(1) == widths).all()


def test_learned_knots_are_paired_and_repeatable() -> None:
    start = ReLUColormap((80.0, 160.0), np.linspace(0, 1, 12).reshape(4, 3), 0.0)
    first, again = (learn_knots(start, runs=3, steps=40, seed=1) for _ in range(2))
    assert len(first) == 12
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.knots, b.knots)
        assert np.array_equal(a.late, b.late)
        if not a.trained:
            assert np.abs(a.knots - a.first).max() < 1e-4
    trained = next(a for a in first if a.trained)
    assert np.abs(trained.knots - trained.first).max() > 1
    assert (trained.late < trained.early).all()
