"""Notes whose partials are known, and detectors that look for partials one pixel at a time.

A point-wise detector depends on a spectrogram only through how often each level occurs off and on
the partials: two histograms of 256 counts (`level_counts`) give its precision and recall exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, signal

from analysis.colour.colormaps import LEVELS
from analysis.sound import datasets, spectrograms

Levels = NDArray[np.uint8]
Floats = NDArray[np.float64]

_WINDOW = 2048  # 128 ms at 16 kHz, bins of 7.8 Hz, so that the partials of the lowest note part
_HIGHEST = 4000.0  # Hz: what lies above is not judged
_RATE = 16_000  # Hz
_RANGE_DB = 80.0  # level 0 is so far under the picture's maximum

#: Families whose sounds have harmonic partials. Struck bars and bells stretch theirs, and organ
#: stops sound an octave below the key.
HARMONIC_FAMILIES = ("piano", "guitar", "bass", "strings", "brass", "reed", "pipe")


@dataclass(frozen=True)
class Notes:
    """Spectrograms of single notes with the truth about their partials."""

    #: (n, n_bins, n_frames); level 255 is each note's maximum, level 0 is 80 dB below
    levels: Levels
    truth: NDArray[np.bool_]  # whether a pixel lies on a partial
    f0: Floats  # (n,); fundamental frequencies, Hz
    kind: str  # "synthetic" or "rendered"
    #: notes left out because less than half of their power lies on the partials of their key
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.levels)


def synthetic_notes(count: int, seed: int) -> Notes:
    """Decaying harmonic tones in white noise, every partial known.

    Fundamentals are spread evenly in pitch over 82…932 Hz (the range of the rendered notes);
    partial k starts at amplitude ``k**-slope`` (slope 0.5…2) and decays the faster the higher it
    is; the noise is 0…40 dB below the tone. A pixel is on a partial if it is at most one bin away
    from a partial whose power, at that time, is at least the noise's expected power in a bin.

    >>> synthetic_notes(2, seed=0).levels.shape
    (2, 513, 63)
    """
    rng = np.random.default_rng(seed)
    f0 = 82.4 * 2 ** (rng.permutation(count) / max(count - 1, 1) * 3.5)
    pictures, truths = zip(*(_synthetic_note(f, rng) for f in f0), strict=True)
    return Notes(np.stack(pictures), np.stack(truths), f0, "synthetic")


def _synthetic_note(f0: float, rng: np.random.Generator) -> tuple[Levels, NDArray[np.bool_]]:
    slope, ratio_db = rng.uniform(0.5, 2.0), rng.uniform(0, 40)
    time = np.arange(_RATE) / _RATE
    partial = np.arange(1, int(7800 / f0) + 1)
    decay = rng.uniform(0.5, 4.0) * (1 + 0.1 * partial)  # 1/s
    amplitude = partial**-slope * np.exp(-np.outer(time, decay))  # (samples, partials)
    phase = rng.uniform(0, 2 * np.pi, len(partial))
    tone = (amplitude * np.cos(2 * np.pi * f0 * np.outer(time, partial) + phase)).sum(1)
    scale = 0.5 / np.abs(tone).max()
    deviation = scale * np.sqrt((tone**2).mean()) * 10 ** (-ratio_db / 20)
    noisy = scale * tone + deviation * rng.standard_normal(len(tone))
    bins = _bins()
    picture = spectrograms.power(noisy.astype(np.float32), _WINDOW)[: len(bins)]
    window = signal.windows.hann(_WINDOW, sym=False)
    floor = 4 * deviation**2 * (window**2).sum() / window.sum() ** 2  # noise power in a bin
    frames = spectrograms.frame_times(picture.shape[1], _RATE)
    audible = (scale * partial[:, None] ** -slope * np.exp(-np.outer(decay, frames))) ** 2 >= floor
    near = np.abs(bins[:, None] - f0 * partial) <= bins[1]
    return _note_levels(picture), (near.astype(int) @ audible.astype(int)) > 0


def rendered_notes(count: int, seed: int) -> Notes:
    """Take notes of sampled instruments (`HARMONIC_FAMILIES`) whose partials the key tells.

    A pixel is on a partial if its frequency is at most one bin, or 0.6 % (ten cents), away from a
    multiple of the key's frequency, whether or not that partial sounds. Notes that do not have at
    least half of their power there (transposed or noisy programs) are left out and counted.

    >>> rendered_notes(3, seed=0).levels.shape
    (3, 513, 63)
    """
    every = datasets.instruments()
    family = np.array(every.label_names)[every.labels]
    order = np.random.default_rng(seed).permutation(
        np.flatnonzero(np.isin(family, HARMONIC_FAMILIES))
    )
    bins, dropped = _bins(), 0
    pictures: list[Levels] = []
    truths: list[NDArray[np.bool_]] = []
    f0s: list[float] = []
    for index in order:
        if len(pictures) == count:
            break
        f0 = 440.0 * 2 ** ((int(str(every.clips[index])[6:9]) - 69) / 12)
        power = spectrograms.power(every.waveforms[index], _WINDOW)[: len(bins)]
        rows = partial_mask(f0, bins, tolerance_ratio=0.006)
        if power[rows].sum() < 0.5 * power.sum():
            dropped += 1
            continue
        pictures.append(_note_levels(power))
        truths.append(np.repeat(rows[:, None], power.shape[1], axis=1))
        f0s.append(f0)
    return Notes(np.stack(pictures), np.stack(truths), np.array(f0s), "rendered", dropped)


def _bins() -> Floats:
    """Frequencies of the rows of the notes' spectrograms, Hz."""
    bins = spectrograms.frequencies(_RATE, _WINDOW)
    return bins[bins <= _HIGHEST]


def _note_levels(power: NDArray[np.float32]) -> Levels:
    db = spectrograms.to_db(power, floor=-_RANGE_DB, reference="image")
    return np.asarray(spectrograms.quantise(db, -_RANGE_DB, 0.0), np.uint8)


def partial_mask(
    f0: float,
    bins: Floats,
    tolerance_ratio: float = 0.015,
) -> NDArray[np.bool_]:
    """Which of evenly spaced frequency `bins`, in Hz, lie on a harmonic partial of a note.

    A bin counts if it is at most one bin, or the share `tolerance_ratio` of ``k * f0``, from
    ``k * f0`` (0.015 is a quarter of a semitone: room for vibrato and stiff strings); never
    more than a quarter of ``f0``, so that the mask cannot swallow the valleys between partials.

    >>> np.flatnonzero(partial_mask(100.0, np.arange(0.0, 400.0, 25.0)))
    array([ 3,  4,  5,  7,  8,  9, 11, 12, 13])
    """
    partials = f0 * np.arange(1, int(bins[-1] / f0) + 1)
    reach = np.maximum(bins[1] - bins[0], np.minimum(tolerance_ratio * partials, f0 / 4))
    near = np.abs(bins[:, None] - partials) <= reach + 1e-9
    return np.asarray(near.any(axis=1))


def level_counts(levels: Levels, truth: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How often each level occurs off (row 0) and on (row 1) the partials, shape (2, 256).

    >>> level_counts(np.array([3, 3, 9], np.uint8), np.array([False, True, True]))[:, [3, 9]]
    array([[1, 0],
           [1, 1]])
    """
    if levels.shape != truth.shape:
        raise ValueError(f"levels {levels.shape} and truth {truth.shape} must have one shape")
    return np.stack(
        [np.bincount(levels[truth == side], minlength=LEVELS) for side in (False, True)]
    )


def precision_recall(counts: NDArray[np.int64], score: ArrayLike) -> tuple[Floats, Floats]:
    """Precision and recall of the detector "score(level) ≥ height", height falling.

    Of `counts` (2, 256), one entry for each distinct score, the highest first; heights that no
    pixel reaches are left out.

    >>> counts = level_counts(np.array([3, 9], np.uint8), np.array([False, True]))
    >>> [x.tolist() for x in precision_recall(counts, np.arange(256))]
    [[1.0, 0.5], [1.0, 1.0]]
    """
    _, rank = np.unique(-np.asarray(score, np.float64), return_inverse=True)
    steps = np.zeros((rank.max() + 1, 2))
    np.add.at(steps, rank, counts.T)
    off, on = steps[steps.sum(1) > 0].cumsum(0).T
    return on / (on + off), on / on[-1]


def average_precision(counts: NDArray[np.int64], score: ArrayLike) -> float:
    """Area under the precision–recall curve, ``Σ (recall_n - recall_{n-1}) precision_n``.

    >>> average_precision(np.ones((2, 256), np.int64), np.zeros(256))
    0.5
    """
    precision, recall = precision_recall(counts, score)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def best_pointwise(counts: NDArray[np.int64]) -> Floats:
    """Learn the best score that a detector of single pixels can have, as far as counts tell.

    By the Neyman–Pearson lemma no detector that sees the level alone beats thresholds on P(level |
    on) / P(level | off), which need not grow with the level. `counts` are pooled over the notes to
    learn from, *not* those to judge, and smoothed over the levels by a Gaussian of deviation
    3. The result, the share of pixels on a partial at each level, is a monotone function
    of the ratio.

    >>> counts = np.stack([np.arange(256)[::-1], np.arange(256)])
    >>> bool((np.diff(best_pointwise(counts)) > 0).all())
    True
    """
    off, on = ndimage.gaussian_filter1d(counts + 0.5, 3.0, axis=1, mode="nearest")
    return np.asarray(on / (on + off))


def local_contrast(levels: Levels, reach: int = 12) -> Levels:
    """How far a pixel rises above the median of its neighbours in frequency, 0 where it lies below.

    The simplest detector that sees neighbours (`reach` bins to either side): what a point-wise map
    cannot be.

    >>> local_contrast(np.array([[10], [10], [90], [10], [10]], np.uint8), reach=2).ravel()
    array([ 0,  0, 80,  0,  0], dtype=uint8)
    """
    background = ndimage.median_filter(levels, size=(2 * reach + 1, 1), mode="nearest")
    return np.where(levels > background, levels - background, 0).astype(np.uint8)
