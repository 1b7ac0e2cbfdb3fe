"""Margins and planes against quadratic programs and convex combinations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from analysis.colour.colormaps import lut, lut8
from analysis.planes.margins import (
    Plane,
    band_margin,
    band_margins,
    count_standing,
    grazing_azimuth,
    pattern_margins,
    plane_polygon,
    separating_plane,
)


def separable(points, pattern) -> bool:
    """Linear program: is there a plane with every point at least 1 on its side?"""
    signs = np.where(pattern, 1.0, -1.0)[:, None]
    lifted = np.column_stack([points, np.ones(len(points))])
    found = linprog(
        np.zeros(4), A_ub=-signs * lifted, b_ub=-np.ones(len(points)), bounds=[(None, None)] * 4
    )
    return bool(found.status == 0)


def hard_margin(colours, pattern) -> float:
    """Half the hulls' distance by a quadratic program over convex weights (SLSQP)."""
    a, b = colours[pattern], colours[~pattern]

    def gap(weights):
        difference = weights[: len(a)] @ a - weights[len(a) :] @ b
        return difference @ difference

    def slope(weights):
        difference = weights[: len(a)] @ a - weights[len(a) :] @ b
        return 2 * np.concatenate([a @ difference, -b @ difference])

    start = np.concatenate([np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))])
    sums = [
        {"type": "eq", "fun": lambda w: w[: len(a)].sum() - 1},
        {"type": "eq", "fun": lambda w: w[len(a) :].sum() - 1},
    ]
    bounds = [(0, 1)] * len(colours)
    options = {"ftol": 1e-16, "maxiter": 500}
    found = minimize(gap, start, jac=slope, bounds=bounds, constraints=sums, options=options)
    return math.sqrt(max(found.fun, 0)) / 2


def hull_gap(colours, pattern, plane) -> float:
    """Half the distance of two convex combinations of the points that touch the margin (NNLS)."""
    from scipy.optimize import nnls

    touching = np.abs(np.abs(plane.response(colours)) - plane.margin) < 1e-9
    signs = np.where(pattern, 1.0, -1.0)
    weight = 1e6  # the convexity of either side, as heavy rows
    rows = np.vstack([(signs[:, None] * colours).T, weight * pattern, weight * ~pattern])[
        :, touching
    ]
    weights, _ = nnls(rows, np.array([0, 0, 0, weight, weight]))
    for side in (True, False):
        chosen = pattern[touching] == side
        weights[chosen] /= weights[chosen].sum()
    return float(np.linalg.norm((signs[:, None] * colours)[touching].T @ weights)) / 2


@pytest.mark.parametrize("table", [lut8("turbo") / 255, lut("viridis"), lut("jet")])
def test_margin_is_that_of_a_quadratic_program(table):
    colours = table[::16] if len(table) > 20 else table
    for a, b in [(0, 4), (3, 7), (5, 5), (2, 13), (9, 15)]:
        level = np.arange(len(colours))
        expected = hard_margin(colours, (level >= a) & (level <= b))
        found = band_margin(colours, a, b)
        assert found == pytest.approx(expected, abs=2e-6)
        assert found <= expected + 1e-7


@given(
    st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=2, max_size=12, unique=True),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_margin_is_attained_by_the_plane_and_by_the_hulls(points, data):
    """Weak duality on both sides: a plane with that margin, and two hull points that far apart."""
    colours = np.array(points) / 255
    pattern = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(points), max_size=len(points)))
    )
    if pattern.all() or not pattern.any():
        return
    plane = separating_plane(colours, pattern)
    assert (plane is not None) == separable(np.array(points), pattern)
    if plane is None:
        return
    heights = plane.response(colours)
    assert ((heights >= 0) == pattern).all()
    assert np.abs(heights).min() == pytest.approx(plane.margin, abs=1e-12)
    assert hull_gap(colours, pattern, plane) <= plane.margin + 1e-9


@given(st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3), min_size=2, max_size=9), st.data())
@settings(max_examples=60, deadline=None)
def test_margins_of_any_floats_separate_and_are_not_exceeded(points, data):
    colours = np.array(points, float)
    pattern = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(points), max_size=len(points)))
    )
    if pattern.all() or not pattern.any():
        return
    margin = pattern_margins(colours, pattern[None])[0]
    directions = np.random.default_rng(0).normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    heights = colours @ directions.T
    found = (heights[pattern].min(0) - heights[~pattern].max(0)).max() / 2
    assert margin >= found - 1e-9
    plane = separating_plane(colours, pattern)
    if plane is not None:
        heights = plane.response(colours)
        assert np.where(pattern, heights, -heights).min() >= margin - 1e-9


def test_flat_float_colours_keep_their_margins():
    """Coplanar colours with rounding noise: no sliver of a tetrahedron may swallow the origin."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) / 3
    tilt = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0][:2]
    margins = band_margins(circle @ tilt + 0.4)
    exact = band_margins(circle)
    finite = np.isfinite(exact)
    assert np.abs(margins[finite] - exact[finite]).max() < 1e-9
    assert exact[finite].min() > 0  # on a circle every band can be cut off
    half_step = np.sin(np.pi / 40) / 3
    assert exact[0, 19] == pytest.approx(half_step * np.cos(0), abs=1e-9)


def test_band_margins_agree_with_the_single_ones_and_with_symmetry():
    for table in (lut8("jet")[::8] / 255, lut("magma")[::8]):
        margins = band_margins(table)
        for a, b in [(0, 0), (0, 9), (3, 3), (5, 20), (30, 31), (12, 31)]:
            assert margins[a, b] == pytest.approx(band_margin(table, a, b), abs=1e-12)
        assert np.isnan(margins[np.tril_indices(len(table), -1)]).all()
        assert np.isinf(margins[0, -1])
        assert np.allclose(margins[0, :-1], margins[1:, -1], atol=1e-10)  # complements
        mirrored = band_margins(table[::-1])
        assert np.allclose(margins[5, 20], mirrored[11, 26], atol=1e-10)
        assert np.allclose(band_margins(table / 3)[5, 20], margins[5, 20] / 3, atol=1e-10)


def test_gray_has_thresholds_only_and_margins_of_half_a_step():
    levels = np.arange(64)[:, None] / 63
    margins = band_margins(levels)
    a, b = np.triu_indices(64)
    touching = (a == 0) ^ (b == 63)
    assert np.allclose(margins[a[touching], b[touching]], 0.5 / 63)
    inner = (a > 0) & (b < 63)
    assert (margins[a[inner], b[inner]] == 0).all()
    assert count_standing(margins, 0.4 / 63) == 63
    tripled = band_margins(np.repeat(levels, 3, axis=1))
    assert tripled[0, 9] == pytest.approx(math.sqrt(3) * margins[0, 9], abs=1e-12)


def test_merged_levels_cannot_be_told_apart():
    colours = np.array([[0.0, 0, 0], [0.2, 0, 0], [0.2, 0, 0], [0.4, 0, 0]])
    assert band_margin(colours, 0, 1) == 0
    assert band_margin(colours, 0, 2) == pytest.approx(0.1)


def test_byte_margins_are_zero_or_above_the_stated_floor():
    margins = band_margins(lut8("viridis") / 255)
    finite = margins[np.isfinite(margins)]
    assert (finite[finite > 0] >= 1 / (2 * 255 * 3 * 255**2)).all()


def test_guard_only_widens():
    colours = lut8("turbo")[::8] / 255
    exact, guarded = band_margins(colours), band_margins(colours, guard=2)
    upper = np.triu_indices(len(colours))
    assert (guarded[upper] >= exact[upper] - 1e-12).all()
    level = np.arange(len(colours))
    fires, silent = (level >= 5) & (level <= 9), (level < 3) | (level > 11)
    kept = fires | silent
    inner = np.flatnonzero(fires[kept])
    assert guarded[5, 9] == pytest.approx(
        band_margin(colours[kept], int(inner[0]), int(inner[-1])), abs=1e-12
    )


def test_bands_outside_the_levels_are_refused():
    for a, b in [(-1, 2), (3, 2), (0, 5)]:
        with pytest.raises(ValueError, match="band needs"):
            band_margin(np.zeros((5, 3)), a, b)
    with pytest.raises(ValueError, match="finite"):
        band_margin([[np.nan], [0.0]], 0, 0)
    with pytest.raises(ValueError, match="shape"):
        band_margin([0.0, 1.0], 0, 0)


@given(st.tuples(*[st.floats(-1, 1)] * 3), st.floats(-1, 1))
def test_polygon_lies_on_the_plane_and_in_the_cube(normal, bias):
    weights = np.array(normal)
    if np.linalg.norm(weights) < 1e-3:
        return
    plane = Plane(weights / np.linalg.norm(weights), bias, 0.0)
    corners = plane_polygon(plane)
    assert len(corners) in (0, 3, 4, 5, 6)
    assert np.abs(plane.response(corners)).max(initial=0) < 1e-9
    assert ((corners >= -1e-9) & (corners <= 1 + 1e-9)).all()


def test_camera_grazes_the_plane():
    rng = np.random.default_rng(0)
    for normal in rng.normal(size=(20, 3)):
        angle = grazing_azimuth(Plane(normal / np.linalg.norm(normal), 0.0, 0.0), 18)
        assert -80 <= angle <= -10
