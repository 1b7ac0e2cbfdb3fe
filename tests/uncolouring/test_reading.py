"""Levels of lossless pictures, with bounds; directions, axes, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from analysis.uncolouring import UnreadablePicture, catalogue, direction, levels_of
from tests.conftest import sampled
from tests.uncolouring.pictures import planted

NAMES = ("viridis", "magma", "turbo", "jet", "gray", "hsv", "prism", "cmasher:ember", "sox")


@given(st.sampled_from(NAMES), st.integers(0, 50), st.integers(0, 1), st.sampled_from([8, 97]))
@settings(max_examples=20, deadline=None)
def test_planted_levels_are_within_the_bound(name: str, seed: int, which: int, rows: int) -> None:
    levels = planted(seed, rows=rows)
    tables = catalogue.variants(name)
    found = levels_of(tables[which % len(tables)][levels], colormap=name, reverse=False)
    assert found.certificate == "exact"
    assert (found.low <= levels).all() and (levels <= found.high).all()
    assert (np.abs(found.levels.astype(int) - levels) <= found.error_bound).all()
    assert (found.low <= found.levels).all() and (found.levels <= found.high).all()


def test_a_map_without_equal_colours_gives_each_level_back() -> None:
    levels = planted(0)
    found = levels_of(mpl.colormaps["jet"](levels, bytes=True))
    assert found.colormap == "jet"
    assert (found.high - found.low).max() <= 3  # jet's red end has neighbours of one colour
    assert (found.high == found.low).mean() > 0.9


@pytest.mark.parametrize("form", sampled(["PNG", "BMP", "TIFF", "GIF", "WEBP"], "PNG", "GIF"))
def test_lossless_files_are_read(form: str, tmp_path: Path) -> None:
    levels = planted(1)
    path = tmp_path / f"picture.{form.lower()}"
    image = Image.fromarray(catalogue.table("viridis")[levels])
    image.save(path, **({"lossless": True} if form == "WEBP" else {}))
    found = levels_of(path)
    assert found.colormap == "viridis"
    if form != "GIF":  # Pillow chooses a palette of its own
        assert (found.low <= levels).all() and (levels <= found.high).all()
    assert np.median(np.abs(found.levels.astype(int) - levels)) <= 2


def test_dark_is_loud_is_recognised_and_told() -> None:
    levels = np.minimum(planted(2), 254)
    found = levels_of(255 - levels)
    assert found.reversed and found.colormap == "gray"
    assert np.abs(found.levels.astype(int) - levels).max() <= 1
    assert any("guess" in doubt for doubt in found.doubts)
    told = levels_of(255 - levels, reverse=False)
    assert not told.reversed and (told.levels == 255 - found.levels).all()


def test_a_direction_that_cannot_be_seen_is_doubted() -> None:
    ramp = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    assert any("cannot be seen" in doubt for doubt in levels_of(ramp).doubts)


def test_upside_down_is_doubted() -> None:
    levels = planted(2, noise=2) // 2 + np.arange(96, dtype=np.uint8)[:, None]  # loud at the bottom
    assert not any("upside" in doubt for doubt in levels_of(levels).doubts)
    assert any("upside" in doubt for doubt in levels_of(levels[::-1]).doubts)


@pytest.mark.parametrize("name", sampled(["viridis", "magma", "jet"], "viridis"))
def test_axes_and_margins_are_left_out(name: str) -> None:
    levels, stream = planted(3), io.BytesIO()
    with plt.style.context("default"):  # as people save it, whatever style the book has set
        figure, axes = plt.subplots()
        axes.imshow(levels, cmap=name, aspect="auto", interpolation="nearest")
        axes.set_xlabel("time (s)")
        figure.colorbar(axes.images[0])
        figure.savefig(stream)
        plt.close(figure)
    found = levels_of(Image.open(stream))
    assert found.colormap == name
    top, bottom, left, right = found.frame
    assert 50 < top < 70 and 415 < bottom < 435 and 70 < left < 90 and 470 < right < 490
    middle = found.levels[:: (bottom - top) // 96, :: (right - left) // 112]
    assert abs(float(np.median(middle)) - float(np.median(levels))) < 12


def test_a_picture_to_its_edges_is_whole() -> None:
    for seed in range(5):
        pixels = catalogue.table("magma")[planted(seed)]
        assert direction.frame(pixels) == (0, 96, 0, 112)


def test_a_picture_of_one_colour_or_a_line_is_whole() -> None:
    page = np.full((40, 60, 3), 255, np.uint8)
    assert direction.frame(page) == (0, 40, 0, 60)
    page[20] = 0
    assert direction.frame(page) == (0, 40, 0, 60)


def test_where_no_map_is_sure_there_are_no_levels() -> None:
    found = levels_of(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    assert found.levels is None and found.error_bound is None and found.colormap is None
    assert "no known colormap" in found.reason


def test_alpha_and_palettes() -> None:
    levels = planted(6)
    colours = catalogue.table("plasma")[levels]
    clear = np.dstack([colours, np.full(levels.shape, 99, np.uint8)])
    found = levels_of(Image.fromarray(clear))
    assert found.colormap == "plasma" and any("transparent" in doubt for doubt in found.doubts)
    image = Image.fromarray(levels, "L")
    image.putpalette(catalogue.table("plasma").tobytes())
    exact = levels_of(image)
    assert exact.certificate == "exact"
    assert (exact.low <= levels).all() and (levels <= exact.high).all()


def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    for wrong in (path, tmp_path / "missing.png", np.zeros((4, 4)), np.zeros((2, 2, 2), np.uint8)):
        with pytest.raises(UnreadablePicture) as problem:
            levels_of(wrong)
        assert "\n" not in str(problem.value) and len(str(problem.value)) < 300
    with pytest.raises(ValueError, match="unknown colormap"):
        levels_of(np.zeros((8, 8), np.uint8), colormap="virdis")


def test_a_picture_that_claims_to_be_huge_is_not_decoded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    path = tmp_path / "huge.png"
    path.write_bytes(bytes(content))
    with pytest.raises(UnreadablePicture):
        levels_of(path)
