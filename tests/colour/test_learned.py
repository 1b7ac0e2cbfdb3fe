"""Distances of knots."""

from __future__ import annotations

import pytest

from analysis.colour.learned import chance_as_near, knot_distance


def test_distance_of_knots() -> None:
    assert knot_distance([[300, -20]], [0, 255]).tolist() == [0.0]
    assert knot_distance([100, 10], [20, 100]) == 5
    # one uniform knot lies within 25.5 levels of the middle in a fifth of all draws
    assert chance_as_near([102.0], [127.5], seed=0) == pytest.approx(0.2, abs=0.01)
