"""Rate and distortion of spectrograms: nine methods, their numbers or bytes, and what they lose.

Start at `Bench`: it fits what learns, and takes pictures there and back. `equal_numbers` and
`equal_bytes` measure; `gain_at_budget` and `compare_at_equal` compare two methods at the same rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import features
from tqdm import tqdm

from analysis.coders.linear_coders import (
    Moments,
    Separable,
    area_matrix,
    decimation_matrix,
    hop_matrix,
)
from analysis.coders.spectrogram_coders import Autoencoder, BlockPCA
from analysis.evidence import statistics
from analysis.evidence.contrasts import means
from analysis.evidence.statistics import Interval, mean_interval
from analysis.jpeg import files
from analysis.pictures.inversion import resynthesis_snr
from analysis.pictures.pictures import COLUMNS, ROWS, Pictures, decibels, log_error, posterise

Array = NDArray[np.float64]


#: The methods, in the order of the legend.
METHODS = ("hop", "decimation", "area", "pca", "autoencoder", "png", "jpeg", "jpeg2000", "webp")

_AREAS = ((1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8))

_FACTORS = (2, 4, 8, 16, 32)


def _image_options(method: str, setting: float) -> tuple[str, dict[str, Any]]:
    if method == "jpeg":
        return "JPEG", {"quality": int(setting)}
    if method == "jpeg2000":
        keywords = {"irreversible": True, "quality_mode": "rates", "quality_layers": [setting]}
        return "JPEG2000", keywords
    return "WEBP", {"quality": int(setting), "method": 2}


@dataclass
class Bench:
    """Methods fitted to training pictures, ready to compress others.

    `moments`, `pca`, `autoencoders`: Fitted; the autoencoders by bottleneck.
    """

    moments: Moments
    pca: BlockPCA
    autoencoders: dict[int, Autoencoder] = field(default_factory=dict)

    @classmethod
    def fit(cls, train: Pictures, bottlenecks: Iterable[int], epochs: int, seed: int) -> Bench:
        """Fit everything that learns."""
        pca = BlockPCA.fit(train)
        nets = {m: Autoencoder(pca, m, seed).fit(train, epochs) for m in bottlenecks}
        return cls(Moments.of(train), pca, nets)

    def separable(self, method: str, setting: Any) -> Separable:
        """Fit encoder and decoder of ``hop``, ``decimation`` or ``area``."""
        if method == "area":
            rows, columns = area_matrix(ROWS, setting[0]), area_matrix(COLUMNS, setting[1])
        else:
            matrix = {"hop": hop_matrix, "decimation": decimation_matrix}[method]
            rows, columns = np.eye(ROWS), matrix(COLUMNS, setting)
        return Separable.fit(rows, columns, self.moments)

    def number_settings(self) -> list[tuple[str, Any]]:
        """Methods that keep real numbers, with their settings."""
        return [
            *((m, k) for m in ("hop", "decimation") for k in _FACTORS),
            *(("area", size) for size in _AREAS),
            *(("pca", m) for m in (128, 64, 32, 16, 8, 4)),
            *(("autoencoder", m) for m in sorted(self.autoencoders, reverse=True)),
        ]

    def through_numbers(self, method: str, setting: Any, db: Pictures) -> tuple[int, Pictures]:
        """Keep real numbers only, without rounding."""
        if method == "pca":
            codes = self.pca.encode(db, setting)
            return codes.size // len(db), self.pca.decode(codes, db.shape)
        if method == "autoencoder":
            codes = self.autoencoders[setting].encode(db)
            return codes.size // len(db), self.autoencoders[setting].decode(codes, db.shape)
        coder = self.separable(method, setting)
        return coder.numbers, coder.decode(coder.encode(db))

    def file_settings(self) -> list[tuple[str, Any]]:
        """Methods that make a file, with their settings; formats that Pillow lacks are left out."""
        nets = sorted(self.autoencoders, reverse=True)
        chosen: list[tuple[str, Any]] = [
            *((m, k) for m in ("hop", "decimation") for k in _FACTORS),
            *(("area", size) for size in _AREAS),
            *(("pca", step) for step in (8, 16, 32, 64, 96, 160)),
            *(("autoencoder", (m, step)) for m in nets for step in (8, 16, 32, 64, 128)),
            *(("png", bits) for bits in (8, 6, 4, 3, 2, 1)),
            *(("jpeg", quality) for quality in (3, 8, 15, 30, 50, 75, 90, 96)),
        ]
        if features.check("jpg_2000"):
            chosen += [("jpeg2000", ratio) for ratio in (60, 30, 15, 8, 4)]
        if features.check("webp"):
            chosen += [("webp", quality) for quality in (1, 20, 50, 75, 95)]
        return chosen

    def through_file(
        self, method: str, setting: Any, db: Pictures, count: bool = True
    ) -> tuple[NDArray[np.int64], Pictures]:
        """Write each picture to bytes, and read it.

        Subsampled and averaged pictures are saved as 8-bit PNG; components and codes are rounded
        to a step and deflated (`files.code_bytes`); the rest are Pillow's files.
        """
        unknown = np.zeros(len(db), np.int64)
        if method in ("hop", "decimation", "area"):
            coder = self.separable(method, setting)
            kept = posterise(coder.encode(db))
            nbytes = np.array([files.png_bytes(p) for p in kept]) if count else unknown
            return nbytes, coder.decode(decibels(kept))
        if method == "pca":
            rounded = np.rint(self.pca.encode(db) / setting).astype(int)
            decoded = self.pca.decode((rounded * setting).astype(np.float32), db.shape)
            return files.code_bytes(rounded, len(db)) if count else unknown, decoded
        if method == "autoencoder":
            net, step = self.autoencoders[setting[0]], setting[1]
            rounded = np.rint(net.encode(db) / step).astype(int)
            decoded = net.decode((rounded * step).astype(np.float32), db.shape)
            return files.code_bytes(rounded, len(db)) if count else unknown, decoded
        if method == "png":
            kept = posterise(db, setting)
            return np.array([files.png_bytes(p, setting) for p in kept]), decibels(kept, setting)
        form, options = _image_options(method, setting)
        opened = [files.round_trip(p, form, **options) for p in posterise(db)]
        return np.array([n for _, n in opened]), decibels(np.stack([p for p, _ in opened]))


def equal_numbers(bench: Bench, db: Pictures) -> pd.DataFrame:
    """Error of every method that keeps real numbers."""
    tables = []
    for method, setting in bench.number_settings():
        numbers, decoded = bench.through_numbers(method, setting, db)
        known = {"method": method, "setting": str(setting), "clip": np.arange(len(db))}
        error = log_error(db, decoded)
        tables.append(pd.DataFrame(known | {"numbers": numbers, "error_db": error}))
    return pd.concat(tables, ignore_index=True)


def equal_bytes(bench: Bench, db: Pictures, waveforms: NDArray[np.float32]) -> pd.DataFrame:
    """Bytes and two distances of every method that makes a file."""
    tables = []
    for method, setting in tqdm(bench.file_settings(), desc="rate and distortion", disable=None):
        nbytes, decoded = bench.through_file(method, setting, db)
        known = {"method": method, "setting": str(setting), "clip": np.arange(len(db))}
        losses = {"error_db": log_error(db, decoded), "snr_db": resynthesis_snr(waveforms, decoded)}
        tables.append(pd.DataFrame(known | {"bytes": nbytes} | losses))
    return pd.concat(tables, ignore_index=True)


def summarise(table: pd.DataFrame, values: Sequence[str], rate: str, seed: int) -> pd.DataFrame:
    """Means over clips with 95 % intervals, for each method and setting, by `METHODS` and rate."""
    by = ["method", "setting"]
    frame = means(table, by, values, seed)
    frame.insert(2, rate, table.groupby(by, sort=False)[rate].mean().to_numpy())
    frame["method"] = pd.Categorical(frame.method, METHODS)
    frame = frame.sort_values(["method", rate], ignore_index=True)
    return frame.astype({"method": object})


def at_budget(table: pd.DataFrame, method: str, value: str, budget: float) -> Array:
    """Each clip's distance at a number of bytes, by linear interpolation in log bytes.

    Only the *lower hull* of a method's own settings counts: if a larger file does worse, the
    smaller one is taken. A budget below a clip's smallest file gives NaN; above its largest, the
    largest file's value (nobody has to spend the rest).
    """
    better = np.maximum.accumulate if value == "snr_db" else np.minimum.accumulate
    found = []
    for _, group in table[table.method == method].groupby("clip"):
        rows = group.sort_values("bytes")
        rate, best = rows.bytes.to_numpy(float), better(rows[value].to_numpy(float))
        inside = budget >= rate[0]
        found.append(np.interp(np.log(budget), np.log(rate), best) if inside else np.nan)
    return np.array(found)


def gain_at_budget(
    table: pd.DataFrame, method: str, rival: str, budget: float, seed: int, value: str = "error_db"
) -> Interval | None:
    """How many dB `method` is ahead of `rival` at the same bytes, clip by clip."""
    ours, theirs = (at_budget(table, m, value, budget) for m in (method, rival))
    if value == "snr_db":
        ours, theirs = -ours, -theirs
    both = np.isfinite(ours) & np.isfinite(theirs)
    if both.sum() < max(2, len(both) / 2):
        return None
    return mean_interval((theirs - ours)[both], seed)


def gain_at_factor(
    table: pd.DataFrame, method: str, rival: str, setting: Any, seed: int
) -> Interval:
    """How many dB less error `method` makes than `rival` with the same numbers, clip by clip."""
    ours, theirs = (
        table[(table.method == m) & (table.setting == str(setting))].error_db.to_numpy()
        for m in (method, rival)
    )
    return mean_interval(theirs - ours, seed)


def compare_at_equal(
    curves: pd.DataFrame,
    coder: str,
    reference: str,
    programs: NDArray[np.str_],
    seed: int,
    settings: Sequence[float] | None = None,
    given: str = "bytes",
    asked: str = "error",
) -> Interval:
    """Ratio of two coders' errors at equal bytes (or of their bytes at equal errors).

    At each point of `coder` the curve of `reference` for the same picture is interpolated in
    logarithms. Points outside of that curve are left out.
    """
    mine = curves[curves.coder == coder]
    if settings is not None:
        mine = mine[mine.setting.isin(settings)]
    parts = []
    for clip, points in mine.groupby("clip"):
        known = curves[(curves.coder == reference) & (curves["clip"] == clip)].sort_values(given)
        there, value = np.log(known[given].to_numpy()), np.log(known[asked].to_numpy())
        at = np.log(points[given].to_numpy())
        other = np.interp(at, there, value, left=np.nan, right=np.nan)
        program = programs[int(str(clip))]
        ratio = np.log(points[asked].to_numpy()) - other
        parts.append(pd.DataFrame({"program": program, "log": ratio}))
    by_program = pd.concat(parts).dropna().groupby("program").log.mean()
    if len(by_program) < 2:
        raise ValueError(f"the curves of {coder} and {reference} do not overlap")
    found = statistics.mean_interval(by_program.to_numpy(), seed)
    return Interval(*np.exp([*found]))
