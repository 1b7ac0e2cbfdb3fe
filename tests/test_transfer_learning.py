from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.linear_model import Ridge

from analysis import transfer_learning as tl
from analysis.nets import efficientnet, training
from analysis.nets.efficientnet import Net
from analysis.sound import steps

RNG = np.random.default_rng(0)
NOISE = np.random.default_rng(1).normal(scale=0.003, size=(40, 10))

TINY = replace(
    tl.SETTINGS["quick"],
    tasks=("chirps",),
    side=32,
    clips=36,
    folds=4,
    crops=8,
    step_clips=24,
    step_side=40,
    step_size=32,
    training=tl.Training(("chirps",), ("gray3", "raw"), ("own", "unit"), 2, 2, 8, 3e-3, 32),
)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "_cache_folder", lambda: tmp_path / "features")


def small_task(count: int = 24, classes: int = 3) -> tl.Task:
    labels = np.arange(count) % classes
    db = RNG.normal(size=(count, 32, 30)).astype(np.float32) * 3 - 60
    for i, label in enumerate(labels):
        db[i, 4 + 8 * label : 8 + 8 * label] += 40
    return tl.Task("instruments", db, labels, classes, np.arange(count) // 3 % 5 - 1)


# --- the probe -------------------------------------------------------------------------------


def refit(x: np.ndarray, y: np.ndarray, fold: np.ndarray, penalties: tuple[float, ...]):
    """Nested choice of the penalty and prediction, by fitting every regression anew."""
    test = np.full_like(y, np.nan)
    chosen = {}
    for k in range(fold.max() + 1):
        kept = fold != k
        losses = []
        for penalty in penalties:
            loss = 0.0
            for j in range(fold.max() + 1):
                if j == k:
                    continue
                own = kept & (fold != j)
                model = Ridge(penalty).fit(x[own], y[own])
                loss += (
                    (model.predict(x[fold == j]).reshape(-1, y.shape[1]) - y[fold == j]) ** 2
                ).sum()
            losses.append(loss)
        chosen[k] = penalties[int(np.argmin(losses))]
        model = Ridge(chosen[k]).fit(x[kept], y[kept])
        test[fold == k] = model.predict(x[fold == k]).reshape(-1, y.shape[1])
        train = model.predict(x[kept]).reshape(-1, y.shape[1])
    return test, train, chosen


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), features=st.integers(1, 30), outputs=st.integers(1, 3))
def test_leaving_folds_out_is_refitting(seed: int, features: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(23, features))
    y = x[:, :1] + rng.normal(size=(23, outputs))
    fold = rng.permutation(np.arange(23) % 5 - 1)
    penalties = (0.03, 1.0, 20.0)
    found = tl.leave_fold_out(x @ x.T, y, fold, penalties)
    test, train, chosen = refit(x, y, fold, penalties)
    assert found.penalty == chosen
    np.testing.assert_allclose(found.test, test, atol=1e-7)
    np.testing.assert_allclose(found.train[3][fold != 3], train, atol=1e-7)
    assert np.isnan(found.train[3][fold == 3]).all()


def test_kernels() -> None:
    x = RNG.normal(size=(30, 8)) + 5
    core = np.arange(30) < 12
    linear, gaussian = (tl.kernel_of(x, core, kind) for kind in ("linear", "gaussian"))
    assert linear.diagonal().mean() == pytest.approx(1)
    centred = x - x[core].mean(0)
    np.testing.assert_allclose(linear * (centred**2).sum(1).mean(), centred @ centred.T)
    np.testing.assert_allclose(gaussian.diagonal(), 1)
    inside = gaussian[np.ix_(core, core)][~np.eye(12, dtype=bool)]
    assert np.median(inside) == pytest.approx(np.exp(-1), rel=0.02)


def test_a_probe_finds_what_is_there_and_nothing_else() -> None:
    task = small_task(120)
    features = task.goals + 0.1 * RNG.normal(size=task.goals.shape)
    assert tl.probe(tl.kernel_of(features, task.core), task).test.min() == 1
    nothing = tl.probe(tl.kernel_of(RNG.normal(size=(120, 40)), task.core), task)
    assert nothing.test.mean() < 0.5


# --- data ------------------------------------------------------------------------------------


def test_groups_are_never_divided_and_classes_are_spread() -> None:
    groups = np.repeat([f"g{i:02d}" for i in range(36)], 3)
    labels = np.repeat(np.arange(36) % 3, 3)
    fold = tl.deal(groups, labels, folds=4, seed=0)
    table = pd.DataFrame({"group": groups, "fold": fold, "label": labels})
    assert table.groupby("group").fold.nunique().max() == 1
    assert (table.groupby("fold").label.nunique() == 3).all()
    assert set(fold) == {-1, 0, 1, 2, 3}
    assert (fold == -1).mean() == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="take fewer folds"):
        tl.deal(groups, labels, folds=40, seed=0)


def test_chirps_become_pictures() -> None:
    task = tl.load_tasks(TINY)["chirps"]
    pictures = task.pictures(32)
    assert pictures.shape == (36, 32, 32)
    assert pictures[task.core].max() == 1
    assert pictures.min() >= 0
    assert task.unit == "R²"
    highest = np.argmax(task.targets[:, 1])  # ends high: at the right, the top is the brightest
    assert pictures[highest][:, -4:].mean(1).argmax() < 10


def test_part_of_a_task_keeps_all_folds() -> None:
    task = tl.load_tasks(TINY)["chirps"]
    part = task.part(18)
    assert len(part.db) == 18
    assert np.bincount(part.fold + 1).max() - 1 <= np.bincount(task.fold + 1).max() / 2
    assert set(part.fold) == set(task.fold)


def test_instruments_hold_programs_out() -> None:
    task = tl.load_tasks(replace(TINY, tasks=("instruments",), clips=72))["instruments"]
    assert task.outputs == 9
    assert task.unit == "accuracy"
    np.testing.assert_array_equal(task.goals.argmax(1), task.targets)


def test_what_nets_are_fed() -> None:
    colours = RNG.random((6, 3, 4, 4)).astype(np.float32)
    core = np.arange(6) < 4
    assert tl.fed(colours, "unit", core) is colours
    np.testing.assert_allclose(tl.fed(colours, "own", core), (255 * colours - 127) / 128, atol=1e-6)
    standard = tl.fed(colours, "standardised", core)[core]
    np.testing.assert_allclose(standard.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std((0, 2, 3)), 1, atol=1e-5)


# --- distances and stems ---------------------------------------------------------------------


def test_frechet_distance_is_the_textbooks() -> None:
    x, y = RNG.normal(size=(60, 5)), RNG.normal(size=(50, 5)) @ RNG.normal(size=(5, 5)) + 1
    c, d = np.cov(x.T), np.cov(y.T)
    mean = ((x.mean(0) - y.mean(0)) ** 2).sum()
    expected = mean + np.trace(c + d - 2 * np.real(sqrtm(c @ d)))
    assert tl.frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert tl.frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    wide = RNG.normal(size=(10, 40))  # fewer rows than features: singular
    assert tl.frechet_distance(wide, wide + 1) == pytest.approx(40)


def test_only_the_summed_stem_changes_nothing() -> None:
    table = tl.stem_changes(RNG.random((3, 32, 32)).astype(np.float32))
    worst = table.groupby("stem").change.max()
    assert worst["sum"] < 1e-3
    assert worst["average"] > 0.1
    assert worst["new"] > 0.1


# --- runs ------------------------------------------------------------------------------------


def test_training_repeats_itself_and_learns() -> None:
    task = small_task()
    inputs = tl.fed(np.repeat(task.pictures(32)[:, None], 3, axis=1), "own", task.core)
    how = replace(TINY.training, steps=8)
    state = torch.random.get_rng_state()
    first, again = (tl.train_net(Net(seed=1), inputs, task, task.fold == 0, how) for _ in range(2))
    assert first == again
    assert torch.equal(state, torch.random.get_rng_state())
    assert first[1] > 0.5


def test_trained_nets_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(TINY, training=replace(TINY.training, norms=("own",)))
    task, how = small_task(), {"executor": "serial", "store": tmp_path}
    first = tl._trained(task, small, 0, "cpu", **how)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(tl, "train_net", refuse)
    again = tl._trained(task, small, 0, "cpu", **how)
    pd.testing.assert_frame_equal(first, again)
    with pytest.raises(AssertionError, match="trained again"):
        tl._trained(task, small, 1, "cpu", **how)


def test_frozen_arms_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, how = small_task(), {"executor": "serial", "store": tmp_path}
    first, far = tl._frozen(task, TINY, 0, "cpu", **how)
    assert (far.distance > 0).all()

    def refuse(*_: object) -> None:
        raise AssertionError("probed again")

    monkeypatch.setattr(tl, "_look", refuse)
    again = tl._frozen(task, TINY, 0, "cpu", **how)
    for kept, found in zip(again, (first, far), strict=True):
        pd.testing.assert_frame_equal(kept, found)
    with pytest.raises(AssertionError, match="probed again"):
        tl._frozen(task, TINY, 1, "cpu", **how)


def test_a_run_has_every_arm_and_fold() -> None:
    outcome = tl.run(TINY, 0, executor="serial")
    runs = outcome.runs
    assert set(outcome.steps.task) == {"chirps"}
    frozen = runs[runs.training == "frozen"]
    assert (frozen.groupby([*tl._ARM, "net_seed"]).fold.nunique() == 4).all()
    assert set(runs.net) == {"imagenet", "random", "pixels"}
    assert set(frozen.norm) == set(tl.NORMS)
    trained = runs[runs.training == "trained"]
    assert len(trained) == 2 * 2 * 2 * 2  # encodings, normalisations, starts, seeds
    assert set(trained[trained.encoding == tl.ONE_CHANNEL].stem) == {"sum"}
    assert not trained.duplicated(["encoding", "norm", "net", "fold"]).any()
    assert set(outcome.distances.task) == {"photographs", "chirps"}
    far = outcome.distances.set_index(["task", "encoding", "norm"]).distance
    assert far["photographs", "other squares", "own"] < far["chirps", "gray3", "own"]
    effects = tl.colour_effects(runs)
    assert np.isfinite(effects.select_dtypes("number")).all().all()
    assert set(tl.pretraining_effects(runs).control) == set(tl.CONTROLS)
    points, ranks = tl.distance_and_score(outcome)
    assert len(points) == len(tl.ENCODINGS) * len(tl.NORMS)
    assert ranks.rho.between(-1, 1).all()


def test_the_factorial_has_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "cells", lambda: all_cells[:3] + all_cells[-2:])
    task = small_task()
    table = tl.step_runs(task, TINY)
    assert list(table) == ["task", "pretrained", *steps.STEPS, "seed", "test", "train"]
    assert len(table) == 2 * 5 * 4
    assert table.groupby(["pretrained", *steps.STEPS]).seed.nunique().eq(4).all()
    assert not table.duplicated(["pretrained", *steps.STEPS, "seed"]).any()


all_cells = steps.cells()


def test_shares_of_steps_that_add_up_are_the_steps_own() -> None:
    gains = dict(zip(tl.FACTORS, (0.2, -0.05, 0.0, 0.01, 0.03, -0.02, 0.3), strict=True))
    rows = []
    for on in steps.cells(tl.FACTORS):
        bits = {factor: int(factor in on) for factor in tl.FACTORS}
        score = 0.1 + sum(gains[factor] for factor in on)
        rows += [bits | {"seed": k, "test": score + NOISE[0, k], "train": score} for k in range(10)]
    shares = tl.step_shares(pd.DataFrame(rows).sample(frac=1, random_state=0))
    both = shares[(shares.net == "both") & (shares.score == "test")].set_index("factor")
    for factor, gain in gains.items():
        assert both.estimate[factor] == pytest.approx(gain, abs=1e-9)
    assert set(shares.net) == {"both", "pretrained", "random"}


# --- comparisons and verdicts ----------------------------------------------------------------


def made(scores: dict[tuple[str, str, str], np.ndarray], **fixed: str) -> pd.DataFrame:
    """Runs of (task, net, encoding) with given scores a fold."""
    label = {"training": "frozen", "stem": "rgb", "norm": "own", "tap": "head"}
    label |= {"probe": "linear"} | fixed
    return pd.DataFrame(
        [
            {"task": task, "net": net, "encoding": encoding, **label}
            | {"fold": k, "net_seed": 0, "test": score, "train": score + 0.1}
            for (task, net, encoding), values in scores.items()
            for k, score in enumerate(values)
        ]
    )


def test_effects_are_paired_and_decided() -> None:
    base = RNG.random(10)
    table = tl.colour_effects(
        made(
            {
                ("chirps", "imagenet", "gray3"): base,
                ("chirps", "imagenet", "viridis"): base + 0.1 + NOISE[0],
                ("chirps", "imagenet", "turbo"): base - 0.1 + NOISE[1],
                ("chirps", "imagenet", "jet"): base + NOISE[2] / 5,
            }
        )
    ).set_index("encoding")
    assert table.difference["viridis"] == pytest.approx(0.1, abs=0.005)
    assert table.decided.to_dict() == {"viridis": 1, "turbo": -1, "jet": 0}
    assert table.equivalent.to_dict() == {"viridis": False, "turbo": False, "jet": True}
    assert (table.pairs == 10).all()


def test_random_nets_are_averaged() -> None:
    one = made({("chirps", "random", "gray3"): np.zeros(10)})
    both = tl.mean_scores(pd.concat([one, one.assign(net_seed=1, test=0.2)]))
    assert len(both) == 10
    np.testing.assert_allclose(both.test, 0.1)


def effects(*ways: int, **columns: str) -> pd.DataFrame:
    """Comparisons that are better (1), worse (-1), or not decided (0) but wide."""
    table = pd.DataFrame({"decided": ways})
    table["high"] = np.where(table.decided < 0, -0.02, 0.08)
    table["low"] = np.where(table.decided > 0, 0.02, -0.08)
    label = {"task": "chirps", "encoding": "viridis"}
    return table.assign(**label | {"control": "frozen"} | columns)


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ((1, 1), "holds"), ((-1, -1), "fails"), ((1, -1), "holds with limits"),
        ((0, 0), "undecided"), ((1, 1, 0), "holds with limits"), ((1, 0, 0), "undecided"),
        ((-1, -1, 0), "fails"),
    ],
)  # fmt: skip
def test_verdicts_on_pretraining_and_on_colour(ways: tuple[int, ...], verdict: str) -> None:
    assert tl.verdict_pretraining_helps(effects(*ways)) == verdict
    assert tl.verdict_colour_helps(effects(*ways)) == verdict


def test_verdicts_look_only_at_their_own_rows() -> None:
    others = [effects(-1, task="instruments"), effects(-1, control="frozen, against the pixels")]
    assert tl.verdict_pretraining_helps(pd.concat([effects(1), *others])) == "holds"
    both = pd.concat([effects(1), effects(-1, encoding="random-curve")])
    assert tl.verdict_colour_helps(both) == "holds"
    small = effects(0).assign(high=0.009)  # surely less than the margin better
    assert tl.verdict_colour_helps(small) == "fails"


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ((-1, -1, 1), "holds"), ((-1, 1, 1), "holds with limits"), ((1, 1, 1), "fails"),
        ((1, 1, 0), "undecided"),
    ],
)  # fmt: skip
def test_verdict_on_harm(ways: tuple[int, ...], verdict: str) -> None:
    assert tl.verdict_detrimental(effects(*ways)) == verdict


def test_verdict_on_the_trivial_explanation() -> None:
    def verdict(pretrained: float, random: float) -> str:
        grays = {("chirps", net, "gray3"): 0.3 + NOISE[9] for net in ("imagenet", "random")}
        gains = {"imagenet": pretrained, "random": random}
        scores = grays | {
            ("chirps", net, colour): 0.3 + gain + NOISE[10 + i]
            for net, gain in gains.items()
            for i, colour in enumerate(tl.COLOURS)
        }
        table = tl.interactions(made(scores, tap=tl.ALL))
        return tl.verdict_explains(table)

    assert verdict(0.1, 0.0) == "holds"
    assert verdict(0.1, 0.1) == "fails"
    assert verdict(-0.1, -0.2) == "fails"
    assert verdict(0.0, 0.0) == "fails"


@pytest.mark.parametrize("profile", tl.SETTINGS)
def test_profiles_fit_together(profile: str) -> None:
    own = tl.SETTINGS[profile]
    assert own.folds >= 10
    assert own.training.seeds >= 5
    assert own.training.encodings[0] == tl.GRAY
    assert set(own.training.tasks) <= set(own.tasks) <= set(tl.TITLES)
    assert {tl.GRAY, *tl.COLOURS} <= set(own.depth_encodings) <= set(tl.ENCODINGS)
    assert "head" in own.depth_taps
    assert own.step_size < own.step_side
    assert own.step_clips <= own.clips
    assert training.Optimiser  # the order of clips is this module's
