"""Colormaps of a given size that gradient descent bends, and distances between knots."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from tqdm import tqdm

from analysis.colour.piecewise import ReLUColormap

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def vertices(
    start: ReLUColormap | None, runs: int, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Places in [0, 1] and colours of the vertices at the start of training."""
    if start is None:
        inner = np.sort(rng.uniform(0.02, 0.98, (runs, size)), axis=1)
        colours = rng.uniform(0, 1, (runs, size + 2, 3))
    else:
        inner = np.broadcast_to(np.array(start.knots) / start.last, (runs, size))
        colours = np.broadcast_to(start.vertices, (runs, size + 2, 3))
    ends = np.zeros((runs, 1)), np.ones((runs, 1))
    return np.concatenate([ends[0], inner, ends[1]], 1), colours


def train(
    places: Floats,
    colours: Floats,
    top: Floats,
    goals: Floats,
    sorting: Bools,
    trained: Bools,
    steps: int,
    rate: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Train all runs side by side; Adam treats every number alone, so they do not meet.

    Returns knots in [0, 1], early loss, late loss and share of levels told right.
    """
    slopes = np.diff(colours, axis=1) / np.diff(places, axis=1)[..., None]
    given = (places[:, 1:-1], colours[:, :1], slopes[:, :1], np.diff(slopes, axis=1), top)
    knots, offset, slope, jumps, mix = (
        torch.tensor(value, dtype=torch.float32).requires_grad_() for value in given
    )
    bias = torch.zeros(len(top), 1, 3, requires_grad=True)
    x = torch.linspace(0, 1, 256)[None, :, None]
    goal, sort = torch.tensor(goals, dtype=torch.float32), torch.from_numpy(sorting)
    moves = torch.tensor(trained, dtype=torch.float32)[:, None, None]
    colormap = (offset, slope, jumps)
    optimiser = torch.optim.Adam([knots, *colormap, mix, bias], lr=rate)

    def outputs() -> Tensor:
        colour = offset + x * slope + torch.relu(x - knots[:, None]) @ jumps
        return colour @ mix + bias

    def losses(out: Tensor) -> Tensor:
        cross = nn.functional.binary_cross_entropy_with_logits(out, goal, reduction="none")
        return torch.where(sort, cross.mean((1, 2)), ((out - goal) ** 2).mean((1, 2)))

    early = torch.zeros(len(top))
    for step in tqdm(range(steps), "learned knots", disable=None):
        optimiser.zero_grad()
        loss = losses(outputs())
        torch.autograd.backward(loss.sum())
        for parameter in colormap:
            parameter.grad = None if parameter.grad is None else parameter.grad * moves
        knots.grad = None if knots.grad is None else knots.grad * moves[:, :, 0]
        optimiser.step()
        if step == steps // 20:
            early = loss.detach()
    with torch.no_grad():
        out = outputs()
        late = losses(out)
        hit = (out.argmax(2) == goal.argmax(2)).double().mean(1)
        hit[~sort] = torch.nan
    return tuple(value.detach().double().numpy() for value in (knots, early, late, hit))  # type: ignore[return-value]


def knot_distance(knots: ArrayLike, others: ArrayLike) -> Floats:
    """Mean distance of sorted knots to others of the same number, in levels.

    Parameters
    ----------
    knots, others : array_like of float, shape (…, size)
        In levels, in any order; those beyond 0…255 count as at the end. Shapes broadcast.

    Returns
    -------
    ndarray of float64, shape (…)
        The Wasserstein distance between the two sets.

    Examples
    --------
    >>> float(knot_distance([10, 200], [190, 0]))
    10.0
    """
    a, b = (np.sort(np.clip(np.asarray(k, np.float64), 0, 255), axis=-1) for k in (knots, others))
    return np.asarray(np.abs(a - b).mean(-1))


def chance_as_near(knots: ArrayLike, target: ArrayLike, seed: int, draws: int = 100_000) -> float:
    """How often uniformly random knots are at least as near to a target as the given ones.

    Parameters
    ----------
    knots, target : array_like of float, shape (size,)
        In levels.
    seed : int
    draws : int

    Returns
    -------
    float
        In [0, 1].
    """
    random = np.random.default_rng(seed).uniform(0, 255, (draws, np.size(target)))
    return float((knot_distance(random, target) <= knot_distance(knots, target)).mean())


def distance_by_chance(target: ArrayLike, seed: int, draws: int = 100_000) -> float:
    """Mean distance of uniformly random knots to given ones, in levels.

    Parameters
    ----------
    target : array_like of float, shape (size,) or (runs, size)
        In levels; over several runs the mean is taken.
    seed : int
    draws : int

    Returns
    -------
    float
    """
    goals = np.atleast_2d(np.asarray(target, np.float64))
    rng = np.random.default_rng(seed)
    random = rng.uniform(0, 255, (draws // len(goals), 1, goals.shape[1]))
    return float(knot_distance(random, goals[None]).mean())
