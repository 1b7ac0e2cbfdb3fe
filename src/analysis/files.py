"""Files that are whole or not there: atomic writing, JSON, CSV."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd


def build_folder() -> Path:
    """Find the folder of what is built: the nearest ``_build`` above, else one here."""
    here = Path.cwd()
    return next((path for path in (here, *here.parents) if path.name == "_build"), here / "_build")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path that becomes `path` only if the block succeeds; its folder is made.

    A killed process leaves either the old file or the new one, never a half. The temporary name, in
    the same folder, has the same suffix.
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


def replace_directory(new: Path, target: Path) -> None:
    """Put `new` where `target` is; a reader sees the old folder, none, or the whole new one."""
    new.chmod(0o755)
    if target.exists():
        old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-old-"))
        target.replace(old / target.name)
        new.replace(target)
        shutil.rmtree(old)
    else:
        new.replace(target)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically: sorted keys, indented, the same value always the same bytes."""
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        temporary.write_text(text, "utf-8")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table atomically, with nothing in it that a spreadsheet would take for a formula.

    A text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return, and is no
    number, gets an apostrophe in front, as OWASP advises against CSV injection: names of files and
    classes may be anybody's.

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
