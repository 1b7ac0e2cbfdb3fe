"""Fine-tuning: what colour, contrast and a start are worth where all of a net's weights move.

Nets are trained as people do it: pictures of 160 × 160, every weight, Adam from a rate that was
swept. Arms are paired by *draw*: the same clips, noise, folds, read-out and order of clips.

What decides, stated before any of these nets was trained. Scores are R² for chirps in noise of -10
to 20 dB, and accuracy for spoken words and for families of instruments, on clips (and speakers, or
programs) kept aside, at the last stop. Intervals are Student's over draws; those of recordings
share a pool and have Nadeau and Bengio's variance. Differences are corrected by Holm over an
estimand's sounds, and `MARGIN` is negligible. There is one rate a sound and start: the best of
those tried for gray, on a draw of its own; if that favours an arm, it is gray.

- "colour" (B2, for trained nets): mean of viridis and turbo less gray, from ImageNet's weights.
  Null: not above the margin. Holds if surely above for all sounds; with limits for some; fails if
  surely below the margin for all.
- "start" (B1, beyond chirps and small pictures): gray, from ImageNet's weights less from random.
  Read as B1 is: a sound an answer.
- "interaction" (Q7, for trained nets): viridis less gray from ImageNet's weights, less the same
  from random ones. Only for sounds where "colour" is surely above 0; elsewhere there is nothing to
  explain.
- "contrast": gray at a fifth of its contrast less gray. Prediction: none, for batch normalisation
  divides a contrast away where it takes the batch's own averages: surely less than `SAME` apart.
- "voices": a frozen net that was trained to tell speakers apart, less the frozen net of
  photographs, both read at their end and at all depths, on digits, their speakers and words.
  Prediction: surely better for who speaks; not for what is said, which it was trained to ignore.
- "colour, early": as "colour", at the first stop, after a few steps: whether a lead that frozen
  nets have outlives training.

The chirps came first, and of their three rates the largest was the best; the words had another
list, and its smallest was as good as any. Rates beyond these ends were tried later; the arms are
not trained anew at them, and the page says what they did. Instruments have one long list.

Instruments and a random smooth curve through the colours came last. Stated before a net was trained
on either, by the same rules: start surely better; of colour and of a fifth of the contrast nothing
that can be told; the random curve ("curve", less gray) no better than gray on any sound. Whether a
faint picture wants another rate than a loud one is tried on the draw for rates, from ImageNet's
weights. Prediction: batch normalisation leaves it the same, on every sound.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pandas as pd

from analysis.comparisons.studies import Study
from analysis.evidence import folds
from analysis.evidence.contrasts import corrected, effect, smallest_seen
from analysis.evidence.verdicts import by_answers, by_margin
from analysis.evidence.words import interval, intervals, listed
from analysis.pretrained import lessons
from analysis.pretrained.lessons import TESTED, Course

#: Differences below one percentage point were declared negligible before anything was computed.
MARGIN = 0.01

#: Contrasts are called the same if their scores surely differ by less than five points.
SAME = 0.05

#: Sounds, and what they are called.
TITLES = {"chirps": "chirps in noise", "spoken-words": "spoken words", "instruments": "instruments"}
STARTS = {"imagenet": "from ImageNet's weights", "random": "from random ones"}

SETTINGS = {
    "edition": Course(
        sounds=tuple(TITLES),
        arms={"imagenet": tuple(lessons.ARMS), "random": ("gray", "viridis")},
        draws=(21, 22, 23, 24, 25), trial=20, tried=("gray",), swept={"imagenet": ("gray, faint",)},
        rates={"chirps": (3e-4, 1e-3, 3e-3), "spoken-words": (1e-3, 3e-3, 1e-2, 3e-2),
               "instruments": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)},
        afterwards={"chirps": (1e-2, 3e-2), "spoken-words": (3e-4,)},
        clips=480, side=160, stops=(10, 50, 150),
    ),
}  # fmt: skip
SETTINGS["rehearsal"] = replace(
    SETTINGS["edition"], sounds=("chirps",), draws=(21, 22), swept={}, rates={"chirps": (1e-3,)},
    afterwards={}, clips=60, side=64, stops=(2, 6), heard=(),
)  # fmt: skip
SETTINGS["large"] = replace(
    SETTINGS["edition"], draws=tuple(range(21, 41)), clips=960, side=224,
    stops=(10, 50, 150, 600), rates=dict.fromkeys(TITLES, (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
    afterwards={},
)  # fmt: skip

#: What the edition stores. A build trains one net again as far as its first stop.
STUDY = Study(
    "fine-tuning", lessons, SETTINGS["edition"], lessons.TABLES, lessons.KEY,
    ("sound", "weights", "steps"),
    lessons.measure, lessons.again, lessons.quick, lessons.estimate,
    needs=("spoken-digits", "spoken-words"), sample=1, unit=("scores", "measured"),
)  # fmt: skip


def scores(nets: pd.DataFrame) -> pd.DataFrame:
    """Test scores of the arms: a row a sound, number of steps and draw; columns (start, arm)."""
    arms = nets[nets.stage == "arm"]
    columns = ["weights", "arm"]
    wide: pd.DataFrame = arms.pivot(
        index=["sound", "steps", "seed"], columns=columns, values="test"
    )
    return wide


def differences(wide: pd.DataFrame) -> pd.DataFrame:
    """Estimands, draw by draw, from `scores`: a column each."""
    own, other = wide["imagenet"], wide["random"]
    return pd.DataFrame(
        {
            "colour": (own.viridis + own.turbo) / 2 - own.gray,
            "viridis": own.viridis - own.gray,
            "turbo": own.turbo - own.gray,
            "curve": own["random-curve"] - own.gray,
            "contrast": own["gray, faint"] - own.gray,
            "start": own.gray - other.gray,
            "interaction": (own.viridis - own.gray) - (other.viridis - other.gray),
        }
    )


def effects(nets: pd.DataFrame) -> pd.DataFrame:
    """Each of `differences` by sound and number of steps, corrected over the sounds.

    ``estimand``, ``sound``, ``steps``, the difference with its interval, ``holm``, ``decided``.
    """
    table = differences(scores(nets))
    tables = []
    for (name, values), steps in product(table.items(), nets.steps.unique()):
        rows: list[dict[str, Any]] = []
        for sound, part in values.xs(steps, level="steps").groupby("sound"):
            pool = 0.0 if sound == "chirps" else folds.shared(10, tested=TESTED)
            label = {"estimand": name, "sound": sound, "steps": steps, "draws": len(part)}
            rows.append(label | effect(part, 0, pool))
        tables.append(corrected(pd.DataFrame(rows)))
    return pd.concat(tables, ignore_index=True)


def heard(frozen: pd.DataFrame) -> pd.DataFrame:
    """Compare the net of voices with that of photographs, by question and by how both are read."""
    rows: list[dict[str, Any]] = []
    both = frozen[frozen.probe.isin(("head", "all depths"))]  # how either net can be read
    for (task, probe), cell in both.groupby(["task", "probe"]):
        wide = cell.pivot(index=["seed", "fold"], columns="net", values="test")
        draws = wide.index.unique("seed").size
        shared = folds.shared(len(wide) // draws, draws=draws)
        scores = {"score": wide.voices.mean(), "reference": wide.photographs.mean()}
        found = effect(wide.voices - wide.photographs, 0, shared)
        rows.append({"task": task, "probe": probe} | scores | found)
    return corrected(pd.DataFrame(rows))


def at_end(table: pd.DataFrame, estimand: str) -> pd.DataFrame:
    """Rows of `effects` of one estimand at the last stop: a sound each."""
    end: pd.DataFrame = table[(table.estimand == estimand) & (table.steps == table.steps.max())]
    return end


def verdict(table: pd.DataFrame, estimand: str) -> str:
    """B2 from "colour" and B1 from "start", as stated above."""
    return by_answers(by_margin(at_end(table, estimand), MARGIN))


def verdict_explains(table: pd.DataFrame) -> str:
    """Q7 from "interaction", where colour helps at all."""
    colour = at_end(table, "colour")
    gains = colour.sound[colour.decided == 1]
    if gains.empty:
        return "fails" if (colour.high < MARGIN).all() else "undecided"
    own = at_end(table, "interaction")
    return by_answers(by_margin(own[own.sound.isin(gains)], MARGIN))


def said(rows: pd.DataFrame) -> str:
    """Spell differences by sound, in points with their intervals."""
    return "; ".join(f"{TITLES[s]} {e}" for s, e in zip(rows.sound, intervals(rows), strict=True))


def visible(rows: pd.DataFrame) -> str:
    """Spell the smallest difference that four in five such studies see, by sound."""
    named = zip(rows.sound, 100 * smallest_seen(rows, "draws"), strict=True)
    return listed(f"{value:.1f} points on {TITLES[sound]}" for sound, value in named)


def compared(rows: pd.DataFrame) -> str:
    """Spell rows of `heard`: scores and difference by question."""
    numbers = rows[["score", "reference", "difference", "low", "high"]].to_numpy(float)
    return "; ".join(
        f"{task} {score:.2f} against {other:.2f}, {interval(*ends)} points"
        for task, (score, other, *ends) in zip(rows.task, numbers, strict=True)
    )


def rates(nets: pd.DataFrame, course: Course) -> pd.DataFrame:
    """Rates tried and taken, by sound and start, and what was tried later: its best and scores."""
    end = nets[nets.steps == nets.steps.max()]
    rows = []
    for (sound, weights), rate in lessons.best_rates(nets).items():
        own = end[(end.sound == sound) & (end.weights == weights) & (end.arm == "gray")]
        score = own[own.stage != "arm"].set_index("rate").test
        later = own[own.stage == "afterwards"]
        beyond = [f"{row.test:.2f} at {row.rate:g}" for row in later.itertuples()]
        row = {"sound": TITLES[sound], "start": STARTS[weights]}
        row |= {"tried": listed(f"{one:g}" for one in course.rates[sound])}
        row |= {"taken (its score)": f"{rate:g} ({score[rate]:.2f})"}
        rows.append(row | {"tried later": listed(beyond, "–")})
    return pd.DataFrame(rows)


def swept(nets: pd.DataFrame) -> pd.DataFrame:
    """Scores at the last stop by rate, on the draw for rates: a row a sound, start and arm."""
    end = nets[(nets.steps == nets.steps.max()) & (nets.stage != "arm")]
    wide = end.replace({"sound": TITLES, "weights": STARTS}).pivot(
        index=["sound", "weights", "arm"], columns="rate", values="test"
    )
    table: pd.DataFrame = wide.reindex(TITLES.values(), level="sound").rename(columns="{:g}".format)
    return table


def same_rates(nets: pd.DataFrame) -> list[str]:
    """Sounds on which a rate that is best for gray is best for a faint gray too."""
    table = swept(nets)
    best = table.eq(table.max(axis=1), axis=0)  # two of an arm may be the same
    shared = best.groupby(["sound", "weights"], sort=False).sum().gt(1)
    return [str(sound) for sound, _ in shared.index[shared.any(axis=1)]]


def ended(ends: pd.DataFrame) -> pd.DataFrame:
    """Mean scores at the last stop by sound and start: of every arm, and of gray in training."""
    names = {"sound": TITLES, "weights": STARTS}
    rows = ends.replace(names).set_index(["sound", "weights", "arm"])[["test", "train"]].unstack()
    table: pd.DataFrame = rows.test.assign(**{"gray, on its training clips": rows.train.gray})
    order = [*lessons.ARMS, "gray, on its training clips"]
    return table[[name for name in order if name in table]].rename_axis([None, None])
