"""Small made sets, as `load` would give them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.audit.plan import Plan
from analysis.reading.untrusted import FrontEnd
from analysis.recordings.listing import LeftOut
from analysis.recordings.recordings import Recordings

TINY = Plan(8, folds=2, repeats=2, steps=12, most=1000, shares=(0.5,), colours=("jet",))


def made(db: np.ndarray, labels: np.ndarray, **more: Any) -> Recordings:
    """A set of arrays in decibels, as `load` would give it."""
    count, rows, columns = db.shape
    plain = {
        "name": "made",
        "planes": db[:, None].astype(np.float32),
        "labels": labels.astype(np.int64),
        "label_names": tuple(f"class {k}" for k in range(labels.max() + 1)),
        "groups": np.full(count, ""),
        "split": np.full(count, ""),
        "files": np.array([f"{i}.npy" for i in range(count)]),
        "measures": pd.DataFrame({"padding": np.zeros(count), "clipped": np.zeros(count)}),
        "left_out": (LeftOut("x.wav", "silent"),),
        "notes": (),
        "front": FrontEnd("arrays", source=(rows, columns), size=(rows, columns)),
        "decibels": True,
    }
    return Recordings(**(plain | more))


def noise(count: int, side: int, seed: int) -> Recordings:
    rng = np.random.default_rng(seed)
    return made(5 * rng.normal(size=(count, side, side)) - 40, np.arange(count) % 2)
