"""Information in recoded levels: entropy, and what neighbouring pixels tell of each other.

A colormap only renames levels, or merges those that share a colour (`colour_numbers`). Entropies
are in bits with Miller and Madow's correction of their bias (Miller 1955, *Note on the bias of
information estimates*).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.colour import colormaps
from analysis.colour.colormaps import LEVELS
from analysis.colour.filtering import neighbour_pairs

Levels = NDArray[np.uint8]
Floats = NDArray[np.float64]


def entropy(counts: NDArray[Any]) -> float:
    """Entropy in bits of a distribution, from counts of any shape.

    >>> round(entropy(np.array([1e9, 1e9])), 6)
    1.0
    """
    seen = counts[counts > 0]
    total = seen.sum()
    plain = np.log(total) - (seen * np.log(seen)).sum() / total
    return float((plain + (len(seen) - 1) / (2 * total)) / np.log(2))


def entropy_bits(symbols: NDArray[Any]) -> float:
    """Entropy in bits of the symbols of an array, such as levels or colours' numbers.

    >>> entropy_bits(np.zeros(100, int))
    0.0
    """
    return max(0.0, entropy(np.unique(np.ravel(symbols), return_counts=True)[1]))


def colour_numbers(table: ArrayLike) -> NDArray[np.intp]:
    """Give numbers to the colours of a table, shape (256,) or (256, channels): equal ones get one.

    >>> colour_numbers(np.arange(256) // 2)[[0, 1, 2]]
    array([0, 0, 1])
    """
    rows = np.asarray(table).reshape(LEVELS, -1)
    return np.asarray(np.unique(rows, axis=0, return_inverse=True)[1]).reshape(-1)


def neighbour_counts(levels: Levels) -> Floats:
    """How often each level has each other level beside or below it, shape (256, 256).

    >>> neighbour_counts(np.array([[1, 2], [1, 2]], np.uint8))[1, [1, 2]]
    array([1., 2.])
    """
    counts = np.zeros(LEVELS * LEVELS)
    for first, second in neighbour_pairs(levels):
        counts += np.bincount(first.astype(np.int64) * LEVELS + second, minlength=LEVELS**2)
    return counts.reshape(LEVELS, LEVELS)


def neighbour_information(counts: NDArray[np.float64], symbols: NDArray[np.intp]) -> float:
    """Mutual information in bits between neighbouring pixels after a recoding of the levels.

    An injective recoding leaves it unchanged: it does not matter what the symbols are called.

    >>> round(neighbour_information(np.eye(256) * 1e6, np.arange(256)), 2)
    8.0
    """
    size = int(symbols.max()) + 1
    code = (symbols[:, None] * size + symbols).ravel()
    joint = np.bincount(code, counts.ravel(), minlength=size * size).astype(np.float64)
    joint = joint.reshape(size, size)
    parts = (joint.sum(1), joint.sum(0), joint)
    first, second, both = (entropy(part) for part in parts)
    return float(first + second - both)


def neighbourhoods(levels: Levels) -> tuple[Levels, Levels]:
    """Inner pixels of a picture, shape (n,), and their eight neighbours, shape (n, 8), row by row.

    >>> neighbourhoods(np.arange(9, dtype=np.uint8).reshape(3, 3))
    (array([4], dtype=uint8), array([[0, 1, 2, 3, 5, 6, 7, 8]], dtype=uint8))
    """
    windows = np.lib.stride_tricks.sliding_window_view(levels, (3, 3)).reshape(-1, 9)
    return windows[:, 4], np.delete(windows, 4, axis=1)


def audit_colormaps(names: Sequence[str] | None = None) -> pd.DataFrame:
    """Every colormap (of matplotlib, not reversed) as a code for 256 levels, in the bytes written.

    ``distinct_rounded`` and ``distinct_exact``: had matplotlib rounded, and in double precision;
    ``worst_error``: of the best decoder, which answers the middle of the levels that share a
    colour; ``same_as_neighbour``: merged levels all lie side by side.
    """
    rows = [_audit_one(name) for name in (names or colormaps.names())]
    return pd.DataFrame(rows)


def _audit_one(name: str) -> dict[str, Any]:
    code = colour_numbers(colormaps.lut8(name))
    distinct = int(code.max()) + 1
    level = np.arange(LEVELS)
    lowest, highest = np.full(distinct, 255), np.zeros(distinct, int)
    np.minimum.at(lowest, code, level)
    np.maximum.at(highest, code, level)
    middle = (lowest + highest) // 2
    return {
        "colormap": name,
        "distinct": distinct,
        "distinct_rounded": len(np.unique(colormaps.lut8_rounded(name), axis=0)),
        "distinct_exact": len(np.unique(colormaps.lut(name), axis=0)),
        "invertible": distinct == LEVELS,
        "worst_error": int(np.abs(middle[code] - level).max()),
        "same_as_neighbour": bool((np.diff(code) == 0).sum() == LEVELS - distinct),
    }
