"""Says beforehand whether colour will help on a data set, and afterwards whether that was right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from analysis.bands.band_index import BandIndex, band_index
from analysis.bands.band_tasks import MARGIN, Prediction, predict
from analysis.evidence import measurements
from analysis.evidence.statistics import Interval
from analysis.evidence.words import interval, points


@dataclass(frozen=True)
class Forecast:
    """The band index of a data set, and the gain that it lets one expect of colour."""

    index: BandIndex
    prediction: Prediction

    def told(self) -> str:
        """Say it in words, before anything is trained."""
        if not self.index.known:
            return (
                "Band index: none, for single pixels tell nothing of the class by themselves. "
                "Predicted: colour does not help."
            )
        index, said = f"{self.index.index:.2f}".replace("-", "−"), self.prediction
        helps = "colour helps" if said.positive else "colour does not help"
        return (
            f"Band index: {index}, the share of what single pixels tell of the class that no "
            "rising or falling function of their level carries. Predicted, by what turbo gained on "
            f"made textures: {helps}; colour − raw = {interval(*said)} points."
        )

    def judged(self, came: Interval) -> Literal["right", "wrong", "not settled"]:
        """Judge by the measured gain: its interval lies on the predicted side of a point, or not.

        >>> told_nothing = BandIndex(Interval(0.5, -1, 2), Interval(0.0, -0.1, 0.1))
        >>> cautious = Forecast(told_nothing, Prediction(0.0, -0.1, 0.1))
        >>> cautious.judged(Interval(0.0, -0.02, 0.005)), cautious.judged(Interval(0.1, 0.05, 0.2))
        ('right', 'wrong')
        """
        if came.low < MARGIN <= came.high:
            return "not settled"
        return "right" if (came.low >= MARGIN) == self.prediction.positive else "wrong"

    def outcome(self, came: Interval) -> str:
        """Say in words whether it was right, once nets are trained."""
        answer = {
            "right": "The prediction was right.",
            "wrong": "The prediction was wrong.",
            "not settled": "Whether the prediction was right, this run cannot tell.",
        }
        said = "helps, by" if self.prediction.positive else "does not help, not by"
        measured = interval(came.estimate, came.low, came.high)
        return (
            f"Predicted: colour {said} {points(MARGIN)[1:]} points or more. "
            f"Measured: {measured} points. {answer[self.judged(came)]}"
        )


def forecast(
    values: NDArray[Any], labels: ArrayLike, groups: ArrayLike, seed: int = 0
) -> Forecast | None:
    """Forecast what colour does for nets on pictures with classes; None if there is no telling.

    Arguments as of `band_index`. The line from index to gain is that of `band_tasks.CALIBRATION`,
    which nets on made textures gave for turbo. There is no telling where groups are fewer than four
    or the calibration is not at hand.
    """
    try:
        found = band_index(values, labels, groups, seed=seed)
        calibration = measurements.locked("intensity-kernel", "calibration")
    except (ValueError, FileNotFoundError):
        return None
    return Forecast(found, predict(found, calibration))
