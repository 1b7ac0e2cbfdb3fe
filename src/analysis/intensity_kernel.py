"""How soon wide nets learn patterns of levels under each encoding: predicted, then measured.

`analysis.wide_nets.learning_speed` predicts; `analysis.wide_nets.two_layer` trains nets of finite
width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import pandas as pd
from tqdm import tqdm

from analysis.bands import band_tasks
from analysis.colour.colormaps import LEVELS
from analysis.colour.perception import distinct_maps, perception
from analysis.comparisons.studies import Study
from analysis.evidence.statistics import Interval, mean_interval, spearman
from analysis.pictures.encodings import ScaleName, scaled_table, table
from analysis.wide_nets import two_layer
from analysis.wide_nets.kernels import TARGETS, ntk, spectrum, target, time_to
from analysis.wide_nets.learning_speed import GRAY, predicted_speed


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
    """Size of the experiments: nets that are trained (besides gray), narrow ones, random curves.

    Then: noise of the map of where colour helps (levels), draws of kernel regression, and nets on
    noisy levels, whose numbers of steps are chosen for each encoding; nets on the tasks whose gain
    the band index predicts.
    """

    seeds: int
    width: int
    trained: tuple[str, ...]
    cells: tuple[Cell, ...]
    widths: tuple[int, ...]
    width_seeds: int
    curves: int
    sigmas: tuple[float, ...]
    draws: int
    net_seeds: int
    net_steps: tuple[int, ...]
    index: band_tasks.Settings = field(default_factory=band_tasks.Settings)


#: Root mean square of the targets that keep networks lazy.
LAZY = 0.01

_LAZY = tuple(Cell("equal_energy", name, LAZY) for name in TARGETS)
_UNIT = tuple(Cell("equal_energy", name, 1.0) for name in ("threshold", "band", "two-band"))
_FED = tuple(Cell("as_fed", name, LAZY) for name in ("threshold", "band", "two-band"))
_FEW = ("polynomial", "thermometer", "fourier", "viridis", "turbo", "jet", "hsv")
_MORE = ("gray3", "random-curve", "magma", "inferno", "plasma", "cividis")

_EDITION = Settings(
    seeds=3, width=512, trained=_FEW, cells=(*_LAZY, *_UNIT),
    widths=(4, 8, 16, 32, 64, 128), width_seeds=20, curves=20,
    sigmas=(4, 8, 12, 24, 48), draws=12, net_seeds=20, net_steps=(200, 800, 3200),
)  # fmt: skip

#: What the profiles mean.
SETTINGS: dict[str, Settings] = {
    "edition": _EDITION,
    "rehearsal": replace(_EDITION, index=band_tasks.Settings(band_tasks.MADE, seeds=2)),
    "large": Settings(
        seeds=20, width=2048, trained=(*_FEW, *_MORE), cells=(*_LAZY, *_UNIT, *_FED),
        widths=(2, 4, 8, 16, 32, 64, 128, 256, 1024), width_seeds=100, curves=200,
        sigmas=(4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48), draws=200, net_seeds=100,
        net_steps=(100, 200, 400, 800, 1600, 3200, 6400, 12800),
        index=band_tasks.Settings(seeds=60),
    ),
}  # fmt: skip

#: What the edition stores of this chapter: the nets that the band index's predictions are about.
STUDY = Study(
    "intensity-kernel", band_tasks, _EDITION.index, band_tasks.TABLES, band_tasks.KEY, ("task",),
    band_tasks.measure, band_tasks.again, band_tasks.here, band_tasks.estimate,
    needs=tuple(band_tasks.FETCHED.values()), together=("task", "arm"), sample=1,
)  # fmt: skip


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
    / time, with its 95 % interval; ``reached``, the share of the nets that got there (the
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
                found = mean_interval(np.log(given[done] / mine.measured[done]), seed)
                mean, low, high = map(math.exp, found)
            bound = bool(np.isinf(gray.measured[done]).any())
            reached = float(done.mean())
            rows.append((scale, goal, amplitude, name, predicted, mean, low, high, reached, bound))
    columns = ["scale", "target", "amplitude", "encoding", "predicted"]
    return pd.DataFrame(rows, columns=[*columns, "measured", "low", "high", "reached", "bound"])


@dataclass(frozen=True)
class Agreement:
    """How measured speeds agree with the predicted ones, for small targets and for full size.

    Rank correlations are over comparisons that finished; ``missed`` is the median error of a
    predicted ratio, ``excess`` the mean measured over predicted speed by target at full size;
    ``given_up`` counts gray's nets on two bands.
    """

    lazy: pd.DataFrame
    unit: pd.DataFrame
    lazy_rank: Interval
    unit_rank: Interval
    missed: float
    excess: pd.Series
    given_up: tuple[int, int]


def agreement(times: pd.DataFrame, ratios: pd.DataFrame, seed: int = 0) -> Agreement:
    """Compare `speed_ratios` with their predictions; `times` are what they come from."""
    measured = ratios[ratios.measured.notna()]
    lazy = measured[(measured.amplitude < 1) & ~measured.bound]
    unit = measured[measured.amplitude == 1]
    finished = unit[~unit.bound]
    late = times[(times.encoding == GRAY) & (times.amplitude == 1) & (times.target == "two-band")]
    missed = np.median(np.abs(np.log(lazy.measured / lazy.predicted)))
    logs = pd.Series(np.log(unit.measured / unit.predicted))
    return Agreement(
        lazy,
        unit,
        spearman(lazy.predicted, lazy.measured, seed),
        spearman(finished.predicted, finished.measured, seed),
        float(np.exp(missed) - 1),
        pd.Series(np.exp(logs.groupby(unit.target).mean())),
        (int(np.isinf(late.measured).sum()), len(late)),
    )


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


def slowed(drift: pd.DataFrame, name: str, seed: int = 0) -> list[float]:
    """Rate of an encoding's nets now over that at the start, geometric mean with its interval."""
    rows = drift[drift.encoding == name]
    return [float(np.exp(end)) for end in mean_interval(np.log(rows.now / rows.start), seed)]


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


def eye_against_net(table: pd.DataFrame, seed: int = 0) -> dict[tuple[str, str, str], Interval]:
    """Rank correlations over all maps of `map_table`, and those that keep the levels apart."""
    tables = {"all": table, "keeps": table[table.keeps]}
    pairs = product(("monotonicity", "uniformity", "length"), ("speed", "margin"), tables.items())
    return {  # rounded, since gray, binary and others tie
        (eye, net, kind): spearman(rows[eye], rows[net].round(9), seed)
        for eye, net, (kind, rows) in pairs
    }


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


def verdict_provably_faster(leads: pd.DataFrame) -> tuple[str, float]:
    """A9 by learning speed: whether some colormap is faster than gray and pays nowhere for it.

    *Rule.* Of the maps of `conservation.leads` that are not gray in disguise: some map starts to
    learn no pattern of levels more slowly than gray, and some faster: holds. Every map starts to
    learn every pattern more slowly or as fast: fails. Else: holds with limits. Also the least share
    of the 256 patterns on which a map is slower.
    """
    bent = leads[leads.bent]
    slower = bent.slower / LEVELS
    if (slower == 0).any():
        return "holds", 0.0
    return ("fails" if (bent.faster == 0).all() else "holds with limits"), float(slower.min())


def verdict_lower_risk(
    shown: pd.DataFrame, colours: Sequence[str] = ("viridis", "turbo")
) -> tuple[str, float, float]:
    """A9 on noisy levels: whether a colormap has the lower excess risk, as predicted.

    *Rule.* Over the cells of `generalisation.against_gray` in which something is learned: each map
    has a lower risk than gray in all: holds; in none: fails; else: holds with limits. Also the
    least and the largest ratio to gray's risk.
    """
    ratio = shown[shown.encoding.isin(colours)].ratio
    return _three_ways(float((ratio < 1).mean())), float(ratio.min()), float(ratio.max())


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
