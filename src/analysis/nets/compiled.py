"""Training of one small network after another in compiled loops, each from the cache.

A small network's step is too short for a framework: most of it is overhead and passes over memory.
Here numba compiles the whole of it: gathering the batch, forward, loss, backward and optimiser of
one network, step after step, in buffers that stay in the cache. Each network runs by itself: its
bits do not depend on what else is trained. `analysis.nets.training` is the interface, and its
PyTorch engine the reference that the tests hold this one to. Adam is Kingma and Ba's (2015), in the
form of ``torch.optim``.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analysis.nets.layers import (
    add_bias,
    back_front,
    back_normalise,
    back_read_out,
    back_relu,
    class_loss,
    compiled,
    filter_slopes,
    front,
    gather,
    kernels,
    normalise,
    padded,
    pool,
    read_out,
    spread,
    sums,
    take_patches,
    value_loss,
    view,
)
from analysis.nets.program import (
    BIAS,
    CELLS,
    COLUMNS,
    DEVIATION,
    FRONT,
    FRONT_INPUT,
    FRONT_OUT,
    GRID_COLUMNS,
    GRID_ROWS,
    IN,
    INPUT,
    KERNEL,
    KIND,
    LOGITS,
    NORMALISE,
    OUT,
    OUT_COLUMNS,
    OUT_ROWS,
    OUTPUT,
    OUTPUTS,
    PADDED,
    PATCHES,
    PERCEPTRON,
    ROWS,
    SHARED,
    SLOPE,
    SPARE,
    VALUE,
    WEIGHT,
    Floats,
    Ints,
    Program,
)

_BETA1, _BETA2, _ADAM_EPSILON = 0.9, 0.999, 1e-8


@compiled
def _forward(
    net: Ints, layers: Ints, p: Floats, buffers: Floats, room: Floats, batch: int, training: bool
) -> Floats:
    """From the gathered inputs to the outputs (outputs, batch); keeps what backward needs."""
    last = len(layers) - 1
    logits = view(room, net[LOGITS], net[OUTPUTS], batch)
    if net[KIND] == PERCEPTRON:
        for i in range(len(layers)):
            layer = layers[i]
            x = view(room, layer[INPUT], layer[IN], batch)
            out = view(room, layer[OUTPUT], layer[OUT], batch)
            np.dot(view(p, layer[WEIGHT], layer[IN], layer[OUT]).T, x, out)
            add_bias(layer, p, out, out, i < last)
        return logits
    if net[FRONT]:
        pixels = layers[0, ROWS] * layers[0, COLUMNS] * batch
        plain = view(room, net[FRONT_OUT], layers[0, IN], pixels)
        front(net, p, room, pixels, plain)
    for i in range(len(layers)):
        layer = layers[i]
        inside = layer[IN] * layer[KERNEL] ** 2
        pixels = layer[OUT_ROWS] * layer[OUT_COLUMNS] * batch
        x = padded(layer, room, layer[INPUT], batch)
        if i or net[FRONT]:
            place = layers[i - 1, OUTPUT] if i else net[FRONT_OUT]
            before = layer[ROWS] * layer[COLUMNS] * batch
            spread(layer, view(room, place, layer[IN], before), x, batch, True)
        patches = view(room, layer[PATCHES], inside, pixels)
        z = view(room, layer[VALUE], layer[OUT], pixels)
        out = view(room, layer[OUTPUT], layer[OUT], pixels)
        take_patches(layer, x, patches, batch, True)
        np.dot(view(p, layer[WEIGHT], layer[OUT], inside), patches, z)
        if net[NORMALISE]:
            place = layer[DEVIATION]
            deviation = room[place : place + layer[OUT]]
            normalise(layer, p, buffers, z, training, deviation, out)
        else:
            add_bias(layer, p, z, out, True)
    layer = layers[last]
    count = layer[OUT] * net[GRID_ROWS] * net[GRID_COLUMNS]
    cells = view(room, net[CELLS], count, batch)
    pixels = layer[OUT_ROWS] * layer[OUT_COLUMNS] * batch
    pool(net, layer, view(room, layer[OUTPUT], layer[OUT], pixels), cells, batch, True)
    read_out(net, p, cells, logits)
    return logits


@compiled
def _backward(
    net: Ints, layers: Ints, p: Floats, room: Floats, batch: int, slopes: Floats, gradient: Floats
) -> None:
    """From the slopes of the outputs to those of all parameters."""
    last = len(layers) - 1
    if net[KIND] == PERCEPTRON:
        for i in range(last, -1, -1):
            layer = layers[i]
            x = view(room, layer[INPUT], layer[IN], batch)
            sums(slopes, layer[BIAS], gradient)
            np.dot(x, slopes.T, view(gradient, layer[WEIGHT], layer[IN], layer[OUT]))
            if i:
                weight = view(p, layer[WEIGHT], layer[IN], layer[OUT])
                place = net[SLOPE] if (last - i) % 2 == 0 else net[SPARE]
                below = view(room, place, layer[IN], batch)
                np.dot(weight, slopes, below)
                back_relu(below, x)
                slopes = below
        return
    layer = layers[last]
    count = layer[OUT] * net[GRID_ROWS] * net[GRID_COLUMNS]
    cells = view(room, net[CELLS], count, batch)
    below = view(room, net[SPARE], count, batch)
    back_read_out(net, p, slopes, cells, below, gradient)
    pixels = layer[OUT_ROWS] * layer[OUT_COLUMNS] * batch
    slopes = view(room, net[SLOPE], layer[OUT], pixels)
    pool(net, layer, slopes, below, batch, False)
    for i in range(last, -1, -1):
        layer = layers[i]
        inside = layer[IN] * layer[KERNEL] ** 2
        pixels = layer[OUT_ROWS] * layer[OUT_COLUMNS] * batch
        z = view(room, layer[VALUE], layer[OUT], pixels)
        back_relu(slopes, view(room, layer[OUTPUT], layer[OUT], pixels))
        if net[NORMALISE]:
            place = layer[DEVIATION]
            back_normalise(layer, p, slopes, z, room[place : place + layer[OUT]], gradient)
        else:
            sums(slopes, layer[BIAS], gradient)
        patches = view(room, layer[PATCHES], inside, pixels)
        if net[SHARED]:  # the read-out or a later layer has used their place
            take_patches(layer, padded(layer, room, layer[INPUT], batch), patches, batch, True)
        filter_slopes(slopes, patches, view(gradient, layer[WEIGHT], layer[OUT], inside))
        if i or net[FRONT]:
            weight = view(p, layer[WEIGHT], layer[OUT], inside)
            turned = view(room, net[SPARE], inside, pixels)
            np.dot(weight.T, slopes, turned)
            spare = padded(layer, room, net[PADDED], batch)
            take_patches(layer, spare, turned, batch, False)
            before = layer[ROWS] * layer[COLUMNS] * batch
            slopes = view(room, net[SLOPE], layer[IN], before)
            spread(layer, slopes, spare, batch, False)
    if net[FRONT]:
        out = view(room, net[FRONT_OUT], layers[0, IN], slopes.shape[1])
        back_front(net, p, room, slopes, out, gradient)


# --- the loops that Python calls -------------------------------------------------------------


@compiled
def _update(
    p: Floats,
    first: Floats,
    second: Floats,
    gradient: Floats,
    rate: Any,
    step: int,
    adam: bool,
    momentum: Any,
) -> None:
    one = p.dtype.type(1)
    if not adam:
        for i in range(len(p)):
            first[i] = momentum * first[i] + gradient[i]
            p[i] -= rate * first[i]
        return
    slow, fast = p.dtype.type(1 - _BETA1), p.dtype.type(_BETA2)
    rest, tiny = p.dtype.type(1 - _BETA2), p.dtype.type(_ADAM_EPSILON)
    scale = one / p.dtype.type(math.sqrt(1 - _BETA2 ** (step + 1)))
    stride = p.dtype.type(rate / (1 - _BETA1 ** (step + 1)))
    for i in range(len(p)):
        first[i] += slow * (gradient[i] - first[i])
        second[i] = fast * second[i] + rest * gradient[i] * gradient[i]
        p[i] -= stride * first[i] / (np.sqrt(second[i]) * scale + tiny)


@compiled
def _train(
    net: Ints,
    layers: Ints,
    room: Floats,
    gradient: Floats,
    images: Floats,
    classes: Ints,
    values: Floats,
    order: Ints,
    kept: Floats,
    rates: Floats,
    momentum: Any,
    adam: bool,
    begin: int,
    p: Floats,
    buffers: Floats,
    first: Floats,
    second: Floats,
    losses: Floats,
) -> None:
    """Train one network; `order`, `kept`, `rates` and `losses` have one row a step."""
    steps, batch = order.shape
    numbers = images.shape[1]
    x = view(room, net[FRONT_INPUT], numbers, batch)
    for step in range(steps):
        gather(images, order[step], x)
        if kept.shape[0]:
            channels = kept.shape[1]
            pixels = numbers // channels
            for c in range(channels):
                for n in range(pixels):
                    row = x[c * pixels + n]
                    for b in range(batch):
                        row[b] *= kept[step, c, b]
        slopes = _forward(net, layers, p, buffers, room, batch, True)
        if values.shape[0]:
            losses[step] = value_loss(slopes, values, order[step])
        else:
            losses[step] = class_loss(slopes, classes, order[step])
        _backward(net, layers, p, room, batch, slopes, gradient)
        _update(p, first, second, gradient, rates[step], begin + step, adam, momentum)


@compiled
def _evaluate(
    net: Ints,
    layers: Ints,
    room: Floats,
    images: Floats,
    rows: Ints,
    batch: int,
    p: Floats,
    buffers: Floats,
    out: Floats,
) -> None:
    """Compute one network's outputs, `batch` inputs at a time; the last one fills up."""
    x = view(room, net[FRONT_INPUT], images.shape[1], batch)
    for begin in range(0, len(rows), batch):
        some = np.empty(batch, np.int64)
        for b in range(batch):
            some[b] = rows[min(begin + b, len(rows) - 1)]
        gather(images, some, x)
        logits = _forward(net, layers, p, buffers, room, batch, False)
        for b in range(min(batch, len(rows) - begin)):
            for f in range(len(logits)):
                out[begin + b, f] = logits[f, b]


def _aligned(size: int, kind: Any) -> Floats:
    """Zeros that begin on a cache line."""
    spare = np.zeros(size * np.dtype(kind).itemsize + 64, np.uint8)
    start = -spare.ctypes.data % 64
    return spare[start : start + size * np.dtype(kind).itemsize].view(kind)


#: Precisions for which this process has its kernels.
_compiled_for: set[Any] = set()

#: Compiles the kernels of a precision, and keeps them on the disk.
_COMPILE = """
import sys
import numpy
from analysis.nets import compiled
from analysis.nets.training import Perceptron

kind = numpy.dtype(sys.argv[1])
compiled._compiled_for.add(kind)
compiled.Runner(Perceptron(1, (1,), 1), {"": numpy.zeros((1, 1), kind)}, 1).call_once()
"""


class Runner:
    """Trains and evaluates networks of one architecture, each by itself.

    `images` are the inputs by name, in the precision to compute in; `batch` of them go at a time,
    through `threads` networks at a time.
    """

    def __init__(
        self, architecture: Any, images: Mapping[str, Floats], batch: int, threads: int = 1
    ):
        shapes = sorted({values.shape[1:] for values in images.values()})
        shape = shapes[0]
        wanted = getattr(architecture, "channels", None) or getattr(architecture, "inputs", 0)
        if len(shapes) > 1 or shape[0] != wanted:
            raise ValueError(f"inputs of shape {shapes} for an architecture of {wanted} channels")
        self.program = Program(architecture, shape, batch)
        self.images = {name: self.program.arrange(values) for name, values in images.items()}
        self.kind = next(iter(self.images.values())).dtype
        self.threads = threads
        self._compile()

    def _compile(self) -> None:
        """Take the kernels from the disk; the first that finds none has another process make them.

        For a process that compiles runs other machine code than those that load what it has kept:
        the same sums, in another order. No network may depend on who came first.
        """
        if self.kind in _compiled_for:
            return
        made = kernels() / f"{self.kind.name}.made"
        with suppress(OSError), FileLock(kernels() / "compiling.lock"):
            command = [sys.executable, "-P", "-c", _COMPILE, self.kind.name]
            if not made.exists() and subprocess.run(command, check=False).returncode == 0:
                made.touch()
            self.call_once()
        _compiled_for.add(self.kind)

    def call_once(self) -> None:
        """Train and evaluate no network, for no steps: all kernels are there then."""
        size = int(max(self.program.offsets.values(), default=0)) + self.program.size
        state = [np.zeros(size, self.kind) for _ in range(4)]
        order, kept = np.zeros((0, self.program.batch), np.int64), np.zeros((0, 0, 0), self.kind)
        name, goal = next(iter(self.images)), np.zeros(0, np.int64)
        room = _aligned(self.program.size, self.kind)
        rates = np.zeros(0, self.kind)
        self.train(room, name, goal, order, kept, rates, state, begin=0, adam=True, momentum=0.0)
        self.evaluate(room, name, order[:, 0], state[0], state[1])

    def each(self, work: Callable[[int, Floats], None], networks: int) -> None:
        """Call `work` for every network, with a workspace; BLAS has one thread for each."""

        def some(first: int) -> None:
            room = _aligned(self.program.size, self.kind)
            for k in range(first, networks, self.threads):
                work(k, room)

        with threadpool_limits(1, "blas"):
            if self.threads == 1:
                some(0)
            else:
                with ThreadPoolExecutor(self.threads) as pool:
                    list(pool.map(some, range(self.threads)))

    def train(
        self,
        room: Floats,
        name: str,
        goal: NDArray[Any],
        order: Ints,
        kept: Floats,
        rates: Floats,
        state: Sequence[Floats],
        *,
        begin: int,
        adam: bool,
        momentum: float,
    ) -> Floats:
        """Train one network for some steps; return its losses before each of them.

        `room` is the workspace, of zeros where nothing was written. `order`, shape (steps, batch),
        are the rows of each step, `kept` the factors of the input channels (dropout). `state` has
        parameters, buffers, first and second moments, each flat, and is changed in place after
        `begin` steps done before. `adam`, or else gradient descent with `momentum`.
        """
        losses = np.empty(len(order), self.kind)
        gradient = _aligned(len(state[0]), self.kind)
        classes = goal if goal.ndim == 1 else np.zeros(0, np.int64)
        values = goal if goal.ndim == 2 else np.zeros((0, 0), self.kind)
        given = (self.images[name], classes, values, order, kept, rates, self.kind.type(momentum))
        arguments: tuple[Any, ...] = (*given, adam, begin, *state, losses)
        _train(self.program.net, self.program.layers, room, gradient, *arguments)
        return losses

    def evaluate(
        self, room: Floats, name: str, rows: Ints, parameters: Floats, buffers: Floats
    ) -> Floats:
        """Compute one network's outputs (rows, outputs), with its running statistics."""
        out = np.empty((len(rows), int(self.program.net[OUTPUTS])), self.kind)
        program, images = self.program, self.images[name]
        batch = program.batch
        _evaluate(program.net, program.layers, room, images, rows, batch, parameters, buffers, out)
        return out
