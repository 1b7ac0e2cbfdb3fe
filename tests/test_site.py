"""The stage: what Sphinx reads, and what is refused before it does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.site import stage


def write_results(folder: Path, number: str, figure: str | None = None) -> Path:
    """Results of a chapter, as its execution leaves them."""
    (folder / "figures").mkdir(parents=True)
    shown = f'{{"id": "{figure}"}}' if figure else ""
    (folder / "notebook.ipynb").write_text(shown)
    (folder / "numbers.json").write_text(json.dumps({number: {"value": 1, "text": "1"}}))
    if figure:
        fields = ("caption", "alt", "chapter", "commit", "version", "licence")
        record = dict.fromkeys(fields, "x") | {"id": figure, "seed": 0}
        record |= {"parameters": {}, "versions": {}}
        (folder / "figures" / f"{figure}.json").write_text(json.dumps(record))
        for suffix in ("svg", "png", "pdf", "csv", "bib"):
            (folder / "figures" / f"{figure}.{suffix}").write_text(suffix)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "intro.md").write_text("# Intro")
    (tmp_path / "_toc.yml").write_text("")
    (tmp_path / "_config.yml").write_text("")
    return tmp_path


def test_figures_get_stable_addresses_and_unchanged_files_keep_their_time(root: Path) -> None:
    results = {"one": write_results(root / "one", "a", "fig-a")}
    target = stage(root, ["intro", "one"], results)
    picture = target / "extra" / "figures" / "fig-a.svg"
    before = picture.stat().st_mtime_ns
    (target / "book" / "old.md").write_text("of a page that is gone")
    stage(root, ["intro", "one"], results)
    assert picture.stat().st_mtime_ns == before
    assert not (target / "book" / "old.md").exists()
    assert "fig-a" in (target / "book" / "_generated" / "figures.md").read_text()


def test_a_number_of_two_chapters_is_refused(root: Path) -> None:
    results = {name: write_results(root / name, "same") for name in ("one", "two")}
    with pytest.raises(ValueError, match="number same is in chapters one and two"):
        stage(root, ["intro", "one", "two"], results)


def test_a_figure_of_two_chapters_is_refused(root: Path) -> None:
    results = {name: write_results(root / name, name, "fig-a") for name in ("one", "two")}
    with pytest.raises(ValueError, match="fig-a is published by two chapters"):
        stage(root, ["intro", "one", "two"], results)


def test_a_missing_file_of_a_figure_is_named(root: Path) -> None:
    results = {"one": write_results(root / "one", "a", "fig-a")}
    (root / "one" / "figures" / "fig-a.pdf").unlink()
    with pytest.raises(FileNotFoundError, match=r"fig-a\.pdf"):
        stage(root, ["intro", "one"], results)


def test_a_page_shows_the_numbers_of_the_chapters(root: Path) -> None:
    results = {"one": write_results(root / "one", "an-answer")}
    intro = root / "book" / "intro.md"
    intro.write_text("It is {number}`an-answer`.")
    target = stage(root, ["intro", "one"], results)
    assert (target / "book" / "intro.md").read_text() == "It is 1."
    intro.write_text("It is {number}`no-answer`.")
    with pytest.raises(ValueError, match=r"intro\.md: no chapter gives the number 'no-answer'"):
        stage(root, ["intro", "one"], results)
