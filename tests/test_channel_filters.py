"""Colour as a filter, held to scikit-learn, NumPy, brute force and Monte Carlo."""

from __future__ import annotations

from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import chebyshev
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, mutual_info_score, precision_recall_curve

from analysis import channel_filters as cf
from analysis.colour import colormaps
from analysis.evidence import statistics
from analysis.evidence.statistics import Interval
from analysis.sound import encodings

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def random_levels(seed: int, shape: tuple[int, ...] = (24, 17)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def random_counts(seed: int, most: int = 9) -> np.ndarray:
    counts = np.random.default_rng(seed).integers(0, most, (2, 256))
    counts[:, 7] += 1
    return counts


# --- the curves ---


@few
@given(seeds)
def test_falls_and_thresholds_agree_with_brute_force(seed: int) -> None:
    channel = encodings.random_curve(np.arange(256) / 255, seed)[:, 0]
    assert cf.falls(channel) == sum(channel[t + 1] < channel[t] for t in range(255))
    for height in (0.2, 0.5, 0.9):
        passing = set(np.flatnonzero(channel >= height).tolist())
        upper = passing == set(range(256 - len(passing), 256))
        assert cf.is_plain_threshold(channel, height) == upper
        assert cf.passband(channel, height) == (min(passing), max(passing))


def test_only_a_rising_channel_is_a_threshold_at_all_heights() -> None:
    assert cf.plain_threshold_share(colormaps.lut("viridis")[:, 1]) == 1
    assert cf.plain_threshold_share(colormaps.lut("turbo")[:, 0]) < 1
    with pytest.raises(ValueError, match="never reaches 2"):
        cf.passband(np.zeros(256), 2)


# --- peaks ---


@few
@given(seeds)
def test_average_precision_is_that_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, score = random_counts(seed), rng.integers(0, 40, 256).astype(float)
    levels = np.tile(np.arange(256), 2).repeat(counts.ravel())
    truth = np.repeat([0, 1], counts.sum(1))
    assert np.isclose(
        cf.average_precision(counts, score), average_precision_score(truth, score[levels])
    )
    precision, recall = cf.precision_recall(counts, score)
    expected = precision_recall_curve(truth, score[levels])
    np.testing.assert_allclose(precision, expected[0][-2::-1])
    np.testing.assert_allclose(recall, expected[1][-2::-1])


@few
@given(seeds)
def test_every_increasing_score_is_the_plain_threshold(seed: int) -> None:
    rising = np.cumsum(np.random.default_rng(seed).uniform(0.1, 1, 256))
    counts = random_counts(seed)
    assert cf.average_precision(counts, rising) == cf.average_precision(counts, np.arange(256))


@few
@given(seeds)
def test_no_score_beats_the_likelihood_ratio(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = random_counts(seed)
    ratio = counts[1] / np.maximum(counts.sum(0), 1e-9)
    best = cf.average_precision(counts, ratio)
    rivals = (rng.normal(size=256), np.arange(256), ratio + rng.normal(0, 0.1, 256))
    for rival in rivals:
        assert cf.average_precision(counts, rival) <= best + 1e-12


def test_best_pointwise_finds_the_true_ratio() -> None:
    levels = np.arange(256)
    chance = 0.5 + 0.4 * np.sin(levels / 40)
    counts = np.stack([1e5 * (1 - chance), 1e5 * chance]).astype(np.int64)
    np.testing.assert_allclose(cf.best_pointwise(counts)[10:-10], chance[10:-10], atol=0.01)


def test_level_counts_needs_one_shape() -> None:
    with pytest.raises(ValueError, match="one shape"):
        cf.level_counts(np.zeros(3, np.uint8), np.zeros(4, bool))


@few
@given(st.floats(60, 900), st.floats(0, 0.02))
def test_partial_mask_is_what_it_says(f0: float, ratio: float) -> None:
    bins = np.arange(0, 4000, 7.8125)
    mask = cf.partial_mask(f0, bins, tolerance_ratio=ratio)
    order = np.arange(1, int(bins[-1] / f0) + 1)
    reach = np.maximum(7.8125, np.minimum(ratio * order * f0, f0 / 4))
    for frequency, on in zip(bins, mask, strict=True):
        assert on == (np.abs(order * f0 - frequency) <= reach + 1e-9).any()


def test_local_contrast_is_the_rise_above_the_median() -> None:
    levels = random_levels(1, (30, 4))
    rise = cf.local_contrast(levels, reach=3)
    for row, column in ((10, 0), (15, 2), (20, 3)):
        median = np.median(levels[row - 3 : row + 4, column])
        assert rise[row, column] == max(levels[row, column] - median, 0)


# --- the Fourier plane ---


@few
@given(seeds)
def test_harmonics_are_chebyshev_coefficients(seed: int) -> None:
    coefficients = np.random.default_rng(seed).normal(size=6)
    curve = chebyshev.chebval(np.arange(256) / 127.5 - 1, coefficients)
    np.testing.assert_allclose(cf.grating_harmonics(curve, 5), coefficients, atol=5e-3)


def test_only_an_affine_channel_makes_no_harmonics() -> None:
    assert cf.harmonic_share(3 - 0.2 * np.arange(256)) < 1e-12
    assert cf.harmonic_share(np.ones(256)) == 0
    for name in cf.MAPS:
        assert min(cf.harmonic_share(curve) for curve in colormaps.lut(name).T) > 1e-3


def test_a_squared_grating_has_new_energy_at_twice_the_frequency() -> None:
    wave = np.cos(2 * np.pi * 8 * np.arange(128) / 128) * np.ones((32, 1))
    own = cf.own_frequencies(cf.spatial_power(wave))
    doubled = cf.spatial_power(wave**2)
    assert cf.new_energy(own, cf.spatial_power(wave)) <= 0.01
    assert cf.new_energy(own, doubled) > 0.99
    assert abs(np.unravel_index(doubled.argmax(), doubled.shape)[1] - 64) == 16


def test_spatial_power_obeys_parseval() -> None:
    image = random_levels(2).astype(float)
    window = np.outer(*(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in image.shape))
    centred = window * (image - (window * image).sum() / window.sum())
    assert np.isclose(cf.spatial_power(image).sum(), image.size * (centred**2).sum())


def test_own_frequencies_are_the_fewest() -> None:
    power = np.random.default_rng(0).exponential(size=(6, 7))
    own = cf.own_frequencies(power, 0.8)
    assert power[own].sum() >= 0.8 * power.sum()
    assert power[own].sum() - power[own].min() < 0.8 * power.sum()
    assert power[own].min() >= power[~own].max()


def test_radial_profile_of_a_grating_is_one_ring() -> None:
    wave = np.cos(2 * np.pi * 0.25 * np.arange(64)) * np.ones((64, 1))
    centre, share = cf.radial_profile(cf.spatial_power(wave), 14)
    assert abs(centre[share.argmax()] - 0.25) < centre[1] - centre[0]
    assert np.isclose(share.sum(), 1)


def test_edge_energy_by_brute_force() -> None:
    levels, curve = random_levels(3, (5, 6)), colormaps.lut("jet")[:, 0]
    expected = np.zeros(256)
    for i in range(5):
        for j in range(6):
            for a, b in ((i + 1, j), (i, j + 1)):
                if a < 5 and b < 6:
                    middle = (int(levels[i, j]) + int(levels[a, b])) // 2
                    expected[middle] += (curve[levels[i, j]] - curve[levels[a, b]]) ** 2
    np.testing.assert_allclose(cf.edge_energy(levels, curve), expected / expected.sum())
    assert cf.edge_energy(np.zeros((3, 3), np.uint8), curve).sum() == 0


@few
@given(seeds)
def test_narrowest_half_by_brute_force(seed: int) -> None:
    energy = np.random.default_rng(seed).exponential(size=256) ** 3
    low, high = cf.narrowest_half(energy)
    assert energy[low : high + 1].sum() >= energy.sum() / 2 * (1 - 1e-9)
    width = high - low
    shorter = np.convolve(energy, np.ones(width), "valid") if width else np.zeros(1)
    assert shorter.max() < energy.sum() / 2


# --- neighbours ---


def test_neighbourhoods_by_brute_force() -> None:
    levels = random_levels(4, (5, 4))
    centre, around = cf.neighbourhoods(levels)
    assert around.shape == (6, 8)
    for index, (i, j) in enumerate((i, j) for i in (1, 2, 3) for j in (1, 2)):
        patch = levels[i - 1 : i + 2, j - 1 : j + 2].ravel()
        assert centre[index] == patch[4]
        assert around[index].tolist() == [*patch[:4], *patch[5:]]


def test_information_is_that_of_scikit_learn_plus_the_correction() -> None:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 6, 4000)
    second = (first + rng.integers(0, 3, 4000)) % 6
    counts = np.zeros((256, 256))
    np.add.at(counts, (first, second), 1)
    cells = (counts > 0).sum()
    correction = (6 - 1 + 6 - 1 - (cells - 1)) / (2 * 4000)
    expected = (mutual_info_score(first, second) + correction) / np.log(2)
    assert np.isclose(cf.neighbour_information(counts, np.arange(256)), expected)


@few
@given(seeds)
def test_renaming_levels_loses_no_information_and_merging_gains_none(seed: int) -> None:
    counts = cf.neighbour_counts(np.sort(random_levels(seed % 1000, (60, 80)), axis=0) // 16)
    rng = np.random.default_rng(seed)
    whole = cf.neighbour_information(counts, np.arange(256))
    assert np.isclose(cf.neighbour_information(counts, rng.permutation(256)), whole)
    assert cf.neighbour_information(counts, rng.integers(0, 3, 256)) <= whole + 1e-3


def test_symbols_merge_equal_colours_only() -> None:
    assert len(set(cf.symbols_of(encodings.table("viridis")))) == 256
    red = colormaps.lut8_rounded("jet")[:, 0]
    symbols = cf.symbols_of(red)
    assert ((symbols[:, None] == symbols) == (red[:, None] == red)).all()


def test_neighbour_counts_count_each_pair_once() -> None:
    assert cf.neighbour_counts(random_levels(6, (7, 9))).sum() == 6 * 9 + 7 * 8


# --- noise ---


def test_importing_colour_leaves_numpy_as_it_was() -> None:
    before = np.get_printoptions()
    cf.lightness("viridis")
    assert np.get_printoptions() == before


def test_turns_ignore_small_wiggles() -> None:
    assert cf.turns(np.arange(50)) == cf.turns(-np.arange(50)) == 0
    assert cf.turns(10 * np.sin(np.linspace(0, 6 * np.pi, 500))) == 6
    assert cf.turns(np.arange(50) + 0.3 * np.cos(np.arange(50))) == 0


def test_lightness_of_the_maps_is_as_their_makers_say() -> None:
    for name in ("viridis", "magma", "inferno", "plasma", "cividis", "gray"):
        assert cf.turns(cf.lightness(name)) == 0
    for name in ("jet", "turbo", "hsv"):
        assert cf.turns(cf.lightness(name)) > 0
    gain = cf.perceptual_gain("viridis")
    assert gain.std() / gain.mean() < 0.03


def test_black_to_white_is_a_hundred() -> None:
    for metric in ("cam02-ucs", "ciede2000"):
        assert np.isclose(cf.colour_distances("gray", metric)[0, 255], 100, atol=0.1)
    assert np.isclose(
        cf.colour_distances("gray", "net")[0, 255], np.linalg.norm(1 / cf.IMAGENET_DEVIATION)
    )
    with pytest.raises(ValueError, match="unknown metric 'lab'"):
        cf.colour_distances("gray", "lab")


@few
@given(seeds)
def test_flip_noise_by_brute_force(seed: int) -> None:
    path = np.random.default_rng(seed).normal(size=(256, 3)).cumsum(0)
    distances = np.linalg.norm(path[:, None] - path, axis=2)
    found = cf.flip_noise(distances, 4.0)
    for level in (0, 100, 255):
        candidates = [np.inf]
        for direction in (-1, 1):
            walk = distances[level, level::direction] if level or direction > 0 else [0.0]
            for step in range(1, len(walk)):
                if walk[step] >= 4:
                    part = (4 - walk[step - 1]) / (walk[step] - walk[step - 1])
                    candidates.append(step - 1 + part)
                    break
        assert np.isclose(found[level], min(candidates))


def test_flip_noise_of_gray_is_one_level_a_byte() -> None:
    np.testing.assert_allclose(cf.flip_noise(cf.colour_distances("gray", "byte")), 1)
    assert np.isinf(cf.flip_noise(np.zeros((256, 256)))).all()


def test_noise_ratio_agrees_with_simulation() -> None:
    rng = np.random.default_rng(7)
    table, frequency = colormaps.lut("turbo"), np.linspace(2, 1, 256)
    level = rng.choice(256, 200_000, p=frequency / frequency.sum())
    noisy = np.clip(np.rint(level + rng.normal(0, 6, level.shape)), 0, 255).astype(int)
    change = ((table[noisy] - table[level]) ** 2).sum(1).mean()
    expected = 10 * np.log10(table[level].var(axis=0).sum() / change)
    assert np.isclose(cf.noise_ratio(table, frequency, 6.0), expected, atol=0.1)


def test_sensitivity_is_finite_for_every_map() -> None:
    rows = [cf.sensitivity(name, np.ones(256)) for name in ("gray", "jet", "tab10", "flag")]
    frame = pd.DataFrame(rows).set_index("map")
    assert np.isfinite(frame.to_numpy(float)).all()
    assert frame.loc["gray", "snr_change"] == 0
    assert frame.loc["jet", "ripples"] > 0


# --- notes ---


def test_synthetic_notes_are_determined_by_the_seed() -> None:
    one, same, other = (cf.synthetic_notes(3, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.levels, same.levels)
    assert (one.levels != other.levels).any()
    assert len(one) == 3
    for levels, truth in zip(one.levels, one.truth, strict=True):
        assert levels[truth].mean() > levels[~truth].mean() + 30


def test_rendered_notes_have_their_power_on_the_partials() -> None:
    notes = cf.rendered_notes(5, seed=3)
    assert notes.kind == "rendered"
    assert len(notes) == 5
    for levels, truth in zip(notes.levels, notes.truth, strict=True):
        assert truth.any()
        assert truth[np.unravel_index(levels.argmax(), levels.shape)]


@pytest.fixture(scope="module")
def notes() -> cf.Notes:
    return cf.synthetic_notes(4, seed=0)


def test_shuffled_red_is_as_good_as_chance(notes: cf.Notes) -> None:
    scores = cf.peak_scores(notes, seed=0)
    mean = scores.groupby("detector").average_precision.mean()
    assert abs(mean["shuffled R"] - mean["chance"]) < 0.05
    assert mean["threshold"] > mean["R of turbo"]
    assert mean["neighbours"] > mean["chance"]
    pd.testing.assert_frame_equal(scores, cf.peak_scores(notes, seed=0))


def test_gray_has_one_percent_of_new_energy_at_most(notes: cf.Notes) -> None:
    scores = cf.fourier_scores(notes, seed=0)
    assert scores[scores.channel == "gray"].new_energy.max() <= 0.01
    assert scores[scores.channel == "R of shuffled"].new_energy.min() > 0.1


def test_all_channels_together_share_what_gray_shares(notes: cf.Notes) -> None:
    bits = cf.information_scores(notes, seed=0).set_index("channel").bits
    assert np.isclose(bits["viridis together"], bits["gray"], atol=0.01)
    assert bits["B of viridis"] < bits["gray"]


def test_predictions_answer_three_questions(notes: cf.Notes) -> None:
    frame = cf.predict_neighbours(notes, pixels=400, trees=4, seed=0)
    mean = frame.groupby(["question", "model", "target"]).skill.mean()
    assert mean["alone", "linear", "gray"] > 0.7
    assert mean["level", "linear", "level from shuffled"] < mean["alone", "linear", "gray"] - 0.3
    assert set(frame.question) == {"alone", "jointly", "level"}
    assert frame.note.max() == 1


# --- learners ---


def toy_draw(seed: int, train: int = 60, pixels: int = 16) -> cf.Draw:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 2 * train)
    centres = rng.integers(40, 215, (3, pixels))
    levels = np.clip(centres[labels] + rng.normal(0, 35, (2 * train, pixels)), 0, 255)
    coded = np.rint(levels).astype(np.uint8)
    return cf.Draw(coded[:train], coded[train:], labels[:train], labels[train:])


@pytest.mark.parametrize("nested", [True, False])
def test_no_group_is_on_both_sides(nested: bool) -> None:
    labels = np.repeat(np.arange(3), 80)
    groups = np.tile(np.repeat(list("abcdefgh"), 10), 3)
    if nested:
        groups = np.array([f"{label}{group}" for label, group in zip(labels, groups, strict=True)])
    one, two = cf.split_by_group(labels, groups, 15, 10, seed=1)
    assert not set(groups[one]) & set(groups[two])
    assert np.bincount(labels[one]).tolist() == [15] * 3
    assert np.bincount(labels[two]).tolist() == [10] * 3
    again = cf.split_by_group(labels, groups, 15, 10, seed=2)
    assert set(groups[two]) != set(groups[again[1]])


def test_task_names_its_choices() -> None:
    with pytest.raises(ValueError, match="unknown task 'birds'"):
        cf.task("birds", 4)
    with pytest.raises(ValueError, match="unknown learner 'oracle'"):
        cf.learner("oracle", 1, 1, 0)


def test_draw_uses_the_training_range() -> None:
    job = cf.Task(
        "toy",
        np.arange(40, dtype=np.float32).reshape(10, 2, 2),
        np.zeros(10, np.int64),
        np.array(list("aaaabbbbcc")),
    )
    data = cf.draw(job, 4, 4, seed=0)
    assert (data.train.min(), data.train.max()) == (0, 255)


def test_scaled_tables_have_mean_zero_and_energy_one() -> None:
    data = toy_draw(0)
    rows = cf.features(data.train, cf.scaled(encodings.table("turbo"), data.train))
    assert rows.shape == (60, 48)
    channels = rows.reshape(60, 3, 16)
    np.testing.assert_allclose(channels.mean(axis=(0, 2)), 0, atol=1e-5)
    assert np.isclose((rows**2).mean(), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["nearest neighbours", "support vectors", "linear"])
def test_a_copy_is_gray_for_learners_of_distances(name: str) -> None:
    data = toy_draw(1)
    answers = []
    for code in ("gray8", "gray3"):
        table = cf.scaled(encodings.table(code), data.train)
        model = cf.learner(name, 5, 16 * table.shape[1], 0)
        model.fit(cf.features(data.train, table), data.train_labels)
        answers.append(model.predict(cf.features(data.test, table)))
    assert (answers[0] == answers[1]).mean() > 0.98


@few
@given(seeds)
def test_trees_do_not_see_a_monotone_recoding(seed: int) -> None:
    rising = np.cumsum(np.random.default_rng(seed).uniform(0.01, 1, 256))
    found = cf.recode_tree(toy_draw(seed % 97), rising, seed=0)
    assert found["same_splits"] == found["train"] == 1


def test_trees_do_see_a_fold() -> None:
    fold = np.abs(np.arange(256) - 128.3)
    assert cf.recode_tree(toy_draw(2), fold, seed=0)["same_splits"] == 0


@pytest.mark.parametrize(("pixels", "copies", "drawn"), [(10, 3, 5), (144, 3, 20), (7, 2, 14)])
def test_distinct_pixels_by_counting(pixels: int, copies: int, drawn: int) -> None:
    total = pixels * copies
    expected = pixels * (1 - comb(total - copies, drawn) / comb(total, drawn))
    if drawn < total:
        assert np.isclose(cf.distinct_pixels(pixels, copies, drawn), expected)
    rng = np.random.default_rng(0)
    seen = [len(set(rng.permutation(total)[:drawn] % pixels)) for _ in range(2000)]
    assert abs(np.mean(seen) - expected) < 0.1


def test_the_default_forest_looks_at_the_root_of_its_features() -> None:
    data = toy_draw(3)
    rows = cf.features(data.train, encodings.table("gray3"))
    forest = RandomForestClassifier(2, random_state=0).fit(rows, data.train_labels)
    assert forest.estimators_[0].max_features_ == int(np.sqrt(3 * 16))


@pytest.fixture(scope="module")
def toy_scores() -> pd.DataFrame:
    return cf.learner_scores([toy_draw(seed) for seed in range(4)], trees=5, seed=0)


def test_learner_scores_and_comparisons(toy_scores: pd.DataFrame) -> None:
    assert len(toy_scores) == 4 * (len(cf.LEARNERS) * len(cf.ENCODINGS) + 1)
    found = cf.compare_learners(toy_scores, seed=0)
    assert (found.loc[found.encoding == "gray8", "difference"] == 0).all()
    assert ((found.p >= 0) & (found.p <= 1)).all()
    assert found[found.encoding == "shuffled"].difference.mean() < -0.1
    maps = cf.compare_maps(toy_scores, seed=0)
    assert len(maps) == 6 * len(cf.LEARNERS)
    gap, _ = cf.gap_between(toy_scores, ("linear", "viridis"), ("linear", "gray8"), seed=0)
    row = found.set_index(["learner", "encoding"]).loc[("linear", "viridis")]
    assert np.isclose(gap.estimate, row.difference)


def test_forest_factors_cross_copy_and_width() -> None:
    frame = cf.forest_factors([toy_draw(seed) for seed in range(3)], trees=5, seed=0)
    assert set(frame.arm) == {"gray √d", "gray √3d", "copy √d", "copy √3d"}
    gap, same = cf.factor_gap(frame, "gray √d", "gray √d", seed=0)
    assert (gap.estimate, same) == (0, True)


def test_compare_corrects_over_arms() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=12)
    arms = {"a": base, "b": base + 1 + 0.1 * rng.normal(size=12), "c": base + rng.normal(size=12)}
    frame = pd.DataFrame(
        [{"u": i, "arm": k, "v": x} for k, values in arms.items() for i, x in enumerate(values)]
    )
    found = cf.compare(frame, unit="u", arm="arm", value="v", baseline="a", seed=0)
    raw = [statistics.effect_pvalue(arms[name] - base) for name in ("b", "c")]
    np.testing.assert_allclose(found.loc[["b", "c"], "p"], statistics.holm(raw))
    assert found.loc["a", "difference"] == 0


# --- verdicts: every rule can come out otherwise ---


def gap(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


def test_verdict_nonlinear() -> None:
    up, none = gap(0.1, 0.2), gap(-0.1, 0.1)
    assert cf.verdict_nonlinear({"a": up, "b": up}) == "holds"
    assert cf.verdict_nonlinear({"a": none}) == "fails"
    assert cf.verdict_nonlinear({"a": up, "b": none}) == "holds with limits"


@pytest.mark.parametrize(
    ("turbo", "jet", "expected"),
    [
        ((0.01, 0.1), (-0.3, -0.2), "holds"),
        ((-0.01, 0.01), (-0.3, -0.2), "holds with limits"),
        ((-0.3, -0.2), (-0.2, -0.1), "fails"),
        ((-0.3, 0.2), (-0.2, -0.1), "undecided"),
    ],
)
def test_verdict_peaks(turbo: tuple[float, float], jet: tuple[float, float], expected: str) -> None:
    frame = pd.DataFrame([turbo, jet], columns=["low", "high"], index=["R of turbo", "R of jet"])
    assert cf.verdict_peaks([frame, frame]) == expected


@pytest.mark.parametrize(
    ("together", "high", "expected"),
    [(1.0, -0.1, "holds with limits"), (0.5, 0.0, "holds"), (1.0, 0.0, "fails")],
)
def test_verdict_dependence(together: float, high: float, expected: str) -> None:
    bits = {"gray": 1.0} | {f"{name} together": together for name in cf.MAPS}
    information = pd.DataFrame({"channel": list(bits), "bits": list(bits.values())})
    channels = [cf.channel_name(name, index) for name in cf.MAPS for index in range(3)]
    alone = pd.DataFrame({"high": high}, index=channels)
    assert cf.verdict_dependence(alone, information) == expected


def map_pairs(difference: float, p: float, reach: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "learner": ["tree", "linear"],
            "first": "turbo",
            "second": "jet",
            "difference": [difference, 0.0],
            "low": [difference - reach, -reach],
            "high": [difference + reach, reach],
            "p": [p, 1.0],
        }
    )


def test_verdicts_on_the_choice_of_map() -> None:
    strong, weak = map_pairs(0.08, 0.01, 0.03), map_pairs(0.01, 0.01, 0.005)
    none, wide = map_pairs(0.0, 1.0, 0.01), map_pairs(0.0, 1.0, 0.2)
    assert cf.verdict_map_matters([strong, weak]) == "holds"
    assert cf.verdict_map_matters([strong, none]) == "holds with limits"
    assert cf.verdict_map_matters([none, none]) == "fails"
    assert cf.verdict_map_matters([none, wide]) == "undecided"
    assert cf.verdict_strongly([strong, strong]) == "holds"
    assert cf.verdict_strongly([strong, none]) == "holds with limits"
    assert cf.verdict_strongly([none, weak]) == "fails"
    assert cf.verdict_strongly([wide]) == "undecided"
    assert cf.strong_share([strong, none]) == 0.25


def test_turbo_against_jet_counts_wins(notes: cf.Notes) -> None:
    atlas = pd.DataFrame([cf.sensitivity(name, np.ones(256)) for name in ("turbo", "jet")])
    peaks = cf.peak_scores(notes, seed=0)
    found = cf.turbo_against_jet(
        atlas, {"synthetic": peaks}, {"toy": map_pairs(0.08, 0.01, 0.03)}, seed=0
    )
    winner = found.set_index("criterion").winner
    assert winner["unevenness"] == "turbo"
    assert winner["tree, toy"] == "turbo"
    assert winner["linear, toy"] == "neither"


@pytest.mark.parametrize(
    ("winners", "expected"),
    [
        ("turbo neither", "holds"),
        ("turbo jet", "holds with limits"),
        ("jet neither", "fails"),
        ("neither", "undecided"),
    ],
)
def test_verdict_turbo(winners: str, expected: str) -> None:
    assert cf.verdict_turbo(pd.DataFrame({"winner": winners.split()})) == expected


def test_redundancy_on_toy_scores(toy_scores: pd.DataFrame) -> None:
    facts = cf.redundancy([cf.compare_learners(toy_scores, seed=0)], [toy_scores], seed=0)
    assert facts["colour"]
    assert cf.verdict_redundancy({"a": True, "b": True}) == "holds"
    assert cf.verdict_redundancy({"a": True, "b": False}) == "holds with limits"
    assert cf.verdict_redundancy({"a": False}) == "fails"


@pytest.mark.parametrize(
    ("tree", "forest", "expected"),
    [
        ((gap(0.01, 0.05), False), (gap(0.01, 0.05), False), "holds"),
        ((gap(-0.01, 0.01), True), (gap(0.01, 0.05), False), "holds with limits"),
        ((gap(-0.01, 0.01), True), (gap(-0.05, 0.05), False), "fails"),
        ((gap(-0.05, 0.05), False), (gap(-0.05, 0.05), False), "undecided"),
    ],
)
def test_verdict_copies(
    tree: tuple[Interval, bool], forest: tuple[Interval, bool], expected: str
) -> None:
    assert cf.verdict_copies([tree, tree], [forest, forest]) == expected


def test_quick_is_smaller_than_full() -> None:
    quick, full = cf.SETTINGS["quick"], cf.SETTINGS["full"]
    assert full.seeds >= 20
    assert all(getattr(quick, field) <= getattr(full, field) for field in vars(quick))
