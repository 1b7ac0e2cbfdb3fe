r"""JPEG as a neural network, bit-exact with libjpeg-turbo as Pillow drives it.

Three layers make the network: *analysis* (level shift, then 64 fixed filters of 8×8 pixels with
stride 8: the discrete cosine transform), *bottleneck* (divide by the quantisation table, round),
*synthesis* (multiply, the transposed filters). `JPEGAutoencoder` is their composition.

Textbook JPEG is that convolution, exactly, and ``arithmetic="ideal"`` computes it so. A real codec
calculates with integers and rounds on the way, and its rounding is part of what a file contains.
libjpeg's "ISLOW" transform looks like a maze of butterflies, but it is one 8×8 matrix of integers
``A = DCT_INTEGER``, the cosine transform times 8192·√8, on rows, then on columns, with a rounding
after each. With ``⌊x⌉ₙ = ⌊(x + 2ⁿ⁻¹) / 2ⁿ⌋``:

.. math::

    Z = \lfloor A \lfloor (X - 128) A^T \rceil_{11} \rceil_{15}, \qquad
    c = \mathrm{round}(Z / 8q), \qquad
    \hat X = \lfloor \lfloor A^T (q c) \rceil_{11} A \rceil_{18} + 128

(halves of `c` away from zero). The decoder's weights are the encoder's, transposed: a tied
autoencoder. All of it is small matrix products of integers, so a float32 matrix product computes
it without error as long as no sum exceeds 2²⁴. Where one could, `A` is split as ``128 A₁ + A₀``.

Source: ITU-T T.81 (JPEG), T.871 (JFIF); C. Loeffler, A. Ligtenberg, G. Moschytz (1989), "Practical
fast 1-D DCT algorithms with 11 multiplications", as in libjpeg's ``jfdctint.c``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from analysis.jpeg import huffman, transform
from analysis.jpeg.precision import exact_dtype, in_own_precision, once
from analysis.jpeg.transform import DCT_INTEGER, dct_filters

__all__ = ["DCT_INTEGER", "Codes", "JPEGAutoencoder", "dct_filters", "quantisation_tables"]

Mode = Literal["L", "RGB"]
Subsampling = Literal["4:4:4", "4:2:0"]
Arithmetic = Literal["islow", "ideal"]

# T.81, tables K.1 and K.2
_LUMA_TABLE = """
    16 11 10 16  24  40  51  61   12 12 14 19  26  58  60  55   14 13 16 24  40  57  69  56
    14 17 22 29  51  87  80  62   18 22 37 56  68 109 103  77   24 35 55 64  81 104 113  92
    49 64 78 87 103 121 120 101   72 92 95 98 112 100 103  99"""
_CHROMA_TABLE = """
    17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99   24 26 56 99 99 99 99 99
    47 66 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99
    99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99"""


def quantisation_tables(quality: int) -> NDArray[np.int64]:
    """Step sizes of the 64 coefficients, luma and chroma, as libjpeg scales them, shape (2, 64).

    From quality 1, the coarsest, to 100, where all steps are 1. Row-major: place ``8 * v + u`` has
    vertical frequency ``v``, horizontal ``u``.

    >>> quantisation_tables(50)[0, :4]
    array([16, 11, 10, 16])
    """
    if quality not in range(1, 101):
        raise ValueError(f"quality must be an integer in 1…100, got {quality!r}")
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    base = np.array([_LUMA_TABLE.split(), _CHROMA_TABLE.split()], np.int64)
    return np.asarray(np.clip((base * percent + 50) // 100, 1, 255))


#: Pixels of a side, as libjpeg allows.
_LONGEST_SIDE = 65_500

#: Pixels of a batch to be worked on at a time: a megabyte of float32.
_CACHED_PIXELS = 2**18


class Codes(NamedTuple):
    """The bottleneck of a batch: quantised coefficients."""

    #: One (gray) or three (Y, Cb, Cr) tensors, shape (batch, 64, rows, columns) of 8×8 blocks;
    #: channel ``8 * v + u``. int16; float32 with the same values in the differentiable mode.
    planes: tuple[Tensor, ...]
    #: Height and width of the image in pixels.
    size: tuple[int, int]


def _tile(table: Tensor, width: int) -> Tensor:
    """Repeat an 8×8 table along a row of blocks. (64,) → (8, width)."""
    return table.view(8, 1, 8).expand(8, width // 8, 8).reshape(8, width)


def _swap_blocks(plane: Tensor, rows: int, columns: int) -> Tensor:
    """Transpose (n, rows, columns) groups of 8 neighbours on the last axis."""
    if plane.dtype == torch.int16 and len(plane):  # one word of 16 bytes holds eight: fast
        return (
            plane.view(torch.complex128)
            .view(-1, rows, columns)
            .mT.clone(memory_format=torch.contiguous_format)
            .view(plane.dtype)
        )
    return plane.view(-1, rows, columns, 8).transpose(1, 2).contiguous()


def _to_channels(plane: Tensor) -> Tensor:
    """Block (i, j)'s coefficient (v, u) from pixel (8i + v, 8j + u) to channel 8v + u."""
    n, height, width = plane.shape
    blocks = _swap_blocks(plane, 8, width // 8)
    return blocks.view(n, height // 8, width // 8, 64).permute(0, 3, 1, 2)


def _to_plane(channels: Tensor) -> Tensor:
    """Undo `_to_channels`. (n, 64, h, w) → (n, 8h, 8w)."""
    n, _, rows, columns = channels.shape
    blocks = _swap_blocks(channels.permute(0, 2, 3, 1).contiguous(), columns, 8)
    return blocks.view(n, 8 * rows, 8 * columns)


def _quantise(
    plane: Tensor, step: Tensor, arithmetic: Arithmetic, spare: Tensor | None = None
) -> Tensor:
    """Levels (n, H, W) → quantised coefficients in their blocks' places, steps (8, W) or (H, W)."""
    if arithmetic == "ideal":
        levels = plane.to(exact_dtype(plane.device))
        coefficients, unit = transform.ideal_forward(levels - 128), 1
    else:
        coefficients, unit = transform.islow_forward(plane, spare), 8
    # round halves away from zero: a nudge that moves only what is a half but for its rounding
    return _scale_(coefficients, (1 + 2**-18) / unit / step).round_()


def _restore_(
    codes: Tensor, step: Tensor, arithmetic: Arithmetic, spare: Tensor | None = None
) -> Tensor:
    """Quantised coefficients in place → levels, not yet clipped. Overwrites its argument."""
    coefficients = _scale_(codes, step)
    if arithmetic == "ideal":
        return transform.ideal_inverse(coefficients).add_(128.5 + 2**-12).floor_()  # halves up
    return transform.islow_inverse(coefficients, spare)


class _Analysis(torch.autograd.Function):
    """`_quantise`, the gradient straight through its roundings: the filters over the steps."""

    @staticmethod
    def forward(ctx: Any, plane: Tensor, table: Tensor, arithmetic: Arithmetic) -> Tensor:
        ctx.save_for_backward(table)
        return _quantise(plane, _tile(table, plane.shape[-1]), arithmetic)

    @staticmethod
    @in_own_precision
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (table,) = ctx.saved_tensors
        gradient = gradients[0].to(exact_dtype(table.device), copy=True).contiguous()
        step = _tile(table, gradient.shape[-1])
        return transform.ideal_inverse(_scale_(gradient, 1 / step)), None, None


class _Synthesis(torch.autograd.Function):
    """`_restore_`, the gradient straight through its roundings."""

    @staticmethod
    def forward(ctx: Any, plane: Tensor, table: Tensor, arithmetic: Arithmetic) -> Tensor:
        ctx.save_for_backward(table)
        step = _tile(table, plane.shape[-1])
        return _restore_(plane.to(exact_dtype(plane.device), copy=True), step, arithmetic)

    @staticmethod
    @in_own_precision
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (table,) = ctx.saved_tensors
        gradient = transform.ideal_forward(gradients[0].to(exact_dtype(table.device)))
        return _scale_(gradient, _tile(table, gradient.shape[-1])), None, None


def _scale_(plane: Tensor, tile: Tensor) -> Tensor:
    """Multiply every so many rows by as many of steps, in place. (n, k·h, w) by (h, w)."""
    plane.view(-1, *tile.shape).mul_(tile)
    return plane


class _Floor(torch.autograd.Function):
    """Floor, in place, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x.floor_()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _Clip(torch.autograd.Function):
    """Clip to 0…255; the gradient passes where nothing was clipped."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        clipped = x.clamp(0, 255)
        ctx.save_for_backward(clipped == x)
        return clipped

    @staticmethod
    @in_own_precision
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (inside,) = ctx.saved_tensors
        gradient: Tensor = gradients[0] * inside
        return gradient


@once
def _row(pair: tuple[int, int], width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Repeat two numbers in even and odd columns. (width,)."""
    return torch.tensor(pair, dtype=dtype, device=device).repeat(width // 2 + 1)[:width]


class _Halve(torch.autograd.Function):
    """Means of 2×2 pixels, their halves down and up in alternate columns."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        rows = planes[..., 0::2, :] + planes[..., 1::2, :]
        total = rows[..., 0::2] + rows[..., 1::2]
        halves = _row((1, 2), total.shape[-1], total.dtype, total.device)
        return total.add_(halves).mul_(0.25).floor_()

    @staticmethod
    @in_own_precision
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        share = (gradients[0] / 4)[..., :, None, :, None]
        n, c, rows, _, columns, _ = share.shape
        return share.expand(n, c, rows, 2, columns, 2).reshape(n, c, 2 * rows, 2 * columns)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    return cast(Tensor, function.apply(*arguments))  # type: ignore[no-untyped-call]


def _floor(x: Tensor) -> Tensor:
    return _apply(_Floor, x) if x.requires_grad else x.floor_()


def _halve(x: Tensor) -> Tensor:
    return _apply(_Halve, x) if x.requires_grad else _Halve.forward(None, x)


def _clip(x: Tensor) -> Tensor:
    return _apply(_Clip, x) if x.requires_grad else x.clamp(0, 255)


# JFIF colour, in 2⁻¹⁶: integers, all sums below 2²⁴, so float32 products are exact.
_TO_YCC = ((19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329))
_TO_YCC_BIAS = ((32768,), ((128 << 16) + 32767,), ((128 << 16) + 32767,))
_FROM_CHROMA = ((0, 91881), (-22554, -46802), (116130, 0))
_FROM_CHROMA_BIAS = tuple((32768 - 128 * sum(row),) for row in _FROM_CHROMA)
_FROM_YCC_TRANSPOSED = ((2**16,) * 3, *zip(*_FROM_CHROMA, strict=True))

Matrix = tuple[tuple[int, ...], ...]


def _weights(matrix: Matrix, like: Tensor) -> Tensor:
    """Return numbers in 2⁻¹⁶ as a tensor."""
    return _constant(matrix, 2.0**-16, like.dtype, like.device)


@once
def _constant(values: Matrix, unit: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Make a tensor once: for a small part of a batch that takes as long as a pass over it."""
    return torch.tensor(values, dtype=dtype, device=device) * unit


def _mix(weight: Tensor, planes: Tensor, out: Tensor | None = None) -> Tensor:
    """Apply a matrix to the channels of every pixel of (n, c, H, W)."""
    n, _, height, width = planes.shape
    place = None if out is None else out.view(n, len(weight), height * width)
    mixed = torch.bmm(weight.expand(n, -1, -1), planes.flatten(2), out=place)
    return mixed.view(n, len(weight), height, width)


class _Colour(torch.autograd.Function):
    """⌊(M x + b) / 2¹⁶⌋ at every pixel of (n, c, H, W), the gradient straight through."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor, matrix: Matrix, bias: Matrix, out: Any) -> Tensor:
        ctx.matrix = matrix
        return _colour(matrix, bias, planes, out)

    @staticmethod
    @in_own_precision
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return _mix(_weights(ctx.matrix, gradients[0]).T, gradients[0]), None, None, None


def _colour(matrix: Matrix, bias: Matrix, planes: Tensor, out: Tensor | None = None) -> Tensor:
    """Compute ⌊(M x + b) / 2¹⁶⌋ at every pixel of (n, c, H, W)."""
    if planes.requires_grad and torch.is_grad_enabled():
        return _apply(_Colour, planes, matrix, bias, out)
    n, _, height, width = planes.shape
    flat = planes.flatten(2).to(exact_dtype(planes.device))
    weight = _weights(matrix, flat).expand(n, -1, -1)
    place = None if out is None else out.flatten(2)
    mixed = torch.baddbmm(_weights(bias, flat), weight, flat, out=place)
    return mixed.floor_().view(n, len(matrix), height, width)


def _ycc(rgb: Tensor, out: Tensor | None = None) -> Tensor:
    """Turn RGB into Y, Cb, Cr in libjpeg's fixed point. (n, 3, H, W), 0…255."""
    return _colour(_TO_YCC, _TO_YCC_BIAS, rgb, out)


def _rgb(luma: Tensor, chroma: Tensor, out: Tensor | None = None) -> Tensor:
    """Turn Y (n, 1, H, W) and Cb, Cr (n, 2, H, W) into RGB, not yet clipped."""
    shift = _colour(_FROM_CHROMA, _FROM_CHROMA_BIAS, chroma, out)
    return shift + luma if shift.requires_grad else shift.add_(luma)


def _lean(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Add to three times each number the one before it, and the one after; its own at an end."""
    ends = (1, 1, 0, 0) if axis == -1 else (0, 0, 1, 1)
    wide, size = functional.pad(x, ends, mode="replicate"), x.shape[axis]
    before, after = wide.narrow(axis, 0, size), wide.narrow(axis, 2, size)
    return torch.add(before, x, alpha=3), torch.add(after, x, alpha=3)


def _lean_adjoint(gradient: Tensor, axis: int) -> Tensor:
    """Carry a gradient back through `_lean` of an axis, its two results in alternate places."""
    pairs = cast(Tensor, gradient.unflatten(axis, (-1, 2)))  # type: ignore[no-untyped-call]
    before, after = pairs.unbind(axis)
    out = (before + after).mul_(3)
    last = out.shape[axis] - 1
    out.narrow(axis, 0, 1).add_(before.narrow(axis, 0, 1))
    out.narrow(axis, 0, last).add_(before.narrow(axis, 1, last))
    out.narrow(axis, 1, last).add_(after.narrow(axis, 0, last))
    out.narrow(axis, last, 1).add_(after.narrow(axis, last, 1))
    return out


def _alternate(even: Tensor, odd: Tensor) -> Tensor:
    """Interleave the columns of two tensors: the parts of a complex number are neighbours."""
    return torch.view_as_real(torch.complex(even, odd)).flatten(-2)


def _double(planes: Tensor) -> Tensor:
    """Double the size: libjpeg's "fancy" bilinear upsampling, copies if too narrow for it."""
    if planes.shape[-1] <= 2:
        return planes.repeat_interleave(2, -1).repeat_interleave(2, -2)
    rows = torch.stack(_lean(planes / 16, -2), -2).flatten(-3, -2)
    even, odd = _lean(rows, -1)
    return _floor(_alternate(even.add_(8 / 16), odd.add_(7 / 16)))


def _double_adjoint(gradient: Tensor) -> Tensor:
    """Carry a gradient back through `_double`, the last row and column maybe cropped."""
    height, width = gradient.shape[-2:]
    if height % 2 or width % 2:
        gradient = functional.pad(gradient, (0, width % 2, 0, height % 2))
    if width <= 4:
        return functional.avg_pool2d(gradient, 2) * 4
    return _lean_adjoint(_lean_adjoint(gradient, -2), -1).mul_(1 / 16)


def _extend(planes: Tensor, multiple: int, *, down: bool = True) -> Tensor:
    """Repeat the right and (if `down`) lower edges up to a multiple. (n, c, H, W)."""
    right, below = -planes.shape[-1] % multiple, -planes.shape[-2] % multiple * down
    if not (right or below):
        return planes
    return functional.pad(planes, (0, right, 0, below), mode="replicate")


def _inside(gradient: Tensor, levels: Tensor, out: Tensor) -> Tensor:
    """Pass the gradient of a clip where the levels, before it, were within 0…255. Into `out`."""
    below, above = _OUTSIDE  # bounds that are themselves outside
    torch.ops.aten.hardtanh_backward.grad_input(gradient, levels, below, above, grad_input=out)
    return out


#: float32's neighbours of 0…255.
_OUTSIDE = [float(np.nextafter(np.float32(v), np.float32(np.inf * (v - 1)))) for v in (0, 255)]


class _ThereAndBack(torch.autograd.Function):
    """`JPEGAutoencoder.forward` of floating levels, in integers.

    Straight through the roundings the synthesis undoes the analysis. What is left of the gradient
    is that of colour, of resampling, and of clips, written out here, with no graph to follow.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, codec: JPEGAutoencoder) -> Tensor:
        out, kept = codec._parts_there_and_back(x.detach(), keep=True)
        ctx.codec = codec
        ctx.save_for_backward(x, *kept)
        return out

    @staticmethod
    @in_own_precision
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, *kept = ctx.saved_tensors
        codec, (gradient,) = ctx.codec, gradients
        if torch.is_grad_enabled():  # someone wants the gradient's own: leave a graph
            slow = codec.decode(codec.encode(x))
            return torch.autograd.grad(slow, x, gradient, create_graph=True)[0], None
        out = torch.empty_like(gradient, memory_format=torch.contiguous_format)
        count = codec._count(x)
        parts = zip(*(tensor.split(count) for tensor in (gradient, x, out, *kept)), strict=True)
        for ahead, levels, place, sheet, *rgb in parts:
            _adjoint(ahead, codec._take_up(sheet, x.shape[2]) + rgb, codec.factor, place)
            _inside(place, levels, place)
        return out, None


def _adjoint(gradient: Tensor, clipped: list[Tensor], factor: int, out: Tensor) -> None:
    """Carry a gradient back from the pixels decoded to the rounded ones, into `out`.

    `clipped` are what the decoder clips, before it does: luma; of colour also chroma, and RGB.
    """
    height, width = gradient.shape[-2:]
    luma = clipped[0][..., :height, :width]
    if len(clipped) == 1:
        _inside(gradient, luma, out)
        return
    back = _weights(_FROM_YCC_TRANSPOSED, gradient)
    ycc = _mix(back, _inside(gradient, clipped[2], out))
    bright, colour = ycc[:, :1], ycc[:, 1:]
    _inside(bright, luma, bright)
    if factor == 2:
        colour = _double_adjoint(colour)
    _inside(colour, clipped[1][..., : colour.shape[-2], : colour.shape[-1]], colour)
    forth = _weights(_TO_YCC, gradient).T
    if factor == 1:
        _mix(forth, ycc, out)
    else:
        _spread(_mix(forth[:, 1:] / 4, _repeated(colour, height, width)), bright, forth, out)


def _repeated(halves: Tensor, height: int, width: int) -> Tensor:
    """Count the last row or column of halves twice where `_extend` has repeated a pixel."""
    if width % 2:
        halves[..., -1].mul_(2)
    if height % 2:
        halves[..., -1, :].mul_(2)
    return halves


def _spread(shares: Tensor, luma: Tensor, forth: Tensor, out: Tensor) -> None:
    """Give four pixels of RGB their share of each half's gradient, and their luma's, into `out`."""
    wide = _alternate(shares, shares)[..., : out.shape[-1]]
    weight = forth[:, :1, None]
    for row in (0, 1):
        place = out[..., row::2, :]
        share = wide[..., : place.shape[-2], :]
        torch.addcmul(share, luma[..., row::2, :], weight, out=place)


class JPEGAutoencoder(nn.Module):
    """JPEG as an autoencoder: fixed convolution, quantising bottleneck, transposed convolution.

    ``decode(encode(x))`` are the bytes that Pillow (libjpeg-turbo) gives after saving and opening,
    for every quality; `nbytes` is the length of the file and `to_bytes` the file itself.

    Parameters
    ----------
    quality : int
        1…100, as in Pillow.
    mode : {"L", "RGB"}
        Gray or colour.
    subsampling : {"4:2:0", "4:4:4"}
        Colour at half resolution on both axes (Pillow's default), or in full. Ignored for gray.
    arithmetic : {"islow", "ideal"}
        "islow": libjpeg's integers, bit-exact. "ideal": the exact cosine transform, rounded once
        to a code (halves away from zero) and once to a level (halves up): textbook JPEG, a pure
        convolution between the roundings.

    Raises
    ------
    ValueError
        If an argument is none of the above.

    Notes
    -----
    A uint8 batch stays uint8 and has no gradient. A floating batch (levels 0…255) gives the same
    values as floats and is differentiable: each rounding passes the gradient straight through,
    each clip passes it inside the range only. Levels that are no integers are rounded first.

    It computes in its own precision: autocast, ``.half()``, another default dtype or shortened
    matrix products change nothing. `torch.export` follows it for one shape; tracing and the
    transforms of `torch.func` are refused.

    The arithmetic is exact for codes that an encoder can make; arbitrary codes are exact while
    coefficients times steps stay below about 2¹², more than any image's.

    Examples
    --------
    >>> jpeg = JPEGAutoencoder(75, mode="L")
    >>> x = torch.zeros(2, 1, 30, 20, dtype=torch.uint8)
    >>> codes = jpeg.encode(x)
    >>> codes.planes[0].shape, jpeg.decode(codes).shape
    (torch.Size([2, 64, 4, 3]), torch.Size([2, 1, 30, 20]))
    """

    tables: Tensor

    def __init__(
        self,
        quality: int = 75,
        mode: Mode = "L",
        subsampling: Subsampling = "4:2:0",
        arithmetic: Arithmetic = "islow",
    ) -> None:
        super().__init__()
        for value, known in (
            (mode, ("L", "RGB")),
            (subsampling, ("4:4:4", "4:2:0")),
            (arithmetic, ("islow", "ideal")),
        ):
            if value not in known:
                raise ValueError(f"expected one of {', '.join(known)}, got {value!r}")
        self.quality, self.mode, self.arithmetic = quality, mode, arithmetic
        self.factor = 2 if mode == "RGB" and subsampling == "4:2:0" else 1
        tables = torch.from_numpy(quantisation_tables(quality)).float()
        self.register_buffer("tables", tables, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the tables, but keep their precision: no half of it is exact."""
        tables = self.tables
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.tables.dtype != tables.dtype:
            self.tables = tables.to(self.tables.device)
        return self

    def extra_repr(self) -> str:
        """Describe the settings."""
        sampling = "" if self.mode == "L" else f", 4:{'20' if self.factor == 2 else '44'}"
        return f"quality={self.quality}, mode={self.mode}{sampling}, {self.arithmetic}"

    @property
    def filters(self) -> Tensor:
        """Weights of the ideal analysis and synthesis, float32, shape (64, 1, 8, 8).

        ``conv2d(x - 128, filters, stride=8)`` are the coefficients before the bottleneck, and
        ``conv_transpose2d`` with the same weights is the way back.
        """
        return torch.from_numpy(dct_filters().copy()).float()[:, None].to(self.tables.device)

    @in_own_precision
    def encode(self, x: Tensor) -> Codes:
        """Analysis and bottleneck: levels (batch, 1 or 3, height, width) to the codes of the file.

        Levels are uint8, or floating for the differentiable mode.
        """
        self._check(x)
        size = (int(x.shape[2]), int(x.shape[3]))
        dtype = torch.float32 if x.is_floating_point() else torch.int16
        if x.is_floating_point():
            x = _floor(_clip(x.float()).add_(0.5))
        planes: list[Tensor] = []
        for table, plane in enumerate(self._to_planes(x)):
            codes = self._each(_Analysis, plane, table).to(dtype)
            channels = _to_channels(codes.flatten(0, 1))
            planes += channels.view(*plane.shape[:2], *channels.shape[1:]).unbind(1)
        return Codes(tuple(planes), size)

    @in_own_precision
    def decode(self, codes: Codes) -> Tensor:
        """Synthesis: codes to levels, uint8 for integer codes, else float32 with a gradient."""
        if len(codes.planes) != (1 if self.mode == "L" else 3):
            raise ValueError(f"mode {self.mode} does not decode {len(codes.planes)} plane(s)")
        planes = []
        groups = [codes.planes[:1], codes.planes[1:]] if self.mode == "RGB" else [codes.planes]
        for table, group in enumerate(groups):
            channels = torch.stack(group, 1)
            flat = _to_plane(channels.flatten(0, 1))
            plane = flat.view(*channels.shape[:2], *flat.shape[1:])
            planes.append(_clip(self._each(_Synthesis, plane, table)))
        out = _clip(self._from_planes(planes, codes.size)).float()
        return out if codes.planes[0].is_floating_point() else out.to(torch.uint8)

    @in_own_precision
    def forward(self, x: Tensor) -> Tensor:
        """``decode(encode(x))``: what is left of a batch after saving it as JPEG.

        Works through the batch in parts that a processor's cache holds.
        """
        self._check(x)
        x = x.float() if x.is_floating_point() else x
        if self.arithmetic == "ideal":  # sums of fractions, which their order changes: keep it
            return self.decode(self.encode(x))
        if x.requires_grad and torch.is_grad_enabled():
            return _apply(_ThereAndBack, x, self)
        return self._parts_there_and_back(x)[0]

    def _count(self, x: Tensor) -> int:
        """Pictures in a part of a batch."""
        return max(1, min(len(x), _CACHED_PIXELS // (x.shape[2] * x.shape[3])))

    def _parts_there_and_back(
        self, x: Tensor, *, keep: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        """`forward` in integers, without its gradient; with what is clipped on the way if `keep`.

        That is the sheets of `_lay_out`, and of colour RGB. All parts share their memory if they
        may: what a system gives anew it clears first, page by page.
        """
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        steps, count = self._steps(int(x.shape[2]), int(x.shape[3])), self._count(x)
        several, dtype = len(x) if keep else count, exact_dtype(x.device)
        kept = [x.new_empty((several, *steps.shape), dtype=dtype)]
        if self.mode == "RGB":
            kept.append(x.new_empty((several, *x.shape[1:]), dtype=dtype))
        spare = x.new_empty((count, *steps.shape), dtype=dtype)
        for first in range(0, len(x), count):
            part, place = x[first : first + count], out[first : first + count]
            begin = first if keep else 0
            memory = [tensor[begin : begin + len(part)] for tensor in kept]
            self._there_and_back(part, place, steps, spare[: len(part)], *memory)
        return out, [tensor.float() for tensor in kept]

    def _there_and_back(
        self, x: Tensor, out: Tensor, steps: Tensor, spare: Tensor, sheet: Tensor,
        rgb: Tensor | None = None,
    ) -> None:  # fmt: skip
        """`forward` of a part of a batch, into `out`; leave what it clips in `sheet` and `rgb`."""
        size = (int(x.shape[2]), int(x.shape[3]))
        if x.is_floating_point():  # memory is dear: the answer's place serves on the way, too
            x = torch.clamp(x, 0, 255, out=out).add_(0.5).floor_()
        self._lay_out(self._to_planes(x, rgb), sheet)
        codes = _quantise(sheet, steps, self.arithmetic, spare)
        _restore_(codes, steps, self.arithmetic, spare)
        pixels = sheet[:, None, : size[0], : size[1]]
        if rgb is not None:
            clipped = torch.clamp(sheet, 0, 255, out=spare)
            pixels = self._from_planes(self._take_up(clipped, size[0]), size, rgb)
        if pixels.dtype == out.dtype:
            torch.clamp(pixels, 0, 255, out=out)
        else:
            out.copy_(pixels.clamp(0, 255))

    def _lay_out(self, planes: list[Tensor], sheet: Tensor) -> None:
        """Put all planes of a picture on one sheet (n, rows, width), to be transformed at once.

        Below luma lie the planes of chroma: one below the other, or, of half size, side by side.
        """
        height, width = planes[0].shape[2:]
        sheet[:, :height, width:] = 0  # a column of blocks at most, that nobody will see
        for place, plane in zip(self._take_up(sheet, height), planes, strict=True):
            place[..., : plane.shape[-1]].copy_(plane)

    def _take_up(self, sheet: Tensor, height: int) -> list[Tensor]:
        """Undo `_lay_out`, for pictures of a height: views of the planes, grown to whole blocks."""
        end = height + -height % 8
        luma, chroma = sheet[:, None, :end], sheet[:, end:]
        if self.mode == "L":
            return [luma]
        n, rows, columns = chroma.shape
        if self.factor == 1:
            return [luma, chroma.view(n, 2, rows // 2, columns)]
        return [luma, chroma.view(n, rows, 2, columns // 2).transpose(1, 2)]

    def _steps(self, height: int, width: int) -> Tensor:
        """Return the step of every place of a sheet. (rows, width)."""
        whole = width + -width % (8 * self.factor)
        blocks = [-(-height // 8)]
        if self.mode == "RGB":
            blocks.append(-(-height // (8 * self.factor)) * 2 // self.factor)
        tiles = zip(self.tables, blocks, strict=False)
        return torch.cat([_tile(table, whole).repeat(count, 1) for table, count in tiles])

    def nbytes(self, codes: Codes) -> NDArray[np.int64]:
        """Bytes of each image's whole file, exactly, with libjpeg's default Huffman tables."""
        planes = _to_numpy(codes)
        return (
            huffman.lengths(planes, codes.size, self.factor)
            if len(planes[0])
            else np.zeros(0, np.int64)
        )

    def to_bytes(self, codes: Codes) -> list[bytes]:
        """Write the files themselves, byte for byte what Pillow writes."""
        planes, tables = _to_numpy(codes), self.tables.cpu().numpy().astype(np.int64)
        return huffman.write(planes, tables, codes.size, self.factor) if len(planes[0]) else []

    def _check(self, x: Tensor) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"expected a tensor, got {type(x).__name__}: see torch.from_numpy")
        channels = 1 if self.mode == "L" else 3
        if x.ndim != 4 or x.shape[1] != channels or not x.shape[2] * x.shape[3]:
            raise ValueError(
                f"mode {self.mode} takes (batch, {channels}, height, width), got {tuple(x.shape)}"
            )
        if max(x.shape[2:]) > _LONGEST_SIDE:
            raise ValueError(
                f"libjpeg writes sides of {_LONGEST_SIDE} pixels at most, got {tuple(x.shape)}"
            )
        if x.dtype != torch.uint8 and not x.is_floating_point():
            raise ValueError(f"expected uint8 or floating levels, got {x.dtype}")

    def _to_planes(self, x: Tensor, out: Tensor | None = None) -> list[Tensor]:
        """Luma (n, 1, H, W) and, of colour, chroma (n, 2, H, W), grown to whole blocks."""
        if self.mode == "L":
            return [_extend(x, 8)]
        luma, chroma = torch.tensor_split(_ycc(x, out), [1], 1)
        if self.factor == 2:
            chroma = _halve(_extend(_extend(chroma, 16, down=False), 2))
        return [_extend(luma, 8), _extend(chroma, 8)]

    def _from_planes(
        self, planes: list[Tensor], size: tuple[int, int], out: Tensor | None = None
    ) -> Tensor:
        """Undo `_to_planes`. Clipped planes → (n, 1 or 3, height, width), RGB not yet clipped."""
        luma = planes[0][..., : size[0], : size[1]]
        if self.mode == "L":
            return luma
        height, width = (-(-side // self.factor) for side in size)
        chroma = planes[1][..., :height, :width]
        if self.factor == 2:
            chroma = _double(chroma)[..., : size[0], : size[1]]
        return _rgb(luma, chroma, out)

    def _each(self, layer: type[torch.autograd.Function], planes: Tensor, table: int) -> Tensor:
        """Apply a layer to every plane. (n, c, H, W) → the same shape."""
        out = _apply(layer, planes.flatten(0, 1), self.tables[table], self.arithmetic)
        return out.view(planes.shape)


def _to_numpy(codes: Codes) -> list[NDArray[np.integer]]:
    return [plane.detach().to(torch.int16).cpu().numpy() for plane in codes.planes]
