"""Pictures with known levels: smooth patches, ridges and noise, as spectrograms have them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

Bytes = NDArray[np.uint8]


def planted(seed: int, rows: int = 96, columns: int = 112, noise: float = 12.0) -> Bytes:
    """Levels of a made spectrogram: a quiet background, a few ridges, noise; all levels occur."""
    rng = np.random.default_rng(seed)
    ground = gaussian_filter(rng.normal(size=(rows, columns)), 6)
    values = 40 + 60 * ground / np.abs(ground).max() + noise * rng.normal(size=(rows, columns))
    for _ in range(5):
        ridge = np.exp(-(((np.arange(rows) - rng.uniform(rows / 3, rows)) / 3) ** 2))
        sounding = gaussian_filter((rng.random(columns) < 0.5).astype(float), 5)
        values += rng.uniform(80, 400) * ridge[:, None] * sounding
    values = (values - np.percentile(values, 2)) * 255 / np.ptp(values)
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def jpeg_file(pixels: Bytes, quality: int, subsampling: int = 2, **options: Any) -> bytes:
    """Bytes of the JPEG that Pillow writes."""
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(stream, "JPEG", quality=quality, subsampling=subsampling, **options)
    return stream.getvalue()


def through_jpeg(pixels: Bytes, quality: int, subsampling: int = 2) -> Bytes:
    """Pixels after JPEG."""
    content = jpeg_file(pixels, quality, subsampling)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
