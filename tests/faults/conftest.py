"""A tiny book under attack: kills at random moments, and what an undisturbed build gives."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock

from analysis.publishing.execution import CHECKSUMS, NOTEBOOK
from tests.conftest import ROOT, write_tiny_book

#: Files that tell when and how fast something ran.
TIMED = (NOTEBOOK, "telemetry.json", CHECKSUMS)

_RAN = re.compile(rb"In [\d.,]+ (s|min), with at most [\d.,]+ (MB|GB) of memory")


def tree(folder: Path, suffixes: Sequence[str] = ()) -> dict[str, bytes]:
    """Contents of a folder's files by name, less what tells how fast something ran."""
    return {
        path.relative_to(folder).as_posix(): _RAN.sub(b"", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in TIMED
        and path.suffix != ".ipynb"
        and (not suffixes or path.suffix in suffixes)
    }


def differing(found: dict[str, bytes], expected: dict[str, bytes]) -> set[str]:
    """Names of files that are not as expected."""
    return {n for n in found | expected if found.get(n) != expected.get(n)}


@dataclass
class Victim:
    """A command that can be run, or killed while it runs.

    Attributes
    ----------
    command : list of str
        What to run.
    folder : Path
        Where.
    environment : dict
        Beside the test's own.
    """

    command: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def _settings(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder / "src"), str(ROOT / "src"), str(ROOT)])
        return os.environ | {"PYTHONPATH": path} | self.environment

    def run(self, *, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Let it run to its end."""
        return subprocess.run(
            [*prefix, *self.command],
            cwd=self.folder,
            env=self._settings(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def complete(self, *, prefix: Sequence[str] = ()) -> float:
        """Let it run, and demand that it succeeds; how long that took, in seconds."""
        started = time.monotonic()
        run = self.run(prefix=prefix)
        assert run.returncode == 0, run.stdout + run.stderr
        return time.monotonic() - started

    def at_once(self, count: int = 2) -> list[str]:
        """Let it run several times at once, to success; what each says, in the order they end."""
        with ThreadPoolExecutor(count) as pool:
            running = [pool.submit(self.run) for _ in range(count)]
            runs = [future.result() for future in as_completed(running)]
        assert [run.returncode for run in runs] == [0] * count, [run.stderr for run in runs]
        return [run.stdout + run.stderr for run in runs]

    def kill(self, after: float, everything: bool) -> bool:
        """SIGKILL it after some seconds: alone, or with all that it started; whether it ran."""
        with subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self._settings(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                if everything:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
        return process.returncode == -signal.SIGKILL


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A tiny book of one chapter, built with pages once for all workers: to look at, or to copy."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "undisturbed"
    with FileLock(f"{folder}.lock"):
        victim = builder(folder, chapters=1, anew=not folder.exists())
        if not (folder / "whole").exists():
            victim.complete()
            (folder / "whole").touch()
    return victim


def copied(victim: Victim, folder: Path) -> Victim:
    """The same book in a folder of its own, as far as it is built; times of files are kept."""
    shutil.copytree(victim.folder, folder, dirs_exist_ok=True)
    return Victim(victim.command, folder, dict(victim.environment))


def share(config: pytest.Config, of_five: int) -> int:
    """How many of the kills that ``--faults`` asks for fall to a test."""
    return max(1, round(config.getoption("--faults") * of_five / 5))


def builder(root: Path, *arguments: str, chapters: int = 2, anew: bool = True) -> Victim:
    """The command that builds the tiny book in a folder, where it is written unless it is there."""
    root.mkdir(exist_ok=True)
    if anew:
        write_tiny_book(root)
    if anew and chapters == 1:
        toc = root / "_toc.yml"
        toc.write_text(toc.read_text("utf-8").replace("  - file: book/two\n", ""), "utf-8")
    command = [sys.executable, "-m", "analysis", "--package", "tinybook"]
    return Victim([*command, *(arguments or ("book", "-j", "2"))], root)


def namespace(*flags: str) -> list[str]:
    """Command prefix for namespaces of its own; skips where the system refuses them."""
    prefix = ["unshare", "--map-root-user", *flags]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip(f"this system lets nobody run `{' '.join(prefix)}`")
    return prefix
