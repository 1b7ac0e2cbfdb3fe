"""Hop size and aliasing: which share of a spectrogram's modulation a hop cannot represent.

Start at `alias_fraction`, which `alias_table` takes of many sounds; `folding_demo` shows the
folding of one trembling tone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import firwin
from tqdm import tqdm

Array = NDArray[np.float64]


#: Windows in samples, and hops as fractions of the window, that are compared.
WINDOWS, HOPS = (128, 256, 512, 1024), {"50 %": 2, "75 %": 4, "87.5 %": 8}

_RATE, _SEGMENT = 16_000, 8000  # samples a second; of half a second


def _trajectories(signal: NDArray[np.floating[Any]], window: int) -> Array:
    """Hop-1 magnitude in at most 64 bins, shape (frames, bins); windows wholly inside."""
    step = max(1, (window // 2) // 64)
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    frames = sliding_window_view(np.asarray(signal, np.float32), window)
    parts = [
        np.abs(fft.rfft(frames[start : start + 1000] * shape, axis=1))[:, 1:-1:step]
        for start in range(0, len(frames), 1000)
    ]
    return np.asarray(np.concatenate(parts), np.float64)


def alias_fraction(
    signal: NDArray[np.floating[Any]],
    window: int,
    hops: Sequence[int],
    scale: str = "magnitude",
) -> Array:
    """Share of a spectrogram's modulation that each hop cannot represent.

    The spectrogram is taken at hop 1, with a periodic Hann window; each bin's trajectory in time,
    less its mean, is transformed (DCT-II: an even continuation, so that the ends make no jump), and
    the energy above the Nyquist frequency of a hop, ``sample rate / (2 hop)``, is divided by all of
    it. What lies above folds back on what lies below.

    >>> click = np.zeros(4096)
    >>> click[2048] = 1
    >>> alias_fraction(click, 256, [128, 64], "power").round(6)
    array([0.182348, 0.00498 ])
    """
    path = _trajectories(signal, window)
    if scale == "power":
        path = path**2
    elif scale == "decibels":
        lowest = path.max() * 10 ** (-80 / 20)  # a floor 80 dB under the peak
        path = 20 * np.log10(np.maximum(path, max(lowest, 1e-30)))
    elif scale != "magnitude":
        raise ValueError(f"scale must be magnitude, power or decibels, not {scale!r}")
    energy = np.square(fft.dct(path - path.mean(axis=0), axis=0, norm="ortho")).sum(axis=1)
    total = energy.sum()
    if not total > 0:
        raise ValueError("a constant signal has no modulation to alias")
    # Coefficient k of a DCT-II over T samples oscillates at k / (2 T) cycles a sample.
    return np.array([energy[int(np.ceil(len(path) / hop)) :].sum() / total for hop in hops])


def synthetic_sounds() -> dict[str, NDArray[np.float32]]:
    """Make a click in silence, and a chirp from 200 Hz to 7.8 kHz, of half a second."""
    click = np.zeros(_SEGMENT, np.float32)
    click[_SEGMENT // 2] = 1
    t, duration = np.arange(_SEGMENT) / _RATE, _SEGMENT / _RATE
    phase = 2 * np.pi * (200 * t + (7800 - 200) * t**2 / (2 * duration))
    return {"click": click, "chirp": np.sin(phase).astype(np.float32)}


def _loudest(wave: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Loudest half second, preceded by a window (silence, where the clip has just begun)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    start = int(np.argmax(energy[_SEGMENT:] - energy[:-_SEGMENT]))
    return np.pad(wave, (window, 0))[start : start + window + _SEGMENT]


def alias_table(
    sounds: dict[str, NDArray[np.float32]], scales: Sequence[str] = ("magnitude", "decibels")
) -> pd.DataFrame:
    """`alias_fraction` of many sounds, at every window and overlap."""
    rows = []
    for kind, clips in sounds.items():
        for index, wave in enumerate(tqdm(np.atleast_2d(clips), desc=kind, disable=None)):
            for window, scale in product(WINDOWS, scales):
                signal = _loudest(wave, window) if len(wave) > _SEGMENT else np.pad(wave, window)
                shares = alias_fraction(signal, window, [window // n for n in HOPS.values()], scale)
                for overlap, share in zip(HOPS, shares, strict=True):
                    rows.append((kind, index, scale, window / 16, overlap, share))
    columns = ["kind", "clip", "scale", "window_ms", "overlap", "fraction"]
    return pd.DataFrame(rows, columns=columns)


def folding_demo() -> pd.DataFrame:
    """Modulation of one bin while a tone trembles faster and faster, at several hops.

    A tone of 4 kHz is modulated in amplitude at a rate that rises from 10 to 240 Hz in two seconds.
    With a window of 128 samples (8 ms), the magnitude in its bin follows. Frames at 75 % overlap
    carry rates up to 250 Hz, at 50 % up to 125 Hz.
    """
    window, duration = 128, 2.0
    t = np.arange(int(duration * _RATE)) / _RATE
    rate = 2 * np.pi * (10 * t + (240 - 10) * t**2 / (2 * duration))
    tone = (1 + 0.8 * np.sin(rate)) * np.sin(2 * np.pi * 4000 * t)
    shape = np.hanning(window + 1)[:-1]
    bin_of_tone = np.exp(-2j * np.pi * 4000 / _RATE * np.arange(window)) * shape
    path = np.abs(sliding_window_view(tone, window) @ bin_of_tone)
    smooth = np.convolve(path, firwin(513, 1 / 64), mode="same")
    kept = {
        "hop 1": (path, 1),
        "hop 32 (75 %)": (path[::32], 32),
        "hop 64 (50 %)": (path[::64], 64),
        "low-pass, then hop 64": (smooth[::64], 64),
    }
    return pd.concat(
        [_modulation(name, row, _RATE / hop) for name, (row, hop) in kept.items()],
        ignore_index=True,
    )


def _modulation(name: str, path: Array, rate: float) -> pd.DataFrame:
    """Spectrogram of a trajectory sampled at `rate` Hz, in windows of 128 ms."""
    window = round(0.128 * rate)
    step = max(1, window // 4)
    frames = sliding_window_view(path, window)[::step]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(window)
    level = np.abs(fft.rfft(frames, n=2 * window, axis=1))
    rates = np.arange(level.shape[1]) * rate / (2 * window)
    seen = rates <= 250
    times = (np.arange(len(frames)) * step + window / 2) / rate
    grid_t, grid_f = np.meshgrid(times, rates[seen], indexing="ij")
    db = 20 * np.log10(np.maximum(level[:, seen] / level.max(), 1e-6))
    return pd.DataFrame(
        {"hop": name, "time_s": grid_t.ravel(), "rate_hz": grid_f.ravel(), "level_db": db.ravel()}
    )
