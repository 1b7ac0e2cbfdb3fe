"""What the codes of a picture look like: how many are zero, stairs, and superposition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.jpeg.codec import JPEGAutoencoder, dct_filters
from analysis.jpeg.colour import as_batch

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


def rms(difference: NDArray[Any], axis: tuple[int, ...] | None = None) -> Any:
    """Root of the mean square of differences."""
    return np.sqrt(np.mean(np.square(difference, dtype=np.float64), axis=axis))


@dataclass(frozen=True)
class Sparsity:
    """How many codes are not zero.

    `table`: One row a quality: ``quality``, ``nonzero`` (share of all codes, 0–1), ``per_block``
    (mean number of 64), ``bytes`` (mean file), ``error`` (root mean square, in levels).
    `by_frequency`: Share of blocks whose code (v, u) is not zero.
    """

    table: pd.DataFrame
    by_frequency: Floats
    decoded: Bytes


def sparsity(images: Bytes, qualities: Sequence[int]) -> Sparsity:
    """Count the codes that survive quantisation."""
    rows, maps, decoded = [], [], []
    for quality in qualities:
        jpeg = JPEGAutoencoder(quality)
        codes = jpeg.encode(as_batch(images))
        alive = codes.planes[0] != 0
        maps.append(alive.double().mean((0, 2, 3)).view(8, 8).numpy())
        decoded.append(jpeg.decode(codes)[:, 0].numpy())
        rows.append(
            {
                "quality": quality,
                "nonzero": float(alive.double().mean()),
                "per_block": 64 * float(alive.double().mean()),
                "bytes": float(jpeg.nbytes(codes).mean()),
                "error": float(rms(decoded[-1] - images.astype(float))),
            }
        )
    return Sparsity(pd.DataFrame(rows), np.stack(maps), np.stack(decoded))


def staircase(qualities: Sequence[int], frequency: tuple[int, int] = (0, 3)) -> pd.DataFrame:
    """Send one filter's own pattern through JPEG, louder and louder."""
    pattern = dct_filters()[8 * frequency[0] + frequency[1]]
    amplitude = np.linspace(-260, 260, 521)
    levels = np.rint(128 + amplitude[:, None, None] * pattern)
    x = as_batch(np.clip(levels, 0, 255).astype(np.uint8))
    rows = []
    for quality in qualities:
        out = JPEGAutoencoder(quality)(x)[:, 0].numpy() - 128.0
        given = ((x[:, 0].numpy() - 128.0) * pattern).sum((1, 2))
        found = (out * pattern).sum((1, 2))
        rows.append(pd.DataFrame({"quality": quality, "input": given, "output": found}))
    return pd.concat(rows, ignore_index=True)


def superposition(images: Bytes, qualities: Sequence[int]) -> pd.DataFrame:
    """Compare JPEG of a mean of two pictures with the mean of two JPEGs.

    A linear (or affine) map makes no difference between them. Levels are made even first, so that
    every mean is a whole level and nothing but JPEG rounds.
    """
    even = 2 * (images.astype(np.int64) // 2)
    half = len(images) // 2
    a, b = (as_batch(part.astype(np.uint8)) for part in (even[:half], even[half : 2 * half]))
    mean = as_batch(((even[:half] + even[half : 2 * half]) // 2).astype(np.uint8))
    rows = []
    for quality in qualities:
        jpeg = JPEGAutoencoder(quality)
        step = jpeg.tables[0].double()[:, None, None]
        coefficients = [_coefficients(x) for x in (a, b, mean)]
        codes = [jpeg.encode(x) for x in (a, b, mean)]
        steps = [code.planes[0] * step for code in codes]
        decoded = [jpeg.decode(code).double() for code in codes]
        failures = {
            name: _failure(parts).numpy()
            for name, parts in (("analysis", coefficients), ("codes", steps), ("picture", decoded))
        }
        error = ((decoded[2] - mean) ** 2).mean((1, 2, 3)).sqrt().numpy()
        rows.append(
            pd.DataFrame({"quality": quality, "pair": range(half), **failures, "error": error})
        )
    return pd.concat(rows, ignore_index=True)


def _coefficients(x: Tensor) -> Tensor:
    """Analysis without a bottleneck: the convolution alone."""
    filters = torch.from_numpy(dct_filters().copy())[:, None]
    return nn.functional.conv2d(x.double() - 128, filters, stride=8)


def _failure(parts: Sequence[Tensor]) -> Tensor:
    """Root mean square of (a + b) / 2 − mean, one a picture."""
    gap = (parts[0] + parts[1]) / 2 - parts[2]
    return (gap**2).mean((1, 2, 3)).sqrt()
