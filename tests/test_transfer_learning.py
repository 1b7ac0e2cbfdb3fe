"""Verdicts that can come out each way, and words that say what is so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis import transfer_learning as tl
from analysis.pretrained import efficientnet
from analysis.pretrained.readings import READ, USUAL

ENDS = {"+": (0.02, 0.08), "-": (-0.08, -0.02), "0": (-0.05, 0.05), "s": (-0.004, 0.004)}
WAYS = {"+": 1, "-": -1, "0": 0, "s": 0}


def rows(ways: str, **columns: object) -> pd.DataFrame:
    """Comparisons, a question each: surely better, surely worse, open, or surely small."""
    table = pd.DataFrame([ENDS[way] for way in ways], columns=["low", "high"])
    table = table.assign(
        difference=table.mean(axis=1), decided=[WAYS[way] for way in ways], pairs=10
    )
    return table.assign(task=list(tl.TITLES)[: len(ways)]).assign(**columns)


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ("+++", "holds"), ("+0s", "holds with limits"), ("+-+", "holds with limits"),
        ("s++", "fails"), ("-++", "fails"), ("0++", "undecided"),
    ],
)  # fmt: skip
def test_colour_is_decided_by_the_authors_question_and_limited_by_the_others(
    ways: str, verdict: str
) -> None:
    assert tl.verdict_colour(rows(ways)) == verdict


@pytest.mark.parametrize(
    ("ways", "verdict"), [("+", "holds"), ("-", "fails"), ("s", "fails"), ("0", "undecided")]
)
def test_starts_are_decided_on_chirps_in_gray(ways: str, verdict: str) -> None:
    own = rows(ways, encoding="gray3")
    others = [rows("-", encoding="viridis"), rows("-", encoding="gray3", task="word")]
    assert tl.verdict_starts(pd.concat([own, *others])) == verdict


@pytest.mark.parametrize(
    ("head", "place", "verdict"),
    [
        ("-+", "-+", "holds"), ("-+", "0+", "holds with limits"), ("++", "+-", "undecided"),
        ("++", "+s", "fails"), ("0+", "++", "undecided"),
    ],
)  # fmt: skip
def test_harm_holds_however_the_net_is_read(head: str, place: str, verdict: str) -> None:
    parts = [
        rows(ways, probe=probe, control="no net")
        for ways, probe in zip((head, place, place), READ, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True)
    assert tl.verdict_detrimental(table) == verdict
    assert ("than no net" in tl.harmed(table)) == ("-" in head + place)


@pytest.mark.parametrize(
    ("own", "both", "verdict"),
    [
        ("+0", "+0", "holds"), ("+0", "s+", "fails"), ("++", "+s", "holds with limits"),
        ("+0", "0+", "undecided"), ("ss", "++", "fails"), ("0s", "++", "undecided"),
    ],
)  # fmt: skip
def test_pretraining_explains_only_where_there_is_a_gain(own: str, both: str, verdict: str) -> None:
    table = pd.concat(
        [rows(own, gain="pretrained"), rows(both, gain="interaction")], ignore_index=True
    )
    assert tl.verdict_explains(table) == verdict
    assert (tl.gaining(table) == "no question") == ("+" not in own)


def test_words_sort_questions_by_their_answers() -> None:
    table = rows("+s-0")
    assert tl.sorted_out(table) == (
        "better: chirps in noise; no better: instrument families, pitch of notes; "
        "undecided: spoken digits"
    )
    assert tl.sorted_out(rows("000")) == "undecided: all"
    assert tl.sorted_out(rows("+000")) == "better: chirps in noise; undecided: all others"
    assert tl.said(table.head(1)) == "chirps in noise +5.0 [+2.0, +8.0]"
    spelled = tl.in_a_table({"all": table, "first": table.head(1)})
    assert spelled["chirps in noise"].tolist() == ["+5.0 [+2.0, +8.0]"] * 2
    assert spelled.loc["first"].iloc[-1] == "–"


def test_what_is_visible_is_seen_in_four_studies_of_five() -> None:
    rng = np.random.default_rng(0)
    studies = rng.normal(0.0, 0.1, (4000, 10))
    table = rows("0").assign(low=-1.0, high=1.0)
    reach = float(tl.visible(table).rsplit(" ", 1)[1]) / 100  # where half an interval is 1
    half = studies.std(axis=1, ddof=1) / np.sqrt(10) * 2.262
    shift = reach * half.mean()
    assert np.mean(studies.mean(axis=1) + shift > half) == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize("profile", tl.SETTINGS)
def test_profiles_fit_together(profile: str) -> None:
    plan = tl.SETTINGS[profile]
    assert plan.draws["chirps"]
    assert set(plan.thorough) <= set(plan.draws)
    assert "instruments" in plan.step_sounds
    assert {*tl.COLOURS, "gray3"} == set(plan.controlled)
    assert plan.training.encodings[0] == "gray3"
    places = [place[1:] for place in tl.conditions(plan).values()]
    columns = ["norm", "side", "probe", "encoding"]
    table = [(*place, encoding) for place in places for encoding in (USUAL, "jet")]
    effects = pd.DataFrame(table, columns=columns).assign(stem="rgb")
    assert [len(tl.condition(effects, name, plan)) for name in tl.conditions(plan)] == [1] * len(
        places
    )


def test_guesses_are_four_a_photograph() -> None:
    guesses = tl.guesses()
    assert guesses.groupby(["photograph", "weights"]).size().tolist() == [4] * 6
    first = guesses[guesses.weights == "imagenet"].groupby("photograph").first()
    assert all(row["class"] in efficientnet.EXPECTED[name] for name, row in first.iterrows())
