"""Tasks for small networks: pictures, answers, and who is in which set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.comparisons.arms import ARMS, SIDE, Scaling
from analysis.comparisons.design import FOLD, Settings, without_fold
from analysis.evidence.folds import stratified_folds
from analysis.pictures import channels, encodings
from analysis.pictures.encodings import ScaleName
from analysis.sound import datasets, signals, spectrograms

Array = NDArray[np.float64]
Arms = Iterable[str]


#: Rows and columns of the spectrograms that the steps of saving as an image start from.
NATIVE = 24

#: What tasks are called in figures.
TITLES = {
    "textures": "level-band textures",
    "chirps": "chirps in noise",
    "instruments": "instrument families",
    "spoken-digits": "spoken digits",
    "spoken-words": "spoken words",
}


#: Those of recordings of people and instruments, as against what we made.
RECORDED = ("instruments", "spoken-digits", "spoken-words")


class Sizes(Protocol):
    """How many spectrograms each set has at most."""

    @property
    def train(self) -> int:
        """To learn from."""

    @property
    def validation(self) -> int:
        """To choose learning rates by."""

    @property
    def test(self) -> int:
        """To be judged on."""


@dataclass(frozen=True)
class Task:
    """Spectrograms and what is to be learned from them.

    `name`: A key of `TITLES`. `db`: In decibels. `targets`: Classes, or standardised values.
    `outputs`: Classes, or values. `groups`: Speaker, instrument, or range of the signal-to-noise
    ratio. `train`, `validation`, `test`: Rows of each; of real recordings, no group is in two of
    them. `heard`: Of `channels.heard`, where an arm asks for it.
    """

    name: str
    db: NDArray[np.float32]
    targets: NDArray[Any]
    outputs: int
    groups: NDArray[np.str_]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    heard: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, kw_only=True)

    @property
    def unit(self) -> str:
        """What the score is."""
        return "accuracy" if self.targets.ndim == 1 else "R²"

    def digest(self) -> str:
        """Fingerprint of the data."""
        found = hashlib.sha256(f"{self.name} {self.outputs}".encode())
        parts = (self.db, self.targets, self.train, self.validation, self.test)
        for array in (*parts, *self.heard.values()):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def balanced(
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


def _split(settings: Settings) -> tuple[int, list[NDArray[np.int64]]]:
    """How many pictures a generated task has, and the rows of each set, as they come."""
    sizes = np.cumsum([settings.train, settings.validation, settings.test])
    return int(sizes[-1]), np.split(np.arange(sizes[-1]), sizes[:-1])


def textures(settings: Settings, seed: int, stretches: int = 8) -> Task:
    """Make the task whose classes differ in bands of levels alone, see `signals.textures`."""
    count, rows = _split(settings)
    db, labels = signals.textures(count, seed, SIDE, stretches=stretches)
    return Task("textures", db, labels, 2, np.full(count, "all"), *rows)


def _generated(settings: Settings, seed: int, native: bool) -> Iterator[Task]:
    """Make the two tasks that need no recordings."""
    if "textures" in settings.tasks:
        yield textures(settings, seed)
    if "chirps" in settings.tasks:
        count, rows = _split(settings)
        sounds, ends, snr = signals.chirps(count, seed)
        if native:
            db = _native(sounds, signals.CHIRP_RATE)
        else:
            db = spectrograms.resize(spectrograms.log_power(sounds, 256, 128), (SIDE, SIDE))
        targets = signals.chirp_targets(ends)
        task = Task("chirps", db, targets, 2, _snr_range(snr), *rows)
        yield _hearing(settings.arms, task, sounds, signals.CHIRP_RATE, 256, 128, 0)


def _hearing(arms: Arms, task: Task, waveforms: NDArray[np.float32], rate: int, *how: int) -> Task:
    """Let a task hear what arms need beside the level, if there are such arms."""
    if not any(ARMS[arm].encoding in channels.HEARD for arm in arms):
        return task
    return replace(task, heard=channels.heard(waveforms, rate, (SIDE, SIDE), *how))


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
    audio: datasets.AudioSet, settings: Sizes, seed: int, native: bool = False, arms: Arms = ()
) -> Task:
    """Make a task of real recordings: log-mel spectrograms; `arms` say what it hears beside."""
    rng = np.random.default_rng([seed, 3])
    aside = _validation_groups(audio, rng)
    held = np.isin(audio.groups, sorted(aside)) & (audio.split == "train")
    masks = [(audio.split == "train") & ~held, held, audio.split == "test"]
    counts = [settings.train, settings.validation, settings.test]
    chosen = [
        balanced(np.flatnonzero(mask), audio.labels, rng)[:count]
        for mask, count in zip(masks, counts, strict=True)
    ]
    audio = audio.take(np.concatenate(chosen))
    rows = np.split(np.arange(len(audio)), np.cumsum([len(part) for part in chosen])[:-1])
    groups = audio.groups
    if len(np.unique(groups[rows[2]])) > 20:
        digests = [hashlib.sha256(str(group).encode()).digest()[0] % 8 for group in groups]
        groups = np.array([f"speakers {digest + 1} of 8" for digest in digests])
    db = _native(audio.waveforms, audio.sample_rate) if native else _small(audio)
    task = Task(audio.name, db, audio.labels, len(audio.label_names), groups, *rows)
    return _hearing(arms, task, audio.waveforms, audio.sample_rate)


def masked(task: Task, copies: int = 8, most: int = SIDE // 4) -> Task:
    """Train on copies in which a band of rows and one of columns are at the mean level.

    SpecAugment's masks, drawn beforehand: there are about as many copies as epochs, so that a
    picture hardly comes twice. A band has up to `most` rows, or columns; none is as likely.
    """
    rng = np.random.default_rng(5)
    rows = np.tile(task.train, copies)
    db, mean = task.db[rows], task.db[task.train].mean()
    for axis in (1, 2):
        width = rng.integers(0, most + 1, len(rows))
        first = rng.integers(0, SIDE - width + 1)
        places = np.arange(SIDE)
        band = (places >= first[:, None]) & (places < (first + width)[:, None])
        db[np.broadcast_to(np.expand_dims(band, 3 - axis), db.shape)] = mean
    return replace(
        task,
        db=np.concatenate([task.db, db]),
        targets=np.concatenate([task.targets, task.targets[rows]]),
        groups=np.concatenate([task.groups, task.groups[rows]]),
        train=len(task.db) + np.arange(len(rows)),
        heard={},
    )


def load_tasks(settings: Settings, seed: int = 0, native: bool = False) -> dict[str, Task]:
    """Make the profile's tasks, less those whose recordings are not on this machine."""
    found = {task.name: task for task in _generated(settings, seed, native)}
    for name, source in _sources(settings).items():
        found[name] = recordings(source, settings, seed, native, settings.arms)
    return {name: found[name] for name in TITLES if name in found}


def fold_names(settings: Settings, tasks: Iterable[str]) -> list[str]:
    """Name the folds of tasks of recordings, or those that `tasks` names itself."""
    every = {
        task: [f"{task}{FOLD}{k + 1}" for k in range(settings.folds * settings.fold_repeats)]
        for task in RECORDED
    }
    return [name for task in tasks for name in every.get(task, [task] if FOLD in task else [])]


def folded(settings: Settings, seed: int = 0) -> dict[str, Task]:
    """Make a task of every fold of the recordings' groups: all speakers, or programs, are tested.

    Groups are dealt to folds anew in each repeat, as evenly by classes as they can be; nothing is
    set aside to choose rates by.
    """
    asked = fold_names(settings, settings.tasks)
    found = {}
    for name, audio in _sources(settings).items():
        groups = np.unique(audio.groups, return_inverse=True)[1]
        dealt = cache(partial(stratified_folds, audio.labels, groups, settings.folds))
        for k, title in enumerate(fold_names(settings, [name])):
            repeat, number = divmod(k, settings.folds)
            if title in asked:
                tested = dealt(100 * (seed + repeat)) == number
                found[title] = _one_fold(title, audio, tested, settings, k)
    return found


def _one_fold(
    title: str, audio: datasets.AudioSet, tested: NDArray[np.bool_], settings: Settings, seed: int
) -> Task:
    rng = np.random.default_rng([seed, 6])
    sizes = ((~tested, settings.train), (tested, settings.test))
    parts = [balanced(np.flatnonzero(side), audio.labels, rng)[:size] for side, size in sizes]
    own = audio.take(np.concatenate(parts))
    train, test = np.split(np.arange(len(own)), [len(parts[0])])
    none, alike = np.zeros(0, np.int64), np.full(len(own), "all")
    return Task(title, _small(own), own.labels, len(own.label_names), alike, train, none, test)


def _small(audio: datasets.AudioSet) -> NDArray[np.float32]:
    """Log-mel spectrograms, averaged over areas to 16 × 16."""
    db = spectrograms.log_mel(audio.waveforms, audio.sample_rate)
    return np.asarray(spectrograms.resize(db, (SIDE, SIDE)), np.float32)


def _sources(settings: Settings) -> dict[str, datasets.AudioSet]:
    """Load the recordings that tasks, or folds of them, are made of; less those not here."""
    asked = set(map(without_fold, settings.tasks))
    names = [name for name in RECORDED if name in asked and datasets.available(name)]
    return {name: getattr(datasets, name.replace("-", "_"))() for name in names}


def magnitude(db: ArrayLike, peak: ArrayLike) -> NDArray[np.float32]:
    """Linear amplitude, 1 at the peak.

    >>> magnitude([-20.0, 0.0], 0.0)
    array([0.1, 1. ], dtype=float32)
    """
    return np.asarray(10 ** ((np.asarray(db) - np.asarray(peak)) / 20), np.float32)


def encoded(
    task: Task, arm: str, scale: ScaleName, scaling: Scaling, seed: int
) -> NDArray[np.float32]:
    """Put a task's spectrograms through an arm's encoding: (n, channels, rows, columns)."""
    scope: Literal["set", "image"] = "set" if scaling == "global" else "image"
    source = task.db[task.train] if scaling == "global" else task.db
    low, high = spectrograms.value_range(source, scope)
    span = np.where(high > low, high - low, np.float32(1))
    way = ARMS[arm]
    if way.encoding == "magnitude":
        values = magnitude(task.db, high)[:, None]
    elif way.encoding == "raw3":
        values = np.repeat(((task.db - low) / span)[:, None], 3, axis=1)
    elif way.encoding in channels.HEARD:
        level = ((task.db - low) / span)[:, None]
        values = np.concatenate([level, _ranged(task.heard[way.encoding], task.train)], axis=1)
    elif way.encoding in channels.SPENT:
        values = channels.spend((task.db - low) / span, way.encoding)
    else:
        values = encodings.encode((task.db - low) / span, way.encoding, seed)
    if scale == "as_fed" and not way.standardised:
        return values
    fitted = encodings.fit_scale("equal_energy", values[task.train], axis=-3)
    return np.asarray(fitted(values, axis=-3), np.float32)


def _ranged(x: NDArray[np.float32], train: NDArray[np.int64]) -> NDArray[np.float32]:
    """Bring each channel's range over the training set to [0, 1]."""
    low, high = (end(x[train], axis=(0, 2, 3), keepdims=True) for end in (np.min, np.max))
    return np.asarray((x - low) / (high - low), np.float32)
