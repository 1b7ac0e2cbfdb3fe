"""Which run a result belongs to: chapter, parameters, commit, versions.

The executor (`analysis.building.graph`) writes one small file per chapter and names it in the
environment; `figures` and `ledger` read it to know where to write and what to say about the origin.
A notebook run by hand has no such file, and writes to ``_build/interactive``.
"""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from analysis.files import write_json

#: Environment variable that names the run's file.
RUN_FILE = "ANALYSIS_RUN"

_PACKAGES = ("numpy", "scipy", "matplotlib", "scikit-learn", "torch", "pillow")


@dataclass(frozen=True)
class Run:
    """One execution of one chapter.

    `directory` is where its results go, `parameters` are the notebook's, defaults included;
    `commit` ends in ``+`` if files had changed; `sources` are the results that it reads of other
    chapters; `edition` is the book's, `code` a digest of the modules that the chapter imports.
    """

    chapter: str
    directory: str
    parameters: dict[str, object] = field(default_factory=dict)
    commit: str = "unknown"
    version: str = "unknown"
    sources: dict[str, str] = field(default_factory=dict)
    edition: str = ""
    code: str = ""

    @property
    def path(self) -> Path:
        """The results directory."""
        return Path(self.directory)

    @property
    def interactive(self) -> bool:
        """Whether a person runs the cells, who may run one twice."""
        return self.chapter == "interactive"

    def save(self, path: Path) -> None:
        """Write the run's file."""
        write_json(path, asdict(self))


def current_run() -> Run:
    """Return this process's run, as the executor wrote it; without one, an "interactive" run."""
    name = os.environ.get(RUN_FILE)
    if name is None:
        return Run("interactive", str(Path("_build") / "interactive"))
    return Run(**json.loads(Path(name).read_text("utf-8")))


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result may depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def with_minus(text: str) -> str:
    """Set a minus for a negative number's hyphen, and a power of ten for an exponent.

    >>> with_minus("-1.5 (-2 to 3), 10-15, 1e-05, gray-3")
    '−1.5 (−2 to 3), 10-15, 1 × 10⁻⁵, gray-3'
    """
    text = re.sub(
        r"(?<![\w.])(\d(?:\.\d+)?)e([+-]\d\d+)\b",
        lambda found: f"{found[1]} × 10{str(int(found[2])).translate(_RAISED)}",
        text,
    )
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)
