"""The photographs that nets for pictures are tried on: what they were trained for."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import TqdmWarning


@cache
def photographs() -> dict[str, NDArray[np.uint8]]:
    """Colour photographs that come inside scikit-image's wheel, all free of copyright.

    Returns
    -------
    dict of str to ndarray of uint8, shape (rows, columns, 3)
        A cat, a cup of coffee, a rocket, an astronaut, a motorcycle. Nothing is downloaded.

    Examples
    --------
    >>> photographs()["cat"].shape
    (300, 451, 3)
    """
    with warnings.catch_warnings():  # its progress bar remarks that a notebook has no widgets
        warnings.simplefilter("ignore", TqdmWarning)
        from skimage import data

        pictures = {
            "cat": data.chelsea(),
            "cup": data.coffee(),
            "rocket": data.rocket(),
            "astronaut": data.astronaut(),
            "motorcycle": data.stereo_motorcycle()[0],
        }
    return {name: np.asarray(picture, np.uint8)[..., :3] for name, picture in pictures.items()}


def crops(count: int, side: int, seed: int) -> NDArray[np.uint8]:
    """Random squares of the photographs in turn, each brought to one size.

    Returns
    -------
    ndarray of uint8, shape (count, side, side, 3)
        Before that, a square has between a third and the whole of the photograph's shorter side.

    Examples
    --------
    >>> crops(2, 64, seed=0).shape
    (2, 64, 64, 3)
    """
    rng = np.random.default_rng([seed, 7])
    pictures = list(photographs().values())
    cut = np.empty((count, side, side, 3), np.uint8)
    for i in range(count):
        picture = pictures[i % len(pictures)]
        size = int(min(picture.shape[:2]) * rng.uniform(1 / 3, 1))
        row, column = (int(rng.integers(0, length - size + 1)) for length in picture.shape[:2])
        square = Image.fromarray(picture[row : row + size, column : column + size])
        cut[i] = np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))
    return cut


def squares(count: int, side: int, seed: int) -> NDArray[np.float32]:
    """`crops` as a net takes pictures, shape (count, 3, side, side), in [0, 1]."""
    return channels_first(crops(count, side, seed))


def channels_first(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures in bytes as a net takes them, shape (n, 3, rows, columns), in [0, 1]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2) / np.float32(255), np.float32)
