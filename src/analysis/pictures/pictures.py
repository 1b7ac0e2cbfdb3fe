"""Pictures of one-second clips: decibels, their 8-bit levels, and how far two lie apart.

Start at `pictures`: 256 frequencies × 128 frames from one second of sound at 16 kHz.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.sound import spectrograms

Array = NDArray[np.float64]
Pictures = NDArray[np.float32]

#: Window and hop of the pictures in samples: at 16 kHz, 32 ms and 8 ms (75 % overlap).
WINDOW, HOP = 512, 128

#: Rows (frequency bins; the one at Nyquist is left out) and columns (frames) of a picture.
ROWS, COLUMNS = 256, 128

#: Range of the 8-bit levels in dB of a full-scale sine; everything lower is set to the floor.
LOW_DB, HIGH_DB = spectrograms.FLOOR_DB, 0.0


def pictures(waveforms: NDArray[np.floating[Any]]) -> Pictures:
    """Log-power spectrograms of one-second clips, 256 × 128 pixels.

    >>> pictures(np.zeros((2, 16000))).shape
    (2, 256, 128)
    """
    db = spectrograms.log_power(padded(waveforms), WINDOW, HOP, LOW_DB)[:, :ROWS]
    return np.minimum(db, np.float32(HIGH_DB))


def padded(waveforms: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Clips with zeros at the end, so that there are `COLUMNS` frames."""
    samples = (COLUMNS - 1) * HOP
    if waveforms.ndim != 2 or waveforms.shape[1] > samples:
        raise ValueError(f"need clips of at most {samples} samples, got {waveforms.shape}")
    return np.pad(np.asarray(waveforms, np.float32), ((0, 0), (0, samples - waveforms.shape[1])))


def posterise(db: Pictures, bits: int = 8) -> NDArray[np.uint8]:
    """Levels of decibels in −100…0 dB: 2^bits of them.

    >>> posterise(np.array([-100.0, -50.0, 0.0], np.float32), 1).tolist()
    [0, 0, 1]
    """
    return np.asarray(spectrograms.quantise(db, LOW_DB, HIGH_DB, bits), np.uint8)


def decibels(levels: NDArray[np.uint8], bits: int = 8) -> Pictures:
    """Undo `posterise`: the middle of each level, in dB."""
    return spectrograms.dequantise(levels, LOW_DB, HIGH_DB, bits)


def clip(db: NDArray[Any]) -> Pictures:
    """Decibels clipped to the range of the levels."""
    return np.asarray(np.clip(db, LOW_DB, HIGH_DB), np.float32)


def log_error(db: Pictures, decoded: Pictures) -> Array:
    """Root-mean-square difference of log spectra, over all bins and frames of each clip.

    >>> log_error(np.zeros((1, 2, 2)), np.full((1, 2, 2), 3.0))
    array([3.])
    """
    return np.asarray(np.sqrt(np.square(db - decoded, dtype=np.float64).mean(axis=(1, 2))))
