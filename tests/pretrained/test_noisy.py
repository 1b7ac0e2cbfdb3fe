from __future__ import annotations

import numpy as np
import pytest

from analysis.pretrained import noisy
from analysis.sound import datasets

RNG = np.random.default_rng(0)


def test_noise_has_the_asked_power_over_the_recording_alone() -> None:
    waves = np.zeros((3, 8000), np.float32)
    waves[:, :4000] = RNG.normal(scale=[[0.01], [0.1], [0.3]], size=(3, 4000))
    heard = noisy.in_noise(waves, np.full(3, 4000), 5.0, seed=0)
    noise = heard.astype(float) - waves
    ratio = np.square(waves[:, :4000]).mean(1) / np.square(noise).mean(1)
    np.testing.assert_allclose(10 * np.log10(ratio), 5.0, atol=0.3)
    np.testing.assert_array_equal(noisy.in_noise(waves, np.full(3, 4000), np.inf, 0), waves)


def test_chirps_have_one_ratio_and_no_clip_in_two_folds() -> None:
    (task,) = noisy.tasks("chirps", 5.0, 32, 36, 1).values()
    assert task.targets.shape == (36, 2)
    assert np.bincount(task.fold + 1).tolist() == [6] + [3] * 10


@pytest.mark.parametrize("sound", ["instruments", "spoken-digits"])
def test_questions_share_the_sound_and_hold_groups_out(sound: str) -> None:
    if sound != "instruments" and not datasets.available(sound):
        pytest.skip(str(datasets.note(sound)))
    first, second = noisy.tasks(sound, 5.0, 32, 120, 1).values()
    assert first.db is second.db
    assert min(np.bincount(task.fold + 1).min() for task in (first, second)) > 0
    if sound == "spoken-digits":
        assert not np.array_equal(first.fold, second.fold)
        for k in range(second.fold.max() + 1):  # a digit that is tested is never trained on
            said = first.targets[second.fold == k]
            assert not np.isin(said, first.targets[second.fold != k]).any()
    else:
        np.testing.assert_array_equal(first.fold, second.fold)
        assert abs(float(second.targets.std()) - 1) < 1e-5
