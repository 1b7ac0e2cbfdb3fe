"""The edition's study of nets that photographs have trained: what is looked at, and stored.

A *piece* is measured at once: a `Look` (a frozen net, what it is fed and a sound; every question
about that sound is read off the same activations), a `Cell` (the same, of the factorial of steps)
or a `Lesson` (a net all of whose weights are trained). `measure` gives the tables `TABLES`;
``nets`` has a row for each piece, question and probe, whose folds are in ``folds``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, product
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.nets import sweeps
from analysis.pictures import encodings, steps
from analysis.pretrained import contrast, efficientnet, noisy, probes, transfer
from analysis.pretrained.efficientnet import SIDE, TAPS, Net
from analysis.pretrained.photographs import squares
from analysis.pretrained.transfer import RANGE_DB, Descent, Norm, Task
from analysis.sound import spectrograms

Weights = Literal["imagenet", "random"]
STARTS: tuple[Weights, ...] = ("imagenet", "random")

#: The reference encoding: the level, three times; and one channel, for summed or other filters.
GRAY, ONE_CHANNEL = "gray3", "raw"

#: Stands for the weights where ridge regression reads the pixels themselves.
NO_NET = "none"

#: Rows and columns of a spectrogram before a loader enlarges it.
NATIVE = 64

#: Columns of the stored tables, and their kinds.
TABLES: dict[str, dict[str, str]] = {
    "nets": {
        "stage": "text", "sound": "text", "task": "text", "weights": "text", "stem": "text",
        "net_seed": "count", "encoding": "text", "norm": "text", "side": "count", "steps": "text",
        "length": "count", "probe": "text", "seed": "count", "test": "number", "train": "number",
    },
    "folds": {"net": "count", "fold": "count", "test": "number", "train": "number"},
    "distances": {"sound": "text", "encoding": "text", "norm": "text", "distance": "number"},
}  # fmt: skip

#: What names a row of ``nets``; all but question and probe name its piece.
KEY = tuple(name for name in TABLES["nets"] if name not in ("test", "train"))
PIECE = tuple(name for name in KEY if name not in ("task", "probe"))


@dataclass(frozen=True)
class Training:
    """Which nets are trained, all weights of them, and on what.

    Net ``j`` of the `seeds` of an arm is tested on every fold ``k`` with ``k % seeds == j``. `side`
    is the pictures', `lengths` are numbers of steps: the first for all encodings, all for gray,
    which alone starts from random weights too.
    """

    sounds: tuple[str, ...]
    encodings: tuple[str, ...]
    seeds: int
    clips: int
    side: int
    lengths: tuple[int, ...]
    batch: int = 16
    rate: float = 3e-3


@dataclass(frozen=True)
class Plan:
    """How large the study is.

    Draws of clips of each sound (the seed of chirps, of the choice of recordings and of the folds),
    about so many clips of a draw; encodings; random nets, whose scores are averaged, and the
    encodings that they are fed; rows and columns that a net sees; depths that are read apart;
    squares of photographs that distances are taken to; sounds whose first draw is also seen under
    a third normalisation, at further sizes and through other first layers; the factorial's sounds,
    clips, and sides before and after "resize".
    """

    draws: Mapping[str, tuple[int, ...]]
    clips: int
    encodings: tuple[str, ...]
    random_nets: int
    controlled: tuple[str, ...]
    side: int
    taps: tuple[str, ...]
    crops: int
    thorough: tuple[str, ...]
    sides: tuple[int, ...]
    step_sounds: tuple[str, ...]
    step_clips: int
    step_sides: tuple[int, int]
    training: Training


# --- pieces ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """A frozen net, what it is fed, and a sound; `taps` are read apart, beside `contrast.PROBES`.

    With `crops`, the distance of its last activations from those of as many photographs' squares.
    """

    sound: str
    draw: int
    clips: int
    net: Net = field(default_factory=Net)
    encoding: str = GRAY
    norm: Norm = "own"
    side: int = SIDE
    taps: tuple[str, ...] = ()
    crops: int = 0
    bare: bool = False  # no net: the pixels themselves

    def label(self) -> dict[str, Any]:
        """Columns of ``nets`` that name it."""
        stage = {"stage": "pixels", "weights": NO_NET} if self.bare else {"stage": "frozen"}
        return _label(self.net, self.sound, self.draw, self.encoding, self.norm, self.side) | stage

    def run(self) -> dict[str, Any]:
        """Read it: scores by fold, and the distance."""
        asked = noisy.tasks(self.sound, None, NATIVE, self.clips, self.draw)
        first = next(iter(asked.values()))
        colours = encodings.encode(first.levels(NATIVE), self.encoding, self.draw)
        if self.bare:
            tables = [
                contrast.scores({"pixels": contrast.pixel_kernel(colours, task.core)}, task, name)
                for name, task in asked.items()
            ]
            return {"rows": _listed(tables)}
        fed = transfer.fed(colours, self.norm, first.core)
        found = contrast.activations(fed, contrast.lean(self.net), self.side)
        out: dict[str, Any] = {"rows": _read(found, asked, self.taps)}
        if self.crops:
            near = photographs(self.crops, self.side)["reference"]
            out["distance"] = probes.frechet_distance(near, found["head"][: self.crops])
        return out


@dataclass(frozen=True)
class Cell:
    """A subset of the steps of saving as an image, through a frozen net.

    One channel goes through the summed first layer, which is the same as three equal channels;
    inputs are standardised by the core in every cell, so that no step is only a change of scale.
    """

    sound: str
    draw: int
    clips: int
    on: tuple[str, ...]
    weights: Weights
    native: int
    side: int

    def label(self) -> dict[str, Any]:
        """Columns of ``nets`` that name it."""
        own = _label(Net(self.weights), self.sound, self.draw, "", "standardised", self.side)
        return own | {"stage": "steps", "steps": "; ".join(self.on)}

    def run(self) -> dict[str, Any]:
        """Read it: scores by fold."""
        asked = noisy.tasks(self.sound, None, self.native, self.clips, self.draw)
        task = next(iter(asked.values()))
        db = spectrograms.resize(task.db, (self.native, self.native))
        magnitude, core = np.asarray(10 ** (db / 20), np.float32), np.flatnonzero(task.core)
        how = steps.Pipeline(size=(self.side, self.side), range_db=RANGE_DB)
        images = steps.standardise(steps.prepare(magnitude, self.on, core, how), core)
        stem: Literal["rgb", "sum"] = "rgb" if images.shape[1] == 3 else "sum"
        module = contrast.lean(Net(self.weights, 0, stem))
        return {"rows": _read(contrast.activations(images, module, images.shape[-1]), asked)}


@dataclass(frozen=True)
class Lesson:
    """A net that is trained on the first question about a sound, see `transfer.train_net`."""

    sound: str
    clips: int
    net: Net
    encoding: str
    side: int
    seeds: int
    descent: Descent
    draw: int = 90

    def label(self) -> dict[str, Any]:
        """Columns of ``nets`` that name it."""
        own = _label(self.net, self.sound, self.net.seed, self.encoding, "own", self.side)
        return own | {"stage": "trained", "net_seed": 0, "length": self.descent.steps}

    def run(self) -> dict[str, Any]:
        """Train it: one score, of all its folds."""
        asked = noisy.tasks(self.sound, None, NATIVE, self.clips, self.draw)
        question, task = next(iter(asked.items()))
        colours = encodings.encode(task.levels(self.side), self.encoding, self.draw)
        test = (task.fold % self.seeds == self.net.seed) & ~task.core
        inputs = transfer.fed(colours, "own", task.core)
        ((_, *scores),) = transfer.train_net(self.net, inputs, task, test, self.descent)
        row = (question, "own", -1, *scores)
        return {"rows": pd.DataFrame([row], columns=_ROW).to_dict("list")}


@dataclass(frozen=True)
class Photographs:
    """Distances of photographs' squares from other squares, and from their own grays."""

    crops: int
    side: int

    def run(self) -> dict[str, Any]:
        """Measure them."""
        seen = photographs(self.crops, self.side)
        return {
            name: probes.frechet_distance(seen["reference"], found)
            for name, found in seen.items()
            if name != "reference"
        }


_ROW = ["task", "probe", "fold", "test", "train"]


def _label(net: Net, sound: str, draw: int, encoding: str, norm: str, side: int) -> dict[str, Any]:
    own = {"sound": sound, "weights": net.weights, "stem": net.stem, "net_seed": net.seed}
    own |= {"encoding": encoding, "norm": norm, "side": side, "steps": "", "length": 0}
    return own | {"seed": draw}


def _read(
    found: Mapping[str, NDArray[Any]], asked: Mapping[str, Task], taps: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Probe activations by `contrast.PROBES` and at some depths: rows of `_ROW`, as lists."""
    tables = []
    for question, task in asked.items():
        kernels = contrast.kernels(found, task.core)
        kernels |= {tap: probes.feature_kernel(found[tap], task.core) for tap in taps}
        tables.append(contrast.scores(kernels, task, question))
    return _listed(tables)


def _listed(tables: list[pd.DataFrame]) -> dict[str, Any]:
    return dict(pd.concat(tables)[_ROW].to_dict("list"))  # type: ignore[arg-type]


@cache
def photographs(count: int, side: int) -> dict[str, NDArray[np.float32]]:
    """Last activations of the pretrained net on squares of photographs, others, and in gray."""
    colour, other = (squares(count, side, seed) for seed in (1, 2))
    gray = np.repeat(colour.mean(1, keepdims=True, dtype=np.float32), 3, axis=1)
    shown = {"reference": colour, "other squares": other, "in gray": gray}
    return {
        name: contrast.activations(efficientnet.network_input(x), contrast.lean(Net()), side)[
            "head"
        ]
        for name, x in shown.items()
    }


# --- the study -------------------------------------------------------------------------------

Piece = Look | Cell | Lesson


def every(plan: Plan) -> Iterator[Piece]:
    """Everything that is measured: first draws, trained nets, the factorial, further draws."""
    draws = max(len(own) for own in plan.draws.values())
    rounds = [
        [(sound, own[i]) for sound, own in plan.draws.items() if i < len(own)] for i in range(draws)
    ]
    for sound, draw in rounds[0]:
        yield from _looks(plan, sound, draw, first=True)
    yield from _lessons(plan.training)
    for sound, on, weights in product(plan.step_sounds, steps.cells(), STARTS):
        taken = tuple(step for step in steps.STEPS if step in on)
        yield Cell(sound, plan.draws[sound][0], plan.step_clips, taken, weights, *plan.step_sides)
    for sound, draw in chain(*rounds[1:]):
        yield from _looks(plan, sound, draw, first=False)


def _looks(plan: Plan, sound: str, draw: int, first: bool) -> Iterator[Look]:
    """List looks at a draw; at the first, also other sizes and first layers, and distances."""
    one = Look(sound, draw, plan.clips, side=plan.side)
    far = replace(one, crops=plan.crops if first else 0)
    for encoding in plan.encodings:
        yield replace(one, encoding=encoding, side=NATIVE, bare=True)
        yield replace(far, encoding=encoding, norm="unit")
        yield replace(far, encoding=encoding, taps=plan.taps)
        for seed in range(plan.random_nets if encoding in plan.controlled else 0):
            yield replace(one, encoding=encoding, net=Net("random", seed), taps=plan.taps)
    if first and sound in plan.thorough:
        for encoding in plan.encodings:
            yield replace(far, encoding=encoding, norm="standardised")
            yield from (replace(one, encoding=encoding, side=side) for side in plan.sides)
        for stem in ("average", "new"):
            yield replace(one, net=Net(stem=stem), encoding=ONE_CHANNEL)


def _lessons(plan: Training) -> Iterator[Lesson]:
    for sound, encoding, weights in product(plan.sounds, plan.encodings, STARTS):
        stem: Literal["rgb", "sum"] = "sum" if encoding == ONE_CHANNEL else "rgb"
        if encoding != GRAY and weights == "random":
            continue
        for length in plan.lengths if encoding == GRAY else plan.lengths[:1]:
            how = Descent(length, plan.batch, plan.rate)
            for seed in range(plan.seeds):
                net = Net(weights, seed, stem)
                yield Lesson(sound, plan.clips, net, encoding, plan.side, plan.seeds, how)


def _run(one: Piece | Photographs) -> dict[str, Any]:
    return one.run()


def _results(some: list[Any], **how: Any) -> list[dict[str, Any]]:
    """Measure pieces, or read what is kept, in their order."""
    code = sweeps.fingerprint(sys.modules[__name__])
    work = [
        sweeps.Work(sweeps.fingerprint(code, one), _run, (one,), cost=len(some) - i)
        for i, one in enumerate(some)
    ]
    return sweeps.run(work, **({"unit": "piece"} | how))


def _tables(some: list[Piece], results: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Bring results into `TABLES`."""
    parts, far = [], []
    for one, result in zip(some, results, strict=True):
        label = one.label()
        parts.append(pd.DataFrame(result["rows"]).assign(**label))
        if "distance" in result:
            far.append(
                [label[name] for name in ("sound", "encoding", "norm")] + [result["distance"]]
            )
    rows = pd.concat(parts, ignore_index=True)
    rows["net"] = rows.groupby(list(KEY), sort=False).ngroup()
    scores = rows.groupby("net").agg(
        dict.fromkeys(KEY, "first") | {"test": "mean", "train": "mean"}
    )
    folds = rows[rows.fold >= 0]
    return {
        "nets": scores.reset_index(drop=True)[list(TABLES["nets"])],
        "folds": folds[list(TABLES["folds"])].reset_index(drop=True),
        "distances": pd.DataFrame(far, columns=list(TABLES["distances"])),
    }


def measure(plan: Plan, seed: int = 0, **how: Any) -> dict[str, pd.DataFrame]:
    """Measure the study; `how` is for `sweeps.run`. `seed` is added to every draw."""
    whole = [one for one in every(_drawn(plan, seed)) if noisy.present(one.sound)]
    found = _tables(whole, _results(whole, **how))
    reference = Photographs(plan.crops, plan.side)
    for name, distance in _results([reference], **how)[0].items():
        found["distances"].loc[len(found["distances"])] = ["photographs", name, "own", distance]
    return found


def _drawn(plan: Plan, seed: int) -> Plan:
    draws = {sound: tuple(draw + seed for draw in own) for sound, own in plan.draws.items()}
    return replace(plan, draws=draws)


def again(rows: pd.DataFrame, plan: Plan, seed: int = 0, **how: Any) -> pd.DataFrame:
    """Measure the pieces of some rows of ``nets`` again, and give the same rows."""
    wanted = set(rows[list(PIECE)].itertuples(index=False, name=None))
    some = [
        one
        for one in every(_drawn(plan, seed))
        if tuple(one.label()[name] for name in PIECE) in wanted
    ]
    found = _tables(some, _results(some, **how))["nets"]
    asked = rows[list(KEY)].rename_axis("row").reset_index()
    return asked.merge(found, on=list(KEY), validate="one_to_one").set_index("row")


def here(nets: pd.DataFrame) -> pd.Series:
    """Whether each row can be measured on this machine."""
    return nets.sound.map(noisy.present)


def estimate(plan: Plan, seed: int = 0) -> tuple[int, float]:
    """Count the pieces, and guess the processor's seconds: 20 pictures a second at 224 × 224."""
    seconds = 0.0
    whole = list(every(_drawn(plan, seed)))
    for one in whole:
        share = (one.side / SIDE) ** 2 / 20
        if isinstance(one, Lesson):  # forwards and backwards, small pictures at a lower pace
            seconds += one.descent.steps * 0.2
        elif isinstance(one, Cell):
            native = one.side if "resize" in one.on else one.native
            seconds += one.clips * (native / SIDE) ** 2 / 20
        else:
            seconds += 0.1 if one.bare else one.clips * share
    return len(whole), seconds


def stem_changes(pictures: NDArray[np.float32]) -> pd.DataFrame:
    """Measure what a one-channel first layer does to features, against three equal channels.

    `pictures` are square, (n, rows, columns) in [0, 1]. A row for each ``stem`` (sum, average, new)
    and ``tap``: ``change``, the norm of the difference over that of the features of three channels.
    """
    one, side = efficientnet.network_input(pictures[:, None]), pictures.shape[-1]
    three = contrast.activations(np.repeat(one, 3, axis=1), contrast.lean(Net()), side)
    rows = []
    for stem in ("sum", "average", "new"):
        single = contrast.activations(one, contrast.lean(Net(stem=stem)), side)
        for tap in TAPS:
            before, after = (np.asarray(f[tap], np.float64) for f in (three, single))
            change = np.linalg.norm(after - before) / np.linalg.norm(before)
            rows.append((stem, tap, float(change)))
    return pd.DataFrame(rows, columns=["stem", "tap", "change"])
