"""Colormaps as layers of ReLU neurons: exact members, and fits that are certified to be best.

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
import torch
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from torch import nn
from tqdm import tqdm

from analysis.colour.colormaps import lut

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Colours are worked out in units of 1/255 inside this module.
FULL = 255.0

#: What rounding may do to a vertex, in 1/255; tolerances are decided up to this much.
ROUNDING = 1e-9


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
