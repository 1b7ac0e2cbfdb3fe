"""Curves, the Fourier plane and edges, held to NumPy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev

from analysis.colour import colormaps, filtering
from analysis.pictures import encodings

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def random_levels(seed: int, shape: tuple[int, ...] = (24, 17)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@few
@given(seeds)
def test_falls_and_thresholds_agree_with_brute_force(seed: int) -> None:
    channel = encodings.random_curve(np.arange(256) / 255, seed)[:, 0]
    assert filtering.falls(channel) == sum(channel[t + 1] < channel[t] for t in range(255))
    for height in (0.2, 0.5, 0.9):
        passing = set(np.flatnonzero(channel >= height).tolist())
        upper = passing == set(range(256 - len(passing), 256))
        assert filtering.is_plain_threshold(channel, height) == upper
        assert filtering.passband(channel, height) == (min(passing), max(passing))


def test_only_a_rising_channel_is_a_threshold_at_all_heights() -> None:
    assert filtering.plain_threshold_share(colormaps.lut("viridis")[:, 1]) == 1
    assert filtering.plain_threshold_share(colormaps.lut("turbo")[:, 0]) < 1
    with pytest.raises(ValueError, match="never reaches 2"):
        filtering.passband(np.zeros(256), 2)


def _harmonics(channel: np.ndarray, count: int) -> np.ndarray:
    """Amplitudes of ``cos nθ`` in the channel of a grating that sweeps all levels."""
    level = 127.5 * (1 + np.cos(2 * np.pi * np.arange(8192) / 8192))
    spectrum = np.fft.rfft(np.interp(level, np.arange(256), channel))
    return spectrum.real[: count + 1] * np.where(np.arange(count + 1), 2, 1) / 8192


@few
@given(seeds)
def test_harmonics_are_chebyshev_coefficients(seed: int) -> None:
    coefficients = np.random.default_rng(seed).normal(size=6)
    curve = chebyshev.chebval(np.arange(256) / 127.5 - 1, coefficients)
    np.testing.assert_allclose(_harmonics(curve, 5), coefficients, atol=5e-3)


def test_only_an_affine_channel_makes_no_harmonics() -> None:
    affine = _harmonics(3 - 0.2 * np.arange(256), 2048)[1:] ** 2
    assert 1 - affine[0] / affine.sum() < 1e-12
    for name in ("viridis", "magma", "turbo", "jet"):
        for curve in colormaps.lut(name).T:
            energy = _harmonics(curve, 2048)[1:] ** 2
            assert 1 - energy[0] / energy.sum() > 1e-3


def test_a_squared_grating_has_new_energy_at_twice_the_frequency() -> None:
    wave = np.cos(2 * np.pi * 8 * np.arange(128) / 128) * np.ones((32, 1))
    own = filtering.main_frequencies(filtering.spatial_power(wave))
    doubled = filtering.spatial_power(wave**2)
    assert filtering.new_energy(own, filtering.spatial_power(wave)) <= 0.01
    assert filtering.new_energy(own, doubled) > 0.99
    assert abs(np.unravel_index(doubled.argmax(), doubled.shape)[1] - 64) == 16


def test_spatial_power_obeys_parseval() -> None:
    image = random_levels(2).astype(float)
    window = np.outer(*(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in image.shape))
    centred = window * (image - (window * image).sum() / window.sum())
    assert np.isclose(filtering.spatial_power(image).sum(), image.size * (centred**2).sum())


def test_own_frequencies_are_the_fewest() -> None:
    power = np.random.default_rng(0).exponential(size=(6, 7))
    own = filtering.main_frequencies(power, 0.8)
    assert power[own].sum() >= 0.8 * power.sum()
    assert power[own].sum() - power[own].min() < 0.8 * power.sum()
    assert power[own].min() >= power[~own].max()


def test_radial_profile_of_a_grating_is_one_ring() -> None:
    wave = np.cos(2 * np.pi * 0.25 * np.arange(64)) * np.ones((64, 1))
    centre, share = filtering.radial_profile(filtering.spatial_power(wave), 14)
    assert abs(centre[share.argmax()] - 0.25) < centre[1] - centre[0]
    assert np.isclose(share.sum(), 1)


def test_edge_energy_by_brute_force() -> None:
    levels, curve = random_levels(3, (5, 6)), colormaps.lut("jet")[:, 0]
    expected = np.zeros(256)
    for i in range(5):
        for j in range(6):
            for a, b in ((i + 1, j), (i, j + 1)):
                if a < 5 and b < 6:
                    middle = (int(levels[i, j]) + int(levels[a, b])) // 2
                    expected[middle] += (curve[levels[i, j]] - curve[levels[a, b]]) ** 2
    np.testing.assert_allclose(filtering.edge_energy(levels, curve), expected / expected.sum())
    assert filtering.edge_energy(np.zeros((3, 3), np.uint8), curve).sum() == 0


@few
@given(seeds)
def test_narrowest_half_by_brute_force(seed: int) -> None:
    energy = np.random.default_rng(seed).exponential(size=256) ** 3
    low, high = filtering.narrowest_half(energy)
    assert energy[low : high + 1].sum() >= energy.sum() / 2 * (1 - 1e-9)
    width = high - low
    shorter = np.convolve(energy, np.ones(width), "valid") if width else np.zeros(1)
    assert shorter.max() < energy.sum() / 2
