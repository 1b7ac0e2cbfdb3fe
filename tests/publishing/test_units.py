"""Units: which labels tell what an axis' numbers are."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest

from analysis.publishing import figures
from analysis.publishing.units import without_unit


@pytest.fixture(autouse=True)
def look() -> Iterator[None]:
    figures.style()
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("label", "clear"),
    [
        *((f"name ({unit})", True) for unit in ("dB", "%", "0–255", "gray = 1", "of 64", "1/255")),
        ("gain of colour\n(percentage points of accuracy; of R² for chirps)", True),
        ("number of patterns", True),
        *((label, False) for label in ("", "accuracy", "dB", "name (decibels)", "(small) number")),
    ],
)
def test_what_names_a_unit(label: str, clear: bool) -> None:
    fig, ax = plt.subplots()
    ax.set(xlabel=label, ylabel="response (dimensionless)")
    assert without_unit(fig) == ([] if clear else [f"x {label!r}"])


def test_neighbours_with_the_same_limits_share_a_label() -> None:
    fig, axes = plt.subplots(2, 2)
    for ax in axes.flat:
        ax.set(xlim=(0, 1), ylim=(0, 2))
    axes[1, 0].set(xlabel="time (s)", ylabel="energy (dB)")
    assert without_unit(fig) == ["x ''", "y ''"]  # the one that is in no line with it
    axes[1, 1].set_xlim(0, 3)
    assert without_unit(fig) == ["x ''", "y ''", "x ''"]
    fig.supxlabel("time (s)")
    assert without_unit(fig) == ["y ''"]


def test_names_and_axes_that_are_not_shown_need_no_unit() -> None:
    fig, (one, two) = plt.subplots(1, 2)
    one.set(xlabel="size (kB)", yticks=[0, 1], yticklabels=["8 bits", "viridis"])
    two.set_axis_off()
    assert without_unit(fig) == []
    one.set_yticks([0, 1], ["3", "7"])  # digits, as classes' names
    assert without_unit(fig) == ["y ''"]
    one.set_ylabel("spoken (class)")
    assert without_unit(fig) == []


def test_colour_bars_insets_and_depth_need_units_too() -> None:
    fig = plt.figure()
    ax = fig.add_subplot(1, 2, 1, xticks=[], yticks=[])
    fig.colorbar(ax.imshow([[0, 1]]), ax=ax, label="gain")
    ax.inset_axes((0, 0, 1, 1)).set(xlabel="t (s)", ylabel="power")
    deep = fig.add_subplot(1, 2, 2, projection="3d")
    deep.set(xlabel="R (0–1)", ylabel="G (0–1)", zlabel="B")
    assert without_unit(fig) == ["y 'power'", "y 'gain'", "z 'B'"]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_powers_and_negative_numbers_are_numbers(scale: str) -> None:
    fig, ax = plt.subplots()
    ax.set(xscale=scale, xlim=(1e-6, 1e6) if scale == "log" else (-9, -3), yticks=[])
    assert without_unit(fig) == ["x ''"]
