"""The experiments and verdicts of ``saved-as-rgb``: what "saved as an image" does, stage by stage.

How much a pixel tells of the class (`information_by_stage`), gray as it is written
(`gray_ramp_written`), scaling per image as an experiment (`compare_scalings`), resizing
(`resize_losses`), and formats (`compare_formats`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from analysis.bands.information import Information, class_information
from analysis.colour import colormaps
from analysis.colour.information import colour_numbers
from analysis.evidence.statistics import paired_difference
from analysis.jpeg import files
from analysis.pictures.saving import FORMATS, HIGH_DB, LOW_DB, decode, exact_levels, imsave
from analysis.sound import spectrograms

#: Pillow's filters.
FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")

#: The size in the question's thread, (rows, columns), and what it was shrunk to.
THREAD_SIZE, THREAD_SMALL = (1071, 1356), (32, 32)


@dataclass(frozen=True)
class Settings:
    """What a profile runs: draws of held-out instruments, their notes, and notes for each habit."""

    seeds: int
    notes_per_instrument: int
    clips_per_habit: int


#: The two profiles.
SETTINGS = MappingProxyType(
    dict.fromkeys(("edition", "rehearsal"), Settings(8, 16, 2)) | {"large": Settings(20, 44, 24)}
)


# --- information ---


def information_by_stage(
    db: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.str_]
) -> dict[str, Information]:
    """Class information of a pixel at the stages of saving, in their order.

    First the continuous value in 1024 bins, then recodings of the 256 levels; last, what is no
    function of one pixel alone: levels scaled to each image's own range.
    """
    levels = spectrograms.quantise(db, LOW_DB, HIGH_DB)
    own = spectrograms.quantise(db, *spectrograms.value_range(db, "image"))
    codes: dict[str, NDArray[Any]] = {
        "dB, 1024 bins": spectrograms.quantise(db, LOW_DB, HIGH_DB, bits=10),
        "8 bits": levels,
        "viridis, as written": colour_numbers(colormaps.lut8("viridis"))[levels],
        "jet, as written": colour_numbers(colormaps.lut8("jet"))[levels],
        "gray, as written": colour_numbers(colormaps.lut8("gray"))[levels],
        "viridis, R only": colormaps.lut8("viridis")[levels, 0],
        "jet, R only": colormaps.lut8("jet")[levels, 0],
        "tab10, as written": colour_numbers(colormaps.lut8("tab10"))[levels],
        "2 bits": levels >> 6,
        "8 bits, own range": own,
    }
    return {
        stage: class_information(code, labels, groups)
        for stage, code in tqdm(codes.items(), desc="information", disable=None)
    }


def differences(information: Mapping[str, Information], start: str = "8 bits") -> pd.DataFrame:
    """Information at each stage, and bits lost from one stage to each other, with intervals."""
    rows = []
    for stage, value in information.items():
        here, lost = value.interval, information[start].lost_to(value)
        rows.append((stage, *here, value.plugin, *lost))
    columns = ["stage", "bits", "low", "high", "plugin", "lost", "lost_low", "lost_high"]
    return pd.DataFrame(rows, columns=columns)


# --- gray as it is written ---


def gray_ramp_written() -> pd.DataFrame:
    """All 256 levels, saved in gray in three ways and read back from the file."""
    ramp = np.arange(colormaps.LEVELS, dtype=np.uint8)[None]
    kept = {
        'imsave(cmap="gray")': imsave(ramp, cmap="gray", vmin=0, vmax=255),
        "Image.fromarray": files.encode(ramp, "PNG"),
        "imsave(RGB)": imsave(np.repeat(ramp[..., None], 3, axis=-1)),
    }
    return pd.DataFrame({"level": ramp[0]} | {way: decode(f)[0, :, 0] for way, f in kept.items()})


# --- scaling each image to its own range ---

#: What is learned from the pictures, and how loud the recordings are in training and in testing.
TASKS = MappingProxyType(
    {
        "loud or quiet": "the same note at full and at a quarter of its amplitude",
        "struck hard or softly": "the two velocities at which each note was played",
        "family": "nine families, levels as recorded",
        "family, levels vary": "nine families, each clip 0 to 40 dB quieter",
        "family, levels vary in the test": "the same, but only the test clips",
    }
)

Scaling = Literal["set", "image"]
_SCALINGS: tuple[Scaling, Scaling] = ("set", "image")
_QUIETER_DB = 12.0  # a quarter of the amplitude
_RANGE_DB = 80.0  # below each image's maximum nothing is kept, as is usual
_SIDE = 16  # learned from pictures of 16 × 16


@dataclass(frozen=True)
class _Clips:
    """Spectrograms in dB, their gains, and what is to be learned."""

    db: NDArray[np.float32]
    gain_db: NDArray[np.float32]
    labels: NDArray[np.int64]


def compare_scalings(
    db: NDArray[np.float32],
    families: NDArray[np.int64],
    groups: NDArray[np.str_],
    clips: NDArray[np.str_],
    seeds: Sequence[int],
    per_group: int | None = None,
) -> pd.DataFrame:
    """Accuracy from pictures that share one range, and from pictures that each have their own.

    For every seed, two instruments of each family are held out. Spectrograms (without a floor: a
    gain adds a constant) are cut 80 dB below their maximum, quantised, shrunk to 16 × 16, and
    learned by logistic regression. ``chance``: the largest class's share of the test set;
    ``identical``: share of test pictures that equal one of another class, byte for byte, where a
    gain is all that tells classes apart; elsewhere rounding would decide, and it is not a number.
    """
    db = np.round(db * 1024) / np.float32(1024)  # so that adding a gain is exact in float32
    rows = []
    for seed in tqdm(seeds, desc="scaling", disable=None):
        kept = _draw(groups, per_group, seed)
        held_out = _hold_out(families, groups, seed)[kept]
        for task in TASKS:
            train, test = _task(task, db[kept], families[kept], clips[kept], held_out, seed)
            for scaling in _SCALINGS:
                row = {"seed": seed, "task": task, "scaling": scaling}
                rows.append(row | _learn(train, test, scaling, by_gain=task == next(iter(TASKS))))
    return pd.DataFrame(rows)


def _draw(groups: NDArray[np.str_], per_group: int | None, seed: int) -> NDArray[np.int64]:
    """Clips that are used: at most so many of each group, without replacement."""
    rng = np.random.default_rng((seed, 2))
    members = [rng.permutation(np.flatnonzero(groups == name)) for name in np.unique(groups)]
    return np.sort(np.concatenate([clips[:per_group] for clips in members]))


def _hold_out(
    families: NDArray[np.int64], groups: NDArray[np.str_], seed: int
) -> NDArray[np.bool_]:
    """Which clips are of the two instruments of each family that are held out."""
    rng = np.random.default_rng(seed)
    chosen = [
        name
        for family in np.unique(families)
        for name in rng.choice(np.unique(groups[families == family]), 2, replace=False)
    ]
    return np.isin(groups, chosen)


def _task(
    task: str,
    db: NDArray[np.float32],
    families: NDArray[np.int64],
    clips: NDArray[np.str_],
    held_out: NDArray[np.bool_],
    seed: int,
) -> tuple[_Clips, _Clips]:
    rng = np.random.default_rng((seed, 1))
    gain = np.zeros(len(db), np.float32)
    labels = families
    if task == "loud or quiet":  # every clip twice
        db, held_out = np.concatenate([db, db]), np.concatenate([held_out, held_out])
        labels = np.repeat([0, 1], len(gain))
        gain = np.asarray(-_QUIETER_DB * labels, np.float32)
    elif task == "struck hard or softly":
        labels = np.array([int(clip[-3:] == "110") for clip in clips], np.int64)
    elif task != "family":
        gain = -rng.uniform(0, 40, len(db)).astype(np.float32)
        if task == "family, levels vary in the test":
            gain[~held_out] = 0
    train, test = (_Clips(db[part], gain[part], labels[part]) for part in (~held_out, held_out))
    return train, test


def _learn(train: _Clips, test: _Clips, scaling: Scaling, *, by_gain: bool) -> dict[str, float]:
    limits = _limits(train)
    seen, unseen = (_pictures(part, scaling, limits) for part in (train, test))
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, tol=1e-3)
    ).fit(seen, train.labels)
    return {
        "accuracy": float(model.score(unseen, test.labels)),
        "train_accuracy": float(model.score(seen, train.labels)),
        "chance": float(np.bincount(test.labels).max() / len(test.labels)),
        "identical": _share_identical(unseen, test.labels) if by_gain else np.nan,
    }


def _cut(part: _Clips) -> NDArray[np.float32]:
    """Apply the gains and cut each spectrogram 80 dB below its maximum."""
    peak = part.db.max(axis=(1, 2), keepdims=True)
    cut = np.maximum(part.db, peak - np.float32(_RANGE_DB))
    return np.asarray(cut + part.gain_db[:, None, None], np.float32)


def _limits(train: _Clips) -> tuple[float, float]:
    low, high = spectrograms.value_range(_cut(train))
    return float(low), float(high)


def _pictures(part: _Clips, scaling: Scaling, limits: tuple[float, float]) -> NDArray[np.float32]:
    """Pictures of 16 × 16 in [0, 1], as vectors."""
    cut = _cut(part)
    low, high = spectrograms.value_range(cut, "image") if scaling == "image" else limits
    levels = spectrograms.quantise(cut, low, high)
    small = spectrograms.resize(levels, (_SIDE, _SIDE))
    return np.asarray(small.reshape(len(small), -1) / 255, np.float32)


def _share_identical(pictures: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Share of pictures that equal, byte for byte, a picture of another class."""
    code = np.unique(pictures, axis=0, return_inverse=True)[1].reshape(-1)
    lowest, highest = np.full(code.max() + 1, labels.max()), np.zeros(code.max() + 1, np.int64)
    np.minimum.at(lowest, code, labels)
    np.maximum.at(highest, code, labels)
    return float((lowest != highest)[code].mean())


def scaling_intervals(results: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Accuracy with each image's own range minus accuracy with one range, by task.

    Paired over seeds; the intervals hold together at 95 % (Bonferroni).
    """
    rows = []
    level = 1 - 0.05 / len(TASKS)
    for task in TASKS:
        wide = results[results["task"] == task].pivot(
            index="seed", columns="scaling", values="accuracy"
        )
        rows.append((task, *paired_difference(wide["image"], wide["set"], seed, level=level)))
    return pd.DataFrame(rows, columns=["task", "difference", "low", "high"])


def in_words(low: float, high: float) -> str:
    """Say in words what an interval of a difference says: a gain, a loss, or neither."""
    return (
        "a gain" if low > 0 else "a loss" if high < 0 else "no difference that these draws can tell"
    )


# --- resizing and formats ---


def long_spectrogram(waveforms: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Make a spectrogram of the thread's size, 1071 bins × 1356 frames, in dB, of clips in a row.

    Raises ValueError if they are shorter than 1356 hops of a hundredth of a second.
    """
    bins, frames = THREAD_SIZE
    hop = sample_rate // 100
    signal = waveforms.reshape(-1)
    if len(signal) < hop * frames:
        raise ValueError(f"need {hop * frames / sample_rate:.1f} s of sound")
    power = spectrograms.power(signal[: hop * frames], 2 * (bins - 1), hop)
    return spectrograms.to_db(power[:, :frames], floor=LOW_DB)


def resize_losses(
    db: NDArray[np.float32], sizes: Sequence[int], maps: Sequence[str]
) -> pd.DataFrame:
    """Measure what is lost by shrinking, and by shrinking colours instead of levels.

    ``error`` (levels, root mean square): shrunk, enlarged again by each of Pillow's filters, the
    best of them taken. A column for each map: difference in levels between the picture that was
    shrunk in colour and decoded, and the one that was shrunk in levels.
    """
    exact = exact_levels(db).astype(np.float32)[None]
    levels = np.rint(exact).astype(np.uint8)
    rows = []
    for size in sizes:
        for method in FILTERS:
            small = spectrograms.resize(exact, (size, size), method)
            row = {"size": size, "filter": method, "error": _enlarging_error(small, exact)}
            small_levels = spectrograms.resize(levels, (size, size), method).astype(float)
            for name in maps:
                colours = colormaps.apply(levels, colormaps.lut8_rounded(name))
                shrunk = spectrograms.resize(colours, (size, size), method)
                read = colormaps.nearest_level(shrunk, colormaps.lut8_rounded(name)).astype(float)
                row[name] = float(np.sqrt(np.mean((read - small_levels) ** 2)))
            rows.append(row)
    return pd.DataFrame(rows)


def _enlarging_error(small: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    shape = (exact.shape[1], exact.shape[2])
    errors = [
        np.sqrt(np.mean((spectrograms.resize(small, shape, method) - exact) ** 2))
        for method in FILTERS
    ]
    return float(min(errors))


def compare_formats(images: NDArray[np.float32]) -> pd.DataFrame:
    """Size (bytes a value) and error (dB) of every way in `FORMATS`."""
    rows = []
    for name, store in FORMATS.items():
        stored = [store(image) for image in images]
        error = np.stack([read for _, read in stored]).astype(np.float64) - images
        size = sum(len(file) for file, _ in stored) / images.size
        rows.append((name, size, float(np.sqrt(np.mean(error**2))), float(np.abs(error).max())))
    return pd.DataFrame(rows, columns=["format", "bytes", "rms_error", "worst_error"])


# --- verdicts ---


def verdict_adds_nothing(information: Mapping[str, Information], recodings: Sequence[str]) -> str:
    """Q1: colouring adds no information.

    Holds if no recoding of the levels tells more of the class than the levels (plug-in estimates,
    for which the data-processing inequality is exact); fails otherwise.
    """
    most = information["8 bits"].plugin + 1e-9
    return "holds" if all(information[name].plugin <= most for name in recodings) else "fails"


def verdict_depends_on_colormap(table: pd.DataFrame) -> str:
    """Q2: the result depends on the colormap, as far as the level can be recovered.

    Fails if every colormap keeps all levels, so that all are the same code; holds if none does;
    holds with limits if some do, which are then interchangeable, and others lose levels.
    """
    if table["invertible"].all():
        return "fails"
    return "holds with limits" if table["invertible"].any() else "holds"


def verdict_reshapes(table: pd.DataFrame, small: int) -> str:
    """Q4: shrinking to the thread's size cannot be undone.

    Holds if with every filter the best enlargement errs by more than the half level that rounding
    to 8 bits costs; with limits if only with some filters; fails if with none.
    """
    errors = table.loc[table["size"] == small, "error"]
    return (
        "holds"
        if (errors > 0.5).all()
        else "holds with limits"
        if (errors > 0.5).any()
        else "fails"
    )


def verdict_always_a_mapping(intervals: pd.DataFrame) -> str:
    """Q5: there is always a mapping of values to pixels, even without a colormap.

    Both scalings are without a colormap. Holds if the choice between them changes the accuracy of
    some task with an interval that excludes zero; undecided if none does.
    """
    apart = (intervals["low"] > 0) | (intervals["high"] < 0)
    return "holds" if apart.any() else "undecided"
