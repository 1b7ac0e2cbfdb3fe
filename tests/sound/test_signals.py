"""Generated data hold what is said of them, and nothing that would give the answer away."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import hilbert

from analysis.sound import signals


def test_texture_classes_differ_in_their_bands_alone() -> None:
    db, labels = signals.textures(2000, seed=0, contrast=0.4)
    level = (db + 80) / 80
    assert level.min() >= 0
    assert level.max() <= 1
    stretch = np.minimum((level * 5).astype(int), 4)
    for label in (0, 1):
        often = np.array([1.4 if i % 2 == label else 0.6 for i in range(5)])
        shares = np.bincount(stretch[labels == label].ravel(), minlength=5) / stretch[0].size / 1000
        np.testing.assert_allclose(shares, often / often.sum(), atol=0.015)
    means = [level[labels == label].mean() for label in (0, 1)]
    assert abs(means[0] - means[1]) < 0.01  # brightness gives nothing away


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
