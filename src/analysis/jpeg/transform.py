"""libjpeg's cosine transform of 8×8 blocks, and the ideal one, as exact matrix products.

See `analysis.jpeg.codec` for the formulas. All matrices are multiplied in the precision that
`analysis.jpeg.precision.exact_dtype` finds exact.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.jpeg.precision import exact_dtype, once


@cache
def _cosines() -> NDArray[np.float64]:
    """Return the orthonormal cosine transform of 8 numbers: (frequency, place)."""
    k, i = np.arange(8)[:, None], np.arange(8)
    basis = np.cos(np.pi * k * (2 * i + 1) / 16) / 2
    basis[0] = np.sqrt(1 / 8)
    return np.asarray(basis, np.float64)


@cache
def dct_filters() -> NDArray[np.float64]:
    """Return the 64 filters: the orthonormal two-dimensional cosine basis of an 8×8 block.

    Shape (64, 8, 8): filter ``8 * v + u`` has vertical frequency ``v`` and horizontal frequency
    ``u`` (half periods per block), and unit length; all are orthogonal.

    >>> round(float(dct_filters()[0, 0, 0]), 6)
    0.125
    """
    filters = np.asarray(np.einsum("vi,uj->vuij", _cosines(), _cosines()).reshape(64, 8, 8))
    filters.flags.writeable = False
    return filters


def _integer_transform() -> NDArray[np.int64]:
    """Run Loeffler's butterflies, constants times 8192, on the identity: (output, input)."""
    x = np.eye(8, dtype=np.int64)
    plus, minus = x[:4] + x[:3:-1], x[:4] - x[:3:-1]
    (s0, s1, s2, s3), (t7, t6, t5, t4) = plus, minus
    out = np.empty((8, 8), np.int64)
    out[0], out[4] = 8192 * (s0 + s3 + s1 + s2), 8192 * (s0 + s3 - s1 - s2)
    turn = 4433 * (s1 - s2 + s0 - s3)
    out[2], out[6] = turn + 6270 * (s0 - s3), turn - 15137 * (s1 - s2)
    z1, z2, z3, z4 = -7373 * (t4 + t7), -20995 * (t5 + t6), t4 + t6, t5 + t7
    z5 = 9633 * (z3 + z4)
    z3, z4 = z5 - 16069 * z3, z5 - 3196 * z4
    out[7], out[5] = 2446 * t4 + z1 + z3, 16819 * t5 + z2 + z4
    out[3], out[1] = 25172 * t6 + z2 + z3, 12299 * t7 + z1 + z4
    out.flags.writeable = False
    return out


#: libjpeg's integer cosine transform: ``DCT_INTEGER[k, i]`` ≈ 8192·√8 times the orthonormal one.
DCT_INTEGER = _integer_transform()


class _Matrices(NamedTuple):
    """The transform's matrices, in the precision in which a device multiplies them exactly."""

    rows: Tensor  # (16, 16): Aᵀ / 2¹¹ twice on the diagonal; right factor for rows of 8
    rows_bias: Tensor  # (16,): level shift and half of the descaling's unit
    high: Tensor  # (8, 8): A₁ / 2⁸
    low: Tensor  # (8, 8): A₀ / 2⁷
    back_rows_high: Tensor  # (16, 16): A₁ / 2¹¹
    back_rows_low: Tensor  # (16, 16): A₀ / 2⁷


def _matrices(device: torch.device) -> _Matrices:
    dtype = exact_dtype(device)
    return _Matrices(*(_matrix(name, dtype, device) for name in _Matrices._fields))


def _arrays() -> dict[str, NDArray[np.float64]]:
    high = (DCT_INTEGER + 64) // 128
    low, two, shift = DCT_INTEGER - 128 * high, np.eye(2), np.zeros(8)
    shift[0] = -128 * 8 * 8192
    return {
        "rows": np.kron(two, DCT_INTEGER.T) / 2**11,
        "rows_bias": np.tile((shift + 2**10) / 2**11, 2),
        "high": high / 2**8,
        "low": low / 2**7,
        "back_rows_high": np.kron(two, high) / 2**11,
        "back_rows_low": np.kron(two, low) / 2**7,
        "orthonormal": _cosines(),
    }


_ARRAYS = _arrays()  # as numbers, once and for all: a compiler of programs need not follow


@once
def _matrix(name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.from_numpy(_ARRAYS[name]).to(device, dtype)


def _columns(matrix: Tensor, plane: Tensor, out: Tensor | None = None) -> Tensor:
    """Apply an 8×8 matrix to every column of every block. (n, 8h, w) → (n·h, 8, w)."""
    blocks = plane.view(-1, 8, plane.shape[-1])
    place = None if out is None else out.view(blocks.shape)
    return torch.bmm(matrix.expand(len(blocks), 8, 8), blocks, out=place)


def islow_forward(plane: Tensor, spare: Tensor | None = None) -> Tensor:
    """Transform as libjpeg does: levels (n, H, W) → 8 × coefficients in their blocks' places.

    With `spare` memory of as many numbers, of the matrices' precision, in place.
    """
    m = _matrices(plane.device)
    levels = plane.to(m.rows.dtype).reshape(-1, 16)
    rows, place = (None, None) if spare is None else (spare.view(-1, 16), levels)
    rows = torch.addmm(m.rows_bias, levels, m.rows, out=rows).floor_().view(plane.shape)
    low = _columns(m.low, rows, place).add_(128).floor_()
    batch = rows.view(low.shape)
    total = low.baddbmm_(m.high.expand(len(batch), 8, 8), batch, beta=1 / 256)
    return total.floor_().view(plane.shape)


def islow_inverse(plane: Tensor, spare: Tensor | None = None) -> Tensor:
    """Transform back as libjpeg does: coefficients (n, H, W) → levels, not yet clipped.

    Overwrites its argument; with `spare` memory as in `islow_forward`, by the result.
    """
    m = _matrices(plane.device)
    plane = plane.to(m.rows.dtype)
    low = _columns(m.low.T, plane, spare).add_(8).floor_()
    batch = plane.view(low.shape)
    high = (m.high.T * 16).expand(len(batch), 8, 8)
    work = low.baddbmm_(high, batch, beta=1 / 16).floor_()
    work = work.view(-1, 16)
    place = None if spare is None else plane.view(-1, 16)
    low = torch.mm(work, m.back_rows_low, out=place).add_(2.0**10).floor_()
    total = low.addmm_(work, m.back_rows_high, beta=1 / 2**11)
    return total.floor_().add_(128).view(plane.shape)


def ideal_forward(plane: Tensor) -> Tensor:
    """Apply the orthonormal transform to each block of (n, H, W), without the level shift."""
    d = _matrix("orthonormal", plane.dtype, plane.device)
    rows = torch.mm(plane.reshape(-1, 8), d.T).view(plane.shape)
    return _columns(d, rows).view(plane.shape)


def ideal_inverse(plane: Tensor) -> Tensor:
    """Apply the transposed orthonormal transform to each block of (n, H, W)."""
    d = _matrix("orthonormal", plane.dtype, plane.device)
    columns = _columns(d.T, plane.contiguous())
    return torch.mm(columns.view(-1, 8), d).view(plane.shape)
