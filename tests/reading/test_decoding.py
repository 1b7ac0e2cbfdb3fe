"""Sound is decoded to its end: what a header claims changes nothing."""

from __future__ import annotations

import gc
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from analysis.reading import decoding
from analysis.reading.clips import read_sounds
from analysis.reading.untrusted import FrontEnd, Reading, Unusable
from analysis.recordings.agreement import common_length
from analysis.recordings.recordings import load, losses
from tests.recordings.made import RATE, sound


def encoded(format: str, seconds: float = 1.0, rate: int = 16_000, **more: object) -> bytes:
    stream = io.BytesIO()
    wave = 0.1 * np.random.default_rng(0).normal(size=round(seconds * rate))
    with soundfile.SoundFile(stream, "w", rate, 1, format=format, **more) as file:
        file.write(wave)
    return stream.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("claims")


FLAC = encoded("FLAC")
MP3 = encoded("MP3", bitrate_mode="VARIABLE", compression_level=0.5)


def decoded(path: Path) -> np.ndarray:
    with decoding.opened(path) as found:
        gc.collect()  # took the bytes from under the decoder, once
        return np.concatenate(list(found.blocks))


def with_total(total: int) -> bytes:
    """FLAC that claims a number of samples: the last 36 bits of eight bytes of its first block."""
    told = int.from_bytes(FLAC[18:26], "big") >> 36 << 36 | total
    return FLAC[:18] + told.to_bytes(8, "big") + FLAC[26:]


def without_count(tag: int = 0) -> bytes:
    """MP3 as iTunes wrote it: no frame that tells the length, and a comment before all frames."""
    start = MP3.index(b"Xing") - 13
    length = MP3.index(MP3[start : start + 2], start + 4) - start
    size = bytes(tag >> shift & 127 for shift in (21, 14, 7, 0))
    return (b"ID3\3\0\0" + size + bytes(tag) if tag else b"") + MP3[start + length :]


@given(total=st.integers(0, 2**36 - 1))
@settings(max_examples=25, deadline=None)
def test_what_flac_claims_changes_nothing(
    total: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("flac") / "x.flac"
    path.write_bytes(with_total(total))
    assert decoding.measured(path) == (16_000, 1, 16_000)
    found = decoded(path)[:, 0]
    path.write_bytes(FLAC)
    np.testing.assert_array_equal(found, soundfile.read(path, dtype="float32")[0])


@given(claim=st.binary(min_size=4, max_size=4))
@settings(max_examples=25, deadline=None)
def test_what_mp3_claims_changes_nothing(
    claim: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("mp3") / "x.mp3"
    at = MP3.index(b"Xing") + 8
    path.write_bytes(MP3[:at] + claim + MP3[at + 4 :])
    found = decoded(path)[:, 0]
    path.write_bytes(MP3)
    assert decoding.measured(path) == (16_000, 1, 16_000)
    np.testing.assert_array_equal(found, decoded(path)[:, 0])


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mp3_is_decoded_as_mpg123_does(tmp_path: Path, rate: int, mode: str) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(encoded("MP3", 0.7, rate, bitrate_mode=mode, compression_level=0.4))
    oracle, _ = soundfile.read(path, dtype="float32", always_2d=True)
    found = decoded(path)
    assert found.shape == oracle.shape == (round(0.7 * rate), 1)
    np.testing.assert_allclose(found, oracle, atol=1e-4)  # of 16 bits, and clipped at them


@pytest.mark.parametrize("tag", [0, 2_000, 60_000])
def test_mp3_that_tells_no_length(tmp_path: Path, tag: int) -> None:
    """Of 1,200 public files 1,145 were left out: libsndfile guesses the length by the size."""
    path = tmp_path / "x.mp3"
    path.write_bytes(without_count(tag))
    _, _, count = decoding.measured(path)
    assert 16_000 < count < 18_000  # with what the encoder added at both ends
    whole = decoded(path)[:, 0]
    path.write_bytes(MP3)
    original = decoded(path)[:, 0]
    lag = int(np.correlate(whole, original[4000:8000], "valid").argmax()) - 4000
    assert 0 < lag < 2_000
    np.testing.assert_allclose(whole[lag:][:16_000], original, atol=1e-3)


def test_what_decodes_for_ever_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, np.zeros(8 * 10**6), RATE)
    assert path.stat().st_size < 200_000  # minutes of nothing
    monkeypatch.setattr(decoding, "MOST_SAMPLES", 10**6)
    tracemalloc.start()
    with pytest.raises(Unusable, match="goes on for more than"):
        decoding.measured(path)
    assert tracemalloc.get_traced_memory()[1] < 4 * 10**6
    tracemalloc.stop()


@pytest.mark.parametrize("cut", [60, 900, 12_000])
def test_a_file_that_breaks_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(FLAC[:cut])
    if cut < 1000:
        with pytest.raises((Unusable, soundfile.LibsndfileError), match=r"damaged|Error opening"):
            decoding.measured(path)
    else:
        assert 0 < decoding.measured(path)[2] < 16_000


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=8),
    wanted=st.integers(1, 125).map(lambda n: 4 * n),
    seed=st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_the_loudest_stretch(lengths: list[int], wanted: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = [rng.normal(size=(n, 2)).astype(np.float32) * rng.random() for n in lengths]
    whole = np.concatenate(blocks)
    found, total = decoding.loudest(iter(blocks), wanted)
    assert total == len(whole) and len(found) == min(wanted, total)
    starts = [
        i for i in range(total - len(found) + 1) if (whole[i : i + len(found)] == found).all()
    ]
    assert starts  # it is a stretch of the whole
    if total <= wanted:
        np.testing.assert_array_equal(found, whole)
    power = np.concatenate([[0], np.cumsum(np.square(whole, dtype=np.float64).sum(1))])
    inner = max(0, len(found) - -(-wanted // 4))  # a stretch so long lies within one of those tried
    best = (power[inner:] - power[: len(power) - inner]).max()
    assert np.square(found, dtype=np.float64).sum() >= best - 1e-9


def test_floats_beyond_one_are_no_clipping(tmp_path: Path) -> None:
    """Every file of a set of integers written as floats was called clipped (scipy #16515)."""
    wave = np.sin(np.arange(RATE) / 3) * np.linspace(0.2, 0.9, RATE)
    for name, scale in (("one", 1), ("hot", 1.5), ("short", 32_768)):
        wavfile.write(tmp_path / f"{name}.wav", RATE, (scale * wave).astype(np.float32))
    loud = np.clip(3 * wave, -1, 1).astype(np.float32)
    wavfile.write(tmp_path / "clipped.wav", RATE, loud)
    wavfile.write(tmp_path / "quieter.wav", RATE, 2 * loud)
    front = FrontEnd("audio", rate=RATE, samples=RATE, size=(16, 16))
    names = ("one", "hot", "short", "clipped", "quieter")
    found = read_sounds([tmp_path / f"{name}.wav" for name in names], front)
    one, hot, short, clipped, doubled = (x for x in found if isinstance(x, Reading))
    assert all(x.measures["clipped"] < 0.001 for x in (one, hot, short))
    assert clipped.measures["clipped"] > 0.3
    assert doubled.measures["clipped"] == clipped.measures["clipped"]
    assert [x.measures["rescaled"] for x in (one, hot, short)] == [0, 0, 1]
    np.testing.assert_allclose(short.planes, one.planes / 0.9, rtol=0.01, atol=1e-5)


def test_integers_of_64_bits_are_left_out_with_the_reason(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "x.wav", RATE, np.arange(RATE, dtype=np.int64) << 40)
    with pytest.raises(Unusable, match="64-bit integers"):
        decoding.measured(tmp_path / "x.wav")


@given(st.lists(st.floats(0.05, 10), min_size=1, max_size=60), st.randoms())
def test_a_common_length_fills_half_of_all_clips(lengths: list[float], order: object) -> None:
    found = common_length(np.array(lengths))
    assert found in lengths
    assert np.minimum(lengths, found).mean() >= 0.5 * found
    assert found <= np.quantile(lengths, 0.95, method="closest_observation")
    order.shuffle(lengths)  # type: ignore[attr-defined]
    assert common_length(np.array(lengths)) == found


def test_three_long_files_do_not_pad_all_others(tmp_path: Path) -> None:
    for i in range(20):
        sound(tmp_path / "ab"[i % 2] / f"{i}.wav", i)
    for i in range(3):
        sound(tmp_path / "a" / f"long {i}.wav", 50 + i, seconds=8)
    data = load(tmp_path, size=(8, 8))
    assert data.front.samples == round(0.3 * RATE) and len(data) == 23
    assert data.measures.padding.max() < 0.01
    assert any("of 3 longer recordings (up to 8 s) the loudest" in note for note in data.notes)


def test_many_left_out_are_told_with_the_commonest_reason(tmp_path: Path) -> None:
    for i in range(10):
        sound(tmp_path / "ab"[i % 2] / f"{i}.wav", i)
    assert losses(load(tmp_path, size=(8, 8)).left_out, 10) == ""
    for i in range(6):
        sound(tmp_path / "a" / f"short {i}.wav", seconds=0.001 * (i + 1))
    (tmp_path / "a" / "x.wav").write_bytes(b"")
    data = load(tmp_path, size=(8, 8))
    told = losses(data.left_out, len(data))
    assert told.startswith("Of 17 files 7 (41 %) were left out, 6 of them") and "too short" in told


def test_a_stream_that_cannot_be_sought_in(tmp_path: Path) -> None:
    """libsndfile decodes GSM forwards only, so that looking for its loudest stretch failed."""
    wave = 0.01 * np.random.default_rng(0).normal(size=20 * RATE)
    wave[12 * RATE : 13 * RATE] *= 30
    soundfile.write(tmp_path / "x.wav", wave, RATE, subtype="GSM610")
    assert decoding.measured(tmp_path / "x.wav")[2] == pytest.approx(20 * RATE, abs=1000)
    front = FrontEnd("audio", rate=RATE, samples=RATE, size=(8, 8))
    (found,) = read_sounds([tmp_path / "x.wav"], front)
    assert isinstance(found, Reading) and found.measures["level"] > -20
