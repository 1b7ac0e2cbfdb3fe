"""Lists what a reader's folder holds: files, classes, groups and splits, and what is left out.

A folder has one subfolder a class, or a ``metadata.csv`` (``file,label[,group][,split]``). `find`
lists it; nothing is opened but the table. What makes a report impossible raises `DataError`, whose
text is one sentence with the remedy.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from analysis.audit.untrusted import kind_of, refusal, shown

__all__ = [
    "METADATA",
    "DataError",
    "Item",
    "LeftOut",
    "Listing",
    "counted",
    "find",
    "first_reason",
    "group_notes",
    "suggested_groups",
]

#: Name of the table of files, if a folder has one.
METADATA = "metadata.csv"

#: Columns that the table may have; the first two it must have.
COLUMNS = ("file", "label", "group", "split")

#: Largest table in bytes.
MOST_TABLE = 100_000_000


class DataError(Exception):
    """No report can be made of a folder; the text says why and what to do."""


@dataclass(frozen=True)
class Item:
    """One file and what it is said to be.

    Attributes
    ----------
    path : Path
        Where it is.
    name : str
        Relative to the data folder, fit to be shown.
    label, group, split : str
        Class; speaker, device or site ("" if unknown); "train", "test" or "".
    """

    path: Path
    name: str
    label: str
    group: str = ""
    split: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes
    ----------
    items : tuple of Item
        In order of name.
    left_out : tuple of LeftOut
        Files that are not even opened.
    notes : tuple of str
        What the reader should know.
    """

    items: tuple[Item, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def counted(count: int, noun: str) -> str:
    """Say how many things there are.

    Examples
    --------
    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def find(folder: Path, group: str = "") -> Listing:
    """List the files of a folder and their classes. Nothing is opened but the table.

    Parameters
    ----------
    folder : Path
        With one subfolder a class, or with a ``metadata.csv``.
    group : str
        Regular expression; what its first pair of brackets matches in a file's name (relative to
        the folder) is its group. It adds groups where the table gives none.

    Returns
    -------
    Listing

    Raises
    ------
    DataError
        If there is no folder, nothing in it, or a table that cannot be understood.
    """
    where = shown(str(folder))
    try:
        if not folder.exists():
            raise DataError(f"There is no folder {where}: check the path.")
        if not folder.is_dir():
            raise DataError(f"{where} is a file, not a folder with one subfolder a class.")
        has_table = (folder / METADATA).is_file()
        listing = _from_table(folder) if has_table else _from_folders(folder)
    except PermissionError as problem:
        what = shown(str(problem.filename or folder))
        raise DataError(f"{what} is not readable: permission denied.") from None
    if not listing.items:
        why = first_reason(listing.left_out)
        raise DataError(
            f"No recordings were found in {where}"
            + (f" ({why})" if why else ": it is empty")
            + f". It needs one subfolder a class, or a {METADATA}."
        )
    return _grouped(listing, group) if group else listing


def first_reason(left_out: Sequence[LeftOut]) -> str:
    """How many files were left out, and why the first was; "" if none."""
    if not left_out:
        return ""
    first = left_out[0]
    were = "was" if len(left_out) == 1 else "were"
    told = f"{counted(len(left_out), 'file')} {were} left out; the first, {first.name}"
    return f"{told}: {first.reason}"


def _grouped(listing: Listing, pattern: str) -> Listing:
    """Take groups from the names where none is given."""
    try:
        expression = re.compile(pattern)
    except re.error as problem:
        raise DataError(f"group {pattern!r} is no regular expression: {problem}.") from None
    if expression.groups < 1:
        raise DataError(f"group {pattern!r} needs a pair of brackets around what names the group.")
    items = []
    for item in listing.items:
        found = expression.search(item.name)
        items.append(item if item.group or not found else replace(item, group=found[1] or ""))
    if not any(item.group for item in items):
        example = listing.items[0].name
        raise DataError(f"group {pattern!r} matches no file name; one of them is {example!r}.")
    return replace(listing, items=tuple(items))


def _from_folders(folder: Path) -> Listing:
    items: list[Item] = []
    left_out: list[LeftOut] = []
    for path in _walk(folder, left_out):
        relative = path.relative_to(folder)
        name = shown(relative.as_posix())
        if len(relative.parts) == 1:
            left_out.append(LeftOut(name, "lies in no subfolder, so it has no class"))
        elif kind_of(path) is None:
            left_out.append(LeftOut(name, refusal(path)))
        else:
            items.append(Item(path, name, shown(relative.parts[0])))
    notes = []
    labels = {item.label.lower() for item in items}
    if labels and labels <= {"train", "test", "val", "valid", "validation", "dev", "eval"}:
        notes.append(
            f"The subfolders are called {', '.join(sorted(labels))}: these look like splits, not "
            f"classes. A {METADATA} with the columns file, label and split says which is which."
        )
    return Listing(tuple(items), tuple(left_out), tuple(notes))


def _walk(folder: Path, left_out: list[LeftOut]) -> Iterator[Path]:
    """Files below a folder in order of name; every folder once, so that links cannot go round."""
    seen: set[tuple[int, int]] = set()

    def below(place: Path) -> Iterator[Path]:
        status = place.stat()
        name = shown(place.relative_to(folder).as_posix())
        if (status.st_dev, status.st_ino) in seen:
            left_out.append(LeftOut(name, "a link to a folder that is listed already"))
            return
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except PermissionError:
            if place == folder:
                raise
            left_out.append(LeftOut(name, "not readable: permission denied"))
            return
        for entry in entries:
            if entry.name.startswith((".", "__MACOSX")) or entry.name == "Thumbs.db":
                continue
            if _is_folder(entry):
                yield from below(place / entry.name)
            else:
                yield place / entry.name

    yield from below(folder)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _from_table(folder: Path) -> Listing:
    rows, notes = _table(folder / METADATA)
    items: dict[str, Item] = {}
    left_out = []
    contradicted = set()
    for row in rows:
        name = shown(row["file"])
        problem = _row_problem(folder, row)
        if problem:
            left_out.append(LeftOut(name or "(no file)", problem))
            continue
        values = (shown(row["label"]), shown(row.get("group", "")), row.get("split", ""))
        item = Item(folder / row["file"], name, *values)
        if name not in items:
            items[name] = item
        elif items[name] != item:
            contradicted.add(name)
        else:
            left_out.append(LeftOut(name, f"a second row of {METADATA} says the same; one is kept"))
    for name in sorted(contradicted):
        del items[name]
        left_out.append(LeftOut(name, f"rows of {METADATA} contradict each other"))
    return Listing(tuple(items.values()), tuple(left_out), (*notes, *_split_notes(items.values())))


def _row_problem(folder: Path, row: Mapping[str, str]) -> str:
    """Why a row of the table cannot be used; "" if it can."""
    name = row["file"]
    if not name or not row["label"]:
        return f"a row of {METADATA} without a file or without a label"
    if row.get("split", "") not in ("", "train", "test"):
        return f"split is {shown(row['split'])!r}; it may be train or test"
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or re.match(r"[A-Za-z]:|\\\\", name):
        return "its path leads out of the data folder; it is not opened"
    path = folder / name
    if not path.exists():
        hint = "; write / between folders, not \\" if "\\" in name else ""
        return f"missing: {METADATA} names it, and it is not there{hint}"
    if kind_of(path) is None:
        return refusal(path)
    return ""


def _table(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Rows of the table, and what to say about it."""
    text = _table_text(path)
    try:
        rows = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error as problem:
        raise DataError(f"{METADATA} is no table separated by commas: {problem}.") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise DataError(f"{METADATA} has no rows: it needs the line file,label, and one a file.")
    header = [cell.strip().lower() for cell in rows[0]]
    _check_header(header, ",".join(rows[0]))
    wrong = [i for i, row in enumerate(rows[1:], 2) if len(row) != len(header)]
    if wrong:
        raise DataError(
            f"Row {wrong[0]} of {METADATA} has {len(rows[wrong[0] - 1])} cells where the first row "
            f"has {len(header)}: put names that hold a comma between double quotes."
        )
    notes = []
    unknown = [shown(name) for name in header if name not in COLUMNS]
    if unknown:
        notes.append(
            f"Columns of {METADATA} that are not used: {', '.join(unknown)}. Used are "
            f"{', '.join(COLUMNS)}; a column that tells speaker, device or site has to be called "
            "group."
        )
    return [dict(zip(header, map(str.strip, row), strict=True)) for row in rows[1:]], notes


def _table_text(path: Path) -> str:
    if path.stat().st_size > MOST_TABLE:
        raise DataError(f"{METADATA} has more than {MOST_TABLE // 10**6} MB: it is not read.")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{METADATA} is not in UTF-8: save it as “CSV UTF-8”.") from None
    if "\0" in text:
        raise DataError(f"{METADATA} holds zero bytes: it is no text in UTF-8.")
    return text


def _check_header(header: list[str], line: str) -> None:
    if "file" in header and "label" in header:
        twice = [name for name, count in Counter(header).items() if count > 1]
        if twice:
            raise DataError(f"{METADATA} has two columns called {twice[0]!r}.")
        return
    for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if separator in line:
            raise DataError(f"{METADATA} is separated by {called}; separate it by commas.")
    missing = " and ".join(name for name in COLUMNS[:2] if name not in header)
    raise DataError(
        f"{METADATA} has no column {missing}: its first row is {shown(line)[:80]!r}; it has to "
        "name the columns file,label and, where known, group and split."
    )


def _split_notes(items: Iterable[Item]) -> list[str]:
    """Warn of groups that are in both splits."""
    sides: dict[str, set[str]] = {}
    for item in items:
        if item.group and item.split:
            sides.setdefault(item.group, set()).add(item.split)
    both = sorted(group for group, found in sides.items() if len(found) > 1)
    if not both:
        return []
    return [
        f"{len(both)} groups are in both splits (first {both[0]!r}): the scores flatter, because "
        "what was learned of a group in training helps in the test."
    ]


def suggested_groups(items: Sequence[Item]) -> tuple[str, tuple[str, ...]] | None:
    """Look for groups in the file names: a part of the name that recurs in several classes.

    Names are cut at ``_``, ``-``, blanks and dots. A part suggests groups if every file has it, it
    has between 2 and a quarter as many values as there are files, no value is rare, it is no mere
    number, it does not name the class, and most of its values are in more than one class.

    Parameters
    ----------
    items : sequence of Item

    Returns
    -------
    pattern : str
        Regular expression for `find`.
    values : tuple of str
        The groups.
    None
        If nothing suggests itself.

    Examples
    --------
    >>> names = [f"{c}_{who}_{i}.wav" for c in "ab" for who in ("jo", "li") for i in range(4)]
    >>> suggested_groups([Item(Path(n), n, n[0]) for n in names])[1]
    ('jo', 'li')
    """
    stems = [PurePosixPath(item.name).stem for item in items]
    parts = [re.split(r"[_\-. ]+", stem) for stem in stems]
    for place in range(min((len(part) for part in parts), default=0)):
        values = [part[place] for part in parts]
        counts = Counter(values)
        if not 2 <= len(counts) <= len(items) // 4 or min(counts.values()) < 2:
            continue
        classes: dict[str, set[str]] = {}
        for value, item in zip(values, items, strict=True):
            classes.setdefault(value, set()).add(item.label)
        shared = np.mean([len(found) > 1 for found in classes.values()])
        if shared > 0.5 and not all(value.isdigit() for value in counts):
            before = "[^_. /-]*[_. -]+" * place  # no "$": make and shells would eat it
            return f"(?:^|/){before}([^_. /-]+)(?!.*/)", tuple(sorted(counts))
    return None


def group_notes(items: Sequence[Item]) -> list[str]:
    """Warn where names suggest groups that were not given."""
    found = suggested_groups(items)
    if found is None or any(item.group or item.split for item in items):
        return []
    pattern, values = found
    told = ", ".join(values[:6]) + (", …" if len(values) > 6 else "")
    return [
        f"File names suggest groups that were not given: {told} ({len(values)} in all). If these "
        "are speakers, devices or sites, the scores flatter: recordings of one are in training and "
        f"test. Give them with --group '{pattern}', or in the column group of a {METADATA}."
    ]
