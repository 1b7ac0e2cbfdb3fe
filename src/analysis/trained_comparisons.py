"""Small networks trained on the same spectrograms under every encoding, many seeds each.

A *task* is a set of 16×16 spectrograms in decibels with something to learn (`Task`). An *arm* is
what a network is fed, and the one change to the network that goes with it (`ARMS`). A *trial* is
one network: task, size of network, arm, scaling, share of the training set, seed, learning rate
(`Trial`). `run` trains all trials of a profile in stacks (`analysis.nets.training`), in as many
processes as there are cores (`analysis.nets.sweeps`); the rest of the module reads the table:

======================  ============================================================================
`differences`           each arm minus raw decibels, paired by seed, with intervals
`equivalences`          copies against raw, colour against a network as wide, within a margin
`phase_diagram`         colour's gain over capacity and size of the training set
`learning_curves`       loss while training;  `time_ratios` steps to a given loss, against raw
`variance_shares`       of seed, speaker, encoding and scaling
`step_attributions`     of the six steps of saving as an image: which of them did what
`noise_floor`           how often one run an arm calls a winner where there is none
`verdict_…`             rules that read the claims' answers off those tables
======================  ============================================================================

The reference is *raw*: decibels, standardised by the training set. All choices that could favour
an arm are made the same way for all: the learning rate of each arm is chosen on a validation set by
the same number of trials, and two arms of one seed see the same batches in the same order. The
factorial of the steps alone has one learning rate a task, for its inputs are all standardised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import combinations, islice, product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.colour import colormaps
from analysis.evidence.attribution import shapley
from analysis.evidence.statistics import (
    bootstrap_mean,
    effect_pvalue,
    equivalence,
    holm,
    paired_difference,
)
from analysis.nets import sweeps, training
from analysis.nets.training import Convolution, Convolutional, Network, Optimiser
from analysis.sound import datasets, encodings, signals, spectrograms, steps
from analysis.sound.encodings import ScaleName

__all__ = [
    "ALL_STEPS",
    "ARMS",
    "COLOURS",
    "MARGIN",
    "NETWORKS",
    "PUBLISHED_FLIP",
    "SETTINGS",
    "SPEED_ARMS",
    "TITLES",
    "Arm",
    "Factorial",
    "Outcome",
    "Settings",
    "Task",
    "Trial",
    "architecture",
    "colormap_spread",
    "curve_trials",
    "decided",
    "differences",
    "divergence",
    "encoded",
    "ensemble",
    "equivalences",
    "final_trials",
    "gain_by_group",
    "learning_curves",
    "load_tasks",
    "magnitude",
    "noise_floor",
    "phase_diagram",
    "pooled_deviation",
    "published_flip_chance",
    "reaching",
    "recordings",
    "run",
    "scores",
    "sign_flips",
    "step_attributions",
    "step_trials",
    "sweep",
    "time_ratios",
    "tuned",
    "tuning_trials",
    "variance_shares",
    "verdict_bad_colormap",
    "verdict_colormap_matters",
    "verdict_copies_are_an_ensemble",
    "verdict_growing_does_as_much",
    "verdict_limited_model",
    "verdict_redundancy",
    "verdict_without_colour",
    "winner_chances",
]

Array = NDArray[np.float64]
Scaling = Literal["global", "image"]
Cell = tuple[str, str, str, ScaleName, Scaling]  # task, network, arm, scale, scaling

#: Rows and columns of a spectrogram: what lets hundreds of networks be trained in minutes.
SIDE = 16

#: Rows and columns of the spectrograms that the steps of saving as an image start from.
NATIVE = 24

#: What each of these steps does where it is taken; ``resize`` brings them to the others' size.
PIPELINE = steps.Pipeline(size=(SIDE, SIDE))

#: Differences below one percentage point were declared negligible before anything was trained.
MARGIN = 0.01

#: What tasks are called in figures.
TITLES = {
    "textures": "level-band textures",
    "chirps": "chirps in noise",
    "instruments": "instrument families",
    "spoken-digits": "spoken digits",
    "spoken-words": "spoken words",
}

#: The reference arm.
RAW = "raw"

#: What the sum of the steps' attributions is called: all six taken, against none.
ALL_STEPS = "all six"


# --- arms and networks -----------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """What a network is fed, and how the network is changed.

    `label`: For figures. `encoding`: ``"raw"``, ``"magnitude"`` or an encoding of
    `analysis.sound.encodings`. `change`: ``wide``: the first layer has three times as many filters.
    ``pointwise``: an extra 1×1 layer of three ReLU neurons in front. ``relu-colormap``: a trained
    colormap in front. ``drop``: channels are left out at random in training. `size`: Knots of the
    trained colormap. `kind`: For grouping and colouring.
    """

    label: str
    encoding: str
    kind: str
    change: Literal["", "wide", "pointwise", "relu-colormap", "drop"] = ""
    size: int = 0

    @property
    def standardised(self) -> bool:
        """Whether the arm is fed standardised decibels whatever the channel scale."""
        return self.encoding == "raw" or self.change == "drop"


#: Every arm, in the order of the figures.
ARMS: dict[str, Arm] = {
    "raw": Arm("raw dB", "raw", "reference"),
    "magnitude": Arm("raw magnitude", "magnitude", "value"),
    "gray8": Arm("8-bit gray", "gray8", "value"),
    "gray3": Arm("gray ×3 (R = G = B)", "gray3", "copy"),
    "raw3-drop": Arm("raw ×3, channel dropout", "raw3", "copy", "drop"),
    "viridis": Arm("viridis", "viridis", "colour"),
    "magma": Arm("magma", "magma", "colour"),
    "turbo": Arm("turbo", "turbo", "colour"),
    "jet": Arm("jet", "jet", "colour"),
    "hsv": Arm("hsv (cyclic)", "hsv", "bad colour"),
    "random-curve": Arm("random smooth curve", "random-curve", "bad colour"),
    "shuffled": Arm("shuffled viridis", "shuffled", "bad colour"),
    "polynomial": Arm("polynomial", "polynomial", "embedding"),
    "thermometer": Arm("thermometer-3", "thermometer", "embedding"),
    "fourier": Arm("Fourier-3", "fourier", "embedding"),
    "relu-4": Arm("learned ReLU colormap, 4", "raw", "network", "relu-colormap", 4),
    "relu-8": Arm("learned ReLU colormap, 8", "raw", "network", "relu-colormap", 8),
    "raw-wide": Arm("raw, first layer ×3", "raw", "network", "wide"),
    "raw-1x1": Arm("raw, extra 1×1 layer", "raw", "network", "pointwise"),
}

#: The colormaps that people use, of which the phase diagram shows the mean.
COLOURS = ("viridis", "magma", "turbo", "jet")

#: What the learning curves compare: encodings, on one and the same network.
SPEED_ARMS = (
    *("raw", "gray3", "viridis", "turbo", "jet", "hsv"),
    *("polynomial", "thermometer", "fourier"),
)

#: Chance that `raw3-drop` leaves a channel out.
DROP = 0.3

#: Layers of the networks and how outputs read them, smallest first: about 0.5, 0.5, 5 and 50
#: thousand parameters. ``neuron`` has a single layer, and one filter for each output.
NETWORKS: dict[str, tuple[int, ...]] = {
    "neuron": (),
    "tiny": (4, 3),
    "small": (8, 32),
    "medium": (32, 64, 48),
}

#: Rows and columns to which a network averages its last layer: frequencies, times.
GRID = (4, 2)


def architecture(network: str, arm: str, outputs: int) -> Convolutional:
    """Build the network of an arm.

    >>> training.count_parameters(architecture("tiny", "viridis", 10))
    480
    """
    way = ARMS[arm]
    filters = list(NETWORKS[network] or (outputs,))
    if way.change == "wide":
        filters[0] *= 3
    layers = tuple(Convolution(n, stride=2 if i < 2 else 1) for i, n in enumerate(filters))
    front = way.change if way.change in ("pointwise", "relu-colormap") else "none"
    return Convolutional(
        channels=1 if way.encoding in ("raw", "magnitude", "gray8") else 3,
        layers=layers,
        outputs=outputs,
        grid=GRID,
        normalise=network != "neuron",
        readout="own" if network == "neuron" else "all",
        front=front,
        front_size=way.size or 3,
        drop=DROP if way.change == "drop" else 0.0,
    )


# --- tasks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """Spectrograms and what is to be learned from them.

    `name`: A key of `TITLES`. `db`: In decibels. `targets`: Classes, or standardised values.
    `outputs`: Classes, or values. `groups`: Speaker, instrument, or range of the signal-to-noise
    ratio. `train`, `validation`, `test`: Rows of each; of real recordings, no group is in two of
    them.
    """

    name: str
    db: NDArray[np.float32]
    targets: NDArray[Any]
    outputs: int
    groups: NDArray[np.str_]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def unit(self) -> str:
        """What the score is."""
        return "accuracy" if self.targets.ndim == 1 else "R²"

    def digest(self) -> str:
        """Fingerprint of the data."""
        found = hashlib.sha256(f"{self.name} {self.outputs}".encode())
        for array in (self.db, self.targets, self.train, self.validation, self.test):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def _balanced(
    rows: NDArray[np.int64], targets: NDArray[Any], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rows in random order in which every beginning has the classes about equally often."""
    shuffled = rng.permutation(rows)
    if targets.ndim > 1:
        return shuffled
    labels = targets[shuffled]
    rank = np.empty(len(rows))
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        rank[mine] = np.arange(len(mine))
    return np.asarray(shuffled[np.argsort(rank, kind="stable")], np.int64)


def _snr_range(snr: Array) -> NDArray[np.str_]:
    names = np.array(["−10…0 dB", "0…10 dB", "10…20 dB"])
    return np.asarray(names[np.digitize(snr, [0, 10])])


def _native(waveforms: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Log-mel spectrograms of 24 × 24 pixels as they come, from windows of 64 ms."""
    hop = waveforms.shape[1] // (NATIVE - 1)
    return spectrograms.log_mel(waveforms, rate, NATIVE, 64 * rate // 1000, hop)


def _generated(settings: Settings, seed: int, native: bool) -> Iterator[Task]:
    """Make the two tasks that need no recordings; rows are split as they come."""
    sizes = np.cumsum([settings.train, settings.validation, settings.test])
    rows = np.split(np.arange(sizes[-1]), sizes[:-1])
    if "textures" in settings.tasks:
        db, labels = signals.textures(sizes[-1], seed, SIDE)
        yield Task("textures", db, labels, 2, np.full(len(db), "all"), *rows)
    if "chirps" in settings.tasks:
        sounds, ends, snr = signals.chirps(sizes[-1], seed)
        if native:
            db = _native(sounds, signals.CHIRP_RATE)
        else:
            db = spectrograms.resize(spectrograms.log_power(sounds, 256, 128), (SIDE, SIDE))
        targets = signals.chirp_targets(ends)
        yield Task("chirps", db, targets, 2, _snr_range(snr), *rows)


def _validation_groups(audio: datasets.AudioSet, rng: np.random.Generator) -> set[str]:
    """Choose groups of the training split to set aside: a fifth, and one at least of each kind.

    A group (an instrument) may belong to one class alone; then one of each class is set aside.
    """
    train = audio.part("train")
    owners = {str(g): tuple(np.unique(train.labels[train.groups == g])) for g in train.groups}
    found: set[str] = set()
    for kind in sorted(set(owners.values()), key=str) if _nested(owners) else [None]:
        mine = sorted(g for g, owner in owners.items() if kind is None or owner == kind)
        found |= set(rng.permutation(mine)[: max(1, len(mine) // 5)].tolist())
    return found


def _nested(owners: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(len(owner) == 1 for owner in owners.values())


def recordings(
    audio: datasets.AudioSet, settings: Settings, seed: int, native: bool = False
) -> Task:
    """Make a task of real recordings: log-mel spectrograms, averaged over areas to 16×16."""
    rng = np.random.default_rng([seed, 3])
    aside = _validation_groups(audio, rng)
    held = np.isin(audio.groups, sorted(aside)) & (audio.split == "train")
    masks = [(audio.split == "train") & ~held, held, audio.split == "test"]
    counts = [settings.train, settings.validation, settings.test]
    chosen = [
        _balanced(np.flatnonzero(mask), audio.labels, rng)[:count]
        for mask, count in zip(masks, counts, strict=True)
    ]
    audio = audio.take(np.concatenate(chosen))
    rows = np.split(np.arange(len(audio)), np.cumsum([len(part) for part in chosen])[:-1])
    groups = audio.groups
    if len(np.unique(groups[rows[2]])) > 20:
        digests = [hashlib.sha256(str(group).encode()).digest()[0] % 8 for group in groups]
        groups = np.array([f"speakers {digest + 1} of 8" for digest in digests])
    if native:
        db = _native(audio.waveforms, audio.sample_rate)
    else:
        db = spectrograms.log_mel(audio.waveforms, audio.sample_rate)
        db = spectrograms.resize(db, (SIDE, SIDE)).astype(np.float32)
    return Task(audio.name, db, audio.labels, len(audio.label_names), groups, *rows)


def load_tasks(settings: Settings, seed: int = 0, native: bool = False) -> dict[str, Task]:
    """Make the profile's tasks, less those whose recordings are not on this machine."""
    found = {task.name: task for task in _generated(settings, seed, native)}
    sources: dict[str, Callable[[], datasets.AudioSet]] = {
        "instruments": datasets.instruments,
        "spoken-digits": datasets.spoken_digits,
        "spoken-words": datasets.spoken_words,
    }
    for name, load in sources.items():
        if name in settings.tasks and datasets.available(name):
            found[name] = recordings(load(), settings, seed, native)
    return {name: found[name] for name in TITLES if name in found}


# --- inputs ----------------------------------------------------------------------------------


def magnitude(db: ArrayLike, peak: ArrayLike) -> NDArray[np.float32]:
    """Linear amplitude, 1 at the peak.

    >>> magnitude([-20.0, 0.0], 0.0)
    array([0.1, 1. ], dtype=float32)
    """
    return np.asarray(10 ** ((np.asarray(db) - np.asarray(peak)) / 20), np.float32)


def encoded(
    task: Task, arm: str, scale: ScaleName, scaling: Scaling, seed: int
) -> NDArray[np.float32]:
    """Put a task's spectrograms through an arm's encoding.

    >>> from dataclasses import replace
    >>> task = load_tasks(replace(SETTINGS["quick"], tasks=("textures",)))["textures"]
    >>> encoded(task, "viridis", "as_fed", "global", seed=0).shape[1:]
    (3, 16, 16)
    """
    scope: Literal["set", "image"] = "set" if scaling == "global" else "image"
    source = task.db[task.train] if scaling == "global" else task.db
    low, high = spectrograms.value_range(source, scope)
    span = np.where(high > low, high - low, np.float32(1))
    way = ARMS[arm]
    if way.encoding == "magnitude":
        values = magnitude(task.db, high)[:, None]
    elif way.encoding == "raw3":
        values = np.repeat(((task.db - low) / span)[:, None], 3, axis=1)
    else:
        values = encodings.encode((task.db - low) / span, way.encoding, seed)
    if scale == "as_fed" and not way.standardised:
        return values
    fitted = encodings.fit_scale("equal_energy", values[task.train], axis=-3)
    return np.asarray(fitted(values, axis=-3), np.float32)


# --- what is run -----------------------------------------------------------------------------


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
    textures. `factorial`: Of the steps of saving as an image. `stack`: Networks trained at once.
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
    stack: int = 32


_QUICK_ARMS = (
    *("raw", "magnitude", "gray3", "viridis", "turbo", "jet", "random-curve", "shuffled"),
    *("thermometer", "relu-8", "raw-wide", "raw-1x1", "raw3-drop"),
)

#: What ``quick`` and ``full`` mean.
SETTINGS: dict[str, Settings] = {
    "quick": Settings(
        tasks=tuple(TITLES),
        networks=("neuron", "small"),
        arms=_QUICK_ARMS,
        seeds=5,
        pair_arms=("raw", "gray3", "raw-wide", "viridis", "turbo", "jet"),
        pair_seeds=8,
        steps=150,
        rates={"neuron": (0.03, 0.1, 0.3)}
        | dict.fromkeys(("tiny", "small", "medium"), (0.007, 0.02, 0.06)),
        tuning_seeds=1,
        train=512,
        validation=192,
        test=384,
        fractions=(1 / 8, 1 / 3, 1),
        phase_tasks=("textures", "spoken-digits"),
        phase_networks=("neuron", "tiny", "small"),
        phase_arms=("raw", "viridis", "turbo"),
        cross_tasks=("spoken-digits",),
        cross_networks=("neuron", "small"),
        cross_arms=("gray3", "viridis", "turbo", "jet", "thermometer"),
        curve_seeds=5,
        curve_steps=300,
        factorial=Factorial(("chirps", "instruments"), "tiny", 5, 80, 384, 96, 256),
    ),
    "full": Settings(
        tasks=tuple(TITLES),
        networks=tuple(NETWORKS),
        arms=tuple(ARMS),
        seeds=10,
        pair_arms=("raw", "gray3", "raw-wide", "raw3-drop", *COLOURS),
        pair_seeds=20,
        steps=250,
        rates={"neuron": (0.03, 0.1, 0.3)}
        | dict.fromkeys(("tiny", "small", "medium"), (0.005, 0.016, 0.05)),
        tuning_seeds=2,
        train=1024,
        validation=256,
        test=512,
        fractions=(1 / 16, 1 / 8, 1 / 4, 1 / 2, 1),
        phase_tasks=tuple(TITLES),
        phase_networks=tuple(NETWORKS),
        phase_arms=("raw", *COLOURS),
        cross_tasks=tuple(TITLES),
        cross_networks=("neuron", "small"),
        cross_arms=(
            "magnitude",
            "gray8",
            "gray3",
            *COLOURS,
            "polynomial",
            "thermometer",
            "fourier",
        ),
        curve_seeds=20,
        curve_steps=1000,
        factorial=Factorial(
            ("chirps", "instruments", "spoken-digits"), "small", 10, 200, 1024, 256, 512
        ),
    ),
}

#: The condition of the forest plot, the phase diagram and the learning curves.
MAIN_SCALE: ScaleName = "equal_energy"
MAIN_SCALING: Scaling = "global"

#: Learning rate and momentum of the learning curves: plain descent, the same for every encoding.
CURVE_RATE, CURVE_MOMENTUM = 0.03, 0.9

#: Loss (nats) that counts as learned in the learning curves; guessing gives ln 2 = 0.69.
CURVE_LOSS = 0.45

_TUNING_SEED = 1000  # seeds from here on choose learning rates, and nothing else
_POINTS = 30  # of a recorded curve


@dataclass(frozen=True)
class Trial:
    """One network to be trained.

    `stage`: Choice of the learning rate; result; learning curve; the same for the factorial.
    `task`, `network`, `arm`: Keys of `TITLES`, `NETWORKS`, `ARMS`. `scale`, `scaling`: See
    `encoded`. `fraction`: Share of the training set. `seed`: Of the network, its batches, its part
    of the training set and a random encoding. `rate`: Learning rate. `steps`: Of the factorial:
    those that are taken, of `analysis.sound.steps.STEPS`. Its arm tells the number of channels
    alone.
    """

    stage: Literal["tune", "final", "curve", "steps-tune", "steps"]
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
        if cell in seen or (cell[3] == "as_fed" and ARMS[cell[2]].standardised):
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


# --- running ---------------------------------------------------------------------------------


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
    rows = _balanced(task.train, task.targets, np.random.default_rng([seed, 4]))
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
    """Fingerprint of the code that a trained stack depends on; rules that read results do not."""
    modules = (training, encodings, spectrograms, colormaps, steps)
    parts = (architecture, encoded, magnitude, _balanced, _inputs, _part, _train_stack, _measured)
    tables = (ARMS, NETWORKS, GRID, DROP, PIPELINE)
    return sweeps.fingerprint(*modules, *parts, _own_rows, _kept, tables)


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
    found = trained([*final, *curve], "networks")
    measured, curves = found[: len(final)], found[len(final) :]
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
    every = max(1, settings.curve_steps // _POINTS)
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


# --- reading the results ---------------------------------------------------------------------


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


def _cells_of(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (task, network, arms by seed) in the order of the table."""
    for (task, network), cell in table.groupby(level=["task", "network"], sort=False):
        yield str(task), str(network), cell.droplevel(["task", "network"])


def _cell(table: pd.DataFrame, task: str, network: str) -> pd.DataFrame:
    """Arms by seed of one task and network."""
    tasks, networks = (table.index.get_level_values(level) for level in ("task", "network"))
    return table[(tasks == task) & (networks == network)].droplevel(["task", "network"])


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def differences(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare each arm with raw decibels, paired by seed."""
    rows = []
    trains = scores(results, "train")
    for task, network, cell in _cells_of(scores(results)):
        train = _cell(trains, task, network)
        for arm in cell.columns.drop(RAW):
            both = cell[[RAW, arm]].dropna()
            planned = results[
                (results.stage == "final")
                & (results.scale == MAIN_SCALE)
                & (results.scaling == MAIN_SCALING)
                & (results.fraction == 1)
                & (results.task == task)
                & (results.network == network)
            ]
            seeds = int(cell[RAW].index.isin(planned[planned.arm == arm].seed).sum())
            if not seeds:
                continue
            row: dict[str, Any] = {"task": task, "network": network, "arm": arm}
            row |= {"pairs": len(both), "lost": seeds - len(both)}
            if len(both) >= 2:
                row |= _compared(both, train.loc[both.index, [RAW, arm]], seed)
            rows.append(row)
    table = pd.DataFrame(rows)
    tested = table.p.notna()
    table.loc[tested, "holm"] = holm(table.p[tested])
    return table


def _compared(both: pd.DataFrame, train: pd.DataFrame, seed: int) -> dict[str, float]:
    raw, arm = (both.iloc[:, i].to_numpy() for i in (0, 1))
    interval = paired_difference(arm, raw, seed)
    fitted = paired_difference(train.iloc[:, 1], train.iloc[:, 0], seed)
    return {
        "raw": float(raw.mean()),
        "score": float(arm.mean()),
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "p": effect_pvalue(arm - raw),
        "train": fitted.estimate,
        "train_low": fitted.low,
        "train_high": fitted.high,
    }


def decided(table: pd.DataFrame) -> pd.Series:
    """Say of each row of `differences` which way it was decided, after Holm's correction."""
    found = (table.holm < 0.05) & (np.sign(table.low) == np.sign(table.high))
    sign = np.sign(table.difference.fillna(0)) * found
    return pd.Series(sign.astype(int), index=table.index)


def divergence(results: pd.DataFrame) -> pd.DataFrame:
    """Count the networks whose loss or weights did not stay finite."""
    table = results.assign(bad=results.diverged >= 0).groupby(["stage", "arm"], sort=False).bad
    return table.agg(networks="size", diverged="sum").reset_index()


def equivalences(results: pd.DataFrame, seed: int = 0, margin: float = MARGIN) -> pd.DataFrame:
    """Test equality within the margin: copies against raw, colours against a network as wide."""
    rows = []
    for task, network, cell in _cells_of(scores(results)):
        wanted = [("gray3", RAW), *((colour, "raw-wide") for colour in COLOURS)]
        for a, b in wanted:
            if not {a, b} <= set(cell.columns):
                continue
            both = cell[[a, b]].dropna()
            if len(both) < 2:
                continue
            found = equivalence(both[a], both[b], margin, seed)
            interval, same = found.difference, found.equivalent
            numbers = (interval.estimate, interval.low, interval.high, found.pvalue, same)
            rows.append((task, network, a, b, len(both), *numbers))
    names = ["task", "network", "a", "b", "pairs", "difference", "low", "high", "p", "equivalent"]
    table = pd.DataFrame(rows, columns=names)
    table["holm"] = holm(table.p)
    table["equivalent"] &= table.holm < 0.05
    return table


def phase_diagram(results: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Colour's gain over raw, for each capacity and size of the training set."""
    final = results[results.stage == "final"]
    partial = final[final.fraction < 1]
    colours = [arm for arm in COLOURS if arm in set(partial.arm)]
    cells = set(zip(partial.task, partial.network, strict=True))
    rows = []
    for fraction in sorted(final.fraction.unique()):
        tests, trains = (scores(results, column, fraction) for column in ("test", "train"))
        for task, network, cell in _cells_of(tests):
            gain = _gain(cell, colours, seed) if (task, network) in cells else {}
            if gain:
                train = _gain(_cell(trains, task, network), colours, seed)["gain"]
                place = {"task": task, "network": network, "fraction": fraction}
                rows.append(place | gain | {"train": train})
    return pd.DataFrame(rows)


def gain_by_group(groups: pd.DataFrame, task: str, seed: int = 0) -> pd.DataFrame:
    """Colour's gain over raw on each group of a task's test set."""
    own = groups[groups.task == task].assign(test=lambda table: table.score)
    rows = []
    for group in own.group.unique():
        for _, network, cell in _cells_of(scores(own[own.group == group])):
            gain = _gain(cell, [arm for arm in COLOURS if arm in cell.columns], seed)
            if gain:
                rows.append({"network": network, "group": group} | gain)
    return pd.DataFrame(rows)


def _gain(cell: pd.DataFrame, colours: Sequence[str], seed: int) -> dict[str, float]:
    """Mean of some colormaps minus raw, paired by seed; empty for fewer than two pairs."""
    both = cell[[RAW, *colours]].dropna()
    if len(both) < 2:
        return {}
    found = bootstrap_mean(both[colours].mean(axis=1) - both[RAW], seed)
    ends = {"gain": found.estimate, "low": found.low, "high": found.high}
    return ends | {"pairs": len(both), "raw": float(both[RAW].mean())}


def learning_curves(curves: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Mean loss while training, and test score at the end, over the seeds."""
    rows = []
    for (arm, step), cell in curves.groupby(["arm", "step"], sort=False):
        finite = cell[np.isfinite(cell.loss)]
        mean = low = high = test = np.nan
        if len(finite) == len(cell) >= 2:
            found = bootstrap_mean(finite.loss, seed)
            mean, low, high, test = found.estimate, found.low, found.high, finite.test.mean()
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
            found = bootstrap_mean(np.log(steps[RAW][done] / own[done]), seed)
            mean, low, high = np.exp([found.estimate, found.low, found.high])
        rows.append((arm, predicted.get(str(arm), np.nan), mean, low, high, float(done.mean())))
    return pd.DataFrame(rows, columns=["arm", "predicted", "measured", "low", "high", "reached"])


# --- variance --------------------------------------------------------------------------------

#: Sources of variance: what each is called, and the factors that make it.
SOURCES: dict[str, tuple[str, ...]] = {
    "encoding": ("arm",),
    "image or global range": ("scaling",),
    "channel scale": ("scale",),
    "encoding × range": ("arm", "scaling"),
    "encoding × channel scale": ("arm", "scale"),
    "seed": ("seed",),
    "speaker or group": ("group",),
    "encoding × group": ("arm", "group"),
}


def variance_shares(groups: pd.DataFrame) -> pd.DataFrame:
    """Share of the variance of a single score that comes from each source.

    Random-effects analysis of variance of a balanced crossing: encoding × range × channel scale ×
    seed × group of the test set (speaker, instrument, noise). Each source's variance is estimated
    by the method of moments: observed mean squares are set equal to their expectations. Arms that
    do not take part in the crossing (standardised whatever the scale) or in which a network
    diverged are left out.
    """
    full = groups[groups.fraction == 1]
    rows = []
    for (task, network), cell in full.groupby(["task", "network"], sort=False):
        table = _crossed(cell)
        if table is None:
            continue
        factors, values = table
        found = _components(values, factors)
        total = sum(found.values())
        for source, variance in found.items():
            share = variance / total if total > 0 else 0.0
            rows.append((task, network, source, share, np.sqrt(variance), len(values)))
    return pd.DataFrame(rows, columns=["task", "network", "source", "share", "deviation", "arms"])


def _crossed(cell: pd.DataFrame) -> tuple[list[str], Array] | None:
    """Scores of a complete crossing as an array, an axis a factor; None where there is none."""
    factors = ["arm", "scaling", "scale", "seed", "group"]
    common = [set(part.seed) for _, part in cell.groupby(["scale", "scaling"])]
    seeds = sorted(set.intersection(*common))
    table = cell[cell.seed.isin(seeds)].assign(score=lambda t: t.score.where(t.diverged < 0))
    wide = table.pivot_table(
        index="arm", columns=factors[1:], values="score", dropna=False, sort=False
    )
    wide = wide.reindex(columns=sorted(wide.columns)).dropna()
    levels = [wide.columns.unique(name) for name in factors[1:]]
    if len(wide) < 2 or len(levels[0]) < 2 or len(levels[1]) < 2 or len(seeds) < 2:
        return None
    return factors, wide.to_numpy().reshape(len(wide), *(len(level) for level in levels))


def _components(values: Array, factors: Sequence[str]) -> dict[str, float]:
    """Variance components of a balanced array, an axis a factor."""
    terms = {
        name: tuple(sorted(factors.index(factor) for factor in parts))
        for name, parts in SOURCES.items()
        if all(values.shape[factors.index(factor)] > 1 for factor in parts)
    }
    effects: dict[tuple[int, ...], Array] = {(): np.asarray(values.mean())}
    rest = values - values.mean()
    freedom, squares = values.size - 1, {}
    for axes in sorted(set(terms.values()), key=len):
        others = tuple(i for i in range(values.ndim) if i not in axes)
        effect = rest.mean(axis=others, keepdims=True)  # what smaller terms left over
        rest = rest - effect
        df = int(np.prod([values.shape[i] - 1 for i in axes]))
        count = values.size / np.prod([values.shape[i] for i in axes])
        squares[axes] = (float((effect**2).sum() * count) / df, count)
        freedom -= df
        effects[axes] = effect
    error = float((rest**2).sum()) / freedom
    found: dict[tuple[int, ...], float] = {}
    for axes in sorted(squares, key=len, reverse=True):
        mean_square, count = squares[axes]
        above = sum(found[other] * squares[other][1] for other in found if set(axes) < set(other))
        found[axes] = max(0.0, (mean_square - error - above) / count)
    return {name: found[axes] for name, axes in terms.items()} | {"everything else": error}


# --- steps -----------------------------------------------------------------------------------


def step_attributions(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Share out the effect of saving as an image over its six steps."""
    rows = []
    for score, (task, cell) in product(("test", "train"), runs.groupby("task", sort=False)):
        values = steps.factorial(cell, score=score)
        if values.shape[1] < 2:
            continue
        shares = shapley(values)
        for step, effect in zip([*steps.STEPS, ALL_STEPS], [*shares, shares.sum(0)], strict=True):
            found = bootstrap_mean(effect, seed)
            ends = (found.estimate, found.low, found.high)
            rows.append((task, score, step, *ends, effect_pvalue(effect), values.shape[1]))
    columns = ["task", "score", "step", "effect", "low", "high", "p", "seeds"]
    table = pd.DataFrame(rows, columns=columns)
    single = table.step != ALL_STEPS
    for score in ("test", "train"):
        mine = single & (table.score == score)
        table.loc[mine, "holm"] = holm(table.p[mine])
    return table


# --- how much is noise -----------------------------------------------------------------------

#: A published table whose sign flips, one run each: score of gray and of viridis, for a smaller
#: and a larger network of the same family (GA-YOLO's comparison of spectrogram colourings).
PUBLISHED_FLIP = ((0.912, 0.902), (0.901, 0.917))


def pooled_deviation(results: pd.DataFrame) -> pd.DataFrame:
    """Estimate the standard deviation of one run's test score, over seeds alone."""
    rows = []
    for task, network, table in _cells_of(scores(results)):
        cell = table[[arm for arm in (RAW, "gray8", "gray3", *COLOURS) if arm in table.columns]]
        spread = cell - cell.mean()
        freedom = int(cell.notna().sum().sum() - cell.notna().any().sum())
        deviation = float(np.sqrt((spread**2).sum().sum() / freedom))
        rows.append((task, network, deviation, freedom, float(cell[RAW].mean())))
    return pd.DataFrame(rows, columns=["task", "network", "deviation", "freedom", "score"])


def winner_chances(deviation: float, thresholds: ArrayLike, maps: int = 1) -> NDArray[np.float64]:
    """How often the best of some arms beats another by a threshold, though all are the same.

    >>> winner_chances(0.02, [0.0], maps=4).round(3)
    array([0.8])
    """
    lead = np.asarray(thresholds, np.float64)
    if maps == 1:
        return np.asarray(2 * stats.norm.sf(lead / (deviation * np.sqrt(2))))
    z = np.linspace(-9, 9, 4001)
    loses = stats.norm.cdf(z + lead[:, None] / deviation) ** maps * stats.norm.pdf(z)
    return np.asarray(1 - np.trapezoid(loses, z, axis=1))


def noise_floor(results: pd.DataFrame, thresholds: ArrayLike, maps: int = 4) -> pd.DataFrame:
    """How often studies with one run an arm would call a winner where there is none."""
    table = scores(results)
    rows = []
    for row in _records(pooled_deviation(results)):
        task, network, deviation = row["task"], row["network"], row["deviation"]
        raw = _cell(table, task, network)[RAW].dropna().to_numpy()
        gaps = np.array([abs(a - b) for a, b in combinations(raw, 2)])
        one = winner_chances(deviation, thresholds)
        best = winner_chances(deviation, thresholds, maps)
        for i, threshold in enumerate(np.asarray(thresholds, np.float64)):
            observed = float((gaps >= threshold - 1e-12).mean())
            rows.append((task, network, threshold, one[i], best[i], observed, deviation))
    names = ["task", "network", "threshold", "one", "best", "observed", "deviation"]
    return pd.DataFrame(rows, columns=names)


def sign_flips(results: pd.DataFrame) -> pd.DataFrame:
    """How often the sign of a one-run difference flips between two networks.

    As in published tables, each network has one run of a colormap and one of raw, seeds unpaired.
    """
    rows = []
    table = scores(results)
    for task in table.index.unique("task"):
        cells = {network: cell for t, network, cell in _cells_of(table) if t == task}
        for colour in [arm for arm in COLOURS if arm in table.columns]:
            wins = {
                name: _wins(cell[colour], cell[RAW])
                for name, cell in cells.items()
                if cell[colour].notna().any() and cell[RAW].notna().any()
            }
            for a, b in combinations(wins, 2):
                flip = wins[a] * (1 - wins[b]) + wins[b] * (1 - wins[a])
                rows.append((task, colour, a, b, wins[a], wins[b], flip))
    return pd.DataFrame(rows, columns=["task", "arm", "a", "b", "wins_a", "wins_b", "flip"])


def _wins(arm: pd.Series, raw: pd.Series) -> float:
    lead = np.sign(arm.dropna().to_numpy()[:, None] - raw.dropna().to_numpy())
    return float((lead + 1).mean() / 2)


def published_flip_chance(deviation: float) -> float:
    """Chance that two equal arms give a table like `PUBLISHED_FLIP`, or one more striking.

    >>> round(published_flip_chance(1.0), 2)
    0.49
    """
    sizes = [abs(colour - gray) for gray, colour in PUBLISHED_FLIP]
    first, second = winner_chances(deviation, sizes)
    return float(first * second / 2)


# --- verdicts --------------------------------------------------------------------------------


def ensemble(
    outputs: Mapping[tuple[str, str, str], NDArray[np.float32]],
    tasks: Mapping[str, Task],
    size: int = 3,
) -> pd.DataFrame:
    """Measure what an ensemble of raw networks gains over one of them."""
    rows = []
    for (task, network, arm), found in outputs.items():
        if arm != RAW or len(found) <= size or not np.isfinite(found).all():
            continue
        targets = tasks[task].targets[tasks[task].test]
        values = np.asarray(found[:8], np.float64)
        if targets.ndim == 1:
            values = np.exp(values - values.max(-1, keepdims=True))
            values /= values.sum(-1, keepdims=True)
        members = training.score(values, targets)
        gains = {
            chosen: float(training.score(values[list(chosen)].mean(0), targets))
            - members[list(chosen)].mean()
            for chosen in combinations(range(len(values)), size)
        }
        rows.append((task, network, *_jackknifed(gains, len(values))))
    return pd.DataFrame(rows, columns=["task", "network", "gain", "low", "high"])


def _jackknifed(gains: Mapping[tuple[int, ...], float], count: int) -> tuple[float, float, float]:
    """Mean of a statistic of subsets, with an interval from leaving out one member at a time."""
    mean = float(np.mean(list(gains.values())))
    without = [
        np.mean([gain for chosen, gain in gains.items() if left not in chosen])
        for left in range(count)
    ]
    error = np.sqrt((count - 1) * np.var(without))
    reach = float(stats.t.ppf(0.975, count - 1) * error)
    return mean, mean - reach, mean + reach


def colormap_spread(results: pd.DataFrame) -> pd.DataFrame:
    """Whether colormaps differ from each other, cell by cell."""
    rows = []
    for task, network, cell in _cells_of(scores(results)):
        table = cell[[arm for arm in COLOURS if arm in cell.columns]].dropna()
        if len(table) < 2 or table.shape[1] < 2:
            continue
        means = table.mean()
        values = table.to_numpy()
        rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
        seeds, arms = values.shape
        between = seeds * ((values.mean(0) - values.mean()) ** 2).sum() / (arms - 1)
        within = (rest**2).sum() / ((seeds - 1) * (arms - 1))
        p = float(stats.f.sf(between / within, arms - 1, (seeds - 1) * (arms - 1)))
        rows.append((task, network, means.idxmax(), means.idxmin(), np.ptp(means), p))
    table = pd.DataFrame(rows, columns=["task", "network", "best", "worst", "spread", "p"])
    table["holm"] = holm(table.p)
    return table


def reaching(
    results: pd.DataFrame, table: pd.DataFrame, ways: Sequence[str], seed: int = 0
) -> pd.DataFrame:
    """Where colour gains: whether another way, without colour, gains as much."""
    rows = []
    gaining = table[(decided(table) == 1) & table.arm.isin(COLOURS)]
    cells = {(task, network): cell for task, network, cell in _cells_of(scores(results))}
    for row in _records(gaining):
        task, network, arm = row["task"], row["network"], row["arm"]
        cell = cells[task, network]
        present = [way for way in ways if way in cell.columns]
        if not present:
            continue
        way = str(cell[present].mean().idxmax())
        both = cell[[arm, way]].dropna()
        if len(both) < 2:
            continue
        found = paired_difference(both[arm], both[way], seed)
        answer = "reached" if found.high < MARGIN else "short" if found.low > 0 else "open"
        rows.append((task, network, arm, way, found.estimate, found.low, found.high, answer))
    names = ["task", "network", "arm", "way", "shortfall", "low", "high", "answer"]
    return pd.DataFrame(rows, columns=names)


def _by_answers(answers: Iterable[str], yes: str, no: str) -> str:
    """Read a verdict off yes, no and open answers.

    All yes: holds. All no: fails. Both occur: holds with limits. Otherwise a side is called only
    if most answers are its own and none is the other's; else undecided.
    """
    found = list(answers)
    ayes, noes = found.count(yes), found.count(no)
    if ayes and noes:
        return "holds with limits"
    if ayes and ayes == len(found):
        return "holds"
    if noes and noes == len(found):
        return "fails"
    if 2 * ayes > len(found):
        return "holds with limits"
    return "fails" if 2 * noes > len(found) else "undecided"


def verdict_without_colour(reached: pd.DataFrame) -> str:
    """A6: wherever colour gains, more neurons or another layer on raw decibels gain as much.

    From the answers: all reached, it holds; all short, it fails; both, with limits.
    """
    return _by_answers(reached.answer, "reached", "short")


def verdict_growing_does_as_much(copies: pd.DataFrame, grown: pd.DataFrame) -> str:
    """D1: duplicating the input, or growing the model, does as much as colour.

    The claim says *or*, of two ways: it holds if both do as much, holds with limits if one
    does in part or in full, fails if both fail.
    """
    parts = [_by_answers(table.answer, "reached", "short") for table in (copies, grown)]
    if parts[0] == parts[1]:
        return parts[0]
    return "holds with limits" if any(part.startswith("holds") for part in parts) else "undecided"


def verdict_limited_model(table: pd.DataFrame) -> str:
    """A9: with one neuron a filter, colour is better where the class lies in bands of levels.

    From the colormaps of `COLOURS` on the textures: better counts for it; worse, or surely
    less than the margin better, counts against it.
    """
    cell = table[(table.task == "textures") & (table.network == "neuron") & table.arm.isin(COLOURS)]
    ways = decided(cell)
    answers = np.where(ways == 1, "yes", np.where((ways == -1) | (cell.high < MARGIN), "no", "-"))
    return _by_answers(answers.tolist(), "yes", "no")


def verdict_redundancy(table: pd.DataFrame, equal: pd.DataFrame) -> str:
    """Q6, first half: R = G = B does neither good nor harm.

    A cell counts for it if gray ×3 and raw are equivalent, against it if they differ after
    correction; most cells are neither in ``quick``.
    """
    copies = table[table.arm == "gray3"].set_index(["task", "network"])
    same = equal[equal.a == "gray3"].set_index(["task", "network"]).equivalent
    differ = decided(copies) != 0
    answers = [
        "no" if differ[cell] else "yes" if bool(same.get(cell, False)) else "-"
        for cell in copies.index
    ]
    return _by_answers(answers, "yes", "no")


def verdict_bad_colormap(table: pd.DataFrame) -> str:
    """Q6, second half: a bad colormap (its colours in random order) is worse than none.

    From the cells of the shuffled colormap.
    """
    ways = decided(table[table.arm == "shuffled"])
    return _by_answers(ways.map({-1: "worse", 1: "better", 0: "-"}), "worse", "better")


def verdict_copies_are_an_ensemble(table: pd.DataFrame, ensembles: pd.DataFrame) -> str:
    """A4 for networks: copying the channel three times gains what an ensemble of three gains.

    Where an ensemble surely gains: a cell counts for the claim if the copies surely gain too,
    against it if even the upper end of the copies' gain is below the lower end of the
    ensemble's.
    """
    copies = table[table.arm == "gray3"].merge(
        ensembles, on=["task", "network"], suffixes=("", "_ensemble")
    )
    copies = copies[copies.low_ensemble > 0]
    ways = decided(copies)
    short = copies.high < copies.low_ensemble
    answers = np.where(ways == 1, "yes", np.where(short, "no", "-")).tolist()
    return _by_answers(answers, "yes", "no")


def verdict_colormap_matters(spread: pd.DataFrame) -> str:
    """Q2 for small networks: the score depends on which colormap it is.

    A cell counts for it if the colormaps differ after correction, and by more than the margin
    from best to worst. Most cells do: it holds; some do: with limits; none does: undecided,
    for that no difference was *found* does not say that there is none.
    """
    found = (spread.holm < 0.05) & (spread.spread > MARGIN)
    if found.mean() > 0.5:
        return "holds"
    return "holds with limits" if found.any() else "undecided"
