"""A tiny study through its whole life: measured, killed, resumed, read, doubted, damaged."""

from __future__ import annotations

import errno
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from analysis.building import graph, measuring
from analysis.building.book import Book, BuildError
from analysis.building.command import main
from analysis.comparisons import studies
from analysis.evidence import measurements
from analysis.evidence.measurements import Damaged, Disagreement
from analysis.nets import sweeps
from tests.conftest import ROOT

TRAINER = '''"""Trains nets whose scores are a formula."""

import pandas as pd

from analysis.nets import sweeps
from tinybook import shared

CALLS = []


def train(arm, seed):
    """Train."""
    CALLS.append((arm, seed))
    if len(CALLS) > shared.LIMIT:
        raise KeyboardInterrupt
    return {"test": 0.7 + shared.FACTOR * 0.001 * ((7 * seed + len(arm)) % 5)}


def table(rows, **how):
    work = [
        sweeps.Work(sweeps.fingerprint(arm, seed, shared.FACTOR), train, (arm, seed))
        for arm, seed in rows
    ]
    found = sweeps.run(work, **(how | {"executor": "serial"}))
    tests = [(arm, seed, one["test"]) for (arm, seed), one in zip(rows, found)]
    return pd.DataFrame(tests, columns=["arm", "seed", "test"])


def measure(settings, seed, **how):
    rows = [(arm, seed) for arm in settings.arms for seed in range(settings.seeds)]
    return {"nets": table(rows, **how)}


def again(rows, settings, seed, **how):
    pairs = list(zip(rows.arm, rows.seed))
    return table(pairs, **how).set_index(rows.index)
'''

MODULE = '''"""The chapter's module."""

from dataclasses import dataclass

from analysis.comparisons.studies import Study
from tinybook import trainer


@dataclass(frozen=True)
class Size:
    arms: tuple = ("raw", "viridis")
    seeds: int = 5


STUDY = Study(
    "one",
    trainer,
    Size(),
    {"nets": {"arm": "text", "seed": "count", "test": "number"}},
    ("arm", "seed"),
    (),
    trainer.measure,
    trainer.again,
    lambda nets: nets.seed >= 0,
    lambda settings, seed: (settings.seeds * len(settings.arms), 120.0),
)
'''


def forget() -> None:
    """Read the code of modules anew: it changed under a running process, as it never does else."""
    for cached in (sweeps._code_of, sweeps._imported, sweeps._graph):
        cached.cache_clear()


@pytest.fixture
def book(tiny: Book, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    package = tiny.root / "src" / "tinybook"
    (package / "trainer.py").write_text(TRAINER)
    (package / "one.py").write_text(MODULE)
    change(tiny)
    (tiny.root / "measurements").mkdir()
    (tiny.root / "measurements" / "README.md").write_text("Measurements.")
    monkeypatch.chdir(tiny.root)
    forget()
    yield tiny
    forget()


def change(book: Book, *, factor: int = 3, limit: int = 9999, more: str = "") -> None:
    """Write the code that the trainer imports, and let a module that is loaded know."""
    text = f"FACTOR = {factor}\nLIMIT = {limit}\n{more}"
    (book.root / "src" / "tinybook" / "shared.py").write_text(text)
    import sys

    if "tinybook.shared" in sys.modules:
        sys.modules["tinybook.shared"].FACTOR = factor  # type: ignore[attr-defined]
        sys.modules["tinybook.shared"].LIMIT = limit  # type: ignore[attr-defined]
    forget()


def command(book: Book, *arguments: str) -> Result:
    root = ["--root", str(book.root), "--package", "tinybook"]
    return CliRunner().invoke(main, [*root, "measure", *arguments])


def place(book: Book) -> Path:
    return book.root / "measurements" / "one"


@pytest.fixture
def measured(book: Book) -> Book:
    found = command(book)
    assert found.exit_code == 0, found.output
    return book


def spoil(book: Book, by: float, *, forge: bool) -> str:
    """Change one stored score, and the checksum too if it is to be hidden; the net's key."""
    path = place(book) / "nets.csv"
    lines = path.read_text().splitlines()
    arm, seed, test = lines[3].split(",")
    lines[3] = f"{arm},{seed},{float(test) + by:.9g}"
    path.write_text("\n".join(lines) + "\n")
    if forge:
        manifest = json.loads((place(book) / "manifest.json").read_text())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest["files"]["nets"]["sha256"] = digest
        (place(book) / "manifest.json").write_text(json.dumps(manifest))
    return f"{arm}/{seed}"


def test_what_is_missing_is_measured_and_what_is_current_is_not(book: Book) -> None:
    assert command(book, "--list").output.strip() == "one: missing"
    found = command(book)
    assert "10 nets, about 2 min of one core" in found.output
    assert "nets: 10 rows, new" in found.output
    stored = measurements.load(place(book))
    assert stored.manifest.counts == {"nets": 10}
    assert stored.manifest.edition == measurements.EDITION
    assert stored.manifest.machine == measurements.machine()
    assert stored.tables["nets"].test[2] == pytest.approx(0.7 + 0.003 * ((7 * 2 + 3) % 5))
    assert command(book).output.strip() == "one: current"
    before = (place(book) / "nets.csv").read_bytes()
    assert "no table changed" in command(book, "--all").output
    assert (place(book) / "nets.csv").read_bytes() == before
    assert sorted(path.name for path in place(book).parent.iterdir()) == ["README.md", "one"]


def test_a_killed_measurement_goes_on_where_it_was(book: Book) -> None:
    (study,) = measuring.find(book)
    calls = study.module.CALLS
    change(book, limit=6)
    with pytest.raises(KeyboardInterrupt):
        measuring.measure(book, study, "make measure", executor="serial")
    assert not place(book).exists()
    assert len(calls) == 7  # the last one died
    calls.clear()
    change(book)
    measuring.measure(book, study, "make measure", executor="serial")
    assert len(calls) == 4
    assert measuring.state_of(book, study) == "current"


def test_a_sample_that_agrees_is_told(measured: Book) -> None:
    (study,) = measuring.find(measured)
    found = studies.evidence(study, study.settings, 0, "commit", count=4)
    assert found.check is not None
    assert (found.check.nets, found.check.same, found.check.exact) == (4, 4, True)
    assert "4 of 10 nets trained again here: all 4 to the same bits" in studies.told(found)
    other = studies.evidence(study, study.settings, 0, "another commit", count=4)
    assert other.check is not None
    assert set(other.check.table.net) != set(found.check.table.net)


def test_what_the_edition_does_not_have_is_trained(
    measured: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    (study,) = measuring.find(measured)
    found = studies.evidence(study, type(study.settings)(("raw",), 2), 0)
    assert found.check is None and len(found.tables["nets"]) == 2
    assert "2 nets to be trained, about 2 min of one core" in capsys.readouterr().err


@pytest.mark.parametrize("by", [0.03, -0.03])
def test_a_spoilt_score_is_noticed_by_its_checksum(measured: Book, by: float) -> None:
    spoil(measured, by, forge=False)
    with pytest.raises(Damaged, match=r"nets\.csv does not match its checksum: fetch it again"):
        measurements.load(place(measured))
    assert "damaged" in command(measured, "--list").output


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_forged_score_is_noticed_when_it_is_drawn(
    measured: Book, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its checksum forged too: found by as large a share of the builds as nets are drawn."""
    key = spoil(measured, 0.03, forge=True)
    if elsewhere:
        machine = measurements.machine() | {"processor": "another"}
        monkeypatch.setattr(measurements, "machine", lambda: machine)
        monkeypatch.setattr(studies, "CHANCE", 0.5)  # few seeds make a wide bound
    (study,) = measuring.find(measured)
    noticed = []
    for build in range(40):
        try:
            studies.evidence(study, study.settings, 0, f"commit {build}", count=3)
        except Disagreement as error:
            noticed.append(str(error))
    assert 4 <= len(noticed) <= 22  # 12 expected, a deviation of 3
    for told in noticed:
        assert f"net {key} scored 0.7" in told
        assert f"python -m analysis measure one --net '{key}'" in told
    found = command(measured, "one", "--net", key)
    assert "as stored" in found.output and found.exit_code == 0


@pytest.mark.parametrize(("by", "share"), [(0.03, 0.5), (0.008, 0)])
def test_nets_that_are_measured_at_once_are_drawn_at_once_and_held_to_a_bound(
    measured: Book, by: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two arms one is drawn, whole; where no seeds tell, the study says what is too far."""
    machine = measurements.machine() | {"processor": "another"}
    monkeypatch.setattr(measurements, "machine", lambda: machine)
    spoil(measured, by, forge=True)
    (found,) = measuring.find(measured)
    study = replace(found, together=("arm",), bound=0.01, sample=1, unit=("scores", "measured"))
    noticed = []
    for build in range(20):
        try:
            told = studies.told(studies.evidence(study, study.settings, 0, f"commit {build}"))
            assert "5 of 10 scores measured again here: " in told
        except Disagreement as error:
            noticed.append(str(error))
    assert len(noticed) == pytest.approx(20 * share, abs=7 * bool(share))
    assert all("at most 0.01 apart" in told for told in noticed)


def test_what_is_compared_may_be_computed_from_the_tables(measured: Book) -> None:
    (found,) = measuring.find(measured)
    study = replace(
        found,
        key=("arm",),
        compared=lambda tables: tables["nets"].groupby("arm").test.mean().reset_index(),
        here=lambda rows: rows.arm == "raw",
        again=lambda rows, settings, seed, **how: rows.assign(test=rows.test + 1e-4),
        bound=0.01,
        sample=9,
    )
    told = studies.told(studies.evidence(study, study.settings, 0))
    assert "1 of 2 nets trained again here: 0 to the same bits" in told
    assert "(at most 0.000 apart)" in told


def test_what_was_locked_before_stays_when_a_study_is_stored(measured: Book) -> None:
    for name in measurements.LOCKED:
        (place(measured) / name).write_text("task,gain\nband,0.1\n")
    (place(measured) / "other.csv").write_text("")
    assert command(measured, "--all").exit_code == 0
    found = {path.name for path in place(measured).iterdir()}
    assert found == {"nets.csv", "manifest.json", *measurements.LOCKED}
    assert measurements.locked("one").gain.tolist() == [0.1]


def test_settings_are_told_in_plain_json(measured: Book) -> None:
    (found,) = measuring.find(measured)
    object.__setattr__(found.settings, "arms", {"raw": (math.inf, 5.0)})
    text = json.dumps(found.asked(), allow_nan=False)
    assert json.loads(text) == found.asked() == {"arms": {"raw": ["inf", 5.0]}, "seeds": 5}


def test_changed_code_is_noticed_and_verified(measured: Book) -> None:
    (study,) = measuring.find(measured)
    change(measured, more="# a comment\n")
    assert measuring.state_of(measured, study) == "current"
    change(measured, more="UNUSED = 1\n")
    assert measuring.state_of(measured, study) == "code changed"
    found = command(measured, "one", "--verify")
    assert "10 nets trained again, to the same bits; this code is recorded" in found.output
    assert measuring.state_of(measured, study) == "current"
    (seen,) = measurements.load(place(measured)).manifest.verified
    assert seen["nets"] == 10


def test_code_that_changes_scores_is_not_verified(measured: Book) -> None:
    (study,) = measuring.find(measured)
    change(measured, factor=9)
    found = command(measured, "one", "--verify")
    assert found.exit_code == 1
    assert "at most 0.005 apart expected" in found.output
    assert measuring.state_of(measured, study) == "code changed"
    told = command(measured)
    assert "nets: 8 of 10 rows changed, in test" in told.output  # two have a score of 0.7
    assert measuring.state_of(measured, study) == "current"


def test_other_settings_are_stale(measured: Book) -> None:
    (study,) = measuring.find(measured)
    object.__setattr__(study, "settings", type(study.settings)(("raw",), 3))
    assert measuring.state_of(measured, study) == "settings changed"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("schema", 99, "a later version of the book wrote it; update the book"),
        ("schema", "new", "is damaged"),
        ("color", 1, "does not have the fields of schema 1"),
        ("counts", {"nets": 11}, "has 10 rows, not as many as said"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    measured: Book, field: str, value: object, sentence: str
) -> None:
    path = place(measured) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(Damaged, match=sentence) as caught:
        measurements.load(place(measured))
    assert str(place(measured)) in str(caught.value)


@pytest.mark.parametrize("name", ["nets.csv", "manifest.json"])
@pytest.mark.parametrize("how", ["missing", "cut", "garbage"])
def test_a_damaged_file_is_named_with_the_remedy(measured: Book, name: str, how: str) -> None:
    path = place(measured) / name
    content = path.read_bytes()
    path.unlink()
    if how != "missing":
        path.write_bytes(content[:40] if how == "cut" else b"\x80garbage")
    with pytest.raises(Damaged, match=rf"{name} .*git checkout.*make measure STUDY=one"):
        measurements.load(place(measured))
    assert command(measured).exit_code == 0  # measured anew
    measurements.load(place(measured))


def test_columns_of_another_kind_are_refused(measured: Book) -> None:
    path = place(measured) / "nets.csv"
    text = path.read_text().replace("raw,0,", "raw,zero,")
    path.write_text(text)
    manifest = json.loads((place(measured) / "manifest.json").read_text())
    manifest["files"]["nets"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (place(measured) / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Damaged, match="does not hold what its schema says"):
        measurements.load(place(measured))


def test_a_full_disk_leaves_the_old_study_whole(
    measured: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in place(measured).iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        found = command(measured, "--all")
    assert found.exit_code == 1
    assert "free some space" in found.output
    assert {path.name: path.read_bytes() for path in place(measured).iterdir()} == before
    assert [p.name for p in place(measured).parent.iterdir() if p.name.startswith(".")] == []


def test_an_unknown_study_or_net_is_refused(measured: Book) -> None:
    with pytest.raises(BuildError, match="unknown study 'two'; valid: one"):
        measuring.find(measured, ["two"])
    assert "has no net 'raw/77'" in command(measured, "one", "--net", "raw/77").output
    assert "unknown executor 'slurm'" in command(measured, "--executor", "slurm").output


def test_a_study_is_not_measured_in_part(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    (study,) = measuring.find(book)
    object.__setattr__(study, "needs", ("spoken-words",))
    monkeypatch.setattr(measuring.datasets, "available", lambda name: False)
    with pytest.raises(BuildError, match="without spoken-words: run `make data`"):
        measuring.measure(book, study, "make measure", executor="serial")
    assert not place(book).exists()


def test_a_chapter_depends_on_its_study_alone(measured: Book) -> None:
    names = {
        name: {
            node.path.name
            for node in graph._chapter_task(
                measured, name, "edition", graph.Progress(), None
            ).depends_on["inputs"]
        }
        for name in ("one", "two")
    }
    assert {"nets.csv", "manifest.json"} <= names["one"]
    assert not {"nets.csv", "manifest.json"} & names["two"]


def test_a_process_that_rounds_otherwise_is_held_to_the_bound_and_a_lone_net_to_ties() -> None:
    old = pd.DataFrame({"test": np.full(6, 0.5)})
    bound = pd.Series(np.full(6, 0.02))

    def check(*gaps: float, **how: int) -> measurements.Check:
        new = old.assign(test=0.5 + np.pad(gaps, (0, 6 - len(gaps))))
        return measurements.compare(old, new, bound, exact=True, command="", **how)

    assert check().same == 6
    assert check(0.003).same == 5  # a tie
    with pytest.raises(Disagreement, match=r"at most 0\.005 apart expected"):
        check(0.01)
    assert check(0.01, 0.01).same == 4
    with pytest.raises(Disagreement, match=r"at most 0\.02 apart expected"):
        check(0.01, 0.03)
    with pytest.raises(Disagreement, match=r"at most 0\.005 apart expected"):
        check(0.01, 0.01, strays=6)


def test_the_bound_is_that_of_another_seed() -> None:
    """Two runs of a cell lie further apart as often as is said, and not much less often."""
    rng = np.random.default_rng(0)
    nets = pd.DataFrame({"task": np.repeat(["a", "b"], 150), "arm": np.tile(np.arange(30), 10)})
    nets["test"] = nets.arm / 30 + rng.normal(size=300) * np.where(nets.task == "a", 0.01, 0.1)
    bound = measurements.spread_of_seeds(nets, ["task", "arm"], ["task"], "test", 0.05)
    assert bound.groupby(nets.task).nunique().tolist() == [1, 1]
    for task, deviation in (("a", 0.01), ("b", 0.1)):
        limit = bound[nets.task == task].iloc[0]
        gaps = np.abs(np.diff(rng.normal(scale=deviation, size=(4000, 2)))[:, 0])
        assert 0.02 < (gaps > limit).mean() < 0.09


def test_a_net_that_another_processor_could_not_be_held_to_is_not_stored(book: Book) -> None:
    """One that has its pool to itself: no other seed says how far rounding may carry it."""
    (found,) = measuring.find(book)
    lone = replace(found, settings=replace(found.settings, seeds=1), pool=("arm",))
    with pytest.raises(ValueError, match="net raw/0 of one has no bound on another processor"):
        studies.measure(lone, place(book), commit="c", command="make", executor="serial")
    assert not place(book).exists()


def test_large_tables_are_compressed_to_the_same_bytes(book: Book) -> None:
    columns = {"nets": {"seed": "count", "test": "number", "hits": "bits"}}
    nets = pd.DataFrame({"seed": range(9000), "test": [0.1, None, 1 / 3] * 3000, "hits": "00ff"})
    manifest = measurements.Manifest("one", "c", "make", "d", {}, 0, {}, {}, 1.0, "code")
    found = []
    for _ in range(2):
        measurements.store(place(book), manifest, {"nets": nets}, columns)
        found.append((place(book) / "nets.csv.gz").read_bytes())
    assert found[0] == found[1]
    read = measurements.load(place(book)).tables["nets"]
    pd.testing.assert_frame_equal(read, nets, rtol=1e-8)


# --- the book's own measurements -------------------------------------------------------------


def test_the_books_studies_are_current_and_small() -> None:
    """Measured, or verified, by the code as it is: see `python -m analysis measure --verify`."""
    book = Book(ROOT)
    found = {study.name: measuring.state_of(book, study) for study in measuring.find(book)}
    assert set(found.values()) == {"current"}, found
    files = [path for path in (ROOT / "measurements").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40e6
    assert {path.suffix for path in files} <= {".csv", ".gz", ".json", ".md"}


def test_every_net_of_the_edition_has_a_bound_on_other_processors() -> None:
    for study in measuring.find(Book(ROOT)):
        tables = measurements.load(ROOT / "measurements" / study.name).tables
        assert (studies.bounds(study, study.keyed(study.compared(tables))) > 0).all(), study.name
