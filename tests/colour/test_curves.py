"""The book's own colormaps: within the cube, known to matplotlib, and curves of the kind stated."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from analysis.colour import colormaps, curves
from analysis.colour.perception import perception

NAMES = sorted(curves.PLACED)


@pytest.mark.parametrize("name", NAMES)
def test_matplotlib_knows_the_map_and_its_reverse(name: str) -> None:
    assert {name, f"{name}_r"} == {own for own in curves.OWN if own.removesuffix("_r") == name}
    np.testing.assert_allclose(colormaps.lut(name), curves.placed(name), atol=1e-12)
    np.testing.assert_array_equal(colormaps.lut(f"{name}_r"), colormaps.lut(name)[::-1])
    assert mpl.colormaps[name].name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_curve_stays_in_the_cube(name: str) -> None:
    fine = curves.placed(name, 100_000)
    assert fine.min() >= 0
    assert fine.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_levels_stay_apart_in_bytes(name: str) -> None:
    assert len(np.unique(colormaps.lut8(name), axis=0)) == colormaps.LEVELS


def test_they_are_not_counted_among_matplotlibs() -> None:
    assert not curves.OWN & set(colormaps.names())
    assert len(colormaps.names()) == 91


def test_spire_suits_the_eye() -> None:
    seen, lightness = perception("spire"), colormaps.cam02ucs("spire")[:, 0]
    assert seen.monotonicity == pytest.approx(1)
    assert seen.uniformity > 0.975
    assert lightness[0] < 10 < 95 < lightness[-1]


def test_the_third_coordinate_turns_twice_where_the_others_turn_once() -> None:
    half = curves.loop(256)[:128]
    np.testing.assert_allclose(curves.loop(256)[128:], half * [1, -1, -1, 1], atol=1e-12)
