"""The journey of one recording from waveform to net, and what each stage loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.colour import colormaps
from analysis.colour.information import entropy_bits
from analysis.jpeg import files
from analysis.pictures.saving import HIGH_DB, LOW_DB, decode, imsave
from analysis.sound import spectrograms

#: Ways of saving levels, by name: the file's format and its options, as Pillow has them.
FILES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("PNG", {}),
    "JPEG, 4:2:0": ("JPEG", {"subsampling": "4:2:0"}),
    "JPEG, 4:4:4": ("JPEG", {"subsampling": "4:4:4"}),
}


@dataclass(frozen=True)
class Journey:
    """One recording at every stage from waveform to net."""

    waveform: NDArray[np.float32]  # (samples,)
    sample_rate: int  # in Hz
    spectrum: NDArray[np.complex64]  # (bins, frames)
    power: NDArray[np.float32]  # (bins, frames); 1 is a full-scale sine
    db: NDArray[np.float32]  # (bins, frames); at least `LOW_DB`
    levels: NDArray[np.uint8]  # (bins, frames); `LOW_DB` … `HIGH_DB` in 256 levels
    png: bytes  # the file that ``plt.imsave`` wrote
    picture: NDArray[np.uint8]  # (bins, frames, 3); the file, read by Pillow
    fed: NDArray[np.float32]  # (3, bins, frames); in [0, 1]: what a net gets
    colormap: str

    def table(self, hop: int = spectrograms.HOP) -> pd.DataFrame:
        """Every pixel at every stage after the power, a row a pixel."""
        bins, frames = self.db.shape
        khz = spectrograms.frequencies(self.sample_rate, 2 * (bins - 1)) / 1000
        times = spectrograms.frame_times(frames, self.sample_rate, hop)
        pixels = self.picture[::-1].reshape(-1, 3)
        return pd.DataFrame(
            {
                "frequency_khz": np.repeat(khz, frames).round(5),
                "time_s": np.tile(times, bins).round(4),
                "magnitude": np.sqrt(self.power).ravel().astype(float).round(6),
                "db": self.db.ravel().astype(float).round(2),
                "level": self.levels.ravel(),
            }
            | {name: pixels[:, k] for k, name in enumerate(("red", "green", "blue"))}
        )


def travel(
    waveform: NDArray[np.float32],
    sample_rate: int,
    colormap: str = "viridis",
    window: int = spectrograms.WINDOW,
    hop: int = 128,
) -> Journey:
    """Take a recording through every stage, with the libraries that people use.

    >>> travel(np.zeros(8000, np.float32), 8000).fed.shape
    (3, 257, 63)
    """
    spectrum = spectrograms.stft(waveform, window, hop)
    power = np.square(np.abs(spectrum))
    db = spectrograms.to_db(power, floor=LOW_DB)
    levels = spectrograms.quantise(db, LOW_DB, HIGH_DB)
    png = imsave(levels[::-1], cmap=colormap, vmin=0, vmax=255)
    picture = decode(png)
    fed = np.asarray(np.moveaxis(picture.astype(np.float32) / 255, -1, 0), np.float32)
    return Journey(waveform, sample_rate, spectrum, power, db, levels, png, picture, fed, colormap)


def losses(journey: Journey, window: int = spectrograms.WINDOW, hop: int = 128) -> pd.DataFrame:
    """Invert each stage as well as can be, and tell what is missing.

    The worst error in its unit (dB are counted above the floor), the numbers stored, and the
    entropy of one value in bits (continuous stages have none).
    """
    waveform, cells = journey.waveform, journey.levels.size
    size = np.abs(waveform).max()
    zero_phase = np.sqrt(journey.power).astype(np.complex64)
    again, without_phase = (
        spectrograms.istft(spectrum, len(waveform), window, hop)
        for spectrum in (journey.spectrum, zero_phase)
    )
    seen = slice(None, len(waveform) // hop * hop)  # up to the last frame's centre
    above = journey.power > 10 ** (LOW_DB / 10)
    power = spectrograms.from_db(journey.db)
    values = spectrograms.dequantise(journey.levels, LOW_DB, HIGH_DB)
    read = colormaps.nearest_level(journey.picture[::-1], colormaps.lut8(journey.colormap))
    bytes_again = np.rint(np.moveaxis(journey.fed, 0, -1) * 255)
    level_bits = entropy_bits(journey.levels)
    colour_bits = entropy_bits(journey.picture.reshape(-1, 3).astype(int) @ (65536, 256, 1))

    def worst(a: NDArray[Any], b: NDArray[Any]) -> float:
        return float(np.abs(np.asarray(a, np.float64) - b).max())

    rows = [
        ("complex spectrum", "overlap-add", worst(again[seen], waveform[seen]) / size,
         "of the peak", 2 * cells, np.nan),
        ("power", "none: the phase is gone", worst(without_phase[seen], waveform[seen]) / size,
         "of the peak", cells, np.nan),
        ("decibels", "power of ten", worst(_db(power[above]), _db(journey.power[above])), "dB",
         cells, np.nan),
        ("8 bits", "level to dB", worst(values, journey.db), "dB", cells, level_bits),
        (f"{journey.colormap}, PNG", "nearest colour", worst(read, journey.levels), "levels",
         3 * cells, colour_bits),
        ("tensor in 0–1", "times 255", worst(bytes_again, journey.picture), "bytes", 3 * cells,
         colour_bits),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["stage", "inverse", "error", "unit", "values", "bits"])


def _db(power: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    return np.asarray(10 * np.log10(np.asarray(power, np.float64)))


def read_back(
    levels: NDArray[np.uint8],
    table: NDArray[np.uint8] | None,
    file: str,
    quality: int = 75,
    side: int | None = None,
) -> NDArray[np.uint8]:
    """Levels after painting, saving, opening and resizing, looked up by the nearest colour.

    Without a table the picture is gray. `file` is one of `FILES`; PNG has no quality. The loader
    resizes colours to ``side × side``, bilinearly.

    >>> levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    >>> bool((read_back(levels, None, "PNG") == levels).all())
    True
    """
    form, options = FILES[file]
    picture = levels if table is None else table[levels]
    if form == "JPEG":
        options = {"quality": quality} | (options if table is not None else {})
    opened = files.decode(files.encode(picture, form, **options))[None]
    fed = opened if side is None else spectrograms.resize(opened, (side, side), "bilinear")
    return np.asarray(fed[0] if table is None else colormaps.nearest_level(fed[0], table), np.uint8)


def saving_losses(levels: NDArray[np.uint8], names: Sequence[str]) -> pd.DataFrame:
    """Root-mean-square errors, in levels, of `read_back` by colormap and file; gray is no map."""
    tables = {name: None if name == "gray" else colormaps.lut8(name) for name in names}
    lost = {
        file: [
            np.sqrt(np.mean((read_back(levels, table, file) - levels.astype(float)) ** 2))
            for table in tables.values()
        ]
        for file in FILES
    }
    return pd.DataFrame(lost, list(names)).map("{:.2f}".format).add_suffix(" (levels)")
