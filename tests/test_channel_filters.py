"""The chapter's experiments, comparisons and verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from analysis import channel_filters as cf
from analysis.colour import filtering, sensitivity
from analysis.evidence import statistics
from analysis.evidence.statistics import Interval
from analysis.nets import classical, neighbours
from analysis.sound import datasets, partials

seeds = st.integers(0, 2**32 - 1)


def toy_draw(seed: int, train: int = 60, pixels: int = 16) -> classical.Draw:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 2 * train)
    centres = rng.integers(40, 215, (3, pixels))
    levels = np.clip(centres[labels] + rng.normal(0, 35, (2 * train, pixels)), 0, 255)
    coded = np.rint(levels).astype(np.uint8)
    return classical.Draw(coded[:train], coded[train:], labels[:train], labels[train:])


@pytest.fixture(scope="module")
def note() -> np.ndarray:
    notes = datasets.instruments(max_per_class=1)
    return notes.waveforms[5]


@pytest.fixture(scope="module")
def notes() -> partials.Notes:
    return partials.synthetic_notes(4, seed=0)


def test_shuffled_red_is_as_good_as_chance(notes: partials.Notes) -> None:
    scores = cf.peak_scores(notes, seed=0)
    mean = scores.groupby("detector").average_precision.mean()
    assert abs(mean["shuffled R"] - mean["chance"]) < 0.05
    assert mean["threshold"] > mean["R of turbo"]
    assert mean["neighbours"] > mean["chance"]
    pd.testing.assert_frame_equal(scores, cf.peak_scores(notes, seed=0))


def test_gray_has_one_percent_of_new_energy_at_most(notes: partials.Notes) -> None:
    scores = cf.fourier_scores(notes, seed=0)
    assert scores[scores.channel == "gray"].new_energy.max() <= 0.01
    assert scores[scores.channel == "R of shuffled"].new_energy.min() > 0.1


def test_all_channels_together_share_what_gray_shares(notes: partials.Notes) -> None:
    bits = cf.information_scores(notes, seed=0).set_index("channel").bits
    assert np.isclose(bits["viridis together"], bits["gray"], atol=0.01)
    assert bits["B of viridis"] < bits["gray"]


def test_predictions_answer_three_questions(notes: partials.Notes) -> None:
    frame = neighbours.predict_neighbours(notes.levels, cf.controls(0), pixels=400, trees=4, seed=0)
    mean = frame.groupby(["question", "model", "target"]).skill.mean()
    assert mean["alone", "linear", "gray"] > 0.7
    assert mean["level", "linear", "level from shuffled"] < mean["alone", "linear", "gray"] - 0.3
    assert set(frame.question) == {"alone", "jointly", "level"}
    assert frame.note.max() == 1


@pytest.fixture(scope="module")
def toy_scores() -> pd.DataFrame:
    return classical.learner_scores(
        [toy_draw(seed) for seed in range(4)], cf.ENCODINGS, trees=5, seed=0
    )


def test_learner_scores_and_comparisons(toy_scores: pd.DataFrame) -> None:
    assert len(toy_scores) == 4 * (len(classical.LEARNERS) * len(cf.ENCODINGS) + 1)
    found = cf.compare_learners(toy_scores, seed=0)
    assert (found.loc[found.encoding == "gray8", "difference"] == 0).all()
    assert ((found.p >= 0) & (found.p <= 1)).all()
    assert found[found.encoding == "shuffled"].difference.mean() < -0.1
    maps = cf.compare_maps(toy_scores, seed=0)
    assert len(maps) == 6 * len(classical.LEARNERS)
    wide = classical.by_arm(toy_scores)["linear"]
    row = found.set_index(["learner", "encoding"]).loc[("linear", "viridis")]
    assert np.isclose((wide.viridis - wide.gray8).mean(), row.difference)


def test_forest_factors_cross_copy_and_width(toy_scores: pd.DataFrame) -> None:
    frame = classical.forest_factors([toy_draw(seed) for seed in range(4)], trees=5, seed=0)
    assert set(frame.arm) == {"gray √d", "gray √3d", "copy √d", "copy √3d"}
    wide = frame.pivot(index="seed", columns="arm", values="test")
    found = classical.copy_effects(toy_scores, frame, 0, cf.MARGIN).set_index("effect")
    assert set(classical.COPIES) < set(found.index)
    expected = (wide["copy √3d"] - wide["gray √3d"]).mean()
    assert np.isclose(found.estimate[classical.COPIES[1]], expected)


def test_compare_corrects_over_arms() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=12)
    arms = {"a": base, "b": base + 1 + 0.1 * rng.normal(size=12), "c": base + rng.normal(size=12)}
    frame = pd.DataFrame(
        [{"u": i, "arm": k, "v": x} for k, values in arms.items() for i, x in enumerate(values)]
    )
    found = cf.compare(frame, unit="u", arm="arm", value="v", baseline="a", seed=0)
    raw = [statistics.effect_pvalue(arms[name] - base) for name in ("b", "c")]
    np.testing.assert_allclose(found.loc[["b", "c"], "p"], statistics.holm(raw))
    assert found.loc["a", "difference"] == 0


def gap(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


def test_verdict_nonlinear() -> None:
    up, none = gap(0.1, 0.2), gap(-0.1, 0.1)
    assert cf.verdict_nonlinear({"a": up, "b": up}) == "holds"
    assert cf.verdict_nonlinear({"a": none}) == "fails"
    assert cf.verdict_nonlinear({"a": up, "b": none}) == "holds with limits"


@pytest.mark.parametrize(
    ("turbo", "jet", "expected"),
    [
        ((0.01, 0.1), (-0.3, -0.2), "holds"),
        ((-0.01, 0.01), (-0.3, -0.2), "holds with limits"),
        ((-0.3, -0.2), (-0.2, -0.1), "fails"),
        ((-0.3, 0.2), (-0.2, -0.1), "undecided"),
    ],
)
def test_verdict_peaks(turbo: tuple[float, float], jet: tuple[float, float], expected: str) -> None:
    frame = pd.DataFrame([turbo, jet], columns=["low", "high"], index=["R of turbo", "R of jet"])
    assert cf.verdict_peaks([frame, frame]) == expected


@pytest.mark.parametrize(
    ("together", "high", "expected"),
    [(1.0, -0.1, "holds with limits"), (0.5, 0.0, "holds"), (1.0, 0.0, "fails")],
)
def test_verdict_dependence(together: float, high: float, expected: str) -> None:
    bits = {"gray": 1.0} | {f"{name} together": together for name in cf.MAPS}
    information = pd.DataFrame({"channel": list(bits), "bits": list(bits.values())})
    channels = [filtering.channel_name(name, index) for name in cf.MAPS for index in range(3)]
    alone = pd.DataFrame({"high": high}, index=channels)
    assert cf.verdict_dependence({"x": alone}, {"x": information}) == expected


def map_pairs(difference: float, p: float, reach: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "learner": ["tree", "linear"],
            "first": "turbo",
            "second": "jet",
            "difference": [difference, 0.0],
            "low": [difference - reach, -reach],
            "high": [difference + reach, reach],
            "p": [p, 1.0],
        }
    )


def test_verdicts_on_the_choice_of_map() -> None:
    strong, weak = map_pairs(0.08, 0.01, 0.03), map_pairs(0.01, 0.01, 0.005)
    none, wide = map_pairs(0.0, 1.0, 0.01), map_pairs(0.0, 1.0, 0.2)
    assert cf.verdict_map_matters([strong, weak]) == "holds"
    assert cf.verdict_map_matters([strong, none]) == "holds with limits"
    assert cf.verdict_map_matters([none, none]) == "fails"
    assert cf.verdict_map_matters([none, wide]) == "undecided"
    assert cf.verdict_strongly([strong, strong]) == "holds"
    assert cf.verdict_strongly([strong, none]) == "holds with limits"
    assert cf.verdict_strongly([none, weak]) == "fails"
    assert cf.verdict_strongly([wide]) == "undecided"
    assert cf.strong_share([strong, none]) == 0.25


def test_turbo_against_jet_counts_wins(notes: partials.Notes) -> None:
    atlas = pd.DataFrame([sensitivity.sensitivity(name, np.ones(256)) for name in ("turbo", "jet")])
    peaks = cf.peak_scores(notes, seed=0)
    found = cf.turbo_against_jet(
        atlas, {"synthetic": peaks}, {"toy": map_pairs(0.08, 0.01, 0.03)}, seed=0
    )
    winner = found.set_index("criterion").winner
    assert winner["unevenness"] == "turbo"
    assert winner["tree, toy"] == "turbo"
    assert winner["linear, toy"] == "neither"


@pytest.mark.parametrize(
    ("winners", "expected"),
    [
        ("turbo neither", "holds"),
        ("turbo jet", "holds with limits"),
        ("jet neither", "fails"),
        ("neither", "undecided"),
    ],
)
def test_verdict_turbo(winners: str, expected: str) -> None:
    assert cf.verdict_turbo(pd.DataFrame({"winner": winners.split()})) == expected


def test_redundancy_on_toy_scores(toy_scores: pd.DataFrame) -> None:
    facts = cf.redundancy([cf.compare_learners(toy_scores, seed=0)], [toy_scores], seed=0)
    assert facts["colour"]
    assert cf.verdict_redundancy({"a": True, "b": True}) == "holds"
    assert cf.verdict_redundancy({"a": True, "b": False}) == "holds with limits"
    assert cf.verdict_redundancy({"a": False}) == "fails"


@pytest.mark.parametrize(
    ("tree", "forest", "expected"),
    [
        ((gap(0.01, 0.05), False), (gap(0.01, 0.05), False), "holds"),
        ((gap(-0.01, 0.01), True), (gap(0.01, 0.05), False), "holds with limits"),
        ((gap(-0.01, 0.01), True), (gap(-0.05, 0.05), False), "fails"),
        ((gap(-0.05, 0.05), False), (gap(-0.05, 0.05), False), "undecided"),
    ],
)
def test_verdict_copies(
    tree: tuple[Interval, bool], forest: tuple[Interval, bool], expected: str
) -> None:
    rows = [
        {"effect": name, "low": interval.low, "equivalent": same}
        for name, (interval, same) in zip(classical.COPIES, (tree, forest), strict=True)
    ]
    assert cf.verdict_copies(pd.DataFrame(rows * 2)) == expected


def test_quick_is_smaller_than_full() -> None:
    quick, full = cf.SETTINGS["edition"], cf.SETTINGS["large"]
    assert full.seeds >= 20
    assert all(getattr(quick, field) <= getattr(full, field) for field in vars(quick))
