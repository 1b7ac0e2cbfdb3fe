"""The quantised coefficients that a JPEG file holds: a reader of baseline files (ITU-T T.81).

Pillow gives pixels, which have lost what the file says: in which cell of the quantisation each
coefficient lay. Only what spectrograms are saved as is read: gray or Y, Cb, Cr, one scan, Huffman.
Everything else is refused in one sentence. `analysis.jpeg.huffman` writes what this reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.jpeg.huffman import ZIGZAG

#: Blocks of 8 × 8 of one file that are decoded; more is refused before anything is.
MOST_BLOCKS = 2**14


class UnreadJPEG(ValueError):
    """The file's coefficients cannot be read; the text is the reason."""


@dataclass(frozen=True)
class Coefficients:
    """What a baseline file holds."""

    #: (rows of blocks, columns of blocks, 8, 8); quantised coefficients of one (gray) or three (Y,
    #: Cb, Cr) components; vertical frequency first. Blocks that only fill a unit up are left out.
    planes: tuple[NDArray[np.int16], ...]
    steps: tuple[NDArray[np.int64], ...]  # (8, 8); quantisation table of each component
    size: tuple[int, int]  # rows and columns of the picture, in pixels
    factor: tuple[int, int]  # rows and columns of luma for one of chroma: (2, 2) is 4:2:0


@dataclass
class _Header:
    steps: dict[int, NDArray[np.int64]]
    codes: dict[int, list[int]]
    components: list[tuple[int, int, int, int]]  # identifier, rows, columns, quantisation table
    size: tuple[int, int] = (0, 0)
    restart: int = 0


def read(content: bytes) -> Coefficients:
    """Read the coefficients of a whole baseline JPEG file, gray or in colour.

    UnreadJPEG if it is progressive, damaged, too large, or not of the kinds that are read.

    >>> from analysis.jpeg import files
    >>> found = read(files.encode(np.full((8, 16), 130, np.uint8), "JPEG", quality=100))
    >>> found.size, found.planes[0][0, :, 0, 0].tolist()
    ((8, 16), [16, 16])
    """
    try:
        return _read(content)
    except (IndexError, KeyError, ValueError) as problem:
        if isinstance(problem, UnreadJPEG):
            raise
        raise UnreadJPEG("the JPEG is damaged or incomplete") from problem


def _read(content: bytes) -> Coefficients:
    if content[:2] != b"\xff\xd8":
        raise UnreadJPEG("no JPEG: it does not begin as one")
    header = _Header({}, {}, [])
    place = 2
    while True:
        if content[place] != 0xFF:
            raise UnreadJPEG("the JPEG is damaged or incomplete")
        marker = content[place + 1]
        if marker == 0xFF:  # filling
            place += 1
            continue
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        body = content[place + 4 : place + 2 + length]
        place += 2 + length
        if length < 2 or len(body) < length - 2:
            raise UnreadJPEG("the JPEG is damaged or incomplete")
        if marker == 0xDA:
            return _of_scan(header, body, content[place:])
        _segment(header, marker, body)


def _segment(header: _Header, marker: int, body: bytes) -> None:
    """Take over what a segment before the scan says."""
    if marker == 0xDB:
        while body:
            wide = body[0] >> 4
            values = np.frombuffer(body[1 : 65 + 64 * wide], ">u2" if wide else np.uint8)
            table = np.empty(64, np.int64)
            table[ZIGZAG] = values
            if not table.all():
                raise UnreadJPEG("the JPEG is damaged: a quantisation step of 0")
            header.steps[body[0] & 15] = table.reshape(8, 8)
            body = body[65 + 64 * wide :]
    elif marker == 0xC4:
        while body:
            counts = body[1:17]
            header.codes[body[0]] = _lookup(counts, body[17 : 17 + sum(counts)])
            body = body[17 + sum(counts) :]
    elif marker in (0xC0, 0xC1):
        _frame(header, body)
    elif 0xC2 <= marker <= 0xCF and marker != 0xCC:
        raise UnreadJPEG("the JPEG is progressive or of another kind than baseline")
    elif marker == 0xDD:
        header.restart = int.from_bytes(body[:2], "big")
    elif marker == 0xEE and body[:5] == b"Adobe" and body[11] != 1 and len(header.components) != 1:
        raise UnreadJPEG("the JPEG's colours are not Y, Cb, Cr")


def _frame(header: _Header, body: bytes) -> None:
    rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if body[0] != 8 or not rows or not columns:
        raise UnreadJPEG("the JPEG has not 8 bits, or no size")
    if body[5] not in (1, 3):
        raise UnreadJPEG(f"the JPEG has {body[5]} components; gray and colour are read")
    header.size = rows, columns
    for i in range(body[5]):
        identifier, sampling, table = body[6 + 3 * i : 9 + 3 * i]
        header.components.append((identifier, sampling & 15, sampling >> 4, table))
    factors = [part[1:3] for part in header.components]
    if len(factors) == 1:
        header.components = [(*header.components[0][:1], 1, 1, header.components[0][3])]
    elif factors[0] not in ((1, 1), (2, 2), (1, 2)) or factors[1:] != [(1, 1), (1, 1)]:
        raise UnreadJPEG("the JPEG's colours are not 4:4:4, 4:2:2 or 4:2:0")
    if rows * columns > 64 * MOST_BLOCKS:
        raise UnreadJPEG(f"the JPEG has more than {MOST_BLOCKS:,} blocks")


def _lookup(counts: bytes, symbols: bytes) -> list[int]:
    """Tell what 16 bits begin with: 256 times the code's length plus its symbol; -1: no code."""
    table: list[int] = []
    used = 0
    for length, count in enumerate(counts, start=1):
        for symbol in symbols[used : used + count]:
            table += [length << 8 | symbol] * (1 << (16 - length))
        used += count
    if len(table) > 1 << 16 or len(symbols) < used:
        raise UnreadJPEG("the JPEG is damaged: more codes than there can be")
    return table + [-1] * ((1 << 16) - len(table))


def _of_scan(header: _Header, body: bytes, data: bytes) -> Coefficients:
    """Decode the only scan."""
    parts = header.components
    if not parts or body[0] != len(parts):
        raise UnreadJPEG("the JPEG has several scans")
    codes = []
    for i in range(len(parts)):
        choice = body[2 + 2 * i]
        codes.append((header.codes[choice >> 4], header.codes[0x10 | choice & 15]))
    down, along = parts[0][1:3]
    rows, columns = (
        -(-side // (8 * f)) for side, f in zip(header.size, (down, along), strict=True)
    )
    plan = [(i, codes[i]) for i, part in enumerate(parts) for _ in range(part[1] * part[2])]
    coded = re.split(rb"\xff[\xd0-\xd7]", data[: _end(data)])
    units = rows * columns
    every = header.restart or units
    decoded: list[list[int]] = []
    for start, segment in zip(range(0, units, every), coded, strict=False):
        decoded += _blocks(segment.replace(b"\xff\x00", b"\xff"), plan, min(every, units - start))
    if len(decoded) < units * len(plan):
        raise UnreadJPEG("the JPEG is damaged or incomplete")
    flat = np.zeros((units, len(plan), 64), np.int16)
    flat[..., ZIGZAG] = np.array(decoded, np.int64).reshape(flat.shape)
    planes, first = [], 0
    for _, high, wide, _ in parts:
        unit = flat[:, first : first + high * wide].reshape(rows, columns, high, wide, 8, 8)
        plane = unit.swapaxes(1, 2).reshape(rows * high, columns * wide, 8, 8)
        sides = [-(-side * f // (8 * m)) for side, f, m in
                 zip(header.size, (high, wide), (down, along), strict=True)]  # fmt: skip
        planes.append(np.ascontiguousarray(plane[: sides[0], : sides[1]]))
        first += high * wide
    steps = tuple(header.steps[part[3]] for part in parts)
    return Coefficients(tuple(planes), steps, header.size, (down, along))


def _end(data: bytes) -> int:
    """Where the coded data end: at the first marker that is none of restarting."""
    found = re.search(rb"\xff[^\x00\xd0-\xd7\xff]", data)
    return found.start() if found else len(data)


Plan = list[tuple[int, tuple[list[int], list[int]]]]


def _blocks(data: bytes, plan: Plan, units: int) -> list[list[int]]:
    """Decode the blocks of some units, in zigzag order."""
    data += bytes(16)
    stop = len(data) - 8
    bits, have, place = 0, 0, 0
    before = [0, 0, 0]
    found = []
    for _ in range(units):
        for component, (dc, ac) in plan:
            block = [0] * 64
            k = 0
            while k < 64:
                if have < 32:
                    bits = (bits & ((1 << have) - 1)) << 32 | int.from_bytes(
                        data[place : place + 4], "big"
                    )
                    place += 4
                    have += 32
                    if place > stop:
                        raise UnreadJPEG("the JPEG is damaged or incomplete")
                code = (ac if k else dc)[bits >> (have - 16) & 0xFFFF]
                if code < 0:
                    raise UnreadJPEG("the JPEG is damaged: bits that are no code")
                have -= code >> 8
                size = code & 15
                if k:
                    if not size and code & 0xFF != 0xF0:
                        break
                    k += code >> 4 & 15
                    if k > 63:
                        raise UnreadJPEG("the JPEG is damaged: a block of more than 64")
                have -= size
                value = bits >> have & ((1 << size) - 1)
                if size and not value >> (size - 1):
                    value -= (1 << size) - 1
                if not k:
                    value += before[component]
                    before[component] = value
                    if not -4096 <= value <= 4096:
                        raise UnreadJPEG("the JPEG is damaged: a coefficient out of range")
                block[k] = value
                k += 1
            found.append(block)
    return found
