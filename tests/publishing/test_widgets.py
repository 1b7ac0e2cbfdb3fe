"""What a chapter's cell hands to an explorer. (The explorers themselves: tests/book.)"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from analysis.colour.colormaps import lut, lut8, lut8_rounded, names
from analysis.jpeg import codec
from analysis.publishing import widgets
from analysis.relu import piecewise
from tests.conftest import ROOT

TABLE = pd.DataFrame({"margin": [0.5]}, index=["viridis"])
SCRIPTS = ROOT / "book" / "_static" / "explorers"
LEVEL = np.arange(256)


def data_of(shown: widgets.Explorer) -> dict[str, object]:
    found = re.search(r'<script type="application/json">(.*?)</script>', shown.html, re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def plane(**changes: object) -> widgets.Explorer:
    arguments: dict[str, object] = {"colormap": "jet", "pattern": "high", "view": (200.0, 18.0)}
    return widgets.plane(
        {"jet": lut8("jet"), "gray": lut8("gray")},
        {"high": LEVEL >= 128, "ends": (LEVEL < 3) | (LEVEL > 250)},
        margins=TABLE,
        **arguments | changes,  # type: ignore[arg-type]
    )


def test_every_explorer_has_its_script() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.js")} == {
        *("explorers", "codec"),
        *widgets.NAMES,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"name": "cube"},
            "no explorer 'cube'; have contrast, dice, drop, jpeg, neuron, plane, relu, verdict",
        ),
        ({"label": " "}, "needs a label"),
        ({"summary": ""}, "a summary"),
        ({"table": TABLE.iloc[:0]}, "a table"),
        ({"data": {"x": float("nan")}}, "JSON"),
    ],
)
def test_an_explorer_refuses_what_it_cannot_show(changes: dict[str, object], message: str) -> None:
    arguments = {"name": "plane", "data": {}, "label": "l", "summary": "s", "table": TABLE}
    with pytest.raises(ValueError, match=message):
        widgets.explorer(**arguments | changes)  # type: ignore[arg-type]


def test_no_text_can_leave_its_place() -> None:
    """Neither the data nor the words end an element early."""
    nasty = "</script><b>&\"'"
    shown = widgets.explorer("plane", {"x": nasty}, label=nasty, summary=nasty, table=TABLE)
    assert shown.html.count("</script>") == 1
    assert "<b>" not in shown.html.split("<script")[0]
    assert data_of(shown) == {"x": nasty}
    assert " style=" not in shown.html


def test_jupyter_gets_the_static_text_and_plain_text() -> None:
    shown = plane()
    bundle = shown._repr_mimebundle_()
    assert bundle["text/plain"] == shown.summary
    static = bundle["text/html"].split("<script")[0]
    assert shown.summary.split(",")[0].replace("'", "&#x27;") in static
    assert "<td>0.5</td>" in static


def test_the_plane_gets_bytes_patterns_and_a_view() -> None:
    data = data_of(plane())
    tables = np.frombuffer(base64.b64decode(str(data["tables"])), np.uint8).reshape(2, 256, 3)
    np.testing.assert_array_equal(tables, [lut8("jet"), lut8("gray")])
    assert data["presets"] == [["high", [[128, 255]]], ["ends", [[0, 2], [251, 255]]]]
    assert data["view"] == [-160.0, 18.0]
    assert plane().html == plane().html


@pytest.mark.parametrize("changes", [{"colormap": "viridis"}, {"pattern": "low"}])
def test_the_plane_starts_with_what_it_has(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is not among"):
        plane(**changes)


def test_tables_are_bytes() -> None:
    with pytest.raises(ValueError, match="uint8"):
        widgets.plane(
            {"jet": lut8("jet") / 255},  # type: ignore[dict-item]
            {"high": LEVEL > 9},
            colormap="jet",
            pattern="high",
            view=(0, 0),
            margins=TABLE,
        )


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_runs_tell_the_pattern(pattern: list[bool]) -> None:
    runs = widgets._runs(pattern)
    rebuilt = [any(a <= level <= b for a, b in runs) for level in range(len(pattern))]
    assert rebuilt == pattern
    assert all(b + 1 < a for (_, b), (a, _) in itertools.pairwise(runs))


def relu(colormap: str = "hot", size: int = 2) -> widgets.Explorer:
    fits = piecewise.error_curves(["hot", "gray"], [0, 2], 0.1)
    tables = {name: lut(name) for name in fits}
    return widgets.relu(tables, fits, colormap=colormap, size=size, errors=TABLE)


def test_relu_gets_the_fits() -> None:
    fits = piecewise.error_curves(["hot", "gray"], [0, 2], 0.1)
    data = data_of(relu())
    assert data["sizes"] == [0, 2]
    given_fits = data["fits"]
    assert isinstance(given_fits, dict)
    for name, row in fits.items():
        numbers = given_fits[name]
        assert numbers["knots"] == [list(fit.knots) for fit in row]
        assert numbers["errors"] == pytest.approx([fit.error for fit in row], abs=1e-4)
        assert numbers["bounds"] == pytest.approx([fit.lower_bound for fit in row], abs=1e-4)
    fine = np.frombuffer(base64.b64decode(str(data["tables"])), "<u2").reshape(2, 256, 3)
    for name, table in zip(fits, fine / data["scale"], strict=True):
        np.testing.assert_allclose(table, lut(name) * 255, atol=1 / 256)
        np.testing.assert_array_equal(np.floor(table + 0.5), lut8_rounded(name))


def test_relu_refuses_unequal_sizes_and_an_unknown_start() -> None:
    fits = piecewise.error_curves(["gray"], [0, 2], 0.1)
    fits["hot"] = piecewise.error_curves(["hot"], [0], 0.1)["hot"]
    tables = {name: lut(name) for name in fits}
    with pytest.raises(ValueError, match="sizes"):
        widgets.relu(tables, fits, colormap="gray", size=2, errors=TABLE)
    with pytest.raises(ValueError, match="not among the fits"):
        relu(size=1)
    with pytest.raises(ValueError, match="not among the fits"):
        relu("jet")


def jpeg(picture: np.ndarray, sizes: int = 100, arms: int = 2) -> widgets.Explorer:
    curves = pd.DataFrame(
        {"coder": ["gray", "jet 4:2:0"][:arms], "setting": 75, "error": [1.0, 2.0][:arms]}
    )
    return widgets.jpeg(
        picture,
        {"gray": lut8_rounded("gray"), "jet": lut8("jet")},
        dict.fromkeys(["gray", "jet 4:2:0"], [9] * sizes),
        curves,
        colormap="jet",
        transform=codec.DCT_INTEGER,
        steps=codec.quantisation_tables(50),
        decibels=0.5,
        axes="x",
    )


def test_jpeg_gets_the_picture_and_every_quality() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(4, 3)
    data = data_of(jpeg(picture.T))
    flat = np.frombuffer(base64.b64decode(str(data["picture"])), np.uint8)
    assert (data["height"], data["width"]) == (3, 4)
    np.testing.assert_array_equal(flat.reshape(3, 4), picture.T)
    assert data["arms"] == {
        "gray": {"bytes": [9] * 100, "error": [1.0]},
        "jet 4:2:0": {"bytes": [9] * 100, "error": [2.0]},
    }
    with pytest.raises(ValueError, match="uint8"):
        jpeg(picture / 255)
    with pytest.raises(ValueError, match="100 sizes"):
        jpeg(picture, sizes=99)
    with pytest.raises(KeyError, match="jet"):
        jpeg(picture, arms=1)


def test_drop_hands_over_a_wav_and_gray_first() -> None:
    sound = np.sin(np.arange(500) / 5).astype(np.float32)

    def drop(*maps: str, colormap: str = "jet") -> widgets.Explorer:
        return widgets.drop(
            sound,
            8000,
            {name: lut8(name) for name in maps},
            colormap=colormap,
            frames=(512, 256),
            transform=codec.DCT_INTEGER,
            steps=codec.quantisation_tables(50),
            heard="x",
            losses=TABLE,
        )

    file = base64.b64decode(str(data_of(drop("gray", "jet"))["example"]))
    read, rate = soundfile.read(io.BytesIO(file))
    assert rate == 8000
    np.testing.assert_allclose(read, sound, atol=1e-4)
    for wrong in (("jet", "gray"), ("gray", "hot")):
        with pytest.raises(ValueError, match="gray first"):
            drop(*wrong)


def test_dice_hands_over_runs_and_students_quantiles() -> None:
    shown = widgets.dice({"x": [1, 2, 3, 4, 5, 6, 7.5]}, arm="raw", margin=0.1, chances=TABLE)
    data = data_of(shown)
    assert data["cells"] == {"x": [1, 2, 3, 4, 5, 6, 7.5]}
    assert data["quantiles"] == pytest.approx([12.706, 4.303], abs=1e-3)
    with pytest.raises(ValueError, match="four runs"):
        widgets.dice({"x": [1, 2, 3]}, arm="raw", margin=0.1, chances=TABLE)


def test_a_verdict_has_the_books_margin_among_others() -> None:
    rows = {"A9": ("A9: it helps", "holds")}

    def verdict(margin: float, row: str = "A9") -> widgets.Explorer:
        return widgets.verdict({"few": 20}, rows, row=row, margin=margin, tasks={}, nets={})

    data = data_of(verdict(0.01))
    assert data["few"] == 20 and data["margin"] in data["margins"]  # type: ignore[operator]
    assert data["rows"] == [{"id": "A9", "label": "A9: it helps"}]
    assert "<td>holds</td>" in verdict(0.01).html
    with pytest.raises(ValueError, match="margin"):
        verdict(0.007)
    with pytest.raises(ValueError, match="'B1' among"):
        verdict(0.01, "B1")


def test_all_colormaps_weigh_little() -> None:
    shown = widgets.plane(
        {name: lut8(name) for name in names()},
        {"high": LEVEL >= 128},
        colormap="jet",
        pattern="high",
        view=(0, 0),
        margins=TABLE,
    )
    assert len(shown.html) < 120_000
