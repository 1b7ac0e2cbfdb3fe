"""Compression: encoders against brute force, files against Pillow, bounds against an SVD."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.signal import lfilter
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from analysis import compression as c
from analysis.coders import denoising, linear_coders, rate, shrinking, spectrogram_coders, time_axis
from analysis.evidence.statistics import Interval
from analysis.jpeg import files
from analysis.pictures import inversion
from analysis.pictures import pictures as clip_pictures
from analysis.sound import aliasing, datasets, spectrograms

INTERVALS = {"above": Interval(2, 1, 3), "below": Interval(-2, -3, -1), "both": Interval(0, -1, 1)}


@pytest.fixture(scope="module")
def waves():
    """Twelve clips of coloured noise that comes and goes, and of tones."""
    rng = np.random.default_rng(1)
    noise = lfilter([1], [1, -0.9], rng.normal(size=(12, 16_000)), axis=1) * 0.05
    t = np.arange(16_000) / 16_000
    tones = np.sin(2 * np.pi * rng.uniform(200, 3000, (12, 1)) * t)
    envelope = np.exp(-((t - rng.uniform(0.2, 0.8, (12, 1))) ** 2) / 0.02)
    return (0.3 * tones * envelope + noise * envelope**2 + 1e-4 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def db(waves):
    return clip_pictures.pictures(waves)


@pytest.fixture(scope="module")
def bench(db):
    return rate.Bench.fit(db[:8], (8,), 2, seed=0)


def test_pictures_are_the_log_power_of_the_padded_clips(waves, db):
    padded = np.pad(waves[:2], ((0, 0), (0, 256)))
    expected = spectrograms.log_power(
        padded, clip_pictures.WINDOW, clip_pictures.HOP, clip_pictures.LOW_DB
    )[:, : clip_pictures.ROWS]
    assert db.shape == (12, clip_pictures.ROWS, clip_pictures.COLUMNS)
    np.testing.assert_array_equal(db[:2], np.minimum(expected, 0))
    with pytest.raises(ValueError, match="at most"):
        clip_pictures.pictures(np.zeros((1, 20_000)))


@given(length=st.integers(8, 80), factor=st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_decimation_keeps_constants_and_the_frames_of_the_hop(length, factor):
    hop, smooth = (
        linear_coders.hop_matrix(length, factor),
        linear_coders.decimation_matrix(length, factor),
    )
    assert hop.shape == smooth.shape == (-(-length // factor), length)
    np.testing.assert_allclose(smooth.sum(axis=1), 1)
    np.testing.assert_array_equal(hop @ np.arange(length), np.arange(length)[::factor])


def test_decimation_removes_what_would_fold():
    course = np.cos(2 * np.pi * 0.4 * np.arange(128))  # above the Nyquist frequency of factor 4
    assert np.abs(linear_coders.hop_matrix(128, 4) @ course).max() > 0.9
    assert np.abs(linear_coders.decimation_matrix(128, 4) @ course)[6:-6].max() < 0.01


def test_area_matrix_is_the_area_resize(db):
    rows, columns = (
        linear_coders.area_matrix(clip_pictures.ROWS, 8),
        linear_coders.area_matrix(clip_pictures.COLUMNS, 4),
    )
    np.testing.assert_allclose(
        rows @ db[0] @ columns.T, spectrograms.resize(db[:1], (32, 32))[0], atol=1e-3
    )


def test_the_decoder_is_the_least_squares_one(db):
    train = db[:8]
    statistics = linear_coders.Moments.of(train)
    down = linear_coders.decimation_matrix(clip_pictures.COLUMNS, 8)
    coder = linear_coders.Separable.fit(np.eye(clip_pictures.ROWS), down, statistics)
    assert coder.numbers == clip_pictures.ROWS * 16
    centred = (train - statistics.mean).astype(np.float64)
    rows = centred.reshape(-1, clip_pictures.COLUMNS)
    best = np.linalg.lstsq(rows @ down.T, rows, rcond=None)[0]
    ours = np.square(rows - rows @ down.T @ coder.up_columns.T).mean()
    assert ours == pytest.approx(np.square(rows - rows @ down.T @ best).mean(), rel=1e-4)


def test_keeping_every_frame_loses_nothing(db):
    coder = linear_coders.Separable.fit(
        np.eye(clip_pictures.ROWS), np.eye(clip_pictures.COLUMNS), linear_coders.Moments.of(db)
    )
    np.testing.assert_allclose(coder.decode(coder.encode(db)), db, atol=1e-3)


def test_blocks_are_taken_apart_and_put_together(db):
    blocks = spectrogram_coders._blocks(db)
    np.testing.assert_array_equal(blocks[1].reshape(16, 16), db[0, :16, 16:32])
    np.testing.assert_array_equal(spectrogram_coders._unblocks(blocks, db.shape), db)


def test_pca_attains_the_bound_of_eckart_and_young(db):
    pca = spectrogram_coders.BlockPCA.fit(db)
    blocks = spectrogram_coders._blocks(db - pca.mean.astype(np.float32)).astype(np.float64)
    tail = np.square(np.linalg.svd(blocks, compute_uv=False)[10:]).sum()
    kept = pca.encode(db, 10).astype(np.float64) @ pca.basis[:10]
    assert np.square(blocks - kept).sum() == pytest.approx(tail, rel=1e-3)
    np.testing.assert_allclose(pca.decode(pca.encode(db), db.shape), db, atol=1e-2)


def test_the_autoencoder_starts_as_pca_and_only_gains(db, bench):
    net = spectrogram_coders.Autoencoder(bench.pca, 8, seed=3)
    net.scale = 1.0
    np.testing.assert_allclose(net.encode(db), bench.pca.encode(db, 8), rtol=1e-4, atol=0.01)
    _, before = bench.through_numbers("pca", 8, db[:8])
    numbers, after = bench.through_numbers("autoencoder", 8, db[:8])
    assert numbers == 128 * 8
    assert np.square(after - db[:8]).mean() <= 1.001 * np.square(before - db[:8]).mean()


def test_training_the_autoencoder_repeats_itself(db, bench):
    one, two = (
        spectrogram_coders.Autoencoder(bench.pca, 4, seed=5).fit(db[:4], 1) for _ in range(2)
    )
    np.testing.assert_array_equal(one.encode(db[:1]), two.encode(db[:1]))


def test_files_are_those_of_pillow(db):
    levels = clip_pictures.posterise(db[:1])[0]
    opened, nbytes = files.round_trip(levels, "JPEG", quality=30)
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=30)
    assert nbytes == len(stream.getvalue())
    np.testing.assert_array_equal(opened, np.asarray(Image.open(stream)))
    assert 300 < files.jpeg_header_bytes((256, 128)) < nbytes


def test_code_bytes_count_each_picture_alone():
    rng = np.random.default_rng(0)
    codes = np.zeros((3 * 128, 20), int)
    codes[128:256] = rng.integers(-2, 3, (128, 20))
    codes[256:] = rng.integers(-3000, 3000, (128, 20))
    sizes = files.code_bytes(codes, 3)
    assert sizes[0] < 50 < sizes[1] < sizes[2]
    assert 128 * 20 * 1.5 < sizes[2] < 128 * 20 * 2.1  # some 12.5 bits each


def test_every_file_method_gives_pictures_and_bytes(db, bench):
    few = db[8:10]
    for method, setting in bench.file_settings():
        nbytes, decoded = bench.through_file(method, setting, few)
        assert nbytes.shape == (2,)
        assert (nbytes > 20).all(), method
        assert decoded.shape == few.shape
        assert decoded.dtype == np.float32
        assert (
            clip_pictures.LOW_DB <= decoded.min() <= decoded.max() <= clip_pictures.HIGH_DB + 1e-4
        )
        _, same = bench.through_file(method, setting, few, count=False)
        np.testing.assert_array_equal(same, decoded)


def test_number_methods_err_less_with_more_numbers(db, bench):
    table = rate.equal_numbers(bench, db[:8])
    assert set(table.method) == {"hop", "decimation", "area", "pca", "autoencoder"}
    means = table.groupby(["method", "numbers"]).error_db.mean()
    for method in ("decimation", "pca", "hop"):
        assert means[method].is_monotonic_decreasing


def test_eight_bits_err_by_half_a_step(db, bench):
    nbytes, decoded = bench.through_file("png", 8, db[:2])
    assert np.abs(decoded - db[:2]).max() <= 100 / 255 / 2 + 1e-4
    assert (nbytes < clip_pictures.ROWS * clip_pictures.COLUMNS).all()


def test_distances(waves, db):
    assert clip_pictures.log_error(db, db + 2) == pytest.approx(np.full(12, 2.0), abs=1e-5)
    clean = inversion.resynthesis_snr(waves[:2], db[:2])
    worse = inversion.resynthesis_snr(waves[:2], db[:2] + 1)
    assert (clean > 35).all()
    # A gain of 1 dB in all bins: the waveform is off by 12.2 %, which is 18.3 dB.
    assert worse == pytest.approx(-20 * np.log10(10 ** (1 / 20) - 1), abs=0.3)


def test_griffin_lim_comes_nearer(db):
    rounds = [inversion.griffin_lim_snr(db[:1], db[:1], n, seed=0)[0] for n in (0, 5, 15)]
    assert rounds[0] < rounds[1] < rounds[2]


def made_up(method="jpeg"):
    rows = [(method, str(q), clip, q * 100, 10 / q, q) for q in (1, 2, 4) for clip in (0, 1)]
    return pd.DataFrame(rows, columns=["method", "setting", "clip", "bytes", "error_db", "snr_db"])


def test_budget_interpolates_in_log_bytes():
    table = made_up()
    assert rate.at_budget(table, "jpeg", "error_db", 200) == pytest.approx([5, 5])
    assert rate.at_budget(table, "jpeg", "error_db", 100 * np.sqrt(2)) == pytest.approx([7.5, 7.5])
    assert rate.at_budget(table, "jpeg", "snr_db", 9999) == pytest.approx([4, 4])
    assert np.isnan(rate.at_budget(table, "jpeg", "error_db", 50)).all()


def test_gain_has_the_sign_of_the_better_one():
    worse = made_up("png")
    worse.error_db += 1
    both = pd.concat([made_up(), worse])
    gain = rate.gain_at_budget(both, "jpeg", "png", 200, seed=0)
    assert gain is not None
    assert (gain.estimate, gain.low) == pytest.approx((1, 1))
    assert rate.gain_at_budget(both, "jpeg", "png", 200, 0, "snr_db").estimate == pytest.approx(0)
    assert rate.gain_at_budget(both, "jpeg", "png", 50, seed=0) is None
    assert rate.gain_at_factor(both, "jpeg", "png", 2, seed=0).estimate == pytest.approx(1)


def test_summary_orders_methods_and_bounds_means():
    both = pd.concat([made_up("webp"), made_up("hop")])
    frame = rate.summarise(both, ["error_db"], "bytes", seed=0)
    assert list(frame.method) == ["hop"] * 3 + ["webp"] * 3
    assert (frame.error_db_low <= frame.error_db).all()
    assert frame.bytes.iloc[:3].is_monotonic_increasing


def test_features_do_not_depend_on_a_later_start():
    rng = np.random.default_rng(0)
    picture = np.full((1, clip_pictures.ROWS, clip_pictures.COLUMNS), -60, np.float32)
    picture[0, :, 16:64] += 40 * rng.random((clip_pictures.ROWS, 48), dtype=np.float32)
    one, two = c.features_of(picture), c.features_of(np.roll(picture, 32, axis=2))
    assert one.shape == (1, 1024 + 528 + 1024)
    assert np.abs(one[:, :1024] - two[:, :1024]).max() > 5
    np.testing.assert_allclose(one[:, 1024:], two[:, 1024:], atol=0.05)


def test_the_classifier_is_the_logistic_regression_of_all_features():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    x = (rng.normal(size=(60, 200)) + 2 * labels[:, None]).astype(np.float32)
    test = (rng.normal(size=(40, 200)) + rng.integers(0, 3, (40, 1)) * 2).astype(np.float32)
    (ours,) = c.classify(x, labels, [test])
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1
    model = LogisticRegression(C=0.01, tol=1e-2, max_iter=1000).fit((x - mean) / spread, labels)
    assert (ours == model.predict((test - mean) / spread)).mean() > 0.95


def test_classification_compares_with_clean(bench, db):
    labels = np.arange(12) % 2
    split = c.Split(db + 20 * labels[:, None, None].astype(np.float32), labels, labels.astype(str))
    table = c.classification(bench, split, split, ("hop",), seeds=2, seed=0)
    assert set(table.method) == {"clean", "hop"}
    assert set(table.regime) == {"matched", "mismatched"}
    frame = c.accuracies(table, seed=0)
    assert (frame[frame.method == "clean"].change == 0).all()
    assert frame.accuracy.between(0, 100).all()


@pytest.mark.parametrize("scale", ["magnitude", "power", "decibels"])
def test_alias_shares_lie_in_order(scale):
    signal = np.random.default_rng(0).normal(size=4000)
    shares = aliasing.alias_fraction(signal, 128, [128, 64, 32, 16], scale)
    assert (np.diff(shares) < 0).all()
    assert 0 < shares[-1] < shares[0] < 1


def test_power_of_a_hann_window_is_limited_to_four_bins():
    signal = np.random.default_rng(0).normal(size=6000)
    assert aliasing.alias_fraction(signal, 256, [256 // 8], "power")[0] < 1e-4


def test_alias_share_is_the_energy_of_a_modulated_tone():
    t = np.arange(8000)
    tone = (1 + 0.5 * np.sin(2 * np.pi * 0.01 * t)) * np.sin(2 * np.pi * 0.25 * t)
    # The course oscillates at 0.01 cycles a sample: within the Nyquist of hop 40, beyond hop 60.
    within, beyond = aliasing.alias_fraction(tone, 64, [40, 60], "magnitude")
    assert within < 0.05
    assert beyond > 0.9


def test_alias_fraction_names_its_errors():
    with pytest.raises(ValueError, match="scale must be"):
        aliasing.alias_fraction(np.ones(500), 128, [64], "phase")
    with pytest.raises(ValueError, match="no modulation"):
        aliasing.alias_fraction(np.zeros(500), 128, [64])


def test_alias_table_has_every_condition():
    table = aliasing.alias_table({"click": aliasing.synthetic_sounds()["click"]}, scales=("power",))
    assert len(table) == len(aliasing.WINDOWS) * len(aliasing.HOPS)
    assert table.fraction.between(0, 1).all()


def test_a_fast_tremor_folds_and_a_low_pass_removes_it():
    table = aliasing.folding_demo()
    late = table[(table.time_s > 1.65) & (table.time_s < 1.75)]
    peak = late.loc[late.groupby("hop").level_db.idxmax()].set_index("hop")
    true = 10 + 230 * 1.7 / 2
    assert peak.rate_hz["hop 1"] == pytest.approx(true, abs=10)
    assert peak.rate_hz["hop 32 (75 %)"] == pytest.approx(true, abs=10)
    assert peak.rate_hz["hop 64 (50 %)"] == pytest.approx(250 - true, abs=10)
    assert peak.level_db["low-pass, then hop 64"] < peak.level_db["hop 64 (50 %)"] - 20


def test_noise_covariance_is_that_of_simulated_noise():
    window, hop, frames = 64, 16, 64
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(400, frames * hop)).astype(np.float32)
    db = 10 * np.log10(spectrograms.power(waves, window, hop)[:, 3:-3, 3:-3])
    db -= db.mean(axis=(0, 2), keepdims=True)
    assert db.std() == pytest.approx(linear_coders.NOISE_DB, rel=0.01)
    bound, values = linear_coders.linear_bound_noise((64, 64), window, hop, 100)
    neighbour = (db[:, :, 1:] * db[:, :, :-1]).mean()
    assert values.mean() == pytest.approx(linear_coders.NOISE_DB**2, rel=0.02)
    shape = np.hanning(window + 1)[:-1]
    rho = (shape[:-hop] * shape[hop:]).sum() / np.square(shape).sum()
    terms = np.arange(1, 200)
    series = (10 / np.log(10)) ** 2 * (rho ** (2 * terms) / terms**2).sum()
    assert neighbour == pytest.approx(series, rel=0.05)
    assert 0 < bound < linear_coders.NOISE_DB


def test_noise_bound_falls_to_zero_with_all_numbers():
    bounds = [
        linear_coders.linear_bound_noise((32, 40), 62, 20, n)[0] for n in (1, 100, 600, 32 * 40)
    ]
    assert (np.diff(bounds) < 0).all()
    assert bounds[-1] == 0


@given(seed=st.integers(0, 1000), rank=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_no_resize_beats_the_singular_values(seed, rank):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(12, 9))
    singular = np.linalg.svd(x, compute_uv=False)
    bound = linear_coders.separable_bound(x, rank)
    assert bound == pytest.approx(np.sqrt(np.square(singular[rank:]).sum() / x.size))
    down, up = rng.normal(size=(rank, 12)), rng.normal(size=(12, rank))
    across, back = rng.normal(size=(9, rank)), rng.normal(size=(rank, 9))
    made = up @ (down @ x @ across) @ back
    made *= (made * x).sum() / np.square(made).sum()
    assert np.sqrt(np.square(x - made).mean()) >= bound - 1e-9


def test_the_best_linear_map_is_the_truncated_decomposition():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(30, 5)) @ rng.normal(size=(5, 80)) + rng.normal(size=(30, 80))).astype(
        np.float32
    )
    test = rng.normal(size=(4, 80)).astype(np.float32)
    found = linear_coders.fit_linear_map(x, test, 6)
    mean = x.mean(axis=0)
    _, s, v = np.linalg.svd(x - mean, full_matrices=False)
    assert found.bound_db == pytest.approx(np.sqrt(np.square(s[6:]).sum() / x.size), rel=1e-4)
    rest = (test - mean) - (test - mean) @ v[:6].T @ v[:6]
    assert found.held_out_db == pytest.approx(np.sqrt(np.square(rest).mean(axis=1)), rel=1e-4)
    with pytest.raises(ValueError, match="empty"):
        linear_coders.fit_linear_map(x, test, 29)


def test_the_large_picture_and_its_way_through_32(waves):
    db = shrinking.large_picture(waves[0])
    assert db.shape == shrinking.LARGE
    levels = clip_pictures.posterise(db[None])[0]
    small = Image.fromarray(levels).resize((32, 32), Image.Resampling.BOX)
    expected = np.asarray(small.resize(shrinking.LARGE[::-1], Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(shrinking.resize_and_back(levels, "box"), expected)
    assert linear_coders.separable_bound(db, 32) < np.sqrt(
        np.square(db - clip_pictures.decibels(expected)).mean()
    )
    coarse = shrinking.coarse_pictures(waves[:1], 100)
    np.testing.assert_allclose(coarse.reshape(14, -1), db[::100, ::34], atol=1e-3)


def test_through_32_has_every_way(waves):
    table = shrinking.through_32({"one": waves[:1]})
    assert set(table.way) == {"rank 32", "8 bits", *shrinking.FILTERS}
    errors = table.set_index("way").error_db
    assert errors["rank 32"] < errors["box"] < 2 * table.deviation_db.iloc[0]


def test_area_under_the_curve_is_scikit_learns():
    rng = np.random.default_rng(0)
    quiet, loud = rng.normal(size=50).round(1), rng.normal(0.7, 1, 50).round(1)
    found = time_axis.auc(quiet, loud, seed=0)
    expected = roc_auc_score(np.repeat([0, 1], 50), np.concatenate([quiet, loud]))
    assert found.estimate == pytest.approx(expected)
    assert found.low < expected < found.high


def test_compressed_columns_are_what_their_names_say():
    rng = np.random.default_rng(0)
    power = rng.exponential(size=(3, 2, 1000)).astype(np.float32)
    levels = time_axis._compressed_levels(power)
    db = 10 * np.log10(power).mean(axis=1)
    blocks = db.reshape(3, 100, 10)
    np.testing.assert_allclose(levels["subsample", 10], blocks[:, :, 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(levels["maximum", 10], blocks.max(axis=2), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(levels["mean of dB", 10], blocks.mean(axis=2), atol=1e-4)
    mean = power.reshape(3, 2, 100, 10).mean(axis=3)
    np.testing.assert_allclose(
        levels["mean of power", 10], 10 * np.log10(mean).mean(axis=1), atol=1e-4
    )
    assert levels["subsample", 3].shape == (3, 334)


@pytest.fixture(scope="module")
def events():
    return time_axis.event_detection(60, (0.0, 15.0), seed=0)


def test_maximum_detects_as_well_at_any_factor(events):
    rows = events[(events.way == "maximum") & (events.snr_db == 15)]
    assert rows.auc.nunique() == 1
    assert rows.auc.iloc[0] > 0.95
    assert rows.when_ms.is_monotonic_increasing
    assert rows.when_ms.iloc[0] < 1


def test_subsampling_loses_the_event(events):
    rows = events[(events.way == "subsample") & (events.snr_db == 15)].set_index("factor")
    assert rows.auc[1000] == pytest.approx(0.5, abs=0.05)
    assert c.verdict_time_axis(events, 15, time_axis.WAYS) == "holds with limits"
    assert c.verdict_time_axis(events, 15, ["mean of dB"]) == "holds"
    assert c.verdict_time_axis(events, 15, ["maximum"]) == "fails"
    assert c.unsafe_from(events, "subsample", 15) in (3, 10)
    assert c.unsafe_from(events, "maximum", 15) is None


def test_needed_strength_interpolates():
    table = pd.DataFrame(
        {"way": "w", "factor": [1, 1, 3, 3], "snr_db": [0, 10, 0, 10], "auc": [0.8, 1, 0.5, 0.6]}
    )
    found = time_axis.needed_strength(table).set_index("factor").needed_db
    assert found[1] == pytest.approx(5)
    assert np.isnan(found[3])


def test_a_mosaic_of_jpegs_is_each_jpeg():
    _, clean, noisy = denoising._chirps(6, 10, np.random.default_rng(0))
    assert clean.shape == (6, 64, 32)
    for quality in (5, 50):
        alone = [files.round_trip(p.astype(np.uint8), "JPEG", quality=quality)[0] for p in noisy]
        np.testing.assert_array_equal(denoising._jpeg(noisy, quality), np.stack(alone))


def test_the_linear_denoiser_is_least_squares():
    _, clean, noisy = denoising._chirps(40, 5, np.random.default_rng(0))
    made = denoising._linear_denoiser(noisy, clean)(noisy)

    def blocks(x):
        return x.reshape(40, 8, 8, 4, 8).transpose(0, 1, 3, 2, 4).reshape(-1, 64)

    x = np.c_[blocks(noisy), np.ones(40 * 32)]
    best = x @ np.linalg.lstsq(x, blocks(clean), rcond=None)[0]
    np.testing.assert_allclose(blocks(made), np.clip(best, 0, 255), atol=0.3)
    assert np.square(made - clean).mean() < np.square(noisy - clean).mean() / 2


def test_kernel_ridge_is_scikit_learns():
    truth, clean, _ = denoising._chirps(40, 20, np.random.default_rng(0))
    ours = denoising._KernelRidge(clean[:30], truth[:30])
    flat = clean.reshape(40, -1).astype(float)
    mean = truth[:30].mean(axis=0)
    fits = [
        KernelRidge(alpha=a, kernel="rbf", gamma=1 / ours.width)
        .fit(flat[:30], truth[:30] - mean)
        .predict(flat[30:])
        + mean
        for a in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    ]
    assert min(np.abs(fit - ours(clean[30:])).max() for fit in fits) < 1e-3


def test_denoising_compares_with_doing_nothing():
    table = denoising.denoise(45, (10.0,), seeds=2, seed=0)
    assert set(table.method) == {"nothing", "linear", *(f"JPEG {q}" for q in denoising.QUALITIES)}
    found = denoising.changes(table, seed=0)
    linear = found[(found.method == "linear") & (found.measure == "picture_db")]
    assert (linear.change < -20).all()
    assert found.p.between(0, 1).all()


def test_verdict_rules():
    above, below, both = (INTERVALS[k] for k in ("above", "below", "both"))
    assert c.verdict_hop([above], [above], [above]) == "holds"
    assert c.verdict_hop([above], [below], [both]) == "holds with limits"
    assert c.verdict_hop([below], [below], [below]) == "fails"
    assert c.verdict_hop([both], [both], [both]) == "undecided"
    assert c.verdict_jpeg([above, both]) == "holds with limits"
    assert c.verdict_jpeg([below]) == "fails"
    assert c.verdict_measurable([Interval(0.95, 0.9, 0.99)]) == "holds"
    assert c.verdict_measurable([Interval(0.5, 0.2, 0.7)]) == "holds"
    assert c.verdict_measurable([Interval(0.5, 0.2, 0.7)], c.AGREEMENT) == "fails"
    assert c.verdict_any_linear(5.0, 0.5, [0.3], 0.1) == "holds"
    assert c.verdict_any_linear(5.0, 0.5, [0.05], 0.1) == "holds with limits"
    assert c.verdict_any_linear(0.0, 0.0, [0.0], 0.1) == "fails"


def test_verdict_on_time_can_come_out_otherwise(events):
    safe = events.assign(auc=1.0, auc_high=1.0)
    assert c.verdict_time_axis(safe, 15, time_axis.WAYS) == "fails"
    lost = safe.assign(auc_high=np.where(safe.factor == 1, 1, 0.6))
    assert c.verdict_time_axis(lost, 15, time_axis.WAYS) == "holds"


def test_profiles_name_methods_that_exist():
    for profile in c.SETTINGS.values():
        assert set(profile.classified) <= set(c.CLASSIFIED_SETTINGS) <= set(rate.METHODS)
        assert 64 in profile.bottlenecks


def test_real_notes_fold_more_at_half_overlap():
    notes = datasets.instruments(max_per_class=1).part("test")
    table = aliasing.alias_table({"notes": notes.waveforms[:2]}, scales=("magnitude",))
    means = table.groupby("overlap").fraction.mean()
    assert means["50 %"] > means["75 %"] > means["87.5 %"]
