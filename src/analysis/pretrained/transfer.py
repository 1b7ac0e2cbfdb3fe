"""A net that photographs have trained meets another task: what it is fed, and how it is trained.

A *task* is pictures of sounds, what is to be learned from them, and folds. `fed` brings colours to
a net's input; `train_net` moves all of a net's weights. Frozen nets are read by `contrast`, and
`looks` is the edition's study of both.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from analysis.nets import training
from analysis.pictures import encodings
from analysis.pretrained import efficientnet
from analysis.pretrained.efficientnet import Net
from analysis.sound import spectrograms

Array = NDArray[np.float64]
Levels = NDArray[np.float32]
Norm = Literal["own", "unit", "standardised"]

#: How colours in [0, 1] are brought to the net's input.
NORMS: dict[Norm, str] = {
    "own": "the net's own",
    "unit": "0–1",
    "standardised": "standardised",
}

#: From black to white, in decibels.
RANGE_DB = 80.0


@dataclass(frozen=True)
class Task:
    """Spectrograms, what is to be learned from them, and who is tested when.

    Attributes
    ----------
    name : str
    db : ndarray of float32, shape (n, frequencies, frames)
        In decibels; the highest frequency is the first row, as in a picture.
    targets : ndarray, shape (n,) of int64 or (n, 2) of float32
        Classes, or standardised values.
    outputs : int
        Classes, or values.
    fold : ndarray of int64, shape (n,)
        Which fold a clip is tested in; -1 for the *core*, which is in every training set and to
        which ranges and deviations are fitted.
    """

    name: str
    db: NDArray[np.float32]
    targets: NDArray[Any]
    outputs: int
    fold: NDArray[np.int64]

    @property
    def unit(self) -> str:
        """What the score is."""
        return "accuracy" if self.targets.ndim == 1 else "R²"

    @property
    def core(self) -> NDArray[np.bool_]:
        """Which clips are in every training set."""
        return self.fold < 0

    @property
    def goals(self) -> Array:
        """Targets of a regression: indicators of the classes, or the values."""
        if self.targets.ndim == 2:
            return np.asarray(self.targets, np.float64)
        return np.asarray(np.eye(self.outputs)[self.targets])

    def pictures(self, side: int) -> NDArray[np.float32]:
        """Square pictures in [0, 1], shape (n, side, side): 80 dB below the core's peak are 0."""
        resized = spectrograms.resize(self.db, (side, side))
        peak = resized[self.core].max()
        return np.asarray(np.clip((resized - peak) / RANGE_DB + 1, 0, 1), np.float32)

    def levels(self, side: int) -> Levels:
        """`pictures` in 256 levels, still in [0, 1]."""
        return np.asarray(encodings.quantise(self.pictures(side)) / np.float32(255))


def fed(colours: NDArray[np.float32], norm: Norm, core: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bring colours, (n, channels, rows, columns) in [0, 1], to a net's input.

    `norm`: the net's own ``(255 x - 127) / 128``; as they are; or each channel to mean 0 and
    deviation 1 of the `core`, the clips that that is fitted to.
    """
    if norm == "own":
        return efficientnet.network_input(colours)
    if norm == "unit":
        return colours
    scale = encodings.fit_scale("standardised", colours[core], axis=-3)
    return scale(colours, axis=-3)


# --- trained nets ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Descent:
    """How a net is trained: steps of Adam, whose rate falls evenly to zero.

    Attributes
    ----------
    steps, batch : int
    rate : float
        The first.
    stops : tuple of int
        After how many steps it is scored, rising; those after the last are not taken. By default
        at the end alone.
    """

    steps: int
    batch: int
    rate: float
    stops: tuple[int, ...] = ()


def train_net(
    net: Net,
    inputs: NDArray[np.float32],
    task: Task,
    test: NDArray[np.bool_],
    how: Descent,
) -> list[tuple[int, float, float]]:
    """Train all weights of a net on the clips that are not tested.

    The net's seed draws the read-out and the order of the clips too. `inputs` are of the task's
    clips, see `fed`; `test` says which are left out. Before it is scored the averages of the batch
    normalisation are taken anew over training clips: a few dozen steps would not bring them near
    the present activations. At each stop: steps, test score, and the score of as many training
    clips.
    """
    module = efficientnet.build(net, task.outputs)
    order = training.order(net.seed, np.flatnonzero(~test), how.steps, how.batch)
    optimiser = torch.optim.Adam(module.parameters(), lr=how.rate)
    fade = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 1 / how.steps, how.steps)
    targets = torch.as_tensor(task.targets)
    loss_of = functional.cross_entropy if task.targets.ndim == 1 else functional.mse_loss
    tested, shown = np.flatnonzero(test), np.unique(order.ravel()[: int(test.sum())])
    stops, found = how.stops or (how.steps,), []
    module.train()
    for step, batch in enumerate(order[: stops[-1]], 1):
        loss = loss_of(module(_batch(inputs, batch)), targets[batch])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        fade.step()
        if step in stops:
            ready = deepcopy(module)
            efficientnet.calibrate(ready, inputs[order.ravel()[:128]])
            unseen, seen = (_score(ready, inputs, task, rows) for rows in (tested, shown))
            found.append((step, unseen, seen))
    return found


def _batch(inputs: NDArray[np.float32], rows: NDArray[np.int64]) -> torch.Tensor:
    x = torch.as_tensor(inputs[rows])
    return x.to(memory_format=torch.channels_last)


@torch.inference_mode()
def _score(
    module: nn.Module,
    inputs: NDArray[np.float32],
    task: Task,
    rows: NDArray[np.int64],
) -> float:
    parts = [module(_batch(inputs, rows[i : i + 32])) for i in range(0, len(rows), 32)]
    return float(training.score(torch.cat(parts).numpy(), task.targets[rows]))
