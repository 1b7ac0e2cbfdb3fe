"""Decodes sound to the end of its file: no count of samples in a header is believed.

Headers do not know how long a recording is. FLAC that came through a pipe says 0. Many an MP3 has
no count at all, and readers guess it from the file's size: too long where a tag holds a cover, too
short where the bit rate varies. `measured` decodes a file and counts, `loudest` decodes it and
keeps the loudest stretch; memory holds that stretch and no more.

libsndfile opens every file and says what it is. It decodes all but MP3 and FLAC, of which it reads
no more than the header claims; those two miniaudio decodes frame by frame.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import miniaudio
import numpy as np
import soundfile
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Longest recording in hours, most channels, and most samples of all channels together.
MOST_HOURS, MOST_CHANNELS, MOST_SAMPLES = 4, 32, 2_000_000_000

#: Frames that are decoded at a time.
BLOCK = 16_384

_PARTS = 4  # of a stretch: it begins at multiples of a part, when the loudest is looked for

#: Encodings of one size a sample: of these, libsndfile checks the count against the file's size.
_PLAIN = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_S8", "PCM_U8", "ULAW", "ALAW")

#: Samples by which a decoder of MP3 is late: what it adds at the start is no padding at the end.
_MP3_DELAY = 529


_NOTHING = "damaged: not one sample of it can be decoded"


class Unusable(Exception):
    """A file cannot be used; the text is the reason."""


@dataclass(frozen=True)
class Sound:
    """A sound that is being decoded: rate in Hz, channels, blocks (n, channels) to its end."""

    rate: int
    channels: int
    blocks: Iterator[Floats]
    counted: int | None  # samples of a channel, where the file's size tells


@contextmanager
def opened(path: Path) -> Iterator[Sound]:
    """Open a sound file; its blocks are decoded as they are asked for, to the end of the file."""
    with path.open("rb") as stream, by_libsndfile(path) as sound:
        if sound.channels > MOST_CHANNELS:
            raise Unusable(f"has {sound.channels} channels; at most {MOST_CHANNELS} are read")
        form = {"FLAC": miniaudio.FileFormat.FLAC, "MP3": miniaudio.FileFormat.MP3}
        known = form.get(sound.format)
        blocks = _by_miniaudio(stream, sound, known) if known else _read(sound)
        blocks = _bounded(blocks, sound.samplerate, sound.channels)
        counted = sound.frames if sound.subtype in _PLAIN and not known else None
        yield Sound(sound.samplerate, sound.channels, blocks, counted)


def by_libsndfile(path: Path) -> soundfile.SoundFile:
    """Open a sound file of any name for what libsndfile knows of it."""
    try:
        return soundfile.SoundFile(os.fsencode(path))  # the locale may lack letters of the name
    except soundfile.LibsndfileError as problem:
        if "unimplemented" not in problem.error_string:
            raise
        raise Unusable(
            "holds samples of a type that is not read (64-bit integers, or a codec of its own): "
            "save it as 16-bit or float WAV"
        ) from None


def _read(sound: soundfile.SoundFile) -> Iterator[Floats]:
    while len(block := sound.read(BLOCK, dtype="float32", always_2d=True)):
        yield block


def _bounded(blocks: Iterator[Floats], rate: int, channels: int) -> Iterator[Floats]:
    """Stop at what decodes for ever: kilobytes of FLAC can hold days of silence."""
    most, count = min(MOST_HOURS * 3600 * rate, MOST_SAMPLES // channels), 0
    for block in blocks:
        count += len(block)
        if count > most:
            raise Unusable(f"goes on for more than {most / rate / 3600:.3g} h: cut it")
        yield block


def measured(path: Path) -> tuple[int, int, int]:
    """Sample rate, channels and samples of a sound, as they are found by decoding it.

    Samples of one size each (WAV, AIFF, …) are counted by the file's size, all others by decoding.
    Unusable if there are none, too many of them or too many channels; if the file is damaged,
    whatever the decoder raises.
    """
    with opened(path) as sound:
        most = MOST_HOURS * 3600 * sound.rate
        known = sound.counted is not None and sound.counted <= most
        count = sound.counted if known else sum(map(len, sound.blocks))
    if known and not count:
        raise Unusable("empty: its header says that it has no samples")
    if not count:
        raise Unusable(_NOTHING)
    return sound.rate, sound.channels, count


def loudest(blocks: Iterator[Floats], wanted: int) -> tuple[Floats, int]:
    """Decode to the end, and keep the loudest stretch of `wanted` samples; tell how many there are.

    All there is, if there is no more. Unusable if a sample is not finite.
    """
    recent: deque[Floats] = deque()
    kept: tuple[Floats, ...] = ()
    held = total = 0
    best = -1.0
    for block in _cut(blocks, -(-wanted // _PARTS)):
        check_finite(block)
        recent.append(block)
        held, total = held + len(block), total + len(block)
        while held - len(recent[0]) >= wanted:
            held -= len(recent.popleft())
        stretch = (recent[0][max(0, held - wanted) :], *list(recent)[1:])
        if held < wanted:
            kept = stretch
            continue
        energy = math.fsum(float(np.square(part, dtype=np.float64).sum()) for part in stretch)
        if total - len(block) < wanted or energy > best:
            best, kept = energy, stretch
    if not kept:
        raise Unusable(_NOTHING)
    return np.concatenate(kept), total


def _cut(blocks: Iterator[Floats], size: int) -> Iterator[Floats]:
    """Cut blocks of any length into blocks of one size."""
    waiting: list[Floats] = []
    for block in blocks:
        whole = np.concatenate([*waiting, block])
        cut = len(whole) - len(whole) % size
        yield from np.split(whole[:cut], cut // size) if cut else ()
        waiting = [whole[cut:]]
    if waiting and len(waiting[0]):
        yield waiting[0]


def check_finite(block: Floats) -> None:
    """Refuse samples that are no numbers."""
    if not np.isfinite(block).all():
        count = int((~np.isfinite(block)).sum())
        raise Unusable(f"samples that are not finite (NaN or infinite): {count:,}")


# --- MP3 and FLAC ----------------------------------------------------------------------------


class _Bytes(miniaudio.StreamableSource):  # type: ignore[misc]
    """Bytes of a file for miniaudio, with a few of them replaced."""

    def __init__(self, stream: BinaryIO, place: int = 0, patch: bytes = b"") -> None:
        self.stream, self.place, self.patch = stream, place, patch
        stream.seek(0)

    def read(self, num_bytes: int) -> bytes:
        """Give some bytes from where the stream stands."""
        start = self.stream.tell()
        content = self.stream.read(num_bytes)
        first, last = (
            max(self.place, start),
            min(self.place + len(self.patch), start + len(content)),
        )
        if first >= last:
            return content
        patch = self.patch[first - self.place : last - self.place]
        return content[: first - start] + patch + content[last - start :]

    def seek(self, offset: int, origin: miniaudio.SeekOrigin) -> bool:
        """Go somewhere."""
        self.stream.seek(offset, 1 if origin == miniaudio.SeekOrigin.CURRENT else 0)
        return True


def _by_miniaudio(
    stream: BinaryIO, sound: soundfile.SoundFile, form: miniaudio.FileFormat
) -> Iterator[Floats]:
    count, padding = _tag(stream) if form == miniaudio.FileFormat.MP3 else (0, 0)
    source = _Bytes(stream, count, b"\xff\xff\xff\xff" if count else b"")
    blocks = _parts(source, form, sound.channels, sound.samplerate)
    return _shortened(blocks, padding) if padding else blocks


def _parts(
    source: _Bytes, form: miniaudio.FileFormat, channels: int, rate: int
) -> Iterator[Floats]:
    """Decode block by block; a generator, for miniaudio does not keep its source alive itself."""
    options = (miniaudio.SampleFormat.FLOAT32, channels, rate, BLOCK)
    for part in miniaudio.stream_any(source, form, *options):
        yield np.frombuffer(part, np.float32).reshape(-1, channels)


def _tag(stream: BinaryIO) -> tuple[int, int]:
    """Find where an MP3's first frame claims a count (0: nowhere), and samples added at the end.

    The frame says "Xing" or "Info", four bytes of flags, and what they announce: frames, bytes, a
    table of 100 places, quality; then, 21 bytes into the encoder's own part, 12 bits of delay and
    12 of padding (gabriel.mp3-tech.org/mp3infotag.html).
    """
    head = stream.read(10)
    size = 0
    for byte in head[6:]:  # of a tag in front of it all: seven bits a byte
        size = size << 7 | byte & 127
    start = 10 + size if head[:3] == b"ID3" else 0
    stream.seek(start)
    frame = stream.read(4096)
    at = min((i for i in (frame.find(b"Xing"), frame.find(b"Info")) if i >= 0), default=-1)
    if at < 0 or at + 144 > len(frame):
        return 0, 0
    flags = frame[at + 7]
    own = at + 8 + sum(width for bit, width in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
    padding = int.from_bytes(frame[own + 22 : own + 24], "big") & 0xFFF
    return (start + at + 8 if flags & 1 else 0), max(0, padding - _MP3_DELAY)


def _shortened(blocks: Iterator[Floats], count: int) -> Iterator[Floats]:
    """All but the last samples."""
    waiting = next(blocks, np.zeros((0, 1), np.float32))
    for block in blocks:
        whole = np.concatenate([waiting, block])
        yield whole[: max(0, len(whole) - count)]
        waiting = whole[max(0, len(whole) - count) :]
    yield waiting[: max(0, len(waiting) - count)]
