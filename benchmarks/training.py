"""Networks · steps per second: a stack against a plain sequential PyTorch loop.

    python benchmarks/training.py [--most 1024] [--seconds 2] [--threads 2] [--only small]

The loop is what anybody would write: `torch.nn` modules, `torch.optim.Adam`, one network after the
other. Both train the same architectures on the same data, in the same process; what counts is their
ratio. The pixel MLP sees one pixel (3 channels) in batches of 256; the convolutional networks see
16×16 pictures with 3 channels in batches of 32. The alternatives for a stack's convolution (grouped
in either memory layout, unfolding with batched products, `torch.vmap`) are timed as well.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from analysis import trained_comparisons
from analysis.training import Architecture, Convolutional, Network, Optimiser, Perceptron, train


def module(architecture: Architecture) -> nn.Module:
    """Write an architecture as plain PyTorch."""
    parts: list[nn.Module] = []
    if isinstance(architecture, Perceptron):
        before = architecture.inputs
        for width in architecture.hidden:
            parts += [nn.Linear(before, width), nn.ReLU()]
            before = width
        return nn.Sequential(*parts, nn.Linear(before, architecture.outputs))
    assert isinstance(architecture, Convolutional)
    before = architecture.channels
    for layer in architecture.layers:
        parts.append(nn.Conv2d(before, layer.filters, layer.kernel, layer.stride, 1, bias=False))
        parts += [nn.BatchNorm2d(layer.filters), nn.ReLU()]
        before = layer.filters
    cells = architecture.grid[0] * architecture.grid[1]
    parts += [nn.AdaptiveAvgPool2d(architecture.grid), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(before * cells, architecture.outputs))


def sequential(
    architecture: Architecture, x: torch.Tensor, y: torch.Tensor, batch: int
) -> Callable:
    """One step of the plain loop."""
    model = module(architecture)
    optimiser = torch.optim.Adam(model.parameters(), 0.003)
    rng = np.random.default_rng(0)

    def step(_networks: int, steps: int) -> None:
        for _ in range(steps):
            rows = torch.as_tensor(rng.integers(0, len(y), batch))
            loss = functional.cross_entropy(model(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return step


def stacked(architecture: Architecture, x: torch.Tensor, y: torch.Tensor, batch: int) -> Callable:
    """Train a stack for some steps."""
    images, targets = {"x": x.numpy()}, y.numpy()

    def run(networks: int, steps: int) -> None:
        stack = [Network(seed, "x", 0.003) for seed in range(networks)]
        train(architecture, images, targets, stack, Optimiser(steps, batch))

    return run


def rate(run: Callable, networks: int, seconds: float) -> float:
    """Networks · steps per second, by runs long enough to time."""
    run(networks, 2)
    steps = 2
    while True:
        started = time.perf_counter()
        run(networks, steps)
        took = time.perf_counter() - started
        if took > seconds or steps * networks > 200_000:
            return networks * steps / took
        steps = max(steps * 2, int(1.2 * steps * seconds / max(took, 1e-6)))


def convolutions(networks: int, seconds: float) -> dict[str, float]:
    """Forward and backward through the small network's layers, by each way of stacking."""
    layers = [(3, 14), (14, 22)]
    weights = [torch.randn(networks, after, before, 3, 3) for before, after in layers]
    x = torch.randn(networks, 32, 3, 16, 16)

    def grouped(last: bool) -> float:
        z = x.permute(1, 0, 2, 3, 4).reshape(32, networks * 3, 16, 16)
        z = z.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
        leaves = [w.flatten(0, 1).clone().requires_grad_() for w in weights]

        def once() -> None:
            value = z
            for w in leaves:
                value = functional.conv2d(value, w, None, 2, 1, 1, networks).relu()
            torch.autograd.grad(value.sum(), leaves)

        return repeat(once)

    def unfolded() -> float:
        z = x.permute(0, 1, 3, 4, 2).contiguous()
        leaves = [
            w.permute(0, 3, 4, 2, 1).reshape(networks, -1, w.shape[1]).clone().requires_grad_()
            for w in weights
        ]

        def once() -> None:
            value = z
            for w in leaves:
                padded = functional.pad(value, (0, 0, 1, 1, 1, 1))
                size = value.shape[2] // 2
                taps = [
                    padded[:, :, i : i + 2 * size - 1 : 2, j : j + 2 * size - 1 : 2]
                    for i in range(3)
                    for j in range(3)
                ]
                patches = torch.cat(taps, -1)
                value = torch.bmm(patches.flatten(1, 3), w).relu()
                value = value.view(*patches.shape[:4], -1)
            torch.autograd.grad(value.sum(), leaves)

        return repeat(once)

    def mapped() -> float:
        def loss(own: list[torch.Tensor], value: torch.Tensor) -> torch.Tensor:
            for w in own:
                value = functional.conv2d(value, w, None, 2, 1).relu()
            return value.sum()

        gradient = torch.vmap(torch.func.grad(loss))
        return repeat(lambda: gradient(weights, x))

    def repeat(once: Callable) -> float:
        once()
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            once()
            count += 1
        return networks * count / (time.perf_counter() - started)

    return {
        "grouped, channels last": grouped(True),
        "grouped, channels first": grouped(False),
        "unfolded, batched product": unfolded(),
        "vmap": mapped(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--most", type=int, default=1024, help="largest stack")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", default="", help="one network: pixel MLP, tiny, small or medium")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(0)
    labels = torch.as_tensor(rng.integers(0, 10, 512))
    pixels = torch.as_tensor(rng.normal(size=(512, 3)).astype(np.float32))
    pictures = torch.as_tensor(rng.normal(size=(512, 3, 16, 16)).astype(np.float32))
    cases: dict[str, tuple[Architecture, torch.Tensor, int]] = {
        "pixel MLP": (Perceptron(3, (32, 32), 10), pixels, 256)
    }
    for name in ("tiny", "small", "medium"):
        cases[name] = (trained_comparisons.architecture(name, "viridis", 10), pictures, 32)
    found = []
    print(f"{options.threads} thread(s); networks · steps per second, and ratio to the plain loop")
    for name, (architecture, x, batch) in cases.items():
        if options.only not in ("", name):
            continue
        plain = rate(sequential(architecture, x, labels, batch), 1, options.seconds)
        print(f"{name:10} plain loop {plain:10,.0f}", flush=True)
        size = 1
        while size <= options.most:
            speed = rate(stacked(architecture, x, labels, batch), size, options.seconds)
            found.append({"network": name, "size": size, "plain": plain, "stacked": speed})
            print(f"{name:10} K = {size:5} {speed:10,.0f}  × {speed / plain:.2f}", flush=True)
            size *= 4
    ways = {}
    for size in (1, 16, 64):
        ways[size] = convolutions(size, options.seconds)
        print(f"small, K = {size}: " + ", ".join(f"{n} {v:,.0f}" for n, v in ways[size].items()))
    if options.json:
        options.json.write_text(json.dumps({"stacks": found, "convolutions": ways}, indent=2))


if __name__ == "__main__":
    main()
