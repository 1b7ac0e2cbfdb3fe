"""Spectrograms saved as pictures and files, by the libraries that people use, and read back.

Spectrograms are in dB, lowest frequency first, within `LOW_DB` … `HIGH_DB` where 8 bits have a
fixed range. Pictures are uint8 ``(height, width, 3)``, highest frequency at the top, as files have
them. `HABITS` are ways of drawing a picture
(`examine` measures what one does), `FORMATS` ways of storing values.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from sklearn.isotonic import IsotonicRegression

from analysis.colour import colormaps
from analysis.colour.information import colour_numbers
from analysis.jpeg import files
from analysis.sound import spectrograms

Decibels = NDArray[np.float32]
Picture = NDArray[np.uint8]

#: The range that 8 bits span wherever a range is fixed beforehand, in dB of a full-scale sine.
LOW_DB, HIGH_DB = -100.0, 0.0

#: Side of the square picture that a net is fed, in pixels.
NET_SIZE = 224


def imsave(values: NDArray[Any], **options: Any) -> bytes:
    """Save with ``plt.imsave`` (which takes the options) and return the PNG's bytes."""
    stream = io.BytesIO()
    plt.imsave(stream, values, format="png", **options)
    return stream.getvalue()


def decode(file: bytes) -> Picture:
    """Read a picture's pixels as a data loader does: uint8, shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def exact_levels(db: NDArray[np.float32]) -> NDArray[np.float64]:
    """Levels of dB before rounding: float64 in 0…255."""
    clipped = np.clip(np.asarray(db, np.float64), LOW_DB, HIGH_DB)
    return np.asarray((clipped - LOW_DB) / (HIGH_DB - LOW_DB) * 255)


# --- pictures ---


@dataclass(frozen=True)
class Habit:
    """A way in which people turn a spectrogram into a picture."""

    #: short name, and the call that does it
    name: str
    code: str
    colormap: str  # of its pictures; ``"gray"`` where there are three equal channels
    #: from dB, shape (rows, columns), to the picture, as a data loader reads the file
    draw: Callable[[Decibels], Picture]


def as_fed(habit: Habit, db: Decibels) -> Picture:
    """Draw by a habit, with matplotlib's defaults, and resize by Pillow's bilinear filter."""
    with plt.style.context("default"):
        picture = habit.draw(db)
    resized = spectrograms.resize(picture[None], (NET_SIZE, NET_SIZE), "bilinear")
    return np.asarray(resized[0], np.uint8)


def _saved(figure: Figure, **options: Any) -> Picture:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", **options)
    plt.close(figure)
    return decode(stream.getvalue())


def _savefig_with_axes(db: Decibels) -> Picture:
    figure, axes = plt.subplots()
    image = axes.imshow(db, origin="lower", aspect="auto", cmap="viridis")
    axes.set(xlabel="frame", ylabel="mel band")
    figure.colorbar(image)
    return _saved(figure)


def _savefig_tight(db: Decibels, **options: Any) -> Picture:
    figure, axes = plt.subplots()
    axes.imshow(db, origin="lower", aspect="auto", cmap="viridis")
    axes.axis("off")
    return _saved(figure, bbox_inches="tight", **options)


def _savefig_tight_no_pad(db: Decibels) -> Picture:
    return _savefig_tight(db, pad_inches=0)


def _specshow_like(db: Decibels) -> Picture:
    """Mesh on a mel axis with a colour bar: what a display function for spectrograms draws."""
    edges = spectrograms.mel_frequencies(db.shape[0])
    figure, axes = plt.subplots()
    mesh = axes.pcolormesh(np.arange(db.shape[1]) * 0.016, edges, db, shading="nearest",
                           cmap="magma", rasterized=True)  # fmt: skip
    axes.set_yscale("symlog", base=2, linthresh=1000)
    axes.set(xlabel="Time", ylabel="Hz", ylim=(0, edges[-1]))
    figure.colorbar(mesh, format="%+2.0f dB")
    return _saved(figure)


def _imsave_own_range(db: Decibels) -> Picture:
    return decode(imsave(db[::-1], cmap="viridis"))


def _imsave_gray(db: Decibels) -> Picture:
    return decode(imsave(db[::-1], cmap="gray"))


def _imsave_fixed(db: Decibels) -> Picture:
    return decode(imsave(db[::-1], cmap="viridis", vmin=LOW_DB, vmax=HIGH_DB))


def _mono_to_color(db: Decibels) -> Picture:
    """Stack three times, z-score, stretch to the clip's own minimum and maximum, cut to bytes."""
    stacked = np.stack([db[::-1]] * 3, axis=-1)
    scored = (stacked - stacked.mean()) / (stacked.std() + 1e-6)
    low, high = scored.min(), scored.max()
    return np.asarray(255 * (scored - low) / max(high - low, 1e-6), np.uint8)


def _pillow_fixed(db: Decibels) -> Picture:
    return decode(files.encode(spectrograms.quantise(db[::-1], LOW_DB, HIGH_DB), "PNG"))


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


# --- what a habit does ---


def examine(habit: Habit, images: NDArray[np.float32], seed: int) -> pd.Series:
    """Measure what a habit does, without knowing how it works.

    Where each pixel of the picture comes from is found by drawing ramps: one whose value is the
    row, one whose value is the column. A pixel is *not spectrogram* if it is the same in pictures
    of different noise. ``cells_seen``: share of cells with a pixel of their own; ``error``
    (levels): root mean square after the best monotone decoding; ``shift`` (levels): by how much the
    decoded picture darkens when the recording is made quieter by 12 dB, and ``shift_due``: should.
    """
    shape = images.shape[1:]
    live = _live_pixels(habit, shape, seed)
    cell = _cell_of_each_pixel(habit, shape)
    cells = np.bincount(cell[live], minlength=images[0].size)
    errors, shifts, due = [], [], []
    for image in images:
        read = _read_levels(habit, image)
        truth = exact_levels(image).ravel()
        sums = np.bincount(cell[live], weights=read[live], minlength=image.size)
        seen = cells > 0
        errors.append(_monotone_error(sums[seen] / cells[seen], truth[seen]))
        quiet = image - np.float32(12)
        shifts.append((read - _read_levels(habit, quiet))[live].mean())
        due.append((exact_levels(image) - exact_levels(quiet)).mean())
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


# --- files ---


def _npy(db: Decibels, dtype: type) -> tuple[bytes, Decibels]:
    stream = io.BytesIO()
    np.save(stream, db.astype(dtype))
    stream.seek(0)
    return stream.getvalue(), np.load(stream).astype(np.float32)


def _gray_file(db: Decibels, bits: int, kind: str) -> tuple[bytes, Decibels]:
    file = files.encode(spectrograms.quantise(db, LOW_DB, HIGH_DB, bits), kind)
    return file, spectrograms.dequantise(files.decode(file), LOW_DB, HIGH_DB, bits)


def _colour_file(db: Decibels, kind: str) -> tuple[bytes, Decibels]:
    table = colormaps.lut8_rounded("viridis")
    levels = spectrograms.quantise(db, LOW_DB, HIGH_DB)
    file = files.encode(colormaps.apply(levels, table), kind)
    read = colormaps.nearest_level(decode(file), table)
    return file, spectrograms.dequantise(read, LOW_DB, HIGH_DB)


def _imsave_file(
    db: Decibels, colormap: str, low: float | None, high: float | None
) -> tuple[bytes, Decibels]:
    """Read back as if the range were the fixed one: nobody stores the other.

    matplotlib puts floats into 256 equal bins, rounding down: a bin is read as its middle.
    """
    file = imsave(db, cmap=colormap, vmin=low, vmax=high)
    table = colormaps.lut8(colormap)
    code = colour_numbers(colormaps.lut8(colormap))
    middle = np.array([np.flatnonzero(code == number).mean() for number in code])
    read = middle[colormaps.nearest_level(decode(file), table)]
    return file, np.asarray(LOW_DB + (HIGH_DB - LOW_DB) * (read + 0.5) / 256, np.float32)


def _tiff_float(db: Decibels) -> tuple[bytes, Decibels]:
    file = files.encode(db, "TIFF", compression="tiff_deflate")
    return file, np.asarray(files.decode(file), np.float32)


_Way = Callable[[Decibels], tuple[bytes, Decibels]]

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
