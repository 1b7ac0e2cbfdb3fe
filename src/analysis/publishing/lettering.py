"""Text that stays text in an SVG: it can be searched, copied and edited, and looks the same.

matplotlib writes either outlines or text in whatever font a reader has, whose widths are others.
`embed` adds to the latter the letters that it needs: subsets of the very fonts that matplotlib laid
it out in.
"""

from __future__ import annotations

import base64
import html
import io
import re
from typing import Literal

from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.font_manager import FontProperties, findfont

#: Fonts to take where a program reads no embedded ones; the first is nearly as wide.
_FALLBACK = "Verdana, sans-serif"

_TEXT = re.compile(r"<(?:text|tspan)([^>]*)>([^<]*)")
_FACE = re.compile(r"font-family: '([^']+)'")


def embed(svg: str) -> str:
    r"""Embed the fonts of an SVG of matplotlib's that was written with ``svg.fonttype: none``.

    The same bytes for the same figure.

    Examples
    --------
    >>> text = "<svg><defs></defs><text style=\"font-family: 'DejaVu Sans'\">dB</text></svg>"
    >>> embed(text).count("@font-face")
    1
    """
    letters: dict[tuple[str, bool, bool], set[str]] = {}
    for how, text in _TEXT.findall(svg):
        if found := _FACE.search(how):
            bold = bool(re.search(r"font-weight: (bold|[6-9]00)", how))
            slanted = bool(re.search(r"font-style: (oblique|italic)", how))
            letters.setdefault((found[1], bold, slanted), set()).update(html.unescape(text))
    faces = [_face(*face, "".join(sorted(used))) for face, used in sorted(letters.items())]
    rules = "\n".join(["text { white-space: pre }", *faces])
    style = f'<defs>\n  <style type="text/css">{rules}</style>\n </defs>\n <defs>'
    named = re.sub(r"font-family: ('[^']+')", rf"font-family: \1, {_FALLBACK}", svg)
    return named.replace("<defs>", style, 1)


def _face(family: str, bold: bool, slanted: bool, letters: str) -> str:
    """Write a font's letters as a rule of CSS."""
    weight = "bold" if bold else "normal"
    style: Literal["oblique", "normal"] = "oblique" if slanted else "normal"
    path = findfont(FontProperties(family=family, weight=weight, style=style))
    options = subset.Options(hinting=False, layout_features=["kern"], notdef_outline=True)
    options.drop_tables += ["FFTM"]  # the date of the font
    chosen = subset.Subsetter(options)
    with TTFont(path, lazy=True, recalcTimestamp=False) as font:
        chosen.populate(text=letters)
        chosen.subset(font)
        font.flavor = "woff"
        stream = io.BytesIO()
        font.save(stream)
    content = base64.b64encode(stream.getvalue()).decode("ascii")
    source = f"url(data:font/woff;base64,{content})"
    how = f"font-family: '{family}'; font-weight: {weight}; font-style: {style}"
    return f"@font-face {{ {how}; src: {source} }}"
