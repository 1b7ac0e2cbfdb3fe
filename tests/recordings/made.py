"""Folders that the tests of this room read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from analysis.recordings.recordings import load

RATE = 8_000


def sound(
    path: Path, seed: int = 0, seconds: float = 0.3, rate: int = RATE, **more: object
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.1 * np.random.default_rng(seed).normal(size=round(seconds * rate))
    soundfile.write(path, wave, rate, **more)
    return path


def reasons(place: Path, **more: object) -> dict[str, str]:
    return {one.name: one.reason for one in load(place, size=(16, 16), **more).left_out}  # type: ignore[arg-type]


def table(folder: Path, text: str | bytes) -> Path:
    content = text.encode() if isinstance(text, str) else text
    (folder / "metadata.csv").write_bytes(content)
    return folder


def rows(folder: Path, header: str = "file,label", more: str = "") -> str:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))
    lines = [f"{name},{name[:3]}" + more for name in names]
    return "\n".join([header, *lines]) + "\n"


def spoken(place: Path) -> Path:
    for i, digit in enumerate(("one", "two")):
        for j, speaker in enumerate(("jo", "li", "mo")):
            for k in range(3):
                sound(place / digit / f"{i}_{speaker}_{k}.wav", 100 * i + 10 * j + k)
    return place
