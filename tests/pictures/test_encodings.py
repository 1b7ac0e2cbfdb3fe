"""Encodings against their definitions, matplotlib and Pillow, and the scales against numpy."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from PIL import Image

from analysis.colour.colormaps import lut
from analysis.pictures import encodings as en

SPECTROGRAMS = arrays(np.float64, (2, 4, 3), elements=some.floats(0, 1))
ALL = [*en.names(), "viridis", "turbo", "jet", "hsv", "magma_r", "hot"]


@given(arrays(np.float64, 8, elements=some.floats(-2, 3)))
def test_quantise_is_the_nearest_level_of_the_clipped_value(values):
    levels = en.quantise(values)
    assert levels.dtype == np.uint8
    assert np.abs(levels / 255 - np.clip(values, 0, 1)).max() <= 1 / 510 + 1e-12


@pytest.mark.parametrize("name", ALL)
def test_tables_are_colours(name):
    table = en.table(name)
    assert table.shape == (256, en.channels(name))
    assert table.min() >= 0
    assert table.max() <= 1
    assert len(np.unique(table, axis=0)) >= 250  # (almost) nothing merges


@given(SPECTROGRAMS, some.sampled_from(ALL))
def test_encode_is_the_table_looked_up_channels_first(values, name):
    image = en.encode(values, name, seed=3)
    assert image.dtype == np.float32
    assert image.shape == (2, en.channels(name), 4, 3)
    if name == "raw":
        assert np.array_equal(image[:, 0], values.astype(np.float32))
    else:
        for (n, f, t), level in np.ndenumerate(en.quantise(values)):
            assert image[n, :, f, t] == pytest.approx(en.table(name, seed=3)[level], abs=1e-7)


def test_encode_agrees_with_matplotlib_and_pillow():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    matplotlibs = np.moveaxis(mpl.colormaps["turbo"](levels)[..., :3], -1, 0)
    assert np.abs(en.encode(levels / 255, "turbo") - matplotlibs).max() < 1e-6
    pillows = np.moveaxis(np.asarray(Image.fromarray(levels).convert("RGB")), -1, 0)
    assert np.array_equal(np.rint(en.encode(levels / 255, "gray3") * 255), pillows)


def test_gray3_is_matplotlibs_gray():
    assert np.abs(en.table("gray3") - lut("gray")).max() < 1e-15


def test_thermometer_fills_in_turn_and_keeps_the_value():
    t = np.linspace(0, 1, 97)
    filled = en.thermometer(t)
    assert (np.diff(filled, axis=-1) <= 0).all()
    assert filled.mean(-1) == pytest.approx(t)


def test_fourier_recurrence():
    """cos 2x = 2 cos² x - 1, and cos 3x = 4 cos³ x - 3 cos x."""
    c1, c2, c3 = (1 - 2 * en.fourier(np.linspace(0, 1, 50))).T
    assert c2 == pytest.approx(2 * c1**2 - 1)
    assert c3 == pytest.approx(4 * c1**3 - 3 * c1)


def test_random_curve_is_smooth_fills_the_range_and_follows_the_seed():
    one, again, other = (en.table("random-curve", seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert (one.min(0) == 0).all()
    assert (one.max(0) == 1).all()
    assert np.abs(np.diff(one, axis=0)).max() < 0.06


def test_shuffled_holds_the_same_colours_in_another_order():
    table = en.table("shuffled", seed=4)
    assert np.array_equal(np.unique(table, axis=0), np.unique(lut("viridis"), axis=0))
    assert not np.array_equal(table, lut("viridis"))


def test_scales_do_what_they_say():
    images = en.encode(np.random.default_rng(0).uniform(size=(6, 8, 9)) ** 2, "plasma")
    axes = (0, 2, 3)
    standardised = en.fit_scale("standardised", images, axis=-3)(images, axis=-3)
    assert standardised.dtype == np.float32
    assert standardised.mean(axes) == pytest.approx(np.zeros(3), abs=1e-5)
    assert standardised.std(axes) == pytest.approx(np.ones(3), abs=1e-5)
    equal = en.fit_scale("equal_energy", images, axis=-3)(images, axis=-3)
    assert equal.mean(axes) == pytest.approx(np.zeros(3), abs=1e-5)
    assert (equal**2).mean() == pytest.approx(1, abs=1e-5)
    ratio = equal.std(axes) / images.std(axes)
    assert ratio == pytest.approx(np.full(3, ratio[0]), rel=1e-4)  # one factor for all
    assert np.array_equal(en.fit_scale("as_fed", images, axis=-3)(images, axis=-3), images)


def test_imagenet_scale_is_torchvisions():
    white = en.fit_scale("imagenet", lut("gray"))(np.ones((1, 3)))
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert white[0] == pytest.approx(expected)
    assert en.fit_scale("imagenet", en.table("raw")).shift == pytest.approx([0.449])


def test_weights_count_pixels():
    table, counts = en.table("viridis"), np.random.default_rng(1).integers(0, 9, 256)
    repeated = np.repeat(table, counts, axis=0)
    for name in en.SCALES:
        weighted = en.fit_scale(name, table, weights=counts)
        plain = en.fit_scale(name, repeated)
        assert weighted.shift == pytest.approx(plain.shift)
        assert weighted.spread == pytest.approx(plain.spread)


def test_constant_channel_becomes_zero():
    assert (lut("spring")[:, 0] == 1).all()
    scaled = en.scaled_table("spring", "standardised")
    assert np.abs(scaled[:, 0]).max() == 0
    assert scaled[:, 1].std() == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: en.table("virids"), "did you mean viridis.*Valid: raw, gray8"),
        (lambda: en.encode(np.zeros(4), "raw"), "frequencies, frames"),
        (lambda: en.quantise([np.nan]), "finite"),
        (lambda: en.fit_scale("loud", en.table("raw")), "valid: as_fed, imagenet"),
        (lambda: en.fit_scale("imagenet", np.zeros((5, 2))), "not 2"),
        (lambda: en.fit_scale("standardised", np.ones((5, 3))), "no spread"),
        (lambda: en.fit_scale("as_fed", en.table("raw"))(lut("jet")), "not 1 channels"),
    ],
)
def test_what_is_malformed_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
