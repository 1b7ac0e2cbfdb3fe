"""The report on recordings whose names are markup, in the browser: it shows them, and runs none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page

from analysis.building.command import main
from tests.conftest import ROOT

#: Names of classes and of a file that cannot be read, each of which tells if it was run.
CLASSES = ("<img src=x onerror=window.ran=1>", "\"'><svg onload=window.ran=1> & {{ 7*7 }}")
DAMAGED = "<iframe srcdoc='<script>parent.ran=1<&#47;script>'>.npy"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a report on a folder with such names."""
    folder = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / "data" / name).mkdir(parents=True)
        for index in range(8):
            np.save(folder / "data" / name / f"{name}{index}.npy", rng.random((8, 8)))
    (folder / "data" / CLASSES[0] / DAMAGED).write_bytes(b"no array")
    places = ["--output", str(folder / "out"), "--checkpoints", "none"]
    quickly = ["--minutes", "0.02", "--executor", "serial", "--jobs", "1"]
    command = ["--root", str(ROOT), "your-data", str(folder / "data"), *quickly, *places]
    run = CliRunner().invoke(main, command)
    assert run.exit_code == 0, run.output
    return folder / "out"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that heeds no content-security policy: escaping alone protects it."""
    context = browser.new_context(bypass_csp=True, offline=True)
    yield context.new_page()
    context.close()


def opened(page: Page, path: Path) -> Page:
    page.goto(path.as_uri(), wait_until="load")
    page.wait_for_timeout(200)  # an image's error handler runs after the load
    return page


@pytest.mark.parametrize("name", [*CLASSES, DAMAGED])
def test_the_names_would_run_if_they_were_not_escaped(
    page: Page, tmp_path: Path, name: str
) -> None:
    (tmp_path / "bare.html").write_text(f"<p title='{name}'>{name}", "utf-8")
    assert opened(page, tmp_path / "bare.html").evaluate("window.ran") == 1


@pytest.mark.slow
def test_a_report_shows_names_that_are_markup_as_text(page: Page, made: Path) -> None:
    opened(page, made / "report.html")
    assert page.evaluate("window.ran") is None
    shown = page.inner_text("body")
    assert [name for name in (*CLASSES, DAMAGED) if name not in shown] == []
    assert page.locator("script, svg, iframe, [onerror], [onload]").count() == 0
    sources = page.locator("img").evaluate_all("all => all.map(one => one.src.slice(0, 14))")
    assert sources and set(sources) == {"data:image/svg"}


@pytest.mark.slow
def test_the_notebook_of_a_report_shows_them_as_text_too(
    page: Page, made: Path, tmp_path: Path
) -> None:
    notebook = nbformat.read(made / "notebook.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    parts = [
        output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})
    ]
    assert any("&lt;img src=x" in part for part in parts)
    (tmp_path / "notebook.html").write_text("\n".join(parts), "utf-8")
    opened(page, tmp_path / "notebook.html")
    assert page.evaluate("window.ran") is None
    assert page.locator("script, svg, iframe, img, [onerror], [onload]").count() == 0
