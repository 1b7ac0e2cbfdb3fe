from __future__ import annotations

import pytest

from analysis.colour.colormaps import lut
from analysis.colour.perception import distinct_maps, perception


def test_perception_agrees_with_known_maps() -> None:
    assert perception("gray").monotonicity == pytest.approx(1)
    assert perception("hsv").monotonicity < 0.05
    assert perception("viridis").uniformity > 0.99 > perception("gist_earth").uniformity
    there, back = perception("magma"), perception("magma_r")
    assert there.uniformity == pytest.approx(back.uniformity)
    assert there.monotonicity == pytest.approx(back.monotonicity)


def test_distinct_maps_are_distinct() -> None:
    maps = distinct_maps()
    assert len({lut(name).tobytes() for name in maps}) == len(maps)
    assert "Greys" in maps
    assert "Grays" not in maps
