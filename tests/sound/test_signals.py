"""Generated data hold what is said of them, and nothing that would give the answer away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import hilbert

from analysis.sound import signals


def test_texture_classes_have_their_bands_as_often_as_said() -> None:
    db, labels = signals.textures(2000, seed=0, contrast=0.4)
    level = (db + 80) / 80
    assert level.min() >= 0
    assert level.max() <= 1
    edges = signals.band_edges()
    for label in (0, 1):
        often = np.array([1.4 if i % 2 == label else 0.6 for i in range(8)]) * np.diff(edges)
        shares = np.histogram(level[labels == label], edges)[0] / level[0].size / 1000
        np.testing.assert_allclose(shares, often / often.sum(), atol=0.015)


@given(stretches=st.integers(2, 12))
def test_bands_agree_in_all_low_moments(stretches: int) -> None:
    edges = signals.band_edges(stretches)
    signs = (-1) ** np.arange(stretches)
    for power in range(1, stretches):
        assert abs(signs @ np.diff(edges**power)) < 1e-12
    assert abs(signs @ np.diff(edges**stretches)) > 1e-9  # the next one tells them apart


def best_threshold(number: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Accuracy of the best rule "above a threshold" or "below", for classes of equal size."""
    ahead = np.cumsum(2 * labels[np.argsort(number)] - 1)
    return float(0.5 + np.abs(ahead).max() / len(labels))


def numbers_of(image: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """What a rule could look at: moments, gradients, neighbours, range, order statistics."""
    x = image - 0.5
    flat = x.reshape(len(x), -1)
    across, down = np.diff(x, axis=2), np.diff(x, axis=1)
    found = {f"moment {k}": (flat**k).mean(1) for k in range(1, 9)}
    found |= {f"quantile {q}": np.quantile(flat, q, axis=1) for q in (0, 0.1, 0.25, 0.5, 0.75, 1)}
    found["absolute"] = np.abs(flat).mean(1)
    found["skewness"], found["kurtosis"] = stats.skew(flat, axis=1), stats.kurtosis(flat, axis=1)
    found["gradient"] = (across**2).mean((1, 2)) + (down**2).mean((1, 2))
    found["variation"] = np.abs(across).mean((1, 2)) + np.abs(down).mean((1, 2))
    found["curvature"] = (np.diff(x, 2, axis=1) ** 2).mean((1, 2))
    found["neighbours"] = (x[:, 1:] * x[:, :-1]).mean((1, 2))
    return found


def test_no_rule_on_one_number_tells_textures_apart() -> None:
    """Near chance for what is smooth in the level; order statistics feel the band that they hit."""
    db, labels = signals.textures(4000, seed=0)
    image = (db.astype(np.float64) + 80) / 80
    found = {name: best_threshold(number, labels) for name, number in numbers_of(image).items()}
    order = {name for name in found if name.startswith("quantile")}
    assert max(found[name] for name in set(found) - order) < 0.55, found
    assert max(found[name] for name in order) < 0.66, found
    stretch = np.searchsorted(signals.band_edges()[1:-1], image)
    assert best_threshold((stretch % 2).mean((1, 2)), labels) > 0.95  # the answer is there


def test_textures_have_the_side_asked_for() -> None:
    assert signals.textures(4, seed=0, side=9)[0].shape == (4, 9, 9)


def test_chirps_are_where_the_ends_say() -> None:
    """The instantaneous frequency of clear chirps, from the analytic signal."""
    waveforms, ends, snr = signals.chirps(200, seed=0)
    clear = snr > 18
    turns = np.unwrap(np.angle(hilbert(waveforms[clear].astype(float)))) / (2 * np.pi)
    rate = signals.CHIRP_RATE
    for start in (500, 6500):  # over an eighth of a second, less noisy than one sample
        found = 8 * (turns[:, start + 1000] - turns[:, start])
        middle = (start + 500) / rate
        expected = ends[clear] @ [1 - middle, middle]
        assert np.median(np.abs(found - expected)) < 20


def test_chirps_have_the_ratio_to_the_noise_that_is_said() -> None:
    waveforms, _, snr = signals.chirps(200, seed=1)
    power = (waveforms.astype(float) ** 2).mean(1)
    np.testing.assert_allclose(power, 0.05**2 * (10 ** (snr / 10) + 1), rtol=0.1)
    assert snr.min() >= signals.SNR_RANGE[0]
    assert snr.max() <= signals.SNR_RANGE[1]


def test_targets_are_standardised() -> None:
    ends = signals.chirps(2000, seed=0).ends
    targets = signals.chirp_targets(ends)
    np.testing.assert_allclose(targets.mean(0), 0, atol=0.08)
    np.testing.assert_allclose(targets.std(0), 1, atol=0.05)
    assert targets.max() == pytest.approx(np.sqrt(3), abs=0.01)


def test_the_seed_fixes_all() -> None:
    for one, other in zip(signals.chirps(5, 3), signals.chirps(5, 3), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(signals.chirps(5, 3).ends, signals.chirps(5, 4).ends)
    assert not np.array_equal(signals.textures(4, 3)[0], signals.textures(4, 4)[0])
