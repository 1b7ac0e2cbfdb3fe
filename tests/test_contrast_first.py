from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import contrast_first as cf
from analysis.evidence import measurements
from analysis.pictures.encodings import IMAGENET_STD
from analysis.pretrained import causes, choices, efficientnet, inside, looks
from analysis.pretrained.contrast import NEUTRAL, Feed
from tests.conftest import ROOT

#: Of the predictions as they were committed, before any of their cells was measured.
LOCKED = "80b5b1529c768a1f2be919d89479d910b271606062466aaf5d55e8e57f16b0ef"

RNG = np.random.default_rng(0)

EDITION, PLAN = cf.SETTINGS["edition"], looks.looks(cf.SETTINGS["large"])


def scores() -> pd.DataFrame:
    return measurements.load(measurements.folder(cf.STUDY.name)).tables["scores"]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_predictions_are_those_that_were_locked() -> None:
    content = (measurements.folder(cf.STUDY.name) / "predictions.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() == LOCKED


def test_every_cell_and_estimand_has_one_prediction() -> None:
    locked = cf.predictions()
    expected = {
        (cell.task, cell.snr, name) for cell in cf.cells().itertuples() for name in cf.ESTIMANDS
    }
    assert set(zip(locked.task, locked.snr, locked.estimand, strict=True)) == expected
    assert len(locked) == len(expected)
    assert (cf.cells().sound != "chirps").sum() >= 15


def test_no_net_stands_beside_every_frozen_net() -> None:
    for size in cf.SETTINGS.values():
        some = looks.looks(size)
        shown = {(look.sound, look.snr, look.draw) for look in some}
        bare = {(look.sound, look.snr, look.draw) for look in some if look.feed.arm == "no net"}
        assert shown == bare
        assert len(set(some)) == len(some)
    assert next(iter(cf.absolute(scores()))) == "no net"
    assert cf.absolute(scores())["no net"].notna().all()


Score = Callable[[Feed, str, str, float], float]


def made(score: Score, spread: float = 0.0, folds: int = 10) -> pd.DataFrame:
    """Scores of every look by a rule, with losses that fall as scores rise."""
    probes = {"no net": ("pixels",), looks.SMALL: (looks.TRAINED,)}
    rows = []
    for look in (
        look for look in PLAN if look.feed.net.size == "lite0" and not look.deep and not look.side
    ):
        questions = cf.cells().task[cf.cells().sound == look.sound].unique()
        for task in questions:
            for probe in probes.get(look.feed.arm, ("head", "by place")):
                for fold in range(folds):
                    test = score(look.feed, probe, task, look.snr) + spread * RNG.normal()
                    label = {"sound": look.sound, "task": task, "snr": look.snr, "draw": look.draw}
                    label |= {"arm": look.feed.arm, "contrast": look.feed.contrast}
                    label |= {"middle": look.feed.middle, "blur": look.feed.blur}
                    label |= {"net": look.feed.net.weights, "change": look.feed.change}
                    rows.append(label | {"probe": probe, "fold": fold, "test": test})
    table = pd.DataFrame(rows)
    return table.assign(loss=1 - table.test)


def rule(feed: Feed, probe: str, task: str, _snr: float) -> float:
    """Low contrast helps chirps alone; colour helps families; by place all is well."""
    if probe == "by place":
        return 0.9
    gain = 0.3 if task == "chirp ends" and feed.contrast == 0.1 else 0.0
    return 0.5 + gain + (0.1 if task == "family" and feed.arm == "turbo" else 0.0)


def test_effects_find_what_is_there() -> None:
    table = made(rule, spread=1e-4)
    found = cf.effects(table).set_index(["estimand", "task", "snr"]).sort_index()
    assert len(found) == 4 * len(cf.cells())
    by_hand = {"colour": {"family": 0.1}, "contrast": {"chirp ends": 0.3}, "colour by place": {}}
    for estimand, gains in by_hand.items():
        for task in cf.cells().task.unique():
            row = found.loc[estimand, task]
            assert row.difference.to_numpy() == pytest.approx(gains.get(task, 0.0), abs=1e-3)
            assert set(row.decided) == {1} or task not in gains
    assert found.difference["place"].to_numpy() == pytest.approx(0.4, abs=1e-3)
    assert cf.verdict_colour(cf.effects(table)) == "holds with limits"
    worse = table.test - 0.4 * table.arm.isin(cf.COLOURS)
    other = table.assign(test=worse)
    assert cf.verdict_colour(cf.effects(other.assign(loss=1 - other.test))) == "fails"


def test_the_best_contrast_is_chosen_without_the_fold() -> None:
    table = made(rule)
    gray = (table.arm == "gray") & (table.probe == "head") & (table.task == "chirp ends")
    lucky = gray & (table.contrast == 1.0)
    table.loc[lucky, "test"] = 0.99  # but not where other folds are tested: the loss stays
    taken = cf.chosen(cf.main_scores(table), cf.ESTIMANDS["colour"][1])
    assert set(taken.contrast[taken.task == "chirp ends"]) == {0.1}
    assert not taken.duplicated([*cf.CELL, "draw", "fold"]).any()


def test_intervals_are_wider_for_folds_that_share_training_clips() -> None:
    values = RNG.normal(0.1, 0.05, 10)
    cell = pd.DataFrame({"test": values, "reference": 0.0, "draw": 1, "fold": range(10)})
    row = choices.compared(cell)
    error = values.std(ddof=1) * np.sqrt(1 / 10 + 1 / 11)
    assert row["high"] - row["difference"] == pytest.approx(stats.t.ppf(0.975, 9) * error)
    assert row["p"] == pytest.approx(2 * stats.t.sf(values.mean() / error, 9))
    plain = stats.ttest_1samp(values, 0).pvalue
    assert row["p"] > plain


def test_hits_and_misses() -> None:
    found = cf.effects(made(rule, spread=1e-4))
    told = cf.hits(found, cf.predictions())
    rates = cf.hit_rates(told)
    colour = told[told.estimand == "colour"].set_index(["task", "snr"])
    assert colour.hit["family", 5.0]  # predicted and there
    assert not colour.hit["pitch", -5.0]  # predicted and not there
    assert rates.hits["place"] == 12  # predicted in twelve cells, and there in all
    assert rates.frequent["place"] == rates.cells["place"] == 18
    assert (rates.clear_hits == rates.hits).all()  # with hardly any spread all is clear
    assert len(cf.misses(told)) == (~told.hit).sum()
    assert cf.hits_in_words(rates).startswith("colour ")


def test_a_larger_net_is_predicted_by_the_side_where_lite0_lies() -> None:
    own = made(rule, spread=1e-4)
    some = own[own.snr.isin((20.0, np.inf)) & (own.net == "imagenet")]
    other = some.assign(test=np.where(some.probe == "by place", 0.3, some.test))
    nets = [some.assign(net="lite1"), other.assign(loss=1 - other.test, net="lite2")]
    told = cf.carried(pd.concat([own, *nets], ignore_index=True))
    assert set(told.net) == {"lite1", "lite2"}
    assert len(told) == 2 * 4 * (1 + 5)
    assert told[told.net == "lite1"].hit.all()
    wrong = told[~told.hit]
    assert set(wrong.net) == {"lite2"}
    assert set(wrong.estimand) == {"place"}  # it reads worse by place, where Lite0 reads better
    assert wrong.positive.all()
    rates = cf.hit_rates(told)
    assert rates.hits.to_dict() == {"colour": 12, "contrast": 12, "place": 6, "colour by place": 12}
    assert rates.frequent["place"] == 6
    assert cf.hits(cf.effects(own), cf.predictions()).equals(
        cf.hits(cf.effects(pd.concat([own, *nets])), cf.predictions())
    )  # Lite0's own stay what they are


def test_habits_are_contrasts_of_the_nets_input() -> None:
    levels = RNG.random(1000)
    net = (255 * levels - 127) / 128
    others = {
        "0–1 as it is": levels,
        "the net's own": net,
        "ImageNet's mean and deviation": levels / np.mean(IMAGENET_STD),
        "mean 0, deviation 1": levels / levels.std(),
    }
    for name, value in cf.habits(levels).items():
        assert others[name].std() / net.std() == pytest.approx(value)


def test_the_edition_is_the_whole_plan() -> None:
    some = looks.looks(EDITION)
    assert set(some) == set(PLAN)
    seen = scores()[list(looks.LOOK)].drop_duplicates()
    assert len(seen) == len({replace(look, deep=False) for look in some})
    assert set(zip(seen.sound, seen.snr, seen.draw, seen.arm, seen.contrast, strict=True)) == {
        (look.sound, look.snr, look.draw, look.feed.arm, look.feed.contrast) for look in some
    }
    assert set(EDITION.contrasts.values()) == {cf.GRID}  # none could choose from more than another
    for net in ("imagenet", *efficientnet.WHEELS):
        fed = seen[(seen.net == net) & (seen.blur == 0) & np.isclose(seen.middle, NEUTRAL)]
        arms = fed[fed.arm.isin(("gray", *cf.COLOURS))].groupby(["sound", "snr", "draw", "arm"])
        assert set(arms.contrast.nunique()) == {len(cf.GRID)}


def test_what_is_fed_beside_has_its_own_best_contrast() -> None:
    def score(feed: Feed, probe: str, _task: str, snr: float) -> float:
        if feed.middle == 0:
            return 0.6
        return (
            {"magma": 0.7, "gray": 0.5}.get(feed.arm, 0.4)
            - 0.1 * (snr < 0)
            - feed.blur / 100
            + (0.2 * (feed.contrast == 0.1) + 0.05 * (probe == "by place"))
        )

    found = causes.beside(made(score)).set_index(["fed", "snr"])
    whole = found[["full", "score", "place"]]
    assert whole.loc["magma", 5.0].round(6).tolist() == [0.7, 0.9, 0.95]
    assert whole.loc["gray", -10.0].round(6).tolist() == [0.4, 0.6, 0.65]
    assert whole.loc["gray, around black", 5.0].round(6).tolist() == [0.5, 0.6, 0.6]
    assert whole.loc["gray, blurred", 5.0].round(6).tolist() == [0.477, 0.677, 0.727]
    kept = ["score", "place"]
    assert whole.loc[("front", 5.0), kept].equals(
        whole.loc[("gray", 5.0), kept]
    )  # it may take gray
    assert np.isnan(whole.full["front", 5.0])  # not every direction was measured there
    assert found.index[0] == ("magma", 5.0)
    assert found.difference["magma", -10.0] == pytest.approx(0.2)
    assert found.decided["magma"].tolist() == [1, 1] and set(found.decided["gray"]) == {0}
    both = cf.any_middle(made(score)).set_index(["estimand", "task", "snr"]).difference
    assert both["colour", "chirp ends", 5.0] == pytest.approx(0.6 - 0.7)  # gray, around its own
    assert both["colour", "chirp ends", -10.0] == pytest.approx(0.0)  # both around black
    assert both["contrast", "chirp ends", -10.0] == pytest.approx(0.6 - 0.4)


def test_a_change_is_compared_with_the_net_as_it_is() -> None:
    def score(feed: Feed, _probe: str, _task: str, _snr: float) -> float:
        gain = 0.2 * feed.change.startswith("straight up to") + 0.4 * (feed.contrast == 0.1)
        return 0.5 + gain

    found = causes.changes(made(score, spread=1e-4)).set_index("change")
    assert set(found.index) == set(inside.CHANGES[1:])
    up = found.way == "straight up to"
    assert up.sum() == len(inside.SITES) - 1
    assert found.difference[up].to_numpy() == pytest.approx(0.2, abs=1e-3)
    assert found.difference[~up].to_numpy() == pytest.approx(0.0, abs=1e-3)
    assert found.mended[up].to_numpy() == pytest.approx(0.5, abs=0.01)
    assert (found.score_low[up] < found.score[up]).all() and (found.decided[up] == 1).all()
    sites = causes.by_site(found.reset_index())
    assert (sites.groupby("way").place.nunique()[["straight at", "straight from"]] == 18).all()
    assert sites[sites.way == "quiet behind"].place.tolist() == list(range(17))
    whole = sites[(sites.way == "straight from") & (sites.place == 0)]
    assert whole.difference.item() == found.difference["straight up to last layer"]


def test_what_the_chapter_says_of_chirps_is_so() -> None:
    table = scores()
    at = cf.absolute(table).loc["chirp ends"]
    gray, best, place = (
        at[f"gray,\n{how}"] for how in ("full,\naveraged", "best,\naveraged", "full,\nby place")
    )
    assert (gray < at["no net"]).all()  # worse than no net
    for arm in ("red–blue", "viridis"):  # every colour helps
        full = cf.chosen(cf.main_scores(table), ((arm,), (1.0,), "head"))
        means = full.groupby(cf.CELL).test.mean().loc["chirp ends"]
        assert (means[gray.index] > gray).all()
    assert (best > gray).all()
    assert (place > at[["no net", "gray,\nbest,\naveraged"]].max(axis=1)).all()
    assert (place > at["colour,\nbest,\naveraged"] - cf.MARGIN).all()
    found = cf.effects(table).set_index(["estimand", "task"]).sort_index()
    assert (
        found.loc[("colour by place", "chirp ends"), "high"] < cf.MARGIN
    ).all()  # the lead is gone
    assert (found.loc[("colour", "chirp ends"), "decided"] == 1).any()  # and was there
    why = causes.exchanged(table).set_index(["way", "arm", "contrast", "probe"]).score
    usual, wrapped = why["pretrained"], why["pretrained, no edges"]
    assert wrapped["gray", 1.0, "head"] < usual["gray", 1.0, "head"] / 2  # for the most part
    assert wrapped["gray", 0.1, "head"] > wrapped["gray", 1.0, "head"] + cf.MARGIN  # still helps
    blind = why["random weights"]
    assert blind["gray", 0.1, "head"] < blind["gray", 1.0, "head"] + cf.MARGIN
    assert blind.loc[:, :, "head"].max() < usual.loc[:, :, "head"].min() / 2


def test_what_the_chapter_says_of_larger_nets_is_so() -> None:
    told = cf.carried(scores())
    told = told[told.net != cf.OTHER_SIDE]
    rates = cf.hit_rates(told)
    assert rates.hits["contrast"] > rates.frequent["contrast"]
    assert rates.hits["place"] == rates.frequent["place"] > 0.9 * rates.cells["place"]
    assert rates.hits["colour"] < rates.frequent["colour"]
    by = {
        name: part.set_index(["task", "snr"]).sort_index()
        for name, part in told.groupby("estimand")
    }
    assert (by["contrast"].decided >= 0).all()
    chirps = by["place"].loc["chirp ends"]
    assert (chirps.decided == 1).all()
    full = chirps.set_index("net", append=True).reference.unstack()
    assert (full.lite2 > full.lite1).all()  # the largest net loses least
    assert (
        chirps[chirps.net == "lite2"].difference < chirps[chirps.net == "lite1"].difference
    ).all()
    gains = by["contrast"].loc["chirp ends"].set_index("net", append=True).difference.unstack()
    assert (gains.lite2 < gains.lite1).all()  # and has least to mend
    own = (
        cf.effects(scores())
        .set_index(["estimand", "task", "snr"])
        .sort_index()
        .loc["colour", "chirp ends"]
    )
    assert (own.decided[[5.0, -10.0]] == 1).all()
    colour = by["colour"]
    assert (colour.loc[("chirp ends", [5.0, -10.0]), "decided"] < 1).all()  # found in neither
    sure = colour[colour.decided == 1]
    assert set(sure.index) == {("chirp ends", 20.0)}  # only with the least noise
    assert sure.difference.max() < cf.MARGIN
    assert (colour.decided >= 0).all()


def test_a_choice_that_is_not_fair_decides() -> None:
    """Gray's four contrasts against three, two and none of the colours': surely worse at +5 dB."""
    table = scores()
    fewer = {"red–blue": cf.GRID[:3], "viridis": (1.0, 0.1), "turbo": ()}
    unfair = np.logical_or.reduce(
        [(table.arm == arm) & ~table.contrast.isin(some) for arm, some in fewer.items()]
    )
    told = cf.carried(table[~unfair])
    told = told[told.net != cf.OTHER_SIDE]
    five = told[(told.estimand == "colour") & (told.task == "chirp ends") & (told.snr == 5)]
    assert five.decided.tolist() == [-1, -1]


def test_what_the_chapter_says_of_other_ways_of_feeding_is_so() -> None:
    table = scores()
    tried = causes.beside(table).set_index(["snr", "fed"]).sort_index()
    five, loud = tried.loc[5.0], tried.loc[-10.0]
    assert np.ptp(five.score) < np.ptp(five.full.dropna()) / 2  # most of it is how loud they are
    assert five.score.idxmin() == "gray" and (five.drop("gray").decided == 1).all()  # is last
    famous = five.difference[["viridis", "magma", "turbo", "jet"]]
    for way in ("gray, around black", "gray, blurred"):
        assert famous.min() < five.difference[way] < famous.max()  # as the famous colormaps do
    grays = ["gray", "gray, around black", "gray, blurred"]
    assert loud.score["red–blue"] > loud.score[grays].max() + 10 * cf.MARGIN
    assert (loud.decided[["jet", "turbo"]] == -1).all()
    place = loud.place.drop(["gray, blurred", "random-curve"])
    assert np.ptp(place) < np.ptp(loud.score) / 10  # next to nothing is left
    line, folds = causes.taken(table, "red–blue")
    assert line > 0.9 * folds  # a front takes the line, and cannot be far from it
    scores_of = tried.score.unstack()
    assert (scores_of["front"] - scores_of["red–blue"]).abs().max() < 0.05


def test_what_the_chapter_says_of_the_middle_is_so() -> None:
    table = scores()
    told = cf.any_middle(table)
    assert set(told.task[told.decided != 0]) == {"chirp ends"}  # "nothing is surely apart but"
    rates = cf.hit_rates(told)
    assert rates.hits.sum() > rates.frequent.sum()  # the prediction is worth something
    key = ["estimand", "task", "snr"]
    free, own = (t.set_index(key).difference for t in (told, cf.effects(table)))
    for snr in (20.0, 5.0, -10.0):  # "hardly hangs on the middle"
        assert abs(free["contrast", "chirp ends", snr] - own["contrast", "chirp ends", snr]) < 0.05
    change = (free - own).loc["colour", "chirp ends"]
    assert change[5.0] < -0.04 and change.drop(5.0).abs().max() < 0.02  # "does, at +5 dB"
    spelled = cf.chirps_by_middle(cf.effects(table), told)
    assert spelled.notna().all().all() and len(spelled) == 9


def test_what_the_chapter_says_of_smaller_pictures_and_of_a_small_net_is_so() -> None:
    table = scores()
    told = cf.carried(table)
    smaller = told[told.net == cf.OTHER_SIDE].set_index(["estimand", "snr"]).sort_index()
    assert (smaller.loc[["contrast", "place"], "decided"] == 1).all()  # "the same story"
    assert smaller.decided["colour"][-10.0] == 1
    at = cf.absolute(table)
    small, frozen = at["small net,\ntrained"], at.drop(columns=["no net", "small net,\ntrained"])
    averaged = [name for name in frozen if "averaged" in name]
    assert (small > frozen[averaged].max(axis=1)).loc["chirp ends"].all()
    reading = cf.main_scores(table[table.arm == "gray"])
    reading = reading[(reading.task == "chirp ends") & (reading.snr == 5)]
    means = reading.groupby(["probe", "contrast"]).test.mean()
    for probe in ("ranks", "nearest"):  # "It is not the reading"
        assert means[probe, 0.1] > means[probe, 1.0] + 0.2


def test_what_the_chapter_says_of_the_inside_is_so() -> None:
    table = scores()
    found = causes.changes(table).set_index("change")
    score, best = found.score, causes._best_gray(table)
    assert score["quiet behind first layer"] == pytest.approx(best, abs=cf.MARGIN)
    assert score["luminance × 0.1"] == pytest.approx(best, abs=cf.MARGIN)
    assert found.difference["opponents × 0.1"] == pytest.approx(0, abs=1e-4)
    assert found.difference["thresholds × 10"] < -0.3  # "all is lost"
    assert score["straight up to block 5"] > best + 2 * cf.MARGIN  # "more than at its best"
    assert score["straight up to block 5"] == score[found.way == "straight up to"].max()
    assert score["straight at block 6"] > best - cf.MARGIN  # "one block will nearly do"
    assert score[["straight at last layer", "straight up to last layer"]].max() < 0.2
    quiet = found[found.way == "quiet behind"].set_index("site").difference
    assert quiet[["first layer", "block 1", "block 2", "block 3"]].min() > 0.15
    assert quiet[["block 4", "block 5"]].max() < 0  # "too late"
    depths = causes.by_depth(table)
    late = depths[depths.tap.isin(("stage 4", "stage 5", "head"))]
    share = late.pivot(index=["snr", "tap"], columns=["arm", "contrast"], values="share")
    assert (share["gray", 1.0] < share["gray", 0.1]).all()
    for contrast in (1.0, 0.1):  # the line "keeps more of it, full or faint"
        assert (share["red–blue", contrast] > share["gray", contrast])[5.0].all()
    assert causes.expectations(table).right.sum() == 1


def test_decided_cells_are_named() -> None:
    found = cf.effects(made(rule))
    colour, contrast = (found[found.estimand == name] for name in ("colour", "contrast"))
    assert cf.named(colour, "yes") == "family at −5 dB, family at +5 dB, family (clean)"
    assert (
        cf.named(contrast, "yes")
        == "chirp ends at −10 dB, chirp ends at +5 dB, chirp ends at +20 dB"
    )
    assert cf.named(contrast.iloc[:0], "no") == "no cell"
