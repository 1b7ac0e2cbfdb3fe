"""Contrast before colour: what each is worth to a net that photographs have trained.

The study: each *cell* is a question about a sound at one noise; each arm is fed at every contrast
of a grid, and a frozen EfficientNet-Lite0 is read by ridge regression. An arm's *best* contrast is
chosen inside the training folds. What came out is stored; predictions were locked before.

Four estimands, differences of scores: "contrast" and "colour" are read off the averaged head, as
people do; "place" is what that average loses, and "colour by place" what colour is worth without
it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.nets import contrast as reading
from analysis.nets import noisy, sweeps
from analysis.nets.contrast import Feed
from analysis.nets.efficientnet import Net

#: Differences below one percentage point were declared negligible before anything was computed.
MARGIN = 0.01

#: Arms that are no gray: "colour" takes, fold by fold, the best of them and of their contrasts.
COLOURS = ("red–blue", "viridis", "turbo")

#: Contrasts that an arm's best is chosen from, in steps of about ½ decade.
GRID = (1.0, 0.3, 0.1, 0.03)

#: Noise of each sound, signal over noise in dB, and draws of clips and noise.
NOISES = {
    "chirps": (20.0, 5.0, -10.0),
    "instruments": (np.inf, 5.0, -5.0),
    "spoken-digits": (np.inf, 5.0, -5.0),
    "spoken-words": (np.inf, 5.0, -5.0),
}
DRAWS = {"chirps": (1, 2, 3)}

#: Deviations of the blurs that *no net* chooses from, in pixels of 64.
BLURS = (0.0, 1.0, 2.0, 4.0)

#: Pixels of a picture before it is enlarged to 224, and clips of a draw.
SIDE, CLIPS = 64, 180

#: First minus second: (arms, contrasts, probe) each, best chosen inside the training folds.
Choice = tuple[tuple[str, ...], tuple[float, ...], str]
ESTIMANDS: dict[str, tuple[Choice, Choice]] = {
    "colour": ((COLOURS, GRID, "head"), (("gray",), GRID, "head")),
    "contrast": ((("gray",), GRID, "head"), (("gray",), (1.0,), "head")),
    "place": ((("gray",), (1.0,), "by place"), (("gray",), (1.0,), "head")),
    "colour by place": ((COLOURS, GRID, "by place"), (("gray",), GRID, "by place")),
}

#: Where the study keeps its predictions and its scores.
FOLDER = Path("measurements") / "contrast-first"


@dataclass(frozen=True)
class Look:
    """A feed, and the sound it is shown."""

    sound: str
    snr: float
    draw: int
    feed: Feed


def cells() -> pd.DataFrame:
    """Every question at every noise: ``sound``, ``task``, ``snr``."""
    rows = [
        (sound, task, snr)
        for sound, noises in NOISES.items()
        for task, snr in product(noisy.QUESTIONS[sound], noises)
    ]
    return pd.DataFrame(rows, columns=["sound", "task", "snr"])


def looks() -> list[Look]:
    """Everything that is measured, what decides first."""
    sounds = [
        (sound, snr, draw)
        for sound, noises in NOISES.items()
        for draw, snr in product(DRAWS.get(sound, (1,)), noises)
    ]
    feeds = [Feed("no net", blur=blur) for blur in BLURS]
    feeds += [Feed(arm, contrast) for arm in ("gray", *COLOURS) for contrast in GRID]
    main = [Look(*sound, feed) for feed in feeds for sound in sounds]
    fives = [sound for sound in sounds if sound[:2] == ("chirps", 5.0)]
    unlike = [replace(Feed("gray"), padding="circular"), Feed("gray", net=Net("random"))]
    why = [
        Look(*sound, replace(feed, arm=arm, contrast=contrast))
        for feed in unlike
        for arm, contrast, sound in product(("gray", "red–blue"), (1.0, 0.1), fives)
    ]
    others = [("magma", 0.0), ("jet", 0.0), ("random-curve", 0.0), ("magenta–green", 0.0)]
    more = [
        Look("chirps", snr, 1, feed)
        for snr in (5.0, -10.0)
        for feed in [
            *(Feed(arm, contrast, blur=blur) for arm, blur in others for contrast in GRID),
            *(Feed("gray", contrast, blur=2.3) for contrast in GRID),  # 8 pixels of 224
            *(Feed("gray", contrast, middle=0.0) for contrast in GRID[1:]),
        ]
    ]
    return main + why + more


def measure(some: list[Look], store: Path | None, executor: str = "serial") -> pd.DataFrame:
    """Measure looks, resumable: a row a question, probe and fold."""
    code = sweeps.fingerprint(reading)
    work = [
        sweeps.Work(
            sweeps.fingerprint(code, look, SIDE, CLIPS),
            reading.piece,
            (look.sound, look.snr, SIDE, CLIPS, look.draw, look.feed),
        )
        for look in some
    ]
    found = sweeps.run(work, executor=executor, store=store, description="contrast", unit="look")
    return pd.concat([pd.DataFrame(one["rows"]) for one in found], ignore_index=True)


def predictions(root: Path) -> pd.DataFrame:
    """Read what was expected of each cell and estimand: ``positive`` (above `MARGIN`), ``why``."""
    return pd.read_csv(root / FOLDER / "predictions.csv")
