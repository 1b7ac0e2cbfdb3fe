"""Colormaps from few knots: time and error beside pwlf and a plain dynamic program."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.colour.colormaps import lut
from analysis.relu import piecewise
from analysis.timing.timings import Row
from benchmarks.harness import Contender, Effort, compare, copying, ours, peer

TITLE = "Colormaps from few knots"
PEERS = ("pwlf",)

Floats = NDArray[np.float64]


def plain(table: Floats, size: int) -> tuple[int, ...]:
    """Find knots by the textbook's dynamic program: vertices on the curve, least largest error.

    ``best[k, j]`` is the least error up to level j with k pieces; each piece is a chord.
    """
    levels = len(table)
    chord = np.full((levels, levels), np.inf)
    for i in range(levels - 1):
        for j in range(i + 1, levels):
            share = np.arange(j - i + 1)[:, None] / (j - i)
            straight = table[i] + share * (table[j] - table[i])
            chord[i, j] = np.abs(table[i : j + 1] - straight).max()
    best, come_from = chord[0], []
    for _ in range(size):
        total = np.maximum(best[:, None], chord)
        come_from.append(total.argmin(0))
        best = total.min(0)
    knots, at = [], levels - 1
    for previous in reversed(come_from):
        at = int(previous[at])
        knots.append(at)
    return tuple(sorted({knot for knot in knots if 0 < knot < levels - 1}))


def chord_error(table: Floats, knots: tuple[int, ...]) -> float:
    """Largest error of the chords between knots, in 1/255."""
    places = [0, *knots, len(table) - 1]
    levels = np.arange(len(table))
    drawn = np.stack([np.interp(levels, places, column[places]) for column in table.T], axis=1)
    return float(np.abs(drawn - table).max() * 255)


def by_pwlf(channel: Floats, size: int, fast: bool) -> float:
    """Fit with pwlf; returns the largest error in 1/255."""
    pwlf = peer("pwlf")
    assert pwlf is not None
    levels = np.arange(float(len(channel)))
    model = pwlf.PiecewiseLinFit(levels, channel, seed=0)
    (model.fitfast if fast else model.fit)(size + 1)
    return float(np.abs(model.predict(levels) - channel).max() * 255)


def field(table: Floats, size: int, effort: Effort) -> list[Contender]:
    """Contenders on one table; pwlf knows one channel."""
    fit = piecewise.best_fit(table, size, gap=0.1)
    chords = chord_error(table, plain(table, size))
    found = [
        ours(
            lambda: piecewise.best_fit(table, size, gap=0.1),
            knots=size, **{"largest error (1/255)": fit.error, "not below": fit.lower_bound},
        ),
        Contender(
            "plain dynamic program", lambda: plain(table, size),
            details={"knots": size, "largest error (1/255)": chords},
        ),
    ]  # fmt: skip
    if peer("pwlf") and table.shape[1] == 1:
        for name, fast in (("pwlf fitfast", True), ("pwlf fit", False)):
            if fast or (size == 2 and not effort.small):  # global search takes its time
                error = by_pwlf(table[:, 0], size, fast)
                found.append(
                    Contender(
                        name, lambda fast=fast: by_pwlf(table[:, 0], size, fast),  # type: ignore[misc]
                        details={"knots": size, "largest error (1/255)": error},
                    )
                )  # fmt: skip
    # One look at a tolerance fills a table of all pairs of levels for each of twelve bounds.
    traffic = 12 * 8.0 * len(table) ** 2 * table.shape[1] / 2
    return [*found, copying(traffic, 1.0, effort)]


def measure(effort: Effort) -> list[Row]:
    """Fit one channel and all three, few knots and more."""
    few = Effort(min(effort.rounds, 5), effort.small)
    table = lut("viridis")[:: 16 if effort.small else 1]
    found: list[Row] = []
    for size in (2,) if effort.small else (2, 4):
        found += compare(f"red, {size} knots", "fits", field(table[:, :1], size, few), few)
    for size in (2,) if effort.small else (4, 8):
        found += compare(f"three channels, {size} knots", "fits", field(table, size, few), few)
    return found
