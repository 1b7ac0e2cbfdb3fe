"""Groups, which must not be in training and test at once: from names, or suggested by them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from analysis.recordings.items import DataError, Item
from analysis.recordings.schemes import NEARLY_ALL
from analysis.recordings.tables import METADATA

#: Names as in Speech Commands: a speaker, by hash, and a number.
_SPEAKER = "([0-9a-f]{8})_nohash_"


def matches(option: str, pattern: str, names: Sequence[str]) -> list[str]:
    """Return what a pattern's first brackets match in each name; "" where nothing."""
    try:
        expression = re.compile(unicodedata.normalize("NFC", pattern))
    except re.error as problem:
        raise DataError(f"{option} {pattern!r} is no regular expression: {problem}.") from None
    if expression.groups < 1:
        raise DataError(
            f"{option} {pattern!r} needs a pair of brackets around what names the {option}."
        )
    found = [expression.search(unicodedata.normalize("NFC", name)) for name in names]
    values = [one[1] or "" if one else "" for one in found]
    if names and not any(values):
        raise DataError(f"{option} {pattern!r} matches no file name; one of them is {names[0]!r}.")
    return values


def grouped(items: Sequence[Item], pattern: str) -> tuple[Item, ...]:
    """Take groups from the names where none is given."""
    if all(item.group for item in items):
        return tuple(items)
    values = matches("group", pattern, [item.name for item in items])
    return tuple(
        item if item.group or not value else replace(item, group=value)
        for item, value in zip(items, values, strict=True)
    )


def suggested_groups(items: Sequence[Item]) -> tuple[str, tuple[str, ...]] | None:
    """Look for groups in the file names: a part of the name that recurs in several classes.

    Names are cut at ``_``, ``-``, blanks and dots. A part suggests groups if nearly all files have
    it and share its value with others, it has between 2 and a quarter as many such values as there
    are files, it is no mere number, it does not name the class, and most of its values are in more
    than one class. Names as in Speech Commands suggest their speakers as soon as one recurs. Given
    are the pattern, for `analysis.recordings.listing.find`, and the groups; None if nothing
    suggests itself.

    >>> from pathlib import Path
    >>> names = [f"{c}_{who}_{i}.wav" for c in "ab" for who in ("jo", "li") for i in range(4)]
    >>> suggested_groups([Item(Path(n), n, n[0]) for n in names])[1]
    ('jo', 'li')
    """
    stems = [PurePosixPath(item.name).stem for item in items]
    speakers = [found[1] for stem in stems if (found := re.match(_SPEAKER, stem))]
    if speakers and NEARLY_ALL * len(items) <= len(speakers) > len(set(speakers)) > 1:
        return _SPEAKER, tuple(sorted(set(speakers)))
    parts = [re.split(r"[_\-. ]+", stem) for stem in stems]
    for place in range(max(map(len, parts), default=0)):
        classes: dict[str, list[str]] = {}
        for part, item in zip(parts, items, strict=True):
            if len(part) > place:
                classes.setdefault(part[place], []).append(item.label)
        if _are_groups(classes, len(items)):
            before = "[^_. /-]*[_. -]+" * place  # no "$": make and shells would eat it
            return f"(?:^|/){before}([^_. /-]+)(?!.*/)", tuple(sorted(classes))
    return None


def _are_groups(classes: dict[str, list[str]], count: int) -> bool:
    """Whether values of a part of names, given the classes of their files, look like groups."""
    recurring = {value: labels for value, labels in classes.items() if len(labels) > 1}
    if not 2 <= len(recurring) <= count // 4:
        return False
    if sum(map(len, recurring.values())) < NEARLY_ALL * count:
        return False
    shared = sum(len(set(labels)) > 1 for labels in recurring.values())
    return shared > 0.5 * len(recurring) and not all(value.isdigit() for value in classes)


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


def split_notes(items: Iterable[Item]) -> list[str]:
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
