"""Reads one recording that somebody else made: sound, array or picture, and never trusts it.

A file is *surveyed* first (what it is, how long, which content), which reads headers and a hash,
then *read* to a spectrogram of the size that the whole set agreed on (`FrontEnd`). What cannot be
used raises `Unusable`, whose text is the reason, in words for the person who has the file.

=========  ===========================================  ============================================
kind       files                                        its spectrogram
=========  ===========================================  ============================================
`audio`    what libsndfile opens, by suffix             mel amplitude, averaged to the size
`arrays`   ``.npy``, ``.npz`` with one 2-D array        its values, averaged to the size
`images`   ``.png``, ``.jpg``, …; gray or colour        levels, recovered from the colours; and RGB
=========  ===========================================  ============================================

Nothing here unpickles, follows a size that a header merely claims, or reads more of a long
recording into memory than the stretch it needs.
"""

from __future__ import annotations

import hashlib
import math
import re
import stat
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.reading import arrays, decoding
from analysis.reading.decoding import Unusable
from analysis.reading.facts import header_facts
from analysis.sound import spectrograms
from analysis.uncolouring import direction, levels_under

__all__ = [
    "AUDIO",
    "NO_DATA",
    "PICTURES",
    "READ",
    "SUFFIXES",
    "FrontEnd",
    "Kind",
    "Reading",
    "Survey",
    "Unusable",
    "colours_of",
    "explained",
    "kind_of",
    "near",
    "read",
    "refusal",
    "shown",
    "survey",
]

Kind = Literal["audio", "arrays", "images"]
Floats = NDArray[np.float32]

#: Suffixes of sound files.
AUDIO = (
    *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"),
)

#: Suffixes of pictures, and what Pillow calls the formats; a picture may have another's suffix.
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")

#: What is read, by suffix.
SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys(AUDIO, "audio"),
    **dict.fromkeys((".npy", ".npz"), "arrays"),
    **dict.fromkeys(PICTURES, "images"),
}

#: What is read, in words.
READ = "sound (.wav, .flac, .ogg, .mp3, …), arrays (.npy, .npz) and pictures (.png, .jpg, …)"

#: What is said of a file that holds no recording, as far as its suffix tells.
NO_DATA = "not a kind of file that is read here"

#: What people have and is not read, by suffix: what to do.
_REMEDIES = {
    **dict.fromkeys(
        (".m4a", ".m4b", ".aac", ".mp4", ".mov", ".mkv", ".webm", ".3gp", ".amr", ".wma", ".ape"),
        "convert it to .wav or .flac, with ffmpeg for instance",
    ),
    **dict.fromkeys(
        (".pt", ".pth", ".pkl", ".pickle", ".joblib"),
        "loading it would run code that it may hold; save each spectrogram with numpy.save",
    ),
    **dict.fromkeys(
        (".mat", ".h5", ".hdf5", ".parquet", ".feather", ".tfrecord", ".zarr"),
        "save each spectrogram with numpy.save",
    ),
    **dict.fromkeys((".pdf", ".svg", ".eps", ".heic"), "save it as .png"),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"), "unpack it"),
}

#: Largest picture or array, in pixels or values: a page of a thesis at 600 dpi has 35 million.
MOST_VALUES = 40_000_000

#: Shortest recording in seconds; smallest picture or array, in rows and in columns.
LEAST_SECONDS, LEAST_SIDE = 0.05, 4

_TINT = 4  # levels by which lossy files colour a picture that was gray

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of BT.601, as Pillow takes it
_WINDOW_SECONDS = 0.032


@dataclass(frozen=True)
class Survey:
    """What a file says it is."""

    digest: str  # SHA-256 of its bytes
    kind: Kind
    rate: int  # samples a second; 0 if it is no sound
    #: (channels, samples) of a sound, counted by decoding it; (rows, columns) of a picture or an
    #: array
    size: tuple[int, int]
    facts: dict[str, str] = field(default_factory=dict)  # see `analysis.reading.facts.header_facts`

    @property
    def seconds(self) -> float:
        """Duration of a sound."""
        return self.size[1] / self.rate if self.rate else math.nan


@dataclass(frozen=True)
class FrontEnd:
    """What every file of a set is brought to."""

    kind: Kind
    #: of sounds: samples a second, and samples of a clip
    rate: int = 0
    samples: int = 0
    source: tuple[int, int] = (0, 0)  # of arrays and pictures: rows and columns before averaging
    size: tuple[int, int] = (64, 64)  # rows (frequencies) and columns (frames) of the spectrogram
    #: of pictures: the one that their levels are recovered by; "" for gray, "rgb" if none fits
    colormap: str = ""
    dark_is_loud: bool = False  # of pictures in gray: whether black is the highest level
    transposed: bool = False  # of arrays: whether rows are frames, so that they are turned

    @property
    def window(self) -> int:
        """Samples of a transform's window: the power of two nearest to 32 ms."""
        return int(max(16, 2 ** round(math.log2(_WINDOW_SECONDS * self.rate))))

    @property
    def hop(self) -> int:
        """Samples from frame to frame: at most half a window, and enough frames for the size."""
        return max(1, min(self.window // 2, self.samples // self.size[1]))


@dataclass(frozen=True)
class Reading:
    """What was read of a file."""

    #: (1, rows, columns); the spectrogram: amplitude of a sound (1 for a full-scale sine), values
    #: of an array, levels of a picture in [0, 1]; then, for a picture in colour, its red, green and
    #: blue in [0, 1]
    planes: Floats
    measures: dict[str, Any]  # duration, level, share of clipped and of padded values and the like


def kind_of(path: Path) -> Kind | None:
    """Tell what a file is read as, by its suffix; ``None`` if it is not read at all.

    >>> kind_of(Path("a.FLAC")), kind_of(Path("notes.txt"))
    ('audio', None)
    """
    return SUFFIXES.get(path.suffix.lower())


def refusal(path: Path) -> str:
    """Say why a file is not read, going by its suffix, and what to do.

    >>> refusal(Path("a.m4a"))
    '.m4a is not read: convert it to .wav or .flac, with ffmpeg for instance'
    """
    suffix = shown(path.suffix.lower())
    remedy = _REMEDIES.get(suffix, "")
    return f"{suffix} is not read: {remedy}" if remedy else NO_DATA


def near(side: int, common: int) -> bool:
    """Tell whether a picture's rows or columns differ from the common number by a mere border.

    Tight borders around labels of other widths change a size by two pixels, or by 1 %.

    >>> near(215, 217), near(214, 217), near(1010, 1000), near(9, 10)
    (True, False, True, False)
    """
    return abs(side - common) <= max(min(2, common // 20), round(common / 100))


def shown(name: str) -> str:
    r"""Make a file name or a label fit to be shown.

    Bytes that are no UTF-8 are escaped, as in ``\xff``. Control characters (a terminal would obey
    them) and marks that reverse the direction of writing become "�".

    >>> shown("caf\u00e9\x1b[2J.wav")
    'café�[2J.wav'
    """
    whole = re.sub(r"[\ud800-\udc7f\udd00-\udfff]", "\ufffd", name)  # halves of letters
    text = whole.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)


# --- survey ----------------------------------------------------------------------------------


def survey(path: Path) -> Survey:
    """Find out what a file with a suffix of `SUFFIXES` is, and hash it; or raise Unusable."""
    kind = kind_of(path)
    if kind is None:
        raise Unusable(refusal(path))
    with explained(path):
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unusable("not a regular file")
        if path.stat().st_size == 0:
            raise Unusable("empty: the file has no bytes")
        size_of = {"audio": _sound_size, "arrays": _array_size, "images": _image_size}[kind]
        with path.open("rb") as stream:  # first: libsndfile calls a refusal a damaged file
            rate, size = size_of(path)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Survey(digest, kind, rate, size, header_facts(path, kind))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what readers raise at damaged files into a reason."""
    try:
        yield
    except Unusable:
        raise
    except PermissionError:
        raise Unusable("not readable: permission denied") from None
    except FileNotFoundError:
        raise Unusable("missing: there is no such file, or a link that leads nowhere") from None
    except MemoryError:
        raise Unusable("too large for this machine's memory") from None
    except Exception as problem:  # decoders raise what they like: struct.error, SyntaxError, …
        said = shown(str(problem).replace(str(path), path.name)).strip().splitlines()
        raise Unusable(
            f"damaged or not what its name says ({(said or ['unreadable'])[-1][:120]})"
        ) from problem


def _sound_size(path: Path) -> tuple[int, tuple[int, int]]:
    rate, channels, samples = decoding.measured(path)
    if samples < LEAST_SECONDS * rate:
        raise Unusable(
            f"too short: {1000 * samples / rate:.3g} ms; at least {1000 * LEAST_SECONDS:.0f} needed"
        )
    return rate, (channels, samples)


def _check_size(shape: tuple[int, ...], what: str) -> None:
    if math.prod(shape) > MOST_VALUES:
        raise Unusable(
            f"too large: {shape[0]:,} × {shape[1]:,}; at most {MOST_VALUES:,} values are read, "
            "whatever the file's size on the disk"
        )
    if min(shape) < LEAST_SIDE:
        raise Unusable(f"too small: the {what} is {shape[0]} × {shape[1]}")


def _array_size(path: Path) -> tuple[int, tuple[int, int]]:
    size = arrays.shape(path)
    _check_size(size, "array")
    return 0, size


def _image_size(path: Path) -> tuple[int, tuple[int, int]]:
    with _picture(path) as image:
        columns, rows = image.size
    _check_size((rows, columns), "picture")
    return 0, (rows, columns)


@contextmanager
def _picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture's header; its pixels are decoded by whoever asks for them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes, which `_check_size` judges; of odd metadata
        try:
            with Image.open(path, formats=_FORMATS) as image:
                if (count := getattr(image, "n_frames", 1)) > 1:
                    raise Unusable(f"holds {count} pictures; one is needed")
                yield image
        except Image.DecompressionBombError:
            raise Unusable(f"too large: more than {MOST_VALUES:,} pixels") from None


# --- reading ---------------------------------------------------------------------------------


def read(path: Path, front: FrontEnd) -> Reading:
    """Read an array or a picture that passed `survey`.

    Columns beyond the front end's `source` are cut, missing ones are filled with the lowest value;
    a picture that is just a few pixels off is resized. Unusable if it is damaged after all, not
    finite, or without any content.
    """
    with explained(path):
        values = _levels(path, front) if front.kind == "images" else arrays.values(path)[None]
        values = values.transpose(0, 2, 1) if front.transposed else values
        if not np.isfinite(values).all():
            count = int((~np.isfinite(values)).sum())
            raise Unusable(f"values that are not finite (NaN or infinite): {count:,}")
        if np.ptp(values[0]) == 0:
            raise Unusable("silent: all its values are equal")
        high = values[0].max()
        nearly = front.kind == "images" and near(values.shape[2], front.source[1])
        filled, padded = (values, 0.0) if nearly else _fitted(values, front.source[1])
        measures = {
            "padding": padded,
            "clipped": float((values[0] == high).mean()),
            "level": float(values[0].mean()),
        }
        planes = _averaged(filled, front.size)
    return Reading(planes, measures)


def _levels(path: Path, front: FrontEnd) -> Floats:
    """Levels of a picture in [0, 1], the lowest row first; then its red, green and blue."""
    pixels, colormap = _pixels(path), front.colormap
    if pixels.ndim == 2:
        planes = 1 - pixels[None] if front.dark_is_loud else pixels[None]
        if colormap:
            planes = np.concatenate([planes, np.repeat(planes, 3, axis=0)])
    else:
        colours = np.moveaxis(pixels, -1, 0).astype(np.float32) / 255
        if colormap:
            gray = levels_under(pixels, colormap)[None].astype(np.float32) / 255
        else:
            gray = np.tensordot(_LUMA, colours, axes=1)[None]
        planes = np.concatenate([gray, colours]) if colormap else gray
    return np.asarray(planes[:, ::-1], np.float32)


def _pixels(path: Path) -> NDArray[Any]:
    """Pixels of a picture: float32 (rows, columns) in [0, 1], or uint8 (rows, columns, 3)."""
    with _picture(path) as image:
        columns, rows = image.size
        _check_size((rows, columns), "picture")
        if image.mode in ("I;16", "I;16B", "I"):
            return np.asarray(image, np.float32) / 65535
        if image.mode == "F":
            raise Unusable("holds numbers, not colours: save them with numpy.save")
        if image.mode in ("1", "L", "LA"):
            return np.asarray(image.convert("L"), np.float32) / 255
        colours = np.asarray(image.convert("RGB"))
    if np.ptp(colours, axis=-1).max() <= _TINT:
        return np.asarray(colours.mean(axis=-1), np.float32) / 255
    return colours


def _fitted(values: Floats, columns: int) -> tuple[Floats, float]:
    """Cut at, or fill up to, a number of columns; and the share that was filled."""
    missing = columns - values.shape[2]
    if missing <= 0:
        return values[:, :, :columns], 0.0
    low = values.min(axis=(1, 2), keepdims=True)
    filling = np.broadcast_to(low, (*values.shape[:2], missing))
    return np.concatenate([values, filling], axis=2), missing / columns


def _averaged(planes: Floats, size: tuple[int, int]) -> Floats:
    """Area means, where there are other rows or columns than wanted."""
    if size == planes.shape[1:]:
        return np.ascontiguousarray(planes)
    return np.asarray(spectrograms.resize(planes, size), np.float32)


# --- colours ---------------------------------------------------------------------------------


def colours_of(path: Path) -> NDArray[np.uint8]:
    """Read the colours of a picture, without axes and margins, shape (rows, columns, 3)."""
    with explained(path):
        pixels = _pixels(path)
    if pixels.ndim == 2:
        pixels = np.repeat(np.rint(255 * pixels).astype(np.uint8)[..., None], 3, axis=2)
    return np.asarray(pixels[direction.frame(pixels).area], np.uint8)
