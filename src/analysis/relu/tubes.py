"""The search behind certified fits: which bent lines stay in a tube around a curve.

In a tube, the values that a vertex can take, knots given, form an interval in each channel, and
the channels are independent: a box. Boxes are carried from knot to knot by dynamic programming.
Two things make it fast. First, all segments of the tube are prepared at once by running minima
(`Tube`). Second, one box around everything that reaches a level is a relaxation that costs no
bookkeeping, and it already refutes nearly every tolerance that is too small (`Layers`); where it
does not, the boxes themselves are carried, pruned by what can still arrive at the end (`trace`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: What rounding may do to a vertex, in the curve's units; tolerances are decided up to this much.
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


class Tube:
    """Every straight segment that stays within `radius` of a curve, shape (channels, levels).

    `width` is the longest segment looked at, if known from a wider tube. Of the lines through the
    tube over levels i…j, the lowest at i is the steepest one that touches the lower wall first, at
    t, and the upper wall later, at u. So the lowest start is the maximum, over u in (i, j], of
    ``f_u + r - (u - i) min_{t in [i, u)} (f_u - f_t + 2 r) / (u - t)``: two running extrema,
    O(levels²) for all segments. The other three ends follow by symmetry.
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


class Layers:
    """Relaxation: for each vertex and level one box around all values that could lie there.

    Vertex 0 is at the first level, vertex ``size + 1`` at the last. Both ends are carried to the
    middle vertex; if they have no box in common there, the tube is `refuted`: no curve of this
    size stays in it. (The converse is false: see `trace`.)
    """

    def __init__(self, tube: Tube, size: int) -> None:
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


def trace(layers: Layers) -> tuple[int, ...] | None:
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


def hull_size(tube: Tube) -> int:
    """Fewest knots by the relaxation: a lower bound."""
    channels, levels = tube.curve.shape
    boxes = _nowhere(channels, levels)
    boxes[0][:, 0], boxes[1][:, 0] = tube.curve[:, 0] - tube.radius, tube.curve[:, 0] + tube.radius
    for size in range(levels - 1):
        boxes = _hull(tube.rightwards, tube.length, boxes)
        if np.isfinite(boxes[0][0, -1]):
            return size
    raise AssertionError("a knot at every level always fits")
