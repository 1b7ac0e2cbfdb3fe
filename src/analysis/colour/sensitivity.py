"""How a colormap treats level noise: for the eye, for a net's input, and against its signal.

`sensitivity` gathers one colormap's answers in a row; the other functions are its parts.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, signal, spatial, stats

from analysis.colour import colormaps
from analysis.colour.colormaps import LEVELS

Floats = NDArray[np.float64]


def turns(curve: ArrayLike, least: float = 1.0) -> int:
    """How often a curve turns around; a turn counts once the curve has come back by `least`.

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
    """How far the colour moves for one level, as the eye sees it, shape (256,).

    ΔE' in CAM02-UCS per level (about 1 is just noticeable), by central differences.
    """
    return np.asarray(np.linalg.norm(np.gradient(colormaps.cam02ucs(name), axis=0), axis=1))


def colour_distances(name: str, metric: str) -> Floats:
    """Distances between the colours of all pairs of levels, shape (256, 256), by a metric.

    "cam02-ucs": ΔE'; "ciede2000": ΔE00; "net": Euclidean, of a net's inputs after ImageNet's
    normalisation; "byte": the largest change of a channel in units of 1/255.

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
        points = colormaps.lut(name) / colormaps.IMAGENET_STD
        return np.asarray(spatial.distance.cdist(points, points))
    if metric == "byte":
        points = colormaps.lut(name) * 255
        return np.asarray(spatial.distance.cdist(points, points, "chebyshev"))
    raise ValueError(f"unknown metric {metric!r}; have cam02-ucs, ciede2000, net, byte")


def flip_noise(distances: Floats, threshold: float = 1.0) -> Floats:
    """Find the least change of level, up or down, that moves the colour by a threshold.

    Interpolated linearly; ``inf`` where no level is far enough.

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

    `frequency` tells how often each level occurs; the noise's `deviation` is in levels, and noisy
    levels are rounded and clipped. The ratio, in dB, is that of the colour's variance over the
    levels to the mean squared change; scaling or copying channels leaves it unchanged.

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
    """One colormap's response to noise, in a row; `frequency` tells how often each level occurs.

    ``jnd`` and ``ciede2000``: median level noise that changes the colour by one ΔE' (CAM02-UCS) or
    ΔE00; ``jnd_low`` and ``jnd_high``: its 5 % and 95 % points; ``net``: median level noise for one
    unit of the net's input; ``byte``: for 1/255 in some channel; ``unevenness``: standard deviation
    of the gain over its mean; ``ripples``: prominent maxima of the gain; ``lightness_turns``;
    ``snr_change``: signal-to-noise ratio against gray's, dB, for level noise of `deviation`.

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
        "lightness_turns": turns(colormaps.cam02ucs(name)[:, 0]),
        "snr_change": noise_ratio(colormaps.lut(name), frequency, deviation) - gray,
    }


def gain_ripples(gain: Floats, prominence: float = 0.5) -> NDArray[np.intp]:
    """Levels where the gain has a prominent maximum: the bands that a reader sees in jet.

    `prominence` is how far a maximum has to stand out, as a share of the mean gain.

    >>> len(gain_ripples(np.ones(256)))
    0
    """
    smooth = ndimage.gaussian_filter1d(gain, 2.0, mode="nearest")
    return np.asarray(signal.find_peaks(smooth, prominence=prominence * smooth.mean())[0])
