"""How much is trained on a reader's recordings: what a time budget can buy on this machine."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.files import write_json
from analysis.nets import sweeps, training
from analysis.nets.training import Convolution, Convolutional, Network, Optimiser
from analysis.recordings.listing import DataError

#: What the networks are called in words.
NETWORKS = {"small": "small net", "limited": "limited net"}


@dataclass(frozen=True)
class Plan:
    """How much is trained."""

    side: int  # rows and columns of the spectrograms, at most; ``resize`` halves them
    #: Of the cross-validation. Each repeat has its own folds and its own seeds.
    folds: int
    repeats: int
    steps: int  # gradient steps of each network
    most: int  # recordings, at most: more are thinned out at random, class by class
    shares: tuple[float, ...] = (0.25, 0.5)  # shares of the training set for the learning curves
    tuning_seeds: int = 1  # networks for each learning rate that is tried
    #: colormaps beside the one that the question is about
    colours: tuple[str, ...] = ("turbo", "jet")

    @property
    def networks(self) -> int:
        """Roughly how many networks are trained."""
        arms = 4 + len(self.colours)
        tuned = 2 * arms * 3 * self.tuning_seeds
        return self.folds * self.repeats * (2 * (arms + 2 * len(self.shares)) + 64) + tuned

    def seconds(self, speed: float, jobs: int) -> float:
        """Estimate how long it takes, from the seconds of one step of one net of 32 × 32 pixels."""
        pixels = (self.side / 32) ** 2
        return self.networks * self.steps * speed * (0.3 + 0.7 * pixels) / jobs


#: What a time budget can buy, in order of cost.
LADDER = (
    Plan(24, folds=3, repeats=2, steps=60, most=300),
    Plan(32, folds=3, repeats=2, steps=80, most=500),
    Plan(32, folds=4, repeats=2, steps=120, most=1000),
    Plan(32, folds=5, repeats=3, steps=150, most=2000),
    Plan(48, folds=5, repeats=3, steps=200, most=2000, tuning_seeds=2),
    Plan(64, folds=5, repeats=4, steps=200, most=3000, tuning_seeds=2),
    Plan(64, folds=5, repeats=8, steps=250, most=4000, tuning_seeds=3),
    Plan(64, folds=5, repeats=16, steps=300, most=6000, tuning_seeds=3),
    Plan(64, folds=10, repeats=20, steps=300, most=10_000, tuning_seeds=3),
)


def choose_plan(minutes: float, jobs: int = 0, store: Path | None = None) -> Plan:
    """Choose the largest plan of `LADDER` that fits into a time budget here, or the smallest.

    Nine tenths of the `minutes` are planned for, with `jobs` processes, 0 for as many as there are
    cores. The folder `store` keeps the choice, so that a run that was interrupted goes on by the
    same plan even if the machine is busier now.
    """
    if not minutes > 0:
        raise DataError(f"minutes must be positive, got {minutes:g}.")
    count = jobs or os.cpu_count() or 1
    path = store / f"plan-{minutes:g}-{count}.json" if store else None
    if path is not None and path.exists():
        chosen = int(json.loads(path.read_text("utf-8"))["plan"])
        return LADDER[min(chosen, len(LADDER) - 1)]
    pace = speed()
    fitting = [i for i, p in enumerate(LADDER) if p.seconds(pace, count) <= 0.9 * 60 * minutes]
    chosen = max(fitting, default=0)
    if path is not None:
        write_json(path, {"plan": chosen, "speed": pace})
    return LADDER[chosen]


def speed() -> float:
    """Seconds for one step of one network of 32 × 32 pixels, on one thread."""
    rng = np.random.default_rng(0)
    images = {"x": rng.normal(size=(64, 3, 32, 32)).astype(np.float32)}
    stack = [Network(seed, "x", 0.01) for seed in range(8)]
    build = architecture("small", 3, 4)

    def taken(steps: int) -> float:
        start = time.perf_counter()
        training.train(build, images, np.arange(64) % 4, stack, Optimiser(steps))
        return time.perf_counter() - start

    with sweeps.one_thread():
        taken(1)  # loads the kernels, which would count as steps that take no time
        longer = np.median([taken(22) - taken(2) for _ in range(5)])
    return max(1e-5, float(longer) / 20 / len(stack))


def architecture(network: str, channels: int, outputs: int) -> Convolutional:
    """``small``: two layers with normalisation. ``limited``: one filter for each class."""
    if network == "limited":
        return Convolutional(
            channels, (Convolution(outputs),), outputs, _GRID, normalise=False, readout="own"
        )
    return Convolutional(channels, (Convolution(8), Convolution(16)), outputs, _GRID)


_GRID = (4, 2)
