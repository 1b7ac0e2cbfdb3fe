"""What the data card tells of a set: levels, classes that one number gives away, notes alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from analysis.sound.datasets import AudioSet

__all__ = ["levels_db", "one_number_accuracy", "twins"]


def levels_db(audio: AudioSet) -> NDArray[np.float64]:
    """Level of each recording, padding left out.

    Root mean square in dB of full scale: a square wave at full scale has 0 dB.
    """
    samples = np.minimum(audio.lengths, audio.waveforms.shape[1])
    energy = np.square(audio.waveforms, dtype=np.float64).sum(axis=1)
    return np.asarray(10 * np.log10(np.maximum(energy / samples, 1e-20)))


def one_number_accuracy(audio: AudioSet, numbers: NDArray[np.floating[Any]]) -> float:
    """How often one number of a recording gives its class away, on the test split.

    The share that a decision tree of 16 leaves, grown on the training split, gets right.
    """
    train = audio.split == "train"
    column = np.asarray(numbers, np.float64)[:, None]
    tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=10, random_state=0)
    tree.fit(column[train], audio.labels[train])
    return float(tree.score(column[~train], audio.labels[~train]))


def twins(notes: AudioSet) -> pd.DataFrame:
    """For each held-out program, the training program that sounds most alike.

    Two programs of a soundfont may share samples. Notes of the same key and velocity are compared
    by the correlation of their waveforms, from the start of the note. ``correlation`` is the median
    over keys and velocities, 1 for the same waveform but for its level; the most alike come first.
    """
    names = np.unique(notes.groups)
    place = {name: i for i, name in enumerate(names)}
    stroke = np.array([clip.split("-", 1)[1] for clip in notes.clips])
    alike = np.full((len(np.unique(stroke)), len(names), len(names)), np.nan)
    for layer, same in enumerate(np.unique(stroke)):
        rows = np.flatnonzero(stroke == same)
        sounds = notes.waveforms[rows]
        sounds = sounds / np.linalg.norm(sounds, axis=1, keepdims=True)
        at = np.array([place[name] for name in notes.groups[rows]])
        alike[layer, at[:, None], at] = sounds @ sounds.T
    median = np.nanmedian(alike, axis=0)
    train = np.unique(notes.groups[notes.split == "train"])
    columns = [place[name] for name in train]
    table = []
    for name in np.unique(notes.groups[notes.split == "test"]):
        best = int(np.argmax(median[place[name], columns]))
        table.append((name, train[best], float(median[place[name], columns[best]])))
    frame = pd.DataFrame(table, columns=["held_out", "nearest", "correlation"])
    return frame.sort_values("correlation", ascending=False, ignore_index=True)
