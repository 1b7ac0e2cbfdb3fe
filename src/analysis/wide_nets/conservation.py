r"""A law of conservation: at equal energy, all encodings of the levels share one budget of speed.

The kernel of a wide ReLU net (`analysis.wide_nets.kernels`) is, at a point and itself, affine in
the point's energy ``e = |x|²/d``. So the sum of the eigenvalues of ``Θ/256``, which is the mean of
the diagonal, is the same for all encodings of equal energy: a colormap can move speed from some
patterns of levels to others, and make none.

==================  ================================================================================
`budget`            that sum, in closed form
`walsh`, `rates`    an orthonormal basis of thresholds and bands; how fast each starts to be learned
`lead`              by how much one spectrum's partial sums exceed another's (majorisation)
==================  ================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import hadamard

from analysis.colour.colormaps import LEVELS
from analysis.pictures.encodings import scaled_table
from analysis.wide_nets.kernels import ntk, spectrum
from analysis.wide_nets.learning_speed import GRAY

Array = NDArray[np.float64]

#: Numbers of edges that are shown together: none, one (a threshold), two (a band), three, …
EDGES = (0, 1, 2, 3, 4, 8, 16, 32, LEVELS)

_SAME = 1e-6  # relative: rates so near are those of the same kernel, but for rounding


def budget(energy: float = 1.0, bias: float = 1.0, hidden_layers: int = 1) -> float:
    r"""Sum of the eigenvalues of ``Θ/n`` for points of a mean energy, whatever else they are.

    ``(L + 1)(e + β²) + (L - 1)(L + 2) β² / 2`` for ``L`` hidden layers, each with biases: of one,
    ``2 (e + β²)``. `energy` is the mean of ``|x|²/d`` over the points; 1 at "equal energy".

    >>> budget(), budget(hidden_layers=2)
    (4.0, 8.0)
    """
    if energy < 0 or hidden_layers < 1:
        raise ValueError(f"need energy ≥ 0 and a hidden layer, got {energy} and {hidden_layers}")
    deeper = (hidden_layers - 1) * (hidden_layers + 2) / 2
    return (hidden_layers + 1) * (energy + bias**2) + deeper * bias**2


def walsh() -> Array:
    """Walsh functions of the levels: row k is ±1 with k edges, the rows are orthogonal.

    Shape (256, 256). Row 1 is a threshold, row 2 a band; further ones are more bands, so that this
    is a complete basis of the patterns that this book is about.

    >>> walsh()[1, [0, 127, 128, 255]]
    array([ 1.,  1., -1., -1.])
    """
    rows = hadamard(LEVELS).astype(np.float64)
    return np.asarray(rows[np.argsort((np.diff(rows, axis=1) != 0).sum(1))])


def rates(kernel: ArrayLike) -> Array:
    """Rate at which each of `walsh`'s patterns starts to be learned, shape (256,).

    ``y·Θy / (256 y·y)`` for a kernel of shape (256, 256): the residual of the target ``y`` begins
    to fall as ``exp(-rate · t)``. Their sum is the trace, hence `budget`.

    >>> rates(np.eye(256)).sum().round(9)
    np.float64(1.0)
    """
    patterns = walsh()
    along = (patterns @ np.asarray(kernel, np.float64) * patterns).sum(1)
    return np.asarray(along / LEVELS**2)


def edge_rates(names: Iterable[str]) -> pd.DataFrame:
    """`rates` of encodings, summed over `EDGES`, and how much more that is than gray's.

    Columns ``encoding``, ``edges`` (the first of the group), ``last``, ``rate``, ``more``.
    """
    sums = {
        name: np.add.reduceat(rates(ntk(scaled_table(name, "equal_energy"))), EDGES[:-1])
        for name in dict.fromkeys([GRAY, *names])
    }
    last = np.subtract(EDGES[1:], 1)
    tables = [
        pd.DataFrame({"edges": EDGES[:-1], "last": last, "rate": own, "more": own - sums[GRAY]})
        for own in sums.values()
    ]
    return pd.concat(tables, keys=list(sums), names=["encoding"]).reset_index("encoding")


class Lead(NamedTuple):
    """By how much partial sums exceed others: share of the whole sum, and after how many terms."""

    share: float
    rank: int


def lead(values: ArrayLike, over: ArrayLike) -> Lead:
    """Largest amount by which the k largest of `values` sum to more than those of `over`.

    Where two spectra have the same sum, `over` majorises `values` if and only if the lead is 0:
    then, for every k, the k patterns that are fastest under `over` have together at least the rate
    of any k orthonormal patterns under `values` (Ky Fan, 1949, *On a theorem of Weyl*).

    >>> lead([2.0, 2.0], over=[3.0, 1.0]), lead([3.0, 1.0], over=[2.0, 2.0])
    (Lead(share=0.0, rank=0), Lead(share=0.25, rank=1))
    """
    mine, others = (np.sort(np.asarray(v, np.float64))[::-1].cumsum() for v in (values, over))
    ahead = (mine - others) / others[-1]
    rank = int(ahead.argmax()) + 1
    rounding = 4 * len(ahead) * np.finfo(float).eps
    return Lead(float(ahead.max()), rank) if ahead.max() > rounding else Lead(0.0, 0)


def leads(names: Iterable[str]) -> tuple[pd.DataFrame, Array]:
    """`lead` of each encoding over gray, and all partial sums less gray's, as shares of the sum.

    The table has ``colours`` (distinct ones), ``total`` (of the eigenvalues), ``share``, ``rank``;
    ``slower`` and ``faster``: patterns of `walsh` by how soon they start to be learned, against
    gray; ``bent``: it has another kernel than gray at all. The gaps, shape (encodings, 256), are
    above 0 at rank k where the encoding's k largest eigenvalues sum to more than gray's.
    """
    own = ntk(scaled_table(GRAY, "equal_energy"))
    gray, grays = spectrum(own).values, rates(own)
    rows, gaps = [], []
    for name in names:
        x = scaled_table(name, "equal_energy")
        kernel = ntk(x)
        values = spectrum(kernel).values
        ratio = rates(kernel) / grays
        slower, faster = (ratio < 1 - _SAME).sum(), (ratio > 1 + _SAME).sum()
        colours = len(np.unique(x.round(12), axis=0))
        rows.append((name, colours, values.sum(), *lead(values, gray), slower, faster))
        gaps.append((values.cumsum() - gray.cumsum()) / gray.sum())
    columns = ["encoding", "colours", "total", "share", "rank", "slower", "faster"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(bent=frame.slower + frame.faster > 0), np.array(gaps)
