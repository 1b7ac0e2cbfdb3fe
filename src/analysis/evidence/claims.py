"""The claims of the thread, as data: what each says, who said it, and what decides it.

A claim has one *primary* estimand, stated here before any run: its verdict is the claim's. Whatever
else chapters record about it scopes the answer ("for trees", "saved as JPEG") and does not dilute
it. Begin with `CLAIMS`; `verdict_of` reads the answer off what chapters recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Who speaks in Cross Validated 559009, by the letter of the claim.
SAID_BY = {
    "Q": "the question",
    "A": "the first answer",
    "B": "the second answer",
    "C": "the third answer",
    "D": "a comment",
}


@dataclass(frozen=True)
class Claim:
    """A claim in our words, of at most twelve each, so that the ledger is read at a glance."""

    text: str
    estimand: str  # what is proved, counted or measured to decide it
    #: which recorded verdict is the primary one
    chapter: str
    part: str = ""


CLAIMS: Mapping[str, Claim] = {
    "Q1": Claim(
        "The conversion to a colour-mapped picture adds no information.",
        "information on the class in a pixel's colour, less that in its level",
        "saved-as-rgb",
    ),
    "Q2": Claim(
        "It makes the result depend on the choice of colormap.",
        "test accuracy under one usual colormap less another's, nets from scratch",
        "trained-comparisons",
        "small nets, trained from scratch",
    ),
    "Q3": Claim(
        "Splitting into colour channels breaks spatial dependence.",
        "information that neighbours share: the channels together, less the level",
        "channel-filters",
    ),
    "Q4": Claim(
        "Saving as an image compresses: 1356×1071 to 32×32 is never lossless.",
        "numbers before and after, counted; error left by the best linear map",
        "saved-as-rgb",
        "resizing",
    ),
    "Q5": Claim(
        "Values are always mapped to pixels, even without a colormap.",
        "accuracy under one range for all pictures, less one range for each",
        "saved-as-rgb",
    ),
    "Q6": Claim(
        "Equal channels are redundant; a colormap is not, bad ones hurt.",
        "patterns of one neuron on R = G = B and on each colormap, against gray's",
        "single-pixel",
        "proof on one pixel",
    ),
    "Q7": Claim(
        "Pretraining, and nets made for RGB, explain the effect trivially.",
        "colour less gray in a pretrained net, less the same in random nets, by task",
        "transfer-learning",
    ),
    "A1": Claim(
        "A colormap is a fixed layer of ReLU neurons.",
        "levels whose bytes a ReLU layer fails to give, over all colormaps",
        "relu-colormap",
    ),
    "A2": Claim(
        "viridis is like three piecewise-linear functions.",
        "fewest pieces of R, G and B together within half a unit of viridis",
        "relu-colormap",
    ),
    "A3": Claim(
        "The colormap adds depth and width to the net.",
        "layers and neurons of the gray net that computes the same",
        "relu-colormap",
    ),
    "A4": Claim(
        "Three copies of the channel act like an ensemble, trees included.",
        "accuracy of three copies less one channel, beside an ensemble of three nets",
        "trained-comparisons",
        "nets",
    ),
    "A5": Claim(
        "One step neuron fed RGB makes patterns gray cannot: high-or-low.",
        "bands of levels that one step neuron makes on a colormap and not on gray",
        "single-pixel",
    ),
    "A6": Claim(
        "More neurons or another layer do the same without RGB.",
        "hidden step neurons on gray that make each pattern of levels",
        "single-pixel",
        "one pixel",
    ),
    "A7": Claim(
        "A colormap hard-codes a split: shadows, middle tones, highlights.",
        "distance of the best two knots of viridis from equal thirds",
        "relu-colormap",
    ),
    "A8": Claim(
        "A colormap is regularised, pre-trained human knowledge.",
        "loss behind frozen viridis less that behind a frozen random map of its size",
        "relu-colormap",
        "a colormap in front of a linear layer",
    ),
    "A9": Claim(
        "So under a limited model, RGB can be proved better.",
        "patterns of one step neuron on a colormap that include all of gray's",
        "single-pixel",
    ),
    "B1": Claim(
        "ImageNet's weights beat random ones on noisy spectrograms.",
        "R² for chirps in noise of nets trained from ImageNet's weights, less from random",
        "transfer-learning",
    ),
    "B2": Claim(
        "For pretrained nets, colour beats gray scaled to 0–1.",
        "R² for chirps in noise, mean of usual colormaps less gray, both fed 0–1",
        "transfer-learning",
        "frozen, gray and colour fed 0–1",
    ),
    "C1": Claim(
        "Colormapping is nonlinear filtering: red of turbo or jet is peaks.",
        "energy at spatial frequencies that the gray picture does not have",
        "channel-filters",
        "nonlinear filtering",
    ),
    "C2": Claim(
        "turbo is preferable to jet, and that is not arbitrary.",
        "evenness, ripples and turns of lightness, turbo against jet",
        "channel-filters",
        "for the eye",
    ),
    "C3": Claim(
        "Subsampling by hop aliases; decimation or an image codec compresses better.",
        "log-spectral error at equal numbers or bytes, less that of the hop",
        "compression",
    ),
    "C4": Claim(
        "JPEG is a highly effective autoencoder.",
        "error at equal bytes as a multiple of that of trained codes of its blocks",
        "jpeg-autoencoder",
        "gray",
    ),
    "C5": Claim(
        "Nets trained on images can be detrimental for spectrograms.",
        "score off a frozen pretrained net, less off random nets and off the bare pixels",
        "transfer-learning",
    ),
    "C6": Claim(
        "What a spectrogram loses can be measured.",
        "rank correlation of each distance with the bytes saved",
        "compression",
    ),
    "D1": Claim(
        "Duplicating the input or growing the model does as much.",
        "accuracy of copies and of grown nets on raw, less that on a colormap",
        "trained-comparisons",
        "small nets, trained from scratch",
    ),
    "D2": Claim(
        "The time axis may be compressed, unsafely, a thousandfold.",
        "finding a millisecond's burst after decibels are averaged a thousandfold",
        "compression",
    ),
    "D3": Claim(
        "The conversion depends strongly on the colormap: the fuss over jet.",
        "ratio of a net's predicted learning speeds over the usual colormaps",
        "intensity-kernel",
        "learning speed",
    ),
}


def verdict_of(claim: str, recorded: Mapping[tuple[str, str], str]) -> str:
    """Verdict on a claim: its primary one; ``"open"`` where that is not recorded, whatever else is.

    `recorded` maps (chapter, part) to the verdicts of this claim.

    >>> verdict_of("A6", {("single-pixel", "one pixel"): "holds", ("x", "nets"): "fails"})
    'holds'
    >>> verdict_of("A6", {("x", "nets"): "fails"})
    'open'
    """
    return recorded.get((CLAIMS[claim].chapter, CLAIMS[claim].part), "open")
