"""JPEG as an autoencoder of spectrograms: the chapter's settings, experiments and verdicts.

The codec is `analysis.jpeg.codec`; its rivals `analysis.coders.blocks`.
Colour is `analysis.jpeg.colour`.
Pictures are levels 0…255 of log-power spectrograms, one range for the set; an error in levels
times `Pictures.db_per_level` is an error in decibels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from analysis.coders.blocks import Components, apply_net, blocks, train, unblock
from analysis.colour import colormaps
from analysis.evidence import statistics
from analysis.evidence.statistics import Interval
from analysis.jpeg import files
from analysis.jpeg.code import rms
from analysis.jpeg.codec import Codes, JPEGAutoencoder, Mode, Subsampling
from analysis.jpeg.colour import as_batch, luma_levels, save_as_colour
from analysis.jpeg.files import entropy_bytes
from analysis.jpeg.huffman import ZIGZAG
from analysis.sound import datasets, spectrograms
from analysis.uncolouring import coefficients, inversion

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


_WINDOW, _HOP, _BINS = 512, 64, 256  # 32 ms every 4 ms at 16 kHz; the highest bin is left out


@dataclass(frozen=True)
class Settings:
    """What a profile computes.

    `per_program`, `train_per_class`: Clips of each held-out program (test), of each family
    (training). `seeds`, `steps`: Trained autoencoders, and steps of each training. `checked`:
    Pictures that are compared with Pillow at each of the 100 qualities. `widths`,
    `steps_in_levels`: Trained autoencoders at equal numbers (code widths) and at equal bytes
    (rounding steps). `qualities`, `colour_qualities`: Points of the curves of gray and of colour
    JPEG.
    """

    per_program: int
    train_per_class: int
    seeds: int
    steps: int
    checked: int
    widths: tuple[int, ...] = (4, 16)
    steps_in_levels: tuple[int, ...] = (16, 48)
    colormaps: tuple[str, ...] = ("viridis", "magma", "turbo", "jet")
    qualities: tuple[int, ...] = (1, 3, 5, 10, 20, 30, 50, 75, 85, 90, 95, 98, 100)
    colour_qualities: tuple[int, ...] = (5, 10, 25, 50, 75, 95)


SETTINGS = dict.fromkeys(
    ("edition", "rehearsal"),
    Settings(per_program=1, train_per_class=8, seeds=3, steps=200, checked=4),
) | {
    "large": Settings(
        per_program=4,
        train_per_class=40,
        seeds=10,
        steps=1000,
        checked=16,
        widths=(2, 4, 8, 16, 32),
        steps_in_levels=(8, 12, 20, 32, 64, 96),
    )
}

#: A pixel wrong by more than so many decibels counts as grossly wrong.
GROSS = 10.0

#: Pillow's default quality, and the one at which verdicts about "saving as JPEG" are given.
DEFAULT_QUALITY = 75


@dataclass(frozen=True)
class Pictures:
    """Spectrograms as 8-bit pictures.

    `train`, `test`: Levels; rows are frequencies 0…7969 Hz, columns are frames 4 ms apart.
    `programs`: Which instrument plays each test picture; none of them is in `train`. `low`, `high`:
    Decibels of levels 0 and 255: the range of the training pictures.
    """

    train: Bytes
    test: Bytes
    programs: NDArray[np.str_]
    low: float
    high: float

    @property
    def db_per_level(self) -> float:
        """Decibels from one level to the next."""
        return (self.high - self.low) / (colormaps.LEVELS - 1)


def pictures(per_program: int, train_per_class: int, seed: int) -> Pictures:
    """Spectrograms of sampled instruments, whole programs held out for the test."""
    notes = datasets.instruments()
    rng = np.random.default_rng(seed)
    held_out = np.flatnonzero(notes.split == "test")
    chosen = [
        rng.choice(members := held_out[notes.groups[held_out] == program], per_program)
        if len(members := held_out[notes.groups[held_out] == program]) < per_program
        else rng.choice(members, per_program, replace=False)
        for program in np.unique(notes.groups[held_out])
    ]
    test = notes.take(np.concatenate(chosen))
    train = notes.part("train").subset(train_per_class, seed)
    train_db, test_db = (
        spectrograms.log_power(part.waveforms, _WINDOW, _HOP)[:, :_BINS] for part in (train, test)
    )
    low, high = spectrograms.value_range(train_db)
    return Pictures(
        train=spectrograms.quantise(train_db, low, high),
        test=spectrograms.quantise(test_db, low, high),
        programs=test.groups,
        low=float(low),
        high=float(high),
    )


def check_against_pillow(
    images: Bytes, qualities: Iterable[int], mode: Mode = "L", subsampling: Subsampling = "4:2:0"
) -> dict[str, int]:
    """Save and open each picture with Pillow and with the network, and count differences."""
    count = dict.fromkeys(("files", "files_differing", "pixels", "pixels_differing"), 0)
    options: dict[str, Any] = {} if mode == "L" else {"subsampling": subsampling}
    for quality in qualities:
        jpeg = JPEGAutoencoder(quality, mode, subsampling)
        codes = jpeg.encode(as_batch(images))
        decoded = np.moveaxis(jpeg.decode(codes).numpy(), 1, -1).reshape(images.shape)
        for image, mine, file in zip(images, decoded, jpeg.to_bytes(codes), strict=True):
            saved = files.encode(image, "JPEG", quality=quality, **options)
            count["files"] += 1
            count["files_differing"] += file != saved
            opened = files.decode(saved)
            count["pixels"] += opened.size
            count["pixels_differing"] += int((opened != mine).sum())
    return count


def against_ideal(images: Bytes, qualities: Iterable[int]) -> pd.DataFrame:
    """How often libjpeg's integers and the exact cosine transform disagree."""
    rows = []
    x = as_batch(images)
    for quality in qualities:
        exact, ideal = JPEGAutoencoder(quality), JPEGAutoencoder(quality, arithmetic="ideal")
        codes = exact.encode(x)
        code_gap = (codes.planes[0] - ideal.encode(x).planes[0]).abs()
        level_gap = (exact.decode(codes).int() - ideal.decode(codes).int()).abs()
        rows.append(
            {
                "quality": quality,
                "codes": float((code_gap > 0).double().mean()),
                "levels": float((level_gap > 0).double().mean()),
                "largest_code": int(code_gap.max()),
                "largest_level": int(level_gap.max()),
            }
        )
    return pd.DataFrame(rows)


def number_curves(shown: Pictures, settings: Settings, seed: int) -> pd.DataFrame:
    """Errors of four autoencoders at equal numbers in a block's code, before any rounding of it."""
    height, width = shown.test.shape[1:]
    cut, truth = blocks(shown.train), shown.test.astype(np.float32)
    test = blocks(shown.test)
    principal, cosine = Components.principal(cut), Components.cosine()
    rows: list[dict[str, Any]] = []

    def add(coder: str, numbers: int, decoded: NDArray[Any], seed: int = 0) -> None:
        error = float(rms(unblock(decoded, height, width) - truth))
        rows.append({"coder": coder, "numbers": numbers, "seed": seed, "error": error})

    codes = cosine.encode(test)
    rank = np.argsort(np.argsort(-np.abs(codes), axis=-1), axis=-1)
    for numbers in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32):
        add("low frequencies", numbers, cosine.decode(codes[..., :numbers]))
        add("largest", numbers, cosine.decode(np.where(rank < numbers, codes, 0)))
        fitted = principal.encode(test)[..., :numbers]
        add("principal components", numbers, principal.decode(fitted))
    for numbers in tqdm(settings.widths, desc="widths", disable=None):
        for one in range(seed, seed + settings.seeds):
            net = train(cut, principal, one, settings.steps, width=numbers)
            add("trained", numbers, apply_net(net, test)[1], one)
    return pd.DataFrame(rows)


def byte_curves(shown: Pictures, settings: Settings, seed: int) -> pd.DataFrame:
    """Errors of the autoencoders at equal bytes."""
    height, width = shown.test.shape[1:]
    cut, test, x = blocks(shown.train), blocks(shown.test), as_batch(shown.test)
    truth = shown.test.astype(np.float32)
    parts = []

    def add(coder: str, setting: float, size: Floats, decoded: NDArray[Any], seed: int = 0) -> None:
        error = rms(decoded - truth, (1, 2))
        columns = {"coder": coder, "setting": setting, "seed": seed, "clip": range(len(truth))}
        parts.append(pd.DataFrame({**columns, "bytes": size, "error": error}))

    for quality in settings.qualities:
        jpeg = JPEGAutoencoder(quality)
        codes = jpeg.encode(x)
        decoded = jpeg.decode(codes)[:, 0].numpy().astype(np.float32)
        add("JPEG file", quality, jpeg.nbytes(codes).astype(float), decoded)
        add("JPEG codes", quality, entropy_bytes(_last(codes)), decoded)
    principal = Components.principal(cut)
    for name, linear in (("one step", Components.cosine()), ("principal components", principal)):
        coefficients = linear.encode(test)
        for step in (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 144, 216):
            whole = np.rint(coefficients / step)
            decoded = unblock(linear.decode(whole * np.float32(step)), height, width)
            add(name, step, entropy_bytes(whole), decoded)
    for step in tqdm(settings.steps_in_levels, desc="steps", disable=None):
        for one in range(seed, seed + settings.seeds):
            net = train(cut, principal, one, settings.steps, step=float(step))
            whole, out = apply_net(net, test)
            add("trained", step, entropy_bytes(whole), unblock(out, height, width), one)
    return pd.concat(parts, ignore_index=True)


def _last(codes: Codes) -> NDArray[Any]:
    """Codes of gray pictures with the channels last, DC first. (n, rows, columns, 64)."""
    return codes.planes[0].permute(0, 2, 3, 1).numpy()[..., ZIGZAG]


def compare_numbers(curves: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Trained less linear at equal numbers, with intervals over the seeds of the training."""
    rows = []
    for numbers, group in curves[curves.coder == "trained"].groupby("numbers"):
        is_linear = (curves.coder == "principal components") & (curves.numbers == numbers)
        linear = float(curves[is_linear].error.iloc[0])
        ratio = statistics.mean_interval(group.error / linear, seed)
        rows.append((numbers, linear, group.error.mean(), *ratio))
    return pd.DataFrame(rows, columns=["numbers", "linear", "trained", "ratio", "low", "high"])


def colour_curves(shown: Pictures, settings: Settings) -> pd.DataFrame:
    """Bytes and errors of the gray picture and of colour-mapped ones, saved as JPEG."""
    truth = shown.test.astype(np.float32)
    parts = []

    def add(coder: str, quality: int, size: Any, levels: Bytes, off: Any, light: Bytes) -> None:
        columns = {"coder": coder, "setting": quality, "clip": range(len(truth)), "bytes": size}
        error = rms(levels - truth, (1, 2))
        gross = (np.abs(levels - truth) * shown.db_per_level > GROSS).mean((1, 2))
        columns |= {"error": error, "off_curve": off, "gross": gross}
        parts.append(pd.DataFrame({**columns, "luma_error": rms(light - truth, (1, 2))}))

    for quality in settings.qualities:
        jpeg = JPEGAutoencoder(quality)
        codes = jpeg.encode(as_batch(shown.test))
        decoded = jpeg.decode(codes)[:, 0].numpy()
        add("gray", quality, jpeg.nbytes(codes), decoded, 0.0, decoded)
    for name in tqdm(settings.colormaps, desc="colormaps", disable=None):
        for quality in settings.colour_qualities:
            for subsampling in ("4:4:4", "4:2:0"):
                saved = save_as_colour(shown.test, name, quality, subsampling)
                off = rms(saved.distance, (1, 2))
                light = luma_levels(saved.colours, colormaps.lut8(name))
                add(f"{name} {subsampling}", quality, saved.nbytes, saved.levels, off, light)
    return pd.concat(parts, ignore_index=True)


def file_sizes(levels: Bytes, arm: str) -> list[int]:
    """Bytes of the files of qualities 1 to 100, of "gray" or, say, of "viridis 4:2:0"."""
    name, *subsampling = arm.split()
    picture = colormaps.lut8(name)[levels] if subsampling else levels
    options: dict[str, Any] = {"subsampling": subsampling[0]} if subsampling else {}
    return [len(files.encode(picture, "JPEG", quality=q, **options)) for q in range(1, 101)]


#: A codec within this factor of a rival's error at equal bytes is called as good: 1.25 is 1.9 dB.
AS_GOOD = 1.25


def verdict_gray(files: Sequence[Interval], codes: Sequence[Interval]) -> str:
    """Judge "JPEG is a highly effective autoencoder" on gray pictures (C4).

    "holds" if the file is as good (upper end at most `AS_GOOD`) as every rival; "holds with
    limits" if only its codes are; else "fails".
    """
    if all(ratio.high <= AS_GOOD for ratio in files):
        return "holds"
    return "holds with limits" if all(ratio.high <= AS_GOOD for ratio in codes) else "fails"


def verdict_colour(ratios: Sequence[Interval]) -> str:
    """Judge the same claim on colour-mapped pictures, against JPEG of the gray one (C4).

    "holds" if all are as good (`AS_GOOD`) as gray, "fails" if none is, else "holds with
    limits".
    """
    good = [ratio.high <= AS_GOOD for ratio in ratios]
    return "holds" if all(good) else "holds with limits" if any(good) else "fails"


def verdict_saved(changed: Sequence[float], smaller: float) -> str:
    """Judge "saving as an image also compresses" (Q4), for JPEG.

    "holds" if every quality changes levels and the file is smaller; "holds with limits" if
    only one of these is so; else "fails".
    """
    both = (min(changed) > 0, smaller > 1)
    return "holds" if all(both) else "holds with limits" if any(both) else "fails"


def ratio_table(ratios: Mapping[str, Interval]) -> pd.DataFrame:
    """Lay out ratios by coder."""
    rows = [(coder, *ratio) for coder, ratio in ratios.items()]
    return pd.DataFrame(rows, columns=["coder", "ratio", "low", "high"])


def inverse(ratio: Interval) -> Interval:
    """Interval of the reciprocal.

    >>> inverse(Interval(0.5, 0.25, 1.0))
    Interval(estimate=2.0, low=1.0, high=4.0, level=0.95)
    """
    return Interval(1 / ratio.estimate, 1 / ratio.high, 1 / ratio.low, ratio.level)


def changed_pixels(images: Bytes, qualities: Sequence[int]) -> pd.DataFrame:
    """How many levels a gray JPEG changes."""
    x = as_batch(images)
    gaps = [(JPEGAutoencoder(q)(x).int() - x.int()).abs() for q in qualities]
    changed = [float((gap > 0).double().mean()) for gap in gaps]
    return pd.DataFrame(
        {"quality": qualities, "changed": changed, "largest": [int(gap.max()) for gap in gaps]}
    )


#: Ways to read levels back from a JPEG of colours, in the order in which they are shown.
WAYS = ("nearest colour", "nearest luma", "the file's coefficients")


def read_back(images: Bytes, names: Sequence[str]) -> pd.DataFrame:
    """Errors of levels read back from colour-mapped JPEGs of `DEFAULT_QUALITY` with 4:2:0.

    A row a map and way: `mean`, `median` and `worst` (of nineteen in twenty pixels) distance in
    levels, and `certified`: the share of pixels whose unit, encoded again, gives the file's own
    coefficients (only the third way asks for that). There the file has two pictures, and whatever
    is read from it lies half their distance from one of them at least, in the mean of both: `least`
    is that, and 0 where there is no certificate.
    """
    rows = []
    for name in names:
        table = colormaps.lut8(name)
        contents = [files.encode(table[image], "JPEG", quality=DEFAULT_QUALITY) for image in images]
        colours = np.stack([files.decode(content) for content in contents])
        found = [inversion.invert(coefficients.read(content), table) for content in contents]
        levels = (
            colormaps.nearest_level(colours, table),
            luma_levels(colours, table),
            np.stack([one.levels for one in found]),
        )
        certified = np.stack([one.certified for one in found])
        for way, guess in zip(WAYS, levels, strict=True):
            gap = np.abs(guess.astype(np.int16) - images)
            told = {"mean": gap.mean(), "median": np.median(gap), "worst": np.quantile(gap, 0.95)}
            proved = {"certified": certified.mean(), "least": (certified * gap).mean() / 2}
            rows.append({"map": name, "way": way, **told} | (proved if way == WAYS[2] else {}))
    return pd.DataFrame(rows)


def out_of_reach(table: pd.DataFrame, times: float = 5.0) -> list[str]:
    """On which maps no reader at all errs so many times less than the better of the usual ways."""
    errors = table.pivot(index="map", columns="way", values="mean")
    wanted = errors[list(WAYS[:2])].min(axis=1) / times
    least = table[table.way == WAYS[2]].set_index("map").least
    return [name for name in table["map"].unique() if least[name] > wanted[name]]


def read_back_words(table: pd.DataFrame) -> str:
    """Say on which maps the file's coefficients beat both other ways, by a twentieth or more."""
    errors = table.pivot(index="map", columns="way", values="mean")
    better = errors[WAYS[2]] <= 0.95 * errors[list(WAYS[:2])].min(axis=1)
    if better.all():
        return "smaller than by either of the other ways on every map"
    if not better.any():
        return "smaller than by both other ways on no map"
    return f"smaller than by both other ways on {', '.join(errors.index[better])} only"
