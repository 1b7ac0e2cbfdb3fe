"""Trains small networks on a reader's recordings in repeated, stratified cross-validation.

===========  ======================================================================================
part         what is trained
===========  ======================================================================================
`tune`       one learning rate for all encodings, on a validation part of one training set
`encodings`  every encoding, on two networks, each with shares of the training set for the curves
`steps`      all 64 combinations of the six steps of saving as an image (`analysis.pictures.steps`)
===========  ======================================================================================

Two encodings of one fold and repeat have the same seed, the same batches in the same order and the
same test recordings, so that every comparison is paired. Everything is kept as *hits*: for each
encoding, repeat and recording, whether the recording was classified rightly when it was in the
test fold. A finished run is stored at once; what was interrupted goes on from there.
"""

from __future__ import annotations

import hashlib
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from analysis.audit.arms import arm_images, arms_of, cell_images
from analysis.audit.folds import check_split, folds_of, thinned
from analysis.audit.plan import NETWORKS, Plan, architecture
from analysis.files import write_json
from analysis.nets import sweeps, training
from analysis.nets.training import Network, Optimiser
from analysis.pictures import encodings, steps
from analysis.pictures.steps import STEPS
from analysis.recordings.recordings import Recordings

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

#: What is trained for a report.
PARTS = ("encodings", "steps")

_RATES = {"small": (0.003, 0.01, 0.03), "limited": (0.03, 0.1, 0.3)}

_STACK_BYTES = 300_000_000  # of pictures that a stack of networks holds at a time

_TUNING_SEED = 900_000

_FAST, _WORTH_STARTING = 0.001, 60.0  # seconds: a network's step, and what is worth processes


@dataclass(frozen=True)
class Unit:
    """Networks that are trained together and stored together: one run."""

    part: Literal["tune", "encodings", "steps"]
    network: str  # a key of `NETWORKS`
    #: of the cross-validation
    repeat: int
    fold: int
    #: arm, or number of the cell of the steps; share of the training set; learning rate
    entries: tuple[tuple[str, float, float], ...]


def _images_of(
    data: Recordings, unit: Unit, name: str, train: NDArray[Any], colormap: str
) -> Floats:
    if unit.part == "steps":
        return steps.standardise(cell_images(data, int(name), train, colormap), train)
    return arm_images(data, name, train)


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
    probability = torch.zeros(0, outputs)  # of the small net on raw, for the audit of labels
    scores = [0.0] * len(unit.entries)
    for members, images in _stacks(data, unit, train, colormap):
        build = architecture(unit.network, images[unit.entries[members[0]][0]].shape[1], outputs)
        stack = [_network(unit, i, train, data.labels, seed) for i in members]
        trained = training.train(build, images, data.labels, stack, Optimiser(count))
        answers = training.evaluate(build, trained, images, stack, test)
        guesses = answers.argmax(-1)
        seen = training.evaluate(build, trained, images, stack, train).argmax(-1)
        for place, i in enumerate(members):
            sound = trained.diverged[place] < 0
            predicted[i] = torch.as_tensor(guesses[place]) if sound else -1
            own = np.isin(train, np.asarray(stack[place].rows))
            hit = seen[place][own] == data.labels[train[own]]
            scores[i] = float(hit.mean()) if sound else 0.0
            if sound and (unit.network, *unit.entries[i][:2]) == ("small", "raw", 1.0):
                probability = torch.as_tensor(answers[place]).softmax(-1)
    found = {"predicted": predicted, "train": scores, "test": torch.as_tensor(test)}
    return found | {"probability": probability}


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


@dataclass(frozen=True)
class Outcome:
    """All that was measured."""

    data: Recordings  # what was learned, thinned out to the plan
    plan: Plan  # how much was trained
    colormap: str  # the one that the question is about
    #: (repeats, n); fold of each recording in each repeat; -1 where it is never tested
    folds: NDArray[np.int64]
    #: for "small", "limited" and "steps": arm or cell, and share of the training set
    entries: dict[str, list[tuple[str, float]]]
    #: (entries, repeats, n); class that was predicted when the recording was tested; -1 of a
    #: diverged network; -2 where a recording is never tested
    predicted: dict[str, NDArray[np.int16]]
    train: dict[str, Array]  # (entries, repeats, folds); training scores
    #: learning rates: ``network``, ``rate``, ``validation`` (mean over the arms), ``chosen``
    rates: pd.DataFrame
    #: (n, classes); of each class by the small net on raw, mean over the repeats; NaN where there
    #: is none
    probability: Array
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
    until: float = math.inf,
) -> Outcome:
    """Train everything that a report needs; `colormap` is the one that the question is about.

    `executor` is processes ("loky"), none ("serial"), or a Dask cluster at `address`, through
    joblib; "auto": processes, unless the plan is so small that starting them would cost more.
    `jobs` are loky's processes, 0 for as many as there are cores. The folder `store` keeps each
    finished run, from which an interrupted one goes on, and ``progress.json``, which tells how far
    it is and how long it still takes. `parts` are of `PARTS`: a report needs both. What would
    probably not be done at `until`, seconds since the epoch, is not begun, but for the learning
    rates and the first fold, without which nothing could be said; and the notes of the outcome's
    `data` say so. A split that cannot be learned from raises DataError.
    """
    if executor not in (known := ("auto", *sweeps.EXECUTORS)):
        raise ValueError(f"executor must be one of {', '.join(known)}, not {executor!r}")
    if executor == "auto":
        executor = "serial" if plan.seconds(_FAST, 1) < _WORTH_STARTING else "loky"
    encodings.table(colormap)
    check_split(data)
    data = thinned(data, plan.most, seed)
    folds = np.stack([folds_of(data, plan.folds, r, seed) for r in range(plan.repeats)])
    do = partial(
        _worked, data, folds, plan, colormap, seed, executor=executor, jobs=jobs, address=address,
        store=store,
    )  # fmt: skip
    arms = arms_of(data, plan, colormap)
    tune = _tuning(arms, plan)
    rates = _chosen(tune, do(tune, "learning rates", math.inf), data)
    units = _units(arms, plan, rates, int(folds.max()) + 1, colormap)
    units = [unit for unit in units if unit.part in parts]
    found = do(units, "networks", until)
    units, found, folds, notes = _begun(units, found, folds)
    data = replace(data, notes=(*notes, *data.notes))
    return _assembled(data, plan, colormap, folds, units, found, rates, seed)


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
    """Fingerprint of the code that a run depends on; rules that read results are not imported."""
    return sweeps.fingerprint(sys.modules[__name__])


def _worked(
    data: Recordings,
    folds: NDArray[np.int64],
    plan: Plan,
    colormap: str,
    seed: int,
    units: Sequence[Unit],
    description: str,
    until: float,
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
        limit = until if unit.repeat or unit.fold else math.inf
        arguments = (limit, data, unit, mine, plan.steps, colormap, seed)
        nets = len(unit.entries)
        first = (plan.repeats - unit.repeat) * plan.folds - unit.fold  # round after round
        work.append(
            sweeps.Work(key, _train_in_time, arguments, size=nets, cost=1000 * first + nets)
        )
    runs = store / "runs" if store else None
    tell = partial(_told, store / "progress.json", description) if store else None
    found = sweeps.run(work, store=runs, description=description, tell=tell, **how)
    for one, result in zip(work, found, strict=True):
        if runs and not result:  # not begun: the next run may
            sweeps.path_of(runs, one.key).unlink(missing_ok=True)
    return found


_PACE = [0.0]  # seconds that this process took for a network of the last unit


def _train_in_time(until: float, *arguments: Any) -> dict[str, Any]:
    """Train a unit; or, if that would probably not be done in time, give nothing."""
    nets = len(arguments[1].entries)
    start = time.time()
    if start + nets * _PACE[0] > until:
        return {}
    found = _train_unit(*arguments)
    _PACE[0] = (time.time() - start) / nets
    return found


def _begun(
    units: Sequence[Unit], found: Sequence[dict[str, Any]], folds: NDArray[np.int64]
) -> tuple[list[Unit], list[dict[str, Any]], NDArray[np.int64], list[str]]:
    """Keep the rounds (a fold of a repeat) of which every unit is there, and say how many are."""
    rounds = {(unit.repeat, unit.fold) for unit in units}
    kept = rounds - {
        (unit.repeat, unit.fold) for unit, one in zip(units, found, strict=True) if not one
    }
    if kept == rounds:
        return list(units), list(found), folds, []
    repeats = sorted({repeat for repeat, _ in kept})
    tested = np.array([[(r, f) in kept for f in range(folds.max() + 1)] for r in repeats])
    mine = folds[repeats]
    mine = np.where((mine >= 0) & np.take_along_axis(tested, np.maximum(mine, 0), 1), mine, -1)
    pairs = [
        (replace(unit, repeat=repeats.index(unit.repeat)), one)
        for unit, one in zip(units, found, strict=True)
        if (unit.repeat, unit.fold) in kept
    ]
    note = (
        f"The time was up when {len(kept)} of the {len(rounds)} rounds of training (a fold of a "
        "repeat each) were done; the others were not begun. The same command again goes on from "
        "here, and more minutes see smaller differences."
    )
    return [unit for unit, _ in pairs], [one for _, one in pairs], mine, [note]


def _told(path: Path, what: str, done: int, total: int, left: float) -> None:
    """Write for whoever watches from outside how far it is."""
    told = {"what": what, "done": done, "total": total, "seconds_left": round(left, 1)}
    write_json(path, told)


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
    sums, counts = np.zeros((len(data), len(data.label_names))), np.zeros((len(data), 1))
    for unit, one in zip(units, found, strict=True):
        part = "steps" if unit.part == "steps" else unit.network
        if part not in entries:
            entries[part] = [entry[:2] for entry in unit.entries]
            predicted[part] = np.full((len(unit.entries), *folds.shape), -2, np.int16)
            count = int(folds.max()) + 1
            train[part] = np.full((len(unit.entries), len(folds), count), np.nan)
        predicted[part][:, unit.repeat, np.asarray(one["test"])] = np.asarray(one["predicted"])
        train[part][:, unit.repeat, unit.fold] = one["train"]
        if part == "small" and len(one["probability"]):
            sums[np.asarray(one["test"])] += np.asarray(one["probability"])
            counts[np.asarray(one["test"])] += 1
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return Outcome(data, plan, colormap, folds, entries, predicted, train, rates, mean, seed)
