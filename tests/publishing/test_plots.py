"""Standard pictures: what is drawn is what the table says, and `publish` would take it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from analysis.publishing import figures, plots
from analysis.publishing.units import without_unit

GAINS = pd.DataFrame(
    {
        "arm": ["gray", "jet", "gray", "jet"],
        "net": ["small", "small", "large", "large"],
        "difference": [0.0, 0.02, -0.5, 0.01],
        "low": [-0.01, 0.01, -0.6, -0.01],
        "high": [0.01, 0.03, -0.4, 0.03],
        "train": [0.0, 0.1, -0.2, 0.0],
        "decided": [False, True, True, False],
    }
)
UNIT = "gain (percentage points)"


@pytest.fixture(autouse=True)
def look() -> Iterator[None]:
    figures.style()
    yield
    plt.close("all")


def names(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def intervals(ax: Axes) -> list[list[float]]:
    """Ends and height of the horizontal intervals, in the order of drawing."""
    segments = [
        s for c in ax.collections if isinstance(c, LineCollection) for s in c.get_segments()
    ]
    return [[float(s[0][0]), float(s[1][0]), float(s[0][1])] for s in segments]


def fits(ax: Axes) -> None:
    """What `figures.publish` asks of a figure."""
    assert without_unit(ax.figure) == []  # type: ignore[arg-type]
    assert figures.cut_edges(ax.figure) == []  # type: ignore[arg-type]


def test_a_forest_draws_every_interval_in_its_row() -> None:
    ax = plots.forest(GAINS, "arm", "net", scale=100, spread=0.4, label=UNIT)
    assert names(ax) == ["gray", "jet"]
    assert np.allclose(intervals(ax), [[-1, 1, -0.1], [1, 3, 0.9], [-60, -40, 0.1], [-1, 3, 1.1]])
    assert ax.get_ylim() == (1.5, -0.5)  # the first row is at the top
    fits(ax)


def test_a_forest_has_rows_and_series_in_the_order_asked_for() -> None:
    looks = plots.looks({"large": "a large net", "small": "a small net"}, markers="os")
    rows = {"jet": "jet", "gray": "gray ×3", "hsv": "hsv"}
    ax = plots.forest(
        GAINS, "arm", "net", rows=rows, looks=looks, missing="not trained", label=UNIT
    )
    assert names(ax) == ["jet", "gray ×3", "hsv"]
    assert ax.get_legend_handles_labels()[1] == ["a large net", "a small net"]
    assert [text.get_text() for text in ax.texts] == ["not trained"]
    assert [height for *_, height in intervals(ax)] == pytest.approx([0.85, -0.15, 1.15, 0.15])


def test_a_forest_fills_what_is_decided_and_shows_what_lies_beyond_its_limit() -> None:
    ax = plots.forest(
        GAINS,
        "arm",
        "net",
        filled="decided",
        tick="train",
        scale=100,
        limit=30,
        margin=1,
        label=UNIT,
    )
    marks = [line for line in ax.lines if line.get_marker() in list("os<>")]
    marks = [line for line in marks if len(list(line.get_xdata()))]
    assert [line.get_marker() for line in marks] == ["o", "o", "<", "s"]
    white = [line.get_markerfacecolor() == "white" for line in marks]
    assert white == [not decided for decided in GAINS.decided]
    assert min(min(left, right) for left, right, _ in intervals(ax)) == -30
    ticks = [line.get_xdata() for line in ax.lines if line.get_marker() == "|"]
    assert np.allclose(np.concatenate(ticks), [0, 10, -20, 0])


def test_curves_have_bars_or_a_band() -> None:
    table = pd.DataFrame(
        {"arm": ["raw"] * 3 + ["jet"] * 3, "step": [1, 2, 4] * 2, "loss": np.linspace(1, 0, 6)}
    )
    table = table.assign(low=table.loss - 0.1, high=table.loss + 0.2)
    labels = {"xlabel": "number of steps", "ylabel": "loss (nats)"}
    band = plots.curves(table, "step", "loss", "arm", ends=("low", "high"), band=True, **labels)
    assert [line.get_color() for line in band.lines] == [
        figures.colour_of(a) for a in ("raw", "jet")
    ]
    assert np.allclose(band.lines[1].get_ydata(), table.loss[3:])
    assert band.collections[0].get_paths()[0].get_extents().y1 == pytest.approx(1.2)
    fits(band)
    bars = plots.curves(table, "step", "loss", "arm", ends=("low", "high"), scale=100, **labels)
    ends = bars.containers[0][2][0].get_segments()  # type: ignore[index]
    assert np.allclose([segment[:, 1] for segment in ends], 100 * table[["low", "high"]][:3])


def test_bars_are_as_long_as_their_values_and_say_them() -> None:
    table = pd.DataFrame({"filter": ["box", "bicubic"], "error": [2.0, 1.0], "to": [2.5, 1.1]})
    ax = plots.bars(table.assign(low=0.5), "filter", "error", ends=("low", "to"), form="{:.1f}",
                    rows=["bicubic", "box"], label="error (dB)")  # fmt: skip
    boxes = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert [box.get_width() for box in boxes] == [2.0, 1.0]
    assert [round(box.get_y() + box.get_height() / 2, 6) for box in boxes] == [1, 0]
    assert [text.get_text() for text in ax.texts] == ["2.0", "1.0"]
    fits(ax)


def test_a_waterfall_ends_where_its_steps_lead() -> None:
    table = pd.DataFrame({"step": ["log", "jpeg"], "start": [50.0, 60.0], "effect": [10.0, -4.0]})
    table = table.assign(low=table.effect - 1, high=table.effect + 1, clear=[True, False])
    ax = plots.waterfall(table, ("raw", "as fed"), {"log": "+ decibels"}, label="accuracy (%)")
    assert names(ax) == ["raw", "+ decibels", "jpeg", "as fed"]
    assert [text.get_text() for text in ax.texts] == ["50.0", "+10.0", "−4.0", "56.0"]
    assert list(ax.lines[0].get_xdata()) == [50, 56]
    assert intervals(ax)[:2] == [[59, 61, 1], [55, 57, 2]]
    fits(ax)


def test_a_heat_map_says_its_numbers_in_an_ink_that_reads() -> None:
    table = pd.DataFrame([[40.0, -0.4], [0.0, -40.0]], ["a", "b"], ["10", "20"])
    ax = plots.heat(table, span=(-40, 40), form="{:+.0f}", bold=table > 0)
    texts = [(t.get_text(), t.get_color(), t.get_weight()) for t in ax.texts]
    assert texts == [("+40", "white", "bold"), ("0", "black", "normal"), ("0", "black", "normal"),
                     ("−40", "white", "normal")]  # fmt: skip
    assert [text.get_text() for text in ax.get_xticklabels()] == ["10", "20"]


def test_pictures_have_units_and_a_bar() -> None:
    _, axes = plt.subplots(1, 2, sharey=True)
    for ax in axes:
        plots.over_levels(np.eye(256), ax=ax, vmin=0, vmax=2)
    plots.colour_bar(list(axes), "margin (1/255)", {0: "none", 2: "two"})
    assert axes[0].images[0].get_clim() == (0, 2)
    fits(axes[0])
    _, axes = plt.subplots(1, 2)
    assert plots.strip({"gray": np.eye(3), "jet": np.ones((3, 3, 3))}, axes, extent=(0, 1, 0, 2))
    assert [ax.texts[0].get_text() for ax in axes] == ["gray", "jet"]
    fits(axes[0])
    strips = plots.colour_strips({"a": np.zeros((256, 3)), "b": np.ones((256, 3))})
    assert names(strips) == ["a", "b"]
    fits(strips)


def test_panels_part_the_table() -> None:
    figure, panels = plots.facets(
        GAINS, "net", {"large": "large nets", "small": "small nets", "none": "none"}, columns=2
    )
    assert [len(rows) for _, rows in panels.values()] == [2, 2, 0]
    assert [ax.get_title() for ax, _ in panels.values()] == ["large nets", "small nets", "none"]
    assert not figure.axes[3].axison  # no panel is left empty with axes


def test_the_key_says_what_marks_mean() -> None:
    figure = plt.figure()
    shown = plots.key(figure, plots.looks(["raw"]), filled="decided", tick="training set")
    assert [text.get_text() for text in shown.get_texts()] == ["raw", "decided", "training set"]
    assert [line.get_marker() for line in shown.get_lines()] == ["o", "o", "|"]
