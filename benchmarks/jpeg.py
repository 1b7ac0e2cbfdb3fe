"""How fast and how exact: the codec network beside Pillow and three differentiable JPEG layers.

    python benchmarks/jpeg.py [--rounds 15] [--threads 1]

Contenders take turns within each round, so that whatever else the machine does hits all of them; a
ratio is the median over rounds of ratios within a round. Exactness is against Pillow's pixels.

Peers are optional, and none is a dependency of the book:

- kornia: ``pip install --no-deps kornia kornia_rs``
- DiffJPEG (github.com/mlomnitz/DiffJPEG) and diff_jpeg (github.com/necla-ml/Diff-JPEG): a clone
  of each on ``PYTHONPATH``

Those that cannot be imported are named and left out.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from analysis.jpeg_codec import JPEGAutoencoder

BATCH, SIDE, QUALITY = 64, 128, 75
Layer = Callable[[Tensor], Tensor]


@dataclass
class Contender:
    """Something to be timed.

    Attributes
    ----------
    name : str
    run : callable
        One pass over the batch.
    pixels : callable
        The decoded pixels of one pass as uint8, (n, channels, height, width).
    """

    name: str
    run: Callable[[], object]
    pixels: Callable[[], NDArray[np.uint8]]


def pictures(channels: int, seed: int = 0) -> NDArray[np.uint8]:
    """Random pictures with the spectrum of photographs (amplitude falls as 1/f)."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    f[0, 0] = 1
    noise = np.fft.rfft2(rng.normal(size=(BATCH, channels, SIDE, SIDE))) / f
    plain = np.fft.irfft2(noise)
    plain = 0.35 * plain + 0.65 * plain.mean(1, keepdims=True)
    return np.clip(128 + 45 * plain / plain.std(), 0, 255).astype(np.uint8)


def pillow(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Save and open every picture in memory."""
    out = []
    for image in np.moveaxis(x, 1, -1).squeeze():
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=QUALITY)
        out.append(np.asarray(Image.open(buffer)))
    stack = np.stack(out)
    return stack[:, None] if stack.ndim == 3 else np.moveaxis(stack, -1, 1)


def layers(mode: str) -> dict[str, tuple[Layer, float]]:
    """Differentiable layers and the largest level that each takes (1 or 255)."""
    ours = JPEGAutoencoder(QUALITY, mode)  # type: ignore[arg-type]
    found: dict[str, tuple[Layer, float]] = {"this book": (ours, 255.0)}
    if mode == "L":
        return found
    quality = torch.full((BATCH,), float(QUALITY))
    try:
        codec = import_module("kornia.enhance").jpeg_codec_differentiable
        found["kornia"] = (lambda x: codec(x, quality), 1.0)
    except ImportError:
        print("kornia is absent")
    try:
        layer = import_module("DiffJPEG").DiffJPEG(
            height=SIDE, width=SIDE, differentiable=True, quality=QUALITY
        )
        found["DiffJPEG"] = (layer, 1.0)
    except ImportError:
        print("DiffJPEG is absent")
    try:
        coding = import_module("diff_jpeg").diff_jpeg_coding
        found["diff-jpeg"] = (lambda x: coding(x, quality), 255.0)
        found["diff-jpeg, straight through"] = (lambda x: coding(x, quality, ste=True), 255.0)
    except ImportError:
        print("diff_jpeg is absent")
    return found


def contenders(mode: str) -> tuple[list[Contender], list[Contender]]:
    """Return contenders of the forward pass, and of forward with backward."""
    x = pictures(1 if mode == "L" else 3)
    batch = torch.from_numpy(x)
    exact = JPEGAutoencoder(QUALITY, mode)  # type: ignore[arg-type]
    forward = [
        Contender("Pillow", lambda: pillow(x), lambda: pillow(x)),
        Contender("this book, bytes", lambda: exact(batch), lambda: exact(batch).numpy()),
    ]
    both = []
    for name, (layer, top) in layers(mode).items():
        scaled, weight = batch.float() * (top / 255), torch.randn(batch.shape)

        def pixels(layer: Layer = layer, scaled: Tensor = scaled, top: float = top):
            with torch.no_grad():
                out = layer(scaled) * (255 / top)
            return out.round().clamp(0, 255).to(torch.uint8).numpy()

        def run(layer: Layer = layer, scaled: Tensor = scaled) -> None:
            with torch.no_grad():
                layer(scaled)

        def back(layer: Layer = layer, scaled: Tensor = scaled, weight: Tensor = weight) -> None:
            leaf = scaled.detach().requires_grad_()
            layer(leaf).backward(weight)

        forward.append(Contender(name, run, pixels))
        both.append(Contender(name, back, pixels))
    return forward, both


def times(field: list[Contender], rounds: int) -> NDArray[np.float64]:
    """Seconds of each contender in each round. (rounds, contenders)."""
    for contender in field:
        contender.run()
    result = np.empty((rounds, len(field)))
    for i in range(rounds):
        for j, contender in enumerate(field):
            start = time.perf_counter()
            contender.run()
            result[i, j] = time.perf_counter() - start
    return result


def table(
    title: str, field: list[Contender], rounds: int, reference: str, truth: NDArray[np.uint8]
) -> None:
    """Time a field and print it as a Markdown table."""
    seconds = times(field, rounds)
    base = seconds[:, [c.name for c in field].index(reference)]
    print(f"\n{title}\n\n| | time / {reference} | fastest (ms) | pixels ≠ Pillow | largest |")
    print("|---|---:|---:|---:|---:|")
    for contender, spent in zip(field, seconds.T, strict=True):
        gap = np.abs(contender.pixels().astype(int) - truth)
        print(
            f"| {contender.name} | {np.median(spent / base):.2f} | {spent.min() * 1e3:.1f} "
            f"| {(gap > 0).mean():.2%} | {gap.max()} |"
        )


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{BATCH} pictures of {SIDE}×{SIDE}, quality {QUALITY}, {arguments.threads} thread(s)")
    for mode, name in (("L", "gray"), ("RGB", "RGB 4:2:0")):
        truth = pillow(pictures(1 if mode == "L" else 3))
        forward, both = contenders(mode)
        table(f"{name}, there and back", forward, arguments.rounds, "Pillow", truth)
        table(f"{name}, with gradient", both, arguments.rounds, "this book", truth)


if __name__ == "__main__":
    main()
