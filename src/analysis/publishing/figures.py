"""Figures that can be cited: one call writes the picture, its data and its record.

`publish` writes ``<id>.svg``, ``.png`` (300 dpi), ``.pdf``, ``.csv`` (what is drawn; further tables
and a key beside, see `tables`), ``.bib`` and ``.json`` (the record); and ``<id>-narrow.svg`` for
telephones, where `narrow` finds one. On the page it becomes a numbered figure with links to all but
that; in Jupyter it is the picture.
"""

from __future__ import annotations

import base64
import io
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import matplotlib as mpl
import pandas as pd
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.files import atomic_path, write_json
from analysis.publishing import lettering, tables
from analysis.publishing.citing import bibtex_entry, short_title
from analysis.publishing.narrow import narrowed
from analysis.publishing.provenance import current_run, versions, with_minus
from analysis.publishing.units import without_unit

_DPI = 300  # of PNG files
_TYPE = 7  # points; smaller letters are not read
_SAVED: dict[str, dict[str, Any]] = {
    # the page lays its own paper behind: white, or in the dark theme a gray that does not glare
    "svg": {"metadata": {"Date": None, "Creator": None}, "dpi": 200, "facecolor": "none"},
    "png": {"metadata": {"Software": None}, "dpi": _DPI},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}, "dpi": 200},
}
_HAIR = 0.02  # inches; half a millimetre of a mark's edge is not missed

#: Okabe and Ito's cycle, distinguishable under the common colour-vision deficiencies.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")

#: Background of every figure but an SVG, which has none.
PAPER = "#ffffff"

LICENCE = "CC BY 4.0"

LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"

#: The links under a figure, in order: suffix and label.
FORMATS = {"svg": "SVG", "png": "PNG", "pdf": "PDF", "csv": "data", "bib": "cite"}

#: End of the name of what small screens show: not every figure has it, and none a link to it.
NARROW = "-narrow.svg"

FIGURE_MIME = "application/vnd.coloured-spectrogram.figure+json"

#: Each encoding's colour, the same in every chapter.
ENCODINGS = {
    "raw": "#000000", "gray": "#7F7F7F", "gray3": "#A9A9A9", "viridis": "#009E73",
    "magma": "#CC79A7", "turbo": "#D55E00", "jet": "#0072B2", "hsv": "#E69F00",
    "random": "#56B4E9", "inferno": "#882255", "plasma": "#AA4499", "cividis": "#DDCC77",
    "polynomial": "#117733", "thermometer": "#332288", "fourier": "#88CCEE", "shuffled": "#661100",
    "wreath": "#7B3FC4", "spire": "#B8860B",
}  # fmt: skip


def colour_of(encoding: str) -> str:
    """Return the plot colour of an encoding such as "raw" or "viridis", the same in every chapter.

    >>> colour_of("raw")
    '#000000'
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"no colour for encoding {encoding!r}; have {', '.join(ENCODINGS)}")
    return ENCODINGS[encoding]


def style() -> None:
    """Set matplotlib to the book's look, and to writing the same bytes each time."""
    mpl.rcParams.update(
        {
            "figure.figsize": (7.2, 3.2),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "figure.facecolor": PAPER,
            "axes.facecolor": "none",
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "font.size": 9.5,
            "font.family": "DejaVu Sans",
            "image.interpolation": "nearest",
            "legend.frameon": False,
            "lines.linewidth": 1.6,
            "savefig.facecolor": PAPER,
            "svg.fonttype": "none",  # text, whose letters `lettering` embeds
            "svg.hashsalt": "coloured-spectrogram",
            "pdf.fonttype": 42,
        }
    )


@dataclass(frozen=True)
class Record:
    """What is known of a published figure; the ``.json`` beside it.

    `id` is also its label on the page and its permalink; `caption` is MyST, `alt` plain text.
    `tables` name what is drawn, a file each (`tables.names`).
    """

    id: str
    caption: str
    alt: str
    chapter: str
    parameters: dict[str, Any]
    seed: int | None
    commit: str
    version: str
    versions: dict[str, str]
    licence: str = LICENCE
    edition: str = ""
    tables: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class _Shown:
    """A published figure as a notebook's output."""

    record: Record
    preview: bytes

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            FIGURE_MIME: {"id": self.record.id, "caption": self.record.caption}
            | {"alt": self.record.alt, "tables": list(self.record.tables)},
            "image/png": base64.b64encode(self.preview).decode("ascii"),
            "text/plain": f"{self.record.id}: {self.record.caption}",
        }


def publish(
    fig: Figure, id: str, *, caption: str, alt: str, data: pd.DataFrame | Mapping[str, pd.DataFrame]
) -> _Shown:
    """Write a figure's files and show it; the figure is closed afterwards.

    Parameters
    ----------
    fig : Figure
        Without a title inside; each axis with numbers names their unit.
    id : str
        ``fig-`` and lowercase words with hyphens. Never changes once published.
    caption, alt : str
        MyST, whose numbers come from results; the text alternative, which tells the finding.
    data : DataFrame or mapping of str to DataFrame
        What is drawn: a file a table.

    Raises
    ------
    ValueError
        For what is not so: an identifier that is ill-formed or repeated, empty texts or data …

    Warns
    -----
    UserWarning
        If something runs over the picture's edge, or letters are too small: no reason to throw
        long work away.
    """
    _check(fig, id, caption, alt)
    if cut := cut_edges(fig):
        edges = " and ".join(cut)
        warnings.warn(f"{id}: the picture is cut off at its {edges}; make it fit", stacklevel=2)
    sizes = [float(part.get_fontsize()) for part in fig.findobj(Text) if part.get_text()]
    if min(sizes, default=_TYPE) < _TYPE:
        warnings.warn(f"{id}: type of {min(sizes):g} pt; the least is {_TYPE} pt", stacklevel=2)
    fig.set_layout_engine("none")  # laid out by now, and the same in all files
    run = current_run()
    folder = run.path / "figures"
    if not run.interactive and (folder / f"{id}.json").exists():
        raise ValueError(f"{id} is published twice in chapter {run.chapter}")
    seed = run.parameters.get("seed")
    drawn = tables.write(folder, id, data)
    record = Record(
        id=id,
        caption=with_minus(" ".join(caption.split())),
        alt=with_minus(" ".join(alt.split())),
        chapter=run.chapter,
        parameters=dict(run.parameters),
        seed=seed if isinstance(seed, int) else None,
        commit=run.commit,
        version=run.version,
        versions=versions(),
        edition=run.edition,
        tables=tuple(drawn),
    )
    for suffix in _SAVED:
        _write(fig, folder / f"{id}.{suffix}", suffix)
    with atomic_path(folder / f"{id}.bib") as path:
        path.write_text(bibtex(record, edition=record.edition), "utf-8")
    write_json(folder / f"{id}.json", asdict(record))
    preview = io.BytesIO()
    fig.savefig(preview, format="png", dpi=110, metadata={"Software": None})
    _write_narrow(fig, folder / f"{id}{NARROW}")
    from matplotlib import pyplot as plt  # here, since pages that are only rendered draw nothing

    plt.close(fig)
    return _Shown(record, preview.getvalue())


def cut_edges(fig: Figure) -> list[str]:
    """Find the edges of a figure over which something runs, such as a legend that is too wide.

    >>> fig = Figure(figsize=(2, 2))
    >>> mark = fig.text(0.9, 0.5, "a long remark")
    >>> cut_edges(fig)
    ['right']
    """
    dpi = fig.dpi
    fig.set_dpi(_DPI)  # on coarse pixels, letters are wider
    fig.draw_without_rendering()  # lays it out
    drawn = fig.get_tightbbox()
    fig.set_dpi(dpi)
    width, height = fig.get_size_inches()
    over = (-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)
    edges = zip(("left", "bottom", "right", "top"), over, strict=True)
    return [edge for edge, inches in edges if inches > _HAIR]


def _check(fig: Figure, id: str, caption: str, alt: str) -> None:
    if not re.fullmatch(r"fig(-[a-z0-9]+)+", id):
        raise ValueError(f"figure id {id!r} must be 'fig-' and lowercase words with hyphens")
    if f"{id}.svg".endswith(NARROW):
        raise ValueError(f"figure id {id!r} is what a narrow version's file is called")
    if not caption.strip() or not alt.strip():
        raise ValueError(f"{id}: a figure needs a caption and a text alternative")
    if fig.get_suptitle():
        raise ValueError(f"{id}: no title inside a figure; say it in the caption")
    unclear = without_unit(fig)
    if unclear:
        raise ValueError(
            f"{id}: axes with numbers and no unit: {'; '.join(unclear)}. Label them 'name (unit)', "
            "with a unit of units.UNITS, or 'number of …'"
        )


def _write_narrow(fig: Figure, path: Path) -> None:
    """Write the version for small screens, if there is one; the figure is of no other use then."""
    if narrowed(fig):
        _write(fig, path, "svg")
    else:
        path.unlink(missing_ok=True)  # a cell that is run once more may draw what has none


def _write(fig: Figure, file: Path, suffix: str) -> None:
    """Write a picture without a date, so that the same figure is the same bytes."""
    with atomic_path(file) as path:
        fig.savefig(path, format=suffix, **_SAVED[suffix])
        if suffix == "svg":
            path.write_text(lettering.embed(path.read_text("utf-8")), "utf-8")


def data_of(chapter: str, id: str, table: str = "") -> pd.DataFrame:
    """Read the data behind a figure that an earlier chapter published: its first table, or another.

    The build finds the arguments in the chapter's text, so they must be literals.
    """
    run = current_run()
    folder = Path(run.sources.get(chapter, Path("_build") / "executed" / "edition" / chapter))
    path = folder / "figures" / tables.names(id, ["", table][: 1 + bool(table)])[-1]
    if not path.exists():
        raise FileNotFoundError(
            f"{path.name} of chapter {chapter} is not there: run `make book` first"
        )
    return pd.read_csv(path)


def bibtex(record: Record, year: str = "", url: str = "", edition: str = "") -> str:
    """BibTeX entry of a figure; year, address and the book's edition where they are known.

    >>> record = Record("fig-x", "A *curve*. More.", "…", "c", {}, None, "abc", "1.0", {})
    >>> print(bibtex(record).splitlines()[0])
    @misc{coloured-spectrogram:fig-x,
    """
    title = first_sentence(record.caption)
    fields = {
        "title": title,
        "shorttitle": short_title(title),
        "author": "The Coloured Spectrogram authors",
        "howpublished": f"Figure {record.id} in The Coloured Spectrogram",
        "year": year,
        "edition": edition,
        "version": "" if edition else record.version,
        "note": f"Chapter {record.chapter}, commit {record.commit}, {record.licence}",
        "url": url,
    }
    return bibtex_entry("misc", record.id, fields)


def first_sentence(caption: str) -> str:
    """First sentence of a caption, as plain text without its full stop.

    >>> first_sentence("A *curve* at 1.5 dB. More.")
    'A curve at 1.5 dB'
    """
    return plain(caption).split(". ")[0].rstrip(".")


def plain(myst: str) -> str:
    """Markdown without its marks, for places that show plain text."""
    text = re.sub(r"\{[^}]*\}`([^`<]*)(<[^`]*)?`", r"\1", myst)  # roles
    return re.sub(r"[*`]|\\(?=[#%_&])", "", text)


def links(id: str, drawn: Sequence[str], base: str = "../figures") -> str:
    """HTML of the links under a figure: its pictures, its tables and their key, its citation."""
    files = {label: f"{id}.{suffix}" for suffix, label in FORMATS.items()}
    more = dict(zip(drawn[1:], tables.names(id, list(drawn))[1:], strict=True))
    more["key of columns"] = f"{id}.{tables.KEY}.csv"
    cite = files.popitem()
    anchors = (
        f'<a href="{base}/{name}">{label}</a>'
        for label, name in [*files.items(), *more.items(), cite]
    )
    return f'<p class="figure-links">{" · ".join(anchors)}</p>'


def figure_directive(id: str, caption: str, alt: str, drawn: Sequence[str] = ("",)) -> str:
    """MyST of a numbered figure with its links, as the book's pages show it."""
    return f"""````{{figure}} /extra/figures/{id}.svg
:name: {id}
:alt: {json.dumps(alt, ensure_ascii=False)}
:class: book-figure
{caption}

```{{raw}} html
{links(id, drawn)}
```
````"""


class FigureMime:
    """Renders a published figure in MyST-NB (entry point group ``myst_nb.mime_renderers``)."""

    mime_priority_overrides: ClassVar[list[tuple[str, str, int | None]]] = [("*", FIGURE_MIME, 0)]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[Any] | None:
        """Turn the notebook's output into a figure node; other types are left to MyST-NB."""
        from docutils import nodes  # only the site's build needs it

        if inline or data.mime_type != FIGURE_MIME:
            return None
        content = data.content
        figure = json.loads(content) if isinstance(content, str) else content
        text = figure_directive(*(figure[part] for part in ("id", "caption", "alt", "tables")))
        element = nodes.Element()
        with renderer.renderer.current_node_context(element):
            renderer.renderer.nested_render_text(text, data.line or 0)
        return list(element.children)


def index_markdown(records: list[Record]) -> str:
    """MyST of the figure index: thumbnail, caption, links and permalink of every figure."""
    return "\n".join(_index_entry(record) for record in records)


def _index_entry(record: Record) -> str:
    """One figure's section; its label is the permalink, which stays if the figure moves."""
    return f"""(index-{record.id})=
## {{numref}}`{record.id}`

```{{image}} _generated/thumbnails/{record.id}.png
:alt: {json.dumps(record.alt, ensure_ascii=False)}
:class: figure-thumbnail
```

{record.caption}

*Text alternative:* {_literal(record.alt)}

{{ref}}`In its chapter <{record.id}>` · {{ref}}`permalink <index-{record.id}>` · \
identifier `{record.id}`, seed `{record.seed}`, commit `{record.commit}`

```{{raw}} html
{links(record.id, record.tables)}
```
"""


def _literal(text: str) -> str:
    """Plain text as Markdown that shows it."""
    return re.sub(r"([\\`*_{}\[\]<>$|])", r"\\\1", text)
