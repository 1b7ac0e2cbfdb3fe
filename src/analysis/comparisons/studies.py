"""Studies of the published edition: what is measured once, and trained again in part at each build.

A chapter's module names its study (``STUDY``); the chapter reads `evidence`; ``make measure``
calls `measure` and `verify`. How measurements are stored is the business of
`analysis.evidence.measurements`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from analysis.evidence import measurements
from analysis.evidence.measurements import Check, Manifest, Measured
from analysis.nets import sweeps

#: Nets that each build trains again.
SAMPLE = 24

#: Chance that a build takes a sound net for a wrong one where another processor's rounding changes
#: a net as much as another seed would; where it is the same processor, the bits have to agree.
CHANCE = 0.01


@dataclass(frozen=True)
class Study:
    """A named experiment that trains nets, or measures scores of another kind."""

    name: str  # of its folder in ``measurements`` and of the chapter that reads it
    module: ModuleType  # whose code measures, with all that it imports
    settings: Any  # a dataclass: how large it is in the edition
    #: its tables' columns and their kinds
    columns: Mapping[str, Mapping[str, str]]
    #: columns of `compared` that together name a net; one is ``seed``, unless there is a `bound`
    key: tuple[str, ...]
    #: columns of `compared`: where they agree, scores spread alike over the seeds
    pool: tuple[str, ...]
    #: ``(settings, seed, **how)`` to the tables; `how` is for `sweeps.run`
    measure: Callable[..., dict[str, pd.DataFrame]]
    #: ``(rows of compared, settings, seed, **how)`` to the same rows, trained once more
    again: Callable[..., pd.DataFrame]
    #: ``(rows of compared)`` to whether each can be trained on this machine
    here: Callable[[pd.DataFrame], pd.Series]
    #: ``(settings, seed)`` to the number of nets and the processor's seconds
    estimate: Callable[[Any, int], tuple[int, float]]
    seed: int = 0  # of data and splits
    needs: tuple[str, ...] = ()  # data sets without which it cannot be measured as a whole
    #: ``(tables)`` to what a sample compares: a row a net, with its score ``test``
    compared: Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame] = itemgetter("nets")
    #: columns of `compared`: nets that agree in them are measured, and drawn, all at once
    together: tuple[str, ...] = ()
    #: how far a score may lie from the stored one on another machine, where no seed tells
    bound: float | None = None
    sample: int = SAMPLE  # nets that each build trains again, at least
    unit: tuple[str, str] = ("nets", "trained")  # what `compared` has, and what was done to it

    @property
    def code(self) -> str:
        """Digest of the code that measures."""
        return sweeps.code_digest(self.module)

    def asked(self) -> dict[str, Any]:
        """Give the settings as they stand in the manifest."""
        return dict(_plain(asdict(self.settings)))

    def keyed(self, nets: pd.DataFrame) -> pd.DataFrame:
        """Name the nets that have a score, in the index, by their key."""
        scored = nets[nets.test.notna()]
        parts = [scored[name].map(_spelled) for name in self.key]
        names = ["/".join(texts) for texts in zip(*parts, strict=True)]
        return scored.set_index(pd.Index(names, name="net"))

    def state(self, manifest: Manifest) -> str:
        """Say "current", or why the measurement is stale."""
        if manifest.settings != self.asked() or manifest.seed != self.seed:
            return "settings changed"
        return "current" if self.code in manifest.codes else "code changed"


def _plain(value: Any) -> Any:
    """Spell settings as JSON gives them back."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _spelled(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value).replace("; ", "+")


def measure(
    study: Study, place: Path, *, commit: str, command: str, **how: Any
) -> tuple[Manifest, list[str]]:
    """Measure a study and store it; what changed in the tables, in words."""
    spent: list[float] = []
    tables = study.measure(study.settings, study.seed, charge=spent.append, **how)
    bounds(study, study.keyed(study.compared(tables)))
    manifest = Manifest(
        study=study.name,
        commit=commit,
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        machine=measurements.machine(),
        seed=study.seed,
        settings=study.asked(),
        counts={},
        core_seconds=round(sum(spent), 1),
        code=study.code,
    )
    try:
        old = measurements.load(place)
    except measurements.Damaged:
        old = None
    stored = measurements.store(place, manifest, tables, study.columns)
    return stored, measurements.changes(old, measurements.load(place))


def bounds(study: Study, keyed: pd.DataFrame, count: int = 1) -> pd.Series:
    """How far each net's score may lie from the stored one elsewhere, if so many are compared.

    ValueError for a net that has none: it shares its `Study.pool` with no net of another seed.
    """
    if study.bound is not None:
        return pd.Series(study.bound, keyed.index)
    cell, chance = [name for name in study.key if name != "seed"], CHANCE / max(1, count)
    found = measurements.spread_of_seeds(keyed, cell, list(study.pool), "test", chance)
    if found.isna().any():
        net = found.index[found.isna()][0]
        raise ValueError(
            f"net {net} of {study.name} has no bound on another processor: no net that agrees in "
            f"{', '.join(study.pool)} has another seed. Measure one, or pool more"
        )
    return found


def sample(
    study: Study, measured: Measured, count: int, *keys: str, strays: int = 1, **how: Any
) -> Check:
    """Train a random sample of the stored nets again and compare, see `measurements.compare`."""
    keyed = study.keyed(study.compared(measured.tables))
    pool = keyed[study.here(keyed).to_numpy(bool)]
    rows = measurements.draw(pool, count, study.name, *keys, together=study.together)
    new = study.again(rows, study.settings, study.seed, **how)
    bound = bounds(study, keyed, len(rows))
    return measurements.compare(
        rows.loc[new.index],
        new,
        bound.loc[new.index],
        exact=measured.manifest.machine == measurements.machine(),
        command=f"python -m analysis measure {study.name} --net '{{key}}'",
        strays=strays,
    )


def one_net(study: Study, place: Path, key: str, **how: Any) -> tuple[float, float]:
    """Score of a net as stored, and as it comes out now."""
    keyed = study.keyed(study.compared(measurements.load(place).tables))
    if key not in keyed.index:
        raise KeyError(key)
    row = keyed.loc[[key]]
    new = study.again(row, study.settings, study.seed, **how)
    return float(row.test.iloc[0]), float(new.test.iloc[0])


def verify(study: Study, place: Path, *, commit: str, count: int = SAMPLE, **how: Any) -> Check:
    """Train a sample with the code as it is, and record that this code gives the same scores."""
    measured = measurements.load(place)
    check = sample(study, measured, count, study.code, strays=sys.maxsize, **how)
    manifest = measured.manifest
    if study.code not in manifest.codes:
        when = datetime.now(UTC).date().isoformat()
        seen = {"code": study.code, "commit": commit, "date": when, "nets": check.nets}
        newer = replace(manifest, verified=[*manifest.verified, seen])
        measurements.store(place, newer, measured.tables, study.columns)
    return check


@dataclass(frozen=True)
class Evidence:
    """Tables of a study, and where they come from.

    `tables`: As `Study.measure` gives them. `manifest`, `check`: Of the edition and of the sample
    that was trained again; None for what was trained here in full. `total`, `unit`: how many nets
    there are, and see `Study.unit`.
    """

    tables: dict[str, pd.DataFrame]
    total: int
    unit: tuple[str, str]
    manifest: Manifest | None = None
    check: Check | None = None


def evidence(
    study: Study, settings: Any, seed: int, *keys: str, count: int | None = None, **how: Any
) -> Evidence:
    """Read a study from the edition and train a sample again; or train what it does not have.

    The edition has `study.settings` and `study.seed`. The sample is drawn by `keys`, such as the
    commit, and has `count` nets, by default `study.sample`; `how` is for `sweeps.run`.

    Raises
    ------
    analysis.evidence.measurements.Damaged
        Where the stored study is missing or not as it was written.
    analysis.evidence.measurements.Disagreement
        Where a net does not score as stored.
    """
    if settings == study.settings and seed == study.seed:
        measured = measurements.load(measurements.folder(study.name))
        total = len(study.compared(measured.tables))
        size = study.sample if count is None else count
        check = sample(study, measured, size, *keys, description="sample", **how)
        return Evidence(measured.tables, total, study.unit, measured.manifest, check)
    nets, seconds = study.estimate(settings, seed)
    noun, done = study.unit
    print(
        f"the edition does not have this: {nets:,} {noun} to be {done}, about "
        f"{max(1, round(seconds / 60)):,} min of one core",
        file=sys.stderr,
    )
    tables = study.measure(settings, seed, **how)
    return Evidence(tables, len(study.compared(tables)), study.unit)


def told(found: Evidence) -> str:
    """Say where numbers come from, for the page."""
    noun, done = found.unit
    if found.manifest is None or found.check is None:
        return f"{found.total:,} {noun} were {done} for this page alone"
    check, manifest = found.check, found.manifest
    how = (
        f"all {check.nets} to the same bits"
        if check.same == check.nets
        else f"{check.same} to the same bits, the others within the bound that was set "
        f"(at most {check.largest:.3f} apart)"
    )
    return (
        f"edition {manifest.edition}, measured on {manifest.date} in "
        f"{manifest.core_seconds / 60:,.0f} min of one core; {check.nets} of "
        f"{found.total:,} {noun} {done} again here: {how}"
    )
