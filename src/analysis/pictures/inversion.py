"""From a picture back to sound: with the original phase, or without any (Griffin and Lim)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.pictures.pictures import HOP, ROWS, WINDOW, Pictures, padded
from analysis.sound import spectrograms

Array = NDArray[np.float64]


def resynthesis_snr(waveforms: NDArray[np.float32], decoded: Pictures) -> Array:
    """Signal-to-noise ratio after resynthesis with the decoded magnitude and the *original* phase.

    The kindest resynthesis: all error is the magnitude's. The inverse is that of least squares
    (`spectrograms.istft`); the bin at Nyquist is left empty.
    """
    ratios = []
    for wave, db in zip(padded(waveforms), decoded, strict=True):
        spectrum = spectrograms.stft(wave, WINDOW, HOP)
        magnitude = np.zeros(spectrum.shape, np.float32)
        magnitude[:ROWS] = np.sqrt(spectrograms.from_db(db))
        phase = spectrum / np.maximum(np.abs(spectrum), np.float32(1e-12))
        made = spectrograms.istft(magnitude * phase, len(wave), WINDOW, HOP)
        noise = np.square(wave - made, dtype=np.float64).sum()
        ratios.append(10 * np.log10(np.square(wave, dtype=np.float64).sum() / max(noise, 1e-20)))
    return np.array(ratios)


def griffin_lim(magnitude: NDArray[np.float32], iterations: int, seed: int) -> NDArray[np.float32]:
    """Waveform whose spectrogram is near a magnitude, without any phase (Griffin and Lim, 1984)."""
    samples = (magnitude.shape[1] - 1) * HOP
    turns = np.random.default_rng(seed).random(magnitude.shape)
    phase = np.exp(2j * np.pi * turns).astype(np.complex64)
    for _ in range(iterations):
        wave = spectrograms.istft(magnitude * phase, samples, WINDOW, HOP)
        spectrum = spectrograms.stft(wave, WINDOW, HOP)
        phase = spectrum / np.maximum(np.abs(spectrum), np.float32(1e-12))
    return spectrograms.istft(magnitude * phase, samples, WINDOW, HOP)


def griffin_lim_snr(db: Pictures, decoded: Pictures, iterations: int, seed: int) -> Array:
    """Signal-to-noise ratio of the *magnitude* after resynthesis without the phase.

    Without the phase the waveform itself cannot be compared; what can is the magnitude of the
    resynthesised sound's transform with that of the original (the negative of the spectral
    convergence in dB).
    """
    ratios = []
    for truth, found in zip(db, decoded, strict=True):
        target, given = (np.sqrt(spectrograms.from_db(p)) for p in (truth, found))
        wave = griffin_lim(np.pad(given, ((0, 1), (0, 0))), iterations, seed)
        heard = np.abs(spectrograms.stft(wave, WINDOW, HOP))[:ROWS]
        noise = np.square(heard - target, dtype=np.float64).sum()
        ratios.append(10 * np.log10(np.square(target, dtype=np.float64).sum() / noise))
    return np.array(ratios)
