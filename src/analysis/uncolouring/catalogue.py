"""The colormaps that pictures are recognised by: matplotlib's, and those met in the wild.

matplotlib's go by their plain names. Others carry the name of their collection, such as
``"cmasher:ember"``: they come from the package cmap (colorcet, cmocean, cmasher, Crameri's,
gnuplot's, ImageJ's, …; MATLAB's old maps and most of OpenCV's are among them by other names).
SoX and ffmpeg draw spectrograms with a map that is a formula, which is all that is needed.

What no catalogue has: MATLAB's (and OpenCV's) parula, of which there is only an imitation
(``"bids:fake_parula"``); OpenCV's rainbow and deep green; the maps of Audacity, Raven and Praat
other than gray; ffmpeg's further maps; whatever somebody mixed for himself. Such pictures are not
recognised. Maps for names and classes (tab10) are taken from matplotlib alone, and elsewhere maps
of a few flat steps are left out: they fit photographs too easily.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from cmap import Catalog, Colormap
from numpy.typing import NDArray

from analysis.colour import colormaps

Bytes = NDArray[np.uint8]

#: Where the levels are looked up.
_PLACES = np.linspace(0, 1, colormaps.LEVELS)

#: The gray axis: what pictures without colour are read by.
GRAY = "gray"

#: Collections of cmap that are searched, in the order in which equal maps are named.
COLLECTIONS = (
    *("matlab", "google", "colorcet", "cmocean", "cmasher", "crameri", "seaborn", "bids"),
    *("gnuplot", "yorick", "imagej", "paraview", "tol", "vispy", "contrib"),
)


@cache
def names() -> tuple[str, ...]:
    """Name every map that is tried, matplotlib's first; none twice, and none of them reversed.

    >>> [name in names() for name in ("viridis", "viridis_r", "colorcet:fire", "sox")]
    [True, False, True, True]
    """
    return tuple(_tables())


def table(name: str) -> Bytes:
    """Colours of the 256 levels under a map of `names`, shape (256, 3).

    Those of matplotlib are the bytes that it writes; others are rounded.

    >>> table("colorcet:fire")[[0, 255]].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    return _tables()[name]


@cache
def variants(name: str) -> tuple[Bytes, ...]:
    """Tables that programs make of one map: as `table`, and rounded the other way.

    >>> [len(np.unique(colours, axis=0)) for colours in variants("gray")]
    [256, 232]
    """
    if name == GRAY:
        return table(name), colormaps.lut8(name)
    if name in colormaps.names():
        return table(name), colormaps.lut8_rounded(name)
    if ":" not in name:
        return (table(name),)
    return table(name), np.asarray(255 * Colormap(name)(_PLACES)[:, :3], np.uint8)


@cache
def _tables() -> dict[str, Bytes]:
    found = {GRAY: colormaps.lut8_rounded(GRAY)}
    every = [(name, colormaps.lut8(name)) for name in colormaps.names()]
    every += [*_of_cmap(), ("sox", _rounded(_sox(_PLACES))), ("ffmpeg", _ffmpeg())]
    for name, colours in every:
        if np.ptp(colours.astype(np.int16), axis=1).max() <= _ROUNDINGS:
            continue  # another gray, whose colours lie on the same line
        known = np.stack(list(found.values())).astype(np.int16)
        gaps = (np.abs(known - way).max((1, 2)) for way in (colours, colours[::-1]))
        if min(gap.min() for gap in gaps) > _ROUNDINGS:
            found[name] = colours
    return found


#: Maps that nowhere differ by more are one, rounded in two ways.
_ROUNDINGS = 2


def _of_cmap() -> list[tuple[str, Bytes]]:
    """List the smooth maps of the package, by collection; the shortest of several names."""
    catalogue = Catalog()
    found = []
    for collection in COLLECTIONS:
        keys = [key for key in catalogue.namespaced_keys() if key.startswith(f"{collection}:")]
        for key in sorted(keys, key=_plainness):
            item = catalogue[key]
            if item.category == "qualitative" or key.endswith("_r") or "discrete" in key:
                continue
            colours = _rounded(np.asarray(Colormap(key)(_PLACES))[:, :3])
            if len(np.unique(colours, axis=0)) > _STEPS:
                found.append((key, colours))
    return found


def _plainness(key: str) -> tuple[bool, bool, int, str]:
    """Order names: words before codes, which have digits or capitals; the short before the long."""
    return any(c.isdigit() for c in key), not key.islower(), len(key), key


#: A map of no more colours is one of flat steps.
_STEPS = 32


def _rounded(colours: NDArray[np.floating]) -> Bytes:
    return np.asarray(np.rint(255 * colours), np.uint8)


def _sox(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """SoX's ``spectrogram``: sines from black over violet, red and yellow to white."""
    red = np.sin(np.clip((x - 0.13) / 0.60, 0, 1) * np.pi / 2)
    green = np.sin(np.clip((x - 0.60) / 0.31, 0, 1) * np.pi / 2)
    blue = np.where(x < 0.60, np.sin(x / 0.60 * np.pi) / 2, np.clip((x - 0.78) / 0.22, 0, 1))
    return np.stack([red, green, blue], axis=-1)


def _ffmpeg() -> Bytes:
    """Map "intensity" of ffmpeg's ``showspectrum``: SoX's at eight places, straight in between."""
    places = np.array([0, 0.13, 0.30, 0.60, 0.73, 0.78, 0.91, 1])
    corners = _sox(places)
    return _rounded(np.stack([np.interp(_PLACES, places, corner) for corner in corners.T], axis=-1))
