from __future__ import annotations

import numpy as np
import pytest

from analysis.pretrained import noisy
from analysis.sound import datasets


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
