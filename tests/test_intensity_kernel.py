"""The chapter's experiments and the rules of its verdicts."""

import numpy as np
import pandas as pd
import pytest

from analysis import intensity_kernel as ik
from analysis.wide_nets import learning_speed
from analysis.wide_nets.kernels import TARGETS

TINY = ik.Settings(
    seeds=2,
    width=64,
    trained=("turbo",),
    cells=(ik.Cell("equal_energy", "threshold", ik.LAZY),),
    widths=(4, 32),
    width_seeds=3,
    curves=2,
    sigmas=(24,),
    draws=2,
    net_seeds=2,
    net_steps=(20,),
)


def test_the_experiments_have_the_documented_columns_and_repeat():
    times = ik.training_times(TINY, seed=5)
    assert len(times) == 4
    pd.testing.assert_frame_equal(times, ik.training_times(TINY, seed=5))
    ratio = ik.speed_ratios(times).iloc[0]
    assert ratio.encoding == "turbo"
    assert ratio.low <= ratio.measured <= ratio.high
    narrow = ik.finite_width(["turbo"], TINY, goal="threshold")
    assert list(narrow.width) == [4, 32]
    assert narrow.reached.between(0, 1).all()


def test_kernels_drift():
    drift = ik.kernel_drift(["turbo"], TINY, goal="threshold").set_index("seed")
    assert (drift.residual < 1).all()
    assert (drift[["start", "now"]] > 0).all(axis=None)


def test_ratios_say_where_gray_was_given_up():
    rows = [
        ("equal_energy", "band", 1.0, name, s, 10.0, time, 80.0)
        for name, time in ((learning_speed.GRAY, np.inf), ("turbo", 4.0), ("cool", np.inf))
        for s in range(2)
    ]
    columns = ["scale", "target", "amplitude", "encoding", "seed", "predicted", "measured", "limit"]
    ratios = ik.speed_ratios(pd.DataFrame(rows, columns=columns)).set_index("encoding")
    assert ratios.measured["turbo"] == pytest.approx(20)
    assert ratios.bound["turbo"]
    assert np.isnan(ratios.measured["cool"])
    assert ratios.reached["cool"] == 0


def test_map_table():
    frame = ik.map_table(["gray", "viridis", "Accent"]).set_index("encoding")
    assert frame.speed["gray"] == pytest.approx(1)
    assert frame.speed["Accent"] == 0  # eight colours cannot show four bands
    assert frame.length["viridis"] > frame.length["gray"]


def speeds(**by_encoding):
    rows = [
        (name, goal, value, value, "equal_energy")
        for name, value in by_encoding.items()
        for goal in TARGETS
    ]
    columns = ["encoding", "target", "speed", "speed_stable", "scale"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize(
    ("turbo", "curve", "verdict"),
    [(2.0, 1.5, "holds"), (2.0, 3.0, "holds with limits"), (1.04, 0.5, "fails")],
)
def test_verdict_on_turbo_over_jet(turbo, curve, verdict):
    cells, random = speeds(turbo=turbo, jet=1.0), speeds(**{"random-0": curve})
    assert ik.verdict_turbo_over_jet(cells, random)[0] == verdict


@pytest.mark.parametrize(("spread", "verdict"), [(5.0, "holds"), (0.1, "fails")])
def test_verdict_on_the_choice_of_colormap(spread, verdict):
    values = 1 + spread * np.linspace(0, 1, 21)
    maps = pd.DataFrame({"colours": 256, **dict.fromkeys(TARGETS, values)})
    assert ik.verdict_colormap_matters(maps)[0] == verdict


@pytest.mark.parametrize(
    ("layer", "reached", "verdict"),
    [(3.0, 1.0, "holds"), (1.5, 1.0, "holds with limits"), (1.5, 0.2, "fails")],
)
def test_verdict_on_growing(layer, reached, verdict):
    grown = speeds(layer=layer, wider=1.0).rename(columns={"encoding": "remedy"})
    narrow = pd.DataFrame(
        {"encoding": ["turbo", learning_speed.GRAY], "width": [4, 64], "reached": [0.8, reached]}
    )
    assert ik.verdict_growing_suffices(speeds(turbo=2.0), grown, narrow)[0] == verdict


@pytest.mark.parametrize(
    ("copies", "layer", "verdict"),
    [(2.0, 3.0, "holds"), (1.0, 3.0, "holds with limits"), (1.0, 1.2, "fails")],
)
def test_verdict_on_copies(copies, layer, verdict):
    grown = speeds(copies=copies, layer=layer).rename(columns={"encoding": "remedy"})
    cells = speeds(viridis=2.0, turbo=2.0, jet=1.5)
    assert ik.verdict_duplicate_or_grow(cells, grown)[0] == verdict


def test_agreement_is_over_what_finished():
    predicted = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    lazy = pd.DataFrame({"predicted": predicted, "measured": 1.1 * predicted, "amplitude": 0.01})
    unit = lazy.assign(measured=2 * predicted[::-1], amplitude=1.0)
    unit.loc[5] = [1.0, 90.0, 1.0]
    ratios = pd.concat([lazy, unit], ignore_index=True).assign(target="two-band", bound=False)
    ratios.loc[10, "bound"] = True  # gray was given up
    times = pd.DataFrame(
        {"encoding": learning_speed.GRAY, "amplitude": 1.0, "target": "two-band"}, range(3)
    )
    agreement = ik.agreement(times.assign(measured=[1.0, np.inf, 2.0]), ratios)
    assert (len(agreement.lazy), len(agreement.unit)) == (5, 6)
    assert agreement.lazy_rank.estimate == pytest.approx(1)
    assert agreement.unit_rank.estimate == pytest.approx(-1)
    assert agreement.missed == pytest.approx(0.1)
    assert agreement.excess["two-band"] > 2
    assert agreement.given_up == (1, 3)


@pytest.mark.parametrize(
    ("slower", "faster", "verdict"),
    [([3, 0], [200, 1], "holds"), ([9, 3], [0, 1], "holds with limits"), ([9, 3], [0, 0], "fails")],
)
def test_verdict_on_what_is_provably_faster(slower, faster, verdict):
    gray = {"slower": [0], "faster": [0], "bent": [False]}
    maps = {"slower": slower, "faster": faster, "bent": [True] * 2}
    leads = pd.concat([pd.DataFrame(gray), pd.DataFrame(maps)])
    assert ik.verdict_provably_faster(leads)[0] == verdict


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [([0.8, 0.9], "holds"), ([0.8, 1.2], "holds with limits"), ([1.1, 1.2], "fails")],
)
def test_verdict_on_lower_risk(ratios, verdict):
    shown = pd.DataFrame({"encoding": ["viridis", "turbo", "fourier"], "ratio": [*ratios, 0.5]})
    assert ik.verdict_lower_risk(shown) == (verdict, min(ratios), max(ratios))
