"""Writes a report as one HTML file that needs no other: for the chapter on a reader's own data.

Everything that comes from the data (names of files and classes) is escaped by the template. Figures
are taken from the run's folder and put into the file itself. The page follows the reader's light or
dark theme, and fits a telephone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from jinja2 import Environment

from analysis.files import atomic_path, write_csv, write_json
from analysis.publishing.provenance import Run, versions

_TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --text: #1b1b1f; --page: #fff; --soft: #5b5b66;
  --line: #d8d8de; --box: #f3f4f8; --mark: #0060a8; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6ea; --page: #17181c; --soft: #a4a4b0; --line: #3a3b44; --box: #22242b;
    --mark: #7cc0ff; } }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.first { font-size: 1.15rem; background: var(--box); border-left: 4px solid var(--mark);
  padding: .8rem 1rem; }
.note { border-left: 4px solid #e69f00; background: var(--box); padding: .5rem 1rem;
  margin: .6rem 0; }
.soft, figcaption { color: var(--soft); font-size: .92rem; }
figure { margin: 1rem 0; }
img { width: 100%; height: auto; background: #fff; border-radius: 4px; }
.table { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .92rem; min-width: 34rem; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; min-width: 3.5rem; overflow-wrap: normal; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% for text in first %}<p class="first">{{ text }}</p>
{% endfor %}
{% for section in sections %}<section>
<h2>{{ section.heading }}</h2>
{% for text in section.texts %}<p>{{ text }}</p>
{% endfor %}
{% for text in section.notes %}<p class="note">{{ text }}</p>
{% endfor %}
{% if section.table is not none %}<div class="table"><table>
<thead><tr>{% for name in section.table.columns %}<th scope="col">{{ name }}</th>{% endfor %}</tr>
</thead>
<tbody>
{% for row in section.table.itertuples(index=False) %}<tr>{% for cell in row %}<td>{{ cell }}</td>\
{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% endif %}
{% for figure in section.pictures %}<figure>
<img src="{{ figure.source }}" alt="{{ figure.alt }}">
<figcaption>{{ figure.caption }}</figcaption>
</figure>
{% endfor %}
</section>
{% endfor %}
<p class="soft">{{ origin }}</p>
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Section:
    """A part of a report."""

    heading: str
    #: paragraphs, and paragraphs that warn
    texts: Sequence[str] = ()
    notes: Sequence[str] = ()
    table: pd.DataFrame | None = None  # of texts, as they are to be shown
    figures: Sequence[str] = ()  # identifiers of published figures


@dataclass(frozen=True)
class _Picture:
    source: str
    alt: str
    caption: str


@dataclass(frozen=True)
class _Shown(Section):
    pictures: Sequence[_Picture] = field(default=())


def write(
    path: Path, run: Run, title: str, first: Sequence[str], sections: Sequence[Section]
) -> None:
    """Write a report as HTML, with figures of `run`; `first` is what came out, in plain words."""
    shown = [
        _Shown(**vars(section), pictures=[_picture(run, id) for id in section.figures])
        for section in sections
    ]
    known = ", ".join(f"{name} {number}" for name, number in versions().items())
    origin = f"Made by The Coloured Spectrogram {run.version}, commit {run.commit}; {known}."
    template = Environment(autoescape=True, trim_blocks=True).from_string(_TEMPLATE)
    text = template.render(title=title, first=first, sections=shown, origin=origin)
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")


def save(folder: Path, results: object, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write ``results.json``, of plain values, and each table as CSV."""
    write_json(folder / "results.json", results)
    for name, table in tables.items():
        write_csv(folder / f"{name}.csv", table)


def _picture(run: Run, id: str) -> _Picture:
    folder = run.path / "figures"
    record = json.loads((folder / f"{id}.json").read_text("utf-8"))
    content = base64.b64encode((folder / f"{id}.svg").read_bytes()).decode("ascii")
    return _Picture(f"data:image/svg+xml;base64,{content}", record["alt"], record["caption"])
