"""How much a pixel tells of the class, with an interval over whole groups.

Clips of one instrument or speaker are no independent samples: bias correction and interval are
those of the jackknife that leaves out one group at a time (Efron and Stein, 1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.evidence.statistics import Interval


@dataclass(frozen=True)
class Information:
    """How much a pixel tells of the class.

    Attributes
    ----------
    plugin : float
        Mutual information of the empirical distribution in bits; it never rises when symbols are
        recoded, but is too high, the more so the more symbols there are.
    pseudovalues : ndarray of float64, shape (groups,)
        Jackknife pseudovalues; their mean is corrected for that bias.
    """

    plugin: float
    pseudovalues: NDArray[np.float64]

    @property
    def interval(self) -> Interval:
        """Bias-corrected estimate in bits with its 95 % interval over groups."""
        return _jackknife(self.pseudovalues)

    def lost_to(self, later: Information) -> Interval:
        """Bits lost on the way to a later stage of the same clips, with the 95 % interval."""
        return _jackknife(self.pseudovalues - later.pseudovalues)


def _jackknife(pseudovalues: NDArray[np.float64]) -> Interval:
    estimate = float(pseudovalues.mean())
    error = float(pseudovalues.std(ddof=1) / np.sqrt(len(pseudovalues)))
    width = float(stats.t.ppf(0.975, len(pseudovalues) - 1)) * error
    return Interval(estimate, estimate - width, estimate + width)


def class_information(
    symbols: NDArray[np.integer[Any]], labels: NDArray[np.int64], groups: NDArray[np.str_]
) -> Information:
    """Mutual information between the class and one pixel at a random time, averaged over the rows.

    Parameters
    ----------
    symbols : ndarray of integers, shape (n, rows, columns)
        From 0: levels, colours' numbers, or bins of a continuous value.
    labels : ndarray of int64, shape (n,)
        Classes from 0.
    groups : ndarray of str, shape (n,)
        What was sampled as a whole (an instrument); each group is of one class.

    Raises
    ------
    ValueError
        If a group has clips of several classes.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 4)
    >>> bright = np.repeat(labels * 255, 6).reshape(8, 2, 3)
    >>> class_information(bright, labels, np.arange(8).astype(str)).plugin
    1.0
    """
    names, member = np.unique(groups, return_inverse=True)
    class_of = np.zeros(len(names), np.int64)
    class_of[member] = labels
    if not np.array_equal(class_of[member], labels):
        raise ValueError("each group must have clips of one class only")
    counts = _counts(symbols, member, len(names))
    total = np.zeros((labels.max() + 1, *counts.shape[1:]))
    np.add.at(total, class_of, counts)
    whole, left_out = _information_without_each(total, counts, class_of)
    return Information(whole, len(names) * whole - (len(names) - 1) * left_out)


def _counts(
    symbols: NDArray[np.integer[Any]], member: NDArray[np.integer[Any]], groups: int
) -> NDArray[np.float64]:
    """How often each symbol occurs in each row of each group: (groups, rows, symbols)."""
    rows, alphabet = symbols.shape[1], int(symbols.max()) + 1
    cell = (member[:, None, None] * rows + np.arange(rows)[None, :, None]) * alphabet + symbols
    counts = np.bincount(cell.ravel(), minlength=groups * rows * alphabet)
    return counts.reshape(groups, rows, alphabet).astype(np.float64)


def _information_without_each(
    total: NDArray[np.float64], counts: NDArray[np.float64], class_of: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """Mutual information in bits, mean over rows: of all counts, and without each group.

    With N counts in a row, ``H = log N - (Σ n log n) / N``, so that leaving out a group changes
    one class's sums and those over classes only.
    """
    by_symbol, by_class = total.sum(0), total.sum(2)
    joint = _n_log_n(total).sum(2)  # (classes, rows)

    def bits(joint: Any, symbol: Any, classes: Any, n: Any) -> float:
        sums = joint.sum(0) - _n_log_n(symbol).sum(1) - _n_log_n(classes).sum(0)
        return float(np.mean(np.log2(n) + sums / n))

    whole = bits(joint, by_symbol, by_class, by_symbol.sum(1))
    without = np.empty(len(counts))
    for group, label in enumerate(class_of):
        others, symbol, classes = joint.copy(), by_symbol - counts[group], by_class.copy()
        others[label] = _n_log_n(total[label] - counts[group]).sum(1)
        classes[label] -= counts[group].sum(1)
        without[group] = bits(others, symbol, classes, symbol.sum(1))
    return whole, without


def _n_log_n(n: NDArray[np.float64]) -> NDArray[np.float64]:
    return n * np.log2(np.maximum(n, 1))
