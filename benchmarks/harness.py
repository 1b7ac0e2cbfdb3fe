"""Contenders that take turns, so that whatever else the machine does hits all of them.

A ratio is the median over rounds of ratios *within* a round. Every round starts with another
contender, so that none always follows the same one.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module, util
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from analysis.performance import OURS, Role, Row


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes
    ----------
    rounds : int
        Turns of every contender.
    small : bool
        Tiny sizes, as the tests use them: the same code, other numbers.
    """

    rounds: int = 9
    small: bool = False


#: For the tests: everything runs, nothing takes long.
SMOKE = Effort(rounds=2, small=True)


@dataclass(frozen=True)
class Contender:
    """Something to be timed.

    Attributes
    ----------
    name : str
        `OURS` for this book's.
    run : callable
        One repetition.
    role : {"ours", "variant", "peer", "limit"}
    amount : float
        Work of one repetition; a slow peer may do less of it than the others.
    details : dict
        What else to store.
    """

    name: str
    run: Callable[[], object]
    role: Role = "peer"
    amount: float = 1.0
    details: Mapping[str, float | str] = field(default_factory=dict)


def ours(run: Callable[[], object], amount: float = 1.0, **details: float | str) -> Contender:
    """Build this book's contender."""
    return Contender(OURS, run, "ours", amount, details)


def peer(name: str) -> ModuleType | None:
    """Import a peer's module, if it is installed."""
    return import_module(name) if util.find_spec(name) else None


def take_turns(field: Sequence[Contender], rounds: int) -> NDArray[np.float64]:
    """Time contenders in turns, after one turn that does not count.

    Returns
    -------
    ndarray of float64, shape (rounds, contenders)
        Seconds.
    """
    for contender in field:
        contender.run()
    seconds = np.empty((rounds, len(field)))
    for i in range(rounds):
        for j in np.roll(np.arange(len(field)), -i):
            start = time.perf_counter()
            field[j].run()
            seconds[i, j] = time.perf_counter() - start
    return seconds


def rows(
    case: str, unit: str, field: Sequence[Contender], seconds: NDArray[np.float64]
) -> list[Row]:
    """Turn times into rows.

    Parameters
    ----------
    case, unit : str
        What is done; what its work is counted in.
    field : sequence of Contender
        Exactly one of them is this book's.
    seconds : ndarray, shape (rounds, contenders)
        From `take_turns`.

    Raises
    ------
    ValueError
        If this book's contender is missing or there are two.
    """
    (own,) = [j for j, contender in enumerate(field) if contender.role == "ours"]
    each = seconds / [contender.amount for contender in field]
    found = []
    for contender, spent, ratio in zip(field, seconds.T, (each / each[:, [own]]).T, strict=True):
        low, middle, high = (float(v) for v in np.percentile(ratio, (25, 50, 75)))
        found.append(
            Row(
                case, contender.name, contender.role, float(np.median(spent)), contender.amount,
                unit, middle, low, high, len(spent), dict(contender.details),
            )
        )  # fmt: skip
    return found


def compare(
    case: str, unit: str, field: Sequence[Contender], effort: Effort, profile: bool = True
) -> list[Row]:
    """Time a field in turns, and profile this book's contender."""
    if not profile:
        return rows(case, unit, field, take_turns(field, effort.rounds))
    (own,) = [contender for contender in field if contender.role == "ours"]
    where = where_time_goes(own.run)
    profiled = [
        Contender(c.name, c.run, c.role, c.amount, {**c.details, **where}) if c is own else c
        for c in field
    ]
    return rows(case, unit, profiled, take_turns(profiled, effort.rounds))


def where_time_goes(run: Callable[[], object]) -> dict[str, float | str]:
    """Profile one repetition: the interpreter's share, and the function that takes longest.

    The profiler slows Python's functions down and compiled ones not, so the interpreter's share is
    an upper bound.
    """
    run()
    profiler = cProfile.Profile()
    profiler.runcall(run)
    own: dict[str, float] = {}
    interpreter = 0.0
    for (file, _, name), (_, _, spent, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        compiled = file == "~"
        label = _label(name) if compiled else "Python's own functions"
        own[label] = own.get(label, 0.0) + spent
        interpreter += 0.0 if compiled else spent
    total = sum(own.values()) or 1.0
    top = max(own, key=lambda label: own[label])
    return {
        "_interpreter": interpreter / total,
        "_top": top,
        "_top_share": own[top] / total,
    }


def _label(name: str) -> str:
    """Shorten ``<method 'sort' of 'numpy.ndarray' objects>`` and ``<built-in method a.b>``."""
    words = name.strip("<>").replace("built-in method ", "").replace("'", "").split()
    if words[0] == "method":
        return f"{words[3]}.{words[1]}"
    return words[-1] if len(words) > 1 else words[0]


class Copy:
    """Copy within memory: the limit of anything that reads and writes as many bytes.

    Parameters
    ----------
    traffic : float
        Bytes read plus bytes written.
    """

    #: Larger than any cache.
    LEAST = 2**28

    def __init__(self, traffic: float, least: int = LEAST) -> None:
        size = max(int(traffic / 2), least)
        self.source, self.target = np.ones(size, np.uint8), np.ones(size, np.uint8)
        self.amount = 2 * size / traffic

    def __call__(self) -> None:
        """Copy once."""
        np.copyto(self.target, self.source)


def copying(traffic: float, amount: float, effort: Effort) -> Contender:
    """Build the limit "a copy of as many bytes" for work that moves `traffic` bytes."""
    copy = Copy(traffic, 2**16 if effort.small else Copy.LEAST)
    return Contender("memory bandwidth", copy, "limit", amount * copy.amount)


def fresh(size: float, amount: float) -> Contender:
    """Build the limit "first touch": new memory for the result, and one value into each place."""
    count = int(size)
    return Contender(
        "first touch of the result", lambda: np.empty(count, np.uint8).fill(1), "limit", amount
    )
