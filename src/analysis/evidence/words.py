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


def intervals(table: pd.DataFrame) -> list[str]:
    """Write each row's ``difference`` with its ends ``low`` and ``high``, as `interval` does.

    >>> intervals(pd.DataFrame({"difference": [0.01], "low": [-0.02], "high": [0.04]}))
    ['+1.0 [−2.0, +4.0]']
    """
    return [interval(*ends) for ends in table[["difference", "low", "high"]].to_numpy(float)]


def tally(rows: pd.DataFrame) -> str:
    """Say how many of some comparisons (`contrasts.corrected`) are surely better, or worse.

    >>> tally(pd.DataFrame({"decided": [1, 0, 0]}))
    'surely better in 1 of 3, surely worse in none'
    """
    better, worse = (int((rows.decided == way).sum()) or "none" for way in (1, -1))
    return f"surely better in {better} of {len(rows)}, surely worse in {worse}"
