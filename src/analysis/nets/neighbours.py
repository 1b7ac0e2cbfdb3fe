"""How well a pixel is foretold from its neighbours, before and after colouring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.colour.colormaps import LEVELS
from analysis.colour.filtering import channel_name
from analysis.colour.information import neighbourhoods

Levels = NDArray[np.uint8]
Floats = NDArray[np.float64]


def predict_neighbours(
    pictures: Sequence[Levels], tables: Mapping[str, Floats], pixels: int, trees: int, seed: int
) -> pd.DataFrame:
    """How well a pixel is foretold from its eight neighbours, before and after colouring.

    Every other picture trains a linear regression and a forest of extremely randomised trees
    (Geurts, Ernst and Wehenkel, 2006); the others are predicted. A channel from the same channel of
    the neighbours (``alone``), from all channels (``jointly``), and the *level* from all channels
    (``level``), where every encoding has the same target. A picture's skill is ``1 - MSE / V``, V
    the target's variance over all test pixels: its mean over the pictures is R². `pixels` are the
    training pixels, and the test pixels of each of at least four pictures.
    """
    rng = np.random.default_rng(seed)
    samples = [_sample_neighbourhoods(levels, pixels, rng) for levels in pictures]
    train, test = samples[::2], samples[1::2]
    centre, around = (np.concatenate(part) for part in zip(*train, strict=True))
    keep = rng.choice(len(centre), min(pixels, len(centre)), replace=False)
    inner, outer = (np.stack(part) for part in zip(*test, strict=True))
    rows: list[dict[str, Any]] = []
    for encoding, table in tqdm(tables.items(), desc="neighbours", disable=None):
        job = _Prediction(table, centre[keep], around[keep], inner, outer, trees, seed)
        for index in range(table.shape[1]):
            name = channel_name(encoding, index)
            rows += _rows(job.skills([index], table[:, [index]]), name, "alone")
        if table.shape[1] > 1:
            every = list(range(table.shape[1]))
            for index, skills in enumerate(_per_target(job.skills(every, table))):
                rows += _rows(skills, channel_name(encoding, index), "jointly")
            level = np.arange(LEVELS)[:, None] / (LEVELS - 1)
            rows += _rows(job.skills(every, level), f"level from {encoding}", "level")
    return pd.DataFrame(rows)


def _sample_neighbourhoods(
    levels: Levels, count: int, rng: np.random.Generator
) -> tuple[Levels, Levels]:
    centre, around = neighbourhoods(levels)
    chosen = rng.choice(len(centre), min(count, len(centre)), replace=False)
    return centre[chosen], around[chosen]


@dataclass(frozen=True)
class _Prediction:
    """Training pixels, test pixels of each note, and the models that are asked."""

    table: Floats
    centre: Levels  # (n,)
    around: Levels  # (n, 8)
    inner: Levels  # (notes, m)
    outer: Levels  # (notes, m, 8)
    trees: int
    seed: int

    def skills(self, channels: Sequence[int], target: Floats) -> dict[str, Floats]:
        """Skill of each model, shape (notes, targets)."""
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.linear_model import LinearRegression

        def features(around: Levels) -> Floats:
            return np.asarray(self.table[:, channels][around].reshape(-1, 8 * len(channels)))

        truth = target[self.inner]
        variance = truth.reshape(-1, target.shape[1]).var(axis=0)
        models = {
            "linear": LinearRegression(),
            "forest": ExtraTreesRegressor(
                self.trees, min_samples_leaf=5, random_state=self.seed, n_jobs=1
            ),
        }
        result = {}
        for name, model in models.items():
            wanted = target[self.centre]
            model.fit(features(self.around), wanted.ravel() if wanted.shape[1] == 1 else wanted)
            guess = model.predict(features(self.outer)).reshape(truth.shape)
            result[name] = 1 - ((guess - truth) ** 2).mean(axis=1) / variance
        return result


def _per_target(skills: Mapping[str, Floats]) -> Iterable[dict[str, Floats]]:
    """Split skills of several targets into one mapping a target."""
    width = next(iter(skills.values())).shape[1]
    for index in range(width):
        yield {name: values[:, [index]] for name, values in skills.items()}


def _rows(skills: Mapping[str, Floats], target: str, question: str) -> list[dict[str, Any]]:
    return [
        {"note": note, "target": target, "question": question, "model": model, "skill": skill}
        for model, values in skills.items()
        for note, skill in enumerate(values[:, 0])
    ]
