"""What a file tells beside its content: who wrote it and how, and what the recorder added.

None of it is what classes are about. Where one of these facts tells the class, nets may learn the
recorder, or the program that saved the file, in place of the sound (`analysis.audit.cues`).
"""

from __future__ import annotations

import hashlib
import math
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.reading.decoding import by_libsndfile

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

#: Frequencies of the mains in Hz, and their multiples that are looked at.
MAINS = (50, 60)
HARMONICS = (1, 2, 3, 4, 5)

_FRAME_SECONDS = 0.01  # in which the noise floor is looked for
_QUIET = 0.1  # of the frames, the loudest of which is the noise floor


def header_facts(path: Path, kind: str) -> dict[str, str]:
    """Read from a file's header, which passed `untrusted.survey`, how it was written.

    Of a sound ``format`` and ``encoding``; of an array ``format`` and ``encoding`` (its type and
    order); of a picture ``format``, ``encoding`` (what a pixel is), ``quality`` (a fingerprint of
    JPEG's tables, and the sampling of colour) and ``software``.
    """
    if kind == "audio":
        with by_libsndfile(path) as sound:
            return {"format": sound.format, "encoding": f"{sound.subtype} {sound.endian}"}
    if kind == "images":
        return _picture_facts(path)
    facts = {"format": path.suffix.lower()}
    if facts["format"] == ".npy":
        values = np.load(path, mmap_mode="r", allow_pickle=False)  # its header, nothing else
        order = "columns first" if values.flags.f_contiguous else "rows first"
        facts["encoding"] = f"{values.dtype.str} {order}"
    return facts


def _picture_facts(path: Path) -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the survey decided
        with Image.open(path) as image:
            facts = {"format": str(image.format), "encoding": image.mode}
            tables = getattr(image, "quantization", None)
            if tables:
                text = repr([tables, getattr(image, "layer", None)])
                facts["quality"] = hashlib.sha256(text.encode()).hexdigest()[:8]
            facts["software"] = str(image.info.get("Software") or image.info.get("software", ""))
    return facts


def wave_facts(wave: Floats, rate: int) -> dict[str, float]:
    """Measure what a recorder adds to a sound of one channel, where 1 is full scale.

    ``offset`` (mean, of full scale), ``floor`` (level of the quietest tenth of the frames that are
    no digital silence, in dB of full scale), ``hum50`` and ``hum60`` (how far the mains' frequency
    and its `HARMONICS` stand out of what is beside them, mean in dB) and ``bits`` (that the samples
    use, at most 24).

    >>> facts = wave_facts(np.sin(2 * np.pi * 50 * np.arange(8000) / 8000).astype("f4"), 8000)
    >>> facts["hum50"] > 10 > facts["hum60"]
    True
    """
    low = _low_spectrum(wave, rate)
    return {
        "offset": float(wave.mean(dtype=np.float64)),
        "floor": _floor(wave, rate),
        **{f"hum{mains}": _hum(*low, rate, mains) for mains in MAINS},
        "bits": float(_bits(wave)),
    }


def _floor(wave: Floats, rate: int) -> float:
    size = max(1, min(len(wave), round(_FRAME_SECONDS * rate)))
    frames = wave[: len(wave) // size * size].reshape(-1, size).astype(np.float64)
    power = frames.var(axis=1)
    sounding = power[power > 0]
    if not len(sounding):
        return -200.0
    return float(10 * np.log10(np.quantile(sounding, _QUIET, method="inverted_cdf")))


def _low_spectrum(wave: Floats, rate: int) -> tuple[Array, float]:
    """Power of the frequencies in which hum is looked for, and the distance of two of them."""
    step = rate / len(wave)
    most = MAINS[-1] * HARMONICS[-1] + _beside(step)
    spectrum = np.fft.rfft((wave - wave.mean()) * _window(len(wave)))
    return np.abs(spectrum[: math.ceil(most / step) + 1]) ** 2, step


@lru_cache(maxsize=2)  # clips of a set are of one length, or nearly all
def _window(size: int) -> Array:
    return np.hanning(size)


def _beside(step: float) -> float:
    """How far from a harmonic (Hz) its neighbours lie at most."""
    return max(12.0, 8 * step)


def _hum(power: Array, step: float, rate: int, mains: int) -> float:
    """Mean over the harmonics of peak over median of the neighbours, in dB; 0 if none fits."""
    frequencies = step * np.arange(len(power))
    found = []
    for harmonic in HARMONICS:
        distance = np.abs(frequencies - harmonic * mains)
        near, beside = distance <= max(1.0, 1.5 * step), distance <= _beside(step)
        around = power[beside & ~near]
        if near.any() and len(around) > 3 and harmonic * mains < rate / 2:
            found.append(10 * np.log10((power[near].max() + 1e-30) / (np.median(around) + 1e-30)))
    return float(np.mean(found)) if found else 0.0


def _bits(wave: Floats) -> int:
    """Bits that the samples use: as many as a step between two of their values needs."""
    scaled = np.round(wave.astype(np.float64) * 2**23)
    step = int(np.gcd.reduce(scaled.astype(np.int64)))
    return 24 - ((step & -step).bit_length() - 1) if step else 0
