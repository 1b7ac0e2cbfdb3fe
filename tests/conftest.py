"""Shared fixtures: a tiny book of its own package, built in a temporary folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

from analysis.audit.crossvalidation import Outcome, run
from analysis.building.book import Book
from tests.audit.sets import TINY, noise
from tests.recordings.made import sound

ROOT = Path(__file__).resolve().parent.parent

#: How long an example takes says how busy the machine is, not whether the code is right.
for _profile, _examples in (("usual", 25), ("slow", 100)):
    hypothesis.settings.register_profile(
        _profile,
        deadline=None,
        max_examples=_examples,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )


@pytest.fixture(autouse=True)
def _draws_of_its_own(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test see the same random numbers, whichever tests ran before it in its process.

    torch's generator starts anew, and so does a module's ``RNG``.
    """
    torch.manual_seed(0)
    if hasattr(request.module, "RNG"):
        monkeypatch.setattr(request.module, "RNG", np.random.default_rng(0))


def sampled(values: Iterable[Any], *usual: Any) -> list[Any]:
    """Parameters of a test that is exhaustive: the `usual` ones always, the others with --slow."""
    given = ((value, value if isinstance(value, tuple) else (value,)) for value in values)
    return [v if v in usual else pytest.param(*each, marks=pytest.mark.slow) for v, each in given]


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--faults=50``: how often the tests of faults kill a process, in all."""
    parser.addoption("--faults", type=int, default=5, help="kills at random moments, in all")
    parser.addoption("--slow", action="store_true", help="also the tests that take minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Try as many examples of a property as there is time for."""
    hypothesis.settings.load_profile("slow" if config.getoption("--slow") else "usual")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes unless it is asked for, as CI does."""
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="takes minutes; --slow runs it, as CI does")
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(skip)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five short sounds."""
    place = tmp_path / "my data"
    for i in range(5):
        sound(place / "cat" / f"c{i}.wav", i)
        sound(place / "dog" / f"d{i}.wav", 10 + i)
    return place


_CHAPTER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---
(sec-{name})=
# Chapter {name}

```{{code-cell}} ipython3
:tags: [parameters]
profile = "edition"
seed = 0
colormap = "viridis"
rate = 0.5
```

```{{code-cell}} ipython3
import matplotlib.pyplot as plt
import pandas as pd

from analysis.publishing import figures, ledger
from tinybook import helper

figures.style()
n = ledger.number("{name}-count", helper.triple(4), "{{:,}}")
ledger.number("{name}-rate", rate, "{{:.2f}}");
```

There are {{glue:text}}`{name}-count` things at rate {{glue:text}}`{name}-rate`:
see {{numref}}`fig-{name}-line`.

```{{code-cell}} ipython3
:tags: [hide-input]
fig, ax = plt.subplots()
ax.plot([1, 2, helper.triple(1) + seed])
ax.set(xlabel="level (0–255)", ylabel="response (dimensionless)")
figures.publish(
    fig,
    "fig-{name}-line",
    caption=f"A line with {{n}} *things* under {{colormap}}, $x^2$.",
    alt='A line that rises; it is "straight".',
    data=pd.DataFrame({{"y": [1, 2, 3]}}),
)
```

```{{code-cell}} ipython3
:tags: [hide-cell]
ledger.record(
    "A5", verdict="holds", strength="proved", summary=f"There are {{n}}.",
    figure="fig-{name}-line", section="sec-{name}", part="{name}",
)
```
"""

_TOC = """\
format: jb-book
root: book/intro
options:
  numbered: true
chapters:
  - file: book/one
  - file: book/two
  - file: book/figure-index
"""


def write_tiny_book(root: Path) -> Book:
    """Write a book of two chapters, with a package `tinybook` whose `helper` imports `shared`."""
    (root / "book" / "_static").mkdir(parents=True)
    package = root / "src" / "tinybook"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "shared.py").write_text("FACTOR = 3\n")
    (package / "helper.py").write_text(
        "from tinybook import shared\n\n\ndef triple(x):\n    return shared.FACTOR * x\n"
    )
    (package / "unused.py").write_text("X = 1\n")
    for name in ("one", "two"):
        (root / "book" / f"{name}.md").write_text(_CHAPTER.format(name=name), "utf-8")
    for name in ("_config.yml", "book/_static/book.css", "book/_static/favicon.svg"):
        shutil.copy(ROOT / name, root / name)
    for name in ("intro.md", "figure-index.md"):
        shutil.copy(ROOT / "tests" / "tiny" / name, root / "book" / name)
    (root / "book" / "references.bib").write_text("")
    (root / "requirements.lock").write_text("numpy==0\n")
    (root / "_toc.yml").write_text(_TOC)
    return Book(root, "tinybook")


@pytest.fixture(scope="session")
def outcome() -> Outcome:
    """Everything that a report needs, on noise."""
    return run(noise(48, 8, 0), TINY, executor="serial")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    """A tiny book, importable, not yet built."""
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    yield write_tiny_book(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tinybook"]:
        del sys.modules[name]
