"""Tasks from thresholds to bands to real sounds, whose gain from colour the band index predicts.

`analysis.bands.band_index` looks at a task's training pictures, and `predict` says what turbo
should gain over raw decibels for a small net. What it said of `TASKS` was locked, in the folder of
the edition's study, before any was trained; `measure` trains. The rule's line is fitted to
`CALIBRATION`: textures of other patterns and draws.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage, stats

from analysis.bands.band_index import BandIndex, band_index
from analysis.colour.colormaps import LEVELS
from analysis.comparisons import tasks
from analysis.comparisons.arms import SIDE, architecture
from analysis.evidence.statistics import Interval, mean_interval
from analysis.nets import sweeps
from analysis.nets.training import Network, Optimiser, evaluate, score, train
from analysis.sound import datasets, signals, spectrograms
from analysis.sound.noise import in_noise
from analysis.wide_nets.kernels import stretches

#: What names a net, and the table of `measure`: a row a net.
KEY = ("task", "arm", "seed")
TABLES: dict[str, dict[str, str]] = {
    "nets": {"task": "text", "arm": "text", "seed": "count"}
    | dict.fromkeys(("rate", "train", "validation", "test"), "number")
}

#: What is compared: standardised decibels, and turbo. Then the book's own maps.
ARMS = ("raw", "turbo", "wreath", "spire")

#: A gain counts from one percentage point of accuracy on, as elsewhere in this book.
MARGIN = 0.01

_NETWORK, _STEPS, _TUNING = "tiny", 800, (1000, 1001)
_RATES = (0.003, 0.01, 0.03, 0.1)


class _Sizes(NamedTuple):
    train: int = 768
    validation: int = 256
    test: int = 1024


_SIZES = _Sizes()


class Texture(NamedTuple):
    """A texture task: weight of the bands against a threshold, their number, noise in levels."""

    mixture: float
    bands: int
    noise: float = 0.0
    contrast: float = 0.4


_CALIBRATION = {
    "calibration 0": Texture(0.0, 1, 12.0),
    "calibration 1": Texture(0.4, 2),
    "calibration 2": Texture(0.6, 3, 12.0),
    "calibration 3": Texture(0.8, 1),
    "calibration 4": Texture(1.0, 3),
    "calibration 5": Texture(1.0, 2, 12.0, 0.3),
}
_TEXTURES = {
    "threshold": Texture(0.0, 1),
    "a quarter band": Texture(0.25, 1),
    "half a band": Texture(0.5, 1),
    "three quarters band": Texture(0.75, 1),
    "band": Texture(1.0, 1),
    "two bands": Texture(1.0, 2),
    "four bands": Texture(1.0, 4),
    "threshold, noisy": Texture(0.0, 1, 24.0),
    "band, noisy": Texture(1.0, 1, 24.0),
    "two bands, noisy": Texture(1.0, 2, 24.0),
}
_CHIRPS = {f"chirps at {snr} dB": float(snr) for snr in (20, 0, -10)}
_SOUNDS = {
    "instruments": datasets.instruments,
    "digits": datasets.spoken_digits,
    "words": datasets.spoken_words,
}

#: Names of the sets that have to be fetched.
FETCHED = {"digits": "spoken-digits", "words": "spoken-words"}

#: Made: textures; chirps that rise or fall; loud or soft. These, and sounds, clean and at 0 dB,
#: are what was predicted.
MADE = (*_TEXTURES, *_CHIRPS, "loudness")
TASKS = (
    *MADE,
    *(f"{s}{n}" for s in _SOUNDS for n in ("", ", noisy")),
)

#: What the rule is fitted to.
CALIBRATION = tuple(_CALIBRATION)


class Expectation(NamedTuple):
    """What was written down before nets saw the book's own maps: whether `MARGIN` is gained."""

    tasks: str  # over which the gain is averaged
    arm: str
    base: str
    positive: bool


#: The first two are what is asked: that no map made for a neuron helps on sound.
EXPECTED = (
    Expectation("recordings", "wreath", "raw", False),
    Expectation("recordings", "spire", "raw", False),
    Expectation("textures", "wreath", "turbo", True),
    Expectation("textures", "spire", "turbo", False),
)


@dataclass(frozen=True)
class Settings:
    """Which tasks nets are trained on, and how many of each arm."""

    tasks: tuple[str, ...] = TASKS
    seeds: int = 20


def make(name: str, seed: int = 0) -> tasks.Task:
    """Make one of `TASKS` or `CALIBRATION`: pictures of 16 × 16 decibels and classes.

    DataUnavailable if its recordings are not on this machine.

    Examples
    --------
    >>> make("loudness").db.shape[1:]
    (16, 16)
    """
    textures = _TEXTURES | _CALIBRATION
    if name in textures:
        place = list(textures).index(name)
        return _generated(name, *_textures(textures[name], [seed, 8, place]))
    if name == "loudness" or name in _CHIRPS:
        low, high = signals.SNR_RANGE if name == "loudness" else (_CHIRPS[name],) * 2
        made = signals.chirps(sum(_SIZES), seed + 50, (low, high))
        db = spectrograms.log_power(made.waveforms, 256, 128)
        db = spectrograms.resize(db, (SIDE, SIDE)).astype(np.float32)
        middle = (low + high) / 2
        answer = made.snr > middle if name == "loudness" else made.ends[:, 1] > made.ends[:, 0]
        return _generated(name, db, answer.astype(np.int64))
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; valid: {', '.join([*textures, *TASKS])}")
    source, _, noise = name.partition(", ")
    audio = _SOUNDS[source](max_per_class=300 if source != "instruments" else None, seed=seed)
    if noise:
        audio = replace(audio, waveforms=in_noise(audio.waveforms, audio.lengths, 0.0, seed))
    return replace(tasks.recordings(audio, _SIZES, seed), name=name)


def _generated(name: str, db: NDArray[np.float32], labels: NDArray[np.int64]) -> tasks.Task:
    rows = np.split(np.arange(len(db)), np.cumsum(_SIZES[:2]))
    groups = np.arange(len(db)).astype(str)
    return tasks.Task(name, db, labels, 2, groups, *rows)


def _textures(how: Texture, seed: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Smooth fields whose levels are more frequent where a pattern is on, in one of two classes."""
    rng = np.random.default_rng(seed)
    count = sum(_SIZES)
    labels = np.arange(count) % 2
    shape = (count, SIDE, SIDE)
    field = ndimage.gaussian_filter(rng.normal(size=shape), (0, 1.5, 1.5), mode="wrap")
    uniform = stats.norm.cdf(field / field.std())
    bands = stretches(2 * how.bands + 1)
    pattern = (1 - how.mixture) * stretches(2) + how.mixture * bands
    pattern = how.contrast * pattern / np.abs(pattern).max()
    level = np.empty_like(uniform)
    for label in (0, 1):
        often = 1 + (2 * label - 1) * pattern
        cumulative = np.concatenate([[0.0], often.cumsum()]) / often.sum()
        mine = labels == label
        level[mine] = np.interp(uniform[mine], cumulative, np.arange(LEVELS + 1) / LEVELS)
    level += how.noise / LEVELS * rng.normal(size=shape)
    return np.asarray(80 * level - 80, np.float32), labels.astype(np.int64)


def index_of(task: tasks.Task) -> BandIndex:
    """Band index of a task's training and validation pictures, given the row; no net is trained."""
    rows = np.concatenate([task.train, task.validation])
    return band_index(task.db[rows], task.targets[rows], task.groups[rows])


class Prediction(NamedTuple):
    """Gain of turbo over raw decibels in accuracy, with a 95 % interval, and whether it counts."""

    gain: float
    low: float
    high: float

    @property
    def positive(self) -> bool:
        """Whether colour is said to help: by `MARGIN` or more."""
        return self.gain >= MARGIN


def predict(found: BandIndex, calibration: pd.DataFrame) -> Prediction:
    """Predict what turbo gains for a small net: a straight line of the index.

    The line is fitted by least squares to the ``index`` and ``gain`` of `calibration`; the interval
    is that of a new observation, with the index's own uncertainty. Where pixels tell nothing of the
    class by themselves, there is no index: then no gain is predicted.
    """
    x, y = calibration["index"].to_numpy(), calibration.gain.to_numpy()
    slope, start = np.polyfit(x, y, 1)
    freedom, spread = len(x) - 2, float(((x - x.mean()) ** 2).sum())
    deviation = float(np.sqrt(((y - start - slope * x) ** 2).sum() / freedom))
    quantile = float(stats.t.ppf(0.975, freedom))
    if not found.known:
        return Prediction(0.0, -quantile * deviation, quantile * deviation)
    at = float(np.clip(found.index.estimate, 0, 1))
    own = slope * (found.index.high - found.index.low) / 2
    new = quantile * deviation * np.sqrt(1 + 1 / len(x) + (at - x.mean()) ** 2 / spread)
    gain, width = float(start + slope * at), float(np.hypot(new, own))
    return Prediction(gain, gain - width, gain + width)


def measure(settings: Settings, seed: int = 0, **how: Any) -> dict[str, pd.DataFrame]:
    """Train small nets on tasks whose recordings are on this machine, see `TABLES`, `sweeps.run`.

    Each arm has its own learning rate, chosen on validation; scores are accuracies.
    """
    seeds = list(range(seed, seed + settings.seeds))
    cells = [(name, arm) for name in settings.tasks if _present(name) for arm in ARMS]
    return {"nets": _run(_tuned, [(name, arm, seeds, seed) for name, arm in cells], **how)}


def again(rows: pd.DataFrame, settings: Settings, seed: int = 0, **how: Any) -> pd.DataFrame:
    """Train some nets of the table once more; their new rows."""
    cells = [
        (name, arm, list(zip(own.seed.tolist(), own.rate.tolist(), strict=True)), seed)
        for (name, arm), own in rows.groupby(["task", "arm"])
    ]
    new = _run(_trained, cells, **how).set_index(list(KEY))
    return new.loc[pd.MultiIndex.from_frame(rows[list(KEY)])].set_index(rows.index)


def here(nets: pd.DataFrame) -> pd.Series:
    """Tell which nets' recordings are on this machine."""
    return nets.task.map(_present)


def _present(name: str) -> bool:
    source = name.partition(", ")[0]
    return source not in FETCHED or datasets.available(FETCHED[source])


def estimate(settings: Settings, seed: int = 0) -> tuple[int, float]:
    """How many nets `measure` trains, and the processor's seconds: by a net of each arm."""
    count = sum(map(_present, settings.tasks)) * (len(_RATES) * len(_TUNING) + settings.seeds)
    spent: list[float] = []
    for _ in range(2):  # the first compiles
        spent.clear()
        some = [("threshold", arm, [(seed, _RATES[0])], seed) for arm in ARMS]
        _run(_trained, some, executor="serial", charge=spent.append)
    return count * len(ARMS), count * sum(spent)


def _run(
    function: Callable[..., dict[str, Any]], cells: Sequence[tuple[Any, ...]], **how: Any
) -> pd.DataFrame:
    code = sweeps.code_digest(sys.modules[__name__])
    work = [
        sweeps.Work(sweeps.fingerprint(code, function.__name__, cell), function, cell, len(cell[2]))
        for cell in cells
    ]
    found = sweeps.run(work, **({"description": "nets"} | how))
    return pd.concat(map(pd.DataFrame, found), ignore_index=True)


def _tuned(name: str, arm: str, seeds: Sequence[int], seed: int) -> dict[str, Any]:
    """Choose an arm's learning rate on a task, and train a net of each seed."""
    task = make(name, seed)
    tried = _scores(task, arm, [(s, rate) for rate in _RATES for s in _TUNING])
    means = tried.groupby("rate").validation.mean()
    best = float(means.index[int(means.argmax())])
    return _columns(_scores(task, arm, [(s, best) for s in seeds]))


def _trained(name: str, arm: str, runs: Sequence[tuple[int, float]], seed: int) -> dict[str, Any]:
    return _columns(_scores(make(name, seed), arm, runs))


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    return {str(name): column.tolist() for name, column in table.items()}


def _scores(task: tasks.Task, arm: str, runs: Sequence[tuple[int, float]]) -> pd.DataFrame:
    """Accuracies of nets, one for each seed and rate."""
    images = {arm: tasks.encoded(task, arm, "equal_energy", "global", 0)}
    nets = [Network(seed, arm, rate, task.train) for seed, rate in runs]
    shape = architecture(_NETWORK, arm, task.outputs)
    done = train(shape, images, task.targets, nets, Optimiser(_STEPS))
    columns = {
        part: score(evaluate(shape, done, images, nets, rows), task.targets[rows])
        for part, rows in vars(task).items()
        if part in ("train", "validation", "test")
    }
    seed, rate = zip(*runs, strict=True)
    return pd.DataFrame({"task": task.name, "arm": arm, "seed": seed, "rate": rate} | columns)


def gains(nets: pd.DataFrame, arm: str = "turbo", base: str = "raw") -> pd.DataFrame:
    """Turbo less raw in test accuracy by task, paired by seed, with Student's 95 % interval.

    Columns of each arm (means), ``gain``, ``low``, ``high``. Or one other `arm` less a `base`.
    """
    wide = nets.pivot(index=["task", "seed"], columns="arm", values="test")
    more = (wide[arm] - wide[base]).groupby("task", sort=False)
    table = wide.groupby("task", sort=False).mean().assign(gain=more.mean())
    width = more.sem() * stats.t.ppf(0.975, more.size() - 1)
    return table.assign(low=table.gain - width, high=table.gain + width)


def own_maps(nets: pd.DataFrame) -> pd.DataFrame:
    """Put what was `EXPECTED` of the book's own maps beside what came, a row each.

    ``gain``, the mean over the tasks, with Student's 95 % interval over them (``low``, ``high``);
    ``came``: whether it is `MARGIN` or more; ``hit``: as expected.
    """
    kinds = {"recordings": list(TASKS[len(MADE) :]), "textures": list(_TEXTURES)}
    rows = []
    for said in EXPECTED:
        some = nets[nets.task.isin(kinds[said.tasks])]
        if len(some):
            gain = gains(some, said.arm, said.base).gain.to_numpy(float)
            one = Interval(gain[0], -np.inf, np.inf)  # of one task there is no spread
            rows.append((*said, *(mean_interval(gain, seed=0) if len(gain) > 1 else one)))
    table = pd.DataFrame(rows, columns=[*Expectation._fields, "gain", "low", "high"])
    came = table.gain >= MARGIN
    return table.assign(came=came, hit=came == table.positive)


def judge(said: pd.DataFrame, nets: pd.DataFrame) -> pd.DataFrame:
    """Put what was predicted beside what `gains` of the nets came out as, a row a task.

    ``said`` and ``came``: whether the gain is `MARGIN` or more, as predicted and as measured;
    ``hit``: both are the same; ``covered``: the measured gain lies within the predicted interval;
    ``texture``: it is a task like those of `CALIBRATION`.
    """
    table = said.merge(gains(nets).reset_index(), on="task", suffixes=("_said", ""))
    came = table.gain >= MARGIN
    within = (table.gain >= table.low_said) & (table.gain <= table.high_said)
    positive = table.gain_said >= MARGIN
    like = table.task.isin(list(_TEXTURES))
    return table.assign(
        said=positive, came=came, hit=positive == came, covered=within, texture=like
    )


def verdict(outcome: pd.DataFrame) -> tuple[str, float]:
    """Whether the band index tells beforehand where colour helps, by `judge`.

    *Rule.* It is of use if it hits the side in at least four fifths of the tasks, and in more of
    them than the better of "always" and "never" would: holds. Fewer than that guess: fails. Else:
    holds with limits. Also the share of tasks that the guess hits.
    """
    guess = max(outcome.came.mean(), 1 - outcome.came.mean())
    hits = outcome.hit.mean()
    if hits >= 0.8 and hits > guess:
        return "holds", float(guess)
    return ("fails" if hits < guess else "holds with limits"), float(guess)
