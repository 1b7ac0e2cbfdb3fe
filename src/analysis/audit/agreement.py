"""Chooses what all files of a set are brought to: kind, sample rate, length, size, colormap."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from analysis.audit.listing import Item, LeftOut
from analysis.audit.untrusted import FrontEnd, Survey, Unusable, recognise, sample_colours

__all__ = ["agreed", "fitting", "one_kind"]

#: Longest clip in seconds: of what is longer, the loudest stretch of the common length is taken.
MOST_SECONDS = 10.0

#: A sample rate (or a number of rows) that fewer than this share of the files have is not common.
COMMON = 0.1


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
        elif front.kind != "audio" and found.size[0] != front.source[0]:
            reason = f"has {found.size[0]} rows where most files have {front.source[0]}"
            left_out.append(LeftOut(item.name, reason))
        else:
            kept.append((item, found))
    return [item for item, _ in kept], [found for _, found in kept]
