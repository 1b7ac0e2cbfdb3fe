"""Groups from the names of files: suggested where people have them, and taken as asked."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.recordings.groups import grouped, suggested_groups
from analysis.recordings.listing import DataError, Item, find
from analysis.recordings.recordings import load
from tests.recordings.made import spoken


def test_groups_that_names_suggest_are_told_and_taken(tmp_path: Path) -> None:
    place = spoken(tmp_path / "d")
    suggestion = suggested_groups(find(place).items)
    assert suggestion is not None and suggestion[1] == ("jo", "li", "mo")
    (told,) = (note for note in load(place, size=(8, 8)).notes if "jo, li, mo" in note)
    (copied,) = re.findall("--group '(.*?)'", told)
    assert copied == suggestion[0] and not set(copied) & set("\\$")
    data = load(place, size=(8, 8), group=copied)
    assert sorted(set(data.groups)) == ["jo", "li", "mo"]
    assert not any("suggest" in note for note in data.notes)


def test_names_that_suggest_nothing() -> None:
    names = [f"{label}/{label}_{i:03d}.wav" for label in "ab" for i in range(20)]
    assert suggested_groups([Item(Path(n), n, n[0]) for n in names]) is None
    assert suggested_groups([]) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "no regular expression"), ("jo", "pair of brackets"), ("(zz)", "matches no file")],
)
def test_group_patterns_that_do_not_work(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        find(spoken(tmp_path / "d"), pattern)


def items(names: list[str]) -> list[Item]:
    """Items whose class is the folder that they lie in."""
    return [Item(Path(name), name, name.split("/")[0]) for name in names]


@given(
    speakers=st.lists(
        st.from_regex(r"[a-z]{3,8}", fullmatch=True), min_size=2, max_size=9, unique=True
    ),
    rare=st.lists(st.from_regex(r"[A-Z]{9}", fullmatch=True), max_size=2, unique=True),
    place=st.integers(0, 2),
    sign=st.sampled_from("_-. "),
)
@settings(max_examples=60, deadline=None)
def test_speakers_are_found_wherever_they_stand_and_rare_ones_hide_none(
    speakers: list[str], rare: list[str], place: int, sign: str
) -> None:
    def name(word: str, who: str, take: int) -> str:
        parts = [word, f"{take:02}"]
        parts.insert(place, who)
        return f"{word}/{sign.join(parts)}.wav"

    names = [name(word, who, i) for word in ("yes", "no") for who in speakers for i in range(6)]
    names += [name("yes", who, 0) for who in rare]
    found = suggested_groups(items(names))
    assert found is not None and set(found[1]) == {*speakers, *rare}
    taken = grouped(items(names), found[0])
    assert all(item.group in item.name for item in taken)
    assert {item.group for item in taken} == {*speakers, *rare}


def test_the_speakers_of_speech_commands_are_suggested() -> None:
    """Also where most speakers said a word or two, as in a part of the set."""
    rng = np.random.default_rng(0)
    said = [
        (word, speaker) for speaker in range(40) for word in ("yes", "no") if rng.random() < 0.7
    ]
    names = [f"{word}/{0xA0B0C0D0 + speaker:08x}_nohash_0.wav" for word, speaker in said]
    found = suggested_groups(items(names))
    assert found is not None and len(found[1]) == len({speaker for _, speaker in said})
    assert len({item.group for item in grouped(items(names), found[0])}) == len(found[1])
