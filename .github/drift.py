"""Steps of the weekly run with unpinned packages (workflows/drift.yml).

drift.py packages            declared packages whose installed version is not the locked one
drift.py versions            every locked package with another version, or none, installed
drift.py numbers OLD NEW     numbers and verdicts that differ between two folders of results
drift.py issue FOLDER FILE   title and text of an issue from the logs, one a package to blame, and
                             from the versions
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

#: Lines of a log that an issue shows.
LINES = 30


def drifted(root: Path) -> list[str]:
    """Name the packages that pyproject.toml declares and whose version is not the lock's."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    texts = project["dependencies"] + project["optional-dependencies"]["test"]
    names = [re.split(r"[^A-Za-z0-9_.-]", text)[0].lower() for text in texts]
    locked = _locked(root)
    return [name for name in names if name in locked and _installed(name) != locked[name]]


def versions(root: Path) -> list[str]:
    """Tell what became of each locked package, those that others bring along included."""
    now = {name: _installed(name) or "none" for name in _locked(root)}
    return [f"{n} {old} became {now[n]}" for n, old in _locked(root).items() if now[n] != old]


def _locked(root: Path) -> dict[str, str]:
    lines = (root / "requirements.lock").read_text("utf-8").split()
    return {name.lower(): number for name, number in (line.split("==") for line in lines)}


def _installed(name: str) -> str:
    """Tell a version without its local part, such as torch's +cpu."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return ""


def differences(old: Path, new: Path) -> list[str]:
    """Tell which numbers, as pages show them, and verdicts are not the same in both folders."""
    found = []
    for path in sorted(old.glob("*/*.json")):
        other = new / path.relative_to(old)
        values = [json.loads(p.read_text("utf-8")) if p.exists() else {} for p in (path, other)]
        for name in sorted(values[0].keys() | values[1].keys()):
            before, after = (_shown(value.get(name, {})) for value in values)
            if before != after:
                found.append(f"{path.parent.name}: {name}: {before} became {after}")
    return found


def _shown(entry: dict[str, object]) -> object:
    return entry.get("text", entry.get("verdict", "nothing"))


def issue(folder: Path, changed: Path) -> str:
    """Write a title, below it the end of each log, and what else may be to blame."""
    logs = sorted(folder.glob("*.txt")) if folder.exists() else []
    names = ", ".join(path.stem for path in logs) or "only several packages together"
    parts = [f"Drift: {names}"]
    for path in logs:
        end = "\n".join(path.read_text("utf-8").splitlines()[-LINES:])
        parts.append(f"## {path.stem}\n\n```text\n{end}\n```")
    found = changed.read_text("utf-8").strip() if changed.exists() else "not known"
    parts.append(f"## Versions that are not the lock's\n\n```text\n{found}\n```")
    return "\n\n".join(parts)


def main(arguments: list[str]) -> int:
    """Run one of the steps."""
    match arguments:
        case ["packages"]:
            print(json.dumps(drifted(Path.cwd())))
        case ["numbers", old, new]:
            found = differences(Path(old), Path(new))
            print("\n".join(found))
            return 1 if found else 0
        case ["versions"]:
            print("\n".join(versions(Path.cwd())))
        case ["issue", folder, changed]:
            print(issue(Path(folder), Path(changed)))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
