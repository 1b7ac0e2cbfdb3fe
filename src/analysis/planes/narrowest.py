r"""The narrowest band: how wide the smallest margin over all bands can be, and on which curve.

A band of one level t is no further from the others than ``h``, the height of its colour over the
chord of its neighbours, and ``h ≤ √(l l') sin(θ / 2)`` with the steps l and l' to them and the
angle θ by which the curve turns there. Summed over the n levels of a closed polygon of length L
that turns by Θ in all, the Cauchy–Schwarz inequality leaves a margin of ``L Θ / 4 n²`` at most. It
is reached by circles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from analysis.colour import colormaps, curves
from analysis.colour.perception import perception
from analysis.planes.margins import band_margins, count_standing, distinct_bands, pattern_margins

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Narrowest:
    """The band a…b, or its complement, that has the smallest margin of all."""

    margin: float
    a: int
    b: int


def narrowest_band(colours: ArrayLike, longest: int | None = None) -> Narrowest:
    """Find the band with the smallest margin.

    With `longest`, only bands of so many levels are looked at: the narrowest band of a bent curve
    is a short one. A band of one level that has no margin ends the search.

    >>> round(narrowest_band([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]).margin, 9)
    0.353553391
    """
    table = np.asarray(colours, np.float64)
    level = np.arange(len(table))
    first, last = distinct_bands(len(table))
    for length in (longest or 1, longest or len(table)):
        some = last - first < length
        a, b = first[some], last[some]
        margins = pattern_margins(table, (level >= a[:, None]) & (level <= b[:, None]))
        least = int(margins.argmin())
        if longest or margins[least] == 0:
            break
    return Narrowest(float(margins[least]), int(a[least]), int(b[least]))


def on_bytes(names: Sequence[str]) -> pd.DataFrame:
    """Count what is left of the bands of colormaps in a file, a row each.

    ``narrowest``: smallest margin, exact colours; ``bound``: what these colours' length and turning
    allow; then, on the bytes that are saved: ``made`` bands, and ``robust`` ones, at 1/255.
    Margins in 1/255.
    """
    rows = []
    for name in names:
        table = colormaps.lut(name)
        saved = band_margins(colormaps.lut8(name) / 255)
        least, bound = narrowest_band(table).margin, turning_bound(table)
        made = int((saved[distinct_bands(len(saved))] > 0).sum())
        rows.append((name, 255 * least, 255 * bound, made, count_standing(saved, 1 / 255)))
    return pd.DataFrame(rows, columns=["encoding", "narrowest", "bound", "made", "robust"])


def rises(colours: ArrayLike, closed: bool = True) -> Floats:
    """Height of each colour over the line through its neighbours' colours.

    All n of a closed curve, the n − 2 inner ones of an open one.

    >>> rises([[0.0, 0, 0], [1, 1, 0], [2, 0, 0]], closed=False)
    array([1.])
    """
    points = np.asarray(colours, np.float64)
    if closed:
        points = np.concatenate([points[-1:], points, points[:1]])
    chord, leg = points[2:] - points[:-2], points[1:-1] - points[:-2]
    area = np.linalg.norm(np.cross(leg, chord), axis=1)
    return np.asarray(area / np.linalg.norm(chord, axis=1))


def turning_bound(colours: ArrayLike) -> float:
    """No map of these colours' length and turning has a larger smallest margin: ``L Θ / 4 n²``.

    >>> square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    >>> round(turning_bound(square) / math.pi, 6)
    0.125
    """
    points = np.asarray(colours, np.float64)
    steps = np.roll(points, -1, axis=0) - points
    length = np.linalg.norm(steps, axis=1)
    before, lengths = np.roll(steps, 1, axis=0), length * np.roll(length, 1)
    cosine = (steps * before).sum(1) / np.where(lengths > 0, lengths, 1)
    turning = np.arccos(np.clip(cosine, -1, 1))
    return float(length.sum() * turning.sum() / (4 * len(points) ** 2))


def order_bound(maxima: int, levels: int = colormaps.LEVELS) -> float:
    """Bound for all curves in the cube that have at most so many `maxima` in every direction.

    They turn by ``2π`` a maximum at most (Fáry, Milnor) and are no longer than 6 a maximum: planes
    cut them twice for each, and the mean width of the cube is 3/2 (Crofton).
    """
    return 3 * math.pi * maxima**2 / levels**2


def any_bound(levels: int = colormaps.LEVELS) -> float:
    """Bound for any colours in the unit cube, in any order.

    Of three colours in a thin tube the middle one is no further than the tube's diameter from the
    line between the others; of the tubes into which the cube is cut, one has three colours.

    >>> round(255 * any_bound(), 1)
    16.4
    """
    tubes = math.isqrt((levels - 1) // 2)
    return math.sqrt(2) / tubes / 2


def maxima(colours: ArrayLike, directions: int, seed: int) -> NDArray[np.intp]:
    """How many local maxima a closed curve has, going around, in each of some random directions."""
    points = np.asarray(colours, np.float64)
    normal = np.random.default_rng(seed).normal(size=(directions, points.shape[1]))
    height = normal @ points.T
    up = np.roll(height, -1, axis=1) > height
    return np.asarray((~up & np.roll(up, 1, axis=1)).sum(1))


def placed_best(
    curve: Floats, start: ArrayLike, evenness: float = 0.0, lightness: float = 0.0
) -> Floats:
    """Place a curve in the cube so that its colours rise most over their neighbours' chords.

    Parameters
    ----------
    curve : ndarray of float64, shape (n, 4)
        Coordinates of the levels; the first is 1. Closed, unless its lightness has to rise.
    start : array_like of float, shape (4, 3)
        Colours of the coordinates to begin with.
    evenness : float
        Least mean step over root mean square of the steps, in CAM02-UCS.
    lightness : float
        If not 0: lightness J' never falls, and rises by so much in all.

    Returns
    -------
    ndarray of float64, shape (4, 3)
        Colours of the coordinates: a local optimum, by sequential quadratic programming.
    """
    n, first = len(curve), np.asarray(start, np.float64)

    def slack(x: Floats) -> Floats:
        """Of each constraint: what is negative is not allowed."""
        points = curve @ x[:-1].reshape(4, 3)
        steps = np.diff(colormaps.jab(points), axis=0)
        sizes = np.linalg.norm(steps, axis=1)
        even = sizes.mean() / np.sqrt((sizes**2).mean())
        parts = [n**2 * rises(points, not lightness) - x[-1], np.array([50 * (even - evenness)])]
        parts += [(points - 0.001).ravel(), (0.999 - points).ravel()]
        if lightness:
            climb = np.array([(steps[:, 0].sum() - lightness) / 10])
            parts += [n / 1000 * steps[:, 0] - 0.01, climb]
        return np.concatenate(parts)

    def risen(x: Floats) -> float:
        return -float(x[-1])

    upwards = np.append(np.zeros(first.size), -1.0)
    how: dict[str, Any] = {
        "jac": lambda _: upwards,
        "constraints": {"type": "ineq", "fun": slack},
        "method": "SLSQP",
        "options": {"maxiter": 200, "ftol": 1e-6},
    }
    rng = np.random.default_rng(0)
    for nudge in (0.0, 0.01, 0.01, 0.02, 0.02):  # a start in a corner can leave no way to go
        begin = first + nudge * rng.normal(size=first.shape)
        least = n**2 * rises(curve @ begin, not lightness).min()
        with np.errstate(invalid="ignore"):  # far outside the cube colours look like nothing
            where = np.append(begin.ravel(), least)
            found = minimize(risen, where, **how)
            if found.success and slack(found.x).min() > -1e-5:
                return np.asarray(found.x[:-1].reshape(4, 3))
    raise ArithmeticError(f"no place found: {found.message}")


#: Where `trade_off` begins, and how much lightness has to rise.
STARTS: dict[str, tuple[Floats, float]] = {
    "wreath": (np.array([[0.5, 0.5, 0.5], [0, 0, -0.5], [0.5, 0, 0], [0, -0.5, 0]]), 0.0),
    "spire": (np.array([[0.5, 0.5, 0.5], [0, 0, 0.5], [-0.5, 0, 0], [1, 1, 0]]), 90.0),
}


def trade_off(evenness: Sequence[float], levels: int = 96) -> pd.DataFrame:
    """Smallest margins that were found for each demand on `evenness`.

    A row for each map of `STARTS`, its curve placed anew, and each demand: ``colormap``,
    ``uniformity`` and ``monotonicity`` (of lightness) as they came out, and the smallest ``margin``
    of 256 levels. The optimum is sought with fewer `levels`, from that of the nearest demand before
    it in the list.
    """
    rows = []
    for name, (start, lightness) in STARTS.items():
        curve = curves.PLACED[name][0]
        solved: dict[float, Floats] = {}
        for demand in evenness:
            begin = solved[min(solved, key=lambda d: abs(d - demand))] if solved else start
            solved[demand] = placed_best(curve(levels), begin, demand, lightness)
            table = curve(colormaps.LEVELS) @ solved[demand]
            seen = perception(ListedColormap(table))
            margin = narrowest_band(table, longest=3).margin
            rows.append((name, seen.uniformity, seen.monotonicity, margin))
    frame = pd.DataFrame(rows, columns=["colormap", "uniformity", "monotonicity", "margin"])
    return frame.sort_values(["colormap", "uniformity"], ignore_index=True)
