"""Small networks trained on the same spectrograms under every encoding, many seeds each.

A *task* is a set of 16×16 spectrograms in decibels with something to learn (`Task`). An *arm* is
what a network is fed, and the one change to the network that goes with it (`ARMS`). A *trial* is
one network: task, size of network, arm, scaling, share of the training set, seed, learning rate
(`Trial`). `STUDY` is what the edition stores of them (`analysis.comparisons.studies`): trained
once, in as many processes as there are cores, and read by everybody. The rest of the module reads
the table:

======================  ============================================================================
`differences`           each arm minus raw decibels, paired by seed, with intervals
`equivalences`          copies against raw, colour against a network as wide, within a margin
`phase_diagram`         colour's gain over capacity and size of the training set
`learning_curves`       loss while training;  `time_ratios` steps to a given loss, against raw
`variance_shares`       of seed, speaker, encoding and scaling
`step_attributions`     of the six steps of saving as an image: which of them did what
`noise_floor`           how often one run an arm calls a winner where there is none
`verdict_…`             rules that read the claims' answers off those tables
======================  ============================================================================

The reference is *raw*: decibels, standardised by the training set. All choices that could favour
an arm are made the same way for all: the learning rate of each arm is chosen on a validation set by
the same number of trials, and two arms of one seed see the same batches in the same order. The
factorial of the steps alone has one learning rate a task, for its inputs are all standardised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from analysis.comparisons import beside
from analysis.comparisons.arms import ALL_STEPS, ARMS, COLOURS, NETWORKS, RAW
from analysis.comparisons.components import pooled_deviation, winner_chances
from analysis.comparisons.design import MAIN_SCALE, MAIN_SCALING, MARGIN, Factorial, Settings
from analysis.comparisons.outcomes import study
from analysis.comparisons.tables import cell_of, cells_of, records, scores
from analysis.comparisons.tasks import TITLES
from analysis.evidence.attribution import shapley
from analysis.evidence.contrasts import contrast, decided, effect
from analysis.evidence.statistics import equivalence, holm, paired_difference
from analysis.evidence.verdicts import by_answers, by_margin
from analysis.pictures import steps

#: What the edition stores.
_EDITION = Settings(
    tasks=tuple(TITLES),
    networks=("neuron", "small"),
    arms=tuple(ARMS),
    seeds=12,
    pair_arms=("raw", "gray3", "raw-wide", "raw3-drop", *COLOURS),
    pair_seeds=20,
    steps=250,
    rates={"neuron": (0.01, 0.03, 0.1, 0.3, 1.0)}
    | dict.fromkeys(("tiny", "small", "medium"), (0.0016, 0.005, 0.016, 0.05, 0.16)),
    tuning_seeds=4,  # with one, a lucky net at too high a rate chose, on one processor of two
    train=1024,
    validation=256,
    test=512,
    fractions=(1 / 16, 1 / 4, 1),
    phase_tasks=("textures", "spoken-digits"),
    phase_networks=tuple(NETWORKS),
    phase_arms=("raw", "viridis", "turbo"),
    cross_tasks=("spoken-digits",),
    cross_networks=("neuron", "small"),
    cross_arms=("magnitude", "gray8", "gray3", *COLOURS, "polynomial", "thermometer", "fourier"),
    curve_seeds=10,
    curve_steps=300,
    factorial=Factorial(("chirps", "instruments", "spoken-digits"), "tiny", 6, 200, 1024, 256, 512),
    folds=5,
    fold_repeats=2,
    fold_seeds=4,
    fold_arms=("raw", "gray3", "raw-wide", *COLOURS),
)

#: Sizes: ``edition`` is stored, ``large`` has more of everything, for hours, and ``rehearsal`` is
#: small enough to be trained from nothing at each build.
SETTINGS: dict[str, Settings] = {
    "edition": _EDITION,
    "large": replace(
        _EDITION,
        networks=tuple(NETWORKS),
        seeds=10,
        pair_seeds=20,
        fractions=(1 / 16, 1 / 8, 1 / 4, 1 / 2, 1),
        phase_tasks=tuple(TITLES),
        phase_arms=("raw", *COLOURS),
        cross_tasks=tuple(TITLES),
        curve_seeds=20,
        factorial=replace(_EDITION.factorial, network="small", seeds=10),
    ),
    "rehearsal": replace(
        _EDITION,
        arms=(
            *("raw", "magnitude", "gray3", "viridis", "turbo", "jet", "random-curve", "shuffled"),
            *("thermometer", "relu-8", "raw-wide", "raw-1x1", "raw3-drop", "magma", "deltas"),
            *("pcen", "raw-masks", "viridis-masks", "raw-plain", "viridis-plain"),
        ),
        seeds=5,
        pair_arms=("raw", "gray3", "raw-wide", "viridis", "turbo", "jet"),
        pair_seeds=8,
        steps=150,
        tuning_seeds=1,
        rates={"neuron": (0.03, 0.1, 0.3)}
        | dict.fromkeys(("tiny", "small", "medium"), (0.007, 0.02, 0.06)),
        train=512,
        validation=192,
        test=384,
        fractions=(1 / 8, 1 / 3, 1),
        phase_networks=("neuron", "tiny", "small"),
        cross_arms=("gray3", "viridis", "turbo", "jet", "thermometer"),
        curve_seeds=5,
        factorial=Factorial(("chirps", "instruments"), "tiny", 5, 80, 384, 96, 256),
        folds=3,
        fold_repeats=1,
        fold_seeds=1,
    ),
}


#: What the edition stores of this chapter: everything that trains a network.
STUDY = study("trained-comparisons", _EDITION)

#: Columns of a contrast that the table of differences keeps.
_READ = ("score", "difference", "low", "high", "p")


def differences(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare each arm with raw decibels, paired by seed."""
    rows = []
    trains = scores(results, "train")
    for task, network, cell in cells_of(scores(results)):
        train = cell_of(trains, task, network)
        for arm in cell.columns.drop([RAW, *beside.arms(cell)]):
            both = cell[[RAW, arm]].dropna()
            planned = results[
                (results.stage == "final")
                & (results.scale == MAIN_SCALE)
                & (results.scaling == MAIN_SCALING)
                & (results.fraction == 1)
                & (results.task == task)
                & (results.network == network)
            ]
            seeds = int(cell[RAW].index.isin(planned[planned.arm == arm].seed).sum())
            if not seeds:
                continue
            row: dict[str, Any] = {"task": task, "network": network, "arm": arm}
            row |= {"pairs": len(both), "lost": seeds - len(both)}
            if len(both) >= 2:
                pair = contrast(both[arm], both[RAW], seed)
                row |= {"raw": pair["reference"]} | {name: pair[name] for name in _READ}
                fitted = train.loc[both.index]
                row |= paired_difference(fitted[arm], fitted[RAW], seed).columns("train")
            rows.append(row)
    table = pd.DataFrame(rows)
    tested = table.p.notna()
    table.loc[tested, "holm"] = holm(table.p[tested])
    return table


def equivalences(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Test equality within the margin: copies against raw, colours against a network as wide."""
    rows = []
    for task, network, cell in cells_of(scores(results)):
        wanted = [("gray3", RAW), *((colour, "raw-wide") for colour in COLOURS)]
        for a, b in wanted:
            if not {a, b} <= set(cell.columns):
                continue
            both = cell[[a, b]].dropna()
            if len(both) < 2:
                continue
            found = equivalence(both[a], both[b], MARGIN, seed)
            numbers = (*found.difference, found.pvalue, found.equivalent)
            rows.append((task, network, a, b, len(both), *numbers))
    names = ["task", "network", "a", "b", "pairs", "difference", "low", "high", "p", "equivalent"]
    table = pd.DataFrame(rows, columns=names)
    table["holm"] = holm(table.p)
    table["equivalent"] &= table.holm < 0.05
    return table


def step_attributions(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Share out the effect of saving as an image over its six steps."""
    rows = []
    for score, (task, cell) in product(("test", "train"), runs.groupby("task", sort=False)):
        values = steps.factorial(cell, score=score)
        if values.shape[1] < 2:
            continue
        shares = shapley(values)
        for step, share in zip([*steps.STEPS, ALL_STEPS], [*shares, shares.sum(0)], strict=True):
            row = {"task": task, "score": score, "step": step} | effect(share, seed)
            rows.append(row | {"seeds": values.shape[1]})
    table = pd.DataFrame(rows).rename(columns={"difference": "effect"})
    single = table.step != ALL_STEPS
    for score in ("test", "train"):
        mine = single & (table.score == score)
        table.loc[mine, "holm"] = holm(table.p[mine])
    return table


#: A published table whose sign flips, one run each: score of gray and of viridis, for a smaller
#: and a larger network of the same family (GA-YOLO's comparison of spectrogram colourings).
PUBLISHED_FLIP = ((0.912, 0.902), (0.901, 0.917))


def noise_floor(results: pd.DataFrame, thresholds: ArrayLike, maps: int = 4) -> pd.DataFrame:
    """How often studies with one run an arm would call a winner where there is none."""
    table = scores(results)
    rows = []
    for row in records(pooled_deviation(results)):
        task, network, deviation = row["task"], row["network"], row["deviation"]
        raw = cell_of(table, task, network)[RAW].dropna().to_numpy()
        gaps = np.array([abs(a - b) for a, b in combinations(raw, 2)])
        one = winner_chances(deviation, thresholds)
        best = winner_chances(deviation, thresholds, maps)
        for i, threshold in enumerate(np.asarray(thresholds, np.float64)):
            observed = float((gaps >= threshold - 1e-12).mean())
            rows.append((task, network, threshold, one[i], best[i], observed, deviation))
    names = ["task", "network", "threshold", "one", "best", "observed", "deviation"]
    return pd.DataFrame(rows, columns=names)


def published_flip_chance(deviation: float) -> float:
    """Chance that two equal arms give a table like `PUBLISHED_FLIP`, or one more striking.

    >>> round(published_flip_chance(1.0), 2)
    0.49
    """
    sizes = [abs(colour - gray) for gray, colour in PUBLISHED_FLIP]
    first, second = winner_chances(deviation, sizes)
    return float(first * second / 2)


def colormap_spread(results: pd.DataFrame) -> pd.DataFrame:
    """Whether colormaps differ from each other, cell by cell."""
    rows = []
    for task, network, cell in cells_of(scores(results)):
        table = cell[[arm for arm in COLOURS if arm in cell.columns]].dropna()
        if len(table) < 2 or table.shape[1] < 2:
            continue
        means = table.mean()
        values = table.to_numpy()
        rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
        seeds, arms = values.shape
        between = seeds * ((values.mean(0) - values.mean()) ** 2).sum() / (arms - 1)
        within = (rest**2).sum() / ((seeds - 1) * (arms - 1))
        p = float(stats.f.sf(between / within, arms - 1, (seeds - 1) * (arms - 1)))
        rows.append((task, network, means.idxmax(), means.idxmin(), np.ptp(means), p))
    table = pd.DataFrame(rows, columns=["task", "network", "best", "worst", "spread", "p"])
    table["holm"] = holm(table.p)
    return table


def reaching(
    results: pd.DataFrame,
    table: pd.DataFrame,
    ways: Sequence[str],
    seed: int = 0,
    larger: bool = False,
) -> pd.DataFrame:
    """Where colour gains: whether another way, without colour, gains as much.

    The ways are arms of the same network and, if `larger`, raw decibels in each larger network
    ("raw, medium"). The best in the mean stands for them, which favours it a little.
    """
    rows = []
    gaining = table[(decided(table) == 1) & table.arm.isin(COLOURS)]
    cells = {(task, network): cell for task, network, cell in cells_of(scores(results))}
    for row in records(gaining):
        task, network, arm = row["task"], row["network"], row["arm"]
        others = cells[task, network].filter(list(ways))
        for name in tuple(NETWORKS)[tuple(NETWORKS).index(network) + 1 :] if larger else ():
            if (task, name) in cells:
                others = others.join(cells[task, name][RAW].rename(f"{RAW}, {name}"))
        if others.empty:
            continue
        way = str(others.mean().idxmax())
        both = pd.concat([cells[task, network][arm], others[way]], axis=1).dropna()
        if len(both) < 2:
            continue
        found = paired_difference(both[arm], both[way], seed)
        answer = "reached" if found.high < MARGIN else "short" if found.low > 0 else "open"
        rows.append((task, network, arm, way, *found, answer))
    names = ["task", "network", "arm", "way", "shortfall", "low", "high", "answer"]
    return pd.DataFrame(rows, columns=names)


def verdict_without_colour(reached: pd.DataFrame) -> str:
    """A6: wherever colour gains, more neurons or another layer on raw decibels gain as much.

    Whether training *finds* what is possible: that it is possible is a theorem, of other rows.
    Primary estimand: the colormap's score minus the best grown raw net's, paired by seed on a fixed
    test set, in each cell where the colormap beats raw; the margin is `MARGIN`. All reached, it
    holds; all short, it fails; both, with limits.
    """
    return by_answers(reached.answer, "reached", "short")


def verdict_growing_does_as_much(copies: pd.DataFrame, grown: pd.DataFrame) -> str:
    """D1: duplicating the input, or growing the model, does as much as colour.

    The claim says *or*, of two ways: it holds if both do as much, holds with limits if one
    does in part or in full, fails if both fail.
    """
    parts = [by_answers(table.answer, "reached", "short") for table in (copies, grown)]
    if parts[0] == parts[1]:
        return parts[0]
    return "holds with limits" if any(part.startswith("holds") for part in parts) else "undecided"


def verdict_limited_model(table: pd.DataFrame) -> str:
    """A9: with one neuron a filter, colour is better where the class lies in bands of levels.

    From the colormaps of `COLOURS` on the textures: better counts for it; worse, or surely
    less than the margin better, counts against it.
    """
    cell = table[(table.task == "textures") & (table.network == "neuron") & table.arm.isin(COLOURS)]
    return by_answers(by_margin(cell.assign(decided=decided(cell)), MARGIN))


def verdict_redundancy(table: pd.DataFrame, equal: pd.DataFrame) -> str:
    """Q6, first half: R = G = B does neither good nor harm.

    A cell counts for it if gray ×3 and raw are equivalent, against it if they differ after
    correction; most cells may be neither.
    """
    copies = table[table.arm == "gray3"].set_index(["task", "network"])
    same = equal[equal.a == "gray3"].set_index(["task", "network"]).equivalent
    differ = decided(copies) != 0
    answers = [
        "no" if differ[cell] else "yes" if bool(same.get(cell, False)) else "-"
        for cell in copies.index
    ]
    return by_answers(answers, "yes", "no")


def verdict_bad_colormap(table: pd.DataFrame) -> str:
    """Q6, second half: a bad colormap (its colours in random order) is worse than none.

    From the cells of the shuffled colormap.
    """
    ways = decided(table[table.arm == "shuffled"])
    return by_answers(ways.map({-1: "worse", 1: "better", 0: "-"}), "worse", "better")


def verdict_copies_are_an_ensemble(table: pd.DataFrame, ensembles: pd.DataFrame) -> str:
    """A4 for networks: copying the channel three times gains what an ensemble of three gains.

    Where an ensemble surely gains: a cell counts for the claim if the copies surely gain too,
    against it if even the upper end of the copies' gain is below the lower end of the
    ensemble's.
    """
    copies = table[table.arm == "gray3"].merge(
        ensembles, on=["task", "network"], suffixes=("", "_ensemble")
    )
    copies = copies[copies.low_ensemble > 0]
    ways = decided(copies)
    short = copies.high < copies.low_ensemble
    answers = np.where(ways == 1, "yes", np.where(short, "no", "-")).tolist()
    return by_answers(answers, "yes", "no")


def verdict_colormap_matters(spread: pd.DataFrame) -> str:
    """Q2 for small networks: the score depends on which colormap it is.

    A cell counts for it if the colormaps differ after correction, and by more than the margin
    from best to worst. Most cells do: it holds; some do: with limits; none does: undecided,
    for that no difference was *found* does not say that there is none.
    """
    found = (spread.holm < 0.05) & (spread.spread > MARGIN)
    if found.mean() > 0.5:
        return "holds"
    return "holds with limits" if found.any() else "undecided"
