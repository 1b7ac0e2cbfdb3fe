"""A sweep's results are the same however it is run, and none is made twice."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.nets import sweeps
from analysis.nets.sweeps import Work


def square(x: int) -> dict[str, Any]:
    return {"x": x, "square": torch.tensor([x * x])}


WORK = [Work(f"{i:064}"[::-1], square, (i,), cost=i % 3) for i in range(5)]


@pytest.mark.parametrize("executor", ["serial", "loky"])
def test_results_come_in_order(executor: str, tmp_path: Path) -> None:
    found = sweeps.run(WORK, executor=executor, jobs=2, store=tmp_path)
    assert [one["x"] for one in found] == [0, 1, 2, 3, 4]
    assert [int(one["square"]) for one in found] == [0, 1, 4, 9, 16]
    assert len(list(tmp_path.iterdir())) == 5


def test_the_long_ones_go_first_and_the_finished_are_kept(tmp_path: Path) -> None:
    done: list[int] = []

    def dies(x: int) -> dict[str, Any]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(x)
        return square(x)

    pieces = [Work(one.key, dies, one.arguments, cost=one.cost) for one in WORK]
    with pytest.raises(KeyboardInterrupt):
        sweeps.run(pieces, executor="serial", store=tmp_path)
    assert done == [2, 1, 4]
    done.clear()
    found = sweeps.run(pieces, executor="serial", store=tmp_path)
    assert done == [0, 3]
    assert [one["x"] for one in found] == [0, 1, 2, 3, 4]
    other = [Work("another" + one.key, dies, one.arguments) for one in WORK[:1]]
    done.clear()
    sweeps.run(other, executor="serial", store=tmp_path)
    assert done == [0]  # another key: made anew


def test_whoever_watches_is_told_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    sized = [Work(one.key, square, one.arguments, size=i + 1) for i, one in enumerate(WORK)]
    sweeps.run(sized[:2], executor="serial", store=tmp_path, tell=lambda *how: told.append(how))
    assert [how[:2] for how in told] == [(1, 3), (3, 3)]
    assert told[0][2] > 0 and told[1][2] == 0
    told.clear()
    sweeps.run(sized, executor="serial", store=tmp_path, tell=lambda *how: told.append(how))
    assert [how[:2] for how in told] == [(6, 15), (10, 15), (15, 15)]  # three were kept before
    told.clear()
    sweeps.run(sized, executor="serial", store=tmp_path, tell=lambda *how: told.append(how))
    assert told == []


def test_nothing_to_do_starts_nothing() -> None:
    assert sweeps.run([], executor="dask", address="tcp://127.0.0.1:1") == []


def test_an_error_of_the_work_is_seen() -> None:
    with pytest.raises(TypeError, match="multiply"):
        sweeps.run([Work("key", square, ("text",))], executor="serial")


def test_another_executor_is_refused() -> None:
    with pytest.raises(ValueError, match="executor must be"):
        sweeps.run(WORK, executor="slurm")


def test_without_distributed_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match="pip install"):
        sweeps.run(WORK, executor="dask", address="tcp://127.0.0.1:1")


def test_checkpoints_outlive_the_folder_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "_build" / "runs" / ".killed"
    run.mkdir(parents=True)
    monkeypatch.chdir(run)
    expected = tmp_path / "_build" / "checkpoints" / "chapter"
    assert sweeps.checkpoint_folder("auto", "chapter") == expected
    assert sweeps.checkpoint_folder("elsewhere", "chapter") == Path("elsewhere")
    monkeypatch.chdir(tmp_path)
    assert sweeps.checkpoint_folder("auto", "chapter") == expected


def threads() -> dict[str, Any]:
    return {"threads": torch.get_num_threads()}


@pytest.mark.parametrize("executor", ["serial", "loky"])
def test_every_piece_has_one_thread_and_leaves_the_others_theirs(executor: str) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = sweeps.run([Work("key", threads, ())], executor=executor, jobs=1)
        assert found == [{"threads": 1}]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_fingerprint_is_that_of_the_code_and_its_tables() -> None:
    found = sweeps.fingerprint(sweeps, square, {"a": 1})
    assert found == sweeps.fingerprint(sweeps, functools.cache(square), {"a": 1})  # no address
    assert sweeps.fingerprint(np.arange(9999)) != sweeps.fingerprint(np.arange(9999) % 9998)
    others = [(square, {"a": 1}), (sweeps, threads, {"a": 1}), (sweeps, square, {"a": 2})]
    assert len({found, *(sweeps.fingerprint(*parts) for parts in others)}) == 4
