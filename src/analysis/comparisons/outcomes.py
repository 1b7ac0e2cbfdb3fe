"""Reads what `analysis.comparisons.crossing` measured, or the edition stores of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.comparisons import crossing
from analysis.comparisons.crossing import About
from analysis.comparisons.design import Settings, tuned
from analysis.comparisons.studies import Study
from analysis.pictures import steps
from analysis.sound import datasets


@dataclass(frozen=True)
class Outcome:
    """All that was measured, as `outcome` reads it from the tables of `crossing.measure`.

    `results`: A row a trial of the stages "tune" and "final": the fields of `Trial`, ``diverged``
    (step, or -1), ``validation`` (tune), ``train`` and ``test`` (final) as scores, at most 1.
    `groups`: Test scores of the final trials, group by group. `rates`: Of `tuned`. `curves`: Losses
    of the learning curves: ``arm``, ``seed``, ``step``, ``loss`` (mean over the steps since the
    last point), and ``test``, the score at the end. `steps`: A row a network of the factorial:
    ``task``, each step of `steps.STEPS` (taken or not), ``seed``, ``test`` and ``train`` (scores;
    not a number for one that diverged). `folds`: A row a network of the folds, as of `results`.
    `ensembles`: Of `components.ensemble_gains`. `tasks`: What was learned. `nets`: How many
    networks were trained in all.
    """

    results: pd.DataFrame
    groups: pd.DataFrame
    rates: pd.DataFrame
    curves: pd.DataFrame
    steps: pd.DataFrame
    folds: pd.DataFrame
    ensembles: pd.DataFrame
    tasks: dict[str, About]
    nets: int


def outcome(tables: Mapping[str, pd.DataFrame]) -> Outcome:
    """Read what `crossing.measure` returned, or what was stored of it."""
    nets = tables["nets"]
    results = nets[nets.stage.isin(["tune", "final"])]
    return Outcome(
        results=results.drop(columns=["hits"]),
        groups=_group_table(tables),
        rates=tuned(results[results.stage == "tune"]),
        curves=_curve_table(tables),
        steps=_step_table(nets[nets.stage == "steps"]),
        folds=nets[nets.stage == "folds"],
        ensembles=tables["ensembles"],
        tasks={str(row[0]): About(*row[1:]) for row in tables["tasks"].itertuples(index=False)},
        nets=len(nets),
    )


def _group_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Test scores of the final trials, group by group: from the bits, or as stored."""
    nets, groups = tables["nets"], tables["recordings"].groupby("task").group
    final = nets[nets.stage == "final"].drop(columns=["validation", "train", "test", "hits"])
    parts = [tables["groups"]]
    for task, own in nets[nets.stage == "final"].groupby("task", sort=False):
        of = groups.get_group(task).to_numpy(str)
        if own.hits.iloc[0]:
            bits = np.frombuffer(bytes.fromhex("".join(own.hits)), np.uint8)
            right = np.unpackbits(bits.reshape(len(own), -1), axis=1)[:, : len(of)]
            for group in np.unique(of):
                scores = right[:, of == group].mean(1)
                parts.append(pd.DataFrame({"net": own.index, "group": group, "score": scores}))
    table = pd.concat(parts).sort_values(["net", "group"], kind="stable")
    return (
        final.loc[table.net]
        .reset_index(drop=True)
        .assign(group=table.group.to_numpy(), score=table.score.to_numpy())
    )


def _curve_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    curves = tables["curves"]
    nets = tables["nets"].loc[curves.net]
    columns = {"arm": nets.arm, "seed": nets.seed, "step": curves.step, "loss": curves.loss}
    return pd.DataFrame({n: c.to_numpy() for n, c in (columns | {"test": nets.test}).items()})


def _step_table(nets: pd.DataFrame) -> pd.DataFrame:
    taken = {step: [step in text.split("; ") for text in nets.steps] for step in steps.STEPS}
    sound = nets.diverged.to_numpy() < 0
    scores = {name: np.where(sound, nets[name], np.nan) for name in ("test", "train")}
    return pd.DataFrame(
        {"task": nets.task.to_numpy(), **taken, "seed": nets.seed.to_numpy(), **scores}
    )


#: What names a network of the table ``nets``.
_KEY = (
    *("stage", "task", "network", "arm", "scale", "scaling", "fraction", "seed", "rate", "steps"),
)


def study(name: str, settings: Settings) -> Study:
    """Let the edition keep a comparison of arms, see `analysis.comparisons.studies`."""
    alike = ("stage", "task", "network", "fraction")
    steps = (crossing.measure, crossing.again, crossing.here, crossing.estimate)
    tasks = dict.fromkeys((*settings.tasks, *settings.factorial.tasks))
    needs = tuple(task for task in tasks if task in datasets.SOURCES)
    return Study(name, crossing, settings, crossing.TABLES, _KEY, alike, *steps, needs=needs)
