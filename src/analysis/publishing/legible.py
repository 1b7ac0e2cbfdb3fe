"""Whether all of a figure can be read: what collides in it, is cut, or is too small."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

_HAIR = 0.015  # inches; letters' extents have some air

#: Inches below which a panel shows nothing: pictures, and what has an axis to be read.
_LEAST = {True: 0.5, False: 1.2}


def flaws(fig: Figure) -> list[str]:
    """Say what of a figure that is laid out collides, is cut, or is too small.

    >>> fig = Figure(figsize=(2, 2))
    >>> axes = fig.add_axes((0, 0, 1, 1)), fig.text(0.9, 0.5, "a long remark")
    >>> flaws(fig)
    ["'a long remark' is cut"]
    """
    hair = _HAIR * fig.dpi
    words = [(repr(text.get_text()), text.axes, text.get_window_extent()) for text in _texts(fig)]
    page = fig.bbox.padded(hair)
    wrong = [
        f"{name} is cut"
        for name, _, box in words
        if not (page.contains(*box.min) and page.contains(*box.max))
    ]
    wrong += [
        f"{one} meets {two}"
        for (one, _, first), (two, _, second) in combinations(words, 2)
        if overlap(first, second, hair)
    ]
    for ax in fig.axes:
        wrong += [
            f"{name} lies on a panel"
            for name, owner, box in words
            if owner not in (None, ax, *ax.child_axes) and overlap(box, ax.bbox, hair)
        ]
    return wrong + [f"a panel is {ax.bbox.width / fig.dpi:.1f} inches wide" for ax in slight(fig)]


def slight(fig: Figure) -> list[Axes]:
    """Panels that are too narrow to show anything."""
    panels = [ax for ax in fig.axes if not hasattr(ax, "_colorbar")]
    return [ax for ax in panels if ax.bbox.width / fig.dpi < _LEAST[bool(ax.images)]]


def overlap(one: Bbox, two: Bbox, hair: float = 0.0) -> bool:
    """Whether two boxes overlap by more than a hair in both directions."""
    both = Bbox.intersection(one, two)
    return both is not None and bool(both.width > hair and both.height > hair)


def covers(legend: Any) -> bool:
    """Whether a legend lies on what its panel draws."""
    box, renderer = legend.get_window_extent(), legend.get_figure(root=True)._get_renderer()
    boxes, lines, points = legend._auto_legend_data(renderer)
    for drawn in (each for each in legend.axes.collections if isinstance(each, LineCollection)):
        lines += [drawn.get_transform().transform_path(path) for path in drawn.get_paths()]
    on_lines = any(line.intersects_bbox(box, filled=False) for line in lines)
    return bool(on_lines or box.count_overlaps(boxes) or box.count_contains(points))


def tick_texts(axis: Any) -> list[Text]:
    """Texts of an axis' ticks that are drawn: ticks beyond its ends are not."""
    low, high = sorted(axis.get_view_interval())
    slack = (high - low) * 1e-6
    ticks = (*axis.get_major_ticks(), *axis.get_minor_ticks())
    inside = [tick for tick in ticks if low - slack <= tick.get_loc() <= high + slack]
    texts = [text for tick in inside for text in (tick.label1, tick.label2)]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def crowding(axis: Any) -> float:
    """How much of the distance between neighbouring ticks their texts take: above 1, they meet."""
    along = "xy".index(axis.axis_name)
    ends = [text.get_window_extent().get_points()[:, along] for text in tick_texts(axis)]
    air = 0.03 * axis.get_figure(root=True).dpi
    return max(
        ((b[1] - b[0] + a[1] - a[0] + 2 * air) / max(sum(b) - sum(a), 1e-3)
         for a, b in pairwise(sorted(ends, key=sum))), default=0.0,
    )  # fmt: skip


def _texts(fig: Figure) -> Iterator[Text]:
    """Texts that are drawn, in order."""
    hidden: set[Any] = set()
    for ax in (each for one in fig.axes for each in (one, *one.child_axes)):
        for axis in ax._axis_map.values():
            ticks = (*axis.get_major_ticks(), *axis.get_minor_ticks())
            labels = {text for tick in ticks for text in (tick.label1, tick.label2)}
            if ax.axison and axis.get_visible():
                hidden |= labels - set(tick_texts(axis))
            else:
                hidden |= labels | {axis.label, axis.offsetText}
    shown = (text for text in fig.findobj(Text) if text not in hidden and text.get_visible())
    return (text for text in shown if text.get_text().strip())
