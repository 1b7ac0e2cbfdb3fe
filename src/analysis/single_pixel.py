"""What one step neuron can do with one pixel: counted, measured and trained.

A *pattern* says which of n levels make the neuron fire. On gray only the 2n threshold patterns are
possible; on a colormap the levels lie on a curve in RGB, and every plane that cuts the curve makes
a pattern. The counts, margins and nets are those of `analysis.colour`; here they are applied to
matplotlib's maps, and judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.colour.colormaps import LEVELS, lut, lut8, lut8_rounded, names
from analysis.evidence.statistics import paired_difference
from analysis.evidence.verdicts import by_answers
from analysis.pictures import pictures
from analysis.planes import neurons
from analysis.planes.margins import (
    attempt,
    band_margins,
    count_standing,
    distinct_bands,
    pattern_margins,
)
from analysis.planes.patterns import (
    affine_rank,
    best_agreement,
    changes,
    count_patterns,
    cover_bound,
    plane_patterns,
)
from analysis.sound import datasets
from analysis.sound.spectrograms import quantise

#: A note with loud and soft partials, of the set of instruments.
_NOTE = "014 Tubular Bells"

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
    """What a profile computes; the counts and the margins are the same in both.

    `seeds`: initialisations and orders of presentation of each learner; `epochs`: passes over the
    levels; `planes`: random planes through three of a map's colours; `bands`: what the perceptron
    learns, to compare its mistakes with the margin.
    """

    seeds: int
    epochs: int
    planes: int
    bands: int


SETTINGS = dict.fromkeys(
    ("edition", "rehearsal"), Settings(seeds=5, epochs=1_000, planes=20_000, bands=30)
) | {"large": Settings(seeds=20, epochs=5_000, planes=200_000, bands=100)}


def heard() -> tuple[NDArray[np.uint8], str]:
    """Levels of a note below 4 kHz, over 80 dB, low frequencies first; and what it is."""
    notes = datasets.instruments(max_per_class=2)
    (index,) = np.flatnonzero(notes.groups == _NOTE)
    decibels = pictures.pictures(notes.waveforms[index, None])[0, : pictures.ROWS // 2]
    levels = quantise(decibels, decibels.max() - 80, decibels.max())
    return np.asarray(levels, np.uint8), (
        f"One second of {_NOTE[4:].lower()}; 0 to 4 kHz from below, 80 dB."
    )


def atlas(colormaps: Sequence[str] | None = None) -> pd.DataFrame:
    """Capacity of one neuron on the bytes of each colormap, by default all but the reversed ones.

    ``colours`` are distinct ones, ``rank`` is affine; ``threshold_patterns``: 2n, what as many gray
    levels would give.

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
    """Count, for each map, the bands that one neuron makes, from `band_margins` of the bytes.

    ``thresholds`` (bands from level 0, one change) and ``bands`` (two changes) made; ``narrower``:
    thresholds whose margin is below that of 256 gray levels copied three times; ``at_least_1`` and
    ``at_least_4``: how many of all bands have a margin ≥ 1/255 and ≥ 4/255; ``widest`` margin and
    ``widest_step`` between neighbouring colours, in 1/255. No margin exceeds half a step.
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
    """Count the bands that stand if some levels beside each edge, outside the band, do not count.

    ``bands`` have a margin of at least ``least`` (1 or 4, in 1/255), ``of`` so many with levels on
    both sides that must be silent.
    """
    rows = []
    for name, unguarded in tqdm(margins.items(), "guards", disable=None):
        for guard in guards:
            table = band_margins(lut8(name) / 255, guard) if guard else unguarded
            a, b = np.triu_indices(len(table))
            margin = table[a, b][(a > guard) & (b < len(table) - 1 - guard)]
            rows += [
                (name, guard, least, int((margin >= least / 255 - 1e-9).sum()), len(margin))
                for least in (1, 4)
            ]
    return pd.DataFrame(rows, columns=["colormap", "guard", "least", "bands", "of"])


def changes_against_margin(colormaps: Sequence[str], planes: int, seed: int) -> pd.DataFrame:
    """Best margins, in 1/255, of the patterns that random planes make, by their changes."""
    frames = []
    for name in tqdm(colormaps, "planes", disable=None):
        patterns = plane_patterns(lut8(name), planes, seed)
        patterns = patterns[patterns.any(1)]
        margin = pd.Series(pattern_margins(lut8(name) / 255, patterns) * 255)
        groups = margin.groupby(changes(patterns))
        table = {"patterns": groups.size(), "median": groups.median(), "greatest": groups.max()}
        frames.append(pd.DataFrame({"changes": groups.size().index} | table).assign(colormap=name))
    columns = ["colormap", "changes", "patterns", "median", "greatest"]
    return pd.concat(frames, ignore_index=True)[columns]


def ripple(name: str, planes: int, seed: int, scale: int = 100_000) -> pd.DataFrame:
    """Median and most changes that planes make on a map's bytes and on its colours to 1/`scale`."""
    fine = np.rint(lut(name) * scale).astype(np.int64)
    rows = {}
    tables: dict[str, NDArray[np.integer]] = {"bytes": lut8(name), "unrounded": fine}
    for kind, points in tables.items():
        k = changes(plane_patterns(points, planes, seed))
        median = float(np.median(k)) if k.size else 0.0
        rows[kind] = {"median": median, "most": int(k.max(initial=0))}
    return pd.DataFrame(rows).T


def encoding(name: str) -> Floats:
    """Colours in [0, 1], shape (256, 1 or 3), that the neuron sees for the levels.

    ``"gray"`` is the level itself, ``"gray3"`` the level three times; otherwise a map's bytes.
    """
    if name in ("gray", "gray3"):
        return lut8_rounded("gray")[:, : 1 if name == "gray" else 3] / 255
    return lut8(name) / 255


def best_possible(encodings: Iterable[str]) -> pd.DataFrame:
    """Percent of the levels that the best neuron gets right, for every target: between bounds."""
    targets, frames = np.array(list(TARGETS.values())), []
    for name in encodings:
        table = np.rint(encoding(name) * 255).astype(np.uint8)
        bounds = best_agreement(table, targets) / LEVELS * 100
        frames.append(bounds.assign(encoding=name, target=list(TARGETS)))
    return pd.concat(frames, ignore_index=True)


def train(encodings: Sequence[str], settings: Settings, seed: int) -> pd.DataFrame:
    """Train a logistic regression and a perceptron on one pixel, for every target and encoding.

    Both see the 256 levels once an epoch, in an order that the seed gives. Logistic regression:
    batches of 32, rate 1, normal initial weights. Perceptron: from zero; the best weights so far
    count ("pocket", Gallant 1990), since it never rests where no plane separates. Seeds are
    paired: each encoding meets the same initial weights and orders. ``accuracy`` is the share of
    levels on which the step neuron is right.
    """
    cells = list(product(encodings, TARGETS, range(seed, seed + settings.seeds)))
    pixels = {name: neurons.scaled(encoding(name)) for name in encodings}
    task = neurons.Tasks(
        np.stack([pixels[name] for name, _, _ in cells]),
        np.stack([TARGETS[target] for _, target, _ in cells]),
        np.array([run for _, _, run in cells]),
    )
    initial = [np.random.default_rng([run, 0]).normal(size=4) for _, _, run in cells]
    logistic, perceptron = np.stack(initial), np.zeros((len(cells), 4))
    pocket = np.zeros(len(cells))
    resting = np.zeros(len(cells), bool)
    frames = []
    runs = pd.DataFrame(cells, columns=["encoding", "target", "seed"])
    recorded = set(neurons.recorded_epochs(settings.epochs))
    for epoch in tqdm(range(1, settings.epochs + 1), "training", disable=None):
        presented = task.shuffled(epoch)
        neurons.logistic_epoch(logistic, presented)
        moving = np.flatnonzero(~resting)
        if len(moving):
            updated = perceptron[moving]
            resting[moving] = neurons.perceptron_epoch(updated, presented.kept(~resting)) == 0
            perceptron[moving] = updated
        pocket = np.maximum(pocket, task.accuracy(perceptron))
        if epoch in recorded:
            scores = {"logistic regression": task.accuracy(logistic), "perceptron": pocket}
            for learner, score in scores.items():
                frames.append(runs.assign(learner=learner, epoch=epoch, accuracy=score))
    columns = ["learner", "encoding", "target", "seed", "epoch", "accuracy"]
    return pd.concat(frames, ignore_index=True)[columns]


def colour_gains(trained: pd.DataFrame, colormap: str, seed: int) -> pd.DataFrame:
    """Accuracy that a colormap gains over gray copied three times, after the last epoch.

    ``low`` and ``high``: 95 % interval of the mean paired difference, widened
    (Bonferroni) to hold for all rows together.
    """
    last = trained[trained.epoch == trained.epoch.max()]
    score = last.set_index(["learner", "target", "encoding", "seed"]).accuracy.sort_index()
    cells = list(product(last.learner.unique(), TARGETS))
    level = 1 - 0.05 / len(cells)
    rows = []
    for learner, target in cells:
        a, b = (score[learner, target, name].to_numpy() for name in (colormap, "gray3"))
        gain = paired_difference(a, b, seed, level)
        rows.append((learner, target, *gain))
    return pd.DataFrame(rows, columns=["learner", "target", "gain", "low", "high"])


def mistakes_against_margin(
    table: NDArray[np.uint8], settings: Settings, seed: int, runs: int = 3
) -> pd.DataFrame:
    """Let perceptrons learn bands of many margins, and count their mistakes; `runs` orders each.

    ``learned``: whether an epoch without a mistake came; ``bound``: Novikoff's. Empty if the map
    makes no band.
    """
    bands = _spread_bands(band_margins(table / 255), settings.bands)
    cells = [(a, b, run) for a, b in bands for run in range(seed, seed + runs)]
    columns = ["a", "b", "seed"]
    if not cells:
        return pd.DataFrame(columns=[*columns, "margin", "bound", "mistakes", "learned"])
    fires = np.stack([(a <= _LEVEL) & (b >= _LEVEL) for a, b, _ in cells])
    pixels = neurons.scaled(table / 255)
    seeds = np.array([run for _, _, run in cells])
    tasks = neurons.Tasks(np.stack([pixels] * len(cells)), fires, seeds)
    mistakes, learned = neurons.learn(tasks, settings.epochs)
    planes = [attempt(table / 255, pattern) for pattern in fires]
    frame = pd.DataFrame(cells, columns=columns)
    frame["margin"] = [plane.margin for plane in planes]
    frame["bound"] = [neurons.novikoff_bound(plane, pixels) for plane in planes]
    return frame.assign(mistakes=mistakes, learned=learned)


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


def verdict_high_or_low(bands: Mapping[str, int]) -> str:
    """A5, by the number of true bands (two changes) that one neuron makes on each map.

    Holds if gray makes none and every other map some; with limits if only some do; else fails.

    >>> verdict_high_or_low({"gray": 0, "viridis": 9})
    'holds'
    """
    coloured = ["yes" if count else "no" for name, count in bands.items() if name != "gray"]
    return "fails" if bands["gray"] else by_answers(coloured)


def verdict_width(search: pd.DataFrame) -> str:
    """A6, by the exhaustive search of hidden gray layers.

    Holds if as many hidden neurons as changes always make the pattern; with limits if sometimes;
    fails if no pattern with two changes is ever made.

    >>> from analysis.planes.staircases import width_search
    >>> verdict_width(width_search(4, 3))
    'holds'
    """
    enough = search[(search.width >= search.changes) & (search.changes >= 2)]
    if (enough.made == enough.patterns).all():
        return "holds"
    return "holds with limits" if (enough.made > 0).any() else "fails"


def verdict_duplication(gray: int, copied: int, grown: bool) -> str:
    """D1 for one pixel: holds if copying adds patterns and growing does; with limits if one does.

    >>> verdict_duplication(512, 512, grown=True)
    'holds with limits'
    """
    return by_answers("yes" if works else "no" for works in (copied > gray, grown))


def verdict_redundancy(gray: int, copied: int, table: pd.DataFrame) -> str:
    """Q6 for one neuron, by the patterns of one gray channel and three, and the `atlas`.

    Holds if copying adds no pattern and every map with unequal channels does; with limits if some
    such maps add none; fails if copying adds patterns.
    """
    if copied > gray:
        return "fails"
    coloured = table[[bool(np.ptp(lut8(name), axis=1).any()) for name in table.colormap]]
    adding = coloured.patterns > coloured.threshold_patterns
    return "holds" if adding.all() else "holds with limits"


def verdict_limited_model(
    gray: int, patterns: Mapping[str, int], thresholds: Mapping[str, int], narrower: int
) -> str:
    """A9: under this model colour is better than gray, which makes `gray` patterns.

    Holds if some map makes more patterns, all of gray's 255 thresholds among them, and none with a
    narrower margin (`narrower`: the least number of such, over the complete maps); with limits if
    it only makes more; fails if no map does.

    >>> verdict_limited_model(512, {"turbo": 5_000_000}, {"turbo": 255}, narrower=3)
    'holds with limits'
    """
    more = [name for name, count in patterns.items() if count > gray]
    if not more:
        return "fails"
    complete = any(thresholds[name] == LEVELS - 1 for name in more)
    return "holds" if complete and narrower == 0 else "holds with limits"
