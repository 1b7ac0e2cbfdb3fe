"""Which map a picture was coloured with, also after JPEG and after resampling.

JPEG halves the resolution of colour, and resampling mixes neighbours: single pixels leave the map's
curve. Their luma stays, and so does the mean colour of a few pixels. So a map is judged by what it
would have to explain: take for each pixel the level that fits luma and, loosely, colour; colour the
levels again; compare the means of blocks. The right map leaves a small part of the colour's
variation unexplained, a wrong map or a photograph much of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from analysis.uncolouring import catalogue

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Share of the colour's variation that a map may leave unexplained and be sure; and where it leaves
#: no rival near, by this factor. After JPEG of quality 50, spectrograms leave about a tenth to
#: their map; photographs leave three tenths and more to the best of all maps.
SURE, PROBABLE, ALONE = 0.14, 0.22, 1.6

#: A rival that leaves no more than by this factor and this share is named.
RIVAL = (1.4, 0.005)

#: Colours this near (in levels) to the gray axis are gray; share of the pixels that have to be.
_GRAY, _MOST = 6.0, 0.99

#: How far (in levels) luma and colour of a pixel may stray, to weigh them against each other.
_STRAY = np.array([3, 12, 12], np.float32)

#: Blocks of 16 × 16 pixels that are looked at; pixels of the first round, maps left by it;
#: and rounds of the second.
_BLOCKS, _FIRST, _LEFT, _ROUNDS = 24, 400, 16, 4

_YCC = np.array(  # ITU-R BT.601 without the offset of 128, as JFIF has it
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32
)


@dataclass(frozen=True)
class Match:
    """A map, or the reason why there is none."""

    name: str | None  # a name of `catalogue.names`; ``None`` if no map is sure
    runner_up: str | None  # another map that explains these colours about as well
    unexplained: float  # share of the variation of colour that the best map leaves, 0…1
    reason: str = ""  # why no map is sure; "" where one is


def to_ycc(colours: NDArray[np.generic]) -> Floats:
    """Luma and the two colour differences, around 0, of RGB in levels. (…, 3) → (…, 3).

    >>> to_ycc(np.array([7, 7, 7])).round(3).tolist()
    [7.0, 0.0, 0.0]
    """
    return np.asarray(np.asarray(colours, np.float32) @ _YCC.T)


def match(*pictures: Bytes | Floats, seed: int = 0) -> Match:
    """Find the map that a picture, or all of several, was coloured with.

    Pictures come without axes and margins: RGB (uint8), or as `to_ycc` gives it (float32). The
    latter is better where a JPEG is the source, which cuts some RGB off.

    >>> levels = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    >>> match(catalogue.table("magma")[levels]).name
    'magma'
    """
    each = -(-_BLOCKS // len(pictures))
    blocks = np.concatenate([_blocks(pixels, each, seed) for pixels in pictures])
    stray = np.hypot(blocks[..., 1], blocks[..., 2])
    if (stray <= _GRAY).mean() >= _MOST and stray.mean() <= _GRAY / 3:
        return Match(catalogue.GRAY, None, 0.0)
    names = _likely(blocks.reshape(-1, 3), seed)
    judged = sorted((_judged(blocks, name), names.index(name)) for name in names)
    (left, best), (next_left, second) = judged[:2]
    if left > (PROBABLE if next_left >= ALONE * left else SURE):
        reason = (
            "the picture is in colour, and no known colormap surely explains it: the best, "
            f"{names[best]}, leaves {left:.0%} of the colours' variation"
        )
        return Match(None, names[best], left, reason)
    near = next_left <= RIVAL[0] * left + RIVAL[1]
    return Match(names[best], names[second] if near else None, left)


def _blocks(pixels: Bytes | Floats, count: int, seed: int) -> Floats:
    """Take blocks of 16 × 16 pixels, on JPEG's grid, as `to_ycc`; edges repeat. (n, 16, 16, 3)."""
    rows, columns = pixels.shape[:2]
    low, right = (-(-side // 16) if side < 16 else side // 16 for side in (rows, columns))
    chosen = np.random.default_rng(seed).permutation(low * right)[:count]
    i, j = np.divmod(chosen, right)
    inside = np.arange(16)
    down = np.minimum(16 * i[:, None] + inside, rows - 1)
    along = np.minimum(16 * j[:, None] + inside, columns - 1)
    found = pixels[down[:, :, None], along[:, None, :]]
    return to_ycc(found) if found.dtype == np.uint8 else np.asarray(found, np.float32)


@cache
def _curves() -> tuple[tuple[str, ...], Floats]:
    names = catalogue.names()
    return names, to_ycc(np.stack([catalogue.table(name) for name in names]))


def _likely(points: Floats, seed: int) -> list[str]:
    """Choose the maps that some pixels are nearest to, the nearest first."""
    some = np.random.default_rng(seed).permutation(len(points))[:_FIRST]
    names, curves = _curves()
    gaps = [float(_fit(points[some], curve)[1].mean()) for curve in curves]
    return [names[i] for i in np.argsort(gaps, kind="stable")[:_LEFT]]


def _fit(points: Floats, curve: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Level that fits luma and, loosely, colour best; and by how many strays it misses."""
    x, y = points / _STRAY, curve / _STRAY
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    level = squares.argmin(1)
    return level, np.sqrt(np.maximum(squares.min(1), 0))


def nearest(points: Floats, curve: Floats) -> NDArray[np.intp]:
    """Level whose luma and, loosely, colour is nearest, of points of `to_ycc`. (n, 3) → (n,)."""
    parts = range(0, len(points), 8192)
    return np.concatenate([_fit(points[start : start + 8192], curve)[0] for start in parts])


def _judged(blocks: Floats, name: str) -> float:
    """Share of the colours' variation that a map leaves unexplained.

    A few rounds shift each pixel's colour by what the mean of its block misses.
    """
    curve = to_ycc(catalogue.table(name))
    wanted = blocks
    for _ in range(_ROUNDS):
        fitted = curve[_fit(wanted.reshape(-1, 3), curve)[0]].reshape(blocks.shape)
        missed = _means(blocks - fitted, 8)[..., 1:]
        shifted = fitted[..., 1:] + missed.repeat(8, axis=1).repeat(8, axis=2)
        wanted = np.concatenate([blocks[..., :1], shifted], axis=-1)
    left = np.abs((blocks - fitted)[..., 0]).mean() + np.linalg.norm(missed, axis=-1).mean()
    colours = _means(blocks, 2)[..., 1:].reshape(-1, 2)
    spread = np.linalg.norm(colours - colours.mean(0), axis=1).mean()
    return float(left / (spread + _LEAST_SPREAD))


#: Added to the spread, in levels, so that rounding is not taken for variation.
_LEAST_SPREAD = 3.0


def _means(blocks: Floats, side: int) -> Floats:
    """Means of squares of pixels. (n, 16, 16, c) → (n, 16/side, 16/side, c)."""
    n, _, _, channels = blocks.shape
    count = 16 // side
    parts = blocks.reshape(n, count, side, count, side, channels)
    return np.asarray(parts.mean((2, 4)))
