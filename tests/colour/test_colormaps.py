"""The colormaps' tables against what matplotlib and Pillow write."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from analysis.colour import colormaps
from analysis.colour.curves import OWN


def _written(levels: np.ndarray, **options: object) -> np.ndarray:
    stream = io.BytesIO()
    plt.imsave(stream, levels, format="png", **options)
    return np.asarray(Image.open(stream))[..., :3]


def test_names_are_matplotlibs_without_the_reversed() -> None:
    names = colormaps.names()
    theirs = set(mpl.colormaps) - OWN
    assert len(names) == len(set(names)) == sum(not n.endswith("_r") for n in theirs)
    assert {"viridis", "gray", "jet", "turbo"} <= set(names)


@pytest.mark.parametrize("name", colormaps.names())
def test_lut8_is_what_imsave_writes(name: str) -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(_written(levels, cmap=name)[0], colormaps.lut8(name))


@pytest.mark.parametrize("name", colormaps.names())
def test_the_three_tables_agree_to_a_byte(name: str) -> None:
    exact = colormaps.lut(name) * 255
    assert colormaps.lut(name).dtype == np.float64
    truncated = exact - colormaps.lut8(name)
    assert (truncated > -1e-6).all()
    assert (truncated < 1).all()
    assert np.abs(exact - colormaps.lut8_rounded(name)).max() <= 0.5


def test_gray_as_written_merges_24_levels() -> None:
    assert len(np.unique(colormaps.lut8("gray"), axis=0)) == 232
    assert len(np.unique(colormaps.lut8_rounded("gray"), axis=0)) == 256


def test_tables_cannot_be_changed() -> None:
    for table in (colormaps.lut, colormaps.lut8, colormaps.lut8_rounded):
        with pytest.raises(ValueError, match="read-only"):
            table("viridis")[0] = 0


def test_an_unknown_colormap_is_refused_with_its_neighbours() -> None:
    with pytest.raises(ValueError, match="viridis"):
        colormaps.lut("virids")


def test_apply_is_matplotlibs_colormap() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (2, 5, 7), dtype=np.uint8)
    ours = colormaps.apply(levels, colormaps.lut8("magma"))
    assert ours.shape == (2, 5, 7, 3)
    theirs = mpl.colormaps["magma"](levels, bytes=True)[..., :3]
    np.testing.assert_array_equal(ours, theirs)


def test_nearest_is_the_same_for_bytes_and_for_numbers() -> None:
    colours = np.random.default_rng(2).integers(0, 256, (5, 60, 3), dtype=np.uint8)
    table = colormaps.lut8("turbo")
    levels, distance = colormaps.nearest(colours, table)
    slow_levels, slow_distance = colormaps.nearest(colours.astype(float), table.astype(float))
    np.testing.assert_array_equal(levels, slow_levels)
    np.testing.assert_allclose(distance, slow_distance, rtol=1e-6)
    assert distance.shape == (5, 60)
    assert not colormaps.nearest(table, table)[1].any()


def test_nearest_level_inverts_and_is_brute_force() -> None:
    table = colormaps.lut8("viridis")
    levels = np.arange(256, dtype=np.uint8)
    back = colormaps.nearest_level(table[levels], table)
    np.testing.assert_array_equal(table[back], table[levels])
    colours = np.random.default_rng(1).integers(0, 256, (40, 3))
    distance = ((colours[:, None].astype(float) - table[None]) ** 2).sum(-1)
    np.testing.assert_array_equal(colormaps.nearest_level(colours, table), distance.argmin(1))


@pytest.mark.parametrize("shape", [(7,), (2, 3, 5), (1024, 512), (3, 1024, 257), (0,)])
@pytest.mark.parametrize("kind", ["bytes", "floats", "gray"])
def test_apply_is_indexing(shape: tuple[int, ...], kind: str) -> None:
    """Whatever way `apply` takes, small and large, even and odd."""
    table = {
        "bytes": colormaps.lut8("turbo"),
        "floats": colormaps.lut("turbo"),
        "gray": np.arange(256, dtype=np.uint8)[::-1, None],
    }[kind]
    levels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for given in (levels, levels.T, levels[..., ::2]):
        found = colormaps.apply(given, table)
        assert found.dtype == table.dtype
        np.testing.assert_array_equal(found, table[given])


def test_apply_refuses_levels_out_of_range() -> None:
    with pytest.raises(IndexError):
        colormaps.apply(np.array([256]), colormaps.lut8("gray"))  # type: ignore[arg-type]


def test_a_colormap_itself_is_as_good_as_its_name() -> None:
    mine = LinearSegmentedColormap.from_list("mine", ["navy", "orange", "white"])
    levels = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(_written(levels, cmap=mine)[0], colormaps.lut8(mine))
    for table in (colormaps.lut, colormaps.lut8, colormaps.lut8_rounded, colormaps.cam02ucs):
        np.testing.assert_array_equal(table(mpl.colormaps["turbo"]), table("turbo"))


@pytest.mark.filterwarnings("ignore:Overwriting the cmap:UserWarning")
def test_a_name_registered_anew_is_noticed() -> None:
    tables = (colormaps.lut, colormaps.lut8, colormaps.lut8_rounded, colormaps.cam02ucs)
    try:
        for name in ("turbo", "magma"):
            mpl.colormaps.register(mpl.colormaps[name], name="changing", force=True)
            for table in tables:
                np.testing.assert_array_equal(table("changing"), table(name))
    finally:
        mpl.colormaps.unregister("changing")
