"""Attributions on games whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import which_step
from analysis.pictures.steps import STEPS, cells

ALL = (*STEPS, "pretrained")


def play(score, steps=STEPS, seeds=8, noise=0.0, task="t") -> pd.DataFrame:
    """Run table of a game: `score` maps the set of taken steps to a fraction."""
    rng = np.random.default_rng(0)
    rows = []
    for taken in cells(steps):
        for seed in range(seeds):
            value = score(taken) + noise * rng.normal()
            switches = {step: step in taken for step in steps}
            rows.append(
                {"task": task, "seed": seed, "test": value, "train": value + 0.1} | switches
            )
    return pd.DataFrame(rows).sample(frac=1, random_state=0)  # the order of rows must not matter


def test_an_additive_game_gives_each_step_its_own() -> None:
    worth = dict(zip(STEPS, (0.2, -0.1, 0.0, 0.05, 0.0, -0.02), strict=True))
    runs = play(lambda taken: 0.4 + sum(worth[step] for step in taken), noise=0.002)
    found = which_step.attributions(runs).set_index("step")
    for step, value in worth.items():
        assert found.effect[step] == pytest.approx(100 * value, abs=0.2)
    assert found.clear[["log", "scaling", "resize", "codec"]].all()
    assert not found.clear[["8 bits", "colormap"]].any()


def test_the_bars_reach_from_nothing_to_everything() -> None:
    rng = np.random.default_rng(1)
    values = dict(zip(cells(), rng.random(64), strict=True))
    runs = play(values.__getitem__)
    bars = which_step.waterfall(which_step.attributions(runs), 100 * values[frozenset()])
    assert bars.end.iloc[-1] == pytest.approx(100 * values[frozenset(STEPS)])
    np.testing.assert_allclose(bars.start[1:], bars.end[:-1])
    np.testing.assert_allclose(bars.end - bars.start, bars.effect)


def test_shared_credit_is_split_and_the_range_shows_it() -> None:
    """Eight bits and a codec each round; a second rounding does nothing."""
    runs = play(lambda taken: 0.5 - 0.1 * bool(taken & {"8 bits", "codec"}))
    found = which_step.attributions(runs).set_index("step").effect
    assert found["8 bits"] == pytest.approx(-5) and found["codec"] == pytest.approx(-5)
    spread = which_step.order_range(runs, STEPS).set_index("step")
    assert spread.least["codec"] == pytest.approx(-10)
    assert spread.most["codec"] == pytest.approx(0)
    assert not spread.both.any()


def test_a_step_that_helps_in_one_place_and_hurts_in_another() -> None:
    runs = play(lambda on: 0.5 + ("8 bits" in on) * (0.1 if "log" in on else -0.1))
    spread = which_step.order_range(runs, STEPS).set_index("step")
    assert spread.index[spread.both].tolist() == ["8 bits"]


def test_folds_that_share_training_clips_widen_the_intervals() -> None:
    runs = play(lambda on: 0.4 + 0.1 * ("log" in on), noise=0.02, seeds=10)
    plain, shared = (which_step.attributions(runs, shared=s) for s in (0.0, 1 / 11))
    np.testing.assert_allclose(plain.effect, shared.effect)
    ratio = (shared.high - shared.low) / (plain.high - plain.low)
    np.testing.assert_allclose(ratio, np.sqrt((1 / 10 + 1 / 11) / (1 / 10)))
    assert (shared.p >= plain.p).all()


def test_a_step_that_helps_in_some_contexts_only() -> None:
    runs = play(lambda taken: 0.5 + 0.1 * ("colormap" in taken and "log" not in taken), noise=0.001)
    found = which_step.by_context(runs, "colormap")
    assert len(found) == 32
    assert found.clear[~found.log].all()
    assert not found.clear[found.log].any()
    with pytest.raises(ValueError, match="'colour' is none of"):
        which_step.by_context(runs, "colour")


GAMES = [
    ({"pretrained": 0.3, "log": 0.1}, "holds"),
    ({"pretrained": 0.2, "log": 0.3}, "holds with limits"),
    ({"pretrained": -0.2}, "fails"),
    ({"pretrained": 0.1, "colormap": 0.3}, "fails"),
    ({}, "undecided"),
]


@pytest.mark.parametrize(("worth", "verdict"), GAMES)
def test_the_verdict_on_pretraining_can_come_out_each_way(
    worth: dict[str, float], verdict: str
) -> None:
    runs = play(lambda taken: 0.4 + sum(worth.get(step, 0) for step in taken), ALL, noise=0.004)
    assert which_step.verdict_pretraining(runs) == verdict
