"""What a module imports from its own package: the files that its results depend on."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any


def import_graph(package: str) -> Any:
    """Build grimp's graph of the imports within a package."""
    import grimp

    return grimp.build_graph(package, cache_dir=None)


def closure(graph: Any, modules: Iterable[str], packages: bool = False) -> set[str]:
    """Modules and all that they import; with `packages`, each stands for all of its modules."""
    found = set(modules)
    for module in tuple(found):
        found |= graph.find_upstream_modules(module, as_package=packages)
        found |= graph.find_descendants(module) if packages else set()
    return found


def file_of(module: str) -> Path:
    """File of a module, or of a package's ``__init__``."""
    package, *names = module.split(".")
    path = Path(str(import_module(package).__file__)).parent.joinpath(*names)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
