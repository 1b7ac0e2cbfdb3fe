"""Choices among feeds, made fold by fold inside the training folds, and their comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.evidence.contrasts import effect
from analysis.evidence.folds import shared
from analysis.pretrained.contrast import NEUTRAL

#: Arms that are no gray: "colour" takes, fold by fold, the best of them and of their contrasts.
COLOURS = ("red–blue", "viridis", "turbo")

#: Contrasts that an arm's best is chosen from, in steps of about ½ decade.
GRID = (1.0, 0.3, 0.1, 0.03)

#: First minus second: (arms, contrasts, probe) each, best chosen inside the training folds.
Choice = tuple[tuple[str, ...], tuple[float, ...], str]

#: What names a cell.
CELL = ["task", "snr"]


def main_scores(table: pd.DataFrame, net: str = "imagenet", black: bool = False) -> pd.DataFrame:
    """Scores of a pretrained net as it is, at no blur and around its own gray; and of no net.

    With `black`, around black too, so that a choice is among both middles.
    """
    usual = (table.net == net) & (table.change == "none")
    usual &= np.isclose(table.middle, NEUTRAL) | (black & (table.middle == 0))
    return table[usual & ((table.blur == 0) | (table.arm == "no net"))]


def chosen(table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Rows that a choice takes in each fold: of least loss while other folds are left out too."""
    arms, contrasts, probe = choice
    some = table[table.arm.isin(arms) & table.contrast.isin(contrasts) & (table.probe == probe)]
    return some.loc[some.groupby([*CELL, "draw", "fold"]).loss.idxmin()]


def compared(cell: pd.DataFrame) -> dict[str, float]:
    """Mean difference of a cell, with an interval for folds that share training clips."""
    overlap = shared(cell.fold.nunique(), draws=cell.draw.nunique())
    scores = {"score": cell.test.mean(), "reference": cell.reference.mean()}
    return scores | effect(cell.test - cell.reference, 0, overlap)
