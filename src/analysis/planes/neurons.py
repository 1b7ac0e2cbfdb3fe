"""Step neurons that learn: logistic regression and Rosenblatt's perceptron, many side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.planes.margins import Plane

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def scaled(colours: Floats) -> Floats:
    """Colours from [0, 1] to [−1, 1], as images are fed; with zeros to three channels, and a 1."""
    centred = np.pad(2 * colours - 1, ((0, 0), (0, 3 - colours.shape[1])))
    return np.column_stack([centred, np.ones(len(centred))])


@dataclass(frozen=True)
class Tasks:
    """Training tasks side by side: inputs (m, n, 4) with a last one, labels (m, n), seeds (m,)."""

    inputs: Floats
    fires: Bools
    seeds: NDArray[np.int_]

    def kept(self, rows: Bools) -> Tasks:
        """Keep some of the tasks."""
        return Tasks(self.inputs[rows], self.fires[rows], self.seeds[rows])

    def shuffled(self, epoch: int) -> Tasks:
        """Put the levels in the order that each seed has in an epoch."""
        orders = {
            int(seed): np.random.default_rng([int(seed), 1, epoch]).permutation(self.fires.shape[1])
            for seed in np.unique(self.seeds)
        }
        order = np.stack([orders[int(seed)] for seed in self.seeds])
        inputs = np.take_along_axis(self.inputs, order[:, :, None], axis=1)
        return Tasks(inputs, np.take_along_axis(self.fires, order, axis=1), self.seeds)

    def accuracy(self, weights: Floats) -> Floats:
        """Share of the levels on which weights, shape (m, 4), are right."""
        fired = np.einsum("mnc,mc->mn", self.inputs, weights) >= 0
        return np.asarray((fired == self.fires).mean(1))


def logistic_epoch(weights: Floats, task: Tasks, rate: float = 1.0, batch: int = 32) -> None:
    """One pass of stochastic gradient descent on the mean logistic loss, in place."""
    for start in range(0, task.fires.shape[1], batch):
        x = task.inputs[:, start : start + batch]
        wanted = task.fires[:, start : start + batch]
        expected = 0.5 + 0.5 * np.tanh(np.einsum("mbc,mc->mb", x, weights) / 2)
        weights -= rate / x.shape[1] * np.einsum("mbc,mb->mc", x, expected - wanted)


def perceptron_epoch(weights: Floats, task: Tasks) -> NDArray[np.int_]:
    """One pass of Rosenblatt's rule, in place; returns the mistakes of each task."""
    mistakes = np.zeros(len(weights), int)
    signed = task.inputs * np.where(task.fires, 1.0, -1.0)[:, :, None]
    for x, sign_x, wanted in zip(
        np.ascontiguousarray(task.inputs.transpose(1, 0, 2)),
        np.ascontiguousarray(signed.transpose(1, 0, 2)),
        task.fires.T,
        strict=True,
    ):
        wrong = (np.einsum("mc,mc->m", x, weights) >= 0) != wanted
        weights += sign_x * wrong[:, None]
        mistakes += wrong
    return mistakes


def learn(task: Tasks, epochs: int) -> tuple[NDArray[np.int_], Bools]:
    """Train perceptrons until an epoch without a mistake, or the last: mistakes, and whether."""
    mistakes = np.zeros(len(task.seeds), int)
    active, weights = np.arange(len(mistakes)), np.zeros((len(mistakes), 4))
    for epoch in tqdm(range(1, epochs + 1), "mistakes", disable=None):
        made = perceptron_epoch(weights, task.shuffled(epoch))
        mistakes[active] += made
        going = made > 0
        active, weights, task = active[going], weights[going], task.kept(going)
        if not len(active):
            break
    return mistakes, ~np.isin(np.arange(len(mistakes)), active)


def novikoff_bound(plane: Plane, pixels: Floats) -> float:
    """Bound on a perceptron's mistakes from a plane that separates the scaled pixels.

    Novikoff's (1962) ``R² / γ²`` for inputs of length R and a plane through their origin with
    margin γ.
    """
    if plane.margin == 0:
        return math.inf
    offset = float(plane.weights.sum()) + 2 * plane.bias
    margin = 2 * plane.margin / math.hypot(1.0, offset)
    return float((pixels**2).sum(1).max() / margin**2)


def recorded_epochs(epochs: int) -> tuple[int, ...]:
    """Epochs at which accuracy is recorded: 1, 2, 5, 10, … and the last.

    >>> recorded_epochs(60)
    (1, 2, 5, 10, 20, 50, 60)
    """
    steps = {m * 10**e for e in range(len(str(epochs))) for m in (1, 2, 5)}
    return tuple(sorted({step for step in steps if step < epochs} | {epochs}))
