"""Real recordings, read the same way everywhere: instruments, spoken digits, spoken words.

===================  =============================================  ===========  ================
set                  where it comes from                            classes      held out by
===================  =============================================  ===========  ================
`instruments`        soundfont that pip installs (no download)      9 families   program
`spoken_digits`      Free Spoken Digit Dataset, a GitHub archive    10 digits    speaker
`spoken_words`       Speech Commands v0.02, official test set       10 words     speaker
===================  =============================================  ===========  ================

Each returns an `AudioSet`. What is missing or damaged raises `DataUnavailable`, whose text is the
remedy. `analysis.sound.soundfont` renders the notes, `analysis.sound.archives` finds and checks the
two archives.

In a chapter::

    if datasets.available("spoken-words"):
        words = datasets.spoken_words(max_per_class=50)
    else:
        display(datasets.note("spoken-words"))     # a visible box on the page

For the build: `fetch` (downloads what is absent), `state` (a cache key), `available` (no network).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.sound import archives, soundfont
from analysis.sound.archives import SOURCES, DataUnavailable

__all__ = [
    "HELD_OUT_SPEAKERS",
    "NAMES",
    "SOURCES",
    "AudioSet",
    "DataUnavailable",
    "Note",
    "available",
    "fetch",
    "instruments",
    "note",
    "spoken_digits",
    "spoken_words",
    "state",
]

#: The three sets.
NAMES = ("instruments", "spoken-digits", "spoken-words")

#: The two speakers of the digits who are never heard in training.
HELD_OUT_SPEAKERS = ("lucas", "theo")

_TEST_PERCENT = 25  # of the speakers of the words


@dataclass(frozen=True)
class AudioSet:
    """Clips of equal length with their classes."""

    name: str  # one of `NAMES`
    #: (n, samples); in [-1, 1], mono; may be read-only. ``waveforms[i, s]`` is clip ``i`` at ``s /
    #: sample_rate`` seconds.
    waveforms: NDArray[np.float32]
    sample_rate: int  # in Hz: 16,000, or 8,000 for the digits
    labels: NDArray[np.int64]  # (n,); index into `label_names`
    label_names: tuple[str, ...]
    #: (n,); program (``"040 Violin"``) or speaker; no group is in both splits
    groups: NDArray[np.str_]
    split: NDArray[np.str_]  # (n,); ``"train"`` or ``"test"``
    #: (n,); samples of the recording itself; what follows is padding with zeros. Greater than the
    #: number of columns where the recording was cut.
    lengths: NDArray[np.int64]
    #: (n,); file name, or ``"p040-k060-v110"`` (program, key, velocity) for a note
    clips: NDArray[np.str_]
    dropped: int = 0  # silent renders that were left out

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[Any]) -> AudioSet:
        """Return the clips at `index` (integers or a mask), in that order."""
        arrays = ("waveforms", "labels", "groups", "split", "lengths", "clips")
        return replace(self, **{field: getattr(self, field)[index] for field in arrays})

    def part(self, split: str) -> AudioSet:
        """Return the clips of one split, "train" or "test"."""
        if split not in ("train", "test"):
            raise ValueError(f"split must be 'train' or 'test', not {split!r}")
        return self.take(self.split == split)

    def subset(self, max_per_class: int | None, seed: int = 0) -> AudioSet:
        """Choose at most so many clips of each class in each split, without replacement."""
        if max_per_class is None:
            return self
        return self.take(_choose(self.labels, self.split, max_per_class, seed))


def _choose(
    labels: NDArray[np.int64], split: NDArray[np.str_], max_per_class: int, seed: int
) -> NDArray[np.int64]:
    if max_per_class < 1:
        raise ValueError(f"max_per_class must be at least 1, not {max_per_class}")
    rng = np.random.default_rng(seed)
    kept = []
    for part in ("train", "test"):
        for label in np.unique(labels):
            members = np.flatnonzero((split == part) & (labels == label))
            kept.append(rng.permutation(members)[:max_per_class])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def instruments(max_per_class: int | None = None, seed: int = 0) -> AudioSet:
    """Single notes of 71 General MIDI instruments in 9 families.

    Sampled instruments of the soundfont TimGM6mb, played by TinySoundFont: the note starts with the
    clip and is held for its whole second. Rendered at 48 kHz (the synthesiser interpolates
    linearly, and would alias at 16 kHz), both channels averaged, decimated by a polyphase filter.
    Levels are left as played. The first call renders all notes (seconds) and keeps them in pooch's
    cache under a key of the soundfont, the library versions and the parameters. At most
    `max_per_class` notes of each family in each split, drawn by `seed`. Groups are programs;
    `dropped` renders had no sample above -80 dB of full scale.

    >>> notes = instruments(max_per_class=2)
    >>> notes.waveforms.shape
    (36, 16000)
    """
    waveforms, sounding, presets = soundfont.notes()
    family_of = soundfont.programs()
    plan = [plan for plan, heard in zip(soundfont.plan(), sounding, strict=True) if heard]
    names = tuple(soundfont.FAMILIES)
    labels = np.array([names.index(family_of[program]) for program, _, _ in plan], np.int64)
    held_out = soundfont.held_out_programs()
    split = np.array(["test" if program in held_out else "train" for program, _, _ in plan])
    index = np.arange(len(plan))
    if max_per_class is not None:
        index = _choose(labels, split, max_per_class, seed)
    return AudioSet(
        name="instruments",
        waveforms=waveforms[index] if max_per_class is not None else waveforms,
        sample_rate=soundfont.RATE,
        labels=labels[index],
        label_names=names,
        groups=np.array([f"{plan[i][0]:03d} {presets[plan[i][0]]}" for i in index]),
        split=split[index],
        lengths=np.full(len(index), soundfont.RATE, np.int64),
        clips=np.array([f"p{p:03d}-k{k:03d}-v{v:03d}" for p, k, v in (plan[i] for i in index)]),
        dropped=int((~sounding).sum()),
    )


def spoken_digits(max_per_class: int | None = None, seed: int = 0) -> AudioSet:
    """Free Spoken Digit Dataset: six speakers say zero to nine fifty times each.

    At 8 kHz, shorter recordings are padded with zeros to a second, longer ones cut. Groups are
    speakers; lucas and theo are the test split. `max_per_class` recordings at most of each digit in
    each split, drawn by `seed`.
    """
    labels = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

    def describe(name: str) -> tuple[int, str, bool]:
        digit, speaker, _ = PurePosixPath(name).stem.split("_")
        return int(digit), speaker, speaker in HELD_OUT_SPEAKERS

    return _speech("spoken-digits", 8_000, labels, describe, max_per_class, seed)


def spoken_words(max_per_class: int | None = None, seed: int = 0) -> AudioSet:
    """Speech Commands v0.02, official test set: ten words by many speakers.

    At 16 kHz, padded with zeros to a second. Groups are speakers (the file name up to
    ``_nohash_``); a quarter of them, by a hash of the name, are the test split. `max_per_class`
    recordings at most of each word in each split, drawn by `seed`.
    """
    labels = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")

    def describe(name: str) -> tuple[int, str, bool]:
        speaker = PurePosixPath(name).name.split("_nohash_")[0]
        return labels.index(PurePosixPath(name).parent.name), speaker, _held_out(speaker)

    return _speech("spoken-words", 16_000, labels, describe, max_per_class, seed)


def _held_out(speaker: str) -> bool:
    """Whether a speaker of the words is in the test split: a hash of the name decides."""
    return int(hashlib.sha256(speaker.encode()).hexdigest()[:8], 16) % 100 < _TEST_PERCENT


def _speech(
    name: str,
    rate: int,
    label_names: tuple[str, ...],
    describe: Callable[[str], tuple[int, str, bool]],
    max_per_class: int | None,
    seed: int,
) -> AudioSet:
    sounds = archives.recordings(name, fetch(name))
    clips = sorted(sounds)
    described = [describe(clip) for clip in clips]
    labels = np.array([label for label, _, _ in described], np.int64)
    split = np.array(["test" if held_out else "train" for _, _, held_out in described])
    index = np.arange(len(clips))
    if max_per_class is not None:
        index = _choose(labels, split, max_per_class, seed)
    waveforms = np.zeros((len(index), rate), np.float32)
    for row, i in enumerate(index):
        sound = sounds[clips[i]][:rate]
        waveforms[row, : len(sound)] = sound / np.float32(32768)
    return AudioSet(
        name=name,
        waveforms=waveforms,
        sample_rate=rate,
        labels=labels[index],
        label_names=label_names,
        groups=np.array([described[i][1] for i in index]),
        split=split[index],
        lengths=np.array([len(sounds[clips[i]]) for i in index], np.int64),
        clips=np.array([clips[i] for i in index]),
    )


def _locate(name: str) -> Path | None:
    """Path of a set's file on this machine, or ``None``. No network."""
    _check_known(name)
    if name != "instruments":
        return archives.locate(name)
    try:
        return soundfont.soundfont_path()
    except DataUnavailable:
        return None


def _check_known(name: str) -> None:
    if name not in SOURCES:
        raise ValueError(f"unknown data set {name!r}; have {', '.join(NAMES)}")


def available(name: str) -> bool:
    """Whether a set of `NAMES` is on this machine; asks the disk only.

    >>> available("instruments")
    True
    """
    return _locate(name) is not None


def fetch(name: str) -> Path:
    """Path of a set's file, downloaded to pooch's cache if it is nowhere on this machine."""
    found = _locate(name)
    if found is not None:
        return found
    return soundfont.soundfont_path() if name == "instruments" else archives.download(name)


def state() -> dict[str, str]:
    """Fingerprint of the data on this machine, for deciding what has to be computed again.

    Returns
    -------
    dict of str to str
        For each of `NAMES` the SHA-256 of its file (for the instruments, of everything that the
        notes depend on), or ``"absent"``. No network.
    """
    found = {name: _locate(name) for name in NAMES}
    return {
        name: "absent"
        if path is None
        else soundfont.recipe()
        if name == "instruments"
        else _digest(path)
        for name, path in found.items()
    }


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Note(str):
    """A sentence that Jupyter and the book show as a box."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return (
            '<div class="admonition warning"><p class="admonition-title">Data not available</p>'
            f"<p>{self}</p></div>"
        )


def note(name: str) -> Note:
    """Visible note that a part of a chapter was left out for want of a set of `NAMES`."""
    _check_known(name)
    return Note(
        f"What needs this data is left out here, and nothing replaces it. {archives.remedy(name)}"
    )
