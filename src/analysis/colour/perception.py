"""How colormaps suit the eye: whether their lightness is monotone, and their steps even."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Colormap

from analysis.colour import colormaps


@dataclass(frozen=True)
class Perception:
    """How a colormap suits the eye, in CAM02-UCS."""

    #: ``|J'(255) - J'(0)| / Σ |ΔJ'|`` in [0, 1]: 1 if lightness only rises or only falls
    monotonicity: float
    #: mean step between neighbouring levels over its root mean square, in (0, 1]: 1 if all steps
    #: look equally large
    uniformity: float


def perception(name: str | Colormap) -> Perception:
    """Lightness monotonicity and perceptual uniformity of a colormap, or of one by its name.

    From J'a'b' of CAM02-UCS (Luo, Cui and Li, 2006) under the sRGB white point, the space in which
    viridis was designed; computed by colour-science.

    >>> perception("viridis").monotonicity > 0.99 > perception("jet").monotonicity
    True
    """
    jab = colormaps.cam02ucs(name)
    steps = np.diff(jab, axis=0)
    size = np.linalg.norm(steps, axis=1)
    travelled = np.abs(steps[:, 0]).sum()
    return Perception(
        monotonicity=float(abs(steps[:, 0].sum()) / travelled) if travelled > 0 else 0.0,
        uniformity=float(size.mean() / np.sqrt((size**2).mean())),
    )


def distinct_maps() -> tuple[str, ...]:
    """Matplotlib's colormaps without the reversed ones and without repeated tables.

    Of aliases such as ``gist_gray``, ``gray`` and ``grey`` the shortest name, then the first in
    matplotlib's order, stays.

    >>> "gray" in distinct_maps(), "grey" in distinct_maps()
    (True, False)
    """
    groups: dict[bytes, list[str]] = {}
    for name in colormaps.names():
        groups.setdefault(colormaps.lut(name).tobytes(), []).append(name)
    return tuple(min(group, key=len) for group in groups.values())
