"""Gray as written, scaling, resizing, formats, and verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from analysis import saved_as_rgb
from analysis.bands.information import Information
from analysis.sound import datasets, spectrograms

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    notes = datasets.instruments(max_per_class=1)
    return spectrograms.log_mel(notes.waveforms[:2], 16_000, floor=-100)


def test_the_gray_trap_is_in_the_files() -> None:
    ramp = saved_as_rgb.gray_ramp_written()
    assert ramp['imsave(cmap="gray")'].nunique() == 232
    np.testing.assert_array_equal(ramp["Image.fromarray"], ramp["level"])
    np.testing.assert_array_equal(ramp["imsave(RGB)"], ramp["level"])


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
    assert scaled.identical[scaled["task"] != "loud or quiet"].isna().all()


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


def _information(**bits: float) -> dict[str, Information]:
    return {name: Information(value, np.zeros(3)) for name, value in bits.items()}


def test_verdicts_can_come_out_otherwise() -> None:
    adds_nothing = saved_as_rgb.verdict_adds_nothing
    assert adds_nothing(_information(**{"8 bits": 1, "colour": 1}), ["colour"]) == "holds"
    assert adds_nothing(_information(**{"8 bits": 1, "colour": 1.1}), ["colour"]) == "fails"
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
    quick, full = (saved_as_rgb.SETTINGS[name] for name in ("edition", "large"))
    assert full.seeds >= 10
    assert quick.seeds < full.seeds
