"""Colormaps as layers of ReLU neurons: exact members, certified fits, and what a net makes of them.

A *ReLU colormap* is a continuous piecewise-linear curve from level to colour,
``A t + c + sum_k v_k ReLU(t - tau_k)``; its *size* is the number of knots tau, shared by the
channels, and its *error* the largest absolute difference over levels and channels, in units of
1/255. `best_fit` and `fewest_knots` are optimal, and say why: each result carries a certificate.

How the search works. Fix a tolerance. In a tube of that radius about the curve, the values that a
vertex can take, knots given, form an interval in each channel, and the channels are independent:
a box. Boxes are carried from knot to knot by dynamic programming. Two things make it fast. First,
all segments of the tube are prepared at once by running minima (`_Tube`). Second, one box around
everything that reaches a level is a relaxation that costs no bookkeeping, and it already refutes
nearly every tolerance that is too small (`_Layers`); where it does not, the boxes themselves are
carried, pruned by what can still arrive at the end (`_trace`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from analysis.colour.colormaps import lut, lut8, lut8_rounded
from analysis.evidence.statistics import Interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Colours are worked out in units of 1/255 inside this module.
FULL = 255.0

#: What rounding may do to a vertex, in 1/255; tolerances are decided up to this much.
ROUNDING = 1e-9


# ------------------------------------------------------------------------ the tube and its segments


def _skewed(width: int, channels: int, levels: int, by: int) -> tuple[Floats, Floats]:
    """Two views of one new table: as ``[d-1, c, i]``, and as ``[d-1, c, i + by * d]``.

    Writing through the first and reading through the second moves a segment's value from one of
    its ends to the other. Places beyond the ends read as 0. `by` is 1 or -1.
    """
    padded = np.empty((width, channels, levels + width))
    inside, beyond = (
        (slice(0, levels), slice(levels, None)) if by > 0 else (slice(width, None), slice(0, width))
    )
    padded[:, :, beyond] = 0
    row, channel, item = padded.strides
    moved = as_strided(
        padded.reshape(-1)[1 if by > 0 else width - 1 :],
        (width, channels, levels),
        (row + by * item, channel, item),
    )
    return padded[:, :, inside], moved


def _moved(table: Floats, by: int) -> Floats:
    """Values ``table[d-1, c, i + by * d]``, zero beyond the ends."""
    width, channels, levels = table.shape
    inside, moved = _skewed(width, channels, levels, by)
    inside[...] = table
    return moved


def _running(extremum: np.ufunc, table: Floats) -> Floats:
    """Take the running minimum or maximum along the first axis, in place.

    Row by row: several times faster than ``extremum.accumulate``, which walks down columns.
    """
    rows = list(table)
    for before, row in pairwise(rows):
        extremum(row, before, out=row)
    return table


class _Side(NamedTuple):
    """Segments of a tube that start at level i and run d = 1…D levels, axes ``(d, channel, i)``.

    A straight segment inside the tube may start within ``[first_low, first_high]`` and end within
    ``[last_low, last_high]``; `above` and `below` are the tube's walls at the end; `open`, axes
    ``(d, i)``, says whether there is such a segment at all.
    """

    above: Floats
    below: Floats
    first_low: Floats
    first_high: Floats
    last_low: Floats
    last_high: Floats
    open: Bools

    def mirrored(self) -> _Side:
        """Count the levels from the other end."""
        return _Side._make(table[..., ::-1] for table in self)


class _Tube:
    """Every straight segment that stays within `radius` of a curve, from both of its ends.

    Parameters
    ----------
    curve : ndarray of float64, shape (channels, levels)
    radius : float
        In the curve's units.
    width : int, optional
        Longest segment looked at, if known from a wider tube.

    Notes
    -----
    Of the lines through the tube over levels i…j, the lowest at i is the steepest one that touches
    the lower wall first, at t, and the upper wall later, at u. So the lowest start is the maximum,
    over u in (i, j], of ``f_u + r - (u - i) min_{t in [i, u)} (f_u - f_t + 2 r) / (u - t)``: two
    running extrema, O(levels²) for all segments. The other three ends follow by symmetry.
    """

    def __init__(self, curve: Floats, radius: float, width: int | None = None) -> None:
        self.curve, self.radius = curve, radius
        channels, levels = curve.shape
        width = min(width or levels - 1, levels - 1)
        shape = (width, channels, levels)
        length = np.arange(1.0, width + 1)[:, None, None]
        low, high = curve - radius, curve + radius
        ahead, behind = (_moved(np.broadcast_to(curve, shape), by) for by in (1, -1))
        rise, room = (ahead - curve) / length, 2 * radius / length
        # The steepest and flattest lines through the walls that begin at a level, then end there.
        up, up_later = _skewed(*shape, -1)
        np.add(rise, room, out=up)
        steepest = _moved(up, -1)
        down, down_later = _skewed(*shape, -1)
        np.subtract(rise, room, out=down)
        flattest = _moved(down, -1)
        _running(np.minimum, up)
        up *= length
        up += low
        _running(np.maximum, down)
        down *= length
        down += high
        last_high, last_low = _running(np.minimum, up_later), _running(np.maximum, down_later)
        first_low, first_high = _skewed(*shape, 1), _skewed(*shape, 1)
        np.subtract(high, length * _running(np.minimum, steepest), out=first_low[0])
        np.subtract(low, length * _running(np.maximum, flattest), out=first_high[0])
        starts = _running(np.maximum, first_low[1]), _running(np.minimum, first_high[1])
        exists = np.arange(levels) + np.arange(1, width + 1)[:, None] < levels
        free = np.logical_and.accumulate((starts[0] <= starts[1]).all(1) & exists)
        cut = self.width = max(1, int(free.any(1).sum()))
        self.length = length[:cut]
        ends = _moved(free[:cut, None].astype(np.float64), -1)[:, 0] > 0
        self.rightwards = _Side(
            ahead[:cut] + radius, ahead[:cut] - radius, starts[0][:cut], starts[1][:cut],
            _moved(last_low[:cut], 1), _moved(last_high[:cut], 1), free[:cut],
        )  # fmt: skip
        self.leftwards = _Side(
            behind[:cut] + radius, behind[:cut] - radius, last_low[:cut], last_high[:cut],
            _moved(starts[0][:cut], -1), _moved(starts[1][:cut], -1), ends,
        ).mirrored()  # fmt: skip


Boxes = tuple[Floats, Floats]  # low and high ends, axes (channel, box)


def _extended(
    side: _Side, length: Floats, start: slice | Ints, boxes: Boxes
) -> tuple[Bools, Boxes]:
    """Where segments from boxes can end: for each length d whether at all, and the end's box.

    The highest end belongs to the lowest start and the other way round, because both bounds on the
    slope fall as the start rises, by at least as much as the start gains.
    """
    low, high = boxes
    ends_high = _running(np.minimum, (side.above[:, :, start] - low) / length)
    ends_high *= length
    ends_high += low
    np.minimum(ends_high, side.last_high[:, :, start], out=ends_high)
    ends_low = _running(np.maximum, (side.below[:, :, start] - high) / length)
    ends_low *= length
    ends_low += high
    np.maximum(ends_low, side.last_low[:, :, start], out=ends_low)
    fits = (low <= side.first_high[:, :, start]) & (side.first_low[:, :, start] <= high)
    return np.all(fits, axis=1) & side.open[:, start], (ends_low, ends_high)


def _nowhere(channels: int, levels: int) -> Boxes:
    """No box at any level."""
    return np.full((channels, levels), np.inf), np.full((channels, levels), -np.inf)


def _hull(side: _Side, length: Floats, boxes: Boxes) -> Boxes:
    """One box a level around all ends of segments that start in one box a level."""
    channels, levels = boxes[0].shape
    result = _nowhere(channels, levels)
    alive: Bools = np.asarray((boxes[0] <= boxes[1]).all(0))
    if not alive.any():
        return result
    first, stop = np.flatnonzero(alive)[[0, -1]] + [0, 1]
    part = slice(first, stop)
    starts = (np.where(alive, boxes[0], 0.0)[:, part], np.where(alive, boxes[1], 0.0)[:, part])
    fits, ends = _extended(side, length, part, starts)
    fits &= alive[part]
    width, span = len(length), len(length) + int(stop - first)
    inside = min(span, levels - first - 1)
    for target, end, reduce, none in zip(
        result, ends, (np.minimum, np.maximum), (np.inf, -np.inf), strict=True
    ):
        at_end = np.full((width, channels, span), none)
        row, channel, item = at_end.strides
        skewed = as_strided(
            at_end.reshape(-1), (width, channels, stop - first), (row + item, channel, item)
        )
        np.copyto(skewed, end, where=fits[:, None])
        target[:, first + 1 : first + 1 + inside] = reduce.reduce(at_end)[:, :inside]
    return result


def _common(a: Boxes, b: Boxes) -> Boxes:
    """Intersection of boxes, level by level; ``(inf, -inf)`` where it is empty."""
    low, high = np.maximum(a[0], b[0]), np.minimum(a[1], b[1])
    empty = (low > high).any(0)
    low[:, empty], high[:, empty] = np.inf, -np.inf
    return low, high


def _flipped(boxes: Boxes) -> Boxes:
    return boxes[0][:, ::-1], boxes[1][:, ::-1]


class _Layers:
    """Relaxation: for each vertex and level one box around all values that could lie there.

    Vertex 0 is at the first level, vertex ``size + 1`` at the last. Both ends are carried to the
    middle vertex; if they have no box in common there, the tube is `refuted`: no curve of this
    size stays in it. (The converse is false: see `_trace`.)
    """

    def __init__(self, tube: _Tube, size: int) -> None:
        self.tube = tube
        curve, radius = tube.curve, tube.radius
        self.last = size + 1
        self.middle = self.last // 2
        channels, levels = curve.shape
        left, right = _nowhere(channels, levels), _nowhere(channels, levels)
        for boxes, level in ((left, 0), (right, -1)):
            boxes[0][:, level], boxes[1][:, level] = (
                curve[:, level] - radius,
                curve[:, level] + radius,
            )
        self.boxes: dict[int, Boxes] = {0: left, self.last: right}
        for vertex in range(1, self.middle + 1):
            self.boxes[vertex] = left = self._right_of(left)
        for vertex in range(self.last - 1, self.middle - 1, -1):
            right = self._left_of(right)
            if vertex > self.middle:
                self.boxes[vertex] = right
        self.boxes[self.middle] = _common(left, right)
        self.refuted = bool(np.isinf(self.boxes[self.middle][0]).all())

    def _right_of(self, boxes: Boxes) -> Boxes:
        return _hull(self.tube.rightwards, self.tube.length, boxes)

    def _left_of(self, boxes: Boxes) -> Boxes:
        return _flipped(_hull(self.tube.leftwards, self.tube.length, _flipped(boxes)))

    def tighten(self) -> None:
        """Cut every box to what can be reached from *both* ends."""
        for vertex in range(self.middle + 1, self.last + 1):
            self.boxes[vertex] = _common(self._right_of(self.boxes[vertex - 1]), self.boxes[vertex])
        for vertex in range(self.last - 1, -1, -1):
            self.boxes[vertex] = _common(self._left_of(self.boxes[vertex + 1]), self.boxes[vertex])


def _undominated(level: Ints, boxes: Boxes) -> Ints:
    """Find the boxes that lie in no other box at their level.

    "In" allows for 1e-12: a kept box then stands for a dropped one in a tube wider by 1e-12 a
    vertex, which is far less than `ROUNDING`.
    """
    low, high = boxes
    rest = np.lexsort((-(high - low).sum(0), level))
    kept = []
    while len(rest):  # each round settles the largest box left at every level
        new = np.r_[True, np.diff(level[rest]) > 0]
        largest = rest[new]
        kept.append(largest)
        over = largest[np.cumsum(new) - 1]
        inside = (low[:, rest] >= low[:, over] - 1e-12) & (high[:, rest] <= high[:, over] + 1e-12)
        rest = rest[~inside.all(0)]
    return np.concatenate(kept)


def _trace(layers: _Layers) -> tuple[int, ...] | None:
    """Knots of a curve in the tube, or None if there is none: exact, box by box."""
    layers.tighten()
    at = np.zeros(1, np.int64)
    boxes: Boxes = (layers.boxes[0][0][:, :1], layers.boxes[0][1][:, :1])
    if (boxes[0] > boxes[1]).any():
        return None
    history: list[tuple[Ints, Ints]] = [(at, at)]
    for vertex in range(1, layers.last + 1):
        fits, (low, high) = _extended(layers.tube.rightwards, layers.tube.length, at, boxes)
        step, parent = np.nonzero(fits)
        level = at[parent] + step + 1
        ends = (low[step, :, parent].T, high[step, :, parent].T)
        goal = layers.boxes[vertex]
        ends = _common(ends, (goal[0][:, level], goal[1][:, level]))
        alive = np.flatnonzero((ends[0] <= ends[1]).all(0))
        if not len(alive):
            return None
        alive = alive[_undominated(level[alive], (ends[0][:, alive], ends[1][:, alive]))]
        at, boxes = level[alive], (ends[0][:, alive], ends[1][:, alive])
        history.append((at, parent[alive]))
    chosen, path = 0, []
    for level, parent in reversed(history):
        path.append(int(level[chosen]))
        chosen = int(parent[chosen])
    return tuple(path[-2:0:-1])


# ---------------------------------------------------------------------------- results and their fit


@dataclass(frozen=True)
class Certificate:
    """Proof by exhaustion that no curve with `size` knots has an error of `tolerance` or less.

    Attributes
    ----------
    size : int
        Number of knots that does not suffice.
    tolerance : float
        Error that cannot be met, in units of 1/255.
    by : {"hull", "boxes"}
        What refuted it: the relaxation alone, or the box-by-box search.
    """

    size: int
    tolerance: float
    by: Literal["hull", "boxes"]

    def check(self, table: ArrayLike) -> bool:
        """Run the refutation again on a table; True if it stands."""
        tube = _Tube(_curve(table), self.tolerance)
        layers = _Layers(tube, self.size)
        return layers.refuted or _trace(layers) is None


@dataclass(frozen=True, eq=False)
class ReLUColormap:
    """Continuous piecewise-linear colormap, and the layer of ReLUs that computes it.

    Attributes
    ----------
    knots : tuple of float
        Inner knots tau, in levels, increasing, strictly between 0 and `last`.
    vertices : ndarray of float64, shape (size + 2, channels)
        Values at level 0, at the knots and at level `last`; 1 is full colour.
    error : float
        Largest absolute difference to the table that was fitted, in units of 1/255.
    certificate : Certificate or None
        Why it cannot be done with fewer knots (`fewest_knots`) or less error (`best_fit`); None
        where there is nothing to refute.
    last : int
        The last level.

    Examples
    --------
    >>> import numpy as np
    >>> tent = ReLUColormap((128.0,), np.array([[0.0], [1.0], [0.0]]), error=0.0)
    >>> tent.size, tent([0, 64, 128])[:, 0]
    (1, array([0. , 0.5, 1. ]))
    """

    knots: tuple[float, ...]
    vertices: Floats
    error: float
    certificate: Certificate | None = None
    last: int = 255

    @property
    def size(self) -> int:
        """Number of knots, that is, of ReLUs beside the affine term."""
        return len(self.knots)

    @property
    def lower_bound(self) -> float:
        """Error below which no curve of this size can be, in 1/255; 0 if nothing was refuted."""
        same = self.certificate is not None and self.certificate.size == self.size
        return self.certificate.tolerance if same and self.certificate else 0.0

    def weights(self) -> tuple[Floats, Floats, Floats]:
        """Slope A, offset c and jumps of slope v: ``A t + c + sum_k v_k ReLU(t - tau_k)``.

        Returns
        -------
        A, c : ndarray of float64, shape (channels,)
        v : ndarray of float64, shape (size, channels)
            Per level.
        """
        places = np.array([0.0, *self.knots, self.last])
        slopes = np.diff(self.vertices, axis=0) / np.diff(places)[:, None]
        return slopes[0], self.vertices[0], np.diff(slopes, axis=0)

    def __call__(self, levels: ArrayLike) -> Floats:
        """Colours by the ReLU formula, shape (…, channels), for levels of any shape (…)."""
        t = np.asarray(levels, np.float64)[..., None]
        slope, offset, jumps = self.weights()
        return np.asarray(t * slope + offset + np.maximum(t - np.array(self.knots), 0) @ jumps)

    def table(self) -> Floats:
        """Colours of the levels 0…`last`, shape (last + 1, channels)."""
        return self(np.arange(self.last + 1))

    def to_torch(self, dtype: torch.dtype = torch.float32) -> nn.Sequential:
        """Build the fixed 1×1 convolution – ReLU – 1×1 convolution that computes the colormap.

        Returns
        -------
        torch.nn.Sequential
            From images of levels, shape (N, 1, H, W), 0…`last`, to colours, shape
            (N, channels, H, W), in units of 1/255, so that ``torch.round`` gives bytes. It has
            ``size + 1`` hidden channels, the first being the level plus one: always positive, so
            that the ReLU passes it and its gradient. No parameter requires a gradient.

        Examples
        --------
        >>> import numpy as np
        >>> tent = ReLUColormap((128.0,), np.array([[0.0], [1.0], [0.0]]), error=0.0)
        >>> tent.to_torch()(torch.full((1, 1, 1, 1), 64.0)).item()
        127.5
        """
        slope, offset, jumps = self.weights()
        hinge = nn.Conv2d(1, self.size + 1, 1, dtype=dtype)
        mix = nn.Conv2d(self.size + 1, len(slope), 1, dtype=dtype)
        with torch.no_grad():
            hinge.weight.fill_(1)
            hinge.bias.copy_(torch.tensor([1.0, *(-knot for knot in self.knots)], dtype=dtype))  # type: ignore[union-attr]
            rows = torch.from_numpy(np.vstack([slope, jumps]).T * FULL)
            mix.weight.copy_(rows[:, :, None, None])
            mix.bias.copy_(torch.from_numpy((offset - slope) * FULL))  # type: ignore[union-attr]
        return nn.Sequential(hinge, nn.ReLU(), mix).requires_grad_(False)

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return {
            "knots": list(self.knots),
            "vertices": self.vertices.tolist(),
            "error": self.error,
            "lower_bound": self.lower_bound,
            "last": self.last,
        }


def _curve(table: ArrayLike) -> Floats:
    """Table as ``(channels, levels)`` in units of 1/255; bytes are taken as they are."""
    values = np.asarray(table)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or len(values) < 2 or values.shape[1] < 1:
        raise ValueError(
            f"a table has shape (levels >= 2, channels >= 1), got {np.shape(np.asarray(table))}"
        )
    scale = 1.0 if np.issubdtype(values.dtype, np.integer) else FULL
    curve = np.ascontiguousarray(values.T * scale, dtype=np.float64)
    if not np.isfinite(curve).all():
        raise ValueError("a table must be finite")
    return curve


def _hats(places: Floats, levels: int) -> Floats:
    """Shares of the vertices in the values at the levels, shape (levels, vertices)."""
    units = np.eye(len(places))
    return np.stack([np.interp(np.arange(levels), places, unit) for unit in units], axis=1)


def _chebyshev(hats: Floats, values: Floats) -> Floats:
    """Vertices with the least largest error, by linear programming (HiGHS)."""
    one = np.ones((len(hats), 1))
    rows = np.block([[hats, -one], [-hats, -one]])
    cost = np.zeros(hats.shape[1] + 1)
    cost[-1] = 1
    result = linprog(cost, A_ub=rows, b_ub=np.r_[values, -values], bounds=(None, None))
    if result.status != 0 or result.x is None:
        raise RuntimeError(f"linear program failed: {result.message}")
    return np.asarray(result.x[:-1])


def fit_knots(
    table: ArrayLike, knots: Sequence[float], certificate: Certificate | None = None
) -> ReLUColormap:
    """Best vertices for given knots: least largest error in every channel.

    Parameters
    ----------
    table : array_like, shape (levels, channels)
        Colours in [0, 1], or bytes (an integer type).
    knots : sequence of float
        Levels, increasing, strictly between the first and the last.
    certificate : Certificate, optional
        Passed on to the result.

    Returns
    -------
    ReLUColormap

    Raises
    ------
    ValueError
        If the table is malformed or the knots are not as described.

    Examples
    --------
    >>> fit_knots(np.array([0.0, 0.5, 1.0, 0.5]), [2]).error < 1e-6
    True
    """
    curve = _curve(table)
    last = curve.shape[1] - 1
    places = np.array([0.0, *knots, last])
    if (np.diff(places) <= 0).any():
        raise ValueError(f"knots must increase strictly between 0 and {last}, got {list(knots)}")
    hats = _hats(places, last + 1)
    columns = []
    for values in curve:
        through = np.interp(places, np.arange(last + 1), values)  # exact where the curve is
        if np.abs(hats @ through - values).max() > ROUNDING:
            through = _chebyshev(hats, values)
        columns.append(through)
    vertices = np.stack(columns, axis=1)
    error = float(np.abs(hats @ vertices - curve.T).max())
    return ReLUColormap(tuple(map(float, knots)), vertices / FULL, error, certificate, last)


def _check_size(size: int, levels: int) -> None:
    if not 0 <= size <= levels - 2:
        raise ValueError(f"size must lie in 0…{levels - 2} for {levels} levels, got {size}")


def fewest_knots(table: ArrayLike, tolerance: float) -> ReLUColormap:
    """Fewest knots at integer levels that keep the error within a tolerance.

    Parameters
    ----------
    table : array_like, shape (levels, channels)
        Colours in [0, 1], or bytes (an integer type).
    tolerance : float
        Largest error allowed, in units of 1/255; not negative, decided up to 1e-9.

    Returns
    -------
    ReLUColormap
        Its certificate says that one knot fewer cannot keep the tolerance; None at size 0.
        Vertices are the best for the knots found.

    Raises
    ------
    ValueError
        If the tolerance is negative or the table malformed.

    Examples
    --------
    >>> fewest_knots(np.array([0.0, 0.5, 1.0, 0.5]), tolerance=1).knots
    (2.0,)
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must not be negative, got {tolerance}")
    tube = _Tube(_curve(table), tolerance + ROUNDING)
    size, certificate = _hull_size(tube), None
    if size > 0:
        certificate = Certificate(size - 1, tolerance, "hull")
    while (knots := _trace(_Layers(tube, size))) is None:
        certificate = Certificate(size, tolerance, "boxes")
        size += 1
    return fit_knots(table, knots, certificate)


def _hull_size(tube: _Tube) -> int:
    """Fewest knots by the relaxation: a lower bound."""
    channels, levels = tube.curve.shape
    boxes = _nowhere(channels, levels)
    boxes[0][:, 0], boxes[1][:, 0] = tube.curve[:, 0] - tube.radius, tube.curve[:, 0] + tube.radius
    for size in range(levels - 1):
        boxes = _hull(tube.rightwards, tube.length, boxes)
        if np.isfinite(boxes[0][0, -1]):
            return size
    raise AssertionError("a knot at every level always fits")


def best_fit(table: ArrayLike, size: int, gap: float = 1e-6) -> ReLUColormap:
    """Least error with `size` knots at integer levels, to within a certified gap.

    Parameters
    ----------
    table : array_like, shape (levels, channels)
        Colours in [0, 1], or bytes (an integer type).
    size : int
        Number of knots, from 0 to ``levels - 2``.
    gap : float, default 1e-6
        The certificate refutes an error smaller than the result's by `gap`, in units of 1/255.

    Returns
    -------
    ReLUColormap
        ``error - lower_bound <= gap``.

    Raises
    ------
    ValueError
        If the size is out of range, the gap below 1e-6, or the table malformed.

    Examples
    --------
    >>> fit = best_fit(np.array([0.0, 0.5, 1.0, 0.5]), size=0)
    >>> round(fit.error / 255, 3), round(fit.lower_bound / 255, 3)
    (0.333, 0.333)
    """
    return best_fits(table, [size], gap)[0]


def best_fits(
    table: ArrayLike, sizes: Sequence[int], gap: float = 1e-6, relative: float = 0.0
) -> list[ReLUColormap]:
    """Best fits of several increasing sizes; each starts where the one before ended.

    Parameters
    ----------
    table, gap
        As for `best_fit`.
    sizes : sequence of int
        Increasing.
    relative : float, default 0
        A gap of this share of the error will do as well.

    Returns
    -------
    list of ReLUColormap

    Raises
    ------
    ValueError
        As `best_fit`; also if the sizes do not increase.

    Examples
    --------
    >>> [fit.size for fit in best_fits(np.array([0.0, 0.5, 1.0, 0.5]), [0, 1])]
    [0, 1]
    """
    curve = _curve(table)
    if not gap >= 1e-6:
        raise ValueError(f"gap must be at least 1e-6, the linear program's accuracy, got {gap}")
    if (np.diff(sizes) <= 0).any():
        raise ValueError(f"sizes must increase, got {list(sizes)}")
    fit, fits = fit_knots(table, []), []
    known = (0.0, 0)
    for size in sizes:
        _check_size(size, curve.shape[1])
        if size == 0:
            fit = _certified_affine(table, fit, gap)
        elif fit.error <= gap:
            fit = _padded(table, fit, size)
        else:
            fit, known = _improved(table, curve, fit, size, gap, relative, known)
        fits.append(fit)
    return fits


def _padded(table: ArrayLike, fit: ReLUColormap, size: int) -> ReLUColormap:
    """Fit with idle knots added up to `size`."""
    spare = [t for t in range(1, fit.last) if t not in fit.knots]
    return fit_knots(table, sorted([*fit.knots, *spare[: size - fit.size]]))


def _certified_affine(table: ArrayLike, fit: ReLUColormap, gap: float) -> ReLUColormap:
    """Fit of size 0 with its certificate: the linear program's value, refuted from below."""
    claim = Certificate(0, fit.error - gap, "hull")
    return fit if fit.error <= gap else fit_knots(table, [], claim if claim.check(table) else None)


def _improved(
    table: ArrayLike,
    curve: Floats,
    before: ReLUColormap,
    size: int,
    gap: float,
    relative: float,
    known: tuple[float, int],
) -> tuple[ReLUColormap, tuple[float, int]]:
    """Best fit of `size` knots, given one with fewer, and the longest segment in a known tube.

    Bisection on the radius by the relaxation, then one exact search just above. Should that one
    find nothing (the relaxation was too generous), bisection goes on with exact searches.
    """

    def tube(radius: float) -> _Tube:
        return _Tube(curve, radius, known[1] if radius <= known[0] else None)

    low, high = 0.0, before.error + ROUNDING
    radius = high * ((before.size + 1) / (size + 1)) ** 2  # how the error of smooth curves falls
    passed: _Layers | None = None
    while high - low > gap / 2:
        layers = _Layers(tube(radius), size)
        if layers.refuted:
            low = radius
        else:
            high, known, passed = radius, (radius, layers.tube.width), layers
        gap = max(gap, relative * low)
        radius = (low + high) / 2
    knots = _trace(passed or _Layers(tube(high), size))
    by: Literal["hull", "boxes"] = "hull"
    step, ceiling = gap / 2, before.error + ROUNDING
    while knots is None:
        by, step = "boxes", 2 * step
        low, high = high, min(high + step, ceiling)
        knots = _trace(_Layers(tube(high), size))
    while high - low > gap / 2:
        radius = (low + high) / 2
        found = _trace(_Layers(tube(radius), size))
        low, high, knots = (radius, high, knots) if found is None else (low, radius, found)
    return fit_knots(table, knots, Certificate(size, low, by) if low > 0 else None), known


def error_curves(
    names: Iterable[str], sizes: Sequence[int], gap: float, relative: float = 0.0
) -> dict[str, list[ReLUColormap]]:
    """Best fits of many colormaps; maps with the same table are worked out once.

    Parameters
    ----------
    names : iterable of str
        matplotlib colormaps.
    sizes : sequence of int
        Increasing.
    gap, relative : float
        As for `best_fits`; `gap` in 1/255.

    Returns
    -------
    dict of str to list of ReLUColormap
        In the order of `names`, fits in the order of `sizes`.

    Examples
    --------
    >>> [fit.error < 1e-9 for fit in error_curves(["gray"], [0, 1], gap=0.1)["gray"]]
    [True, True]
    """
    tables = {name: lut(name) for name in names}
    distinct = {table.tobytes(): table for table in tables.values()}
    progress = tqdm(distinct.items(), "fits", disable=None)
    fits = {key: best_fits(table, sizes, gap, relative) for key, table in progress}
    return {name: fits[table.tobytes()] for name, table in tables.items()}


def byte_exact(table: NDArray[np.uint8]) -> ReLUColormap:
    """Fewest knots whose values round to the table's bytes, with the most room for rounding.

    Values round to given bytes if they are *less than* half a unit away from these bytes; being
    that near the unrounded curve is not enough.

    Parameters
    ----------
    table : ndarray of uint8, shape (256, channels)

    Returns
    -------
    ReLUColormap
        Error below 0.5; the certificate refutes one knot fewer.

    Examples
    --------
    >>> byte_exact(np.array([[0], [10], [16]], np.uint8)).knots
    (1.0,)
    """
    return fewest_knots(table, 0.5 - 1e-6)


# ------------------------------------------------------------------------------------ exact members


def _breakpoints(channel: Floats, last: int) -> tuple[Floats, Floats]:
    """Places (in levels) and values of one channel of matplotlib's segment data, made continuous.

    A jump becomes a straight piece between the two levels beside it.
    """
    x, before, after = channel.T
    places, values = [0.0], [after[0]]
    for k in range(1, len(x) - 1):
        if before[k] == after[k]:
            places.append(x[k] * last)
            values.append(after[k])
            continue
        left = float(np.floor(x[k] * last))  # at the place itself, the value before the jump counts
        for level, a, b in ((left, k - 1, k), (left + 1, k, k + 1)):
            share = (level / last - x[a]) / (x[b] - x[a])
            places.append(level)
            values.append(after[a] + share * (before[b] - after[a]))
    return np.array([*places, last]), np.array([*values, before[-1]])


def from_segments(name: str) -> ReLUColormap | None:
    """ReLU colormap read off matplotlib's own segment data; nothing is fitted.

    Parameters
    ----------
    name : str
        A matplotlib colormap.

    Returns
    -------
    ReLUColormap or None
        Knots at the data's own places, 255 x, mostly between levels. `error` compares it with
        `colormaps.lut`. None if the map is not made of segments (a list of colours, or functions).

    Notes
    -----
    matplotlib evaluates the segments at 256 places, level / 255, and looks levels up in that table;
    so on levels the table *is* the curve. Where the data jump, the straight piece between the two
    levels beside the jump is as good.

    Examples
    --------
    >>> from_segments("hot").size, from_segments("viridis") is None
    (2, True)
    """
    target = lut(name)
    data = getattr(mpl.colormaps[name], "_segmentdata", None)
    if data is None or any(callable(data[key]) for key in ("red", "green", "blue")):
        return None
    last = len(target) - 1
    channels = [
        _breakpoints(np.asarray(data[key], np.float64), last) for key in ("red", "green", "blue")
    ]
    places = np.unique(np.concatenate([at for at, _ in channels]))
    places = places[np.r_[True, np.diff(places) > 1e-9]]
    vertices = np.stack([np.interp(places, at, values) for at, values in channels], axis=1)
    bends = np.abs(np.diff(np.diff(vertices, axis=0) / np.diff(places)[:, None], axis=0)).max(1)
    keep = np.r_[True, bends > 1e-9, True]
    made = ReLUColormap(tuple(map(float, places[keep][1:-1])), vertices[keep], 0.0, None, last)
    return replace(made, error=float(np.abs(made.table() - target).max() * FULL))


# ----------------------------------------------------------------------------- the network identity


def small_net(channels: int, seed: int, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Small convolutional net with BatchNorm: two blocks, average, four classes.

    Parameters
    ----------
    channels : int
        Input channels; images of any size from 4×4.
    seed : int
        Of the weights.
    dtype : torch.dtype
        Of the weights.

    Returns
    -------
    torch.nn.Sequential
        In training mode.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1, dtype=dtype),
            nn.BatchNorm2d(8, dtype=dtype),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, dtype=dtype),
            nn.BatchNorm2d(16, dtype=dtype),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 4, dtype=dtype),
        )


def chirps(count: int, seed: int, side: int = 32) -> tuple[Tensor, Tensor]:
    """Pictures like small spectrograms: one rising or falling line in noise, thick or thin.

    Parameters
    ----------
    count : int
        Number of pictures.
    seed : int
    side : int
        Height and width in pixels.

    Returns
    -------
    levels : Tensor of uint8, shape (count, 1, side, side)
    labels : Tensor of int64, shape (count,)
        0…3.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    time, pitch = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    tilt = np.where(labels % 2, 0.8, -0.8)[:, None, None]
    thickness = np.where(labels // 2, 0.35, 0.12)[:, None, None]
    line = np.exp(-(((pitch - tilt * time) / thickness) ** 2))
    noise = rng.gamma(2.0, 0.12, (count, side, side))
    levels = np.clip((0.7 * line + noise) * FULL, 0, FULL).astype(np.uint8)
    return torch.from_numpy(levels[:, None]), torch.from_numpy(labels)


class _Colour(nn.Module):
    """Look the bytes of a table up: the picture that a file would hold, in [0, 1]."""

    def __init__(self, table: NDArray[np.uint8]) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(table.astype(np.float32)))

    def forward(self, levels: Tensor) -> Tensor:
        colours: Tensor = self.table[levels[:, 0].long()]  # type: ignore[index]
        return colours.permute(0, 3, 1, 2).contiguous() / FULL


class _Front(nn.Module):
    """Compute the same with the fixed ReLU layer, on levels as numbers."""

    def __init__(self, colormap: ReLUColormap, rounded: bool) -> None:
        super().__init__()
        self.layer, self.rounded = colormap.to_torch(), rounded

    def forward(self, levels: Tensor) -> Tensor:
        colours: Tensor = self.layer(levels.float())
        return (colours.round() if self.rounded else colours) / FULL


@dataclass(frozen=True)
class Identity:
    """How far a net on colour and the same net behind a ReLU layer are apart.

    Attributes
    ----------
    size : int
        Knots of the layer.
    wrong_bytes : int
        Bytes of the table that the rounded layer misses (of 768).
    outputs, gradients, states : float
        Largest absolute difference over all training steps of the logits, of all parameters'
        gradients, and of parameters and BatchNorm statistics afterwards; layer rounded to bytes.
    unrounded : float
        Largest difference of the logits at the first step if the layer is not rounded.
    input_gradient : float
        Largest difference between the gradient with respect to the level and the chain rule
        through the layer's slopes, relative to the largest gradient (unrounded layer).
    """

    size: int
    wrong_bytes: int
    outputs: float
    gradients: float
    states: float
    unrounded: float
    input_gradient: float

    @property
    def exact(self) -> bool:
        """Whether forward, gradients and states agree in every bit."""
        return not (self.wrong_bytes or self.outputs or self.gradients or self.states)


def _largest(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    return max(float((a.detach().double() - b.detach().double()).abs().max()) for a, b in pairs)


def network_identity(name: str, seed: int, steps: int = 5) -> Identity:
    """Train a net on colour pictures beside its twin on levels behind the fixed ReLU layer.

    Parameters
    ----------
    name : str
        A matplotlib colormap; the bytes that matplotlib writes, `colormaps.lut8`.
    seed : int
        Of the pictures and the weights, which are the same for both.
    steps : int
        Steps of stochastic gradient descent, 16 pictures each.

    Returns
    -------
    Identity
    """
    table = lut8(name)
    colormap = byte_exact(table)
    levels = torch.arange(len(table), dtype=torch.float32)[None, None, None]
    made = colormap.to_torch()(levels).round()[0, :, 0].T.numpy()
    colour, front = _Colour(table), _Front(colormap, rounded=True)
    net, twin = small_net(3, seed), small_net(3, seed)
    pairs = [(model, torch.optim.SGD(model.parameters(), lr=0.1)) for model in (net, twin)]
    pictures, labels = chirps(16 * steps, seed)
    outputs = gradients = 0.0
    for step in range(steps):
        batch = slice(16 * step, 16 * step + 16)
        logits = []
        for (model, optimiser), entry in zip(pairs, (colour, front), strict=True):
            optimiser.zero_grad()
            logits.append(model(entry(pictures[batch])))
            torch.autograd.backward(nn.functional.cross_entropy(logits[-1], labels[batch]))
            optimiser.step()
        outputs = max(outputs, _largest([(logits[0], logits[1])]))
        gradients = max(gradients, _largest(zip(_gradients(net), _gradients(twin), strict=True)))
    states = _largest(zip(net.state_dict().values(), twin.state_dict().values(), strict=True))
    unrounded, slopes = _unrounded(colormap, colour, pictures[:16], labels[:16], seed)
    wrong = int((made != table).sum())
    return Identity(colormap.size, wrong, outputs, gradients, states, unrounded, slopes)


def _gradients(net: nn.Module) -> list[Tensor]:
    """Gradients of all parameters, as the last backward pass left them."""
    return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


def _unrounded(
    colormap: ReLUColormap, colour: _Colour, levels: Tensor, labels: Tensor, seed: int
) -> tuple[float, float]:
    """Differences without rounding: of the logits, and of the input gradient to the chain rule."""
    net, front = small_net(3, seed), _Front(colormap, False)
    shades = levels.float().requires_grad_()
    colours = front(shades)
    colours.retain_grad()
    logits = net(colours)
    torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
    slope, _, jumps = colormap.weights()
    steps = np.arange(256)[:, None] > np.array(colormap.knots)  # ReLU'(0) = 0, as in torch
    slopes = torch.from_numpy(slope + steps @ jumps)[levels[:, 0].long()].permute(0, 3, 1, 2)
    if colours.grad is None or shades.grad is None:
        raise AssertionError("backward fills both gradients")
    chain = (colours.grad.double() * slopes).sum(1, keepdim=True)
    relative = _largest([(shades.grad, chain)]) / float(chain.detach().abs().max())
    return _largest([(logits, small_net(3, seed)(colour(levels)))]), relative


def gray_collapse(seed: int) -> tuple[float, float]:
    """Reduce R = G = B to one channel with the first layer's weights summed.

    Parameters
    ----------
    seed : int
        Of the net and the pictures.

    Returns
    -------
    outputs : float
        Largest difference of the logits between the net on three equal channels and the net on
        one channel with summed weights, in double precision.
    gradients : float
        Largest difference between the gradients of the three channels' weights.
    """
    levels, labels = chirps(16, seed)
    gray = levels.double() / FULL
    wide, narrow = small_net(3, seed, torch.float64), small_net(1, seed, torch.float64)
    weights = wide.state_dict()
    weights["0.weight"] = weights["0.weight"].sum(1, keepdim=True)
    narrow.load_state_dict(weights)
    logits = wide(gray.expand(-1, 3, -1, -1).contiguous())
    torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
    gradient = wide[0].weight.grad
    if not isinstance(gradient, Tensor):
        raise AssertionError("backward fills the gradient")
    return (
        _largest([(logits, narrow(gray))]),
        _largest((gradient[:, 0], gradient[:, c]) for c in (1, 2)),
    )


def costs(names: Iterable[str], side: int = 32) -> pd.DataFrame:
    """Parameters, depth and operations of the small net behind several encodings.

    Parameters
    ----------
    names : iterable of str
        Colormaps that the fixed ReLU layer computes, byte for byte.
    side : int
        Height and width of the picture in pixels.

    Returns
    -------
    DataFrame
        One row an encoding: ``input``, ``knots``, ``trainable`` and ``fixed`` parameters, ``depth``
        (layers with weights) and ``operations`` (multiplications and additions a picture, of
        convolutions and linear layers).
    """
    rows = [
        _cost("gray, one channel", small_net(1, 0), None, side),
        _cost("R = G = B, three channels", small_net(3, 0), None, side),
        _cost("colour picture, three channels", small_net(3, 0), None, side),
    ]
    for name in names:
        rows.append(_cost(f"gray, layer for {name}", small_net(3, 0), byte_exact(lut8(name)), side))
    return pd.DataFrame(rows)


def _cost(
    label: str, net: nn.Sequential, front: ReLUColormap | None, side: int
) -> dict[str, object]:
    model = net if front is None else nn.Sequential(front.to_torch(), net)
    channels = 1 if front is not None else next(net.parameters()).shape[1]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, channels, side, side))
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {
        "input": label,
        "knots": 0 if front is None else front.size,
        "trainable": sum(n for n, trained in sizes if trained),
        "fixed": sum(n for n, trained in sizes if not trained),
        "depth": sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in model.modules()),
        "operations": int(counter.get_total_flops()),
    }


# ------------------------------------------------------------------------------------ learned knots

#: Edges of shadows, middle tones and highlights if the levels are cut into three equal parts.
THIRDS = (85.0, 170.0)

#: What the learned colormap serves, see `bands` and `bends`.
TASKS = ("three equal bands", "three random bands", "two bends")
STARTS = ("random", "viridis")


def bands(edges: Floats) -> Floats:
    """Which of the bands between the edges a level is in, as three yes-or-no targets.

    Parameters
    ----------
    edges : ndarray of float64, shape (runs, 2)
        First level of the second and of the third band.

    Returns
    -------
    ndarray of float64, shape (runs, 256, 3)
        0 or 1. Telling the middle band needs a bend: a straight line rises or falls.

    Examples
    --------
    >>> bands(np.array([THIRDS]))[0, [0, 100, 255]].argmax(1)
    array([0, 1, 2])
    """
    band = (np.arange(256)[None, :, None] >= edges[:, None]).sum(2)
    return np.asarray(np.eye(3)[band])


def bends(edges: Floats, seed: int) -> Floats:
    """Draw piecewise-linear curves with known knots, to see whether gradient descent finds them.

    Parameters
    ----------
    edges : ndarray of float64, shape (runs, 2)
        Knots, in levels.
    seed : int

    Returns
    -------
    ndarray of float64, shape (runs, 256, 3)
        Three curves a run, of unit variance, to be met in the least-squares sense.
    """
    rng = np.random.default_rng(seed)
    places = np.concatenate([np.zeros((len(edges), 1)), edges, np.full((len(edges), 1), 255)], 1)
    heights = rng.normal(size=(len(edges), 4, 3))
    curves = np.stack(
        [
            np.stack([np.interp(np.arange(256), at, column) for column in height.T], 1)
            for at, height in zip(places, heights, strict=True)
        ]
    )
    curves -= curves.mean(1, keepdims=True)
    return np.asarray(curves / curves.std(1, keepdims=True))


@dataclass(frozen=True)
class Learned:
    """Colormaps of one size trained on one task, with a linear layer on top.

    Attributes
    ----------
    task, start : str
        One of `TASKS`; one of `STARTS`.
    trained : bool
        Whether the colormap was trained, or only the layer on top.
    first, knots : ndarray of float64, shape (runs, size)
        Knots before and after, in levels, sorted; they may leave 0…255.
    edges : ndarray of float64, shape (runs, 2)
        Where the task's bands or bends are, in levels.
    early, late : ndarray of float64, shape (runs,)
        Loss after a twentieth of the steps, and at the end.
    right : ndarray of float64, shape (runs,)
        Share of levels whose band is told right at the end (largest output); NaN for bends.
    """

    task: str
    start: str
    trained: bool
    first: Floats
    knots: Floats
    edges: Floats
    early: Floats
    late: Floats
    right: Floats


def _vertices(
    start: ReLUColormap | None, runs: int, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Places in [0, 1] and colours of the vertices at the start of training."""
    if start is None:
        inner = np.sort(rng.uniform(0.02, 0.98, (runs, size)), axis=1)
        colours = rng.uniform(0, 1, (runs, size + 2, 3))
    else:
        inner = np.broadcast_to(np.array(start.knots) / start.last, (runs, size))
        colours = np.broadcast_to(start.vertices, (runs, size + 2, 3))
    ends = np.zeros((runs, 1)), np.ones((runs, 1))
    return np.concatenate([ends[0], inner, ends[1]], 1), colours


def learn_knots(
    start: ReLUColormap, runs: int, steps: int, seed: int, rate: float = 0.01
) -> list[Learned]:
    """Train colormaps of the size of `start`, with a linear layer on top, on level tasks.

    The net is told one level at a time, all 256 in every step; the colormap is
    ``A x + c + sum_k v_k ReLU(x - tau_k)``, x the level in [0, 1], and A, c, v and tau are trained
    by Adam together with the layer on top. As that layer is linear, only the colormap can bend.

    Parameters
    ----------
    start : ReLUColormap
        The hand-made map, such as the best fit of viridis.
    runs : int
        Seeds for each task and start; run i has the same task, the same layer on top.
    steps : int
        Steps of Adam.
    seed : int
    rate : float
        Learning rate.

    Returns
    -------
    list of Learned
        Every task × start × (trained, frozen), in that order. The random start has uniform knots
        and uniform vertex colours, so that both starts use the same range.
    """
    rng = np.random.default_rng(seed)
    edges = {
        "three equal bands": np.tile(THIRDS, (runs, 1)),
        "three random bands": _random_edges(runs, rng),
        "two bends": np.tile(THIRDS, (runs, 1)),
    }
    goals = {task: bands(edges[task]) for task in TASKS[:2]}
    goals[TASKS[2]] = bends(edges[TASKS[2]], seed)
    top = rng.normal(0, 0.1, (runs, 3, 3))
    starts = {
        name: _vertices(given, runs, start.size, rng)
        for name, given in zip(STARTS, (None, start), strict=True)
    }
    arms = [(task, name, trained) for task in TASKS for name in STARTS for trained in (True, False)]
    result = _train(
        np.concatenate([starts[name][0] for _, name, _ in arms]),
        np.concatenate([starts[name][1] for _, name, _ in arms]),
        np.tile(top, (len(arms), 1, 1)),
        np.concatenate([goals[task] for task, _, _ in arms]),
        np.repeat([task != TASKS[2] for task, _, _ in arms], runs),
        np.repeat([trained for _, _, trained in arms], runs),
        steps,
        rate,
    )
    knots, early, late, right = (np.split(values, len(arms)) for values in result)
    return [
        Learned(
            task, name, trained, starts[name][0][:, 1:-1] * 255, np.sort(knots[k] * 255, axis=1),
            edges[task], early[k], late[k], right[k],
        )
        for k, (task, name, trained) in enumerate(arms)
    ]  # fmt: skip


def _random_edges(runs: int, rng: np.random.Generator, least: int = 26) -> Floats:
    """Edges of three bands, each at least `least` levels wide, otherwise uniform."""
    cuts = np.sort(rng.integers(0, 256 - 3 * least + 1, (runs, 2)), axis=1)
    return np.asarray(cuts + np.array([least, 2 * least]), np.float64)


def _train(
    places: Floats,
    colours: Floats,
    top: Floats,
    goals: Floats,
    sorting: Bools,
    trained: Bools,
    steps: int,
    rate: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Train all runs side by side; Adam treats every number alone, so they do not meet.

    Returns knots in [0, 1], early loss, late loss and share of levels told right.
    """
    slopes = np.diff(colours, axis=1) / np.diff(places, axis=1)[..., None]
    given = (places[:, 1:-1], colours[:, :1], slopes[:, :1], np.diff(slopes, axis=1), top)
    knots, offset, slope, jumps, mix = (
        torch.tensor(value, dtype=torch.float32).requires_grad_() for value in given
    )
    bias = torch.zeros(len(top), 1, 3, requires_grad=True)
    x = torch.linspace(0, 1, 256)[None, :, None]
    goal, sort = torch.tensor(goals, dtype=torch.float32), torch.from_numpy(sorting)
    moves = torch.tensor(trained, dtype=torch.float32)[:, None, None]
    colormap = (offset, slope, jumps)
    optimiser = torch.optim.Adam([knots, *colormap, mix, bias], lr=rate)

    def outputs() -> Tensor:
        colour = offset + x * slope + torch.relu(x - knots[:, None]) @ jumps
        return colour @ mix + bias

    def losses(out: Tensor) -> Tensor:
        cross = nn.functional.binary_cross_entropy_with_logits(out, goal, reduction="none")
        return torch.where(sort, cross.mean((1, 2)), ((out - goal) ** 2).mean((1, 2)))

    early = torch.zeros(len(top))
    for step in tqdm(range(steps), "learned knots", disable=None):
        optimiser.zero_grad()
        loss = losses(outputs())
        torch.autograd.backward(loss.sum())
        for parameter in colormap:
            parameter.grad = None if parameter.grad is None else parameter.grad * moves
        knots.grad = None if knots.grad is None else knots.grad * moves[:, :, 0]
        optimiser.step()
        if step == steps // 20:
            early = loss.detach()
    with torch.no_grad():
        out = outputs()
        late = losses(out)
        hit = (out.argmax(2) == goal.argmax(2)).double().mean(1)
        hit[~sort] = torch.nan
    return tuple(value.detach().double().numpy() for value in (knots, early, late, hit))  # type: ignore[return-value]


def knot_distance(knots: ArrayLike, others: ArrayLike) -> Floats:
    """Mean distance of sorted knots to others of the same number, in levels.

    Parameters
    ----------
    knots, others : array_like of float, shape (…, size)
        In levels, in any order; those beyond 0…255 count as at the end. Shapes broadcast.

    Returns
    -------
    ndarray of float64, shape (…)
        The Wasserstein distance between the two sets.

    Examples
    --------
    >>> float(knot_distance([10, 200], [190, 0]))
    10.0
    """
    a, b = (np.sort(np.clip(np.asarray(k, np.float64), 0, 255), axis=-1) for k in (knots, others))
    return np.asarray(np.abs(a - b).mean(-1))


def chance_as_near(knots: ArrayLike, target: ArrayLike, seed: int, draws: int = 100_000) -> float:
    """How often uniformly random knots are at least as near to a target as the given ones.

    Parameters
    ----------
    knots, target : array_like of float, shape (size,)
        In levels.
    seed : int
    draws : int

    Returns
    -------
    float
        In [0, 1].
    """
    random = np.random.default_rng(seed).uniform(0, 255, (draws, np.size(target)))
    return float((knot_distance(random, target) <= knot_distance(knots, target)).mean())


def distance_by_chance(target: ArrayLike, seed: int, draws: int = 100_000) -> float:
    """Mean distance of uniformly random knots to given ones, in levels.

    Parameters
    ----------
    target : array_like of float, shape (size,) or (runs, size)
        In levels; over several runs the mean is taken.
    seed : int
    draws : int

    Returns
    -------
    float
    """
    goals = np.atleast_2d(np.asarray(target, np.float64))
    rng = np.random.default_rng(seed)
    random = rng.uniform(0, 255, (draws // len(goals), 1, goals.shape[1]))
    return float(knot_distance(random, goals[None]).mean())


# ------------------------------------------------------------------- what the chapter asks and says

#: Colormaps that the chapter names.
NAMED = ("viridis", "turbo", "jet", "magma", "inferno", "plasma", "cividis", "gray")


@dataclass(frozen=True)
class Settings:
    """What a profile works out.

    Attributes
    ----------
    sizes : tuple of int
        Sizes of the best fits of all colormaps.
    gap, relative : float
        Certified gap of these fits in 1/255, or as a share of the error, whichever is larger.
    runs, steps : int
        Seeds and training steps of the learned colormaps.
    """

    sizes: tuple[int, ...]
    gap: float
    relative: float
    runs: int
    steps: int


SETTINGS = {
    "quick": Settings((0, 1, 2, 4, 8, 16), gap=0.1, relative=0.02, runs=10, steps=1500),
    "full": Settings(tuple(range(17)), gap=1e-4, relative=0.0, runs=20, steps=6000),
}


def pieces_table(names: Iterable[str]) -> pd.DataFrame:
    """Three pieces a channel, and the fewest pieces for the same bytes.

    Parameters
    ----------
    names : iterable of str
        matplotlib colormaps.

    Returns
    -------
    DataFrame
        One row a map. ``shared`` and ``separate``: error in 1/255 of three pieces whose knots the
        channels share or have each to themselves. ``curve``: fewest shared pieces within half a
        unit of `colormaps.lut`; ``rounded``, ``written``: fewest shared pieces whose values round
        to `lut8_rounded`, and to the bytes that matplotlib writes, `lut8`; ``channel``: fewest
        pieces for the neediest channel by itself, for the bytes written.
    """
    rows = []
    for name in names:
        table, written = lut(name), lut8(name)
        channels = range(table.shape[1])
        rows.append(
            {
                "map": name,
                "shared": best_fit(table, 2, gap=0.01).error,
                "separate": max(best_fit(table[:, [c]], 2, gap=0.01).error for c in channels),
                "curve": fewest_knots(table, 0.5 - 1e-6).size + 1,
                "rounded": byte_exact(lut8_rounded(name)).size + 1,
                "written": byte_exact(written).size + 1,
                "channel": max(byte_exact(written[:, [c]]).size for c in channels) + 1,
            }
        )
    return pd.DataFrame(rows)


def exact_members(names: Iterable[str]) -> pd.DataFrame:
    """Colormaps that are ReLU colormaps by their own definition.

    Parameters
    ----------
    names : iterable of str
        matplotlib colormaps; those not made of segments are left out.

    Returns
    -------
    DataFrame
        ``map``; ``knots`` read off; ``levels``: knots needed if they must lie on levels; ``error``:
        largest difference of the ReLU formula to `lut`, colours in [0, 1].
    """
    rows = []
    for name in names:
        made = from_segments(name)
        if made is not None:
            least = fewest_knots(lut(name), 1e-6).size
            row = {"map": name, "knots": made.size, "levels": least, "error": made.error / FULL}
            rows.append(row)
    return pd.DataFrame(rows)


def verdict_layer(knots: Iterable[int], identities: Iterable[Identity]) -> str:
    """A1: a colormap is a fixed layer of ReLU neurons.

    Fails if a net behind the layer differs in any bit; holds if no map needs more than 64 knots to
    give the bytes that matplotlib writes; with limits if some map needs a wider layer.

    Examples
    --------
    >>> verdict_layer([3, 70], [])
    'holds with limits'
    """
    if not all(identity.exact for identity in identities):
        return "fails"
    return "holds" if max(knots) <= 64 else "holds with limits"


def verdict_three_pieces(error: float) -> str:
    """A2: three pieces a channel, given their error in 1/255.

    Holds if the bytes come out the same (below 0.5), with limits up to 5 % of full scale.

    Examples
    --------
    >>> [verdict_three_pieces(error) for error in (0.3, 8.0, 30.0)]
    ['holds', 'holds with limits', 'fails']
    """
    if error < 0.5:
        return "holds"
    return "holds with limits" if error <= 0.05 * FULL else "fails"


def verdict_depth(colour: Identity, bent: Iterable[int], straight: int) -> str:
    """A3: the colormap adds depth and width.

    Fails if the identity does not hold to the bit, or no map bends. Holds if every map bends. With
    limits if some map, such as gray itself, is straight, so that its layer merges with the next.

    Parameters
    ----------
    colour : Identity
        Of a coloured map.
    bent : iterable of int
        Fewest knots of the maps within half a unit.
    straight : int
        The same for gray copied three times.
    """
    sizes = list(bent)
    if not colour.exact or not any(sizes):
        return "fails"
    return "holds" if all(sizes) and straight > 0 else "holds with limits"


def verdict_split(chance: float, use: Interval, approach: Interval) -> str:
    """A7: the colormap hard-codes shadows, middle tones and highlights.

    Parameters
    ----------
    chance : float
        Chance that random knots are as near to three equal parts as the map's.
    use : Interval
        Loss on three equal bands, frozen map minus frozen random map.
    approach : Interval
        Distance of learned knots to the map's, after minus before training from random.

    Returns
    -------
    str
        Holds if the place is no accident (chance below 5 %), the map is of use (interval below 0)
        and training finds its knots (interval below 0); with limits if some; fails if none.

    Examples
    --------
    >>> verdict_split(0.5, Interval(0, -1, 1), Interval(0, -1, 1))
    'fails'
    """
    signs = (chance < 0.05, use.high < 0, approach.high < 0)
    return "holds" if all(signs) else "holds with limits" if any(signs) else "fails"


def verdict_knowledge(frozen: Interval, trained: Interval) -> str:
    """A8: a colormap is regularised, pre-trained knowledge.

    Parameters
    ----------
    frozen, trained : Interval
        Loss on random bands, map minus random map: not trained, and both trained to the end.

    Returns
    -------
    str
        Holds if the map is better (interval below 0) even after both were trained; with limits if
        only as long as nothing is trained; fails otherwise.

    Examples
    --------
    >>> verdict_knowledge(Interval(-2, -3, -1), Interval(0, -1, 1))
    'holds with limits'
    """
    if frozen.high >= 0:
        return "fails"
    return "holds" if trained.high < 0 else "holds with limits"
