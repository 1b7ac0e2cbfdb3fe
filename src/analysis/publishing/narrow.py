"""A figure a second time, as wide as a telephone: its panels restacked, its letters as large.

`narrowed` lays the same figure out anew, and `legible` judges what came of it: where anything
collides or is cut there is no narrow version, and a page keeps to the wide one.
"""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.offsetbox import VPacker
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from analysis.publishing.legible import covers, crowding, flaws, overlap, slight, tick_texts

#: Inches: a telephone's width at the size of the letters, and two of its screens.
WIDTH, TALLEST = 3.6, 16.0

_DPI = 300  # on coarse pixels, letters are wider

#: Part of its height in the wide figure that a panel keeps at least.
_SHRUNK = 0.4

#: Inches: what the names of rows leave to their plane if they can, and what they may take.
_PLANE, _NAME = 1.7, 1.2


@dataclass(frozen=True)
class _Panel:
    """A panel, where it stood in the wide figure, and how large its plane was, in inches."""

    ax: Any
    grid: Any
    row: int
    column: int
    span: int
    wide: float
    high: float

    @property
    def plane(self) -> tuple[float, float]:
        """Width and height that its plane may take now, in inches."""
        wide, high = self.ax.get_position(original=True).size * self.ax.figure.bbox.size / _DPI
        return wide, high

    @property
    def wanted(self) -> float:
        """Height that it should have: the old one, unless its width or its rows' names say more."""
        wide, high = self.plane
        if self.ax.get_aspect() != "auto" or self.ax.name == "3d":
            return self.high * min(wide / self.wide, 1.3)
        return max(self.high, high * crowding(self.ax.yaxis) * _named(self.ax.yaxis))


def narrowed(fig: Figure) -> bool:
    """Lay a figure out anew, `WIDTH` inches wide; false if nothing comes of it that can be read.

    A row of its grid becomes several rows of fewer panels, with the labels that they shared.
    """
    fig.set_dpi(_DPI)
    if not any(ax.get_subplotspec() for ax in fig.axes):
        return _folded(fig) and not flaws(fig)
    parts: list[Any] = list(fig.subfigs) or [fig]
    grids = [_panels(part) for part in parts]
    if not all(grids):
        return False
    words = {text: text.get_text() for text in _words(fig)}
    widest = max(panels[0].grid.ncols for panels in grids)
    fig.set_layout_engine("constrained")
    for columns in (c for c in range(widest, 0, -1) if widest % c == 0):
        for text, whole in words.items():
            text.set_text(whole)
        stacks = [_restack(panels, columns) for panels in grids]
        if _lay_out(fig, stacks, columns == 1) and not flaws(fig):
            return True
    return False


def _folded(fig: Figure) -> bool:
    """Put the right half of what is laid out by hand below the left; false if it has no halves."""
    for ax in fig.axes:
        x, y, wide, high = ax.get_position(original=True).bounds
        if x < 0.5 < x + wide:
            return False
        ax.set_position((2 * x % 1, (y + (x < 0.5)) / 2, 2 * wide, high / 2))
    fig.set_size_inches(WIDTH, 2 * fig.get_figheight())
    return _drawn(fig)


def _panels(part: Any) -> list[_Panel]:
    """Panels of a figure's one grid in reading order; none if it is laid out in another way."""
    axes = [ax for ax in part.axes if not hasattr(ax, "_colorbar")]
    for ax in [ax for ax in axes if not ax.axison and not ax.has_data() and not ax.texts]:
        axes.remove(ax)
        ax.remove()
    specs = [ax.get_subplotspec() for ax in axes]
    if None in specs or len({spec.get_gridspec() for spec in specs}) != 1:
        return []
    found = [
        _Panel(ax, spec.get_gridspec(), spec.rowspan.start, spec.colspan.start, len(spec.colspan),
               *ax.get_window_extent().size / _DPI)
        for ax, spec in zip(axes, specs, strict=True)
    ]  # fmt: skip
    return sorted(found, key=lambda panel: (panel.row, panel.column))


def _restack(panels: list[_Panel], columns: int) -> list[list[_Panel]]:
    """Put panels into a grid of at most so many columns; give its rows."""
    old = panels[0].grid
    across = max(c for c in range(1, columns + 1) if old.ncols % c == 0)
    charts = {p.row for p in panels if tick_texts(p.ax.xaxis) or tick_texts(p.ax.yaxis)}
    if across == 1 and charts and 0 not in charts:  # each picture with the chart below it
        panels = sorted(panels, key=lambda panel: (panel.column, panel.row))
    rows: list[list[_Panel]] = []
    places, end = [], across
    for panel in panels:
        span = min(panel.span, across)
        if not rows or rows[-1][-1].row != panel.row or end + span > across:
            rows.append([])
            end = 0
        places.append((len(rows) - 1, slice(end, end + span)))
        rows[-1].append(panel)
        end += span
    ratios = [max(old.get_width_ratios()[column::across]) for column in range(across)]
    new = GridSpec(len(rows), across, figure=panels[0].ax.figure, width_ratios=ratios)
    for panel, place in zip(panels, places, strict=True):
        panel.ax.set_subplotspec(new[place])
        if across < old.ncols:
            _share_labels(panel, panels, place[1].start == 0)
    return rows


def _share_labels(panel: _Panel, panels: list[_Panel], first: bool) -> None:
    """Give a panel what it left to others: its row's first, its column's last, and its head."""
    row = sorted((p for p in panels if p.row == panel.row), key=lambda p: p.column)
    column = sorted((p for p in panels if p.column == panel.column), key=lambda p: p.row)
    for name, side, others in (("x", "bottom", column[::-1]), ("y", "left", row)):
        mine, *theirs = (getattr(p.ax, f"{name}axis") for p in (panel, *others))
        view = mine.get_view_interval()
        like = next(axis for axis in theirs if (axis.get_view_interval() == view).all())
        if name == "x" or first:
            shown = like.get_tick_params()[f"label{side}"]
            panel.ax.tick_params(axis=name, **{f"label{side}": shown})
            mine.label.set(text=mine.label.get_text() or like.label.get_text(), visible=True)
    if not panel.ax.get_title():
        head = column[0].ax.title
        panel.ax.set_title(head.get_text(), fontsize=head.get_fontsize())


def _lay_out(fig: Figure, stacks: list[list[list[_Panel]]], last: bool) -> bool:
    """Lay restacked panels out; false if they do not fit, `last` if no other stack is tried.

    The first layout gives the widths, to which words are fitted; the second what is around the
    panels; then they get their heights.
    """
    rows = [row for stack in stacks for row in stack]
    panels = [panel for row in rows for panel in row]
    planes = sum(max(panel.high for panel in row) for row in rows)
    fig.set_size_inches(WIDTH, planes + 0.6 * len(rows) + 1)
    if _SHRUNK * planes > TALLEST or not _drawn(fig):
        return False
    if not last and (slight(fig) or any(crowding(p.ax.xaxis) > 1 for p in panels)):
        return False
    for panel in panels:
        _fit_words(panel, last)
    for text in _below(fig):
        _wrap(text, WIDTH - 0.1)
    for part in (fig, *fig.subfigs):
        for number, legend in enumerate(part.legends):
            if number or getattr(legend, "_outside_loc", "") in ("left", "right"):
                legend.set_loc("outside lower center")
            _fit_columns(legend, WIDTH - 0.1)
    _drawn(fig)
    if True in [_hang(ax.get_legend(), ax) for ax in fig.axes if ax.get_legend()]:
        _drawn(fig)
    _set_heights(fig, stacks)
    return _drawn(fig)


def _set_heights(fig: Figure, stacks: list[list[list[_Panel]]]) -> None:
    """Give each row its height, all less if the figure would become too tall."""
    wanted = [[max(panel.wanted for panel in row) for row in rows] for rows in stacks]
    parts = [rows[0][0].ax.figure for rows in stacks]
    around = [
        part.bbox.height / _DPI - sum(row[0].plane[1] for row in rows)
        for part, rows in zip(parts, stacks, strict=True)
    ]
    shrunk = min(1.0, (TALLEST - sum(around)) / sum(map(sum, wanted)))
    heights = [a + shrunk * sum(w) for a, w in zip(around, wanted, strict=True)]
    for rows, high in zip(stacks, wanted, strict=True):
        rows[0][0].ax.get_gridspec().set_height_ratios(high)
    if fig.subfigs:
        parts[0]._subplotspec.get_gridspec().set_height_ratios(heights)
    for bar in (ax for ax in fig.axes if hasattr(ax, "_colorbar_info")):
        _slim(bar, sum(heights))
    fig.set_size_inches(WIDTH, sum(heights))


def _slim(bar: Any, high: float) -> None:
    """Keep a colour bar as thin, and as near, as it was: it goes by the size of its panels."""
    info = bar._colorbar_info
    if info["location"] in ("left", "right"):
        info["aspect"] = max(info["aspect"], high * info["shrink"] / 0.15)
    else:
        info["pad"] = min(info["pad"], 0.1 / high)


def _drawn(fig: Figure) -> bool:
    """Lay a figure out as it would be drawn; false if it has no room for its panels."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fig.draw_without_rendering()
    return not any("constrained_layout" in str(warning.message) for warning in told)


def _named(axis: Any) -> bool:
    """Whether the texts of an axis' ticks are words."""
    texts = (text.get_text() for text in tick_texts(axis))
    return any(re.search(r"[^\W\d]{2}", re.sub(r"\$[^$]*\$", "", text)) for text in texts)


def _words(fig: Figure) -> Iterator[Text]:
    """Texts that are wrapped."""
    yield from _below(fig)
    for ax in fig.axes:
        yield from (ax.title, ax.xaxis.label, ax.yaxis.label)


def _below(fig: Figure) -> list[Text]:
    """Find the common labels below figures."""
    parts: list[Any] = [fig, *fig.subfigs]
    return [part._supxlabel for part in parts if part._supxlabel]


def _fit_words(panel: _Panel, last: bool) -> None:
    """Wrap titles, labels and names that are longer than what they belong to."""
    ax, (wide, high) = panel.ax, panel.plane
    middle = sum(ax.bbox.intervalx) / 2 / _DPI
    room = 2 * min(middle, WIDTH - middle) - 0.1 if last else wide + 0.2
    _wrap(ax.title, room)
    if last and ax.xaxis.label.get_window_extent().width > room * _DPI:
        ax.xaxis.label.set(x=1, horizontalalignment="right")
        room = ax.bbox.x1 / _DPI - 0.05
    _wrap(ax.xaxis.label, room)
    _wrap(ax.yaxis.label, min(high, panel.high) + 0.2)
    if not last:
        return
    if _named(ax.yaxis) and wide < _PLANE:
        for label in (labels := ax.get_yticklabels()):
            _wrap(label, _NAME)
        ax.set_yticks(ax.get_yticks(), [label.get_text() for label in labels])
    if crowding(ax.xaxis) > 1:
        texts = [text.get_text().replace("\n", " ") for text in ax.get_xticklabels()]
        named = _named(ax.xaxis)
        ax.set_xticks(ax.get_xticks(), [t * (named or i % 2 == 0) for i, t in enumerate(texts)])
        ax.tick_params(axis="x", rotation=90 * named)


def _wrap(text: Text, room: float) -> None:
    """Break a text's lines, outside formulas, so that it is no longer than so many inches."""
    box = text.get_window_extent()
    length = (box.height if text.get_rotation() == 90 else box.width) / _DPI
    if length > room:
        whole = re.sub(r"\$[^$]*\$", lambda m: m[0].replace(" ", "\0"), text.get_text())
        letters = max(map(len, whole.split("\n"))) * room / length
        lines = textwrap.wrap(
            whole, max(1, int(letters)), break_long_words=False, break_on_hyphens=False
        )
        text.set_text("\n".join(lines).replace("\0", " "))


def _fit_columns(legend: Any, room: float) -> None:
    """Give a legend as many columns as are no wider than so many inches."""
    old = legend._legend_handle_box.get_children()
    items = [item for column in old for item in column.get_children()]
    for columns in range(len(items), 0, -1):
        each = -(-len(items) // columns)
        look = {"pad": old[0].pad, "sep": old[0].sep, "align": old[0].align}
        new = [VPacker(children=items[i : i + each], **look) for i in range(0, len(items), each)]
        for column in new:
            column.set_figure(legend.figure)
        legend._legend_handle_box._children = new
        if legend.get_window_extent().width / _DPI <= room:
            return


def _hang(legend: Any, ax: Any) -> bool:
    """Put a legend below its panel if it hung beside it, or now lies on what is drawn."""
    box, plane = legend.get_window_extent(), ax.bbox
    if overlap(box, plane, 2) and not covers(legend):
        return False
    right = max(plane.x1, min(box.x1, WIDTH * _DPI))  # what was beside is room for the plane
    _fit_columns(legend, (right - plane.x0) / _DPI)
    legend.set_in_layout(False)
    below = (plane.y0 - ax.get_tightbbox().y0) / _DPI + 0.05
    legend.set_in_layout(True)
    shift = ScaledTranslation(0, -below, ax.get_figure(root=True).dpi_scale_trans)
    legend.set_loc("upper center")
    legend.set_bbox_to_anchor((0.5, 0), ax.transAxes + shift)
    return True
