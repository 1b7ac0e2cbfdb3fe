"""Layers of a small network, forward and backward, compiled.

The batch is innermost in memory (``[channel][row][column][image]``), so that every loop over it is
one over vectors, and a convolution is one matrix product of its filters with the picture's patches
(im2col), by BLAS. The formulas are those of ``torch.nn``; Ioffe and Szegedy (2015) for batch
normalisation.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import config

from analysis.files import build_folder
from analysis.nets.program import (
    BIAS,
    COLUMNS,
    FRONT,
    FRONT_BENT,
    FRONT_IN,
    FRONT_INPUT,
    FRONT_PARAMETERS,
    FRONT_SIZE,
    GAIN,
    GRID_COLUMNS,
    GRID_ROWS,
    IN,
    KERNEL,
    MEAN,
    OUT,
    OUT_COLUMNS,
    OUT_ROWS,
    OUTPUTS,
    OWN,
    PHASE_COLUMNS,
    PHASE_ROWS,
    POINTWISE,
    READ,
    READ_BIAS,
    ROWS,
    SEEN,
    STRIDE,
    VARIANCE,
    Floats,
    Ints,
)

_MOMENTUM, _EPSILON = 0.1, 1e-5
_MANY = 16  # filters, from which on a product is faster the other way round
_TOGETHER = 8  # images that are gathered side by side: reads in streams, writes in runs

Function = TypeVar("Function", bound=Callable[..., Any])


_settings: Any = config


@cache
def kernels() -> Path:
    """Find the folder of compiled kernels: one for each version of their sources and processor.

    Numba itself would not see that a function changed which another file's function calls; and it
    compiles anew on another processor, where what was made before must not count as made.
    """
    sources = [Path(__file__).with_name(f"{name}.py") for name in ("program", "layers", "compiled")]
    processor = _settings.CPU_NAME or llvm.get_host_cpu_name()
    parts = [path.read_bytes() for path in sources]
    digest = hashlib.sha256(b"".join([*parts, processor.encode()])).hexdigest()
    own = Path(__file__).parents[3]  # of a checkout: one folder for whoever calls, and from where
    known = (own / "pyproject.toml").exists() and os.access(own, os.W_OK)
    place = (own / "_build" if known else build_folder()) / "kernels" / digest[:16]
    with suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
    return place


if not _settings.CACHE_DIR:  # unless the reader's environment says where
    _settings.CACHE_DIR = str(kernels())


def compiled(function: Function) -> Function:
    """Compile for the types that it is called with; kept on disk.

    Sums may be taken in any order, in vectors; infinities and nans keep their meaning.
    """
    sums = {"reassoc", "contract", "nsz"}
    how: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": sums}
    try:
        return cast(Function, numba.njit(cache=True, **how)(function))
    except RuntimeError:  # no folder can be written: compiled anew in each process
        return cast(Function, numba.njit(**how)(function))


@compiled
def relu(value: Any) -> Any:
    """Zero below zero; not a number stays one."""
    return value if not value < 0 else value * 0


@compiled
def view(values: Floats, place: int, rows: int, columns: int) -> Floats:
    """Look at a part of a flat array as a matrix."""
    return values[place : place + rows * columns].reshape((rows, columns))


@compiled
def padded(layer: Ints, values: Floats, place: int, batch: int) -> Floats:
    """Look at a layer's padded input."""
    numbers = layer[STRIDE] ** 2 * layer[PHASE_ROWS] * layer[PHASE_COLUMNS]
    return view(values, place, layer[IN], numbers * batch)


@compiled
def gather(images: Floats, rows: Ints, x: Floats) -> None:
    """Put images side by side: x[number, image] = images[row, number]."""
    batch, numbers = len(rows), images.shape[1]
    flat = x.reshape(-1)
    whole = batch - batch % _TOGETHER
    for first in range(0, whole, _TOGETHER):
        a, b, c, d = rows[first], rows[first + 1], rows[first + 2], rows[first + 3]
        e, f, g, h = rows[first + 4], rows[first + 5], rows[first + 6], rows[first + 7]
        a0, a1, a2, a3 = images[a], images[b], images[c], images[d]
        a4, a5, a6, a7 = images[e], images[f], images[g], images[h]
        for i in range(numbers):
            target = flat[i * batch + first :]
            target[0], target[1], target[2], target[3] = a0[i], a1[i], a2[i], a3[i]
            target[4], target[5], target[6], target[7] = a4[i], a5[i], a6[i], a7[i]
    for b in range(whole, batch):
        image = images[rows[b]]
        for i in range(numbers):
            x[i, b] = image[i]


@compiled
def spread(layer: Ints, plain: Floats, x: Floats, batch: int, forward: bool) -> None:
    """Sort pixels into the padded input; or, backward, take them out of it.

    Its rows and columns are sorted by their remainder on division by the stride, so that what one
    tap of a filter sees along a row of its places lies side by side in memory.
    """
    stride, reach = layer[STRIDE], layer[KERNEL] // 2
    columns, width = layer[COLUMNS], layer[PHASE_COLUMNS]
    for c in range(layer[IN]):
        for row in range(layer[ROWS]):
            above = (row + reach) % stride
            line = (row + reach) // stride
            for first in range(min(stride, columns)):
                phase = above * stride + (first + reach) % stride
                inside = line * width + (first + reach) // stride
                start = (phase * layer[PHASE_ROWS] * width + inside) * batch
                here = x[c, start:]
                there = plain[c, (row * columns + first) * batch :]
                for k in range((columns - first + stride - 1) // stride):
                    source, target = k * stride * batch, k * batch
                    for b in range(batch):
                        if forward:
                            here[target + b] = there[source + b]
                        else:
                            there[source + b] = here[target + b]


@compiled
def take_patches(layer: Ints, x: Floats, patches: Floats, batch: int, forward: bool) -> None:
    """Lay out what each filter sees at each place; or, backward, add it up for each pixel."""
    kernel, stride = layer[KERNEL], layer[STRIDE]
    rows, run = layer[OUT_ROWS], layer[OUT_COLUMNS] * batch
    width = layer[PHASE_COLUMNS]
    if not forward:
        x[:] = 0
    line = -1
    for c in range(layer[IN]):
        for dy in range(kernel):
            for dx in range(kernel):
                line += 1
                phase = (dy % stride) * stride + dx % stride
                first = (phase * layer[PHASE_ROWS] + dy // stride) * width + dx // stride
                for y in range(rows):
                    start = (first + y * width) * batch
                    here = x[c, start : start + run]
                    there = patches[line, y * run : y * run + run]
                    if forward:
                        for n in range(run):
                            there[n] = here[n]
                    else:
                        for n in range(run):
                            here[n] += there[n]


@compiled
def normalise(
    layer: Ints,
    p: Floats,
    buffers: Floats,
    z: Floats,
    training: bool,
    deviation: Floats,
    out: Floats,
) -> None:
    """Batch normalisation and ReLU; `z` becomes the normalised value."""
    count = z.shape[1]
    for o in range(layer[OUT]):
        row, result = z[o], out[o]
        mean_at, variance_at = layer[MEAN] + o, layer[VARIANCE] + o
        if training:
            total = z.dtype.type(0)
            for n in range(count):
                total += row[n]
            mean = total / z.dtype.type(count)
            total = z.dtype.type(0)
            for n in range(count):
                total += (row[n] - mean) * (row[n] - mean)
            variance = total / z.dtype.type(count)
            unbiased = total / z.dtype.type(max(count - 1, 1))
            keep = z.dtype.type(_MOMENTUM)
            buffers[mean_at] += keep * (mean - buffers[mean_at])
            buffers[variance_at] += keep * (unbiased - buffers[variance_at])
        else:
            mean, variance = buffers[mean_at], buffers[variance_at]
        scale = z.dtype.type(1) / np.sqrt(variance + z.dtype.type(_EPSILON))
        deviation[o] = scale
        gain, bias = p[layer[GAIN] + o], p[layer[BIAS] + o]
        for n in range(count):
            value = (row[n] - mean) * scale
            row[n] = value
            result[n] = relu(gain * value + bias)


@compiled
def add_bias(layer: Ints, p: Floats, z: Floats, out: Floats, bend: bool) -> None:
    """Add each filter's bias, and bend."""
    for o in range(layer[OUT]):
        bias, row, result = p[layer[BIAS] + o], z[o], out[o]
        for n in range(len(row)):
            result[n] = relu(row[n] + bias) if bend else row[n] + bias


@compiled
def front(net: Ints, p: Floats, room: Floats, pixels: int, out: Floats) -> None:
    """Pixel by pixel: a 1×1 convolution with ReLU, or a trained colormap."""
    channels, size = net[FRONT_IN], net[FRONT_SIZE]
    x = view(room, net[FRONT_INPUT], channels, pixels)
    place = net[FRONT_PARAMETERS]
    if net[FRONT] == POINTWISE:
        np.dot(view(p, place, channels, size).T, x, out)
        place += channels * size
        for c in range(size):
            bias, row = p[place + c], out[c]
            for n in range(pixels):
                row[n] = relu(row[n] + bias)
        return
    level = x[0]
    bent = view(room, net[FRONT_BENT], size, pixels)
    knots = place + 6 + 3 * size
    for k in range(size):
        row, knot = bent[k], p[knots + k]
        for n in range(pixels):
            row[n] = relu(level[n] - knot)
    np.dot(view(p, place + 6, size, 3).T, bent, out)
    for c in range(3):
        slope, offset, row = p[place + c], p[place + 3 + c], out[c]
        for n in range(pixels):
            row[n] += slope * level[n] + offset


@compiled
def pool(net: Ints, layer: Ints, x: Floats, cells: Floats, batch: int, forward: bool) -> None:
    """Average to the grid; or, backward, give each pixel its share of its cells' slopes."""
    rows, columns = layer[OUT_ROWS], layer[OUT_COLUMNS]
    down, across = net[GRID_ROWS], net[GRID_COLUMNS]
    if forward:
        cells[:] = 0
    else:
        x[:] = 0
    for i in range(down):
        top, bottom = i * rows // down, -(-(i + 1) * rows // down)
        for j in range(across):
            left, right = j * columns // across, -(-(j + 1) * columns // across)
            share = x.dtype.type(1) / x.dtype.type((bottom - top) * (right - left))
            for o in range(layer[OUT]):
                cell = cells[(o * down + i) * across + j]
                for y in range(top, bottom):
                    for z in range(left, right):
                        start = (y * columns + z) * batch
                        pixel = x[o, start : start + batch]
                        if forward:
                            for b in range(batch):
                                cell[b] += share * pixel[b]
                        else:
                            for b in range(batch):
                                pixel[b] += share * cell[b]


@compiled
def read_out(net: Ints, p: Floats, cells: Floats, logits: Floats) -> None:
    """Give each output its weighted sum of cells."""
    outputs, seen = net[OUTPUTS], net[SEEN]
    weight = view(p, net[READ], seen, outputs)
    if net[OWN]:
        logits[:] = 0
        for f in range(outputs):
            for c in range(seen):
                factor, row, result = weight[c, f], cells[f * seen + c], logits[f]
                for b in range(len(row)):
                    result[b] += factor * row[b]
    else:
        np.dot(weight.T, cells, logits)
    for f in range(outputs):
        bias, result = p[net[READ_BIAS] + f], logits[f]
        for b in range(len(result)):
            result[b] += bias


# --- backward --------------------------------------------------------------------------------


@compiled
def class_loss(logits: Floats, classes: Ints, rows: Ints) -> float:
    """Mean cross-entropy; the outputs become its slopes."""
    count, batch = logits.shape
    share = logits.dtype.type(1) / logits.dtype.type(batch)
    largest, whole = logits[0].copy(), np.zeros(batch, logits.dtype)
    for f in range(1, count):
        row = logits[f]
        for b in range(batch):
            largest[b] = max(largest[b], row[b])
    total = 0.0
    for b in range(batch):
        total -= logits[classes[rows[b]], b] - largest[b]
    for f in range(count):
        row = logits[f]
        for b in range(batch):
            row[b] = np.exp(row[b] - largest[b])
            whole[b] += row[b]
    for b in range(batch):
        total += np.log(whole[b])
        whole[b] = share / whole[b]
    for f in range(count):
        row = logits[f]
        for b in range(batch):
            row[b] *= whole[b]
    for b in range(batch):
        logits[classes[rows[b]], b] -= share
    return float(total / batch)


@compiled
def value_loss(outputs: Floats, values: Floats, rows: Ints) -> float:
    """Mean squared error; the outputs become its slopes."""
    count, batch = outputs.shape
    total = 0.0
    for f in range(count):
        for b in range(batch):
            error = outputs[f, b] - values[rows[b], f]
            total += error * error
            outputs[f, b] = 2 * error / outputs.dtype.type(count * batch)
    return float(total / (count * batch))


@compiled
def sums(slopes: Floats, place: int, out: Floats) -> None:
    """Sum each row: the slope of a bias."""
    for o in range(slopes.shape[0]):
        total, row = slopes.dtype.type(0), slopes[o]
        for n in range(len(row)):
            total += row[n]
        out[place + o] = total


@compiled
def back_relu(slopes: Floats, out: Floats) -> None:
    """Let no slope through where the ReLU gave nought."""
    for o in range(slopes.shape[0]):
        row, value = slopes[o], out[o]
        for n in range(len(row)):
            row[n] = row[n] if value[n] > 0 else value.dtype.type(0)


@compiled
def back_normalise(
    layer: Ints, p: Floats, slopes: Floats, z: Floats, deviation: Floats, gradient: Floats
) -> None:
    """Through batch normalisation: `slopes` of its outputs become those of its inputs."""
    count = slopes.shape[1]
    for o in range(layer[OUT]):
        row, normal = slopes[o], z[o]
        plain, weighted = slopes.dtype.type(0), slopes.dtype.type(0)
        for n in range(count):
            plain += row[n]
            weighted += row[n] * normal[n]
        gradient[layer[BIAS] + o], gradient[layer[GAIN] + o] = plain, weighted
        scale = p[layer[GAIN] + o] * deviation[o]
        plain /= slopes.dtype.type(count)
        weighted /= slopes.dtype.type(count)
        for n in range(count):
            row[n] = scale * (row[n] - plain - normal[n] * weighted)


@compiled
def back_front(
    net: Ints, p: Floats, room: Floats, slopes: Floats, out: Floats, gradient: Floats
) -> None:
    """From the slopes of the front's outputs to those of its parameters."""
    pixels = slopes.shape[1]
    channels, size = net[FRONT_IN], net[FRONT_SIZE]
    x = view(room, net[FRONT_INPUT], channels, pixels)
    place = net[FRONT_PARAMETERS]
    if net[FRONT] == POINTWISE:
        back_relu(slopes, out)
        np.dot(x, slopes.T, view(gradient, place, channels, size))
        sums(slopes, place + channels * size, gradient)
        return
    np.dot(x, slopes.T, view(gradient, place, 1, 3))
    sums(slopes, place + 3, gradient)
    bent = view(room, net[FRONT_BENT], size, pixels)
    np.dot(bent, slopes.T, view(gradient, place + 6, size, 3))
    for k in range(size):
        total, row = slopes.dtype.type(0), bent[k]
        for c in range(3):
            inner, slope = slopes.dtype.type(0), slopes[c]
            for n in range(pixels):
                inner += slope[n] if row[n] > 0 else slopes.dtype.type(0)
            total += inner * p[place + 6 + 3 * k + c]
        gradient[place + 6 + 3 * size + k] = -total


@compiled
def back_read_out(
    net: Ints, p: Floats, slopes: Floats, cells: Floats, below: Floats, gradient: Floats
) -> None:
    """From the outputs' slopes to those of the cells, weights and biases."""
    outputs, seen = net[OUTPUTS], net[SEEN]
    weight = view(p, net[READ], seen, outputs)
    sums(slopes, net[READ_BIAS], gradient)
    if not net[OWN]:
        np.dot(cells, slopes.T, view(gradient, net[READ], seen, outputs))
        np.dot(weight, slopes, below)
        return
    for f in range(outputs):
        slope = slopes[f]
        for c in range(seen):
            row, result, factor = cells[f * seen + c], below[f * seen + c], weight[c, f]
            total = slopes.dtype.type(0)
            for b in range(len(slope)):
                total += slope[b] * row[b]
                result[b] = factor * slope[b]
            gradient[net[READ] + c * outputs + f] = total


@compiled
def filter_slopes(slopes: Floats, patches: Floats, gradient: Floats) -> None:
    """Slopes of a convolution's filters: one product, taken the way round that BLAS does faster."""
    filters, inside = gradient.shape
    if filters < _MANY:
        np.dot(slopes, patches.T, gradient)
        return
    turned = np.dot(patches, slopes.T)
    for o in range(filters):
        for i in range(inside):
            gradient[o, i] = turned[i, o]
