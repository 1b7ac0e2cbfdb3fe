"""Folds, runs and their resumption."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.audit import arms, crossvalidation, words
from analysis.audit.crossvalidation import Outcome, run
from analysis.audit.differences import accuracies, differences, learning_curve, noise_floor
from analysis.audit.folds import folds_of
from analysis.reading.untrusted import FrontEnd
from analysis.recordings.listing import DataError
from tests.audit.sets import TINY, noise
from tests.conftest import sampled


@given(st.integers(2, 6), st.integers(0, 100), st.booleans())
@settings(max_examples=30, deadline=None)
def test_folds_hold_every_class_and_cut_no_group(count: int, seed: int, grouped: bool) -> None:
    data = noise(60, 4, 0)
    if grouped:
        data = replace(data, groups=np.array([f"g{i // 5}" for i in range(60)]))
    folds = folds_of(data, count, repeat=1, seed=seed)
    assert set(folds) == set(range(count))
    for fold in range(count):
        assert set(data.labels[folds != fold]) == set(data.labels)
        assert not grouped or not set(data.groups[folds == fold]) & set(data.groups[folds != fold])


def test_folds_of_small_classes_given_splits_and_repeats() -> None:
    data = noise(20, 4, 0)
    assert folds_of(replace(data, labels=np.repeat([0, 1], [17, 3])), 5, 0, 0).max() == 2
    split = np.where(np.arange(20) < 12, "train", "test")
    given = folds_of(replace(data, split=split), 5, 0, 0)
    assert given.tolist() == [-1] * 12 + [0] * 8
    assert (folds_of(data, 5, 0, 0) != folds_of(data, 5, 1, 0)).any()
    assert (folds_of(data, 5, 0, 0) == folds_of(data, 5, 0, 0)).all()


def test_a_given_split_is_kept_and_a_bad_one_refused() -> None:
    split = np.where(np.arange(48) < 32, "train", "test")
    plan = replace(TINY, shares=())
    data = replace(noise(48, 8, 0), split=split)
    found = run(data, plan, executor="serial", parts=("encodings",))
    assert np.isnan(found.hits("small", "raw")[:, :32]).all()
    assert np.isfinite(found.hits("small", "raw")[:, 32:]).all()
    differences(found)
    with pytest.raises(DataError, match="'class 1' is in the training split"):
        run(replace(data, split=np.where(data.labels == 0, "train", "test")), plan)
    with pytest.raises(DataError, match="in the test split"):
        run(replace(data, split=np.full(48, "train")), plan)


def test_an_interrupted_run_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    real, done = crossvalidation._train_unit, []

    def dying(*arguments: Any) -> dict[str, Any]:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(arguments[1])
        return real(*arguments)

    data = noise(48, 8, 0)
    monkeypatch.setattr(crossvalidation, "_train_unit", dying)
    with pytest.raises(KeyboardInterrupt):
        run(data, TINY, executor="serial", store=tmp_path)
    progress = json.loads((tmp_path / "progress.json").read_text())
    entries = sum(len(unit.entries) for unit in done[2:])  # the two units before tune the rates
    assert progress["what"] == "networks" and progress["seconds_left"] > 0
    assert 0 < progress["done"] == entries < progress["total"]
    finished = sorted((tmp_path / "runs").iterdir())
    assert len(finished) == 4
    finished[0].write_bytes(b"half a file")
    monkeypatch.setattr(crossvalidation, "_train_unit", lambda *a: done.append(a[1]) or real(*a))
    again = run(data, TINY, executor="serial", store=tmp_path)
    units = 2 + TINY.folds * TINY.repeats * 3
    assert len(done) == units + 1  # the damaged one twice, no other
    assert len(list((tmp_path / "runs").iterdir())) == units
    progress = json.loads((tmp_path / "progress.json").read_text())
    assert progress["done"] == progress["total"] and progress["seconds_left"] == 0
    for part, guessed in outcome.predicted.items():
        np.testing.assert_array_equal(again.predicted[part], guessed)


def test_what_is_not_begun_in_time_is_told_and_made_up_for(
    tmp_path: Path, outcome: Outcome
) -> None:
    data = noise(48, 8, 0)
    found = run(data, TINY, executor="serial", store=tmp_path, until=time.time() - 1)
    assert "when 1 of the 4 rounds" in found.data.notes[0]
    assert found.folds.shape == (1, 48) and set(found.folds[0]) == {-1, 0}
    np.testing.assert_array_equal(found.folds[0] == 0, outcome.folds[0] == 0)
    tested = found.folds[0] == 0
    for part, guessed in found.predicted.items():
        np.testing.assert_array_equal(guessed[:, 0, tested], outcome.predicted[part][:, 0, tested])
        assert (guessed[:, 0, ~tested] == -2).all()
    drawn = differences(found)
    assert all(np.isfinite(one.interval.estimate) for one in drawn)
    assert accuracies(found, drawn).test.notna().all()
    assert learning_curve(found).test.notna().all() and np.isfinite(noise_floor(found))
    again = run(data, TINY, executor="serial", store=tmp_path)
    assert again.data.notes == data.notes
    for part, guessed in outcome.predicted.items():
        np.testing.assert_array_equal(again.predicted[part], guessed)


@pytest.mark.parametrize("slower", sampled([1, 3], 3))
def test_a_budget_is_kept_on_a_machine_that_becomes_busy(
    monkeypatch: pytest.MonkeyPatch, slower: int
) -> None:
    """A clock that a unit moves on by its networks, and faster from the fourth unit on."""
    clock, done = SimpleNamespace(now=0.0, time=lambda: clock.now), []
    real = crossvalidation._train_unit

    def timed(*arguments: Any) -> dict[str, Any]:
        done.append(len(arguments[1].entries))
        clock.now += done[-1] * (slower if len(done) > 3 else 1)
        return real(*arguments)

    monkeypatch.setattr(crossvalidation, "_train_unit", timed)
    monkeypatch.setattr(crossvalidation, "time", clock)
    plan = replace(TINY, folds=2, repeats=3, steps=2)
    nets = 2 * (5 + 2) + 64  # of a round
    needed = 2 * 4 * 3 + nets * slower  # the learning rates, and the first round
    limit = needed + 3.5 * nets
    found = run(noise(24, 8, 0), plan, executor="serial", until=limit)
    assert clock.now <= limit
    assert limit - clock.now <= 64 * slower  # no time is given away, but for what would be late
    rounds = sum(len(set(one) - {-1}) for one in found.folds)
    assert f"when {rounds} of the 6 rounds" in found.data.notes[0]
    assert rounds == (4 if slower == 1 else 2)


@pytest.mark.slow
def test_processes_change_nothing(outcome: Outcome) -> None:
    plan = replace(TINY, repeats=1)
    ways = [
        run(noise(48, 8, 0), plan, executor=name, jobs=2, parts=("encodings",))
        for name in ("serial", "loky")
    ]
    for part in ("small", "limited"):
        np.testing.assert_array_equal(ways[0].predicted[part], ways[1].predicted[part])
        np.testing.assert_array_equal(ways[0].predicted[part][:, 0], outcome.predicted[part][:, 0])


def test_what_run_refuses() -> None:
    with pytest.raises(ValueError, match="executor must be"):
        run(noise(20, 8, 0), TINY, executor="threads")
    with pytest.raises(ValueError, match="did you mean virid"):
        run(noise(20, 8, 0), TINY, colormap="virids")


def test_pictures_as_saved_are_compared_with_recovered_levels() -> None:
    data = noise(40, 8, 0)
    planes = np.random.default_rng(0).random((40, 4, 8, 8)).astype(np.float32)
    front = FrontEnd("images", source=(8, 8), size=(8, 8), colormap="viridis")
    data = replace(data, planes=planes, front=front, decibels=False, share_on_map=0.99)
    assert "saved" in arms.arms_of(data, TINY, "viridis")
    plan = replace(TINY, repeats=1, shares=())
    found = run(data, plan, executor="serial", parts=("encodings",))
    assert ("saved", 1.0) in found.entries["small"]
    assert "viridis, which explains 99.0\N{NO-BREAK SPACE}% of" in words._told_of_pictures(data)
