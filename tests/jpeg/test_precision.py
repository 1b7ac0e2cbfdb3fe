"""The codec in other people's programs: exact whatever they set, or refused in a sentence."""

from __future__ import annotations

import copy
import io
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.jpeg.codec import Codes, JPEGAutoencoder

QUALITY = 60
LEVELS = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (3, 3, 21, 34), np.uint8))


def pillows(levels: torch.Tensor) -> torch.Tensor:
    """Each picture saved and opened by Pillow."""
    opened = []
    for picture in levels.movedim(1, -1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
        opened.append(np.asarray(Image.open(buffer)))
    return torch.from_numpy(np.stack(opened)).movedim(-1, 1)


EXPECTED = pillows(LEVELS)
#: A small codec of textbook arithmetic; what it makes of the levels when nothing is set.
IDEAL = JPEGAutoencoder(QUALITY, "RGB", arithmetic="ideal")(LEVELS)


@contextmanager
def setting(write: Callable[[Any], None], value: Any, before: Any) -> Iterator[None]:
    """Change a setting of torch for a while."""
    try:
        write(value)
        yield
    finally:
        write(before)


@contextmanager
def both_ways() -> Iterator[None]:
    """Let torch lose track of the precision of matrix products, which are then short."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"
        torch.set_float32_matmul_precision("highest")


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "autocast to bfloat16": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to half": lambda: torch.autocast("cpu", torch.float16),
    "default half": lambda: setting(torch.set_default_dtype, torch.float16, torch.float32),
    "default bfloat16": lambda: setting(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default double": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "default device": lambda: torch.device("meta"),
    "short products": lambda: setting(torch.set_float32_matmul_precision, "medium", "highest"),
    "short products by both ways": both_ways,
    "inference mode": torch.inference_mode,
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_torch_change_nothing(name: str) -> None:
    with SETTINGS[name]():
        exact = JPEGAutoencoder(QUALITY, "RGB")
        ideal = JPEGAutoencoder(QUALITY, "RGB", arithmetic="ideal")
        found = [exact(LEVELS), exact.decode(exact.encode(LEVELS)), ideal(LEVELS)]
        floating = exact(LEVELS.to(torch.float32))
    for mine, expected in zip(found, (EXPECTED, EXPECTED, IDEAL), strict=True):
        assert torch.equal(mine, expected)
    assert torch.equal(floating, EXPECTED.float())


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("arithmetic", ["islow", "ideal"])
def test_gradients_do_not_notice_autocast(arithmetic: Any, forward: bool) -> None:
    jpeg = JPEGAutoencoder(QUALITY, "RGB", arithmetic=arithmetic)
    weight = torch.randn(LEVELS.shape)

    def gradient(cast: bool, network: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        x = (LEVELS + 0.3).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=cast and forward):
            out = network(x)
        with torch.autocast("cpu", torch.bfloat16, enabled=cast):
            out.backward(weight)
        assert x.grad is not None
        return x.grad

    for network in (jpeg, lambda x: jpeg.decode(jpeg.encode(x))):
        assert torch.equal(gradient(True, network), gradient(False, network))


CASTS: dict[str, Callable[[Any], Any]] = {
    "half": lambda module: module.half(),
    "bfloat16": lambda module: module.to(torch.bfloat16),
    "double": lambda module: module.double(),
    "half within another": lambda module: torch.nn.Sequential(module).half(),
    "half and back": lambda module: module.half().float(),
    "copied": copy.deepcopy,
    "state restored": lambda module: module if module.load_state_dict({}) else None,
    "evaluating": lambda module: module.eval().requires_grad_(False),
}


@pytest.mark.parametrize("name", CASTS)
def test_a_module_that_is_cast_or_copied_stays_exact(name: str) -> None:
    network = CASTS[name](JPEGAutoencoder(QUALITY, "RGB"))
    assert torch.equal(network(LEVELS), EXPECTED)
    assert torch.equal(network(LEVELS.half()), EXPECTED.float())
    assert not dict(network.state_dict())


def _in_another_process(network: JPEGAutoencoder, levels: Any, queue: Any) -> None:
    queue.put(network(torch.from_numpy(levels)).numpy())


@pytest.mark.slow
def test_a_copy_in_another_process_is_exact() -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    arguments = (JPEGAutoencoder(QUALITY, "RGB"), LEVELS.numpy(), queue)
    process = context.Process(target=_in_another_process, args=arguments)
    process.start()
    found = queue.get(timeout=60)
    process.join()
    np.testing.assert_array_equal(found, EXPECTED.numpy())


@pytest.mark.parametrize("levels", [LEVELS, LEVELS.float()])
def test_an_exported_program_is_exact_and_leaves_nothing_behind(levels: torch.Tensor) -> None:
    """Constants made while the program is traced stand for numbers: nobody may keep them."""
    wide = torch.cat([levels] * 2, -1)[..., : 41 + levels.is_floating_point()]  # a size not yet met
    jpeg = JPEGAutoencoder(QUALITY, "RGB")
    program = torch.export.export(jpeg, (wide,)).module()
    assert torch.equal(program(wide), pillows(wide.to(torch.uint8)).to(levels.dtype))
    assert torch.equal(jpeg(wide), program(wide))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, on what it runs as it is
def test_a_compiled_network_is_exact() -> None:
    network = torch.compile(JPEGAutoencoder(QUALITY, "RGB"), backend="aot_eager")
    assert torch.equal(network(LEVELS), EXPECTED)
    x = LEVELS.float().requires_grad_()
    network(x).sum().backward()
    assert x.grad is not None and x.grad.any()


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
@pytest.mark.parametrize("arithmetic", ["islow", "ideal"])
def test_transforms_and_traces_are_refused_in_a_sentence(arithmetic: Any) -> None:
    jpeg = JPEGAutoencoder(QUALITY, "RGB", arithmetic=arithmetic)
    with pytest.raises(RuntimeError, match=r"torch\.autograd has its gradient"):
        torch.func.vmap(jpeg)(LEVELS[None])
    with pytest.raises(RuntimeError, match=r"torch\.autograd has its gradient"):
        torch.func.grad(lambda x: jpeg(x).sum())(LEVELS.float())
    with pytest.raises(RuntimeError, match=r"use torch\.export\.export"):
        torch.jit.trace(jpeg, LEVELS)
    with pytest.raises(RuntimeError, match="hold numbers"):
        jpeg(LEVELS.to("meta"))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("arithmetic", ["islow", "ideal"])
def test_a_batch_may_be_empty(mode: Any, arithmetic: Any) -> None:
    jpeg = JPEGAutoencoder(QUALITY, mode, arithmetic=arithmetic)
    nothing = LEVELS[:0, : len(mode)]
    codes = jpeg.encode(nothing)
    assert jpeg(nothing).shape == jpeg.decode(codes).shape == nothing.shape
    assert jpeg.nbytes(codes).shape == (0,)
    assert jpeg.to_bytes(codes) == []
    x = nothing.float().requires_grad_()
    jpeg(x).sum().backward()
    assert x.grad is not None and x.grad.shape == x.shape


def test_no_picture_is_too_long_for_pillow_and_not_for_the_network() -> None:
    jpeg, longest = JPEGAutoencoder(QUALITY), LEVELS.flatten()[:4000].repeat(17)[None, None, None]
    picture = Image.fromarray(longest[0, 0, :, :65_500].numpy())
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    codes = jpeg.encode(longest[..., :65_500])
    assert jpeg.to_bytes(codes) == [buffer.getvalue()]
    assert np.array_equal(jpeg.decode(codes)[0, 0], np.asarray(Image.open(buffer)))
    with pytest.raises(OSError, match=r"encoder error|broken data stream"):
        Image.fromarray(longest[0, 0, :, :65_501].numpy()).save(io.BytesIO(), "JPEG")
    with pytest.raises(ValueError, match="65500 pixels at most"):
        jpeg(longest[..., :65_501])


def test_arrays_are_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"got ndarray: see torch\.from_numpy"):
        JPEGAutoencoder(QUALITY, "RGB")(LEVELS.numpy())


def test_codes_of_another_precision_are_the_same_codes() -> None:
    jpeg = JPEGAutoencoder(QUALITY, "RGB")
    codes = jpeg.encode(LEVELS)
    half = Codes(tuple(plane.bfloat16() for plane in codes.planes), codes.size)
    exact = all(torch.equal(a, b) for a, b in zip(half.planes, codes.planes, strict=True))
    assert exact, "the codes of this picture are small enough for bfloat16"
    assert jpeg.to_bytes(half) == jpeg.to_bytes(codes)
    assert torch.equal(jpeg.decode(half), EXPECTED.float())
