"""Colour-mapped pictures saved as JPEG, and their levels read back.

Start at `save_as_colour`; `luma_levels` reads without the chroma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.colour import colormaps
from analysis.jpeg.codec import JPEGAutoencoder, Subsampling

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


def as_batch(images: NDArray[Any]) -> Tensor:
    """(n, height, width) or (n, height, width, 3) → (n, 1 or 3, height, width)."""
    channels = images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)
    return torch.from_numpy(np.ascontiguousarray(channels))


@dataclass(frozen=True)
class Saved:
    """Colour-mapped pictures after JPEG.

    `colours`: Decoded. `levels`: Of the nearest colours of the map. `distance`: To that nearest
    colour, Euclidean, in units of 1/255: how far off the curve.
    """

    colours: Bytes
    levels: Bytes
    distance: NDArray[np.float32]
    nbytes: NDArray[np.int64]


def save_as_colour(
    images: Bytes, colormap: str, quality: int, subsampling: Subsampling = "4:2:0"
) -> Saved:
    """Colour-map pictures as matplotlib does, save as JPEG, open, and read the levels back."""
    table = colormaps.lut8(colormap)
    jpeg = JPEGAutoencoder(quality, "RGB", subsampling)
    codes = jpeg.encode(as_batch(np.asarray(colormaps.apply(images, table), np.uint8)))
    colours = np.moveaxis(jpeg.decode(codes).numpy(), 1, -1)
    levels, distance = colormaps.nearest(colours, table)
    return Saved(colours, levels, distance, jpeg.nbytes(codes))


def luma_levels(colours: Bytes, table: Bytes) -> Bytes:
    """Find the level of nearest luma, the chroma ignored.

    Chroma at half resolution leaves luma alone. This is of use for maps whose luma rises all the
    way, such as viridis and magma; jet and turbo have two levels or more for most lumas.
    """
    weights = np.array([299, 587, 114])
    lumas = (table @ weights) / 1000
    nearest = np.abs(lumas - np.arange(0, 255.01, 0.1)[:, None]).argmin(1).astype(np.uint8)
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    place = (299 * red + 587 * green + 114 * blue + 50) // 100
    return np.asarray(nearest[place], np.uint8)


def off_the_curve(
    image: Bytes, colormap: str, quality: int, subsampling: Subsampling, count: int, seed: int
) -> pd.DataFrame:
    """Sample decoded colours in the plane of JPEG's two colour-difference channels."""
    saved = save_as_colour(image[None], colormap, quality, subsampling)
    chosen = np.random.default_rng(seed).choice(image.size, count, replace=False)
    rgb = saved.colours.reshape(-1, 3)[chosen]
    frame = pd.DataFrame(rgb / 255, columns=["red", "green", "blue"])
    cb, cr = chroma(rgb)
    return frame.assign(cb=cb, cr=cr, distance=saved.distance.reshape(-1)[chosen])


def chroma(rgb: NDArray[Any]) -> tuple[Floats, Floats]:
    """Colour differences of JFIF, without its offset of 128.

    >>> [float(abs(c).round(9)) for c in chroma(np.array([7, 7, 7]))]
    [0.0, 0.0]
    """
    red, green, blue = np.moveaxis(np.asarray(rgb, np.float64), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (blue - luma) / 1.772, (red - luma) / 1.402
