"""Differences of arms, on tables whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.pictures import steps
from analysis.pretrained import pieces, readings
from analysis.pretrained.pieces import Cell, Look, Net, Piece

PRETRAINED = Net()
NOISE = np.random.default_rng(1).normal(scale=0.003, size=(40, 20))


def tables(
    scores: dict[Piece, np.ndarray], probes: tuple[str, ...] = ("head",)
) -> dict[str, pd.DataFrame]:
    """Tables of pieces about chirps with given scores, a fold each."""
    results = []
    for one, values in scores.items():
        read = ("pixels",) if isinstance(one, Look) and one.bare else probes
        rows = [
            ("chirp ends", p, k, score, score + 0.1) for p in read for k, score in enumerate(values)
        ]
        results.append({"rows": pd.DataFrame(rows, columns=pieces._ROW).to_dict("list")})
    return pieces._tables(list(scores), results)


def look(encoding: str = "gray3", net: Net = PRETRAINED, draw: int = 1, **how: object) -> Look:
    return Look("chirps", draw, 24, net, encoding, **how)  # type: ignore[arg-type]


def test_colour_is_compared_fold_by_fold_and_the_usual_are_averaged() -> None:
    gains = {"viridis": 0.1, "magma": -0.1, "turbo": 0.3, "jet": 0.1, "random-curve": 0.0}
    base = np.random.default_rng(2).random(10)
    given = {look(): base} | {
        look(e): base + g + NOISE[i, :10] for i, (e, g) in enumerate(gains.items())
    }
    found = readings.colour_effects(readings.frozen(tables(given))).set_index("encoding")
    for encoding, gain in gains.items():
        assert found.difference[encoding] == pytest.approx(gain, abs=0.005)
    assert found.difference[readings.USUAL] == pytest.approx(0.1, abs=0.003)
    differences = base + 0.1 + NOISE[0, :10] - base
    reach = stats.t.ppf(0.975, 9) * differences.std(ddof=1) * np.sqrt(1 / 10 + 1 / 11)
    assert found.high["viridis"] - found.difference["viridis"] == pytest.approx(reach)
    assert (found.pairs == 10).all()


def test_random_nets_are_averaged_and_gains_subtracted() -> None:
    given = {}
    for i, encoding in enumerate(("gray3", *readings.COLOURS)):
        gain = float(encoding != "gray3")
        given[look(encoding)] = 0.5 + 0.2 * gain + NOISE[i, :10]
        for seed, own in enumerate((0.0, 0.1)):
            given[look(encoding, Net("random", seed))] = 0.1 + own * gain + NOISE[9 + i, :10]
    table = readings.interactions(readings.frozen(tables(given)), 224).set_index("gain")
    assert table.difference.round(2).to_dict() == {
        "pretrained": 0.2,
        "random": 0.05,
        "interaction": 0.15,
    }
    assert table.decided.to_dict() == {"pretrained": 1, "interaction": 1, "random": 0}


def test_a_pretrained_net_is_set_against_random_nets_and_no_net() -> None:
    probes = tuple(readings.READ)
    given = {
        look(): 0.5 + NOISE[0, :10], look(net=Net("random")): 0.2 + NOISE[1, :10],
        look(bare=True, side=64): 0.8 + NOISE[2, :10],
    }  # fmt: skip
    found = readings.harms(readings.frozen(tables(given, probes)), 224).set_index(
        ["control", "probe"]
    )
    assert len(found) == 6
    assert (found.decided["no net"] == -1).all()
    assert (found.decided["random nets"] == 1).all()
    absolute = readings.absolute(readings.frozen(tables(given, probes)), 224)
    assert absolute["no net"].item() == pytest.approx(0.8, abs=0.005)


def lessons(**arms: float) -> pd.DataFrame:
    rows = [
        {"task": "chirp ends", "encoding": e, "weights": w, "length": 150, "seed": j, "train": 0.9}
        | {"test": score + 5 * NOISE[j + 5 * (w == "random"), 0]}
        for (e, w), score in ((name.split("_"), score) for name, score in arms.items())
        for j in range(5)
    ]
    return pd.DataFrame(rows)


def test_starts_are_paired_by_seed() -> None:
    nets = lessons(gray3_imagenet=0.9, gray3_random=0.7, viridis_imagenet=0.95)
    (row,) = readings.starts(nets).to_dict("records")
    assert row["difference"] == pytest.approx(0.2, abs=0.02)
    assert row["decided"] == 1


def test_the_factorial_comes_back_with_its_steps() -> None:
    gains = dict(zip(readings.FACTORS, (0.2, -0.05, 0.0, 0.01, 0.03, -0.02, 0.3), strict=True))
    given: dict[Piece, np.ndarray] = {}
    for on in steps.cells():
        taken = tuple(step for step in steps.STEPS if step in on)
        for weights in pieces.STARTS:
            score = sum(gains[step] for step in taken) + gains["pretrained"] * (
                weights == "imagenet"
            )
            given[Cell("chirps", 1, 24, taken, weights, 64, 128)] = 0.1 + score + NOISE[0, :10]
    runs = readings.step_runs(tables(given))
    assert len(runs) == 10 * 2 ** len(readings.FACTORS)
    shares = readings.step_shares(runs)
    both = shares[shares.net == "both"].set_index("factor")
    for factor, gain in gains.items():
        assert both.difference[factor] == pytest.approx(gain, abs=1e-9)
    assert set(shares.net) == {"both", "pretrained", "random"}


def test_only_draws_under_as_many_normalisations_are_averaged() -> None:
    first, second = np.full(10, 0.2), np.full(10, 0.6)
    given = {look(norm=n): first for n in ("own", "unit", "standardised")} | {look(draw=2): second}
    grid = readings.normalisations(readings.frozen(tables(given)), 224)
    assert grid["mean"].round(6).tolist() == [0.2] * 3
