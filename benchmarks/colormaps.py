"""Colouring a batch of pictures, beside matplotlib, OpenCV, Pillow and a copy of as many bytes."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray
from PIL import Image

from analysis.colour import colormaps
from analysis.pictures import encodings
from analysis.timing.timings import Row
from benchmarks.harness import Contender, Effort, compare, copying, fresh, ours, peer

TITLE = "Colouring a batch of pictures"
PEERS = ("cv2",)
NAME = "viridis"

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def pictures(effort: Effort, seed: int = 0) -> Floats:
    """Smooth random pictures in [0, 1], (n, 64, 128): neighbours are alike, as in spectrograms."""
    count = 4 if effort.small else 512
    noise = np.random.default_rng(seed).normal(size=(count, 64, 128)).astype(np.float32)
    smooth = np.cumsum(np.cumsum(noise, 1), 2)
    low, high = smooth.min((1, 2), keepdims=True), smooth.max((1, 2), keepdims=True)
    return np.asarray((smooth - low) / (high - low), np.float32)


def palette(levels: Bytes, table: Bytes) -> Bytes:
    """Colour with Pillow: a picture with a palette, converted to RGB."""
    flat = levels.reshape(-1, levels.shape[-1])
    image = Image.frombuffer("P", flat.shape[::-1], flat.tobytes(), "raw", "P", 0, 1)
    image.putpalette(table.tobytes())
    return np.asarray(image.convert("RGB")).reshape(*levels.shape, 3)


def wrong(found: NDArray[np.generic], truth: NDArray[np.generic]) -> dict[str, float | str]:
    """Largest difference from the truth, as a share of the range."""
    top = 255 if truth.dtype == np.uint8 else 1
    gap = np.abs(np.asarray(found, np.float64) - np.asarray(truth, np.float64)).max() / top
    return {"largest difference (share of the range)": float(gap)}


def bytes_field(levels: Bytes) -> list[Contender]:
    """From levels to bytes, channels last, as a picture file wants them."""
    table, cmap, amount = colormaps.lut8(NAME), mpl.colormaps[NAME], float(levels.size)
    truth = cmap(levels, bytes=True)[..., :3]
    mappable = ScalarMappable(Normalize(0, 255), NAME)
    flat = levels.reshape(-1, levels.shape[-1])

    def through() -> Bytes:
        return np.stack([mappable.to_rgba(one, bytes=True) for one in levels])

    field = [
        ours(
            lambda: colormaps.apply(levels, table), amount,
            **wrong(colormaps.apply(levels, table), truth),
        ),
        Contender("matplotlib Colormap.__call__", lambda: cmap(levels, bytes=True), "peer", amount,
                  wrong(cmap(levels, bytes=True)[..., :3], truth)),
        Contender("matplotlib to_rgba", through, "peer", amount,
                  wrong(through()[..., :3], truth)),
        Contender("numpy table[levels]", lambda: table[levels], "peer", amount,
                  wrong(table[levels], truth)),
        Contender("Pillow palette", lambda: palette(levels, table), "peer", amount,
                  wrong(palette(levels, table), truth)),
    ]  # fmt: skip
    cv2 = peer("cv2")
    if cv2 is not None:
        cv2.setNumThreads(1)
        blue_first = np.ascontiguousarray(table[:, None, ::-1])

        def applied() -> Bytes:
            return np.asarray(cv2.applyColorMap(flat, blue_first))

        found = applied()[..., ::-1].reshape(truth.shape)
        field.append(
            Contender("OpenCV applyColorMap", applied, "peer", amount, wrong(found, truth))
        )
    return field


def floats_field(values: Floats) -> list[Contender]:
    """From values in [0, 1] to float32 for a network, channels first, by 256 levels."""
    cmap, amount = mpl.colormaps[NAME], float(values.size)
    truth = encodings.table(NAME).astype(np.float32)[encodings.quantise(values)]
    truth = np.moveaxis(truth, -1, 1)

    def called() -> Floats:
        colours = cmap(values)[..., :3]
        return np.ascontiguousarray(np.moveaxis(colours, -1, 1), np.float32)

    field = [
        ours(
            lambda: encodings.encode(values, NAME), amount,
            **wrong(encodings.encode(values, NAME), truth),
        ),
        Contender("matplotlib Colormap.__call__", called, "peer", amount, wrong(called(), truth)),
    ]  # fmt: skip
    cv2 = peer("cv2")
    if cv2 is not None:
        cv2.setNumThreads(1)
        blue_first = np.ascontiguousarray(colormaps.lut8_rounded(NAME)[:, None, ::-1])

        def applied() -> Floats:
            levels = encodings.quantise(values).reshape(-1, values.shape[-1])
            coloured = cv2.applyColorMap(levels, blue_first).reshape(*values.shape, 3)
            return np.ascontiguousarray(
                np.moveaxis(coloured[..., ::-1], -1, 1), np.float32
            ) / np.float32(255)

        field.append(Contender("OpenCV applyColorMap", applied, "peer", amount,
                               wrong(applied(), truth)))  # fmt: skip
    return field


def measure(effort: Effort) -> list[Row]:
    """Time both directions a spectrogram takes: to a picture, and to a network's input."""
    values = pictures(effort)
    levels, amount = encodings.quantise(values), float(values.size)
    as_bytes = [
        *bytes_field(levels),
        copying(4 * amount, amount, effort),
        fresh(3 * amount, amount),
    ]
    as_floats = [
        *floats_field(values),
        copying(16 * amount, amount, effort),
        fresh(12 * amount, amount),
    ]
    return [
        *compare("levels to bytes", "pixels", as_bytes, effort),
        *compare("values to a network's input", "pixels", as_floats, effort),
    ]
