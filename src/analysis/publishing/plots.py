"""Standard pictures with one look: a chapter says what is drawn, this says how.

Each function takes a tidy table or images, draws into axes or a new figure of the book's width, and
returns the axes (their figure is ``ax.figure``). These arguments mean the same everywhere:

row, hue, x, y, value
    Columns of the table: what rows and series are told apart by, what is drawn.
ends
    Two columns: the lower and upper end of each value's interval.
rows, titles
    Which values in which order, from the top, as a mapping to labels or an iterable; by default all
    as they come.
looks
    Mapping of series to `Look`, in order; by default the encodings' colours, or the cycle's.
scale
    Multiplies all values of the table: 100 for percentage points. Other lengths are as drawn.
label
    Of the axis of values. It carries a unit, or `figures.publish` refuses the figure.
ax
    Where to draw; by default in a new figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from analysis.publishing.figures import COLOURS, ENCODINGS

Names = Mapping[Any, str] | Iterable[Any]
Ends = tuple[str, str]
Looks = Mapping[Any, "Look"]

#: What goes up, what goes down, and what stands between: lines of reference.
UP, DOWN, FLAT = COLOURS[0], COLOURS[1], COLOURS[7]

_WIDTH = 7.2  # inches


class Look(NamedTuple):
    """How a series is drawn, and what the key calls it."""

    label: str
    colour: str
    marker: str = "o"
    line: str = "-"


def looks(
    names: Names, *, colours: Sequence[str] = COLOURS, markers: str = "o",
    lines: Sequence[str] = ("-",),
) -> dict[Any, Look]:  # fmt: skip
    """Give each series a look: an encoding its own colour, others the next of the cycle.

    >>> looks({"viridis": "viridis", "small": "small net"}, markers="os")["small"]
    Look(label='small net', colour='#D55E00', marker='s', line='-')
    """
    cycles = zip(_named(names).items(), cycle(colours), cycle(markers), cycle(lines), strict=False)
    return {
        name: Look(label, ENCODINGS.get(name, colour), marker, line)
        for (name, label), colour, marker, line in cycles
    }


def facets(
    data: pd.DataFrame, by: str, titles: Names = (), *, height: float = 3.0, columns: int = 0,
    **how: Any,
) -> tuple[Figure, dict[Any, tuple[Axes, pd.DataFrame]]]:  # fmt: skip
    """Give one panel to each value of a column: its axes and its rows of the table.

    `height` is the figure's, in inches, `columns` the panels in a row (by default all); `how` is
    for `matplotlib.pyplot.subplots`. Panels share their y axis unless it says otherwise.

    >>> table = pd.DataFrame({"task": ["notes", "words"], "score": [0.5, 0.7]})
    >>> figure, panels = facets(table, "task", {"words": "Words", "notes": "Notes"})
    >>> [(ax.get_title(), len(part)) for ax, part in panels.values()]
    [('Words', 1), ('Notes', 1)]
    """
    named = _named(titles) or _named(data[by].unique())
    across = columns or len(named)
    down = -(-len(named) // across)
    options: dict[str, Any] = {"squeeze": False, "sharey": True, "figsize": (_WIDTH, height)}
    figure, grid = plt.subplots(down, across, **(options | how))
    panels = {}
    for ax, (value, title) in zip(grid.flat, named.items(), strict=False):
        ax.set_title(title, fontsize=9)
        panels[value] = ax, data[data[by] == value]
    for ax in grid.flat[len(named) :]:
        ax.set_axis_off()
    return figure, panels


def forest(
    data: pd.DataFrame, row: str, hue: str | None = None, *,
    value: str = "difference", ends: Ends = ("low", "high"), filled: str = "", tick: str = "",
    rows: Names = (), looks: Looks | None = None, scale: float = 1.0, zero: float | None = 0.0,
    margin: float = 0.0, limit: float = np.inf, spread: float = 0.6, missing: str = "",
    label: str = "", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Forest of intervals: one row a value of `row`, in it one interval a value of `hue`.

    Parameters
    ----------
    filled, tick : str
        Columns: true where the marker is filled (what is decided, or clear); a second value, drawn
        as a tick (the training set's, usually).
    zero, margin : float
        Where a line of reference stands, if any; half the width of a gray band around it.
    limit : float
        What lies beyond is drawn at the edge, as ``<`` or ``>``.
    spread : float
        Part of a row's height that its intervals share.
    missing : str
        Said in rows without data.

    Examples
    --------
    >>> table = pd.DataFrame({"arm": ["gray", "jet"], "difference": 0.1, "low": 0.0, "high": 0.2})
    >>> ax = forest(table, "arm", scale=100, label="gain (percentage points)")
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['gray', 'jet']
    """
    named = _named(rows) or _named(data[row].unique())
    ax = ax or _axes(0.8 + 0.35 * len(named))
    series = list(_placed(data, row, hue, named, looks, spread))
    rule = zero or 0.0
    for look, part, y in series:
        middle, left, right = (scale * part[c].to_numpy(float) for c in (value, *ends))
        shown, left, right = (np.clip(v, -limit, limit) for v in (middle, left, right))
        ax.hlines(y, left, right, color=look.colour, lw=1.3)
        if tick:
            second = np.clip(scale * part[tick].to_numpy(float), -limit, limit)
            ax.plot(second, y, "|", color=look.colour, ms=6, alpha=0.8)
        sure = part[filled].to_numpy(bool) if filled else np.full(len(part), True)
        marks = np.where(middle < -limit, "<", np.where(middle > limit, ">", look.marker))
        for x, at, mark, fill in zip(shown, y, marks, sure, strict=True):
            face = look.colour if fill else "white"
            ax.plot(x, at, str(mark), color=look.colour, mfc=face, ms=4.5)
        ax.plot([], [], look.marker, color=look.colour, ms=4.5, label=look.label)
    if margin:
        ax.axvspan(rule - margin, rule + margin, color="0.9", lw=0, zorder=0)
    if zero is not None:
        ax.axvline(zero, color=FLAT, lw=0.8, zorder=0.5)
    if missing:
        for place in (i for i, name in enumerate(named) if name not in set(data[row])):
            ax.text(0.5, place, missing, transform=ax.get_yaxis_transform(), fontsize=7.5,
                    ha="center", va="center", color="0.4", backgroundcolor="white")  # fmt: skip
    if len(series) > 1:
        for place in range(1, len(named)):
            ax.axhline(place - 0.5, color="0.93", lw=0.8, zorder=0)
    return _rows(ax, named, label)


def curves(
    data: pd.DataFrame, x: str, y: str, hue: str | None = None, *, ends: Ends | None = None,
    band: bool = False, looks: Looks | None = None, scale: float = 1.0, ax: Axes | None = None,
    **labels: Any,
) -> Axes:  # fmt: skip
    """Curves, with their intervals as bars or as a band; bare points where a look has no line.

    `labels` are for ``Axes.set``: ``xlabel`` and ``ylabel`` with units, ``xscale`` …

    >>> table = pd.DataFrame({"step": [1, 2], "loss": [0.7, 0.4], "low": 0.3, "high": 0.8})
    >>> ax = curves(table, "step", "loss", ends=("low", "high"), band=True, ylabel="loss (nats)")
    >>> len(ax.lines), len(ax.collections)
    (1, 1)
    """
    ax = ax or _axes(3.0)
    for look, part in _series(data, hue, looks):
        at, middle = part[x].to_numpy(), scale * part[y].to_numpy(float)
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "ls": look.line}
        style |= {"ms": 4, "lw": 1.4, "label": look.label}
        if ends is None or band:
            ax.plot(at, middle, **style)
        if ends is not None:
            low, high = (scale * part[end].to_numpy(float) for end in ends)
            if band:
                ax.fill_between(at, low, high, color=look.colour, alpha=0.15, lw=0)
            else:
                ax.errorbar(at, middle, [middle - low, high - middle], elinewidth=0.8, **style)
    ax.set(**labels)
    return ax


def bars(
    data: pd.DataFrame, row: str, value: str, hue: str | None = None, *, ends: Ends | None = None,
    rows: Names = (), looks: Looks | None = None, scale: float = 1.0, form: str = "",
    label: str = "", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Bars from zero, those of a row side by side, with intervals and numbers in the format `form`.

    >>> table = pd.DataFrame({"format": ["PNG", "JPEG"], "bytes": [1.0, 0.25]})
    >>> ax = bars(table, "format", "bytes", form="{:.2f}", label="size of a value (bytes)")
    >>> [text.get_text() for text in ax.texts]
    ['1.00', '0.25']
    """
    named = _named(rows) or _named(data[row].unique())
    ax = ax or _axes(0.8 + 0.3 * len(named))
    series = list(_placed(data, row, hue, named, looks, 0.7))
    for look, part, y in series:
        tips = length = scale * part[value].to_numpy(float)
        ax.barh(y, length, 0.7 / len(series), color=look.colour, label=look.label)
        if ends is not None:
            left, right = (scale * part[end].to_numpy(float) for end in ends)
            ax.hlines(y, left, right, color="black", lw=1.1)
            tips = np.maximum(tips, right)
        for tip, at, number in zip(tips, y, length, strict=True):
            _beside(ax, tip, at, _text(form, number))
    return _rows(ax, named, label)


def waterfall(
    data: pd.DataFrame, between: tuple[str, str], steps: Names = (), *,
    form: str = "{:+.1f}", total: str = "{:.1f}", label: str = "", ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Waterfall from one score to another, a bar a step, each where the last one ended.

    The table has ``step``, ``start``, ``effect``, ``low`` and ``high`` (of the effect) and
    ``clear`` (filled if true). `between` names the first and the last score, `steps` the steps.

    >>> table = pd.DataFrame({"step": ["log"], "start": [50.0], "effect": [10.0], "low": [8.0],
    ...                       "high": [12.0], "clear": [True]})
    >>> ax = waterfall(table, ("raw", "dB"), label="accuracy (%)")
    >>> [text.get_text() for text in ax.texts]
    ['50.0', '+10.0', '60.0']
    """
    ax = ax or _axes(0.6 + 0.35 * (len(data) + 2))
    named = _named(steps)
    rows = np.arange(1, len(data) + 1)
    start, effect, low, high = (data[c].to_numpy(float) for c in ("start", "effect", "low", "high"))
    first, last = start[0], start[-1] + effect[-1]
    colours = [UP if change > 0 else DOWN for change in effect]
    faces = [c if clear else "white" for c, clear in zip(colours, data["clear"], strict=True)]
    ax.barh(rows, effect, 0.62, left=start, color=faces, edgecolor=colours)
    ax.hlines(rows, start + low, start + high, color="black", lw=1.1, zorder=3)
    tops = np.arange(len(data) + 1)
    ax.vlines([*start, last], tops, tops + 1, color=FLAT, lw=0.7, zorder=0)
    ax.plot([first, last], [0, len(data) + 1], "D", color="black", ms=6)
    reach = np.max([start, start + effect, start + high], axis=0)
    texts = [_text(total, first), *(_text(form, change) for change in effect), _text(total, last)]
    for place, (tip, text) in enumerate(zip([first, *reach, last], texts, strict=True)):
        _beside(ax, tip, place, text)
    least = min(first, last, *start, *(start + low))
    most = max(first, last, *reach)
    ax.set_xlim(least - 0.2 * (most - least), most + 0.15 * (most - least))
    labels = [between[0], *(named.get(step, str(step)) for step in data["step"]), between[1]]
    return _rows(ax, dict(enumerate(labels)), label)


def heat(
    table: pd.DataFrame, *, span: tuple[float, float] | None = None, form: str = "{:.2f}",
    bold: pd.DataFrame | None = None, size: float = 8, ax: Axes | None = None, **options: Any,
) -> Axes:  # fmt: skip
    """Heat map of a table, rows from the top, with its numbers in the format `form`, if any.

    `span` are the values at the ends of the colours, `bold` says which numbers are bold, `size` is
    theirs in points; `options` are for ``Axes.imshow``.

    >>> ax = heat(pd.DataFrame({"10": [1.0], "20": [-1.0]}, ["net"]), form="{:+.0f}")
    >>> [text.get_text() for text in ax.texts]
    ['+1', '−1']
    """
    ax = ax or _axes(0.8 + 0.35 * len(table))
    ends: dict[str, Any] = {"vmin": span[0], "vmax": span[1]} if span else {}
    image = ax.imshow(table, **({"cmap": "PuOr", "aspect": "auto"} | ends | options))
    for (row, column), value in np.ndenumerate(table.to_numpy()) if form else ():
        thick = bold is not None and bold.iloc[row, column]
        ax.text(column, row, _text(form, value), ha="center", va="center", fontsize=size,
                color=_ink(image.to_rgba(value)), weight="bold" if thick else "normal")  # fmt: skip
    ax.set_xticks(range(table.shape[1]), table.columns)
    ax.set_yticks(range(len(table)), table.index)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def over_levels(matrix: npt.ArrayLike, *, ax: Axes | None = None, **options: Any) -> Axes:
    """Matrix over pairs of levels, the first upwards; `options` are for ``Axes.imshow``.

    >>> over_levels(np.eye(256)).get_xlabel()
    'level (0–255)'
    """
    ax = ax or _axes(4.0)
    usual: dict[str, Any] = {"origin": "lower", "cmap": "cividis", "rasterized": True}
    ax.imshow(matrix, **(usual | options))
    ticks, label = [0, 128, 255], "level (0–255)"
    ax.set(xticks=ticks, yticks=ticks, xlabel=label, ylabel=label)
    ax.label_outer()
    return ax


def strip(
    pictures: Mapping[str, npt.ArrayLike], axes: Iterable[Axes] | None = None, *,
    inside: bool = True, xlabel: str = "time (s)", ylabel: str = "frequency (kHz)", **options: Any,
) -> list[Axes]:  # fmt: skip
    """Strip of images side by side, low frequencies below, each named in its corner or above.

    Images, of shape (rows, columns[, 3]), are gray from 0 to 1 unless `options`, for
    ``Axes.imshow``, say otherwise; ``extent`` gives the axes' units. Without labels: no ticks.

    >>> axes = strip({"gray": np.eye(4), "R of jet": np.eye(4)}, extent=(0, 1, 0, 2))
    >>> [ax.get_ylabel() for ax in axes]
    ['frequency (kHz)', '']
    """
    if axes is None:
        axes = plt.subplots(1, len(pictures), figsize=(_WIDTH, 2.2), squeeze=False)[1][0]
    panels = list(axes)
    usual: dict[str, Any] = {"origin": "lower", "aspect": "auto", "rasterized": True}
    options = usual | {"cmap": "gray", "vmin": 0, "vmax": 1} | options
    for ax, (name, picture) in zip(panels, pictures.items(), strict=True):
        ax.imshow(picture, **options)
        ax.set_xlabel(xlabel)
        if inside:
            ax.text(0.96, 0.95, name, transform=ax.transAxes, ha="right", va="top", fontsize=7.5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
        else:
            ax.set_title(name, fontsize=8.5)
        if not xlabel and not ylabel:
            ax.set(xticks=[], yticks=[])
        elif ax is panels[0]:
            ax.set_ylabel(ylabel)
        else:
            ax.tick_params(labelleft=False)
    return panels


def colour_strips(tables: Mapping[str, npt.ArrayLike], *, ax: Axes | None = None) -> Axes:
    """Draw the colours of each table over the levels, one strip below the other.

    >>> ax = colour_strips({"gray": np.linspace(0, 1, 256)[:, None].repeat(3, axis=1)})
    >>> ax.get_xlabel(), ax.get_yticklabels()[0].get_text()
    ('level (0–255)', 'gray')
    """
    ax = ax or _axes(0.6 + 0.2 * len(tables))
    pictures = np.stack([np.asarray(table) for table in tables.values()])
    extent = (0, 255, len(tables) - 0.5, -0.5)
    ax.imshow(pictures, aspect="auto", extent=extent, rasterized=True)
    for place in range(1, len(tables)):
        ax.axhline(place - 0.5, color="white", lw=1.5)
    ax.set(xticks=[0, 255], xlabel="level (0–255)")
    ax.set_yticks(range(len(tables)), list(tables), fontsize=7)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def key(
    figure: Figure, looks: Looks, *, filled: str = "", tick: str = "", columns: int = 0, **how: Any
) -> Legend:
    """Key above a figure: each series, then what a filled marker and a tick mean, if any.

    >>> ax = _axes(2.0)
    >>> shown = key(ax.figure, looks(["jet"]), tick="training set")
    >>> [text.get_text() for text in shown.get_texts()]
    ['jet', 'training set']
    """
    meanings = {Look(filled, "0.4", "o", ""): filled, Look(tick, "0.4", "|", ""): tick}
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, ls=look.line, ms=5, label=look.label)
        for look in (*looks.values(), *(look for look, meaning in meanings.items() if meaning))
    ]
    usual: dict[str, Any] = {"loc": "outside upper center", "fontsize": 7.5, "columnspacing": 1.2}
    return figure.legend(handles=handles, ncols=columns or len(handles), **(usual | how))


def colour_bar(
    axes: Axes | Sequence[Axes], label: str, ticks: Mapping[float, str] | None = None, **how: Any
) -> None:
    """Colour bar of the last image of the first axes, beside all of them, with given ticks.

    >>> ax = over_levels(np.eye(256))
    >>> colour_bar(ax, "kernel (dimensionless)", {0: "none", 1: "all"})
    >>> [axes.get_ylabel() for axes in ax.figure.axes]
    ['level (0–255)', 'kernel (dimensionless)']
    """
    every = [axes] if isinstance(axes, Axes) else list(axes)
    bar = every[0].figure.colorbar(every[0].images[-1], ax=every, label=label, **how)
    if ticks:
        bar.set_ticks(list(ticks), labels=list(ticks.values()))


def plain_ticks(axis: Axis, ticks: Mapping[float, str] | Iterable[float]) -> None:
    """Plain numbers, or given texts, at a few places of a logarithmic axis, and no ticks between.

    >>> ax = _axes(2.0)
    >>> ax.set_xscale("log")
    >>> plain_ticks(ax.xaxis, [300, 1000])
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['300', '1,000']
    """
    texts = ticks if isinstance(ticks, Mapping) else {tick: f"{tick:,g}" for tick in ticks}
    axis.set_ticks(list(texts), list(texts.values()))
    axis.set_minor_locator(NullLocator())


def _named(names: Names) -> dict[Any, str]:
    return dict(names) if isinstance(names, Mapping) else {name: str(name) for name in names}


def _series(
    data: pd.DataFrame, hue: str | None, shown: Looks | None
) -> Iterator[tuple[Look, pd.DataFrame]]:
    """Each series' look and its rows: in the order of the looks, or as they come."""
    if hue is None:
        only = next(iter(shown.values())) if shown else Look("", COLOURS[0])
        yield only, data
        return
    shown = shown or looks(data[hue].unique(), markers="osD^vPX")
    for name, look in shown.items():
        if (part := data[data[hue] == name]).size:
            yield look, part


def _placed(
    data: pd.DataFrame, row: str, hue: str | None, named: Mapping[Any, str], shown: Looks | None,
    spread: float,
) -> Iterator[tuple[Look, pd.DataFrame, npt.NDArray[np.float64]]]:  # fmt: skip
    """Each series' look, its rows, and their heights: the series share `spread` of a row."""
    series = list(_series(data, hue, shown))
    places = {name: place for place, name in enumerate(named)}
    for index, (look, part) in enumerate(series):
        part = part[part[row].isin(list(named))]
        shift = spread * ((index + 0.5) / len(series) - 0.5)
        yield look, part, part[row].map(places).to_numpy(float) + shift


def _rows(ax: Axes, named: Mapping[Any, str], label: str) -> Axes:
    """Name the rows from the top, and the axis of values."""
    ax.set_yticks(range(len(named)), list(named.values()))
    ax.set_ylim(len(named) - 0.5, -0.5)
    if label:
        ax.set_xlabel(label)
    return ax


def _axes(height: float) -> Axes:
    return plt.subplots(figsize=(_WIDTH, height))[1]


def _beside(ax: Axes, x: float, y: float, text: str) -> None:
    ax.annotate(text, (x, y), (7, 0), textcoords="offset points", va="center", fontsize=8)


def _text(form: str, value: float) -> str:
    """Format a number with a true minus, and without a sign where it rounds to zero."""
    text = form.format(value)
    if not any(digit in text for digit in "123456789"):
        text = text.replace("-", "").replace("+", "")
    return text.replace("-", "−")


def _ink(colour: Any) -> str:
    """Black or white, whichever reads better on a colour."""
    return "white" if np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) < 0.5 else "black"
