"""The compiled loops against the torch engine, and against themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from analysis.nets import layers, training
from analysis.nets.training import (
    Architecture,
    Convolution,
    Convolutional,
    Network,
    Optimiser,
    Perceptron,
    evaluate,
    train,
)
from tests.conftest import ROOT

COUNT = 50
_RNG = np.random.default_rng(1)
CLASSES = _RNG.integers(0, 3, COUNT)
VALUES = _RNG.normal(size=(COUNT, 3))
GRAY, COLOUR = ({"x": _RNG.normal(size=(COUNT, c, 9, 8))} for c in (1, 3))
VECTORS = {"x": _RNG.normal(size=(COUNT, 3))}
LAYERS = (Convolution(5), Convolution(4, stride=1))
ODD = (Convolution(5, kernel=5, stride=3), Convolution(6, kernel=1, stride=2))
WIDE = (Convolution(17), Convolution(20, kernel=1, stride=1))

CASES: dict[str, tuple[Architecture, dict[str, np.ndarray]]] = {
    "perceptron": (Perceptron(3, (7, 5, 6), 3), VECTORS),
    "linear": (Perceptron(3, (), 3), VECTORS),
    "perceptron, drop": (Perceptron(3, (7,), 3, drop=0.4), VECTORS),
    "normalised": (Convolutional(3, LAYERS, 3, grid=(2, 2)), COLOUR),
    "biased": (Convolutional(3, LAYERS, 3, normalise=False), COLOUR),
    "odd sizes": (Convolutional(3, ODD, 3, grid=(2, 1)), COLOUR),
    "many filters": (Convolutional(3, WIDE, 3, grid=(3, 2)), COLOUR),
    "own": (Convolutional(3, (Convolution(6),), 3, (2, 1), readout="own"), COLOUR),
    "pointwise": (Convolutional(3, LAYERS, 3, front="pointwise", front_size=6), COLOUR),
    "relu-colormap": (Convolutional(1, LAYERS, 3, front="relu-colormap", front_size=4), GRAY),
    "drop": (Convolutional(3, LAYERS, 3, drop=0.3), COLOUR),
}


@pytest.fixture
def double() -> Iterator[None]:
    """Compute in double precision: what two ways have in common, rounding apart."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def networks(count: int = 3) -> list[Network]:
    rows = [None, np.arange(40), np.arange(0, 50, 2)]
    return [Network(k, "x", 0.003 * (1 + k), rows[k % 3]) for k in range(count)]


def tensors(trained: training.Trained) -> dict[str, torch.Tensor]:
    return trained.parameters | {f"running {n}": b for n, b in trained.buffers.items()}


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("goal", [CLASSES, VALUES], ids=["classes", "values"])
@pytest.mark.parametrize("method", ["adam", "sgd"])
@pytest.mark.parametrize("case", CASES)
def test_the_engines_agree(case: str, method: str, goal: np.ndarray) -> None:
    architecture, images = CASES[case]
    how = Optimiser(steps=15, batch=13, method=method, momentum=0.9)
    ours, torchs = (
        train(architecture, images, goal, networks(), how, engine=engine)
        for engine in ("compiled", "torch")
    )
    np.testing.assert_allclose(ours.losses, torchs.losses, rtol=1e-8, atol=1e-10)
    for name, expected in tensors(torchs).items():
        torch.testing.assert_close(tensors(ours)[name], expected, rtol=1e-7, atol=1e-9)
    rows = np.arange(7, 41)
    found, expected = (
        evaluate(architecture, torchs, images, networks(), rows, engine=engine)
        for engine in ("compiled", "torch")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_a_network_is_the_same_bits_alone_and_in_a_stack(case: str) -> None:
    architecture, images = CASES[case]
    how = Optimiser(steps=12, batch=16)
    together = train(architecture, images, CLASSES, networks(), how, engine="compiled")
    for k, network in enumerate(networks()):
        alone = train(architecture, images, CLASSES, [network], how, engine="compiled")
        np.testing.assert_array_equal(together.losses[k], alone.losses[0])
        for name, value in tensors(alone).items():
            assert torch.equal(tensors(together)[name][k], value[0]), name


def test_threads_do_not_change_a_bit() -> None:
    architecture, images = CASES["normalised"]
    how, before = Optimiser(steps=12, batch=16), torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(train(architecture, images, CLASSES, networks(5), how, engine="compiled"))
    torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0].losses, found[1].losses)


def test_what_was_interrupted_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture, images = CASES["drop"]
    given = (architecture, images, CLASSES, networks(), Optimiser(steps=20, batch=8))
    real, kept = training.save_atomic, []

    def dies_after_the_second(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        kept.append(1)
        if len(kept) == 2:
            raise KeyboardInterrupt

    path = tmp_path / "stack.pt"
    monkeypatch.setattr(training, "save_atomic", dies_after_the_second)
    with pytest.raises(KeyboardInterrupt):
        train(*given, checkpoint=path, every=5)
    resumed = train(*given, checkpoint=path, every=5)
    assert len(kept) == 3 and not path.exists()  # from step 10 on
    whole = train(*given)
    assert resumed.losses.tobytes() == whole.losses.tobytes()
    for name, value in tensors(whole).items():
        assert torch.equal(value, tensors(resumed)[name]), name


def test_single_precision_differs_by_rounding_alone() -> None:
    """One step from one start: nothing has been amplified yet."""
    architecture, images = CASES["normalised"]
    how = Optimiser(steps=1, batch=16, method="sgd")
    ours, torchs = (
        train(architecture, images, CLASSES, networks(), how, engine=engine)
        for engine in ("compiled", "torch")
    )
    np.testing.assert_allclose(ours.losses, torchs.losses, rtol=1e-5)
    for name, expected in tensors(torchs).items():
        torch.testing.assert_close(tensors(ours)[name], expected, rtol=1e-4, atol=1e-6)


def test_what_diverges_is_told() -> None:
    architecture, images = CASES["biased"]
    wild = [Network(0, "x", 1e30), Network(0, "x", 1e-3)]
    how = Optimiser(steps=12, batch=16, method="sgd")
    trained = train(architecture, images, VALUES, wild, how, engine="compiled")
    assert trained.diverged[0] >= 0 and trained.diverged[1] == -1


def test_an_engine_that_cannot_is_refused() -> None:
    given = (CASES["linear"][0], VECTORS, CLASSES, networks(), Optimiser(steps=1))
    with pytest.raises(ValueError, match="on the CPU"):
        train(*given, device="cuda", engine="compiled")


def test_a_subclass_keeps_its_own_forward() -> None:
    class Twice(Perceptron):
        def forward(self, *arguments: object) -> torch.Tensor:
            return 2 * super().forward(*arguments)  # type: ignore[arg-type]

    how, images = Optimiser(steps=3, batch=8), VECTORS
    plain, twice = (
        train(kind(3, (4,), 3), images, CLASSES, networks(1), how) for kind in (Perceptron, Twice)
    )
    assert not np.array_equal(plain.losses, twice.losses)


@pytest.mark.parametrize(
    ("images", "goal", "rows", "message"),
    [
        (VECTORS, CLASSES + 1, None, "classes are 0 to 2"),
        (VECTORS, CLASSES - 1, None, "classes are 0 to 2"),
        (VECTORS, CLASSES, np.array([0, COUNT]), f"rows 0 to {COUNT} of {COUNT} inputs"),
        (VECTORS, CLASSES, np.array([-COUNT - 1, 0]), "rows -51 to 0 of 50 inputs"),
        ({"x": VECTORS["x"][:, :2]}, CLASSES, None, "3 channels"),
    ],
)
def test_what_is_not_there_is_refused_and_not_read(
    images: dict[str, np.ndarray], goal: np.ndarray, rows: np.ndarray | None, message: str
) -> None:
    """Compiled loops do not look where they read."""
    with pytest.raises(ValueError, match=message):
        train(Perceptron(3, (4,), 3), images, goal, [Network(0, "x", 0.01, rows)], Optimiser(2))


def test_rows_that_are_not_there_are_not_evaluated() -> None:
    architecture, images = CASES["perceptron"]
    trained = train(architecture, images, CLASSES, networks(1), Optimiser(2, 8))
    with pytest.raises(ValueError, match="rows 0 to 50 of 50"):
        evaluate(architecture, trained, images, networks(1), [0, COUNT])
    assert evaluate(architecture, trained, images, networks(1), []).shape == (1, 0, 3)


def test_where_nothing_can_be_written_kernels_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As numba says it: a read-only installation, and a home that is none."""
    real = numba.njit

    def njit(*functions: object, **how: object) -> object:
        if how.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(*functions, **how)

    monkeypatch.setattr(numba, "njit", njit)
    assert layers.compiled(lambda x: 2 * x)(21) == 42


_FRESH = """
import numpy as np
from analysis.nets.training import Network, Optimiser, Perceptron, train
x = {"x": np.linspace(0, 1, 8)[:, None]}
trained = train(Perceptron(1, (4,), 1), x, x["x"], [Network(0, "x", 0.01)], Optimiser(3))
print(trained.losses.tobytes().hex())
"""


def checkout(folder: Path) -> dict[str, str]:
    """Copy the package to a checkout that has compiled nothing; the environment to run it."""
    shutil.copytree(ROOT / "src", folder / "src")
    (folder / "pyproject.toml").touch()
    return os.environ | {"PYTHONPATH": str(folder / "src")}


@pytest.mark.slow
def test_kernels_are_kept_beside_the_build(tmp_path: Path) -> None:
    """A second process compiles nothing, and computes the same bits."""
    said, environment = [], checkout(tmp_path)
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", _FRESH],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(run.stdout)
        (kernels,) = (tmp_path / "_build" / "kernels").iterdir()
        said.append(sorted((p.name, p.stat().st_mtime_ns) for p in kernels.rglob("*.nb?")))
    assert said[0] == said[2] and said[1] == said[3] and len(said[1]) > 10


_ONE = """
import numpy as np
from analysis.nets.training import Convolution, Convolutional, Network, Optimiser, train

draw = np.random.default_rng(0)
x, classes = draw.normal(size=(64, 3, 16, 16)), draw.integers(0, 3, 64)
net = Convolutional(3, (Convolution(5), Convolution(4)), 3, grid=(2, 2))
trained = train(net, {"x": x}, classes, [Network(0, "x", 0.05)], Optimiser(60))
print(trained.losses.tobytes().hex())
"""


@pytest.mark.slow
@pytest.mark.parametrize("processors", [["", ""], ["generic", "", ""]])
def test_who_comes_first_trains_the_same_bits(tmp_path: Path, processors: list[str]) -> None:
    """A process that compiled the kernels itself took sums in another order than all later ones.

    In a folder without any kernels, or with those for another processor.
    """
    command, environment = [sys.executable, "-P", "-c", _ONE], checkout(tmp_path)
    runs = [
        subprocess.run(
            command, capture_output=True, text=True, check=True, cwd="/",
            env=environment | ({"NUMBA_CPU_NAME": name} if name else {}),
        ).stdout
        for name in processors
    ]  # fmt: skip
    assert runs[-2] == runs[-1] != ""
