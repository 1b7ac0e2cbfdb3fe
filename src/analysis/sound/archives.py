"""Archives of recordings on this machine: where they are, and what is in them, checked.

An archive is looked for in the folder named by the environment variable ``ANALYSIS_DATA_DIR``, then
in pooch's cache, and only then downloaded. Its contents are checked file by file against SHA-256
manifests in ``analysis/manifests``, and nothing of it is written to disk.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from tqdm import TqdmWarning, tqdm

_LARGEST_MEMBER = 10_000_000  # bytes; a recording of a second has 32 kB
_LARGEST_ARCHIVE = 2_000_000_000  # bytes, unpacked; the words have 200 MB

#: What reading a damaged archive can raise.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    LookupError,
    RuntimeError,
)


class DataUnavailable(RuntimeError):
    """A data set is absent or damaged; the text says which file and what to do."""


@dataclass(frozen=True)
class Source:
    """Where a set comes from."""

    #: name, and who to credit
    title: str
    citation: str
    licence: str  # as the source states it
    url: str  # where the archive is; for the instruments, the project that ships the soundfont
    archive: str  # file name of the archive in ``ANALYSIS_DATA_DIR`` or in the cache


_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"

#: Source of every set.
SOURCES = MappingProxyType(
    {
        "instruments": Source(
            "TimGM6mb, a General MIDI soundfont of sampled instruments",
            "Tim Brechbill",
            "GPL-2.0",
            "https://github.com/craffel/pretty-midi",
            "TimGM6mb.sf2",
        ),
        "spoken-digits": Source(
            "Free Spoken Digit Dataset",
            "Zohar Jackson and contributors",
            "CC BY-SA 4.0",
            f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{_COMMIT}.zip",
            f"free-spoken-digit-dataset-{_COMMIT}.zip",
        ),
        "spoken-words": Source(
            "Speech Commands v0.02, official test set",
            "Pete Warden and Google",
            "CC BY 4.0",
            "https://storage.googleapis.com/download.tensorflow.org/data/"
            "speech_commands_test_set_v0.02.tar.gz",
            "speech_commands_test_set_v0.02.tar.gz",
        ),
    }
)


def cache_folder() -> Path:
    """Folder of what was downloaded or rendered."""
    return Path(_pooch().os_cache("coloured-spectrogram"))


def _pooch() -> Any:
    """Import pooch without the remark of its progress bar that a notebook has no widgets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        import pooch
    return pooch


def locate(name: str) -> Path | None:
    """Path of an archive on this machine, or ``None``. No network."""
    source = SOURCES[name]
    folder = os.environ.get("ANALYSIS_DATA_DIR")
    folders = [Path(folder).expanduser()] if folder else []
    names = (source.archive, source.url.rsplit("/", 1)[1])
    for candidate in (place / file for place in [*folders, cache_folder()] for file in names):
        if candidate.is_file():
            return candidate.resolve()
    return None


def download(name: str) -> Path:
    """Path of an archive in pooch's cache, downloaded."""
    source = SOURCES[name]
    try:
        downloaded = _pooch().retrieve(
            source.url,
            known_hash=None,  # archives are packed anew; their contents are checked instead
            fname=source.archive,
            path=cache_folder(),
            progressbar=tqdm(total=0, desc=source.archive, disable=None, unit="B", unit_scale=True),
        )
    except Exception as problem:  # requests, urllib3, OSError: whatever the network raises
        why = problem.strerror if isinstance(problem, OSError) else None
        raise DataUnavailable(remedy(name, why)) from problem
    return Path(downloaded)


def remedy(name: str, why: str | None = None) -> str:
    """Say how to get a set, and perhaps why it could not be downloaded."""
    source = SOURCES[name]
    if name == "instruments":
        return (
            "The instruments need the soundfont that pretty-midi ships, and a synthesiser: run "
            "`pip install pretty-midi` and `pip install --no-deps tinysoundfont`."
        )
    where = f" to {cache_folder()} ({why})" if why else ""
    return (
        f"{source.title} is not on this machine and could not be downloaded{where}. Download "
        f"{source.url} to a folder, as {source.archive}, and set the environment variable "
        "ANALYSIS_DATA_DIR to that folder."
    )


def recordings(name: str, path: Path) -> Mapping[str, NDArray[np.int16]]:
    """Every recording of an archive as int16 samples, checked against the manifest."""
    return _read_checked(name, path, path.stat().st_mtime_ns)


@cache
def _read_checked(name: str, path: Path, _mtime: int) -> Mapping[str, NDArray[np.int16]]:
    expected = _manifest(name)
    sounds: dict[str, NDArray[np.int16]] = {}
    for member, content in _members(name, path, set(expected)):
        if hashlib.sha256(content).hexdigest() != expected[member]:
            raise _damaged(name, path, f"{member} differs from the manifest")
        samples, _ = soundfile.read(io.BytesIO(content), dtype="int16")
        sounds[member] = samples
    absent = sorted(set(expected) - set(sounds))
    if absent:
        raise _damaged(name, path, f"{len(absent)} files are missing, first {absent[0]}")
    return sounds


@cache
def _manifest(name: str) -> Mapping[str, str]:
    """SHA-256 of each recording, by its path in the archive's folder."""
    text = (files("analysis") / "manifests" / f"{name}.sha256").read_text("utf-8")
    rows = (line.split("  ", 1) for line in text.splitlines())
    return MappingProxyType({member: digest for digest, member in rows})


def _members(name: str, path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the wanted members. Nothing is written to disk."""
    read = _zip_members if path.suffix == ".zip" else _tar_members
    unpacked = 0
    try:
        for member, size, content in read(path):
            unpacked += size
            if unpacked > _LARGEST_ARCHIVE:
                raise _damaged(name, path, f"it unpacks to more than {_LARGEST_ARCHIVE:,} bytes")
            relative = _relative(name, member)
            if relative is None:
                raise _damaged(name, path, f"it has a member outside its folder, {member!r}")
            if relative in wanted and size <= _LARGEST_MEMBER:
                yield relative, content()
    except DataUnavailable:
        raise
    except _UNREADABLE as problem:
        raise _damaged(name, path, f"it cannot be read: {problem}") from problem


def _relative(name: str, member: str) -> str | None:
    """Path of a member as the manifest has it; ``None`` if it leaves the archive's folder."""
    path = PurePosixPath(member.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        return None
    parts = path.parts[1:] if name == "spoken-digits" else path.parts  # GitHub adds a folder
    return "/".join(parts)


def _zip_members(path: Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, partial(archive.read, info)


def _tar_members(path: Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            stream = archive.extractfile(info) if info.isfile() else None
            if stream is not None:
                yield info.name, info.size, stream.read


def _damaged(name: str, path: Path, why: str) -> DataUnavailable:
    return DataUnavailable(
        f"{SOURCES[name].title}: the archive {path} is damaged ({why}). "
        f"Delete it and run again, or put a good copy from {SOURCES[name].url} in its place."
    )
