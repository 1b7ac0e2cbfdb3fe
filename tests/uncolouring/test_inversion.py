"""Levels from JPEG files: bounds that hold, a certificate that Pillow confirms, smaller errors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from analysis.colour import colormaps
from analysis.jpeg.colour import luma_levels
from analysis.uncolouring import catalogue, coefficients, inversion, levels_of
from tests.uncolouring.pictures import Bytes, jpeg_file, planted

NAMES = ("viridis", "magma", "turbo", "jet", "gray", "cmasher:ember", "sox")
SAMPLING = {(1, 1): 0, (2, 2): 2}


def encoded_again(
    found: inversion.Inverted, name: str, content: bytes
) -> coefficients.Coefficients:
    """Coefficients of Pillow's file of the found levels, with the quality tables of the first."""
    tables = Image.open(io.BytesIO(content)).quantization  # type: ignore[attr-defined]
    stream = io.BytesIO()
    image = Image.fromarray(catalogue.table(name)[found.levels])
    sampling = SAMPLING[coefficients.read(content).factor]
    image.save(stream, "JPEG", qtables=tables, subsampling=sampling)
    return coefficients.read(stream.getvalue())


@given(
    st.sampled_from(NAMES), st.integers(50, 98), st.sampled_from([0, 2]), st.integers(0, 20),
    st.integers(17, 60), st.integers(17, 60),
)  # fmt: skip
@settings(max_examples=8, deadline=None)
def test_planted_levels_are_within_the_bounds_and_the_certificate_is_right(
    name: str, quality: int, subsampling: int, seed: int, rows: int, columns: int
) -> None:
    levels = planted(seed)[:rows, :columns]
    table = catalogue.table(name)
    content = jpeg_file(table[levels], quality, subsampling)
    file = coefficients.read(content)
    found = inversion.invert(file, table)
    assert (found.low <= levels).all() and (levels <= found.high).all()
    assert (found.low <= found.levels).all() and (found.levels <= found.high).all()
    again = encoded_again(found, name, content)
    for i, (mine, theirs) in enumerate(zip(again.planes, file.planes, strict=True)):
        down, along = (8 * f for f in (file.factor if i else (1, 1)))
        same = (mine == theirs).all((2, 3)).repeat(down, 0).repeat(along, 1)[:rows, :columns]
        assert same[found.certified].all()


def nearest(content: bytes, table: Bytes) -> tuple[Bytes, Bytes]:
    colours = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    return colormaps.nearest_level(colours, table), luma_levels(colours, table)


@pytest.mark.parametrize("name", ["viridis", "turbo"])
def test_errors_are_smaller_than_those_of_the_nearest_colour_and_luma(name: str) -> None:
    levels, table = planted(5), catalogue.table(name)
    content = jpeg_file(table[levels], 75, 2)
    found = inversion.invert(coefficients.read(content), table)
    mine, *others = (
        np.abs(guess.astype(int) - levels).mean()
        for guess in (found.levels, *nearest(content, table))
    )
    assert mine < min(others)
    assert found.certified.mean() > (0.5 if name == "viridis" else 0.1)


def test_a_file_is_inverted_by_its_path(tmp_path: Path) -> None:
    levels, table = planted(8), catalogue.table("magma")
    path = tmp_path / "picture.jpg"
    path.write_bytes(jpeg_file(table[levels], 92, 0))
    found = levels_of(path)
    assert found.colormap == "magma" and found.certified > 0
    assert np.abs(found.levels.astype(int) - levels).mean() < 3
    path.write_bytes(jpeg_file(table[levels], 92, 0, progressive=True))
    again = levels_of(path)
    assert again.colormap == "magma" and again.certificate == "none"
    assert any("progressive" in doubt for doubt in again.doubts)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(1, 1), (1, 2), (2, 2)]))
@settings(max_examples=30, deadline=None)
def test_spreading_is_the_adjoint_of_shrinking(
    rows: int, columns: int, factor: tuple[int, int]
) -> None:
    rng = np.random.default_rng(rows)
    down, along = (-(-s // (8 * f)) for s, f in zip((rows, columns), factor, strict=True))
    codes = np.zeros((down, along, 8, 8), np.int16)
    plane = inversion._Plane(codes, np.ones((8, 8), np.int64), (rows, columns), factor)
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    y = rng.normal(size=(8 * down, 8 * along)).astype(np.float32)
    assert np.isclose((plane.shrunk(x) * y).sum(), (x * plane.spread(y)).sum(), atol=1e-3)
