"""Colour as a filter: what a fixed curve of the level does to pixels and to spatial frequencies.

A *channel* is a curve over the 256 levels, shape (256,): a column of a colormap's table. A linear
filter weakens spatial frequencies and makes none; a bent curve makes new ones (`new_energy`), and
puts edges at levels of its own choice (`edge_energy`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from analysis.colour.colormaps import LEVELS

Levels = NDArray[np.uint8]
Floats = NDArray[np.float64]


def channel_name(encoding: str, channel: int) -> str:
    """Name of a channel, such as ``"R of jet"``; gray has one and keeps its name."""
    return encoding if encoding == "gray" else f"{'RGB'[channel]} of {encoding}"


def falls(channel: ArrayLike) -> int:
    """Count the steps t → t + 1 on which a channel decreases, 0…255.

    >>> falls(np.arange(256)), falls(-np.arange(256))
    (0, 255)
    """
    return int((np.diff(np.asarray(channel, np.float64)) < 0).sum())


def is_plain_threshold(channel: ArrayLike, height: float) -> bool:
    """Whether "channel ≥ height" says no more than "level ≥ some level" (or lets none pass).

    >>> from analysis.colour.colormaps import lut
    >>> [is_plain_threshold(lut("turbo")[:, 0], height) for height in (0.4, 0.6)]
    [True, False]
    """
    passes = np.asarray(channel) >= height
    return bool((np.diff(passes.astype(np.int8)) >= 0).all())


def plain_threshold_share(channel: ArrayLike) -> float:
    """Share of a channel's distinct heights at which it is a plain threshold on the level.

    In (0, 1]; 1 exactly if the channel never falls.

    >>> plain_threshold_share(np.arange(256))
    1.0
    """
    heights = np.unique(np.asarray(channel))
    return float(np.mean([is_plain_threshold(channel, height) for height in heights]))


def passband(channel: ArrayLike, height: float) -> tuple[int, int]:
    """Lowest and highest level at which a channel reaches a height.

    >>> passband(np.arange(256) / 255, 0.5)
    (128, 255)
    """
    inside = np.flatnonzero(np.asarray(channel) >= height)
    if not len(inside):
        raise ValueError(f"the channel never reaches {height}; its maximum is {np.max(channel)}")
    return int(inside[0]), int(inside[-1])


def spatial_power(image: ArrayLike) -> Floats:
    """Power of a picture of one channel in the two-dimensional Fourier plane.

    The mean is removed and a Hann window applied along both axes. Frequency 0 is in the middle; the
    step along an axis is 1/height or 1/width cycles a pixel.

    >>> bool(spatial_power(np.ones((4, 6))).max() < 1e-20)
    True
    """
    picture = np.asarray(image, np.float64)
    window = np.outer(*(signal.windows.hann(size, sym=False) for size in picture.shape))
    centred = picture - (window * picture).sum() / window.sum()
    return np.asarray(np.abs(np.fft.fftshift(np.fft.fft2(window * centred))) ** 2)


def main_frequencies(power: Floats, share: float = 0.99) -> NDArray[np.bool_]:
    """Smallest set of spatial frequencies that holds a share of a picture's `spatial_power`.

    >>> main_frequencies(np.array([[8.0, 1.0, 1.0]]), share=0.9)
    array([[ True,  True, False]])
    """
    order = np.argsort(-power, axis=None, kind="stable")
    running = power.ravel()[order].cumsum()
    kept = int(np.searchsorted(running, share * running[-1] * (1 - 1e-12))) + 1
    main = np.zeros(power.size, bool)
    main[order[:kept]] = True
    return main.reshape(power.shape)


def new_energy(main: NDArray[np.bool_], power: Floats) -> float:
    """Share of a channel's `spatial_power` where the gray picture has next to none.

    `main` are the gray picture's `main_frequencies`: its own share is at most 1 %.

    >>> new_energy(np.array([True, True, False]), np.array([0.0, 1.0, 1.0]))
    0.5
    """
    total = power.sum()
    return float(power[~main].sum() / total) if total > 0 else 0.0


def radial_profile(power: Floats, bands: int = 16) -> tuple[Floats, Floats]:
    """Energy in rings of spatial frequency, between 0 and the plane's corner, √½ cycles a pixel.

    Centres of the rings, in cycles a pixel, and their shares of the energy, which sum to 1.

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
    """On which levels a channel's edges lie, shape (256,), sum 1 (0 for a constant picture).

    Squared differences of neighbouring pixels, summed by the mean level of the two: an edge along
    an iso-level line is a peak there.

    >>> edge_energy(np.array([[10, 20]], np.uint8), np.arange(256))[15]
    np.float64(1.0)
    """
    curve = np.asarray(channel, np.float64)
    energy = np.zeros(LEVELS)
    for first, second in neighbour_pairs(levels):
        middle = (first.astype(np.int64) + second) // 2
        energy += np.bincount(middle, (curve[first] - curve[second]) ** 2, minlength=LEVELS)
    total = energy.sum()
    return energy / total if total > 0 else energy


def neighbour_pairs(levels: Levels) -> Iterable[tuple[Levels, Levels]]:
    """Pixels and their neighbours, one above the other and then side by side.

    >>> [pair[0].tolist() for pair in neighbour_pairs(np.array([[1, 2], [3, 4]], np.uint8))]
    [[1, 2], [1, 3]]
    """
    yield levels[:-1].ravel(), levels[1:].ravel()
    yield levels[:, :-1].ravel(), levels[:, 1:].ravel()


def narrowest_half(energy: Floats) -> tuple[int, int]:
    """First and last level of the narrowest run of levels that holds half of an energy.

    >>> narrowest_half(np.eye(256)[40])
    (40, 40)
    """
    running = np.concatenate([[0.0], np.cumsum(energy)])
    ends = np.searchsorted(running, running + running[-1] * (0.5 - 1e-12))
    starts = np.flatnonzero(ends <= len(energy))
    low = int(starts[(ends[starts] - starts).argmin()])
    return low, int(ends[low]) - 1
