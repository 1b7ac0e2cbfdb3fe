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

from analysis.evidence import attribution
from analysis.evidence.contrasts import decided, effect
from analysis.evidence.statistics import holm, mean_interval
from analysis.pictures.steps import STEPS, factorial

#: The switch that is no step of the file: weights from photographs.
PRETRAINED = "pretrained"


def attributions(
    runs: pd.DataFrame, steps: Sequence[str] = STEPS, seed: int = 0, shared: float = 0.0
) -> pd.DataFrame:
    """Shapley attribution of each step in points, with intervals over the seeds.

    `shared` is for runs whose seeds are folds of one training set (`contrasts.effect`).
    """
    tables = []
    for task, part in runs.groupby("task", sort=False):
        found = attribution.attributions(100 * factorial(part, steps), steps, seed, shared)
        train = 100 * attribution.shapley(factorial(part, steps, "train")).mean(axis=1)
        tables.append(found.assign(task=task, train=train, clear=decided(found) != 0))
    names = {"difference": "effect"}
    return (
        pd.concat(tables, ignore_index=True).drop(columns="p").rename(columns=names | {"holm": "p"})
    )


def waterfall(effects: pd.DataFrame, start: float) -> pd.DataFrame:
    """Bars from the score without any step to the score with all of them."""
    ends = start + effects.effect.cumsum()
    bars = effects[["step", "effect", "low", "high"]].copy()
    return bars.assign(start=[start, *ends[:-1]], end=ends)


def order_range(
    runs: pd.DataFrame, steps: Sequence[str], seed: int = 0, shared: float = 0.0
) -> pd.DataFrame:
    """Find the least and the most that a step seems to do, depending on when it is taken.

    A published comparison changes steps in one order. This is the least and the most that the same
    step contributes over all ``k!`` orders, for the mean over seeds, of one task. ``both``: it
    clearly helps in one place and clearly hurts in another (`by_context`).
    """
    mean = 100 * factorial(runs, steps).mean(axis=1)
    share = attribution.shapley(mean)
    subsets = np.arange(len(mean))
    rows = []
    for index, step in enumerate(steps):
        without = subsets[subsets >> index & 1 == 0]
        gain = mean[without | 1 << index] - mean[without]
        places = by_context(runs, step, steps, seed, shared)
        sure = places.effect[places.clear]
        both = bool((sure > 0).any() and (sure < 0).any())
        rows.append((step, gain.min(), gain.max(), share[index], both))
    return pd.DataFrame(rows, columns=["step", "least", "most", "shapley", "both"])


def by_context(
    runs: pd.DataFrame, step: str, steps: Sequence[str] = STEPS, seed: int = 0, shared: float = 0.0
) -> pd.DataFrame:
    """Effect of one step in every combination of the others."""
    if step not in steps:
        raise ValueError(f"{step!r} is none of {', '.join(steps)}")
    others = [name for name in steps if name != step]
    rows = []
    for task, part in runs.groupby("task", sort=False):
        scores = 100 * factorial(part, [*others, step])
        half = len(scores) // 2
        for j, difference in enumerate(scores[half:] - scores[:half]):
            context = {name: bool(j >> i & 1) for i, name in enumerate(others)}
            rows.append({"task": task} | context | effect(difference, seed, shared))
    table = pd.DataFrame(rows)
    table = table.assign(holm=holm(table.p))
    return table.assign(clear=decided(table) != 0).rename(columns={"difference": "effect"})


def verdict_pretraining(runs: pd.DataFrame, seed: int = 0, shared: float = 0.0) -> str:
    """Decide whether pretraining, rather than the picture, explains the gain.

    Stated before the run. ``holds``: pretraining's attribution is clear and positive and, paired
    over seeds, larger than that of every step of the picture, with an interval above 0 each time.
    ``fails``: it is clear and negative, or the colormap's is clearly larger. ``holds with limits``:
    it is clear and positive, but some step of the picture does as much. Else ``undecided``.

    A verdict of the ledger.
    """
    steps = (*STEPS, PRETRAINED)
    shares = 100 * attribution.shapley(factorial(runs, steps))
    found = attributions(runs, steps, seed, shared).set_index("step")
    lead = {
        step: mean_interval(shares[-1] - shares[index], seed, shared=shared)
        for index, step in enumerate(STEPS)
    }
    own = found.loc[PRETRAINED]
    if (own.clear and own.effect < 0) or lead["colormap"].high < 0:
        return "fails"
    if not own.clear:
        return "undecided"
    return "holds" if all(each.low > 0 for each in lead.values()) else "holds with limits"
