"""Planted leaks are found, and clean sets are not accused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

from analysis.audit.crossvalidation import run
from analysis.audit.cues import CUE_TITLES, OF_FILES, cues, suspects, twins
from analysis.audit.plan import Plan
from analysis.audit.words import warnings
from analysis.recordings.recordings import load
from tests.audit.sets import made, noise

RATE = 8_000
Writer = Callable[[Path, np.random.Generator, bool], None]


def wave(rng: np.random.Generator) -> np.ndarray:
    """Noise, as loud as it happens to be."""
    return 10 ** rng.uniform(-1.5, -0.7) * rng.normal(size=2_000)


def sound(path: Path, values: np.ndarray, suffix: str = ".wav", subtype: str = "PCM_16") -> None:
    soundfile.write(path.with_suffix(suffix), values, RATE, subtype)


def hum(length: int, mains: int) -> np.ndarray:
    time = np.arange(length) / RATE
    return sum(np.sin(2 * np.pi * k * mains * time) for k in (1, 2, 3)) / 30


def picture(path: Path, rng: np.random.Generator, **how: object) -> None:
    levels = rng.integers(0, 256, (16, 16)).repeat(4, 0).repeat(4, 1)
    Image.fromarray(levels.astype(np.uint8)).save(path.with_suffix(".jpg"), **how)


PLANTED: dict[str, Writer] = {
    "format": lambda p, r, leak: sound(p, wave(r), ".flac" if leak else ".wav"),
    "encoding": lambda p, r, leak: sound(p, wave(r), subtype="PCM_24" if leak else "PCM_16"),
    "bits": lambda p, r, leak: sound(p, np.round(wave(r) * 128) / 128 if leak else wave(r)),
    "offset": lambda p, r, leak: sound(p, wave(r) + 0.05 * leak),
    "hum50": lambda p, r, leak: sound(p, wave(r) + leak * hum(2_000, 50)),
    "hum60": lambda p, r, leak: sound(p, wave(r) + leak * hum(2_000, 60)),
    "padding": lambda p, r, leak: sound(p, wave(r) * (np.arange(2_000) < 2_000 - 600 * leak)),
    "level": lambda p, r, leak: sound(p, wave(r) * (0.05 if leak else 1)),
    "quality": lambda p, r, leak: picture(p, r, quality=95 if leak else 85),
}


def written(folder: Path, write: Writer, leaks: Callable[[int, int], bool]) -> Path:
    rng = np.random.default_rng(0)
    for label, name in enumerate("ab"):
        (folder / name).mkdir(parents=True)
        for i in range(24):
            write(folder / name / f"{i}", rng, leaks(label, i))
    return folder


@pytest.mark.parametrize("cue", PLANTED)
def test_what_gives_the_class_away_is_told_first(cue: str, tmp_path: Path) -> None:
    data = load(written(tmp_path, PLANTED[cue], lambda label, _: label == 1), size=(8, 8))
    table = cues(data).set_index("cue")
    assert table.given[cue] and table.accuracy[cue] > 0.9 and table.verdict[cue] == "helps"
    told = warnings(data, table.reset_index(), twins(data))
    (mine,) = (text for text in told if text.startswith(f"Beware: {CUE_TITLES[cue]} alone"))
    assert ("how the files were made" in mine) == (cue in OF_FILES)


@pytest.mark.parametrize("cue", PLANTED)
def test_what_differs_within_the_classes_is_not_accused(cue: str, tmp_path: Path) -> None:
    data = load(written(tmp_path, PLANTED[cue], lambda _, i: i % 3 == 0), size=(8, 8))
    table = cues(data)
    assert cue in set(table.cue) and not table.given.any()
    assert warnings(data, table, twins(data)) == []


def clean(seed: int) -> bool:
    """Whether a set whose facts have nothing to do with its classes is left alone."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(30, 80))
    facts = {name: rng.normal(size=count) for name in ("level", "offset", "floor", "hum50")}
    facts |= {name: rng.integers(0, 3, count).astype(float) for name in ("rate", "channels")}
    facts |= {name: rng.choice(["x", "y", "z"], count) for name in ("format", "encoding")}
    data = replace(noise(count, 4, seed), measures=pd.DataFrame(facts))
    data = replace(data, labels=rng.permutation(data.labels))
    return not (cues(data, 3, seed).verdict == "helps").any()


@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_clean_sets_are_not_accused(count: int) -> None:
    """One in twenty may be, of any fact at all: more alarms than that allows are none by chance."""
    alarms = count - sum(clean(seed) for seed in range(count))
    assert alarms <= stats.binom.ppf(0.999, count, 0.05)


def test_facts_of_groups_need_groups_to_be_believed() -> None:
    """Two speakers a class, each with a microphone of his own: the microphone is no cue."""
    data = noise(80, 8, 0)
    who = np.arange(80) % 4
    measures = pd.DataFrame({"level": who + 0.0, "clipped": np.zeros(80)})
    alone = replace(data, measures=measures)
    assert cues(alone).set_index("cue").given["level"]
    grouped = replace(alone, groups=np.char.add("g", who.astype(str)))
    assert not cues(grouped).set_index("cue").given["level"]


# --- twins -----------------------------------------------------------------------------------


def test_copies_at_another_level_are_found_unless_they_are_of_one_group() -> None:
    rng = np.random.default_rng(0)
    data = noise(40, 12, 0)
    db = data.planes[:, 0].copy()
    db[30:] = db[:10] - 7 + 0.2 * rng.normal(size=(10, 12, 12))
    copied = made(db, data.labels)
    found = twins(copied)
    assert found["first"].tolist() == [f"{i}.npy" for i in range(10)]
    assert found["second"].tolist() == [f"{i}.npy" for i in range(30, 40)]
    assert found.same_class.all()  # 30 is even, as are the labels
    groups = np.array([f"g{i % 30}" for i in range(40)])
    assert twins(replace(copied, groups=groups)).empty
    (told,) = warnings(copied, cues(copied), found)
    assert "nearly the same" in told and "50.0" in told


@given(st.integers(0, 10_000))
def test_different_recordings_are_no_twins(seed: int) -> None:
    assert twins(noise(40, 12, seed)).empty


# --- labels ----------------------------------------------------------------------------------


def learned(distance: float, flipped: float, seed: int) -> tuple[np.ndarray, np.ndarray, set[int]]:
    """Posterior of two normal classes, labels of which some are wrong, and which are."""
    rng = np.random.default_rng(seed)
    truth = np.arange(400) % 2
    values = rng.normal(size=400) + distance * truth
    second = stats.norm.pdf(values, distance) / (
        stats.norm.pdf(values) + stats.norm.pdf(values, distance)
    )
    wrong = rng.random(400) < flipped
    return np.stack([1 - second, second], 1), truth ^ wrong, set(np.flatnonzero(wrong).tolist())


def test_wrong_labels_are_found_and_right_ones_left_alone() -> None:
    planted = hit = false = accused = 0
    for seed in range(40):
        probability, labels, wrong = learned(5, 0.05, seed)
        found = set(suspects(probability, labels).row.tolist())
        planted, hit, false = (
            planted + len(wrong),
            hit + len(found & wrong),
            false + len(found - wrong),
        )
        accused += len(suspects(*learned(5, 0, seed)[:2]))
    assert hit > 0.9 * planted
    assert false <= 0.01 * 40 * 400 and accused <= 0.01 * 40 * 400


@given(st.integers(0, 10_000))
def test_where_classes_overlap_no_label_is_suspected(seed: int) -> None:
    assert suspects(*learned(1.2, 0, seed)[:2]).empty


def test_the_nets_of_a_report_find_wrong_labels() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(80) % 2
    db = 3 * rng.normal(size=(80, 12, 12)) - 40 + 8 * truth[:, None, None]
    labels = truth.copy()
    wrong = [3, 20, 41, 66]
    labels[wrong] ^= 1
    plan = Plan(12, folds=4, repeats=2, steps=60, most=1000, shares=(), colours=())
    outcome = run(made(db, labels), plan, executor="serial", parts=("encodings",))
    assert set(suspects(outcome.probability, labels).row) == set(wrong)
    unlearned = run(
        noise(60, 8, 0), replace(plan, steps=10), executor="serial", parts=("encodings",)
    )
    assert suspects(unlearned.probability, unlearned.data.labels).empty
