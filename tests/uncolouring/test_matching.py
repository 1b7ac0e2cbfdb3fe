"""Which map: all of matplotlib's, others through JPEG and resampling; photographs have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from analysis.colour import colormaps
from analysis.uncolouring import catalogue, levels_of, matching
from tests.conftest import sampled
from tests.uncolouring.pictures import Bytes, jpeg_file, planted, through_jpeg

#: The same colours in another order, so that a picture of many levels cannot tell which it was.
TWINS = ({"twilight", "twilight_shifted"},)


def same(found: str | None, name: str) -> bool:
    """Whether both are one map, maybe reversed, or twins."""
    if found is None or found == name or {found, name} in TWINS:
        return found is not None
    gaps = colormaps.lut8(name).astype(int) - catalogue.table(found)
    back = colormaps.lut8(name)[::-1].astype(int) - catalogue.table(found)
    return bool(min(np.abs(gaps).max(), np.abs(back).max()) <= 2)


@pytest.mark.parametrize("name", colormaps.names())
@pytest.mark.slow
def test_every_map_of_matplotlib_is_recognised(name: str) -> None:
    found = matching.match(colormaps.lut8(name)[planted(3)])
    assert found.name is not None
    gray = np.ptp(colormaps.lut8(name).astype(int), axis=1).max() <= 2
    assert same(found.name, name) or (gray and found.name == "gray")
    assert found.unexplained < 0.01


@pytest.mark.parametrize("name", ["viridis", "gray", "flag", "tab10", "Spectral", "cubehelix"])
def test_maps_of_matplotlib_are_recognised(name: str) -> None:
    assert matching.match(colormaps.lut8(name)[planted(3)]).name == name


SAMPLE = ("viridis", "magma", "jet", "turbo", "cividis", "hot", "colorcet:fire", "cmasher:ember",
          "cmocean:thermal", "crameri:batlow", "sox", "ffmpeg")  # fmt: skip


@pytest.mark.parametrize("name", sampled(SAMPLE, *SAMPLE[:3]))
@pytest.mark.parametrize(("quality", "subsampling"), [(50, 2), (75, 0)])
def test_a_map_is_recognised_through_jpeg(
    name: str, quality: int, subsampling: int, tmp_path: Path
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(jpeg_file(catalogue.table(name)[planted(5)], quality, subsampling))
    found = levels_of(path)
    assert name in (found.colormap, found.runner_up), found
    assert found.colormap is not None


@pytest.mark.parametrize("name", sampled(["viridis", "jet", "magma"], "jet"))
def test_a_map_is_recognised_in_pixels_that_went_through_jpeg(name: str) -> None:
    assert matching.match(through_jpeg(catalogue.table(name)[planted(5)], 60)).name == name


@pytest.mark.parametrize("size", [(80, 60), (170, 150)])
@pytest.mark.parametrize("name", sampled(["viridis", "jet", "magma"], "magma"))
def test_a_map_is_recognised_after_resampling(name: str, size: tuple[int, int]) -> None:
    image = Image.fromarray(catalogue.table(name)[planted(7)])
    resampled = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    assert matching.match(resampled).name == name


PHOTOGRAPHS = ("coffee.png", "astronaut.png", "retina.jpg", "ihc.png", "rocket.jpg", "chelsea.png",
               "motorcycle_left.png")  # fmt: skip


def photograph(name: str) -> Bytes:
    path = Path(skimage.__file__).parent / "data" / name
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("name", sampled(PHOTOGRAPHS, *PHOTOGRAPHS[:2]))
def test_a_photograph_has_no_map(name: str) -> None:
    found = matching.match(photograph(name))
    assert found.name is None and found.reason and found.runner_up
    again = matching.match(through_jpeg(photograph(name)[:256, :256], 75))
    assert again.name is None


def test_several_pictures_are_judged_together() -> None:
    table = catalogue.table("viridis")
    low, high = planted(1) // 3, 170 + planted(2) // 3
    assert matching.match(table[low], table[high]).name == "viridis"


def test_maps_of_the_same_colours_are_named_both() -> None:
    found = matching.match(catalogue.table("twilight")[planted(4)])
    assert {found.name, found.runner_up} == {"twilight", "twilight_shifted"}


def test_the_catalogue_has_no_map_twice() -> None:
    tables = np.stack([catalogue.table(name) for name in catalogue.names()]).astype(np.int16)
    for i, colours in enumerate(tables[:-1]):
        gaps = np.abs(tables[i + 1 :] - colours).max((1, 2))
        assert gaps.min() > 0


def test_sox_goes_from_black_to_white_by_known_colours() -> None:
    sox = catalogue.table("sox").astype(int)
    assert sox[0].tolist() == [0, 0, 0] and sox[255].tolist() == [255, 255, 255]
    assert sox[76, 2] >= 126 and sox[76, 1] == 0  # violet at 0.3
    assert np.abs(sox - catalogue.table("ffmpeg")).max() <= 40  # straight between SoX's corners
