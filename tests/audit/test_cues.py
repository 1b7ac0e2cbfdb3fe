"""Planted leaks are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.audit.cues import cues
from tests.audit.sets import noise


def test_padding_that_gives_the_class_away_is_found() -> None:
    data = noise(60, 8, 0)
    rng = np.random.default_rng(0)
    measures = pd.DataFrame(
        {"padding": 0.3 * data.labels + rng.random(60) / 10, "clipped": rng.random(60)}
    )
    table = cues(replace(data, measures=measures)).set_index("cue")
    assert table.verdict["padding"] == "helps" and table.accuracy["padding"] > 0.95
    assert table.verdict["clipped"] != "helps"
