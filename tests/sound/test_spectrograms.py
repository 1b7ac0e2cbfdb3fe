"""Spectrograms against scipy, torch, Pillow and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.signal import ShortTimeFFT, get_window

from analysis.sound import spectrograms


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.2, shape).astype(np.float32)


@pytest.mark.parametrize(("window", "hop"), [(512, 256), (512, 128), (400, 160), (256, 256)])
def test_power_is_scipys(window: int, hop: int) -> None:
    signal = _noise(3, 8000)
    transform = ShortTimeFFT(
        get_window("hann", window), hop, 16_000, fft_mode="onesided", scale_to="magnitude"
    )
    ours = spectrograms.power(signal, window, hop)
    theirs = 4 * transform.spectrogram(signal, p0=0, p1=ours.shape[-1])
    np.testing.assert_allclose(ours, theirs, atol=1e-8, rtol=1e-4)


def test_stft_is_torchs() -> None:
    signal = _noise(2, 4000)
    window = torch.from_numpy(spectrograms._hann(512).copy())
    theirs = torch.stft(
        torch.from_numpy(signal), 512, 256, window=window, center=True, pad_mode="constant",
        return_complex=True,
    )  # fmt: skip
    ours = spectrograms.stft(signal)
    assert ours.dtype == np.complex64
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize(("window", "hop"), [(512, 256), (512, 128), (400, 160)])
def test_istft_inverts(window: int, hop: int) -> None:
    signal = _noise(1, 5000)[0]
    back = spectrograms.istft(spectrograms.stft(signal, window, hop), 5000, window, hop)
    seen = slice(None, 5000 // hop * hop)  # behind the last frame's centre little is left
    np.testing.assert_allclose(back[seen], signal[seen], atol=1e-4)
    with pytest.raises(ValueError, match="unseen"):
        spectrograms.istft(np.zeros((257, 4), complex), 100, 512, 300)


def test_a_full_scale_sine_is_0_db_at_its_bin() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    db = spectrograms.log_power(sine[None])[0]
    assert spectrograms.frequencies(16_000)[32] == 1000
    assert db[:, 30].argmax() == 32
    assert db[32, 30] == pytest.approx(0, abs=1e-3)
    assert spectrograms.frame_times(db.shape[1], 16_000)[30] == 30 * 256 / 16_000


def test_many_clips_are_as_each_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = _noise(7, 5000)
    whole = spectrograms.log_mel(signal, 16_000)
    monkeypatch.setattr(spectrograms, "_CHUNK", 1)
    np.testing.assert_allclose(spectrograms.log_mel(signal, 16_000), whole, atol=1e-4)
    assert whole.dtype == np.float32
    by_hand = spectrograms.mel_filterbank() @ spectrograms.power(signal)
    np.testing.assert_allclose(whole, spectrograms.to_db(by_hand), atol=1e-3)


def test_mel_bands_are_the_htk_triangles() -> None:
    bank = spectrograms.mel_filterbank(40, 512, 16_000)
    centres = spectrograms.mel_frequencies(40)
    bins = spectrograms.frequencies(16_000)
    mel = lambda f: 2595 * np.log10(1 + f / 700)  # noqa: E731
    np.testing.assert_allclose(np.diff(mel(centres)), mel(8000) / 41)
    band = 25
    inside = (bins > centres[band - 1]) & (bins < centres[band + 1])
    np.testing.assert_array_equal(bank[band] > 0, inside)
    expected = np.interp(bins, centres[band - 1 : band + 2], [0, 1, 0])
    np.testing.assert_allclose(bank[band], expected, atol=1e-6)
    inner = (bins >= centres[0]) & (bins <= centres[-1])
    crowded = spectrograms.mel_filterbank(40, 4096)  # fine bins: the triangles share each one
    fine = spectrograms.frequencies(16_000, 4096)
    inner = (fine >= centres[0]) & (fine <= centres[-1])
    np.testing.assert_allclose(crowded.sum(axis=0)[inner], 1, atol=1e-5)


@given(st.integers(1, 200), st.sampled_from([64, 256, 512]))
def test_no_mel_band_is_empty(mels: int, window: int) -> None:
    assert (spectrograms.mel_filterbank(mels, window).sum(axis=1) > 0).all()


@given(hnp.arrays(np.float32, (2, 3, 4), elements=st.floats(0, 100, width=32)))
def test_decibels_go_back_to_power(power: np.ndarray) -> None:
    db = spectrograms.to_db(power, floor=-90)
    assert (db >= -90).all()
    above = power > 1e-9
    np.testing.assert_allclose(spectrograms.from_db(db)[above], power[above], rtol=1e-4)


def test_reference_and_top_db() -> None:
    power = np.array([[[1.0, 1e-3]], [[1e-2, 1e-9]]], np.float32)
    own = spectrograms.to_db(power, floor=None, reference="image")
    np.testing.assert_allclose(own[:, 0, 0], 0, atol=1e-5)
    limited = spectrograms.to_db(power, top_db=40)
    np.testing.assert_allclose(limited[:, 0, 1], [-30, -60], atol=1e-4)
    np.testing.assert_allclose(spectrograms.to_db(power, reference=0.01)[0, 0, 0], 20, atol=1e-4)
    silence = spectrograms.to_db(np.zeros((1, 2, 2)), floor=None, reference="image")
    assert np.isneginf(silence).all()
    with pytest.raises(ValueError, match="positive"):
        spectrograms.to_db(power, reference=0)
    with pytest.raises(ValueError, match="top_db"):
        spectrograms.to_db(power, top_db=-1)


@given(
    hnp.arrays(np.float32, (3, 4, 5), elements=st.floats(-100, 0, width=32)),
    st.integers(1, 16),
    st.sampled_from(["set", "image"]),
)
def test_quantising_errs_by_half_a_step(values: np.ndarray, bits: int, scope: str) -> None:
    low, high = spectrograms.value_range(values, scope)  # type: ignore[arg-type]
    levels = spectrograms.quantise(values, low, high, bits)
    assert levels.dtype == (np.uint8 if bits <= 8 else np.uint16)
    assert levels.max() <= 2**bits - 1
    back = spectrograms.dequantise(levels, low, high, bits)
    step = (high - low) / (2**bits - 1)
    assert (np.abs(back - values) <= step / 2 + 1e-4).all()


def test_scaling_each_image_forgets_its_level() -> None:
    image = _noise(1, 6, 7)
    both = np.concatenate([image, image - np.float32(0.5)])
    np.testing.assert_array_equal(
        *spectrograms.quantise(both, *spectrograms.value_range(both, "image"))
    )
    louder, quieter = spectrograms.quantise(both, *spectrograms.value_range(both))
    assert (louder >= quieter).all()
    assert (louder > quieter).any()


def test_quantising_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="bits"):
        spectrograms.quantise(np.zeros(3), 0, 1, bits=17)
    with pytest.raises(ValueError, match="high end"):
        spectrograms.quantise(np.zeros(3), 1, 0)
    with pytest.raises(ValueError, match="scope"):
        spectrograms.value_range(np.zeros((3, 3)), "clip")  # type: ignore[arg-type]
    assert not spectrograms.quantise(np.full(3, 7.0), 7, 7).any()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_area_averages_are_exact(rows: int, columns: int, height: int, width: int) -> None:
    image = np.random.default_rng(1).random((1, rows, columns))
    fine = np.kron(image[0], np.ones((height, width)))  # each cell cut into height × width
    blocks = fine.reshape(height, rows, width, columns).mean(axis=(1, 3))
    np.testing.assert_allclose(spectrograms.resize(image, (height, width))[0], blocks, atol=1e-5)


@pytest.mark.parametrize("method", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_the_other_filters_are_pillows(method: str) -> None:
    colour = np.random.default_rng(2).integers(80, 176, (2, 20, 30, 3), dtype=np.uint8)
    ours = spectrograms.resize(colour, (11, 14), method)
    theirs = Image.fromarray(colour[1]).resize((14, 11), Image.Resampling[method.upper()])
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours[1], np.asarray(theirs))
    floats = spectrograms.resize(colour.astype(np.float32), (11, 14), method)
    assert floats.shape == (2, 11, 14, 3)
    np.testing.assert_allclose(np.clip(floats, 0, 255), ours, atol=1.5)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="lanczos"):
        spectrograms.resize(np.zeros((1, 4, 4)), (2, 2), "sharp")
    with pytest.raises(ValueError, match="shape"):
        spectrograms.resize(np.zeros((4, 4)), (2, 2))
    with pytest.raises(ValueError, match="hop"):
        spectrograms.power(np.zeros(600), 512, 513)
    with pytest.raises(ValueError, match="mels"):
        spectrograms.mel_filterbank(0)
