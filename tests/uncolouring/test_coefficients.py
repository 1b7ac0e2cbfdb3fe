"""The coefficients of Pillow's files, held to the book's own codec, which is held to libjpeg."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.jpeg.codec import JPEGAutoencoder
from analysis.jpeg.colour import as_batch
from analysis.uncolouring import catalogue, coefficients
from tests.uncolouring.pictures import jpeg_file, planted


@given(
    st.integers(1, 100), st.sampled_from([0, 2]), st.integers(1, 40), st.integers(3, 50),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_they_are_those_that_the_codec_makes(
    quality: int, subsampling: int, rows: int, columns: int, optimise: bool
) -> None:
    pixels = catalogue.table("turbo")[planted(quality, rows=96)[:rows, :columns]]
    content = jpeg_file(pixels, quality, subsampling, optimize=optimise)
    found = coefficients.read(content)
    codec = JPEGAutoencoder(quality, "RGB", "4:2:0" if subsampling else "4:4:4")
    for plane, truth in zip(found.planes, codec.encode(as_batch(pixels[None])).planes, strict=True):
        flat = np.moveaxis(truth.numpy()[0], 0, -1)
        assert (plane.reshape(flat.shape) == flat).all()
    assert found.size == (rows, columns)
    assert (found.steps[0].ravel() == codec.tables.numpy()[0]).all()


def test_restarts_and_gray_are_read() -> None:
    levels = planted(1)
    plain = coefficients.read(jpeg_file(levels, 80))
    again = coefficients.read(jpeg_file(levels, 80, restart_marker_blocks=3))
    assert (plain.planes[0] == again.planes[0]).all()


def test_what_is_not_baseline_is_refused_in_a_sentence() -> None:
    pixels = catalogue.table("jet")[planted(1)]
    content = jpeg_file(pixels, 80)
    for wrong in (jpeg_file(pixels, 80, progressive=True), content[:400], b"", b"\xff\xd8",
                  content[: len(content) // 2], b"\xff\xd8" + bytes(50)):  # fmt: skip
        with pytest.raises(coefficients.UnreadJPEG) as problem:
            coefficients.read(wrong)
        assert "\n" not in str(problem.value)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_damage_gives_coefficients_or_a_sentence(
    edits: list[tuple[float, int]], end: float
) -> None:
    content = bytearray(jpeg_file(catalogue.table("jet")[planted(2, 24, 24)], 70))
    for place, value in edits:
        content[int(place * (len(content) - 1))] = value
    try:
        found = coefficients.read(bytes(content[: int((0.5 + end / 2) * len(content))]))
    except coefficients.UnreadJPEG:
        return
    assert len(found.planes) in (1, 3)
