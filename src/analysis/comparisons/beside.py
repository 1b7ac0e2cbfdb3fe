"""Arms that no claim is about: three channels spent otherwise, and the book's own colormaps.

A family of comparisons of their own, so that they cost the claims' no power.
"""

from __future__ import annotations

from itertools import product

import pandas as pd

from analysis.comparisons.arms import ARMS, COLOURS, RAW
from analysis.comparisons.tables import cells_of, scores
from analysis.evidence.contrasts import contrasts, corrected

#: Their kinds.
KINDS = ("channels", "own")

_HEIGHTS = ("ramp", "hue")

#: Recordings of people and instruments, as against what we made.
RECORDED = ("instruments", "spoken-digits", "spoken-words")

#: What was expected of those arms before one was trained: arm, tasks, network, reference, and
#: whether it is above that in the mean over the tasks. Convolution cannot see height, and a chirp's
#: ends are heights; changes in time are what a single neuron cannot take; the two colormaps make
#: more bands than others, of which recordings have none.
EXPECTED = (
    *((arm, ("chirps",), net, RAW, True) for arm in _HEIGHTS for net in ("neuron", "small")),
    *((arm, RECORDED, "small", RAW, False) for arm in (*_HEIGHTS, "ranges", "wreath", "spire")),
    ("deltas", RECORDED, "neuron", RAW, True),
    *((arm, RECORDED, "small", "colour", True) for arm in ("deltas", "ranges", "ramp", "hue")),
    *((arm, ("textures",), "neuron", RAW, True) for arm in ("wreath", "spire")),
)  # fmt: skip


def arms(cell: pd.DataFrame) -> list[str]:
    """Those among the columns of a table of arms."""
    return [arm for arm in cell.columns if ARMS[arm].kind in KINDS]


def differences(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare each arm that no claim is about with raw decibels and with the usual colormaps.

    ``reference`` names what it is compared with: `RAW` or "colour", the mean of `COLOURS`; Holm's
    correction is over the whole table.
    """
    tables = []
    for task, network, cell in cells_of(scores(results)):
        if not set(COLOURS) <= set(cell):
            continue
        wide = cell.assign(colour=cell[list(COLOURS)].mean(axis=1, skipna=False))
        found = contrasts(wide, product(arms(cell), (RAW, "colour")), seed)
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
    columns = ["arm", "network", "reference", "tasks", "above", "difference"]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(hit=(found.difference > 0) == found.above)
