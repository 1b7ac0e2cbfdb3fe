"""What comes from outside: no pickle, no path out of the output folder, no text taken for code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from papermill.translators import papermill_translators

from analysis.building.book import Book, BuildError, parse_parameters
from analysis.building.command import _slug
from analysis.publishing.execution import read_notebook
from tests.conftest import ROOT, write_tiny_book

SOURCES = sorted((ROOT / "src" / "analysis").rglob("*.py"))

#: Calls that run what they read, or write where a file's content says.
FORBIDDEN = {
    "eval",
    "exec",
    "compile",
    "os.system",
    "os.popen",
    "joblib.load",
    "pd.read_pickle",
    "yaml.load",
    "yaml.unsafe_load",
    "shelve.open",
}
METHODS = {"extractall", "read_pickle"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}


def calls(path: Path) -> list[ast.Call]:
    return [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_read_is_run(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            assert node.module not in MODULES
    for call in calls(path):
        name = ast.unparse(call.func)
        given = {k.arg: ast.unparse(k.value) for k in call.keywords}
        assert name not in FORBIDDEN, name
        assert name.rpartition(".")[2] not in METHODS, name
        assert given.get("shell") in (None, "False")
        if name in ("np.load", "numpy.load"):
            assert given.get("allow_pickle", "False") == "False"  # as is the default
        if name == "torch.load":
            assert given.get("weights_only") == "True"


def test_the_rules_see_what_they_forbid(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("import numpy as np\nnp.load('x', allow_pickle=True)\n")
    with pytest.raises(AssertionError):
        test_nothing_read_is_run(tmp_path / "x.py")
    (tmp_path / "x.py").write_text("from pickle import loads\n")
    with pytest.raises(AssertionError):
        test_nothing_read_is_run(tmp_path / "x.py")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """A tiny book whose chapters are read once, not for every example."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.building.book.read_notebook", cache(read_notebook))
        yield write_tiny_book(tmp_path_factory.mktemp("untrusted"))


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="[]{}&*!|>%@`'\"\\-:,# \n\t0123456789eE.+_xnulltrue~", max_size=60),
    st.sampled_from(
        [
            "../../x",
            "/etc/passwd",
            "a" * 4096,
            "a" * 100_000,
            "x\0y",
            "\ud800",
            "[" * 4000,
            "{a: " * 1000,
            "&a [*a]",
            "!!python/object/apply:os.system [true]",
            "9" * 4096,
            "1e999999",
            "0x" + "f" * 4000,
            "190:20:30",
            "2001-01-01",
            "1_000",
            "=cmd|'/c calc'!A1",
            "<script>alert(1)</script>",
        ]
    ),
)


NAMES = st.one_of(st.sampled_from(["profile", "seed", "colormap", "rate"]), HOSTILE)


@given(key=NAMES, text=HOSTILE)
@example(key="seed", text="0x" + "f" * 4000)
@settings(max_examples=60, deadline=None)  # each reads the chapter; the fuzzer runs thousands
def test_a_parameter_is_of_its_type_or_refused_in_a_sentence(
    book: Book, key: str, text: str
) -> None:
    kinds = {"profile": str, "seed": int, "colormap": str, "rate": float}
    try:
        parsed = parse_parameters(book, "one", {key: text})
    except BuildError:
        return
    assert type(parsed[key]) is kinds[key]
    slug = _slug(parsed)
    runs = book.build / "runs" / "one"
    assert (runs / slug).resolve().parent == runs.resolve()
    assert 0 < len(slug.encode()) <= 100 and not slug.startswith(".")


@given(
    value=st.one_of(
        st.text(max_size=40),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.sampled_from(["'); import os #", '"""', "\\", "{}", "\n\nx = 1", "%s", "\x85", " "]),
    )
)
@settings(max_examples=300, deadline=None)
def test_a_parameter_reaches_the_notebook_as_a_value_and_never_as_code(value: object) -> None:
    translate = papermill_translators.find_translator("python3", "python").codify
    cell = ast.parse(translate({"name": value}))
    (assignment,) = cell.body
    assert isinstance(assignment, ast.Assign)
    assert ast.literal_eval(assignment.value) == value
