"""Differences of accuracies with what may be said about them, and the tables that show them.

An interval is the wider one of two: over runs (repeats and folds), and over recordings, or whole
groups where groups are given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.audit.crossvalidation import Outcome
from analysis.audit.folds import clusters_of
from analysis.audit.plan import NETWORKS
from analysis.evidence import attribution, statistics
from analysis.evidence.statistics import Interval, effect_pvalue, equivalence, mean_interval
from analysis.pictures.steps import STEPS

Array = NDArray[np.float64]

#: Differences below one percentage point were declared negligible beforehand.
MARGIN = 0.01


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies and what may be said about it."""

    name: str  # arm or step
    network: str  # a key of `NETWORKS`
    interval: Interval  # estimate with its 95 % interval; 0.01 is one percentage point
    pvalue: float  # of "no difference"; adjusted by Holm's method where several are compared
    equivalent: bool  # whether the difference is within `MARGIN`, by the equivalence test
    resolvable: float  # smallest difference that would have been seen with a chance of 80 %
    #: "helps", "hurts", "no difference worth having" or "not resolved"
    verdict: str = "not resolved"


def compare(
    gains: Array,
    folds: NDArray[np.int64],
    clusters: NDArray[np.int64],
    name: str,
    network: str = "small",
    seed: int = 0,
) -> Difference:
    """Mean of paired gains, with the wider one of the intervals over runs and over recordings.

    Runs of one fold share their test recordings, and recordings of one run share their network:
    neither alone tells how the difference would vary with other seeds *and* other recordings. So
    both are computed (`evidence.statistics.mean_interval`), and the wider one is taken. A p value
    is the larger one of both. Where all recordings agree there is no spread to go by, and the
    interval is what so many can tell: one that would differ may be too rare to be among them.
    `gains`, shape (repeats, n), tell for each recording what is gained when it is tested, NaN where
    it is not; `folds` are as in `Outcome`, `clusters` the recordings' groups. The verdict is
    `_judged` with this p value alone; see `differences`.
    """
    runs = _run_means(gains, folds)
    by_cluster = cluster_means(gains, clusters)
    samples = [sample for sample in (runs, by_cluster) if len(sample) > 1]
    mean = float(np.nanmean(np.where(folds >= 0, gains, np.nan)))
    unseen = {level: _unseen(gains, level) for level in (0.90, 0.95)}
    ninety, widest = (
        max((_interval(x, mean, level, seed, least) for x in samples), key=lambda i: i.high - i.low)
        for level, least in unseen.items()
    )
    errors = [float(x.std(ddof=1)) / math.sqrt(len(x)) for x in samples]
    pvalue = max(effect_pvalue(x) for x in samples)
    tested = [equivalence(x, np.zeros(len(x)), MARGIN, seed).equivalent for x in samples]
    equivalent = all(tested) and ninety.within(MARGIN)
    resolvable = max(2.8 * max(errors), unseen[0.95])
    found = Difference(name, network, widest, pvalue, equivalent, resolvable)
    return replace(found, verdict=_judged(found))


def _run_means(gains: Array, folds: NDArray[np.int64]) -> Array:
    """One number a run: the mean over what it was tested on, by repeat and fold."""
    pairs = product(zip(gains, folds, strict=True), range(folds.max() + 1))
    return np.array(
        [mine[dealt == fold].mean() for (mine, dealt), fold in pairs if (dealt == fold).any()]
    )


def cluster_means(gains: Array, clusters: NDArray[np.int64]) -> Array:
    """One number a cluster, whose plain mean is the mean over all tested recordings."""
    tested = np.isfinite(gains).any(0)
    each = np.nanmean(gains[:, tested], axis=0)
    places = np.unique(clusters[tested], return_inverse=True)[1]
    sums = np.bincount(places, each)
    return np.asarray(sums * len(sums) / len(each))


def _unseen(gains: Array, level: float) -> float:
    """Share of recordings that may differ although none did (Clopper and Pearson); 0 if some did.

    >>> round(_unseen(np.zeros((2, 300)), 0.9), 3), _unseen(np.eye(2), 0.9)
    (0.01, 0.0)
    """
    seen = gains[np.isfinite(gains)]
    if np.ptp(seen) > 1e-12:
        return 0.0
    recordings = int(np.isfinite(gains).any(0).sum())
    return float(1 - ((1 - level) / 2) ** (1 / recordings))


def _interval(sample: Array, mean: float, level: float, seed: int, least: float = 0.0) -> Interval:
    """Put the sample's interval around the mean of all, at least so wide."""
    found = mean_interval(sample, seed, level)
    low = min(found.low - found.estimate, -least)
    high = max(found.high - found.estimate, least)
    return Interval(mean, mean + low, mean + high, level)


def _judged(found: Difference) -> str:
    """Judge: significant and away from 0; or equivalent within the margin; or not resolved."""
    if found.pvalue < 0.05 and found.interval.excludes(0):
        return "helps" if found.interval.estimate > 0 else "hurts"
    return "no difference worth having" if found.equivalent else "not resolved"


def differences(outcome: Outcome) -> list[Difference]:
    """All comparisons of a report: each encoding against raw, on both nets, and each step.

    P values are adjusted together (Holm): the chance that *any* verdict is false stays small. First
    come the arms of the small net, then of the limited net, then the steps (network "steps").
    """
    clusters = clusters_of(outcome.data)
    found = []
    for network in (name for name in NETWORKS if name in outcome.entries):
        arms = [arm for arm, share in outcome.entries[network] if share == 1 and arm != "raw"]
        raw = outcome.hits(network, "raw")
        for arm in arms:
            gains = outcome.hits(network, arm) - raw
            found.append(compare(gains, outcome.folds, clusters, arm, network, outcome.seed))
    if "steps" in outcome.entries:
        found += step_differences(outcome)
    real = [i for i, one in enumerate(found) if one.name != "again"]
    adjusted = statistics.holm([found[i].pvalue for i in real])
    for i, pvalue in zip(real, adjusted, strict=True):
        changed = replace(found[i], pvalue=float(pvalue))
        found[i] = replace(changed, verdict=_judged(changed))
    return found


def step_differences(outcome: Outcome) -> list[Difference]:
    """Share the effect of saving as an image out over its `STEPS`: Shapley values with intervals.

    In the order of the steps; p values are not adjusted.
    """
    names = [arm for arm, _ in outcome.entries["steps"]]
    hits = np.stack([outcome.hits("steps", name) for name in names])
    tested = outcome.folds >= 0
    shares = np.full((len(STEPS), *tested.shape), np.nan)
    shares[:, tested] = attribution.shapley(hits[:, tested])
    clusters = clusters_of(outcome.data)
    return [
        compare(share, outcome.folds, clusters, step, "steps", outcome.seed)
        for step, share in zip(STEPS, shares, strict=True)
    ]


def accuracies(outcome: Outcome, found: Sequence[Difference]) -> pd.DataFrame:
    """Accuracy by encoding, train beside test, with the difference from raw as in `differences`."""
    known = {(one.network, one.name): one for one in found}
    clusters = clusters_of(outcome.data)
    rows = []
    for network in NETWORKS:
        for index, (arm, share) in enumerate(outcome.entries[network]):
            if share < 1:
                continue
            test = compare(
                outcome.hits(network, arm), outcome.folds, clusters, arm, network, outcome.seed
            ).interval
            row = {
                "network": network,
                "arm": arm,
                "train": float(np.nanmean(outcome.train[network][index])),
                "test": test.estimate,
                "test_low": max(0.0, test.low),
                "test_high": min(1.0, test.high),
            }
            if arm != "raw":
                row |= _difference_row(known[network, arm])
            rows.append(row)
    return pd.DataFrame(rows)


def _difference_row(one: Difference) -> dict[str, Any]:
    return {
        "difference": one.interval.estimate,
        "low": one.interval.low,
        "high": one.interval.high,
        "pvalue": one.pvalue,
        "verdict": one.verdict,
        "resolvable": one.resolvable,
    }


def step_table(outcome: Outcome, found: Sequence[Difference]) -> pd.DataFrame:
    """Lay out the steps with their Shapley values, and both ends of the waterfall.

    ``from`` and ``to`` are the accuracies before and after the step, in the order of the pipeline.
    """
    rows = [{"step": one.name, **_difference_row(one)} for one in found if one.network == "steps"]
    table = pd.DataFrame(rows)
    start = float(np.nanmean(outcome.hits("steps", "0")))
    after = start + table.difference.cumsum()
    return table.assign(**{"from": after - table.difference, "to": after})


def noise_floor(outcome: Outcome, network: str = "small") -> float:
    """How far two runs of *one* encoding lie apart by their seeds alone, in 95 % of cases.

    Whoever runs each encoding once takes smaller differences of accuracies for effects.
    """
    gaps = outcome.hits(network, "again") - outcome.hits(network, "raw")
    return float(1.96 * np.sqrt(np.square(_run_means(gaps, outcome.folds)).mean()))


def learning_curve(outcome: Outcome, network: str = "small") -> pd.DataFrame:
    """Accuracy against the share of the training set, for raw and for the colormap."""
    clusters = clusters_of(outcome.data)
    folds = range(int(outcome.folds.max()) + 1)
    trained = float(np.mean([(outcome.folds != fold).sum(1).mean() for fold in folds]))
    rows = []
    for index, (arm, share) in enumerate(outcome.entries[network]):
        if arm not in ("raw", outcome.colormap):
            continue
        test = compare(outcome.hits(network, arm, share), outcome.folds, clusters, arm).interval
        train = float(np.nanmean(outcome.train[network][index]))
        rows.append(
            (arm, share, share * trained, train, test.estimate, max(0, test.low), min(1, test.high))
        )
    columns = ["arm", "share", "count", "train", "test", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(["arm", "share"], ignore_index=True)


def confusion(outcome: Outcome, arm: str, network: str = "small") -> Array:
    """How often class i was taken for class j: (classes, classes), each row sums to 1."""
    guessed = outcome.predicted[network][outcome.entries[network].index((arm, 1.0))]
    count = len(outcome.data.label_names)
    table = np.zeros((count, count))
    truth = np.broadcast_to(outcome.data.labels, guessed.shape)
    seen = guessed >= 0
    np.add.at(table, (truth[seen], guessed[seen]), 1)
    return np.asarray(table / np.maximum(table.sum(1, keepdims=True), 1))
