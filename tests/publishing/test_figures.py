"""Published figures: files, record, determinism, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from pybtex.database import parse_string

from analysis.files import atomic_path
from analysis.publishing import figures
from analysis.publishing.provenance import RUN_FILE, Run

FRAME = pd.DataFrame({"level": [0, 128, 255], "response": [0.0, 0.5, 1.0]})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run = Run(
        "single-pixel", str(tmp_path / "results"), {"seed": 3, "profile": "edition"}, "abc", "1"
    )
    run.save(tmp_path / "run.json")
    monkeypatch.setenv(RUN_FILE, str(tmp_path / "run.json"))
    return run


def draw() -> Figure:
    figures.style()
    fig, ax = plt.subplots()
    ax.plot(FRAME["level"], FRAME["response"])
    ax.set(xlabel="level (0–255)", ylabel="response (dimensionless)")
    return fig


def publish(id: str = "fig-line", **changes: object) -> object:
    arguments = {"caption": "A *line*.", "alt": "A line that rises.", "data": FRAME} | changes
    return figures.publish(draw(), id, **arguments)  # type: ignore[arg-type]


def test_every_file_is_written_and_opens(run: Run) -> None:
    publish()
    folder = run.path / "figures"
    with Image.open(folder / "fig-line.png") as image:
        assert image.width == round(7.2 * 300)
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    svg = (folder / "fig-line.svg").read_text("utf-8")
    assert svg.startswith("<?xml")
    assert ">response (dimensionless)</text>" in svg and "@font-face" in svg  # text stays text
    assert (folder / "fig-line.pdf").read_bytes().startswith(b"%PDF")
    pd.testing.assert_frame_equal(pd.read_csv(folder / "fig-line.csv"), FRAME)
    record = json.loads((folder / "fig-line.json").read_text("utf-8"))
    assert record["seed"] == 3
    assert record["commit"] == "abc"
    assert record["versions"]["numpy"] == np.__version__
    assert record["licence"] == "CC BY 4.0"
    assert (folder / "fig-line.bib").read_text("utf-8").count("{") == (
        folder / "fig-line.bib"
    ).read_text("utf-8").count("}")


def test_words_about_a_figure_have_a_minus(run: Run) -> None:
    publish(caption="By -1.5 points, in 10-15 runs.", alt="It falls by -2.")
    record = json.loads((run.path / "figures" / "fig-line.json").read_text("utf-8"))
    assert record["caption"] == "By −1.5 points, in 10-15 runs."
    assert record["alt"] == "It falls by −2."


def test_the_same_figure_is_the_same_bytes(run: Run) -> None:
    publish()
    first = {path.name: path.read_bytes() for path in (run.path / "figures").iterdir()}
    with pytest.raises(ValueError, match="published twice"):
        publish()
    (run.path / "figures" / "fig-line.json").unlink()
    publish()
    again = {path.name: path.read_bytes() for path in (run.path / "figures").iterdir()}
    assert first == again
    assert len(first) == 8


def test_the_narrow_version_is_narrow_and_changes_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    narrow = run.path / "figures" / "fig-line-narrow.svg"
    assert 'width="259.2pt"' in narrow.read_text("utf-8")
    files = {path: path.read_bytes() for path in narrow.parent.iterdir() if path != narrow}
    (narrow.parent / "fig-line.json").unlink()
    monkeypatch.setattr(figures, "narrowed", lambda fig: False)
    publish()
    assert {path: path.read_bytes() for path in narrow.parent.iterdir()} == files


def test_a_picture_that_is_cut_off_is_told(run: Run) -> None:
    fig = draw()
    fig.legend([8 * "a name that is too long "], loc="outside upper center")
    wrong = r"^fig-wide: the picture is cut off at its left and right; make it fit$"
    with pytest.warns(UserWarning, match=wrong):
        figures.publish(fig, "fig-wide", caption="Wide.", alt="Wide.", data=FRAME)
    assert (run.path / "figures" / "fig-wide.png").exists()


def test_letters_that_are_too_small_are_told(run: Run) -> None:
    fig = draw()
    fig.axes[0].text(1, 1, "small", fontsize=6.5)
    with pytest.warns(UserWarning, match=r"^fig-small: type of 6\.5 pt; the least is 7 pt$"):
        figures.publish(fig, "fig-small", caption="Small.", alt="Small.", data=FRAME)


@pytest.mark.parametrize(
    ("edge", "place"),
    [("left", (-0.1, 0.5)), ("bottom", (0.5, -0.1)), ("top", (0.5, 0.99)), ("right", (0.99, 0.5))],
)
def test_an_edge_is_named_over_which_something_runs(edge: str, place: tuple[float, float]) -> None:
    fig = draw()
    assert figures.cut_edges(fig) == []
    fig.text(*place, "mark")
    assert figures.cut_edges(fig) == [edge]


def test_a_table_is_a_file_and_a_key_says_what_its_columns_are(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = FRAME.assign(score_low=[0.5, 1.0, 0.0], arm="gray")
    publish(data={"a": FRAME, "at equal bytes": more})
    folder = run.path / "figures"
    pd.testing.assert_frame_equal(pd.read_csv(folder / "fig-line.csv"), FRAME)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "fig-line.at-equal-bytes.csv"), more)
    key = pd.read_csv(folder / "fig-line.columns.csv").set_index(["file", "column"])
    assert [column for _, column in key.index] == [*FRAME, *more]
    row = key.loc["fig-line.at-equal-bytes.csv", "score_low"]
    assert row[["kind", "least", "most"]].tolist() == ["number", 0.0, 1.0]
    assert row.meaning == "lower end of the 95 % interval of score"
    assert key.loc[("fig-line.at-equal-bytes.csv", "arm"), "meaning"].startswith(
        "what a net was fed"
    )
    later = replace(run, sources={"chapter": str(run.path)})
    monkeypatch.setattr(figures, "current_run", lambda: later)
    pd.testing.assert_frame_equal(figures.data_of("chapter", "fig-line", "at equal bytes"), more)
    pd.testing.assert_frame_equal(figures.data_of("chapter", "fig-line"), FRAME)
    record = json.loads((folder / "fig-line.json").read_text("utf-8"))
    assert record["tables"] == ["a", "at equal bytes"]
    shown = figures.links("fig-line", record["tables"])
    assert shown.index(">data<") < shown.index('fig-line.at-equal-bytes.csv">at equal bytes<')
    assert shown.index(">key of columns<") < shown.index(">cite<")


@pytest.mark.parametrize(
    ("id", "changes", "message"),
    [
        ("Line", {}, "must be 'fig-'"),
        ("fig-../x", {}, "must be 'fig-'"),
        ("fig-x-narrow", {}, "what a narrow version's file is called"),
        ("fig-x", {"alt": " "}, "text alternative"),
        ("fig-x", {"caption": ""}, "caption"),
        ("fig-x", {"data": FRAME.iloc[:0]}, "must not be empty"),
    ],
)
def test_refusals(run: Run, id: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        publish(id, **changes)
    plt.close("all")


@pytest.fixture(autouse=True)
def _no_figure_is_left() -> Iterator[None]:
    yield
    plt.close("all")


def test_a_title_inside_is_refused(run: Run) -> None:
    fig = draw()
    fig.suptitle("Look!")
    with pytest.raises(ValueError, match="no title inside"):
        figures.publish(fig, "fig-x", caption="c", alt="a", data=FRAME)
    plt.close(fig)


def test_an_axis_without_its_unit_is_refused(run: Run) -> None:
    fig = draw()
    fig.axes[0].set_ylabel("response")
    with pytest.raises(ValueError, match=r"fig-x: axes with numbers and no unit: y 'response'\."):
        figures.publish(fig, "fig-x", caption="c", alt="a", data=FRAME)


def test_jupyter_sees_a_picture_and_the_book_a_figure(run: Run) -> None:
    bundle = publish()._repr_mimebundle_()  # type: ignore[attr-defined]
    assert bundle[figures.FIGURE_MIME]["id"] == "fig-line"
    assert bundle["image/png"].startswith("iVBOR")
    assert "image/svg+xml" not in bundle


def test_colours_are_fixed_and_unknown_ones_refused() -> None:
    assert figures.colour_of("viridis") == figures.colour_of("viridis")
    with pytest.raises(ValueError, match="'mauve'"):
        figures.colour_of("mauve")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk"), atomic_path(path) as temporary:
        temporary.write_text("ne")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.txt"]


def test_alternative_text_is_safe_in_a_directive() -> None:
    text = figures.figure_directive("fig-x", "Caption.", 'He said "no": `code` {role}')
    assert text.count("\n:alt: ") == 1
    assert "````{figure} /extra/figures/fig-x.svg" in text


@pytest.mark.parametrize(
    ("edition", "told"), [("", {"version": "1"}), ("2026.1", {"edition": "2026.1"})]
)
def test_a_figure_is_cited_with_all_that_is_known(edition: str, told: dict[str, str]) -> None:
    caption = "What 80 % of R&B holds: more, with $x_1$. And the rest."
    record = figures.Record("fig-x", caption, "a", "c", {}, 0, "abc", "1", {})
    text = figures.bibtex(record, "2026", "https://owner.example/fig-x.svg", edition)
    (entry,) = parse_string(text, "bibtex").entries.values()
    assert entry.type == "misc"
    assert [str(person) for person in entry.persons["author"]] == [
        "{The Coloured Spectrogram authors}"
    ]
    assert dict(entry.fields) == told | {
        "title": r"{What 80 \% of R\&B holds: more, with $x_1$}",
        "shorttitle": r"{What 80 \% of R\&B holds}",
        "howpublished": "Figure fig-x in The Coloured Spectrogram",
        "year": "2026",
        "note": "Chapter c, commit abc, CC BY 4.0",
        "url": "https://owner.example/fig-x.svg",
    }
