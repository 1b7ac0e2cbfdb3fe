"""Explorers: figures that the reader moves, in the page, without a kernel.

A chapter's cell hands over data that it has computed; the output is one HTML element with a static
text and a table, which is what Jupyter shows and what readers without JavaScript see, and the data
as JSON. On the book's pages a small script (``book/_static/explorers``) puts controls in its place.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.relu.piecewise import ReLUColormap

#: The explorers that there are scripts for.
NAMES = ("contrast", "dice", "drop", "jpeg", "neuron", "plane", "relu", "verdict")

#: Steps in 1/255 in which `relu` writes colours: finer than any byte can show.
_SCALE = 256


@dataclass(frozen=True)
class Explorer:
    """An explorer as a notebook's output: its element, and the static text alone."""

    html: str
    summary: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.summary}


def explorer(
    name: str, data: Mapping[str, Any], *, label: str, summary: str, table: pd.DataFrame
) -> Explorer:
    """Wrap data, and what stands in for the explorer where no script runs.

    Parameters
    ----------
    name : str
        One of `NAMES`: ``book/_static/explorers/NAME.js`` draws it.
    data : mapping
        Plain values for JSON, nothing NaN or infinite; and arrays, whose bytes become base64.
    label : str
        Name of the region, for screen readers.
    summary, table : str, DataFrame
        What there is to see, and a few of the explorer's results.

    Examples
    --------
    >>> shown = explorer("plane", {"n": 1}, label="x", summary="y", table=pd.DataFrame({"a": [1]}))
    >>> "data-explorer=" in shown.html
    True
    """
    if name not in NAMES:
        raise ValueError(f"no explorer {name!r}; have {', '.join(NAMES)}")
    if not label.strip() or not summary.strip() or table.empty:
        raise ValueError(f"{name}: an explorer needs a label, a summary and a table without script")
    text = json.dumps(
        data, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_base64
    )
    text = text.replace("</", "<\\/")  # nothing within may end the element
    rows = table.to_html(border=0, index_names=False)
    lines = [
        f'<section class="explorer" data-explorer="{name}" aria-label="{html.escape(label)}">',
        f'<div class="explorer-static"><p>{html.escape(summary)}</p>',
        re.sub(r' style="[^"]*"', "", rows),  # a strict policy forbids inline styles
        "</div>",
        f'<script type="application/json">{text}</script>',
        "</section>",
    ]
    return Explorer("\n".join(lines), summary)


def _base64(values: NDArray[Any]) -> str:
    """Bytes of an array, row by row, as a script takes them back."""
    return base64.b64encode(values.tobytes()).decode("ascii")


def _packed(tables: Sequence[ArrayLike]) -> NDArray[np.uint8]:
    """Tables of 256 colours, one after the other."""
    array = np.asarray(tables)
    if array.dtype != np.uint8 or array.shape[1:] != (256, 3):
        raise ValueError(f"tables must be uint8 (256, 3) each, not {array.dtype} {array.shape[1:]}")
    return array


def _runs(pattern: ArrayLike) -> list[list[int]]:
    """First and last level of each run of true."""
    steps = np.diff(np.pad(np.asarray(pattern, np.int8), 1))
    first, last = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1
    return [[int(a), int(b)] for a, b in zip(first, last, strict=True)]


def _maps(tables: Mapping[str, NDArray[np.uint8]]) -> dict[str, Any]:
    """Colormaps that can be chosen."""
    return {"names": list(tables), "tables": _packed(list(tables.values()))}


def _coder(transform: NDArray[np.int64], steps: NDArray[np.int64]) -> dict[str, Any]:
    """Hand over what the page's codec calculates with; it shows losses four times as strong."""
    return {"transform": transform.reshape(-1).tolist(), "steps": steps.tolist(), "gain": 4}


def _choices(
    tables: Mapping[str, NDArray[np.uint8]], patterns: Mapping[str, ArrayLike], pattern: str
) -> dict[str, Any]:
    """Colormaps and patterns that can be chosen, and the pattern that is wanted first."""
    return _maps(tables) | {
        "presets": [[name, _runs(levels)] for name, levels in patterns.items()],
        "want": pattern,
    }


def _levels(picture: NDArray[np.uint8]) -> dict[str, Any]:
    """Hand over a picture's levels, with its size."""
    if picture.dtype != np.uint8 or picture.ndim != 2:
        raise ValueError(f"the picture must be uint8 (height, width), not {picture.dtype}")
    return {"picture": picture, "height": picture.shape[0], "width": picture.shape[1]}


def neuron(
    tables: Mapping[str, NDArray[np.uint8]],
    patterns: Mapping[str, ArrayLike],
    *,
    pattern: str,
    accuracies: pd.DataFrame,
) -> Explorer:
    """Train a step neuron in the page, on gray (first) and on two colormaps side by side.

    Parameters
    ----------
    tables : mapping of str to ndarray of uint8, shape (256, 3)
        Colours of the arms.
    patterns : mapping of str to array_like of bool, shape (256,)
        Patterns that can be learned; first `pattern`.
    accuracies : DataFrame
        Static table: what each arm reaches.
    """
    data = _choices(tables, patterns, pattern) | {"rate": 1.0, "momentum": 0.9}
    return explorer(
        "neuron",
        data,
        label="Explorer: a neuron learns, on gray and on colours",
        summary=(
            "On the book's page, with JavaScript, you can train one neuron here on the 256 levels, "
            "as gray and as colours, and see which it gets right. The table has the most that any "
            "plane gets right, in per cent."
        ),
        table=accuracies,
    )


def plane(
    tables: Mapping[str, NDArray[np.uint8]],
    patterns: Mapping[str, ArrayLike],
    *,
    colormap: str,
    pattern: str,
    view: tuple[float, float],
    margins: pd.DataFrame,
    picture: NDArray[np.uint8] | None = None,
    heard: str = "",
) -> Explorer:
    """Turn a plane through the colours of the levels.

    Parameters
    ----------
    tables : mapping of str to ndarray of uint8, shape (256, 3)
        Colours of each colormap, as `colormaps.lut8` gives them.
    patterns : mapping of str to array_like of bool, shape (256,)
        Patterns that the reader can ask for by name.
    colormap, pattern, view : str, str, (float, float)
        What is shown first; the view's azimuth and elevation are in degrees.
    margins : DataFrame
        Static table: margins of the patterns, in 1/255.
    picture : ndarray of uint8, shape (height, width), optional
        Levels of a spectrogram, low frequencies first: its pixels light up where the neuron fires.
    heard : str
        What the picture is, and its axes.
    """
    for name, known in ((colormap, tables), (pattern, patterns)):
        if name not in known:
            raise ValueError(f"{name!r} is not among {', '.join(known)}")
    data = _choices(tables, patterns, pattern) | {
        "colormap": colormap,
        "view": [round((view[0] + 180) % 360 - 180, 2), round(view[1], 2)],
    }
    if picture is not None:
        data |= _levels(picture) | {"heard": heard}
    return explorer(
        "plane",
        data,
        label="Explorer: a plane through the colours of the levels",
        summary=(
            "On the book's page, with JavaScript, you can turn a plane through the colours of a "
            "colormap's 256 levels here, and see which levels fire. The table has the best "
            "margins, in 1/255, with which a plane makes a pattern; a dash means that none does."
        ),
        table=margins,
    )


def relu(
    tables: Mapping[str, NDArray[np.float64]],
    fits: Mapping[str, Sequence[ReLUColormap]],
    *,
    colormap: str,
    size: int,
    errors: pd.DataFrame,
) -> Explorer:
    """Choose the number of ReLUs of a colormap, first `size` of `colormap`, and move its knots.

    Parameters
    ----------
    tables : mapping of str to ndarray, shape (256, 3)
        The colormaps, in [0, 1]: `colormaps.lut`.
    fits : mapping of str to sequence of ReLUColormap
        Best fits of each; every colormap has the same sizes. Knots lie on levels.
    errors : DataFrame
        Static table: errors by size, in 1/255.
    """
    sizes = [len(fit.knots) for fit in next(iter(fits.values()))]
    if any([len(fit.knots) for fit in row] != sizes for row in fits.values()):
        raise ValueError(f"every colormap needs fits of the sizes {sizes}")
    if colormap not in fits or size not in sizes:
        raise ValueError(f"{colormap!r} with {size} ReLUs is not among the fits")
    exact = np.stack([tables[name] for name in fits]) * 255
    rest = np.clip(np.rint((exact - np.rint(exact)) * _SCALE), -_SCALE // 2, _SCALE // 2 - 1)
    fine = (np.rint(exact) * _SCALE + rest).astype("<u2")  # so that it rounds to the same bytes
    data = {
        "tables": fine,
        "fits": {name: _fits(row) for name, row in fits.items()},
        "scale": _SCALE,
        "sizes": sizes,
        "colormap": colormap,
        "size": size,
    }
    return explorer(
        "relu",
        data,
        label="Explorer: a colormap as a layer of ReLUs",
        summary=(
            "On the book's page, with JavaScript, you can choose a colormap and a number of ReLUs "
            "here, drag its knots, and see its channels and colours beside the best fit. The table "
            "has the least errors, in 1/255, by number of ReLUs."
        ),
        table=errors,
    )


def _fits(row: Sequence[ReLUColormap]) -> dict[str, Any]:
    """Fits of one colormap, less the colours, which the script finds itself."""
    return {
        "knots": [[int(knot) for knot in fit.knots] for fit in row],
        "errors": [round(float(fit.error), 4) for fit in row],
        "bounds": [round(float(fit.lower_bound), 4) for fit in row],
    }


def jpeg(
    picture: NDArray[np.uint8],
    tables: Mapping[str, NDArray[np.uint8]],
    sizes: Mapping[str, Sequence[int]],
    curves: pd.DataFrame,
    *,
    colormap: str,
    transform: NDArray[np.int64],
    steps: NDArray[np.int64],
    decibels: float,
    axes: str,
) -> Explorer:
    """Choose the map, the chroma and the quality of a JPEG, first Pillow's defaults.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width)
        Levels, the first row on top.
    tables : mapping of str to ndarray of uint8, shape (256, 3)
        The colormaps, first gray, which is written as one channel.
    sizes : mapping of str to sequence of int
        Bytes of the file at the qualities 1 to 100, of "gray" and, say, of "viridis 4:2:0".
    curves : DataFrame
        Of some qualities (``setting``), each such ``coder``'s ``error``, in dB.
    transform, steps : ndarray of int, shapes (8, 8) and (2, 64)
        The codec's cosine transform, and the standard's steps at quality 50.
    decibels : float
        What a level stands for.
    axes : str
        One sentence: what the picture's axes are.
    """
    errors = curves.pivot_table(index="setting", columns="coder", values="error")[list(sizes)]
    if any(len(size) != 100 for size in sizes.values()) or errors.isna().any(axis=None):
        raise ValueError("each way of saving needs 100 sizes, and errors of the same qualities")
    arms = {
        arm: {"bytes": list(sizes[arm]), "error": errors[arm].round(5).tolist()} for arm in sizes
    }
    data = {
        "colormap": colormap,
        "arms": arms,
        "qualities": errors.index.tolist(),
        "quality": 75,
        "step": decibels,
        "axes": axes,
    }
    return explorer(
        "jpeg",
        data | _levels(picture) | _maps(tables) | _coder(transform, steps),
        label="Explorer: a coloured spectrogram through JPEG",
        summary=(
            "On the book's page, with JavaScript, you can choose a colormap, chroma and quality "
            "of a JPEG here and see its codes and the levels read back. The table has the "
            "root-mean-square errors of those levels, in dB."
        ),
        table=errors.map("{:.2f}".format).rename("quality {}".format).rename_axis(None, axis=1),
    )


def drop(
    waveform: NDArray[np.float32],
    sample_rate: int,
    tables: Mapping[str, NDArray[np.uint8]],
    *,
    colormap: str,
    frames: tuple[int, int],
    transform: NDArray[np.int64],
    steps: NDArray[np.int64],
    heard: str,
    losses: pd.DataFrame,
) -> Explorer:
    """Save a recording or a picture of the reader's own as an image; first `waveform`.

    Parameters
    ----------
    waveform : ndarray of float, shape (samples,)
        The example, which is handed over as a WAV of 16 bits; 1 is full scale.
    tables : mapping of str to ndarray of uint8, shape (256, 3)
        The colormaps, first gray, which is written as one channel.
    frames : (int, int)
        Samples of a window, even, and from one to the next.
    transform, steps : ndarray of int, shapes (8, 8) and (2, 64)
        As of `jpeg`, the steps of luma and chroma.
    heard : str
        What the example is, and its axes.
    losses : DataFrame
        Static table: what some ways of saving lose.
    """
    if colormap not in tables or next(iter(tables)) != "gray":
        raise ValueError(f"the maps need gray first, and {colormap!r}: have {', '.join(tables)}")
    data = {
        "colormap": colormap,
        "example": base64.b64encode(_wav(waveform, sample_rate)).decode("ascii"),
        "window": frames[0],
        "hop": frames[1],
        "heard": heard,
    }
    return explorer(
        "drop",
        data | _maps(tables) | _coder(transform, steps),
        label="Explorer: your spectrogram, saved as an image and read back",
        summary=(
            "On the book's page, with JavaScript, you can drop a picture or a recording of your "
            "own here, save it as an image and see what is lost. It is sent nowhere. The table "
            "has the errors of the levels read back, for the book's own example."
        ),
        table=losses,
    )


def _wav(waveform: NDArray[np.float32], sample_rate: int) -> bytes:
    """Write 16-bit PCM."""
    file = io.BytesIO()
    samples = np.rint(np.clip(waveform, -1, 1) * 32767).astype(np.int16)
    soundfile.write(file, samples, sample_rate, format="WAV")
    return file.getvalue()


def dice(
    runs: Mapping[str, ArrayLike], *, arm: str, margin: float, chances: pd.DataFrame
) -> Explorer:
    """Deal runs of one arm to two, which are the same, and see a winner come and go.

    Parameters
    ----------
    runs : mapping of str to array_like of float
        Scores by the name of a task and net: four at least, that differ in the seed alone.
    arm : str
        What the runs are of.
    margin : float
        The lead that counts as a win.
    chances : DataFrame
        Static table: how often one run each names a winner.
    """
    cells = {name: np.asarray(scores, np.float64).tolist() for name, scores in runs.items()}
    if min(map(len, cells.values()), default=0) < 4:
        raise ValueError("every net needs four runs at least")
    pairs = max(map(len, cells.values())) // 2
    quantiles = [float(stats.t.ppf(0.975, freedom)) for freedom in range(1, pairs)]
    return explorer(
        "dice",
        {"cells": cells, "arm": arm, "margin": margin, "quantiles": quantiles},
        label="Explorer: a winner by chance",
        summary=(
            "On the book's page, with JavaScript, you can deal runs of one and the same net to two "
            "arms here, and see a winner come and go. The table has the chance that two runs are a "
            "point or more apart."
        ),
        table=chances,
    )


def verdict(
    evidence: Mapping[str, Any],
    rows: Mapping[str, tuple[str, str]],
    *,
    row: str,
    margin: float,
    tasks: Mapping[str, str],
    nets: Mapping[str, str],
) -> Explorer:
    """Read verdicts anew under the reader's own margin, seeds, correction and interval.

    Parameters
    ----------
    evidence : mapping
        What `comparisons.breaking.what_verdicts_rest_on` gives.
    rows : mapping of str to (str, str)
        By the names that the script's rules have: what the claim says, and the book's verdict.
    row : str
        The one that is shown first.
    margin : float
        The book's, and one of those on offer.
    tasks, nets : mapping of str to str
        What tasks and nets are called.
    """
    margins = (0.0025, 0.005, 0.01, 0.02, 0.03)
    if margin not in margins or row not in rows:
        raise ValueError(f"the margin must be among {margins}, and {row!r} among {tuple(rows)}")
    data = dict(evidence) | {
        "rows": [{"id": name, "label": said} for name, (said, _) in rows.items()],
        "row": row,
        "margin": margin,
        "margins": margins,
        "tasks": dict(tasks),
        "nets": dict(nets),
    }
    return explorer(
        "verdict",
        data,
        label="Explorer: verdicts under other choices",
        summary=(
            "On the book's page, with JavaScript, you can choose another margin, half of the "
            "seeds, another correction and another interval here, and see which verdicts break. "
            "The table has the book's own."
        ),
        table=pd.DataFrame(rows.values(), columns=["claim", "verdict"]).set_index("claim"),
    )
