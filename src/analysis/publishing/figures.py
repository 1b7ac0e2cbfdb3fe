"""Figures that can be cited: one call writes the picture, its data and its record.

`publish` writes ``<id>.svg``, ``.png`` (300 dpi), ``.pdf``, ``.csv`` (what is drawn), ``.bib`` and
``.json`` (the record), and shows the figure. On the page it becomes a numbered figure with links to
all of them; in Jupyter it is the picture.
"""

from __future__ import annotations

import base64
import io
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar

import matplotlib as mpl
import pandas as pd
from cycler import cycler
from matplotlib.figure import Figure

from analysis.files import atomic_path, write_csv, write_json
from analysis.publishing.provenance import current_run, versions, with_minus

__all__ = [
    "COLOURS",
    "FIGURE_MIME",
    "FORMATS",
    "LICENCE",
    "LICENCE_URL",
    "PAPER",
    "UNITS",
    "FigureMime",
    "Record",
    "bibtex",
    "bibtex_entry",
    "colour_of",
    "cut_edges",
    "data_of",
    "first_sentence",
    "index_markdown",
    "plain",
    "publish",
    "style",
    "without_unit",
]

_DPI = 300  # of PNG files
_HAIR = 0.02  # inches; half a millimetre of a mark's edge is not missed

#: Okabe and Ito's cycle, distinguishable under the common colour-vision deficiencies.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")

#: Background of every figure, in the light and in the dark theme.
PAPER = "#ffffff"

LICENCE = "CC BY 4.0"

LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"

#: The links under a figure, in order: suffix and label.
FORMATS = {"svg": "SVG", "png": "PNG", "pdf": "PDF", "csv": "data", "bib": "cite"}

FIGURE_MIME = "application/vnd.coloured-spectrogram.figure+json"

#: Units, one of which an axis' label has in parentheses: "energy (dB)", "error (levels, rms)".
UNITS = (
    *("%", "points", "percentage points", "share", "class", "full scale", "dimensionless"),
    *("dB", "Hz", "kHz", "ms", "s", "min", "kB", "bytes", "bits", "nats", "epochs", "neurons"),
    *("level", "levels", "1/255", "1/pixel", "ΔE'", "1 / time unit", "learning rate × steps"),
    *("networks · steps / s", "thousands of squared feature units"),
    *(r"\d+–\d+", r"of \d+", r"[^()]+ = 1"),  # a range, a whole, what a ratio is to
)

_WITH_UNIT = re.compile(rf"^number\b|\((?:{'|'.join(UNITS)})(?!\w)", re.M)

ENCODINGS = {
    "raw": "#000000",
    "gray": "#7F7F7F",
    "gray3": "#A9A9A9",
    "viridis": "#009E73",
    "magma": "#CC79A7",
    "turbo": "#D55E00",
    "jet": "#0072B2",
    "hsv": "#E69F00",
    "random": "#56B4E9",
    "inferno": "#882255",
    "plasma": "#AA4499",
    "cividis": "#DDCC77",
    "polynomial": "#117733",
    "thermometer": "#332288",
    "fourier": "#88CCEE",
    "shuffled": "#661100",
}


def colour_of(encoding: str) -> str:
    """Return the plot colour of an encoding, the same in every chapter.

    Parameters
    ----------
    encoding : str
        Such as ``"raw"``, ``"gray"``, ``"viridis"``.

    Returns
    -------
    str
        ``"#rrggbb"``.

    Raises
    ------
    ValueError
        For an unknown name; the valid ones are listed.

    Examples
    --------
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
            "svg.fonttype": "path",
            "svg.hashsalt": "coloured-spectrogram",
            "pdf.fonttype": 42,
        }
    )


@dataclass(frozen=True)
class Record:
    """What is known of a published figure; the ``.json`` beside it.

    Attributes
    ----------
    id : str
        Stable identifier, ``fig-…``; also the label on the page and the permalink.
    caption, alt : str
        Caption (MyST) and the text alternative, which tells the finding.
    chapter : str
        Where it is drawn.
    parameters : dict
        The notebook's parameters; ``seed`` among them.
    seed : int or None
        The seed, if the chapter takes one.
    commit, version : str
        Of the book.
    versions : dict
        Of Python and the packages.
    licence : str
        Of the figure and its data.
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


@dataclass(frozen=True)
class _Shown:
    """A published figure as a notebook's output."""

    record: Record
    preview: bytes

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            FIGURE_MIME: {"id": self.record.id, "caption": self.record.caption}
            | {"alt": self.record.alt},
            "image/png": base64.b64encode(self.preview).decode("ascii"),
            "text/plain": f"{self.record.id}: {self.record.caption}",
        }


def publish(
    fig: Figure,
    id: str,
    *,
    caption: str,
    alt: str,
    data: pd.DataFrame | Mapping[str, pd.DataFrame],
) -> _Shown:
    """Write a figure's files and show it.

    Parameters
    ----------
    fig : Figure
        Without a title inside; it is closed afterwards.
    id : str
        ``fig-`` and lowercase words with hyphens. Never changes once published.
    caption : str
        MyST; numbers in it come from results.
    alt : str
        Text alternative that tells the finding.
    data : DataFrame or mapping of str to DataFrame
        What is drawn. Several tables are written one after the other, told apart by a first
        column ``table``.

    Returns
    -------
    object
        Shown by Jupyter as the picture and by the book as a numbered figure.

    Raises
    ------
    ValueError
        For an ill-formed or repeated identifier, an empty caption or alt text, empty data, a figure
        with a title inside, or an axis whose label lacks its unit.

    Warns
    -----
    UserWarning
        If something runs over the picture's edge: no reason to throw long work away.
    """
    _check(fig, id, caption, alt)
    if cut := cut_edges(fig):
        edges = " and ".join(cut)
        warnings.warn(f"{id}: the picture is cut off at its {edges}; make it fit", stacklevel=2)
    run = current_run()
    folder = run.path / "figures"
    if not run.interactive and (folder / f"{id}.json").exists():
        raise ValueError(f"{id} is published twice in chapter {run.chapter}")
    seed = run.parameters.get("seed")
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
    )
    _write_data(folder / f"{id}.csv", id, data)
    _write_pictures(fig, folder, id)
    with atomic_path(folder / f"{id}.bib") as path:
        path.write_text(bibtex(record), "utf-8")
    write_json(folder / f"{id}.json", asdict(record))
    preview = io.BytesIO()
    fig.savefig(preview, format="png", dpi=110, metadata={"Software": None})
    _close(fig)
    return _Shown(record, preview.getvalue())


def cut_edges(fig: Figure) -> list[str]:
    """Find the edges of a figure over which something runs, such as a legend that is too wide.

    Parameters
    ----------
    fig : Figure
        As it would be saved.

    Returns
    -------
    list of str
        Of ``"left"``, ``"bottom"``, ``"right"``, ``"top"``.

    Examples
    --------
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
    over = {
        "left": -drawn.x0,
        "bottom": -drawn.y0,
        "right": drawn.x1 - width,
        "top": drawn.y1 - height,
    }
    return [edge for edge, inches in over.items() if inches > _HAIR]


def _check(fig: Figure, id: str, caption: str, alt: str) -> None:
    if not re.fullmatch(r"fig(-[a-z0-9]+)+", id):
        raise ValueError(f"figure id {id!r} must be 'fig-' and lowercase words with hyphens")
    if not caption.strip() or not alt.strip():
        raise ValueError(f"{id}: a figure needs a caption and a text alternative")
    if fig.get_suptitle():
        raise ValueError(f"{id}: no title inside a figure; say it in the caption")
    unclear = without_unit(fig)
    if unclear:
        raise ValueError(
            f"{id}: axes with numbers and no unit: {'; '.join(unclear)}. Label them 'name (unit)', "
            "with a unit of figures.UNITS, or 'number of …'"
        )


def without_unit(fig: Figure) -> list[str]:
    """Name the axes, colour bars included, that show numbers and do not say of what.

    An axis may leave that to the figure's common label, or to a neighbour with the same limits in
    its column or row. Ticks that are names (classes, encodings) need no unit.

    Parameters
    ----------
    fig : Figure
        As drawn.

    Returns
    -------
    list of str
        Direction and label of each.

    Examples
    --------
    >>> fig = Figure()
    >>> axes = fig.subplots()
    >>> _ = axes.set(xlabel="time (s)", ylabel="energy")
    >>> without_unit(fig)
    ["y 'energy'"]
    """
    every = [one for ax in fig.axes for one in (ax, *ax.child_axes)]
    shown = [ax for ax in every if ax.axison or ax.name == "3d"]  # these turn the plane's axes off
    return [
        f"{name} {axis.get_label_text()!r}"
        for ax in shown
        for name, axis in _directions(ax).items()
        if _has_numbers(axis)
        and not any(_WITH_UNIT.search(label) for label in _labels(ax, name, shown))
    ]


def _directions(ax: Any) -> dict[str, Any]:
    names = [name for name in "xyz" if hasattr(ax, f"{name}axis")]
    return {name: getattr(ax, f"{name}axis") for name in names}


def _has_numbers(axis: Any) -> bool:
    """Whether some tick's label is a number, such as "10", "−5" or a power of ten."""
    texts = [tick.get_text() for tick in axis.get_ticklabels(which="both")]
    powers = [re.sub(r"\\mathdefault|\\times|\^|[${}]", "", text) for text in texts]
    return axis.get_visible() and any(re.fullmatch(r"[-−]?[\d.,]+", text) for text in powers)


def _labels(ax: Any, name: str, shown: list[Any]) -> Iterator[str]:
    """Labels that speak for an axis: its own, the figure's, a like neighbour's."""
    yield _directions(ax)[name].get_label_text()
    for figure in (ax.figure, ax.get_figure(root=True)):
        yield {"x": figure.get_supxlabel, "y": figure.get_supylabel}.get(name, str)()
    axis = _directions(ax)[name]
    for other in (_directions(one).get(name) for one in shown if _in_line(ax, one)):
        if other and (axis.get_view_interval() == other.get_view_interval()).all():
            yield other.get_label_text()


def _in_line(ax: Any, other: Any) -> bool:
    """Whether two axes stand in one row or column of a grid."""
    one, two = ax.get_subplotspec(), other.get_subplotspec()
    if not (one and two and one.get_gridspec() is two.get_gridspec()):
        return False
    return bool(set(one.rowspan) & set(two.rowspan) or set(one.colspan) & set(two.colspan))


def _close(fig: Figure) -> None:
    from matplotlib import pyplot as plt  # pyplot only where a figure may belong to it

    plt.close(fig)


def _write_data(path: Path, id: str, data: pd.DataFrame | Mapping[str, pd.DataFrame]) -> None:
    if isinstance(data, Mapping):
        tables = [frame.assign(table=name) for name, frame in data.items()]
        frame = pd.concat(tables, ignore_index=True)
        frame = frame[["table", *(column for column in frame if column != "table")]]
    else:
        frame = data
    if frame.empty:
        raise ValueError(f"{id}: the data behind a figure must not be empty")
    write_csv(path, frame)


def _write_pictures(fig: Figure, folder: Path, id: str) -> None:
    """Write SVG, PNG and PDF without dates, so that the same figure is the same bytes."""
    options: dict[str, dict[str, Any]] = {
        "svg": {"metadata": {"Date": None, "Creator": None}, "dpi": 200},
        "png": {"metadata": {"Software": None}, "dpi": _DPI},
        "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}, "dpi": 200},
    }
    for suffix, keywords in options.items():
        with atomic_path(folder / f"{id}.{suffix}") as path:
            fig.savefig(path, format=suffix, **keywords)


def data_of(chapter: str, id: str) -> pd.DataFrame:
    """Read the data behind a figure that an earlier chapter published.

    The build finds both arguments in the chapter's text, so they must be literals.

    Parameters
    ----------
    chapter : str
        The earlier chapter.
    id : str
        The figure's identifier.

    Returns
    -------
    DataFrame
        As written to its CSV.

    Raises
    ------
    FileNotFoundError
        If that chapter's results are not there; the message says how to make them.
    """
    run = current_run()
    folder = Path(run.sources.get(chapter, Path("_build") / "executed" / "quick" / chapter))
    path = folder / "figures" / f"{id}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path.name} of chapter {chapter} is not there: run `make book` first"
        )
    return pd.read_csv(path)


def bibtex(record: Record, year: str = "", url: str = "") -> str:
    """BibTeX entry of a figure.

    Parameters
    ----------
    record : Record
        Of the figure.
    year, url : str, optional
        Of the version and the figure, where known.

    Returns
    -------
    str
        The entry.

    Examples
    --------
    >>> record = Record("fig-x", "A *curve*. More.", "…", "c", {}, None, "abc", "1.0", {})
    >>> print(bibtex(record).splitlines()[0])
    @misc{coloured-spectrogram:fig-x,
    """
    fields = {
        "title": first_sentence(record.caption),
        "author": "{The Coloured Spectrogram authors}",
        "howpublished": f"Figure {record.id} in The Coloured Spectrogram",
        "year": year,
        "version": record.version,
        "note": f"Chapter {record.chapter}, commit {record.commit}, {record.licence}",
        "url": url,
    }
    return bibtex_entry("misc", record.id, fields)


def bibtex_entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    r"""BibTeX entry from plain texts; empty fields are left out.

    Examples
    --------
    >>> print(bibtex_entry("misc", "x", {"title": "80 % of RGB & more", "url": ""}))
    @misc{coloured-spectrogram:x,
      title = {{80 \% of RGB \& more}}
    }
    <BLANKLINE>
    """
    known = {name: _latex(text) if name != "url" else text for name, text in fields.items() if text}
    if "title" in known:
        known["title"] = f"{{{known['title']}}}"  # keeps the capitals of RGB and JPEG
    body = ",\n".join(f"  {name} = {{{text}}}" for name, text in known.items())
    return f"@{kind}{{coloured-spectrogram:{key},\n{body}\n}}\n"


def _latex(text: str) -> str:
    """Escape what LaTeX would take for a command, outside of formulas."""
    parts = text.split("$")
    if len(parts) % 2 == 0:  # a lone dollar is no formula
        parts = ["\\$".join(parts)]
    escaped = [re.sub(r"([%&#_])", r"\\\1", part) for part in parts[::2]]
    return "$".join(
        text for pair in zip_longest(escaped, parts[1::2]) for text in pair if text is not None
    )


def first_sentence(caption: str) -> str:
    """First sentence of a caption, as plain text without its full stop.

    Examples
    --------
    >>> first_sentence("A *curve* at 1.5 dB. More.")
    'A curve at 1.5 dB'
    """
    return plain(caption).split(". ")[0].rstrip(".")


def plain(myst: str) -> str:
    """Markdown without its marks, for places that show plain text."""
    text = re.sub(r"\{[^}]*\}`([^`<]*)(<[^`]*)?`", r"\1", myst)  # roles
    return re.sub(r"[*`]|\\(?=[#%_&])", "", text)


def links(id: str, base: str = "../figures") -> str:
    """HTML of the five links under a figure."""
    anchors = (f'<a href="{base}/{id}.{suffix}">{label}</a>' for suffix, label in FORMATS.items())
    return f'<p class="figure-links">{" · ".join(anchors)}</p>'


def figure_directive(id: str, caption: str, alt: str) -> str:
    """MyST of a numbered figure with its links, as the book's pages show it."""
    return "\n".join(
        [
            f"````{{figure}} /extra/figures/{id}.svg",
            f":name: {id}",
            f":alt: {json.dumps(alt, ensure_ascii=False)}",
            ":class: book-figure",
            caption,
            "",
            "```{raw} html",
            links(id),
            "```",
            "````",
        ]
    )


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
        text = figure_directive(figure["id"], figure["caption"], figure["alt"])
        element = nodes.Element()
        with renderer.renderer.current_node_context(element):
            renderer.renderer.nested_render_text(text, data.line or 0)
        return list(element.children)


def index_markdown(records: list[Record]) -> str:
    """Figure index: thumbnail, caption, links and permalink of every figure.

    Parameters
    ----------
    records : list of Record
        In the order of the book.

    Returns
    -------
    str
        MyST, one section a figure.
    """
    parts = []
    for record in records:
        parts += [
            f"(index-{record.id})=",  # the permalink: it does not change if the figure moves
            f"## {{numref}}`{record.id}`",
            "",
            f"```{{image}} _generated/thumbnails/{record.id}.png",
            f":alt: {json.dumps(record.alt, ensure_ascii=False)}",
            ":class: figure-thumbnail",
            "```",
            "",
            record.caption,
            "",
            f"*Text alternative:* {_literal(record.alt)}",
            "",
            f"{{ref}}`In its chapter <{record.id}>` · "
            f"{{ref}}`permalink <index-{record.id}>` · identifier `{record.id}`, "
            f"seed `{record.seed}`, commit `{record.commit}`",
            "",
            "```{raw} html",
            links(record.id),
            "```",
            "",
        ]
    return "\n".join(parts)


def _literal(text: str) -> str:
    """Plain text as Markdown that shows it."""
    return re.sub(r"([\\`*_{}\[\]<>$|])", r"\\\1", text)
