"""Finds the recordings in a reader's folder, and brings them to spectrograms of one size.

A folder has one subfolder a class, or a ``metadata.csv`` (``file,label[,group][,split]``). `find`
lists what there is; `load` surveys every file, agrees on one front end for the whole set, reads on
all cores, and keeps each result in a cache by the *content* of its file. What cannot be used is
left out and listed with the reason (`Recordings.left_out`); what makes a report impossible raises
`DataError`, whose text is one sentence with the remedy. The data folder is only read.

Memory is bounded by the spectrograms themselves: workers hold a few files at a time.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.audit.untrusted import (
    FrontEnd,
    Reading,
    Survey,
    Unusable,
    kind_of,
    read,
    read_sounds,
    recognise,
    sample_colours,
    shown,
    survey,
)

__all__ = [
    "METADATA",
    "DataError",
    "Item",
    "LeftOut",
    "Listing",
    "Recordings",
    "counted",
    "find",
    "load",
    "suggested_groups",
]

#: Name of the table of files, if a folder has one.
METADATA = "metadata.csv"

#: Columns that the table may have; the first two it must have.
COLUMNS = ("file", "label", "group", "split")

#: Largest table in bytes.
MOST_TABLE = 100_000_000

#: Longest clip in seconds: of what is longer, the loudest stretch of the common length is taken.
MOST_SECONDS = 10.0

#: A sample rate (or a number of rows) that fewer than this share of the files have is not common.
COMMON = 0.1

#: Values of a table of arrays that hold decibels, if any lies below zero.
_DECIBEL_RANGE = 80.0

_BATCH = 32  # files that a worker takes at a time
_ALONE = 320  # so few files are read without starting workers

One = TypeVar("One")
Result = TypeVar("Result")


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


# --- finding ---------------------------------------------------------------------------------


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
        why = _first_reason(listing.left_out)
        raise DataError(
            f"No recordings were found in {where}"
            + (f" ({why})" if why else ": it is empty")
            + f". It needs one subfolder a class, or a {METADATA}."
        )
    return _grouped(listing, group) if group else listing


def _first_reason(left_out: Sequence[LeftOut]) -> str:
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
            left_out.append(LeftOut(name, "not a kind of file that is read here"))
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
        return "not a kind of file that is read here"
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


def _group_notes(items: Sequence[Item]) -> list[str]:
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


# --- cache -----------------------------------------------------------------------------------


class _Cache:
    """Readings by the content of their files: one SQLite file, so that a kill leaves it whole."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._open(path)
            except sqlite3.DatabaseError:  # damaged: what it held is computed again
                path.unlink(missing_ok=True)
                self._open(path)

    def _open(self, path: Path) -> None:
        self.base = sqlite3.connect(path, timeout=60)
        self.base.execute("CREATE TABLE IF NOT EXISTS readings (key TEXT PRIMARY KEY, value BLOB)")

    def get(self, key: str) -> Reading | Unusable | None:
        """Look a reading up."""
        if self.path is None:
            return None
        row = self.base.execute("SELECT value FROM readings WHERE key = ?", (key,)).fetchone()
        return _unpacked(row[0]) if row else None

    def put(self, found: Iterable[tuple[str, Reading | Unusable]]) -> None:
        """Store some readings, all or none; a full disk is no error."""
        if self.path is not None:
            with suppress(sqlite3.OperationalError), self.base:
                rows = [(key, _packed(one)) for key, one in found]
                self.base.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        if self.path is not None:
            self.base.close()


def _packed(one: Reading | Unusable) -> bytes:
    """JSON in the first line, the planes' bytes after it."""
    if isinstance(one, Unusable):
        return json.dumps({"reason": str(one)}).encode() + b"\n"
    head = {"shape": one.planes.shape, "measures": one.measures}
    return json.dumps(head).encode() + b"\n" + one.planes.astype("<f4").tobytes()


def _unpacked(content: bytes) -> Reading | Unusable:
    head, _, body = content.partition(b"\n")
    known = json.loads(head)
    if "reason" in known:
        return Unusable(known["reason"])
    return Reading(np.frombuffer(body, "<f4").reshape(known["shape"]), known["measures"])


# --- loading ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recordings:
    """A set of recordings, as spectrograms of one size.

    Attributes
    ----------
    name : str
        Of the folder.
    planes : ndarray of float32, shape (n, 1 or 4, rows, columns)
        See `analysis.audit.untrusted.Reading`.
    labels : ndarray of int64, shape (n,)
        Index into `label_names`.
    label_names : tuple of str
    groups, split, files : ndarray of str, shape (n,)
        Group ("" if none is given), "train", "test" or ""; name of the file.
    measures : DataFrame
        A row a recording: duration, level, clipped and padded share, …
    left_out : tuple of LeftOut
        Every file that is not used, with the reason.
    notes : tuple of str
        What the reader should know about the data.
    front : FrontEnd
        What all were brought to.
    decibels : bool
        Whether the values are decibels already (arrays below zero, and pictures' levels).
    share_on_map : float
        Of pictures in colour: share of the pixels near a colour of the recognised colormap.
    """

    name: str
    planes: NDArray[np.float32]
    labels: NDArray[np.int64]
    label_names: tuple[str, ...]
    groups: NDArray[np.str_]
    split: NDArray[np.str_]
    files: NDArray[np.str_]
    measures: pd.DataFrame
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    front: FrontEnd
    decibels: bool = False
    share_on_map: float = math.nan

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def grouped(self) -> bool:
        """Whether groups are given."""
        return bool((self.groups != "").any())

    def magnitude(self) -> NDArray[np.float32]:
        """Linear amplitude, shape (n, rows, columns), not negative.

        Decibels become amplitudes below their peak. A picture's levels are taken as decibels over
        a range of 80 dB, as if somebody had drawn them with the usual defaults.
        """
        values = self.planes[:, 0]
        if self.front.kind == "images":
            values = _DECIBEL_RANGE * (values - np.float32(1))
        elif not self.decibels:
            return values
        return np.asarray(10 ** ((values - values.max()) / 20), np.float32)

    def take(self, rows: NDArray[Any]) -> Recordings:
        """Return the recordings at `rows` (integers or a mask), in that order."""
        arrays = ("planes", "labels", "groups", "split", "files")
        chosen = {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **chosen, measures=self.measures.iloc[rows].reset_index(drop=True))

    def digest(self) -> str:
        """Fingerprint of all that a result depends on."""
        found = hashlib.sha256(f"{self.label_names} {self.front} {self.decibels}".encode())
        found.update(np.ascontiguousarray(self.planes).tobytes() + self.labels.tobytes())
        for texts in (self.groups, self.split):
            found.update("\0".join(texts.tolist()).encode("utf-8", "replace"))
        return found.hexdigest()


def load(
    folder: Path,
    *,
    group: str = "",
    values: str = "auto",
    size: tuple[int, int] = (64, 64),
    least: int = 4,
    cache: Path | None = None,
    jobs: int = 0,
) -> Recordings:
    """Read a folder of recordings.

    Parameters
    ----------
    folder : Path
        See `find`. Nothing is written to it.
    group : str
        See `find`.
    values : {"auto", "decibels", "amplitude"}
        What arrays hold; ``auto`` takes them for decibels if any value lies below zero.
    size : tuple of int
        Rows (mel bands) and columns (frames) of the spectrograms. Arrays and pictures that are
        larger are averaged down to it.
    least : int
        Recordings, or groups where groups are given, that a class needs; smaller classes are left
        out.
    cache : Path, optional
        A file that keeps the readings by the content of the files.
    jobs : int
        Processes; 0 for as many as there are cores.

    Returns
    -------
    Recordings

    Raises
    ------
    DataError
        If there are not two classes with enough usable recordings, or see `find`.
    """
    if values not in ("auto", "decibels", "amplitude"):
        raise DataError(f"values may be auto, decibels or amplitude, not {values!r}.")
    listing = find(folder, group)
    left_out = list(listing.left_out)
    notes = list(listing.notes)
    surveyed = _surveyed(listing.items, jobs, left_out)
    items, surveys = _one_kind(surveyed, left_out)
    front, share = _agreed(items, surveys, size, left_out, notes)
    items, surveys = _fitting(items, surveys, front, left_out)
    items, readings = _readings(items, surveys, front, cache, jobs, left_out)
    prints = [hashlib.sha256(one.planes.tobytes()).hexdigest() for one in readings]
    items, readings = _distinct(items, prints, readings, left_out)
    items, readings = _enough(folder, items, readings, least, left_out)
    notes += _group_notes(items)
    found = _assembled(folder, items, readings, front, share, left_out, notes)
    return _understood(found, values) if front.kind == "arrays" else found


def _understood(found: Recordings, values: str) -> Recordings:
    """Decide what arrays hold, and say so."""
    negative = bool((found.planes < 0).any())
    if negative and values == "amplitude":
        raise DataError("Some arrays hold values below zero, which cannot be amplitudes.")
    decibels = values == "decibels" or negative
    why = " as you say" if values != "auto" else " because some lie below zero" if negative else ""
    taken = "decibels" if decibels else "amplitudes"
    note = f"The arrays' values are taken for {taken}{why}; their rows, for frequencies."
    return replace(found, decibels=decibels, notes=(*found.notes, note))


def _batches(things: Sequence[One], size: int) -> Iterator[list[One]]:
    remaining = iter(things)
    while some := list(islice(remaining, size)):
        yield some


def _worked(
    function: Callable[[list[One]], list[Result]],
    things: Sequence[One],
    jobs: int,
    description: str,
) -> Iterator[Result]:
    """Results of a function of batches, in order; on all cores where there is enough to do."""
    count = jobs or os.cpu_count() or 1
    batches = list(_batches(things, _BATCH))
    if count == 1 or len(things) <= _ALONE:
        found: Iterable[list[Result]] = map(function, batches)
    else:
        pool = Parallel(n_jobs=count, return_as="generator", pre_dispatch="2*n_jobs")
        found = pool(delayed(function)(batch) for batch in batches)
    with tqdm(total=len(things), desc=description, unit="file", disable=None) as bar:
        for results in found:
            yield from results
            bar.update(len(results))


def _survey_batch(paths: list[Path]) -> list[Survey | Unusable]:
    found: list[Survey | Unusable] = []
    for path in paths:
        try:
            found.append(survey(path))
        except Unusable as reason:
            found.append(reason)
    return found


def _surveyed(
    items: Sequence[Item], jobs: int, left_out: list[LeftOut]
) -> list[tuple[Item, Survey]]:
    kept = []
    results = _worked(_survey_batch, [item.path for item in items], jobs, "surveying")
    for item, found in zip(items, results, strict=True):
        if isinstance(found, Unusable):
            left_out.append(LeftOut(item.name, str(found)))
        else:
            kept.append((item, found))
    if not kept:
        first = left_out[-1]
        raise DataError(
            f"None of the {len(items)} files can be used; the last one, {first.name}, is "
            f"{first.reason}."
        )
    return kept


def _one_kind(
    surveyed: Sequence[tuple[Item, Survey]], left_out: list[LeftOut]
) -> tuple[list[Item], list[Survey]]:
    """Keep the most common kind of file."""
    kinds = Counter(found.kind for _, found in surveyed)
    kind = kinds.most_common(1)[0][0]
    for item, found in surveyed:
        if found.kind != kind:
            left_out.append(LeftOut(item.name, f"one of {found.kind}, where most files are {kind}"))
    kept = [(item, found) for item, found in surveyed if found.kind == kind]
    return [item for item, _ in kept], [found for _, found in kept]


def _agreed(
    items: Sequence[Item],
    surveys: Sequence[Survey],
    size: tuple[int, int],
    left_out: list[LeftOut],
    notes: list[str],
) -> tuple[FrontEnd, float]:
    """Choose one front end for all files; and, of pictures, the share of pixels on the map."""
    kind = surveys[0].kind
    if kind == "audio":
        return _agreed_sound(surveys, size, notes), math.nan
    source = _agreed_shape(surveys, notes)
    smaller = (min(size[0], source[0]), min(size[1], source[1]))
    if source != smaller:
        notes.append(
            f"The {kind}, {source[0]} rows and {source[1]} columns, are averaged to "
            f"{smaller[0]} × {smaller[1]} before anything is compared."
        )
    if kind == "arrays":
        return FrontEnd(kind, source=source, size=smaller), math.nan
    colormap, share = _colormap(items)
    return FrontEnd(kind, source=source, size=smaller, colormap=colormap), share


def _agreed_shape(surveys: Sequence[Survey], notes: list[str]) -> tuple[int, int]:
    """Choose the rows that most have; the columns that most have, else that nearly all fit in."""
    rows = Counter(found.size[0] for found in surveys).most_common(1)[0][0]
    widths = [found.size[1] for found in surveys if found.size[0] == rows]
    columns, count = Counter(widths).most_common(1)[0]
    if 2 * count <= len(widths):
        columns = int(np.quantile(widths, 0.95, method="closest_observation"))
    if len(set(widths)) > 1:
        notes.append(
            f"The {surveys[0].kind} have from {min(widths)} to {max(widths)} columns; {columns} "
            "are used: longer ones are cut, shorter ones end with their own lowest value."
        )
    return rows, columns


def _agreed_sound(surveys: Sequence[Survey], size: tuple[int, int], notes: list[str]) -> FrontEnd:
    """Choose the lowest rate that is common; the length that nearly all recordings fit in."""
    rates = Counter(found.rate for found in surveys)
    rate = min(rate for rate, count in rates.items() if count >= COMMON * len(surveys))
    fitting = np.array([found.seconds for found in surveys if found.rate >= rate])
    seconds = float(np.quantile(fitting, 0.95, method="closest_observation"))
    if len(rates) > 1:
        told = ", ".join(f"{count} at {rate:,} Hz" for rate, count in sorted(rates.items()))
        notes.append(f"The recordings have several sample rates ({told}); {rate:,} Hz is used.")
    longest = float(fitting.max())
    used = min(seconds, MOST_SECONDS)
    if longest > used * 1.01:
        notes.append(
            f"Clips have {used:.3g} s; of longer recordings (up to {longest:.3g} s) the loudest "
            "stretch of that length is taken, shorter ones are padded with zeros at the end."
        )
    return FrontEnd("audio", rate=rate, samples=max(1, round(used * rate)), size=size)


def _colormap(items: Sequence[Item]) -> tuple[str, float]:
    """Recognise the colormap of a set of pictures from some of them; "" if they are gray."""
    step = max(1, len(items) // 24)
    found = []
    for i, item in enumerate(items[::step]):
        with suppress(Unusable):
            colours = sample_colours(item.path, 200, i)
            if colours is not None:
                found.append(colours)
    return recognise(np.concatenate(found)) if found else ("", math.nan)


def _fitting(
    items: Sequence[Item], surveys: Sequence[Survey], front: FrontEnd, left_out: list[LeftOut]
) -> tuple[list[Item], list[Survey]]:
    """Leave out files that cannot be brought to the front end without making things up."""
    kept = []
    for item, found in zip(items, surveys, strict=True):
        if front.kind == "audio" and found.rate < front.rate:
            reason = (
                f"its sample rate, {found.rate:,} Hz, is below the {front.rate:,} Hz of the set: "
                "its upper bands would be empty"
            )
            left_out.append(LeftOut(item.name, reason))
        elif front.kind != "audio" and found.size[0] != front.source[0]:
            reason = f"has {found.size[0]} rows where most files have {front.source[0]}"
            left_out.append(LeftOut(item.name, reason))
        else:
            kept.append((item, found))
    return [item for item, _ in kept], [found for _, found in kept]


def _distinct(
    items: Sequence[Item],
    prints: Sequence[str],
    others: Sequence[One],
    left_out: list[LeftOut],
) -> tuple[list[Item], list[One]]:
    """Keep one of several files of the same content; none, if they contradict each other."""
    first: dict[str, Item] = {}
    labels: dict[str, set[str]] = {}
    for item, found in zip(items, prints, strict=True):
        first.setdefault(found, item)
        labels.setdefault(found, set()).add(item.label)
    kept = []
    for item, found, other in zip(items, prints, others, strict=True):
        if len(labels[found]) > 1:
            classes = " and ".join(sorted(labels[found]))
            reason = f"the same content is in several classes: {classes}"
            left_out.append(LeftOut(item.name, reason))
        elif first[found] is not item:
            reason = f"the same content as {first[found].name}: it could be in training and test"
            left_out.append(LeftOut(item.name, reason))
        else:
            kept.append((item, other))
    return [item for item, _ in kept], [other for _, other in kept]


def _read_batch(work: list[tuple[Path, FrontEnd]]) -> list[Reading | Unusable]:
    front = work[0][1]
    if front.kind == "audio":
        return read_sounds([path for path, _ in work], front)
    found: list[Reading | Unusable] = []
    for path, _ in work:
        try:
            found.append(read(path, front))
        except Unusable as reason:
            found.append(reason)
    return found


def _readings(
    items: Sequence[Item],
    surveys: Sequence[Survey],
    front: FrontEnd,
    cache: Path | None,
    jobs: int,
    left_out: list[LeftOut],
) -> tuple[list[Item], list[Reading]]:
    """Read what the cache does not hold; store each batch as soon as it is there."""
    store = _Cache(cache)
    keys = [hashlib.sha256(f"{one.digest} {front} 1".encode()).hexdigest() for one in surveys]
    known = {key: found for key in keys if (found := store.get(key)) is not None}
    pairs = zip(items, keys, strict=True)  # copies of a file are read once
    missing = {key: (item.path, front) for item, key in pairs if key not in known}
    work = list(missing.values())
    waiting: list[tuple[str, Reading | Unusable]] = []
    read_now = _worked(_read_batch, work, jobs, "spectrograms")
    for key, found in zip(missing, read_now, strict=True):
        known[key] = found
        waiting.append((key, found))
        if len(waiting) >= 8 * _BATCH:
            store.put(waiting)
            waiting.clear()
    store.put(waiting)
    store.close()
    kept = []
    for item, key in zip(items, keys, strict=True):
        found = known[key]
        if isinstance(found, Unusable):
            left_out.append(LeftOut(item.name, str(found)))
        else:
            kept.append((item, found))
    return [item for item, _ in kept], [found for _, found in kept]


def _enough(
    folder: Path,
    items: Sequence[Item],
    readings: Sequence[Reading],
    least: int,
    left_out: list[LeftOut],
) -> tuple[list[Item], list[Reading]]:
    """Leave out classes with too few recordings or groups; two have to remain."""
    grouped = any(item.group for item in items)
    given = any(item.split for item in items)
    units: dict[str, set[str]] = {}
    for item in items:
        by_group = grouped and not given
        units.setdefault(item.label, set()).add(item.group if by_group else item.name)
    needed = 2 if grouped and not given else least
    small = {label for label, found in units.items() if len(found) < needed}
    what = "group" if grouped and not given else "usable file"
    for item in items:
        if item.label in small:
            count = len(units[item.label])
            reason = f"its class {item.label!r} has only {counted(count, what)}; {needed} needed"
            left_out.append(LeftOut(item.name, reason))
    kept = [pair for pair in zip(items, readings, strict=True) if pair[0].label not in small]
    if len({item.label for item, _ in kept}) < 2:
        each = [f"{label!r} has {len(found)}" for label, found in sorted(units.items())[:8]]
        told = ", ".join(each) or "nothing is usable"
        why = _first_reason(left_out)
        raise DataError(
            f"{shown(folder.name)!r} has fewer than two classes with at least {needed} {what}s, "
            f"and nets need two to tell apart ({told}{'; ' if why else ''}{why})."
        )
    return [item for item, _ in kept], [reading for _, reading in kept]


def _assembled(
    folder: Path,
    items: Sequence[Item],
    readings: Sequence[Reading],
    front: FrontEnd,
    share: float,
    left_out: Sequence[LeftOut],
    notes: list[str],
) -> Recordings:
    names = tuple(sorted({item.label for item in items}))
    planes = np.stack([reading.planes for reading in readings])
    measures = pd.DataFrame([reading.measures for reading in readings])
    return Recordings(
        name=shown(folder.resolve().name) or "data",
        planes=planes,
        labels=np.array([names.index(item.label) for item in items], np.int64),
        label_names=names,
        groups=np.array([item.group for item in items], np.str_),
        split=np.array([item.split for item in items], np.str_),
        files=np.array([item.name for item in items], np.str_),
        measures=measures,
        left_out=tuple(sorted(left_out, key=lambda one: (one.name, one.reason))),
        notes=tuple(notes),
        front=front,
        share_on_map=share,
    )
