"""Checks of the book that need two runs, the installed packages or other hosts.

``python -m analysis check`` lists them. Each returns findings; none changes anything.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd

from analysis.publishing.execution import CHECKSUMS, NOTEBOOK
from analysis.publishing.figures import NARROW

#: Files of a results folder that tell when and how fast it was made.
_TIMED = (NOTEBOOK, "telemetry.json", CHECKSUMS)


class Tolerance(NamedTuple):
    """How far a chapter's numbers may move, relative to the largest magnitude of their column."""

    threads: float = 1e-3  # on another number of threads: sums are taken in another order
    processor: float = 2e-2  # on another kind of processor: all arithmetic is; training amplifies


#: Where other than the usual is known: chapters that train nothing, or little; one whose accuracy
#: moves by one clip in the few hundred that a classifier is fitted to; one that measures time in
#: steps, of which an interval's bound may be one off (0.4 % seen); and one that rebuilds sounds
#: from the coarsest code of a trained autoencoder (1.3 dB seen where the best is 43 dB: 3.0 %).
TOLERANCES: Mapping[str, Tolerance] = {
    "data-card": Tolerance(1e-6, 1e-6),
    "performance": Tolerance(1e-6, 1e-6),
    "which-step": Tolerance(1e-6, 1e-6),
    "your-data": Tolerance(1e-6),
    "saved-as-rgb": Tolerance(5e-3),
    "intensity-kernel": Tolerance(1e-2),
    "compression": Tolerance(5e-2, 5e-2),
}

#: Settings under which the numerical libraries compute as on other kinds of processor.
PROCESSORS: Mapping[str, Mapping[str, str]] = {
    "oldest": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Haswell",
        "NUMBA_CPU_NAME": "generic",
    },
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Zen",
        "NUMBA_CPU_NAME": "x86-64-v3",
    },
    "avx512": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "NUMBA_CPU_NAME": "x86-64-v4",
    },
}

_SECONDS = 15.0

#: Where a result's own size is no scale, for it is a difference near 0, or a decision at its edge:
#: how its name begins, and what may be nothing. A few of the clips that a classifier is tested
#: on; a net and a linear coder that agree to 0.01 dB; two ways of computing the same.
_NEAR_ZERO = {
    "compression-instruments": 2.0,  # points
    "fig-classifier-under-compression.csv: change": 2.0,  # points
    "fig-classifier-under-compression.csv: equivalent": 0.05,  # share of the rows
    "compression-net-gain": 0.01,
    "transfer-stem-sum": 1e-5,
}

#: How the names end of sentences that tell how many nets gave the same bits when trained again:
#: on another processor fewer do, and the build itself has compared them.
_SAMPLE = "-source"

#: A number in a text.
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"

#: What is smaller is the rounding of float32 itself ("the formula meets the tables to 3e-07"): on
#: another processor it is another.
_ROUNDING = 1e-6


# --- the same bytes --------------------------------------------------------------------------


def result_files(folder: Path) -> dict[str, bytes]:
    """Contents of a chapter's results by name, less those that tell the time."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in paths
        if path.name not in _TIMED
    }


def deviations(first: Path, second: Path, tolerance: float | None = None) -> list[str]:
    """Say where the results folders of two runs of a chapter differ, one sentence a file.

    Without a tolerance every byte must be the same. With it only the data are compared: numbers of
    a column (or of a name in ``numbers.json``) may differ by so much of the largest magnitude
    among them, texts and verdicts not at all. A longer number beside an axis may decide whether a
    figure has a narrow version.
    """
    a, b = result_files(first), result_files(second)
    free = () if tolerance is None else (NARROW,)
    lone = [name for name in sorted(a.keys() ^ b.keys()) if not name.endswith(free)]
    found = [f"{name} is in one run only" for name in lone]
    for name in sorted(a.keys() & b.keys()):
        if a[name] == b[name]:
            continue
        if tolerance is None:
            found.append(f"{name} differs")
        elif name == "ledger.json":
            found += _other_verdicts(a[name], b[name])
        elif name == "numbers.json":
            found += _far_numbers(json.loads(a[name]), json.loads(b[name]), tolerance)
        elif name.endswith(".csv"):
            one, other = (pd.read_csv(folder / name) for folder in (first, second))
            found += _far_columns(one, other, tolerance, name)
    return found


def _other_verdicts(first: bytes, second: bytes) -> list[str]:
    kept = ("claim", "verdict", "strength", "figure", "section", "part")
    one, other = (
        {key: [entry[name] for name in kept] for key, entry in json.loads(text).items()}
        for text in (first, second)
    )
    return [f"ledger.json: {key}" for key in sorted(one | other) if one.get(key) != other.get(key)]


def _far_numbers(first: Any, second: Any, tolerance: float) -> list[str]:
    found = []
    for name in sorted(first | second):
        if name.endswith(_SAMPLE):
            continue
        (texts, one), (said, other) = (
            _split(n.get(name, {}).get("value")) for n in (first, second)
        )
        if texts != said or _far(one, other, tolerance, name):
            found.append(f"numbers.json: {name}")
    return found


def _split(value: Any) -> tuple[list[str], pd.Series[Any]]:
    """Split a stored result into its words and its numbers; texts such as intervals hold both.

    >>> words, numbers = _split(["turbo", "-2.4 [-8.6, +3.9]"])
    >>> words, numbers.tolist()
    (['turbo', '# [#, #]'], [-2.4, -8.6, 3.9])
    """
    parts = np.ravel(np.array(value, object))
    words = [re.sub(_NUMBER, "#", part) for part in parts if isinstance(part, str)]
    numbers = [re.findall(_NUMBER, part) if isinstance(part, str) else [part] for part in parts]
    return words, pd.Series([number for some in numbers for number in some], dtype=np.float64)


def _far_columns(
    first: pd.DataFrame, second: pd.DataFrame, tolerance: float, file: str
) -> list[str]:
    if list(first) != list(second) or len(first) != len(second):
        return [f"{file}: another shape"]
    names = {f"{file}: {name}": name for name in first}
    return [
        label
        for label, name in names.items()
        if _far(first[name], second[name], tolerance, label.removeprefix("figures/"))
    ]


def _far(first: pd.Series[Any], second: pd.Series[Any], tolerance: float, name: str) -> bool:
    """Whether two columns differ by more than a share of their largest magnitude."""
    near = [size for begin, size in _NEAR_ZERO.items() if name.startswith(begin)]
    if all(pd.api.types.is_bool_dtype(column) for column in (first, second)):
        return len(first) != len(second) or float((first != second).mean()) > max(near, default=0)
    if not all(pd.api.types.is_numeric_dtype(column) for column in (first, second)):
        return not first.equals(second)
    one, other = (column.to_numpy(np.float64) for column in (first, second))
    if one.shape != other.shape:
        return True
    scale = np.nanmax(np.abs(np.where(np.isfinite(one), one, 0)), initial=0.0)
    allowed = max(tolerance * float(scale), _ROUNDING, *near)
    return not np.allclose(one, other, rtol=0, atol=allowed, equal_nan=True)


# --- licences and known vulnerabilities ------------------------------------------------------

#: Words of licences that a BSD-licensed book may import and a reader may install beside it:
#: permissive ones, and weak copyleft that ends at the library's own files.
COMPATIBLE = (
    r"MIT|MIT-0|MIT-CMU|HPND|BSD|[023]-?clause|Apache|Python|PSF|CNRI|ISC|Zlib|Unlicense|CC0|"
    r"public domain|MPL|Mozilla|LGPL|Lesser|Boost|BSL-1|libtiff|bzip2|GCC-exception|GCC.RLE|Intel"
)


@dataclass(frozen=True)
class Package:
    """A locked package; `licence` is empty if it is not installed here or says nothing."""

    name: str
    version: str
    licence: str

    @property
    def compatible(self) -> bool:
        """Whether each licence that applies is a compatible one, or offers one."""
        return all(re.search(COMPATIBLE, part, re.I) for part in self.licence.split(" AND "))


def packages(*locks: Path) -> list[Package]:
    """Read the packages of lock files, and the licence of each."""
    found = []
    for line in (line for lock in locks for line in lock.read_text("utf-8").split()):
        name, _, version = line.partition("==")
        found.append(Package(name, version, _licence(name)))
    return found


def _licence(name: str) -> str:
    """Licence expression of an installed package, else its classifiers, text or file's heading."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return ""
    told: Any = package.metadata
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    classifiers = [text for text in told.get_all("Classifier") or () if "License ::" in text]
    names = [text.rpartition(" :: ")[2] for text in classifiers]
    names += str(told.get("License") or "").strip().splitlines()[:1]
    if names in ([], ["UNKNOWN"]):
        files = [path for path in package.files or () if path.name.startswith("LICEN")]
        names = [" ".join(path.read_text().split())[:60] for path in files[:1]]
    return " or ".join(dict.fromkeys(names))


def audit(*locks: Path) -> tuple[str, str]:
    """Ask for known vulnerabilities of the locked packages: "clean", "found" or "skipped"; why."""
    if find_spec("pip_audit") is None:
        return "skipped", "pip-audit is not installed (pip install pip-audit)"
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format=json"]
    command += [word for lock in locks for word in ("--requirement", str(lock))]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return _audited(json.loads(run.stdout)["dependencies"])
    except ValueError:  # no answer in JSON: pip-audit itself failed
        last = (run.stderr.strip().splitlines() or [f"status {run.returncode}"])[-1]
        return "skipped", f"the data on vulnerabilities could not be read: {last}"


def _audited(answers: list[dict[str, Any]]) -> tuple[str, str]:
    """State and report; pip-audit calls "clean" what it could ask nobody about."""
    unknown = [one["skip_reason"] for one in answers if "skip_reason" in one]
    found = [
        f"{one['name']} {one['version']}: {known['id']}"
        + (f", mended in {', '.join(known['fix_versions'])}" if known["fix_versions"] else "")
        for one in answers
        for known in one.get("vulns", ())
    ]
    if answers and len(unknown) == len(answers):
        return "skipped", f"nothing is known of any of {len(answers)} packages ({unknown[0]})"
    report = [f"{len(answers) - len(unknown)} of {len(answers)} packages audited", *found, *unknown]
    return ("found" if found else "clean"), "\n".join(report)


# --- addresses on other hosts ----------------------------------------------------------------


def addresses(root: Path) -> dict[str, str]:
    """Addresses on other hosts that the book's texts name, and which file names each first."""
    found: dict[str, str] = {}
    texts = [*sorted((root / "book").glob("*.md")), *sorted(root.glob("*.md"))]
    for path in [*texts, root / "CITATION.cff", root / "book" / "references.bib"]:
        for address in _addresses(path.read_text("utf-8") if path.exists() else ""):
            found.setdefault(address, path.name)
    return found


def _addresses(text: str) -> Iterator[str]:
    for doi in re.findall(r"(?m)^\s*doi\s*=\s*[{\"]([^}\"]+)[}\"]", text):
        yield f"https://doi.org/{doi}"
    for address in re.findall(r"https?://[^\s<>\"'`{}\\]+", text):
        trimmed = address.rstrip(".,;:!?*")
        while trimmed.endswith(")") and trimmed.count("(") < trimmed.count(")"):
            trimmed = trimmed[:-1].rstrip(".,;:")
        if not re.match(r"https?://(127\.0\.0\.1|localhost)\b", trimmed):
            yield trimmed


def reach(wanted: Mapping[str, str]) -> dict[str, str]:
    """Ask for addresses, several at a time: "ok", "gone" (404, 410), or why it cannot be told."""
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(wanted, pool.map(_reach, wanted), strict=True))


def _reach(address: str) -> str:
    request = Request(address, headers={"User-Agent": "coloured-spectrogram-link-check"})
    try:
        with urlopen(request, timeout=_SECONDS) as answer:
            return "ok" if answer.status < 400 else f"HTTP {answer.status}"
    except HTTPError as error:
        return "gone" if error.code in (404, 410) else f"HTTP {error.code}"
    except URLError as error:
        return f"no answer: {error.reason}"
    except (OSError, ValueError) as error:
        return f"no answer: {error}"
