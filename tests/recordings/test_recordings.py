"""Reading a stranger's folder: the catalogue of what may be wrong with it, file by file."""

from __future__ import annotations

import os
import pickle
import shutil
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from analysis.colour import colormaps
from analysis.reading import untrusted
from analysis.reading.clips import read_sounds
from analysis.reading.untrusted import FrontEnd, Unusable, read, survey
from analysis.recordings import recordings
from analysis.recordings.listing import DataError
from analysis.recordings.recordings import load
from tests.conftest import sampled
from tests.recordings.made import RATE, reasons, sound

# --- folders ---------------------------------------------------------------------------------


def written(folder: Path) -> dict[Path, tuple[int, ...]]:
    """What writing to a file or renaming it would change; reading moves its access time alone."""
    found = {path: path.stat() for path in sorted(folder.rglob("*"))}
    return {p: (s.st_ino, s.st_mode, s.st_size, s.st_mtime_ns) for p, s in found.items()}


def test_a_good_folder_is_read_and_left_alone(folder: Path) -> None:
    before = written(folder)
    data = load(folder, size=(16, 12))
    assert data.planes.shape == (10, 1, 16, 12)
    assert data.label_names == ("cat", "dog") and data.labels.tolist() == [0] * 5 + [1] * 5
    assert data.left_out == () and data.name == "my data"
    assert written(folder) == before


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "There is no folder"),
        (lambda p: p.write_text("x"), "is a file, not a folder"),
        (lambda p: p.mkdir(), "it is empty"),
        (lambda p: sound(p / "a.wav"), "lies in no subfolder"),
        (lambda p: [sound(p / "a" / f"{i}.wav", i) for i in range(5)], "fewer than two classes"),
        (lambda p: [sound(p / c / "1.wav") for c in "ab"], "fewer than two classes"),
        (lambda p: [(p / c).mkdir(parents=True) for c in "ab"], "it is empty"),
    ],
)
def test_a_folder_of_which_no_report_can_be_made(tmp_path: Path, make, said: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "data")
    with pytest.raises(DataError, match=said) as caught:
        load(tmp_path / "data", size=(8, 8))
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", ")."))


def test_a_class_with_too_few_files_is_left_out_and_the_run_goes_on(folder: Path) -> None:
    sound(folder / "cow" / "one.wav", 77)
    assert "only 1 usable file; 4 needed" in reasons(folder)["cow/one.wav"]


def test_one_class_is_named_with_its_files(tmp_path: Path) -> None:
    for i in range(5):
        sound(tmp_path / "data" / "only" / f"{i}.wav", i)
    with pytest.raises(DataError, match=r"need two to tell apart \('only' has 5\)\."):
        load(tmp_path / "data", size=(8, 8))


def test_copies_of_silence_are_called_silent(folder: Path) -> None:
    for name in ("cat", "dog"):
        soundfile.write(folder / name / "nothing.wav", np.zeros(RATE), RATE)
    assert all(said.startswith("silent") for said in reasons(folder).values())


def test_a_pipe_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "cat" / "pipe.wav")
    assert reasons(folder)["cat/pipe.wav"] == "not a regular file"


def test_what_is_not_readable_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tests' own user, who may be root: the refusal is played."""
    closed, stat = folder / "cat" / "c0.wav", Path.stat

    def refuse(path: Path, **more: bool) -> os.stat_result:
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", refuse)
    assert reasons(folder)["cat/c0.wav"] == "not readable: permission denied"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_file_is_told_and_the_run_goes_on(folder: Path) -> None:
    (folder / "cat" / "c0.wav").chmod(0)
    assert reasons(folder) == {"cat/c0.wav": "not readable: permission denied"}
    assert (folder / "cat" / "c0.wav").stat().st_mode & 0o777 == 0  # left as it was


# --- sounds ----------------------------------------------------------------------------------


def test_the_catalogue_of_bad_sounds(folder: Path) -> None:
    cat = folder / "cat"
    (cat / "zero.wav").write_bytes(b"")
    (cat / "text.wav").write_text("no sound at all")
    (cat / "cut.flac").write_bytes(sound(folder / "x.flac", 5).read_bytes()[:900])
    (folder / "x.flac").unlink()
    soundfile.write(cat / "none.wav", np.zeros(0), RATE)
    soundfile.write(cat / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(cat / "constant.wav", np.full(RATE, 0.5), RATE)
    soundfile.write(cat / "short.wav", np.ones(40), RATE)
    wave = np.random.default_rng(0).normal(size=RATE)
    wave[7] = np.nan
    soundfile.write(cat / "nan.wav", wave, RATE, subtype="FLOAT")
    (cat / "notes.txt").write_text("mine")
    (cat / ".hidden").write_text("mine")
    found = reasons(folder)
    expected = {
        "zero.wav": "no bytes",
        "text.wav": "damaged",
        "cut.flac": "damaged",
        "none.wav": "no samples",
        "silent.wav": "silent",
        "constant.wav": "silent",
        "short.wav": "too short",
        "nan.wav": "not finite",
        "notes.txt": "not a kind of file",
    }
    assert {name.removeprefix("cat/") for name in found} == set(expected)
    for name, said in expected.items():
        assert said in found[f"cat/{name}"], (name, found[f"cat/{name}"])


def test_every_format_of_libsndfile_that_is_promised(folder: Path) -> None:
    for i, suffix in enumerate(("flac", "ogg", "mp3", "aiff")):
        sound(folder / "cat" / f"x.{suffix}", 50 + i, seconds=0.5)
    data = load(folder, size=(8, 8))
    assert len(data) == 14 and data.left_out == ()


def test_a_rare_lower_rate_is_left_out_and_a_higher_one_is_brought_down(tmp_path: Path) -> None:
    for i in range(12):
        sound(tmp_path / "ab"[i % 2] / f"{i}.wav", i, rate=44_100)
    sound(tmp_path / "a" / "low.wav", 80, rate=8_000)
    sound(tmp_path / "b" / "high.wav", 81, rate=48_000)
    data = load(tmp_path, size=(8, 8))
    assert data.front.rate == 44_100 and len(data) == 13
    assert "8,000 Hz, is below the 44,100 Hz" in data.left_out[0].reason
    assert any("several sample rates" in note for note in data.notes)


def test_a_resampled_tone_stays_in_its_band(tmp_path: Path) -> None:
    for rate in (16_000, 44_100):
        wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
        soundfile.write(tmp_path / f"{rate}.wav", wave, rate)
    front = FrontEnd("audio", rate=16_000, samples=16_000, size=(32, 32))
    one, other = read_sounds([tmp_path / "16000.wav", tmp_path / "44100.wav"], front)
    assert isinstance(one, untrusted.Reading) and isinstance(other, untrusted.Reading)
    assert one.planes[0].mean(1).argmax() == other.planes[0].mean(1).argmax()
    np.testing.assert_allclose(one.planes.max(), other.planes.max(), rtol=0.02)


def test_stereo_whose_channels_cancel_is_not_silent(tmp_path: Path) -> None:
    wave = 0.3 * np.random.default_rng(0).normal(size=RATE)
    soundfile.write(tmp_path / "x.wav", np.stack([wave, -wave], 1), RATE)
    soundfile.write(tmp_path / "y.wav", wave, RATE)
    front = FrontEnd("audio", rate=RATE, samples=RATE, size=(8, 8))
    stereo, mono = read_sounds([tmp_path / "x.wav", tmp_path / "y.wav"], front)
    assert isinstance(stereo, untrusted.Reading) and isinstance(mono, untrusted.Reading)
    np.testing.assert_allclose(stereo.planes, mono.planes, atol=1e-3)
    assert stereo.measures["channels"] == 2


def test_a_long_recording_is_streamed_and_gives_its_loudest_stretch(tmp_path: Path) -> None:
    rate, minutes = 16_000, 4
    wave = 0.001 * np.random.default_rng(0).normal(size=minutes * 60 * rate).astype(np.float32)
    wave[150 * rate : 151 * rate] += 0.5 * np.sin(np.arange(rate), dtype=np.float32)
    soundfile.write(tmp_path / "long.wav", wave, rate)
    front = FrontEnd("audio", rate=rate, samples=rate, size=(16, 16))
    tracemalloc.start()
    (found,) = read_sounds([tmp_path / "long.wav"], front)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found, untrusted.Reading)
    assert found.measures["seconds"] == 240 and found.measures["level"] > -15
    assert peak < wave.nbytes / 2


def test_padding_is_measured(tmp_path: Path) -> None:
    wave = np.concatenate(
        [0.1 * np.random.default_rng(0).normal(size=RATE // 4), np.zeros(RATE // 4)]
    )
    soundfile.write(tmp_path / "x.wav", wave, RATE)
    front = FrontEnd("audio", rate=RATE, samples=RATE, size=(8, 8))
    (found,) = read_sounds([tmp_path / "x.wav"], front)
    assert isinstance(found, untrusted.Reading)
    assert found.measures["padding"] == pytest.approx(0.75, abs=0.01)


def test_sizes_that_a_header_claims_are_not_believed(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.au")
    content = bytearray(path.read_bytes())
    content[8:12] = struct.pack(">I", 2**31 - 10)  # the length of the data
    path.write_bytes(bytes(content))
    front = FrontEnd("audio", rate=RATE, samples=RATE, size=(8, 8))
    try:
        survey(path)
        read_sounds([path], front)
    except Unusable:
        pass  # either way, no gigabytes were asked for


# --- duplicates, cache -----------------------------------------------------------------------


def test_copies_are_left_out_and_contradictions_altogether(folder: Path) -> None:
    (folder / "cat" / "copy.wav").write_bytes((folder / "cat" / "c0.wav").read_bytes())
    (folder / "dog" / "lie.wav").write_bytes((folder / "cat" / "c1.wav").read_bytes())
    wave, rate = soundfile.read(folder / "cat" / "c2.wav")
    soundfile.write(folder / "cat" / "same.flac", wave, rate)
    found = reasons(folder)
    assert "same content as cat/c0.wav" in found["cat/copy.wav"]
    assert found["dog/lie.wav"] == found["cat/c1.wav"]
    assert "several classes: cat and dog" in found["dog/lie.wav"]
    assert "same content as cat/c2.wav" in found["cat/same.flac"]


def test_the_cache_goes_by_content(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache" / "s.sqlite"
    first = load(folder, size=(8, 8), cache=cache)
    (folder / "cat" / "c0.wav").rename(folder / "cat" / "renamed.wav")
    calls: list[Path] = []
    real = recordings.read_sounds

    def counted(paths: list[Path], front: FrontEnd) -> object:
        calls.extend(paths)
        return real(paths, front)

    monkeypatch.setattr(recordings, "read_sounds", counted)
    again = load(folder, size=(8, 8), cache=cache)
    assert calls == []
    assert sorted(map(bytes, first.planes)) == sorted(map(bytes, again.planes))
    sound(folder / "cat" / "new.wav", 99)
    load(folder, size=(8, 8), cache=cache)
    assert [path.name for path in calls] == ["new.wav"]


def test_a_damaged_cache_is_made_anew(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "s.sqlite"
    cache.write_bytes(b"this is no data base at all" * 100)
    assert load(folder, size=(8, 8), cache=cache).digest() == load(folder, size=(8, 8)).digest()


@pytest.mark.slow
def test_processes_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = load(folder, size=(8, 8), jobs=1)
    monkeypatch.setattr(recordings, "_ALONE", 0)
    assert load(folder, size=(8, 8), jobs=2).digest() == alone.digest()


# --- arrays ----------------------------------------------------------------------------------


def arrays(place: Path, count: int = 5, shape: tuple[int, int] = (12, 10)) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (place / name).mkdir(parents=True)
        for i in range(count):
            np.save(place / name / f"{i}.npy", rng.random(shape))
    return place


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.path), "w"))


def test_object_arrays_are_never_unpickled(tmp_path: Path) -> None:
    place, mark = arrays(tmp_path / "d"), tmp_path / "opened"
    np.save(place / "a" / "o.npy", np.array([[Bomb(mark)]], object), allow_pickle=True)
    np.savez(place / "a" / "o.npz", x=np.array([[Bomb(mark)]], object))
    (place / "a" / "p.npy").write_bytes(pickle.dumps(Bomb(mark)))
    found = reasons(place)
    assert not mark.exists()
    assert "never unpickled" in found["a/o.npy"] and "never unpickled" in found["a/o.npz"]
    assert "damaged" in found["a/p.npy"]


def test_the_catalogue_of_bad_arrays(tmp_path: Path) -> None:
    place = arrays(tmp_path / "d")
    values = np.random.default_rng(9).random((12, 10))
    np.save(place / "a" / "line.npy", np.arange(9.0))
    np.save(place / "a" / "rows.npy", values[:7])
    np.save(place / "a" / "nan.npy", np.where(values > 0.9, np.nan, values))
    np.save(place / "a" / "flat.npy", np.ones((12, 10)))
    np.save(place / "a" / "words.npy", np.array([["a", "b"]]))
    np.savez(place / "a" / "two.npz", x=values, y=values)
    (place / "a" / "cut.npy").write_bytes((place / "a" / "0.npy").read_bytes()[:500])
    sound(place / "a" / "sound.wav")
    found = reasons(place)
    expected = {
        "line.npy": "rows and columns",
        "rows.npy": "has 7 rows where most files have 12",
        "nan.npy": "not finite",
        "flat.npy": "silent",
        "words.npy": "not numbers",
        "two.npz": "holds 2 arrays (x, y)",
        "cut.npy": "damaged",
        "sound.wav": "one of audio, where most files are arrays",
    }
    assert {name.removeprefix("a/") for name in found} == set(expected)
    for name, said in expected.items():
        assert said in found[f"a/{name}"]


def test_arrays_of_many_lengths_get_one_that_nearly_all_fit_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(20):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        np.save(tmp_path / "ab"[i % 2] / f"{i}.npy", rng.random((8, 10 + i)))
    found = load(tmp_path, size=(64, 64))
    assert found.front.source == (8, 28) and found.planes.shape == (20, 1, 8, 28)
    assert "have from 10 to 29 columns; 28 are used" in found.notes[0]


def test_columns_are_cut_or_filled(tmp_path: Path) -> None:
    place = arrays(tmp_path / "d")
    rng = np.random.default_rng(3)
    np.save(place / "a" / "long.npy", rng.random((12, 30)))
    np.save(place / "a" / "short.npy", rng.random((12, 5)))
    data = load(place, size=(64, 64))
    assert data.planes.shape == (12, 1, 12, 10)
    assert data.measures.padding.max() == 0.5


def test_arrays_claim_what_they_like(tmp_path: Path) -> None:
    """A header of terabytes in a file of a few bytes, and a zip that swells a thousandfold."""
    place = arrays(tmp_path / "d")
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    text = head.ljust(117) + "\n"
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    (place / "a" / "huge.npy").write_bytes(magic)
    with zipfile.ZipFile(place / "a" / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", magic + bytes(2_000_000))
    found = reasons(place)
    assert "too large" in found["a/huge.npy"] and "too large" in found["a/bomb.npz"]


def test_decibels_and_amplitudes(tmp_path: Path) -> None:
    place = arrays(tmp_path / "d")
    linear = load(place, size=(64, 64), values="amplitude")
    assert not linear.decibels
    np.testing.assert_array_equal(linear.magnitude(), linear.planes[:, 0])
    for path in place.rglob("*.npy"):
        np.save(path, 20 * np.log10(np.load(path)))
    db = load(place, size=(64, 64))
    assert db.decibels and "decibels because some lie below zero" in db.notes[-1]
    scale = linear.magnitude().max()
    np.testing.assert_allclose(db.magnitude() * scale, linear.magnitude(), rtol=1e-4)
    with pytest.raises(DataError, match="cannot be amplitudes"):
        load(place, values="amplitude")


# --- pictures --------------------------------------------------------------------------------


def pictures(place: Path, colormap: str | None, mode: str = "RGB") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    levels = {}
    for name in ("a", "b"):
        (place / name).mkdir(parents=True)
        for i in range(4):
            found = rng.integers(0, 256, (16, 12), np.uint8)
            image = found if colormap is None else colormaps.lut8(colormap)[found]
            Image.fromarray(image).convert(mode).save(place / name / f"{i}.png")
            levels[f"{name}/{i}.png"] = found
    return levels


@pytest.mark.parametrize("colormap", sampled(["viridis", "magma", "jet", "turbo", "hsv"], "jet"))
def test_a_colormap_is_recognised_and_its_levels_recovered(tmp_path: Path, colormap: str) -> None:
    levels = pictures(tmp_path / "d", colormap)
    data = load(tmp_path / "d")
    assert data.front.colormap == colormap and data.share_on_map == 1
    assert data.planes.shape == (8, 4, 16, 12)
    for name, plane in zip(data.files, data.planes[:, 0], strict=True):
        drawn = colormaps.lut8(colormap)[levels[str(name)]]
        told = colormaps.lut8(colormap)[np.rint(255 * plane[::-1]).astype(int)]
        np.testing.assert_array_equal(told, drawn)  # two levels of one colour are one


def test_gray_pictures_and_palettes(tmp_path: Path) -> None:
    levels = pictures(tmp_path / "gray", None, "L")
    data = load(tmp_path / "gray")
    assert data.front.colormap == "" and data.planes.shape[1] == 1
    np.testing.assert_allclose(255 * data.planes[0, 0, ::-1], levels["a/0.png"], atol=1e-4)
    pictures(tmp_path / "palette", "viridis", "P")
    assert load(tmp_path / "palette").planes.shape[1] == 4


def test_colours_of_no_map(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(4):
            image = rng.integers(0, 256, (16, 12, 3), np.uint8)
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
    with pytest.raises(DataError, match="Brightness is not the level"):
        load(tmp_path)


def test_classes_with_maps_of_their_own_are_told(tmp_path: Path) -> None:
    for name, colormap in (("a", "viridis"), ("b", "magma")):
        pictures(tmp_path / colormap, colormap)
        (tmp_path / colormap / name).rename(tmp_path / name)
        shutil.rmtree(tmp_path / colormap)
    with pytest.raises(DataError, match=r"a viridis, b magma.*gives the class away"):
        load(tmp_path)


def png(columns: int, rows: int, lines: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_decompression_bombs_are_refused_by_size(tmp_path: Path, side: int) -> None:
    pictures(tmp_path / "d", "viridis")
    (tmp_path / "d" / "a" / "bomb.png").write_bytes(png(side, side, bytes(100_000)))
    (tmp_path / "d" / "a" / "cut.png").write_bytes(png(16, 16, bytes(100)))
    (tmp_path / "d" / "a" / "jpeg.png").write_bytes(b"\xff\xd8\xff\xe0 no png")
    found = reasons(tmp_path / "d")
    assert "too large" in found["a/bomb.png"]
    assert "damaged" in found["a/cut.png"] and "damaged" in found["a/jpeg.png"]


def test_a_reading_needs_what_the_survey_promised(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((8, 8)))
    front = FrontEnd("arrays", source=(8, 8), size=(4, 4))
    assert read(tmp_path / "x.npy", front).planes.shape == (1, 4, 4)
    (tmp_path / "x.npy").unlink()
    with pytest.raises(Unusable, match="missing"):
        read(tmp_path / "x.npy", front)
