"""Learners that are no neural nets, on small coloured pictures of sounds.

`picture_task` reads the sounds, `draw` takes one seed's training and test pictures as levels,
`colours_in_rows` colours them, and `learner` makes a scikit-learn classifier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special
from tqdm import tqdm

from analysis.colour.colormaps import LEVELS
from analysis.evidence.contrasts import contrast
from analysis.evidence.folds import hold_out_groups
from analysis.pictures import encodings
from analysis.sound import datasets, spectrograms

Levels = NDArray[np.uint8]
Floats = NDArray[np.float64]

#: Learners, in the order of the figure.
LEARNERS = ("decision tree", "random forest", "nearest neighbours", "support vectors", "linear")


@dataclass(frozen=True)
class PictureTask:
    """Small pictures of sounds with their classes and sources."""

    name: str
    #: (n, side, side); log-mel spectrograms averaged down to so many cells
    decibels: NDArray[np.float32]
    labels: NDArray[np.int64]  # (n,)
    groups: NDArray[np.str_]  # (n,); program or speaker: never in training and test at once


@cache
def picture_task(name: str, side: int) -> PictureTask:
    """Pictures of ``side * side`` cells of all "instruments" or "spoken-digits".

    >>> picture_task("instruments", 4).decibels.shape[1:]
    (4, 4)
    """
    sources = {"instruments": datasets.instruments, "spoken-digits": datasets.spoken_digits}
    if name not in sources:
        raise ValueError(f"unknown task {name!r}; have {', '.join(sources)}")
    sounds = sources[name]()
    db = spectrograms.log_mel(sounds.waveforms, sounds.sample_rate)
    small = np.asarray(spectrograms.resize(db, (side, side)), np.float32)
    return PictureTask(name, small, sounds.labels, sounds.groups)


@dataclass(frozen=True)
class Draw:
    """One seed's pictures, as levels whose range is the training set's."""

    #: (n, pixels)
    train: Levels
    test: Levels
    #: (n,)
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]


def draw(job: PictureTask, train: int, test: int, seed: int) -> Draw:
    """Training and test pictures of one seed, at most so many of each class (`hold_out_groups`)."""
    first, second = hold_out_groups(job.labels, job.groups, train, test, seed)
    low, high = spectrograms.value_range(job.decibels[first])
    levels = np.asarray(spectrograms.quantise(job.decibels, low, high), np.uint8)
    flat = levels.reshape(len(levels), -1)
    return Draw(flat[first], flat[second], job.labels[first], job.labels[second])


def colours_in_rows(pictures: Levels, table: Floats) -> NDArray[np.float32]:
    """Colours of all pixels (n, pixels) in one row a picture, channel after channel.

    >>> colours_in_rows(np.zeros((5, 7), np.uint8), encodings.table("jet")).shape
    (5, 21)
    """
    coloured = np.moveaxis(np.asarray(table, np.float32)[pictures], -1, 1)
    return np.ascontiguousarray(coloured.reshape(len(pictures), -1))


def equal_energy(table: Floats, pictures: Levels) -> Floats:
    """Centre a table and scale it by one factor, to the training pictures' mean 0 and energy 1.

    See `encodings.fit_scale`: the shape of the curve is kept.
    """
    weights = np.bincount(pictures.ravel(), minlength=LEVELS)
    scale = encodings.fit_scale("equal_energy", table, weights=weights)
    return np.asarray(scale(table))


def learner(name: str, trees: int, width: int, seed: int) -> Any:
    """Make a scikit-learn classifier of `LEARNERS`, or "three bagged trees", not fitted.

    The bagged trees are the yardstick of what an ensemble does. The linear model's penalty grows
    with the number of features, `width`, as the support vector machine's kernel width does by
    scikit-learn's default, so that neither notices a mere copy.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import RidgeClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    makers: dict[str, Callable[[], Any]] = {
        "decision tree": lambda: DecisionTreeClassifier(random_state=seed),
        "three bagged trees": lambda: RandomForestClassifier(
            3, max_features=None, random_state=seed
        ),
        "random forest": lambda: RandomForestClassifier(trees, random_state=seed, n_jobs=1),
        "nearest neighbours": lambda: KNeighborsClassifier(5),
        "support vectors": lambda: SVC(C=10.0),
        "linear": lambda: RidgeClassifier(alpha=0.1 * width),
    }
    if name not in makers:
        raise ValueError(f"unknown learner {name!r}; have {', '.join(makers)}")
    return makers[name]()


def accuracies(model: Any, table: Floats, data: Draw) -> dict[str, float]:
    """Fit and give accuracies ``train`` and ``test``, and ``nodes`` (mean over trees, or NaN)."""
    inside, outside = (colours_in_rows(part, table) for part in (data.train, data.test))
    model.fit(inside, data.train_labels)
    grown = getattr(model, "estimators_", [model])
    nodes = [tree.tree_.node_count for tree in grown if hasattr(tree, "tree_")]
    return {
        "train": float((model.predict(inside) == data.train_labels).mean()),
        "test": float((model.predict(outside) == data.test_labels).mean()),
        "nodes": float(np.mean(nodes)) if nodes else np.nan,
    }


def learner_scores(
    draws: Sequence[Draw], codes: Sequence[str], trees: int, seed: int
) -> pd.DataFrame:
    """Accuracy of every learner on every encoding, draw by draw.

    Draw i uses ``seed + i`` for the learner and for random encodings. Columns seed, learner,
    encoding, train, test, nodes; besides `LEARNERS`, three bagged trees on "gray8".
    """
    rows = []
    jobs = [(name, code) for name in LEARNERS for code in codes]
    jobs.append(("three bagged trees", "gray8"))
    for index, data in enumerate(tqdm(draws, desc="learners", disable=None)):
        tables = {
            code: equal_energy(encodings.table(code, seed + index), data.train) for code in codes
        }
        for name, code in jobs:
            table = tables[code]
            width = data.train.shape[1] * table.shape[1]
            model = learner(name, trees, width, seed + index)
            row = {"seed": seed + index, "learner": name, "encoding": code}
            rows.append(row | accuracies(model, table, data))
    return pd.DataFrame(rows)


def forest_factors(draws: Sequence[Draw], trees: int, seed: int) -> pd.DataFrame:
    """Change the two things that R = G = B changes for a forest, one at a time.

    scikit-learn's forest looks at ``max_features = √(number of features)`` of them at each split.
    Three copies of d features raise √d to √(3d), and *also* allow the same pixel to be drawn twice.
    Gray or copied, √d or √(3d): four forests. Columns seed, arm (``gray √d``, …), test.
    """
    from sklearn.ensemble import RandomForestClassifier

    rows = []
    for index, data in enumerate(tqdm(draws, desc="forests", disable=None)):
        pixels = data.train.shape[1]
        for code, word in (("gray8", "gray"), ("gray3", "copy")):
            table = encodings.table(code)
            for size, sign in ((pixels, "√d"), (3 * pixels, "√3d")):
                model = RandomForestClassifier(
                    trees, max_features=int(np.sqrt(size)), random_state=seed + index, n_jobs=1
                )
                row = {"seed": seed + index, "arm": f"{word} {sign}"}
                rows.append(row | {"test": accuracies(model, table, data)["test"]})
    return pd.DataFrame(rows)


def distinct_pixels(pixels: int, copies: int, drawn: int) -> float:
    """Count the different pixels to expect among features drawn without replacement.

    There are ``pixels * copies`` features, of which a split looks at `drawn`:
    ``pixels * (1 - C(pixels·copies - copies, drawn) / C(pixels·copies, drawn))``.

    >>> distinct_pixels(100, 1, 10)
    10.0
    """
    total = pixels * copies
    missed = special.gammaln([total - copies + 1, total - drawn + 1]).sum()
    missed -= special.gammaln([total + 1, total - copies - drawn + 1]).sum()
    return float(np.round(pixels * (1 - np.exp(missed)), 9))


def recode_tree(data: Draw, curve: ArrayLike, seed: int) -> dict[str, float]:
    """Grow one tree on levels and one on levels recoded by a curve, and compare them.

    ``same_splits``: 1 if both trees ask the same pixels in the same order and shape, else 0;
    ``train`` and ``test``: share of pictures on which the two agree. For a strictly increasing
    curve the first two are 1 by theorem. The third need not be: a cut is put half-way between two
    training values, and half-way moves when the values are bent.
    """
    from sklearn.tree import DecisionTreeClassifier

    tables = (np.arange(LEVELS)[:, None] / 255.0, np.asarray(curve, np.float64)[:, None])
    trees = [
        DecisionTreeClassifier(random_state=seed).fit(
            colours_in_rows(data.train, table), data.train_labels
        )
        for table in tables
    ]
    said = [
        [tree.predict(colours_in_rows(part, table)) for part in (data.train, data.test)]
        for tree, table in zip(trees, tables, strict=True)
    ]
    shapes = [(tree.tree_.feature.tolist(), tree.tree_.children_left.tolist()) for tree in trees]
    return {
        "same_splits": float(shapes[0] == shapes[1]),
        "train": float((said[0][0] == said[1][0]).mean()),
        "test": float((said[0][1] == said[1][1]).mean()),
    }


def by_arm(scores: pd.DataFrame) -> pd.DataFrame:
    """Test accuracies of `learner_scores`: a row a seed, a column a learner and an encoding."""
    return scores.pivot(index="seed", columns=["learner", "encoding"], values="test")


#: The copy's own effect on one tree, and on a forest that looks at as many features.
COPIES = ("one tree: copy − gray", "forest: copy − gray, both √3d")


def copy_effects(
    scores: pd.DataFrame, factors: pd.DataFrame, seed: int, margin: float
) -> pd.DataFrame:
    """Effects of copies of gray on trees, after two yardsticks of what ensembles gain.

    A row an effect: ``estimate`` (of the difference of test accuracy), ``low``, ``high``, and
    ``equivalent``: whether it is none within the margin.
    """
    learned = by_arm(scores)
    forests = factors.pivot(index="seed", columns="arm", values="test")
    gray, copied = ("decision tree", "gray8"), ("decision tree", "gray3")
    bagged, forest = ("three bagged trees", "gray8"), ("random forest", "gray8")
    arms = {
        "three bagged trees − one tree": (learned[bagged], learned[gray]),
        "whole forest − one tree": (learned[forest], learned[gray]),
        COPIES[0]: (learned[copied], learned[gray]),
        "forest, as it comes: copy − gray": (forests["copy √3d"], forests["gray √d"]),
        "forest: √3d − √d, both gray": (forests["gray √3d"], forests["gray √d"]),
        COPIES[1]: (forests["copy √3d"], forests["gray √3d"]),
        "forest: copy − gray, both √d": (forests["copy √d"], forests["gray √d"]),
    }
    table = pd.DataFrame([contrast(*pair, seed, margin) for pair in arms.values()])
    table.insert(0, "effect", list(arms))
    table = table.rename(columns={"difference": "estimate", "within": "equivalent"})
    return table[["effect", "estimate", "low", "high", "equivalent"]]
