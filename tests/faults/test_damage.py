"""What is damaged on disk is made again, or named in a sentence; it is never taken for whole."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.nets import checkpoints
from analysis.sound import archives, datasets, soundfont
from tests.faults.conftest import Victim, copied, differing, tree

RESULTS = "_build/executed/edition/one"


@pytest.fixture
def built(tmp_path: Path, undisturbed: Victim) -> Victim:
    """A tiny book of one chapter, built."""
    return copied(undisturbed, tmp_path)


@pytest.mark.slow
def test_damaged_results_are_computed_again(built: Victim) -> None:
    """Truncated figures, records of other bytes, files that are gone, pages cut short."""
    results, html = built.folder / RESULTS, built.folder / "_build" / "html"
    whole = tree(results), tree(html)
    svg = results / "figures" / "fig-one-line.svg"
    svg.write_bytes(svg.read_bytes()[:1000])
    (results / "ledger.json").unlink()
    (html / "book" / "one.html").write_bytes(b"")
    run = built.run()
    assert run.returncode == 0, run.stderr
    assert "is damaged: executing one again" in run.stderr
    assert "book/one.html is damaged: rendering the pages again" in run.stderr
    assert differing(tree(results), whole[0]) | differing(tree(html), whole[1]) == set()


@pytest.mark.slow
def test_a_damaged_record_of_the_graph_is_made_again(built: Victim) -> None:
    results = built.folder / RESULTS
    whole = tree(results)
    (built.folder / "_build" / "pytask.lock").write_bytes(b"lock-version = \x00\xff")
    (built.folder / "_build" / "pytask.lock.journal").write_text('{"half": ')
    run = built.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert "pytask.lock is damaged: building anew" in run.stderr
    assert tree(results) == whole
    assert "up to date" in built.run().stdout


def spoiled(content: bytes, kind: str, rng: random.Random) -> bytes:
    """A file cut short, with one bit turned over, with a block of zeros, or all noise."""
    place = rng.randrange(len(content))
    if kind == "cut":
        return content[:place]
    if kind == "bit":
        return (
            content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
        )
    if kind == "zeros":
        size = min(512, len(content) - place)
        return content[:place] + bytes(size) + content[place + size :]
    return rng.randbytes(len(content))


KINDS = ("cut", "bit", "zeros", "noise")


def test_a_damaged_checkpoint_is_none_or_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "x.stack"
    value = {"weights": torch.arange(300.0), "step": 7, "names": ["a", "b"]}
    checkpoints.save_atomic(path, "key", value)
    content = path.read_bytes()
    rng = random.Random(0)
    for round in range(400):
        path.write_bytes(spoiled(content, KINDS[round % 4], rng))
        found = checkpoints.load_atomic(path, "key")
        if found is not None:
            assert found["weights"].equal(value["weights"]), round
            assert (found["step"], found["names"]) == (7, ["a", "b"]), round


def test_damaged_notes_are_rendered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either the very notes that were stored, or a new rendering."""
    fresh = (np.ones((2, 50), np.float32), np.array([True, True]), np.array(["Piano"] * 71))
    rendered = []

    def render() -> tuple[np.ndarray, ...]:
        rendered.append(1)
        return fresh

    monkeypatch.setattr(soundfont, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(soundfont, "_render_all", render)
    monkeypatch.setattr(soundfont, "recipe", lambda: "0" * 64)
    soundfont.notes.cache_clear()
    soundfont.notes()
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    rng = random.Random(1)
    for round in range(400):
        path.write_bytes(spoiled(content, KINDS[round % 4], rng))
        soundfont.notes.cache_clear()
        waveforms, sounding, _ = soundfont.notes()
        np.testing.assert_array_equal(waveforms, fresh[0])
        np.testing.assert_array_equal(sounding, fresh[1])
    assert len(rendered) > 300
    soundfont.notes.cache_clear()


def test_a_damaged_archive_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / datasets.SOURCES["spoken-digits"].archive
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/recordings/0_jackson_0.wav", bytes(range(256)) * 8)
    content = path.read_bytes()
    rng = random.Random(2)
    said = []
    for round in range(400):
        path.write_bytes(spoiled(content, KINDS[round % 4], rng))
        try:
            list(archives._members("spoken-digits", path, {"recordings/0_jackson_0.wav"}))
        except datasets.DataUnavailable as error:
            said.append(str(error))
    assert len(said) > 200
    assert all(f"the archive {path} is damaged (" in text for text in said)
    assert all("Delete it and run again" in text for text in said)
