"""How times grow with the work: power laws, bounds, and what a sweep on more cores will take."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from analysis.timing.timings import Suite


@dataclass(frozen=True)
class Bound:
    """What keeps one case from being faster.

    `limit`: The physical limit that was measured. `share`: Its time over this book's: 1 is at the
    limit. `interpreter`: Share of this book's time that the interpreter takes, estimated from its
    instructions. `top`, `top_share`: The function that takes longest by itself, and its share.
    `verdict`: See `bound`.
    """

    limit: str
    share: float
    interpreter: float
    top: str
    top_share: float
    verdict: str


def bound(suite: Suite, case: str) -> Bound:
    """Say what limits this book's time in a case, from the measurement.

    At half of a limit's speed or more the limit itself is named. Otherwise Python's overhead is, if
    the interpreter takes more than half of the time; otherwise the function that takes longest by
    itself, on one core.
    """
    limits = [row for row in suite.case(case) if row.role == "limit"]
    if not limits:
        raise KeyError(f"no limit was measured for {case!r}")
    nearest = max(limits, key=lambda row: row.ratio)
    details = suite.row(case).details
    interpreter, top = float(details["_interpreter"]), str(details["_top"])
    if nearest.ratio >= 0.5:
        verdict = nearest.name
    elif interpreter > 0.5:
        verdict = "Python's overhead"
    else:
        verdict = f"{top}, on one core"
    return Bound(
        nearest.name, nearest.ratio, interpreter, top, float(details["_top_share"]), verdict
    )


@dataclass(frozen=True)
class Growth:
    """Power law ``seconds ≈ factor · n ** exponent``.

    `exponent`, `low`, `high`: Least squares on logarithms, with a 95 % interval by Student's t.
    `factor`: Seconds at n = 1.
    """

    exponent: float
    low: float
    high: float
    factor: float


def growth(n: ArrayLike, seconds: ArrayLike) -> Growth:
    """Fit a power law to the cost against the size.

    >>> found = growth([1, 10, 100], [2, 200, 20_000])
    >>> round(found.exponent, 9), round(found.factor, 9)
    (2.0, 2.0)
    """
    x, y = np.asarray(n, np.float64), np.asarray(seconds, np.float64)
    if len(x) < 3 or not ((x > 0).all() and (y > 0).all()):
        raise ValueError("a power law needs three positive sizes and times")
    fit = stats.linregress(np.log(x), np.log(y))
    half = float(stats.t.ppf(0.975, len(x) - 2) * fit.stderr)
    slope = float(fit.slope)
    return Growth(slope, slope - half, slope + half, float(np.exp(fit.intercept)))


def last_exponent(n: ArrayLike, seconds: ArrayLike) -> float:
    """Exponent of the growth between the last two sizes.

    >>> last_exponent([1, 10, 100], [5, 20, 2_000])
    2.0
    """
    x, y = np.log(np.asarray(n, np.float64)), np.log(np.asarray(seconds, np.float64))
    return float(np.diff(y)[-1] / np.diff(x)[-1])


@dataclass(frozen=True)
class CostModel:
    """Time of a sweep on a cluster: a start, then tasks that every core takes in turn.

    `seconds`: Of one unit (a network, a clip) on one core with nothing beside it. `efficiency`:
    What is left of a core's speed when all cores of a machine work: measured with two. `task`:
    Scheduling of one task, which the scheduler does one after the other. `start`: From asking for
    workers to the first task. `units`: In one task. `cores`: Of one machine.
    """

    seconds: float
    efficiency: float
    task: float
    start: float
    units: float
    cores: int = 2

    def time(self, units: float, machines: int) -> float:
        """Seconds for `units` on `machines`.

        Whichever takes longer: the cores' work in whole tasks, or the scheduler's.

        >>> CostModel(1.0, 1.0, 0.0, 5.0, units=10, cores=2).time(100, machines=1)
        55.0
        """
        tasks = math.ceil(units / self.units)
        rounds = math.ceil(tasks / (machines * self.cores))
        work = rounds * self.units * self.seconds / self.efficiency
        return self.start + max(work, tasks * self.task)

    def table(self, units: float, machines: Iterable[int]) -> pd.DataFrame:
        """Seconds, speed-up over one machine, and cost in machine hours, for cluster sizes."""
        counts = list(machines)
        seconds = [self.time(units, count) for count in counts]
        return pd.DataFrame(
            {
                "machines": counts,
                "seconds": seconds,
                "speed-up": self.time(units, 1) / np.array(seconds),
                "machine hours": np.array(counts) * np.array(seconds) / 3600,
            }
        )


def cost_model(suite: Suite, case: str) -> CostModel:
    """Take a cost model from a benchmark of one and two Dask workers."""
    parts = suite.row(case).details
    return CostModel(
        seconds=float(parts["_unit_seconds"]),
        efficiency=float(parts["_efficiency"]),
        task=float(parts["_task_seconds"]),
        start=float(parts["_start_seconds"]),
        units=float(parts["_units"]),
    )
