"""JPEG against its rivals: oracles for every quantity that the chapter reports."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from analysis import jpeg_autoencoder
from analysis.coders import blocks as block_coders
from analysis.coders import rate
from analysis.coders.blocks import BlockAutoencoder, Components
from analysis.colour import colormaps
from analysis.evidence.statistics import Interval
from analysis.jpeg import code, codec, files, huffman
from analysis.jpeg import colour as jpeg_colour
from analysis.jpeg_autoencoder import Pictures, Settings
from analysis.uncolouring import coefficients, inversion

Bytes = NDArray[np.uint8]


def pictures_of(count: int, seed: int, height: int = 48, width: int = 40) -> Bytes:
    """Smooth random pictures with a few sharp lines, somewhat like spectrograms."""
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(0, 3, (count, height, width)), axis=2) + 110
    smooth[:, ::7] += 60
    return np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def shown() -> Pictures:
    programs = np.array(["a", "a", "b", "c"])
    return Pictures(pictures_of(12, 1), pictures_of(4, 2), programs, low=-100.0, high=2.0)


@pytest.fixture(scope="module")
def tiny() -> Settings:
    return Settings(
        per_program=1,
        train_per_class=1,
        seeds=2,
        steps=40,
        checked=1,
        widths=(4, 16),
        steps_in_levels=(20,),
        colormaps=("viridis", "jet"),
        qualities=(1, 10, 30, 60, 80, 95, 100),
        colour_qualities=(25, 75),
    )


def test_pictures_hold_out_whole_programs() -> None:
    found = jpeg_autoencoder.pictures(per_program=1, train_per_class=1, seed=3)
    assert found.train.shape[1:] == found.test.shape[1:] == (256, 251)
    assert len(np.unique(found.programs)) == len(found.test)
    assert found.train.min() == 0
    assert found.train.max() == 255
    assert found.db_per_level == pytest.approx((found.high - found.low) / 255)
    again = jpeg_autoencoder.pictures(per_program=1, train_per_class=1, seed=3)
    assert (again.test == found.test).all()


def test_network_writes_the_files_of_pillow_on_real_spectrograms() -> None:
    gray = jpeg_autoencoder.pictures(per_program=1, train_per_class=1, seed=0).test[:3]
    colours = np.asarray(colormaps.apply(gray, colormaps.lut8("jet")), np.uint8)
    qualities = (1, 2, 10, 37, 50, 75, 90, 99, 100)
    for images, mode, subsampling in (
        (gray, "L", "4:2:0"),
        (colours, "RGB", "4:4:4"),
        (colours, "RGB", "4:2:0"),
    ):
        count = jpeg_autoencoder.check_against_pillow(images, qualities, mode, subsampling)  # type: ignore[arg-type]
        assert count["files"] == len(images) * len(qualities)
        assert count["pixels"] == images.size * len(qualities)
        assert count["files_differing"] == count["pixels_differing"] == 0


def test_check_notices_a_different_subsampling(shown: Pictures) -> None:
    colours = np.asarray(colormaps.apply(shown.test, colormaps.lut8("jet")), np.uint8)
    honest = codec.JPEGAutoencoder

    def swapped(quality: int, mode: str, subsampling: str) -> torch.nn.Module:
        return honest(quality, mode, "4:4:4")  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpeg_autoencoder, "JPEGAutoencoder", swapped)
        count = jpeg_autoencoder.check_against_pillow(colours, [75], "RGB", "4:2:0")
    assert count["files_differing"] == len(colours)
    assert count["pixels_differing"] > 0


def test_integers_and_ideal_disagree_rarely_and_by_one(shown: Pictures) -> None:
    table = jpeg_autoencoder.against_ideal(shown.test, (10, 100))
    assert (table[["largest_code", "largest_level"]] <= 1).all(axis=None)
    assert 0 < table.levels.max() < 0.1


def test_sparsity_counts_codes_and_errors(shown: Pictures) -> None:
    found = code.sparsity(shown.test, (10, 90))
    assert found.by_frequency.shape == (2, 8, 8)
    np.testing.assert_allclose(found.by_frequency.mean((1, 2)), found.table.nonzero)
    assert found.table.nonzero.is_monotonic_increasing
    buffer = io.BytesIO()
    Image.fromarray(shown.test[0]).save(buffer, "JPEG", quality=10)
    assert (np.asarray(Image.open(buffer)) == found.decoded[0, 0]).all()


def test_staircase_has_the_steps_of_the_table() -> None:
    steps = code.staircase((50,), frequency=(0, 3))
    size = codec.JPEGAutoencoder(50).tables[0, 3].item()
    nearest = np.rint(steps.output / size) * size
    assert np.abs(steps.output - nearest).max() < 3.3  # 64 levels, each half off at most
    assert (steps.input - steps.output).abs().max() < size / 2 + 3.3


def test_superposition_holds_before_the_bottleneck_and_fails_after(shown: Pictures) -> None:
    table = code.superposition(shown.test, (10, 90))
    assert table.analysis.max() < 1e-10
    assert table.codes.min() > 0.1
    mean = table.groupby("quality").picture.mean()
    assert mean[10] > mean[90]


def test_blocks_and_back(shown: Pictures) -> None:
    images = shown.test[:, :43, :37]
    cut = block_coders.blocks(images)
    assert cut.shape == (4, 6, 5, 64)
    assert (block_coders.unblock(cut, 43, 37) == images).all()
    assert (cut[1, 2, 3].reshape(8, 8) == images[1, 16:24, 24:32].astype(float) - 128).all()


def test_cosine_components_are_the_convolution(shown: Pictures) -> None:
    jpeg = codec.JPEGAutoencoder(100)
    x = torch.from_numpy(shown.test)[:, None].float() - 128
    expected = torch.nn.functional.conv2d(x, jpeg.filters, stride=8).permute(0, 2, 3, 1)
    codes = Components.cosine().encode(block_coders.blocks(shown.test))
    zigzag = huffman.ZIGZAG
    np.testing.assert_allclose(codes, expected.numpy()[..., zigzag], atol=1e-3)


def test_principal_components_are_sklearns(shown: Pictures) -> None:
    from sklearn.decomposition import PCA

    cut = block_coders.blocks(shown.train)
    mine = Components.principal(cut)
    flat = cut.reshape(-1, 64).astype(np.float64)
    oracle = PCA(8).fit(flat)
    expected = oracle.inverse_transform(oracle.transform(flat))
    np.testing.assert_allclose(mine.decode(mine.encode(flat)[:, :8]), expected, atol=1e-3)  # type: ignore[arg-type]
    np.testing.assert_allclose(mine.spread[:8], np.sqrt(oracle.explained_variance_), rtol=1e-5)


def test_trained_net_starts_as_principal_components(shown: Pictures) -> None:
    cut = block_coders.blocks(shown.train)
    start = Components.principal(cut)
    net = BlockAutoencoder(start, width=6)
    with torch.no_grad():
        out = net(torch.from_numpy(cut))[0].numpy()
    np.testing.assert_allclose(out, start.decode(start.encode(cut)[..., :6]), atol=1e-3)


def test_training_helps_and_repeats(shown: Pictures) -> None:
    cut = block_coders.blocks(shown.train)
    start = Components.principal(cut)
    linear = start.decode(start.encode(cut)[..., :4])
    nets = [block_coders.train(cut, start, seed=7, steps=100, width=4) for _ in range(2)]
    outs = [block_coders.apply_net(net, cut)[1] for net in nets]
    assert (outs[0] == outs[1]).all()
    assert np.square(outs[0] - cut).mean() < np.square(linear - cut).mean()


def test_bits_are_those_of_the_logistic_distribution(shown: Pictures) -> None:
    from scipy import stats

    start = Components.principal(block_coders.blocks(shown.train))
    net = BlockAutoencoder(start, width=3, step=10.0)
    code = torch.tensor([[0.0, -2.0, 5.0]])
    scale = net.log_scale.detach().exp().numpy()
    law = stats.logistic(scale=scale)
    values = code.numpy()[0]
    expected = -np.log2(law.cdf(values + 0.5) - law.cdf(values - 0.5)).sum()
    assert net.bits(code).item() == pytest.approx(expected, rel=1e-4)


def test_entropy_bytes_are_the_entropy() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    codes = rng.poisson(2.0, (3, 5, 1, 2))
    total = sum(
        stats.entropy(np.bincount(codes[..., k].ravel()), base=2) * codes[..., k].size
        for k in range(2)
    )
    assert files.entropy_bytes(codes).sum() == pytest.approx(total / 8)
    ramp = np.arange(8).reshape(1, 1, 8, 1)  # differences: one 0 and seven 1
    share = 7 / 8
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    assert files.entropy_bytes(ramp)[0] == pytest.approx(entropy)


def test_number_curves_are_ordered_as_theory_says(shown: Pictures, tiny: Settings) -> None:
    same = Pictures(shown.test, shown.test, shown.programs, shown.low, shown.high)
    curves = jpeg_autoencoder.number_curves(same, tiny, seed=0)
    table = curves.pivot_table(index="numbers", columns="coder", values="error")
    slack = 0.3  # clipping and rounding to levels
    assert (table["principal components"] <= table["low frequencies"] + slack).all()
    assert (table["largest"] <= table["low frequencies"] + slack).all()
    ratios = jpeg_autoencoder.compare_numbers(curves, seed=0)
    assert list(ratios.numbers) == [4, 16]
    assert (ratios.ratio < 1.05).all()


def test_byte_curves(shown: Pictures, tiny: Settings) -> None:
    curves = jpeg_autoencoder.byte_curves(shown, tiny, seed=0)
    jpeg = curves[(curves.coder == "JPEG file") & (curves.setting == 30)]
    buffer = io.BytesIO()
    Image.fromarray(shown.test[0]).save(buffer, "JPEG", quality=30)
    assert jpeg["bytes"].iloc[0] == buffer.tell()
    gap = np.asarray(Image.open(buffer)).astype(float) - shown.test[0]
    assert jpeg.error.iloc[0] == pytest.approx(np.sqrt((gap**2).mean()))
    codes = curves[(curves.coder == "JPEG codes") & (curves.setting == 30)]
    assert (codes["bytes"].to_numpy() < jpeg["bytes"].to_numpy()).all()
    assert set(curves[curves.coder == "trained"].seed) == {0, 1}


def test_comparison_at_equal_bytes_recovers_a_known_factor() -> None:
    rows = [
        (coder, step, clip, size, factor * 40 / size)
        for coder, factor in (("mine", 3.0), ("other", 1.0))
        for clip in range(4)
        for step, size in enumerate(10.0 + clip + 5 * np.arange(6))
    ]
    curves = pd.DataFrame(rows, columns=["coder", "setting", "clip", "bytes", "error"])
    programs = np.array(["a", "b", "c", "c"])
    ratio = rate.compare_at_equal(curves, "mine", "other", programs, seed=0)
    assert (ratio.estimate, ratio.low, ratio.high) == pytest.approx((3, 3, 3))
    price = rate.compare_at_equal(curves, "mine", "other", programs, 0, [5], "error", "bytes")
    assert price.estimate == pytest.approx(3)
    back = jpeg_autoencoder.inverse(ratio)
    assert back.estimate == pytest.approx(1 / 3)
    far = curves.assign(bytes=curves["bytes"] * np.where(curves.coder == "mine", 1000, 1))
    with pytest.raises(ValueError, match="overlap"):
        rate.compare_at_equal(far, "mine", "other", programs, 0)


def test_a_colour_jpeg_read_back(shown: Pictures) -> None:
    saved = jpeg_colour.save_as_colour(shown.test, "viridis", 90, "4:4:4")
    buffer = io.BytesIO()
    picture = colormaps.apply(shown.test[0], colormaps.lut8("viridis")).astype(np.uint8)
    Image.fromarray(picture).save(buffer, "JPEG", quality=90, subsampling="4:4:4")
    assert saved.nbytes[0] == buffer.tell()
    assert (saved.colours[0] == np.asarray(Image.open(buffer))).all()
    assert np.abs(saved.levels.astype(int) - shown.test).mean() < 8


def test_luma_reads_clean_pictures_of_a_map_that_grows_lighter() -> None:
    levels = np.arange(256, dtype=np.uint8)
    for name in ("viridis", "magma", "gray"):
        table = colormaps.lut8(name)
        back = jpeg_colour.luma_levels(table, table)
        assert np.abs(back.astype(int) - levels).max() <= 2
    table = colormaps.lut8("jet")
    assert np.abs(jpeg_colour.luma_levels(table, table).astype(int) - levels).max() > 50


def test_colour_curves_lie_above_gray(shown: Pictures, tiny: Settings) -> None:
    curves = jpeg_autoencoder.colour_curves(shown, tiny)
    assert set(curves.coder) == {"gray"} | {
        f"{name} {sub}" for name in ("viridis", "jet") for sub in ("4:4:4", "4:2:0")
    }
    assert (curves[curves.coder == "gray"].off_curve == 0).all()
    assert (curves[curves.coder != "gray"].off_curve > 1).all()
    ratio = rate.compare_at_equal(curves, "viridis 4:2:0", "gray", shown.programs, 0, [25])
    assert ratio.estimate > 1


def test_off_the_curve_samples_the_picture(shown: Pictures) -> None:
    dots = jpeg_colour.off_the_curve(shown.test[0], "jet", 75, "4:2:0", 100, seed=0)
    assert len(dots) == 100
    assert dots[["red", "green", "blue"]].to_numpy().max() <= 1
    again = jpeg_colour.off_the_curve(shown.test[0], "jet", 75, "4:2:0", 100, seed=0)
    pd.testing.assert_frame_equal(dots, again)


def test_chroma_is_pillows() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (1, 50, 3)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(rgb).convert("YCbCr"))[0, :, 1:].astype(float) - 128
    mine = np.stack(jpeg_colour.chroma(rgb[0]), 1)
    assert np.abs(mine - expected).max() <= 1.01


def test_changed_pixels(shown: Pictures) -> None:
    table = jpeg_autoencoder.changed_pixels(shown.test, (10, 100))
    assert (table.changed > 0).all()
    assert table.largest[0] > table.largest[1]


def test_file_bytes_are_those_of_pillow(shown: Pictures) -> None:
    plain = files.file_bytes(shown.test, "JPEG", quality=75)
    tuned = files.file_bytes(shown.test, "JPEG", quality=75, optimize=True)
    assert (tuned < plain).all()


def _ratio(high: float) -> Interval:
    return Interval(high - 0.05, high - 0.1, high)


def test_verdicts_can_come_out_every_way() -> None:
    gray = jpeg_autoencoder.verdict_gray
    assert gray([_ratio(1.2)], [_ratio(1.1)]) == "holds"
    assert gray([_ratio(1.5)], [_ratio(1.1)]) == "holds with limits"
    assert gray([_ratio(1.5)], [_ratio(1.1), _ratio(1.4)]) == "fails"
    colour = jpeg_autoencoder.verdict_colour
    assert colour([_ratio(1.1), _ratio(1.2)]) == "holds"
    assert colour([_ratio(1.1), _ratio(2.0)]) == "holds with limits"
    assert colour([_ratio(2.0), _ratio(2.0)]) == "fails"
    saved = jpeg_autoencoder.verdict_saved
    assert saved([0.1, 0.9], 2.0) == "holds"
    assert saved([0.0, 0.9], 2.0) == "holds with limits"
    assert saved([0.0], 0.5) == "fails"


def test_levels_are_read_back_with_smaller_errors_and_told_so() -> None:
    x = np.arange(48)
    images = (120 + 60 * np.sin(x / 9)[:, None] + 50 * np.cos(x / 7))[None].astype(np.uint8)
    table = jpeg_autoencoder.read_back(images, ["viridis", "jet"])
    assert list(table.way.unique()) == list(jpeg_autoencoder.WAYS)
    errors = table.pivot(index="map", columns="way", values="mean")
    assert errors.loc["jet", jpeg_autoencoder.WAYS[2]] < errors.loc["jet", "nearest luma"]
    assert table.certified.dropna().between(0, 1).all()
    own = table[table.way == jpeg_autoencoder.WAYS[2]]
    assert (own.least <= own["mean"] / 2 + 1e-9).all()


def test_two_pictures_of_one_file_bound_what_any_reader_can_know() -> None:
    rng = np.random.default_rng(0)
    slope = np.linspace(20, 230, 32)[:, None] + rng.normal(0, 8, (32, 32))
    images = slope.clip(0, 255).astype(np.uint8)[None]
    table = colormaps.lut8("viridis")
    content = files.encode(table[images[0]], "JPEG", quality=75)
    found = inversion.invert(coefficients.read(content), table)
    (own,) = jpeg_autoencoder.read_back(images, ["viridis"]).iloc[[2]].to_dict("records")
    twin = np.where(found.certified, found.levels, images[0])
    again = coefficients.read(files.encode(table[twin], "JPEG", quality=75))
    assert found.certified.any() and (twin != images[0]).any()
    for a, b in zip(again.planes, coefficients.read(content).planes, strict=True):
        np.testing.assert_array_equal(a, b)  # one file
    for guess in (images[0], twin, rng.integers(0, 256, (32, 32))):  # whatever is read
        both = [np.abs(guess.astype(int) - one).mean() for one in (images[0], twin)]
        assert np.mean(both) >= own["least"] - 1e-9
    rows = [("jet", way, mean, least) for way, mean, least in zip(
        jpeg_autoencoder.WAYS, (4.0, 3.0, 1.0), (np.nan, np.nan, 0.7), strict=True)]  # fmt: skip
    made = pd.DataFrame(rows, columns=["map", "way", "mean", "least"])
    assert jpeg_autoencoder.out_of_reach(made) == ["jet"]
    assert jpeg_autoencoder.out_of_reach(made, 4) == []


def test_the_words_on_reading_back_follow_the_errors() -> None:
    def told(mine: list[float]) -> str:
        rows = [(m, way, e) for m, own in zip(("jet", "turbo"), mine, strict=True)
                for way, e in zip(jpeg_autoencoder.WAYS, (2.0, 3.0, own), strict=True)]  # fmt: skip
        return jpeg_autoencoder.read_back_words(pd.DataFrame(rows, columns=["map", "way", "mean"]))

    assert told([1, 1]) == "smaller than by either of the other ways on every map"
    assert told([1, 2.5]) == "smaller than by both other ways on jet only"
    assert told([1.99, 1]) == "smaller than by both other ways on turbo only"
    assert told([2.5, 4]) == "smaller than by both other ways on no map"
