"""The stage: what Sphinx reads, and what is refused before it does."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from PIL import Image

from analysis.evidence.claims import CLAIMS
from analysis.publishing.forge import VARIABLES
from analysis.publishing.ledger import Entry, document
from analysis.site.pages import FACTS, Book
from analysis.site.site import REHEARSAL, last_changes, read_book, stage, write_figures


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
        for suffix in ("svg", "pdf", "csv", "columns.csv", "bib"):
            (folder / "figures" / f"{figure}.{suffix}").write_text(suffix)
        Image.new("RGB", (2160, 900), "white").save(folder / "figures" / f"{figure}.png")
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*VARIABLES.values(), "GITHUB_REPOSITORY"):  # as a workflow's runner sets them
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "intro.md").write_text("# Intro")
    for name in ("one", "two"):
        (tmp_path / "book" / f"{name}.md").write_text(f"# Chapter {name}")
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


@pytest.mark.parametrize("profile", ["edition", "rehearsal"])
def test_a_rehearsal_has_a_banner_on_each_page(root: Path, profile: str) -> None:
    """Among Sphinx's own options: those for ``html`` give way to them."""
    options = {"navbar_persistent": []}
    written = {"title": "A book", "sphinx": {"config": {"html_theme_options": options}}}
    (root / "_config.yml").write_text(yaml.safe_dump(written))
    results = {"one": write_results(root / "one", "a")}
    (root / "one" / "run.json").write_text(json.dumps({"parameters": {"profile": profile}}))
    config = yaml.safe_load((stage(root, ["intro", "one"], results) / "_config.yml").read_text())
    banner = {"announcement": REHEARSAL} if profile == "rehearsal" else {}
    expected = {"html_theme_options": options | banner}
    assert config == {"title": "A book", "sphinx": {"config": expected}}


def test_the_ledger_is_staged_under_its_edition_too(root: Path) -> None:
    (root / "_config.yml").write_text("edition: '2026.1'\n")
    results = {"one": write_results(root / "one", "a")}
    extra = stage(root, ["intro", "one"], results) / "extra"
    found = json.loads((extra / "ledger.json").read_text())
    assert found == json.loads((extra / "ledger-2026.1.json").read_text())
    assert found["edition"] == "2026.1"


def test_a_second_edition_keeps_the_addresses_of_the_first(root: Path) -> None:
    """Made up: it gives up one figure, publishes a new one, and another verdict."""
    place = CLAIMS["A5"]
    entry = dict(
        asdict(Entry("A5", "holds", "proved", "Yes.", "fig-a", "s", place.chapter, place.part))
    )
    (root / "_config.yml").write_text("edition: '2026.1'\n")
    first = {
        name: write_results(root / "first" / name, name, f"fig-{name}") for name in ("one", "two")
    }
    (first["one"] / "ledger.json").write_text(json.dumps({"A5": entry}))
    extra = stage(root, ["one", "two"], first) / "extra"
    published = {path.relative_to(extra): path.read_bytes() for path in extra.rglob("*.*")}
    generated = extra.parent / "book" / "_generated" / "ledger.md"
    assert "What changed" not in generated.read_text()

    (root / "_config.yml").write_text("edition: '2026.2'\n")
    kept = root / "editions" / "figures"
    kept.mkdir(parents=True)
    (kept.parent / "ledger-2026.1.json").write_bytes(published[Path("ledger-2026.1.json")])
    second = {"one": write_results(root / "second" / "one", "a", "fig-one")}
    second["two"] = write_results(root / "second" / "two", "b", "fig-new")
    (second["one"] / "figures" / "fig-one.svg").write_text("drawn anew")
    (second["one"] / "ledger.json").write_text(json.dumps({"A5": entry | {"verdict": "fails"}}))
    with pytest.raises(ValueError, match=r"fig-two of edition 2026\.1 would lose its address"):
        stage(root, ["one", "two"], second)
    for name, content in published.items():
        if name.name.startswith("fig-two."):
            (kept / name.name).write_bytes(content)
    stage(root, ["one", "two"], second)
    assert all((extra / name).exists() for name in published)
    assert (extra / "ledger-2026.1.json").read_bytes() == published[Path("ledger-2026.1.json")]
    assert json.loads((extra / "ledger-2026.2.json").read_text())["edition"] == "2026.2"
    assert (extra / "figures" / "fig-one.svg").read_text() == "drawn anew"
    assert (extra / "figures" / "fig-two.svg").read_bytes() == b"svg"
    told = generated.read_text()
    assert "What changed since edition 2026.1" in told
    assert "| [A5](#claim-a5) | holds | fails |" in told
    assert "New figures: {numref}`fig-new`" in told


def test_the_newest_edition_before_is_compared_with(root: Path) -> None:
    (root / "_config.yml").write_text("edition: '2027.1'\n")
    (root / "editions").mkdir()
    for edition in ("2026.9", "2026.10"):
        old = document([], edition)
        (root / "editions" / f"ledger-{edition}.json").write_text(json.dumps(old))
    target = stage(root, ["one"], {"one": write_results(root / "one", "a")})
    told = (target / "book" / "_generated" / "ledger.md").read_text()
    assert "since edition 2026.10" in told and "No verdict changed." in told
    assert (target / "extra" / "ledger-2026.9.json").exists()


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


def test_thumbnails_are_small_and_keep_their_shape(root: Path) -> None:
    target = stage(root, ["one"], {"one": write_results(root / "one", "a", "fig-a")})
    with Image.open(target / "book" / "_generated" / "thumbnails" / "fig-a.png") as image:
        assert image.size == (704, 293)


def test_a_figures_citation_gets_its_year_and_address_where_they_are_known(root: Path) -> None:
    results = {"one": write_results(root / "one", "a", "fig-a")}
    bib = stage(root, ["one"], results) / "extra" / "figures" / "fig-a.bib"
    assert "year" not in bib.read_text() and "url" not in bib.read_text()
    (root / "CITATION.cff").write_text("date-released: 2026-11-22\n")
    (root / "_config.yml").write_text("html:\n  baseurl: https://owner.example/name\n")
    stage(root, ["one"], results)
    assert "year = {2026}" in bib.read_text()
    assert "url = {https://owner.example/name/figures/fig-a.svg}" in bib.read_text()


def test_the_book_is_read_from_its_settings(root: Path) -> None:
    (root / "_config.yml").write_text(
        "title: B\nauthor: A\nrepository:\n  url: https://github.com/o/n/\n  branch: trunk\n"
    )
    book = read_book(root)
    assert (book.title, book.author, book.branch) == ("B", "A", "trunk")
    assert book.repository == "https://github.com/o/n"
    assert book.address == "https://o.github.io/n/"  # where its workflow publishes


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_a_pages_last_change_is_that_of_its_own_file(root: Path) -> None:
    assert last_changes(root, ["intro"]) == {}  # not in git
    git(root, "init")
    git(root, "add", "book/intro.md")
    git(root, "commit", "-m", "x", "--date=2020-01-01T00:00:00")
    before = last_changes(root, ["intro", "one"])
    (root / "other").write_text("")
    git(root, "add", "other")
    git(root, "commit", "-m", "y")
    assert last_changes(root, ["intro", "one"]) == before
    assert list(before) == ["intro"]
    (root / "book" / "intro.md").write_text("# Changed")
    assert last_changes(root, ["intro"])["intro"][0] == before["intro"][0] + "+"


def test_pages_get_what_they_tell_of_themselves(root: Path) -> None:
    results = write_results(root / "one", "a", "fig-a")
    run = {"parameters": {"seed": 1}, "commit": "abc", "chapter": "one"}
    (results / "run.json").write_text(json.dumps(run))
    (results / "telemetry.json").write_text('{"seconds": 2.5, "peak_bytes": 10}')
    facts = json.loads((stage(root, ["intro", "one"], {"one": results}) / FACTS).read_text())
    assert facts["pages"]["intro"]["run"] == {}
    assert facts["pages"]["one"]["run"]["seconds"] == 2.5
    assert facts["pages"]["one"]["run"]["parameters"] == {"seed": 1}
    assert [record["id"] for record in facts["pages"]["one"]["records"]] == ["fig-a"]


def test_all_figures_land_in_one_folder_that_holds_nothing_else(tmp_path: Path) -> None:
    chapters = [write_results(tmp_path / name, name, f"fig-{name}") for name in ("a", "b")]
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "fig-of-before.svg").write_text("")
    (chapters[0] / "figures" / "fig-a-narrow.svg").write_text("narrow")
    write_figures(folder, chapters, Book("B", "A", "1"))
    suffixes = ("svg", "png", "pdf", "csv", "columns.csv", "bib", "json")
    names = {f"fig-{name}.{suffix}" for name in "ab" for suffix in suffixes}
    assert {path.name for path in folder.iterdir()} == names | {"LICENCE.txt", "fig-a-narrow.svg"}
