"""How a chapter's page opens and closes: question, picture, answers; at its end, how to rerun it.

A Sphinx extension. A notebook has its parameters and imports first and a figure where it is
argued. On the page the first figure follows the first paragraph, then come the verdicts that the
chapter gives; what papermill and Python need first stands last. Figures keep their numbers.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

from analysis.evidence.claims import CLAIMS
from analysis.site import listings, pages

#: Classes of the cells that the table of parameters replaces.
_PARAMETERS = {"tag_parameters", "tag_injected-parameters"}


def meanings(code: str) -> dict[str, str]:
    """Each parameter of a parameters cell, and what the comment beside it says.

    Examples
    --------
    >>> meanings('seed = 0  # of the nets')
    {'seed': 'of the nets'}
    """
    return dict(re.findall(r"^(\w+) = .*?  # (.+)$", code, re.M))


def command(chapter: str, parameters: Mapping[str, Any]) -> str:
    """Line that executes a chapter with these parameters; what is empty is left to its default.

    Examples
    --------
    >>> command("single-pixel", {"seed": 3, "colormap": "jet", "group": ""})
    'make chapter NAME=single-pixel PARAMS="seed=3 colormap=jet"'
    """
    given = " ".join(f"{name}={value}" for name, value in parameters.items() if value != "")
    return f'make chapter NAME={shlex.quote(chapter)} PARAMS="{given}"'


def arrange(doctree: nodes.document, page: pages.Page, again: str) -> None:
    """Arrange a chapter's page; `again` is the HTML that tells how to run it again."""
    section = next(iter(doctree.findall(nodes.section)))
    cells = [cell for cell in listings.cells(doctree) if _prepares(cell)]
    for cell in cells:
        cell.parent.remove(cell)
    told = next(iter(_prose(section)))
    place = section.index(told) + 1
    section[place:place] = [*_first_figure(doctree), *_answers(page)]
    code = [cell for cell in cells if not _PARAMETERS & set(cell["classes"])]
    end = nodes.container("", classes=["page-end", "run-again"])
    end += [nodes.raw("", again, format="html"), *code]
    section += end


def _prepares(cell: nodes.container) -> bool:
    """Whether a cell only sets parameters, or imports and settles what the others use."""
    if _PARAMETERS & set(cell["classes"]):
        return True
    shows = any(part.astext().strip() for part in _outputs(cell))
    return not shows and listings.code(cell).startswith(("import ", "from "))


def _outputs(cell: nodes.container) -> list[nodes.container]:
    every = cell.findall(nodes.container)
    return [part for part in every if part.get("nb_element") == "cell_code_output"]


def _prose(section: nodes.section) -> Iterator[nodes.paragraph]:
    return (part for part in section if isinstance(part, nodes.paragraph))


def _first_figure(doctree: nodes.document) -> list[nodes.Node]:
    """Take a chapter's first figure from its cell, which goes on saying that it draws it."""
    for cell in listings.cells(doctree):
        for output in _outputs(cell):
            if drawn := list(output.findall(nodes.figure)):
                output.parent.remove(output)
                cell["drawn"] = [id for figure in drawn for id in figure["ids"]]
                return [output]
    return []


def _answers(page: pages.Page) -> list[nodes.Node]:
    """List the claims of the thread that this chapter decides, each with its verdict."""
    items = nodes.bullet_list("", classes=["answers"])
    for name, verdict in page.claims.items():
        options = {"refdomain": "std", "reftype": "ref", "reftarget": f"claim-{name.lower()}"}
        link = addnodes.pending_xref(
            "", nodes.inline("", CLAIMS[name].text), refexplicit=True, refwarn=True,
            refdoc=f"book/{page.name}", **options,
        )  # fmt: skip
        kinds = ["verdict", f"verdict-{verdict.replace(' ', '-')}"]
        badge = nodes.inline("", verdict, classes=kinds)
        items += nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(" "), badge))
    told = nodes.paragraph("", "What the thread claims, and what this chapter finds:")
    return [told, items] if len(items) else []


def _arrange(app: Any, doctree: nodes.document) -> None:
    book, every = pages.read_facts(Path(app.srcdir) / pages.FACTS)
    page = every.get(app.env.docname.removeprefix("book/"))
    if page is None or not page.run:
        return
    cell = next(c for c in listings.cells(doctree) if "tag_parameters" in c["classes"])
    arrange(doctree, page, rerun(book, page, listings.code(cell)))


def rerun(book: pages.Book, page: pages.Page, code: str) -> str:
    """HTML that tells how to run a chapter again, from its parameters' cell and its last run."""
    told = meanings(code)
    parameters = {name: page.run["parameters"][name] for name in told}
    return pages.TEMPLATES.get_template("run-again.html").render(
        rows=[(name, parameters[name], meaning) for name, meaning in told.items()],
        command=command(page.name, parameters),
        notebook=f"../_sources/book/{page.name}.ipynb",
        launch=pages.launch_links(book, page),
    )


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", _arrange)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
