"""Tell whether colour helps on a reader's own recordings, and which step of saving did it.

The chapter's module: its settings, the set that its page shows, and what is written beside the
report. `analysis.audit` does the work: `plan`, `crossvalidation`, `differences`, `cues`, `words`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from numpy.typing import NDArray

from analysis.audit.arms import arms_of
from analysis.audit.crossvalidation import Outcome
from analysis.audit.cues import level_use, suspects
from analysis.audit.differences import (
    Difference,
    accuracies,
    confusion,
    learning_curve,
    noise_floor,
    step_table,
)
from analysis.audit.folds import clusters_of
from analysis.audit.handover import Prepared
from analysis.audit.plan import LADDER, NETWORKS, Plan, choose_plan
from analysis.audit.words import headline, recommendation, warnings
from analysis.bands import forecast as forecasting
from analysis.bands.forecast import Forecast
from analysis.nets import sweeps
from analysis.pictures import encodings, steps
from analysis.recordings.listing import METADATA, DataError, check_folder
from analysis.recordings.recordings import Recordings, load
from analysis.sound import datasets, soundfont

Floats = NDArray[np.float32]

#: What the profiles mean, where no time budget is given.
SETTINGS: dict[str, Plan] = dict.fromkeys(
    ("edition", "rehearsal"),
    Plan(20, folds=3, repeats=2, steps=50, most=240, shares=(0.3,), colours=("jet",)),
) | {"large": Plan(48, folds=5, repeats=5, steps=200, most=2000, tuning_seeds=2)}

#: Parameters of the chapter that say what is read, and how much is trained.
PREPARING = (
    *("data", "profile", "minutes", "group", "classes", "values"),
    *("jobs", "seed", "checkpoints", "handed"),
)


def _training(minutes: float) -> float:
    """Seconds after which training ends: a tenth and 20 s are left for figures and the report."""
    return 60 * max(0.5 * minutes, 0.9 * minutes - 1 / 3)


def prepared(
    data: str,
    profile: str = "edition",
    minutes: float = 0.0,
    group: str = "",
    classes: str = "",
    values: str = "auto",
    jobs: int = 0,
    seed: int = 0,
    checkpoints: str = "auto",
    handed: str = "",
) -> Prepared:
    """Choose the plan and read the recordings, as the chapter's parameters say.

    `data` is the data folder, "" for the `demonstration`; `profile` counts if `minutes`, the time
    budget, is 0; `group`, `classes` and `values` are those of
    `analysis.recordings.recordings.load`, `checkpoints` that of `store_of`. `handed` is the file in
    which the command handed over what it has prepared; "" if nobody has.
    """
    start = time.time()
    if handed:
        with suppress(OSError):  # gone, if the notebook is run again later
            return Prepared.load(Path(handed))
    store = store_of(checkpoints)
    own = store_for(Path(data), store) if data else None
    if data:
        check_folder(Path(data).expanduser())  # before the machine's speed is measured
    if minutes < 0:
        raise DataError(f"minutes must be positive, got {minutes:g}.")
    plan = choose_plan(minutes, jobs, own) if minutes else SETTINGS[profile]
    size = (plan.side, plan.side)
    read = partial(load, group=group, classes=classes, values=values, size=size, jobs=jobs)
    if data:
        folder = Path(data).expanduser()
        check_outside(folder, *([store] if store else []))
        cache = store / "spectrograms.sqlite" if store else None
        found = read(folder, cache=cache)
        if minutes and plan == LADDER[0]:
            return Prepared(replace(found, notes=(*found.notes, _SMALLEST)), plan)
        return Prepared(found, plan, start + _training(minutes) if minutes else math.inf)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "demonstration"
        demonstration(folder, seed)
        return Prepared(read(folder), plan)


def foretold(data: Recordings, seed: int = 0) -> Forecast | None:
    """Forecast what colour does on the recordings, of which those given as test are not looked at.

    None where there are too few groups to tell.
    """
    rows = np.flatnonzero(data.split != "test")
    return forecasting.forecast(
        data.planes[rows, 0], data.labels[rows], clusters_of(data)[rows], seed
    )


def told(said: Forecast | None, found: Sequence[Difference] = (), colormap: str = "") -> list[str]:
    """Say what was `foretold`, and whether it was right once it is `found` what colour gains."""
    if said is None:
        need = "four groups of recordings, and the edition that it is calibrated by"
        return [f"No band index, and no prediction: that needs {need}."]
    small = [one.interval for one in found if (one.network, one.name) == ("small", colormap)]
    return [said.told(), *map(said.outcome, small)]


_SMALLEST = (
    "The time budget bought the smallest plan only, which may take longer than was asked for and "
    "sees large differences alone: give it more minutes."
)


def store_name(folder: Path) -> str:
    """Name a data folder by its place: what belongs to one does not mix with another's."""
    return hashlib.sha256(os.fsencode(folder.expanduser().resolve())).hexdigest()[:8]


def store_for(folder: Path, store: Path | None) -> Path | None:
    """Find the part of a store that belongs to a data folder."""
    return store / store_name(folder) if store else None


_LEVEL = 0.03  # of each instrument of the demonstration, of full scale: hardly a note clips


def demonstration(folder: Path, seed: int = 0) -> None:
    """Write a small folder of recordings, with a ``metadata.csv`` and some bad files.

    Single notes of many instruments, each brought to the same mean level, as whoever mixes them
    does; the class is how hard the key was struck, ``soft`` or ``loud``, and the groups are the
    instruments. So the answer is known in part: loudness tells the class, and who scales each image
    by its own range throws it away. Five files are such as any folder may hold: an empty one, a
    silent one, one that is no sound, a copy, and one in the table that is not there.
    """
    notes = datasets.instruments()
    rng = np.random.default_rng([seed, 8])
    folder.mkdir(parents=True, exist_ok=True)
    power = np.square(notes.waveforms, dtype=np.float64).mean(1)
    gains = {name: _LEVEL / np.sqrt(power[notes.groups == name].mean()) for name in notes.groups}
    rows = []
    for i in np.sort(rng.permutation(len(notes))[:240]):
        file, instrument = f"{notes.clips[i]}.wav", notes.groups[i]
        wave = gains[instrument] * notes.waveforms[i]
        soundfile.write(folder / file, wave, notes.sample_rate, "PCM_16")
        soft = file.endswith(f"v{min(soundfont.VELOCITIES):03d}.wav")
        rows.append((file, "soft" if soft else "loud", str(instrument)))
    (folder / "empty.wav").write_bytes(b"")
    (folder / "no sound.wav").write_text("this is text")
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000, "PCM_16")
    (folder / "z copy.wav").write_bytes((folder / rows[0][0]).read_bytes())
    for file in ("empty.wav", "no sound.wav", "silent.wav", "z copy.wav", "lost.wav"):
        rows.append((file, rows[0][1], rows[0][2]))
    table = pd.DataFrame(rows, columns=["file", "label", "group"])
    table.to_csv(folder / METADATA, index=False, lineterminator="\n")


def drawable(names: Sequence[str]) -> list[str]:
    r"""Shorten names for a figure; formulas are not set, and what the font lacks becomes "?".

    >>> drawable(["a$b$", "x" * 40])
    ['a\\$b\\$', 'xxxxxxxxxxxxxxxxx…']
    """
    known = _glyphs()
    found = []
    for name in names:
        short = name if len(name) <= 18 else name[:17] + "…"
        short = "".join(c if ord(c) in known else "?" for c in short)
        found.append(short.replace("$", r"\$"))
    return found


@cache
def _glyphs() -> frozenset[int]:
    """Characters that the figures' font has."""
    from matplotlib import font_manager, ft2font

    font = ft2font.FT2Font(font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())


def example_rows(outcome: Outcome) -> list[int]:
    """First recording of each class, for at most eight classes."""
    labels = outcome.data.labels
    return [int(np.flatnonzero(labels == k)[0]) for k in np.unique(labels)[:8]]


def examples(outcome: Outcome) -> dict[str, dict[str, Floats]]:
    """Show what each encoding makes of one recording of each class: class to arm to picture."""
    data, rows = outcome.data, example_rows(outcome)
    values = steps.prepare(data.magnitude(), {"log"}, np.arange(len(data)))[rows, 0]
    found: dict[str, dict[str, Floats]] = {}
    for row, value in zip(rows, values, strict=True):
        across = found.setdefault(data.label_names[data.labels[row]], {})
        for arm in arms_of(data, outcome.plan, outcome.colormap):
            if arm == "saved":
                across[arm] = np.moveaxis(data.planes[row, 1:], 0, -1)
            elif arm == "raw":
                across[arm] = value
            elif arm != "again":
                across[arm] = np.moveaxis(encodings.encode(value, arm), 0, -1)
    return found


def tables(
    outcome: Outcome, found: Sequence[Difference], audit: pd.DataFrame, pairs: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Collect the report's tables: name to table."""
    data = outcome.data
    left_out = pd.DataFrame([asdict(one) for one in data.left_out], columns=["name", "reason"])
    labels = np.array(data.label_names, dtype=object)[data.labels]
    recordings = data.measures.assign(
        file=data.files, label=labels, group=data.groups, split=data.split
    )
    return {
        "accuracy": accuracies(outcome, found),
        "steps": step_table(outcome, found),
        "learning-curve": learning_curve(outcome),
        "cues": audit,
        "twins": pairs,
        "labels": _suspects(outcome),
        "left-out": left_out,
        "recordings": recordings,
    }


def _suspects(outcome: Outcome) -> pd.DataFrame:
    """Labels that look wrong, by name."""
    data, found = outcome.data, suspects(outcome.probability, outcome.data.labels)
    names = np.array(data.label_names, dtype=object)
    label, other = names[data.labels[found.row]], names[found.other]
    return found.assign(file=data.files[found.row], label=label, other=other).drop(columns="row")


def results_of(
    outcome: Outcome,
    found: Sequence[Difference],
    audit: pd.DataFrame,
    pairs: pd.DataFrame,
    forecast: Sequence[str] = (),
) -> dict[str, Any]:
    """All results as plain values, for JSON: headline, recommendation, data, plan, every table.

    `forecast` is what was `told`.
    """

    def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
        return json.loads(frame.to_json(orient="records", double_precision=12))  # type: ignore[no-any-return]

    data = outcome.data
    warned = warnings(data, audit, pairs)
    return {
        "headline": headline(outcome, found, warned),
        "warnings": warned,
        "recommendation": recommendation(outcome, found),
        "forecast": list(forecast),
        "data": {
            "name": data.name,
            "recordings": len(data),
            "classes": dict(zip(data.label_names, np.bincount(data.labels).tolist(), strict=True)),
            "groups": len(np.unique(data.groups[data.groups != ""])),
            "kind": data.front.kind,
            "front_end": asdict(data.front),
            "digest": data.digest(),
        },
        "plan": asdict(outcome.plan),
        "seed": outcome.seed,
        "colormap": outcome.colormap,
        "accuracies": rows(accuracies(outcome, found)),
        "steps": rows(step_table(outcome, found)),
        "noise_floor": {network: noise_floor(outcome, network) for network in NETWORKS},
        "learning_curve": rows(learning_curve(outcome)),
        "confusion": {arm: confusion(outcome, arm).tolist() for arm in ("raw", outcome.colormap)},
        "cues": rows(audit),
        "twins": rows(pairs),
        "labels": rows(_suspects(outcome)),
        "level_use": rows(level_use(data)),
        "rates": rows(outcome.rates),
        "left_out": [asdict(one) for one in data.left_out],
        "notes": list(data.notes),
    }


def store_of(choice: str) -> Path | None:
    """Find the folder that finished runs and spectrograms are kept in.

    Parameters
    ----------
    choice : str
        ``"none"``, a folder, or ``"auto"``: inside the nearest folder called ``_build`` above the
        working directory, else one in it.

    Examples
    --------
    >>> store_of("none") is None
    True
    """
    return sweeps.checkpoint_folder(choice, "your-data")


def check_outside(folder: Path, *targets: Path) -> None:
    """Refuse to write into the data folder, or into a folder that holds it."""
    data = folder.expanduser().resolve()
    for target in targets:
        place = target.expanduser().resolve()
        if place == data or data in place.parents:
            raise DataError(
                f"{place} lies in the data folder, which is only read: give another place for it."
            )
        if place in data.parents:
            raise DataError(f"The data folder lies in {place}, where results would be written.")
