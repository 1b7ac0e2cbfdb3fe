"""Reading a folder of clips of a second: all cores, a cache, beside a plain loop.

The loop is what anybody would write: `soundfile.read`, `scipy.signal.ShortTimeFFT`, a mel bank, one
file after the other, nothing checked and nothing kept. `analysis.recordings.recordings.load`
hashes, surveys, looks for duplicates and reads on all cores; its variant finds everything in the
cache. The limit is reading the files' bytes. The peak of memory is stored with this book's row.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from joblib.externals.loky import get_reusable_executor
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT, get_window

from analysis.recordings import recordings
from analysis.sound import spectrograms
from analysis.timing.timings import Row
from benchmarks.harness import Contender, Effort, compare, ours

TITLE = "Reading a folder of 10,000 clips"
PEERS = ("soundfile",)
RATE, SIZE = 16_000, (64, 63)


def write_clips(folder: Path, count: int) -> Path:
    """Noise of a second, in four classes."""
    for i in range(count):
        place = folder / f"class {i % 4}"
        place.mkdir(parents=True, exist_ok=True)
        wave = np.random.default_rng(i).integers(-3000, 3000, RATE, np.int16)
        soundfile.write(place / f"{i:05d}.wav", wave, RATE)
    return folder


def plain_loop(folder: Path) -> NDArray[np.float32]:
    """Amplitude mel spectrograms, one file after the other."""
    window = get_window("hann", spectrograms.WINDOW)
    transform = ShortTimeFFT(
        2 * window / window.sum(), spectrograms.HOP, RATE, fft_mode="onesided", phase_shift=None
    )
    bank = spectrograms.mel_filterbank(SIZE[0], spectrograms.WINDOW, RATE)
    found = []
    for path in sorted(folder.rglob("*.wav")):
        wave, _ = soundfile.read(path, dtype="float32")
        found.append(np.sqrt(bank @ transform.spectrogram(wave, p0=0, p1=SIZE[1])))
    return np.asarray(found, np.float32)


def only_read(folder: Path) -> int:
    """Read the files' bytes."""
    return sum(len(path.read_bytes()) for path in sorted(folder.rglob("*.wav")))


def peak_gigabytes() -> float:
    """Highest memory of this process and of its largest worker together, up to now."""
    get_reusable_executor().shutdown()  # only workers that have ended are counted
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1e6


def measure(effort: Effort) -> list[Row]:
    """Read everything; the loop takes a part of the files."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        count, few = (40, 20) if effort.small else (10_000, 400)
        folder, part = write_clips(root / "all", count), write_clips(root / "part", few)
        cache = root / "cache.sqlite"
        first = recordings.load(folder, size=SIZE, cache=cache)
        peak = peak_gigabytes()
        field = [
            ours(lambda: recordings.load(folder, size=SIZE), len(first), peak_gigabytes=peak),
            Contender(
                "from the cache",
                lambda: recordings.load(folder, size=SIZE, cache=cache),
                "variant",
                count,
            ),
            Contender(
                "soundfile and scipy, file by file",
                lambda: plain_loop(part),
                "peer",
                few,
            ),
            Contender("only reading the bytes", lambda: only_read(folder), "limit", count),
        ]
        rounds = Effort(min(effort.rounds, 3), effort.small)
        return compare(
            "read a folder", "clips", field, rounds, profile=False, clock=time.perf_counter
        )
