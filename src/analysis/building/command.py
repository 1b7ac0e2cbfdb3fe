"""The command line; ``python -m analysis --help`` lists its commands."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from analysis.building import checks
from analysis.building.book import PROFILES, Book, BuildError, make_spec, parse_parameters
from analysis.building.graph import alone, build_book, discard_unfinished, run_again, run_chapter
from analysis.publishing.execution import NOTEBOOK, default_parameters, read_notebook, unwritable
from analysis.site.pdf import print_pdf
from analysis.site.serving import server
from analysis.site.site import read_book, render, write_figures

_PROFILE = click.option(
    "--profile", default="edition", show_default=True, help=", ".join(PROFILES) + "."
)


class _Parameters(click.ParamType[tuple[str, str]]):
    """``key=value``."""

    name = "key=value"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Split at the first equals sign."""
        key, separator, text = str(value).partition("=")
        if not separator:
            self.fail(f"{value!r} is not key=value", param, ctx)
        return key, text


class _Minutes(click.ParamType[float]):
    """A time budget."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Refuse what no clock can count down from."""
        try:
            minutes = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number", param, ctx)
        if not 0 < minutes < float("inf"):
            self.fail(f"minutes must be positive and finite, got {value}", param, ctx)
        return minutes


class _Folder(click.ParamType[Path]):
    """A folder's name, also where no shell has replaced ``~``."""

    name = "folder"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        """Take the name as it is if there is such a folder."""
        if not str(value).strip():
            self.fail("name a folder: the name is empty", param, ctx)
        path = Path(value)
        return path if path.exists() else Path(os.path.expanduser(path))


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
    default=lambda: _home(),
    show_default="this folder, or the checkout from which the package is installed",
    help="The book's folder.",
)
@click.option("--package", default="analysis", show_default=True, help="The book's Python package.")
@click.pass_context
def main(context: click.Context, root: Path, package: str) -> None:
    """Build, rerun and serve The Coloured Spectrogram."""
    if sys.getfilesystemencoding() != "utf-8":  # once more, where names and a minus can be said
        os.execve(sys.executable, sys.orig_argv, os.environ | {"PYTHONUTF8": "1"})
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names that are no UTF-8 are told escaped
            stream.reconfigure(errors="backslashreplace")
    context.obj = Book(root.resolve(), package)


def _home() -> Path:
    """Folder of the book: where one stands, else the checkout that holds this file."""
    checkout = Path(__file__).resolve().parents[3]
    books = (folder for folder in (Path(), checkout) if (folder / "_toc.yml").exists())
    return next(books, Path())


@main.command("book")
@_PROFILE
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

    For instance: chapter single-pixel -p colormap=jet -p profile=large
    """
    book.check_chapter(name)
    if listing:
        for key, value in default_parameters(read_notebook(book.source(name))).items():
            print(f"{key} = {value!r}")
        return
    overrides = parse_parameters(book, name, dict(given))
    directory = book.build / "runs" / name / _slug(overrides)
    with alone(directory.parent), tqdm(desc=name, unit="cell", disable=None) as bar:
        discard_unfinished(directory.parent)

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
@click.argument("data", type=_Folder())
@click.option("--minutes", type=_Minutes(), default=10.0, show_default=True, help="Time budget.")
@click.option("--group", default="", help="Regular expression: its brackets match the group.")
@click.option("--classes", default="", help="The same for the class, where folders do not tell it.")
@click.option("--colormap", default="viridis", show_default=True)
@click.option("--values", default="auto", help="What arrays hold: auto, decibels, amplitude, …")
@click.option("--seed", default=0, show_default=True)
@click.option("--executor", default="auto", help="auto, loky, serial or dask.")
@click.option("--scheduler", default="", help="Address of the Dask scheduler.")
@click.option("--jobs", "-j", default=0, help="Processes; 0 for as many as there are cores.")
@click.option("--checkpoints", default="auto", help="Folder of finished runs; or none.")
@click.option("--output", type=_Folder(), help="Folder for the report.")
@click.pass_obj
def your_data_command(book: Book, /, data: Path, output: Path | None, **parameters: Any) -> None:
    """Report what colour does on your own recordings: a folder with one subfolder a class."""
    from analysis.building import own_data

    def execute(overrides: dict[str, Any], directory: Path) -> None:
        spec = make_spec(book, own_data.CHAPTER, directory, overrides)
        run_chapter(book, spec, lambda done, total: None)

    request = own_data.Request(book.root, data, output, parameters)
    print(own_data.summary(own_data.make_report(request, execute)))


@main.command("measure")
@click.argument("names", nargs=-1, metavar="[STUDY]...")
@click.option("--list", "listing", is_flag=True, help="Say which studies there are, and stop.")
@click.option("--all", "everything", is_flag=True, help="Measure also what is current.")
@click.option("--verify", is_flag=True, help="Record that this code gives the same scores.")
@click.option("--net", "key", default="", help="Train one net again and say both scores.")
@click.option("--nets", default=24, show_default=True, help="Size of the sample.")
@click.option("--executor", default="loky", show_default=True, help="loky, serial or dask.")
@click.option("--scheduler", default="", help="Address of the Dask scheduler.")
@click.option("--jobs", "-j", default=0, help="Processes; 0 for as many as there are cores.")
@click.pass_obj
def measure_command(
    book: Book,
    /,
    names: tuple[str, ...],
    listing: bool,
    everything: bool,
    verify: bool,
    key: str,
    nets: int,
    **given: Any,
) -> None:
    """Measure the edition's studies that are missing or stale; commit nothing.

    A killed run goes on where it was. After a change of code that should change no score, --verify
    trains a sample and, if it agrees, records the new code.
    """
    from analysis.building import measuring
    from analysis.evidence.measurements import Damaged, Disagreement

    some, how = measuring.find(book, names), measuring.options(**given)
    if listing:
        print(measuring.listing(book, some))
        return
    try:
        for study in some:
            if key:
                print(measuring.repeat(book, study, key, **how))
            elif verify:
                print(measuring.verify(book, study, nets, **how))
            elif not everything and measuring.state_of(book, study) == "current":
                print(f"{study.name}: current")
            else:
                command = " ".join(["make measure", f"STUDY={study.name}"])
                print("\n".join(measuring.measure(book, study, command, **how)))
    except (Damaged, Disagreement) as error:
        raise BuildError(str(error)) from error


@main.command()
def data() -> None:
    """Fetch the speech sets, where they are absent, into the user's cache."""
    from analysis.sound import datasets

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
@_PROFILE
@click.option("--threads", type=click.IntRange(1), default=1, help="More: within tolerances.")
@click.option(
    "--processor",
    type=click.Choice(list(checks.PROCESSORS)),
    help="Compute as on another kind of processor, within tolerances.",
)
@click.pass_obj
def same_bytes(
    book: Book, names: tuple[str, ...], profile: str, threads: int, processor: str | None
) -> None:
    """Execute chapters (all, unless named) once more from nothing, and compare the results."""
    found = []
    settings = checks.PROCESSORS[processor] if processor else {}
    for name in names or book.chapters:
        book.check_chapter(name)
        with alone(book.build), tempfile.TemporaryDirectory(dir=book.build) as folder:
            again = run_again(book, name, profile, threads, Path(folder), settings)
            allowed = checks.TOLERANCES.get(name, checks.Tolerance())
            other = allowed.processor if processor else allowed.threads
            tolerance = other if processor or threads > 1 else None
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
