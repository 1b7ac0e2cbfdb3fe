"""How soon wide nets learn patterns of levels under each encoding: predicted, then measured.

The kernel that predicts is `analysis.nets.kernels`; the nets at finite width are trained by
`analysis.nets.two_layer`. The *speed* of an encoding is gray's time to learn a target over its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from analysis.colour.colormaps import LEVELS
from analysis.colour.perception import distinct_maps, perception
from analysis.evidence.statistics import bootstrap_mean
from analysis.nets import two_layer
from analysis.nets.kernels import (
    TARGETS,
    Rates,
    Spectrum,
    band,
    ntk,
    spectrum,
    target,
    time_to,
)
from analysis.sound.encodings import (
    ScaleName,
    fit_scale,
    fourier,
    random_curve,
    scaled_table,
    table,
)

Array = NDArray[np.float64]

#: The encoding that all speeds are ratios to: one channel, the level / 255.
GRAY = "gray8"


@dataclass(frozen=True)
class Cell:
    """How channels are scaled, which of `TARGETS` is learned, and the target's root mean square.

    Small targets keep the weights near their start, where the kernel is exact (Chizat, Oyallon and
    Bach, 2019, *On lazy training*); 1 is what one trains.
    """

    scale: ScaleName
    target: str
    amplitude: float


@dataclass(frozen=True)
class Settings:
    """Size of the experiments: nets that are trained (besides gray), narrow ones, random curves."""

    seeds: int
    width: int
    trained: tuple[str, ...]
    cells: tuple[Cell, ...]
    widths: tuple[int, ...]
    width_seeds: int
    curves: int


#: Root mean square of the targets that keep networks lazy.
LAZY = 0.01

_LAZY = tuple(Cell("equal_energy", name, LAZY) for name in TARGETS)
_UNIT = tuple(Cell("equal_energy", name, 1.0) for name in ("threshold", "band", "two-band"))
_FED = tuple(Cell("as_fed", name, LAZY) for name in ("threshold", "band", "two-band"))
_FEW = ("polynomial", "thermometer", "fourier", "viridis", "turbo", "jet", "hsv")
_MORE = ("gray3", "random-curve", "magma", "inferno", "plasma", "cividis")

#: What ``quick`` and ``full`` mean.
SETTINGS: dict[str, Settings] = {
    "quick": Settings(
        seeds=3,
        width=512,
        trained=_FEW,
        cells=(*_LAZY, *_UNIT),
        widths=(4, 8, 16, 32, 64, 128),
        width_seeds=20,
        curves=20,
    ),
    "full": Settings(
        seeds=20,
        width=2048,
        trained=(*_FEW, *_MORE),
        cells=(*_LAZY, *_UNIT, *_FED),
        widths=(2, 4, 8, 16, 32, 64, 128, 256, 1024),
        width_seeds=100,
        curves=200,
    ),
}


# Predictions


def _targets() -> Array:
    """Return the four targets as columns, shape (256, 4)."""
    return np.stack([target(name) for name in TARGETS], axis=1)


def compare(
    tables: Mapping[str, ArrayLike],
    bias: float = 1.0,
    hidden_layers: int = 1,
    reference: str = GRAY,
) -> pd.DataFrame:
    """Predict times of scaled encodings on the four targets, and their ratios to a reference.

    A row for each encoding and target: ``encoding``, ``target``, ``time``, ``top`` (largest
    eigenvalue), ``speed`` (at the same learning rate) and ``speed_stable`` (each at its own largest
    stable rate, 2 / top).
    """
    rows = []
    for name, x in tables.items():
        decomposed = spectrum(ntk(x, bias, hidden_layers))
        for goal, time in zip(TARGETS, time_to(decomposed, _targets()), strict=True):
            rows.append((name, goal, float(time), float(decomposed.values[0])))
    frame = pd.DataFrame(rows, columns=["encoding", "target", "time", "top"])
    own = frame[frame.encoding == reference].set_index("target")
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


def band_map(name: str, scale: ScaleName = "equal_energy", step: int = 8) -> pd.DataFrame:
    """Speed relative to gray for every band whose ends (``low``, ``high``) lie on a grid."""
    ends = [
        (low, high - 1)
        for low in range(0, LEVELS, step)
        for high in range(low + step, LEVELS + 1, step)
        if high - low < LEVELS
    ]
    y = np.stack([band(*pair) for pair in ends], axis=1)
    own = time_to(spectrum(ntk(scaled_table(name, scale))), y)
    gray = time_to(spectrum(ntk(scaled_table(GRAY, scale))), y)
    frame = pd.DataFrame(ends, columns=["low", "high"]).assign(speed=gray / own)
    frame.insert(0, "encoding", name)
    return frame


def band_order(decomposed: Spectrum) -> pd.DataFrame:
    """How a target's square accumulates from the fast eigenvectors to the slow ones.

    A row for each ``target`` and ``rank`` (1 is the fastest): ``value`` (eigenvalue) and
    ``unlearned``, the share of the square at this and slower ranks.
    """
    frames = []
    for name in TARGETS:
        shares = decomposed.shares(target(name))
        frames.append(
            pd.DataFrame(
                {
                    "target": name,
                    "rank": np.arange(1, LEVELS + 1),
                    "value": decomposed.values,
                    "unlearned": shares[::-1].cumsum()[::-1],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


# Training


def _rate_for(time: float, top: float) -> float:
    """Learning rate: 60 steps or more to the predicted time, and well within stability."""
    return min(time / 60, 1.4 / top)


def training_times(settings: Settings, seed: int = 0) -> pd.DataFrame:
    """Measure times, beside the predicted ones, for every encoding, cell and seed.

    ``measured`` is ``inf`` where a net was given up at ``limit``, eight times the prediction.
    """
    seeds = range(seed, seed + settings.seeds)
    jobs = [(cell, name) for cell in settings.cells for name in (GRAY, *settings.trained)]
    rows = []
    for cell, name in tqdm(jobs, desc="wide networks", disable=None):
        x, y = scaled_table(name, cell.scale, seed), cell.amplitude * target(cell.target)
        decomposed = spectrum(ntk(x))
        predicted = float(time_to(decomposed, y))
        rate, limit = _rate_for(predicted, float(decomposed.values[0])), 8 * predicted
        for start in range(0, len(seeds), 5):  # five at a time stay in the cache
            few = seeds[start : start + 5]
            found = two_layer.learning_times(
                x, y, width=settings.width, seeds=few, rate=rate, limit=limit
            )
            rows += [
                (cell.scale, cell.target, cell.amplitude, name, s, predicted, float(t), limit)
                for s, t in zip(few, found, strict=True)
            ]
    columns = ["scale", "target", "amplitude", "encoding", "seed", "predicted", "measured", "limit"]
    return pd.DataFrame(rows, columns=columns)


def speed_ratios(times: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Predicted and measured speed relative to gray, with intervals over the seeds.

    A row for each cell and encoding: ``measured``, the geometric mean over the seeds of gray's time
    / time, with its 95 % bootstrap interval; ``reached``, the share of the nets that got there (the
    mean is over those; NaN below two); ``bound``: some of gray's nets were given up, so that
    ``measured`` counts their time as the limit and the truth is larger.
    """
    rows = []
    for (scale, goal, amplitude), cell in times.groupby(
        ["scale", "target", "amplitude"], sort=False
    ):
        gray = cell[cell.encoding == GRAY].set_index("seed")
        given = gray.measured.clip(upper=gray.limit)
        for name, own in cell[cell.encoding != GRAY].groupby("encoding", sort=False):
            mine = own.set_index("seed")
            done = np.isfinite(mine.measured)
            predicted = float(gray.predicted.iloc[0] / mine.predicted.iloc[0])
            low = mean = high = math.nan
            if done.sum() >= 2:
                found = bootstrap_mean(np.log(given[done] / mine.measured[done]), seed)
                mean, low, high = (math.exp(v) for v in (found.estimate, found.low, found.high))
            bound = bool(np.isinf(gray.measured[done]).any())
            reached = float(done.mean())
            rows.append((scale, goal, amplitude, name, predicted, mean, low, high, reached, bound))
    columns = ["scale", "target", "amplitude", "encoding", "predicted"]
    return pd.DataFrame(rows, columns=[*columns, "measured", "low", "high", "reached", "bound"])


def kernel_drift(
    names: Sequence[str], settings: Settings, goal: str = "two-band", seed: int = 0
) -> pd.DataFrame:
    """Measure what training at full size does to the kernel, which theory holds fixed.

    Each net is trained for the time in which theory has it done. What is left of the target then
    decays at a rate that depends on the kernel: that of the net as it is ``now``, or at the
    ``start``.
    """
    rows = []
    y = target(goal)
    for name in tqdm(names, desc="kernel drift", disable=None):
        x = scaled_table(name, "equal_energy")
        decomposed = spectrum(ntk(x))
        predicted = float(time_to(decomposed, y))
        rate = _rate_for(predicted, float(decomposed.values[0]))
        for s in range(seed, seed + settings.seeds):
            steps = two_layer.descend(x, y, settings.width, [s], rate)
            first = last = next(steps)
            for _ in range(round(predicted / rate)):
                last = next(steps)
            left = last.error[0, :, 0].double().numpy()
            share = float((left**2).mean())
            rows.append((name, s, share, two_layer.decay(first, left), two_layer.decay(last, left)))
    return pd.DataFrame(rows, columns=["encoding", "seed", "residual", "start", "now"])


# Width, depth and features instead of colour


def finite_width(
    names: Sequence[str], settings: Settings, goal: str = "band", seed: int = 0
) -> pd.DataFrame:
    """How many narrow nets learn a target at all, and how soon, against their width.

    Every net gets four times the time that theory gives to an infinitely wide one on gray.
    ``reached`` is a share of the nets, ``time`` their median (``inf`` if fewer than half got
    there).
    """
    y = target(goal)
    allowed = 4 * float(time_to(spectrum(ntk(scaled_table(GRAY, "equal_energy"))), y))
    seeds = range(seed, seed + settings.width_seeds)
    rows = []
    for name in tqdm(names, desc="narrow networks", disable=None):
        x = scaled_table(name, "equal_energy")
        for width in settings.widths:
            times = two_layer.learning_times(
                x, y, width=width, seeds=seeds, rate=0.2, limit=allowed
            )
            middle = float(np.sort(times)[len(times) // 2])
            rows.append((name, width, float(np.isfinite(times).mean()), middle))
    return pd.DataFrame(rows, columns=["encoding", "width", "reached", "time"])


def fourier_speed(counts: Sequence[int], scale: ScaleName = "equal_energy") -> pd.DataFrame:
    """`compare` for the first K half-range cosines of the raw value: no colour involved."""
    t = np.arange(LEVELS) / (LEVELS - 1)
    tables = {GRAY: scaled_table(GRAY, scale)}
    for count in counts:
        features = fourier(t, np.arange(1, count + 1))
        tables[str(count)] = fit_scale(scale, features)(features)
    frame = compare(tables)
    frame = frame[frame.encoding != GRAY].reset_index(drop=True)
    return frame.assign(features=frame.encoding.astype(int))


def growth(width: int = 64, factor: int = 3) -> pd.DataFrame:
    """Predict what raw gains from a larger net, or from copies of its channel, instead of colour.

    ``speed`` and ``speed_stable`` as in `compare`, at equal energy, relative to raw in the same
    parametrisation. In the NTK parametrisation, whose kernel does not contain the width, "wider" is
    1 by theorem; "…, standard" is plain gradient descent (`kernels.Rates.standard`).
    """
    one = scaled_table("raw", "equal_energy")
    many = np.repeat(one, factor, axis=1)
    small = Rates.standard(width, 1)
    base = ntk(one)
    kernels = {
        "copies": (ntk(many), base),
        "wider": (base, base),
        "copies, standard": (
            ntk(many, rates=Rates.standard(width, factor)),
            ntk(one, rates=small),
        ),
        "wider, standard": (
            ntk(one, rates=Rates.standard(factor * width, 1)),
            ntk(one, rates=small),
        ),
        "layer": (ntk(one, hidden_layers=2), base),
        "two layers": (ntk(one, hidden_layers=3), base),
    }
    frames = []
    for name, (kernel, reference) in kernels.items():
        new, old = spectrum(kernel), spectrum(reference)
        speed = time_to(old, _targets()) / time_to(new, _targets())
        stable = speed * old.values[0] / new.values[0]
        frames.append(
            pd.DataFrame(
                {"remedy": name, "target": list(TARGETS), "speed": speed, "speed_stable": stable}
            )
        )
    return pd.concat(frames, ignore_index=True)


# The eye


def map_table(maps: Sequence[str] | None = None, scale: ScaleName = "equal_energy") -> pd.DataFrame:
    """Eye and net, for every distinct colormap.

    ``encoding``, ``colours`` (distinct ones among the 256), ``monotonicity``, ``uniformity``,
    ``length`` (of the scaled curve in the net's own input space), the predicted speed on each
    target, and ``speed`` (their geometric mean; 0 if one is never learned).
    """
    maps = distinct_maps() if maps is None else tuple(maps)
    speed = predicted_speed(maps, scale).pivot_table(
        index="encoding", columns="target", values="speed", sort=False
    )
    rows = []
    for name in maps:
        seen = perception(name)
        x = scaled_table(name, scale)
        length = np.linalg.norm(np.diff(x, axis=0), axis=1).sum() / math.sqrt(x.shape[1])
        colours = len(np.unique(table(name), axis=0))
        rows.append((name, colours, seen.monotonicity, seen.uniformity, float(length)))
    columns = ["encoding", "colours", "monotonicity", "uniformity", "length"]
    frame = pd.DataFrame(rows, columns=columns)
    for goal in TARGETS:
        frame[goal] = speed.loc[list(maps), goal].to_numpy()
    with np.errstate(divide="ignore"):  # the logarithm of speed 0, a target never learned
        frame["speed"] = np.exp(np.log(frame[list(TARGETS)]).mean(axis=1))
    return frame


# Verdicts


def _three_ways(share: float) -> str:
    return "holds" if share == 1 else "fails" if share == 0 else "holds with limits"


def verdict_turbo_over_jet(cells: pd.DataFrame, random: pd.DataFrame) -> tuple[str, float, float]:
    """C2 by learning speed: turbo against jet, and against curves that nobody designed.

    *Rule.* A target at a scale counts for turbo if its predicted speed beats jet's by more than 5
    %. All count, and turbo's geometric mean at equal energy lies above 95 % of the random curves':
    holds. None counts: fails. Else: holds with limits. Also the share that counts, and the share of
    the curves that turbo beats.
    """
    wide = cells.pivot_table(index=["scale", "target"], columns="encoding", values="speed")
    share = float((wide["turbo"] > 1.05 * wide["jet"]).mean())
    own = cells[(cells.encoding == "turbo") & (cells.scale == "equal_energy")]
    turbo = np.exp(np.log(own.speed).mean())
    curves = np.exp(np.log(random.speed).groupby(random.encoding).mean())
    percentile = float((curves < turbo).mean())
    verdict = _three_ways(share)
    if verdict == "holds" and percentile < 0.95:
        verdict = "holds with limits"
    return verdict, share, percentile


def verdict_colormap_matters(maps: pd.DataFrame) -> tuple[str, pd.Series]:
    """D3 by learning speed: how far apart the colormaps are that keep the levels apart.

    *Rule.* "Strongly" is a factor of 2 or more between the 10th and the 90th percentile of speed
    over the maps with at least 250 distinct colours. For all targets: holds; for none: fails; else:
    holds with limits. Also that factor, by target.
    """
    apart = maps.loc[maps.colours >= 250, list(TARGETS)]
    factor = apart.quantile(0.9) / apart.quantile(0.1)
    return _three_ways(float((factor.to_numpy() >= 2).mean())), factor


def verdict_growing_suffices(
    cells: pd.DataFrame, grown: pd.DataFrame, narrow: pd.DataFrame, colour: str = "turbo"
) -> tuple[str, float, bool]:
    """A6 by learning: whether more neurons or another layer do what colour does.

    *Rule.* Two parts. (1) *Speed*: on how many targets does one or two more layers, or a net three
    times wider, each at its own largest stable learning rate, make raw at least as fast as
    `colour`? (2) *Reach*: does raw at some width of the experiment have at least the share of
    successes that `colour` has at its narrowest? Both parts on all targets: holds. Neither on any:
    fails. Else: holds with limits. Also the share of (1), and (2).
    """
    grows = grown[grown.remedy.isin(["wider", "wider, standard", "layer", "two layers"])]
    best = grows.groupby("target").speed_stable.max()
    own = cells[cells.encoding == colour].set_index("target").speed_stable
    share = float((best.reindex(own.index) >= own).mean())
    coloured = narrow[narrow.encoding == colour].sort_values("width").reached.iloc[0]
    reach = bool((narrow[narrow.encoding == GRAY].reached >= coloured).any())
    return _three_ways((share + reach) / 2), share, reach


def verdict_duplicate_or_grow(
    cells: pd.DataFrame, grown: pd.DataFrame, colours: Sequence[str] = ("viridis", "turbo", "jet")
) -> tuple[str, pd.Series]:
    """D1 by learning speed: whether copies or a larger net do as much as colour.

    *Rule.* Over the targets, the given colormaps, and the two remedies (copies; the best of wider
    and one more layer), each at its own largest stable rate: how often is the remedy at least as
    fast? Always: holds. Never: fails. Else: holds with limits. Also that share, for each remedy.
    """
    own = cells[cells.encoding.isin(colours)].pivot_table(
        index="target", columns="encoding", values="speed_stable"
    )
    remedies = {
        "copies": ["copies", "copies, standard"],
        "growing": ["wider", "wider, standard", "layer"],
    }
    shares = {}
    for kind, names in remedies.items():
        best = grown[grown.remedy.isin(names)].groupby("target").speed_stable.max()
        shares[kind] = float(own.le(best.reindex(own.index), axis=0).to_numpy().mean())
    result = pd.Series(shares)
    return _three_ways(float(result.mean())), result
