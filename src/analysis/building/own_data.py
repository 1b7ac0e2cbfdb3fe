"""Makes a report on a folder: check the folder, execute the chapter, tell what it found.

The folder is read here, so that whatever is wrong with it is told in one sentence, and what was
read is handed to the chapter in a file. Results go to ``_build/your-data/NAME``, and a
folder that holds anything else is never replaced.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from analysis import your_data
from analysis.audit.handover import Prepared
from analysis.pictures import encodings
from analysis.publishing.execution import NOTEBOOK, default_parameters, read_notebook
from analysis.recordings import listing

#: Name of the chapter.
CHAPTER = "your-data"


@dataclass(frozen=True)
class Request:
    """What the user asks for; see the chapter's parameters."""

    root: Path  # the book's folder
    data: Path  # the data folder
    output: Path | None  # where the report goes
    parameters: dict[str, Any]  # of the chapter, less ``data``

    @property
    def chapter(self) -> Path:
        """The chapter's text."""
        return self.root / "book" / f"{CHAPTER}.md"

    @property
    def store(self) -> Path | None:
        """Where spectrograms and finished runs are kept."""
        choice = self.parameters.get("checkpoints", "auto")
        inside = self.root / "_build" / "checkpoints" / CHAPTER
        return inside if choice == "auto" else your_data.store_of(choice)


def make_report(request: Request, execute: Callable[[dict[str, Any], Path], None]) -> Path:
    """Make a report on a folder of recordings, ``report.html``, and give its path.

    `execute` is called with the chapter's parameters and the folder for its results. Beside the
    report are the notebook, ``results.json`` and tables.
    """
    try:
        _check_name(request.data)
        output = _output(request)
        store = request.store
        your_data.check_outside(request.data, output, *([store] if store else []))
        parameters = request.parameters | {"data": str(request.data.resolve())}
        parameters["checkpoints"] = str(store.resolve()) if store else "none"
        encodings.table(str(request.parameters.get("colormap", "viridis")))  # refuses what is none
        values = default_parameters(read_notebook(request.chapter)) | parameters
        prepared = your_data.prepared(**{name: values[name] for name in your_data.PREPARING})
    except listing.DataError as problem:
        raise click.ClickException(str(problem)) from None
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    said = your_data.foretold(prepared.recordings, values["seed"])
    click.echo("\n".join(your_data.told(said)))
    with _watched(your_data.store_for(request.data, store)), _handed(request, prepared) as path:
        execute(parameters | {"handed": str(path)}, output)
    return output / "report.html"


@contextmanager
def _handed(request: Request, prepared: Prepared) -> Iterator[Path]:
    """Hand what was prepared to the chapter's process, which need not read the folder again."""
    name = f".{your_data.store_name(request.data)}.npz"
    path = (request.root / "_build" / CHAPTER / name).resolve()
    prepared.save(path)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _check_name(data: Path) -> None:
    """Refuse a folder whose name no notebook can hold; files within it may be called anything."""
    try:
        str(data.resolve()).encode()
    except UnicodeEncodeError:
        raise listing.DataError(
            f"The name of {os.fsencode(data)!r} is no UTF-8: rename the folder, or link to it."
        ) from None


def _output(request: Request) -> Path:
    """Folder for the results: a new one, or one that holds results of the same data."""
    if request.output is not None:
        _refuse_foreign(request.output)
        return request.output.resolve()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", request.data.resolve().name).strip(".-") or "data"
    place = request.root / "_build" / CHAPTER / name[:60]
    if place.exists() and _data_of(place) not in (None, str(request.data.resolve())):
        place = place.with_name(f"{place.name}-{your_data.store_name(request.data)}")
    _refuse_foreign(place)
    return place


def _data_of(place: Path) -> str | None:
    """Which data folder the results in a folder are of."""
    try:
        run = json.loads((place / "run.json").read_text("utf-8"))
        return str(run["parameters"]["data"]) if run["chapter"] == CHAPTER else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _refuse_foreign(place: Path) -> None:
    if place.exists() and (not place.is_dir() or any(place.iterdir())) and not _data_of(place):
        raise listing.DataError(
            f"{place} exists and holds no report of this command: name another folder."
        )


@contextmanager
def _watched(store: Path | None) -> Iterator[None]:
    """Show how far the chapter's process is, and how long it still takes."""
    path = store / "progress.json" if store else None
    if path is None:
        yield
        return
    path.unlink(missing_ok=True)
    end = threading.Event()
    thread = threading.Thread(target=_watch, args=(path, end), daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _watch(path: Path, end: threading.Event) -> None:
    form = "{desc}: {percentage:3.0f} %|{bar}| {n_fmt} of {total_fmt} nets, {postfix}"
    with tqdm(total=0, bar_format=form, disable=None, leave=False) as bar:
        told = time.monotonic()
        while not end.wait(0.5):
            try:
                found = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            left = f"about {_minutes(found['seconds_left'])} left"
            bar.total, bar.n = found["total"], found["done"]
            bar.set_description_str(found["what"], refresh=False)
            bar.set_postfix_str(left)
            if bar.disable and time.monotonic() - told > 30:  # no terminal: a line now and then
                told = time.monotonic()
                line = f"{found['what']}: {found['done']} of {found['total']} nets, {left}"
                click.echo(line, err=True)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def summary(report: Path) -> str:
    """Tell what a report says, for a terminal: headline, recommendation, and where all is."""
    found = json.loads((report.parent / "results.json").read_text("utf-8"))
    lines = [found["headline"], *found["forecast"][1:], found["recommendation"], ""]
    left = len(found["left_out"])
    if left:
        were = "was" if left == 1 else "were"
        lines.append(f"{listing.counted(left, 'file')} {were} left out; the report says why.")
    lines += [f"Report:   {report}", f"Notebook: {report.with_name(NOTEBOOK)}"]
    return "\n".join(lines)
