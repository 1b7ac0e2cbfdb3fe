"""White noise over recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def in_noise(
    waveforms: NDArray[np.float32], lengths: NDArray[np.int64], snr: float, seed: int
) -> NDArray[np.float32]:
    """Add white noise to recordings at one signal-to-noise ratio.

    Parameters
    ----------
    waveforms : ndarray of float32, shape (n, samples)
    lengths : ndarray of int64, shape (n,)
        Samples of the recording itself, over which its power is taken; what follows is padding,
        and gets the noise too.
    snr : float
        Power of the recording over that of the noise, in dB; infinity adds none.
    seed : int
        Of the noise.

    Returns
    -------
    ndarray of float32, shape (n, samples)

    Examples
    --------
    >>> noisy = in_noise(np.ones((1, 9999), np.float32), np.array([9999]), 20.0, seed=0)
    >>> round(float(noisy.std()), 2)
    0.1
    """
    own = np.minimum(lengths, waveforms.shape[1])
    power = np.square(waveforms, dtype=np.float64).sum(1) / own
    noise = np.random.default_rng([seed, 5]).normal(size=waveforms.shape)
    deviation = np.sqrt(power * 10 ** (-snr / 10))
    return np.asarray(waveforms + deviation[:, None] * noise, np.float32)
