"""The command as a reader runs it: another process, real folders, a real kill."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import soundfile
import torch

from analysis.sound import datasets
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

TABLES = (
    *("accuracy", "steps", "learning-curve", "cues", "twins", "labels"),
    *("left-out", "recordings"),
)


def command(data: Path, place: Path) -> list[str]:
    """The smallest plan on one process, with all that is written below `place`."""
    asked = ["--minutes", "0.01", "--executor", "serial"]
    places = ["--output", str(place / "report"), "--checkpoints", str(place / "kept")]
    return [sys.executable, "-m", "analysis", "your-data", str(data), *asked, *places]


def reported(data: Path, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(data, place), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


def results(place: Path) -> dict[str, bytes]:
    """What came out: the report less the commit (the code may be worked on), and the tables."""
    names = ["report.html", "results.json", *(f"{name}.csv" for name in TABLES)]
    found = {name: (place / "report" / name).read_bytes() for name in names}
    return found | {"report.html": re.sub(rb"commit \w+\+?;", b"", found["report.html"])}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    found = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return {str(path): (status.st_mtime_ns, status.st_size) for path, status in found.items()}


# --- the spoken digits, as a user would ------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two digits by six speakers, a folder each, and a table that names the speakers."""
    if not datasets.available("spoken-digits"):
        pytest.skip("the spoken digits are not here: `make data` fetches them")
    spoken = datasets.spoken_digits()
    place = tmp_path_factory.mktemp("user") / "my digits"
    rows = []
    for label, speaker in ((k, who) for k in (1, 2) for who in np.unique(spoken.groups)):
        for i in np.flatnonzero((spoken.labels == label) & (spoken.groups == speaker))[:4]:
            file = f"{spoken.label_names[label]}/{Path(spoken.clips[i]).name}"
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            sound = spoken.waveforms[i, : spoken.lengths[i]]
            soundfile.write(place / file, sound, spoken.sample_rate, "PCM_16")
            rows.append((file, spoken.label_names[label], speaker))
    (place / "one" / "broken.wav").write_bytes(b"RIFF")
    rows.append(("one/broken.wav", "one", "theo"))
    pd.DataFrame(rows, columns=["file", "label", "group"]).to_csv(
        place / "metadata.csv", index=False
    )
    return place


@pytest.fixture(scope="module")
def spoken(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A report on the digits: where it is, and what the command said."""
    place = tmp_path_factory.mktemp("spoken")
    before = stamps(digits)
    run = reported(digits, place)
    assert run.returncode == 0, run.stderr
    assert stamps(digits) == before, "something was written into the data folder"
    return place, run.stdout


def test_the_report_on_spoken_digits_begins_in_plain_words(spoken: tuple[Path, str]) -> None:
    place, said = spoken
    found = json.loads((place / "report" / "results.json").read_text("utf-8"))
    before, after = found["forecast"]  # told before nets are trained, and judged afterwards
    assert said.startswith("\n".join([before, found["headline"], after, found["recommendation"]]))
    assert before.startswith("Band index") and "prediction was" in after
    assert found["headline"].startswith("On your data, viridis − raw = ")
    assert "95 % interval" in found["headline"]
    assert "1 file was left out" in said and str(place / "report" / "report.html") in said
    text = (place / "report" / "report.html").read_text("utf-8")
    assert text.index(found["headline"]) < text.index("<h2>")
    for words in (
        "48 recordings in 2 classes: one (24), two (24); 6 groups, none of them in training and",
        "Noise floor: two single runs of one encoding differ by up to",
        "the smallest plan only",  # what the budget bought
        "one/broken.wav",
        before,
        after,
    ):
        assert words in text
    assert text.count("data:image/svg+xml") == 6


def test_the_results_on_spoken_digits_agree_with_each_other(spoken: tuple[Path, str]) -> None:
    place, _ = spoken
    found = json.loads((place / "report" / "results.json").read_text("utf-8"))
    frames = {name: pd.read_csv(place / "report" / f"{name}.csv") for name in TABLES}
    assert found["data"]["recordings"] == len(frames["recordings"]) == 48
    assert found["data"]["groups"] == frames["recordings"].group.nunique() == 6
    assert [one["name"] for one in found["left_out"]] == frames["left-out"].name.tolist()
    arms = {"raw", "again", "gray3", "viridis", "turbo", "jet"}
    assert set(frames["accuracy"].arm) == arms and len(frames["accuracy"]) == 12
    for one, row in zip(found["accuracies"], frames["accuracy"].to_dict("records"), strict=True):
        assert one["test"] == pytest.approx(row["test"]) and 0 <= one["test_low"] <= one["test"]
    small = frames["accuracy"].set_index(["network", "arm"]).loc["small"]
    gain = 100 * (small.test["viridis"] - small.test["raw"])
    assert f"viridis − raw = {gain:+.1f} ".replace("-", "−") in found["headline"]
    ends = frames["steps"]["to"].iloc[-1] - frames["steps"]["from"].iloc[0]
    assert frames["steps"].difference.sum() == pytest.approx(ends)


def test_no_speaker_of_the_digits_is_in_training_and_test(spoken: tuple[Path, str]) -> None:
    """Of each run that the command kept, tuning included: the rows it was tested on."""
    place, _ = spoken
    groups = pd.read_csv(place / "report" / "recordings.csv").group.to_numpy()
    kept = list((place / "kept").rglob("*.stack"))
    assert len(kept) == 2 + 3 * 3 * 2  # rates of two nets; three units a fold and repeat
    for path in kept:
        stored = torch.load(io.BytesIO(path.read_bytes()[32:]), weights_only=True)
        tested = np.isin(np.arange(len(groups)), stored["value"]["found"]["test"])
        assert 0 < tested.sum() < len(groups)
        assert not set(groups[tested]) & set(groups[~tested])


# --- killed ----------------------------------------------------------------------------------


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    """Small spectrograms of noise, one class louder than the other."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(("loud", "soft")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(12):
            levels = 3 * rng.normal(size=(24, 24)) - 40 - 3 * k
            np.save(tmp_path / "data" / name / f"{i}.npy", levels)
    return tmp_path / "data"


def killed(data: Path, place: Path, after: int) -> int:
    """SIGKILL the command once so many runs are kept; how many are when all of it has ended."""
    started = time.monotonic()
    with subprocess.Popen(
        command(data, place), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while len(list(place.rglob("*.stack"))) < after and time.monotonic() - started < 300:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.02)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert psutil.wait_procs(family, timeout=60)[1] == [], "the notebook's process goes on alone"
    return len(list(place.rglob("*.stack")))


def test_a_report_that_was_killed_goes_on_and_ends_the_same(arrays: Path, tmp_path: Path) -> None:
    undisturbed, wreck = tmp_path / "undisturbed", tmp_path / "wreck"
    assert reported(arrays, undisturbed).returncode == 0
    kept = [killed(arrays, wreck, after) for after in (1, 7)]
    # Where training is fast, the last runs may be kept before the kill arrives: the report is not.
    assert 1 <= kept[0] <= kept[1] <= len(list(undisturbed.rglob("*.stack")))
    assert kept[1] >= 7
    assert not (wreck / "report" / "report.html").exists()
    before = {path: path.stat().st_mtime_ns for path in wreck.rglob("*.stack")}
    again = reported(arrays, wreck)
    assert again.returncode == 0, again.stderr
    assert results(wreck) == results(undisturbed)
    after = {path: path.stat().st_mtime_ns for path in wreck.rglob("*.stack")}
    assert before.items() <= after.items()  # nothing that was finished was made twice
    assert {path.name for path in after} == {p.name for p in undisturbed.rglob("*.stack")}
