"""The forecast: what is said follows from the index, and what is judged from the interval."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.bands.band_index import BandIndex
from analysis.bands.band_tasks import MARGIN, Prediction, predict
from analysis.bands.forecast import Forecast, forecast
from analysis.evidence import measurements
from analysis.evidence.statistics import Interval

KNOWN = BandIndex(Interval(0.6, 0.5, 0.7), Interval(0.2, 0.1, 0.3))
NOTHING = BandIndex(Interval(np.nan, -np.inf, np.inf), Interval(0.0, -0.1, 0.1))


def test_data_with_bands_are_told_from_data_without() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    wide = rng.normal(0, 1 + labels[:, None, None], (200, 2, 12))
    random = rng.normal(size=(200, 2, 12))
    calibration = measurements.locked("intensity-kernel", "calibration")
    bands, none = (forecast(values, labels, np.arange(200)) for values in (wide, random))
    assert bands is not None and none is not None
    assert bands.prediction == predict(bands.index, calibration) and bands.prediction.positive
    assert bands.index.index.low > 0.3
    assert not none.prediction.positive and none.told().startswith("Band index: none")


@pytest.mark.parametrize(("gain", "answers"), [
    (0.05, ("right", "wrong", "not settled", "not settled")),
    (0.0, ("wrong", "right", "not settled", "not settled")),
])  # fmt: skip
def test_right_wrong_or_not_settled(gain: float, answers: tuple[str, ...]) -> None:
    said = Forecast(KNOWN, Prediction(gain, gain - 0.1, gain + 0.1))
    came = [
        Interval(0.03, MARGIN, 0.05),
        Interval(0.0, -0.03, MARGIN - 1e-9),
        Interval(0.02, 0.0, 0.05),
        Interval(0.0, -0.03, MARGIN),
    ]
    assert tuple(map(said.judged, came)) == answers
    words = {"right": "was right", "wrong": "was wrong", "not settled": "cannot tell"}
    for one in came:
        assert words[said.judged(one)] in said.outcome(one)


def test_what_is_told_holds_index_and_interval() -> None:
    told = Forecast(KNOWN, Prediction(0.123, 0.05, 0.2)).told()
    assert "0.60 [0.50, 0.70]" in told and "colour helps" in told
    assert "+12.3 [+5.0, +20.0]" in told
    assert "colour does not help" in Forecast(NOTHING, Prediction(0.0, -0.1, 0.1)).told()


def test_fewer_than_four_groups_give_none() -> None:
    assert forecast(np.zeros((6, 2, 2)), [0, 1] * 3, ["a", "b", "c"] * 2) is None
