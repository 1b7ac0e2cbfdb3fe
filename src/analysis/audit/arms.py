"""What networks are fed: the encodings that are compared, and the combinations of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.audit.plan import Plan
from analysis.pictures import encodings, steps
from analysis.pictures.steps import Pipeline
from analysis.recordings.recordings import Recordings

Floats = NDArray[np.float32]

_SHARED_BYTES = 3_000_000  # of the spectrograms, below which pictures are kept between runs


def arms_of(data: Recordings, plan: Plan, colormap: str) -> tuple[str, ...]:
    """Name the encodings that are compared: raw, a second run of it, copies, and the colours.

    The second run, ``again``, is raw with another seed: a comparison whose true difference is 0.
    Pictures in colour add the colours as they were saved.
    """
    saved = ("saved",) if data.planes.shape[1] == 4 else ()
    return tuple(dict.fromkeys(("raw", "again", "gray3", *saved, colormap, *plan.colours)))


def arm_images(data: Recordings, arm: str, train: NDArray[Any]) -> Floats:
    """Pictures that a network is fed in an arm of `arms_of`, standardised by the training rows."""
    if arm == "saved":
        return steps.standardise(data.planes[:, 1:], train)
    values = steps.prepare(data.magnitude(), {"log"}, train)
    if arm not in ("raw", "again"):
        values = encodings.encode(values[:, 0], "gray8" if arm == "gray" else arm)
    return steps.standardise(values, train)


#: Pictures of cells that do not depend on the training set, by data, cell and colormap: with each
#: image's own range, all runs of a process can share them. Coding them is what costs.
_SHARED: dict[tuple[Any, ...], Floats] = {}


def cell_images(data: Recordings, number: int, train: NDArray[Any], colormap: str) -> Floats:
    """Pictures of a cell of the steps."""
    cell = steps.cells()[number]
    how = _pipeline(data, colormap)
    if "scaling" not in cell or data.planes.nbytes > _SHARED_BYTES:
        return steps.prepare(data.magnitude(), cell, train, how)
    print_ = data.digest()
    key = (print_, number, colormap)
    if key not in _SHARED:
        if _SHARED and next(iter(_SHARED))[0] != print_:
            _SHARED.clear()
        _SHARED[key] = steps.prepare(data.magnitude(), cell, train, how)
    return _SHARED[key]


def _pipeline(data: Recordings, colormap: str) -> Pipeline:
    rows, columns = data.planes.shape[2:]
    return Pipeline(size=(max(4, rows // 2), max(4, columns // 2)), colormap=colormap)
