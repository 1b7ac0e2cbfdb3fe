"""The published edition's measurements: tables of what trained nets scored, checked on reading.

A *study* is a folder of ``measurements/``: a CSV file a table (``measurements/README.md`` says what
they hold) and ``manifest.json``, which says how they were measured and holds their checksums.

======================  ============================================================================
`store`, `load`         write a study; read it, or refuse what is not as it was written
`changes`               what differs between two states of a study, in words
`draw`                  which nets a build trains again
`compare`               whether they score as stored: the same bits, or within a bound
======================  ============================================================================
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.files import replace_directory, write_json

#: The edition that this state of the book publishes.
EDITION = "2026.1"

#: Version of the stored form; what a later one wrote is refused.
SCHEMA = 1

MANIFEST = "manifest.json"

#: Tables that were written down before a study was measured, and stay when it is stored anew.
LOCKED = ("predictions.csv", "calibration.csv")

#: Kinds of columns, and what pandas reads them as.
KINDS = {"text": "str", "count": "int64", "number": "float64", "bits": "str"}

#: Nine digits tell every float32 from its neighbours.
_FORMAT = "%.9g"

#: A table above this size is compressed.
_LARGE = 50_000

#: Environment variables that let a library compute as on another processor.
_ASKED = (
    *("ATEN_CPU_CAPABILITY", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "OPENBLAS_CORETYPE"),
    "ONEDNN_MAX_CPU_ISA",
)

_PACKAGES = ("numpy", "scipy", "torch", "numba", "llvmlite")


class Damaged(ValueError):
    """A stored study is not what its manifest says; the message names file and remedy."""


class Disagreement(RuntimeError):
    """A net that was trained again does not score as stored."""


@dataclass(frozen=True)
class Manifest:
    """How a study was measured."""

    study: str
    commit: str  # where in the history of the code, and what was run
    command: str
    date: str  # ISO 8601
    machine: dict[str, str]  # see `machine`; elsewhere the same bits cannot be asked for
    seed: int  # what was asked for
    settings: dict[str, Any]
    counts: dict[str, int]  # rows of each table
    core_seconds: float
    code: str  # digest of the code that measured (`analysis.nets.sweeps.code_digest`)
    #: later states of the code (``code``, ``commit``, ``date``, ``nets``) that gave the same
    #: scores on a random sample
    verified: list[dict[str, Any]] = field(default_factory=list)
    #: of each table: ``file``, ``sha256`` and ``columns``, pairs of a name and one of `KINDS`
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    edition: str = EDITION
    schema: int = SCHEMA

    @property
    def codes(self) -> set[str]:
        """Digests of all states of the code that are known to give these scores."""
        return {self.code, *(str(one["code"]) for one in self.verified)}


@dataclass(frozen=True)
class Measured:
    """A study as it was read."""

    manifest: Manifest
    tables: dict[str, pd.DataFrame]


def folder(study: str) -> Path:
    """Find a study's folder in the book: above where this process runs, else above this file."""
    here = Path.cwd()
    above = (here, *here.parents, *Path(__file__).parents)
    roots = (path / "measurements" for path in above)
    return next((r for r in roots if (r / "README.md").exists()), here / "measurements") / study


def machine() -> dict[str, str]:
    """Describe what decides the bits of a trained net: the processor, and the versions."""
    from llvmlite import binding

    features = sorted(name for name, on in binding.get_host_cpu_features().items() if on)
    processor = f"{platform.machine()} {binding.get_host_cpu_name()}"
    digest = hashlib.sha256(" ".join(features).encode()).hexdigest()[:8]
    asked = [f"{name}={os.environ[name]}" for name in _ASKED if name in os.environ]
    found = {"processor": " ".join([f"{processor} ({digest})", *asked])}
    found["system"] = platform.system()
    return found | {name: version(name).partition("+")[0] for name in _PACKAGES}


# --- on disk ---------------------------------------------------------------------------------


def _written(table: pd.DataFrame, columns: Mapping[str, str]) -> bytes:
    """Spell a table as CSV: the same table always gives the same bytes."""
    text = io.StringIO()
    table[list(columns)].to_csv(
        text, index=False, float_format=_FORMAT, lineterminator="\n", quoting=csv.QUOTE_MINIMAL
    )
    return text.getvalue().encode()


def store(
    place: Path,
    manifest: Manifest,
    tables: Mapping[str, pd.DataFrame],
    columns: Mapping[str, Mapping[str, str]],
) -> Manifest:
    """Write a study; a reader sees the old one or the whole new one.

    The folder `place` is replaced, but for what is `LOCKED`; `columns` have their kinds (`KINDS`),
    in order. The manifest as written: `files` and `counts` are filled in.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
    try:
        files = {}
        for name, kinds in columns.items():
            content = _written(tables[name], kinds)
            file = f"{name}.csv"
            if len(content) > _LARGE:
                content, file = gzip.compress(content, 9, mtime=0), f"{file}.gz"
            (partial / file).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            files[name] = {"file": file, "sha256": digest, "columns": list(kinds.items())}
        counts = {name: len(tables[name]) for name in columns}
        whole = replace(manifest, files=files, counts=counts)
        for path in filter(Path.exists, (place / name for name in LOCKED)):
            shutil.copyfile(path, partial / path.name)
        write_json(partial / MANIFEST, asdict(whole))
        replace_directory(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return whole


def locked(study: str, name: str = "predictions") -> pd.DataFrame:
    """Read what was written down before a study was measured (`LOCKED`)."""
    return pd.read_csv(folder(study) / f"{name}.csv")


def _remedy(place: Path) -> str:
    return f"fetch it again (git checkout -- {place}), or measure: make measure STUDY={place.name}"


def _manifest(place: Path) -> Manifest:
    path = place / MANIFEST
    again = _remedy(place)
    try:
        found = json.loads(path.read_text("utf-8"))
        schema = found["schema"]
        if not isinstance(schema, int):
            raise TypeError
    except FileNotFoundError:
        raise Damaged(f"{path} is missing: {again}") from None
    except (ValueError, TypeError, KeyError):
        raise Damaged(f"{path} is damaged: {again}") from None
    if schema > SCHEMA:
        raise Damaged(
            f"{path} has schema {schema}, and this book reads {SCHEMA}: "
            "a later version of the book wrote it; update the book (git pull)"
        )
    try:
        return Manifest(**found)
    except TypeError:
        raise Damaged(f"{path} does not have the fields of schema {schema}: {again}") from None


def load(place: Path) -> Measured:
    """Read a study, and refuse it if anything is not as it was written.

    Nothing is executed in reading: the files are JSON and CSV.

    Raises
    ------
    Damaged
        For a file that is missing, does not match its checksum, has other columns or values that
        are of no kind said; or a schema from the future. One sentence, with the remedy.
    """
    manifest = _manifest(place)
    remedy = _remedy(place)
    tables = {}
    for name, told in manifest.files.items():
        path = place / Path(str(told["file"])).name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Damaged(f"{path} is missing: {remedy}") from None
        if hashlib.sha256(content).hexdigest() != told["sha256"]:
            raise Damaged(f"{path} does not match its checksum: {remedy}")
        try:
            tables[name] = _read(content, path.suffix == ".gz", dict(told["columns"]))
        except (ValueError, KeyError, OSError) as error:
            raise Damaged(
                f"{path} does not hold what its schema says ({error}): {remedy}"
            ) from None
        if len(tables[name]) != manifest.counts.get(name):
            raise Damaged(f"{path} has {len(tables[name])} rows, not as many as said: {remedy}")
    return Measured(manifest, tables)


def _read(content: bytes, compressed: bool, columns: Mapping[str, str]) -> pd.DataFrame:
    text = gzip.decompress(content) if compressed else content
    table = pd.read_csv(
        io.BytesIO(text),
        dtype={name: KINDS[kind] for name, kind in columns.items()},
        keep_default_na=False,
        na_values={name: [""] for name, kind in columns.items() if kind == "number"},
    )
    if list(table.columns) != list(columns):
        raise ValueError(f"columns {', '.join(map(str, table.columns))}")
    for name, kind in columns.items():
        if kind == "bits":
            bytes.fromhex("".join(table[name]))
    return table


def changes(old: Measured | None, new: Measured) -> list[str]:
    """Say what differs between two states of a study, table by table."""
    if old is None:
        return [f"{name}: {count:,} rows, new" for name, count in new.manifest.counts.items()]
    found = []
    for name, table in new.tables.items():
        before = old.tables.get(name)
        if before is None or list(before.columns) != list(table.columns):
            found.append(f"{name}: other columns, {len(table):,} rows")
        elif len(before) != len(table):
            found.append(f"{name}: {len(table):,} rows in place of {len(before):,}")
        else:
            same = (before == table) | (before.isna() & table.isna())
            other = int((~same.all(axis=1)).sum())
            if other:
                where = ", ".join(same.columns[~same.all()])
                found.append(f"{name}: {other:,} of {len(table):,} rows changed, in {where}")
    return found


# --- the sample that a build trains again ----------------------------------------------------


def draw(nets: pd.DataFrame, count: int, *keys: str, together: Sequence[str] = ()) -> pd.DataFrame:
    """Choose so many nets at random, by the digest of some texts, such as the commit.

    Nets that agree in the columns `together` are chosen at once: there may be more then.

    Examples
    --------
    >>> nets = pd.DataFrame({"net": range(100), "cell": np.arange(100) // 10})
    >>> draw(nets, 3, "a").equals(draw(nets, 3, "a")), len(draw(nets, 200, "b"))
    (True, 100)
    >>> len(draw(nets, 3, "a")), len(draw(nets, 3, "a", together=["cell"]))
    (3, 10)
    """
    digest = hashlib.sha256(" ".join(keys).encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    groups = nets.reset_index(drop=True).groupby(list(together)) if together else None
    whole = np.arange(len(nets)) if groups is None else groups.ngroup().to_numpy()
    order = rng.permutation(whole.max(initial=-1) + 1)
    before = np.cumsum(np.bincount(whole, minlength=len(order))[order])
    enough = np.searchsorted(before, min(count, len(nets))) + 1 if count else 0
    return nets[np.isin(whole, order[:enough])]


#: What a recording or two weigh in a score, of which two answers tie but for rounding.
TIES = 5e-3


@dataclass(frozen=True)
class Check:
    """A comparison of nets that were trained again with what is stored of them.

    `nets`: How many. `same`: How many have the same scores to the last digit stored. `exact`:
    Whether this is the machine that measured. `largest`: The largest difference of a
    score. `table`: A row a net: its key, both scores, and the bound.
    """

    nets: int
    same: int
    exact: bool
    largest: float
    table: pd.DataFrame


def spread_of_seeds(
    nets: pd.DataFrame, cell: list[str], pool: list[str], score: str, chance: float
) -> pd.Series:
    """Bound how far two nets of one cell that differ in the seed alone lie apart.

    ``t √2 s``: s is the standard deviation over the seeds within each `cell`, pooled over the cells
    that agree in `pool`; t is Student's at the two-sided `chance`. What another processor rounds
    differently, training amplifies to no more than what another seed does.
    """
    rest = (nets[score] - nets.groupby(cell, sort=False)[score].transform("mean")) ** 2
    cells = nets.groupby(cell, sort=False).ngroup()
    by = [nets[name] for name in pool] or (cells * 0)
    freedom = rest.groupby(by).transform("count") - cells.groupby(by).transform("nunique")
    deviation = np.sqrt(rest.groupby(by).transform("sum") / freedom.where(freedom > 0))
    found: pd.Series = np.sqrt(2) * deviation * stats.t.ppf(1 - chance / 2, freedom.clip(lower=1))
    return found


def compare(
    stored: pd.DataFrame,
    again: pd.DataFrame,
    bound: pd.Series,
    *,
    exact: bool,
    command: str,
    score: str = "test",
    strays: int = 1,
) -> Check:
    """Compare scores of nets that were trained again with the stored ones, by their keys.

    On another machine a score may lie within its `bound`. On the one that measured (`exact`)
    training gives the same bits, and a score may differ by `TIES` only, since a net alone and a
    stack of nets are read in other sums; and no more than `strays` nets may, by a tie. Where more
    do, the process rounds otherwise, as some did on one and the same machine, and training
    amplifies that: the bound decides. In `command`, ``{key}`` stands for a net's key.

    Raises
    ------
    Disagreement
        With the first net's key, both scores and the command that reproduces it.
    """
    old = stored[score].to_numpy(np.float64)
    new = np.array([float(_FORMAT % value) for value in again[score]])
    missing = np.isnan(old) & np.isnan(new)
    gap = np.where(missing, 0.0, np.abs(new - old))
    strict = exact and (gap > 0).sum() <= strays
    usual = np.maximum(bound.to_numpy(np.float64), TIES)
    allowed = np.full(len(gap), TIES) if strict else usual
    table = pd.DataFrame({"net": stored.index, "stored": old, "again": new, "bound": allowed})
    wrong = ~(gap <= allowed + 1e-12)
    if wrong.any():
        row = table[wrong].iloc[0]
        raise Disagreement(
            f"net {row.net} scored {row.stored:.9g} when it was measured and {row.again:.9g} now "
            f"(at most {row.bound:.3g} apart expected); to see it again: "
            f"{command.format(key=row.net)}"
        )
    largest = float(gap.max()) if len(gap) else 0.0
    return Check(len(gap), int((gap == 0).sum()), exact, largest, table)
