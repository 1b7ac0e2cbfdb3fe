"""Contrast before colour: what each is worth to a net that photographs have trained.

The study: each *cell* is a question about a sound at one noise; each arm is fed at every contrast
of a grid, and a frozen EfficientNet-Lite0 is read by ridge regression. An arm's *best* contrast is
chosen inside the training folds. What came out is stored; predictions were locked before.

Four estimands, differences of scores: "contrast" and "colour" are read off the averaged head, as
people do; "place" is what that average loses, and "colour by place" what colour is worth without
it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.evidence.contrasts import corrected
from analysis.evidence.folds import CORE_SLOTS
from analysis.evidence.statistics import mean_interval
from analysis.evidence.verdicts import by_answers, by_margin
from analysis.evidence.words import interval
from analysis.nets import sweeps
from analysis.pictures.encodings import IMAGENET_STD
from analysis.pretrained import contrast as reading
from analysis.pretrained import noisy
from analysis.pretrained.contrast import NEUTRAL, Feed
from analysis.pretrained.efficientnet import Net

#: Differences below one percentage point were declared negligible before anything was computed.
MARGIN = 0.01

#: Arms that are no gray: "colour" takes, fold by fold, the best of them and of their contrasts.
COLOURS = ("red–blue", "viridis", "turbo")

#: Contrasts that an arm's best is chosen from, in steps of about ½ decade.
GRID = (1.0, 0.3, 0.1, 0.03)

#: Noise of each sound, signal over noise in dB, and draws of clips and noise.
NOISES = {
    "chirps": (20.0, 5.0, -10.0),
    "instruments": (np.inf, 5.0, -5.0),
    "spoken-digits": (np.inf, 5.0, -5.0),
    "spoken-words": (np.inf, 5.0, -5.0),
}
DRAWS = {"chirps": (1, 2, 3)}

#: Deviations of the blurs that *no net* chooses from, in pixels of 64.
BLURS = (0.0, 1.0, 2.0, 4.0)

#: Pixels of a picture before it is enlarged to 224, and clips of a draw.
SIDE, CLIPS = 64, 180

#: First minus second: (arms, contrasts, probe) each, best chosen inside the training folds.
Choice = tuple[tuple[str, ...], tuple[float, ...], str]
ESTIMANDS: dict[str, tuple[Choice, Choice]] = {
    "colour": ((COLOURS, GRID, "head"), (("gray",), GRID, "head")),
    "contrast": ((("gray",), GRID, "head"), (("gray",), (1.0,), "head")),
    "place": ((("gray",), (1.0,), "by place"), (("gray",), (1.0,), "head")),
    "colour by place": ((COLOURS, GRID, "by place"), (("gray",), GRID, "by place")),
}

#: Where the study keeps its predictions and its scores.
FOLDER = Path("measurements") / "contrast-first"

#: What names a cell, and a look.
CELL = ["task", "snr"]
_LOOK = ["sound", "snr", "draw", "arm", "contrast", "middle", "blur", "net", "padding"]

#: How far a mean over folds that is measured again may lie from the stored one: on another kind of
#: processor rounding can change the choice of a penalty.
AGREE = 0.03


@dataclass(frozen=True)
class Look:
    """A feed, and the sound it is shown."""

    sound: str
    snr: float
    draw: int
    feed: Feed


def cells() -> pd.DataFrame:
    """Every question at every noise: ``sound``, ``task``, ``snr``."""
    rows = [
        (sound, task, snr)
        for sound, noises in NOISES.items()
        for task, snr in product(noisy.QUESTIONS[sound], noises)
    ]
    return pd.DataFrame(rows, columns=["sound", "task", "snr"])


def title(task: str, snr: float) -> str:
    """Name a cell in figures."""
    noise = "clean" if np.isinf(snr) else f"{snr:+.0f} dB".replace("-", "−")
    return f"{task}, {noise}"


def looks() -> list[Look]:
    """Everything that is measured, what decides first."""
    sounds = [
        (sound, snr, draw)
        for sound, noises in NOISES.items()
        for draw, snr in product(DRAWS.get(sound, (1,)), noises)
    ]
    feeds = [Feed("no net", blur=blur) for blur in BLURS]
    feeds += [Feed(arm, contrast) for arm in ("gray", *COLOURS) for contrast in GRID]
    main = [Look(*sound, feed) for feed in feeds for sound in sounds]
    fives = [sound for sound in sounds if sound[:2] == ("chirps", 5.0)]
    unlike = [replace(Feed("gray"), padding="circular"), Feed("gray", net=Net("random"))]
    why = [
        Look(*sound, replace(feed, arm=arm, contrast=contrast))
        for feed in unlike
        for arm, contrast, sound in product(("gray", "red–blue"), (1.0, 0.1), fives)
    ]
    others = [("magma", 0.0), ("jet", 0.0), ("random-curve", 0.0), ("magenta–green", 0.0)]
    more = [
        Look("chirps", snr, 1, feed)
        for snr in (5.0, -10.0)
        for feed in [
            *(Feed(arm, contrast, blur=blur) for arm, blur in others for contrast in GRID),
            *(Feed("gray", contrast, blur=2.3) for contrast in GRID),  # 8 pixels of 224
            *(Feed("gray", contrast, middle=0.0) for contrast in GRID[1:]),
        ]
    ]
    return main + why + more


def measure(some: list[Look], store: Path | None, executor: str = "serial") -> pd.DataFrame:
    """Measure looks, resumable: a row a question, probe and fold."""
    code = sweeps.fingerprint(reading)
    work = [
        sweeps.Work(
            sweeps.fingerprint(code, look, SIDE, CLIPS),
            reading.piece,
            (look.sound, look.snr, SIDE, CLIPS, look.draw, look.feed),
        )
        for look in some
    ]
    found = sweeps.run(work, executor=executor, store=store, description="contrast", unit="look")
    return pd.concat([pd.DataFrame(one["rows"]) for one in found], ignore_index=True)


def folder() -> Path:
    """Find the study's folder, above the folder that this process runs in or above this file."""
    here = Path.cwd()
    places = (path / FOLDER for path in (here, *here.parents, *Path(__file__).parents))
    return next((place for place in places if place.exists()), here / FOLDER)


def predictions() -> pd.DataFrame:
    """Read what was expected of each cell and estimand: ``positive`` (above `MARGIN`), ``why``."""
    return pd.read_csv(folder() / "predictions.csv")


def scores() -> pd.DataFrame:
    """Read the stored scores: a row a cell, draw, feed, probe and fold.

    Raises
    ------
    ValueError
        If the table is not the one that the manifest names.
    """
    path = folder() / "scores.csv.gz"
    told = json.loads((folder() / "manifest.json").read_text("utf-8"))["files"]["scores"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != told["sha256"]:
        raise ValueError(f"{path} does not match its checksum: git checkout -- {path}")
    return pd.read_csv(path)


def main_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Scores of the pretrained net as it is, at no blur and around its own gray; and of no net."""
    usual = (table.net == "imagenet") & (table.padding == "zeros")
    usual &= np.isclose(table.middle, NEUTRAL)
    return table[usual & ((table.blur == 0) | (table.arm == "no net"))]


def chosen(table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """Rows that a choice takes in each fold: of least loss while other folds are left out too."""
    arms, contrasts, probe = choice
    some = table[table.arm.isin(arms) & table.contrast.isin(contrasts) & (table.probe == probe)]
    return some.loc[some.groupby([*CELL, "draw", "fold"]).loss.idxmin()]


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """Each of `ESTIMANDS` in every cell.

    The values are the folds of all draws; those of a draw share training clips, and the interval
    is Nadeau and Bengio's for that.

    Returns
    -------
    DataFrame
        The cell, ``estimand``, ``score`` and ``reference`` (means of the two sides), ``difference``
        with its interval, and Holm's correction over the cells of an estimand.
    """
    own = main_scores(table)
    tables = []
    for name, sides in ESTIMANDS.items():
        first, second = (chosen(own, side).set_index([*CELL, "draw", "fold"]) for side in sides)
        both = first[["test"]].join(second.test.rename("reference")).reset_index()
        rows = []
        for (task, snr), cell in both.groupby(CELL, sort=False):
            rows.append({"task": task, "snr": snr, "estimand": name} | _effect(cell))
        tables.append(corrected(pd.DataFrame(rows)))
    return pd.concat(tables, ignore_index=True)


def _effect(cell: pd.DataFrame) -> dict[str, float]:
    """Mean difference of a cell, with an interval for folds that share training clips."""
    difference, draws = cell.test - cell.reference, cell.draw.nunique()
    slots = cell.fold.nunique() + CORE_SLOTS
    found = mean_interval(difference, 0, shared=1 / (slots - 1) / draws)
    n, reach = len(difference), found.high - found.estimate
    error = reach / stats.t.ppf(0.975, n - 1)
    p = 2 * stats.t.sf(abs(found.estimate) / error, n - 1) if error else 1.0
    ends = {"difference": found.estimate, "low": found.low, "high": found.high}
    return {"score": cell.test.mean(), "reference": cell.reference.mean()} | ends | {"p": float(p)}


def hits(found: pd.DataFrame, locked: pd.DataFrame) -> pd.DataFrame:
    """Set predictions beside what was found.

    Returns
    -------
    DataFrame
        `effects` with ``positive`` (predicted), ``why``, ``hit`` (the difference lies on that side
        of `MARGIN`) and ``clear`` (so does its whole interval, or none of it).
    """
    both = found.merge(locked, on=[*CELL, "estimand"], validate="one_to_one")
    both["hit"] = (both.difference > MARGIN) == both.positive
    both["clear"] = (both.low > MARGIN) | (both.high < MARGIN)
    return both


def hit_rates(told: pd.DataFrame) -> pd.DataFrame:
    """Hits by estimand, beside what saying the more frequent answer everywhere would have hit."""
    rows = []
    for name, part in told.groupby("estimand", sort=False):
        above = int((part.difference > MARGIN).sum())
        clear = part[part.clear]
        counts = (int(part.hit.sum()), len(part), max(above, len(part) - above))
        rows.append((name, *counts, int(clear.hit.sum()), len(clear)))
    columns = ["estimand", "hits", "cells", "frequent", "clear_hits", "clear"]
    return pd.DataFrame(rows, columns=columns).set_index("estimand")


def bare(table: pd.DataFrame) -> pd.Series:
    """Score of *no net* by cell: ridge regression on pixels, at the best blur of each fold."""
    return chosen(table, (("no net",), (1.0,), "pixels")).groupby(CELL, sort=False).test.mean()


def by_contrast(table: pd.DataFrame, probe: str = "head") -> pd.DataFrame:
    """Mean score of each arm at each contrast, with the lowest and the highest of the draws."""
    some = main_scores(table)
    draws = some[some.probe == probe].groupby([*CELL, "arm", "contrast", "draw"]).test.mean()
    ends = draws.groupby([*CELL, "arm", "contrast"]).agg(["mean", "min", "max"])
    return ends.reset_index().rename(columns={"mean": "score", "min": "low", "max": "high"})


def habits(levels: NDArray[np.float32]) -> dict[str, float]:
    """Say which contrast each habit of feeding sets, in units of the net's own normalisation.

    Parameters
    ----------
    levels : ndarray of float32
        Of pictures, in [0, 1], for the habit that depends on them.
    """
    own = 255 / 128
    return {
        "0–1 as it is": 1 / own,
        "the net's own": 1.0,
        "ImageNet's mean and deviation": float(1 / np.mean(IMAGENET_STD) / own),
        "mean 0, deviation 1": float(1 / levels.std() / own),
    }


def causes(table: pd.DataFrame) -> pd.DataFrame:
    """Scores on chirps at one noise when padding or weights are exchanged, by arm and contrast."""
    usual = table[(table.task == "chirp ends") & (table.snr == 5) & (table.blur == 0)]
    usual = usual[np.isclose(usual.middle, NEUTRAL)]
    where = {("imagenet", "zeros"): "pretrained", ("imagenet", "circular"): "pretrained, no edges",
             ("random", "zeros"): "random weights"}  # fmt: skip
    names = [where.get(pair, "") for pair in zip(usual.net, usual.padding, strict=True)]
    both = usual.assign(way=names)
    shown = both.arm.isin(("gray", "red–blue")) & both.contrast.isin((1.0, 0.1))
    means = both[shown].groupby(["way", "arm", "contrast", "probe"]).test.mean()
    return means.reset_index().rename(columns={"test": "score"})


def _key(look: Look) -> tuple[object, ...]:
    """Values of `_LOOK`, but for the middle, which is stored to nine digits."""
    feed = look.feed
    start = (look.sound, look.snr, look.draw, feed.arm, feed.contrast)
    return (*start, round(feed.middle, 6), feed.blur, feed.net.weights, feed.padding)


def _stored(table: pd.DataFrame) -> set[tuple[object, ...]]:
    seen = table.round({"middle": 6})[_LOOK].drop_duplicates()
    return set(seen[seen.arm != "no net"].itertuples(index=False, name=None))


def checked(table: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Measure some looks again and set them beside the stored scores: mean over the folds each.

    Chirps only: they need no recordings.
    """
    again = [look for look in looks() if look.sound == "chirps" and _key(look) in _stored(table)]
    picked = np.random.default_rng(seed).permutation(len(again))[:count]
    new = measure([again[i] for i in picked], None)
    keys = [*CELL, "draw", "arm", "contrast", "blur", "middle", "net", "padding", "probe", "fold"]
    both = new.round({"middle": 6}).merge(
        table.round({"middle": 6}), on=keys, suffixes=("", "_stored"), validate="one_to_one"
    )
    return both.groupby(keys[:-1])[["test", "test_stored"]].mean().reset_index()


def verdict_colour(told: pd.DataFrame) -> str:
    """B2, each arm at its own best contrast: colour beats gray. From all cells of "colour".

    Null: the difference is not above `MARGIN`.
    """
    return by_answers(by_margin(told[told.estimand == "colour"], MARGIN))


def chirp_scores(
    table: pd.DataFrame, arm: str, contrasts: tuple[float, ...] = GRID, probe: str = "head"
) -> list[str]:
    """Spell an arm's scores on chirps, at its best contrast, from the least noise to the most."""
    means = chosen(main_scores(table), ((arm,), contrasts, probe)).groupby(CELL).test.mean()
    return [f"{means['chirp ends', snr]:.2f}" for snr in NOISES["chirps"]]


def absolute(table: pd.DataFrame) -> pd.DataFrame:
    """Mean scores of each cell without a net, and read off the average and by place."""
    ways = {
        "no net": (("no net",), (1.0,), "pixels"),
        "gray,\nfull,\naveraged": ESTIMANDS["contrast"][1],
        "gray,\nbest,\naveraged": ESTIMANDS["colour"][1],
        "colour,\nbest,\naveraged": ESTIMANDS["colour"][0],
        "gray,\nfull,\nby place": ESTIMANDS["place"][0],
        "gray,\nbest,\nby place": ESTIMANDS["colour by place"][1],
        "colour,\nbest,\nby place": ESTIMANDS["colour by place"][0],
    }
    own = main_scores(table)
    means = {name: chosen(own, way).groupby(CELL).test.mean() for name, way in ways.items()}
    order = pd.MultiIndex.from_frame(cells()[CELL])
    return pd.DataFrame(means).loc[order]


def misses(told: pd.DataFrame) -> pd.DataFrame:
    """Predictions that missed, in words."""
    rows = told[~told.hit]
    said = [interval(*ends) for ends in rows[["difference", "low", "high"]].to_numpy()]
    return pd.DataFrame(
        {
            "cell": [title(*cell) for cell in zip(rows.task, rows.snr, strict=True)],
            "difference": rows.estimand.tolist(),
            "predicted": np.where(rows.positive, "above the margin", "not above"),
            "because": rows.why.tolist(),
            "found (points)": said,
        }
    )


def hits_in_words(rates: pd.DataFrame) -> str:
    """Spell hits by estimand."""
    return "; ".join(f"{name} {row.hits} of {row.cells}" for name, row in rates.iterrows())


def colours(table: pd.DataFrame) -> list[str]:
    """List the colours that were measured in every cell."""
    count = table[["arm", *CELL]].drop_duplicates().arm.value_counts()
    return [arm for arm in COLOURS if count.get(arm, 0) == len(cells())]


def measured(table: pd.DataFrame) -> str:
    """Spell which contrasts each arm was measured at, in every cell."""
    own = main_scores(table)[["arm", "contrast", "sound", "snr"]].drop_duplicates()
    counts = own.groupby(["arm", "contrast"]).size()
    whole = len(cells()[["sound", "snr"]].drop_duplicates())
    told = []
    for arm in ("gray", *colours(table)):
        found = [f"{c:g}" for c in GRID if counts.get((arm, c), 0) == whole]
        told.append(f"{arm} at contrasts {', '.join(found)}")
    return "; ".join(told)


def missing(table: pd.DataFrame) -> int:
    """Count the looks of the plan that are not in the store."""
    return len(looks()) - len(table.drop_duplicates(_LOOK))
