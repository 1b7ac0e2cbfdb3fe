"""Which networks are trained: a trial each, for tuning, comparison, curves and steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from analysis.comparisons.arms import ARMS, RAW, SPEED_ARMS, Scaling
from analysis.pictures import steps
from analysis.pictures.encodings import ScaleName

#: Differences below one percentage point were declared negligible before anything was trained.
MARGIN = 0.01


Cell = tuple[str, str, str, ScaleName, Scaling]  # task, network, arm, scale, scaling


@dataclass(frozen=True)
class Factorial:
    """Size of the factorial of the steps: all 64 combinations of them.

    `tasks`: Some of `TITLES`. `network`: A key of `NETWORKS`. `seeds`, `steps`: Networks for each
    combination, and their gradient steps. `train`, `validation`, `test`: Spectrograms at most.
    """

    tasks: tuple[str, ...]
    network: str
    seeds: int
    steps: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Settings:
    """Size of the chapter's experiments.

    `tasks`, `networks`, `arms`: Of the forest plot. `seeds`: Networks for each of its cells.
    `pair_arms`: Arms of the equivalence tests, which get `pair_seeds` networks; raw is one of them.
    `pair_seeds`: At least `seeds`. `steps`: Gradient steps of every network, 32 inputs each.
    `rates`: Learning rates to choose from, for each network; the same for all of its arms.
    `tuning_seeds`: Networks for each learning rate. `train`, `validation`, `test`: Spectrograms at
    most. `fractions`: Shares of the training set, of the phase diagram; 1 is the last.
    `phase_tasks`, `phase_networks`, `phase_arms`: Of the phase diagram; its arms are raw and some
    of `COLOURS`. `cross_tasks`, `cross_networks`, `cross_arms`: What is crossed with per-image and
    global scaling, as fed and of equal energy: the encodings that somebody might use, so that
    hopeless ones do not swell their share. Where none of the tasks' recordings is on this machine,
    the last task that is there. `curve_seeds`, `curve_steps`: Of the learning curves, on the
    textures. `factorial`: Of the steps of saving as an image. `folds`, `fold_repeats`,
    `fold_seeds`, `fold_arms`: Of the recordings' groups, each of which is tested once a repeat;
    networks of each arm and fold, at the rates that were chosen. `stack`: Networks trained at once.
    """

    tasks: tuple[str, ...]
    networks: tuple[str, ...]
    arms: tuple[str, ...]
    seeds: int
    pair_arms: tuple[str, ...]
    pair_seeds: int
    steps: int
    rates: Mapping[str, tuple[float, ...]]
    tuning_seeds: int
    train: int
    validation: int
    test: int
    fractions: tuple[float, ...]
    phase_tasks: tuple[str, ...]
    phase_networks: tuple[str, ...]
    phase_arms: tuple[str, ...]
    cross_tasks: tuple[str, ...]
    cross_networks: tuple[str, ...]
    cross_arms: tuple[str, ...]
    curve_seeds: int
    curve_steps: int
    factorial: Factorial
    folds: int
    fold_repeats: int
    fold_seeds: int
    fold_arms: tuple[str, ...]
    stack: int = 32


#: The condition of the forest plot, the phase diagram and the learning curves.
MAIN_SCALE: ScaleName = "equal_energy"

MAIN_SCALING: Scaling = "global"

#: Learning rate and momentum of the learning curves: plain descent, the same for every encoding.
CURVE_RATE, CURVE_MOMENTUM = 0.03, 0.9

#: Stretches of levels of the learning curves' textures: few, so that raw gets there too.
CURVE_STRETCHES = 5

#: Loss (nats) that counts as learned in the learning curves; guessing gives ln 2 = 0.69.
CURVE_LOSS = 0.45

_TUNING_SEED = 1000  # seeds from here on choose learning rates, and nothing else

POINTS = 30  # of a recorded curve


#: Stands between a task's name and the number of the fold that is tested.
FOLD = ", fold "


def without_fold(task: str) -> str:
    """Name the task that a fold is of; a task is its own.

    >>> without_fold("instruments, fold 3")
    'instruments'
    """
    return task.partition(FOLD)[0]


@dataclass(frozen=True)
class Trial:
    """One network to be trained.

    `stage`: Choice of the learning rate; result; learning curve; the same for the factorial; folds.
    `task`, `network`, `arm`: Keys of `TITLES`, `NETWORKS`, `ARMS`. `scale`, `scaling`: See
    `encoded`. `fraction`: Share of the training set. `seed`: Of the network, its batches, its part
    of the training set and a random encoding. `rate`: Learning rate. `steps`: Of the factorial:
    those that are taken, of `analysis.pictures.steps.STEPS`. Its arm tells the number of channels
    alone.
    """

    stage: Literal["tune", "final", "curve", "steps-tune", "steps", "folds"]
    task: str
    network: str
    arm: str
    scale: ScaleName
    scaling: Scaling
    fraction: float
    seed: int
    rate: float
    steps: tuple[str, ...] = ()


def _cells(settings: Settings, tasks: Iterable[str]) -> Iterator[Cell]:
    """Enumerate all (task, network, arm, scale, scaling) that need a learning rate, each once."""
    known = list(tasks)
    seen = set()
    scales: tuple[ScaleName, ...] = ("equal_energy", "as_fed")
    scalings: tuple[Scaling, ...] = ("global", "image")
    main = product(known, settings.networks, settings.arms, scales[:1], scalings[:1])
    partly = [task for task in known if task in settings.phase_tasks]
    phase = product(partly, settings.phase_networks, settings.phase_arms, scales[:1], scalings[:1])
    crossed = [task for task in known if task in settings.cross_tasks] or known[-1:]
    cross = product(crossed, settings.cross_networks, settings.cross_arms, scales, scalings)
    for cell in [*main, *phase, *cross]:
        task, network, arm, scale, _ = cell
        if cell in seen or not ARMS[arm].fits(task, network):
            continue
        if scale == "as_fed" and ARMS[arm].standardised:
            continue  # standardised decibels are the same, as fed or not
        seen.add(cell)
        yield cell


def tuning_trials(settings: Settings, tasks: Iterable[str]) -> list[Trial]:
    """Trials that choose the learning rates: every arm has as many."""
    seeds = range(_TUNING_SEED, _TUNING_SEED + settings.tuning_seeds)
    return [
        Trial("tune", *cell, 1.0, seed, rate)
        for cell in _cells(settings, tasks)
        for rate, seed in product(settings.rates[cell[1]], seeds)
    ]


_CELL = ["task", "network", "arm", "scale", "scaling"]


def tuned(results: pd.DataFrame) -> pd.DataFrame:
    """Choose each cell's learning rate: the one whose networks score highest on validation."""
    table = results[results.stage == "tune"].copy()
    table["validation"] = table.validation.where(table.diverged < 0, -np.inf)
    means = table.groupby([*_CELL, "rate"], sort=False).validation.mean().reset_index()
    means = means.sort_values("rate", kind="stable")
    best = means.loc[means.groupby(_CELL, sort=False).validation.idxmax()].reset_index(drop=True)
    tried = means.groupby("network").rate
    best["edge"] = [
        rate in (tried.min()[network], tried.max()[network])
        for network, rate in zip(best.network, best.rate, strict=True)
    ]
    return best


def final_trials(settings: Settings, tasks: Iterable[str], rates: pd.DataFrame) -> list[Trial]:
    """Trials whose scores are the results: main cells, smaller training sets, other scalings."""
    rate_of = {tuple(row[:5]): row[5] for row in rates[[*_CELL, "rate"]].itertuples(index=False)}
    found = []
    for cell in _cells(settings, tasks):
        task, network, arm, scale, scaling = cell
        main = (scale, scaling) == (MAIN_SCALE, MAIN_SCALING)
        pair = main and arm in settings.pair_arms and network in settings.networks
        in_phase = (
            task in settings.phase_tasks
            and network in settings.phase_networks
            and arm in settings.phase_arms
        )
        for fraction in settings.fractions if main and in_phase else (1.0,):
            seeds = settings.pair_seeds if pair and fraction == 1 else settings.seeds
            found += [Trial("final", *cell, fraction, seed, rate_of[cell]) for seed in range(seeds)]
    return found


def curve_trials(settings: Settings) -> list[Trial]:
    """Trials of the learning curves: small network, textures, one learning rate for all."""
    return [
        Trial("curve", "textures", "small", arm, MAIN_SCALE, MAIN_SCALING, 1.0, seed, CURVE_RATE)
        for arm in SPEED_ARMS
        for seed in range(settings.curve_seeds)
    ]


def fold_trials(settings: Settings, folds: Iterable[str], rates: pd.DataFrame) -> list[Trial]:
    """Trials of every fold (`tasks.fold_names`), at the rates of its task."""
    chosen = rates[(rates.scale == MAIN_SCALE) & (rates.scaling == MAIN_SCALING)]
    rate = chosen.set_index(["task", "network", "arm"]).rate
    return [
        Trial(
            *("folds", fold, network, arm, MAIN_SCALE, MAIN_SCALING, 1.0, seed),
            rate=float(rate[without_fold(fold), network, arm]),
        )
        for fold in folds
        for network, arm in product(settings.networks, settings.fold_arms)
        for seed in range(settings.fold_seeds)
    ]


#: Combinations on which the factorial's learning rate is chosen: a balanced eighth of them, in
#: which every step is taken in one half, whatever the others (a 2^(6-3) fraction, Box and Hunter).
_BALANCED = [
    cell
    for j, cell in enumerate(steps.cells())
    if not any((j & word).bit_count() % 2 for word in (0b001011, 0b010101, 0b100110))
]


def step_trials(
    settings: Settings, tasks: Iterable[str], rates: Mapping[str, float] | None = None
) -> list[Trial]:
    """Trials of the factorial: every combination of the steps, on every task, with every seed."""
    how = settings.factorial
    stage: Literal["steps-tune", "steps"]
    if rates is None:
        seeds = range(_TUNING_SEED, _TUNING_SEED + settings.tuning_seeds)
        choices = dict.fromkeys(tasks, settings.rates[how.network])
        some, stage = _BALANCED, "steps-tune"
    else:
        seeds = range(how.seeds)
        choices = {task: (rates[task],) for task in tasks}
        some, stage = list(steps.cells()), "steps"
    found = []
    for task, cell in product(choices, some):
        arm = "viridis" if "colormap" in cell else RAW
        taken = tuple(step for step in steps.STEPS if step in cell)
        found += [
            Trial(
                *(stage, task, how.network, arm, MAIN_SCALE, MAIN_SCALING, 1.0, seed, rate, taken)
            )
            for rate, seed in product(choices[task], seeds)
        ]
    return found
