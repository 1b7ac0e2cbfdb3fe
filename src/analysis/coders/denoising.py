"""JPEG as a denoiser of chirps in white noise, beside the best linear denoiser of the same blocks.

`denoise` measures, `changes` compares with doing nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import eigh, solve
from tqdm import tqdm

from analysis.coders.blocks import cut, join
from analysis.evidence.statistics import holm, mean_interval
from analysis.jpeg import files
from analysis.sound import spectrograms

Array = NDArray[np.float64]
Pictures = NDArray[np.float32]


#: Qualities that are tried.
QUALITIES = (5, 10, 20, 35, 50, 75, 90)

_CHIRP_RATE, _CHIRP_SAMPLES, _CHIRP_LOW = 8000, 1984, -70.0


def _chirps(n: int, snr_db: float, rng: np.random.Generator) -> tuple[Array, Pictures, Pictures]:
    """Parameters (start and end frequency in Hz) and pictures of clean and of noisy chirps.

    Pictures are (n, 64, 32) levels as float32, 0…255 over −70…0 dB; the phase is random.
    """
    ends = rng.uniform(400, 3600, (n, 2))
    t = np.arange(_CHIRP_SAMPLES) / _CHIRP_RATE
    duration = _CHIRP_SAMPLES / _CHIRP_RATE
    sweep = ends[:, :1] * t + (ends[:, 1:] - ends[:, :1]) * t**2 / (2 * duration)
    clean = 0.2 * np.sin(2 * np.pi * (sweep + rng.random((n, 1))))
    noise = rng.normal(size=clean.shape) * 0.2 / np.sqrt(2) * 10 ** (-snr_db / 20)
    made = []
    for wave in (clean, clean + noise):
        db = spectrograms.log_power(wave.astype(np.float32), 128, 64, _CHIRP_LOW)[:, :64]
        made.append(spectrograms.quantise(db, _CHIRP_LOW, 0.0).astype(np.float32))
    return ends, made[0], made[1]


def _jpeg(pictures: Pictures, quality: int) -> Pictures:
    """Levels after JPEG. Blocks are coded alike, so one mosaic of all pictures gives the same."""
    mosaic = np.concatenate([*pictures.astype(np.uint8)], axis=1)
    opened, _ = files.round_trip(mosaic, "JPEG", quality=quality)
    return np.stack(np.split(opened.astype(np.float32), len(pictures), axis=1))


def _linear_denoiser(noisy: Pictures, clean: Pictures) -> Callable[[Pictures], Pictures]:
    """Linear least-squares estimate of each clean 8 × 8 block from the noisy one."""
    x, y = (cut(pictures, 8).reshape(-1, 64) for pictures in (noisy, clean))
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    inner = ((x - mean_x).T @ (x - mean_x)).astype(np.float64)
    inner += 1e-6 * np.trace(inner) / 64 * np.eye(64)
    weights = solve(inner, (x - mean_x).T @ (y - mean_y), assume_a="pos").astype(np.float32)

    def apply(pictures: Pictures) -> Pictures:
        made = (cut(pictures, 8).reshape(-1, 64) - mean_x) @ weights + mean_y
        return np.asarray(np.clip(join(made, pictures.shape, 8), 0, 255), np.float32)

    return apply


def _squared_distances(a: Array, b: Array) -> Array:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * a @ b.T, 0))


class _KernelRidge:
    """Gaussian kernel ridge regression; width by the median distance, penalty by leave-one-out."""

    def __init__(self, x: Pictures, y: Array) -> None:
        self.x, self.mean = x.reshape(len(x), -1).astype(np.float64), y.mean(axis=0)
        squared = _squared_distances(self.x, self.x)
        self.width = float(np.median(squared[squared > 0]))
        values, vectors = eigh(np.exp(-squared / self.width))
        turned = vectors.T @ (y - self.mean)
        best = np.inf
        for penalty in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
            inverse = 1 / (np.maximum(values, 0) + penalty)
            weights = vectors @ (inverse[:, None] * turned)
            leverage = (np.square(vectors) * inverse).sum(axis=1)
            error = float(np.square(weights / leverage[:, None]).mean())
            if error < best:
                best, self.weights = error, weights

    def __call__(self, x: Pictures) -> Array:
        squared = _squared_distances(x.reshape(len(x), -1).astype(np.float64), self.x)
        return np.asarray(np.exp(-squared / self.width) @ self.weights + self.mean)


def _relative_error(truth: Array, guess: Array) -> float:
    """Root mean square error of the two parameters, over their standard deviation (uniform)."""
    spread = (3600 - 400) / np.sqrt(12)
    return float(np.sqrt(np.square(truth - guess).mean()) / spread)


def denoise(chirps: int, snr_db: Sequence[float], seeds: int, seed: int) -> pd.DataFrame:
    """Error of a regression from noisy chirps' pictures after JPEG, a linear denoiser or nothing.

    Start and end frequency of a chirp in white noise are to be read from its 64 × 32 picture of
    8 bits, by kernel ridge regression. *Matched*: it learns from pictures that were treated as
    those under test. *Mismatched*: it learns from clean pictures. The linear denoiser is the least
    squares estimate of each clean 8 × 8 block from the noisy one, learned from pairs at that very
    signal-to-noise ratio: something that JPEG is not given.
    """
    rows = []
    for repetition in tqdm(range(seeds), desc="denoising", disable=None):
        for snr in snr_db:
            rng = np.random.default_rng([seed, repetition, round(10 * snr) + 1000])
            learn, test = _chirps(chirps, snr, rng), _chirps(chirps * 2 // 3, snr, rng)
            on_clean = _KernelRidge(learn[1], learn[0])
            for method, treat in _treatments(learn[2], learn[1]).items():
                seen = treat(test[2])
                matched = _KernelRidge(treat(learn[2]), learn[0])
                step = -_CHIRP_LOW / 255
                away = np.sqrt(np.square(seen - test[1], dtype=np.float64).mean()) * step
                errors = (_relative_error(test[0], model(seen)) for model in (matched, on_clean))
                rows.append((repetition, snr, method, float(away), *errors))
    columns = ["repetition", "snr_db", "method", "picture_db", "matched", "mismatched"]
    return pd.DataFrame(rows, columns=columns)


def _treatments(noisy: Pictures, clean: Pictures) -> dict[str, Callable[[Pictures], Pictures]]:
    def jpeg(quality: int) -> Callable[[Pictures], Pictures]:
        return lambda pictures: _jpeg(pictures, quality)

    return {
        "nothing": lambda pictures: pictures,
        "linear": _linear_denoiser(noisy, clean),
        **{f"JPEG {quality}": jpeg(quality) for quality in QUALITIES},
    }


def changes(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Change of each error against doing nothing, in %, paired by repetition."""
    tables = []
    for measure in ("picture_db", "matched", "mismatched"):
        wide = table.pivot(index="repetition", columns=["method", "snr_db"], values=measure)
        rows = []
        for method in [m for m in table.method.unique() if m != "nothing"]:
            for snr in sorted(table.snr_db.unique()):
                ratio = (wide[method][snr] / wide["nothing"][snr]).to_numpy(float)
                interval = mean_interval(100 * (ratio - 1), seed)
                p = stats.ttest_1samp(np.log(ratio), 0.0).pvalue if len(ratio) > 1 else 1.0
                rows.append((measure, method, snr, *interval, float(p)))
        columns = ["measure", "method", "snr_db", "change", "change_low", "change_high", "p"]
        frame = pd.DataFrame(rows, columns=columns)
        tables.append(frame.assign(p=holm(frame.p.to_numpy())))
    found = pd.concat(tables, ignore_index=True)
    return found.assign(clear=found.p < 0.05)
