"""The ledger: every claim of the question's thread, its verdict and its evidence.

Chapters call `numbers` (or `number`) for what their prose shows and `record` for each verdict; the
front page is made from what they wrote. A claim that no chapter has recorded shows as open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from IPython.display import display

from analysis.evidence.claims import CLAIMS, SAID_BY, verdict_of
from analysis.evidence.statistics import Interval
from analysis.files import write_json
from analysis.publishing.provenance import Run, current_run, with_minus

Verdict = Literal["holds", "holds with limits", "fails", "undecided"]
Strength = Literal["proved", "computed", "measured"]


@dataclass(frozen=True)
class Entry:
    """One chapter's verdict on one claim, as `record` took it."""

    claim: str
    verdict: str
    strength: str
    summary: str
    figure: str
    section: str
    chapter: str
    part: str = ""
    would_decide: str = ""


def number(name: str, value: Any, form: str = "{}") -> str:
    """Store a number, glue its text for the prose to show, and return the text.

    Parameters
    ----------
    name : str
        Lowercase words with hyphens, unique in the book.
    value : number, str, sequence of numbers or Interval
        The result itself. NumPy scalars are converted; an interval is three numbers.
    form : str
        Format of the text, for instance ``"{:.1f} %"``; a sequence fills several places.

    Raises
    ------
    ValueError
        For an ill-formed name, or one that the chapter has given already.
    """
    return _store({name: (value, form)})[0]


def numbers(prefix: str, result: Any, forms: str | Mapping[str, str] = "{}") -> None:
    """Store many numbers of one result and glue their texts, as `number` does one by one.

    Parameters
    ----------
    prefix : str
        Begins every name: ``prefix-key``. Empty: the keys are the names.
    result : mapping, Series, or any object with attributes
        Key to value, or to a pair of value and format. A key's underscores become hyphens.
    forms : str or mapping of key to format
        One format for the values without their own, or, as a mapping, which values to take.

    Raises
    ------
    ValueError
        As `number`; then none of them is stored.

    Examples
    --------
    In a chapter, two numbers from a mapping, then two attributes of a result::

        ledger.numbers("viridis", {"patterns": (count, "{:,}"), "name": "viridis"})
        ledger.numbers("viridis-gain", interval, {"estimate": "{:+.1f}", "low": "{:+.1f}"})
    """
    if isinstance(forms, Mapping):
        values = {key: (_value(result, key), form) for key, form in forms.items()}
    else:
        values = {key: _with_form(value, forms) for key, value in result.items()}
    start = f"{prefix}-" if prefix else ""
    _store({start + str(key).replace("_", "-"): pair for key, pair in values.items()})


def _value(result: Any, key: str) -> Any:
    return result[key] if hasattr(result, "keys") else getattr(result, key)


def _with_form(value: Any, form: str) -> tuple[Any, str]:
    """Tell a pair of value and format from a value."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        return value
    return value, form


def _store(numbers: Mapping[str, tuple[Any, str]]) -> list[str]:
    """Write numbers with their texts, and glue the texts as MyST-NB looks for them."""
    items = {}
    for name, (value, form) in numbers.items():
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise ValueError(f"number name {name!r} must be lowercase words with hyphens")
        plain = _plain(value)
        text = with_minus(form.format(*plain) if isinstance(plain, list) else form.format(plain))
        items[name] = {"value": plain, "text": text}
    _update(current_run(), "numbers.json", items, once=True)
    prefix = "application/papermill.record/"
    for name, item in items.items():
        display(  # type: ignore[no-untyped-call]
            {f"{prefix}text/plain": repr(item["text"])},  # quoted: else "1.00" is shown as 1.0
            raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": prefix}},
        )
    return [item["text"] for item in items.values()]


def record(
    claim: str,
    *,
    verdict: str,
    strength: str,
    summary: str,
    figure: str,
    section: str,
    part: str = "",
    would_decide: str = "an interval that leaves out either 0 or the margin",
) -> None:
    """Record a verdict on a claim.

    Parameters
    ----------
    claim : str
        A row of the ledger, such as ``"A5"``.
    verdict : {"holds", "holds with limits", "fails", "undecided"}
        From a rule in the chapter's module.
    strength : {"proved", "computed", "measured"}
        A theorem; an exact computation; an experiment with intervals.
    summary : str
        One or two plain sentences with the numbers that decide.
    figure, section : str
        The figure that shows it, and the label in the chapter where it is argued.
    part, would_decide : str, optional
        Which part of the claim this is about; what would decide it if it is "undecided".

    Raises
    ------
    ValueError
        For an unknown claim, verdict or strength; the valid ones are listed.

    Notes
    -----
    A rehearsal records no verdict that is measured: its samples are too small.
    """
    _known("claim", claim, CLAIMS)
    _known("verdict", verdict, get_args(Verdict))
    _known("strength", strength, get_args(Strength))
    run = current_run()
    if strength == "measured" and run.parameters.get("profile") == "rehearsal":
        return  # too few seeds to say anything
    text = with_minus(" ".join(summary.split()))
    missing = would_decide if verdict == "undecided" else ""
    entry = Entry(claim, verdict, strength, text, figure, section, run.chapter, part, missing)
    _update(run, "ledger.json", {f"{claim} {part}".strip(): asdict(entry)})


def _known(what: str, value: str, valid: Iterable[str]) -> None:
    if value not in valid:
        raise ValueError(f"unknown {what} {value!r}; valid: {', '.join(valid)}")


def _plain(value: Any) -> Any:
    """Python's own numbers for NumPy's, which JSON cannot write."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple, Interval)):
        return [_plain(item) for item in value]
    return value


def _update(run: Run, name: str, item: dict[str, Any], once: bool = False) -> None:
    path = run.path / name
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if once and not run.interactive and (twice := known.keys() & item):
        raise ValueError(
            f"{', '.join(sorted(twice))}: the chapter has a number of this name already"
        )
    write_json(path, known | item)


def read_entries(directories: Iterable[Path]) -> list[Entry]:
    """Read the verdicts that chapters recorded, in the order of their results directories."""
    entries = []
    for directory in directories:
        path = directory / "ledger.json"
        if path.exists():
            found = json.loads(path.read_text("utf-8")).values()
            entries += [Entry(**values) for values in found]
    return entries


#: Version of the ledger's JSON.
SCHEMA = 1


def document(
    entries: Iterable[Entry],
    edition: str,
    codes: Mapping[str, str] = MappingProxyType({}),
    figures: Iterable[str] = (),
) -> dict[str, Any]:
    """Ledger as data, for programs and for comparing editions.

    ``claims`` has of each claim its text, who said it, the primary estimand, the verdict and the
    evidence, primary first: chapter, part, verdict, strength, the sentence with the deciding
    numbers and intervals, figure, section, and the digest, in `codes`, of the modules that the
    chapter imports. ``figures`` are those that the edition publishes.
    """
    found = list(entries)
    claims = {}
    for name, claim in CLAIMS.items():
        mine = [entry for entry in found if entry.claim == name]
        mine.sort(key=lambda entry: _place(entry) != (claim.chapter, claim.part))
        verdict = verdict_of(name, {_place(entry): entry.verdict for entry in mine})
        evidence = [
            {key: value for key, value in asdict(entry).items() if key != "claim"}
            | {"primary": _place(entry) == (claim.chapter, claim.part)}
            | {"code": codes.get(entry.chapter, "")}
            for entry in mine
        ]
        claims[name] = {
            "text": claim.text,
            "said_by": SAID_BY[name[0]],
            "estimand": claim.estimand,
            "verdict": verdict,
            "evidence": evidence,
        }
    return {"schema": SCHEMA, "edition": edition, "claims": claims, "figures": sorted(figures)}


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Claims whose verdict differs between two editions' `document`: claim, before, after."""
    names = sorted({*old["claims"], *new["claims"]})
    told = [
        tuple(edition["claims"].get(name, {}).get("verdict", "absent") for edition in (old, new))
        for name in names
    ]
    return [(name, *pair) for name, pair in zip(names, told, strict=True) if pair[0] != pair[1]]


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Table of `changes` as MyST, folded, with the figures that are new."""
    added = sorted({*new["figures"]} - {*old["figures"]})
    rows = [
        f"| [{name}](#claim-{name.lower()}) | {was} | {is_} |"
        for name, was, is_ in changes(old, new)
    ]
    table = ["| claim | was | is |", "|---|---|---|", *rows] if rows else ["No verdict changed."]
    figures = ["", "New figures: " + ", ".join(f"{{numref}}`{id}`" for id in added)] * bool(added)
    title = f":::{{dropdown}} What changed since edition {old['edition']}"
    return "\n".join([title, "", *table, *figures, ":::", ""])


def scoreboard(entries: Iterable[Entry]) -> str:
    """Ledger as MyST, a line a claim that unfolds; claims without their primary entry show as open.

    A line has the claim, its verdict, and a chip for each part that scopes it. The script
    ``ledger.js`` adds filters; without it all is there to read.
    """
    found = list(entries)
    lines = ["::::{div} ledger", ""]
    for name, claim in CLAIMS.items():
        mine = [entry for entry in found if entry.claim == name]
        recorded = {(entry.chapter, entry.part): entry.verdict for entry in mine}
        primary = next((e for e in mine if _place(e) == (claim.chapter, claim.part)), None)
        scope = [entry for entry in mine if entry is not primary]
        verdict = verdict_of(name, recorded)
        kinds = [_slug(verdict), *([primary.strength] if primary else [])]
        chips = "".join(_chip(entry) for entry in scope)
        lines += [
            f":::{{dropdown}} <b>{name}</b> {claim.text} {_badge(verdict)}{chips}",
            f":name: claim-{name.lower()}",
            f":class-container: claim {' '.join(f'is-{kind}' for kind in kinds)}",
            "",
            f"Said by {SAID_BY[name[0]]}. What decides: {claim.estimand}.",
            "",
            *([_evidence(primary), ""] if primary else ["Not yet answered.", ""]),
            *(f"- *{e.part or e.chapter}* {_badge(e.verdict)}: {_evidence(e)}" for e in scope),
            ":::",
            "",
        ]
    return "\n".join([*lines, "::::", ""])


def _place(entry: Entry) -> tuple[str, str]:
    return entry.chapter, entry.part


def _slug(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _badge(verdict: str) -> str:
    return f'<span class="verdict verdict-{_slug(verdict)}">{verdict}</span>'


def _chip(entry: Entry) -> str:
    """Name a part, in the colour of its verdict; screen readers get the verdict as a word."""
    colour, name = f"verdict-{_slug(entry.verdict)}", entry.part or entry.chapter
    said = f'<span class="visually-hidden">: {entry.verdict}</span>'
    return f' <span class="chip {colour}">{name}{said}</span>'


def _evidence(entry: Entry) -> str:
    missing = f" What would decide: {entry.would_decide}." if entry.would_decide else ""
    return (
        f"{entry.summary} ({entry.strength}; {{numref}}`{entry.figure}`, "
        f"{{ref}}`section <{entry.section}>`){missing}"
    )
