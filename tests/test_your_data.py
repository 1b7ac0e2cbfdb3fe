"""The report's statistics: planted truths, resumption, and words that follow from the numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis import your_data
from analysis.audit.listing import DataError, LeftOut
from analysis.audit.recordings import Recordings
from analysis.audit.untrusted import FrontEnd
from analysis.building import command, own_data
from analysis.building.book import Book
from analysis.building.execution import Spec
from analysis.evidence.statistics import Interval
from analysis.publishing import report
from analysis.publishing.provenance import Run
from analysis.sound import signals
from analysis.your_data import (
    Difference,
    Outcome,
    Plan,
    choose_plan,
    compare,
    cues,
    differences,
    drawable,
    folds_of,
    headline,
    neutral,
    recommendation,
    run,
)
from tests.conftest import ROOT

TINY = Plan(8, folds=2, repeats=2, steps=12, most=1000, shares=(0.5,), colours=("jet",))


def made(db: np.ndarray, labels: np.ndarray, **more: Any) -> Recordings:
    """A set of arrays in decibels, as `load` would give it."""
    count, rows, columns = db.shape
    plain = {
        "name": "made",
        "planes": db[:, None].astype(np.float32),
        "labels": labels.astype(np.int64),
        "label_names": tuple(f"class {k}" for k in range(labels.max() + 1)),
        "groups": np.full(count, ""),
        "split": np.full(count, ""),
        "files": np.array([f"{i}.npy" for i in range(count)]),
        "measures": pd.DataFrame({"padding": np.zeros(count), "clipped": np.zeros(count)}),
        "left_out": (LeftOut("x.wav", "silent"),),
        "notes": (),
        "front": FrontEnd("arrays", source=(rows, columns), size=(rows, columns)),
        "decibels": True,
    }
    return Recordings(**(plain | more))


def noise(count: int, side: int, seed: int) -> Recordings:
    rng = np.random.default_rng(seed)
    return made(5 * rng.normal(size=(count, side, side)) - 40, np.arange(count) % 2)


def claims(found: list[Difference]) -> list[tuple[str, str, str]]:
    return [
        (one.network, one.name, one.verdict)
        for one in found
        if one.verdict in ("helps", "hurts") and one.name != "again"
    ]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """Everything that a report needs, on noise."""
    return run(noise(48, 8, 0), TINY, executor="serial")


# --- planted truths --------------------------------------------------------------------------


def test_where_only_level_bands_differ_colour_helps_a_limited_net() -> None:
    db, labels = signals.textures(200, seed=0, contrast=0.8)
    plan = Plan(16, folds=2, repeats=4, steps=60, most=1000, shares=(), colours=())
    found = differences(
        run(made(db, labels), plan, colormap="jet", executor="serial", parts=("encodings",))
    )
    assert ("limited", "jet", "helps") in claims(found)
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


@pytest.mark.parametrize("seed", range(2))
def test_on_pure_noise_nothing_helps(seed: int) -> None:
    assert claimed_on_noise(seed) == []


@pytest.mark.slow
def test_on_pure_noise_nothing_helps_in_nearly_all_of_forty_reports() -> None:
    """Not one of all that a report compares may be claimed, in at least 95 % of the reports."""
    silent = [claimed_on_noise(seed) == [] for seed in range(40)]
    assert np.mean(silent) >= 0.95


# --- comparisons -----------------------------------------------------------------------------


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


# --- folds -----------------------------------------------------------------------------------


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


# --- running ---------------------------------------------------------------------------------


def test_an_interrupted_run_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    real, done = your_data._train_unit, []

    def dying(*arguments: Any) -> dict[str, Any]:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(arguments[1])
        return real(*arguments)

    data = noise(48, 8, 0)
    monkeypatch.setattr(your_data, "_train_unit", dying)
    monkeypatch.setattr(your_data, "_code", lambda: "the same")
    with pytest.raises(KeyboardInterrupt):
        run(data, TINY, executor="serial", store=tmp_path)
    progress = json.loads((tmp_path / "progress.json").read_text())
    entries = sum(len(unit.entries) for unit in done[2:])  # the two units before tune the rates
    assert progress["what"] == "networks" and progress["seconds_left"] > 0
    assert 0 < progress["done"] == entries < progress["total"]
    finished = sorted((tmp_path / "runs").iterdir())
    assert len(finished) == 4
    finished[0].write_bytes(b"half a file")
    monkeypatch.setattr(your_data, "_train_unit", lambda *a: done.append(a[1]) or real(*a))
    again = run(data, TINY, executor="serial", store=tmp_path)
    units = 2 + TINY.folds * TINY.repeats * 3
    assert len(done) == units + 1  # the damaged one twice, no other
    assert len(list((tmp_path / "runs").iterdir())) == units
    progress = json.loads((tmp_path / "progress.json").read_text())
    assert progress["done"] == progress["total"] and progress["seconds_left"] == 0
    for part, guessed in outcome.predicted.items():
        np.testing.assert_array_equal(again.predicted[part], guessed)


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


def test_a_time_budget_buys_more_the_longer_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(your_data, "_speed", lambda: 0.001)
    plans = [choose_plan(minutes, 2) for minutes in (0.1, 1, 5, 20, 60, 600)]
    places = [your_data.LADDER.index(plan) for plan in plans]
    assert places == sorted(places) and places[0] == 0 and places[-1] > places[1]
    costs = [plan.seconds(0.001, 1) for plan in your_data.LADDER]
    assert costs == sorted(costs)
    kept = choose_plan(5, 2, tmp_path)
    monkeypatch.setattr(your_data, "_speed", lambda: 1.0)
    assert choose_plan(5, 2, tmp_path) == kept  # an interrupted run keeps its plan
    with pytest.raises(DataError, match="minutes must be positive"):
        choose_plan(0)


def test_pictures_as_saved_are_compared_with_recovered_levels() -> None:
    data = noise(40, 8, 0)
    planes = np.random.default_rng(0).random((40, 4, 8, 8)).astype(np.float32)
    front = FrontEnd("images", source=(8, 8), size=(8, 8), colormap="viridis")
    data = replace(data, planes=planes, front=front, decibels=False, share_on_map=0.99)
    assert "saved" in your_data.arms_of(data, TINY, "viridis")
    plan = replace(TINY, repeats=1, shares=())
    found = run(data, plan, executor="serial", parts=("encodings",))
    assert ("saved", 1.0) in found.entries["small"]
    assert "viridis: 99.0\N{NO-BREAK SPACE}% of their pixels" in your_data._told_of_pictures(data)


# --- tables, audit ---------------------------------------------------------------------------


def test_tables_are_consistent(outcome: Outcome) -> None:
    found = differences(outcome)
    table = your_data.accuracies(outcome, found)
    raw = table[(table.network == "small") & (table.arm == "raw")].iloc[0]
    assert raw.test == pytest.approx(np.mean(outcome.hits("small", "raw")))
    assert (table.test_low <= table.test).all() and (table.test <= table.test_high).all()
    taken = your_data.step_table(outcome, found)
    assert taken["to"].iloc[-1] == pytest.approx(np.mean(outcome.hits("steps", "63")))
    assert taken["from"].iloc[0] == pytest.approx(np.mean(outcome.hits("steps", "0")))
    confusion = your_data.confusion(outcome, "raw")
    np.testing.assert_allclose(confusion.sum(1), 1)
    np.testing.assert_allclose(np.trace(confusion) / 2, raw.test)  # the classes are equally many
    curve = your_data.learning_curve(outcome)
    assert set(curve.share) == {0.5, 1.0} and curve["count"].max() == 24
    runs = outcome.hits("small", "again") - outcome.hits("small", "raw")
    parts = [
        run[dealt == fold].mean()
        for run, dealt in zip(runs, outcome.folds, strict=True)
        for fold in range(outcome.folds.max() + 1)
    ]
    assert your_data.noise_floor(outcome) == pytest.approx(
        1.96 * np.sqrt(np.mean(np.square(parts)))
    )
    assert list(your_data.examples(outcome)) == ["class 0", "class 1"]
    assert set(your_data.level_use(outcome.data).scaling) == {"one range", "each image's own"}


def test_padding_that_gives_the_class_away_is_found() -> None:
    data = noise(60, 8, 0)
    rng = np.random.default_rng(0)
    measures = pd.DataFrame(
        {"padding": 0.3 * data.labels + rng.random(60) / 10, "clipped": rng.random(60)}
    )
    table = cues(replace(data, measures=measures)).set_index("cue")
    assert table.verdict["padding"] == "helps" and table.accuracy["padding"] > 0.95
    assert table.verdict["clipped"] != "helps"


def test_all_that_is_written_can_be_read_again(outcome: Outcome, tmp_path: Path) -> None:
    found = differences(outcome)
    audit = cues(outcome.data, 2)
    results = your_data.results_of(outcome, found, audit)
    report.save(tmp_path, results, your_data.tables(outcome, found, audit))
    assert json.loads((tmp_path / "results.json").read_text())["data"]["recordings"] == 48
    assert len(pd.read_csv(tmp_path / "recordings.csv")) == 48
    assert pd.read_csv(tmp_path / "left-out.csv").reason.tolist() == ["silent"]


# --- words -----------------------------------------------------------------------------------


def difference(name: str, network: str, estimate: float, verdict: str) -> Difference:
    interval = Interval(estimate, estimate - 0.01, estimate + 0.01)
    return Difference(name, network, interval, 0.5, False, 0.03, verdict)


def told(
    outcome: Outcome, small: str = "not resolved", limited: str = "not resolved", **steps: str
) -> tuple[str, str]:
    found = [
        difference("viridis", "small", 0.02, small),
        difference("viridis", "limited", 0.05, limited),
        difference("gray3", "small", 0.0, "not resolved"),
        *(
            difference(name, "steps", 0.08 if steps.get(name) == "helps" else -0.032, verdict)
            for name in your_data.STEPS
            for verdict in [steps.get(name, "not resolved")]
        ),
    ]
    return headline(outcome, found), recommendation(outcome, found)


def test_the_headline_says_what_the_numbers_say(outcome: Outcome) -> None:
    text, advice = told(outcome, small="no difference worth having", log="helps", scaling="hurts")
    assert text.startswith(
        "On your data, viridis − raw = +2.0 points (95 % interval +1.0 … +3.0): "
        "no difference worth having."
    )
    assert "What helps is log-compression (+8.0)." in text
    assert text.endswith("Per-image scaling costs you 3.2.")
    assert "three times as large for nothing" in advice and "one range" in advice
    assert "only 3.0 points or more would have been seen" in told(outcome)[0]
    assert "could not tell viridis from raw" in told(outcome)[1]
    assert "colour helps" in told(outcome, small="helps")[0]
    assert told(outcome, small="helps")[1].startswith("Use viridis")
    assert "makes the small net worse" in told(outcome, small="hurts")[1]
    text, advice = told(outcome, small="no difference worth having", limited="helps")
    assert "limited to one filter a class: +5.0" in text and "a layer more" in advice


def test_a_set_that_is_too_easy_or_too_hard_is_told(outcome: Outcome) -> None:
    assert "may have learned nothing" in recommendation(outcome, differences(outcome))
    sure = {
        part: np.where(p == -2, p, outcome.data.labels) for part, p in outcome.predicted.items()
    }
    right = replace(outcome, predicted=sure)
    assert recommendation(right, differences(right)).endswith("too easy to tell encodings apart.")


def test_names_in_figures_and_tables_are_harmless() -> None:
    assert drawable(["a$b$", "猫", "x" * 40]) == [r"a\$b\$", "?", "x" * 17 + "…"]
    risky = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "x=1"]
    assert neutral(pd.DataFrame({"x": risky})).x.tolist() == [
        *("'" + text for text in risky[:-1]),
        "x=1",
    ]
    assert neutral(pd.DataFrame({"x": [-1.5]})).x.tolist() == [-1.5]


def test_a_report_escapes_what_the_data_say(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=y>"
    table = pd.DataFrame({evil: [evil]})
    section = report.Section(evil, texts=[evil], notes=[evil], table=table)
    report.write(tmp_path / "r.html", Run("c", str(tmp_path)), evil, [evil], [section])
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "<script" not in text and "<img" not in text and text.count("&lt;script&gt;") == 8
    assert "http" not in text.replace("http-equiv", "")


def test_every_section_of_a_report_is_written(outcome: Outcome, tmp_path: Path) -> None:
    found = differences(outcome)
    sections = your_data.sections(outcome, found, cues(outcome.data, 2))
    figures = [id for section in sections for id in section.get("figures", ())]
    (tmp_path / "figures").mkdir()
    for id in figures:
        (tmp_path / "figures" / f"{id}.svg").write_text("<svg/>")
        (tmp_path / "figures" / f"{id}.json").write_text('{"alt": "a", "caption": "c"}')
    parts = [report.Section(**section) for section in sections]
    report.write(tmp_path / "r.html", Run("c", str(tmp_path)), "title", ["first"], parts)
    text = (tmp_path / "r.html").read_text("utf-8")
    assert text.count("data:image/svg+xml") == len(figures) == 6
    assert "Left out: 1 file<" in text and "x.wav" in text


# --- the command -----------------------------------------------------------------------------


def commanded(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, list[Spec]]:
    """Run the command with the chapter's execution played."""
    specs: list[Spec] = []

    def played(book: Book, spec: Spec, advance: object) -> None:
        del book, advance
        specs.append(spec)
        place = Path(spec.directory)
        place.mkdir(parents=True, exist_ok=True)
        Run(**(spec.run | {"directory": ""})).save(place / "run.json")
        results = {"headline": "H.", "recommendation": "R.", "left_out": [1]}
        (place / "results.json").write_text(json.dumps(results))

    monkeypatch.setattr(command, "run_chapter", played)
    monkeypatch.setattr(your_data, "_speed", lambda: 0.001)
    result = CliRunner().invoke(command.main, ["--root", str(ROOT), "your-data", *arguments])
    return result.exit_code, result.output, specs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(6):
            np.save(tmp_path / "data" / name / f"{i}.npy", rng.random((8, 8)))
    return tmp_path / "data"


def test_the_command_reports(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = ["--output", str(tmp_path / "out"), "--checkpoints", str(tmp_path / "store")]
    for _ in range(2):  # again into the same folder
        code, said, specs = commanded(monkeypatch, str(folder), "--minutes", "1", *places)
        assert code == 0, said
        assert "H.\nR." in said and "1 file was left out" in said and "report.html" in said
        assert specs[0].overrides["data"] == str(folder) and specs[0].overrides["minutes"] == 1
        assert not any("progress" in path.name for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "There is no folder"),
        (["{data}", "--minutes", "-1"], "minutes must be positive"),
        (["{data}", "--group", "("], "no regular expression"),
        (["{data}", "--values", "amps"], "values may be"),
        (["{data}", "--output", "{data}/out"], "lies in the data folder"),
        (["{data}", "--output", "{data}/.."], "exists and holds no report"),
        (["{data}", "--checkpoints", "{data}/s"], "lies in the data folder"),
        (["{data}", "--checkpoints", "{data}/.."], "would be written"),
    ],
)
def test_the_command_stops_with_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    filled = [text.format(data=folder) for text in arguments]
    code, output, specs = commanded(monkeypatch, "--checkpoints", "none", *filled)
    assert code != 0 and said in output and specs == []
    assert "Traceback" not in output


def test_results_of_another_folder_are_not_replaced(folder: Path, tmp_path: Path) -> None:
    def place(data: Path) -> Path:
        return own_data._output(own_data.Request(tmp_path, data, None, {}))

    first = place(folder)
    first.mkdir(parents=True)
    Run("your-data", "", {"data": str(folder)}).save(first / "run.json")
    assert place(folder) == first == tmp_path / "_build" / "your-data" / "data"
    other = tmp_path / "other" / "data"
    other.mkdir(parents=True)
    assert place(other) != first and place(other).name.startswith("data-")
