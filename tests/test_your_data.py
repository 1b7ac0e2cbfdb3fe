"""The chapter's own: what is written beside the report, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis import your_data
from analysis.audit import plan, words
from analysis.audit.crossvalidation import Outcome, run
from analysis.audit.cues import cues, twins
from analysis.audit.differences import differences
from analysis.audit.handover import Prepared
from analysis.audit.words import recommendation
from analysis.building import command, own_data
from analysis.building.book import Book
from analysis.publishing import report
from analysis.publishing.execution import Spec
from analysis.publishing.provenance import Run
from analysis.your_data import drawable
from tests.audit.sets import made
from tests.conftest import ROOT


def test_all_that_is_written_can_be_read_again(outcome: Outcome, tmp_path: Path) -> None:
    found = differences(outcome)
    everything = (outcome, found, cues(outcome.data, 2), twins(outcome.data))
    results = your_data.results_of(*everything)
    report.save(tmp_path, results, your_data.tables(*everything))
    assert json.loads((tmp_path / "results.json").read_text())["data"]["recordings"] == 48
    assert len(pd.read_csv(tmp_path / "recordings.csv")) == 48
    assert pd.read_csv(tmp_path / "left-out.csv").reason.tolist() == ["silent"]


@pytest.mark.slow
def test_on_the_demonstration_the_net_learns_what_scaling_throws_away() -> None:
    """The page shows a report on a set of which something is known: loudness tells the class."""
    prepared = your_data.prepared("")
    data = prepared.recordings
    assert len(data.left_out) == 5 and len(data) < 250
    outcome = run(data, prepared.plan, executor="serial")
    often = np.bincount(data.labels).max() / len(data)
    assert np.nanmean(outcome.hits("small", "raw")) > often + 0.1
    found = differences(outcome)
    assert "Be careful" not in recommendation(outcome, found)
    audit = cues(data, prepared.plan.folds).set_index("cue")
    assert audit.index[audit.given].tolist() == ["level"]
    (scaling,) = (one for one in found if one.name == "scaling")
    assert scaling.verdict == "hurts" and scaling.interval.high < -0.1


def test_what_is_foretold_does_not_look_at_the_test_set() -> None:
    rng = np.random.default_rng(0)
    db = rng.normal(size=(60, 6, 6)) - 40
    db[::2] *= 1.5
    data = made(db, np.arange(60) % 2)
    split = np.where(np.arange(60) < 40, "train", "test")
    said = your_data.foretold(replace(data, split=split))
    assert said is not None and said.index.known
    other = db.copy()
    other[40:] = rng.normal(size=(20, 6, 6))
    assert your_data.foretold(made(other, np.arange(60) % 2, split=split)) == said
    assert your_data.foretold(data) != said


def test_what_was_foretold_is_judged_by_the_small_net(outcome: Outcome) -> None:
    found = differences(outcome)
    said = your_data.foretold(outcome.data)
    assert said is not None
    before, after = your_data.told(said, found, outcome.colormap)
    assert your_data.told(said) == [before] and before.startswith("Band index")
    came = next(one for one in found if (one.network, one.name) == ("small", outcome.colormap))
    assert said.outcome(came.interval) == after and "prediction was" in after
    sections = words.sections(outcome, found, cues(outcome.data, 2), twins(outcome.data), [before])
    assert any(section.get("texts") == [before] for section in sections)


def test_with_three_groups_nothing_is_foretold() -> None:
    data = made(np.zeros((12, 4, 4)), np.arange(12) % 2, groups=np.array(list("abc") * 4))
    assert your_data.foretold(data) is None
    assert "no prediction" in your_data.told(None, [], "viridis")[0]


def test_names_in_figures_are_harmless() -> None:
    assert drawable(["a$b$", "猫", "x" * 40]) == [r"a\$b\$", "?", "x" * 17 + "…"]


def test_a_report_escapes_what_the_data_say(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=y>"
    table = pd.DataFrame({evil: [evil]})
    section = report.Section(evil, texts=[evil], notes=[evil], table=table)
    report.write(tmp_path / "r.html", Run("c", str(tmp_path)), evil, [evil], [section])
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "<script" not in text and "<img" not in text and text.count("&lt;script&gt;") == 8
    assert "http" not in text.replace("http-equiv", "")


def commanded(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, list[Spec]]:
    """Run the command with the chapter's execution played."""
    specs: list[Spec] = []

    def played(book: Book, spec: Spec, advance: object) -> None:
        del book, advance
        specs.append(spec)
        handed = Prepared.load(Path(spec.overrides["handed"]))
        assert handed.recordings.name == Path(spec.overrides["data"]).name
        place = Path(spec.directory)
        place.mkdir(parents=True, exist_ok=True)
        Run(**(spec.run | {"directory": ""})).save(place / "run.json")
        results = {"headline": "H.", "recommendation": "R.", "left_out": [1]}
        results["forecast"] = ["Before.", "After."]
        (place / "results.json").write_text(json.dumps(results))

    monkeypatch.setattr(command, "run_chapter", played)
    monkeypatch.setattr(plan, "speed", lambda: 0.001)
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
        assert said.index("Band index") < said.index("H.\nAfter.\nR.") and "Before." not in said
        assert "1 file was left out" in said and "report.html" in said
        assert specs[0].overrides["data"] == str(folder) and specs[0].overrides["minutes"] == 1
        assert not any("progress" in path.name for path in folder.rglob("*"))
        handed = Path(specs[0].overrides["handed"])
        assert handed.suffix == ".npz" and not handed.exists() and folder not in handed.parents


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
