"""What "saved as an image" does to a spectrogram, stage by stage; pairs with ``saved-as-rgb``.

Four parts, in the order of the chapter:

1. the journey of one recording to the net, each stage with its inverse (`travel`, `losses`);
2. information: entropy, and how much a pixel tells of the class (`class_information`);
3. every colormap of matplotlib as a code for 256 levels (`audit`, `gray_ramp_written`);
4. habits, run with the libraries that people use (`HABITS`, `examine`), scaling per image as an
   experiment (`compare_scalings`), resizing (`resize_losses`), and formats (`compare_formats`).

Spectrograms are in dB, lowest frequency first. Pictures are uint8 ``(height, width, 3)``, highest
frequency at the top, as files have them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from analysis.colour import colormaps
from analysis.evidence.statistics import Interval, paired_difference
from analysis.sound import spectrograms

__all__ = [
    "FILTERS",
    "FORMATS",
    "HABITS",
    "HIGH_DB",
    "LOW_DB",
    "SETTINGS",
    "TASKS",
    "Habit",
    "Information",
    "Journey",
    "Settings",
    "audit",
    "class_information",
    "compare_formats",
    "compare_scalings",
    "differences",
    "entropy_bits",
    "examine",
    "gray_ramp_written",
    "in_words",
    "information_by_stage",
    "long_spectrogram",
    "losses",
    "resize_losses",
    "scaling_intervals",
    "travel",
    "verdict_adds_nothing",
    "verdict_always_a_mapping",
    "verdict_depends_on_colormap",
    "verdict_reshapes",
]

#: The range that 8 bits span wherever a range is fixed beforehand, in dB of a full-scale sine.
LOW_DB, HIGH_DB = -100.0, 0.0

#: Side of the square picture that a net is fed, in pixels.
NET_SIZE = 224

#: Pillow's filters.
FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")

#: The size in the question's thread, (rows, columns), and what it was shrunk to.
THREAD_SIZE, THREAD_SMALL = (1071, 1356), (32, 32)


@dataclass(frozen=True)
class Settings:
    """What a profile runs.

    Attributes
    ----------
    seeds : int
        Repetitions of the experiment on scaling; each draws its own held-out instruments.
    notes_per_instrument : int
        Notes of each instrument that are trained on or tested on.
    clips_per_habit : int
        Recordings that each habit and each format is measured on.
    """

    seeds: int
    notes_per_instrument: int
    clips_per_habit: int


#: The two profiles.
SETTINGS = MappingProxyType({"quick": Settings(8, 16, 2), "full": Settings(20, 44, 24)})


# --- 1. the journey --------------------------------------------------------------------------


@dataclass(frozen=True)
class Journey:
    """One recording at every stage from waveform to net.

    Attributes
    ----------
    waveform : ndarray of float32, shape (samples,)
    sample_rate : int
        In Hz.
    spectrum : ndarray of complex64, shape (bins, frames)
    power : ndarray of float32, shape (bins, frames)
        1 is a full-scale sine.
    db : ndarray of float32, shape (bins, frames)
        At least `LOW_DB`.
    levels : ndarray of uint8, shape (bins, frames)
        `LOW_DB` … `HIGH_DB` in 256 levels.
    png : bytes
        The file that ``plt.imsave`` wrote.
    picture : ndarray of uint8, shape (bins, frames, 3)
        The file, read by Pillow.
    fed : ndarray of float32, shape (3, bins, frames)
        In [0, 1]: what a net gets.
    colormap : str
    """

    waveform: NDArray[np.float32]
    sample_rate: int
    spectrum: NDArray[np.complex64]
    power: NDArray[np.float32]
    db: NDArray[np.float32]
    levels: NDArray[np.uint8]
    png: bytes
    picture: NDArray[np.uint8]
    fed: NDArray[np.float32]
    colormap: str


def travel(
    waveform: NDArray[np.float32],
    sample_rate: int,
    colormap: str = "viridis",
    window: int = spectrograms.WINDOW,
    hop: int = 128,
) -> Journey:
    """Take a recording through every stage, with the libraries that people use.

    Parameters
    ----------
    waveform : ndarray of float32, shape (samples,)
        In [-1, 1].
    sample_rate : int
        In Hz.
    colormap : str
        matplotlib's name.
    window, hop : int
        Samples; 512 and 128 are 32 ms and 8 ms at 16 kHz.

    Returns
    -------
    Journey

    Examples
    --------
    >>> travel(np.zeros(8000, np.float32), 8000).fed.shape
    (3, 257, 63)
    """
    spectrum = spectrograms.stft(waveform, window, hop)
    power = np.square(np.abs(spectrum))
    db = spectrograms.to_db(power, floor=LOW_DB)
    levels = spectrograms.quantise(db, LOW_DB, HIGH_DB)
    png = _imsave(levels[::-1], cmap=colormap, vmin=0, vmax=255)
    picture = _decode(png)
    fed = np.asarray(np.moveaxis(picture.astype(np.float32) / 255, -1, 0), np.float32)
    return Journey(waveform, sample_rate, spectrum, power, db, levels, png, picture, fed, colormap)


def _imsave(values: NDArray[Any], **options: Any) -> bytes:
    """Save with ``plt.imsave`` and return the PNG's bytes."""
    stream = io.BytesIO()
    plt.imsave(stream, values, format="png", **options)
    return stream.getvalue()


def _decode(file: bytes) -> NDArray[np.uint8]:
    """Read a picture's pixels as a data loader does."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def losses(journey: Journey, window: int = spectrograms.WINDOW, hop: int = 128) -> pd.DataFrame:
    """Invert each stage as well as can be, and tell what is missing.

    Parameters
    ----------
    journey : Journey
    window, hop : int
        As in `travel`.

    Returns
    -------
    DataFrame
        One row a stage: ``stage``; ``inverse`` (how to go back); ``error`` and ``unit`` (the worst
        difference to the stage's input after going back; dB are counted above the floor);
        ``values`` (numbers stored); ``bits`` (entropy of one value, as symbols, in bits; not
        available for continuous stages).
    """
    waveform, cells = journey.waveform, journey.levels.size
    size = np.abs(waveform).max()
    zero_phase = np.sqrt(journey.power).astype(np.complex64)
    again, without_phase = (
        spectrograms.istft(spectrum, len(waveform), window, hop)
        for spectrum in (journey.spectrum, zero_phase)
    )
    seen = slice(None, len(waveform) // hop * hop)  # up to the last frame's centre
    above = journey.power > 10 ** (LOW_DB / 10)
    power = spectrograms.from_db(journey.db)
    values = spectrograms.dequantise(journey.levels, LOW_DB, HIGH_DB)
    read = colormaps.nearest_level(journey.picture[::-1], colormaps.lut8(journey.colormap))
    bytes_again = np.rint(np.moveaxis(journey.fed, 0, -1) * 255)
    level_bits = entropy_bits(journey.levels)
    colour_bits = entropy_bits(journey.picture.reshape(-1, 3).astype(int) @ (65536, 256, 1))

    def worst(a: NDArray[Any], b: NDArray[Any]) -> float:
        return float(np.abs(np.asarray(a, np.float64) - b).max())

    rows = [
        ("complex spectrum", "overlap-add", worst(again[seen], waveform[seen]) / size,
         "of the peak", 2 * cells, np.nan),
        ("power", "none: the phase is gone", worst(without_phase[seen], waveform[seen]) / size,
         "of the peak", cells, np.nan),
        ("decibels", "power of ten", worst(_db(power[above]), _db(journey.power[above])), "dB",
         cells, np.nan),
        ("8 bits", "level to dB", worst(values, journey.db), "dB", cells, level_bits),
        (f"{journey.colormap}, PNG", "nearest colour", worst(read, journey.levels), "levels",
         3 * cells, colour_bits),
        ("tensor in 0–1", "times 255", worst(bytes_again, journey.picture), "bytes", 3 * cells,
         colour_bits),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["stage", "inverse", "error", "unit", "values", "bits"])


def _db(power: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(np.asarray(power, np.float64)))


# --- 2. information --------------------------------------------------------------------------


def entropy_bits(symbols: NDArray[Any]) -> float:
    """Entropy of the empirical distribution, corrected for finite samples.

    Parameters
    ----------
    symbols : ndarray of integers, any shape

    Returns
    -------
    float
        In bits a symbol. Plug-in estimate plus Miller's (1955) correction, (symbols seen - 1) /
        (2 n ln 2).

    Examples
    --------
    >>> entropy_bits(np.zeros(100, int))
    0.0
    """
    counts = np.unique(np.ravel(symbols), return_counts=True)[1]
    share = counts / counts.sum()
    plugin = -(share * np.log2(share)).sum()
    return max(0.0, float(plugin + (len(counts) - 1) / (2 * counts.sum() * np.log(2))))


@dataclass(frozen=True)
class Information:
    """How much a pixel tells of the class.

    Attributes
    ----------
    plugin : float
        Mutual information of the empirical distribution in bits; it never rises when symbols are
        recoded, but is too high, the more so the more symbols there are.
    pseudovalues : ndarray of float64, shape (groups,)
        Jackknife pseudovalues; their mean is corrected for that bias.
    """

    plugin: float
    pseudovalues: NDArray[np.float64]

    @property
    def interval(self) -> Interval:
        """Bias-corrected estimate in bits with its 95 % interval over groups."""
        return _jackknife(self.pseudovalues)

    def lost_to(self, later: Information) -> Interval:
        """Bits lost on the way to a later stage of the same clips, with the 95 % interval."""
        return _jackknife(self.pseudovalues - later.pseudovalues)


def _jackknife(pseudovalues: NDArray[np.float64]) -> Interval:
    estimate = float(pseudovalues.mean())
    error = float(pseudovalues.std(ddof=1) / np.sqrt(len(pseudovalues)))
    width = float(stats.t.ppf(0.975, len(pseudovalues) - 1)) * error
    return Interval(estimate, estimate - width, estimate + width)


def class_information(
    symbols: NDArray[np.integer[Any]], labels: NDArray[np.int64], groups: NDArray[np.str_]
) -> Information:
    """Mutual information between class and pixel, given the pixel's row.

    The information between the class and one pixel at a random time, averaged over the rows (mel
    bands): the symbols may be levels, colours, or bins of a continuous value.

    Parameters
    ----------
    symbols : ndarray of integers, shape (n, rows, columns)
        From 0.
    labels : ndarray of int64, shape (n,)
        Classes from 0.
    groups : ndarray of str, shape (n,)
        What was sampled as a whole (an instrument); each group is of one class.

    Returns
    -------
    Information

    Raises
    ------
    ValueError
        If a group has clips of several classes.

    Notes
    -----
    Pixels of one clip, and clips of one instrument, are no independent samples. Bias correction
    and interval are therefore those of the jackknife that leaves out one whole group at a time
    (Efron and Stein, 1981).

    Examples
    --------
    >>> labels = np.repeat([0, 1], 4)
    >>> bright = np.repeat(labels * 255, 6).reshape(8, 2, 3)
    >>> class_information(bright, labels, np.arange(8).astype(str)).plugin
    1.0
    """
    names, member = np.unique(groups, return_inverse=True)
    class_of = np.zeros(len(names), np.int64)
    class_of[member] = labels
    if not np.array_equal(class_of[member], labels):
        raise ValueError("each group must have clips of one class only")
    counts = _counts(symbols, member, len(names))
    total = np.zeros((labels.max() + 1, *counts.shape[1:]))
    np.add.at(total, class_of, counts)
    whole, left_out = _information_without_each(total, counts, class_of)
    return Information(whole, len(names) * whole - (len(names) - 1) * left_out)


def _counts(
    symbols: NDArray[np.integer[Any]], member: NDArray[np.integer[Any]], groups: int
) -> NDArray[np.float64]:
    """How often each symbol occurs in each row of each group: (groups, rows, symbols)."""
    rows, alphabet = symbols.shape[1], int(symbols.max()) + 1
    cell = (member[:, None, None] * rows + np.arange(rows)[None, :, None]) * alphabet + symbols
    counts = np.bincount(cell.ravel(), minlength=groups * rows * alphabet)
    return counts.reshape(groups, rows, alphabet).astype(np.float64)


def _information_without_each(
    total: NDArray[np.float64], counts: NDArray[np.float64], class_of: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """Mutual information in bits, mean over rows: of all counts, and without each group.

    With N counts in a row, ``H = log N - (Σ n log n) / N``, so that leaving out a group changes
    one class's sums and those over classes only.
    """
    by_symbol, by_class = total.sum(0), total.sum(2)
    joint = _n_log_n(total).sum(2)  # (classes, rows)

    def bits(joint: Any, symbol: Any, classes: Any, n: Any) -> float:
        sums = joint.sum(0) - _n_log_n(symbol).sum(1) - _n_log_n(classes).sum(0)
        return float(np.mean(np.log2(n) + sums / n))

    whole = bits(joint, by_symbol, by_class, by_symbol.sum(1))
    without = np.empty(len(counts))
    for group, label in enumerate(class_of):
        others, symbol, classes = joint.copy(), by_symbol - counts[group], by_class.copy()
        others[label] = _n_log_n(total[label] - counts[group]).sum(1)
        classes[label] -= counts[group].sum(1)
        without[group] = bits(others, symbol, classes, symbol.sum(1))
    return whole, without


def _n_log_n(n: NDArray[np.float64]) -> NDArray[np.float64]:
    return n * np.log2(np.maximum(n, 1))


def information_by_stage(
    db: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.str_]
) -> dict[str, Information]:
    """Class information of a pixel at the stages of saving, in their order.

    Parameters
    ----------
    db : ndarray of float32, shape (n, rows, columns)
        In dB.
    labels, groups : ndarray
        As in `class_information`.

    Returns
    -------
    dict of str to Information
        First the continuous value in 1024 bins, then recodings of the 256 levels; last, what is
        no function of one pixel alone: levels scaled to each image's own range.
    """
    levels = spectrograms.quantise(db, LOW_DB, HIGH_DB)
    own = spectrograms.quantise(db, *spectrograms.value_range(db, "image"))
    codes: dict[str, NDArray[Any]] = {
        "dB, 1024 bins": spectrograms.quantise(db, LOW_DB, HIGH_DB, bits=10),
        "8 bits": levels,
        "viridis, as written": _colour_numbers("viridis")[levels],
        "jet, as written": _colour_numbers("jet")[levels],
        "gray, as written": _colour_numbers("gray")[levels],
        "viridis, R only": colormaps.lut8("viridis")[levels, 0],
        "jet, R only": colormaps.lut8("jet")[levels, 0],
        "tab10, as written": _colour_numbers("tab10")[levels],
        "2 bits": levels >> 6,
        "8 bits, own range": own,
    }
    return {
        stage: class_information(code, labels, groups)
        for stage, code in tqdm(codes.items(), desc="information", disable=None)
    }


def _colour_numbers(colormap: str) -> NDArray[np.int64]:
    """One number for each level's colour as matplotlib writes it: equal colours, equal numbers."""
    return np.unique(colormaps.lut8(colormap), axis=0, return_inverse=True)[1].reshape(-1)


# --- 3. the colormaps as codes ---------------------------------------------------------------


def audit(names: Sequence[str] | None = None) -> pd.DataFrame:
    """Every colormap as a code for 256 levels, in the bytes that matplotlib writes.

    Parameters
    ----------
    names : sequence of str, optional
        All of matplotlib's without the reversed, by default.

    Returns
    -------
    DataFrame
        ``colormap``; ``distinct`` colours as written, ``distinct_rounded`` had matplotlib rounded,
        and ``distinct_exact`` in double precision; ``invertible``; ``worst_error`` (levels): the
        largest error of the best decoder, which answers the middle of the levels that share a
        colour; ``same_as_neighbour``: merged levels all lie side by side.
    """
    rows = [_audit_one(name) for name in (names or colormaps.names())]
    return pd.DataFrame(rows)


def _audit_one(name: str) -> dict[str, Any]:
    code = _colour_numbers(name)
    distinct = int(code.max()) + 1
    level = np.arange(colormaps.LEVELS)
    lowest, highest = np.full(distinct, 255), np.zeros(distinct, int)
    np.minimum.at(lowest, code, level)
    np.maximum.at(highest, code, level)
    middle = (lowest + highest) // 2
    return {
        "colormap": name,
        "distinct": distinct,
        "distinct_rounded": len(np.unique(colormaps.lut8_rounded(name), axis=0)),
        "distinct_exact": len(np.unique(colormaps.lut(name), axis=0)),
        "invertible": distinct == colormaps.LEVELS,
        "worst_error": int(np.abs(middle[code] - level).max()),
        "same_as_neighbour": bool((np.diff(code) == 0).sum() == colormaps.LEVELS - distinct),
    }


def gray_ramp_written() -> pd.DataFrame:
    """All 256 levels, saved in gray in three ways and read back from the file.

    Returns
    -------
    DataFrame
        ``level``, and the byte that was read from what ``imsave`` and Pillow wrote, and from
        ``imsave`` given the picture as RGB bytes: columns ``imsave(cmap="gray")``,
        ``Image.fromarray``, ``imsave(RGB)``.
    """
    ramp = np.arange(colormaps.LEVELS, dtype=np.uint8)[None]
    stream = io.BytesIO()
    Image.fromarray(ramp).save(stream, format="PNG")
    files = {
        'imsave(cmap="gray")': _imsave(ramp, cmap="gray", vmin=0, vmax=255),
        "Image.fromarray": stream.getvalue(),
        "imsave(RGB)": _imsave(np.repeat(ramp[..., None], 3, axis=-1)),
    }
    return pd.DataFrame({"level": ramp[0]} | {way: _decode(f)[0, :, 0] for way, f in files.items()})


# --- 4. habits -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Habit:
    """A way in which people turn a spectrogram into a picture.

    Attributes
    ----------
    name, code : str
        Short name, and the call that does it.
    colormap : str
        Of its pictures; ``"gray"`` where there are three equal channels.
    draw : callable
        From dB, shape (rows, columns), to the picture, as a data loader reads the file.
    """

    name: str
    code: str
    colormap: str
    draw: Callable[[NDArray[np.float32]], NDArray[np.uint8]]


def _saved(figure: Figure, **options: Any) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", **options)
    plt.close(figure)
    return _decode(stream.getvalue())


def _savefig_with_axes(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    figure, axes = plt.subplots()
    image = axes.imshow(db, origin="lower", aspect="auto", cmap="viridis")
    axes.set(xlabel="frame", ylabel="mel band")
    figure.colorbar(image)
    return _saved(figure)


def _savefig_tight(db: NDArray[np.float32], **options: Any) -> NDArray[np.uint8]:
    figure, axes = plt.subplots()
    axes.imshow(db, origin="lower", aspect="auto", cmap="viridis")
    axes.axis("off")
    return _saved(figure, bbox_inches="tight", **options)


def _savefig_tight_no_pad(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    return _savefig_tight(db, pad_inches=0)


def _specshow_like(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Mesh on a mel axis with a colour bar: what a display function for spectrograms draws."""
    edges = spectrograms.mel_frequencies(db.shape[0])
    figure, axes = plt.subplots()
    mesh = axes.pcolormesh(np.arange(db.shape[1]) * 0.016, edges, db, shading="nearest",
                           cmap="magma", rasterized=True)  # fmt: skip
    axes.set_yscale("symlog", base=2, linthresh=1000)
    axes.set(xlabel="Time", ylabel="Hz", ylim=(0, edges[-1]))
    figure.colorbar(mesh, format="%+2.0f dB")
    return _saved(figure)


def _imsave_own_range(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    return _decode(_imsave(db[::-1], cmap="viridis"))


def _imsave_gray(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    return _decode(_imsave(db[::-1], cmap="gray"))


def _imsave_fixed(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    return _decode(_imsave(db[::-1], cmap="viridis", vmin=LOW_DB, vmax=HIGH_DB))


def _mono_to_color(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Stack three times, z-score, stretch to the clip's own minimum and maximum, cut to bytes."""
    stacked = np.stack([db[::-1]] * 3, axis=-1)
    scored = (stacked - stacked.mean()) / (stacked.std() + 1e-6)
    low, high = scored.min(), scored.max()
    return np.asarray(255 * (scored - low) / max(high - low, 1e-6), np.uint8)


def _pillow_fixed(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels = spectrograms.quantise(db[::-1], LOW_DB, HIGH_DB)
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, format="PNG")
    return _decode(stream.getvalue())


#: Ways met in the wild, and two that keep everything.
HABITS = (
    Habit("savefig, axes left in", "plt.savefig(f)", "viridis", _savefig_with_axes),
    Habit("specshow and colour bar", "specshow(S); plt.savefig(f)", "magma", _specshow_like),
    Habit("savefig, tight", 'plt.savefig(f, bbox_inches="tight")', "viridis", _savefig_tight),
    Habit("savefig, tight, no pad", "…, pad_inches=0)", "viridis", _savefig_tight_no_pad),
    Habit("imsave", 'plt.imsave(f, S, cmap="viridis")', "viridis", _imsave_own_range),
    Habit("imsave, gray", 'plt.imsave(f, S, cmap="gray")', "gray", _imsave_gray),
    Habit("mono_to_color", "mono_to_color(S)", "gray", _mono_to_color),
    Habit("imsave, fixed range", "…, vmin=-100, vmax=0)", "viridis", _imsave_fixed),
    Habit("Pillow, fixed range", "Image.fromarray(levels)", "gray", _pillow_fixed),
)


def as_fed(
    habit: Habit, db: NDArray[np.float32], size: tuple[int, int] = (NET_SIZE, NET_SIZE)
) -> NDArray[np.uint8]:
    """Draw by a habit, with matplotlib's defaults, and resize for the net.

    Parameters
    ----------
    habit : Habit
    db : ndarray of float32, shape (rows, columns)
        In dB.
    size : tuple of int
        Rows and columns; Pillow's bilinear filter.

    Returns
    -------
    ndarray of uint8, shape (*size, 3)
    """
    with plt.style.context("default"):
        picture = habit.draw(db)
    return np.asarray(spectrograms.resize(picture[None], size, "bilinear")[0], np.uint8)


def examine(
    habit: Habit, images: NDArray[np.float32], seed: int, quieter_db: float = 12.0
) -> pd.Series:
    """Measure what a habit does, without knowing how it works.

    Where each pixel of the picture comes from is found by drawing ramps: one whose value is the
    row, one whose value is the column. A pixel is *not spectrogram* if it is the same in
    pictures of different noise.

    Parameters
    ----------
    habit : Habit
    images : ndarray of float32, shape (n, rows, columns)
        Spectrograms in dB within `LOW_DB` … `HIGH_DB`.
    seed : int
        Of the noise.
    quieter_db : float
        How much quieter the same recordings are made.

    Returns
    -------
    Series
        ``not_spectrogram`` (share of pixels), ``cells_seen`` (share of the spectrogram's cells with
        a pixel of their own), ``error`` (levels): root mean square after the best monotone decoding
        of each picture; ``shift`` (levels): by how much the decoded picture darkens when the
        recording is made quieter, and ``shift_due``: by how much it should.
    """
    shape = images.shape[1:]
    live = _live_pixels(habit, shape, seed)
    cell = _cell_of_each_pixel(habit, shape)
    cells = np.bincount(cell[live], minlength=images[0].size)
    errors, shifts, due = [], [], []
    for image in images:
        read = _read_levels(habit, image)
        truth = _exact_levels(image).ravel()
        sums = np.bincount(cell[live], weights=read[live], minlength=image.size)
        seen = cells > 0
        errors.append(_monotone_error(sums[seen] / cells[seen], truth[seen]))
        quiet = image - np.float32(quieter_db)
        shifts.append((read - _read_levels(habit, quiet))[live].mean())
        due.append((_exact_levels(image) - _exact_levels(quiet)).mean())
    return pd.Series(
        {
            "habit": habit.name,
            "not_spectrogram": 1 - live.mean(),
            "cells_seen": (cells > 0).mean(),
            "error": np.mean(errors),
            "shift": np.mean(shifts),
            "shift_due": np.mean(due),
        }
    )


def _exact_levels(db: NDArray[np.float32]) -> NDArray[np.float64]:
    """Levels before rounding."""
    clipped = np.clip(np.asarray(db, np.float64), LOW_DB, HIGH_DB)
    return np.asarray((clipped - LOW_DB) / (HIGH_DB - LOW_DB) * 255)


def _read_levels(habit: Habit, db: NDArray[np.float32]) -> NDArray[np.float64]:
    """Levels of the net's pixels: the nearest colour of the habit's colormap."""
    table = colormaps.lut8_rounded(habit.colormap)
    return colormaps.nearest_level(as_fed(habit, db), table).astype(np.float64)


def _live_pixels(habit: Habit, shape: tuple[int, ...], seed: int) -> NDArray[np.bool_]:
    """Pixels that depend on the spectrogram: they differ between pictures of noise."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(LOW_DB, HIGH_DB, (3, *shape)).astype(np.float32)
    noise[:, 0, 0], noise[:, -1, -1] = LOW_DB, HIGH_DB  # every picture has the same range
    drawn = np.stack([as_fed(habit, picture) for picture in noise]).astype(int)
    live = (drawn.max(0) - drawn.min(0)).max(axis=-1) > 8
    return np.asarray(_filled(live))


def _filled(live: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the bounding box: its few pixels that happened to agree are spectrogram too."""
    rows, columns = np.flatnonzero(live.mean(1) > 0.2), np.flatnonzero(live.mean(0) > 0.2)
    box = np.zeros_like(live)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return box


def _cell_of_each_pixel(habit: Habit, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Index of the spectrogram's cell that each pixel shows, found from two ramps."""
    rows, columns = shape
    row_ramp = np.broadcast_to(np.linspace(LOW_DB, HIGH_DB, rows)[:, None], shape)
    column_ramp = np.broadcast_to(np.linspace(LOW_DB, HIGH_DB, columns), shape)
    row, column = (
        np.rint(_read_levels(habit, ramp.astype(np.float32)) / 255 * (count - 1)).astype(np.int64)
        for ramp, count in ((row_ramp, rows), (column_ramp, columns))
    )
    return row * columns + column


def _monotone_error(read: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Root mean square error after the best monotone map from read to true levels."""
    fitted = IsotonicRegression().fit_transform(read, truth)
    return float(np.sqrt(np.mean((fitted - truth) ** 2)))


# --- scaling each image to its own range -----------------------------------------------------


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

    For every seed, two instruments of each family are held out. Spectrograms are cut 80 dB below
    their maximum, quantised, shrunk to 16 × 16 by exact averages, and learned by multinomial
    logistic regression.

    Parameters
    ----------
    db : ndarray of float32, shape (n, rows, columns)
        Without a floor: a gain adds a constant.
    families : ndarray of int64, shape (n,)
    groups, clips : ndarray of str, shape (n,)
        Instrument of each clip; its name, which ends in the velocity.
    seeds : sequence of int
    per_group : int, optional
        So many clips of each instrument, drawn anew for each seed; all by default.

    Returns
    -------
    DataFrame
        One row for each seed, task and scaling: ``accuracy`` and ``train_accuracy``, ``chance``
        (the largest class's share of the test set), ``identical`` (share of test pictures that
        equal one of another class, byte for byte).
    """
    db = np.round(db * 1024) / np.float32(1024)  # so that adding a gain is exact in float32
    rows = []
    for seed in tqdm(seeds, desc="scaling", disable=None):
        kept = _draw(groups, per_group, seed)
        held_out = _hold_out(families, groups, seed)[kept]
        for task in TASKS:
            train, test = _task(task, db[kept], families[kept], clips[kept], held_out, seed)
            for scaling in _SCALINGS:
                rows.append(
                    {"seed": seed, "task": task, "scaling": scaling} | _learn(train, test, scaling)
                )
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


def _learn(train: _Clips, test: _Clips, scaling: Scaling) -> dict[str, float]:
    limits = _limits(train)
    seen, unseen = (_pictures(part, scaling, limits) for part in (train, test))
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, tol=1e-3)
    ).fit(seen, train.labels)
    return {
        "accuracy": float(model.score(unseen, test.labels)),
        "train_accuracy": float(model.score(seen, train.labels)),
        "chance": float(np.bincount(test.labels).max() / len(test.labels)),
        "identical": _share_identical(unseen, test.labels),
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

    Parameters
    ----------
    results : DataFrame
        From `compare_scalings`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``task``, ``difference``, ``low``, ``high``: paired over seeds; the intervals hold together
        at 95 % (each has 1 - 0.05 / tasks, Bonferroni).
    """
    rows = []
    level = 1 - 0.05 / len(TASKS)
    for task in TASKS:
        wide = results[results["task"] == task].pivot(
            index="seed", columns="scaling", values="accuracy"
        )
        interval = paired_difference(wide["image"], wide["set"], seed, level=level)
        rows.append((task, interval.estimate, interval.low, interval.high))
    return pd.DataFrame(rows, columns=["task", "difference", "low", "high"])


# --- resizing --------------------------------------------------------------------------------


def long_spectrogram(waveforms: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Make a spectrogram of the thread's size, 1071 bins × 1356 frames, of clips in a row.

    Parameters
    ----------
    waveforms : ndarray of float32, shape (n, samples)
        Long enough together: 1356 hops of a hundredth of a second.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray of float32, shape (1071, 1356)
        In dB, at least `LOW_DB`.

    Raises
    ------
    ValueError
        If the clips are too short.
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

    Parameters
    ----------
    db : ndarray of float32, shape (rows, columns)
        In dB within `LOW_DB` … `HIGH_DB`.
    sizes : sequence of int
        Sides of the small pictures.
    maps : sequence of str
        Colormaps for the second measurement.

    Returns
    -------
    DataFrame
        One row for each filter and size. ``error`` (levels, root mean square): shrunk, enlarged
        again by each of Pillow's filters, the best of them taken. For each map a column: root mean
        square difference in levels between the picture that was shrunk in colour and decoded, and
        the one that was shrunk in levels.
    """
    exact = _exact_levels(db).astype(np.float32)[None]
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


# --- formats ---------------------------------------------------------------------------------


def _npy(db: NDArray[np.float32], dtype: type) -> tuple[bytes, NDArray[np.float32]]:
    stream = io.BytesIO()
    np.save(stream, db.astype(dtype))
    stream.seek(0)
    return stream.getvalue(), np.load(stream).astype(np.float32)


def _pillow_file(image: Image.Image, kind: str, **options: Any) -> tuple[bytes, Image.Image]:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue(), Image.open(io.BytesIO(stream.getvalue()))


def _gray_file(db: NDArray[np.float32], bits: int, kind: str) -> tuple[bytes, NDArray[np.float32]]:
    levels = spectrograms.quantise(db, LOW_DB, HIGH_DB, bits)
    file, image = _pillow_file(Image.fromarray(levels), kind)
    return file, spectrograms.dequantise(np.asarray(image), LOW_DB, HIGH_DB, bits)


def _colour_file(db: NDArray[np.float32], kind: str) -> tuple[bytes, NDArray[np.float32]]:
    table = colormaps.lut8_rounded("viridis")
    levels = spectrograms.quantise(db, LOW_DB, HIGH_DB)
    file, image = _pillow_file(Image.fromarray(colormaps.apply(levels, table)), kind)
    read = colormaps.nearest_level(np.asarray(image.convert("RGB")), table)
    return file, spectrograms.dequantise(read, LOW_DB, HIGH_DB)


def _imsave_file(
    db: NDArray[np.float32], colormap: str, low: float | None, high: float | None
) -> tuple[bytes, NDArray[np.float32]]:
    """Read back as if the range were the fixed one: nobody stores the other.

    matplotlib puts floats into 256 equal bins, rounding down: a bin is read as its middle.
    """
    file = _imsave(db, cmap=colormap, vmin=low, vmax=high)
    table = colormaps.lut8(colormap)
    code = _colour_numbers(colormap)
    middle = np.array([np.flatnonzero(code == number).mean() for number in code])
    read = middle[colormaps.nearest_level(_decode(file), table)]
    return file, np.asarray(LOW_DB + (HIGH_DB - LOW_DB) * (read + 0.5) / 256, np.float32)


def _tiff_float(db: NDArray[np.float32]) -> tuple[bytes, NDArray[np.float32]]:
    file, image = _pillow_file(Image.fromarray(db), "TIFF", compression="tiff_deflate")
    return file, np.asarray(image, np.float32)


_Way = Callable[[NDArray[np.float32]], tuple[bytes, NDArray[np.float32]]]

#: Ways of storing a spectrogram in dB: each gives the file, and what is read from it.
FORMATS: Mapping[str, _Way] = MappingProxyType(
    {
        "NumPy, float32": lambda db: _npy(db, np.float32),
        "TIFF, float32, deflate": _tiff_float,
        "NumPy, float16": lambda db: _npy(db, np.float16),
        "PNG, 16-bit gray": lambda db: _gray_file(db, 16, "PNG"),
        "PNG, 8-bit gray": lambda db: _gray_file(db, 8, "PNG"),
        "PNG, viridis, rounded": lambda db: _colour_file(db, "PNG"),
        "imsave viridis, fixed range": lambda db: _imsave_file(db, "viridis", LOW_DB, HIGH_DB),
        "imsave gray, fixed range": lambda db: _imsave_file(db, "gray", LOW_DB, HIGH_DB),
        "JPEG, gray": lambda db: _gray_file(db, 8, "JPEG"),
        "JPEG, viridis": lambda db: _colour_file(db, "JPEG"),
        "imsave viridis, own range": lambda db: _imsave_file(db, "viridis", None, None),
    }
)


def compare_formats(images: NDArray[np.float32]) -> pd.DataFrame:
    """Size and error of every way in `FORMATS`.

    Parameters
    ----------
    images : ndarray of float32, shape (n, rows, columns)
        In dB, within `LOW_DB` … `HIGH_DB`.

    Returns
    -------
    DataFrame
        ``format``; ``bytes`` for a value of the spectrogram; ``rms_error`` and ``worst_error``
        in dB.
    """
    rows = []
    for name, store in FORMATS.items():
        stored = [store(image) for image in images]
        error = np.stack([read for _, read in stored]).astype(np.float64) - images
        size = sum(len(file) for file, _ in stored) / images.size
        rows.append((name, size, float(np.sqrt(np.mean(error**2))), float(np.abs(error).max())))
    return pd.DataFrame(rows, columns=["format", "bytes", "rms_error", "worst_error"])


def in_words(low: float, high: float) -> str:
    """Say in words what an interval of a difference says: a gain, a loss, or neither.

    Parameters
    ----------
    low, high : float
        Ends of the interval.

    Examples
    --------
    >>> in_words(-0.02, 0.03)
    'no difference that these draws can tell'
    """
    return (
        "a gain" if low > 0 else "a loss" if high < 0 else "no difference that these draws can tell"
    )


# --- verdicts --------------------------------------------------------------------------------


def differences(information: Mapping[str, Information], start: str = "8 bits") -> pd.DataFrame:
    """Bits lost from one stage to each other stage, with intervals.

    Parameters
    ----------
    information : mapping of str to Information
        From `information_by_stage`.
    start : str
        The stage to start from.

    Returns
    -------
    DataFrame
        ``stage``, ``bits``, ``low``, ``high`` (information), ``plugin``, and ``lost``,
        ``lost_low``, ``lost_high``.
    """
    rows = []
    for stage, value in information.items():
        here, lost = value.interval, information[start].lost_to(value)
        rows.append((stage, here.estimate, here.low, here.high, value.plugin,
                     lost.estimate, lost.low, lost.high))  # fmt: skip
    columns = ["stage", "bits", "low", "high", "plugin", "lost", "lost_low", "lost_high"]
    return pd.DataFrame(rows, columns=columns)


def verdict_adds_nothing(
    information: Mapping[str, Information], recodings: Sequence[str], start: str = "8 bits"
) -> str:
    """Q1: colouring adds no information.

    Holds if no recoding of the levels tells more of the class than the levels (plug-in estimates,
    for which the data-processing inequality is exact); fails otherwise.
    """
    reference = information[start].plugin
    return (
        "holds"
        if all(information[name].plugin <= reference + 1e-9 for name in recodings)
        else "fails"
    )


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
