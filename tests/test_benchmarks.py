from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pooch
import pytest
import torch
from benchmarks import __main__ as runner
from benchmarks import book, cluster, front_end, harness, jpeg, knots, patterns, peers, training
from benchmarks.harness import SMOKE, Contender, ours

from analysis.colour import colormaps
from analysis.nets.training import count_parameters
from analysis.planes import patterns as counting
from analysis.relu import piecewise
from analysis.timing import timings
from analysis.timing.timings import OURS
from tests.conftest import sampled


def test_contenders_take_turns_each_first_in_turn() -> None:
    taken: list[str] = []
    field = [Contender(name, lambda name=name: taken.append(name)) for name in "abc"]  # type: ignore[misc]
    assert harness.take_turns(field, 3).shape == (3, 3)
    assert "".join(taken) == "abc" + "abc" + "bca" + "cab"


def test_a_ratio_is_taken_within_a_round_and_per_unit_of_work() -> None:
    """A machine that slows down twofold for a round changes no ratio."""
    field = [ours(lambda: None, 10), Contender("peer", lambda: None, amount=5)]
    seconds = np.array([[1.0, 1.5], [2.0, 3.0], [4.0, 2.0], [1.0, 1.5], [1.0, 1.5]])
    own, peer = harness.rows("case", "things", field, seconds)
    assert (own.ratio, own.low, own.high) == (1, 1, 1)
    assert (peer.ratio, peer.low, peer.high) == pytest.approx((3, 3, 3))
    assert (own.seconds, peer.seconds) == (1.0, 1.5)
    assert (own.rate, peer.rounds) == (10, 5)


def test_the_spread_is_the_quartiles() -> None:
    field = [ours(lambda: None), Contender("peer", lambda: None)]
    seconds = np.column_stack([np.ones(5), [1.0, 2.0, 3.0, 4.0, 5.0]])
    peer = harness.rows("case", "things", field, seconds)[1]
    assert (peer.low, peer.ratio, peer.high) == (2, 3, 4)


def test_a_field_has_one_contender_of_this_book() -> None:
    with pytest.raises(ValueError, match="unpack"):
        harness.rows("case", "things", [Contender("peer", lambda: None)], np.ones((1, 1)))


def test_the_profile_tells_python_from_compiled_code() -> None:
    numbers = np.random.default_rng(0).random(400_000)
    compiled = harness.where_time_goes(lambda: np.sort(numbers))
    assert compiled["_top"] == "numpy.ndarray.sort"
    assert float(compiled["_interpreter"]) < 0.5

    def loop() -> None:
        for _ in range(20_000):
            nothing()

    def nothing() -> None:
        pass

    plain = harness.where_time_goes(loop)
    assert plain["_top"] == "test_benchmarks.nothing" or plain["_top"] == "test_benchmarks.loop"
    assert harness.instructions(loop) > 20_000
    assert float(plain["_interpreter"]) > float(compiled["_interpreter"])


def test_a_copy_counts_the_traffic_of_its_work() -> None:
    copy = harness.Copy(traffic=1000, least=4096)
    assert copy.amount == pytest.approx(2 * 4096 / 1000)
    copy.source[:] = 7
    copy()
    assert (copy.target == 7).all()


WITHOUT_CLUSTER = [name for name in runner.NAMES if name != "cluster"]


@pytest.mark.parametrize("name", sampled(WITHOUT_CLUSTER, "colormaps", "book"))
def test_every_benchmark_runs_small_and_can_be_stored(name: str, tmp_path: Path) -> None:
    module = import_module(f"benchmarks.{name}")
    rows = module.measure(SMOKE)
    assert (rows == []) == (name == "book")  # which is built by `make bench` alone
    suite = {
        "title": module.TITLE, "command": "make bench", "commit": "abc", "date": "2026-01-02",
        "machine": runner.machine(), "versions": {}, "absent": [],
        "rows": [vars(row) for row in rows],
    }  # fmt: skip
    path = tmp_path / "benchmarks.json"
    runner.store(path, name, suite)
    runner.store(path, "other", suite)
    stored = timings.load(path)
    assert set(stored.suites) == {name, "other"}
    assert stored[name].rows == rows
    for case in stored[name].cases:
        assert stored[name].row(case, OURS).ratio == 1


def test_a_damaged_older_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    path.write_text(json.dumps({"schema": 0, "benchmarks": {"old": 1}}))
    runner.store(path, "new", {})
    assert json.loads(path.read_text()) == {"benchmarks": {"new": {}}, "schema": 1}


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["speed"])
    assert "valid: jpeg, colormaps" in capsys.readouterr().err


def test_the_machine_is_described_without_its_name() -> None:
    assert set(runner.machine()) == {"processor", "cores", "memory_gb", "load"}


@pytest.mark.parametrize("n", [4, 5, 7])
def test_brute_force_counts_the_same_patterns(n: int) -> None:
    colours = patterns.points(n)
    assert patterns.brute_force(colours) == counting.count_patterns(colours)


def test_the_plain_program_finds_the_best_chords() -> None:
    """Against trying every pair of knots."""
    table = colormaps.lut("turbo")[::16]
    errors = [knots.chord_error(table, (a, b)) for a in range(1, 15) for b in range(a + 1, 15)]
    found = knots.plain(table, 2)
    assert knots.chord_error(table, found) == pytest.approx(min(errors))
    assert piecewise.best_fit(table, 2).error <= min(errors)


def test_the_loop_over_scipy_gives_the_same_spectrograms() -> None:
    waveforms = front_end.clips(3)
    found = front_end.by_scipy(waveforms)
    truth = front_end.spectrograms.log_mel(waveforms, front_end.RATE)
    np.testing.assert_allclose(found, truth, atol=1e-3)


def test_the_usual_layer_is_near_pillow_and_has_a_gradient() -> None:
    x = jpeg.pictures(SMOKE, 3)
    leaf = torch.from_numpy(x).float().requires_grad_()
    out = jpeg.ClassicLayer(jpeg.QUALITY)(leaf)
    out.sum().backward()
    assert leaf.grad is not None and leaf.grad.abs().sum() > 0
    lost, usual = (
        np.abs(y - x.astype(float)).mean() for y in (out.detach().numpy(), jpeg.pillow(x))
    )
    assert lost == pytest.approx(usual, rel=0.1)


def test_plain_training_has_the_parameters_of_the_stack() -> None:
    for build, *_ in training.cases().values():
        count = sum(p.numel() for p in training.module(build).parameters())
        assert count == count_parameters(build)


def test_tasks_of_a_cluster_are_the_work_they_stand_for() -> None:
    assert cluster.train_stack(3, 2, 1) == 3
    assert np.isfinite(cluster.transform_clips(0, 2))
    began: list[int] = []
    cluster.over(None, lambda index, more: began.append(index + more), 3, 10)
    assert began == [10, 11, 12]


def test_a_failed_build_says_why(tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text("root: nowhere\n")
    with pytest.raises(RuntimeError, match="the build failed: "):
        book.build(tmp_path, 1)


def test_rows_of_the_book_come_from_times_taken_before() -> None:
    seconds = np.array([[10.0, 20.0, 4.0]])
    field = [book._timed(OURS), book._timed("serial"), book._timed("slowest", role="limit")]
    found = harness.rows("from nothing", "builds", field, seconds)
    assert [row.ratio for row in found] == pytest.approx([1, 2, 0.4])


def folder_of(source: peers.Source, root: Path, texts: dict[str, str]) -> Path:
    folder = root / source.folder
    for file, text in texts.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


TEXTS = {
    "Codec.py": "import utils\nfrom parts import half\nanswer = half(utils.whole)\n",
    "utils.py": "whole = 84\n",
    "parts/__init__.py": "from .halves import half\n",
    "parts/halves.py": "def half(x):\n    return x // 2\n",
}


@pytest.fixture
def codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Pin a peer of four files and put them where a user would; no network, an empty cache."""
    files = {
        file: ("c" * 40, hashlib.sha256(text.encode()).hexdigest()) for file, text in TEXTS.items()
    }
    source = peers.Source("someone/Codec-Layer", "MIT", files)
    monkeypatch.setattr(peers, "SOURCES", {"Codec": source})
    monkeypatch.setattr(harness, "SOURCES", {"Codec": source})
    monkeypatch.setenv("ANALYSIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no network here")

    monkeypatch.setattr(pooch.downloaders.HTTPDownloader, "__call__", refuse)
    peers.load.cache_clear()
    yield folder_of(source, tmp_path / "data", TEXTS)
    peers.load.cache_clear()


def test_a_peer_is_imported_without_a_trace(codec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its plain names mean its own files, also beside others of the same name."""
    other = ModuleType("utils")
    monkeypatch.setitem(sys.modules, "utils", other)
    path = sys.path[:]
    found = harness.peer("Codec")
    assert found is not None and found.answer == 42
    assert sys.modules["utils"] is other and sys.path == path
    assert not {"Codec", "parts", "parts.halves"} & set(sys.modules)
    assert sorted(p.name for p in codec.rglob("*") if p.is_file()) == sorted(
        Path(name).name for name in TEXTS
    )
    assert harness.why_absent("Codec") is None
    assert runner.peer_versions(("Codec",)) == {"Codec": "c" * 10}


def test_a_peer_with_another_file_is_left_out_and_the_file_named(codec: Path) -> None:
    (codec / "parts" / "halves.py").write_text("half = print\n")
    why = harness.why_absent("Codec")
    assert harness.peer("Codec") is None
    assert why is not None and "Codec-Layer/parts/halves.py in ANALYSIS_DATA_DIR is not" in why
    assert str(codec) not in why  # it is published
    assert f"githubusercontent.com/someone/Codec-Layer/{'c' * 40}/parts/halves.py" in why


def test_a_peer_that_is_nowhere_is_left_out_with_a_reason(codec: Path) -> None:
    codec.rename(codec.with_name("elsewhere"))
    assert harness.peer("Codec") is None
    assert "could not be downloaded (ConnectionError)" in str(harness.why_absent("Codec"))
    with pytest.raises(peers.PeerUnavailable, match=r"github\.com/someone/Codec-Layer"):
        peers.load("Codec", download=False)


def test_a_peer_is_downloaded_once(codec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec.rename(codec.with_name("elsewhere"))
    fetched = []

    def download(_: object, url: str, target: str, *__: object, **___: object) -> None:
        fetched.append(url)
        Path(target).write_text(TEXTS[url.partition("c" * 40 + "/")[2]])

    monkeypatch.setattr(pooch.downloaders.HTTPDownloader, "__call__", download)
    assert peers.load("Codec").answer == 42
    peers.load.cache_clear()
    assert peers.load("Codec").answer == 42
    assert len(fetched) == len(TEXTS)


def test_a_peer_without_what_it_imports_says_so(
    codec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import no_such_package\n"
    files = {"Codec.py": ("c" * 40, hashlib.sha256(text.encode()).hexdigest())}
    source = peers.Source("someone/Other", "MIT", files)
    monkeypatch.setattr(peers, "SOURCES", {"Codec": source})
    folder_of(source, tmp_path / "data", {"Codec.py": text})
    with pytest.raises(peers.PeerUnavailable, match="no_such_package"):
        peers.load("Codec")


def test_a_package_that_is_not_installed_is_named() -> None:
    assert harness.why_absent("no_such_package") == "no_such_package (not installed)"
    assert harness.why_absent("numpy") is None


@pytest.mark.parametrize("name", peers.SOURCES)
def test_sources_of_peers_are_pinned(name: str) -> None:
    source = peers.SOURCES[name]
    assert source.licence in ("MIT", "BSD-3-Clause")
    for file, (commit, digest) in source.files.items():
        assert re.fullmatch(r"[0-9a-f]{40}", commit) and re.fullmatch(r"[0-9a-f]{64}", digest)
        assert source.url(file).endswith(f"{source.repository}/{commit}/{file}")
