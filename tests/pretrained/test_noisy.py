from __future__ import annotations

import numpy as np
import pytest

from analysis.pretrained import noisy
from analysis.sound import datasets


def test_chirps_have_one_ratio_and_no_clip_in_two_folds() -> None:
    (task,) = noisy.tasks("chirps", 5.0, 32, 36, 1).values()
    assert task.targets.shape == (36, 2)
    assert np.bincount(task.fold + 1).tolist() == [6] + [3] * 10


def test_as_recorded_chirps_have_ratios_of_their_own_and_notes_no_noise() -> None:
    own, one = (noisy.tasks("chirps", snr, 32, 60, 1)["chirp ends"] for snr in (None, 20.0))
    np.testing.assert_array_equal(own.targets, one.targets)
    loud = [task.db.max((1, 2)) - np.median(task.db, axis=(1, 2)) for task in (own, one)]
    assert np.ptp(loud[0]) > 2 * np.ptp(loud[1])
    notes, clean = (noisy.tasks("instruments", snr, 32, 36, 1)["family"] for snr in (None, np.inf))
    np.testing.assert_array_equal(notes.db, clean.db)


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
