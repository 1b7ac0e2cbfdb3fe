"""Real recordings, read the same way everywhere: instruments, spoken digits, spoken words.

===================  =============================================  ===========  ================
set                  where it comes from                            classes      held out by
===================  =============================================  ===========  ================
`instruments`        soundfont that pip installs (no download)      9 families   program
`spoken_digits`      Free Spoken Digit Dataset, a GitHub archive    10 digits    speaker
`spoken_words`       Speech Commands v0.02, official test set       10 words     speaker
===================  =============================================  ===========  ================

Each returns an `AudioSet`. The two archives are looked for in the folder named by the environment
variable ``ANALYSIS_DATA_DIR``, then in pooch's cache, and only then downloaded; their contents are
checked file by file against SHA-256 manifests in ``analysis/manifests``. What is missing or damaged
raises `DataUnavailable`, whose text is the remedy.

In a chapter::

    if datasets.available("spoken-words"):
        words = datasets.spoken_words(max_per_class=50)
    else:
        display(datasets.note("spoken-words"))     # a visible box on the page

For the build: `fetch` (downloads what is absent), `state` (a cache key), `available` (no network).
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
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import metadata
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly
from sklearn.tree import DecisionTreeClassifier
from tqdm import TqdmWarning, tqdm

from analysis.files import atomic_path

__all__ = [
    "FAMILIES",
    "HELD_OUT_SPEAKERS",
    "KEYS",
    "NAMES",
    "SOURCES",
    "VELOCITIES",
    "AudioSet",
    "DataUnavailable",
    "Note",
    "Source",
    "available",
    "fetch",
    "held_out_programs",
    "instruments",
    "levels_db",
    "note",
    "one_number_accuracy",
    "programs",
    "soundfont_path",
    "spoken_digits",
    "spoken_words",
    "state",
    "twins",
]

#: The three sets.
NAMES = ("instruments", "spoken-digits", "spoken-words")

#: Families of General MIDI and their first program (0-based); each has the programs of its block
#: of eight, except that timpani (47) are no string instrument.
FAMILIES = MappingProxyType(
    {
        "piano": 0,
        "chromatic percussion": 8,
        "organ": 16,
        "guitar": 24,
        "bass": 32,
        "strings": 40,
        "brass": 56,
        "reed": 64,
        "pipe": 72,
    }
)

#: MIDI keys that are rendered: 40 (82 Hz) to 82 (932 Hz) in whole tones.
KEYS = tuple(range(40, 83, 2))

#: MIDI velocities that are rendered: soft and loud.
VELOCITIES = (60, 110)

#: The two speakers of the digits who are never heard in training.
HELD_OUT_SPEAKERS = ("lucas", "theo")

_TIMPANI = 47
_HELD_OUT_PLACES = (2, 6)  # the third and the seventh program of each block of eight
_RATE = 16_000
_RENDER_RATE = 48_000  # the synthesiser interpolates linearly: render high, then decimate
_SILENCE = 1e-4  # full scale: -80 dB
_TEST_PERCENT = 25  # of the speakers of the words
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


# --- instruments -----------------------------------------------------------------------------


def programs() -> dict[int, str]:
    """General MIDI programs that are rendered, and the family of each: 0…79 without 47…55.

    >>> len(programs()), programs()[40]
    (71, 'strings')
    """
    return {
        program: family
        for family, first in FAMILIES.items()
        for program in range(first, first + 8)
        if program != _TIMPANI
    }


def held_out_programs() -> tuple[int, ...]:
    """Programs that only the test split has: the third and the seventh of each family.

    The rule was fixed before anything was trained, and looks at no sound.

    >>> held_out_programs()[:4]
    (2, 6, 10, 14)
    """
    return tuple(program for program in programs() if program % 8 in _HELD_OUT_PLACES)


def soundfont_path() -> Path:
    """Path of the soundfont inside the installed ``pretty_midi``, which is not imported."""
    if find_spec("tinysoundfont") is None:
        raise DataUnavailable(_remedy("instruments"))
    spec = find_spec("pretty_midi")
    path = Path(spec.origin).parent / "TimGM6mb.sf2" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise DataUnavailable(_remedy("instruments"))
    return path


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
    waveforms, sounding, presets = _notes()
    family_of = programs()
    plan = [plan for plan, heard in zip(_plan(), sounding, strict=True) if heard]
    names = tuple(FAMILIES)
    labels = np.array([names.index(family_of[program]) for program, _, _ in plan], np.int64)
    held_out = held_out_programs()
    split = np.array(["test" if program in held_out else "train" for program, _, _ in plan])
    index = np.arange(len(plan))
    if max_per_class is not None:
        index = _choose(labels, split, max_per_class, seed)
    return AudioSet(
        name="instruments",
        waveforms=waveforms[index] if max_per_class is not None else waveforms,
        sample_rate=_RATE,
        labels=labels[index],
        label_names=names,
        groups=np.array([f"{plan[i][0]:03d} {presets[plan[i][0]]}" for i in index]),
        split=split[index],
        lengths=np.full(len(index), _RATE, np.int64),
        clips=np.array([f"p{p:03d}-k{k:03d}-v{v:03d}" for p, k, v in (plan[i] for i in index)]),
        dropped=int((~sounding).sum()),
    )


def _plan() -> list[tuple[int, int, int]]:
    """Program, key and velocity of every note, in the order in which they are stored."""
    return [(p, k, v) for p in programs() for k in KEYS for v in VELOCITIES]


@cache
def _recipe() -> str:
    """Key of the rendered notes: everything that their samples depend on."""
    font = hashlib.sha256(soundfont_path().read_bytes()).hexdigest()
    made_by = [f"{name} {metadata.version(name)}" for name in ("tinysoundfont", "scipy", "numpy")]
    parameters = [tuple(programs()), KEYS, VELOCITIES, _RATE, _RENDER_RATE, _SILENCE, "recipe 1"]
    text = "\n".join([font, *made_by, *map(str, parameters)])
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _notes() -> tuple[NDArray[np.float32], NDArray[np.bool_], dict[int, str]]:
    """All sounding notes, which of the plan they are, and the presets' names."""
    path = _cache_folder() / f"notes-{_recipe()[:16]}.npz"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            waveforms, sounding, names = (stored[key] for key in ("waveforms", "sounding", "names"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        waveforms, sounding, names = _render_all()
        _store(path, waveforms=waveforms, sounding=sounding, names=names)
    waveforms.flags.writeable = False
    return waveforms, sounding, dict(zip(programs(), names.tolist(), strict=True))


def _render_all() -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.str_]]:
    import tinysoundfont  # its sound card library is optional and never imported here

    synth = tinysoundfont.Synth(samplerate=_RENDER_RATE)
    font = synth.sfload(str(soundfont_path()))
    blocks, names = [], []
    for program in tqdm(programs(), desc="rendering notes", disable=None):
        synth.program_select(0, font, 0, program)
        names.append(str(synth.sfpreset_name(font, 0, program)).strip())
        played = [_play(synth, key, velocity) for key in KEYS for velocity in VELOCITIES]
        block = resample_poly(np.stack(played), 1, _RENDER_RATE // _RATE, axis=1)
        blocks.append(np.asarray(block, np.float32))
    waveforms = np.concatenate(blocks)
    sounding = np.abs(waveforms).max(axis=1) > _SILENCE
    return np.clip(waveforms[sounding], -1, 1), sounding, np.array(names)


def _play(synth: Any, key: int, velocity: int) -> NDArray[np.float32]:
    """One second of one note at the rate of rendering, from a synthesiser at rest."""
    synth.noteon(0, key, velocity)
    stereo = np.frombuffer(synth.generate(_RENDER_RATE), np.float32).reshape(-1, 2)
    sound = stereo.mean(axis=1)
    synth.sounds_off(0)
    synth.generate(_RENDER_RATE // 10)  # the voices' quick release, thrown away
    return np.asarray(sound, np.float32)


def _cache_folder() -> Path:
    return Path(_pooch().os_cache("coloured-spectrogram"))


def _pooch() -> Any:
    """Import pooch without the remark of its progress bar that a notebook has no widgets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)
        import pooch
    return pooch


def _store(path: Path, **arrays: NDArray[Any]) -> None:
    """Write an ``.npz`` so that no reader ever sees half a file; a full disk is no error."""
    with suppress(OSError), atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


# --- speech ----------------------------------------------------------------------------------


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

    return _speech("spoken-words", _RATE, labels, describe, max_per_class, seed)


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
    sounds = _recordings(name)
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


def _recordings(name: str) -> Mapping[str, NDArray[np.int16]]:
    """Every recording of an archive as int16 samples, checked against the manifest."""
    path = fetch(name)
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


# --- where the data is -----------------------------------------------------------------------


def _known(name: str) -> Source:
    if name not in SOURCES:
        raise ValueError(f"unknown data set {name!r}; have {', '.join(NAMES)}")
    return SOURCES[name]


def _locate(name: str) -> Path | None:
    """Path of a set's file on this machine, or ``None``. No network."""
    source = _known(name)
    if name == "instruments":
        try:
            return soundfont_path()
        except DataUnavailable:
            return None
    folder = os.environ.get("ANALYSIS_DATA_DIR")
    folders = [Path(folder).expanduser()] if folder else []
    names = (source.archive, source.url.rsplit("/", 1)[1])
    for candidate in (place / file for place in [*folders, _cache_folder()] for file in names):
        if candidate.is_file():
            return candidate.resolve()
    return None


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
    source = _known(name)
    if name == "instruments":
        return soundfont_path()
    try:
        downloaded = _pooch().retrieve(
            source.url,
            known_hash=None,  # archives are packed anew; their contents are checked instead
            fname=source.archive,
            path=_cache_folder(),
            progressbar=tqdm(total=0, desc=source.archive, disable=None, unit="B", unit_scale=True),
        )
    except Exception as problem:  # requests, urllib3, OSError: whatever the network raises
        why = problem.strerror if isinstance(problem, OSError) else None
        raise DataUnavailable(_remedy(name, why)) from problem
    return Path(downloaded)


def _remedy(name: str, why: str | None = None) -> str:
    source = SOURCES[name]
    if name == "instruments":
        return (
            "The instruments need the soundfont that pretty-midi ships, and a synthesiser: run "
            "`pip install pretty-midi` and `pip install --no-deps tinysoundfont`."
        )
    where = f" to {_cache_folder()} ({why})" if why else ""
    return (
        f"{source.title} is not on this machine and could not be downloaded{where}. Download "
        f"{source.url} to a folder, as {source.archive}, and set the environment variable "
        "ANALYSIS_DATA_DIR to that folder."
    )


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
        name: "absent" if path is None else _recipe() if name == "instruments" else _digest(path)
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
    _known(name)
    return Note(f"What needs this data is left out here, and nothing replaces it. {_remedy(name)}")


# --- what the data card tells ----------------------------------------------------------------


def levels_db(audio: AudioSet) -> NDArray[np.float64]:
    """Level of each recording, padding left out.

    Root mean square in dB of full scale: a square wave at full scale has 0 dB.
    """
    samples = np.minimum(audio.lengths, audio.waveforms.shape[1])
    energy = np.square(audio.waveforms, dtype=np.float64).sum(axis=1)
    return np.asarray(10 * np.log10(np.maximum(energy / samples, 1e-20)))


def one_number_accuracy(audio: AudioSet, numbers: NDArray[np.floating[Any]]) -> float:
    """How often one number of a recording gives its class away, on the test split.

    The share that a decision tree of 16 leaves, grown on the training split, gets right.
    """
    train = audio.split == "train"
    column = np.asarray(numbers, np.float64)[:, None]
    tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=10, random_state=0)
    tree.fit(column[train], audio.labels[train])
    return float(tree.score(column[~train], audio.labels[~train]))


def twins(notes: AudioSet) -> pd.DataFrame:
    """For each held-out program, the training program that sounds most alike.

    Two programs of a soundfont may share samples. Notes of the same key and velocity are compared
    by the correlation of their waveforms, from the start of the note. ``correlation`` is the median
    over keys and velocities, 1 for the same waveform but for its level; the most alike come first.
    """
    names = np.unique(notes.groups)
    place = {name: i for i, name in enumerate(names)}
    stroke = np.array([clip.split("-", 1)[1] for clip in notes.clips])
    alike = np.full((len(np.unique(stroke)), len(names), len(names)), np.nan)
    for layer, same in enumerate(np.unique(stroke)):
        rows = np.flatnonzero(stroke == same)
        sounds = notes.waveforms[rows]
        sounds = sounds / np.linalg.norm(sounds, axis=1, keepdims=True)
        at = np.array([place[name] for name in notes.groups[rows]])
        alike[layer, at[:, None], at] = sounds @ sounds.T
    median = np.nanmedian(alike, axis=0)
    train = np.unique(notes.groups[notes.split == "train"])
    columns = [place[name] for name in train]
    table = []
    for name in np.unique(notes.groups[notes.split == "test"]):
        best = int(np.argmax(median[place[name], columns]))
        table.append((name, train[best], float(median[place[name], columns[best]])))
    frame = pd.DataFrame(table, columns=["held_out", "nearest", "correlation"])
    return frame.sort_values("correlation", ascending=False, ignore_index=True)
