"""Full disks, read-only outputs, missing homes, closed networks, clocks that go wrong.

Each gives the right result or one clear sentence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Victim, builder, copied, differing, namespace, tree

RESULTS = "_build/executed/edition"


def results(victim: Victim) -> dict[str, bytes]:
    return tree(victim.folder / RESULTS)


def pages(victim: Victim) -> dict[str, bytes]:
    return tree(victim.folder / "_build" / "html")


def told(run: subprocess.CompletedProcess[str]) -> str:
    """What a failed command says, if it is no traceback."""
    assert run.returncode == 1, run.stdout + run.stderr
    assert "Traceback (most recent call last)" not in run.stderr, run.stderr
    return run.stderr


@pytest.mark.slow
def test_no_network_at_all(tmp_path: Path, undisturbed: Victim) -> None:
    """Not even a loopback: the namespace has no interface that is up."""
    victim = builder(tmp_path, chapters=1)
    victim.complete(prefix=namespace("--net"))
    assert differing(results(victim), results(undisturbed)) == set()
    assert differing(pages(victim), pages(undisturbed)) == set()


@pytest.mark.slow
def test_no_home_directory_and_nobodys_settings(tmp_path: Path, undisturbed: Victim) -> None:
    """A home that is no folder; and one whose matplotlibrc and start-up files would matter."""
    victim = builder(tmp_path, "book", "--no-site", chapters=1)
    victim.environment |= {"HOME": "/dev/null/nowhere", "XDG_CACHE_HOME": "/dev/null/nowhere"}
    victim.complete()
    assert differing(results(victim), results(undisturbed)) == set()

    home = tmp_path / "home"
    (home / ".config" / "matplotlib").mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text("axes.grid: True\n")
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise SystemExit('run by a start-up file')\n")
    shutil.rmtree(tmp_path / "_build")
    victim.environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    victim.environment |= {"XDG_CONFIG_HOME": str(home / ".config")}
    victim.complete()
    assert differing(results(victim), results(undisturbed)) == set()


_FULL_DISK = """
set -e
mkdir -p _build
mount -t tmpfs -o size=$1k none _build
shift
set +e
"$@"; first=$?
if [ -e _build/html/index.html ]; then echo whole >&2; fi
mount -o remount,size=100m _build
"$@" >&2 || exit 3
mkdir kept && cp -r _build/executed kept/
exit $first
"""


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [60, 300, 900])
def test_a_full_disk(tmp_path: Path, undisturbed: Victim, kilobytes: int) -> None:
    """From a disk that is too small for the first spec to one that has no room for the pages."""
    victim = builder(tmp_path, chapters=1)
    script = ["sh", "-c", _FULL_DISK, "sh", str(kilobytes)]
    run = victim.run(prefix=[*namespace("--mount"), *script])
    said = told(run)
    assert "No space left on device" in said
    assert "cannot be written (No space left on device): free some space, and build again" in said
    assert "whole" not in said
    assert tree(tmp_path / "kept" / "executed" / "edition") == results(undisturbed)


_LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [1, 10, 100, 1000])
def test_a_limit_on_the_size_of_a_file(tmp_path: Path, undisturbed: Victim, kilobytes: int) -> None:
    """As `ulimit -f` sets it: from less than a spec to less than MathJax, the largest file."""
    victim = builder(tmp_path, chapters=1)
    said = told(victim.run(prefix=[sys.executable, "-c", _LIMITED, str(kilobytes * 1024)]))
    assert "cannot be written (File too large): raise the limit on a file's size" in said
    assert not (tmp_path / "_build" / "html" / "index.html").exists()
    victim.complete()
    assert differing(results(victim), results(undisturbed)) == set()
    assert differing(pages(victim), pages(undisturbed)) == set()


_READ_ONLY = """
mkdir -p _build && mount --bind _build _build && mount -o remount,ro,bind _build && "$@"
"""


def test_output_that_is_read_only(tmp_path: Path) -> None:
    victim = builder(tmp_path, chapters=1)
    run = victim.run(prefix=[*namespace("--mount"), "sh", "-c", _READ_ONLY, "sh"])
    assert "cannot be written (Read-only file system): make it writable" in told(run)


@pytest.mark.slow
def test_a_stale_lock_and_two_builds_at_once(tmp_path: Path, undisturbed: Victim) -> None:
    """A lock is held by a process, not by a file; of two builds one waits and finds all done."""
    victim = builder(tmp_path, chapters=1)
    (tmp_path / "_build").mkdir()
    (tmp_path / "_build" / "building.lock").write_text("left by process 1")
    first, second = victim.at_once()
    assert "1 chapters executed, 0 up to date" in first
    assert "0 chapters executed, 1 up to date" in second
    assert "another build is running" in second
    assert differing(results(victim), results(undisturbed)) == set()
    assert differing(pages(victim), pages(undisturbed)) == set()


@pytest.mark.slow
def test_a_clock_that_was_set_back(tmp_path: Path, undisturbed: Victim) -> None:
    """What was built tomorrow does not hide what is edited today."""
    victim = copied(undisturbed, tmp_path)
    tomorrow = time.time() + 86_400
    for path in tmp_path.rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    assert "1 up to date" in victim.run().stdout
    chapter = tmp_path / "book" / "one.md"
    text = chapter.read_text("utf-8").replace("# Chapter one", "# Chapter uno")
    chapter.write_text(text, "utf-8")
    os.utime(chapter, (0, 0))
    assert "1 chapters executed" in victim.run().stdout
    assert "Chapter uno" in (tmp_path / "_build" / "html" / "book" / "one.html").read_text("utf-8")


_SET_BACK = """
import time

def set_back(clock, by):
    start = time.monotonic()
    return lambda: clock() - (by if time.monotonic() > start + 0.5 else 0)

time.time, time.time_ns = set_back(time.time, 86_400), set_back(time.time_ns, 86_400 * 10**9)
"""


@pytest.mark.slow
def test_a_clock_that_is_set_back_while_a_build_runs(tmp_path: Path, undisturbed: Victim) -> None:
    """By a day, half a second after each process starts; the file system's clock goes on."""
    victim = builder(tmp_path, chapters=1)
    (tmp_path / "src" / "sitecustomize.py").write_text(_SET_BACK)
    asking = "import time; time.sleep(0.6); print(time.time())"
    asked = Victim([sys.executable, "-c", asking], tmp_path).run().stdout
    assert float(asked) < time.time() - 80_000
    victim.complete()
    assert "0 chapters executed, 1 up to date" in victim.run().stdout
    assert differing(results(victim), results(undisturbed)) == set()
    assert differing(pages(victim), pages(undisturbed)) == set()


@pytest.mark.slow
def test_two_reruns_of_a_chapter_at_once(tmp_path: Path) -> None:
    victim = builder(tmp_path, "chapter", "one", chapters=1)
    victim.at_once()
    left = {path.name for path in (tmp_path / "_build" / "runs" / "one").iterdir()}
    assert left == {"defaults", "building.lock"}
