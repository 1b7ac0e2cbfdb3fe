"""Reads the tables of `pieces`: differences of arms, fold by fold or net by net.

`frozen` gives a row a cell, draw and fold; all comparisons of frozen nets are made of it. Their
intervals are those for folds that share training clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.evidence import folds
from analysis.evidence.attribution import attributions, shapley
from analysis.evidence.contrasts import corrected, effect
from analysis.evidence.statistics import spearman
from analysis.pictures import steps
from analysis.pretrained.pieces import GRAY, NO_NET, Plan

#: The colormaps that people use, and their mean as an encoding of its own.
COLOURS = ("viridis", "magma", "turbo", "jet")
USUAL = "mean of the usual"

#: Factors of the factorial, in the order of its bits.
FACTORS = (*steps.STEPS, "pretrained")

#: How a frozen net is read: probes of `contrast.PROBES`, and what they are called.
READ = {"head": "at its end", "by place": "by place", "all depths": "at all depths"}

#: Folds of a draw of chirps, of which a trained net is tested on some.
_FOLDS = 10

_CELL = ["task", "weights", "stem", "encoding", "norm", "side", "probe"]
_PAIR = ["seed", "fold"]


def frozen(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Scores of frozen nets and of none, averaged over random nets: a row a cell, draw and fold.

    The mean of `COLOURS` is an encoding too, `USUAL`.
    """
    nets = tables["nets"].drop(columns=["test", "train"])
    nets = nets[nets.stage.isin(("frozen", "pixels"))]
    both = tables["folds"].merge(nets, left_on="net", right_index=True)
    rows = both.groupby([*_CELL, *_PAIR], sort=False)[["test", "train"]].mean().reset_index()
    own = rows[rows.encoding.isin(COLOURS)]
    rest = [name for name in (*_CELL, *_PAIR) if name != "encoding"]
    usual = own.groupby(rest, sort=False)[["test", "train"]].mean().reset_index()
    return pd.concat([rows, usual.assign(encoding=USUAL)], ignore_index=True)


def where(rows: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Rows whose columns have these values."""
    kept = [rows[name] == value for name, value in values.items()]
    return rows[np.logical_and.reduce(kept)]


def _compared(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, Any]:
    """Compare two arms fold by fold; the folds of a draw share training clips."""
    both = a.merge(b, on=_PAIR, suffixes=("", "_b"), validate="one_to_one")
    difference, train = both.test - both.test_b, both.train - both.train_b
    overlap = folds.shared(both.fold.nunique(), draws=both.seed.nunique())
    found = effect(difference, 0, overlap)
    scores = {"score": both.test.mean(), "reference": both.test_b.mean()}
    return scores | found | {"train": train.mean(), "pairs": len(both)}


def colour_effects(rows: pd.DataFrame) -> pd.DataFrame:
    """Each encoding less gray ×3 in the frozen pretrained net, by condition; not corrected.

    Conditions are normalisation, side and probe; a row a question, condition and encoding (or, for
    one channel, ``stem``).
    """
    own = rows[(rows.weights == "imagenet") & rows.probe.isin(READ)]
    found = []
    for place, cell in own.groupby(["task", "norm", "side", "probe"], sort=False):
        label = dict(zip(("task", "norm", "side", "probe"), place, strict=True))
        gray = cell[cell.encoding == GRAY]
        for (stem, encoding), arm in cell[cell.encoding != GRAY].groupby(
            ["stem", "encoding"], sort=False
        ):
            found.append(label | {"stem": stem, "encoding": encoding} | _compared(arm, gray))
    return pd.DataFrame(found)


def habit(rows: pd.DataFrame, side: int) -> pd.DataFrame:
    """Colour at the net's own normalisation less gray ×3 as 0–1: two habits, compared as such."""
    ends = where(rows, weights="imagenet", side=side, probe="head")
    colour, gray = (
        where(ends, encoding=e, norm=n).groupby("task", sort=False)
        for e, n in ((USUAL, "own"), (GRAY, "unit"))
    )
    return pd.DataFrame([{"task": t} | _compared(c, gray.get_group(t)) for t, c in colour])


def harms(rows: pd.DataFrame, side: int) -> pd.DataFrame:
    """Gray ×3 in the pretrained net less each control, by question and by how it is read (C5)."""
    gray = rows[(rows.encoding == GRAY) & (rows.norm == "own")]
    found = []
    for (task, probe), arm in where(gray, weights="imagenet", side=side).groupby(
        ["task", "probe"], sort=False
    ):
        if probe in READ:
            random = where(gray, task=task, weights="random", probe=probe)
            controls = {"random nets": random, "no net": where(gray, task=task, weights=NO_NET)}
            for control, other in controls.items():
                label = {"task": task, "control": control, "probe": probe}
                found.append(label | _compared(arm, other))
    return corrected(pd.DataFrame(found))


def interactions(rows: pd.DataFrame, side: int, probe: str = "head") -> pd.DataFrame:
    """Gain of `USUAL` over gray in the pretrained net, in random ones, and the interaction (Q7)."""
    found = []
    for task, cell in where(rows, norm="own", side=side, probe=probe).groupby("task", sort=False):
        gains = {}
        for weights in ("imagenet", "random"):
            own = where(cell, weights=weights).set_index(_PAIR)
            usual, gray = (own[own.encoding == name] for name in (USUAL, GRAY))
            gains[weights] = (usual[["test", "train"]] - gray[["test", "train"]]).reset_index()
        nothing = gains["random"].assign(test=0.0, train=0.0)
        pairs = {
            "pretrained": (gains["imagenet"], nothing), "random": (gains["random"], nothing),
            "interaction": (gains["imagenet"], gains["random"]),
        }  # fmt: skip
        found += [{"task": task, "gain": name} | _compared(*pair) for name, pair in pairs.items()]
    table = pd.DataFrame(found)
    return corrected(table.assign(p=table.p.where(table.gain != "random")))


def trained(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Trained nets, a row each."""
    return where(tables["nets"], stage="trained")


def starts(nets: pd.DataFrame) -> pd.DataFrame:
    """Nets trained from ImageNet's weights less from random ones, by encoding and length (B1)."""
    return _lessons(nets, "imagenet", "random", "weights", ["task", "encoding", "length"])


def _lessons(nets: pd.DataFrame, a: str, b: str, of: str, by: list[str]) -> pd.DataFrame:
    found = []
    for place, cell in nets.groupby(by, sort=False):
        arms = [cell[cell[of] == name] for name in (a, b)]
        if all(map(len, arms)):
            both = arms[0].merge(arms[1], on="seed", suffixes=("", "_b"))
            overlap = folds.shared(_FOLDS, tested=_FOLDS / len(both))
            scores = {"score": both.test.mean(), "reference": both.test_b.mean()}
            train = {"train": (both.train - both.train_b).mean(), "pairs": len(both)}
            found.append(
                dict(zip(by, place, strict=True)) | scores
                | effect(both.test - both.test_b, 0, overlap) | train
            )  # fmt: skip
    return corrected(pd.DataFrame(found))


def step_runs(tables: Mapping[str, pd.DataFrame], probe: str = "head") -> pd.DataFrame:
    """List the factorial: a row a run, with a column for each step, and the fold as ``seed``."""
    nets = where(tables["nets"], stage="steps", probe=probe)
    rows = tables["folds"].merge(
        nets[["task", "weights", "steps"]], left_on="net", right_index=True
    )
    taken = {step: [int(step in text.split("; ")) for text in rows.steps] for step in steps.STEPS}
    known = {"task": rows.task, "pretrained": (rows.weights == "imagenet").astype(int)} | taken
    scores = {"seed": rows.fold, "test": rows.test, "train": rows.train}
    return pd.DataFrame(known | scores).reset_index(drop=True)


def step_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Shapley attributions of one question's steps and of pretraining, over the folds.

    With both nets the seven `FACTORS` sum to what all of them do together; within the pretrained
    or the random net the six steps do. ``train`` is the same on the training sets.
    """
    own, tables = shared(runs), []
    for net, factors, chosen in (
        ("both", FACTORS, runs),
        ("pretrained", steps.STEPS, runs[runs.pretrained == 1]),
        ("random", steps.STEPS, runs[runs.pretrained == 0]),
    ):
        shares = attributions(steps.factorial(chosen, factors), factors, 0, own)
        train = shapley(steps.factorial(chosen, factors, "train")).mean(axis=1)
        tables.append(shares.assign(net=net, train=train))
    return pd.concat(tables, ignore_index=True).rename(columns={"step": "factor"})


def shared(runs: pd.DataFrame) -> float:
    """Give tested over trained clips of a fold of `step_runs`, see `statistics.mean_interval`."""
    return folds.shared(runs.seed.nunique())


def normalisations(rows: pd.DataFrame, side: int) -> pd.DataFrame:
    """Score at the end of the pretrained net by question, encoding and normalisation.

    Of the draws that were seen under as many normalisations as any of the question.
    """
    ends = where(rows, weights="imagenet", stem="rgb", side=side, probe="head")
    ends = ends[ends.encoding != USUAL]
    count = ends.groupby(["task", "seed"]).norm.transform("nunique")
    most = count.groupby(ends.task).transform("max")
    scores = ends[count == most].groupby(["task", "encoding", "norm"], sort=False)
    return scores.test.agg(["mean", "std"]).reset_index()


def depths(rows: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Score by depth at the net's own normalisation: mean and standard error over the folds."""
    deep = rows[rows.probe.isin((*plan.taps, "head")) & rows.weights.isin(("imagenet", "random"))]
    deep = where(deep, norm="own", side=plan.side, stem="rgb")
    deep = deep[deep.encoding.isin(plan.controlled)]
    scores = deep.groupby(["task", "weights", "encoding", "probe"], sort=False).test
    return scores.agg(["mean", "sem"]).reset_index()


def depth_gains(deep: pd.DataFrame, order: Sequence[str]) -> dict[str, pd.Series]:
    """Mean gain of `COLOURS` over gray in the pretrained net, "first" and "last", by question."""
    own = deep[deep.weights == "imagenet"]
    wide = own.pivot(index=["probe", "task"], columns="encoding", values="mean")
    gains = wide[list(COLOURS)].mean(axis=1) - wide[GRAY]
    return {"first": gains.loc[order[0]], "last": gains.loc[order[-1]]}


def absolute(rows: pd.DataFrame, side: int) -> pd.DataFrame:
    """Mean scores by question: without a net, and off frozen ones, gray and colour."""
    own = rows[(rows.norm == "own") & (rows.stem == "rgb")]
    found = {"no net": where(own, weights=NO_NET, encoding=GRAY)}
    found["random,\nend, gray"] = where(
        own, weights="random", side=side, probe="head", encoding=GRAY
    )
    for probe, place in (("head", "end"), ("by place", "by place"), ("all depths", "all depths")):
        cell = where(own, weights="imagenet", side=side, probe=probe)
        found |= {
            f"{place},\n{n}": where(cell, encoding=e)
            for n, e in (("gray", GRAY), ("colour", USUAL))
        }
    means = {name: cell.groupby("task", sort=False).test.mean() for name, cell in found.items()}
    return pd.DataFrame(means)


def distance_and_score(
    tables: Mapping[str, pd.DataFrame], rows: pd.DataFrame, side: int, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distance to photographs beside the probe's score, and by question their rank correlation."""
    sounds = tables["nets"][["sound", "task"]].drop_duplicates()
    far = tables["distances"].merge(sounds, on="sound")
    means = normalisations(rows, side).rename(columns={"mean": "test"}).drop(columns="std")
    points = far.merge(means, on=["task", "encoding", "norm"])
    found = []
    for task, cell in points.groupby("task", sort=False):
        rho = spearman(cell.distance, cell.test, seed)
        found.append((task, rho.estimate, rho.low, rho.high))
    return points, pd.DataFrame(found, columns=["task", "rho", "low", "high"])
