"""What nets are fed, and that they learn."""

from __future__ import annotations

import numpy as np
import torch

from analysis.pretrained import transfer
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.transfer import Descent, Task

RNG = np.random.default_rng(0)


def small_task(count: int = 24, classes: int = 3) -> Task:
    labels = np.arange(count) % classes
    db = RNG.normal(size=(count, 32, 30)).astype(np.float32) * 3 - 60
    for i, label in enumerate(labels):
        db[i, 4 + 8 * label : 8 + 8 * label] += 40
    return Task("instruments", db, labels, classes, np.arange(count) // 3 % 5 - 1)


def test_what_nets_are_fed() -> None:
    colours = RNG.random((6, 3, 4, 4)).astype(np.float32)
    core = np.arange(6) < 4
    assert transfer.fed(colours, "unit", core) is colours
    np.testing.assert_allclose(
        transfer.fed(colours, "own", core), (255 * colours - 127) / 128, atol=1e-6
    )
    standard = transfer.fed(colours, "standardised", core)[core]
    np.testing.assert_allclose(standard.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std((0, 2, 3)), 1, atol=1e-5)


def test_training_repeats_itself_and_learns() -> None:
    task = small_task()
    inputs = transfer.fed(np.repeat(task.pictures(32)[:, None], 3, axis=1), "own", task.core)
    how = Descent(steps=8, batch=8, rate=3e-3)
    state = torch.random.get_rng_state()
    first, again = (
        transfer.train_net(Net(seed=1), inputs, task, task.fold == 0, how) for _ in range(2)
    )
    assert first == again
    assert torch.equal(state, torch.random.get_rng_state())
    ((steps, _, train),) = first
    assert steps == how.steps
    assert train > 0.5
