"""What a frozen net reads off pictures at each contrast and colour, and what no net reads.

Contrast is a factor of the net's *input*: ``c · x``, where 0 is the gray that the net's own
normalisation takes off (`NEUTRAL`), and of which its padding is made. So it is exactly a gain of
the first layer, whose biases stay: what contrast c does, first-layer filters times c do, and a
straight line in colour space is a first layer with one channel (`adapted`).

`first` is for readers: their pictures, at each contrast and without a net. `looks` measures feeds
for the book.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from analysis.pictures import encodings
from analysis.pretrained import efficientnet, probes
from analysis.pretrained.efficientnet import SIDE, Net
from analysis.pretrained.transfer import Task

Array = NDArray[np.float64]
Images = NDArray[np.float32]
Padding = Literal["zeros", "circular"]

#: What a reader tries before colour.
CONTRASTS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.03)

#: The gray that `efficientnet.network_input` brings to 0.
NEUTRAL = 127 / 255

#: Straight lines through that gray, as directions of (R, G, B): to within one of 255 levels,
#: "red–blue" is R = t, G = ½, B = 1 - t.
LINES = MappingProxyType(
    {"gray": (1.0, 1.0, 1.0), "red–blue": (1.0, 0.0, -1.0), "magenta–green": (1.0, -1.0, 1.0)}
)

#: The other straight lines through it, in all directions of -1, 0 and 1: with `LINES`, what a front
#: of 1×1 filters without a bias could make of a gray picture, in steps.
FRONTS = MappingProxyType(
    {
        "front " + " ".join(f"{part:+d}".replace("-", "−") for part in line): line
        for line in product((1, 0, -1), repeat=3)
        if line not in [(0, 0, 0), (1, 1, 1), (1, 0, -1), (1, -1, 1)]
    }
)

#: How a frozen net is read: its averaged last activations; the same as ranks among the core's,
#: which no heavy tail can pull; those activations by place (Lite0: 7 × 7); all depths, averaged.
PROBES = ("head", "ranks", "by place", "all depths")

#: Penalties of ridge regression to choose from, in units of the kernel's mean diagonal.
PENALTIES = (1e-8, 1e-7, 1e-6, 1e-5, *probes.PENALTIES[:-1])

_BATCH = 8  # pictures at a time: their activations fit the cache of one core


@dataclass(frozen=True)
class Feed:
    """What is fed to which net.

    Attributes
    ----------
    arm : str
        A line of `LINES` or `FRONTS`, an encoding of `encodings`, or "no net": the pixels.
    contrast : float
        Positive; 1 is what everybody feeds.
    middle : float
        Level that stays where it is while the contrast is turned down.
    blur : float
        Deviation of a Gaussian filter over the levels, in pixels.
    net : Net
    change : str
        What of the net is another, see `analysis.pretrained.inside.CHANGES`.
    """

    arm: str
    contrast: float = 1.0
    middle: float = NEUTRAL
    blur: float = 0.0
    net: Net = field(default_factory=Net)
    change: str = "none"


# --- nets ------------------------------------------------------------------------------------


def _convolutions(module: nn.Module) -> Iterator[tuple[Any, str, str]]:
    """Each convolution's parent, its name and that of the batch normalisation behind it."""
    yield module, "_conv_stem", "_bn0"
    for block in module.get_submodule("_blocks").children():
        if hasattr(block, "_expand_conv"):
            yield block, "_expand_conv", "_bn0"
        yield block, "_depthwise_conv", "_bn1"
        yield block, "_project_conv", "_bn2"
    yield module, "_conv_head", "_bn1"


@cache
def lean(net: Net, padding: Padding = "zeros") -> nn.Module:
    """Build a net for pictures of its own side with batch normalisations folded into convolutions.

    The same function as `efficientnet.build` but for rounding, in two thirds of the time. With
    circular padding, convolutions see the opposite edge: none is left to tell places by.
    """
    module: Any = efficientnet.build(net)
    for parent, name, norm in _convolutions(module):
        conv: Any = fuse_conv_bn_eval(getattr(parent, name), getattr(parent, norm))
        left, right, top, bottom = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
        even = padding == "zeros" and left == right == top == bottom
        plain = nn.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
            padding=left if even else 0, groups=conv.groups,
        )  # fmt: skip
        plain.weight, plain.bias = conv.weight, conv.bias
        pad = (nn.ZeroPad2d if padding == "zeros" else nn.CircularPad2d)((left, right, top, bottom))
        whole = even or not any((left, right, top, bottom))
        setattr(parent, name, plain if whole else nn.Sequential(pad, plain))
        setattr(parent, norm, nn.Identity())
    ready: nn.Module = module.eval().to(memory_format=torch.channels_last)
    return ready


def adapted(net: Net, direction: ArrayLike) -> nn.Module:
    """Build a net of `lean` whose first layer takes one channel in place of a line in colour space.

    A picture ``x`` fed as ``(d_R x, d_G x, d_B x)`` meets the filters ``w_R, w_G, w_B``; one
    channel meets ``d_R w_R + d_G w_G + d_B w_B``. So a line, and any contrast, is nothing that the
    first layer's weights could not be: equal outputs.

    Parameters
    ----------
    net : Net
    direction : array_like of float, shape (3,)
        Of the line (`LINES`), times the contrast.
    """
    module = deepcopy(lean(net))
    stem: Any = module.get_submodule("_conv_stem")
    conv: Any = stem[-1] if isinstance(stem, nn.Sequential) else stem
    weights = torch.as_tensor(np.asarray(direction), dtype=conv.weight.dtype)
    summed = (conv.weight * weights[:, None, None]).sum(1, keepdim=True)
    conv.weight, conv.in_channels = nn.Parameter(summed), 1
    return module


# --- inputs ----------------------------------------------------------------------------------


def inputs(levels: Images, feed: Feed, seed: int = 0) -> Images:
    """Bring levels to a net's input at a feed's colours and contrast.

    Parameters
    ----------
    levels : ndarray of float32, shape (n, rows, columns)
        In [0, 1].
    feed : Feed
    seed : int
        Of random curves.

    Returns
    -------
    ndarray of float32, shape (n, 3, rows, columns)

    Examples
    --------
    >>> black = np.zeros((1, 1, 1), np.float32)
    >>> inputs(black, Feed("red–blue", 0.5)).ravel().tolist()
    [-0.49609375, 0.0, 0.49609375]
    """
    x = gaussian_filter(levels, (0, feed.blur, feed.blur)) if feed.blur else levels
    line = {**LINES, **FRONTS}.get(feed.arm)
    if line is not None:
        one = efficientnet.network_input(x)
        full = np.stack([np.float32(part) * one for part in line], axis=1)
    else:
        full = efficientnet.network_input(encodings.encode(x, feed.arm, seed))
    middle = efficientnet.network_input(np.asarray(feed.middle, np.float32))
    return np.asarray(middle + np.float32(feed.contrast) * (full - middle), np.float32)


def _enlarged(images: Images, side: int = SIDE) -> Tensor:
    """Bring pictures to the size that the net was trained on, as loaders do, or to another."""
    x = torch.as_tensor(images)
    large = functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)
    return large.contiguous(memory_format=torch.channels_last)


# --- reading ---------------------------------------------------------------------------------


@torch.inference_mode()
def activations(images: Images, module: nn.Module, side: int = SIDE) -> dict[str, Images]:
    """Averages at each depth (`efficientnet.TAPS`), and "map": the last activations by place."""
    parts: dict[str, list[Images]] = {}
    for start in range(0, len(images), _BATCH):
        x = _enlarged(images[start : start + _BATCH], side)
        for tap, found in efficientnet.forward_taps(module, x):
            parts.setdefault(tap, []).append(found.mean((2, 3)).numpy())
        parts.setdefault("map", []).append(found.flatten(1).numpy().astype(np.float16))
    return {tap: np.concatenate(found) for tap, found in parts.items()}


def ranks(features: Images, core: NDArray[np.bool_]) -> Array:
    """Each feature as the share of the core's clips that have less of it, ties by half."""
    found = np.empty(features.shape)
    for column, own in zip(found.T, features.T, strict=True):
        known = np.sort(own[core])
        column[:] = np.searchsorted(known, own) + np.searchsorted(known, own, "right")
    return np.asarray(found / (2 * core.sum()))


def kernels(found: Mapping[str, Images], core: NDArray[np.bool_]) -> dict[str, Array]:
    """Kernels of `PROBES` from `activations`."""
    depths = [probes.feature_kernel(found[tap], core) for tap in efficientnet.TAPS]
    return {
        "head": depths[-1],
        "ranks": probes.feature_kernel(ranks(found["head"], core), core),
        "by place": probes.feature_kernel(found["map"], core),
        "all depths": np.asarray(np.mean(depths, axis=0)),
    }


def pixel_kernel(levels: Images, core: NDArray[np.bool_], blur: float = 0.0) -> Array:
    """Inner products of the pixels themselves, blurred by so many: the baseline *no net*."""
    x = gaussian_filter(levels, (0, blur, blur)) if blur else levels
    return probes.feature_kernel(x.reshape(len(x), -1), core)


def probed(kernel: Array, task: Task) -> pd.DataFrame:
    """Score ridge regression on a kernel, with every fold left out.

    Returns
    -------
    DataFrame
        A row a fold: ``fold``, ``test`` and ``train`` (accuracy; or 1 less the squared error over
        the variance of all clips, whose mean over equal folds is R²), ``loss`` (of the choice of
        the penalty, `probes.LeftOut`), ``penalty``.
    """
    left = probes.leave_fold_out(kernel, task.goals, task.fold, PENALTIES)
    rows = []
    for k, penalty in left.penalty.items():
        out = task.fold == k
        test = score(left.test[out], task, out)
        train = score(left.train[k][~out], task, ~out)
        rows.append((k, test, train, left.loss[k], penalty))
    return pd.DataFrame(rows, columns=["fold", "test", "train", "loss", "penalty"])


def scores(read: Mapping[str, Array], task: Task, question: str) -> pd.DataFrame:
    """Rows of `probed` for every kernel by name: ``probe`` and ``task`` say which."""
    tables = [probed(kernel, task).assign(probe=name) for name, kernel in read.items()]
    return pd.concat(tables).assign(task=question)


def score(predictions: Array, task: Task, rows: NDArray[np.bool_]) -> float:
    """Accuracy on some rows; or 1 less the squared error over the variance of all clips."""
    targets = task.targets[rows]
    if targets.ndim == 1:
        return float((predictions.argmax(1) == targets).mean())
    return float(1 - np.mean((predictions - targets) ** 2 / task.targets.var(0)))


def first(
    pictures: Images,
    targets: NDArray[Any],
    fold: NDArray[np.int64],
    arms: Sequence[str] = ("gray",),
    contrasts: Sequence[float] = CONTRASTS,
) -> pd.DataFrame:
    """Try the contrast before colour: a frozen net's score at each, and without a net.

    Parameters
    ----------
    pictures : ndarray of float32, shape (n, rows, columns)
        Spectrograms as gray pictures in [0, 1]; the net sees them at 224 × 224.
    targets : ndarray, shape (n,) of int64 or (n, outputs) of float
        Classes, or values.
    fold : ndarray of int64, shape (n,)
        Which fold a clip is tested in, at least three; -1 for a core that is never tested, to
        which the features' means are fitted. Deal whole groups (`evidence.folds.deal_groups`).
    arms : sequence of str, default ("gray",)
        Of `LINES`, or colormaps, to be tried beside gray.
    contrasts : sequence of float

    Returns
    -------
    DataFrame
        A row an arm and contrast, and "no net": ``score`` (mean over the folds) and ``chosen``,
        the share of folds in which cross-validation *inside the training folds* takes it.

    Raises
    ------
    ValueError
        If there is no core, or lengths differ.
    WeightsDamaged
        If the net's weights are not installed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pictures = rng.random((12, 8, 8), dtype=np.float32)
    >>> tried = first(pictures, np.arange(12) % 2, np.arange(12) % 4 - 1, contrasts=(1.0, 0.1))
    >>> tried.arm.tolist()
    ['gray', 'gray', 'no net']
    """
    if not len(pictures) == len(targets) == len(fold):
        raise ValueError("pictures, targets and fold must have one length")
    if not (fold < 0).any():
        raise ValueError("some clips must be the core, with fold -1")
    outputs = int(targets.max()) + 1 if targets.ndim == 1 else targets.shape[1]
    task = Task("own", pictures, targets, outputs, fold)
    tables = [probed(pixel_kernel(pictures, task.core), task).assign(arm="no net", contrast=np.nan)]
    for arm in arms:
        for contrast in contrasts:
            found = activations(inputs(pictures, Feed(arm, contrast)), lean(Net()))
            kernel = probes.feature_kernel(found["head"], task.core)
            tables.append(probed(kernel, task).assign(arm=arm, contrast=contrast))
    scores = pd.concat([*tables[1:], tables[0]], ignore_index=True)
    scores["chosen"] = scores.index.isin(scores.groupby("fold").loss.idxmin())
    by = scores.groupby(["arm", "contrast"], sort=False, dropna=False)
    return by.agg(score=("test", "mean"), chosen=("chosen", "mean")).reset_index()
