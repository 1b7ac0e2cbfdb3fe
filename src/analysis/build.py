"""Builds the book: the workflow graph and the command line.

``python -m analysis --help`` lists the commands. pytask holds the graph (its states are journalled,
so that a killed build resumes): a chapter is executed again only if its text, its parameters, a
module that it imports (transitively), the lock file or its data changed.
"""

from __future__ import annotations

import ast
import hashlib
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
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import yaml
from filelock import FileLock, Timeout
from tqdm import tqdm

from analysis import checks
from analysis.execution import (
    NOTEBOOK,
    Spec,
    damage,
    default_parameters,
    read_notebook,
    save_spec,
    unwritable,
)
from analysis.pdf import print_pdf
from analysis.serving import server
from analysis.site import last_changes, read_book, render, write_figures

__all__ = ["PROFILES", "Book", "BuildError", "main"]

#: Environment variables that limit threads.
_THREADS = tuple(f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"))

#: Characters of a parameter's value.
_LONGEST_VALUE = 4096

#: What a build may compute: `quick` in minutes, `full` for the published figures.
PROFILES = ("quick", "full")


class BuildError(click.ClickException):
    """The build cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Book:
    """A book's files.

    Attributes
    ----------
    root : Path
        The folder that holds ``_toc.yml``, ``book/`` and ``requirements.lock``.
    package : str
        The importable package whose modules the chapters use.
    """

    root: Path
    package: str = "analysis"

    @property
    def build(self) -> Path:
        """Folder of everything that is built."""
        return self.root / "_build"

    @cached_property
    def pages(self) -> tuple[str, ...]:
        """Names of all pages, in the order of the table of contents."""
        path = self.root / "_toc.yml"
        if not path.exists():
            raise BuildError(f"{path} is missing: run this in the book's folder, or pass --root")
        found = re.findall(r"^\s*-?\s*(?:root|file):\s*(\S+)", path.read_text("utf-8"), re.M)
        return tuple(Path(name).name for name in found)

    @cached_property
    def chapters(self) -> tuple[str, ...]:
        """Names of the pages that are notebooks."""
        return tuple(name for name in self.pages if "\nkernelspec:" in self._head(name))

    def _head(self, name: str) -> str:
        if not self.source(name).exists():
            return ""  # Jupyter Book names the missing page
        with self.source(name).open(encoding="utf-8") as file:
            return file.read(2000)

    def source(self, name: str) -> Path:
        """Markdown file of a page."""
        return self.root / "book" / f"{name}.md"

    def results(self, name: str, profile: str) -> Path:
        """Folder of a chapter's results."""
        return self.build / "executed" / profile / name

    def check_chapter(self, name: str) -> None:
        """Refuse a name that is no chapter."""
        if name not in self.chapters:
            raise BuildError(f"unknown chapter {name!r}; valid: {', '.join(self.chapters)}")

    @cached_property
    def _graph(self) -> Any:
        import grimp

        return grimp.build_graph(self.package, cache_dir=None)

    def modules(self, name: str) -> list[Path]:
        """Files of the package's modules that a chapter imports, transitively."""
        found = _imports(self.source(name), self.package)
        missing = sorted(found - self._graph.modules)
        if missing:
            raise BuildError(f"{self.source(name)} imports {missing[0]}, which does not exist")
        for module in tuple(found):
            found |= self._graph.find_upstream_modules(module)
        base = Path(str(import_module(self.package).__file__)).parent
        return sorted(_module_file(base, module) for module in found | {self.package})

    @cached_property
    def reads(self) -> dict[str, dict[str, list[str]]]:
        """Figures of earlier chapters whose data each chapter reads: chapter to identifiers."""
        found = {name: _data_read(self.source(name)) for name in self.chapters}
        for index, name in enumerate(self.chapters):
            for other in found[name]:
                self.check_chapter(other)
                if other not in self.chapters[:index]:
                    raise BuildError(f"chapter {name} reads {other}, which comes no earlier")
        return found

    def data_state(self, name: str) -> dict[str, str]:
        """Fingerprints of the data sets and stored results, for a chapter that can read them."""
        found: dict[str, str] = {}
        reading = {"datasets", "performance"} & {path.stem for path in self.modules(name)}
        for module in sorted(reading):
            found |= import_module(f"{self.package}.{module}").state()
        return found


def _imports(source: Path, package: str) -> set[str]:
    """Modules of `package` that a chapter's code cells import."""
    found = set()
    for cell in read_notebook(source).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module == package:
                found |= {f"{package}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {node.module or ""}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    return {module for module in found if module.startswith(f"{package}.")}


def _data_read(source: Path) -> dict[str, list[str]]:
    """Arguments of the calls of `figures.data_of` in a chapter's code cells."""
    found: dict[str, list[str]] = {}
    for cell in read_notebook(source).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            match node:
                case ast.Call(func=ast.Attribute(attr="data_of"), args=given):
                    if not (len(given) == 2 and all(isinstance(a, ast.Constant) for a in given)):
                        raise BuildError(f"{source}: data_of takes two literal names")
                    chapter, figure = (str(ast.literal_eval(a)) for a in given)
                    found.setdefault(chapter, []).append(figure)
    return found


def _module_file(base: Path, module: str) -> Path:
    path = base.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def parse_parameters(book: Book, name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Check a chapter's parameters and give them the types of their defaults.

    Parameters
    ----------
    book : Book
        The book.
    name : str
        A chapter.
    given : mapping of str to str
        As typed by the user.

    Returns
    -------
    dict
        Name to value.

    Raises
    ------
    BuildError
        For an unknown name, an unknown profile or a value of another type; the valid ones are
        listed.
    """
    defaults = default_parameters(read_notebook(book.source(name)))
    parsed = {}
    for key, text in given.items():
        if key not in defaults:
            raise BuildError(
                f"chapter {name} has no parameter {key!r}; valid: {', '.join(defaults)}"
            )
        parsed[key] = _typed(key, name, text, defaults[key])
    check_profile(str(parsed.get("profile", PROFILES[0])))
    return parsed


def _typed(key: str, name: str, text: str, default: Any) -> Any:
    """Value of a parameter, of the type of its default."""
    kind = type(default)
    about = f"parameter {key} of chapter {name} is {kind.__name__}"
    if len(text) > _LONGEST_VALUE or not text.isprintable():
        shown = text if len(text) < 40 else f"{text[:40]}…"
        raise BuildError(f"{about} of at most {_LONGEST_VALUE} printable characters, not {shown!r}")
    try:
        value = text if kind is str else _plain_yaml(text)
        if kind is float and type(value) is int:
            value = float(value)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        raise BuildError(f"{about}, not {text!r}") from None
    huge = (
        isinstance(value, int) and value.bit_length() > 64
    )  # no seed or count is; and slow to print
    if huge or (default is not None and type(value) is not kind):
        raise BuildError(f"{about}, not {text!r}")
    return value


def _plain_yaml(text: str) -> Any:
    """Value of a YAML text that has no aliases, by which a short text may mean a huge value."""
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
        raise ValueError("aliases are not needed here")
    return yaml.safe_load(text)


def check_profile(profile: str) -> None:
    """Refuse an unknown profile."""
    if profile not in PROFILES:
        raise BuildError(f"unknown profile {profile!r}; valid: {', '.join(PROFILES)}")


def _commit(root: Path) -> str:
    """Short commit, with ``+`` if tracked files changed since; ``unknown`` outside git."""
    try:
        git = partial(subprocess.run, cwd=root, capture_output=True, text=True, check=True)
        head = git(["git", "rev-parse", "--short=12", "HEAD"]).stdout.strip()
        dirty = git(["git", "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}+" if dirty else head


def _version() -> str:
    try:
        return version("coloured-spectrogram")
    except PackageNotFoundError:
        return "unknown"


def make_spec(book: Book, name: str, directory: Path, overrides: dict[str, Any]) -> Spec:
    """Put together what the executing process needs to know about a chapter."""
    parameters = default_parameters(read_notebook(book.source(name))) | overrides
    profile = str(parameters.get("profile", PROFILES[0]))
    run = {
        "chapter": name,
        "parameters": parameters,
        "commit": _commit(book.root),
        "version": _version(),
        "sources": {other: str(book.results(other, profile)) for other in book.reads[name]},
    }
    return Spec(str(book.source(name)), str(directory), overrides, run)


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

    Parameters
    ----------
    book : Book
        The book.
    spec : Spec
        What to execute.
    advance : callable
        Called with (cells done, cells in all) after each cell.
    changes : mapping of str to str
        Environment variables that are to differ.

    Raises
    ------
    BuildError
        If a cell fails: chapter, source and the traceback's end.
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
                [sys.executable, "-m", "analysis.execution", str(path)],
                stdin=subprocess.PIPE,  # held open: the child stops when we do
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
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


def run_again(book: Book, name: str, profile: str, threads: int, folder: Path) -> Path:
    """Execute a chapter once more from nothing, to compare with the book's results.

    Parameters
    ----------
    book : Book
        Built.
    name, profile : str
        Chapter and profile.
    threads : int
        Of each numerical library.
    folder : Path
        Where the new results, caches and checkpoints go.

    Returns
    -------
    Path
        Folder of the new results. They carry the commit of the old ones.

    Raises
    ------
    BuildError
        If the book has no results of the chapter, or a cell fails.
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


def _data_file(book: Book, name: str, profile: str, figure: str) -> Path:
    return book.results(name, profile) / "figures" / f"{figure}.csv"


def _chapter_task(book: Book, name: str, profile: str, progress: Progress) -> Any:
    """Node of the graph that executes a chapter, with everything that it depends on."""
    from pytask import PathNode, TaskWithoutPath

    overrides = parse_parameters(book, name, {"profile": profile})
    key = {"parameters": overrides, "data": book.data_state(name)}
    inputs = [book.source(name), book.root / "requirements.lock", *book.modules(name)]
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
    here = Path(__file__).parent
    inputs += [
        here / f"{name}.py" for name in ("site", "pages", "forge", "glossary", "figures", "ledger")
    ]
    inputs += sorted((here / "templates").iterdir())
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
def _alone(folder: Path) -> Iterator[None]:
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


def _discard_unfinished(folder: Path, names: str = ".*") -> None:
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
    """Bring the book up to date.

    Parameters
    ----------
    book : Book
        The book.
    profile : str
        One of `PROFILES`.
    jobs : int
        Chapters executed at a time.
    site : bool
        Render the pages too.

    Returns
    -------
    list of str
        The chapters that were executed; the others were up to date.

    Raises
    ------
    BuildError
        If a chapter or the rendering fails. What succeeded is kept.
    """
    import pytask
    from pytask_parallel import ParallelBackend

    check_profile(profile)
    with _alone(book.build):
        _discard_unfinished(book.build / "executed" / profile)
        _discard_unfinished(book.build, ".html-old-*")
        _discard_damaged(book, profile)
        progress = Progress()
        tasks = [_chapter_task(book, name, profile, progress) for name in book.chapters]
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


class _Parameters(click.ParamType[tuple[str, str]]):
    """``key=value``."""

    name = "key=value"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Split at the first equals sign."""
        key, separator, text = str(value).partition("=")
        if not separator:
            self.fail(f"{value!r} is not key=value", param, ctx)
        return key, text


class _Commands(click.Group):
    """Commands that tell in a sentence what the system refuses."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            folder = Path(ctx.params["root"]).resolve() / "_build"
            told = unwritable(folder, str(error))
            raise BuildError(told or str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default="this folder",
    help="The book's folder.",
)
@click.option("--package", default="analysis", show_default=True, help="The book's Python package.")
@click.pass_context
def main(context: click.Context, root: Path, package: str) -> None:
    """Build, rerun and serve The Coloured Spectrogram."""
    context.obj = Book(root.resolve(), package)


@main.command("book")
@click.option("--profile", default="quick", show_default=True, help=" or ".join(PROFILES) + ".")
@click.option("--jobs", "-j", type=click.IntRange(1), default=os.cpu_count(), show_default="cores")
@click.option("--site/--no-site", default=True, help="Render the pages too.")
@click.pass_obj
def book_command(book: Book, profile: str, jobs: int, site: bool) -> None:
    """Execute what is out of date, in parallel, and render the site."""
    executed = build_book(book, profile, jobs, site)
    fresh = len(book.chapters) - len(executed)
    print(f"{len(executed)} chapters executed, {fresh} up to date ({profile})")
    if site:
        print(f"The book: {book.build / 'html' / 'index.html'}")


_PROFILE = click.option(
    "--profile", default="quick", show_default=True, help=" or ".join(PROFILES) + "."
)


@main.command("figures")
@_PROFILE
@click.pass_obj
def figures_command(book: Book, profile: str) -> None:
    """Write all files of all figures into one folder; no page is rendered."""
    build_book(book, profile, os.cpu_count() or 1, site=False)
    folder = book.build / "figures"
    chapters = [book.results(name, profile) for name in book.chapters]
    print(f"{write_figures(folder, chapters, read_book(book.root))} files: {folder}")


@main.command("pdf")
@_PROFILE
@click.pass_obj
def pdf_command(book: Book, profile: str) -> None:
    """Print the whole book to one PDF."""
    build_book(book, profile, os.cpu_count() or 1, site=False)
    results = {name: book.results(name, profile) for name in book.chapters}
    target = book.build / "the-coloured-spectrogram.pdf"
    folder = render(book.root, book.pages, results, builder="singlehtml")
    print_pdf(folder, target, read_book(book.root))
    print(f"The book: {target}")


@main.command("chapter")
@click.argument("name")
@click.option("--parameter", "-p", "given", type=_Parameters(), multiple=True, help="May repeat.")
@click.option("--list", "listing", is_flag=True, help="List the chapter's parameters and stop.")
@click.pass_obj
def chapter_command(
    book: Book, name: str, given: tuple[tuple[str, str], ...], listing: bool
) -> None:
    """Execute one chapter with other parameters, beside the book's own results.

    For instance: chapter single-pixel -p colormap=jet -p profile=full
    """
    book.check_chapter(name)
    if listing:
        for key, value in default_parameters(read_notebook(book.source(name))).items():
            print(f"{key} = {value!r}")
        return
    overrides = parse_parameters(book, name, dict(given))
    directory = book.build / "runs" / name / _slug(overrides)
    with _alone(directory.parent), tqdm(desc=name, unit="cell", disable=None) as bar:
        _discard_unfinished(directory.parent)

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        run_chapter(book, make_spec(book, name, directory, overrides), advance)
    print(f"Notebook: {directory / NOTEBOOK}")
    print(f"Figures:  {directory / 'figures'}")


def _slug(overrides: Mapping[str, Any]) -> str:
    """Folder name for a set of parameters: readable where short, and never a path."""
    text = "_".join(f"{key}={value}" for key, value in sorted(overrides.items())) or "defaults"
    if re.fullmatch(r"[A-Za-z0-9=_.+-]{1,80}", text) and not text.startswith("."):
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@main.command("your-data")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--minutes", default=10.0, show_default=True, help="Time budget.")
@click.option("--group", default="", help="Regular expression: its brackets match the group.")
@click.option("--colormap", default="viridis", show_default=True)
@click.option("--values", default="auto", help="What arrays hold: auto, decibels or amplitude.")
@click.option("--seed", default=0, show_default=True)
@click.option("--executor", default="auto", help="auto, loky, serial or dask.")
@click.option("--scheduler", default="", help="Address of the Dask scheduler.")
@click.option("--jobs", "-j", default=0, help="Processes; 0 for as many as there are cores.")
@click.option("--checkpoints", default="auto", help="Folder of finished runs; or none.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the report.")
@click.pass_obj
def your_data_command(book: Book, /, data: Path, output: Path | None, **parameters: Any) -> None:
    """Report what colour does on your own recordings: a folder with one subfolder a class."""
    from analysis import own_data

    def execute(overrides: dict[str, Any], directory: Path) -> None:
        spec = make_spec(book, own_data.CHAPTER, directory, overrides)
        run_chapter(book, spec, lambda done, total: None)

    request = own_data.Request(book.root, data, output, parameters)
    print(own_data.summary(own_data.make_report(request, execute)))


@main.command()
def data() -> None:
    """Fetch the speech sets, where they are absent, into the user's cache."""
    from analysis import datasets

    for name in datasets.SOURCES:
        try:
            print(f"{name}: {datasets.fetch(name)}")
        except datasets.DataUnavailable as error:
            raise BuildError(str(error)) from error


@main.group()
def check() -> None:
    """Check the book: two runs, links, licences, known vulnerabilities."""


@check.command("same-bytes")
@click.argument("names", nargs=-1)
@click.option("--profile", default="quick", show_default=True, help=" or ".join(PROFILES) + ".")
@click.option("--threads", type=click.IntRange(1), default=1, help="More: within tolerances.")
@click.pass_obj
def same_bytes(book: Book, names: tuple[str, ...], profile: str, threads: int) -> None:
    """Execute chapters (all, unless named) once more from nothing, and compare the results."""
    found = []
    for name in names or book.chapters:
        book.check_chapter(name)
        with _alone(book.build), tempfile.TemporaryDirectory(dir=book.build) as folder:
            again = run_again(book, name, profile, threads, Path(folder))
            tolerance = None if threads == 1 else checks.TOLERANCES.get(name, checks.TOLERANCE)
            differing = checks.deviations(book.results(name, profile), again, tolerance)
        print(f"{name}: {len(differing)} differences", flush=True)
        found += [f"{name}: {text}" for text in differing]
    if found:
        raise BuildError("\n".join(found))


@check.command()
@click.pass_obj
def links(book: Book) -> None:
    """Ask for every address on another host that the texts name."""
    named = checks.addresses(book.root)
    answers = checks.reach(named)
    if not any(answer == "ok" for answer in answers.values()):
        print(f"skipped: no host answers ({next(iter(answers.values()), 'no address')})")
        return
    for address, answer in answers.items():
        if answer != "ok":
            print(f"{answer}: {address} ({named[address]})")
    gone = [address for address, answer in answers.items() if answer == "gone"]
    print(f"{len(answers)} addresses, {len(gone)} gone")
    if gone:
        raise BuildError("addresses are gone: " + ", ".join(gone))


def _locks(book: Book) -> list[Path]:
    return [book.root / name for name in ("requirements.lock", "requirements-no-deps.lock")]


@check.command()
@click.pass_obj
def licences(book: Book) -> None:
    """List the licences of all locked packages, and refuse what does not go with the book's."""
    found = checks.packages(*_locks(book))
    for package in found:
        print(f"{package.name} {package.version}: {package.licence or 'not installed here'}")
    unfit = [package.name for package in found if package.licence and not package.compatible]
    if unfit:
        raise BuildError("licences that do not go with BSD-3-Clause: " + ", ".join(unfit))


@check.command()
@click.pass_obj
def audit(book: Book) -> None:
    """Ask for known vulnerabilities of the locked packages."""
    state, report = checks.audit(*_locks(book))
    print(f"{state}: {report}")
    if state == "found":
        raise BuildError("locked packages have known vulnerabilities")


@main.command()
@click.option("--port", default=8000, show_default=True)
@click.pass_obj
def serve(book: Book, port: int) -> None:
    """Serve the built site on 127.0.0.1, and on no other address."""
    site = book.build / "html"
    if not (site / "index.html").exists():
        raise BuildError("there is no site yet: run `make book` first")
    with server(site, port) as serving:
        print(f"http://127.0.0.1:{serving.server_port}/ (Ctrl-C ends)", flush=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print()
