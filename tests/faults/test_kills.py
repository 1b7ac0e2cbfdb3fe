"""SIGKILL at random moments: the next run completes, and equals the undisturbed one.

``pytest tests/faults/test_kills.py --faults=50 --timeout=0`` kills fifty times; by default, five.
"""

from __future__ import annotations

import hashlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faults.conftest import Victim, builder, differing, share, tree

PROFILE = "_build/executed/edition"


class Kills:
    """When to kill, and whether all that the process started too, until enough kills have hit.

    A run that had ended before its kill shortens the window: the first, which tells how long a run
    takes, is slower than those after it.
    """

    def __init__(self, wanted: int, seconds: float, seed: int, least: float = 0.0) -> None:
        self.wanted, self.seconds, self.least = wanted, seconds, least
        self.hits = self.tries = 0
        self._rng = random.Random(seed)

    def __iter__(self) -> Iterator[tuple[float, bool]]:
        while self.hits < self.wanted and self.tries < 5 * self.wanted + 20:
            self.tries += 1
            after = self._rng.uniform(self.least * self.seconds, self.seconds)
            yield after, self._rng.random() < 0.5

    def note(self, after: float, hit: bool) -> None:
        """Take down whether a kill hit."""
        self.hits += hit
        if not hit:
            self.seconds = min(self.seconds, 0.9 * after)

    def tell(self, what: str) -> None:
        """Say how many hit, and demand that it was all of them."""
        print(f"{self.hits} kills hit {what}, in {self.tries} tries")
        assert self.hits == self.wanted


@pytest.mark.slow
def test_a_build_that_is_killed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Between two versions of a module: no result of the one is taken for the other's."""
    build = builder(tmp_path)
    module = tmp_path / "src" / "tinybook" / "shared.py"
    versions = {3: module.read_text("utf-8"), 5: "FACTOR = 5\n"}
    expected = {}
    for factor, text in versions.items():
        module.write_text(text, "utf-8")
        seconds = build.complete()
        expected[factor] = tree(tmp_path / PROFILE), tree(tmp_path / "_build" / "html")
    assert expected[3] != expected[5]

    kills = Kills(share(request.config, of_five=2), seconds, seed=0)
    rng = random.Random(1)
    for after, everything in kills:
        module.write_text(versions[8 - factor], "utf-8")  # so that there is something to do
        if rng.random() < 0.5:  # cold: everything is executed again
            for name in ("one", "two"):
                (tmp_path / PROFILE / name / "notebook.ipynb").unlink(missing_ok=True)
        kills.note(after, build.kill(after, everything))
        factor = rng.choice([3, 5])
        module.write_text(versions[factor], "utf-8")
        build.complete()
        found = tree(tmp_path / PROFILE), tree(tmp_path / "_build" / "html")
        wrong = differing(found[0], expected[factor][0]) | differing(found[1], expected[factor][1])
        assert not wrong, f"killed after {after} s, {everything=}, {factor=}"
    kills.tell("a build")


_SWEEP = """
import hashlib, json, sys
from dataclasses import replace
from pathlib import Path
from analysis.comparisons import crossing
from analysis.comparisons.tasks import load_tasks
from analysis.comparisons import design
from analysis import trained_comparisons as tc
from analysis.nets import checkpoints

settings = replace(
    tc.SETTINGS["edition"], tasks=("textures",), networks=("neuron",), arms=("raw", "gray3"),
    steps=300, train=48, validation=24, test=32, seeds=2, stack=4, fractions=(1,),
    phase_tasks=("textures",), phase_networks=("neuron",), phase_arms=("raw",),
    cross_tasks=("textures",), cross_networks=("neuron",), cross_arms=("gray3",),
)

def main():
    tasks = load_tasks(settings)
    trials = design.tuning_trials(settings, tasks)
    found = crossing.sweep(tasks, trials, settings, jobs=2, store=Path("store"))
    text = json.dumps(found, sort_keys=True, default=lambda tensor: tensor.tolist())
    digest = hashlib.sha256(text.encode()).hexdigest()
    checkpoints.save_atomic(Path("result"), "x", {"digest": digest})

if __name__ == "__main__":
    main()
"""


def digest_of(folder: Path) -> str:
    from analysis.nets import checkpoints

    stored = checkpoints.load_atomic(folder / "result", "x")
    assert stored is not None
    return str(stored["digest"])


@pytest.mark.slow
def test_a_sweep_that_is_killed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    script = tmp_path / "sweep.py"
    script.write_text(_SWEEP, "utf-8")
    folders = [tmp_path / name for name in ("undisturbed", "killed")]
    for folder in folders:
        folder.mkdir()
    undisturbed, sweep = (Victim([sys.executable, str(script)], folder) for folder in folders)
    seconds = undisturbed.complete()
    kills = Kills(share(request.config, of_five=1), seconds, seed=2)
    for after, everything in kills:
        hit = sweep.kill(after, everything)  # the next round goes on from the wreck
        kills.note(after, hit)
        if not hit or after > kills.seconds / 2:
            sweep.complete()
            assert digest_of(folders[1]) == digest_of(folders[0])
            for path in (folders[1] / "store").iterdir():
                path.unlink()
    sweep.complete()
    assert digest_of(folders[1]) == digest_of(folders[0])
    left = {path.suffix for path in (folders[1] / "store").glob("[!.]*")}
    assert left == {".stack"}  # no checkpoint of a finished stack
    kills.tell("a sweep")


class _Dripping(BaseHTTPRequestHandler):
    """Serves a file slowly, so that a kill hits the download."""

    content = random.Random(0).randbytes(400_000)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        try:
            for start in range(0, len(self.content), 20_000):
                self.wfile.write(self.content[start : start + 20_000])
                time.sleep(0.03)
        except ConnectionError:
            pass  # the client was killed

    def log_message(self, format: str, *arguments: object) -> None:
        del format, arguments


@pytest.fixture
def source() -> Iterator[str]:
    """Address of an archive."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Dripping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/archive.zip"
        server.shutdown()


_DOWNLOAD = """
import sys
from dataclasses import replace
from types import MappingProxyType
from analysis.sound import archives, datasets

digits = replace(archives.SOURCES["spoken-digits"], url=sys.argv[1], archive="archive.zip")
archives.SOURCES = MappingProxyType(dict(archives.SOURCES) | {"spoken-digits": digits})
print(datasets.fetch("spoken-digits"))
"""


@pytest.mark.slow
def test_a_download_that_is_killed(
    tmp_path: Path, source: str, request: pytest.FixtureRequest
) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path), "ANALYSIS_DATA_DIR": "", "NO_PROXY": "*"}
    download = Victim([sys.executable, "-c", _DOWNLOAD, source], tmp_path, environment)
    seconds = download.complete()
    path = tmp_path / "coloured-spectrogram" / "archive.zip"
    expected = hashlib.sha256(_Dripping.content).hexdigest()
    kills = Kills(share(request.config, of_five=1), seconds, seed=3, least=0.6)
    for after, everything in kills:
        path.unlink(missing_ok=True)
        kills.note(after, download.kill(after, everything))
        if path.exists():  # then it is whole
            assert hashlib.sha256(path.read_bytes()).hexdigest() == expected
        download.complete()
        assert hashlib.sha256(path.read_bytes()).hexdigest() == expected
    kills.tell("a download")


_FIGURE = """
import sys
import matplotlib
matplotlib.use("svg")
import numpy as np, pandas as pd
from matplotlib import pyplot as plt
from analysis.publishing import figures

figures.style()
slope = int(sys.argv[1])
while True:
    fig, ax = plt.subplots()
    ax.plot(slope * np.arange(400))
    ax.set(xlabel="level (0–255)", ylabel="response (dimensionless)")
    data = pd.DataFrame({"y": slope * np.arange(400)})
    figures.publish(fig, "fig-x", caption=f"Slope {slope}.", alt="A line.", data=data)
    print("written", flush=True)
    if len(sys.argv) == 2:
        break
    slope = {1: 2, 2: 1}[slope]
"""


def test_a_figure_that_is_killed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each of its files is the old one or the new one, whole."""
    folder = tmp_path / "_build" / "interactive" / "figures"
    script = [sys.executable, "-c", _FIGURE]
    expected = []
    for slope in ("1", "2"):
        seconds = Victim([*script, slope], tmp_path).complete()
        expected.append(tree(folder))
    kills = Kills(share(request.config, of_five=1), 1.5 * seconds, seed=4, least=1 / 3)
    for after, everything in kills:
        kills.note(after, Victim([*script, "1", "again"], tmp_path).kill(after, everything))
        found = {name: content for name, content in tree(folder).items() if name[0] != "."}
        assert found.keys() == expected[0].keys()
        for name, content in found.items():
            assert content in [whole[name] for whole in expected], f"{name}, after {after} s"
        Victim([*script, "1"], tmp_path).complete()
        found = {name: content for name, content in tree(folder).items() if name[0] != "."}
        assert found == expected[0]
    kills.tell("figures being written")
