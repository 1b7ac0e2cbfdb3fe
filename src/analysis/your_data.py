"""Tell whether colour helps on a reader's own recordings, and which step of saving did it.

The chapter's module. `run` takes a set of recordings (`audit.recordings`) and a `Plan`, and
trains small networks in repeated, stratified cross-validation:

===========  ======================================================================================
part         what is trained
===========  ======================================================================================
`tune`       one learning rate for all encodings, on a validation part of one training set
`encodings`  every encoding, on two networks, each with shares of the training set for the curves
`steps`      all 64 combinations of the six steps of saving as an image (`analysis.sound.steps`)
===========  ======================================================================================

Two encodings of one fold and repeat have the same seed, the same batches in the same order and the
same test recordings, so that every comparison is paired. Everything is kept as *hits*: for each
encoding, repeat and recording, whether the recording was classified rightly when it was in the
test fold. From them come the differences (`compare`), with the wider one of two intervals: over
runs (repeats and folds), and over recordings, or whole groups where groups are given.
A finished run is stored at once; what was interrupted goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import soundfile
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split
from sklearn.tree import DecisionTreeClassifier

from analysis.audit.listing import METADATA, DataError, counted
from analysis.audit.recordings import Recordings, load
from analysis.evidence import attribution, statistics
from analysis.evidence.statistics import Interval, effect_pvalue, equivalence, mean_interval
from analysis.files import atomic_path
from analysis.nets import sweeps, training
from analysis.nets.training import Convolution, Convolutional, Network, Optimiser
from analysis.sound import datasets, encodings, spectrograms, steps
from analysis.sound.steps import STEPS, Pipeline

__all__ = [
    "ARM_TITLES",
    "CUE_TITLES",
    "LADDER",
    "MARGIN",
    "NETWORKS",
    "PARTS",
    "PREPARING",
    "SETTINGS",
    "STEP_TITLES",
    "Difference",
    "Outcome",
    "Plan",
    "accuracies",
    "arm_images",
    "arms_of",
    "check_outside",
    "choose_plan",
    "clipped",
    "clusters_of",
    "compare",
    "confusion",
    "cues",
    "demonstration",
    "differences",
    "drawable",
    "dynamic_range",
    "example_rows",
    "examples",
    "folds_of",
    "headline",
    "learning_curve",
    "level_use",
    "neutral",
    "noise_floor",
    "plain",
    "points",
    "prepared",
    "recommendation",
    "results_of",
    "run",
    "sections",
    "silent_rows",
    "step_differences",
    "step_table",
    "store_for",
    "store_name",
    "store_of",
    "tables",
    "thinned",
    "title",
]

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

#: Differences below one percentage point were declared negligible beforehand.
MARGIN = 0.01

#: What the networks are called in words.
NETWORKS = {"small": "small net", "limited": "limited net"}

#: What the steps are called in words.
STEP_TITLES = {
    "log": "log-compression",
    "scaling": "per-image scaling",
    "8 bits": "rounding to 8 bits",
    "resize": "resizing",
    "colormap": "the colormap",
    "codec": "the JPEG codec",
}

#: What the arms are called in words; a colormap is called by its name.
ARM_TITLES = {
    "raw": "raw decibels",
    "again": "raw, another seed",
    "gray": "8-bit gray",
    "gray3": "gray × 3 (R = G = B)",
    "saved": "colours as saved",
}

#: What is trained for a report.
PARTS = ("encodings", "steps")

_RATES = {"small": (0.003, 0.01, 0.03), "limited": (0.03, 0.1, 0.3)}
_GRID = (4, 2)
_SHARED_BYTES = 3_000_000  # of the spectrograms, below which pictures are kept between runs
_STACK_BYTES = 300_000_000  # of pictures that a stack of networks holds at a time
_TUNING_SEED = 900_000
_FAST, _WORTH_STARTING = 0.001, 60.0  # seconds: a network's step, and what is worth processes


# --- plans -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """How much is trained.

    Attributes
    ----------
    side : int
        Rows and columns of the spectrograms, at most; ``resize`` halves them.
    folds, repeats : int
        Of the cross-validation. Each repeat has its own folds and its own seeds.
    steps : int
        Gradient steps of each network.
    most : int
        Recordings, at most: more are thinned out at random, class by class.
    shares : tuple of float
        Shares of the training set for the learning curves.
    tuning_seeds : int
        Networks for each learning rate that is tried.
    colours : tuple of str
        Colormaps beside the one that the question is about.
    """

    side: int
    folds: int
    repeats: int
    steps: int
    most: int
    shares: tuple[float, ...] = (0.25, 0.5)
    tuning_seeds: int = 1
    colours: tuple[str, ...] = ("turbo", "jet")

    @property
    def networks(self) -> int:
        """Roughly how many networks are trained."""
        arms = 4 + len(self.colours)
        tuned = 2 * arms * 3 * self.tuning_seeds
        return self.folds * self.repeats * (2 * (arms + 2 * len(self.shares)) + 64) + tuned

    def seconds(self, speed: float, jobs: int) -> float:
        """Estimate how long it takes.

        Parameters
        ----------
        speed : float
            Seconds that one process takes for one step of one network of 32 × 32 pixels.
        jobs : int
            Processes.
        """
        pixels = (self.side / 32) ** 2
        return self.networks * self.steps * speed * (0.3 + 0.7 * pixels) / jobs


#: What a time budget can buy, in order of cost.
LADDER = (
    Plan(24, folds=3, repeats=2, steps=60, most=300),
    Plan(32, folds=3, repeats=2, steps=80, most=500),
    Plan(32, folds=4, repeats=2, steps=120, most=1000),
    Plan(32, folds=5, repeats=3, steps=150, most=2000),
    Plan(48, folds=5, repeats=3, steps=200, most=2000, tuning_seeds=2),
    Plan(64, folds=5, repeats=4, steps=200, most=3000, tuning_seeds=2),
    Plan(64, folds=5, repeats=8, steps=250, most=4000, tuning_seeds=3),
    Plan(64, folds=5, repeats=16, steps=300, most=6000, tuning_seeds=3),
    Plan(64, folds=10, repeats=20, steps=300, most=10_000, tuning_seeds=3),
)

#: What ``quick`` and ``full`` mean, where no time budget is given.
SETTINGS: dict[str, Plan] = {
    "quick": Plan(20, folds=3, repeats=2, steps=50, most=240, shares=(0.3,), colours=("jet",)),
    "full": Plan(48, folds=5, repeats=5, steps=200, most=2000, tuning_seeds=2),
}


def choose_plan(minutes: float, jobs: int = 0, store: Path | None = None) -> Plan:
    """Choose the largest plan that fits into a time budget on this machine.

    Parameters
    ----------
    minutes : float
        Positive. Nine tenths of them are planned for.
    jobs : int
        Processes; 0 for as many as there are cores.
    store : Path, optional
        Folder that keeps the choice, so that a run that was interrupted goes on by the same plan
        even if the machine is busier now.

    Returns
    -------
    Plan
        One of `LADDER`; the smallest, if not even that fits.

    Raises
    ------
    DataError
        For no time.
    """
    if not minutes > 0:
        raise DataError(f"minutes must be positive, got {minutes:g}.")
    count = jobs or os.cpu_count() or 1
    path = store / f"plan-{minutes:g}-{count}.json" if store else None
    if path is not None and path.exists():
        chosen = int(json.loads(path.read_text("utf-8"))["plan"])
        return LADDER[min(chosen, len(LADDER) - 1)]
    speed = _speed()
    fitting = [i for i, p in enumerate(LADDER) if p.seconds(speed, count) <= 0.9 * 60 * minutes]
    chosen = max(fitting, default=0)
    if path is not None:
        _write_text(path, json.dumps({"plan": chosen, "speed": speed}))
    return LADDER[chosen]


def _speed() -> float:
    """Seconds for one step of one network of 32 × 32 pixels, on one thread."""
    rng = np.random.default_rng(0)
    images = {"x": rng.normal(size=(64, 3, 32, 32)).astype(np.float32)}
    stack = [Network(seed, "x", 0.01) for seed in range(8)]
    with sweeps.one_thread():
        times = []
        for count in (2, 12):
            start = time.perf_counter()
            build = _architecture("small", 3, 4)
            training.train(build, images, np.arange(64) % 4, stack, Optimiser(count))
            times.append(time.perf_counter() - start)
    return max(1e-4, (times[1] - times[0]) / 10 / len(stack))


def _write_text(path: Path, text: str) -> None:
    """Write a small file such that a kill leaves the old one or the new one."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")


#: Parameters of the chapter that say what is read, and how much is trained.
PREPARING = ("data", "profile", "minutes", "group", "values", "jobs", "seed", "checkpoints")


def prepared(
    data: str,
    profile: str = "quick",
    minutes: float = 0.0,
    group: str = "",
    values: str = "auto",
    jobs: int = 0,
    seed: int = 0,
    checkpoints: str = "auto",
) -> tuple[Recordings, Plan]:
    """Choose the plan and read the recordings, as the chapter's parameters say.

    Parameters
    ----------
    data : str
        The data folder; "" for the `demonstration`.
    profile : str
        A key of `SETTINGS`, which counts if `minutes` is 0.
    minutes : float
        Time budget.
    group, values : str
        See `analysis.audit.recordings.load`.
    jobs, seed : int
        See `run`.
    checkpoints : str
        See `store_of`.

    Returns
    -------
    data : Recordings
    plan : Plan

    Raises
    ------
    DataError
        Where no report can be made.
    """
    store = store_of(checkpoints)
    own = store_for(Path(data), store) if data else None
    if minutes < 0:
        raise DataError(f"minutes must be positive, got {minutes:g}.")
    plan = choose_plan(minutes, jobs, own) if minutes else SETTINGS[profile]
    read = partial(load, group=group, values=values, size=(plan.side, plan.side), jobs=jobs)
    if data:
        folder = Path(data).expanduser()
        check_outside(folder, *([store] if store else []))
        cache = store / "spectrograms.sqlite" if store else None
        found = read(folder, cache=cache)
        if minutes and plan == LADDER[0]:
            found = replace(found, notes=(*found.notes, _SMALLEST))
        return found, plan
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "demonstration"
        demonstration(folder, seed)
        return read(folder), plan


_SMALLEST = (
    "The time budget bought the smallest plan only, which may take longer than was asked for and "
    "sees large differences alone: give it more minutes."
)


def store_name(folder: Path) -> str:
    """Name a data folder by its place: what belongs to one does not mix with another's."""
    return hashlib.sha256(os.fsencode(folder.expanduser().resolve())).hexdigest()[:8]


def store_for(folder: Path, store: Path | None) -> Path | None:
    """Find the part of a store that belongs to a data folder."""
    return store / store_name(folder) if store else None


# --- a set to show what a report looks like --------------------------------------------------


def demonstration(folder: Path, seed: int = 0) -> None:
    """Write a small folder of recordings, with a ``metadata.csv`` and some bad files.

    Single notes of many instruments; the class is how hard the key was struck, ``soft`` or
    ``loud``, and the groups are the instruments. So the answer is known in part: who scales each
    image by its own range throws loudness away. Five files are such as any folder may hold: an
    empty one, a silent one, one that is no sound, a copy, and one in the table that is not there.

    Parameters
    ----------
    folder : Path
        Where to; it is made.
    seed : int
        Of the choice of notes.
    """
    notes = datasets.instruments()
    rng = np.random.default_rng([seed, 8])
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in np.sort(rng.permutation(len(notes))[:240]):
        file = f"{notes.clips[i]}.wav"
        soundfile.write(folder / file, notes.waveforms[i], notes.sample_rate, "PCM_16")
        soft = file.endswith(f"v{min(datasets.VELOCITIES):03d}.wav")
        rows.append((file, "soft" if soft else "loud", str(notes.groups[i])))
    (folder / "empty.wav").write_bytes(b"")
    (folder / "no sound.wav").write_text("this is text")
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000, "PCM_16")
    (folder / "z copy.wav").write_bytes((folder / rows[0][0]).read_bytes())
    for file in ("empty.wav", "no sound.wav", "silent.wav", "z copy.wav", "lost.wav"):
        rows.append((file, rows[0][1], rows[0][2]))
    table = pd.DataFrame(rows, columns=["file", "label", "group"])
    table.to_csv(folder / METADATA, index=False, lineterminator="\n")


# --- folds -----------------------------------------------------------------------------------


def folds_of(data: Recordings, folds: int, repeat: int, seed: int) -> NDArray[np.int64]:
    """Deal the recordings out to folds: every class in each, and no group in two.

    Parameters
    ----------
    data : Recordings
        With at least two recordings (or groups) of each class.
    folds : int
        At least 2; fewer are made where a class or the groups do not suffice.
    repeat, seed : int
        Of the shuffling.

    Returns
    -------
    ndarray of int64, shape (n,)
        Fold in which a recording is tested. With a given split: 0 for test, -1 for training.
    """
    if (data.split != "").any():
        return np.where(data.split == "test", 0, -1).astype(np.int64)
    state = int(np.random.default_rng([seed, 11, repeat]).integers(2**31))
    if not data.grouped:
        count = max(2, min(folds, int(np.bincount(data.labels).min())))
        splitter = StratifiedKFold(count, shuffle=True, random_state=state)
        return _dealt(splitter.split(data.labels, data.labels), len(data))
    groups = clusters_of(data)
    own = [len(np.unique(groups[data.labels == k])) for k in range(len(data.label_names))]
    count = max(2, min(folds, min(own)))
    tries = []
    for attempt in range(20):
        by_group = StratifiedGroupKFold(count, shuffle=True, random_state=(state + attempt) % 2**31)
        found = _dealt(by_group.split(data.labels, data.labels, groups), len(data))
        tries.append((_absent(found, data.labels), attempt, found))
        if tries[-1][0] == 0:
            break
    return min(tries, key=lambda one: one[:2])[2]


def _dealt(parts: Iterable[tuple[Any, Any]], count: int) -> NDArray[np.int64]:
    found = np.full(count, -1, np.int64)
    for fold, (_, test) in enumerate(parts):
        found[test] = fold
    return found


def _absent(folds: NDArray[np.int64], labels: NDArray[np.int64]) -> int:
    """Count the classes that some training set lacks, and the folds that are empty."""
    count = 0
    for fold in range(folds.max() + 1):
        train = folds != fold
        count += len(np.unique(labels)) - len(np.unique(labels[train])) + int(train.all())
    return count


def clusters_of(data: Recordings) -> NDArray[np.int64]:
    """Give each recording the number of its group; one without a group is a group of its own."""
    names = np.where(data.groups != "", "g" + data.groups.astype(object), "f" + data.files)
    return np.asarray(np.unique(names.astype(str), return_inverse=True)[1], np.int64)


def thinned(data: Recordings, most: int, seed: int) -> Recordings:
    """Choose at most so many recordings, each class in proportion; all, if they are fewer."""
    if len(data) <= most:
        return data
    rng = np.random.default_rng([seed, 12])
    rows: list[int] = []
    for label in range(len(data.label_names)):
        mine = np.flatnonzero(data.labels == label)
        rows += rng.permutation(mine)[: max(4, round(most * len(mine) / len(data)))].tolist()
    return data.take(np.sort(np.array(rows)))


def _check_split(data: Recordings) -> None:
    """Refuse a given split that cannot be learned from."""
    if not (data.split != "").any():
        return
    for side in ("train", "test"):
        present = np.unique(data.labels[data.split == side])
        if side == "train" and len(present) < len(data.label_names):
            absent = sorted(set(range(len(data.label_names))) - set(present.tolist()))
            raise DataError(
                f"No recording of class {data.label_names[absent[0]]!r} is in the training split: "
                "correct the column split, or leave it out."
            )
        if not len(present):
            raise DataError(f"No recording is in the {side} split: correct the column split.")


# --- what networks are fed -------------------------------------------------------------------


def arms_of(data: Recordings, plan: Plan, colormap: str) -> tuple[str, ...]:
    """Name the encodings that are compared: raw, a second run of it, copies, and the colours.

    Parameters
    ----------
    data : Recordings
        Pictures in colour add the colours as they were saved.
    plan : Plan
        For the colormaps.
    colormap : str
        The one that the question is about.

    Returns
    -------
    tuple of str
        ``again`` is raw with another seed: a comparison whose true difference is 0.
    """
    saved = ("saved",) if data.planes.shape[1] == 4 else ()
    return tuple(dict.fromkeys(("raw", "again", "gray3", *saved, colormap, *plan.colours)))


def arm_images(data: Recordings, arm: str, train: NDArray[Any]) -> Floats:
    """Pictures that a network is fed in an arm, standardised by the training set.

    Parameters
    ----------
    data : Recordings
    arm : str
        See `arms_of`.
    train : ndarray of int or bool
        Rows of the training set.

    Returns
    -------
    ndarray of float32, shape (n, channels, rows, columns)
    """
    if arm == "saved":
        return steps.standardise(data.planes[:, 1:], train)
    values = steps.prepare(data.magnitude(), {"log"}, train)
    if arm not in ("raw", "again"):
        values = encodings.encode(values[:, 0], "gray8" if arm == "gray" else arm)
    return steps.standardise(values, train)


def _pipeline(data: Recordings, colormap: str) -> Pipeline:
    rows, columns = data.planes.shape[2:]
    return Pipeline(size=(max(4, rows // 2), max(4, columns // 2)), colormap=colormap)


def _architecture(network: str, channels: int, outputs: int) -> Convolutional:
    """``small``: two layers with normalisation. ``limited``: one filter for each class."""
    if network == "limited":
        return Convolutional(
            channels, (Convolution(outputs),), outputs, _GRID, normalise=False, readout="own"
        )
    return Convolutional(channels, (Convolution(8), Convolution(16)), outputs, _GRID)


# --- units of work ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """Networks that are trained together and stored together: one run.

    Attributes
    ----------
    part : {"tune", "encodings", "steps"}
    network : str
        A key of `NETWORKS`.
    repeat, fold : int
        Of the cross-validation.
    entries : tuple of (str, float, float)
        Arm, or number of the cell of the steps; share of the training set; learning rate.
    """

    part: Literal["tune", "encodings", "steps"]
    network: str
    repeat: int
    fold: int
    entries: tuple[tuple[str, float, float], ...]


def _images_of(
    data: Recordings, unit: Unit, name: str, train: NDArray[Any], colormap: str
) -> Floats:
    if unit.part == "steps":
        return steps.standardise(_cell_images(data, int(name), train, colormap), train)
    return arm_images(data, name, train)


#: Pictures of cells that do not depend on the training set, by data, cell and colormap: with each
#: image's own range, all runs of a process can share them. Coding them is what costs.
_SHARED: dict[tuple[Any, ...], Floats] = {}


def _cell_images(data: Recordings, number: int, train: NDArray[Any], colormap: str) -> Floats:
    """Pictures of a cell of the steps."""
    cell = steps.cells()[number]
    how = _pipeline(data, colormap)
    if "scaling" not in cell or data.planes.nbytes > _SHARED_BYTES:
        return steps.prepare(data.magnitude(), cell, train, how)
    print_ = data.digest()
    key = (print_, number, colormap)
    if key not in _SHARED:
        if _SHARED and next(iter(_SHARED))[0] != print_:
            _SHARED.clear()
        _SHARED[key] = steps.prepare(data.magnitude(), cell, train, how)
    return _SHARED[key]


def _part_of(
    rows: NDArray[np.int64], labels: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.int64]:
    """Take a share of the training rows, at least one of each class, the same for all arms."""
    if share >= 1:
        return rows
    rng = np.random.default_rng([seed, 13])
    found: list[int] = []
    for label in np.unique(labels[rows]):
        mine = rng.permutation(rows[labels[rows] == label])
        found += mine[: max(1, round(share * len(mine)))].tolist()
    return np.sort(np.array(found, np.int64))


def _rows_of(
    data: Recordings, unit: Unit, folds: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on and to test on; while tuning, both out of the training set."""
    train, test = np.flatnonzero(folds != unit.fold), np.flatnonzero(folds == unit.fold)
    if unit.part != "tune":
        return train, test
    if data.grouped:
        inner = folds_of(data.take(train), 4, 0, seed + 1)
        if 0 < (inner == 0).sum() < len(inner):
            return train[inner != 0], train[inner == 0]
    parts = train_test_split(train, test_size=0.25, random_state=seed)
    return np.sort(parts[0]), np.sort(parts[1])


def _train_unit(
    data: Recordings, unit: Unit, folds: NDArray[np.int64], count: int, colormap: str, seed: int
) -> dict[str, Any]:
    """Train one unit; plain lists and tensors, so that it can be stored."""
    train, test = _rows_of(data, unit, folds, seed)
    outputs = len(data.label_names)
    predicted = torch.zeros(len(unit.entries), len(test), dtype=torch.int16)
    scores = [0.0] * len(unit.entries)
    for members, images in _stacks(data, unit, train, colormap):
        build = _architecture(unit.network, images[unit.entries[members[0]][0]].shape[1], outputs)
        stack = [_network(unit, i, train, data.labels, seed) for i in members]
        trained = training.train(build, images, data.labels, stack, Optimiser(count))
        guesses = training.evaluate(build, trained, images, stack, test).argmax(-1)
        seen = training.evaluate(build, trained, images, stack, train).argmax(-1)
        for place, i in enumerate(members):
            sound = trained.diverged[place] < 0
            predicted[i] = torch.as_tensor(guesses[place]) if sound else -1
            own = np.isin(train, np.asarray(stack[place].rows))
            hit = seen[place][own] == data.labels[train[own]]
            scores[i] = float(hit.mean()) if sound else 0.0
    return {"predicted": predicted, "train": scores, "test": torch.as_tensor(test)}


def _network(
    unit: Unit, index: int, train: NDArray[np.int64], labels: NDArray[np.int64], seed: int
) -> Network:
    """Network of an entry: the seed is that of its repeat and fold, whatever the arm."""
    name, share, rate = unit.entries[index]
    own = 1_000 * seed + 20 * unit.repeat + unit.fold
    rows = _part_of(train, labels, share, own)
    if unit.part == "tune":  # the entries of one arm and rate are told apart by their seeds
        same = [i for i, entry in enumerate(unit.entries) if entry == unit.entries[index]]
        own = _TUNING_SEED + same.index(index)
    return Network(own + (500 if name == "again" else 0), name, rate, rows)


def _stacks(
    data: Recordings, unit: Unit, train: NDArray[np.int64], colormap: str
) -> Iterator[tuple[list[int], dict[str, Floats]]]:
    """Put entries whose pictures have one shape together, within bounded memory."""
    waiting: dict[tuple[int, ...], tuple[list[int], dict[str, Floats]]] = {}
    order: dict[str, list[int]] = {}
    for i, entry in enumerate(unit.entries):
        order.setdefault(entry[0], []).append(i)
    for name, mine in order.items():
        images = _images_of(data, unit, name, train, colormap)
        members, pictures = waiting.setdefault(images.shape[1:], ([], {}))
        members += mine
        pictures[name] = images
        if sum(x.nbytes for x in pictures.values()) + images.nbytes > _STACK_BYTES:
            yield waiting.pop(images.shape[1:])
    yield from waiting.values()


# --- running ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """All that was measured.

    Attributes
    ----------
    data : Recordings
        What was learned, thinned out to the plan.
    plan : Plan
        How much was trained.
    colormap : str
        The one that the question is about.
    folds : ndarray of int64, shape (repeats, n)
        Fold of each recording in each repeat; -1 where it is never tested.
    entries : dict of str to list of (str, float)
        For "small", "limited" and "steps": arm or cell, and share of the training set.
    predicted : dict of str to ndarray of int16, shape (entries, repeats, n)
        Class that was predicted when the recording was tested; -1 of a diverged network; -2 where
        a recording is never tested.
    train : dict of str to ndarray, shape (entries, repeats, folds)
        Training scores.
    rates : DataFrame
        Learning rates: ``network``, ``rate``, ``validation`` (mean over the arms), ``chosen``.
    seed : int
    """

    data: Recordings
    plan: Plan
    colormap: str
    folds: NDArray[np.int64]
    entries: dict[str, list[tuple[str, float]]]
    predicted: dict[str, NDArray[np.int16]]
    train: dict[str, Array]
    rates: pd.DataFrame
    seed: int

    def hits(self, part: str, arm: str, share: float = 1.0) -> Array:
        """Whether each recording was classified rightly: (repeats, n); NaN where not tested."""
        guessed = self.predicted[part][self.entries[part].index((arm, share))]
        right = (guessed == self.data.labels).astype(float)
        return np.where(guessed == -2, np.nan, right)


def run(
    data: Recordings,
    plan: Plan,
    *,
    colormap: str = "viridis",
    seed: int = 0,
    executor: str = "auto",
    jobs: int = 0,
    address: str = "",
    store: Path | None = None,
    parts: Sequence[str] = PARTS,
) -> Outcome:
    """Train everything that a report needs.

    Parameters
    ----------
    data : Recordings
        See `analysis.audit.recordings.load`.
    plan : Plan
        How much.
    colormap : str
        The one that the question is about.
    seed : int
        Of folds, networks and batches.
    executor : {"auto", "loky", "serial", "dask"}
        Processes on this machine; none; or a Dask cluster, through joblib (needs `distributed`).
        ``auto``: processes, unless the plan is so small that starting them would cost more.
    jobs : int
        Processes, for loky; 0 for as many as there are cores.
    address : str
        Of the Dask scheduler.
    store : Path, optional
        Folder that keeps each finished run, from which an interrupted one goes on; and
        ``progress.json``, which tells how far it is and how long it still takes.
    parts : sequence of str
        What to train, of `PARTS`: a report needs both.

    Returns
    -------
    Outcome

    Raises
    ------
    DataError
        For a split that cannot be learned from.
    ValueError
        For another executor, or an unknown colormap.
    """
    if executor not in (known := ("auto", *sweeps.EXECUTORS)):
        raise ValueError(f"executor must be one of {', '.join(known)}, not {executor!r}")
    if executor == "auto":
        executor = "serial" if plan.seconds(_FAST, 1) < _WORTH_STARTING else "loky"
    encodings.table(colormap)
    _check_split(data)
    data = thinned(data, plan.most, seed)
    folds = np.stack([folds_of(data, plan.folds, r, seed) for r in range(plan.repeats)])
    do = partial(
        _worked, data, folds, plan, colormap, seed, executor=executor, jobs=jobs, address=address,
        store=store,
    )  # fmt: skip
    arms = arms_of(data, plan, colormap)
    tune = _tuning(arms, plan)
    rates = _chosen(tune, do(tune, "learning rates"), data)
    units = _units(arms, plan, rates, int(folds.max()) + 1, colormap)
    units = [unit for unit in units if unit.part in parts]
    return _assembled(data, plan, colormap, folds, units, do(units, "networks"), rates, seed)


def _tuning(arms: Sequence[str], plan: Plan) -> list[Unit]:
    """Every arm tries every rate as often; raw's other seed adds nothing."""
    tried = [arm for arm in arms if arm != "again"]
    return [
        Unit(
            "tune",
            network,
            0,
            0,
            tuple((arm, 1.0, r) for arm, r in product(tried, _RATES[network])) * plan.tuning_seeds,
        )
        for network in NETWORKS
    ]


def _chosen(
    units: Sequence[Unit], found: Sequence[Mapping[str, Any]], data: Recordings
) -> pd.DataFrame:
    """Choose one rate a network for all arms: the one that serves them best on average.

    A rate for each arm, chosen on a few dozen recordings, would be luck that stays the same in all
    runs: a difference between two arms that no interval over runs shows.
    """
    rows = []
    for unit, one in zip(units, found, strict=True):
        goal = data.labels[np.asarray(one["test"])]
        hit = (np.asarray(one["predicted"]) == goal).mean(1)
        rows += [
            (unit.network, rate, score)
            for (_, _, rate), score in zip(unit.entries, hit, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["network", "rate", "validation"])
    means = table.groupby(["network", "rate"], sort=False).validation.mean().reset_index()
    means["chosen"] = False
    means.loc[means.groupby("network").validation.idxmax(), "chosen"] = True
    return means


def _units(
    arms: Sequence[str], plan: Plan, rates: pd.DataFrame, folds: int, colormap: str
) -> list[Unit]:
    """All runs, one repeat after the other."""
    chosen = rates[rates.chosen]
    rate = dict(zip(chosen.network, map(float, chosen.rate), strict=True))
    cells = tuple((str(i), 1.0, rate["small"]) for i in range(2 ** len(STEPS)))
    units = []
    for repeat, fold in product(range(plan.repeats), range(folds)):
        for network in NETWORKS:
            whole = [(arm, 1.0, rate[network]) for arm in arms]
            parts = [
                (arm, share, rate[network]) for arm in ("raw", colormap) for share in plan.shares
            ]
            units.append(Unit("encodings", network, repeat, fold, (*whole, *parts)))
        units.append(Unit("steps", "small", repeat, fold, cells))
    return units


@cache
def _code() -> str:
    """Fingerprint of the code that a run depends on; rules that read results do not."""
    parts: tuple[Any, ...] = (_train_unit, _network, _stacks, _rows_of, _part_of, _cell_images)
    parts += (_images_of, arm_images, _architecture, _pipeline, folds_of)
    return sweeps.fingerprint(training, encodings, spectrograms, steps, *parts)


def _worked(
    data: Recordings,
    folds: NDArray[np.int64],
    plan: Plan,
    colormap: str,
    seed: int,
    units: Sequence[Unit],
    description: str,
    *,
    store: Path | None,
    **how: Any,
) -> list[dict[str, Any]]:
    """Results of units, in order; known ones from the store, each new one into it."""
    print_ = f"{_code()} {data.digest()}"
    work = []
    for unit in units:
        mine = folds[unit.repeat]
        what = f"{print_} {unit} {plan.steps} {colormap} {seed} "
        key = hashlib.sha256(what.encode() + mine.tobytes()).hexdigest()
        arguments = (data, unit, mine, plan.steps, colormap, seed)
        nets = len(unit.entries)
        work.append(sweeps.Work(key, _train_unit, arguments, size=nets, cost=nets))
    runs = store / "runs" if store else None
    tell = partial(_told, store / "progress.json", description) if store else None
    return sweeps.run(work, store=runs, description=description, tell=tell, **how)


def _told(path: Path, what: str, done: int, total: int, left: float) -> None:
    """Write for whoever watches from outside how far it is."""
    told = {"what": what, "done": done, "total": total, "seconds_left": round(left, 1)}
    _write_text(path, json.dumps(told))


def _assembled(
    data: Recordings,
    plan: Plan,
    colormap: str,
    folds: NDArray[np.int64],
    units: Sequence[Unit],
    found: Sequence[Mapping[str, Any]],
    rates: pd.DataFrame,
    seed: int,
) -> Outcome:
    entries: dict[str, list[tuple[str, float]]] = {}
    predicted: dict[str, NDArray[np.int16]] = {}
    train: dict[str, Array] = {}
    for unit, one in zip(units, found, strict=True):
        part = "steps" if unit.part == "steps" else unit.network
        if part not in entries:
            entries[part] = [entry[:2] for entry in unit.entries]
            predicted[part] = np.full((len(unit.entries), *folds.shape), -2, np.int16)
            count = int(folds.max()) + 1
            train[part] = np.full((len(unit.entries), len(folds), count), np.nan)
        predicted[part][:, unit.repeat, np.asarray(one["test"])] = np.asarray(one["predicted"])
        train[part][:, unit.repeat, unit.fold] = one["train"]
    return Outcome(data, plan, colormap, folds, entries, predicted, train, rates, seed)


# --- comparisons -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies and what may be said about it.

    Attributes
    ----------
    name : str
        Arm or step.
    network : str
        A key of `NETWORKS`.
    interval : Interval
        Estimate with its 95 % interval; 0.01 is one percentage point.
    pvalue : float
        Of "no difference"; adjusted by Holm's method where several are compared.
    equivalent : bool
        Whether the difference is within `MARGIN`, by the equivalence test.
    resolvable : float
        Smallest difference that would have been seen with a chance of 80 %.
    verdict : str
        "helps", "hurts", "no difference worth having" or "not resolved".
    """

    name: str
    network: str
    interval: Interval
    pvalue: float
    equivalent: bool
    resolvable: float
    verdict: str = "not resolved"


def compare(
    gains: Array,
    folds: NDArray[np.int64],
    clusters: NDArray[np.int64],
    name: str,
    network: str = "small",
    seed: int = 0,
) -> Difference:
    """Mean of paired gains, with the wider one of the intervals over runs and over recordings.

    Runs of one fold share their test recordings, and recordings of one run share their network:
    neither alone tells how the difference would vary with other seeds *and* other recordings. So
    both are computed: by bootstrap, and for the recordings (or groups, which can be few) by
    Student's t as well; and the widest is taken. A p value is the larger one of both. Where all
    recordings agree there is no spread to go by, and the interval is what so many can tell: one
    that would differ may be too rare to be among them.

    Parameters
    ----------
    gains : ndarray of float, shape (repeats, n)
        For each recording, what is gained when it is tested; NaN where it is not.
    folds : ndarray of int, shape (repeats, n)
        As in `Outcome`.
    clusters : ndarray of int, shape (n,)
        Group of each recording.
    name, network : str
        What is compared.
    seed : int
        Of the resampling.

    Returns
    -------
    Difference
        Its verdict is `_judged` with this p value alone; see `differences`.
    """
    runs = _run_means(gains, folds)
    by_cluster = _cluster_means(gains, clusters)
    samples = [sample for sample in (runs, by_cluster) if len(sample) > 1]
    mean = float(np.nanmean(np.where(folds >= 0, gains, np.nan)))
    unseen = {level: _unseen(gains, level) for level in (0.90, 0.95)}
    ninety, widest = (
        max((_interval(x, mean, level, seed, least) for x in samples), key=lambda i: i.high - i.low)
        for level, least in unseen.items()
    )
    errors = [float(x.std(ddof=1)) / math.sqrt(len(x)) for x in samples]
    pvalue = max(effect_pvalue(x) for x in samples)
    tested = [equivalence(x, np.zeros(len(x)), MARGIN, seed).equivalent for x in samples]
    equivalent = all(tested) and ninety.within(MARGIN)
    resolvable = max(2.8 * max(errors), unseen[0.95])
    found = Difference(name, network, widest, pvalue, equivalent, resolvable)
    return replace(found, verdict=_judged(found))


def _run_means(gains: Array, folds: NDArray[np.int64]) -> Array:
    """One number a run: the mean over what it was tested on, by repeat and fold."""
    pairs = product(zip(gains, folds, strict=True), range(folds.max() + 1))
    return np.array([mine[dealt == fold].mean() for (mine, dealt), fold in pairs])


def _cluster_means(gains: Array, clusters: NDArray[np.int64]) -> Array:
    """One number a cluster, whose plain mean is the mean over all tested recordings."""
    tested = np.isfinite(gains).any(0)
    each = np.nanmean(gains[:, tested], axis=0)
    places = np.unique(clusters[tested], return_inverse=True)[1]
    sums = np.bincount(places, each)
    return np.asarray(sums * len(sums) / len(each))


def _unseen(gains: Array, level: float) -> float:
    """Share of recordings that may differ although none did (Clopper and Pearson); 0 if some did.

    Examples
    --------
    >>> round(_unseen(np.zeros((2, 300)), 0.9), 3), _unseen(np.eye(2), 0.9)
    (0.01, 0.0)
    """
    seen = gains[np.isfinite(gains)]
    if np.ptp(seen) > 1e-12:
        return 0.0
    recordings = int(np.isfinite(gains).any(0).sum())
    return float(1 - ((1 - level) / 2) ** (1 / recordings))


def _interval(sample: Array, mean: float, level: float, seed: int, least: float = 0.0) -> Interval:
    """Take the wider one of the bootstrap's and Student's interval, and put it around the mean."""
    found = mean_interval(sample, seed, level)
    half = float(
        stats.t.ppf((1 + level) / 2, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample))
    )
    centre = found.estimate
    half = max(half, least)
    low, high = min(found.low - centre, -half), max(found.high - centre, half)
    return Interval(mean, mean + low, mean + high, level)


def _judged(found: Difference) -> str:
    """Judge: significant and away from 0; or equivalent within the margin; or not resolved."""
    if found.pvalue < 0.05 and found.interval.excludes(0):
        return "helps" if found.interval.estimate > 0 else "hurts"
    return "no difference worth having" if found.equivalent else "not resolved"


def differences(outcome: Outcome) -> list[Difference]:
    """All comparisons of a report: each encoding against raw, on both nets, and each step.

    P values are adjusted together (Holm): the chance that *any* verdict is false stays small.

    Parameters
    ----------
    outcome : Outcome
        Of `run`.

    Returns
    -------
    list of Difference
        The arms of the small net, of the limited net, then the steps (``network`` is "steps").
    """
    clusters = clusters_of(outcome.data)
    found = []
    for network in (name for name in NETWORKS if name in outcome.entries):
        arms = [arm for arm, share in outcome.entries[network] if share == 1 and arm != "raw"]
        raw = outcome.hits(network, "raw")
        for arm in arms:
            gains = outcome.hits(network, arm) - raw
            found.append(compare(gains, outcome.folds, clusters, arm, network, outcome.seed))
    if "steps" in outcome.entries:
        found += step_differences(outcome)
    real = [i for i, one in enumerate(found) if one.name != "again"]
    adjusted = statistics.holm([found[i].pvalue for i in real])
    for i, pvalue in zip(real, adjusted, strict=True):
        changed = replace(found[i], pvalue=float(pvalue))
        found[i] = replace(changed, verdict=_judged(changed))
    return found


def step_differences(outcome: Outcome) -> list[Difference]:
    """Share the effect of saving as an image out over its steps: Shapley values with intervals.

    Parameters
    ----------
    outcome : Outcome

    Returns
    -------
    list of Difference
        In the order of `analysis.sound.steps.STEPS`; p values not adjusted.
    """
    names = [arm for arm, _ in outcome.entries["steps"]]
    hits = np.stack([outcome.hits("steps", name) for name in names])
    tested = outcome.folds >= 0
    shares = np.full((len(STEPS), *tested.shape), np.nan)
    shares[:, tested] = attribution.shapley(hits[:, tested])
    clusters = clusters_of(outcome.data)
    return [
        compare(share, outcome.folds, clusters, step, "steps", outcome.seed)
        for step, share in zip(STEPS, shares, strict=True)
    ]


# --- tables ----------------------------------------------------------------------------------


def accuracies(outcome: Outcome, found: Sequence[Difference]) -> pd.DataFrame:
    """Accuracy by encoding, train beside test, with the difference from raw.

    Parameters
    ----------
    outcome : Outcome
    found : sequence of Difference
        Of `differences`.

    Returns
    -------
    DataFrame
        ``network``, ``arm``, ``train``, ``test`` with ``test_low`` and ``test_high``, and of the
        difference from raw ``difference``, ``low``, ``high``, ``pvalue``, ``verdict``,
        ``resolvable``.
    """
    known = {(one.network, one.name): one for one in found}
    clusters = clusters_of(outcome.data)
    rows = []
    for network in NETWORKS:
        for index, (arm, share) in enumerate(outcome.entries[network]):
            if share < 1:
                continue
            test = compare(
                outcome.hits(network, arm), outcome.folds, clusters, arm, network, outcome.seed
            ).interval
            row = {
                "network": network,
                "arm": arm,
                "train": float(np.nanmean(outcome.train[network][index])),
                "test": test.estimate,
                "test_low": max(0.0, test.low),
                "test_high": min(1.0, test.high),
            }
            if arm != "raw":
                row |= _difference_row(known[network, arm])
            rows.append(row)
    return pd.DataFrame(rows)


def _difference_row(one: Difference) -> dict[str, Any]:
    return {
        "difference": one.interval.estimate,
        "low": one.interval.low,
        "high": one.interval.high,
        "pvalue": one.pvalue,
        "verdict": one.verdict,
        "resolvable": one.resolvable,
    }


def step_table(outcome: Outcome, found: Sequence[Difference]) -> pd.DataFrame:
    """Lay out the steps with their Shapley values, and both ends of the waterfall.

    Returns
    -------
    DataFrame
        ``step``, ``difference``, ``low``, ``high``, ``pvalue``, ``verdict``, ``resolvable``,
        ``from`` and ``to``: accuracies before and after the step, in the order of the pipeline.
    """
    rows = [{"step": one.name, **_difference_row(one)} for one in found if one.network == "steps"]
    table = pd.DataFrame(rows)
    start = float(np.nanmean(outcome.hits("steps", "0")))
    after = start + table.difference.cumsum()
    return table.assign(**{"from": after - table.difference, "to": after})


def noise_floor(outcome: Outcome, network: str = "small") -> float:
    """How far two runs of *one* encoding lie apart by their seeds alone, in 95 % of cases.

    Parameters
    ----------
    outcome : Outcome
    network : str
        A key of `NETWORKS`.

    Returns
    -------
    float
        A difference of accuracies; whoever runs each encoding once takes smaller ones for effects.
    """
    gaps = outcome.hits(network, "again") - outcome.hits(network, "raw")
    return float(1.96 * np.sqrt(np.square(_run_means(gaps, outcome.folds)).mean()))


def learning_curve(outcome: Outcome, network: str = "small") -> pd.DataFrame:
    """Accuracy against the share of the training set, for raw and for the colormap.

    Returns
    -------
    DataFrame
        ``arm``, ``share``, ``count`` (recordings), ``train``, ``test``, ``low``, ``high``.
    """
    clusters = clusters_of(outcome.data)
    folds = range(int(outcome.folds.max()) + 1)
    trained = float(np.mean([(outcome.folds != fold).sum(1).mean() for fold in folds]))
    rows = []
    for index, (arm, share) in enumerate(outcome.entries[network]):
        if arm not in ("raw", outcome.colormap):
            continue
        test = compare(outcome.hits(network, arm, share), outcome.folds, clusters, arm).interval
        train = float(np.nanmean(outcome.train[network][index]))
        rows.append(
            (arm, share, share * trained, train, test.estimate, max(0, test.low), min(1, test.high))
        )
    columns = ["arm", "share", "count", "train", "test", "low", "high"]
    return pd.DataFrame(rows, columns=columns).sort_values(["arm", "share"], ignore_index=True)


def confusion(outcome: Outcome, arm: str, network: str = "small") -> Array:
    """How often class i was taken for class j: (classes, classes), each row sums to 1."""
    guessed = outcome.predicted[network][outcome.entries[network].index((arm, 1.0))]
    count = len(outcome.data.label_names)
    table = np.zeros((count, count))
    truth = np.broadcast_to(outcome.data.labels, guessed.shape)
    seen = guessed >= 0
    np.add.at(table, (truth[seen], guessed[seen]), 1)
    return np.asarray(table / np.maximum(table.sum(1, keepdims=True), 1))


# --- audit -----------------------------------------------------------------------------------

#: What a single number of a recording is called.
CUE_TITLES = {
    "padding": "zero padding (share of the clip)",
    "clipped": "clipped values (share)",
    "level": "mean level",
    "seconds": "duration of the file",
    "rate": "sample rate of the file",
    "channels": "channels of the file",
    "range": "dynamic range",
}


def cues(data: Recordings, folds: int = 5, seed: int = 0) -> pd.DataFrame:
    """How much one number of a recording gives its class away, without any spectrogram.

    Parameters
    ----------
    data : Recordings
    folds : int
        Of the cross-validation.
    seed : int
        Of folds and trees.

    Returns
    -------
    DataFrame
        ``cue`` (a key of `CUE_TITLES`), ``accuracy`` of a small decision tree that sees this number
        alone, ``chance`` of always naming the most frequent class, ``low`` and ``high`` of the
        difference, and ``verdict``: "helps" means that the number is a cue.
    """
    where = folds_of(data, folds, 0, seed)[None]
    numbers = data.measures.assign(range=dynamic_range(data))
    clusters = clusters_of(data)
    rows: list[tuple[str, float, float, Difference]] = []
    for name in CUE_TITLES:
        if name not in numbers or np.ptp(numbers[name].to_numpy()) == 0:
            continue
        hit, base = _one_number(numbers[name].to_numpy(float), data.labels, where[0])
        told = compare((hit - base)[None], where, clusters, name, seed=seed)
        rows.append((name, float(np.nanmean(hit)), float(np.nanmean(base)), told))
    adjusted = statistics.holm([one[3].pvalue for one in rows])
    table = []
    for (name, hit_rate, chance, told), pvalue in zip(rows, adjusted, strict=True):
        verdict = _judged(replace(told, pvalue=float(pvalue)))
        table.append(
            (name, hit_rate, chance, told.interval.low, told.interval.high, pvalue, verdict)
        )
    columns = ["cue", "accuracy", "chance", "low", "high", "pvalue", "verdict"]
    return pd.DataFrame(table, columns=columns)


def _one_number(
    numbers: Array, labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Hits of a tree on one number, and of naming the most frequent class; NaN if untested."""
    hit, base = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    for fold in range(folds.max() + 1):
        train, test = folds != fold, folds == fold
        tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, random_state=0)
        tree.fit(numbers[train, None], labels[train])
        hit[test] = tree.predict(numbers[test, None]) == labels[test]
        base[test] = labels[test] == np.bincount(labels[train]).argmax()
    return hit, base


def dynamic_range(data: Recordings) -> Array:
    """Decibels between the peak of each spectrogram and its quietest twentieth: shape (n,)."""
    flat = data.magnitude().reshape(len(data), -1)
    low = np.quantile(flat, 0.05, axis=1)
    return np.asarray(20 * np.log10(flat.max(1) / np.maximum(low, flat.max(1) * 1e-6)))


def level_use(data: Recordings) -> pd.DataFrame:
    """Count how 256 levels are used, under one range for the set and under each image's own.

    Parameters
    ----------
    data : Recordings

    Returns
    -------
    DataFrame
        ``scaling`` ("one range", "each image's own"), ``levels`` (distinct levels of an image,
        median), ``at_0`` and ``at_255`` (share of all pixels).
    """
    rows = []
    everything = np.arange(len(data))
    for name, on in (("one range", {"log"}), ("each image's own", {"log", "scaling"})):
        values = steps.prepare(data.magnitude(), on, everything)
        levels = encodings.quantise(values[:, 0])
        used = float(np.median([len(np.unique(one)) for one in levels]))
        rows.append((name, used, float((levels == 0).mean()), float((levels == 255).mean())))
    return pd.DataFrame(rows, columns=["scaling", "levels", "at_0", "at_255"])


def clipped(data: Recordings) -> float:
    """Share of the recordings that are clipped.

    A sound is where it touches full scale; an array or a picture, which has no full scale, where
    more than one value in a hundred is its highest.
    """
    most = 0.0 if data.front.kind == "audio" else 0.01
    return float((data.measures.clipped > most).mean())


def silent_rows(data: Recordings) -> int:
    """Count the frequency rows that stay 80 dB below the peak of the set in every recording."""
    peaks = data.magnitude().max(axis=(0, 2))
    return int((peaks <= peaks.max() * 1e-4).sum())


# --- words -----------------------------------------------------------------------------------


def points(value: float, signed: bool = True) -> str:
    """Write a difference of accuracies in percentage points, with a real minus sign.

    Examples
    --------
    >>> points(-0.0123)
    '−1.2'
    """
    rounded = round(100 * value, 1) + 0.0
    return f"{rounded:+.1f}".replace("-", "−") if signed else f"{abs(rounded):.1f}"


def title(arm: str) -> str:
    """Call an arm or a step by its name in words."""
    return ARM_TITLES.get(arm, STEP_TITLES.get(arm, arm))


def plain(one: Difference) -> str:
    """One difference in words, with its interval."""
    interval = f"95 % interval {points(one.interval.low)} … {points(one.interval.high)}"
    return f"{points(one.interval.estimate)} points ({interval}): {_phrase(one)}"


def _phrase(one: Difference) -> str:
    thing = "colour" if one.name not in ("gray3", "gray", *STEP_TITLES) else "it"
    match one.verdict:
        case "helps":
            return f"{thing} helps"
        case "hurts":
            return f"{thing} hurts"
        case "not resolved":
            seen = points(one.resolvable, signed=False)
            return f"not resolved; only {seen} points or more would have been seen"
    return one.verdict


def headline(outcome: Outcome, found: Sequence[Difference]) -> str:
    """Say what came out, in plain words.

    Parameters
    ----------
    outcome : Outcome
    found : sequence of Difference
        Of `differences`.

    Returns
    -------
    str
        A few sentences.
    """
    small, limited = (_of(found, network, outcome.colormap) for network in NETWORKS)
    told = [f"On your data, {outcome.colormap} − raw = {plain(small)}."]
    if limited.verdict != small.verdict:
        told.append(f"For a net limited to one filter a class: {plain(limited)}.")
    taken = [one for one in found if one.network == "steps"]
    helping = [one for one in taken if one.verdict == "helps"]
    hurting = [one for one in taken if one.verdict == "hurts"]
    if helping:
        told.append(f"What helps is {_listed(helping)}.")
    for one in sorted(hurting, key=lambda one: one.interval.estimate):
        name = STEP_TITLES[one.name]
        told.append(
            f"{name[0].upper()}{name[1:]} costs you {points(-one.interval.estimate, False)}."
        )
    if not helping and not hurting:
        told.append("No step of saving as an image helps or hurts by what this run could see.")
    return " ".join(told)


def _of(found: Sequence[Difference], network: str, name: str) -> Difference:
    return next(one for one in found if (one.network, one.name) == (network, name))


def _listed(found: Sequence[Difference]) -> str:
    ordered = sorted(found, key=lambda one: -one.interval.estimate)
    words = [f"{STEP_TITLES[one.name]} ({points(one.interval.estimate)})" for one in ordered]
    return " and ".join(words)


def recommendation(outcome: Outcome, found: Sequence[Difference]) -> str:
    """Recommend what to feed a net, with the reason; the rule is in this function.

    Parameters
    ----------
    outcome : Outcome
    found : sequence of Difference

    Returns
    -------
    str
        Two or three sentences.
    """
    colour, limited = (_of(found, network, outcome.colormap) for network in NETWORKS)
    verdict = {one.name: one.verdict for one in found if one.network == "steps"}
    copies = _of(found, "small", "gray3")
    told = [_on_colour(outcome.colormap, colour, limited, copies)]
    if verdict["scaling"] == "hurts":
        told.append("Scale by one range for the whole set, not image by image: loudness counts.")
    elif verdict["scaling"] == "helps":
        told.append("Scale each image by its own range: loudness distracts.")
    if verdict["log"] == "helps":
        told.append("Take decibels, not amplitudes.")
    elif verdict["log"] == "hurts":
        told.append("Keep amplitudes; decibels lose something here.")
    lossy = [
        STEP_TITLES[name] for name in ("8 bits", "resize", "codec") if verdict[name] == "hurts"
    ]
    if lossy:
        told.append(f"Leave out {' and '.join(lossy)}.")
    return " ".join([*told, *_on_learning(outcome)])


def _on_learning(outcome: Outcome) -> list[str]:
    """Warn where nets do so well, or so badly, that encodings cannot be told apart."""
    hits = outcome.hits("small", "raw")
    if np.nanmin(hits) == 1:
        right = "Raw decibels get every recording right"
        return [f"{right}: this set is too easy to tell encodings apart."]
    labels = outcome.data.labels
    often = (labels == np.bincount(labels).argmax()).astype(float)
    gains = hits - np.where(np.isfinite(hits), often, np.nan)
    clusters = clusters_of(outcome.data)
    if compare(gains, outcome.folds, clusters, "raw", seed=outcome.seed).verdict == "helps":
        return []
    return [
        "Be careful: the small net is not surely better than always naming the most frequent class "
        f"({_percent(float(np.nanmean(often)))}), so it may have learned nothing that an encoding "
        "could change."
    ]


def _on_colour(name: str, colour: Difference, limited: Difference, copies: Difference) -> str:
    match colour.verdict:
        case "helps":
            why = " So do three gray copies: it is the width." if copies.verdict == "helps" else ""
            return f"Use {name}: the small net is better with it.{why}"
        case "hurts":
            return f"Feed raw decibels: {name} makes the small net worse."
        case "no difference worth having":
            if limited.verdict == "helps":
                return (
                    f"Feed raw decibels and give the net a layer more: {name} helps only a net "
                    "that is limited to one filter a class."
                )
            return f"Feed raw decibels: {name} makes the input three times as large for nothing."
    if limited.verdict == "helps":
        return (
            f"{name} helps a limited net; whether it helps a larger one was not resolved: give the "
            "run more minutes or more recordings, or give the net a layer more."
        )
    return (
        "Feed raw decibels, the simpler thing, until more is known: this run could not tell "
        f"{name} from raw. More minutes or more recordings would."
    )


# --- what figures and the report show --------------------------------------------------------


def drawable(names: Sequence[str], longest: int = 18) -> list[str]:
    r"""Shorten names for a figure; formulas are not set, and what the font lacks becomes "?".

    Examples
    --------
    >>> drawable(["a$b$", "x" * 40])
    ['a\\$b\\$', 'xxxxxxxxxxxxxxxxx…']
    """
    known = _glyphs()
    found = []
    for name in names:
        short = name if len(name) <= longest else name[: longest - 1] + "…"
        short = "".join(c if ord(c) in known else "?" for c in short)
        found.append(short.replace("$", r"\$"))
    return found


@cache
def _glyphs() -> frozenset[int]:
    """Characters that the figures' font has."""
    from matplotlib import font_manager, ft2font

    font = ft2font.FT2Font(font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())


def example_rows(outcome: Outcome, most: int = 8) -> list[int]:
    """First recording of each class, for at most so many classes."""
    labels = outcome.data.labels
    return [int(np.flatnonzero(labels == k)[0]) for k in np.unique(labels)[:most]]


def examples(outcome: Outcome) -> dict[str, dict[str, Floats]]:
    """Show what each encoding makes of one recording of each class.

    Returns
    -------
    dict of str to dict of str to ndarray
        Class to arm to picture: float32 in [0, 1], (rows, columns) or (rows, columns, 3).
    """
    data, rows = outcome.data, example_rows(outcome)
    values = steps.prepare(data.magnitude(), {"log"}, np.arange(len(data)))[rows, 0]
    found: dict[str, dict[str, Floats]] = {}
    for row, value in zip(rows, values, strict=True):
        across = found.setdefault(data.label_names[data.labels[row]], {})
        for arm in arms_of(data, outcome.plan, outcome.colormap):
            if arm == "saved":
                across[arm] = np.moveaxis(data.planes[row, 1:], 0, -1)
            elif arm == "raw":
                across[arm] = value
            elif arm != "again":
                across[arm] = np.moveaxis(encodings.encode(value, arm), 0, -1)
    return found


def _percent(value: float) -> str:
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _signed(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["difference"]):
        return ""
    return f"{points(row['difference'])} ({points(row['low'])} … {points(row['high'])})"


def sections(
    outcome: Outcome, found: Sequence[Difference], audit: pd.DataFrame
) -> list[dict[str, Any]]:
    """Put the report's parts into words.

    Parameters
    ----------
    outcome : Outcome
    found : sequence of Difference
        Of `differences`.
    audit : DataFrame
        Of `cues`.

    Returns
    -------
    list of dict
        ``heading`` and what it has of ``texts``, ``notes``, ``table`` (of texts) and ``figures``
        (identifiers).
    """
    left_out = [(one.name, one.reason) for one in outcome.data.left_out]
    return [
        _section_data(outcome),
        _section_encodings(outcome, found),
        _section_steps(outcome, found),
        {
            "heading": "Learning curves and confusion",
            "texts": ["Filled: test; open: training. A wide gap between them asks for more data."],
            "figures": ["fig-your-curves", "fig-your-confusion"],
        },
        {"heading": "What the nets are fed", "figures": ["fig-your-examples"]},
        _section_audit(outcome.data, audit),
        {
            "heading": f"Left out: {counted(len(left_out), 'file')}",
            "texts": [] if left_out else ["Nothing was left out."],
            "table": pd.DataFrame(left_out, columns=["file", "reason"]) if left_out else None,
        },
    ]


def _section_data(outcome: Outcome) -> dict[str, Any]:
    data, plan = outcome.data, outcome.plan
    counts = np.bincount(data.labels)
    classes = [f"{name} ({n})" for name, n in zip(data.label_names, counts, strict=True)]
    groups = len(np.unique(data.groups[data.groups != ""]))
    chance = _percent(counts.max() / len(data))
    told = f"{counted(groups, 'group')}, none of them in training and test"
    how = told if groups else "no groups given"
    texts = [
        f"{len(data):,} recordings in {len(classes)} classes: {', '.join(classes[:30])}"
        + (" …" if len(classes) > 30 else "")
        + f"; {how}. Always naming the most frequent class scores {chance}.",
        f"Each encoding was trained {_trained(outcome)}, {plan.steps} steps each time, on "
        f"spectrograms of {data.planes.shape[2]} × {data.planes.shape[3]}; seed {outcome.seed}.",
    ]
    if data.front.kind == "images":
        texts.append(_told_of_pictures(data))
    return {"heading": "The data", "texts": texts, "notes": data.notes}


def _trained(outcome: Outcome) -> str:
    folds, repeats = int(outcome.folds.max()) + 1, outcome.plan.repeats
    if (outcome.data.split != "").any():
        return f"on the training split as given, {repeats} times with other seeds"
    return f"in {folds} folds, {repeats} times with other folds and seeds"


def _told_of_pictures(data: Recordings) -> str:
    colormap, share = data.front.colormap, _percent(data.share_on_map)
    if not colormap:
        return "The pictures are gray; their levels are taken as they are."
    if colormap == "rgb":
        return (
            "The pictures are in colour, but no colormap of matplotlib fits (the best one, "
            f"{share} of the pixels): their brightness is taken for the level. If they show axes, "
            "labels or a colour bar, cut these off first."
        )
    return (
        f"The pictures were made with the colormap {colormap}: {share} of their pixels lie on it. "
        "The levels were recovered from it; “colours as saved” is compared with these recovered "
        "levels. Whether the map was reversed cannot be seen."
    )


def _section_encodings(outcome: Outcome, found: Sequence[Difference]) -> dict[str, Any]:
    table = accuracies(outcome, found)
    rows = [
        {
            "net": NETWORKS[row["network"]],
            "fed": title(row["arm"]),
            "train": _percent(row["train"]),
            "test (95 % interval)": f"{_percent(row['test'])} ({_percent(row['test_low'])} … "
            f"{_percent(row['test_high'])})",
            "against raw, points": _signed(row),
            "verdict": row["verdict"] if isinstance(row["verdict"], str) else "",
        }
        for row in table.to_dict("records")
    ]
    floor = points(noise_floor(outcome), signed=False)
    seen = points(_of(found, "small", outcome.colormap).resolvable, signed=False)
    texts = [
        f"Noise floor: two single runs of one encoding differ by up to {floor} points from their "
        f"seeds alone. This run would have seen a difference of {seen} points or more between "
        f"{outcome.colormap} and raw (with a chance of 80 %); smaller ones it could not.",
        "“Raw, another seed” is a control: its true difference is zero.",
        "A verdict is corrected for all comparisons of the report (Holm), so an interval that lies "
        "off zero may still be not resolved.",
    ]
    return {
        "heading": "Accuracy by encoding",
        "texts": texts,
        "table": pd.DataFrame(rows),
        "figures": ["fig-your-encodings"],
    }


def _section_steps(outcome: Outcome, found: Sequence[Difference]) -> dict[str, Any]:
    rows = [
        {
            "step": STEP_TITLES[row["step"]],
            "points (95 % interval)": _signed(row),
            "verdict": row["verdict"],
            "would have been seen": f"{points(row['resolvable'], signed=False)} points",
        }
        for row in step_table(outcome, found).to_dict("records")
    ]
    return {
        "heading": "Which step of saving as an image did it",
        "texts": [
            "All 64 combinations of the six steps are trained; each step gets its Shapley value, "
            "which does not depend on their order."
        ],
        "table": pd.DataFrame(rows),
        "figures": ["fig-your-waterfall"],
    }


def _section_audit(data: Recordings, audit: pd.DataFrame) -> dict[str, Any]:
    given = audit[audit.verdict == "helps"]
    notes = [
        f"{CUE_TITLES[row['cue']][0].upper()}{CUE_TITLES[row['cue']][1:]} alone tells the class in "
        f"{_percent(row['accuracy'])} of the cases (chance {_percent(row['chance'])}): a net may "
        "learn this and not the sound."
        for row in given.to_dict("records")
    ]
    measures = data.measures
    texts = [
        f"The median spectrogram spans {np.median(dynamic_range(data)):.0f} dB; "
        f"{silent_rows(data)} of {data.planes.shape[2]} frequency rows are silent in every "
        f"recording. {_percent(clipped(data))} of the recordings are clipped, "
        f"{_percent(float((measures.padding > 0.01).mean()))} are padded."
    ]
    if not notes:
        texts.append("No single number of a recording gives its class away.")
    return {
        "heading": "Levels, padding and other cues",
        "texts": texts,
        "notes": notes,
        "figures": ["fig-your-audit"],
    }


def tables(
    outcome: Outcome, found: Sequence[Difference], audit: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Collect the report's tables, safe to open in a spreadsheet: name to table."""
    data = outcome.data
    left_out = pd.DataFrame([asdict(one) for one in data.left_out], columns=["name", "reason"])
    labels = np.array(data.label_names, dtype=object)[data.labels]
    recordings = data.measures.assign(
        file=data.files, label=labels, group=data.groups, split=data.split
    )
    found_tables = {
        "accuracy": accuracies(outcome, found),
        "steps": step_table(outcome, found),
        "learning-curve": learning_curve(outcome),
        "cues": audit,
        "left-out": left_out,
        "recordings": recordings,
    }
    return {name: neutral(frame) for name, frame in found_tables.items()}


# --- files -----------------------------------------------------------------------------------


def neutral(frame: pd.DataFrame) -> pd.DataFrame:
    """Make a table safe to open in a spreadsheet: no cell of text is taken for a formula.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    DataFrame
        Texts that begin with ``= + - @``, a tab or a line's end get an apostrophe in front.

    Examples
    --------
    >>> neutral(pd.DataFrame({"file": ["=1+1", "a.wav"]})).file.tolist()
    ["'=1+1", 'a.wav']
    """

    def safe(value: Any) -> Any:
        risky = isinstance(value, str) and value[:1] in tuple("=+-@\t\r\n")
        return f"'{value}" if risky else value

    return frame.map(safe)


def results_of(
    outcome: Outcome, found: Sequence[Difference], audit: pd.DataFrame
) -> dict[str, Any]:
    """All results as plain values, for JSON.

    Returns
    -------
    dict
        Headline, recommendation, the data, the plan, and every table of the report.
    """

    def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
        return json.loads(frame.to_json(orient="records", double_precision=12))  # type: ignore[no-any-return]

    data = outcome.data
    return {
        "headline": headline(outcome, found),
        "recommendation": recommendation(outcome, found),
        "data": {
            "name": data.name,
            "recordings": len(data),
            "classes": dict(zip(data.label_names, np.bincount(data.labels).tolist(), strict=True)),
            "groups": len(np.unique(data.groups[data.groups != ""])),
            "kind": data.front.kind,
            "front_end": asdict(data.front),
            "digest": data.digest(),
        },
        "plan": asdict(outcome.plan),
        "seed": outcome.seed,
        "colormap": outcome.colormap,
        "accuracies": rows(accuracies(outcome, found)),
        "steps": rows(step_table(outcome, found)),
        "noise_floor": {network: noise_floor(outcome, network) for network in NETWORKS},
        "learning_curve": rows(learning_curve(outcome)),
        "confusion": {arm: confusion(outcome, arm).tolist() for arm in ("raw", outcome.colormap)},
        "cues": rows(audit),
        "level_use": rows(level_use(data)),
        "rates": rows(outcome.rates),
        "left_out": [asdict(one) for one in data.left_out],
        "notes": list(data.notes),
    }


def store_of(choice: str) -> Path | None:
    """Find the folder that finished runs and spectrograms are kept in.

    Parameters
    ----------
    choice : str
        ``"none"``, a folder, or ``"auto"``: inside the nearest folder called ``_build`` above the
        working directory, else one in it.

    Examples
    --------
    >>> store_of("none") is None
    True
    """
    return sweeps.checkpoint_folder(choice, "your-data")


def check_outside(folder: Path, *targets: Path) -> None:
    """Refuse to write into the data folder, or into a folder that holds it.

    Raises
    ------
    DataError
        If a target lies in the data folder, or the data folder in a target.
    """
    data = folder.expanduser().resolve()
    for target in targets:
        place = target.expanduser().resolve()
        if place == data or data in place.parents:
            raise DataError(
                f"{place} lies in the data folder, which is only read: give another place for it."
            )
        if place in data.parents:
            raise DataError(f"The data folder lies in {place}, where results would be written.")
