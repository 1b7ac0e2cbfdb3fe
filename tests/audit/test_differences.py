"""The report's statistics: planted truths, none where there is none, and consistent tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis import your_data
from analysis.audit import differences as reported
from analysis.audit.crossvalidation import Outcome, run
from analysis.audit.cues import level_use
from analysis.audit.differences import Difference, compare, differences
from analysis.audit.plan import Plan
from analysis.sound import signals
from tests.audit.sets import TINY, made, noise
from tests.conftest import sampled


def claims(found: list[Difference]) -> list[tuple[str, str, str]]:
    return [
        (one.network, one.name, one.verdict)
        for one in found
        if one.verdict in ("helps", "hurts") and one.name != "again"
    ]


def test_where_only_level_bands_differ_colour_helps_and_copies_do_not() -> None:
    db, labels = signals.textures(200, seed=0, contrast=0.95)
    plan = Plan(16, folds=2, repeats=4, steps=60, most=1000, shares=(), colours=())
    found = differences(
        run(made(db, labels), plan, colormap="jet", executor="serial", parts=("encodings",))
    )
    assert ("small", "jet", "helps") in claims(found)
    assert not any(name == "gray3" for _, name, _ in claims(found))


def test_where_only_loudness_differs_scaling_each_image_hurts() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    db = 3 * rng.normal(size=(80, 12, 12)) - 40 + 6 * labels[:, None, None]
    plan = Plan(12, folds=2, repeats=2, steps=25, most=1000, shares=(), colours=())
    found = differences(run(made(db, labels), plan, executor="serial", parts=("steps",)))
    assert claims(found) == [("steps", "scaling", "hurts")]


def claimed_on_noise(seed: int) -> list[tuple[str, str, str]]:
    return claims(differences(run(noise(60, 8, seed), TINY, seed=seed, executor="serial")))


@pytest.mark.parametrize("seed", sampled(range(2), 0))
def test_on_pure_noise_nothing_helps(seed: int) -> None:
    assert claimed_on_noise(seed) == []


@pytest.mark.slow
def test_on_pure_noise_nothing_helps_in_nearly_all_of_forty_reports() -> None:
    """Not one of all that a report compares may be claimed, in at least 95 % of the reports."""
    silent = [claimed_on_noise(seed) == [] for seed in range(40)]
    assert np.mean(silent) >= 0.95


def planted(gain: float, repeats: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gains of -1, 0 or 1 with a given mean, and folds."""
    rng = np.random.default_rng(seed)
    gains = rng.choice([-1.0, 0.0, 1.0], (repeats, count), p=[0.1, 0.8 - gain, 0.1 + gain])
    folds = np.stack([rng.permutation(count) % 4 for _ in range(repeats)])
    return gains, folds


def test_compare_finds_what_is_there_and_says_how_little_it_sees() -> None:
    gains, folds = planted(0.2, 4, 200, 0)
    found = compare(gains, folds, np.arange(200), "viridis")
    assert found.verdict == "helps" and not found.interval.excludes(0.2)
    assert found.interval.estimate == pytest.approx(gains.mean())
    assert compare(-gains, folds, np.arange(200), "viridis").verdict == "hurts"
    assert 0.02 < found.resolvable < 0.2


@pytest.mark.parametrize(
    ("count", "verdict"), [(30, "not resolved"), (400, "no difference worth having")]
)
def test_where_all_agree_few_recordings_show_little(count: int, verdict: str) -> None:
    """As many as one recording in twelve may differ, and none of thirty does."""
    folds = np.stack([np.arange(count) % 3] * 2)
    found = compare(np.zeros((2, count)), folds, np.arange(count), "x")
    limit = stats.binomtest(0, count).proportion_ci(0.95, "exact").high
    assert found.interval.high == -found.interval.low == found.resolvable == pytest.approx(limit)
    assert found.verdict == verdict and found.pvalue == 1


def test_the_interval_is_as_wide_as_groups_ask_for() -> None:
    """Recordings of one group agree: groups, not recordings, are what was sampled."""
    rng = np.random.default_rng(0)
    groups = np.arange(200) % 5
    gains = np.repeat(rng.normal(0.05, 0.1, 5)[groups][None], 3, axis=0)
    folds = np.stack([rng.permutation(200) % 4 for _ in range(3)])
    alone = compare(gains, folds, np.arange(200), "x").interval
    grouped = compare(gains, folds, groups, "x").interval
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)
    means = np.array([gains[0][groups == g].mean() for g in range(5)])
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert grouped.low <= expected.low + 1e-9 and grouped.high >= expected.high - 1e-9


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_interval_holds_the_mean(seed: int) -> None:
    gains, folds = planted(0.0, 2, 40, seed)
    found = compare(gains, folds, np.arange(40) // 2, "x")
    assert found.interval.low <= gains.mean() <= found.interval.high
    error = stats.sem(gains.mean(0).reshape(20, 2).mean(1))  # of the clusters' means
    assert found.resolvable >= 2.8 * error - 1e-9
    assert 0 <= found.pvalue <= 1


def test_recordings_that_are_never_tested_do_not_count() -> None:
    gains = np.array([[np.nan, np.nan, 1.0, 0.0, 1.0]])
    folds = np.array([[-1, -1, 0, 0, 0]])
    found = compare(gains, folds, np.arange(5), "x")
    assert found.interval.estimate == pytest.approx(2 / 3)


def test_tables_are_consistent(outcome: Outcome) -> None:
    found = differences(outcome)
    table = reported.accuracies(outcome, found)
    raw = table[(table.network == "small") & (table.arm == "raw")].iloc[0]
    assert raw.test == pytest.approx(np.mean(outcome.hits("small", "raw")))
    assert (table.test_low <= table.test).all() and (table.test <= table.test_high).all()
    taken = reported.step_table(outcome, found)
    assert taken["to"].iloc[-1] == pytest.approx(np.mean(outcome.hits("steps", "63")))
    assert taken["from"].iloc[0] == pytest.approx(np.mean(outcome.hits("steps", "0")))
    confusion = reported.confusion(outcome, "raw")
    np.testing.assert_allclose(confusion.sum(1), 1)
    np.testing.assert_allclose(np.trace(confusion) / 2, raw.test)  # the classes are equally many
    curve = reported.learning_curve(outcome)
    assert set(curve.share) == {0.5, 1.0} and curve["count"].max() == 24
    runs = outcome.hits("small", "again") - outcome.hits("small", "raw")
    parts = [
        run[dealt == fold].mean()
        for run, dealt in zip(runs, outcome.folds, strict=True)
        for fold in range(outcome.folds.max() + 1)
    ]
    assert reported.noise_floor(outcome) == pytest.approx(1.96 * np.sqrt(np.mean(np.square(parts))))
    assert list(your_data.examples(outcome)) == ["class 0", "class 1"]
    assert set(level_use(outcome.data).scaling) == {"one range", "each image's own"}
