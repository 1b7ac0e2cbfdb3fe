"""Walks through a folder, and finds the file that a table means, however its name is spelled."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from analysis.reading.untrusted import shown
from analysis.recordings.items import LeftOut, plain, text_of
from analysis.recordings.layouts import Parts, fold_of, is_litter
from analysis.recordings.tables import Row


@dataclass(frozen=True)
class File:
    """A file, and its path relative to the data folder in parts, as text."""

    path: Path
    parts: Parts

    @property
    def text(self) -> str:
        """Its path as text."""
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        """Its path, fit to be shown."""
        return shown(self.text)


def walk(folder: Path, left_out: list[LeftOut]) -> Iterator[File]:
    """Files below a folder in order of name; every folder once, so that links cannot go round."""
    seen: set[tuple[int, int]] = set()

    def below(place: Path, parts: Parts) -> Iterator[File]:
        status = place.stat()
        name = shown("/".join(parts))
        if (status.st_dev, status.st_ino) in seen:
            left_out.append(LeftOut(name, "a link to a folder that is listed already"))
            return
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(place), key=lambda entry: text_of(entry.name))
        except PermissionError:
            if place == folder:
                raise
            left_out.append(LeftOut(name, "not readable: permission denied"))
            return
        for entry in entries:
            text = text_of(entry.name)
            if is_litter(text):
                continue
            if _is_folder(entry):
                yield from below(place / entry.name, (*parts, text))
            else:
                yield File(place / entry.name, (*parts, text))

    yield from below(folder, ())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


class Names:
    """Finds the file that a table means, however its name is spelled."""

    def __init__(self, folder: Path, usable: Sequence[File]) -> None:
        self.folder = folder
        self.exact = {file.parts: file for file in usable}
        self.spelled: dict[Parts, list[File]] = {}
        self.called: dict[str, list[File]] = {}
        self.respelled = self.moved = 0
        for file in usable:
            key = tuple(map(plain, file.parts))
            self.spelled.setdefault(key, []).append(file)
            self.called.setdefault(key[-1], []).append(file)

    def file(self, row: Row, places: Sequence[Parts]) -> File | str:
        """Return the file that a row names, seen from one of the places; or why there is none."""
        name = row.file
        if PurePosixPath(name).is_absolute() or re.match(r"[A-Za-z]:|\\\\", name):
            return "its path leads out of the data folder; it is not opened"
        for text in dict.fromkeys((name, name.replace("\\", "/"))):
            parts = PurePosixPath(text).parts
            if ".." in parts:
                return "its path leads out of the data folder; it is not opened"
            found = self._near(parts, places) or self._anywhere(parts, row.group)
            if found:
                return found
        return ""

    def _near(self, parts: Parts, places: Sequence[Parts]) -> File | str:
        for place in places:
            if found := self.exact.get((*place, *parts)):
                return found
        for place in places:
            alike = self.spelled.get(tuple(map(plain, (*place, *parts))), [])
            if len(alike) > 1:  # which differ by case, then
                composed = _composed((*place, *parts))
                alike = [file for file in alike if _composed(file.parts) == composed] or alike
            if len(alike) > 1:
                return "several files differ from it only by letter case or Unicode form"
            if alike:
                self.respelled += 1
                return alike[0]
        for place in places:  # what is hidden, or of no kind that is read, is told apart by opening
            if found := self._on_disk((*place, *parts)):
                return found
        return ""

    def _anywhere(self, parts: Parts, group: str) -> File | str:
        """Look for the end of a path; of several, for the one in the row's fold."""
        if not parts:
            return ""
        key = tuple(map(plain, parts))
        alike = [
            file
            for file in self.called.get(key[-1], [])
            if tuple(map(plain, file.parts[-len(key) :])) == key
        ]
        if len(alike) > 1:
            alike = [f for f in alike if group and group in map(fold_of, f.parts)] or alike
        if len(alike) > 1:
            return f"{len(alike)} files are called that; name their folders too"
        if alike:
            self.moved += 1
            return alike[0]
        return ""

    def _on_disk(self, parts: Parts) -> File | None:
        try:
            path = self.folder.joinpath(*parts)
            return File(path, parts) if parts and path.is_file() else None
        except (OSError, ValueError):  # too long, zero bytes, letters that the locale lacks
            return None


def _composed(parts: Parts) -> Parts:
    return tuple(unicodedata.normalize("NFC", part) for part in parts)
