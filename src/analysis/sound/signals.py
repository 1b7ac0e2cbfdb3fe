"""Generated data whose answer is known: chirps in noise, and textures that differ in levels alone.

======================  ============================================================================
`chirps`                linear chirps in white noise; their end frequencies are to be found
`chirp_targets`         those frequencies as numbers of mean 0 and deviation 1
`textures`              smooth textures; which bands of levels are frequent is to be found
`band_edges`            where those bands begin and end
======================  ============================================================================

Recordings are the business of `analysis.sound.datasets`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, stats

#: Samples a second of a chirp.
CHIRP_RATE = 8000

#: Lowest and highest end frequency of a chirp in Hz.
CHIRP_RANGE = (300.0, 3500.0)

#: Lowest and highest signal-to-noise ratio of a chirp in dB.
SNR_RANGE = (-10.0, 20.0)


class Chirps(NamedTuple):
    """Chirps in noise, each of a second."""

    waveforms: NDArray[np.float32]  # (n, 8000); at `CHIRP_RATE`; the noise has a deviation of 0.05
    ends: NDArray[np.float64]  # (n, 2); first and last frequency in Hz, uniform in `CHIRP_RANGE`
    #: (n,); power of the chirp over that of the noise (0…4 kHz) in dB, uniform in `SNR_RANGE`
    snr: NDArray[np.float64]


def chirps(count: int, seed: int, snr_range: tuple[float, float] = SNR_RANGE) -> Chirps:
    """Linear chirps of a second in white noise; the ratio of both is uniform in `snr_range`, dB.

    >>> chirps(2, seed=0).waveforms.shape
    (2, 8000)
    """
    rng = np.random.default_rng([seed, 2])
    first, last = rng.uniform(*CHIRP_RANGE, (2, count, 1))
    snr = rng.uniform(*snr_range, count)
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    time = np.arange(CHIRP_RATE) / CHIRP_RATE
    waveforms = np.empty((count, len(time)), np.float32)
    for start in range(0, count, 64):  # bounded memory
        some = slice(start, start + 64)
        angle = 2 * np.pi * (first[some] * time + (last - first)[some] * time**2 / 2)
        tone = np.sqrt(2) * 10 ** (snr[some, None] / 20) * np.sin(angle + phase[some])
        waveforms[some] = 0.05 * (tone + rng.normal(size=tone.shape))
    return Chirps(waveforms, np.concatenate([first, last], axis=1), snr)


def chirp_targets(ends: ArrayLike) -> NDArray[np.float32]:
    """Shift and scale end frequencies to the mean 0 and the deviation 1 of their distribution.

    >>> chirp_targets([[1900.0, 3500.0]]).round(2).tolist()
    [[0.0, 1.7300000190734863]]
    """
    low, high = CHIRP_RANGE
    centred = np.asarray(ends, np.float64) - (low + high) / 2
    return np.asarray(centred / ((high - low) / np.sqrt(12)), np.float32)


def band_edges(stretches: int = 8) -> NDArray[np.float64]:
    """Edges of stretches of [0, 1], alternately "off" and "on", that no low moment tells apart.

    The signs of Chebyshev's polynomial of the second kind, whose zeros are the inner edges, are
    orthogonal to every polynomial of lower degree: "on" and "off" have the same total length, mean,
    variance, and all moments below ``stretches - 1``. The edges go from 0 to 1.

    >>> band_edges(4).round(3)
    array([0.   , 0.146, 0.5  , 0.854, 1.   ])
    """
    return np.asarray((1 - np.cos(np.arange(stretches + 1) * np.pi / stretches)) / 2)


def textures(
    count: int, seed: int, side: int = 16, contrast: float = 0.4, stretches: int = 8
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Smooth random textures whose class lies in their levels alone.

    A smooth Gaussian field (correlated over about three pixels) is mapped, rank by rank, to a
    distribution of levels. The range is cut into stretches, alternately "off" and "on"
    (`band_edges`); class 1 has the levels of the "on" stretches ``(1 + contrast) / (1 - contrast)``
    times as often as class 0 would have them, and the reverse. Mean, variance, further moments and
    the energy of the gradient are the same in both classes: to find them, a network has to tell
    bands of levels, and the theory of this book says that colour must help it. Half of the `count`
    textures, float32 from -80 to 0 dB, are of class 1; `contrast` is in (0, 1).

    >>> textures(4, seed=0)[1]
    array([0, 1, 0, 1])
    """
    rng = np.random.default_rng([seed, 1])
    labels = np.arange(count) % 2
    field = ndimage.gaussian_filter(
        rng.normal(size=(count, side, side)), (0, 1.5, 1.5), mode="wrap"
    )
    uniform = stats.norm.cdf(field / field.std())
    edges = band_edges(stretches)
    level = np.empty_like(uniform)
    for label in (0, 1):
        often = np.where(np.arange(stretches) % 2 == label, 1 + contrast, 1 - contrast)
        often = often * np.diff(edges)
        cumulative = np.concatenate([[0.0], np.cumsum(often)]) / often.sum()
        level[labels == label] = np.interp(uniform[labels == label], cumulative, edges)
    return np.asarray(80 * level - 80, np.float32), labels.astype(np.int64)
