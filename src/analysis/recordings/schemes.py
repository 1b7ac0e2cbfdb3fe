"""Names of files in known sets, which tell the class where no folder and no table does.

Sets are often unpacked without their table (``audio/`` of ESC-50), or have none: a file's name says
all. Whatever is read from names is a guess; `analysis.recordings.layouts` tells it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: What names tell is believed if it is so large a share of them that tells it.
NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Scheme:
    """How a set names its files."""

    title: str
    pattern: re.Pattern[str]  # with ``label``, and ``group``: what may not be on both sides
    told: str  # which part is which, for the reader
    labels: Mapping[str, str]  # of what ``label`` matches; what is not in it is the label itself

    def label(self, found: re.Match[str]) -> str:
        """Name the class of a file."""
        return self.labels.get(found["label"].upper(), found["label"])


def _numbered(*names: str) -> dict[str, str]:
    return {str(number): name for number, name in enumerate(names)}


#: Sets whose files' names tell the class.
SCHEMES = (
    Scheme(
        "UrbanSound8K",
        re.compile(r"(?P<group>\d+)-(?P<label>\d)-\d+-\d+\.\w+"),
        "the second number is taken for the class, the first, which is the recording, for the "
        "group",
        _numbered(
            *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
            *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
        ),
    ),
    Scheme(
        "ESC-50",
        re.compile(r"(?P<group>[1-5])-\d+-[A-Z]-(?P<label>[1-4]?\d)\.\w+"),
        "the last number is taken for the class, the first, which is the fold, for the group",
        _numbered(
            *("dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow"),
            *("rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds", "water_drops"),
            *("wind", "pouring_water", "toilet_flush", "thunderstorm", "crying_baby", "sneezing"),
            *("clapping", "breathing", "coughing", "footsteps", "laughing", "brushing_teeth"),
            *("snoring", "drinking_sipping", "door_wood_knock", "mouse_click", "keyboard_typing"),
            *("door_wood_creaks", "can_opening", "washing_machine", "vacuum_cleaner"),
            *("clock_alarm", "clock_tick", "glass_breaking", "helicopter", "chainsaw", "siren"),
            *("car_horn", "engine", "train", "church_bells", "airplane", "fireworks", "hand_saw"),
        ),
    ),
    Scheme(
        "RAVDESS",
        re.compile(r"0[1-3]-0[12]-(?P<label>0[1-8])-0[12]-0[12]-0[12]-(?P<group>\d\d)\.\w+"),
        "the third number, the emotion, is taken for the class, the last, the actor, for the group",
        {
            f"0{number}": name
            for number, name in enumerate(
                ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), 1
            )
        },
    ),
    Scheme(
        "CREMA-D",
        re.compile(
            r"(?P<group>1\d{3})_[A-Z]{3}_(?P<label>ANG|DIS|FEA|HAP|NEU|SAD)_[A-Z]{2}\.\w+", re.I
        ),
        "the third part, the emotion, is taken for the class, the first, the actor, for the group",
        dict(
            zip(
                ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
                ("anger", "disgust", "fear", "happy", "neutral", "sad"),
                strict=True,
            )
        ),
    ),
    Scheme(
        "the Free Spoken Digit Dataset",
        re.compile(r"(?P<label>\d)_(?P<group>[a-z]+)_\d+\.\w+"),
        "the first number is taken for the class, the name for the group",
        {},
    ),
)


def scheme_of(names: Sequence[str]) -> tuple[Scheme, list[re.Match[str] | None]] | None:
    """Find the set that names its files like these, and what each name matches; None if none does.

    >>> scheme, found = scheme_of(["1-100032-A-0.wav", "5-9032-A-0.wav"])
    >>> scheme.title, scheme.label(found[0]), found[0]["group"]
    ('ESC-50', 'dog', '1')
    """
    for scheme in SCHEMES:
        found = [scheme.pattern.fullmatch(name) for name in names]
        if names and sum(one is not None for one in found) >= NEARLY_ALL * len(names):
            return scheme, found
    return None
