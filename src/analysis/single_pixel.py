"""What one step neuron can do with one pixel: counted, measured and trained.

A *pattern* says which of n levels make the neuron fire. On gray only the 2n threshold patterns are
possible; on a colormap the levels lie on a curve in RGB, and every plane that cuts the curve makes
a pattern. This module counts those patterns exactly, measures the margin with which each band can
be made, finds how many hidden gray neurons do the same, and trains the neuron.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.colour.colormaps import LEVELS, lut, lut8, lut8_rounded, names
from analysis.colour.margins import (
    Plane,
    band_margins,
    count_standing,
    distinct_bands,
    pattern_margins,
    separating_plane,
)
from analysis.colour.patterns import (
    affine_rank,
    changes,
    count_patterns,
    cover_bound,
    plane_patterns,
)
from analysis.colour.staircases import least_widths
from analysis.evidence.statistics import paired_difference

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: The maps whose bands are drawn; gray is the control.
MAPS = ("gray", "viridis", "magma", "turbo", "jet", "hsv")

_LEVEL = np.arange(LEVELS)

#: What the neuron is asked to learn: which levels should fire.
TARGETS: dict[str, Bools] = {
    "threshold": _LEVEL >= 128,
    "high or low": (_LEVEL < 64) | (_LEVEL >= 192),
    "band": (_LEVEL >= 150) & (_LEVEL < 200),
    "two bands": ((_LEVEL >= 32) & (_LEVEL < 96)) | ((_LEVEL >= 160) & (_LEVEL < 224)),
}


@dataclass(frozen=True)
class Settings:
    """What a profile of the chapter computes; the counts and the margins are the same in both.

    Attributes
    ----------
    seeds : int
        Initialisations and orders of presentation of each learner.
    epochs : int
        Passes over the 256 levels.
    planes : int
        Random planes through three of a map's colours.
    bands : int
        Bands that the perceptron learns, to compare its mistakes with the margin.
    """

    seeds: int
    epochs: int
    planes: int
    bands: int


SETTINGS = {
    "quick": Settings(seeds=5, epochs=1_000, planes=20_000, bands=30),
    "full": Settings(seeds=20, epochs=5_000, planes=200_000, bands=100),
}


def atlas(colormaps: Sequence[str] | None = None) -> pd.DataFrame:
    """Capacity of one neuron on the 8-bit colours of each colormap.

    Parameters
    ----------
    colormaps : sequence of str, optional
        All of matplotlib's by default, without the reversed ones (same colours, same count).

    Returns
    -------
    DataFrame
        A row for each map: ``colormap``, ``colours`` (distinct ones), ``rank`` (affine),
        ``patterns``, ``threshold_patterns`` (2n, what gray levels as many would give) and
        ``cover_bound``.

    Examples
    --------
    >>> atlas(["gray"]).patterns.item()
    464
    """
    rows = []
    for name in tqdm(names() if colormaps is None else colormaps, "atlas", disable=None):
        table = lut8(name).astype(np.int64)
        n = len(np.unique(table, axis=0))
        rows.append(
            {
                "colormap": name,
                "colours": n,
                "rank": affine_rank(table),
                "patterns": count_patterns(table),
                "threshold_patterns": cover_bound(n, dimension=1),
                "cover_bound": cover_bound(n),
            }
        )
    return pd.DataFrame(rows)


def band_table(margins: Mapping[str, Floats]) -> pd.DataFrame:
    """Count, for each map, the bands that one neuron makes.

    Parameters
    ----------
    margins : mapping of str to ndarray, shape (256, 256)
        From `band_margins` of the 8-bit colours.

    Returns
    -------
    DataFrame
        ``colormap``; ``thresholds`` made (bands from level 0, one change) and ``bands`` made (two
        changes); ``narrower``: thresholds whose margin is below that of 256 gray levels copied
        three times; ``at_least_1`` and ``at_least_4``: how many of all bands have a margin ≥ 1/255
        and ≥ 4/255; ``widest``: the greatest margin, and ``widest_step``: the greatest distance of
        neighbouring colours, both in units of 1/255. No margin exceeds half a step.
    """
    rows = []
    for name, table in margins.items():
        a, b = distinct_bands(len(table))
        made, copied = table[a, b] > 0, math.sqrt(3) / 2 / 255
        steps = np.linalg.norm(np.diff(lut8(name).astype(float), axis=0), axis=1)
        rows.append(
            {
                "colormap": name,
                "thresholds": int(made[a == 0].sum()),
                "bands": int(made[a > 0].sum()),
                "narrower": int((table[a, b][a == 0] < copied - 1e-9).sum()),
                "at_least_1": count_standing(table, 1 / 255),
                "at_least_4": count_standing(table, 4 / 255),
                "widest": float(table[a, b].max() * 255),
                "widest_step": float(steps.max()),
            }
        )
    return pd.DataFrame(rows)


def guard_table(margins: Mapping[str, Floats], guards: Sequence[int]) -> pd.DataFrame:
    """Count the bands that stand if the neuron may do as it likes near their edges.

    Parameters
    ----------
    margins : mapping of str to ndarray, shape (256, 256)
        From `band_margins` of the 8-bit colours, for guard 0.
    guards : sequence of int
        Levels beside each edge, outside the band, that do not count.

    Returns
    -------
    DataFrame
        ``colormap``, ``guard``, ``least`` (margin in units of 1/255: 1 and 4), ``bands`` that have
        it, ``of`` so many with levels on both sides that must be silent.
    """
    rows = []
    for name, unguarded in tqdm(margins.items(), "guards", disable=None):
        for guard in guards:
            table = band_margins(lut8(name) / 255, guard) if guard else unguarded
            a, b = np.triu_indices(len(table))
            found = table[a, b][(a > guard) & (b < len(table) - 1 - guard)]
            rows += [
                (name, guard, least, int((found >= least / 255 - 1e-9).sum()), len(found))
                for least in (1, 4)
            ]
    return pd.DataFrame(rows, columns=["colormap", "guard", "least", "bands", "of"])


def width_search(levels: int = 6, widest: int = 4) -> pd.DataFrame:
    """Share of the patterns with k changes that m hidden gray neurons make.

    Parameters
    ----------
    levels, widest : int
        As for `least_widths`.

    Returns
    -------
    DataFrame
        ``changes``, ``width``, ``patterns`` (with so many changes), ``made`` (by so many hidden
        neurons or fewer).
    """
    least = least_widths(levels, widest)
    patterns = (np.arange(2**levels)[:, None] >> np.arange(levels)) & 1
    count = changes(patterns)
    rows = [
        {
            "changes": k,
            "width": m,
            "patterns": int((count == k).sum()),
            "made": int(((count == k) & (least <= m)).sum()),
        }
        for k in range(levels)
        for m in range(widest + 1)
    ]
    return pd.DataFrame(rows)


def changes_against_margin(colormaps: Sequence[str], planes: int, seed: int) -> pd.DataFrame:
    """Best margins of the patterns that random planes make, by their number of changes.

    Parameters
    ----------
    colormaps : sequence of str
    planes, seed : int
        As for `plane_patterns`.

    Returns
    -------
    DataFrame
        ``colormap``, ``changes``, ``patterns`` found with so many, and the ``median`` and the
        ``greatest`` of their margins, in units of 1/255.
    """
    frames = []
    for name in tqdm(colormaps, "planes", disable=None):
        patterns = plane_patterns(lut8(name), planes, seed)
        patterns = patterns[patterns.any(1)]
        frame = pd.DataFrame(
            {"changes": changes(patterns), "margin": pattern_margins(lut8(name) / 255, patterns)}
        )
        frame["margin"] *= 255
        table = frame.groupby("changes").margin.agg(["size", "median", "max"]).reset_index()
        table.columns = pd.Index(["changes", "patterns", "median", "greatest"])
        frames.append(table.assign(colormap=name))
    columns = ["colormap", "changes", "patterns", "median", "greatest"]
    return pd.concat(frames, ignore_index=True)[columns]


def ripple(name: str, planes: int, seed: int, scale: int = 100_000) -> pd.DataFrame:
    """Compare the changes that planes make on a colormap's bytes and on its unrounded colours.

    Parameters
    ----------
    name : str
        A matplotlib colormap.
    planes, seed : int
        As for `plane_patterns`.
    scale : int
        The unrounded colours are taken to one part in so many.

    Returns
    -------
    DataFrame
        Rows ``"bytes"`` and ``"unrounded"``; columns ``median`` and ``most``.
    """
    fine = np.rint(lut(name) * scale).astype(np.int64)
    counts = {
        "bytes": changes(plane_patterns(lut8(name), planes, seed)),
        "unrounded": changes(plane_patterns(fine, planes, seed)),
    }
    rows = {
        kind: {"median": float(np.median(k)) if k.size else 0.0, "most": int(k.max(initial=0))}
        for kind, k in counts.items()
    }
    return pd.DataFrame(rows).T


def encoding(name: str) -> Floats:
    """Colours in [0, 1] that the neuron sees for the 256 levels.

    Parameters
    ----------
    name : str
        ``"gray"``: the level itself, one channel. ``"gray3"``: the level three times. Otherwise a
        colormap's bytes.

    Returns
    -------
    ndarray of float64, shape (256, 1 or 3)

    Examples
    --------
    >>> encoding("gray").shape, encoding("gray3").shape
    ((256, 1), (256, 3))
    """
    if name in ("gray", "gray3"):
        return lut8_rounded("gray")[:, : 1 if name == "gray" else 3] / 255
    return lut8(name) / 255


@dataclass(frozen=True)
class _Task:
    """Training tasks side by side: inputs (m, n, 4) with a last one, labels (m, n), seeds (m,)."""

    inputs: Floats
    fires: Bools
    seeds: NDArray[np.int_]

    def kept(self, rows: Bools) -> _Task:
        return _Task(self.inputs[rows], self.fires[rows], self.seeds[rows])

    def shuffled(self, epoch: int) -> _Task:
        """Put the levels in the order that each seed has in an epoch."""
        orders = {
            int(seed): np.random.default_rng([int(seed), 1, epoch]).permutation(self.fires.shape[1])
            for seed in np.unique(self.seeds)
        }
        order = np.stack([orders[int(seed)] for seed in self.seeds])
        inputs = np.take_along_axis(self.inputs, order[:, :, None], axis=1)
        return _Task(inputs, np.take_along_axis(self.fires, order, axis=1), self.seeds)

    def accuracy(self, weights: Floats) -> Floats:
        fired = np.einsum("mnc,mc->mn", self.inputs, weights) >= 0
        return np.asarray((fired == self.fires).mean(1))


def _scaled(colours: Floats) -> Floats:
    """Colours from [0, 1] to [−1, 1], as images are fed; with zeros to three channels, and a 1."""
    centred = np.pad(2 * colours - 1, ((0, 0), (0, 3 - colours.shape[1])))
    return np.column_stack([centred, np.ones(len(centred))])


def _logistic_epoch(weights: Floats, task: _Task, rate: float = 1.0, batch: int = 32) -> None:
    """One pass of stochastic gradient descent on the mean logistic loss, in place."""
    for start in range(0, task.fires.shape[1], batch):
        x = task.inputs[:, start : start + batch]
        wanted = task.fires[:, start : start + batch]
        expected = 0.5 + 0.5 * np.tanh(np.einsum("mbc,mc->mb", x, weights) / 2)
        weights -= rate / x.shape[1] * np.einsum("mbc,mb->mc", x, expected - wanted)


def _perceptron_epoch(weights: Floats, task: _Task) -> NDArray[np.int_]:
    """One pass of Rosenblatt's rule, in place; returns the mistakes of each task."""
    mistakes = np.zeros(len(weights), int)
    signed = task.inputs * np.where(task.fires, 1.0, -1.0)[:, :, None]
    for x, sign_x, wanted in zip(
        np.ascontiguousarray(task.inputs.transpose(1, 0, 2)),
        np.ascontiguousarray(signed.transpose(1, 0, 2)),
        task.fires.T,
        strict=True,
    ):
        wrong = (np.einsum("mc,mc->m", x, weights) >= 0) != wanted
        weights += sign_x * wrong[:, None]
        mistakes += wrong
    return mistakes


def recorded_epochs(epochs: int) -> tuple[int, ...]:
    """Epochs at which accuracy is recorded: 1, 2, 5, 10, … and the last.

    Examples
    --------
    >>> recorded_epochs(60)
    (1, 2, 5, 10, 20, 50, 60)
    """
    steps = {m * 10**e for e in range(len(str(epochs))) for m in (1, 2, 5)}
    return tuple(sorted({step for step in steps if step < epochs} | {epochs}))


def train(encodings: Sequence[str], settings: Settings, seed: int) -> pd.DataFrame:
    """Train a logistic regression and a perceptron on one pixel, for every target and encoding.

    Both see the 256 levels once an epoch, in an order that the seed gives; inputs are scaled to
    [−1, 1]. Logistic regression: stochastic gradient descent, batches of 32, rate 1, normal
    initial weights. Perceptron: Rosenblatt's rule from zero; the best weights so far count
    ("pocket", Gallant 1990), since it never rests where no plane separates. Seeds are paired:
    each encoding meets the same initial weights and orders.

    Parameters
    ----------
    encodings : sequence of str
        As `encoding` takes.
    settings : Settings
        How many ``seeds`` and ``epochs``.
    seed : int
        The first seed.

    Returns
    -------
    DataFrame
        ``learner``, ``encoding``, ``target``, ``seed``, ``epoch``, ``accuracy`` (share of the 256
        levels on which the step neuron is right).
    """
    cells = list(product(encodings, TARGETS, range(seed, seed + settings.seeds)))
    pixels = {name: _scaled(encoding(name)) for name in encodings}
    task = _Task(
        np.stack([pixels[name] for name, _, _ in cells]),
        np.stack([TARGETS[target] for _, target, _ in cells]),
        np.array([one for _, _, one in cells]),
    )
    initial = [np.random.default_rng([one, 0]).normal(size=4) for _, _, one in cells]
    logistic, perceptron = np.stack(initial), np.zeros((len(cells), 4))
    pocket = np.zeros(len(cells))
    resting = np.zeros(len(cells), bool)
    frames = []
    known = pd.DataFrame(cells, columns=["encoding", "target", "seed"])
    recorded = set(recorded_epochs(settings.epochs))
    for epoch in tqdm(range(1, settings.epochs + 1), "training", disable=None):
        presented = task.shuffled(epoch)
        _logistic_epoch(logistic, presented)
        moving = np.flatnonzero(~resting)
        if len(moving):
            updated = perceptron[moving]
            resting[moving] = _perceptron_epoch(updated, presented.kept(~resting)) == 0
            perceptron[moving] = updated
        pocket = np.maximum(pocket, task.accuracy(perceptron))
        if epoch in recorded:
            for learner, found in (
                ("logistic regression", task.accuracy(logistic)),
                ("perceptron", pocket),
            ):
                frames.append(known.assign(learner=learner, epoch=epoch, accuracy=found))
    columns = ["learner", "encoding", "target", "seed", "epoch", "accuracy"]
    return pd.concat(frames, ignore_index=True)[columns]


def colour_gains(trained: pd.DataFrame, colormap: str, seed: int) -> pd.DataFrame:
    """Accuracy that a colormap gains over gray copied three times, after the last epoch.

    Parameters
    ----------
    trained : DataFrame
        From `train`, with both encodings.
    colormap : str
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each learner and target: ``gain`` with ``low`` and ``high``, the 95 % bootstrap
        interval of the mean paired difference, widened (Bonferroni) to hold for all rows together.
    """
    last = trained[trained.epoch == trained.epoch.max()]
    score = last.set_index(["learner", "target", "encoding", "seed"]).accuracy.sort_index()
    cells = list(product(last.learner.unique(), TARGETS))
    level = 1 - 0.05 / len(cells)
    rows = []
    for learner, target in cells:
        a, b = (score[learner, target, name].to_numpy() for name in (colormap, "gray3"))
        found = paired_difference(a, b, seed, level)
        rows.append((learner, target, found.estimate, found.low, found.high))
    return pd.DataFrame(rows, columns=["learner", "target", "gain", "low", "high"])


def mistakes_against_margin(
    table: NDArray[np.uint8], settings: Settings, seed: int, runs: int = 3
) -> pd.DataFrame:
    """Let perceptrons learn bands of many margins, and count their mistakes.

    Parameters
    ----------
    table : ndarray of uint8, shape (256, 3)
        A colormap's bytes.
    settings : Settings
        How many ``bands`` and at most how many ``epochs``.
    seed : int
    runs : int
        Orders of presentation for each band.

    Returns
    -------
    DataFrame
        ``a``, ``b``, ``margin`` (colours in [0, 1]), ``seed``, ``mistakes``, ``learned`` (whether
        an epoch without a mistake came), ``bound``: Novikoff's (1962) on the mistakes,
        ``R² / γ²`` for inputs of length R and a plane through their origin with margin γ. Empty
        if the map makes no band.
    """
    bands = _spread_bands(band_margins(table / 255), settings.bands)
    cells = [(a, b, one) for a, b in bands for one in range(seed, seed + runs)]
    columns = ["a", "b", "seed"]
    if not cells:
        return pd.DataFrame(columns=[*columns, "margin", "bound", "mistakes", "learned"])
    fires = np.stack([_band(a, b) for a, b, _ in cells])
    pixels = _scaled(table / 255)
    seeds = np.array([one for _, _, one in cells])
    mistakes, learned = _learn(_Task(np.stack([pixels] * len(cells)), fires, seeds), settings)
    frame = pd.DataFrame(cells, columns=columns)
    planes = [separating_plane(table / 255, pattern) for pattern in fires]
    frame["margin"] = [plane.margin if plane else 0.0 for plane in planes]
    frame["bound"] = [_novikoff(plane, pixels) if plane else math.inf for plane in planes]
    return frame.assign(mistakes=mistakes, learned=learned)


def _band(a: int, b: int) -> Bools:
    return np.asarray((a <= _LEVEL) & (b >= _LEVEL))


def _spread_bands(margins: Floats, count: int) -> list[tuple[int, int]]:
    """Bands that touch neither end, their margins spread evenly over the logarithm."""
    a, b = np.triu_indices(len(margins))
    real = (a > 0) & (b < len(margins) - 1) & (margins[a, b] > 1e-4 / 255)
    a, b = a[real], b[real]
    if not len(a):
        return []
    order = np.argsort(margins[a, b], kind="stable")
    logs = np.log(margins[a, b][order])
    at = np.minimum(np.searchsorted(logs, np.linspace(logs[0], logs[-1], count)), len(logs) - 1)
    return [(int(a[i]), int(b[i])) for i in order[np.unique(at)]]


def _learn(task: _Task, settings: Settings) -> tuple[NDArray[np.int_], Bools]:
    """Train perceptrons until an epoch without a mistake, or the last: mistakes, and whether."""
    mistakes = np.zeros(len(task.seeds), int)
    active, weights = np.arange(len(mistakes)), np.zeros((len(mistakes), 4))
    for epoch in tqdm(range(1, settings.epochs + 1), "mistakes", disable=None):
        made = _perceptron_epoch(weights, task.shuffled(epoch))
        mistakes[active] += made
        going = made > 0
        active, weights, task = active[going], weights[going], task.kept(going)
        if not len(active):
            break
    return mistakes, ~np.isin(np.arange(len(mistakes)), active)


def _novikoff(plane: Plane, pixels: Floats) -> float:
    """Bound on a perceptron's mistakes from a plane that separates the scaled pixels."""
    offset = float(plane.weights.sum()) + 2 * plane.bias
    margin = 2 * plane.margin / math.hypot(1.0, offset)
    return float((pixels**2).sum(1).max() / margin**2)


def grazing_azimuth(plane: Plane, elevation: float) -> int:
    """Azimuth, in degrees, from which a picture of the RGB cube shows the plane almost edge on.

    Parameters
    ----------
    plane : Plane
    elevation : float
        Of the camera, in degrees.

    Returns
    -------
    int
        A multiple of 5 between −80 and −10, so that the axes keep their usual places.

    Examples
    --------
    >>> grazing_azimuth(Plane(np.array([1.0, 0.0, 0.0]), -0.5, 0.1), 0.0)
    -80
    """
    azimuths = np.arange(-80, -5, 5)
    turn, rise = np.radians(azimuths), math.radians(elevation)
    towards = np.stack([np.cos(turn), np.sin(turn), np.full(len(turn), math.tan(rise))], axis=1)
    seen = np.abs(towards @ plane.weights) * math.cos(rise)
    return int(azimuths[np.abs(seen - 0.2).argmin()])


def verdict_high_or_low(bands: Mapping[str, int]) -> str:
    """Judge claim A5 by the number of true bands (two changes) that one neuron makes on each map.

    ``"holds"`` if gray makes none and every other map makes some; ``"holds with limits"`` if only
    some do; ``"fails"`` if none does, or gray makes them as well.

    Examples
    --------
    >>> verdict_high_or_low({"gray": 0, "viridis": 9})
    'holds'
    """
    coloured = [count > 0 for name, count in bands.items() if name != "gray"]
    if bands["gray"] > 0 or not any(coloured):
        return "fails"
    return "holds" if all(coloured) else "holds with limits"


def verdict_width(search: pd.DataFrame) -> str:
    """Judge claim A6 by the exhaustive search of hidden gray layers.

    ``"holds"`` if as many hidden neurons as changes always make the pattern; ``"holds with
    limits"`` if they make some; ``"fails"`` if no pattern with two changes is ever made.

    Examples
    --------
    >>> verdict_width(width_search(4, 3))
    'holds'
    """
    enough = search[(search.width >= search.changes) & (search.changes >= 2)]
    if (enough.made == enough.patterns).all():
        return "holds"
    return "holds with limits" if (enough.made > 0).any() else "fails"


def verdict_duplication(gray: int, copied: int, grown: bool) -> str:
    """Judge claim D1 for one pixel: patterns of gray, of gray copied, and whether growing works.

    ``"holds"`` if copying adds patterns and growing does; ``"holds with limits"`` if one of them
    does; ``"fails"`` if neither.

    Examples
    --------
    >>> verdict_duplication(512, 512, grown=True)
    'holds with limits'
    """
    works = (copied > gray) + grown
    return ("fails", "holds with limits", "holds")[works]


def verdict_redundancy(gray: int, copied: int, table: pd.DataFrame) -> str:
    """Judge claim Q6 for one neuron: equal channels are redundant, colormaps are not.

    ``"holds"`` if copying the channel adds no pattern and every map with unequal channels does;
    ``"holds with limits"`` if some such maps add none; ``"fails"`` if copying adds patterns.

    Parameters
    ----------
    gray, copied : int
        Patterns of one gray channel and of three equal ones.
    table : DataFrame
        From `atlas`.
    """
    if copied > gray:
        return "fails"
    coloured = table[[bool(np.ptp(lut8(name), axis=1).any()) for name in table.colormap]]
    adding = coloured.patterns > coloured.threshold_patterns
    return "holds" if adding.all() else "holds with limits"


def verdict_limited_model(
    gray: int, patterns: Mapping[str, int], thresholds: Mapping[str, int], narrower: int
) -> str:
    """Judge claim A9: under this model colour is better than gray.

    ``"holds"`` if some map makes more patterns than gray, all of gray's among them, and none with a
    narrower margin; ``"holds with limits"`` if it only makes more; ``"fails"`` if no map does.

    Parameters
    ----------
    gray : int
        Patterns on gray.
    patterns, thresholds : mapping of str to int
        For each map: all patterns, and how many of gray's 255 thresholds.
    narrower : int
        Least number of thresholds, over the maps that keep all, whose margin is below gray's.

    Examples
    --------
    >>> verdict_limited_model(512, {"turbo": 5_000_000}, {"turbo": 255}, narrower=3)
    'holds with limits'
    """
    more = [name for name, count in patterns.items() if count > gray]
    if not more:
        return "fails"
    complete = any(thresholds[name] == LEVELS - 1 for name in more)
    return "holds" if complete and narrower == 0 else "holds with limits"
