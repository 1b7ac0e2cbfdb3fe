"""Changed nets against what they must be equal to, and other probes against other people's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor

from analysis.pretrained import contrast, efficientnet, inside, noisy, probes
from analysis.pretrained.contrast import Feed
from analysis.pretrained.efficientnet import SIDE, TAPS, Net
from analysis.pretrained.transfer import Task

RNG = np.random.default_rng(0)
LEVELS = RNG.random((2, 32, 32), dtype=np.float32)
BLANK = np.full((1, 3, 32, 32), 0, np.float32)


def taps(change: str, x: np.ndarray) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        found = efficientnet.forward_taps(inside.changed(Net(), change), contrast._enlarged(x))
        return {name: part.numpy() for name, part in found}


def gap(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize("change", inside.CHANGES[2:-3:17])
def test_a_blank_picture_does_not_see_a_change(change: str) -> None:
    assert gap(taps(change, BLANK)["head"], taps("none", BLANK)["head"]) < 1e-5
    x = contrast.inputs(LEVELS, Feed("gray"))
    assert gap(taps(change, x)["head"], taps("none", x)["head"]) > 1e-3


def test_a_net_that_is_straight_everywhere_is_affine() -> None:
    x = contrast.inputs(LEVELS, Feed("gray"))
    change, still = "straight up to last layer", taps("none", BLANK)["head"]
    full, less = (taps(change, c * x)["head"] - still for c in (np.float32(1), np.float32(0.1)))
    assert gap(less, 0.1 * full) < 1e-3
    mixed = taps(change, 0.5 * x[:1] + 0.5 * x[1:])["head"] - still
    assert gap(mixed, 0.5 * (full[:1] + full[1:])) < 1e-3
    bent = taps("none", np.float32(0.1) * x)["head"] - still
    assert gap(bent, 0.1 * (taps("none", x)["head"] - still)) > 0.1


def test_a_tangent_touches() -> None:
    small = np.float32(1e-4) * contrast.inputs(LEVELS, Feed("gray"))
    still = taps("none", BLANK)["stem"]
    moved, straight = (
        taps(change, small)["stem"] - still for change in ("none", "straight at first layer")
    )
    assert gap(moved, straight) < 0.02


@pytest.mark.parametrize(("site", "tap"), [("first layer", "stem"), ("block 1", "stage 1")])
def test_quiet_is_a_tenth_of_the_way_from_the_blank_picture(site: str, tap: str) -> None:
    x = contrast.inputs(LEVELS, Feed("turbo"))
    still = taps("none", BLANK)[tap]
    plain, quiet = (taps(change, x)[tap] - still for change in ("none", f"quiet behind {site}"))
    assert gap(quiet, 0.1 * plain) < 1e-4


def test_parts_of_the_first_layer_are_what_lines_meet() -> None:
    gray, line = (contrast.inputs(LEVELS, Feed(arm)) for arm in ("gray", "red–blue"))
    for x, met, unmet in ((gray, "luminance", "opponents"), (line, "opponents", "luminance")):
        assert gap(taps(f"{met} × 0.1", x)["head"], taps("none", x / 10)["head"]) < 1e-4
        assert gap(taps(f"{unmet} × 0.1", x)["head"], taps("none", x)["head"]) < 1e-4


def test_thresholds_are_higher_in_units_of_the_picture() -> None:
    x = contrast.inputs(LEVELS, Feed("gray"))
    high, low = taps("thresholds × 10", x)["stem"], 10 * taps("none", x / 10)["stem"]
    assert (high < 6).mean() > 0.2
    np.testing.assert_allclose(high[high < 6], low[high < 6], atol=1e-4)


def test_a_change_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no change 'louder'"):
        inside.changed(Net(), "louder")


def test_neighbours_are_scikit_learns() -> None:
    x, fold = RNG.normal(size=(60, 3)), np.arange(60) % 6 - 1
    targets = np.float32(x[:, :2] + 0.1 * RNG.normal(size=(60, 2)))
    task = Task("made", np.zeros((60, 1, 1), np.float32), targets, 2, fold)
    for k, test, _, count in inside.nearest(probes.feature_kernel(x, task.core), task):
        out = fold == k
        peer = KNeighborsRegressor(count).fit(x[~out], targets[~out])
        wrong = np.square(peer.predict(x[out]) - targets[out]).sum() / out.sum()
        assert test == pytest.approx(1 - wrong / targets.astype(float).var(0).sum(), abs=1e-6)
        assert test > 0.5


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_signal_is_the_share_that_was_planted(share: float) -> None:
    chirp = np.tile(RNG.normal(size=(400, 8)), (3, 1)) * np.sqrt(share)
    noise = RNG.normal(size=chirp.shape) * np.sqrt(1 - share)
    features = (chirp + noise) * 10.0 ** np.arange(-4, 4) + 7
    assert inside.signal(np.c_[features, np.ones(len(features))]) == pytest.approx(share, abs=0.04)


def test_chirps_are_heard_again_in_other_noises() -> None:
    again, once = (inside.heard_again(20.0, clips, 1, 16) for clips in (12, 12))
    np.testing.assert_array_equal(again.db, once.db)
    first, second, third = np.split(again.db, 3)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(*np.split(again.targets, 3)[:2])
    quiet = [part.reshape(4, -1) for part in np.split(inside.heard_again(80.0, 12, 1, 16).db, 3)]
    apart = np.abs(quiet[0][:, None] - quiet[1]).mean(2)
    assert (apart.argmin(1) == np.arange(4)).all()
    made = noisy.tasks("chirps", 20.0, 16, 4, 1)["chirp ends"]
    np.testing.assert_array_equal(made.targets, again.targets[:4])
    assert third.shape == first.shape


def test_every_depth_has_a_signal() -> None:
    assert set(TAPS) <= set(taps("none", BLANK))
    assert taps("none", BLANK)["stem"].shape[-1] == SIDE // 2
