"""Where scores vary: shares of factors, and how often noise alone changes a winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.comparisons.arms import COLOURS, RAW
from analysis.comparisons.tables import cells_of, scores
from analysis.comparisons.tasks import Task
from analysis.nets import training

Array = NDArray[np.float64]


#: Sources of variance: what each is called, and the factors that make it.
SOURCES: dict[str, tuple[str, ...]] = {
    "encoding": ("arm",),
    "image or global range": ("scaling",),
    "channel scale": ("scale",),
    "encoding × range": ("arm", "scaling"),
    "encoding × channel scale": ("arm", "scale"),
    "seed": ("seed",),
    "speaker or group": ("group",),
    "encoding × group": ("arm", "group"),
}


def variance_shares(groups: pd.DataFrame) -> pd.DataFrame:
    """Share of the variance of a single score that comes from each source.

    Random-effects analysis of variance of a balanced crossing: encoding × range × channel scale ×
    seed × group of the test set (speaker, instrument, noise). Each source's variance is estimated
    by the method of moments: observed mean squares are set equal to their expectations. Arms that
    do not take part in the crossing (standardised whatever the scale) or in which a network
    diverged are left out.
    """
    full = groups[groups.fraction == 1]
    rows = []
    for (task, network), cell in full.groupby(["task", "network"], sort=False):
        table = _crossed(cell)
        if table is None:
            continue
        factors, values = table
        found = _components(values, factors)
        total = sum(found.values())
        for source, variance in found.items():
            share = variance / total if total > 0 else 0.0
            rows.append((task, network, source, share, np.sqrt(variance), len(values)))
    return pd.DataFrame(rows, columns=["task", "network", "source", "share", "deviation", "arms"])


def _crossed(cell: pd.DataFrame) -> tuple[list[str], Array] | None:
    """Scores of a complete crossing as an array, an axis a factor; None where there is none."""
    factors = ["arm", "scaling", "scale", "seed", "group"]
    common = [set(part.seed) for _, part in cell.groupby(["scale", "scaling"])]
    seeds = sorted(set.intersection(*common))
    table = cell[cell.seed.isin(seeds)].assign(score=lambda t: t.score.where(t.diverged < 0))
    wide = table.pivot_table(
        index="arm", columns=factors[1:], values="score", dropna=False, sort=False
    )
    wide = wide.reindex(columns=sorted(wide.columns)).dropna()
    levels = [wide.columns.unique(name) for name in factors[1:]]
    if len(wide) < 2 or len(levels[0]) < 2 or len(levels[1]) < 2 or len(seeds) < 2:
        return None
    return factors, wide.to_numpy().reshape(len(wide), *(len(level) for level in levels))


def _components(values: Array, factors: Sequence[str]) -> dict[str, float]:
    """Variance components of a balanced array, an axis a factor."""
    terms = {
        name: tuple(sorted(factors.index(factor) for factor in parts))
        for name, parts in SOURCES.items()
        if all(values.shape[factors.index(factor)] > 1 for factor in parts)
    }
    effects: dict[tuple[int, ...], Array] = {(): np.asarray(values.mean())}
    rest = values - values.mean()
    freedom, squares = values.size - 1, {}
    for axes in sorted(set(terms.values()), key=len):
        others = tuple(i for i in range(values.ndim) if i not in axes)
        effect = rest.mean(axis=others, keepdims=True)  # what smaller terms left over
        rest = rest - effect
        df = int(np.prod([values.shape[i] - 1 for i in axes]))
        count = values.size / np.prod([values.shape[i] for i in axes])
        squares[axes] = (float((effect**2).sum() * count) / df, count)
        freedom -= df
        effects[axes] = effect
    error = float((rest**2).sum()) / freedom
    found: dict[tuple[int, ...], float] = {}
    for axes in sorted(squares, key=len, reverse=True):
        mean_square, count = squares[axes]
        above = sum(found[other] * squares[other][1] for other in found if set(axes) < set(other))
        found[axes] = max(0.0, (mean_square - error - above) / count)
    return {name: found[axes] for name, axes in terms.items()} | {"everything else": error}


def pooled_deviation(results: pd.DataFrame) -> pd.DataFrame:
    """Estimate the standard deviation of one run's test score, over seeds alone."""
    rows = []
    for task, network, table in cells_of(scores(results)):
        cell = table[[arm for arm in (RAW, "gray8", "gray3", *COLOURS) if arm in table.columns]]
        spread = cell - cell.mean()
        freedom = int(cell.notna().sum().sum() - cell.notna().any().sum())
        deviation = float(np.sqrt((spread**2).sum().sum() / freedom))
        rows.append((task, network, deviation, freedom, float(cell[RAW].mean())))
    return pd.DataFrame(rows, columns=["task", "network", "deviation", "freedom", "score"])


def winner_chances(deviation: float, thresholds: ArrayLike, maps: int = 1) -> NDArray[np.float64]:
    """How often the best of some arms beats another by a threshold, though all are the same.

    >>> winner_chances(0.02, [0.0], maps=4).round(3)
    array([0.8])
    """
    lead = np.asarray(thresholds, np.float64)
    if maps == 1:
        return np.asarray(2 * stats.norm.sf(lead / (deviation * np.sqrt(2))))
    z = np.linspace(-9, 9, 4001)
    loses = stats.norm.cdf(z + lead[:, None] / deviation) ** maps * stats.norm.pdf(z)
    return np.asarray(1 - np.trapezoid(loses, z, axis=1))


def sign_flips(results: pd.DataFrame) -> pd.DataFrame:
    """How often the sign of a one-run difference flips between two networks.

    As in published tables, each network has one run of a colormap and one of raw, seeds unpaired.
    """
    rows = []
    table = scores(results)
    for task in table.index.unique("task"):
        cells = {network: cell for t, network, cell in cells_of(table) if t == task}
        for colour in [arm for arm in COLOURS if arm in table.columns]:
            wins = {
                name: _wins(cell[colour], cell[RAW])
                for name, cell in cells.items()
                if cell[colour].notna().any() and cell[RAW].notna().any()
            }
            for a, b in combinations(wins, 2):
                flip = wins[a] * (1 - wins[b]) + wins[b] * (1 - wins[a])
                rows.append((task, colour, a, b, wins[a], wins[b], flip))
    return pd.DataFrame(rows, columns=["task", "arm", "a", "b", "wins_a", "wins_b", "flip"])


def _wins(arm: pd.Series, raw: pd.Series) -> float:
    lead = np.sign(arm.dropna().to_numpy()[:, None] - raw.dropna().to_numpy())
    return float((lead + 1).mean() / 2)


def jackknifed(gains: Mapping[tuple[int, ...], float], count: int) -> tuple[float, float, float]:
    """Mean of a statistic of subsets, with an interval from leaving out one member at a time."""
    mean = float(np.mean(list(gains.values())))
    without = [
        np.mean([gain for chosen, gain in gains.items() if left not in chosen])
        for left in range(count)
    ]
    error = np.sqrt((count - 1) * np.var(without))
    reach = float(stats.t.ppf(0.975, count - 1) * error)
    return mean, mean - reach, mean + reach


def ensemble_gains(
    outputs: Mapping[tuple[str, str, str], NDArray[np.float32]],
    tasks: Mapping[str, Task],
) -> pd.DataFrame:
    """Score of each ensemble of three raw networks less its members' mean score.

    A row an ensemble: ``task``, ``network``, ``members`` (their places, ``"0 1 2"``), ``gain``.
    """
    rows = []
    for (task, network, arm), found in outputs.items():
        if arm != RAW or len(found) <= 3 or not np.isfinite(found).all():
            continue
        targets = tasks[task].targets[tasks[task].test]
        values = np.asarray(found[:8], np.float64)
        if targets.ndim == 1:
            values = np.exp(values - values.max(-1, keepdims=True))
            values /= values.sum(-1, keepdims=True)
        members = training.score(values, targets)
        for chosen in map(list, combinations(range(len(values)), 3)):
            gain = float(training.score(values[chosen].mean(0), targets)) - members[chosen].mean()
            rows.append((task, network, " ".join(map(str, chosen)), gain))
    return pd.DataFrame(rows, columns=["task", "network", "members", "gain"])


def ensemble(gains: pd.DataFrame) -> pd.DataFrame:
    """Average `ensemble_gains`, with an interval."""
    rows = []
    for (task, network), own in gains.groupby(["task", "network"], sort=False):
        chosen = {tuple(map(int, m.split())): g for m, g in zip(own.members, own.gain, strict=True)}
        count = 1 + max(max(members) for members in chosen)
        rows.append((task, network, *jackknifed(chosen, count)))
    return pd.DataFrame(rows, columns=["task", "network", "gain", "low", "high"])
