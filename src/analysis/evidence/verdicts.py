"""One ladder from answers to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analysis.evidence.statistics import Interval

#: What a claim can be found to do.
VERDICTS = ("holds", "holds with limits", "fails", "undecided")


def by_answers(answers: Iterable[str], yes: str = "yes", no: str = "no") -> str:
    """Read a verdict off answers, one a cell: for a claim (`yes`), against it (`no`), or open.

    All for it: holds. All against: fails. Both occur: holds with limits. Else a side is called only
    if more than half of the answers are its own: holds with limits, or fails. Otherwise undecided.

    >>> by_answers(["yes", "yes"]), by_answers(["yes", "no"]), by_answers(["yes", "-", "-"])
    ('holds', 'holds with limits', 'undecided')
    """
    given = list(answers)
    ayes, noes = given.count(yes), given.count(no)
    if ayes and noes:
        return "holds with limits"
    if ayes and ayes == len(given):
        return "holds"
    if 2 * ayes > len(given):
        return "holds with limits"
    return "fails" if 2 * noes > len(given) else "undecided"


def by_margin(table: pd.DataFrame, margin: float) -> list[str]:
    """Answer for each contrast (`contrasts.corrected`) whether it is better.

    "yes" where better after correction; "no" where worse, or surely less than `margin`, the least
    difference worth having, better; else "-".

    >>> by_margin(pd.DataFrame({"decided": [1, 0, 0], "high": [2.0, 0.5, 2.0]}), margin=1.0)
    ['yes', 'no', '-']
    """
    against = (table.decided == -1) | (table.high < margin)
    return [str(x) for x in np.where(table.decided == 1, "yes", np.where(against, "no", "-"))]


def graded(parts: Sequence[bool | None]) -> str:
    """Read a verdict off parts of a claim that are true, false or open.

    All true: holds; some: holds with limits; all false: fails; otherwise undecided.

    >>> graded([True, None]), graded([None, False])
    ('holds with limits', 'undecided')
    """
    if not parts:
        return "undecided"
    if all(part is True for part in parts):
        return "holds"
    if any(part is True for part in parts):
        return "holds with limits"
    return "fails" if all(part is False for part in parts) else "undecided"


def surely_above(interval: Interval, above: float = 0.0) -> bool | None:
    """Whether an interval lies above a value; None if it contains it.

    >>> surely_above(Interval(2.0, 1.0, 3.0)), surely_above(Interval(2.0, 1.0, 3.0), above=2.5)
    (True, None)
    """
    return bool(interval.low > above) if interval.low > above or interval.high < above else None
