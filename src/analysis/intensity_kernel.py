r"""How fast a wide ReLU network learns a pattern of levels, under each encoding.

The network, of width ``n`` on ``d`` channels, in the *NTK parametrisation*:

.. math::

    f(x) = \sqrt{2/n}\, \sum_{j=1}^{n} a_j\, \phi\big(w_j \cdot x / \sqrt{d} + \beta\, b_j\big),
    \qquad \phi(z) = \max(z, 0),

with all entries of ``a``, ``w``, ``b`` standard normal at the start and *all* of them trained by
gradient descent on ``½ mean (f - f_start - y)²`` over the 256 levels, each equally frequent. There
is no output bias, and ``β = 1`` unless said otherwise. As ``n`` grows the residual follows
``dr/dt = -Θ r / 256`` with a fixed kernel ``Θ`` on levels (Jacot et al., 2018, *Neural tangent
kernel*), known in closed form by the arc-cosine kernels (Cho and Saul, 2009, *Kernel methods for
deep learning*). Time ``t`` is the learning rate times the number of steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from analysis.colour import colormaps
from analysis.colour.colormaps import LEVELS
from analysis.evidence.statistics import bootstrap_mean
from analysis.sound.encodings import (
    ScaleName,
    fit_scale,
    fourier,
    random_curve,
    scaled_table,
    table,
)

__all__ = [
    "GRAY",
    "LAZY",
    "RESIDUAL",
    "SETTINGS",
    "TARGETS",
    "Cell",
    "Perception",
    "Rates",
    "Settings",
    "Spectrum",
    "angle",
    "arc_cosine",
    "band",
    "band_map",
    "band_order",
    "compare",
    "distinct_maps",
    "finite_width",
    "fourier_speed",
    "growth",
    "kernel_drift",
    "map_table",
    "ntk",
    "perception",
    "predicted_speed",
    "random_curve_speed",
    "spectrum",
    "speed_ratios",
    "stretches",
    "target",
    "time_to",
    "train",
    "training_times",
    "verdict_colormap_matters",
    "verdict_duplicate_or_grow",
    "verdict_growing_suffices",
    "verdict_turbo_over_jet",
]

Array = NDArray[np.float64]

#: The encoding that all speeds are ratios to: one channel, the level / 255.
GRAY = "gray8"

#: A pattern counts as learned when the squared residual is this share of the target's square.
RESIDUAL = 0.2

#: Targets: the levels cut into this many equal stretches, alternately off and on.
TARGETS: dict[str, int] = {"threshold": 2, "band": 3, "two-band": 5, "four-band": 9}


@dataclass(frozen=True)
class Cell:
    """A training set: how channels are scaled, what is learned, and how large it is.

    Attributes
    ----------
    scale : str
        See `analysis.sound.encodings.fit_scale`.
    target : str
        A key of `TARGETS`.
    amplitude : float
        Root mean square of the target. Small ones keep the weights near their start, where the
        kernel is exact (Chizat, Oyallon and Bach, 2019, *On lazy training*); 1 is what one trains.
    """

    scale: ScaleName
    target: str
    amplitude: float


@dataclass(frozen=True)
class Settings:
    """Size of the chapter's experiments.

    Attributes
    ----------
    seeds : int
        Networks trained for each encoding and cell.
    width : int
        Their width.
    trained : tuple of str
        Encodings that are trained besides gray.
    cells : tuple of Cell
        What they are trained on.
    widths : tuple of int
        Widths of the finite-width experiment.
    width_seeds : int
        Networks for each of its points.
    curves : int
        Random smooth curves for comparison.
    """

    seeds: int
    width: int
    trained: tuple[str, ...]
    cells: tuple[Cell, ...]
    widths: tuple[int, ...]
    width_seeds: int
    curves: int


#: Root mean square of the targets that keep networks lazy.
LAZY = 0.01

_LAZY = tuple(Cell("equal_energy", name, LAZY) for name in TARGETS)
_UNIT = tuple(Cell("equal_energy", name, 1.0) for name in ("threshold", "band", "two-band"))
_FED = tuple(Cell("as_fed", name, LAZY) for name in ("threshold", "band", "two-band"))
_FEW = ("polynomial", "thermometer", "fourier", "viridis", "turbo", "jet", "hsv")
_MORE = ("gray3", "random-curve", "magma", "inferno", "plasma", "cividis")

#: What ``quick`` and ``full`` mean.
SETTINGS: dict[str, Settings] = {
    "quick": Settings(
        seeds=3,
        width=512,
        trained=_FEW,
        cells=(*_LAZY, *_UNIT),
        widths=(4, 8, 16, 32, 64, 128),
        width_seeds=20,
        curves=20,
    ),
    "full": Settings(
        seeds=20,
        width=2048,
        trained=(*_FEW, *_MORE),
        cells=(*_LAZY, *_UNIT, *_FED),
        widths=(2, 4, 8, 16, 32, 64, 128, 256, 1024),
        width_seeds=100,
        curves=200,
    ),
}


# Targets


def _centred(pattern: Array) -> Array:
    """Patterns along axis 0, shifted and scaled to mean 0 and mean square 1."""
    y = pattern - pattern.mean(0)
    return np.asarray(y / np.sqrt((y**2).mean(0)))


def stretches(count: int) -> Array:
    """Target that alternates between off and on over `count` equal stretches of levels.

    Parameters
    ----------
    count : int
        2…256; 2 is a threshold, ``2 k + 1`` is k bands.

    Returns
    -------
    ndarray of float64, shape (256,)
        Mean 0 (so that learning a constant does not count) and mean square 1.

    Raises
    ------
    ValueError
        If `count` is not in 2…256.

    Examples
    --------
    >>> (np.diff(stretches(5)) != 0).sum()
    np.int64(4)
    """
    if not 2 <= count <= LEVELS:
        raise ValueError(f"count must be 2…{LEVELS}, got {count}")
    return _centred((np.arange(LEVELS) * count // LEVELS % 2).astype(np.float64))


def target(name: str) -> Array:
    """One of `TARGETS`, shape ``(256,)``, mean 0 and mean square 1.

    Raises
    ------
    ValueError
        For an unknown name; the valid ones are listed.

    Examples
    --------
    >>> target("threshold")[[0, 255]]
    array([-1.,  1.])
    """
    if name not in TARGETS:
        raise ValueError(f"unknown target {name!r}; valid: {', '.join(TARGETS)}")
    return stretches(TARGETS[name])


def band(low: int, high: int) -> Array:
    """Target that is on at levels `low` … `high`, mean 0 and mean square 1.

    Raises
    ------
    ValueError
        Unless ``0 <= low <= high <= 255``, and not for all levels (a constant).

    Examples
    --------
    >>> bool(band(10, 20)[15] > 0 > band(10, 20)[9])
    True
    """
    if not 0 <= low <= high < LEVELS or high - low == LEVELS - 1:
        raise ValueError(f"levels {low}…{high} are no band")
    levels = np.arange(LEVELS)
    return _centred(((levels >= low) & (levels <= high)).astype(np.float64))


# Kernels


def angle(u: ArrayLike) -> Array:
    """Angles between the rows of a matrix, exact to rounding also where they are tiny.

    ``2 atan2(|û - v̂|, |û + v̂|)`` (Kahan) where ``arccos`` would lose half the digits.

    Parameters
    ----------
    u : array_like of float, shape (n, k)
        No row is zero.

    Returns
    -------
    ndarray of float64, shape (n, n)
        In radians, 0…π.

    Examples
    --------
    >>> angle([[1.0, 0.0], [0.0, 2.0]]).round(4)
    array([[0.    , 1.5708],
           [1.5708, 0.    ]])
    """
    rows = np.asarray(u, np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    apart = np.linalg.norm(unit[:, None] - unit[None], axis=-1)
    along = np.linalg.norm(unit[:, None] + unit[None], axis=-1)
    return np.asarray(2 * np.arctan2(apart, along))


def arc_cosine(theta: Array, order: int) -> Array:
    """Arc-cosine kernel of unit vectors at an angle, ``J_n(θ) / π``.

    Order 0, ``(π - θ) / π``, is ``2 E[φ'(w·u) φ'(w·v)]`` and order 1,
    ``(sin θ + (π - θ) cos θ) / π``, is ``2 E[φ(w·u) φ(w·v)]`` over standard normal ``w``, with
    ``φ = ReLU``. Cho and Saul (2009), equations 4 to 6.

    Parameters
    ----------
    theta : ndarray of float64, any shape
        Radians, 0…π.
    order : {0, 1}
        Which one.

    Returns
    -------
    ndarray of float64, the same shape
        In [0, 1].

    Raises
    ------
    ValueError
        For another order.

    Examples
    --------
    >>> arc_cosine(np.array([0.0, np.pi]), 0), arc_cosine(np.array([0.0]), 1)
    (array([1., 0.]), array([1.]))
    """
    if order == 0:
        return np.asarray((np.pi - theta) / np.pi)
    if order == 1:
        return np.asarray((np.sin(theta) + (np.pi - theta) * np.cos(theta)) / np.pi)
    raise ValueError(f"order must be 0 or 1, got {order}")


@dataclass(frozen=True)
class Rates:
    """Learning rates of the parameters, in the units of the NTK parametrisation.

    Attributes
    ----------
    weights, bias, output : float
        Factors on the common learning rate for ``w``, ``b`` and ``a``.
    """

    weights: float = 1.0
    bias: float = 1.0
    output: float = 1.0

    @classmethod
    def standard(cls, width: int, channels: int, bias: float = 1.0) -> Rates:
        """Rates that equal plain gradient descent in the *standard* parametrisation.

        There the factors ``1/√d``, ``β`` and ``√(2/n)`` are not in front of the parameters but in
        their initial deviations, as in the usual libraries: ``w' = w/√d``, ``b' = β b``,
        ``a' = √(2/n) a``. One step on ``w'`` then is ``d`` steps on ``w``, and so on.
        """
        return cls(weights=channels, bias=1 / bias**2, output=width / 2)


NTK_RATES = Rates()


def ntk(x: ArrayLike, bias: float = 1.0, hidden_layers: int = 1, rates: Rates = NTK_RATES) -> Array:
    """Neural tangent kernel of an infinitely wide ReLU net, in closed form.

    With ``u = (x / √d, β)``, ``|u|`` its length and ``θ`` the angle between two of them, the
    two-layer net of the module's docstring has ``Θ = |u||v| J_1(θ)/π + u·v J_0(θ)/π``. More hidden
    layers, each with a bias of the same ``β``, follow the recursion of Jacot et al. (2018).

    Parameters
    ----------
    x : array_like of float, shape (n, channels)
        Points, for instance the colours of the 256 levels.
    bias : float, default 1.0
        ``β``: deviation of the biases relative to the weights' ``1/√d``. It is not 0 together with
        a point at 0.
    hidden_layers : int, default 1
        1 is the two-layer net.
    rates : Rates, optional
        Learning rates other than 1; for one hidden layer only.

    Returns
    -------
    ndarray of float64, shape (n, n)
        Symmetric, positive semidefinite.

    Raises
    ------
    ValueError
        If a point is 0 and has no bias, or rates are given for a deeper net.

    Examples
    --------
    >>> float(ntk([[1.0]], bias=0.0)[0, 0])
    2.0
    """
    points = np.asarray(x, np.float64)
    if hidden_layers > 1 and rates != NTK_RATES:
        raise ValueError("rates are defined for one hidden layer")
    count, channels = points.shape
    u = np.column_stack([points / np.sqrt(channels), np.full(count, float(bias))])
    if (np.abs(u).max(1) == 0).any():
        raise ValueError("a point at 0 needs a bias: its kernel would be 0")
    tangent = rates.weights * (points @ points.T) / channels + rates.bias * bias**2
    theta, length = angle(u), np.linalg.norm(u, axis=1)
    for layer in range(hidden_layers):
        value = np.outer(length, length) * arc_cosine(theta, 1)  # covariance after the ReLU
        tangent = tangent * arc_cosine(theta, 0)
        if layer < hidden_layers - 1:
            value = value + bias**2
            tangent = tangent + value
            length = np.sqrt(np.diag(value))
            cosine = value / np.outer(length, length)
            theta = np.arccos(np.clip(cosine, -1, 1))
            np.fill_diagonal(theta, 0.0)
    kernel = tangent + rates.output * value
    return np.asarray((kernel + kernel.T) / 2)


@dataclass(frozen=True)
class Spectrum:
    """Eigen-decomposition of a kernel on the levels, as the operator ``Θ / n``.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        Decreasing; those below rounding are 0.
    vectors : ndarray of float64, shape (n, n)
        Column k belongs to value k; orthonormal.
    """

    values: Array
    vectors: Array

    def shares(self, y: ArrayLike) -> Array:
        """Share of a target's square along each eigenvector, shape as `y`, sums to 1."""
        parts = (self.vectors.T @ np.asarray(y, np.float64)) ** 2
        return np.asarray(parts / parts.sum(0))


def spectrum(kernel: ArrayLike) -> Spectrum:
    """Decompose a kernel whose points are equally frequent.

    Parameters
    ----------
    kernel : array_like of float, shape (n, n)
        Symmetric, positive semidefinite.

    Returns
    -------
    Spectrum
        Of ``kernel / n``.

    Examples
    --------
    >>> spectrum(np.eye(2)).values
    array([0.5, 0.5])
    """
    matrix = np.asarray(kernel, np.float64)
    values, vectors = np.linalg.eigh(matrix / len(matrix))
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = len(matrix) * np.finfo(float).eps * values[0]
    return Spectrum(np.where(values > noise, values, 0.0), vectors)


def time_to(decomposed: Spectrum, y: ArrayLike, residual: float = RESIDUAL) -> Array:
    """Gradient-flow time until the squared residual is a given share of the target's square.

    Along eigenvector k the residual decays as ``exp(-λ_k t)``; the time solves
    ``Σ_k share_k exp(-2 λ_k t) = residual``.

    Parameters
    ----------
    decomposed : Spectrum
        Of the kernel.
    y : array_like of float, shape (n,) or (n, targets)
        Targets.
    residual : float, default 0.2
        Share in (0, 1).

    Returns
    -------
    ndarray of float64, shape () or (targets,)
        Learning rate times steps; ``inf`` where the share is never reached, because the encoding
        does not tell levels apart that the target does.

    Examples
    --------
    >>> round(float(time_to(spectrum(np.eye(4)), [1, 0, 0, 0], np.exp(-1.0))), 9)
    2.0
    """
    if not 0 < residual < 1:
        raise ValueError(f"residual must lie in (0, 1), got {residual}")
    shares = decomposed.shares(y)
    flat = shares.reshape(len(shares), -1)
    live = decomposed.values > 0
    values, parts = decomposed.values[live, None], flat[live]
    never = flat[~live].sum(0)
    low = np.full(flat.shape[1], np.log10(1e-3 / values.max()))
    high = np.full(flat.shape[1], np.log10(40 / values.min()))
    for _ in range(50):  # bisection of the logarithm, to 1e-13 of a decade
        middle = (low + high) / 2
        above = (parts * np.exp(-2 * values * 10**middle)).sum(0) + never > residual
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(np.where(never < residual, 10**high, np.inf).reshape(shares.shape[1:]))


# Predictions


def _targets() -> Array:
    """Return the four targets as columns, shape (256, 4)."""
    return np.stack([target(name) for name in TARGETS], axis=1)


def compare(
    tables: Mapping[str, ArrayLike],
    bias: float = 1.0,
    hidden_layers: int = 1,
    reference: str = GRAY,
) -> pd.DataFrame:
    """Predicted times of encodings on the four targets, and ratios to a reference.

    Parameters
    ----------
    tables : mapping of str to array_like, shape (256, channels)
        Scaled encodings; the reference is one of them.
    bias, hidden_layers
        See `ntk`.
    reference : str, default "gray8"
        What speed 1 is.

    Returns
    -------
    DataFrame
        A row for each encoding and target, columns ``encoding``, ``target``, ``time``,
        ``top`` (largest eigenvalue), ``speed`` (reference's time / time, at the same learning
        rate) and ``speed_stable`` (each at its own largest stable rate, 2 / top).
    """
    rows = []
    for name, x in tables.items():
        decomposed = spectrum(ntk(x, bias, hidden_layers))
        for goal, time in zip(TARGETS, time_to(decomposed, _targets()), strict=True):
            rows.append((name, goal, float(time), float(decomposed.values[0])))
    frame = pd.DataFrame(rows, columns=["encoding", "target", "time", "top"])
    own = frame[frame.encoding == reference].set_index("target")
    base, top = frame.target.map(own.time), frame.target.map(own.top)
    frame["speed"] = base / frame.time
    frame["speed_stable"] = frame.speed * top / frame.top
    return frame


def predicted_speed(
    names: Iterable[str], scale: ScaleName, bias: float = 1.0, seed: int = 0
) -> pd.DataFrame:
    """`compare` for encodings by name, gray added as the reference.

    Parameters
    ----------
    names : iterable of str
        See `analysis.sound.encodings`.
    scale : str
        How channels are scaled, see `analysis.sound.encodings.fit_scale`.
    bias : float, default 1.0
        See `ntk`.
    seed : int, default 0
        For the random encodings.

    Returns
    -------
    DataFrame
        As `compare`, with the columns ``scale`` and ``bias``.

    Examples
    --------
    >>> frame = predicted_speed(["gray3"], "equal_energy")
    >>> bool(np.allclose(frame.speed, 1))
    True
    """
    tables = {name: scaled_table(name, scale, seed) for name in (GRAY, *names)}
    return compare(tables, bias).assign(scale=scale, bias=bias)


def random_curve_speed(count: int, scale: ScaleName, seed: int) -> pd.DataFrame:
    """`compare` for many random smooth curves: what to expect of a map that nobody designed.

    Parameters
    ----------
    count : int
        Number of curves, drawn with the seeds ``seed … seed + count - 1``.
    scale : str
        See `analysis.sound.encodings.fit_scale`.
    seed : int
        First curve.

    Returns
    -------
    DataFrame
        As `compare`, without gray.
    """
    tables = {GRAY: scaled_table(GRAY, scale)}
    for k in range(count):
        curve = random_curve(np.arange(LEVELS) / (LEVELS - 1), seed + k)
        tables[f"random-{k}"] = fit_scale(scale, curve)(curve)
    frame = compare(tables)
    return frame[frame.encoding != GRAY].reset_index(drop=True)


def band_map(name: str, scale: ScaleName = "equal_energy", step: int = 8) -> pd.DataFrame:
    """Speed relative to gray for every band whose ends lie on a grid.

    Parameters
    ----------
    name : str
        Encoding.
    scale : str, default "equal_energy"
        See `analysis.sound.encodings.fit_scale`.
    step : int, default 8
        Grid of the ends, a divisor of 256.

    Returns
    -------
    DataFrame
        Columns ``encoding``, ``low``, ``high`` (levels, inclusive), ``speed``.
    """
    ends = [
        (low, high - 1)
        for low in range(0, LEVELS, step)
        for high in range(low + step, LEVELS + 1, step)
        if high - low < LEVELS
    ]
    y = np.stack([band(*pair) for pair in ends], axis=1)
    own = time_to(spectrum(ntk(scaled_table(name, scale))), y)
    gray = time_to(spectrum(ntk(scaled_table(GRAY, scale))), y)
    frame = pd.DataFrame(ends, columns=["low", "high"]).assign(speed=gray / own)
    frame.insert(0, "encoding", name)
    return frame


def band_order(decomposed: Spectrum) -> pd.DataFrame:
    """How a target's square accumulates from the fast eigenvectors to the slow ones.

    Parameters
    ----------
    decomposed : Spectrum
        Of an encoding's kernel.

    Returns
    -------
    DataFrame
        Columns ``target``, ``rank`` (1 is the fastest), ``value`` (eigenvalue) and ``unlearned``
        (share of the square at this and slower ranks).
    """
    frames = []
    for name in TARGETS:
        shares = decomposed.shares(target(name))
        frames.append(
            pd.DataFrame(
                {
                    "target": name,
                    "rank": np.arange(1, LEVELS + 1),
                    "value": decomposed.values,
                    "unlearned": shares[::-1].cumsum()[::-1],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


# Training


def _start(seeds: Sequence[int], channels: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw ``(w, b)``, shape (seeds, channels + 1, width), and ``a``, (seeds, width, 1)."""
    first, last = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        first.append(torch.randn(channels + 1, width, generator=generator))
        last.append(torch.randn(width, 1, generator=generator))
    return torch.stack(first), torch.stack(last)


def _outputs(hidden: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """``hidden @ a`` for every network; one product each beats a batched one with one column."""
    pairs = zip(hidden, a[..., 0], strict=True)
    return torch.stack([torch.mv(layer, weights) for layer, weights in pairs])[..., None]


@dataclass(frozen=True)
class _State:
    """Networks at one step: inputs (n, channels + 1), parameters and ``f - f_start - y``."""

    u: torch.Tensor
    w: torch.Tensor
    a: torch.Tensor
    error: torch.Tensor


def _descend(
    x: ArrayLike,
    y: ArrayLike,
    width: int,
    seeds: Sequence[int],
    rate: float,
    bias: float = 1.0,
    rates: Rates = NTK_RATES,
) -> Iterator[_State]:
    """Gradient descent without end, one state a step, the start first; see `train`."""
    points = torch.as_tensor(np.array(x, np.float32))
    count, channels = points.shape
    u = torch.cat([points / math.sqrt(channels), torch.full((count, 1), float(bias))], dim=1)
    goal = torch.as_tensor(np.array(y, np.float32))[:, None]
    w_start, a_start = _start(seeds, channels, width)
    w_moved, a_moved = torch.zeros_like(w_start), torch.zeros_like(a_start)  # small: kept apart
    gain = math.sqrt(2 / width)
    per_row = torch.tensor([*[rates.weights] * channels, rates.bias])[:, None]
    offset = gain * _outputs((u @ w_start).relu(), a_start)
    while True:
        w, a = w_start + w_moved, a_start + a_moved
        hidden = (u @ w).relu_()
        error = gain * _outputs(hidden, a) - offset - goal
        yield _State(u, w, a, error)
        step_a = torch.bmm(error.transpose(1, 2), hidden).transpose(1, 2)
        a_moved -= (rate * rates.output * gain / count) * step_a
        step_w = torch.bmm((error * u).transpose(1, 2), hidden.sign_()) * a.transpose(1, 2)
        w_moved -= (rate * gain / count) * per_row * step_w


def train(
    x: ArrayLike,
    y: ArrayLike,
    *,
    width: int,
    seeds: Sequence[int],
    rate: float,
    limit: float,
    bias: float = 1.0,
    rates: Rates = NTK_RATES,
    residual: float = RESIDUAL,
) -> Array:
    """Time that real networks take, by full-batch gradient descent, all seeds at once.

    The network and its loss are those of the module's docstring; nothing is linearised.

    Parameters
    ----------
    x : array_like of float, shape (n, channels)
        Scaled colours of the levels.
    y : array_like of float, shape (n,)
        Target.
    width : int
        Neurons in the hidden layer.
    seeds : sequence of int
        One network each.
    rate : float
        Learning rate; stable below 2 / (largest eigenvalue of the kernel / n).
    limit : float
        Give up at this time (rate × steps).
    bias, rates
        See `ntk`.
    residual : float, default 0.2
        Share of the target's square at which to stop.

    Returns
    -------
    ndarray of float64, shape (seeds,)
        Rate × steps at the first crossing, interpolated in the logarithm of the residual between
        steps; ``inf`` if `limit` came first, or the network diverged.

    Notes
    -----
    float32 on the CPU; deterministic for a given number of threads.

    Examples
    --------
    >>> x, y = scaled_table("turbo", "equal_energy"), target("threshold")
    >>> train(x, y, width=64, seeds=[0, 1], rate=0.1, limit=100.0).shape
    (2,)
    """
    goal = float((np.asarray(y, np.float64) ** 2).mean())
    before, times = np.zeros(len(seeds)), np.full(len(seeds), np.inf)
    steps = _descend(x, y, width, seeds, rate, bias, rates)
    for step, state in zip(range(math.ceil(limit / rate) + 1), steps, strict=False):
        now = np.log((state.error**2).mean((1, 2)).double().numpy() / goal)
        fresh = (now <= math.log(residual)) & np.isinf(times)
        part = (math.log(residual) - before[fresh]) / (now[fresh] - before[fresh])
        times[fresh] = rate * (step - 1 + part)
        before = now
        if np.isfinite(times).all():
            break
    return times


def _rate_for(time: float, top: float) -> float:
    """Learning rate: 60 steps or more to the predicted time, and well within stability."""
    return min(time / 60, 1.4 / top)


def training_times(settings: Settings, seed: int = 0) -> pd.DataFrame:
    """Measure times, beside the predicted ones, for every encoding and cell of the settings.

    Parameters
    ----------
    settings : Settings
        Encodings, cells, width and seeds.
    seed : int, default 0
        First seed of the networks, and of the random encodings.

    Returns
    -------
    DataFrame
        A row a network: ``scale``, ``target``, ``amplitude``, ``encoding``, ``seed``, ``predicted``
        and ``measured`` (times; ``inf`` if it was given up at ``limit``, eight times the
        prediction).
    """
    seeds = range(seed, seed + settings.seeds)
    jobs = [(cell, name) for cell in settings.cells for name in (GRAY, *settings.trained)]
    rows = []
    for cell, name in tqdm(jobs, desc="wide networks", disable=None):
        x, y = scaled_table(name, cell.scale, seed), cell.amplitude * target(cell.target)
        decomposed = spectrum(ntk(x))
        predicted = float(time_to(decomposed, y))
        rate, limit = _rate_for(predicted, float(decomposed.values[0])), 8 * predicted
        for start in range(0, len(seeds), 5):  # five at a time stay in the cache
            few = seeds[start : start + 5]
            found = train(x, y, width=settings.width, seeds=few, rate=rate, limit=limit)
            rows += [
                (cell.scale, cell.target, cell.amplitude, name, s, predicted, float(t), limit)
                for s, t in zip(few, found, strict=True)
            ]
    columns = ["scale", "target", "amplitude", "encoding", "seed", "predicted", "measured", "limit"]
    return pd.DataFrame(rows, columns=columns)


def speed_ratios(times: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Predicted and measured speed relative to gray, with intervals over the seeds.

    Parameters
    ----------
    times : DataFrame
        As `training_times` gives.
    seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each scale, target, amplitude and encoding but gray: ``predicted``; ``measured``,
        the geometric mean over the seeds of gray's time / time, with its 95 % bootstrap interval
        ``low`` and ``high``; ``reached``, the share of the networks that got there (the mean is
        over those; NaN below two); ``bound``: True if some of gray's networks were given up, so
        that ``measured`` counts their time as the limit and the truth is larger.
    """
    rows = []
    for (scale, goal, amplitude), cell in times.groupby(
        ["scale", "target", "amplitude"], sort=False
    ):
        gray = cell[cell.encoding == GRAY].set_index("seed")
        given = gray.measured.clip(upper=gray.limit)
        for name, own in cell[cell.encoding != GRAY].groupby("encoding", sort=False):
            mine = own.set_index("seed")
            done = np.isfinite(mine.measured)
            predicted = float(gray.predicted.iloc[0] / mine.predicted.iloc[0])
            low = mean = high = math.nan
            if done.sum() >= 2:
                found = bootstrap_mean(np.log(given[done] / mine.measured[done]), seed)
                mean, low, high = (math.exp(v) for v in (found.estimate, found.low, found.high))
            bound = bool(np.isinf(gray.measured[done]).any())
            reached = float(done.mean())
            rows.append((scale, goal, amplitude, name, predicted, mean, low, high, reached, bound))
    columns = ["scale", "target", "amplitude", "encoding", "predicted"]
    return pd.DataFrame(rows, columns=[*columns, "measured", "low", "high", "reached", "bound"])


def _decay(state: _State, error: Array) -> float:
    """Rate ``r·Θr / (n r·r)`` at which a network's own kernel would reduce a residual."""
    u, w, a = (v.double().numpy() for v in (state.u, state.w[0], state.a[0]))
    hidden = u @ w
    fires = (hidden > 0).astype(np.float64)
    hidden = hidden * fires
    through = 2 / w.shape[1] * (hidden @ (hidden.T @ error))
    through += 2 / w.shape[1] * ((fires * a[:, 0] ** 2) @ fires.T * (u @ u.T)) @ error
    return float(error @ through / (error @ error) / len(error))


def kernel_drift(
    names: Sequence[str], settings: Settings, goal: str = "two-band", seed: int = 0
) -> pd.DataFrame:
    """Measure what training at full size does to the kernel, which theory holds fixed.

    Each network is trained for the time in which theory has it reach `RESIDUAL`. What is left of
    the target then decays at a rate that depends on the kernel: that of the network as it is now,
    or as it was at the start.

    Parameters
    ----------
    names : sequence of str
        Encodings, at equal energy.
    settings : Settings
        ``width`` and ``seeds``.
    goal : str, default "two-band"
        Target.
    seed : int, default 0
        First seed.

    Returns
    -------
    DataFrame
        A row a network: ``encoding``, ``seed``, ``residual`` (share of the target's square),
        ``start`` and ``now`` (rates, per time unit).
    """
    rows = []
    y = target(goal)
    for name in tqdm(names, desc="kernel drift", disable=None):
        x = scaled_table(name, "equal_energy")
        decomposed = spectrum(ntk(x))
        predicted = float(time_to(decomposed, y))
        rate = _rate_for(predicted, float(decomposed.values[0]))
        for s in range(seed, seed + settings.seeds):
            steps = _descend(x, y, settings.width, [s], rate)
            first = last = next(steps)
            for _ in range(round(predicted / rate)):
                last = next(steps)
            left = last.error[0, :, 0].double().numpy()
            share = float((left**2).mean())
            rows.append((name, s, share, _decay(first, left), _decay(last, left)))
    return pd.DataFrame(rows, columns=["encoding", "seed", "residual", "start", "now"])


# Width, depth and features instead of colour


def finite_width(
    names: Sequence[str], settings: Settings, goal: str = "band", seed: int = 0
) -> pd.DataFrame:
    """How many narrow networks learn a target at all, and how soon, against their width.

    Every network gets four times the time that theory gives to an infinitely wide one on gray.

    Parameters
    ----------
    names : sequence of str
        Encodings, at equal energy.
    settings : Settings
        ``widths`` and ``width_seeds``.
    goal : str, default "band"
        Target.
    seed : int, default 0
        First seed.

    Returns
    -------
    DataFrame
        ``encoding``, ``width``, ``reached`` (share of the networks), ``time`` (median over all of
        them, ``inf`` if fewer than half got there).
    """
    y = target(goal)
    allowed = 4 * float(time_to(spectrum(ntk(scaled_table(GRAY, "equal_energy"))), y))
    seeds = range(seed, seed + settings.width_seeds)
    rows = []
    for name in tqdm(names, desc="narrow networks", disable=None):
        x = scaled_table(name, "equal_energy")
        for width in settings.widths:
            times = train(x, y, width=width, seeds=seeds, rate=0.2, limit=allowed)
            middle = float(np.sort(times)[len(times) // 2])
            rows.append((name, width, float(np.isfinite(times).mean()), middle))
    return pd.DataFrame(rows, columns=["encoding", "width", "reached", "time"])


def fourier_speed(counts: Sequence[int], scale: ScaleName = "equal_energy") -> pd.DataFrame:
    """Predicted speed of the first K half-range cosines of the raw value, no colour involved.

    Parameters
    ----------
    counts : sequence of int
        Values of K, the number of channels.
    scale : str, default "equal_energy"
        See `analysis.sound.encodings.fit_scale`.

    Returns
    -------
    DataFrame
        As `compare`, with the column ``features``.
    """
    t = np.arange(LEVELS) / (LEVELS - 1)
    tables = {GRAY: scaled_table(GRAY, scale)}
    for count in counts:
        features = fourier(t, np.arange(1, count + 1))
        tables[str(count)] = fit_scale(scale, features)(features)
    frame = compare(tables)
    frame = frame[frame.encoding != GRAY].reset_index(drop=True)
    return frame.assign(features=frame.encoding.astype(int))


def growth(width: int = 64, factor: int = 3) -> pd.DataFrame:
    """Predict what raw gains from a larger network, or from copies, instead of colour.

    Parameters
    ----------
    width : int, default 64
        Width of the small network in the standard parametrisation.
    factor : int, default 3
        How many times wider it is made, and how many copies of the channel.

    Returns
    -------
    DataFrame
        ``remedy``, ``target``, ``speed`` (same learning rate) and ``speed_stable`` (each at its own
        largest stable rate), relative to raw in the same parametrisation, at equal energy:

        - ``copies``: the channel `factor` times, NTK parametrisation;
        - ``wider``: `factor` times the width, NTK parametrisation. The kernel does not contain the
          width, so that this is 1 by theorem;
        - ``copies, standard`` and ``wider, standard``: plain gradient descent in the standard
          parametrisation, see `Rates.standard`;
        - ``layer`` and ``two layers``: more hidden layers, NTK parametrisation.
    """
    one = scaled_table("raw", "equal_energy")
    many = np.repeat(one, factor, axis=1)
    small = Rates.standard(width, 1)
    base = ntk(one)
    kernels = {
        "copies": (ntk(many), base),
        "wider": (base, base),
        "copies, standard": (
            ntk(many, rates=Rates.standard(width, factor)),
            ntk(one, rates=small),
        ),
        "wider, standard": (
            ntk(one, rates=Rates.standard(factor * width, 1)),
            ntk(one, rates=small),
        ),
        "layer": (ntk(one, hidden_layers=2), base),
        "two layers": (ntk(one, hidden_layers=3), base),
    }
    frames = []
    for name, (kernel, reference) in kernels.items():
        new, old = spectrum(kernel), spectrum(reference)
        speed = time_to(old, _targets()) / time_to(new, _targets())
        stable = speed * old.values[0] / new.values[0]
        frames.append(
            pd.DataFrame(
                {"remedy": name, "target": list(TARGETS), "speed": speed, "speed_stable": stable}
            )
        )
    return pd.concat(frames, ignore_index=True)


# The eye


@dataclass(frozen=True)
class Perception:
    """How a colormap suits the eye, in CAM02-UCS.

    Attributes
    ----------
    monotonicity : float
        ``|J'(255) - J'(0)| / Σ |ΔJ'|`` in [0, 1]: 1 if lightness only rises or only falls.
    uniformity : float
        Mean step between neighbouring levels over its root mean square, in (0, 1]: 1 if all steps
        look equally large.
    """

    monotonicity: float
    uniformity: float


def perception(name: str) -> Perception:
    """Lightness monotonicity and perceptual uniformity of a colormap.

    Parameters
    ----------
    name : str
        A matplotlib colormap.

    Returns
    -------
    Perception
        From J'a'b' of CAM02-UCS (Luo, Cui and Li, 2006) under the sRGB white point, the space in
        which matplotlib's viridis was designed. Computed by colour-science.

    Examples
    --------
    >>> perception("viridis").monotonicity > 0.99 > perception("jet").monotonicity
    True
    """
    jab = colormaps.cam02ucs(name)
    steps = np.diff(jab, axis=0)
    size = np.linalg.norm(steps, axis=1)
    travelled = np.abs(steps[:, 0]).sum()
    return Perception(
        monotonicity=float(abs(steps[:, 0].sum()) / travelled) if travelled > 0 else 0.0,
        uniformity=float(size.mean() / np.sqrt((size**2).mean())),
    )


def distinct_maps() -> tuple[str, ...]:
    """Matplotlib's colormaps without the reversed ones and without repeated tables.

    Of aliases such as ``gist_gray``, ``gray`` and ``grey`` the shortest name, then the first in
    matplotlib's order, stays.

    Examples
    --------
    >>> "gray" in distinct_maps(), "grey" in distinct_maps()
    (True, False)
    """
    groups: dict[bytes, list[str]] = {}
    for name in colormaps.names():
        groups.setdefault(colormaps.lut(name).tobytes(), []).append(name)
    return tuple(min(group, key=len) for group in groups.values())


def map_table(maps: Sequence[str] | None = None, scale: ScaleName = "equal_energy") -> pd.DataFrame:
    """Eye and net, for every distinct colormap.

    Parameters
    ----------
    maps : sequence of str, optional
        Colormaps; `distinct_maps` if not given.
    scale : str, default "equal_energy"
        See `analysis.sound.encodings.fit_scale`.

    Returns
    -------
    DataFrame
        ``encoding``, ``colours`` (distinct ones among the 256), ``monotonicity``, ``uniformity``,
        ``length`` (of the scaled curve in the net's own input space), one column of speed relative
        to gray for each target, and ``speed`` (their geometric mean; 0 if one is never learned).
    """
    maps = distinct_maps() if maps is None else tuple(maps)
    speed = predicted_speed(maps, scale).pivot_table(
        index="encoding", columns="target", values="speed", sort=False
    )
    rows = []
    for name in maps:
        seen = perception(name)
        x = scaled_table(name, scale)
        length = np.linalg.norm(np.diff(x, axis=0), axis=1).sum() / math.sqrt(x.shape[1])
        colours = len(np.unique(table(name), axis=0))
        rows.append((name, colours, seen.monotonicity, seen.uniformity, float(length)))
    columns = ["encoding", "colours", "monotonicity", "uniformity", "length"]
    frame = pd.DataFrame(rows, columns=columns)
    for goal in TARGETS:
        frame[goal] = speed.loc[list(maps), goal].to_numpy()
    with np.errstate(divide="ignore"):  # the logarithm of speed 0, a target never learned
        frame["speed"] = np.exp(np.log(frame[list(TARGETS)]).mean(axis=1))
    return frame


# Verdicts


def _three_ways(share: float) -> str:
    return "holds" if share == 1 else "fails" if share == 0 else "holds with limits"


def verdict_turbo_over_jet(cells: pd.DataFrame, random: pd.DataFrame) -> tuple[str, float, float]:
    """Judge C2 by learning speed: turbo against jet, and against curves that nobody designed.

    *Rule.* A target at a scale counts for turbo if its predicted speed beats jet's by more than
    5 %. All count, and turbo's geometric mean at equal energy lies above 95 % of the random
    curves': holds. None counts: fails. Else: holds with limits.

    Parameters
    ----------
    cells : DataFrame
        `predicted_speed` of turbo and jet, for one or more scales.
    random : DataFrame
        `random_curve_speed` at equal energy.

    Returns
    -------
    verdict : str
    share : float
        Of the targets and scales that count for turbo.
    percentile : float
        Share of the random curves that turbo beats, 0…1.
    """
    wide = cells.pivot_table(index=["scale", "target"], columns="encoding", values="speed")
    share = float((wide["turbo"] > 1.05 * wide["jet"]).mean())
    own = cells[(cells.encoding == "turbo") & (cells.scale == "equal_energy")]
    turbo = np.exp(np.log(own.speed).mean())
    curves = np.exp(np.log(random.speed).groupby(random.encoding).mean())
    percentile = float((curves < turbo).mean())
    verdict = _three_ways(share)
    if verdict == "holds" and percentile < 0.95:
        verdict = "holds with limits"
    return verdict, share, percentile


def verdict_colormap_matters(maps: pd.DataFrame) -> tuple[str, pd.Series]:
    """Judge D3 by learning speed: how far apart the colormaps are that keep the levels apart.

    *Rule.* "Strongly" is a factor of 2 or more between the 10th and the 90th percentile of speed
    over the maps with at least 250 distinct colours. For all targets: holds; for none: fails; else:
    holds with limits.

    Parameters
    ----------
    maps : DataFrame
        `map_table`.

    Returns
    -------
    verdict : str
    factor : Series
        90th over 10th percentile, by target.
    """
    apart = maps.loc[maps.colours >= 250, list(TARGETS)]
    factor = apart.quantile(0.9) / apart.quantile(0.1)
    return _three_ways(float((factor.to_numpy() >= 2).mean())), factor


def verdict_growing_suffices(
    cells: pd.DataFrame, grown: pd.DataFrame, narrow: pd.DataFrame, colour: str = "turbo"
) -> tuple[str, float, bool]:
    """Judge A6 by learning: whether more neurons or another layer do what colour does.

    *Rule.* Two parts. (1) *Speed*: on how many targets does one or two more layers, or a net three
    times wider, each at its own largest stable learning rate, make raw at least as fast as
    `colour`? (2) *Reach*: does raw at some width of the experiment have at least the share of
    successes that `colour` has at its narrowest? Both parts on all targets: holds. Neither on any:
    fails. Else: holds with limits.

    Parameters
    ----------
    cells : DataFrame
        `predicted_speed` at equal energy, with `colour`.
    grown : DataFrame
        `growth`.
    narrow : DataFrame
        `finite_width` with raw (or gray) and `colour`.
    colour : str, default "turbo"
        Which colormap.

    Returns
    -------
    verdict : str
    share : float
        Of the targets where growing is as fast.
    reach : bool
        Whether width makes up for colour in reach.
    """
    grows = grown[grown.remedy.isin(["wider", "wider, standard", "layer", "two layers"])]
    best = grows.groupby("target").speed_stable.max()
    own = cells[cells.encoding == colour].set_index("target").speed_stable
    share = float((best.reindex(own.index) >= own).mean())
    coloured = narrow[narrow.encoding == colour].sort_values("width").reached.iloc[0]
    reach = bool((narrow[narrow.encoding == GRAY].reached >= coloured).any())
    return _three_ways((share + reach) / 2), share, reach


def verdict_duplicate_or_grow(
    cells: pd.DataFrame, grown: pd.DataFrame, colours: Sequence[str] = ("viridis", "turbo", "jet")
) -> tuple[str, pd.Series]:
    """Judge D1 by learning speed: whether copies or a larger net do as much as colour.

    *Rule.* Over the targets, the given colormaps, and the two remedies (copies; the best of wider
    and one more layer), each at its own largest stable rate: how often is the remedy at least as
    fast? Always: holds. Never: fails. Else: holds with limits.

    Parameters
    ----------
    cells : DataFrame
        `predicted_speed` at equal energy, with the colormaps.
    grown : DataFrame
        `growth`.
    colours : sequence of str
        Which colormaps.

    Returns
    -------
    verdict : str
    shares : Series
        Of the targets and colormaps, for ``copies`` and for ``growing``.
    """
    own = cells[cells.encoding.isin(colours)].pivot_table(
        index="target", columns="encoding", values="speed_stable"
    )
    remedies = {
        "copies": ["copies", "copies, standard"],
        "growing": ["wider", "wider, standard", "layer"],
    }
    shares = {}
    for kind, names in remedies.items():
        best = grown[grown.remedy.isin(names)].groupby("target").speed_stable.max()
        shares[kind] = float(own.le(best.reindex(own.index), axis=0).to_numpy().mean())
    result = pd.Series(shares)
    return _three_ways(float(result.mean())), result
