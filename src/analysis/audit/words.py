"""Puts a report into words: the headline, the advice, and the sections, from the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.audit.crossvalidation import Outcome
from analysis.audit.cues import CUE_TITLES, OF_FILES, clipped, dynamic_range, silent_rows, suspects
from analysis.audit.differences import Difference, accuracies, compare, noise_floor, step_table
from analysis.audit.folds import clusters_of
from analysis.audit.plan import NETWORKS
from analysis.evidence.words import points
from analysis.recordings.listing import counted
from analysis.recordings.recordings import Recordings, losses

#: What the steps are called in words.
STEP_TITLES = {
    "log": "log-compression",
    "scaling": "per-image scaling",
    "8 bits": "rounding to 8 bits",
    "resize": "resizing",
    "colormap": "the colormap",
    "codec": "the JPEG codec",
}

#: What the arms are called in words; a colormap is called by its name.
ARM_TITLES = {
    "raw": "raw decibels",
    "again": "raw, another seed",
    "gray": "8-bit gray",
    "gray3": "gray × 3 (R = G = B)",
    "saved": "colours as saved",
}


def size(value: float) -> str:
    """Write how large a difference of accuracies is, in percentage points.

    >>> size(-0.0123)
    '1.2'
    """
    return points(abs(value))[1:]


def title(arm: str) -> str:
    """Call an arm or a step by its name in words."""
    return ARM_TITLES.get(arm, STEP_TITLES.get(arm, arm))


def plain(one: Difference) -> str:
    """One difference in words, with its interval."""
    interval = f"95 % interval {points(one.interval.low)} … {points(one.interval.high)}"
    return f"{points(one.interval.estimate)} points ({interval}): {_phrase(one)}"


def _phrase(one: Difference) -> str:
    thing = "colour" if one.name not in ("gray3", "gray", *STEP_TITLES) else "it"
    match one.verdict:
        case "helps":
            return f"{thing} helps"
        case "hurts":
            return f"{thing} hurts"
        case "not resolved":
            seen = size(one.resolvable)
            return f"not resolved; only {seen} points or more would have been seen"
    return one.verdict


def warnings(data: Recordings, audit: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Say what has to be known before any accuracy is believed: facts that tell the class, twins.

    A sentence or two each, from `cues.cues` and `cues.twins`.
    """
    told = []
    for row in audit[audit.given].sort_values("accuracy", ascending=False).to_dict("records"):
        how = (
            "a net may learn how the files were made in place of what is in them."
            if row["cue"] in OF_FILES
            else "unless this is what the classes are about, a net may learn it in place of that."
        )
        told.append(f"Beware: {_alone(row)}: {how}")
    both = len(set(pairs["first"]) | set(pairs["second"]))
    if both > TWINNED * len(data):
        told.append(
            f"Beware: {percent(both / len(data))} of the recordings are nearly the same as another "
            "one that is in no common group: what was learned of one in training flatters the test."
        )
    return told


#: Share of recordings with a twin above which that is told first.
TWINNED = 0.02


def _alone(row: Mapping[Any, Any]) -> str:
    return (
        f"{CUE_TITLES[row['cue']]} alone tells the class in {percent(row['accuracy'])} of the "
        f"cases (chance {percent(row['chance'])})"
    )


def headline(outcome: Outcome, found: Sequence[Difference], warned: Sequence[str] = ()) -> str:
    """Say in a few plain sentences what came out; what it cannot be believed for goes first."""
    small, limited = (_of(found, network, outcome.colormap) for network in NETWORKS)
    told = [*warned, f"On your data, {outcome.colormap} − raw = {plain(small)}."]
    if limited.verdict != small.verdict:
        told.append(f"For a net limited to one filter a class: {plain(limited)}.")
    taken = [one for one in found if one.network == "steps"]
    helping = [one for one in taken if one.verdict == "helps"]
    hurting = [one for one in taken if one.verdict == "hurts"]
    if helping:
        told.append(f"What helps is {_listed(helping)}.")
    for one in sorted(hurting, key=lambda one: one.interval.estimate):
        name = STEP_TITLES[one.name]
        told.append(f"{name[0].upper()}{name[1:]} costs you {size(one.interval.estimate)}.")
    if not helping and not hurting:
        told.append("No step of saving as an image helps or hurts by what this run could see.")
    lost = losses(outcome.data.left_out, len(outcome.data))
    return " ".join([lost, *told] if lost else told)


def _of(found: Sequence[Difference], network: str, name: str) -> Difference:
    return next(one for one in found if (one.network, one.name) == (network, name))


def _listed(found: Sequence[Difference]) -> str:
    ordered = sorted(found, key=lambda one: -one.interval.estimate)
    words = [f"{STEP_TITLES[one.name]} ({points(one.interval.estimate)})" for one in ordered]
    return " and ".join(words)


def recommendation(outcome: Outcome, found: Sequence[Difference]) -> str:
    """Recommend what to feed a net, with the reason; the rule is in this function."""
    colour, limited = (_of(found, network, outcome.colormap) for network in NETWORKS)
    verdict = {one.name: one.verdict for one in found if one.network == "steps"}
    copies = _of(found, "small", "gray3")
    told = [_on_colour(outcome.colormap, colour, limited, copies)]
    if verdict["scaling"] == "hurts":
        told.append("Scale by one range for the whole set, not image by image: loudness counts.")
    elif verdict["scaling"] == "helps":
        told.append("Scale each image by its own range: loudness distracts.")
    if verdict["log"] == "helps":
        told.append("Take decibels, not amplitudes.")
    elif verdict["log"] == "hurts":
        told.append("Keep amplitudes; decibels lose something here.")
    lossy = [
        STEP_TITLES[name] for name in ("8 bits", "resize", "codec") if verdict[name] == "hurts"
    ]
    if lossy:
        told.append(f"Leave out {' and '.join(lossy)}.")
    return " ".join([*told, *_on_learning(outcome)])


def _on_learning(outcome: Outcome) -> list[str]:
    """Warn where nets do so well, or so badly, that encodings cannot be told apart."""
    hits = outcome.hits("small", "raw")
    if np.nanmin(hits) == 1:
        right = "Raw decibels get every recording right"
        return [f"{right}: this set is too easy to tell encodings apart."]
    labels = outcome.data.labels
    often = (labels == np.bincount(labels).argmax()).astype(float)
    gains = hits - np.where(np.isfinite(hits), often, np.nan)
    clusters = clusters_of(outcome.data)
    if compare(gains, outcome.folds, clusters, "raw", seed=outcome.seed).verdict == "helps":
        return []
    return [
        "Be careful: the small net is not surely better than always naming the most frequent class "
        f"({percent(float(np.nanmean(often)))}), so it may have learned nothing that an encoding "
        "could change."
    ]


def _on_colour(name: str, colour: Difference, limited: Difference, copies: Difference) -> str:
    match colour.verdict:
        case "helps":
            why = " So do three gray copies: it is the width." if copies.verdict == "helps" else ""
            return f"Use {name}: the small net is better with it.{why}"
        case "hurts":
            return f"Feed raw decibels: {name} makes the small net worse."
        case "no difference worth having":
            if limited.verdict == "helps":
                return (
                    f"Feed raw decibels and give the net a layer more: {name} helps only a net "
                    "that is limited to one filter a class."
                )
            return f"Feed raw decibels: {name} makes the input three times as large for nothing."
    if limited.verdict == "helps":
        return (
            f"{name} helps a limited net; whether it helps a larger one was not resolved: give the "
            "run more minutes or more recordings, or give the net a layer more."
        )
    return (
        "Feed raw decibels, the simpler thing, until more is known: this run could not tell "
        f"{name} from raw. More minutes or more recordings would."
    )


def percent(value: float) -> str:
    """Write a share in percent."""
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


_SHOWN = 20  # rows of a table that may be long


def _signed(row: Mapping[Any, Any]) -> str:
    if not np.isfinite(row["difference"]):
        return ""
    return f"{points(row['difference'])} ({points(row['low'])} … {points(row['high'])})"


def sections(
    outcome: Outcome,
    found: Sequence[Difference],
    audit: pd.DataFrame,
    pairs: pd.DataFrame,
    forecast: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Put the report's parts into words; `forecast`: what was said before nets were trained.

    Each has a ``heading`` and what it has of ``texts``, ``notes``, ``table`` (of texts) and
    ``figures`` (identifiers).
    """
    left_out = [(one.name, one.reason) for one in outcome.data.left_out]
    return [
        _section_data(outcome),
        *([{"heading": "Said beforehand", "texts": list(forecast)}] if forecast else []),
        _section_encodings(outcome, found),
        _section_steps(outcome, found),
        {
            "heading": "Learning curves and confusion",
            "texts": ["Filled: test; open: training. A wide gap between them asks for more data."],
            "figures": ["fig-your-curves", "fig-your-confusion"],
        },
        {"heading": "What the nets are fed", "figures": ["fig-your-examples"]},
        _section_audit(outcome.data, audit),
        _section_twins(pairs),
        _section_labels(outcome),
        {
            "heading": f"Left out: {counted(len(left_out), 'file')}",
            "texts": [] if left_out else ["Nothing was left out."],
            "table": pd.DataFrame(left_out, columns=["file", "reason"]) if left_out else None,
        },
    ]


def _section_data(outcome: Outcome) -> dict[str, Any]:
    data, plan = outcome.data, outcome.plan
    counts = np.bincount(data.labels)
    classes = [f"{name} ({n})" for name, n in zip(data.label_names, counts, strict=True)]
    groups = len(np.unique(data.groups[data.groups != ""]))
    chance = percent(counts.max() / len(data))
    told = f"{counted(groups, 'group')}, none of them in training and test"
    how = told if groups else "no groups given"
    texts = [
        f"{len(data):,} recordings in {len(classes)} classes: {', '.join(classes[:30])}"
        + (" …" if len(classes) > 30 else "")
        + f"; {how}. Always naming the most frequent class scores {chance}.",
        f"Each encoding was trained {_trained(outcome)}, {plan.steps} steps each time, on "
        f"spectrograms of {data.planes.shape[2]} × {data.planes.shape[3]}; seed {outcome.seed}.",
    ]
    if data.front.kind == "images":
        texts.append(_told_of_pictures(data))
    return {"heading": "The data", "texts": texts, "notes": data.notes}


def _trained(outcome: Outcome) -> str:
    folds, repeats = int(outcome.folds.max()) + 1, len(outcome.folds)
    if (outcome.data.split != "").any():
        return f"on the training split as given, {repeats} times with other seeds"
    return f"in {folds} folds, {repeats} times with other folds and seeds"


def _told_of_pictures(data: Recordings) -> str:
    colormap, share = data.front.colormap, percent(data.share_on_map)
    if not colormap:
        how = "turned round, dark being loud" if data.front.dark_is_loud else "taken as they are"
        return f"The pictures are gray; their levels are {how}."
    return (
        f"The pictures were made with the colormap {colormap}, which explains {share} of the "
        "variation of their colours. The levels were recovered from it; “colours as saved” is "
        "compared with these recovered levels. Whether the map was reversed cannot be seen."
    )


def _section_encodings(outcome: Outcome, found: Sequence[Difference]) -> dict[str, Any]:
    table = accuracies(outcome, found)
    rows = [
        {
            "net": NETWORKS[row["network"]],
            "fed": title(row["arm"]),
            "train": percent(row["train"]),
            "test (95 % interval)": f"{percent(row['test'])} ({percent(row['test_low'])} … "
            f"{percent(row['test_high'])})",
            "against raw, points": _signed(row),
            "verdict": row["verdict"] if isinstance(row["verdict"], str) else "",
        }
        for row in table.to_dict("records")
    ]
    floor = size(noise_floor(outcome))
    seen = size(_of(found, "small", outcome.colormap).resolvable)
    texts = [
        f"Noise floor: two single runs of one encoding differ by up to {floor} points from their "
        f"seeds alone. This run would have seen a difference of {seen} points or more between "
        f"{outcome.colormap} and raw (with a chance of 80 %); smaller ones it could not.",
        "“Raw, another seed” is a control: its true difference is zero.",
        "A verdict is corrected for all comparisons of the report (Holm), so an interval that lies "
        "off zero may still be not resolved.",
    ]
    return {
        "heading": "Accuracy by encoding",
        "texts": texts,
        "table": pd.DataFrame(rows),
        "figures": ["fig-your-encodings"],
    }


def _section_steps(outcome: Outcome, found: Sequence[Difference]) -> dict[str, Any]:
    rows = [
        {
            "step": STEP_TITLES[row["step"]],
            "points (95 % interval)": _signed(row),
            "verdict": row["verdict"],
            "would have been seen": f"{size(row['resolvable'])} points",
        }
        for row in step_table(outcome, found).to_dict("records")
    ]
    return {
        "heading": "Which step of saving as an image did it",
        "texts": [
            "All 64 combinations of the six steps are trained; each step gets its Shapley value, "
            "which does not depend on their order."
        ],
        "table": pd.DataFrame(rows),
        "figures": ["fig-your-waterfall"],
    }


def _section_twins(pairs: pd.DataFrame) -> dict[str, Any]:
    shown = pairs.head(_SHOWN).assign(
        correlation=pairs.correlation.map("{:.3f}".format),
        same_class=pairs.same_class.map({True: "yes", False: "no"}),
    )
    text = "No two recordings of different groups are nearly the same."
    if len(pairs):
        text = (
            f"{counted(len(pairs), 'pair')} of recordings that are in no common group have all but "
            "proportional spectrograms: copies, perhaps, in another format or at another level."
        )
    return {
        "heading": f"Nearly the same: {counted(len(pairs), 'pair')}",
        "texts": [text],
        "table": shown.rename(columns={"same_class": "same class"}) if len(pairs) else None,
    }


def _section_labels(outcome: Outcome) -> dict[str, Any]:
    data, found = outcome.data, suspects(outcome.probability, outcome.data.labels)
    names = np.array(data.label_names, dtype=object)
    table = pd.DataFrame(
        {
            "file": data.files[found.row],
            "labelled": names[data.labels[found.row]],
            "looks like": names[found.other],
            "probability": found.probability.map("{:.2f}".format),
        }
    )
    text = "No label looks wrong, or the net is not sure enough of the classes to say so."
    if len(found):
        text = (
            f"The small net, trained on others, takes {counted(len(found), 'recording')} for "
            "another class as surely as that class's own: their labels are worth a look."
        )
    return {
        "heading": f"Labels worth a look: {len(found)}",
        "texts": [text],
        "table": table.head(_SHOWN) if len(found) else None,
    }


def _section_audit(data: Recordings, audit: pd.DataFrame) -> dict[str, Any]:
    notes = [
        f"{_alone(row)[0].upper()}{_alone(row)[1:]}: a net may learn this and not the sound."
        for row in audit[audit.verdict == "helps"].to_dict("records")
    ]
    measures = data.measures
    texts = [
        f"The median spectrogram spans {np.median(dynamic_range(data)):.0f} dB; "
        f"{silent_rows(data)} of {data.planes.shape[2]} frequency rows are silent in every "
        f"recording. {percent(clipped(data))} of the recordings are clipped, "
        f"{percent(float((measures.padding > 0.01).mean()))} are padded."
    ]
    if not notes:
        texts.append("No single fact of a recording gives its class away.")
    return {
        "heading": "Levels, padding and other cues",
        "texts": texts,
        "notes": notes,
        "figures": ["fig-your-audit"],
    }
