"""The first layer of a frozen net: what contrast does to a chirp there, and in training.

What the explorer of the first layer computes with, and the same in Python.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from analysis.pretrained import efficientnet, noisy
from analysis.pretrained.contrast import LINES, Feed, inputs, lean
from analysis.pretrained.efficientnet import SIDE, Net
from analysis.pretrained.looks import Settings

#: What the explorer of the first layer offers: noises in dB, directions of colour, contrasts.
NOISES = (-10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
DIRECTIONS = (*LINES, "viridis", "turbo")
FINE = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)

_NO_CHIRP = -300.0  # dB: below what float32 resolves beside the noise


def faded(levels: NDArray[np.float32], contrast: float) -> NDArray[np.float64]:
    """Share of its activations that each filter of a first layer *in training* loses to a contrast.

    Batch normalisation divides by the root of the batch's variance v plus a constant e, which
    leaves sqrt((v + e) / (v + e / c²)) of what full contrast gives. `levels` are gray pictures.
    """
    module = efficientnet.build(Net())
    x = torch.as_tensor(inputs(levels, Feed("gray")))
    guard: Any = module.get_submodule("_bn0").eps
    with torch.no_grad():
        seen = module.get_submodule("_conv_stem")(x).numpy().astype(np.float64)
    variance = seen.var((0, 2, 3))
    return np.asarray(1 - np.sqrt((variance + guard) / (variance + guard / contrast**2)))


def chirp_and_noise(snr: float, settings: Settings) -> NDArray[np.float32]:
    """Levels in [0, 1] of the chirp of the widest sweep, and of its noise alone on the same scale.

    Shape (2, rows, columns).
    """
    made = (settings.side, settings.clips, 1)
    heard, hushed = (noisy.tasks("chirps", x, *made)["chirp ends"] for x in (snr, _NO_CHIRP))
    clip = int(np.ptp(heard.targets, axis=1).argmax())
    db = np.concatenate([heard.db, hushed.db[clip, None]])
    both = replace(heard, db=db, fold=np.append(heard.fold, 0))  # the core sets the scale
    return both.levels(settings.side)[[clip, -1]]


@torch.inference_mode()
def outputs(levels: NDArray[np.float32], feed: Feed) -> NDArray[np.float64]:
    """Put pictures through the first layer: clipped to 0 … 6, (n, filters, rows, columns)."""
    x = torch.as_tensor(inputs(levels, feed), dtype=torch.float64)
    large = functional.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
    _, found = next(efficientnet.forward_taps(efficientnet.build(Net()).double(), large))
    return np.asarray(found.numpy())


def stands_out(found: NDArray[np.float64]) -> float:
    """How far a chirp moves the median filter, in deviations of what noise alone makes of it.

    The root mean square, over places, of output with the chirp less output without, divided by the
    deviation without. Filters that noise alone leaves constant are left out.
    """
    chirp, noise = found
    heard = np.ptp(noise, axis=(1, 2)) > 0
    moved = np.sqrt(np.square(chirp - noise).mean((1, 2)))[heard]
    return float(np.median(moved / noise[heard].std((1, 2))))


def grayness(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of each filter's energy, of (filters, 3, rows, columns), that is alike in R, G and B.

    >>> grayness(np.array([[1, 1, 1], [1, -1, 0]], np.float32)[..., None, None]).tolist()
    [1.0, 0.0]
    """
    alike = np.square(weights.sum(1)).sum((1, 2)) / 3
    return np.asarray(alike / np.square(weights).sum((1, 2, 3)))


def explorer(settings: Settings) -> dict[str, Any]:
    """Gather what the explorer of the first layer computes with.

    The filters, batch normalisation folded in, come from the installed package; in ``order``, those
    that answer luminance first. Pictures are levels; a direction is the net's input at each level.
    """
    stem: Any = lean(Net()).get_submodule("_conv_stem")
    weights, bias = (part.detach().numpy() for part in (stem[-1].weight, stem[-1].bias))
    gray = grayness(weights)
    order = np.argsort(-gray)
    ramp = (np.arange(256, dtype=np.float32) / np.float32(255))[None, None]
    pictures = [chirp_and_noise(snr, settings) for snr in NOISES]
    return {
        "order": order.tolist(),
        "weights": weights[order].astype("<f4"),
        "bias": bias[order].astype("<f4"),
        "luminance": int((gray > 0.5).sum()),
        "directions": {name: inputs(ramp, Feed(name)).astype("<f4") for name in DIRECTIONS},
        "noises": NOISES,
        "pictures": np.rint(np.multiply(pictures, 255)).astype(np.uint8),
        "contrasts": FINE,
        "side": settings.side,
        "large": SIDE,
        "source": "Filters: EfficientNet-Lite0 (Tan and Le, 2019), Apache-2.0, here with its batch "
        "normalisation folded in.",
    }
