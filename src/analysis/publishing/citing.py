r"""BibTeX that LaTeX can set: plain texts with formulas turned into pure ASCII.

`bibtex_entry` writes an entry, `latex` one text. latexcodec knows most characters; what it does not
is taken apart as Unicode does (½ is 1/2, ⁻ a raised minus), and what is left is told by its number.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

import latexcodec  # noqa: F401  registers the codec "latex"

_SHORT = 60  # characters of a short title, at most

#: What the text font has under another name, or only among formulas.
_TEXT = {
    "\\": r"{\textbackslash}", "{": r"{\textbraceleft}", "}": r"{\textbraceright}",
    "$": r"\$", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "^": r"{\textasciicircum}",
    "~": r"{\textasciitilde}", "<": r"{\textless}", ">": r"{\textgreater}", "|": r"{\textbar}",
    "⌊": r"$\lfloor$", "⌋": r"$\rfloor$", "⌈": r"$\lceil$", "⌉": r"$\rceil$", "′": "$'$", "⁄": "/",
    "€": "EUR", "‐": "-", "‑": "-", "‒": "--", "¬": r"$\neg$", "«": r"$\ll$", "»": r"$\gg$",
    "Đ": "D", "đ": "d",
} | dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", "ABEZHIKMNOPTXo", strict=True))  # fmt: skip

#: Commands that latexcodec uses and that only further packages define.
_UNDEFINED = re.compile(
    r"\\(?:not\{|k |nsu[bp]|su[bp]setneq"
    r"|(?:yen|DH|dh|TH|th|complement|nexists|notni|blacksquare)\b)"
)


def bibtex_entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    r"""BibTeX entry from plain texts, in ASCII; empty fields are left out.

    A name in braces is one name; formulas stand between dollars.

    >>> print(bibtex_entry("misc", "x", {"title": "80 % of RGB & −3", "url": ""}))
    @misc{coloured-spectrogram:x,
      title = {{80 \% of RGB \& $-$3}}
    }
    <BLANKLINE>
    """
    known = {name: text for name, text in fields.items() if text}
    for name, text in known.items():
        if name == "url":
            known[name] = quote(text, safe="/:?#[]@!$&'()*+,;=%~")
        elif name == "author":
            known[name] = f"{{{latex(text)}}}"
        else:  # a second pair of braces keeps the capitals of RGB and JPEG
            known[name] = f"{{{latex(text)}}}" if name.endswith("title") else latex(text)
    body = ",\n".join(f"  {name} = {{{text}}}" for name, text in known.items())
    return f"@{kind}{{coloured-spectrogram:{key},\n{body}\n}}\n"


def short_title(title: str) -> str:
    """First clause of a title, or as many of its first words as are short.

    >>> short_title("What one neuron can hold apart: the margin, for all bands")
    'What one neuron can hold apart'
    """
    clause = re.split(r"[:;,.(]\s|\s[(–—]", title)[0].strip()
    if len(clause) <= _SHORT or "$" in clause:
        return clause
    return clause[: _SHORT + 1].rsplit(" ", 1)[0]


def latex(text: str) -> str:
    r"""Text as LaTeX in pure ASCII, its formulas (between dollars) left as they are.

    >>> latex("a_b at 3×10⁻² of $x_1$, naïve")
    'a\\_b at 3$\\times$10$^{-}$$^2$ of $x_1$, na{\\"i}ve'
    """
    parts = unicodedata.normalize("NFC", " ".join(text.split())).split("$")
    formulas = parts[1::2]
    if len(parts) % 2 == 0 or not all(_is_formula(formula) for formula in formulas):
        return _words("$".join(parts))
    for place in range(len(parts)):
        parts[place] = _formula(parts[place]) if place % 2 else _words(parts[place])
    return "$".join(parts)


def _is_formula(text: str) -> bool:
    """Whether LaTeX would set a text between dollars: not empty, its braces in pairs."""
    bare = re.sub(r"\\.", "", text)
    depth, lowest = 0, 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        lowest = min(lowest, depth)
    return bool(bare.strip()) and depth == lowest == 0 and not re.search(r"[%&#]|\\$", bare)


def _words(text: str) -> str:
    pieces = re.split("(?<=-)(?=-)", text)  # or two hyphens would be a dash
    return "{}".join("".join(_character(character) for character in piece) for piece in pieces)


def _formula(text: str) -> str:
    """Put commands for what is beyond ASCII in a formula."""
    characters = [
        character if character.isascii() else _character(character).replace("$", "") + " "
        for character in text
    ]
    return "".join(characters)


def _character(character: str) -> str:
    """One character as LaTeX."""
    if character in _TEXT:
        return _TEXT[character]
    if character.isascii():
        return character if character.isprintable() else ""
    try:
        found = codecs.encode(character, "latex").decode("ascii")
    except ValueError:
        return _apart(character)
    if _UNDEFINED.match(found.lstrip("$")):
        return _apart(character)
    found = re.sub(r"(?<=^\\.)\\(?=[ij]$)", "", found)  # biber makes a combining mark of "\i
    return f"{{{found}}}" if found.startswith("\\") else found


def _apart(character: str) -> str:
    """Take a character apart as Unicode does; else tell its number."""
    kind, _, codes = unicodedata.decomposition(character).rpartition(">")
    made_of = [chr(int(code, 16)) for code in codes.split()]
    parts = "".join(_character(part) for part in made_of if not unicodedata.combining(part))
    if kind in ("<super", "<sub"):
        sign = "^" if kind == "<super" else "_"
        return f"${sign}{{{parts.replace('$', '')}}}$"
    return parts or f"[U+{ord(character):04X}]"
