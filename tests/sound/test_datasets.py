"""The recordings: rendering, splits, archives found, checked, refused."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pooch
import pytest
import soundfile

from analysis.sound import archives, card, datasets, soundfont


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """No archive anywhere and no network: an empty data folder, an empty cache."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("ANALYSIS_DATA_DIR", str(data))
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no network here")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    archives._read_checked.cache_clear()
    yield data
    archives._read_checked.cache_clear()


def _wav(samples: np.ndarray, rate: int) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="WAV", subtype="PCM_16")
    return stream.getvalue()


def _use_manifest(monkeypatch: pytest.MonkeyPatch, recordings: dict[str, bytes]) -> None:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in recordings.items()}
    monkeypatch.setattr(archives, "_manifest", lambda _: digests)


def _digits() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    return {
        f"recordings/{digit}_{speaker}_0.wav": _wav(rng.uniform(-1, 1, length), 8000)
        for digit, length in ((3, 4000), (7, 9000))
        for speaker in ("george", "lucas", "theo")
    }


def _zip(path: Path, recordings: dict[str, bytes], folder: str = "top/") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in recordings.items():
            archive.writestr(folder + name, content)


def _tar(path: Path, recordings: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in recordings.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


DIGITS = datasets.SOURCES["spoken-digits"].archive
WORDS = datasets.SOURCES["spoken-words"].archive


def test_programs_are_nine_families_without_timpani_and_ensembles() -> None:
    programs = soundfont.programs()
    assert sorted(programs) == [p for p in range(80) if not 47 <= p <= 55]
    assert len(set(programs.values())) == 9


def test_every_family_has_programs_to_train_and_to_test() -> None:
    programs = soundfont.programs()
    held_out = set(soundfont.held_out_programs())
    for family in soundfont.FAMILIES:
        members = {p for p, f in programs.items() if f == family}
        assert len(members & held_out) == 2
        assert len(members - held_out) >= 5


def test_instruments() -> None:
    notes = datasets.instruments()
    assert notes.waveforms.shape == (len(notes), 16_000)
    assert notes.waveforms.dtype == np.float32
    assert len(notes) + notes.dropped == 71 * 22 * 2
    assert 0 < np.abs(notes.waveforms).max() < 1  # nothing clips
    assert np.abs(notes.waveforms).max(axis=1).min() > 1e-4
    assert set(notes.groups[notes.split == "train"]).isdisjoint(notes.groups[notes.split == "test"])
    assert len(set(notes.groups)) == 71
    assert set(notes.labels) == set(range(9))


def test_a_note_sounds_at_its_pitch() -> None:
    notes = datasets.instruments()
    row = list(notes.clips).index("p073-k069-v110" if 69 in soundfont.KEYS else "p073-k070-v110")
    spectrum = np.abs(np.fft.rfft(notes.waveforms[row] * np.hanning(16_000)))
    concert = 440 * 2 ** ((70 - 69) / 12)
    partials = concert * np.arange(1, 6)
    peak = np.argmax(spectrum)  # one second: bins of 1 Hz
    assert np.min(np.abs(partials - peak) / partials) < 0.01


def test_rendering_is_the_same_every_time_and_in_any_order() -> None:
    tinysoundfont = pytest.importorskip("tinysoundfont")
    assert "pyaudio" not in sys.modules
    notes = datasets.instruments()
    synth = tinysoundfont.Synth(samplerate=48_000)
    font = synth.sfload(str(soundfont.soundfont_path()))
    for clip in ("p040-k060-v110", "p000-k082-v060"):  # the other order, on a fresh synthesiser
        program, key, velocity = (int(part[1:]) for part in clip.split("-"))
        synth.program_select(0, font, 0, program)
        played = soundfont._play(synth, key, velocity)
        again = soundfont.resample_poly(played, 1, 3).astype(np.float32)
        stored = notes.waveforms[list(notes.clips).index(clip)]
        np.testing.assert_allclose(again, stored, atol=1e-6)


def test_a_damaged_cache_is_rendered_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rendered = (np.full((1, 16), 0.5, np.float32), np.array([True]), np.array(["x"] * 71))
    monkeypatch.setattr(soundfont, "_render_all", lambda: rendered)
    monkeypatch.setattr(soundfont, "cache_folder", lambda: tmp_path)
    path = tmp_path / f"notes-{soundfont.recipe()[:16]}.npz"
    path.write_bytes(b"PK\x03\x04 half a file")
    waveforms, _, _ = soundfont.notes.__wrapped__()
    np.testing.assert_array_equal(waveforms, rendered[0])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # nothing left lying about
    monkeypatch.setattr(soundfont, "_render_all", lambda: pytest.fail("the cache was not used"))
    np.testing.assert_array_equal(soundfont.notes.__wrapped__()[0], rendered[0])


def test_subsets_are_seeded_and_balanced() -> None:
    first, again = (datasets.instruments(max_per_class=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.clips, again.clips)
    assert list(first.clips) != list(datasets.instruments(max_per_class=5, seed=4).clips)
    for part in ("train", "test"):
        assert list(np.bincount(first.part(part).labels)) == [5] * 9
    whole = datasets.instruments()
    np.testing.assert_array_equal(whole.subset(5, seed=3).clips, first.clips)
    rows = [list(whole.clips).index(clip) for clip in first.clips]
    np.testing.assert_array_equal(whole.waveforms[rows], first.waveforms)
    assert whole.subset(None) is whole


def test_subset_and_part_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        datasets.instruments(max_per_class=0)
    with pytest.raises(ValueError, match="'train' or 'test'"):
        datasets.instruments(max_per_class=1).part("validation")


def test_digits_are_split_by_speaker_padded_and_cut(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = _digits()
    _use_manifest(monkeypatch, recordings)
    _zip(offline / DIGITS, recordings | {"README.md": b"not in the manifest"})
    digits = datasets.spoken_digits()
    assert digits.waveforms.shape == (6, 8000)
    assert set(digits.groups[digits.split == "test"]) == {"lucas", "theo"}
    assert list(digits.labels) == [3, 3, 3, 7, 7, 7]
    assert list(digits.lengths) == [4000] * 3 + [9000] * 3
    assert not digits.waveforms[0, 4000:].any()
    original, _ = soundfile.read(io.BytesIO(recordings[str(digits.clips[0])]), dtype="float32")
    np.testing.assert_array_equal(digits.waveforms[0, :4000], original)


def test_digits_are_found_under_the_name_in_the_address_too(
    offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = _digits()
    _use_manifest(monkeypatch, recordings)
    _zip(offline / datasets.SOURCES["spoken-digits"].url.rsplit("/", 1)[1], recordings)
    assert len(datasets.spoken_digits()) == 6


def test_words_are_split_by_speaker(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speakers = [f"{i:08x}" for i in range(40)]
    sound = _wav(np.zeros(100), 16_000)
    recordings = {f"{word}/{s}_nohash_1.wav": sound for s in speakers for word in ("yes", "go")}
    _use_manifest(monkeypatch, recordings)
    _tar(offline / WORDS, recordings)
    words = datasets.spoken_words()
    assert set(words.labels) == {0, 9}
    test = set(words.groups[words.split == "test"])
    assert test.isdisjoint(words.groups[words.split == "train"])
    assert 0 < len(test) < 20


@pytest.mark.parametrize("name", ["spoken-digits", "spoken-words"])
def test_absent_data_says_what_to_do(offline: Path, name: str) -> None:
    assert not datasets.available(name)
    assert datasets.state()[name] == "absent"
    source = datasets.SOURCES[name]
    load = {"spoken-digits": datasets.spoken_digits, "spoken-words": datasets.spoken_words}[name]
    with pytest.raises(datasets.DataUnavailable) as problem:
        load()
    for part in (source.url, source.archive, "ANALYSIS_DATA_DIR"):
        assert part in str(problem.value)
        assert part in datasets.note(name)
    assert "admonition" in datasets.note(name)._repr_html_()


def test_an_altered_recording_is_refused(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = _digits()
    _use_manifest(monkeypatch, recordings)
    altered = "recordings/3_theo_0.wav"
    _zip(offline / DIGITS, recordings | {altered: recordings[altered][:-2] + b"\x01\x02"})
    with pytest.raises(datasets.DataUnavailable, match=f"{altered} differs"):
        datasets.spoken_digits()


def test_a_missing_recording_is_refused(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = _digits()
    _use_manifest(monkeypatch, recordings)
    _zip(offline / DIGITS, dict(list(recordings.items())[1:]))
    with pytest.raises(datasets.DataUnavailable, match="1 files are missing, first recordings/3_g"):
        datasets.spoken_digits()


@pytest.mark.parametrize("kept", [0, 1, 200, 5000])
def test_a_truncated_archive_is_refused_in_one_sentence(
    offline: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    recordings = {name.replace("recordings", "yes"): wav for name, wav in _digits().items()}
    _use_manifest(monkeypatch, recordings)
    _zip(offline / DIGITS, recordings)
    _tar(offline / WORDS, recordings)
    for archive, load in ((DIGITS, datasets.spoken_digits), (WORDS, datasets.spoken_words)):
        path = offline / archive
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(datasets.DataUnavailable, match="is damaged") as problem:
            load()
        assert str(path) in str(problem.value)


@pytest.mark.parametrize("escape", ["../outside.wav", "/etc/outside.wav", "top\\..\\..\\outside"])
def test_members_outside_the_folder_are_refused(
    offline: Path, monkeypatch: pytest.MonkeyPatch, escape: str
) -> None:
    recordings = _digits()
    _use_manifest(monkeypatch, recordings)
    _zip(offline / DIGITS, {f"top/{name}": wav for name, wav in recordings.items()}, folder="")
    with zipfile.ZipFile(offline / DIGITS, "a") as archive:
        archive.writestr(escape, b"x")
    with pytest.raises(datasets.DataUnavailable, match="outside its folder"):
        datasets.spoken_digits()


def test_links_in_an_archive_are_never_followed(
    offline: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"secret")
    _use_manifest(monkeypatch, {"yes/a_nohash_0.wav": b"secret"})
    with tarfile.open(offline / WORDS, "w:gz") as archive:
        info = tarfile.TarInfo("yes/a_nohash_0.wav")
        info.type, info.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(info)
    with pytest.raises(datasets.DataUnavailable, match="missing"):
        datasets.spoken_words()


def test_a_download_lands_in_the_cache(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = _digits()
    _use_manifest(monkeypatch, recordings)

    def download(url: str, *, fname: str, path: Path, **_: object) -> str:
        assert url == datasets.SOURCES["spoken-digits"].url
        path.mkdir(parents=True)
        _zip(path / fname, recordings)
        return str(path / fname)

    monkeypatch.setattr(pooch, "retrieve", download)
    assert len(datasets.spoken_digits()) == 6
    monkeypatch.delenv("ANALYSIS_DATA_DIR")
    assert datasets.available("spoken-digits")
    assert len(datasets.state()["spoken-digits"]) == 64


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="spoken-digits"):
        datasets.available("digits")
    with pytest.raises(ValueError, match="instruments"):
        datasets.note("digits")


def test_a_missing_soundfont_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfont, "find_spec", lambda _: None)
    assert not datasets.available("instruments")
    assert datasets.state()["instruments"] == "absent"
    with pytest.raises(datasets.DataUnavailable, match="pip install pretty-midi"):
        soundfont.soundfont_path()


def test_manifests_have_every_recording() -> None:
    digits, words = (archives._manifest(name) for name in ("spoken-digits", "spoken-words"))
    assert len(digits) == 3000
    assert {name.split("/")[0] for name in words} == {
        "yes",
        "no",
        "up",
        "down",
        "left",
        "right",
        "on",
        "off",
        "stop",
        "go",
    }
    assert all(len(digest) == 64 for digest in (*digits.values(), *words.values()))


def _audio(labels: list[int], waveforms: np.ndarray, split: list[str]) -> datasets.AudioSet:
    count = len(labels)
    return datasets.AudioSet(
        name="instruments",
        waveforms=waveforms.astype(np.float32),
        sample_rate=100,
        labels=np.array(labels),
        label_names=("a", "b"),
        groups=np.array([f"g{i}" for i in range(count)]),
        split=np.array(split),
        lengths=np.full(count, waveforms.shape[1] // 2),
        clips=np.array([f"p{i}-k040-v060" for i in range(count)]),
    )


def test_levels_leave_the_padding_out() -> None:
    waveforms = np.zeros((2, 100))
    waveforms[:, :50] = [[1], [0.1]]
    levels = card.levels_db(_audio([0, 1], waveforms, ["train", "test"]))
    np.testing.assert_allclose(levels, [0, -20], atol=1e-5)


def test_one_number_gives_the_class_away_only_if_it_does() -> None:
    labels = [0, 1] * 100
    audio = _audio(labels, np.zeros((200, 4)), ["train"] * 100 + ["test"] * 100)
    assert card.one_number_accuracy(audio, np.array(labels, float)) == 1
    noise = np.random.default_rng(0).random(200)
    assert 0.3 < card.one_number_accuracy(audio, noise) < 0.7


def test_twins_are_found_whatever_their_level() -> None:
    sound = np.random.default_rng(0).normal(size=(3, 100))
    audio = _audio(
        [0, 0, 1], np.stack([sound[0], sound[1], 0.1 * sound[0]]), ["train", "train", "test"]
    )
    table = card.twins(audio)
    assert table.loc[0, ["held_out", "nearest"]].tolist() == ["g2", "g0"]
    assert table.loc[0, "correlation"] == pytest.approx(1, abs=1e-5)


def test_twins_are_scored_for_every_held_out_program() -> None:
    table = card.twins(datasets.instruments())
    assert len(table) == len(soundfont.held_out_programs())
    assert table["correlation"].is_monotonic_decreasing


@pytest.mark.skipif(
    not datasets.available("spoken-digits"), reason="the digits' archive is not on this machine"
)
def test_the_real_digits() -> None:
    digits = datasets.spoken_digits()
    assert len(digits) == 3000
    assert len(set(digits.groups)) == 6
    assert list(np.bincount(digits.labels)) == [300] * 10


@pytest.mark.skipif(
    not datasets.available("spoken-words"), reason="the words' archive is not on this machine"
)
def test_the_real_words() -> None:
    words = datasets.spoken_words(max_per_class=20)
    assert words.waveforms.shape == (400, 16_000)
    assert words.lengths.max() == 16_000
