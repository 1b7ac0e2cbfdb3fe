"""Sounds in white noise at one ratio, as pictures, and what is to be learned from them.

A *sound* is heard once and asked several things: who plays an instrument and which note, what a
speaker says and who it is. `tasks` gives one `Task` a question.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.folds import CORE_SLOTS, deal_groups
from analysis.pretrained.transfer import Task
from analysis.sound import datasets, signals, spectrograms
from analysis.sound.noise import in_noise

#: What is asked of each sound.
QUESTIONS = MappingProxyType(
    {
        "chirps": ("chirp ends",),
        "instruments": ("family", "pitch"),
        "spoken-digits": ("digit", "speaker"),
        "spoken-words": ("word",),
    }
)

#: Sounds whose recordings are fetched; the others come with packages, or are made.
FETCHED = ("spoken-digits", "spoken-words")

#: Folds of each question: a fold holds out clips, programs, speakers or, for "speaker", digits. Six
#: people say the digits, and ten digits are said: two of each are the core that is never tested.
_FOLDS = {"digit": 4, "speaker": 8}
_MOST_FOLDS = 10


def present(sound: str) -> bool:
    """Whether a sound is made here, or its recordings are on this machine."""
    return sound not in FETCHED or datasets.available(sound)


def recordings(sound: str, clips: int, draw: int) -> datasets.AudioSet:
    """Draw about so many recordings of a sound, as `tasks` does."""
    load = {
        "instruments": datasets.instruments,
        "spoken-digits": datasets.spoken_digits,
        "spoken-words": datasets.spoken_words,
    }[sound]
    classes = len(load(max_per_class=1).label_names)
    return load(max_per_class=max(1, clips // (2 * classes)), seed=draw)


@cache
def tasks(sound: str, snr: float | None, side: int, clips: int, draw: int) -> dict[str, Task]:
    """Make the tasks of a sound in noise: a question of `QUESTIONS` each, the same spectrograms.

    `snr` is in dB; infinity for recordings as they are, and so is None, but for chirps, each of
    which then has a ratio of its own in `signals.SNR_RANGE`. `side`: frequencies of a spectrogram;
    `clips`: about so many; `draw`: seed of chirps, of the choice of recordings, of the noise and of
    the folds. A pitch is the note's number, standardised. DataUnavailable if recordings are not on
    this machine and cannot be fetched.
    """
    if sound == "chirps":
        ratios = signals.SNR_RANGE if snr is None else (snr, snr)
        made = signals.chirps(clips, draw, ratios)
        slot = np.arange(clips) % (_MOST_FOLDS + CORE_SLOTS)
        fold = np.where(slot < _MOST_FOLDS, slot, -1)
        db = spectrograms.log_power(made.waveforms, 4 * side, 2 * side)[:, ::-1]
        return {"chirp ends": Task(sound, db, signals.chirp_targets(made.ends), 2, fold)}
    audio = recordings(sound, clips, draw)
    rate, waves = audio.sample_rate, audio.waveforms
    if snr is not None:
        waves = in_noise(waves, audio.lengths, snr, draw)
    db = spectrograms.log_mel(waves, rate, side, max(8 * side, 512), rate // side)[:, ::-1]
    return {name: _asked(name, db, audio, draw) for name in QUESTIONS[sound]}


def _asked(question: str, db: NDArray[np.float32], audio: datasets.AudioSet, draw: int) -> Task:
    """One question: its targets, and folds that divide no group."""
    folds = _FOLDS.get(question, _MOST_FOLDS)
    if question == "speaker":  # whoever is asked for must be known: digits are left out
        people, who = np.unique(audio.groups, return_inverse=True)
        fold = deal_groups(audio.labels.astype(str), audio.labels, folds, draw)
        return Task(question, db, np.asarray(who, np.int64), len(people), fold)
    fold = deal_groups(audio.groups, audio.labels, folds, draw)
    if question == "pitch":
        keys = np.array([int(clip.split("-k")[1][:3]) for clip in audio.clips], np.float32)
        return Task(question, db, ((keys - keys.mean()) / keys.std())[:, None], 1, fold)
    return Task(question, db, audio.labels, len(audio.label_names), fold)
