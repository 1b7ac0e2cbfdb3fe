"""Brings the recordings of a reader's folder to spectrograms of one size.

`load` surveys every file that `listing.find` lists, takes the front end that `agreement` chooses,
reads on all cores, and keeps each result in a cache by the *content* of its file. What cannot be
used is left out and listed with the reason (`Recordings.left_out`); what makes a report impossible
raises `DataError`. The data folder is only read.

Memory is bounded by the spectrograms themselves: workers hold a few files at a time.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.reading import arrays
from analysis.reading.clips import read_sounds
from analysis.reading.untrusted import (
    NO_DATA,
    FrontEnd,
    Reading,
    Survey,
    Unusable,
    read,
    shown,
    survey,
)
from analysis.recordings.agreement import agreed, fitting, one_kind
from analysis.recordings.cache import Cache
from analysis.recordings.groups import group_notes
from analysis.recordings.listing import DataError, Item, LeftOut, counted, find, first_reason

#: Share of the files that may be left out without that being said before all else.
FEW = 0.05

#: What values of arrays are called.
_CALLED: dict[arrays.Scale, str] = {
    "decibels": "decibels",
    "amplitude": "amplitudes",
    "power": "powers",
    "levels": "levels of a logarithmic scale",
}

_BATCH = 32  # files that a worker takes at a time
_ALONE = 320  # so few files are read without starting workers

One = TypeVar("One")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Recordings:
    """A set of recordings, as spectrograms of one size."""

    name: str  # of the folder
    #: (n, 1 or 4, rows, columns); see `analysis.reading.untrusted.Reading`
    planes: NDArray[np.float32]
    labels: NDArray[np.int64]  # (n,); index into `label_names`
    label_names: tuple[str, ...]
    #: (n,); groups ("" if none is given); "train", "test" or ""; names of the files
    groups: NDArray[np.str_]
    split: NDArray[np.str_]
    files: NDArray[np.str_]
    measures: pd.DataFrame  # a row a recording: duration, level, clipped and padded share, …
    left_out: tuple[LeftOut, ...]  # every file that is not used, with the reason
    notes: tuple[str, ...]  # what the reader should know about the data
    front: FrontEnd  # what all were brought to
    decibels: bool = False  # whether arrays' values are decibels; else they are amplitudes
    #: of pictures in colour: share of the pixels near a colour of the recognised colormap
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
            values = arrays.LEVELS_DB * (values - np.float32(1))
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
    classes: str = "",
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
    group, classes : str
        See `find`.
    values : {"auto", "decibels", "amplitude", "power", "levels"}
        What arrays hold; ``auto`` judges it (`analysis.reading.arrays.judge`). Levels are any
        other logarithmic scale: 0…1, 0…255, standard scores.
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
    if values not in ("auto", *arrays.SCALES):
        raise DataError(f"values may be auto, {', '.join(arrays.SCALES)}, not {values!r}.")
    listing = find(folder, group, classes)
    left_out = list(listing.left_out)
    notes = list(listing.notes)
    surveyed = _surveyed(listing.items, jobs, left_out)
    items, surveys = one_kind(surveyed, left_out)
    front, share = agreed(items, surveys, size, left_out, notes)
    items, surveys = fitting(items, surveys, front, left_out)
    items, readings = _readings(items, surveys, front, cache, jobs, left_out)
    prints = [hashlib.sha256(one.planes.tobytes()).hexdigest() for one in readings]
    items, readings = _distinct(items, prints, readings, left_out)
    items, readings = _enough(folder, items, readings, least, left_out)
    notes += [*_scale_notes(readings), *group_notes(items)]
    found = _assembled(folder, items, readings, front, share, left_out, notes)
    return _understood(found, values) if front.kind == "arrays" else found


def _scale_notes(readings: Sequence[Reading]) -> list[str]:
    """Tell of sounds whose loudness says nothing."""
    count = sum(reading.measures.get("rescaled", 0) > 0 for reading in readings)
    if not count:
        return []
    return [
        f"{counted(count, 'recording')} of {len(readings):,} hold samples far beyond ±1, on a "
        "scale of their own: each was scaled to a peak of 1, so that its loudness says nothing."
    ]


def losses(left_out: Sequence[LeftOut], used: int) -> str:
    """Say how many files are left out, and the commonest reason, if they are more than a few.

    One sentence; "" if no more than `FEW` of all are left out. Notes and the like, which hold no
    recording, do not count.

    >>> losses([LeftOut(f"{i}.wav", f"too short: {i} ms") for i in range(9)], 3)
    'Of 12 files 9 (75 %) were left out, 9 of them for a reason like this: 0.wav: too short: 0 ms.'
    """
    left_out = [one for one in left_out if one.reason != NO_DATA]
    total = len(left_out) + used
    if len(left_out) <= FEW * total:
        return ""
    alike = [re.sub(r"[\d.,]+|'[^']*'", "…", one.reason) for one in left_out]
    reason, count = Counter(alike).most_common(1)[0]
    first = left_out[alike.index(reason)]
    share = 100 * len(left_out) / total
    return (
        f"Of {counted(total, 'file')} {len(left_out):,} ({share:.0f} %) were left out, {count:,} "
        f"of them for a reason like this: {first.name}: {first.reason}."
    )


def _understood(found: Recordings, values: str) -> Recordings:
    """Bring arrays to amplitudes or decibels, and say what they were taken for."""
    judged = arrays.judge(found.planes)
    scale = next((name for name in arrays.SCALES if name == values), judged.scale)
    try:
        planes, decibels = arrays.in_amplitudes_or_decibels(found.planes, scale)
    except ValueError:
        raise DataError(
            f"Some arrays hold values below zero, which cannot be {_CALLED[scale]}."
        ) from None
    why = "as you say" if scale == values else f"because {judged.why}"
    told = f"The arrays' values are taken for {_CALLED[scale]} {why}; their rows, for frequencies."
    if scale == "amplitude" != values:
        told += " If they are powers, as librosa's melspectrogram gives, say --values power."
    if scale != values and judged.doubtful:
        told += f" It is a guess: --values says what they are, {', '.join(arrays.SCALES)}."
    return replace(found, planes=planes, decibels=decibels, notes=(*found.notes, told))


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


def _distinct(
    items: Sequence[Item], prints: Sequence[str], others: Sequence[One], left_out: list[LeftOut]
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
    store = Cache(cache)
    keys = [hashlib.sha256(f"{one.digest} {front} 2".encode()).hexdigest() for one in surveys]
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
    for item, key, one in zip(items, keys, surveys, strict=True):
        found = known[key]
        if isinstance(found, Unusable):
            left_out.append(LeftOut(item.name, str(found)))
        else:
            kept.append((item, replace(found, measures=found.measures | _facts(one))))
    return [item for item, _ in kept], [found for _, found in kept]


def _facts(one: Survey) -> dict[str, Any]:
    """Say what is known of a file from its header, for the audit."""
    sides = dict(zip(("rows", "columns"), map(float, one.size), strict=True))
    return one.facts | ({} if one.kind == "audio" else sides)


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
        why = first_reason(left_out)
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
