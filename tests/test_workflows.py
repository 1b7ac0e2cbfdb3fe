"""Workflows and citation files are valid, and the weekly run finds what has drifted."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".github" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


drift, pages = script("drift"), script("pages")


def valid(schema: str, *paths: Path) -> None:
    """Check files against a schema that check-jsonschema carries."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    run = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_workflows_follow_githubs_schema() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "drift.yml", "site.yml"}
    valid("github-workflows", *WORKFLOWS)


def test_workflows_pass_actionlint() -> None:
    command = shutil.which("actionlint")
    if command is None:
        pytest.skip("no actionlint here: CI runs it (its Python package fetches a program)")
    run = subprocess.run([command, *map(str, WORKFLOWS)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_the_citation_file_follows_its_schema(tmp_path: Path) -> None:
    valid("citation-file-format", ROOT / "CITATION.cff")
    wrong = tmp_path / "CITATION.cff"
    wrong.write_text((ROOT / "CITATION.cff").read_text("utf-8").replace("authors:", "author:"))
    with pytest.raises(AssertionError, match="author"):
        valid("citation-file-format", wrong)


def test_zenodo_is_told_the_same_as_the_citation_file() -> None:
    zenodo = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert zenodo["title"] == citation["title"]
    assert zenodo["version"] == citation["version"]
    assert zenodo["description"] == citation["abstract"]
    assert zenodo["keywords"] == citation["keywords"]
    assert [who["name"] for who in zenodo["creators"]] == [
        who["name"] for who in citation["authors"]
    ]
    assert zenodo["upload_type"] == "software"  # as the citation file's type
    assert zenodo["access_right"] == "open"
    assert zenodo["license"] in [name.lower() for name in citation["license"]]
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert citation.get("repository-code", "") == config["repository"]["url"]
    assert citation.get("url", "") == config["html"]["baseurl"]


def test_pages_are_compared_by_what_their_articles_say(tmp_path: Path) -> None:
    page = "<nav>{nav}</nav><article><h1>A {h}</h1><p>2 <b>of</b> 3{more}</p></article>"
    for site, nav, heading, more in (
        ("old", "x", "b", ""),
        ("same", "y", '\nb<a class="headerlink" href="#">#</a>', "<script>1</script>"),
        ("other", "x", "b", " or 4"),
    ):
        (tmp_path / site / "book").mkdir(parents=True)
        text = page.format(nav=nav, h=heading, more=more)
        (tmp_path / site / "book" / "one.html").write_text(text)
    old, same, other = (tmp_path / site for site in ("old", "same", "other"))
    assert pages.others(old, same) == []
    assert pages.others(old, other) == ["book/one.html"]
    (same / "book" / "two.html").write_text("<article></article>")
    assert pages.others(old, same) == ["book/two.html"]


def results(folder: Path, text: str, verdict: str) -> Path:
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "numbers.json").write_text(json.dumps({"n": {"text": text, "value": 1.0}}))
    (folder / "one" / "ledger.json").write_text(json.dumps({"A1": {"verdict": verdict}}))
    return folder


def test_a_number_or_verdict_that_drifts_is_named(tmp_path: Path) -> None:
    old = results(tmp_path / "old", "1.0", "holds")
    assert drift.differences(old, results(tmp_path / "same", "1.0", "holds")) == []
    new = results(tmp_path / "new", "1.1", "fails")
    assert drift.differences(old, new) == [
        "one: A1: holds became fails",
        "one: n: 1.0 became 1.1",
    ]
    assert drift.differences(old, tmp_path / "absent")[1] == "one: n: 1.0 became nothing"


def test_a_package_that_drifts_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpy", "PyYAML>=1"]\n'
        '[project.optional-dependencies]\ntest = ["pytest"]\n'
    )
    (tmp_path / "requirements.lock").write_text(
        f"numpy==0.1\nPyYAML=={yaml.__version__}\npytest=={pytest.__version__}\nscipy==0.1\n"
    )
    assert drift.drifted(tmp_path) == ["numpy"]
    told = [line.split(" became ")[0] for line in drift.versions(tmp_path)]
    assert told == ["numpy 0.1", "scipy 0.1"]  # scipy is not declared: others bring it along


def test_the_issue_names_the_packages_and_shows_the_logs_ends(tmp_path: Path) -> None:
    (tmp_path / "scipy.txt").write_text("\n".join(f"line {n}" for n in range(100)))
    (tmp_path / "numpy.txt").write_text("E assert 1 == 2")
    (tmp_path / "versions").write_text("sphinx 7.4.7 became 9.0.0\n")
    text = drift.issue(tmp_path, tmp_path / "versions")
    assert text.endswith("```text\nsphinx 7.4.7 became 9.0.0\n```")
    assert text.startswith("Drift: numpy, scipy\n")
    assert "line 99" in text and "line 10\n" not in text and "E assert 1 == 2" in text
    together = drift.issue(tmp_path / "absent", tmp_path / "absent")
    assert together.startswith("Drift: only several packages together\n")
    assert "not known" in together
