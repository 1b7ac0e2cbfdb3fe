"""Three channels that hold more than a colour: change, range, or height, beside the level.

A colormap fills three channels with functions of one level. What else could they hold? `SPENT`
names four ways; each takes pictures of levels and gives as many numbers as a colour would. The
ways of `HEARD` need the sound itself: the picture has lost what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.colors import hsv_to_rgb
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from analysis.sound import spectrograms

Images = NDArray[np.float32]


def deltas(x: Images) -> Images:
    """Level, its change in time and its change in frequency (half the range is no change)."""
    changes = [np.gradient(x, axis=axis) for axis in (-1, -2)]
    return np.stack([x, *(0.5 + change / 2 for change in changes)], axis=-3)


def ranges(x: Images) -> Images:
    """Level in the whole range, in its upper half and in its upper quarter, in decibels."""
    return np.stack([np.clip((x - low) / (1 - low), 0, 1) for low in (0, 0.5, 0.75)], axis=-3)


def _height(x: Images) -> Images:
    rows = np.linspace(0, 1, x.shape[-2], dtype=np.float32)[:, None]
    return np.broadcast_to(rows, x.shape)


def ramp(x: Images) -> Images:
    """Level, height of the row (0 to 1) and the product of both."""
    height = _height(x)
    return np.stack([x, height, x * height], axis=-3)


def hue(x: Images) -> Images:
    """Colour whose hue is the row's, from red to blue, and whose value is the level."""
    parts = np.stack([2 / 3 * _height(x), np.ones_like(x), np.clip(x, 0, 1)], axis=-1)
    return np.moveaxis(hsv_to_rgb(parts), -1, -3)


#: Ways to spend three channels, by name.
SPENT: Mapping[str, Callable[[Images], Images]] = MappingProxyType(
    {"deltas": deltas, "ranges": ranges, "ramp": ramp, "hue": hue}
)


def spend(values: ArrayLike, name: str) -> Images:
    """Give levels in [0, 1] three channels, by a way of `SPENT`.

    Parameters
    ----------
    values : array_like of float, shape (…, frequencies, frames)
        Clipped to [0, 1].
    name : str
        "deltas", "ranges", "ramp" or "hue".

    Returns
    -------
    ndarray of float32, shape (…, 3, frequencies, frames)
        In [0, 1].

    Examples
    --------
    >>> spend([[0.0, 0.0], [0.5, 1.0]], "deltas")[:, 1, 1]
    array([1.  , 0.75, 1.  ], dtype=float32)
    """
    if name not in SPENT:
        raise ValueError(f"unknown way to spend channels {name!r}; valid: {', '.join(SPENT)}")
    x = np.clip(np.asarray(values, np.float32), 0, 1)
    return np.asarray(SPENT[name](x), np.float32)


#: Ways that need the sound: other windows, what phase says of frequency, normalised energies.
HEARD = ("windows", "phase", "pcen")

#: Seconds over which the normalised energies take their means.
_MEMORIES = (0.06, 0.4)

_CLIPS = 64  # at a time: their spectra take some ten megabytes


def heard(
    waveforms: NDArray[np.floating[Any]],
    sample_rate: int,
    size: tuple[int, int],
    window: int = spectrograms.WINDOW,
    hop: int = spectrograms.HOP,
    mels: int = spectrograms.MELS,
) -> dict[str, Images]:
    """Two channels to stand beside the level, by each way of `HEARD`.

    - "windows": decibels from windows of a quarter and of four times the length.
    - "phase": cosine and sine of the phase's advance from frame to frame beyond that of a sine in
      the middle of its band, averaged with the power as weight: where in its band the energy lies.
    - "pcen": per-channel energy normalisation (Wang and others, 2017, eq. 1), each band's power
      over its own running mean, with a short and a long memory.

    Parameters
    ----------
    waveforms : ndarray of float, shape (n, samples)
        In [-1, 1].
    sample_rate : int
        In Hz.
    size : (int, int)
        Rows and columns that each channel is averaged to.
    window, hop : int
        Samples of the level's own spectrogram, see `spectrograms.stft`.
    mels : int
        Bands; 0 for the transform's bins as they are.

    Returns
    -------
    dict of str to ndarray of float32, shape (n, 2, rows, columns)
        Not scaled.

    Examples
    --------
    >>> clips = np.random.default_rng(0).uniform(-1, 1, (2, 8000))
    >>> {name: found.shape for name, found in heard(clips, 8000, (16, 16)).items()}
    {'windows': (2, 2, 16, 16), 'phase': (2, 2, 16, 16), 'pcen': (2, 2, 16, 16)}
    """
    parts: dict[str, list[Images]] = {name: [] for name in HEARD}
    for start in range(0, len(waveforms), _CLIPS):
        clips = np.asarray(waveforms[start : start + _CLIPS], np.float32)
        spectra = spectrograms.stft(clips, window, hop)
        bank = _bank(mels, window, sample_rate)
        ways = (
            _windows(clips, sample_rate, window, hop, mels),
            _phase(spectra, bank, hop / window),
            _pcen(bank @ np.square(np.abs(spectra)), sample_rate / hop),
        )
        for name, channels in zip(HEARD, ways, strict=True):
            small = [spectrograms.resize(one, size) for one in channels]
            parts[name].append(np.stack(small, axis=1).astype(np.float32))
    found = {name: np.concatenate(some) for name, some in parts.items()}
    wave, weight = np.split(found["phase"], [2], axis=1)
    return found | {"phase": np.asarray(wave / np.maximum(weight, 1e-20), np.float32)}


def _bank(mels: int, window: int, sample_rate: int) -> Images:
    if not mels:
        return np.eye(window // 2 + 1, dtype=np.float32)
    return spectrograms.mel_filterbank(mels, window, sample_rate)


def _windows(clips: Images, sample_rate: int, window: int, hop: int, mels: int) -> list[Images]:
    found = []
    for length in (window // 4, window * 4):
        power = spectrograms.power(clips, length, min(hop, length))
        found.append(spectrograms.to_db(_bank(mels, length, sample_rate) @ power))
    return found


def _phase(spectra: NDArray[np.complex64], bank: Images, overlap: float) -> list[Images]:
    """Give cosine and sine, times the power, and the power."""
    centres = np.exp(-2j * np.pi * overlap * np.arange(spectra.shape[-2]))[:, None]
    advance = spectra[..., 1:] * spectra[..., :-1].conj() * centres.astype(np.complex64)
    return [bank @ part for part in (advance.real, advance.imag, np.abs(advance))]


def _pcen(power: Images, frames_a_second: float) -> list[Images]:
    """Normalise energies with the values that its authors found by training."""
    found = []
    for seconds in _MEMORIES:
        t = seconds * frames_a_second  # as many frames; the filter with that time constant
        share = (np.sqrt(1 + 4 * t**2) - 1) / (2 * t**2)
        start = (1 - share) * power[..., :1]
        mean, _ = lfilter([share], [1, share - 1], power, axis=-1, zi=start)
        found.append(np.sqrt(power / (1e-10 + mean) ** 0.98 + 2) - np.sqrt(2))
    return found
