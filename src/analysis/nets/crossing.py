"""Trains the trials of a comparison in stacks, and gives tidy tables of what they scored."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from analysis.nets import sweeps, training
from analysis.nets.arms import (
    ARMS,
    PIPELINE,
    RAW,
    architecture,
)
from analysis.nets.design import (
    CURVE_MOMENTUM,
    CURVE_STRETCHES,
    MAIN_SCALE,
    MAIN_SCALING,
    POINTS,
    Settings,
    Trial,
    curve_trials,
    final_trials,
    step_trials,
    tuned,
    tuning_trials,
)
from analysis.nets.tasks import Task, balanced, encoded, load_tasks, magnitude, textures
from analysis.nets.training import Convolutional, Network, Optimiser
from analysis.sound import steps

__all__ = ["Outcome", "run", "sweep"]


def _optimiser(stage: str, settings: Settings) -> Optimiser:
    if stage.startswith("steps"):
        return Optimiser(settings.factorial.steps)
    if stage == "curve":
        return Optimiser(settings.curve_steps, method="sgd", decay=False, momentum=CURVE_MOMENTUM)
    return Optimiser(settings.steps)


def _stacks(
    trials: Sequence[Trial], tasks: Mapping[str, Task], size: int
) -> Iterator[tuple[Convolutional, list[int]]]:
    """Put trials of one task, stage and architecture together, at most `size` to a stack."""
    groups: dict[tuple[str, str, bool, Convolutional], list[int]] = {}
    for index, trial in enumerate(trials):
        build = architecture(trial.network, trial.arm, tasks[trial.task].outputs)
        key = (trial.stage, trial.task, "resize" in trial.steps, build)  # one size of input
        groups.setdefault(key, []).append(index)
    for (*_, build), members in groups.items():
        remaining = iter(members)
        while some := list(islice(remaining, size)):
            yield build, some


def _train_stack(
    task: Task,
    build: Convolutional,
    trials: Sequence[Trial],
    optimiser: Optimiser,
    checkpoint: Path | None,
    device: str,
) -> dict[str, Any]:
    """Train one stack; plain lists and tensors, so that it can be stored."""
    images: dict[str, NDArray[np.float32]] = {}
    networks = []
    for trial in trials:
        random = ARMS[trial.arm].encoding in ("random-curve", "shuffled")
        seed = trial.seed if random else 0
        name = f"{ARMS[trial.arm].encoding} {trial.scale} {trial.scaling} {seed} {trial.steps}"
        if name not in images:
            images[name] = _inputs(task, trial, seed)
        rows = _part(task, trial.fraction, trial.seed)
        networks.append(Network(trial.seed, name, trial.rate, rows))
    trained = training.train(
        *(build, images, task.targets, networks, optimiser),
        checkpoint=checkpoint,
        device=device,
    )
    return _measured(task, build, trials, networks, images, trained, device)


def _inputs(task: Task, trial: Trial, seed: int) -> NDArray[np.float32]:
    if not trial.stage.startswith("steps"):
        return encoded(task, trial.arm, trial.scale, trial.scaling, seed)
    amplitude = magnitude(task.db, 0.0)
    images = steps.prepare(amplitude, trial.steps, task.train, PIPELINE)
    return steps.standardise(images, task.train)


def _part(task: Task, fraction: float, seed: int) -> NDArray[np.int64]:
    """Take a share of the training set, balanced, the same for all arms of a seed."""
    if fraction == 1:
        return task.train
    rows = balanced(task.train, task.targets, np.random.default_rng([seed, 4]))
    return rows[: max(2, round(fraction * len(rows)))]


def _measured(
    task: Task,
    build: Convolutional,
    trials: Sequence[Trial],
    networks: Sequence[Network],
    images: Mapping[str, NDArray[np.float32]],
    trained: training.Trained,
    device: str,
) -> dict[str, Any]:
    """Score every network on training, validation and test set, and on each group of the test."""

    def outputs(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return training.evaluate(build, trained, images, networks, rows, device)

    found: dict[str, Any] = {"diverged": trained.diverged.tolist()}
    if trials[0].stage.endswith("tune"):
        found["validation"] = training.score(
            outputs(task.validation), task.targets[task.validation]
        ).tolist()
        return found
    tests = outputs(task.test)
    trains = [
        float(training.score(output, task.targets[network.rows]))
        for network, output in _own_rows(networks, outputs)
    ]
    found["train"] = trains
    found["test"] = training.score(tests, task.targets[task.test]).tolist()
    groups = task.groups[task.test]
    found["groups"] = {
        str(group): training.score(
            tests[:, groups == group], task.targets[task.test][groups == group]
        ).tolist()
        for group in np.unique(groups)
    }
    if trials[0].stage == "curve":
        found["losses"] = torch.as_tensor(trained.losses)
    else:
        found["outputs"] = [
            torch.as_tensor(output) if _kept(trial) else None
            for trial, output in zip(trials, tests, strict=True)
        ]
    return found


def _own_rows(
    networks: Sequence[Network], outputs: Callable[[NDArray[np.int64]], NDArray[np.float32]]
) -> Iterator[tuple[Network, NDArray[np.float32]]]:
    """Evaluate each network on its own part of the training set; all together where they agree."""
    rows = np.unique(np.concatenate([n.rows for n in networks if n.rows is not None]))
    for network, output in zip(networks, outputs(rows), strict=True):
        yield network, output[np.searchsorted(rows, np.asarray(network.rows))]


def _kept(trial: Trial) -> bool:
    """Whether a network's outputs are kept, to build ensembles of."""
    return (
        trial.stage == "final"
        and trial.arm in (RAW, "gray3")
        and trial.fraction == 1
        and (trial.scale, trial.scaling) == (MAIN_SCALE, MAIN_SCALING)
    )


@cache
def _code() -> str:
    """Fingerprint of the code that a trained stack depends on: this module and all it imports."""
    return sweeps.fingerprint(sys.modules[__name__])


def _stack_key(task: str, build: Convolutional, trials: Sequence[Trial], how: Optimiser) -> str:
    what = json.dumps([asdict(trial) for trial in trials], sort_keys=True)
    return hashlib.sha256(f"{_code()} {task} {build} {how} {what}".encode()).hexdigest()


def sweep(
    tasks: Mapping[str, Task],
    trials: Sequence[Trial],
    settings: Settings,
    *,
    store: Path | None = None,
    device: str = "cpu",
    **how: Any,
) -> list[dict[str, Any]]:
    """Train all trials, in stacks, in parallel.

    The stacks depend on the trials alone, and each is trained on one thread: the results are the
    same, bit for bit, whatever the executor and the number of processes, on machines of one kind.
    """
    digests = {name: task.digest() for name, task in tasks.items()}
    stacks = list(_stacks(trials, tasks, settings.stack))
    work = []
    for build, members in stacks:
        some = [trials[i] for i in members]
        optimiser = _optimiser(some[0].stage, settings)
        key = _stack_key(f"{digests[some[0].task]} {device}", build, some, optimiser)
        here = how.get("executor") != "dask"  # a cluster's workers may not see the folder
        part = sweeps.path_of(store, key).with_suffix(".part") if store and here else None
        arguments = (tasks[some[0].task], build, some, optimiser, part, device)
        cost = _cost(build, optimiser, len(some))
        work.append(sweeps.Work(key, _train_stack, arguments, len(some), cost))
    results: list[dict[str, Any]] = [{} for _ in trials]
    for (_, members), found in zip(stacks, sweeps.run(work, store=store, **how), strict=True):
        _take(results, members, found)
    return results


def _cost(build: Convolutional, how: Optimiser, networks: int) -> float:
    """Order of magnitude of a stack's work: the long ones go first, so that none is left over."""
    return networks * how.steps * (500 + training.count_parameters(build))


def _take(results: list[dict[str, Any]], members: Sequence[int], found: dict[str, Any]) -> None:
    for place, index in enumerate(members):
        results[index] = {
            name: {group: values[place] for group, values in value.items()}
            if name == "groups"
            else value[place]
            for name, value in found.items()
        }


@dataclass(frozen=True)
class Outcome:
    """All that was measured.

    `results`: A row a trial of the stages "tune" and "final": the fields of `Trial`, ``diverged``
    (step, or -1), ``validation`` (tune), ``train`` and ``test`` (final) as scores, at most 1.
    `groups`: Test scores of the final trials, group by group. `rates`: Of `tuned`. `curves`: Losses
    of the learning curves: ``arm``, ``seed``, ``step``, ``loss`` (mean over the steps since the
    last point), and ``test``, the score at the end. `steps`: A row a network of the factorial:
    ``task``, each step of `steps.STEPS` (taken or not), ``seed``, ``test`` and ``train`` (scores;
    not a number for one that diverged). `outputs`: ``(task, network, arm)`` to the test outputs
    (seeds, n, outputs) of raw and gray3. `tasks`: What was learned.
    """

    results: pd.DataFrame
    groups: pd.DataFrame
    rates: pd.DataFrame
    curves: pd.DataFrame
    steps: pd.DataFrame
    outputs: dict[tuple[str, str, str], NDArray[np.float32]]
    tasks: dict[str, Task]


def run(settings: Settings, seed: int = 0, **how: Any) -> Outcome:
    """Make the tasks, choose the learning rates, train everything."""
    tasks = load_tasks(settings, seed)

    def trained(
        trials: list[Trial], what: str, tasks: Mapping[str, Task] = tasks
    ) -> list[dict[str, Any]]:
        return sweep(tasks, trials, settings, description=what, **how)

    tuning = tuning_trials(settings, tasks)
    tune_table = _table(tuning, trained(tuning, "learning rates"))
    rates = tuned(tune_table)
    final = final_trials(settings, tasks, rates)
    curve = curve_trials(settings) if "textures" in tasks else []
    measured = trained(final, "networks")
    few = {"textures": textures(settings, seed, CURVE_STRETCHES)}
    curves = trained(curve, "learning curves", few)
    size = settings.factorial
    smaller = replace(
        settings, tasks=size.tasks, train=size.train, validation=size.validation, test=size.test
    )
    native = load_tasks(smaller, seed, native=True)
    step_tuning = step_trials(settings, native)
    table = _table(step_tuning, trained(step_tuning, "rates for the steps", native))
    factorial = step_trials(settings, native, _shared_rates(table))
    measured_steps = trained(factorial, "steps", native)
    return Outcome(
        results=pd.concat([tune_table, _table(final, measured)], ignore_index=True),
        groups=_group_table(final, measured),
        rates=rates,
        curves=_curve_table(curve, curves, settings),
        steps=_step_table(factorial, measured_steps),
        outputs=_kept_outputs(final, measured),
        tasks=tasks,
    )


def _table(trials: Sequence[Trial], found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    rows = []
    for trial, one in zip(trials, found, strict=True):
        scores = {name: one.get(name, np.nan) for name in ("validation", "train", "test")}
        rows.append({**asdict(trial), "diverged": one["diverged"], **scores})
    return pd.DataFrame(rows)


def _group_table(trials: Sequence[Trial], found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {**asdict(trial), "group": group, "score": value, "diverged": one["diverged"]}
            for trial, one in zip(trials, found, strict=True)
            for group, value in one["groups"].items()
        ]
    )


def _curve_table(
    trials: Sequence[Trial], found: Sequence[dict[str, Any]], settings: Settings
) -> pd.DataFrame:
    every = max(1, settings.curve_steps // POINTS)
    rows = []
    for trial, one in zip(trials, found, strict=True):
        losses = np.asarray(one["losses"], np.float64)
        means = losses[: len(losses) // every * every].reshape(-1, every).mean(1)
        for point, loss in enumerate(means, start=1):
            rows.append((trial.arm, trial.seed, point * every, loss, one["test"]))
    return pd.DataFrame(rows, columns=["arm", "seed", "step", "loss", "test"])


def _shared_rates(table: pd.DataFrame) -> dict[str, float]:
    """Each task's learning rate: the one with the highest mean score on validation."""
    sound = table.assign(validation=table.validation.where(table.diverged < 0, -np.inf))
    means = sound.pivot_table("validation", "rate", "task", aggfunc="mean")
    return {str(task): float(rate) for task, rate in means.idxmax().items()}


def _step_table(trials: Sequence[Trial], found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    rows = []
    for trial, one in zip(trials, found, strict=True):
        taken = {step: step in trial.steps for step in steps.STEPS}
        scores = {name: one[name] if one["diverged"] < 0 else np.nan for name in ("test", "train")}
        rows.append({"task": trial.task, **taken, "seed": trial.seed, **scores})
    return pd.DataFrame(rows)


def _kept_outputs(
    trials: Sequence[Trial], found: Sequence[dict[str, Any]]
) -> dict[tuple[str, str, str], NDArray[np.float32]]:
    kept: dict[tuple[str, str, str], list[NDArray[np.float32]]] = {}
    for trial, one in zip(trials, found, strict=True):
        if one["outputs"] is not None:
            key = (trial.task, trial.network, trial.arm)
            kept.setdefault(key, []).append(np.asarray(one["outputs"], np.float32))
    return {key: np.stack(values) for key, values in kept.items()}
