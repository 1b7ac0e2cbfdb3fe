"""One step neuron on one pixel: tables, training and verdicts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis import single_pixel
from analysis.colour.colormaps import lut8, lut8_rounded, names
from analysis.planes.margins import attempt, band_margins, count_standing, separating_plane
from analysis.planes.neurons import recorded_epochs
from analysis.planes.patterns import best_agreement, changes, count_patterns, plane_patterns
from analysis.planes.staircases import least_widths, width_search

TINY = single_pixel.Settings(seeds=2, epochs=30, planes=500, bands=4)


def test_atlas_keeps_its_bounds_and_gray_copied_adds_nothing():
    table = single_pixel.atlas(["gray", "autumn", "tab10", "bwr", "viridis"]).set_index("colormap")
    assert (table.patterns <= table.cover_bound).all()
    assert (table.patterns >= table.threshold_patterns).all()
    assert table.patterns["gray"] == table.threshold_patterns["gray"]
    assert table.patterns["autumn"] == table.threshold_patterns["autumn"]
    assert table.patterns["viridis"] > 1000 * table.patterns["gray"]
    copied = lut8_rounded("gray")
    assert count_patterns(copied) == count_patterns(copied[:, :1]) == 512
    assert len(names()) == 91


def test_band_and_guard_tables_count_what_the_margins_say():
    margins = {name: band_margins(lut8(name) / 255) for name in ("gray", "hsv")}
    table = single_pixel.band_table(margins).set_index("colormap")
    assert table.thresholds["gray"] == 231
    assert table.bands["gray"] == 0
    assert (table.at_least_4 <= table.at_least_1).all()
    assert (table.widest <= table.widest_step / 2 + 1e-9).all()
    assert count_standing(margins["hsv"], 0.0) == 32_640
    guards = single_pixel.guard_table(margins, [0])
    assert (guards["of"] == math.comb(255, 2)).all()
    assert guards.bands[guards.colormap == "gray"].sum() == 0


def test_attempt_is_the_best_plane_or_an_honest_failure():
    pattern = single_pixel.TARGETS["high or low"]
    colours = lut8("viridis") / 255
    best, plane = separating_plane(colours, pattern), attempt(colours, pattern)
    assert best is not None
    assert plane.margin == best.margin > 0
    assert plane.bias == best.bias
    failed = attempt(lut8("gray") / 255, pattern)
    assert failed.margin == 0
    assert np.linalg.norm(failed.weights) == pytest.approx(1)


def test_least_hidden_width_is_the_number_of_changes():
    patterns = (np.arange(2**6)[:, None] >> np.arange(6)) & 1
    assert (least_widths(6, 4) == np.minimum(changes(patterns), 5)).all()
    table = width_search(5, 3)
    assert single_pixel.verdict_width(table) == "holds"
    assert (table.patterns[table.width == 0].to_numpy() == [2, 8, 12, 8, 2]).all()


def test_wiggly_patterns_are_found_with_their_margins():
    frame = single_pixel.changes_against_margin(["hsv", "turbo"], planes=300, seed=0)
    assert set(frame.colormap) == {"hsv", "turbo"}
    assert (frame["median"] > 0).all()
    assert (frame["median"] <= frame.greatest).all()
    patterns = plane_patterns(lut8("hsv"), 300, seed=0)
    number, times = np.unique(changes(patterns[patterns.any(1)]), return_counts=True)
    found = frame[frame.colormap == "hsv"]
    assert (found.changes.to_numpy() == number).all()
    assert (found.patterns.to_numpy() == times).all()


def test_ripple_is_in_the_bytes_and_absent_from_gray():
    waves = single_pixel.ripple("viridis", planes=500, seed=1)
    assert waves["most"]["bytes"] > waves["most"]["unrounded"]
    assert (single_pixel.ripple("gray", planes=50, seed=1) == 0).all(axis=None)


def test_best_agreement_on_gray_is_that_of_all_thresholds():
    table = lut8_rounded("gray")
    patterns = np.concatenate(
        [
            np.arange(257)[:, None] <= single_pixel._LEVEL,
            np.arange(257)[:, None] > single_pixel._LEVEL,
        ]
    )
    targets = np.array(list(single_pixel.TARGETS.values()))
    exact = (patterns[:, None] == targets).sum(-1).max(0)
    for channels in (1, 3):
        found = best_agreement(table[:, :channels], targets)
        assert (found.lower == exact).all()
        assert (found.upper == exact).all()


def test_training_learns_thresholds_is_paired_and_repeats():
    frame = single_pixel.train(["gray", "gray3", "hsv"], TINY, seed=5)
    assert len(frame) == 2 * 3 * len(single_pixel.TARGETS) * TINY.seeds * len(recorded_epochs(30))
    last = frame[(frame.epoch == 30) & (frame.target == "threshold")]
    assert last.accuracy.min() > 0.97
    hard = frame[(frame.target == "high or low") & (frame.epoch == 30)]
    mean = hard.groupby("encoding").accuracy.mean()
    assert mean["hsv"] > 0.95
    assert mean["gray"] <= 0.75 + 1e-12  # no neuron on gray gets more than 192 of 256
    assert frame.equals(single_pixel.train(["gray", "gray3", "hsv"], TINY, seed=5))
    gains = single_pixel.colour_gains(frame, "hsv", seed=0).set_index(["learner", "target"])
    assert (gains.low <= gains.gain).all()
    assert (gains.gain <= gains.high).all()
    assert gains.gain["perceptron", "high or low"] > 0.2
    pocket = frame[frame.learner == "perceptron"].groupby(["encoding", "target", "seed"])
    assert pocket.accuracy.apply(lambda a: a.is_monotonic_increasing).all()


def test_mistakes_stay_under_novikoffs_bound():
    frame = single_pixel.mistakes_against_margin(lut8("hsv"), TINY, seed=0, runs=2)
    assert (frame.mistakes <= frame.bound).all()
    assert frame.learned.any()
    assert (frame.margin > 0).all()
    assert single_pixel.mistakes_against_margin(lut8("gray"), TINY, seed=0).empty


def test_verdicts_can_come_out_each_way():
    assert single_pixel.verdict_high_or_low({"gray": 0, "a": 3, "b": 0}) == "holds with limits"
    assert single_pixel.verdict_high_or_low({"gray": 0, "a": 0}) == "fails"
    assert single_pixel.verdict_high_or_low({"gray": 2, "a": 5}) == "fails"
    search = width_search(4, 3)
    assert single_pixel.verdict_width(search.assign(made=0)) == "fails"
    partly = search.assign(made=np.minimum(search.made, search.patterns - 1).clip(lower=0))
    assert single_pixel.verdict_width(partly) == "holds with limits"
    assert single_pixel.verdict_duplication(2, 4, grown=True) == "holds"
    assert single_pixel.verdict_duplication(2, 2, grown=False) == "fails"
    table = single_pixel.atlas(["viridis", "autumn", "gray"])
    assert single_pixel.verdict_redundancy(512, 512, table) == "holds with limits"
    assert single_pixel.verdict_redundancy(512, 512, table[:1]) == "holds"
    assert single_pixel.verdict_redundancy(512, 513, table) == "fails"
    assert single_pixel.verdict_limited_model(512, {"a": 9}, {"a": 255}, 0) == "fails"
    assert single_pixel.verdict_limited_model(512, {"a": 999}, {"a": 255}, 0) == "holds"
    assert single_pixel.verdict_limited_model(512, {"a": 999}, {"a": 9}, 0) == "holds with limits"
