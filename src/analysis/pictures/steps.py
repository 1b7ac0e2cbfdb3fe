"""The steps of "saving a spectrogram as an image", each of which can be taken or left out.

People compare "raw" with "image" and change six things at once. Here each step is a switch, so that
all 64 combinations can be trained on, and `evidence.attribution.shapley` can say which step did
what. Steps are taken in the order of the pipeline: ``log``, ``scaling``, ``resize``, ``8
bits``, ``colormap``, ``codec``; a step that is left out passes on what it got.

===========  ========================================  =============================================
step         taken                                     left out
===========  ========================================  =============================================
``log``      decibels, down to a floor under the peak  linear amplitude
``scaling``  each image's own lowest and highest value  one range, the training set's
``8 bits``   rounded to 256 levels                     floats
``resize``   area-averaged to a given size             the size it came in
``colormap`` three channels                            one channel
``codec``    written as JPEG and read back             nothing lost
===========  ========================================  =============================================

Two steps touch: a codec takes bytes, so with ``codec`` there are 256 levels whatever ``8 bits``
says; and a colormap without ``8 bits`` is interpolated between its 256 colours. The Shapley
attribution shares such overlaps out evenly.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.colour.colormaps import LEVELS, lut, lut8_rounded
from analysis.jpeg import files
from analysis.pictures import encodings
from analysis.sound import spectrograms

Images = NDArray[np.float32]
Scores = NDArray[np.float64]

#: The steps, in the order in which their switches are counted.
STEPS = ("log", "scaling", "8 bits", "resize", "colormap", "codec")


@dataclass(frozen=True)
class Pipeline:
    """What each step does where it is taken."""

    size: tuple[int, int] = (64, 64)  # rows and columns after ``resize``
    colormap: str = "viridis"  # of matplotlib
    quality: int = 75  # JPEG's, 1…100; 75 is Pillow's default
    #: ``log`` keeps this many dB below the peak (of the training set; of the image with
    #: ``scaling``); 80 is librosa's default
    range_db: float = 80.0

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"JPEG's quality is 1…100, not {self.quality}")
        if not self.range_db > 0:
            raise ValueError(f"range_db must be positive, not {self.range_db}")


def cells(steps: Collection[str] = STEPS) -> tuple[frozenset[str], ...]:
    """All subsets of some steps: cell ``j`` holds step ``i`` if bit ``i`` of ``j`` is set.

    It is the order of `analysis.evidence.attribution.shapley`.

    >>> [sorted(cell) for cell in cells(("a", "b"))]
    [[], ['a'], ['b'], ['a', 'b']]
    """
    names = tuple(steps)
    return tuple(
        frozenset(name for i, name in enumerate(names) if j >> i & 1)
        for j in range(2 ** len(names))
    )


def factorial(runs: pd.DataFrame, steps: Sequence[str] = STEPS, score: str = "test") -> Scores:
    """Scores of all combinations of some switches, shape (2**k, seeds), seeds side by side.

    A row of `runs` is a trained network, with a column for each switch. A seed of which a network
    diverged (its score is not a number) is left out of all combinations: the others stay paired. A
    seed that a combination misses, or has twice, raises.

    >>> runs = pd.DataFrame({"a": [False, True], "seed": [0, 0], "test": [0.5, 0.75]})
    >>> factorial(runs, ["a"])
    array([[0.5 ],
           [0.75]])
    """
    place = runs[list(steps)].to_numpy(bool) @ (1 << np.arange(len(steps)))
    known = pd.MultiIndex.from_arrays([place, runs.seed])
    if known.has_duplicates:
        raise ValueError("a combination of steps has the same seed twice")
    whole = pd.MultiIndex.from_product([range(2 ** len(steps)), sorted(set(runs.seed))])
    for cell, seed in whole[~whole.isin(known)]:
        taken = ", ".join(sorted(cells(steps)[cell])) or "no step"
        raise ValueError(f"no score with {taken} for seed {seed}: the factorial is not complete")
    found = pd.Series(runs[score].to_numpy(np.float64), known).reindex(whole)
    scores = found.to_numpy().reshape(2 ** len(steps), -1)
    return np.asarray(scores[:, np.isfinite(scores).all(axis=0)])


def prepare(
    magnitude: ArrayLike, on: Collection[str], train: ArrayLike, how: Pipeline | None = None
) -> Images:
    """Take some of the `STEPS` from amplitudes (n, frequencies, frames) to images, channels second.

    A common range is taken from the rows of `train`; without ``scaling``, other rows are clipped to
    it. The images, float32 in [0, 1], have one channel, or three with ``colormap``. An unknown
    step, and amplitudes that are negative, not finite or all zero in training, raise.

    >>> sounds = np.random.default_rng(0).random((4, 20, 30))
    >>> prepare(sounds, {"log", "resize", "colormap"}, [0, 1]).shape
    (4, 3, 64, 64)
    """
    how = how or Pipeline()
    unknown = set(on) - set(STEPS)
    if unknown:
        raise ValueError(f"unknown step {sorted(unknown)[0]!r}; valid: {', '.join(STEPS)}")
    x = np.asarray(magnitude, np.float32)
    if x.ndim != 3 or not np.isfinite(x).all() or (x < 0).any():
        raise ValueError(
            f"amplitudes have the shape (n, frequencies, frames) and are finite and not negative; "
            f"got shape {x.shape}"
        )
    values = _scaled(x, np.asarray(train), on, how.range_db)
    if "resize" in on:
        values = spectrograms.resize(values, how.size)
    if "8 bits" in on:
        values = encodings.quantise(values).astype(np.float32) / np.float32(LEVELS - 1)
    images = values[..., None]
    if "colormap" in on:
        images = _coloured(values, how.colormap, as_bytes="8 bits" in on)
    if "codec" in on:
        images = np.stack([_jpeg(image, how.quality) for image in images])
    return np.ascontiguousarray(np.moveaxis(images, -1, 1), np.float32)


def _scaled(x: Images, train: NDArray[np.int64], on: Collection[str], range_db: float) -> Images:
    """Amplitude or decibels, brought to [0, 1] by the training set's range or by each image's."""
    peak = x[train].max()
    if not peak > 0:
        raise ValueError("the training set is silent: all its amplitudes are zero")
    own = "scaling" in on
    if "log" in on:
        tops = x.max(axis=(1, 2), keepdims=True)
        top = np.where(tops > 0, tops, peak) if own else peak
        share = x / top.astype(np.float64)  # in float32 the faintest amplitudes would underflow
        x = np.asarray(20 * np.log10(np.maximum(share, 10 ** (-range_db / 20))), np.float32)
    source = x if own else x[train]
    low, high = spectrograms.value_range(source, "image" if own else "set")
    span = np.where(high > low, high - low, np.float32(1))
    return np.asarray(np.clip((x - low) / span, 0, 1), np.float32)


def _coloured(values: Images, colormap: str, as_bytes: bool) -> Images:
    """Colours of values in [0, 1]: an image file's bytes, or interpolated between the 256."""
    if as_bytes:
        table = lut8_rounded(colormap).astype(np.float32) / np.float32(LEVELS - 1)
        return np.asarray(table[encodings.quantise(values)])
    table = lut(colormap).astype(np.float32)
    place = values * np.float32(LEVELS - 1)
    below = np.minimum(place.astype(np.intp), LEVELS - 2)
    part = (place - below)[..., None]
    return np.asarray(table[below] * (1 - part) + table[below + 1] * part)


def _jpeg(image: Images, quality: int) -> Images:
    """Write an image (rows, columns, 1 or 3) in [0, 1] as JPEG, as Pillow does, and read it."""
    levels = encodings.quantise(image)
    plain = levels[..., 0] if levels.shape[-1] == 1 else levels
    decoded = files.decode(files.encode(plain, "JPEG", quality=quality))
    return decoded.reshape(image.shape).astype(np.float32) / np.float32(LEVELS - 1)


def standardise(images: ArrayLike, train: ArrayLike) -> Images:
    """Bring each channel to mean 0 and deviation 1 over the training rows.

    With it no cell of the factorial has an advantage of scale: what is left is what the steps do.
    `images` are as `prepare` gives them.
    """
    x = np.asarray(images, np.float32)
    scale = encodings.fit_scale("standardised", x[np.asarray(train)], axis=-3)
    return np.asarray(scale(x, axis=-3), np.float32)
