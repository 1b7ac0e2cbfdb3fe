"""Sharing an effect out over the steps that made it: exact Shapley values, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.evidence.contrasts import effect
from analysis.evidence.statistics import holm


def shapley(values: ArrayLike) -> NDArray[np.float64]:
    """Share out an effect over the steps that made it, whatever their order.

    Parameters
    ----------
    values : array_like of float, shape (2**k, …)
        The score with each subset of ``k`` steps; entry ``j`` has step ``i`` taken if bit ``i`` of
        ``j`` is set (`analysis.pictures.steps.cells`). Further axes, such as seeds, are kept.

    Returns
    -------
    ndarray of float64, shape (k, …)
        Each step's mean contribution over all ``k!`` orders of taking the steps. They sum to
        ``values[-1] - values[0]``; a step that never changes anything gets 0.

    Raises
    ------
    ValueError
        If the number of subsets is no power of two, or a value is not finite.

    Notes
    -----
    Shapley (1953), *A value for n-person games*: the only attribution that is efficient, symmetric
    and additive, and gives nothing to a step without effect.

    Examples
    --------
    >>> shapley([0.0, 1.0, 0.0, 3.0])
    array([2., 1.])
    """
    v = np.asarray(values, np.float64)
    count = v.shape[0] if v.ndim else 0
    k = count.bit_length() - 1
    if count < 2 or count != 2**k:
        raise ValueError(f"2**k subsets are needed, got {count}")
    if not np.isfinite(v).all():
        raise ValueError("scores must be finite")
    subsets = np.arange(count)
    taken = np.array([subset.bit_count() for subset in range(count)])
    weights = 1 / (k * np.array([comb(k - 1, size) for size in range(k)]))
    shares = []
    for step in range(k):
        without = subsets[subsets >> step & 1 == 0]
        gain = v[without | 1 << step] - v[without]
        shares.append(np.tensordot(weights[taken[without]], gain, axes=1))
    return np.array(shares)


def attributions(
    values: ArrayLike, steps: Sequence[str], seed: int, shared: float = 0.0
) -> pd.DataFrame:
    """Shapley values of steps, with intervals over the seeds or folds: a row a step.

    ``difference`` with its 95 % interval, ``p`` (t test) and ``holm`` (corrected over the steps),
    of `values` of shape (2**k, n) as in `shapley`; `shared` is for folds (`contrasts.effect`).

    >>> scores = [[0, 0], [1, 1], [0, 0], [3, 3]]
    >>> attributions(scores, ["log", "colour"], seed=0).difference.tolist()
    [2.0, 1.0]
    """
    table = pd.DataFrame([effect(share, seed, shared) for share in shapley(values)])
    table.insert(0, "step", list(steps))
    return table.assign(holm=holm(table.p))
