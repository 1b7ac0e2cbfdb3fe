"""A net that ImageNet has trained is shown spectrograms, and what colour does then.

Every *arm* is a net (pretrained, at random, or none: the pixels themselves), an encoding and a
normalisation of what it is fed. A fold of programs or speakers is tested once, by a probe that has
not seen it, and arms are compared fold by fold.

What decides, stated before nets were measured at 224 × 224. Chirps have signal-to-noise ratios
between -10 and 20 dB; a *question* is one of chirps' ends, an instrument's family and pitch, a
digit and its speaker, a word. Clips, noise and folds are drawn anew (draws 11 and on). Intervals
are Nadeau and Bengio's over the folds of all draws; a difference is sure if its 95 % interval and
its p value, corrected by Holm over a claim's comparisons, exclude 0; `MARGIN` is negligible.

- B1, whose author starts nets from ImageNet's weights to do regression on noisy spectrograms: R²
  for chirps of nets trained from these weights, less from random ones; gray ×3, the same clips,
  rate and steps, paired by seed. Null: not above the margin. Holds if surely above at each number
  of steps; with limits at some; fails if surely below the margin at all. Scope: frozen nets.
- B2, the same author's: R² for chirps, a frozen pretrained net read at its end, mean of the four
  usual colormaps less gray ×3, both fed 0–1. Null: not above the margin. Holds if surely above for
  chirps and for every other question; with limits for chirps, not for every other; fails if surely
  below the margin for chirps. Scope: each question, normalisation and size; no mean over questions.
- C5, "can": by question, gray ×3 at the net's own normalisation, less random nets and less *no
  net* (ridge regression on the pixels). Null: nowhere worse. Holds if for some question it is
  surely worse than a control however it is read (end, by place, all depths); with limits if only
  when read at its end; fails if everywhere surely less than the margin worse.
- Q7 is an interaction: at the net's own normalisation and end, mean of the usual colormaps less
  gray in the pretrained net, less the same in random nets (mean of draws). Of the questions where
  the pretrained net surely gains (elsewhere there is nothing to explain), for it where the
  interaction is surely above 0, against it where surely below the margin. Null: no interaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from analysis.evidence.attribution import attributions, shapley
from analysis.evidence.contrasts import contrast, corrected, effect
from analysis.evidence.statistics import holm, spearman
from analysis.evidence.verdicts import by_answers, by_margin
from analysis.pictures import steps
from analysis.pretrained import efficientnet, transfer
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.photographs import photographs, squares
from analysis.pretrained.transfer import ALL, NORMS, Arm, Descent, Norm, Task
from analysis.sound import datasets

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

#: Factors of the factorial, in the order of its bits, and its tasks, which need no recordings.
FACTORS = (*steps.STEPS, "pretrained")
STEP_TASKS = ("chirps", "instruments")

#: What a pretrained net is compared with: training, depth, and the other net.
CONTROLS = {
    "frozen, end of the net, against a random net": ("frozen", "head", "random"),
    "frozen, all depths, against a random net": ("frozen", ALL, "random"),
    "frozen, end of the net, against the pixels": ("frozen", "head", "pixels"),
    "frozen, all depths, against the pixels": ("frozen", ALL, "pixels"),
    "trained, against from scratch": ("trained", "head", "random"),
}

_ARM = ["task", "training", "net", "stem", "encoding", "norm", "tap", "probe"]


@dataclass(frozen=True)
class Training:
    """Which nets are trained, or trained on, and how: pictures of `side` × `side` pixels.

    Net ``j`` of the `seeds` of an arm is tested on every fold ``k`` with ``k % seeds == j``.
    """

    tasks: tuple[str, ...]
    encodings: tuple[str, ...]
    norms: tuple[Norm, ...]
    seeds: int
    side: int
    descent: Descent


@dataclass(frozen=True)
class Settings:
    """What a profile computes; recordings that are not on this machine are left out.

    At most so many clips of a task, as pictures of `side` × `side`; frozen nets at random, whose
    scores are averaged; encodings and taps of the probes by depth; squares of photographs that
    distances are taken to; the factorial's clips, side, and side after its step "resize".
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


#: What the profiles mean.
SETTINGS: dict[str, Settings] = dict.fromkeys(("edition", "rehearsal"), Settings(
        tasks=tuple(TITLES), side=64, clips=300, folds=10, random_nets=1,
        depth_encodings=(GRAY, *COLOURS),
        depth_taps=("stem", "stage 2", "stage 4", "stage 6", "head"),
        crops=200, step_clips=240, step_side=64, step_size=32,
        training=Training(
            ("chirps",), (GRAY, "viridis", ONE_CHANNEL), ("own",), seeds=5, side=48,
            descent=Descent(steps=24, batch=16, rate=3e-3),
        ),
    )) | {"large": Settings(
        tasks=tuple(TITLES), side=128, clips=600, folds=10, random_nets=3,
        depth_encodings=ENCODINGS, depth_taps=efficientnet.TAPS,
        crops=400, step_clips=400, step_side=128, step_size=64,
        training=Training(
            tuple(TITLES), (*ENCODINGS, ONE_CHANNEL), tuple(NORMS), seeds=5, side=48,
            descent=Descent(steps=40, batch=16, rate=3e-3),
        ),
    )}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """All results of a profile.

    ``runs`` has a row for each arm and fold (`transfer.frozen`, `pixels`, `trained`), ``distances``
    one for each task, encoding and normalisation; there the task "photographs" has other squares of
    the photographs, and their gray copies. ``stems`` is of the first task.
    """

    tasks: dict[str, Task]
    runs: pd.DataFrame
    distances: pd.DataFrame
    stems: pd.DataFrame
    steps: pd.DataFrame


def run(settings: Settings, seed: int = 0, device: str = "cpu", **how: Any) -> Outcome:
    """Compute everything of a profile; `how` is for `sweeps.run`, which probes and trains."""
    size, plan = (settings.crops, settings.side), settings.training
    tasks = {
        name: transfer.load_task(name, settings.side, settings.clips, settings.folds, seed)
        for name in settings.tasks
        if name == "chirps" or datasets.available(name)
    }
    seen = transfer.head(Net(), efficientnet.network_input(squares(*size, 1)), device)
    tables, distances = [], [transfer.photograph_distances(*size, device)]
    for task in tasks.values():
        arms = _frozen_arms(settings, seed)
        frozen, far = transfer.frozen(task, arms, seen, settings.side, seed, device, **how)
        tables += [frozen, transfer.pixels(task, ENCODINGS, settings.side, seed)]
        distances.append(far)
        if task.name in plan.tasks:
            given = (_trained_arms(plan), plan.seeds, plan.side, plan.descent, seed, device)
            tables.append(transfer.trained(task, *given, **how))
    sizes = (settings.step_side, settings.step_size)
    factorial = [
        transfer.step_runs(tasks[name].part(settings.step_clips), *sizes, seed, device)
        for name in STEP_TASKS
        if name in tasks
    ]
    return Outcome(
        tasks,
        pd.concat(tables, ignore_index=True),
        pd.concat(distances, ignore_index=True),
        efficientnet.stem_changes(next(iter(tasks.values())).pictures(settings.side)[:64]),
        pd.concat(factorial, ignore_index=True),
    )


def _frozen_arms(settings: Settings, seed: int) -> list[Arm]:
    arms = []
    for encoding, norm in product(ENCODINGS, NORMS):
        deep = norm == "own" and encoding in settings.depth_encodings
        taps = settings.depth_taps if deep else ("head",)
        arms.append(Arm(Net(), encoding, norm, taps, gaussian=norm == "own"))
        if norm == "own":
            nets = range(seed, seed + settings.random_nets)
            arms += [Arm(Net("random", own), encoding, norm, taps) for own in nets]
    traps = (Net(seed=seed, stem="average"), Net(seed=seed, stem="new"))
    return arms + [Arm(net, ONE_CHANNEL, "own") for net in traps]


def _trained_arms(plan: Training) -> list[Arm]:
    starts = (Net("imagenet"), Net("random"))
    summed = (Net("imagenet", stem="sum"), Net("random", stem="sum"))
    return [
        Arm(net, encoding, norm)
        for encoding, norm in product(plan.encodings, plan.norms)
        for net in (summed if encoding == ONE_CHANNEL else starts)
    ]


def guesses() -> pd.DataFrame:
    """Four likeliest classes of each photograph of `efficientnet.EXPECTED`, and their chances."""
    rows = []
    for name in efficientnet.EXPECTED:
        nets = (Net("imagenet"), Net("random"))
        chances = [efficientnet.class_probabilities(photographs()[name], net) for net in nets]
        for index in np.argsort(-chances[0], kind="stable")[:4]:
            title = efficientnet.CLASSES.get(int(index), f"class {index}")
            for net, p in zip(nets, chances, strict=True):
                rows.append((name, title, net.weights, float(p[index])))
    return pd.DataFrame(rows, columns=["photograph", "class", "weights", "probability"])


def step_shares(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Shapley attributions of one task's steps and of pretraining, with intervals over the folds.

    With both nets the seven `FACTORS` sum to what all of them do together; within the pretrained
    or the random net the six steps do. ``train`` is the same on the training sets.
    """
    tables = []
    for net, factors, chosen in (
        ("both", FACTORS, runs),
        ("pretrained", steps.STEPS, runs[runs.pretrained == 1]),
        ("random", steps.STEPS, runs[runs.pretrained == 0]),
    ):
        shares = attributions(steps.factorial(chosen, factors), factors, seed)
        train = shapley(steps.factorial(chosen, factors, "train")).mean(axis=1)
        tables.append(shares.assign(net=net, train=train))
    names = {"step": "factor", "difference": "estimate"}
    return pd.concat(tables, ignore_index=True).rename(columns=names)


def mean_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Score of each arm and fold, averaged over the random nets."""
    return runs.groupby([*_ARM, "fold"], sort=False)[["test", "train"]].mean().reset_index()


def _compared(a: pd.DataFrame, b: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Compare arms `a` and `b`, each with one row a fold, paired by fold."""
    both = a.merge(b, on="fold", suffixes=("", "_b"))
    train = both.train.to_numpy() - both.train_b.to_numpy()
    return contrast(both.test, both.test_b, seed, MARGIN) | {"train": float(train.mean())}


_NUMBERS = ["score", "reference", "difference", "low", "high", "train", "p", "equal_p", "within"]
_NUMBERS += ["pairs", "holm", "equal_holm", "decided", "equivalent"]


def _decided(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Correct a table of comparisons, and bring its columns in order."""
    table = corrected(pd.DataFrame(rows))
    return table[[*(name for name in table if name not in _NUMBERS), *_NUMBERS]]


def colour_effects(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Each encoding minus gray ×3 in a pretrained net, in the same normalisation and probe (B2).

    A row for each comparison, at the net's end or with `ALL` depths: the arm, the columns of
    `contrast` and `corrected`, and ``train``, the difference on the training sets.
    """
    chosen = (runs.net == "imagenet") & runs["tap"].isin(("head", ALL))
    key = ["task", "training", "norm", "tap", "probe"]
    rows = []
    for where, cell in mean_scores(runs[chosen]).groupby(key, sort=False):
        gray = cell[(cell.encoding == GRAY) & (cell.stem == "rgb")]
        for (stem, encoding), arm in cell.groupby(["stem", "encoding"], sort=False):
            if encoding == GRAY and stem == "rgb":
                continue
            label = dict(zip(key, where, strict=True)) | {"stem": stem, "encoding": encoding}
            rows.append(label | _compared(arm, gray, seed))
    return _decided(rows)


def pretraining_effects(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Pretrained minus its `CONTROLS`, by task and encoding, at the net's own normalisation."""
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
            label = {"task": task, "control": control, "encoding": encoding}
            rows.append(label | _compared(cell, own[same & (own.net == other)], seed))
    return _decided(rows)


def interactions(runs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Gain of colour in a frozen pretrained net, in a random one, and the difference (Q7).

    The gain is the mean of `COLOURS` minus gray ×3, at the net's own normalisation, with a linear
    probe of `ALL` depths: the end of a random net knows next to nothing, and could not gain.
    """
    chosen = (runs["tap"] == ALL) & (runs.norm == "own") & (runs.stem == "rgb")
    chosen &= (runs.training == "frozen") & (runs.probe == "linear")
    rows = []
    for task, cell in mean_scores(runs[chosen]).groupby("task", sort=False):
        wide = cell.pivot(index=["net", "fold"], columns="encoding", values="test")
        gain = wide[list(COLOURS)].mean(axis=1) - wide[GRAY]
        pretrained, random = gain.loc["imagenet"], gain.loc["random"]
        kinds = {"pretrained": pretrained, "random": random, "difference": pretrained - random}
        rows += [
            {"task": task, "gain": kind} | effect(gains, seed) for kind, gains in kinds.items()
        ]
    table = pd.DataFrame(rows).rename(columns={"difference": "estimate"})
    return table.assign(holm=holm(table.p))


def _linear(runs: pd.DataFrame) -> pd.DataFrame:
    """Linear probes of frozen nets with three channels."""
    chosen = (runs.training == "frozen") & (runs.stem == "rgb") & (runs.probe == "linear")
    return runs[chosen & (runs.net != "pixels")]


def normalisations(runs: pd.DataFrame) -> pd.DataFrame:
    """Score at the end of the pretrained net by task, encoding and normalisation: mean, std."""
    ends = _linear(runs[(runs.net == "imagenet") & (runs["tap"] == "head")])
    scores = ends.groupby(["task", "encoding", "norm"], sort=False).test
    return scores.agg(["mean", "std"]).reset_index()


def depths(runs: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Score by depth at the net's own normalisation: mean and standard error over the folds."""
    shown = runs["tap"].isin(settings.depth_taps) & runs.encoding.isin(settings.depth_encodings)
    deep = _linear(runs[shown & (runs.norm == "own")])
    scores = deep.groupby(["task", "net", "encoding", "tap"], sort=False).test
    return scores.agg(["mean", "sem"]).reset_index()


def depth_gains(deep: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Mean gain of `COLOURS` over gray in the pretrained net, by depth (rows) and task."""
    own = deep[deep.net == "imagenet"]
    wide = own.pivot(index=["tap", "task"], columns="encoding", values="mean")
    gains = wide[list(COLOURS)].mean(axis=1) - wide[GRAY]
    return gains.unstack("task").loc[list(settings.depth_taps)]


def distance_and_score(outcome: Outcome, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distance to photographs beside the probe's score, and by task their rank correlation."""
    means = normalisations(outcome.runs).rename(columns={"mean": "test"}).drop(columns="std")
    points = outcome.distances.merge(means, on=["task", "encoding", "norm"])
    rows = []
    for task, cell in points.groupby("task", sort=False):
        rho = spearman(cell.distance, cell.test, seed)
        rows.append((task, rho.estimate, rho.low, rho.high))
    return points, pd.DataFrame(rows, columns=["task", "rho", "low", "high"])


def verdict_pretraining_helps(effects: pd.DataFrame) -> str:
    """B1: on noisy chirps, ImageNet's weights beat random ones, frozen and trained.

    Null: the difference to the same net with random weights, which is read by the same probe or
    trained for as long, is not above `MARGIN`. From all encodings (`by_margin`, `by_answers`).
    """
    rows = effects[(effects.task == "chirps") & (~effects.control.str.contains("pixels"))]
    return by_answers(by_margin(rows, MARGIN))


def verdict_colour_helps(effects: pd.DataFrame) -> str:
    """B2: for a pretrained net, colour beats gray. From all tasks and `COLOURS` of a condition.

    Null: the difference of a usual colormap to gray ×3, in the same net, normalisation and probe,
    is not above `MARGIN`.
    """
    return by_answers(by_margin(effects[effects.encoding.isin(COLOURS)], MARGIN))


def verdict_detrimental(effects: pd.DataFrame) -> str:
    """C5: nets trained on images can be detrimental for spectrograms.

    "Can" asks for one case at least. Null: nowhere is the pretrained net worse than its controls.
    Worse after correction in most comparisons: it holds; in some: with limits. It fails only if
    every comparison is surely less than `MARGIN` worse; else undecided.
    """
    worse = float((effects.decided == -1).mean())
    if worse > 0:
        return "holds" if worse > 0.5 else "holds with limits"
    return "fails" if (effects.low > -MARGIN).all() else "undecided"


def verdict_explains(table: pd.DataFrame) -> str:
    """Q7: that colour helps is explained by pretraining. Null: no gain, or as much in a random net.

    A task counts for it if the pretrained net surely gains and surely more than the random one
    (after correction); against it if the gain, or the difference, is surely below `MARGIN`.
    """
    answers = []
    for _, cell in table.groupby("task", sort=False):
        rows = cell.set_index("gain").loc[["pretrained", "difference"]]
        sure = ((rows.holm < 0.05) & (rows.low > 0)).all()
        answers.append("yes" if sure else "no" if (rows.high < MARGIN).any() else "-")
    return by_answers(answers)
