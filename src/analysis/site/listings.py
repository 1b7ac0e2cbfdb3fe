"""What pages show of code: each toggle says what it holds, and what cells call has a page.

Called by the extension `site.pages`. Functions that a cell calls lead to their source, rendered
in the site itself under ``_modules``.
"""

from __future__ import annotations

import ast
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes

_PACKAGE = __name__.partition(".")[0]
_PUBLISHING = f"{_PACKAGE}.publishing"  # every cell calls it: no news

#: Names that a toggle's label has room for.
_MOST = 3


def calls(codes: Iterable[str]) -> list[list[tuple[str, str]]]:
    """Functions of the book's package that each of a page's cells calls, in order, each once.

    What one cell imports counts for all.

    >>> calls(["from analysis.site import pages", "print(pages.citation(), pages.citation())"])
    [[], [('analysis.site.pages', 'citation')]]
    """
    trees = [_parsed(code) for code in codes]
    origins = {name: place for tree in trees for name, place in _imported(tree)}
    return [list(dict.fromkeys(_called(tree, origins))) for tree in trees]


def _parsed(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError:  # of Jupyter's own, such as a magic
        return ast.Module([], [])


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((a.asname or a.name, f"{node.module}.{a.name}") for a in node.names)


def _called(tree: ast.Module, origins: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(made, key=lambda call: (call.lineno, call.col_offset)):
        name, _, rest = ast.unparse(node.func).partition(".")
        module, _, function = f"{origins.get(name, '')}{'.' * bool(rest)}{rest}".rpartition(".")
        if function in _lines(module):
            yield module, function


@cache
def _source(module: str) -> str:
    """Source of a module of the package; empty if there is none."""
    if module != _PACKAGE and not module.startswith(f"{_PACKAGE}."):
        return ""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # a class, for one
        return ""
    return Path(spec.origin).read_text("utf-8") if spec and spec.origin else ""


@cache
def _lines(module: str) -> dict[str, int]:
    """First line of each function and class of a module."""
    found = {}
    for node in ast.parse(_source(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = min(part.lineno for part in (node, *node.decorator_list))
    return found


def cells(doctree: nodes.document) -> list[nodes.container]:
    """Find a page's code cells, with what they show."""
    every = doctree.findall(nodes.container)
    return [node for node in every if node.get("nb_element") == "cell_code"]


def code(cell: nodes.container) -> str:
    """Source of a cell."""
    return next((block.astext() for block in cell.findall(nodes.literal_block)), "")


def modules(doctree: nodes.document) -> list[str]:
    """Modules that a page's cells call, as they come; publishing's are not told."""
    called = calls(map(code, cells(doctree)))
    found = dict.fromkeys(module for cell in called for module, _ in cell)
    return [module for module in found if not module.startswith(_PUBLISHING)]


def label_toggles(app: Any, doctree: nodes.document, docname: str) -> None:
    """Say on each toggle of code which figure it draws and what it calls (``doctree-resolved``)."""
    if app.builder.name != "html":
        return
    numbers = app.env.toc_fignumbers.get(docname, {}).get("figure", {})
    form = app.config.numfig_format["figure"]
    found = cells(doctree)
    for cell, called in zip(found, calls(map(code, found)), strict=True):
        own = [pair for pair in called if not pair[0].startswith(_PUBLISHING)]
        here = (id for figure in cell.findall(nodes.figure) for id in figure["ids"])
        ids = [*cell.get("drawn", []), *here]  # `openings` takes the first of a chapter
        drawn = [form % ".".join(map(str, numbers[id])) for id in ids if id in numbers]
        for toggle in cell.findall(lambda node: "prompt_show" in getattr(node, "attributes", ())):
            if "above-input" in toggle["classes"]:
                toggle["prompt_show"] = toggle["prompt_hide"] = _label(cell, drawn, own)
                if own:
                    toggle.insert(0, nodes.raw("", _links(app, docname, own), format="html"))


def _label(cell: nodes.container, drawn: list[str], called: list[tuple[str, str]]) -> str:
    if "tag_injected-parameters" in cell["classes"]:
        return "Parameters of this run"
    text = "Code"
    source = code(cell)
    if drawn:
        text = f"Code of {' and '.join(drawn)}"
    elif any("text_html" in part["classes"] for part in cell.findall(nodes.container)):
        text = "Code of a table"
    elif "ledger.record(" in source:
        text = "Code of a verdict"
    elif source.startswith(("import ", "from ")):
        text = "Code: imports and settings"
    elif "ledger.number" in source:
        text = "Code of numbers in the text"
    names = [f"`{name}`" for _, name in called]
    shown = ", ".join(names[:_MOST]) + " …" * (len(names) > _MOST)
    return f"{text}: calls {shown}" if names and ":" not in text else text


def _links(app: Any, docname: str, called: list[tuple[str, str]]) -> str:
    anchors = (
        f'<a href="{address(app, docname, module)}#{module}.{name}">'
        f"<code>{module.partition('.')[2]}.{name}</code></a>"
        for module, name in called
    )
    return f'<p class="calls">Source of what it calls: {", ".join(anchors)}</p>'


def address(app: Any, docname: str, module: str) -> str:
    """Address of a module's page, relative to another page."""
    return str(app.builder.get_relative_uri(docname, _page(module)))


def _page(module: str) -> str:
    return posixpath.join("_modules", *module.split("."))


def module_pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Pages of the modules that some page calls, for Sphinx's ``html-collect-pages``."""
    if app.builder.name != "html":
        return
    for module in _called_by_pages(Path(app.srcdir)):
        page = _page(module)
        lines = app.builder.highlighter.highlight_block(_source(module), "python").splitlines()
        for name, line in _lines(module).items():
            lines[line - 1] = f'<a id="{module}.{name}"></a>{lines[line - 1]}'
        code = "\n".join(lines)
        body = f"""<h1>Source of <code>{module}</code></h1>
{_chapter(app, module, page)}
<div class="highlight-python notranslate">{code}</div>"""
        yield page, {"title": module, "body": body}, "page.html"


def _called_by_pages(sources: Path) -> list[str]:
    """Modules that a link leads to: what the notebooks call, but for publishing's."""
    found = set()
    for path in sources.rglob("*.ipynb"):
        made = json.loads(path.read_bytes())["cells"]
        codes = ["".join(cell["source"]) for cell in made if cell["cell_type"] == "code"]
        found |= {module for called in calls(codes) for module, _ in called}
    return sorted(module for module in found if not module.startswith(_PUBLISHING))


def _chapter(app: Any, module: str, page: str) -> str:
    """Say whose module it is, if it is paired with a chapter."""
    name = f"book/{module.rpartition('.')[2].replace('_', '-')}"
    if module.count(".") > 1 or name not in app.env.titles:
        return ""
    title, uri = app.env.titles[name].astext(), app.builder.get_relative_uri(page, name)
    return f'<p>The module of the chapter <a href="{uri}">{escape(title)}</a>.</p>'
