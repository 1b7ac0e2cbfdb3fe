"""Locked predictions, the tasks they are about, and the rule that made them."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from analysis.bands import band_tasks as bt
from analysis.bands.band_index import BandIndex
from analysis.evidence import measurements
from analysis.evidence.statistics import Interval
from tests.conftest import sampled

#: Of the predictions as they were committed, before any of their nets was trained.
LOCKED = "5be278f81239af8d6673674b987171cabebd3eb568ca500f3f331987aab290e6"


def trained():
    return measurements.load(measurements.folder("intensity-kernel")).tables["nets"]


def test_predictions_are_those_that_were_locked():
    content = (measurements.folder("intensity-kernel") / "predictions.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == LOCKED


def test_there_is_one_prediction_a_task_and_it_follows_from_the_rule():
    said, calibration = (
        measurements.locked("intensity-kernel", name) for name in ("predictions", "calibration")
    )
    assert list(said.task) == list(bt.TASKS)
    assert len(said) >= 15
    assert set(calibration.task) == set(bt.CALIBRATION)
    for row in said.itertuples():
        index = Interval(row.index_estimate, row.index_low, row.index_high)
        share = Interval(row.information, row.information_low, 2 * row.information)
        found = bt.predict(BandIndex(index, share), calibration)
        assert (row.gain, row.low, row.high) == pytest.approx(found, abs=1e-9)


def index(estimate, error=0.0, known=True):
    share = Interval(0.1, 0.05 if known else -0.05, 0.2)
    return BandIndex(Interval(estimate, estimate - error, estimate + error), share)


def test_the_rule_is_a_line_with_the_interval_of_a_new_observation():
    line = pd.DataFrame({"index": [0.0, 0.5, 1.0], "gain": [0.1, 0.2, 0.3]})
    assert bt.predict(index(0.5), line) == pytest.approx((0.2, 0.2, 0.2))
    low, high = bt.predict(index(0.5, 0.1), line)[1:]
    assert (low, high) == pytest.approx((0.18, 0.22))
    assert not bt.predict(index(0.9, known=False), line).positive
    assert bt.predict(index(1.3), line).gain == pytest.approx(0.3)  # a share is at most 1
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        x, at = rng.random(8), rng.random()
        y, new = 0.1 + 0.2 * x + 0.05 * rng.normal(size=8), 0.1 + 0.2 * at + 0.05 * rng.normal()
        found = bt.predict(index(at), pd.DataFrame({"index": x, "gain": y}))
        inside += found.low <= new <= found.high
    assert 0.92 < inside / 400 < 0.98


@pytest.mark.parametrize(
    "name", sampled(["threshold", "band", "chirps at 0 dB", "loudness"], "band")
)
def test_tasks_are_balanced_and_have_three_sets(name):
    task = bt.make(name)
    assert task.name == name
    assert sorted(np.concatenate([task.train, task.validation, task.test])) == list(range(2048))
    assert 0.4 < task.targets.mean() < 0.6
    assert np.isfinite(task.db).all()


def test_bands_have_a_higher_index_than_thresholds():
    threshold, band = (bt.index_of(bt.make(name)).index for name in ("threshold", "band"))
    assert threshold.high < band.low


def test_unknown_tasks_are_named():
    with pytest.raises(ValueError, match="valid: threshold"):
        bt.make("birds")


def test_gains_are_paired_by_seed_and_judged_by_the_margin():
    nets = pd.DataFrame(
        [("a", arm, s, t + 0.1 * s) for s in (0, 1) for arm, t in (("raw", 0.5), ("turbo", 0.6))]
        + [("b", arm, s, 0.5) for s in (0, 1) for arm in ("raw", "turbo")],
        columns=["task", "arm", "seed", "test"],
    )
    found = bt.gains(nets)
    assert found.gain.to_dict() == pytest.approx({"a": 0.1, "b": 0.0})
    assert found.low["a"] == pytest.approx(0.1)  # the seeds' own spread is not the gain's
    said = pd.DataFrame(
        {"task": ["a", "b"], "gain": [0.12, 0.3], "low": [0.0] * 2, "high": [0.5] * 2}
    )
    judged = bt.judge(said, nets).set_index("task")
    assert judged.hit.to_dict() == {"a": True, "b": False}
    assert judged.covered.all()


def test_the_stored_nets_show_what_the_chapter_says_of_them():
    nets = trained()
    assert nets.groupby(["task", "arm"]).seed.nunique().eq(20).all()
    assert set(nets.task) == set(bt.TASKS)
    outcome = bt.judge(measurements.locked("intensity-kernel"), nets)
    assert outcome.came[outcome.texture].all()  # colour helped on all textures
    sounds = outcome[~outcome.texture]
    assert not sounds.came.any()  # and on no sound
    assert not outcome.came[outcome.information_low <= 0].any()
    assert sounds.information.median() < outcome.information[outcome.texture].median() / 3
    assert (outcome.high < 0).sum() >= 3
    threshold = outcome.set_index("task").loc["threshold"]
    assert abs(threshold.index_estimate) < 0.01
    assert threshold.low > 0
    assert (bt.verdict(outcome)[0], bt.verdict(sounds)[0]) == ("holds", "fails")


def test_small_nets_are_trained_on_a_task_and_once_more(monkeypatch):
    monkeypatch.setattr(bt, "_STEPS", 5)
    settings = bt.Settings(("threshold", "loudness"), seeds=2)
    nets = bt.measure(settings, executor="serial")["nets"]
    assert list(nets.columns) == list(bt.TABLES["nets"])
    assert nets.groupby(["task", "arm"]).rate.nunique().eq(1).all()
    assert len(nets) == 4 * len(bt.ARMS) and bt.here(nets).all()
    some = nets.iloc[[6, 1, 3]]
    again = bt.again(some, settings, executor="serial")
    assert list(again.index) == [6, 1, 3]
    assert (again.test - some.test).abs().max() < 0.003  # alone or in a stack, but for ties


def test_its_cost_is_told_before(monkeypatch):
    monkeypatch.setattr(bt, "_STEPS", 5)
    one, two = (bt.estimate(bt.Settings(("threshold",) * n, seeds=12)) for n in (1, 2))
    assert (one[0], two[0]) == (80, 160)  # four arms; 4 rates at 2 seeds each, and 12 nets
    assert 0 < one[1] < two[1] * 2


@pytest.mark.parametrize(
    ("hits", "came", "verdict"),
    [(9, 5, "holds"), (7, 5, "holds with limits"), (4, 5, "fails"), (9, 10, "fails")],
)
def test_verdict_on_the_band_index(hits, came, verdict):
    places = np.arange(10)
    outcome = pd.DataFrame({"hit": places < hits, "came": places < came})
    found, guess = bt.verdict(outcome)
    assert (found, guess) == (verdict, max(came, 10 - came) / 10)


def test_what_was_expected_of_the_books_own_maps_is_judged() -> None:
    score = {"raw": 0.6, "turbo": 0.5, "wreath": 0.55, "spire": 0.5}
    rows = [
        (task, arm, seed, value + 0.01 * seed)
        for task in ("digits", "words", "band", "two bands")
        for arm, value in score.items()
        for seed in (0, 1)
    ]
    nets = pd.DataFrame(rows, columns=["task", "arm", "seed", "test"])
    found = bt.own_maps(nets)
    assert list(found.gain.round(9)) == [-0.05, -0.1, 0.05, 0.0]
    assert found.hit.all()
    worse = nets.assign(test=nets.test.where(nets.arm != "wreath", 0.4))
    assert list(bt.own_maps(worse).hit) == [True, True, False, True]
    made = nets[nets.task == "band"]
    assert set(bt.own_maps(made).tasks) == {"textures"}
