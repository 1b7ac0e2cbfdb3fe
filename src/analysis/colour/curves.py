"""Two colormaps of the book's own, on which one neuron makes every band of levels.

Each is a curve of space and the four colours that place it in the cube; where it is placed changes
margins, and not which bands there are. `analysis.planes.narrowest` finds the colours. matplotlib
knows both maps by name as soon as `analysis.colour.colormaps` is imported.
"""

from __future__ import annotations

from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Share of the third harmonic in `loop`: of all, it leaves the narrowest band the most room.
_THIRD = 2 / 7
_TURN = 6.0  # radians that `helix` turns: less than once around


def loop(levels: int) -> Floats:
    """Go once around a dented square and up and down twice: shape (levels, 4), the first a one.

    >>> loop(4)[:, 3]
    array([ 1., -1.,  1., -1.])
    """
    t = 2 * np.pi * np.arange(levels) / levels
    across, along = np.cos(t) - _THIRD * np.cos(3 * t), np.sin(t) + _THIRD * np.sin(3 * t)
    return np.stack([np.ones(levels), across, along, np.cos(2 * t)], axis=1)


def helix(levels: int) -> Floats:
    """Go almost once around a circle and along its axis: shape (levels, 4), the first a one.

    >>> helix(3)[:, 3]
    array([-0.5,  0. ,  0.5])
    """
    s = np.linspace(-0.5, 0.5, levels)
    return np.stack([np.ones(levels), np.cos(_TURN * s), np.sin(_TURN * s), s], axis=1)


#: The maps: a curve, and the colours that its four coordinates stand for.
PLACED: dict[str, tuple[Callable[[int], Floats], Floats]] = {
    "wreath": (
        loop,
        np.array([[0.5, 0.5, 0.5], [0, 0, -0.5487], [0.5487, 0, 0], [0, -0.5, 0]]),
    ),
    "spire": (
        helix,
        np.array(
            [
                [0.561, 0.578, 0.519],
                [-0.003, 0.078, 0.480],
                [-0.511, -0.001, -0.015],
                [1.016, 0.998, 0.087],
            ]
        ),
    ),
}


def placed(name: str, levels: int = 256) -> Floats:
    """Colours of one of the maps in [0, 1], shape (levels, 3).

    >>> placed("spire")[[0, -1]].round(1)
    array([[0.1, 0. , 0. ],
           [1. , 1. , 0.1]])
    """
    curve, colours = PLACED[name]
    return np.asarray(curve(levels) @ colours)


#: Names of the maps that are added to matplotlib's, and of their reverses.
OWN = frozenset(name + suffix for name in PLACED for suffix in ("", "_r"))

for _name in PLACED:
    _map = ListedColormap(placed(_name), name=_name)
    for _each in (_map, _map.reversed()):
        mpl.colormaps.register(_each, force=True)
