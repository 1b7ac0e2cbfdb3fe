"""Counts of patterns against linear programs, Whitney numbers and brute force."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from analysis.colour.colormaps import lut, lut8
from analysis.planes.margins import pattern_margins
from analysis.planes.patterns import (
    affine_rank,
    best_agreement,
    changes,
    count_patterns,
    cover_bound,
    plane_patterns,
)

small_points = st.lists(
    st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=7
)  # a coarse grid: many repeated, collinear and coplanar points


def separable(points, pattern) -> bool:
    """Linear program: is there a plane with every point at least 1 on its side?"""
    signs = np.where(pattern, 1.0, -1.0)[:, None]
    lifted = np.column_stack([points, np.ones(len(points))])
    found = linprog(
        np.zeros(4), A_ub=-signs * lifted, b_ub=-np.ones(len(points)), bounds=[(None, None)] * 4
    )
    return bool(found.status == 0)


def brute_force(points) -> int:
    distinct = np.unique(np.asarray(points, float), axis=0)
    halves = product((False, True), repeat=len(distinct) - 1)  # up to complement
    return 2 * sum(separable(distinct, (False, *half)) for half in halves)


def whitney(points) -> int:
    """Independent count: 2 (w1 + w3) with w3 summed over planes found by their points."""
    distinct = sorted({tuple(map(int, p)) for p in points})
    n = len(distinct)
    p = np.array(distinct, dtype=object)

    def cross(u, v):
        return np.array(
            [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
        )

    lines = {
        frozenset(k for k in range(n) if not cross(p[j] - p[i], p[k] - p[i]).any())
        for i, j in combinations(range(n), 2)
    }
    planes = set()
    for i, j, k in combinations(range(n), 3):
        normal = cross(p[j] - p[i], p[k] - p[i])
        if normal.any():
            planes.add(frozenset(m for m in range(n) if (normal * (p[m] - p[i])).sum() == 0))
    full = frozenset(range(n))
    if n == 1:
        return 2
    if full in lines:
        return 2 * n
    if full in planes:
        return 2 * (1 + sum(len(line) - 1 for line in lines))
    third = sum(
        1 - len(plane) + sum(len(line) - 1 for line in lines if line <= plane) for plane in planes
    )
    return 2 * (n + third)


def best_by_brute_force(points, target) -> int:
    best = 0
    for half in product((False, True), repeat=len(points)):
        agreement = int((np.array(half) == target).sum())
        if agreement > best and separable(points, half):
            best = agreement
    return best


@given(small_points)
@settings(max_examples=40, deadline=None)
def test_count_is_that_of_linear_programs(points):
    if len(set(points)) <= 6:
        assert count_patterns(np.array(points)) == brute_force(points)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=14))
@settings(max_examples=60, deadline=None)
def test_count_is_that_of_whitney_numbers(points):
    assert count_patterns(np.array(points)) == whitney(points)


def test_count_of_degenerate_sets_is_that_of_linear_programs():
    cube = np.array(list(product((0, 1), repeat=3)))
    collinear = np.arange(6)[:, None] * [1, 2, 3]
    coplanar = np.array([[0, 0, 5], [1, 0, 5], [2, 0, 5], [0, 1, 5], [1, 1, 5], [2, 2, 5]])
    mixed = np.concatenate([collinear[:4], [[0, 0, 1], [0, 0, 1], [5, 5, 0]]])
    for points in (cube, collinear, coplanar, mixed, cube[:1], cube[:2], cube[[0, 0, 0]]):
        assert count_patterns(points) == brute_force(points)
    assert count_patterns(cube) == 104  # the threshold functions of three bits


def test_general_position_reaches_covers_bound():
    curve = np.arange(1, 40)[:, None] ** np.array([1, 2, 3])  # the moment curve
    assert count_patterns(curve) == cover_bound(39) == 2 * (39 + math.comb(39, 3))
    flat = np.column_stack([curve[:, :2], np.full(39, 7)])
    assert count_patterns(flat) == cover_bound(39, dimension=2)
    assert count_patterns(np.arange(39)[:, None]) == cover_bound(39, dimension=1) == 78


@given(small_points, st.permutations(range(3)), st.integers(1, 10**6), st.integers(-9, 9))
@settings(max_examples=60, deadline=None)
def test_count_ignores_order_scale_shift_and_shear(points, axes, scale, shear):
    array = np.array(points)
    moved = array[::-1, axes] * scale + 12_345
    moved[:, 0] += shear * moved[:, 1]
    assert count_patterns(moved) == count_patterns(array)


def test_large_coordinates_are_counted_exactly():
    points = np.random.default_rng(1).integers(0, 6, (12, 3))
    points = np.concatenate([points, [[10**9, 10**9 + 1, 7], [2 * 10**9, 2 * 10**9 + 2, 14]]])
    assert count_patterns(points) == whitney(points)
    near = np.array([[0, 0, 0], [1, 0, 0], [0, 10**9, 10**9 - 1], [0, 10**9 - 1, 10**9 - 2]])
    assert count_patterns(near) == 16  # two slopes that float64 would take for one


def test_colormaps_bytes_against_whitney_numbers():
    for name in ("viridis", "jet", "hsv", "gray"):
        points = lut8(name)[::9]
        assert count_patterns(points) == whitney(points)


def test_points_that_cannot_be_counted_are_refused():
    with pytest.raises(TypeError, match="integers"):
        count_patterns(lut("viridis"))
    with pytest.raises(ValueError, match="shape"):
        count_patterns(np.zeros((3, 4), int))
    with pytest.raises(ValueError, match="shape"):
        count_patterns(np.zeros((0, 3), int))
    with pytest.raises(ValueError, match="2\\^40"):
        count_patterns(np.array([[2**50, 0, 0]]))


@given(small_points)
@settings(max_examples=60, deadline=None)
def test_affine_rank_is_that_of_the_differences(points):
    array = np.array(points)
    assert affine_rank(array) == np.linalg.matrix_rank(array - array[0])


def test_vc_dimension_is_the_largest_shattered_set():
    for points in (lut8("viridis")[::50], lut8("gray")[::50], lut8("autumn")[::50]):
        sizes = [
            size
            for size in range(1, len(points) + 1)
            for chosen in combinations(points, size)
            if count_patterns(np.array(chosen)) == 2**size
            and len(np.unique(chosen, axis=0)) == size
        ]
        assert affine_rank(points) + 1 == max(sizes)


def test_planes_make_only_patterns_that_can_be_made():
    patterns = plane_patterns(lut8("viridis"), 300, seed=0)
    assert (pattern_margins(lut8("viridis") / 255, patterns[patterns.any(1)]) > 0).all()
    assert len(np.unique(patterns, axis=0)) == len(patterns)
    assert (plane_patterns(lut8("viridis"), 300, seed=0) == patterns).all()
    assert changes(plane_patterns(lut8("gray"), 300, seed=0)).max(initial=0) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_best_agreement_brackets_the_optimum(seed):
    rng = np.random.default_rng(seed)
    top = (3, 8, 255)[seed % 3]
    points = rng.integers(0, top, (8, 3), dtype=np.uint8)
    if seed == 3:
        points[:, 2] = points[:, 0]  # a plane
    target = rng.random(8) < 0.5
    found = best_agreement(points, target[None]).iloc[0]
    assert found.lower <= best_by_brute_force(points, target) <= found.upper
    if top == 255:
        assert found.lower == found.upper
