"""Segments within a tube against linear programs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from analysis.relu.tubes import Tube


def test_segments_of_a_tube_against_linear_programs() -> None:
    rng = np.random.default_rng(1)
    curve, radius = rng.normal(size=(1, 12)), 1.1
    side = Tube(curve, radius).rightwards
    for i, d in ((0, 1), (0, 4), (3, 3), (2, 6), (7, 4)):
        t = np.arange(i, i + d + 1)
        rows = np.stack([(i + d - t) / d, (t - i) / d], axis=1)
        walls = np.r_[curve[0, t] + radius, radius - curve[0, t]]

        def ends(cost: list[float], rows: np.ndarray = rows, walls: np.ndarray = walls) -> float:
            result = linprog(cost, A_ub=np.r_[rows, -rows], b_ub=walls, bounds=(None, None))
            return float(result.fun) if result.status == 0 else np.nan

        found = [
            -ends([-1, 0]), ends([1, 0]), -ends([0, -1]), ends([0, 1]),
        ]  # fmt: skip
        is_open = d <= len(side.open) and bool(side.open[d - 1, i])
        assert is_open == np.isfinite(found[0])
        if is_open:
            tables = (side.first_high, side.first_low, side.last_high, side.last_low)
            assert found == pytest.approx([table[d - 1, 0, i] for table in tables], abs=1e-6)
