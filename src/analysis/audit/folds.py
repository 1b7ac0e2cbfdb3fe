"""Who of a reader's recordings is trained on, and who is tested."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.folds import stratified_folds
from analysis.recordings.listing import DataError
from analysis.recordings.recordings import Recordings


def folds_of(data: Recordings, folds: int, repeat: int, seed: int) -> NDArray[np.int64]:
    """Deal the recordings out to folds: every class in each, and no group in two.

    Fewer folds are made where a class or the groups do not suffice. With a given split: 0 for test,
    -1 for training.
    """
    if (data.split != "").any():
        return np.where(data.split == "test", 0, -1).astype(np.int64)
    state = int(np.random.default_rng([seed, 11, repeat]).integers(2**31))
    return stratified_folds(data.labels, clusters_of(data) if data.grouped else None, folds, state)


def clusters_of(data: Recordings) -> NDArray[np.int64]:
    """Give each recording the number of its group; one without a group is a group of its own."""
    names = np.where(data.groups != "", "g" + data.groups.astype(object), "f" + data.files)
    return np.asarray(np.unique(names.astype(str), return_inverse=True)[1], np.int64)


def thinned(data: Recordings, most: int, seed: int) -> Recordings:
    """Choose at most so many recordings, each class in proportion; all, if they are fewer."""
    if len(data) <= most:
        return data
    rng = np.random.default_rng([seed, 12])
    rows: list[int] = []
    for label in range(len(data.label_names)):
        mine = np.flatnonzero(data.labels == label)
        rows += rng.permutation(mine)[: max(4, round(most * len(mine) / len(data)))].tolist()
    return data.take(np.sort(np.array(rows)))


def check_split(data: Recordings) -> None:
    """Refuse a given split that cannot be learned from."""
    if not (data.split != "").any():
        return
    for side in ("train", "test"):
        present = np.unique(data.labels[data.split == side])
        if side == "train" and len(present) < len(data.label_names):
            absent = sorted(set(range(len(data.label_names))) - set(present.tolist()))
            raise DataError(
                f"No recording of class {data.label_names[absent[0]]!r} is in the training split: "
                "correct the column split, or leave it out."
            )
        if not len(present):
            raise DataError(f"No recording is in the {side} split: correct the column split.")
