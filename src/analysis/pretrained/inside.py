"""Inside a frozen net: what of it has to change before gray at full contrast is read well.

Interventions (`CHANGES`), one at a time, at `SITES`: the first layer, sixteen blocks, the last
layer. *Blank* is the picture of the net's own gray, which is 0 all over.

- ``circular padding``: convolutions see the opposite edge in place of zeros.
- ``straight at S``, ``up to S``, ``from S``: there each ReLU6 is its tangent at what it is given by
  the blank picture. A net that is straight up to its last layer is an affine map of the picture.
- ``quiet behind S``: activations there are brought to a tenth of their distance from the blank
  picture's. ``Feed.contrast`` does that in front of the first layer.
- ``luminance × 0.1``, ``opponents × 0.1``: each filter of the first layer is an average over R, G
  and B and the rest; one of the two is scaled. ``thresholds × 10``: the first layer's biases are,
  as they are at a tenth of the contrast, measured in units of the picture.

`signal` and `nearest` are other ways of asking what is left of a chirp.

Stated before any of it was measured, of chirps at +5 dB read off the average:

1. The harm is bending. Straight up to its last layer, the net is read at least 10 points better
   than it is, from gray at full contrast. Null: no better.
2. No single site does it: none, made straight, mends half of what the best contrast mends.
3. The first layer is not where. Made straight it mends less than 5 points; ten times its thresholds
   less than 5; quiet behind it is as good as quiet in front, within 5.
4. The later the net is made quiet, the less it helps: behind block 15 less than half as much as in
   front.
5. Nearest neighbours gain by low contrast too, if less than regression.
6. The chirp's share of the last average's variance is *not* smaller at full contrast: what is lost
   is how simply it can be read.
7. Of viridis' and turbo's first layer the luminance is the loud part: a tenth of it is better than
   full, a tenth of the opponents is not.
8. A front chosen among all directions and contrasts is at least 5 points better than gray at −10
   dB, and less than 5 at +5.
"""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analysis.pretrained import contrast, efficientnet
from analysis.pretrained.efficientnet import SIDES, Net
from analysis.pretrained.transfer import Task
from analysis.sound import signals, spectrograms

Array = NDArray[np.float64]

#: Where a net bends, in order (Lite0's).
SITES = ("first layer", *(f"block {i}" for i in range(1, 17)), "last layer")

_WAYS = ("straight at", "straight up to", "straight from", "quiet behind")

#: What can be changed. Up to the first site is at it, and so is from the last.
CHANGES = (
    "none",
    "circular padding",
    *(f"straight at {site}" for site in SITES),
    *(f"straight up to {site}" for site in SITES[1:]),
    *(f"straight from {site}" for site in SITES[1:-1]),
    *(f"quiet behind {site}" for site in SITES[:-1]),
    *("luminance × 0.1", "opponents × 0.1", "thresholds × 10"),
)

_QUIET = 0.1

#: Neighbours that the choice is from.
_NEIGHBOURS = (1, 3, 5, 9, 15)

_NOISES = 3  # that each chirp of `signal` is heard in


class _Tangent(nn.Module):
    """ReLU6 replaced by its tangent at what the blank picture gives, place by place."""

    def __init__(self, blank: Tensor):
        super().__init__()
        self.blank = blank
        self.slope = ((blank > 0) & (blank < 6)).to(blank.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu6(self.blank) + self.slope * (x - self.blank)


class _Quiet(nn.Module):
    """A tenth of the distance from what the blank picture gives, place by place."""

    def __init__(self, blank: Tensor):
        super().__init__()
        self.blank = blank

    def forward(self, x: Tensor) -> Tensor:
        return self.blank + _QUIET * (x - self.blank)


def _bends(module: nn.Module) -> list[list[tuple[nn.Module, str]]]:
    """Whatever stands in front of a ReLU6, by site: its parent and its name."""
    blocks = [
        [(block, name) for name in ("_bn0", "_bn1") if hasattr(block, name)]
        for block in module.get_submodule("_blocks").children()
    ]
    return [[(module, "_bn0")], *blocks, [(module, "_bn1")]]


@torch.inference_mode()
def _seen(module: nn.Module, parts: list[nn.Module], side: int) -> list[Tensor]:
    """Compute some parts' outputs for the blank picture."""
    seen: dict[int, Tensor] = {}
    hooks = [
        part.register_forward_hook(lambda _m, _x, out, i=i: seen.update({i: out.clone()}))
        for i, part in enumerate(parts)
    ]
    for _ in efficientnet.forward_taps(module, torch.zeros(1, 3, side, side)):
        pass
    for hook in hooks:
        hook.remove()
    return [seen[i] for i in range(len(parts))]


def _straighten(module: nn.Module, sites: range, side: int) -> None:
    """Give some sites their tangents, in place."""
    bends = _bends(module)
    places = [place for site in bends for place in site]
    blanks = _seen(module, [getattr(parent, name) for parent, name in places], side)
    straight = [place for i in sites for place in bends[i]]
    for (parent, name), blank in zip(places, blanks, strict=True):
        bend = _Tangent(blank) if (parent, name) in straight else nn.ReLU6()
        setattr(parent, name, bend)
        parent._swish = nn.Identity()  # it would bend all of its parent's places


def _quieten(module: Any, site: int, side: int) -> None:
    """Bring a site's outputs nearer to the blank picture's, in place."""
    if site == 0:
        (blank,) = _seen(module, [module.get_submodule("_bn0")], side)
        module._bn0 = nn.Sequential(nn.ReLU6(), _Quiet(functional.relu6(blank)))  # bent twice: same
        return
    block = module._blocks[site - 1]
    (blank,) = _seen(module, [block], side)
    module._blocks[site - 1] = nn.Sequential(block, _Quiet(blank))


def _rescale(module: nn.Module, what: str) -> None:
    """Scale a part of the first layer, in place."""
    stem: Any = module.get_submodule("_conv_stem")
    conv: Any = stem[-1] if isinstance(stem, nn.Sequential) else stem
    if what == "thresholds × 10":
        conv.bias = nn.Parameter(10 * conv.bias)
        return
    gray = conv.weight.mean(1, keepdim=True)
    luminance, opponents = (0.1, 1.0) if what == "luminance × 0.1" else (1.0, 0.1)
    conv.weight = nn.Parameter(luminance * gray + opponents * (conv.weight - gray))


@lru_cache(maxsize=2)
def changed(net: Net, change: str) -> nn.Module:
    """Build a net of `contrast.lean` with one of `CHANGES` made.

    Raises
    ------
    ValueError
        If there is no such change.

    Examples
    --------
    >>> straight = changed(Net(), "straight at block 16")
    >>> len(list(efficientnet.forward_taps(straight, torch.zeros(1, 3, 224, 224))))
    9
    """
    if change not in CHANGES:
        raise ValueError(f"no change {change!r} of a net; have {', '.join(CHANGES)}")
    if change in ("none", "circular padding"):
        return contrast.lean(net, "zeros" if change == "none" else "circular")
    module, side = deepcopy(contrast.lean(net)), SIDES[net.size]
    for way in _WAYS:
        if not change.startswith(way):
            continue
        site = SITES.index(change.removeprefix(f"{way} "))
        if way == "quiet behind":
            _quieten(module, site, side)
        else:
            first = 0 if way == "straight up to" else site
            last = len(SITES) - 1 if way == "straight from" else site
            _straighten(module, range(first, last + 1), side)
        return module
    _rescale(module, change)
    return module


# --- other ways of asking --------------------------------------------------------------------


def nearest(kernel: Array, task: Task) -> list[tuple[int, float, float, int]]:
    """Predict each clip by the mean of its nearest neighbours, which no heavy tail can pull.

    The number of neighbours is chosen inside the training folds, as `probes.leave_fold_out` chooses
    penalties.

    Returns
    -------
    list of (fold, test, loss, neighbours)
        `test` is R², as in `contrast.probed`.
    """
    square = kernel.diagonal()
    apart = square[:, None] + square - 2 * kernel
    goals, fold, folds = task.goals, task.fold, range(int(task.fold.max()) + 1)

    def errors(asked: NDArray[np.bool_], known: NDArray[np.bool_]) -> Array:
        order = np.argsort(apart[np.ix_(asked, known)], axis=1, kind="stable")
        means = [goals[known][order[:, :k]].mean(1) for k in _NEIGHBOURS]
        return np.asarray([np.square(mean - goals[asked]).sum() for mean in means])

    rows = []
    for k in folds:
        others = [j for j in folds if j != k]
        loss = sum(errors(fold == j, (fold != j) & (fold != k)) for j in others)
        best = int(np.argmin(loss))
        wrong = errors(fold == k, fold != k)[best] / (fold == k).sum() / goals.var(0).sum()
        rows.append((k, float(1 - wrong), float(np.ravel(loss)[best]), _NEIGHBOURS[best]))
    return rows


def heard_again(snr: float, clips: int, draw: int, side: int) -> Task:
    """Make a third of `clips` chirps and put all into one noise, then another, then a third.

    No clip is a fold's; every second chirp is the core.
    """
    count = clips // _NOISES
    alone = (-300.0, -300.0)  # dB: noise alone, to float32
    made = signals.chirps(count, draw, (snr, snr))
    tone = made.waveforms - signals.chirps(count, draw, alone).waveforms
    noises = [
        signals.chirps(count, 1000 * draw + i, alone).waveforms for i in range(1, 1 + _NOISES)
    ]
    waves = np.concatenate([tone + noise for noise in noises])
    db = spectrograms.log_power(waves, 4 * side, 2 * side)[:, ::-1]
    targets = np.tile(signals.chirp_targets(made.ends), (_NOISES, 1))
    fold = np.tile(np.arange(count) % 2 - 1, _NOISES)
    return Task("chirps", db, targets, 2, fold)


def signal(features: NDArray[Any]) -> float:
    """Share of the features' variance that is the chirp's and not the noise's.

    The intraclass correlation of a one-way random-effects model (Shrout and Fleiss, 1979, ICC(1)),
    whose mean squares are pooled over features of unit variance. Clips as `heard_again` has them.

    >>> rng = np.random.default_rng(0)
    >>> chirp = np.tile(rng.normal(size=(500, 4)), (3, 1))
    >>> round(signal(chirp + rng.normal(size=chirp.shape)), 1)
    0.5
    """
    x = np.asarray(features, np.float64)
    x = x[:, x.std(0) > 0]
    x = (x / x.std(0)).reshape(_NOISES, -1, x.shape[1])
    means, count = x.mean(0), x.shape[1]
    between = _NOISES * means.var(0, ddof=1).sum()
    within = np.square(x - means).sum() / (count * (_NOISES - 1))
    return float((between - within) / (between + (_NOISES - 1) * within))
