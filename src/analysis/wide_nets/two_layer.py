"""The net of `analysis.wide_nets.kernels` at finite width, trained for real: nothing is linearised.

Full-batch gradient descent, all seeds at once, float32 on the CPU; deterministic for a given number
of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from analysis.wide_nets.kernels import NTK_RATES, RESIDUAL, Rates

Array = NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """Nets at one step."""

    u: Tensor  # (n, channels + 1); inputs ``(x / √d, β)``
    w: Tensor
    a: Tensor
    error: Tensor  # (seeds, n, 1); ``f - f_start - y``


def start(seeds: Sequence[int], channels: int, width: int) -> tuple[Tensor, Tensor]:
    """Draw ``(w, b)``, shape (seeds, channels + 1, width), and ``a``, (seeds, width, 1)."""
    first, last = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        first.append(torch.randn(channels + 1, width, generator=generator))
        last.append(torch.randn(width, 1, generator=generator))
    return torch.stack(first), torch.stack(last)


def _outputs(hidden: Tensor, a: Tensor) -> Tensor:
    """``hidden @ a`` for every net; one product each beats a batched one with one column."""
    pairs = zip(hidden, a[..., 0], strict=True)
    return torch.stack([torch.mv(layer, weights) for layer, weights in pairs])[..., None]


def descend(
    x: ArrayLike,
    y: ArrayLike,
    width: int,
    seeds: Sequence[int],
    rate: float,
    bias: float = 1.0,
    rates: Rates = NTK_RATES,
) -> Iterator[State]:
    """Gradient descent without end, one state a step, the start first; see `learning_times`."""
    points = torch.as_tensor(np.array(x, np.float32))
    count, channels = points.shape
    u = torch.cat([points / math.sqrt(channels), torch.full((count, 1), float(bias))], dim=1)
    goal = torch.as_tensor(np.array(y, np.float32))[:, None]
    w_start, a_start = start(seeds, channels, width)
    w_moved, a_moved = torch.zeros_like(w_start), torch.zeros_like(a_start)  # small: kept apart
    gain = math.sqrt(2 / width)
    per_row = torch.tensor([*[rates.weights] * channels, rates.bias])[:, None]
    offset = gain * _outputs((u @ w_start).relu(), a_start)
    while True:
        w, a = w_start + w_moved, a_start + a_moved
        hidden = (u @ w).relu_()
        error = gain * _outputs(hidden, a) - offset - goal
        yield State(u, w, a, error)
        step_a = torch.bmm(error.transpose(1, 2), hidden).transpose(1, 2)
        a_moved -= (rate * rates.output * gain / count) * step_a
        step_w = torch.bmm((error * u).transpose(1, 2), hidden.sign_()) * a.transpose(1, 2)
        w_moved -= (rate * gain / count) * per_row * step_w


def learning_times(
    x: ArrayLike,
    y: ArrayLike,
    *,
    width: int,
    seeds: Sequence[int],
    rate: float,
    limit: float,
    bias: float = 1.0,
    rates: Rates = NTK_RATES,
    residual: float = RESIDUAL,
) -> Array:
    """Time, rate × steps, that nets take to learn a target, a net for each seed.

    The first at which the squared residual is the share `residual` of the target's square,
    interpolated in its logarithm between steps; ``inf`` if `limit` came first, or the net diverged.
    The rate is stable below 2 / (largest eigenvalue of the kernel / n); `bias` and `rates` are
    those of `kernels.ntk`.

    >>> x, y = np.linspace(-1, 1, 9)[:, None], np.repeat([-1.0, 1.0], [4, 5])
    >>> learning_times(x, y, width=64, seeds=[0, 1], rate=0.1, limit=100.0).shape
    (2,)
    """
    goal = float((np.asarray(y, np.float64) ** 2).mean())
    before, times = np.zeros(len(seeds)), np.full(len(seeds), np.inf)
    steps = descend(x, y, width, seeds, rate, bias, rates)
    for step, state in zip(range(math.ceil(limit / rate) + 1), steps, strict=False):
        now = np.log((state.error**2).mean((1, 2)).double().numpy() / goal)
        fresh = (now <= math.log(residual)) & np.isinf(times)
        part = (math.log(residual) - before[fresh]) / (now[fresh] - before[fresh])
        times[fresh] = rate * (step - 1 + part)
        before = now
        if np.isfinite(times).all():
            break
    return times


def decay(state: State, error: Array) -> float:
    """Rate ``r·Θr / (n r·r)`` at which the first net's own kernel would reduce a residual ``r``."""
    u, w, a = (v.double().numpy() for v in (state.u, state.w[0], state.a[0]))
    hidden = u @ w
    fires = (hidden > 0).astype(np.float64)
    hidden = hidden * fires
    through = 2 / w.shape[1] * (hidden @ (hidden.T @ error))
    through += 2 / w.shape[1] * ((fires * a[:, 0] ** 2) @ fires.T * (u @ u.T)) @ error
    return float(error @ through / (error @ error) / len(error))
