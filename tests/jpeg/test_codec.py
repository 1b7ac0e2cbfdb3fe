"""The codec network against Pillow's libjpeg-turbo: the same bytes in, the same bytes out."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from analysis.jpeg import codec, huffman, transform
from analysis.jpeg.codec import JPEGAutoencoder
from analysis.jpeg.precision import once
from tests.conftest import sampled

MODES = [("L", "4:2:0"), ("RGB", "4:4:4"), ("RGB", "4:2:0")]
Bytes = NDArray[np.uint8]


def pillow(image: Bytes, quality: int, subsampling: str) -> tuple[bytes, Bytes]:
    """Save and open. (height, width, 1 or 3)"""
    gray = image.shape[-1] == 1
    buffer = io.BytesIO()
    options: dict[str, Any] = {} if gray else {"subsampling": subsampling}
    picture = Image.fromarray(image[..., 0] if gray else image)
    picture.save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue(), np.asarray(Image.open(buffer)).reshape(image.shape)


def spectrogram(height: int, width: int) -> Bytes:
    """Levels of the log-magnitude spectrogram of a noisy chirp, 80 dB deep."""
    hop, size = 32, 2 * height + 8
    t = np.arange(width * hop + size) / 8000
    wave = np.sin(2 * np.pi * (300 * t + 900 * t**2)) * np.exp(-2 * (t % 0.2))
    wave += 1e-3 * np.random.default_rng(5).normal(size=len(t))
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop][:width]
    power = np.abs(np.fft.rfft(frames * np.hanning(size)))[:, :height].T
    decibel = 20 * np.log10(power / power.max() + 1e-12)
    return np.clip(255 * (1 + decibel / 80), 0, 255).astype(np.uint8)


def images(height: int, width: int, channels: int, seed: int = 0) -> Bytes:
    """Noise, black-and-white noise, smooth, spectrogram, constants, checkerboards, extremes."""
    rng = np.random.default_rng(seed)
    shape = (height, width, channels)
    i, j = np.indices((height, width))[..., None]
    smooth = 128 + np.cumsum(np.cumsum(rng.normal(0, 1, shape), 0), 1)
    grams = np.stack([spectrogram(height, width + 9)[:, c : width + c] for c in range(channels)], 2)
    flat = [np.full(shape, level) for level in (0, 77, 255)]
    edges = np.where((i // 3 + j // 5) % 2, [255, 0, 255][:channels], [0, 255, 1][:channels])
    boards = [np.broadcast_to(255 * (axis % 2), shape) for axis in (i + j, i, j)]
    noise = [rng.integers(0, 256, shape), 255 * rng.integers(0, 2, shape)]
    stack = np.stack([*noise, smooth, grams, *flat, edges, *boards])
    return np.clip(stack, 0, 255).astype(np.uint8)


def batch(stack: Bytes) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(stack, -1, 1)))


def assert_same_as_pillow(stack: Bytes, quality: int, mode: Any, subsampling: Any) -> None:
    """The file is the same bytes, hence (Huffman codes are uniquely decodable) the same codes."""
    jpeg = JPEGAutoencoder(quality, mode, subsampling)
    codes = jpeg.encode(batch(stack))
    decoded = np.moveaxis(jpeg.decode(codes).numpy(), 1, -1)
    files, sizes = jpeg.to_bytes(codes), jpeg.nbytes(codes)
    for image, mine, file, size in zip(stack, decoded, files, sizes, strict=True):
        expected_file, expected = pillow(image, quality, subsampling)
        np.testing.assert_array_equal(mine, expected)
        assert file == expected_file
        assert size == len(expected_file)


@pytest.mark.parametrize("first", sampled(range(1, 11), 1, 10))
@pytest.mark.parametrize(("mode", "subsampling"), MODES)
@pytest.mark.parametrize("size", [(40, 56), (17, 35)])
def test_every_quality_is_bit_exact(
    mode: str, subsampling: str, size: tuple[int, int], first: int
) -> None:
    stack = images(*size, channels=len(mode))
    for quality in range(first, 101, 10):
        assert_same_as_pillow(stack, quality, mode, subsampling)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 100),
    st.sampled_from(MODES),
    st.integers(0, 2**32 - 1),
)
def test_every_size_is_bit_exact(
    height: int, width: int, quality: int, mode: tuple[str, str], seed: int
) -> None:
    stack = images(height, width, len(mode[0]), seed)
    assert_same_as_pillow(stack, quality, *mode)


@pytest.mark.parametrize(("mode", "subsampling"), MODES)
def test_a_long_batch_is_cut_into_parts_and_mended(mode: Any, subsampling: Any) -> None:
    x = batch(np.tile(images(300, 301, len(mode))[:4], (2, 1, 1, 1)))
    jpeg = JPEGAutoencoder(40, mode, subsampling)
    assert torch.equal(jpeg(x), jpeg.decode(jpeg.encode(x)))


def test_tables_are_those_in_the_files() -> None:
    for quality in range(1, 101):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
        stored = Image.open(buffer).quantization  # type: ignore[attr-defined]
        tables = codec.quantisation_tables(quality)
        assert tables.tolist() == [stored[0], stored[1]]


def test_zigzag_walks_along_diagonals() -> None:
    assert sorted(huffman.ZIGZAG) == list(range(64))
    assert list(huffman.ZIGZAG[:10]) == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    steps = np.abs(np.diff(np.divmod(huffman.ZIGZAG, 8), axis=1)).max(0)
    assert (steps == 1).all()


def test_integer_transform_is_the_cosine_transform() -> None:
    cosines = codec.dct_filters().reshape(8, 8, 8, 8)[:, 0, :, 0] * np.sqrt(8)
    ideal = 8192 * np.sqrt(8) * cosines
    assert np.abs(codec.DCT_INTEGER - ideal).max() < 1.5


def test_filters_are_orthonormal() -> None:
    flat = codec.dct_filters().reshape(64, 64)
    np.testing.assert_allclose(flat @ flat.T, np.eye(64), atol=1e-14)


def test_ideal_arithmetic_is_a_convolution_and_its_transpose() -> None:
    x = batch(images(32, 48, 1))
    jpeg = JPEGAutoencoder(80, arithmetic="ideal")
    codes = jpeg.encode(x)
    step = jpeg.tables[0][:, None, None]
    scaled = functional.conv2d(x.double() - 128, jpeg.filters.double(), stride=8) / step
    clear = (scaled - scaled.round()).abs() < 0.5 - 1e-4
    assert torch.equal(codes.planes[0][clear].double(), scaled.round()[clear])
    coefficients = codes.planes[0].double() * step
    back = functional.conv_transpose2d(coefficients, jpeg.filters.double(), stride=8) + 128
    assert (jpeg.decode(codes) - back.clamp(0, 255)).abs().max() <= 0.5 + 1e-3


def test_integer_arithmetic_is_one_step_from_ideal_at_most() -> None:
    x = batch(images(64, 64, 1))
    for quality in (10, 75, 100):
        codes = [
            JPEGAutoencoder(quality, arithmetic=kind).encode(x).planes[0]  # type: ignore[arg-type]
            for kind in ("islow", "ideal")
        ]
        difference = (codes[0] - codes[1]).abs()
        assert difference.max() <= 1
        assert (difference > 0).float().mean() < 0.05


@pytest.mark.parametrize(("mode", "subsampling"), MODES)
@pytest.mark.parametrize("arithmetic", ["islow", "ideal"])
def test_differentiable_mode_has_the_same_values(
    mode: Any, subsampling: Any, arithmetic: Any
) -> None:
    x = batch(images(21, 30, len(mode)))
    jpeg = JPEGAutoencoder(30, mode, subsampling, arithmetic)
    smooth = x.float().requires_grad_()
    assert torch.equal(jpeg(smooth), jpeg(x).float())
    nearby = (x.float() + 0.3).clamp(0, 255)
    assert torch.equal(jpeg(nearby), jpeg(x).float())
    for mine, whole in zip(jpeg.encode(smooth).planes, jpeg.encode(x).planes, strict=True):
        assert torch.equal(mine, whole.float())


def test_gray_gradient_is_the_identity_where_nothing_clips() -> None:
    """Straight through, the synthesis undoes the analysis: JPEG looks like no layer at all."""
    x = (torch.rand(2, 1, 24, 40) * 60 + 100).requires_grad_()
    weight = torch.randn(2, 1, 24, 40)
    (JPEGAutoencoder(50)(x) * weight).sum().backward()
    torch.testing.assert_close(x.grad, weight, atol=1e-4, rtol=1e-4)


def test_gradient_of_the_codes_is_the_filters() -> None:
    x = (torch.rand(1, 1, 16, 16) * 60 + 100).requires_grad_()
    jpeg = JPEGAutoencoder(50)
    jpeg.encode(x).planes[0][0, 19, 1, 0].backward()
    expected = torch.zeros(16, 16)
    expected[8:, :8] = jpeg.filters[19, 0] / jpeg.tables[0, 19]
    assert x.grad is not None
    torch.testing.assert_close(x.grad[0, 0], expected, atol=1e-6, rtol=1e-5)


def test_colour_gradient_is_that_of_the_smooth_network() -> None:
    """4:2:0: the linear network that remains when every rounding is left out."""
    x = (torch.rand(1, 3, 20, 18, dtype=torch.float64) * 40 + 100).float().requires_grad_()
    weight = torch.randn(1, 3, 20, 18)
    (JPEGAutoencoder(60, "RGB")(x) * weight).sum().backward()
    y = x.detach().clone().requires_grad_()
    forth = torch.tensor(codec._TO_YCC) / 2**16
    back = torch.tensor(codec._FROM_CHROMA) / 2**16
    ycc = torch.einsum("ij,njhw->nihw", forth, y)
    wide = functional.pad(ycc[:, 1:], (0, 14, 0, 0), mode="replicate")
    small = functional.avg_pool2d(wide, 2)[..., :9]
    large = functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    rgb = ycc[:, :1] + torch.einsum("ij,njhw->nihw", back, large)
    (rgb * weight).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("mode", "subsampling"), MODES)
@pytest.mark.parametrize("arithmetic", ["islow", "ideal"])
@pytest.mark.parametrize("size", [(32, 48), (17, 35), (6, 5), (3, 2), (1, 7), (1, 1)])
def test_gradient_is_that_of_coding_then_decoding(
    mode: Any, subsampling: Any, arithmetic: Any, size: tuple[int, int]
) -> None:
    """The gradient written out is the one that autograd finds layer by layer, clips included."""
    levels = batch(images(*size, len(mode))).float()
    levels = torch.cat([levels, levels + 0.3, 128 + 150 * torch.randn_like(levels)])
    weight = torch.randn_like(levels)
    for quality in (5, 60, 95):
        jpeg = JPEGAutoencoder(quality, mode, subsampling, arithmetic)
        whole, layered = levels.clone().requires_grad_(), levels.clone().requires_grad_()
        jpeg(whole).backward(weight)
        jpeg.decode(jpeg.encode(layered)).backward(weight)
        assert whole.grad is not None
        assert whole.grad.any()
        torch.testing.assert_close(whole.grad, layered.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("mode", "subsampling"), MODES)
def test_gradient_takes_any_layout_in_parts(
    mode: Any, subsampling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = 300 * torch.rand(5, len(mode), 19, 21) - 20
    weight = torch.randn_like(x)
    jpeg = JPEGAutoencoder(70, mode, subsampling)
    gradients = []
    for pixels, layout in ((2**18, torch.contiguous_format), (2**10, torch.channels_last)):
        monkeypatch.setattr(codec, "_CACHED_PIXELS", pixels)
        leaf = x.double().contiguous(memory_format=layout).requires_grad_()
        jpeg(leaf).backward(weight.contiguous(memory_format=layout))
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("mode", "subsampling"), MODES)
def test_gradient_has_a_gradient(mode: Any, subsampling: Any) -> None:
    """The gradient is linear in what comes from above; its own gradient is the network's slope."""
    x = (40 * torch.rand(1, len(mode), 10, 12) + 100).requires_grad_()
    above, other = torch.randn_like(x).requires_grad_(), torch.randn_like(x)
    out = JPEGAutoencoder(60, mode, subsampling)(x)
    (first,) = torch.autograd.grad(out, x, above, create_graph=True)
    (plain,) = torch.autograd.grad(out, x, above.detach(), retain_graph=True)
    torch.testing.assert_close(first, plain, atol=1e-5, rtol=1e-5)
    (slope,) = torch.autograd.grad(first, above, other)
    torch.testing.assert_close((slope * above).sum(), (first * other).sum(), atol=1e-3, rtol=1e-4)


def test_a_gradient_may_follow_a_run_in_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made once is made for both."""
    for name in ("_constant", "_row"):
        monkeypatch.setattr(codec, name, once(getattr(codec, name).__wrapped__))
    jpeg, x = JPEGAutoencoder(60, "RGB"), 255 * torch.rand(1, 3, 20, 20)
    with torch.inference_mode():
        jpeg.decode(jpeg.encode(x))
    leaf = x.clone().requires_grad_()
    jpeg.decode(jpeg.encode(leaf)).sum().backward()
    assert leaf.grad is not None and leaf.grad.any()


def test_clipped_levels_have_no_gradient() -> None:
    x = torch.full((1, 1, 8, 8), 300.0, requires_grad=True)
    JPEGAutoencoder(90)(x).sum().backward()
    assert x.grad is not None
    assert not x.grad.any()


def test_double_precision_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where float32 products are not IEEE the network multiplies in float64."""
    x = batch(images(24, 32, 3))
    jpeg = JPEGAutoencoder(35, "RGB")
    expected = jpeg(x)
    for module in (codec, transform):
        monkeypatch.setattr(module, "exact_dtype", lambda device: torch.float64)
    assert torch.equal(jpeg(x), expected)


def test_codes_may_come_in_any_layout() -> None:
    x = batch(images(24, 32, 1))
    jpeg = JPEGAutoencoder(35)
    codes = jpeg.encode(x)
    plain = codes._replace(planes=(codes.planes[0].contiguous(),))
    assert torch.equal(jpeg.decode(plain), jpeg.decode(codes))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quality": 0}, "1…100"),
        ({"quality": 101}, "1…100"),
        ({"quality": 7.5}, "1…100"),
        ({"mode": "CMYK"}, "CMYK"),
        ({"subsampling": "4:1:1"}, "4:1:1"),
        ({"arithmetic": "fast"}, "fast"),
    ],
)
def test_wrong_settings_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JPEGAutoencoder(**arguments)


def test_wrong_batches_are_named() -> None:
    jpeg = JPEGAutoencoder(50, "RGB")
    with pytest.raises(ValueError, match=r"\(2, 1, 8, 8\)"):
        jpeg(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match="int64"):
        jpeg(torch.zeros(2, 3, 8, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match="1 plane"):
        jpeg.decode(JPEGAutoencoder(50).encode(torch.zeros(1, 1, 8, 8)))
