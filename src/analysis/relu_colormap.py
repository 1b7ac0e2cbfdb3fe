"""A ReLU colormap in front of a net: the same to the bit, and what training makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from analysis.colour.colormaps import lut, lut8, lut8_rounded
from analysis.colour.learned import train, vertices
from analysis.colour.piecewise import (
    FULL,
    ReLUColormap,
    best_fit,
    byte_exact,
    fewest_knots,
    from_segments,
)
from analysis.evidence.statistics import Interval

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def small_net(channels: int, seed: int, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Small convolutional net with BatchNorm: two blocks, average, four classes.

    Parameters
    ----------
    channels : int
        Input channels; images of any size from 4×4.
    seed : int
        Of the weights.
    dtype : torch.dtype
        Of the weights.

    Returns
    -------
    torch.nn.Sequential
        In training mode.
    """
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

    Parameters
    ----------
    count : int
        Number of pictures.
    seed : int
    side : int
        Height and width in pixels.

    Returns
    -------
    levels : Tensor of uint8, shape (count, 1, side, side)
    labels : Tensor of int64, shape (count,)
        0…3.
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


class _Colour(nn.Module):
    """Look the bytes of a table up: the picture that a file would hold, in [0, 1]."""

    def __init__(self, table: NDArray[np.uint8]) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(table.astype(np.float32)))

    def forward(self, levels: Tensor) -> Tensor:
        colours: Tensor = self.table[levels[:, 0].long()]  # type: ignore[index]
        return colours.permute(0, 3, 1, 2).contiguous() / FULL


class _Front(nn.Module):
    """Compute the same with the fixed ReLU layer, on levels as numbers."""

    def __init__(self, colormap: ReLUColormap, rounded: bool) -> None:
        super().__init__()
        self.layer, self.rounded = colormap.to_torch(), rounded

    def forward(self, levels: Tensor) -> Tensor:
        colours: Tensor = self.layer(levels.float())
        return (colours.round() if self.rounded else colours) / FULL


@dataclass(frozen=True)
class Identity:
    """How far a net on colour and the same net behind a ReLU layer are apart.

    Attributes
    ----------
    size : int
        Knots of the layer.
    wrong_bytes : int
        Bytes of the table that the rounded layer misses (of 768).
    outputs, gradients, states : float
        Largest absolute difference over all training steps of the logits, of all parameters'
        gradients, and of parameters and BatchNorm statistics afterwards; layer rounded to bytes.
    unrounded : float
        Largest difference of the logits at the first step if the layer is not rounded.
    input_gradient : float
        Largest difference between the gradient with respect to the level and the chain rule
        through the layer's slopes, relative to the largest gradient (unrounded layer).
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

    Parameters
    ----------
    name : str
        A matplotlib colormap; the bytes that matplotlib writes, `colormaps.lut8`.
    seed : int
        Of the pictures and the weights, which are the same for both.
    steps : int
        Steps of stochastic gradient descent, 16 pictures each.

    Returns
    -------
    Identity
    """
    table = lut8(name)
    colormap = byte_exact(table)
    levels = torch.arange(len(table), dtype=torch.float32)[None, None, None]
    made = colormap.to_torch()(levels).round()[0, :, 0].T.numpy()
    colour, front = _Colour(table), _Front(colormap, rounded=True)
    net, twin = small_net(3, seed), small_net(3, seed)
    pairs = [(model, torch.optim.SGD(model.parameters(), lr=0.1)) for model in (net, twin)]
    pictures, labels = chirps(16 * steps, seed)
    outputs = gradients = 0.0
    for step in range(steps):
        batch = slice(16 * step, 16 * step + 16)
        logits = []
        for (model, optimiser), entry in zip(pairs, (colour, front), strict=True):
            optimiser.zero_grad()
            logits.append(model(entry(pictures[batch])))
            torch.autograd.backward(nn.functional.cross_entropy(logits[-1], labels[batch]))
            optimiser.step()
        outputs = max(outputs, _largest([(logits[0], logits[1])]))
        gradients = max(gradients, _largest(zip(_gradients(net), _gradients(twin), strict=True)))
    states = _largest(zip(net.state_dict().values(), twin.state_dict().values(), strict=True))
    unrounded, slopes = _unrounded(colormap, colour, pictures[:16], labels[:16], seed)
    wrong = int((made != table).sum())
    return Identity(colormap.size, wrong, outputs, gradients, states, unrounded, slopes)


def _gradients(net: nn.Module) -> list[Tensor]:
    """Gradients of all parameters, as the last backward pass left them."""
    return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


def _unrounded(
    colormap: ReLUColormap, colour: _Colour, levels: Tensor, labels: Tensor, seed: int
) -> tuple[float, float]:
    """Differences without rounding: of the logits, and of the input gradient to the chain rule."""
    net, front = small_net(3, seed), _Front(colormap, False)
    shades = levels.float().requires_grad_()
    colours = front(shades)
    colours.retain_grad()
    logits = net(colours)
    torch.autograd.backward(nn.functional.cross_entropy(logits, labels))
    slope, _, jumps = colormap.weights()
    steps = np.arange(256)[:, None] > np.array(colormap.knots)  # ReLU'(0) = 0, as in torch
    slopes = torch.from_numpy(slope + steps @ jumps)[levels[:, 0].long()].permute(0, 3, 1, 2)
    if colours.grad is None or shades.grad is None:
        raise AssertionError("backward fills both gradients")
    chain = (colours.grad.double() * slopes).sum(1, keepdim=True)
    relative = _largest([(shades.grad, chain)]) / float(chain.detach().abs().max())
    return _largest([(logits, small_net(3, seed)(colour(levels)))]), relative


def gray_collapse(seed: int) -> tuple[float, float]:
    """Reduce R = G = B to one channel with the first layer's weights summed.

    Parameters
    ----------
    seed : int
        Of the net and the pictures.

    Returns
    -------
    outputs : float
        Largest difference of the logits between the net on three equal channels and the net on
        one channel with summed weights, in double precision.
    gradients : float
        Largest difference between the gradients of the three channels' weights.
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


def costs(names: Iterable[str], side: int = 32) -> pd.DataFrame:
    """Parameters, depth and operations of the small net behind several encodings.

    Parameters
    ----------
    names : iterable of str
        Colormaps that the fixed ReLU layer computes, byte for byte.
    side : int
        Height and width of the picture in pixels.

    Returns
    -------
    DataFrame
        One row an encoding: ``input``, ``knots``, ``trainable`` and ``fixed`` parameters, ``depth``
        (layers with weights) and ``operations`` (multiplications and additions a picture, of
        convolutions and linear layers).
    """
    rows = [
        _cost("gray, one channel", small_net(1, 0), None, side),
        _cost("R = G = B, three channels", small_net(3, 0), None, side),
        _cost("colour picture, three channels", small_net(3, 0), None, side),
    ]
    for name in names:
        rows.append(_cost(f"gray, layer for {name}", small_net(3, 0), byte_exact(lut8(name)), side))
    return pd.DataFrame(rows)


def _cost(
    label: str, net: nn.Sequential, front: ReLUColormap | None, side: int
) -> dict[str, object]:
    model = net if front is None else nn.Sequential(front.to_torch(), net)
    channels = 1 if front is not None else next(net.parameters()).shape[1]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, channels, side, side))
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {
        "input": label,
        "knots": 0 if front is None else front.size,
        "trainable": sum(n for n, trained in sizes if trained),
        "fixed": sum(n for n, trained in sizes if not trained),
        "depth": sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in model.modules()),
        "operations": int(counter.get_total_flops()),
    }


#: Edges of shadows, middle tones and highlights if the levels are cut into three equal parts.
THIRDS = (85.0, 170.0)

#: What the learned colormap serves, see `bands` and `bends`.
TASKS = ("three equal bands", "three random bands", "two bends")

STARTS = ("random", "viridis")


def bands(edges: Floats) -> Floats:
    """Which of the bands between the edges a level is in, as three yes-or-no targets.

    Parameters
    ----------
    edges : ndarray of float64, shape (runs, 2)
        First level of the second and of the third band.

    Returns
    -------
    ndarray of float64, shape (runs, 256, 3)
        0 or 1. Telling the middle band needs a bend: a straight line rises or falls.

    Examples
    --------
    >>> bands(np.array([THIRDS]))[0, [0, 100, 255]].argmax(1)
    array([0, 1, 2])
    """
    band = (np.arange(256)[None, :, None] >= edges[:, None]).sum(2)
    return np.asarray(np.eye(3)[band])


def bends(edges: Floats, seed: int) -> Floats:
    """Draw piecewise-linear curves with known knots, to see whether gradient descent finds them.

    Parameters
    ----------
    edges : ndarray of float64, shape (runs, 2)
        Knots, in levels.
    seed : int

    Returns
    -------
    ndarray of float64, shape (runs, 256, 3)
        Three curves a run, of unit variance, to be met in the least-squares sense.
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
    """Colormaps of one size trained on one task, with a linear layer on top.

    Attributes
    ----------
    task, start : str
        One of `TASKS`; one of `STARTS`.
    trained : bool
        Whether the colormap was trained, or only the layer on top.
    first, knots : ndarray of float64, shape (runs, size)
        Knots before and after, in levels, sorted; they may leave 0…255.
    edges : ndarray of float64, shape (runs, 2)
        Where the task's bands or bends are, in levels.
    early, late : ndarray of float64, shape (runs,)
        Loss after a twentieth of the steps, and at the end.
    right : ndarray of float64, shape (runs,)
        Share of levels whose band is told right at the end (largest output); NaN for bends.
    """

    task: str
    start: str
    trained: bool
    first: Floats
    knots: Floats
    edges: Floats
    early: Floats
    late: Floats
    right: Floats


def learn_knots(
    start: ReLUColormap, runs: int, steps: int, seed: int, rate: float = 0.01
) -> list[Learned]:
    """Train colormaps of the size of `start`, with a linear layer on top, on level tasks.

    The net is told one level at a time, all 256 in every step; the colormap is
    ``A x + c + sum_k v_k ReLU(x - tau_k)``, x the level in [0, 1], and A, c, v and tau are trained
    by Adam together with the layer on top. As that layer is linear, only the colormap can bend.

    Parameters
    ----------
    start : ReLUColormap
        The hand-made map, such as the best fit of viridis.
    runs : int
        Seeds for each task and start; run i has the same task, the same layer on top.
    steps : int
        Steps of Adam.
    seed : int
    rate : float
        Learning rate.

    Returns
    -------
    list of Learned
        Every task × start × (trained, frozen), in that order. The random start has uniform knots
        and uniform vertex colours, so that both starts use the same range.
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
        rate,
    )
    knots, early, late, right = (np.split(values, len(arms)) for values in result)
    return [
        Learned(
            task, name, trained, starts[name][0][:, 1:-1] * 255, np.sort(knots[k] * 255, axis=1),
            edges[task], early[k], late[k], right[k],
        )
        for k, (task, name, trained) in enumerate(arms)
    ]  # fmt: skip


def _random_edges(runs: int, rng: np.random.Generator, least: int = 26) -> Floats:
    """Edges of three bands, each at least `least` levels wide, otherwise uniform."""
    cuts = np.sort(rng.integers(0, 256 - 3 * least + 1, (runs, 2)), axis=1)
    return np.asarray(cuts + np.array([least, 2 * least]), np.float64)


#: Colormaps that the chapter names.
NAMED = ("viridis", "turbo", "jet", "magma", "inferno", "plasma", "cividis", "gray")


@dataclass(frozen=True)
class Settings:
    """What a profile works out.

    Attributes
    ----------
    sizes : tuple of int
        Sizes of the best fits of all colormaps.
    gap, relative : float
        Certified gap of these fits in 1/255, or as a share of the error, whichever is larger.
    runs, steps : int
        Seeds and training steps of the learned colormaps.
    """

    sizes: tuple[int, ...]
    gap: float
    relative: float
    runs: int
    steps: int


SETTINGS = {
    "quick": Settings((0, 1, 2, 4, 8, 16), gap=0.1, relative=0.02, runs=10, steps=1500),
    "full": Settings(tuple(range(17)), gap=1e-4, relative=0.0, runs=20, steps=6000),
}


def pieces_table(names: Iterable[str]) -> pd.DataFrame:
    """Three pieces a channel, and the fewest pieces for the same bytes.

    Parameters
    ----------
    names : iterable of str
        matplotlib colormaps.

    Returns
    -------
    DataFrame
        One row a map. ``shared`` and ``separate``: error in 1/255 of three pieces whose knots the
        channels share or have each to themselves. ``curve``: fewest shared pieces within half a
        unit of `colormaps.lut`; ``rounded``, ``written``: fewest shared pieces whose values round
        to `lut8_rounded`, and to the bytes that matplotlib writes, `lut8`; ``channel``: fewest
        pieces for the neediest channel by itself, for the bytes written.
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

    Parameters
    ----------
    names : iterable of str
        matplotlib colormaps; those not made of segments are left out.

    Returns
    -------
    DataFrame
        ``map``; ``knots`` read off; ``levels``: knots needed if they must lie on levels; ``error``:
        largest difference of the ReLU formula to `lut`, colours in [0, 1].
    """
    rows = []
    for name in names:
        made = from_segments(name)
        if made is not None:
            least = fewest_knots(lut(name), 1e-6).size
            row = {"map": name, "knots": made.size, "levels": least, "error": made.error / FULL}
            rows.append(row)
    return pd.DataFrame(rows)


def verdict_layer(knots: Iterable[int], identities: Iterable[Identity]) -> str:
    """A1: a colormap is a fixed layer of ReLU neurons.

    Fails if a net behind the layer differs in any bit; holds if no map needs more than 64 knots to
    give the bytes that matplotlib writes; with limits if some map needs a wider layer.

    Examples
    --------
    >>> verdict_layer([3, 70], [])
    'holds with limits'
    """
    if not all(identity.exact for identity in identities):
        return "fails"
    return "holds" if max(knots) <= 64 else "holds with limits"


def verdict_three_pieces(error: float) -> str:
    """A2: three pieces a channel, given their error in 1/255.

    Holds if the bytes come out the same (below 0.5), with limits up to 5 % of full scale.

    Examples
    --------
    >>> [verdict_three_pieces(error) for error in (0.3, 8.0, 30.0)]
    ['holds', 'holds with limits', 'fails']
    """
    if error < 0.5:
        return "holds"
    return "holds with limits" if error <= 0.05 * FULL else "fails"


def verdict_depth(colour: Identity, bent: Iterable[int], straight: int) -> str:
    """A3: the colormap adds depth and width.

    Fails if the identity does not hold to the bit, or no map bends. Holds if every map bends. With
    limits if some map, such as gray itself, is straight, so that its layer merges with the next.

    Parameters
    ----------
    colour : Identity
        Of a coloured map.
    bent : iterable of int
        Fewest knots of the maps within half a unit.
    straight : int
        The same for gray copied three times.
    """
    sizes = list(bent)
    if not colour.exact or not any(sizes):
        return "fails"
    return "holds" if all(sizes) and straight > 0 else "holds with limits"


def verdict_split(chance: float, use: Interval, approach: Interval) -> str:
    """A7: the colormap hard-codes shadows, middle tones and highlights.

    Parameters
    ----------
    chance : float
        Chance that random knots are as near to three equal parts as the map's.
    use : Interval
        Loss on three equal bands, frozen map minus frozen random map.
    approach : Interval
        Distance of learned knots to the map's, after minus before training from random.

    Returns
    -------
    str
        Holds if the place is no accident (chance below 5 %), the map is of use (interval below 0)
        and training finds its knots (interval below 0); with limits if some; fails if none.

    Examples
    --------
    >>> verdict_split(0.5, Interval(0, -1, 1), Interval(0, -1, 1))
    'fails'
    """
    signs = (chance < 0.05, use.high < 0, approach.high < 0)
    return "holds" if all(signs) else "holds with limits" if any(signs) else "fails"


def verdict_knowledge(frozen: Interval, trained: Interval) -> str:
    """A8: a colormap is regularised, pre-trained knowledge.

    Parameters
    ----------
    frozen, trained : Interval
        Loss on random bands, map minus random map: not trained, and both trained to the end.

    Returns
    -------
    str
        Holds if the map is better (interval below 0) even after both were trained; with limits if
        only as long as nothing is trained; fails otherwise.

    Examples
    --------
    >>> verdict_knowledge(Interval(-2, -3, -1), Interval(0, -1, 1))
    'holds with limits'
    """
    if frozen.high >= 0:
        return "fails"
    return "holds" if trained.high < 0 else "holds with limits"
