"""Pictures in blocks, and JPEG's rivals on the same 8×8 blocks.

`cut` and `join` are the geometry. `Components` are linear: principal ones, or JPEG's cosines;
`BlockAutoencoder` is trained (`train`), starts as them, and may round in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.jpeg.codec import dct_filters
from analysis.jpeg.huffman import ZIGZAG

Floats = NDArray[np.float64]


def cut(images: NDArray[Any], side: int) -> NDArray[Any]:
    """Cut pictures into square blocks of `side` pixels, shape (n, rows, columns, side²).

    >>> cut(np.arange(16).reshape(1, 4, 4), 2)[0, 0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7]]
    """
    n, height, width = images.shape
    parts = images.reshape(n, height // side, side, width // side, side).swapaxes(2, 3)
    return parts.reshape(n, height // side, width // side, side * side)


def join(blocks: NDArray[Any], shape: tuple[int, ...], side: int) -> NDArray[Any]:
    """Undo `cut`: pictures of `shape`, from blocks of `side` × `side` in any leading shape."""
    n, height, width = shape
    parts = blocks.reshape(n, height // side, width // side, side, side)
    return np.ascontiguousarray(parts.swapaxes(2, 3).reshape(shape))


def blocks(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Cut pictures into JPEG's 8×8 blocks, edges repeated, level 128 as zero.

    >>> blocks(np.zeros((2, 16, 12), np.uint8)).shape
    (2, 2, 2, 64)
    """
    _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, -height % 8), (0, -width % 8)), mode="edge")
    return cut(padded, 8).astype(np.float32) - 128


def unblock(parts: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Undo `blocks`, rounding to levels as every picture does."""
    n, rows, columns, _ = parts.shape
    plane = join(parts, (n, 8 * rows, 8 * columns), 8)
    levels = np.clip(np.rint(plane[:, :height, :width] + 128), 0, 255)
    return np.asarray(levels, np.float32)


@dataclass(frozen=True)
class Components:
    """A linear autoencoder of blocks: an orthonormal basis and a centre.

    `basis`: Rows are patterns of 8×8 levels, the most important first. `spread`: Standard deviation
    of each code on the blocks that were fitted.
    """

    basis: NDArray[np.float32]
    centre: NDArray[np.float32]
    spread: Floats

    @classmethod
    def principal(cls, patches: NDArray[np.float32]) -> Components:
        """Fit principal components: the best linear autoencoder at every width (Eckart–Young)."""
        flat = patches.reshape(-1, 64).astype(np.float64)
        centre = flat.mean(0)
        variance, vectors = np.linalg.eigh(np.cov(flat.T))
        spread = np.sqrt(np.clip(variance[::-1], 0, None))
        return cls(vectors.T[::-1].astype(np.float32), centre.astype(np.float32), spread)

    @classmethod
    def cosine(cls) -> Components:
        """Take JPEG's own filters, in the order of its zigzag; nothing is fitted."""
        basis = dct_filters().reshape(64, 64)[ZIGZAG]
        return cls(basis.astype(np.float32), np.zeros(64, np.float32), np.ones(64))

    def encode(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project blocks. (…, 64) → (…, 64)."""
        return np.asarray((patches - self.centre) @ self.basis.T, np.float32)

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add up the patterns of the first codes. (…, k) → (…, 64)."""
        return np.asarray(codes @ self.basis[: codes.shape[-1]] + self.centre, np.float32)


class BlockAutoencoder(nn.Module):
    """A trained autoencoder with JPEG's geometry: 8×8 kernels, stride 8, rounding in the middle.

    Encoder and decoder are a linear map plus a hidden layer: on one block each is a dense layer, on
    a picture a convolution of stride 8 followed by convolutions of 1×1. It starts as the principal
    components, the hidden layers silent, so that training begins where the best linear one ends.
    """

    centre: Tensor

    def __init__(
        self, start: Components, width: int = 64, step: float | None = None, hidden: int = 96
    ) -> None:
        super().__init__()
        basis = torch.from_numpy(start.basis[:width].copy())
        self.register_buffer("centre", torch.from_numpy(start.centre))
        self.step = step
        self.encoder, self.decoder = _Residual(basis, hidden), _Residual(basis.T, hidden)
        spread = torch.tensor(start.spread[:width] / (step or 1), dtype=torch.float32)
        self.log_scale = nn.Parameter((spread + 0.3).log() - 1)

    def encode(self, patches: Tensor) -> Tensor:
        """Blocks to codes, in steps if there is one, else in levels. (…, 64) → (…, width)."""
        code: Tensor = self.encoder((patches - self.centre) / 64) * (64 / (self.step or 1))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Codes back to blocks. (…, width) → (…, 64)."""
        patches: Tensor = self.decoder(code * ((self.step or 1) / 64)) * 64 + self.centre
        return patches

    def bits(self, code: Tensor) -> Tensor:
        """Bits of codes under a logistic distribution of each number. (…, width) → (…)."""
        scale = self.log_scale.exp()
        far, near = (code.abs() + 0.5) / scale, (code.abs() - 0.5) / scale
        share = torch.sigmoid(-near) - torch.sigmoid(-far)
        return -share.clamp_min(1e-9).log2().sum(-1)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruct blocks, the gradient straight through the rounding; also give the codes."""
        code = self.encode(patches)
        if self.step is None:
            return self.decode(code), code
        return self.decode(code + (code.round() - code).detach()), code


class _Residual(nn.Module):
    def __init__(self, matrix: Tensor, hidden: int) -> None:
        super().__init__()
        outputs, inputs = matrix.shape
        self.straight = nn.Linear(inputs, outputs)
        last = nn.Linear(hidden, outputs, bias=False)
        self.bent = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), last)
        with torch.no_grad():
            self.straight.weight.copy_(matrix)
            self.straight.bias.zero_()
            last.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Add the linear path and the hidden layer."""
        out: Tensor = self.straight(x) + self.bent(x)
        return out


def train(
    patches: NDArray[np.float32],
    start: Components,
    seed: int,
    steps: int,
    width: int = 64,
    step: float | None = None,
    batch: int = 1024,
) -> BlockAutoencoder:
    """Train an autoencoder of blocks, on squared error and, if it rounds, on bits as well.

    Bits are those of a logistic distribution, fitted along for each number, with uniform noise in
    the rounding's place (Ballé, Laparra and Simoncelli, 2017). Their price is the one at which fine
    uniform quantisation is in balance: ``step² ln 2 / 6`` of squared error a bit.
    """
    flat = torch.from_numpy(patches.reshape(-1, 64))
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = BlockAutoencoder(start, width, step)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    price = 0.0 if step is None else step**2 * np.log(2) / 6
    for _ in range(steps):
        x = flat[torch.randint(len(flat), (batch,), generator=generator)]
        out, code = net(x)
        loss = (out - x).square().sum(-1).mean()
        if step is not None:
            noise = torch.rand(code.shape, generator=generator) - 0.5
            loss = loss + price * net.bits(code + noise).mean()
        optimiser.zero_grad()
        (loss / 64**2).backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def apply_net(
    net: BlockAutoencoder, patches: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Codes (rounded, if the net rounds) and reconstructed blocks."""
    with torch.no_grad():
        code = net.encode(torch.from_numpy(patches))
        if net.step is not None:
            code = code.round()
        return code.numpy(), net.decode(code).numpy()
