"""Levels of a picture: `levels_of` opens it, finds its map, its levels, and how sure they are."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.uncolouring import catalogue, coefficients, direction, inversion, matching

Bytes = NDArray[np.uint8]

#: Formats of files that are opened.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")

#: Largest picture; judged by its header, before anything is decoded.
MOST_PIXELS = 40_000_000

#: A colour that differs from the map's in no channel by more is the map's, rounded otherwise.
_ROUNDED = 1

#: Share of the pixels off the map from which it is said.
_OFF = 0.01

Certificate = Literal["exact", "re-encodes", "none"]


class UnreadablePicture(ValueError):
    """A file or array is no picture that can be read; the text is the reason, in one sentence."""


@dataclass(frozen=True)
class Uncoloured:
    """Levels behind a picture's colours."""

    #: (rows, columns); 0…255, high for loud; ``None`` where no map is sure: brightness is never
    #: taken for level
    levels: Bytes | None
    #: (rows, columns); the level surely lies between them, if the picture was made from one with
    #: this map
    low: Bytes | None
    high: Bytes | None
    colormap: str | None  # name in `catalogue.names`, never a reversed one
    reversed: bool  # whether the map was taken backwards, dark for loud
    #: A map that these colours do not tell from it; or, without a sure map, the best one
    runner_up: str | None
    #: "exact": every pixel has a colour of the map. "re-encodes": the levels' colours, saved with
    #: the file's tables, give the file's own coefficients, so that it cannot tell these levels from
    #: the true ones. "none": neither, everywhere.
    certificate: Certificate
    certified: float  # share of the pixels for which that is so
    #: the part of the image that is the picture, without axes and margins; the arrays are its
    frame: direction.Frame
    reason: str = ""  # why no map is sure; "" where one is
    doubts: tuple[str, ...] = ()  # sentences about what was guessed

    @property
    def error_bound(self) -> NDArray[np.uint8] | None:
        """Largest error of each pixel's level, shape (rows, columns)."""
        if self.levels is None or self.low is None or self.high is None:
            return None
        return np.asarray(np.maximum(self.high - self.levels, self.levels - self.low), np.uint8)


def levels_of(
    picture: str | PathLike[str] | Image.Image | NDArray[Any],
    *,
    colormap: str | None = None,
    reverse: bool | None = None,
) -> Uncoloured:
    """Read the levels behind a colour-mapped picture.

    Parameters
    ----------
    picture : path, PIL image, or ndarray of uint8, shape (rows, columns) or (rows, columns, 3 or 4)
        Of a JPEG only the file holds all that there is to know: give its path, not its pixels.
    colormap : str, optional
        A name of `catalogue.names`, where it is known; else it is recognised.
    reverse : bool, optional
        Whether dark is loud, where it is known; else it is judged by the background.

    Returns
    -------
    Uncoloured

    Raises
    ------
    UnreadablePicture
        If the file cannot be read, or is no picture.
    ValueError
        For an unknown colormap.

    Examples
    --------
    >>> planted = np.add.outer(np.arange(32), np.arange(64)).astype(np.uint8)
    >>> found = levels_of(catalogue.table("viridis")[planted])
    >>> found.colormap, found.certificate, bool((found.levels == planted).all())
    ('viridis', 'exact', True)
    """
    if colormap is not None and colormap not in catalogue.names():
        raise ValueError(f"unknown colormap {colormap!r}; see analysis.uncolouring.catalogue.names")
    pixels, notes = _pixels(picture)
    inside = direction.frame(pixels)
    notes += direction.margin_doubt(pixels, inside)
    planes = _planes(picture, pixels)[inside.area]
    pixels = np.ascontiguousarray(pixels[inside.area])
    found = matching.match(planes) if colormap is None else matching.Match(colormap, None, 0.0)
    if found.name is None:
        return Uncoloured(
            None, None, None, None, False, found.runner_up, "none", 0.0, inside, found.reason
        )
    levels, low, high, exact = _from_colours(pixels, planes, found.name)
    file, told = _coefficients(picture)
    if file is not None:
        inverted = inversion.invert(file, catalogue.table(found.name))
        levels, low, high, exact = (part[inside.area] for part in vars(inverted).values())
    notes += told
    turned = direction.is_reversed(levels) if reverse is None else reverse
    if turned:
        levels, low, high = 255 - levels, 255 - high, 255 - low
    doubts = [*notes, *direction.doubts_of(levels, turned and reverse is None)]
    if reverse is not None:
        doubts = [doubt for doubt in doubts if "bright" not in doubt]
    if file is None and exact.mean() < 1 - _OFF:
        doubts.append(
            f"{1 - exact.mean():.0%} of the pixels have no colour of the map: the picture went "
            "through JPEG, resampling or a palette, or something is drawn over it."
        )
    return Uncoloured(
        levels, low, high, found.name, turned, found.runner_up,
        "none" if not exact.all() else "exact" if file is None else "re-encodes",
        float(exact.mean()), inside, "", tuple(doubts),
    )  # fmt: skip


def levels_under(pixels: Bytes, colormap: str) -> Bytes:
    """Take the levels of pixels whose map is known: exact ones, else the nearest. (…, 3) → (…).

    Of a JPEG, `levels_of` makes more, and takes longer.

    >>> levels_under(catalogue.table("jet")[[[7, 200]]], "jet").tolist()
    [[7, 200]]
    """
    return _from_colours(pixels, matching.to_ycc(pixels), colormap)[0]


def _pixels(picture: str | PathLike[str] | Image.Image | NDArray[Any]) -> tuple[Bytes, list[str]]:
    """Pixels (rows, columns, 3) of a path, image or array; and what was left out of them."""
    if isinstance(picture, np.ndarray):
        return _of_array(picture)
    if isinstance(picture, Image.Image):
        return _of_image(picture)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bombs are judged below; odd metadata are no matter
            with Image.open(Path(picture), formats=FORMATS) as image:
                return _of_image(image)
    except UnreadablePicture:
        raise
    except Exception as problem:  # decoders raise what they like
        why = (str(problem).strip().splitlines() or ["unreadable"])[-1][:120]
        raise UnreadablePicture(f"no picture that can be read ({why})") from problem


def _of_image(image: Image.Image) -> tuple[Bytes, list[str]]:
    columns, rows = image.size
    _check_size(rows, columns)
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(image, np.float64)
        if image.mode == "F" or not np.isfinite(values).all() or values.max() > 65535:
            raise UnreadablePicture(
                "holds numbers, not colours: give them as an array to the audit"
            )
        return _gray(np.rint(values / 257).astype(np.uint8)), []
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return _of_array(np.asarray(image.convert("RGBA")))
    if image.mode in ("1", "L"):
        return _gray(np.asarray(image.convert("L"))), []
    return np.asarray(image.convert("RGB")), []


def _of_array(pixels: NDArray[Any]) -> tuple[Bytes, list[str]]:
    if pixels.dtype != np.uint8:
        raise UnreadablePicture(f"holds values of type {pixels.dtype}; pixels are uint8")
    if pixels.ndim == 2:
        _check_size(*pixels.shape)
        return _gray(pixels), []
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise UnreadablePicture(
            f"has the shape {pixels.shape}; a picture is (rows, columns, 3 or 4)"
        )
    _check_size(*pixels.shape[:2])
    if pixels.shape[2] == 3:
        return pixels, []
    clear = float((pixels[..., 3] < 255).mean())
    told = f"{clear:.0%} of the pixels are transparent; their colours are taken as they stand."
    return pixels[..., :3], [told] if clear else []


def _gray(levels: Bytes) -> Bytes:
    return np.repeat(levels[..., None], 3, axis=2)


def _check_size(rows: int, columns: int) -> None:
    if rows * columns > MOST_PIXELS:
        raise UnreadablePicture(
            f"too large: {rows:,} × {columns:,}; at most {MOST_PIXELS:,} pixels are read"
        )
    if not rows * columns:
        raise UnreadablePicture("empty: the picture has no pixels")


def _coefficients(picture: object) -> tuple[coefficients.Coefficients | None, list[str]]:
    """Coefficients of a JPEG's path; or why they are not used."""
    if not isinstance(picture, (str, PathLike)):
        return None, []
    content = Path(picture).read_bytes()
    if content[:2] != b"\xff\xd8":
        return None, []
    try:
        return coefficients.read(content), []
    except coefficients.UnreadJPEG as problem:
        return None, [f"The levels are those of the nearest colours only: {problem}."]


def _planes(picture: object, pixels: Bytes) -> NDArray[np.float32]:
    """Luma and colour of every pixel: of a JPEG's path as the file holds them, unclipped."""
    if not isinstance(picture, (str, PathLike)):
        return matching.to_ycc(pixels)
    with Image.open(Path(picture), formats=FORMATS) as image:
        if image.format != "JPEG" or image.mode != "RGB":
            return matching.to_ycc(pixels)
        image.draft("YCbCr", image.size)
        return np.asarray(image, np.float32) - np.array([0, 128, 128], np.float32)


def _from_colours(
    pixels: Bytes, planes: NDArray[np.float32], name: str
) -> tuple[Bytes, Bytes, Bytes, NDArray[np.bool_]]:
    """Levels of pixels, with bounds, and which pixels have a colour of the map."""
    points, where = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    where = where.reshape(pixels.shape[:2])
    tables = catalogue.variants(name)
    known = [_matches(points, table, 0) for table in tables]
    whole = [levels for levels in known if levels.any(1).all()]
    fitting = np.logical_or.reduce(whole or [_matches(points, tables[0], _ROUNDED)])
    exact = fitting.any(1)
    low = np.where(exact, fitting.argmax(1), 0).astype(np.uint8)[where]
    high = np.where(exact, 255 - fitting[:, ::-1].argmax(1), 255).astype(np.uint8)[where]
    on = exact[where]
    level = low.copy()
    if not on.all():
        level[~on] = matching.nearest(planes[~on], matching.to_ycc(tables[0]))
    return level, low, high, on


def _matches(points: Bytes, table: Bytes, tolerance: int) -> NDArray[np.bool_]:
    """Which levels' colours differ from each point by no more in any channel. (n, 256)."""
    found = np.empty((len(points), len(table)), bool)
    for start in range(0, len(points), 4096):
        part = points[start : start + 4096].astype(np.int16)
        gaps = np.abs(part[:, None] - table.astype(np.int16)).max(-1)
        found[start : start + 4096] = gaps <= tolerance
    return found
