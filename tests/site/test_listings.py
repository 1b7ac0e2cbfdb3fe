"""What pages show of code: which functions a cell calls, and where their source is."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.highlighting import PygmentsBridge

from analysis.site import listings


def test_calls_are_found_through_the_names_that_a_page_gives_modules() -> None:
    cells = [
        "from analysis.site import pages as sp\nfrom analysis.colour.colormaps import lut8",
        "import numpy as np\nx = np.sum(lut8('jet')) + len(sp.citation())",
        "%timeit sp.citation()",
        "lut8('hot'); sp.citation(); lut8('jet'); sp.no_such(); sp.KINDS['quick'].copy()",
    ]
    citation, lut8 = ("analysis.site.pages", "citation"), ("analysis.colour.colormaps", "lut8")
    assert listings.calls(cells) == [[], [lut8, citation], [], [lut8, citation]]


def cell(code: str, *output: nodes.Node, classes: tuple[str, ...] = ()) -> nodes.container:
    """A cell as MyST-NB gives it, its code folded."""
    toggle = nodes.container(prompt_show="Show", prompt_hide="Hide", classes=["above-input"])
    toggle += nodes.container("", nodes.literal_block(code, code))
    whole = nodes.container("", toggle, *output, nb_element="cell_code", classes=list(classes))
    return whole


def application(**titles: str) -> Any:
    """What a page needs of Sphinx."""
    builder = SimpleNamespace(
        name="html",
        get_relative_uri=lambda page, other: f"../{other}.html",
        highlighter=PygmentsBridge("html"),
    )
    env = SimpleNamespace(
        toc_fignumbers={"book/x": {"figure": {"fig-a": (4, 2)}}},
        titles={f"book/{name}": nodes.title("", title) for name, title in titles.items()},
    )
    return SimpleNamespace(
        builder=builder, env=env, config=SimpleNamespace(numfig_format={"figure": "Figure %s"})
    )


@pytest.mark.parametrize(
    ("code", "output", "label"),
    [
        ("sp.citation()", [nodes.figure(ids=["fig-a"])], "Code of Figure 4.2: calls `citation`"),
        ("figures.publish()", [nodes.figure(ids=["fig-a"])], "Code of Figure 4.2"),
        ("ledger.record('A1', verdict=sp.citation())", [], "Code of a verdict: calls `citation`"),
        ("ledger.numbers('x', y)", [], "Code of numbers in the text"),
        ("t", [nodes.container(classes=["output", "text_html"])], "Code of a table"),
        ("import numpy as np", [], "Code: imports and settings"),
        ("x = 1", [], "Code"),
        ("sp.citation(); sp.page_end(); sp.linked_data(); sp.open_graph()", [],
         "Code: calls `citation`, `page_end`, `linked_data` …"),
    ],
)  # fmt: skip
def test_a_toggle_says_what_it_holds(code: str, output: list[nodes.Node], label: str) -> None:
    page = new_document("")
    first = "from analysis.site import pages as sp\nfrom analysis.publishing import figures, ledger"
    page += [cell(first), cell(code, *output)]
    listings.label_toggles(application(), page, "book/x")
    toggles = list(page.findall(lambda node: "prompt_show" in getattr(node, "attributes", ())))
    assert [toggle["prompt_show"] for toggle in toggles] == ["Code: imports and settings", label]
    assert toggles[1]["prompt_hide"] == label
    links = [raw.astext() for raw in toggles[1].findall(nodes.raw)]
    assert ("pages.html#analysis.site.pages.citation" in "".join(links)) == ("citation" in code)
    assert listings.modules(page) == ["analysis.site.pages"] * ("sp." in code)


def test_injected_parameters_say_so() -> None:
    page = new_document("")
    page += cell("profile = 'edition'", classes=("tag_injected-parameters",))
    listings.label_toggles(application(), page, "book/x")
    assert (
        next(page.findall(nodes.container)).children[0]["prompt_show"] == "Parameters of this run"
    )


def test_each_module_that_is_called_has_a_page_with_an_anchor_at_each_function(
    tmp_path: Path,
) -> None:
    source = [
        "from analysis import single_pixel as sp\n",
        "from analysis.colour import colormaps\n",
    ]
    cells = [
        nbformat.v4.new_code_cell("".join([*source, "from analysis.publishing import figures"])),
        nbformat.v4.new_code_cell("sp.encoding(colormaps.lut8('jet'))\nfigures.style()"),
        nbformat.v4.new_markdown_cell("sp.nothing()"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "x.ipynb")
    app = application(**{"single-pixel": "One pixel"})
    app.srcdir = str(tmp_path)
    pages = {name: context["body"] for name, context, _ in listings.module_pages(app)}
    assert set(pages) == {"_modules/analysis/single_pixel", "_modules/analysis/colour/colormaps"}
    body = pages["_modules/analysis/single_pixel"]
    assert '<a href="../book/single-pixel.html">One pixel</a>' in body
    text = re.sub("<[^>]*>", "", body)
    for name, value in vars(import_module("analysis.single_pixel")).items():
        if getattr(value, "__module__", "") == "analysis.single_pixel" and callable(value):
            assert f'<a id="analysis.single_pixel.{name}"></a>' in body
            assert re.search(rf"(def|class) {name}\b", text)
    assert "chapter" not in pages["_modules/analysis/colour/colormaps"].splitlines()[1]
