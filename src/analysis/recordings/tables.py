"""Reads tables that name files and their classes: our own, and those that known sets come with.

=========================  =============================================================
table                      columns
=========================  =============================================================
``metadata.csv``           ``file,label[,group][,split]``
``metadata.csv|.jsonl``    ``file_name,label`` (Hugging Face's ``audiofolder``)
``meta/esc50.csv``         ``filename,fold,target,category,…`` (ESC-50)
``UrbanSound8K.csv``       ``slice_file_name,…,fold,classID,class`` (UrbanSound8K)
=========================  =============================================================
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.reading.untrusted import shown
from analysis.recordings.items import DataError
from analysis.recordings.layouts import fold_of, role_of, sides

#: Name of the table of files, if a folder has one.
METADATA = "metadata.csv"

#: Names of tables, in the order in which they are looked for; as they are compared.
TABLES = (METADATA, "metadata.jsonl", "esc50.csv", "urbansound8k.csv")

#: Columns that a table may have; the first two it must have.
COLUMNS = ("file", "label", "group", "split")

#: What columns are called elsewhere, the best name first; a fold is a group.
NAMES = {
    "file": ("file", "file_name", "filename", "slice_file_name", "path"),
    "label": ("label", "category", "class", "target", "classid"),
    "group": ("group", "fold"),
    "split": ("split",),
}

#: Largest table in bytes.
MOST_TABLE = 100_000_000


@dataclass(frozen=True)
class Row:
    """What a table says of a file: its name as written, class, group and side of the split."""

    file: str
    label: str
    group: str = ""
    split: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of a table, whether their groups are folds, and what to say about it."""

    rows: tuple[Row, ...]
    folds: bool = False
    notes: tuple[str, ...] = ()


def read_table(path: Path, name: str) -> Table:
    """Read a table, called `name` where it cannot be understood."""
    text = _text(path, name)
    cells = _json(text, name) if path.suffix.lower() == ".jsonl" else _csv(text, name)
    header = cells[0]
    chosen = _columns(header, name)
    rows = [
        Row(**{column: line[header.index(known)].strip() for column, known in chosen.items()})
        for line in cells[1:]
    ]
    folds = chosen.get("group") == "fold"
    if folds:
        rows = [_with_fold(row) for row in rows]
    return Table(tuple(_with_sides(rows, name)), folds, tuple(_notes(header, chosen, name)))


def read_lines(path: Path, name: str) -> list[str]:
    """Lines of a text in UTF-8, such as a list of files."""
    return _text(path, name).splitlines()


def _text(path: Path, name: str) -> str:
    if path.stat().st_size > MOST_TABLE:
        raise DataError(f"{name} has more than {MOST_TABLE // 10**6} MB: it is not read.")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{name} is not in UTF-8: save it as “CSV UTF-8”.") from None
    if "\0" in text:
        raise DataError(f"{name} holds zero bytes: it is no text in UTF-8.")
    return text


def _csv(text: str, name: str) -> list[list[str]]:
    """Cells of a table separated by commas, its header in small letters first."""
    try:
        rows = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error as problem:
        raise DataError(f"{name} is no table separated by commas: {problem}.") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise DataError(f"{name} has no rows: it needs the line file,label, and one a file.")
    header = [cell.strip().lower() for cell in rows[0]]
    _check_header(header, ",".join(rows[0]), name)
    wrong = [i for i, row in enumerate(rows[1:], 2) if len(row) != len(header)]
    if wrong:
        raise DataError(
            f"Row {wrong[0]} of {name} has {len(rows[wrong[0] - 1])} cells where the first row "
            f"has {len(header)}: put names that hold a comma between double quotes."
        )
    return [header, *rows[1:]]


def _json(text: str, name: str) -> list[list[str]]:
    """Cells of a file with a JSON object a line, its keys in small letters first."""
    objects = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise DataError(f"Line {number} of {name} is no JSON object: it needs one a line.")
        objects.append({key.strip().lower(): _cell(value) for key, value in found.items()})
    if not objects:
        raise DataError(f"{name} has no lines: it needs a JSON object for each file.")
    header = list(dict.fromkeys(key for one in objects for key in one))
    _check_header(header, ",".join(header), name)
    return [header, *([one.get(key, "") for key in header] for one in objects)]


def _cell(value: object) -> str:
    """Text of a value; "" of what is no text and no number."""
    return str(value) if isinstance(value, str | int | float) else ""


def _columns(header: Sequence[str], name: str) -> dict[str, str]:
    """Which column of a table is which of ours."""
    found = {}
    for column, names in NAMES.items():
        known = [name for name in names if name in header]
        if known:
            found[column] = known[0]
    return found


def _check_header(header: Sequence[str], line: str, name: str) -> None:
    found = _columns(header, name)
    if "file" in found and "label" in found:
        counts = Counter(header)
        twice = [known for known in found.values() if counts[known] > 1]
        if twice:
            raise DataError(f"{name} has two columns called {shown(twice[0])!r}.")
        return
    for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if separator in line:
            raise DataError(f"{name} is separated by {called}; separate it by commas.")
    missing = " and ".join(column for column in COLUMNS[:2] if column not in found)
    raise DataError(
        f"{name} has no column {missing}: its first row is {shown(line)[:80]!r}; it has to "
        "name the columns file,label and, where known, group and split; or tell by --classes which "
        "part of a path is the class."
    )


def _with_fold(row: Row) -> Row:
    """Name a fold as folders of folds are named."""
    number = row.group.removesuffix(".0")
    fold = fold_of(f"fold{number}") or fold_of(row.group)
    return Row(row.file, row.label, fold or row.group, row.split)


def _with_sides(rows: Sequence[Row], name: str) -> list[Row]:
    """Bring a column of splits to train and test; what is neither is left as it is."""
    empty = sum(not row.split for row in rows)
    if 0 < empty < len(rows):
        raise DataError(
            f"The column split of {name} is empty in {empty:,} of {len(rows):,} rows, which may "
            "mean train, or not used: write train or test into every row, or leave the column out."
        )
    found = sides([role_of(row.split) for row in rows])
    return [
        Row(row.file, row.label, row.group, side or row.split)
        for row, side in zip(rows, found, strict=True)
    ]


def _notes(header: Sequence[str], chosen: dict[str, str], name: str) -> list[str]:
    """Tell which columns are taken for what, and which are not used."""
    notes = []
    other = [f"{known} for {column}" for column, known in chosen.items() if known != column]
    if other:
        notes.append(f"Of the columns of {name}, {', '.join(other)} is taken.")
    unknown = [shown(known) for known in header if known not in chosen.values()]
    if unknown:
        notes.append(
            f"Columns of {name} that are not used: {', '.join(unknown)}. Used are "
            f"{', '.join(COLUMNS)}; a column that tells speaker, device or site has to be called "
            "group."
        )
    return notes
