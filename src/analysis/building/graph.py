"""The workflow graph: which chapters are stale, and their execution, several at a time.

pytask holds it (its states are journalled, so that a killed build resumes): a chapter is executed
again only if its text, its parameters, a module that it imports (transitively), the lock file,
its measurements or its data changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from filelock import FileLock, Timeout
from tqdm import tqdm

from analysis.building.book import Book, BuildError, check_profile, make_spec, parse_parameters
from analysis.imports import closure, file_of, import_graph
from analysis.publishing.execution import (
    NOTEBOOK,
    Spec,
    damage,
    read_notebook,
    save_spec,
    unwritable,
)
from analysis.site.site import last_changes, read_book, render

#: Environment variables that limit threads.
_THREADS = tuple(f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"))


def _environment(book: Book, changes: Mapping[str, str]) -> dict[str, str]:
    """Environment of a chapter's process: one thread, full paths, nobody's own settings.

    Chapters run in parallel, hence the thread. A reader's matplotlibrc, IPython start-up files and
    kernels would change results, and their folders may be missing.
    """
    environment = dict(os.environ)
    for library in _THREADS:
        environment[library] = "1"
    for tool in ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        environment[tool] = str(book.build / "settings" / tool.lower())
    environment["MPLBACKEND"] = "Agg"
    environment["PYTHONHASHSEED"] = "0"
    environment["PYTHONUTF8"] = "1"  # whatever the locale
    environment["PYTHONSAFEPATH"] = "1"  # no module that happens to lie in the working directory
    data = environment.get("ANALYSIS_DATA_DIR")
    if data:
        environment["ANALYSIS_DATA_DIR"] = str((Path.cwd() / data).resolve())
    source = str(Path(str(import_module(book.package).__file__)).parent.parent)
    known = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join([source, known] if known else [source])
    return environment | dict(changes)


def run_chapter(
    book: Book,
    spec: Spec,
    advance: Callable[[int, int], None],
    changes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Execute a chapter in a process of its own.

    `advance` is called with (cells done, cells in all) after each cell; `changes` are environment
    variables that are to differ.
    """
    beside = Path(spec.directory).parent
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside, prefix=".spec-") as folder:
        path = Path(folder) / "spec.json"
        save_spec(spec, path)
        errors = (Path(folder) / "stderr").open("w+", encoding="utf-8")
        with (
            errors,
            subprocess.Popen(
                [sys.executable, "-m", "analysis.publishing.execution", str(path)],
                stdin=subprocess.PIPE,  # held open: the child stops when we do
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env=_environment(book, changes),
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                counted = re.fullmatch(r"cell (\d+) of (\d+)\n", line)
                if counted:
                    advance(int(counted[1]), int(counted[2]))
            code = process.wait()
            if code:
                errors.seek(0)
                said = errors.read()
                start = said.find("chapter ")
                told = said[start:] if code == 1 and start >= 0 else said[-3000:]
                told = unwritable(beside, said) or told
                raise BuildError(told.rstrip() or f"chapter process ended with status {code}")


def run_again(
    book: Book,
    name: str,
    profile: str,
    threads: int,
    folder: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Execute a chapter once more from nothing, to compare with the book's results.

    New results, caches and checkpoints go below `folder`; `threads` is of each numerical library,
    and `settings` are further environment variables (`checks.PROCESSORS`). The results, whose
    folder is returned, carry the commit of the old ones.
    """
    record = book.results(name, profile) / "run.json"
    if not record.exists():
        raise BuildError(f"there are no results of {name} ({profile}): run `make book` first")
    directory = folder / "_build" / name  # a chapter looks for checkpoints in the nearest _build
    spec = make_spec(book, name, directory, parse_parameters(book, name, {"profile": profile}))
    spec.run["commit"] = json.loads(record.read_text("utf-8"))["commit"]
    cache = os.path.expanduser("~/.cache/coloured-spectrogram")  # of downloads, which are kept
    data = os.environ.get("ANALYSIS_DATA_DIR") or cache
    changes = dict.fromkeys(_THREADS, str(threads))
    data = str((Path.cwd() / data).resolve())  # the chapter runs in a folder of its own
    changes |= {"XDG_CACHE_HOME": str(folder / "cache"), "ANALYSIS_DATA_DIR": data}
    changes |= settings
    run_chapter(book, spec, lambda _done, _total: None, changes)
    return directory


class Progress:
    """One bar for the cells of all chapters that are being executed."""

    def __init__(self) -> None:
        self.bar = tqdm(desc="executing", unit="cell", total=0, disable=None, leave=False)
        self.total = 0
        self.done: dict[str, int] = {}
        self.executed: list[str] = []

    def start(self, name: str, cells: int) -> None:
        """Add a chapter's cells to the bar."""
        self.executed.append(name)
        self.done[name] = 0
        self.total += cells
        self.bar.total = self.total
        self.bar.set_postfix_str(", ".join(self.done))

    def advance(self, name: str, done: int, _total: int) -> None:
        """Move on after a cell of a chapter."""
        self.bar.update(done - self.done[name])
        self.done[name] = done

    def finish(self, name: str) -> None:
        """Take a chapter off the bar."""
        del self.done[name]
        self.bar.set_postfix_str(", ".join(self.done))
        if self.bar.disable:
            print(f"executed {name}", file=sys.stderr, flush=True)  # where no bar can be shown


def _value_node(name: str, value: str) -> Any:
    """Node of the graph for a value; pytask tells such nodes apart by `NodeInfo` alone."""
    from pytask import NodeInfo, PythonNode

    info = NodeInfo(arg_name="key", path=(), task_path=None, task_name=name, value=value)
    return PythonNode(name=name, value=value, hash=True, node_info=info)


def _data_file(book: Book, name: str, profile: str, file: str) -> Path:
    return book.results(name, profile) / "figures" / file


def _seconds(book: Book, profile: str) -> dict[str, float]:
    """How long each chapter takes, and what waits for its data: as last seen, else as stored."""
    stored = book.root / "book" / "seconds.json"
    found: dict[str, float] = json.loads(stored.read_text("utf-8")) if stored.exists() else {}
    for name in book.chapters:
        try:
            told = json.loads((book.results(name, profile) / "telemetry.json").read_text("utf-8"))
            found[name] = float(told["seconds"])
        except (OSError, ValueError, TypeError, KeyError):
            found.setdefault(name, 0.0)
    for name in reversed(book.chapters):
        waiting = [found[later] for later in book.chapters if name in book.reads[later]]
        found[name] += max(waiting, default=0.0)
    return found


def _priorities(seconds: Mapping[str, float]) -> dict[str, str]:
    """Let the longest chapters start first and the shortest last: pytask knows these two marks."""
    longest = max(seconds.values(), default=0.0)
    first = {name: "try_first" for name, lasting in seconds.items() if lasting > longest / 2}
    return first | {name: "try_last" for name, lasting in seconds.items() if lasting < longest / 8}


def _chapter_task(
    book: Book, name: str, profile: str, progress: Progress, priority: str | None
) -> Any:
    """Node of the graph that executes a chapter, with everything that it depends on."""
    from pytask import Mark, PathNode, TaskWithoutPath

    overrides = parse_parameters(book, name, {"profile": profile})
    key = {"parameters": overrides, "data": book.data_state(name)}
    inputs = [book.source(name), book.root / "requirements.lock", *book.modules(name)]
    inputs += book.measurements(name)
    for other, read in book.reads[name].items():
        inputs += [_data_file(book, other, profile, figure) for figure in read]
    given = [
        _data_file(book, name, profile, figure)
        for later in book.chapters[book.chapters.index(name) + 1 :]
        for figure in book.reads[later].get(name, [])
    ]

    def execute_chapter(**_: Any) -> None:
        directory = book.results(name, profile)
        before = [path.read_bytes() for path in inputs]
        progress.start(name, len(read_notebook(book.source(name)).cells) + 1)
        spec = make_spec(book, name, directory, overrides)
        try:
            run_chapter(book, spec, partial(progress.advance, name))
        finally:
            progress.finish(name)
        changed = [p for p, old in zip(inputs, before, strict=True) if p.read_bytes() != old]
        if changed:  # the graph would take the results for those of the new file
            raise BuildError(f"{changed[0]} changed while {name} was executed: build again")
        for path in given:
            if not path.exists():
                raise BuildError(
                    f"chapter {name} does not publish {path.stem}, which another reads"
                )

    return TaskWithoutPath(
        name=f"execute-{profile}-{name}",
        function=execute_chapter,
        markers=[Mark(priority, (), {})] if priority else [],
        depends_on={
            "inputs": [PathNode.from_path(path) for path in inputs],
            "key": _value_node(f"key-{profile}-{name}", json.dumps(key, sort_keys=True)),
        },
        produces={
            "notebook": PathNode.from_path(book.results(name, profile) / NOTEBOOK),
            "data": [PathNode.from_path(path) for path in sorted(set(given))],
        },
    )


def _site_task(book: Book, profile: str) -> Any:
    """Node of the graph that renders the site."""
    from pytask import PathNode, TaskWithoutPath

    def render_site(**_: Any) -> None:
        print("rendering the pages", file=sys.stderr, flush=True)
        render(book.root, book.pages, {n: book.results(n, profile) for n in book.chapters})

    inputs = [book.results(name, profile) / NOTEBOOK for name in book.chapters]
    inputs += [book.source(name) for name in book.pages if name not in book.chapters]
    inputs += [book.root / "_toc.yml", book.root / "_config.yml", book.root / "requirements.lock"]
    static = (path for path in sorted((book.root / "book" / "_static").rglob("*")))
    inputs += [path for path in static if path.is_file()]
    inputs += [path for path in [book.root / "book" / "references.bib"] if path.exists()]
    inputs += sorted(map(file_of, closure(import_graph("analysis"), ["analysis.site"], True)))
    inputs += sorted((file_of("analysis.site").parent / "templates").iterdir())
    inputs += [path for path in [book.root / "CITATION.cff"] if path.exists()]
    about = asdict(read_book(book.root))  # its addresses, which git may know
    key = json.dumps([profile, about, last_changes(book.root, book.pages)])
    return TaskWithoutPath(
        name="render-site",
        function=render_site,
        depends_on={
            "inputs": [PathNode.from_path(path) for path in inputs],
            "key": _value_node("key-site", key),
        },
        produces={"index": PathNode.from_path(book.build / "html" / "index.html")},
    )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time write in a folder; the lock goes with the process that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "building.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"another build is running in {folder}; waiting for it", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def discard_unfinished(folder: Path, names: str = ".*") -> None:
    """Remove what builds that were killed left beside results."""
    for stale in folder.glob(names):
        shutil.rmtree(stale, ignore_errors=True)


def _discard_damaged(book: Book, profile: str) -> None:
    """Let what is not as it was written be built again: results, and the record of the graph."""
    for name in book.chapters:
        folder = book.results(name, profile)
        damaged = damage(folder)
        if damaged:
            print(f"{folder / damaged} is damaged: executing {name} again", file=sys.stderr)
            shutil.rmtree(folder)
    site = book.build / "html"
    damaged = damage(site)
    if damaged:
        print(f"{site / damaged} is damaged: rendering the pages again", file=sys.stderr)
        (site / "index.html").unlink(missing_ok=True)
    record = book.build / "pytask.lock"
    try:
        tomllib.loads(record.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except ValueError:
        print(f"{record} is damaged: building anew", file=sys.stderr)
        record.unlink()


def build_book(book: Book, profile: str, jobs: int, site: bool = True) -> list[str]:
    """Bring the book up to date, `jobs` chapters at a time, and list those that were executed."""
    import pytask
    from pytask_parallel import ParallelBackend

    check_profile(profile)
    with alone(book.build):
        discard_unfinished(book.build / "executed" / profile)
        discard_unfinished(book.build, ".html-old-*")
        _discard_damaged(book, profile)
        progress = Progress()
        priorities = _priorities(_seconds(book, profile))
        tasks = [
            _chapter_task(book, name, profile, progress, priorities.get(name))
            for name in book.chapters
        ]
        config = book.build / "pytask.toml"  # makes _build, not the checkout, pytask's root
        config.write_text("[tool.pytask.ini_options]\n", "utf-8")
        log = StringIO()
        with redirect_stdout(log):
            session = pytask.build(
                tasks=[*tasks, *([_site_task(book, profile)] if site else [])],
                paths=(book.build,),
                config=config,
                capture="no",
                verbose=0,
                n_workers=jobs,
                parallel_backend=ParallelBackend.THREADS,
            )
        progress.bar.close()
        _report(session, log.getvalue(), book.build)
    return progress.executed


def _report(session: Any, log: str, build: Path) -> None:
    """Raise what failed, each failure in its own words."""
    failures = []
    for report in session.execution_reports:
        if report.exc_info and isinstance(report.exc_info[1], Exception):
            error = report.exc_info[1]
            if isinstance(error, click.ClickException):
                failures.append(error.message)
            elif report.outcome.name == "FAIL":
                told = f"{report.task.name}: {error!r}"
                failures.append(unwritable(build, told) or told)
    if failures:
        kept = "The other chapters' results are kept; the next build goes on from here."
        raise BuildError("\n\n".join([*dict.fromkeys(failures), kept]))
    if session.exit_code != 0:
        raise BuildError(unwritable(build, log) or f"the workflow graph failed:\n{log[-3000:]}")
