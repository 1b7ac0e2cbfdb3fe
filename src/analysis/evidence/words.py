"""Differences of scores in words: percentage points, intervals, tallies of decided comparisons."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def listed(words: Iterable[str], none: str = "none") -> str:
    """List words as people do, each once.

    >>> listed(["jet", "turbo", "jet", "magma"]), listed([])
    ('jet, turbo and magma', 'none')
    """
    *most, last = dict.fromkeys(words) or [none]
    return f"{', '.join(most)} and {last}" if most else last


def points(value: float) -> str:
    """Write a difference of scores (a fraction) in percentage points, with a true minus.

    >>> points(0.0123), points(-0.0001)
    ('+1.2', '+0.0')
    """
    return f"{round(100 * value, 1) + 0:+.1f}".replace("-", "−")


def interval(estimate: float, low: float, high: float) -> str:
    """Write an estimate and its interval in `points`.

    >>> interval(0.01, -0.02, 0.04)
    '+1.0 [−2.0, +4.0]'
    """
    return f"{points(estimate)} [{points(low)}, {points(high)}]"


def tally(rows: pd.DataFrame, margin: float) -> str:
    """Count comparisons (`contrasts.corrected`) that are decided, surely small, or undecided.

    >>> tally(pd.DataFrame({"decided": [1, 0, 0], "high": [0.2, 0.005, 0.2]}), margin=0.01)
    '1 better, 0 worse, 1 surely not 1 point better, 1 undecided'
    """
    small = (rows.decided == 0) & (rows.high < margin)
    counts = {"better": (rows.decided == 1).sum(), "worse": (rows.decided == -1).sum()}
    counts[f"surely not {100 * margin:.0f} point better"] = small.sum()
    counts["undecided"] = ((rows.decided == 0) & ~small).sum()
    always = ("better", "worse")
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count or name in always)
