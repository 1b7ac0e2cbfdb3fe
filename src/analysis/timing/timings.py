"""What `make bench` measured: times as ratios to this book's, read back from the store."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

Role = Literal["ours", "variant", "peer", "limit"]

#: Version of the stored file; a file of another version is refused.
SCHEMA = 1

#: How this book's contender is called in every table.
OURS = "this book"

_HERE = Path(__file__).resolve().parents[1]

#: What `make bench` writes on this machine.
MEASURED = _HERE.parents[1] / "_build" / "benchmarks.json"

#: What was measured for the published book, shown where nothing was measured here.
COMMITTED = _HERE / "manifests" / "benchmarks.json"


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
