"""Do two builds of the site say the same? Compares the text of every article, blanks aside.

python .github/pages.py _build/html _build/newest
"""

from __future__ import annotations

import sys
from pathlib import Path

from bs4 import BeautifulSoup


def said(page: Path) -> str | None:
    """Text of a page's article, less what themes add to it; None if there is no such page."""
    if not page.exists():
        return None
    article = BeautifulSoup(page.read_text("utf-8"), "html.parser").article
    if article is None:
        return ""
    for added in article.select("script, style, button, .headerlink"):
        added.decompose()
    return "".join(article.get_text().split())


def others(first: Path, second: Path) -> list[str]:
    """Pages that are missing from one of two builds, or say something else there."""
    names = {p.relative_to(site) for site in (first, second) for p in site.glob("book/*.html")}
    return [str(name) for name in sorted(names) if said(first / name) != said(second / name)]


if __name__ == "__main__":
    found = others(*map(Path, sys.argv[1:3]))
    print("\n".join(found) or "every page says the same")
    sys.exit(bool(found))
