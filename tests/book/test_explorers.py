"""The explorers, used in Chromium: under a strict policy, by keyboard, against Python's results."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FilePayload, Locator, Page, expect
from scipy import stats
from scipy.spatial.transform import Rotation

from analysis import contrast_first, jpeg_autoencoder, single_pixel
from analysis import trained_comparisons as tc
from analysis.colour.colormaps import lut, lut8, lut8_rounded, names, nearest_level
from analysis.comparisons.arms import COLOURS, NETWORKS
from analysis.comparisons.breaking import what_verdicts_rest_on
from analysis.comparisons.tasks import TITLES
from analysis.evidence import measurements, statistics
from analysis.evidence.contrasts import decided
from analysis.evidence.statistics import Interval, holm, mean_interval
from analysis.evidence.verdicts import by_margin
from analysis.jpeg import codec, files
from analysis.pictures import journey
from analysis.planes import margins
from analysis.pretrained import first_layer
from analysis.publishing import widgets
from analysis.relu import piecewise
from analysis.site.serving import server
from analysis.sound import spectrograms
from analysis.uncolouring import coefficients
from tests.book.conftest import Watched, set_theme
from tests.conftest import ROOT, sampled

pytestmark = pytest.mark.browser

SCRIPTS = ROOT / "book" / "_static"
PAGES = [
    ("plane", "intro"),
    ("plane", "single-pixel"),
    ("neuron", "single-pixel"),
    ("relu", "relu-colormap"),
    ("jpeg", "jpeg-autoencoder"),
    ("drop", "saved-as-rgb"),
    ("dice", "trained-comparisons"),
    ("verdict", "trained-comparisons"),
    ("contrast", "contrast-first"),
]
#: Samples a second of `note`.
RATE = 8000
#: Scores of two nets' runs.
RUNS = {
    "digits, one neuron": np.random.default_rng(3).normal(0.6, 0.02, 20).round(6),
    "chirps, small": np.random.default_rng(4).normal(0.9, 0.004, 11).round(6),
}
#: Nothing inline, nothing from elsewhere, no eval.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"


@cache
def picture() -> np.ndarray:
    """Stripes and noise of every loudness, so that no code is always zero; sides not in eights."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:61, :51]
    waves = 90 * np.sin(rows / 3 + columns**2 / 400) * (columns / 50)
    return np.clip(128 + waves + rng.normal(0, 1 + rows[:, :1], rows.shape), 0, 255).astype(
        np.uint8
    )


@cache
def note() -> np.ndarray:
    """A tone that falls silent, and hiss, within what 16 bits hold."""
    time = np.arange(9000) / RATE
    hiss = np.random.default_rng(0).normal(0, 1e-3, time.size)
    return (0.5 * np.exp(-4 * time) * np.sin(2 * np.pi * 900 * time) + hiss).astype(np.float32)


#: What the chapter speaks of, and the rows of its table that the page can judge.
NETS, GROWN = ("neuron", "small"), ("raw-wide", "raw-1x1", "relu-4", "relu-8")
ROWS = ("Q2", "Q6 copies", "Q6 bad", "A6", "A9", "D1")


@cache
def edition() -> pd.DataFrame:
    """The runs that the book stores."""
    return measurements.load(measurements.folder("trained-comparisons")).tables["nets"]


#: Ways to save the picture, and what a level of it stands for.
ARMS, LEVEL_DB = ("gray", "viridis 4:2:0", "viridis 4:4:4", "jet 4:2:0", "jet 4:4:4"), 0.4


@cache
def fits() -> dict[str, list[piecewise.ReLUColormap]]:
    return piecewise.error_curves(["viridis", "jet", "gray"], [0, 1, 2, 4], 0.1, 0.02)


@cache
def outputs() -> dict[str, str]:
    """The explorers' HTML, as chapters emit it."""
    table = pd.DataFrame({"a": [1.0]})
    layer = first_layer.explorer(contrast_first.SETTINGS["rehearsal"])
    return {
        "contrast": widgets.explorer("contrast", layer, label="x", summary="y", table=table).html,
        "plane": widgets.plane(
            {name: lut8(name) for name in names()},
            single_pixel.TARGETS,
            colormap="viridis",
            pattern="high or low",
            view=(-60.0, 18.0),
            margins=table,
            picture=picture(),
            heard="A sound.",
        ).html,
        "neuron": widgets.neuron(
            {"gray": lut8_rounded("gray"), "viridis": lut8("viridis"), "turbo": lut8("turbo")},
            single_pixel.TARGETS,
            pattern="high or low",
            accuracies=table,
        ).html,
        "relu": widgets.relu(
            {name: lut(name) for name in fits()},
            fits(),
            colormap="viridis",
            size=2,
            errors=table,
        ).html,
        "jpeg": widgets.jpeg(
            picture(),
            {"gray": lut8_rounded("gray"), "viridis": lut8("viridis"), "jet": lut8("jet")},
            {arm: jpeg_autoencoder.file_sizes(picture(), arm) for arm in ARMS},
            pd.DataFrame(product(ARMS, (1, 75)), columns=["coder", "setting"]).assign(
                error=lambda frame: 9 / frame.setting
            ),
            colormap="viridis",
            transform=codec.DCT_INTEGER,
            steps=codec.quantisation_tables(50),
            decibels=LEVEL_DB,
            axes="Time to the right.",
        ).html,
        "drop": widgets.drop(
            note(),
            RATE,
            {"gray": lut8_rounded("gray")} | {name: lut8(name) for name in ("viridis", "jet")},
            colormap="viridis",
            frames=(512, 128),
            transform=codec.DCT_INTEGER,
            steps=codec.quantisation_tables(50),
            heard="A sound.",
            losses=table,
        ).html,
        "dice": widgets.dice(RUNS, arm="raw decibels", margin=0.01, chances=table).html,
        "verdict": widgets.verdict(
            what_verdicts_rest_on(edition(), NETS, GROWN),
            {row: (f"{row} says so", "open") for row in ROWS},
            row="Q2",
            margin=0.01,
            tasks=TITLES,
            nets={name: name for name in NETWORKS},
        ).html,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages with one explorer each, less the book around it."""
    folder = tmp_path_factory.mktemp("explorers")
    shutil.copytree(SCRIPTS / "explorers", folder / "explorers")
    for name, output in outputs().items():
        page = f"""<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}"><title>{name}</title>
<link rel="stylesheet" href="explorers/explorers.css">
<script defer src="explorers/explorers.js"></script></head><body>{output}</body></html>"""
        (folder / f"{name}.html").write_text(page, "utf-8")
    return folder


@pytest.fixture(scope="module")
def bench(folder: Path) -> Iterator[str]:
    """Where those pages are served."""
    site = server(folder, 0, quiet=True)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    site.server_close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    yield context
    context.close()


class Explored(Watched):
    """A page with one explorer, and its state as the script publishes it."""

    def __init__(self, page: Page, address: str, name: str) -> None:
        super().__init__(page, address)
        self.root = page.locator(f'[data-explorer="{name}"]')

    def show(self, path: str) -> Explored:
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/{path}", wait_until="load")
        expect(self.root).to_have_attribute("data-ready", "")
        return self

    def data(self, key: str) -> str:
        return self.root.get_attribute(f"data-{key}") or ""

    @property
    def pattern(self) -> np.ndarray:
        return np.array([bit == "1" for bit in self.data("pattern")])

    def control(self, role: str, name: str) -> Locator:
        return self.root.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]

    def fragment(self) -> dict[str, str]:
        """What the address says, once it has been written."""
        self.page.wait_for_timeout(300)
        expect(self.page).to_have_url(re.compile(r"#\w+\?"))
        return _query(self.page.evaluate("location.hash"))

    def fragment_of_link(self) -> dict[str, str]:
        """What the link to this view says."""
        return _query(self.control("link", "Link to this view").get_attribute("href") or "")


def _query(fragment: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(fragment.split("?")[1]).items()}


@pytest.fixture
def visit(context: BrowserContext, bench: str) -> Iterator[partial[Explored]]:
    seen: list[Explored] = []

    def open_(path: str) -> Explored:
        page = Explored(context.new_page(), bench, re.split(r"\W", path)[0])
        seen.append(page)
        return page.show(path.replace("#", ".html#") if "#" in path else f"{path}.html")

    yield partial(open_)
    for page in seen:
        assert page.problems == [], "a console error, or the policy was broken"
        assert page.remote == []


def move(page: Page | Locator, key: str) -> None:
    """Change something: the first slider, or the first button where there is none."""
    slider = page.get_by_role("slider")
    press(*((slider.first, key) if slider.count() else (page.get_by_role("button").first, "Enter")))


def press(target: Locator, key: str, times: int = 1) -> None:
    target.focus()
    for _ in range(times):
        target.page.keyboard.press(key)


# --- plane ----------------------------------------------------------------------------------------


def assert_impossible(name: str, wanted: np.ndarray, certificate: str) -> None:
    """The proof holds: a mixture of firing colours equals one of silent colours, exactly."""
    proof = json.loads(certificate)
    sums, totals = [], []
    for side, allowed in (("fires", wanted), ("silent", ~wanted)):
        levels, weights = zip(*proof[side], strict=True)
        assert all(allowed[level] for level in levels)
        assert all(isinstance(weight, int) and weight > 0 for weight in weights)
        table = lut8(name).astype(object)
        sums.append([sum(w * int(table[t, c]) for t, w in proof[side]) for c in range(3)])
        totals.append(sum(weights))
    assert sums[0] == sums[1] and totals[0] == totals[1]


MAPS = ("gray", "viridis", "magma", "turbo", "jet", "hsv", "cool", "tab10", "flag", "Accent")


@pytest.mark.parametrize("preset", sampled(single_pixel.TARGETS, "high or low", "two bands"))
def test_a_preset_makes_its_pattern_where_python_says_so(
    visit: partial[Explored], preset: str
) -> None:
    """For maps smooth, straight, closed, listed: same feasibility, margin and pattern as Python."""
    page, wanted = visit("plane"), single_pixel.TARGETS[preset]
    verdict = page.root.locator(".explorer-verdict")
    for name in MAPS:
        page.control("combobox", "Colormap").select_option(name)
        page.control("button", preset).click()
        margin = float(margins.pattern_margins(lut8(name) / 255, wanted[None])[0])
        assert float(page.data("wanted-margin")) == pytest.approx(margin, abs=1e-9), name
        if margin > 0:
            np.testing.assert_array_equal(page.pattern, wanted, name)
            assert float(page.data("margin")) == pytest.approx(margin, abs=1e-9), name
            expect(verdict).not_to_contain_text("No plane")
        else:
            assert_impossible(name, wanted, page.data("certificate"))
            expect(verdict).to_contain_text("No plane makes it")


def test_find_the_plane_agrees_with_python_on_many_bands(visit: partial[Explored]) -> None:
    """Through the address, as a link would: random bands and complements on random maps."""
    rng = np.random.default_rng(1)
    page, found = visit("plane"), {True: 0, False: 0}
    for _ in range(60):
        name = str(rng.choice(names()))
        a, b = sorted(rng.integers(0, 256, 2).tolist())
        level, outside = np.arange(256), bool(rng.integers(2))
        wanted = ((level >= a) & (level <= b)) != outside
        fragment = f"#plane?map={name}&want={'not-' if outside else ''}{a}-{b}"
        page.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        expect(page.control("combobox", "Colormap")).to_have_value(name)
        page.control("button", "Find the plane for this band").click()
        margin = float(margins.pattern_margins(lut8(name) / 255, wanted[None])[0])
        assert float(page.data("wanted-margin")) == pytest.approx(margin, abs=1e-9)
        found[margin > 0] += 1
        if margin > 0:
            np.testing.assert_array_equal(page.pattern, wanted)
        else:
            assert_impossible(name, wanted, page.data("certificate"))
    assert min(found.values()) > 5


def test_the_plane_is_operated_by_keyboard_alone(visit: partial[Explored]) -> None:
    page = visit("plane")
    keyboard = page.page.keyboard
    keyboard.press("Tab")
    cube = page.root.locator(".explorer-cube")
    expect(cube).to_be_focused()
    before = page.pattern
    for key in ("ArrowLeft", "ArrowUp", "PageUp"):
        keyboard.press(key)
    assert (page.pattern != before).any()
    state = page.fragment()
    assert {"turn", "tilt", "shift"} <= set(state)
    keyboard.press("Shift+ArrowLeft")  # the view turns, the plane does not
    moved = page.fragment()
    assert moved["view"] != state["view"] and moved["turn"] == state["turn"]
    press(page.control("combobox", "Colormap"), "j")
    expect(page.control("combobox", "Colormap")).to_have_value("jet")
    press(page.control("slider", "from level"), "Home")
    press(page.control("slider", "from level"), "ArrowRight", 3)
    press(page.control("slider", "to level"), "End")
    press(page.control("slider", "to level"), "ArrowLeft", 5)
    press(page.control("checkbox", "fire outside the band, not inside"), "Space")
    press(page.control("button", "Find the plane for this band"), "Enter")
    wanted = (np.arange(256) >= 3) & (np.arange(256) <= 250)
    assert page.fragment()["want"] == "3-250"
    np.testing.assert_array_equal(page.pattern, wanted)
    margin = margins.band_margin(lut8("jet") / 255, 3, 250)
    assert float(page.data("margin")) == pytest.approx(margin, abs=1e-9)
    # every control can be reached with Tab
    reached = set()
    cube.focus()
    for _ in range(20):
        keyboard.press("Tab")
        reached.add(
            page.page.evaluate("document.activeElement.closest('label, button, a')?.textContent")
        )
    for name in ("two bands", "Find the plane for this band", "Link to this view"):
        assert name in reached


def test_the_plane_that_is_set_by_hand_is_the_neuron_that_fires(visit: partial[Explored]) -> None:
    """Weights from the address's angles, in Python: same pattern, same least distance."""
    rng = np.random.default_rng(2)
    page = visit("plane")
    for name in ("viridis", "turbo", "hsv"):
        turn, tilt = int(rng.integers(-180, 181)), int(rng.integers(-90, 91))
        shift = float(rng.integers(-80, 81)) / 2
        fragment = f"#plane?map={name}&want=band&turn={turn}&tilt={tilt}&shift={shift}"
        page.show(f"plane.html{fragment}")
        a, e = np.radians([turn, tilt])
        normal = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        distance = (lut8(name) - 127.5) @ normal - shift
        np.testing.assert_array_equal(page.pattern, distance >= 0)
        assert float(page.data("margin")) * 255 == pytest.approx(np.abs(distance).min(), abs=1e-9)


def test_another_colormap_gets_its_own_plane(visit: partial[Explored]) -> None:
    """Also after one that has none."""
    page, wanted = visit("plane"), single_pixel.TARGETS["high or low"]
    for name, made in (("gray", False), ("turbo", True), ("magma", False), ("jet", True)):
        page.control("combobox", "Colormap").select_option(name)
        assert (page.pattern == wanted).all() == made
        assert ("shift" in page.fragment()) != made


def test_the_sound_is_lit_where_the_neuron_fires(visit: partial[Explored]) -> None:
    """Counted in Python; and the pixels on the screen are those colours, the first row on top."""
    page = visit("plane")
    for name in ("turbo", "gray"):
        page.control("combobox", "Colormap").select_option(name)
        on = page.pattern[picture()]
        assert int(page.data("lit")) == on.sum() > 0
        expect(page.root.locator("figcaption")).to_contain_text(f"{100 * on.mean():.1f} %")
        shown = page.root.locator(".explorer-heard canvas").evaluate(
            "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
        pixels = np.array(shown).reshape(*picture().shape, 4)[::-1, :, :3]
        full = lut8(name)[picture()].astype(float)
        assert np.abs(pixels - full * np.where(on, 1, 0.15)[..., None]).max() <= 0.5001


def held_still(browser: Browser, bench: str, **options: Any) -> Explored:
    """The plane on a telephone whose owner wants no motion."""
    context = browser.new_context(
        **{"viewport": {"width": 360, "height": 640}, "has_touch": True, "reduced_motion": "reduce"}
        | options
    )
    return Explored(context.new_page(), bench, "plane").show("plane.html#plane?map=turbo&want=band")


def turned(v: np.ndarray, axis: np.ndarray, degrees: float) -> np.ndarray:
    return Rotation.from_rotvec(axis * np.radians(degrees)).apply(v)


@pytest.mark.parametrize("pointer", sampled(["mouse", "touch"], "touch"))
def test_dragging_turns_the_plane_as_the_hand_goes(
    browser: Browser, bench: str, pointer: str
) -> None:
    """Half a degree a pixel about the screen's two axes, whichever way one looks, by SciPy."""
    page = held_still(browser, bench)
    for view, (dx, dy) in product(("-60,18", "30,-40"), ((60, 0), (0, -50), (-45, 35))):
        page.show(f"plane.html#plane?map=turbo&want=band&turn=20&tilt=10&shift=5&view={view}")
        across, lift = (np.radians(float(angle)) for angle in view.split(","))
        right = np.array([-np.sin(across), np.cos(across), 0])
        towards = np.array(
            [np.cos(lift) * np.cos(across), np.cos(lift) * np.sin(across), np.sin(lift)]
        )
        up = np.cross(towards, right)
        turn, tilt = np.radians([20, 10])
        v = np.array([np.cos(tilt) * np.cos(turn), np.cos(tilt) * np.sin(turn), np.sin(tilt)])
        for _ in range(5):
            v = turned(turned(v, up, dx / 5 / 2), right, dy / 5 / 2)
        box = page.root.locator(".explorer-cube").bounding_box()
        assert box
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        drag(page.page, pointer, middle, (middle[0] + dx, middle[1] + dy))
        page.page.mouse.move(*middle)  # no longer held: nothing turns
        state = page.fragment()
        assert float(state["turn"]) == pytest.approx(np.degrees(np.arctan2(v[1], v[0])), abs=0.01)
        assert float(state["tilt"]) == pytest.approx(np.degrees(np.arcsin(v[2])), abs=0.01)
        assert (state["shift"], state["view"]) == ("5", view)
        np.testing.assert_array_equal(page.pattern, (lut8("turbo") - 127.5) @ v >= 5)
    page.root.get_by_role("checkbox", name="turn the view instead").check()
    drag(page.page, pointer, middle, (middle[0] + 40, middle[1] - 30))
    assert page.fragment() == state | {"view": "10,-55"}
    page.page.context.close()


@pytest.mark.parametrize("pointer", sampled(["mouse", "touch"], "touch"))
@pytest.mark.parametrize("still", [False, True])
def test_a_thrown_plane_coasts_unless_motion_is_unwanted(
    browser: Browser, bench: str, pointer: str, still: bool
) -> None:
    motion = "reduce" if still else "no-preference"
    page = held_still(browser, bench, reduced_motion=motion)
    cube = page.root.locator(".explorer-cube")
    box = cube.bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    page.root.evaluate(
        """node => { node.thrown = []; new MutationObserver(() => {
          if ('coasting' in node.dataset) node.thrown.push(node.dataset.pattern); })
          .observe(node, { attributeFilter: ['data-coasting'] }); }"""
    )

    def throw() -> None:
        drag(page.page, pointer, middle, (middle[0] + 60, middle[1]))

    for _ in range(5):  # a busy machine lets go too late for a throw
        throw()
        expect(page.root).not_to_have_attribute("data-coasting", "", timeout=5000)
        let_go = page.root.evaluate("node => node.thrown")
        if let_go and not still:
            assert page.data("pattern") != let_go[0], "it goes on after the hand has let go"
            break
    assert bool(let_go) != still
    if not still:  # a touch stops it
        throw()
        press(cube, "PageUp")
        assert page.root.get_attribute("data-coasting") is None
        stopped = page.data("pattern")
        page.page.wait_for_timeout(200)
        assert page.data("pattern") == stopped
    page.page.context.close()


def spots(page: Explored) -> np.ndarray:
    """Where the levels' dots are drawn, in the order of levels' colours on the curve."""
    found = page.root.locator(".explorer-cube").evaluate(
        """cube => [...cube.querySelectorAll('circle[fill^=rgb]')].map(dot =>
          [dot.getAttribute('fill'), dot.getAttribute('cx'), dot.getAttribute('cy')])"""
    )
    return np.array([[float(x), float(y)] for _, x, y in sorted(found)])


def test_two_fingers_enlarge_what_lies_between_them(browser: Browser, bench: str) -> None:
    """Twice as far apart: twice as large, and the point between them where it was."""
    page = held_still(browser, bench)
    box = page.root.locator(".explorer-cube").bounding_box()
    assert box
    x, y = box["x"] + 0.4 * box["width"], box["y"] + 0.55 * box["height"]
    before, pattern = spots(page), page.data("pattern")
    fingers(page.page, [[(x - 30, y), (x - 60, y)], [(x + 30, y), (x + 60, y)]])
    zoom, *_ = (float(value) for value in page.fragment()["zoom"].split(","))
    assert zoom == pytest.approx(2, abs=1e-3)
    scale = max(448 / box["width"], 432 / box["height"])
    still = np.array([0.4 - 0.5, 0.55 - 0.5]) * [box["width"], box["height"]] * scale
    np.testing.assert_allclose(spots(page), still + 2 * (before - still), atol=0.5)
    assert page.data("pattern") == pattern, "fingers that zoom do not turn"
    page.show(f"plane.html{page.control('link', 'Link to this view').get_attribute('href')}")
    np.testing.assert_allclose(spots(page), still + 2 * (before - still), atol=0.5)
    fingers(page.page, [[(x - 60, y), (x - 6, y)], [(x + 60, y), (x + 6, y)]])
    assert "zoom" not in page.fragment()
    np.testing.assert_allclose(spots(page), before, atol=0.02)
    page.page.context.close()


def test_the_cube_is_enlarged_by_keys_wheel_and_slider(visit: partial[Explored]) -> None:
    page = visit("plane")
    cube, slider = page.root.locator(".explorer-cube"), page.control("slider", "zoom")
    before = spots(page)
    press(cube, "+", 3)
    expect(slider).to_have_attribute("aria-valuetext", "2.0 ×")
    np.testing.assert_allclose(spots(page), before * 1.25**3, atol=0.02)
    press(cube, "-", 9)
    np.testing.assert_allclose(spots(page), before, atol=0.02)
    press(slider, "End")
    np.testing.assert_allclose(spots(page), before * 6, atol=0.05)
    press(slider, "Home")
    cube.hover()
    page.page.mouse.wheel(0, -100)  # scrolls, and does not zoom
    assert "zoom" not in page.fragment_of_link()
    page.page.keyboard.down("Control")
    page.page.mouse.wheel(0, -100)
    page.page.keyboard.up("Control")
    assert float(page.fragment()["zoom"].split(",")[0]) == pytest.approx(np.exp(0.5), abs=1e-3)


def test_cube_and_strip_are_seen_together_on_a_telephone(browser: Browser, bench: str) -> None:
    page = held_still(browser, bench)
    page.root.locator(".explorer-cube").scroll_into_view_if_needed()
    for part in (".explorer-cube", ".explorer-strips"):
        box = page.root.locator(part).bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= 640 - 80  # the book's header
    page.page.context.close()


# --- neuron ---------------------------------------------------------------------------------------


def trained(name: str, wanted: np.ndarray, steps: int) -> np.ndarray:
    """Weights after gradient descent with momentum from zero, by NumPy."""
    table = lut8_rounded("gray") if name == "gray" else lut8(name)
    x = np.c_[(table - table.mean(0)) / table.std(0), np.ones(256)]
    weights, speed = np.zeros(4), np.zeros(4)
    for _ in range(steps):
        slope = x.T @ (1 / (1 + np.exp(-x @ weights)) - wanted) / 256
        speed = 0.9 * speed - slope
        weights = weights + speed
    return np.append(weights, ((x @ weights >= 0) == wanted).mean())


def test_the_neuron_learns_as_in_python(visit: partial[Explored]) -> None:
    page = visit("neuron")
    for target in ("high or low", "band"):
        wanted = single_pixel.TARGETS[target]
        page.control("combobox", "Wanted").select_option(target)
        page.control("button", "One step").click()
        page.control("button", "Train 100 steps").click()
        weights = [np.array(arm.split(","), float) for arm in page.data("weights").split(";")]
        right = [float(share) for share in page.data("right").split(",")]
        for name, w, share in zip(("gray", "viridis", "turbo"), weights, right, strict=True):
            expected = trained(name, wanted, 101)
            np.testing.assert_allclose(w, expected[:4], rtol=1e-9, atol=1e-12)
            if np.abs(expected[:4]).max() > 1e-9:  # else gray knows nothing, and rounding decides
                assert share == expected[4]
    assert float(page.data("ceiling")) == pytest.approx(best_threshold(wanted))


def best_threshold(wanted: np.ndarray) -> float:
    cuts = np.arange(257)[:, None] <= np.arange(256)
    shares = (cuts == wanted).mean(1)
    return float(max(shares.max(), 1 - shares.min()))


def test_gray_stays_below_its_ceiling_and_colour_does_not(visit: partial[Explored]) -> None:
    """By keyboard; the address brings the same nets back."""
    page = visit("neuron")
    press(page.control("button", "Another start"), "Enter", 3)
    press(page.control("button", "Train 1,000 steps"), "Enter", 2)
    gray, viridis, turbo = (float(share) for share in page.data("right").split(","))
    assert gray <= float(page.data("ceiling")) == 0.75
    assert viridis == turbo == 1
    expect(page.root.locator(".explorer-now")).to_contain_text("all right at step")
    state, weights = page.fragment(), page.data("weights")
    assert state == {"want": "high-or-low", "start": "3", "steps": "2000"}
    press(page.control("button", "Start again"), "Enter")
    assert page.data("weights") != weights and page.data("steps") == "0"
    page.show("neuron.html#neuron?" + "&".join(f"{key}={value}" for key, value in state.items()))
    assert page.data("weights") == weights


@pytest.mark.parametrize(
    "fragment",
    [
        "#plane?map=turbo&want=two-bands&view=-60%2C18",
        "#plane?map=jet&want=not-40-90&view=20%2C-35",
        "#plane?map=magma&want=7-9&turn=12.5&tilt=-33&shift=10.5&view=0%2C0",
    ],
)
def test_a_link_restores_its_view(visit: partial[Explored], fragment: str) -> None:
    page = visit(fragment[1:].replace("plane?", "plane#plane?"))
    state = (page.data("pattern"), page.data("margin"), page.data("wanted-margin"))
    link = page.control("link", "Link to this view").get_attribute("href")
    page.show(f"plane.html{link}")
    assert (page.data("pattern"), page.data("margin"), page.data("wanted-margin")) == state
    assert page.control("link", "Link to this view").get_attribute("href") == link
    given = parse_qs(fragment.split("?")[1])
    if "turbo" not in fragment:  # (for turbo no plane makes two bands: its own plane is named)
        assert parse_qs(str(link).split("?")[1]) == given


@pytest.mark.parametrize(
    "fragment", ["?map=nonsense&want=900-2&shift=x&view=1", "?", "?want=9-4", "?turn=999&shift=1e9"]
)
def test_a_broken_link_shows_the_usual_view(visit: partial[Explored], fragment: str) -> None:
    page = visit(f"plane#plane{fragment}")
    assert page.pattern.size == 256
    expect(page.control("combobox", "Colormap")).to_have_value("viridis")


# --- relu -----------------------------------------------------------------------------------------


def fitted(page: Explored) -> np.ndarray:
    """Colours of the levels by the page's ReLU layer, rounded to bytes."""
    return np.frombuffer(base64.b64decode(page.data("fitted")), np.uint8).reshape(256, 3)


def test_relu_shows_the_fit_that_python_found(visit: partial[Explored]) -> None:
    """Its knots, its error, which the page finds again, and colours that keep to it."""
    page = visit("relu")
    size = page.control("slider", "ReLUs")
    for name, row in fits().items():
        page.control("combobox", "Colormap").select_option(name)
        press(size, "Home")
        for fit in row:
            assert page.data("size") == str(fit.size)
            assert float(page.data("error")) == pytest.approx(fit.error, abs=1e-4)
            assert float(page.data("least")) == pytest.approx(fit.error, abs=1 / 256)
            assert np.abs(fitted(page) - 255 * lut(name)).max() <= fit.error + 0.5 + 1 / 256
            knots = [node.get_attribute("aria-valuenow") for node in knobs(page).all()]
            assert knots == [f"{knot:.0f}" for knot in fit.knots]
            assert size.get_attribute("aria-valuetext") == f"{fit.size} ReLUs"
            page.page.keyboard.press("ArrowRight")


def knobs(page: Explored) -> Locator:
    return page.root.get_by_role("slider", name="Knot")


def test_relu_finds_the_best_colours_for_any_knots(visit: partial[Explored]) -> None:
    """As SciPy's linear programs do, through the address."""
    rng, page = np.random.default_rng(0), visit("relu")
    for name, size in product(fits(), (1, 2, 4)):
        knots = np.sort(rng.choice(np.arange(1, 255), size, replace=False))
        if size == 4:
            knots[1] = knots[0] + 1  # a jump
        words = ".".join(map(str, knots))
        page.show(f"relu.html#relu?map={name}&relus={size}&knots={words}")
        assert page.data("knots") == ",".join(map(str, knots))
        best = piecewise.fit_knots(np.rint(lut(name) * 255 * 256) / 256 / 255, knots)
        assert float(page.data("error")) == pytest.approx(best.error, abs=2e-6)
        assert np.abs(fitted(page) - 255 * lut(name)).max() <= best.error + 0.5 + 1 / 256


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
def test_a_knot_is_dragged(browser: Browser, bench: str, pointer: str) -> None:
    """From beside its line, a finger's width off, as far as its neighbour; the error follows."""
    context = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    page = Explored(context.new_page(), bench, "relu").show("relu.html#relu?map=jet&relus=2")
    before = [int(knot) for knot in page.data("knots").split(",")]
    plot = page.root.locator(".explorer-plot")
    plot.scroll_into_view_if_needed()
    box, knob = plot.bounding_box(), knobs(page).nth(1).locator("path").bounding_box()
    assert box and knob
    a_level = (box["width"] - 50 * box["width"] / 300) / 255  # about: what the axes leave
    start, y = knob["x"] + 18, box["y"] + box["height"] / 2
    for by in (-20 * a_level, -300 * a_level):
        drag(page.page, pointer, (start, y), (start + by, y))
        knots = [int(knot) for knot in page.data("knots").split(",")]
        assert knots[0] == before[0]
        assert before[0] < knots[1] < before[1] - 10
        best = piecewise.fit_knots(lut("jet"), knots)
        assert float(page.data("error")) == pytest.approx(best.error, abs=1 / 256)
        assert best.error > fits()["jet"][2].error
        where = knobs(page).nth(1).locator("path").bounding_box()
        assert where
        start = where["x"] + 18
    assert knots[1] == knots[0] + 1, "one knot does not pass another"
    expect(knobs(page).nth(1)).to_be_focused()
    page.root.get_by_role("button", name="The best knots").click()
    expect(page.root).to_have_attribute("data-knots", ",".join(map(str, before)))
    context.close()


def drag(page: Page, pointer: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move in five steps, let go; of a finger as the browser itself gets it."""
    if pointer == "mouse":
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=5)
        page.mouse.up()
        return
    fingers(page, [[start, end]])


def fingers(page: Page, paths: list[list[tuple[float, float]]], steps: int = 5) -> None:
    """Touch the screen with a finger a path, each from its start to its end."""
    send = page.context.new_cdp_session(page).send
    for step in range(steps + 1):
        points = [
            {
                "x": a[0] + (b[0] - a[0]) * step / steps,
                "y": a[1] + (b[1] - a[1]) * step / steps,
                "id": k,
            }
            for k, (a, b) in enumerate(paths)
        ]
        kind = "touchMove" if step else "touchStart"
        send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_relu_is_operated_by_keyboard_and_restores_its_link(visit: partial[Explored]) -> None:
    page = visit("relu#relu?map=jet&relus=4")
    assert (page.data("map"), page.data("size")) == ("jet", "4")
    press(page.control("slider", "ReLUs"), "ArrowLeft")
    assert page.fragment() == {"map": "jet", "relus": "2"}
    first, second = (int(knot) for knot in page.data("knots").split(","))
    press(page.control("slider", "Knot 1"), "ArrowRight", 3)
    press(page.control("slider", "Knot 2"), "PageDown")
    state = {"map": "jet", "relus": "2", "knots": f"{first + 3}.{second - 10}"}
    assert page.fragment() == state
    knob = page.control("slider", "Knot 1")
    press(knob, "End")
    assert knob.get_attribute("aria-valuenow") == knob.get_attribute("aria-valuemax")
    assert knob.get_attribute("aria-valuenow") == f"{second - 11}"
    error = page.data("error")
    page.show(f"relu.html{page.control('link', 'Link to this view').get_attribute('href')}")
    assert page.data("error") == error
    press(page.control("button", "The best knots"), "Enter")
    assert "knots" not in page.fragment()
    page.show("relu.html#relu?map=jet&relus=2&knots=9.9")
    assert page.data("knots") == f"{first},{second}"
    assert visit("relu#relu?map=nope&relus=3").data("size") == "2"


# --- jpeg -----------------------------------------------------------------------------------------


def saved(arm: str, quality: int) -> bytes:
    """The file that Pillow writes of `picture`, gray or, say, of "jet 4:2:0"."""
    name, *subsampling = arm.split()
    options = {"subsampling": subsampling[0]} if subsampling else {}
    painted = lut8(name)[picture()] if subsampling else picture()
    return files.encode(painted, "JPEG", quality=quality, **options)


@pytest.mark.parametrize("arm", sampled(ARMS, "gray"))
def test_jpeg_shows_what_is_in_the_file(visit: partial[Explored], arm: str) -> None:
    """Every ninth quality: Pillow's size and pixels; one block's codes as parsed from its bytes."""
    name, *subsampling = arm.split()
    chroma = subsampling[0].replace(":", "") if subsampling else "420"
    page = visit(f"jpeg#jpeg?map={name}&chroma={chroma}&quality=1&block=3.5")
    for quality in range(1, 101, 9):
        assert (page.data("arm"), page.data("quality")) == (arm, str(quality))
        content = saved(arm, quality)
        assert page.data("bytes") == str(len(content))
        decoded = files.decode(content)
        np.testing.assert_array_equal(numbers(page, "pixels"), decoded.ravel())
        back = nearest_level(decoded, lut8(name)) if subsampling else decoded
        np.testing.assert_array_equal(numbers(page, "back"), back.ravel())
        error = LEVEL_DB * np.sqrt(np.mean((back - picture().astype(float)) ** 2))
        assert float(page.data("error")) == pytest.approx(error, abs=1e-9)
        assert float(page.data("changed")) == pytest.approx((back != picture()).mean())
        half = "4:2:0" in arm  # the block of chroma that lies over luma's
        for part, plane in enumerate(coefficients.read(content).planes):
            row, column = (2, 1) if half and part else (4, 2)
            expected = plane[row, column].ravel()
            np.testing.assert_array_equal(page.root.evaluate(f"n => n.codes[{part}]"), expected)
            cells = page.root.locator(".explorer-codes").nth(part).locator("td").all_inner_texts()
            assert [int(cell.replace("−", "-")) for cell in cells] == expected.tolist()
        press(page.control("slider", "Quality"), "ArrowRight", 9)


def test_jpeg_draws_what_it_computed(visit: partial[Explored]) -> None:
    page = visit("jpeg#jpeg?map=jet&quality=30")
    drawn = page.root.evaluate(
        """node => [...node.querySelectorAll('canvas')].map(canvas => {
          const { width, height } = canvas;
          return [...canvas.getContext('2d').getImageData(0, 0, width, height).data];
        })"""
    )
    given, decoded, back, lost, luma, blue, _ = [np.reshape(c, (-1, 4))[:, :3] for c in drawn]
    np.testing.assert_array_equal(given, lut8("jet")[picture()].reshape(-1, 3))
    np.testing.assert_array_equal(decoded.ravel(), numbers(page, "pixels"))
    np.testing.assert_array_equal(back[:, 0], numbers(page, "back"))
    apart = 128 + 4 * (numbers(page, "back") - picture().ravel().astype(int))
    np.testing.assert_array_equal(lost[:, 1], np.clip(apart, 0, 255))
    assert (len(luma), len(blue)) == (61 * 51, 31 * 32), "chroma has half the rows and columns"


def test_jpeg_is_operated_by_keyboard_and_restores_its_link(visit: partial[Explored]) -> None:
    page = visit("jpeg")
    assert (page.data("arm"), page.data("quality")) == ("viridis 4:2:0", "75")
    press(page.control("slider", "Quality"), "End")
    press(page.control("combobox", "Chroma"), "ArrowDown")
    press(page.control("combobox", "Colormap"), "j")
    press(page.control("slider", "Column"), "Home")
    press(page.control("slider", "Row"), "End")
    state = {"map": "jet", "chroma": "444", "quality": "100", "block": "1.8"}
    assert page.fragment() == state
    codes = page.root.evaluate("node => node.codes")
    page.show("jpeg.html#jpeg?" + "&".join(f"{key}={value}" for key, value in state.items()))
    assert page.root.evaluate("node => node.codes") == codes
    page.show("jpeg.html#jpeg?map=x&chroma=1&quality=101&block=0.99")
    assert page.data("quality") == "75" and page.data("arm") == "viridis 4:2:0"
    press(page.control("combobox", "Colormap"), "g")
    expect(page.control("combobox", "Chroma")).to_be_disabled()
    assert page.root.locator(".explorer-codes:visible").count() == 1


@pytest.mark.parametrize("pointer", ["mouse", "touch"])
def test_jpeg_shows_the_block_that_is_pointed_at(
    browser: Browser, bench: str, pointer: str
) -> None:
    """On the picture, and on half-size chroma, whose block covers four."""
    context = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    page = Explored(context.new_page(), bench, "jpeg").show("jpeg.html")
    for place, x, y in ((1, 42, 3), (5, 20, 50)):
        canvas = page.root.locator("canvas").nth(place)
        box = canvas.bounding_box()
        assert box
        width, height = (64, 62) if place == 5 else (51, 61)  # a whole number of blocks
        spot = {"x": box["width"] * (x + 0.5) / width, "y": box["height"] * (y + 0.5) / height}
        canvas.tap(position=spot) if pointer == "touch" else canvas.click(position=spot)  # type: ignore[arg-type]
        assert (page.data("across"), page.data("down")) == (str(x // 8), str(y // 8))
        frame = page.root.locator(".explorer-frame").nth(1).bounding_box()
        shown = page.root.locator("canvas").nth(1).bounding_box()
        assert frame and shown
        assert frame["x"] - shown["x"] == pytest.approx(shown["width"] * (x // 8) * 8 / 51, abs=1)
    context.close()


# --- drop -----------------------------------------------------------------------------------------


def numbers(page: Explored, property_: str) -> np.ndarray:
    """An array that the script keeps at its element."""
    return np.array(page.root.evaluate(f"node => [...node.{property_}]"))


def file(pixels: np.ndarray, form: str = "PNG") -> FilePayload:
    with io.BytesIO() as buffer:
        Image.fromarray(pixels).save(buffer, form, lossless=True)
        return {"name": f"mine.{form.lower()}", "mimeType": "", "buffer": buffer.getvalue()}


def choose(page: Explored, given: FilePayload) -> None:
    page.root.locator("input[type=file]").set_input_files(given)
    expect(page.root.locator(".explorer-hint")).to_contain_text(given["name"])


@pytest.mark.parametrize("name", sampled(["gray", "viridis", "jet"], "viridis"))
def test_drop_reads_back_what_python_reads_from_the_file(
    visit: partial[Explored], name: str
) -> None:
    """Pillow's file, its filter and our table: every level, for every file and some sizes."""
    page, table = visit("drop"), None if name == "gray" else lut8(name)
    choose(page, file(picture()))
    page.control("combobox", "Colormap").select_option(name)
    for kind, quality, side in product(journey.FILES, (8, 75, 98), (None, 64, 32)):
        page.control("combobox", "File").select_option(kind)
        page.control("combobox", "Resized to").select_option(
            f"{side} × {side}" if side else "as it is"
        )
        page.root.get_by_role("slider", name="Quality").evaluate(
            "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }",
            quality,
        )
        expected = journey.read_back(picture(), table, kind, quality, side)
        assert (page.data("down"), page.data("across")) == tuple(map(str, expected.shape))
        np.testing.assert_array_equal(numbers(page, "back"), expected.ravel())
        wanted = picture().astype(np.float32)[None]
        exact = spectrograms.resize(wanted, (side, side), "bilinear") if side else wanted
        lost = 100 / 255 * (expected - exact[0].astype(float))
        assert float(page.data("rms")) == pytest.approx(
            np.sqrt((lost**2).mean()), rel=1e-4, abs=1e-6
        )
        assert float(page.data("worst")) == pytest.approx(np.abs(lost).max(), rel=1e-4, abs=1e-6)
        if kind == "PNG" and name == "gray" and side is None:
            assert np.abs(lost).max() == 0


def test_drop_shows_the_channels_that_a_net_gets(visit: partial[Explored]) -> None:
    page = visit("drop#drop?map=jet&file=png&size=32")
    choose(page, file(picture()))
    small = spectrograms.resize(lut8("jet")[picture()][None], (32, 32), "bilinear")[0]
    drawn = page.root.locator(".explorer-pictures").evaluate(
        """node => [2, 3, 4].map(place => {
          const canvas = node.querySelectorAll('canvas')[place];
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return [...data].filter((_, k) => k % 4 === 0);
        })"""
    )
    np.testing.assert_array_equal(np.reshape(drawn, (3, 32, 32)), np.moveaxis(small, -1, 0))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("name", ["gray", "viridis", "jet"])
def test_drop_finds_the_map_of_a_picture(visit: partial[Explored], name: str, form: str) -> None:
    page = visit("drop#drop?map=gray&file=png")
    table = lut8_rounded("gray") if name == "gray" else lut8(name)
    choose(page, file(table[picture()], form))
    assert page.data("read") == name
    np.testing.assert_array_equal(
        numbers(page, "back"), nearest_level(table[picture()], table).ravel()
    )


def spectrum(samples: np.ndarray) -> np.ndarray:
    """Decibels as the book computes them, the highest frequency first."""
    return spectrograms.log_power(samples[None], 512, 128, floor=-140)[0, ::-1]


SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def as_levels(db: np.ndarray) -> np.ndarray:
    return spectrograms.quantise(db, -100, 0).ravel().astype(int)


@pytest.mark.parametrize("subtype", sampled(SUBTYPES, "PCM_16", "FLOAT"))
@pytest.mark.parametrize("channels", sampled([1, 2], 2))
def test_drop_hears_a_wav_as_python_does(
    visit: partial[Explored], subtype: str, channels: int
) -> None:
    """The levels before any file: a rounding apart at most. One channel and two, a short tail."""
    page = visit("drop")
    sound = np.stack([note(), note()[::-1]][:channels], 1)
    with io.BytesIO() as buffer:
        soundfile.write(buffer, sound, RATE, subtype, format="WAV")
        heard, _ = soundfile.read(io.BytesIO(buffer.getvalue()), dtype="float64", always_2d=True)
        choose(page, {"name": "mine.wav", "mimeType": "", "buffer": buffer.getvalue()})
    expected = as_levels(spectrum(heard.mean(1).astype(np.float32)))
    apart = np.abs(numbers(page, "levels") - expected)
    assert apart.max() <= 1 and (apart > 0).mean() < 0.005
    expect(page.root.locator(".explorer-hint")).to_contain_text("1.1 s at 8,000 Hz")


def test_drop_starts_with_the_books_example(visit: partial[Explored]) -> None:
    page = visit("drop")
    written = (np.rint(note() * 32767) / 32768).astype(np.float32)
    apart = np.abs(numbers(page, "levels") - as_levels(spectrum(written)))
    assert apart.max() <= 1 and (apart > 0).mean() < 0.005
    page.root.get_by_role("checkbox").check()
    levels = numbers(page, "levels")
    assert (levels.min(), levels.max(), float(page.data("outside"))) == (0, 255, 0)
    assert page.control("slider", "Level 0").is_disabled()


def test_drop_takes_what_is_dropped_and_refuses_what_it_cannot_read(
    visit: partial[Explored],
) -> None:
    page = visit("drop")
    told = page.root.locator(".explorer-hint")
    before = numbers(page, "back")

    def drop(name: str, content: bytes) -> None:
        given = page.page.evaluate_handle(
            """([name, content]) => { const given = new DataTransfer();
              given.items.add(new File([Uint8Array.from(content)], name)); return given; }""",
            [name, list(content)],
        )
        page.root.dispatch_event("drop", {"dataTransfer": given})

    for name, content, reason in (
        ("a.txt", b"no picture", "drop a PNG, JPEG, WebP or WAV"),
        ("b.wav", b"RIFF\0\0\0\0WAVE", "no sound in it"),
        (
            "c.wav",
            b"RIFF\0\0\0\0WAVEfmt " + bytes([16, 0, 0, 0, 85, *[0] * 13, 16, 0]) + b"data\0\0\0\0",
            "compressed",
        ),
    ):
        drop(name, content)
        expect(told).to_contain_text(name)
        expect(told).to_contain_text(reason)
        np.testing.assert_array_equal(numbers(page, "back"), before)
    drop("d.png", file(picture())["buffer"])
    expect(told).to_contain_text("d.png: 51 × 61 pixels, read as gray")


@pytest.mark.parametrize("kind", ["PNG", "CSV", "NPY"])
def test_drop_gives_the_levels_away(visit: partial[Explored], kind: str) -> None:
    page = visit("drop")
    choose(page, file(picture()))
    with page.page.expect_download() as waited:
        page.control("button", kind).click()
    path = waited.value.path()
    assert waited.value.suggested_filename == f"levels.{kind.lower()}"
    read = {
        "PNG": lambda: np.asarray(Image.open(path).convert("L")),
        "CSV": lambda: np.loadtxt(path, int, delimiter=","),
        "NPY": lambda: np.load(path.rename(f"{path}.npy")),
    }[kind]()
    np.testing.assert_array_equal(read, numbers(page, "back").reshape(picture().shape))


def test_drop_is_operated_by_keyboard_and_remembers(visit: partial[Explored]) -> None:
    page = visit("drop")
    press(page.control("combobox", "Colormap"), "j")
    press(page.control("combobox", "File"), "ArrowDown")
    press(page.control("combobox", "Resized to"), "End")
    press(page.control("slider", "Level 0"), "ArrowRight", 2)
    press(page.control("slider", "Level 255"), "ArrowLeft")
    press(page.control("slider", "Quality"), "ArrowLeft", 5)
    state = page.fragment()
    assert state == {
        "map": "jet",
        "file": "jpeg-444",
        "quality": "70",
        "size": "32",
        "low": "-90",
        "high": "-5",
        "own": "false",
    }
    back = numbers(page, "back")
    page.show("drop.html#drop?" + "&".join(f"{key}={value}" for key, value in state.items()))
    np.testing.assert_array_equal(numbers(page, "back"), back)
    page.show("drop.html#drop?map=x&file=y&quality=0&size=1&low=3&high=x")
    expect(page.control("combobox", "Colormap")).to_have_value("viridis")
    expect(page.control("slider", "Quality")).to_have_value("75")


# --- dice -----------------------------------------------------------------------------------------


def test_dice_deals_every_run_once_and_knows_its_intervals(visit: partial[Explored]) -> None:
    """The intervals are the book's, at every number of runs; a deal uses each run at most once."""
    page = visit("dice")
    for name, runs in RUNS.items():
        page.control("combobox", "Nets").select_option(name)
        known = {round(a - b, 9): (a, b) for a, b in permutations(runs.tolist(), 2)}
        for count in range(1, len(runs) // 2 + 1):
            gaps = [float(gap) for gap in page.data("gaps").split(",")]
            assert len(gaps) == count
            if count > 1:
                expected = mean_interval(gaps, 0)
                found = [float(page.data(key)) for key in ("mean", "low", "high")]
                np.testing.assert_allclose(
                    found, [expected.estimate, expected.low, expected.high], rtol=1e-9, atol=1e-12
                )
                words = "does not tell them apart" if not expected.excludes() else "wrongly"
                expect(page.root).to_contain_text(words)
            if count < len(runs) // 2:
                page.control("button", "One more run each").click()
        dealt = [run for gap in gaps for run in known[round(gap, 9)]]
        assert len(dealt) == len(set(dealt)) == 2 * (len(runs) // 2)
        assert page.control("button", "All runs").is_disabled()
        apart = [abs(a - b) >= 0.01 for a, b in combinations(runs, 2)]
        assert float(page.data("chance")) == pytest.approx(np.mean(apart))


def test_dice_names_a_winner_by_either_arm(visit: partial[Explored]) -> None:
    """Over many deals A and B win about as often."""
    page, wins = visit("dice"), []
    for _ in range(60):
        page.control("button", "Roll the dice").click()
        gap = float(page.data("gaps"))
        wins.append(gap > 0)
        words = "A wins by" if gap > 0 else "B wins by"
        expect(page.root.locator(".explorer-now")).to_contain_text(words)
    assert 15 <= sum(wins) <= 45


def test_dice_is_operated_by_keyboard_and_remembers(visit: partial[Explored]) -> None:
    page = visit("dice")
    press(page.control("combobox", "Nets"), "c")
    press(page.control("button", "Roll the dice"), "Enter", 2)
    press(page.control("button", "One more run each"), "Space", 2)
    state, gaps = page.fragment(), page.data("gaps")
    assert state == {"nets": "chirps-small", "deal": "3", "runs": "3"}
    press(page.control("button", "All runs"), "Enter")
    assert len(page.data("gaps").split(",")) == 5
    page.show("dice.html#dice?" + "&".join(f"{key}={value}" for key, value in state.items()))
    assert page.data("gaps") == gaps
    page.show("dice.html#dice?nets=x&deal=-1&runs=1e9")
    assert (page.fragment_of_link()["nets"], len(page.data("gaps").split(","))) == (
        "digits-one-neuron",
        1,
    )


# --- verdict --------------------------------------------------------------------------------------

MARGINS = (0.0025, 0.005, 0.01, 0.02, 0.03)
SEEDS = {"all": (0, 1), "even": (0,), "odd": (1,)}
CORRECTIONS: dict[str, Callable[[Any], np.ndarray]] = {
    "Holm": holm,
    "Bonferroni": lambda p: np.minimum(len(p) * np.asarray(p), 1),
    "Benjamini–Hochberg": lambda p: stats.false_discovery_control(p),
    "none": lambda p: np.asarray(p),
}
INTERVALS = ("the book's", "Student's", "normal")


def chosen_interval(name: str) -> Callable[..., Interval]:
    """An interval of a mean in place of the book's; each is computed once."""

    def interval(x: np.ndarray, seed: int, level: float = 0.95, shared: float = 0.0) -> Interval:
        return computed(np.asarray(x, np.float64).tobytes(), level)

    @cache
    def computed(content: bytes, level: float) -> Interval:
        x = np.frombuffer(content)
        mean, error = x.mean(), x.std(ddof=1) / np.sqrt(len(x))
        if name == "the book's" or np.ptp(x) < 1e-13:
            return mean_interval(x, 0, level)
        one = stats.t(len(x) - 1) if name == "Student's" else stats.norm
        reach = error * one.ppf((1 + level) / 2)
        return Interval(mean, mean - reach, mean + reach, level)

    return interval


class Rules:
    """The chapter's rules, with the reader's choices in the places of the book's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, interval: str) -> None:
        self.patch = monkeypatch
        self.patch.setattr(statistics, "mean_interval", chosen_interval(interval))

    @cache  # noqa: B019
    def results(self, seeds: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The runs of some seeds, and the table of differences, which is the slow part."""
        runs = edition()[edition().seed.mod(2).isin(SEEDS[seeds])]
        return runs, tc.differences(runs)

    def tables(self, margin: float, seeds: str, correction: str) -> dict[str, pd.DataFrame]:
        """What verdicts are read off, as the chapter makes it."""
        self.patch.setattr(tc, "holm", CORRECTIONS[correction])
        self.patch.setattr(tc, "MARGIN", margin)
        results, table = self.results(seeds)
        table = table.assign(holm=CORRECTIONS[correction](table.p))
        every = {"table": table, "equal": tc.equivalences(results)}
        every["spread"] = tc.colormap_spread(results)
        own = {name: one[one.network.isin(NETS)] for name, one in every.items()}
        own["copies"] = tc.reaching(results, own["table"], ("gray3",))
        own["grown"] = tc.reaching(results, own["table"], GROWN, larger=True)
        return own


def verdicts(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    return {
        "Q2": tc.verdict_colormap_matters(tables["spread"]),
        "Q6 copies": tc.verdict_redundancy(tables["table"], tables["equal"]),
        "Q6 bad": tc.verdict_bad_colormap(tables["table"]),
        "A6": tc.verdict_without_colour(tables["grown"]),
        "A9": tc.verdict_limited_model(tables["table"]),
        "D1": tc.verdict_growing_does_as_much(tables["copies"], tables["grown"]),
    }


@pytest.mark.slow
@pytest.mark.parametrize("interval", INTERVALS)
def test_every_verdict_is_pythons_under_every_choice(
    visit: partial[Explored], monkeypatch: pytest.MonkeyPatch, interval: str
) -> None:
    page, rules, seen = visit("verdict"), Rules(monkeypatch, interval), set()
    found = {}
    for row in ROWS:
        page.control("combobox", "Claim").select_option(f"{row} says so")
        given = page.root.evaluate("node => node.everywhere()")
        found[row] = dict(zip(product(MARGINS, SEEDS, CORRECTIONS, INTERVALS), given, strict=True))
    for seeds, correction, margin in product(SEEDS, CORRECTIONS, MARGINS):
        for row, verdict in verdicts(rules.tables(margin, seeds, correction)).items():
            assert found[row][margin, seeds, correction, interval] == verdict, row
            seen.add((row, verdict))
    assert len(seen) > len(ROWS), "some choice must make a difference"


def compared(tables: dict[str, pd.DataFrame], row: str) -> tuple[pd.DataFrame, list[str]]:
    """Differences with their ends, and what each says of the claim."""
    table, ways = tables["table"], {1: "for", 0: "open", -1: "against"}
    reached = {"reached": "for", "short": "against", "open": "open"}
    if row in ("A6", "D1"):
        parts = [tables["copies"], tables["grown"]][row == "A6" :]
        rows = pd.concat(parts).rename(columns={"shortfall": "difference"})
        return rows, rows.answer.map(reached).tolist()
    if row == "Q6 bad":
        rows = table[table.arm == "shuffled"]
        return rows, (-decided(rows)).map(ways).tolist()
    if row == "A9":
        rows = table[(table.task == "textures") & (table.network == "neuron")]
        rows = rows[rows.arm.isin(COLOURS)]
        answers = by_margin(rows.assign(decided=decided(rows)), tc.MARGIN)
        return rows, [{"yes": "for", "no": "against", "-": "open"}[answer] for answer in answers]
    if row == "Q2":
        rows = tables["spread"].assign(difference=lambda t: t.spread, low=lambda t: t.spread)
        sure = (rows.holm < 0.05) & (rows.spread > tc.MARGIN)
        return rows.assign(high=rows.low), ["for" if one else "open" for one in sure]
    rows = tables["equal"][tables["equal"].a == "gray3"]
    differ = decided(table[table.arm == "gray3"]) != 0
    same = zip(differ, rows.equivalent, strict=True)
    return rows, ["against" if a else "for" if b else "open" for a, b in same]


@pytest.mark.parametrize("choices", sampled([1, 3], 1))
@pytest.mark.parametrize("interval", sampled(INTERVALS, "the book's"))
def test_every_comparison_is_pythons(
    visit: partial[Explored], monkeypatch: pytest.MonkeyPatch, interval: str, choices: int
) -> None:
    """Some choices, through the address: the same rows, differences, ends and answers."""
    page, rules = visit("verdict"), Rules(monkeypatch, interval)
    rng = np.random.default_rng(len(interval))
    for _ in range(choices):
        margin, seeds, correction = (
            str(rng.choice(list(x))) for x in (MARGINS, SEEDS, CORRECTIONS)
        )
        tables = rules.tables(float(margin), seeds, correction)
        for row in ROWS:
            choice = {"row": row, "margin": margin, "seeds": seeds, "correction": correction}
            words = {key: re.sub("[^a-zA-Z0-9.]+", "-", value) for key, value in choice.items()}
            words["interval"] = re.sub("[^a-zA-Z0-9]+", "-", interval)
            page.show("verdict.html#verdict?" + "&".join(f"{k}={v}" for k, v in words.items()))
            expect(page.control("combobox", "Seeds")).to_have_value(seeds)
            expected, answers = compared(tables, row)
            found = pd.DataFrame(
                page.root.evaluate("node => node.rows"), columns=["value", "low", "high", "answer"]
            )
            assert found.answer.tolist() == answers
            ends = expected[["difference", "low", "high"]].to_numpy(float)
            np.testing.assert_allclose(found[["value", "low", "high"]], ends, atol=1e-6)
            assert page.data("verdict") == verdicts(tables)[row]


def test_a_verdict_is_broken_by_keyboard_and_mended_by_a_button(visit: partial[Explored]) -> None:
    page = visit("verdict#verdict?row=A9")
    usual = page.data("verdict")
    now = page.root.locator(".explorer-now")
    expect(now).to_have_text(f"Verdict: {usual}. So says the book.")
    press(page.control("slider", "Margin"), "End")
    press(page.control("combobox", "Seeds"), "o")
    press(page.control("combobox", "Correction"), "B")
    press(page.control("combobox", "Interval"), "n")
    state = page.fragment()
    assert state == {
        **{"row": "A9", "margin": "0.03", "seeds": "odd"},
        **{"correction": "Bonferroni", "interval": "normal"},
    }
    assert page.data("verdict") != usual
    expect(now).to_contain_text(f"The book, by its own choices, says: {usual}.")
    press(page.control("button", "The book's choices"), "Enter")
    assert page.data("verdict") == usual
    page.show("verdict.html#verdict?row=B1&margin=7&seeds=prime&correction=&interval=x")
    expect(page.control("slider", "Margin")).to_have_value("2")
    expect(page.control("combobox", "Claim")).to_have_value("Q2 says so")


# --- all ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sampled(widgets.NAMES, "plane"))
def test_a_result_is_said_once_it_stands(visit: partial[Explored], name: str) -> None:
    page = visit(name)
    status = page.root.get_by_role("status")
    expect(status).to_have_attribute("aria-live", "polite")
    expect(status).not_to_be_empty()
    before = status.text_content()
    move(page.root, "Home")
    expect(status).not_to_have_text(before or "")


@pytest.mark.parametrize("name", sampled(widgets.NAMES, "plane"))
def test_nothing_in_the_address_until_the_reader_moves(visit: partial[Explored], name: str) -> None:
    page = visit(name)
    page.page.wait_for_timeout(400)
    assert page.page.evaluate("location.hash") == ""


@pytest.mark.parametrize("name", sampled(widgets.NAMES, "plane"))
def test_without_script_the_static_text_stands(browser: Browser, bench: str, name: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{bench}/{name}.html")
    expect(page.locator(".explorer-static p")).to_be_visible()
    expect(page.locator(".explorer-static table")).to_be_visible()
    assert page.locator(".explorer-live").count() == 0
    context.close()


@pytest.mark.parametrize("name", sampled(widgets.NAMES, "plane"))
def test_an_explorer_works_from_a_folder_on_disk(
    context: BrowserContext, folder: Path, name: str
) -> None:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((folder / f"{name}.html").as_uri())
    page.wait_for_selector("[data-ready]")
    move(page, "End")
    expect(page).to_have_url(re.compile(r"#\w+\?"))
    assert errors == []


@pytest.mark.parametrize("width", sampled([320, 360], 320))
@pytest.mark.parametrize("name", sampled(widgets.NAMES, "plane", "drop"))
def test_an_explorer_fits_a_telephone(browser: Browser, bench: str, name: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = Explored(context.new_page(), bench, name).show(f"{name}.html")
    widths = page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    context.close()


@pytest.mark.parametrize("name", sampled(widgets.NAMES, "plane", "drop"))
def test_fingers_find_what_they_touch(browser: Browser, bench: str, name: str) -> None:
    """Every control is 44 px high and answers to a tap."""
    context = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    page = Explored(context.new_page(), bench, name).show(f"{name}.html")
    for part in page.root.locator(
        "button, select, a, input:not([type=checkbox]), label:has([type=checkbox])"
    ).all():
        box = part.bounding_box()
        assert box and round(box["height"], 2) >= 44, part.evaluate("node => node.outerHTML")
    expect(page.root.get_by_role("status")).not_to_be_empty()  # it is said a little later
    before = page.root.get_by_role("status").text_content()
    slider = page.root.get_by_role("slider")
    touched = slider.first if slider.count() else page.root.get_by_role("button").first
    box = touched.bounding_box()
    assert box
    touched.tap(position={"x": 0.1 * box["width"], "y": box["height"] / 2})  # not where it stands
    expect(page.root.get_by_role("status")).not_to_have_text(before or "")
    context.close()


@pytest.mark.parametrize("name", sampled(widgets.NAMES, "plane"))
def test_nothing_moves_by_itself(browser: Browser, bench: str, name: str) -> None:
    """Asked for or not: no transition, no animation, no smooth scrolling."""
    context = browser.new_context(reduced_motion="reduce")
    page = Explored(context.new_page(), bench, name).show(f"{name}.html")
    moving = page.page.evaluate(
        """() => [...document.querySelectorAll('*')].filter(node => {
          const style = getComputedStyle(node);
          return style.animationName !== 'none' || style.scrollBehavior === 'smooth'
            || style.transitionDuration !== '0s';
        }).map(node => node.outerHTML.slice(0, 80))"""
    )
    assert moving == []
    context.close()


@pytest.mark.parametrize(("name", "place"), sampled(PAGES, *PAGES[:1], *PAGES[-1:]))
@pytest.mark.parametrize("theme", sampled(["light", "dark"], "light"))
def test_in_the_book_an_explorer_starts_and_keeps_its_colours(
    browser: Browser, address: str, name: str, place: str, theme: str
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    set_theme(context, theme)
    page = Explored(context.new_page(), address, name)
    page.open(f"book/{place}.html#{name}?")
    expect(page.root).to_have_attribute("data-ready", "")
    top = page.root.evaluate("node => node.getBoundingClientRect().top")
    assert 0 <= top < 450, "a link to a view shows it"
    expect(page.root.locator(".explorer-static")).to_be_hidden()
    chain = """node => { const found = [];
      for (; node; node = node.parentElement) found.push(getComputedStyle(node).filter);
      return found; }"""
    for part in page.root.locator("canvas, circle >> nth=0").all():
        assert set(part.evaluate(chain)) == {"none"}
    sheet = page.root.evaluate("node => getComputedStyle(node.parentElement).backgroundColor")
    assert sheet in ("rgba(0, 0, 0, 0)", "transparent")
    assert page.problems == [] and page.remote == []
    context.close()
