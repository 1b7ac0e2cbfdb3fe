"""The sweep is the same however it is run; the tables and verdicts read it correctly."""

from __future__ import annotations

import base64
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import trained_comparisons as tc
from analysis.comparisons import (
    arms,
    beside,
    breaking,
    components,
    crossing,
    design,
    outcomes,
    tables,
    tasks,
)
from analysis.comparisons.arms import ARMS, SIDE
from analysis.comparisons.tasks import (
    NATIVE,
    Task,
    encoded,
    folded,
    load_tasks,
    magnitude,
    masked,
    recordings,
)
from analysis.evidence import contrasts, measurements, verdicts
from analysis.evidence.statistics import holm
from analysis.nets import training
from analysis.pictures import encodings, steps
from analysis.sound import datasets, spectrograms
from tests.conftest import ROOT

SMALL = replace(
    tc.SETTINGS["edition"],
    tasks=("textures",),
    networks=("neuron",),
    arms=("raw", "gray3", "viridis", "shuffled", "raw-wide"),
    seeds=2,
    pair_arms=("raw", "gray3"),
    pair_seeds=3,
    steps=6,
    train=48,
    validation=24,
    test=32,
    fractions=(0.5, 1),
    phase_tasks=("textures",),
    phase_networks=("neuron",),
    phase_arms=("raw", "viridis"),
    cross_tasks=("textures",),
    cross_networks=("neuron",),
    cross_arms=("gray3", "viridis", "shuffled"),
    curve_seeds=1,
    curve_steps=30,
    factorial=design.Factorial(("chirps",), "tiny", 2, 3, 24, 12, 16),
    stack=5,
)


def run(settings: design.Settings, seed: int = 0, **how: Any) -> outcomes.Outcome:
    return outcomes.outcome(crossing.measure(settings, seed, **how))


@pytest.fixture(scope="module")
def texture_task() -> Task:
    return load_tasks(SMALL)["textures"]


@pytest.fixture(scope="module")
def measured() -> dict[str, pd.DataFrame]:
    return crossing.measure(SMALL, executor="serial")


@pytest.fixture(scope="module")
def outcome(measured: dict[str, pd.DataFrame]) -> outcomes.Outcome:
    return outcomes.outcome(measured)


# --- tasks and inputs ------------------------------------------------------------------------


def test_magnitude_is_the_root_of_power() -> None:
    db = np.linspace(-90, 0, 7)
    np.testing.assert_allclose(magnitude(db, 0), np.sqrt(spectrograms.from_db(db)), rtol=1e-5)


def test_raw_is_standardised_decibels(texture_task: Task) -> None:
    train = texture_task.db[texture_task.train].astype(np.float64)
    expected = ((texture_task.db - train.mean()) / train.std())[:, None]
    for scale in ("equal_energy", "as_fed"):
        found = encoded(texture_task, "raw", scale, "global", 0)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("arm", [arm for arm in ARMS if ARMS[arm].fits("textures", "small")])
@pytest.mark.parametrize("scaling", ["global", "image"])
def test_inputs_are_scaled_as_said(texture_task: Task, arm: str, scaling: Any) -> None:
    equal = encoded(texture_task, arm, "equal_energy", scaling, 3)
    fed = encoded(texture_task, arm, "as_fed", scaling, 3)
    assert equal.dtype == fed.dtype == np.float32
    assert equal.shape[1] == arms.architecture("small", arm, 2).channels
    assert (equal[texture_task.train].astype(np.float64) ** 2).mean() == pytest.approx(1, abs=1e-4)
    if ARMS[arm].standardised:
        np.testing.assert_array_equal(equal, fed)
    else:
        assert fed[texture_task.train].min() >= 0
        assert fed[texture_task.train].max() <= 1


def test_colours_are_those_of_the_levels(texture_task: Task) -> None:
    low, high = spectrograms.value_range(texture_task.db[texture_task.train])
    t = np.clip((texture_task.db - low) / (high - low), 0, 1)
    expected = encodings.table("jet")[encodings.quantise(t)]
    found = encoded(texture_task, "jet", "as_fed", "global", 0)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, atol=1e-6)


def test_nothing_is_learned_of_the_test_set(texture_task: Task) -> None:
    db = texture_task.db.copy()
    db[texture_task.test] += 50
    other = replace(texture_task, db=db)
    for arm in ("raw", "viridis", "magnitude"):
        a, b = (
            encoded(t, arm, "equal_energy", "global", 0)[texture_task.train]
            for t in (texture_task, other)
        )
        np.testing.assert_array_equal(a, b)


def audio(nested: bool) -> datasets.AudioSet:
    """Noise by 12 speakers, each with two classes, or one alone."""
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(12), 10)
    labels = speaker % 2 if nested else np.tile([0, 1], 60)
    return datasets.AudioSet(
        "instruments",
        rng.normal(size=(120, 4000)).astype(np.float32),
        8000,
        labels.astype(np.int64),
        ("a", "b"),
        np.array([f"speaker {s}" for s in speaker]),
        np.where(speaker >= 8, "test", "train"),
        np.full(120, 4000),
        np.array([str(i) for i in range(120)]),
    )


@pytest.mark.parametrize("nested", [False, True])
def test_no_speaker_is_in_two_sets(nested: bool) -> None:
    settings = replace(SMALL, train=30, validation=12, test=20)
    task = recordings(audio(nested), settings, seed=0)
    parts = [set(task.groups[rows]) for rows in (task.train, task.validation, task.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert len(task.train) == 30
    for rows in (task.train, task.validation, task.test):
        counts = np.bincount(task.targets[rows], minlength=2)
        assert abs(counts[0] - counts[1]) <= 1


def test_parts_of_the_training_set_are_balanced_and_nested(texture_task: Task) -> None:
    small, large = (crossing._part(texture_task, f, seed=4) for f in (0.25, 0.5))
    assert len(small) == 12
    assert np.bincount(texture_task.targets[small]).tolist() == [6, 6]
    assert set(small) < set(large) < set(crossing._part(texture_task, 1, 4))
    assert set(small) != set(crossing._part(texture_task, 0.25, seed=5))


@pytest.mark.parametrize(
    ("network", "arm", "parameters"),
    [
        ("neuron", "raw", 190),
        ("tiny", "viridis", 480),
        ("small", "viridis", 5170),
        ("medium", "viridis", 51082),
    ],
)
def test_networks_have_the_sizes_said(network: str, arm: str, parameters: int) -> None:
    assert training.count_parameters(arms.architecture(network, arm, 10)) == parameters


def test_arms_change_the_network_as_said() -> None:
    raw, wide = (arms.architecture("small", arm, 10) for arm in ("raw", "raw-wide"))
    assert wide.layers[0].filters == 3 * raw.layers[0].filters
    assert wide.layers[1:] == raw.layers[1:]
    assert arms.architecture("neuron", "raw-wide", 10).layers[0].filters == 30
    assert arms.architecture("small", "relu-8", 10).front_size == 8
    assert arms.architecture("small", "raw-1x1", 10).front == "pointwise"
    assert arms.architecture("small", "raw3-drop", 10).drop == arms.DROP


# --- the sweep -------------------------------------------------------------------------------


def test_every_arm_has_the_same_budget_and_the_same_seeds() -> None:
    trials = design.tuning_trials(SMALL, ["textures"])
    counts = pd.Series([(t.arm, t.scale, t.scaling) for t in trials]).value_counts()
    assert counts.unique().tolist() == [len(SMALL.rates["neuron"]) * SMALL.tuning_seeds]
    assert len(set(trials)) == len(trials)
    assert all(trial.seed >= 1000 for trial in trials)
    results = pd.DataFrame([vars(t) for t in trials]).assign(diverged=-1, validation=0.5)
    final = design.final_trials(SMALL, ["textures"], design.tuned(results))
    assert len(set(final)) == len(final)
    main = [t for t in final if (t.scale, t.scaling, t.fraction) == ("equal_energy", "global", 1)]
    by_arm = {arm: [t.seed for t in main if t.arm == arm] for arm in SMALL.arms}
    assert by_arm["raw"] == by_arm["gray3"] == [0, 1, 2]
    assert by_arm["viridis"] == by_arm["shuffled"] == [0, 1]
    assert {t.fraction for t in final if t.arm == "shuffled"} == {1.0}
    assert not any(t.scale == "as_fed" and t.arm == "raw" for t in final)


def test_the_rate_is_chosen_on_validation_and_divergence_counts_against_it() -> None:
    base = {"stage": "tune", "task": "textures", "network": "neuron", "arm": "raw"}
    base |= {"scale": "equal_energy", "scaling": "global"}
    rows = [(0.01, 0.6, -1), (0.03, 0.7, -1), (0.03, 0.7, -1), (0.1, 0.9, -1), (0.1, np.nan, 4)]
    table = pd.DataFrame([base | {"rate": r, "validation": v, "diverged": d} for r, v, d in rows])
    assert design.tuned(table).rate.tolist() == [0.03]
    assert not design.tuned(table).edge.any()
    tie = table.assign(validation=0.5, diverged=-1)
    assert design.tuned(tie).rate.tolist() == [0.01]
    assert design.tuned(tie).edge.all()


def assert_same(a: outcomes.Outcome, b: outcomes.Outcome) -> None:
    for name in ("results", "groups", "rates", "curves", "steps", "ensembles"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name), check_exact=True)


@pytest.mark.slow
def test_processes_change_nothing(outcome: outcomes.Outcome) -> None:
    tasks = load_tasks(SMALL)
    trials = design.final_trials(SMALL, tasks, outcome.rates)[:20]
    serial = crossing.sweep(tasks, trials, SMALL, executor="serial")
    assert any(result["outputs"] is not None for result in serial)
    parallel = crossing.sweep(tasks, trials, SMALL, executor="loky", jobs=2)
    for one, other in zip(serial, parallel, strict=True):
        outputs = [result.pop("outputs") for result in (one, other)]
        assert one == other
        assert outputs[0] is outputs[1] is None or outputs[0].equal(outputs[1])


@pytest.mark.skipif(find_spec("distributed") is None, reason="needs distributed: the extra cluster")
def test_a_cluster_changes_nothing(outcome: outcomes.Outcome, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        found = run(SMALL, executor="dask", address=address, store=tmp_path)
    assert_same(outcome, found)


def test_another_executor_is_refused() -> None:
    with pytest.raises(ValueError, match="executor must be"):
        run(SMALL, executor="slurm")


@pytest.mark.slow
def test_a_killed_sweep_goes_on_where_it_was(
    outcome: outcomes.Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, trained = crossing._train_stack, []

    def dies(*arguments: Any) -> dict[str, Any]:
        if len(trained) == 7:
            raise KeyboardInterrupt
        trained.append(1)
        return real(*arguments)

    monkeypatch.setattr(crossing, "_train_stack", dies)
    with pytest.raises(KeyboardInterrupt):
        run(SMALL, executor="serial", store=tmp_path)
    assert len(list(tmp_path.glob("*.stack"))) == 7
    again: list[int] = []
    monkeypatch.setattr(crossing, "_train_stack", lambda *a: (again.append(1), real(*a))[1])
    assert_same(outcome, run(SMALL, executor="serial", store=tmp_path))
    stacks = len(list(tmp_path.glob("*.stack")))
    assert len(again) == stacks - 7
    again.clear()
    run(SMALL, executor="serial", store=tmp_path)
    assert not again  # all is there
    run(SMALL, seed=1, executor="serial", store=tmp_path)
    assert len(again) == stacks  # other data: nothing fits


def test_every_trial_has_its_own_result(outcome: outcomes.Outcome) -> None:
    """One network of the sweep, trained by itself, gets the sweep's score."""
    row = outcome.results[
        (outcome.results.arm == "shuffled") & (outcome.results.stage == "final")
    ].iloc[1]
    trial = crossing._trial(row.to_dict())
    (alone,) = crossing.sweep(load_tasks(SMALL), [trial], SMALL, executor="serial")
    assert alone["test"] == pytest.approx(row.test, abs=1.5 / 32)
    assert alone["train"] == pytest.approx(row.train, abs=1.5 / 48)
    assert set(outcome.groups.group) == {"all"}
    assert outcome.results.task.unique().tolist() == ["textures"]


def test_what_is_stored_is_read_as_it_was_measured(
    measured: dict[str, pd.DataFrame], outcome: outcomes.Outcome, tmp_path: Path
) -> None:
    manifest = measurements.Manifest("x", "c", "make", "d", {}, 0, {}, {}, 1.0, "code")
    measurements.store(tmp_path / "x", manifest, measured, crossing.TABLES)
    found = outcomes.outcome(measurements.load(tmp_path / "x").tables)
    for name in ("results", "groups", "rates", "curves", "steps", "ensembles"):
        one, other = getattr(found, name), getattr(outcome, name)
        pd.testing.assert_frame_equal(one, other, check_dtype=False, rtol=1e-8)
    assert found.tasks == outcome.tasks


def test_bits_tell_the_score_of_each_group(
    measured: dict[str, pd.DataFrame], outcome: outcomes.Outcome
) -> None:
    final = measured["nets"][measured["nets"].stage == "final"]
    assert outcome.groups.score.tolist() == pytest.approx(final.test.tolist())  # one group
    first = final.iloc[0]
    assert sum(b.bit_count() for b in bytes.fromhex(first.hits)) == round(32 * first.test)


def test_nets_trained_again_score_as_measured(measured: dict[str, pd.DataFrame]) -> None:
    study = replace(tc.STUDY, settings=SMALL)
    nets = study.keyed(measured["nets"])
    assert nets.index.is_unique
    rows = nets.groupby("stage").head(2).iloc[::-1]
    assert set(rows.stage) == {"final", "curve", "steps"}
    found = study.again(rows, SMALL, executor="serial")
    assert found.index.tolist() == rows.index.tolist()
    np.testing.assert_array_equal(found.test, rows.test)
    assert found.hits.tolist() == rows.hits.tolist()


def test_the_estimate_counts_every_net(measured: dict[str, pd.DataFrame]) -> None:
    nets, seconds = crossing.estimate(SMALL)
    assert nets == len(measured["nets"])
    assert 0 < seconds < 600


# --- the factorial of the steps --------------------------------------------------------------


def test_the_factorial_is_full_and_its_seeds_are_paired() -> None:
    trials = design.step_trials(SMALL, ["chirps"], {"chirps": 0.02})
    assert len(trials) == len(set(trials)) == 64 * 2
    assert {frozenset(t.steps) for t in trials} == set(steps.cells())
    for trial in trials:
        channels = arms.architecture(trial.network, trial.arm, 2).channels
        assert channels == (3 if "colormap" in trial.steps else 1)
    assert {trial.seed for trial in trials} == {0, 1}
    assert {trial.rate for trial in trials} == {0.02}


def test_the_rate_of_the_factorial_is_chosen_on_a_balanced_part() -> None:
    trials = design.step_trials(SMALL, ["chirps"])
    chosen = {trial.steps for trial in trials}
    assert len(trials) == 8 * len(SMALL.rates["tiny"]) * SMALL.tuning_seeds
    assert all(trial.seed >= 1000 for trial in trials)
    for one in steps.STEPS:  # every step in one half, and every other step in one half of that
        assert sum(one in cell for cell in chosen) == 4
        for other in set(steps.STEPS) - {one}:
            assert sum({one, other} <= set(cell) for cell in chosen) == 2
    table = pd.DataFrame(
        {"task": ["chirps"] * 4, "rate": [0.1, 0.1, 0.2, 0.2], "diverged": [-1, -1, -1, 9]}
        | {"validation": [0.5, 0.7, 0.9, np.nan]}
    )
    assert crossing._shared_rates(table) == {"chirps": 0.1}


def test_the_factorial_sees_what_the_steps_make() -> None:
    how = replace(SMALL, tasks=("chirps",), train=24, validation=12, test=16)
    task = load_tasks(how, native=True)["chirps"]
    assert task.db.shape == (52, NATIVE, NATIVE)
    trials = {t.steps: t for t in design.step_trials(SMALL, ["chirps"], {"chirps": 0.02})}
    none, every = (crossing._inputs(task, trials[cell], 0) for cell in ((), steps.STEPS))
    assert none.shape == (52, 1, NATIVE, NATIVE)
    assert every.shape == (52, 3, SIDE, SIDE)
    amplitude = np.sqrt(spectrograms.from_db(task.db))[:, None]
    mean, deviation = amplitude[task.train].mean(), amplitude[task.train].std()
    clipped = np.minimum(amplitude, amplitude[task.train].max())
    np.testing.assert_allclose(none, (clipped - mean) / deviation, atol=1e-2)
    for images in (none, every):
        np.testing.assert_allclose(images[task.train].mean((0, 2, 3)), 0, atol=1e-4)
        np.testing.assert_allclose(images[task.train].std((0, 2, 3)), 1, atol=1e-3)


def test_every_run_of_the_factorial_is_reported(outcome: outcomes.Outcome) -> None:
    runs = outcome.steps
    assert runs.columns.tolist() == ["task", *steps.STEPS, "seed", "test", "train"]
    assert len(runs) == 64 * 2
    assert not runs.duplicated(["task", *steps.STEPS, "seed"]).any()
    assert runs[list(steps.STEPS)].dtypes.eq(bool).all()
    table = tc.step_attributions(runs)
    assert table.step.tolist() == [*steps.STEPS, arms.ALL_STEPS] * 2
    for score in ("test", "train"):
        mean = runs.groupby(list(steps.STEPS))[score].mean()
        own = table[table.score == score].set_index("step").effect
        assert own[arms.ALL_STEPS] == pytest.approx(mean[(True,) * 6] - mean[(False,) * 6])
        assert own[list(steps.STEPS)].sum() == pytest.approx(own[arms.ALL_STEPS])


def test_attributions_of_a_known_score() -> None:
    """Two steps that add, two that only help together, one that harms in training alone."""
    rng = np.random.default_rng(0)
    rows = []
    for cell in steps.cells():
        on = {step: step in cell for step in steps.STEPS}
        for seed in range(8):
            test = 0.5 + 0.1 * on["log"] - 0.02 * on["codec"] + 0.06 * on["resize"] * on["8 bits"]
            noise = rng.normal(scale=1e-3)
            train = test + noise - 0.05 * on["colormap"]
            rows.append(
                {"task": "chirps", **on, "seed": seed, "test": test + noise, "train": train}
            )
    runs = pd.DataFrame(rows).sample(frac=1, random_state=0)  # in any order
    table = tc.step_attributions(runs).set_index(["score", "step"])
    known = {
        "log": 0.1,
        "scaling": 0,
        "8 bits": 0.03,
        "resize": 0.03,
        "colormap": 0,
        "codec": -0.02,
    }
    for step, value in known.items():
        assert table.effect["test", step] == pytest.approx(value, abs=1e-3)
        decided = contrasts.decided(table.assign(difference=table.effect))
        assert decided["test", step] == np.sign(value)
    assert table.effect["train", "colormap"] == pytest.approx(-0.05, abs=1e-3)
    single = table.drop(arms.ALL_STEPS, level="step")
    np.testing.assert_allclose(single.holm["test"], holm(single.p["test"]))
    runs.loc[runs.seed == 3, "test"] = np.nan  # a network diverged
    assert tc.step_attributions(runs).seeds.tolist() == [7] * 7 + [8] * 7


# --- tables ----------------------------------------------------------------------------------


def table_of(cells: dict[tuple[str, str, str], Any], fraction: float = 1.0) -> pd.DataFrame:
    """Results of the main condition with given test scores; train scores are 0.1 higher."""
    rows = [
        {"stage": "final", "task": task, "network": network, "arm": arm, "seed": seed}
        | {"scale": "equal_energy", "scaling": "global", "fraction": fraction, "diverged": -1}
        | {"test": score, "train": score + 0.1, "validation": np.nan, "rate": 0.01}
        for (task, network, arm), scores in cells.items()
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(rows)


RNG = np.random.default_rng(1)
NOISE = RNG.normal(scale=0.01, size=(6, 12))


def test_differences_are_paired_and_leave_out_what_diverged() -> None:
    raw = 0.7 + 5 * NOISE[0]  # large common part, which pairing takes away
    results = table_of(
        {
            ("textures", "neuron", "raw"): raw,
            ("textures", "neuron", "viridis"): raw + 0.05 + NOISE[1] / 4,
            ("textures", "neuron", "jet"): raw - 0.05 + NOISE[2] / 4,
            ("textures", "neuron", "gray3"): raw + NOISE[3] - NOISE[3].mean(),
        }
    )
    wild = (results.arm == "jet") & (results.seed == 3)
    results.loc[wild, ["test", "diverged"]] = [np.nan, 17]
    table = tc.differences(results).set_index("arm")
    assert table.pairs.to_dict() == {"gray3": 12, "viridis": 12, "jet": 11}
    assert table.lost.to_dict() == {"gray3": 0, "viridis": 0, "jet": 1}
    assert table.difference["viridis"] == pytest.approx(0.05, abs=0.003)
    assert table.train["viridis"] == pytest.approx(table.difference["viridis"])
    expected = stats.ttest_rel(raw + 0.05 + NOISE[1] / 4, raw).pvalue
    assert table.p["viridis"] == pytest.approx(expected)
    assert (table.holm >= table.p).all()
    assert contrasts.decided(table).to_dict() == {"gray3": 0, "viridis": 1, "jet": -1}
    counts = tables.divergence(results).set_index("arm").diverged
    assert counts["jet"] == 1
    assert counts.sum() == 1


def test_equivalence_needs_the_margin_kept() -> None:
    raw = 0.7 + NOISE[0]
    results = table_of(
        {
            ("textures", "small", "raw"): raw,
            ("textures", "small", "gray3"): raw + NOISE[1] / 10,
            ("textures", "small", "raw-wide"): raw + 0.03 + NOISE[2] / 10,
            ("textures", "small", "viridis"): raw,
        }
    )
    table = tc.equivalences(results).set_index("a")
    assert table.equivalent.to_dict() == {"gray3": True, "viridis": False}
    assert table.b.to_dict() == {"gray3": "raw", "viridis": "raw-wide"}


def test_phase_diagram_is_the_mean_colour_minus_raw() -> None:
    cells = [
        table_of(
            {
                ("textures", "neuron", "raw"): 0.5 + NOISE[0, :5],
                ("textures", "neuron", "viridis"): 0.5 + NOISE[0, :5] + gain,
                ("textures", "neuron", "turbo"): 0.5 + NOISE[0, :5] + 3 * gain,
                ("chirps", "neuron", "raw"): [0.5, 0.6],
                ("chirps", "neuron", "turbo"): [0.5, 0.6],
            },
            fraction,
        )
        for fraction, gain in ((0.25, 0.02), (1.0, 0.1))
    ]
    results = pd.concat(cells, ignore_index=True)
    results = results[(results.task == "textures") | (results.fraction == 1)]
    table = tables.phase_diagram(results)
    assert table.task.tolist() == ["textures"] * 2
    np.testing.assert_allclose(table.gain, [0.04, 0.2])
    np.testing.assert_allclose(table.train, [0.04, 0.2])


def test_time_ratios_of_known_curves() -> None:
    steps = np.arange(10, 310, 10)
    rows = [
        (arm, seed, step, 0.7 * np.exp(-step * speed / 100), 0.5)
        for arm, speed in (("raw", 1.0), ("turbo", 2.5), ("shuffled", 0.01))
        for seed in range(3)
        for step in steps
    ]
    curves = pd.DataFrame(rows, columns=["arm", "seed", "step", "loss", "test"])
    table = tables.time_ratios(curves, {"turbo": 2.4}, threshold=0.3).set_index("arm")
    assert table.measured["turbo"] == pytest.approx(2.5, rel=0.01)
    assert table.predicted["turbo"] == 2.4
    assert table.reached.to_dict() == {"turbo": 1.0, "shuffled": 0.0}
    assert np.isnan(table.measured["shuffled"])
    summary = tables.learning_curves(curves)
    assert len(summary) == 3 * len(steps)
    curves.loc[5, "loss"] = np.nan
    assert tables.learning_curves(curves).diverged.sum() == 1


def test_variance_components_are_found_again() -> None:
    rng = np.random.default_rng(0)
    factors = ["arm", "scaling", "scale", "seed", "group"]
    sizes = dict(zip(factors, (30, 2, 2, 20, 25), strict=True))
    true = {"encoding": 0.04, "seed": 0.01, "speaker or group": 0.09, "encoding × group": 0.02}
    values = rng.normal(scale=0.1, size=tuple(sizes.values()))
    for source, variance in true.items():
        shape = [n if f in components.SOURCES[source] else 1 for f, n in sizes.items()]
        values = values + rng.normal(scale=np.sqrt(variance), size=shape)
    found = components._components(values, factors)
    for source, variance in true.items():
        assert found[source] == pytest.approx(variance, rel=0.6)
    assert found["everything else"] == pytest.approx(0.01, rel=0.05)
    assert found["channel scale"] < 0.001


def test_variance_components_of_one_factor_are_the_textbooks() -> None:
    values = RNG.normal(size=(7, 2, 2, 3, 1)) + RNG.normal(size=(7, 1, 1, 1, 1))
    found = components._components(values[:, :1, :1], ["arm", "scaling", "scale", "seed", "group"])
    own = values[:, 0, 0, :, 0]  # two factors without replication: residual is the interaction
    rest = own - own.mean(0) - own.mean(1, keepdims=True) + own.mean()
    error = (rest**2).sum() / (6 * 2)
    assert found["everything else"] == pytest.approx(error)
    assert found["encoding"] == pytest.approx(max(0, own.mean(1).var(ddof=1) - error / 3))


def test_variance_shares_sum_to_one_and_leave_standardised_arms_out(
    outcome: outcomes.Outcome,
) -> None:
    table = components.variance_shares(outcome.groups)
    assert (table.groupby(["task", "network"]).share.sum() - 1).abs().max() < 1e-12
    assert table.arms.unique().tolist() == [3]  # gray3, viridis, shuffled
    assert "speaker or group" not in set(table.source)  # textures have none


def test_winner_chances_agree_with_drawing() -> None:
    rng = np.random.default_rng(0)
    runs = rng.normal(scale=0.02, size=(200_000, 5))
    for threshold in (0.0, 0.01, 0.03):
        two = np.mean(np.abs(runs[:, 0] - runs[:, 1]) >= threshold)
        best = np.mean(runs[:, 1:].max(1) - runs[:, 0] >= threshold)
        assert components.winner_chances(0.02, [threshold])[0] == pytest.approx(two, abs=0.005)
        assert components.winner_chances(0.02, [threshold], maps=4)[0] == pytest.approx(
            best, abs=0.005
        )
    assert components.winner_chances(0.02, [0.0], maps=9)[0] == pytest.approx(0.9)


def test_noise_floor_and_flips() -> None:
    results = table_of(
        {
            ("textures", "tiny", "raw"): 0.6 + NOISE[0],
            ("textures", "tiny", "viridis"): 0.9 + NOISE[1],
            ("textures", "small", "raw"): 0.6 + NOISE[2],
            ("textures", "small", "viridis"): 0.6 + NOISE[2],
        }
    )
    table = tc.noise_floor(results, [0.0, 0.01, 10.0], maps=4)
    tiny = table[table.network == "tiny"]
    pooled = np.sqrt((NOISE[0].var(ddof=1) + NOISE[1].var(ddof=1)) / 2)
    np.testing.assert_allclose(tiny.deviation, pooled)
    assert tiny.one.iloc[0] == tiny.observed.iloc[0] == 1
    assert tiny.best.iloc[0] == pytest.approx(0.8)
    assert tiny.one.iloc[2] == tiny.observed.iloc[2] == 0
    flips = components.sign_flips(results)
    assert flips.wins_a.tolist() == [1.0]
    assert flips.wins_b.tolist() == [0.5]
    assert flips.flip.tolist() == [0.5]


def test_published_flip_needs_noise() -> None:
    assert tc.published_flip_chance(0.001) < 1e-6
    rng = np.random.default_rng(0)
    a, b = rng.normal(scale=0.02 * np.sqrt(2), size=(2, 400_000))
    both = (a * b < 0) & (np.abs(a) >= 0.01) & (np.abs(b) >= 0.016)
    assert tc.published_flip_chance(0.02) == pytest.approx(both.mean(), abs=0.003)


def test_ensembles_and_their_jackknife(texture_task: Task) -> None:
    outputs = RNG.normal(size=(4, len(texture_task.test), 2)).astype(np.float32)
    kept = {("textures", "tiny", "raw"): outputs}
    table = components.ensemble(components.ensemble_gains(kept, {"textures": texture_task}))
    goal = texture_task.targets[texture_task.test]
    odds = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    members = (outputs.argmax(-1) == goal).mean(1)
    gains = [
        (odds[list(c)].mean(0).argmax(-1) == goal).mean() - members[list(c)].mean()
        for c in ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))
    ]
    assert table.gain[0] == pytest.approx(np.mean(gains))
    values = RNG.normal(size=6)
    means = {(i, j): (values[i] + values[j]) / 2 for i in range(6) for j in range(i)}
    mean, low, high = components.jackknifed(means, 6)  # of a mean, the jackknife is the t interval
    interval = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
    np.testing.assert_allclose([mean, low, high], [values.mean(), *interval])


def test_colormap_spread_is_the_blocked_f_test() -> None:
    base = NOISE[0]
    arms = {"viridis": base, "turbo": base + 0.03 + NOISE[1] / 5, "jet": base + NOISE[2] / 5}
    cells = {("chirps", "small", arm): 0.5 + score for arm, score in arms.items()}
    table = tc.colormap_spread(table_of(cells | {("chirps", "small", "raw"): base}))
    assert table.best.tolist() == ["turbo"]
    assert table.spread[0] == pytest.approx(0.03, abs=0.005)
    two = tc.colormap_spread(table_of({k: v for k, v in cells.items() if k[2] != "jet"}))
    paired = stats.ttest_rel(arms["turbo"], arms["viridis"]).pvalue
    assert two.p[0] == pytest.approx(paired)


def test_reaching_looks_only_where_colour_gains() -> None:
    raw = 0.6 + NOISE[0]
    results = table_of(
        {
            ("textures", "neuron", "raw"): raw,
            ("textures", "neuron", "viridis"): raw + 0.2 + NOISE[1],
            ("textures", "neuron", "turbo"): raw + 0.1 + NOISE[2],
            ("textures", "neuron", "jet"): raw - 0.1 + NOISE[3],
            ("textures", "neuron", "raw-wide"): raw + 0.15 + NOISE[4],
            ("textures", "neuron", "raw-1x1"): raw + NOISE[5],
        }
    )
    found = tc.reaching(results, tc.differences(results), ("raw-wide", "raw-1x1", "relu-8"))
    assert found.set_index("arm").answer.to_dict() == {"viridis": "short", "turbo": "reached"}
    assert set(found.way) == {"raw-wide"}
    assert tc.verdict_without_colour(found) == "holds with limits"


def test_reaching_looks_in_larger_networks_and_in_no_smaller_one() -> None:
    raw = 0.6 + NOISE[0]
    results = table_of(
        {
            ("textures", "neuron", "raw"): raw + 0.4 + NOISE[4],
            ("textures", "small", "raw"): raw,
            ("textures", "small", "viridis"): raw + 0.2 + NOISE[1],
            ("textures", "small", "raw-wide"): raw + 0.1 + NOISE[2],
            ("textures", "medium", "raw"): raw + 0.2 + NOISE[1] + NOISE[3] / 50,
        }
    )
    table = tc.differences(results)
    for larger, way, answer in ((False, "raw-wide", "short"), (True, "raw, medium", "reached")):
        found = tc.reaching(results, table, ("raw-wide",), larger=larger)
        assert (found.way.tolist(), found.answer.tolist()) == ([way], [answer])


# --- verdicts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ("yyy", "holds"), ("nnn", "fails"), ("yn-", "holds with limits"), ("", "undecided"),
        ("---", "undecided"), ("yy-", "holds with limits"), ("y--", "undecided"), ("nn-", "fails"),
    ],
)  # fmt: skip
def test_verdicts_by_answers(answers: str, verdict: str) -> None:
    assert verdicts.by_answers(answers, "y", "n") == verdict


def gains(*ways: int, arm: str = "viridis", task: str = "textures") -> pd.DataFrame:
    """Rows of `differences` in which an arm is better (1), worse (-1) or undecided (0)."""
    return pd.DataFrame(
        [
            {"task": task, "network": f"net {i}", "arm": arm, "difference": 0.1 * (way or 0.2)}
            | {"low": 0.05 * way - 0.04 * (way == 0), "high": 0.05 * way + 0.09}
            | {"holm": 0.001 if way else 0.5}
            for i, way in enumerate(ways)
        ]
    ).assign(high=lambda t: np.where(t.difference < 0, -0.01, t.high))


def test_verdict_on_the_limited_model() -> None:
    def verdict(table: pd.DataFrame) -> str:
        return tc.verdict_limited_model(table.assign(network="neuron"))

    assert verdict(gains(1, 1)) == "holds"
    assert verdict(gains(-1, -1)) == "fails"
    assert verdict(gains(1, -1)) == "holds with limits"
    assert verdict(gains(0, 0)) == "undecided"
    assert verdict(gains(1, 1, task="chirps")) == "undecided"  # not what the claim is about


def test_verdict_on_redundancy() -> None:
    def verdict(ways: tuple[int, ...], equivalent: list[bool]) -> str:
        table = gains(*ways, arm="gray3")
        equal = table.assign(a="gray3", b="raw", equivalent=equivalent)
        return tc.verdict_redundancy(table, equal)

    assert verdict((0, 0), [True, True]) == "holds"
    assert verdict((0, 0), [False, False]) == "undecided"
    assert verdict((1, 0), [False, True]) == "holds with limits"
    assert verdict((1, -1), [True, True]) == "fails"


def test_verdict_on_a_bad_colormap() -> None:
    assert tc.verdict_bad_colormap(gains(-1, -1, arm="shuffled")) == "holds"
    assert tc.verdict_bad_colormap(gains(1, 1, arm="shuffled")) == "fails"
    assert tc.verdict_bad_colormap(gains(0, 0, arm="shuffled")) == "undecided"


def test_verdict_on_copies_as_an_ensemble() -> None:
    def verdict(way: int, low: float) -> str:
        table = gains(way, arm="gray3").assign(high=0.02 if way == 0 else 0.2)
        many = table[["task", "network"]].assign(gain=low + 0.02, low=low, high=low + 0.04)
        return tc.verdict_copies_are_an_ensemble(table, many)

    assert verdict(1, 0.05) == "holds"
    assert verdict(0, 0.05) == "fails"
    assert verdict(0, 0.01) == "undecided"
    assert verdict(0, -0.01) == "undecided"  # the ensemble itself gains nothing


def test_verdict_on_duplicating_or_growing() -> None:
    def table(*answers: str) -> pd.DataFrame:
        return pd.DataFrame({"answer": list(answers)})

    both, none = table("reached", "reached"), table("short")
    assert tc.verdict_growing_does_as_much(both, both) == "holds"
    assert tc.verdict_growing_does_as_much(none, both) == "holds with limits"
    assert tc.verdict_growing_does_as_much(none, none) == "fails"
    assert tc.verdict_growing_does_as_much(table("open"), table("open")) == "undecided"
    assert tc.verdict_growing_does_as_much(none, table("open")) == "undecided"


def test_verdict_on_the_choice_of_colormap() -> None:
    def verdict(holm: list[float], spread: list[float]) -> str:
        return tc.verdict_colormap_matters(pd.DataFrame({"holm": holm, "spread": spread}))

    assert verdict([0.01, 0.01], [0.1, 0.1]) == "holds"
    assert verdict([0.01, 0.5], [0.1, 0.1]) == "holds with limits"
    assert verdict([0.5, 0.5], [0.1, 0.1]) == "undecided"
    assert verdict([0.01, 0.01], [0.001, 0.001]) == "undecided"


@pytest.mark.parametrize("profile", tc.SETTINGS)
def test_profiles_fit_together(profile: str) -> None:
    settings = tc.SETTINGS[profile]
    assert "raw" in settings.arms
    assert "raw" in settings.phase_arms
    assert set(settings.phase_arms) - {"raw"} <= set(arms.COLOURS)
    assert {*settings.arms, *arms.SPEED_ARMS} <= set(ARMS)
    assert set(settings.pair_arms) <= set(settings.arms)
    assert settings.pair_seeds >= settings.seeds
    assert settings.fractions[-1] == 1
    assert {*settings.networks, *settings.phase_networks, *settings.cross_networks} <= set(
        settings.rates
    )
    assert not any(ARMS[arm].standardised for arm in settings.cross_arms)
    assert settings.seeds >= 3
    assert settings.pair_seeds >= 8


def test_gain_by_group_is_paired() -> None:
    results = table_of(
        {
            ("chirps", "small", "raw"): 0.5 + NOISE[0],
            ("chirps", "small", "jet"): 0.6 + NOISE[0],
            ("chirps", "small", "turbo"): 0.8 + NOISE[0],
        }
    )
    table = tables.gain_by_group(results.assign(group="0…10 dB", score=results.test), "chirps")
    assert table.gain.tolist() == pytest.approx([0.2])
    assert table.low.tolist() == pytest.approx([0.2])


def test_what_a_page_judges_by_is_what_the_rules_see() -> None:
    """Runs come back as scores, and the quantiles give the intervals of the differences."""
    results = measurements.load(measurements.folder("trained-comparisons")).tables["nets"]
    packed = breaking.what_verdicts_rest_on(results, ("neuron", "small"), ("raw-wide",))
    runs, quantiles = (
        np.frombuffer(base64.b64decode(packed[name]), "<f4") for name in ("runs", "quantiles")
    )
    table, place = tables.scores(results), 0
    for task, network, counts in packed["cells"]:
        cell = tables.cell_of(table, task, network)
        for arm, count in counts:
            np.testing.assert_allclose(runs[place : place + count], cell[arm][:count], atol=1e-7)
            place += count
    assert place == len(runs) > 3000
    expected = tc.differences(results).set_index(["task", "network", "arm"])
    seen = 0
    for key, (low, high, _, _) in zip(packed["resampled"], quantiles.reshape(-1, 4), strict=True):
        task, network, a, b = key.split("|")
        if b == "raw":
            cell, row = tables.cell_of(table, task, network), expected.loc[(task, network, a)]
            gaps = (cell[a] - cell[b]).dropna()
            error = gaps.std() / np.sqrt(len(gaps))
            ends = [gaps.mean() - high * error, gaps.mean() - low * error]
            np.testing.assert_allclose(ends, [row.low, row.high], atol=1e-7)
            seen += 1
    assert seen == 5 * 10


@pytest.fixture(scope="module")
def edition() -> outcomes.Outcome:
    return outcomes.outcome(measurements.load(ROOT / "measurements" / tc.STUDY.name).tables)


def test_what_the_page_says_of_six_steps_is_so(edition: outcomes.Outcome) -> None:
    found = tc.step_attributions(edition.steps, 0)
    own = found[found.score == "test"].set_index(["task", "step"]).sort_index()
    whole = own.xs(arms.ALL_STEPS, level="step")
    assert (whole.loc[["chirps", "spoken-digits"], "low"] > 0).all()  # "help on two of the tasks"
    assert whole.high["instruments"] < 0  # "and harm on the instruments"
    single = own.drop(index=arms.ALL_STEPS, level="step").effect.abs().unstack()
    assert set(single.idxmax(axis=1)) == {"scaling"}  # "each image's own range does most, in all"
    signs = np.sign(own.effect.unstack()["scaling"])
    assert set(signs) == {-1, 1}  # "and either way"


def test_what_the_page_says_of_loud_noise_and_of_bands_is_so(edition: outcomes.Outcome) -> None:
    gains = tables.gain_by_group(edition.groups, "chirps", 0).set_index(["network", "group"])
    for network in ("neuron", "small"):  # "that is so of both nets"
        assert gains.low[network, "−10…0 dB"] > gains.high[network, "10…20 dB"]
    assert gains.gain["small", "−10…0 dB"] < 0.02  # "for next to nothing"
    forest = tc.differences(edition.results, 0)
    bands = forest[(forest.task == "textures") & (forest.network == "neuron")]
    bands = bands[bands.arm.isin(arms.COLOURS)]
    assert (bands.difference > 0.1).all() and (bands.low <= 0).sum() == 1  # "of one of them"


def test_masks_hide_bands_of_copies_that_are_trained_on_alone(texture_task: Task) -> None:
    own = masked(texture_task, copies=3)
    count = len(texture_task.db)
    np.testing.assert_array_equal(own.db[:count], texture_task.db)
    assert own.train.tolist() == list(range(count, count + 3 * len(texture_task.train)))
    rows = np.tile(texture_task.train, 3)
    np.testing.assert_array_equal(own.targets[own.train], texture_task.targets[rows])
    mean = texture_task.db[texture_task.train].mean()
    hidden = own.db[own.train] != texture_task.db[rows]
    assert (own.db[own.train][hidden] == mean).all()
    rows_hidden, columns_hidden = hidden.all(2).sum(1), hidden.all(1).sum(1)
    assert set(rows_hidden) == set(columns_hidden) == set(range(5))
    either = hidden.all(2)[:, :, None] | hidden.all(1)[:, None]
    np.testing.assert_array_equal(hidden, either)  # whole bands, and nothing else


def test_arms_that_hear_have_three_channels_and_no_textures() -> None:
    hear = replace(SMALL, tasks=("textures", "chirps"), arms=("raw", "viridis", "phase", "pcen"))
    known = load_tasks(hear)
    assert not known["textures"].heard
    for arm in ("windows", "phase", "pcen"):
        found = encoded(known["chirps"], arm, "equal_energy", "global", 0)
        train = found[known["chirps"].train]
        assert found.shape[1:] == (3, SIDE, SIDE)
        assert np.mean(train**2) == pytest.approx(1, rel=1e-4)
    asked = {(t.task, t.arm) for t in design.tuning_trials(hear, known)}
    assert ("chirps", "phase") in asked and ("textures", "phase") not in asked


def test_nets_without_normalisation_have_none_and_are_more_than_a_neuron() -> None:
    assert not arms.architecture("small", "viridis-plain", 4).normalise
    assert ARMS["raw-plain"].fits("textures", "small")
    assert not ARMS["raw-plain"].fits("textures", "neuron")


def test_what_is_trained_otherwise_is_told_apart_from_what_is_fed() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(0.5, 0.1, 8)
    gains = {"raw": 0.0, "viridis": 0.1, "raw-masks": 0.2, "viridis-masks": 0.25}
    rows = [
        {"stage": "final", "task": "chirps", "network": "small", "arm": arm, "fraction": 1.0}
        | {"scale": "equal_energy", "scaling": "global", "seed": seed, "diverged": -1}
        | {"test": level[seed] + gain + rng.normal(0, 1e-3), "train": 0.0}
        for arm, gain in gains.items()
        for seed in range(8)
    ]
    found = beside.otherwise(pd.DataFrame(rows)).set_index(["way", "estimand"]).difference
    assert found["masks", "raw"] == pytest.approx(0.2, abs=2e-3)
    assert found["masks", "colour"] == pytest.approx(0.05, abs=2e-3)
    assert found["masks", "more"] == pytest.approx(-0.05, abs=2e-3)
    assert set(found.index.unique("way")) == {"masks"}


def test_what_the_page_says_of_three_channels_and_of_training_otherwise(
    edition: outcomes.Outcome,
) -> None:
    results = edition.results
    spent = beside.differences(results)
    small = spent[spent.network == "small"].set_index(["reference", "arm", "task"])
    small = small.decided.sort_index()
    assert beside.best_spent(spent, "small")[0] == "pcen"  # "gives most"
    for task in ("instruments", "spoken-words"):
        assert small["raw", "pcen", task] == 1
    helping = small["raw"].xs("chirps", level="task")
    assert helping.index[helping == 1].tolist() == ["windows"]  # "the only way"
    recorded = small["colour", "windows"][list(beside.RECORDED)]
    assert (recorded == 1).all()  # "they beat the colormaps there"
    assert (small["raw", "phase"] < 1).all()
    habits = beside.otherwise(results).set_index(["way", "estimand", "task"]).sort_index()
    assert (habits.decided["masks", "more"] == 0).all()  # "change nothing about colour"
    assert habits.decided["masks", "raw", "spoken-words"] == -1
    words = habits.xs("spoken-words", level="task")
    assert words.decided["plain", "colour"] == 1 and words.decided["plain", "raw"] == -1
    assert words.difference["plain", "colour"] < words.difference["plain", "more"]  # "no better"
    assert habits.decided["plain", "more", "textures"] == -1
    assert habits.decided["plain", "colour", "textures"] == 1
    rates = edition.rates[
        edition.rates.arm.isin([arm for two in beside.OTHERWISE.values() for arm in two])
    ]
    assert not rates.edge.any()  # "none ends its list"
    right = beside.came_true_otherwise(habits.reset_index()).set_index("estimand").hit
    assert right.tolist() == [False, True, True]


def test_every_group_is_tested_once_a_repeat_and_never_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = replace(SMALL, tasks=("instruments",), folds=3, fold_repeats=2)
    told: dict[str, list[np.ndarray]] = {}

    def one(title: str, audio: Any, tested: np.ndarray, *_: Any) -> Task:
        told[title] = [np.unique(audio.groups[tested == side]) for side in (False, True)]
        assert len(np.unique(audio.labels[tested])) == len(audio.label_names)
        return real(title, audio, tested, *_)

    real = tasks._one_fold
    monkeypatch.setattr(tasks, "_one_fold", one)
    found = folded(how)
    assert list(found) == list(told) == [f"instruments, fold {k}" for k in range(1, 7)]
    everybody = sorted({str(group) for parts in told.values() for part in parts for group in part})
    for repeat in (0, 1):
        mine = [told[f"instruments, fold {3 * repeat + k}"] for k in (1, 2, 3)]
        assert sorted(np.concatenate([part[1] for part in mine]).tolist()) == everybody
        assert all(not np.intersect1d(*parts).size for parts in mine)
    first, other = (told[f"instruments, fold {k}"][1].tolist() for k in (1, 4))
    assert first != other  # dealt anew
    for task in found.values():
        assert not np.intersect1d(task.train, task.test).size and not task.validation.size
    only = folded(replace(how, tasks=("instruments, fold 5",)))
    assert list(only) == ["instruments, fold 5"]
    np.testing.assert_array_equal(only["instruments, fold 5"].db, found["instruments, fold 5"].db)


def test_folds_have_wide_intervals_and_stand_beside_the_one_split() -> None:
    rng = np.random.default_rng(0)
    gain = rng.normal(0.1, 0.02, 10)
    every = (*arms.COLOURS, "raw", "gray3", "raw-wide")
    label = {"network": "small", "scale": "equal_energy", "scaling": "global", "diverged": -1}
    rows = [
        label | {"stage": "folds", "task": f"instruments, fold {k + 1}", "arm": arm, "seed": seed}
        | {"test": 0.5 + (gain[k] if arm in arms.COLOURS else 0.0) + 0.01 * seed}
        for k, arm, seed in product(range(10), every, range(2))
    ]  # fmt: skip
    split = [
        label | {"stage": "final", "task": "instruments", "arm": arm, "seed": seed, "fraction": 1.0}
        | {"test": 0.5 - 0.1 * (arm in arms.COLOURS)}
        for arm, seed in product(every, range(3))
    ]  # fmt: skip
    found = beside.over_folds(pd.DataFrame(rows), pd.DataFrame(split), 5).set_index("arm")
    row = found.loc["colour"]
    assert row.difference == pytest.approx(gain.mean()) and row.folds == 10
    half = stats.t.ppf(0.975, 9) * gain.std(ddof=1) * np.sqrt(1 / 10 + 1 / 4)
    assert row.high - row.difference == pytest.approx(half)
    assert row.one_split == pytest.approx(-0.1) and not row.same_side


def test_what_the_page_says_of_other_speakers(edition: outcomes.Outcome) -> None:
    found = beside.over_folds(edition.folds, edition.results, tc.SETTINGS["edition"].folds)
    colour = found[found.arm == "colour"].set_index(["network", "task"])
    small, neuron = colour.xs("small"), colour.xs("neuron")
    assert small.decided["spoken-words"] == -1 and small.high["spoken-digits"] < 0  # "cost"
    assert small.low["instruments"] < 0 < small.high["instruments"]  # "nothing can be told"
    assert neuron.low["spoken-words"] > 0  # "may even help a little"
    assert found.same_side[found.split_decided != 0].all()  # "all"
