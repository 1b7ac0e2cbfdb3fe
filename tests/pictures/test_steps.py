"""The steps of saving as an image: each does what it says, and nothing else."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from analysis.colour.colormaps import lut, lut8_rounded
from analysis.pictures import steps
from analysis.pictures.steps import STEPS, Pipeline, cells, factorial, prepare

TRAIN = np.arange(4)


@pytest.fixture(scope="module")
def sounds() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.gamma(0.5, size=(6, 20, 30)) * rng.uniform(0.1, 2, (6, 1, 1))).astype(np.float32)


def test_cells_are_all_subsets_in_binary_order() -> None:
    assert len(cells()) == len(set(cells())) == 64
    assert cells()[0] == frozenset()
    assert cells()[-1] == frozenset(STEPS)
    assert all(
        (step in cell) == bool(j >> i & 1)
        for j, cell in enumerate(cells())
        for i, step in enumerate(STEPS)
    )


def test_no_step_is_amplitude_in_the_training_range(sounds: np.ndarray) -> None:
    low, high = sounds[TRAIN].min(), sounds[TRAIN].max()
    expected = np.clip((sounds - low) / (high - low), 0, 1)
    np.testing.assert_allclose(prepare(sounds, (), TRAIN)[:, 0], expected, atol=1e-6)


def test_log_is_decibels_down_to_the_floor(sounds: np.ndarray) -> None:
    quiet = sounds.copy()
    quiet[0, 0, 0] = 0
    found = prepare(quiet, {"log"}, TRAIN, Pipeline(range_db=60))[:, 0]
    db = np.maximum(20 * np.log10(np.maximum(quiet, 1e-30) / quiet[TRAIN].max()), -60)
    np.testing.assert_allclose(found, np.clip(1 + db / 60, 0, 1), atol=1e-5)


@given(
    arrays(np.float32, (3, 4, 5), elements=st.floats(0, 1e6, width=32)), st.sampled_from(cells())
)
def test_every_cell_stays_in_the_unit_range(magnitude: np.ndarray, on: frozenset[str]) -> None:
    magnitude[0, 0, 0] = 1.0
    images = prepare(magnitude, on, [0, 1], Pipeline(size=(3, 6)))
    channels = 3 if "colormap" in on else 1
    shape = (3, 6) if "resize" in on else (4, 5)
    assert images.shape == (3, channels, *shape)
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    if on & {"8 bits", "codec"}:
        np.testing.assert_allclose(images * 255, np.rint(images * 255), atol=1e-3)


def test_scaling_forgets_loudness(sounds: np.ndarray) -> None:
    louder = sounds * np.linspace(1, 9, 6, dtype=np.float32)[:, None, None]
    for others in ({"log"}, set()):
        own = others | {"scaling"}
        np.testing.assert_allclose(
            prepare(louder, own, TRAIN), prepare(sounds, own, TRAIN), atol=1e-5
        )
        assert np.abs(prepare(louder, others, TRAIN) - prepare(sounds, others, TRAIN)).max() > 0.01


def test_colours_are_the_maps_own(sounds: np.ndarray) -> None:
    gray = prepare(sounds, {"log", "8 bits"}, TRAIN)[:, 0]
    coloured = prepare(sounds, {"log", "8 bits", "colormap"}, TRAIN)
    expected = lut8_rounded("viridis")[np.rint(gray * 255).astype(int)] / 255
    np.testing.assert_allclose(np.moveaxis(coloured, 1, -1), expected, atol=1e-6)
    smooth = np.moveaxis(prepare(sounds, {"log", "colormap"}, TRAIN), 1, -1)
    values = prepare(sounds, {"log"}, TRAIN)[:, 0]
    for channel in range(3):
        oracle = np.interp(values, np.arange(256) / 255, lut("viridis")[:, channel])
        np.testing.assert_allclose(smooth[..., channel], oracle, atol=1e-5)


@pytest.mark.parametrize("colour", [False, True])
def test_the_codec_is_pillows_with_its_defaults(sounds: np.ndarray, colour: bool) -> None:
    others = {"log", "8 bits"} | ({"colormap"} if colour else set())
    before = np.moveaxis(prepare(sounds, others, TRAIN), 1, -1)[0]
    file = io.BytesIO()
    levels = np.rint(before * 255).astype(np.uint8)
    Image.fromarray(levels if colour else levels[..., 0]).save(file, "JPEG")
    expected = np.asarray(Image.open(file), np.float32).reshape(before.shape) / 255
    found = np.moveaxis(prepare(sounds, others | {"codec"}, TRAIN), 1, -1)[0]
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found - before).max() > 0.005


def test_resize_keeps_the_mean_of_whole_cells(sounds: np.ndarray) -> None:
    small = prepare(sounds, {"resize"}, TRAIN, Pipeline(size=(10, 15)))[:, 0]
    blocks = prepare(sounds, (), TRAIN)[:, 0].reshape(6, 10, 2, 15, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(small, blocks, atol=1e-6)


def test_test_rows_change_nothing_for_the_others(sounds: np.ndarray) -> None:
    other = sounds.copy()
    other[4:] *= 100
    on = set(STEPS) - {"scaling"}
    np.testing.assert_array_equal(prepare(sounds, on, TRAIN)[:4], prepare(other, on, TRAIN)[:4])


def test_standardised_channels(sounds: np.ndarray) -> None:
    images = steps.standardise(prepare(sounds, {"log", "colormap"}, TRAIN), TRAIN)
    np.testing.assert_allclose(images[TRAIN].mean(axis=(0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(images[TRAIN].std(axis=(0, 2, 3)), 1, atol=1e-4)


def test_what_cannot_be_is_refused(sounds: np.ndarray) -> None:
    with pytest.raises(ValueError, match="unknown step 'colour'"):
        prepare(sounds, {"colour"}, TRAIN)
    with pytest.raises(ValueError, match="not negative"):
        prepare(-sounds, (), TRAIN)
    with pytest.raises(ValueError, match="silent"):
        prepare(np.zeros_like(sounds), (), TRAIN)
    with pytest.raises(ValueError, match="quality is 1…100"):
        Pipeline(quality=0)
    with pytest.raises(ValueError, match="range_db"):
        Pipeline(range_db=0)


def runs_of(seeds: int) -> pd.DataFrame:
    """A run table of all cells, in any order."""
    rows = [
        {"seed": seed, "test": j + seed / 10} | {step: step in cell for step in STEPS}
        for j, cell in enumerate(cells())
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_a_factorial_is_in_the_order_of_the_cells_and_leaves_diverged_seeds_out() -> None:
    runs = runs_of(3)
    np.testing.assert_allclose(factorial(runs), np.add.outer(np.arange(64), [0, 0.1, 0.2]))
    runs.loc[(runs.seed == 1) & runs[list(STEPS)].all(axis=1), "test"] = np.nan
    np.testing.assert_allclose(factorial(runs), np.add.outer(np.arange(64), [0, 0.2]))


def test_an_incomplete_factorial_is_refused() -> None:
    runs = runs_of(4)
    short = runs.drop(runs[(runs.seed == 3) & ~runs[list(STEPS)].any(axis=1)].index)
    with pytest.raises(ValueError, match="no score with no step for seed 3"):
        factorial(short)
    with pytest.raises(ValueError, match="twice"):
        factorial(pd.concat([runs, runs.head(1)]))
