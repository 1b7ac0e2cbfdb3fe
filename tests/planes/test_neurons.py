"""Learning rules of step neurons against their textbook forms and torch."""

from __future__ import annotations

import numpy as np
import torch

from analysis.colour.colormaps import lut8
from analysis.planes.neurons import Tasks, logistic_epoch, perceptron_epoch, scaled


def test_perceptron_updates_are_rosenblatts():
    x = scaled(lut8("turbo") / 255)[::32]
    fires = np.arange(8) % 3 == 0
    weights, mistakes = np.zeros(4), 0
    for pixel, wanted in zip(x, fires, strict=True):
        if (pixel @ weights >= 0) != wanted:
            weights, mistakes = weights + (pixel if wanted else -pixel), mistakes + 1
    together = np.zeros((1, 4))
    task = Tasks(x[None], fires[None], np.zeros(1, int))
    assert perceptron_epoch(together, task) == mistakes
    assert np.allclose(together[0], weights)


def test_logistic_step_is_torchs():

    x = scaled(lut8("turbo") / 255)[::8]
    fires = np.arange(32) % 3 == 0
    start = np.random.default_rng(0).normal(size=4)
    weights = torch.tensor(start, requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(x) @ weights, torch.tensor(fires, dtype=torch.float64)
    )
    loss.backward()
    stepped = start[None].copy()
    logistic_epoch(stepped, Tasks(x[None], fires[None], np.zeros(1, int)))
    assert weights.grad is not None
    assert np.allclose(stepped[0], start - weights.grad.numpy())
