"""A stack of networks must be what training each of them alone, in plain PyTorch, gives."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from analysis.nets import checkpoints, training
from analysis.nets.training import (
    Architecture,
    Convolution,
    Convolutional,
    Network,
    Optimiser,
    Perceptron,
    train,
)

RNG = np.random.default_rng(0)
COUNT = 60
CLASSES = RNG.integers(0, 3, COUNT)
VALUES = RNG.normal(size=(COUNT, 3)).astype(np.float32)
IMAGES = {
    "gray": RNG.normal(size=(COUNT, 1, 9, 8)).astype(np.float32),
    "gray-too": RNG.normal(size=(COUNT, 1, 9, 8)).astype(np.float32),
}
COLOURS = {
    "viridis": RNG.normal(size=(COUNT, 3, 9, 8)).astype(np.float32),
    "jet": RNG.normal(size=(COUNT, 3, 9, 8)).astype(np.float32),
}
VECTORS = {"viridis": RNG.normal(size=(COUNT, 3)), "jet": RNG.normal(size=(COUNT, 3))}

LAYERS = (Convolution(5), Convolution(4, stride=1))
CASES: dict[str, tuple[Architecture, dict[str, np.ndarray]]] = {
    "perceptron": (Perceptron(3, (7, 5), 3), VECTORS),
    "perceptron, drop": (Perceptron(3, (7,), 3, drop=0.4), VECTORS),
    "normalised": (Convolutional(3, LAYERS, 3, grid=(2, 2)), COLOURS),
    "biased": (Convolutional(3, LAYERS, 3, normalise=False), COLOURS),
    "own": (
        Convolutional(3, (Convolution(3),), 3, (2, 1), normalise=False, readout="own"),
        COLOURS,
    ),
    "two each": (Convolutional(3, (Convolution(6),), 3, (2, 1), readout="own"), COLOURS),
    "pointwise": (Convolutional(1, LAYERS, 3, front="pointwise", front_size=6), IMAGES),
    "relu-colormap": (Convolutional(1, LAYERS, 3, front="relu-colormap", front_size=4), IMAGES),
    "drop": (Convolutional(3, LAYERS, 3, drop=0.3), COLOURS),
}


def stack(images: dict[str, np.ndarray], size: int = 5) -> list[Network]:
    """Networks that differ in everything: seed, input, rate and training set."""
    names = list(images)
    rows = [None, np.arange(40), np.arange(20, 60), np.arange(0, 60, 2), np.arange(7)]
    return [
        Network(seed=3 * k, images=names[k % 2], rate=0.003 * (1 + k % 3), rows=rows[k % 5])
        for k in range(size)
    ]


#: Training amplifies rounding, by how much depends on the processor: in float32 to 1e-3 and more in
#: 25 steps, in float64 to 1e-12. What two ways of computing have in common is asked in float64.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture
def double() -> Iterator[None]:
    """Let training compute in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def assert_close(a: training.Trained, b: training.Trained, k: int) -> None:
    """Network k of `a` is the only one of `b`: losses, weights, running statistics."""
    np.testing.assert_allclose(a.losses[k], b.losses[0], **CLOSE)
    for mine, alone in ((a.parameters, b.parameters), (a.buffers, b.buffers)):
        assert mine.keys() == alone.keys()
        for name in mine:
            assert mine[name].dtype == torch.float64
            torch.testing.assert_close(mine[name][k], alone[name][0], **CLOSE)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("method", ["adam", "sgd"])
@pytest.mark.parametrize("case", CASES)
def test_stack_equals_each_network_alone(case: str, method: str) -> None:
    architecture, images = CASES[case]
    optimiser = Optimiser(steps=25, batch=16, method=method, momentum=0.9)
    networks = stack(images)
    together = train(architecture, images, CLASSES, networks, optimiser)
    assert (together.diverged == -1).all()
    for k, network in enumerate(networks):
        alone = train(architecture, images, CLASSES, [network], optimiser)
        assert_close(together, alone, k)
        rows = np.arange(COUNT)
        np.testing.assert_allclose(
            training.evaluate(architecture, together, images, networks, rows)[k],
            training.evaluate(architecture, alone, images, [network], rows)[0],
            **CLOSE,
        )


@pytest.mark.parametrize("case", CASES)
def test_single_precision_rounds_and_does_nothing_else(
    case: str, request: pytest.FixtureRequest
) -> None:
    """A step's losses, as they are used: float32 keeps what it promises."""
    architecture, images = CASES[case]
    networks = stack(images)
    single = train(architecture, images, CLASSES, networks, Optimiser(1, 16))
    start = training.start(architecture, [n.seed for n in networks])
    request.getfixturevalue("double")
    inputs = training._Inputs(images, networks, "cpu")
    plan = training._Plan(architecture, networks, Optimiser(1, 16), COUNT, "cpu")
    parameters, buffers = ({n: v.double() for n, v in values.items()} for values in start)
    rows, everything = plan.rows[0], slice(0, len(networks))
    x = inputs.batch(rows, everything)
    kept = plan.kept(0, x.shape[-1], everything)
    if kept is not None:
        x = x * kept.view(*kept.shape[:2], *[1] * (x.ndim - 3), -1)
    outputs = architecture.forward(parameters, buffers, x, True)
    losses = training._losses(outputs, torch.as_tensor(CLASSES)[rows])
    assert losses.dtype == torch.float64 and single.losses.dtype == np.float32
    np.testing.assert_allclose(single.losses[:, 0], losses, rtol=1e-5)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("case", ["perceptron", "normalised", "drop"])
def test_a_stack_in_parts_equals_the_whole(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts change the rounding alone; and each part is one that fits."""
    architecture, images = CASES[case]
    optimiser = Optimiser(steps=20, batch=16)
    networks = stack(images)
    whole = train(architecture, images, CLASSES, networks, optimiser, engine="torch")
    sizes = []
    real = architecture.forward.__func__  # type: ignore[attr-defined]

    def forward(self: Architecture, *arguments: object) -> torch.Tensor:
        sizes.append(len(arguments[2]))  # type: ignore[arg-type]
        return real(self, *arguments)  # type: ignore[no-any-return]

    monkeypatch.setattr(type(architecture), "forward", forward)
    inputs = training._Inputs(images, networks, "cpu")
    monkeypatch.setattr(training, "_KEPT_AT_ONCE", 1)  # the least: one by one
    start = training.start(architecture, [n.seed for n in networks])
    assert len(training._parts(architecture, *start, inputs, 16)) == len(networks)
    kept = training._kept(architecture, *start, inputs, 16)
    monkeypatch.setattr(training, "_KEPT_AT_ONCE", 2 * kept)
    sizes.clear()
    cut = train(architecture, images, CLASSES, networks, optimiser, engine="torch")
    assert set(sizes) == {1, 2}
    for k in range(len(networks)):
        np.testing.assert_allclose(cut.losses[k], whole.losses[k], **CLOSE)
    for name, value in whole.parameters.items():
        torch.testing.assert_close(cut.parameters[name], value, **CLOSE)
    rows = np.arange(COUNT)
    np.testing.assert_allclose(
        training.evaluate(architecture, cut, images, networks, rows, engine="torch"),
        training.evaluate(architecture, whole, images, networks, rows, engine="torch"),
        **CLOSE,
    )


class Reference(nn.Module):
    """A `Convolutional` network as anybody would write it in PyTorch."""

    def __init__(self, architecture: Convolutional):
        super().__init__()
        before, parts = architecture.channels, []
        for layer in architecture.layers:
            parts += [
                nn.Conv2d(before, layer.filters, layer.kernel, layer.stride, 1, bias=False),
                nn.BatchNorm2d(layer.filters),
                nn.ReLU(),
            ]
            before = layer.filters
        self.features = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(architecture.grid), nn.Flatten())
        cells = architecture.grid[0] * architecture.grid[1]
        self.head = nn.Linear(before * cells, architecture.outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))

    def take(self, parameters: dict[str, torch.Tensor], k: int) -> None:
        convolutions = [m for m in self.features if isinstance(m, nn.Conv2d)]
        norms = [m for m in self.features if isinstance(m, nn.BatchNorm2d)]
        with torch.no_grad():
            for i, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
                convolution.weight.copy_(parameters[f"weight{i}"][k])
                norm.weight.copy_(parameters[f"gain{i}"][k])
                norm.bias.copy_(parameters[f"bias{i}"][k])
            self.head.weight.copy_(parameters["weight"][k].T)
            self.head.bias.copy_(parameters["bias"][k, 0])


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("goal", ["classes", "values"])
@pytest.mark.parametrize("method", ["adam", "sgd"])
@pytest.mark.parametrize("decay", [True, False])
def test_stack_equals_plain_pytorch(goal: str, method: str, decay: bool) -> None:
    architecture = Convolutional(3, LAYERS, 3, grid=(2, 2))
    targets = CLASSES if goal == "classes" else VALUES
    optimiser = Optimiser(steps=20, batch=16, method=method, decay=decay, momentum=0.9)
    networks = stack(COLOURS, 3)
    found = train(architecture, COLOURS, targets, networks, optimiser)
    initial, _ = training.start(architecture, [n.seed for n in networks])
    for k, network in enumerate(networks):
        model = Reference(architecture)
        model.take(initial, k)
        kinds = {
            "adam": lambda p, r: torch.optim.Adam(p, r),
            "sgd": lambda p, r: torch.optim.SGD(p, r, momentum=0.9),
        }
        torch_optimiser = kinds[method](model.parameters(), network.rate)
        rows = np.arange(COUNT) if network.rows is None else network.rows
        measure = nn.CrossEntropyLoss() if goal == "classes" else nn.MSELoss()
        losses = []
        for step, batch in enumerate(training.order(network.seed, rows, 20, 16)):
            torch_optimiser.param_groups[0]["lr"] = network.rate * (1 - step / 20 * decay)
            output = model(torch.as_tensor(COLOURS[network.images][batch]).double())
            wanted = torch.as_tensor(targets[batch])
            loss = measure(output, wanted if goal == "classes" else wanted.double())
            torch_optimiser.zero_grad()
            loss.backward()
            torch_optimiser.step()
            losses.append(loss.item())
        np.testing.assert_allclose(found.losses[k], losses, **CLOSE)
        expected = Reference(architecture)
        expected.take(found.parameters, k)
        for mine, theirs in zip(expected.parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, **CLOSE)
        for i, norm in enumerate(m for m in model.features if isinstance(m, nn.BatchNorm2d)):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            torch.testing.assert_close(found.buffers[f"mean{i}"][k], norm.running_mean, **CLOSE)
            torch.testing.assert_close(found.buffers[f"variance{i}"][k], norm.running_var, **CLOSE)
        model.eval()
        rows = np.arange(COUNT)
        with torch.no_grad():
            outputs = model(torch.as_tensor(COLOURS[network.images]).double()).numpy()
        mine = training.evaluate(architecture, found, COLOURS, networks, rows)[k]
        np.testing.assert_allclose(mine, outputs, **CLOSE)


def test_fronts_are_what_they_say() -> None:
    """A trained colormap and a 1×1 layer, against their formulas."""
    x = RNG.normal(size=(2, 4, 9, 8, 1)).astype(np.float32)
    for front, size in (("relu-colormap", 4), ("pointwise", 6)):
        architecture = Convolutional(1, LAYERS, 3, front=front, front_size=size)  # type: ignore[arg-type]
        p, _ = training.start(architecture, [0, 1])
        p = {
            name: torch.as_tensor(RNG.normal(size=value.shape)).float() for name, value in p.items()
        }
        found = architecture._front(p, torch.as_tensor(x))
        for k in range(2):
            if front == "pointwise":
                expected = x[k] * p["front_weight"][k].numpy().ravel() + p["front_bias"][k].numpy()
                expected = np.maximum(expected, 0)
            else:
                bent = np.maximum(x[k] - p["knots"][k].numpy(), 0)
                expected = x[k] * p["slope"][k].numpy().ravel() + p["offset"][k].numpy()
                expected = expected + bent @ p["bends"][k].numpy()
            np.testing.assert_allclose(found[k].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("channels", "size"), [(1, 3), (3, 6), (2, 5)])
def test_a_network_with_a_front_starts_as_the_one_that_it_contains(
    channels: int, size: int
) -> None:
    x = torch.as_tensor(RNG.normal(size=(2, 4, 9, 8, channels))).float()
    plain = Convolutional(channels, LAYERS, 3)
    fronted = Convolutional(channels, LAYERS, 3, front="pointwise", front_size=size)
    a, b = (net.forward(*training.start(net, [5, 6]), x, True) for net in (plain, fronted))
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5)
    if channels == 1:
        colour = Convolutional(1, LAYERS, 3, front="relu-colormap", front_size=4)
        copies = Convolutional(3, LAYERS, 3)
        b = colour.forward(*training.start(colour, [5, 6]), x, True)
        a = copies.forward(*training.start(copies, [5, 6]), x.expand(-1, -1, -1, -1, 3), True)
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5)


def test_outputs_with_filters_of_their_own_see_no_other() -> None:
    architecture, images = CASES["two each"]
    parameters, buffers = training.start(architecture, [0])
    x = torch.as_tensor(images["jet"]).permute(0, 2, 3, 1)[None]
    before = architecture.forward(parameters, buffers, x, False)
    parameters["weight0"][0, 2:4] += 1  # the two filters of output 1
    changed = (architecture.forward(parameters, buffers, x, False) != before).any(1)[0]
    assert changed.tolist() == [False, True, False]


def test_seed_and_name_fix_the_start() -> None:
    narrow, wide = Perceptron(1, (7,), 3), Perceptron(3, (7,), 3)
    a, _ = training.start(narrow, [4, 5])
    b, _ = training.start(wide, [5])
    assert torch.equal(a["weight1"][1], b["weight1"][0])
    assert not torch.equal(a["weight1"][0], b["weight1"][0])
    assert (a["weight0"].abs() <= 1).all()
    assert (b["weight0"].abs() <= 3**-0.5).all()


def test_channel_dropout_keeps_the_mean_and_leaves_evaluation_alone() -> None:
    architecture = Perceptron(3, (), 1, drop=0.5)
    network = Network(seed=1, images="x", rate=1e-9)
    plan = training._Plan(architecture, [network], Optimiser(1, 4000), 4000, "cpu")
    kept = plan.kept(0, 3, slice(0, 1))
    assert kept is not None
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert abs(float(kept.mean()) - 1) < 0.05
    x = {"x": np.ones((5, 3))}
    trained = train(architecture, x, np.ones((5, 1)), [network], Optimiser(1, 4))
    plain, _ = training.start(architecture, [1])
    output = training.evaluate(architecture, trained, x, [network], [0])
    expected = plain["weight0"][0].sum() + plain["bias0"][0, 0, 0]
    np.testing.assert_allclose(output[0, 0, 0], float(expected), atol=1e-5)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("case", ["perceptron", "normalised"])
def test_divergence_is_reported_and_spoils_no_other(case: str) -> None:
    architecture, images = CASES[case]
    sound = stack(images, 2)
    wild = Network(seed=9, images=sound[0].images, rate=1e300)
    optimiser = Optimiser(steps=15, batch=8, method="sgd", decay=False)
    mixed = train(architecture, images, VALUES, [sound[0], wild, sound[1]], optimiser)
    assert mixed.diverged[0] == mixed.diverged[2] == -1
    assert 0 < mixed.diverged[1] <= 15
    clean = train(architecture, images, VALUES, sound, optimiser)
    np.testing.assert_allclose(mixed.losses[[0, 2]], clean.losses, **CLOSE)
    predictions = training.evaluate(
        architecture, mixed, images, [sound[0], wild, sound[1]], np.arange(COUNT)
    )
    scores = training.score(predictions, VALUES)
    assert np.isfinite(scores[[0, 2]]).all()
    assert np.isnan(scores[1])


def test_weights_that_blow_up_in_the_last_step_are_reported() -> None:
    network = Network(seed=0, images="x", rate=1e38)
    x = {"x": np.full((4, 1), 1e3)}
    found = train(Perceptron(1, (), 1), x, x["x"] * 1e3, [network], Optimiser(1, 4, "sgd"))
    assert np.isfinite(found.losses).all()
    assert found.diverged.tolist() == [1]


def test_twice_gives_the_same_bits() -> None:
    architecture, images = CASES["drop"]
    optimiser = Optimiser(steps=8, batch=8)
    first, second = (train(architecture, images, CLASSES, stack(images), optimiser) for _ in "ab")
    assert first.losses.tobytes() == second.losses.tobytes()
    for name, value in first.parameters.items():
        assert torch.equal(value, second.parameters[name])


def run_and_die(path: str, at: int) -> None:
    """Train until a step, then be killed as by the system: no handler runs."""
    torch.set_num_threads(1)
    real = training._Stacked._step
    steps = 0

    def counted(*arguments: object) -> None:
        nonlocal steps
        steps += 1
        if steps > at:
            os.kill(os.getpid(), signal.SIGKILL)
        real(*arguments)  # type: ignore[arg-type]

    training._Stacked._step = counted
    resumable(Path(path))


def resumable(path: Path | None, steps: int = 20) -> training.Trained:
    architecture, images = CASES["drop"]
    optimiser = Optimiser(steps=steps, batch=8)
    return train(
        architecture, images, CLASSES, stack(images), optimiser,
        checkpoint=path, every=5, engine="torch",
    )  # fmt: skip


def test_resumes_after_a_kill_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder" / "stack.pt"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the child: rounding depends on how many there are
    try:
        process = multiprocessing.get_context("spawn").Process(
            target=run_and_die, args=(str(path), 13)
        )
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        assert path.exists()
        taken = []
        real = training._Stacked._step
        monkeypatch.setattr(training._Stacked, "_step", lambda *a: (taken.append(1), real(*a)))
        resumed = resumable(path)
        assert len(taken) == 10  # from step 10, the last checkpoint before the kill at 13
        assert not path.exists()
        whole = resumable(None)
    finally:
        torch.set_num_threads(threads)
    assert resumed.losses.tobytes() == whole.losses.tobytes()
    for name, value in whole.parameters.items():
        assert torch.equal(value, resumed.parameters[name])
    for name, value in whole.buffers.items():
        assert torch.equal(value, resumed.buffers[name])


@pytest.mark.parametrize("kind", ["another run", "damaged", "empty", "other"])
def test_a_foreign_or_damaged_checkpoint_is_not_gone_on_from(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stack.pt"
    if kind == "another run":
        checkpoints.save_atomic(path, "another", {"step": 19})
    elif kind == "other":
        torch.save([1, 2], path)
    else:
        path.write_bytes(b"PK\x03\x04 no zip" if kind == "damaged" else b"")
    assert resumable(path).losses.tobytes() == resumable(None).losses.tobytes()


def test_atomic_save_leaves_the_old_file_if_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stack.pt"
    checkpoints.save_atomic(path, "key", {"step": 1})

    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        checkpoints.save_atomic(path, "key", {"step": 2})
    monkeypatch.undo()
    assert checkpoints.load_atomic(path, "key") == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["stack.pt"]


@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 30),
    steps=st.integers(1, 12),
    batch=st.integers(1, 12),
)
@settings(max_examples=50, deadline=None)
def test_order_visits_all_rows_equally_often(seed: int, count: int, steps: int, batch: int) -> None:
    rows = 100 + np.arange(count)
    drawn = training.order(seed, rows, steps, batch)
    assert drawn.shape == (steps, batch)
    often = np.bincount(drawn.ravel() - 100, minlength=count)
    assert often.max() - often.min() <= 1
    assert np.array_equal(drawn, training.order(seed, rows, steps, batch))


def test_score_of_values_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import r2_score

    guesses = VALUES + RNG.normal(size=(2, *VALUES.shape))
    for found, guess in zip(training.score(guesses, VALUES), guesses, strict=True):
        assert found == pytest.approx(r2_score(VALUES, guess), abs=1e-6)


def test_it_learns() -> None:
    angle = RNG.uniform(0, 2 * np.pi, 200)
    x = {"x": np.stack([np.cos(angle), np.sin(angle)], 1)}
    y = (np.sin(angle) > 0).astype(int)
    networks = [Network(seed=s, images="x", rate=0.02) for s in range(3)]
    architecture = Perceptron(2, (8,), 2)
    trained = train(architecture, x, y, networks, Optimiser(150))
    predictions = training.evaluate(architecture, trained, x, networks, np.arange(200))
    assert (training.score(predictions, y) > 0.95).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"networks": []}, "no networks"),
        ({"networks": [Network(0, "hsv", 0.1)]}, "no images 'hsv'"),
        ({"networks": [Network(0, "jet", 0.0)]}, "positive"),
        ({"networks": [Network(0, "jet", 0.1, np.arange(0))]}, "nothing to train on"),
        ({"targets": CLASSES[:-1]}, "differ in length"),
        ({"targets": VALUES[:, :2]}, "2 values to learn, 3 outputs"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    given = {
        "architecture": CASES["perceptron"][0],
        "images": VECTORS,
        "targets": CLASSES,
        "networks": stack(VECTORS),
        "optimiser": Optimiser(2),
    }
    with pytest.raises(ValueError, match=message):
        train(**(given | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Convolutional(3, (Convolution(4),), 3, readout="own"), "filters of its own"),
        (lambda: Convolutional(3, LAYERS, 3, front="relu-colormap", front_size=2), "one channel"),
        (lambda: Convolutional(1, LAYERS, 3, front="pointwise"), "front_size"),
        (lambda: Convolutional(1, (), 3), "at least one layer"),
        (lambda: Convolutional(1, LAYERS, 3, drop=1.0), "drop"),
        (lambda: Optimiser(0), "steps"),
        (lambda: Optimiser(1, method="lion"), "lion"),  # type: ignore[arg-type]
    ],
)
def test_parts_that_do_not_fit_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_cuda_agrees_with_the_processor() -> None:
    architecture, images = CASES["normalised"]
    optimiser = Optimiser(steps=10, batch=16)
    here = train(architecture, images, CLASSES, stack(images), optimiser)
    there = train(architecture, images, CLASSES, stack(images), optimiser, device="cuda")
    np.testing.assert_allclose(here.losses, there.losses, rtol=1e-2, atol=1e-3)
