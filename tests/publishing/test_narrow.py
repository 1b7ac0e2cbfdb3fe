"""Narrow versions: restacked panels with what they shared, and the judge of what is legible."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from analysis.publishing import figures, plots
from analysis.publishing.legible import crowding, flaws, overlap, tick_texts
from analysis.publishing.narrow import TALLEST, WIDTH, narrowed


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    figures.style()
    yield
    plt.close("all")


def drawn(rows: int, columns: int, **options: bool) -> Figure:
    """A grid of lines whose axes are labelled at the left and below only."""
    fig, grid = plt.subplots(rows, columns, figsize=(7.2, 2.4 * rows), squeeze=False, **options)
    for number, ax in enumerate(grid.flat):
        ax.plot([0, 1], [0, number + 1], label="a line")
        ax.set_title(f"panel {number}")
    for ax in grid[-1]:
        ax.set_xlabel("time (s)")
    for ax in grid[:, 0]:
        ax.set_ylabel("level (dB)")
    fig.draw_without_rendering()
    return fig


def places(fig: Figure) -> list[str]:
    """Panels from the top, each row from the left."""
    order = sorted(fig.axes, key=lambda ax: (-round(ax.get_position().y0, 2), ax.get_position().x0))
    return [ax.get_title() for ax in order]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (1, 3), (2, 3), (2, 2)])
def test_panels_stand_one_below_the_other_in_reading_order(rows: int, columns: int) -> None:
    fig = drawn(rows, columns)
    before = fig.axes[0].bbox.height / fig.dpi
    assert narrowed(fig)
    width, height = fig.get_size_inches()
    assert width == WIDTH and height < TALLEST
    assert places(fig) == [f"panel {n}" for n in range(rows * columns)]
    heights = [ax.bbox.height / fig.dpi for ax in fig.axes]
    assert heights == pytest.approx([before] * len(heights), abs=0.15)
    assert flaws(fig) == [] and figures.cut_edges(fig) == []


def test_panels_get_back_the_labels_that_they_shared() -> None:
    fig = drawn(2, 3, sharex=True, sharey=True)
    assert narrowed(fig)
    for ax in fig.axes:
        assert tick_texts(ax.xaxis) and tick_texts(ax.yaxis)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "level (dB)")


def test_heads_of_columns_and_unused_places() -> None:
    fig, grid = plt.subplots(2, 3, figsize=(7.2, 5))
    for ax in grid.flat[:5]:
        ax.plot([0, 1])
    grid[1, 2].set_axis_off()
    grid[0, 0].set_title("a head")
    fig.draw_without_rendering()
    assert narrowed(fig)
    assert [ax.get_title() for ax in fig.axes] == ["a head", "", "", "a head", ""]


def test_pictures_that_fit_stay_side_by_side() -> None:
    axes = plots.strip({name: np.eye(4) for name in "abc"}, xlabel="", ylabel="")
    fig = axes[0].figure
    fig.draw_without_rendering()
    assert narrowed(fig)
    assert len({round(ax.get_position().y0, 3) for ax in axes}) == 1


def test_a_picture_stands_above_its_own_chart() -> None:
    fig, ((one, two), (left, right)) = plt.subplots(2, 2, figsize=(7.2, 4))
    for ax, name in ((one, "one"), (two, "two")):
        ax.imshow(np.eye(3))
        ax.set(xticks=[], yticks=[], title=name)
    for ax in (left, right):
        ax.barh(["a long name of a row", "another"], [1, 2])
    fig.draw_without_rendering()
    assert narrowed(fig)
    assert places(fig) == ["one", "one", "two", "two"]


def test_keys_lose_columns_and_hang_below() -> None:
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3))
    names = [f"series number {n}" for n in range(4)]
    for name in names:
        left.plot([0, 1], label=name)
        right.plot([0, 1], label=name)
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    key = right.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    fig.draw_without_rendering()
    assert narrowed(fig)
    boxes = [legend.get_window_extent() for legend in (fig.legends[0], key)]
    assert all(box.x0 >= 0 and box.x1 <= fig.bbox.x1 for box in boxes)
    assert boxes[1].y1 < right.bbox.y0
    assert [text.get_text() for text in key.get_texts()] == names


def test_a_key_that_would_lie_on_a_curve_hangs_below() -> None:
    fig, ax = plt.subplots(figsize=(7.2, 3))
    ax.plot(np.linspace(0, 1, 50), np.sin(np.arange(50)), label="everywhere")
    key = ax.legend(loc="upper right")
    fig.draw_without_rendering()
    assert narrowed(fig)
    assert not overlap(key.get_window_extent(), ax.bbox)


def test_long_words_are_wrapped_and_crowded_names_turned() -> None:
    fig, ax = plt.subplots(figsize=(7.2, 3))
    ax.bar([f"category {n}" for n in range(9)], range(9))
    ax.set_ylabel("a label that is longer than the axis that it belongs to (points)")
    fig.draw_without_rendering()
    assert narrowed(fig)
    assert "\n" in ax.get_ylabel()
    assert {text.get_rotation() for text in ax.get_xticklabels()} == {90}
    assert crowding(ax.xaxis) <= 1


def test_subfigures_are_restacked_each() -> None:
    fig = plt.figure(figsize=(7.2, 4))
    for part in fig.subfigures(2, 1, height_ratios=[2, 1]):
        for ax in part.subplots(1, 3):
            ax.plot([0, 1])
    fig.draw_without_rendering()
    before = [ax.bbox.height / fig.dpi for ax in fig.axes]
    assert narrowed(fig)
    assert [ax.bbox.height / fig.dpi for ax in fig.axes] == pytest.approx(before, abs=0.15)
    assert len({round(ax.bbox.y0) for ax in fig.axes}) == 6


def test_what_cannot_be_read_is_no_narrow_version() -> None:
    fig, ax = plt.subplots(figsize=(7.2, 3))
    plots.heat(pd.DataFrame(np.ones((3, 16))), form="{:.3f}", ax=ax)
    fig.draw_without_rendering()
    assert flaws(fig) == []
    assert not narrowed(fig)


def test_what_is_laid_out_by_hand_is_folded_in_the_middle() -> None:
    fig = plt.figure(figsize=(7.2, 3), layout="none")
    left, right = (fig.add_axes((x, 0.2, 0.35, 0.7)) for x in (0.1, 0.6))
    left.plot([0, 1])
    before = left.bbox.size / fig.dpi
    assert narrowed(fig)
    assert left.bbox.size / fig.dpi == pytest.approx(before)
    assert left.bbox.y0 > right.bbox.y1 and left.bbox.x0 == pytest.approx(right.bbox.x0)
    fig.add_axes((0.4, 0.1, 0.2, 0.1))
    assert not narrowed(fig)


def test_the_judge_accepts_what_is_clean() -> None:
    assert flaws(drawn(1, 2)) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda fig: fig.axes[0].set_xticks([0.5, 0.51], ["one", "two"]), "'one' meets 'two'"),
        (lambda fig: fig.text(0.98, 0.5, "a remark"), "'a remark' is cut"),
        (lambda fig: fig.axes[0].text(1.5, 0.5, "astray"), "'astray' lies on a panel"),
        (lambda fig: fig.axes[0].set_position((0.1, 0.1, 0.05, 0.8)), "a panel is 0.4 inches wide"),
        (lambda fig: fig.axes[1].set_title("panel", loc="left"), ""),
    ],
)
def test_the_judge_tells_what_is_wrong(spoil: object, told: str) -> None:
    fig = drawn(1, 2)
    fig.set_layout_engine("none")
    spoil(fig)  # type: ignore[operator]
    fig.draw_without_rendering()
    assert (told in flaws(fig)) if told else not flaws(fig)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.02, 0.9))
def test_two_names_meet_when_their_distance_is_less_than_their_length(apart: float) -> None:
    fig = Figure(figsize=(4, 2), layout="none")
    ax = fig.add_axes((0.1, 0.3, 0.8, 0.6))
    ax.set(xlim=(0, 1))
    ax.set_xticks([0.05, 0.05 + apart], ["a name", "a name"])
    fig.draw_without_rendering()
    first, second = (text.get_window_extent() for text in ax.get_xticklabels())
    met = "'a name' meets 'a name'" in flaws(fig)
    assert met == (second.x0 < first.x1 - 0.015 * fig.dpi)
    assert crowding(ax.xaxis) > 1 or not met
