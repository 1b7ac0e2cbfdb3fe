"""Reads ``.npy`` and ``.npz``, and judges what their values are: decibels, amplitudes, levels.

An array does not say what it holds. `judge` goes by the distribution of all values of a set:
spectra are sparse, so that amplitudes lie near zero but for a few; on a logarithmic scale, they
spread over their range. What is a guess is told with the option that overrules it.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.reading.decoding import Unusable

Floats = NDArray[np.float32]

#: What values may be. Levels are any logarithmic scale but decibels: 0…1, 0…255, standard scores.
Scale = Literal["decibels", "amplitude", "power", "levels"]
SCALES: tuple[Scale, ...] = get_args(Scale)

#: Levels, lowest to highest, are taken for so many decibels.
LEVELS_DB = 80.0

#: Mean, as a share of the largest value: above the first, values are logarithmic, below the second
#: they are not. Measured on speech, tones and noise; noise lies between.
EVEN, SPARSE = 0.38, 0.06

#: Range of signed values, and largest of positive ones, that decibels have.
_DECIBELS_SPAN, _DECIBELS_HIGH = 20.0, (20.0, 130.0)

#: Amplitudes that span more decibels than samples of 24 bits can are powers.
_POWER_SPAN = 150.0

#: Share of the values that may overshoot zero, and how far, as a share of the largest.
_OVERSHOOTS, _OVERSHOOT = 0.01, 0.05

#: Most arrays that one ``.npz`` may hold beside the spectrogram.
_MOST_MEMBERS = 100


# --- reading ---------------------------------------------------------------------------------


def shape(path: Path) -> tuple[int, int]:
    """Rows and columns of an array, from its header; axes of length 1 are dropped."""
    with _stream(path) as stream:
        return _plain(_header(stream)[0])


def values(path: Path) -> Floats:
    """Values of an array; complex ones by their magnitude, minus infinity as the lowest value.

    The file's `shape` has been looked at, and is not too large. Unusable if there are fewer bytes
    than the header says.
    """
    with _stream(path) as stream:
        whole, fortran, dtype = _header(stream)
        wanted = math.prod(whole) * dtype.itemsize
        content = stream.read(wanted)
    if len(content) < wanted:
        raise Unusable(f"damaged: {len(content):,} bytes of {wanted:,} are there")
    found = np.frombuffer(content, dtype).reshape(whole, order="F" if fortran else "C")
    found = found.reshape(_plain(whole))
    found = np.abs(found) if dtype.kind == "c" else found
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is told
        result = np.array(found, np.float32)
    silent = np.isneginf(result)  # the logarithm of zero
    if silent.any() and not silent.all():
        result[silent] = result[~silent].min()
    return result


def _plain(whole: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns, without axes that say nothing."""
    sides = tuple(side for side in whole if side != 1) if len(whole) > 2 else whole
    if len(sides) != 2:
        raise Unusable(
            f"has the shape {whole}; a spectrogram has rows and columns: save each one, or each "
            "channel, as an array of its own"
        )
    return int(sides[0]), int(sides[1])


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    """Open the bytes of a ``.npy``, or of the one spectrogram in a ``.npz``."""
    if path.suffix.lower() == ".npy":
        with path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise Unusable(f"holds {len(members):,} arrays; one is needed")
        wide = members if len(members) == 1 else [m for m in members if _is_wide(archive, m)]
        if len(wide) != 1:
            names = ", ".join(shown_member(m) for m in (wide or members)[:4])
            raise Unusable(
                f"holds {len(wide or members)} arrays ({names}); one of two axes is needed"
            )
        with archive.open(wide[0]) as stream:  # gives no more than the size it declares
            yield stream


def shown_member(member: zipfile.ZipInfo) -> str:
    """Name of an array in an archive, fit to be shown."""
    stem = PurePosixPath(member.filename).stem
    return "".join(c if c.isprintable() else "\ufffd" for c in stem)[:40]


def _is_wide(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Tell whether a member has two axes that are longer than 1."""
    with archive.open(member) as stream:
        version = stream.read(len(np.lib.format.MAGIC_PREFIX))
    if version != np.lib.format.MAGIC_PREFIX:
        return False
    with archive.open(member) as stream:
        return sum(side != 1 for side in _shape_and_type(stream)[0]) >= 2


def _shape_and_type(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of an array; nothing else is read."""
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0}
    reader = readers.get(version, np.lib.format.read_array_header_2_0)
    return reader(stream)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """As `_shape_and_type`, of numbers only."""
    whole, fortran, dtype = _shape_and_type(stream)
    if dtype.hasobject:
        raise Unusable("holds Python objects, which are never unpickled: save numbers")
    if dtype.kind not in "fiucb":
        raise Unusable(f"holds values of type {dtype}, not numbers")
    return whole, fortran, dtype


# --- judging ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judgement:
    """What values are taken for, and why; whether they could well be something else."""

    scale: Scale
    why: str
    doubtful: bool = False


def judge(planes: Floats) -> Judgement:
    """Judge what the values of a whole set are by their distribution, in whatever order.

    >>> sound = np.random.default_rng(0).random(1000) ** 5
    >>> judge(sound).scale, judge(80 + 20 * np.log10(sound)).scale, judge(sound**0.5 - 0.2).scale
    ('amplitude', 'decibels', 'levels')
    """
    found = np.sort(np.asarray(planes, np.float32), axis=None)
    low, high = float(found[0]), float(found[-1])
    if _signed(found):
        if high - low >= _DECIBELS_SPAN:
            return Judgement("decibels", "some lie below zero")
        return Judgement("levels", f"they lie from {low:.3g} to {high:.3g}", True)
    top = float(found[int(0.999 * (len(found) - 1))])
    even = float(np.maximum(found, 0).mean(dtype=np.float64) / top) if top > 0 else 0.0
    like_decibels = _DECIBELS_HIGH[0] <= top <= _DECIBELS_HIGH[1]
    spread = f"they spread evenly from {max(low, 0):.3g} to {high:.3g}"
    if even >= EVEN:
        return Judgement("decibels" if like_decibels else "levels", spread, True)
    if even > SPARSE and like_decibels:
        return Judgement("decibels", f"they go up to {high:.3g}", True)
    sounding = found[found > 0]
    if sounding.size and 20 * math.log10(high / np.quantile(sounding, 0.05)) > _POWER_SPAN:
        return Judgement("power", "as amplitudes they would span more than sound does", True)
    return Judgement("amplitude", "most lie near zero", even > SPARSE)


def _signed(planes: Floats) -> bool:
    """Tell whether values lie below zero in earnest, and do not just overshoot it."""
    low, high = float(planes.min()), float(planes.max())
    return float((planes < 0).mean()) > _OVERSHOOTS or low < -_OVERSHOOT * max(high, 0.0)


def in_amplitudes_or_decibels(planes: Floats, scale: Scale) -> tuple[Floats, bool]:
    """Bring values to amplitudes, or to decibels; and say whether they are decibels.

    `scale` is what they are: "decibels", "amplitude", "power" or "levels". If more than overshoots
    lies below zero in amplitudes or powers: ValueError.
    """
    if scale == "decibels":
        return planes, True
    if scale == "levels":
        low, high = planes.min(), planes.max()
        return np.asarray((planes - low) * (LEVELS_DB / (high - low)) - LEVELS_DB, np.float32), True
    if _signed(planes):
        raise ValueError("values below zero")
    above = np.maximum(planes, 0)
    return (np.sqrt(above) if scale == "power" else above), False
