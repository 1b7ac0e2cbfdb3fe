"""Studies of the published edition: what is measured once, and trained again in part at each build.

A chapter's module names its study (``STUDY``); the chapter reads `evidence`; ``make measure``
calls `measure` and `verify`. How measurements are stored is the business of
`analysis.evidence.measurements`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from analysis.evidence import measurements
from analysis.evidence.measurements import Check, Manifest, Measured
from analysis.nets import sweeps

__all__ = ["SAMPLE", "Evidence", "Study", "evidence", "measure", "told", "verify"]

#: Nets that each build trains again.
SAMPLE = 24

#: Chance that a build takes a sound net for a wrong one where another processor's rounding changes
#: a net as much as another seed would; where it is the same processor, the bits have to agree.
CHANCE = 0.01


@dataclass(frozen=True)
class Study:
    """A named experiment that trains nets.

    Attributes
    ----------
    name : str
        Of its folder in ``measurements`` and of the chapter that reads it.
    module : module
        Whose code measures, with all that it imports.
    settings : dataclass
        How large it is in the edition.
    columns : mapping of str to mapping
        Its tables' columns and their kinds; one table is ``nets``, a row a net.
    key : tuple of str
        Columns of ``nets`` that together name a net; one is ``seed``.
    pool : tuple of str
        Columns of ``nets``: where they agree, scores spread alike over the seeds.
    measure : callable
        ``(settings, seed, **how)`` to the tables; `how` is for `sweeps.run`.
    again : callable
        ``(rows of nets, settings, seed, **how)`` to the same rows, trained once more.
    here : callable
        ``(nets)`` to whether each can be trained on this machine.
    estimate : callable
        ``(settings, seed)`` to the number of nets and the processor's seconds.
    seed : int
        Of data and splits.
    needs : tuple of str
        Data sets that are fetched, without which it cannot be measured as a whole.
    """

    name: str
    module: ModuleType
    settings: Any
    columns: Mapping[str, Mapping[str, str]]
    key: tuple[str, ...]
    pool: tuple[str, ...]
    measure: Callable[..., dict[str, pd.DataFrame]]
    again: Callable[..., pd.DataFrame]
    here: Callable[[pd.DataFrame], pd.Series]
    estimate: Callable[[Any, int], tuple[int, float]]
    seed: int = 0
    needs: tuple[str, ...] = ()

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
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _spelled(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value).replace("; ", "+")


def measure(
    study: Study, place: Path, *, commit: str, command: str, **how: Any
) -> tuple[Manifest, list[str]]:
    """Measure a study and store it; what changed in the tables, in words."""
    spent: list[float] = []
    tables = study.measure(study.settings, study.seed, charge=spent.append, **how)
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


def _again(study: Study, measured: Measured, rows: pd.DataFrame, strays: int, **how: Any) -> Check:
    """Train nets again and compare; `rows` are some of `Study.keyed`."""
    keyed = study.keyed(measured.tables["nets"])
    cell = [name for name in study.key if name != "seed"]
    chance = CHANCE / max(1, len(rows))
    bound = measurements.spread_of_seeds(keyed, cell, list(study.pool), "test", chance)
    exact = measured.manifest.machine == measurements.machine()
    new = study.again(rows, study.settings, study.seed, **how)
    command = f"python -m analysis measure {study.name} --net '{{key}}'"
    return measurements.compare(
        rows.loc[new.index],
        new,
        bound.loc[new.index],
        exact=exact,
        command=command,
        strays=strays,
    )


def sample(
    study: Study, measured: Measured, count: int, *keys: str, strays: int = 1, **how: Any
) -> Check:
    """Train a random sample of the stored nets again and compare, see `measurements.compare`."""
    keyed = study.keyed(measured.tables["nets"])
    pool = keyed[study.here(keyed).to_numpy(bool)]
    return _again(study, measured, measurements.draw(pool, count, study.name, *keys), strays, **how)


def one_net(study: Study, place: Path, key: str, **how: Any) -> tuple[float, float]:
    """Score of a net as stored, and as it comes out now."""
    measured = measurements.load(place)
    keyed = study.keyed(measured.tables["nets"])
    if key not in keyed.index:
        raise KeyError(key)
    row = keyed.loc[[key]]
    new = study.again(row, study.settings, study.seed, **how)
    return float(row.test.iloc[0]), float(new.test.iloc[0])


def verify(study: Study, place: Path, *, commit: str, count: int = SAMPLE, **how: Any) -> Check:
    """Train a sample with the code as it is, and record that this code gives the same scores."""
    measured = measurements.load(place)
    check = sample(study, measured, count, study.code, strays=count, **how)
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
    that was trained again; None for what was trained here in full.
    """

    tables: dict[str, pd.DataFrame]
    manifest: Manifest | None = None
    check: Check | None = None


def evidence(
    study: Study, settings: Any, seed: int, *keys: str, count: int = SAMPLE, **how: Any
) -> Evidence:
    """Read a study from the edition and train a sample again; or train what it does not have.

    Parameters
    ----------
    study : Study
    settings, seed
        What is wanted; the edition has `study.settings` and `study.seed`.
    *keys : str
        What the sample is drawn by, such as the commit.
    count : int
        Size of the sample.
    **how
        See `sweeps.run`.

    Raises
    ------
    analysis.evidence.measurements.Damaged
        Where the stored study is missing or not as it was written.
    analysis.evidence.measurements.Disagreement
        Where a net does not score as stored.
    """
    if settings == study.settings and seed == study.seed:
        measured = measurements.load(measurements.folder(study.name))
        return Evidence(
            measured.tables,
            measured.manifest,
            sample(study, measured, count, *keys, description="sample", **how),
        )
    nets, seconds = study.estimate(settings, seed)
    print(
        f"the edition does not have this: training {nets:,} nets, about "
        f"{max(1, round(seconds / 60)):,} min of one core",
        file=sys.stderr,
    )
    return Evidence(study.measure(settings, seed, **how))


def told(found: Evidence) -> str:
    """Say where numbers come from, for the page."""
    if found.manifest is None or found.check is None:
        return f"{len(found.tables['nets']):,} nets were trained for this page alone"
    check, manifest = found.check, found.manifest
    how = (
        f"all {check.nets} to the same bits"
        if check.same == check.nets
        else f"{check.same} to the same bits, the others within the spread of the seeds "
        f"(at most {check.largest:.3f} apart)"
    )
    return (
        f"edition {manifest.edition}, measured on {manifest.date} in "
        f"{manifest.core_seconds / 60:,.0f} min of one core; {check.nets} of "
        f"{manifest.counts['nets']:,} nets trained again here: {how}"
    )
