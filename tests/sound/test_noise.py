from __future__ import annotations

import numpy as np

from analysis.sound.noise import in_noise

RNG = np.random.default_rng(0)


def test_noise_has_the_asked_power_over_the_recording_alone() -> None:
    waves = np.zeros((3, 8000), np.float32)
    waves[:, :4000] = RNG.normal(scale=[[0.01], [0.1], [0.3]], size=(3, 4000))
    heard = in_noise(waves, np.full(3, 4000), 5.0, seed=0)
    noise = heard.astype(float) - waves
    ratio = np.square(waves[:, :4000]).mean(1) / np.square(noise).mean(1)
    np.testing.assert_allclose(10 * np.log10(ratio), 5.0, atol=0.3)
    np.testing.assert_array_equal(in_noise(waves, np.full(3, 4000), np.inf, 0), waves)
