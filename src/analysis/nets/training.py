r"""Many small networks trained at once: each with its own seed, input, learning rate and data.

A comparison of encodings needs hundreds of small networks (a `Perceptron` on pixels or vectors, a
`Convolutional` one on images), and a small network leaves a processor idle: most of a step is
overhead. On a CPU each is trained by itself, in compiled loops (`analysis.nets.compiled`).
Elsewhere, and for architectures of one's own, K networks are *stacked* in torch: every parameter
has a leading axis of length K, and one batched operation serves all of them. A convolution with K
groups, channels last in memory, was the fastest way (``benchmarks/training.py``); network k owns
channels ``k·C … (k+1)·C - 1``, so that batch normalisation over channels is each network's own.

Nothing couples the networks: the loss is the sum of theirs, each has its own gradient and its own
moments, and none can spoil another. The tests hold a stack to networks trained alone and to plain
PyTorch. Every random draw (start, order of the batches, dropout) is fixed by the network's own seed
before the first step, on the CPU, so that neither the stack nor the device changes it, and a run
that was killed goes on from its checkpoint as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from analysis.nets.checkpoints import load_atomic, save_atomic
from analysis.nets.compiled import Runner

Tensors = dict[str, Tensor]
Engine = Literal["auto", "compiled", "torch"]

_MOMENTUM, _EPSILON = 0.1, 1e-5  # of batch normalisation, as in torch.nn.BatchNorm2d
_BETA1, _BETA2, _ADAM_EPSILON = 0.9, 0.999, 1e-8  # as in torch.optim.Adam
_EVALUATED_AT_ONCE = 64  # inputs of each network
_KEPT_AT_ONCE = 10_000_000  # numbers that a step may keep for its gradients: 40 MB, near the cache


# --- architectures ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """How one network's parameter looks and starts."""

    shape: tuple[int, ...]  # of one network; the stack adds an axis in front
    #: ``uniform`` in ±`scale`, drawn from the network's seed; ``grid`` is evenly spaced in
    #: ±`scale`. ``signed``: uniform, but the first units hand on each of the `inputs` and its
    #: negative. ``mirrored``: what reads them, so that ReLUs between the two change nothing:
    #: ``w·relu(x) - w·relu(-x) = w·x``, with w as the layer would have started without them.
    kind: Literal["uniform", "zeros", "ones", "grid", "signed", "mirrored"] = "uniform"
    #: See `kind`. Layers have ``1/√inputs``, torch's default for weights and biases.
    scale: float = 1.0
    inputs: int = 0  # channels that a front hands on, see `kind`


class Architecture(Protocol):
    """What `train` asks of an architecture."""

    @property
    def outputs(self) -> int:
        """Numbers that a network returns for an input."""

    @property
    def drop(self) -> float:
        """Chance that an input channel is left out in training."""

    def parameters(self) -> dict[str, Shape]:
        """Trained parameters of one network."""

    def buffers(self) -> dict[str, Shape]:
        """List one network's running statistics, which are not trained."""

    def forward(self, parameters: Tensors, buffers: Tensors, x: Tensor, training: bool) -> Tensor:
        """Map inputs (K, batch, …) to (K, batch, outputs); `buffers` change in training."""


@dataclass(frozen=True)
class Perceptron:
    """Fully connected network on vectors, with ReLU between its layers.

    >>> count_parameters(Perceptron(3, (8,), 1))
    41
    """

    inputs: int  # numbers that come in
    hidden: tuple[int, ...]  # widths of the hidden layers
    outputs: int  # numbers that go out
    #: chance that an input is left out in training; the others grow by ``1/(1 - drop)``
    drop: float = 0.0

    def parameters(self) -> dict[str, Shape]:
        """Weights ``(in, out)`` and biases ``(1, out)`` of each layer."""
        widths = (self.inputs, *self.hidden, self.outputs)
        found = {}
        for i, (before, after) in enumerate(pairwise(widths)):
            scale = 1 / math.sqrt(before)
            found[f"weight{i}"] = Shape((before, after), scale=scale)
            found[f"bias{i}"] = Shape((1, after), scale=scale)
        return found

    def buffers(self) -> dict[str, Shape]:
        """None."""
        return {}

    def forward(self, parameters: Tensors, buffers: Tensors, x: Tensor, training: bool) -> Tensor:
        """See `Architecture`; `x` has the shape (K, batch, inputs)."""
        for i in range(len(self.hidden) + 1):
            if i:
                x = x.relu()
            x = torch.baddbmm(parameters[f"bias{i}"], x, parameters[f"weight{i}"])
        return x


@dataclass(frozen=True)
class Convolution:
    """One layer: convolution (zero padding that keeps the size), normalisation, ReLU."""

    filters: int  # channels that come out
    #: in pixels; the kernel odd
    kernel: int = 3
    stride: int = 2


@dataclass(frozen=True)
class Convolutional:
    """Small convolutional network: front, convolutions, average pooling to a grid, linear read-out.

    >>> count_parameters(Convolutional(3, (Convolution(4), Convolution(3)), 10, grid=(4, 2)))
    480
    """

    channels: int  # of the input images
    layers: tuple[Convolution, ...]  # in order
    outputs: int  # classes, or regressed values
    grid: tuple[int, int] = (1, 1)  # rows and columns of the average pooling
    normalise: bool = True  # batch normalisation in place of a bias after each convolution
    #: ``all``: each output sees every filter. ``own``: the last layer's filters are dealt out
    #: evenly to the outputs and each output sees its own alone; with as many filters as outputs,
    #: one neuron has to do for each.
    readout: Literal["all", "own"] = "all"
    #: What the image goes through first. ``pointwise``: a 1×1 convolution to `front_size` channels,
    #: with ReLU. ``relu-colormap``: a trained colormap ``A t + c + Σ_k v_k ReLU(t - τ_k)`` with
    #: `front_size` knots τ shared by three channels; it takes one channel. Both start as the
    #: identity, so that a network with a front starts as the one that it contains: the same outputs
    #: as without (`front_size` at least twice `channels`), or as with the channel three times.
    front: Literal["none", "pointwise", "relu-colormap"] = "none"
    front_size: int = 0  # see `front`
    #: chance that an input channel is left out in training; the others grow by ``1/(1 - drop)``
    drop: float = 0.0

    def __post_init__(self) -> None:
        if not self.layers or any(layer.kernel % 2 == 0 for layer in self.layers):
            raise ValueError("need at least one layer, and odd kernels")
        if self.readout == "own" and self.layers[-1].filters % self.outputs:
            raise ValueError(
                f"each output needs as many filters of its own: {self.outputs} outputs, "
                f"{self.layers[-1].filters} filters"
            )
        if self.front == "relu-colormap" and self.channels != 1:
            raise ValueError(f"a colormap takes one channel, not {self.channels}")
        if self.front != "none" and self.front_size < 1:
            raise ValueError(f"front {self.front!r} needs a front_size of at least 1")
        if not 0 <= self.drop < 1:
            raise ValueError(f"drop must lie in [0, 1), got {self.drop}")

    def parameters(self) -> dict[str, Shape]:
        """Front, convolutions with normalisation or bias, and read-out."""
        found, before = self._front_parameters()
        for i, layer in enumerate(self.layers):
            shape = (layer.filters, before, layer.kernel, layer.kernel)
            scale = 1 / math.sqrt(before * layer.kernel**2)
            found[f"weight{i}"] = Shape(shape, scale=scale)
            if not i and self._nests:
                scale = 1 / math.sqrt(self.channels * layer.kernel**2)
                found["weight0"] = Shape(shape, "mirrored", scale, self.channels)
            if self.normalise:
                found[f"gain{i}"] = Shape((layer.filters,), "ones")
                found[f"bias{i}"] = Shape((layer.filters,), "zeros")
            else:
                found[f"bias{i}"] = Shape((layer.filters,), scale=scale)
            before = layer.filters
        cells = self.grid[0] * self.grid[1]
        seen = cells * (before // self.outputs if self.readout == "own" else before)
        found["weight"] = Shape((seen, self.outputs), scale=1 / math.sqrt(seen))
        found["bias"] = Shape((1, self.outputs), scale=1 / math.sqrt(seen))
        return found

    @property
    def _nests(self) -> bool:
        """Whether a 1×1 front has room for each channel and its negative."""
        return self.front == "pointwise" and self.front_size >= 2 * self.channels

    def _front_parameters(self) -> tuple[dict[str, Shape], int]:
        if self.front == "pointwise":
            scale = 1 / math.sqrt(self.channels)
            size = self.front_size
            kind: Literal["signed", "uniform"] = "signed" if self._nests else "uniform"
            return {
                "front_weight": Shape((self.channels, size), kind, scale, self.channels),
                "front_bias": Shape((1, size), "zeros"),
            }, size
        if self.front == "relu-colormap":
            return {
                "slope": Shape((1, 3), "ones"),
                "offset": Shape((1, 3), "zeros"),
                "bends": Shape((self.front_size, 3), "zeros"),
                "knots": Shape((1, self.front_size), "grid", 1.5),
            }, 3
        return {}, self.channels

    def buffers(self) -> dict[str, Shape]:
        """List running mean and variance of each normalised layer."""
        found = {}
        for i, layer in enumerate(self.layers if self.normalise else ()):
            found[f"mean{i}"] = Shape((layer.filters,), "zeros")
            found[f"variance{i}"] = Shape((layer.filters,), "ones")
        return found

    def forward(self, parameters: Tensors, buffers: Tensors, x: Tensor, training: bool) -> Tensor:
        """See `Architecture`; `x` has the shape (K, batch, rows, columns, channels)."""
        networks, batch, rows, columns, _ = x.shape
        x = self._front(parameters, x)
        x = x.permute(1, 2, 3, 0, 4).reshape(batch, rows, columns, -1).permute(0, 3, 1, 2)
        for i, layer in enumerate(self.layers):
            weight = parameters[f"weight{i}"].flatten(0, 1)
            bias = None if self.normalise else parameters[f"bias{i}"].flatten()
            x = functional.conv2d(x, weight, bias, layer.stride, layer.kernel // 2, 1, networks)
            if self.normalise:
                x = functional.batch_norm(
                    x,
                    buffers[f"mean{i}"].view(-1),
                    buffers[f"variance{i}"].view(-1),
                    parameters[f"gain{i}"].flatten(),
                    parameters[f"bias{i}"].flatten(),
                    training,
                    _MOMENTUM,
                    _EPSILON,
                )
            x = x.relu()
        return self._read_out(parameters, _pooled(x, self.grid), networks)

    def _front(self, parameters: Tensors, x: Tensor) -> Tensor:
        """Pixel by pixel, before the networks are put side by side: (K, batch, …, channels)."""
        pixels = x.flatten(1, 3)
        if self.front == "pointwise":
            weight, bias = parameters["front_weight"], parameters["front_bias"]
            pixels = torch.baddbmm(bias, pixels, weight).relu()
        elif self.front == "relu-colormap":
            bent = (pixels - parameters["knots"]).relu()
            straight = torch.baddbmm(parameters["offset"], pixels, parameters["slope"])
            pixels = torch.baddbmm(straight, bent, parameters["bends"])
        return pixels.view(*x.shape[:4], -1)

    def _read_out(self, parameters: Tensors, cells: Tensor, networks: int) -> Tensor:
        batch, count, _ = cells.shape
        cells = cells.view(batch, count, networks, -1).permute(2, 0, 3, 1)
        weight, bias = parameters["weight"], parameters["bias"]
        if self.readout == "own":
            own = cells.reshape(networks, batch, self.outputs, -1)
            return torch.einsum("kbfc,kcf->kbf", own, weight) + bias
        return torch.baddbmm(bias, cells.flatten(2), weight)


def _pooled(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Average pooling to a grid, (batch, cells, channels): fastest as one matrix product."""
    rows, columns = x.shape[2:]
    pixels = torch.eye(rows * columns, dtype=x.dtype, device=x.device)
    matrix = functional.adaptive_avg_pool2d(pixels.view(-1, rows, columns), grid).flatten(1)
    return matrix.T @ x.permute(0, 2, 3, 1).flatten(1, 2)


def count_parameters(architecture: Architecture) -> int:
    """Count the trained parameters of one network."""
    return sum(math.prod(shape.shape) for shape in architecture.parameters().values())


# --- what is trained, and how ----------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """One network of a stack."""

    seed: int  # Not negative. Fixes its start, the order of its batches, and its dropout.
    images: str  # which input it is fed: a key of `train`'s `images`
    rate: float  # its learning rate, positive
    #: (n,); the inputs that it is trained on; all if not given
    rows: NDArray[np.int64] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Optimiser:
    """How the networks are trained."""

    steps: int  # gradient steps, the same for all networks of a stack
    batch: int = 32  # inputs a step
    #: torch's Adam with its defaults, or gradient descent with `momentum`
    method: Literal["adam", "sgd"] = "adam"
    #: let the learning rate fall linearly, to 1/`steps` of itself at the last step
    decay: bool = True
    momentum: float = 0.0  # for ``sgd``

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1:
            raise ValueError(f"need steps ≥ 1 and batch ≥ 1, got {self.steps} and {self.batch}")
        if self.method not in ("adam", "sgd"):
            raise ValueError(f"method must be 'adam' or 'sgd', not {self.method!r}")


@dataclass(frozen=True)
class Trained:
    """A trained stack of K networks."""

    losses: NDArray[np.float32]  # (K, steps); each step's mean loss over the batch, before the step
    #: (K,); first step whose loss was not finite (`steps` if only the weights became so at the
    #: end), or -1 for a network that is sound. Leave the others out of means, and say how many
    #: there are.
    diverged: NDArray[np.int64]
    #: with K in front, on the CPU
    parameters: Tensors
    buffers: Tensors


def start(
    architecture: Architecture, seeds: Sequence[int], device: str = "cpu"
) -> tuple[Tensors, Tensors]:
    """Parameters and buffers at the start.

    Each parameter has a generator of its own, seeded by the network's seed and the parameter's
    name: networks of one seed that differ in one layer alone agree in all the others. `parameters`
    and `buffers` have one network a seed along their first axis; they are drawn on the CPU.

    >>> start(Perceptron(3, (8,), 1), seeds=[0, 1])[0]["weight0"].shape
    torch.Size([2, 3, 8])
    """
    found = tuple(
        {
            name: torch.stack([_draw(shape, seed, name) for seed in seeds]).to(device)
            for name, shape in shapes.items()
        }
        for shapes in (architecture.parameters(), architecture.buffers())
    )
    return found[0], found[1]


def _draw(shape: Shape, seed: int, name: str) -> Tensor:
    match shape.kind:
        case "zeros":
            return torch.zeros(shape.shape)
        case "ones":
            return torch.ones(shape.shape)
        case "grid":
            count = math.prod(shape.shape)
            return torch.linspace(-shape.scale, shape.scale, count).reshape(shape.shape)
        case "mirrored":
            inner = Shape((shape.shape[0], shape.inputs, *shape.shape[2:]), scale=shape.scale)
            found = torch.zeros(shape.shape)
            found[:, : 2 * shape.inputs : 2] = _draw(inner, seed, name)
            found[:, 1 : 2 * shape.inputs : 2] = -found[:, : 2 * shape.inputs : 2]
            return found
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    found = shape.scale * (2 * torch.rand(shape.shape, generator=generator) - 1)
    if shape.kind == "signed":
        same = torch.eye(shape.inputs)
        found[:, : 2 * shape.inputs] = torch.stack([same, -same], 2).flatten(1)
    return found


def order(seed: int, rows: ArrayLike, steps: int, batch: int) -> NDArray[np.int64]:
    """Draw the inputs of each step: one shuffle of all rows after the other, cut into batches.

    Shape (steps, batch). The network's seed is the same for every input encoding, so that the
    comparison is paired.

    >>> sorted(order(0, [5, 6, 7, 8], steps=2, batch=2).ravel().tolist())
    [5, 6, 7, 8]
    """
    available = np.asarray(rows, np.int64)
    if available.ndim != 1 or not len(available):
        raise ValueError("there is nothing to train on")
    rng = np.random.default_rng([seed, 1])
    shuffles = math.ceil(steps * batch / len(available))
    drawn = np.concatenate([rng.permutation(available) for _ in range(shuffles)])
    return drawn[: steps * batch].reshape(steps, batch)


def score(predictions: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Accuracy of classes, or the explained share of the variance (R²) of values.

    `predictions` have shape (…, n, outputs): one score a class, or the values. R² is the mean over
    the outputs, at most 1, and below 0 for a network that does worse than the mean. Not a number
    where a prediction is not finite.

    >>> float(score([[2.0, 1.0], [0.0, 3.0]], [0, 1]))
    1.0
    """
    found, goal = np.asarray(predictions, np.float64), np.asarray(targets)
    if goal.ndim == 1:
        result = (found.argmax(-1) == goal).mean(-1)
    else:
        error = ((found - goal) ** 2).mean(-2)
        result = (1 - error / goal.var(0)).mean(-1)
    return np.asarray(np.where(np.isfinite(found).all((-2, -1)), result, np.nan))


# --- training --------------------------------------------------------------------------------


class _Inputs:
    """Every network's inputs on the device; `batch` gathers them."""

    def __init__(self, images: Mapping[str, ArrayLike], networks: Sequence[Network], device: str):
        names = {network.images for network in networks}
        moved = {name: _channels_last(images[name], device) for name in names}
        self.images = [moved[network.images] for network in networks]

    def batch(self, rows: Tensor, part: slice) -> Tensor:
        """Gather a part's inputs (K, batch, …), given its row numbers (K, batch)."""
        return torch.stack([x[r] for x, r in zip(self.images[part], rows, strict=True)])


def _channels_last(images: ArrayLike, device: str) -> Tensor:
    x = torch.as_tensor(np.asarray(images, _precision()))
    return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).contiguous().to(device)


def _precision() -> np.dtype[Any]:
    """Numbers are of torch's default type: float32, unless `torch.set_default_dtype` says other."""
    return torch.empty(0).numpy().dtype


def _losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean loss of each network: cross-entropy of classes, mean square error of values."""
    if targets.dtype == torch.int64:
        flat = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none")
        return flat.view(targets.shape).mean(1)
    return ((outputs - targets) ** 2).mean((1, 2))


class _State:
    """All that changes while training, and all that a checkpoint holds."""

    def __init__(self, architecture: Architecture, seeds: Sequence[int], steps: int, device: str):
        self.step = 0
        self.parameters, self.buffers = start(architecture, seeds, device)
        self.first = {name: torch.zeros_like(p) for name, p in self.parameters.items()}
        self.second = {name: torch.zeros_like(p) for name, p in self.parameters.items()}
        self.losses = torch.zeros(len(seeds), steps)

    def as_dict(self) -> dict[str, Any]:
        """Values for a checkpoint."""
        return dict(vars(self))

    def restore(self, stored: dict[str, Any], device: str) -> None:
        """Take over a checkpoint's values."""
        for name, value in stored.items():
            if isinstance(value, dict):
                value = {key: tensor.to(device) for key, tensor in value.items()}
            setattr(self, name, value)

    @torch.no_grad()
    def update(
        self, gradients: Sequence[Tensor], rates: Tensor, optimiser: Optimiser, part: slice
    ) -> None:
        """One step of the optimiser for some networks, with the formulas of torch.optim."""
        t = self.step + 1
        fade = 1 - self.step / optimiser.steps if optimiser.decay else 1.0
        for name, gradient in zip(self.parameters, gradients, strict=True):
            parameter, first, second = (
                values[name][part] for values in (self.parameters, self.first, self.second)
            )
            rate = (rates[part] * fade).view(-1, *[1] * (parameter.ndim - 1))
            if optimiser.method == "sgd":
                first.mul_(optimiser.momentum).add_(gradient)
                parameter.sub_(rate * first)
                continue
            first.lerp_(gradient, 1 - _BETA1)
            second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
            deviation = (second.sqrt() / math.sqrt(1 - _BETA2**t)).add_(_ADAM_EPSILON)
            parameter.sub_(rate / (1 - _BETA1**t) * first / deviation)


def _part(values: Tensors, part: slice) -> Tensors:
    """Take some networks' values; they share their memory with the stack's."""
    return {name: value[part] for name, value in values.items()}


def _parts(
    architecture: Architecture, parameters: Tensors, buffers: Tensors, inputs: _Inputs, batch: int
) -> list[slice]:
    """Cut a stack into equal parts, each small enough that a step runs from the cache.

    A stack of many larger networks would stream all that a step keeps for its gradients through
    memory, and end up slower than a plain loop. A GPU has no use for parts.
    """
    networks = len(inputs.images)
    if inputs.images[0].is_cuda:
        return [slice(0, networks)]
    kept = _kept(architecture, parameters, buffers, inputs, batch)
    size = math.ceil(networks / math.ceil(networks * kept / _KEPT_AT_ONCE))
    return [slice(i, min(i + size, networks)) for i in range(0, networks, size)]


def _kept(
    architecture: Architecture, parameters: Tensors, buffers: Tensors, inputs: _Inputs, batch: int
) -> int:
    """Count the numbers that a step of one network keeps for its gradients."""
    kept, one = 0, slice(0, 1)

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    leaves = {name: value[one].clone().requires_grad_() for name, value in parameters.items()}
    spare = {name: value[one].clone() for name, value in buffers.items()}
    x = inputs.batch(torch.zeros(1, batch, dtype=torch.int64), one)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        architecture.forward(leaves, spare, x, True)
    return kept


def train(
    architecture: Architecture,
    images: Mapping[str, ArrayLike],
    targets: ArrayLike,
    networks: Sequence[Network],
    optimiser: Optimiser,
    *,
    checkpoint: Path | None = None,
    every: int = 100,
    device: str = "cpu",
    engine: Engine = "auto",
    progress: bool = False,
) -> Trained:
    """Train a stack of networks.

    Parameters
    ----------
    architecture : Architecture
        Of all of them.
    images : mapping of str to array_like of float
        Inputs by name, each of shape (n, channels, rows, columns) for `Convolutional`, or
        (n, inputs) for `Perceptron`; the rows of all belong to the same `targets`.
    targets : array_like, shape (n,) of int or (n, outputs) of float
        Classes, trained by cross-entropy; or values, by the mean square error.
    networks : sequence of Network
        One each.
    optimiser : Optimiser
        Of all of them.
    checkpoint : Path, optional
        Written every `every` steps, and gone on from if it is there and belongs to this very run:
        the same architecture, networks, optimiser and data. Otherwise, or if it is damaged,
        training starts afresh. It is removed at the end.
    every : int
        Steps between checkpoints.
    device : str
        ``"cpu"``, with as many threads as torch was given, or ``"cuda"``.
    engine : {"auto", "compiled", "torch"}
        ``compiled`` trains one network after the other in loops that numba compiles (`compiled`);
        ``torch`` trains the stack as one network; ``auto`` is ``compiled`` on a CPU where numba is
        there and knows the architecture.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        For no networks, an input that is not there, or targets of another length.

    Notes
    -----
    Deterministic: the same bits on the same machine, interrupted or not; with ``compiled`` also
    whatever else is in the stack. The engines agree up to rounding.

    Examples
    --------
    >>> x = {"gray": np.linspace(0, 1, 8)[:, None]}
    >>> stack = [Network(seed=s, images="gray", rate=0.01) for s in range(3)]
    >>> train(Perceptron(1, (4,), 1), x, x["gray"], stack, Optimiser(steps=5)).losses.shape
    (3, 5)
    """
    goal = _checked(architecture, images, targets, networks)
    kind = _Compiled if _is_compiled(architecture, device, engine) else _Stacked
    state = _State(architecture, [n.seed for n in networks], optimiser.steps, device)
    key = _key(architecture, images, goal, networks, optimiser) if checkpoint else ""
    stored = load_atomic(checkpoint, key) if checkpoint else None
    if stored is not None:
        state.restore(stored, device)
    plan = _Plan(architecture, networks, optimiser, len(goal), device)
    run = kind(images, goal, plan, state)
    bar = tqdm(total=optimiser.steps, initial=state.step, disable=None if progress else True)
    with bar, _reproducible(device):
        while state.step < optimiser.steps:
            until = min(state.step + every - state.step % every, optimiser.steps)
            run.advance(state, until)
            bar.update(until - bar.n)
            if checkpoint and until < optimiser.steps:
                save_atomic(checkpoint, key, state.as_dict())
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return _finished(state)


def _checked(
    architecture: Architecture,
    images: Mapping[str, ArrayLike],
    targets: ArrayLike,
    networks: Sequence[Network],
) -> NDArray[Any]:
    """Check targets; give them the types that torch wants."""
    if not networks:
        raise ValueError("there are no networks to train")
    goal = np.asarray(targets)
    goal = goal.astype(np.int64 if goal.ndim == 1 else _precision())
    if goal.ndim == 2 and goal.shape[1] != architecture.outputs:
        raise ValueError(f"{goal.shape[1]} values to learn, {architecture.outputs} outputs")
    for name in sorted({network.images for network in networks}):
        if name not in images:
            raise ValueError(f"no images {name!r}; have {', '.join(images)}")
        if len(np.asarray(images[name])) != len(goal):
            raise ValueError(f"images {name!r} and targets differ in length")
    if goal.ndim == 1 and not ((goal >= 0) & (goal < architecture.outputs)).all():
        raise ValueError(f"classes are 0 to {architecture.outputs - 1}, one for each output")
    for network in networks:
        _check_rows(np.arange(0) if network.rows is None else network.rows, len(goal))
    if any(not network.rate > 0 for network in networks):
        raise ValueError("learning rates must be positive")
    return goal


def _check_rows(rows: ArrayLike, count: int) -> None:
    """Refuse rows that are not there: compiled loops would read what lies beyond."""
    wanted = np.asarray(rows)
    if wanted.size and not (-count <= wanted.min() and wanted.max() < count):
        raise ValueError(f"rows {wanted.min()} to {wanted.max()} of {count} inputs")


class _Plan:
    """What each step sees, drawn before the first: rows, and channels that are kept."""

    def __init__(
        self,
        architecture: Architecture,
        networks: Sequence[Network],
        optimiser: Optimiser,
        count: int,
        device: str,
    ):
        self.architecture, self.networks, self.optimiser = architecture, networks, optimiser
        steps, batch = optimiser.steps, optimiser.batch
        rows = [
            order(n.seed, np.arange(count) if n.rows is None else n.rows, steps, batch)
            for n in networks
        ]
        self.rows = torch.as_tensor(np.stack(rows, 1), device=device)  # steps, K, batch
        self.drop = architecture.drop
        self.device = device

    def kept(self, step: int, channels: int, part: slice) -> Tensor | None:
        """Factors (K, batch, channels) of a step's input channels, for some networks."""
        if not self.drop:
            return None
        seeds = [network.seed for network in self.networks[part]]
        factors = np.stack([self.factors(seed, step, channels) for seed in seeds])
        return torch.as_tensor(factors, device=self.device)

    def factors(self, seed: int, step: int, channels: int) -> NDArray[Any]:
        """Factors (batch, channels) of a step's input channels, for the network of a seed."""
        draws = np.random.default_rng([seed, 2, step]).random((self.rows.shape[2], channels))
        return ((draws >= self.drop) / (1 - self.drop)).astype(_precision())


class _Stacked:
    """Trains a stack as one network, in torch: on a GPU, and for architectures of one's own."""

    def __init__(
        self, images: Mapping[str, ArrayLike], goal: NDArray[Any], plan: _Plan, state: _State
    ):
        self.plan = plan
        self.inputs = _Inputs(images, plan.networks, plan.device)
        self.rates = torch.tensor([n.rate for n in plan.networks], device=plan.device)
        self.wanted = torch.as_tensor(goal, device=plan.device)
        sizes = (state.parameters, state.buffers, self.inputs, plan.optimiser.batch)
        self.parts = _parts(plan.architecture, *sizes)

    def advance(self, state: _State, until: int) -> None:
        """Train on, to a step."""
        while state.step < until:
            for part in self.parts:
                self._step(state, part)
            state.step += 1

    def _step(self, state: _State, part: slice) -> None:
        rows = self.plan.rows[state.step, part]
        x = self.inputs.batch(rows, part)
        kept = self.plan.kept(state.step, x.shape[-1], part)
        if kept is not None:
            x = x * kept.view(*kept.shape[:2], *[1] * (x.ndim - 3), -1)
        leaves = {name: p.requires_grad_() for name, p in _part(state.parameters, part).items()}
        outputs = self.plan.architecture.forward(leaves, _part(state.buffers, part), x, True)
        losses = _losses(outputs, self.wanted[rows])
        gradients = torch.autograd.grad(losses.sum(), list(leaves.values()))
        state.losses[part, state.step] = losses.detach().cpu()
        state.update(gradients, self.rates, self.plan.optimiser, part)


class _Compiled:
    """Trains one network after the other in compiled loops."""

    def __init__(
        self, images: Mapping[str, ArrayLike], goal: NDArray[Any], plan: _Plan, state: _State
    ):
        del state  # it is read as it stands when training goes on
        arrays = _arrays(images, plan.networks)
        batch = plan.optimiser.batch
        self.runner = Runner(plan.architecture, arrays, batch, torch.get_num_threads())
        self.channels = next(iter(arrays.values())).shape[1]
        self.goal, self.plan = goal, plan

    def advance(self, state: _State, until: int) -> None:
        """Train on, to a step."""
        steps, kind = range(state.step, until), self.runner.kind
        how = self.plan.optimiser
        fade = 1 - np.array(steps) / how.steps if how.decay else 1.0
        groups = (state.parameters, state.buffers, state.first, state.second)

        def work(k: int, room: NDArray[Any]) -> None:
            network = self.plan.networks[k]
            flat = tuple(_flat(values, k, kind) for values in groups)
            kept = np.zeros((0, 0, 0), kind)
            if self.plan.drop:
                factors = [self.plan.factors(network.seed, s, self.channels).T for s in steps]
                kept = np.ascontiguousarray(np.stack(factors))
            losses = self.runner.train(
                room,
                network.images,
                self.goal,
                np.ascontiguousarray(self.plan.rows[steps.start : until, k].numpy()),
                kept,
                (network.rate * fade * np.ones(len(steps))).astype(kind),
                flat,
                begin=steps.start,
                adam=how.method == "adam",
                momentum=how.momentum,
            )
            state.losses[k, steps.start : until] = torch.from_numpy(losses)
            for values, numbers in zip(groups, flat, strict=True):
                _put_back(values, k, numbers)

        self.runner.each(work, len(self.plan.networks))
        state.step = until


def _is_compiled(architecture: Architecture, device: str, engine: Engine) -> bool:
    """Whether the compiled loops are to be used; an error if they are asked for and cannot be."""
    known = type(architecture) in (Perceptron, Convolutional) and device == "cpu"  # no subclass
    if engine == "compiled" and not known:
        raise ValueError("engine 'compiled' needs a Perceptron or Convolutional, on the CPU")
    return known and engine != "torch"


def _arrays(images: Mapping[str, ArrayLike], networks: Sequence[Network]) -> dict[str, Any]:
    names = {network.images for network in networks}
    return {name: np.asarray(images[name], _precision()) for name in sorted(names)}


def _flat(values: Tensors, k: int, kind: Any) -> NDArray[Any]:
    """All numbers of a network, one parameter after the other."""
    parts = [value[k].numpy().ravel() for value in values.values()]
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, kind)


def _put_back(values: Tensors, k: int, numbers: NDArray[Any]) -> None:
    place = 0
    for value in values.values():
        mine = value[k]
        mine.copy_(torch.from_numpy(numbers[place : place + mine.numel()]).view(mine.shape))
        place += mine.numel()


def evaluate(
    architecture: Architecture,
    trained: Trained,
    images: Mapping[str, ArrayLike],
    networks: Sequence[Network],
    rows: ArrayLike,
    device: str = "cpu",
    engine: Engine = "auto",
) -> NDArray[np.float32]:
    """Compute trained networks' outputs on some rows, with the running statistics of the training.

    Arguments as of `train`; the outputs, shape (K, n, outputs), are for `score`.
    """
    if _is_compiled(architecture, device, engine):
        return _evaluate_compiled(architecture, trained, images, networks, rows)
    inputs = _Inputs(images, networks, device)
    parameters, buffers = (
        {name: value.to(device) for name, value in values.items()}
        for values in (trained.parameters, trained.buffers)
    )
    wanted = torch.as_tensor(np.asarray(rows, np.int64), device=device)
    starts = range(0, len(wanted), _EVALUATED_AT_ONCE)
    parts = _parts(architecture, parameters, buffers, inputs, _EVALUATED_AT_ONCE)
    found = []
    with _reproducible(device), torch.no_grad():
        for part in parts:
            mine, statistics = _part(parameters, part), _part(buffers, part)
            batches = (
                inputs.batch(some.expand(part.stop - part.start, -1), part)
                for some in (wanted[i : i + _EVALUATED_AT_ONCE] for i in starts)
            )
            outputs = [architecture.forward(mine, statistics, x, False).cpu() for x in batches]
            found.append(torch.cat(outputs, 1))
    return np.asarray(torch.cat(found).numpy())


def _evaluate_compiled(
    architecture: Architecture,
    trained: Trained,
    images: Mapping[str, ArrayLike],
    networks: Sequence[Network],
    rows: ArrayLike,
) -> NDArray[Any]:
    arrays = _arrays(images, networks)
    runner = Runner(architecture, arrays, _EVALUATED_AT_ONCE, torch.get_num_threads())
    wanted = np.ascontiguousarray(rows, np.int64)
    for values in arrays.values():
        _check_rows(wanted, len(values))
    out = np.empty((len(networks), len(wanted), architecture.outputs), runner.kind)

    def work(k: int, room: NDArray[Any]) -> None:
        parameters, buffers = (
            _flat(values, k, runner.kind) for values in (trained.parameters, trained.buffers)
        )
        out[k] = runner.evaluate(room, networks[k].images, wanted, parameters, buffers)

    runner.each(work, len(networks))
    return out


def _finished(state: _State) -> Trained:
    losses = state.losses.numpy()
    bad = ~np.isfinite(losses)
    diverged = np.where(bad.any(1), bad.argmax(1), -1)
    parameters = {name: p.detach().cpu() for name, p in state.parameters.items()}
    sound = np.all([torch.isfinite(p).flatten(1).all(1).numpy() for p in parameters.values()], 0)
    diverged = np.where((diverged < 0) & ~sound, losses.shape[1], diverged)
    buffers = {name: b.cpu() for name, b in state.buffers.items()}
    return Trained(losses, diverged.astype(np.int64), parameters, buffers)


class _reproducible:
    """Let cuDNN choose only algorithms that repeat themselves, and in full single precision."""

    def __init__(self, device: str):
        self.active = device.startswith("cuda")

    def __enter__(self) -> None:
        cudnn = torch.backends.cudnn
        self.before = (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32)
        if self.active:
            cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = True, False, False

    def __exit__(self, *_: object) -> None:
        cudnn = torch.backends.cudnn
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = self.before


# --- checkpoints -----------------------------------------------------------------------------


def _key(
    architecture: Architecture,
    images: Mapping[str, ArrayLike],
    goal: NDArray[Any],
    networks: Sequence[Network],
    optimiser: Optimiser,
) -> str:
    """Fingerprint of a run: a checkpoint of any other must not be gone on from."""
    digest = hashlib.sha256(f"{architecture} {optimiser} {torch.__version__}".encode())
    for name in sorted({network.images for network in networks}):
        digest.update(name.encode() + np.ascontiguousarray(images[name], _precision()).tobytes())
    digest.update(np.ascontiguousarray(goal).tobytes())
    for n in networks:
        digest.update(f"{n.seed} {n.images} {n.rate!r} {n.rows is None}".encode())
        digest.update(b"" if n.rows is None else np.ascontiguousarray(n.rows, np.int64).tobytes())
    return digest.hexdigest()
