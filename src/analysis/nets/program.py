"""The description of a small network for the compiled loops: sizes, and what lies where.

Numba sees a network as two tables of integers (`Program.net` and a row a layer, `Program.layers`)
beside flat arrays: parameters, buffers, and a workspace that stays in the cache.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Ints = NDArray[np.int64]

_CACHED = 250_000  # numbers of patches that are kept from forward to backward

# Fields of a layer's description.
IN, ROWS, COLUMNS, OUT, KERNEL, STRIDE, OUT_ROWS, OUT_COLUMNS = range(8)
WEIGHT, GAIN, BIAS, MEAN, VARIANCE = range(8, 13)  # offsets in parameters and buffers
INPUT, PATCHES, VALUE, DEVIATION, OUTPUT = range(13, 18)  # offsets in the workspace
PHASE_ROWS, PHASE_COLUMNS = range(18, 20)  # of each phase of the padded input, see `spread`
FIELDS = 20

# Fields of a network's description.
KIND, NORMALISE, OUTPUTS, SEEN, OWN, GRID_ROWS, GRID_COLUMNS, SHARED = range(8)
FRONT, FRONT_IN, FRONT_SIZE, FRONT_PARAMETERS, READ, READ_BIAS = range(8, 14)
FRONT_INPUT, FRONT_OUT, FRONT_BENT, CELLS, LOGITS = range(14, 19)  # in the workspace
SLOPE, SPARE, PADDED = range(19, 22)
NET_FIELDS = 22

NO_FRONT, POINTWISE, RELU_COLORMAP = range(3)
CONVOLUTIONAL, PERCEPTRON = range(2)


class Program:
    """A network's description for the compiled loops: where its parameters and buffers lie.

    `shape` is that of one input: (channels, rows, columns), or (inputs,).
    """

    def __init__(self, architecture: Any, shape: tuple[int, ...], batch: int):
        self.net = np.zeros(NET_FIELDS, np.int64)
        self.size = 0  # of the workspace
        self.batch = batch
        self.offsets: dict[str, int] = {}
        for group in (architecture.parameters(), architecture.buffers()):
            place = 0
            for name, parameter in group.items():
                self.offsets[name] = place
                place += math.prod(parameter.shape)
        if hasattr(architecture, "layers"):
            self._convolutional(architecture, shape)
        elif hasattr(architecture, "hidden"):
            self._perceptron(architecture)
        else:
            raise TypeError(f"no compiled program for {type(architecture).__name__}")

    def _room(self, numbers: int) -> int:
        """Reserve a place in the workspace, on a cache line."""
        place = self.size
        self.size += -(-numbers // 16) * 16
        return place

    def _perceptron(self, architecture: Any) -> None:
        widths = (architecture.inputs, *architecture.hidden, architecture.outputs)
        self.layers = np.zeros((len(widths) - 1, FIELDS), np.int64)
        self.net[[KIND, OUTPUTS]] = PERCEPTRON, architecture.outputs
        place = self._room(widths[0] * self.batch)
        self.net[FRONT_INPUT] = place
        for i, (before, after) in enumerate(pairwise(widths)):
            layer = self.layers[i]
            layer[[IN, OUT]] = before, after
            layer[[WEIGHT, BIAS]] = self.offsets[f"weight{i}"], self.offsets[f"bias{i}"]
            layer[INPUT] = place
            place = layer[OUTPUT] = self._room(after * self.batch)
        self.net[LOGITS] = place
        self.net[SLOPE] = self._room(max(widths) * self.batch)
        self.net[SPARE] = self._room(max(widths) * self.batch)

    def _convolutional(self, architecture: Any, shape: tuple[int, ...]) -> None:
        channels, rows, columns = shape
        net, batch = self.net, self.batch
        net[[KIND, NORMALISE]] = CONVOLUTIONAL, architecture.normalise
        net[FRONT] = ("none", "pointwise", "relu-colormap").index(architecture.front)
        net[[FRONT_IN, FRONT_SIZE]] = channels, architecture.front_size
        before = channels
        if net[FRONT]:
            first = "front_weight" if net[FRONT] == POINTWISE else "slope"
            net[FRONT_PARAMETERS] = self.offsets[first]
            before = 3 if net[FRONT] == RELU_COLORMAP else architecture.front_size
            net[FRONT_INPUT] = self._room(channels * rows * columns * batch)
            net[FRONT_OUT] = self._room(before * rows * columns * batch)
            net[FRONT_BENT] = self._room(architecture.front_size * rows * columns * batch)
        plain = before * rows * columns
        patches, padded, kept = 0, 0, []
        self.layers = np.zeros((len(architecture.layers), FIELDS), np.int64)
        for i, (layer, build) in enumerate(zip(self.layers, architecture.layers, strict=True)):
            self._layer(layer, build, (before, rows, columns), i, architecture.normalise)
            size = before * self._padded(layer)
            layer[INPUT] = self._room(size * batch)
            padded = max(padded, size)
            size = before * build.kernel**2 * layer[OUT_ROWS] * layer[OUT_COLUMNS]
            kept.append(size * batch)
            patches = max(patches, size)
            before, rows, columns = (int(n) for n in layer[[OUT, OUT_ROWS, OUT_COLUMNS]])
            layer[VALUE] = self._room(before * rows * columns * batch)
            layer[DEVIATION] = self._room(before)
            layer[OUTPUT] = self._room(before * rows * columns * batch)
            plain = max(plain, before * rows * columns)
        if not net[FRONT]:
            net[FRONT_INPUT] = self.layers[0, INPUT]
        self._read_out(architecture, before)
        net[SLOPE] = self._room(plain * batch)
        cells = before * architecture.grid[0] * architecture.grid[1]
        net[SPARE] = self._room(max(patches, cells) * batch)
        net[PADDED] = self._room(padded * batch)
        net[SHARED] = sum(kept) > _CACHED
        for layer, size in zip(self.layers, kept, strict=True):
            layer[PATCHES] = net[SPARE] if net[SHARED] else self._room(size)

    def _layer(
        self, layer: Ints, build: Any, shape: tuple[int, int, int], i: int, normalise: bool
    ) -> None:
        _, rows, columns = shape
        stride, reach = build.stride, build.kernel // 2
        after_rows, after_columns = (-(-n // stride) for n in (rows, columns))
        layer[[IN, ROWS, COLUMNS]] = shape
        layer[[OUT, KERNEL, STRIDE]] = build.filters, build.kernel, stride
        layer[[OUT_ROWS, OUT_COLUMNS]] = after_rows, after_columns
        layer[[PHASE_ROWS, PHASE_COLUMNS]] = [
            max(after + (build.kernel - 1) // stride, (before - 1 + reach) // stride + 1)
            for before, after in ((rows, after_rows), (columns, after_columns))
        ]
        layer[[WEIGHT, BIAS]] = self.offsets[f"weight{i}"], self.offsets[f"bias{i}"]
        if normalise:
            names = (f"gain{i}", f"mean{i}", f"variance{i}")
            layer[[GAIN, MEAN, VARIANCE]] = [self.offsets[name] for name in names]

    @staticmethod
    def _padded(layer: Ints) -> int:
        """Numbers of a channel of the padded input."""
        return int(layer[STRIDE] ** 2 * layer[PHASE_ROWS] * layer[PHASE_COLUMNS])

    def _read_out(self, architecture: Any, filters: int) -> None:
        net, cells = self.net, architecture.grid[0] * architecture.grid[1]
        own = architecture.readout == "own"
        net[[READ, READ_BIAS]] = self.offsets["weight"], self.offsets["bias"]
        net[[OUTPUTS, OWN]] = architecture.outputs, own
        net[SEEN] = cells * (filters // architecture.outputs if own else filters)
        net[[GRID_ROWS, GRID_COLUMNS]] = architecture.grid
        net[CELLS] = self._room(filters * cells * self.batch)
        net[LOGITS] = self._room(architecture.outputs * self.batch)

    def arrange(self, images: Floats) -> Floats:
        """Lay out inputs as the loops gather them, (n, numbers): padded, if a layer comes first."""
        if self.net[KIND] == PERCEPTRON or self.net[FRONT]:
            return np.ascontiguousarray(images.reshape(len(images), -1))
        layer = self.layers[0]
        stride, reach = int(layer[STRIDE]), int(layer[KERNEL]) // 2
        down, across = int(layer[PHASE_ROWS]), int(layer[PHASE_COLUMNS])
        count, channels, rows, columns = images.shape
        frame = np.zeros((count, channels, down * stride, across * stride), images.dtype)
        frame[:, :, reach : reach + rows, reach : reach + columns] = images
        phases = frame.reshape(count, channels, down, stride, across, stride)
        return np.ascontiguousarray(phases.transpose(0, 1, 3, 5, 2, 4)).reshape(count, -1)
