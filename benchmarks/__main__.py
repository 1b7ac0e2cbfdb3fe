"""``python -m benchmarks``: run all benchmarks, or some, and store what they found.

Each runs in a process of its own, so that none inherits another's caches or threads. What is
finished is stored at once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

NAMES = (
    "jpeg",
    "colormaps",
    "training",
    "patterns",
    "knots",
    "front_end",
    "recordings",
    "uncolouring",
    "cluster",
    "book",
)
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


def machine() -> dict[str, str | int | float]:
    """Describe the machine, without its name."""
    import psutil

    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        processor = models[0] if models else processor
    memory = psutil.virtual_memory().total / 2**30
    return {
        "processor": processor,
        "cores": os.cpu_count() or 1,
        "memory_gb": round(memory),
        "load": round(os.getloadavg()[0], 1),
    }


def peer_versions(modules: tuple[str, ...]) -> dict[str, str]:
    """Versions of the peers that take part, by the name of their package."""
    from benchmarks.harness import why_absent
    from benchmarks.peers import SOURCES

    known = packages_distributions()
    found = {}
    for module in modules:
        if module in SOURCES and why_absent(module) is None:
            found[module] = SOURCES[module].version
        for package in known.get(module, []):
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
    return found


def run_one(name: str, rounds: int) -> dict[str, object]:
    """Run a benchmark; what is stored of it."""
    from analysis.building.book import commit
    from analysis.publishing.provenance import versions
    from analysis.timing.timings import MEASURED
    from benchmarks.harness import Effort, why_absent

    module = import_module(f"benchmarks.{name}")
    before = {"commit": commit(MEASURED.parents[1]), "machine": machine()}  # work changes the load
    began = time.perf_counter()
    found = [vars(row) for row in module.measure(Effort(rounds))]
    print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return before | {
        "title": module.TITLE,
        "command": f"make bench ONLY={name}",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions() | peer_versions(module.PEERS),
        "absent": [why for peer in module.PEERS if (why := why_absent(peer))],
        "rows": found,
    }


def store(path: Path, name: str, suite: dict[str, object]) -> None:
    """Put a benchmark's result beside the others'."""
    from analysis.files import write_json
    from analysis.timing.timings import SCHEMA

    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    kept = known.get("benchmarks", {}) if known.get("schema") == SCHEMA else {}
    write_json(path, {"schema": SCHEMA, "benchmarks": kept | {name: suite}})


def main(arguments: list[str] | None = None) -> None:
    """Run benchmarks, each in a process of its own."""
    from analysis.timing.timings import MEASURED

    about = "Run benchmarks, all or some, and store what they found."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(NAMES)}; all by default")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every contender")
    parser.add_argument("--output", type=Path, default=MEASURED)
    parser.add_argument("--here", action="store_true", help="run in this very process")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; valid: {', '.join(NAMES)}")
    for name in options.names or NAMES:
        if options.here:
            store(options.output, name, run_one(name, options.rounds))
            continue
        command = [sys.executable, "-m", "benchmarks", name, "--here", "--rounds"]
        command += [str(options.rounds), "--output", str(options.output)]
        if subprocess.run(command, env=os.environ | ONE_THREAD, check=False).returncode:
            sys.exit(f"benchmark {name} failed; those before it are in {options.output}")
    if not options.here:
        print(f"Stored in {options.output}; the page `performance` shows it after `make book`.")


if __name__ == "__main__":
    main()
