"""Notes of sampled instruments: the soundfont TimGM6mb, played once and kept.

Rendered at 48 kHz (the synthesiser interpolates linearly, and would alias at 16 kHz), both channels
averaged, decimated by a polyphase filter. Notes are kept in pooch's cache under a key of the
soundfont, the library versions and the parameters.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly
from tqdm import tqdm

from analysis.files import atomic_path
from analysis.sound.archives import DataUnavailable, cache_folder, remedy

#: Samples a second of what is kept.
RATE = 16_000

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

_TIMPANI = 47
_HELD_OUT_PLACES = (2, 6)  # the third and the seventh program of each block of eight
_RENDER_RATE = 48_000  # the synthesiser interpolates linearly: render high, then decimate
_SILENCE = 1e-4  # full scale: -80 dB


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
        raise DataUnavailable(remedy("instruments"))
    spec = find_spec("pretty_midi")
    path = Path(spec.origin).parent / "TimGM6mb.sf2" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise DataUnavailable(remedy("instruments"))
    return path


def plan() -> list[tuple[int, int, int]]:
    """Program, key and velocity of every note, in the order in which they are stored."""
    return [(p, k, v) for p in programs() for k in KEYS for v in VELOCITIES]


@cache
def recipe() -> str:
    """Key of the rendered notes: everything that their samples depend on."""
    font = hashlib.sha256(soundfont_path().read_bytes()).hexdigest()
    made_by = [f"{name} {metadata.version(name)}" for name in ("tinysoundfont", "scipy", "numpy")]
    parameters = [tuple(programs()), KEYS, VELOCITIES, RATE, _RENDER_RATE, _SILENCE, "recipe 1"]
    text = "\n".join([font, *made_by, *map(str, parameters)])
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def notes() -> tuple[NDArray[np.float32], NDArray[np.bool_], dict[int, str]]:
    """All sounding notes, which of the plan they are, and the presets' names."""
    path = cache_folder() / f"notes-{recipe()[:16]}.npz"
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
        block = resample_poly(np.stack(played), 1, _RENDER_RATE // RATE, axis=1)
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


def _store(path: Path, **arrays: NDArray[Any]) -> None:
    """Write an ``.npz`` so that no reader ever sees half a file; a full disk is no error."""
    with suppress(OSError), atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
