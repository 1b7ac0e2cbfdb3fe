"""The book itself: built from nothing, again, after an edit; serially and in parallel.

A clone in a temporary folder is built by the installed environment, with a user's cache of its own,
so that nothing is reused or changed. A cold build takes minutes and is done once each way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from analysis.building.checks import deviations, result_files
from analysis.timing.timings import OURS, Row
from benchmarks.harness import Contender, Effort, ours, rows

TITLE = "The book"
PEERS = ()
ROOT = Path(__file__).resolve().parent.parent

#: The chapter that is edited: one that computes for some seconds.
EDITED = "channel-filters"


def clone(folder: Path) -> Path:
    """Clone this checkout, as committed."""
    target = folder / "book"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    return target


def build(root: Path, jobs: int) -> float:
    """Bring the book in a folder up to date; seconds.

    Raises
    ------
    RuntimeError
        If it fails, with the end of what it said.
    """
    environment = os.environ | {
        "PYTHONPATH": str(root / "src"),
        "XDG_CACHE_HOME": str(root.parent / "cache"),  # a reader's first build finds none
    }
    environment.pop("OMP_NUM_THREADS", None)
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "analysis", "book", "--jobs", str(jobs)],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise RuntimeError(f"the build failed: {(run.stderr + run.stdout)[-2000:]}")
    return time.perf_counter() - began


def edit(root: Path, mark: int) -> None:
    """Change one chapter's text."""
    path = root / "book" / f"{EDITED}.md"
    path.write_text(path.read_text("utf-8") + f"\n<!-- edit {mark} -->\n", "utf-8")


def telemetry(root: Path) -> dict[str, dict[str, float]]:
    """Seconds and peak memory of each chapter, as its execution wrote them."""
    files = sorted((root / "_build" / "executed" / "edition").glob("*/telemetry.json"))
    return {path.parent.name: json.loads(path.read_text("utf-8")) for path in files}


def compared(first: Path, second: Path) -> dict[str, float]:
    """Count the results files of two builds, and those that are not the same bytes."""
    one, two = (root / "_build" / "executed" / "edition" for root in (first, second))
    return {"results files": len(result_files(one)), "that differ": len(deviations(one, two))}


def measure(effort: Effort) -> list[Row]:
    """Build; a small effort builds nothing."""
    if effort.small:
        return []
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as parallel, tempfile.TemporaryDirectory() as serial:
        here, there = clone(Path(parallel)), clone(Path(serial))
        cold = build(here, cores)
        known = telemetry(here)
        alone = build(there, 1)
        bytes_of_both = compared(here, there)
        warm, edited = [], []
        for mark in range(3):
            warm.append(build(here, cores))
            edit(here, mark)
            edited.append(build(here, cores))
    peak = max(one["peak_bytes"] for one in known.values()) / 2**30
    slowest = max(one["seconds"] for one in known.values())
    found = rows(
        "from nothing", "builds",
        [
            _timed(OURS, jobs=float(cores), **{"largest chapter (GiB)": peak}),
            _timed("this book, one chapter at a time", jobs=1.0, **bytes_of_both),
            _timed("the slowest chapter alone", role="limit"),
        ],
        np.array([[cold, alone, slowest]]),
    )  # fmt: skip
    again = np.stack([np.full(3, cold), np.array(edited), np.array(warm)], axis=1)
    names = (OURS, "after an edit of one chapter", "with nothing changed")
    found += rows("again", "builds", [_timed(name) for name in names], again)
    spent = np.array([[cold, *(one["seconds"] for one in known.values())]])
    chapters = [
        _timed(name, **{"peak memory (GiB)": one["peak_bytes"] / 2**30})
        for name, one in known.items()
    ]
    return [*found, *rows("chapter by chapter", "builds", [_timed(OURS), *chapters], spent)]


def _timed(name: str, role: str = "variant", **details: float) -> Contender:
    """Name something that was timed already."""
    if name == OURS:
        return ours(lambda: None, **details)
    return Contender(name, lambda: None, role, 1.0, details)  # type: ignore[arg-type]
