"""Channels beside the level: what they say of sounds that are known."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.pictures import channels
from analysis.sound import spectrograms

RATE = 16_000
TIME = np.arange(RATE) / RATE


def tone(frequency: float) -> np.ndarray:
    return np.float32(0.5 * np.sin(2 * np.pi * frequency * TIME))


@pytest.mark.parametrize("off", [-6.0, 0.0, 9.0])
def test_phase_says_how_far_a_tone_lies_from_the_middle_of_its_band(off: float) -> None:
    spacing = RATE / spectrograms.WINDOW
    (found,) = channels.heard(tone(32 * spacing + off)[None], RATE, (257, 63), mels=0)["phase"]
    cosine, sine = found[:, 32, 5:-5]
    turned = 2 * np.pi * off * spectrograms.HOP / RATE
    assert np.allclose(cosine, np.cos(turned), atol=1e-3)
    assert np.allclose(sine, np.sin(turned), atol=1e-3)


def test_phase_is_an_average_weighted_by_power() -> None:
    clips = np.random.default_rng(0).uniform(-1, 1, (3, RATE))
    found = channels.heard(clips, RATE, (16, 16))["phase"]
    assert (np.hypot(found[:, 0], found[:, 1]) <= 1 + 1e-5).all()
    silent = channels.heard(np.zeros((1, RATE)), RATE, (16, 16))["phase"]
    assert not silent.any()


def test_long_windows_part_tones_and_short_ones_clicks() -> None:
    tones = tone(1000.0) + tone(1120.0)
    clicks = np.zeros(RATE, np.float32)
    clicks[[8000, 8400]] = 0.9
    size = (257, 63)
    found = channels.heard(np.stack([tones, clicks]), RATE, size, mels=0)["windows"]
    short, long = found[0][:, :, 31]
    dip = slice(32, 36)  # 1,000 to 1,120 Hz
    assert np.ptp(long[dip]) > 20 > np.ptp(short[dip])
    short, long = found[1][:, 100]
    assert np.ptp(short[29:36]) > 20 > np.ptp(long[29:36])


def test_normalised_energy_is_what_its_equation_says() -> None:
    rng = np.random.default_rng(0)
    clips = rng.uniform(-1, 1, (2, RATE)) * np.linspace(0.01, 1, RATE)
    size = (spectrograms.MELS, 63)
    found = channels.heard(clips, RATE, size)["pcen"]
    energy = spectrograms.mel_power(clips, RATE).astype(np.float64)
    for channel, seconds in zip((0, 1), channels._MEMORIES, strict=True):
        frames = seconds * RATE / spectrograms.HOP
        share = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
        mean, expected = energy[..., 0], []
        for now in np.moveaxis(energy, -1, 0):
            mean = (1 - share) * mean + share * now
            expected.append((now / (1e-10 + mean) ** 0.98 + 2) ** 0.5 - 2**0.5)
        np.testing.assert_allclose(found[:, channel], np.moveaxis(expected, 0, -1), rtol=2e-4)


def test_normalised_energy_hardly_knows_how_loud_a_clip_is() -> None:
    clip = np.random.default_rng(1).uniform(-0.5, 0.5, (1, RATE))
    loud, quiet = (channels.heard(gain * clip, RATE, (16, 16))["pcen"] for gain in (1.0, 0.1))
    ratio = loud / quiet  # energies 20 dB apart, of whose mean the power 0.98 is divided out
    assert (ratio > 1).all() and (ratio < 100**0.02).all()
