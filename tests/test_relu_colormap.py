"""The layer in front of a net, learned knots, and the verdicts' rules."""

from __future__ import annotations

import pytest

from analysis import relu_colormap
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
