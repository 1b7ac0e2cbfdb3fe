"""The experiments and verdicts of ``channel-filters``: what a colormap does to a spectrogram.

Do its curves pick peaks (`peak_scores`), which spatial frequencies do they make (`fourier_scores`),
can a pixel still be foretold from its neighbours (`information_scores`), and
what do classical learners gain or lose
(`compare_learners`, `compare_maps`)?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.colour import filtering, information
from analysis.colour.colormaps import LEVELS
from analysis.evidence import statistics
from analysis.evidence.contrasts import contrast, contrasts
from analysis.evidence.statistics import Interval
from analysis.nets.classical import COPIES, LEARNERS, by_arm
from analysis.pictures import encodings
from analysis.sound import partials
from analysis.sound.partials import Notes

Floats = NDArray[np.float64]

#: Colormaps that the chapter follows throughout.
MAPS = ("viridis", "magma", "turbo", "jet")

#: Encodings that the learners are given; "gray3" is R = G = B.
ENCODINGS = ("gray8", "gray3", *MAPS, "random-curve", "shuffled")

#: Accuracy that counts as a difference worth having; stated before any run.
MARGIN = 0.02

#: Average precision, or skill, that counts as a difference; stated before any run.
SKILL_MARGIN = 0.02

#: Loss of skill at which a channel's spatial dependence is called broken.
BROKEN = 0.05

#: Gap of accuracy between two colormaps that is called strong.
STRONG = 0.05


@dataclass(frozen=True)
class Settings:
    """Sizes of the chapter's experiments; its pictures have ``side * side`` cells."""

    notes: int
    pixels: int
    regression_trees: int
    seeds: int
    side: int
    train: int
    test: int
    trees: int


#: Learners have 20 splits: with 5, no difference of five points clears the correction for so many.
SETTINGS = {
    "edition": Settings(16, 2500, 10, 20, 12, 30, 80, 20),
    "rehearsal": Settings(16, 2500, 10, 5, 12, 30, 80, 20),
    "large": Settings(60, 10_000, 50, 40, 16, 60, 100, 100),
}


# --- peaks, spatial frequencies, neighbours ---


def peak_scores(notes: Notes, seed: int) -> pd.DataFrame:
    """Average precision of every detector on every note.

    Each note meets its own random curve and its own shuffle; the best point-wise detector has
    learned on the other half of the notes. "chance" is the share of pixels on partials.
    """
    pairs = list(zip(notes.levels, notes.truth, strict=True))
    counts = np.stack([partials.level_counts(*pair) for pair in pairs])
    learned = [partials.best_pointwise(counts[1 - half :: 2].sum(0)) for half in (0, 1)]
    rows = []
    for note, (count, (levels, truth)) in enumerate(zip(counts, pairs, strict=True)):
        scores: dict[str, Floats] = {"threshold": np.arange(LEVELS, dtype=np.float64)}
        scores |= {f"R of {name}": encodings.table(name)[:, 0] for name in MAPS}
        scores["best point-wise"] = learned[note % 2]
        scores["random R"] = encodings.table("random-curve", seed + note)[:, 0]
        scores["shuffled R"] = encodings.table("shuffled", seed + note)[:, 0]
        precision = {
            name: partials.average_precision(count, score) for name, score in scores.items()
        }
        nearby = partials.level_counts(partials.local_contrast(levels), truth)
        precision["neighbours"] = partials.average_precision(nearby, np.arange(LEVELS))
        precision["chance"] = float(truth.mean())
        rows += [
            {"note": note, "detector": key, "average_precision": ap}
            for key, ap in precision.items()
        ]
    return pd.DataFrame(rows)


def compare(
    frame: pd.DataFrame, *, unit: str, arm: str, value: str, baseline: str, seed: int
) -> pd.DataFrame:
    """Paired differences of all arms from a baseline: mean, difference, low, high, p.

    The p values are Holm's over the arms; the baseline is there with a difference of 0.
    """
    wide = frame.pivot(index=unit, columns=arm, values=value)
    arms = list(dict.fromkeys(frame[arm]))
    table = _against(wide, arms, baseline, seed).rename(columns={"score": "mean"})
    asked = table.index != baseline
    table.loc[asked, "p"] = statistics.holm(table.p[asked])
    return table[["mean", "difference", "low", "high", "p"]]


def _against(wide: pd.DataFrame, arms: Iterable[str], baseline: str, seed: int) -> pd.DataFrame:
    """Contrasts of arms with a baseline, which is among them, in rows named for the arms."""
    rows = {arm: contrast(wide[arm], wide[baseline], seed) for arm in arms}
    return pd.DataFrame.from_dict(rows, orient="index")


def controls(seed: int) -> dict[str, Floats]:
    """Tables that the chapter compares: gray, `MAPS`, a random curve and a shuffled map."""
    tables = {"gray": encodings.table("gray8")} | {name: encodings.table(name) for name in MAPS}
    return tables | {
        "random": encodings.table("random-curve", seed),
        "shuffled": encodings.table("shuffled", seed),
    }


def fourier_scores(notes: Notes, seed: int) -> pd.DataFrame:
    """Measure the new spatial frequencies of every channel on every note.

    `filtering.new_energy`, and ``high``: the share of the energy above a quarter cycle a pixel.
    """
    rows = []
    for note, levels in enumerate(notes.levels):
        main = filtering.main_frequencies(filtering.spatial_power(levels))
        for encoding, table in controls(seed + note).items():
            for index, curve in enumerate(table.T):
                power = filtering.spatial_power(curve[levels])
                centre, share = filtering.radial_profile(power)
                rows.append(
                    {
                        "note": note,
                        "channel": filtering.channel_name(encoding, index),
                        "new_energy": filtering.new_energy(main, power),
                        "high": float(share[centre > 0.25].sum()),
                    }
                )
    return pd.DataFrame(rows)


def information_scores(notes: Notes, seed: int) -> pd.DataFrame:
    """Mutual information between neighbouring pixels, for each channel and for three together.

    Channels are rounded to bytes, as in a picture. Counts are pooled: one note has too few pixels
    for 256 × 256 cells.
    """
    counts = np.asarray(sum(information.neighbour_counts(levels) for levels in notes.levels))
    rows = []
    for encoding, colours in controls(seed).items():
        table = np.rint(colours * 255)
        arms = {
            filtering.channel_name(encoding, index): curve for index, curve in enumerate(table.T)
        }
        if table.shape[1] > 1:
            arms[f"{encoding} together"] = table
        for name, values in arms.items():
            symbols = information.colour_numbers(values)
            bits = information.neighbour_information(counts, symbols)
            rows.append({"channel": name, "bits": bits, "colours": int(symbols.max()) + 1})
    return pd.DataFrame(rows)


# --- classical learners ---


def compare_learners(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Every encoding against 8-bit gray, learner by learner; Holm's correction over all."""
    parts = []
    for name in LEARNERS:
        part = frame[frame.learner == name]
        wide = part.pivot(index="seed", columns="encoding", values="test")
        table = _against(wide, ENCODINGS, "gray8", seed).rename_axis("encoding").reset_index()
        train = [part.loc[part.encoding == code, "train"].mean() for code in ENCODINGS]
        parts.append(table.assign(learner=name, train=train))
    result = pd.concat(parts, ignore_index=True).rename(columns={"score": "test"})
    asked = result.encoding != "gray8"
    result.loc[asked, "p"] = statistics.holm(result.p[asked])
    return result[["learner", "encoding", "train", "test", "difference", "low", "high", "p"]]


def compare_maps(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Test accuracy of every pair of `MAPS`, learner by learner; Holm's correction over all."""
    parts = []
    for name in LEARNERS:
        wide = frame[frame.learner == name].pivot(index="seed", columns="encoding", values="test")
        parts.append(contrasts(wide, combinations(MAPS, 2), seed).assign(learner=name))
    result = pd.concat(parts, ignore_index=True).rename(columns={"a": "first", "b": "second"})
    result["p"] = statistics.holm(result.p)
    return result[["learner", "first", "second", "difference", "low", "high", "p"]]


# --- verdicts: rules that could come out otherwise ---


def _by_share(facts: Sequence[bool], none: str = "fails") -> str:
    """Verdict of facts: holds if all are true, with limits if some are; else that for none."""
    return "holds" if all(facts) else "holds with limits" if any(facts) else none


def verdict_nonlinear(gaps: Mapping[str, Interval]) -> str:
    """C1, first half: colormapping is nonlinear filtering.

    Holds if red of turbo and of jet have new spatial frequencies on all notes (shares less gray's,
    intervals above 0), with limits if some have; fails if none has.
    """
    return _by_share([gap.low > 0 for gap in gaps.values()])


def verdict_peaks(comparisons: Sequence[pd.DataFrame]) -> str:
    """C1, second half: the R channel of turbo or jet is the peaks.

    With the better of the two on each kind of notes (from `compare`, baseline "threshold"): holds
    if it finds more than a plain threshold everywhere; with limits if it is nowhere worse by more
    than `SKILL_MARGIN`; fails if it is worse by more everywhere; else undecided.
    """
    ends = [
        (frame.loc[names, "low"].max(), frame.loc[names, "high"].max())
        for frame in comparisons
        for names in [["R of turbo", "R of jet"]]
    ]
    if all(low > 0 for low, _ in ends):
        return "holds"
    if all(low > -SKILL_MARGIN for low, _ in ends):
        return "holds with limits"
    return "fails" if all(high < -SKILL_MARGIN for _, high in ends) else "undecided"


def verdict_dependence(
    alone: Mapping[str, pd.DataFrame], shared: Mapping[str, pd.DataFrame]
) -> str:
    """Q3: splitting into channels breaks spatial dependence.

    Holds if on every kind of picture all three channels together tell more than 1 % less about
    their neighbours than gray; with limits if on some they do, or some channel of `MAPS` by itself
    is worse foretold than gray by more than `BROKEN` (from `compare`, baseline "gray"); else fails.
    """
    bits = [frame.set_index("channel").bits for frame in shared.values()]
    together = [
        min(each[f"{name} together"] for name in MAPS) < 0.99 * each["gray"] for each in bits
    ]
    channels = [filtering.channel_name(name, index) for name in MAPS for index in range(3)]
    bent = any((frame.loc[channels, "high"] < -BROKEN).any() for frame in alone.values())
    if all(together):
        return "holds"
    return "holds with limits" if any(together) or bent else "fails"


def turbo_against_jet(
    atlas: pd.DataFrame,
    peaks: Mapping[str, pd.DataFrame],
    maps: Mapping[str, pd.DataFrame],
    seed: int,
) -> pd.DataFrame:
    """Who wins, turbo or jet, by each criterion of this chapter: its values and the winner.

    Smaller is better for the first three, which are the eye's (column ``of``). Measured criteria
    have a winner only if the interval (p after correction, for the learners) says so.
    """
    rows: list[dict[str, Any]] = []
    by_map = atlas.set_index("map")
    signs = {"unevenness": -1, "ripples": -1, "lightness_turns": -1, "snr_change": 1}
    for column, sign in signs.items():
        turbo, jet = by_map[column][["turbo", "jet"]].to_numpy(np.float64)
        rows.append(_criterion(column, turbo, jet, sign * (turbo - jet), turbo != jet))
    for kind, frame in peaks.items():
        wide = frame.pivot(index="note", columns="detector", values="average_precision")
        one, two = wide["R of turbo"], wide["R of jet"]
        gap = statistics.paired_difference(one, two, seed)
        name = f"R on {kind} notes"
        rows.append(_criterion(name, one.mean(), two.mean(), gap.estimate, gap.excludes()))
    for task_name, frame in maps.items():
        pairs = frame[(frame["first"] == "turbo") & (frame["second"] == "jet")]
        for learner_name, gain, p in zip(pairs.learner, pairs.difference, pairs.p, strict=True):
            name = f"{learner_name}, {task_name}"
            rows.append(_criterion(name, gain, 0.0, gain, p < 0.05))
    return pd.DataFrame(rows).assign(of=["the eye"] * 3 + ["filters"] * (len(rows) - 3))


def _criterion(name: str, turbo: float, jet: float, gain: float, decided: bool) -> dict[str, Any]:
    winner = ("turbo" if gain > 0 else "jet") if decided else "neither"
    return {"criterion": name, "turbo": float(turbo), "jet": float(jet), "winner": winner}


def verdict_turbo(criteria: pd.DataFrame) -> str:
    """C2: turbo is preferable to jet, and that is not arbitrary.

    Holds if turbo wins something and jet nothing; with limits if each wins something; fails if jet
    alone does; else undecided.
    """
    won = set(criteria.winner)
    if "turbo" in won:
        return "holds with limits" if "jet" in won else "holds"
    return "fails" if "jet" in won else "undecided"


def verdict_map_matters(maps: Sequence[pd.DataFrame]) -> str:
    """Q2: the conversion makes the result depend on the colormap.

    Holds if two colormaps differ (p < 0.05 after correction) in every task; with limits if in some;
    fails if in none and all intervals lie within `MARGIN`; else undecided.
    """
    differs = [bool((frame.p < 0.05).any()) for frame in maps]
    close = all(((frame.low > -MARGIN) & (frame.high < MARGIN)).all() for frame in maps)
    return _by_share(differs, none="fails" if close else "undecided")


def strong_share(maps: Sequence[pd.DataFrame]) -> float:
    """Share of (task, learner) for which two colormaps lie `STRONG` or more apart, p < 0.05."""
    strong = [
        bool(((part.p < 0.05) & (part.difference.abs() >= STRONG)).any())
        for frame in maps
        for _, part in frame.groupby("learner")
    ]
    return float(np.mean(strong))


def verdict_strongly(maps: Sequence[pd.DataFrame]) -> str:
    """D3: the conversion depends *strongly* on the colormap.

    Holds if for at least half of the learners and tasks some two colormaps are `STRONG` apart; with
    limits if for some; fails if for none and all intervals lie inside `STRONG`; else undecided.
    """
    share = strong_share(maps)
    if share > 0:
        return "holds" if share >= 0.5 else "holds with limits"
    inside = all(((frame.low > -STRONG) & (frame.high < STRONG)).all() for frame in maps)
    return "fails" if inside else "undecided"


def redundancy(
    comparisons: Sequence[pd.DataFrame], frames: Sequence[pd.DataFrame], seed: int
) -> dict[str, bool]:
    """Find the three facts that Q6 rests on.

    ``copy``: R = G = B has rank one, and is equivalent to gray for every learner; ``colour``: every
    one of `MAPS` has a higher rank; ``bad``: a shuffled map is worse than gray for every learner.
    """
    ranks = {
        name: int(np.linalg.matrix_rank(np.diff(encodings.table(name), axis=0), tol=1e-9))
        for name in ("gray3", *MAPS)
    }
    same = [
        bool(contrast(wide[name, "gray3"], wide[name, "gray8"], seed, MARGIN)["within"])
        for frame in frames
        for wide in [by_arm(frame)]
        for name in LEARNERS
    ]
    worse = [
        bool(((part.difference < 0) & (part.p < 0.05)).all())
        for frame in comparisons
        for part in [frame[frame.encoding == "shuffled"]]
    ]
    return {
        "copy": ranks["gray3"] == 1 and all(same),
        "colour": all(ranks[name] > 1 for name in MAPS),
        "bad": all(worse),
    }


def verdict_redundancy(facts: Mapping[str, bool]) -> str:
    """Q6: R ≈ G ≈ B is mere redundancy, a colormap is not; a bad one is noise or worse."""
    return _by_share(list(facts.values()))


def verdict_copies(effects: pd.DataFrame) -> str:
    """A4 for trees: copying the channel three times acts like an ensemble.

    Holds if the copy gains (interval above 0) for the tree and for the forest (at as many features
    a split) in every task; with limits if some intervals are above 0; fails if none is and at least
    one of the two kinds is equivalent in every task; else undecided.
    """
    kinds = [effects[effects.effect == name] for name in COPIES]
    gains = [bool(low > 0) for kind in kinds for low in kind.low]
    settled = any(kind.equivalent.all() for kind in kinds)
    return _by_share(gains, none="fails" if settled else "undecided")
