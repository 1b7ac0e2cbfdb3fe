"""What the checks call a deviation, a licence that fits, an address; and the book against them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis.building import checks
from analysis.building.book import Book
from analysis.building.command import main
from analysis.building.graph import run_again
from tests.conftest import ROOT

BOOK = Book(ROOT)
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-no-deps.lock"]


def results(folder: Path, values: list[float], verdict: str = "holds") -> Path:
    folder.mkdir()
    pd.DataFrame({"x": values, "name": "a"}).to_csv(folder / "fig.csv", index=False)
    (folder / "numbers.json").write_text(json.dumps({"n": {"value": values, "text": "…"}}))
    entry = dict.fromkeys(("claim", "strength", "figure", "section", "part"), "x")
    (folder / "ledger.json").write_text(json.dumps({"A5": entry | {"verdict": verdict}}))
    (folder / "telemetry.json").write_text(str(np.random.default_rng().random()))
    return folder


def test_bytes_are_compared_but_for_run_times(tmp_path: Path) -> None:
    first = results(tmp_path / "a", [1.0, 200.0])
    assert checks.deviations(first, results(tmp_path / "b", [1.0, 200.0])) == []
    found = checks.deviations(first, results(tmp_path / "c", [1.0, 200.0000001], "fails"))
    assert found == ["fig.csv differs", "ledger.json differs", "numbers.json differs"]
    (first / "more.svg").write_text("")
    assert checks.deviations(first, tmp_path / "b") == ["more.svg is in one run only"]
    (first / "more.svg").rename(first / "more-narrow.svg")
    assert len(checks.deviations(first, tmp_path / "b")) == 1
    assert checks.deviations(first, tmp_path / "b", 1e-3) == []


def test_within_a_tolerance_numbers_may_move_and_verdicts_may_not(tmp_path: Path) -> None:
    first = results(tmp_path / "a", [1.0, 200.0, np.nan])
    near, far = results(tmp_path / "b", [1.1, 200.0, np.nan]), results(tmp_path / "c", [2, 200, 5])
    assert checks.deviations(first, near, 1e-3) == []
    assert checks.deviations(first, far, 1e-3) == ["fig.csv: x", "numbers.json: n"]
    other = results(tmp_path / "d", [1.0, 200.0, np.nan], "fails")
    assert checks.deviations(first, other, 1e-3) == ["ledger.json: A5"]


def test_a_result_of_texts_and_numbers_may_move_in_its_numbers(tmp_path: Path) -> None:
    worst = {
        "first": ["turbo", 0.5, None, "+2.400 [−1.0, +8.0]"],
        "near": ["turbo", 0.50001, None, "+2.401 [−1.0, +8.0]"],
        "far": ["turbo", 0.5, None, "+2.420 [−1.0, +8.0]"],
        "other": ["jet", 0.5, None, "+2.400 [−1.0, +8.0]"],
    }
    for name, value in worst.items():
        folder = results(tmp_path / name, [1.0])
        (folder / "numbers.json").write_text(json.dumps({"worst": {"value": value}}))
    first, near, far, other = (tmp_path / name for name in worst)
    assert checks.deviations(first, near, 1e-3) == []
    assert checks.deviations(first, far, 1e-3) == ["numbers.json: worst"]
    assert checks.deviations(first, other, 1e-3) == ["numbers.json: worst"]


def test_what_is_near_nought_has_a_scale_of_its_own(tmp_path: Path) -> None:
    a, b = (results(tmp_path / name, [1.0]) for name in "ab")
    for gain in (0.015, 0.025):
        for folder, value in ((a, 0.01), (b, gain)):
            found = {"compression-net-gain-64": {"value": value}}
            (folder / "numbers.json").write_text(json.dumps(found))
        near = gain < 0.02
        assert (checks.deviations(a, b, 1e-3) == []) == near


def test_how_many_bits_a_sample_met_is_no_result(tmp_path: Path) -> None:
    first, other = (results(tmp_path / name, [1.0]) for name in "ab")
    for folder, said in ((first, "all 6 to the same bits"), (other, "5 to the same bits")):
        (folder / "numbers.json").write_text(json.dumps({"net-source": {"value": said}}))
    assert checks.deviations(first, other, 1e-3) == []
    assert checks.deviations(first, other) == ["numbers.json differs"]


def test_the_size_of_a_rounding_error_may_be_another(tmp_path: Path) -> None:
    first = results(tmp_path / "a", [1e-14, 3e-7])
    assert checks.deviations(first, results(tmp_path / "b", [3e-15, 5e-7]), 1e-3) == []
    found = checks.deviations(first, results(tmp_path / "c", [1e-14, 2e-6]), 1e-3)
    assert found == ["fig.csv: x", "numbers.json: n"]


def cheapest(count: int) -> list[str]:
    """Chapters that were executed fastest, if the book is built."""
    found = {}
    for name in BOOK.chapters:
        path = BOOK.results(name, "edition") / "telemetry.json"
        if path.exists():
            found[name] = json.loads(path.read_text("utf-8"))["seconds"]
    return sorted(found, key=found.__getitem__)[:count]


@pytest.mark.slow
@pytest.mark.parametrize("place", range(3))
def test_a_second_cold_run_gives_the_same_bytes(place: int, tmp_path: Path) -> None:
    """Of the three cheapest chapters; `python -m analysis check same-bytes` does all."""
    names = cheapest(3)
    if len(names) <= place:
        pytest.skip("the book is not built: run `make book` first")
    again = run_again(BOOK, names[place], "edition", 1, tmp_path)
    assert checks.deviations(BOOK.results(names[place], "edition"), again) == []


@pytest.mark.slow
@pytest.mark.parametrize("place", range(3))
def test_another_number_of_threads_gives_the_same_within_tolerance(
    place: int, tmp_path: Path
) -> None:
    """Of the same three; `python -m analysis check same-bytes --threads 2` does all."""
    names = cheapest(3)
    if len(names) <= place:
        pytest.skip("the book is not built: run `make book` first")
    again = run_again(BOOK, names[place], "edition", 2, tmp_path)
    tolerance = checks.TOLERANCES.get(names[place], checks.Tolerance()).threads
    assert checks.deviations(BOOK.results(names[place], "edition"), again, tolerance) == []


@pytest.mark.slow
@pytest.mark.parametrize("processor", list(checks.PROCESSORS))
def test_another_kind_of_processor_gives_the_same_verdicts(processor: str, tmp_path: Path) -> None:
    """Of the cheapest chapter; `check same-bytes --processor avx2` does all."""
    names = cheapest(3)
    if not names:
        pytest.skip("the book is not built: run `make book` first")
    name = names[-1]
    again = run_again(BOOK, name, "edition", 1, tmp_path, checks.PROCESSORS[processor])
    tolerance = checks.TOLERANCES.get(name, checks.Tolerance()).processor
    assert checks.deviations(BOOK.results(name, "edition"), again, tolerance) == []


def test_every_locked_package_has_a_licence_that_fits() -> None:
    found = [package for package in checks.packages(*LOCKS) if package.licence]
    assert len(found) > 100
    assert [package for package in found if not package.compatible] == []


@pytest.mark.parametrize(
    ("licence", "fits"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("Public Domain or GNU General Public License (GPL)", True),
        ("GPL-3.0-only", False),
        ("MIT AND AGPL-3.0-only", False),
        ("Other/Proprietary License", False),
        ("", False),
    ],
)
def test_licences_that_fit(licence: str, fits: bool) -> None:
    assert checks.Package("x", "1", licence).compatible == fits


def test_an_audit_without_its_tool_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda _: None)
    assert checks.audit(*LOCKS) == ("skipped", "pip-audit is not installed (pip install pip-audit)")


#: Stands in for pip-audit: asks "the service" about each package of the files that it is given.
_PIP_AUDIT = """
import json, os, sys
assert {"--no-deps", "--disable-pip", "--format=json"} < set(sys.argv)
names = [argument for flag, argument in zip(sys.argv, sys.argv[1:]) if flag == "--requirement"]
lines = [line.split("==") for name in names for line in open(name).read().split()]
service = json.loads(os.environ["SERVICE"])
if service is None:
    sys.exit("ConnectionError: no such host")
found = []
for name, version in lines:
    known = service.get(f"{name} {version}")
    found.append({"name": name, "skip_reason": f"{name} is not known"} if known is None
                 else {"name": name, "version": version, "vulns": known})
print(json.dumps({"dependencies": found, "fixes": []}))
sys.exit(any(one.get("vulns") for one in found))
"""

_HOLE = [{"id": "X-1", "fix_versions": ["1.1"]}, {"id": "X-2", "fix_versions": []}]


@pytest.mark.parametrize(
    ("service", "state", "report"),
    [
        ({"a 1.0": [], "b 2": []}, "clean", "2 of 2 packages audited"),
        ({"a 1.0": []}, "clean", "1 of 2 packages audited\nb is not known"),
        ({}, "skipped", "nothing is known of any of 2 packages (a is not known)"),
        (
            {"a 1.0": _HOLE, "b 2": []},
            "found",
            "2 of 2 packages audited\na 1.0: X-1, mended in 1.1\na 1.0: X-2",
        ),
        (
            None,
            "skipped",
            "the data on vulnerabilities could not be read: ConnectionError: no such host",
        ),
    ],
)
def test_an_audit_is_of_the_locks_and_says_whom_it_could_not_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: object, state: str, report: str
) -> None:
    (tmp_path / "pip_audit.py").write_text(_PIP_AUDIT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SERVICE", json.dumps(service))
    (tmp_path / "requirements.lock").write_text("a==1.0\n")
    (tmp_path / "requirements-no-deps.lock").write_text("b==2\n")
    (tmp_path / "_toc.yml").write_text("")
    run = CliRunner().invoke(main, ["--root", str(tmp_path), "check", "audit"])
    assert run.stdout == f"{state}: {report}\n"
    assert run.exit_code == (state == "found")


def test_addresses_are_found_whole(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "README.md").write_text(
        "See [a](https://a.org/x_(y)) and <https://b.org/z>. Or http://127.0.0.1:8000/ now."
    )
    (tmp_path / "book" / "references.bib").write_text("@x{k,\n  doi = {10.1/2-3},\n}\n")
    assert checks.addresses(tmp_path) == {
        "https://a.org/x_(y)": "README.md",
        "https://b.org/z": "README.md",
        "https://doi.org/10.1/2-3": "references.bib",
    }


@pytest.mark.parametrize(("answer", "code"), [("ok", 0), ("gone", 1), ("HTTP 403", 0)])
def test_links_that_are_gone_fail_and_others_are_told(
    answer: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(wanted: dict[str, str]) -> dict[str, str]:
        return dict.fromkeys(wanted, "ok") | {next(iter(wanted)): answer}

    monkeypatch.setattr(checks, "reach", answers)
    run = CliRunner().invoke(main, ["--root", str(ROOT), "check", "links"])
    assert run.exit_code == code
    assert (answer == "ok") == ("stats.stackexchange.com" not in run.output)


def test_no_network_is_no_dead_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_reach", lambda _: "no answer: closed")
    run = CliRunner().invoke(main, ["--root", str(ROOT), "check", "links"])
    assert run.exit_code == 0
    assert run.output == "skipped: no host answers (no answer: closed)\n"
