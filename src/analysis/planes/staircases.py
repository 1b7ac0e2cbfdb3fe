"""Step neurons on the gray level, and one on their outputs: what makes a pattern without colour."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.planes.patterns import changes

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Staircase:
    """Step neurons on the level, and one step neuron on their outputs.

    Hidden neuron j fires on levels ≥ ``thresholds[j]``; `weights` and `bias` are the output's.
    """

    thresholds: NDArray[np.int_]
    weights: Floats
    bias: float

    def __call__(self, levels: ArrayLike) -> Bools:
        """Whether the net fires, for levels of any shape."""
        hidden = np.asarray(levels)[..., None] >= self.thresholds
        return np.asarray(hidden @ self.weights + self.bias >= 0)


def hidden_staircase(pattern: ArrayLike) -> Staircase:
    """Build the net of k hidden gray neurons that makes a pattern, shape (n,), with k changes.

    One neuron starts to fire at each change; the output adds and subtracts them in turn, so that
    its input goes up and down between −½ and ½.

    >>> net = hidden_staircase([True, False, False, True])
    >>> len(net.thresholds), net([0, 1, 2, 3]).tolist()
    (2, [True, False, False, True])
    """
    fires = np.asarray(pattern, bool)
    thresholds = np.flatnonzero(fires[1:] != fires[:-1]) + 1
    weights = np.where(fires[thresholds], 1.0, -1.0)
    return Staircase(thresholds, weights, 0.5 if fires[0] else -0.5)


def threshold_functions(inputs: int) -> Bools:
    """All functions of at most 4 bits that a step neuron computes, shape (functions, 2 ** inputs).

    Integer weights up to 3 are enough (1,882 functions of 4 bits; Muroga, 1971). Outputs are for
    the inputs 0, 1, … read as binary numbers. ValueError for more inputs.

    >>> len(threshold_functions(2))  # all 16 but XOR and its complement
    14
    """
    if not 0 <= inputs <= 4:
        raise ValueError(f"0 to 4 inputs, not {inputs}")
    bits = (np.arange(2**inputs)[:, None] >> np.arange(inputs)) & 1
    weights = np.array(list(product(range(-3, 4), repeat=inputs)), np.int64)
    sums = weights @ bits.T
    cuts = np.arange(-3 * inputs, 3 * inputs + 2)
    return np.unique((sums[:, None] >= cuts[:, None]).reshape(-1, 2**inputs), axis=0)


def least_widths(levels: int = 6, widest: int = 4) -> NDArray[np.int_]:
    """Find by exhaustion how many hidden gray neurons each pattern needs.

    Every choice of at most `widest` (≤ 4) hidden step neurons, with repetition and of either
    orientation, under every step neuron on their outputs; 2 to 8 levels. The result has the least
    width of the pattern whose bit t says whether level t fires; ``widest + 1`` where no net so wide
    makes it.

    >>> least_widths(2, 1).tolist()
    [0, 1, 1, 0]
    """
    rising = np.arange(levels) >= np.arange(levels + 1)[:, None]
    hidden = np.unique(np.concatenate([rising, ~rising]), axis=0)
    place = 1 << np.arange(levels)
    least = np.full(2**levels, widest + 1)
    for width in range(widest, -1, -1):
        outputs = threshold_functions(width)
        for chosen in combinations_with_replacement(range(len(hidden)), width):
            code = (hidden[list(chosen)] << np.arange(width)[:, None]).sum(0)
            least[np.unique(outputs[:, code] @ place)] = width
    return least


def width_search(levels: int = 6, widest: int = 4) -> pd.DataFrame:
    """Count the patterns with k ``changes`` that hidden gray layers up to a ``width`` make."""
    least = least_widths(levels, widest)
    patterns = (np.arange(2**levels)[:, None] >> np.arange(levels)) & 1
    count = changes(patterns)
    rows = [
        (k, m, int((count == k).sum()), int(((count == k) & (least <= m)).sum()))
        for k, m in product(range(levels), range(widest + 1))
    ]
    return pd.DataFrame(rows, columns=["changes", "width", "patterns", "made"])
