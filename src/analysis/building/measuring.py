"""Measures the studies of the edition: what is missing or stale, and what changed by it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from analysis.building.book import Book, BuildError, commit
from analysis.comparisons import studies
from analysis.comparisons.studies import Study
from analysis.evidence import measurements
from analysis.nets import sweeps
from analysis.sound import datasets

#: Seconds between two lines of progress.
_EVERY = 15.0


def find(book: Book, names: Sequence[str] = ()) -> list[Study]:
    """Find the studies of the book's chapters, or some of them by name."""
    known = {}
    for name in book.chapters:
        module = f"{book.package}.{name.replace('-', '_')}"
        study = getattr(import_module(module), "STUDY", None) if find_spec(module) else None
        if study is not None:
            known[study.name] = study
    for name in names:
        if name not in known:
            raise BuildError(f"unknown study {name!r}; valid: {', '.join(known) or 'none'}")
    return [known[name] for name in names] if names else list(known.values())


def place_of(book: Book, study: Study) -> Path:
    """Folder that keeps a study."""
    return book.root / "measurements" / study.name


def state_of(book: Book, study: Study) -> str:
    """Say "current", or why a study has to be measured."""
    place = place_of(book, study)
    if not (place / measurements.MANIFEST).exists():
        return "missing"
    try:
        return study.state(measurements.load(place).manifest)
    except measurements.Damaged as error:
        return f"damaged: {error}"


def listing(book: Book, some: Sequence[Study]) -> str:
    """Describe each study in a line: state, nets, cost."""
    lines = []
    for study in some:
        state, about = state_of(book, study), ""
        if not state.startswith(("missing", "damaged")):
            found = measurements.load(place_of(book, study))
            manifest, count = found.manifest, len(study.compared(found.tables))
            about = (
                f", {count:,} {study.unit[0]}, {_minutes(manifest.core_seconds)} of one "
                f"core, measured on {manifest.date} at {manifest.commit}"
            )
        lines.append(f"{study.name}: {state}{about}")
    return "\n".join(lines)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:,.0f} min"


def _teller(name: str, noun: str) -> Callable[[int, int, float], None]:
    """Tell how far a part of the work is, not too often, where no bar can be shown."""
    last = [0.0]

    def tell(done: int, total: int, left: float) -> None:
        now = time.monotonic()
        if now - last[0] > _EVERY and not sys.stderr.isatty():
            last[0] = now
            told = f"{name}: {done:,} of {total:,} {noun} of this part, {_minutes(left)} left in it"
            print(told, file=sys.stderr, flush=True)

    return tell


def measure(book: Book, study: Study, command: str, **how: Any) -> list[str]:
    """Measure a study, going on where a killed run was; what changed, in words."""
    absent = [name for name in study.needs if not datasets.available(name)]
    if absent:
        raise BuildError(
            f"{study.name} cannot be measured without {', '.join(absent)}: run `make data` first"
        )
    nets, seconds = study.estimate(study.settings, study.seed)
    cost = f"about {_minutes(seconds)} of one core, less what is kept"
    print(f"{study.name}: {nets:,} {study.unit[0]}, {cost}", file=sys.stderr, flush=True)
    store = book.build / "measuring" / study.name
    manifest, changed = studies.measure(
        study,
        place_of(book, study),
        commit=commit(book.root),
        command=command,
        store=store,
        tell=_teller(study.name, study.unit[0]),
        **how,
    )
    cost = f"{_minutes(manifest.core_seconds)} of one core"
    return [f"{study.name}: measured, {cost}", *(changed or ["no table changed"])]


def verify(book: Book, study: Study, count: int, **how: Any) -> str:
    """Train a sample with the code as it is, and record that it gives the same scores."""
    check = studies.verify(
        study, place_of(book, study), commit=commit(book.root), count=count, **how
    )
    same = check.same == check.nets
    kind = "to the same bits" if same else f"at most {check.largest:.3g} apart"
    noun, done = study.unit
    return f"{study.name}: {check.nets} {noun} {done} again, {kind}; this code is recorded"


def repeat(book: Book, study: Study, key: str, **how: Any) -> str:
    """Train one net again, and say both scores."""
    try:
        old, new = studies.one_net(study, place_of(book, study), key, **how)
    except KeyError:
        raise BuildError(f"{study.name} has no net {key!r}") from None
    return f"{key}: {old:.9g} as stored, {new:.9g} now"


def options(executor: str, scheduler: str, jobs: int) -> dict[str, Any]:
    """Arguments of `sweeps.run`."""
    if executor not in sweeps.EXECUTORS:
        raise BuildError(f"unknown executor {executor!r}; valid: {', '.join(sweeps.EXECUTORS)}")
    return {"executor": executor, "address": scheduler, "jobs": jobs}
