"""Frozen nets are probed and others trained, once each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analysis.pretrained import efficientnet, photographs, probes, transfer
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.transfer import Arm, Descent, Task

RNG = np.random.default_rng(0)
SHORT = Descent(steps=2, batch=8, rate=3e-3)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "_cache_folder", lambda: tmp_path / "features")


def small_task(count: int = 24, classes: int = 3) -> Task:
    labels = np.arange(count) % classes
    db = RNG.normal(size=(count, 32, 30)).astype(np.float32) * 3 - 60
    for i, label in enumerate(labels):
        db[i, 4 + 8 * label : 8 + 8 * label] += 40
    return Task("instruments", db, labels, classes, np.arange(count) // 3 % 5 - 1)


def test_a_probe_finds_what_is_there_and_nothing_else() -> None:
    task = small_task(120)
    features = task.goals + 0.1 * RNG.normal(size=task.goals.shape)
    assert transfer.probe(probes.feature_kernel(features, task.core), task).test.min() == 1
    noise = RNG.normal(size=(120, 40))
    nothing = transfer.probe(probes.feature_kernel(noise, task.core), task)
    assert nothing.test.mean() < 0.5


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


def test_part_of_a_task_keeps_all_folds() -> None:
    task = small_task(36)
    part = task.part(18)
    assert len(part.db) == 18
    assert np.bincount(part.fold + 1).max() - 1 <= np.bincount(task.fold + 1).max() / 2
    assert set(part.fold) == set(task.fold)


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
    assert first[1] > 0.5


def refuse(*_: object) -> None:
    raise AssertionError("made again")


def test_trained_nets_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(seed: int) -> pd.DataFrame:
        arms = [Arm(Net("random"), "gray3", "own"), Arm(Net(stem="sum"), "raw", "own")]
        how = {"executor": "serial", "store": tmp_path}
        return transfer.trained(small, arms, 2, 32, SHORT, seed, "cpu", **how)

    small = small_task()
    first = train(0)
    assert first.fold.tolist() == [0, 1, 0, 1]
    monkeypatch.setattr(transfer, "train_net", refuse)
    pd.testing.assert_frame_equal(first, train(0))
    with pytest.raises(AssertionError, match="made again"):
        train(1)


def test_frozen_arms_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        arms = [Arm(Net(), "viridis", "unit"), Arm(Net("random"), "gray3", "own", ("stem", "head"))]
        how = {"executor": "serial", "store": tmp_path}
        return transfer.frozen(small, arms, seen, 32, seed, "cpu", **how)

    small = small_task()
    squares = efficientnet.network_input(photographs.squares(8, 32, 1))
    seen = transfer.head(Net(), squares, "cpu")
    first, far = probe(0)
    assert first["tap"].unique().tolist() == ["head", "stem", transfer.ALL]
    assert far.encoding.tolist() == ["viridis"]
    assert (far.distance > 0).all()
    monkeypatch.setattr(transfer, "look", refuse)
    for kept, made in zip(probe(0), (first, far), strict=True):
        pd.testing.assert_frame_equal(kept, made)
    with pytest.raises(AssertionError, match="made again"):
        probe(1)
