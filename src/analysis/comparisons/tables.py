"""Reads the tables of trained networks: scores by seed, curves, steps until as good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis.comparisons.arms import ARMS, COLOURS, NETWORKS, RAW
from analysis.comparisons.design import CURVE_LOSS, MAIN_SCALE, MAIN_SCALING
from analysis.comparisons.tasks import TITLES
from analysis.evidence.statistics import mean_interval


def scores(results: pd.DataFrame, column: str = "test", fraction: float = 1.0) -> pd.DataFrame:
    """Arrange the main condition's scores seed by seed."""
    chosen = results[
        (results.stage == "final")
        & (results.scale == MAIN_SCALE)
        & (results.scaling == MAIN_SCALING)
        & (results.fraction == fraction)
    ]
    chosen = chosen.assign(score=chosen[column].where(chosen.diverged < 0))
    table = chosen.pivot(index=["task", "network", "seed"], columns="arm", values="score")
    keep = [arm for arm in ARMS if arm in table.columns]
    tasks = [task for task in TITLES if task in table.index.unique("task")]
    networks = [name for name in NETWORKS if name in table.index.unique("network")]
    order = [key for cell in product(tasks, networks) for key in table.index if key[:2] == cell]
    return table.loc[order, keep]


def cells_of(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (task, network, arms by seed) in the order of the table."""
    for (task, network), cell in table.groupby(level=["task", "network"], sort=False):
        yield str(task), str(network), cell.droplevel(["task", "network"])


def cell_of(table: pd.DataFrame, task: str, network: str) -> pd.DataFrame:
    """Arms by seed of one task and network."""
    tasks, networks = (table.index.get_level_values(level) for level in ("task", "network"))
    return table[(tasks == task) & (networks == network)].droplevel(["task", "network"])


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def divergence(results: pd.DataFrame) -> pd.DataFrame:
    """Count the networks whose loss or weights did not stay finite."""
    table = results.assign(bad=results.diverged >= 0).groupby(["stage", "arm"], sort=False).bad
    return table.agg(networks="size", diverged="sum").reset_index()


def phase_diagram(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Colour's gain over raw, for each capacity and size of the training set."""
    final = results[results.stage == "final"]
    partial = final[final.fraction < 1]
    colours = [arm for arm in COLOURS if arm in set(partial.arm)]
    cells = set(zip(partial.task, partial.network, strict=True))
    rows = []
    for fraction in sorted(final.fraction.unique()):
        tests, trains = (scores(results, column, fraction) for column in ("test", "train"))
        for task, network, cell in cells_of(tests):
            gain = _gain(cell, colours, seed) if (task, network) in cells else {}
            if gain:
                train = _gain(cell_of(trains, task, network), colours, seed)["gain"]
                place = {"task": task, "network": network, "fraction": fraction}
                rows.append(place | gain | {"train": train})
    return pd.DataFrame(rows)


def gain_by_group(groups: pd.DataFrame, task: str, seed: int = 0) -> pd.DataFrame:
    """Colour's gain over raw on each group of a task's test set."""
    own = groups[groups.task == task].assign(test=lambda table: table.score)
    rows = []
    for group in own.group.unique():
        for _, network, cell in cells_of(scores(own[own.group == group])):
            gain = _gain(cell, [arm for arm in COLOURS if arm in cell.columns], seed)
            if gain:
                rows.append({"network": network, "group": group} | gain)
    return pd.DataFrame(rows)


def _gain(cell: pd.DataFrame, colours: Sequence[str], seed: int) -> dict[str, float]:
    """Mean of some colormaps minus raw, paired by seed; empty for fewer than two pairs."""
    both = cell[[RAW, *colours]].dropna()
    if len(both) < 2:
        return {}
    found = mean_interval(both[colours].mean(axis=1) - both[RAW], seed)
    ends = {"gain": found.estimate, "low": found.low, "high": found.high}
    return ends | {"pairs": len(both), "raw": float(both[RAW].mean())}


def learning_curves(curves: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Mean loss while training, and test score at the end, over the seeds."""
    rows = []
    for (arm, step), cell in curves.groupby(["arm", "step"], sort=False):
        finite = cell[np.isfinite(cell.loss)]
        mean = low = high = test = np.nan
        if len(finite) == len(cell) >= 2:
            mean, low, high = mean_interval(finite.loss, seed)
            test = finite.test.mean()
        rows.append((arm, step, mean, low, high, test, len(cell) - len(finite)))
    return pd.DataFrame(rows, columns=["arm", "step", "loss", "low", "high", "test", "diverged"])


def _first_below(cell: pd.DataFrame, threshold: float) -> float:
    """Step at which a loss first falls below the threshold, interpolated; infinite if never."""
    step, loss = cell.step.to_numpy(np.float64), cell.loss.to_numpy()
    below = np.flatnonzero(loss < threshold)
    if not len(below):
        return np.inf
    i = int(below[0])
    if i == 0:
        return float(step[0])
    part = (loss[i - 1] - threshold) / (loss[i - 1] - loss[i])
    return float(step[i - 1] + part * (step[i] - step[i - 1]))


def time_ratios(
    curves: pd.DataFrame,
    predicted: Mapping[str, float],
    threshold: float = CURVE_LOSS,
    seed: int = 0,
) -> pd.DataFrame:
    """How much sooner than raw each encoding reaches a loss, beside a prediction."""
    steps = {
        arm: pd.Series({seed: _first_below(one, threshold) for seed, one in cell.groupby("seed")})
        for arm, cell in curves.groupby("arm", sort=False)
    }
    rows = []
    for arm, own in steps.items():
        if arm == RAW:
            continue
        done = np.isfinite(own) & np.isfinite(steps[RAW])
        mean = low = high = np.nan
        if done.sum() >= 2:
            found = mean_interval(np.log(steps[RAW][done] / own[done]), seed)
            mean, low, high = np.exp([*found])
        rows.append((arm, predicted.get(str(arm), np.nan), mean, low, high, float(done.mean())))
    return pd.DataFrame(rows, columns=["arm", "predicted", "measured", "low", "high", "reached"])
