"""Colours under noise, held to brute force and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.colour import colormaps, sensitivity

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def test_importing_colour_leaves_numpy_as_it_was() -> None:
    before = np.get_printoptions()
    colormaps.cam02ucs("viridis")[:, 0]
    assert np.get_printoptions() == before


def test_turns_ignore_small_wiggles() -> None:
    assert sensitivity.turns(np.arange(50)) == sensitivity.turns(-np.arange(50)) == 0
    assert sensitivity.turns(10 * np.sin(np.linspace(0, 6 * np.pi, 500))) == 6
    assert sensitivity.turns(np.arange(50) + 0.3 * np.cos(np.arange(50))) == 0


def test_lightness_of_the_maps_is_as_their_makers_say() -> None:
    for name in ("viridis", "magma", "inferno", "plasma", "cividis", "gray"):
        assert sensitivity.turns(colormaps.cam02ucs(name)[:, 0]) == 0
    for name in ("jet", "turbo", "hsv"):
        assert sensitivity.turns(colormaps.cam02ucs(name)[:, 0]) > 0
    gain = sensitivity.perceptual_gain("viridis")
    assert gain.std() / gain.mean() < 0.03


def test_black_to_white_is_a_hundred() -> None:
    for metric in ("cam02-ucs", "ciede2000"):
        assert np.isclose(sensitivity.colour_distances("gray", metric)[0, 255], 100, atol=0.1)
    assert np.isclose(
        sensitivity.colour_distances("gray", "net")[0, 255],
        np.linalg.norm(1 / np.array(colormaps.IMAGENET_STD)),
    )
    with pytest.raises(ValueError, match="unknown metric 'lab'"):
        sensitivity.colour_distances("gray", "lab")


@few
@given(seeds)
def test_flip_noise_by_brute_force(seed: int) -> None:
    path = np.random.default_rng(seed).normal(size=(256, 3)).cumsum(0)
    distances = np.linalg.norm(path[:, None] - path, axis=2)
    found = sensitivity.flip_noise(distances, 4.0)
    for level in (0, 100, 255):
        candidates = [np.inf]
        for direction in (-1, 1):
            walk = distances[level, level::direction] if level or direction > 0 else [0.0]
            for step in range(1, len(walk)):
                if walk[step] >= 4:
                    part = (4 - walk[step - 1]) / (walk[step] - walk[step - 1])
                    candidates.append(step - 1 + part)
                    break
        assert np.isclose(found[level], min(candidates))


def test_flip_noise_of_gray_is_one_level_a_byte() -> None:
    np.testing.assert_allclose(
        sensitivity.flip_noise(sensitivity.colour_distances("gray", "byte")), 1
    )
    assert np.isinf(sensitivity.flip_noise(np.zeros((256, 256)))).all()


def test_noise_ratio_agrees_with_simulation() -> None:
    rng = np.random.default_rng(7)
    table, frequency = colormaps.lut("turbo"), np.linspace(2, 1, 256)
    level = rng.choice(256, 200_000, p=frequency / frequency.sum())
    noisy = np.clip(np.rint(level + rng.normal(0, 6, level.shape)), 0, 255).astype(int)
    change = ((table[noisy] - table[level]) ** 2).sum(1).mean()
    expected = 10 * np.log10(table[level].var(axis=0).sum() / change)
    assert np.isclose(sensitivity.noise_ratio(table, frequency, 6.0), expected, atol=0.1)


def test_sensitivity_is_finite_for_every_map() -> None:
    rows = [
        sensitivity.sensitivity(name, np.ones(256)) for name in ("gray", "jet", "tab10", "flag")
    ]
    frame = pd.DataFrame(rows).set_index("map")
    assert np.isfinite(frame.to_numpy(float)).all()
    assert frame.loc["gray", "snr_change"] == 0
    assert frame.loc["jet", "ripples"] > 0
