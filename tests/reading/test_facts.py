"""What is read of a header, and measured of a sound, is what was put there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from analysis.reading.facts import header_facts, wave_facts

RNG = np.random.default_rng(0)
RATE = 8_000


@pytest.mark.parametrize(
    ("name", "subtype", "told"),
    [
        ("a.wav", "PCM_16", {"format": "WAV", "encoding": "PCM_16 FILE"}),
        ("a.wav", "PCM_24", {"format": "WAV", "encoding": "PCM_24 FILE"}),
        ("a.flac", "PCM_16", {"format": "FLAC", "encoding": "PCM_16 FILE"}),
        ("a.ogg", "VORBIS", {"format": "OGG", "encoding": "VORBIS FILE"}),
    ],
)
def test_a_sounds_header(tmp_path: Path, name: str, subtype: str, told: dict[str, str]) -> None:
    soundfile.write(tmp_path / name, 0.1 * RNG.normal(size=RATE), RATE, subtype)
    assert header_facts(tmp_path / name, "audio") == told


def test_an_arrays_header(tmp_path: Path) -> None:
    values = RNG.random((8, 9))
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "b.npy", np.asfortranarray(values.astype(np.float32)))
    np.savez(tmp_path / "c.npz", values)
    assert header_facts(tmp_path / "a.npy", "arrays")["encoding"] == "<f8 rows first"
    assert header_facts(tmp_path / "b.npy", "arrays")["encoding"] == "<f4 columns first"
    assert header_facts(tmp_path / "c.npz", "arrays") == {"format": ".npz"}


def test_a_pictures_header(tmp_path: Path) -> None:
    image = Image.fromarray(RNG.integers(0, 256, (16, 16, 3), np.uint8))
    told = PngImagePlugin.PngInfo()
    told.add_text("Software", "somebody's")
    image.save(tmp_path / "a.png", pnginfo=told)
    assert header_facts(tmp_path / "a.png", "images") == {
        **{"format": "PNG", "encoding": "RGB", "software": "somebody's"}
    }
    tables = {}
    for quality, subsampling in ((75, 0), (75, 2), (90, 0)):
        place = tmp_path / f"{quality}-{subsampling}.jpg"
        image.save(place, quality=quality, subsampling=subsampling)
        tables[quality, subsampling] = header_facts(place, "images")["quality"]
    assert len(set(tables.values())) == 3
    Image.fromarray(RNG.integers(0, 256, (16, 16, 3), np.uint8)).save(
        tmp_path / "other.jpg", quality=75, subsampling=0
    )  # another picture, the same tables
    assert header_facts(tmp_path / "other.jpg", "images")["quality"] == tables[75, 0]


def wave(seconds: float = 1.0, level: float = 0.01, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level * rng.normal(size=round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("mains", [50, 60])
def test_hum_stands_out_and_only_its_own(mains: int) -> None:
    plain = wave()
    time = np.arange(len(plain)) / RATE
    hum = sum(0.004 * np.sin(2 * np.pi * k * mains * time + k) for k in (1, 2, 3, 4, 5))
    quiet, loud = wave_facts(plain, RATE), wave_facts((plain + hum).astype(np.float32), RATE)
    other = f"hum{110 - mains}"
    assert loud[f"hum{mains}"] > quiet[f"hum{mains}"] + 10
    assert loud[other] < quiet[other] + 8  # 300 Hz is a multiple of both


@given(st.floats(-0.3, 0.3), st.integers(0, 50))
def test_an_offset_is_the_mean_and_no_hum_nor_noise(offset: float, seed: int) -> None:
    plain = wave(seed=seed)
    moved = wave_facts(plain + np.float32(offset), RATE)
    before = wave_facts(plain, RATE)
    assert moved["offset"] == pytest.approx(before["offset"] + offset, abs=1e-5)
    for name in ("floor", "hum50", "hum60"):
        assert moved[name] == pytest.approx(before[name], abs=0.01)


def test_the_floor_is_that_of_the_pauses_and_no_digital_silence() -> None:
    sound = np.concatenate([wave(0.5, 0.1), wave(0.5, 0.001), np.zeros(RATE, np.float32)])
    assert wave_facts(sound, RATE)["floor"] == pytest.approx(-60, abs=2)


@pytest.mark.parametrize("bits", [8, 12, 16, 20, 24])
def test_the_bits_are_those_that_the_samples_use(bits: int) -> None:
    steps = np.round(wave(level=0.2) * 2 ** (bits - 1)) / 2 ** (bits - 1)
    assert wave_facts(steps.astype(np.float32), RATE)["bits"] == bits


@given(st.integers(1, 400), st.sampled_from([50, 8_000, 192_000]))
def test_any_length_and_rate_gives_finite_facts(length: int, rate: int) -> None:
    sound = np.random.default_rng(length).normal(size=length).astype(np.float32)
    assert all(np.isfinite(list(wave_facts(sound, rate).values())))
    assert all(np.isfinite(list(wave_facts(0 * sound, rate).values())))
