"""What compressing a spectrogram costs: hop, decimation, resizing, PCA, a net, image codecs.

One picture a clip: `pictures` gives 256 frequencies × 128 frames in decibels above a floor, from
one second of sound at 16 kHz. A *method* and its *setting* (`METHODS`) turn it into numbers or into
the bytes of a file, and back (`Bench.through_numbers`, `Bench.through_file`). Three distances tell
what was lost: `log_error`, `resynthesis_snr` and the accuracy of a classifier (`classify`).

===============  =====================================  ==================================
method           what is kept                           setting
===============  =====================================  ==================================
``hop``          every k-th frame                       k
``decimation``   every k-th frame after a low-pass      k
``area``         means over r × c pixels                (r, c)
``pca``          principal components of 16 × 16 pixels components, or step in dB
``autoencoder``  a net's bottleneck of 16 × 16 pixels   bottleneck, or (bottleneck, step)
``png``          all pixels at 2^b levels               b
``jpeg``         Pillow's file                          quality
``jpeg2000``     Pillow's file                          compression ratio
``webp``         Pillow's file                          quality
===============  =====================================  ==================================

Every linear encoder gets its best linear decoder, fitted to the training clips, so that what is
compared is what the encoders keep and not how cleverly somebody interpolates.

The other experiments of the chapter: `alias_fraction` (hop size), `linear_bound_noise`,
`separable_bound` and `fit_linear_map` (a picture through 32 × 32 numbers), `event_detection`
(a millisecond on a compressed time axis) and `denoise` (JPEG as a denoiser).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image, features
from scipy import fft, stats
from scipy.linalg import eigh, eigvalsh, qr, solve
from scipy.signal import firwin
from scipy.special import spence
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from analysis.evidence.statistics import Interval, bootstrap_mean, equivalence, holm
from analysis.sound import spectrograms
from analysis.sound.datasets import AudioSet

__all__ = [
    "AGREEMENT",
    "ALIAS_HOPS",
    "ALIAS_SHARE",
    "ALIAS_WINDOWS",
    "BLOCK",
    "CLASSIFIED_SETTINGS",
    "COLUMNS",
    "FACTORS",
    "FILTERS",
    "HIGH_DB",
    "LARGE",
    "LARGE_HOP",
    "LARGE_WINDOW",
    "LOW_DB",
    "MARGIN",
    "METHODS",
    "NOISE_DB",
    "QUALITIES",
    "ROWS",
    "SETTINGS",
    "SMALL",
    "UNSAFE_LOSS",
    "WAYS",
    "Autoencoder",
    "Bench",
    "BlockPCA",
    "LinearMap",
    "Separable",
    "Settings",
    "Split",
    "accuracies",
    "alias_fraction",
    "alias_table",
    "area_matrix",
    "at_budget",
    "auc",
    "changes",
    "classification",
    "classify",
    "coarse_pictures",
    "code_bytes",
    "decimation_matrix",
    "denoise",
    "equal_bytes",
    "equal_numbers",
    "event_detection",
    "features_of",
    "file_round_trip",
    "fit_linear_map",
    "folding_demo",
    "gain_at_budget",
    "gain_at_factor",
    "griffin_lim",
    "griffin_lim_snr",
    "griffin_lim_table",
    "hop_matrix",
    "jpeg_header_bytes",
    "large_picture",
    "linear_bound_noise",
    "log_error",
    "needed_strength",
    "pictures",
    "posterise",
    "resize_and_back",
    "resynthesis_snr",
    "separable_bound",
    "summarise",
    "synthetic_sounds",
    "through_32",
    "unsafe_from",
    "verdict_any_linear",
    "verdict_hop",
    "verdict_jpeg",
    "verdict_measurable",
    "verdict_time_axis",
]

Array = NDArray[np.float64]
Pictures = NDArray[np.float32]

#: Window and hop of the pictures in samples: at 16 kHz, 32 ms and 8 ms (75 % overlap).
WINDOW, HOP = 512, 128

#: Rows (frequency bins; the one at Nyquist is left out) and columns (frames) of a picture.
ROWS, COLUMNS = 256, 128

#: Range of the 8-bit levels in dB of a full-scale sine; everything lower is set to the floor.
LOW_DB, HIGH_DB = spectrograms.FLOOR_DB, 0.0

#: Side of the blocks of the principal components and of the autoencoder, in pixels.
BLOCK = 16

#: The methods, in the order of the legend.
METHODS = (
    "hop",
    "decimation",
    "area",
    "pca",
    "autoencoder",
    "png",
    "jpeg",
    "jpeg2000",
    "webp",
)

_AREAS = ((1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8))
_FACTORS = (2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Settings:
    """What a profile means: sizes and numbers of repetitions.

    `train_per_class`: Clips of a class from which the learned coders and the classifier learn.
    `test_per_class`: Clips of a class on which rate and distortion are measured.
    `classified_per_class`: Clips of a class on which the classifier is tested. `classified`:
    Methods that the classifier is tried with. `bottlenecks`: Numbers that the autoencoder keeps of
    each block. `epochs`: Of the autoencoder. `seeds`: Training sets of the classifier.
    `griffin_lim_clips`: Clips that are resynthesised without the phase. `aliased_clips`: Real
    sounds of each set for the hop-size experiment. `map_per_class`: Notes of a class for the best
    linear map through 1024 numbers. `map_row_step`: Every so many of the 1356 rows enter that map's
    bound. `large_pictures`: Pictures of 1356 × 1071 pixels that are resized. `event_clips`: Clips
    with, and as many without, the millisecond event. `chirps`: Chirps to learn from; two thirds as
    many to test on. `repetitions`: Of the denoising experiment. `snr_db`: Of the noisy chirps.
    """

    train_per_class: int
    test_per_class: int
    classified_per_class: int
    classified: tuple[str, ...]
    bottlenecks: tuple[int, ...]
    epochs: int
    seeds: int
    griffin_lim_clips: int
    aliased_clips: int
    map_per_class: int
    map_row_step: int
    large_pictures: int
    event_clips: int
    chirps: int
    repetitions: int
    snr_db: tuple[float, ...]


SETTINGS = {
    "quick": Settings(
        train_per_class=30,
        test_per_class=2,
        classified_per_class=20,
        classified=("hop", "decimation", "pca", "jpeg"),
        bottlenecks=(16, 64),
        epochs=2,
        seeds=3,
        griffin_lim_clips=4,
        aliased_clips=10,
        map_per_class=140,
        map_row_step=8,
        large_pictures=4,
        event_clips=200,
        chirps=150,
        repetitions=6,
        snr_db=(-10.0, 0.0, 10.0, 20.0),
    ),
    "full": Settings(
        train_per_class=80,
        test_per_class=12,
        classified_per_class=60,
        classified=("hop", "decimation", "area", "pca", "autoencoder", "jpeg", "jpeg2000", "webp"),
        bottlenecks=(4, 16, 64),
        epochs=10,
        seeds=10,
        griffin_lim_clips=18,
        aliased_clips=40,
        map_per_class=300,
        map_row_step=4,
        large_pictures=24,
        event_clips=1000,
        chirps=450,
        repetitions=12,
        snr_db=(-10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0),
    ),
}


# --- pictures ---------------------------------------------------------------------------------


def pictures(waveforms: NDArray[np.floating[Any]]) -> Pictures:
    """Log-power spectrograms of one-second clips, 256 × 128 pixels.

    >>> pictures(np.zeros((2, 16000))).shape
    (2, 256, 128)
    """
    db = spectrograms.log_power(_padded(waveforms), WINDOW, HOP, LOW_DB)[:, :ROWS]
    return np.minimum(db, np.float32(HIGH_DB))


def _padded(waveforms: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    samples = (COLUMNS - 1) * HOP
    if waveforms.ndim != 2 or waveforms.shape[1] > samples:
        raise ValueError(f"need clips of at most {samples} samples, got {waveforms.shape}")
    return np.pad(np.asarray(waveforms, np.float32), ((0, 0), (0, samples - waveforms.shape[1])))


def posterise(db: Pictures, bits: int = 8) -> NDArray[np.uint8]:
    """Levels of decibels in −100…0 dB: 2^bits of them.

    >>> posterise(np.array([-100.0, -50.0, 0.0], np.float32), 1).tolist()
    [0, 0, 1]
    """
    return np.asarray(spectrograms.quantise(db, LOW_DB, HIGH_DB, bits), np.uint8)


def _decibels(levels: NDArray[np.uint8], bits: int = 8) -> Pictures:
    return spectrograms.dequantise(levels, LOW_DB, HIGH_DB, bits)


# --- linear encoders with their best linear decoders --------------------------------------------


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
    def fit(cls, down_rows: Array, down_columns: Array, statistics: _Moments) -> Separable:
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
        return _clip(change @ self.up_columns.T.astype(np.float32) + self.mean.astype(np.float32))


@dataclass(frozen=True)
class _Moments:
    """Mean at each frequency, and covariances of rows and of columns (trace: one pixel each)."""

    mean: Array
    rows: Array
    columns: Array

    @classmethod
    def of(cls, db: Pictures) -> _Moments:
        mean = db.mean(axis=(0, 2), dtype=np.float64)[:, None]
        centred = db - mean.astype(np.float32)
        rows = np.einsum("nrc,nsc->rs", centred, centred, optimize=True) / (len(db) * db.shape[2])
        columns = np.einsum("nrc,nrd->cd", centred, centred, optimize=True)
        columns = columns / (len(db) * db.shape[1])
        return cls(mean, rows.astype(np.float64), columns.astype(np.float64))


def _clip(db: NDArray[Any]) -> Pictures:
    return np.asarray(np.clip(db, LOW_DB, HIGH_DB), np.float32)


def _blocks(db: Pictures) -> Pictures:
    """Blocks of pictures, shape (n · blocks, BLOCK²)."""
    n, rows, columns = db.shape
    cut = db.reshape(n, rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    return cut.transpose(0, 1, 3, 2, 4).reshape(-1, BLOCK * BLOCK)


def _unblocks(blocks: Pictures, shape: tuple[int, ...]) -> Pictures:
    n, rows, columns = shape
    cut = blocks.reshape(n, rows // BLOCK, columns // BLOCK, BLOCK, BLOCK)
    return np.ascontiguousarray(cut.transpose(0, 1, 3, 2, 4).reshape(shape))


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
        return _clip(
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
        return _clip(_unblocks(np.asarray(blocks.numpy()), shape) + self.mean.astype(np.float32))


# --- files --------------------------------------------------------------------------------------


def _png(levels: NDArray[np.uint8], bits: int = 8) -> int:
    """Length of a PNG of levels; 1, 2 and 4 bits are packed as the format allows."""
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "PNG", bits=bits if bits in (1, 2, 4) else 8)
    return stream.tell()


def file_round_trip(
    levels: NDArray[np.uint8], form: str, **options: Any
) -> tuple[NDArray[np.uint8], int]:
    """Save a gray picture with Pillow and open it again."""
    picture = Image.fromarray(levels)
    stream = io.BytesIO()
    (picture.convert("RGB") if form == "WEBP" else picture).save(stream, form, **options)
    stream.seek(0)
    return np.asarray(Image.open(stream).convert("L"), np.uint8), stream.getbuffer().nbytes


def jpeg_header_bytes(shape: tuple[int, int] = (ROWS, COLUMNS)) -> int:
    """Bytes of a gray JPEG that hold no picture: markers, tables and the frame.

    >>> jpeg_header_bytes() < jpeg_header_bytes() + 1 < 400
    True
    """
    stream = io.BytesIO()
    Image.fromarray(np.zeros(shape, np.uint8)).save(stream, "JPEG")
    content = stream.getvalue()
    scan = content.index(b"\xff\xda")
    return scan + 2 + int.from_bytes(content[scan + 2 : scan + 4], "big") + 2


def code_bytes(codes: NDArray[np.int_], images: int) -> NDArray[np.int64]:
    """Bytes of each picture's rounded codes: 16-bit integers, deflated.

    The codes of a picture are laid out component by component, low bytes before high bytes, and
    compressed by zlib; what the decoder has learned is not counted.
    """
    planes = codes.reshape(images, -1, codes.shape[1]).transpose(0, 2, 1).astype("<i2")
    sizes = []
    for plane in planes:
        split = np.ascontiguousarray(plane).view(np.uint8).reshape(-1, 2).T
        sizes.append(len(zlib.compress(np.ascontiguousarray(split).tobytes())))
    return np.array(sizes, np.int64)


def _image_options(method: str, setting: float) -> tuple[str, dict[str, Any]]:
    if method == "jpeg":
        return "JPEG", {"quality": int(setting)}
    if method == "jpeg2000":
        keywords = {"irreversible": True, "quality_mode": "rates", "quality_layers": [setting]}
        return "JPEG2000", keywords
    return "WEBP", {"quality": int(setting), "method": 2}


@dataclass
class Bench:
    """Methods fitted to training pictures, ready to compress others.

    `moments`, `pca`, `autoencoders`: Fitted; the autoencoders by bottleneck.
    """

    moments: _Moments
    pca: BlockPCA
    autoencoders: dict[int, Autoencoder] = field(default_factory=dict)

    @classmethod
    def fit(cls, train: Pictures, bottlenecks: Iterable[int], epochs: int, seed: int) -> Bench:
        """Fit everything that learns."""
        pca = BlockPCA.fit(train)
        nets = {m: Autoencoder(pca, m, seed).fit(train, epochs) for m in bottlenecks}
        return cls(_Moments.of(train), pca, nets)

    def separable(self, method: str, setting: Any) -> Separable:
        """Fit encoder and decoder of ``hop``, ``decimation`` or ``area``."""
        if method == "area":
            rows, columns = area_matrix(ROWS, setting[0]), area_matrix(COLUMNS, setting[1])
        else:
            matrix = {"hop": hop_matrix, "decimation": decimation_matrix}[method]
            rows, columns = np.eye(ROWS), matrix(COLUMNS, setting)
        return Separable.fit(rows, columns, self.moments)

    def number_settings(self) -> list[tuple[str, Any]]:
        """Methods that keep real numbers, with their settings."""
        return [
            *((m, k) for m in ("hop", "decimation") for k in _FACTORS),
            *(("area", size) for size in _AREAS),
            *(("pca", m) for m in (128, 64, 32, 16, 8, 4)),
            *(("autoencoder", m) for m in sorted(self.autoencoders, reverse=True)),
        ]

    def through_numbers(self, method: str, setting: Any, db: Pictures) -> tuple[int, Pictures]:
        """Keep real numbers only, without rounding."""
        if method == "pca":
            codes = self.pca.encode(db, setting)
            return codes.size // len(db), self.pca.decode(codes, db.shape)
        if method == "autoencoder":
            codes = self.autoencoders[setting].encode(db)
            return codes.size // len(db), self.autoencoders[setting].decode(codes, db.shape)
        coder = self.separable(method, setting)
        return coder.numbers, coder.decode(coder.encode(db))

    def file_settings(self) -> list[tuple[str, Any]]:
        """Methods that make a file, with their settings; formats that Pillow lacks are left out."""
        nets = sorted(self.autoencoders, reverse=True)
        chosen: list[tuple[str, Any]] = [
            *((m, k) for m in ("hop", "decimation") for k in _FACTORS),
            *(("area", size) for size in _AREAS),
            *(("pca", step) for step in (8, 16, 32, 64, 96, 160)),
            *(("autoencoder", (m, step)) for m in nets for step in (8, 16, 32, 64, 128)),
            *(("png", bits) for bits in (8, 6, 4, 3, 2, 1)),
            *(("jpeg", quality) for quality in (3, 8, 15, 30, 50, 75, 90, 96)),
        ]
        if features.check("jpg_2000"):
            chosen += [("jpeg2000", ratio) for ratio in (60, 30, 15, 8, 4)]
        if features.check("webp"):
            chosen += [("webp", quality) for quality in (1, 20, 50, 75, 95)]
        return chosen

    def through_file(
        self, method: str, setting: Any, db: Pictures, count: bool = True
    ) -> tuple[NDArray[np.int64], Pictures]:
        """Write each picture to bytes, and read it.

        Subsampled and averaged pictures are saved as 8-bit PNG; components and codes are rounded
        to a step and deflated (`code_bytes`); the rest are Pillow's files.
        """
        unknown = np.zeros(len(db), np.int64)
        if method in ("hop", "decimation", "area"):
            coder = self.separable(method, setting)
            kept = posterise(coder.encode(db))
            nbytes = np.array([_png(p) for p in kept]) if count else unknown
            return nbytes, coder.decode(_decibels(kept))
        if method == "pca":
            rounded = np.rint(self.pca.encode(db) / setting).astype(int)
            decoded = self.pca.decode((rounded * setting).astype(np.float32), db.shape)
            return code_bytes(rounded, len(db)) if count else unknown, decoded
        if method == "autoencoder":
            net, step = self.autoencoders[setting[0]], setting[1]
            rounded = np.rint(net.encode(db) / step).astype(int)
            decoded = net.decode((rounded * step).astype(np.float32), db.shape)
            return code_bytes(rounded, len(db)) if count else unknown, decoded
        if method == "png":
            kept = posterise(db, setting)
            return np.array([_png(p, setting) for p in kept]), _decibels(kept, setting)
        form, options = _image_options(method, setting)
        opened = [file_round_trip(p, form, **options) for p in posterise(db)]
        return np.array([n for _, n in opened]), _decibels(np.stack([p for p, _ in opened]))


# --- distances ----------------------------------------------------------------------------------


def log_error(db: Pictures, decoded: Pictures) -> Array:
    """Root-mean-square difference of log spectra, over all bins and frames of each clip.

    >>> log_error(np.zeros((1, 2, 2)), np.full((1, 2, 2), 3.0))
    array([3.])
    """
    return np.asarray(np.sqrt(np.square(db - decoded, dtype=np.float64).mean(axis=(1, 2))))


def resynthesis_snr(waveforms: NDArray[np.float32], decoded: Pictures) -> Array:
    """Signal-to-noise ratio after resynthesis with the decoded magnitude and the *original* phase.

    The kindest resynthesis: all error is the magnitude's. The inverse is that of least squares
    (`spectrograms.istft`); the bin at Nyquist is left empty.
    """
    ratios = []
    for wave, db in zip(_padded(waveforms), decoded, strict=True):
        spectrum = spectrograms.stft(wave, WINDOW, HOP)
        magnitude = np.zeros(spectrum.shape, np.float32)
        magnitude[:ROWS] = np.sqrt(spectrograms.from_db(db))
        phase = spectrum / np.maximum(np.abs(spectrum), np.float32(1e-12))
        made = spectrograms.istft(magnitude * phase, len(wave), WINDOW, HOP)
        noise = np.square(wave - made, dtype=np.float64).sum()
        ratios.append(10 * np.log10(np.square(wave, dtype=np.float64).sum() / max(noise, 1e-20)))
    return np.array(ratios)


def griffin_lim(magnitude: NDArray[np.float32], iterations: int, seed: int) -> NDArray[np.float32]:
    """Waveform whose spectrogram is near a magnitude, without any phase (Griffin and Lim, 1984)."""
    samples = (magnitude.shape[1] - 1) * HOP
    turns = np.random.default_rng(seed).random(magnitude.shape)
    phase = np.exp(2j * np.pi * turns).astype(np.complex64)
    for _ in range(iterations):
        wave = spectrograms.istft(magnitude * phase, samples, WINDOW, HOP)
        spectrum = spectrograms.stft(wave, WINDOW, HOP)
        phase = spectrum / np.maximum(np.abs(spectrum), np.float32(1e-12))
    return spectrograms.istft(magnitude * phase, samples, WINDOW, HOP)


def griffin_lim_snr(db: Pictures, decoded: Pictures, iterations: int, seed: int) -> Array:
    """Signal-to-noise ratio of the *magnitude* after resynthesis without the phase.

    Without the phase the waveform itself cannot be compared; what can is the magnitude of the
    resynthesised sound's transform with that of the original (the negative of the spectral
    convergence in dB).
    """
    ratios = []
    for truth, found in zip(db, decoded, strict=True):
        target, given = (np.sqrt(spectrograms.from_db(p)) for p in (truth, found))
        wave = griffin_lim(np.pad(given, ((0, 1), (0, 0))), iterations, seed)
        heard = np.abs(spectrograms.stft(wave, WINDOW, HOP))[:ROWS]
        noise = np.square(heard - target, dtype=np.float64).sum()
        ratios.append(10 * np.log10(np.square(target, dtype=np.float64).sum() / noise))
    return np.array(ratios)


#: What is listened to without the phase.
_RESYNTHESISED = (
    ("hop", 8),
    ("decimation", 8),
    ("pca", 16),
    ("jpeg", 30),
    ("jpeg2000", 15),
    ("webp", 50),
)


def griffin_lim_table(bench: Bench, db: Pictures, seed: int, iterations: int = 20) -> pd.DataFrame:
    """`griffin_lim_snr` of several files of two to three kilobytes, and of the clean picture."""
    offered = bench.file_settings()
    decoded = {("clean", ""): db} | {
        (method, str(setting)): bench.through_file(method, setting, db, count=False)[1]
        for method, setting in _RESYNTHESISED
        if (method, setting) in offered
    }
    tables = [
        pd.DataFrame(
            {
                "method": method,
                "setting": setting,
                "clip": np.arange(len(db)),
                "snr_db": griffin_lim_snr(db, found, iterations, seed),
            }
        )
        for (method, setting), found in tqdm(decoded.items(), desc="Griffin–Lim", disable=None)
    ]
    return pd.concat(tables, ignore_index=True)


# --- rate and distortion ------------------------------------------------------------------------


def equal_numbers(bench: Bench, db: Pictures) -> pd.DataFrame:
    """Error of every method that keeps real numbers."""
    tables = []
    for method, setting in bench.number_settings():
        numbers, decoded = bench.through_numbers(method, setting, db)
        tables.append(
            pd.DataFrame(
                {
                    "method": method,
                    "setting": str(setting),
                    "clip": np.arange(len(db)),
                    "numbers": numbers,
                    "error_db": log_error(db, decoded),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def equal_bytes(bench: Bench, db: Pictures, waveforms: NDArray[np.float32]) -> pd.DataFrame:
    """Bytes and two distances of every method that makes a file."""
    tables = []
    for method, setting in tqdm(bench.file_settings(), desc="rate and distortion", disable=None):
        nbytes, decoded = bench.through_file(method, setting, db)
        tables.append(
            pd.DataFrame(
                {
                    "method": method,
                    "setting": str(setting),
                    "clip": np.arange(len(db)),
                    "bytes": nbytes,
                    "error_db": log_error(db, decoded),
                    "snr_db": resynthesis_snr(waveforms, decoded),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def summarise(table: pd.DataFrame, values: Sequence[str], rate: str, seed: int) -> pd.DataFrame:
    """Means over clips with 95 % bootstrap intervals, for each method and setting."""
    rows = []
    for (method, setting), group in table.groupby(["method", "setting"], sort=False):
        row: dict[str, Any] = {"method": method, "setting": setting, rate: group[rate].mean()}
        for value in values:
            interval = bootstrap_mean(group[value].to_numpy(), seed)
            row |= {value: interval.estimate}
            row |= {f"{value}_low": interval.low, f"{value}_high": interval.high}
        rows.append(row)
    frame = pd.DataFrame(rows)
    order = {method: i for i, method in enumerate(METHODS)}
    frame = frame.assign(order=frame.method.map(order)).sort_values(["order", rate])
    return frame.drop(columns="order").reset_index(drop=True)


def at_budget(table: pd.DataFrame, method: str, value: str, budget: float) -> Array:
    """Each clip's distance at a number of bytes, by linear interpolation in log bytes.

    Only the *lower hull* of a method's own settings counts: if a larger file does worse, the
    smaller one is taken. A budget below a clip's smallest file gives NaN; above its largest, the
    largest file's value (nobody has to spend the rest).
    """
    better = np.maximum.accumulate if value == "snr_db" else np.minimum.accumulate
    found = []
    for _, group in table[table.method == method].groupby("clip"):
        rows = group.sort_values("bytes")
        rate, best = rows.bytes.to_numpy(float), better(rows[value].to_numpy(float))
        inside = budget >= rate[0]
        found.append(np.interp(np.log(budget), np.log(rate), best) if inside else np.nan)
    return np.array(found)


def gain_at_budget(
    table: pd.DataFrame,
    method: str,
    rival: str,
    budget: float,
    seed: int,
    value: str = "error_db",
) -> Interval | None:
    """How many dB `method` is ahead of `rival` at the same bytes, clip by clip."""
    ours, theirs = (at_budget(table, m, value, budget) for m in (method, rival))
    if value == "snr_db":
        ours, theirs = -ours, -theirs
    both = np.isfinite(ours) & np.isfinite(theirs)
    if both.sum() < max(2, len(both) / 2):
        return None
    return bootstrap_mean((theirs - ours)[both], seed)


def gain_at_factor(
    table: pd.DataFrame, method: str, rival: str, setting: Any, seed: int
) -> Interval:
    """How many dB less error `method` makes than `rival` with the same numbers, clip by clip."""
    ours, theirs = (
        table[(table.method == m) & (table.setting == str(setting))].error_db.to_numpy()
        for m in (method, rival)
    )
    return bootstrap_mean(theirs - ours, seed)


# --- a classifier -------------------------------------------------------------------------------

#: Rows and columns of the picture that the classifier sees.
SEEN = (32, 32)

#: Three settings a method, from mild to harsh, that the classifier is tried with.
CLASSIFIED_SETTINGS: dict[str, tuple[Any, ...]] = {
    "hop": (2, 8, 32),
    "decimation": (2, 8, 32),
    "area": ((2, 2), (4, 4), (8, 8)),
    "pca": (16, 64, 160),
    "autoencoder": ((64, 16), (64, 64), (64, 128)),
    "jpeg": (75, 30, 3),
    "jpeg2000": (8, 15, 60),
    "webp": (75, 20, 1),
}


def features_of(db: Pictures) -> NDArray[np.float32]:
    """Turn a decoded picture into what the classifier sees.

    The picture averaged to 32 mel bands × 32 times (in dB), and how the bands vary together: their
    covariances, at the same time and one time later, as signed square roots (again dB). The latter
    do not change when a word begins later.
    """
    bank = spectrograms.mel_filterbank(SEEN[0], WINDOW)[:, :ROWS]
    bank = bank / bank.sum(axis=1, keepdims=True)
    seen = spectrograms.resize(bank @ db, SEEN)
    centred = seen - seen.mean(axis=2, keepdims=True)
    now = (centred @ centred.transpose(0, 2, 1))[:, *np.triu_indices(SEEN[0])]
    later = (centred[:, :, :-1] @ centred[:, :, 1:].transpose(0, 2, 1)).reshape(len(db), -1)
    together = np.concatenate([now, later], axis=1) / SEEN[1]
    rooted = np.sign(together) * np.sqrt(np.abs(together))
    return np.concatenate([seen.reshape(len(db), -1), rooted], axis=1).astype(np.float32)


def classify(
    train: NDArray[np.float32],
    labels: NDArray[np.int64],
    tests: Sequence[NDArray[np.float32]],
) -> list[NDArray[np.int64]]:
    """Classes that a logistic regression gives to several sets of features.

    Features are standardised by the training set, with 1 dB added to each deviation; the penalty is
    fixed (C = 0.01). The fit runs in the space that the training clips span, where a penalised
    linear model lies anyhow: the same model, sooner.
    """
    mean, spread = train.mean(axis=0), train.std(axis=0) + 1
    basis = qr(((train - mean) / spread).T, mode="economic")[0]
    model = LogisticRegression(C=0.01, tol=1e-2, max_iter=1000)
    model.fit(((train - mean) / spread @ basis).astype(np.float64), labels)
    scores = ((x - mean) / spread @ basis @ model.coef_.T + model.intercept_ for x in tests)
    return [np.asarray(model.classes_[score.argmax(axis=1)], np.int64) for score in scores]


@dataclass(frozen=True)
class Split:
    """Pictures of clips with labels and groups (programs or speakers)."""

    db: Pictures
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]

    @classmethod
    def of(cls, audio: AudioSet) -> Split:
        """Pictures of a set of clips."""
        return cls(pictures(audio.waveforms), audio.labels, audio.groups)


def classification(
    bench: Bench, train: Split, test: Split, methods: Sequence[str], seeds: int, seed: int
) -> pd.DataFrame:
    """Accuracy after compression, trained on clean (mismatched) or compressed (matched) pictures.

    Each of the `seeds` draws four fifths of the training clips, the same for every method. The
    groups of the two splits are disjoint, so a program or speaker under test was never heard.
    """
    known = {"clean": (np.nan, features_of(train.db), features_of(test.db))}
    offered = {method for method, _ in bench.file_settings()}
    plan = [(m, s) for m in methods if m in offered for s in CLASSIFIED_SETTINGS[m]]
    for method, setting in tqdm(plan, desc="compressing for the classifier", disable=None):
        nbytes, decoded = bench.through_file(method, setting, test.db)
        _, learned = bench.through_file(method, setting, train.db, count=False)
        seen = (float(nbytes.mean()), features_of(learned), features_of(decoded))
        known[f"{method} {setting}"] = seen
    right: dict[tuple[str, str], list[tuple[Array, float]]] = {}
    for i in tqdm(range(seeds), desc="classifier", disable=None):
        rng = np.random.default_rng([seed, i])
        chosen = rng.permutation(len(train.labels))[: len(train.labels) * 4 // 5]
        for key, score in _scores(known, train.labels, test.labels, chosen):
            right.setdefault(key, []).append(score)
    return _by_group(right, known, test.groups)


def _scores(
    known: dict[str, tuple[float, NDArray[np.float32], NDArray[np.float32]]],
    labels: NDArray[np.int64],
    truth: NDArray[np.int64],
    chosen: NDArray[np.intp],
) -> Iterable[tuple[tuple[str, str], tuple[Array, float]]]:
    """Which test clips are right, and the training accuracy, of each condition and regime."""
    clean = known["clean"][1]
    guesses = classify(
        clean[chosen], labels[chosen], [clean[chosen], *(seen for _, _, seen in known.values())]
    )
    fitted = float((guesses[0] == labels[chosen]).mean())
    for name, guess in zip(known, guesses[1:], strict=True):
        yield (name, "mismatched"), ((guess == truth).astype(float), fitted)
    for name, (_, learned, seen) in known.items():
        own, guess = classify(learned[chosen], labels[chosen], [learned[chosen], seen])
        fitted = float((own == labels[chosen]).mean())
        yield (name, "matched"), ((guess == truth).astype(float), fitted)


def _by_group(
    right: dict[tuple[str, str], list[tuple[Array, float]]],
    known: dict[str, tuple[float, NDArray[np.float32], NDArray[np.float32]]],
    groups: NDArray[np.str_],
) -> pd.DataFrame:
    tables = []
    for (name, regime), scores in right.items():
        method, _, setting = name.partition(" ")
        clips = np.mean([s for s, _ in scores], axis=0)
        table = pd.DataFrame({"group": groups, "accuracy": clips})
        table = table.groupby("group", as_index=False).mean()
        table.insert(0, "method", method)
        table.insert(1, "setting", setting)
        table.insert(2, "bytes", known[name][0])
        table.insert(3, "regime", regime)
        tables.append(table.assign(train_accuracy=float(np.mean([t for _, t in scores]))))
    return pd.concat(tables, ignore_index=True)


#: Change of the accuracy that was declared negligible beforehand: three percentage points.
MARGIN = 0.03


def accuracies(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Accuracy and its paired difference from the clean pictures, with bootstrap intervals."""
    reference = table[(table.method == "clean") & (table.regime == "matched")]
    clean = reference.accuracy.to_numpy()
    rows, tests = [], []
    for keys, group in table.groupby(["method", "setting", "regime"], sort=False):
        accuracy = group.accuracy.to_numpy()
        row: dict[str, Any] = dict(zip(("method", "setting", "regime"), keys, strict=True))
        row["bytes"] = group.bytes.iloc[0]
        for name, values in (("accuracy", accuracy), ("change", accuracy - clean)):
            interval = bootstrap_mean(100 * values, seed)
            row |= {name: interval.estimate, f"{name}_low": interval.low}
            row |= {f"{name}_high": interval.high}
        rows.append(row | {"train_accuracy": 100 * group.train_accuracy.iloc[0]})
        tests.append(equivalence(accuracy, clean, MARGIN, seed))
    corrected = holm([test.pvalue for test in tests])
    within = [test.equivalent and p < 0.05 for test, p in zip(tests, corrected, strict=True)]
    return pd.DataFrame(rows).assign(equivalent=within)


# --- hop size and aliasing ----------------------------------------------------------------------

#: Windows in samples, and hops as fractions of the window.
ALIAS_WINDOWS = (128, 256, 512, 1024)
ALIAS_HOPS = {"50 %": 2, "75 %": 4, "87.5 %": 8}

_SEGMENT = 8000  # samples: half a second at 16 kHz


def _trajectories(signal: NDArray[np.floating[Any]], window: int, rows: int = 64) -> Array:
    """Hop-1 magnitude in at most `rows` bins, shape (frames, bins); windows wholly inside."""
    step = max(1, (window // 2) // rows)
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    frames = sliding_window_view(np.asarray(signal, np.float32), window)
    parts = [
        np.abs(fft.rfft(frames[start : start + 1000] * shape, axis=1))[:, 1:-1:step]
        for start in range(0, len(frames), 1000)
    ]
    return np.asarray(np.concatenate(parts), np.float64)


def alias_fraction(
    signal: NDArray[np.floating[Any]],
    window: int,
    hops: Sequence[int],
    scale: str = "magnitude",
    floor_db: float = -80.0,
) -> Array:
    """Share of a spectrogram's modulation that each hop cannot represent.

    The spectrogram is taken at hop 1, with a periodic Hann window; each bin's trajectory in time,
    less its mean, is transformed (DCT-II: an even continuation, so that the ends make no jump), and
    the energy above the Nyquist frequency of a hop, ``sample_rate / (2 hop)``, is divided by all of
    it. What lies above folds back on what lies below.

    >>> click = np.zeros(4096)
    >>> click[2048] = 1
    >>> alias_fraction(click, 256, [128, 64], "power").round(6)
    array([0.182348, 0.00498 ])
    """
    path = _trajectories(signal, window)
    if scale == "power":
        path = path**2
    elif scale == "decibels":
        lowest = path.max() * 10 ** (floor_db / 20)
        path = 20 * np.log10(np.maximum(path, max(lowest, 1e-30)))
    elif scale != "magnitude":
        raise ValueError(f"scale must be magnitude, power or decibels, not {scale!r}")
    energy = np.square(fft.dct(path - path.mean(axis=0), axis=0, norm="ortho")).sum(axis=1)
    total = energy.sum()
    if not total > 0:
        raise ValueError("a constant signal has no modulation to alias")
    # Coefficient k of a DCT-II over T samples oscillates at k / (2 T) cycles a sample.
    return np.array([energy[int(np.ceil(len(path) / hop)) :].sum() / total for hop in hops])


def synthetic_sounds(sample_rate: int = 16_000) -> dict[str, NDArray[np.float32]]:
    """Make a click in silence, and a chirp from 200 Hz to 7.8 kHz, of half a second."""
    click = np.zeros(_SEGMENT, np.float32)
    click[_SEGMENT // 2] = 1
    t = np.arange(_SEGMENT) / sample_rate
    duration = _SEGMENT / sample_rate
    phase = 2 * np.pi * (200 * t + (7800 - 200) * t**2 / (2 * duration))
    return {"click": click, "chirp": np.sin(phase).astype(np.float32)}


def _loudest(wave: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Loudest half second, preceded by a window (silence, where the clip has just begun)."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    start = int(np.argmax(energy[_SEGMENT:] - energy[:-_SEGMENT]))
    return np.pad(wave, (window, 0))[start : start + window + _SEGMENT]


def alias_table(
    sounds: dict[str, NDArray[np.float32]], scales: Sequence[str] = ("magnitude", "decibels")
) -> pd.DataFrame:
    """`alias_fraction` of many sounds, at every window and overlap."""
    rows = []
    for kind, clips in sounds.items():
        for index, clip in enumerate(tqdm(np.atleast_2d(clips), desc=kind, disable=None)):
            for window in ALIAS_WINDOWS:
                signal = _loudest(clip, window) if len(clip) > _SEGMENT else np.pad(clip, window)
                for scale in scales:
                    hops = [window // part for part in ALIAS_HOPS.values()]
                    for overlap, value in zip(
                        ALIAS_HOPS, alias_fraction(signal, window, hops, scale), strict=True
                    ):
                        rows.append((kind, index, scale, window / 16, overlap, value))
    columns = ["kind", "clip", "scale", "window_ms", "overlap", "fraction"]
    return pd.DataFrame(rows, columns=columns)


def folding_demo(sample_rate: int = 16_000) -> pd.DataFrame:
    """Modulation of one bin while a tone trembles faster and faster, at several hops.

    A tone of 4 kHz is modulated in amplitude at a rate that rises from 10 to 240 Hz in two seconds.
    With a window of 128 samples (8 ms), the magnitude in its bin follows. Frames at 75 % overlap
    carry rates up to 250 Hz, at 50 % up to 125 Hz.
    """
    window, duration = 128, 2.0
    t = np.arange(int(duration * sample_rate)) / sample_rate
    rate = 2 * np.pi * (10 * t + (240 - 10) * t**2 / (2 * duration))
    tone = (1 + 0.8 * np.sin(rate)) * np.sin(2 * np.pi * 4000 * t)
    shape = np.hanning(window + 1)[:-1]
    bin_of_tone = np.exp(-2j * np.pi * 4000 / sample_rate * np.arange(window)) * shape
    path = np.abs(sliding_window_view(tone, window) @ bin_of_tone)
    smooth = np.convolve(path, firwin(513, 1 / 64), mode="same")
    kept = {
        "hop 1": (path, 1),
        "hop 32 (75 %)": (path[::32], 32),
        "hop 64 (50 %)": (path[::64], 64),
        "low-pass, then hop 64": (smooth[::64], 64),
    }
    return pd.concat(
        [_modulation(name, row, sample_rate / hop) for name, (row, hop) in kept.items()],
        ignore_index=True,
    )


def _modulation(name: str, path: Array, rate: float) -> pd.DataFrame:
    """Spectrogram of a trajectory sampled at `rate` Hz, in windows of 128 ms."""
    window = round(0.128 * rate)
    step = max(1, window // 4)
    frames = sliding_window_view(path, window)[::step]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(window)
    level = np.abs(fft.rfft(frames, n=2 * window, axis=1))
    rates = np.arange(level.shape[1]) * rate / (2 * window)
    seen = rates <= 250
    times = (np.arange(len(frames)) * step + window / 2) / rate
    grid_t, grid_f = np.meshgrid(times, rates[seen], indexing="ij")
    db = 20 * np.log10(np.maximum(level[:, seen] / level.max(), 1e-6))
    return pd.DataFrame(
        {"hop": name, "time_s": grid_t.ravel(), "rate_hz": grid_f.ravel(), "level_db": db.ravel()}
    )


# --- 1356 × 1071 through 32 × 32 ----------------------------------------------------------------

#: The picture of the thread: rows are the bins of a window of 2710 samples, columns its frames.
LARGE = (1356, 1071)
LARGE_WINDOW, LARGE_HOP = 2710, 15

#: Side of the small picture.
SMALL = 32

#: Standard deviation of the log power of Gaussian noise in dB: 10 / ln 10 · π / √6.
NOISE_DB = 10 / np.log(10) * np.pi / np.sqrt(6)

#: Pillow's filters that are tried; on the way back "nearest" for nearest, else "bicubic".
FILTERS = ("nearest", "box", "bilinear", "bicubic", "lanczos")


def large_picture(wave: NDArray[np.floating[Any]]) -> Pictures:
    """Spectrogram of one second at 16 kHz with 1356 × 1071 pixels, in dB.

    A window of 2710 samples has 1356 bins, and a hop of 15 samples makes 1071 frames.

    >>> large_picture(np.zeros(16000)).shape
    (1356, 1071)
    """
    samples = (LARGE[1] - 1) * LARGE_HOP
    padded = np.pad(np.asarray(wave, np.float32), (0, samples - len(wave)))
    power = spectrograms.power(padded, LARGE_WINDOW, LARGE_HOP)
    return _clip(spectrograms.to_db(power, LOW_DB))


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


def resize_and_back(levels: NDArray[np.uint8], down: str, side: int = SMALL) -> NDArray[np.uint8]:
    """Resize an 8-bit picture to `side` × `side` with Pillow, and back to its size.

    The way back is bicubic (after "nearest": nearest).
    """
    small = spectrograms.resize(levels[None], (side, side), down)
    rows, columns = levels.shape
    back = "nearest" if down == "nearest" else "bicubic"
    return np.asarray(spectrograms.resize(small, (rows, columns), back)[0], np.uint8)


def through_32(sounds: dict[str, NDArray[np.float32]]) -> pd.DataFrame:
    """Measure what is lost of 1356 × 1071 pixels on the way through 32 × 32."""
    rows = []
    for kind, clips in sounds.items():
        for clip, wave in enumerate(tqdm(clips, desc="large pictures", disable=None)):
            db = large_picture(wave)
            levels = posterise(db)
            errors = {"rank 32": separable_bound(db, SMALL), "8 bits": _rms(db, _decibels(levels))}
            for name in FILTERS:
                errors[name] = _rms(db, _decibels(resize_and_back(levels, name)))
            spread = float(db.std(dtype=np.float64))
            rows += [(kind, clip, way, error, spread) for way, error in errors.items()]
    return pd.DataFrame(rows, columns=["kind", "clip", "way", "error_db", "deviation_db"])


def _rms(a: Pictures, b: Pictures) -> float:
    return float(log_error(a[None], b[None])[0])


def coarse_pictures(waveforms: NDArray[np.float32], row_step: int) -> NDArray[np.float32]:
    """Pixels of the large pictures on a coarser grid: every 34th frame, every `row_step`-th row.

    A linear map of the whole picture is, for these pixels, a linear map through as many numbers; a
    bound for them is a bound for it.
    """
    db = spectrograms.log_power(waveforms, LARGE_WINDOW, 34 * LARGE_HOP, LOW_DB)[:, ::row_step]
    return np.minimum(db, np.float32(HIGH_DB)).reshape(len(db), -1)


# --- a millisecond on a compressed time axis ----------------------------------------------------

#: Ways to make one column of many, and by how many.
WAYS = ("subsample", "mean of dB", "mean of power", "maximum")
FACTORS = (1, 3, 10, 30, 100, 300, 1000)

_EVENT_WINDOW, _EVENT_HOP, _EVENT_BINS = 32, 16, slice(6, 11)  # 2 ms, 1 ms, 3…5 kHz at 16 kHz


def _event_spectra(clips: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], Array]:
    """Spectra in the band of noise and of the event alone, (clips, 5, 1000), and its time in ms.

    Both have the energy of 16 samples of noise, so that adding them gives 0 dB.
    """
    rng = np.random.default_rng([seed, 7])
    noise = rng.normal(size=(clips, 16_000)).astype(np.float32)
    shape = np.hanning(18)[1:-1] * np.sin(2 * np.pi * 4000 / 16_000 * np.arange(16))
    shape *= np.sqrt(16 / np.square(shape).sum())
    starts = rng.integers(200, 15_800, clips)
    event = np.zeros_like(noise)
    for row, start in zip(event, starts, strict=True):
        row[start : start + 16] = shape
    spectra = [
        np.concatenate(
            [
                spectrograms.stft(part, _EVENT_WINDOW, _EVENT_HOP)[:, _EVENT_BINS, :1000]
                for part in np.array_split(waves, -(-clips // 50))
            ]
        )
        for waves in (noise, event)
    ]
    return spectra[0], spectra[1], (starts + 8) / 16


def _squared(spectra: NDArray[Any]) -> Pictures:
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag), np.float32)


def _compressed_levels(power: Pictures) -> dict[tuple[str, int], Array]:
    """Level in the band of each compressed column, in dB, for every way and factor."""
    columns = power.shape[2]
    db = spectrograms.to_db(power, None).mean(axis=1, dtype=np.float64)
    levels: dict[tuple[str, int], Array] = {}
    for factor in FACTORS:
        edges = np.arange(0, columns, factor)
        counts = np.diff([*edges, columns])
        mean = np.add.reduceat(power, edges, axis=2, dtype=np.float64) / counts
        levels["subsample", factor] = db[:, edges]
        levels["mean of dB", factor] = np.add.reduceat(db, edges, axis=1) / counts
        levels["mean of power", factor] = 10 * np.log10(mean).mean(axis=1)
        levels["maximum", factor] = np.maximum.reduceat(db, edges, axis=1)
    return levels


def auc(without: Array, with_event: Array, seed: int, resamples: int = 1000) -> Interval:
    """Area under the ROC curve with a percentile bootstrap interval over clips.

    >>> auc(np.array([0.0, 1.0]), np.array([2.0, 3.0]), seed=0).estimate
    1.0
    """
    difference = with_event[:, None] - without[None, :]
    wins = (difference > 0) + 0.5 * (difference == 0)
    n = len(wins)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples)
    boot = ((draws @ wins) * draws).sum(axis=1) / n**2
    low, high = np.quantile(boot, [0.025, 0.975])
    return Interval(float(wins.mean()), float(low), float(high))


def event_detection(clips: int, snr_db: Sequence[float], seed: int) -> pd.DataFrame:
    """How well a burst of one millisecond is found after its time axis was compressed.

    One second of white noise as 1000 columns of 1 ms (window 2 ms); in half of the clips a burst
    at 4 kHz, one millisecond long, at a random time. Columns are compressed by `FACTORS` in one of
    the `WAYS`. The detector is the largest remaining level in the band 3…5 kHz: for an unknown time
    nothing simpler is better, and it needs no training.
    """
    rows = []
    noise, event, times = _event_spectra(clips, seed)
    silent = _compressed_levels(_squared(noise))
    for strength in tqdm(snr_db, desc="events", disable=None):
        loud = _compressed_levels(_squared(noise + np.float32(10 ** (strength / 20)) * event))
        for way in WAYS:
            for factor in FACTORS:
                found, absent = loud[way, factor], silent[way, factor].max(axis=1)
                area = auc(absent, found.max(axis=1), seed)
                middle = 0 if way == "subsample" else (factor - 1) / 2
                when = np.median(np.abs(found.argmax(axis=1) * factor + middle - times))
                rows.append(
                    (way, factor, strength, area.estimate, area.low, area.high, float(when))
                )
    columns = ["way", "factor", "snr_db", "auc", "auc_low", "auc_high", "when_ms"]
    return pd.DataFrame(rows, columns=columns)


def needed_strength(table: pd.DataFrame, goal: float = 0.9) -> pd.DataFrame:
    """Strength of the burst in dB at which the area under the curve reaches a goal.

    Linear interpolation between the strengths of `event_detection`; NaN if none suffices.
    """
    rows = []
    for (way, factor), group in table.groupby(["way", "factor"], sort=False):
        ordered = group.sort_values("snr_db")
        areas = np.maximum.accumulate(ordered.auc.to_numpy())
        reached = bool(areas[-1] >= goal)
        first = int(np.argmax(areas >= goal))
        x = ordered.snr_db.to_numpy()
        level = x[0]
        if reached and first > 0:
            share = (goal - areas[first - 1]) / (areas[first] - areas[first - 1])
            level = x[first - 1] + share * (x[first] - x[first - 1])
        rows.append((way, factor, level if reached else np.nan))
    return pd.DataFrame(rows, columns=["way", "factor", "needed_db"])


# --- JPEG as a denoiser -------------------------------------------------------------------------

#: Qualities that are tried.
QUALITIES = (5, 10, 20, 35, 50, 75, 90)

_CHIRP_RATE, _CHIRP_SAMPLES, _CHIRP_LOW = 8000, 1984, -70.0


def _chirps(n: int, snr_db: float, rng: np.random.Generator) -> tuple[Array, Pictures, Pictures]:
    """Parameters (start and end frequency in Hz) and pictures of clean and of noisy chirps.

    Pictures are (n, 64, 32) levels as float32, 0…255 over −70…0 dB; the phase is random.
    """
    ends = rng.uniform(400, 3600, (n, 2))
    t = np.arange(_CHIRP_SAMPLES) / _CHIRP_RATE
    duration = _CHIRP_SAMPLES / _CHIRP_RATE
    sweep = ends[:, :1] * t + (ends[:, 1:] - ends[:, :1]) * t**2 / (2 * duration)
    clean = 0.2 * np.sin(2 * np.pi * (sweep + rng.random((n, 1))))
    noise = rng.normal(size=clean.shape) * 0.2 / np.sqrt(2) * 10 ** (-snr_db / 20)
    made = []
    for wave in (clean, clean + noise):
        db = spectrograms.log_power(wave.astype(np.float32), 128, 64, _CHIRP_LOW)[:, :64]
        made.append(spectrograms.quantise(db, _CHIRP_LOW, 0.0).astype(np.float32))
    return ends, made[0], made[1]


def _jpeg(pictures: Pictures, quality: int) -> Pictures:
    """Levels after JPEG. Blocks are coded alike, so one mosaic of all pictures gives the same."""
    n, rows, columns = pictures.shape
    mosaic = pictures.transpose(1, 0, 2).reshape(rows, n * columns).astype(np.uint8)
    opened, _ = file_round_trip(mosaic, "JPEG", quality=quality)
    return opened.reshape(rows, n, columns).transpose(1, 0, 2).astype(np.float32)


def _linear_denoiser(noisy: Pictures, clean: Pictures) -> Callable[[Pictures], Pictures]:
    """Linear least-squares estimate of each clean 8 × 8 block from the noisy one."""

    def blocks(x: Pictures) -> Pictures:
        n, rows, columns = x.shape
        cut = x.reshape(n, rows // 8, 8, columns // 8, 8).transpose(0, 1, 3, 2, 4)
        return cut.reshape(-1, 64)

    x, y = blocks(noisy), blocks(clean)
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    inner = ((x - mean_x).T @ (x - mean_x)).astype(np.float64)
    inner += 1e-6 * np.trace(inner) / 64 * np.eye(64)
    weights = solve(inner, (x - mean_x).T @ (y - mean_y), assume_a="pos").astype(np.float32)

    def apply(pictures: Pictures) -> Pictures:
        n, rows, columns = pictures.shape
        made = (blocks(pictures) - mean_x) @ weights + mean_y
        cut = made.reshape(n, rows // 8, columns // 8, 8, 8).transpose(0, 1, 3, 2, 4)
        return np.asarray(np.clip(cut.reshape(n, rows, columns), 0, 255), np.float32)

    return apply


def _squared_distances(a: Array, b: Array) -> Array:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * a @ b.T, 0))


class _KernelRidge:
    """Gaussian kernel ridge regression; width by the median distance, penalty by leave-one-out."""

    def __init__(self, x: Pictures, y: Array) -> None:
        self.x, self.mean = x.reshape(len(x), -1).astype(np.float64), y.mean(axis=0)
        squared = _squared_distances(self.x, self.x)
        self.width = float(np.median(squared[squared > 0]))
        values, vectors = eigh(np.exp(-squared / self.width))
        turned = vectors.T @ (y - self.mean)
        best = np.inf
        for penalty in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
            inverse = 1 / (np.maximum(values, 0) + penalty)
            weights = vectors @ (inverse[:, None] * turned)
            leverage = (np.square(vectors) * inverse).sum(axis=1)
            error = float(np.square(weights / leverage[:, None]).mean())
            if error < best:
                best, self.weights = error, weights

    def __call__(self, x: Pictures) -> Array:
        squared = _squared_distances(x.reshape(len(x), -1).astype(np.float64), self.x)
        return np.asarray(np.exp(-squared / self.width) @ self.weights + self.mean)


def _relative_error(truth: Array, guess: Array) -> float:
    """Root mean square error of the two parameters, over their standard deviation (uniform)."""
    spread = (3600 - 400) / np.sqrt(12)
    return float(np.sqrt(np.square(truth - guess).mean()) / spread)


def denoise(chirps: int, snr_db: Sequence[float], seeds: int, seed: int) -> pd.DataFrame:
    """Error of a regression from noisy chirps' pictures after JPEG, a linear denoiser or nothing.

    Start and end frequency of a chirp in white noise are to be read from its 64 × 32 picture of
    8 bits, by kernel ridge regression. *Matched*: it learns from pictures that were treated as
    those under test. *Mismatched*: it learns from clean pictures. The linear denoiser is the least
    squares estimate of each clean 8 × 8 block from the noisy one, learned from pairs at that very
    signal-to-noise ratio: something that JPEG is not given.
    """
    rows = []
    for repetition in tqdm(range(seeds), desc="denoising", disable=None):
        for snr in snr_db:
            rng = np.random.default_rng([seed, repetition, round(10 * snr) + 1000])
            learn, test = _chirps(chirps, snr, rng), _chirps(chirps * 2 // 3, snr, rng)
            on_clean = _KernelRidge(learn[1], learn[0])
            for method, treat in _treatments(learn[2], learn[1]).items():
                seen = treat(test[2])
                matched = _KernelRidge(treat(learn[2]), learn[0])
                step = -_CHIRP_LOW / 255
                away = np.sqrt(np.square(seen - test[1], dtype=np.float64).mean()) * step
                errors = (_relative_error(test[0], model(seen)) for model in (matched, on_clean))
                rows.append((repetition, snr, method, float(away), *errors))
    columns = ["repetition", "snr_db", "method", "picture_db", "matched", "mismatched"]
    return pd.DataFrame(rows, columns=columns)


def _treatments(noisy: Pictures, clean: Pictures) -> dict[str, Callable[[Pictures], Pictures]]:
    def jpeg(quality: int) -> Callable[[Pictures], Pictures]:
        return lambda pictures: _jpeg(pictures, quality)

    return {
        "nothing": lambda pictures: pictures,
        "linear": _linear_denoiser(noisy, clean),
        **{f"JPEG {quality}": jpeg(quality) for quality in QUALITIES},
    }


def changes(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Change of each error against doing nothing, in %, paired by repetition."""
    tables = []
    for measure in ("picture_db", "matched", "mismatched"):
        wide = table.pivot(index="repetition", columns=["method", "snr_db"], values=measure)
        rows = []
        for method in [m for m in table.method.unique() if m != "nothing"]:
            for snr in sorted(table.snr_db.unique()):
                ratio = (wide[method][snr] / wide["nothing"][snr]).to_numpy(float)
                interval = bootstrap_mean(100 * (ratio - 1), seed)
                p = stats.ttest_1samp(np.log(ratio), 0.0).pvalue if len(ratio) > 1 else 1.0
                rows.append((measure, method, snr, *_ends(interval), float(p)))
        columns = ["measure", "method", "snr_db", "change", "change_low", "change_high", "p"]
        frame = pd.DataFrame(rows, columns=columns)
        tables.append(frame.assign(p=holm(frame.p.to_numpy())))
    found = pd.concat(tables, ignore_index=True)
    return found.assign(clear=found.p < 0.05)


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.estimate, interval.low, interval.high


# --- verdicts -----------------------------------------------------------------------------------

#: An alias is worth the name if it carries more than this share of the modulation.
ALIAS_SHARE = 0.01

#: Loss of the area under the ROC curve that makes a compression of time unsafe.
UNSAFE_LOSS = 0.05

#: Rank correlation above which two distances are said to agree.
AGREEMENT = 0.8


def _graded(parts: Sequence[bool | None]) -> str:
    """All true: holds; some: with limits; all false: fails; otherwise undecided."""
    if not parts:
        return "undecided"
    if all(part is True for part in parts):
        return "holds"
    if any(part is True for part in parts):
        return "holds with limits"
    return "fails" if all(part is False for part in parts) else "undecided"


def _sign(interval: Interval, above: float = 0.0) -> bool | None:
    """Whether an interval lies above a value; None if it contains it."""
    return bool(interval.low > above) if interval.low > above or interval.high < above else None


def verdict_hop(
    aliased: Sequence[Interval], decimation: Sequence[Interval], codec: Sequence[Interval]
) -> str:
    """Verdict on C3: hop-size subsampling aliases; decimation or an image codec compresses better.

    ``"holds"`` if every share lies above `ALIAS_SHARE` and every gain above 0 (by the 95 %
    intervals); ``"holds with limits"`` if some do; ``"fails"`` if all lie below.
    """
    parts = [_sign(share, ALIAS_SHARE) for share in aliased]
    return _graded([*parts, *(_sign(gain) for gain in (*decimation, *codec))])


def verdict_jpeg(gains: Sequence[Interval]) -> str:
    """Verdict on C4 at equal bytes: JPEG is a highly effective autoencoder.

    ``"holds"`` if JPEG is ahead of all everywhere, ``"holds with limits"`` somewhere,
    ``"fails"`` nowhere.
    """
    return _graded([_sign(gain) for gain in gains])


def verdict_measurable(agreements: Sequence[Interval]) -> str:
    """Verdict on C6: what a spectrogram loses can be measured.

    Three distances were measured, each with an interval. If they rank compressions alike (rank
    correlation surely above `AGREEMENT`) the loss is one quantity, and the claim holds; if only
    some agree, it holds with limits: the loss depends on who asks.
    """
    return _graded([_sign(r, AGREEMENT) for r in agreements])


def verdict_time_axis(table: pd.DataFrame, snr_db: float) -> str:
    """Verdict on D2: the time axis may be compressed, unsafely, a thousandfold.

    A way of compressing is *unsafe* if at a factor of 1000 even the upper end of the interval of
    the area under the curve lies more than `UNSAFE_LOSS` below that at factor 1.

    ``"holds"`` if all ways are unsafe, ``"holds with limits"`` if some are, ``"fails"`` if
    none is.
    """
    at = table[table.snr_db == snr_db].set_index(["way", "factor"])
    unsafe = [
        bool(at.auc_high[way, 1000] < at.auc[way, 1] - UNSAFE_LOSS) for way in at.index.unique(0)
    ]
    return _graded(unsafe)


def verdict_any_linear(
    noise_db: float, notes_db: float, resized_db: Sequence[float], rounding_db: float
) -> str:
    """Verdict on Q4's 32 × 32: such a compression cannot be lossless.

    Lossless up to 8 bits would be an error no larger than what rounding to 8 bits itself makes. All
    four are root mean squares. (`separable_bound` has no say: it allows a resize made for a single
    picture, and a map that knows its picture needs no numbers at all.)

    ``"holds"`` if all exceed the rounding, ``"holds with limits"`` if some do, else
    ``"fails"``.
    """
    return _graded([bool(bound > rounding_db) for bound in (noise_db, notes_db, *resized_db)])


def unsafe_from(table: pd.DataFrame, way: str, snr_db: float) -> int | None:
    """Smallest factor of `FACTORS` at which a way of shortening time is surely unsafe."""
    rows = table[(table.way == way) & (table.snr_db == snr_db)].sort_values("factor")
    whole = rows.auc.iloc[0]
    unsafe = rows[rows.auc_high < whole - UNSAFE_LOSS]
    return int(unsafe.factor.iloc[0]) if len(unsafe) else None
