"""Learned coders of spectrograms in decibels, in blocks of 16 × 16 pixels.

`BlockPCA` is the best linear one; `Autoencoder` is trained and starts as it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from tqdm import tqdm

from analysis.coders.blocks import cut, join
from analysis.pictures.pictures import Pictures, clip

Array = NDArray[np.float64]


#: Side of the blocks of the principal components and of the autoencoder, in pixels.
BLOCK = 16


def _blocks(db: Pictures) -> Pictures:
    """Blocks of all pictures in one list, shape (n · blocks, BLOCK²)."""
    return np.asarray(cut(db, BLOCK).reshape(-1, BLOCK * BLOCK))


def _unblocks(blocks: Pictures, shape: tuple[int, ...]) -> Pictures:
    return np.asarray(join(blocks, shape, BLOCK))


@dataclass(frozen=True)
class BlockPCA:
    """Principal components of blocks: the best linear autoencoder of a block (Eckart, Young).

    `mean`: Training mean at each frequency, in dB. `basis`: Orthonormal rows, the strongest
    component first.
    """

    mean: Array
    basis: Pictures

    @classmethod
    def fit(cls, db: Pictures) -> BlockPCA:
        """Fit to training pictures, shape (n, rows, columns)."""
        mean = db.mean(axis=(0, 2), dtype=np.float64)[:, None]
        blocks = _blocks(db - mean.astype(np.float32))
        _, vectors = eigh((blocks.T @ blocks).astype(np.float64))
        return cls(mean, np.ascontiguousarray(vectors[:, ::-1].T, np.float32))

    def encode(self, db: Pictures, components: int = BLOCK * BLOCK) -> Pictures:
        """Components in dB, shape (n · blocks, components)."""
        return _blocks(db - self.mean.astype(np.float32)) @ self.basis[:components].T

    def decode(self, codes: Pictures, shape: tuple[int, ...]) -> Pictures:
        """Pictures of `shape` from their components, clipped to the range."""
        return clip(
            _unblocks(codes @ self.basis[: codes.shape[1]], shape) + self.mean.astype(np.float32)
        )


class Autoencoder:
    """Trained autoencoder of blocks that starts as the best linear one.

    Encoder and decoder are each a linear map, initialised with the principal components, plus a net
    of one hidden layer of 128 ReLUs, initialised with zero output: training can only add to the
    PCA of the same bottleneck. As each block is coded alike, it is a convolutional net of stride
    16.
    """

    def __init__(self, pca: BlockPCA, bottleneck: int, seed: int) -> None:
        size, hidden = BLOCK * BLOCK, 128
        self.mean, self.bottleneck, self._seed = pca.mean, bottleneck, seed
        generator = torch.Generator().manual_seed(seed)
        basis = torch.from_numpy(pca.basis[:bottleneck].copy())

        def hidden_layer(inputs: int) -> torch.Tensor:
            drawn: torch.Tensor = torch.randn(inputs, hidden, generator=generator)
            return drawn.mul(float(2 / inputs) ** 0.5)

        self.weights = [
            weight.requires_grad_()
            for weight in (
                basis.T.clone(),
                hidden_layer(size),
                torch.zeros(hidden),
                torch.zeros(hidden, bottleneck),
                basis.clone(),
                hidden_layer(bottleneck),
                torch.zeros(hidden),
                torch.zeros(hidden, size),
            )
        ]

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        linear, first, bias, second = self.weights[:4]
        codes: torch.Tensor = x @ linear + torch.relu(x @ first + bias) @ second
        return codes

    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        linear, first, bias, second = self.weights[4:]
        decoded: torch.Tensor = z @ linear + torch.relu(z @ first + bias) @ second
        return decoded

    def fit(self, db: Pictures, epochs: int) -> Autoencoder:
        """Minimise the squared error with Adam (one-cycle learning rate, batches of 512 blocks).

        The weights of the epoch with the least training error are kept, the start counting as one.
        """
        blocks = torch.from_numpy(_blocks(db - self.mean.astype(np.float32)))
        self.scale = float(blocks.square().mean().sqrt())
        blocks = blocks / self.scale
        generator = torch.Generator().manual_seed(self._seed + 1)
        optimiser = torch.optim.Adam(self.weights, lr=1e-3)
        batches = len(blocks) // 512
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, 2e-3, total_steps=epochs * batches + 1
        )
        best = (self._error(blocks), [weight.detach().clone() for weight in self.weights])
        for _ in tqdm(range(epochs), desc=f"autoencoder {self.bottleneck}", disable=None):
            order = torch.randperm(len(blocks), generator=generator)
            for index in order[: batches * 512].reshape(batches, 512):
                batch = blocks[index]
                loss = (self._decode(self._encode(batch)) - batch).square().mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
            error = self._error(blocks)
            if error < best[0]:
                best = (error, [weight.detach().clone() for weight in self.weights])
        self.weights = best[1]
        return self

    @torch.no_grad()
    def _error(self, blocks: torch.Tensor) -> float:
        return float((self._decode(self._encode(blocks)) - blocks).square().mean())

    @torch.no_grad()
    def encode(self, db: Pictures) -> Pictures:
        """Codes, shape (n · blocks, bottleneck), in dB."""
        blocks = torch.from_numpy(_blocks(db - self.mean.astype(np.float32)))
        return np.asarray((self._encode(blocks / self.scale) * self.scale).numpy(), np.float32)

    @torch.no_grad()
    def decode(self, codes: Pictures, shape: tuple[int, ...]) -> Pictures:
        """Pictures of `shape`, clipped to the range."""
        blocks = self._decode(torch.from_numpy(codes) / self.scale) * self.scale
        return clip(_unblocks(np.asarray(blocks.numpy()), shape) + self.mean.astype(np.float32))
