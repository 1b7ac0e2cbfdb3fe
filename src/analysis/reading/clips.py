"""Brings sounds to clips of one rate and length, and transforms them: amplitudes by mel band.

Of a long recording the loudest stretch is taken, short ones are padded with zeros. Beside each
spectrogram stands what was measured of the sound: its level, clipping, padding and the like.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from analysis.reading import decoding
from analysis.reading.facts import wave_facts
from analysis.reading.untrusted import FrontEnd, Reading, Unusable, explained
from analysis.sound import spectrograms

Floats = NDArray[np.float32]

#: A recording that never leaves ± this is silent: less than one step of 16 bits (-90 dB).
SILENCE = 3e-5

#: A sample at or above this is clipped; of a peak beyond 1, which floats can have, this share.
FULL_SCALE = 0.999

#: Samples beyond this (18 dB over full scale) are on a scale of their own, which is set to ±1.
LOUDEST = 8.0


def read_sounds(paths: Sequence[Path], front: FrontEnd) -> list[Reading | Unusable]:
    """Read some recordings, which passed `survey`, and transform them together."""
    waves: list[Floats] = []
    found: list[Reading | Unusable | dict[str, float]] = []
    for path in paths:
        try:
            with explained(path):
                wave, measures = _sound(path, front)
            waves.append(wave)
            found.append(measures)
        except Unusable as reason:
            found.append(reason)
    planes = iter(_amplitudes(np.stack(waves), front)) if waves else iter(())
    return [one if isinstance(one, Unusable) else Reading(next(planes), one) for one in found]  # type: ignore[arg-type]


def _amplitudes(waves: Floats, front: FrontEnd) -> Floats:
    """Mel amplitude (n, 1, bands, frames) of clips (n, samples)."""
    parts = []
    step = max(1, 2**20 // waves.shape[1])
    for start in range(0, len(waves), step):
        power = spectrograms.mel_power(
            waves[start : start + step], front.rate, front.size[0], front.window, front.hop
        )
        if power.shape[2] > front.size[1]:
            power = spectrograms.resize(power, front.size)
        parts.append(np.sqrt(np.maximum(power, 0)))
    return np.concatenate(parts)[:, None]


def _sound(path: Path, front: FrontEnd) -> tuple[Floats, dict[str, float]]:
    """One clip at the common rate and length, with its measures."""
    with decoding.opened(path) as sound:
        rate = sound.rate
        wanted = math.ceil(front.samples * rate / front.rate)
        block, total = decoding.loudest(sound.blocks, wanted)
    peak = float(np.abs(block).max())
    if peak > LOUDEST:  # integers written as floats, or a scale of the writer's own
        block = block / np.float32(peak)
    wave = _mono(block)
    if np.ptp(wave) < 2 * SILENCE:
        raise Unusable("silent: nothing in it exceeds −90 dB of full scale")
    ceiling = FULL_SCALE * max(1.0, float(np.abs(block).max()))  # floats go beyond 1 unharmed
    clipped = float((np.abs(block) >= ceiling).mean())
    own = len(wave)
    sounding = np.flatnonzero(wave)
    zeros = own - (sounding[-1] - sounding[0] + 1)
    wave = _resampled(wave, rate, front.rate)[: front.samples]
    padded = np.pad(wave, (0, front.samples - len(wave)))
    return padded, {
        "padding": 1 - (own - zeros) / max(wanted, own),
        "clipped": clipped,
        "level": float(10 * np.log10(np.square(wave, dtype=np.float64).mean() + 1e-20)),
        "seconds": total / rate,
        "rescaled": float(peak > LOUDEST),
        "rate": float(rate),
        "channels": float(block.shape[1]),
        **wave_facts(block[:, 0], rate),
    }


def _mono(block: Floats) -> Floats:
    """Mean of the channels; the loudest one where they cancel each other."""
    wave = block.mean(axis=1)
    loudness = np.square(block, dtype=np.float64).mean(axis=0)
    if np.square(wave, dtype=np.float64).mean() < 1e-4 * loudness.max():
        wave = block[:, int(loudness.argmax())]
    return np.asarray(wave, np.float32)


def _resampled(wave: Floats, rate: int, target: int) -> Floats:
    if rate == target:
        return wave
    ratio = Fraction(target, rate).limit_denominator(1000)
    return np.asarray(resample_poly(wave, ratio.numerator, ratio.denominator), np.float32)
