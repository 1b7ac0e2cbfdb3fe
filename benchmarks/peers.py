"""Peers that are on no package registry: a few source files each, fetched, checked and imported.

Every file is pinned by the commit that last changed it and by its SHA-256. It is looked for in the
folder of the repository's name (what `git clone` makes) under the one named by the environment
variable ``ANALYSIS_DATA_DIR``, then in pooch's cache, and only then downloaded from GitHub.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType

import pooch


class PeerUnavailable(RuntimeError):
    """A peer's files are absent or other ones; the text says which and what to do."""


@dataclass(frozen=True)
class Source:
    """Where a peer comes from.

    Attributes
    ----------
    repository : str
        Owner and name on GitHub.
    licence : str
        As the repository states it. Nothing of it is copied into this one.
    files : mapping of str to (str, str)
        Commit and SHA-256 of each file.
    """

    repository: str
    licence: str
    files: Mapping[str, tuple[str, str]]

    @property
    def folder(self) -> str:
        """Name of the folder of a clone."""
        return self.repository.partition("/")[2]

    @property
    def version(self) -> str:
        """Commits of the files, shortened."""
        return " ".join(dict.fromkeys(commit[:10] for commit, _ in self.files.values()))

    def url(self, file: str) -> str:
        """Address of a file."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.files[file][0]}/{file}"

    def wrong(self, folder: Path) -> list[str]:
        """Files that a folder lacks, or has with other contents."""
        return [
            file
            for file, (_, digest) in self.files.items()
            if not (folder / file).is_file() or pooch.file_hash(str(folder / file)) != digest
        ]


#: By the name under which the peer is imported.
SOURCES = MappingProxyType(
    {
        "DiffJPEG": Source(
            "mlomnitz/DiffJPEG",
            "MIT",
            {
                "DiffJPEG.py": (
                    "668491ec0afbffcf92723a684c1a30ce9504a7e6",
                    "007710f4fb72a22fff136847e149dd01b8431b5c3c5a63ff182f17f29b018433",
                ),
                "utils.py": (
                    "8e768412e79116e80002311c8b9b15ef766631fb",
                    "ec10501025583991806f1d0620afc64501ca9f3663a6c54858c9aa51a587379d",
                ),
                "modules/__init__.py": (
                    "8e768412e79116e80002311c8b9b15ef766631fb",
                    "d522b421b3d448d06471b927417bbe5d636476a16e74e66c247fcbab74d1fdab",
                ),
                "modules/compression.py": (
                    "8e768412e79116e80002311c8b9b15ef766631fb",
                    "a070a0b0a72a765e4194610ac3a30d07e596939e58b41d4470306bdfed02bff3",
                ),
                "modules/decompression.py": (
                    "8e768412e79116e80002311c8b9b15ef766631fb",
                    "e43cdf1de358d2b6492db342a7a9eb7f4747ab6185e15e9b87c6f853cbbf7438",
                ),
            },
        ),
        "diff_jpeg": Source(
            "necla-ml/Diff-JPEG",
            # Its LICENSE is headed "BSD 2-Clause" and has the third clause too.
            "BSD-3-Clause",
            {
                "diff_jpeg/__init__.py": (
                    "9fd2fbd80d1486ff011c6783cc334061968b825c",
                    "1f623c5442c62f55520a124926e640231be5eea8f8fb53bffe6577ddd15ff400",
                ),
                "diff_jpeg/clipping.py": (
                    "5f7e8555004e50f5bc259e057a8fd2fcf61d11c9",
                    "da2c2851abeb0d1732f0c37a7d67ae367ff38303836ba24770d4cec0a97e85d0",
                ),
                "diff_jpeg/color.py": (
                    "9fd2fbd80d1486ff011c6783cc334061968b825c",
                    "9a8a3cd6ee0912b6685d65a4296fe437aff39669754e665b5a92a6ca8e64bbd7",
                ),
                "diff_jpeg/decode.py": (
                    "9fd2fbd80d1486ff011c6783cc334061968b825c",
                    "3499f5283fd84c1887628ef79f49f5d159a5fb4459cd2acc0c675bb37f154ce4",
                ),
                "diff_jpeg/encode.py": (
                    "9fd2fbd80d1486ff011c6783cc334061968b825c",
                    "c9d3401f007f18f3b5bf8a8869261e84991ce8bb83e66e9d552c7994635501da",
                ),
                "diff_jpeg/jpeg.py": (
                    "3c42934df061f8f22d249b2034ad390c158f5002",
                    "d6256d24e4a4aeeeb1643b4b47e248aa0572c5bc263883246109d97d79e4d845",
                ),
                "diff_jpeg/rounding.py": (
                    "9fd2fbd80d1486ff011c6783cc334061968b825c",
                    "e624bc7308bb1acf37bb56ba51ebde6f502809c8c2bbdd804fded422bccc964f",
                ),
                "diff_jpeg/utils.py": (
                    "9fd2fbd80d1486ff011c6783cc334061968b825c",
                    "cd49df363290de2e6d674fe7b66e8ab78c19a3349203fbd04e9e6216865004be",
                ),
            },
        ),
    }
)


def locate(name: str, *, download: bool = True) -> Path:
    """Folder with a peer's files, downloaded to pooch's cache if they are nowhere here.

    Raises
    ------
    PeerUnavailable
        If they are absent and not downloaded, or if those at hand are not the pinned ones.
    """
    source = SOURCES[name]
    given = os.environ.get("ANALYSIS_DATA_DIR")
    here = Path(given).expanduser() / source.folder if given else None
    if here is not None and here.is_dir():
        if wrong := source.wrong(here):
            raise PeerUnavailable(  # stored with the results: no path of this machine
                f"{source.folder}/{wrong[0]} in ANALYSIS_DATA_DIR is not the one pinned: take "
                f"{source.url(wrong[0])}, or remove the folder."
            )
        return here
    cached = Path(pooch.os_cache("coloured-spectrogram")) / "peers" / source.folder
    if not source.wrong(cached):
        return cached
    remedy = f"Put a clone of https://github.com/{source.repository} into ANALYSIS_DATA_DIR."
    if not download:
        raise PeerUnavailable(f"{name} is not on this machine. {remedy}")
    store = pooch.create(
        path=cached,
        base_url="",
        registry={file: f"sha256:{digest}" for file, (_, digest) in source.files.items()},
        urls={file: source.url(file) for file in source.files},
    )
    try:
        for file in source.files:
            store.fetch(file)
    except Exception as problem:  # requests, urllib3, OSError, ValueError: whatever goes wrong
        why = type(problem).__name__
        raise PeerUnavailable(f"{name} could not be downloaded ({why}). {remedy}") from problem
    return cached


@cache
def load(name: str, *, download: bool = True) -> ModuleType:
    """Import a peer from its files.

    Raises
    ------
    PeerUnavailable
        See `locate`; or if a package that it imports is missing.
    """
    folder = locate(name, download=download)
    tops = {file.partition("/")[0].removesuffix(".py") for file in SOURCES[name].files}
    try:
        with _names_of(folder, tops):
            return importlib.import_module(name)
    except ImportError as problem:
        raise PeerUnavailable(f"{name} needs {problem.name}: install it.") from problem


@contextmanager
def _names_of(folder: Path, tops: set[str]) -> Iterator[None]:
    """Let plain names, such as ``utils``, mean a folder's modules, and forget them afterwards."""

    def known() -> list[str]:
        return [module for module in sys.modules if module.partition(".")[0] in tops]

    before = {module: sys.modules.pop(module) for module in known()}
    path, written = sys.path[:], sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # the folder is the user's
    importlib.invalidate_caches()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what others import is not ours to mend
            yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, written
        for module in known():
            del sys.modules[module]
        sys.modules.update(before)
