"""A net that ImageNet has trained is shown spectrograms, and what colour does then.

Every *arm* is a net (pretrained, at random, or none: the pixels themselves), an encoding and a
normalisation of what it is fed. A fold of programs or speakers is tested once, by a probe that has
not seen it, and arms are compared fold by fold.

What decides, stated before nets were measured at 224 × 224. Chirps have signal-to-noise ratios
between -10 and 20 dB; a *question* is one of chirps' ends, an instrument's family and pitch, a
digit and its speaker, a word. Clips, noise and folds are drawn anew (draws 11 and on). Intervals
are Nadeau and Bengio's over the folds of all draws; a difference is sure if its 95 % interval and
its p value, corrected by Holm over a claim's comparisons, exclude 0; `MARGIN` is negligible.

- B1, whose author starts nets from ImageNet's weights to do regression on noisy spectrograms: R²
  for chirps of nets trained from these weights, less from random ones; gray ×3, the same clips,
  rate and steps, paired by seed. Null: not above the margin. Holds if surely above at each number
  of steps; with limits at some; fails if surely below the margin at all. Scope: frozen nets.
- B2, the same author's: R² for chirps, a frozen pretrained net read at its end, mean of the four
  usual colormaps less gray ×3, both fed 0–1. Null: not above the margin. Holds if surely above for
  chirps and for every other question; with limits for chirps, not for every other; fails if surely
  below the margin for chirps. Scope: each question, normalisation and size; no mean over questions.
- C5, "can": by question, gray ×3 at the net's own normalisation, less random nets and less *no
  net* (ridge regression on the pixels). Null: nowhere worse. Holds if for some question it is
  surely worse than a control however it is read (end, by place, all depths); with limits if only
  when read at its end; fails if everywhere surely less than the margin worse.
- Q7 is an interaction: at the net's own normalisation and end, mean of the usual colormaps less
  gray in the pretrained net, less the same in random nets (mean of draws). Of the questions where
  the pretrained net surely gains (elsewhere there is nothing to explain), for it where the
  interaction is surely above 0, against it where surely below the margin. Null: no interaction.

With two draws of chirps and one of each recorded sound C5 was undecided, and most differences by
question were. So six and four were drawn, once, by the same rules; all of them count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.comparisons.studies import Study
from analysis.evidence.contrasts import smallest_seen
from analysis.evidence.verdicts import by_answers, by_margin
from analysis.evidence.words import intervals, points
from analysis.pretrained import efficientnet, noisy, pieces
from analysis.pretrained.efficientnet import SIDE, Net
from analysis.pretrained.photographs import photographs
from analysis.pretrained.pieces import GRAY, NATIVE, ONE_CHANNEL, Plan, Training
from analysis.pretrained.readings import COLOURS, READ, USUAL, where
from analysis.sound import datasets

#: Differences below one percentage point were declared negligible before anything was computed.
MARGIN = 0.01

#: Questions, and what they are called in figures and sentences; the first is the claims' own.
TITLES = {
    "chirp ends": "chirps in noise",
    "family": "instrument families",
    "pitch": "pitch of notes",
    "digit": "spoken digits",
    "speaker": "speakers of digits",
    "word": "spoken words",
}
CHIRPS = next(iter(TITLES))

#: Questions whose score is R²; of the others it is accuracy.
VALUES = (CHIRPS, "pitch")

#: All encodings, in the order of the figures.
ENCODINGS = (GRAY, *COLOURS, "random-curve")

_SOUNDS = ("chirps", "instruments", "spoken-digits", "spoken-words")

_EDITION = Plan(
    draws={"chirps": tuple(range(11, 17))} | dict.fromkeys(_SOUNDS[1:], (11, 12, 13, 14)),
    clips=180, encodings=ENCODINGS, random_nets=2, controlled=(GRAY, *COLOURS), side=SIDE,
    taps=("stem", "stage 2", "stage 4", "stage 6"), crops=180, thorough=("chirps",),
    sides=(128, 64),
    step_sounds=("chirps", "instruments"), step_clips=120, step_sides=(64, 128),
    training=Training(("chirps",), (GRAY,), 5, 600, 64, (150,)),
)  # fmt: skip

#: What the profiles mean.
SETTINGS: dict[str, Plan] = {
    "edition": _EDITION,
    "rehearsal": replace(
        _EDITION, draws={"chirps": (11, 12), "instruments": (11,)}, clips=60, random_nets=1,
        side=96, thorough=("chirps",), sides=(64,), crops=40, step_clips=24, step_sides=(64, 96),
        training=Training(("chirps",), (GRAY,), 2, 120, 32, (6, 12)),
    ),
    "large": replace(
        _EDITION, draws=dict.fromkeys(_SOUNDS, (11, 12, 13, 14)), clips=360, random_nets=4,
        thorough=_SOUNDS, step_sounds=_SOUNDS, step_clips=240, step_sides=(128, SIDE),
        training=Training(_SOUNDS, (*ENCODINGS, ONE_CHANNEL), 5, 600, 96, (150, 450, 1350)),
    ),
}  # fmt: skip

#: What the edition stores of this chapter: everything that the net of photographs has seen. On
#: another processor rounding can change the choice of a penalty, and what training makes of it.
STUDY = Study(
    "transfer-learning", pieces, _EDITION, pieces.TABLES, pieces.KEY, (),
    pieces.measure, pieces.again, pieces.here, pieces.estimate,
    needs=tuple(sound for sound in _SOUNDS if sound in datasets.SOURCES),
    together=pieces.PIECE, bound=0.05, sample=4, unit=("scores", "measured"),
)  # fmt: skip


def conditions(plan: Plan) -> dict[str, tuple[str, str, int, str]]:
    """Conditions that colour is compared with gray in: label, normalisation, side, probe."""
    full = plan.side
    return {
        "unit": ("fed 0–1", "unit", full, "head"),
        "own": ("own normalisation", "own", full, "head"),
        "standardised": ("standardised", "standardised", full, "head"),
        "place": ("own, by place", "own", full, "by place"),
        "all": ("own, all depths", "own", full, "all depths"),
    } | {f"side {side}": (f"own, {side} pixels", "own", side, "head") for side in plan.sides}


def condition(effects: pd.DataFrame, name: str, plan: Plan, encoding: str = USUAL) -> pd.DataFrame:
    """Rows of `colour_effects` in one of `conditions`: of one encoding, or of "" all."""
    _, norm, side, probe = conditions(plan)[name]
    rows = where(effects, norm=norm, side=side, probe=probe, stem="rgb")
    return rows[rows.encoding == encoding] if encoding else rows


def guesses() -> pd.DataFrame:
    """Four likeliest classes of each photograph of `efficientnet.EXPECTED`, and their chances."""
    rows = []
    for name in efficientnet.EXPECTED:
        nets = (Net("imagenet"), Net("random"))
        chances = [efficientnet.class_probabilities(photographs()[name], net) for net in nets]
        for index in np.argsort(-chances[0], kind="stable")[:4]:
            title = efficientnet.CLASSES.get(int(index), f"class {index}")
            for net, p in zip(nets, chances, strict=True):
                rows.append((name, title, net.weights, float(p[index])))
    return pd.DataFrame(rows, columns=["photograph", "class", "weights", "probability"])


def stems() -> pd.DataFrame:
    """Measure what a one-channel first layer does to features of chirps."""
    task = noisy.tasks("chirps", None, NATIVE, NATIVE, 0)["chirp ends"]
    return pieces.stem_changes(task.pictures(NATIVE))


# --- in words --------------------------------------------------------------------------------


def said(table: pd.DataFrame) -> str:
    """Spell differences by question, in points with their intervals."""
    return "; ".join(f"{TITLES[t]} {e}" for t, e in zip(table.task, intervals(table), strict=True))


def in_a_table(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Differences in points with their intervals: a row a part, a column a question."""
    rows = {name: pd.Series(intervals(table), table.task) for name, table in parts.items()}
    found = pd.DataFrame(rows).T.fillna("–")
    found.columns.name = None
    return found[[task for task in TITLES if task in found]].rename(columns=TITLES)


def by_question(values: pd.Series, form: str = "", scale: float = 1.0) -> str:
    """Spell one number a question, by default a difference in points."""
    texts = {t: form.format(scale * v) if form else points(v) for t, v in values.items()}
    return "; ".join(f"{TITLES[str(task)]} {text}" for task, text in texts.items())


def largest(values: pd.Series) -> str:
    """Spell the largest of some differences, and of which question it is."""
    return f"{100 * values.max():.0f} points ({TITLES[str(values.idxmax())]})"


def sorted_out(table: pd.DataFrame) -> str:
    """Spell where a difference is surely above 0, where surely below the margin, and where open."""
    answers = np.array(by_margin(table, MARGIN))
    names = {"yes": "better", "no": "no better", "-": "undecided"}
    found = {name: [TITLES[t] for t in table.task[answers == key]] for key, name in names.items()}
    if len(found["undecided"]) > 2:
        found["undecided"] = ["all" if (answers == "-").all() else "all others"]
    return "; ".join(f"{name}: {', '.join(tasks)}" for name, tasks in found.items() if tasks)


def visible(table: pd.DataFrame) -> str:
    """Spell the smallest difference that four in five such studies see, by question."""
    return by_question(smallest_seen(table, "pairs").set_axis(table.task), "{:.0f}", 100)


def draws_in_words(plan: Plan) -> str:
    """Spell how many draws each sound has."""
    counts = pd.Series({sound: len(own) for sound, own in plan.draws.items()})
    often = {1: "once", 2: "twice"}
    return "; ".join(
        f"{often.get(n, f'{n} times')} for {', '.join(counts.index[counts == n]).replace('-', ' ')}"
        for n in counts.unique()
    )


def harmed(table: pd.DataFrame) -> str:
    """Spell where `harms` finds the pretrained net surely worse, and how it is read there."""
    worse = table[table.decided == -1]
    told = []
    for control in worse.control.unique():
        for task in worse.task[worse.control == control].unique():
            how = [READ[probe] for probe in where(worse, task=task, control=control).probe]
            told.append(f"{TITLES[task]} than {control} ({', '.join(how)})")
    return "; ".join(told) or "nowhere"


def gaining(table: pd.DataFrame) -> str:
    """Spell where the pretrained net surely gains by colour (`interactions`)."""
    own = table[(table.gain == "pretrained") & (table.decided == 1)]
    return ", ".join(TITLES[task] for task in own.task) or "no question"


# --- verdicts, as stated above ---------------------------------------------------------------


def verdict_starts(table: pd.DataFrame) -> str:
    """B1, from `starts` of gray ×3."""
    return by_answers(by_margin(where(table, task=CHIRPS, encoding=GRAY), MARGIN))


def verdict_colour(table: pd.DataFrame) -> str:
    """B2, from corrected rows of one condition, a question each."""
    answers = dict(zip(table.task, by_margin(table, MARGIN), strict=True))
    if answers[CHIRPS] == "yes":
        return "holds" if set(answers.values()) == {"yes"} else "holds with limits"
    return "fails" if answers[CHIRPS] == "no" else "undecided"


def verdict_detrimental(table: pd.DataFrame) -> str:
    """C5, from `harms`."""
    worse = table.decided == -1
    if worse.groupby([table.task, table.control]).all().any():
        return "holds"
    if (worse & (table.probe == "head")).any():
        return "holds with limits"
    return "fails" if (table.low > -MARGIN).all() else "undecided"


def verdict_explains(table: pd.DataFrame) -> str:
    """Q7, from `interactions`."""
    own, both = (table[table.gain == gain] for gain in ("pretrained", "interaction"))
    gains = own.task[own.decided == 1]
    if gains.empty:
        return "fails" if (own.high < MARGIN).all() else "undecided"
    return by_answers(by_margin(both[both.task.isin(gains)], MARGIN))
