"""From waveform to spectrogram to the number that a picture or a net gets, and back.

Every step is one function, takes a whole set at once, and says what its values mean:

======================  ==================================================================
`stft`, `istft`         complex spectrum of a waveform, and back
`power`                 its squared magnitude; 0 dB is a full-scale sine
`mel_filterbank`        triangles on the mel scale;  `mel_power` applies them
`log_mel`, `log_power`  a whole set of clips to decibels, in bounded memory
`to_db`, `from_db`      decibels above a reference, with a floor
`value_range`           the range that 8 bits will span: of the set, or of each image
`quantise`              decibels to levels 0…255 (or 16 bits);  `dequantise` goes back
`resize`                exact area averages, or one of Pillow's filters
======================  ==================================================================

Typical use::

    db = spectrograms.log_mel(notes.waveforms, notes.sample_rate)       # (n, mels, frames) in dB
    levels = spectrograms.quantise(db, *spectrograms.value_range(db[notes.split == "train"]))
    pictures = colormaps.apply(levels, colormaps.lut8("viridis"))       # (n, mels, frames, 3)

The rows of every spectrogram are frequencies, the lowest first; draw with ``origin="lower"``.

The transform is our own because `scipy.signal.ShortTimeFFT` computes one frame after the other in
Python and in double precision. Taking the frames of many clips at once, in single precision, is
faster and needs half the memory; the tests assert that both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy import fft
from scipy.signal import get_window

#: Samples of a window: 512 are 32 ms at 16 kHz.
WINDOW = 512

#: Samples from one frame to the next: 256 are 16 ms at 16 kHz.
HOP = 256

#: Bands of a mel spectrogram.
MELS = 64

#: Lowest power in decibels below a full-scale sine; less is set to it.
FLOOR_DB = -100.0

_CHUNK = 1_000_000  # samples of frames at a time: 4 MB in single precision, near the cache


def stft(
    waveforms: NDArray[np.floating[Any]], window: int = WINDOW, hop: int = HOP
) -> NDArray[np.complex64]:
    """Short-time Fourier transform with a periodic Hann window.

    Parameters
    ----------
    waveforms : ndarray of float, shape (…, samples)
        In [-1, 1].
    window : int
        Samples of a frame, even: 512 are 32 ms at 16 kHz, and set the distance of the bins,
        31.25 Hz.
    hop : int
        Samples from frame to frame, at most `window`: 256 are 16 ms at 16 kHz.

    Returns
    -------
    ndarray of complex64, shape (…, window // 2 + 1, 1 + samples // hop)
        ``abs(S[…, f, t])`` is the amplitude of a sine at bin ``f`` (``f * sample_rate / window``
        Hz) around sample ``t * hop``, 1 for a sine at full scale; at bin 0 and at the last, twice
        the value. The signal is continued with zeros at both ends, so that frame ``t`` is centred
        at ``t * hop``. The phase is that of the frame's first sample.

    Raises
    ------
    ValueError
        For an odd window, or a hop outside 1…window.

    See Also
    --------
    scipy.signal.ShortTimeFFT : the same up to phase with ``fft_mode="onesided"`` and
        ``scale_to="magnitude"``, times 2.

    Examples
    --------
    >>> stft(np.zeros((3, 16000), np.float32)).shape
    (3, 257, 63)
    """
    _check_frames(window, hop)
    return np.moveaxis(_spectra(waveforms, window, hop), -1, -2)


def istft(
    spectra: NDArray[np.complexfloating[Any, Any]],
    samples: int,
    window: int = WINDOW,
    hop: int = HOP,
) -> NDArray[np.float32]:
    """Waveform of a short-time Fourier transform, by least squares (Griffin and Lim, 1984, eq. 6).

    `spectra` is one clip, as `stft` gives it; if it was altered, the result is the waveform whose
    transform is nearest. The hop is at most half the window, so that every sample is seen.

    >>> tone = np.sin(np.arange(4000)).astype(np.float32)
    >>> bool(np.abs(istft(stft(tone), 4000) - tone).max() < 1e-5)
    True
    """
    _check_frames(window, hop)
    if hop > window // 2:
        raise ValueError(f"a hop of {hop} leaves samples unseen; at most {window // 2}")
    weight = _hann(window).astype(np.float64)
    frames = fft.irfft(np.asarray(spectra, np.complex128).T, window, axis=-1) * weight
    total = np.zeros(max(samples + window, (len(frames) - 1) * hop + window))
    energy = np.zeros_like(total)
    for i, frame in enumerate(frames):
        total[i * hop : i * hop + window] += frame
        energy[i * hop : i * hop + window] += weight**2
    inside = slice(window // 2, window // 2 + samples)
    return np.asarray(total[inside] / np.maximum(energy[inside], 1e-12), np.float32)


def _spectra(waveforms: NDArray[np.floating[Any]], window: int, hop: int) -> NDArray[np.complex64]:
    """Spectra frame by frame: shape (…, frames, bins), the order in which they are computed."""
    signal = np.asarray(waveforms, np.float32)
    margins = [(0, 0)] * (signal.ndim - 1) + [(window // 2, window // 2)]
    frames = sliding_window_view(np.pad(signal, margins), window, axis=-1)[..., ::hop, :]
    return np.asarray(fft.rfft(frames * _hann(window), axis=-1), np.complex64)


def _frame_power(
    waveforms: NDArray[np.floating[Any]], window: int, hop: int
) -> NDArray[np.float32]:
    _check_frames(window, hop)
    spectra = _spectra(waveforms, window, hop)
    return np.square(spectra.real) + np.square(spectra.imag)


def _check_frames(window: int, hop: int) -> None:
    if window < 2 or window % 2 or not 1 <= hop <= window:
        raise ValueError(f"need an even window and 1 ≤ hop ≤ window, got {window} and {hop}")


@cache
def _hann(window: int) -> NDArray[np.float32]:
    """Periodic Hann window, scaled so that a sine of amplitude 1 has magnitude 1 at its bin."""
    shape = get_window("hann", window, fftbins=True)
    return np.asarray(2 * shape / shape.sum(), np.float32)


def power(
    waveforms: NDArray[np.floating[Any]], window: int = WINDOW, hop: int = HOP
) -> NDArray[np.float32]:
    """Squared magnitude of `stft`: 1 (0 dB) at the bin of a full-scale sine.

    >>> sine = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    >>> float(power(sine)[32, 30].round(3))
    1.0
    """
    return np.moveaxis(_frame_power(waveforms, window, hop), -1, -2)


def frequencies(sample_rate: int, window: int = WINDOW) -> NDArray[np.float64]:
    """Frequencies of the bins of `stft` in Hz, shape (window // 2 + 1,)."""
    return np.arange(window // 2 + 1) * sample_rate / window


def frame_times(frames: int, sample_rate: int, hop: int = HOP) -> NDArray[np.float64]:
    """Centres of the frames in seconds, shape (frames,)."""
    return np.arange(frames) * hop / sample_rate


def mel_frequencies(mels: int = MELS, sample_rate: int = 16_000) -> NDArray[np.float64]:
    """Centres of the mel bands in Hz, equally spaced in ``2595 log10(1 + f / 700)``."""
    return _mel_edges(mels, sample_rate)[1:-1]


def _mel_edges(mels: int, sample_rate: int) -> NDArray[np.float64]:
    if mels < 1 or not sample_rate > 0:
        raise ValueError(f"need mels ≥ 1 and a sample rate above 0, got {mels} and {sample_rate}")
    last = 2595 * np.log10(1 + sample_rate / 2 / 700)
    return np.asarray(700 * (10 ** (np.linspace(0.0, last, mels + 2) / 2595) - 1))


def mel_filterbank(
    mels: int = MELS, window: int = WINDOW, sample_rate: int = 16_000
) -> NDArray[np.float32]:
    """Triangular filters on the mel scale (HTK's formula), each of height 1.

    Of shape (mels, window // 2 + 1): ``bank @ power`` sums the power of each band. Where there are
    more bands than the bins can tell apart, a narrow triangle may fall between two bins: it then
    takes the nearest bin, so that no band is empty. The bank goes from 0 to half the sample rate.

    >>> mel_filterbank(40).shape
    (40, 257)
    """
    edges = _mel_edges(mels, sample_rate)
    bins = frequencies(sample_rate, window)
    left, centre, right = (edges[i : mels + i, None] for i in range(3))
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    bank = np.clip(np.minimum(rising, falling), 0, None)
    empty = np.flatnonzero(bank.sum(axis=1) == 0)
    bank[empty, np.abs(bins - centre[empty]).argmin(axis=1)] = 1
    return bank.astype(np.float32)


def mel_power(
    waveforms: NDArray[np.floating[Any]],
    sample_rate: int,
    mels: int = MELS,
    window: int = WINDOW,
    hop: int = HOP,
) -> NDArray[np.float32]:
    """Power in mel bands, summed over each band's triangle, shape (…, mels, frames)."""
    bank = mel_filterbank(mels, window, sample_rate)
    return np.moveaxis(_frame_power(waveforms, window, hop) @ bank.T, -1, -2)


def log_mel(
    waveforms: NDArray[np.floating[Any]],
    sample_rate: int,
    mels: int = MELS,
    window: int = WINDOW,
    hop: int = HOP,
    floor: float = FLOOR_DB,
) -> NDArray[np.float32]:
    """Mel spectrograms of many clips (n, samples) in decibels, at least `floor`, in bounded memory.

    The clips may be memory-mapped; a few are transformed at a time. Shape (n, mels, 1 + samples //
    hop), float32.

    >>> log_mel(np.zeros((2, 16000), np.float32), 16000).shape
    (2, 64, 63)
    """
    return _in_chunks(
        waveforms, window, hop, lambda x: to_db(mel_power(x, sample_rate, mels, window, hop), floor)
    )


def log_power(
    waveforms: NDArray[np.floating[Any]],
    window: int = WINDOW,
    hop: int = HOP,
    floor: float = FLOOR_DB,
) -> NDArray[np.float32]:
    """Spectrograms of many clips (n, samples) in decibels, at least `floor`, in bounded memory.

    Shape (n, window // 2 + 1, 1 + samples // hop), float32.
    """
    return _in_chunks(waveforms, window, hop, lambda x: to_db(power(x, window, hop), floor))


def _in_chunks(
    waveforms: NDArray[np.floating[Any]],
    window: int,
    hop: int,
    transform: Callable[[NDArray[np.floating[Any]]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    count, samples = waveforms.shape
    per_clip = window * (1 + samples // hop)
    step = max(1, _CHUNK // per_clip)
    if count <= step:
        return transform(waveforms)
    first = transform(waveforms[:step])
    result = np.empty((count, *first.shape[1:]), np.float32)
    result[:step] = first
    for start in range(step, count, step):
        result[start : start + step] = transform(waveforms[start : start + step])
    return result


def to_db(
    power: NDArray[np.floating[Any]],
    floor: float | None = FLOOR_DB,
    reference: float | Literal["image"] = 1.0,
    top_db: float | None = None,
) -> NDArray[np.float32]:
    """Power in decibels above a reference.

    Parameters
    ----------
    power : ndarray of float, shape (…, rows, columns)
        Not negative.
    floor : float or None
        Lowest result in dB. With ``None``, silence is minus infinity.
    reference : float or "image"
        The power of 0 dB; "image" takes each image's own maximum, which forgets its loudness.
    top_db : float or None
        If given, nothing is lower than this many dB under the image's own maximum.

    Returns
    -------
    ndarray of float32, shape (…, rows, columns)
        ``10 log10(power / reference)``, floored.

    Raises
    ------
    ValueError
        For a reference that is not positive, or a negative `top_db`.

    Examples
    --------
    >>> to_db(np.array([[1.0, 0.01, 0.0]])).round(3)
    array([[   0.,  -20., -100.]], dtype=float32)
    """
    if isinstance(reference, (int, float)) and not reference > 0:
        raise ValueError(f"the reference must be a positive power, not {reference}")
    if top_db is not None and top_db < 0:
        raise ValueError(f"top_db must not be negative, got {top_db}")
    with np.errstate(divide="ignore"):
        db = 10 * np.log10(np.asarray(power, np.float32))
    if reference == "image":
        peak = db.max(axis=(-2, -1), keepdims=True)
        db = db - np.where(np.isfinite(peak), peak, np.float32(0))
    elif reference != 1.0:
        db = db - np.float32(10 * np.log10(reference))
    if top_db is not None:
        db = np.maximum(db, db.max(axis=(-2, -1), keepdims=True) - np.float32(top_db))
    return np.asarray(db if floor is None else np.maximum(db, np.float32(floor)), np.float32)


def from_db(db: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Power of decibels; the inverse of `to_db` above its floor."""
    return np.asarray(10 ** (np.asarray(db) / 10), np.float32)


def value_range(
    values: NDArray[np.floating[Any]], scope: Literal["set", "image"] = "set"
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest value, of a whole set or of each image: both broadcast against `values`.

    "image" is what ``imshow`` and ``imsave`` do when nobody gives them a range.

    >>> value_range(np.zeros((5, 64, 63)), "image")[0].shape
    (5, 1, 1)
    """
    if scope not in ("set", "image"):
        raise ValueError(f"scope must be 'set' or 'image', not {scope!r}")
    axes = None if scope == "set" else (-2, -1)
    keep = scope == "image"
    low, high = values.min(axis=axes, keepdims=keep), values.max(axis=axes, keepdims=keep)
    return np.asarray(low, np.float32), np.asarray(high, np.float32)


def quantise(
    values: NDArray[np.floating[Any]],
    low: float | NDArray[np.floating[Any]],
    high: float | NDArray[np.floating[Any]],
    bits: int = 8,
) -> NDArray[Any]:
    """Clip to a range and round to levels 0…2**bits - 1, uint8 or (above 8 bits) uint16.

    After `dequantise` the error is at most half a step, ``(high - low) / (2**bits - 1)``. Where
    `high` equals `low`, all is level 0.

    >>> quantise(np.array([-90.0, -80.0, -40.0, 0.0]), -80, 0)
    array([  0,   0, 128, 255], dtype=uint8)
    """
    if not 1 <= bits <= 16:
        raise ValueError(f"bits must be 1…16, not {bits}")
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    if np.any(high < low):
        raise ValueError("the range must not have its high end below its low end")
    span = np.where(high > low, high - low, np.float32(1))
    scaled = np.clip((np.asarray(values, np.float32) - low) / span, 0, 1)
    scaled = np.where(high > low, scaled, np.float32(0))
    levels = np.rint(scaled * (2**bits - 1))
    return np.asarray(levels, np.uint8 if bits <= 8 else np.uint16)


def dequantise(
    levels: NDArray[Any],
    low: float | NDArray[np.floating[Any]],
    high: float | NDArray[np.floating[Any]],
    bits: int = 8,
) -> NDArray[np.float32]:
    """Values of levels, in the unit of the range; the inverse of `quantise` up to half a step."""
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    return np.asarray(low + (high - low) * (np.asarray(levels, np.float32) / (2**bits - 1)))


def resize(images: NDArray[Any], size: tuple[int, int], method: str = "area") -> NDArray[Any]:
    """Resize images (n, rows, columns) or (n, rows, columns, 3) to `size`, rows and columns.

    "area" makes each new pixel the exact mean of the area that it covers (float32). "nearest",
    "box", "bilinear", "hamming", "bicubic" and "lanczos" are Pillow's filters, in the images' own
    type (uint8), or in float32.

    >>> resize(np.zeros((2, 64, 63), np.float32), (32, 32)).shape
    (2, 32, 32)
    """
    known = {"area", *(name.lower() for name in Image.Resampling.__members__)}
    if method not in known:
        raise ValueError(f"unknown method {method!r}; have {', '.join(sorted(known))}")
    if images.ndim not in (3, 4) or min(size) < 1:
        raise ValueError(f"cannot resize images of shape {images.shape} to {size}")
    if method == "area":
        return _area(images, size)
    return np.stack([_pillow(plane, size, method) for plane in images])


def _area(images: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    rows, columns = (
        _area_weights(old, new) for old, new in zip(images.shape[1:3], size, strict=True)
    )
    planes = np.asarray(images, np.float32).reshape(*images.shape[:3], -1)
    planes = np.einsum("ir,nrcd->nicd", rows, planes, optimize=True)
    planes = np.einsum("jc,nicd->nijd", columns, planes, optimize=True)
    return np.asarray(planes.reshape(len(images), *size, *images.shape[3:]))


@cache
def _area_weights(old: int, new: int) -> NDArray[np.float32]:
    """Row ``i``: the share of each of the `old` cells in the mean over new cell ``i``."""
    edges = np.linspace(0, old, new + 1)
    cells = np.arange(old)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.asarray(np.clip(overlap, 0, None) * new / old, np.float32)


def _pillow(image: NDArray[Any], size: tuple[int, int], method: str) -> NDArray[Any]:
    resampling = Image.Resampling[method.upper()]
    target = size[::-1]
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).resize(target, resampling))
    planes = [
        np.asarray(Image.fromarray(plane).resize(target, resampling))
        for plane in _planes(np.asarray(image, np.float32))
    ]
    return planes[0] if image.ndim == 2 else np.stack(planes, axis=-1)


def _planes(image: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    if image.ndim == 2:
        yield image
    else:
        yield from (np.ascontiguousarray(image[..., k]) for k in range(image.shape[-1]))
