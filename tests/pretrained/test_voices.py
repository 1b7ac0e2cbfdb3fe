from __future__ import annotations

import numpy as np
import pytest

from analysis.pretrained import voices

RNG = np.random.default_rng(0)


def test_mel_bank_is_librosas() -> None:
    filters = pytest.importorskip("librosa.filters")
    assert np.allclose(voices.mel_bank(), filters.mel(sr=16_000, n_fft=400, n_mels=40), atol=1e-7)


def test_triangles_have_unit_area_and_meet_in_their_middles() -> None:
    bank = voices.mel_bank()
    wide = bank[25:]  # the low ones are narrower than two bins
    assert np.allclose(wide.sum(axis=1) * 40, 1, atol=0.15)  # bins of 40 Hz
    assert (np.diff(bank.argmax(axis=1)) >= 0).all()
    assert bank.min() == 0


def test_only_quiet_clips_are_brought_to_the_loudness_of_training() -> None:
    wave = RNG.normal(size=(1, 16_000)).astype(np.float32)
    loud, quiet, quieter = (voices._mels(np.float32(c) * wave, 16_000) for c in (0.5, 1e-3, 1e-4))
    assert np.allclose(quiet, quieter, rtol=1e-3)
    power = (0.5**2) / 10 ** (voices._LOUDNESS / 10)
    assert np.allclose(loud / quiet, power, rtol=0.05)


def test_half_the_rate_is_brought_to_the_nets_own() -> None:
    t = np.arange(16_000) / 16_000
    tone = (0.3 * np.sin(2 * np.pi * 500 * t)).astype(np.float32)[None]
    whole, half = (voices._mels(tone[:, ::step], 16_000 // step) for step in (1, 2))
    inner = slice(5, -5)
    assert whole.shape == half.shape == (1, 101, 40)
    assert np.allclose(whole[:, inner], half[:, inner], rtol=0.05, atol=1e-3 * whole.max())


@pytest.mark.skipif(
    not voices.WHEEL.present(), reason="the weights of the net of voices are not here"
)
def test_clips_of_a_voice_are_alike() -> None:
    """Of the same harmonics in other noise, as against other harmonics."""
    t = np.arange(16_000) / 16_000
    clips = [
        sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 20))
        + RNG.normal(0, 0.05, 16_000)
        for pitch in (110, 110, 220)
    ]
    found = voices.embeddings(np.array(clips, np.float32), 16_000)
    same, other = found["head"][0] @ found["head"][1], found["head"][0] @ found["head"][2]
    assert same > other
    assert np.allclose(np.linalg.norm(found["head"], axis=1), 1, atol=1e-5)
    assert found["all depths"].shape == (3, 768)
