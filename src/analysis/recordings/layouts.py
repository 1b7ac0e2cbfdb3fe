"""Tells classes, splits and folds from where files lie: paths alone, nothing is opened.

Folders that hold classes also hold other levels: an outer folder of the same name, ``train`` and
``test``, ``fold1 … fold10``. `arrange` takes them off, one after the other, and what is left of a
path begins with its class. Whatever it takes for granted is told in `Layout.notes`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.reading.untrusted import shown
from analysis.recordings.items import DataError, counted, plain
from analysis.recordings.schemes import scheme_of

Parts = tuple[str, ...]

#: What systems leave behind in folders, in small letters; names with a dot in front come on top.
LITTER = {
    *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "lost+found", "__pycache__"),
    *("__macosx", "@eadir", "@recycle", "#recycle", "#snapshot", "__pypackages__"),
}

#: Words for the parts of a split set.
_WORDS = {
    "train": {"train", "training", "trn", "trainset", "trainingset", "traindata"},
    "validation": {"val", "valid", "validation", "dev", "development", "validationset", "valset"},
    "test": {"test", "testing", "tst", "testset", "testdata", "eval", "evaluation", "holdout"},
}
_ROLES = {word: role for role, words in _WORDS.items() for word in words}
_FILLERS = {"set", "data", "split", "audio", "wav", "files", "images", "spectrograms", "clips"}

#: A folder of noise to be mixed in, which is no class (Speech Commands).
BACKGROUND = "_background_noise_"

_OVERRULE = "If that is wrong, tell by --classes which part of the path is the class."


def is_litter(name: str) -> bool:
    """Tell whether a system left a file or folder behind, and nobody put it there.

    >>> [is_litter(name) for name in ("$RECYCLE.BIN", "._a.wav", "dog")]
    [True, True, False]
    """
    return name.startswith(".") or name.lower() in LITTER


def role_of(name: str) -> str:
    """Part of a split set that a name means: "train", "validation" or "test"; "" if none.

    >>> [role_of(name) for name in ("Training", "audio_test", "valid", "trains")]
    ['train', 'test', 'validation', '']
    """
    words = [word for word in re.split(r"[ _.\-]+", plain(name)) if word not in _FILLERS | {""}]
    return _ROLES.get(words[0], "") if len(words) == 1 else ""


def fold_of(name: str) -> str:
    """Fold of a cross-validation that a name means; "" if none.

    >>> fold_of("Fold_03"), fold_of("cv 2"), fold_of("7")
    ('fold 3', 'fold 2', '')
    """
    found = re.fullmatch(r"(?:cv|fold)[ _-]*(\d{1,3})", plain(name).strip())
    return f"fold {int(found[1])}" if found else ""


def sides(roles: Sequence[str]) -> list[str]:
    """Side of a split, "train" or "test", that each part of a set is on.

    Validation parts join the training where there is a test part, and are the test where there is
    none.

    >>> sides(["train", "validation", "test"]), sides(["train", "validation"])
    (['train', 'train', 'test'], ['train', 'test'])
    """
    validation = "train" if "test" in roles else "test"
    return [validation if role == "validation" else role for role in roles]


@dataclass(frozen=True)
class Layout:
    """What paths tell of files; one entry a file."""

    #: labels, groups, splits: class, fold, and "train" or "test"; "" where the path does not tell
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    splits: tuple[str, ...]
    reasons: tuple[str, ...]  # why a file has no class; "" if it has one
    notes: tuple[str, ...]  # what was taken for granted


class _Levels:
    """Paths, and what was taken off them so far."""

    def __init__(self, files: Sequence[Parts]) -> None:
        self.rest = list(files)
        self.roles = [""] * len(files)
        self.folds = [""] * len(files)
        self.reasons = ["lies in no subfolder, so it has no class"] * len(files)
        self.labels = [""] * len(files)
        self.notes: list[str] = []
        self.folders: list[str] = []  # that hold a split or folds
        self.wrappers: list[str] = []  # that hold everything
        for i, parts in enumerate(files):
            if BACKGROUND in map(plain, parts[:-1]):
                self.drop(i, "noise to be mixed in, which is no class")

    def drop(self, i: int, reason: str) -> None:
        """Put a file aside."""
        self.rest[i], self.reasons[i] = (), reason

    def names(self, level: int) -> list[str]:
        """Return the folders at a level of what is left of the paths."""
        return sorted({parts[level] for parts in self.rest if len(parts) > level + 1})

    def below(self, folder: str) -> set[str]:
        """Return the folders in a folder, as they are compared."""
        inside = [parts for parts in self.rest if len(parts) > 2 and parts[0] == folder]
        return {plain(parts[1]).strip() for parts in inside}

    def take_off(self, level: int) -> None:
        """Take a level off all paths that have it."""
        for i, parts in enumerate(self.rest):
            if len(parts) > level + 1:
                self.rest[i] = parts[:level] + parts[level + 1 :]

    def all_in(self, level: int) -> bool:
        """Whether every file that has a folder has one at this level."""
        return all(len(parts) > level + 1 for parts in self.rest if len(parts) > 1)


def arrange(files: Sequence[Parts]) -> Layout:
    """Tell classes, folds and splits from the places of files: paths in parts, in the data folder.

    DataError if there are splits or folds, and nothing tells the classes.

    >>> found = arrange([("fold1", "dog", "a.wav"), ("fold2", "cat", "b.wav")])
    >>> found.labels, found.groups
    (('dog', 'cat'), ('fold 1', 'fold 2'))
    """
    levels = _Levels(files)
    while _unwrapped(levels) or _split_taken(levels, 0) or _folds_taken(levels, 0):
        pass
    _split_taken(levels, 1)  # CLASS/train/…
    _folds_taken(levels, 1)
    for i, parts in enumerate(levels.rest):
        if len(parts) > 1:
            levels.labels[i] = parts[0]
    if len(set(levels.labels) - {""}) < 2:
        _named_as_in_known_sets(levels)
    if levels.wrappers and any(levels.labels):
        inside = shown("/".join(levels.wrappers))
        levels.notes.append(f"All lies in {inside}, so the classes are the folders in it.")
    reasons = [
        "" if label else why for label, why in zip(levels.labels, levels.reasons, strict=True)
    ]
    notes = list(levels.notes)
    splits = _settled(levels, notes)
    if any(levels.roles + levels.folds) and not any(levels.labels):
        raise DataError(_refused(levels))
    return Layout(tuple(levels.labels), tuple(levels.folds), splits, tuple(reasons), tuple(notes))


def _unwrapped(levels: _Levels) -> bool:
    """Take off a folder that holds all the others."""
    folders = levels.names(0)
    if len(folders) != 1 or not levels.below(folders[0]):
        return False
    levels.wrappers += folders
    levels.take_off(0)
    return True


def _split_taken(levels: _Levels, level: int) -> bool:
    """Take off a level of folders that are called train, test and the like."""
    folders = levels.names(level)
    roles = {folder: role for folder in folders if (role := role_of(folder))}
    if any(levels.roles) or not {"train"} < set(roles.values()) or not levels.all_in(level):
        return False
    others = set(folders) - set(roles)
    if others:  # classes may be called train, and even train and test
        if level or not _same_classes(levels, roles):
            return False
        beside = " and ".join(sorted(roles))
        for i, parts in enumerate(levels.rest):
            if len(parts) > 1 and parts[0] in others:
                levels.drop(i, f"lies beside {beside}, which hold the set")
    for i, parts in enumerate(levels.rest):
        if len(parts) > level + 1:
            levels.roles[i] = roles[parts[level]]
    levels.folders += sorted(roles)
    levels.take_off(level)
    return True


def _same_classes(levels: _Levels, roles: dict[str, str]) -> bool:
    """Whether the folders below training are, for the most part, those below the other parts."""
    training = set().union(*(levels.below(f) for f, role in roles.items() if role == "train"))
    others = set().union(*(levels.below(f) for f, role in roles.items() if role != "train"))
    return len(training & others) >= 2


def _folds_taken(levels: _Levels, level: int) -> bool:
    """Take off a level of folders that are called fold1, fold2 and the like."""
    folders = levels.names(level)
    folds = {folder: fold_of(folder) for folder in folders}
    if any(levels.folds) or len(folds) < 2 or not all(folds.values()) or not levels.all_in(level):
        return False
    for i, parts in enumerate(levels.rest):
        if len(parts) > level + 1:
            levels.folds[i] = folds[parts[level]]
    folders.sort(key=lambda folder: int(folds[folder].split()[1]))
    levels.folders += folders
    levels.take_off(level)
    levels.notes.append(
        f"{_listed(folders)} are taken for folds, not for classes: each is a group, which is never "
        f"in training and test at once. {_OVERRULE}"
    )
    return True


def _named_as_in_known_sets(levels: _Levels) -> None:
    """Read classes from names as known sets write them; and groups, unless folders are folds."""
    kept = [i for i, parts in enumerate(levels.rest) if parts]
    known = scheme_of([levels.rest[i][-1] for i in kept])
    if known is None:
        return
    scheme, found = known
    for i, one in zip(kept, found, strict=True):
        if one:
            levels.labels[i] = scheme.label(one)
            levels.folds[i] = levels.folds[i] or one["group"]
        else:
            levels.reasons[i] = f"its name is not one of {scheme.title}'s, so it has no class"
    over = " The folders are folds, and stay the groups." if levels.folders else ""
    levels.notes.append(f"File names are those of {scheme.title}: {scheme.told}.{over} {_OVERRULE}")


def _settled(levels: _Levels, notes: list[str]) -> tuple[str, ...]:
    """Sides of the split; none, if one of them is without a class."""
    found = [role if label else "" for role, label in zip(levels.roles, levels.labels, strict=True)]
    chosen = sides(found)
    if not any(levels.roles):
        return tuple(chosen)
    told = _listed(sorted(set(levels.folders) & {f for f in levels.folders if role_of(f)}))
    if not {"train", "test"} <= set(chosen):
        notes.append(f"{told} are not taken for classes; only one of them has any, so no split.")
        return ("",) * len(chosen)
    validation = {side for side, role in zip(chosen, found, strict=True) if role == "validation"}
    joined = "; the validation part joins the training" if validation == {"train"} else ""
    notes.append(f"{told} are taken for a given split, not for classes{joined}. {_OVERRULE}")
    return tuple(chosen)


def _refused(levels: _Levels) -> str:
    what = "folds of a cross-validation" if any(levels.folds) else "the parts of a split set"
    return (
        f"{_listed(levels.folders)} look like {what}, not like classes, and nothing in them tells "
        "the classes: put the files of each class into a subfolder, name file and label in a "
        "metadata.csv, or tell by --classes which part of the path is the class."
    )


def _listed(names: Sequence[str]) -> str:
    """Name a few folders."""
    some = [shown(name) for name in names]
    if len(some) > 4:
        return f"{some[0]}, {some[1]} … {some[-1]} ({counted(len(some), 'folder')})"
    return ", ".join(some[:-1]) + " and " + some[-1] if len(some) > 1 else some[0]
