"""The stages of saving as an image: inverses, information, habits, scaling, formats."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from analysis import saved_as_rgb
from analysis.colour import colormaps
from analysis.sound import datasets, spectrograms


@pytest.fixture(scope="module")
def note() -> np.ndarray:
    notes = datasets.instruments(max_per_class=1)
    return notes.waveforms[5]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    notes = datasets.instruments(max_per_class=1)
    return spectrograms.log_mel(notes.waveforms[:2], 16_000, floor=-100)


def test_the_journey_is_what_the_file_says(note: np.ndarray) -> None:
    journey = saved_as_rgb.travel(note, 16_000)
    image = Image.open(io.BytesIO(journey.png)).convert("RGB")
    np.testing.assert_array_equal(np.asarray(image), journey.picture)
    expected = colormaps.apply(journey.levels[::-1], colormaps.lut8("viridis"))
    np.testing.assert_array_equal(journey.picture, expected)
    assert journey.fed.shape == (3, *journey.levels.shape)
    assert journey.fed.dtype == np.float32
    assert 0 <= journey.fed.min() <= journey.fed.max() <= 1


def test_each_stage_goes_back_as_far_as_it_says(note: np.ndarray) -> None:
    table = saved_as_rgb.losses(saved_as_rgb.travel(note, 16_000)).set_index("stage")
    assert table.loc["complex spectrum", "error"] < 1e-5
    assert table.loc["power", "error"] > 0.1  # the phase is really needed
    assert table.loc["decibels", "error"] < 1e-3
    step = (saved_as_rgb.HIGH_DB - saved_as_rgb.LOW_DB) / 255
    assert table.loc["8 bits", "error"] <= step / 2 + 1e-4
    assert table.loc["viridis, PNG", "error"] <= 1
    assert table.loc["tensor in 0–1", "error"] == 0
    assert table.loc["viridis, PNG", "bits"] <= table.loc["8 bits", "bits"]


def test_gray_written_loses_more_than_magma(note: np.ndarray) -> None:
    gray, magma = (
        saved_as_rgb.losses(saved_as_rgb.travel(note, 16_000, name)).iloc[4]
        for name in ("gray", "magma")
    )
    assert gray["error"] == 1
    assert magma["error"] == 0


@given(hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 9)))
def test_entropy_is_scipys_plus_millers_correction(symbols: np.ndarray) -> None:
    counts = np.unique(symbols, return_counts=True)[1]
    correction = (len(counts) - 1) / (2 * len(symbols) * np.log(2))
    expected = entropy(counts, base=2) + correction
    assert saved_as_rgb.entropy_bits(symbols) == pytest.approx(expected)


def test_information_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 5).astype(str)
    labels = np.repeat(np.arange(12) % 3, 5)
    symbols = (rng.integers(0, 8, (60, 4, 7)) + labels[:, None, None]).astype(np.int64)
    ours = saved_as_rgb.class_information(symbols, labels, groups)
    whole = [_row_information(symbols, labels, row) for row in range(4)]
    assert ours.plugin == pytest.approx(np.mean(whole))
    without = np.array(
        [
            np.mean([_row_information(symbols[k], labels[k], row) for row in range(4)])
            for k in (groups != name for name in np.unique(groups))
        ]
    )
    np.testing.assert_allclose(ours.pseudovalues, 12 * ours.plugin - 11 * without)


def _row_information(symbols: np.ndarray, labels: np.ndarray, row: int) -> float:
    pixel = symbols[:, row].ravel()
    score = mutual_info_score(np.repeat(labels, symbols.shape[2]), pixel)
    return float(score / np.log(2))


def test_jackknife_takes_the_bias_away_and_covers() -> None:
    """Where class and pixel are independent, the information is 0, and the plug-in is not."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 4).astype(str)
    labels = np.repeat(np.arange(30) % 3, 4)
    plugin, corrected, covered = [], [], 0
    for _ in range(40):
        symbols = rng.integers(0, 16, (120, 1, 2))
        value = saved_as_rgb.class_information(symbols, labels, groups)
        plugin.append(value.plugin)
        corrected.append(value.interval.estimate)
        covered += not value.interval.excludes(0)
    assert np.mean(plugin) > 0.05
    assert abs(np.mean(corrected)) < np.mean(plugin) / 4
    assert covered >= 32


@given(st.integers(0, 2**31), st.integers(2, 40))
def test_recoding_never_adds_information(seed: int, symbols: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, symbols, (12, 2, 5))
    labels, groups = np.repeat([0, 1, 2], 4), np.arange(12).astype(str)
    recoded = rng.integers(0, symbols, symbols)[levels]
    shuffled = rng.permutation(symbols)[levels]
    before, after, same = (
        saved_as_rgb.class_information(code, labels, groups).plugin
        for code in (levels, recoded, shuffled)
    )
    assert after <= before + 1e-9
    assert same == pytest.approx(before)


def test_a_group_of_two_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="one class"):
        saved_as_rgb.class_information(
            np.zeros((2, 1, 1), int), np.array([0, 1]), np.array(["a", "a"])
        )


def test_audit_is_brute_force() -> None:
    table = saved_as_rgb.audit(["gray", "viridis", "magma", "tab10", "flag"]).set_index("colormap")
    assert table.loc["gray", ["distinct", "distinct_rounded"]].tolist() == [232, 256]
    assert bool(table.loc["magma", "invertible"])
    for name in table.index:
        colours = [tuple(colour) for colour in colormaps.lut8(name)]
        shared = [[i for i in range(256) if colours[i] == c] for c in set(colours)]
        best = max(min(max(abs(i - guess) for i in s) for guess in range(256)) for s in shared)
        assert table.loc[name, "worst_error"] == best
        assert table.loc[name, "distinct"] == len(shared)
        side_by_side = all(max(s) - min(s) == len(s) - 1 for s in shared)
        assert table.loc[name, "same_as_neighbour"] == side_by_side


def test_audit_has_every_colormap() -> None:
    assert saved_as_rgb.audit()["colormap"].tolist() == list(colormaps.names())


def test_the_gray_trap_is_in_the_files() -> None:
    ramp = saved_as_rgb.gray_ramp_written()
    assert ramp['imsave(cmap="gray")'].nunique() == 232
    np.testing.assert_array_equal(ramp["Image.fromarray"], ramp["level"])
    np.testing.assert_array_equal(ramp["imsave(RGB)"], ramp["level"])


def _habit(name: str) -> saved_as_rgb.Habit:
    return next(habit for habit in saved_as_rgb.HABITS if habit.name == name)


def test_a_faithful_habit_is_found_faithful(images: np.ndarray) -> None:
    result = saved_as_rgb.examine(_habit("Pillow, fixed range"), images, seed=0)
    assert result["not_spectrogram"] == 0
    assert result["cells_seen"] == 1
    assert result["shift"] == pytest.approx(result["shift_due"], abs=0.5)


def test_scaling_to_its_own_range_forgets_loudness(images: np.ndarray) -> None:
    result = saved_as_rgb.examine(_habit("imsave"), images, seed=0)
    assert abs(result["shift"]) < 0.1
    assert result["shift_due"] > 5


def test_axes_are_found_to_be_no_spectrogram(images: np.ndarray) -> None:
    db = images[0]
    habit = _habit("savefig, axes left in")
    live = saved_as_rgb._live_pixels(habit, db.shape, seed=0)
    with saved_as_rgb.plt.style.context("default"):
        figure, axes = saved_as_rgb.plt.subplots()
        figure.colorbar(axes.imshow(db, aspect="auto"))
        box = axes.get_position()
        saved_as_rgb.plt.close(figure)
    assert live.mean() == pytest.approx(box.width * box.height, abs=0.02)


def test_pixels_are_traced_to_their_cells() -> None:
    cell = saved_as_rgb._cell_of_each_pixel(_habit("Pillow, fixed range"), (32, 28))
    rows, columns = np.divmod(cell, 28)
    expected_rows = 31 - np.arange(224) // 7  # the highest frequency is at the top
    assert np.abs(rows - expected_rows[:, None]).max() <= 1
    assert np.abs(columns - np.arange(224)[None] // 8).max() <= 1


def test_monotone_error_forgives_any_monotone_map() -> None:
    truth = np.random.default_rng(0).uniform(0, 255, 500)
    assert saved_as_rgb._monotone_error(np.sqrt(truth), truth) < 1e-9
    assert saved_as_rgb._monotone_error(np.zeros(500), truth) == pytest.approx(truth.std())


@pytest.fixture(scope="module")
def scaled() -> pd.DataFrame:
    """Three families that differ in shape, not in level, at a small size."""
    rng = np.random.default_rng(3)
    families = np.repeat([0, 1, 2], 48)
    groups = np.repeat(np.arange(18), 8).astype(str)
    clips = np.array([f"p-k-v{v}" for v in ("060", "110")] * 72)
    db = rng.normal(-60, 3, (144, 16, 16)).astype(np.float32)
    for family in range(3):
        db[families == family, 5 * family : 5 * family + 5] += 25
    return saved_as_rgb.compare_scalings(db, families, groups, clips, seeds=range(4), per_group=6)


def test_own_range_makes_loud_and_quiet_the_same_bytes(scaled: pd.DataFrame) -> None:
    loud = scaled[scaled["task"] == "loud or quiet"].groupby("scaling").mean(numeric_only=True)
    assert loud.loc["image", "identical"] == 1
    assert loud.loc["image", "accuracy"] == 0.5
    assert loud.loc["set", "accuracy"] > 0.9


def test_own_range_does_not_care_how_levels_vary(scaled: pd.DataFrame) -> None:
    own = scaled[scaled["scaling"] == "image"].set_index(["task", "seed"])["accuracy"]
    np.testing.assert_array_equal(own["family"], own["family, levels vary"])


def test_held_out_instruments_are_two_of_each_family() -> None:
    families = np.repeat([0, 1], 20)
    groups = np.repeat(np.arange(10), 4).astype(str)
    held_out = saved_as_rgb._hold_out(families, groups, seed=0)
    for family in (0, 1):
        assert len(np.unique(groups[(families == family) & held_out])) == 2


def test_scaling_intervals_are_paired(scaled: pd.DataFrame) -> None:
    table = saved_as_rgb.scaling_intervals(scaled, seed=0).set_index("task")
    assert list(table.index) == list(saved_as_rgb.TASKS)
    assert (table["low"] <= table["difference"]).all()
    assert table.loc["loud or quiet", "high"] < 0


def test_the_threads_size() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (14, 16_000)).astype(np.float32)
    assert saved_as_rgb.long_spectrogram(sound, 16_000).shape == (1071, 1356)
    with pytest.raises(ValueError, match="need 13"):
        saved_as_rgb.long_spectrogram(sound[:3], 16_000)


def test_shrinking_loses_and_shrinking_colours_loses_more() -> None:
    db = np.random.default_rng(0).uniform(-100, 0, (64, 80)).astype(np.float32)
    table = saved_as_rgb.resize_losses(db, [16, 64], ["gray", "viridis", "hsv"])
    assert (table["error"] > 0).all()
    assert (table["gray"] < 1).all()  # gray colours are levels
    averaging = table[table["filter"] != "nearest"]
    assert (averaging["hsv"] > averaging["gray"]).all()
    assert (table.loc[table["filter"] == "nearest", "viridis"] <= 1).all()


def test_formats(images: np.ndarray) -> None:
    table = saved_as_rgb.compare_formats(images).set_index("format")
    step = 100 / 255
    assert table.loc["NumPy, float32", "worst_error"] == 0
    assert table.loc["TIFF, float32, deflate", "worst_error"] == 0
    assert table.loc["PNG, 16-bit gray", "worst_error"] <= 100 / 65535 / 2 + 1e-4
    assert table.loc["PNG, 8-bit gray", "worst_error"] <= step / 2 + 1e-4
    assert table.loc["imsave gray, fixed range", "worst_error"] <= step + 1e-4
    assert table.loc["JPEG, viridis", "rms_error"] > table.loc["PNG, viridis, rounded", "rms_error"]
    assert table.loc["PNG, 8-bit gray", "bytes"] < 1.1


def _information(**bits: float) -> dict[str, saved_as_rgb.Information]:
    return {name: saved_as_rgb.Information(value, np.zeros(3)) for name, value in bits.items()}


def test_verdicts_can_come_out_otherwise() -> None:
    adds_nothing = saved_as_rgb.verdict_adds_nothing
    assert adds_nothing(_information(levels=1, colour=1), ["colour"], "levels") == "holds"
    assert adds_nothing(_information(levels=1, colour=1.1), ["colour"], "levels") == "fails"
    depends = saved_as_rgb.verdict_depends_on_colormap
    assert depends(pd.DataFrame({"invertible": [True, True]})) == "fails"
    assert depends(pd.DataFrame({"invertible": [True, False]})) == "holds with limits"
    assert depends(pd.DataFrame({"invertible": [False, False]})) == "holds"
    reshapes = saved_as_rgb.verdict_reshapes
    table = pd.DataFrame({"size": [32, 32, 64], "error": [9.0, 0.1, 9.0]})
    assert reshapes(table, 64) == "holds"
    assert reshapes(table, 32) == "holds with limits"
    assert reshapes(table.assign(error=0.0), 32) == "fails"
    mapping = saved_as_rgb.verdict_always_a_mapping
    assert mapping(pd.DataFrame({"low": [-1.0, 0.1], "high": [1.0, 0.2]})) == "holds"
    assert mapping(pd.DataFrame({"low": [-1.0], "high": [1.0]})) == "undecided"


def test_intervals_in_words() -> None:
    assert saved_as_rgb.in_words(0.1, 0.2) == "a gain"
    assert saved_as_rgb.in_words(-0.2, -0.1) == "a loss"
    assert "no difference" in saved_as_rgb.in_words(-0.2, 0.1)


def test_profiles() -> None:
    quick, full = (saved_as_rgb.SETTINGS[name] for name in ("quick", "full"))
    assert full.seeds >= 10
    assert quick.seeds < full.seeds
