"""Patterns that one step neuron makes on points in space: counted exactly, drawn, and bounded.

A *pattern* says which of n points make the neuron fire. Coordinates are integers, such as a
colormap's bytes, and so is the arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.planes.margins import pattern_margins

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LINES_AT_ONCE = 64  # so that their slopes stay in the cache


def _integer_points(points: ArrayLike) -> Ints:
    """Distinct rows of integer points, padded with zeros to three channels."""
    array = np.asarray(points)
    if array.ndim != 2 or not 1 <= array.shape[1] <= 3 or len(array) == 0:
        raise ValueError(f"points must have shape (n ≥ 1, 1 to 3), not {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"points must be integers, not {array.dtype}: the count is exact")
    if array.max() > 2**40 or array.min() < -(2**40):
        raise ValueError("coordinates beyond ±2^40 are not supported")
    padded = np.zeros((len(array), 3), np.int64)
    padded[:, : array.shape[1]] = array
    return np.unique(padded, axis=0)


def affine_rank(points: ArrayLike) -> int:
    """Dimension of the smallest affine space that holds integer points: 0 to 3, exactly.

    >>> from analysis.colour.colormaps import lut8
    >>> affine_rank(lut8("gray")), affine_rank(lut8("viridis"))
    (1, 3)
    """
    distinct = _integer_points(points)
    rows = [[int(x) for x in row] for row in distinct[1:] - distinct[0]]
    rank = 0
    for column in range(3):  # fraction-free elimination on Python's unbounded integers
        pivot = next((row for row in rows if row[column] != 0), None)
        if pivot is None:
            continue
        rank += 1
        rows = [
            [pivot[column] * x - row[column] * y for x, y in zip(row, pivot, strict=True)]
            for row in rows
        ]
    return rank


def cover_bound(n: int, dimension: int = 3) -> int:
    """Largest number of patterns on n points, reached in general position (Cover, 1965).

    >>> cover_bound(256, dimension=1), cover_bound(4)
    (512, 16)
    """
    return 2 * sum(math.comb(n - 1, k) for k in range(dimension + 1))


def count_patterns(points: ArrayLike) -> int:
    """Count the patterns that one step neuron can make on the points, exactly.

    Cover's induction, without the assumption of general position: what is counted in the end is the
    number of distinct planes through each pair of points, so that collinear, coplanar and repeated
    points count for what they are. Equals ``2 (w₁ + w₃)``, the Whitney numbers of the rank-4
    arrangement (Zaslavsky, 1975). `points` are integers within ±2^40; the two constant patterns
    count.

    >>> count_patterns([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    16
    """
    distinct = _integer_points(points)
    later = (distinct[i + 1 :] - distinct[i] for i in range(len(distinct)))
    return 1 + sum(_patterns_through(directions) for directions in later)


def _patterns_through(directions: Ints) -> int:
    """Patterns that planes through the origin make on the lines along some directions."""
    if len(directions) == 0:
        return 1
    lines = _lines(directions)
    size = len(lines)
    small = int(np.abs(lines).max()) < 4096
    distinct = _count_slopes(lines) if small else _count_slopes_large(lines)
    return 2 * (1 + distinct) if size > 1 else 2


def _lines(directions: Ints) -> Ints:
    """Primitive integer vectors of the distinct lines, each with its first nonzero entry > 0."""
    primitive = directions // np.gcd.reduce(directions, axis=1, keepdims=True)
    first = np.take_along_axis(primitive, (primitive != 0).argmax(1)[:, None], axis=1)
    return np.unique(primitive * np.sign(first), axis=0)


def _count_slopes(lines: Ints) -> int:
    """Sum over the lines of the number of distinct planes that they span with later lines.

    Two components of the normal are kept, whose quotient tells the plane. Entries below 2^12 make
    quotients of integers below 2^25: two that differ do so by more than float64 rounds.
    """
    total = len(lines) - 1
    for start in range(0, len(lines) - 1, _LINES_AT_ONCE):
        rows, later = lines[start : start + _LINES_AT_ONCE], lines[start + 1 :]
        slopes, second = _across(rows, later)
        with np.errstate(divide="ignore", invalid="ignore"):
            np.divide(slopes, second, out=slopes)
        slopes[second == 0] = np.inf  # for minus infinity as well: the same plane
        earlier = np.tri(len(rows), len(later), -1, dtype=bool)
        slopes[earlier] = np.nan  # sorted to the end, and greater than nothing
        slopes.sort(axis=1)
        total += int(np.count_nonzero(slopes[:, 1:] > slopes[:, :-1]))
    return total


def _count_slopes_large(lines: Ints) -> int:
    """As `_count_slopes`, in Python's unbounded integers: slower, for coordinates of any size."""
    rows = [[int(x) for x in line] for line in lines]
    total = 0
    for index, (x, y, z) in enumerate(rows):
        normals = ((y * c - z * b, z * a - x * c, x * b - y * a) for a, b, c in rows[index + 1 :])
        planes = set()
        for normal in normals:
            sign = next(1 if part > 0 else -1 for part in normal if part)
            divisor = sign * math.gcd(*normal)
            planes.add(tuple(part // divisor for part in normal))
        total += len(planes)
    return total


def changes(patterns: ArrayLike) -> NDArray[np.int_]:
    """Count the neighbouring levels between which patterns, shape (…, n), change.

    >>> int(changes([False, True, True, False]))
    2
    """
    array = np.asarray(patterns, bool)
    return np.asarray((array[..., 1:] != array[..., :-1]).sum(-1))


def plane_patterns(table: NDArray[np.integer], planes: int, seed: int) -> Bools:
    """Distinct patterns of random planes through three of the colours, up to complement.

    `table` holds a colormap's bytes, or finer integers up to 100,000; `planes` triples are drawn.
    Level 0 is silent. Exact: each plane is moved half a unit off its three points.
    """
    points = table.astype(np.int64)
    triples = np.random.default_rng(seed).integers(len(points), size=(planes, 3))
    packed = []
    for start in range(0, planes, 20_000):
        part = slice(start, start + 20_000)
        p, q, r = (points[triples[part, i]] for i in range(3))
        normal = np.cross(q - p, r - p)
        normal = normal[normal.any(1)]
        offset = (normal * p[np.cross(q - p, r - p).any(1)]).sum(1)
        fires = (normal.astype(np.float64) @ points.T.astype(np.float64)) >= offset[:, None]
        packed.append(np.packbits(fires ^ fires[:, :1], axis=1))
    distinct = np.unique(np.concatenate(packed), axis=0)
    return np.unpackbits(distinct, axis=1, count=len(points)).astype(bool)


def best_agreement(table: NDArray[np.uint8], targets: Bools) -> pd.DataFrame:
    """Bound how many levels one neuron can get right, over all neurons.

    A best plane can be moved until it touches three colours. So the planes through three colours
    are swept, with the colours *on* a plane taken to be right: an upper bound. `pattern_margins`
    then proves that the best of these patterns can be made: a lower bound. Both bounds, a row for
    each target, mostly agree.

    >>> best_agreement(np.array([[0], [1], [2]], np.uint8), np.array([[True, False, True]]))
       lower  upper
    0      2      2
    """
    points, place = np.unique(table.astype(np.int64), axis=0, return_inverse=True)
    points = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    bounds = []
    for target in targets:
        signs = np.where(target, 1.0, -1.0)
        vote = np.bincount(place.reshape(-1), signs, len(points)).astype(np.float64)
        if (np.abs(vote).sum() == len(target)) and _can_be_made(points, (vote > 0)[None])[0]:
            bounds.append((len(target), len(target)))
        else:
            bounds.append(_best_touching(points, vote, len(target)))
    return pd.DataFrame(bounds, columns=["lower", "upper"])


def _can_be_made(points: Ints, patterns: Bools) -> Bools:
    return pattern_margins(points / 255, patterns) > 0


def _best_touching(points: Ints, vote: Floats, levels: int, checked: int = 2048) -> tuple[int, int]:
    """Lower and upper bound of the levels got right; votes are right minus wrong if it fires."""
    spanning, added = points, 0
    for step in np.eye(4, 3, dtype=np.int64):  # points without a vote, until all three dimensions
        more = np.concatenate([points[:1] + step, spanning])
        if affine_rank(more) > affine_rank(spanning):
            spanning, added = more, added + 1
    votes = np.concatenate([np.zeros(added), vote])
    firsts = range(1 if added else len(spanning) - 1)  # planes must touch all that was added
    planes = np.concatenate([_sweep(spanning, votes, i) for i in firsts])
    planes = planes[: 1 if added == 2 else None]
    planes = planes[np.argsort(-planes[:, 0], kind="stable")]
    a, b, c = (spanning[planes[:checked, column].astype(np.int64)] for column in (1, 2, 3))
    normal = np.cross(b - a, c - a)
    side = np.sign(normal @ points.T - (normal * a).sum(1)[:, None])
    side *= np.where(side @ vote < 0, -1, 1)[:, None]
    fires = np.where(side == 0, vote > 0, side > 0)
    made = _can_be_made(points, fires)
    lower = np.where(fires[made], vote, -vote).sum(1).max(initial=abs(vote.sum()))
    refuted = planes[:checked, 0][~made].max(initial=lower)
    upper = max(refuted, planes[checked:, 0].max(initial=lower))
    return int(levels + lower) // 2, int(levels + upper) // 2


def _sweep(points: Ints, vote: Floats, i: int) -> Floats:
    """Best plane through point i and each later point j, found by turning it about their line.

    Rows ``(bound, i, j, k)``: k is a third point on the plane, and the bound is the sum of the
    votes on their right sides, with all colours on the plane taken to be right.
    """
    axes, others = (points[i + 1 :] - points[i]), points - points[i]
    first, second = _across(axes, others)
    on_axis = (first == 0) & (second == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(second == 0, np.inf, first / second)
    slope[on_axis] = np.nan  # sorted last
    order = np.argsort(slope, axis=1)
    slope = np.take_along_axis(slope, order, 1)
    side = np.where(second != 0, np.sign(second), np.sign(first))
    turned = _summed(np.take_along_axis(side * vote, order, 1))
    free = _summed(np.abs(np.where(on_axis, 0, vote)[np.arange(len(axes))[:, None], order]))
    index = np.arange(len(points))
    new = np.pad(slope[:, 1:] != slope[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    begin = np.maximum.accumulate(np.where(new, index, 0), axis=1)
    last = np.pad(new[:, 1:], ((0, 0), (0, 1)), constant_values=True)
    end = np.minimum.accumulate(np.where(last, index + 1, len(index))[:, ::-1], axis=1)[:, ::-1]
    above = turned[:, -1:] - np.take_along_axis(turned, end, 1)
    sides = above - np.take_along_axis(turned, begin, 1)
    on_plane = np.take_along_axis(free, end, 1) - np.take_along_axis(free, begin, 1)
    bound = np.abs(sides) + on_plane + np.where(on_axis, np.abs(vote), 0).sum(1, keepdims=True)
    bound[np.isnan(slope)] = -1
    rows, at = np.arange(len(axes)), bound.argmax(1)
    columns = (bound[rows, at], np.full(len(axes), i), rows + i + 1, order[rows, at])
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _across(axes: Ints, others: Ints) -> tuple[Floats, Floats]:
    """Two coordinates, exact integers, of each point in the plane across each axis."""
    rows, pivot = np.arange(len(axes)), np.abs(axes).argmax(1)
    along, points = axes.astype(np.float64), others.astype(np.float64)
    parts = []
    for other in ((pivot + 1) % 3, (pivot + 2) % 3):
        functional = np.zeros_like(along)
        functional[rows, other] = along[rows, pivot]
        functional[rows, pivot] = -along[rows, other]
        parts.append(functional @ points.T)
    return parts[0], parts[1]


def _summed(values: Floats) -> Floats:
    """Cumulate each row, from 0."""
    return np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
