"""Listing a stranger's folder: names, tables, groups, links."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.reading.untrusted import shown
from analysis.recordings.listing import DataError, find
from analysis.recordings.recordings import load
from tests.recordings.made import reasons, rows, sound, table

# --- folders ---------------------------------------------------------------------------------


def test_splits_in_place_of_classes_are_noticed(tmp_path: Path) -> None:
    for name in ("train", "test"):
        for i in range(4):
            sound(tmp_path / name / f"{name}_{i}.wav", i)
    with pytest.raises(DataError, match="look like the parts of a split set, not like classes"):
        find(tmp_path)
    found = find(tmp_path, classes="(train|test)_")  # whoever means it says so
    assert sorted({item.label for item in found.items}) == ["test", "train"]


def test_links_that_go_round_end(folder: Path) -> None:
    (folder / "cat" / "again").symlink_to(folder, target_is_directory=True)
    (folder / "dog" / "self").symlink_to(folder / "dog" / "self")
    (folder / "dog" / "nowhere.wav").symlink_to(folder / "none.wav")
    found = reasons(folder)
    assert "listed already" in found["cat/again"]
    assert "leads nowhere" in found["dog/nowhere.wav"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_class_is_told(folder: Path) -> None:
    sound(folder / "cow" / "one.wav")
    (folder / "cow").chmod(0)
    try:
        assert reasons(folder) == {"cow": "not readable: permission denied"}
    finally:
        (folder / "cow").chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_folder(folder: Path) -> None:
    (folder / "cat").chmod(0)
    try:
        with pytest.raises(DataError, match="permission denied"):
            load(folder)
    finally:
        (folder / "cat").chmod(0o755)


def test_odd_names(folder: Path) -> None:
    name = "größe 猫 =1+1\x1b[2J.wav"
    (folder / "cat" / "c0.wav").rename(folder / "cat" / name)
    data = load(folder, size=(8, 8))
    assert "cat/größe 猫 =1+1�[2J.wav" in data.files.tolist()


@given(st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_shown_names_can_be_printed_and_written(name: str) -> None:
    shown(name.encode("utf-8", "replace").decode()).encode("utf-8")
    assert not any(ord(c) < 32 for c in shown(name.encode("utf-8", "replace").decode()))


def test_names_that_are_no_utf8() -> None:
    assert shown(os.fsdecode(b"a\xff.wav")) == r"a\xff.wav"
    assert shown("\ud800x") == "\ufffdx"  # as JSON may have it


def test_files_whose_names_are_no_utf8_are_read(folder: Path) -> None:
    for i, byte in enumerate((b"\xe9", b"\xff")):  # of Latin-1, unpacked elsewhere
        target = os.path.join(os.fsencode(folder), b"cat", b"caf" + byte + b".wav")
        os.rename(os.fsencode(folder / "cat" / f"c{i}.wav"), target)
    data = load(folder, size=(8, 8))
    assert len(data) == 10 and data.left_out == ()
    assert {r"cat/caf\xe9.wav", r"cat/caf\xff.wav"} < set(data.files)


ASCII = """
import sys
from pathlib import Path
from analysis.recordings.recordings import load
data = load(Path(sys.argv[1]), size=(8, 8), jobs=1)
print(sys.getfilesystemencoding(), len(data), ascii(data.label_names), len(data.left_out))
"""


@pytest.mark.slow
def test_a_locale_without_the_letters_of_the_names(folder: Path) -> None:
    for i in range(5):
        (folder / "cat" / f"c{i}.wav").rename(folder / f"größe {i}.wav")
    lines = [f"größe {i}.wav,Größe" for i in range(5)] + [f"dog/d{i}.wav,狗" for i in range(5)]
    table(folder, "\n".join(["file,label", *lines, "weg ä.wav,狗"]))
    known = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", ASCII, str(folder)]
    told = subprocess.run(command, env=known, capture_output=True, text=True, check=True).stdout
    assert told.split(maxsplit=2)[:2] == ["ascii", "10"]
    assert told.split(maxsplit=2)[2] == f"{('Größe', '狗')!a} 1\n"


# --- metadata.csv ----------------------------------------------------------------------------


def test_a_table_with_groups_and_splits(folder: Path) -> None:
    text = "file,label,group,split\n"
    for i in range(5):
        text += f"cat/c{i}.wav,feline,g{i % 2},{'test' if i % 2 else 'train'}\n"
        text += f"dog/d{i}.wav,canine,g{i % 2},{'test' if i % 2 else 'train'}\n"
    data = load(table(folder, text), size=(8, 8))
    assert data.label_names == ("canine", "feline") and data.grouped
    assert set(data.split) == {"train", "test"} and data.notes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file;label\na.wav;x\n", "separated by semicolons"),
        ("file\tlabel\na.wav\tx\n", "separated by tabs"),
        ("name,sort\na.wav,x\n", "no column file and label"),
        ("file,label\n", "has no rows"),
        ("", "has no rows"),
        ("file,label,label\na.wav,x,x\n", "two columns called 'label'"),
        ("file,label\na,b.wav,x\n", "Row 2 of metadata.csv has 3 cells"),
        ('file,label\n"a.wav,x\n', "no table separated by commas"),
        ("file,label\nä.wav,x\n".encode("latin-1"), "not in UTF-8"),
        ("file,label\na.wav,x\n".encode("utf-16"), "not in UTF-8"),
        (b"file,label\na\0.wav,x\n", "zero bytes"),
    ],
)
def test_tables_that_cannot_be_understood(folder: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(table(folder, text))


def test_rows_that_cannot_be_used(folder: Path) -> None:
    (folder.parent / "secret.wav").write_bytes((folder / "cat" / "c0.wav").read_bytes())
    more = [
        "../secret.wav,cat",
        f"{folder.parent}/secret.wav,cat",
        "cat/../../secret.wav,cat",
        "C:\\secret.wav,cat",
        "lost.wav,cat",
        "cat/c1.wav,cat",
        "dog/d1.wav,cat",
        ",cat",
        "cat/c2.wav,",
    ]
    text = "\ufeff" + rows(folder).replace("file,label", "File, Label ") + "\n".join(more) + "\n"
    found = reasons(table(folder, text))
    outside = "leads out of the data folder"
    assert outside in found["../secret.wav"] and outside in found["cat/../../secret.wav"]
    assert outside in found[f"{folder.parent}/secret.wav"] and outside in found["C:\\secret.wav"]
    assert "missing" in found["lost.wav"]
    assert "says the same" in found["cat/c1.wav"]
    assert "contradict each other" in found["dog/d1.wav"]
    assert "without a file" in found["(no file)"] and "without a label" in found["cat/c2.wav"]


def test_unknown_columns_are_named_and_a_leak_is_told(folder: Path) -> None:
    text = rows(folder, "file,label,speaker", ",jo")
    assert "not used: speaker" in load(table(folder, text), size=(8, 8)).notes[0]
    text = rows(folder, "file,label,group,split", ",jo,train").replace(
        "c1.wav,cat,jo,train", "c1.wav,cat,jo,test"
    )
    assert "in both splits" in find(table(folder, text)).notes[0]
    text = rows(folder, "file,label,split", ",half")
    with pytest.raises(DataError, match="it may be train or test"):
        load(table(folder, text))
