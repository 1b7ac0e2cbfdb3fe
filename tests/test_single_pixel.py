"""One step neuron on one pixel: counts, margins and nets against independent computations."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from analysis import single_pixel as sp
from analysis.colour.colormaps import lut, lut8, lut8_rounded, names

TINY = sp.Settings(seeds=2, epochs=30, planes=500, bands=4)

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


# --- counting ---


@given(small_points)
@settings(max_examples=40, deadline=None)
def test_count_is_that_of_linear_programs(points):
    if len(set(points)) <= 6:
        assert sp.count_patterns(np.array(points)) == brute_force(points)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=14))
@settings(max_examples=60, deadline=None)
def test_count_is_that_of_whitney_numbers(points):
    assert sp.count_patterns(np.array(points)) == whitney(points)


def test_count_of_degenerate_sets_is_that_of_linear_programs():
    cube = np.array(list(product((0, 1), repeat=3)))
    collinear = np.arange(6)[:, None] * [1, 2, 3]
    coplanar = np.array([[0, 0, 5], [1, 0, 5], [2, 0, 5], [0, 1, 5], [1, 1, 5], [2, 2, 5]])
    mixed = np.concatenate([collinear[:4], [[0, 0, 1], [0, 0, 1], [5, 5, 0]]])
    for points in (cube, collinear, coplanar, mixed, cube[:1], cube[:2], cube[[0, 0, 0]]):
        assert sp.count_patterns(points) == brute_force(points)
    assert sp.count_patterns(cube) == 104  # the threshold functions of three bits


def test_general_position_reaches_covers_bound():
    curve = np.arange(1, 40)[:, None] ** np.array([1, 2, 3])  # the moment curve
    assert sp.count_patterns(curve) == sp.cover_bound(39) == 2 * (39 + math.comb(39, 3))
    flat = np.column_stack([curve[:, :2], np.full(39, 7)])
    assert sp.count_patterns(flat) == sp.cover_bound(39, dimension=2)
    assert sp.count_patterns(np.arange(39)[:, None]) == sp.cover_bound(39, dimension=1) == 78


@given(small_points, st.permutations(range(3)), st.integers(1, 10**6), st.integers(-9, 9))
@settings(max_examples=60, deadline=None)
def test_count_ignores_order_scale_shift_and_shear(points, axes, scale, shear):
    array = np.array(points)
    moved = array[::-1, axes] * scale + 12_345
    moved[:, 0] += shear * moved[:, 1]
    assert sp.count_patterns(moved) == sp.count_patterns(array)


def test_large_coordinates_are_counted_exactly():
    points = np.random.default_rng(1).integers(0, 6, (12, 3))
    points = np.concatenate([points, [[10**9, 10**9 + 1, 7], [2 * 10**9, 2 * 10**9 + 2, 14]]])
    assert sp.count_patterns(points) == whitney(points)
    near = np.array([[0, 0, 0], [1, 0, 0], [0, 10**9, 10**9 - 1], [0, 10**9 - 1, 10**9 - 2]])
    assert sp.count_patterns(near) == 16  # two slopes that float64 would take for one


def test_colormaps_bytes_against_whitney_numbers():
    for name in ("viridis", "jet", "hsv", "gray"):
        points = lut8(name)[::9]
        assert sp.count_patterns(points) == whitney(points)


def test_points_that_cannot_be_counted_are_refused():
    with pytest.raises(TypeError, match="integers"):
        sp.count_patterns(lut("viridis"))
    with pytest.raises(ValueError, match="shape"):
        sp.count_patterns(np.zeros((3, 4), int))
    with pytest.raises(ValueError, match="shape"):
        sp.count_patterns(np.zeros((0, 3), int))
    with pytest.raises(ValueError, match="2\\^40"):
        sp.count_patterns(np.array([[2**50, 0, 0]]))


@given(small_points)
@settings(max_examples=60, deadline=None)
def test_affine_rank_is_that_of_the_differences(points):
    array = np.array(points)
    assert sp.affine_rank(array) == np.linalg.matrix_rank(array - array[0])


def test_vc_dimension_is_the_largest_shattered_set():
    for points in (lut8("viridis")[::50], lut8("gray")[::50], lut8("autumn")[::50]):
        sizes = [
            size
            for size in range(1, len(points) + 1)
            for chosen in combinations(points, size)
            if sp.count_patterns(np.array(chosen)) == 2**size
            and len(np.unique(chosen, axis=0)) == size
        ]
        assert sp.vc_dimension(points) == max(sizes)


def test_atlas_keeps_its_bounds_and_gray_copied_adds_nothing():
    table = sp.atlas(["gray", "autumn", "tab10", "bwr", "viridis"]).set_index("colormap")
    assert (table.patterns <= table.cover_bound).all()
    assert (table.patterns >= table.threshold_patterns).all()
    assert table.patterns["gray"] == table.threshold_patterns["gray"]
    assert table.patterns["autumn"] == table.threshold_patterns["autumn"]
    assert table.patterns["viridis"] > 1000 * table.patterns["gray"]
    copied = lut8_rounded("gray")
    assert sp.count_patterns(copied) == sp.count_patterns(copied[:, :1]) == 512
    assert len(names()) == 91


# --- margins ---


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


@pytest.mark.parametrize("table", [lut8("turbo") / 255, lut("viridis"), lut("jet")])
def test_margin_is_that_of_a_quadratic_program(table):
    colours = table[::16] if len(table) > 20 else table
    for a, b in [(0, 4), (3, 7), (5, 5), (2, 13), (9, 15)]:
        level = np.arange(len(colours))
        expected = hard_margin(colours, (level >= a) & (level <= b))
        found = sp.band_margin(colours, a, b)
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
    plane = sp.separating_plane(colours, pattern)
    assert (plane is not None) == separable(np.array(points), pattern)
    if plane is None:
        return
    heights = plane.response(colours)
    assert ((heights >= 0) == pattern).all()
    assert np.abs(heights).min() == pytest.approx(plane.margin, abs=1e-12)
    assert hull_gap(colours, pattern, plane) <= plane.margin + 1e-9


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


@given(st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3), min_size=2, max_size=9), st.data())
@settings(max_examples=60, deadline=None)
def test_margins_of_any_floats_separate_and_are_not_exceeded(points, data):
    colours = np.array(points, float)
    pattern = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(points), max_size=len(points)))
    )
    if pattern.all() or not pattern.any():
        return
    margin = sp.pattern_margins(colours, pattern[None])[0]
    directions = np.random.default_rng(0).normal(size=(500, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    heights = colours @ directions.T
    found = (heights[pattern].min(0) - heights[~pattern].max(0)).max() / 2
    assert margin >= found - 1e-9
    plane = sp.separating_plane(colours, pattern)
    if plane is not None:
        heights = plane.response(colours)
        assert np.where(pattern, heights, -heights).min() >= margin - 1e-9


def test_flat_float_colours_keep_their_margins():
    """Coplanar colours with rounding noise: no sliver of a tetrahedron may swallow the origin."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) / 3
    tilt = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0][:2]
    margins = sp.band_margins(circle @ tilt + 0.4)
    exact = sp.band_margins(circle)
    finite = np.isfinite(exact)
    assert np.abs(margins[finite] - exact[finite]).max() < 1e-9
    assert exact[finite].min() > 0  # on a circle every band can be cut off
    half_step = np.sin(np.pi / 40) / 3
    assert exact[0, 19] == pytest.approx(half_step * np.cos(0), abs=1e-9)


def test_band_margins_agree_with_the_single_ones_and_with_symmetry():
    for table in (lut8("jet")[::8] / 255, lut("magma")[::8]):
        margins = sp.band_margins(table)
        for a, b in [(0, 0), (0, 9), (3, 3), (5, 20), (30, 31), (12, 31)]:
            assert margins[a, b] == pytest.approx(sp.band_margin(table, a, b), abs=1e-12)
        assert np.isnan(margins[np.tril_indices(len(table), -1)]).all()
        assert np.isinf(margins[0, -1])
        assert np.allclose(margins[0, :-1], margins[1:, -1], atol=1e-10)  # complements
        mirrored = sp.band_margins(table[::-1])
        assert np.allclose(margins[5, 20], mirrored[11, 26], atol=1e-10)
        assert np.allclose(sp.band_margins(table / 3)[5, 20], margins[5, 20] / 3, atol=1e-10)


def test_gray_has_thresholds_only_and_margins_of_half_a_step():
    levels = np.arange(64)[:, None] / 63
    margins = sp.band_margins(levels)
    a, b = np.triu_indices(64)
    touching = (a == 0) ^ (b == 63)
    assert np.allclose(margins[a[touching], b[touching]], 0.5 / 63)
    inner = (a > 0) & (b < 63)
    assert (margins[a[inner], b[inner]] == 0).all()
    assert sp.count_standing(margins, 0.4 / 63) == 63
    tripled = sp.band_margins(np.repeat(levels, 3, axis=1))
    assert tripled[0, 9] == pytest.approx(math.sqrt(3) * margins[0, 9], abs=1e-12)


def test_merged_levels_cannot_be_told_apart():
    colours = np.array([[0.0, 0, 0], [0.2, 0, 0], [0.2, 0, 0], [0.4, 0, 0]])
    assert sp.band_margin(colours, 0, 1) == 0
    assert sp.band_margin(colours, 0, 2) == pytest.approx(0.1)


def test_byte_margins_are_zero_or_above_the_stated_floor():
    margins = sp.band_margins(lut8("viridis") / 255)
    finite = margins[np.isfinite(margins)]
    assert (finite[finite > 0] >= 1 / (2 * 255 * 3 * 255**2)).all()


def test_guard_only_widens():
    colours = lut8("turbo")[::8] / 255
    exact, guarded = sp.band_margins(colours), sp.band_margins(colours, guard=2)
    upper = np.triu_indices(len(colours))
    assert (guarded[upper] >= exact[upper] - 1e-12).all()
    level = np.arange(len(colours))
    fires, silent = (level >= 5) & (level <= 9), (level < 3) | (level > 11)
    kept = fires | silent
    inner = np.flatnonzero(fires[kept])
    assert guarded[5, 9] == pytest.approx(
        sp.band_margin(colours[kept], int(inner[0]), int(inner[-1])), abs=1e-12
    )


def test_bands_outside_the_levels_are_refused():
    for a, b in [(-1, 2), (3, 2), (0, 5)]:
        with pytest.raises(ValueError, match="band needs"):
            sp.band_margin(np.zeros((5, 3)), a, b)
    with pytest.raises(ValueError, match="finite"):
        sp.band_margin([[np.nan], [0.0]], 0, 0)
    with pytest.raises(ValueError, match="shape"):
        sp.band_margin([0.0, 1.0], 0, 0)


def test_band_and_guard_tables_count_what_the_margins_say():
    margins = {name: sp.band_margins(lut8(name) / 255) for name in ("gray", "hsv")}
    table = sp.band_table(margins).set_index("colormap")
    assert table.thresholds["gray"] == 231
    assert table.bands["gray"] == 0
    assert (table.at_least_4 <= table.at_least_1).all()
    assert (table.widest <= table.widest_step / 2 + 1e-9).all()
    assert sp.count_standing(margins["hsv"], 0.0) == 32_640
    guards = sp.guard_table(margins, [0])
    assert (guards["of"] == math.comb(255, 2)).all()
    assert guards.bands[guards.colormap == "gray"].sum() == 0


def test_attempt_is_the_best_plane_or_an_honest_failure():
    pattern = sp.TARGETS["high or low"]
    colours = lut8("viridis") / 255
    best, plane = sp.separating_plane(colours, pattern), sp.attempt(colours, pattern)
    assert best is not None
    assert plane.margin == best.margin > 0
    assert plane.bias == best.bias
    failed = sp.attempt(lut8("gray") / 255, pattern)
    assert failed.margin == 0
    assert np.linalg.norm(failed.weights) == pytest.approx(1)


# --- hidden layers ---


def test_counts_of_threshold_functions():
    assert [len(sp.threshold_functions(m)) for m in range(5)] == [2, 4, 14, 104, 1882]
    with pytest.raises(ValueError, match="inputs"):
        sp.threshold_functions(5)


def test_least_hidden_width_is_the_number_of_changes():
    patterns = (np.arange(2**6)[:, None] >> np.arange(6)) & 1
    assert (sp.least_widths(6, 4) == np.minimum(sp.changes(patterns), 5)).all()
    table = sp.width_search(5, 3)
    assert sp.verdict_width(table) == "holds"
    assert (table.patterns[table.width == 0].to_numpy() == [2, 8, 12, 8, 2]).all()


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_staircase_makes_any_pattern_with_one_neuron_a_change(pattern):
    net = sp.hidden_staircase(pattern)
    assert net(np.arange(len(pattern))).tolist() == pattern
    assert len(net.thresholds) == sp.changes(pattern)


def test_planes_make_only_patterns_that_can_be_made():
    patterns = sp.plane_patterns(lut8("viridis"), 300, seed=0)
    assert (sp.pattern_margins(lut8("viridis") / 255, patterns[patterns.any(1)]) > 0).all()
    assert len(np.unique(patterns, axis=0)) == len(patterns)
    assert (sp.plane_patterns(lut8("viridis"), 300, seed=0) == patterns).all()
    assert sp.changes(sp.plane_patterns(lut8("gray"), 300, seed=0)).max(initial=0) <= 1


def test_wiggly_patterns_are_found_with_their_margins():
    frame = sp.changes_against_margin(["hsv", "turbo"], planes=300, seed=0)
    assert set(frame.colormap) == {"hsv", "turbo"}
    assert (frame["median"] > 0).all()
    assert (frame["median"] <= frame.greatest).all()
    patterns = sp.plane_patterns(lut8("hsv"), 300, seed=0)
    number, times = np.unique(sp.changes(patterns[patterns.any(1)]), return_counts=True)
    found = frame[frame.colormap == "hsv"]
    assert (found.changes.to_numpy() == number).all()
    assert (found.patterns.to_numpy() == times).all()


def test_ripple_is_in_the_bytes_and_absent_from_gray():
    waves = sp.ripple("viridis", planes=500, seed=1)
    assert waves["most"]["bytes"] > waves["most"]["unrounded"]
    assert (sp.ripple("gray", planes=50, seed=1) == 0).all(axis=None)


# --- learning ---


def best_by_brute_force(points, target) -> int:
    best = 0
    for half in product((False, True), repeat=len(points)):
        agreement = int((np.array(half) == target).sum())
        if agreement > best and separable(points, half):
            best = agreement
    return best


@pytest.mark.parametrize("seed", range(6))
def test_best_agreement_brackets_the_optimum(seed):
    rng = np.random.default_rng(seed)
    top = (3, 8, 255)[seed % 3]
    points = rng.integers(0, top, (8, 3), dtype=np.uint8)
    if seed == 3:
        points[:, 2] = points[:, 0]  # a plane
    target = rng.random(8) < 0.5
    found = sp.best_agreement(points, target[None]).iloc[0]
    assert found.lower <= best_by_brute_force(points, target) <= found.upper
    if top == 255:
        assert found.lower == found.upper


def test_best_agreement_on_gray_is_that_of_all_thresholds():
    table = lut8_rounded("gray")
    patterns = np.concatenate(
        [np.arange(257)[:, None] <= sp._LEVEL, np.arange(257)[:, None] > sp._LEVEL]
    )
    targets = np.array(list(sp.TARGETS.values()))
    exact = (patterns[:, None] == targets).sum(-1).max(0)
    for channels in (1, 3):
        found = sp.best_agreement(table[:, :channels], targets)
        assert (found.lower == exact).all()
        assert (found.upper == exact).all()


def test_training_learns_thresholds_is_paired_and_repeats():
    frame = sp.train(["gray", "gray3", "hsv"], TINY, seed=5)
    assert len(frame) == 2 * 3 * len(sp.TARGETS) * TINY.seeds * len(sp.recorded_epochs(30))
    last = frame[(frame.epoch == 30) & (frame.target == "threshold")]
    assert last.accuracy.min() > 0.97
    hard = frame[(frame.target == "high or low") & (frame.epoch == 30)]
    mean = hard.groupby("encoding").accuracy.mean()
    assert mean["hsv"] > 0.95
    assert mean["gray"] <= 0.75 + 1e-12  # no neuron on gray gets more than 192 of 256
    assert frame.equals(sp.train(["gray", "gray3", "hsv"], TINY, seed=5))
    gains = sp.colour_gains(frame, "hsv", seed=0).set_index(["learner", "target"])
    assert (gains.low <= gains.gain).all()
    assert (gains.gain <= gains.high).all()
    assert gains.gain["perceptron", "high or low"] > 0.2
    pocket = frame[frame.learner == "perceptron"].groupby(["encoding", "target", "seed"])
    assert pocket.accuracy.apply(lambda a: a.is_monotonic_increasing).all()


def test_perceptron_updates_are_rosenblatts():
    x = sp._scaled(lut8("turbo") / 255)[::32]
    fires = np.arange(8) % 3 == 0
    weights, mistakes = np.zeros(4), 0
    for pixel, wanted in zip(x, fires, strict=True):
        if (pixel @ weights >= 0) != wanted:
            weights, mistakes = weights + (pixel if wanted else -pixel), mistakes + 1
    together = np.zeros((1, 4))
    task = sp._Task(x[None], fires[None], np.zeros(1, int))
    assert sp._perceptron_epoch(together, task) == mistakes
    assert np.allclose(together[0], weights)


def test_logistic_step_is_torchs():
    import torch

    x = sp._scaled(lut8("turbo") / 255)[::8]
    fires = np.arange(32) % 3 == 0
    start = np.random.default_rng(0).normal(size=4)
    weights = torch.tensor(start, requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(x) @ weights, torch.tensor(fires, dtype=torch.float64)
    )
    loss.backward()
    stepped = start[None].copy()
    sp._logistic_epoch(stepped, sp._Task(x[None], fires[None], np.zeros(1, int)))
    assert weights.grad is not None
    assert np.allclose(stepped[0], start - weights.grad.numpy())


def test_mistakes_stay_under_novikoffs_bound():
    frame = sp.mistakes_against_margin(lut8("hsv"), TINY, seed=0, runs=2)
    assert (frame.mistakes <= frame.bound).all()
    assert frame.learned.any()
    assert (frame.margin > 0).all()
    assert sp.mistakes_against_margin(lut8("gray"), TINY, seed=0).empty


# --- geometry and verdicts ---


@given(st.tuples(*[st.floats(-1, 1)] * 3), st.floats(-1, 1))
def test_polygon_lies_on_the_plane_and_in_the_cube(normal, bias):
    weights = np.array(normal)
    if np.linalg.norm(weights) < 1e-3:
        return
    plane = sp.Plane(weights / np.linalg.norm(weights), bias, 0.0)
    corners = sp.plane_polygon(plane)
    assert len(corners) in (0, 3, 4, 5, 6)
    assert np.abs(plane.response(corners)).max(initial=0) < 1e-9
    assert ((corners >= -1e-9) & (corners <= 1 + 1e-9)).all()


def test_camera_grazes_the_plane():
    rng = np.random.default_rng(0)
    for normal in rng.normal(size=(20, 3)):
        angle = sp.grazing_azimuth(sp.Plane(normal / np.linalg.norm(normal), 0.0, 0.0), 18)
        assert -80 <= angle <= -10


def test_verdicts_can_come_out_each_way():
    assert sp.verdict_high_or_low({"gray": 0, "a": 3, "b": 0}) == "holds with limits"
    assert sp.verdict_high_or_low({"gray": 0, "a": 0}) == "fails"
    assert sp.verdict_high_or_low({"gray": 2, "a": 5}) == "fails"
    search = sp.width_search(4, 3)
    assert sp.verdict_width(search.assign(made=0)) == "fails"
    partly = search.assign(made=np.minimum(search.made, search.patterns - 1).clip(lower=0))
    assert sp.verdict_width(partly) == "holds with limits"
    assert sp.verdict_duplication(2, 4, grown=True) == "holds"
    assert sp.verdict_duplication(2, 2, grown=False) == "fails"
    table = sp.atlas(["viridis", "autumn", "gray"])
    assert sp.verdict_redundancy(512, 512, table) == "holds with limits"
    assert sp.verdict_redundancy(512, 512, table[:1]) == "holds"
    assert sp.verdict_redundancy(512, 513, table) == "fails"
    assert sp.verdict_limited_model(512, {"a": 9}, {"a": 255}, 0) == "fails"
    assert sp.verdict_limited_model(512, {"a": 999}, {"a": 255}, 0) == "holds"
    assert sp.verdict_limited_model(512, {"a": 999}, {"a": 9}, 0) == "holds with limits"
