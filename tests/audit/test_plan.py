"""What a time budget buys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.audit import plan as planning
from analysis.audit.plan import LADDER, choose_plan
from analysis.recordings.listing import DataError


def test_a_time_budget_buys_more_the_longer_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "speed", lambda: 0.001)
    plans = [choose_plan(minutes, 2) for minutes in (0.1, 1, 5, 20, 60, 600)]
    places = [LADDER.index(plan) for plan in plans]
    assert places == sorted(places) and places[0] == 0 and places[-1] > places[1]
    costs = [plan.seconds(0.001, 1) for plan in LADDER]
    assert costs == sorted(costs)
    kept = choose_plan(5, 2, tmp_path)
    monkeypatch.setattr(planning, "speed", lambda: 1.0)
    assert choose_plan(5, 2, tmp_path) == kept  # an interrupted run keeps its plan
    with pytest.raises(DataError, match="minutes must be positive"):
        choose_plan(0)


def test_speed_leaves_out_what_only_the_first_run_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, runs = [0.0], []

    def train(_build: Any, _images: Any, _goal: Any, stack: Sequence[Any], how: Any) -> None:
        clock[0] += (0.0 if runs else 5.0) + 0.01 * how.steps * len(stack)
        runs.append(how.steps)

    monkeypatch.setattr(planning.training, "train", train)
    monkeypatch.setattr(planning.time, "perf_counter", lambda: clock[0])
    assert planning.speed() == pytest.approx(0.01)
