"""Colour as a filter: what a colormap does to a spectrogram, one pixel and one channel at a time.

A colormap sends the level of each pixel through three fixed curves, R, G and B. This module asks
what the curves do: whether R picks peaks, which spatial frequencies appear, whether a pixel can
still be foretold from its neighbours, how level noise is amplified, and what classical learners
gain or lose.

Everything point-wise depends on a spectrogram only through how often each level occurs on and off
the peaks, so detectors work on two histograms of 256 counts (`level_counts`), exactly and at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, signal, spatial, special, stats
from tqdm import tqdm

from analysis.colour import colormaps
from analysis.colour.colormaps import LEVELS
from analysis.evidence import statistics
from analysis.evidence.statistics import Interval
from analysis.sound import datasets, encodings, spectrograms

Levels = NDArray[np.uint8]
Floats = NDArray[np.float64]


# --------------------------------------------------------------------------------------------------
# The curves
# --------------------------------------------------------------------------------------------------


def falls(channel: ArrayLike) -> int:
    """How many levels lie on a falling stretch of a channel's curve.

    Parameters
    ----------
    channel : array_like, shape (256,)
        A column of a colormap's table.

    Returns
    -------
    int
        Steps t → t + 1 on which the channel decreases, 0…255.

    Examples
    --------
    >>> falls(np.arange(256)), falls(-np.arange(256))
    (0, 255)
    """
    return int((np.diff(np.asarray(channel, np.float64)) < 0).sum())


def is_plain_threshold(channel: ArrayLike, height: float) -> bool:
    """Whether "channel ≥ height" says no more than "level ≥ some level".

    Parameters
    ----------
    channel : array_like, shape (256,)
        A column of a colormap's table.
    height : float
        In the channel's units.

    Returns
    -------
    bool
        True if the levels that pass are a…255 for some a (or none).

    Examples
    --------
    >>> r = colormaps.lut("turbo")[:, 0]
    >>> is_plain_threshold(r, 0.4), is_plain_threshold(r, 0.6)
    (True, False)
    """
    passes = np.asarray(channel) >= height
    return bool((np.diff(passes.astype(np.int8)) >= 0).all())


def plain_threshold_share(channel: ArrayLike) -> float:
    """Share of a channel's distinct heights at which it is a plain threshold on the level.

    Parameters
    ----------
    channel : array_like, shape (256,)
        A column of a colormap's table.

    Returns
    -------
    float
        In (0, 1]; 1 exactly if the channel never falls.

    Examples
    --------
    >>> plain_threshold_share(np.arange(256))
    1.0
    """
    heights = np.unique(np.asarray(channel))
    return float(np.mean([is_plain_threshold(channel, height) for height in heights]))


def passband(channel: ArrayLike, height: float) -> tuple[int, int]:
    """Lowest and highest level at which a channel reaches a height.

    Parameters
    ----------
    channel : array_like, shape (256,)
        A column of a colormap's table.
    height : float
        In the channel's units.

    Returns
    -------
    low, high : int
        Levels.

    Raises
    ------
    ValueError
        If the channel never reaches the height.

    Examples
    --------
    >>> passband(np.arange(256) / 255, 0.5)
    (128, 255)
    """
    inside = np.flatnonzero(np.asarray(channel) >= height)
    if not len(inside):
        raise ValueError(f"the channel never reaches {height}; its maximum is {np.max(channel)}")
    return int(inside[0]), int(inside[-1])


# --------------------------------------------------------------------------------------------------
# Peaks: notes with known partials, and detectors that see one pixel
# --------------------------------------------------------------------------------------------------


def partial_mask(
    f0: float,
    bins: Floats,
    *,
    tolerance_bins: float = 1.0,
    tolerance_ratio: float = 0.015,
    highest: float = np.inf,
) -> NDArray[np.bool_]:
    """Frequency bins that lie on a harmonic partial of a note.

    Parameters
    ----------
    f0 : float
        Fundamental frequency, Hz.
    bins : ndarray of float64, shape (n_bins,)
        Centre frequencies, Hz, evenly spaced.
    tolerance_bins : float
        A bin counts if it is at most so many bins from ``k * f0``, …
    tolerance_ratio : float
        … or at most this share of ``k * f0`` away (0.015 is a quarter of a semitone), which leaves
        room for vibrato and stiff strings; never more than a quarter of ``f0``, so that the mask
        cannot swallow the valleys between partials.
    highest : float
        Partials above this frequency, Hz, are left out.

    Returns
    -------
    ndarray of bool, shape (n_bins,)

    Examples
    --------
    >>> np.flatnonzero(partial_mask(100.0, np.arange(0.0, 400.0, 25.0)))
    array([ 3,  4,  5,  7,  8,  9, 11, 12, 13])
    """
    partials = f0 * np.arange(1, int(min(bins[-1], highest) / f0) + 1)
    reach = np.maximum(
        tolerance_bins * (bins[1] - bins[0]), np.minimum(tolerance_ratio * partials, f0 / 4)
    )
    near = np.abs(bins[:, None] - partials) <= reach + 1e-9
    return np.asarray(near.any(axis=1))


def level_counts(levels: Levels, truth: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How often each level occurs off and on the peaks.

    Parameters
    ----------
    levels : ndarray of uint8, any shape
        A spectrogram's levels.
    truth : ndarray of bool, same shape
        Which pixels lie on a partial.

    Returns
    -------
    ndarray of int64, shape (2, 256)
        Row 0 off, row 1 on the partials. All that a point-wise detector can know.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
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

    Parameters
    ----------
    counts : ndarray of int64, shape (2, 256)
        From `level_counts`, with at least one pixel on a partial.
    score : array_like, shape (256,)
        The detector's score of each level; equal scores are accepted together.

    Returns
    -------
    precision, recall : ndarray of float64, shape (n_heights,)
        One entry for each distinct score, highest first; heights that no pixel reaches are left
        out.

    Examples
    --------
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
    """Area under the precision–recall curve, as scikit-learn defines it.

    Parameters
    ----------
    counts : ndarray of int64, shape (2, 256)
        From `level_counts`.
    score : array_like, shape (256,)
        The detector's score of each level.

    Returns
    -------
    float
        In [0, 1]: ``Σ (recall_n - recall_{n-1}) precision_n``.

    Examples
    --------
    >>> average_precision(np.ones((2, 256), np.int64), np.zeros(256))
    0.5
    """
    precision, recall = precision_recall(counts, score)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def best_pointwise(counts: NDArray[np.int64], smoothing: float = 3.0) -> Floats:
    """Learn the best score that a detector of single pixels can have, as far as counts tell.

    By the Neyman–Pearson lemma no detector that sees the level alone beats thresholds on
    P(level | on) / P(level | off), which need not grow with the level.

    Parameters
    ----------
    counts : ndarray of int64, shape (2, 256)
        Pooled over the notes to learn from, *not* those to judge.
    smoothing : float
        Standard deviation, in levels, of the Gaussian that smooths the counts.

    Returns
    -------
    ndarray of float64, shape (256,)
        Share of pixels on a partial at each level, in (0, 1): a monotone function of the ratio.

    Examples
    --------
    >>> counts = np.stack([np.arange(256)[::-1], np.arange(256)])
    >>> bool((np.diff(best_pointwise(counts)) > 0).all())
    True
    """
    off, on = ndimage.gaussian_filter1d(counts + 0.5, smoothing, axis=1, mode="nearest")
    return np.asarray(on / (on + off))


def local_contrast(levels: Levels, reach: int = 12) -> Levels:
    """How far a pixel rises above the median of its neighbours in frequency.

    The simplest detector that sees neighbours: what a point-wise map cannot be.

    Parameters
    ----------
    levels : ndarray of uint8, shape (n_bins, n_frames)
        A spectrogram's levels.
    reach : int
        Bins to either side.

    Returns
    -------
    ndarray of uint8, shape (n_bins, n_frames)
        Rise above the median, 0 where it lies below.

    Examples
    --------
    >>> local_contrast(np.array([[10], [10], [90], [10], [10]], np.uint8), reach=2).ravel()
    array([ 0,  0, 80,  0,  0], dtype=uint8)
    """
    background = ndimage.median_filter(levels, size=(2 * reach + 1, 1), mode="nearest")
    return np.where(levels > background, levels - background, 0).astype(np.uint8)


# --------------------------------------------------------------------------------------------------
# The Fourier plane
# --------------------------------------------------------------------------------------------------


def grating_harmonics(channel: ArrayLike, count: int = 12) -> Floats:
    """Harmonics that a channel makes of a grating which sweeps all levels.

    The grating's level is ``127.5 (1 + cos θ)``. The amplitude of ``cos nθ`` in the channel is the
    n-th Chebyshev coefficient of the curve, since ``T_n(cos θ) = cos nθ``.

    Parameters
    ----------
    channel : array_like, shape (256,)
        A column of a colormap's table, interpolated linearly between levels.
    count : int
        Highest harmonic.

    Returns
    -------
    ndarray of float64, shape (count + 1,)
        Amplitudes of ``cos nθ``, n = 0…count, in the channel's units.

    Examples
    --------
    >>> grating_harmonics(np.arange(256) / 255, 3).round(6) + 0.0
    array([0.5, 0.5, 0. , 0. ])
    """
    samples = 8192
    level = 127.5 * (1 + np.cos(2 * np.pi * np.arange(samples) / samples))
    spectrum = np.fft.rfft(np.interp(level, np.arange(LEVELS), np.asarray(channel, np.float64)))
    amplitude = spectrum.real[: count + 1] * 2 / samples
    amplitude[0] /= 2
    return np.asarray(amplitude)


def harmonic_share(channel: ArrayLike) -> float:
    """Share of a grating's alternating energy that a channel moves to frequencies not its own.

    Parameters
    ----------
    channel : array_like, shape (256,)
        A column of a colormap's table.

    Returns
    -------
    float
        In [0, 1]; 0 exactly if the channel is affine in the level. 0 for a constant channel.

    Examples
    --------
    >>> round(harmonic_share(np.arange(256) / 255), 9)
    0.0
    """
    energy = grating_harmonics(channel, 2048)[1:] ** 2
    total = energy.sum()
    return float(1 - energy[0] / total) if total > 1e-20 else 0.0


def spatial_power(image: ArrayLike) -> Floats:
    """Power of a picture in the two-dimensional Fourier plane.

    Parameters
    ----------
    image : array_like, shape (height, width)
        One channel. Its mean is removed and a Hann window applied along both axes.

    Returns
    -------
    ndarray of float64, shape (height, width)
        Squared magnitude, frequency 0 in the middle (``[height // 2, width // 2]``); the step along
        an axis is 1/height or 1/width cycles a pixel.

    Examples
    --------
    >>> bool(spatial_power(np.ones((4, 6))).max() < 1e-20)
    True
    """
    picture = np.asarray(image, np.float64)
    window = np.outer(*(signal.windows.hann(size, sym=False) for size in picture.shape))
    centred = picture - (window * picture).sum() / window.sum()
    return np.asarray(np.abs(np.fft.fftshift(np.fft.fft2(window * centred))) ** 2)


def own_frequencies(power: Floats, share: float = 0.99) -> NDArray[np.bool_]:
    """Smallest set of spatial frequencies that holds a share of a picture's energy.

    Parameters
    ----------
    power : ndarray of float64, shape (height, width)
        From `spatial_power`.
    share : float
        In (0, 1].

    Returns
    -------
    ndarray of bool, shape (height, width)

    Examples
    --------
    >>> own_frequencies(np.array([[8.0, 1.0, 1.0]]), share=0.9)
    array([[ True,  True, False]])
    """
    order = np.argsort(-power, axis=None, kind="stable")
    running = power.ravel()[order].cumsum()
    kept = int(np.searchsorted(running, share * running[-1] * (1 - 1e-12))) + 1
    own = np.zeros(power.size, bool)
    own[order[:kept]] = True
    return own.reshape(power.shape)


def new_energy(own: NDArray[np.bool_], power: Floats) -> float:
    """Share of a channel's energy at spatial frequencies where the gray picture has next to none.

    Parameters
    ----------
    own : ndarray of bool, shape (height, width)
        `own_frequencies` of the gray picture.
    power : ndarray of float64, same shape
        `spatial_power` of the channel.

    Returns
    -------
    float
        In [0, 1]; at most 1 % for the gray picture itself. 0 for a constant channel.

    Examples
    --------
    >>> new_energy(np.array([True, True, False]), np.array([0.0, 1.0, 1.0]))
    0.5
    """
    total = power.sum()
    return float(power[~own].sum() / total) if total > 0 else 0.0


def radial_profile(power: Floats, bands: int = 16) -> tuple[Floats, Floats]:
    """Energy in rings of spatial frequency.

    Parameters
    ----------
    power : ndarray of float64, shape (height, width)
        From `spatial_power`.
    bands : int
        Rings between 0 and the corner of the plane, √½ cycles a pixel.

    Returns
    -------
    centre : ndarray of float64, shape (bands,)
        Middle of each ring, cycles a pixel.
    share : ndarray of float64, shape (bands,)
        Shares of the energy, sum 1.

    Examples
    --------
    >>> centre, share = radial_profile(np.ones((8, 8)), 4)
    >>> round(float(share.sum()), 9)
    1.0
    """
    axes = [np.fft.fftshift(np.fft.fftfreq(size)) for size in power.shape]
    radius = np.hypot(axes[0][:, None], axes[1])
    edges = np.linspace(0, np.sqrt(0.5) + 1e-9, bands + 1)
    energy, _ = np.histogram(radius, edges, weights=power)
    return (edges[1:] + edges[:-1]) / 2, energy / energy.sum()


def edge_energy(levels: Levels, channel: ArrayLike) -> Floats:
    """On which levels a channel's edges lie.

    Parameters
    ----------
    levels : ndarray of uint8, shape (n_bins, n_frames)
        A spectrogram's levels.
    channel : array_like, shape (256,)
        A column of a colormap's table.

    Returns
    -------
    ndarray of float64, shape (256,)
        Squared differences of neighbouring pixels (both directions), summed by the mean level of
        the two pixels; sum 1 (0 for a constant picture). An edge that follows an iso-level line
        shows as a peak at that level.

    Examples
    --------
    >>> edge_energy(np.array([[10, 20]], np.uint8), np.arange(256))[15]
    np.float64(1.0)
    """
    curve = np.asarray(channel, np.float64)
    energy = np.zeros(LEVELS)
    for first, second in _neighbour_pairs(levels):
        middle = (first.astype(np.int64) + second) // 2
        energy += np.bincount(middle, (curve[first] - curve[second]) ** 2, minlength=LEVELS)
    total = energy.sum()
    return energy / total if total > 0 else energy


def _neighbour_pairs(levels: Levels) -> Iterable[tuple[Levels, Levels]]:
    """Pixels and their neighbours, one above the other and side by side."""
    yield levels[:-1].ravel(), levels[1:].ravel()
    yield levels[:, :-1].ravel(), levels[:, 1:].ravel()


def narrowest_half(energy: Floats) -> tuple[int, int]:
    """Narrowest run of levels that holds half of the energy.

    Parameters
    ----------
    energy : ndarray of float64, shape (256,)
        Not negative; not all zero.

    Returns
    -------
    low, high : int
        First and last level of the run.

    Examples
    --------
    >>> narrowest_half(np.eye(256)[40])
    (40, 40)
    """
    running = np.concatenate([[0.0], np.cumsum(energy)])
    ends = np.searchsorted(running, running + running[-1] * (0.5 - 1e-12))
    starts = np.flatnonzero(ends <= len(energy))
    low = int(starts[(ends[starts] - starts).argmin()])
    return low, int(ends[low]) - 1


# --------------------------------------------------------------------------------------------------
# Neighbours
# --------------------------------------------------------------------------------------------------


def neighbourhoods(levels: Levels) -> tuple[Levels, Levels]:
    """Inner pixels and their eight neighbours.

    Parameters
    ----------
    levels : ndarray of uint8, shape (n_bins, n_frames)
        At least 3 × 3.

    Returns
    -------
    centre : ndarray of uint8, shape (n,)
    around : ndarray of uint8, shape (n, 8)
        Row by row, the centre left out.

    Examples
    --------
    >>> centre, around = neighbourhoods(np.arange(9, dtype=np.uint8).reshape(3, 3))
    >>> centre, around
    (array([4], dtype=uint8), array([[0, 1, 2, 3, 5, 6, 7, 8]], dtype=uint8))
    """
    windows = np.lib.stride_tricks.sliding_window_view(levels, (3, 3)).reshape(-1, 9)
    return windows[:, 4], np.delete(windows, 4, axis=1)


def neighbour_information(counts: NDArray[np.float64], symbols: NDArray[np.intp]) -> float:
    """Mutual information between neighbouring pixels after a recoding of the levels.

    Parameters
    ----------
    counts : ndarray, shape (256, 256)
        How often level i has a neighbour of level j.
    symbols : ndarray of int, shape (256,)
        The symbol of each level, 0…n - 1: levels that share a colour share a symbol.

    Returns
    -------
    float
        Bits, with Miller and Madow's correction of the bias. An injective recoding leaves it
        exactly unchanged: mutual information does not care what the symbols are called.

    Notes
    -----
    Miller (1955), *Note on the bias of information estimates*.

    Examples
    --------
    >>> round(neighbour_information(np.eye(256) * 1e6, np.arange(256)), 2)
    8.0
    """
    size = int(symbols.max()) + 1
    code = (symbols[:, None] * size + symbols).ravel()
    joint = np.bincount(code, counts.ravel(), minlength=size * size).astype(np.float64)
    joint = joint.reshape(size, size)
    parts = (joint.sum(1), joint.sum(0), joint)
    first, second, both = (_entropy(part) for part in parts)
    return float(first + second - both)


def _entropy(counts: Floats) -> float:
    """Entropy in bits, Miller–Madow."""
    seen = counts[counts > 0]
    total = seen.sum()
    plain = np.log(total) - (seen * np.log(seen)).sum() / total
    return float((plain + (len(seen) - 1) / (2 * total)) / np.log(2))


def neighbour_counts(levels: Levels) -> Floats:
    """How often each level has each other level beside or below it.

    Parameters
    ----------
    levels : ndarray of uint8, shape (n_bins, n_frames)

    Returns
    -------
    ndarray of float64, shape (256, 256)

    Examples
    --------
    >>> neighbour_counts(np.array([[1, 2], [1, 2]], np.uint8))[1, [1, 2]]
    array([1., 2.])
    """
    counts = np.zeros(LEVELS * LEVELS)
    for first, second in _neighbour_pairs(levels):
        counts += np.bincount(first.astype(np.int64) * LEVELS + second, minlength=LEVELS**2)
    return counts.reshape(LEVELS, LEVELS)


def symbols_of(table: ArrayLike) -> NDArray[np.intp]:
    """Give numbers to the colours of a table: levels of one colour get one number.

    Parameters
    ----------
    table : array_like, shape (256,) or (256, channels)

    Returns
    -------
    ndarray of int, shape (256,)

    Examples
    --------
    >>> symbols_of(np.arange(256) // 2)[[0, 1, 2]]
    array([0, 0, 1])
    """
    rows = np.asarray(table).reshape(LEVELS, -1)
    return np.asarray(np.unique(rows, axis=0, return_inverse=True)[1]).reshape(-1)


# --------------------------------------------------------------------------------------------------
# Noise
# --------------------------------------------------------------------------------------------------

#: Standard deviation of ImageNet's channels, the unit in which pretrained nets take their input.
IMAGENET_DEVIATION = np.array(encodings.IMAGENET_STD)


def lightness(name: str) -> Floats:
    """Lightness J' of a colormap's levels in CAM02-UCS.

    Parameters
    ----------
    name : str
        A matplotlib colormap.

    Returns
    -------
    ndarray of float64, shape (256,)
        0 is black, 100 the white of sRGB.

    Examples
    --------
    >>> lightness("gray")[[0, 255]].round(1) + 0.0
    array([  0., 100.])
    """
    return colormaps.cam02ucs(name)[:, 0]


def turns(curve: ArrayLike, least: float = 1.0) -> int:
    """How often a curve turns around, small wiggles left out.

    Parameters
    ----------
    curve : array_like, shape (n,)
    least : float
        A turn counts once the curve has come back by this much.

    Returns
    -------
    int
        0 for a monotone curve.

    Examples
    --------
    >>> turns([0, 5, 2, 9]), turns([0, 5, 4.5, 9])
    (2, 0)
    """
    values = np.asarray(curve, np.float64)
    count, direction = 0, 0
    low = high = values[0]
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        if direction >= 0 and value <= high - least:
            count, direction, low = count + (direction > 0), -1, value
        elif direction <= 0 and value >= low + least:
            count, direction, high = count + (direction < 0), 1, value
        if direction > 0:
            low = value
        elif direction < 0:
            high = value
    return count


def perceptual_gain(name: str) -> Floats:
    """How far the colour moves for one level, as the eye sees it.

    Parameters
    ----------
    name : str
        A matplotlib colormap.

    Returns
    -------
    ndarray of float64, shape (256,)
        ΔE' in CAM02-UCS per level (about 1 is just noticeable), by central differences.

    Notes
    -----
    Luo, Cui and Li (2006), *Uniform colour spaces based on CIECAM02*.

    Examples
    --------
    >>> perceptual_gain("viridis").shape
    (256,)
    """
    return np.asarray(np.linalg.norm(np.gradient(colormaps.cam02ucs(name), axis=0), axis=1))


def colour_distances(name: str, metric: str) -> Floats:
    """Distances between the colours of all pairs of levels.

    Parameters
    ----------
    name : str
        A matplotlib colormap.
    metric : {"cam02-ucs", "ciede2000", "net", "byte"}
        ΔE' in CAM02-UCS; ΔE00; the Euclidean distance of a net's inputs after ImageNet's
        normalisation; or the largest change of a channel in units of 1/255.

    Returns
    -------
    ndarray of float64, shape (256, 256)

    Raises
    ------
    ValueError
        For an unknown metric.

    Examples
    --------
    >>> round(colour_distances("gray", "byte")[0, 255])
    255
    """
    if metric == "cam02-ucs":
        points = colormaps.cam02ucs(name)
        return np.asarray(spatial.distance.cdist(points, points))
    if metric == "ciede2000":
        colour = colormaps.colour_science()
        lab = colour.XYZ_to_Lab(colour.sRGB_to_XYZ(colormaps.lut(name)))
        return np.asarray(colour.delta_E(lab[:, None], lab[None], method="CIE 2000"))
    if metric == "net":
        points = colormaps.lut(name) / IMAGENET_DEVIATION
        return np.asarray(spatial.distance.cdist(points, points))
    if metric == "byte":
        points = colormaps.lut(name) * 255
        return np.asarray(spatial.distance.cdist(points, points, "chebyshev"))
    raise ValueError(f"unknown metric {metric!r}; have cam02-ucs, ciede2000, net, byte")


def flip_noise(distances: Floats, threshold: float = 1.0) -> Floats:
    """Find the least change of level that moves the colour by a threshold.

    Parameters
    ----------
    distances : ndarray of float64, shape (256, 256)
        From `colour_distances`.
    threshold : float
        In the same units.

    Returns
    -------
    ndarray of float64, shape (256,)
        Levels, up or down, whichever is less; interpolated linearly between levels. ``inf`` where
        no level is far enough.

    Examples
    --------
    >>> apart = np.abs(np.subtract.outer(np.arange(256.0), np.arange(256.0)))
    >>> flip_noise(apart, 2.5)[[0, 100]]
    array([2.5, 2.5])
    """
    both = [_steps_up(distances, threshold), _steps_up(distances[::-1, ::-1], threshold)[::-1]]
    return np.minimum(*both)


def _steps_up(distances: Floats, threshold: float) -> Floats:
    """Levels upwards until the distance first reaches the threshold, ``inf`` if it never does."""
    start, step = np.indices(distances.shape)
    target = start + step
    inside = target < LEVELS
    walk = np.where(inside, distances[start, np.minimum(target, LEVELS - 1)], -np.inf)
    reached = walk >= threshold
    first = reached.argmax(axis=1)
    after = np.take_along_axis(walk, first[:, None], 1)[:, 0]
    before = np.take_along_axis(walk, np.maximum(first - 1, 0)[:, None], 1)[:, 0]
    fraction = (threshold - before) / np.where(after > before, after - before, 1.0)
    return np.where(reached.any(axis=1) & (first > 0), first - 1 + fraction, np.inf)


def noise_ratio(table: ArrayLike, frequency: ArrayLike, deviation: float) -> float:
    """Signal-to-noise ratio of the colours when the levels carry Gaussian noise.

    Parameters
    ----------
    table : array_like, shape (256, channels)
        A colormap's table.
    frequency : array_like, shape (256,)
        How often each level occurs (any scale).
    deviation : float
        Standard deviation of the noise, in levels; noisy levels are rounded and clipped to 0…255.

    Returns
    -------
    float
        Variance of the colour over the levels, divided by the mean squared change that the noise
        makes, in dB. Scaling or copying channels leaves it unchanged.

    Examples
    --------
    >>> gray = np.arange(256.0)[:, None]
    >>> copied = noise_ratio(np.tile(gray, 3), np.ones(256), 5.0)
    >>> bool(np.isclose(copied, noise_ratio(gray, np.ones(256), 5.0)))
    True
    """
    colours = np.asarray(table, np.float64).reshape(LEVELS, -1)
    weight = np.asarray(frequency, np.float64)
    weight = weight / weight.sum()
    change = _noise_transitions(deviation) * spatial.distance.cdist(colours, colours, "sqeuclidean")
    variance = weight @ (colours - weight @ colours) ** 2
    return float(10 * np.log10(variance.sum() / (weight @ change.sum(1))))


@cache
def _noise_transitions(deviation: float) -> Floats:
    """Chance that level i is read as level j, shape (256, 256)."""
    edges = np.concatenate([[-np.inf], np.arange(LEVELS - 1) + 0.5, [np.inf]])
    below = stats.norm.cdf((edges - np.arange(LEVELS)[:, None]) / deviation)
    return np.asarray(np.diff(below, axis=1))


def sensitivity(name: str, frequency: ArrayLike, deviation: float = 4.0) -> dict[str, Any]:
    """One colormap's response to noise, in a row.

    Parameters
    ----------
    name : str
        A matplotlib colormap.
    frequency : array_like, shape (256,)
        How often each level occurs in the spectrograms under study.
    deviation : float
        Level noise for the signal-to-noise ratio, in levels.

    Returns
    -------
    dict
        ``jnd`` and ``ciede2000``: median level noise that changes the colour by one ΔE' (CAM02-UCS)
        or ΔE00; ``jnd_low`` and ``jnd_high``: its 5 % and 95 % points; ``net``: median level noise
        for one unit of the net's input; ``byte``: for 1/255 in some channel; ``unevenness``:
        standard deviation of the gain over its mean; ``ripples``: prominent maxima of the gain
        inside the map; ``lightness_turns``; ``snr_change``: signal-to-noise ratio against gray's,
        dB.

    Examples
    --------
    >>> sensitivity("gray", np.ones(256))["lightness_turns"]
    0
    """
    gain = perceptual_gain(name)
    flips = {
        metric: flip_noise(colour_distances(name, metric))
        for metric in ("cam02-ucs", "ciede2000", "net", "byte")
    }
    low, jnd, high = np.percentile(flips["cam02-ucs"], [5, 50, 95], method="inverted_cdf")
    gray = noise_ratio(colormaps.lut("gray"), frequency, deviation)
    return {
        "map": name,
        "jnd": jnd,
        "jnd_low": low,
        "jnd_high": high,
        **{key: float(np.median(flips[key])) for key in ("ciede2000", "net", "byte")},
        "unevenness": float(gain.std() / gain.mean()),
        "ripples": len(gain_ripples(gain)),
        "lightness_turns": turns(lightness(name)),
        "snr_change": noise_ratio(colormaps.lut(name), frequency, deviation) - gray,
    }


def gain_ripples(gain: Floats, prominence: float = 0.5) -> NDArray[np.intp]:
    """Levels where the gain has a prominent maximum: the bands that a reader sees in jet.

    Parameters
    ----------
    gain : ndarray of float64, shape (256,)
        From `perceptual_gain`.
    prominence : float
        How far a maximum has to stand out, as a share of the mean gain.

    Returns
    -------
    ndarray of int
        Levels.

    Examples
    --------
    >>> len(gain_ripples(np.ones(256)))
    0
    """
    smooth = ndimage.gaussian_filter1d(gain, 2.0, mode="nearest")
    return np.asarray(signal.find_peaks(smooth, prominence=prominence * smooth.mean())[0])


# --------------------------------------------------------------------------------------------------
# Notes
# --------------------------------------------------------------------------------------------------

#: Samples of a window: 128 ms at 16 kHz, bins of 7.8 Hz, so that the partials of the lowest note
#: part.
NOTE_WINDOW = 2048

#: Highest frequency that is judged, Hz.
NOTE_HIGHEST = 4000.0

#: Sampling rate of the notes, Hz.
NOTE_RATE = 16_000

#: Range of the levels: 0 is so many decibels under the picture's maximum.
NOTE_RANGE_DB = 80.0

#: Families whose sounds have harmonic partials. Struck bars and bells stretch theirs, and organ
#: stops sound an octave below the key.
HARMONIC_FAMILIES = ("piano", "guitar", "bass", "strings", "brass", "reed", "pipe")


@dataclass(frozen=True)
class Notes:
    """Spectrograms of single notes with the truth about their partials.

    Attributes
    ----------
    levels : ndarray of uint8, shape (n, n_bins, n_frames)
        Level 255 is each note's maximum, level 0 is `NOTE_RANGE_DB` below.
    truth : ndarray of bool, same shape
        Whether a pixel lies on a partial.
    f0 : ndarray of float64, shape (n,)
        Fundamental frequencies, Hz.
    kind : str
        "synthetic" or "rendered".
    dropped : int
        Notes left out because less than half of their power lies on the partials of their key.
    """

    levels: Levels
    truth: NDArray[np.bool_]
    f0: Floats
    kind: str
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.levels)


def _bins() -> Floats:
    """Frequencies of the rows of the notes' spectrograms, Hz."""
    bins = spectrograms.frequencies(NOTE_RATE, NOTE_WINDOW)
    return bins[bins <= NOTE_HIGHEST]


def _note_levels(power: NDArray[np.float32]) -> Levels:
    db = spectrograms.to_db(power, floor=-NOTE_RANGE_DB, reference="image")
    return np.asarray(spectrograms.quantise(db, -NOTE_RANGE_DB, 0.0), np.uint8)


def synthetic_notes(count: int, seed: int) -> Notes:
    """Decaying harmonic tones in white noise, every partial known.

    Fundamentals are spread evenly in pitch over 82…932 Hz (the range of the rendered notes);
    partial k starts at amplitude ``k**-slope`` (slope 0.5…2) and decays the faster the higher it
    is; the noise is 0…40 dB below the tone. A pixel is on a partial if it is at most one bin away
    from a partial whose power, at that time, is at least the noise's expected power in a bin.

    Parameters
    ----------
    count : int
        Number of notes.
    seed : int

    Returns
    -------
    notes : Notes
        Of kind "synthetic".

    Examples
    --------
    >>> notes = synthetic_notes(2, seed=0)
    >>> notes.levels.shape, notes.levels.max()
    ((2, 513, 63), np.uint8(255))
    """
    rng = np.random.default_rng(seed)
    f0 = 82.4 * 2 ** (rng.permutation(count) / max(count - 1, 1) * 3.5)
    pictures, truths = zip(*(_synthetic_note(f, rng) for f in f0), strict=True)
    return Notes(np.stack(pictures), np.stack(truths), f0, "synthetic")


def _synthetic_note(f0: float, rng: np.random.Generator) -> tuple[Levels, NDArray[np.bool_]]:
    slope, ratio_db = rng.uniform(0.5, 2.0), rng.uniform(0, 40)
    time = np.arange(NOTE_RATE) / NOTE_RATE
    partial = np.arange(1, int(7800 / f0) + 1)
    decay = rng.uniform(0.5, 4.0) * (1 + 0.1 * partial)  # 1/s
    amplitude = partial**-slope * np.exp(-np.outer(time, decay))  # (samples, partials)
    phase = rng.uniform(0, 2 * np.pi, len(partial))
    tone = (amplitude * np.cos(2 * np.pi * f0 * np.outer(time, partial) + phase)).sum(1)
    scale = 0.5 / np.abs(tone).max()
    deviation = scale * np.sqrt((tone**2).mean()) * 10 ** (-ratio_db / 20)
    noisy = scale * tone + deviation * rng.standard_normal(len(tone))
    bins = _bins()
    picture = spectrograms.power(noisy.astype(np.float32), NOTE_WINDOW)[: len(bins)]
    window = signal.windows.hann(NOTE_WINDOW, sym=False)
    floor = 4 * deviation**2 * (window**2).sum() / window.sum() ** 2  # noise power in a bin
    frames = spectrograms.frame_times(picture.shape[1], NOTE_RATE)
    audible = (scale * partial[:, None] ** -slope * np.exp(-np.outer(decay, frames))) ** 2 >= floor
    near = np.abs(bins[:, None] - f0 * partial) <= bins[1]
    return _note_levels(picture), (near.astype(int) @ audible.astype(int)) > 0


def rendered_notes(count: int, seed: int) -> Notes:
    """Take notes of sampled instruments whose partials the key predicts.

    A pixel is on a partial if its frequency is at most one bin, or 0.6 % (ten cents), away from a
    multiple of the key's frequency, whether or not that partial sounds. Notes that do not have at
    least half of their power there (transposed or noisy programs) are left out and counted.

    Parameters
    ----------
    count : int
        Number of notes, drawn from `HARMONIC_FAMILIES`.
    seed : int

    Returns
    -------
    notes : Notes
        Of kind "rendered".

    Examples
    --------
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
        power = spectrograms.power(every.waveforms[index], NOTE_WINDOW)[: len(bins)]
        rows = partial_mask(f0, bins, tolerance_ratio=0.006)
        if power[rows].sum() < 0.5 * power.sum():
            dropped += 1
            continue
        pictures.append(_note_levels(power))
        truths.append(np.repeat(rows[:, None], power.shape[1], axis=1))
        f0s.append(f0)
    return Notes(np.stack(pictures), np.stack(truths), np.array(f0s), "rendered", dropped)


#: Colormaps that the chapter follows throughout.
MAPS = ("viridis", "magma", "turbo", "jet")


def peak_scores(notes: Notes, seed: int) -> pd.DataFrame:
    """Average precision of every detector on every note.

    Parameters
    ----------
    notes : Notes
        At least two.
    seed : int
        Of the random controls: each note meets its own random curve and its own shuffle.

    Returns
    -------
    DataFrame
        Columns note, detector, average_precision. Detectors: ``threshold`` (on the level; every
        increasing function of it gives the same), the R channel of each of `MAPS`, ``best
        point-wise`` (learned on the other half of the notes), ``random R``, ``shuffled R``,
        ``neighbours`` (`local_contrast`), and ``chance`` (the share of pixels on partials).
    """
    pairs = list(zip(notes.levels, notes.truth, strict=True))
    counts = np.stack([level_counts(*pair) for pair in pairs])
    learned = [best_pointwise(counts[1 - half :: 2].sum(0)) for half in (0, 1)]
    rows = []
    for note, (count, (levels, truth)) in enumerate(zip(counts, pairs, strict=True)):
        scores: dict[str, Floats] = {"threshold": np.arange(LEVELS, dtype=np.float64)}
        scores |= {f"R of {name}": encodings.table(name)[:, 0] for name in MAPS}
        scores["best point-wise"] = learned[note % 2]
        scores["random R"] = encodings.table("random-curve", seed + note)[:, 0]
        scores["shuffled R"] = encodings.table("shuffled", seed + note)[:, 0]
        found = {name: average_precision(count, score) for name, score in scores.items()}
        nearby = level_counts(local_contrast(levels), truth)
        found["neighbours"] = average_precision(nearby, np.arange(LEVELS))
        found["chance"] = float(truth.mean())
        rows += [
            {"note": note, "detector": key, "average_precision": ap} for key, ap in found.items()
        ]
    return pd.DataFrame(rows)


def compare(
    frame: pd.DataFrame, *, unit: str, arm: str, value: str, baseline: str, seed: int
) -> pd.DataFrame:
    """Paired differences of all arms from a baseline, with intervals and Holm's correction.

    Parameters
    ----------
    frame : DataFrame
        Long table with one row for each unit and arm.
    unit, arm, value : str
        Column of the pairs (notes, seeds), of the arms, and of the score.
    baseline : str
        The arm that the others are compared with.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Indexed by arm: mean, difference, low, high (95 % bootstrap interval of the paired
        difference), and p (two-sided paired t test, adjusted by Holm's method over the arms). The
        baseline itself is there with a difference of 0.

    Examples
    --------
    >>> frame = pd.DataFrame({"u": [0, 1, 0, 1], "a": list("xxyy"), "v": [1.0, 2.0, 2.0, 3.0]})
    >>> compare(frame, unit="u", arm="a", value="v", baseline="x", seed=0).loc["y", "difference"]
    np.float64(1.0)
    """
    wide = frame.pivot(index=unit, columns=arm, values=value)
    wide = wide[list(dict.fromkeys(frame[arm]))]
    rows, pvalues = {}, {}
    for name in wide:
        gap = statistics.paired_difference(wide[name], wide[baseline], seed)
        rows[name] = {
            "mean": wide[name].mean(),
            "difference": gap.estimate,
            "low": gap.low,
            "high": gap.high,
        }
        if name != baseline:
            pvalues[name] = statistics.effect_pvalue(wide[name] - wide[baseline])
    adjusted = dict(zip(pvalues, statistics.holm(list(pvalues.values())), strict=True))
    result = pd.DataFrame.from_dict(rows, orient="index")
    result["p"] = [adjusted.get(name, 1.0) for name in result.index]
    return result


# --------------------------------------------------------------------------------------------------
# The Fourier plane and the neighbours, over notes
# --------------------------------------------------------------------------------------------------


def controls(seed: int) -> dict[str, Floats]:
    """Tables that the chapter compares: gray, `MAPS`, a random curve and a shuffled map.

    Parameters
    ----------
    seed : int
        Of the two random ones.

    Returns
    -------
    dict of str to ndarray of float64, shape (256, 1 or 3)

    Examples
    --------
    >>> {name: table.shape[1] for name, table in controls(0).items()}["gray"]
    1
    """
    tables = {"gray": encodings.table("gray8")} | {name: encodings.table(name) for name in MAPS}
    return tables | {
        "random": encodings.table("random-curve", seed),
        "shuffled": encodings.table("shuffled", seed),
    }


def channel_name(encoding: str, channel: int) -> str:
    """Name of a channel, such as ``"R of jet"``; gray has one and keeps its name."""
    return encoding if encoding == "gray" else f"{'RGB'[channel]} of {encoding}"


def fourier_scores(notes: Notes, seed: int) -> pd.DataFrame:
    """Measure the new spatial frequencies of every channel on every note.

    Parameters
    ----------
    notes : Notes
    seed : int
        Of the random controls, which differ from note to note.

    Returns
    -------
    DataFrame
        Columns note, channel, new_energy (see `new_energy`) and high (share of the energy above a
        quarter cycle a pixel, half the sampling limit).
    """
    rows = []
    for note, levels in enumerate(notes.levels):
        own = own_frequencies(spatial_power(levels))
        for encoding, table in controls(seed + note).items():
            for index, curve in enumerate(table.T):
                power = spatial_power(curve[levels])
                centre, share = radial_profile(power)
                rows.append(
                    {
                        "note": note,
                        "channel": channel_name(encoding, index),
                        "new_energy": new_energy(own, power),
                        "high": float(share[centre > 0.25].sum()),
                    }
                )
    return pd.DataFrame(rows)


def information_scores(notes: Notes, seed: int) -> pd.DataFrame:
    """Mutual information between neighbouring pixels, for each channel and for all three together.

    Channels are rounded to bytes, as in a picture: levels that get one byte can be told apart no
    more.

    Parameters
    ----------
    notes : Notes
        Counts are pooled: one note has too few pixels for 256 × 256 cells.
    seed : int
        Of the random controls.

    Returns
    -------
    DataFrame
        Columns channel ("… together" for the colour), bits, colours (how many distinct values).
    """
    counts = np.asarray(sum(neighbour_counts(levels) for levels in notes.levels))
    rows = []
    for encoding, colours in controls(seed).items():
        table = np.rint(colours * 255)
        arms = {channel_name(encoding, index): curve for index, curve in enumerate(table.T)}
        if table.shape[1] > 1:
            arms[f"{encoding} together"] = table
        for name, values in arms.items():
            symbols = symbols_of(values)
            bits = neighbour_information(counts, symbols)
            rows.append({"channel": name, "bits": bits, "colours": int(symbols.max()) + 1})
    return pd.DataFrame(rows)


def predict_neighbours(notes: Notes, pixels: int, trees: int, seed: int) -> pd.DataFrame:
    """How well a pixel is foretold from its eight neighbours, before and after colouring.

    Half of the notes train a linear regression and a forest of extremely randomised trees; the
    other half is predicted. Three questions to each encoding: a channel from the same channel of
    the neighbours (``alone``); a channel from all channels of the neighbours (``jointly``); and the
    *level* from all channels of the neighbours (``level``), where every encoding has the same
    target.

    Parameters
    ----------
    notes : Notes
        At least four.
    pixels : int
        Training pixels, and test pixels of each note.
    trees : int
        Trees in a forest.
    seed : int
        Of the choice of pixels, of the forests and of the random controls.

    Returns
    -------
    DataFrame
        Columns note, target, question, model ("linear", "forest"), skill. The skill of a note is
        ``1 - MSE / V``, V the target's variance over all test pixels: its mean over the notes is
        R².

    Notes
    -----
    Geurts, Ernst and Wehenkel (2006), *Extremely randomized trees*.
    """
    rng = np.random.default_rng(seed)
    samples = [_sample_neighbourhoods(levels, pixels, rng) for levels in notes.levels]
    train, test = samples[::2], samples[1::2]
    centre, around = (np.concatenate(part) for part in zip(*train, strict=True))
    keep = rng.choice(len(centre), min(pixels, len(centre)), replace=False)
    inner, outer = (np.stack(part) for part in zip(*test, strict=True))
    rows: list[dict[str, Any]] = []
    for encoding, table in tqdm(controls(seed).items(), desc="neighbours", disable=None):
        job = _Prediction(table, centre[keep], around[keep], inner, outer, trees, seed)
        for index in range(table.shape[1]):
            name = channel_name(encoding, index)
            rows += _rows(job.skills([index], table[:, [index]]), name, "alone")
        if table.shape[1] > 1:
            every = list(range(table.shape[1]))
            for index, skills in enumerate(_per_target(job.skills(every, table))):
                rows += _rows(skills, channel_name(encoding, index), "jointly")
            level = np.arange(LEVELS)[:, None] / (LEVELS - 1)
            rows += _rows(job.skills(every, level), f"level from {encoding}", "level")
    return pd.DataFrame(rows)


def _sample_neighbourhoods(
    levels: Levels, count: int, rng: np.random.Generator
) -> tuple[Levels, Levels]:
    centre, around = neighbourhoods(levels)
    chosen = rng.choice(len(centre), min(count, len(centre)), replace=False)
    return centre[chosen], around[chosen]


@dataclass(frozen=True)
class _Prediction:
    """Training pixels, test pixels of each note, and the models that are asked."""

    table: Floats
    centre: Levels  # (n,)
    around: Levels  # (n, 8)
    inner: Levels  # (notes, m)
    outer: Levels  # (notes, m, 8)
    trees: int
    seed: int

    def skills(self, channels: Sequence[int], target: Floats) -> dict[str, Floats]:
        """Skill of each model, shape (notes, targets)."""
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.linear_model import LinearRegression

        def features(around: Levels) -> Floats:
            return np.asarray(self.table[:, channels][around].reshape(-1, 8 * len(channels)))

        truth = target[self.inner]
        variance = truth.reshape(-1, target.shape[1]).var(axis=0)
        models = {
            "linear": LinearRegression(),
            "forest": ExtraTreesRegressor(
                self.trees, min_samples_leaf=5, random_state=self.seed, n_jobs=1
            ),
        }
        result = {}
        for name, model in models.items():
            wanted = target[self.centre]
            model.fit(features(self.around), wanted.ravel() if wanted.shape[1] == 1 else wanted)
            guess = model.predict(features(self.outer)).reshape(truth.shape)
            result[name] = 1 - ((guess - truth) ** 2).mean(axis=1) / variance
        return result


def _per_target(skills: Mapping[str, Floats]) -> Iterable[dict[str, Floats]]:
    """Split skills of several targets into one mapping a target."""
    width = next(iter(skills.values())).shape[1]
    for index in range(width):
        yield {name: values[:, [index]] for name, values in skills.items()}


def _rows(skills: Mapping[str, Floats], target: str, question: str) -> list[dict[str, Any]]:
    return [
        {"note": note, "target": target, "question": question, "model": model, "skill": skill}
        for model, values in skills.items()
        for note, skill in enumerate(values[:, 0])
    ]


# --------------------------------------------------------------------------------------------------
# Trees and friends
# --------------------------------------------------------------------------------------------------

#: Encodings that the learners are given; "gray3" is R = G = B.
ENCODINGS = ("gray8", "gray3", *MAPS, "random-curve", "shuffled")

#: Learners, in the order of the figure.
LEARNERS = ("decision tree", "random forest", "nearest neighbours", "support vectors", "linear")

#: Accuracy that counts as a difference worth having; stated before any run.
MARGIN = 0.02


@dataclass(frozen=True)
class Task:
    """Small pictures of sounds with their classes and sources.

    Attributes
    ----------
    name : str
    decibels : ndarray of float32, shape (n, side, side)
        Log-mel spectrograms averaged down to so many cells.
    labels : ndarray of int64, shape (n,)
    groups : ndarray of str, shape (n,)
        Program or speaker: never in training and test at once.
    """

    name: str
    decibels: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]


@cache
def task(name: str, side: int) -> Task:
    """Pictures for the classical learners.

    Parameters
    ----------
    name : {"instruments", "spoken-digits"}
        Nine families of instruments, or ten digits.
    side : int
        Rows and columns.

    Returns
    -------
    Task
        All recordings of the set.

    Raises
    ------
    ValueError
        For another name.
    datasets.DataUnavailable
        If the recordings are not there.

    Examples
    --------
    >>> task("instruments", 4).decibels.shape[1:]
    (4, 4)
    """
    sources = {"instruments": datasets.instruments, "spoken-digits": datasets.spoken_digits}
    if name not in sources:
        raise ValueError(f"unknown task {name!r}; have {', '.join(sources)}")
    sounds = sources[name]()
    db = spectrograms.log_mel(sounds.waveforms, sounds.sample_rate)
    small = np.asarray(spectrograms.resize(db, (side, side)), np.float32)
    return Task(name, small, sounds.labels, sounds.groups)


def split_by_group(
    labels: NDArray[np.int64], groups: NDArray[np.str_], train: int, test: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw balanced training and test sets whose groups differ.

    About a quarter of the groups are held out, drawn anew for every seed: of each class's own
    groups where groups belong to classes (programs to families), else of all groups (speakers).

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
    groups : ndarray of str, shape (n,)
    train, test : int
        At most so many examples of each class.
    seed : int

    Returns
    -------
    train, test : ndarray of int64
        Indices.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 8)
    >>> groups = np.tile(np.repeat(["a", "b", "c", "d"], 2), 2)
    >>> [len(part) for part in split_by_group(labels, groups, 4, 2, seed=0)]
    [8, 4]
    """
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    owned = [np.unique(groups[labels == label]) for label in classes]
    nested = sum(map(len, owned)) == len(np.unique(groups))
    pools = owned if nested else [np.unique(groups)]
    held = np.concatenate([rng.permutation(pool)[: max(1, round(len(pool) / 4))] for pool in pools])
    away = np.isin(groups, held)
    parts: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = ([], [])
    for label in classes:
        for part, side, size in zip(parts, (~away, away), (train, test), strict=True):
            part.append(rng.permutation(np.flatnonzero((labels == label) & side))[:size])
    first, second = (np.concatenate(part).astype(np.int64) for part in parts)
    return first, second


@dataclass(frozen=True)
class Draw:
    """One seed's training and test pictures, as levels.

    Attributes
    ----------
    train, test : ndarray of uint8, shape (n, pixels)
        Levels; the range is the training set's.
    train_labels, test_labels : ndarray of int64, shape (n,)
    """

    train: Levels
    test: Levels
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]


def draw(job: Task, train: int, test: int, seed: int) -> Draw:
    """Training and test pictures of one seed.

    Parameters
    ----------
    job : Task
    train, test : int
        Examples of each class.
    seed : int

    Returns
    -------
    Draw
        Levels whose range is the training set's.
    """
    first, second = split_by_group(job.labels, job.groups, train, test, seed)
    low, high = spectrograms.value_range(job.decibels[first])
    levels = np.asarray(spectrograms.quantise(job.decibels, low, high), np.uint8)
    flat = levels.reshape(len(levels), -1)
    return Draw(flat[first], flat[second], job.labels[first], job.labels[second])


def features(pictures: Levels, table: Floats) -> NDArray[np.float32]:
    """Colours of all pixels in one row a picture.

    Parameters
    ----------
    pictures : ndarray of uint8, shape (n, pixels)
    table : ndarray of float64, shape (256, channels)

    Returns
    -------
    ndarray of float32, shape (n, pixels * channels)
        All pixels of the first channel, then of the second, …

    Examples
    --------
    >>> features(np.zeros((5, 7), np.uint8), encodings.table("jet")).shape
    (5, 21)
    """
    coloured = np.moveaxis(np.asarray(table, np.float32)[pictures], -1, 1)
    return np.ascontiguousarray(coloured.reshape(len(pictures), -1))


def scaled(table: Floats, pictures: Levels) -> Floats:
    """Centre a table and scale it by one factor, to the training pictures' mean 0 and energy 1.

    Parameters
    ----------
    table : ndarray of float64, shape (256, channels)
    pictures : ndarray of uint8
        Of the training set.

    Returns
    -------
    ndarray of float64, shape (256, channels)
        See `encodings.fit_scale`: the shape of the curve is kept.
    """
    weights = np.bincount(pictures.ravel(), minlength=LEVELS)
    scale = encodings.fit_scale("equal_energy", table, weights=weights)
    return np.asarray(scale(table))


def learner(name: str, trees: int, width: int, seed: int) -> Any:
    """Make a scikit-learn classifier of the comparison, not fitted.

    Parameters
    ----------
    name : str
        One of `LEARNERS`, or "three bagged trees", the yardstick of what an ensemble does.
    trees : int
        Trees of the forest.
    width : int
        Number of features. The linear model's penalty grows with it, as the support vector
        machine's kernel width does by scikit-learn's default, so that neither notices a mere copy.
    seed : int

    Returns
    -------
    classifier

    Raises
    ------
    ValueError
        For an unknown name.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    makers: dict[str, Callable[[], Any]] = {
        "decision tree": lambda: DecisionTreeClassifier(random_state=seed),
        "three bagged trees": lambda: RandomForestClassifier(
            3, max_features=None, random_state=seed
        ),
        "random forest": lambda: RandomForestClassifier(trees, random_state=seed, n_jobs=1),
        "nearest neighbours": lambda: KNeighborsClassifier(5),
        "support vectors": lambda: SVC(C=10.0),
        "linear": lambda: RidgeClassifier(alpha=0.1 * width),
    }
    if name not in makers:
        raise ValueError(f"unknown learner {name!r}; have {', '.join(makers)}")
    return makers[name]()


def _accuracies(model: Any, table: Floats, data: Draw) -> dict[str, float]:
    """Train, test, and nodes (mean over a forest's trees, NaN elsewhere)."""
    inside, outside = (features(part, table) for part in (data.train, data.test))
    model.fit(inside, data.train_labels)
    grown = getattr(model, "estimators_", [model])
    nodes = [tree.tree_.node_count for tree in grown if hasattr(tree, "tree_")]
    return {
        "train": float((model.predict(inside) == data.train_labels).mean()),
        "test": float((model.predict(outside) == data.test_labels).mean()),
        "nodes": float(np.mean(nodes)) if nodes else np.nan,
    }


def learner_scores(draws: Sequence[Draw], trees: int, seed: int) -> pd.DataFrame:
    """Accuracy of every learner on every encoding, seed by seed.

    Parameters
    ----------
    draws : sequence of Draw
        One for each seed.
    trees : int
        Trees of the forest.
    seed : int
        Draw i uses ``seed + i`` for the learner and for the random encodings.

    Returns
    -------
    DataFrame
        Columns seed, learner, encoding, train, test, nodes. Besides `LEARNERS` on all `ENCODINGS`
        there are the "three bagged trees" on gray.
    """
    rows = []
    jobs = [(name, code) for name in LEARNERS for code in ENCODINGS]
    jobs.append(("three bagged trees", "gray8"))
    for index, data in enumerate(tqdm(draws, desc="learners", disable=None)):
        tables = {
            code: scaled(encodings.table(code, seed + index), data.train) for code in ENCODINGS
        }
        for name, code in jobs:
            table = tables[code]
            width = data.train.shape[1] * table.shape[1]
            model = learner(name, trees, width, seed + index)
            row = {"seed": seed + index, "learner": name, "encoding": code}
            rows.append(row | _accuracies(model, table, data))
    return pd.DataFrame(rows)


def forest_factors(draws: Sequence[Draw], trees: int, seed: int) -> pd.DataFrame:
    """Change the two things that R = G = B changes for a forest, one at a time.

    scikit-learn's forest looks at ``max_features = √(number of features)`` of them at each split.
    Three copies of d features raise √d to √(3d), and *also* allow the same pixel to be drawn twice.
    Gray or copied, √d or √(3d): four forests.

    Parameters
    ----------
    draws : sequence of Draw
    trees : int
    seed : int
        As in `learner_scores`.

    Returns
    -------
    DataFrame
        Columns seed, arm, test. Arms: ``gray √d`` (the default for gray), ``copy √3d`` (the default
        for the copy), ``gray √3d`` and ``copy √d``.
    """
    from sklearn.ensemble import RandomForestClassifier

    rows = []
    for index, data in enumerate(tqdm(draws, desc="forests", disable=None)):
        pixels = data.train.shape[1]
        for code, word in (("gray8", "gray"), ("gray3", "copy")):
            table = encodings.table(code)
            for size, sign in ((pixels, "√d"), (3 * pixels, "√3d")):
                model = RandomForestClassifier(
                    trees, max_features=int(np.sqrt(size)), random_state=seed + index, n_jobs=1
                )
                row = {"seed": seed + index, "arm": f"{word} {sign}"}
                rows.append(row | {"test": _accuracies(model, table, data)["test"]})
    return pd.DataFrame(rows)


def distinct_pixels(pixels: int, copies: int, drawn: int) -> float:
    """Count the different pixels to expect among features drawn without replacement.

    Parameters
    ----------
    pixels, copies : int
        There are ``pixels * copies`` features.
    drawn : int
        How many of them a split looks at.

    Returns
    -------
    float
        ``pixels * (1 - C(pixels·copies - copies, drawn) / C(pixels·copies, drawn))``.

    Examples
    --------
    >>> distinct_pixels(100, 1, 10)
    10.0
    """
    total = pixels * copies
    missed = special.gammaln([total - copies + 1, total - drawn + 1]).sum()
    missed -= special.gammaln([total + 1, total - copies - drawn + 1]).sum()
    return float(np.round(pixels * (1 - np.exp(missed)), 9))


def recode_tree(data: Draw, curve: ArrayLike, seed: int) -> dict[str, float]:
    """Grow one tree on levels and one on recoded levels, and compare them.

    Parameters
    ----------
    data : Draw
    curve : array_like, shape (256,)
        The recoding of the levels.
    seed : int
        Of both trees.

    Returns
    -------
    dict
        ``same_splits``: 1 if both trees ask the same pixels in the same order and shape, else 0;
        ``train`` and ``test``: share of pictures on which the two agree. For a strictly increasing
        curve the first two are 1 by theorem. The third need not be: a cut is put half-way between
        two training values, and half-way moves when the values are bent.
    """
    from sklearn.tree import DecisionTreeClassifier

    tables = (np.arange(LEVELS)[:, None] / 255.0, np.asarray(curve, np.float64)[:, None])
    trees = [
        DecisionTreeClassifier(random_state=seed).fit(
            features(data.train, table), data.train_labels
        )
        for table in tables
    ]
    said = [
        [tree.predict(features(part, table)) for part in (data.train, data.test)]
        for tree, table in zip(trees, tables, strict=True)
    ]
    shapes = [(tree.tree_.feature.tolist(), tree.tree_.children_left.tolist()) for tree in trees]
    return {
        "same_splits": float(shapes[0] == shapes[1]),
        "train": float((said[0][0] == said[1][0]).mean()),
        "test": float((said[0][1] == said[1][1]).mean()),
    }


def compare_learners(frame: pd.DataFrame, seed: int, baseline: str = "gray8") -> pd.DataFrame:
    """Every encoding against one baseline, learner by learner.

    Parameters
    ----------
    frame : DataFrame
        From `learner_scores`.
    seed : int
        Of the bootstrap.
    baseline : str
        An encoding.

    Returns
    -------
    DataFrame
        Columns learner, encoding, train, test, difference, low, high, p: mean accuracies, the
        paired difference of the test accuracy with its 95 % interval, and p adjusted by Holm's
        method over all learners and encodings at once.
    """
    rows = []
    for name in LEARNERS:
        part = frame[frame.learner == name]
        wide = part.pivot(index="seed", columns="encoding", values="test")
        for code in ENCODINGS:
            gap = statistics.paired_difference(wide[code], wide[baseline], seed)
            rows.append(
                {
                    "learner": name,
                    "encoding": code,
                    "train": part.loc[part.encoding == code, "train"].mean(),
                    "test": wide[code].mean(),
                    "difference": gap.estimate,
                    "low": gap.low,
                    "high": gap.high,
                    "p": statistics.effect_pvalue(wide[code] - wide[baseline]),
                }
            )
    result = pd.DataFrame(rows)
    asked = result.encoding != baseline
    result.loc[asked, "p"] = statistics.holm(result.loc[asked, "p"])
    return result


def compare_maps(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Every pair of `MAPS`, learner by learner.

    Parameters
    ----------
    frame : DataFrame
        From `learner_scores`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Columns learner, first, second, difference (first minus second, test accuracy), low, high, p
        (adjusted over all rows).
    """
    rows = []
    for name in LEARNERS:
        wide = frame[frame.learner == name].pivot(index="seed", columns="encoding", values="test")
        for first, second in combinations(MAPS, 2):
            gap = statistics.paired_difference(wide[first], wide[second], seed)
            p = statistics.effect_pvalue(wide[first] - wide[second])
            rows.append(
                {"learner": name, "first": first, "second": second, "difference": gap.estimate}
                | {"low": gap.low, "high": gap.high, "p": p}
            )
    result = pd.DataFrame(rows)
    result["p"] = statistics.holm(result.p)
    return result


def gap_between(
    frame: pd.DataFrame, first: tuple[str, str], second: tuple[str, str], seed: int
) -> tuple[Interval, bool]:
    """Difference of test accuracy between two arms, and whether they are equivalent.

    Parameters
    ----------
    frame : DataFrame
        With columns seed, learner, encoding, test.
    first, second : tuple of str
        Learner and encoding.
    seed : int
        Of the bootstrap.

    Returns
    -------
    difference : Interval
        95 %, first minus second.
    equivalent : bool
        By `statistics.equivalence` within `MARGIN`.
    """
    one, two = (
        frame[(frame.learner == name) & (frame.encoding == code)]
        .set_index("seed")
        .test.sort_index()
        for name, code in (first, second)
    )
    same = statistics.equivalence(one, two, MARGIN, seed).equivalent
    return statistics.paired_difference(one, two, seed), same


def factor_gap(frame: pd.DataFrame, first: str, second: str, seed: int) -> tuple[Interval, bool]:
    """`gap_between` for two arms of `forest_factors`.

    Parameters
    ----------
    frame : DataFrame
        From `forest_factors`.
    first, second : str
        Arms.
    seed : int
        Of the bootstrap.

    Returns
    -------
    difference : Interval
    equivalent : bool
    """
    named = frame.assign(learner="forest", encoding=frame.arm)
    return gap_between(named, ("forest", first), ("forest", second), seed)


# --------------------------------------------------------------------------------------------------
# Verdicts: rules that could come out otherwise
# --------------------------------------------------------------------------------------------------

#: Average precision, or skill, that counts as a difference; stated before any run.
SKILL_MARGIN = 0.02

#: Loss of skill at which a channel's spatial dependence is called broken.
BROKEN = 0.05

#: Gap of accuracy between two colormaps that is called strong.
STRONG = 0.05


def verdict_nonlinear(gaps: Mapping[str, Interval]) -> str:
    """C1, first half: colormapping is nonlinear filtering.

    Parameters
    ----------
    gaps : mapping of str to Interval
        For the R channels of turbo and jet and each kind of notes, the share of new spatial
        frequencies less that of gray.

    Returns
    -------
    str
        "holds" if all have new frequencies (intervals above 0); "fails" if none has; else
        "holds with limits".

    Examples
    --------
    >>> verdict_nonlinear({"R": Interval(0.1, 0.05, 0.2), "G": Interval(0.0, -0.1, 0.1)})
    'holds with limits'
    """
    bent = [gap.low > 0 for gap in gaps.values()]
    return "holds" if all(bent) else "holds with limits" if any(bent) else "fails"


def verdict_peaks(comparisons: Sequence[pd.DataFrame]) -> str:
    """C1, second half: the R channel of turbo or jet is the peaks.

    Parameters
    ----------
    comparisons : sequence of DataFrame
        From `compare` on `peak_scores`, baseline "threshold", one for each kind of notes.

    Returns
    -------
    str
        With the better one of the two channels on each kind of notes: "holds" if it finds more than
        a plain threshold on the level everywhere; "holds with limits" if it is nowhere worse by
        more than `SKILL_MARGIN`: a threshold, then; "fails" if it is worse by more than that
        everywhere; else "undecided".

    Examples
    --------
    >>> row = pd.DataFrame({"low": -0.2, "high": -0.1}, index=["R of turbo", "R of jet"])
    >>> verdict_peaks([row])
    'fails'
    """
    ends = [
        (frame.loc[names, "low"].max(), frame.loc[names, "high"].max())
        for frame in comparisons
        for names in [["R of turbo", "R of jet"]]
    ]
    if all(low > 0 for low, _ in ends):
        return "holds"
    if all(low > -SKILL_MARGIN for low, _ in ends):
        return "holds with limits"
    return "fails" if all(high < -SKILL_MARGIN for _, high in ends) else "undecided"


def verdict_dependence(alone: pd.DataFrame, information: pd.DataFrame) -> str:
    """Q3: splitting into channels breaks spatial dependence.

    Parameters
    ----------
    alone : DataFrame
        From `compare` on `predict_neighbours` ("alone", "linear"), baseline "gray".
    information : DataFrame
        From `information_scores`, of bytes.

    Returns
    -------
    str
        "holds" if all three channels together tell more than 1 % less about their neighbours than
        gray does; "holds with limits" if they do not, but some channel of `MAPS` by itself is worse
        foretold than gray by more than `BROKEN`; "fails" if neither.
    """
    bits = information.set_index("channel").bits
    together = min(bits[f"{name} together"] for name in MAPS)
    if together < 0.99 * bits["gray"]:
        return "holds"
    channels = [channel_name(name, index) for name in MAPS for index in range(3)]
    broken = (alone.loc[channels, "high"] < -BROKEN).any()
    return "holds with limits" if broken else "fails"


def turbo_against_jet(
    atlas: pd.DataFrame,
    peaks: Mapping[str, pd.DataFrame],
    maps: Mapping[str, pd.DataFrame],
    seed: int,
) -> pd.DataFrame:
    """Who wins, turbo or jet, by each criterion of this chapter.

    Parameters
    ----------
    atlas : DataFrame
        Rows of `sensitivity`.
    peaks : mapping of str to DataFrame
        From `peak_scores`, by kind of notes.
    maps : mapping of str to DataFrame
        From `compare_maps`, by task.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Columns criterion, turbo, jet (values; smaller is better for the first three), winner
        ("turbo", "jet" or "neither"). Measured criteria have a winner only if the interval (p after
        correction, for the learners) says so.
    """
    rows: list[dict[str, Any]] = []
    by_map = atlas.set_index("map")
    for column, sign in (
        ("unevenness", -1),
        ("ripples", -1),
        ("lightness_turns", -1),
        ("snr_change", 1),
    ):
        turbo, jet = by_map[column][["turbo", "jet"]].to_numpy(np.float64)
        rows.append(_criterion(column, turbo, jet, sign * (turbo - jet), turbo != jet))
    for kind, frame in peaks.items():
        wide = frame.pivot(index="note", columns="detector", values="average_precision")
        one, two = wide["R of turbo"], wide["R of jet"]
        gap = statistics.paired_difference(one, two, seed)
        name = f"R on {kind} notes"
        rows.append(_criterion(name, one.mean(), two.mean(), gap.estimate, gap.excludes()))
    for task_name, frame in maps.items():
        pairs = frame[(frame["first"] == "turbo") & (frame["second"] == "jet")]
        for learner_name, gain, p in zip(pairs.learner, pairs.difference, pairs.p, strict=True):
            name = f"{learner_name}, {task_name}"
            rows.append(_criterion(name, gain, 0.0, gain, p < 0.05))
    return pd.DataFrame(rows)


def _criterion(name: str, turbo: float, jet: float, gain: float, decided: bool) -> dict[str, Any]:
    winner = ("turbo" if gain > 0 else "jet") if decided else "neither"
    return {"criterion": name, "turbo": float(turbo), "jet": float(jet), "winner": winner}


def verdict_turbo(criteria: pd.DataFrame) -> str:
    """C2: turbo is preferable to jet, and that is not arbitrary.

    Parameters
    ----------
    criteria : DataFrame
        From `turbo_against_jet`.

    Returns
    -------
    str
        "holds" if turbo wins something and jet nothing; "holds with limits" if each wins something;
        "fails" if jet alone does; else "undecided".

    Examples
    --------
    >>> verdict_turbo(pd.DataFrame({"winner": ["turbo", "jet", "neither"]}))
    'holds with limits'
    """
    won = set(criteria.winner)
    if "turbo" in won:
        return "holds with limits" if "jet" in won else "holds"
    return "fails" if "jet" in won else "undecided"


def verdict_map_matters(maps: Sequence[pd.DataFrame]) -> str:
    """Q2: the conversion makes the result depend on the colormap.

    Parameters
    ----------
    maps : sequence of DataFrame
        From `compare_maps`, one for each task.

    Returns
    -------
    str
        "holds" if two colormaps differ (p < 0.05 after correction) in every task; "holds with
        limits" if in some; "fails" if in none and all intervals lie within `MARGIN`; else
        "undecided".
    """
    differs = [bool((frame.p < 0.05).any()) for frame in maps]
    if any(differs):
        return "holds" if all(differs) else "holds with limits"
    close = all(((frame.low > -MARGIN) & (frame.high < MARGIN)).all() for frame in maps)
    return "fails" if close else "undecided"


def strong_share(maps: Sequence[pd.DataFrame]) -> float:
    """Share of (task, learner) for which two colormaps lie `STRONG` or more apart, p < 0.05.

    Parameters
    ----------
    maps : sequence of DataFrame
        From `compare_maps`.

    Returns
    -------
    float
        In [0, 1].
    """
    strong = [
        bool(((part.p < 0.05) & (part.difference.abs() >= STRONG)).any())
        for frame in maps
        for _, part in frame.groupby("learner")
    ]
    return float(np.mean(strong))


def verdict_strongly(maps: Sequence[pd.DataFrame]) -> str:
    """D3: the conversion depends *strongly* on the colormap.

    Parameters
    ----------
    maps : sequence of DataFrame
        From `compare_maps`, one for each task.

    Returns
    -------
    str
        "holds" if for at least half of the learners and tasks some two colormaps are `STRONG`
        apart; "holds with limits" if for some; "fails" if for none though colours could be told
        apart within `STRONG` (all intervals inside); else "undecided".
    """
    share = strong_share(maps)
    if share > 0:
        return "holds" if share >= 0.5 else "holds with limits"
    inside = all(((frame.low > -STRONG) & (frame.high < STRONG)).all() for frame in maps)
    return "fails" if inside else "undecided"


def redundancy(
    comparisons: Sequence[pd.DataFrame], frames: Sequence[pd.DataFrame], seed: int
) -> dict[str, bool]:
    """Find the three facts that Q6 rests on.

    Parameters
    ----------
    comparisons : sequence of DataFrame
        From `compare_learners`, baseline "gray8".
    frames : sequence of DataFrame
        From `learner_scores`, of the same tasks.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict of str to bool
        ``copy``: R = G = B has rank one, and is equivalent to gray within `MARGIN` for every
        learner; ``colour``: every one of `MAPS` has a higher rank; ``bad``: a shuffled map is worse
        than gray for every learner (p < 0.05 after correction).
    """
    ranks = {
        name: int(np.linalg.matrix_rank(np.diff(encodings.table(name), axis=0), tol=1e-9))
        for name in ("gray3", *MAPS)
    }
    same = [
        gap_between(frame, (name, "gray3"), (name, "gray8"), seed)[1]
        for frame in frames
        for name in LEARNERS
    ]
    worse = [
        bool(((part.difference < 0) & (part.p < 0.05)).all())
        for frame in comparisons
        for part in [frame[frame.encoding == "shuffled"]]
    ]
    return {
        "copy": ranks["gray3"] == 1 and all(same),
        "colour": all(ranks[name] > 1 for name in MAPS),
        "bad": all(worse),
    }


def verdict_redundancy(facts: Mapping[str, bool]) -> str:
    """Q6: R ≈ G ≈ B is mere redundancy, a colormap is not; a bad one is noise or worse.

    Parameters
    ----------
    facts : mapping of str to bool
        From `redundancy`.

    Returns
    -------
    str
        "holds" if all are true, "fails" if none is, else "holds with limits".

    Examples
    --------
    >>> verdict_redundancy({"copy": False, "colour": True, "bad": True})
    'holds with limits'
    """
    known = list(facts.values())
    return "holds" if all(known) else "holds with limits" if any(known) else "fails"


def verdict_copies(
    tree: Sequence[tuple[Interval, bool]], forest: Sequence[tuple[Interval, bool]]
) -> str:
    """A4 for trees: copying the channel three times acts like an ensemble.

    Parameters
    ----------
    tree : sequence of (Interval, bool)
        One tree on the copy against one tree on gray, for each task, from `gap_between`.
    forest : sequence of (Interval, bool)
        A forest on the copy against a forest on gray that looks at as many features at each split,
        for each task, from `factor_gap`.

    Returns
    -------
    str
        "holds" if the copy gains (interval above 0) for the tree and for the forest in every task;
        "fails" if no interval is above 0 and at least one of the two kinds is equivalent in every
        task; "holds with limits" if some intervals are above 0; else "undecided".

    Examples
    --------
    >>> none = (Interval(0.0, -0.01, 0.01), True)
    >>> verdict_copies([none, none], [none, none])
    'fails'
    """
    gains = [gap.low > 0 for gap, _ in (*tree, *forest)]
    if any(gains):
        return "holds" if all(gains) else "holds with limits"
    settled = any(all(same for _, same in kind) for kind in (tree, forest))
    return "fails" if settled else "undecided"


# --------------------------------------------------------------------------------------------------
# Sizes
# --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """Sizes of the chapter's experiments.

    Attributes
    ----------
    notes : int
        Notes of each kind.
    pixels, regression_trees : int
        Training pixels and trees of `predict_neighbours`.
    seeds : int
        Paired seeds of the learners.
    side : int
        Rows and columns of the learners' pictures.
    train, test : int
        Pictures of each class.
    trees : int
        Trees of a forest.
    """

    notes: int
    pixels: int
    regression_trees: int
    seeds: int
    side: int
    train: int
    test: int
    trees: int


SETTINGS = {
    "quick": Settings(16, 2500, 10, 5, 12, 30, 80, 20),
    "full": Settings(60, 10_000, 50, 20, 16, 60, 100, 100),
}
