"""Batched training: a stack of networks beside plain PyTorch, alone and in processes.

The peer is what anybody would write: `torch.nn` modules, `torch.optim.Adam`, one network after the
other. Both train the same architectures on the same data; what counts is networks · steps per
second. The pixel MLP sees one pixel (3 channels) in batches of 256; the convolutional networks see
16×16 pictures with 3 channels in batches of 32. Everyone trains each network for the same number of
steps, setting up included. The limit is a large matrix product with as many operations.

    python -m benchmarks.training

times the alternatives for a stack's convolution: grouped in either memory layout, unfolding with
batched products, `torch.vmap`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from analysis.comparisons import arms
from analysis.nets.training import (
    Architecture,
    Convolutional,
    Network,
    Optimiser,
    Perceptron,
    train,
)
from analysis.timing.timings import Row
from benchmarks.harness import Contender, Effort, compare, ours, rows, take_turns

TITLE = "Training many small networks"
PEERS = ("joblib",)


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


def sequential(architecture: Architecture, x: Tensor, y: Tensor, batch: int, steps: int) -> None:
    """Train one network in the plain way."""
    torch.set_num_threads(1)
    model = module(architecture)
    optimiser = torch.optim.Adam(model.parameters(), 0.003)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        rows = torch.as_tensor(rng.integers(0, len(y), batch))
        loss = functional.cross_entropy(model(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def stacked(
    architecture: Architecture, x: Tensor, y: Tensor, batch: int, networks: int, steps: int
) -> None:
    """Train a stack."""
    torch.set_num_threads(1)
    stack = [Network(seed, "x", 0.003) for seed in range(networks)]
    train(architecture, {"x": x.numpy()}, y.numpy(), stack, Optimiser(steps, batch))


def operations(architecture: Architecture, x: Tensor, batch: int) -> float:
    """Floating-point operations of one network's step, forward and backward."""
    model = module(architecture)
    with FlopCounterMode(display=False) as counter:
        model(x[:batch]).sum().backward()
    return float(counter.get_total_flops())


def product(operations: float, effort: Effort) -> Contender:
    """Build the limit: a matrix product of 1024 rows and columns, counted in networks · steps."""
    size = 64 if effort.small else 1024
    a, b = torch.ones(size, size), torch.ones(size, size)
    return Contender("matrix product, peak", lambda: a @ b, "limit", 2 * size**3 / operations)


Case = tuple[Architecture, Tensor, Tensor, int]


def cases() -> dict[str, Case]:
    """Architectures with the data that they see."""
    rng = np.random.default_rng(0)
    labels = torch.as_tensor(rng.integers(0, 10, 512))
    pixels = torch.as_tensor(rng.normal(size=(512, 3)).astype(np.float32))
    pictures = torch.as_tensor(rng.normal(size=(512, 3, 16, 16)).astype(np.float32))
    found: dict[str, Case] = {"pixel MLP": (Perceptron(3, (32, 32), 10), pixels, labels, 256)}
    for name in ("tiny", "small", "medium"):
        build = arms.architecture(name, "viridis", 10)
        found[name] = (build, pictures, labels, 32)
    return found


def over_sizes(effort: Effort) -> list[Row]:
    """Stacks of growing size beside the plain loop, and beside the limit."""
    found: list[Row] = []
    sizes, steps, known = (1, 4, 16, 64, 256), 128, cases()
    if effort.small:
        sizes, steps, known = (1, 2), 2, {"tiny": known["tiny"]}
    for name in known:
        case = known[name]
        work = operations(case[0], case[1], case[3])
        for networks in sizes[:-2] if name == "medium" else sizes:  # 64 of them fill a minute
            field = [
                ours(
                    lambda k=networks, c=case: stacked(*c, k, steps),  # type: ignore[misc]
                    networks * steps,
                    networks=networks,
                ),
                Contender(
                    "PyTorch, one by one",
                    lambda c=case: sequential(*c, steps),  # type: ignore[misc]
                    "peer",
                    steps,
                ),
                product(work, effort),
            ]
            found += compare(f"{name}, {networks} at once", "networks · steps", field, effort)
    return found


def in_processes(effort: Effort) -> list[Row]:
    """Many networks over one and two processes, stacked or one by one."""
    name, networks, stack, steps = ("tiny", 2, 1, 2) if effort.small else ("small", 64, 16, 20)
    case = cases()[name]
    plain = networks // 8 or 1
    two = 1 if effort.small else 2

    def run(jobs: int) -> None:
        pieces = (delayed(stacked)(*case, stack, steps) for _ in range(networks // stack))
        Parallel(jobs)(pieces)

    def one_by_one(jobs: int) -> None:
        Parallel(jobs)(delayed(sequential)(*case, steps) for _ in range(plain))

    amount = float(networks * steps)
    field = [
        ours(lambda: run(two), amount, processes=two),
        Contender("this book, 1 process", lambda: run(1), "variant", amount, {"processes": 1}),
        Contender(
            "PyTorch, one by one", lambda: one_by_one(1), "peer", plain * steps, {"processes": 1}
        ),
        Contender(
            "PyTorch, process-parallel", lambda: one_by_one(two), "peer", plain * steps,
            {"processes": 2},
        ),
        product(operations(case[0], case[1], case[3]) / 2, effort),  # two cores
    ]  # fmt: skip
    seconds = take_turns(field, min(effort.rounds, 3), time.perf_counter)
    return rows(f"{name}, {networks} in processes", "networks · steps", field, seconds)


def measure(effort: Effort) -> list[Row]:
    """Time stacks of growing size, then processes."""
    torch.set_num_threads(1)
    return [*over_sizes(effort), *in_processes(effort)]


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    for size in (1, 16, 64):
        ways = convolutions(size, 2.0)
        print(f"small, K = {size}: " + ", ".join(f"{n} {v:,.0f}" for n, v in ways.items()))
