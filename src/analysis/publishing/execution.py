"""Executes one chapter in a process of its own: Markdown → notebook → papermill → results.

``python -m analysis.publishing.execution SPEC.json`` is what the workflow graph
(`analysis.building.graph`) starts, one process a chapter. It prints a line ``cell I of N`` after
each cell. Results appear in their folder all at once, or not at all.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from analysis.files import replace_directory, write_json
from analysis.publishing.provenance import RUN_FILE, Run

#: Name of the executed notebook in a chapter's results folder.
NOTEBOOK = "notebook.ipynb"

#: Name of the file that lists the SHA-256 of all others in a chapter's results folder.
CHECKSUMS = "checksums.json"

#: Lines of the traceback that an error message shows.
_TRACEBACK_LINES = 12

#: Bytes that a disk must have free to be no suspect when something fails.
_LEAST_FREE = 2**20

#: Why a folder cannot be written, and what helps.
_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or raise your quota",
    errno.EFBIG: "raise the limit on a file's size (ulimit -f)",
    errno.EROFS: "make it writable, or copy the book elsewhere",
    errno.EACCES: "make it writable, or copy the book elsewhere",
}

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class ChapterError(RuntimeError):
    """A chapter's cell failed; the message shows its source and the traceback's end."""


@dataclass(frozen=True)
class Spec:
    """What to execute.

    `source` is the chapter's file, `directory` the folder for its results (an older one is
    replaced), `overrides` the parameters that differ from the notebook's own, `run` the fields of
    `Run` less its directory.
    """

    source: str
    directory: str
    overrides: dict[str, Any]
    run: dict[str, Any]


def read_notebook(source: Path) -> nbformat.NotebookNode:
    """Read a MyST Markdown chapter as a notebook; one cell must be tagged ``parameters``."""
    notebook: nbformat.NotebookNode = jupytext.read(source, fmt="md:myst")
    if not any("parameters" in _tags(cell) for cell in notebook.cells):
        raise ValueError(f"{source}: no cell is tagged 'parameters'; see CONTRIBUTING.md")
    return notebook


def _tags(cell: nbformat.NotebookNode) -> list[str]:
    tags: list[str] = cell.metadata.get("tags", [])
    return tags


def default_parameters(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """Parameters of a notebook and their defaults: its ``parameters`` cell's ``name = literal``."""
    cell = next(cell for cell in notebook.cells if "parameters" in _tags(cell))
    found = {}
    for node in ast.parse(cell.source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = ast.literal_eval(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = ast.literal_eval(value)
    return found


def execute(spec: Spec) -> None:
    """Execute a chapter and put its results into its folder; a failing cell leaves it as it was."""
    target = Path(spec.directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        _execute_into(partial, spec)
        seal(partial)
        replace_directory(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _execute_into(folder: Path, spec: Spec) -> None:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    _register_engine()
    notebook = read_notebook(Path(spec.source))
    plain = folder / "input.ipynb"
    nbformat.write(notebook, plain)
    run = Run(directory=str(folder), **spec.run)
    run.save(folder / "run.json")
    os.environ[RUN_FILE] = str(folder / "run.json")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(folder / ".kernel")
    started = time.monotonic()
    try:
        papermill.execute_notebook(
            plain,
            folder / NOTEBOOK,
            parameters=spec.overrides,
            engine_name="reporting",
            kernel_name="python3",
            language="python",
            cwd=folder,
            progress_bar=False,
        )
    except PapermillExecutionError as error:
        raise ChapterError(_explain(run.chapter, error)) from error
    plain.unlink()
    shutil.rmtree(folder / ".kernel", ignore_errors=True)
    _tidy(folder / NOTEBOOK)
    replace(run, directory="", sources={}).save(folder / "run.json")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    spent = {"seconds": round(time.monotonic() - started, 2), "peak_bytes": peak}
    write_json(folder / "telemetry.json", spent)


def _register_engine() -> None:
    """Give papermill an engine that reports each finished cell on standard output.

    Kernels talk through sockets in a folder of their own, where the system has such: two that start
    at the same moment can pick the same TCP port, and one of them dies.
    """
    from jupyter_client.manager import AsyncKernelManager
    from papermill.engines import NBClientEngine, papermill_engines

    class Kernel(AsyncKernelManager):
        transport = "tcp" if os.name == "nt" else "ipc"

    class Reporting(NBClientEngine):  # type: ignore[misc]
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **keywords: Any) -> Any:
            complete, total = nb_man.cell_complete, len(nb_man.nb.cells)

            def report(cell: Any, cell_index: int, **more: Any) -> None:
                complete(cell, cell_index=cell_index, **more)
                print(f"cell {cell_index + 1} of {total}", flush=True)

            nb_man.cell_complete = report
            keywords["kernel_manager_class"] = Kernel
            return super().execute_managed_notebook(nb_man, kernel_name, **keywords)

    papermill_engines.register("reporting", Reporting)


def _explain(chapter: str, error: Any) -> str:
    """Say which cell failed, with its source and the end of the traceback."""
    traceback = _ANSI.sub("", "\n".join(error.traceback)).splitlines()
    source = "\n".join(f"    {line}" for line in error.source.splitlines())
    end = "\n".join(f"    {line}" for line in traceback[-_TRACEBACK_LINES:])
    return f"chapter {chapter}: cell {error.exec_count} failed\n{source}\n\n{end}"


def _tidy(path: Path) -> None:
    """Fold the injected parameters, and drop papermill's paths, from an executed notebook."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "injected-parameters" in _tags(cell):
            cell.metadata["tags"] = [*_tags(cell), "hide-input"]
    for key in ("input_path", "output_path"):
        notebook.metadata.get("papermill", {}).pop(key, None)
    nbformat.write(notebook, path)


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file in a folder but the list itself."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.name != CHECKSUMS
    }


def seal(folder: Path) -> None:
    """List the SHA-256 of every file in a folder, for `damage` to compare with."""
    write_json(folder / CHECKSUMS, _checksums(folder))


def damage(folder: Path) -> str | None:
    """Name a file in a folder that is missing or no longer what it was when it was sealed.

    None if all are as they were, or the folder has not been sealed.
    """
    path = folder / CHECKSUMS
    if not path.exists():
        return None
    try:
        written = dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError):
        return CHECKSUMS
    found = _checksums(folder)
    return next((name for name in sorted(written) if written[name] != found.get(name)), None)


def _is_full(folder: Path) -> bool:
    """Whether hardly anything can be written any more, the reason included."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free < _LEAST_FREE


def unwritable(folder: Path, told: str) -> str | None:
    """Say that a folder cannot be written, why and what helps, if `told` fails for that reason."""
    if _is_full(folder) or "database or disk is full" in told:
        told = os.strerror(errno.ENOSPC)
    elif "disk I/O error" in told and resource.getrlimit(resource.RLIMIT_FSIZE)[0] >= 0:
        told = os.strerror(errno.EFBIG)  # SQLite does not tell why
    for code, remedy in _REMEDIES.items():
        about = code not in (errno.EACCES, errno.EROFS) or str(folder) in told
        if about and os.strerror(code) in told:
            return f"{folder} cannot be written ({os.strerror(code)}): {remedy}, and build again"
    return None


def stop_with_parent() -> None:
    """End this process (and so its kernel) when the parent's end of standard input closes.

    However the parent ends: a killed one cannot say so.
    """

    def wait() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _list_fonts() -> None:
    """Let matplotlib list the fonts once, here: in a chapter it would remark upon it."""
    folder = os.environ.get("MPLCONFIGDIR")
    if folder and not any(Path(folder).glob("fontlist-*")):
        import_module("matplotlib.font_manager")


def main(arguments: list[str]) -> int:
    """Execute the spec in the named JSON file; failure is told on standard error."""
    stop_with_parent()
    _list_fonts()
    spec = Spec(**json.loads(Path(arguments[0]).read_text("utf-8")))
    try:
        execute(spec)
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def save_spec(spec: Spec, path: Path) -> None:
    """Write a spec for `main`."""
    write_json(path, asdict(spec))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
