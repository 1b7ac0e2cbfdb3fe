"""A net that has heard voices, as a control: the speaker encoder of Resemblyzer.

Three layers of LSTM and a projection, trained to tell some thousand speakers apart (Wan and others,
2018, *Generalized end-to-end loss for speaker verification*; weights by Jemine, Apache-2.0). Only
who measures needs it: 16 MB, see `wheels`.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly
from torch import nn
from torch.nn import functional

from analysis.pretrained.wheels import Wheel
from analysis.sound import spectrograms

Floats = NDArray[np.float32]

WHEEL = Wheel(
    "d9/b5/d897d5de5b2123a1ad5d32e8e007d83f76582f5c32c60992577263bd7c7e",
    "Resemblyzer-0.1.4-py3-none-any.whl",
    "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
    "resemblyzer/pretrained.pt",
)

_RATE, _WINDOW, _HOP, _MELS, _HIDDEN = 16_000, 400, 160, 40, 256
_LOUDNESS = -30.0  # dB of full scale; quieter clips are brought up to it


@cache
def encoder() -> nn.ModuleDict:
    """Build the net with its weights, checked; "lstm" and "linear"."""
    state = WHEEL.state()["model_state"]
    parts = {"lstm": nn.LSTM(_MELS, _HIDDEN, 3, batch_first=True), "linear": nn.Linear(256, 256)}
    module = nn.ModuleDict(parts)
    module.load_state_dict({n: w for n, w in state.items() if "similarity" not in n})
    return module.eval()


def mel_bank() -> NDArray[np.float64]:
    """Triangles on Slaney's mel scale, each of unit area: what the net was trained on.

    Linear below 1 kHz, logarithmic above. Shape (40, 201).

    >>> mel_bank().shape
    (40, 201)
    """
    step = math.log(6.4) / 27
    top = 15 + math.log(_RATE / 2 / 1000) / step
    mels = np.linspace(0, top, _MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    bins = np.linspace(0, _RATE / 2, _WINDOW // 2 + 1)
    low, middle, high = (edges[i : i + _MELS, None] for i in range(3))
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None) * 2 / (high - low))


def _mels(waves: Floats, rate: int) -> Floats:
    """Power in mel bands as the net takes it: (n, frames, 40)."""
    whole = math.gcd(rate, _RATE)
    waves = resample_poly(waves, _RATE // whole, rate // whole, axis=-1).astype(np.float32)
    level = 10 * np.log10(np.maximum(np.mean(waves**2, axis=-1, keepdims=True), 1e-12))
    waves = waves * 10 ** (np.maximum(_LOUDNESS - level, 0) / 20)
    power = (_WINDOW / 4) ** 2 * spectrograms.power(waves, _WINDOW, _HOP)  # of a window of height 1
    return np.asarray(np.swapaxes(mel_bank() @ power, -1, -2), np.float32)


@torch.inference_mode()
def embeddings(waves: Floats, rate: int) -> dict[str, Floats]:
    """Read clips, (n, samples) at a rate in Hz, by the net.

    "head", (n, 256): the embedding, of length 1; "all depths", (n, 768): the last states of the
    three layers.
    """
    module = encoder()
    _, (states, _) = module["lstm"](torch.as_tensor(_mels(waves, rate)))
    head = functional.normalize(functional.relu(module["linear"](states[-1])), dim=1)
    return {"head": head.numpy(), "all depths": states.swapaxes(0, 1).flatten(1).numpy()}
