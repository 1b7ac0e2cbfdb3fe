"""What a net that photographs have trained is worth on another task: frozen and probed, or trained.

A *task* is pictures of sounds, what is to be learned from them, and folds. An *arm* is a net
(pretrained or at random), an encoding and a normalisation of what it is fed. `look` probes a frozen
arm at several depths; `lesson` trains all weights of one. Both take levels and give a plain dict,
so that `analysis.nets.sweeps` can run and keep them, as `frozen` and `trained` do for many arms.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from analysis.evidence.folds import CORE_SLOTS, deal_groups
from analysis.nets import sweeps, training
from analysis.pictures import encodings, steps
from analysis.pretrained import efficientnet, probes
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.photographs import squares
from analysis.sound import datasets, signals, spectrograms

__all__ = [
    "ALL", "NORMS", "RANGE_DB", "Arm", "Descent", "Norm", "Task", "fed", "frozen", "head", "lesson",
    "load_task", "look", "photograph_distances", "pixels", "probe", "step_runs",
    "train_net", "trained",
]  # fmt: skip

Array = NDArray[np.float64]
Levels = NDArray[np.float32]
Norm = Literal["own", "unit", "standardised"]

#: How colours in [0, 1] are brought to the net's input.
NORMS: dict[Norm, str] = {
    "own": "the net's own",
    "unit": "0–1",
    "standardised": "standardised",
}

#: A probe of all depths at once, each with the same weight.
ALL = "all depths"

#: From black to white, in decibels.
RANGE_DB = 80.0


@dataclass(frozen=True)
class Task:
    """Spectrograms, what is to be learned from them, and who is tested when.

    Attributes
    ----------
    name : str
    db : ndarray of float32, shape (n, frequencies, frames)
        In decibels; the highest frequency is the first row, as in a picture.
    targets : ndarray, shape (n,) of int64 or (n, 2) of float32
        Classes, or standardised values.
    outputs : int
        Classes, or values.
    fold : ndarray of int64, shape (n,)
        Which fold a clip is tested in; -1 for the *core*, which is in every training set and to
        which ranges and deviations are fitted.
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
        """Square pictures in [0, 1], shape (n, side, side): 80 dB below the core's peak are 0."""
        resized = spectrograms.resize(self.db, (side, side))
        peak = resized[self.core].max()
        return np.asarray(np.clip((resized - peak) / RANGE_DB + 1, 0, 1), np.float32)

    def levels(self, side: int) -> Levels:
        """`pictures` in 256 levels, still in [0, 1]."""
        return np.asarray(encodings.quantise(self.pictures(side)) / np.float32(255))

    def part(self, count: int) -> Task:
        """Return the task with `count` clips, spread evenly over the folds."""
        order = np.argsort(np.argsort(self.fold, kind="stable"), kind="stable")
        kept = order * count // len(order) != (order - 1) * count // len(order)
        arrays = {name: getattr(self, name)[kept] for name in ("db", "targets", "fold")}
        return replace(self, **arrays)


def load_task(name: str, side: int, clips: int, folds: int, seed: int) -> Task:
    """Make a task: "chirps" (their end frequencies), "instruments" or "spoken-words" (classes).

    At most so many `clips` with `side` frequencies; the `seed` is that of chirps, of the choice of
    clips and of the folds, which divide no program and no speaker.
    """
    if name == "chirps":
        made = signals.chirps(clips, seed)
        db = spectrograms.log_power(made.waveforms, 4 * side, 2 * side)
        fold = np.arange(clips) % (folds + CORE_SLOTS)
        targets = signals.chirp_targets(made.ends)
        return Task(name, _upright(db), targets, 2, np.where(fold < folds, fold, -1))
    load = datasets.instruments if name == "instruments" else datasets.spoken_words
    classes = len(load(max_per_class=1).label_names)
    audio = load(max_per_class=clips // (2 * classes), seed=seed)
    rate = audio.sample_rate
    db = spectrograms.log_mel(audio.waveforms, rate, side, max(8 * side, 512), rate // side)
    fold = deal_groups(audio.groups, audio.labels, folds, seed)
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
    """
    if norm == "own":
        return efficientnet.network_input(colours)
    if norm == "unit":
        return colours
    scale = encodings.fit_scale("standardised", colours[core], axis=-3)
    return scale(colours, axis=-3)


# --- frozen nets -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """A frozen net, what it is fed, and where it is read."""

    net: Net
    encoding: str
    norm: Norm
    taps: tuple[str, ...] = ("head",)
    gaussian: bool = False


def probe(kernel: Array, task: Task) -> pd.DataFrame:
    """Score a probe with a kernel of the task's clips (`probes.feature_kernel`) on every fold.

    Returns
    -------
    DataFrame
        A row a fold: ``fold``, ``test``, ``train`` (scores), ``edge`` (the penalty is the smallest
        or the largest that was tried).
    """
    left_out = probes.leave_fold_out(kernel, task.goals, task.fold)
    rows = []
    for k, penalty in left_out.penalty.items():
        out = task.fold == k
        test = float(training.score(left_out.test[out], task.targets[out]))
        train = float(training.score(left_out.train[k][~out], task.targets[~out]))
        rows.append((k, test, train, penalty in (probes.PENALTIES[0], probes.PENALTIES[-1])))
    return pd.DataFrame(rows, columns=["fold", "test", "train", "edge"])


def look(
    arm: Arm,
    levels: Levels,
    photographs: NDArray[np.float16],
    task: Task,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Probe a frozen arm.

    Parameters
    ----------
    arm : Arm
    levels : ndarray of float32, shape (n, rows, columns)
        Of the task's clips, see `Task.levels`.
    photographs : ndarray of float16, shape (m, features)
        Of the pretrained net, to which distances are taken.
    task : Task
    seed : int
        Of the random curve.
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    dict
        ``probes``: tables of `probe`, with ``tap`` and ``probe``, as dicts of lists; for the
        pretrained net ``distance``.
    """
    inputs = fed(encodings.encode(levels, arm.encoding, seed), arm.norm, task.core)
    features = efficientnet.features(arm.net, inputs, arm.taps, device)
    kernels = {tap: probes.feature_kernel(features[tap], task.core) for tap in arm.taps}
    if len(arm.taps) > 1:
        kernels[ALL] = np.mean(list(kernels.values()), axis=0)
    tables = [
        probe(kernel, task).assign(tap=tap, probe="linear") for tap, kernel in kernels.items()
    ]
    if arm.gaussian:
        kernel = probes.feature_kernel(features["head"], task.core, "gaussian")
        tables.append(probe(kernel, task).assign(tap="head", probe="gaussian"))
    out: dict[str, Any] = {"probes": [table.to_dict("list") for table in tables]}
    if arm.net == Net():
        near = features["head"][: len(photographs)]
        out["distance"] = probes.frechet_distance(photographs, near)
    return out


# --- trained nets ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Descent:
    """How a net is trained: steps of Adam, whose rate falls evenly to zero.

    Attributes
    ----------
    steps, batch : int
    rate : float
        The first.
    """

    steps: int
    batch: int
    rate: float


def train_net(
    net: Net,
    inputs: NDArray[np.float32],
    task: Task,
    test: NDArray[np.bool_],
    how: Descent,
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
        Of the task's clips, see `fed`.
    test : ndarray of bool, shape (n,)
        Clips that are left out.
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


def lesson(
    arm: Arm,
    levels: Levels,
    task: Task,
    test: NDArray[np.bool_],
    how: Descent,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Train an arm's net (`train_net`) on levels (see `look`): ``test`` and ``train``."""
    inputs = fed(encodings.encode(levels, arm.encoding, seed), arm.norm, task.core)
    test_score, train_score = train_net(arm.net, inputs, task, test, how, device)
    return {"test": test_score, "train": train_score}


@cache
def _code() -> str:
    """Fingerprint of all code that `look` and `lesson` depend on."""
    return sweeps.fingerprint(sys.modules[__name__])


# --- runs ------------------------------------------------------------------------------------


def head(net: Net, inputs: NDArray[np.float32], device: str) -> NDArray[np.float16]:
    """Features at the end of a net."""
    return efficientnet.features(net, inputs, ("head",), device)["head"]


def photograph_distances(count: int, side: int, device: str) -> pd.DataFrame:
    """Distances of photographs' squares from other squares, and from their own grays."""
    colour, other = (squares(count, side, seed) for seed in (1, 2))
    gray = np.repeat(colour.mean(1, keepdims=True, dtype=np.float32), 3, axis=1)
    reference, again, without = (
        head(Net(), efficientnet.network_input(x), device) for x in (colour, other, gray)
    )
    distance = [probes.frechet_distance(reference, x) for x in (again, without)]
    label = {"task": "photographs", "encoding": ["other squares", "in gray"], "norm": "own"}
    return pd.DataFrame(label | {"distance": distance})


def frozen(
    task: Task,
    arms: Sequence[Arm],
    photographs: NDArray[np.float16],
    side: int,
    seed: int,
    device: str,
    **how: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Probe frozen arms of a task, on pictures of `side` × `side`; see `look` and `sweeps.run`.

    Returns
    -------
    runs : DataFrame
        A row for each arm, tap, probe and fold.
    distances : DataFrame
        ``task``, ``encoding``, ``norm``, ``distance``, for the pretrained net.
    """
    levels = task.levels(side)
    common = (_code(), sweeps.fingerprint(levels, photographs, task.targets, task.fold))
    given = (levels, photographs, task, seed, device)
    work = [
        sweeps.Work(sweeps.fingerprint(*common, seed, device, arm), look, (arm, *given))
        for arm in arms
    ]
    results = sweeps.run(work, description=f"{task.name}, frozen", unit="arm", **how)
    tables, distances = [], []
    for arm, result in zip(arms, results, strict=True):
        label: dict[str, Any] = {"net": arm.net.weights, "stem": arm.net.stem}
        label |= {"net_seed": arm.net.seed, "encoding": arm.encoding, "norm": arm.norm}
        tables += [pd.DataFrame(scores).assign(**label) for scores in result["probes"]]
        if "distance" in result:
            distances.append((task.name, arm.encoding, arm.norm, result["distance"]))
    runs = pd.concat(tables, ignore_index=True).assign(task=task.name, training="frozen")
    return runs, pd.DataFrame(distances, columns=["task", "encoding", "norm", "distance"])


def pixels(task: Task, names: Sequence[str], side: int, seed: int) -> pd.DataFrame:
    """Probe the pixels themselves, for each encoding: rows as those of `frozen`."""
    levels = task.levels(side)
    tables = []
    for name in names:
        flat = encodings.encode(levels, name, seed).reshape(len(levels), -1)
        scores = probe(probes.feature_kernel(flat, task.core), task)
        tables.append(scores.assign(encoding=name))
    label = {"net": "pixels", "stem": "rgb", "norm": "own", "tap": "head", "probe": "linear"}
    runs = pd.concat(tables, ignore_index=True).assign(**label, net_seed=0)
    return runs.assign(task=task.name, training="frozen")


def trained(
    task: Task,
    arms: Sequence[Arm],
    seeds: int,
    side: int,
    descent: Descent,
    seed: int,
    device: str,
    **how: Any,
) -> pd.DataFrame:
    """Train arms of a task, with several seeds: net ``j`` is tested on folds ``k % seeds == j``.

    Returns
    -------
    DataFrame
        Rows as those of `frozen`, where ``fold`` is the number of the seed.
    """
    levels = task.levels(side)
    common = (_code(), sweeps.fingerprint(levels, task.targets, task.fold), descent, seed, device)
    rows, work = [], []
    for arm, j in product(arms, range(seeds)):
        arm = replace(arm, net=replace(arm.net, seed=seed + j))
        test = (task.fold % seeds == j) & ~task.core
        key = sweeps.fingerprint(*common, arm, test)
        work.append(sweeps.Work(key, lesson, (arm, levels, task, test, descent, seed, device)))
        rows.append((arm.net.weights, arm.net.stem, arm.encoding, arm.norm, j, arm.net.seed))
    scores = sweeps.run(work, description=f"{task.name}, trained", **how)
    label = {"task": task.name, "training": "trained", "tap": "head", "probe": "own"}
    table = pd.DataFrame(rows, columns=["net", "stem", "encoding", "norm", "fold", "net_seed"])
    return pd.concat([table, pd.DataFrame(scores)], axis=1).assign(**label, edge=False)


def step_runs(task: Task, side: int, size: int, seed: int = 0, device: str = "cpu") -> pd.DataFrame:
    """Every subset of the steps of "saving as an image", through a pretrained and a random net.

    Both nets are frozen and read by the linear probe. One channel goes through the summed first
    layer, which is the same as three equal channels; inputs are standardised by the core in every
    cell, so that no step is only a change of scale.

    Parameters
    ----------
    side, size : int
        Rows and columns of the pictures, and to how many the step "resize" brings them.

    Returns
    -------
    DataFrame
        A row a run: ``task``, ``pretrained``, the six steps (0 or 1), ``seed`` (the fold that was
        tested), ``test``, ``train``.
    """
    db = spectrograms.resize(task.db, (side, side))
    magnitude = np.asarray(10 ** (db / 20), np.float32)
    how = steps.Pipeline(size=(size, size), range_db=RANGE_DB)
    core = np.flatnonzero(task.core)
    tables = []
    for on in tqdm(steps.cells(), desc="steps", disable=None):
        images = steps.prepare(magnitude, on, core, how)
        inputs = np.asarray(steps.standardise(images, core), np.float32)
        stem: Literal["rgb", "sum"] = "rgb" if images.shape[1] == 3 else "sum"
        for pretrained in (0, 1):
            net = Net("imagenet" if pretrained else "random", 0 if pretrained else seed, stem)
            scores = probe(probes.feature_kernel(head(net, inputs, device), task.core), task)
            cell = {"task": task.name, "pretrained": pretrained}
            cell |= {step: int(step in on) for step in steps.STEPS}
            tables.append(scores.rename(columns={"fold": "seed"}).assign(**cell))
    table = pd.concat(tables, ignore_index=True)
    return table[["task", "pretrained", *steps.STEPS, "seed", "test", "train"]]
