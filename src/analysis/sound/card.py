"""What the data card tells of a set: levels, classes that one number gives away, notes alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from analysis.sound import spectrograms
from analysis.sound.datasets import SOURCES, AudioSet

#: What is seen in pictures of a set, and in its levels.
LOOKS: Mapping[str, str] = MappingProxyType(
    {
        "instruments": "Notes with steady partials, whose levels differ widely between families",
        "spoken-digits": "digits that fill only part of their second, whose levels depend on the "
        "speaker more than on anything else",
        "spoken-words": "words in noise, whose levels spread over decades",
    }
)


def overview(sets: Mapping[str, AudioSet]) -> pd.DataFrame:
    """Source, licence and sizes of sets, a column a set."""
    rows = []
    for name, audio in sets.items():
        source, groups = SOURCES[name], "programs" if name == "instruments" else "speakers"
        parts = {split: audio.part(split) for split in ("train", "test")}
        row = {
            "set": name,
            "source": f'<a href="{source.url}">{source.title}</a>, {source.citation}',
            "licence": source.licence,
            "clips": f"{len(audio):,}",
            "classes": len(audio.label_names),
            "sample rate (Hz)": f"{audio.sample_rate:,}",
            "length (s)": audio.waveforms.shape[1] / audio.sample_rate,
        }
        for split, part in parts.items():
            row[split] = f"{len(part):,} clips, {len(set(part.groups))} {groups}"
        rows.append(row)
    return pd.DataFrame(rows).set_index("set").T


class Example(NamedTuple):
    """A recording of a set and its mel spectrogram, shape (48, frames), in dB."""

    set: str
    label: str
    clip: str
    db: NDArray[np.float32]


def examples(sets: Mapping[str, AudioSet], seed: int, count: int = 4) -> list[Example]:
    """Draw classes of each set, and a recording of each."""
    rng = np.random.default_rng(seed)
    drawn = []
    for name, audio in sets.items():
        window, hop = (512, 256) if audio.sample_rate == 16_000 else (256, 128)
        for label in np.sort(rng.choice(len(audio.label_names), count, replace=False)):
            clip = int(rng.choice(np.flatnonzero(audio.labels == label)))
            wave = audio.waveforms[[clip]]
            db = spectrograms.log_mel(wave, audio.sample_rate, 48, window, hop)[0]
            drawn.append(Example(name, audio.label_names[label], audio.clips[clip], db))
    return drawn


def pixels(drawn: Iterable[Example]) -> pd.DataFrame:
    """Examples as a table, a row a mel band, in tenths of a dB."""
    tables = []
    for one in drawn:
        names = [f"frame_{k:02d}" for k in range(one.db.shape[1])]
        table = pd.DataFrame(one.db.astype(float).round(1), columns=names)
        whose = {"set": one.set, "clip": one.clip, "label": one.label}
        tables.append(table.assign(**whose, mel_band=range(len(table))))
    return pd.concat(tables)


def levels(sets: Mapping[str, AudioSet]) -> pd.DataFrame:
    """Level of every recording (`levels_db`), with what is known of it."""
    return pd.concat(
        pd.DataFrame(
            {
                "set": name,
                "clip": audio.clips,
                "group": audio.groups,
                "label": np.array(audio.label_names)[audio.labels],
                "split": audio.split,
                "level_db": levels_db(audio),
            }
        )
        for name, audio in sets.items()
    )


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
