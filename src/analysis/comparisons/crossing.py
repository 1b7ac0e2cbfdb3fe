"""Trains the trials of a comparison in stacks, and gives tidy tables of what they scored."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from analysis.comparisons.arms import ARMS, PIPELINE, RAW, architecture
from analysis.comparisons.components import ensemble_gains
from analysis.comparisons.design import (
    CURVE_MOMENTUM,
    CURVE_STRETCHES,
    MAIN_SCALE,
    MAIN_SCALING,
    POINTS,
    Settings,
    Trial,
    curve_trials,
    final_trials,
    fold_trials,
    step_trials,
    tuned,
    tuning_trials,
    without_fold,
)
from analysis.comparisons.tasks import (
    TITLES,
    Task,
    balanced,
    encoded,
    fold_names,
    folded,
    load_tasks,
    magnitude,
    masked,
    textures,
)
from analysis.nets import sweeps, training
from analysis.nets.training import Convolutional, Network, Optimiser
from analysis.pictures import steps
from analysis.sound import datasets


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
    groups: dict[tuple[str, str, bool, bool, Convolutional], list[int]] = {}
    for index, trial in enumerate(trials):
        build = architecture(trial.network, trial.arm, tasks[trial.task].outputs)
        masks = ARMS[trial.arm].change == "masks"
        key = (trial.stage, trial.task, "resize" in trial.steps, masks, build)  # inputs of one size
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
    task = masked(task) if ARMS[trials[0].arm].change == "masks" else task
    for trial in trials:
        random = ARMS[trial.arm].encoding in ("random-curve", "shuffled")
        seed = trial.seed if random else 0
        name = f"{ARMS[trial.arm].encoding} {trial.scale} {trial.scaling} {seed} {trial.steps}"
        if name not in images:
            images[name] = _inputs(task, trial, seed)
        rows = _part(task, trial.fraction, trial.seed)
        networks.append(Network(trial.seed, name, trial.rate, rows))
    trained = training.train(
        *(build, images, task.targets, networks, optimiser), checkpoint=checkpoint, device=device
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
    kept = trials[0].stage != "folds"  # whose recordings are others in every fold
    found["hits"] = _hits(tests, task.targets[task.test]) if kept else [""] * len(trials)
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


def _hits(outputs: NDArray[np.float32], targets: NDArray[Any]) -> list[str]:
    """Which recordings each network got right: a bit each, in hexadecimal; "" for values."""
    if targets.ndim > 1:
        return [""] * len(outputs)
    return [np.packbits(right).tobytes().hex() for right in outputs.argmax(-1) == targets]


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


class About(NamedTuple):
    """A task in numbers: what its score is, and how many recordings each set has."""

    unit: str
    train: int
    validation: int
    test: int


#: What the tables of `measure` hold, column by column, see `measurements.KINDS`.
TABLES: dict[str, dict[str, str]] = {
    "nets": dict.fromkeys(("stage", "task", "network", "arm", "scale", "scaling"), "text")
    | {"fraction": "number", "seed": "count", "rate": "number", "steps": "text"}
    | {"diverged": "count"}
    | dict.fromkeys(("validation", "train", "test"), "number")
    | {"hits": "bits"},
    "groups": {"net": "count", "group": "text", "score": "number"},
    "curves": {"net": "count", "step": "count", "loss": "number"},
    "ensembles": {"task": "text", "network": "text", "members": "text", "gain": "number"},
    "recordings": {"task": "text", "group": "text"},
    "tasks": {"task": "text", "unit": "text"}
    | dict.fromkeys(("train", "validation", "test"), "count"),
}


def _native(settings: Settings, seed: int) -> dict[str, Task]:
    """Tasks of the factorial, before any step was taken."""
    size = settings.factorial
    smaller = replace(
        settings, tasks=size.tasks, train=size.train, validation=size.validation, test=size.test
    )
    return load_tasks(smaller, seed, native=True)


def _few(settings: Settings, seed: int) -> dict[str, Task]:
    """Make the task of the learning curves."""
    return {"textures": textures(settings, seed, CURVE_STRETCHES)}


def measure(settings: Settings, seed: int = 0, **how: Any) -> dict[str, pd.DataFrame]:
    """Make the tasks, choose the learning rates, train everything; see `TABLES` and `sweep`."""
    tasks = load_tasks(settings, seed)
    done: list[tuple[Trial, dict[str, Any]]] = []

    def trained(
        trials: list[Trial], what: str, tasks: Mapping[str, Task] = tasks
    ) -> list[dict[str, Any]]:
        found = sweep(tasks, trials, settings, description=what, **how)
        done.extend(zip(trials, found, strict=True))
        return found

    tuning = tuning_trials(settings, tasks)
    rates = tuned(_table(list(zip(tuning, trained(tuning, "learning rates"), strict=True))))
    final = final_trials(settings, tasks, rates)
    outputs = _kept_outputs(final, trained(final, "networks"))
    curve = curve_trials(settings) if "textures" in tasks else []
    trained(curve, "learning curves", _few(settings, seed))
    regrouped = folded(settings, seed)
    trained(fold_trials(settings, regrouped, rates), "folds", regrouped)
    native = _native(settings, seed)
    choice = step_trials(settings, native)
    found = trained(choice, "rates for the steps", native)
    shared = _shared_rates(_table(list(zip(choice, found, strict=True))))
    trained(step_trials(settings, native, shared), "steps", native)
    return {
        "nets": _table(done),
        "groups": _group_scores(done, tasks),
        "curves": _losses(done, settings),
        "ensembles": ensemble_gains(outputs, tasks),
        "recordings": _recordings(tasks),
        "tasks": pd.DataFrame(
            [(name, *_about(task)) for name, task in tasks.items()], columns=list(TABLES["tasks"])
        ),
    }


def _about(task: Task) -> About:
    return About(task.unit, len(task.train), len(task.validation), len(task.test))


def _table(done: Sequence[tuple[Trial, dict[str, Any]]]) -> pd.DataFrame:
    rows = []
    for trial, one in done:
        scores = {name: one.get(name, np.nan) for name in ("validation", "train", "test")}
        taken = {"steps": "; ".join(trial.steps)}
        bits = {"hits": one.get("hits", "")}
        rows.append({**asdict(trial), **taken, "diverged": one["diverged"], **scores, **bits})
    return pd.DataFrame(rows, columns=list(TABLES["nets"]))


def _group_scores(
    done: Sequence[tuple[Trial, dict[str, Any]]], tasks: Mapping[str, Task]
) -> pd.DataFrame:
    """Scores by group where no bits tell them: of values."""
    rows = [
        (net, group, score)
        for net, (trial, one) in enumerate(done)
        if trial.stage == "final" and tasks[trial.task].targets.ndim > 1
        for group, score in one["groups"].items()
    ]
    return pd.DataFrame(rows, columns=list(TABLES["groups"]))


def _losses(done: Sequence[tuple[Trial, dict[str, Any]]], settings: Settings) -> pd.DataFrame:
    every = max(1, settings.curve_steps // POINTS)
    rows = []
    for net, (trial, one) in enumerate(done):
        if trial.stage == "curve":
            losses = np.asarray(one["losses"], np.float64)
            means = losses[: len(losses) // every * every].reshape(-1, every).mean(1)
            rows += [(net, point * every, loss) for point, loss in enumerate(means, start=1)]
    return pd.DataFrame(rows, columns=list(TABLES["curves"]))


def _recordings(tasks: Mapping[str, Task]) -> pd.DataFrame:
    """List the groups of the test recordings, in the order of the bits."""
    found = [pd.DataFrame({"task": n, "group": t.groups[t.test]}) for n, t in tasks.items()]
    return pd.concat(found, ignore_index=True)


def _shared_rates(table: pd.DataFrame) -> dict[str, float]:
    """Each task's learning rate: the one with the highest mean score on validation."""
    sound = table.assign(validation=table.validation.where(table.diverged < 0, -np.inf))
    means = sound.pivot_table("validation", "rate", "task", aggfunc="mean")
    return {str(task): float(rate) for task, rate in means.idxmax().items()}


def _kept_outputs(
    trials: Sequence[Trial], found: Sequence[dict[str, Any]]
) -> dict[tuple[str, str, str], NDArray[np.float32]]:
    kept: dict[tuple[str, str, str], list[NDArray[np.float32]]] = {}
    for trial, one in zip(trials, found, strict=True):
        if one["outputs"] is not None:
            key = (trial.task, trial.network, trial.arm)
            kept.setdefault(key, []).append(np.asarray(one["outputs"], np.float32))
    return {key: np.stack(values) for key, values in kept.items()}


def again(rows: pd.DataFrame, settings: Settings, seed: int = 0, **how: Any) -> pd.DataFrame:
    """Train networks of the table ``nets`` once more, each by itself; their new rows.

    Networks whose recordings are not on this machine are left out.
    """
    parts = []
    worlds = {"steps": _native, "curve": _few, "folds": folded}
    for stage, some in rows.groupby("stage", sort=False):
        kind = str(stage).partition("-")[0]
        wanted = replace(settings, tasks=tuple(some.task.unique()), arms=tuple(some.arm.unique()))
        tasks = worlds.get(kind, load_tasks)(settings if kind == "steps" else wanted, seed)
        able = some[some.task.isin(list(tasks))]
        trials = [_trial(row) for row in able.to_dict("records")]
        found = sweep(tasks, trials, replace(settings, stack=1), **how)
        parts.append(_table(list(zip(trials, found, strict=True))).set_index(able.index))
    return pd.concat(parts).loc[
        [index for index in rows.index if any(index in p.index for p in parts)]
    ]


def here(nets: pd.DataFrame) -> pd.Series:
    """Tell for which nets of the table the recordings are on this machine."""
    return nets.task.map(without_fold).isin(_present(TITLES))


def _present(names: Iterable[str]) -> list[str]:
    """Tasks whose recordings, if they need any, are on this machine."""
    return [n for n in names if n not in datasets.SOURCES or datasets.available(n)]


def estimate(settings: Settings, seed: int = 0) -> tuple[int, float]:
    """How many networks `measure` trains, and the processor's seconds: by one of each size."""
    tasks, mixed = _present(settings.tasks), _present(settings.factorial.tasks)
    tuning = tuning_trials(settings, tasks)
    blank = pd.DataFrame([asdict(trial) for trial in tuning]).assign(validation=0.0, diverged=-1)
    known = dict.fromkeys(mixed, 1.0)
    trials = [*tuning, *final_trials(settings, tasks, tuned(blank))]
    trials += fold_trials(settings, fold_names(settings, tasks), tuned(blank))
    trials += curve_trials(settings) if "textures" in tasks else []
    trials += [*step_trials(settings, mixed), *step_trials(settings, mixed, known)]
    task = {"textures": textures(settings, seed)}
    seconds = {}
    for network in {trial.network for trial in trials}:
        rate = settings.rates[network][0]
        probe = Trial("final", "textures", network, RAW, MAIN_SCALE, MAIN_SCALING, 1.0, seed, rate)
        for how in (replace(settings, steps=1), settings):  # the first compiles
            spent: list[float] = []
            sweep(task, [probe], how, executor="serial", charge=spent.append)
        seconds[network] = sum(spent) / settings.steps
    cost = sum(seconds[t.network] * _optimiser(t.stage, settings).steps for t in trials)
    return len(trials), cost


def _trial(row: Mapping[Any, Any]) -> Trial:
    """Trial of a row of the table ``nets``."""
    names = ("stage", "task", "network", "arm", "scale", "scaling")
    fields: dict[str, Any] = {name: row[name] for name in names}
    fields |= {"fraction": float(row["fraction"]), "rate": float(row["rate"])}
    fields["steps"] = tuple(filter(None, str(row["steps"]).split("; ")))
    return Trial(seed=int(row["seed"]), **fields)
