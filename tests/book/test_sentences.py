"""Fixed sentences of the chapters that compare: each must follow from the built numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.book.conftest import HTML


def ends(text: str) -> tuple[float, float]:
    """Ends of the interval in "−0.1 [−0.2, +0.3]"."""
    low, high = re.findall(r"[+−-]?\d+(?:\.\d+)?", text)[1:]
    return float(low.replace("−", "-")), float(high.replace("−", "-"))


def test_what_saving_costs(numbers: dict[str, Any]) -> None:
    errors = [numbers[f"saved-{way}-error"] for way in ("nopad", "imsave", "pillow")]
    assert errors[0] == min(errors)  # "`savefig` comes out best here"
    assert numbers["saved-lost-viridis-red"][1] > 0  # "a single channel is another matter"
    assert numbers["saved-mix-viridis"] < min(numbers["saved-mix-jet"], numbers["saved-mix-hsv"])
    assert (numbers["saved-loudness-lost"], numbers["saved-loudness-ways"]) == (7, 9)


def test_margins_of_one_neuron(numbers: dict[str, Any]) -> None:
    robust = {
        name: numbers[f"pixel-{name}-robust"]
        for name in ("gray", "viridis", "magma", "turbo", "jet", "hsv")
    }
    assert max(robust, key=robust.__getitem__) == "hsv"  # "and the most bands at 1/255"
    smooth, rainbows = ("viridis", "magma"), ("turbo", "jet", "hsv")
    assert max(robust[name] for name in smooth) < min(robust[name] for name in rainbows)
    assert numbers["pixel-bands-at-four"] == 0  # "No map has a band at 4/255"


def test_knots_that_are_learned(numbers: dict[str, Any]) -> None:
    assert numbers["relu-gray-written"] > numbers["relu-pieces-written"]
    for name in ("relu-approach", "relu-to-thirds"):
        assert ends(numbers[name])[1] > 0  # not surely nearer to viridis' knots, nor to the edges
    assert ends(numbers["relu-control"])[1] < 0  # "where bends are planted, knots do move to them"
    for frozen in ("relu-use", "relu-known"):  # "viridis beats a random colormap", frozen
        assert ends(numbers[frozen])[1] < 0
    for free in ("relu-both-early", "relu-both"):  # "worn off where you can"
        low, high = ends(numbers[free])
        assert low < 0 < high


def test_contrast_and_place(numbers: dict[str, Any]) -> None:
    gray, bare, line, viridis = (
        [float(score) for score in numbers[f"contrast-{name}"]]
        for name in ("gray-full", "bare", "line-full", "viridis-full")
    )
    for noise in range(3):  # gray is "worse than no net at all", and colour "helps"
        assert gray[noise] < min(bare[noise], line[noise], viridis[noise])
    assert float(numbers["contrast-line-best"][2]) > float(numbers["contrast-gray-best"][2])
    why = {way: numbers[f"contrast-why-{way}-full"] for way in ("zeros", "circular", "random")}
    assert why["circular"] < why["zeros"] / 2  # "from the edges for the most part"
    assert numbers["contrast-why-zeros-tenth"] > why["zeros"]  # the knob helps the pretrained net,
    assert numbers["contrast-why-random-tenth"] <= why["random"]  # and not the random one
    # "on recordings our account has predicted next to nothing"
    assert numbers["contrast-real-hits"][0] <= numbers["contrast-real-frequent"]


def test_depth_of_the_pretrained_net(numbers: dict[str, Any]) -> None:
    for name in ("forgot", "early"):  # the random net forgets; the pretrained one peaks early
        some, lines = numbers[f"transfer-depth-{name}"]
        assert 2 * some > lines


def test_one_point_of_the_phase_diagram_shows_a_gain_or_a_loss(numbers: dict[str, Any]) -> None:
    if numbers["trained-phase-task"].startswith("spoken"):  # without recordings: textures alone
        assert ends(numbers["trained-phase-scarce"])[1] < 0
    assert re.findall(r"([+−])[\d.]+ \[", numbers["trained-limited-gain"]) == ["+"] * 4


def test_no_page_puts_its_reader_off_to_another_run() -> None:
    pages = sorted((HTML / "book").glob("*.html"))
    if not pages:
        pytest.skip("the book is not built: run `make book` first")
    for page in pages:
        text = re.sub(r"<[^>]*>|\s+", " ", page.read_text("utf-8"))
        put_off = (
            r"more seeds (and|would)[^.]*|profile\W{1,4}(quick|full)\b|\bquick (book|profile|run)"
        )
        assert not (found := re.search(put_off, text)), (page.name, found)


def test_what_three_channels_hold(numbers: dict[str, Any]) -> None:
    def spent(task: str, network: str, arm: str, against: str = "raw") -> tuple[float, float]:
        return ends(numbers[f"trained-spent-{task}-{network}-{arm}-{against}"])

    for task in ("spoken-digits", "spoken-words"):  # "deltas are for speech"
        assert spent(task, "small", "deltas", "colour")[0] > 0
        assert spent(task, "neuron", "deltas")[0] > 0
        for arm in ("wreath", "spire"):  # "and pays for it on digits and words"
            assert spent(task, "small", arm)[1] < 0
    assert spent("spoken-words", "small", "deltas")[0] > 0
    low, high = spent("spoken-digits", "small", "deltas")
    assert low < 0 < high  # "nothing that is settled on digits"
    assert spent("textures", "small", "deltas")[1] < 2  # "they give nothing"
    assert (
        spent("textures", "neuron", "ranges")[0]
        > 0
        > spent("textures", "neuron", "ranges", "colour")[1]
    )
    assert spent("spoken-words", "neuron", "ranges", "colour")[0] > 0
    for network in ("neuron", "small"):  # "It does not"
        assert spent("chirps", network, "ramp")[0] <= 0
    for arm in ("wreath", "spire"):  # "where the usual maps gain less"
        assert spent("textures", "neuron", arm, "colour")[0] > 0
        for task in ("instruments", "spoken-digits", "spoken-words"):  # "buy nothing"
            assert spent(task, "small", arm)[0] <= 0


def test_what_larger_nets_do_as_the_small_one(numbers: dict[str, Any]) -> None:
    def hits(name: str) -> tuple[int, int]:
        right, _ = numbers[f"contrast-larger-{name}-hits"]
        return right, numbers[f"contrast-larger-{name}-frequent"]

    for name in ("contrast", "place"):
        right, frequent = hits(name)
        assert right >= frequent and "worse in none" in numbers[f"contrast-larger-{name}-tally"]
    right, frequent = hits("colour")
    assert right <= frequent
    assert "worse in none" in numbers["contrast-larger-colour-tally"]
    assert max(numbers["contrast-larger-colour-gains"]) < 1  # point: where it is surely better
