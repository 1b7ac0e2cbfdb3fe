"""Encodings: what a spectrogram's value is turned into before a network sees it.

An encoding maps a value ``t`` in [0, 1] (a spectrogram scaled to its range) to a few channels. All
but ``raw`` first quantise to a level 0…255, as an image does, and are a *table* of shape
``(256, channels)``: channels last. `encode` puts whole spectrograms through it: channels first, as
torch expects.

How the channels are scaled afterwards is a separate choice, `fit_scale`, because scale alone
changes how fast a network learns.

==================  ========  =====================================================================
name                channels  what it is
==================  ========  =====================================================================
``raw``             1         the value itself, not quantised
``gray8``           1         the level / 255
``gray3``           3         the level / 255, three times (R = G = B)
``polynomial``      3         t, t², t³
``thermometer``     3         ``clip(3 t - k, 0, 1)``, k = 0, 1, 2: three thirds filled in turn
``fourier``         3         ``(1 - cos(π k t)) / 2``, k = 1, 2, 3
``random-curve``    3         a smooth random curve in the colour cube, by seed
``shuffled``        3         viridis with its 256 colours in random order, by seed
any colormap        3         matplotlib's, for instance ``viridis`` or ``turbo_r``
==================  ========  =====================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeVar, get_args

import matplotlib as mpl
import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.colour.colormaps import IMAGENET_MEAN, IMAGENET_STD, LEVELS, lut

__all__ = [
    "IMAGENET_STD",
    "SCALES",
    "Scale",
    "ScaleName",
    "channels",
    "encode",
    "fit_scale",
    "fourier",
    "names",
    "polynomial",
    "quantise",
    "random_curve",
    "scaled_table",
    "shuffled",
    "table",
    "thermometer",
]

Array = NDArray[np.float64]
Float = TypeVar("Float", bound=np.floating)
ScaleName = Literal["as_fed", "imagenet", "standardised", "equal_energy"]

#: Ways to scale the channels, see `fit_scale`.
SCALES: tuple[ScaleName, ...] = get_args(ScaleName)


def quantise(values: ArrayLike) -> NDArray[np.uint8]:
    """Clip to [0, 1] and round to a level.

    Levels are uint8, at most 1/510 from the clipped value; a value that is not finite raises.

    >>> quantise([-0.2, 0.5, 1.0])
    array([  0, 128, 255], dtype=uint8)
    """
    x = np.asarray(values)
    if not np.isfinite(x).all():
        raise ValueError("values to quantise must be finite")
    return np.asarray(np.rint(np.clip(x, 0, 1) * (LEVELS - 1)), np.uint8)


def _positions() -> Array:
    """Values in [0, 1] of the 256 levels."""
    return np.arange(LEVELS) / (LEVELS - 1)


def polynomial(t: ArrayLike, degree: int = 3) -> Array:
    """Powers ``t, t², …, t^degree`` of `t` in [0, 1], channels last.

    >>> polynomial(0.5)
    array([0.5  , 0.25 , 0.125])
    """
    return np.asarray(t, np.float64)[..., None] ** np.arange(1, degree + 1)


def thermometer(t: ArrayLike, size: int = 3) -> Array:
    """Fill `size` equal parts of the range one after the other: ``clip(size·t - k, 0, 1)``.

    The piecewise-linear form (Gorishniy et al., 2022, *On embeddings for numerical features*), not
    the binary one (Buckman et al., 2018, *Thermometer encoding*), which at three channels would
    leave four values of 256. matplotlib's ``hot`` is this encoding, but for its knots. Channels
    come last, none larger than the one before it.

    >>> thermometer(0.5)
    array([1. , 0.5, 0. ])
    """
    return np.clip(size * np.asarray(t, np.float64)[..., None] - np.arange(size), 0, 1)


def fourier(t: ArrayLike, frequencies: ArrayLike = (1, 2, 3)) -> Array:
    """Half-range cosines ``(1 - cos(π k t)) / 2``, brought to [0, 1].

    ``k`` counts half periods over the range, so that 0 and 1 stay apart for odd ``k``: no
    wrap-around as in a full turn of sine and cosine. After Tancik et al. (2020), *Fourier features
    let networks learn high frequency functions in low dimensional domains*. Channels come last.

    >>> fourier(1.0).round(6)
    array([1., 0., 1.])
    """
    k = np.asarray(frequencies, np.float64)
    return (1 - np.cos(np.pi * k * np.asarray(t, np.float64)[..., None])) / 2


def random_curve(t: ArrayLike, seed: int, size: int = 3, harmonics: int = 4) -> Array:
    """Random smooth curve: what a colormap is, had nobody designed it.

    Each channel is ``Σ_k z_k cos(π k t) / k`` for ``k = 1 … harmonics`` with normal ``z``, brought
    to the range 0…1 over the 256 levels. Result (…, size).

    >>> random_curve([0.0, 0.5, 1.0], seed=0).shape
    (3, 3)
    """
    k = np.arange(1, harmonics + 1)
    weights = np.random.default_rng(seed).normal(size=(harmonics, size)) / k[:, None]

    def curve(u: Array) -> Array:
        return np.asarray(np.cos(np.pi * k * u[..., None]) @ weights)

    at_levels = curve(_positions())
    low, high = at_levels.min(0), at_levels.max(0)
    return np.asarray((curve(np.asarray(t, np.float64)) - low) / (high - low))


def shuffled(seed: int, colormap: str = "viridis") -> Array:
    """Colours of a colormap handed out to the levels at random: a bijection without any order.

    Shape (256, 3), in [0, 1].

    >>> shuffled(seed=0).shape
    (256, 3)
    """
    return lut(colormap)[np.random.default_rng(seed).permutation(LEVELS)]


_TABLES: dict[str, Callable[[int], Array]] = {
    "raw": lambda _: _positions()[:, None],
    "gray8": lambda _: _positions()[:, None],
    "gray3": lambda _: np.repeat(_positions()[:, None], 3, axis=1),
    "polynomial": lambda _: polynomial(_positions()),
    "thermometer": lambda _: thermometer(_positions()),
    "fourier": lambda _: fourier(_positions()),
    "random-curve": lambda seed: random_curve(_positions(), seed),
    "shuffled": shuffled,
}


def names() -> tuple[str, ...]:
    """Names of the encodings that are not colormaps; every matplotlib colormap is one as well.

    >>> names()[:3]
    ('raw', 'gray8', 'gray3')
    """
    return tuple(_TABLES)


def table(name: str, seed: int = 0) -> Array:
    """Channels of the 256 levels under an encoding, shape (256, channels), in [0, 1].

    `name` is of the table at the top of this module; `seed` draws the random encodings. ``raw`` is
    given at the levels' own values.

    >>> table("thermometer")[255]
    array([1., 1., 1.])
    """
    if name in _TABLES:
        return _TABLES[name](seed)
    if name in mpl.colormaps:
        return lut(name)
    near = get_close_matches(name, [*_TABLES, *mpl.colormaps], n=2)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(
        f"unknown encoding {name!r}{hint} Valid: {', '.join(_TABLES)}, or any matplotlib colormap"
    )


def channels(name: str) -> int:
    """Count the channels of an encoding.

    >>> channels("raw"), channels("viridis")
    (1, 3)
    """
    return int(table(name).shape[1])


def encode(values: ArrayLike, name: str, seed: int = 0) -> NDArray[np.float32]:
    """Put spectrograms (…, frequencies, frames) in [0, 1] through an encoding, channels first.

    ``raw`` takes any range and leaves it alone; the others clip and quantise to 256 levels. The
    result, float32 of shape (…, channels, frequencies, frames), lies in [0, 1], but for ``raw``.
    `name` is of the table at the top of this module; `seed` draws the random encodings.

    >>> encode(np.zeros((5, 64, 100)), "viridis").shape
    (5, 3, 64, 100)
    """
    x = np.asarray(values)
    if x.ndim < 2:
        raise ValueError(f"spectrograms have the shape (…, frequencies, frames), got {x.shape}")
    if name == "raw":
        return np.asarray(x[..., None, :, :], np.float32)
    columns = np.ascontiguousarray(table(name, seed).T, np.float32)
    images = x.reshape(-1, *x.shape[-2:])
    coloured = np.empty((len(images), len(columns), *x.shape[-2:]), np.float32)
    for image, planes in zip(images, coloured, strict=True):  # one at a time stays in the cache
        levels = quantise(image).astype(np.intp)
        for column, plane in zip(columns, planes, strict=True):
            np.take(column, levels, out=plane, mode="clip")  # clips nothing, and checks nothing
    return coloured.reshape(*x.shape[:-2], *coloured.shape[1:])


@dataclass(frozen=True)
class Scale:
    """Affine map of the channels, ``(x - shift) / spread``."""

    name: ScaleName  # one of `SCALES`
    #: (channels,); in the units of the channels
    shift: Array
    spread: Array

    def __call__(self, x: NDArray[Float], axis: int = -1) -> NDArray[Float]:
        """Scale an array whose `axis` counts the channels (−1 for tables, −3 for images)."""
        x = np.asarray(x)
        if x.shape[axis] != len(self.shift):
            raise ValueError(f"axis {axis} of {x.shape} is not {len(self.shift)} channels")
        shape = [1] * x.ndim
        shape[axis] = -1
        shift, spread = (v.astype(x.dtype).reshape(shape) for v in (self.shift, self.spread))
        return np.asarray((x - shift) / spread)


def _imagenet(count: int) -> tuple[Array, Array]:
    """ImageNet's mean and deviation for three channels, or their averages for one."""
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    if count == 3:
        return mean, std
    if count == 1:
        return mean.mean(keepdims=True), std.mean(keepdims=True)
    raise ValueError(
        f"ImageNet statistics are for 3 channels (or their average for 1), not {count}"
    )


def fit_scale(
    name: ScaleName, x: ArrayLike, axis: int = -1, weights: ArrayLike | None = None
) -> Scale:
    """Scaling of the channels, fitted to training data.

    - ``as_fed``: none; colours stay in [0, 1].
    - ``imagenet``: ImageNet's mean and deviation, whatever the data are. One channel gets the
      averages of the three, as common practice does.
    - ``standardised``: each channel to mean 0 and deviation 1. A constant channel becomes 0.
    - ``equal_energy``: each channel to mean 0, then *all by one factor*, such that the square
      averaged over pixels and channels is 1. The shape of the curve in colour space is kept up to
      size. Before a layer whose weights have a variance of ``1/channels``, all encodings then give
      pre-activations of the same mean variance, and R = G = B is the same as gray.

    `x` is training data, `axis` counts its channels: −1 for tables, −3 for images. `weights` tell
    how often each pixel occurs, in the shape of `x` without the channels.

    >>> scale = fit_scale("equal_energy", table("viridis"))
    >>> round(float((scale(table("viridis")) ** 2).mean()), 12)
    1.0
    """
    if name not in SCALES:
        raise ValueError(f"unknown scale {name!r}; valid: {', '.join(SCALES)}")
    flat = np.moveaxis(np.asarray(x, np.float64), axis, -1)
    count = flat.shape[-1]
    flat = flat.reshape(-1, count)
    if name == "as_fed":
        return Scale(name, np.zeros(count), np.ones(count))
    if name == "imagenet":
        return Scale(name, *_imagenet(count))
    share = None if weights is None else np.asarray(weights, np.float64).reshape(-1)
    mean = np.average(flat, axis=0, weights=share)
    variance = np.average((flat - mean) ** 2, axis=0, weights=share)
    if not variance.max() > 0:
        raise ValueError("all data agree: there is no spread to scale by")
    if name == "equal_energy":
        return Scale(name, mean, np.full(count, np.sqrt(variance.mean())))
    constant = variance <= (1e-12 * np.abs(flat).max()) ** 2
    return Scale(name, mean, np.where(constant, 1.0, np.sqrt(variance)))


def scaled_table(name: str, scale: ScaleName, seed: int = 0) -> Array:
    """Table of an encoding, scaled as if all 256 levels were equally frequent.

    Shape (256, channels).

    >>> bool(np.allclose(scaled_table("turbo", "equal_energy").mean(0), 0))
    True
    """
    raw = table(name, seed)
    return fit_scale(scale, raw)(raw)
