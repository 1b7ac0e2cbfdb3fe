"""What a listing of a folder is made of."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path


class DataError(Exception):
    """No report can be made of a folder; the text says why and what to do."""


@dataclass(frozen=True)
class Item:
    """One file and what it is said to be."""

    path: Path  # where it is
    name: str  # relative to the data folder, fit to be shown
    #: label, group, split: class; speaker, device or site ("" if unknown); "train", "test" or ""
    label: str
    group: str = ""
    split: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a folder holds."""

    items: tuple[Item, ...]  # in order of name
    left_out: tuple[LeftOut, ...] = ()  # files that are not even opened
    notes: tuple[str, ...] = ()  # what the reader should know


def counted(count: int, noun: str) -> str:
    """Say how many things there are.

    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def text_of(name: str) -> str:
    """Read a name that the system gave as UTF-8, whatever the locale; other bytes stay escaped."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def plain(text: str) -> str:
    r"""Spell a name as it is compared: in Unicode's composed form (NFC) and in small letters.

    >>> plain("Zaunko\u0308nig.WAV") == "zaunk\u00f6nig.wav"
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
