"""How soon wide nets learn per encoding, by `analysis.wide_nets.kernels`; nothing is trained.

The *speed* of an encoding is gray's time to learn a target over its own. Tables have a row for each
encoding and target: ``time``, ``top`` (the kernel's largest eigenvalue), ``speed`` (at the same
learning rate) and ``speed_stable`` (each at its own largest stable rate, 2 / top).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.colour.colormaps import LEVELS, lut8
from analysis.evidence.verdicts import graded
from analysis.pictures.encodings import ScaleName, fit_scale, fourier, random_curve, scaled_table
from analysis.planes.margins import pattern_margins
from analysis.wide_nets.kernels import (
    TARGETS,
    Rates,
    Spectrum,
    band,
    ntk,
    spectrum,
    target,
    time_to,
)

#: The encoding that all speeds are ratios to: one channel, the level / 255.
GRAY = "gray8"


def _targets() -> NDArray[np.float64]:
    """Return the four targets as columns, shape (256, 4)."""
    return np.stack([target(name) for name in TARGETS], axis=1)


def compare(tables: Mapping[str, ArrayLike], bias: float = 1.0) -> pd.DataFrame:
    """Predict times of scaled encodings on the four targets, and their ratios to gray's.

    A row for each encoding and target: ``encoding``, ``target``, ``time``, ``top`` (largest
    eigenvalue), ``speed`` (at the same learning rate) and ``speed_stable`` (each at its own largest
    stable rate, 2 / top).
    """
    rows = []
    for name, x in tables.items():
        decomposed = spectrum(ntk(x, bias))
        for goal, time in zip(TARGETS, time_to(decomposed, _targets()), strict=True):
            rows.append((name, goal, float(time), float(decomposed.values[0])))
    frame = pd.DataFrame(rows, columns=["encoding", "target", "time", "top"])
    own = frame[frame.encoding == GRAY].set_index("target")
    base, top = frame.target.map(own.time), frame.target.map(own.top)
    frame["speed"] = base / frame.time
    frame["speed_stable"] = frame.speed * top / frame.top
    return frame


def predicted_speed(
    names: Iterable[str], scale: ScaleName, bias: float = 1.0, seed: int = 0
) -> pd.DataFrame:
    """`compare` for encodings by name, gray added as the reference."""
    tables = {name: scaled_table(name, scale, seed) for name in (GRAY, *names)}
    return compare(tables, bias).assign(scale=scale, bias=bias)


def random_curve_speed(count: int, scale: ScaleName, seed: int) -> pd.DataFrame:
    """`compare` for many random smooth curves: what to expect of a map that nobody designed."""
    tables = {GRAY: scaled_table(GRAY, scale)}
    for k in range(count):
        curve = random_curve(np.arange(LEVELS) / (LEVELS - 1), seed + k)
        tables[f"random-{k}"] = fit_scale(scale, curve)(curve)
    frame = compare(tables)
    return frame[frame.encoding != GRAY].reset_index(drop=True)


def fourier_speed(counts: Sequence[int]) -> pd.DataFrame:
    """`compare` for the first K half-range cosines of the raw value: no colour involved."""
    t = np.arange(LEVELS) / (LEVELS - 1)
    tables = {GRAY: scaled_table(GRAY, "equal_energy")}
    for count in counts:
        features = fourier(t, np.arange(1, count + 1))
        tables[str(count)] = fit_scale("equal_energy", features)(features)
    frame = compare(tables)
    frame = frame[frame.encoding != GRAY].reset_index(drop=True)
    return frame.assign(features=frame.encoding.astype(int))


def bands(step: int) -> list[tuple[int, int]]:
    """First and last levels of all bands whose ends lie on a grid."""
    starts = range(0, LEVELS, step)
    pairs = [(low, high) for low in starts for high in range(low + step, LEVELS + 1, step)]
    return [(low, high - 1) for low, high in pairs if high - low < LEVELS]


def band_map(name: str, step: int = 8) -> pd.DataFrame:
    """Speed relative to gray for every band whose ends (``low``, ``high``) lie on a grid."""
    y = np.stack([band(*pair) for pair in bands(step)], axis=1)
    own = time_to(spectrum(ntk(scaled_table(name, "equal_energy"))), y)
    gray = time_to(spectrum(ntk(scaled_table(GRAY, "equal_energy"))), y)
    frame = pd.DataFrame(bands(step), columns=["low", "high"]).assign(speed=gray / own)
    frame.insert(0, "encoding", name)
    return frame


def middle_third(maps: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Share of the bands as wide as a third that each map's net learns more slowly than the middle.

    By speed over gray's, from tables of `band_map`; 1 if it is made for a split into thirds.
    """
    shares, third = {}, round(LEVELS / 3 / 8) * 8  # on the maps' grid
    for name, frame in maps.items():
        wide = frame[frame.high - frame.low + 1 == third].set_index("low").speed
        middle = min(wide.index, key=lambda low: abs(low - (LEVELS - third) / 2))
        shares[name] = float((wide.drop(middle) < wide[middle]).mean())
    return pd.Series(shares)


def verdict_split(shares: pd.Series) -> str:
    """A7 by learning speed, from `middle_third`.

    *Rule.* A map counts if the middle third is among the fastest tenth of bands as wide. All count:
    holds. None: fails. Else: holds with limits.
    """
    return graded((shares >= 0.9).tolist())


def eigenfunctions(
    spectra: Mapping[str, Spectrum], ranks: Iterable[int] = range(2, 6)
) -> pd.DataFrame:
    """Eigenfunctions by rank, ``"gray 2"`` …, scaled to 1: the first rises from level 0.

    Those of the other encodings point the same way: gray's ends are equally large.
    """
    shapes: dict[str, NDArray[np.float64]] = {}
    first = next(iter(spectra))
    for rank in ranks:
        for name, decomposed in spectra.items():
            vector = decomposed.vectors[:, rank - 1]
            upward = vector[0] if name == first else vector @ shapes[f"{first} {rank}"]
            shapes[f"{name} {rank}"] = vector * np.sign(upward) / np.abs(vector).max()
    return pd.DataFrame(shapes)


def band_order(decomposed: Spectrum) -> pd.DataFrame:
    """How a target's square accumulates from the fast eigenvectors to the slow ones.

    A row for each ``target`` and ``rank`` (1 is the fastest): ``value`` (eigenvalue) and
    ``unlearned``, the share of the square at this and slower ranks.
    """
    frames = []
    for name in TARGETS:
        left = decomposed.shares(target(name))[::-1].cumsum()[::-1]
        columns = {"rank": np.arange(1, LEVELS + 1), "value": decomposed.values, "unlearned": left}
        frames.append(pd.DataFrame({"target": name} | columns))
    return pd.concat(frames, ignore_index=True)


def growth(width: int = 64, factor: int = 3) -> pd.DataFrame:
    """Predict what raw gains from a larger net, or from copies of its channel, instead of colour.

    ``speed`` and ``speed_stable`` as in `compare`, at equal energy, relative to raw in the same
    parametrisation. In the NTK parametrisation, whose kernel does not contain the width, "wider" is
    1 by theorem; "…, standard" is plain gradient descent (`kernels.Rates.standard`).
    """
    one = scaled_table("raw", "equal_energy")
    many = np.repeat(one, factor, axis=1)
    base, standard = ntk(one), ntk(one, rates=Rates.standard(width, 1))
    remedies = {
        "copies": (ntk(many), base),
        "wider": (base, base),
        "copies, standard": (ntk(many, rates=Rates.standard(width, factor)), standard),
        "wider, standard": (ntk(one, rates=Rates.standard(factor * width, 1)), standard),
        "layer": (ntk(one, hidden_layers=2), base),
        "two layers": (ntk(one, hidden_layers=3), base),
    }
    frames = []
    for name, kernels in remedies.items():
        new, old = map(spectrum, kernels)
        speed = time_to(old, _targets()) / time_to(new, _targets())
        stable = speed * old.values[0] / new.values[0]
        columns = {"target": list(TARGETS), "speed": speed, "speed_stable": stable}
        frames.append(pd.DataFrame({"remedy": name} | columns))
    return pd.concat(frames, ignore_index=True)


def median_margins(maps: Iterable[str]) -> list[float]:
    """Median, over bands, of a neuron's best margin (1/255), 8 levels free at either end."""
    ends = np.array([pair for pair in bands(8) if pair[0] > 8 and pair[1] < 247])
    levels = np.arange(LEVELS)
    fires = (levels >= ends[:, :1]) & (levels <= ends[:, 1:])
    silent = (levels < ends[:, :1] - 8) | (levels > ends[:, 1:] + 8)
    return [255 * np.median(pattern_margins(lut8(name) / 255, fires, silent)) for name in maps]
