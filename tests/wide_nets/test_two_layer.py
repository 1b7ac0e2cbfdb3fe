"""Training against autograd, and against what the kernel predicts."""

import math

import numpy as np
import pytest
import torch

from analysis.pictures.encodings import scaled_table
from analysis.wide_nets import two_layer
from analysis.wide_nets.kernels import RESIDUAL, Rates, ntk, spectrum, target, time_to

LAZY = 0.01


def plain_gradient_descent(x, y, width, seed, rate, limit):
    """The same net by autograd, one step after the other."""
    w, a = (p[0].double() for p in two_layer.start([seed], x.shape[1], width))
    u = torch.tensor(np.column_stack([x / np.sqrt(x.shape[1]), np.ones(len(x))]))
    goal, gain = torch.tensor(y), math.sqrt(2 / width)
    w.requires_grad_()
    a.requires_grad_()
    start = (gain * (u @ w).relu() @ a)[:, 0].detach()
    before = 0.0
    for step in range(int(limit / rate)):
        error = (gain * (u @ w).relu() @ a)[:, 0] - start - goal
        now = math.log(float((error**2).mean().detach() / (goal**2).mean()))
        if now <= math.log(RESIDUAL):
            return rate * (step - 1 + (math.log(RESIDUAL) - before) / (now - before))
        before = now
        for p, g in zip((w, a), torch.autograd.grad((error**2).mean() / 2, (w, a)), strict=True):
            p.data -= rate * g
    return math.inf


@pytest.mark.parametrize("amplitude", [1.0, LAZY])
@pytest.mark.parametrize("name", ["gray8", "turbo"])
def test_training_is_gradient_descent(name, amplitude):
    x, y = scaled_table(name, "equal_energy"), amplitude * target("threshold")
    found = two_layer.learning_times(x, y, width=40, seeds=[3, 4], rate=0.05, limit=30.0)
    expected = [plain_gradient_descent(x, y, 40, seed, 0.05, 30.0) for seed in (3, 4)]
    assert found == pytest.approx(expected, rel=1e-3)


def test_batched_networks_are_the_networks_alone():
    x, y = scaled_table("viridis", "equal_energy"), target("band")
    common = {"width": 30, "rate": 0.2, "limit": 60.0}
    together = two_layer.learning_times(x, y, seeds=[0, 1, 2], **common)
    alone = [two_layer.learning_times(x, y, seeds=[s], **common)[0] for s in range(3)]
    assert together == pytest.approx(alone, rel=1e-3)


def test_lazy_training_takes_the_predicted_time():
    x, y = scaled_table("turbo", "equal_energy"), LAZY * target("band")
    predicted = float(time_to(spectrum(ntk(x)), y))
    found = two_layer.learning_times(
        x, y, width=2048, seeds=range(4), rate=predicted / 60, limit=4 * predicted
    )
    assert np.exp(np.log(found).mean()) == pytest.approx(predicted, rel=0.1)


def test_standard_parametrisation_trains_as_its_kernel_says():
    x, y, width = scaled_table("gray8", "equal_energy"), LAZY * target("threshold"), 512
    rates = Rates.standard(width, 1)
    predicted = float(time_to(spectrum(ntk(x, rates=rates)), y))
    found = two_layer.learning_times(
        x, y, width=width, seeds=range(6), rate=predicted / 60, limit=4 * predicted, rates=rates
    )
    assert np.exp(np.log(found).mean()) == pytest.approx(predicted, rel=0.2)


def test_training_gives_up_at_the_limit():
    x, y = scaled_table("gray8", "equal_energy"), target("four-band")
    assert two_layer.learning_times(x, y, width=8, seeds=[0], rate=0.2, limit=2.0)[0] == np.inf


def test_a_net_s_own_kernel_is_autograd_s():
    x, y, width = scaled_table("turbo", "equal_energy"), target("threshold"), 64
    state = next(two_layer.descend(x, y, width, [0], rate=0.1))
    w, a = state.w[0].clone().requires_grad_(), state.a[0].clone().requires_grad_()
    out = math.sqrt(2 / width) * ((state.u @ w).relu() @ a)[:, 0]
    left = torch.tensor(y)  # gradient of out·r has the square length r·Θr
    gradients = torch.autograd.grad((out * left.float()).sum(), (w, a))
    expected = sum(float((g**2).sum()) for g in gradients) / float(left @ left) / 256
    assert two_layer.decay(state, y) == pytest.approx(expected, rel=1e-4)
