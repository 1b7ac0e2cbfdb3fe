"""What can be read from features: kernel ridge regression with exact leave-out, and distances.

====================  ==============================================================================
`feature_kernel`      inner products of clips' features
`leave_fold_out`      ridge regression with nested choice of the penalty, for every fold at once
`frechet_distance`    how far two sets of features lie from one another
====================  ==============================================================================

No left-out regression is fitted: all follow from one eigendecomposition. With ``A = I - H``
(residuals are ``A y``), leaving out a set S gives there the residuals ``A_SS⁻¹ (A y)_S``; for one
clip at a time that is Allen (1974), *The relationship between variable selection and data
augmentation*; the block form follows from the inverse of a partitioned matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

Array = NDArray[np.float64]

#: Penalties to choose from, in units of the mean diagonal of the kernel.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def feature_kernel(features: ArrayLike, core: NDArray[np.bool_]) -> Array:
    """Inner products of clips, after the core's mean is taken off every feature.

    Features are not divided by their own deviations: some are asleep on nearly all clips, and one
    clip that wakes them would outweigh all others.

    Parameters
    ----------
    features : array_like of float, shape (n, d)
    core : ndarray of bool, shape (n,)
        Clips whose mean is taken.

    Returns
    -------
    ndarray of float64, shape (n, n)
        With a diagonal of about 1.
    """
    x = np.asarray(features, np.float64)
    x = x - x[core].mean(0)
    gram = np.asarray(x @ x.T)
    return np.asarray(gram / gram.diagonal().mean())


def _residual_makers(kernel: Array, penalties: Sequence[float]) -> Array:
    """``I - H`` of kernel ridge regression with a free intercept, a matrix for each penalty."""
    values, vectors = linalg.eigh(kernel)
    ones = vectors.sum(0)
    makers = np.empty((len(penalties), *kernel.shape))
    for i, penalty in enumerate(penalties):
        shrunk = penalty / (np.maximum(values, 0) + penalty)
        across = vectors @ (shrunk * ones)
        makers[i] = (vectors * shrunk) @ vectors.T - np.outer(across, across) / (ones**2 @ shrunk)
    return makers


@dataclass(frozen=True)
class LeftOut:
    """Predictions of `leave_fold_out`.

    Attributes
    ----------
    test : ndarray of float64, shape (n, outputs)
        Of each clip while its fold is left out; not a number for the core.
    train : dict of int to ndarray of float64, shape (n, outputs)
        Of the clips that are trained on while a fold is left out; not a number for that fold.
    penalty : dict of int to float
        Chosen without the fold.
    loss : dict of int to float
        Of that penalty: squared errors while each *other* fold is left out too, summed. Whoever
        chooses between kernels by it has not seen the fold either.
    """

    test: Array
    train: dict[int, Array]
    penalty: dict[int, float]
    loss: dict[int, float]


def leave_fold_out(
    kernel: Array,
    goals: ArrayLike,
    fold: NDArray[np.int64],
    penalties: Sequence[float] = PENALTIES,
) -> LeftOut:
    """Ridge regression that has not seen the fold that it predicts, for every fold.

    The penalty is chosen without the fold too: by leaving out, in turn, each of the *other* folds.
    What is left when a fold is out is a regression of the same kind, whose ``A`` is the Schur
    complement of ``A_SS``.

    Parameters
    ----------
    kernel : ndarray of float64, shape (n, n)
        Of `feature_kernel`; or a mean of several, which is a probe of all their features at once.
    goals : array_like of float, shape (n, outputs)
        Values, or indicators of classes.
    fold : ndarray of int64, shape (n,)
        At least three folds; -1 is never left out.
    penalties : sequence of float
        Positive, to choose from.

    Examples
    --------
    >>> x = np.arange(6.0)
    >>> left = leave_fold_out(np.outer(x, x), x[:, None], np.array([-1, 0, 1, 2, -1, -1]))
    >>> bool(np.allclose(left.test[1:4, 0], [1, 2, 3], atol=1e-3))
    True
    """
    y = np.asarray(goals, np.float64)
    a = _residual_makers(kernel, penalties)
    errors = a @ y
    folds = [np.flatnonzero(fold == k) for k in range(int(fold.max()) + 1)]
    result = LeftOut(np.full_like(y, np.nan), {}, {}, {})
    for k, out in enumerate(folds):
        kept = np.flatnonzero(fold != k)
        inside = a[:, out[:, None], out]
        solved = np.linalg.solve(
            inside, np.concatenate([a[:, out[:, None], kept], errors[:, out]], axis=2)
        )
        across, own = solved[..., : len(kept)], solved[..., len(kept) :]
        rest = errors[:, kept] - a[:, kept[:, None], out] @ own
        loss = np.zeros(len(penalties))
        for j, other in enumerate(folds):
            if j == k:
                continue
            at = np.searchsorted(kept, other)
            left = a[:, other[:, None], other] - a[:, other[:, None], out] @ across[:, :, at]
            loss += (np.linalg.solve(left, rest[:, at]) ** 2).sum((1, 2))
        best = int(loss.argmin())
        result.test[out] = y[out] - own[best]
        result.train[k] = np.full_like(y, np.nan)
        result.train[k][kept] = y[kept] - rest[best]
        result.penalty[k] = float(penalties[best])
        result.loss[k] = float(loss[best])
    return result


def frechet_distance(x: ArrayLike, y: ArrayLike) -> float:
    """Fréchet distance between two sets of features, taken for normal distributions.

    ``|μ - ν|² + tr(C + D - 2 (C D)^½)``: Dowson and Landau (1982), *The Fréchet distance between
    multivariate normal distributions*; Heusel et al. (2017) made it the FID. The last trace is the
    nuclear norm of the product of the centred data, so that no root of a singular matrix is taken.

    Parameters
    ----------
    x, y : array_like of float, shapes (n, d) and (m, d)
        At least two rows each. Small sets overestimate the distance: compare sets of one size.

    Returns
    -------
    float
        Not negative, in squared units of the features.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(frechet_distance(x, x + 2), 6)
    12.0
    """
    first, second = (np.asarray(z, np.float64) for z in (x, y))
    means = [z.mean(0) for z in (first, second)]
    centred = [
        (z - mean) / np.sqrt(len(z) - 1) for z, mean in zip((first, second), means, strict=True)
    ]
    overlap = np.linalg.norm(centred[0] @ centred[1].T, "nuc")
    spread = sum(float((z**2).sum()) for z in centred)
    return float(max(((means[0] - means[1]) ** 2).sum() + spread - 2 * overlap, 0.0))
