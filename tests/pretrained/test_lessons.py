from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analysis import fine_tuning as ft
from analysis.pretrained import lessons

#: Two nets and a trial, for seconds.
TINY = replace(
    ft.SETTINGS["edition"],
    sounds=("chirps",), arms={"imagenet": ("gray", "viridis")}, draws=(21,),
    swept={"imagenet": ("gray, faint",)}, rates={"chirps": (1e-3, 1e-2)}, afterwards={},
    clips=36, side=32, stops=(1, 2), heard=(),
)  # fmt: skip


@pytest.fixture(scope="module")
def measured() -> pd.DataFrame:
    return lessons.measure(TINY, executor="serial")["nets"]


def test_every_net_is_scored_at_every_stop_once(measured: pd.DataFrame) -> None:
    assert not measured.duplicated(list(lessons.KEY)).any()
    assert len(measured) == (2 + 2 + 2) * 2
    count, _ = lessons.estimate(TINY)
    assert count == measured.groupby(list(lessons.LESSON)).ngroups


def test_arms_are_trained_at_the_rate_that_did_best(measured: pd.DataFrame) -> None:
    tried = measured[(measured.stage == "rate") & (measured.steps == 2)].set_index("rate").test
    assert set(measured[measured.stage == "arm"].rate) == {tried.idxmax()}


def test_a_stop_is_the_same_where_training_goes_on(measured: pd.DataFrame) -> None:
    first = measured[(measured.stage == "arm") & lessons.quick(measured)]
    again = lessons.again(first, TINY, executor="serial")
    assert len(first) == 2
    assert again.test.tolist() == pytest.approx(first.test.tolist(), abs=1e-6)


def test_best_rate_is_that_of_the_last_stop_in_the_mean_of_arms() -> None:
    rows = [
        ("rate", "chirps", "imagenet", arm, rate, 20, steps, score, 0.0)
        for arm, rate, steps, score in (
            *(("gray", 1e-3, 10, 0.9), ("gray", 1e-2, 10, 0.1)),
            *(("gray", 1e-3, 50, 0.2), ("gray", 1e-2, 50, 0.5)),
            *(("viridis", 1e-3, 50, 0.6), ("viridis", 1e-2, 50, 0.4)),
        )
    ]
    table = pd.DataFrame(rows, columns=[*lessons.KEY, "test", "train"])
    assert lessons.best_rates(table) == {("chirps", "imagenet"): 1e-2}
