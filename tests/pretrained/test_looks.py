"""Looks at chirps: measured, measured again, and named by their rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import contrast_first as cf
from analysis.evidence import measurements
from analysis.pretrained import contrast, efficientnet, looks, noisy
from analysis.pretrained.contrast import Feed
from analysis.pretrained.looks import Settings
from analysis.pretrained.transfer import Task
from analysis.pretrained.wheels import Wheel

SMALL = Settings({"gray": (1.0, 0.1)}, {"chirps": (20.0, 0.0)}, 1, (0.0, 1.0), 16, 24)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return looks.measure(SMALL, executor="serial")


def test_every_look_is_asked_every_question_through_every_probe(
    tables: dict[str, pd.DataFrame],
) -> None:
    table, some = tables["scores"], looks.looks(SMALL)
    assert set(table.columns) == set(looks.TABLES["scores"])
    rows = looks.compared(tables)
    assert len(rows) == sum(map(looks._scores_of, some)) == looks.estimate(SMALL)[0]
    assert len(table) == 10 * len(rows)  # folds
    gray = rows[(rows.arm == "gray") & (rows.contrast == 0.1) & (rows.snr == 20)]
    assert gray.probe.tolist() == list(contrast.PROBES)
    mean = table[(table.probe == "pixels") & (table.blur == 1)].groupby("snr").test.mean()
    assert rows[rows.blur == 1].set_index("snr").test.to_dict() == pytest.approx(mean.to_dict())


def test_a_look_is_measured_again_from_what_is_stored(
    tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    manifest = measurements.Manifest("x", "c", "make", "d", {}, 0, {}, {}, 1.0, "code")
    measurements.store(tmp_path / "x", manifest, tables, looks.TABLES)
    rows = looks.compared(measurements.load(tmp_path / "x").tables)
    some = rows[(rows.arm == "gray") & (rows.contrast == 0.1)].iloc[::-1]
    again = looks.again(some, SMALL, executor="serial")
    assert list(again.index) == list(some.index)
    np.testing.assert_array_equal(again.test, some.test)


def test_nine_digits_feed_the_same_bits() -> None:
    levels = np.random.default_rng(0).random((2, 8, 8), dtype=np.float32)
    exact = contrast.inputs(levels, Feed("turbo", 0.3))
    read = contrast.inputs(levels, Feed("turbo", 0.3, middle=float(f"{contrast.NEUTRAL:.9g}")))
    np.testing.assert_array_equal(exact, read)


def test_what_is_not_on_this_machine_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(wheel: Wheel) -> None:
        raise ConnectionError(wheel.name)

    monkeypatch.setattr(noisy.datasets, "available", lambda name: False)
    monkeypatch.setattr(Wheel, "present", lambda wheel: "lite1" in wheel.name)
    monkeypatch.setattr(Wheel, "state", unreachable)
    rows = pd.DataFrame({"sound": list(noisy.QUESTIONS)}).assign(net="imagenet")
    assert rows.sound[looks.here(rows)].tolist() == ["chirps", "instruments"]
    nets = pd.DataFrame({"net": ["imagenet", "random", *efficientnet.WHEELS]}).assign(
        sound="chirps"
    )
    assert nets.net[looks.here(nets)].tolist() == ["imagenet", "random", "lite1"]
    found = looks.measure(replace(LARGER, noises={"chirps": (20.0,)}), executor="serial")["scores"]
    assert "left out: lite2" in capsys.readouterr().err
    assert set(found.net) == {"imagenet"}


LARGER = replace(SMALL, larger=("lite1", "lite2"), larger_noises={"chirps": (20.0,)})


def test_larger_nets_come_last_and_are_named_by_their_size() -> None:
    some = looks.looks(LARGER)
    assert some[: len(looks.looks(SMALL))] == looks.looks(SMALL)
    nets = [looks._named(look) for look in some[len(looks.looks(SMALL)) :]]
    assert nets == 2 * ["lite1"] + 2 * ["lite2"]
    row = {"sound": "chirps", "snr": 20.0, "draw": 1, "arm": "gray", "contrast": 0.1}
    row |= {"middle": contrast.NEUTRAL, "blur": 0.0, "net": "lite2", "net_seed": 0}
    (read,) = pd.DataFrame([row | {"change": "none", "deep": False}]).itertuples()
    assert looks._look(read) == some[-1]


@pytest.mark.skipif(
    not efficientnet.WHEELS["lite1"].present(), reason="the weights of lite1 are not here"
)
def test_a_larger_net_is_measured_again_from_what_is_stored() -> None:
    table = looks.measure(replace(LARGER, larger=("lite1",)), executor="serial")["scores"]
    rows = looks.compared({"scores": table})
    own = rows[rows.net == "lite1"]
    assert len(own) == 2 * len(contrast.PROBES)
    np.testing.assert_array_equal(looks.again(own, LARGER, executor="serial").test, own.test)


def test_a_look_at_a_smaller_side_is_named_and_found_again() -> None:
    some = [look for look in looks.looks(cf.SETTINGS["edition"]) if look.side]
    assert {looks._named(look) for look in some} == {cf.OTHER_SIDE}
    look = next(look for look in some if look.feed.contrast == 0.1)
    row = {"sound": look.sound, "snr": look.snr, "draw": look.draw, "arm": look.feed.arm}
    row |= {"contrast": 0.1, "middle": contrast.NEUTRAL, "blur": 0.0, "net": cf.OTHER_SIDE}
    (read,) = pd.DataFrame([row | {"net_seed": 0, "change": "none", "deep": False}]).itertuples()
    assert looks._look(read) == look


def test_a_small_net_chooses_its_rate_without_the_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    levels = rng.random((24, 16, 16), dtype=np.float32)
    targets = np.float32(levels.mean((1, 2))[:, None] * 50)
    fold = np.arange(24) % 4 - 1
    task = Task("made", levels, targets, 1, fold)
    monkeypatch.setattr(looks, "_STEPS", 60)
    table = looks._trained(levels, task, 0)
    assert table.fold.tolist() == [0, 1, 2] and set(table.probe) == {looks.TRAINED}
    lucky = Task("made", levels, np.where((fold == 0)[:, None], 9, targets), 1, fold)
    other = looks._trained(levels, lucky, 0)
    first, again = (one.set_index("fold").loc[0] for one in (table, other))
    assert first.penalty == again.penalty  # what is tested has no say in the rate
