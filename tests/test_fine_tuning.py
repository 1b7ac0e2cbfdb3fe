from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import fine_tuning as ft
from analysis.evidence import measurements
from analysis.pretrained import lessons
from tests.conftest import ROOT


def nets(gain: dict[str, float], *, sounds: tuple[str, ...] = ("chirps", "spoken-words")):
    """Made-up scores: each arm of a start lies by `gain` above a draw's own level, nearly."""
    rng = np.random.default_rng(0)
    rows = []
    for sound, seed, steps in product(sounds, range(5), (10, 150)):
        level = rng.normal(0.5, 0.2)
        for weights, arms in ft.SETTINGS["edition"].arms.items():
            for arm in arms:
                score = level + gain.get(f"{weights} {arm}", 0.0) + rng.normal(0, 0.002)
                rows.append(("arm", sound, weights, arm, 1e-3, seed, steps, score, score))
    columns = ["stage", "sound", "weights", "arm", "rate", "seed", "steps", "test", "train"]
    return pd.DataFrame(rows, columns=columns)


def test_effects_are_paired_by_draw_as_scipy_pairs_them() -> None:
    table = nets({"imagenet viridis": 0.1, "imagenet turbo": 0.3})
    found = ft.effects(table)
    row = ft.at_end(found, "colour").set_index("sound").loc["chirps"]
    end = table[(table.sound == "chirps") & (table.steps == 150) & (table.weights == "imagenet")]
    wide = end.pivot(index="seed", columns="arm", values="test")
    values = (wide.viridis + wide.turbo) / 2 - wide.gray
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert row.difference == pytest.approx(0.2, abs=0.01)
    assert (row.low, row.high) == pytest.approx((low, high))


def test_recordings_of_one_pool_have_wider_intervals_than_chirps() -> None:
    one = nets({}, sounds=("chirps",))
    found = ft.effects(pd.concat([one, one.assign(sound="spoken-words")]))
    wide = (found.high - found.low).groupby([found.estimand, found.sound, found.steps]).first()
    wide = wide.unstack("sound")
    shared = np.sqrt(1 + 5 * 3 / 9)  # Nadeau and Bengio: 3 of 12 slots are tested, 9 trained on
    assert np.allclose(wide["spoken-words"] / wide.chirps, shared)


@pytest.mark.parametrize(
    ("gain", "expected"),
    [(0.1, "holds"), (-0.1, "fails"), (0.0, "fails")],
)
def test_colour_is_decided_by_the_usual_maps_from_imagenets_weights(
    gain: float, expected: str
) -> None:
    both = dict.fromkeys(("imagenet viridis", "imagenet turbo"), gain)
    assert ft.verdict(ft.effects(nets(both)), "colour") == expected


def test_pretraining_explains_only_what_random_nets_do_not_gain_too() -> None:
    gains = {"imagenet viridis": 0.1, "imagenet turbo": 0.1}
    assert ft.verdict_explains(ft.effects(nets(gains))) == "holds"
    assert ft.verdict_explains(ft.effects(nets(gains | {"random viridis": 0.1}))) == "fails"
    assert ft.verdict_explains(ft.effects(nets({}))) == "fails"


def test_nets_that_heard_and_saw_are_compared_fold_by_fold() -> None:
    rng = np.random.default_rng(0)
    keys = list(product(("digit", "word"), ("head", "all depths"), (1, 2), range(10)))
    level = rng.normal(0.5, 0.1, len(keys))
    gain = {"voices": rng.normal(0.2, 0.02, len(keys)), "photographs": 0.0, "no net": -0.1}
    parts = [
        pd.DataFrame(keys, columns=["task", "probe", "seed", "fold"]).assign(
            net=net, test=level + by
        )
        for net, by in gain.items()
    ]
    found = ft.heard(pd.concat(parts)).set_index(["task", "probe"])
    own = gain["voices"][:20]
    row = found.loc[("digit", "head")]
    assert row.difference == pytest.approx(own.mean())
    half = stats.t.ppf(0.975, 19) * own.std(ddof=1) * np.sqrt(1 / 20 + 1 / 11 / 2)
    assert row.high - row.difference == pytest.approx(half)
    assert (found.decided == 1).all() and len(found) == 4


def test_edition_has_every_arm_of_the_course(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    stored = measurements.load(measurements.folder(ft.STUDY.name)).tables["nets"]
    course = ft.SETTINGS["edition"]
    arms = stored[stored.stage == "arm"].groupby(["sound", "weights", "arm"]).seed.nunique()
    asked = {(s, w, a) for s, (w, own) in product(course.sounds, course.arms.items()) for a in own}
    assert set(arms.index) == asked
    assert (arms == len(course.draws)).all()
    assert set(stored.steps) == set(course.stops)


def test_what_the_page_says_of_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    frozen = measurements.load(measurements.folder(ft.STUDY.name)).tables["frozen"]
    found = ft.heard(frozen).set_index(["task", "probe"]).decided
    assert (found.speaker == 0).all()  # "nothing is decided"
    assert (found.digit == 1).all()  # "surely better, however both are read"


def test_what_the_page_says_of_trained_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    nets = measurements.load(measurements.folder(ft.STUDY.name)).tables["nets"]
    found = ft.effects(nets)
    for name, most in (("colour", ft.MARGIN), ("contrast", ft.SAME)):
        ends = ft.at_end(found, name).set_index("sound")
        chirps, recorded = ends.loc["chirps"], ends.drop("chirps")
        assert chirps.low > -most and chirps.high < most  # "worth nothing", as predicted
        assert (recorded.decided == 0).all()  # "neither is decided"
        assert ((recorded.low < -most) & (recorded.high > -most)).all()  # "not refuted"
    colour = ft.at_end(found, "colour").set_index("sound").difference
    assert colour["spoken-words"] < 0 < colour["instruments"]  # "below", "above"
    assert (ft.at_end(found, "curve").decided == 0).all()  # "no better and no worse"
    start = ft.at_end(found, "start").set_index("sound").decided
    assert start.to_dict() == {"chirps": 1, "spoken-words": 1, "instruments": 0}  # "it is not"
    first = found[(found.estimand == "colour") & (found.steps == found.steps.min())]
    assert ((first.low < 0) & (first.high > 0)).all()  # "nothing can be told"
    means = nets[nets.stage == "arm"].groupby(["sound", "weights", "arm", "steps"]).test.mean()
    for sound in ft.TITLES:
        rising = means[sound, "random", "gray"]
        assert rising[150] > rising[50] + 0.05  # "still rises"
    assert means["spoken-words", "imagenet"].max() < means["chirps", "imagenet"].max()  # "harder"
    assert ft.same_rates(nets) == list(ft.TITLES.values())  # "as was predicted"


def test_what_could_be_seen_is_wider_than_the_interval() -> None:
    row = pd.DataFrame({"sound": ["chirps"], "draws": 5, "low": -0.01, "high": 0.01})
    t = stats.t(4)
    least = (t.ppf(0.975) + t.ppf(0.8)) / t.ppf(0.975)
    assert ft.visible(row) == f"{least:.1f} points on chirps in noise"


def tried(gray: dict[tuple[str, float], float], faint: dict[float, float]) -> pd.DataFrame:
    """Made-up scores of rates at the last stop, and low ones before."""
    rows = [
        (stage, "chirps", "imagenet", arm, rate, 20, steps, score, score)
        for arm, scores in (
            ("gray", gray),
            ("gray, faint", {("sweep", rate): score for rate, score in faint.items()}),
        )
        for (stage, rate), last in scores.items()
        for steps, score in ((10, 0.1), (150, last))
    ]
    return pd.DataFrame(rows, columns=[*lessons.KEY, "test", "train"])


def test_a_rate_that_was_tried_later_is_told_and_not_taken() -> None:
    table = tried({("rate", 1e-3): 0.5, ("rate", 3e-3): 0.7, ("afterwards", 1e-2): 0.9}, {})
    assert lessons.best_rates(table) == {("chirps", "imagenet"): 3e-3}
    (row,) = ft.rates(table, ft.SETTINGS["edition"]).to_dict("records")
    assert row["taken (its score)"] == "0.003 (0.70)" and row["tried later"] == "0.90 at 0.01"
    tied = tried({("rate", 3e-3): 0.7, ("rate", 1e-3): 0.7}, {})
    assert lessons.best_rates(tied) == {("chirps", "imagenet"): 1e-3}


def test_a_faint_picture_wants_the_same_rate_or_another() -> None:
    gray = {("rate", 1e-3): 0.7, ("rate", 3e-3): 0.7, ("afterwards", 1e-2): 0.6}
    assert ft.same_rates(tried(gray, {1e-3: 0.5, 3e-3: 0.6, 1e-2: 0.4})) == ["chirps in noise"]
    assert ft.same_rates(tried(gray, {1e-3: 0.5, 3e-3: 0.6, 1e-2: 0.7})) == []
    assert ft.same_rates(tried(gray, {})) == []


def test_what_the_page_says_of_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    stored = measurements.load(measurements.folder(ft.STUDY.name)).tables["nets"]
    course = ft.SETTINGS["edition"]
    end = stored[(stored.steps == stored.steps.max()) & (stored.arm == "gray")]
    for (sound, weights), rate in lessons.best_rates(stored).items():
        own = end[(end.sound == sound) & (end.weights == weights) & (end.stage != "arm")]
        whole = own.set_index("rate").test
        if sound == "chirps":  # "a larger one is better than what was taken, from both starts"
            assert rate == max(course.rates[sound])
            assert whole.idxmax() > rate and whole.idxmax() < whole.index.max()
        else:  # nothing that was tried is better than what was taken
            assert whole[rate] == whole.max()
            assert whole.index.min() < rate < whole.index.max()
