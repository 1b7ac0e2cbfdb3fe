"""Levels from colour-mapped JPEGs: beside nearest colour, nearest luma, and the package unmap.

What counts is the error, which each row carries: the median and the mean distance from the levels
that the pictures were made of, on notes at Pillow's default quality with chroma halved.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.colour import colormaps
from analysis.jpeg.colour import luma_levels
from analysis.sound import datasets, spectrograms
from analysis.timing.timings import Row
from analysis.uncolouring import catalogue, coefficients, inversion
from benchmarks.harness import Contender, Effort, compare, ours, peer

TITLE = "Levels from colour-mapped JPEGs"
PEERS = ("unmap",)
MAPS = ("viridis", "magma", "turbo", "jet")

Bytes = NDArray[np.uint8]
Way = Callable[[bytes], NDArray[np.generic]]


def pictures(effort: Effort) -> Bytes:
    """Levels of spectrograms of notes, (n, 256, 251)."""
    notes = datasets.instruments(1 if effort.small else 2)
    power = spectrograms.log_power(notes.waveforms[: 1 if effort.small else 8], 512, 64)[:, :256]
    return spectrograms.quantise(power, *spectrograms.value_range(power))


def saved(levels: Bytes, name: str) -> bytes:
    """Save coloured levels as Pillow does by default."""
    stream = io.BytesIO()
    Image.fromarray(catalogue.table(name)[levels]).save(stream, "JPEG", quality=75)
    return stream.getvalue()


def opened(content: bytes) -> Bytes:
    """Pixels of a file."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def unmapped(
    unmap: Callable[..., NDArray[np.float64]], table: Bytes, content: bytes
) -> NDArray[np.float64]:
    """Levels by unmap; what it gives up counts as level 0."""
    found = unmap(opened(content) / 255, cmap=table / 255, threshold=2, background=(-9, -9, -9))
    return np.nan_to_num(255 * found)


def ways(name: str) -> dict[str, Way]:
    """Find the ways to read levels back, by name; this book's has none."""
    table = catalogue.table(name)
    found: dict[str, Way] = {
        "": lambda content: inversion.invert(coefficients.read(content), table).levels,
        "nearest colour": lambda content: colormaps.nearest_level(opened(content), table),
        "nearest luma": lambda content: luma_levels(opened(content), table),
    }
    with suppress(ImportError):  # unmap asks for pkg_resources, which setuptools no longer has
        if (module := peer("unmap")) is not None:
            found["unmap"] = partial(unmapped, module.unmap, table)
    return found


def contender(label: str, way: Way, contents: list[bytes], truth: Bytes) -> Contender:
    """Time a way, and store its errors."""

    def run() -> list[NDArray[np.generic]]:
        return [way(content) for content in contents]

    gap = np.abs(np.stack(run()).astype(np.float64) - truth)
    errors = {
        "median error (levels)": float(np.median(gap)),
        "mean error (levels)": float(gap.mean()),
    }
    if not label:
        return ours(run, truth.size, **errors)
    return Contender(label, run, "peer", truth.size, errors)


def measure(effort: Effort) -> list[Row]:
    """Read the levels of all pictures back, one map after another."""
    truth, rows = pictures(effort), []
    for name in MAPS[: 1 if effort.small else None]:
        contents = [saved(levels, name) for levels in truth]
        field = [contender(label, way, contents, truth) for label, way in ways(name).items()]
        rows += compare(f"{name}, quality 75, 4:2:0", "pixels", field, effort, profile=False)
    return rows
