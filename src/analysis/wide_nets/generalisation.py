r"""How well a wide net answers on *new* noisy levels, against the number of examples: predicted.

A pixel's true level ``t`` decides the answer, ±1 (`kernels.stretches`: a threshold, bands); the net
sees the level ``s`` that is left after noise. The best answer is the posterior mean
``f*(s) = E[y | s]``, and the *excess risk* of an answer ``f`` is ``E[(f(s) - f*(s))²]``.

Kernel ridge regression with a net's tangent kernel, which a wide net with early stopping resembles,
needs no training to be judged. With eigenvalues ``λ_k`` of the kernel under the distribution of the
levels, a ridge ``δ`` and ``n`` examples, *eigenlearning* (Canatar, Bordelon and Pehlevan, 2021;
Simon et al., 2023) gives

.. math::

    n = \sum_k \frac{λ_k}{λ_k + κ} + \frac{δ}{κ}, \qquad L_k = \frac{λ_k}{λ_k + κ}, \qquad
    R = \frac{\sum_k (1 - L_k)^2 c_k^2 + D\, ε^2}{1 - D}, \qquad D = \frac1n \sum_k L_k^2,

with the target's coefficients ``c_k`` and noise of variance ``ε²``. That assumes noise of the same
variance everywhere; here it sits at the edges. `excess_risk` therefore keeps risk and noise as
functions of the level: the smoother ``G(s, s') = Σ_k L_k φ_k(s) φ_k(s')`` carries what is wrong at
``s'`` to ``s``,

.. math::  R(s) = B(s)^2 + \frac1n \sum_{s'} p(s')\, G(s, s')^2 \big(v(s') + R(s')\big),

whose mean is the formula above where ``v`` and ``R`` are constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.special import ndtr
from tqdm import tqdm

from analysis.colour.colormaps import LEVELS
from analysis.nets.training import Network, Optimiser, Perceptron, evaluate, train
from analysis.pictures.encodings import fit_scale, table
from analysis.wide_nets.kernels import ntk, stretches
from analysis.wide_nets.learning_speed import GRAY

Array = NDArray[np.float64]

#: Patterns of the map of where colour helps, in stretches: a threshold, then 1 to 8 bands.
PATTERNS = (2, 3, 5, 7, 9, 11, 13, 17)

#: Numbers of examples.
SIZES = (32, 128, 512)

#: Where nets are trained: stretches, noise (levels), examples.
NET_CELLS = tuple((n, *rest) for n in (2, 3, 5, 9) for rest in ((12, 128), (12, 512), (24, 512)))

#: A ratio of risks says something where the better one explains this share of the signal.
LEARNED = 0.1

#: Ridges of which each encoding gets its own best one.
RIDGES = np.logspace(-3, 2.5, 12)


@dataclass(frozen=True)
class NoisyLevels:
    """What is to be answered at each level that is seen, shapes (256,)."""

    share: Array  # how often a level is seen; sums to 1
    #: of the answer, ±1, given the level
    mean: Array
    variance: Array
    flips: Array  # (256, 256); probability of seeing level ``s`` (column) where ``t`` (row) is true
    answer: Array  # ±1 at each true level

    @property
    def signal(self) -> float:
        """Variance of the posterior mean: the most that can be explained."""
        return float(self.share @ self.mean**2 - (self.share @ self.mean) ** 2)

    def draw(self, count: int, seed: int) -> tuple[NDArray[np.int64], Array]:
        """Examples: levels that are seen and answers, shapes (count,)."""
        rng = np.random.default_rng(seed)
        true = rng.integers(0, LEVELS, count)
        below = self.flips.cumsum(1)[true] < rng.random(count)[:, None]
        return np.asarray(below.sum(1).clip(max=LEVELS - 1), np.int64), self.answer[true]


def noisy(count: int, sigma: float) -> NoisyLevels:
    """`kernels.stretches` as answers, all true levels alike, under noise on the level.

    `sigma` is the deviation of normal noise in levels, before rounding and clipping; 0 for none.

    >>> noisy(2, 24.0).mean[[0, 255]].round(2)
    array([-1.,  1.])
    """
    if sigma < 0:
        raise ValueError(f"noise must have a deviation of 0 or more, got {sigma}")
    level = np.arange(LEVELS)
    flips = np.eye(LEVELS)
    if sigma > 0:
        cuts = np.concatenate([[-np.inf], level[:-1] + 0.5, [np.inf]])
        flips = np.diff(ndtr((cuts - level[:, None]) / sigma), axis=1)
    answer = np.sign(stretches(count))
    share = flips.mean(0)
    mean = answer @ flips / LEVELS / share
    return NoisyLevels(share, mean, 1 - mean**2, flips, answer)


def kernel_under(name: str, share: ArrayLike, seed: int = 0) -> Array:
    """Kernel of an encoding at equal energy under a distribution of the levels, (256, 256)."""
    colours = table(name, seed)
    return ntk(fit_scale("equal_energy", colours, weights=share)(colours))


@dataclass(frozen=True)
class Modes:
    """Eigenfunctions of a kernel under a distribution: ``Σ_s p(s) φ_j(s) φ_k(s) = [j = k]``.

    `values` decrease, shape (256,); `functions` has them as columns, (256, 256).
    """

    share: Array
    values: Array
    functions: Array


def modes(kernel: ArrayLike, share: ArrayLike) -> Modes:
    """Decompose a kernel on the levels under their distribution, all shares positive.

    >>> modes(np.eye(2), [0.5, 0.5]).values
    array([0.5, 0.5])
    """
    p = np.asarray(share, np.float64)
    root = np.sqrt(p)
    values, vectors = np.linalg.eigh(root[:, None] * np.asarray(kernel, np.float64) * root)
    return Modes(p, np.maximum(values[::-1], 0), vectors[:, ::-1] / root[:, None])


def learnability(values: Array, examples: int, ridge: float) -> Array:
    """``L_k`` in 0…1, the share of each mode that so many examples let a net learn; see above.

    They sum to less than the number of examples.

    >>> learnability(np.ones(4), examples=2, ridge=1e-9).round(6)
    array([0.5, 0.5, 0.5, 0.5])
    """
    if examples < 1 or not ridge > 0:
        raise ValueError(f"need examples and a ridge above 0, got {examples} and {ridge}")
    most = (values.sum() + ridge) / examples

    def excess(logarithm: float) -> float:
        kappa = np.exp(logarithm)
        return float((values / (values + kappa)).sum() + ridge / kappa - examples)

    kappa = np.exp(brentq(excess, np.log(most) - 60, np.log(most) + 1e-9))
    return np.asarray(values / (values + kappa))


def excess_risk(
    found: Modes, mean: Array, variance: Array, examples: int, ridge: float, local: bool = True
) -> Array:
    """Predicted excess risk of kernel ridge regression for one target or many.

    `mean` and `variance` of the answers, shape (256,) or (256, targets), are as in `NoisyLevels`;
    `examples` and `ridge` are ``n`` and ``δ``. `local` keeps noise and risk as functions of the
    level; else the formula has their means. Infinite where the ridge is so small that errors feed
    on themselves.

    >>> task = noisy(2, 24.0)
    >>> found = modes(kernel_under("gray8", task.share), task.share)
    >>> few, many = (excess_risk(found, task.mean, task.variance, n, 1.0) for n in (32, 512))
    >>> bool(many < few)
    True
    """
    learned = learnability(found.values, examples, ridge)
    phi, p = found.functions, found.share
    coefficients = phi.T @ (p * mean.T).T
    missed = ((1 - learned) * coefficients.T).T
    if not local:
        spread = (learned**2).sum() / examples
        return np.asarray(((missed**2).sum(0) + spread * (p @ variance)) / (1 - spread))
    carried = ((phi * learned) @ phi.T) ** 2 * p / examples
    wrong = (phi @ missed) ** 2 + carried @ variance
    risk = np.linalg.solve(np.eye(len(p)) - carried, wrong)
    # what is carried is not negative: the series converges if and only if the solution is not
    return np.asarray(p @ risk if (risk >= 0).all() else np.full(risk.shape[1:], np.inf))


def predicted_risks(
    names: Iterable[str], counts: Sequence[int], sigmas: Iterable[float], sizes: Iterable[int],
    ridges: Array = RIDGES,
) -> pd.DataFrame:  # fmt: skip
    """`excess_risk` of encodings, each at its own best ridge, on every noisy pattern.

    Columns ``encoding``, ``stretches``, ``sigma`` (levels), ``examples``, ``ridge``, ``excess``,
    ``plain`` (the formula without its local form), ``signal`` (the most that can be explained) and
    ``noise`` (the risk of the best answer).
    """
    rows = []
    for name, sigma in product(names, sigmas):
        tasks = [noisy(count, sigma) for count in counts]
        share = tasks[0].share
        found = modes(kernel_under(name, share), share)
        mean, variance = (np.stack([getattr(t, k) for t in tasks], 1) for k in _MOMENTS)
        for examples in sizes:
            every = np.array([excess_risk(found, mean, variance, examples, r) for r in ridges])
            for k, (count, task) in enumerate(zip(counts, tasks, strict=True)):
                best = int(every[:, k].argmin())
                how = task.mean, task.variance, examples, ridges[best]
                plain = float(excess_risk(found, *how, local=False))
                limits = task.signal, float(share @ task.variance)
                rows.append(
                    (name, count, sigma, examples, *how[3:], every[best, k], plain, *limits)
                )
    columns = ["encoding", *_CELL, "ridge", "excess", "plain", "signal", "noise"]
    return pd.DataFrame(rows, columns=columns)


_MOMENTS = ("mean", "variance")
_CELL = ["stretches", "sigma", "examples"]


def against_gray(risks: pd.DataFrame) -> pd.DataFrame:
    """Add ``ratio``, the excess risk over gray's in the same cell, and ``learned``.

    ``learned`` is the share of the signal that the better of the two explains: where it is small,
    neither learns anything and the ratio says little. Gray's own rows are left out.
    """
    gray = risks[risks.encoding == GRAY].set_index(_CELL).excess
    rest = risks[risks.encoding != GRAY].copy()
    own = gray.reindex(pd.MultiIndex.from_frame(rest[_CELL])).to_numpy()
    rest["ratio"] = rest.excess / own
    rest["learned"] = 1 - np.minimum(rest.excess, own) / rest.signal
    return rest.reset_index(drop=True)


def monte_carlo(
    kernel: ArrayLike, task: NoisyLevels, examples: int, ridge: float, seeds: Iterable[int]
) -> Array:
    """Excess risk of kernel ridge regression on drawn examples, a value for each seed.

    Examples of one level are one row of weight: the same solution as with all rows.
    """
    matrix, risks = np.asarray(kernel, np.float64), []
    for seed in seeds:
        levels, answers = task.draw(examples, seed)
        seen, where, times = np.unique(levels, return_inverse=True, return_counts=True)
        root = np.sqrt(times)
        sums = np.bincount(where, answers)
        inner = root[:, None] * matrix[np.ix_(seen, seen)] * root + ridge * np.eye(len(seen))
        found = matrix[:, seen] @ (root * cho_solve(cho_factor(inner), sums / root))
        risks.append(task.share @ (found - task.mean) ** 2)
    return np.array(risks)


def drawn_risks(risks: pd.DataFrame, seeds: Sequence[int]) -> pd.DataFrame:
    """Apply `monte_carlo` to the rows of `predicted_risks`, each at its ridge.

    A row for each of them and seed, columns as `trained_risks`; encodings get the same draws.
    """
    tables = []
    columns = ["encoding", *_CELL, "ridge"]
    known: dict[tuple[str, float], Array] = {}
    for name, count, sigma, examples, ridge in risks[columns].to_numpy().tolist():
        task = noisy(count, sigma)
        if (name, sigma) not in known:
            known[name, sigma] = kernel_under(name, task.share)
        excess = monte_carlo(known[name, sigma], task, examples, ridge, seeds)
        cell = dict(zip(columns, (name, count, sigma, examples, ridge), strict=True))
        tables.append(pd.DataFrame({"seed": list(seeds), "excess": excess}).assign(**cell))
    return pd.concat(tables, ignore_index=True)


def risk_ratios(risks: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Mean excess risk over gray's in each cell, from `drawn_risks` or `measured_risks`.

    Columns ``encoding``, ``stretches``, ``sigma``, ``examples``, ``measured``, ``low``, ``high``.
    The interval is Student's for the mean of ``excess - ratio · gray's`` over the seeds, which are
    the same examples for all encodings, over gray's mean.
    """
    rows = []
    for cell, own in risks.groupby(_CELL, sort=False):
        wide = own.pivot(index="seed", columns="encoding", values="excess")
        gray = wide[GRAY]
        quantile = float(stats.t.ppf((1 + level) / 2, len(wide) - 1))
        for name in [n for n in own.encoding.unique() if n != GRAY]:
            ratio = float(wide[name].mean() / gray.mean())
            width = quantile * float((wide[name] - ratio * gray).sem() / gray.mean())
            rows.append((name, *cell, ratio, ratio - width, ratio + width))
    return pd.DataFrame(rows, columns=["encoding", *_CELL, "measured", "low", "high"])


def ratio_agreement(ratios: pd.DataFrame) -> dict[str, Any]:
    """How measured ratios to gray (`risk_ratios`) agree with predicted ones, ``ratio``.

    ``correlation`` of the logarithms; ``resolved``, ratios whose interval excludes 1, and
    ``right``, those of them on the predicted side; ``gains``, resolved ones below 1; ``off``, the
    median factor by which a ratio is missed.
    """
    known = ratios.dropna(subset=["ratio", "measured"])
    sure = known[(known.low > 1) | (known.high < 1)]
    predicted, measured = np.log(known.ratio), np.log(known.measured)
    return {
        "correlation": float(np.corrcoef(predicted, measured)[0, 1]),
        "resolved": len(sure),
        "right": int(((sure.ratio > 1) == (sure.measured > 1)).sum()),
        "gains": int((sure.measured < 1).sum()),
        "off": float(np.exp(np.abs(predicted - measured).median())),
    }


def trained_risks(
    names: Iterable[str], count: int, sigma: float, examples: int, seeds: Sequence[int],
    steps: int, width: int = 64, rate: float = 0.01,
) -> pd.DataFrame:  # fmt: skip
    """Excess risk of trained nets of one hidden layer, each on examples of its own.

    Trained by Adam on the mean square error; the risk is exact, over all 256 levels. Columns
    ``encoding``, ``stretches``, ``sigma``, ``examples``, ``steps``, ``seed``, ``excess``.
    """
    task = noisy(count, sigma)
    drawn = [task.draw(examples, seed) for seed in seeds]
    levels, answers = (np.concatenate(part) for part in zip(*drawn, strict=True))
    every = np.arange(LEVELS)
    goal = np.concatenate([answers, task.answer])[:, None]
    tables = []
    for name in names:
        colours = table(name)
        scaled = fit_scale("equal_energy", colours, weights=task.share)(colours)
        images = {name: np.concatenate([scaled[levels], scaled])}
        nets = [
            Network(seed, name, rate, np.arange(k * examples, (k + 1) * examples))
            for k, seed in enumerate(seeds)
        ]
        shape = Perceptron(scaled.shape[1], (width,), 1)
        done = train(shape, images, goal, nets, Optimiser(steps))
        answered = evaluate(shape, done, images, nets, len(levels) + every)[..., 0]
        excess = (task.share * (answered - task.mean) ** 2).sum(1)
        tables.append(pd.DataFrame({"encoding": name, "seed": list(seeds), "excess": excess}))
    cell = {"stretches": count, "sigma": sigma, "examples": examples, "steps": steps}
    return pd.concat(tables, ignore_index=True).assign(**cell)


def measured_risks(
    names: Sequence[str], cells: Iterable[tuple[int, float, int]], seeds: Sequence[int],
    choices: Sequence[int], tuning: Sequence[int],
) -> pd.DataFrame:  # fmt: skip
    """`trained_risks` on many cells (stretches, sigma, examples), each arm at its own best length.

    The number of steps of an encoding in a cell is the one of `choices` at which nets of other
    seeds, `tuning`, have the least risk: what early stopping is for a net, as the ridge for a
    kernel.
    """
    tables = []
    for cell in tqdm(list(cells), desc="nets on noisy levels", disable=None):
        tried = pd.concat([trained_risks(names, *cell, tuning, steps) for steps in choices])
        means = tried.groupby(["encoding", "steps"]).excess.mean().unstack()
        best = means.idxmin(axis=1)
        tables += [trained_risks([name], *cell, seeds, int(best[name])) for name in names]
    return pd.concat(tables, ignore_index=True)
