"""Units: what an axis that shows numbers must say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure

#: Units, one of which an axis' label has in parentheses: "energy (dB)", "error (levels, rms)".
UNITS = (
    *("%", "points", "percentage points", "share", "class", "full scale", "dimensionless"),
    *("dB", "Hz", "kHz", "ms", "s", "min", "kB", "bytes", "bits", "nats", "epochs", "neurons"),
    *("level", "levels", "1/255", "1/pixel", "ΔE'", "1 / time unit", "learning rate × steps"),
    *("networks · steps / s", "thousands of squared feature units"),
    *(r"\d+–\d+", r"of \d+", r"[^()]+ = 1"),  # a range, a whole, what a ratio is to
)

_WITH_UNIT = re.compile(rf"^number\b|\((?:{'|'.join(UNITS)})(?!\w)", re.M)


def without_unit(fig: Figure) -> list[str]:
    """Name the axes, colour bars included, that show numbers and do not say of what.

    An axis may leave that to the figure's common label, or to a neighbour with the same limits in
    its column or row. Ticks that are names (classes, encodings) need no unit.

    >>> fig = Figure()
    >>> axes = fig.subplots()
    >>> _ = axes.set(xlabel="time (s)", ylabel="energy")
    >>> without_unit(fig)
    ["y 'energy'"]
    """
    every = [each for ax in fig.axes for each in (ax, *ax.child_axes)]
    shown = [ax for ax in every if ax.axison or ax.name == "3d"]  # these turn the plane's axes off
    return [
        f"{name} {axis.get_label_text()!r}"
        for ax in shown
        for name, axis in _directions(ax).items()
        if _has_numbers(axis)
        and not any(_WITH_UNIT.search(label) for label in _labels(ax, name, shown))
    ]


def _directions(ax: Any) -> dict[str, Any]:
    names = [name for name in "xyz" if hasattr(ax, f"{name}axis")]
    return {name: getattr(ax, f"{name}axis") for name in names}


def _has_numbers(axis: Any) -> bool:
    """Whether some tick's label is a number, such as "10", "−5" or a power of ten."""
    texts = [tick.get_text() for tick in axis.get_ticklabels(which="both")]
    powers = [re.sub(r"\\mathdefault|\\times|\^|[${}]", "", text) for text in texts]
    return axis.get_visible() and any(re.fullmatch(r"[-−]?[\d.,]+", text) for text in powers)


def _labels(ax: Any, name: str, shown: list[Any]) -> Iterator[str]:
    """Labels that speak for an axis: its own, the figure's, a like neighbour's."""
    yield _directions(ax)[name].get_label_text()
    for figure in (ax.figure, ax.get_figure(root=True)):
        yield {"x": figure.get_supxlabel, "y": figure.get_supylabel}.get(name, str)()
    axis = _directions(ax)[name]
    for other in (_directions(one).get(name) for one in shown if _in_line(ax, one)):
        if other and (axis.get_view_interval() == other.get_view_interval()).all():
            yield other.get_label_text()


def _in_line(ax: Any, other: Any) -> bool:
    """Whether two axes stand in one row or column of a grid."""
    one, two = ax.get_subplotspec(), other.get_subplotspec()
    if not (one and two and one.get_gridspec() is two.get_gridspec()):
        return False
    return bool(set(one.rowspan) & set(two.rowspan) or set(one.colspan) & set(two.colspan))
