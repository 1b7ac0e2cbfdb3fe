"""The explorer of the first layer, in Chromium, against PyTorch. (All of them: test_explorers.)"""

from __future__ import annotations

import base64
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from analysis import contrast_first as cf
from analysis.pretrained import first_layer
from analysis.pretrained.contrast import Feed
from analysis.pretrained.efficientnet import SIDE
from tests.book.test_explorers import (  # noqa: F401
    Explored,
    bench,
    context,
    folder,
    press,
    visit,
)
from tests.conftest import sampled

pytestmark = pytest.mark.browser

SETTINGS = cf.SETTINGS["rehearsal"]


@cache
def layer() -> dict[str, Any]:
    return first_layer.explorer(SETTINGS)


def maps(page: Explored) -> np.ndarray:
    """Outputs of all filters as the page draws them."""
    packed = page.root.evaluate(
        """node => node.outputs.map(output => {
          const bytes = new Uint8Array(output.buffer);
          let text = "";
          for (let k = 0; k < bytes.length; k += 8192) {
            text += String.fromCharCode(...bytes.subarray(k, k + 8192));
          }
          return btoa(text);
        })"""
    )
    side = SIDE // 2
    return np.array([np.frombuffer(base64.b64decode(one)).reshape(side, side) for one in packed])


@pytest.mark.parametrize("direction", sampled(first_layer.DIRECTIONS, "red–blue", "viridis"))
@pytest.mark.parametrize("contrast", [1.0, 0.1])
def test_the_layer_is_pytorchs(
    visit: partial[Explored],  # noqa: F811
    direction: str,
    contrast: float,
) -> None:
    """Stem, batch normalisation and activation of the net as built, in double precision."""
    snr = float(np.random.default_rng(len(direction)).choice(first_layer.NOISES))
    view = f"snr={snr:g}&contrast={contrast:g}&direction={direction.replace('–', '-')}"
    page = visit(f"contrast#contrast?{view}")
    expect(page.control("combobox", "Direction")).to_have_value(direction)
    expected = first_layer.outputs(
        first_layer.chirp_and_noise(snr, SETTINGS), Feed(direction, contrast)
    )
    np.testing.assert_allclose(maps(page), expected[0][layer()["order"]], atol=1e-5)
    assert float(page.data("above")) == pytest.approx(first_layer.stands_out(expected), rel=1e-4)
    assert float(page.data("at6")) == pytest.approx((expected[0] == 6).mean(), abs=1e-4)
    assert float(page.data("at0")) == pytest.approx((expected[0] == 0).mean(), abs=1e-4)


def test_it_is_operated_by_keyboard_and_remembers(visit: partial[Explored]) -> None:  # noqa: F811
    page = visit("contrast")
    before = maps(page)
    press(page.control("slider", "Contrast"), "ArrowLeft", 3)
    press(page.control("slider", "SNR"), "Home")
    press(page.control("combobox", "Direction"), "t")
    assert page.fragment() == {"snr": "-10", "contrast": "0.3", "direction": "turbo"}
    above, after = page.data("above"), maps(page)
    assert np.abs(after - before).max() > 1
    for name, said in (("Contrast", "× 0.3"), ("SNR", "−10 dB")):
        expect(page.control("slider", name)).to_have_attribute("aria-valuetext", said)
    page.show("contrast.html#contrast?snr=-10&contrast=0.3&direction=turbo")
    assert page.data("above") == above
    page.show("contrast.html#contrast?snr=7&contrast=-1&direction=plaid")
    assert page.fragment_of_link() == {"snr": "5", "contrast": "1", "direction": "gray"}


def test_every_filter_says_what_is_clipped(visit: partial[Explored]) -> None:  # noqa: F811
    page = visit("contrast")
    shown = maps(page)
    labels = [
        node.get_attribute("aria-label") or ""
        for node in page.root.locator(".contrast-maps canvas").all()
    ]
    for n, (label, output) in enumerate(zip(labels, shown, strict=True)):
        kind = "luminance" if n < layer()["luminance"] else "opponent"
        at0, at6 = (f"{100 * (output == end).mean():.0f}\u00a0%" for end in (0, 6))
        name = f"filter {n + 1} of {len(shown)}, {kind}"
        assert label == f"{name}: {at0} of places at 0, {at6} at 6"


def test_pictures_are_drawn_as_they_are_fed(visit: partial[Explored]) -> None:  # noqa: F811
    page = visit("contrast#contrast?snr=20&contrast=0.5&direction=magenta-green")
    pixels = page.root.locator(".contrast-fed canvas").first.evaluate(
        "node => Array.from(node.getContext('2d').getImageData(0, 0, node.width, node.height).data)"
    )
    drawn = np.array(pixels).reshape(SETTINGS.side, SETTINGS.side, 4)[..., :3]
    levels = np.rint(255 * first_layer.chirp_and_noise(20.0, SETTINGS)[0])
    expected = 127 + 0.5 * (levels[..., None] - 127) * np.array([1, -1, 1])
    np.testing.assert_allclose(drawn, expected, atol=0.51)
