"""Which way a picture goes: whether bright is loud, where its axes and margins end, what is up.

Colours alone cannot tell a map from its reversed one. Loudness can: most of a spectrogram is quiet.
What only seems so is said, never silently used.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

#: Where most pixels lie, between the lowest level (0) and the highest (1), from which a picture is
#: taken for one in which dark is loud; and from which it is doubted.
REVERSED, DOUBTFUL = 0.68, 0.45

#: Levels by which the upper quarter exceeds the lower one in a picture that may be upside down.
UPSIDE_DOWN = 10

_SAME = 12  # levels by which the pixels of a margin may differ from its corner (after JPEG)
_FULL, _EMPTY = 0.9, 0.6  # share of a line that is picture inside, and at most just outside


class Frame(NamedTuple):
    """The part of an image that is the picture: rows ``top`` to ``bottom``, and so on.

    >>> np.zeros((9, 9))[Frame(1, 9, 2, 5).area].shape
    (8, 3)
    """

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> tuple[slice, slice]:
        """An index for the image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def frame(pixels: Bytes) -> Frame:
    """Find what axes and margins surround, as a plot is saved with them.

    A margin has the colour of the corners, and ends in a straight edge: nearly every pixel just
    inside differs from it, and most just outside do not. Lines around the picture are left out. The
    whole image where no such edges are found.

    >>> page = np.full((40, 60, 3), 255, np.uint8)
    >>> page[5:30, 10:50] = np.arange(40)[:, None]
    >>> frame(page)
    Frame(top=5, bottom=30, left=10, right=50)
    """
    rows, columns = pixels.shape[:2]
    whole = Frame(0, rows, 0, columns)
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.int16)
    if np.ptp(corners, axis=0).max() > _SAME or min(rows, columns) < 16:
        return whole
    drawn = np.abs(pixels.astype(np.int16) - corners[0]).max(-1) > _SAME
    across = _longest(drawn.mean(0) > drawn.mean(0).max() / 2)
    down = _longest(drawn[:, slice(*across)].mean(1) > _FULL) if across[1] else (0, 0)
    if not down[1]:
        return whole
    across = _longest(drawn[slice(*down)].mean(0) > _FULL)
    found = Frame(*down, *across)
    if min(down[1] - down[0], across[1] - across[0]) < 16 or not _edged(drawn, found):
        return whole
    return _without_lines(pixels, found)


def margin_doubt(pixels: Bytes, found: Frame) -> list[str]:
    """Say that a plain border on all sides may be axes and margins, where no frame was found."""
    rows, columns = pixels.shape[:2]
    if found != Frame(0, rows, 0, columns):
        return []
    drawn = np.abs(pixels.astype(np.int16) - pixels[0, 0]).max(-1) > _SAME
    down, along = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    if not len(down):
        return []
    margins = (down[0], rows - 1 - down[-1], along[0], columns - 1 - along[-1])
    if min(margins) < 2:
        return []
    return [
        "A plain border surrounds the picture: if it has axes and labels, cut these off first, for "
        "they are read as levels."
    ]


def _longest(inside: NDArray[np.bool_]) -> tuple[int, int]:
    """First place and end of the longest run."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    if not len(steps):
        return 0, 0
    starts, ends = steps[::2], steps[1::2]
    best = int((ends - starts).argmax())
    return int(starts[best]), int(ends[best])


def _edged(drawn: NDArray[np.bool_], found: Frame) -> bool:
    """Whether at least two sides end in margins, and every side in one or with the image."""
    rows, columns = drawn.shape
    top, bottom, left, right = found
    down, along = found.area
    sides = [(top, drawn[top - 2, along] if top > 1 else None)]
    sides += [(rows - bottom, drawn[bottom + 1, along] if bottom < rows - 1 else None)]
    sides += [(left, drawn[down, left - 2] if left > 1 else None)]
    sides += [(columns - right, drawn[down, right + 1] if right < columns - 1 else None)]
    margins = [line for width, line in sides if width > 1 and line is not None]
    return len(margins) >= 2 and all(line.mean() <= _EMPTY for line in margins)


def _without_lines(pixels: Bytes, found: Frame) -> Frame:
    """Leave out lines of one dark gray drawn around the picture, at most three pixels wide."""
    top, bottom, left, right = found
    part = pixels[found.area].astype(np.int16)
    line = (part.max(-1) < 90) & (np.ptp(part, axis=-1) < 30)
    for _ in range(3):
        top += bool(line[top - found.top].mean() > _FULL and line.mean() < 0.5)
        bottom -= bool(line[bottom - 1 - found.top].mean() > _FULL and line.mean() < 0.5)
        left += bool(line[:, left - found.left].mean() > _FULL and line.mean() < 0.5)
        right -= bool(line[:, right - 1 - found.left].mean() > _FULL and line.mean() < 0.5)
    return Frame(top, bottom, left, right)


def bulk(levels: NDArray[np.generic], flat: float = 0.5) -> float:
    """Where most pixels lie between the lowest (0) and the highest levels (1): the median's place.

    Of a picture with one level it is `flat`.

    >>> round(bulk(np.array([0, 1, 1, 1, 10])), 2)
    0.1
    """
    low, middle, high = np.percentile(np.asarray(levels, np.float64), (1, 50, 99))
    return float((middle - low) / (high - low)) if high > low else flat


def is_reversed(levels: NDArray[np.generic]) -> bool:
    """Judge by its bright background whether dark is loud in a picture, or in a set of them."""
    return bulk(levels) >= REVERSED


def doubts_of(levels: Bytes, reverse: bool) -> list[str]:
    """Say, in sentences, what is a guess about a picture's directions.

    `levels` are as they were taken, high for loud; `reverse` says whether that took dark for loud.
    """
    said = []
    place = bulk(levels)
    if reverse:
        said.append(
            "Most of the picture is bright, so dark is taken for loud: that the map is reversed is "
            "a guess."
        )
    elif place >= DOUBTFUL:
        said.append(
            "Whether the bright or the dark end of the map is loud cannot be seen: most pixels lie "
            f"{place:.0%} of the way from the one to the other. The map's order is taken as it is."
        )
    quarter = max(1, len(levels) // 4)
    ahead = float(levels[:quarter].mean()) - float(levels[-quarter:].mean())
    if ahead > UPSIDE_DOWN:
        said.append(
            f"The upper quarter is louder than the lower one, by {ahead:.0f} levels: the picture "
            "may be upside down, with low frequencies at the top."
        )
    return said
