"""A millisecond on a compressed time axis: how strong an event must be to be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.evidence.statistics import Interval
from analysis.pictures.pictures import Pictures
from analysis.sound import spectrograms

Array = NDArray[np.float64]


#: Ways to make one column of many, and by how many.
WAYS = ("subsample", "mean of dB", "mean of power", "maximum")

FACTORS = (1, 3, 10, 30, 100, 300, 1000)

_EVENT_WINDOW, _EVENT_HOP, _EVENT_BINS = 32, 16, slice(6, 11)  # 2 ms, 1 ms, 3…5 kHz at 16 kHz


def _event_spectra(clips: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], Array]:
    """Spectra in the band of noise and of the event alone, (clips, 5, 1000), and its time in ms.

    Both have the energy of 16 samples of noise, so that adding them gives 0 dB.
    """
    rng = np.random.default_rng([seed, 7])
    noise = rng.normal(size=(clips, 16_000)).astype(np.float32)
    shape = np.hanning(18)[1:-1] * np.sin(2 * np.pi * 4000 / 16_000 * np.arange(16))
    shape *= np.sqrt(16 / np.square(shape).sum())
    starts = rng.integers(200, 15_800, clips)
    event = np.zeros_like(noise)
    for row, start in zip(event, starts, strict=True):
        row[start : start + 16] = shape
    spectra = [
        np.concatenate(
            [
                spectrograms.stft(part, _EVENT_WINDOW, _EVENT_HOP)[:, _EVENT_BINS, :1000]
                for part in np.array_split(waves, -(-clips // 50))
            ]
        )
        for waves in (noise, event)
    ]
    return spectra[0], spectra[1], (starts + 8) / 16


def _squared(spectra: NDArray[Any]) -> Pictures:
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag), np.float32)


def _compressed_levels(power: Pictures) -> dict[tuple[str, int], Array]:
    """Level in the band of each compressed column, in dB, for every way and factor."""
    columns = power.shape[2]
    db = spectrograms.to_db(power, None).mean(axis=1, dtype=np.float64)
    levels: dict[tuple[str, int], Array] = {}
    for factor in FACTORS:
        edges = np.arange(0, columns, factor)
        counts = np.diff([*edges, columns])
        mean = np.add.reduceat(power, edges, axis=2, dtype=np.float64) / counts
        levels["subsample", factor] = db[:, edges]
        levels["mean of dB", factor] = np.add.reduceat(db, edges, axis=1) / counts
        levels["mean of power", factor] = 10 * np.log10(mean).mean(axis=1)
        levels["maximum", factor] = np.maximum.reduceat(db, edges, axis=1)
    return levels


def auc(without: Array, with_event: Array, seed: int) -> Interval:
    """Area under the ROC curve with a percentile bootstrap interval over clips.

    >>> auc(np.array([0.0, 1.0]), np.array([2.0, 3.0]), seed=0).estimate
    1.0
    """
    difference = with_event[:, None] - without[None, :]
    wins = (difference > 0) + 0.5 * (difference == 0)
    n = len(wins)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), 1000)
    boot = ((draws @ wins) * draws).sum(axis=1) / n**2
    low, high = np.quantile(boot, [0.025, 0.975])
    return Interval(float(wins.mean()), float(low), float(high))


def event_detection(clips: int, snr_db: Sequence[float], seed: int) -> pd.DataFrame:
    """How well a burst of one millisecond is found after its time axis was compressed.

    One second of white noise as 1000 columns of 1 ms (window 2 ms); in half of the clips a burst
    at 4 kHz, one millisecond long, at a random time. Columns are compressed by `FACTORS` in one of
    the `WAYS`. The detector is the largest remaining level in the band 3…5 kHz: for an unknown time
    nothing simpler is better, and it needs no training.
    """
    rows = []
    noise, event, times = _event_spectra(clips, seed)
    silent = _compressed_levels(_squared(noise))
    for strength in tqdm(snr_db, desc="events", disable=None):
        loud = _compressed_levels(_squared(noise + np.float32(10 ** (strength / 20)) * event))
        for way in WAYS:
            for factor in FACTORS:
                found, absent = loud[way, factor], silent[way, factor].max(axis=1)
                area = auc(absent, found.max(axis=1), seed)
                middle = 0 if way == "subsample" else (factor - 1) / 2
                when = np.median(np.abs(found.argmax(axis=1) * factor + middle - times))
                rows.append((way, factor, strength, *area, float(when)))
    columns = ["way", "factor", "snr_db", "auc", "auc_low", "auc_high", "when_ms"]
    return pd.DataFrame(rows, columns=columns)


def needed_strength(table: pd.DataFrame) -> pd.DataFrame:
    """Strength of the burst in dB at which the area under the curve reaches 0.9.

    Linear interpolation between the strengths of `event_detection`; NaN if none suffices.
    """
    rows, goal = [], 0.9
    for (way, factor), group in table.groupby(["way", "factor"], sort=False):
        ordered = group.sort_values("snr_db")
        areas = np.maximum.accumulate(ordered.auc.to_numpy())
        reached = bool(areas[-1] >= goal)
        first = int(np.argmax(areas >= goal))
        x = ordered.snr_db.to_numpy()
        level = x[0]
        if reached and first > 0:
            share = (goal - areas[first - 1]) / (areas[first] - areas[first - 1])
            level = x[first - 1] + share * (x[first] - x[first - 1])
        rows.append((way, factor, level if reached else np.nan))
    return pd.DataFrame(rows, columns=["way", "factor", "needed_db"])
