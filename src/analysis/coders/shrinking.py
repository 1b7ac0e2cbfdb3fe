"""A large picture through few numbers, by the filters that image libraries resize with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.coders.linear_coders import separable_bound
from analysis.pictures.pictures import (
    HIGH_DB,
    LOW_DB,
    Pictures,
    clip,
    decibels,
    log_error,
    posterise,
)
from analysis.sound import spectrograms

#: The picture of the thread: rows are the bins of a window of 2710 samples, columns its frames.
LARGE = (1356, 1071)

LARGE_WINDOW, LARGE_HOP = 2710, 15

#: Side of the small picture.
SMALL = 32

#: Pillow's filters that are tried; on the way back "nearest" for nearest, else "bicubic".
FILTERS = ("nearest", "box", "bilinear", "bicubic", "lanczos")


def large_picture(wave: NDArray[np.floating[Any]]) -> Pictures:
    """Spectrogram of one second at 16 kHz with 1356 × 1071 pixels, in dB.

    A window of 2710 samples has 1356 bins, and a hop of 15 samples makes 1071 frames.

    >>> large_picture(np.zeros(16000)).shape
    (1356, 1071)
    """
    samples = (LARGE[1] - 1) * LARGE_HOP
    padded = np.pad(np.asarray(wave, np.float32), (0, samples - len(wave)))
    power = spectrograms.power(padded, LARGE_WINDOW, LARGE_HOP)
    return clip(spectrograms.to_db(power, LOW_DB))


def resize_and_back(levels: NDArray[np.uint8], down: str) -> NDArray[np.uint8]:
    """Resize with Pillow to `SMALL` × `SMALL`, and back by bicubic (after "nearest": nearest)."""
    small = spectrograms.resize(levels[None], (SMALL, SMALL), down)
    back = "nearest" if down == "nearest" else "bicubic"
    return np.asarray(spectrograms.resize(small, levels.shape, back)[0], np.uint8)


def through_32(sounds: dict[str, NDArray[np.float32]]) -> pd.DataFrame:
    """Measure what is lost of 1356 × 1071 pixels on the way through 32 × 32."""
    rows = []
    for kind, clips in sounds.items():
        for index, wave in enumerate(tqdm(clips, desc="large pictures", disable=None)):
            db = large_picture(wave)
            levels = posterise(db)
            errors = {"rank 32": separable_bound(db, SMALL), "8 bits": _rms(db, decibels(levels))}
            for name in FILTERS:
                errors[name] = _rms(db, decibels(resize_and_back(levels, name)))
            spread = float(db.std(dtype=np.float64))
            rows += [(kind, index, way, error, spread) for way, error in errors.items()]
    return pd.DataFrame(rows, columns=["kind", "clip", "way", "error_db", "deviation_db"])


def _rms(a: Pictures, b: Pictures) -> float:
    return float(log_error(a[None], b[None])[0])


def coarse_pictures(waveforms: NDArray[np.float32], row_step: int) -> NDArray[np.float32]:
    """Pixels of the large pictures on a coarser grid: every 34th frame, every `row_step`-th row.

    A linear map of the whole picture is, for these pixels, a linear map through as many numbers; a
    bound for them is a bound for it.
    """
    db = spectrograms.log_power(waveforms, LARGE_WINDOW, 34 * LARGE_HOP, LOW_DB)[:, ::row_step]
    return np.minimum(db, np.float32(HIGH_DB)).reshape(len(db), -1)
