"""The study of pretrained nets, small: measured, kept, measured again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import transfer_learning as tl
from analysis.pictures import steps
from analysis.pretrained import pieces
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.pieces import Cell, Lesson, Look, Training

RNG = np.random.default_rng(0)

TINY = replace(
    tl.SETTINGS["rehearsal"],
    draws={"chirps": (1, 2)}, clips=24, encodings=("gray3", "viridis"), controlled=("gray3",),
    side=32, taps=("stem",), crops=8, sides=(64,), step_sounds=(),
    training=Training(("chirps",), ("gray3", "viridis"), 2, 24, 32, (2, 3), batch=4),
)  # fmt: skip


@pytest.mark.slow
def test_a_study_is_measured_once_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"executor": "serial", "store": tmp_path}
    tables = pieces.measure(TINY, **how)
    nets = tables["nets"]
    for name, columns in pieces.TABLES.items():
        assert list(tables[name]) == list(columns)
    assert not nets.duplicated(list(pieces.KEY)).any()
    assert set(nets.stage) == {"pixels", "frozen", "trained"}
    folds = tables["folds"].groupby("net").test.agg(["mean", "size"])
    np.testing.assert_allclose(folds["mean"], nets.test[folds.index])
    assert (folds["size"] == 10).all()
    assert set(nets.stage.drop(folds.index)) == {"trained"}
    lessons = nets[nets.stage == "trained"].groupby(["encoding", "weights", "length"]).size()
    both = [("gray3", w, n) for w in ("imagenet", "random") for n in (2, 3)]
    assert lessons.index.tolist() == [*both, ("viridis", "imagenet", 2)]
    assert (lessons == 2).all()
    far = tables["distances"].set_index(["sound", "encoding", "norm"]).distance
    assert far["photographs", "other squares", "own"] < far["chirps", "gray3", "own"]
    rows = nets.iloc[[1, 20, len(nets) - 1]].rename(index=str)
    pd.testing.assert_series_equal(
        pieces.again(rows, TINY, executor="serial").test, rows.test, check_names=False
    )
    monkeypatch.setattr(pieces, "_run", None)  # all is kept
    for name, table in pieces.measure(TINY, **how).items():
        pd.testing.assert_frame_equal(table, tables[name])


def test_another_seed_draws_other_clips() -> None:
    one = replace(TINY, taps=(), encodings=("gray3",))
    drawn = [
        {p.draw for p in pieces.every(pieces._drawn(one, s)) if isinstance(p, Look)} for s in (0, 5)
    ]
    assert drawn == [{1, 2}, {6, 7}]


def test_the_factorial_has_every_cell_in_both_nets() -> None:
    plan = replace(TINY, step_sounds=("chirps",), step_clips=24, step_sides=(64, 32))
    cells = [one for one in pieces.every(plan) if isinstance(one, Cell)]
    assert (
        len({(cell.on, cell.weights) for cell in cells})
        == len(cells)
        == 2 ** (1 + len(steps.STEPS))
    )
    chosen = [cell for cell in cells if len(cell.on) in (0, len(steps.STEPS))]
    table = pieces._tables(list(chosen), [one.run() for one in chosen])["nets"]
    assert set(table.steps) == {"", "; ".join(steps.STEPS)}
    assert set(table.stem) == {"sum", "rgb"} - {"sum"} | {"rgb"}
    assert np.isfinite(table.test).all()


@pytest.mark.parametrize("profile", tl.SETTINGS)
def test_no_two_pieces_have_one_name(profile: str) -> None:
    names = [tuple(one.label().values()) for one in pieces.every(tl.SETTINGS[profile])]
    assert len(set(names)) == len(names)
    count, seconds = pieces.estimate(tl.SETTINGS[profile])
    assert count == len(names)
    assert seconds > 0


def test_a_look_without_a_net_reads_the_pixels() -> None:
    found = pd.DataFrame(Look("chirps", 1, 60, bare=True).run()["rows"])
    assert set(found.probe) == {"pixels"}
    assert found.test.mean() > 0  # better than the mean of all clips


def test_a_lesson_tests_each_fold_by_one_seed() -> None:
    lessons = [one for one in pieces.every(TINY) if isinstance(one, Lesson)]
    assert {one.net for one in lessons if one.encoding == "gray3"} == {
        Net(weights, seed) for weights in ("imagenet", "random") for seed in (0, 1)
    }


def test_only_the_summed_stem_changes_nothing() -> None:
    table = pieces.stem_changes(RNG.random((3, 32, 32)).astype(np.float32))
    worst = table.groupby("stem").change.max()
    assert worst["sum"] < 1e-3
    assert worst["average"] > 0.1
    assert worst["new"] > 0.1
