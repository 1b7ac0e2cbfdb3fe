from __future__ import annotations

import hashlib

from analysis import contrast_first as cf
from tests.conftest import ROOT

#: Of the predictions as they were committed, before any of their cells was measured.
LOCKED = "80b5b1529c768a1f2be919d89479d910b271606062466aaf5d55e8e57f16b0ef"


def test_predictions_are_those_that_were_locked() -> None:
    content = (ROOT / cf.FOLDER / "predictions.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == LOCKED


def test_every_cell_and_estimand_has_one_prediction() -> None:
    locked = cf.predictions(ROOT)
    expected = {
        (cell.task, cell.snr, name) for cell in cf.cells().itertuples() for name in cf.ESTIMANDS
    }
    assert set(zip(locked.task, locked.snr, locked.estimand, strict=True)) == expected
    assert len(locked) == len(expected)
    assert (cf.cells().sound != "chirps").sum() >= 15


def test_no_net_stands_beside_every_frozen_net() -> None:
    looks = cf.looks()
    shown = {(look.sound, look.snr, look.draw) for look in looks}
    bare = {(look.sound, look.snr, look.draw) for look in looks if look.feed.arm == "no net"}
    assert shown == bare
    assert len(set(looks)) == len(looks)
