"""Habits are examined rightly."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.pictures import saving
from analysis.sound import datasets, spectrograms


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    notes = datasets.instruments(max_per_class=1)
    return spectrograms.log_mel(notes.waveforms[:2], 16_000, floor=-100)


def _habit(name: str) -> saving.Habit:
    return next(habit for habit in saving.HABITS if habit.name == name)


def test_a_faithful_habit_is_found_faithful(images: np.ndarray) -> None:
    result = saving.examine(_habit("Pillow, fixed range"), images, seed=0)
    assert result["not_spectrogram"] == 0
    assert result["cells_seen"] == 1
    assert result["shift"] == pytest.approx(result["shift_due"], abs=0.5)


def test_scaling_to_its_own_range_forgets_loudness(images: np.ndarray) -> None:
    result = saving.examine(_habit("imsave"), images, seed=0)
    assert abs(result["shift"]) < 0.1
    assert result["shift_due"] > 5


def test_axes_are_found_to_be_no_spectrogram(images: np.ndarray) -> None:
    db = images[0]
    habit = _habit("savefig, axes left in")
    live = saving._live_pixels(habit, db.shape, seed=0)
    with saving.plt.style.context("default"):
        figure, axes = saving.plt.subplots()
        figure.colorbar(axes.imshow(db, aspect="auto"))
        box = axes.get_position()
        saving.plt.close(figure)
    assert live.mean() == pytest.approx(box.width * box.height, abs=0.02)


def test_pixels_are_traced_to_their_cells() -> None:
    cell = saving._cell_of_each_pixel(_habit("Pillow, fixed range"), (32, 28))
    rows, columns = np.divmod(cell, 28)
    expected_rows = 31 - np.arange(224) // 7  # the highest frequency is at the top
    assert np.abs(rows - expected_rows[:, None]).max() <= 1
    assert np.abs(columns - np.arange(224)[None] // 8).max() <= 1


def test_monotone_error_forgives_any_monotone_map() -> None:
    truth = np.random.default_rng(0).uniform(0, 255, 500)
    assert saving._monotone_error(np.sqrt(truth), truth) < 1e-9
    assert saving._monotone_error(np.zeros(500), truth) == pytest.approx(truth.std())
