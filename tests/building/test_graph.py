"""The pipeline, on a tiny book: what is executed, what is kept, what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest
from click.testing import CliRunner

from analysis.building.book import Book, BuildError, parse_parameters
from analysis.building.command import main
from analysis.building.graph import _priorities, _seconds, build_book
from analysis.evidence.claims import CLAIMS
from analysis.publishing.execution import CHECKSUMS, NOTEBOOK


def build(book: Book) -> list[str]:
    return sorted(build_book(Book(book.root, book.package), "edition", jobs=2, site=False))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def results(book: Book, name: str) -> dict[str, bytes]:
    """Results files; the notebook has time stamps and the telemetry run times."""
    folder = book.results(name, "edition")
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in paths
        if path.name not in (NOTEBOOK, "telemetry.json", CHECKSUMS)
    }


def test_what_changed_is_executed_again(tiny: Book) -> None:
    assert build(tiny) == ["one", "two"]
    edit(tiny.source("one"), "# Chapter one", "# Chapter the first")
    assert build(tiny) == ["one"]


@pytest.mark.slow
def test_what_changed_is_executed_again_and_nothing_else(tiny: Book) -> None:
    (tiny.root / "pyproject.toml").write_text("")
    before = set(tiny.root.iterdir())
    assert build(tiny) == ["one", "two"]
    assert build(tiny) == []
    assert set(tiny.root.iterdir()) - before == {tiny.build}  # nothing beside _build

    edit(tiny.source("one"), "# Chapter one", "# Chapter the first")
    assert build(tiny) == ["one"]

    edit(tiny.root / "src/tinybook/shared.py", "3", "5")  # imported by an imported module
    assert build(tiny) == ["one", "two"]
    numbers = json.loads((tiny.results("two", "edition") / "numbers.json").read_text())
    assert numbers["two-count"] == {"text": "20", "value": 20}

    (tiny.root / "src/tinybook/unused.py").write_text("X = 2\n")
    assert build(tiny) == []

    (tiny.root / "requirements.lock").write_text("numpy==1\n")
    assert build(tiny) == ["one", "two"]

    (tiny.results("two", "edition") / NOTEBOOK).unlink()
    assert build(tiny) == ["two"]

    edit(tiny.source("one"), "figures.style()", "figures.style()\nraise ArithmeticError")
    with pytest.raises(BuildError):
        build(tiny)
    edit(tiny.source("one"), "raise ArithmeticError", "")
    assert build(tiny) == ["one"]


@pytest.mark.slow
def test_a_change_of_the_data_is_seen_by_the_chapters_that_can_read_them(tiny: Book) -> None:
    state = tiny.root / "state.txt"
    state.write_text("absent")
    (tiny.root / "src/tinybook/datasets.py").write_text(
        "from pathlib import Path\n\ndef state():\n"
        f"    return {{'x': Path({str(state)!r}).read_text()}}\n"
    )
    edit(tiny.source("two"), "import helper", "import datasets, helper")
    assert build(tiny) == ["one", "two"]
    state.write_text("fetched")
    assert build(tiny) == ["two"]


@pytest.mark.slow
def test_a_module_that_changes_meanwhile_is_not_taken_for_executed(tiny: Book) -> None:
    helper = tiny.root / "src/tinybook/helper.py"
    edit(
        tiny.source("one"),
        "figures.style()",
        f"figures.style()\nopen({str(helper)!r}, 'a').write('# edited\\n')",
    )
    with pytest.raises(BuildError, match=r"helper\.py changed while one was executed"):
        build(tiny)
    edit(tiny.source("one"), f"open({str(helper)!r}, 'a').write('# edited\\n')", "")
    assert "one" in build(tiny)


@pytest.mark.slow
def test_two_cold_runs_give_the_same_bytes(tiny: Book) -> None:
    build(tiny)
    first = results(tiny, "one")
    assert {"ledger.json", "numbers.json", "run.json"} < set(first)
    suffixes = {Path(name).suffix for name in first if name.startswith("figures")}
    assert suffixes == {".svg", ".png", ".pdf", ".csv", ".bib", ".json"}
    edit(tiny.source("two"), "# Chapter two", "# Chapter the second")
    (tiny.results("one", "edition") / NOTEBOOK).unlink()
    assert build(tiny) == ["one", "two"]
    assert results(tiny, "one") == first


def test_a_failing_cell_is_told_and_the_others_are_kept(tiny: Book) -> None:
    edit(tiny.source("one"), "figures.style()", 'figures.style()\nraise ArithmeticError("ouch")')
    run = CliRunner().invoke(
        main, ["--root", str(tiny.root), "--package", "tinybook", "book", "-j", "2"]
    )
    assert run.exit_code != 0
    assert "chapter one" in run.output
    assert '    raise ArithmeticError("ouch")' in run.output
    assert "ArithmeticError: ouch" in run.output
    assert "Traceback (most recent call last):\n  File" not in run.output
    assert not (tiny.build / "html" / "index.html").exists()
    assert (tiny.results("two", "edition") / NOTEBOOK).exists()


def test_unknown_profile_chapter_and_parameter_are_refused_by_name(tiny: Book) -> None:
    def fails(*arguments: str) -> str:
        run = CliRunner().invoke(
            main, ["--root", str(tiny.root), "--package", "tinybook", *arguments]
        )
        assert run.exit_code != 0
        return run.output

    said = fails("book", "--profile", "quickest")
    assert "'quickest'" in said and "edition, rehearsal, large" in said
    said = fails("chapter", "three")
    assert "'three'" in said and "one, two" in said
    said = fails("chapter", "one", "-p", "colourmap=jet")
    assert "'colourmap'" in said and "profile, seed, colormap, rate" in said
    assert "seed of chapter one is int" in fails("chapter", "one", "-p", "seed=many")
    assert "key=value" in fails("chapter", "one", "-p", "seed")
    assert "'slow'" in fails("chapter", "one", "-p", "profile=slow")


def test_parameters_take_the_type_of_their_default(tiny: Book) -> None:
    parsed = parse_parameters(tiny, "one", {"seed": "7", "rate": "2", "colormap": "007"})
    assert parsed == {"seed": 7, "rate": 2.0, "colormap": "007"}
    assert isinstance(parsed["rate"], float)
    with pytest.raises(BuildError, match="rate of chapter one is float"):
        parse_parameters(tiny, "one", {"rate": "fast"})


def test_one_chapter_with_other_parameters_stands_beside_the_book(tiny: Book) -> None:
    own = tiny.results("one", "edition") / "ledger.json"
    own.parent.mkdir(parents=True)
    own.write_text("the book's own")
    run = CliRunner().invoke(
        main,
        ["--root", str(tiny.root), "--package", "tinybook", "chapter", "one", "-p", "colormap=jet"],
    )
    assert run.exit_code == 0, run.output
    folder = tiny.build / "runs" / "one" / "colormap=jet"
    record = json.loads((folder / "figures" / "fig-one-line.json").read_text("utf-8"))
    assert record["parameters"]["colormap"] == "jet"
    assert "under jet" in record["caption"]
    assert results(tiny, "one") == {"ledger.json": b"the book's own"}


@pytest.mark.parametrize("value", ["../../evil", "/etc/passwd", "a" * 4096, "x\0y", "é"])
def test_no_parameter_leads_out_of_the_output_folder(tiny: Book, value: str) -> None:
    from analysis.building.command import _slug

    slug = _slug({"colormap": value})
    assert "/" not in slug and len(slug) < 100 and not slug.startswith(".")


@pytest.mark.slow
def test_a_killed_build_leaves_no_half_and_goes_on(tiny: Book) -> None:
    edit(tiny.source("two"), "figures.style()", "figures.style()\nimport time; time.sleep(60)")
    environment = os.environ | {"PYTHONPATH": str(tiny.root / "src")}
    command = [sys.executable, "-m", "analysis", "--package", "tinybook", "book", "--no-site"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=tiny.root, env=environment, **quiet) as process:
        done = tiny.results("one", "edition") / NOTEBOOK
        journal = tiny.build / "pytask.lock.journal"
        deadline = time.monotonic() + 120
        while not (journal.exists() and journal.read_bytes().endswith(b"\n")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    assert done.exists()
    assert not (tiny.results("two", "edition") / NOTEBOOK).exists()
    edit(tiny.source("two"), "import time; time.sleep(60)", "")
    assert build(tiny) == ["two"]
    left = [path.name for path in (tiny.build / "executed" / "edition").iterdir()]
    assert sorted(left) == ["one", "two"]


def test_the_site_has_figures_ledger_and_notebooks(tiny: Book) -> None:
    build_book(tiny, "edition", jobs=2)
    html = tiny.build / "html"
    page = (html / "book" / "one.html").read_text("utf-8")
    for suffix in ("svg", "png", "pdf", "csv", "bib"):
        assert f'href="../figures/fig-one-line.{suffix}"' in page
        assert (html / "figures" / f"fig-one-line.{suffix}").stat().st_size > 0
    assert re.search(r'alt="A line that rises; it is (&quot;|&#34;)straight', page)
    assert '<span class="pasted-text">12</span> things' in page
    assert '<span class="pasted-text">0.50</span>:' in page
    titles = re.findall(r'<p class="collapsed admonition-title">([^<]*)</p>', page)
    assert "Code of Figure 1.1" in titles
    assert "Show code cell source" not in page
    front = (html / "book" / "intro.html").read_text("utf-8")
    assert front.count("Not yet answered.") == len(CLAIMS)  # what is recorded is no primary row
    assert "There are 12." in front
    notebook = nbformat.read(html / "_sources" / "book" / "one.ipynb", as_version=4)
    assert any(cell.get("outputs") for cell in notebook.cells if cell.cell_type == "code")


def test_a_chapter_without_parameters_cell_is_named(tiny: Book) -> None:
    edit(tiny.source("one"), ":tags: [parameters]\n", "")
    with pytest.raises(ValueError, match=r"one\.md: no cell is tagged 'parameters'"):
        build(tiny)


def test_an_import_that_does_not_exist_is_named(tiny: Book) -> None:
    edit(tiny.source("one"), "from tinybook import helper", "from tinybook import helpers")
    with pytest.raises(BuildError, match=r"imports tinybook\.helpers, which does not exist"):
        build(tiny)


def test_the_site_is_served_on_this_machine_only(tiny: Book) -> None:
    html = tiny.build / "html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("the book")
    command = [sys.executable, "-m", "analysis", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tiny.root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urlopen(f"{address}index.html") as answer:
            assert answer.read() == b"the book"
        process.terminate()


def test_there_is_nothing_to_serve_before_the_first_build(tiny: Book) -> None:
    run = CliRunner().invoke(main, ["--root", str(tiny.root), "serve"])
    assert run.exit_code != 0
    assert "run `make book` first" in run.output


def test_the_longest_chapters_start_first(tiny: Book) -> None:
    """As the last build saw them; what a chapter holds up counts as its own time."""
    (tiny.root / "book" / "seconds.json").write_text('{"one": 3, "two": 40}')
    assert _seconds(tiny, "edition") == {"one": 3, "two": 40}
    assert _priorities(_seconds(tiny, "edition")) == {"two": "try_first", "one": "try_last"}
    folder = tiny.results("one", "edition")
    folder.mkdir(parents=True)
    (folder / "telemetry.json").write_text('{"seconds": 500.0}')
    assert _priorities(_seconds(tiny, "edition")) == {"one": "try_first", "two": "try_last"}
    (folder / "telemetry.json").write_text("{")
    source = tiny.source("two")
    source.write_text(source.read_text("utf-8") + _READ, "utf-8")
    assert _seconds(Book(tiny.root, tiny.package), "edition") == {"one": 43, "two": 40}


_READ = """
```{code-cell} ipython3
ledger.number("two-read", int(figures.data_of("one", "fig-one-line")["y"].sum()));
```
"""


@pytest.mark.slow
def test_a_chapter_reads_the_data_of_an_earlier_one(tiny: Book) -> None:
    source = tiny.source("two")
    source.write_text(source.read_text("utf-8") + _READ, "utf-8")
    assert build(tiny) == ["one", "two"]
    numbers = json.loads((tiny.results("two", "edition") / "numbers.json").read_text())
    assert numbers["two-read"]["value"] == 6
    run = json.loads((tiny.results("two", "edition") / "run.json").read_text())
    assert run["sources"] == {}  # a result names no folder of the machine

    edit(tiny.source("one"), "# Chapter one", "# Chapter the first")
    assert build(tiny) == ["one"]  # its data are the same
    edit(tiny.source("one"), '"y": [1, 2, 3]', '"y": [1, 2, 4]')
    assert build(tiny) == ["one", "two"]
    assert build(tiny) == []


def test_data_are_read_from_earlier_chapters_only(tiny: Book) -> None:
    source = tiny.source("one")
    source.write_text(source.read_text("utf-8") + _READ.replace("one", "two"), "utf-8")
    with pytest.raises(BuildError, match="chapter one reads two, which comes no earlier"):
        build(tiny)


@pytest.mark.slow
def test_data_that_nobody_publishes_are_named(tiny: Book) -> None:
    source = tiny.source("two")
    source.write_text(source.read_text("utf-8") + _READ.replace("one-line", "x"), "utf-8")
    with pytest.raises(BuildError, match="chapter one does not publish fig-x, which another reads"):
        build(tiny)
