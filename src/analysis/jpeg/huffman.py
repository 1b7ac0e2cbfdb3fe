"""The lossless half of JPEG: quantised coefficients to the bytes of a baseline file.

`write` gives the very bytes that libjpeg-turbo writes with its default Huffman tables (ITU-T T.81,
Annex K.3), and `lengths` their number, for a whole batch at once: every symbol of every image
becomes one (code, length) pair in an array, and one cumulative sum says where each pair's bits go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


def _zigzag() -> NDArray[np.intp]:
    """Row-major places 8·v + u of an 8×8 block in the order in which a file stores them."""
    v, u = np.divmod(np.arange(64), 8)
    diagonal = u + v
    along = np.where(diagonal % 2, v, u)
    return np.lexsort((along, diagonal))


#: ``ZIGZAG[k]`` is the row-major place ``8 * v + u`` of a file's ``k``-th coefficient of a block.
ZIGZAG = _zigzag()

# Huffman tables of T.81, tables K.3 to K.6: how many codes have 1…16 bits, then their symbols.
_DC_SYMBOLS = bytes(range(12))
_TABLES: dict[str, tuple[tuple[int, ...], bytes]] = {
    "DC0": ((0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), _DC_SYMBOLS),
    "DC1": ((0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0), _DC_SYMBOLS),
    "AC0": (
        (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125),
        bytes.fromhex(
            "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a"
            "25262728292a3435363738393a434445464748494a535455565758595a636465666768696a73747576777879"
            "7a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9"
            "cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
        ),
    ),
    "AC1": (
        (0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119),
        bytes.fromhex(
            "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f117"
            "18191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778"
            "797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7"
            "c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
        ),
    ),
}
_END_OF_BLOCK, _SIXTEEN_ZEROS = 0x00, 0xF0


def _codes(table: str) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Canonical Huffman code and its length for each of the 256 symbols (T.81, Annex C)."""
    counts, symbols = _TABLES[table]
    code, length = np.zeros(256, np.uint64), np.zeros(256, np.int64)
    value, used = 0, 0
    for bits, count in enumerate(counts, start=1):
        for symbol in symbols[used : used + count]:
            code[symbol], length[symbol] = value, bits
            value += 1
        used += count
        value <<= 1
    return code, length


_DC_CODES = [_codes("DC0"), _codes("DC1")]
_AC_CODES = [_codes("AC0"), _codes("AC1")]


class _Scan(NamedTuple):
    """The blocks of a batch in the order of the file."""

    blocks: NDArray[np.int64]  #: (images, blocks, 64): zigzag order; place 0 is the DC *difference*
    chroma: NDArray[np.bool_]  #: (blocks,): coded by the second pair of tables


def _in_scan_order(planes: Sequence[NDArray[np.integer]], factor: int) -> _Scan:
    """Interleave the components; `factor` luma blocks a side for each chroma block (1 or 2)."""
    zigzagged = [np.moveaxis(p[:, ZIGZAG], 1, -1).astype(np.int64) for p in planes]
    if len(planes) == 1:
        luma = zigzagged[0].reshape(len(planes[0]), -1, 64)
        return _Scan(_dc_differences(luma[:, :, None]), np.zeros(luma.shape[1], bool))
    images, rows, columns = zigzagged[1].shape[:3]
    luma = _with_dummy_blocks(zigzagged[0], factor * rows, factor * columns)
    luma = luma.reshape(images, rows, factor, columns, factor, 64).swapaxes(2, 3)
    units = [luma.reshape(images, rows * columns, factor * factor, 64)]
    units += [plane.reshape(images, rows * columns, 1, 64) for plane in zigzagged[1:]]
    scan = np.concatenate([_dc_differences(unit).reshape(unit.shape) for unit in units], axis=2)
    chroma = np.arange(scan.shape[2]) >= factor * factor
    return _Scan(scan.reshape(images, -1, 64), np.tile(chroma, rows * columns))


def _with_dummy_blocks(luma: NDArray[np.int64], rows: int, columns: int) -> NDArray[np.int64]:
    """Fill the last units of a 4:2:0 scan: no detail, the DC of the block before in the unit."""
    images, real_rows, real_columns = luma.shape[:3]
    full = np.zeros((images, rows, columns, 64), np.int64)
    full[:, :real_rows, :real_columns] = luma
    if real_columns < columns:
        full[:, :, -1, 0] = full[:, :, -2, 0]
    if real_rows < rows:  # both blocks of the unit's lower row follow its upper right block
        full[:, -1, :, 0] = np.repeat(full[:, -2, 1::2, 0], 2, axis=-1)
    return full


def _dc_differences(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Replace each DC by its difference from the component's block before. (images, …, 64)."""
    flat = blocks.reshape(len(blocks), -1, 64).copy()
    flat[:, 1:, 0] -= flat[:, :-1, 0].copy()
    return flat


class _Stream(NamedTuple):
    """One bit stream for the whole batch, each image ending on a byte."""

    data: NDArray[np.uint8]  #: the bytes before stuffing
    ends: NDArray[np.int64]  #: (images,): where each image's bytes end


def _symbols(scan: _Scan) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """Bits, their number and the image of every symbol in the batch: DC, AC runs, ends of block."""
    images, count, _ = scan.blocks.shape
    values = scan.blocks.reshape(-1, 64)
    emits = np.empty((len(values), 65), bool)
    emits[:, 0] = True
    np.not_equal(values[:, 1:], 0, out=emits[:, 1:64])
    emits[:, 64] = values[:, 63] == 0
    block, place = np.nonzero(emits)
    is_dc, is_end = place == 0, place == 64
    value = values[block, np.minimum(place, 63)] * ~is_end
    run = np.where(is_dc | is_end, 0, np.diff(place, prepend=-1) - 1)
    size = np.frexp(np.abs(value))[1].astype(np.int64)  # bits of the magnitude; 0 for 0
    magnitude = (value + (value < 0) * ((1 << size) - 1)).astype(np.uint64)
    bits, length = np.empty(len(value), np.uint64), np.empty(len(value), np.int64)
    chroma = np.tile(scan.chroma, images)[block]
    for table in (0, 1):
        here = is_dc & (chroma == table)
        code, code_length = _DC_CODES[table]
        bits[here], length[here] = code[size[here]], code_length[size[here]]
        here = ~is_dc & (chroma == table)
        code, code_length = _AC_CODES[table]
        symbol = (run[here] & 15) << 4 | size[here]
        skips, skip, width = run[here] >> 4, int(code[_SIXTEEN_ZEROS]), code_length[_SIXTEEN_ZEROS]
        prefix = np.array([sum(skip << (int(width) * i) for i in range(n)) for n in range(4)])
        bits[here] = prefix.astype(np.uint64)[skips] << code_length[symbol].astype(np.uint64)
        bits[here] |= code[symbol]
        length[here] = skips * width + code_length[symbol]
    bits = bits << size.astype(np.uint64) | magnitude
    return bits, length + size, block // count


def _pack(scan: _Scan) -> _Stream:
    """Lay all symbols end to end, each image filled up with ones to a whole byte."""
    bits, length, image = _symbols(scan)
    images = len(scan.blocks)
    total = np.bincount(image, weights=length, minlength=images).astype(np.int64)
    fill = -total % 8
    last = np.searchsorted(image, np.arange(images), side="right")
    bits = np.insert(bits, last, ((1 << fill) - 1).astype(np.uint64))
    length = np.insert(length, last, fill)
    stop = np.cumsum(length)
    start = stop - length
    words = np.zeros(int(stop[-1]) // 64 + 2, np.uint64)
    shift = 64 - (start & 63) - length  # negative: the symbol runs over into the next word
    left = np.clip(shift, 0, 63).astype(np.uint64)
    over = np.clip(-shift, 0, 63).astype(np.uint64)
    _or_into(words, start >> 6, bits << left >> over)
    runs = np.flatnonzero(shift < 0)
    _or_into(words, (start[runs] >> 6) + 1, bits[runs] << (64 + shift[runs]).astype(np.uint64))
    ends = np.cumsum(total + fill) // 8
    return _Stream(np.frombuffer(words.astype(">u8").tobytes(), np.uint8)[: ends[-1]], ends)


def _or_into(words: NDArray[np.uint64], where: NDArray[np.int64], bits: NDArray[np.uint64]) -> None:
    """``words[where] |= bits`` for sorted `where` with repeats."""
    if len(where):
        first = np.flatnonzero(np.diff(where, prepend=-1))
        words[where[first]] |= np.bitwise_or.reduceat(bits, first)


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def _header(
    tables: NDArray[np.integer], components: int, factor: int, size: tuple[int, int]
) -> bytes:
    """Everything before the scan's data: JFIF, quantisation, frame, Huffman tables, scan."""
    used = min(components, 2)
    out = b"\xff\xd8" + _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
    for i in range(used):
        out += _segment(0xDB, bytes([i]) + tables[i].reshape(64)[ZIGZAG].astype(np.uint8).tobytes())
    frame = b"\x08" + size[0].to_bytes(2, "big") + size[1].to_bytes(2, "big") + bytes([components])
    scan = bytes([components])
    for i in range(components):
        sampling = factor if i == 0 else 1
        frame += bytes((i + 1, sampling << 4 | sampling, min(i, 1)))
        scan += bytes((i + 1, 0x11 * min(i, 1)))
    out += _segment(0xC0, frame)
    for i in range(used):
        for kind, name in ((0x00, f"DC{i}"), (0x10, f"AC{i}")):
            counts, symbols = _TABLES[name]
            out += _segment(0xC4, bytes([kind | i]) + bytes(counts) + symbols)
    return out + _segment(0xDA, scan + b"\x00\x3f\x00")


def write(
    planes: Sequence[NDArray[np.integer]],
    tables: NDArray[np.integer],
    size: tuple[int, int],
    factor: int = 1,
) -> list[bytes]:
    """Whole baseline JPEG files, byte for byte those of libjpeg-turbo with default tables.

    `planes` are the quantised coefficients of one component (gray) or three (Y, Cb, Cr), each of
    shape (images, 64, rows, columns): channel ``8 * v + u`` has vertical frequency ``v`` and
    horizontal frequency ``u``. `tables` are the steps of luma and chroma, row-major; `size` the
    height and width in pixels; `factor` 1, or 2 for 4:2:0.

    >>> zero = np.zeros((1, 64, 1, 1), np.int16)
    >>> write([zero], np.ones((2, 64), int), (8, 8))[0][:4].hex()
    'ffd8ffe0'
    """
    stream = _pack(_in_scan_order(planes, factor))
    header = _header(np.asarray(tables), len(planes), factor, size)
    files, start = [], 0
    for end in stream.ends:
        data = stream.data[start:end].tobytes().replace(b"\xff", b"\xff\x00")
        files.append(header + data + b"\xff\xd9")
        start = end
    return files


def lengths(
    planes: Sequence[NDArray[np.integer]], size: tuple[int, int], factor: int = 1
) -> NDArray[np.int64]:
    """Sizes in bytes of the files that `write` would make, without making them.

    >>> zero = np.zeros((1, 64, 1, 1), np.int16)
    >>> int(lengths([zero], (8, 8))[0]) == len(write([zero], np.ones((2, 64), int), (8, 8))[0])
    True
    """
    stream = _pack(_in_scan_order(planes, factor))
    stuffed = np.concatenate([[0], np.cumsum(stream.data == 0xFF)])
    data = np.diff(stream.ends, prepend=0) + np.diff(stuffed[stream.ends], prepend=0)
    header = _header(np.ones((2, 64), int), len(planes), factor, size)
    return np.asarray(data + len(header) + 2, dtype=np.int64)
