"""What one step neuron can do with one pixel: counted, measured and trained.

A *pattern* says which of n levels make the neuron fire. On gray only the 2n threshold patterns are
possible; on a colormap the levels lie on a curve in RGB, and every plane that cuts the curve makes
a pattern. This module counts those patterns exactly, measures the margin with which each band can
be made, finds how many hidden gray neurons do the same, and trains the neuron.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from analysis.colour.colormaps import LEVELS, lut, lut8, lut8_rounded, names
from analysis.evidence.statistics import paired_difference

__all__ = [
    "MAPS",
    "SETTINGS",
    "TARGETS",
    "Plane",
    "Settings",
    "affine_rank",
    "atlas",
    "attempt",
    "band_margin",
    "band_margins",
    "band_table",
    "best_agreement",
    "changes",
    "changes_against_margin",
    "colour_gains",
    "count_patterns",
    "count_standing",
    "cover_bound",
    "encoding",
    "grazing_azimuth",
    "guard_table",
    "hidden_staircase",
    "least_widths",
    "mistakes_against_margin",
    "pattern_margins",
    "plane_patterns",
    "plane_polygon",
    "recorded_epochs",
    "ripple",
    "separating_plane",
    "threshold_functions",
    "train",
    "vc_dimension",
    "verdict_duplication",
    "verdict_high_or_low",
    "verdict_limited_model",
    "verdict_redundancy",
    "verdict_width",
    "width_search",
]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: The maps whose bands are drawn; gray is the control.
MAPS = ("gray", "viridis", "magma", "turbo", "jet", "hsv")

_LEVEL = np.arange(LEVELS)

_LINES_AT_ONCE = 64  # so that their slopes stay in the cache

#: What the neuron is asked to learn: which levels should fire.
TARGETS: dict[str, Bools] = {
    "threshold": _LEVEL >= 128,
    "high or low": (_LEVEL < 64) | (_LEVEL >= 192),
    "band": (_LEVEL >= 150) & (_LEVEL < 200),
    "two bands": ((_LEVEL >= 32) & (_LEVEL < 96)) | ((_LEVEL >= 160) & (_LEVEL < 224)),
}


@dataclass(frozen=True)
class Settings:
    """What a profile of the chapter computes; the counts and the margins are the same in both.

    Attributes
    ----------
    seeds : int
        Initialisations and orders of presentation of each learner.
    epochs : int
        Passes over the 256 levels.
    planes : int
        Random planes through three of a map's colours.
    bands : int
        Bands that the perceptron learns, to compare its mistakes with the margin.
    """

    seeds: int
    epochs: int
    planes: int
    bands: int


SETTINGS = {
    "quick": Settings(seeds=5, epochs=1_000, planes=20_000, bands=30),
    "full": Settings(seeds=20, epochs=5_000, planes=200_000, bands=100),
}


# --- Capacity: how many patterns ---------------------------------------------------------------


def _integer_points(points: ArrayLike) -> Ints:
    """Distinct rows of integer points with 1 to 3 channels, padded with zeros to three."""
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
    """Dimension of the smallest affine space that holds the points, by exact arithmetic.

    Parameters
    ----------
    points : array_like of int, shape (n, 1…3)
        For instance the 8-bit colours of a colormap.

    Returns
    -------
    int
        0 (one point), 1 (a line), 2 (a plane) or 3.

    Raises
    ------
    TypeError, ValueError
        If the points are not integers, or not of that shape.

    Examples
    --------
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


def vc_dimension(points: ArrayLike) -> int:
    """VC dimension of one step neuron on the points: the affine rank plus one.

    That many affinely independent points take every pattern; one more has a Radon partition,
    whose two sides no plane separates.

    Parameters
    ----------
    points : array_like of int, shape (n, 1…3)

    Returns
    -------
    int

    Examples
    --------
    >>> vc_dimension(lut8("gray")), vc_dimension(lut8("jet"))
    (2, 4)
    """
    return affine_rank(points) + 1


def cover_bound(n: int, dimension: int = 3) -> int:
    """Largest number of patterns that one neuron makes on n points.

    Parameters
    ----------
    n : int
        Number of distinct points.
    dimension : int
        Of the space: 1 for gray, 3 for RGB.

    Returns
    -------
    int
        ``2 Σ_{k ≤ dimension} C(n − 1, k)``, reached exactly in general position (Cover, 1965,
        theorem 1).

    Examples
    --------
    >>> cover_bound(256, dimension=1), cover_bound(4)
    (512, 16)
    """
    return 2 * sum(math.comb(n - 1, k) for k in range(dimension + 1))


def count_patterns(points: ArrayLike) -> int:
    """Count the patterns that one step neuron can make on the points, exactly.

    Cover's induction, without the assumption of general position. The planes that miss a new point
    p keep a pattern of the old points; those patterns that some plane *through* p makes are counted
    twice, once for either side of p. Planes through p see the old points as directions from p, so
    the same step applies in one dimension less, and again, until slopes remain: what is counted in
    the end is the number of distinct planes through each pair of points. Collinear, coplanar and
    repeated points are counted for what they are. The result equals ``2 (w₁ + w₃)``, the Whitney
    numbers of the rank-4 arrangement (Zaslavsky, 1975).

    Parameters
    ----------
    points : array_like of int, shape (n, 1…3)
        Duplicates are merged; any affine rank.

    Returns
    -------
    int
        All patterns, the two constant ones among them.

    Raises
    ------
    TypeError
        If the points are not integers.
    ValueError
        If there is none, if they have more than three channels, or coordinates beyond ±2^40.

    Examples
    --------
    >>> count_patterns([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    16
    >>> count_patterns(lut8("gray")) == 2 * 232
    True
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

    Of the normal ``line × other`` two components are kept, whose quotient tells the plane. Entries
    below 2^12 make quotients of integers below 2^25: two that differ do so by more than float64
    rounds, two that are equal round to the same.
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


def atlas(colormaps: Sequence[str] | None = None) -> pd.DataFrame:
    """Capacity of one neuron on the 8-bit colours of each colormap.

    Parameters
    ----------
    colormaps : sequence of str, optional
        All of matplotlib's by default, without the reversed ones (same colours, same count).

    Returns
    -------
    DataFrame
        A row for each map: ``colormap``, ``colours`` (distinct ones), ``rank`` (affine),
        ``patterns``, ``threshold_patterns`` (2n, what gray levels as many would give) and
        ``cover_bound``.

    Examples
    --------
    >>> atlas(["gray"]).patterns.item()
    464
    """
    rows = []
    for name in tqdm(names() if colormaps is None else colormaps, "atlas", disable=None):
        table = lut8(name).astype(np.int64)
        n = len(np.unique(table, axis=0))
        rows.append(
            {
                "colormap": name,
                "colours": n,
                "rank": affine_rank(table),
                "patterns": count_patterns(table),
                "threshold_patterns": cover_bound(n, dimension=1),
                "cover_bound": cover_bound(n),
            }
        )
    return pd.DataFrame(rows)


# --- Robustness: how wide are the margins -------------------------------------------------------


@dataclass(frozen=True)
class Plane:
    """A step neuron ``H(weights · colour + bias)`` on colours in [0, 1].

    Attributes
    ----------
    weights : ndarray of float64, shape (3,)
        Unit normal of the plane.
    bias : float
    margin : float
        Least distance of a colour from the plane, on the right side; 0 if some are on the wrong.
    """

    weights: Floats
    bias: float
    margin: float

    def response(self, colours: ArrayLike) -> Floats:
        """Signed distance of each colour from the plane; the neuron fires where it is ≥ 0."""
        return np.asarray(_padded(colours) @ self.weights + self.bias)


def _padded(colours: ArrayLike) -> Floats:
    array = np.asarray(colours, np.float64)
    if array.ndim != 2 or not 1 <= array.shape[1] <= 3:
        raise ValueError(f"colours must have shape (n, 1 to 3), not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("colours must be finite")
    return np.pad(array, ((0, 0), (0, 3 - array.shape[1])))


def band_margin(colours: ArrayLike, a: int, b: int) -> float:
    """Find the best margin with which one neuron fires exactly on the levels a…b.

    Half the distance between the convex hull of the band's colours and that of the others. By
    symmetry it is also the margin of the neuron that is silent on the band alone.

    Parameters
    ----------
    colours : array_like, shape (n, 1…3)
        Colour of each level, in [0, 1]; for instance ``lut8(name) / 255``.
    a, b : int
        First and last level of the band, ``0 ≤ a ≤ b < n``.

    Returns
    -------
    float
        In the units of the colours, exact to 1e-9; 0 where no plane separates. Infinite for the
        band of all levels, which a large bias makes at any distance.

    Raises
    ------
    ValueError
        If the band is not within the levels, or the colours are ill-formed.

    Examples
    --------
    >>> band_margin([[0.0], [0.5], [1.0]], 2, 2), band_margin([[0.0], [0.5], [1.0]], 1, 1)
    (0.25, 0.0)
    """
    table = _padded(colours)
    if not 0 <= a <= b < len(table):
        raise ValueError(f"a band needs 0 ≤ a ≤ b < {len(table)}, not a = {a}, b = {b}")
    level = np.arange(len(table))
    return float(pattern_margins(table, ((level >= a) & (level <= b))[None])[0])


def band_margins(colours: ArrayLike, guard: int = 0) -> Floats:
    """Find the best margins of all bands at once.

    Parameters
    ----------
    colours : array_like, shape (n, 1…3)
        Colour of each level, in [0, 1].
    guard : int
        Levels on either side of the band where the neuron may do as it likes.

    Returns
    -------
    ndarray of float64, shape (n, n)
        Entry ``[a, b]`` is ``band_margin(colours, a, b)`` for a ≤ b (with ``guard`` 0); NaN below
        the diagonal; infinite where every level may fire.

    Examples
    --------
    >>> band_margins([[0.0], [0.5], [1.0]])
    array([[0.25, 0.25,  inf],
           [ nan, 0.  , 0.25],
           [ nan,  nan, 0.25]])
    """
    table = _padded(colours)
    first, last = np.triu_indices(len(table))
    margins = np.full((len(table), len(table)), np.nan)
    level = np.arange(len(table))
    for part in _chunks(len(first)):
        a, b = first[part, None], last[part, None]
        fires = (level >= a) & (level <= b)
        silent = (level < a - guard) | (level > b + guard)
        margins[first[part], last[part]] = pattern_margins(table, fires, silent)
    return margins


def _cut_twice(levels: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """First and last level of each band, once for each band and its complement.

    A band up to the last level is the complement of one from the first, and the band of all levels
    is no band: n (n − 1) / 2 remain, two cuts among n places around the circle of levels.
    """
    a, b = np.triu_indices(levels)
    return a[b < levels - 1], b[b < levels - 1]


def count_standing(margins: Floats, least: float) -> int:
    """Count the bands whose margin is finite and at least so much.

    Parameters
    ----------
    margins : ndarray, shape (n, n)
        From `band_margins`. Of its bands n (n − 1) / 2 differ by more than complement.
    least : float
        In the same units; compared with a tolerance of 1e-9, to which margins are exact.

    Returns
    -------
    int

    Examples
    --------
    >>> count_standing(band_margins([[0.0], [0.5], [1.0]]), 0.25)
    2
    """
    found = margins[_cut_twice(len(margins))]
    return int(np.count_nonzero(np.isfinite(found) & (found >= least - 1e-9)))


def band_table(margins: Mapping[str, Floats]) -> pd.DataFrame:
    """Count, for each map, the bands that one neuron makes.

    Parameters
    ----------
    margins : mapping of str to ndarray, shape (256, 256)
        From `band_margins` of the 8-bit colours.

    Returns
    -------
    DataFrame
        ``colormap``; ``thresholds`` made (bands from level 0, one change) and ``bands`` made (two
        changes); ``narrower``: thresholds whose margin is below that of 256 gray levels copied
        three times; ``at_least_1`` and ``at_least_4``: how many of all bands have a margin ≥ 1/255
        and ≥ 4/255; ``widest``: the greatest margin, and ``widest_step``: the greatest distance of
        neighbouring colours, both in units of 1/255. No margin exceeds half a step.
    """
    rows = []
    for name, table in margins.items():
        a, b = _cut_twice(len(table))
        made, copied = table[a, b] > 0, math.sqrt(3) / 2 / 255
        steps = np.linalg.norm(np.diff(lut8(name).astype(float), axis=0), axis=1)
        rows.append(
            {
                "colormap": name,
                "thresholds": int(made[a == 0].sum()),
                "bands": int(made[a > 0].sum()),
                "narrower": int((table[a, b][a == 0] < copied - 1e-9).sum()),
                "at_least_1": count_standing(table, 1 / 255),
                "at_least_4": count_standing(table, 4 / 255),
                "widest": float(table[a, b].max() * 255),
                "widest_step": float(steps.max()),
            }
        )
    return pd.DataFrame(rows)


def guard_table(margins: Mapping[str, Floats], guards: Sequence[int]) -> pd.DataFrame:
    """Count the bands that stand if the neuron may do as it likes near their edges.

    Parameters
    ----------
    margins : mapping of str to ndarray, shape (256, 256)
        From `band_margins` of the 8-bit colours, for guard 0.
    guards : sequence of int
        Levels beside each edge, outside the band, that do not count.

    Returns
    -------
    DataFrame
        ``colormap``, ``guard``, ``least`` (margin in units of 1/255: 1 and 4), ``bands`` that have
        it, ``of`` so many with levels on both sides that must be silent.
    """
    rows = []
    for name, unguarded in tqdm(margins.items(), "guards", disable=None):
        for guard in guards:
            table = band_margins(lut8(name) / 255, guard) if guard else unguarded
            a, b = np.triu_indices(len(table))
            found = table[a, b][(a > guard) & (b < len(table) - 1 - guard)]
            rows += [
                (name, guard, least, int((found >= least / 255 - 1e-9).sum()), len(found))
                for least in (1, 4)
            ]
    return pd.DataFrame(rows, columns=["colormap", "guard", "least", "bands", "of"])


def separating_plane(colours: ArrayLike, fires: ArrayLike) -> Plane | None:
    """Find the neuron that makes a pattern with the largest margin.

    Parameters
    ----------
    colours : array_like, shape (n, 1…3)
        In [0, 1].
    fires : array_like of bool, shape (n,)
        The pattern; it must neither fire everywhere nor nowhere.

    Returns
    -------
    Plane or None
        None if no plane separates.

    Examples
    --------
    >>> separating_plane([[0, 0, 0], [1, 0, 0]], [False, True]).margin
    0.5
    """
    table, pattern = _padded(colours), np.asarray(fires, bool)
    distance, normals = _hull_distances(table, pattern[None], ~pattern[None])
    if distance[0] <= 0:
        return None
    normal = normals[0] / np.linalg.norm(normals[0])
    inner, outer = (table[pattern] @ normal).min(), (table[~pattern] @ normal).max()
    return Plane(normal, float(-(inner + outer) / 2), float(distance[0] / 2))


def attempt(colours: ArrayLike, fires: ArrayLike) -> Plane:
    """Return the best-margin neuron for a pattern or, where there is none, a least-squares attempt.

    Parameters
    ----------
    colours : array_like, shape (n, 1…3)
    fires : array_like of bool, shape (n,)

    Returns
    -------
    Plane
        Its margin is 0 if the pattern cannot be made.
    """
    plane = separating_plane(colours, fires)
    if plane is not None:
        return plane
    table, pattern = _padded(colours), np.asarray(fires, bool)
    design = np.column_stack([table, np.ones(len(table))])
    solution = np.linalg.lstsq(design, np.where(pattern, 1.0, -1.0), rcond=None)[0]
    length = np.linalg.norm(solution[:3]) or 1.0
    return Plane(solution[:3] / length, float(solution[3] / length), 0.0)


def pattern_margins(colours: ArrayLike, fires: Bools, silent: Bools | None = None) -> Floats:
    """Find the best margins of many patterns on the same colours.

    Parameters
    ----------
    colours : array_like, shape (n, 1…3)
        In [0, 1].
    fires : ndarray of bool, shape (patterns, n)
        Which levels make the neuron fire.
    silent : ndarray of bool, shape (patterns, n), optional
        Which ones must not; the rest by default.

    Returns
    -------
    ndarray of float64, shape (patterns,)
        Half the distance of the hulls, exact to 1e-9; 0 where no plane separates; infinite where
        no level must fire, or none be silent.

    Notes
    -----
    The colours of an 8-bit table are integers over 255, and on those every comparison that the
    search makes is exact. Their margins are zero or at least ``1 / (2 · 255 · 3 · 255²)``, about
    1e-8, so that a positive result proves that a plane exists.
    """
    table = _padded(colours)
    others = ~fires if silent is None else silent
    margins = np.full(len(fires), np.inf)
    real = np.flatnonzero(fires.any(1) & others.any(1))
    for part in _chunks(len(real)):
        rows = real[part]
        margins[rows] = _hull_distances(table, fires[rows], others[rows])[0] / 2
    return margins


def _chunks(size: int, step: int = 4096) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, size, step))


def _dot(u: Floats, v: Floats) -> Floats:
    return np.asarray(np.einsum("bi,bi->b", u, v))


def _cross(u: Floats, v: Floats) -> Floats:
    """As `numpy.cross` for rows of three, at a fraction of its overhead."""
    result = np.empty_like(u)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[:, i] = u[:, j] * v[:, k] - u[:, k] * v[:, j]
    return result


def _hull_distances(table: Floats, fires: Bools, silent: Bools) -> tuple[Floats, Floats]:
    """Distances between the hulls of two sets of colours, and the directions between them.

    Gilbert, Johnson and Keerthi's descent (1988) for all pairs of sets at once. The difference of
    the hulls is a polytope; its point nearest the origin is looked for among simplices of its
    vertices. The direction d to the nearest point of the current simplex bounds the distance from
    below by ``min d·y / |d|`` over all vertices y, and the search ends when this meets the distance
    from above. Directions are kept as unnormalised cross products: on bytes these are integers that
    float64 holds exactly, and the two bounds meet exactly.
    """
    scaled = table * 255
    bytes_ = bool(np.abs(scaled - np.rint(scaled)).max() < 1e-9 and np.abs(scaled).max() <= 255)
    unit, points, slack = (255.0, np.rint(scaled), 0.0) if bytes_ else (1.0, table, 4e-15)
    active = np.arange(len(fires))
    distance, direction = np.zeros(len(fires)), np.zeros((len(fires), 3))
    start = points[fires.argmax(1)] - points[silent.argmax(1)]
    state = _Simplices(np.zeros((len(fires), 3, 3)), np.zeros(len(fires), int), start, start)
    state = state.extended(start, slack)
    for _ in range(500):
        score = state.normal @ points.T
        vertex = points[np.where(fires, score, np.inf).argmin(1)]
        vertex = vertex - points[np.where(silent, score, -np.inf).argmax(1)]
        above, below = _dot(state.normal, state.nearest), _dot(state.normal, vertex)
        length = np.sqrt(_dot(state.normal, state.normal))
        done = (above - below <= 100 * slack * length) | (above <= 100 * slack * length)
        safe = np.where(length[done] > 0, length[done], 1)
        distance[active[done]] = np.maximum(below[done], 0) / safe / unit
        direction[active[done]] = state.normal[done]
        if done.all():
            return distance, direction
        active, fires, silent = active[~done], fires[~done], silent[~done]
        state = state.kept(~done).extended(vertex[~done], slack)
    raise ArithmeticError(f"{len(active)} hull distances did not converge")


#: Which of the three old vertices stay beside the new one.
_FACES = [face for size in range(4) for face in combinations(range(3), size)]


@dataclass(frozen=True)
class _Simplices:
    """One simplex of up to three vertices for each pair of hulls, and its point nearest the origin.

    ``vertices`` (b, 3, 3) of which the first ``size`` (b,) count; ``normal`` (b, 3) points along
    the nearest point, whose distance is ``normal · nearest / |normal|`` for any vertex ``nearest``.
    """

    vertices: Floats
    size: NDArray[np.int_]
    normal: Floats
    nearest: Floats

    def kept(self, rows: Bools) -> _Simplices:
        return _Simplices(
            self.vertices[rows], self.size[rows], self.normal[rows], self.nearest[rows]
        )

    def extended(self, new: Floats, slack: float) -> _Simplices:
        """Add a vertex to each, and keep of it the face that holds the point nearest the origin."""
        best, choice, normal = _dot(new, new), np.zeros(len(new), int), new.copy()
        for index, face in enumerate(_FACES[1:], start=1):
            inside, square, towards = _nearest(new, self.vertices[:, face], slack)
            better = inside & (self.size > face[-1]) & (square < best)
            best, choice = np.where(better, square, best), np.where(better, index, choice)
            normal = np.where(better[:, None], towards, normal)
        vertices, size = np.zeros_like(self.vertices), np.ones(len(new), int)
        for index, face in enumerate(_FACES):
            rows = np.flatnonzero((choice == index) & (len(face) < 3))
            vertices[rows, 0] = new[rows]
            for place, old in enumerate(face[:2], start=1):
                vertices[rows, place] = self.vertices[rows, old]
            size[rows] = 1 + len(face)
        return _Simplices(vertices, size, normal, new)


def _nearest(new: Floats, old: Floats, slack: float) -> tuple[Bools, Floats, Floats]:
    """Nearest point to the origin on the affine hull of ``new`` and one to three old vertices.

    Returns whether it lies within their simplex, its squared distance, and a vector along it: zero
    where the origin itself lies within.
    """
    a = old[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        if old.shape[1] == 1:
            edge = a - new
            inside = (_dot(new, edge) < 0) & (_dot(a, edge) > 0)
            towards = _cross(edge, _cross(new, edge))
            return inside, _dot(towards, new) / _dot(edge, edge), towards
        b = old[:, 1]
        if old.shape[1] == 2:
            normal = _cross(a - new, b - new)
            weights = (_cross(a, b), _cross(b, new), _cross(new, a))
            inside = np.logical_and.reduce([_dot(normal, weight) > 0 for weight in weights])
            height = _dot(normal, new)
            return inside, height**2 / _dot(normal, normal), normal * np.sign(height)[:, None]
    c = old[:, 2]
    volumes = np.stack(
        [
            _dot(a, _cross(b, c)),
            -_dot(new, _cross(b, c)),
            -_dot(new, _cross(c, a)),
            -_dot(new, _cross(a, b)),
        ]
    )
    same = (volumes > 0).all(0) | (volumes < 0).all(0)
    return same & (np.abs(volumes.sum(0)) > slack), np.zeros(len(new)), np.zeros_like(new)


# --- The same without colour: hidden gray neurons -----------------------------------------------


def changes(patterns: ArrayLike) -> NDArray[np.int_]:
    """Count the neighbouring levels between which a pattern changes.

    Parameters
    ----------
    patterns : array_like of bool, shape (…, n)

    Returns
    -------
    ndarray of int, shape (…)

    Examples
    --------
    >>> int(changes([False, True, True, False]))
    2
    """
    array = np.asarray(patterns, bool)
    return np.asarray((array[..., 1:] != array[..., :-1]).sum(-1))


@dataclass(frozen=True)
class Staircase:
    """Step neurons on the level, and one step neuron on their outputs.

    Attributes
    ----------
    thresholds : ndarray of int, shape (m,)
        Hidden neuron j fires on levels ≥ ``thresholds[j]``.
    weights : ndarray of float64, shape (m,)
        Of the output neuron.
    bias : float
    """

    thresholds: NDArray[np.int_]
    weights: Floats
    bias: float

    def __call__(self, levels: ArrayLike) -> Bools:
        """Whether the net fires, for levels of any shape."""
        hidden = np.asarray(levels)[..., None] >= self.thresholds
        return np.asarray(hidden @ self.weights + self.bias >= 0)


def hidden_staircase(pattern: ArrayLike) -> Staircase:
    """Build the net of k hidden gray neurons that makes a pattern with k changes.

    One neuron starts to fire at each change; the output adds and subtracts them in turn, so that
    its input goes up and down between −½ and ½.

    Parameters
    ----------
    pattern : array_like of bool, shape (n,)

    Returns
    -------
    Staircase

    Examples
    --------
    >>> net = hidden_staircase([True, False, False, True])
    >>> len(net.thresholds), net([0, 1, 2, 3]).tolist()
    (2, [True, False, False, True])
    """
    fires = np.asarray(pattern, bool)
    thresholds = np.flatnonzero(fires[1:] != fires[:-1]) + 1
    weights = np.where(fires[thresholds], 1.0, -1.0)
    return Staircase(thresholds, weights, 0.5 if fires[0] else -0.5)


def threshold_functions(inputs: int) -> Bools:
    """All functions of a few bits that one step neuron computes.

    Parameters
    ----------
    inputs : int
        At most 4: integer weights up to 3 are then enough (1,882 functions of 4 bits; Muroga,
        1971).

    Returns
    -------
    ndarray of bool, shape (functions, 2 ** inputs)
        Outputs for the inputs 0, 1, …, read as binary numbers.

    Raises
    ------
    ValueError
        For more than 4 inputs.

    Examples
    --------
    >>> len(threshold_functions(2))  # all 16 but XOR and its complement
    14
    """
    if not 0 <= inputs <= 4:
        raise ValueError(f"0 to 4 inputs, not {inputs}")
    bits = (np.arange(2**inputs)[:, None] >> np.arange(inputs)) & 1
    weights = np.array(list(product(range(-3, 4), repeat=inputs)), np.int64)
    sums = weights @ bits.T
    cuts = np.arange(-3 * inputs, 3 * inputs + 2)
    return np.unique((sums[:, None] >= cuts[:, None]).reshape(-1, 2**inputs), axis=0)


def least_widths(levels: int = 6, widest: int = 4) -> NDArray[np.int_]:
    """Find by exhaustion how many hidden gray neurons each pattern needs.

    Every choice of hidden step neurons (with repetition, either orientation) under every step
    neuron on their outputs.

    Parameters
    ----------
    levels : int
        Number of levels, 2 to 8.
    widest : int
        Largest hidden layer tried, at most 4.

    Returns
    -------
    ndarray of int, shape (2 ** levels,)
        Least width of the pattern whose bit t says whether level t fires; ``widest + 1`` where no
        net so wide makes it.

    Examples
    --------
    >>> least_widths(2, 1).tolist()
    [0, 1, 1, 0]
    """
    rising = np.arange(levels) >= np.arange(levels + 1)[:, None]
    hidden = np.unique(np.concatenate([rising, ~rising]), axis=0)
    place = 1 << np.arange(levels)
    least = np.full(2**levels, widest + 1)
    for width in range(widest, -1, -1):
        outputs = threshold_functions(width)
        for chosen in combinations_with_replacement(range(len(hidden)), width):
            code = (hidden[list(chosen)] << np.arange(width)[:, None]).sum(0)
            least[np.unique(outputs[:, code] @ place)] = width
    return least


def width_search(levels: int = 6, widest: int = 4) -> pd.DataFrame:
    """Share of the patterns with k changes that m hidden gray neurons make.

    Parameters
    ----------
    levels, widest : int
        As for `least_widths`.

    Returns
    -------
    DataFrame
        ``changes``, ``width``, ``patterns`` (with so many changes), ``made`` (by so many hidden
        neurons or fewer).
    """
    least = least_widths(levels, widest)
    patterns = (np.arange(2**levels)[:, None] >> np.arange(levels)) & 1
    count = changes(patterns)
    rows = [
        {
            "changes": k,
            "width": m,
            "patterns": int((count == k).sum()),
            "made": int(((count == k) & (least <= m)).sum()),
        }
        for k in range(levels)
        for m in range(widest + 1)
    ]
    return pd.DataFrame(rows)


def plane_patterns(table: NDArray[np.integer], planes: int, seed: int) -> Bools:
    """Patterns that random planes through three of the colours make.

    Parameters
    ----------
    table : ndarray of int, shape (n, 3)
        A colormap's bytes, or finer integers up to 100,000.
    planes : int
        How many triples of levels are drawn.
    seed : int

    Returns
    -------
    ndarray of bool, shape (patterns, n)
        The distinct patterns, up to complement (level 0 is silent). The arithmetic is exact:
        the plane is moved by half a unit off its three points, so that no colour lies on it.
    """
    points = table.astype(np.int64)
    triples = np.random.default_rng(seed).integers(len(points), size=(planes, 3))
    found = []
    for part in _chunks(planes, 20_000):
        p, q, r = (points[triples[part, i]] for i in range(3))
        normal = np.cross(q - p, r - p)
        normal = normal[normal.any(1)]
        offset = (normal * p[np.cross(q - p, r - p).any(1)]).sum(1)
        fires = (normal.astype(np.float64) @ points.T.astype(np.float64)) >= offset[:, None]
        found.append(np.packbits(fires ^ fires[:, :1], axis=1))
    packed = np.unique(np.concatenate(found), axis=0)
    return np.unpackbits(packed, axis=1, count=len(points)).astype(bool)


def changes_against_margin(colormaps: Sequence[str], planes: int, seed: int) -> pd.DataFrame:
    """Best margins of the patterns that random planes make, by their number of changes.

    Parameters
    ----------
    colormaps : sequence of str
    planes, seed : int
        As for `plane_patterns`.

    Returns
    -------
    DataFrame
        ``colormap``, ``changes``, ``patterns`` found with so many, and the ``median`` and the
        ``greatest`` of their margins, in units of 1/255.
    """
    frames = []
    for name in tqdm(colormaps, "planes", disable=None):
        patterns = plane_patterns(lut8(name), planes, seed)
        patterns = patterns[patterns.any(1)]
        frame = pd.DataFrame(
            {"changes": changes(patterns), "margin": pattern_margins(lut8(name) / 255, patterns)}
        )
        frame["margin"] *= 255
        table = frame.groupby("changes").margin.agg(["size", "median", "max"]).reset_index()
        table.columns = pd.Index(["changes", "patterns", "median", "greatest"])
        frames.append(table.assign(colormap=name))
    columns = ["colormap", "changes", "patterns", "median", "greatest"]
    return pd.concat(frames, ignore_index=True)[columns]


def ripple(name: str, planes: int, seed: int, scale: int = 100_000) -> pd.DataFrame:
    """Compare the changes that planes make on a colormap's bytes and on its unrounded colours.

    Parameters
    ----------
    name : str
        A matplotlib colormap.
    planes, seed : int
        As for `plane_patterns`.
    scale : int
        The unrounded colours are taken to one part in so many.

    Returns
    -------
    DataFrame
        Rows ``"bytes"`` and ``"unrounded"``; columns ``median`` and ``most``.
    """
    fine = np.rint(lut(name) * scale).astype(np.int64)
    counts = {
        "bytes": changes(plane_patterns(lut8(name), planes, seed)),
        "unrounded": changes(plane_patterns(fine, planes, seed)),
    }
    rows = {
        kind: {"median": float(np.median(k)) if k.size else 0.0, "most": int(k.max(initial=0))}
        for kind, k in counts.items()
    }
    return pd.DataFrame(rows).T


# --- Learning it --------------------------------------------------------------------------------


def encoding(name: str) -> Floats:
    """Colours in [0, 1] that the neuron sees for the 256 levels.

    Parameters
    ----------
    name : str
        ``"gray"``: the level itself, one channel. ``"gray3"``: the level three times. Otherwise a
        colormap's bytes.

    Returns
    -------
    ndarray of float64, shape (256, 1 or 3)

    Examples
    --------
    >>> encoding("gray").shape, encoding("gray3").shape
    ((256, 1), (256, 3))
    """
    if name in ("gray", "gray3"):
        return lut8_rounded("gray")[:, : 1 if name == "gray" else 3] / 255
    return lut8(name) / 255


def best_agreement(table: NDArray[np.uint8], targets: Bools) -> pd.DataFrame:
    """Bound how many levels one neuron can get right, over all neurons.

    A best plane can be moved, without crossing a colour, until it touches three of them. So the
    planes through three colours are swept, and the colours *on* a plane are taken to be right: an
    upper bound. The best planes are then checked by `pattern_margins`, which proves that the
    pattern can be made: a lower bound.

    Parameters
    ----------
    table : ndarray of uint8, shape (n, 1…3)
        Colour of each level.
    targets : ndarray of bool, shape (targets, n)

    Returns
    -------
    DataFrame
        A row for each target: ``lower`` and ``upper`` number of levels. Where they agree, which is
        nearly always, the optimum is exact.

    Examples
    --------
    >>> levels = np.array([[0], [1], [2]], np.uint8)
    >>> best_agreement(levels, np.array([[True, False, True]]))
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

    Returns rows ``(bound, i, j, k)``: k is a third point on the plane, and the bound is the sum of
    the votes on their right sides, with all colours on the plane taken to be right.
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


@dataclass(frozen=True)
class _Task:
    """Training tasks side by side: inputs (m, n, 4) with a last one, labels (m, n), seeds (m,)."""

    inputs: Floats
    fires: Bools
    seeds: NDArray[np.int_]

    def kept(self, rows: Bools) -> _Task:
        return _Task(self.inputs[rows], self.fires[rows], self.seeds[rows])

    def shuffled(self, epoch: int) -> _Task:
        """Put the levels in the order that each seed has in an epoch."""
        orders = {
            int(seed): np.random.default_rng([int(seed), 1, epoch]).permutation(self.fires.shape[1])
            for seed in np.unique(self.seeds)
        }
        order = np.stack([orders[int(seed)] for seed in self.seeds])
        inputs = np.take_along_axis(self.inputs, order[:, :, None], axis=1)
        return _Task(inputs, np.take_along_axis(self.fires, order, axis=1), self.seeds)

    def accuracy(self, weights: Floats) -> Floats:
        fired = np.einsum("mnc,mc->mn", self.inputs, weights) >= 0
        return np.asarray((fired == self.fires).mean(1))


def _scaled(colours: Floats) -> Floats:
    """Colours from [0, 1] to [−1, 1], as images are fed; with zeros to three channels, and a 1."""
    centred = np.pad(2 * colours - 1, ((0, 0), (0, 3 - colours.shape[1])))
    return np.column_stack([centred, np.ones(len(centred))])


def _logistic_epoch(weights: Floats, task: _Task, rate: float = 1.0, batch: int = 32) -> None:
    """One pass of stochastic gradient descent on the mean logistic loss, in place."""
    for start in range(0, task.fires.shape[1], batch):
        x = task.inputs[:, start : start + batch]
        wanted = task.fires[:, start : start + batch]
        expected = 0.5 + 0.5 * np.tanh(np.einsum("mbc,mc->mb", x, weights) / 2)
        weights -= rate / x.shape[1] * np.einsum("mbc,mb->mc", x, expected - wanted)


def _perceptron_epoch(weights: Floats, task: _Task) -> NDArray[np.int_]:
    """One pass of Rosenblatt's rule, in place; returns the mistakes of each task."""
    mistakes = np.zeros(len(weights), int)
    signed = task.inputs * np.where(task.fires, 1.0, -1.0)[:, :, None]
    for x, sign_x, wanted in zip(
        np.ascontiguousarray(task.inputs.transpose(1, 0, 2)),
        np.ascontiguousarray(signed.transpose(1, 0, 2)),
        task.fires.T,
        strict=True,
    ):
        wrong = (np.einsum("mc,mc->m", x, weights) >= 0) != wanted
        weights += sign_x * wrong[:, None]
        mistakes += wrong
    return mistakes


def recorded_epochs(epochs: int) -> tuple[int, ...]:
    """Epochs at which accuracy is recorded: 1, 2, 5, 10, … and the last.

    Examples
    --------
    >>> recorded_epochs(60)
    (1, 2, 5, 10, 20, 50, 60)
    """
    steps = {m * 10**e for e in range(len(str(epochs))) for m in (1, 2, 5)}
    return tuple(sorted({step for step in steps if step < epochs} | {epochs}))


def train(encodings: Sequence[str], settings: Settings, seed: int) -> pd.DataFrame:
    """Train a logistic regression and a perceptron on one pixel, for every target and encoding.

    Both see the 256 levels once an epoch, in an order that the seed gives; inputs are scaled to
    [−1, 1]. Logistic regression: stochastic gradient descent, batches of 32, rate 1, normal
    initial weights. Perceptron: Rosenblatt's rule from zero; the best weights so far count
    ("pocket", Gallant 1990), since it never rests where no plane separates. Seeds are paired:
    each encoding meets the same initial weights and orders.

    Parameters
    ----------
    encodings : sequence of str
        As `encoding` takes.
    settings : Settings
        How many ``seeds`` and ``epochs``.
    seed : int
        The first seed.

    Returns
    -------
    DataFrame
        ``learner``, ``encoding``, ``target``, ``seed``, ``epoch``, ``accuracy`` (share of the 256
        levels on which the step neuron is right).
    """
    cells = list(product(encodings, TARGETS, range(seed, seed + settings.seeds)))
    pixels = {name: _scaled(encoding(name)) for name in encodings}
    task = _Task(
        np.stack([pixels[name] for name, _, _ in cells]),
        np.stack([TARGETS[target] for _, target, _ in cells]),
        np.array([one for _, _, one in cells]),
    )
    initial = [np.random.default_rng([one, 0]).normal(size=4) for _, _, one in cells]
    logistic, perceptron = np.stack(initial), np.zeros((len(cells), 4))
    pocket = np.zeros(len(cells))
    resting = np.zeros(len(cells), bool)
    frames = []
    known = pd.DataFrame(cells, columns=["encoding", "target", "seed"])
    recorded = set(recorded_epochs(settings.epochs))
    for epoch in tqdm(range(1, settings.epochs + 1), "training", disable=None):
        presented = task.shuffled(epoch)
        _logistic_epoch(logistic, presented)
        moving = np.flatnonzero(~resting)
        if len(moving):
            updated = perceptron[moving]
            resting[moving] = _perceptron_epoch(updated, presented.kept(~resting)) == 0
            perceptron[moving] = updated
        pocket = np.maximum(pocket, task.accuracy(perceptron))
        if epoch in recorded:
            for learner, found in (
                ("logistic regression", task.accuracy(logistic)),
                ("perceptron", pocket),
            ):
                frames.append(known.assign(learner=learner, epoch=epoch, accuracy=found))
    columns = ["learner", "encoding", "target", "seed", "epoch", "accuracy"]
    return pd.concat(frames, ignore_index=True)[columns]


def colour_gains(trained: pd.DataFrame, colormap: str, seed: int) -> pd.DataFrame:
    """Accuracy that a colormap gains over gray copied three times, after the last epoch.

    Parameters
    ----------
    trained : DataFrame
        From `train`, with both encodings.
    colormap : str
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each learner and target: ``gain`` with ``low`` and ``high``, the 95 % bootstrap
        interval of the mean paired difference, widened (Bonferroni) to hold for all rows together.
    """
    last = trained[trained.epoch == trained.epoch.max()]
    score = last.set_index(["learner", "target", "encoding", "seed"]).accuracy.sort_index()
    cells = list(product(last.learner.unique(), TARGETS))
    level = 1 - 0.05 / len(cells)
    rows = []
    for learner, target in cells:
        a, b = (score[learner, target, name].to_numpy() for name in (colormap, "gray3"))
        found = paired_difference(a, b, seed, level)
        rows.append((learner, target, found.estimate, found.low, found.high))
    return pd.DataFrame(rows, columns=["learner", "target", "gain", "low", "high"])


def mistakes_against_margin(
    table: NDArray[np.uint8], settings: Settings, seed: int, runs: int = 3
) -> pd.DataFrame:
    """Let perceptrons learn bands of many margins, and count their mistakes.

    Parameters
    ----------
    table : ndarray of uint8, shape (256, 3)
        A colormap's bytes.
    settings : Settings
        How many ``bands`` and at most how many ``epochs``.
    seed : int
    runs : int
        Orders of presentation for each band.

    Returns
    -------
    DataFrame
        ``a``, ``b``, ``margin`` (colours in [0, 1]), ``seed``, ``mistakes``, ``learned`` (whether
        an epoch without a mistake came), ``bound``: Novikoff's (1962) on the mistakes,
        ``R² / γ²`` for inputs of length R and a plane through their origin with margin γ. Empty
        if the map makes no band.
    """
    bands = _spread_bands(band_margins(table / 255), settings.bands)
    cells = [(a, b, one) for a, b in bands for one in range(seed, seed + runs)]
    columns = ["a", "b", "seed"]
    if not cells:
        return pd.DataFrame(columns=[*columns, "margin", "bound", "mistakes", "learned"])
    fires = np.stack([_band(a, b) for a, b, _ in cells])
    pixels = _scaled(table / 255)
    seeds = np.array([one for _, _, one in cells])
    mistakes, learned = _learn(_Task(np.stack([pixels] * len(cells)), fires, seeds), settings)
    frame = pd.DataFrame(cells, columns=columns)
    planes = [separating_plane(table / 255, pattern) for pattern in fires]
    frame["margin"] = [plane.margin if plane else 0.0 for plane in planes]
    frame["bound"] = [_novikoff(plane, pixels) if plane else math.inf for plane in planes]
    return frame.assign(mistakes=mistakes, learned=learned)


def _band(a: int, b: int) -> Bools:
    return np.asarray((a <= _LEVEL) & (b >= _LEVEL))


def _spread_bands(margins: Floats, count: int) -> list[tuple[int, int]]:
    """Bands that touch neither end, their margins spread evenly over the logarithm."""
    a, b = np.triu_indices(len(margins))
    real = (a > 0) & (b < len(margins) - 1) & (margins[a, b] > 1e-4 / 255)
    a, b = a[real], b[real]
    if not len(a):
        return []
    order = np.argsort(margins[a, b], kind="stable")
    logs = np.log(margins[a, b][order])
    at = np.minimum(np.searchsorted(logs, np.linspace(logs[0], logs[-1], count)), len(logs) - 1)
    return [(int(a[i]), int(b[i])) for i in order[np.unique(at)]]


def _learn(task: _Task, settings: Settings) -> tuple[NDArray[np.int_], Bools]:
    """Train perceptrons until an epoch without a mistake, or the last: mistakes, and whether."""
    mistakes = np.zeros(len(task.seeds), int)
    active, weights = np.arange(len(mistakes)), np.zeros((len(mistakes), 4))
    for epoch in tqdm(range(1, settings.epochs + 1), "mistakes", disable=None):
        made = _perceptron_epoch(weights, task.shuffled(epoch))
        mistakes[active] += made
        going = made > 0
        active, weights, task = active[going], weights[going], task.kept(going)
        if not len(active):
            break
    return mistakes, ~np.isin(np.arange(len(mistakes)), active)


def _novikoff(plane: Plane, pixels: Floats) -> float:
    """Bound on a perceptron's mistakes from a plane that separates the scaled pixels."""
    offset = float(plane.weights.sum()) + 2 * plane.bias
    margin = 2 * plane.margin / math.hypot(1.0, offset)
    return float((pixels**2).sum(1).max() / margin**2)


# --- Pictures' geometry, and verdicts -----------------------------------------------------------


def plane_polygon(plane: Plane) -> Floats:
    """Corners of the plane's cut through the RGB cube, in order around it.

    Parameters
    ----------
    plane : Plane

    Returns
    -------
    ndarray of float64, shape (0 or 3…6, 3)

    Examples
    --------
    >>> plane_polygon(Plane(np.array([0.0, 0.0, 1.0]), -0.5, 0.1)).shape
    (4, 3)
    """
    corners = np.array(list(product((0.0, 1.0), repeat=3)))
    heights = plane.response(corners)
    cuts = []
    for i, j in combinations(range(8), 2):
        if np.abs(corners[i] - corners[j]).sum() == 1 and (heights[i] >= 0) != (heights[j] >= 0):
            share = heights[i] / (heights[i] - heights[j])
            cuts.append(corners[i] + share * (corners[j] - corners[i]))
    if not cuts:
        return np.empty((0, 3))
    points = np.array(cuts)
    across = np.linalg.svd(plane.weights[None])[2][1:]
    around = (points - points.mean(0)) @ across.T
    return np.asarray(points[np.argsort(np.arctan2(around[:, 1], around[:, 0]))])


def grazing_azimuth(plane: Plane, elevation: float) -> int:
    """Azimuth, in degrees, from which a picture of the RGB cube shows the plane almost edge on.

    Parameters
    ----------
    plane : Plane
    elevation : float
        Of the camera, in degrees.

    Returns
    -------
    int
        A multiple of 5 between −80 and −10, so that the axes keep their usual places.

    Examples
    --------
    >>> grazing_azimuth(Plane(np.array([1.0, 0.0, 0.0]), -0.5, 0.1), 0.0)
    -80
    """
    azimuths = np.arange(-80, -5, 5)
    turn, rise = np.radians(azimuths), math.radians(elevation)
    towards = np.stack([np.cos(turn), np.sin(turn), np.full(len(turn), math.tan(rise))], axis=1)
    seen = np.abs(towards @ plane.weights) * math.cos(rise)
    return int(azimuths[np.abs(seen - 0.2).argmin()])


def verdict_high_or_low(bands: Mapping[str, int]) -> str:
    """Judge claim A5 by the number of true bands (two changes) that one neuron makes on each map.

    ``"holds"`` if gray makes none and every other map makes some; ``"holds with limits"`` if only
    some do; ``"fails"`` if none does, or gray makes them as well.

    Examples
    --------
    >>> verdict_high_or_low({"gray": 0, "viridis": 9})
    'holds'
    """
    coloured = [count > 0 for name, count in bands.items() if name != "gray"]
    if bands["gray"] > 0 or not any(coloured):
        return "fails"
    return "holds" if all(coloured) else "holds with limits"


def verdict_width(search: pd.DataFrame) -> str:
    """Judge claim A6 by the exhaustive search of hidden gray layers.

    ``"holds"`` if as many hidden neurons as changes always make the pattern; ``"holds with
    limits"`` if they make some; ``"fails"`` if no pattern with two changes is ever made.

    Examples
    --------
    >>> verdict_width(width_search(4, 3))
    'holds'
    """
    enough = search[(search.width >= search.changes) & (search.changes >= 2)]
    if (enough.made == enough.patterns).all():
        return "holds"
    return "holds with limits" if (enough.made > 0).any() else "fails"


def verdict_duplication(gray: int, copied: int, grown: bool) -> str:
    """Judge claim D1 for one pixel: patterns of gray, of gray copied, and whether growing works.

    ``"holds"`` if copying adds patterns and growing does; ``"holds with limits"`` if one of them
    does; ``"fails"`` if neither.

    Examples
    --------
    >>> verdict_duplication(512, 512, grown=True)
    'holds with limits'
    """
    works = (copied > gray) + grown
    return ("fails", "holds with limits", "holds")[works]


def verdict_redundancy(gray: int, copied: int, table: pd.DataFrame) -> str:
    """Judge claim Q6 for one neuron: equal channels are redundant, colormaps are not.

    ``"holds"`` if copying the channel adds no pattern and every map with unequal channels does;
    ``"holds with limits"`` if some such maps add none; ``"fails"`` if copying adds patterns.

    Parameters
    ----------
    gray, copied : int
        Patterns of one gray channel and of three equal ones.
    table : DataFrame
        From `atlas`.
    """
    if copied > gray:
        return "fails"
    coloured = table[[bool(np.ptp(lut8(name), axis=1).any()) for name in table.colormap]]
    adding = coloured.patterns > coloured.threshold_patterns
    return "holds" if adding.all() else "holds with limits"


def verdict_limited_model(
    gray: int, patterns: Mapping[str, int], thresholds: Mapping[str, int], narrower: int
) -> str:
    """Judge claim A9: under this model colour is better than gray.

    ``"holds"`` if some map makes more patterns than gray, all of gray's among them, and none with a
    narrower margin; ``"holds with limits"`` if it only makes more; ``"fails"`` if no map does.

    Parameters
    ----------
    gray : int
        Patterns on gray.
    patterns, thresholds : mapping of str to int
        For each map: all patterns, and how many of gray's 255 thresholds.
    narrower : int
        Least number of thresholds, over the maps that keep all, whose margin is below gray's.

    Examples
    --------
    >>> verdict_limited_model(512, {"turbo": 5_000_000}, {"turbo": 255}, narrower=3)
    'holds with limits'
    """
    more = [name for name, count in patterns.items() if count > gray]
    if not more:
        return "fails"
    complete = any(thresholds[name] == LEVELS - 1 for name in more)
    return "holds" if complete and narrower == 0 else "holds with limits"
