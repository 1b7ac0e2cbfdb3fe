"""Contenders that take turns, so that whatever else the machine does hits all of them.

A ratio is the median over rounds of ratios *within* a round. Every round starts with another
contender, so that none always follows the same one.

The clock is the processor time of this process, which other work on the machine does not add to;
everything runs on one thread, so that on an idle machine it is the time that passes. Only where
several processes are the point is it the time that passes.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, util
from pathlib import Path
from types import FrameType, ModuleType

import numpy as np
from numpy.typing import NDArray

from analysis.timing.timings import OURS, Role, Row
from benchmarks.peers import SOURCES, PeerUnavailable, load


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


def peer(name: str, *, download: bool = True) -> ModuleType | None:
    """Import a peer's module, if it is installed or can be had, see `benchmarks.peers`."""
    if name not in SOURCES:
        return import_module(name) if util.find_spec(name) else None
    try:
        return load(name, download=download)
    except PeerUnavailable:
        return None


def why_absent(name: str) -> str | None:
    """Name a peer that is left out, and why; ``None`` if it takes part."""
    if name not in SOURCES:
        return None if util.find_spec(name) else f"{name} (not installed)"
    try:
        load(name)
    except PeerUnavailable as problem:
        return f"{name} ({problem})"
    return None


Clock = Callable[[], float]


def take_turns(
    field: Sequence[Contender], rounds: int, clock: Clock = time.process_time
) -> NDArray[np.float64]:
    """Time contenders in turns, after one turn that does not count.

    Parameters
    ----------
    field : sequence of Contender
    rounds : int
        Turns of each.
    clock : callable
        `time.process_time` for one thread, `time.perf_counter` for several processes.

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
            start = clock()
            field[j].run()
            seconds[i, j] = clock() - start
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
    case: str,
    unit: str,
    field: Sequence[Contender],
    effort: Effort,
    *,
    profile: bool = True,
    clock: Clock = time.process_time,
) -> list[Row]:
    """Time a field in turns, and profile this book's contender.

    Where a contender starts processes, `clock` has to be `time.perf_counter`.
    """
    if profile:
        (own,) = [contender for contender in field if contender.role == "ours"]
        where = where_time_goes(own.run)
        field = [
            Contender(c.name, c.run, c.role, c.amount, {**c.details, **where}) if c is own else c
            for c in field
        ]
    return rows(case, unit, field, take_turns(field, effort.rounds, clock))


def where_time_goes(run: Callable[[], object]) -> dict[str, float | str]:
    """Profile one repetition: the interpreter's share, and the function that takes longest.

    The interpreter's share is the number of instructions executed times what one takes in a loop of
    operations on arrays of one element, so that NumPy's own dispatch is in it.
    """
    run()
    began = time.process_time()
    run()
    took = time.process_time() - began
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(run)
    own: dict[str, float] = {}
    for (file, _, name), (_, _, spent, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        label = _label(name) if file == "~" else f"{Path(file).stem}.{name}"
        own[label] = own.get(label, 0.0) + spent
    top = max(own, key=lambda label: own[label])
    return {
        "_interpreter": min(1.0, instructions(run) * _seconds_an_instruction() / max(took, 1e-9)),
        "_top": top,
        "_top_share": own[top] / (sum(own.values()) or 1.0),
    }


def instructions(run: Callable[[], object]) -> int:
    """Count the interpreter's instructions in one repetition."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., object]:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


@cache
def _seconds_an_instruction(times: int = 20_000) -> float:
    """Time of one instruction in a loop of operations on arrays of one element."""
    one = np.ones(1)

    def loop(times: int) -> None:
        for _ in range(times):
            other = one * one
            np.minimum(other, one)

    loop(times)
    began = time.process_time()
    loop(times)
    took = time.process_time() - began
    return took / times / (instructions(lambda: loop(100)) / 100)


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
