"""Hands what was read of a folder to the process that reports on it: one file, without pickle."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.audit.plan import Plan
from analysis.files import atomic_path
from analysis.reading.untrusted import FrontEnd
from analysis.recordings.listing import LeftOut
from analysis.recordings.recordings import Recordings


@dataclass(frozen=True)
class Prepared:
    """A set that is ready to be learned."""

    recordings: Recordings
    plan: Plan  # how much is trained
    #: when it should be done, in seconds since the epoch; infinite without a time budget
    until: float = math.inf

    def save(self, path: Path) -> None:
        """Write arrays as NumPy does, and all else as JSON among them; `path` ends in ``.npz``."""
        known = {field.name: getattr(self.recordings, field.name) for field in fields(Recordings)}
        arrays: dict[str, Any] = {
            name: one for name, one in known.items() if isinstance(one, np.ndarray)
        }
        rest = {name: one for name, one in known.items() if name not in arrays} | {
            "measures": self.recordings.measures.to_dict("list"),
            "left_out": [(one.name, one.reason) for one in self.recordings.left_out],
            "front": asdict(self.recordings.front),
        }
        text = json.dumps({"rest": rest, "plan": asdict(self.plan), "until": self.until})
        with atomic_path(path) as temporary:
            np.savez(temporary, json=np.frombuffer(text.encode(), np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path) -> Prepared:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        known = json.loads(arrays.pop("json").tobytes())
        rest = _tuples(known["rest"]) | {
            "measures": pd.DataFrame(known["rest"]["measures"]),
            "left_out": tuple(LeftOut(*one) for one in known["rest"]["left_out"]),
            "front": FrontEnd(**_tuples(known["rest"]["front"])),
        }
        return cls(Recordings(**arrays, **rest), Plan(**_tuples(known["plan"])), known["until"])


def _tuples(known: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists only."""
    return {name: tuple(one) if isinstance(one, list) else one for name, one in known.items()}
