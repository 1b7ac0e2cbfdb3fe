"""Damaged and hostile files of every kind: a result or one sentence, and never a crash.

``python -m tests.fuzz wav -max_total_time=60`` goes on with coverage as its guide (needs atheris).
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

#: One change: where (as a share of the file), what is put there, how much it replaces.
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 8)), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def changed(content: bytes, edits: list[tuple[float, bytes, int]], end: float) -> bytes:
    """A file with some bytes replaced, inserted or removed, cut at a share of its length."""
    for place, put, replaced in edits:
        at = round(place * len(content))
        content = content[:at] + put + content[at + replaced :]
    return content[: round(end * len(content))]


@pytest.mark.parametrize("kind", TARGETS)
@given(edits=EDITS, end=st.one_of(st.just(1.0), st.floats(0, 1)))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_damaged_file_gives_a_result_or_a_sentence(
    folder: Path, kind: str, edits: list[tuple[float, bytes, int]], end: float
) -> None:
    content, read = TARGETS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(folder, changed(content, edits, end))


@pytest.mark.parametrize("kind", TARGETS)
@given(content=st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_noise_gives_a_result_or_a_sentence(folder: Path, kind: str, content: bytes) -> None:
    TARGETS[kind][1](folder, content)
    TARGETS[kind][1](folder, TARGETS[kind][0][:16] + content)


@pytest.mark.parametrize("kind", TARGETS)
def test_the_whole_file_is_read(folder: Path, kind: str) -> None:
    TARGETS[kind][1](folder, TARGETS[kind][0])
