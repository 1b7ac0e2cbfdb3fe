"""Colormaps as layers of ReLU neurons: exact members, and fits that are certified to be best.

A *ReLU colormap* is a continuous piecewise-linear curve from level to colour,
``A t + c + sum_k v_k ReLU(t - tau_k)``; its *size* is the number of knots tau, shared by the
channels, and its *error* the largest absolute difference over levels and channels, in units of
1/255. Tables have shape (levels, channels): colours in [0, 1], or bytes (an integer type).

A fit is sought by bisection on its tolerance; `tubes` decides each one, or refutes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from torch import nn
from tqdm import tqdm

from analysis.colour.colormaps import lut
from analysis.relu.tubes import ROUNDING, Layers, Tube, hull_size, trace

Floats = NDArray[np.float64]

#: Colours are worked out in units of 1/255 inside this module.
FULL = 255.0


@dataclass(frozen=True)
class Certificate:
    """Proof by exhaustion that no curve with `size` knots has an error of `tolerance` or less.

    `by` says what refuted it: the relaxation alone ("hull"), or the box-by-box search ("boxes").
    """

    size: int
    tolerance: float
    by: Literal["hull", "boxes"]

    def check(self, table: ArrayLike) -> bool:
        """Run the refutation again on a table; True if it stands."""
        tube = Tube(_curve(table), self.tolerance)
        layers = Layers(tube, self.size)
        return layers.refuted or trace(layers) is None


@dataclass(frozen=True, eq=False)
class ReLUColormap:
    """Continuous piecewise-linear colormap, and the layer of ReLUs that computes it.

    >>> tent = ReLUColormap((128.0,), np.array([[0.0], [1.0], [0.0]]), error=0.0)
    >>> tent.size, tent([0, 64, 128])[:, 0]
    (1, array([0. , 0.5, 1. ]))
    """

    #: inner knots tau, in levels, increasing, strictly between 0 and `last`
    knots: tuple[float, ...]
    #: (size + 2, channels); values at level 0, at the knots and at level `last`; 1 is full colour
    vertices: Floats
    error: float  # largest absolute difference to the table that was fitted, in units of 1/255
    #: why fewer knots (`fewest_knots`) or less error (`best_fit`) cannot be had; None where there
    #: is nothing to refute
    certificate: Certificate | None = None
    last: int = 255  # the last level

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
        """Slope A, offset c, shape (channels,), and jumps of slope v, shape (size, channels)."""
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

        From levels 0…`last`, shape (N, 1, H, W), to colours in units of 1/255, shape (N, channels,
        H, W), so that ``torch.round`` gives bytes. Of its ``size + 1`` hidden channels the first is
        the level plus one: always positive, so that the ReLU passes it and its gradient.

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
    """Best vertices for given knots: least largest error in every channel, by linear programs.

    ValueError if the table is malformed, or the knots do not increase strictly between the ends.

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


def fewest_knots(table: ArrayLike, tolerance: float) -> ReLUColormap:
    """Fewest knots at integer levels that keep the error within a tolerance, in units of 1/255.

    The tolerance is decided up to 1e-9. The result's certificate says that one knot fewer cannot
    keep it.

    >>> fewest_knots(np.array([0.0, 0.5, 1.0, 0.5]), tolerance=1).knots
    (2.0,)
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must not be negative, got {tolerance}")
    tube = Tube(_curve(table), tolerance + ROUNDING)
    size, certificate = hull_size(tube), None
    if size > 0:
        certificate = Certificate(size - 1, tolerance, "hull")
    while (knots := trace(Layers(tube, size))) is None:
        certificate = Certificate(size, tolerance, "boxes")
        size += 1
    return fit_knots(table, knots, certificate)


def best_fit(table: ArrayLike, size: int, gap: float = 1e-6) -> ReLUColormap:
    """Least error with `size` knots at integer levels, to within a certified gap.

    ``error - lower_bound <= gap``, in units of 1/255, 1e-6 at least.

    >>> fit = best_fit(np.array([0.0, 0.5, 1.0, 0.5]), size=0)
    >>> round(fit.error / 255, 3), round(fit.lower_bound / 255, 3)
    (0.333, 0.333)
    """
    return best_fits(table, [size], gap)[0]


def best_fits(
    table: ArrayLike, sizes: Sequence[int], gap: float = 1e-6, relative: float = 0.0
) -> list[ReLUColormap]:
    """Best fits of several sizes, as `best_fit`; each starts where the one before ended.

    Sizes must increase (ValueError). A gap of the share `relative` of the error will do as well.

    >>> [fit.size for fit in best_fits(np.array([0.0, 0.5, 1.0, 0.5]), [0, 1])]
    [0, 1]
    """
    curve = _curve(table)
    if not gap >= 1e-6:
        raise ValueError(f"gap must be at least 1e-6, the linear program's accuracy, got {gap}")
    if (np.diff(sizes) <= 0).any():
        raise ValueError(f"sizes must increase, got {list(sizes)}")
    fit, fits = fit_knots(table, []), []
    reached = (0.0, 0)
    for size in sizes:
        if not 0 <= size <= fit.last - 1:
            raise ValueError(f"size must lie in 0…{fit.last - 1} for these levels, got {size}")
        if size == 0:
            fit = _certified_affine(table, fit, gap)
        elif fit.error <= gap:
            fit = _padded(table, fit, size)
        else:
            fit, reached = _improved(table, curve, fit, size, gap, relative, reached)
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
    reached: tuple[float, int],
) -> tuple[ReLUColormap, tuple[float, int]]:
    """Best fit of `size` knots, given one with fewer, and the longest segment in a known tube.

    Bisection on the radius by the relaxation, then one exact search just above. Should that one
    find nothing (the relaxation was too generous), bisection goes on with exact searches.
    """

    def tube(radius: float) -> Tube:
        return Tube(curve, radius, reached[1] if radius <= reached[0] else None)

    low, high = 0.0, before.error + ROUNDING
    radius = high * ((before.size + 1) / (size + 1)) ** 2  # how the error of smooth curves falls
    passed: Layers | None = None
    while high - low > gap / 2:
        layers = Layers(tube(radius), size)
        if layers.refuted:
            low = radius
        else:
            high, reached, passed = radius, (radius, layers.tube.width), layers
        gap = max(gap, relative * low)
        radius = (low + high) / 2
    knots = trace(passed or Layers(tube(high), size))
    by: Literal["hull", "boxes"] = "hull"
    step, ceiling = gap / 2, before.error + ROUNDING
    while knots is None:
        by, step = "boxes", 2 * step
        low, high = high, min(high + step, ceiling)
        knots = trace(Layers(tube(high), size))
    while high - low > gap / 2:
        radius = (low + high) / 2
        inside = trace(Layers(tube(radius), size))
        low, high, knots = (radius, high, knots) if inside is None else (low, radius, inside)
    return fit_knots(table, knots, Certificate(size, low, by) if low > 0 else None), reached


def error_curves(
    names: Iterable[str], sizes: Sequence[int], gap: float, relative: float = 0.0
) -> dict[str, list[ReLUColormap]]:
    """`best_fits` of many of matplotlib's colormaps; maps with the same table are worked out once.

    >>> [fit.error < 1e-9 for fit in error_curves(["gray"], [0, 1], gap=0.1)["gray"]]
    [True, True]
    """
    tables = {name: lut(name) for name in names}
    distinct = {table.tobytes(): table for table in tables.values()}
    progress = tqdm(distinct.items(), "fits", disable=None)
    fits = {key: best_fits(table, sizes, gap, relative) for key, table in progress}
    return {name: fits[table.tobytes()] for name, table in tables.items()}


def byte_exact(table: NDArray[np.uint8]) -> ReLUColormap:
    """Fewest knots whose values round to a table's bytes, with the most room for rounding.

    Values round to given bytes if they are *less than* half a unit away from these bytes; being
    that near the unrounded curve is not enough.

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

    None if the map is not made of segments. Knots are at the data's own places, 255 x, mostly
    between levels; `error` compares with `lut`. matplotlib evaluates the segments at level / 255
    and looks levels up in that table, so on levels the table *is* the curve; where the data jump,
    the straight piece between the two levels beside the jump is as good.

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
