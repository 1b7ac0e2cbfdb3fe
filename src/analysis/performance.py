"""What the benchmarks measured, and what it says.

`make bench` times the book's code, its peers and a physical limit in turns, and stores the result;
this module reads it back. Every time is kept as a ratio to the time of *this book's* code on the
same work in the same round of turns: a *peer* above 1 is slower than this book, and a *limit* (a
copy of as many bytes, a matrix product of as many operations) says how near to it this book is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.timing.scaling import bound, cost_model
from analysis.timing.timings import OURS, Row, Stored, Suite

#: Sizes of the sweeps whose time on a cluster is foretold, and of the cluster.
NETWORKS, CLIPS = 100_000, 1_000_000
MACHINES = (1, 2, 4, 8, 16, 32, 64, 128)

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
    ("training", "medium, 16 at once"),
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


def back(uncolouring: Suite) -> pd.DataFrame:
    """Errors of levels that were read back from JPEGs, and the time of it, by map and way."""
    rows = [
        {"map": case.partition(",")[0], "way": row.name, "time": row.ratio} | dict(row.details)
        for case in uncolouring.cases
        for row in uncolouring.case(case)
    ]
    return pd.DataFrame(rows).set_index(["map", "way"])


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
            f"time / {OURS}": f"{row.ratio:.3g} [{row.low:.3g}, {row.high:.3g}]",
            f"{row.unit} / s": f"{row.rate:,.3g}" if row.rate < 1000 else f"{row.rate:,.0f}",
        }
        shown = {key: value for key, value in row.details.items() if not key.startswith("_")}
        rows.append(cells | {key: _text(value) for key, value in shown.items()})
    return pd.DataFrame(rows).fillna("").set_index("")


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.4g}"


def foretold(cluster: Suite) -> pd.DataFrame:
    """Time of large sweeps on clusters of growing size, by the cost model."""
    sizes = {"networks": NETWORKS, "clips": CLIPS}
    parts = []
    for case in cluster.cases:
        units = sizes[cluster.row(case).unit]
        table = cost_model(cluster, case).table(units, MACHINES)
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
