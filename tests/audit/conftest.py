"""What the tests of this room have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.made import sound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five short sounds."""
    place = tmp_path / "my data"
    for i in range(5):
        sound(place / "cat" / f"c{i}.wav", i)
        sound(place / "dog" / f"d{i}.wav", 10 + i)
    return place
