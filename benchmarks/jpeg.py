"""The codec network beside Pillow, simplejpeg and differentiable JPEG layers: speed and exactness.

Exactness is against Pillow's pixels. Two peers are on no package registry and are fetched as source
files, see `benchmarks.peers`. `ClassicLayer` is the method of one of them, DiffJPEG, written here
anew from its paper and for speed: it shows how much of a lead is the method's and how much the
code's. Where DiffJPEG itself is absent it stands for it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from analysis.jpeg.codec import JPEGAutoencoder, dct_filters, quantisation_tables
from analysis.timing.timings import OURS, Role, Row
from benchmarks.harness import Contender, Effort, compare, copying, ours, peer

TITLE = "JPEG as a network"
PEERS = ("kornia", "simplejpeg", "diff_jpeg", "DiffJPEG")
QUALITY = 75
CLASSIC = "DiffJPEG's method, written here"

Layer = Callable[[Tensor], Tensor]
Bytes = NDArray[np.uint8]


def pictures(effort: Effort, channels: int, seed: int = 0) -> Bytes:
    """Random pictures with the spectrum of photographs (amplitude falls as 1/f)."""
    batch, side = (2, 32) if effort.small else (64, 128)
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    f[0, 0] = 1
    noise = np.fft.rfft2(rng.normal(size=(batch, channels, side, side))) / f
    plain = np.fft.irfft2(noise)
    plain = 0.35 * plain + 0.65 * plain.mean(1, keepdims=True)
    return np.clip(128 + 45 * plain / plain.std(), 0, 255).astype(np.uint8)


def _channels_first(images: list[Bytes]) -> Bytes:
    stack = np.stack(images)
    return stack[:, None] if stack.ndim == 3 else np.moveaxis(stack, -1, 1)


def pillow(x: Bytes) -> Bytes:
    """Save and open every picture in memory."""
    out = []
    for image in np.moveaxis(x, 1, -1):
        buffer = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(image.squeeze()))
        picture.save(buffer, "JPEG", quality=QUALITY)
        out.append(np.asarray(Image.open(buffer)))
    return _channels_first(out)


def simplejpeg(x: Bytes) -> Bytes:
    """Do the same with libjpeg-turbo's own wrapper, with Pillow's transform and subsampling."""
    codec = peer("simplejpeg")
    space = "GRAY" if x.shape[1] == 1 else "RGB"
    sampling = space if space == "GRAY" else "420"
    out = []
    for image in np.moveaxis(x, 1, -1):
        file = codec.encode_jpeg(  # type: ignore[union-attr]
            np.ascontiguousarray(image),
            QUALITY,
            colorspace=space,
            colorsubsampling=sampling,
            fastdct=False,
        )
        decoded = codec.decode_jpeg(file, space, fastdct=False, fastupsample=False)
        out.append(decoded.squeeze())  # type: ignore[union-attr]
    return _channels_first(out)


class ClassicLayer(nn.Module):
    """Differentiable JPEG as it is usually written: Shin and Song, 2017, "JPEG-resistant …".

    Floating point throughout, colour halved by an average and doubled by repetition, a dense
    8×8×8×8 transform, and ``⌊x⌉ + (x − ⌊x⌉)³`` for the rounding.
    """

    def __init__(self, quality: int) -> None:
        super().__init__()
        basis = torch.from_numpy(dct_filters().copy()).float().view(8, 8, 8, 8)
        tables = torch.from_numpy(quantisation_tables(quality)).float().view(2, 8, 8)
        self.register_buffer("basis", basis)
        self.register_buffer("tables", tables)
        matrix = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
        self.register_buffer("matrix", torch.tensor(matrix))

    def _plane(self, plane: Tensor, table: Tensor) -> Tensor:
        n, height, width = plane.shape
        blocks = plane.view(n, height // 8, 8, width // 8, 8).transpose(2, 3) - 128
        codes = torch.tensordot(blocks, self.basis, ([3, 4], [2, 3])) / table
        whole = codes.detach().round()
        codes = (whole + (codes - whole) ** 3) * table
        back = torch.tensordot(codes, self.basis, ([3, 4], [0, 1])) + 128
        return back.transpose(2, 3).reshape(n, height, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map levels (n, 3, height, width) 0…255 to levels; sides are multiples of 16."""
        ycc = torch.einsum("ij,njhw->nihw", self.matrix, x)
        luma = self._plane(ycc[:, 0], self.tables[0])
        half = nn.functional.avg_pool2d(ycc[:, 1:] + 128, 2)
        chroma = self._plane(half.flatten(0, 1), self.tables[1]).view_as(half)
        full = nn.functional.interpolate(chroma, scale_factor=2.0) - 128
        inverse = torch.linalg.inv(self.matrix)
        rgb = torch.einsum("ij,njhw->nihw", inverse, torch.cat([luma[:, None], full], 1))
        return rgb.clamp(0, 255)


def layers(mode: str, batch: int, side: int, effort: Effort) -> dict[str, tuple[Layer, float]]:
    """Differentiable layers and the largest level that each takes (1 or 255)."""
    found: dict[str, tuple[Layer, float]] = {
        OURS: (JPEGAutoencoder(QUALITY, mode), 255.0)  # type: ignore[arg-type]
    }
    if mode == "L":
        return found
    found[CLASSIC] = (ClassicLayer(QUALITY), 255.0)
    quality = torch.full((batch,), float(QUALITY))
    if peer("kornia"):
        from kornia.enhance import jpeg_codec_differentiable

        found["kornia"] = (lambda x: jpeg_codec_differentiable(x, quality), 1.0)
    if classic := peer("DiffJPEG", download=not effort.small):
        layer = classic.DiffJPEG(height=side, width=side, differentiable=True, quality=QUALITY)
        found["DiffJPEG"] = (layer.requires_grad_(False), 1.0)
    if diff := peer("diff_jpeg", download=not effort.small):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, once: its meshgrid will want an argument
            diff.diff_jpeg_coding(torch.zeros(1, 3, 16, 16), quality[:1])
        found["diff-jpeg"] = (lambda x: diff.diff_jpeg_coding(x, quality), 255.0)
        found["diff-jpeg, straight through"] = (
            lambda x: diff.diff_jpeg_coding(x, quality, ste=True), 255.0,
        )  # fmt: skip
    return found


def exactness(found: Bytes, truth: Bytes) -> dict[str, float | str]:
    """Pixels that are not Pillow's, and by how much at most."""
    gap = np.abs(found.astype(int) - truth)
    return {"pixels ≠ Pillow (%)": 100 * float((gap > 0).mean()), "largest": float(gap.max())}


def fields(effort: Effort, mode: str) -> tuple[list[Contender], list[Contender]]:
    """Return contenders of the way there and back, and of the same with the gradient."""
    x = pictures(effort, 1 if mode == "L" else 3)
    truth, batch, count = pillow(x), torch.from_numpy(x), float(len(x))
    exact = JPEGAutoencoder(QUALITY, mode)  # type: ignore[arg-type]
    forward = [
        ours(lambda: exact(batch), count, **exactness(exact(batch).numpy(), truth)),
        Contender("Pillow", lambda: pillow(x), "peer", count, exactness(truth, truth)),
    ]
    if peer("simplejpeg"):
        forward.append(Contender("simplejpeg", lambda: simplejpeg(x), "peer", count,
                                 exactness(simplejpeg(x), truth)))  # fmt: skip
    both = []
    known = layers(mode, len(x), x.shape[-1], effort)
    for name, (layer, top) in known.items():
        scaled, weight = batch.float() * (top / 255), torch.ones(batch.shape)
        with torch.no_grad():
            out = (layer(scaled) * (255 / top)).round().clamp(0, 255).to(torch.uint8).numpy()
        details = exactness(out, truth)

        def run(layer: Layer = layer, scaled: Tensor = scaled) -> None:
            with torch.no_grad():
                layer(scaled)

        def back(layer: Layer = layer, scaled: Tensor = scaled, weight: Tensor = weight) -> None:
            leaf = scaled.detach().requires_grad_()
            layer(leaf).backward(weight)

        if name == OURS:
            forward.append(Contender("this book, floats", run, "variant", count, details))
            both.append(Contender(OURS, back, "ours", count, details))
        else:
            role: Role = "variant" if name == CLASSIC and "DiffJPEG" in known else "peer"
            forward.append(Contender(name, run, role, count, details))
            both.append(Contender(name, back, role, count, details))
    # Each stage (colour, transform, quantisation, and back) reads and writes floats.
    traffic, stages = 8.0 * x.size, 6
    forward.append(copying(traffic * stages, count, effort))
    both.append(copying(traffic * 2 * stages, count, effort))
    return forward, both


def measure(effort: Effort) -> list[Row]:
    """Time gray and colour, without and with the gradient."""
    torch.set_num_threads(1)
    found: list[Row] = []
    for mode, name in (("L", "gray"), ("RGB", "RGB 4:2:0")):
        forward, both = fields(effort, mode)
        found += compare(f"{name}, there and back", "pictures", forward, effort)
        found += compare(f"{name}, with the gradient", "pictures", both, effort)
    return found
