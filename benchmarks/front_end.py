"""From clips to mel spectrograms in decibels: beside librosa and loops over scipy's transform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import ShortTimeFFT, get_window

from analysis.sound import spectrograms
from analysis.timing.timings import Row
from benchmarks.harness import Contender, Effort, compare, copying, ours, peer

TITLE = "Spectrograms of 10,000 clips"
PEERS = ("librosa",)
RATE = 16_000

Floats = NDArray[np.float32]


def clips(count: int, samples: int = RATE // 2, seed: int = 0) -> Floats:
    """Noise in [-1, 1], half a second a clip."""
    noise = np.random.default_rng(seed).random((count, samples), np.float32)
    return np.asarray(2 * noise - 1)


def by_librosa(waveforms: Floats) -> Floats:
    """Mel spectrograms of one clip or several by librosa, with this book's definitions."""
    librosa = peer("librosa")
    assert librosa is not None
    power = librosa.feature.melspectrogram(
        y=waveforms, sr=RATE, n_fft=spectrograms.WINDOW, hop_length=spectrograms.HOP,
        n_mels=spectrograms.MELS, htk=True, norm=None, pad_mode="constant",
    )  # fmt: skip
    scale = np.float32((2 / get_window("hann", spectrograms.WINDOW).sum()) ** 2)
    return np.asarray(librosa.power_to_db(power * scale, amin=1e-10, top_db=None), np.float32)


def by_scipy(waveforms: Floats) -> Floats:
    """Mel spectrograms clip by clip with `scipy.signal.ShortTimeFFT`."""
    window = get_window("hann", spectrograms.WINDOW)
    transform = ShortTimeFFT(
        2 * window / window.sum(), spectrograms.HOP, RATE, fft_mode="onesided", phase_shift=None
    )
    bank = spectrograms.mel_filterbank(sample_rate=RATE)
    frames = 1 + waveforms.shape[1] // spectrograms.HOP
    found = []
    for clip in waveforms:
        power = transform.spectrogram(clip, p0=0, p1=frames)
        found.append(10 * np.log10(np.maximum(bank @ power, 1e-10)))
    return np.asarray(found, np.float32)


def one_by_one(transform: Callable[[Floats], Floats], waveforms: Floats) -> Floats:
    """Transform clip by clip."""
    return np.stack([transform(clip) for clip in waveforms])


def transforming(effort: Effort, frames: int) -> Contender:
    """Build the limit: the Fourier transform of as many frames, and nothing else."""
    count = 4 if effort.small else 64
    ready = np.ones((count * frames, spectrograms.WINDOW), np.float32)
    return Contender("Fourier transform alone", lambda: fft.rfft(ready), "limit", count)


def gap(found: Floats, truth: Floats) -> dict[str, float | str]:
    """Largest difference from this book's values."""
    return {"largest difference (dB)": float(np.abs(found - truth).max())}


def measure(effort: Effort) -> list[Row]:
    """Transform all clips at once; the loops take fewer of the same clips."""
    few = Effort(min(effort.rounds, 5), effort.small)
    waveforms = clips(8 if effort.small else 10_000)
    part = waveforms[: 4 if effort.small else 200]
    truth = spectrograms.log_mel(part, RATE)
    frames = 1 + waveforms.shape[1] // spectrograms.HOP
    peers: dict[str, Callable[[], Floats]] = {"scipy, clip by clip": lambda: by_scipy(part)}
    if peer("librosa") and not effort.small:  # it compiles for a minute first
        peers["librosa, clip by clip"] = lambda: one_by_one(by_librosa, part)
        peers["librosa, all at once"] = lambda: by_librosa(part)
    field = [
        ours(lambda: spectrograms.log_mel(waveforms, RATE), len(waveforms)),
        *(
            Contender(name, run, "peer", len(part), gap(run(), truth))
            for name, run in peers.items()
        ),
        transforming(few, frames),
        copying(8.0 * waveforms.shape[1], 1.0, few),
    ]
    return compare("half a second to 64 mel bands", "clips", field, few)
