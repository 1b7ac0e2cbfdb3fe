"""Chooses what all files of a set are brought to: kind, sample rate, length, size, colormap."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.reading.untrusted import FrontEnd, Survey, Unusable, colours_of, near, read
from analysis.recordings.listing import DataError, Item, LeftOut, counted
from analysis.uncolouring import catalogue, direction, levels_under, matching

#: Longest clip in seconds: of what is longer, the loudest stretch of the common length is taken.
MOST_SECONDS = 10.0

#: A sample rate (or a number of rows) that fewer than this share of the files have is not common.
COMMON = 0.1

#: Least share of sound in clips of the common length: a few long files do not pad all others.
FILLED = 0.5

#: Pictures that are looked at before all are read.
_LOOKED_AT = 24


def one_kind(
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


def agreed(
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
    turned = kind == "arrays" and _frames_first(surveys)
    if turned:
        surveys = [replace(found, size=found.size[::-1]) for found in surveys]
        notes.append(
            f"The arrays have {surveys[0].size[0]} columns each and differing numbers of rows: "
            "rows are taken for frames, columns for frequencies."
        )
    source = _agreed_shape(surveys, notes)
    smaller = (min(size[0], source[0]), min(size[1], source[1]))
    if source != smaller:
        notes.append(
            f"The {kind}, {source[0]} rows and {source[1]} columns, are averaged to "
            f"{smaller[0]} × {smaller[1]} before anything is compared."
        )
    front = FrontEnd(kind, source=source, size=smaller, transposed=turned)
    if kind == "arrays":
        return front, math.nan
    colormap, share = _colormap(items, notes)
    inverted = colormap == "" and _bright_background(items, surveys, notes)
    return replace(front, colormap=colormap, dark_is_loud=inverted), share


def _frames_first(surveys: Sequence[Survey]) -> bool:
    """Tell whether arrays are (frames, frequencies): of several lengths, but of one width."""
    lengths = Counter(found.size[0] for found in surveys)
    widths = {found.size[1] for found in surveys}
    return len(widths) == 1 and len(lengths) > 2 and 2 * max(lengths.values()) < len(surveys)


def _agreed_shape(surveys: Sequence[Survey], notes: list[str]) -> tuple[int, int]:
    """Choose the rows that most have; the columns that most have, else that nearly all fit in."""
    kind = surveys[0].kind
    rows, _ = _most_common([found.size[0] for found in surveys], kind)
    widths = [found.size[1] for found in surveys if _same_rows(found, rows)]
    columns, count = _most_common(widths, kind)
    if 2 * count <= len(widths):
        columns = int(common_length(np.array(widths)))
    other = [width for width in widths if not (width == columns or _near(width, columns, kind))]
    if other:
        notes.append(
            f"The {kind} have from {min(widths)} to {max(widths)} columns; {columns} are used: "
            "longer ones are cut, shorter ones end with their own lowest value."
        )
    off = sum(1 for f in surveys if _same_rows(f, rows) and f.size != (rows, columns)) - len(other)
    if off > 0 and kind == "images":
        notes.append(
            f"{counted(off, 'picture')} of a slightly other size, as tight borders leave, "
            f"{'is' if off == 1 else 'are'} resized to {rows} × {columns}."
        )
    return rows, columns


def _near(side: int, common: int, kind: str) -> bool:
    return kind == "images" and near(side, common)


def _turned(found: Survey, front: FrontEnd) -> Survey:
    return replace(found, size=found.size[::-1]) if front.transposed else found


def _same_rows(found: Survey, rows: int) -> bool:
    return found.size[0] == rows or _near(found.size[0], rows, found.kind)


def _most_common(sides: Sequence[int], kind: str) -> tuple[int, int]:
    """Choose the side that most files have, or nearly have; and how many these are."""
    counts = Counter(sides)
    met = {
        side: sum(n for one, n in counts.items() if one == side or _near(one, side, kind))
        for side in counts
    }
    best = max(counts, key=lambda side: (met[side], counts[side], -side))
    return best, met[best]


def common_length(lengths: NDArray[Any]) -> float:
    """Choose a length that nearly all have room in, and that does not pad the most of them.

    The longest of them up to their 95 % quantile that leaves at least `FILLED` of all clips filled.

    >>> common_length(np.array([1.0] * 39 + [60.0] * 3)), common_length(np.arange(1, 21))
    (1.0, 19.0)
    """
    most = np.quantile(lengths, 0.95, method="closest_observation")
    tried = np.unique(lengths[lengths <= most])[::-1]
    return float(next(n for n in tried if np.minimum(lengths, n).mean() >= FILLED * n))


def _agreed_sound(surveys: Sequence[Survey], size: tuple[int, int], notes: list[str]) -> FrontEnd:
    """Choose the lowest rate that is common; the length that nearly all recordings fit in."""
    rates = Counter(found.rate for found in surveys)
    rate = min(rate for rate, count in rates.items() if count >= COMMON * len(surveys))
    fitting = np.array([found.seconds for found in surveys if found.rate >= rate])
    used = common_length(np.minimum(fitting, MOST_SECONDS))
    if len(rates) > 1:
        told = ", ".join(f"{count} at {rate:,} Hz" for rate, count in sorted(rates.items()))
        notes.append(f"The recordings have several sample rates ({told}); {rate:,} Hz is used.")
    longest = float(fitting.max())
    if longest > used * 1.01:
        longer = counted(int((fitting > used * 1.01).sum()), "longer recording")
        notes.append(
            f"Clips have {used:.3g} s; of {longer} (up to {longest:.3g} s) the loudest stretch of "
            "that length is taken, shorter ones are padded with zeros at the end."
        )
    return FrontEnd("audio", rate=rate, samples=max(1, round(used * rate)), size=size)


def _colormap(items: Sequence[Item], notes: list[str]) -> tuple[str, float]:
    """Recognise the colormap of a set of pictures from some of them; "" if they are gray.

    No answer rests on levels that are not known: where no map is sure, or the classes have
    different ones, the audit stops.
    """
    classes: dict[str, list[NDArray[np.uint8]]] = {}
    for item in items[:: max(1, len(items) // _LOOKED_AT)]:
        with suppress(Unusable):
            classes.setdefault(item.label, []).append(colours_of(item.path))
    every = [pixels for pictures in classes.values() for pixels in pictures]
    if not every:
        return "", math.nan
    found = matching.match(*every)
    if found.name is None:
        own = {label: matching.match(*pictures).name for label, pictures in classes.items()}
        raise DataError(_no_map(found, {label: name for label, name in own.items() if name}))
    if found.name == catalogue.GRAY:
        return "", math.nan
    if found.runner_up:
        notes.append(f"The colormap may also be {found.runner_up}: their colours are nearly equal.")
    levels = [levels_under(pixels, found.name).ravel() for pixels in every]
    if direction.is_reversed(np.concatenate(levels)):
        notes.append(
            f"Most of the pictures lies at the end of the colormap {found.name} that is loud: it "
            "may have been used reversed. If so, reverse the pictures' levels first."
        )
    return found.name, 1 - found.unexplained


def _no_map(found: matching.Match, own: dict[str, str]) -> str:
    """Say why no levels can be read: the classes have maps of their own, or none is sure."""
    if len(set(own.values())) > 1:
        told = ", ".join(f"{label} {name}" for label, name in sorted(own.items()))
        return (
            f"The classes have different colormaps ({told}): the map alone gives the class away, "
            "and no answer would be about the sound. Draw all pictures with one map."
        )
    return (
        f"No levels can be read from the pictures: {found.reason}. Brightness is not the level. "
        "Cut off axes and labels, or give the arrays that the pictures were drawn from."
    )


def _bright_background(items: Sequence[Item], surveys: Sequence[Survey], notes: list[str]) -> bool:
    """Tell whether pictures in gray are dark where it is loud: most of a spectrogram is quiet."""
    step = max(1, len(items) // _LOOKED_AT)
    found = []
    for item, one in list(zip(items, surveys, strict=True))[::step]:
        with suppress(Unusable):
            levels = read(item.path, FrontEnd("images", source=one.size)).planes
            found.append(direction.bulk(levels, flat=0.0))
    place = float(np.median(found)) if found else 0.0
    if place >= direction.REVERSED:
        notes.append("Most of the pictures is bright: dark is taken for loud. If not, invert them.")
    elif place >= direction.DOUBTFUL:
        notes.append("That bright is loud in the pictures is a guess. If not, invert them.")
    return place >= direction.REVERSED


def fitting(
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
        elif front.kind != "audio" and not _same_rows(_turned(found, front), front.source[0]):
            side = "columns" if front.transposed else "rows"
            count = _turned(found, front).size[0]
            reason = f"has {count} {side} where most files have {front.source[0]}"
            left_out.append(LeftOut(item.name, reason))
        else:
            kept.append((item, found))
    return [item for item, _ in kept], [found for _, found in kept]
