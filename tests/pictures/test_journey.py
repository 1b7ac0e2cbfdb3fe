"""The journey of a recording: each stage is what it says, and goes back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from analysis.colour import colormaps
from analysis.pictures import saving
from analysis.pictures.journey import losses, travel
from analysis.sound import datasets


@pytest.fixture(scope="module")
def note() -> np.ndarray:
    notes = datasets.instruments(max_per_class=1)
    return notes.waveforms[5]


def test_the_journey_is_what_the_file_says(note: np.ndarray) -> None:
    journey = travel(note, 16_000)
    image = Image.open(io.BytesIO(journey.png)).convert("RGB")
    np.testing.assert_array_equal(np.asarray(image), journey.picture)
    expected = colormaps.apply(journey.levels[::-1], colormaps.lut8("viridis"))
    np.testing.assert_array_equal(journey.picture, expected)
    assert journey.fed.shape == (3, *journey.levels.shape)
    assert journey.fed.dtype == np.float32
    assert 0 <= journey.fed.min() <= journey.fed.max() <= 1


def test_each_stage_goes_back_as_far_as_it_says(note: np.ndarray) -> None:
    table = losses(travel(note, 16_000)).set_index("stage")
    assert table.loc["complex spectrum", "error"] < 1e-5
    assert table.loc["power", "error"] > 0.1  # the phase is really needed
    assert table.loc["decibels", "error"] < 1e-3
    step = (saving.HIGH_DB - saving.LOW_DB) / 255
    assert table.loc["8 bits", "error"] <= step / 2 + 1e-4
    assert table.loc["viridis, PNG", "error"] <= 1
    assert table.loc["tensor in 0–1", "error"] == 0
    assert table.loc["viridis, PNG", "bits"] <= table.loc["8 bits", "bits"]


def test_gray_written_loses_more_than_magma(note: np.ndarray) -> None:
    gray, magma = (losses(travel(note, 16_000, name)).iloc[4] for name in ("gray", "magma"))
    assert gray["error"] == 1
    assert magma["error"] == 0
