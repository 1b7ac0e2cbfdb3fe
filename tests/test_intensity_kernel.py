"""Kernels against quadrature and autograd; dynamics against exponentials and real training."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.optimize import brentq

from analysis import intensity_kernel as ik
from analysis.sound.encodings import scaled_table, table

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
    assert ik.arc_cosine(np.array(theta), 0) == pytest.approx(2 * order_0)
    assert ik.arc_cosine(np.array(theta), 1) == pytest.approx(2 * 2 * product(1), abs=1e-9)


def test_angle_keeps_its_digits_where_it_is_tiny():
    u = np.array([[1.0, 0.0], [math.cos(1e-9), math.sin(1e-9)]])
    assert ik.angle(u)[0, 1] == pytest.approx(1e-9, rel=1e-6)
    assert ik.angle(u)[0, 0] == 0


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
    exact = ik.ntk(POINTS, bias)
    errors = [
        np.mean(
            [distance(autograd_kernel(POINTS, s, n, bias=bias).sum(0), exact) for s in range(4)]
        )
        for n in (1_000, 100_000)
    ]
    assert errors[1] < 0.01
    assert 4 < errors[0] / errors[1] < 25  # like 1/√n: a factor 10


def test_kernel_of_a_deeper_wide_net():
    exact = ik.ntk(POINTS, hidden_layers=2)
    mean = np.mean([autograd_kernel(POINTS, s, 700, hidden=2).sum(0) for s in range(8)], axis=0)
    assert distance(mean, exact) < 0.04


def test_rates_of_the_standard_parametrisation():
    width, bias = 20_000, 0.5
    parts = autograd_kernel(POINTS, 0, width, bias=bias, standard=True)
    rates = ik.Rates.standard(width, 3, bias)
    chosen = [
        ik.Rates(rates.weights, 0, 0),
        ik.Rates(0, rates.bias, 0),
        ik.Rates(0, 0, rates.output),
    ]
    for part, only in zip(parts, chosen, strict=True):
        assert distance(part, ik.ntk(POINTS, bias, rates=only)) < 0.06


@pytest.mark.parametrize("hidden", [1, 2, 3])
@pytest.mark.parametrize("name", ["gray8", "viridis", "hsv", "fourier", "shuffled"])
def test_kernels_are_symmetric_and_positive(name, hidden):
    kernel = ik.ntk(scaled_table(name, "equal_energy"), hidden_layers=hidden)
    assert np.array_equal(kernel, kernel.T)
    values = np.linalg.eigvalsh(kernel)
    assert values.min() > -1e-12 * values.max()


def test_kernel_sees_neither_rotation_nor_copies_nor_order():
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    assert ik.ntk(POINTS @ rotation) == pytest.approx(ik.ntk(POINTS))
    assert ik.ntk(np.tile(POINTS, (1, 3))) == pytest.approx(ik.ntk(POINTS))
    order = np.random.default_rng(2).permutation(7)
    assert ik.ntk(POINTS[order]) == pytest.approx(ik.ntk(POINTS)[np.ix_(order, order)])


@pytest.mark.parametrize(
    "name", ["gray3", "autumn", "spring", "summer", "winter", "cool", "binary"]
)
def test_a_straight_colormap_is_gray_to_the_network(name):
    gray = ik.ntk(scaled_table(ik.GRAY, "equal_energy"))
    kernel = ik.ntk(scaled_table(name, "equal_energy"))
    assert min(np.abs(kernel - gray).max(), np.abs(kernel - gray[::-1, ::-1]).max()) < 1e-9


def test_spectrum_rebuilds_the_kernel_and_shares_sum_to_one():
    kernel = ik.ntk(POINTS)
    found = ik.spectrum(kernel)
    assert (np.diff(found.values) <= 0).all()
    assert found.vectors * found.values @ found.vectors.T == pytest.approx(kernel / 7)
    assert found.shares(np.arange(7.0)).sum() == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(some.integers(0, 1000), some.floats(0.1, 0.9))
def test_time_to_is_where_the_matrix_exponential_crosses(seed, residual):
    rng = np.random.default_rng(seed)
    kernel, y = ik.ntk(rng.normal(size=(5, 2))), rng.normal(size=5)

    def excess(log_time):
        left = expm(-kernel / 5 * math.exp(log_time)) @ y
        return left @ left / (y @ y) - residual

    expected = math.exp(brentq(excess, -12, 12))
    assert ik.time_to(ik.spectrum(kernel), y, residual) == pytest.approx(expected, rel=1e-6)


def test_time_scales_with_the_kernel_not_with_the_target():
    found, double = ik.spectrum(ik.ntk(POINTS)), ik.spectrum(2 * ik.ntk(POINTS))
    y = np.arange(7.0) - 3
    assert ik.time_to(found, 5 * y) == pytest.approx(ik.time_to(found, y))
    assert ik.time_to(double, y) == pytest.approx(ik.time_to(found, y) / 2)


def test_levels_of_one_colour_are_never_told_apart():
    merged = ik.spectrum(ik.ntk([[0.0], [1.0], [1.0]]))
    assert ik.time_to(merged, [0.0, 1.0, -1.0]) == np.inf
    assert ik.time_to(merged, [-1.0, 0.5, 0.5]) < np.inf


@pytest.mark.parametrize("name", ik.TARGETS)
def test_targets(name):
    y = ik.target(name)
    assert y.mean() == pytest.approx(0, abs=1e-12)
    assert (y**2).mean() == pytest.approx(1)
    assert (np.diff(y) != 0).sum() == ik.TARGETS[name] - 1
    assert y[0] < 0


def test_band_is_on_where_it_says():
    y = ik.band(10, 12)
    assert list(np.flatnonzero(y > 0)) == [10, 11, 12]
    assert ik.band_map("viridis", step=64).shape == (9, 4)


def plain_gradient_descent(x, y, width, seed, rate, limit):
    """The same net by autograd, one step after the other."""
    w, a = (p[0].double() for p in ik._start([seed], x.shape[1], width))
    u = torch.tensor(np.column_stack([x / np.sqrt(x.shape[1]), np.ones(len(x))]))
    goal, gain = torch.tensor(y), math.sqrt(2 / width)
    w.requires_grad_()
    a.requires_grad_()
    start = (gain * (u @ w).relu() @ a)[:, 0].detach()
    before = 0.0
    for step in range(int(limit / rate)):
        error = (gain * (u @ w).relu() @ a)[:, 0] - start - goal
        now = math.log(float((error**2).mean().detach() / (goal**2).mean()))
        if now <= math.log(ik.RESIDUAL):
            return rate * (step - 1 + (math.log(ik.RESIDUAL) - before) / (now - before))
        before = now
        for p, g in zip((w, a), torch.autograd.grad((error**2).mean() / 2, (w, a)), strict=True):
            p.data -= rate * g
    return math.inf


@pytest.mark.parametrize("amplitude", [1.0, ik.LAZY])
@pytest.mark.parametrize("name", ["gray8", "turbo"])
def test_training_is_gradient_descent(name, amplitude):
    x, y = scaled_table(name, "equal_energy"), amplitude * ik.target("threshold")
    found = ik.train(x, y, width=40, seeds=[3, 4], rate=0.05, limit=30.0)
    expected = [plain_gradient_descent(x, y, 40, seed, 0.05, 30.0) for seed in (3, 4)]
    assert found == pytest.approx(expected, rel=1e-3)


def test_batched_networks_are_the_networks_alone():
    x, y = scaled_table("viridis", "equal_energy"), ik.target("band")
    common = {"width": 30, "rate": 0.2, "limit": 60.0}
    together = ik.train(x, y, seeds=[0, 1, 2], **common)
    alone = [ik.train(x, y, seeds=[s], **common)[0] for s in range(3)]
    assert together == pytest.approx(alone, rel=1e-3)


def test_lazy_training_takes_the_predicted_time():
    x, y = scaled_table("turbo", "equal_energy"), ik.LAZY * ik.target("band")
    predicted = float(ik.time_to(ik.spectrum(ik.ntk(x)), y))
    found = ik.train(x, y, width=2048, seeds=range(4), rate=predicted / 60, limit=4 * predicted)
    assert np.exp(np.log(found).mean()) == pytest.approx(predicted, rel=0.1)


def test_standard_parametrisation_trains_as_its_kernel_says():
    x, y, width = scaled_table("gray8", "equal_energy"), ik.LAZY * ik.target("threshold"), 512
    rates = ik.Rates.standard(width, 1)
    predicted = float(ik.time_to(ik.spectrum(ik.ntk(x, rates=rates)), y))
    found = ik.train(
        x, y, width=width, seeds=range(6), rate=predicted / 60, limit=4 * predicted, rates=rates
    )
    assert np.exp(np.log(found).mean()) == pytest.approx(predicted, rel=0.2)


def test_training_gives_up_at_the_limit():
    x, y = scaled_table("gray8", "equal_energy"), ik.target("four-band")
    assert ik.train(x, y, width=8, seeds=[0], rate=0.2, limit=2.0)[0] == np.inf


TINY = ik.Settings(
    seeds=2,
    width=64,
    trained=("turbo",),
    cells=(ik.Cell("equal_energy", "threshold", ik.LAZY),),
    widths=(4, 32),
    width_seeds=3,
    curves=2,
)


def test_the_experiments_have_the_documented_columns_and_repeat():
    times = ik.training_times(TINY, seed=5)
    assert len(times) == 4
    pd.testing.assert_frame_equal(times, ik.training_times(TINY, seed=5))
    ratio = ik.speed_ratios(times).iloc[0]
    assert ratio.encoding == "turbo"
    assert ratio.low <= ratio.measured <= ratio.high
    narrow = ik.finite_width(["turbo"], TINY, goal="threshold")
    assert list(narrow.width) == [4, 32]
    assert narrow.reached.between(0, 1).all()


def test_drift_starts_from_the_network_s_own_kernel():
    drift = ik.kernel_drift(["turbo"], TINY, goal="threshold").set_index("seed")
    x, y = scaled_table("turbo", "equal_energy"), ik.target("threshold")
    state = next(ik._descend(x, y, TINY.width, [0], rate=0.1))
    w, a = state.w[0].clone().requires_grad_(), state.a[0].clone().requires_grad_()
    out = math.sqrt(2 / TINY.width) * ((state.u @ w).relu() @ a)[:, 0]
    left = torch.tensor(y)  # gradient of out·r has the square length r·Θr
    gradients = torch.autograd.grad((out * left.float()).sum(), (w, a))
    expected = sum(float((g**2).sum()) for g in gradients) / float(left @ left) / 256
    assert ik._decay(state, y) == pytest.approx(expected, rel=1e-4)
    assert (drift.residual < 1).all()
    assert (drift[["start", "now"]] > 0).all(axis=None)


def test_ratios_say_where_gray_was_given_up():
    rows = [
        ("equal_energy", "band", 1.0, name, s, 10.0, time, 80.0)
        for name, time in ((ik.GRAY, np.inf), ("turbo", 4.0), ("cool", np.inf))
        for s in range(2)
    ]
    columns = ["scale", "target", "amplitude", "encoding", "seed", "predicted", "measured", "limit"]
    ratios = ik.speed_ratios(pd.DataFrame(rows, columns=columns)).set_index("encoding")
    assert ratios.measured["turbo"] == pytest.approx(20)
    assert ratios.bound["turbo"]
    assert np.isnan(ratios.measured["cool"])
    assert ratios.reached["cool"] == 0


def test_copies_and_width_change_nothing_in_the_ntk_parametrisation():
    grown = ik.growth().set_index("remedy")
    assert np.allclose(grown.loc[["copies", "wider"], ["speed", "speed_stable"]], 1)
    assert (grown.loc["wider, standard", "speed"] > 1).all()


def test_one_fourier_feature_more():
    frame = ik.fourier_speed([1, 3])
    three = frame[frame.features == 3].speed.to_numpy()
    named = ik.predicted_speed(["fourier"], "equal_energy")
    assert three == pytest.approx(named[named.encoding == "fourier"].speed.to_numpy())


def test_band_order_starts_whole():
    frame = ik.band_order(ik.spectrum(ik.ntk(scaled_table("gray8", "equal_energy"))))
    assert frame[frame["rank"] == 1].unlearned.to_numpy() == pytest.approx(np.ones(4))


def test_perception_agrees_with_known_maps():
    assert ik.perception("gray").monotonicity == pytest.approx(1)
    assert ik.perception("hsv").monotonicity < 0.05
    assert ik.perception("viridis").uniformity > 0.99 > ik.perception("gist_earth").uniformity
    there, back = ik.perception("magma"), ik.perception("magma_r")
    assert there.uniformity == pytest.approx(back.uniformity)
    assert there.monotonicity == pytest.approx(back.monotonicity)


def test_map_table_and_aliases():
    maps = ik.distinct_maps()
    assert len({table(name).tobytes() for name in maps}) == len(maps)
    assert "Greys" in maps
    assert "Grays" not in maps
    frame = ik.map_table(["gray", "viridis", "Accent"]).set_index("encoding")
    assert frame.speed["gray"] == pytest.approx(1)
    assert frame.speed["Accent"] == 0  # eight colours cannot show four bands
    assert frame.length["viridis"] > frame.length["gray"]


def speeds(**by_encoding):
    rows = [
        (name, goal, value, value, "equal_energy")
        for name, value in by_encoding.items()
        for goal in ik.TARGETS
    ]
    columns = ["encoding", "target", "speed", "speed_stable", "scale"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize(
    ("turbo", "curve", "verdict"),
    [(2.0, 1.5, "holds"), (2.0, 3.0, "holds with limits"), (1.04, 0.5, "fails")],
)
def test_verdict_on_turbo_over_jet(turbo, curve, verdict):
    cells, random = speeds(turbo=turbo, jet=1.0), speeds(**{"random-0": curve})
    assert ik.verdict_turbo_over_jet(cells, random)[0] == verdict


@pytest.mark.parametrize(("spread", "verdict"), [(5.0, "holds"), (0.1, "fails")])
def test_verdict_on_the_choice_of_colormap(spread, verdict):
    values = 1 + spread * np.linspace(0, 1, 21)
    maps = pd.DataFrame({"colours": 256, **dict.fromkeys(ik.TARGETS, values)})
    assert ik.verdict_colormap_matters(maps)[0] == verdict


@pytest.mark.parametrize(
    ("layer", "reached", "verdict"),
    [(3.0, 1.0, "holds"), (1.5, 1.0, "holds with limits"), (1.5, 0.2, "fails")],
)
def test_verdict_on_growing(layer, reached, verdict):
    grown = speeds(layer=layer, wider=1.0).rename(columns={"encoding": "remedy"})
    narrow = pd.DataFrame(
        {"encoding": ["turbo", ik.GRAY], "width": [4, 64], "reached": [0.8, reached]}
    )
    assert ik.verdict_growing_suffices(speeds(turbo=2.0), grown, narrow)[0] == verdict


@pytest.mark.parametrize(
    ("copies", "layer", "verdict"),
    [(2.0, 3.0, "holds"), (1.0, 3.0, "holds with limits"), (1.0, 1.2, "fails")],
)
def test_verdict_on_copies(copies, layer, verdict):
    grown = speeds(copies=copies, layer=layer).rename(columns={"encoding": "remedy"})
    cells = speeds(viridis=2.0, turbo=2.0, jet=1.5)
    assert ik.verdict_duplicate_or_grow(cells, grown)[0] == verdict


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ik.target("five-band"), "valid: threshold, band"),
        (lambda: ik.stretches(1), "2…256"),
        (lambda: ik.band(0, 255), "no band"),
        (lambda: ik.ntk([[0.0]], bias=0.0), "needs a bias"),
        (lambda: ik.ntk([[1.0]], hidden_layers=2, rates=ik.Rates(2.0)), "one hidden layer"),
        (lambda: ik.arc_cosine(np.zeros(1), 2), "0 or 1"),
        (lambda: ik.time_to(ik.spectrum(np.eye(2)), [1, 0], 1.5), "in \\(0, 1\\)"),
    ],
)
def test_what_is_malformed_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
