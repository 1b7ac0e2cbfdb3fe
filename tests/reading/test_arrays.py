"""Arrays as people save them: what they hold is judged, told, and may be overruled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import signal

from analysis.audit import words
from analysis.reading import arrays, untrusted
from analysis.reading.arrays import judge
from analysis.reading.untrusted import FrontEnd, Unusable
from analysis.recordings.listing import DataError
from analysis.recordings.recordings import Recordings, load


def amplitudes(count: int = 12, seed: int = 0) -> np.ndarray:
    """Short-time amplitudes of tones, sweeps and noise over a noise floor: (count, 33, 40)."""
    rng = np.random.default_rng(seed)
    time = np.arange(40 * 32 + 32) / 8_000
    kinds = (
        lambda f: np.sin(2 * np.pi * f * time),
        lambda f: signal.chirp(time, f, time[-1], 3 * f),
        lambda f: rng.normal(size=len(time)) * np.exp(-time * f / 50),
    )
    waves = [kinds[i % 3](rng.uniform(300, 1000)) for i in range(count)]
    waves = [wave + 0.003 * rng.normal(size=len(time)) for wave in waves]
    return np.stack([np.abs(signal.stft(w, nperseg=64, noverlap=32)[2])[:, :40] for w in waves])


AMPLITUDES = amplitudes()
DECIBELS = 20 * np.log10(np.maximum(AMPLITUDES, 1e-5))
SHIFTED = np.maximum(DECIBELS - DECIBELS.max() + 80, 0)


def saved(place: Path, images: np.ndarray) -> Path:
    """Two classes of arrays, in turn."""
    for i, image in enumerate(images):
        (place / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        np.save(place / "ab"[i % 2] / f"{i}.npy", np.asarray(image, np.float32))
    return place


def read(place: Path, images: np.ndarray, values: str = "auto") -> Recordings:
    return load(saved(place, images), size=(33, 40), values=values)


@pytest.mark.parametrize(
    ("images", "scale", "doubtful"),
    [
        (AMPLITUDES, "amplitude", None),  # noise spreads
        (1000 * AMPLITUDES, "amplitude", None),
        (AMPLITUDES / AMPLITUDES.max((1, 2), keepdims=True), "amplitude", None),
        (AMPLITUDES**2, "amplitude", False),  # nothing tells; the note says what to do
        (amplitudes() ** 4 * 1e-9, "power", True),
        (DECIBELS, "decibels", False),
        (SHIFTED, "decibels", True),
        (SHIFTED / 80, "levels", True),
        (np.round(255 * SHIFTED / 80), "levels", True),
        ((DECIBELS - DECIBELS.mean()) / DECIBELS.std(), "levels", True),
        (AMPLITUDES - np.quantile(AMPLITUDES, 0.005), "amplitude", None),  # overshoots,
    ],
)
def test_values_are_judged(images: np.ndarray, scale: str, doubtful: bool | None) -> None:
    found = judge(images)
    assert found.scale == scale
    assert doubtful in (None, found.doubtful)


@given(st.permutations(range(12)), st.sampled_from([AMPLITUDES, DECIBELS, SHIFTED, SHIFTED / 80]))
@settings(max_examples=20, deadline=None)
def test_the_order_of_files_changes_no_judgement(order: list[int], images: np.ndarray) -> None:
    assert judge(images[order]) == judge(images)


def test_what_is_a_guess_says_what_to_do(tmp_path: Path) -> None:
    data = read(tmp_path / "shifted", SHIFTED)
    assert data.decibels and "It is a guess: --values says" in data.notes[-1]
    again = load(tmp_path / "shifted", size=(33, 40), values="amplitude")
    assert not again.decibels and "amplitudes as you say" in again.notes[-1]
    power = read(tmp_path / "power", AMPLITUDES**2)
    assert "say --values power" in power.notes[-1]
    said = load(tmp_path / "power", size=(33, 40), values="power")
    order = [f"{'ab'[i % 2]}/{i}.npy" for i in range(12)]
    rows = [list(said.files).index(name) for name in order]
    np.testing.assert_allclose(said.magnitude()[rows], AMPLITUDES, rtol=1e-4, atol=1e-7)


def test_shifted_decibels_are_read_as_decibels_below_zero_are(tmp_path: Path) -> None:
    below = read(tmp_path / "a", np.maximum(DECIBELS - DECIBELS.max(), -80))
    above = read(tmp_path / "b", SHIFTED)
    np.testing.assert_allclose(above.magnitude(), below.magnitude(), rtol=1e-4)
    levels = read(tmp_path / "c", SHIFTED / 80)
    np.testing.assert_allclose(levels.magnitude(), below.magnitude(), rtol=1e-3)


def test_amplitudes_below_zero_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be powers"):
        read(tmp_path, DECIBELS, "power")


def test_the_logarithm_of_zero_is_the_floor(tmp_path: Path) -> None:
    image = DECIBELS[0].copy()
    image[3, :5] = -np.inf
    np.save(tmp_path / "x.npy", image)
    found = arrays.values(tmp_path / "x.npy")
    assert np.isfinite(found).all()
    lowest = np.float32(image[np.isfinite(image)].min())
    np.testing.assert_array_equal(found[3, :5], lowest)
    image[0, 0] = np.inf
    np.save(tmp_path / "x.npy", image)
    with pytest.raises(Unusable, match="not finite"):
        untrusted.read(tmp_path / "x.npy", FrontEnd("arrays", source=(33, 40), size=(33, 40)))


@given(axes=st.permutations(["rows", "columns", "one", "one"]))
@settings(max_examples=15, deadline=None)
def test_axes_of_length_one_say_nothing(
    axes: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("axes") / "x.npy"
    image = AMPLITUDES[0].astype(np.float32)
    turned = axes.index("columns") < axes.index("rows")
    sides = {"rows": 33, "columns": 40, "one": 1}
    np.save(path, (image.T if turned else image).reshape([sides[axis] for axis in axes]))
    found = arrays.values(path)
    np.testing.assert_array_equal(found.T if turned else found, image)
    assert arrays.shape(path) == found.shape


def test_shapes_that_are_no_spectrogram_are_refused_with_a_remedy(tmp_path: Path) -> None:
    for shape in ((3, 33, 40), (40,), ()):
        np.save(tmp_path / "x.npy", np.ones(shape))
        with pytest.raises(Unusable, match="save each one"):
            arrays.shape(tmp_path / "x.npy")


def test_one_spectrogram_beside_scalars(tmp_path: Path) -> None:
    path, image = tmp_path / "x.npz", AMPLITUDES[0].astype(np.float32)
    np.savez(path, rate=8_000, mel=image, label="cat", axis=np.arange(40))
    np.testing.assert_array_equal(arrays.values(path), image)
    np.savez(path, mel=image, again=image, rate=8_000)
    with pytest.raises(Unusable, match=r"holds 2 arrays \(mel, again\)"):
        arrays.shape(path)


def test_frames_first(tmp_path: Path) -> None:
    images = [image[:, : 30 + i].T for i, image in enumerate(AMPLITUDES)]
    data = load(saved(tmp_path, images), size=(33, 20))  # type: ignore[arg-type]
    assert data.front.transposed and data.left_out == ()
    assert any("rows are taken for frames" in note for note in data.notes)
    assert data.planes.shape[2] == 33


# --- pictures --------------------------------------------------------------------------------


def drawn(place: Path, sizes: list[tuple[int, int]], suffix: str = ".png", turn: int = 1) -> Path:
    for i in range(12):
        image = Image.fromarray(np.uint8(SHIFTED[i] / 80 * 255)[::-turn][::turn])
        image = Image.eval(image, lambda v: 255 - v) if turn < 0 else image
        (place / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        size = sizes[i % len(sizes)][::-1]
        image.resize(size, Image.Resampling.BILINEAR).save(place / "ab"[i % 2] / f"{i}{suffix}")
    return place


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"])
def test_pictures_of_every_kind(tmp_path: Path, suffix: str) -> None:
    """Folders of plt.savefig("x.jpg") were "no recordings" (blender-sound2mesh #68)."""
    found = load(drawn(tmp_path / "x", [(66, 80)], suffix), size=(33, 40))
    exact = load(drawn(tmp_path / "y", [(66, 80)]), size=(33, 40))
    assert len(found) == 12 and found.left_out == ()
    order = np.argsort([name.partition(".")[0] for name in found.files])
    np.testing.assert_allclose(found.planes[order], exact.planes, atol=0.05)


def test_sizes_that_differ_by_tight_borders(tmp_path: Path) -> None:
    """Figures saved with bbox_inches="tight" differ by pixels (matplotlib #8543)."""
    sizes = [(215, 332), (217, 334), (219, 336)]
    data = load(drawn(tmp_path / "x", sizes), size=(33, 40))
    exact = load(drawn(tmp_path / "y", [(217, 334)]), size=(33, 40))
    assert len(data) == 12 and data.front.source == (217, 334)
    assert any("8 pictures of a slightly other size" in note for note in data.notes)
    np.testing.assert_allclose(data.planes, exact.planes, atol=0.1)
    data = load(drawn(tmp_path / "z", [(215, 334), *[(217, 334)] * 4, (250, 334)]), size=(33, 40))
    assert [one.reason for one in data.left_out] == ["has 250 rows where most files have 217"] * 2


def test_pictures_whose_background_is_bright(tmp_path: Path) -> None:
    """Praat, Raven and Audacity draw loud as dark."""
    tones = np.exp(-0.5 * ((np.arange(33)[:, None] - 10) / 2.0) ** 2) + np.zeros((1, 40))
    rng = np.random.default_rng(0)
    for i in range(8):
        level = np.clip(0.1 + 0.8 * np.roll(tones, i, 0) + 0.03 * rng.normal(size=(33, 40)), 0, 1)
        for place, values in (("dark", level), ("bright", 1 - level)):
            (tmp_path / place / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(np.uint8(np.round(255 * values)))
            image.save(tmp_path / place / "ab"[i % 2] / f"{i}.png")
    usual, turned = (load(tmp_path / name, size=(33, 40)) for name in ("dark", "bright"))
    assert turned.front.dark_is_loud and not usual.front.dark_is_loud
    assert any("dark is taken for loud" in note for note in turned.notes)
    assert "dark being loud" in words._told_of_pictures(turned)
    assert "as they are" in words._told_of_pictures(usual)
    np.testing.assert_allclose(turned.planes, usual.planes, atol=1 / 255)


def test_what_is_not_read_is_told_with_a_remedy() -> None:
    for name, said in (("x.m4a", "ffmpeg"), ("x.PT", "numpy.save"), ("x.h5", "numpy.save")):
        told = untrusted.refusal(Path(name))
        assert told.startswith(f"{Path(name).suffix.lower()} is not read: ") and said in told
    assert untrusted.refusal(Path("README")) == "not a kind of file that is read here"
