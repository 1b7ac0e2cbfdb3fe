"""Which run a result belongs to: chapter, parameters, commit, versions.

The executor (`analysis.build`) writes one small file per chapter and names it in the environment;
`figures` and `ledger` read it to know where to write and what to say about the origin. A notebook
run by hand has no such file, and writes to ``_build/interactive``.
"""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import pandas as pd

__all__ = [
    "RUN_FILE",
    "Run",
    "atomic_path",
    "current_run",
    "versions",
    "with_minus",
    "write_csv",
    "write_json",
]

#: Environment variable that names the run's file.
RUN_FILE = "ANALYSIS_RUN"

_PACKAGES = ("numpy", "scipy", "matplotlib", "scikit-learn", "torch", "pillow")


@dataclass(frozen=True)
class Run:
    """One execution of one chapter.

    Attributes
    ----------
    chapter : str
        The chapter's name, for instance ``"single-pixel"``.
    directory : str
        Where the run's results go.
    parameters : dict
        The notebook's parameters, defaults included.
    commit : str
        Commit of the book's repository, with ``+`` appended if files had changed; or ``"unknown"``.
    version : str
        The book's version.
    sources : dict
        Results directories of the earlier chapters that this one reads, by name.
    """

    chapter: str
    directory: str
    parameters: dict[str, object] = field(default_factory=dict)
    commit: str = "unknown"
    version: str = "unknown"
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The results directory."""
        return Path(self.directory)

    @property
    def interactive(self) -> bool:
        """Whether a person runs the cells, who may run one twice."""
        return self.chapter == "interactive"

    def save(self, path: Path) -> None:
        """Write the run's file."""
        write_json(path, asdict(self))


def current_run() -> Run:
    """Return the run of this process, as the executor wrote it.

    Returns
    -------
    Run
        An ``"interactive"`` one, under ``_build/interactive``, if there is no executor.
    """
    name = os.environ.get(RUN_FILE)
    if name is None:
        return Run("interactive", str(Path("_build") / "interactive"))
    return Run(**json.loads(Path(name).read_text("utf-8")))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result may depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path that becomes `path` only if the block succeeds.

    A killed process leaves either the old file or the new one, never a half.

    Parameters
    ----------
    path : Path
        The file to write; its folder is made.

    Yields
    ------
    Path
        A name in the same folder, with the same suffix.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically: sorted keys, indented, the same value always the same bytes."""
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        temporary.write_text(text, "utf-8")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table atomically, with nothing in it that a spreadsheet would take for a formula.

    Parameters
    ----------
    path : Path
        The file to write.
    table : DataFrame
        Names of files and classes among its texts may be anybody's.

    Notes
    -----
    A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return, and is no
    number, gets an apostrophe in front, as OWASP advises against CSV injection.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "x.csv"
    >>> write_csv(path, pd.DataFrame({"file": ["=1+1", "-1.5", "a=b"]}))
    >>> path.read_text().split()
    ['file', "'=1+1", '-1.5', 'a=b']
    """
    harmless = table.rename(columns=_no_formula)
    for place, kind in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            texts = table.iloc[:, place].astype(object).map(_no_formula)
            harmless.isetitem(place, texts.tolist())
    with atomic_path(path) as temporary:
        harmless.to_csv(temporary, index=False, lineterminator="\n")


def _no_formula(value: object) -> object:
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def with_minus(text: str) -> str:
    """Set a minus where Python has formatted a negative number with a hyphen.

    Examples
    --------
    >>> with_minus("-1.5 (-2 to 3), 10-15, 1e-05, gray-3")
    '−1.5 (−2 to 3), 10-15, 1e-05, gray-3'
    """
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)
