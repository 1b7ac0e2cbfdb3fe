"""What a time budget buys."""

from __future__ import annotations

from pathlib import Path

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
