"""Readers of what others made: each takes any bytes, and gives a result or a sentence.

Shared by the tests (`test_readers`) and the coverage-guided fuzzer (``python -m tests.fuzz``).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from analysis.reading import clips, untrusted
from analysis.recordings import listing
from analysis.sound import archives, datasets
from analysis.uncolouring import coefficients

FRONTS = {
    "audio": untrusted.FrontEnd("audio", rate=8000, samples=4000, size=(16, 16)),
    "arrays": untrusted.FrontEnd("arrays", size=(4, 4)),
    "images": untrusted.FrontEnd("images", size=(4, 4), colormap="viridis"),
}


def _read(folder: Path, content: bytes, suffix: str) -> None:
    path = folder / f"file{suffix}"
    path.write_bytes(content)
    kind = untrusted.SUFFIXES[suffix]
    try:
        front = replace(FRONTS[kind], source=untrusted.survey(path).size)
        if kind == "audio":
            (found,) = clips.read_sounds([path], front)
        else:
            found = untrusted.read(path, front)
    except untrusted.Unusable as reason:
        found = reason
    if isinstance(found, untrusted.Unusable):
        assert 0 < len(str(found)) < 400 and "\n" not in str(found)
    else:
        assert found.planes.shape[1:] == front.size
        assert np.isfinite(found.planes).all()


def _coefficients(folder: Path, content: bytes) -> None:
    try:
        found: object = coefficients.read(content)
    except coefficients.UnreadJPEG as reason:
        found = reason
    if isinstance(found, coefficients.UnreadJPEG):
        assert 0 < len(str(found)) < 200 and "\n" not in str(found)
    else:
        assert isinstance(found, coefficients.Coefficients)
        assert len(found.planes) == len(found.steps) and all(step.all() for step in found.steps)


def _table(above: Path, content: bytes, suffix: str) -> None:
    folder = above / f"table{suffix}"
    folder.mkdir(exist_ok=True)
    for label in ("a", "b"):
        (folder / f"{label}.wav").write_bytes(b"")
    (folder / f"metadata{suffix}").write_bytes(content)
    try:
        found = listing.find(folder)
    except listing.DataError:
        return
    for item in found.items:
        assert item.path.resolve().is_relative_to(folder.resolve())


def _archive(folder: Path, content: bytes, suffix: str) -> None:
    path = folder / f"archive{suffix}"
    path.write_bytes(content)
    try:
        members = list(archives._members("spoken-digits", path, {"recordings/0_jackson_0.wav"}))
    except datasets.DataUnavailable:
        return
    assert all(len(data) <= archives._LARGEST_MEMBER for _, data in members)


def _wav(format: str) -> bytes:
    stream = io.BytesIO()
    tone = np.sin(np.arange(3000) / 5).astype(np.float32)
    soundfile.write(stream, tone, 8000, format=format)
    return stream.getvalue()


def _npy(compressed: bool | None = None) -> bytes:
    stream = io.BytesIO()
    array = np.arange(96, dtype=np.float32).reshape(8, 12)
    if compressed is None:
        np.save(stream, array)
    else:
        (np.savez_compressed if compressed else np.savez)(stream, array)
    return stream.getvalue()


def _picture(format: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.arange(288, dtype=np.uint16).astype(np.uint8).reshape(8, 12, 3)
    Image.fromarray(pixels).save(stream, format)
    return stream.getvalue()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/recordings/0_jackson_0.wav", bytes(500))
    return stream.getvalue()


#: A whole file of each kind, and what reads it.
TARGETS: dict[str, tuple[bytes, Callable[[Path, bytes], None]]] = {
    "wav": (_wav("WAV"), lambda folder, content: _read(folder, content, ".wav")),
    "flac": (_wav("FLAC"), lambda folder, content: _read(folder, content, ".flac")),
    "mp3": (_wav("MP3"), lambda folder, content: _read(folder, content, ".mp3")),
    "ogg": (_wav("OGG"), lambda folder, content: _read(folder, content, ".ogg")),
    "npy": (_npy(), lambda folder, content: _read(folder, content, ".npy")),
    "npz": (_npy(True), lambda folder, content: _read(folder, content, ".npz")),
    "coefficients": (_picture("JPEG"), _coefficients),
    "png": (_picture("PNG"), lambda folder, content: _read(folder, content, ".png")),
    "jpeg": (_picture("JPEG"), lambda folder, content: _read(folder, content, ".jpg")),
    "webp": (_picture("WEBP"), lambda folder, content: _read(folder, content, ".webp")),
    "tiff": (_picture("TIFF"), lambda folder, content: _read(folder, content, ".tif")),
    "gif": (_picture("GIF"), lambda folder, content: _read(folder, content, ".gif")),
    "bmp": (_picture("BMP"), lambda folder, content: _read(folder, content, ".bmp")),
    "csv": (
        b"file,label,split\na.wav,x,train\nb.wav,y,test\n../c.wav,=1+1,train\n",
        lambda folder, content: _table(folder, content, ".csv"),
    ),
    "jsonl": (
        b'{"file_name": "a.wav", "label": "x"}\n{"file_name": "../b.wav", "label": 2}\n',
        lambda folder, content: _table(folder, content, ".jsonl"),
    ),
    "zip": (_zip(), lambda folder, content: _archive(folder, content, ".zip")),
}
