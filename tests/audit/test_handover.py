"""What one process hands to another is what it had."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.audit.handover import Prepared
from analysis.recordings.recordings import Recordings, load
from tests.audit.sets import TINY, noise


@pytest.mark.parametrize("until", [math.inf, 1.25])
def test_all_comes_back(folder: Path, tmp_path: Path, until: float) -> None:
    (folder / "cat" / "not sound.wav").write_text("text")
    sounds = load(folder, size=(8, 8))
    assert sounds.left_out and math.isnan(sounds.share_on_map)
    for data in (sounds, replace(noise(12, 8, 0), groups=np.array(["g", "é", "猫"] * 4))):
        Prepared(data, TINY, until).save(tmp_path / "kept.npz")
        again = Prepared.load(tmp_path / "kept.npz")
        assert (again.plan, again.until) == (TINY, until)
        assert again.recordings.digest() == data.digest()
        for field in fields(Recordings):
            mine, theirs = (getattr(one, field.name) for one in (data, again.recordings))
            if isinstance(mine, pd.DataFrame):
                pd.testing.assert_frame_equal(theirs, mine)
            else:
                np.testing.assert_equal(theirs, mine)


def test_what_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Prepared.load(tmp_path / "gone.npz")
