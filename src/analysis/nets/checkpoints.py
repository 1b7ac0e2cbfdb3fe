"""Results of training on disk: whole, checked, and without code in them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from analysis.files import atomic_path


def save_atomic(path: Path, key: str, value: Mapping[str, Any]) -> None:
    """Write tensors, numbers and lists such that a kill leaves the old file or the new one.

    `key` says what the file belongs to; `load_atomic` asks for it.
    """
    content = io.BytesIO()
    torch.save({"key": key, "value": dict(value)}, content)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(hashlib.sha256(content.getbuffer()).digest())
        stream.write(content.getbuffer())


def load_atomic(path: Path, key: str) -> dict[str, Any] | None:
    """Read what `save_atomic` wrote; None if it is absent, damaged or of something else."""
    try:
        written = path.read_bytes()
    except OSError:
        return None
    digest, content = written[:32], written[32:]
    if hashlib.sha256(content).digest() != digest:  # torch does not see a bit that turned over
        return None
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    value: dict[str, Any] = stored["value"]
    return value if stored["key"] == key else None
