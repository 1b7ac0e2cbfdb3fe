"""The colormaps of matplotlib as tables from level to colour.

Definitions used everywhere in the book. A *level* is an integer 0…255, the gray value of a pixel
after clipping and 8-bit quantisation; a colormap gives each level a colour.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, Normalize
from numpy.typing import ArrayLike, NDArray

from analysis.colour.curves import OWN

#: Number of levels of an 8-bit pixel.
LEVELS = 256

#: Mean and deviation of ImageNet's red, green and blue in [0, 1], as torchvision publishes them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_PAIRS_PAY = 2**19  # pixels from which `apply` is faster two at a time
_AT_ONCE = 2**13  # pairs whose colours stay in the cache


def names() -> tuple[str, ...]:
    """Names of matplotlib's colormaps without the reversed ones, in matplotlib's order.

    The book's own, of `analysis.colour.curves`, are not among them.

    >>> "viridis" in names(), "viridis_r" in names(), "spire" in names()
    (True, False, False)
    """
    return tuple(name for name in mpl.colormaps if not name.endswith("_r") and name not in OWN)


def _colormap(name: str | Colormap) -> Colormap:
    if isinstance(name, Colormap):
        return name
    if name not in mpl.colormaps:
        near = get_close_matches(str(name), list(mpl.colormaps), n=3)
        near = near or ["viridis", "gray", "turbo"]
        raise ValueError(f"unknown colormap {name!r}; did you mean one of {', '.join(near)}?")
    return mpl.colormaps[name]


@cache
def _positions() -> NDArray[np.float64]:
    """Where matplotlib looks the levels up: its own normalisation of a uint8 array to [0, 1]."""
    levels = np.arange(LEVELS, dtype=np.uint8)
    return np.asarray(Normalize(0, LEVELS - 1)(levels))


def _kept(table: NDArray[Any]) -> NDArray[Any]:
    """Return the same read-only array for the same numbers, whatever name they have by now."""
    return _once(table.tobytes(), table.dtype.str)


@lru_cache(maxsize=512)
def _once(numbers: bytes, dtype: str) -> NDArray[Any]:
    return np.frombuffer(numbers, dtype).reshape(LEVELS, 3)


def lut(name: str | Colormap) -> NDArray[np.float64]:
    """Colours of the 256 levels under a colormap of matplotlib, in [0, 1], shape (256, 3).

    Give a colormap or its name; an unknown name raises ValueError, and lists the nearest. Alpha is
    dropped; read-only.

    >>> lut("gray")[255]
    array([1., 1., 1.])
    >>> bool((lut(mpl.colormaps["gray"]) == lut("gray")).all())
    True
    """
    return _kept(np.asarray(_colormap(name)(_positions())[:, :3], np.float64))


def lut8(name: str | Colormap) -> NDArray[np.uint8]:
    """Bytes that matplotlib writes to a PNG for the 256 levels, shape (256, 3).

    matplotlib multiplies by 255 and *truncates*, so some levels share a colour: ``"gray"`` keeps
    232 of 256. See `lut8_rounded` for the table that rounds. Read-only; arguments as of `lut`.

    >>> len(np.unique(lut8("gray"), axis=0))
    232
    """
    return _kept(np.asarray(_colormap(name)(_positions(), bytes=True)[:, :3], np.uint8))


def lut8_rounded(name: str | Colormap) -> NDArray[np.uint8]:
    """Colours of the 256 levels, rounded to the nearest byte: ``round(255 * lut(name))``.

    >>> len(np.unique(lut8_rounded("gray"), axis=0))
    256
    """
    return _kept(np.rint(lut(name) * 255).astype(np.uint8))


def colour_science() -> Any:
    """Import colour-science where it is needed: it is slow, and changes how NumPy prints arrays."""
    with np.printoptions():
        import colour
    return colour


def cam02ucs(name: str | Colormap) -> NDArray[np.float64]:
    """Coordinates of a colormap's levels in a space in which equal distances look equal.

    J' (lightness: 0 is black, 100 the white of sRGB), a' and b' of CAM02-UCS (Luo, Cui and Li,
    2006, *Uniform colour spaces based on CIECAM02*), in which viridis was designed. Shape (256, 3).

    >>> cam02ucs("gray")[[0, 255], 0].round(1) + 0.0
    array([  0., 100.])
    """
    return _cam02ucs(lut(name).tobytes())


@lru_cache(maxsize=512)
def _cam02ucs(numbers: bytes) -> NDArray[np.float64]:
    found = jab(np.frombuffer(numbers).reshape(LEVELS, 3))
    found.flags.writeable = False
    return found


def jab(colours: ArrayLike) -> NDArray[np.float64]:
    """J', a' and b' of any colours in [0, 1], shape (…, 3): see `cam02ucs`.

    >>> bool((jab(lut("magma")) == cam02ucs("magma")).all())
    True
    """
    colour = colour_science()
    return np.asarray(colour.XYZ_to_CAM02UCS(colour.sRGB_to_XYZ(np.asarray(colours, np.float64))))


def apply(levels: NDArray[np.uint8], table: NDArray[np.generic]) -> NDArray[np.generic]:
    """Replace every level (uint8, shape (…)) by its colour in a table of shape (256, channels).

    >>> apply(np.zeros((2, 5), np.uint8), lut8("viridis")).shape
    (2, 5, 3)
    """
    array = np.asarray(levels)
    if array.dtype != np.uint8:
        return np.take(table, array, axis=0)
    rgb = table.dtype == np.uint8 and table.shape[1] == 3
    if rgb and array.size >= _PAIRS_PAY and array.size % 2 == 0 and array.flags.c_contiguous:
        return _apply_to_pairs(array, table.astype(np.uint8, copy=False))
    return np.take(table, array, axis=0, mode="clip")  # clips nothing: a byte is always in range


def _apply_to_pairs(levels: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Look neighbours up together, and move a word at a time instead of three bytes.

    A word holds the colours of two pixels, six bytes, and two bytes more, which the next word
    overwrites.
    """
    both = _colours_of_pairs(table.tobytes())
    pairs = levels.reshape(-1).view(np.uint16)
    memory = np.empty(6 * len(pairs) + 2, np.uint8)
    words = np.ndarray((len(pairs),), np.uint64, memory, strides=(6,))
    for start in range(0, len(pairs), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        words[part] = np.take(both, pairs[part], mode="clip")
    return memory[:-2].reshape(*levels.shape, 3)


@lru_cache(maxsize=16)
def _colours_of_pairs(table: bytes) -> NDArray[np.uint64]:
    """Both colours of every pair of levels in one word, shape (65536,), for an RGB table."""
    colours = np.frombuffer(table, np.uint8).reshape(LEVELS, 3)
    pairs = np.arange(LEVELS**2, dtype=np.uint16).view(np.uint8)  # whatever the order of bytes
    words = np.zeros((LEVELS**2, 8), np.uint8)
    words[:, :6] = colours[pairs].reshape(-1, 6)
    return words.view(np.uint64)[:, 0].copy()


def nearest_level(colours: NDArray[np.generic], table: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Level whose colour is nearest (Euclidean), the lowest one among equals: see `nearest`.

    >>> nearest_level(lut8("viridis")[[7, 200]], lut8("viridis"))
    array([  7, 200], dtype=uint8)
    """
    return nearest(colours, table)[0]


def nearest(
    colours: NDArray[np.generic], table: NDArray[np.generic]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Nearest level, as `nearest_level`, and how far its colour is.

    Bytes are fast: each colour is looked up once. The distance, Euclidean in the table's units, is
    0 for a colour of the map.

    >>> nearest(np.array([0, 0, 9], np.uint8), lut8("gray"))[1]
    array(7.3484693, dtype=float32)
    """
    points, where = _distinct(np.asarray(colours).reshape(-1, 3))
    target = np.asarray(table, np.float64)
    exact = np.asarray(colours).dtype == np.asarray(table).dtype == np.uint8
    level = np.empty(len(points), np.uint8)
    distance = np.empty(len(points), np.float32)
    for start in range(0, len(points), 8192):  # 8192 × 256 distances at a time: 16 MB
        part = slice(start, start + 8192)
        squares = _squares(points[part], target, exact)
        level[part] = squares.argmin(1)
        distance[part] = np.sqrt(squares.min(1))
    shape = np.shape(colours)[:-1]
    return level[where].reshape(shape), distance[where].reshape(shape)


def _squares(
    points: NDArray[np.float64], target: NDArray[np.float64], exact: bool
) -> NDArray[np.float64]:
    """Squared distances, shape (points, targets): one product where whole numbers make it exact."""
    if exact:
        lengths = (points**2).sum(1)[:, None] + (target**2).sum(1)
        return np.asarray(lengths - 2 * points @ target.T)
    return np.asarray(((points[:, None] - target) ** 2).sum(-1))


def _distinct(colours: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Distinct colours of a list, and for each colour of the list its place among them."""
    if colours.dtype != np.uint8:
        unique, where = np.unique(colours, axis=0, return_inverse=True)
        return unique.astype(np.float64), where.reshape(-1)
    packed = colours.astype(np.int64) @ (1, 256, 65536)
    seen = np.zeros(2**24, bool)
    seen[packed] = True
    used = np.flatnonzero(seen)
    place = np.empty(2**24, np.intp)
    place[used] = np.arange(len(used))
    return (used[:, None] >> np.array([0, 8, 16]) & 255).astype(np.float64), place[packed]
