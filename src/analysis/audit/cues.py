"""What gives a class away without any sound, and how recordings use their range of values."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.tree import DecisionTreeClassifier

from analysis.audit.differences import cluster_means
from analysis.audit.folds import clusters_of, folds_of
from analysis.evidence.statistics import effect_pvalue, holm
from analysis.pictures import encodings, steps
from analysis.recordings.recordings import Recordings
from analysis.sound import spectrograms

Array = NDArray[np.float64]

#: What a single fact of a recording is called; the first ones tell how its file was made.
CUE_TITLES = {
    "format": "file format",
    "encoding": "encoding of the values",
    "quality": "quality table of the compression",
    "software": "program that wrote the file",
    "rows": "height of the picture or array",
    "rate": "sample rate of the file",
    "channels": "channels of the file",
    "bits": "bits that the samples use",
    "offset": "DC offset",
    "hum50": "mains hum of 50 Hz",
    "hum60": "mains hum of 60 Hz",
    "floor": "noise floor",
    "columns": "width of the picture or array",
    "padding": "zero padding (share of the clip)",
    "clipped": "clipped values (share)",
    "seconds": "duration of the file",
    "level": "mean level",
    "range": "dynamic range",
}

#: Of these, the ones that are no property of a sound: no class can be about them.
OF_FILES = tuple(CUE_TITLES)[:8]

#: A fact gives the class away if it tells this share of what chance leaves.
GIVES_AWAY = 1 / 3

_REPEATS = 5  # of the folds: a rule costs nothing, and one deal of few folds tells little


def cues(data: Recordings, folds: int = 5, seed: int = 0) -> pd.DataFrame:
    """How much one fact of a recording gives its class away, without any spectrogram.

    A row a cue of `CUE_TITLES`: ``accuracy`` of the best rule on this fact alone (a small
    decision tree; of a name, the most frequent class that goes with it), ``chance`` of always
    naming the most frequent class, ``low`` and ``high`` of the difference (Student's, over
    recordings or groups), its ``pvalue`` (adjusted by Holm's method), ``verdict``: "helps" means
    that the fact is a cue, and ``given``: whether it gives the class away.
    """
    where = np.stack([folds_of(data, folds, repeat, seed) for repeat in range(_REPEATS)])
    facts = data.measures.assign(range=dynamic_range(data))
    clusters = clusters_of(data)
    base = _hits(_Usual(), facts[["range"]].to_numpy(), data.labels, where)
    rows = []
    for name in (name for name in CUE_TITLES if name in facts and facts[name].nunique() > 1):
        rule = _tree() if pd.api.types.is_numeric_dtype(facts[name]) else _Usual()
        hit = _hits(rule, facts[[name]].to_numpy(), data.labels, where)
        gains = cluster_means(hit - base, clusters)
        reach = stats.t.ppf(0.975, len(gains) - 1) * stats.sem(gains)
        gain = float(gains.mean())
        rows.append(
            (
                name,
                np.nanmean(hit),
                np.nanmean(base),
                gain - reach,
                gain + reach,
                effect_pvalue(gains),
            )
        )
    columns = ["cue", "accuracy", "chance", "low", "high", "pvalue"]
    table = pd.DataFrame(rows, columns=columns)
    table["pvalue"] = holm(table.pvalue)
    surely = table.pvalue < 0.05
    table["verdict"] = np.where(surely & (table.low > 0), "helps", "not resolved")
    left = 1 - table.chance
    table["given"] = (table.verdict == "helps") & (
        table.accuracy - table.chance >= GIVES_AWAY * left
    )
    return table


class _Usual:
    """Name the most frequent class that goes with a value; of an unknown one, of all."""

    def fit(self, values: NDArray[Any], labels: NDArray[np.int64]) -> None:
        frame = pd.DataFrame({"value": values[:, 0].astype(str), "label": labels})
        self.usual = int(np.bincount(labels).argmax())
        self.known = frame.groupby("value").label.agg(
            lambda found: int(np.bincount(found).argmax())
        )

    def predict(self, values: NDArray[Any]) -> NDArray[np.int64]:
        known = pd.Series(values[:, 0].astype(str)).map(self.known)
        return np.asarray(known.fillna(self.usual), np.int64)


def _tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, random_state=0)


def _hits(
    rule: Any, values: NDArray[Any], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> Array:
    """Whether a rule names the class out of the fold, shape (repeats, n); NaN if untested."""
    hit = np.full(folds.shape, np.nan)
    for repeat, fold in product(range(len(folds)), range(folds.max() + 1)):
        train, test = folds[repeat] != fold, folds[repeat] == fold
        if test.any():
            rule.fit(values[train], labels[train])
            hit[repeat, test] = rule.predict(values[test]) == labels[test]
    return hit


#: Spectrograms that agree like this, common shape aside, are of one recording.
TWINS = 0.95

_TWIN_SIDE = 24  # rows and columns that are compared, at most
_TWIN_RANGE = 60.0  # decibels below the peak of each


def twins(data: Recordings) -> pd.DataFrame:
    """Find recordings that are nearly the same, and not in one group: they leak between folds.

    A copy in another format, at another level or a little noisier has other bytes; its spectrogram,
    less the mean of the set and the means of its rows and columns, is all but proportional. A copy
    that is shifted in time is not found. Columns ``first``, ``second`` (names of files),
    ``correlation`` and ``same_class``.
    """
    size = [min(_TWIN_SIDE, side) for side in data.planes.shape[2:]]
    values = spectrograms.resize(data.magnitude(), (size[0], size[1])).reshape(len(data), -1)
    peak = values.max(1, keepdims=True)
    db = 20 * np.log10(np.maximum(values / peak, 10 ** (-_TWIN_RANGE / 20)))
    bare = (db - db.mean(0)).reshape(len(data), *size)
    bare = bare - bare.mean(1, keepdims=True) - bare.mean(2, keepdims=True)  # tilt, pauses, padding
    centred = bare.reshape(len(data), -1)
    centred -= centred.mean(1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    clusters = clusters_of(data)
    rows = []
    for start in range(0, len(data), 1024):
        found = unit[start : start + 1024] @ unit.T
        for i, j in np.argwhere(found >= TWINS):
            if start + i < j and clusters[start + i] != clusters[j]:
                same = bool(data.labels[start + i] == data.labels[j])
                rows.append((data.files[start + i], data.files[j], float(found[i, j]), same))
    return pd.DataFrame(rows, columns=["first", "second", "correlation", "same_class"])


#: Classes that the net is on average so sure of can be asked about their labels.
SURE = 0.8


def suspects(probability: Array, labels: NDArray[np.int64]) -> pd.DataFrame:
    """Find labels that look wrong: confident learning, for classes that are learned well.

    A recording is suspected where the probability of another class, by nets that were not trained
    on the recording, reaches the mean that this class's own recordings have. Where classes overlap
    that happens to right labels too, so only classes with a mean of at least `SURE` are asked.
    Columns ``row``, ``other`` (class that it looks like), ``probability`` of it; the surest first.
    Northcutt, Jiang and Chuang (2021), *Confident learning: estimating uncertainty in dataset
    labels*, JAIR 70.

    >>> sure = np.array([[0.9, 0.1]] * 10 + [[0.1, 0.9]] * 9 + [[0.05, 0.95]])
    >>> suspects(sure, np.array([0] * 10 + [1] * 9 + [0])).row.tolist()
    [19]
    """
    known = np.isfinite(probability).all(1)
    classes = range(probability.shape[1])
    mean = [probability[known & (labels == k), k] for k in classes]
    threshold = np.array([one.mean() if len(one) else 1.0 for one in mean])
    asked = threshold >= SURE
    reached = np.where(asked & (probability >= threshold), probability, -1.0)
    other = reached.argmax(1)
    best = reached.max(1)
    rows = np.flatnonzero(known & (best > 0) & (other != labels) & asked[labels])
    table = pd.DataFrame({"row": rows, "other": other[rows], "probability": best[rows]})
    return table.sort_values("probability", ascending=False, ignore_index=True)


def dynamic_range(data: Recordings) -> Array:
    """Decibels between the peak of each spectrogram and its quietest twentieth: shape (n,)."""
    flat = data.magnitude().reshape(len(data), -1)
    low = np.quantile(flat, 0.05, axis=1)
    return np.asarray(20 * np.log10(flat.max(1) / np.maximum(low, flat.max(1) * 1e-6)))


def level_use(data: Recordings) -> pd.DataFrame:
    """Count how 256 levels are used, under one range for the set and under each image's own.

    Columns ``scaling``, ``levels`` (distinct levels of an image, median), ``at_0`` and ``at_255``
    (share of all pixels).
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
