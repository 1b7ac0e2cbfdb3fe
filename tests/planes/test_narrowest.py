"""The narrowest band: closed forms against brute force, the bound, and the search."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.colour import colormaps, curves
from analysis.colour.perception import distinct_maps
from analysis.planes import narrowest
from analysis.planes.margins import band_margins, distinct_bands, separating_plane

NAMES = sorted(curves.PLACED)


def circle(levels: int, radius: float = 0.5) -> np.ndarray:
    t = 2 * np.pi * np.arange(levels) / levels
    return 0.5 + radius * np.stack([np.cos(t), np.sin(t), np.zeros(levels)], axis=1)


def smallest(colours: np.ndarray) -> float:
    return float(band_margins(colours)[distinct_bands(len(colours))].min())


@pytest.mark.parametrize("levels", [5, 12, 48])
def test_a_circle_reaches_the_bound_and_has_the_closed_form(levels: int) -> None:
    found = narrowest.narrowest_band(circle(levels))
    assert found.margin == pytest.approx(0.25 * (1 - math.cos(2 * math.pi / levels)), abs=1e-9)
    assert found.a == found.b or found.b - found.a == levels - 2
    length = levels * math.sin(math.pi / levels)
    bound = narrowest.turning_bound(circle(levels))
    assert bound == pytest.approx(length * 2 * math.pi / (4 * levels**2))
    assert found.margin <= bound
    if levels == 48:
        assert found.margin > 0.998 * bound


def test_a_zigzag_over_a_circle_doubles_its_margin() -> None:
    """No theorem about smooth curves holds for all: the third channel may jump."""
    levels = 48
    zigzag = circle(levels)
    zigzag[:, 2] = np.arange(levels) % 2
    assert smallest(zigzag) == pytest.approx(2 * smallest(circle(levels)), rel=0.01)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 14), st.booleans())
def test_the_narrowest_band_is_that_of_brute_force_and_below_the_bounds(
    seed: int, levels: int, convex: bool
) -> None:
    rng = np.random.default_rng(seed)
    colours = rng.random((levels, 3))
    if convex:  # over a convex polygon: every band can be made, whatever the third channel does
        t = np.sort(rng.choice(360, levels, replace=False)) * np.pi / 180
        colours[:, :2] = 0.5 + 0.5 * np.stack([np.cos(t), np.sin(t)], axis=1)
    found = narrowest.narrowest_band(colours)
    assert found.margin == pytest.approx(smallest(colours), abs=1e-9)
    assert found.margin <= narrowest.turning_bound(colours) + 1e-9
    assert found.margin <= narrowest.any_bound(levels) + 1e-9
    if convex:
        assert found.margin > 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 2))
def test_random_closed_curves_keep_to_the_bound_of_their_order(seed: int, order: int) -> None:
    """A trigonometric curve of degree q has at most q maxima in each direction."""
    t = 2 * np.pi * np.arange(64) / 64
    waves = [f(k * t) for k in range(1, order + 1) for f in (np.cos, np.sin)]
    curve = np.stack(waves, axis=1) @ np.random.default_rng(seed).normal(size=(2 * order, 3))
    colours = (curve - curve.min(0)) / np.ptp(curve, axis=0)
    assert narrowest.maxima(colours, 200, seed).max() <= order
    assert narrowest.turning_bound(colours) <= narrowest.order_bound(order, 64)
    assert narrowest.narrowest_band(colours, longest=2).margin <= narrowest.order_bound(order, 64)


@pytest.mark.parametrize("name", distinct_maps())
def test_no_map_of_matplotlib_beats_its_bound(name: str) -> None:
    table = colormaps.lut(name)
    assert narrowest.narrowest_band(table, longest=1).margin <= narrowest.turning_bound(table)


@pytest.mark.parametrize("name", NAMES)
def test_every_band_is_possible_on_the_books_own_maps(name: str) -> None:
    table = colormaps.lut(name)
    margins = band_margins(table)
    a, b = distinct_bands(colormaps.LEVELS)
    found = narrowest.narrowest_band(table)
    assert len(a) == 32_640
    assert margins[a, b].min() == found.margin > 0
    assert found.margin == narrowest.narrowest_band(table, longest=3).margin
    assert found.margin < narrowest.turning_bound(table)
    for first, last in ((0, 0), (found.a, found.b), (3, 250), (100, 101), (0, 254)):  # the planes
        fires = (np.arange(256) >= first) & (np.arange(256) <= last)
        plane = separating_plane(table, fires)
        assert plane is not None
        np.testing.assert_array_equal(plane.response(table) >= 0, fires)


def test_a_monotone_map_can_bend() -> None:
    """What the chapter says: as monotone as viridis, and many times as many robust bands."""
    facts = narrowest.on_bytes(["viridis", "spire"]).set_index("encoding")
    assert facts.robust["spire"] > 10 * facts.robust["viridis"]
    assert facts.narrowest["spire"] > facts.narrowest["viridis"] == 0
    assert facts.narrowest["spire"] < facts.bound["spire"]


def test_rises_are_heights_of_triangles() -> None:
    colours = np.random.default_rng(1).random((9, 3))
    for t, height in enumerate(narrowest.rises(colours)):
        a, b, c = colours[t - 1], colours[t], colours[(t + 1) % 9]
        along = (c - a) / np.linalg.norm(c - a)
        assert height == pytest.approx(np.linalg.norm(b - a - (b - a) @ along * along))
    np.testing.assert_allclose(
        narrowest.rises(colours, closed=False), narrowest.rises(colours)[1:-1]
    )


def test_the_search_does_not_lose_and_keeps_what_is_asked() -> None:
    start, lightness = narrowest.STARTS["spire"]
    curve = curves.helix(32)
    placed = narrowest.placed_best(curve, start, evenness=0.97, lightness=lightness)
    colours = curve @ placed
    lightnesses = colormaps.jab(colours)[:, 0]
    assert colours.min() > 0 and colours.max() < 1
    assert (np.diff(lightnesses) > 0).all()
    assert np.ptp(lightnesses) > lightness - 0.01
    steps = np.linalg.norm(np.diff(colormaps.jab(colours), axis=0), axis=1)
    assert steps.mean() / np.sqrt((steps**2).mean()) > 0.97 - 1e-6
    assert narrowest.rises(colours, False).min() > narrowest.rises(curve @ start, False).min()


@pytest.mark.slow
def test_the_shipped_maps_are_what_the_search_finds() -> None:
    found = narrowest.trade_off([0.98, 0.95, 0.9]).groupby("colormap").margin.agg(["max", "min"])
    for name, column in (("wreath", "max"), ("spire", "min")):
        shipped = narrowest.narrowest_band(colormaps.lut(name)).margin
        assert shipped == pytest.approx(found.loc[name, column], rel=0.02)


@pytest.mark.slow
def test_no_other_third_harmonic_leaves_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    margins = {}
    for third in (0.20, 0.25, 2 / 7, 0.32, 0.36):
        monkeypatch.setattr(curves, "_THIRD", third)
        loop = curves.loop(256)[:, 1:]
        colours = 0.5 + loop / np.abs(curves.loop(3600)[:, 1:]).max(0) / 2
        margins[third] = narrowest.narrowest_band(colours).margin
    assert max(margins, key=margins.__getitem__) == 2 / 7
