"""Fuzz a reader with coverage as the guide: ``python -m tests.fuzz wav -max_total_time=60``.

Needs atheris (``pip install '.[fuzz]'``); further arguments go to libFuzzer.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """Fuzz the target that the first argument names, until libFuzzer ends."""
    if find_spec("atheris") is None:
        print("atheris is not installed: pip install '.[fuzz]'", file=sys.stderr)
        return 2
    import atheris

    with atheris.instrument_imports(include=["analysis", "PIL", "soundfile", "zipfile"]):
        from tests.fuzz.targets import TARGETS
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        print(f"name a reader: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    whole, read = TARGETS[sys.argv.pop(1)]
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name) / "corpus"
        corpus.mkdir()
        (corpus / "whole").write_bytes(whole)
        atheris.Setup([*sys.argv, str(corpus)], lambda content: read(Path(name), content))
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
