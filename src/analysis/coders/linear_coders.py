"""Linear encoders of pictures with their best linear decoders, and bounds that none can beat.

Hop, decimation and means as matrices; `Separable` decodes them; `linear_bound_noise`,
`separable_bound` and `fit_linear_map` bound what any linear map through so many numbers can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.linalg import eigh, eigvalsh, solve
from scipy.signal import firwin
from scipy.special import spence

from analysis.pictures.pictures import Pictures, clip

Array = NDArray[np.float64]


def hop_matrix(length: int, factor: int) -> Array:
    """Keep every `factor`-th of `length` frames: what a `factor` times larger hop does.

    >>> hop_matrix(4, 2).astype(int).tolist()
    [[1, 0, 0, 0], [0, 0, 1, 0]]
    """
    return np.eye(length)[::factor]


def decimation_matrix(length: int, factor: int) -> Array:
    """Low-pass at the new Nyquist frequency, then keep the same frames as `hop_matrix`.

    A linear-phase FIR of ``8 factor + 1`` taps (Hamming window, `scipy.signal.firwin`), centred on
    the frame that is kept; the ends are continued by reflection. Each row sums to 1.

    >>> decimation_matrix(128, 4).sum(axis=1).round(12).min()
    np.float64(1.0)
    """
    if factor == 1:
        return np.eye(length)
    reach = 4 * factor
    taps = np.asarray(firwin(2 * reach + 1, 1 / factor), np.float64)
    matrix = np.zeros((-(-length // factor), length))
    for row, centre in enumerate(range(0, length, factor)):
        places = np.arange(centre - reach, centre + reach + 1) % (2 * length)
        np.add.at(matrix[row], np.where(places < length, places, 2 * length - 1 - places), taps)
    return matrix


def area_matrix(length: int, factor: int) -> Array:
    """Means over `factor` neighbours.

    >>> area_matrix(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    return np.kron(np.eye(length // factor), np.full((1, factor), 1 / factor))


def _best_decoder(encoder: Array, covariance: Array) -> Array:
    """Linear least-squares decoder ``C Eᵀ (E C Eᵀ)⁻¹`` of an encoder."""
    if encoder.shape[0] == encoder.shape[1] and np.array_equal(encoder, np.eye(len(encoder))):
        return encoder
    inner = encoder @ covariance @ encoder.T
    inner += 1e-9 * np.trace(inner) / len(inner) * np.eye(len(inner))
    return np.asarray(solve(inner, encoder @ covariance, assume_a="pos").T)


@dataclass(frozen=True)
class Separable:
    """Linear encoder ``Y = A X B`` with its best linear decoder.

    The decoder is the linear minimum-mean-square estimate under a covariance that is separable,
    rows times columns, both estimated from training pictures less their mean at each frequency.

    `down_rows`, `down_columns`: Encoders, shapes (r, rows) and (c, columns). `up_rows`,
    `up_columns`: Decoders, shapes (rows, r) and (columns, c). `mean`: In dB.
    """

    down_rows: Array
    down_columns: Array
    up_rows: Array
    up_columns: Array
    mean: Array

    @classmethod
    def fit(cls, down_rows: Array, down_columns: Array, statistics: Moments) -> Separable:
        """Fit the decoder to training statistics."""
        return cls(
            down_rows,
            down_columns,
            _best_decoder(down_rows, statistics.rows),
            _best_decoder(down_columns, statistics.columns),
            statistics.mean,
        )

    @property
    def numbers(self) -> int:
        """Numbers that are kept of a picture."""
        return len(self.down_rows) * len(self.down_columns)

    def encode(self, db: Pictures) -> Pictures:
        """Numbers kept, shape (n, r, c), in dB."""
        return np.asarray(
            self.down_rows.astype(np.float32) @ db @ self.down_columns.T.astype(np.float32),
            np.float32,
        )

    def decode(self, codes: Pictures) -> Pictures:
        """Pictures in dB, shape (n, rows, columns), clipped to the range."""
        known = self.down_rows @ self.mean @ np.ones((1, self.down_columns.shape[1]))
        offset = (known @ self.down_columns.T).astype(np.float32)
        change = self.up_rows.astype(np.float32) @ (codes - offset)
        return clip(change @ self.up_columns.T.astype(np.float32) + self.mean.astype(np.float32))


@dataclass(frozen=True)
class Moments:
    """Mean at each frequency, and covariances of rows and of columns (trace: one pixel each)."""

    mean: Array
    rows: Array
    columns: Array

    @classmethod
    def of(cls, db: Pictures) -> Moments:
        """Estimate them from training pictures, shape (n, rows, columns)."""
        mean = db.mean(axis=(0, 2), dtype=np.float64)[:, None]
        centred = db - mean.astype(np.float32)
        rows = np.einsum("nrc,nsc->rs", centred, centred, optimize=True) / (len(db) * db.shape[2])
        columns = np.einsum("nrc,nrd->cd", centred, centred, optimize=True)
        columns = columns / (len(db) * db.shape[1])
        return cls(mean, rows.astype(np.float64), columns.astype(np.float64))


#: Standard deviation of the log power of Gaussian noise in dB: 10 / ln 10 · π / √6.
NOISE_DB = 10 / np.log(10) * np.pi / np.sqrt(6)


def linear_bound_noise(
    shape: tuple[int, int], window: int, hop: int, numbers: int
) -> tuple[float, Array]:
    """Least error of *any* linear map through so many numbers, for the spectrogram of white noise.

    By Eckart and Young, no encoder and decoder that are linear (or affine) can have less mean
    square error than the sum of the covariance's eigenvalues beyond the `numbers` largest. For
    Gaussian white noise the covariance is known exactly: two bins whose complex values correlate
    with ρ have log powers (natural) of covariance ``Li₂(|ρ|²)``, and ρ is the ambiguity function
    of the window. The covariance depends only on the distances in time and frequency; continued
    periodically, its eigenvalues are its two-dimensional Fourier transform (exact for a torus; the
    edges, and the rows near 0 and Nyquist, are neglected).

    >>> bound, _ = linear_bound_noise((65, 200), 128, 128, 1)  # no overlap: bins hardly correlate
    >>> bool(0.99 * NOISE_DB < bound < NOISE_DB)
    True
    """
    rows, columns = shape
    weight = np.hanning(window + 1)[:-1]
    covariance = np.zeros(shape)
    far = np.minimum(np.arange(rows), rows - np.arange(rows))  # distances on the torus
    for column in range(min(columns // 2, (window - 1) // hop) + 1):
        lag = column * hop
        product = np.zeros(window)
        product[: window - lag] = weight[: window - lag] * weight[lag:]
        ambiguity = np.abs(fft.fft(product)[far]) / np.square(weight).sum()
        # scipy's spence(z) is Li₂(1 - z).
        covariance[:, column] = spence(1 - np.minimum(ambiguity**2, 1))
        covariance[:, -column] = covariance[:, column]
    eigenvalues = fft.fft2(covariance).real * (10 / np.log(10)) ** 2
    ordered = np.sort(np.maximum(eigenvalues.ravel(), 0))[::-1]
    return float(np.sqrt(ordered[numbers:].sum() / ordered.size)), ordered


def separable_bound(db: NDArray[np.floating[Any]], rank: int) -> float:
    """Least error of any map ``X → D (A X B) C`` through `rank` × `rank` numbers, for this picture.

    Every resize is such a map. Its result has at most this rank, so that its error is at least that
    of the truncated singular value decomposition, which is made for this very picture.

    >>> separable_bound(np.diag([3.0, 4.0]), 1)
    1.5
    """
    x = np.asarray(db, np.float64)
    gram = x @ x.T if x.shape[0] < x.shape[1] else x.T @ x
    tail = eigvalsh(gram)[: len(gram) - rank]
    return float(np.sqrt(np.maximum(tail, 0).sum() / x.size))


@dataclass(frozen=True)
class LinearMap:
    """Best linear map through so many numbers, learned from pictures.

    `numbers`: Kept of each picture. `bound_db`: Root mean square error on the pictures that it was
    made from: no linear map does better on them. `held_out_db`: Its error on each picture of the
    test set.
    """

    numbers: int
    bound_db: float
    held_out_db: Array


def fit_linear_map(
    train: NDArray[np.float32], test: NDArray[np.float32], numbers: int
) -> LinearMap:
    """Fit the best linear map (principal components; the mean picture comes free)."""
    if len(train) - 1 <= numbers:
        raise ValueError(f"{len(train)} pictures through {numbers} numbers: the bound is empty")
    mean = train.mean(axis=0)
    centred, others = train - mean, test - mean
    values, vectors = eigh((centred @ centred.T).astype(np.float64))
    tail = np.maximum(values[: len(values) - numbers], 0).sum() / train.size
    kept, top = vectors[:, -numbers:], np.maximum(values[-numbers:], 1e-9)
    codes = (others @ centred.T).astype(np.float64) @ kept / np.sqrt(top)
    rest = np.square(others, dtype=np.float64).sum(axis=1) - np.square(codes).sum(axis=1)
    held_out = np.sqrt(np.maximum(rest, 0) / train.shape[1])
    return LinearMap(numbers, float(np.sqrt(tail)), held_out)
