"""Beside the claims: three channels spent otherwise, own colormaps, other training, other folds.

Families of comparisons of their own, so that they cost the claims' no power.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pandas as pd

from analysis.comparisons.arms import ARMS, COLOURS, RAW
from analysis.comparisons.design import FOLD
from analysis.comparisons.tables import cells_of, scores
from analysis.comparisons.tasks import RECORDED
from analysis.evidence.contrasts import contrasts, corrected, effect

#: Kinds of arms that are another input, and of those that are trained otherwise.
KINDS = ("channels", "own")
TRAINING = "training"

#: What else is done in training, and the arms to which it is done: raw decibels and a colormap.
OTHERWISE = {"masks": ("raw-masks", "viridis-masks"), "plain": ("raw-plain", "viridis-plain")}

_HEIGHTS = ("ramp", "hue")

#: What was expected of those arms before one was trained: arm, tasks, network, reference, and
#: whether it is above that in the mean over the tasks. Convolution cannot see height, and a chirp's
#: ends are heights; changes in time are what a single neuron cannot take; the two colormaps make
#: more bands than others, of which recordings have none. Windows see what one window blurs, phase
#: says where in its band a chirp lies but little else at this size, and normalised energies take
#: away rooms and levels, of which words have many.
EXPECTED = (
    *((arm, ("chirps",), net, RAW, True) for arm in _HEIGHTS for net in ("neuron", "small")),
    *((arm, RECORDED, "small", RAW, False) for arm in (*_HEIGHTS, "ranges", "wreath", "spire")),
    ("deltas", RECORDED, "neuron", RAW, True),
    *((arm, RECORDED, "small", "colour", True) for arm in ("deltas", "ranges", "ramp", "hue")),
    *((arm, ("textures",), "neuron", RAW, True) for arm in ("wreath", "spire")),
    ("windows", RECORDED, "small", RAW, True), ("phase", RECORDED, "small", RAW, False),
    ("pcen", ("spoken-words",), "small", RAW, True), ("phase", ("chirps",), "small", RAW, True),
    *((arm, RECORDED, "small", "colour", True) for arm in ("windows", "pcen")),
)  # fmt: skip

#: What was expected of the small net trained otherwise, on recordings, in the mean: which of
#: `otherwise`'s differences is above 0. Masks help as augmentation does, and are no reason for
#: colour; without normalisation a colormap's three channels are what keeps units alive.
EXPECTED_OTHERWISE = (("masks", "raw", True), ("masks", "colour", False), ("plain", "more", True))


def arms(cell: pd.DataFrame) -> list[str]:
    """Those among the columns of a table of arms."""
    return [arm for arm in cell.columns if ARMS[arm].kind in (*KINDS, TRAINING)]


def differences(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare each arm that no claim is about with raw decibels and with the usual colormaps.

    ``reference`` names what it is compared with: `RAW` or "colour", the mean of `COLOURS`; Holm's
    correction is over the whole table.
    """
    tables = []
    for task, network, cell in cells_of(scores(results)):
        if not set(COLOURS) <= set(cell):
            continue
        wide = _with_colour(cell)
        own = [arm for arm in arms(cell) if ARMS[arm].kind in KINDS]
        found = contrasts(wide, product(own, (RAW, "colour")), seed)
        tables.append(found.assign(task=task, network=network))
    table = pd.concat(tables, ignore_index=True).drop(columns="reference")
    return corrected(table.rename(columns={"a": "arm", "b": "reference"}))


def came_true(table: pd.DataFrame) -> pd.DataFrame:
    """Set `EXPECTED` beside the means over its tasks in a table of `differences`."""
    rows = []
    for arm, tasks, network, reference, above in EXPECTED:
        own = table[(table.arm == arm) & (table.network == network)]
        own = own[(own.reference == reference) & own.task.isin(tasks)]
        if len(own):
            rows.append((arm, network, reference, len(own), above, own.difference.mean()))
    return _judged(rows, ["arm", "network", "reference", "tasks"])


def best_spent(table: pd.DataFrame, network: str, count: int = 3) -> list[str]:
    """Name the inputs with the largest mean gain over raw on recordings, in a network, of many."""
    own = table[(table.network == network) & (table.reference == RAW)]
    means = own[own.task.isin(RECORDED)].groupby("arm").difference.mean()
    return [str(arm) for arm in means.sort_values(ascending=False).index[:count]]


def otherwise(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare the small net trained otherwise (`OTHERWISE`) with the same as usual.

    Three differences a task and ``way``: "raw" (decibels, otherwise less as usual), "colour"
    (viridis less decibels, both otherwise) and "more" (that less the same as usual). ``score`` is
    that of decibels trained otherwise. Corrected over the whole table.
    """
    rows = []
    for (task, _, cell), (way, (raw, colour)) in product(
        (of for of in cells_of(scores(results)) if of[1] == "small"), OTHERWISE.items()
    ):
        if {raw, colour, "viridis"} <= set(cell):
            usual, own = cell.viridis - cell[RAW], cell[colour] - cell[raw]
            found = {"raw": cell[raw] - cell[RAW], "colour": own, "more": own - usual}
            for estimand, values in found.items():
                label = {"task": task, "way": way, "estimand": estimand, "score": cell[raw].mean()}
                rows.append(label | effect(values.dropna(), seed))
    return corrected(pd.DataFrame(rows))


def came_true_otherwise(table: pd.DataFrame) -> pd.DataFrame:
    """Set `EXPECTED_OTHERWISE` beside the means over recordings in a table of `otherwise`."""
    means = table[table.task.isin(RECORDED)].groupby(["way", "estimand"]).difference.mean()
    rows = [(w, e, above, means[w, e]) for w, e, above in EXPECTED_OTHERWISE if (w, e) in means]
    return _judged(rows, ["way", "estimand"])


def _judged(rows: Iterable[tuple[Any, ...]], names: list[str]) -> pd.DataFrame:
    """Say of rows that end with what was expected and what was found whether the first came."""
    found = pd.DataFrame(rows, columns=[*names, "above", "difference"])
    return found.assign(hit=(found.difference > 0) == found.above)


#: What is compared in every fold, an arm less another; "colour" is the mean of `COLOURS`.
OVER_FOLDS = (("colour", RAW), ("gray3", RAW), ("raw-wide", RAW))


def over_folds(nets: pd.DataFrame, results: pd.DataFrame, folds: int) -> pd.DataFrame:
    """Compare arms over folds in which every speaker, or program, is tested.

    A row a task, network and pair of `OVER_FOLDS`: scores and difference over `folds` of a repeat,
    means over the seeds of a fold, with an interval for folds that share training recordings
    (Nadeau and Bengio); ``one_split``, the same difference on the split of `results`, how that is
    ``split_decided``, and whether it lies on the ``same_side``. Stated before a fold was trained
    on: it does wherever the one split decides. Both are corrected over the table.
    """
    sound = nets.assign(test=nets.test.where(nets.diverged < 0))
    named = sound.task.str.split(FOLD, expand=True).set_axis(["task", "fold"], axis=1)
    means = sound.assign(**{str(name): named[name] for name in named}).pivot_table(
        "test", ["task", "network", "fold"], "arm", aggfunc="mean"
    )
    known, rows, splits = {key[:2] for key in means.index}, [], []
    for name, network, split in cells_of(scores(results)):
        if (name, network) not in known:
            continue
        cell = _with_colour(pd.DataFrame(means.xs((name, network))))
        one = _with_colour(split)
        for a, b in OVER_FOLDS:
            found = effect(cell[a] - cell[b], 0, 1 / (folds - 1))
            label = {"task": name, "network": network, "arm": a, "reference": b, "folds": len(cell)}
            label |= {"score": cell[a].mean(), "raw": cell[b].mean()}
            rows.append(label | found)
            splits.append(effect((one[a] - one[b]).dropna(), 0))
    table, split = (corrected(pd.DataFrame(found)) for found in (rows, splits))
    table = table.assign(one_split=split.difference, split_decided=split.decided)
    return table.assign(same_side=(table.difference > 0) == (table.one_split > 0))


def _with_colour(cell: pd.DataFrame) -> pd.DataFrame:
    return cell.assign(colour=cell[list(COLOURS)].mean(axis=1, skipna=False))
