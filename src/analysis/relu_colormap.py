"""A ReLU colormap in front of a net: the same to the bit, and what training makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from analysis.colour.colormaps import lut, lut8, lut8_rounded
from analysis.evidence.statistics import Interval, mean_interval
from analysis.evidence.verdicts import by_answers
from analysis.relu.learned import Learned, distance_by_chance, knot_distance
from analysis.relu.piecewise import (
    FULL,
    ReLUColormap,
    best_fit,
    byte_exact,
    fewest_knots,
    from_segments,
)

#: Colormaps that the chapter names.
NAMED = ("viridis", "turbo", "jet", "magma", "inferno", "plasma", "cividis", "gray")


@dataclass(frozen=True)
class Settings:
    """What a profile works out.

    `sizes` of the best fits of all maps; the certified `gap` of these fits in 1/255, or `relative`
    to the error, whichever is larger; seeds (`runs`) and training `steps` of the learned maps.
    """

    sizes: tuple[int, ...]
    gap: float
    relative: float
    runs: int
    steps: int


SETTINGS = dict.fromkeys(
    ("edition", "rehearsal"),
    Settings((0, 1, 2, 4, 8, 16), gap=0.1, relative=0.02, runs=10, steps=1500),
) | {"large": Settings(tuple(range(17)), gap=1e-4, relative=0.0, runs=20, steps=6000)}


def small_net(channels: int, seed: int, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Small convolutional net with BatchNorm: two blocks, average, four classes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1, dtype=dtype),
            nn.BatchNorm2d(8, dtype=dtype),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, dtype=dtype),
            nn.BatchNorm2d(16, dtype=dtype),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 4, dtype=dtype),
        )


def chirps(count: int, seed: int, side: int = 32) -> tuple[Tensor, Tensor]:
    """Pictures like small spectrograms: one rising or falling line in noise, thick or thin.

    Levels, uint8, shape (count, 1, side, side), and labels 0…3, shape (count,).
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    time, pitch = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    tilt = np.where(labels % 2, 0.8, -0.8)[:, None, None]
    thickness = np.where(labels // 2, 0.35, 0.12)[:, None, None]
    line = np.exp(-(((pitch - tilt * time) / thickness) ** 2))
    noise = rng.gamma(2.0, 0.12, (count, side, side))
    levels = np.clip((0.7 * line + noise) * FULL, 0, FULL).astype(np.uint8)
    return torch.from_numpy(levels[:, None]), torch.from_numpy(labels)


def _looked_up(table: NDArray[np.uint8], levels: Tensor) -> Tensor:
    """Look the bytes of a table up: the picture that a file would hold, in [0, 1]."""
    colours = torch.from_numpy(table.astype(np.float32))[levels[:, 0].long()]
    return colours.permute(0, 3, 1, 2).contiguous() / FULL


def _computed(layer: nn.Sequential, levels: Tensor, rounded: bool = True) -> Tensor:
    """Compute the same with the fixed ReLU layer, on levels as numbers."""
    colours: Tensor = layer(levels.float())
    return (colours.round() if rounded else colours) / FULL


@dataclass(frozen=True)
class Identity:
    """How far a net on colour and the same net behind a ReLU layer of `size` knots are apart.

    With the layer rounded to bytes, missing `wrong_bytes` of 768 of them, the largest differences
    over all training steps: of the logits, of all parameters' gradients, and of parameters and
    BatchNorm statistics afterwards. `unrounded`: of the logits at the first step, not rounded;
    `input_gradient`: then of the level's gradient from the chain rule through the layer's slopes,
    relative to the largest.
    """

    size: int
    wrong_bytes: int
    outputs: float
    gradients: float
    states: float
    unrounded: float
    input_gradient: float

    @property
    def exact(self) -> bool:
        """Whether forward, gradients and states agree in every bit."""
        return not (self.wrong_bytes or self.outputs or self.gradients or self.states)


def _largest(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    return max(float((a.detach().double() - b.detach().double()).abs().max()) for a, b in pairs)


def network_identity(name: str, seed: int, steps: int = 5) -> Identity:
    """Train a net on colour pictures beside its twin on levels behind the fixed ReLU layer.

    Pictures are of the bytes that matplotlib writes, 16 a step; pictures and weights are the same
    for both.
    """
    table = lut8(name)
    colormap = byte_exact(table)
    layer = colormap.to_torch()
    levels = torch.arange(len(table), dtype=torch.float32)[None, None, None]
    wrong = int((layer(levels).round()[0, :, 0].T.numpy() != table).sum())
    net, twin = small_net(3, seed), small_net(3, seed)
    optimisers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in (net, twin)]
    pictures, labels = chirps(16 * steps, seed)
    outputs = gradients = 0.0
    for step in range(steps):
        batch = slice(16 * step, 16 * step + 16)
        shown = pictures[batch]
        logits = (net(_looked_up(table, shown)), twin(_computed(layer, shown)))
        for optimiser, output in zip(optimisers, logits, strict=True):
            optimiser.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(output, labels[batch]))
            optimiser.step()
        outputs = max(outputs, _largest([logits]))
        gradients = max(gradients, _largest(zip(_gradients(net), _gradients(twin), strict=True)))
    states = _largest(zip(net.state_dict().values(), twin.state_dict().values(), strict=True))
    unrounded, slopes = _unrounded(colormap, table, pictures[:16], labels[:16], seed)
    return Identity(colormap.size, wrong, outputs, gradients, states, unrounded, slopes)


def _gradients(net: nn.Module) -> list[Tensor]:
    """Gradients of all parameters, as the last backward pass left them."""
    return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


def _unrounded(
    colormap: ReLUColormap, table: NDArray[np.uint8], levels: Tensor, labels: Tensor, seed: int
) -> tuple[float, float]:
    """Differences without rounding: of the logits, and of the input gradient to the chain rule."""
    shades = levels.float().requires_grad_()
    colours = _computed(colormap.to_torch(), shades, rounded=False)
    colours.retain_grad()
    logits = small_net(3, seed)(colours)
    torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
    slope, _, jumps = colormap.weights()
    steps = np.arange(256)[:, None] > np.array(colormap.knots)  # ReLU'(0) = 0, as in torch
    slopes = torch.from_numpy(slope + steps @ jumps)[levels[:, 0].long()].permute(0, 3, 1, 2)
    if colours.grad is None or shades.grad is None:
        raise AssertionError("backward fills both gradients")
    chain = (colours.grad.double() * slopes).sum(1, keepdim=True)
    relative = _largest([(shades.grad, chain)]) / float(chain.detach().abs().max())
    return _largest([(logits, small_net(3, seed)(_looked_up(table, levels)))]), relative


def gray_collapse(seed: int) -> tuple[float, float]:
    """Reduce R = G = B to one channel with the first layer's weights summed, in double precision.

    Largest difference of the logits, and between the gradients of the three channels' weights.
    """
    levels, labels = chirps(16, seed)
    gray = levels.double() / FULL
    wide, narrow = small_net(3, seed, torch.float64), small_net(1, seed, torch.float64)
    weights = wide.state_dict()
    weights["0.weight"] = weights["0.weight"].sum(1, keepdim=True)
    narrow.load_state_dict(weights)
    logits = wide(gray.expand(-1, 3, -1, -1).contiguous())
    torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
    gradient = wide[0].weight.grad
    if not isinstance(gradient, Tensor):
        raise AssertionError("backward fills the gradient")
    return (
        _largest([(logits, narrow(gray))]),
        _largest((gradient[:, 0], gradient[:, c]) for c in (1, 2)),
    )


def costs(names: Iterable[str]) -> pd.DataFrame:
    """Parameters, depth and operations of the small net behind several encodings.

    ``depth`` counts layers with weights; ``operations`` the multiplications and additions a
    picture of convolutions and linear layers.
    """
    layers = {f"gray, layer for {name}": byte_exact(lut8(name)) for name in names}
    nets = {"gray, one channel": nn.Sequential(small_net(1, 0))}
    for label in ("R = G = B, three channels", "colour picture, three channels"):
        nets[label] = nn.Sequential(small_net(3, 0))
    nets |= {key: nn.Sequential(layer.to_torch(), small_net(3, 0)) for key, layer in layers.items()}
    rows = []
    for label, net in nets.items():
        sizes = [(p.numel(), p.requires_grad) for p in net.parameters()]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net.eval()(torch.zeros(1, next(net.parameters()).shape[1], 32, 32))
        rows.append(
            {
                "input": label,
                "knots": layers[label].size if label in layers else 0,
                "trainable": sum(n for n, trained in sizes if trained),
                "fixed": sum(n for n, trained in sizes if not trained),
                "depth": sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in net.modules()),
                "operations": int(counter.get_total_flops()),
            }
        )
    return pd.DataFrame(rows)


def pieces_table(names: Iterable[str]) -> pd.DataFrame:
    """Errors of three pieces a channel, and the fewest pieces for the same bytes.

    ``shared``, ``separate``: error in 1/255 if the channels share their knots or have their own;
    ``curve``: fewest shared pieces within half a unit of `lut`; ``rounded``, ``written``: fewest
    whose values round to `lut8_rounded`, and to `lut8`; ``channel``: for the neediest channel by
    itself, for `lut8`.
    """
    rows = []
    for name in names:
        table, written = lut(name), lut8(name)
        channels = range(table.shape[1])
        rows.append(
            {
                "map": name,
                "shared": best_fit(table, 2, gap=0.01).error,
                "separate": max(best_fit(table[:, [c]], 2, gap=0.01).error for c in channels),
                "curve": fewest_knots(table, 0.5 - 1e-6).size + 1,
                "rounded": byte_exact(lut8_rounded(name)).size + 1,
                "written": byte_exact(written).size + 1,
                "channel": max(byte_exact(written[:, [c]]).size for c in channels) + 1,
            }
        )
    return pd.DataFrame(rows)


def exact_members(names: Iterable[str]) -> pd.DataFrame:
    """Colormaps that are ReLU colormaps by their own definition.

    ``knots`` read off; ``levels``: knots needed if they must lie on levels; ``error``: largest
    difference of the ReLU formula to `lut`, colours in [0, 1].
    """
    rows = []
    for name in names:
        made = from_segments(name)
        if made is not None:
            least = fewest_knots(lut(name), 1e-6).size
            row = {"map": name, "knots": made.size, "levels": least, "error": made.error / FULL}
            rows.append(row)
    return pd.DataFrame(rows)


def distances(arms: Iterable[Learned], knots: Sequence[float], seed: int) -> pd.DataFrame:
    """Mean distance of trained knots to a map's and to the task's edges; ``random``: by chance."""
    rows = []
    for arm in (arm for arm in arms if arm.trained):
        for target, places in (("viridis", np.array(knots)), ("task", arm.edges)):
            mean = mean_interval(knot_distance(arm.knots, places), seed)
            row = {
                "task": arm.task,
                "start": arm.start,
                "target": target,
                "distance": mean.estimate,
            }
            row |= {"low": mean.low, "high": mean.high, "random": distance_by_chance(places, seed)}
            rows.append(row)
    return pd.DataFrame(rows)


def verdict_layer(knots: Iterable[int], identities: Iterable[Identity]) -> str:
    """A1: a colormap is a fixed layer of ReLU neurons.

    Fails if a net behind the layer differs in any bit; holds if no map needs more than 64 knots to
    give the bytes that matplotlib writes; with limits if some map needs a wider layer.

    >>> verdict_layer([3, 70], [])
    'holds with limits'
    """
    if not all(identity.exact for identity in identities):
        return "fails"
    return "holds" if max(knots) <= 64 else "holds with limits"


def verdict_depth(colour: Identity, bent: Iterable[int], straight: int) -> str:
    """A3: the colormap adds depth and width.

    Fails if the identity of a coloured map is not exact, or no map bends (`bent`, `straight`:
    fewest knots of the maps and of gray within half a unit). Holds if every map bends; with limits
    if some map, such as gray, is straight, so that its layer merges with the next.
    """
    sizes = list(bent)
    if not colour.exact or not any(sizes):
        return "fails"
    return "holds" if all(sizes) and straight > 0 else "holds with limits"


def verdict_split(chance: float, use: Interval, approach: Interval) -> str:
    """A7: the colormap hard-codes shadows, middle tones and highlights.

    Holds if the place is no accident (`chance` that random knots are as near to equal thirds below
    5 %), the frozen map is of use on equal bands (loss minus a random map's below 0) and training
    finds its knots (change of distance below 0); with limits if some; fails if none.

    >>> verdict_split(0.5, Interval(0, -1, 1), Interval(0, -1, 1))
    'fails'
    """
    signs = (chance < 0.05, use.high < 0, approach.high < 0)
    return by_answers("yes" if sign else "no" for sign in signs)


def verdict_knowledge(frozen: Interval, trained: Interval) -> str:
    """A8: a colormap is regularised, pre-trained knowledge.

    From the loss on random bands, map minus random map: holds if the map is better (interval below
    0) even after both were trained; with limits if only frozen; else fails.

    >>> verdict_knowledge(Interval(-2, -3, -1), Interval(0, -1, 1))
    'holds with limits'
    """
    if frozen.high >= 0:
        return "fails"
    return "holds" if trained.high < 0 else "holds with limits"
