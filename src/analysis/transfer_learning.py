"""A net that ImageNet has trained is shown spectrograms, and what colour does then.

Every *arm* is a net (pretrained, at random, or none: the pixels themselves), an encoding and a
normalisation of what it is fed. Frozen nets are read by a *probe*, a ridge regression on the
averaged activations; others are trained on. The clips are dealt into folds by program or speaker.
A fold is tested once, by a probe that has not seen it, and arms are compared fold by fold. The
clips of some groups, the *core*, are in every training set: the range of the decibels, the
standardisation of channels are fitted to them, and never to a tested clip.

======================  ============================================================================
`load_tasks`            chirps, instruments, words as pictures with folds
`leave_fold_out`        the probe: exact predictions for every fold, from one decomposition
`run`                   all arms: one long table, and the distances
`colour_effects`        each encoding minus gray ×3 (B2), with intervals, Holm and equivalence
`pretraining_effects`   pretrained minus the controls (B1, C5)
`interactions`          colour's gain in a pretrained net minus that in a random one (Q7)
`frechet_distance`      how far activations lie from those of photographs
`step_runs`             the steps of "saving as an image" × pretraining, and `step_shares`
`verdict_…`             rules that read the claims' answers off those tables
======================  ============================================================================
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from analysis.evidence.attribution import shapley
from analysis.evidence.statistics import (
    bootstrap_mean,
    effect_pvalue,
    equivalence,
    holm,
    paired_difference,
    spearman,
)
from analysis.nets import efficientnet, sweeps, training
from analysis.nets.efficientnet import Net
from analysis.sound import datasets, encodings, signals, spectrograms, steps

__all__ = [
    "ALL",
    "COLOURS",
    "CONTROLS",
    "ENCODINGS",
    "EXPECTED",
    "FACTORS",
    "GRAY",
    "MARGIN",
    "NORMS",
    "ONE_CHANNEL",
    "PENALTIES",
    "SETTINGS",
    "TITLES",
    "Outcome",
    "Settings",
    "Task",
    "Training",
    "colour_effects",
    "deal",
    "distance_and_score",
    "fed",
    "frechet_distance",
    "interactions",
    "kernel_of",
    "leave_fold_out",
    "load_tasks",
    "mean_scores",
    "pretraining_effects",
    "probe",
    "run",
    "stem_changes",
    "step_runs",
    "step_shares",
    "train_net",
    "verdict_colour_helps",
    "verdict_detrimental",
    "verdict_explains",
    "verdict_pretraining_helps",
]

Array = NDArray[np.float64]
Norm = Literal["own", "unit", "standardised"]
Kernel = Literal["linear", "gaussian"]

#: Differences below one percentage point were declared negligible before anything was computed.
MARGIN = 0.01

#: Tasks, and what they are called in figures.
TITLES = {
    "chirps": "chirps in noise",
    "instruments": "instrument families",
    "spoken-words": "spoken words",
}

#: The reference encoding: the level, three times.
GRAY = "gray3"

#: The colormaps that people use.
COLOURS = ("viridis", "magma", "turbo", "jet")

#: All encodings, in the order of the figures.
ENCODINGS = (GRAY, *COLOURS, "random-curve")

#: One channel instead of three equal ones: the same net at first, until it is trained.
ONE_CHANNEL = "raw"

#: A probe of all depths at once, each with the same weight.
ALL = "all depths"

#: How colours in [0, 1] are brought to the net's input.
NORMS: dict[Norm, str] = {
    "own": "the net's own",
    "unit": "0–1",
    "standardised": "standardised",
}

#: Penalties of the probe to choose from, in units of the mean diagonal of the kernel.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)

#: Factors of the factorial, in the order of its bits.
FACTORS = (*steps.STEPS, "pretrained")

#: Tasks of the factorial: they need no recordings.
STEP_TASKS = ("chirps", "instruments")

#: Classes that count as the right answer for a photograph.
EXPECTED = {
    "cat": ("tabby cat", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"),
    "cup": ("espresso", "cup", "coffee mug"),
    "rocket": ("missile", "projectile", "space shuttle"),
}

_RANGE_DB = 80.0
_CORE_SLOTS = 2  # of `folds + 2` slots that groups are dealt to; these are in every training set
_RATE = 16_000


# --- settings --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """How a net is trained, or trained on.

    Attributes
    ----------
    tasks, encodings : tuple of str
        Which are trained; the encodings hold `GRAY`; `ONE_CHANNEL` goes through the summed stem.
    norms : tuple of str
        Keys of `NORMS`; each encoding is trained with each.
    seeds : int
        Nets of each arm. Net ``j`` is tested on every fold ``k`` with ``k % seeds == j``.
    steps, batch : int
        Of Adam, whose rate falls evenly to zero.
    rate : float
        Its first learning rate, the same for every arm.
    side : int
        Rows and columns of the pictures.
    """

    tasks: tuple[str, ...]
    encodings: tuple[str, ...]
    norms: tuple[Norm, ...]
    seeds: int
    steps: int
    batch: int
    rate: float
    side: int


@dataclass(frozen=True)
class Settings:
    """What a profile computes.

    Attributes
    ----------
    tasks : tuple of str
        Keys of `TITLES`; recordings that are not on this machine are left out.
    side : int
        Rows and columns of the pictures.
    clips : int
        Of each task, at most.
    folds : int
        Each is tested once.
    random_nets : int
        Frozen nets at random, whose scores are averaged.
    depth_encodings, depth_taps : tuple of str
        Of the probes by depth (`analysis.nets.efficientnet.TAPS`).
    crops : int
        Squares of the photographs that distances are taken to.
    step_clips : int
        Of the factorial.
    step_side, step_size : int
        Rows and columns of its pictures, and to how many the step "resize" brings them.
    training : Training
        Of the nets that are not frozen.
    """

    tasks: tuple[str, ...]
    side: int
    clips: int
    folds: int
    random_nets: int
    depth_encodings: tuple[str, ...]
    depth_taps: tuple[str, ...]
    crops: int
    step_clips: int
    step_side: int
    step_size: int
    training: Training


#: What ``quick`` and ``full`` mean.
SETTINGS: dict[str, Settings] = {
    "quick": Settings(
        tasks=tuple(TITLES),
        side=64,
        clips=300,
        folds=10,
        random_nets=1,
        depth_encodings=(GRAY, *COLOURS),
        depth_taps=("stem", "stage 2", "stage 4", "stage 6", "head"),
        crops=200,
        step_clips=240,
        step_side=64,
        step_size=32,
        training=Training(
            tasks=("chirps",),
            encodings=(GRAY, "viridis", ONE_CHANNEL),
            norms=("own",),
            seeds=5,
            steps=24,
            batch=16,
            rate=3e-3,
            side=48,
        ),
    ),
    "full": Settings(
        tasks=tuple(TITLES),
        side=128,
        clips=600,
        folds=10,
        random_nets=3,
        depth_encodings=ENCODINGS,
        depth_taps=efficientnet.TAPS,
        crops=400,
        step_clips=400,
        step_side=128,
        step_size=64,
        training=Training(
            tasks=tuple(TITLES),
            encodings=(*ENCODINGS, ONE_CHANNEL),
            norms=tuple(NORMS),
            seeds=5,
            steps=40,
            batch=16,
            rate=3e-3,
            side=48,
        ),
    ),
}


# --- tasks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """Spectrograms, what is to be learned from them, and who is tested when.

    Attributes
    ----------
    name : str
        A key of `TITLES`.
    db : ndarray of float32, shape (n, frequencies, frames)
        In decibels; the highest frequency is the first row, as in a picture.
    targets : ndarray, shape (n,) of int64 or (n, 2) of float32
        Classes, or standardised values.
    outputs : int
        Classes, or values.
    fold : ndarray of int64, shape (n,)
        Which fold a clip is tested in; -1 for the core, which is in every training set.
    """

    name: str
    db: NDArray[np.float32]
    targets: NDArray[Any]
    outputs: int
    fold: NDArray[np.int64]

    @property
    def unit(self) -> str:
        """What the score is."""
        return "accuracy" if self.targets.ndim == 1 else "R²"

    @property
    def core(self) -> NDArray[np.bool_]:
        """Which clips are in every training set."""
        return self.fold < 0

    @property
    def goals(self) -> Array:
        """Targets of a regression: indicators of the classes, or the values."""
        if self.targets.ndim == 2:
            return np.asarray(self.targets, np.float64)
        return np.asarray(np.eye(self.outputs)[self.targets])

    def pictures(self, side: int) -> NDArray[np.float32]:
        """Square pictures in [0, 1]: 80 dB below the loudest of the core are 0.

        Parameters
        ----------
        side : int
            Rows and columns.

        Returns
        -------
        ndarray of float32, shape (n, side, side)
        """
        resized = spectrograms.resize(self.db, (side, side))
        peak = resized[self.core].max()
        return np.asarray(np.clip((resized - peak) / _RANGE_DB + 1, 0, 1), np.float32)

    def part(self, count: int) -> Task:
        """Return the task with `count` clips, spread evenly over the folds."""
        order = np.argsort(np.argsort(self.fold, kind="stable"), kind="stable")
        kept = order * count // len(order) != (order - 1) * count // len(order)
        arrays = {name: getattr(self, name)[kept] for name in ("db", "targets", "fold")}
        return replace(self, **arrays)


def deal(groups: NDArray[np.str_], labels: ArrayLike, folds: int, seed: int) -> NDArray[np.int64]:
    """Deal groups to folds and to the core, so that every class is spread evenly.

    Parameters
    ----------
    groups : ndarray of str, shape (n,)
        Program or speaker of each clip; a group is never divided.
    labels : array_like of int, shape (n,)
        Groups are dealt in turn, class by class of their first clip.
    folds : int
        At least 2.
    seed : int
        Of the order within a class.

    Returns
    -------
    ndarray of int64, shape (n,)
        0 … folds - 1, or -1 for the core, which gets two of ``folds + 2`` slots.

    Raises
    ------
    ValueError
        If there are fewer groups than slots.

    Examples
    --------
    >>> deal(np.array(list("abcd")), [0, 0, 0, 0], folds=2, seed=0).tolist()
    [-1, 1, 0, -1]
    """
    names, first, member = np.unique(groups, return_index=True, return_inverse=True)
    slots = folds + _CORE_SLOTS
    if len(names) < slots:
        raise ValueError(f"{len(names)} groups cannot be dealt to {slots} slots; take fewer folds")
    shuffled = np.random.default_rng([seed, 3]).permutation(len(names))
    order = shuffled[np.argsort(np.asarray(labels)[first[shuffled]], kind="stable")]
    slot = np.empty(len(names), np.int64)
    slot[order] = np.arange(len(names)) % slots
    return np.asarray(np.where(slot < folds, slot, -1)[member], np.int64)


def load_tasks(settings: Settings, seed: int = 0) -> dict[str, Task]:
    """Make the tasks of a profile; recordings that are not on this machine are left out.

    Parameters
    ----------
    settings : Settings
        Sizes.
    seed : int
        Of the chirps, of the choice of clips and of the folds.

    Returns
    -------
    dict of str to Task
        In the order of the settings.
    """
    makers = {"chirps": _chirps, "instruments": _recordings, "spoken-words": _recordings}
    return {
        name: makers[name](name, settings, seed)
        for name in settings.tasks
        if name == "chirps" or datasets.available(name)
    }


def _chirps(name: str, settings: Settings, seed: int) -> Task:
    made = signals.chirps(settings.clips, seed)
    window = 4 * settings.side
    db = spectrograms.log_power(made.waveforms, window, window // 2)
    fold = np.arange(settings.clips) % (settings.folds + _CORE_SLOTS)
    fold = np.where(fold < settings.folds, fold, -1)
    targets = signals.chirp_targets(made.ends)
    return Task(name, _upright(db), targets, targets.shape[1], fold)


def _recordings(name: str, settings: Settings, seed: int) -> Task:
    load = datasets.instruments if name == "instruments" else datasets.spoken_words
    classes = len(load(max_per_class=1).label_names)
    audio = load(max_per_class=settings.clips // (2 * classes), seed=seed)
    side = settings.side
    db = spectrograms.log_mel(audio.waveforms, _RATE, side, max(8 * side, 512), _RATE // side)
    fold = deal(audio.groups, audio.labels, settings.folds, seed)
    return Task(name, _upright(db), audio.labels, classes, fold)


def _upright(db: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(db[:, ::-1])


def fed(colours: NDArray[np.float32], norm: Norm, core: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bring colours to a net's input.

    Parameters
    ----------
    colours : ndarray of float32, shape (n, channels, rows, columns)
        In [0, 1].
    norm : {"own", "unit", "standardised"}
        The net's own ``(255 x - 127) / 128``; as they are; each channel to mean 0 and deviation 1
        of the core.
    core : ndarray of bool, shape (n,)
        Which clips that is fitted to.

    Returns
    -------
    ndarray of float32, the same shape
    """
    if norm == "own":
        return efficientnet.network_input(colours)
    if norm == "unit":
        return colours
    scale = encodings.fit_scale("standardised", colours[core], axis=-3)
    return scale(colours, axis=-3)


# --- the probe -------------------------------------------------------------------------------


def kernel_of(features: ArrayLike, core: NDArray[np.bool_], kind: Kernel = "linear") -> Array:
    """Inner products of clips, after the core's mean is taken off every feature.

    Features are not divided by their own deviations: some are asleep on nearly all clips, and one
    clip that wakes them would outweigh all others.

    Parameters
    ----------
    features : array_like of float, shape (n, d)
        Of each clip.
    core : ndarray of bool, shape (n,)
        Clips whose mean is taken.
    kind : {"linear", "gaussian"}
        The latter, ``exp(-|x - y|² / m)`` with the core's median squared distance ``m``, is a probe
        without limits: it can fit any function of the features.

    Returns
    -------
    ndarray of float64, shape (n, n)
        With a diagonal of about 1.
    """
    x = np.asarray(features, np.float64)
    x = x - x[core].mean(0)
    gram = np.asarray(x @ x.T)
    if kind == "linear":
        return np.asarray(gram / gram.diagonal().mean())
    squares = gram.diagonal()[:, None] + gram.diagonal() - 2 * gram
    typical = np.median(squares[np.ix_(core, core)][~np.eye(core.sum(), dtype=bool)])
    return np.asarray(np.exp(-np.maximum(squares, 0) / typical))


def _residual_makers(kernel: Array, penalties: Sequence[float]) -> Array:
    """``I - H`` of kernel ridge regression with a free intercept, a matrix for each penalty."""
    values, vectors = linalg.eigh(kernel)
    ones = vectors.sum(0)
    found = np.empty((len(penalties), *kernel.shape))
    for i, penalty in enumerate(penalties):
        shrunk = penalty / (np.maximum(values, 0) + penalty)
        across = vectors @ (shrunk * ones)
        found[i] = (vectors * shrunk) @ vectors.T - np.outer(across, across) / (ones**2 @ shrunk)
    return found


@dataclass(frozen=True)
class LeftOut:
    """Predictions of `leave_fold_out`.

    Attributes
    ----------
    test : ndarray of float64, shape (n, outputs)
        Of each clip while its fold is left out; not a number for the core.
    train : dict of int to ndarray of float64, shape (n, outputs)
        Of the clips that are trained on while a fold is left out; not a number for that fold.
    penalty : dict of int to float
        Chosen without the fold.
    """

    test: Array
    train: dict[int, Array]
    penalty: dict[int, float]


def leave_fold_out(
    kernel: Array,
    goals: ArrayLike,
    fold: NDArray[np.int64],
    penalties: Sequence[float] = PENALTIES,
) -> LeftOut:
    """Ridge regression that has not seen the fold that it predicts, for every fold.

    The penalty is chosen without the fold too: by leaving out, in turn, each of the *other* folds.
    None of these regressions is computed: with ``A = I - H`` (residuals are ``A y``), leaving out a
    set S gives there the residuals ``A_SS⁻¹ (A y)_S``, and what is left is a regression of the same
    kind, whose ``A`` is the Schur complement of ``A_SS``. So one eigendecomposition serves all.

    Parameters
    ----------
    kernel : ndarray of float64, shape (n, n)
        Of `kernel_of`.
    goals : array_like of float, shape (n, outputs)
        Values, or indicators of classes.
    fold : ndarray of int64, shape (n,)
        At least three folds; -1 is never left out.
    penalties : sequence of float
        Positive, to choose from.

    Returns
    -------
    LeftOut

    Notes
    -----
    For one clip at a time: Allen (1974), *The relationship between variable selection and data
    augmentation*; the block form follows from the inverse of a partitioned matrix.

    Examples
    --------
    >>> x = np.arange(6.0)
    >>> found = leave_fold_out(np.outer(x, x), x[:, None], np.array([-1, 0, 1, 2, -1, -1]))
    >>> bool(np.allclose(found.test[1:4, 0], [1, 2, 3], atol=1e-3))
    True
    """
    y = np.asarray(goals, np.float64)
    a = _residual_makers(kernel, penalties)
    errors = a @ y
    folds = [np.flatnonzero(fold == k) for k in range(int(fold.max()) + 1)]
    found = LeftOut(np.full_like(y, np.nan), {}, {})
    for k, out in enumerate(folds):
        kept = np.flatnonzero(fold != k)
        inside = a[:, out[:, None], out]
        solved = np.linalg.solve(
            inside, np.concatenate([a[:, out[:, None], kept], errors[:, out]], axis=2)
        )
        across, own = solved[..., : len(kept)], solved[..., len(kept) :]
        rest = errors[:, kept] - a[:, kept[:, None], out] @ own
        loss = np.zeros(len(penalties))
        for j, other in enumerate(folds):
            if j == k:
                continue
            at = np.searchsorted(kept, other)
            left = a[:, other[:, None], other] - a[:, other[:, None], out] @ across[:, :, at]
            loss += (np.linalg.solve(left, rest[:, at]) ** 2).sum((1, 2))
        best = int(loss.argmin())
        found.test[out] = y[out] - own[best]
        found.train[k] = np.full_like(y, np.nan)
        found.train[k][kept] = y[kept] - rest[best]
        found.penalty[k] = float(penalties[best])
    return found


def probe(kernel: Array, task: Task) -> pd.DataFrame:
    """Score a probe on every fold.

    Parameters
    ----------
    kernel : ndarray of float64, shape (n, n)
        Of `kernel_of`; or a mean of several, which is a probe of all their features at once.
    task : Task
        Targets and folds.

    Returns
    -------
    DataFrame
        A row a fold: ``fold``, ``test``, ``train`` (scores), ``edge`` (the penalty is the smallest
        or the largest that was tried).
    """
    found = leave_fold_out(kernel, task.goals, task.fold)
    rows = []
    for k, penalty in found.penalty.items():
        out = task.fold == k
        test = float(training.score(found.test[out], task.targets[out]))
        train = float(training.score(found.train[k][~out], task.targets[~out]))
        rows.append((k, test, train, penalty in (PENALTIES[0], PENALTIES[-1])))
    return pd.DataFrame(rows, columns=["fold", "test", "train", "edge"])


# --- distances -------------------------------------------------------------------------------


def frechet_distance(x: ArrayLike, y: ArrayLike) -> float:
    """Fréchet distance between two sets of features, taken for normal distributions.

    ``|μ - ν|² + tr(C + D - 2 (C D)^½)``. The last trace is the nuclear norm of the product of the
    centred data, so that no root of a singular matrix is taken.

    Parameters
    ----------
    x, y : array_like of float, shapes (n, d) and (m, d)
        At least two rows each. Small sets overestimate the distance: compare sets of one size.

    Returns
    -------
    float
        Not negative, in squared units of the features.

    Notes
    -----
    Dowson and Landau (1982), *The Fréchet distance between multivariate normal distributions*;
    Heusel et al. (2017) made it the FID.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(frechet_distance(x, x + 2), 6)
    12.0
    """
    first, second = (np.asarray(z, np.float64) for z in (x, y))
    means = [z.mean(0) for z in (first, second)]
    centred = [
        (z - mean) / np.sqrt(len(z) - 1) for z, mean in zip((first, second), means, strict=True)
    ]
    overlap = np.linalg.norm(centred[0] @ centred[1].T, "nuc")
    spread = sum(float((z**2).sum()) for z in centred)
    return float(max(((means[0] - means[1]) ** 2).sum() + spread - 2 * overlap, 0.0))


def stem_changes(pictures: NDArray[np.float32]) -> pd.DataFrame:
    """Measure what a one-channel first layer does to features, against three equal channels.

    Parameters
    ----------
    pictures : ndarray of float32, shape (n, rows, columns)
        In [0, 1].

    Returns
    -------
    DataFrame
        A row for each ``stem`` (sum, average, new) and ``tap``: ``change``, the norm of the
        difference over the norm of the features with three channels.
    """
    one = efficientnet.network_input(pictures[:, None])
    taps = efficientnet.TAPS
    three = efficientnet.features(Net(), np.repeat(one, 3, axis=1), taps)
    rows = []
    for stem in ("sum", "average", "new"):
        found = efficientnet.features(Net(stem=stem), one, taps)
        for tap in taps:
            before, after = (np.asarray(f[tap], np.float64) for f in (three, found))
            change = np.linalg.norm(after - before) / np.linalg.norm(before)
            rows.append((stem, tap, float(change)))
    return pd.DataFrame(rows, columns=["stem", "tap", "change"])


# --- arms ------------------------------------------------------------------------------------

_ARM = ["task", "training", "net", "stem", "encoding", "norm", "tap", "probe"]


@dataclass(frozen=True)
class Outcome:
    """All results of a profile.

    Attributes
    ----------
    tasks : dict of str to Task
    runs : DataFrame
        A row for each arm and fold. ``task``; ``training`` (frozen, trained); ``net`` (imagenet,
        random, pixels); ``stem``; ``encoding``; ``norm``; ``tap``; ``probe``; ``net_seed``;
        ``fold`` (for trained nets, their seed); ``test``, ``train``, ``edge``.
    distances : DataFrame
        A row for each ``task``, ``encoding`` and ``norm``: ``distance`` to photographs. Task
        "photographs" has the squares' own halves and their gray copies.
    stems : DataFrame
        Of `stem_changes`, on the first task.
    steps : DataFrame
        Of `step_runs`.
    """

    tasks: dict[str, Task]
    runs: pd.DataFrame
    distances: pd.DataFrame
    stems: pd.DataFrame
    steps: pd.DataFrame


def run(settings: Settings, seed: int = 0, device: str = "cpu", **how: Any) -> Outcome:
    """Compute everything of a profile.

    Parameters
    ----------
    settings : Settings
        One of `SETTINGS`.
    seed : int
        Of data, folds, the random curve and the first of the random nets.
    device : str
        ``"cpu"``, or ``"cuda"`` for the features and the training.
    **how
        For `sweeps.run`, which probes and trains the nets: executor, jobs, address, store.

    Returns
    -------
    Outcome
    """
    tasks = load_tasks(settings, seed)
    tables, distances = [], [_photograph_distances(settings, device)]
    for task in tasks.values():
        frozen, far = _frozen(task, settings, seed, device, **how)
        tables.append(frozen)
        distances.append(far)
        if task.name in settings.training.tasks:
            tables.append(_trained(task, settings, seed, device, **how))
    first = next(iter(tasks.values()))
    return Outcome(
        tasks,
        pd.concat(tables, ignore_index=True),
        pd.concat(distances, ignore_index=True),
        stem_changes(first.pictures(settings.side)[:64]),
        pd.concat(
            [step_runs(tasks[n], settings, seed, device) for n in STEP_TASKS if n in tasks],
            ignore_index=True,
        ),
    )


def _photograph_inputs(settings: Settings, seed: int) -> NDArray[np.float32]:
    squares = efficientnet.crops(settings.crops, settings.side, seed)
    return np.ascontiguousarray(squares.transpose(0, 3, 1, 2) / np.float32(255), np.float32)


def _photograph_distances(settings: Settings, device: str) -> pd.DataFrame:
    """Distances of the photographs' squares from other squares, and from their own grays."""
    colour, other = (_photograph_inputs(settings, seed) for seed in (1, 2))
    gray = np.repeat(colour.mean(1, keepdims=True, dtype=np.float32), 3, axis=1)
    reference, again, without = (
        _head(Net(), efficientnet.network_input(x), device) for x in (colour, other, gray)
    )
    return pd.DataFrame(
        {
            "task": "photographs",
            "encoding": ["other squares", "in gray"],
            "norm": "own",
            "distance": [frechet_distance(reference, x) for x in (again, without)],
        }
    )


def _head(net: Net, inputs: NDArray[np.float32], device: str) -> NDArray[np.float16]:
    return efficientnet.features(net, inputs, ("head",), device)["head"]


@dataclass(frozen=True)
class _Arm:
    """A frozen net and what it is fed."""

    net: Net
    encoding: str
    norm: Norm
    taps: tuple[str, ...] = ("head",)
    gaussian: bool = False


def _arms(settings: Settings, seed: int) -> list[_Arm]:
    """Enumerate the arms of a task that look through a frozen net."""
    arms = []
    for encoding, norm in product(ENCODINGS, NORMS):
        deep = norm == "own" and encoding in settings.depth_encodings
        taps = settings.depth_taps if deep else ("head",)
        arms.append(_Arm(Net(), encoding, norm, taps, gaussian=norm == "own"))
        if norm == "own":
            nets = range(seed, seed + settings.random_nets)
            arms += [_Arm(Net("random", own), encoding, norm, taps) for own in nets]
    for stem in ("average", "new"):
        arms.append(_Arm(Net(seed=seed, stem=stem), ONE_CHANNEL, "own"))
    return arms


def _frozen(
    task: Task, settings: Settings, seed: int, device: str, **how: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Probes of every frozen arm and of the pixels, and the distances to photographs."""
    levels = encodings.quantise(task.pictures(settings.side)) / np.float32(255)
    photographs = _head(Net(), efficientnet.network_input(_photograph_inputs(settings, 1)), device)
    arms = _arms(settings, seed)
    given = (levels, photographs, task, seed, device)
    data = sweeps.fingerprint(levels, photographs, task.targets, task.fold)
    common = (_frozen_code(), data, seed, device)
    work = [sweeps.Work(sweeps.fingerprint(*common, arm), _look, (arm, *given)) for arm in arms]
    results = sweeps.run(work, description=f"{task.name}, frozen", unit="arm", **how)
    tables, distances = [], []
    for arm, found in zip(arms, results, strict=True):
        label: dict[str, Any] = {
            "net": arm.net.weights,
            "stem": arm.net.stem,
            "net_seed": arm.net.seed,
        }
        label |= {"encoding": arm.encoding, "norm": arm.norm}
        tables += [pd.DataFrame(scores).assign(**label) for scores in found["probes"]]
        if "distance" in found:
            distances.append((arm.encoding, arm.norm, found["distance"]))
    for encoding in ENCODINGS:
        pixels = encodings.encode(levels, encoding, seed).reshape(len(levels), -1)
        label = {"net": "pixels", "stem": "rgb", "net_seed": 0, "encoding": encoding}
        found_pixels = probe(kernel_of(pixels, task.core), task)
        tables.append(found_pixels.assign(**label, norm="own", tap="head", probe="linear"))
    frame = pd.concat(tables, ignore_index=True).assign(task=task.name, training="frozen")
    far = pd.DataFrame(distances, columns=["encoding", "norm", "distance"])
    return frame, far.assign(task=task.name)[["task", "encoding", "norm", "distance"]]


def _look(
    arm: _Arm,
    levels: NDArray[np.float32],
    photographs: NDArray[np.float16],
    task: Task,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Probes of one frozen arm; a plain dict, so that it can be stored."""
    inputs = fed(encodings.encode(levels, arm.encoding, seed), arm.norm, task.core)
    found = efficientnet.features(arm.net, inputs, arm.taps, device)
    kernels = {tap: kernel_of(found[tap], task.core) for tap in arm.taps}
    if len(arm.taps) > 1:
        kernels[ALL] = np.mean(list(kernels.values()), axis=0)
    tables = [
        probe(kernel, task).assign(tap=tap, probe="linear") for tap, kernel in kernels.items()
    ]
    if arm.gaussian:
        kernel = kernel_of(found["head"], task.core, "gaussian")
        tables.append(probe(kernel, task).assign(tap="head", probe="gaussian"))
    out: dict[str, Any] = {"probes": [table.to_dict("list") for table in tables]}
    if arm.net == Net():
        out["distance"] = frechet_distance(photographs, found["head"][: len(photographs)])
    return out


@cache
def _frozen_code() -> str:
    """Fingerprint of the code of a frozen arm: this whole file, for features are kept elsewhere."""
    return sweeps.fingerprint(efficientnet, encodings, training, sys.modules[__name__])


# --- training --------------------------------------------------------------------------------


def train_net(
    net: Net,
    inputs: NDArray[np.float32],
    task: Task,
    test: NDArray[np.bool_],
    how: Training,
    device: str = "cpu",
) -> tuple[float, float]:
    """Train all weights of a net on the clips that are not tested.

    At the end the averages of the batch normalisation are taken anew over training clips: a few
    dozen steps would not bring them near the present activations.

    Parameters
    ----------
    net : Net
        Where it starts from; its seed draws the read-out and the order of the clips too.
    inputs : ndarray of float32, shape (n, channels, rows, columns)
        Of the task's clips.
    task : Task
        Targets.
    test : ndarray of bool, shape (n,)
        Clips that are left out.
    how : Training
        Steps, batch, rate.
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    test, train : float
        Scores; the latter on as many training clips as there are tested ones.
    """
    module = efficientnet.build(net, task.outputs).to(device)
    rows = np.flatnonzero(~test)
    order = training.order(net.seed, rows, how.steps, how.batch)
    optimiser = torch.optim.Adam(module.parameters(), lr=how.rate)
    fade = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 1 / how.steps, how.steps)
    targets = torch.as_tensor(task.targets).to(device)
    loss_of = functional.cross_entropy if task.targets.ndim == 1 else functional.mse_loss
    module.train()
    for batch in order:
        with efficientnet.repeatable():
            loss = loss_of(module(_batch(inputs, batch, device)), targets[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        fade.step()
    efficientnet.calibrate(module, inputs[order.ravel()[:128]])
    shown = order.ravel()[: int(test.sum())]
    return (
        _score(module, inputs, task, np.flatnonzero(test), device),
        _score(module, inputs, task, np.unique(shown), device),
    )


def _batch(inputs: NDArray[np.float32], rows: NDArray[np.int64], device: str) -> torch.Tensor:
    x = torch.as_tensor(inputs[rows])
    return x.to(device, memory_format=torch.channels_last)


@torch.inference_mode()
def _score(
    module: nn.Module,
    inputs: NDArray[np.float32],
    task: Task,
    rows: NDArray[np.int64],
    device: str,
) -> float:
    parts = [
        module(_batch(inputs, rows[i : i + 32], device)).cpu() for i in range(0, len(rows), 32)
    ]
    return float(training.score(torch.cat(parts).numpy(), task.targets[rows]))


def _trained(task: Task, settings: Settings, seed: int, device: str, **how: Any) -> pd.DataFrame:
    """Nets that are trained, from ImageNet's weights and from scratch; each is kept when done."""
    plan = settings.training
    levels = encodings.quantise(task.pictures(plan.side)) / np.float32(255)
    data = sweeps.fingerprint(levels, task.targets, task.fold)
    rows, work = [], []
    starts: tuple[Literal["imagenet", "random"], ...] = ("imagenet", "random")
    for encoding, norm, weights, j in product(
        plan.encodings, plan.norms, starts, range(plan.seeds)
    ):
        net = Net(weights, seed + j, "sum" if encoding == ONE_CHANNEL else "rgb")
        key = sweeps.fingerprint(_code(), data, net, encoding, norm, j, plan, seed, device)
        arguments = (net, levels, encoding, norm, task, j, plan, seed, device)
        work.append(sweeps.Work(key, _lesson, arguments))
        rows.append((weights, net.stem, encoding, norm, j, net.seed))
    found = sweeps.run(work, description=f"{task.name}, trained", **how)
    label = {"task": task.name, "training": "trained", "tap": "head", "probe": "own"}
    table = pd.DataFrame(rows, columns=["net", "stem", "encoding", "norm", "fold", "net_seed"])
    return pd.concat([table, pd.DataFrame(found)], axis=1).assign(**label, edge=False)


@cache
def _code() -> str:
    """Fingerprint of the code that a trained net depends on."""
    parts = (efficientnet, encodings, training, fed, train_net, _batch, _score, _lesson)
    return sweeps.fingerprint(*parts)


def _lesson(
    net: Net,
    levels: NDArray[np.float32],
    encoding: str,
    norm: Norm,
    task: Task,
    part: int,
    plan: Training,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Train one net; a plain dict, so that it can be stored."""
    inputs = fed(encodings.encode(levels, encoding, seed), norm, task.core)
    out = (task.fold % plan.seeds == part) & ~task.core
    test, train = train_net(net, inputs, task, out, plan, device)
    return {"test": test, "train": train}


# --- the factorial ---------------------------------------------------------------------------


def step_runs(task: Task, settings: Settings, seed: int = 0, device: str = "cpu") -> pd.DataFrame:
    """Every subset of the steps of "saving as an image", through a pretrained and a random net.

    Both nets are frozen and read by the linear probe. One channel goes through the summed first
    layer, which is the same as three equal channels; inputs are standardised by the core in every
    cell, so that no step is only a change of scale.

    Parameters
    ----------
    task : Task
        Its first `Settings.step_clips` clips are taken, all folds alike.
    settings : Settings
        Sizes.
    seed : int
        Of the random net.
    device : str
        For the features.

    Returns
    -------
    DataFrame
        A row a run: ``task``, ``pretrained``, the six steps (0 or 1), ``seed`` (the fold that was
        tested), ``test``, ``train``.
    """
    part = task.part(settings.step_clips)
    db = spectrograms.resize(part.db, (settings.step_side, settings.step_side))
    magnitude = np.asarray(10 ** (db / 20), np.float32)
    how = steps.Pipeline(size=(settings.step_size, settings.step_size), range_db=_RANGE_DB)
    core = np.flatnonzero(part.core)
    tables = []
    for on in tqdm(steps.cells(), desc="steps", disable=None):
        images = steps.prepare(magnitude, on, core, how)
        inputs = np.asarray(steps.standardise(images, core), np.float32)
        stem: Literal["rgb", "sum"] = "rgb" if images.shape[1] == 3 else "sum"
        for pretrained in (0, 1):
            net = Net("imagenet" if pretrained else "random", 0 if pretrained else seed, stem)
            kernel = kernel_of(_head(net, inputs, device), part.core)
            found = probe(kernel, part)[["fold", "test", "train"]]
            cell = {"task": part.name, "pretrained": pretrained}
            cell |= {step: int(step in on) for step in steps.STEPS}
            tables.append(found.rename(columns={"fold": "seed"}).assign(**cell))
    table = pd.concat(tables, ignore_index=True)
    return table[["task", "pretrained", *steps.STEPS, "seed", "test", "train"]]


def step_shares(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Shapley attributions of the steps and of pretraining, with intervals over the folds.

    Parameters
    ----------
    runs : DataFrame
        Of `step_runs`, for one task.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each ``score`` (test, train) and ``part``: the seven factors of `FACTORS`, with
        ``estimate``, ``low`` and ``high``. The factors sum to what all of them do together. Parts
        named "… (pretrained)" and "… (random)" attribute within one net.
    """
    rows = []
    for score in ("test", "train"):
        for label, factors, chosen in (
            ("", FACTORS, runs),
            (" (pretrained)", steps.STEPS, runs[runs.pretrained == 1]),
            (" (random)", steps.STEPS, runs[runs.pretrained == 0]),
        ):
            shares = shapley(steps.factorial(chosen, factors, score))
            for factor, values in zip(factors, shares, strict=True):
                found = bootstrap_mean(values, seed)
                numbers = (found.estimate, found.low, found.high)
                rows.append((score, factor, label.strip(" ()") or "both", *numbers))
    return pd.DataFrame(rows, columns=["score", "factor", "net", "estimate", "low", "high"])


# --- comparisons -----------------------------------------------------------------------------


def mean_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Score of each arm and fold, averaged over the random nets.

    Returns
    -------
    DataFrame
        Columns of the arm, ``fold``, ``test``, ``train``.
    """
    return runs.groupby([*_ARM, "fold"], sort=False)[["test", "train"]].mean().reset_index()


def _compared(a: pd.DataFrame, b: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Compare arms `a` and `b`, each with one row a fold, paired by fold."""
    both = a.merge(b, on="fold", suffixes=("", "_b"))
    interval = paired_difference(both.test, both.test_b, seed)
    fitted = paired_difference(both.train, both.train_b, seed)
    same = equivalence(both.test, both.test_b, MARGIN, seed)
    return {
        "score": float(both.test.mean()),
        "reference": float(both.test_b.mean()),
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "train": fitted.estimate,
        "p": effect_pvalue(both.test - both.test_b),
        "equal_p": same.pvalue,
        "within": same.equivalent,
        "pairs": len(both),
    }


def _decided(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Correct a table of comparisons by Holm; say which way each is decided."""
    table = pd.DataFrame(rows)
    table["holm"] = holm(table.p)
    table["equal_holm"] = holm(table.equal_p)
    sure = (table.holm < 0.05) & (np.sign(table.low) == np.sign(table.high))
    table["decided"] = np.where(sure, np.sign(table.difference), 0).astype(int)
    table["equivalent"] = table.within & (table.equal_holm < 0.05)
    return table


def colour_effects(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Each encoding minus gray ×3 in a pretrained net, in the same normalisation and probe.

    Parameters
    ----------
    runs : DataFrame
        Of `Outcome`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each comparison, at the net's end or with `ALL` depths: the arm; ``difference``
        with its 95 % interval ``low`` and ``high``; ``train`` (the same on the training sets);
        ``score``, ``reference``; ``p``, ``holm`` (over the table), ``decided`` (1 better, -1 worse,
        0 neither);
        ``equivalent`` (within `MARGIN`, corrected likewise); ``pairs``.
    """
    chosen = (runs.net == "imagenet") & runs["tap"].isin(("head", ALL))
    scores = mean_scores(runs[chosen])
    key = ["task", "training", "norm", "tap", "probe"]
    rows = []
    for where, cell in scores.groupby(key, sort=False):
        gray = cell[(cell.encoding == GRAY) & (cell.stem == "rgb")]
        for (stem, encoding), arm in cell.groupby(["stem", "encoding"], sort=False):
            if encoding == GRAY and stem == "rgb":
                continue
            label = dict(zip(key, where, strict=True)) | {"stem": stem, "encoding": encoding}
            rows.append(label | _compared(arm, gray, seed))
    return _decided(rows)


#: What a pretrained net is compared with: training, depth, and the other net.
CONTROLS = {
    "frozen, end of the net, against a random net": ("frozen", "head", "random"),
    "frozen, all depths, against a random net": ("frozen", ALL, "random"),
    "frozen, end of the net, against the pixels": ("frozen", "head", "pixels"),
    "frozen, all depths, against the pixels": ("frozen", ALL, "pixels"),
    "trained, against from scratch": ("trained", "head", "random"),
}


def pretraining_effects(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Pretrained minus its controls, for every task and encoding, at the net's own normalisation.

    Parameters
    ----------
    runs : DataFrame
        Of `Outcome`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each ``task``, ``control`` (a key of `CONTROLS`) and ``encoding``, with the
        columns of `colour_effects`.
    """
    chosen = runs[(runs.norm == "own") & (runs.stem == "rgb") & (runs.probe != "gaussian")]
    scores = mean_scores(chosen)
    rows = []
    for control, (way, tap, other) in CONTROLS.items():
        wanted = scores[(scores.training == way) & (scores["tap"] == tap)]
        own = scores[(scores.net == "pixels") | (scores["tap"] == tap)]
        for (task, encoding), cell in wanted[wanted.net == "imagenet"].groupby(
            ["task", "encoding"], sort=False
        ):
            same = (own.task == task) & (own.encoding == encoding) & (own.training == way)
            reference = own[same & (own.net == other)]
            label = {"task": task, "control": control, "encoding": encoding}
            rows.append(label | _compared(cell, reference, seed))
    return _decided(rows)


def interactions(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Gain of colour in a frozen pretrained net, in a random one, and the difference of the two.

    Parameters
    ----------
    runs : DataFrame
        Of `Outcome`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each ``task`` and ``gain`` (pretrained, random, difference): ``estimate`` with its
        95 % interval ``low`` and ``high``, ``p``, ``holm`` over the table. The gain is the mean of
        `COLOURS` minus gray ×3, at the net's own normalisation, with a linear probe of `ALL`
        depths: the end of a random net knows next to nothing, and could not gain.
    """
    chosen = (runs["tap"] == ALL) & (runs.norm == "own") & (runs.stem == "rgb")
    chosen &= (runs.training == "frozen") & (runs.probe == "linear")
    scores = mean_scores(runs[chosen])
    rows = []
    for task, cell in scores.groupby("task", sort=False):
        wide = cell.pivot(index=["net", "fold"], columns="encoding", values="test")
        gain = wide[list(COLOURS)].mean(axis=1) - wide[GRAY]
        pretrained, random = gain.loc["imagenet"], gain.loc["random"]
        kinds = {"pretrained": pretrained, "random": random, "difference": pretrained - random}
        for name, values in kinds.items():
            found = bootstrap_mean(values, seed)
            p = effect_pvalue(values)
            rows.append((task, name, found.estimate, found.low, found.high, p))
    table = pd.DataFrame(rows, columns=["task", "gain", "estimate", "low", "high", "p"])
    table["holm"] = holm(table.p)
    return table


def distance_and_score(outcome: Outcome, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distance to photographs beside the probe's score, and how their ranks agree in each task.

    Parameters
    ----------
    outcome : Outcome
        Of `run`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    points : DataFrame
        A row for each task, encoding and normalisation: ``distance``, ``test``.
    ranks : DataFrame
        A row a task: Spearman's ``rho`` with its 95 % interval ``low`` and ``high``.
    """
    runs = outcome.runs
    chosen = runs[(runs.net == "imagenet") & (runs.training == "frozen") & (runs.stem == "rgb")]
    chosen = chosen[(chosen["tap"] == "head") & (chosen.probe == "linear")]
    means = chosen.groupby(["task", "encoding", "norm"], sort=False).test.mean().reset_index()
    points = outcome.distances.merge(means, on=["task", "encoding", "norm"])
    rows = []
    for task, cell in points.groupby("task", sort=False):
        found = spearman(cell.distance, cell.test, seed)
        rows.append((task, found.estimate, found.low, found.high))
    return points, pd.DataFrame(rows, columns=["task", "rho", "low", "high"])


# --- verdicts --------------------------------------------------------------------------------


def _by_answers(answers: Iterable[str]) -> str:
    """Read a verdict off "yes", "no" and "-".

    All yes: holds. All no: fails. Both occur: holds with limits. Otherwise a side is called only if
    most answers are its own; else undecided.
    """
    found = list(answers)
    ayes, noes = found.count("yes"), found.count("no")
    if ayes and noes:
        return "holds with limits"
    if ayes:
        return "holds" if ayes == len(found) else _most(ayes, len(found), "holds with limits")
    return "fails" if noes == len(found) and noes else _most(noes, len(found), "fails")


def _most(count: int, of: int, verdict: str) -> str:
    return verdict if 2 * count > of else "undecided"


def _better(table: pd.DataFrame) -> list[str]:
    """Say yes where better after correction, no where worse or surely not a margin better."""
    no = (table.decided == -1) | (table.high < MARGIN)
    return [str(x) for x in np.where(table.decided == 1, "yes", np.where(no, "no", "-"))]


def verdict_pretraining_helps(effects: pd.DataFrame) -> str:
    """B1: on noisy chirps, ImageNet's weights beat random ones.

    Null: the difference to the same net with random weights is not above `MARGIN`. Control: that
    net, frozen and read by the same probe, and trained for as long.

    Parameters
    ----------
    effects : DataFrame
        Of `pretraining_effects`.

    Returns
    -------
    str
        From all encodings, frozen and trained: better after Holm's correction counts for it; worse,
        or surely less than the margin better, against it.
    """
    rows = effects[(effects.task == "chirps") & (~effects.control.str.contains("pixels"))]
    return _by_answers(_better(rows))


def verdict_colour_helps(effects: pd.DataFrame) -> str:
    """B2: for a pretrained net, colour beats gray.

    Null: the difference of a usual colormap to gray ×3, in the same net, normalisation and probe,
    is not above `MARGIN`.

    Parameters
    ----------
    effects : DataFrame
        Rows of `colour_effects` of one training, normalisation and probe.

    Returns
    -------
    str
        From all tasks and `COLOURS`, as in `verdict_pretraining_helps`.
    """
    return _by_answers(_better(effects[effects.encoding.isin(COLOURS)]))


def verdict_detrimental(effects: pd.DataFrame) -> str:
    """C5: nets trained on images can be detrimental for spectrograms.

    "Can" asks for one case at least. Null: nowhere is the pretrained net worse than its controls.

    Parameters
    ----------
    effects : DataFrame
        Of `pretraining_effects`.

    Returns
    -------
    str
        Worse after correction in most comparisons: it holds; in some: with limits. It fails only if
        every comparison is surely less than `MARGIN` worse; else undecided.
    """
    worse = float((effects.decided == -1).mean())
    if worse > 0:
        return "holds" if worse > 0.5 else "holds with limits"
    return "fails" if (effects.low > -MARGIN).all() else "undecided"


def verdict_explains(table: pd.DataFrame) -> str:
    """Q7: that colour helps is explained by pretraining.

    Then colour helps a pretrained net, and it helps a random one less. Null: no gain, or as much.

    Parameters
    ----------
    table : DataFrame
        Of `interactions`.

    Returns
    -------
    str
        A task counts for it if the pretrained net surely gains and surely more than the random one
        (after correction); against it if the gain, or the difference, is surely below `MARGIN`.
    """
    answers = []
    for _, cell in table.groupby("task", sort=False):
        rows = cell.set_index("gain").loc[["pretrained", "difference"]]
        sure = ((rows.holm < 0.05) & (rows.low > 0)).all()
        answers.append("yes" if sure else "no" if (rows.high < MARGIN).any() else "-")
    return _by_answers(answers)
