"""What a page needs to read verdicts anew under other choices: `what_verdicts_rest_on`.

The page (``book/_static/explorers/verdict.js``) follows the rules of `analysis.trained_comparisons`
from the runs on; what a browser cannot draw as numpy does, the bootstrap, comes as its quantiles.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.comparisons import beside
from analysis.comparisons.arms import ARMS, COLOURS, NETWORKS, RAW
from analysis.comparisons.tables import cell_of, cells_of, scores
from analysis.evidence.statistics import FEW, paired_difference

#: Confidence levels of differences and of equivalence.
LEVELS = (0.95, 0.9)


def _floats(values: Sequence[float] | NDArray[np.floating[Any]]) -> str:
    """Numbers as base64 of float32."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode("ascii")


def _studentised(a: NDArray[np.float64], b: NDArray[np.float64], seed: int) -> list[float]:
    """Say where the intervals of ``a - b`` end, low and high, in standard errors below the mean."""
    error = float((a - b).std(ddof=1)) / np.sqrt(len(a)) or 1.0
    found = [paired_difference(a, b, seed, level) for level in LEVELS]
    ends = [(one.estimate - end) / error for one in found for end in (one.high, one.low)]
    return [float(end) for end in ends]


def what_verdicts_rest_on(
    results: pd.DataFrame, networks: Sequence[str], grown: Sequence[str], seed: int = 0
) -> Mapping[str, Any]:
    """Collect runs by task, net and arm, and quantiles of the intervals that verdicts ask for.

    Of `results` the main condition is taken (`tables.scores`). Verdicts speak of `networks`;
    `grown` are the arms that may stand in for colour, as raw in a larger net may. Plain values for
    JSON; runs are in the order of their seeds, not a number where a net diverged.
    """
    asked = [(arm, RAW) for arm in ("gray3", *COLOURS)]
    asked += [(colour, way) for colour in COLOURS for way in ("gray3", *grown, *NETWORKS)]
    table = scores(results)
    table = table.drop(columns=beside.arms(table))  # no claim is about them
    cells, runs, quantiles = [], [], {}
    for task, network, cell in cells_of(table):
        whole = cell.reindex(range(int(cell.index.max()) + 1)).dropna(axis=1, how="all")
        counts = {arm: int(np.flatnonzero(whole[arm].notna())[-1]) + 1 for arm in whole}
        cells.append([task, network, [[str(arm), count] for arm, count in counts.items()]])
        runs += [whole[arm].to_numpy()[:count] for arm, count in counts.items()]
        larger = tuple(NETWORKS)[tuple(NETWORKS).index(network) + 1 :]
        cell = cell.join([cell_of(table, task, name)[RAW].rename(name) for name in larger])
        for a, b in asked:
            both = cell.reindex(columns=[a, b]).dropna().to_numpy(np.float64)
            if len(both) >= FEW:
                quantiles[f"{task}|{network}|{a}|{b}"] = _studentised(both[:, 0], both[:, 1], seed)
    most = max(map(len, runs))
    return {
        "cells": cells,
        "runs": _floats(np.concatenate(runs)),
        "resampled": list(quantiles),
        "quantiles": _floats(np.ravel(list(quantiles.values()))),
        "few": FEW,
        "student": [
            [float(stats.t.ppf((1 + level) / 2, n)) for n in range(1, most)] for level in LEVELS
        ],
        "normal": [float(stats.norm.ppf((1 + level) / 2)) for level in LEVELS],
        "networks": list(networks),
        "sizes": list(NETWORKS),
        "colours": list(COLOURS),
        "grown": list(grown),
        "labels": {arm: ARMS[arm].label for arm in (*COLOURS, "gray3", "shuffled", RAW, *grown)},
    }
