"""JPEG as an autoencoder of spectrograms: what it keeps, what it bends, what rivals keep instead.

The codec itself is `analysis.jpeg.codec.JPEGAutoencoder`, re-exported here. This module measures it
on spectrograms of instruments: how few codes are not zero, how far it is from linear, how it
compares with the best linear autoencoder of the same 8×8 blocks (principal components) and with a
trained one, and what it does to a picture that a colormap has been through.

Pictures are the levels 0…255 of log-power spectrograms, one range for the whole set; an error in
levels times `Pictures.db_per_level` is an error in decibels.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from analysis.colour import colormaps
from analysis.evidence import statistics
from analysis.evidence.statistics import Interval
from analysis.jpeg.codec import Codes, JPEGAutoencoder, Mode, Subsampling, dct_filters
from analysis.jpeg.huffman import ZIGZAG
from analysis.sound import datasets, spectrograms

__all__ = [
    "AS_GOOD",
    "DEFAULT_QUALITY",
    "GROSS",
    "SETTINGS",
    "ZIGZAG",
    "BlockAutoencoder",
    "Codes",
    "Components",
    "JPEGAutoencoder",
    "Pictures",
    "Saved",
    "Settings",
    "Sparsity",
    "against_ideal",
    "blocks",
    "byte_curves",
    "changed_pixels",
    "check_against_pillow",
    "chroma",
    "colour_curves",
    "compare_at_equal",
    "compare_numbers",
    "entropy_bytes",
    "file_bytes",
    "inverse",
    "luma_levels",
    "number_curves",
    "off_the_curve",
    "pictures",
    "save_as_colour",
    "sparsity",
    "staircase",
    "superposition",
    "train",
    "verdict_colour",
    "verdict_gray",
    "verdict_saved",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_WINDOW, _HOP, _BINS = 512, 64, 256  # 32 ms every 4 ms at 16 kHz; the highest bin is left out


@dataclass(frozen=True)
class Settings:
    """What a profile computes.

    `per_program`, `train_per_class`: Clips of each held-out program (test), of each family
    (training). `seeds`, `steps`: Trained autoencoders, and steps of each training. `checked`:
    Pictures that are compared with Pillow at each of the 100 qualities. `widths`,
    `steps_in_levels`: Trained autoencoders at equal numbers (code widths) and at equal bytes
    (rounding steps). `qualities`, `colour_qualities`: Points of the curves of gray and of colour
    JPEG.
    """

    per_program: int
    train_per_class: int
    seeds: int
    steps: int
    checked: int
    widths: tuple[int, ...] = (4, 16)
    steps_in_levels: tuple[int, ...] = (16, 48)
    colormaps: tuple[str, ...] = ("viridis", "magma", "turbo", "jet")
    qualities: tuple[int, ...] = (1, 3, 5, 10, 20, 30, 50, 75, 85, 90, 95, 98, 100)
    colour_qualities: tuple[int, ...] = (5, 10, 25, 50, 75, 95)


SETTINGS = {
    "quick": Settings(per_program=1, train_per_class=8, seeds=3, steps=200, checked=4),
    "full": Settings(
        per_program=4,
        train_per_class=40,
        seeds=10,
        steps=1000,
        checked=16,
        widths=(2, 4, 8, 16, 32),
        steps_in_levels=(8, 12, 20, 32, 64, 96),
    ),
}

#: A pixel wrong by more than so many decibels counts as grossly wrong.
GROSS = 10.0

#: Pillow's default quality, and the one at which verdicts about "saving as JPEG" are given.
DEFAULT_QUALITY = 75


@dataclass(frozen=True)
class Pictures:
    """Spectrograms as 8-bit pictures.

    `train`, `test`: Levels; rows are frequencies 0…7969 Hz, columns are frames 4 ms apart.
    `programs`: Which instrument plays each test picture; none of them is in `train`. `low`, `high`:
    Decibels of levels 0 and 255: the range of the training pictures.
    """

    train: Bytes
    test: Bytes
    programs: NDArray[np.str_]
    low: float
    high: float

    @property
    def db_per_level(self) -> float:
        """Decibels from one level to the next."""
        return (self.high - self.low) / (colormaps.LEVELS - 1)


def pictures(per_program: int, train_per_class: int, seed: int) -> Pictures:
    """Spectrograms of sampled instruments, whole programs held out for the test."""
    notes = datasets.instruments()
    rng = np.random.default_rng(seed)
    held_out = np.flatnonzero(notes.split == "test")
    chosen = [
        rng.choice(members := held_out[notes.groups[held_out] == program], per_program)
        if len(members := held_out[notes.groups[held_out] == program]) < per_program
        else rng.choice(members, per_program, replace=False)
        for program in np.unique(notes.groups[held_out])
    ]
    test = notes.take(np.concatenate(chosen))
    train = notes.part("train").subset(train_per_class, seed)
    train_db, test_db = (
        spectrograms.log_power(part.waveforms, _WINDOW, _HOP)[:, :_BINS] for part in (train, test)
    )
    low, high = spectrograms.value_range(train_db)
    return Pictures(
        train=spectrograms.quantise(train_db, low, high),
        test=spectrograms.quantise(test_db, low, high),
        programs=test.groups,
        low=float(low),
        high=float(high),
    )


def _batch(images: NDArray[Any]) -> Tensor:
    """(n, height, width) or (n, height, width, 3) → (n, 1 or 3, height, width)."""
    channels = images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)
    return torch.from_numpy(np.ascontiguousarray(channels))


def _rms(difference: NDArray[Any], axis: tuple[int, ...] | None = None) -> Any:
    return np.sqrt(np.mean(np.square(difference, dtype=np.float64), axis=axis))


# --------------------------------------------------------------------------------------------------
# The codec against Pillow, and against its own ideal
# --------------------------------------------------------------------------------------------------


def check_against_pillow(
    images: Bytes, qualities: Iterable[int], mode: Mode = "L", subsampling: Subsampling = "4:2:0"
) -> dict[str, int]:
    """Save and open each picture with Pillow and with the network, and count differences."""
    count = dict.fromkeys(("files", "files_differing", "pixels", "pixels_differing"), 0)
    options: dict[str, Any] = {} if mode == "L" else {"subsampling": subsampling}
    for quality in qualities:
        jpeg = JPEGAutoencoder(quality, mode, subsampling)
        codes = jpeg.encode(_batch(images))
        decoded = np.moveaxis(jpeg.decode(codes).numpy(), 1, -1).reshape(images.shape)
        for image, mine, file in zip(images, decoded, jpeg.to_bytes(codes), strict=True):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG", quality=quality, **options)
            count["files"] += 1
            count["files_differing"] += file != buffer.getvalue()
            opened = np.asarray(Image.open(buffer))
            count["pixels"] += opened.size
            count["pixels_differing"] += int((opened != mine).sum())
    return count


def against_ideal(images: Bytes, qualities: Iterable[int]) -> pd.DataFrame:
    """How often libjpeg's integers and the exact cosine transform disagree."""
    rows = []
    x = _batch(images)
    for quality in qualities:
        exact, ideal = JPEGAutoencoder(quality), JPEGAutoencoder(quality, arithmetic="ideal")
        codes = exact.encode(x)
        code_gap = (codes.planes[0] - ideal.encode(x).planes[0]).abs()
        level_gap = (exact.decode(codes).int() - ideal.decode(codes).int()).abs()
        rows.append(
            {
                "quality": quality,
                "codes": float((code_gap > 0).double().mean()),
                "levels": float((level_gap > 0).double().mean()),
                "largest_code": int(code_gap.max()),
                "largest_level": int(level_gap.max()),
            }
        )
    return pd.DataFrame(rows)


# --------------------------------------------------------------------------------------------------
# What the code looks like
# --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sparsity:
    """How many codes are not zero.

    `table`: One row a quality: ``quality``, ``nonzero`` (share of all codes, 0–1), ``per_block``
    (mean number of 64), ``bytes`` (mean file), ``error`` (root mean square, in levels).
    `by_frequency`: Share of blocks whose code (v, u) is not zero.
    """

    table: pd.DataFrame
    by_frequency: Floats
    decoded: Bytes


def sparsity(images: Bytes, qualities: Sequence[int]) -> Sparsity:
    """Count the codes that survive quantisation."""
    rows, maps, decoded = [], [], []
    for quality in qualities:
        jpeg = JPEGAutoencoder(quality)
        codes = jpeg.encode(_batch(images))
        alive = codes.planes[0] != 0
        maps.append(alive.double().mean((0, 2, 3)).view(8, 8).numpy())
        decoded.append(jpeg.decode(codes)[:, 0].numpy())
        rows.append(
            {
                "quality": quality,
                "nonzero": float(alive.double().mean()),
                "per_block": 64 * float(alive.double().mean()),
                "bytes": float(jpeg.nbytes(codes).mean()),
                "error": float(_rms(decoded[-1] - images.astype(float))),
            }
        )
    return Sparsity(pd.DataFrame(rows), np.stack(maps), np.stack(decoded))


def staircase(
    qualities: Sequence[int], frequency: tuple[int, int] = (0, 3), largest: float = 260.0
) -> pd.DataFrame:
    """Send one filter's own pattern through JPEG, louder and louder."""
    pattern = dct_filters()[8 * frequency[0] + frequency[1]]
    amplitude = np.linspace(-largest, largest, 521)
    levels = np.rint(128 + amplitude[:, None, None] * pattern)
    x = _batch(np.clip(levels, 0, 255).astype(np.uint8))
    rows = []
    for quality in qualities:
        out = JPEGAutoencoder(quality)(x)[:, 0].numpy() - 128.0
        given = ((x[:, 0].numpy() - 128.0) * pattern).sum((1, 2))
        rows.append(
            pd.DataFrame(
                {"quality": quality, "input": given, "output": (out * pattern).sum((1, 2))}
            )
        )
    return pd.concat(rows, ignore_index=True)


def superposition(images: Bytes, qualities: Sequence[int]) -> pd.DataFrame:
    """Compare JPEG of a mean of two pictures with the mean of two JPEGs.

    A linear (or affine) map makes no difference between them. Levels are made even first, so that
    every mean is a whole level and nothing but JPEG rounds.
    """
    even = 2 * (images.astype(np.int64) // 2)
    half = len(images) // 2
    a, b = (_batch(part.astype(np.uint8)) for part in (even[:half], even[half : 2 * half]))
    mean = _batch(((even[:half] + even[half : 2 * half]) // 2).astype(np.uint8))
    rows = []
    for quality in qualities:
        jpeg = JPEGAutoencoder(quality)
        step = jpeg.tables[0].double()[:, None, None]
        coefficients = [_coefficients(x) for x in (a, b, mean)]
        codes = [jpeg.encode(x) for x in (a, b, mean)]
        steps = [code.planes[0] * step for code in codes]
        decoded = [jpeg.decode(code).double() for code in codes]
        failures = {
            name: _failure(parts).numpy()
            for name, parts in (("analysis", coefficients), ("codes", steps), ("picture", decoded))
        }
        error = ((decoded[2] - mean) ** 2).mean((1, 2, 3)).sqrt().numpy()
        rows.append(
            pd.DataFrame({"quality": quality, "pair": range(half), **failures, "error": error})
        )
    return pd.concat(rows, ignore_index=True)


def _coefficients(x: Tensor) -> Tensor:
    """Analysis without a bottleneck: the convolution alone."""
    filters = torch.from_numpy(dct_filters().copy())[:, None]
    return nn.functional.conv2d(x.double() - 128, filters, stride=8)


def _failure(parts: Sequence[Tensor]) -> Tensor:
    """Root mean square of (a + b) / 2 − mean, one a picture."""
    gap = (parts[0] + parts[1]) / 2 - parts[2]
    return (gap**2).mean((1, 2, 3)).sqrt()


# --------------------------------------------------------------------------------------------------
# Rivals: principal components and a trained autoencoder, on the same blocks
# --------------------------------------------------------------------------------------------------


def blocks(images: Bytes) -> NDArray[np.float32]:
    """Cut pictures into 8×8 blocks, edges repeated, level 128 as zero.

    >>> blocks(np.zeros((2, 16, 12), np.uint8)).shape
    (2, 2, 2, 64)
    """
    n, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, -height % 8), (0, -width % 8)), mode="edge")
    cut = padded.reshape(n, padded.shape[1] // 8, 8, padded.shape[2] // 8, 8).swapaxes(2, 3)
    return cut.reshape(*cut.shape[:3], 64).astype(np.float32) - 128


def _unblock(cut: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Undo `blocks`, rounding to levels as every picture does."""
    n, rows, columns, _ = cut.shape
    plane = cut.reshape(n, rows, columns, 8, 8).swapaxes(2, 3).reshape(n, 8 * rows, 8 * columns)
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
    def principal(cls, cut: NDArray[np.float32]) -> Components:
        """Fit principal components: the best linear autoencoder at every width (Eckart–Young)."""
        flat = cut.reshape(-1, 64).astype(np.float64)
        centre = flat.mean(0)
        variance, vectors = np.linalg.eigh(np.cov(flat.T))
        spread = np.sqrt(np.clip(variance[::-1], 0, None))
        return cls(vectors.T[::-1].astype(np.float32), centre.astype(np.float32), spread)

    @classmethod
    def cosine(cls) -> Components:
        """Take JPEG's own filters, in the order of its zigzag; nothing is fitted."""
        basis = dct_filters().reshape(64, 64)[ZIGZAG]
        return cls(basis.astype(np.float32), np.zeros(64, np.float32), np.ones(64))

    def encode(self, cut: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project blocks. (…, 64) → (…, 64)."""
        return np.asarray((cut - self.centre) @ self.basis.T, np.float32)

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

    def encode(self, cut: Tensor) -> Tensor:
        """Blocks to codes, in steps if there is one, else in levels. (…, 64) → (…, width)."""
        code: Tensor = self.encoder((cut - self.centre) / 64) * (64 / (self.step or 1))
        return code

    def decode(self, code: Tensor) -> Tensor:
        """Codes back to blocks. (…, width) → (…, 64)."""
        cut: Tensor = self.decoder(code * ((self.step or 1) / 64)) * 64 + self.centre
        return cut

    def bits(self, code: Tensor) -> Tensor:
        """Bits of codes under a logistic distribution of each number. (…, width) → (…)."""
        scale = self.log_scale.exp()
        far, near = (code.abs() + 0.5) / scale, (code.abs() - 0.5) / scale
        share = torch.sigmoid(-near) - torch.sigmoid(-far)
        return -share.clamp_min(1e-9).log2().sum(-1)

    def forward(self, cut: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruct blocks, the gradient straight through the rounding; also give the codes."""
        code = self.encode(cut)
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
    cut: NDArray[np.float32],
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
    flat = torch.from_numpy(cut.reshape(-1, 64))
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


def _apply_net(
    net: BlockAutoencoder, cut: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Codes (rounded, if the net rounds) and reconstructed blocks."""
    with torch.no_grad():
        code = net.encode(torch.from_numpy(cut))
        if net.step is not None:
            code = code.round()
        return code.numpy(), net.decode(code).numpy()


def number_curves(shown: Pictures, settings: Settings, seed: int) -> pd.DataFrame:
    """Errors of four autoencoders at equal numbers in a block's code, before any rounding of it."""
    height, width = shown.test.shape[1:]
    cut, truth = blocks(shown.train), shown.test.astype(np.float32)
    test = blocks(shown.test)
    principal, cosine = Components.principal(cut), Components.cosine()
    rows: list[dict[str, Any]] = []

    def add(coder: str, numbers: int, decoded: NDArray[Any], seed: int = 0) -> None:
        error = float(_rms(_unblock(decoded, height, width) - truth))
        rows.append({"coder": coder, "numbers": numbers, "seed": seed, "error": error})

    codes = cosine.encode(test)
    rank = np.argsort(np.argsort(-np.abs(codes), axis=-1), axis=-1)
    for numbers in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32):
        add("low frequencies", numbers, cosine.decode(codes[..., :numbers]))
        add("largest", numbers, cosine.decode(np.where(rank < numbers, codes, 0)))
        fitted = principal.encode(test)[..., :numbers]
        add("principal components", numbers, principal.decode(fitted))
    for numbers in tqdm(settings.widths, desc="widths", disable=None):
        for one in range(seed, seed + settings.seeds):
            net = train(cut, principal, one, settings.steps, width=numbers)
            add("trained", numbers, _apply_net(net, test)[1], one)
    return pd.DataFrame(rows)


def entropy_bytes(codes: NDArray[Any]) -> Floats:
    """Bytes of each picture's codes under an ideal entropy coder.

    Each of the numbers has its own table: its frequencies over all the pictures given, at no cost.
    The first number is coded as its difference from the block to the left, as JPEG does.

    >>> entropy_bytes(np.array([0, 1, 0, 1]).reshape(1, 4, 1, 1))
    array([0.5])
    """
    whole = np.rint(codes).astype(np.int64)
    whole[:, :, 1:, 0] -= whole[:, :, :-1, 0].copy()
    bits = np.zeros(len(whole))
    for k in range(whole.shape[-1]):
        _, place, count = np.unique(whole[..., k], return_inverse=True, return_counts=True)
        cost = -np.log2(count / whole[..., k].size)
        bits += cost[place.reshape(len(whole), -1)].sum(1)
    return np.asarray(bits / 8)


def byte_curves(shown: Pictures, settings: Settings, seed: int) -> pd.DataFrame:
    """Errors of the autoencoders at equal bytes."""
    height, width = shown.test.shape[1:]
    cut, test, x = blocks(shown.train), blocks(shown.test), _batch(shown.test)
    truth = shown.test.astype(np.float32)
    parts = []

    def add(coder: str, setting: float, size: Floats, decoded: NDArray[Any], seed: int = 0) -> None:
        error = _rms(decoded - truth, (1, 2))
        columns = {"coder": coder, "setting": setting, "seed": seed, "clip": range(len(truth))}
        parts.append(pd.DataFrame({**columns, "bytes": size, "error": error}))

    for quality in settings.qualities:
        jpeg = JPEGAutoencoder(quality)
        codes = jpeg.encode(x)
        decoded = jpeg.decode(codes)[:, 0].numpy().astype(np.float32)
        add("JPEG file", quality, jpeg.nbytes(codes).astype(float), decoded)
        add("JPEG codes", quality, entropy_bytes(_last(codes)), decoded)
    principal = Components.principal(cut)
    for name, linear in (("one step", Components.cosine()), ("principal components", principal)):
        coefficients = linear.encode(test)
        for step in (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 144, 216):
            whole = np.rint(coefficients / step)
            decoded = _unblock(linear.decode(whole * np.float32(step)), height, width)
            add(name, step, entropy_bytes(whole), decoded)
    for step in tqdm(settings.steps_in_levels, desc="steps", disable=None):
        for one in range(seed, seed + settings.seeds):
            net = train(cut, principal, one, settings.steps, step=float(step))
            whole, out = _apply_net(net, test)
            add("trained", step, entropy_bytes(whole), _unblock(out, height, width), one)
    return pd.concat(parts, ignore_index=True)


def _last(codes: Codes) -> NDArray[Any]:
    """Codes of gray pictures with the channels last, DC first. (n, rows, columns, 64)."""
    return codes.planes[0].permute(0, 2, 3, 1).numpy()[..., ZIGZAG]


def compare_numbers(curves: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Trained less linear at equal numbers, with intervals over the seeds of the training."""
    rows = []
    for numbers, group in curves[curves.coder == "trained"].groupby("numbers"):
        is_linear = (curves.coder == "principal components") & (curves.numbers == numbers)
        linear = float(curves[is_linear].error.iloc[0])
        ratio = statistics.bootstrap_mean(group.error / linear, seed)
        rows.append(
            {
                "numbers": numbers,
                "linear": linear,
                "trained": group.error.mean(),
                "ratio": ratio.estimate,
                "low": ratio.low,
                "high": ratio.high,
            }
        )
    return pd.DataFrame(rows)


def compare_at_equal(
    curves: pd.DataFrame,
    coder: str,
    reference: str,
    programs: NDArray[np.str_],
    seed: int,
    settings: Sequence[float] | None = None,
    given: str = "bytes",
    asked: str = "error",
) -> Interval:
    """Ratio of two coders' errors at equal bytes (or of their bytes at equal errors).

    At each point of `coder` the curve of `reference` for the same picture is interpolated in
    logarithms. Points outside of that curve are left out.
    """
    mine = curves[curves.coder == coder]
    if settings is not None:
        mine = mine[mine.setting.isin(settings)]
    parts = []
    for clip, points in mine.groupby("clip"):
        known = curves[(curves.coder == reference) & (curves["clip"] == clip)].sort_values(given)
        there, value = np.log(known[given].to_numpy()), np.log(known[asked].to_numpy())
        at = np.log(points[given].to_numpy())
        other = np.interp(at, there, value, left=np.nan, right=np.nan)
        program = programs[int(str(clip))]
        ratio = np.log(points[asked].to_numpy()) - other
        parts.append(pd.DataFrame({"program": program, "log": ratio}))
    by_program = pd.concat(parts).dropna().groupby("program").log.mean()
    if len(by_program) < 2:
        raise ValueError(f"the curves of {coder} and {reference} do not overlap")
    found = statistics.bootstrap_mean(by_program.to_numpy(), seed)
    return Interval(*np.exp([found.estimate, found.low, found.high]))


# --------------------------------------------------------------------------------------------------
# A colour-mapped spectrogram saved as JPEG
# --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saved:
    """Colour-mapped pictures after JPEG.

    `colours`: Decoded. `levels`: Of the nearest colours of the map. `distance`: To that nearest
    colour, Euclidean, in units of 1/255: how far off the curve.
    """

    colours: Bytes
    levels: Bytes
    distance: NDArray[np.float32]
    nbytes: NDArray[np.int64]


def save_as_colour(
    images: Bytes, colormap: str, quality: int, subsampling: Subsampling = "4:2:0"
) -> Saved:
    """Colour-map pictures as matplotlib does, save as JPEG, open, and read the levels back."""
    table = colormaps.lut8(colormap)
    jpeg = JPEGAutoencoder(quality, "RGB", subsampling)
    codes = jpeg.encode(_batch(np.asarray(colormaps.apply(images, table), np.uint8)))
    colours = np.moveaxis(jpeg.decode(codes).numpy(), 1, -1)
    levels, distance = colormaps.nearest(colours, table)
    return Saved(colours, levels, distance, jpeg.nbytes(codes))


def luma_levels(colours: Bytes, table: Bytes) -> Bytes:
    """Find the level of nearest luma, the chroma ignored.

    Chroma at half resolution leaves luma alone. This is of use for maps whose luma rises all the
    way, such as viridis and magma; jet and turbo have two levels or more for most lumas.
    """
    weights = np.array([299, 587, 114])
    lumas = (table @ weights) / 1000
    nearest = np.abs(lumas - np.arange(0, 255.01, 0.1)[:, None]).argmin(1).astype(np.uint8)
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    place = (299 * red + 587 * green + 114 * blue + 50) // 100
    return np.asarray(nearest[place], np.uint8)


def colour_curves(shown: Pictures, settings: Settings) -> pd.DataFrame:
    """Bytes and errors of the gray picture and of colour-mapped ones, saved as JPEG."""
    truth = shown.test.astype(np.float32)
    parts = []

    def add(coder: str, quality: int, size: Any, levels: Bytes, off: Any, light: Bytes) -> None:
        columns = {"coder": coder, "setting": quality, "clip": range(len(truth)), "bytes": size}
        error = _rms(levels - truth, (1, 2))
        gross = (np.abs(levels - truth) * shown.db_per_level > GROSS).mean((1, 2))
        columns |= {"error": error, "off_curve": off, "gross": gross}
        parts.append(pd.DataFrame({**columns, "luma_error": _rms(light - truth, (1, 2))}))

    for quality in settings.qualities:
        jpeg = JPEGAutoencoder(quality)
        codes = jpeg.encode(_batch(shown.test))
        decoded = jpeg.decode(codes)[:, 0].numpy()
        add("gray", quality, jpeg.nbytes(codes), decoded, 0.0, decoded)
    for name in tqdm(settings.colormaps, desc="colormaps", disable=None):
        for quality in settings.colour_qualities:
            for subsampling in ("4:4:4", "4:2:0"):
                saved = save_as_colour(shown.test, name, quality, subsampling)
                off = _rms(saved.distance, (1, 2))
                light = luma_levels(saved.colours, colormaps.lut8(name))
                add(f"{name} {subsampling}", quality, saved.nbytes, saved.levels, off, light)
    return pd.concat(parts, ignore_index=True)


def off_the_curve(
    image: Bytes, colormap: str, quality: int, subsampling: Subsampling, count: int, seed: int
) -> pd.DataFrame:
    """Sample decoded colours in the plane of JPEG's two colour-difference channels."""
    saved = save_as_colour(image[None], colormap, quality, subsampling)
    chosen = np.random.default_rng(seed).choice(image.size, count, replace=False)
    rgb = saved.colours.reshape(-1, 3)[chosen]
    frame = pd.DataFrame(rgb / 255, columns=["red", "green", "blue"])
    cb, cr = chroma(rgb)
    return frame.assign(cb=cb, cr=cr, distance=saved.distance.reshape(-1)[chosen])


def chroma(rgb: NDArray[Any]) -> tuple[Floats, Floats]:
    """Colour differences of JFIF, without its offset of 128.

    >>> [float(abs(c).round(9)) for c in chroma(np.array([7, 7, 7]))]
    [0.0, 0.0]
    """
    red, green, blue = np.moveaxis(np.asarray(rgb, np.float64), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (blue - luma) / 1.772, (red - luma) / 1.402


# --------------------------------------------------------------------------------------------------
# Verdicts
# --------------------------------------------------------------------------------------------------

#: A codec within this factor of a rival's error at equal bytes is called as good: 1.25 is 1.9 dB.
AS_GOOD = 1.25


def verdict_gray(files: Sequence[Interval], codes: Sequence[Interval]) -> str:
    """Judge "JPEG is a highly effective autoencoder" on gray pictures (C4).

    "holds" if the file is as good (upper end at most `AS_GOOD`) as every rival; "holds with
    limits" if only its codes are; else "fails".
    """
    if all(ratio.high <= AS_GOOD for ratio in files):
        return "holds"
    return "holds with limits" if all(ratio.high <= AS_GOOD for ratio in codes) else "fails"


def verdict_colour(ratios: Sequence[Interval]) -> str:
    """Judge the same claim on colour-mapped pictures, against JPEG of the gray one (C4).

    "holds" if all are as good (`AS_GOOD`) as gray, "fails" if none is, else "holds with
    limits".
    """
    good = [ratio.high <= AS_GOOD for ratio in ratios]
    return "holds" if all(good) else "holds with limits" if any(good) else "fails"


def verdict_saved(changed: Sequence[float], smaller: float) -> str:
    """Judge "saving as an image also compresses" (Q4), for JPEG.

    "holds" if every quality changes levels and the file is smaller; "holds with limits" if
    only one of these is so; else "fails".
    """
    both = (min(changed) > 0, smaller > 1)
    return "holds" if all(both) else "holds with limits" if any(both) else "fails"


def file_bytes(images: Bytes, form: str, **options: Any) -> Floats:
    """Sizes of the files that Pillow writes."""
    sizes = []
    for image in images:
        with io.BytesIO() as buffer:
            Image.fromarray(image).save(buffer, form, **options)
            sizes.append(buffer.tell())
    return np.array(sizes, float)


def inverse(ratio: Interval) -> Interval:
    """Interval of the reciprocal.

    >>> inverse(Interval(0.5, 0.25, 1.0))
    Interval(estimate=2.0, low=1.0, high=4.0, level=0.95)
    """
    return Interval(1 / ratio.estimate, 1 / ratio.high, 1 / ratio.low, ratio.level)


def changed_pixels(images: Bytes, qualities: Sequence[int]) -> pd.DataFrame:
    """How many levels a gray JPEG changes."""
    x = _batch(images)
    gaps = [(JPEGAutoencoder(q)(x).int() - x.int()).abs() for q in qualities]
    changed = [float((gap > 0).double().mean()) for gap in gaps]
    return pd.DataFrame(
        {"quality": qualities, "changed": changed, "largest": [int(gap.max()) for gap in gaps]}
    )
