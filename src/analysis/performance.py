"""What the benchmarks measured, and what it says.

`make bench` times the book's code, its peers and a physical limit in turns, and stores the result;
this module reads it back. Every time is kept as a ratio to the time of *this book's* code on the
same work in the same round of turns: a *peer* above 1 is slower than this book, and a *limit* (a
copy of as many bytes, a matrix product of as many operations) says how near to it this book is.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

__all__ = [
    "COMMITTED",
    "HEADLINES",
    "MEASURED",
    "OURS",
    "SCHEMA",
    "SETTINGS",
    "Bound",
    "Building",
    "CostModel",
    "Growth",
    "Row",
    "Settings",
    "Stored",
    "Suite",
    "bound",
    "bounds",
    "building",
    "cost_model",
    "counts",
    "duration",
    "fastest_peer",
    "foretold",
    "growth",
    "knot_errors",
    "last_exponent",
    "load",
    "overview",
    "ratios",
    "slug",
    "stacks",
    "state",
    "tested",
    "verdict_ahead",
]

Role = Literal["ours", "variant", "peer", "limit"]

#: Version of the stored file; a file of another version is refused.
SCHEMA = 1

#: How this book's contender is called in every table.
OURS = "this book"

_HERE = Path(__file__).resolve().parent

#: What `make bench` writes on this machine.
MEASURED = _HERE.parents[1] / "_build" / "benchmarks.json"

#: What was measured for the published book, shown where nothing was measured here.
COMMITTED = _HERE / "manifests" / "benchmarks.json"


@dataclass(frozen=True)
class Settings:
    """What a profile works out.

    `networks`, `clips`: Size of the sweeps whose time on a cluster is foretold. `machines`: Sizes
    of the cluster.
    """

    networks: int
    clips: int
    machines: tuple[int, ...]


#: Both profiles read the same stored measurements.
SETTINGS = {
    profile: Settings(networks=100_000, clips=1_000_000, machines=(1, 2, 4, 8, 16, 32, 64, 128))
    for profile in ("quick", "full")
}


# ------------------------------------------------------------------------------- what is stored


@dataclass(frozen=True)
class Row:
    """One contender's times on one case.

    `case`: The work, the same for all contenders of a case. `name`: Whose code; `OURS` is this
    book's. `role`: A variant is another way of this book; a limit what no code on this machine
    could undercut. `seconds`: Median time of one repetition. `amount`: How much of the case's work
    one repetition does, in `unit`. `unit`: What is counted, such as ``"clips"``. `ratio`, `low`,
    `high`: Median and quartiles over the rounds of the time per unit over ours in the same round; 1
    for this book. `rounds`: Repetitions. `details`: What else is known: exactness, size, where the
    time goes.
    """

    case: str
    name: str
    role: Role
    seconds: float
    amount: float
    unit: str
    ratio: float
    low: float
    high: float
    rounds: int
    details: dict[str, float | str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Units of work a second."""
        return self.amount / self.seconds


@dataclass(frozen=True)
class Suite:
    """One benchmark's rows, and where they come from.

    `title`, `command`, `commit`, `date`: What it is about; what makes it again; of which code;
    when. `machine`: ``processor``, ``cores``, ``memory_gb``, and its ``load`` before the work; no
    names. `versions`: Of Python, the packages and the peers. `absent`: Peers that could not be
    imported, and so were left out. `rows`: The measurements.
    """

    title: str
    command: str
    commit: str
    date: str
    machine: dict[str, str | int | float]
    versions: dict[str, str]
    absent: list[str]
    rows: list[Row]

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Suite:
        """Rebuild from JSON."""
        rows = [Row(**row) for row in stored["rows"]]
        for row in rows:
            if row.role not in get_args(Role):
                raise ValueError(f"{row.name}: unknown role {row.role!r}")
            times = (row.seconds, row.amount, row.low, row.ratio, row.high)
            if not all(math.isfinite(value) and value > 0 for value in times):
                raise ValueError(f"{row.case}, {row.name}: times must be positive")
            if not row.low <= row.ratio <= row.high:
                raise ValueError(f"{row.case}, {row.name}: the median is outside the quartiles")
        date.fromisoformat(stored["date"])
        return cls(**{**stored, "rows": rows})

    def case(self, name: str) -> list[Row]:
        """Rows of one case, in the order in which they were stored."""
        return [row for row in self.rows if row.case == name]

    @property
    def cases(self) -> list[str]:
        """Names of the cases, in order."""
        return list(dict.fromkeys(row.case for row in self.rows))

    def row(self, case: str, name: str = OURS) -> Row:
        """Find one contender's row."""
        for row in self.case(case):
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.case(case)) or ", ".join(self.cases)
        raise KeyError(f"no {name!r} in {case!r}; have {known}")

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows; the details are not in it."""
        rows = [asdict(row) for row in self.rows]
        return pd.DataFrame(rows).drop(columns="details")


@dataclass(frozen=True)
class Stored:
    """A stored result.

    `path`: The file. `suites`: By the benchmark's name, such as ``"jpeg"``.
    """

    path: Path
    suites: dict[str, Suite]

    def __getitem__(self, name: str) -> Suite:
        """Get one benchmark's rows."""
        if name not in self.suites:
            raise KeyError(f"{self.path} has no {name!r}: run `make bench ONLY={name}`")
        return self.suites[name]

    @property
    def provenance(self) -> pd.DataFrame:
        """One row a benchmark: commit, machine, date, and the command that makes it again."""
        rows = [
            {
                "benchmark": suite.title,
                "commit": suite.commit,
                "date": suite.date,
                "machine": "{processor}, {cores} cores, {memory_gb} GB".format(**suite.machine),
                "load": f"{suite.machine['load']:.1f}",
                "made by": suite.command,
            }
            for suite in self.suites.values()
        ]
        return pd.DataFrame(rows).set_index("benchmark")


def load(path: Path | None = None) -> Stored:
    """Read stored measurements."""
    if path is not None:
        return Stored(path, _read(path))
    suites = _read(COMMITTED)
    return Stored(COMMITTED, suites | (_read(MEASURED) if MEASURED.exists() else {}))


def _read(path: Path) -> dict[str, Suite]:
    try:
        stored = json.loads(path.read_text("utf-8"))
        if stored["schema"] != SCHEMA:
            raise ValueError(f"its version is {stored['schema']}, not {SCHEMA}")
        return {name: Suite.from_dict(suite) for name, suite in stored["benchmarks"].items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be used ({error}): run `make bench` again") from error


def state() -> dict[str, str]:
    """Fingerprints of the stored files; the chapter runs again when one changes."""
    files = {"committed": COMMITTED, "measured": MEASURED}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.exists()
    }


# --------------------------------------------------------------------------------- what it says

#: Benchmark and case of what matters for the book, in the order of the overview.
HEADLINES = (
    ("jpeg", "gray, there and back"),
    ("jpeg", "RGB 4:2:0, there and back"),
    ("jpeg", "RGB 4:2:0, with the gradient"),
    ("colormaps", "levels to bytes"),
    ("colormaps", "values to a network's input"),
    ("training", "pixel MLP, 16 at once"),
    ("training", "tiny, 16 at once"),
    ("training", "small, 16 at once"),
    ("patterns", "10 points, brute force"),
    ("knots", "red, 4 knots"),
    ("knots", "three channels, 4 knots"),
    ("front_end", "half a second to 64 mel bands"),
)

#: Cases whose bound is told: those with a limit.
_BOUND = (
    *((name, case) for name, case in HEADLINES if name != "patterns"),
    ("patterns", "256 points"),
)


def slug(text: str) -> str:
    """Turn a case's name into an identifier.

    >>> slug("RGB 4:2:0, there and back")
    'rgb-4-2-0-there-and-back'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _measured(stored: Stored, pairs: Iterable[tuple[str, str]]) -> list[tuple[Suite, str]]:
    """Suite and case of the pairs that were measured."""
    return [
        (stored[name], case)
        for name, case in pairs
        if name in stored.suites and case in stored[name].cases
    ]


def overview(stored: Stored) -> pd.DataFrame:
    """Peers and limits of the cases that matter."""
    rows = [
        {"case": f"{_SUBJECT[suite.title]}: {case}"}
        | {key: getattr(row, key) for key in ("name", "role", "ratio", "low", "high")}
        for suite, case in _measured(stored, HEADLINES)
        for row in suite.case(case)
        if row.role in ("peer", "limit")
    ]
    return pd.DataFrame(rows)


class _Short(dict[str, str]):
    """Short subject of a title; the title itself if there is none."""

    def __missing__(self, title: str) -> str:
        return title


_SUBJECT = _Short(
    {
        "JPEG as a network": "JPEG",
        "Colouring a batch of pictures": "colour",
        "Training many small networks": "training",
        "Counting patterns exactly": "counting",
        "Colormaps from few knots": "knots",
        "Spectrograms of 10,000 clips": "spectrograms",
    }
)


def bounds(stored: Stored) -> pd.DataFrame:
    """Say what limits this book's code, case by case, by the rule of `bound`."""
    rows = []
    for suite, case in _measured(stored, _BOUND):
        found = bound(suite, case)
        rows.append(
            {
                "case": f"{_SUBJECT[suite.title]}: {case}",
                "limit": found.limit,
                "limit / this book": found.share,
                "in Python (%)": 100 * found.interpreter,
                "takes longest": found.top,
                "its share (%)": 100 * found.top_share,
                "held back by": found.verdict,
            }
        )
    return pd.DataFrame(rows).set_index("case")


@dataclass(frozen=True)
class Building:
    """What a build of the book takes, in seconds.

    `cold`, `serial`, `edited`, `warm`: From nothing, as many chapters at a time as there are cores;
    one at a time; after an edit of one chapter; with nothing changed. `cores`: Chapters at a time.
    `busy`: Share of the cores' time in the cold build that goes to executing chapters, in [0, 1].
    `files`, `differing`: Results files of the two builds from nothing, and those that are not the
    same bytes. `chapters`: ``chapter``, ``seconds``, ``memory_gib``.
    """

    cold: float
    serial: float
    edited: float
    warm: float
    cores: int
    busy: float
    files: int
    differing: int
    chapters: pd.DataFrame


def building(book: Suite) -> Building:
    """Read off what a build of the book takes."""
    cold = book.row("from nothing")
    serial = book.row("from nothing", "this book, one chapter at a time")
    rows = [row for row in book.case("chapter by chapter") if row.name != OURS]
    chapters = pd.DataFrame(
        {
            "chapter": [row.name for row in rows],
            "seconds": [row.seconds for row in rows],
            "memory_gib": [float(row.details["peak memory (GiB)"]) for row in rows],
        }
    )
    cores = int(cold.details["jobs"])
    return Building(
        cold.seconds,
        serial.seconds,
        book.row("again", "after an edit of one chapter").seconds,
        book.row("again", "with nothing changed").seconds,
        cores,
        float(chapters.seconds.sum()) / (cores * cold.seconds),
        int(serial.details["results files"]),
        int(serial.details["that differ"]),
        chapters,
    )


def stacks(training: Suite) -> pd.DataFrame:
    """Stacks of growing size: rate, and the plain loop's and the limit's time over theirs."""
    rows = []
    for case in training.cases:
        matched = re.fullmatch(r"(.+), (\d+) at once", case)
        if matched:
            plain = fastest_peer(training, case)
            (limit,) = [row for row in training.case(case) if row.role == "limit"]
            rows.append(
                {
                    "network": matched[1],
                    "networks": int(matched[2]),
                    "rate": training.row(case).rate,
                    "peer": plain.ratio,
                    "peer_low": plain.low,
                    "peer_high": plain.high,
                    "limit": limit.ratio,
                }
            )
    return pd.DataFrame(rows)


def counts(patterns: Suite, name: str = OURS) -> pd.DataFrame:
    """Time of exact counting against the number of points."""
    rows = []
    for case in patterns.cases:
        limits = [row for row in patterns.case(case) if row.role == "limit"]
        for row in patterns.case(case):
            if row.name == name and (limits or name != OURS):
                known = {key: int(row.details[key]) for key in ("n", "patterns")}
                found = {**known, "seconds": row.seconds, "ratio": row.ratio}
                rows.append(found | ({"limit_seconds": limits[0].seconds} if limits else {}))
    return pd.DataFrame(rows)


def knot_errors(knots: Suite) -> pd.DataFrame:
    """Errors of the peers at equal size, over this book's."""
    error = "largest error (1/255)"
    rows = [
        {
            "case": case,
            "name": row.name,
            "peer / this book": float(row.details[error]) / float(knots.row(case).details[error]),
        }
        for case in knots.cases
        for row in knots.case(case)
        if row.role == "peer"
    ]
    return pd.DataFrame(rows)


def ratios(suite: Suite, case: str) -> pd.DataFrame:
    """Tabulate one case for the page."""
    rows = []
    for row in sorted(suite.case(case), key=lambda row: row.ratio):
        cells = {
            "": row.name,
            "role": row.role,
            f"time / {OURS}": f"{row.ratio:.3g} ({row.low:.3g} … {row.high:.3g})",
            f"{row.unit} / s": f"{row.rate:,.3g}" if row.rate < 1000 else f"{row.rate:,.0f}",
        }
        shown = {key: value for key, value in row.details.items() if not key.startswith("_")}
        rows.append(cells | {key: _text(value) for key, value in shown.items()})
    return pd.DataFrame(rows).fillna("").set_index("")


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.4g}"


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


def foretold(cluster: Suite, settings: Settings) -> pd.DataFrame:
    """Time of large sweeps on clusters of growing size, by the cost model."""
    sizes = {"networks": settings.networks, "clips": settings.clips}
    parts = []
    for case in cluster.cases:
        units = sizes[cluster.row(case).unit]
        table = cost_model(cluster, case).table(units, settings.machines)
        parts.append(table.assign(sweep=f"{units:,} {case}"))
    return pd.concat(parts, ignore_index=True)


def tested(cluster: Suite) -> pd.DataFrame:
    """Compare the sweeps that were run, on two workers, with what the model says of them."""
    rows = []
    for case in cluster.cases:
        row, model = cluster.row(case), cost_model(cluster, case)
        said = model.time(row.amount, machines=1) - model.start
        rows.append(
            {
                "sweep": f"{row.amount:,.0f} {case}",
                "measured (s)": row.seconds,
                "foretold (s)": said,
                "ratio": row.seconds / said,
            }
        )
    return pd.DataFrame(rows).set_index("sweep")


def duration(seconds: float) -> str:
    """Write seconds in the unit that suits them.

    >>> duration(0.5), duration(150), duration(9000), duration(200_000)
    ('0.5 s', '2.5 min', '2.5 h', '2.31 days')
    """
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "days" and seconds >= 86_400 * 2):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def fastest_peer(suite: Suite, case: str) -> Row:
    """Find the peer that takes the least time in a case."""
    peers: Sequence[Row] = [row for row in suite.case(case) if row.role == "peer"]
    if not peers:
        raise KeyError(f"no peer was measured for {case!r}")
    return min(peers, key=lambda row: row.ratio)


def verdict_ahead(peer: Row) -> str:
    """Say whether this book is ahead of a peer.

    "ahead" if the peer's lower quartile lies above 1, "behind" if its upper quartile lies below,
    otherwise "level".

    >>> verdict_ahead(Row("a", "b", "peer", 1.0, 1.0, "x", 1.1, 0.9, 1.2, 5))
    'level'
    """
    if peer.low > 1:
        return "ahead"
    return "behind" if peer.high < 1 else "level"
