"""Counting one neuron's patterns exactly: beside brute force, and against the number of points."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from analysis.planes.patterns import count_patterns, cover_bound
from analysis.timing.timings import Row
from benchmarks.harness import Contender, Effort, compare, ours

TITLE = "Counting patterns exactly"
PEERS = ("scipy",)

Ints = NDArray[np.int64]


def points(n: int, seed: int = 0) -> Ints:
    """Draw `n` distinct colours, random bytes."""
    rng = np.random.default_rng(seed)
    packed = rng.choice(2**24, n, replace=False)
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)


def brute_force(colours: Ints) -> int:
    """Ask a linear program for each of the patterns whether a plane makes it.

    A pattern and its complement are made together, so that half of them are asked.
    """
    n = len(colours)
    rows = np.column_stack([colours / 255, np.ones(n)])
    made = 0
    for rest in product((-1.0, 1.0), repeat=n - 1):
        signs = np.array([1.0, *rest])
        found = linprog(
            np.zeros(4), -signs[:, None] * rows, -np.ones(n), bounds=(None, None), method="highs"
        )
        made += found.status == 0
    return 2 * made


def sorting(n: int, seed: int = 0) -> None:
    """Sort as many numbers as the count has to tell apart: for each point, half a square."""
    numbers = np.random.default_rng(seed).random((n // 2 + 1, n))
    for left in range(2, n):
        np.sort(numbers[: left // 2 + 1, :left], axis=1)


def measure(effort: Effort) -> list[Row]:
    """Count beside brute force on few points, then alone on more and more."""
    few = (4, 6) if effort.small else (6, 8, 10)
    many = (8, 16) if effort.small else (16, 32, 64, 128, 256, 512, 1024)
    found: list[Row] = []
    for n in few:
        colours = points(n)
        field = [
            ours(lambda c=colours: count_patterns(c), n=n, patterns=count_patterns(colours)),  # type: ignore[misc]
            Contender(
                "a linear program a pattern",
                lambda c=colours: brute_force(c),  # type: ignore[misc]
                details={"n": n, "patterns": brute_force(colours)},
            ),
        ]
        found += compare(f"{n} points, brute force", "counts", field, effort)
    for n in many:
        colours = points(n)
        details = {"n": n, "patterns": count_patterns(colours), "Cover's bound": cover_bound(n)}
        field = [
            ours(lambda c=colours: count_patterns(c), **details),  # type: ignore[misc]
            Contender("sorting alone", lambda n=n: sorting(n), "limit"),  # type: ignore[misc]
        ]
        large = n > 500
        fewer = Effort(min(effort.rounds, 2), effort.small) if large else effort
        found += compare(f"{n} points", "counts", field, fewer, profile=not large)
    return found
