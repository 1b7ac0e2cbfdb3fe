"""The leaner net against the package's own, contrast against gains, and no net beside each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.nets import contrast, efficientnet
from analysis.nets.contrast import Feed
from analysis.nets.efficientnet import Net

RNG = np.random.default_rng(0)
LEVELS = RNG.random((2, 56, 56), dtype=np.float32)


def last(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return list(efficientnet.forward_taps(module, contrast._enlarged(x)))[-1][1].numpy()


def unlike(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(a).max())


def test_the_leaner_net_is_the_same_net() -> None:
    x = contrast.inputs(LEVELS, Feed("turbo"))
    assert unlike(last(efficientnet.build(Net()), x), last(contrast.lean(Net()), x)) < 1e-4


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
    own = contrast.adapted(contrast.lean.__wrapped__(Net()), direction)
    one = efficientnet.network_input(LEVELS)[:, None]
    assert unlike(fed, last(own, one)) < 1e-4
    assert unlike(fed, last(contrast.lean(Net()), contrast.inputs(LEVELS, Feed("gray")))) > 0.05
