from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import transfer_learning as tl
from analysis.pictures import steps
from analysis.pretrained import efficientnet, transfer
from analysis.pretrained.transfer import Descent

RNG = np.random.default_rng(0)


NOISE = np.random.default_rng(1).normal(scale=0.003, size=(40, 10))


TINY = replace(
    tl.SETTINGS["edition"],
    tasks=("chirps",),
    side=32,
    clips=36,
    folds=4,
    crops=8,
    step_clips=24,
    step_side=40,
    step_size=32,
    training=tl.Training(
        ("chirps",),
        ("gray3", "raw"),
        ("own", "unit"),
        seeds=2,
        side=32,
        descent=Descent(2, 8, 3e-3),
    ),
)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "_cache_folder", lambda: tmp_path / "features")


def test_chirps_become_pictures() -> None:
    task = transfer.load_task("chirps", 32, 36, 4, 0)
    pictures = task.pictures(32)
    assert pictures.shape == (36, 32, 32)
    assert pictures[task.core].max() == 1
    assert pictures.min() >= 0
    assert task.unit == "R²"
    highest = np.argmax(task.targets[:, 1])  # ends high: at the right, the top is the brightest
    assert pictures[highest][:, -4:].mean(1).argmax() < 10


def test_instruments_hold_programs_out() -> None:
    task = transfer.load_task("instruments", 32, 72, 4, 0)
    assert task.outputs == 9
    assert task.unit == "accuracy"
    np.testing.assert_array_equal(task.goals.argmax(1), task.targets)


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
    assert len(tl.normalisations(runs)) == len(points)
    deep = tl.depths(runs, TINY)
    assert set(deep.net) == {"imagenet", "random"}
    gains = tl.depth_gains(deep, TINY)
    assert gains.index.tolist() == list(TINY.depth_taps)
    end = deep[(deep.net == "imagenet") & (deep["tap"] == "head")].set_index("encoding")["mean"]
    assert gains.chirps["head"] == pytest.approx(end[list(tl.COLOURS)].mean() - end[tl.GRAY])


def test_guesses_are_four_a_photograph() -> None:
    guesses = tl.guesses()
    assert guesses.groupby(["photograph", "weights"]).size().tolist() == [4] * 6
    first = guesses[guesses.weights == "imagenet"].groupby("photograph").first()
    assert all(row["class"] in efficientnet.EXPECTED[name] for name, row in first.iterrows())


def test_the_factorial_has_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "cells", lambda: all_cells[:3] + all_cells[-2:])
    task = transfer.load_task("chirps", 32, 36, 4, 0)
    table = transfer.step_runs(task.part(24), 40, 32)
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
    both = shares[shares.net == "both"].set_index("factor")
    for factor, gain in gains.items():
        assert both.estimate[factor] == pytest.approx(gain, abs=1e-9)
    assert set(shares.net) == {"both", "pretrained", "random"}


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
