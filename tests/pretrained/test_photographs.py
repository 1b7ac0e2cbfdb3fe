from __future__ import annotations

import numpy as np

from analysis.pretrained.photographs import crops, squares


def test_crops_repeat_themselves_and_come_from_the_photographs() -> None:
    first, again, other = (crops(6, 32, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (6, 32, 32, 3)


def test_squares_are_what_a_net_takes() -> None:
    pictures = crops(3, 8, 0)
    np.testing.assert_allclose(squares(3, 8, 0)[1, 2] * 255, pictures[1, :, :, 2], rtol=1e-6)
