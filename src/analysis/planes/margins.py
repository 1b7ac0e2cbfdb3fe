"""Margins: how far a plane that makes a pattern can stay from the nearest level's colour.

Gilbert, Johnson and Keerthi's descent, for thousands of patterns at once; exact on bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """A step neuron ``H(weights · colour + bias)`` on colours in [0, 1].

    `weights`, shape (3,), is the plane's unit normal; `margin` the least distance of a colour from
    the plane on its right side, 0 if some are on the wrong one.
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
    """Best margin with which one neuron fires exactly on the levels a…b, ``0 ≤ a ≤ b < n``.

    As `pattern_margins`; ValueError if the band is not within the levels.

    >>> band_margin([[0.0], [0.5], [1.0]], 2, 2), band_margin([[0.0], [0.5], [1.0]], 1, 1)
    (0.25, 0.0)
    """
    table = _padded(colours)
    if not 0 <= a <= b < len(table):
        raise ValueError(f"a band needs 0 ≤ a ≤ b < {len(table)}, not a = {a}, b = {b}")
    level = np.arange(len(table))
    return float(pattern_margins(table, ((level >= a) & (level <= b))[None])[0])


def band_margins(colours: ArrayLike, guard: int = 0) -> Floats:
    """Best margins of all bands at once: entry ``[a, b]`` of the result is that of the band a…b.

    Levels up to `guard` on either side of the band may fire or not. NaN below the diagonal;
    infinite where every level may fire.

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


def distinct_bands(levels: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """First and last level of each band, once for each band and its complement.

    A band up to the last level is the complement of one from the first, and the band of all levels
    is no band: n (n − 1) / 2 remain, two cuts among n places around the circle of levels.
    """
    a, b = np.triu_indices(levels)
    return a[b < levels - 1], b[b < levels - 1]


def count_standing(margins: Floats, least: float) -> int:
    """Count the `distinct_bands` whose margin is finite and at least so much, up to 1e-9.

    >>> count_standing(band_margins([[0.0], [0.5], [1.0]]), 0.25)
    2
    """
    found = margins[distinct_bands(len(margins))]
    return int(np.count_nonzero(np.isfinite(found) & (found >= least - 1e-9)))


def separating_plane(colours: ArrayLike, fires: ArrayLike) -> Plane | None:
    """Neuron that makes a pattern with the largest margin; None if no plane separates.

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
    """Best-margin neuron for a pattern or, where there is none, least squares with margin 0."""
    plane = separating_plane(colours, fires)
    if plane is not None:
        return plane
    table, pattern = _padded(colours), np.asarray(fires, bool)
    design = np.column_stack([table, np.ones(len(table))])
    solution = np.linalg.lstsq(design, np.where(pattern, 1.0, -1.0), rcond=None)[0]
    length = np.linalg.norm(solution[:3]) or 1.0
    return Plane(solution[:3] / length, float(solution[3] / length), 0.0)


def pattern_margins(colours: ArrayLike, fires: Bools, silent: Bools | None = None) -> Floats:
    """Best margins of many patterns on the same colours: half the distance of the convex hulls.

    `fires`, shape (patterns, n), are the levels that make the neuron fire, `silent` those that must
    not: by default the rest. Exact to 1e-9; 0 where no plane separates; infinite where no level
    must fire, or none be silent. On bytes over 255 every comparison is exact, and margins are zero
    or at least ``1 / (2 · 255 · 3 · 255²)``: a positive one proves that a plane exists.
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

    Gilbert, Johnson and Keerthi's descent (1988) for all pairs of sets at once. The direction d to
    the nearest point of the current simplex bounds the distance from below by ``min d·y / |d|``
    over all vertices y of the hulls' difference; the search ends when this meets the distance from
    above. Directions stay unnormalised cross products: on bytes these are integers that float64
    holds exactly, and the two bounds meet exactly.
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


def plane_polygon(plane: Plane) -> Floats:
    """Corners, shape (0 or 3…6, 3), of the plane's cut through the RGB cube, in order around it.

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
    """Azimuth, a multiple of 5° in −80…−10, from which a cube shows the plane almost edge on.

    >>> grazing_azimuth(Plane(np.array([1.0, 0.0, 0.0]), -0.5, 0.1), elevation=0.0)
    -80
    """
    azimuths = np.arange(-80, -5, 5)
    turn, rise = np.radians(azimuths), math.radians(elevation)
    towards = np.stack([np.cos(turn), np.sin(turn), np.full(len(turn), math.tan(rise))], axis=1)
    seen = np.abs(towards @ plane.weights) * math.cos(rise)
    return int(azimuths[np.abs(seen - 0.2).argmin()])
