"""Colormaps of a given size that gradient descent bends, and distances between knots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from tqdm import tqdm

from analysis.relu.piecewise import ReLUColormap

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: Edges of shadows, middle tones and highlights if the levels are cut into three equal parts.
THIRDS = (85.0, 170.0)

#: What the learned colormap serves, see `bands` and `bends`.
TASKS = ("three equal bands", "three random bands", "two bends")

STARTS = ("random", "viridis")


def bands(edges: Floats) -> Floats:
    """Which of the bands between the edges a level is in, 0 or 1, shape (runs, 256, 3).

    `edges`, shape (runs, 2), begin the second and third band. Telling the middle band needs a bend:
    a straight line rises or falls.

    >>> bands(np.array([THIRDS]))[0, [0, 100, 255]].argmax(1)
    array([0, 1, 2])
    """
    band = (np.arange(256)[None, :, None] >= edges[:, None]).sum(2)
    return np.asarray(np.eye(3)[band])


def bends(edges: Floats, seed: int) -> Floats:
    """Draw piecewise-linear curves with known knots, to see whether gradient descent finds them.

    Three curves a run, of unit variance, shape (runs, 256, 3), with knots at `edges`, (runs, 2).
    """
    rng = np.random.default_rng(seed)
    places = np.concatenate([np.zeros((len(edges), 1)), edges, np.full((len(edges), 1), 255)], 1)
    heights = rng.normal(size=(len(edges), 4, 3))
    curves = np.stack(
        [
            np.stack([np.interp(np.arange(256), at, column) for column in height.T], 1)
            for at, height in zip(places, heights, strict=True)
        ]
    )
    curves -= curves.mean(1, keepdims=True)
    return np.asarray(curves / curves.std(1, keepdims=True))


@dataclass(frozen=True)
class Learned:
    """Colormaps of one size trained on one task, with a linear layer on top."""

    task: str
    start: str
    trained: bool  # whether the colormap was trained, or only the layer on top
    #: (runs, size); knots before and after, in levels, sorted; they may leave 0…255
    first: Floats
    knots: Floats
    edges: Floats  # (runs, 2); where the task's bands or bends are, in levels
    #: (runs,); loss after a twentieth of the steps, and at the end
    early: Floats
    late: Floats
    right: Floats  # (runs,); share of levels whose band is told right at the end; NaN for bends

    def table(self) -> pd.DataFrame:
        """One row a run: knots before and after, edges, losses and what was told right."""
        places = {"first": self.first, "knot": self.knots, "edge": self.edges}
        columns = {
            f"{name}_{k}": column for name, of in places.items() for k, column in enumerate(of.T, 1)
        }
        losses = {"loss_early": self.early, "loss_late": self.late, "right": self.right}
        arm = {"task": self.task, "start": self.start, "trained": self.trained}
        return pd.DataFrame(arm | {"run": np.arange(len(self.knots))} | columns | losses)


def learn_knots(start: ReLUColormap, runs: int, steps: int, seed: int) -> list[Learned]:
    """Train colormaps of the size of `start`, a hand-made map, on level tasks: see `learned.train`.

    Every task × start × (trained, frozen), in that order; run i has the same task and the same
    layer on top. The random start has uniform knots and uniform vertex colours, so that both
    starts use the same range.
    """
    rng = np.random.default_rng(seed)
    edges = {
        "three equal bands": np.tile(THIRDS, (runs, 1)),
        "three random bands": _random_edges(runs, rng),
        "two bends": np.tile(THIRDS, (runs, 1)),
    }
    goals = {task: bands(edges[task]) for task in TASKS[:2]}
    goals[TASKS[2]] = bends(edges[TASKS[2]], seed)
    top = rng.normal(0, 0.1, (runs, 3, 3))
    starts = {
        name: vertices(given, runs, start.size, rng)
        for name, given in zip(STARTS, (None, start), strict=True)
    }
    arms = [(task, name, trained) for task in TASKS for name in STARTS for trained in (True, False)]
    result = train(
        np.concatenate([starts[name][0] for _, name, _ in arms]),
        np.concatenate([starts[name][1] for _, name, _ in arms]),
        np.tile(top, (len(arms), 1, 1)),
        np.concatenate([goals[task] for task, _, _ in arms]),
        np.repeat([task != TASKS[2] for task, _, _ in arms], runs),
        np.repeat([trained for _, _, trained in arms], runs),
        steps,
        0.01,
    )
    knots, early, late, right = (np.split(values, len(arms)) for values in result)
    return [
        Learned(
            task, name, trained, starts[name][0][:, 1:-1] * 255, np.sort(knots[k] * 255, axis=1),
            edges[task], early[k], late[k], right[k],
        )
        for k, (task, name, trained) in enumerate(arms)
    ]  # fmt: skip


def _random_edges(runs: int, rng: np.random.Generator) -> Floats:
    """Edges of three bands, each at least 26 levels wide, otherwise uniform."""
    least = 26
    cuts = np.sort(rng.integers(0, 256 - 3 * least + 1, (runs, 2)), axis=1)
    return np.asarray(cuts + np.array([least, 2 * least]), np.float64)


def vertices(
    start: ReLUColormap | None, runs: int, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Places in [0, 1] and colours of `runs` maps' vertices: those of `start`, else uniform."""
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
    """Train colormaps side by side, each with a linear layer on top; told one level at a time.

    A map is ``A x + c + sum_k v_k ReLU(x - tau_k)``, x the level in [0, 1]; A, c, v and tau are
    trained by Adam together with the layer on top. As that layer is linear, only the map can bend.
    Adam treats every number alone, so runs do not meet. `places`, in [0, 1], and `colours` are the
    vertices', `top` the first weights of the layer on top. `sorting` says whether the goals are
    classes (else curves), `trained` whether the map is trained, or only the layer. Returns knots in
    [0, 1]; the loss after a twentieth of the steps, and at the end; the share of levels whose class
    has the largest output, NaN for curves.
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
    """Wasserstein distance of knots to others of the same number, shape (…, size), in levels.

    Those beyond 0…255 count as at the end.

    >>> float(knot_distance([10, 200], [190, 0]))
    10.0
    """
    a, b = (np.sort(np.clip(np.asarray(k, np.float64), 0, 255), axis=-1) for k in (knots, others))
    return np.asarray(np.abs(a - b).mean(-1))


_DRAWS = 100_000  # of uniformly random knots


def chance_as_near(knots: ArrayLike, target: ArrayLike, seed: int) -> float:
    """How often uniformly random knots are at least as near to a target as the given ones."""
    random = np.random.default_rng(seed).uniform(0, 255, (_DRAWS, np.size(target)))
    return float((knot_distance(random, target) <= knot_distance(knots, target)).mean())


def distance_by_chance(target: ArrayLike, seed: int) -> float:
    """Mean distance of uniformly random knots to given ones, or over several runs' (runs, size)."""
    goals = np.atleast_2d(np.asarray(target, np.float64))
    rng = np.random.default_rng(seed)
    random = rng.uniform(0, 255, (_DRAWS // len(goals), 1, goals.shape[1]))
    return float(knot_distance(random, goals[None]).mean())
