"""A book's files: its pages and chapters, what a chapter imports and reads, its parameters."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
import yaml

from analysis.imports import closure, file_of, import_graph
from analysis.publishing import tables
from analysis.publishing.execution import Spec, default_parameters, read_notebook
from analysis.publishing.forge import git

#: Characters of a parameter's value.
_LONGEST_VALUE = 4096

#: What a build may compute: the edition; a rehearsal, small and from nothing, without measured
#: verdicts; or, for hours, what studies that the edition does not store yet are to become.
PROFILES = ("edition", "rehearsal", "large")


class BuildError(click.ClickException):
    """The build cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Book:
    """A book's files: those below `root`, and the importable package that its chapters use."""

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
        return import_graph(self.package)

    def modules(self, name: str) -> list[Path]:
        """Files of the package's modules that a chapter imports, transitively."""
        imported = _imports(self.source(name), self.package, self._graph.modules)
        for module in imported - self._graph.modules:
            raise BuildError(f"{self.source(name)} imports {module}, which does not exist")
        found = _with_packages(closure(self._graph, imported), self.package)
        return sorted(map(file_of, found))

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

    def measurements(self, name: str) -> list[Path]:
        """Files of the edition's study that a chapter reads: the one of its name."""
        return sorted(
            path for path in (self.root / "measurements" / name).glob("*") if path.is_file()
        )

    def data_state(self, name: str) -> dict[str, str]:
        """Fingerprints of the data sets and stored results, for a chapter that can read them."""
        found: dict[str, str] = {}
        base = Path(str(import_module(self.package).__file__)).parent
        for path in self.modules(name):
            if path.stem in ("datasets", "timings"):
                module = ".".join(path.relative_to(base).with_suffix("").parts)
                found |= import_module(f"{self.package}.{module}").state()
        return found


def _code(source: Path) -> Iterator[ast.AST]:
    """Syntax of a chapter's code cells, node by node."""
    for cell in read_notebook(source).cells:
        if cell.cell_type == "code":
            yield from ast.walk(ast.parse(cell.source))


def _imports(source: Path, package: str, modules: set[str]) -> set[str]:
    """Modules of `package` that a chapter's code cells import, those that do not exist included."""
    found = set()
    for node in _code(source):
        if isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            parts = {f"{origin}.{alias.name}" for alias in node.names}
            # what is no module is a name in one, unless its origin is a package of modules only
            found |= parts if origin == package else (parts & modules) | {origin}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module for module in found if module.startswith(f"{package}.")}


def _with_packages(modules: set[str], package: str) -> set[str]:
    """Modules and the packages that hold them, whose ``__init__`` runs first."""
    parts = (module.split(".") for module in modules)
    return {package} | {".".join(p[: i + 1]) for p in parts for i in range(len(p))}


def _data_read(source: Path) -> dict[str, list[str]]:
    """Arguments of the calls of `figures.data_of` in a chapter's code cells."""
    found: dict[str, list[str]] = {}
    for node in _code(source):
        match node:
            case ast.Call(func=ast.Attribute(attr="data_of"), args=given):
                if not (2 <= len(given) <= 3 and all(isinstance(a, ast.Constant) for a in given)):
                    raise BuildError(f"{source}: data_of takes two or three literal names")
                chapter, *figure = (str(ast.literal_eval(a)) for a in given)
                found.setdefault(chapter, []).append(tables.names(figure[0], figure)[-1])
    return found


def parse_parameters(book: Book, name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Check a chapter's parameters, as typed, and give them the types of their defaults."""
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
    # no seed or count is so large; and it is slow to print
    huge = isinstance(value, int) and value.bit_length() > 64
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


def commit(root: Path) -> str:
    """Short commit, with ``+`` if tracked files changed since; ``unknown`` outside git."""
    head = git(root, "rev-parse", "--short=12", "HEAD").strip()
    dirty = git(root, "status", "--porcelain", "--untracked-files=no").strip()
    return f"{head}{'+' * bool(dirty)}" or "unknown"


def _version() -> str:
    try:
        return version("coloured-spectrogram")
    except PackageNotFoundError:
        return "unknown"


def edition(root: Path) -> str:
    """Edition that the book's configuration names; empty for a book without."""
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8")) or {}
    return str(config.get("edition", ""))


def _digest(paths: Iterable[Path]) -> str:
    """Digest of files' contents."""
    found = hashlib.sha256()
    for path in paths:
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def make_spec(book: Book, name: str, directory: Path, overrides: dict[str, Any]) -> Spec:
    """Put together what the executing process needs to know about a chapter."""
    parameters = default_parameters(read_notebook(book.source(name))) | overrides
    profile = str(parameters.get("profile", PROFILES[0]))
    run = {
        "chapter": name,
        "parameters": parameters,
        "commit": commit(book.root),
        "version": _version(),
        "sources": {other: str(book.results(other, profile)) for other in book.reads[name]},
        "edition": edition(book.root),
        "code": _digest(book.modules(name)),
    }
    return Spec(str(book.source(name)), str(directory), overrides, run)
