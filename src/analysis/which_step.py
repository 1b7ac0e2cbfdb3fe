"""Which step of "saving as an image" does what: attributions from complete factorials.

Nothing is trained here. The chapters on trained networks ran every combination of the steps
(`analysis.pictures.steps`) with paired seeds; this module shares the total effect out over the
steps, in a way that does not depend on the order in which they are taken, and asks when colour
helps.

A *run table* has one row a trained network: a column for the task, a Boolean one for each step, the
seed, and the scores ``test`` and ``train`` (fractions).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.evidence.attribution import shapley
from analysis.evidence.statistics import effect_pvalue, holm, mean_interval
from analysis.pictures.steps import STEPS, factorial

__all__ = [
    "attributions",
    "by_context",
    "order_range",
    "verdict_pretraining",
    "waterfall",
]

Array = NDArray[np.float64]

#: The switch that is no step of the file: weights from photographs.
PRETRAINED = "pretrained"


def attributions(runs: pd.DataFrame, steps: Sequence[str] = STEPS, seed: int = 0) -> pd.DataFrame:
    """Shapley attribution of each step, with intervals over the seeds."""
    rows = []
    for task, part in runs.groupby("task", sort=False):
        test, train = (100 * shapley(factorial(part, steps, s)) for s in ("test", "train"))
        p = holm([effect_pvalue(effects) for effects in test])
        for index, step in enumerate(steps):
            interval = mean_interval(test[index], seed)
            rows.append(
                {
                    "task": task,
                    "step": step,
                    "effect": interval.estimate,
                    "low": interval.low,
                    "high": interval.high,
                    "train": train[index].mean(),
                    "p": p[index],
                    "clear": bool(p[index] < 0.05 and interval.excludes(0)),
                }
            )
    return pd.DataFrame(rows)


def waterfall(effects: pd.DataFrame, start: float) -> pd.DataFrame:
    """Bars from the score without any step to the score with all of them."""
    ends = start + effects.effect.cumsum()
    bars = effects[["step", "effect", "low", "high"]].copy()
    return bars.assign(start=[start, *ends[:-1]], end=ends)


def order_range(scores: Array, steps: Sequence[str]) -> pd.DataFrame:
    """Find the least and the most that a step seems to do, depending on when it is taken.

    A published comparison changes steps in one order. This is the least and the most that the same
    step contributes over all ``k!`` orders, for the mean over seeds.
    """
    mean = 100 * scores.mean(axis=1)
    share = shapley(mean)
    subsets = np.arange(len(mean))
    rows = []
    for index, step in enumerate(steps):
        without = subsets[subsets >> index & 1 == 0]
        gain = mean[without | 1 << index] - mean[without]
        rows.append(
            {"step": step, "least": gain.min(), "most": gain.max(), "shapley": share[index]}
        )
    return pd.DataFrame(rows)


def by_context(
    runs: pd.DataFrame, step: str, steps: Sequence[str] = STEPS, seed: int = 0
) -> pd.DataFrame:
    """Effect of one step in every combination of the others."""
    if step not in steps:
        raise ValueError(f"{step!r} is none of {', '.join(steps)}")
    others = [name for name in steps if name != step]
    ordered = [*others, step]
    rows, p = [], []
    for task, part in runs.groupby("task", sort=False):
        scores = 100 * factorial(part, ordered)
        half = len(scores) // 2
        for j, difference in enumerate(scores[half:] - scores[:half]):
            interval = mean_interval(difference, seed)
            context = {name: bool(j >> i & 1) for i, name in enumerate(others)}
            found = {"effect": interval.estimate, "low": interval.low, "high": interval.high}
            rows.append({"task": task} | context | found)
            p.append(effect_pvalue(difference))
    table = pd.DataFrame(rows).assign(p=holm(p))
    return table.assign(clear=(table.p < 0.05) & ((table.low > 0) | (table.high < 0)))


def verdict_pretraining(runs: pd.DataFrame, seed: int = 0) -> str:
    """Decide whether pretraining, rather than the picture, explains the gain.

    Stated before the run. ``holds``: pretraining's attribution is clear and positive and, paired
    over seeds, larger than that of every step of the picture, with an interval above 0 each time.
    ``fails``: it is clear and negative, or the colormap's is clearly larger. ``holds with limits``:
    it is clear and positive, but some step of the picture does as much. Else ``undecided``.

    A verdict of the ledger.
    """
    steps = (*STEPS, PRETRAINED)
    shares = 100 * shapley(factorial(runs, steps))
    found = attributions(runs, steps, seed).set_index("step")
    lead = {
        step: mean_interval(shares[-1] - shares[index], seed) for index, step in enumerate(STEPS)
    }
    own = found.loc[PRETRAINED]
    if (own.clear and own.effect < 0) or lead["colormap"].high < 0:
        return "fails"
    if not own.clear:
        return "undecided"
    return "holds" if all(each.low > 0 for each in lead.values()) else "holds with limits"
