r"""One number for a data set: how much of what single pixels tell of the class is in bands.

At one frequency a pixel's level tells something of the class: the posterior ``g(s) = P(c | s)``
differs from the class's share. The *band index* is the share of the variance of ``g`` that no
monotone function of the level carries, whatever its direction:

.. math::  B = 1 - \frac{\sum_{r,c} \max_\pm \lVert m_\pm \rVert^2}{\sum_{r,c} \lVert g \rVert^2},

with ``m`` the nearest monotone function (isotonic regression) to ``g`` less its mean, and the sums
over frequencies ``r`` and classes ``c``. It is 0 where more is always more, and near 1 where
classes differ in bands of levels. No net is trained.

Squares of noisy estimates are too large. So every product is taken between two halves of the
groups, which are independent: ``⟨g_A, g_B⟩`` for the whole and ``⟨m_A, g_B⟩`` for its monotone
part, since ``⟨m, g⟩ = ‖m‖²``. The interval is the jackknife's over parts that divide no group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.evidence.statistics import Interval

Array = NDArray[np.float64]

#: Parts of the groups: half of them against the other half, and one left out at a time.
_FEWEST, _PARTS = 4, 16
_SPLITS = 12  # ways of halving, averaged


@dataclass(frozen=True)
class BandIndex:
    """How a data set's single-pixel information is spread over levels.

    Attributes
    ----------
    index : Interval
        Share that no monotone function carries, 0…1 but for noise.
    information : Interval
        Variance of the class that a pixel's level explains, over the class's own variance.
    """

    index: Interval
    information: Interval

    @property
    def known(self) -> bool:
        """Whether there is single-pixel information at all, of which to take a share."""
        return self.information.low > 0


def monotone(values: ArrayLike, weights: ArrayLike) -> Array:
    """Nearest monotone functions along the last axis: the better of rising and falling.

    Parameters
    ----------
    values, weights : array_like of float, shapes (…, n)
        Weights are positive.

    Returns
    -------
    ndarray of float64, shape (…, n)
        Weighted isotonic regression, by its max–min formula (Robertson, Wright and Dykstra, 1988,
        *Order restricted statistical inference*), of the direction that explains more.

    Examples
    --------
    >>> monotone([3.0, 2.0, 2.0, 1.0], np.ones(4)), monotone([0.0, 2.0, 1.0], np.ones(3))
    (array([3., 2., 2., 1.]), array([0. , 1.5, 1.5]))
    """
    y, w = np.broadcast_arrays(np.asarray(values, np.float64), np.asarray(weights, np.float64))
    rising, falling = _isotonic(y, w), -_isotonic(-y, w)
    better = ((y - rising) ** 2 * w).sum(-1) <= ((y - falling) ** 2 * w).sum(-1)
    return np.where(better[..., None], rising, falling)


def _isotonic(y: Array, w: Array) -> Array:
    """``max_{j ≤ i} min_{k ≥ i}`` of the weighted means from j to k."""
    size = y.shape[-1]
    sums = np.concatenate([np.zeros((*y.shape[:-1], 1)), (y * w).cumsum(-1)], -1)
    mass = np.concatenate([np.zeros((*y.shape[:-1], 1)), w.cumsum(-1)], -1)
    best = np.full(y.shape, -np.inf)
    for j in range(size):
        means = (sums[..., j + 1 :] - sums[..., j, None]) / (
            mass[..., j + 1 :] - mass[..., j, None]
        )
        least = np.minimum.accumulate(means[..., ::-1], -1)[..., ::-1]
        best[..., j:] = np.maximum(best[..., j:], least)
    return best


def band_index(
    levels: NDArray[Any], labels: ArrayLike, groups: ArrayLike | None = None,
    *, by_row: bool = True, bins: int = 12, seed: int = 0,
) -> BandIndex:  # fmt: skip
    """Estimate the band index of pictures with classes.

    Parameters
    ----------
    levels : ndarray, shape (n, rows, columns)
        Levels, decibels or any other value of a pixel: only their order counts.
    labels : array_like of int, shape (n,)
        Classes from 0.
    groups : array_like of str, shape (n,), optional
        What was sampled as a whole (a speaker, an instrument); each picture if not given.
    by_row : bool
        Given the row (the frequency), or for all rows together.
    bins : int
        Quantiles of the values, of each row, to which they are reduced.
    seed : int
        Of the ways to halve the groups.

    Raises
    ------
    ValueError
        For fewer than 4 groups, of which no interval could be had, or a single class.

    Notes
    -----
    Invariant under any strictly rising function of the values (up to binning of ties, also under a
    falling one), under renaming classes, and under the order of the pictures' columns.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(400) % 2
    >>> loud = rng.normal(labels[:, None, None], 1.0, (400, 1, 8))
    >>> wide = rng.normal(0.0, 1.0 + labels[:, None, None], (400, 1, 8))
    >>> monotone_share, band_share = (band_index(x, labels).index for x in (loud, wide))
    >>> monotone_share.high < 0.2 < 0.5 < band_share.low
    True
    """
    values = np.asarray(levels)
    classes, answer = np.unique(np.asarray(labels), return_inverse=True)
    names, member = np.unique(
        np.arange(len(values)) if groups is None else np.asarray(groups), return_inverse=True
    )
    if len(names) < _FEWEST or len(classes) < 2:
        raise ValueError(
            f"need {_FEWEST} groups and 2 classes, got {len(names)} and {len(classes)}"
        )
    if not by_row:
        values = values.reshape(len(values), 1, -1)
    rng = np.random.default_rng([seed, 7])
    parts = min(_PARTS, len(names))
    part = (rng.permutation(len(names)) % parts)[member]
    counts = _counts(_binned(values, bins), answer, part, bins)
    halves = np.array([rng.permutation(parts) < parts // 2 for _ in range(_SPLITS)])
    whole = _shares(counts, halves)
    left_out = np.array(
        [_shares(np.delete(counts, k, 0), np.delete(halves, k, 1)) for k in range(parts)]
    )
    return BandIndex(*(_jackknife(whole[i], left_out[:, i]) for i in (0, 1)))


def _binned(values: NDArray[Any], bins: int) -> NDArray[np.intp]:
    """Give each value the number of its quantile among its row's values."""
    found = np.empty(values.shape, np.intp)
    for row in range(values.shape[1]):
        own = values[:, row]
        inner = np.quantile(own, np.arange(1, bins) / bins, method="inverted_cdf")
        found[:, row] = np.searchsorted(inner, own)
    return found


def _counts(
    binned: NDArray[np.intp], answer: NDArray[np.intp], part: NDArray[np.intp], bins: int
) -> Array:
    """How often each class has each bin: (parts, rows, classes, bins)."""
    rows, classes = binned.shape[1], int(answer.max()) + 1
    cell = part[:, None] * rows + np.arange(rows)
    cell = (cell * classes + answer[:, None])[..., None] * bins + binned
    shape = (int(part.max()) + 1, rows, classes, bins)
    return np.bincount(cell.ravel(), minlength=int(np.prod(shape))).reshape(shape).astype(float)


def _shares(counts: Array, halves: NDArray[np.bool_]) -> tuple[float, float]:
    """Band index and explained share of the class's variance, averaged over the halvings."""
    weight = counts.sum((0, 2))[:, None] / counts.sum()  # (rows, 1, bins)
    free = carried = 0.0
    for half in halves:
        (g, m), (h, n) = (_profile(counts[some].sum(0)) for some in (half, ~half))
        free += float((weight * g * h).sum())
        carried += float((weight * (m * h + n * g)).sum() / 2)
    share = counts.sum((0, 1, 3)) / counts.sum()
    own = float((share * (1 - share)).sum())
    return 1 - carried / free if free > 0 else np.nan, free / len(halves) / own


def _profile(counts: Array) -> tuple[Array, Array]:
    """Posterior less the class's share, and its monotone part: (rows, classes, bins) each."""
    seen = counts.sum(1, keepdims=True)
    share = counts.sum(2, keepdims=True) / seen.sum(2, keepdims=True)
    excess = np.where(seen > 0, counts / np.maximum(seen, 1), share) - share
    return excess, monotone(excess, np.maximum(seen, 1e-9))


def _jackknife(whole: float, left_out: Array) -> Interval:
    """Delete-one jackknife: Student's interval about the estimate."""
    if not np.isfinite(whole) or not np.isfinite(left_out).all():
        return Interval(np.nan, -np.inf, np.inf)
    count = len(left_out)
    error = float(np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum()))
    width = float(stats.t.ppf(0.975, count - 1)) * error
    return Interval(float(whole), float(whole) - width, float(whole) + width)
