"""Folders as people have them: each case was somebody's trouble, told in public."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from analysis.recordings.listing import DataError, Listing, find
from analysis.recordings.recordings import load
from tests.recordings.made import sound


def files(place: Path, *names: str) -> Path:
    """Files without content: listing opens none."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    return place


def labels(listing: Listing) -> dict[str, str]:
    return {item.name: item.label for item in listing.items}


def text(place: Path, content: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, "utf-8")


# --- layouts ---------------------------------------------------------------------------------


def test_folds_of_urbansound_are_no_classes(tmp_path: Path) -> None:
    """The folders were taken for ten classes (Urban-Sound-Classification #26, and others)."""
    names = [f"fold{f}/{f}0{c}-{c}-0-{i}.wav" for f in (1, 2, 10) for c in (0, 3) for i in (0, 1)]
    found = find(files(tmp_path, *names))
    assert set(labels(found).values()) == {"air_conditioner", "dog_bark"}
    assert labels(found)["fold2/203-3-0-1.wav"] == "dog_bark"
    assert {item.group for item in found.items} == {"fold 1", "fold 2", "fold 10"}
    assert "fold1, fold2 and fold10 are taken for folds" in found.notes[0]
    by_recording = find(tmp_path, r"(\d+)-\d-")
    assert {item.group for item in by_recording.items} == {
        f"{f}0{c}" for f in (1, 2, 10) for c in (0, 3)
    }


def test_folds_of_which_nothing_tells_the_classes(tmp_path: Path) -> None:
    files(tmp_path, *(f"fold{f}/take {i}.wav" for f in (1, 2) for i in range(4)))
    with pytest.raises(DataError, match=r"fold1 and fold2 look like folds .* by --classes"):
        find(tmp_path)


def test_a_table_of_urbansound_beside_its_folds(tmp_path: Path) -> None:
    files(tmp_path, "UrbanSound8K/audio/fold1/7-3-0-0.wav", "UrbanSound8K/audio/fold2/8-1-0-0.wav")
    head = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
    rows = "7-3-0-0.wav,7,0,1,1,1,3,dog_bark\n8-1-0-0.wav,8,0,1,1,2,1,car_horn\n"
    text(tmp_path / "UrbanSound8K" / "metadata" / "UrbanSound8K.csv", head + rows)
    found = find(tmp_path)
    assert [(item.label, item.group) for item in found.items] == [
        ("dog_bark", "fold 1"),
        ("car_horn", "fold 2"),
    ]
    assert "slice_file_name for file, class for label, fold for group" in found.notes[0]


@pytest.mark.parametrize("inside", ["", "audio/"])
@pytest.mark.parametrize(
    ("title", "names", "told"),
    [
        ("ESC-50", "{who}-1{take}-A-0.wav {who}-2{take}-B-49.wav", {"dog", "hand_saw"}),
        ("UrbanSound8K", "10{who}-3-{take}-0.wav 20{who}-8-{take}-1.wav", {"dog_bark", "siren"}),
        (
            "RAVDESS",
            "03-01-05-01-01-0{who}-0{who}.wav 03-01-02-01-01-0{who}-0{who}.wav",
            {"angry", "calm"},
        ),
        ("CREMA-D", "100{who}_IEO_ANG_HI.wav 100{who}_ITS_sad_XX.wav", {"anger", "sad"}),
        ("the Free Spoken Digit Dataset", "0_ab{who}_{take}.wav 7_ab{who}_{take}.wav", {"0", "7"}),
    ],
)
def test_names_of_known_sets_tell_classes_and_groups(
    tmp_path: Path, inside: str, title: str, names: str, told: set[str]
) -> None:
    """A set without its table, such as ESC-50's folder ``audio`` alone, was refused."""
    names = names.replace("ab{who}", "{letter}")
    for who, take in product((1, 2), (3, 4)):
        filled = names.format(who=who, take=take, letter="ab"[who - 1] * 3)
        files(tmp_path, *(inside + name for name in filled.split()))
    found = find(tmp_path)
    assert {item.label for item in found.items} == told
    assert len({item.group for item in found.items}) == (4 if title == "UrbanSound8K" else 2)
    assert any(
        f"names are those of {title}" in note and "--classes" in note for note in found.notes
    )


def test_names_of_no_known_set_tell_nothing(tmp_path: Path) -> None:
    """A number too large for a class, and names in folders that are classes."""
    files(tmp_path, *(f"{fold}-10-A-{label}.wav" for fold in (1, 2) for label in (50, 60)))
    with pytest.raises(DataError, match="nothing tells their classes"):
        find(tmp_path)
    files(tmp_path / "b", "cat/1-10-A-0.wav", "dog/1-10-A-1.wav")
    assert set(labels(find(tmp_path / "b")).values()) == {"cat", "dog"}


def test_a_table_of_esc50(tmp_path: Path) -> None:
    files(tmp_path, "audio/1-100032-A-0.wav", "audio/5-263831-B-6.wav", "README.md")
    head = "filename,fold,target,category,esc10,src_file,take\n"
    rows = "1-100032-A-0.wav,1,0,dog,True,100032,A\n5-263831-B-6.wav,5,6,hen,False,263831,B\n"
    text(tmp_path / "meta" / "esc50.csv", head + rows)
    found = find(tmp_path)
    assert [(item.label, item.group) for item in found.items] == [
        ("dog", "fold 1"),
        ("hen", "fold 5"),
    ]
    by_clip = find(tmp_path, r"\d-(\d+)-")  # what was guessed is overruled
    assert [item.group for item in by_clip.items] == ["100032", "263831"]


@pytest.mark.parametrize(
    "sides", [("train", "test", "val"), ("Training", "Testing", ""), ("train", "valid", "")]
)
def test_folders_of_a_split_are_no_classes(tmp_path: Path, sides: tuple[str, str, str]) -> None:
    """A report on train against test (huggingface/datasets #7880)."""
    for side in filter(None, sides):
        files(
            tmp_path, *(f"{side}/{c}/{side} {c} {i}.wav" for c in ("tone", "hiss") for i in (0, 1))
        )
    found = find(tmp_path)
    assert set(labels(found).values()) == {"tone", "hiss"}
    split = {(item.name.split("/")[0], item.split) for item in found.items}
    assert split == {(sides[0], "train"), (sides[1], "test")} | (
        {("val", "train")} if sides[2] else set()
    )
    assert "for a given split" in found.notes[0]
    loosed = find(tmp_path, classes="/([^/]+)/")
    assert {item.split for item in loosed.items} == {""}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    names = [f"{c}/{i}.wav" for c in ("train", "siren", "dog") for i in range(2)]
    found = find(files(tmp_path, *names))
    assert Counter(labels(found).values()) == {"train": 2, "siren": 2, "dog": 2}
    assert not any(item.split for item in found.items) and found.notes == ()


def test_a_test_part_without_classes(tmp_path: Path) -> None:
    """As competitions have it: the classes of the test part are kept back."""
    names = ["train/audio/yes/a.wav", "train/audio/no/b.wav", "test/audio/c.wav"]
    found = find(files(tmp_path, *names))
    assert set(labels(found).values()) == {"yes", "no"} and {i.split for i in found.items} == {""}
    assert [one.name for one in found.left_out] == ["test/audio/c.wav"]


def test_an_outer_folder_of_the_same_name(tmp_path: Path) -> None:
    names = [f"set/set/{c}/{i}.wav" for c in "ab" for i in range(2)]
    found = find(files(tmp_path, *names, "set/README.txt"))
    assert set(labels(found).values()) == {"a", "b"}
    assert "All lies in set/set" in found.notes[0]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_table_in_each_folder_of_a_split(tmp_path: Path, form: str) -> None:
    """Hugging Face's audiofolder."""
    for side in ("train", "validation", "test"):
        files(tmp_path, f"{side}/a.wav", f"{side}/sub/b.wav")
        rows = [{"file_name": "a.wav", "label": "dog"}, {"file_name": "sub/b.wav", "label": "cat"}]
        lines = {
            "csv": "file_name,label\na.wav,dog\nsub/b.wav,cat\n",
            "jsonl": "\n".join(map(json.dumps, rows)),
        }
        text(tmp_path / side / f"metadata.{form}", lines[form])
    found = find(tmp_path)
    assert Counter((item.label, item.split) for item in found.items) == {
        **{(c, "train"): 2 for c in ("dog", "cat")},
        **{(c, "test"): 1 for c in ("dog", "cat")},
    }


def test_one_table_over_the_folders_of_a_split(tmp_path: Path) -> None:
    files(tmp_path, "train/a.wav", "train/b.wav", "test/a.wav")
    rows = "train/a.wav,dog\ntrain/b.wav,cat\ntest/a.wav,dog\n"
    text(tmp_path / "metadata.csv", "file_name,label\n" + rows)
    assert [item.split for item in find(tmp_path).items] == ["train", "train", "test"]


def test_the_only_table_may_have_any_name(tmp_path: Path) -> None:
    """Files in one folder, and beside it or in it a table as somebody called it."""
    files(tmp_path, "clips/a.wav", "clips/b.wav", "LICENSE")
    text(tmp_path / "labels.csv", "filename,class\na.wav,dog\nb.wav,cat\n")
    assert labels(find(tmp_path)) == {"clips/a.wav": "dog", "clips/b.wav": "cat"}
    text(tmp_path / "clips" / "features.csv", "filename,mean\na.wav,3\n")
    assert set(labels(find(tmp_path)).values()) == {"clips"}  # which of the two is meant?


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[1]\n", "Line 1 of metadata.jsonl is no JSON object"),
        ("{}\n", "no column file and label"),
        ("", "has no lines"),
        ("[" * 100_000, "no JSON object"),
    ],
)
def test_lines_that_are_no_table(tmp_path: Path, lines: str, said: str) -> None:
    text(files(tmp_path, "a.wav") / "metadata.jsonl", lines)
    with pytest.raises(DataError, match=said):
        find(tmp_path)


def spoken(place: Path) -> Path:
    for word in ("yes", "no"):
        names = [f"{word}/{speaker:08x}_nohash_{i}.wav" for speaker in range(6) for i in (0, 1)]
        files(place, *names)
    return files(place, "_background_noise_/pink.wav", "yes/00000009_nohash_0.wav")


def test_noise_to_be_mixed_in_is_no_class(tmp_path: Path) -> None:
    """And one speaker with a single word does not hide the others (Speech Commands)."""
    found = find(spoken(tmp_path))
    assert set(labels(found).values()) == {"yes", "no"}
    assert [one.name for one in found.left_out] == ["_background_noise_/pink.wav"]
    again = find(tmp_path, "([0-9a-f]{8})_nohash_")
    assert len({item.group for item in again.items}) == 7


def test_lists_of_files_make_the_split(tmp_path: Path) -> None:
    spoken(tmp_path)
    text(tmp_path / "validation_list.txt", "yes/00000000_nohash_0.wav\n")
    text(tmp_path / "testing_list.txt", "no/00000001_nohash_1.wav\nno/00000002_nohash_1.wav\n")
    found = find(tmp_path)
    assert [item.name for item in found.items if item.split == "test"] == [
        "no/00000001_nohash_1.wav",
        "no/00000002_nohash_1.wav",
    ]
    assert all(item.split for item in found.items) and "testing_list.txt" in found.notes[-1]
    assert {one.name for one in found.left_out} == {"_background_noise_/pink.wav"}


def test_litter_is_no_class(tmp_path: Path) -> None:
    litter = ["$RECYCLE.BIN/x.wav", "System Volume Information/x.wav", "__MACOSX/a/._0.wav"]
    litter += ["a/._0.wav", ".DS_Store", "a/Thumbs.db", "desktop.ini", "@eaDir/0.wav/x.png"]
    good = find(files(tmp_path / "good", "a/0.wav", "b/0.wav"))
    bad = find(files(tmp_path / "bad", "a/0.wav", "b/0.wav", *litter, "a/.ipynb_checkpoints/0.png"))
    assert labels(bad) == labels(good) and bad.left_out == () and bad.notes == ()


# --- what is met, and what is read -----------------------------------------------------------


def test_files_of_a_kind_that_is_not_read_are_named_by_it(tmp_path: Path) -> None:
    """The layout was right, and was blamed."""
    files(tmp_path, *(f"{c}/{i}.wma" for c in "ab" for i in range(3)), "a/notes.txt")
    with pytest.raises(
        DataError, match=r"6 \.wma, 1 \.txt\) none is of a kind that is read"
    ) as said:
        find(tmp_path)
    assert ".flac" in str(said.value) and "subfolder" not in str(said.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a.wav,x,half\nb.wav,y,half\n", "2 files were left out; .* it may be train or test"),
        ("c.wav,x,train\nd.wav,y,test\n", "2 files were left out; .* missing"),
    ],
)
@pytest.mark.parametrize("there", [("a.wav", "b.wav"), ()])
def test_a_table_none_of_whose_rows_can_be_used(
    tmp_path: Path, there: tuple[str, ...], rows: str, said: str
) -> None:
    """It is the table that is wrong, and not the place of the files."""
    text(files(tmp_path, *there) / "metadata.csv", "file,label,split\n" + rows)
    with pytest.raises(DataError, match=said):
        find(tmp_path)


# --- names -----------------------------------------------------------------------------------


def test_classes_that_differ_by_case_or_blanks_are_one(tmp_path: Path) -> None:
    """An archive made where letter case does not count, unpacked where it does."""
    for i in range(4):
        sound(tmp_path / "Tone" / f"{i}.wav", i)
        sound(tmp_path / ("sweep " if i % 2 else "sweep") / f"{i}.wav", 10 + i)
        sound(tmp_path / "hiss" / f"{i}.wav", 20 + i)
    sound(tmp_path / "tone" / "9.wav", 30)
    data = load(tmp_path, size=(8, 8))
    assert data.label_names == ("Tone", "hiss", "sweep") and len(data) == 13
    told = [note for note in data.notes if "differ only by letter case" in note]
    assert "'Tone' (4) and 'tone' (1)" in told[0] or "'Tone' (4) and 'tone' (1)" in told[1]
    assert any("'sweep' (2) and 'sweep ' (2)" in note for note in told) and len(told) == 2


def test_a_table_from_another_system_spells_names_otherwise(tmp_path: Path) -> None:
    """Names from macOS are decomposed, tables composed (picard #3246, quodlibet #1760)."""
    names = [f"Zaunkönig{i:02}.wav" for i in range(3)] + ["Bruit café00.WAV"]
    files(tmp_path, *(unicodedata.normalize("NFD", name) for name in names))
    rows = "".join(f"{name.removesuffix('.WAV')},{name[0]}\n" for name in names[:3])
    text(tmp_path / "metadata.csv", "file,label\n" + rows + "bruit café00.wav,B\nlost.wav,B\n")
    found = find(tmp_path)
    assert [item.label for item in found.items] == ["Z", "Z", "Z", "B"]
    assert all(item.path.exists() for item in found.items)
    assert [one.name for one in found.left_out] == ["lost.wav"]
    assert any("spells 4 names otherwise" in note for note in found.notes)


def test_names_that_differ_by_case_alone_are_not_confused(tmp_path: Path) -> None:
    files(tmp_path, "a.wav", "A.wav", "b.wav")
    text(tmp_path / "metadata.csv", "file,label\na.wav,x\nA.wav,y\nb.wav,y\n")
    assert labels(find(tmp_path)) == {"a.wav": "x", "A.wav": "y", "b.wav": "y"}
    (tmp_path / "a.wav").rename(tmp_path / "á.wav")
    text(tmp_path / "metadata.csv", "file,label\n")
    files(tmp_path, "C.wav", "c.wAv")
    text(tmp_path / "metadata.csv", "file,label\nc.wav,x\nb.wav,y\n")
    (left,) = find(tmp_path).left_out
    assert "several files differ from it only by letter case" in left.reason


# --- splits ----------------------------------------------------------------------------------


def test_a_partly_empty_split_is_asked_about(tmp_path: Path) -> None:
    files(tmp_path, *(f"{i}.wav" for i in range(6)))
    rows = "".join(f"{i}.wav,{'ab'[i % 2]},{'test' if i < 2 else ''}\n" for i in range(6))
    text(tmp_path / "metadata.csv", "file,label,split\n" + rows)
    with pytest.raises(DataError, match=r"empty in 4 of 6 rows.* write train or test") as said:
        find(tmp_path)
    assert "\n" not in str(said.value)
    text(tmp_path / "metadata.csv", "file,label,split\n" + rows.replace("test", ""))
    assert {item.split for item in find(tmp_path).items} == {""}


def test_other_words_for_the_sides_of_a_split(tmp_path: Path) -> None:
    files(tmp_path, *"abc")
    files(tmp_path, "a.wav", "b.wav", "c.wav")
    rows = "a.wav,x,Training\nb.wav,x,val\nc.wav,y,Test\n"
    text(tmp_path / "metadata.csv", "file,label,split\n" + rows)
    assert [item.split for item in find(tmp_path).items] == ["train", "train", "test"]
