"""Levels from a JPEG's own coefficients: those that would have given the file.

A file says of every coefficient in which cell of the quantisation it lay. Pixels lie on the map's
curve. The levels looked for meet both: their colours, encoded again, give the file's own
coefficients, and then the file cannot tell them from the true ones. They are found by descent on
the distance to the cells (Nesterov's, scaled by the curve's slopes), first with a slight pull
towards smooth levels, then without. Units of the file (8 × 8 pixels, 16 × 16 in 4:2:0) do not
depend on each other, so that each succeeds or fails alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.jpeg import files
from analysis.jpeg.codec import dct_filters
from analysis.uncolouring import coefficients, matching
from analysis.uncolouring.coefficients import Coefficients

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_DCT = np.asarray(dct_filters()[::8].sum(2) / np.sqrt(8), np.float32)  # (frequency, place)


@dataclass(frozen=True)
class Inverted:
    """Levels found for a JPEG."""

    #: (rows, columns); found; and bounds that the level surely lies between, if the map is right
    levels: Bytes
    low: Bytes
    high: Bytes
    #: (rows, columns); whether the pixel's unit, encoded again, gives the file's own coefficients
    certified: NDArray[np.bool_]


def invert(file: Coefficients, table: Bytes) -> Inverted:
    """Find the levels behind a JPEG of a picture coloured by a table of bytes, shape (256, 3).

    >>> from analysis.colour import colormaps
    >>> from analysis.jpeg import files
    >>> levels = np.add.outer(np.arange(32), 2 * np.arange(48)).astype(np.uint8)
    >>> colours = colormaps.lut8("viridis")[levels]
    >>> content = files.encode(colours, "JPEG", quality=90)
    >>> found = invert(coefficients.read(content), colormaps.lut8("viridis"))
    >>> bool(found.certified.all()), int(abs(found.levels.astype(int) - levels).max()) < 8
    (True, True)
    """
    problem = _Problem(file, _curve(table, len(file.planes)))
    levels = problem.start()
    levels = problem.descend(levels, _ROUGH, pull=0.002, inside=0.6)
    best, certified = np.rint(levels).astype(np.uint8), np.zeros(file.size, bool)
    for pull, inside in _FINER:
        levels = problem.descend(levels, _FINE, pull, inside)
        found = np.rint(levels).astype(np.uint8)
        good = _certified(file, table, found) & ~certified
        best = np.where(certified, best, found)
        certified |= good
        if certified.all():
            break
    low, high = problem.bounds()
    inside_bounds = np.clip(best, low, high)
    return Inverted(np.where(certified, best, inside_bounds), low, high, certified)


#: Steps of descent, at first and each time after; then the pull towards smooth levels, and how far
#: inside its cell, as a share of half of it, a coefficient is brought: rounding to levels then
#: leaves it there.
_ROUGH, _FINE, _FINER = 80, 50, ((3e-4, 0.8), (0.0, 0.7), (0.0, 0.5), (0.0, 0.2))

#: Rounding of the integer transform and of colour, in levels, that a coefficient may be off by.
_SLACK = 1.0


def _curve(table: Bytes, components: int) -> Floats:
    """Luma and colour differences around 0 of the levels, in libjpeg's integers. (1 or 3, 256)."""
    red, green, blue = table.astype(np.int64).T
    if components == 1:
        return np.asarray(green[None] - 128, np.float32)
    rows = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
    bias = (32768, (128 << 16) + 32767, (128 << 16) + 32767)
    mixed = [(a * red + b * green + c * blue + d) >> 16
             for (a, b, c), d in zip(rows, bias, strict=True)]  # fmt: skip
    return np.asarray(np.stack(mixed) - 128, np.float32)


def _forward(plane: Floats) -> Floats:
    """Orthonormal coefficients of the blocks of a plane. (8r, 8c) → (r, c, 8, 8)."""
    rows, columns = plane.shape
    blocks = plane.reshape(rows // 8, 8, columns // 8, 8).swapaxes(1, 2)
    return np.asarray(_DCT @ blocks @ _DCT.T)


def _backward(blocks: Floats) -> Floats:
    """Undo `_forward`."""
    rows, columns = blocks.shape[:2]
    return np.asarray((_DCT.T @ blocks @ _DCT).swapaxes(1, 2).reshape(8 * rows, 8 * columns))


def _fold(plane: Floats, size: tuple[int, int]) -> Floats:
    """Add what lies beyond the edges to the last row and column: edges were repeated outwards."""
    rows, columns = size
    inside = plane[:rows].copy()
    inside[-1] += plane[rows:].sum(0)
    out = inside[:, :columns].copy()
    out[:, -1] += inside[:, columns:].sum(1)
    return out


class _Plane:
    """One component: from pixels to its coefficients, and how far these are from their cells."""

    def __init__(
        self,
        codes: NDArray[np.int16],
        steps: NDArray[np.int64],
        size: tuple[int, int],
        factor: tuple[int, int],
    ) -> None:
        self.size, self.factor = size, factor
        self.centre = np.asarray(codes * steps, np.float32)
        self.half = np.asarray(steps / 2, np.float32)
        rows, columns = (8 * side for side in codes.shape[:2])
        small = -(-size[0] // factor[0])  # rows after halving; further ones repeat the last of them
        self._down = np.minimum(np.arange(small * factor[0]), size[0] - 1)
        self._along = np.minimum(np.arange(columns * factor[1]), size[1] - 1)
        self._grow = np.minimum(np.arange(rows), small - 1)
        #: How much of the plane a pixel makes: more at edges, which are repeated outwards.
        self.weight = self.spread(np.ones((rows, columns), np.float32))

    def shrunk(self, plane: Floats) -> Floats:
        """Repeat edges and take means, as the encoder does. (rows, columns) → (8r, 8c)."""
        high, wide = self.factor
        whole = plane[self._down][:, self._along]
        rows, columns = whole.shape
        means = whole.reshape(rows // high, high, columns // wide, wide).mean((1, 3))
        return np.asarray(means[self._grow])

    def spread(self, plane: Floats) -> Floats:
        """Adjoint of `shrunk`."""
        high, wide = self.factor
        small = int(self._grow[-1]) + 1
        inside = _fold(plane, (small, plane.shape[1])) / np.float32(high * wide)
        return _fold(inside.repeat(high, axis=0).repeat(wide, axis=1), self.size)

    def enlarged(self, plane: Floats) -> Floats:
        """Repeat the values of (8r, 8c) to the pixels. → (rows, columns)."""
        high, wide = self.factor
        return plane.repeat(high, axis=0).repeat(wide, axis=1)[: self.size[0], : self.size[1]]

    def missing(self, plane: Floats, inside: float) -> Floats:
        """Find what leads back into the cells, made smaller by a share. → (8r, 8c)."""
        found = _forward(self.shrunk(plane))
        half = np.maximum(inside * self.half, self.half - 3)
        return _backward(np.clip(found, self.centre - half, self.centre + half) - found)


class _Problem:
    """A file, and the curve that its pixels lie on."""

    def __init__(self, file: Coefficients, curve: Floats) -> None:
        self.size, self.curve = file.size, curve
        self.slopes = np.diff(curve, axis=1, append=2 * curve[:, -1:] - curve[:, -2:-1])
        factors = [(1, 1)] + [file.factor] * (len(file.planes) - 1)
        self.planes = [
            _Plane(codes, steps, file.size, factor)
            for codes, steps, factor in zip(file.planes, file.steps, factors, strict=True)
        ]

    def start(self) -> Floats:
        """Levels whose luma and, loosely, colour is nearest to what the file decodes to."""
        decoded = np.zeros((*self.size, 3), np.float32)
        curve = np.zeros((256, 3), np.float32)
        for i, plane in enumerate(self.planes):
            decoded[..., i] = plane.enlarged(_backward(plane.centre))
            curve[:, i] = self.curve[i]
        found = matching.nearest(decoded.reshape(-1, 3), curve)
        return np.asarray(found.reshape(self.size), np.float32)

    def descend(self, start: Floats, steps: int, pull: float, inside: float) -> Floats:
        """Descend on the squared distance to the cells. (rows, columns) → the same, not rounded."""
        levels, ahead, momentum = start, start, 1.0
        for _ in range(steps):
            place = np.minimum(ahead.astype(np.int64), 254)
            rest = ahead - place
            down = np.zeros(self.size, np.float32)
            curvature = np.full(self.size, 0.05 + 8 * pull, np.float32)
            for plane, curve, slopes in zip(self.planes, self.curve, self.slopes, strict=True):
                slope = slopes[place]
                missing = plane.missing(curve[place] + rest * slope, inside)
                down += slope * plane.spread(missing)
                curvature += slope**2 * plane.weight
            if pull:
                down += pull * _rough(ahead)
            reached = np.clip(ahead + _STEP * down / curvature, 0, 255).astype(np.float32)
            further = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = np.clip(reached + (momentum - 1) / further * (reached - levels), 0, 255)
            ahead = ahead.astype(np.float32)
            levels, momentum = reached, further
        return levels

    def bounds(self) -> tuple[Bytes, Bytes]:
        """Lowest and highest level that each pixel can have.

        A pixel of a plane strays from the decoded one by the sum over the coefficients of half a
        step times the pattern's value there, at most. Levels whose luma or, unless it was averaged
        over pixels, whose colour lies farther off are excluded.
        """
        allowed = np.ones((256, *self.size), bool)
        for plane, curve in zip(self.planes, self.curve, strict=True):
            reach = np.abs(_DCT).T @ (plane.half + _SLACK) @ np.abs(_DCT)
            centre = _backward(plane.centre)
            reach = plane.enlarged(np.tile(reach, np.array(centre.shape) // 8))
            centre = plane.enlarged(centre)
            count = plane.factor[0] * plane.factor[1]
            if count > 1:  # the other pixels of the mean may be anything on the curve
                low, high = (count - 1) * curve.min(), (count - 1) * curve.max()
                centre, reach = count * centre - (low + high) / 2, count * reach + (high - low) / 2
            for level in range(256):
                allowed[level] &= np.abs(curve[level] - centre) <= reach
        anything = allowed.any(0)
        low = np.where(anything, allowed.argmax(0), 0)
        high = np.where(anything, 255 - allowed[::-1].argmax(0), 255)
        return low.astype(np.uint8), high.astype(np.uint8)


_STEP = 0.7


def _rough(levels: Floats) -> Floats:
    """Sum of the neighbours' differences from each pixel: downwards on roughness."""
    out = np.zeros_like(levels)
    for axis in (0, 1):
        gap = np.diff(levels, axis=axis)
        first, last = [slice(None)] * 2, [slice(None)] * 2
        first[axis], last[axis] = slice(None, -1), slice(1, None)
        out[tuple(first)] += gap
        out[tuple(last)] -= gap
    return out


def _certified(file: Coefficients, table: Bytes, levels: Bytes) -> NDArray[np.bool_]:
    """Tell whose units, encoded by Pillow with the file's steps, give the file's coefficients."""
    image = levels if len(file.planes) == 1 else table[levels]
    steps: Sequence[NDArray[np.int64]] = file.steps[:2]
    sampling = {(1, 1): 0, (1, 2): 1, (2, 2): 2}[file.factor]
    how = {"subsampling": sampling} if len(file.planes) == 3 else {}
    qtables = [step.ravel().tolist() for step in steps]
    again = coefficients.read(files.encode(image, "JPEG", qtables=qtables, **how))
    good = np.ones(levels.shape, bool)
    if any((a != b).any() for a, b in zip(again.steps, file.steps, strict=True)):
        return np.zeros(levels.shape, bool)
    for i, (mine, theirs) in enumerate(zip(again.planes, file.planes, strict=True)):
        same = (mine == theirs).all((2, 3))
        down, along = (8 * f for f in (file.factor if i else (1, 1)))
        good &= same.repeat(down, 0).repeat(along, 1)[: levels.shape[0], : levels.shape[1]]
    down, along = (8 * f for f in file.factor)
    rows, columns = (-(-side // f) for side, f in zip(levels.shape, (down, along), strict=True))
    padded = np.ones((rows * down, columns * along), bool)
    padded[: levels.shape[0], : levels.shape[1]] = good
    units = padded.reshape(rows, down, columns, along).all((1, 3))
    return units.repeat(down, 0).repeat(along, 1)[: levels.shape[0], : levels.shape[1]]
