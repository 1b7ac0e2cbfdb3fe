"""The layer in front of a net, learned knots, and the verdicts' rules."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import relu_colormap
from analysis.colour.learned import train, vertices
from analysis.colour.piecewise import ReLUColormap
from analysis.evidence.statistics import Interval


@pytest.mark.parametrize("name", ["viridis", "jet"])
def test_net_on_colour_is_net_behind_the_layer_to_the_bit(name: str) -> None:
    identity = relu_colormap.network_identity(name, seed=3, steps=2)
    assert identity.exact
    assert identity.unrounded > 0
    assert identity.input_gradient < 1e-5


def test_gray_three_times_collapses() -> None:
    outputs, gradients = relu_colormap.gray_collapse(seed=1)
    assert outputs < 1e-12
    assert gradients < 1e-12


def test_costs_count_parameters() -> None:
    table = relu_colormap.costs(["jet"]).set_index("input")
    assert (table["trainable"].diff().iloc[1], table["depth"].iloc[-1]) == (2 * 8 * 9, 5)
    knots = int(table["knots"].iloc[-1])
    assert table["fixed"].iloc[-1] == 2 * (knots + 1) + 3 * (knots + 2)
    extra = table["operations"].iloc[-1] - table["operations"].iloc[-2]
    assert extra == 2 * 32 * 32 * (knots + 1) * 4


def test_three_random_bands_are_wide_enough() -> None:
    edges = relu_colormap._random_edges(500, np.random.default_rng(0))
    widths = np.diff(np.c_[np.zeros(500), edges, np.full(500, 256)], axis=1)
    assert widths.min() >= 26
    assert (relu_colormap.bands(edges).sum(1) == widths).all()


def test_learned_knots_are_paired_and_repeatable() -> None:
    start = ReLUColormap((80.0, 160.0), np.linspace(0, 1, 12).reshape(4, 3), 0.0)
    first, again = (relu_colormap.learn_knots(start, runs=3, steps=40, seed=1) for _ in range(2))
    assert len(first) == 12
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.knots, b.knots)
        assert np.array_equal(a.late, b.late)
        if not a.trained:
            assert np.abs(a.knots - a.first).max() < 1e-4
    trained = next(a for a in first if a.trained)
    assert np.abs(trained.knots - trained.first).max() > 1
    assert (trained.late < trained.early).all()


def test_runs_side_by_side_do_not_meet() -> None:
    start = ReLUColormap((80.0, 160.0), np.linspace(0, 1, 12).reshape(4, 3), 0.0)
    places, colours = vertices(start, 2, 2, np.random.default_rng(0))
    args = (
        places,
        colours,
        np.ones((2, 3, 3)),
        relu_colormap.bands(np.array([[60.0, 120], [90, 200]])),
    )
    flags = (np.ones(2, bool), np.ones(2, bool))
    both = train(*args, *flags, 30, 0.01)
    alone = train(*(a[1:] for a in args), *(f[1:] for f in flags), 30, 0.01)
    assert both[2][1] == pytest.approx(alone[2][0], rel=1e-4)


def test_verdicts_can_come_out_otherwise() -> None:
    good = relu_colormap.Identity(4, 0, 0.0, 0.0, 0.0, 1e-3, 1e-7)
    bad = relu_colormap.Identity(4, 1, 0.0, 0.0, 0.0, 1e-3, 1e-7)
    below, across = Interval(-2, -3, -1), Interval(0, -1, 1)
    assert relu_colormap.verdict_layer([3, 9], [good]) == "holds"
    assert relu_colormap.verdict_layer([3, 9], [good, bad]) == "fails"
    assert relu_colormap.verdict_depth(good, [3, 4], 0) == "holds with limits"
    assert relu_colormap.verdict_depth(good, [3, 4], 2) == "holds"
    assert relu_colormap.verdict_depth(bad, [3, 4], 0) == "fails"
    assert relu_colormap.verdict_split(0.01, below, below) == "holds"
    assert relu_colormap.verdict_split(0.5, below, across) == "holds with limits"
    assert relu_colormap.verdict_knowledge(below, below) == "holds"
    assert relu_colormap.verdict_knowledge(across, below) == "fails"
