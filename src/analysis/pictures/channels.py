"""Three channels that hold more than a colour: change, range, or height, beside the level.

A colormap fills three channels with functions of one level. What else could they hold? `SPENT`
names four ways; each takes pictures of levels and gives as many numbers as a colour would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from matplotlib.colors import hsv_to_rgb
from numpy.typing import ArrayLike, NDArray

Images = NDArray[np.float32]


def deltas(x: Images) -> Images:
    """Level, its change in time and its change in frequency (half the range is no change)."""
    changes = [np.gradient(x, axis=axis) for axis in (-1, -2)]
    return np.stack([x, *(0.5 + change / 2 for change in changes)], axis=-3)


def ranges(x: Images) -> Images:
    """Level in the whole range, in its upper half and in its upper quarter, in decibels."""
    return np.stack([np.clip((x - low) / (1 - low), 0, 1) for low in (0, 0.5, 0.75)], axis=-3)


def _height(x: Images) -> Images:
    rows = np.linspace(0, 1, x.shape[-2], dtype=np.float32)[:, None]
    return np.broadcast_to(rows, x.shape)


def ramp(x: Images) -> Images:
    """Level, height of the row (0 to 1) and the product of both."""
    height = _height(x)
    return np.stack([x, height, x * height], axis=-3)


def hue(x: Images) -> Images:
    """Colour whose hue is the row's, from red to blue, and whose value is the level."""
    parts = np.stack([2 / 3 * _height(x), np.ones_like(x), np.clip(x, 0, 1)], axis=-1)
    return np.moveaxis(hsv_to_rgb(parts), -1, -3)


#: Ways to spend three channels, by name.
SPENT: Mapping[str, Callable[[Images], Images]] = MappingProxyType(
    {"deltas": deltas, "ranges": ranges, "ramp": ramp, "hue": hue}
)


def spend(values: ArrayLike, name: str) -> Images:
    """Give levels in [0, 1] three channels, by a way of `SPENT`.

    Parameters
    ----------
    values : array_like of float, shape (…, frequencies, frames)
        Clipped to [0, 1].
    name : str
        "deltas", "ranges", "ramp" or "hue".

    Returns
    -------
    ndarray of float32, shape (…, 3, frequencies, frames)
        In [0, 1].

    Examples
    --------
    >>> spend([[0.0, 0.0], [0.5, 1.0]], "deltas")[:, 1, 1]
    array([1.  , 0.75, 1.  ], dtype=float32)
    """
    if name not in SPENT:
        raise ValueError(f"unknown way to spend channels {name!r}; valid: {', '.join(SPENT)}")
    x = np.clip(np.asarray(values, np.float32), 0, 1)
    return np.asarray(SPENT[name](x), np.float32)
