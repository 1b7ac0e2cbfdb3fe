"""The command as it is typed: odd names, odd places, odd terminals; each answer is a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from analysis.building.book import Book, make_spec
from analysis.building.command import main
from analysis.building.graph import run_chapter
from tests.conftest import ROOT

SHADOW = "raise SystemExit('another analysis was run')"
#: A terminal that knows ASCII alone, where Python may not choose better.
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def said(
    *arguments: str | bytes, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "analysis", *arguments]
    run = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, check=False
    )
    told = (run.stdout + run.stderr).decode("utf-8")
    assert "Traceback" not in told
    return subprocess.CompletedProcess(command, run.returncode, told)


def folder_of_arrays(place: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in "ab":
        (place / name).mkdir(parents=True)
        for i in range(6):
            np.save(place / name / f"{i}.npy", rng.random((8, 8)))
    return place


# --- what make hands on ----------------------------------------------------------------------


def handed_on(*variables: str) -> list[str]:
    """Arguments that the command gets of ``make your-data``."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make here")
    told = f"RUN={sys.executable} -c 'import json, sys; print(json.dumps(sys.argv[1:]))'"
    command = [make, "-s", "-o", ".venv/.ready", "your-data", told, *variables]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    arguments: list[str] = json.loads(run.stdout)
    return arguments


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example("${")
@given(st.text("ab '\"$(){}\\~`#;&|*?!-é", min_size=1, max_size=12).map(str.strip).filter(bool))
def test_make_hands_on_any_name(name: str) -> None:
    assert handed_on(f"DATA=x{name}") == ["your-data", "--", f"x{name}"]


def test_make_hands_on_options_as_the_shell_would() -> None:
    found = handed_on("DATA=d", "MINUTES=3", "OPTIONS=--group '_(a|b)$' --seed 1")
    assert found == ["your-data", "--minutes", "3", "--group", "_(a|b)$", "--seed", "1", "--", "d"]


# --- names and places ------------------------------------------------------------------------


def asked(*arguments: str) -> tuple[int, str]:
    """Status and words of the command on arguments, in this process."""
    run = CliRunner().invoke(main, [*arguments])
    assert run.exception is None or isinstance(run.exception, SystemExit)
    return run.exit_code, run.output


NAMES = ["it's $HOME", '"quoted"', "two  blanks", "-dash", "données", "~"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_folder_is_taken_as_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the working directory, wherever the book is."""
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    code, told = asked("--root", str(ROOT), "your-data", "--checkpoints", "none", "--", name)
    assert code == 1
    assert str(tmp_path / name) in told and "There is no folder" not in told


def test_home_is_meant_where_no_shell_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clips").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    code, told = asked("--root", str(ROOT), "your-data", "~/clips", "--checkpoints", "none")
    assert code == 1
    assert str(tmp_path / "clips") in told and "There is no folder" not in told


def test_a_name_that_is_empty_is_not_the_working_directory() -> None:
    code, told = asked("your-data", "--", "")
    assert code == 2 and "name a folder" in told


@pytest.mark.slow
def test_a_module_of_the_readers_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "analysis.py").write_text(SHADOW)
    (tmp_path / "click").mkdir()
    (tmp_path / "click" / "__init__.py").write_text(SHADOW)
    run = said("your-data", "nowhere", cwd=tmp_path)
    assert f"There is no folder {tmp_path / 'nowhere'}" in run.stdout


@pytest.mark.slow
def test_nor_by_the_process_of_a_chapter(
    tiny: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("analysis", "tiny", "numpy"):
        (tmp_path / f"{name}.py").write_text(SHADOW)
    monkeypatch.chdir(tmp_path)
    (chapter, *_) = tiny.chapters
    spec = make_spec(tiny, chapter, tmp_path / "results", {})
    run_chapter(tiny, spec, lambda done, total: None)
    assert (tmp_path / "results" / "run.json").exists()


def test_the_book_is_found_from_anywhere(tmp_path: Path) -> None:
    run = said("chapter", "single-pixel", "--list", cwd=tmp_path)
    assert run.returncode == 0 and "profile = 'edition'" in run.stdout


# --- what cannot be asked for ----------------------------------------------------------------


def the_sentence(told: str) -> str:
    (sentence,) = [line for line in told.splitlines() if line.startswith("Error: ")]
    return sentence


@pytest.mark.parametrize("minutes", ["0", "-1", "inf", "-inf", "nan", "ten", "", "1e999"])
def test_a_time_budget_that_is_none_is_refused_in_a_sentence(minutes: str) -> None:
    code, told = asked("your-data", "nowhere", f"--minutes={minutes}")
    sentence = the_sentence(told)
    assert code == 2 and "minutes" in sentence and minutes in sentence


@pytest.mark.parametrize(("name", "near"), [("virids", "viridis"), ("Turbo", "turbo")])
def test_an_unknown_colormap_is_refused_with_its_neighbours(
    name: str, near: str, tmp_path: Path
) -> None:
    data = folder_of_arrays(tmp_path / "data")
    options = ["--colormap", name, "--checkpoints", "none"]
    code, told = asked("--root", str(ROOT), "your-data", str(data), *options)
    sentence = the_sentence(told)
    assert code == 2 and name in sentence and f"did you mean {near}" in sentence


# --- terminals -------------------------------------------------------------------------------


def test_a_terminal_that_knows_ascii_alone_is_told_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "données").mkdir()
    run = said("your-data", "données".encode(), "--checkpoints", "none", cwd=tmp_path, **ASCII)
    assert run.returncode == 1
    assert "There is no folder" not in run.stdout and "donn" in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("environment", [ASCII, {}])
def test_a_name_in_an_older_encoding_is_told_escaped(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / os.fsdecode(b"donn\xe9es")).mkdir()
    run = said("your-data", b"donn\xe9es", "--checkpoints", "none", cwd=tmp_path, **environment)
    assert run.returncode == 1
    assert r"The name of b'donn\xe9es' is no UTF-8" in run.stdout


@pytest.mark.slow
def test_a_report_is_made_where_only_ascii_is_known(tmp_path: Path) -> None:
    data = folder_of_arrays(tmp_path / "données")
    asked = ["--minutes", "0.01", "--executor", "serial", "--output", str(tmp_path / "out")]
    run = said("your-data", str(data), *asked, "--checkpoints", "none", **ASCII)
    assert run.returncode == 0, run.stdout
    assert "données" in (tmp_path / "out" / "report.html").read_text("utf-8")
