"""Lessons: nets all of whose weights are trained, by what they are fed and where they start.

A `Lesson` is one net, scored at several stops; `measure` tries the rates of a `Course` on a draw of
clips of its own, and then trains every arm at the rate that did best for its sound and start. A
`Hearing` sets a frozen net that has heard voices beside the one that has seen photographs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from itertools import product
from typing import Any

import pandas as pd

from analysis.nets import sweeps
from analysis.pretrained import contrast, noisy, probes, transfer, voices
from analysis.pretrained.contrast import Feed
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.pieces import NATIVE, Weights
from analysis.pretrained.transfer import Descent

#: What is fed: encoding, and contrast around the gray that the net's normalisation takes off.
ARMS = {"gray": ("gray", 1.0), "gray, faint": ("gray", 0.2)} | {
    name: (name, 1.0) for name in ("viridis", "turbo", "random-curve")
}

#: Folds that are tested, of the ten that clips are dealt to beside the core.
TESTED = 3

#: What names a net; and its score, at each stop.
LESSON = ("stage", "sound", "weights", "arm", "rate", "seed")
KEY = (*LESSON, "steps")

TABLES: dict[str, dict[str, str]] = {
    "nets": dict.fromkeys(LESSON, "text")
    | {"rate": "number", "seed": "count", "steps": "count", "test": "number", "train": "number"},
    "frozen": dict.fromkeys(("sound", "task", "net", "probe"), "text")
    | {"seed": "count", "fold": "count", "test": "number", "train": "number"},
}


@dataclass(frozen=True)
class Course:
    """Which nets are trained.

    Arms by start; draws of clips, a net each; the draw that rates are tried on, the arms that
    choose one, and by start those that are tried beside them, to see whether they want another;
    rates by sound, and those tried after the arms were trained, of which none is taken; about so
    many clips of a draw; rows and columns of a picture; stops, the last of which ends it; what
    frozen nets hear: sounds, draws and clips.
    """

    sounds: tuple[str, ...]
    arms: Mapping[Weights, tuple[str, ...]]
    draws: tuple[int, ...]
    trial: int
    tried: tuple[str, ...]
    swept: Mapping[Weights, tuple[str, ...]]
    rates: Mapping[str, tuple[float, ...]]
    afterwards: Mapping[str, tuple[float, ...]]
    clips: int
    side: int
    stops: tuple[int, ...]
    batch: int = 16
    heard: tuple[str, ...] = ("spoken-digits", "spoken-words")
    heard_draws: tuple[int, ...] = (31, 32, 33)
    heard_clips: int = 180


@dataclass(frozen=True)
class Hearing:
    """Recordings that are read by two frozen nets, and without a net."""

    sound: str
    draw: int
    clips: int

    def run(self) -> dict[str, Any]:
        """Score every question by fold."""
        asked = noisy.tasks(self.sound, None, NATIVE, self.clips, self.draw)
        levels = next(iter(asked.values())).levels(NATIVE)
        audio = noisy.recordings(self.sound, self.clips, self.draw)
        heard = voices.embeddings(audio.waveforms, audio.sample_rate)
        seen = contrast.activations(contrast.inputs(levels, Feed("gray")), contrast.lean(Net()))
        tables = []
        for question, task in asked.items():
            kernels = {
                "voices": {name: probes.feature_kernel(x, task.core) for name, x in heard.items()},
                "photographs": contrast.kernels(seen, task.core),
                "no net": {"pixels": contrast.pixel_kernel(levels, task.core)},
            }
            tables += [
                contrast.scores(own, task, question).assign(net=net) for net, own in kernels.items()
            ]
        columns = ["task", "net", "probe", "fold", "test", "train"]
        found = pd.concat(tables)[columns].assign(sound=self.sound, seed=self.draw)
        return {"rows": found.to_dict("list")}


@dataclass(frozen=True)
class Lesson:
    """One net; its `seed` draws clips, folds, read-out and the order of the clips."""

    stage: str  # "rate", where it helps to choose one; "afterwards"; "sweep"; "arm"
    sound: str
    weights: Weights
    arm: str
    rate: float
    seed: int


def _trials(course: Course) -> Iterator[Lesson]:
    for sound, weights in product(course.sounds, course.arms):
        for stage, rates in {"rate": course.rates, "afterwards": course.afterwards}.items():
            for rate in rates.get(sound, ()):
                for arm in course.tried:
                    yield Lesson(stage, sound, weights, arm, rate, course.trial)
                for arm in course.swept.get(weights, ()):
                    yield Lesson("sweep", sound, weights, arm, rate, course.trial)


def _lessons(course: Course, rates: Mapping[tuple[str, str], float]) -> Iterator[Lesson]:
    for sound, seed in product(course.sounds, course.draws):
        for weights, arms in course.arms.items():
            for arm in arms:
                yield Lesson("arm", sound, weights, arm, rates[sound, weights], seed)


def _train(lesson: Lesson, course: Course, end: int) -> dict[str, Any]:
    """Train a net up to one of the stops: its scores at each."""
    tasks = noisy.tasks(lesson.sound, None, NATIVE, course.clips, lesson.seed)
    task = next(iter(tasks.values()))
    encoding, strength = ARMS[lesson.arm]
    inputs = contrast.inputs(task.levels(course.side), Feed(encoding, strength), lesson.seed)
    stops = tuple(stop for stop in course.stops if stop <= end)
    how = Descent(course.stops[-1], course.batch, lesson.rate, stops)
    net, test = Net(lesson.weights, lesson.seed), (task.fold >= 0) & (task.fold < TESTED)
    return {"rows": transfer.train_net(net, inputs, task, test, how)}


def _scores(lessons: Mapping[Lesson, int], course: Course, **how: Any) -> pd.DataFrame:
    """Train some nets, each up to one of the stops: rows of ``nets``."""
    code = sweeps.code_digest(sys.modules[__name__])
    shape = (course.clips, course.side, course.batch, course.stops)
    work = [
        sweeps.Work(
            sweeps.fingerprint(code, lesson, shape, end), _train, (lesson, course, end),
            cost=len(lessons) - place,
        )
        for place, (lesson, end) in enumerate(lessons.items())
    ]  # fmt: skip
    results = sweeps.run(work, **({"description": "nets", "unit": "net"} | how))
    rows = [
        (*astuple(lesson), *row)
        for lesson, result in zip(lessons, results, strict=True)
        for row in result["rows"]
    ]
    return pd.DataFrame(rows, columns=[*KEY, "test", "train"])


def best_rates(nets: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Rate of each sound and start: best at the end, in the mean of its arms; of two, the lower."""
    tried = nets[(nets.stage == "rate") & (nets.steps == nets.steps.max())]
    means = tried.groupby(["sound", "weights", "rate"]).test.mean().reset_index("rate")
    means = means.sort_values(["test", "rate"], ascending=[False, True])
    best = means.groupby(["sound", "weights"]).rate.first()
    return {(str(sound), str(weights)): float(rate) for (sound, weights), rate in best.items()}


def measure(course: Course, seed: int = 0, **how: Any) -> dict[str, pd.DataFrame]:
    """Try the rates, then train every arm, see `TABLES` and `sweeps.run`."""
    own, end = _drawn(course, seed), course.stops[-1]
    tried = _scores(dict.fromkeys(_trials(own), end), own, **how)
    arms = _scores(dict.fromkeys(_lessons(own, best_rates(tried)), end), own, **how)
    return {"nets": pd.concat([tried, arms], ignore_index=True), "frozen": _heard(own, **how)}


def _heard(course: Course, **how: Any) -> pd.DataFrame:
    """Let frozen nets read recordings that are on this machine: rows of ``frozen``."""
    code, sounds = sweeps.code_digest(sys.modules[__name__]), filter(noisy.present, course.heard)
    asked = [
        Hearing(sound, draw, course.heard_clips)
        for sound, draw in product(sounds, course.heard_draws)
    ]
    work = [sweeps.Work(sweeps.fingerprint(code, one), Hearing.run, (one,)) for one in asked]
    found = sweeps.run(work, **({"description": "frozen nets", "unit": "sound"} | how))
    parts = [pd.DataFrame(one["rows"]) for one in found]
    empty = pd.DataFrame(columns=list(TABLES["frozen"]))
    return pd.concat(parts, ignore_index=True)[list(empty)] if parts else empty


def _drawn(course: Course, seed: int) -> Course:
    """Add to every draw, and leave out sounds whose recordings are not on this machine."""
    draws, heard = (
        tuple(draw + seed for draw in own) for own in (course.draws, course.heard_draws)
    )
    sounds = tuple(filter(noisy.present, course.sounds))
    trial = course.trial + seed
    return replace(course, sounds=sounds, draws=draws, heard_draws=heard, trial=trial)


def again(rows: pd.DataFrame, course: Course, seed: int = 0, **how: Any) -> pd.DataFrame:
    """Train the nets of some rows of ``nets`` again, as far as those rows; give the same rows."""
    ends: dict[Lesson, int] = {}
    for *named, steps in rows[list(KEY)].itertuples(index=False):
        lesson = Lesson(*named)
        ends[lesson] = max(steps, ends.get(lesson, 0))
    new = _scores(ends, course, **how).set_index(list(KEY))
    return new.loc[pd.MultiIndex.from_frame(rows[list(KEY)])].set_index(rows.index)


def quick(nets: pd.DataFrame) -> pd.Series:
    """Which rows are trained again in seconds: first stops, of sounds on this machine."""
    here = filter(noisy.present, noisy.QUESTIONS)
    first: pd.Series = nets.sound.isin(list(here)) & (nets.steps == nets.steps.min())
    return first


def estimate(course: Course, seed: int = 0) -> tuple[int, float]:
    """Count the nets, and guess the processor's seconds: 28 pictures a second at 160 × 160."""
    own = _drawn(course, seed)
    arms = len(own.draws) * sum(map(len, own.arms.values()))
    nets = len(list(_trials(own))) + len(own.sounds) * arms
    return nets, nets * course.stops[-1] * course.batch * (course.side / 160) ** 2 / 28
