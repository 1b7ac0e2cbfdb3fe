"""Keeps what was read of a file, by the content of the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from analysis.reading.untrusted import Reading, Unusable


class Cache:
    """Readings by the content of their files: one SQLite file, so that a kill leaves it whole."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._open(path)
            except sqlite3.DatabaseError:  # damaged: what it held is computed again
                path.unlink(missing_ok=True)
                self._open(path)

    def _open(self, path: Path) -> None:
        self.base = sqlite3.connect(path, timeout=60)
        self.base.execute("CREATE TABLE IF NOT EXISTS readings (key TEXT PRIMARY KEY, value BLOB)")

    def get(self, key: str) -> Reading | Unusable | None:
        """Look a reading up."""
        if self.path is None:
            return None
        row = self.base.execute("SELECT value FROM readings WHERE key = ?", (key,)).fetchone()
        return _unpacked(row[0]) if row else None

    def put(self, found: Iterable[tuple[str, Reading | Unusable]]) -> None:
        """Store some readings, all or none; a full disk is no error."""
        if self.path is not None:
            with suppress(sqlite3.OperationalError), self.base:
                rows = [(key, _packed(one)) for key, one in found]
                self.base.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        if self.path is not None:
            self.base.close()


def _packed(one: Reading | Unusable) -> bytes:
    """JSON in the first line, the planes' bytes after it."""
    if isinstance(one, Unusable):
        return json.dumps({"reason": str(one)}).encode() + b"\n"
    head = {"shape": one.planes.shape, "measures": one.measures}
    return json.dumps(head).encode() + b"\n" + one.planes.astype("<f4").tobytes()


def _unpacked(content: bytes) -> Reading | Unusable:
    head, _, body = content.partition(b"\n")
    known = json.loads(head)
    if "reason" in known:
        return Unusable(known["reason"])
    return Reading(np.frombuffer(body, "<f4").reshape(known["shape"]), known["measures"])
