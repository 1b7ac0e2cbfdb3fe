"""What contrast does in the first layer, and to the gradients of a net in training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from analysis import contrast_first as cf
from analysis.pretrained import efficientnet, first_layer
from analysis.pretrained.contrast import Feed
from analysis.pretrained.efficientnet import Net

RNG = np.random.default_rng(0)

EDITION = cf.SETTINGS["edition"]


def test_what_the_chapter_says_of_the_first_layer_is_so() -> None:
    def found(snr: float, arm: str, contrast: float) -> np.ndarray:
        return first_layer.outputs(first_layer.chirp_and_noise(snr, EDITION), Feed(arm, contrast))

    gray = {contrast: found(5.0, "gray", contrast) for contrast in (1.0, 0.1)}
    full, tenth = (first_layer.stands_out(one) for one in gray.values())
    assert full == pytest.approx(tenth, rel=0.02)  # gray does not lose the chirp here
    loud, quiet = (first_layer.stands_out(found(snr, "gray", 1.0)) for snr in (-10.0, 20.0))
    assert loud < full / 2 < quiet / 3  # what matters is the noise
    clipped = {contrast: np.isin(one[0], (0, 6)) for contrast, one in gray.items()}
    assert clipped[1.0].mean() == pytest.approx(clipped[0.1].mean(), abs=0.01)
    for one in clipped.values():  # most of them in filters that are shut
        assert one.all((1, 2)).mean() > one.mean() / 2
    viridis = [found(5.0, "viridis", contrast) for contrast in (1.0, 0.1)]
    assert np.isin(viridis[0][0], (0, 6)).mean() > clipped[1.0].mean() + 0.1
    assert first_layer.stands_out(viridis[1]) > 1.1 * first_layer.stands_out(viridis[0])


def test_how_far_a_chirp_stands_out_has_no_scale_and_skips_constant_filters() -> None:
    noise = RNG.normal(size=(3, 20, 20))
    chirp = noise + np.array([1.0, 2.0, 4.0])[:, None, None] * noise.std((1, 2))[:, None, None]
    both = np.stack([chirp, noise])
    assert first_layer.stands_out(both) == pytest.approx(2)
    assert first_layer.stands_out(0.03 * both) == pytest.approx(2)
    both[1, 2] = 0.5
    assert first_layer.stands_out(both) == pytest.approx(1.5)


def test_the_noise_alone_is_that_of_the_chirp_on_its_scale() -> None:
    loud, quiet = (first_layer.chirp_and_noise(snr, EDITION) for snr in (-10.0, 20.0))
    assert np.corrcoef(*(pair[1].ravel() for pair in (loud, quiet)))[0, 1] > 0.98
    lower = (
        loud[1].mean() - quiet[1].mean()
    )  # in units of 80 dB: noise sinks under a peak that rises
    assert 0.2 < lower < 30 / 80
    path = quiet[0] - quiet[1] > 0.2
    assert 0.01 < path.mean() < 0.1  # a chirp is a line
    assert np.abs(quiet[0] - quiet[1])[~path].mean() < 0.02


def test_what_filters_lose_is_what_their_activations_lose() -> None:
    levels = RNG.random((4, 32, 32), dtype=np.float32)
    module = efficientnet.build(Net()).double().train()
    x = torch.as_tensor(efficientnet.network_input(levels[:, None])).double().repeat(1, 3, 1, 1)
    stem, norm = (module.get_submodule(name) for name in ("_conv_stem", "_bn0"))
    with torch.no_grad():
        full, less = (norm(stem(c * x)).var((0, 2, 3)).sqrt() for c in (1.0, 0.2))
    alive = full > 1e-3 * full.max()  # the others' activations are rounding
    assert alive.sum() > 20
    np.testing.assert_allclose(
        (1 - less / full)[alive], first_layer.faded(levels, 0.2)[alive.numpy()], atol=1e-4
    )
    np.testing.assert_array_equal(first_layer.faded(levels, 1.0), 0)


def test_without_a_guard_no_gradient_knows_the_contrast() -> None:
    x = torch.as_tensor(RNG.normal(size=(6, 3, 32, 32)))

    def gradients(contrast: float) -> list[torch.Tensor]:
        module = efficientnet.build(Net(), 2).double().train()
        for norm in module.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.eps = 1e-14
        loss = functional.mse_loss(module(contrast * x), torch.ones(6, 2, dtype=torch.float64))
        loss.backward()  # type: ignore[no-untyped-call]
        return [weight.grad for weight in module.parameters() if weight.grad is not None]

    full, less = gradients(1.0), gradients(0.5)
    size = max(float(one.abs().max()) for one in full)
    for one, other in zip(full, less, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6 * size)
