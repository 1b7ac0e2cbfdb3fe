"""Contrast before colour: what each is worth to a net that photographs have trained.

The study: each *cell* is a question about a sound at one noise; each arm is fed at every contrast
of a grid, and a frozen EfficientNet-Lite0 is read by ridge regression. An arm's *best* contrast is
chosen inside the training folds. The edition stores `STUDY`; predictions were locked before.

Four estimands, differences of scores: "contrast" and "colour" are read off the averaged head, as
people do; "place" is what that average loses, and "colour by place" what colour is worth without
it.

Larger nets, stated before one of them was measured. Lite1 and Lite2 are asked for the same four
estimands in some of the cells, each at its own picture side. Prediction: a difference lies on the
side of `MARGIN` where Lite0's measured one lies (`carried`). Null: that is right no more often than
the more frequent side of each estimand, said everywhere. What counts: hits beside that count, by
estimand; and what is decided after Holm's correction over the cells of a net and an estimand, with
B2's verdict by `verdict_colour` from all cells of both nets.

Smaller pictures, stated before one was measured: Lite0 shown chirps at 128 × 128 is asked for the
same, and predicted to lie on the side where it lies at 224. A small net that is trained on the
pixels themselves stands beside *no net*, in every cell; nothing is predicted of it.

The middle, stated when it had been chosen for chirps at two noises alone. Let every arm choose, in
every cell and inside the training folds, not its contrast alone but what the contrast is taken
around: the net's gray or black. Prediction: each difference still lies on the side of `MARGIN`
where it lies with the net's gray for everybody.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.comparisons.studies import Study
from analysis.evidence import measurements
from analysis.evidence.contrasts import corrected
from analysis.evidence.verdicts import by_answers, by_margin
from analysis.evidence.words import intervals
from analysis.pictures.encodings import IMAGENET_STD
from analysis.pretrained import efficientnet, looks, noisy
from analysis.pretrained.choices import CELL, COLOURS, GRID, Choice, chosen, compared, main_scores
from analysis.pretrained.looks import Settings

#: Differences below one percentage point were declared negligible before anything was computed.
MARGIN = 0.01

#: What the table calls Lite0 where it is shown smaller pictures.
OTHER_SIDE = f"imagenet, {looks.SMALLER}"

#: What is asked in every cell: first minus second.
ESTIMANDS: dict[str, tuple[Choice, Choice]] = {
    "colour": ((COLOURS, GRID, "head"), (("gray",), GRID, "head")),
    "contrast": ((("gray",), GRID, "head"), (("gray",), (1.0,), "head")),
    "place": ((("gray",), (1.0,), "by place"), (("gray",), (1.0,), "head")),
    "colour by place": ((COLOURS, GRID, "by place"), (("gray",), GRID, "by place")),
}

#: Sizes: the whole plan that was committed with the predictions, and larger nets; ``rehearsal`` is
#: small enough to be measured at each build.
_PLAN = Settings(
    contrasts=dict.fromkeys(("gray", *COLOURS), GRID),
    noises={"chirps": (20.0, 5.0, -10.0)}
    | dict.fromkeys(("instruments", "spoken-digits", "spoken-words"), (np.inf, 5.0, -5.0)),
    draws=3, blurs=(0.0, 1.0, 2.0, 4.0), side=64, clips=180, beside=True, larger=("lite1", "lite2"),
    larger_noises={"chirps": (20.0, 5.0, -10.0)}
    | dict.fromkeys(("instruments", "spoken-digits", "spoken-words"), (np.inf,)),
)  # fmt: skip
SETTINGS: dict[str, Settings] = dict.fromkeys(("large", "edition"), _PLAN) | {
    "rehearsal": replace(
        _PLAN, contrasts=dict.fromkeys(("gray", "red–blue", "viridis"), (1.0, 0.1)), draws=1,
        clips=48, beside=False, larger=(),
        noises={"chirps": (20.0, 5.0, -10.0), "instruments": (5.0,)},
    ),
}  # fmt: skip

#: What the edition stores. On another processor rounding can change the choice of a penalty: so far
#: a mean over folds may lie from the stored one.
STUDY = Study(
    "contrast-first", looks, SETTINGS["edition"], looks.TABLES, looks.KEY, (),
    looks.measure, looks.again, looks.here, looks.estimate, needs=noisy.FETCHED,
    compared=looks.compared, together=looks.LOOK, bound=0.03, sample=1, unit=("scores", "measured"),
)  # fmt: skip


def cells(settings: Settings = SETTINGS["edition"]) -> pd.DataFrame:
    """Every question at every noise: ``sound``, ``task``, ``snr``."""
    rows = [
        (sound, task, snr)
        for sound, noises in settings.noises.items()
        for task, snr in product(noisy.QUESTIONS[sound], noises)
    ]
    return pd.DataFrame(rows, columns=["sound", "task", "snr"])


def title(task: str, snr: float) -> str:
    """Name a cell in figures."""
    return f"{task}, {noise(snr)}"


def noise(snr: float) -> str:
    """Name a noise in figures."""
    return "clean" if np.isinf(snr) else f"{snr:+.0f} dB".replace("-", "−")


def predictions() -> pd.DataFrame:
    """Read what was expected of each cell and estimand: ``positive`` (above `MARGIN`), ``why``."""
    return measurements.locked(STUDY.name)


def effects(table: pd.DataFrame, net: str = "imagenet", black: bool = False) -> pd.DataFrame:
    """Each of `ESTIMANDS` in every cell of a net: Lite0's, or "lite1" or "lite2".

    With `black` both sides choose the middle too, see `main_scores`.
    ``score`` and ``reference`` are means of the two sides. The values are the folds of all draws;
    those of a draw share training clips, and the interval of ``difference`` is Nadeau and Bengio's
    for that. Holm's correction is over the cells of an estimand.
    """
    own = main_scores(table, net, black)
    tables = []
    for name, sides in ESTIMANDS.items():
        first, second = (chosen(own, side).set_index([*CELL, "draw", "fold"]) for side in sides)
        both = first[["test"]].join(second.test.rename("reference")).reset_index()
        rows = []
        for (task, snr), cell in both.groupby(CELL, sort=False):
            rows.append({"task": task, "snr": snr, "estimand": name} | compared(cell))
        tables.append(corrected(pd.DataFrame(rows)))
    return pd.concat(tables, ignore_index=True)


def hits(found: pd.DataFrame, locked: pd.DataFrame) -> pd.DataFrame:
    """Set predictions beside what was found.

    `effects` with ``positive`` (predicted), ``why``, ``hit`` (the difference lies on that side of
    `MARGIN`) and ``clear`` (so does its whole interval, or none of it).
    """
    both = found.merge(locked, on=[*CELL, "estimand"], validate="one_to_one")
    both["hit"] = (both.difference > MARGIN) == both.positive
    both["clear"] = (both.low > MARGIN) | (both.high < MARGIN)
    return both


def _sides(table: pd.DataFrame) -> pd.DataFrame:
    """Predict that differences lie where Lite0's do."""
    lite0 = effects(table)
    return lite0[[*CELL, "estimand"]].assign(positive=lite0.difference > MARGIN, why="Lite0")


def carried(table: pd.DataFrame) -> pd.DataFrame:
    """Set larger nets' differences beside what Lite0's predict: as `hits`, and ``net``."""
    nets = [net for net in (*efficientnet.WHEELS, OTHER_SIDE) if (table.net == net).any()]
    sides = _sides(table)
    return pd.concat([hits(effects(table, net), sides).assign(net=net) for net in nets])


def any_middle(table: pd.DataFrame) -> pd.DataFrame:
    """Set differences where both sides choose the middle too beside those where none does.

    As `hits`. "place" is left out: at full contrast there is no middle.
    """
    told = hits(effects(table, black=True), _sides(table))
    return told[told.estimand != "place"]


def chirps_by_middle(found: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Spell differences of chirps in points, around the net's gray and where the middle is chosen.

    From `effects` and `any_middle`: a row a difference and noise.
    """
    spelled = {}
    for name, table in {"around the net's gray": found, "gray or black, chosen": told}.items():
        own = table[(table.task == "chirp ends") & table.estimand.isin(told.estimand)]
        own = own.assign(noise=own.snr.map(noise)).sort_values(["estimand", "snr"], ascending=False)
        spelled[name] = own.assign(said=intervals(own)).set_index(["estimand", "noise"]).said
    return pd.DataFrame(spelled)


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

    One depends on the pictures' `levels`, in [0, 1].
    """
    own = 255 / 128
    return {
        "0–1 as it is": 1 / own,
        "the net's own": 1.0,
        "ImageNet's mean and deviation": float(1 / np.mean(IMAGENET_STD) / own),
        "mean 0, deviation 1": float(1 / levels.std() / own),
    }


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
    return [f"{score:.2f}" for score in means["chirp ends"].sort_index(ascending=False)]


def absolute(table: pd.DataFrame) -> pd.DataFrame:
    """Mean scores of each cell without a net, and read off the average and by place."""
    ways = {
        "no net": (("no net",), (1.0,), "pixels"),
        "small net,\ntrained": ((looks.SMALL,), (1.0,), looks.TRAINED),
        "gray,\nfull,\naveraged": ESTIMANDS["contrast"][1],
        "gray,\nbest,\naveraged": ESTIMANDS["colour"][1],
        "colour,\nbest,\naveraged": ESTIMANDS["colour"][0],
        "gray,\nfull,\nby place": ESTIMANDS["place"][0],
        "gray,\nbest,\nby place": ESTIMANDS["colour by place"][1],
        "colour,\nbest,\nby place": ESTIMANDS["colour by place"][0],
    }
    own = main_scores(table)
    means = {name: chosen(own, way).groupby(CELL).test.mean() for name, way in ways.items()}
    order, found = pd.MultiIndex.from_frame(cells()[CELL]), pd.DataFrame(means)
    return found.loc[order[order.isin(found.index)]]


def misses(told: pd.DataFrame) -> pd.DataFrame:
    """Predictions that missed, in words."""
    rows = told[~told.hit]
    return pd.DataFrame(
        {
            "cell": [title(*cell) for cell in zip(rows.task, rows.snr, strict=True)],
            "difference": rows.estimand.tolist(),
            "predicted": np.where(rows.positive, "above the margin", "not above"),
            "found (points)": intervals(rows),
        }
    )


def named(found: pd.DataFrame, answer: str) -> str:
    """Name the cells of one estimand to which `by_margin` gives an answer."""
    given = np.array(by_margin(found, MARGIN)) == answer
    cells = found.loc[given, CELL].itertuples(index=False)
    some = [task + (" (clean)" if np.isinf(snr) else f" at {noise(snr)}") for task, snr in cells]
    return ", ".join(some) or "no cell"


def hits_in_words(rates: pd.DataFrame) -> str:
    """Spell hits by estimand."""
    return "; ".join(f"{name} {row.hits} of {row.cells}" for name, row in rates.iterrows())
