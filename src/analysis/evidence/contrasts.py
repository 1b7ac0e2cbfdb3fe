"""Paired comparisons of arms: intervals, corrected p values, and which way each is decided.

A *contrast* is the mean difference of two arms over pairs (seeds, folds, groups). `contrast` gives
one as a row, `contrasts` a table of them, and `corrected` adds Holm's correction over the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from analysis.evidence.statistics import (
    Interval,
    effect_pvalue,
    equivalence,
    holm,
    mean_interval,
    paired_difference,
)

#: A corrected p value below this decides.
LEVEL = 0.05


def effect(differences: ArrayLike, seed: int, shared: float = 0.0) -> dict[str, float]:
    """Mean of differences, one a pair, with its 95 % interval and t test.

    `seed` is the bootstrap's. `shared` is for folds that share training data
    (`statistics.mean_interval`): tested over trained recordings of a fold, over the number of
    draws whose folds these are; the t test then has Nadeau and Bengio's variance too.

    Returns ``difference``, ``low``, ``high`` and ``p``.

    >>> effect([1.0, 1.0], seed=0)
    {'difference': 1.0, 'low': 1.0, 'high': 1.0, 'p': 0.0}
    """
    interval = mean_interval(differences, seed, shared=shared)
    p, reach = effect_pvalue(differences), interval.high - interval.estimate
    if shared and reach > 0:
        freedom = len(np.asarray(differences)) - 1
        t = interval.estimate / (reach / stats.t.ppf(0.975, freedom))
        p = float(2 * stats.t.sf(abs(t), freedom))
    return {"difference": interval.estimate, "low": interval.low, "high": interval.high, "p": p}


def contrast(
    a: ArrayLike, b: ArrayLike, seed: int, margin: float | None = None
) -> dict[str, float | int | bool]:
    """Compare two arms, pair by pair: entry i of both has the same seed, fold or group.

    ``score`` and ``reference`` (means of `a` and `b`), ``difference`` with its 95 % interval
    ``low`` and ``high``, ``p`` (paired t test), ``pairs``. With a margin, below which differences
    are negligible as stated beforehand, also ``equal_p`` and ``within`` (`statistics.equivalence`).

    >>> row = contrast([2.0, 3.0], [1.0, 2.0], seed=0)
    >>> row["difference"], row["p"], row["pairs"]
    (1.0, 0.0, 2)
    """
    x, y = (np.asarray(arm, np.float64) for arm in (a, b))
    interval = paired_difference(x, y, seed)
    row: dict[str, float | int | bool] = {
        "score": float(x.mean()),
        "reference": float(y.mean()),
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "p": effect_pvalue(x - y),
        "pairs": len(x),
    }
    if margin is not None:
        same = equivalence(x, y, margin, seed)
        row |= {"equal_p": same.pvalue, "within": same.equivalent}
    return row


def means(table: pd.DataFrame, by: Sequence[str], values: Sequence[str], seed: int) -> pd.DataFrame:
    """Mean of each value in each group of rows, with its interval in ``…_low`` and ``…_high``.

    Groups are in the order in which they come; a single row stands for itself.

    >>> table = pd.DataFrame({"hop": [1, 1, 2], "error": [1.0, 1.0, 3.0]})
    >>> means(table, ["hop"], ["error"], seed=0).error_low.tolist()
    [1.0, 3.0]
    """
    rows = []
    for keys, group in table.groupby(list(by), sort=False):
        row = dict(zip(by, keys, strict=True))
        for value in values:
            one = len(group) == 1
            found = (
                Interval(*[group[value].iloc[0]] * 3) if one else mean_interval(group[value], seed)
            )
            row |= found.columns(value)
        rows.append(row)
    return pd.DataFrame(rows)


def contrasts(
    wide: pd.DataFrame, pairs: Iterable[tuple[str, str]], seed: int, margin: float | None = None
) -> pd.DataFrame:
    """Compare pairs of arms, first minus second, as `contrast` does; not yet corrected.

    `wide` has a row a seed, fold or group, and a column an arm. Pairs with a missing score are left
    out, and so is a comparison with fewer than two pairs.

    >>> wide = pd.DataFrame({"gray": [1.0, 2.0], "jet": [2.0, 3.0]})
    >>> contrasts(wide, [("jet", "gray")], seed=0).difference.tolist()
    [1.0]
    """
    rows = []
    for a, b in pairs:
        both = wide[[a, b]].dropna()
        if len(both) >= 2:
            rows.append({"a": a, "b": b} | contrast(both[a], both[b], seed, margin))
    return pd.DataFrame(rows)


def smallest_seen(table: pd.DataFrame, pairs: str) -> pd.Series:
    """Give the smallest difference that four in five such studies would see, row by row.

    From Student's intervals ``low`` to ``high``; `pairs` is the column that counts their values.

    >>> row = pd.DataFrame({"low": [-1.0], "high": [1.0], "pairs": 10})
    >>> smallest_seen(row, "pairs").round(2).tolist()
    [1.39]
    """
    t = stats.t(table[pairs] - 1)
    error = (table.high - table.low) / 2 / t.ppf(0.975)
    return pd.Series(error * (t.ppf(0.975) + t.ppf(0.8)), table.index)


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Correct a family of contrasts by Holm's method, and say which way each is decided.

    The whole table is one family; rows without a p value are passed over. Adds ``holm`` and
    ``decided`` (see `decided`); with ``equal_p`` also ``equal_holm`` and ``equivalent``.

    >>> row = {"difference": 1.0, "low": 0.5, "high": 1.5}
    >>> table = corrected(pd.DataFrame([row | {"p": 0.02}, row | {"p": 0.03}]))
    >>> table.holm.tolist(), table.decided.tolist()
    ([0.04, 0.04], [1, 1])
    """
    tested = table.p.notna()
    table = table.assign(holm=pd.Series(holm(table.p[tested]), table.index[tested]))
    table["decided"] = decided(table)
    if "equal_p" in table:
        table["equal_holm"] = holm(table.equal_p)
        table["equivalent"] = table.within & (table.equal_holm < LEVEL)
    return table


def decided(table: pd.DataFrame) -> pd.Series:
    """Which way each contrast is decided: p value corrected, and interval clear of 0.

    1 better, -1 worse, 0 undecided.

    >>> decided(pd.DataFrame({"difference": [-2.0], "low": -3.0, "high": -1.0, "holm": 0.2}))[0]
    np.int64(0)
    """
    sure = (table.holm < LEVEL) & (np.sign(table.low) == np.sign(table.high))
    return pd.Series((np.sign(table.difference.fillna(0)) * sure).astype(int), table.index)
