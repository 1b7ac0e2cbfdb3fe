r"""How soon a wide ReLU net learns a pattern of levels: its neural tangent kernel, in closed form.

The net, of width ``n`` on ``d`` channels, in the *NTK parametrisation*:

.. math::

    f(x) = \sqrt{2/n}\, \sum_{j=1}^{n} a_j\, \phi\big(w_j \cdot x / \sqrt{d} + \beta\, b_j\big),
    \qquad \phi(z) = \max(z, 0),

with all entries of ``a``, ``w``, ``b`` standard normal at the start and *all* of them trained by
gradient descent on ``½ mean (f - f_start - y)²`` over points that are equally frequent. There is no
output bias, and ``β = 1`` unless said otherwise. As ``n`` grows the residual over ``N`` points
follows ``dr/dt = -Θ r / N`` with a fixed kernel ``Θ`` (Jacot et al., 2018, *Neural tangent
kernel*), known in closed form by the arc-cosine kernels (Cho and Saul, 2009, *Kernel methods for
deep learning*). Time ``t`` is the learning rate times the number of steps.
`analysis.wide_nets.two_layer` trains the same net at finite width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.colour.colormaps import LEVELS

Array = NDArray[np.float64]

#: A target counts as learned when the squared residual is this share of the target's square.
RESIDUAL = 0.2

#: Targets: the levels cut into this many equal stretches, alternately off and on.
TARGETS: dict[str, int] = {"threshold": 2, "band": 3, "two-band": 5, "four-band": 9}


# --- targets ---------------------------------------------------------------------------------


def _centred(pattern: Array) -> Array:
    """Shift and scale to mean 0 (so that learning a constant does not count), mean square 1."""
    y = pattern - pattern.mean(0)
    return np.asarray(y / np.sqrt((y**2).mean(0)))


def stretches(count: int) -> Array:
    """Alternate between off and on over `count` equal stretches of levels, 2…256.

    Two are a threshold, ``2 k + 1`` are k bands; shape ``(256,)``, mean 0 and mean square 1.

    >>> (np.diff(stretches(5)) != 0).sum()
    np.int64(4)
    """
    if not 2 <= count <= LEVELS:
        raise ValueError(f"count must be 2…{LEVELS}, got {count}")
    return _centred((np.arange(LEVELS) * count // LEVELS % 2).astype(np.float64))


def alternating(edges: ArrayLike) -> Array:
    """Alternate between off and on at the edges of stretches of [0, 1], as `stretches`.

    >>> bool((alternating([0, 0.5, 1]) == stretches(2)).all())
    True
    """
    inner = np.asarray(edges, np.float64)[1:-1]
    on = np.searchsorted(inner, (np.arange(LEVELS) + 0.5) / LEVELS) % 2
    return _centred(on.astype(np.float64))


def target(name: str) -> Array:
    """One of `TARGETS`, as `stretches`.

    >>> target("threshold")[[0, 255]]
    array([-1.,  1.])
    """
    if name not in TARGETS:
        raise ValueError(f"unknown target {name!r}; valid: {', '.join(TARGETS)}")
    return stretches(TARGETS[name])


def band(low: int, high: int) -> Array:
    """Target that is on at levels `low` … `high` (not at all of them), as `stretches`.

    >>> bool(band(10, 20)[15] > 0 > band(10, 20)[9])
    True
    """
    if not 0 <= low <= high < LEVELS or high - low == LEVELS - 1:
        raise ValueError(f"levels {low}…{high} are no band")
    levels = np.arange(LEVELS)
    return _centred(((levels >= low) & (levels <= high)).astype(np.float64))


# --- kernels ---------------------------------------------------------------------------------


def angle(u: ArrayLike) -> Array:
    """Angles between the rows of a matrix in radians, exact to rounding also where they are tiny.

    ``2 atan2(|û - v̂|, |û + v̂|)`` (Kahan) where ``arccos`` would lose half the digits. No row may
    be zero.

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
    """Arc-cosine kernel ``J_n(θ) / π`` of unit vectors at an angle in 0…π (radians).

    Order 0, ``(π - θ) / π``, is ``2 E[φ'(w·u) φ'(w·v)]`` and order 1, ``(sin θ + (π - θ) cos θ) /
    π``, is ``2 E[φ(w·u) φ(w·v)]`` over standard normal ``w``: Cho and Saul (2009), equations 4 to
    6. There are no other orders here.

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
    """Factors on the learning rate of ``w``, ``b`` and ``a``, in the NTK parametrisation."""

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
    two-layer net has ``Θ = |u||v| J_1(θ)/π + u·v J_0(θ)/π``. More hidden layers, each with a bias
    of the same ``β``, follow the recursion of Jacot et al. (2018). `x` are points, shape (n,
    channels), for instance the colours of the 256 levels. `bias`, ``β``, is the deviation of the
    biases relative to the weights' ``1/√d``; it is not 0 together with a point at 0, whose kernel
    would be 0. Only the two-layer net, `hidden_layers` 1, takes `rates`.

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


# --- dynamics --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spectrum:
    """Eigen-decomposition of a kernel on ``n`` points, as the operator ``Θ / n``."""

    values: Array  # (n,); decreasing; those below rounding are 0
    vectors: Array  # (n, n); column k belongs to value k; orthonormal

    def shares(self, y: ArrayLike) -> Array:
        """Share of a target's square along each eigenvector, shape as `y`, sums to 1."""
        parts = (self.vectors.T @ np.asarray(y, np.float64)) ** 2
        return np.asarray(parts / parts.sum(0))

    def residual(self, y: ArrayLike, times: Array) -> Array:
        """Share of a target's square, target of shape (n,), that is left at some times."""
        left = self.shares(y) * np.exp(-2 * self.values * times[:, None])
        return np.asarray(left.sum(1))


def spectrum(kernel: ArrayLike) -> Spectrum:
    """Decompose a kernel, symmetric and positive semidefinite, whose points are equally frequent.

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

    Along eigenvector k the residual decays as ``exp(-λ_k t)``; the time solves ``Σ_k share_k exp(-2
    λ_k t) = residual``. `y` is one target, shape (n,), or many. ``inf`` where the share is never
    reached: the encoding does not tell levels apart that the target does.

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
