"""Pages as Markdown: what a program reads is what a reader reads."""

from __future__ import annotations

import re

import pytest

from analysis.building.book import Book
from analysis.publishing.figures import Record
from analysis.site import plain
from tests.conftest import ROOT

BOOK = Book(ROOT)

SOURCE = """---
kernelspec:
  name: python3
---
(one)=
# One pixel

It makes {glue:text}`count` patterns,
see {numref}`fig-a` and {ref}`the proof <two>` {cite:p}`cover-1965`.

```{code-cell} ipython3
:tags: [hide-input]
figures.publish(fig, "fig-a")
```

```{code-cell} ipython3
:tags: [hide-input]
ledger.record("A5", figure="fig-a")
```

```{code-cell} ipython3
patterns = 2 * 256
```
"""


@pytest.fixture
def record() -> Record:
    empty = dict.fromkeys(Record.__dataclass_fields__, "")
    values = empty | {"id": "fig-a", "caption": "Patterns.", "alt": "A curve that rises."}
    return Record(**values)  # type: ignore[arg-type]


def test_numbers_code_and_figures_stand_where_the_page_has_them(record: Record) -> None:
    text = plain.page_text(SOURCE, {"count": "512"}, [record])
    assert plain.title_of(text) == "One pixel"
    assert "It makes 512 patterns,\nsee [fig-a](../figures/fig-a.svg) and the proof" in text
    assert "![A curve that rises.](../figures/fig-a.svg)\n\nPatterns." in text
    assert text.count("![") == 1  # not where a verdict names it
    assert "```python\npatterns = 2 * 256\n```" in text
    assert "publish" not in text and "kernelspec" not in text


@pytest.mark.parametrize("name", BOOK.pages)
def test_no_role_or_front_matter_is_left(name: str) -> None:
    text = plain.page_text(BOOK.source(name).read_text("utf-8"), {})
    assert plain.title_of(text)
    assert not text.startswith("---")
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
    assert not re.search(r"\{(glue|number|numref|ref|eq|cite|prf:ref)[^}]*\}`", prose)
