"""What a small network is fed, and which network it is: arms, architectures, inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.nets.training import Convolution, Convolutional
from analysis.pictures import steps
from analysis.pictures.channels import HEARD

#: Rows and columns of a spectrogram: what lets hundreds of networks be trained in minutes.
SIDE = 16

#: What each of these steps does where it is taken; ``resize`` brings them to the others' size.
PIPELINE = steps.Pipeline(size=(SIDE, SIDE))

#: The reference arm.
RAW = "raw"

#: What the sum of the steps' attributions is called: all six taken, against none.
ALL_STEPS = "all six"

Scaling = Literal["global", "image"]


@dataclass(frozen=True)
class Arm:
    """What a network is fed, and how the network is changed.

    `label`: For figures. `encoding`: ``"raw"``, ``"magnitude"``, an encoding of
    `analysis.pictures.encodings` or a way of `analysis.pictures.channels`. `change`: ``wide``: the
    first layer has three times as many filters. ``pointwise``: an extra 1×1 layer of three ReLU
    neurons in front. ``relu-colormap``: a trained colormap in front. ``drop``: channels are left
    out at random in training. ``masks``: bands of rows and of columns are (`tasks.masked`).
    ``plain``: no batch normalisation. `size`: Knots of the trained colormap. `kind`: For grouping
    and colouring.
    """

    label: str
    encoding: str
    kind: str
    change: Literal["", "wide", "pointwise", "relu-colormap", "drop", "masks", "plain"] = ""
    size: int = 0

    @property
    def standardised(self) -> bool:
        """Whether the arm is fed standardised decibels whatever the channel scale."""
        return self.encoding == "raw" or self.change == "drop"

    def fits(self, task: str, network: str) -> bool:
        """Whether there is such a net: textures make no sound, and one neuron is not normalised."""
        silent = self.encoding in HEARD and task == "textures"
        return not silent and not (self.change == "plain" and network == "neuron")


#: Every arm, in the order of the figures.
ARMS: dict[str, Arm] = {
    "raw": Arm("raw dB", "raw", "reference"),
    "magnitude": Arm("raw magnitude", "magnitude", "value"),
    "gray8": Arm("8-bit gray", "gray8", "value"),
    "gray3": Arm("gray ×3 (R = G = B)", "gray3", "copy"),
    "raw3-drop": Arm("raw ×3, channel dropout", "raw3", "copy", "drop"),
    "viridis": Arm("viridis", "viridis", "colour"),
    "magma": Arm("magma", "magma", "colour"),
    "turbo": Arm("turbo", "turbo", "colour"),
    "jet": Arm("jet", "jet", "colour"),
    "hsv": Arm("hsv (cyclic)", "hsv", "bad colour"),
    "random-curve": Arm("random smooth curve", "random-curve", "bad colour"),
    "shuffled": Arm("shuffled viridis", "shuffled", "bad colour"),
    "polynomial": Arm("polynomial", "polynomial", "embedding"),
    "thermometer": Arm("thermometer-3", "thermometer", "embedding"),
    "fourier": Arm("Fourier-3", "fourier", "embedding"),
    "relu-4": Arm("learned ReLU colormap, 4", "raw", "network", "relu-colormap", 4),
    "relu-8": Arm("learned ReLU colormap, 8", "raw", "network", "relu-colormap", 8),
    "raw-wide": Arm("raw, first layer ×3", "raw", "network", "wide"),
    "raw-1x1": Arm("raw, extra 1×1 layer", "raw", "network", "pointwise"),
    "deltas": Arm("level and its changes", "deltas", "channels"),
    "ranges": Arm("three ranges of decibels", "ranges", "channels"),
    "ramp": Arm("level and height", "ramp", "channels"),
    "hue": Arm("hue by frequency", "hue", "channels"),
    "windows": Arm("three lengths of window", "windows", "channels"),
    "phase": Arm("level and phase", "phase", "channels"),
    "pcen": Arm("level and PCEN", "pcen", "channels"),
    "wreath": Arm("wreath", "wreath", "own"),
    "spire": Arm("spire", "spire", "own"),
    "raw-masks": Arm("raw dB, masked", "raw", "training", "masks"),
    "viridis-masks": Arm("viridis, masked", "viridis", "training", "masks"),
    "raw-plain": Arm("raw dB, not normalised", "raw", "training", "plain"),
    "viridis-plain": Arm("viridis, not normalised", "viridis", "training", "plain"),
}

#: The colormaps that people use, of which the phase diagram shows the mean.
COLOURS = ("viridis", "magma", "turbo", "jet")

#: What the learning curves compare: encodings, on one and the same network.
SPEED_ARMS = (
    *("raw", "gray3", "viridis", "turbo", "jet", "hsv"),
    *("polynomial", "thermometer", "fourier"),
)

#: Chance that `raw3-drop` leaves a channel out.
DROP = 0.3

#: Layers of the networks and how outputs read them, smallest first: about 0.5, 0.5, 5 and 50
#: thousand parameters. ``neuron`` has a single layer, and one filter for each output.
NETWORKS: dict[str, tuple[int, ...]] = {
    "neuron": (),
    "tiny": (4, 3),
    "small": (8, 32),
    "medium": (32, 64, 48),
}

#: Rows and columns to which a network averages its last layer: frequencies, times.
GRID = (4, 2)


def architecture(network: str, arm: str, outputs: int) -> Convolutional:
    """Build the network of an arm.

    >>> from analysis.nets.training import count_parameters
    >>> count_parameters(architecture("tiny", "viridis", 10))
    480
    """
    way = ARMS[arm]
    filters = list(NETWORKS[network] or (outputs,))
    if way.change == "wide":
        filters[0] *= 3
    layers = tuple(Convolution(n, stride=2 if i < 2 else 1) for i, n in enumerate(filters))
    front = way.change if way.change in ("pointwise", "relu-colormap") else "none"
    return Convolutional(
        channels=1 if way.encoding in ("raw", "magnitude", "gray8") else 3,
        layers=layers,
        outputs=outputs,
        grid=GRID,
        normalise=network != "neuron" and way.change != "plain",
        readout="own" if network == "neuron" else "all",
        front=front,
        front_size=way.size or 3,
        drop=DROP if way.change == "drop" else 0.0,
    )
