"""Pictures as files and back: what Pillow writes, how long it is, and what is read again.

Start at `round_trip`. `code_bytes` and `entropy_bytes` are the lengths of codes without a format of
their own: deflated, and under an ideal entropy coder.
"""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]


def encode(image: NDArray[Any], form: str, **options: Any) -> bytes:
    """Save a picture as the file that Pillow writes, `form` such as "PNG" or "JPEG2000".

    `options` are those of `PIL.Image.Image.save`, such as ``optimize=True``.
    """
    with io.BytesIO() as stream:
        Image.fromarray(image).save(stream, form, **options)
        return stream.getvalue()


def decode(content: bytes) -> NDArray[Any]:
    """Open a file with Pillow, in the file's own mode."""
    return np.asarray(Image.open(io.BytesIO(content)))


def round_trip(
    levels: NDArray[np.uint8], form: str, **options: Any
) -> tuple[NDArray[np.uint8], int]:
    """Save a gray picture and open it again; give its levels and the length of the whole file.

    WebP has no gray: R = G = B is saved, and the luminance is read. Arguments as of `encode`.
    """
    gray = np.repeat(levels[..., None], 3, axis=2) if form == "WEBP" else levels
    content = encode(gray, form, **options)
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"), np.uint8), len(content)


def png_bytes(levels: NDArray[np.uint8], bits: int = 8) -> int:
    """Length of a PNG of levels; 1, 2 and 4 bits are packed as the format allows."""
    return len(encode(levels, "PNG", bits=bits if bits in (1, 2, 4) else 8))


def file_bytes(images: NDArray[np.uint8], form: str, **options: Any) -> NDArray[np.float64]:
    """Sizes of the files of pictures, shape (n,)."""
    return np.array([len(encode(image, form, **options)) for image in images], float)


def jpeg_header_bytes(shape: tuple[int, int]) -> int:
    """Bytes of a gray JPEG that hold no picture: markers, tables and the frame."""
    content = encode(np.zeros(shape, np.uint8), "JPEG")
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
