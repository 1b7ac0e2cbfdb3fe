"""The law against brute force, random encodings and a real net's gradients."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some

from analysis.pictures.encodings import fit_scale, scaled_table
from analysis.wide_nets import conservation
from analysis.wide_nets.kernels import ntk, spectrum, target


@how(max_examples=40, deadline=None)
@given(some.integers(0, 10_000), some.integers(1, 6), some.floats(0.1, 2), some.integers(1, 4))
def test_every_encoding_of_equal_energy_has_the_same_budget(seed, channels, bias, layers):
    x = np.random.default_rng(seed).standard_t(3, size=(20, channels))
    for scale in ("equal_energy", "standardised"):
        kernel = ntk(fit_scale(scale, x)(x), bias, layers)
        expected = conservation.budget(1.0, bias, layers)
        assert np.trace(kernel) / 20 == pytest.approx(expected, rel=1e-9)
        assert spectrum(kernel).values.sum() == pytest.approx(expected, rel=1e-9)


@how(max_examples=20, deadline=None)
@given(some.integers(0, 10_000), some.integers(1, 3))
def test_the_budget_follows_the_energy_under_any_weights_of_the_levels(seed, layers):
    rng = np.random.default_rng(seed)
    x, share = rng.normal(size=(12, 3)), rng.dirichlet(np.ones(12))
    scaled = fit_scale("equal_energy", x, weights=share)(x)
    weighted = np.sqrt(share[:, None] * share) * ntk(scaled, hidden_layers=layers)
    expected = conservation.budget(hidden_layers=layers)
    assert np.linalg.eigvalsh(weighted).sum() == pytest.approx(expected, rel=1e-9)
    energy = (x**2).sum(1) / 3
    diagonal = np.diag(ntk(x, hidden_layers=layers))
    assert diagonal == pytest.approx([conservation.budget(e, 1.0, layers) for e in energy])


def squared_gradients(x, activation, seed, width=400):
    """``|∇f(x)|²`` of a two-layer net in the NTK parametrisation, by autograd, at each point."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.tensor(x)
    count = points.shape[1]
    shapes = ((count, width), (width,), (width,))
    w, b, a = (torch.randn(s, generator=generator, dtype=points.dtype) for s in shapes)
    for p in (w, b, a):
        p.requires_grad_()
    found = []
    for point in points:
        f = math.sqrt(2 / width) * activation(point @ w / math.sqrt(count) + b) @ a
        found.append(sum(float((g**2).sum()) for g in torch.autograd.grad(f, (w, b, a))))
    return np.array(found)


def mean_and_error(name, activation, nets=60):
    x = scaled_table(name, "equal_energy")[::16]
    x = x / np.sqrt((x**2).mean())  # of equal energy on these levels
    means = [squared_gradients(x, activation, seed).mean() for seed in range(nets)]
    return np.mean(means), np.std(means, ddof=1) / math.sqrt(nets)


def test_the_law_holds_on_average_for_nets_of_finite_width():
    for name in ("gray8", "turbo", "hsv"):
        mean, error = mean_and_error(name, torch.relu)
        assert abs(mean - conservation.budget()) < 5 * error < 0.2


def test_it_does_not_hold_for_tanh():
    """``Θ(x,x) = 2 E[tanh²(z)] + 2 q E[tanh'(z)²]`` with z of variance q: not affine in q."""
    nodes, shares = np.polynomial.hermite_e.hermegauss(80)
    shares = shares / shares.sum()
    means = {}
    for name in ("gray8", "hsv"):
        x = scaled_table(name, "equal_energy")[::16]
        q = (x**2).mean(1, keepdims=True) / (x**2).mean() + 1
        value = np.tanh(np.sqrt(q) * nodes)
        means[name] = float((2 * (value**2 + q * (1 - value**2) ** 2) @ shares).mean())
        mean, error = mean_and_error(name, torch.tanh)
        assert abs(mean - means[name]) < 5 * error
    assert abs(means["gray8"] - means["hsv"]) > 0.03


def test_random_fourier_features_have_one_energy_at_every_level():
    t = np.linspace(0, 1, 256)[:, None] * np.random.default_rng(0).normal(size=5) * 9
    x = np.concatenate([np.cos(t), np.sin(t)], axis=1)
    assert np.ptp(np.diag(ntk(x))) < 1e-12


def test_fed_as_they_are_encodings_differ_in_their_budget():
    for name in ("gray8", "viridis"):
        x = scaled_table(name, "as_fed")
        energy = float((x**2).mean())
        assert np.trace(ntk(x)) / 256 == pytest.approx(conservation.budget(energy))
        assert energy < 0.5


def test_walsh_functions_are_a_basis_of_thresholds_and_bands():
    rows = conservation.walsh()
    assert np.array_equal(rows @ rows.T, 256 * np.eye(256))
    assert np.array_equal((np.diff(rows, axis=1) != 0).sum(1), np.arange(256))
    assert np.array_equal(np.abs(rows[1] @ target("threshold")), 256.0)


def test_what_some_patterns_gain_others_pay():
    table = conservation.edge_rates(["turbo", "shuffled"])
    by = table.groupby("encoding")
    assert by.rate.sum().to_numpy() == pytest.approx(conservation.budget())
    assert by.more.sum().to_numpy() == pytest.approx(0, abs=1e-9)
    own = table[table.encoding == "turbo"].set_index("edges").more
    assert own[1] < 0 < own[2]


@how(max_examples=40, deadline=None)
@given(some.integers(0, 1000), some.integers(2, 8))
def test_mixing_by_rotations_is_majorised(seed, size):
    """Schur: the diagonal of a symmetric matrix is majorised by its eigenvalues, not conversely."""
    a = np.random.default_rng(seed).normal(size=(size, size))
    matrix = a @ a.T
    values = np.linalg.eigvalsh(matrix)
    assert conservation.lead(np.diag(matrix), over=values).share == 0
    assert conservation.lead(values, over=np.diag(matrix)).share > 0


def test_leads_over_gray():
    table, gaps = conservation.leads(["gray", "cool", "turbo", "Accent"])
    table = table.set_index("encoding")
    assert (table.share[["gray", "cool"]] == 0).all()  # straight maps are gray
    assert table.share["Accent"] > 0.001  # eight colours cannot have more than eight values
    assert gaps[2].min() < -0.1  # turbo leaves the first directions less
    assert table.total.to_numpy() == pytest.approx(conservation.budget())


@pytest.mark.parametrize("arguments", [{"energy": -1.0}, {"hidden_layers": 0}])
def test_what_has_no_budget_is_refused(arguments):
    with pytest.raises(ValueError, match="need energy"):
        conservation.budget(**arguments)
