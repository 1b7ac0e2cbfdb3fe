"""Kernels against quadrature and autograd; dynamics against exponentials."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.optimize import brentq

from analysis.pictures.encodings import scaled_table
from analysis.wide_nets import kernels

POINTS = np.random.default_rng(0).normal(size=(7, 3))


@pytest.mark.parametrize("theta", [0.0, 1e-7, 0.4, math.pi / 2, 2.9, math.pi])
def test_arc_cosine_kernels_are_expectations_over_normal_weights(theta):
    """In polar coordinates, E[g] = 1/2π ∫ g dα for order 0; order 1 has E[r²] = 2 in front."""
    corners = sorted({theta - math.pi / 2, math.pi / 2})

    def product(power):
        def g(alpha):
            return (max(math.cos(alpha), 0) * max(math.cos(alpha - theta), 0)) ** power

        return quad(g, theta - math.pi / 2, math.pi / 2, points=corners)[0] / (2 * math.pi)

    order_0 = (math.pi - theta) / (2 * math.pi)  # both half planes: an arc of π - θ
    assert kernels.arc_cosine(np.array(theta), 0) == pytest.approx(2 * order_0)
    assert kernels.arc_cosine(np.array(theta), 1) == pytest.approx(2 * 2 * product(1), abs=1e-9)


def test_angle_keeps_its_digits_where_it_is_tiny():
    u = np.array([[1.0, 0.0], [math.cos(1e-9), math.sin(1e-9)]])
    assert kernels.angle(u)[0, 1] == pytest.approx(1e-9, rel=1e-6)
    assert kernels.angle(u)[0, 0] == 0


def autograd_kernel(x, seed, width, hidden=1, bias=1.0, standard=False):
    """Inner products of a real net's gradients by autograd, one matrix a parameter tensor."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.tensor(x)
    sizes = [points.shape[1], *[width] * hidden]
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        layers.append(torch.randn(fan_in, fan_out, generator=generator, dtype=points.dtype))
        layers.append(torch.randn(fan_out, generator=generator, dtype=points.dtype))
    layers.append(torch.randn(width, generator=generator, dtype=points.dtype))
    factors = []
    for k in range(hidden):
        factors += [math.sqrt((1 if k == 0 else 2) / sizes[k]), bias]
    factors.append(math.sqrt(2 / width))
    if standard:  # the factors move into the initial values
        layers = [p * f for p, f in zip(layers, factors, strict=True)]
        factors = [1.0] * len(layers)
    for p in layers:
        p.requires_grad_()
    rows = []
    for point in points:
        h = point
        for k in range(hidden):
            w, b = (factors[j] * layers[j] for j in (2 * k, 2 * k + 1))
            h = (h @ w + b).relu()
        gradients = torch.autograd.grad(factors[-1] * (h @ layers[-1]), layers)
        rows.append([g.reshape(-1) for g in gradients])
    parts = [torch.stack(part) for part in zip(*rows, strict=True)]
    return np.stack([(part @ part.T).numpy() for part in parts])


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("bias", [0.3, 1.0])
def test_kernel_of_a_wide_net_converges_to_the_closed_form(bias):
    exact = kernels.ntk(POINTS, bias)
    errors = [
        np.mean(
            [distance(autograd_kernel(POINTS, s, n, bias=bias).sum(0), exact) for s in range(4)]
        )
        for n in (1_000, 100_000)
    ]
    assert errors[1] < 0.01
    assert 4 < errors[0] / errors[1] < 25  # like 1/√n: a factor 10


def test_kernel_of_a_deeper_wide_net():
    exact = kernels.ntk(POINTS, hidden_layers=2)
    mean = np.mean([autograd_kernel(POINTS, s, 700, hidden=2).sum(0) for s in range(8)], axis=0)
    assert distance(mean, exact) < 0.04


def test_rates_of_the_standard_parametrisation():
    width, bias = 20_000, 0.5
    parts = autograd_kernel(POINTS, 0, width, bias=bias, standard=True)
    rates = kernels.Rates.standard(width, 3, bias)
    chosen = [
        kernels.Rates(rates.weights, 0, 0),
        kernels.Rates(0, rates.bias, 0),
        kernels.Rates(0, 0, rates.output),
    ]
    for part, only in zip(parts, chosen, strict=True):
        assert distance(part, kernels.ntk(POINTS, bias, rates=only)) < 0.06


@pytest.mark.parametrize("hidden", [1, 2, 3])
@pytest.mark.parametrize("name", ["gray8", "viridis", "hsv", "fourier", "shuffled"])
def test_kernels_are_symmetric_and_positive(name, hidden):
    kernel = kernels.ntk(scaled_table(name, "equal_energy"), hidden_layers=hidden)
    assert np.array_equal(kernel, kernel.T)
    values = np.linalg.eigvalsh(kernel)
    assert values.min() > -1e-12 * values.max()


def test_kernel_sees_neither_rotation_nor_copies_nor_order():
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    assert kernels.ntk(POINTS @ rotation) == pytest.approx(kernels.ntk(POINTS))
    assert kernels.ntk(np.tile(POINTS, (1, 3))) == pytest.approx(kernels.ntk(POINTS))
    order = np.random.default_rng(2).permutation(7)
    assert kernels.ntk(POINTS[order]) == pytest.approx(kernels.ntk(POINTS)[np.ix_(order, order)])


@pytest.mark.parametrize(
    "name", ["gray3", "autumn", "spring", "summer", "winter", "cool", "binary"]
)
def test_a_straight_colormap_is_gray_to_the_network(name):
    gray = kernels.ntk(scaled_table("gray8", "equal_energy"))
    kernel = kernels.ntk(scaled_table(name, "equal_energy"))
    assert min(np.abs(kernel - gray).max(), np.abs(kernel - gray[::-1, ::-1]).max()) < 1e-9


def test_spectrum_rebuilds_the_kernel_and_shares_sum_to_one():
    kernel = kernels.ntk(POINTS)
    found = kernels.spectrum(kernel)
    assert (np.diff(found.values) <= 0).all()
    assert found.vectors * found.values @ found.vectors.T == pytest.approx(kernel / 7)
    assert found.shares(np.arange(7.0)).sum() == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(some.integers(0, 1000), some.floats(0.1, 0.9))
def test_time_to_is_where_the_matrix_exponential_crosses(seed, residual):
    rng = np.random.default_rng(seed)
    kernel, y = kernels.ntk(rng.normal(size=(5, 2))), rng.normal(size=5)

    def excess(log_time):
        left = expm(-kernel / 5 * math.exp(log_time)) @ y
        return left @ left / (y @ y) - residual

    expected = math.exp(brentq(excess, -12, 12))
    assert kernels.time_to(kernels.spectrum(kernel), y, residual) == pytest.approx(
        expected, rel=1e-6
    )


def test_time_scales_with_the_kernel_not_with_the_target():
    found, double = kernels.spectrum(kernels.ntk(POINTS)), kernels.spectrum(2 * kernels.ntk(POINTS))
    y = np.arange(7.0) - 3
    assert kernels.time_to(found, 5 * y) == pytest.approx(kernels.time_to(found, y))
    assert kernels.time_to(double, y) == pytest.approx(kernels.time_to(found, y) / 2)


def test_levels_of_one_colour_are_never_told_apart():
    merged = kernels.spectrum(kernels.ntk([[0.0], [1.0], [1.0]]))
    assert kernels.time_to(merged, [0.0, 1.0, -1.0]) == np.inf
    assert kernels.time_to(merged, [-1.0, 0.5, 0.5]) < np.inf


@pytest.mark.parametrize("name", kernels.TARGETS)
def test_targets(name):
    y = kernels.target(name)
    assert y.mean() == pytest.approx(0, abs=1e-12)
    assert (y**2).mean() == pytest.approx(1)
    assert (np.diff(y) != 0).sum() == kernels.TARGETS[name] - 1
    assert y[0] < 0


def test_band_is_on_where_it_says():
    y = kernels.band(10, 12)
    assert list(np.flatnonzero(y > 0)) == [10, 11, 12]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernels.target("five-band"), "valid: threshold, band"),
        (lambda: kernels.stretches(1), "2…256"),
        (lambda: kernels.band(0, 255), "no band"),
        (lambda: kernels.ntk([[0.0]], bias=0.0), "needs a bias"),
        (
            lambda: kernels.ntk([[1.0]], hidden_layers=2, rates=kernels.Rates(2.0)),
            "one hidden layer",
        ),
        (lambda: kernels.arc_cosine(np.zeros(1), 2), "0 or 1"),
        (lambda: kernels.time_to(kernels.spectrum(np.eye(2)), [1, 0], 1.5), "in \\(0, 1\\)"),
    ],
)
def test_what_is_malformed_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_residual_crosses_at_the_time_to_it():
    decomposed, y = kernels.spectrum(kernels.ntk(POINTS)), np.arange(7.0) - 3
    left = decomposed.residual(y, np.array([0.0, float(kernels.time_to(decomposed, y, 0.3))]))
    assert left == pytest.approx([1.0, 0.3])
