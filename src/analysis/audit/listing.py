"""Lists what a reader's folder holds: files, classes, groups and splits, and what is left out.

A folder has one subfolder a class, below folders of splits or folds if it likes (`layouts`), or a
table of files (`tables`). `find` lists it; nothing is opened but tables. What makes a report
impossible raises `DataError`, whose text is one sentence with the remedy.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from analysis.audit.groups import grouped, matches, split_notes
from analysis.audit.items import DataError, Item, LeftOut, Listing, counted, plain, text_of
from analysis.audit.layouts import Parts, arrange, fold_of, is_litter, role_of, sides
from analysis.audit.tables import METADATA, TABLES, Row, Table, read_lines, read_table
from analysis.audit.untrusted import READ, kind_of, refusal, shown

__all__ = [
    "METADATA",
    "DataError",
    "Item",
    "LeftOut",
    "Listing",
    "counted",
    "find",
    "first_reason",
]

#: Lists of files that make a split of a folder of classes (Speech Commands), and their parts.
LISTS = {"testing_list.txt": "test", "validation_list.txt": "validation"}


@dataclass(frozen=True)
class _File:
    """A file, and its path relative to the data folder in parts, as text."""

    path: Path
    parts: Parts

    @property
    def text(self) -> str:
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        return shown(self.text)


# --- finding ---------------------------------------------------------------------------------


def find(folder: Path, group: str = "", classes: str = "") -> Listing:
    """List the files of a folder and their classes. Nothing is opened but tables.

    Parameters
    ----------
    folder : Path
        With one subfolder a class, or with a table such as ``metadata.csv``.
    group : str
        Regular expression; what its first pair of brackets matches in a file's name (relative to
        the folder) is its group. It adds groups where a table gives none, and overrules folds.
    classes : str
        The same for classes. It overrules tables and folders.

    Returns
    -------
    Listing

    Raises
    ------
    DataError
        If there is no folder, nothing in it, or a table that cannot be understood.
    """
    where = shown(str(folder))
    left_out: list[LeftOut] = []
    try:
        if not folder.exists():
            raise DataError(f"There is no folder {where}: check the path.")
        if not folder.is_dir():
            raise DataError(f"{where} is a file, not a folder with one subfolder a class.")
        files = list(_walk(folder, left_out))
        listing = _listed(folder, files, bool(group), classes)
    except PermissionError as problem:
        what = shown(str(problem.filename or folder))
        raise DataError(f"{what} is not readable: permission denied.") from None
    listing = replace(listing, left_out=(*left_out, *listing.left_out))
    if not listing.items:
        raise DataError(_nothing(where, files, listing.left_out))
    listing = _unified(listing)
    items = grouped(listing.items, group) if group else listing.items
    return replace(listing, items=items, notes=(*listing.notes, *split_notes(items)))


def _listed(folder: Path, files: Sequence[_File], grouped: bool, classes: str) -> Listing:
    """List by a pattern, by tables, or by folders."""
    usable = [file for file in files if kind_of(file.path) is not None]
    base, tables = _tables(files, usable)
    if classes:
        return _by_pattern(usable, classes, [table.name for table in tables])
    if tables:
        return _from_tables(folder, usable, base, tables, grouped)
    return _from_folders(files, usable, grouped)


def _nothing(where: str, files: Sequence[_File], left_out: Sequence[LeftOut]) -> str:
    """Say that there are no recordings, and why."""
    begin = f"No recordings were found in {where}"
    if not files:
        return f"{begin}: it is empty. It needs one subfolder a class, or a {METADATA}."
    usable = [file for file in files if kind_of(file.path) is not None]
    if not usable:
        return f"{begin}: {_met(files)}"
    if all(len(file.parts) == 1 for file in usable):
        lie = "its 1 file lies" if len(usable) == 1 else f"its {len(usable):,} files lie"
        return (
            f"{begin}: {lie} in no subfolder, so nothing tells their classes: make one subfolder a "
            f"class, name them in a {METADATA}, or tell by --classes which part of a name it is."
        )
    return f"{begin} ({first_reason(left_out)})."


def _met(files: Sequence[_File]) -> str:
    """Tell which kinds of files there are where none is read, and what to do."""
    met = Counter(PurePosixPath(file.parts[-1]).suffix.lower() for file in files)
    told = [f"{n:,} {shown(s) or 'without suffix'}" for s, n in met.most_common(6)]
    more = ", …" if len(met) > 6 else ""
    first = refusal(Path(f"x{met.most_common(1)[0][0]}"))
    return (
        f"of its files ({', '.join(told)}{more}) none is of a kind that is read. Read are {READ}"
        + (f"; {first}." if ":" in first else ".")
    )


def first_reason(left_out: Sequence[LeftOut]) -> str:
    """How many files were left out, and why the first was; "" if none."""
    if not left_out:
        return ""
    first = left_out[0]
    were = "was" if len(left_out) == 1 else "were"
    told = f"{counted(len(left_out), 'file')} {were} left out; the first, {first.name}"
    return f"{told}: {first.reason}"


def _unified(listing: Listing) -> Listing:
    """Take classes whose names differ only by case, blanks at the ends or Unicode form for one."""
    spellings: dict[str, Counter[str]] = {}
    for item in listing.items:
        spellings.setdefault(plain(item.label).strip(), Counter())[item.label] += 1
    names = {key: _spelling(found) for key, found in spellings.items()}
    notes = []
    for found in spellings.values():
        if len(found) > 1:
            told = " and ".join(f"{s!r} ({n:,})" for s, n in sorted(found.items()))
            notes.append(
                f"Classes that differ only by letter case, blanks or Unicode form are one: {told}."
            )
    items = [replace(item, label=names[plain(item.label).strip()]) for item in listing.items]
    return replace(listing, items=tuple(items), notes=(*listing.notes, *notes))


def _spelling(found: Counter[str]) -> str:
    """Choose the most common spelling of a class, less blanks at its ends."""
    best = max(found, key=lambda spelling: (found[spelling], spelling))
    return unicodedata.normalize("NFC", best).strip() or best


def _walk(folder: Path, left_out: list[LeftOut]) -> Iterator[_File]:
    """Files below a folder in order of name; every folder once, so that links cannot go round."""
    seen: set[tuple[int, int]] = set()

    def below(place: Path, parts: Parts) -> Iterator[_File]:
        status = place.stat()
        name = shown("/".join(parts))
        if (status.st_dev, status.st_ino) in seen:
            left_out.append(LeftOut(name, "a link to a folder that is listed already"))
            return
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(place), key=lambda entry: text_of(entry.name))
        except PermissionError:
            if place == folder:
                raise
            left_out.append(LeftOut(name, "not readable: permission denied"))
            return
        for entry in entries:
            text = text_of(entry.name)
            if is_litter(text):
                continue
            if _is_folder(entry):
                yield from below(place / entry.name, (*parts, text))
            else:
                yield _File(place / entry.name, (*parts, text))

    yield from below(folder, ())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


# --- by folders ------------------------------------------------------------------------------


def _from_folders(files: Sequence[_File], usable: Sequence[_File], grouped: bool) -> Listing:
    """Take the classes from the folders."""
    known = {file.parts for file in usable}
    lists = [file for file in files if plain(file.parts[-1]) in LISTS]
    left_out = [
        LeftOut(file.name, refusal(file.path))
        for file in files
        if file.parts not in known and file not in lists
    ]
    layout = arrange([file.parts for file in usable])
    notes = list(layout.notes)
    splits = list(layout.splits)
    if lists and not any(splits):
        splits = _split_by_lists(usable, layout.labels, lists, notes)
    items = []
    for i, file in enumerate(usable):
        if layout.labels[i]:
            group = "" if grouped else shown(layout.groups[i])
            items.append(Item(file.path, file.name, shown(layout.labels[i]), group, splits[i]))
        else:
            left_out.append(LeftOut(file.name, layout.reasons[i]))
    return Listing(tuple(items), tuple(left_out), tuple(notes))


def _split_by_lists(
    usable: Sequence[_File], labels: Sequence[str], lists: Sequence[_File], notes: list[str]
) -> list[str]:
    """Take the split from lists of files that lie beside the classes."""
    parts = {}
    for one in lists:
        place = one.parts[:-1]
        for line in read_lines(one.path, one.name):
            parts["/".join((*place, line.strip()))] = LISTS[plain(one.parts[-1])]
    both = zip(usable, labels, strict=True)
    roles = [parts.get(file.text, "train") if label else "" for file, label in both]
    found = sides(roles)
    if not {"train", "test"} <= set(found):
        return [""] * len(usable)
    names = " and ".join(one.name for one in lists)
    joined = {"test", "validation"} <= set(roles)
    told = "; the validation part joins the training" if joined else ""
    notes.append(f"The given split is that of {names}{told}.")
    return found


def _by_pattern(usable: Sequence[_File], classes: str, tables: Sequence[str]) -> Listing:
    """Take the classes from what a pattern matches in the names."""
    values = matches("classes", classes, [file.name for file in usable])
    items, left_out = [], []
    for file, value in zip(usable, values, strict=True):
        if value:
            items.append(Item(file.path, file.name, value))
        else:
            left_out.append(LeftOut(file.name, "its name does not match --classes"))
    notes = [f"{name} is not read, for --classes tells the classes." for name in tables]
    return Listing(tuple(items), tuple(left_out), tuple(notes))


# --- by tables -------------------------------------------------------------------------------


def _tables(files: Sequence[_File], usable: Sequence[_File]) -> tuple[Parts, list[_File]]:
    """Find the tables of a folder; an outer folder that holds all is looked through."""
    named = {tuple(map(plain, f.parts)): f for f in files if plain(f.parts[-1]) in TABLES}
    base: Parts = ()
    while True:
        inside = [file.parts[len(base) :] for file in usable if file.parts[: len(base)] == base]
        key = tuple(map(plain, base))
        for place in ((), ("meta",), ("metadata",)):
            for table in TABLES:
                if found := named.get((*key, *place, table)):
                    return base, [found]
        folders = sorted({parts[0] for parts in inside if len(parts) > 1})
        if len(folders) != 1:
            parts = [folder for folder in folders if role_of(folder)]
            found_in = [named.get((*key, plain(p), t)) for p in parts for t in TABLES[:2]]
            return base, [file for file in found_in if file] if len(parts) > 1 else []
        base = (*base, folders[0])


class _Names:
    """Finds the file that a table means, however its name is spelled."""

    def __init__(self, folder: Path, usable: Sequence[_File]) -> None:
        self.folder = folder
        self.exact = {file.parts: file for file in usable}
        self.spelled: dict[Parts, list[_File]] = {}
        self.called: dict[str, list[_File]] = {}
        self.respelled = self.moved = 0
        for file in usable:
            key = tuple(map(plain, file.parts))
            self.spelled.setdefault(key, []).append(file)
            self.called.setdefault(key[-1], []).append(file)

    def file(self, row: Row, places: Sequence[Parts]) -> _File | str:
        """Return the file that a row names, seen from one of the places; or why there is none."""
        name = row.file
        if PurePosixPath(name).is_absolute() or re.match(r"[A-Za-z]:|\\\\", name):
            return "its path leads out of the data folder; it is not opened"
        for text in dict.fromkeys((name, name.replace("\\", "/"))):
            parts = PurePosixPath(text).parts
            if ".." in parts:
                return "its path leads out of the data folder; it is not opened"
            found = self._near(parts, places) or self._anywhere(parts, row.group)
            if found:
                return found
        return ""

    def _near(self, parts: Parts, places: Sequence[Parts]) -> _File | str:
        for place in places:
            if found := self.exact.get((*place, *parts)):
                return found
        for place in places:
            alike = self.spelled.get(tuple(map(plain, (*place, *parts))), [])
            if len(alike) > 1:  # which differ by case, then
                composed = _composed((*place, *parts))
                alike = [file for file in alike if _composed(file.parts) == composed] or alike
            if len(alike) > 1:
                return "several files differ from it only by letter case or Unicode form"
            if alike:
                self.respelled += 1
                return alike[0]
        for place in places:  # what is hidden, or of no kind that is read, is told apart by opening
            if found := self._on_disk((*place, *parts)):
                return found
        return ""

    def _anywhere(self, parts: Parts, group: str) -> _File | str:
        """Look for the end of a path; of several, for the one in the row's fold."""
        if not parts:
            return ""
        key = tuple(map(plain, parts))
        alike = [
            file
            for file in self.called.get(key[-1], [])
            if tuple(map(plain, file.parts[-len(key) :])) == key
        ]
        if len(alike) > 1:
            alike = [f for f in alike if group and group in map(fold_of, f.parts)] or alike
        if len(alike) > 1:
            return f"{len(alike)} files are called that; name their folders too"
        if alike:
            self.moved += 1
            return alike[0]
        return ""

    def _on_disk(self, parts: Parts) -> _File | None:
        try:
            path = self.folder.joinpath(*parts)
            return _File(path, parts) if parts and path.is_file() else None
        except (OSError, ValueError):  # too long, zero bytes, letters that the locale lacks
            return None


def _composed(parts: Parts) -> Parts:
    return tuple(unicodedata.normalize("NFC", part) for part in parts)


def _from_tables(
    folder: Path, usable: Sequence[_File], base: Parts, tables: Sequence[_File], grouped: bool
) -> Listing:
    """Take files and classes from tables; several tables lie in the folders of a split."""
    names = _Names(folder, usable)
    left_out: list[LeftOut] = []
    notes: list[str] = []
    items: dict[Path, Item] = {}
    placed: dict[Path, _File] = {}
    for table in tables:
        found = read_table(table.path, table.name)
        notes += found.notes
        places = list(dict.fromkeys((table.parts[:-1], base, ())))
        rows = _matched(found, table.name, names, places, left_out)
        _added(rows, table.name, grouped and found.folds, items, placed, left_out)
    notes += _spelling_notes(names, " and ".join(table.name for table in tables))
    kept = list(items.values())
    if kept:
        kept = _with_folders(kept, [placed[item.path] for item in kept], grouped, notes)
    unnamed = len({file.path for file in usable} - set(placed))
    if unnamed and kept:
        notes.append(
            f"{counted(unnamed, 'recording')} of the folder, which no row names, not used."
        )
    return Listing(tuple(kept), tuple(left_out), tuple(notes))


def _matched(
    table: Table, called: str, names: _Names, places: Sequence[Parts], left_out: list[LeftOut]
) -> Iterator[tuple[Row, _File]]:
    """Rows of a table with their files; what cannot be used is left out."""
    for row in table.rows:
        name = shown(row.file)
        if not row.file or not row.label:
            problem = f"a row of {called} without a file or without a label"
        elif row.split not in ("", "train", "test"):
            problem = f"split is {shown(row.split)!r}; it may be train or test"
        elif isinstance(file := names.file(row, places), str):
            problem = file or f"missing: {called} names it, and it is not there"
        elif kind_of(file.path) is None:
            problem = refusal(file.path)
        else:
            yield row, file
            continue
        left_out.append(LeftOut(name or "(no file)", problem))


def _added(
    rows: Iterable[tuple[Row, _File]],
    called: str,
    ungrouped: bool,
    items: dict[Path, Item],
    placed: dict[Path, _File],
    left_out: list[LeftOut],
) -> None:
    """Add the items of a table; rows that contradict each other are left out."""
    contradicted = set()
    for row, file in rows:
        group = "" if ungrouped else shown(row.group)
        item = Item(file.path, file.name, shown(row.label), group, row.split)
        placed[file.path] = file
        if file.path not in items:
            items[file.path] = item
        elif items[file.path] != item:
            contradicted.add(file.path)
        else:
            left_out.append(
                LeftOut(file.name, f"a second row of {called} says the same; one is kept")
            )
    for path in sorted(contradicted):
        del items[path]
        left_out.append(LeftOut(placed[path].name, f"rows of {called} contradict each other"))


def _with_folders(
    items: Sequence[Item], files: Sequence[_File], grouped: bool, notes: list[str]
) -> list[Item]:
    """Take split and folds from the folders, where tables give none."""
    roles = [next(filter(None, map(role_of, file.parts[:-1])), "") for file in files]
    folds = [next(filter(None, map(fold_of, file.parts[:-1])), "") for file in files]
    found = sides(roles)
    if all(roles) and {"train", "test"} <= set(found) and not all(item.split for item in items):
        notes.append("The split is taken from the folders, as the table gives none.")
        both = zip(items, found, strict=True)
        items = [replace(item, split=item.split or side) for item, side in both]
    if all(folds) and not grouped and not any(item.group for item in items):
        notes.append("The groups are the folders of folds, as the table gives none.")
        items = [replace(item, group=fold) for item, fold in zip(items, folds, strict=True)]
    return list(items)


def _spelling_notes(names: _Names, called: str) -> list[str]:
    notes = []
    if names.respelled:
        notes.append(
            f"{called} spells {counted(names.respelled, 'name')} otherwise than the folder does "
            "(letter case or Unicode form); the files were found all the same."
        )
    if names.moved:
        files = counted(names.moved, "file")
        notes.append(f"{files} of {called} were found in folders that it does not name.")
    return notes
