"""Many independent pieces of work, in processes or on a cluster, each kept as soon as it is done.

A sweep that was killed goes on where it was: finished pieces are read from the folder `store`.
Results do not depend on the executor, nor on the number of processes.

    results = sweeps.run(work, executor="loky", store=sweeps.checkpoint_folder("auto", "chapter"))
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from analysis.files import build_folder
from analysis.imports import closure, file_of, import_graph
from analysis.nets.checkpoints import load_atomic, save_atomic

#: Processes on this machine; none; or a Dask cluster, through joblib (needs `distributed`).
EXECUTORS = ("loky", "serial", "dask")


@dataclass(frozen=True)
class Work:
    """A piece of work."""

    key: str  # fingerprint of all that the result depends on, code and data included
    #: Called with `arguments`, in another process perhaps, on one thread. It returns a dict that
    #: `save_atomic` can write: of tensors, numbers, strings, and lists and dicts of them.
    function: Callable[..., dict[str, Any]]
    arguments: tuple[Any, ...]
    size: int = 1  # how much the progress bar moves
    cost: float = 1.0  # long pieces go first, so that none is left over at the end


def run(
    work: Sequence[Work],
    *,
    executor: str = "loky",
    jobs: int = 0,
    address: str = "",
    store: Path | None = None,
    description: str = "",
    unit: str = "net",
    tell: Callable[[int, int, float], None] | None = None,
    charge: Callable[[float], None] | None = None,
) -> list[dict[str, Any]]:
    """Do all pieces that are not done yet; give each one's result, in order.

    `executor` is of `EXECUTORS`; `jobs` are loky's processes, 0 for as many as there are cores;
    `address` is that of the Dask scheduler, such as ``"tcp://10.0.0.1:8786"``. In `store` each
    result is kept: what was made by other code or of other data has another key, and is made anew.
    `tell` is called as each piece is done, with the sizes that are done and in all, kept ones
    included, and with the seconds that the rest will take, if it goes on like this; `charge` with
    the processor's seconds of each piece, kept ones included.

    >>> run([Work("key", dict, ([("sum", 3)],))], executor="serial")
    [{'sum': 3}]
    """
    if executor not in EXECUTORS:
        raise ValueError(f"executor must be one of {', '.join(EXECUTORS)}, not {executor!r}")
    results: list[dict[str, Any]] = [{} for _ in work]
    todo = []
    for i, one in enumerate(work):
        known = load_atomic(path_of(store, one.key), one.key) if store else None
        if known is None:
            todo.append(i)
        else:
            results[i] = known["found"]
            if charge:
                charge(known["seconds"])
    total, left = (sum(work[i].size for i in some) for some in (range(len(work)), todo))
    kept, start = total - left, time.monotonic()
    todo.sort(key=lambda i: -work[i].cost)
    calls = [delayed(_numbered)(i, work[i].function, *work[i].arguments) for i in todo]
    with tqdm(total=total, initial=kept, desc=description, unit=unit, disable=None) as bar:
        for i, found, seconds in _executed(calls, executor, jobs, address):
            if store:
                kept_piece = {"found": found, "seconds": seconds}
                save_atomic(path_of(store, work[i].key), work[i].key, kept_piece)
            results[i] = found
            if charge:
                charge(seconds)
            bar.update(work[i].size)
            left -= work[i].size
            if tell:
                pace = (time.monotonic() - start) / (total - kept - left)
                tell(total - left, total, pace * left)
    return results


def _numbered(index: int, function: Callable[..., Any], *arguments: Any) -> tuple[int, Any, float]:
    with one_thread():
        start = time.thread_time()
        found = function(*arguments)
        return index, found, time.thread_time() - start


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: processes share the cores, and sums come out the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fingerprint(*parts: object) -> str:
    """Digest of the code and the data that a result depends on, for the key of a piece of work.

    A module stands for its code and that of all modules of its package that it imports, directly or
    not; what only people read, comments and docstrings, does not count. Other parts are functions,
    classes, arrays or anything with a faithful ``repr``. The versions of torch and NumPy count too.

    >>> fingerprint(3) == fingerprint(3) != fingerprint(4)
    True
    """
    found = hashlib.sha256(f"{torch.__version__} {np.__version__}".encode())
    for part in parts:
        if inspect.ismodule(part):
            found.update(code_digest(part).encode())
        elif callable(part):
            found.update(inspect.getsource(part).encode())
        elif isinstance(part, np.ndarray):
            found.update(f"{part.dtype} {part.shape}".encode() + part.tobytes())
        else:
            found.update(repr(part).encode())
    return found.hexdigest()


def code_digest(module: ModuleType) -> str:
    """Digest of the code of a module and of all that it imports from its own package.

    The same under every version of Python, NumPy and torch; comments and docstrings do not count.
    """
    found = hashlib.sha256()
    for path in _imported(module.__name__, Path(str(module.__file__))):
        found.update(f"{path.name} {_code_of(path)}\n".encode())
    return found.hexdigest()


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def _code_of(path: Path) -> str:
    return _spelled(ast.parse(path.read_bytes()))


def _spelled(node: object) -> str:
    """Spell a syntax tree without places, empty fields and docstrings: all versions do it alike."""
    if isinstance(node, list):
        return f"[{','.join(map(_spelled, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            value = value[1:]
        if value not in (None, []):
            parts.append(f"{name}={_spelled(value)}")
    return f"{type(node).__name__}({','.join(parts)})"


@cache
def _imported(module: str, path: Path) -> list[Path]:
    """Files of a module and of all that it imports from its own package."""
    graph = _graph(module.partition(".")[0])
    if module not in graph.modules:
        return [path]  # a script, or a module beside no package
    return sorted(map(file_of, closure(graph, [module], packages=path.name == "__init__.py")))


@cache
def _graph(package: str) -> Any:
    return import_graph(package)


def _executed(
    calls: list[Any], executor: str, jobs: int, address: str
) -> Iterator[tuple[int, dict[str, Any], float]]:
    """Yield results as they are ready."""
    if not calls:
        return
    if executor == "serial":
        yield from (function(*arguments, **named) for function, arguments, named in calls)
    elif executor == "loky":
        count = jobs or os.cpu_count() or 1
        pool = Parallel(n_jobs=count, backend="loky", return_as="generator_unordered", batch_size=1)
        with (
            warnings.catch_warnings()
        ):  # a busy machine makes loky remark that a worker was renewed
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            yield from pool(calls)
    else:
        with _client(address) as client, parallel_config(backend="dask", client=client):
            yield from Parallel(return_as="generator_unordered", batch_size=1)(calls)


def _client(address: str) -> Any:
    """Connect to a Dask scheduler."""
    if find_spec("distributed") is None:
        raise RuntimeError(
            "executor 'dask' needs the package distributed: pip install '.[cluster]'"
        )
    return import_module("distributed").Client(address)


def path_of(store: Path, key: str) -> Path:
    """File that keeps a piece's result."""
    return store / f"{key[:32]}.stack"


def checkpoint_folder(choice: str, name: str) -> Path | None:
    """Find the folder that finished pieces are kept in.

    `choice` is ``"none"``, a folder, or ``"auto"``: in the build's folder (`files.build_folder`),
    so that cleaning the build removes it; `name` is the chapter.

    >>> checkpoint_folder("none", "chapter") is None
    True
    """
    if choice == "none":
        return None
    if choice != "auto":
        return Path(choice).expanduser()
    return build_folder() / "checkpoints" / name
