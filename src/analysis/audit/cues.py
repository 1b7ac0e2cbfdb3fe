"""What gives a class away without any sound, and how recordings use their range of values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from analysis.audit.differences import Difference, compare, judged
from analysis.audit.folds import clusters_of, folds_of
from analysis.audit.recordings import Recordings
from analysis.evidence import statistics
from analysis.sound import encodings, steps

__all__ = ["CUE_TITLES", "clipped", "cues", "dynamic_range", "level_use", "silent_rows"]

Array = NDArray[np.float64]

#: What a single number of a recording is called.
CUE_TITLES = {
    "padding": "zero padding (share of the clip)",
    "clipped": "clipped values (share)",
    "level": "mean level",
    "seconds": "duration of the file",
    "rate": "sample rate of the file",
    "channels": "channels of the file",
    "range": "dynamic range",
}


def cues(data: Recordings, folds: int = 5, seed: int = 0) -> pd.DataFrame:
    """How much one number of a recording gives its class away, without any spectrogram.

    Parameters
    ----------
    data : Recordings
    folds : int
        Of the cross-validation.
    seed : int
        Of folds and trees.

    Returns
    -------
    DataFrame
        ``cue`` (a key of `CUE_TITLES`), ``accuracy`` of a small decision tree that sees this number
        alone, ``chance`` of always naming the most frequent class, ``low`` and ``high`` of the
        difference, and ``verdict``: "helps" means that the number is a cue.
    """
    where = folds_of(data, folds, 0, seed)[None]
    numbers = data.measures.assign(range=dynamic_range(data))
    clusters = clusters_of(data)
    rows: list[tuple[str, float, float, Difference]] = []
    for name in CUE_TITLES:
        if name not in numbers or np.ptp(numbers[name].to_numpy()) == 0:
            continue
        hit, base = _one_number(numbers[name].to_numpy(float), data.labels, where[0])
        told = compare((hit - base)[None], where, clusters, name, seed=seed)
        rows.append((name, float(np.nanmean(hit)), float(np.nanmean(base)), told))
    adjusted = statistics.holm([one[3].pvalue for one in rows])
    table = []
    for (name, hit_rate, chance, told), pvalue in zip(rows, adjusted, strict=True):
        verdict = judged(replace(told, pvalue=float(pvalue)))
        table.append(
            (name, hit_rate, chance, told.interval.low, told.interval.high, pvalue, verdict)
        )
    columns = ["cue", "accuracy", "chance", "low", "high", "pvalue", "verdict"]
    return pd.DataFrame(table, columns=columns)


def _one_number(
    numbers: Array, labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Hits of a tree on one number, and of naming the most frequent class; NaN if untested."""
    hit, base = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    for fold in range(folds.max() + 1):
        train, test = folds != fold, folds == fold
        tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, random_state=0)
        tree.fit(numbers[train, None], labels[train])
        hit[test] = tree.predict(numbers[test, None]) == labels[test]
        base[test] = labels[test] == np.bincount(labels[train]).argmax()
    return hit, base


def dynamic_range(data: Recordings) -> Array:
    """Decibels between the peak of each spectrogram and its quietest twentieth: shape (n,)."""
    flat = data.magnitude().reshape(len(data), -1)
    low = np.quantile(flat, 0.05, axis=1)
    return np.asarray(20 * np.log10(flat.max(1) / np.maximum(low, flat.max(1) * 1e-6)))


def level_use(data: Recordings) -> pd.DataFrame:
    """Count how 256 levels are used, under one range for the set and under each image's own.

    Parameters
    ----------
    data : Recordings

    Returns
    -------
    DataFrame
        ``scaling`` ("one range", "each image's own"), ``levels`` (distinct levels of an image,
        median), ``at_0`` and ``at_255`` (share of all pixels).
    """
    rows = []
    everything = np.arange(len(data))
    for name, on in (("one range", {"log"}), ("each image's own", {"log", "scaling"})):
        values = steps.prepare(data.magnitude(), on, everything)
        levels = encodings.quantise(values[:, 0])
        used = float(np.median([len(np.unique(one)) for one in levels]))
        rows.append((name, used, float((levels == 0).mean()), float((levels == 255).mean())))
    return pd.DataFrame(rows, columns=["scaling", "levels", "at_0", "at_255"])


def clipped(data: Recordings) -> float:
    """Share of the recordings that are clipped.

    A sound is where it touches full scale; an array or a picture, which has no full scale, where
    more than one value in a hundred is its highest.
    """
    most = 0.0 if data.front.kind == "audio" else 0.01
    return float((data.measures.clipped > most).mean())


def silent_rows(data: Recordings) -> int:
    """Count the frequency rows that stay 80 dB below the peak of the set in every recording."""
    peaks = data.magnitude().max(axis=(0, 2))
    return int((peaks <= peaks.max() * 1e-4).sum())
