"""The solver against brute force and linear programs, the layer against torch and matplotlib."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from analysis.colour.colormaps import lut, lut8, lut8_rounded
from analysis.relu.piecewise import (
    ROUNDING,
    Certificate,
    _curve,
    best_fit,
    best_fits,
    byte_exact,
    fewest_knots,
    fit_knots,
    from_segments,
)
from analysis.relu.tubes import Layers, Tube


def least_error(table: np.ndarray, knots: tuple[int, ...]) -> float:
    """Oracle: one linear program over slopes at the knots (ReLU form), all channels at once."""
    n, channels = table.shape
    t = np.arange(n)
    basis = np.stack([np.ones(n), t, *(np.maximum(t - k, 0) for k in knots)], axis=1)
    design = np.kron(np.eye(channels), basis)
    one = np.ones((len(design), 1))
    goal = table.T.reshape(-1) * 255
    result = linprog(
        np.r_[np.zeros(design.shape[1]), 1],
        A_ub=np.block([[design, -one], [-design, -one]]),
        b_ub=np.r_[goal, -goal],
        bounds=(None, None),
    )
    assert result.status == 0
    return float(result.fun)


def brute_force(table: np.ndarray, size: int) -> float:
    inner = range(1, len(table) - 1)
    return min(least_error(table, knots) for knots in combinations(inner, size))


def short_tables() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    tables = [rng.random((n, c)) for n, c in ((5, 1), (7, 2), (8, 3))]
    tables.append(np.cumsum(rng.integers(-1, 2, (9, 2)), axis=0) / 8.0)  # many ties
    tables.append(lut("turbo")[::25])
    return tables


@pytest.mark.parametrize("which", range(5))
def test_best_fit_meets_brute_force_over_all_knot_sets(which: int) -> None:
    table = short_tables()[which]
    for size in range(4):
        fit = best_fit(table, size)
        assert fit.size == size
        assert fit.error == pytest.approx(brute_force(table, size), abs=2e-6)
        assert fit.error - fit.lower_bound <= 1.01e-6
        assert np.abs(fit.table() - table).max() * 255 == pytest.approx(fit.error, abs=1e-9)
        if fit.certificate is not None:
            assert fit.certificate.check(table)


@pytest.mark.parametrize("which", range(5))
def test_fewest_knots_meets_brute_force(which: int) -> None:
    table = short_tables()[which]
    least = [brute_force(table, size) for size in range(4)]
    for size in range(3):
        between = (least[size] + least[size + 1]) / 2
        if least[size] - least[size + 1] < 1e-3:
            continue
        fit = fewest_knots(table, between)
        assert fit.size == size + 1
        assert fit.error <= between + ROUNDING
        assert fit.certificate is not None
        assert (fit.certificate.size, fit.certificate.tolerance) == (size, between)
        assert fit.certificate.check(table)


def test_a_false_certificate_does_not_stand() -> None:
    table = short_tables()[2]
    fit = best_fit(table, 2)
    assert not Certificate(2, fit.error + 1e-3, "hull").check(table)


def test_boxes_decide_where_the_relaxation_is_too_generous() -> None:
    fit = best_fits(lut("twilight"), [1, 2, 3, 4, 6], gap=0.01)
    kinds = {f.certificate.by for f in fit if f.certificate}
    assert kinds == {"hull", "boxes"}
    boxed = next(f for f in fit if f.certificate and f.certificate.by == "boxes")
    layers = Layers(Tube(_curve(lut("twilight")), boxed.lower_bound), boxed.size)
    assert not layers.refuted
    assert boxed.certificate is not None
    assert boxed.certificate.check(lut("twilight"))


@given(st.integers(0, 10_000), st.integers(5, 24), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_planted_knots_are_recovered(seed: int, levels: int, channels: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(0, min(4, levels - 2)))
    knots = np.sort(rng.choice(np.arange(1, levels - 1), size, replace=False))
    vertices = rng.random((size + 2, channels))
    t = np.arange(levels)
    table = np.stack([np.interp(t, [0, *knots, levels - 1], v) for v in vertices.T], axis=1)
    fit = fewest_knots(table, 1e-6)
    assert fit.size <= size
    assert fit.error <= 2e-6
    assert best_fit(table, size).error <= 2e-6


@given(st.integers(0, 10_000))
@settings(max_examples=4, deadline=None)
def test_error_never_rises_with_size_and_ignores_direction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = np.cumsum(rng.normal(size=(20, 2)), axis=0) / 20
    errors = [fit.error for fit in best_fits(table, range(5), gap=1e-4)]
    assert (np.diff(errors) <= 2e-4).all()
    back = [fit.error for fit in best_fits(table[::-1], range(5), gap=1e-4)]
    assert errors == pytest.approx(back, abs=2e-4)


def test_bytes_come_out_the_same_and_one_knot_fewer_cannot() -> None:
    for table in (lut8("viridis"), lut8_rounded("jet"), lut8_rounded("gray")):
        fit = byte_exact(table)
        assert np.array_equal(np.rint(fit.table() * 255).astype(np.uint8), table)
        if fit.size:
            assert fit.certificate is not None
            assert fit.certificate.size == fit.size - 1
            assert fit.certificate.check(table)
    assert byte_exact(lut8_rounded("gray")).size == 0


def test_half_a_unit_from_the_curve_is_not_the_same_bytes() -> None:
    fit = fewest_knots(lut("viridis"), 0.5)
    assert fit.error <= 0.5
    assert not np.array_equal(np.rint(fit.table() * 255), lut8_rounded("viridis"))


@pytest.mark.parametrize("name", ["jet", "hot", "cool", "bone", "copper", "gray", "spring", "hsv"])
def test_maps_of_segments_are_relu_layers(name: str) -> None:
    made = from_segments(name)
    assert made is not None
    assert np.abs(made.table() - lut(name)).max() < 1e-12
    net = made.to_torch(torch.float64)
    levels = torch.arange(256, dtype=torch.float64).reshape(1, 1, 1, 256)
    assert np.abs(net(levels)[0, :, 0].T.numpy() / 255 - lut(name)).max() < 1e-12


def test_a_jump_in_the_segment_data_is_met_on_levels() -> None:
    made = from_segments("gist_stern")
    assert made is not None
    assert made.error / 255 < 1e-12


def test_lists_and_functions_are_not_segments() -> None:
    assert from_segments("viridis") is None
    assert from_segments("cubehelix") is None


def test_torch_layer_is_fixed_and_agrees_with_the_formula() -> None:
    fit = fewest_knots(lut("magma"), 3.0)
    net = fit.to_torch()
    assert not any(p.requires_grad for p in net.parameters())
    assert sum(p.numel() for p in net.parameters()) == 2 * (fit.size + 1) + 3 * (fit.size + 2)
    levels = torch.randint(0, 256, (2, 1, 5, 7), generator=torch.Generator().manual_seed(0))
    made = net(levels.float()).permute(0, 2, 3, 1).numpy()
    assert made.shape == (2, 5, 7, 3)
    assert np.abs(made - fit(levels[:, 0].numpy()) * 255).max() < 1e-3


def test_result_survives_json() -> None:
    fit = best_fit(lut("viridis")[::16], 2)
    again = json.loads(json.dumps(fit.to_dict()))
    assert again["knots"] == list(fit.knots)
    assert np.array_equal(again["vertices"], fit.vertices)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_fit(lut("gray"), 255), "size must lie"),
        (lambda: best_fit(lut("gray"), 1, gap=0), "gap must be"),
        (lambda: best_fits(lut("gray"), [2, 1]), "must increase"),
        (lambda: fewest_knots(lut("gray"), -1), "negative"),
        (lambda: fewest_knots(np.full((4, 2), np.nan), 1), "finite"),
        (lambda: fewest_knots(np.zeros((1, 3)), 1), "shape"),
        (lambda: fit_knots(lut("gray"), [5, 5]), "increase strictly"),
    ],
)
def test_errors_say_what_is_wrong(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
