"""Renders the site: executed notebooks and generated pages, staged, then Jupyter Book.

Nothing here computes a result. The stage holds what Sphinx reads; files that did not change keep
their time stamps there, so that Sphinx renders only the pages that did.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import yaml
from PIL import Image

from analysis.evidence.claims import CLAIMS
from analysis.files import replace_directory
from analysis.publishing import tables
from analysis.publishing.execution import NOTEBOOK, seal, unwritable
from analysis.publishing.figures import FORMATS, NARROW, Record, bibtex, index_markdown
from analysis.publishing.forge import find_home, git
from analysis.publishing.ledger import changed, document, read_entries, scoreboard
from analysis.site import plain
from analysis.site.pages import FACTS, Book

#: What every page of a rehearsal says first.
REHEARSAL = (
    "Rehearsal: everything on these pages was computed from nothing, small and fast. Nothing "
    "measured here decides anything; <code>make book</code> builds the edition."
)

#: Width of the figure index's pictures, in pixels: twice what is shown, for dense screens.
_THUMBNAIL = 704

#: Jupyter Book, ended with the build that started it: two at once would write the same pages.
_JUPYTER_BOOK = """
from analysis.publishing.execution import stop_with_parent
from jupyter_book.cli.main import main

stop_with_parent()
main(prog_name="jupyter-book")
"""


def read_records(results: Path) -> list[Record]:
    """Read the records of the figures that a chapter published, in the order of the page."""
    records = {}
    for path in (results / "figures").glob("*.json"):
        values = json.loads(path.read_text("utf-8"))
        names = [field.name for field in fields(Record) if field.name in values]
        records[path.stem] = Record(**{name: values[name] for name in names})
    notebook = (results / NOTEBOOK).read_text("utf-8")
    shown = dict.fromkeys(re.findall(r'"id": "(fig-[a-z0-9-]+)"', notebook))
    return [records[id] for id in shown if id in records]


def _write(path: Path, content: bytes) -> None:
    """Write only what differs: Sphinx goes by time stamps."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def stage(root: Path, pages: Sequence[str], results: Mapping[str, Path]) -> Path:
    """Lay out what Sphinx reads in ``_build/site``, from all pages and the chapters' results.

    Raises
    ------
    ValueError
        If two chapters publish the same figure or number, a file of a figure is missing, a page
        asks for a number that no chapter gives, or a figure of an edition before has none any more.
    """
    target = root / "_build" / "site"
    staged: dict[Path, bytes] = {}
    staged[target / "_toc.yml"] = (root / "_toc.yml").read_bytes()
    staged[target / "_config.yml"] = _config(root, results)
    for path in sorted((root / "book").rglob("*")):
        if path.is_file() and path.suffix != ".md" and not path.name.startswith("."):
            staged[target / path.relative_to(root)] = path.read_bytes()
    chapters = [results[page] for page in pages if page in results]
    numbers = _numbers(chapters)
    for page in pages:
        if page in results:
            staged[target / "book" / f"{page}.ipynb"] = (results[page] / NOTEBOOK).read_bytes()
        else:
            text = (root / "book" / f"{page}.md").read_text("utf-8")
            shown = _with_numbers(f"{page}.md", text, numbers)
            staged[target / "book" / f"{page}.md"] = shown.encode()
    book = read_book(root)
    for file, content in figure_files(chapters, book).items():
        staged[target / "extra" / "figures" / file] = content
        if file.endswith(".png"):
            staged[target / "book" / "_generated" / "thumbnails" / file] = _thumbnail(content)
    staged |= _plain_texts(root, target / "extra", book, pages, results, numbers)
    staged[target / FACTS] = _facts(root, book, pages, results)
    generated = target / "book" / "_generated"
    records = [record for folder in chapters for record in read_records(folder)]
    entries, ids = read_entries(chapters), [record.id for record in records]
    told = document(entries, book.edition, _codes(results), ids)
    content = json.dumps(told, indent=1, sort_keys=True).encode()
    for name in ("ledger.json", *([f"ledger-{book.edition}.json"] if book.edition else [])):
        staged[target / "extra" / name] = content
    before = _editions_before(root, target / "extra", staged)
    ledger = scoreboard(entries) + (changed(before[-1], told) if before else "")
    staged[generated / "ledger.md"] = ledger.encode()
    staged[generated / "figures.md"] = index_markdown(records).encode()
    for name, shown in _explorers(chapters).items():
        staged[generated / f"explorer-{name}.md"] = f"```{{raw}} html\n{shown}\n```\n".encode()
    for path in sorted(target.rglob("*")) if target.exists() else []:
        if path.is_file() and path not in staged:
            path.unlink()
    for path, content in staged.items():
        _write(path, content)
    return target


def _editions_before(root: Path, extra: Path, staged: dict[Path, bytes]) -> list[dict[str, Any]]:
    """Serve what editions before have published, where this one has no newer; their ledgers.

    ``editions`` holds it under the addresses that it has: the ledger of each, and the files of
    figures that were given up since.
    """
    folder = root / "editions"
    for path in folder.rglob("*"):
        if path.is_file():
            staged.setdefault(extra / path.relative_to(folder), path.read_bytes())
    ledgers = [json.loads(path.read_text("utf-8")) for path in folder.glob("ledger-*.json")]
    for before in ledgers:
        for id in before["figures"]:
            if extra / "figures" / f"{id}.svg" not in staged:
                raise ValueError(
                    f"{id} of edition {before['edition']} would lose its address: publish it, or "
                    "keep its files in editions/figures"
                )
    return sorted(ledgers, key=lambda old: [int(part) for part in old["edition"].split(".")])


def _explorers(chapters: Sequence[Path]) -> dict[str, str]:
    """Explorers that chapters show, by name, so that another page can include one."""
    found = {}
    for folder in chapters:
        text = (folder / NOTEBOOK).read_text("utf-8")
        for cell in json.loads(text)["cells"] if "data-explorer" in text else []:
            for output in cell.get("outputs", []):
                shown = "".join(output.get("data", {}).get("text/html", ""))
                if name := re.match(r'<section class="explorer" data-explorer="(\w+)"', shown):
                    found[name[1]] = shown
    return found


def _codes(results: Mapping[str, Path]) -> dict[str, str]:
    """Digest of the modules that each chapter imported, as its run says."""
    return {name: str(run.get("code", "")) for name, run in _runs(results).items()}


def _config(root: Path, results: Mapping[str, Path]) -> bytes:
    """Read the configuration of the pages; a rehearsal has a banner on each."""
    content = (root / "_config.yml").read_bytes()
    profiles = {run.get("parameters", {}).get("profile") for run in _runs(results).values()}
    if "rehearsal" not in profiles:
        return content
    config = yaml.safe_load(content) or {}
    sphinx = config.setdefault("sphinx", {}).setdefault("config", {})  # its options win over html's
    sphinx.setdefault("html_theme_options", {})["announcement"] = REHEARSAL
    return yaml.safe_dump(config, allow_unicode=True, sort_keys=False).encode()


def _runs(results: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """How each chapter was executed."""
    paths = {name: folder / "run.json" for name, folder in results.items()}
    return {n: json.loads(p.read_text("utf-8")) for n, p in paths.items() if p.exists()}


def _plain_texts(
    root: Path,
    folder: Path,
    book: Book,
    pages: Sequence[str],
    results: Mapping[str, Path],
    numbers: Mapping[str, str],
) -> dict[Path, bytes]:
    """Every page as Markdown beside its HTML, and ``llms.txt``, which lists them."""
    texts = {}
    for page in pages:
        source = (root / "book" / f"{page}.md").read_text("utf-8")
        records = read_records(results[page]) if page in results else []
        texts[page] = plain.page_text(source, numbers, records)
    files = {folder / "book" / f"{page}.md": text.encode() for page, text in texts.items()}
    return files | {folder / "llms.txt": plain.index(book.title, texts).encode()}


def figure_files(chapters: Sequence[Path], book: Book) -> dict[str, bytes]:
    """Read the files of all figures: name, such as ``"fig-capacity-atlas.svg"``, to content.

    Raises
    ------
    ValueError
        If two chapters publish the same figure.
    """
    found: dict[str, bytes] = {"LICENCE.txt": b"Figures and data: CC BY 4.0\n"}
    for chapter in chapters:
        for record in read_records(chapter):
            own = [f"{record.id}.{suffix}" for suffix in (*FORMATS, f"{tables.KEY}.csv", "json")]
            for name in [*own, *tables.names(record.id, list(record.tables))[1:]]:
                if name in found:
                    raise ValueError(f"{record.id} is published by two chapters")
                found[name] = (chapter / "figures" / name).read_bytes()
            narrow = chapter / "figures" / f"{record.id}{NARROW}"
            if narrow.exists():
                found[narrow.name] = narrow.read_bytes()
            url = f"{book.address}figures/{record.id}.svg" if book.address else book.repository
            entry = bibtex(record, book.released[:4], url, book.edition)
            found[f"{record.id}.bib"] = entry.encode()
    return found


def write_figures(folder: Path, chapters: Sequence[Path], book: Book) -> int:
    """Write all files of all figures into one folder, remove what else is there, and count them."""
    files = figure_files(chapters, book)
    for path in folder.iterdir() if folder.exists() else []:
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        _write(folder / name, content)
    return len(files)


def _thumbnail(png: bytes) -> bytes:
    """Small copy of a picture."""
    out = BytesIO()
    with Image.open(BytesIO(png)) as image:
        small = image.convert("RGB")
        small.thumbnail((_THUMBNAIL, 4 * _THUMBNAIL), reducing_gap=2.0)
    small.save(out, "png")
    return out.getvalue()


def read_book(root: Path) -> Book:
    """Read what a citation and a link need: ``_config.yml``, ``CITATION.cff``, git's ``origin``."""
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8")) or {}
    cff = root / "CITATION.cff"
    cited = yaml.safe_load(cff.read_text("utf-8")) if cff.exists() else {}
    repository = config.get("repository") or {}
    named = {
        "repository": repository.get("url"),
        "branch": repository.get("branch"),
        "address": (config.get("html") or {}).get("baseurl"),
    }
    home = find_home(root, {field: str(value or "") for field, value in named.items()})
    return Book(
        title=config.get("title", ""),
        author=config.get("author", ""),
        version=version("coloured-spectrogram"),
        released=str(cited.get("date-released", "")),
        edition=str(config.get("edition", "")),
        **asdict(home),
    )


def last_changes(root: Path, pages: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Last commit and its date of each page's file, with ``+`` after it if it has changed since.

    Pages that no commit holds, or all outside git, are absent.
    """
    found = {}
    changed = git(root, "status", "--porcelain", "--", "book")
    for page in pages:
        line = git(root, "log", "-1", "--abbrev=12", "--format=%h %cs", "--", f"book/{page}.md")
        if line:
            commit, date = line.split()
            found[page] = (commit + "+" * (f" book/{page}.md" in changed), date)
    return found


def _facts(root: Path, book: Book, pages: Sequence[str], results: Mapping[str, Path]) -> bytes:
    """Collect what the pages tell of themselves, for the extension `site.pages`."""
    changes = last_changes(root, pages)
    facts: dict[str, Any] = {"book": asdict(book), "pages": {}}
    for page in pages:
        commit, date = changes.get(page, ("", ""))
        records = read_records(results[page]) if page in results else []
        facts["pages"][page] = {
            "commit": commit,
            "changed": date,
            "run": _run_facts(results[page], records) if page in results else {},
            "records": [asdict(record) for record in records],
            "claims": _decided(results[page]) if page in results else {},
        }
    return json.dumps(facts, sort_keys=True).encode()


def _decided(folder: Path) -> dict[str, str]:
    """Verdicts of the claims whose primary evidence a chapter recorded."""
    entries = read_entries([folder])
    primary = {name: (claim.chapter, claim.part) for name, claim in CLAIMS.items()}
    return {e.claim: e.verdict for e in entries if (e.chapter, e.part) == primary[e.claim]}


def _run_facts(folder: Path, records: Sequence[Record]) -> dict[str, Any]:
    """How a chapter's results were computed; empty if its folder does not say."""
    paths = [folder / "run.json", folder / "telemetry.json"]
    if not all(path.exists() for path in paths):
        return {}
    run, telemetry = (json.loads(path.read_text("utf-8")) for path in paths)
    facts: dict[str, Any] = {key: run[key] for key in ("parameters", "commit")} | telemetry
    return facts | {"versions": records[0].versions if records else {}}


def _numbers(chapters: Sequence[Path]) -> dict[str, str]:
    """Texts of the numbers that chapters glued; a name that two use would be ambiguous."""
    owner: dict[str, str] = {}
    texts: dict[str, str] = {}
    for folder in chapters:
        path = folder / "numbers.json"
        for name, entry in json.loads(path.read_text("utf-8") if path.exists() else "{}").items():
            if name in owner:
                raise ValueError(f"number {name} is in chapters {owner[name]} and {folder.name}")
            owner[name], texts[name] = folder.name, entry["text"]
    return texts


def _with_numbers(page: str, text: str, numbers: Mapping[str, str]) -> str:
    """Put the numbers that chapters glued where a page without cells asks for them."""

    def shown(match: re.Match[str]) -> str:
        if match[1] not in numbers:
            raise ValueError(f"{page}: no chapter gives the number {match[1]!r}")
        return numbers[match[1]]

    return re.sub(r"\{number\}`([^`]*)`", shown, text)


def render(
    root: Path, pages: Sequence[str], results: Mapping[str, Path], builder: str = "html"
) -> Path:
    """Stage and render the site into ``_build/html``, or by another of Sphinx's builders.

    ``singlehtml`` joins all pages into one, in ``_build/singlehtml``.

    Raises
    ------
    ClickException
        If Jupyter Book fails or warns; its last lines are shown.
    """
    source = stage(root, pages, results)
    log = root / "_build" / "render.log"
    fresh = root / "_build" / "rendering"  # from nothing: what an older site left would change it
    shutil.rmtree(fresh, ignore_errors=True)
    command = [sys.executable, "-c", _JUPYTER_BOOK, "build", "-W", "-n", "--keep-going"]
    if builder != "html":
        command += ["--builder", "custom", "--custom-builder", builder]
    command += ["--path-output", str(fresh), str(source)]
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, cwd=root
        ) as process,
    ):
        code = process.wait()
    if code:
        said = log.read_text("utf-8", errors="replace")
        warnings = "\n".join(line for line in said.splitlines() if re.search("WARNING|ERROR", line))
        told = unwritable(root / "_build", said)
        failed = f"rendering failed; {log} has all\n{warnings or said[-3000:]}"
        raise click.ClickException(told or failed)
    site, target = fresh / "_build" / builder, root / "_build" / builder
    if builder == "html":
        seal(site)  # the other is printed here, never served
    replace_directory(site, target)
    shutil.rmtree(fresh)
    return target
