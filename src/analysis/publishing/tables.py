"""What a figure draws, as CSV: one table a file, and a key that says what their columns are."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from analysis.files import write_csv

#: Of the key, beside the name of the figure.
KEY = "columns"

#: Columns that come in families, and what is said of each.
_FAMILIES = {
    r"(.+)_low": "lower end of the 95 % interval of {}",
    r"(.+)_high": "upper end of the 95 % interval of {}",
    r"low(_said)?": "lower end of the 95 % interval",
    r"high(_said)?": "upper end of the 95 % interval",
    r"(\d+)": "column {} of a matrix",
    r"(?:frame|level|knot|edge|first)[_ ](\d+)": "number {}",
    r"(\S+) ([RGB]|\d)": "of {}: channel or number {}",
    r"gain (.+)": "gain of {}",
    r"lightness (.+)": "lightness of {} (L*)",
    r"[RGB] of (.+)": "energy of a channel of {}",
}


def names(id: str, tables: list[str]) -> list[str]:
    """Name the files of a figure's tables: the first has the figure's name alone.

    >>> names("fig-x", ["curves", "at equal bytes"])
    ['fig-x.csv', 'fig-x.at-equal-bytes.csv']
    """
    slugs = [re.sub(r"[^a-z0-9]+", "-", table.lower()).strip("-") for table in tables[1:]]
    return [f"{id}.csv", *(f"{id}.{slug}.csv" for slug in slugs)]


def write(folder: Path, id: str, data: pd.DataFrame | Mapping[str, pd.DataFrame]) -> list[str]:
    """Write the tables behind a figure and their key; name the tables, "" if there is one.

    The key, ``<id>.columns.csv``, has a row a column: ``file``, ``column``, ``kind``, ``least`` and
    ``most`` of its numbers, ``meaning``.

    Raises
    ------
    ValueError
        If a table is empty.
    """
    tables = dict(data) if isinstance(data, Mapping) else {"": data}
    rows = []
    for name, (table, frame) in zip(names(id, list(tables)), tables.items(), strict=True):
        if frame.empty:
            raise ValueError(f"{id}: the data behind a figure must not be empty {table}".rstrip())
        write_csv(folder / name, frame)
        rows += [{"file": name} | _column(str(column), frame[column]) for column in frame]
    write_csv(folder / f"{id}.{KEY}.csv", pd.DataFrame(rows))
    return list(tables)


def _column(name: str, values: pd.Series) -> dict[str, object]:
    numbers = is_numeric_dtype(values) and not is_bool_dtype(values)
    ends = (values.min(), values.max()) if numbers else ("", "")
    kind = "number" if numbers else "text"
    row = {"column": name, "kind": kind, "least": ends[0], "most": ends[1]}
    return row | {"meaning": meaning(name)}


def meaning(column: str) -> str:
    """Say what a column of that name holds, in every figure of the book; of a map's name, its own.

    >>> meaning("score_low"), meaning("viridis")
    ('lower end of the 95 % interval of score', 'of viridis')
    """
    known = _meanings()
    if column in known:
        return known[column]
    for pattern, text in _FAMILIES.items():
        if found := re.fullmatch(pattern, column):
            return text.format(*found.groups())
    return f"of {' '.join(column.split())}"


@cache
def _meanings() -> dict[str, str]:
    with Path(__file__).with_name("columns.csv").open(encoding="utf-8", newline="") as file:
        return {row["column"]: row["meaning"] for row in csv.DictReader(file)}
