"""Lists what a reader's folder holds: files, classes, groups and splits, and what is left out.

A folder has one subfolder a class, below folders of splits or folds if it likes (`layouts`), or a
table of files (`tables`). `find` lists it; nothing is opened but tables. What makes a report
impossible raises `DataError`, whose text is one sentence with the remedy.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from analysis.reading.untrusted import READ, kind_of, refusal, shown
from analysis.recordings.groups import grouped, matches, split_notes
from analysis.recordings.items import DataError, Item, LeftOut, Listing, counted, plain
from analysis.recordings.layouts import Parts, arrange, fold_of, role_of, sides
from analysis.recordings.matching import File, Names, walk
from analysis.recordings.tables import METADATA, TABLES, Row, Table, read_lines, read_table

__all__ = ["METADATA", "DataError", "Item", "LeftOut", "Listing", "counted", "find", "first_reason"]

#: Lists of files that make a split of a folder of classes (Speech Commands), and their parts.
LISTS = {"testing_list.txt": "test", "validation_list.txt": "validation"}


# --- finding ---------------------------------------------------------------------------------


def check_folder(folder: Path) -> None:
    """Refuse what is no folder."""
    if not folder.exists():
        raise DataError(f"There is no folder {shown(str(folder))}: check the path.")
    if not folder.is_dir():
        what = shown(str(folder))
        raise DataError(f"{what} is a file, not a folder with one subfolder a class.")


def find(folder: Path, group: str = "", classes: str = "") -> Listing:
    """List the files of a folder and their classes. Nothing is opened but tables.

    The folder has one subfolder a class, or a table such as ``metadata.csv``. `group` is a regular
    expression: what its first pair of brackets matches in a file's name (relative to the folder) is
    its group; it adds groups where a table gives none, and overrules folds. `classes` is the same
    for classes, and overrules tables and folders. DataError if there is no folder, nothing in it,
    or a table that cannot be understood.
    """
    where = shown(str(folder))
    left_out: list[LeftOut] = []
    try:
        check_folder(folder)
        files = list(walk(folder, left_out))
        usable = [file for file in files if kind_of(file.path) is not None]
        base, tables = _tables(files, usable)
        if classes:
            listing = _by_pattern(usable, classes, [table.name for table in tables])
        elif tables:
            listing = _from_tables(folder, usable, base, tables, bool(group))
        else:
            listing = _from_folders(files, usable, bool(group))
    except PermissionError as problem:
        what = shown(str(problem.filename or folder))
        raise DataError(f"{what} is not readable: permission denied.") from None
    listing = replace(listing, left_out=(*left_out, *listing.left_out))
    if not listing.items:
        others = [file for file in files if file not in tables]
        why = _nothing(others, usable, [] if classes else tables, listing.left_out)
        raise DataError(f"No recordings were found in {where}{why}")
    listing = _unified(listing)
    items = grouped(listing.items, group) if group else listing.items
    return replace(listing, items=items, notes=(*listing.notes, *split_notes(items)))


def _nothing(
    files: Sequence[File],
    usable: Sequence[File],
    tables: Sequence[File],
    left_out: Sequence[LeftOut],
) -> str:
    """Say why there are no recordings: none at all, of no kind that is read, or without classes."""
    if not files and not left_out:
        return f": it is empty. It needs one subfolder a class, or a {METADATA}."
    if files and not usable:
        return f": {_met(files)}"
    if not tables and all(len(file.parts) == 1 for file in usable):
        lie = "its 1 file lies" if len(usable) == 1 else f"its {len(usable):,} files lie"
        return (
            f": {lie} in no subfolder, so nothing tells their classes: make one subfolder a class, "
            f"name them in a {METADATA}, or tell by --classes which part of a name it is."
        )
    return f" ({first_reason(left_out)})."


def _met(files: Sequence[File]) -> str:
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


# --- by folders ------------------------------------------------------------------------------


def _from_folders(files: Sequence[File], usable: Sequence[File], grouped: bool) -> Listing:
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
    usable: Sequence[File], labels: Sequence[str], lists: Sequence[File], notes: list[str]
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


def _by_pattern(usable: Sequence[File], classes: str, tables: Sequence[str]) -> Listing:
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


def _tables(files: Sequence[File], usable: Sequence[File]) -> tuple[Parts, list[File]]:
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
            several = [file for file in found_in if file] if len(parts) > 1 else []
            return base, several if folders else _only_table(files, base)
        base = (*base, folders[0])


def _only_table(files: Sequence[File], base: Parts) -> list[File]:
    """Take the only table there is, whatever its name, where all files lie in one folder."""
    found = [file for file in files if plain(file.parts[-1]).endswith((".csv", ".jsonl"))]
    near = [file for file in found if base[: len(file.parts) - 1] == file.parts[:-1]]
    return near if len(near) == 1 else []


def _from_tables(
    folder: Path, usable: Sequence[File], base: Parts, tables: Sequence[File], grouped: bool
) -> Listing:
    """Take files and classes from tables; several tables lie in the folders of a split."""
    names = Names(folder, usable)
    left_out: list[LeftOut] = []
    notes: list[str] = []
    items: dict[Path, Item] = {}
    placed: dict[Path, File] = {}
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
    table: Table, called: str, names: Names, places: Sequence[Parts], left_out: list[LeftOut]
) -> Iterator[tuple[Row, File]]:
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
    rows: Iterable[tuple[Row, File]],
    called: str,
    ungrouped: bool,
    items: dict[Path, Item],
    placed: dict[Path, File],
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
    items: Sequence[Item], files: Sequence[File], grouped: bool, notes: list[str]
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


def _spelling_notes(names: Names, called: str) -> list[str]:
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
