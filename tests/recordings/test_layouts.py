"""Places of files tell classes, folds and splits, whatever the classes are called."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analysis.recordings.items import plain
from analysis.recordings.layouts import LITTER, arrange, fold_of, is_litter, role_of, sides
from analysis.recordings.listing import DataError, find

#: Names of classes: words that are no split, no fold and no litter.
WORDS = st.text(string.ascii_letters + string.digits + "äÖñ猫 _-.", min_size=1, max_size=12).filter(
    lambda name: (
        not (
            role_of(name)
            or fold_of(name)
            or is_litter(name)
            or name != name.strip()
            or ".." in name
        )
    )
)
CLASSES = st.lists(WORDS, min_size=2, max_size=5, unique_by=plain)

#: Layouts: the place of recording `i` of a class, as people put it.
LAYOUTS: dict[str, Callable[[str, int], str]] = {
    "plain": lambda name, i: f"{name}/{i}.wav",
    "outer": lambda name, i: f"set/set/{name}/{i}.wav",
    "deep": lambda name, i: f"{name}/part {i % 2}/{i}.wav",
    "split": lambda name, i: f"{('train', 'test', 'val')[i % 3]}/{name}/{i}.wav",
    "split of a set": lambda name, i: f"set/{('Training', 'Testing')[i % 2]}/{name}/{i}.wav",
    "split with an outer folder": lambda name, i: (
        f"{('train', 'valid')[i % 2]}/audio/{name}/{i}.wav"
    ),
    "split below": lambda name, i: f"{name}/{('train', 'test')[i % 2]}/{i}.wav",
    "folds": lambda name, i: f"audio/fold{1 + i % 3}/{name}/{i}.wav",
    "folds below": lambda name, i: f"{name}/Fold_{1 + i % 3}/{i}.wav",
    "folds of a split": lambda name, i: f"{('train', 'test')[i % 2]}/fold{i % 3}/{name}/{i}.wav",
}


def places(layout: str, classes: list[str], count: int = 6) -> dict[tuple[str, ...], str]:
    """Paths, in parts, and their classes."""
    put = LAYOUTS[layout]
    return {tuple(put(name, i).split("/")): name for name in classes for i in range(count)}


@pytest.mark.parametrize("layout", LAYOUTS)
@given(classes=CLASSES)
@settings(max_examples=40, deadline=None)
def test_every_layout_gives_the_same_classes(layout: str, classes: list[str]) -> None:
    told = places(layout, classes)
    found = arrange(list(told))
    assert found.labels == tuple(told.values()) and set(found.reasons) == {""}
    given_split, given_folds = set(found.splits) == {"train", "test"}, set(found.groups) != {""}
    assert given_split == ("split" in layout) and given_folds == ("folds" in layout)
    if given_split:  # and no recording changes sides
        test = re.compile(r"(?:^|/)(?:test|Testing)/|^valid/")
        wanted = [bool(test.search("/".join(place))) for place in told]
        assert [side == "test" for side in found.splits] == wanted


@given(classes=CLASSES, layout=st.sampled_from(sorted(LAYOUTS)), data=st.data())
@settings(max_examples=40, deadline=None)
def test_litter_never_changes_a_listing(
    classes: list[str], layout: str, data: st.DataObject
) -> None:
    litter = st.one_of(st.sampled_from(sorted(LITTER)), st.just("._a.wav"), st.just(".DS_Store"))
    told = places(layout, classes, 3)
    assume(all(len("/".join(place).encode()) < 200 for place in told))
    with TemporaryDirectory() as folder:
        for place in told:
            path = Path(folder, *place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        before = find(Path(folder))
        for place in data.draw(st.lists(st.sampled_from(sorted(told)), max_size=4)):
            level = data.draw(st.integers(0, len(place) - 1))
            name = data.draw(litter)
            bin_ = Path(folder, *place[:level], name.upper() if name == "thumbs.db" else name)
            if bin_.exists():
                continue
            if data.draw(st.booleans()):
                bin_.mkdir()
                (bin_ / "0.wav").touch()
            else:
                bin_.touch()
        assert find(Path(folder)) == before


SPELLINGS: dict[str, Callable[[str], str]] = {
    "upper": lambda name: unicodedata.normalize("NFC", name).upper(),
    "lower": lambda name: unicodedata.normalize("NFC", name).lower(),
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "composed": lambda name: unicodedata.normalize("NFC", name),
}
NAMES = st.text("aBcäÖñéẞ猫", min_size=1, max_size=6)


@given(
    names=st.lists(NAMES, min_size=1, max_size=5, unique_by=lambda n: plain(plain(n).upper())),
    spelling=st.sampled_from(sorted(SPELLINGS)),
    written=st.sampled_from(sorted(SPELLINGS)),
)
@settings(max_examples=60, deadline=None)
def test_no_file_is_lost_to_its_spelling(names: list[str], spelling: str, written: str) -> None:
    on_disk, in_table = SPELLINGS[spelling], SPELLINGS[written]
    assume(all(plain(on_disk(name)) == plain(in_table(name)) for name in names))
    with TemporaryDirectory() as folder:
        for name in names:
            Path(folder, on_disk(name) + ".wav").touch()
        rows = "".join(f"{in_table(name)}.wav,{i}\n" for i, name in enumerate(names))
        Path(folder, "metadata.csv").write_text("file,label\n" + rows, "utf-8")
        found = find(Path(folder))
        by_path = {item.path.name: item.label for item in found.items}
        assert by_path == {f"{on_disk(name)}.wav": str(i) for i, name in enumerate(names)}
        assert found.left_out == ()


def test_classes_may_be_digits_and_years() -> None:
    for names in (["0", "1", "2"], ["2019", "2020"], ["test", "dog"], ["train", "bus"]):
        found = arrange([(name, "a.wav") for name in names])
        assert found.labels == tuple(names) and set(found.groups + found.splits) == {""}


def test_what_lies_beside_a_split_is_told() -> None:
    places = [(side, name, "a.wav") for side in ("train", "test") for name in "ab"]
    found = arrange([*places, ("drawings", "logo.png")])
    assert found.labels == ("a", "b", "a", "b", "")
    assert found.reasons[-1] == "lies beside test and train, which hold the set"


@pytest.mark.parametrize("folders", [("train", "test"), ("fold1", "fold2")])
def test_without_classes_there_is_one_sentence(folders: tuple[str, str]) -> None:
    with pytest.raises(DataError, match=r"look like .*, not like classes") as said:
        arrange([(folder, f"{i}.wav") for folder in folders for i in range(3)])
    assert str(said.value).count(". ") == 0


@given(st.lists(st.sampled_from(["train", "validation", "test"])))
def test_sides_are_two(roles: list[str]) -> None:
    found = sides(roles)
    assert set(found) <= {"train", "test"}
    for role, side in zip(roles, found, strict=True):
        assert side == role or role == "validation"
