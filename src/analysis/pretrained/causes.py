"""Why contrast matters to a frozen net: other ways of feeding, and the net changed inside.

All is read off the table of `analysis.pretrained.looks`, chirps alone. What `inside` says was
stated before it was measured is set beside what was found by `expectations`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.evidence.contrasts import corrected
from analysis.evidence.words import points
from analysis.pretrained.choices import (
    CELL,
    COLOURS,
    GRID,
    Choice,
    chosen,
    compared,
    main_scores,
)
from analysis.pretrained.contrast import FRONTS, LINES, NEUTRAL, PROBES
from analysis.pretrained.efficientnet import TAPS
from analysis.pretrained.inside import CHANGES, SITES
from analysis.pretrained.looks import BARE

_FOLDS = ["draw", "fold"]

#: Directions that a front chooses from, and contrasts: those at which every one was measured.
_DIRECTIONS, _SEARCHED = (*LINES, *FRONTS), GRID[1:3]


def exchanged(table: pd.DataFrame) -> pd.DataFrame:
    """Scores at +5 dB when padding or weights are exchanged, by arm and contrast."""
    usual = table[(table.task == "chirp ends") & (table.snr == 5) & (table.blur == 0)]
    usual = usual[np.isclose(usual.middle, NEUTRAL) & usual.probe.isin(PROBES)]
    where = {("imagenet", "none"): "pretrained", ("random", "none"): "random weights",
             ("imagenet", "circular padding"): "pretrained, no edges"}  # fmt: skip
    names = [where.get(pair, "") for pair in zip(usual.net, usual.change, strict=True)]
    both = usual.assign(way=names)
    shown = both.arm.isin(("gray", "red–blue")) & both.contrast.isin((1.0, 0.1)) & (both.way != "")
    means = both[shown].groupby(["way", "arm", "contrast", "probe"]).test.mean()
    return means.reset_index().rename(columns={"test": "score"})


# --- other ways of feeding -------------------------------------------------------------------


def ways_of_feeding(table: pd.DataFrame) -> pd.DataFrame:
    """Scores of chirps in much noise, however they are fed: ``arm`` says blur and middle too."""
    mine = table[(table.net == "imagenet") & (table.change == "none") & ~table.arm.isin(BARE)]
    mine = mine[(mine.task == "chirp ends") & (mine.snr < 20) & mine.probe.isin(PROBES)]
    full = mine[mine.arm.isin(("gray", *COLOURS)) & (mine.contrast == 1) & (mine.blur == 0)]
    mine = pd.concat([mine, full.assign(middle=0)])  # at full contrast no middle matters
    how = np.where(mine.blur > 0, ", blurred", np.where(mine.middle == 0, ", around black", ""))
    return mine.assign(arm=mine.arm + how).reset_index(drop=True)


def beside(table: pd.DataFrame) -> pd.DataFrame:
    """Whatever chirps are fed as, at its best contrast, against plain gray at its own.

    "front" takes the best of all directions, at the contrasts at which each was measured, fold by
    fold. ``full`` and ``place``: mean scores at full contrast, which no front has, and at the best
    read by place. Corrected over the whole table.
    """
    mine = ways_of_feeding(table)
    ways: dict[str, tuple[tuple[str, ...], tuple[float, ...]]]
    ways = {name: ((name,), GRID) for name in mine.arm.unique() if name not in FRONTS}
    ways["front"] = (_DIRECTIONS, _SEARCHED)
    rows = []
    for name, way in ways.items():
        place = _means(mine, (*way, "by place"))
        full = _means(mine, (way[0], (1.0,), "head"))
        for snr, row in _against(mine, way, (("gray",), GRID)).items():
            ends = {"full": np.nan if name == "front" else full[snr], "place": place[snr]}
            rows.append({"snr": snr, "fed": name} | row | ends)
    by = ["snr", "score"]
    return corrected(pd.DataFrame(rows)).sort_values(by, ascending=False, ignore_index=True)


def taken(table: pd.DataFrame, arm: str) -> tuple[int, int]:
    """In how many folds a front takes one direction; and of how many."""
    found = chosen(ways_of_feeding(table), (_DIRECTIONS, _SEARCHED, "head"))
    return int((found.arm == arm).sum()), len(found)


def _means(mine: pd.DataFrame, choice: Choice) -> pd.Series:
    return chosen(mine, choice).groupby("snr").test.mean()


def _against(
    mine: pd.DataFrame, *ways: tuple[tuple[str, ...], tuple[float, ...]]
) -> dict[float, dict[str, float]]:
    """Compare the best of some arms and contrasts, read off the average, with others, by noise."""
    keys = [*CELL, *_FOLDS]
    first, second = (chosen(mine, (*way, "head")).set_index(keys) for way in ways)
    both = first[["test"]].join(second.test.rename("reference")).reset_index()
    return {float(snr): compared(cell) for snr, cell in both.groupby("snr")}  # type: ignore[arg-type]


# --- the net changed inside ------------------------------------------------------------------


def _read(table: pd.DataFrame, snr: float = 5.0) -> Any:
    """Scores of chirps by Lite0 around its own gray: columns "arm" to "probe" in the index."""
    mine = table[(table.task == "chirp ends") & (table.snr == snr) & (table.net == "imagenet")]
    mine = mine[(mine.blur == 0) & np.isclose(mine.middle, NEUTRAL)]
    return mine.set_index(["arm", "contrast", "change", "probe"]).sort_index()


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Say what each change of the net is worth to gray at full contrast, read off the average.

    ``way`` and ``site``, where a change has them; ``mended``: its share of what the best contrast
    adds to the net as it is. Corrected over all changes.
    """
    mine = _read(table)
    full = mine.loc[("gray", 1.0, "none", "head")].set_index(_FOLDS).test
    rows = []
    for change in CHANGES[1:]:
        cell = mine.loc[("gray", 1.0, change, "head")].set_index(_FOLDS)
        site = next((site for site in SITES if change.endswith(f" {site}")), "")
        row = {"change": change, "way": change.removesuffix(site).strip(), "site": site}
        both = cell[["test"]].assign(reference=full).reset_index()
        rows.append(row | compared(both))
    found = corrected(pd.DataFrame(rows))
    ends = {f"score_{end}": full.mean() + found[end] for end in ("low", "high")}
    return found.assign(mended=found.difference / (_best_gray(table) - full.mean()), **ends)


def _best_gray(table: pd.DataFrame) -> float:
    """Mean score of gray at its best contrast, at +5 dB."""
    best = chosen(main_scores(table), (("gray",), GRID, "head"))
    return float(best[(best.task == "chirp ends") & (best.snr == 5)].test.mean())


def by_site(found: pd.DataFrame) -> pd.DataFrame:
    """Give every way of `changes` all its sites: up to the first is at it, and so is from the last.

    ``place`` counts the sites, from 0.
    """
    first, last = SITES[0], SITES[-1]
    named = found[found.site != ""].set_index("change", drop=False)
    same = {
        f"straight at {first}": ("straight up to", first),
        f"straight at {last}": ("straight from", last),
        f"straight up to {last}": ("straight from", first),
    }
    more = [named.loc[[change]].assign(way=way, site=site) for change, (way, site) in same.items()]
    every = pd.concat([named, *more], ignore_index=True)
    return every.assign(place=every.site.map(SITES.index)).sort_values(["way", "place"])


def by_depth(table: pd.DataFrame) -> pd.DataFrame:
    """Ask each depth's average: ``score`` (R²) and ``share`` (of its variance, the chirp's)."""
    rows: list[pd.DataFrame] = []
    for snr in (5.0, -10.0):
        mine = _read(table, snr).xs("none", level="change")
        wide = mine.groupby(["arm", "contrast", "probe"]).test.mean()
        wide = wide.unstack("probe").dropna(subset=["nearest"])
        for i, tap in enumerate(TAPS):
            own = wide[[tap, f"signal, {tap}"]].set_axis(["score", "share"], axis=1)
            rows.append(own.reset_index().assign(snr=snr, tap=tap, depth=i))
    return pd.concat(rows, ignore_index=True)


def expectations(table: pd.DataFrame) -> pd.DataFrame:
    """Set what was stated in `inside` beside what was found: ``expected``, ``found``, ``right``."""
    of = changes(table).set_index("change")
    gain, mended = of.difference, of.mended
    mine = _read(table).groupby(["arm", "contrast", "change", "probe"]).test.mean()
    gray = mine["gray"].unstack("contrast").loc["none"]
    low = gray[0.1] - gray[1.0]  # what a tenth of the contrast adds, by probe
    single = mended[[f"straight at {site}" for site in SITES]].max()
    whole, first = gain[f"straight up to {SITES[-1]}"], gain[f"straight at {SITES[0]}"]
    high, early, late = gain[
        ["thresholds × 10", f"quiet behind {SITES[0]}", f"quiet behind {SITES[-3]}"]
    ]
    parts = {
        part: [
            mine[arm, 1.0, f"{part} × 0.1", "head"] - mine[arm, 1.0, "none", "head"]
            for arm in ("viridis", "turbo")
        ]
        for part in ("luminance", "opponents")
    }
    front = beside(table).set_index(["fed", "snr"]).difference["front"]
    rows = [
        ("1. straight everywhere: 10 points or more", [whole], whole >= 0.1),
        (
            "2. no single site made straight mends half (% by the best)",
            [single],
            single < 0.5,
        ),
        (
            "3. less than 5 points by the first layer made straight, or its thresholds raised; "
            "quiet behind it as good as in front (less that)",
            [first, high, early - low["head"]],
            max(first, high, abs(early - low["head"])) < 0.05,
        ),
        (
            "4. quiet behind block 15 less than half as good as in front (points each)",
            [late, low["head"]],
            late < low["head"] / 2,
        ),
        (
            "5. nearest neighbours gain by a tenth of the contrast, less than regression",
            [low["nearest"], low["head"]],
            0 < low["nearest"] < low["head"],
        ),
        (
            "6. the chirp's share of the last average is not smaller at full contrast (% each)",
            [gray[1.0]["signal, head"], gray[0.1]["signal, head"]],
            gray[1.0]["signal, head"] >= gray[0.1]["signal, head"],
        ),
        (
            "7. viridis and turbo: better by a tenth of the luminance, not of the opponents",
            [*parts["luminance"], *parts["opponents"]],
            min(parts["luminance"]) > 0 >= max(parts["opponents"]),
        ),
        (
            "8. a front chosen: 5 points or more better than gray at −10 dB, less at +5",
            [front[-10.0], front[5.0]],
            front[-10.0] >= 0.05 > front[5.0],
        ),
    ]
    said = [(text, "; ".join(map(points, values)), bool(right)) for text, values, right in rows]
    return pd.DataFrame(said, columns=["expected", "found", "right"])
